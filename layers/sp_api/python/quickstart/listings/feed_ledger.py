"""The ListingFeeds table: one item for each feed, one for each account's queue, and one for each feed at Amazon.

The queue of an account and region has its feeds in the order of their uploads. Amazon runs the feeds of an account one
after the other, and so does the stack. A feed enters the lanes of its SKUs once all feeds before it have: so no two
feeds wait for each other. It is sent when it is the first in the queue and holds all its lanes.
"""

import random
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from boto3.dynamodb.conditions import Attr, ConditionBase

from quickstart.call_slots import CallSlots, Quota
from quickstart.dynamodb import MOST_ATTEMPTS, Item, ItemContestedError, Table, reading_item
from quickstart.listings.feed_records import Counts, FeedOf, FeedRecord, FeedState
from quickstart.times import to_text
from sp_api.feeds import LISTINGS_FEED

SELLER_INDEX = "SellerIdReceivedTimeIndex"
OPEN_INDEX = "OpenDueTimeIndex"
OPEN = "FEED"
# Keeps everything but feeds out of lists: no time is lower.
NOT_A_FEED = "0"
_QUEUE, _AT_AMAZON, _SLOTS = "QUEUE#", "AMAZON#", "SLOTS#"
# The sweep looks at an upload that did not come some minutes after its link has expired.
UPLOAD_LINK_LIFETIME = timedelta(hours=1)
LEFT_TO_THE_UPLOAD = timedelta(minutes=10)
# An execution is started within seconds of its upload.
LEFT_TO_THE_EVENT = timedelta(minutes=10)
# The feeds that a queue remembers, so that a lost answer is not taken for one of them.
_MOST_REMEMBERED = 50
_LONGEST_PAUSE_SECONDS = 0.4
CREATE_FEED, GET_FEEDS, GET_FEED_DOCUMENT = "createFeed", "getFeeds", "getFeedDocument"
# SP-API docs, "Feed type values": 5 feeds of this type in 5 minutes for each account and region. Feeds API v2021-06-30:
# getFeeds and getFeedDocument have 0.0222 calls a second and a burst of 10; one is left over for a repeated call.
_QUOTAS = {
    CREATE_FEED: Quota(5 / 300, 5),
    GET_FEEDS: Quota(0.0222, 9),
    GET_FEED_DOCUMENT: Quota(0.0222, 9),
}


@dataclass(frozen=True)
class Queue:
    """The open feeds of an account, in their order; `entered` are those that have entered the lanes of their SKUs."""

    feeds: tuple[str, ...] = ()
    entered: tuple[str, ...] = ()
    # Amazon's ids of the latest feeds.
    sent: tuple[str, ...] = ()
    version: int = 0

    def may_enter(self, feed_request_id: str) -> bool:
        """Whether all feeds before it have entered their lanes."""
        return all(earlier in self.entered for earlier in self._before(feed_request_id))

    def is_first(self, feed_request_id: str) -> bool:
        """Whether no feed is before it."""
        return not self._before(feed_request_id)

    def _before(self, feed_request_id: str) -> tuple[str, ...]:
        place = self.feeds.index(feed_request_id) if feed_request_id in self.feeds else len(self.feeds)
        return self.feeds[:place]

    @classmethod
    def from_item(cls, item: Item) -> "Queue":
        """Raises DamagedItemError."""
        with reading_item(f"{item.get('FeedRequestId')} of {item.get('SellerId')}"):
            return cls(
                tuple(item.get("Feeds", ())),
                tuple(item.get("Entered", ())),
                tuple(item.get("Sent", ())),
                int(item["Version"]),
            )


@dataclass(frozen=True)
class FeedLedger:
    """Reads and writes feeds and queues. All changes of a queue are conditional."""

    table: Table
    kept: timedelta
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    pause: Callable[[float], None] = time.sleep

    def receive(self, record: FeedRecord) -> bool:
        """Records a feed that was requested; False when there is one with this id."""
        account = record.account
        return self.table.put(
            {
                "FeedRequestId": record.feed_request_id,
                "SellerId": account.seller_id,
                "RegionCode": str(account.region),
                "MarketplaceIds": list(account.marketplace_ids),
                "ListingSellerId": account.listing_seller_id,
                "PartyType": str(account.party),
                "Mode": str(record.mode),
                "OnBadMessages": str(record.on_bad),
                "MessageCount": record.message_count,
                "IssueLocale": record.issue_locale,
                "ClientToken": record.client_token,
                "RequestHash": record.request_hash,
                "Status": str(record.state),
                "Message": record.message,
                "ReceivedTime": record.received,
                "UploadExpires": record.upload_expires,
                "Open": OPEN,
                "DueTime": to_text(self.now() + UPLOAD_LINK_LIFETIME + LEFT_TO_THE_UPLOAD),
                "ExpiresAt": self._expires(),
            },
            Attr("FeedRequestId").not_exists(),
        )

    def find(self, seller_id: str, feed_request_id: str) -> FeedRecord | None:
        """The feed; None when there is none, or it has expired. Raises DamagedItemError."""
        item = self.table.get(_key(seller_id, feed_request_id))
        return None if item is None or self.expired(item) else FeedRecord.from_item(item)

    def expired(self, item: Item) -> bool:
        """Whether the item has expired: DynamoDB deletes it within days."""
        with reading_item(f"{item.get('FeedRequestId')} of {item.get('SellerId')}"):
            return "ExpiresAt" in item and int(item["ExpiresAt"]) <= self.now().timestamp()

    def due(self) -> Iterator[tuple[str, str]]:
        """Seller and id of each feed that the sweep must look at, the longest due first."""
        now = to_text(self.now())
        for item in self.table.each("Open", OPEN, index=OPEN_INDEX):
            if str(item["DueTime"]) > now:
                return
            yield str(item["SellerId"]), str(item["FeedRequestId"])

    def postponed(self, record: FeedRecord, until: datetime) -> None:
        """The sweep looks at the feed again then."""
        self._set(record, {"DueTime": to_text(until)}, Attr("Open").exists())

    def uploaded(self, record: FeedRecord, size_bytes: int) -> bool:
        """The file is there; False when that was known before."""
        values = {
            "Status": str(FeedState.CHECKING),
            "Message": "The stack is checking the file.",
            "SizeBytes": size_bytes,
            "UploadedTime": self._time(),
            "DueTime": to_text(self.now() + LEFT_TO_THE_EVENT),
        }
        return self._set(record, values, _is(FeedState.AWAITING_UPLOAD))

    def runs(self, record: FeedRecord) -> bool:
        """Another execution is about to be started; False when others have started one meanwhile."""
        condition = Attr("Runs").eq(record.runs) if record.runs else Attr("Runs").not_exists()
        return self._set(record, {"Runs": record.runs + 1}, condition)

    def checked(self, record: FeedRecord, counts: Counts, layout: str, document_bytes: int) -> bool:
        """The file can be sent."""
        values = {
            "Status": str(FeedState.QUEUED),
            "Message": "The feed waits for its turn.",
            "Counts": dict(counts.to_item()),
            "Layout": layout,
            "DocumentBytes": document_bytes,
            "CheckedTime": self._time(),
        }
        return self._set(record, values, _is(FeedState.CHECKING))

    def noted(self, record: FeedRecord, message: str) -> None:
        """What the feed waits for."""
        self._set(record, {"Message": message}, _is(FeedState.QUEUED, FeedState.SENDING, FeedState.PROCESSING))

    def creating(self, record: FeedRecord, document_id: str) -> bool:
        """createFeed is about to be called; False when it may have been called before."""
        values = {
            "Status": str(FeedState.SENDING),
            "Message": "The stack is sending the feed to Amazon.",
            "CreatingTime": self._time(),
            "InputFeedDocumentId": document_id,
            "Lookups": 0,
        }
        condition = _is(FeedState.QUEUED, FeedState.SENDING) & Attr("CreatingTime").not_exists()
        return self._set(record, values, condition)

    def not_created(self, record: FeedRecord, message: str) -> None:
        """It is certain that createFeed made no feed."""
        self._set(record, {"Message": message}, Attr("FeedId").not_exists(), remove=("CreatingTime",))

    def looked_up(self, record: FeedRecord) -> None:
        """getFeeds did not have the feed whose createFeed was not answered."""
        self._set(record, {"Lookups": record.lookups + 1}, _is(FeedState.SENDING))

    def sent(self, record: FeedRecord, feed_id: str) -> None:
        """Amazon has the feed. The record comes first: else the feed could be taken for another one, and sent again."""
        values = {
            "Status": str(FeedState.PROCESSING),
            "Message": "Amazon has the feed and processes it.",
            "FeedId": feed_id,
            "SentTime": self._time(),
        }
        self._set(record, values, _is(FeedState.QUEUED, FeedState.SENDING))
        self.remember(record, feed_id)

    def remember(self, record: FeedRecord, feed_id: str) -> None:
        """A notice finds the feed by Amazon's id, and no other feed is taken for it. Can be repeated."""
        account = record.account
        self.table.put(
            {
                **_key(account.seller_id, _AT_AMAZON + feed_id),
                "For": record.feed_request_id,
                "ReceivedTime": NOT_A_FEED,
                "ExpiresAt": self._expires(),
            }
        )
        self._change(
            account,
            lambda queue: None if feed_id in queue.sent else {"Sent": [feed_id, *queue.sent][:_MOST_REMEMBERED]},
        )

    def processed(self, record: FeedRecord, status: str, result_document_id: str | None) -> None:
        """Amazon has ended the feed."""
        values = {
            "ProcessingStatus": status,
            "ResultFeedDocumentId": result_document_id,
            "ReportAsks": record.report_asks + 1,
            "ProcessedTime": self._time(),
        }
        self._set(record, values, _is(FeedState.PROCESSING))

    def concluded(
        self,
        record: FeedRecord,
        state: FeedState,
        message: str,
        counts: Counts | None = None,
        *,
        layout: str | None = None,
        has_results: bool = False,
        has_report: bool = False,
    ) -> bool:
        """The final state; False when there is one already."""
        values = {
            "Status": str(state),
            "Message": message,
            "Counts": None if counts is None else dict(counts.to_item()),
            "Layout": layout,
            "HasResults": has_results or None,
            "HasReport": has_report or None,
            "OutcomeTime": self._time(),
        }
        if record.state is FeedState.CHECKING and has_results:
            values["CheckedTime"] = self._time()
        return self._set(record, values, _is(*(each for each in FeedState if not each.final)))

    def awaited(self, record: FeedRecord, task_token: str) -> None:
        """The execution waits with this token."""
        self._set(record, {"TaskToken": task_token}, Attr("FeedRequestId").exists())

    def polled(self, record: FeedRecord) -> None:
        """Amazon is about to be asked: what a notice tells before is known then."""
        self._set(record, {"PolledTime": self._time()}, _is(FeedState.PROCESSING))

    def news(self, record: FeedRecord) -> None:
        """A notice about the feed has arrived."""
        self._set(record, {"NewsTime": self._time()}, Attr("FeedRequestId").exists())

    def claim_mail(self, record: FeedRecord, before: datetime) -> bool:
        """The e-mail is about to be sent; False when it was sent, or somebody began to send it after `before`."""
        free = Attr("MailClaimedTime").not_exists() | Attr("MailClaimedTime").lt(to_text(before, unit="microseconds"))
        return self._set(record, {"MailClaimedTime": self._time()}, Attr("MailedTime").not_exists() & free)

    def unclaim_mail(self, record: FeedRecord) -> None:
        """SNS has refused the e-mail."""
        self._set(record, {}, Attr("MailedTime").not_exists(), remove=("MailClaimedTime",))

    def mailed(self, record: FeedRecord, message_id: str) -> None:
        """SNS has taken the e-mail."""
        self._set(record, {"MailedTime": self._time(), "MailMessageId": message_id}, Attr("FeedRequestId").exists())

    def announced(self, record: FeedRecord) -> None:
        """The host product was told of the final state."""
        final = _is(*(each for each in FeedState if each.final))
        self._set(record, {"AnnouncedTime": self._time()}, final, remove=("Open", "DueTime", "TaskToken"))

    def requests_of(self, feed_id: str) -> list[tuple[str, str]]:
        """Seller and id of the feeds that Amazon knows under this id."""
        found = self.table.query("FeedRequestId", _AT_AMAZON + feed_id)
        return [(str(item["SellerId"]), str(item["For"])) for item in found]

    def queue(self, account: FeedOf) -> Queue:
        """The account's queue, an empty one when there is none."""
        item = self.table.get(_queue_key(account))
        return Queue() if item is None else Queue.from_item(item)

    def join(self, record: FeedRecord) -> Queue:
        """Lets the feed be the last in its account's queue. Repeating it changes nothing."""
        mine = record.feed_request_id
        return self._change(
            record.account, lambda queue: None if mine in queue.feeds else {"Feeds": [*queue.feeds, mine]}
        )

    def entered(self, record: FeedRecord) -> Queue:
        """The feed has entered all its lanes."""
        mine = record.feed_request_id
        return self._change(
            record.account, lambda queue: None if mine in queue.entered else {"Entered": [*queue.entered, mine]}
        )

    def left(self, account: FeedOf, mine: str) -> Queue:
        """The feed is no longer in the queue. Repeating it changes nothing."""

        def without(queue: Queue) -> Mapping[str, Any] | None:
            if mine not in (*queue.feeds, *queue.entered):
                return None
            return {
                "Feeds": [entry for entry in queue.feeds if entry != mine],
                "Entered": [entry for entry in queue.entered if entry != mine],
            }

        return self._change(account, without)

    def slots(self, account: FeedOf, operation: str) -> CallSlots:
        """The slots of the account's calls."""
        name = f"{_SLOTS}{operation}#{account.region}"
        kind = {"FeedType": LISTINGS_FEED} if operation == CREATE_FEED else {}
        attributes = {"ReceivedTime": NOT_A_FEED, **kind}
        return CallSlots(self.table, _key(account.seller_id, name), _QUOTAS[operation], attributes)

    def _change(self, account: FeedOf, change: Callable[[Queue], Mapping[str, Any] | None]) -> Queue:
        """Changes the queue unless `change` returns None. Concurrent changes do not lose each other's."""
        for attempt in range(MOST_ATTEMPTS):
            queue = self.queue(account)
            values = change(queue)
            if values is None:
                return queue
            more = {"ReceivedTime": NOT_A_FEED, "Version": queue.version + 1, "ExpiresAt": self._expires()}
            condition = Attr("Version").eq(queue.version) if queue.version else Attr("Version").not_exists()
            if self.table.update(_queue_key(account), {**values, **more}, condition=condition):
                return self.queue(account)
            self.pause(random.uniform(0, min(_LONGEST_PAUSE_SECONDS, 0.02 * 2**attempt)))  # noqa: S311 - a wait, no secret
        raise ItemContestedError(f"the queue of feeds of {account.listing_seller_id}")

    def _set(
        self, record: FeedRecord, values: Mapping[str, Any], condition: ConditionBase, *, remove: tuple[str, ...] = ()
    ) -> bool:
        key = _key(record.account.seller_id, record.feed_request_id)
        # A seller may have been removed meanwhile.
        return self.table.update(key, values, remove=remove, condition=Attr("ReceivedTime").exists() & condition)

    def _expires(self) -> int:
        return int((self.now() + self.kept).timestamp())

    def _time(self) -> str:
        return to_text(self.now(), unit="microseconds")


def _key(seller_id: str, feed_request_id: str) -> Item:
    return {"FeedRequestId": feed_request_id, "SellerId": seller_id}


def _queue_key(account: FeedOf) -> Item:
    return _key(account.seller_id, f"{_QUEUE}{account.region}#{account.listing_seller_id}")


def _is(*states: FeedState) -> ConditionBase:
    return Attr("Status").is_in([str(state) for state in states])
