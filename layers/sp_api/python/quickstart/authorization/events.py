"""Changes of connections: an event on the stack's bus, and an e-mail where a person must act."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from quickstart.announcing import put_event, send_email
from quickstart.authorization.connections import Change, Connection, change_between, event_detail
from quickstart.dynamodb import unmarshal
from quickstart.observability import logger
from quickstart.own_stack import OwnStack
from quickstart.token_vault import ITEM_PREFIX
from sp_api.errors import presentable
from sp_api.redaction import holds_secret
from sp_api.wire import text

if TYPE_CHECKING:
    from mypy_boto3_events import EventBridgeClient
    from mypy_boto3_sns import SNSClient

DETAIL_TYPE = "Connection Changed"


class UnreadableChangeError(ValueError):
    """The message is not a Connection Changed event."""


@dataclass(frozen=True)
class ConnectionEvents:
    """Reports changes of connections."""

    events: "EventBridgeClient"
    bus_name: str
    now: Callable[[], datetime] = lambda: datetime.now(UTC)

    def put(self, change: Change, connection: Connection, **more: Any) -> None:
        """Raises EventNotPutError."""
        detail = event_detail(change, connection, self.now(), **more)
        put_event(self.events, self.bus_name, DETAIL_TYPE, detail)
        logger().info(
            "connection changed",
            extra={"change": change, "seller_id": connection.seller_id, "region": connection.region_code},
        )


@dataclass(frozen=True)
class ConnectionMails:
    """E-mails about connections to the address of the alarms."""

    sns: "SNSClient"
    topic_arn: str
    stack: OwnStack

    def send(self, change: Change, connection: Connection) -> None:
        """Sends nothing if nobody has to do anything."""
        words = _words(change, connection, self.stack)
        if words is not None:
            send_email(self.sns, self.topic_arn, *words)


def report_change(record: Mapping[str, Any], events: ConnectionEvents, mails: ConnectionMails) -> None:
    """One record of the SellingPartners table's stream. A repeat sends event and e-mail again.

    Raises EventNotPutError and what SNS raises.
    """
    changed = record["dynamodb"]
    if not changed["Keys"]["Item"]["S"].startswith(ITEM_PREFIX):
        return
    old, new = (_connection(changed.get(image)) for image in ("OldImage", "NewImage"))
    change = change_between(old, new)
    connection = new or old
    if change is None or connection is None:
        return
    more = {"NoticeDays": connection.notice_days} if change is Change.RENEW_SOON else {}
    events.put(change, connection, **more)
    mails.send(change, connection)


def read_consent(body: str) -> Connection | None:
    """The connection that an event of the bus says was made or renewed by a consent; None for any other change.

    Raises UnreadableChangeError.
    """
    try:
        detail = json.loads(body)["detail"]
        consented = detail["Change"] in (Change.CONNECTED, Change.RENEWED) and detail["AuthorizationId"] is not None
        connection = Connection(text(detail, "SellerId"), text(detail, "RegionCode")) if consented else None
    except (ValueError, TypeError, KeyError, RecursionError):
        raise UnreadableChangeError("the message is not an event about a connection") from None
    if connection is not None and holds_secret(f"{connection.seller_id} {connection.region_code}"):
        raise UnreadableChangeError("SellerId or RegionCode seems to be a token or a secret")
    return connection


def _connection(image: Mapping[str, Any] | None) -> Connection | None:
    return Connection.from_item(unmarshal(image)) if image else None


def _words(change: Change, connection: Connection, stack: OwnStack) -> tuple[str, str] | None:
    """Subject and text; None if nobody has to do anything."""
    name = presentable(f"{connection.party or 'seller'} {connection.seller_id} in region {connection.region_code}")
    reference = presentable(connection.host_reference or "")
    reference = reference and f"\nYour product's reference: {reference}"
    more = (
        f"{reference}\n\nStack {stack.name} ({stack.region}). For every connection with something to do, run:\n"
        f"{stack.command('doctor')}\nSee docs/authorization.md#the-life-of-a-connection"
    )
    if change is Change.RECONNECT_NEEDED:
        return (
            "Selling Partner API: reconnect needed",
            f"Login with Amazon does not accept the refresh token of {name}. Either the authorization was revoked or "
            "has expired, or the stored token is not one of this application. Requests for this selling partner fail "
            "until a valid token is stored.\n\n"
            "What to do: ask them to press Authorize in your product, or store the right token with POST /tokens."
            f"{more}",
        )
    if change is Change.RENEW_SOON:
        end = connection.ends_at
        return (
            "Selling Partner API: renew an authorization",
            f"The authorization of {name} ends within {connection.notice_days} days, on "
            f"{end.date().isoformat() if end else 'an unknown date'}.\n\nWhat to do: ask them to renew it, in Seller "
            f"Central or Vendor Central under Manage Your Apps, or by pressing Authorize in your product.{more}",
        )
    return None
