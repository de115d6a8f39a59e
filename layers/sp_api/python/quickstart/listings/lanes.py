"""What happens when a submission enters or leaves the lane of its SKU."""

import contextlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from quickstart.listings.ledger import Lane, LaneFullError, ListingLedger
from quickstart.listings.outcomes import Announcer
from quickstart.listings.records import FEED_PREFIX, ListingOf, Record, Status, of_feed

if TYPE_CHECKING:
    from mypy_boto3_stepfunctions import SFNClient


@dataclass(frozen=True)
class Machine:
    """The state machine that sends a submission and follows it. The execution's name is the submission's id."""

    states: "SFNClient"
    arn: str

    def start(self, seller_id: str, submission_id: str) -> None:
        """Starts the execution, unless there is one."""
        try:
            self.states.start_execution(
                stateMachineArn=self.arn,
                name=submission_id,
                input=json.dumps({"SubmissionId": submission_id, "SellerId": seller_id}),
            )
        except self.states.exceptions.ExecutionAlreadyExists:
            return

    def status(self, submission_id: str) -> str | None:
        """The execution's status, such as RUNNING; None when there is no execution."""
        arn = f"{self.arn.replace(':stateMachine:', ':execution:')}:{submission_id}"
        try:
            return str(self.states.describe_execution(executionArn=arn)["status"])
        except self.states.exceptions.ExecutionDoesNotExist:
            return None


@dataclass(frozen=True)
class Lanes:
    """Starts the execution of the submission that holds a lane, and reports the ones that were superseded."""

    ledger: ListingLedger
    machine: Machine
    announcer: Announcer

    def enter(self, record: Record) -> None:
        """Starts the submission's execution, or lets it wait for the one that is being sent. Can be repeated.

        While a file of the account is being checked, the submission waits at the gate. Raises LaneFullError after the
        submission's outcome was announced, and ItemContestedError.
        """
        gate = self.ledger.wait_at_gate(record)
        if record.submission_id in gate.waiting:
            self.ledger.waiting(record, "It waits until the stack has checked a file of listings that arrived earlier.")
            if not gate.feeds:
                # Whoever opened the gate may have been interrupted.
                self.pass_gate(record.listing.seller_id, record.listing.gate)
            return
        self._enter(record)

    def pass_gate(self, seller_id: str, gate_key: str) -> None:
        """Lets those that wait at an open gate enter their lanes, in their order. Can be repeated."""
        gate = self.ledger.gate(seller_id, gate_key)
        while gate.waiting and not gate.feeds:
            record = self.ledger.find(seller_id, gate.waiting[0])
            if record is not None and not record.status.answered:
                # One whose lane is full was concluded.
                with contextlib.suppress(LaneFullError):
                    self._enter(record)
            gate = self.ledger.passed_gate(seller_id, gate_key, gate.waiting[0])

    def _enter(self, record: Record) -> None:
        try:
            lane = self.ledger.enter(record)
        except LaneFullError as error:
            self._conclude(record, Status.FAILED, f"The submission was not sent: {error}")
            raise
        if record.submission_id in lane.waiters:
            holder = lane.holder or ""
            feed = f"It waits until feed {holder.removeprefix(FEED_PREFIX)} has ended." if of_feed(holder) else None
            self.ledger.waiting(record, feed)
            self.wake(record.listing, lane)
        elif record.submission_id not in lane.superseded:
            # One that has lost its place in the lane is concluded by its execution.
            self.machine.start(record.listing.seller_id, record.submission_id)
        self._settle(record.listing, lane)

    def leave(self, record: Record) -> None:
        """Amazon's answer is recorded, or there will be none: the waiting submission is next. Can be repeated."""
        self._go_on(record.listing, self.ledger.leave(record))

    def feed_left(self, listing: ListingOf, feed: str) -> None:
        """The feed has ended: the first that waits is next. Can be repeated."""
        self._go_on(listing, self.ledger.release(listing, feed))

    def wake(self, listing: ListingOf, lane: Lane) -> None:
        """Does what the request or the execution of the lane's holder could not, if it was interrupted."""
        if of_feed(lane.holder):
            # A feed keeps its lanes until it has ended, whatever the status of its messages.
            if lane.holder is not None and not self.ledger.feed_runs(listing.seller_id, lane.holder):
                self.feed_left(listing, lane.holder)
            return
        holder = self.ledger.find(listing.seller_id, lane.holder) if lane.holder else None
        if holder is None or not holder.open:
            return
        if holder.status.answered:
            self.leave(holder)
        else:
            self.machine.start(listing.seller_id, holder.submission_id)

    def _go_on(self, listing: ListingOf, lane: Lane) -> None:
        """Starts the execution of the lane's holder. A feed that waits looks by itself, unless it has ended."""
        if of_feed(lane.holder):
            self.wake(listing, lane)
        elif lane.holder is not None:
            self.machine.start(listing.seller_id, lane.holder)
        self._settle(listing, lane)

    def _settle(self, listing: ListingOf, lane: Lane) -> None:
        """Concludes what was superseded, also what an earlier call could not."""
        for submission_id in lane.superseded:
            record = self.ledger.find(listing.seller_id, submission_id)
            if record is not None:
                message = "A later submission for this SKU replaced it before it was sent."
                self._conclude(record, Status.SUPERSEDED, message)
        if lane.superseded:
            self.ledger.superseded_marked(listing, lane.superseded)

    def _conclude(self, record: Record, status: Status, message: str) -> None:
        """Announces the final status, also one that the submission has already."""
        concluded = self.ledger.concluded(record, status, message)
        self.announcer.announce(concluded or self.ledger.find(record.listing.seller_id, record.submission_id))
