"""Tells the host product and people of a feed's final state: one event on the stack's bus, and one e-mail."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from botocore.exceptions import ClientError

from quickstart.announcing import put_event, send_email
from quickstart.invocation import ExpectedError
from quickstart.links import Link, ObjectLinks
from quickstart.listings.feed_files import RESULTS, FeedFiles
from quickstart.listings.feed_ledger import FeedLedger
from quickstart.listings.feed_records import FeedRecord, FeedState
from quickstart.observability import logger
from quickstart.own_stack import OwnStack
from sp_api.errors import presentable

if TYPE_CHECKING:
    from mypy_boto3_events import EventBridgeClient
    from mypy_boto3_sns import SNSClient

DETAIL_TYPE = "Listing Feed Outcome"
# An invocation that has claimed the e-mail and is still not done is gone.
_CLAIM = timedelta(minutes=15)
_DOCS = "docs/listing-feeds.md#results"
_HEADLINES: Mapping[FeedState, str] = {
    FeedState.DONE: "was processed",
    FeedState.CHECKED: "was checked",
    FeedState.REFUSED: "was not sent",
    FeedState.FATAL: "was aborted by Amazon",
    FeedState.CANCELLED: "was cancelled",
    FeedState.FAILED: "failed",
}
_WORDS: Mapping[str, str] = {
    "messages": "messages in the file",
    "bad": "of these, not sent because of the check",
    "sent": "sent to Amazon",
    "published": "published",
    "publishedWithIssues": "published, with issues",
    "accepted": "accepted, not shown by Amazon yet",
    "deleted": "deleted",
    "invalid": "refused by Amazon",
    "refused": "accepted, but not shown because of errors",
    "unknown": "unknown",
    "notSent": "not sent",
}


class MailInProgressError(ExpectedError):
    """Another invocation may be sending the same e-mail; a retry finds out."""


@dataclass(frozen=True)
class FeedAnnouncer:
    """`feeds_url` is the API that the e-mail names."""

    ledger: FeedLedger
    events: "EventBridgeClient"
    bus_name: str
    sns: "SNSClient"
    topic_arn: str
    links: Callable[[], ObjectLinks]
    files: FeedFiles
    stack: OwnStack
    feeds_url: str

    def announce(self, record: FeedRecord) -> None:
        """Puts the event and sends the e-mail, unless that was done. An expired upload gets no e-mail.

        Raises EventNotPutError and MailInProgressError.
        """
        if record.announced:
            return
        if record.state is not FeedState.EXPIRED:
            self._mail(record)
        put_event(self.events, self.bus_name, DETAIL_TYPE, event_detail(record))
        self.ledger.announced(record)
        logger().info("feed announced", status=str(record.state))

    def _mail(self, record: FeedRecord) -> None:
        """When SNS does not answer, the claim stays until it ends."""
        if record.mailed:
            return
        if not self.ledger.claim_mail(record, self.ledger.now() - _CLAIM):
            current = self.ledger.find(record.account.seller_id, record.feed_request_id)
            if current is not None and not current.mailed:
                raise MailInProgressError("another invocation may be sending the e-mail about this feed")
            return
        name = f"feed-{record.feed_request_id}"
        link = self.links().presign(self.files.key(RESULTS), name) if record.counts and record.counts.sent else None
        subject, body = written(record, link, self)
        try:
            message_id = send_email(self.sns, self.topic_arn, subject, body)
        except ClientError as error:
            if error.response["ResponseMetadata"]["HTTPStatusCode"] < 500:
                self.ledger.unclaim_mail(record)
            raise
        self.ledger.mailed(record, message_id)


def event_detail(record: FeedRecord) -> Mapping[str, Any]:
    """The event's detail. Unknown values are null."""
    counts = None if record.counts is None else record.counts.by_name()
    return {
        "FeedRequestId": record.feed_request_id,
        "SellerId": record.account.seller_id,
        "RegionCode": str(record.account.region),
        "MarketplaceIds": list(record.account.marketplace_ids),
        "Status": str(record.state),
        "Message": record.message,
        "FeedId": record.feed_id,
        "Counts": None if counts is None else {name[:1].upper() + name[1:]: number for name, number in counts.items()},
        "ClientToken": record.client_token,
        "ReceivedTime": record.received,
        "OutcomeTime": record.times.get("OutcomeTime"),
    }


def written(record: FeedRecord, link: Link | None, announcer: FeedAnnouncer) -> tuple[str, str]:
    """Subject and text of the e-mail."""
    account = record.account
    subject = f"Listing feed {_HEADLINES.get(record.state, 'has ended')}: seller {account.seller_id}"
    counts = {} if record.counts is None else record.counts.by_name()
    always = ("messages", "sent")
    shown = [f"{number:>10,}  {_WORDS[name]}" for name, number in counts.items() if number or name in always]
    seller = quote(account.seller_id, safe="")
    request = f"GET {announcer.feeds_url}/{record.feed_request_id}?SellerId={seller}&Results=PROBLEMS"
    lines = [
        presentable(record.message),
        "",
        *([*shown, ""] if shown else []),
        f"Stack         {announcer.stack.name}",
        f"Seller        {account.seller_id}",
        f"Region        {account.region}",
        f"Marketplaces  {', '.join(account.marketplace_ids)}",
        f"Feed request  {record.feed_request_id}",
        *([f"Feed          {record.feed_id}"] if record.feed_id else []),
        "",
        *(
            [
                "Download the outcome of every message (JSON Lines) with this link:",
                link.url,
                f"The link works until {link.expires:%Y-%m-%d %H:%M:%S} UTC. Anyone who has it can read the results.",
                "",
            ]
            if link
            else []
        ),
        "To list what needs attention and get new links, send this request, signed like every request to the stack:",
        request,
        "",
        "To see what the stack did, run:",
        announcer.stack.command("logs", "FUNCTION=SPAPIListingFeedWorker"),
        "",
        f"What the states mean: {_DOCS}",
    ]
    return subject, "\n".join(lines) + "\n"
