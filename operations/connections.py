"""What is known of the connections of sellers and vendors, in words for the operator."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from boto3.dynamodb.conditions import Attr

from operations.command import counted
from operations.stack import Stack
from quickstart.authorization.connections import NOTICE_DAYS, Connection
from quickstart.dynamodb import DamagedItemError, Table
from quickstart.token_vault import ITEM_PREFIX

# A renewal takes a person some days. Before that, the daily review's e-mails are enough.
URGENT = timedelta(days=NOTICE_DAYS[-2])
SOON = timedelta(days=NOTICE_DAYS[0] + 1)
# A review may be some hours late, and Lambda repeats a failed one twice.
MISSED = timedelta(days=2)
_SHOWN = 5
RENEW = "ask them to renew in Manage Your Apps (Seller Central, Vendor Central), or to press Authorize in your product"


@dataclass(frozen=True)
class Line:
    """What was found, and how to fix it. `later` says that the advice can wait."""

    state: str
    advice: str = ""
    later: bool = False


def read_connections(stack: Stack) -> tuple[list[Connection], list[DamagedItemError]]:
    """Every stored connection, and an error for each item that cannot be read. Raises what AWS raises."""
    table = Table(stack.client("dynamodb"), stack.outputs["SellingPartnersTableName"])
    found: list[Connection] = []
    damaged: list[DamagedItemError] = []
    for item in table.scan(Attr("Item").begins_with(ITEM_PREFIX)):
        try:
            found.append(Connection.from_item(item))
        except DamagedItemError as error:
            damaged.append(error)
    return found, damaged


def describe(connections: Sequence[Connection], now: datetime, *, by_consent: bool) -> Iterator[Line]:
    """How many connections there are, and each thing to do. `by_consent` is whether sellers connect themselves."""
    yield Line(f"{len(connections):,} stored" if connections else "none stored yet")
    refused = [connection for connection in connections if connection.reconnect_since is not None]
    if refused:
        ask = "ask them to press Authorize in your product, or " if by_consent else ""
        names = _listed(refused, lambda connection: f"since {(connection.reconnect_since or '')[:10]}")
        yield Line(
            f"{counted(len(refused), 'refresh token')} rejected by Login with Amazon: {names}",
            f"{ask}store a token that works with POST /tokens; if they have left, DELETE /tokens/{{sellerId}}: "
            "docs/authorization.md#the-life-of-a-connection",
        )
    ending = sorted(
        ((end, connection) for connection in connections if (end := _ends_soon(connection, now)) is not None),
        key=lambda pair: pair[0],
    )
    expired = [connection for end, connection in ending if end <= now]
    urgent = [connection for end, connection in ending if now < end <= now + URGENT]
    soon = [connection for end, connection in ending if end > now + URGENT]
    if expired:
        yield Line(f"{counted(len(expired), 'consent')} expired: {_listed(expired, _end)}", RENEW)
    if urgent:
        yield Line(f"{_end_within(urgent, URGENT)}: {_listed(urgent, _end)}", RENEW)
    if soon:
        yield Line(f"{_end_within(soon, timedelta(days=NOTICE_DAYS[0]))}: {_listed(soon, _end)}", RENEW, later=True)
    if by_consent and any(connection.notice_due(now - MISSED) is not None for connection in connections):
        yield Line(
            "the daily review did not announce consents that end soon",
            "make logs FUNCTION=SPAPIConnectionReview SINCE=3d shows why",
        )


def _ends_soon(connection: Connection, now: datetime) -> datetime | None:
    """The end if a renewal is the thing to do: a refused token is reported as such."""
    end = connection.ends_at
    return end if end is not None and end - now < SOON and connection.reconnect_since is None else None


def _end_within(connections: Sequence[Connection], time: timedelta) -> str:
    verb = "ends" if len(connections) == 1 else "end"
    return f"{counted(len(connections), 'consent')} {verb} within {time.days} days"


def _end(connection: Connection) -> str:
    end = connection.ends_at
    return "" if end is None else f"on {end:%Y-%m-%d}"


def _listed(connections: Iterable[Connection], when: Callable[[Connection], str]) -> str:
    texts = []
    for connection in connections:
        region = "every region" if connection.region_code == "*" else connection.region_code
        reference = f" ({connection.host_reference})" if connection.host_reference else ""
        texts.append(f"{connection.party or 'seller'} {connection.seller_id} in {region}{reference} {when(connection)}")
    more = [f"and {len(texts) - _SHOWN} more"] if len(texts) > _SHOWN else []
    return ", ".join([*texts[:_SHOWN], *more])
