"""Connections: the life of each stored authorization, read from its token's item in the SellingPartners table."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any, Self

from boto3.dynamodb.conditions import Attr

from quickstart import paging
from quickstart.dynamodb import DamagedItemError, Item, Table, has_value, reading_item
from quickstart.times import calculable, to_text
from quickstart.token_vault import ITEM_PREFIX, find_token_item, region_code_of, token_items, token_key
from sp_api.regions import Region
from sp_api.wire import optional_text, text

# A selling partner authorizes a public application for a year ("Renew authorizations" in SP-API's docs).
CONSENT_LIFETIME = timedelta(days=365)
# A connection is reported when so many days are left, the longest first.
NOTICE_DAYS = (65, 30, 14, 3)


class ConnectionState(StrEnum):
    """What a person has to do about a connection."""

    CONNECTED = "CONNECTED"
    RENEW_SOON = "RENEW_SOON"
    RECONNECT_NEEDED = "RECONNECT_NEEDED"


class Change(StrEnum):
    """What happened to a connection, as its events say."""

    CONNECTED = "CONNECTED"
    RENEWED = "RENEWED"
    RENEW_SOON = "RENEW_SOON"
    RECONNECT_NEEDED = "RECONNECT_NEEDED"
    LEFT = "LEFT"
    REFUSED = "REFUSED"


@dataclass(frozen=True)
class Connection:
    """A stored refresh token without the token.

    One that was stored by POST /tokens has no consent. `reconnect_since` is set while LWA refuses the token;
    `notice_days` is the last report of its end.
    """

    seller_id: str
    region_code: str
    party: str | None = None
    host_reference: str | None = None
    authorization_id: str | None = None
    stored_at: str | None = None
    consented_at: datetime | None = None
    worked_at: str | None = None
    reconnect_since: str | None = None
    notice_days: int | None = None

    @classmethod
    def from_item(cls, item: Item) -> Self:
        """Raises DamagedItemError."""
        with reading_item(f"{item.get('Item')} of {item.get('SellerId')}"):
            notice = item.get("NoticeDays")
            return cls(
                seller_id=text(item, "SellerId"),
                region_code=region_code_of(item),
                party=optional_text(item, "PartyType"),
                host_reference=optional_text(item, "HostReference"),
                authorization_id=optional_text(item, "AuthorizationId"),
                stored_at=optional_text(item, "StoredAt"),
                consented_at=_consented_at(item),
                worked_at=optional_text(item, "WorkedAt"),
                reconnect_since=optional_text(item, "ReconnectSince"),
                notice_days=None if notice is None else int(notice),
            )

    @property
    def ends_at(self) -> datetime | None:
        """When the consent ends; None where no consent is known."""
        return None if self.consented_at is None else self.consented_at + CONSENT_LIFETIME

    def days_left(self, now: datetime) -> int | None:
        """Whole days until the consent ends, 0 at least."""
        return None if self.ends_at is None else max((self.ends_at - now).days, 0)

    def state(self, now: datetime) -> ConnectionState:
        if self.reconnect_since is not None:
            return ConnectionState.RECONNECT_NEEDED
        days = self.days_left(now)
        return ConnectionState.RENEW_SOON if days is not None and days <= NOTICE_DAYS[0] else ConnectionState.CONNECTED

    def notice_due(self, now: datetime) -> int | None:
        """The notice whose time has come and that was not given yet: the smallest of NOTICE_DAYS that fits."""
        days = self.days_left(now)
        if days is None or self.reconnect_since is not None:
            return None
        due = min((notice for notice in NOTICE_DAYS if days <= notice), default=None)
        return due if due is not None and (self.notice_days is None or due < self.notice_days) else None

    def described(self, now: datetime) -> Mapping[str, object]:
        """One entry of GET /authorizations."""
        return {
            "sellerId": self.seller_id,
            "regionCode": self.region_code,
            "partyType": self.party,
            "hostReference": self.host_reference,
            "authorizationId": self.authorization_id,
            "state": self.state(now),
            "consentedAt": to_text(self.consented_at),
            "endsAt": to_text(self.ends_at),
            "daysLeft": self.days_left(now),
            "workedAt": self.worked_at,
            "reconnectSince": self.reconnect_since,
        }


@dataclass(frozen=True)
class ConnectionPage:
    """Some connections, and where the next page begins."""

    connections: tuple[Connection, ...]
    next_token: str | None

    def described(self, now: datetime) -> Mapping[str, object]:
        """The answer of GET /authorizations."""
        more = {} if self.next_token is None else {"nextToken": self.next_token}
        return {"connections": [connection.described(now) for connection in self.connections], **more}


@dataclass(frozen=True)
class Connections:
    """All connections, in the SellingPartners table."""

    table: Table
    now: Callable[[], datetime] = lambda: datetime.now(UTC)

    def find(self, seller_id: str, region: Region) -> Connection | None:
        """The seller's connection in this region, or the one that serves every region."""
        item = find_token_item(self.table, seller_id, region)
        return None if item is None else Connection.from_item(item)

    def of_seller(self, seller_id: str, state: ConnectionState | None = None) -> ConnectionPage:
        """All connections of a seller, at most one for each region and one for every region."""
        return ConnectionPage(self._in_state(token_items(self.table, seller_id), state), None)

    def page(self, limit: int, after: Mapping[str, str] | None, state: ConnectionState | None = None) -> ConnectionPage:
        """Connections in no order; a page may hold fewer than `limit` though more follow."""
        items, last = self.table.page(limit=limit, after=after, condition=Attr("Item").begins_with(ITEM_PREFIX))
        next_token = None if last is None else paging.token({k: str(v) for k, v in last.items()})
        return ConnectionPage(self._in_state(items, state), next_token)

    def review(self) -> Mapping[str, int]:
        """Announces consents that expire soon: sets NoticeDays on the item of each.

        Returns {"connections", "notices"}: the number of connections, and of those announced. The table's stream makes
        an event of each change, so that no event is lost or sent twice. Raises DamagedItemError after all other
        connections are done.
        """
        now = self.now()
        seen = noticed = 0
        damaged: DamagedItemError | None = None
        for item in self.table.scan(Attr("Item").begins_with(ITEM_PREFIX)):
            try:
                connection = Connection.from_item(item)
            except DamagedItemError as error:
                damaged = error
                continue
            seen += 1
            due = connection.notice_due(now)
            if due is not None and self._notice(connection, due):
                noticed += 1
        if damaged is not None:
            raise damaged
        return {"connections": seen, "notices": noticed}

    def _in_state(self, items: Iterable[Item], state: ConnectionState | None) -> tuple[Connection, ...]:
        now = self.now()
        found = (Connection.from_item(item) for item in items)
        return tuple(connection for connection in found if state in (None, connection.state(now)))

    def _notice(self, connection: Connection, days: int) -> bool:
        """False when the token was replaced meanwhile."""
        return self.table.update(
            token_key(connection.seller_id, connection.region_code),
            {"NoticeDays": days},
            condition=has_value("StoredAt", connection.stored_at),
        )


def _consented_at(item: Item) -> datetime | None:
    """Raises ValueError for a time that somebody changed to what is none."""
    stored = item.get("ConsentedAt")
    time = calculable(stored)
    if stored is not None and time is None:
        raise ValueError("ConsentedAt")
    return time


def change_between(old: Connection | None, new: Connection | None) -> Change | None:
    """The change between two states of one item; None if it needs no report."""
    if old is None or new is None:
        return Change.CONNECTED if old is None else Change.LEFT
    if old.stored_at != new.stored_at:
        return Change.RENEWED if old.reconnect_since is None else Change.CONNECTED
    if old.reconnect_since is None and new.reconnect_since is not None:
        return Change.RECONNECT_NEEDED
    if old.reconnect_since is not None and new.reconnect_since is None:
        return Change.CONNECTED
    return Change.RENEW_SOON if new.notice_days is not None and old.notice_days != new.notice_days else None


def event_detail(change: Change, connection: Connection, now: datetime, **more: Any) -> Mapping[str, object]:
    """The event's detail: nothing of a token, its ciphertext, a code or a state."""
    return {
        "Change": change,
        "SellerId": connection.seller_id,
        "RegionCode": connection.region_code,
        "PartyType": connection.party,
        "HostReference": connection.host_reference,
        "AuthorizationId": connection.authorization_id,
        "ConsentedAt": to_text(connection.consented_at),
        "EndsAt": to_text(connection.ends_at),
        "DaysLeft": connection.days_left(now),
        **more,
    }
