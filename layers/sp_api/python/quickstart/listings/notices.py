"""LISTINGS_ITEM_* notices from a partner event bus, or forwarded to the queue: they end waits early."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from quickstart.listings.following import CHECK, wake
from quickstart.listings.ledger import ListingLedger
from quickstart.listings.records import lane_key
from quickstart.observability import logger
from sp_api.redaction import holds_secret
from sp_api.wire import MalformedError, optional_text, text

if TYPE_CHECKING:
    from mypy_boto3_stepfunctions import SFNClient

TYPES = ("LISTINGS_ITEM_STATUS_CHANGE", "LISTINGS_ITEM_ISSUES_CHANGE")


class UnreadableNoticeError(ValueError):
    """A message is not a notice about a listing."""


@dataclass(frozen=True)
class Notice:
    """A change of a listing. `seller_id` is a vendor's vendor code; `marketplace_id` None when the notice has none."""

    notification_type: str
    seller_id: str
    sku: str
    marketplace_id: str | None


def read_notice(body: str) -> Notice | None:
    """The notice in a message: SP-API's notification itself, or EventBridge's event with it in `detail`.

    None for a notice of another type. Raises UnreadableNoticeError.
    """
    try:
        document = json.loads(body)
        detail = document["detail"] if isinstance(document.get("detail"), dict) else document
        fields = {name[:1].upper() + name[1:]: value for name, value in detail.items()}
        notification_type = text(fields, "NotificationType")
        if notification_type not in TYPES:
            return None
        payload = fields["Payload"]
        names: Mapping[str, Any] = {name[:1].upper() + name[1:]: value for name, value in payload.items()}
        return Notice(
            notification_type,
            _id(names, "SellerId"),
            _id(names, "Sku"),
            _id(names, "MarketplaceId") if optional_text(names, "MarketplaceId") else None,
        )
    except MalformedError as error:
        raise UnreadableNoticeError(f"the message is not a notice about a listing: {error}") from None
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        raise UnreadableNoticeError("the message is not a notice about a listing") from None


def _id(names: Mapping[str, Any], name: str) -> str:
    """An id, which is logged. Raises MalformedError."""
    value = text(names, name)
    if holds_secret(value):
        raise MalformedError(f"{name} seems to be a token or a secret")
    return value


@dataclass(frozen=True)
class Notices:
    """Wakes the executions that follow submissions for a listing."""

    ledger: ListingLedger
    states: "SFNClient"

    def take(self, notice: Notice) -> int:
        """The number of submissions that are checked at once. Repeating it does no harm."""
        if notice.marketplace_id is None:
            logger().info("notice without a marketplace ignored", sku=notice.sku)
            return 0
        woken = 0
        for seller_id, lane in self.ledger.lanes(lane_key(notice.seller_id, notice.marketplace_id, notice.sku)):
            for submission_id in lane.recent:
                record = self.ledger.find(seller_id, submission_id)
                if record is None or record.status.final:
                    continue
                # As it is after the write: an execution that began to wait meanwhile has seen the notice, or is woken.
                current = self.ledger.noticed(record)
                # An execution waits with a token only after Amazon has accepted the submission.
                if current is not None and current.task_token:
                    woken += wake(self.states, current.task_token, CHECK)
        logger().info("notice taken", notification_type=notice.notification_type, sku=notice.sku, woken=woken)
        return woken
