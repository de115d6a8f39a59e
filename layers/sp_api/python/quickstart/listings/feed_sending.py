"""Sends a feed to Amazon once, follows it, and fetches its report.

The intention to call createFeed is recorded before the call. When its answer is lost, getFeeds is asked whether Amazon
has the feed, before createFeed is called again (docs/decisions/0111).
"""

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any

from quickstart.listings.feed_files import DOCUMENT, REPORT, FeedFiles
from quickstart.listings.feed_ledger import CREATE_FEED, GET_FEED_DOCUMENT, GET_FEEDS, FeedLedger
from quickstart.listings.feed_records import FeedRecord, FeedState, ResultStatus
from quickstart.listings.feed_results import ReportedMessages, Verdict, write_results
from quickstart.listings.processing_reports import ProcessingReportError, read_processing_report
from quickstart.listings.sending import SellerCalls
from quickstart.observability import logger
from quickstart.paced_calls import CallLater, PacedCalls
from quickstart.times import from_text
from quickstart.token_vault import SellerUnknownError
from sp_api import feeds
from sp_api.caller import Caller
from sp_api.deadline import Deadline
from sp_api.documents import Inflater, open_document
from sp_api.errors import PermanentError, SellingPartnerApiError, TransientError
from sp_api.feeds import LISTINGS_FEED, CreateFeedSpecification, Feed, FeedFilter, FeedStatus

if TYPE_CHECKING:
    import urllib3

_ENDED = (FeedStatus.DONE, FeedStatus.CANCELLED, FeedStatus.FATAL)
# When getFeeds is asked after a call without an answer, in seconds after it, and how often.
_LOOK_AFTER_SECONDS = 60
_MOST_LOOKUPS = 3
# How far Amazon's clock may be behind this one.
_CLOCKS_DIFFER = timedelta(minutes=1)
# How often a feed is asked for that no notice tells of: by the time since it was sent.
_ASK_EVERY = ((timedelta(minutes=10), 120), (timedelta(hours=1), 300), (timedelta(days=3), 900))
# How often a feed that is DONE without a report is asked for again: then Amazon has none.
_MOST_REPORT_ASKS = 3
_ASK_FOR_REPORT_SECONDS = 60
_PIECE_BYTES = 64 * 1024
_PAGE = 100


class Step(StrEnum):
    """The steps of a feed, as the state machine names them."""

    CHECK = "CHECK"
    ENTER = "ENTER"
    TURN = "TURN"
    SEND = "SEND"
    POLL = "POLL"
    COLLECT = "COLLECT"
    GIVE_UP = "GIVE_UP"
    ACKNOWLEDGE = "ACKNOWLEDGE"
    END = "END"


@dataclass(frozen=True)
class Next:
    """The next step, after `wait` seconds. `for_news` means that a notice or an earlier feed can end the wait."""

    step: Step
    wait: int = 0
    for_news: bool = False
    slot: Mapping[str, Any] = field(default_factory=dict)

    def to_workflow(self) -> Mapping[str, object]:
        """{Step, WaitSeconds, ForNews, Slot}."""
        return {
            "Step": str(self.step),
            "WaitSeconds": self.wait,
            "ForNews": self.for_news,
            "Slot": dict(self.slot),
        }


@dataclass(frozen=True)
class FeedSender:
    """The steps that call SP-API. `slot` is what the state machine passes back."""

    ledger: FeedLedger
    files: FeedFiles
    seller: SellerCalls
    http: "urllib3.PoolManager"
    deadline: Deadline
    folder: Path
    slot: Mapping[str, Any]
    now: Callable[[], datetime] = lambda: datetime.now(UTC)

    def send(self, record: FeedRecord) -> Next:
        """Creates the feed, or finds out whether an earlier call did. Can be repeated.

        Raises TransientError, ThrottledError and DocumentUrlExpiredError, after which it is repeated.
        """
        if record.feed_id is not None:
            # The invocation that sent the feed may have ended before it could.
            self.ledger.remember(record, record.feed_id)
            return Next(Step.POLL)
        try:
            if record.creating is not None:
                return self._look_up(record)
            return self._paced(record, Step.SEND, CREATE_FEED, lambda caller: self._create(record, caller))
        except (PermanentError, SellerUnknownError) as error:
            if record.creating is not None:
                return self._conclude(record, FeedState.FAILED, self._unknown(f"getFeeds was refused: {error}"))
            return self._not_sent(record, f"The feed was not sent: {error}")

    def poll(self, record: FeedRecord) -> Next:
        """Asks whether Amazon has ended the feed. Raises TransientError and ThrottledError."""
        assert record.feed_id is not None, "only feeds that Amazon has are asked for"
        self.ledger.polled(record)
        self.ledger.remember(record, record.feed_id)
        try:
            feed = feeds.get_feed(self._caller(record), record.feed_id)
        except (PermanentError, SellerUnknownError) as error:
            return self._conclude(record, FeedState.FAILED, self._unknown(f"its state cannot be read: {error}"))
        if feed.processing_status in _ENDED:
            self.ledger.processed(record, str(feed.processing_status), feed.result_feed_document_id)
            missing = feed.processing_status is FeedStatus.DONE and feed.result_feed_document_id is None
            if missing and record.report_asks + 1 < _MOST_REPORT_ASKS:
                return Next(Step.POLL, _ASK_FOR_REPORT_SECONDS)
            return Next(Step.COLLECT)
        since = self.now() - (from_text(record.times.get("SentTime")) or self.now())
        for age, seconds in _ASK_EVERY:
            if since < age:
                return Next(Step.POLL, seconds, for_news=True)
        verdict = self._unknown(f"it is still {feed.processing_status} after {since.days} days")
        return self._conclude(record, FeedState.FAILED, verdict)

    def collect(self, record: FeedRecord) -> Next:
        """Fetches Amazon's report, and concludes the feed with it.

        Raises TransientError, ThrottledError and DocumentUrlExpiredError, after which it is repeated.
        """
        status = record.amazon_status or ""
        state = FeedState(status)
        if record.result_document_id is None:
            return self._conclude(record, state, _without_report(state))
        document_id = record.result_document_id
        path = self.folder / f"{record.feed_request_id}-{REPORT}"
        try:
            fetched = self._paced(
                record, Step.COLLECT, GET_FEED_DOCUMENT, lambda caller: self._fetch(caller, document_id, path)
            )
            if fetched.wait:
                return fetched
            with ReportedMessages(self.folder / f"{record.feed_request_id}.sqlite") as reported:
                try:
                    reported.read(read_processing_report(_inflated(path)))
                except ProcessingReportError as error:
                    verdict = self._unknown(f"its report cannot be read: {error}")
                    return self._conclude(record, state, verdict, has_report=True)
                if state is not FeedState.DONE and not _refused_as_a_whole(reported):
                    reason = "; ".join(str(issue["message"]) for issue in reported.whole_feed[:3])
                    verdict = _without_report(state, reason)
                    return self._conclude(record, state, verdict, has_report=True)
                return self._conclude(record, state, reported, has_report=True)
        except (PermanentError, SellerUnknownError) as error:
            return self._conclude(record, state, self._unknown(f"its report cannot be fetched: {error}"))
        finally:
            path.unlink(missing_ok=True)

    def give_up(self, record: FeedRecord, reason: str) -> Next:
        """The execution has failed. What Amazon has, or may have, stays unknown."""
        if record.state.final:
            return Next(Step.ACKNOWLEDGE)
        if record.feed_id is not None or record.creating is not None:
            return self._conclude(record, FeedState.FAILED, self._unknown(reason))
        return self._not_sent(record, f"The feed was not sent: {reason}")

    def _caller(self, record: FeedRecord) -> Caller:
        return self.seller(record.account.seller_id, record.account.region)

    def _paced(self, record: FeedRecord, step: Step, operation: str, call: Callable[[Caller], Next]) -> Next:
        paced = PacedCalls(
            lambda: self._caller(record), lambda name: self.ledger.slots(record.account, name), self.slot
        )
        done = paced.at_slot(operation, call)
        return Next(step, done.whole_seconds, slot=done.slot) if isinstance(done, CallLater) else done

    def _create(self, record: FeedRecord, caller: Caller) -> Next:
        destination = feeds.create_feed_document(caller)
        feeds.upload(self.http, destination, lambda: self.files.open(DOCUMENT), record.document_bytes, self.deadline)
        if not self.ledger.creating(record, destination.feed_document_id):
            # Another invocation is about to call, or has.
            return Next(Step.SEND, _LOOK_AFTER_SECONDS)
        specification = CreateFeedSpecification(
            LISTINGS_FEED, record.account.marketplace_ids, destination.feed_document_id
        )
        try:
            feed_id = feeds.create_feed(caller, specification)
        except TransientError as error:
            if error.outcome_unknown:
                logger().warning(
                    "createFeed was not answered; getFeeds is asked before it is repeated", reason=str(error)
                )
                return Next(Step.SEND, _LOOK_AFTER_SECONDS)
            self.ledger.not_created(record, str(error))
            raise
        except SellingPartnerApiError as error:
            self.ledger.not_created(record, str(error))
            raise
        return self._has(record, feed_id)

    def _look_up(self, record: FeedRecord) -> Next:
        """Whether Amazon has the feed of a createFeed without an answer."""
        creating = from_text(record.creating) or self.now()
        early = math.ceil((creating - self.now()).total_seconds()) + _LOOK_AFTER_SECONDS
        if early > 0 and not self.slot:
            # The invocation that called may still run, or was killed right after the call. Waited for once.
            return Next(Step.SEND, early, slot={"Waited": True})
        return self._paced(record, Step.SEND, GET_FEEDS, lambda caller: self._looked_up(record, caller, creating))

    def _looked_up(self, record: FeedRecord, caller: Caller, creating: datetime) -> Next:
        known = self.ledger.queue(record.account).sent
        since = creating - _CLOCKS_DIFFER
        listed = feeds.list_feeds(caller, FeedFilter((LISTINGS_FEED,), page_size=_PAGE, created_since=since))
        wanted = set(record.account.marketplace_ids)
        found = [
            feed
            for feed in listed
            if feed.created_time >= since and set(feed.marketplace_ids) == wanted and feed.feed_id not in known
        ]
        if len(found) == 1:
            logger().warning("createFeed was not answered, but Amazon has the feed", feed_id=found[0].feed_id)
            return self._has(record, found[0].feed_id)
        if found:
            return self._several(record, found)
        if record.lookups + 1 < _MOST_LOOKUPS:
            self.ledger.looked_up(record)
            return Next(Step.SEND, _LOOK_AFTER_SECONDS)
        self.ledger.not_created(record, "Amazon does not have the feed, so it is sent again.")
        logger().warning("createFeed was not answered, and Amazon does not have the feed")
        return Next(Step.SEND)

    def _several(self, record: FeedRecord, found: list[Feed]) -> Next:
        ids = ", ".join(feed.feed_id for feed in found[:10])
        reason = f"createFeed was not answered, and each of these feeds may be this one: {ids}"
        return self._conclude(record, FeedState.FAILED, self._unknown(reason))

    def _has(self, record: FeedRecord, feed_id: str) -> Next:
        self.ledger.sent(record, feed_id)
        logger().info("feed sent", feed_id=feed_id)
        return Next(Step.POLL, _ASK_EVERY[0][1], for_news=True)

    def _fetch(self, caller: Caller, document_id: str, path: Path) -> Next:
        """Stores the report as it came."""
        document = feeds.get_feed_document(caller, document_id)
        with open_document(self.http, document.url, self.deadline) as stream, path.open("wb") as file:
            for piece in stream:
                file.write(piece)
        self.files.store(REPORT, path)
        return Next(Step.COLLECT)

    def _not_sent(self, record: FeedRecord, message: str) -> Next:
        return self._conclude(record, FeedState.FAILED, Verdict(ResultStatus.NOT_SENT, message), sent=False)

    def _unknown(self, reason: str) -> Verdict:
        return Verdict(
            ResultStatus.UNKNOWN, f"Amazon has the feed or may have it, but what became of it is unknown: {reason}"
        )

    def _conclude(
        self,
        record: FeedRecord,
        state: FeedState,
        verdict: Verdict | ReportedMessages,
        *,
        sent: bool = True,
        has_report: bool = False,
    ) -> Next:
        """Stores the results first, then the final state."""
        sent = sent and state is not FeedState.CANCELLED
        if record.counts is None:
            assert isinstance(verdict, Verdict), "a file that was not checked has no report"
            self.ledger.concluded(record, state, verdict.message)
            return Next(Step.ACKNOWLEDGE)
        counts = write_results(self.files, record, self.folder, verdict, sent=sent)
        message = verdict.message if isinstance(verdict, Verdict) else "Amazon has processed the feed."
        self.ledger.concluded(record, state, message, counts, has_results=True, has_report=has_report)
        return Next(Step.ACKNOWLEDGE)


def _without_report(state: FeedState, reason: str = "") -> Verdict:
    """What is known of all messages of a feed that has no report for each."""
    because = f": {reason}" if reason else "."
    if state is FeedState.CANCELLED:
        return Verdict(ResultStatus.NOT_SENT, f"The feed was cancelled before Amazon processed it{because}")
    if state is FeedState.FATAL:
        # Feeds API v2021-06-30, processingStatus.
        return Verdict(
            ResultStatus.UNKNOWN,
            f"Amazon aborted the feed (FATAL). Some, none or all of its messages may have been processed{because}",
        )
    return Verdict(ResultStatus.UNKNOWN, "Amazon has ended the feed, but has no processing report for it.")


def _refused_as_a_whole(reported: ReportedMessages) -> bool:
    """Whether the report itself says that no message was processed."""
    return bool(reported.whole_feed) and reported.summary is not None and not reported.summary.messages_processed


def _inflated(path: Path) -> Iterator[bytes]:
    """The report's bytes, decompressed if they are gzip."""
    with path.open("rb") as file:
        gzipped = file.read(2) == b"\x1f\x8b"
        file.seek(0)
        inflater = Inflater()
        while piece := file.read(_PIECE_BYTES):
            if gzipped:
                yield from inflater.feed(piece)
            else:
                yield piece
