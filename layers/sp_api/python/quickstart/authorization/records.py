"""Authorizations under way and their outcomes, in the Authorizations table."""

import hashlib
import hmac
import re
import secrets
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Self

from boto3.dynamodb.conditions import Attr

from quickstart.dynamodb import Item, Table, reading_item
from quickstart.refusals import Refusal
from quickstart.times import read_text, to_text
from sp_api.consent import PartyType
from sp_api.regions import Region
from sp_api.wire import MalformedError, optional_text, text

# The whole way through Amazon's pages must be done in this time ("Website authorization workflow" in SP-API's docs).
LIFETIME = timedelta(minutes=10)
# Finds the attempts of a selling partner that leaves.
SELLER_INDEX = "SellerIdIndex"
# How long the outcome can be read.
_KEPT = timedelta(days=30)
# Anybody can open the log-in URI, so an attempt that the host product does not continue is not kept for long.
_PARKED_KEPT = timedelta(days=1)
_SECRET_BYTES = 32
_STATE = re.compile(r"([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})\.([A-Za-z0-9_-]{43})")


class Status(StrEnum):
    """The status of an authorization. EXPIRED is never stored: it follows from the time."""

    PENDING = "PENDING"
    CONNECTED = "CONNECTED"
    REFUSED = "REFUSED"
    EXPIRED = "EXPIRED"


class Reason(StrEnum):
    """Why an authorization is REFUSED."""

    DIFFERENT_SELLING_PARTNER = "DifferentSellingPartner"
    CONNECTED_ELSEWHERE = "ConnectedElsewhere"
    CODE_REFUSED = "CodeRefused"
    APPLICATION_REFUSED = "ApplicationRefused"
    AMAZON_UNAVAILABLE = "AmazonUnavailable"
    NOT_STORED = "NotStored"


class AuthorizationUnknownError(Refusal):
    """There is no authorization with this id, or its outcome is no longer kept."""

    status = 404
    code = "AuthorizationUnknown"
    field = "AuthorizationId"

    def __init__(self) -> None:
        super().__init__("AuthorizationId: there is no such authorization, or it ended more than 30 days ago")


@dataclass(frozen=True)
class Parked:
    """What Amazon sent to the log-in URI: where the browser must return to, and for which selling partner."""

    callback_uri: str
    amazon_state: str = field(repr=False)


@dataclass(frozen=True)
class Authorization:
    """One attempt to connect a selling partner.

    `seller_id` is the selling partner that it must be, where that is known beforehand. Otherwise it is the one that the
    browser brought, once the state is used, unless that one is refused. `seller_named` says that the host product named
    it. `browser_hash` binds an attempt that came by way of the log-in URI to its browser. `continues` is the attempt
    that the host product started and that this one finishes.
    """

    authorization_id: str
    region: Region
    party: PartyType
    expires_at: datetime
    created_at: datetime
    redirect_uri: str
    status: Status = Status.PENDING
    beta: bool = False
    host_reference: str | None = None
    return_url: str | None = None
    seller_id: str | None = None
    reason: str | None = None
    state_hash: str | None = None
    browser_hash: str | None = None
    used_at: str | None = None
    continues: str | None = None
    parked: Parked | None = None
    seller_named: bool = False

    def status_at(self, now: datetime) -> Status:
        """PENDING becomes EXPIRED with time."""
        return Status.EXPIRED if self.status is Status.PENDING and self.expires_at <= now else self.status

    def has_state(self, secret_hash: str) -> bool:
        """Whether this is the hash of the state that was given out, compared in constant time."""
        return _same(self.state_hash or "", secret_hash)

    def is_of_browser(self, cookie: str) -> bool:
        """Whether the browser with this cookie may finish it."""
        return self.browser_hash is None or _same(self.browser_hash, hashed(cookie))

    def to_item(self) -> Item:
        return {
            **_key(self.authorization_id),
            "RegionCode": self.region,
            "PartyType": self.party,
            "StateEndsAt": to_text(self.expires_at),
            "CreatedAt": to_text(self.created_at),
            "RedirectUri": self.redirect_uri,
            "Status": self.status,
            "Beta": self.beta,
            "HostReference": self.host_reference,
            "ReturnUrl": self.return_url,
            "SellerId": self.seller_id,
            "SellerNamed": self.seller_named,
            "StateHash": self.state_hash,
            "BrowserHash": self.browser_hash,
            "Continues": self.continues,
            "AmazonCallbackUri": self.parked.callback_uri if self.parked else None,
            "AmazonState": self.parked.amazon_state if self.parked else None,
            "ExpiresAt": self.deleted_at(_PARKED_KEPT if self.state_hash is None else _KEPT),
        }

    def deleted_at(self, kept: timedelta = _KEPT) -> int:
        """As DynamoDB's time to live needs it: seconds since 1970."""
        return int((self.created_at + kept).timestamp())

    @classmethod
    def from_item(cls, item: Item) -> Self:
        """Raises DamagedItemError."""
        with reading_item(f"authorization {item.get('AuthorizationId')}"):
            came_from = "AmazonCallbackUri"
            parked = Parked(text(item, came_from), text(item, "AmazonState")) if came_from in item else None
            return cls(
                authorization_id=text(item, "AuthorizationId"),
                region=Region(item["RegionCode"]),
                party=PartyType(item["PartyType"]),
                expires_at=read_text(item["StateEndsAt"]),
                created_at=read_text(item["CreatedAt"]),
                redirect_uri=text(item, "RedirectUri"),
                status=Status(item["Status"]),
                beta=_flag(item, "Beta"),
                host_reference=optional_text(item, "HostReference"),
                return_url=optional_text(item, "ReturnUrl"),
                seller_id=optional_text(item, "SellerId"),
                reason=optional_text(item, "Reason"),
                state_hash=optional_text(item, "StateHash"),
                browser_hash=optional_text(item, "BrowserHash"),
                used_at=optional_text(item, "UsedAt"),
                continues=optional_text(item, "Continues"),
                parked=parked,
                seller_named=_flag(item, "SellerNamed"),
            )


@dataclass(frozen=True)
class State:
    """A state parameter: it names its authorization, and its 256 random bits are known to one browser only."""

    authorization_id: str
    secret_hash: str


def _flag(item: Item, name: str) -> bool:
    value = item[name]
    if not isinstance(value, bool):
        raise MalformedError(f"{name} is neither true nor false")
    return value


def _same(stored: str, given: str) -> bool:
    """In constant time, and of any characters."""
    return hmac.compare_digest(stored.encode(), given.encode())


def _key(authorization_id: str) -> Mapping[str, str]:
    return {"AuthorizationId": authorization_id}


def new_secret() -> str:
    """256 random bits as 43 characters that fit a URL and a cookie."""
    return secrets.token_urlsafe(_SECRET_BYTES)


def hashed(secret: str) -> str:
    """How secrets are stored: 256 random bits need no salt."""
    return hashlib.sha256(secret.encode()).hexdigest()


def state_text(authorization_id: str, secret: str) -> str:
    return f"{authorization_id}.{secret}"


def read_state(text: str) -> State | None:
    """None for a text that `state_text` never wrote."""
    found = _STATE.fullmatch(text)
    return None if found is None else State(found[1], hashed(found[2]))


@dataclass(frozen=True)
class Authorizations:
    """The table, one item for each attempt."""

    table: Table
    now: Callable[[], datetime] = lambda: datetime.now(UTC)

    def begin(
        self,
        region: Region,
        party: PartyType,
        redirect_uri: str,
        *,
        beta: bool,
        secret: str | None = None,
        host_reference: str | None = None,
        return_url: str | None = None,
        seller_id: str | None = None,
        browser: str | None = None,
        parked: Parked | None = None,
    ) -> Authorization:
        """Records an attempt before the browser leaves. Without a secret nothing can be finished with it yet."""
        now = self.now()
        begun = Authorization(
            authorization_id=str(uuid.uuid4()),
            region=region,
            party=party,
            expires_at=now + LIFETIME,
            created_at=now,
            redirect_uri=redirect_uri,
            beta=beta,
            host_reference=host_reference,
            return_url=return_url,
            seller_id=seller_id,
            seller_named=seller_id is not None and parked is None,
            state_hash=hashed(secret) if secret else None,
            browser_hash=hashed(browser) if browser else None,
            parked=parked,
        )
        self.table.put(begun.to_item())
        return begun

    def find(self, authorization_id: str) -> Authorization | None:
        item = self.table.get(_key(authorization_id))
        return None if item is None else Authorization.from_item(item)

    def get(self, authorization_id: str) -> Authorization:
        """Raises AuthorizationUnknownError."""
        found = self.find(authorization_id)
        if found is None:
            raise AuthorizationUnknownError
        return found

    def give_state(
        self,
        authorization: Authorization,
        secret: str,
        host_reference: str | None,
        return_url: str | None,
        continues: Authorization | None,
    ) -> bool:
        """Binds a state to a parked attempt, in place of an earlier one; False when that was used already."""
        return self.table.update(
            _key(authorization.authorization_id),
            {
                "StateHash": hashed(secret),
                "HostReference": host_reference,
                "ReturnUrl": return_url,
                "Continues": continues.authorization_id if continues else None,
                "SellerNamed": continues is not None and continues.seller_named,
                "ExpiresAt": authorization.deleted_at(),
            },
            condition=Attr("UsedAt").not_exists() & Attr("Status").eq(Status.PENDING),
        )

    def use(self, authorization: Authorization, offered_id: str) -> bool:
        """Uses the state up, for the selling partner that the browser brings; False when it was used before, here or by
        a request at the same moment.
        """
        now = to_text(self.now())
        return self.table.update(
            _key(authorization.authorization_id),
            {"UsedAt": now, "SellerId": authorization.seller_id or offered_id},
            condition=Attr("StateHash").eq(authorization.state_hash)
            & Attr("UsedAt").not_exists()
            & Attr("Status").eq(Status.PENDING)
            & Attr("StateEndsAt").gt(now),
        )

    def end(
        self, authorization: Authorization, status: Status, seller_id: str | None, reason: Reason | None = None
    ) -> None:
        """Records the outcome, of the attempt that this one continues too.

        `authorization` is as it was before its state was used. An attempt that was deleted meanwhile, because its
        selling partner left, is not recorded again.
        """
        values = {"Status": status, "SellerId": seller_id, "Reason": reason}
        # A selling partner that was refused has nothing to do with this stack, so its id is not kept.
        refused = ("SellerId",) if seller_id is None and authorization.seller_id is None else ()
        for authorization_id in filter(None, (authorization.authorization_id, authorization.continues)):
            self.table.update(
                _key(authorization_id), values, remove=refused, condition=Attr("AuthorizationId").exists()
            )
