"""The steps of a feed between the check of its file and its acknowledgement: the account's queue, and the lanes.

The state machine calls one step after the other; each returns the next one. Each can be repeated.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

from quickstart.listings.feed_files import MESSAGES, RESULTS, FeedFiles
from quickstart.listings.feed_ledger import FeedLedger
from quickstart.listings.feed_records import FeedRecord, FeedState, ResultStatus
from quickstart.listings.feed_sending import Next, Step
from quickstart.listings.following import wake
from quickstart.listings.lanes import Lanes
from quickstart.listings.ledger import ListingLedger
from quickstart.listings.records import ListingOf, Operation, Status, of_feed, packed
from quickstart.observability import logger
from quickstart.times import from_text

if TYPE_CHECKING:
    from mypy_boto3_stepfunctions import SFNClient

    from quickstart.dynamodb import Item

# An earlier feed wakes the ones behind it; if that is lost, a feed looks by itself.
_LOOK_AGAIN_SECONDS = 1800
# A submission that is being sent holds its lane for seconds, or for hours when SP-API fails. An execution has at most
# 25,000 events, so the waits become longer: a tenth of the time that the feed has waited.
_SHORTEST_SECONDS, _LONGEST_SECONDS = 10, 600
_NEWS = '{"News": true}'
# Lanes are read and written in batches of a hundred.
_AT_ONCE = 1000
_OPERATIONS = {
    "UPDATE": Operation.PUT,
    "PARTIAL_UPDATE": Operation.PATCH,
    "PATCH": Operation.PATCH,
    "DELETE": Operation.DELETE,
}
_RECORDED = {
    ResultStatus.PUBLISHED: Status.PUBLISHED,
    ResultStatus.PUBLISHED_WITH_ISSUES: Status.PUBLISHED_WITH_ISSUES,
    ResultStatus.ACCEPTED: Status.ACCEPTED,
    ResultStatus.DELETED: Status.DELETED,
    ResultStatus.INVALID: Status.INVALID,
    ResultStatus.REFUSED: Status.REFUSED,
    ResultStatus.UNKNOWN: Status.UNKNOWN,
}


@dataclass(frozen=True)
class FeedQueue:
    """The account's queue of feeds, and the lanes of their SKUs."""

    feeds: FeedLedger
    listings: ListingLedger
    lanes: Lanes
    states: "SFNClient"
    files: FeedFiles

    def close_gate(self, record: FeedRecord) -> None:
        """From now on, single submissions of the account wait until the feed has entered its lanes."""
        self.listings.close_gate(record.account.seller_id, record.account.gate, record.feed_request_id)

    def enter(self, record: FeedRecord) -> Next:
        """Once all earlier feeds of the account have, the feed enters the lanes of its SKUs.

        Raises ItemContestedError and TableBusyError.
        """
        queue = self.feeds.join(record)
        if record.feed_request_id not in queue.entered:
            if not queue.may_enter(record.feed_request_id):
                self.feeds.noted(record, "An earlier feed of the account is being checked.")
                return Next(Step.ENTER, _LOOK_AGAIN_SECONDS, for_news=True)
            self.listings.feed_began(record.account.seller_id, record.lane_entry)
            for some in self._listings(record):
                self.listings.enter_feed(record.lane_entry, some)
            queue = self.feeds.entered(record)
            self._wake_behind(record, queue.feeds)
        self._open_gate(record)
        return self.turn(record)

    def turn(self, record: FeedRecord) -> Next:
        """Once the feed is the first of its account and holds all its lanes, it can be sent."""
        if not self.feeds.queue(record.account).is_first(record.feed_request_id):
            self.feeds.noted(record, "Earlier feeds of the account are not finished.")
            return Next(Step.TURN, _LOOK_AGAIN_SECONDS, for_news=True)
        not_held = 0
        for some in self._listings(record):
            for listing, lane in self.listings.enter_feed(record.lane_entry, some):
                not_held += 1
                # The holder's execution may have been interrupted.
                self.lanes.wake(listing, lane)
        if not_held:
            self.feeds.noted(record, f"{not_held} SKUs have a submission that is not answered yet.")
            checked = from_text(record.times.get("CheckedTime")) or self.feeds.now()
            waited = (self.feeds.now() - checked).total_seconds()
            return Next(Step.TURN, int(min(max(_SHORTEST_SECONDS, waited / 10), _LONGEST_SECONDS)))
        return Next(Step.SEND)

    def is_news(self, record: FeedRecord, step: Step) -> bool:
        """Whether what the feed is about to wait for has happened."""
        if step is Step.POLL:
            return record.news is not None and record.news > (record.polled or record.times.get("SentTime", ""))
        queue = self.feeds.queue(record.account)
        mine = record.feed_request_id
        return queue.may_enter(mine) if step is Step.ENTER else queue.is_first(mine)

    def leave(self, record: FeedRecord) -> None:
        """The feed has ended: the submissions that wait for it are next, and so is the next feed."""
        account = record.account
        if record.counts is not None:
            # The marker first: a submission that begins to wait from now on finds the lane free.
            self.listings.feed_ended(account.seller_id, record.lane_entry)
            for some in self._listings(record):
                for listing, lane in self.listings.lanes_of(some):
                    waits = record.lane_entry in lane.waiters or (lane.holder == record.lane_entry and lane.waiters)
                    if waits:
                        self.lanes.feed_left(listing, record.lane_entry)
                    elif not of_feed(lane.holder):
                        # An earlier attempt may have ended between the lane and the start of the execution.
                        self.lanes.wake(listing, lane)
        self._open_gate(record)
        queue = self.feeds.left(account, record.feed_request_id)
        self._wake_behind(record, queue.feeds)

    def record_messages(self, record: FeedRecord) -> int:
        """One record for each message that was sent, beside those of single submissions."""
        if not record.has_results or record.counts is None or not record.counts.sent:
            return 0
        account = record.account
        return self.listings.put_records(
            self._records(record), lambda: self.feeds.find(account.seller_id, record.feed_request_id) is not None
        )

    def _records(self, record: FeedRecord) -> "Iterator[Item]":
        account, outcome = record.account, record.times.get("OutcomeTime", "")
        expires = int((self.listings.now() + self.listings.kept).timestamp())
        for entry in self.files.entries(RESULTS):
            if "submissionId" not in entry:
                continue
            yield {
                "SubmissionId": entry["submissionId"],
                "SellerId": account.seller_id,
                "RegionCode": str(account.region),
                "MarketplaceId": account.marketplace_ids[0],
                "Sku": entry["sku"],
                "ListingSellerId": account.listing_seller_id,
                "PartyType": str(account.party),
                "Operation": str(_OPERATIONS[entry["operation"]]),
                "ProductType": entry.get("productType"),
                "Status": str(_RECORDED[ResultStatus(entry["status"])]),
                "Message": entry["message"],
                "Asin": entry.get("asin"),
                "Issues": packed(entry["issues"]),
                "FeedRequestId": record.feed_request_id,
                "MessageId": entry["messageId"],
                "ReceivedTime": record.received,
                "SentTime": record.times.get("SentTime"),
                "OutcomeTime": outcome,
                "AnnouncedTime": outcome,
                "ExpiresAt": expires,
            }

    def _listings(self, record: FeedRecord) -> Iterator[list[ListingOf]]:
        """The listings of all good messages, some at a time."""
        if self.files.size(MESSAGES) is None:
            return
        entries = (entry for entry in self.files.entries(MESSAGES) if "status" not in entry)
        all_of_them = (listing for entry in entries for listing in record.account.listings(str(entry["sku"])))
        while some := list(islice(all_of_them, _AT_ONCE)):
            yield some

    def _open_gate(self, record: FeedRecord) -> None:
        """Those that waited enter their lanes, unless another feed keeps the gate closed."""
        account = record.account
        gate = self.listings.open_gate(account.seller_id, account.gate, record.feed_request_id)
        if gate.waiting and not gate.feeds:
            self.lanes.pass_gate(account.seller_id, account.gate)

    def _wake_behind(self, record: FeedRecord, feeds: tuple[str, ...]) -> None:
        for feed_request_id in feeds:
            if feed_request_id == record.feed_request_id:
                continue
            other = self.feeds.find(record.account.seller_id, feed_request_id)
            if other is None or other.announced:
                # Its seller was removed, or somebody deleted its record: it must not stop the others.
                logger().warning("a feed without a record leaves the queue", feed_request_id=feed_request_id)
                self.feeds.left(record.account, feed_request_id)
            elif other.state is FeedState.QUEUED and other.task_token:
                wake(self.states, other.task_token, _NEWS)
