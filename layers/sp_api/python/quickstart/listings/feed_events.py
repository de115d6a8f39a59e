"""What starts and ends the executions of feeds: uploads, notices, failed executions, and a sweep for what was missed.

S3 and Step Functions send their events at least once or with best effort, and SP-API's notices can be lost.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote_plus

from botocore.exceptions import BotoCoreError, ClientError

from quickstart.dynamodb import DamagedItemError
from quickstart.invocation import ExpectedError
from quickstart.listings.failures import reason
from quickstart.listings.feed_files import UPLOAD, FeedFiles, request_of_upload
from quickstart.listings.feed_ledger import LEFT_TO_THE_UPLOAD, FeedLedger
from quickstart.listings.feed_records import FeedRecord, FeedState
from quickstart.listings.feed_sending import Step
from quickstart.listings.following import wake
from quickstart.observability import logger
from quickstart.times import read_text
from sp_api.wire import MalformedError, child, text

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_stepfunctions import SFNClient

_NEWS = '{"News": true}'
# Executions run for hours, so most of what is open needs nothing.
_LOOK_AGAIN = timedelta(minutes=30)
# After this many executions that failed, only the sweep starts another one, and then every half hour.
_MOST_RUNS_AT_ONCE = 3


class FeedSweepFailedError(ExpectedError):
    """Feeds could not be dealt with; the next sweep tries again."""


@dataclass(frozen=True)
class FeedMachine:
    """The state machine of feeds."""

    states: "SFNClient"
    arn: str

    def start(self, record: FeedRecord, name: str, step: Step, why: str = "") -> None:
        """Starts the execution, unless there is one of this name."""
        given = {
            "FeedRequestId": record.feed_request_id,
            "SellerId": record.account.seller_id,
            "Step": str(step),
            "Reason": why,
        }
        try:
            self.states.start_execution(stateMachineArn=self.arn, name=name, input=json.dumps(given))
        except self.states.exceptions.ExecutionAlreadyExists:
            return

    def status(self, name: str) -> str | None:
        """The execution's status, such as RUNNING; None when there is no execution."""
        arn = f"{self.arn.replace(':stateMachine:', ':execution:')}:{name}"
        try:
            return str(self.states.describe_execution(executionArn=arn)["status"])
        except self.states.exceptions.ExecutionDoesNotExist:
            return None


@dataclass(frozen=True)
class FeedEvents:
    """Takes the events. Each can come twice, and in any order."""

    ledger: FeedLedger
    machine: FeedMachine
    s3: "S3Client"
    bucket: str
    now: Callable[[], datetime] = lambda: datetime.now(UTC)

    def take(self, event: Mapping[str, Any]) -> None:
        """An event of EventBridge other than a schedule's."""
        match event.get("detail-type"):
            case "Object Created":
                self._uploaded(event)
            case "FEED_PROCESSING_FINISHED":
                self._finished(event)
            case "Step Functions Execution Status Change":
                self._execution_ended(event)
            case _:
                logger().warning("event of a type that feeds do not use")

    def start(self, record: FeedRecord, size_bytes: int) -> None:
        """The file is there, so its feed begins. Can be repeated."""
        self.ledger.uploaded(record, size_bytes)
        current = self.ledger.find(record.account.seller_id, record.feed_request_id)
        if current is None or current.state.final:
            return
        # Here and not in the execution, so that the order is that of the uploads.
        self.ledger.join(current)
        if not current.runs:
            self.ledger.runs(current)
        self.machine.start(current, current.feed_request_id, Step.CHECK)

    def sweep(self, time_is_up: Callable[[], bool]) -> int:
        """Looks at every feed that is due, and returns for how many something was missing.

        Raises FeedSweepFailedError after the last one, if any could not be dealt with.
        """
        seen = repaired = failed = 0
        for seller_id, feed_request_id in self.ledger.due():
            if time_is_up():
                break
            seen += 1
            try:
                record = self.ledger.find(seller_id, feed_request_id)
                repaired += record is not None and self._look(record)
            except (ExpectedError, DamagedItemError, ClientError, BotoCoreError) as error:
                logger().error("feed not swept", feed_request_id=feed_request_id, reason=str(error))
                failed += 1
        if failed:
            raise FeedSweepFailedError(f"{failed} of {seen} feeds could not be swept")
        return repaired

    def _uploaded(self, event: Mapping[str, Any]) -> None:
        stored = event["detail"]["object"]
        # S3's events to EventBridge have the key as it is; others are percent-encoded.
        found = request_of_upload(stored["key"]) or request_of_upload(unquote_plus(stored["key"]))
        record = None if found is None else self.ledger.find(*found)
        if record is None:
            logger().warning("an upload belongs to no feed request")
            return
        logger().info("file uploaded", feed_request_id=record.feed_request_id, size_bytes=stored.get("size"))
        self.start(record, int(stored.get("size") or 0))

    def _finished(self, event: Mapping[str, Any]) -> None:
        """A notice for a feed that this stack did not send, or whose id is not recorded yet, is no news."""
        try:
            feed_id = finished_feed(event)
        except MalformedError as error:
            logger().error("unreadable notice about a feed", reason=str(error))
            return
        requests = self.ledger.requests_of(feed_id)
        woken = 0
        for seller_id, feed_request_id in requests:
            record = self.ledger.find(seller_id, feed_request_id)
            if record is None or record.state.final:
                continue
            self.ledger.news(record)
            # Read after the write: an execution that began to wait meanwhile has seen the news, or is woken here.
            current = self.ledger.find(seller_id, feed_request_id)
            if current is not None and current.state is FeedState.PROCESSING and current.task_token:
                woken += wake(self.machine.states, current.task_token, _NEWS)
        logger().info("notice about a feed", feed_id=feed_id, known=bool(requests), woken=woken)

    def _execution_ended(self, event: Mapping[str, Any]) -> None:
        detail = event["detail"]
        given = json.loads(detail["input"])
        record = self.ledger.find(given["SellerId"], given["FeedRequestId"])
        if record is None or record.announced or detail["name"] != record.execution_name:
            return
        if record.runs > _MOST_RUNS_AT_ONCE:
            self.ledger.postponed(record, self.now() + _LOOK_AGAIN)
            return
        self._go_on(record, reason(detail["status"]))

    def _look(self, record: FeedRecord) -> bool:
        """Whether something was missing."""
        if record.state is FeedState.AWAITING_UPLOAD:
            return self._look_for_upload(record)
        status = self.machine.status(record.execution_name)
        if status == "RUNNING":
            self.ledger.postponed(record, self.now() + _LOOK_AGAIN)
            return False
        self.ledger.postponed(record, self.now() + _LOOK_AGAIN)
        if status is None and not record.state.final and record.runs < 2:
            self.start(record, record.size_bytes or 0)
        else:
            self._go_on(record, reason(str(status)))
        return True

    def _look_for_upload(self, record: FeedRecord) -> bool:
        size = FeedFiles.of(self.s3, self.bucket, record).size(UPLOAD)
        if size is not None:
            self.start(record, size)
            return True
        end = read_text(record.upload_expires) + LEFT_TO_THE_UPLOAD
        if self.now() < end:
            self.ledger.postponed(record, end)
            return False
        self.ledger.concluded(record, FeedState.EXPIRED, "The file was not uploaded before the link expired.")
        current = self.ledger.find(record.account.seller_id, record.feed_request_id)
        if current is not None:
            self._go_on(current, "")
        return False

    def _go_on(self, record: FeedRecord, why: str) -> None:
        """Another execution concludes the feed, or completes its acknowledgement.

        It is started before it is counted: an interrupted attempt is repeated with the same name.
        """
        step = Step.ACKNOWLEDGE if record.state.final else Step.GIVE_UP
        self.machine.start(record, record.next_execution_name, step, why)
        self.ledger.runs(record)


def finished_feed(event: Mapping[str, Any]) -> str:
    """Amazon's id of the feed in a forwarded FEED_PROCESSING_FINISHED. Raises MalformedError."""
    try:
        payload = child(child(event["detail"], "Notification"), "payload")
        finished = child(payload, "feedProcessingFinishedNotification")
    except (KeyError, AttributeError):
        raise MalformedError("the event has no notification") from None
    number = finished.get("feedId")
    return str(number) if isinstance(number, int) and not isinstance(number, bool) else text(finished, "feedId")
