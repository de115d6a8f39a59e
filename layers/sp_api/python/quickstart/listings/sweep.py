"""Repairs interrupted submissions: their request or their execution was interrupted, and no event says so.

A request may end between the record and the start of the execution, and Step Functions sends its status events with
best effort (Amazon EventBridge events reference).
"""

import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from botocore.exceptions import BotoCoreError, ClientError

from quickstart.dynamodb import DamagedItemError
from quickstart.invocation import ExpectedError
from quickstart.listings.failures import reason
from quickstart.listings.lanes import Lanes
from quickstart.listings.ledger import LaneFullError, ListingLedger
from quickstart.listings.outcomes import Announcer
from quickstart.listings.records import Record, Status
from quickstart.listings.sending import Sender
from quickstart.observability import logger
from quickstart.times import calculable

# Executions retry for hours, so most of what is open needs nothing.
_LOOK_AGAIN = timedelta(minutes=15)
# After the hours for an outcome, for the last reading and its retries.
_LEFT_TO_THE_EXECUTION = timedelta(hours=1)


class SweepFailedError(ExpectedError):
    """Submissions could not be dealt with; the next sweep tries again."""


@dataclass(frozen=True)
class Swept:
    """How many open submissions a sweep looked at. `repaired` are those that it did something for."""

    seen: int
    repaired: int

    def described(self) -> dict[str, int]:
        return {"seen": self.seen, "repaired": self.repaired}


@dataclass(frozen=True)
class Sweep:
    """What one sweep reads and writes. Can be repeated at any time, also while requests and executions run."""

    ledger: ListingLedger
    lanes: Lanes
    announcer: Announcer
    sender: Sender
    hours: int
    now: Callable[[], datetime] = lambda: datetime.now(UTC)

    def run(self, time_is_up: Callable[[], bool]) -> Swept:
        """Looks at every submission that is due. Raises SweepFailedError after the last one, if any could not be."""
        seen = repaired = failed = 0
        for seller_id, submission_id in self.ledger.due():
            if time_is_up():
                break
            seen += 1
            try:
                record = self.ledger.find(seller_id, submission_id)
                repaired += record is not None and self._look(record)
            except (ExpectedError, DamagedItemError, ClientError, BotoCoreError) as error:
                logger().error("interrupted submission not repaired", submission_id=submission_id, reason=str(error))
                failed += 1
        if failed:
            raise SweepFailedError(f"{failed} of {seen} submissions could not be swept")
        return Swept(seen, repaired)

    def _look(self, record: Record) -> bool:
        """Whether something was missing."""
        if record.status.final:
            self.lanes.leave(record)
            self.announcer.announce(record)
            return True
        if record.status is Status.ACCEPTED:
            answered = calculable(record.times.get("AnsweredTime")) or self.now()
            end = answered + timedelta(hours=self.hours) + _LEFT_TO_THE_EXECUTION
            if self.now() < end:
                self.ledger.postponed(record, end)
                return False
        status = self.lanes.machine.status(record.submission_id)
        if status not in (None, "RUNNING"):
            self.sender.give_up(record.listing.seller_id, record.submission_id, reason(str(status)))
            return True
        if record.status.answered:
            self.lanes.machine.start(record.listing.seller_id, record.submission_id)
        else:
            # One whose lane is full was concluded.
            with contextlib.suppress(LaneFullError):
                self.lanes.enter(record)
        self.ledger.postponed(record, self.now() + _LOOK_AGAIN)
        return status is None and not (record.status is Status.WAITING and self._waits(record))

    def _waits(self, record: Record) -> bool:
        """Whether it still waits for another submission or for a feed: it needs no execution yet."""
        current = self.ledger.find(record.listing.seller_id, record.submission_id)
        waiting = current is not None and current.status is Status.WAITING
        return waiting and self.ledger.lane(record.listing).holder != record.submission_id
