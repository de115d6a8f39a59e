"""The sweep: which open submissions it starts, concludes, announces or leaves alone, and when it looks again."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import EndpointConnectionError

from quickstart.dynamodb import ItemContestedError
from quickstart.listings.lanes import Lanes
from quickstart.listings.ledger import ListingLedger
from quickstart.listings.outcomes import Announcer
from quickstart.listings.records import Status
from quickstart.listings.sending import Sender
from quickstart.listings.sweep import Sweep, SweepFailedError, Swept
from tests.unit.quickstart.listings.test_lanes import LISTING, NOW, World, raising
from tests.unit.quickstart.support import AwsError
from tests.unit.sp_api.support import ScriptedServer

# Amazon answered at NOW; a submission is followed for 24 hours, and an hour more is left to its execution.
END = NOW + timedelta(hours=25)


class Swept24(World):
    """Everything is due at `time`, and the executions have the statuses that are told."""

    def __init__(self, server: ScriptedServer) -> None:
        super().__init__(server)
        self.time = NOW
        self.executions: dict[str, str] = {}
        self.aws.answers["DescribeExecution"] = self._describe
        self.ledger = ListingLedger(self.table.table, timedelta(days=30), self.now, lambda _: None)
        self.announcer = Announcer(self.ledger, self.aws.client("events"), "bus")
        self.lanes = replace(self.lanes, ledger=self.ledger, announcer=self.announcer)
        self.sender = Sender(self.ledger, self.lanes, self.announcer, self.seller)
        self.sweep = Sweep(self.ledger, self.lanes, self.announcer, self.sender, 24, self.now)

    def now(self) -> datetime:
        return self.time

    def _describe(self, given: Mapping[str, Any]) -> Mapping[str, Any]:
        name = given["executionArn"].rpartition(":")[2]
        if name not in self.executions:
            raise AwsError("ExecutionDoesNotExist")
        return {"status": self.executions[name]}

    def run(self, minutes: float = 5) -> Swept:
        """The sweep, so many minutes later."""
        self.started.clear()
        self.time += timedelta(minutes=minutes)
        return self.sweep.run(lambda: False)

    def due(self, number: int = 1) -> datetime:
        found = self.table.find(SubmissionId=str(number))
        assert found is not None
        return datetime.fromisoformat(found["DueTime"])


@pytest.fixture
def world(server: ScriptedServer) -> Swept24:
    return Swept24(server)


def test_a_request_has_five_minutes(world: Swept24) -> None:
    world.receive(1)
    assert world.run(4.9) == Swept(0, 0)
    assert world.run(0.1) == Swept(1, 1)


def test_one_whose_request_was_interrupted_is_started(world: Swept24) -> None:
    world.receive(1)
    assert world.run().described() == {"seen": 1, "repaired": 1}
    assert (world.started, world.ledger.lane(LISTING).holder) == (["1"], "1")
    assert world.due() == world.time + timedelta(minutes=15)


def test_one_whose_execution_runs_needs_nothing(world: Swept24) -> None:
    world.entered(1)
    world.executions["1"] = "RUNNING"
    assert world.run() == Swept(1, 0)
    assert world.due() == world.time + timedelta(minutes=15)


class TestWaiting:
    def test_one_that_waits_for_another_needs_nothing(self, world: Swept24) -> None:
        """An operator reads a warning for each sweep that repairs something."""
        world.entered(1)
        world.executions["1"] = "RUNNING"
        world.entered(2)
        assert world.run() == Swept(2, 0)
        assert world.due(2) == world.time + timedelta(minutes=15)
        assert world.record(2).status is Status.WAITING

    def test_one_that_waits_at_the_gate_needs_nothing(self, world: Swept24) -> None:
        world.ledger.close_gate("A1", LISTING.gate, "one")
        world.entered(1)
        assert world.run() == Swept(1, 0)

    def test_one_whose_turn_has_come_is_started(self, world: Swept24) -> None:
        """Whoever left the lane was interrupted before the start."""
        first = world.entered(1)
        world.entered(2)
        world.ledger.concluded(first, Status.REFUSED, "no")
        world.announcer.announce(world.record(1))
        world.ledger.leave(first)
        assert world.run() == Swept(1, 1)
        assert world.started == ["2"]

    def test_one_that_was_superseded_is_concluded(self, world: Swept24) -> None:
        """The request of the later one was interrupted before it was marked."""
        world.executions |= {"1": "RUNNING", "3": "RUNNING"}
        for number in (1, 2):
            world.entered(number)
        world.ledger.enter(world.receive(3))
        assert world.run() == Swept(3, 1)
        assert world.record(2).status is Status.SUPERSEDED


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        ("TIMED_OUT", "the execution took too long"),
        ("ABORTED", "somebody stopped the execution"),
        ("SUCCEEDED", "the execution has ended (SUCCEEDED)"),
    ],
)
def test_one_whose_execution_has_ended_is_concluded(world: Swept24, status: str, reason: str) -> None:
    world.entered(1)
    world.executions["1"] = status
    assert world.run() == Swept(1, 1)
    assert world.outcome() == (Status.FAILED, f"The submission was not sent: {reason}")
    assert (world.started, len(world.events), world.ledger.lane(LISTING).holder) == ([], 1, None)


def test_one_that_is_final_leaves_its_lane_and_is_announced(world: Swept24) -> None:
    world.ledger.concluded(world.entered(1), Status.REFUSED, "no")
    assert world.run() == Swept(1, 1)
    assert (world.ledger.lane(LISTING).holder, len(world.events), world.record().announced) == (None, 1, True)
    assert world.run() == Swept(0, 0)


def test_the_lane_is_free_before_the_outcome_is_announced(world: Swept24) -> None:
    world.ledger.concluded(world.entered(1), Status.REFUSED, "no")
    world.aws.answers["PutEvents"] = raising("InternalFailure")
    with pytest.raises(SweepFailedError):
        world.run()
    assert (world.ledger.lane(LISTING).holder, world.record().announced) == (None, False)


class TestAccepted:
    def test_it_is_left_to_its_execution_until_its_hours_are_over(self, world: Swept24) -> None:
        world.accepted()
        assert world.run() == Swept(1, 0)
        assert (world.due(), world.started) == (END, [])
        assert "DescribeExecution" not in world.aws.operations

    @pytest.mark.parametrize(("seconds", "repaired"), [(-1, 0), (0, 1)])
    def test_then_its_execution_is_started_again(self, world: Swept24, seconds: int, repaired: int) -> None:
        world.accepted()
        world.time = END + timedelta(seconds=seconds)
        assert world.run(0) == Swept(1, repaired)
        assert world.started == ["1"] * repaired
        assert world.due() == (world.time + timedelta(minutes=15) if repaired else END)

    def test_then_an_execution_that_runs_goes_on(self, world: Swept24) -> None:
        world.accepted()
        world.time = END
        world.executions["1"] = "RUNNING"
        assert world.run(0) == Swept(1, 0)
        assert world.record().status is Status.ACCEPTED

    def test_then_one_that_has_ended_is_unknown(self, world: Swept24) -> None:
        world.accepted()
        world.time = END
        world.executions["1"] = "SUCCEEDED"
        assert world.run(0) == Swept(1, 1)
        message = (
            "Amazon accepted the submission, but the stack could not follow it: the execution has ended (SUCCEEDED)"
        )
        assert world.outcome() == (Status.UNKNOWN, message)

    def test_one_without_the_time_of_its_answer_counts_from_now(self, world: Swept24) -> None:
        world.accepted()
        found = world.table.find(SubmissionId="1")
        assert found is not None
        del found["AnsweredTime"]
        assert world.run() == Swept(1, 0)
        assert world.due() == world.time + timedelta(hours=25)


def test_it_stops_when_its_time_is_up(world: Swept24) -> None:
    for number in (1, 2, 3):
        world.receive(number)
    world.time += timedelta(minutes=5)
    answers = iter([False, False, True])
    assert world.sweep.run(lambda: next(answers)) == Swept(2, 2)


def test_one_that_is_gone_is_seen_and_not_repaired(world: Swept24, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ListingLedger, "due", lambda _: iter([("A1", "1")]))
    assert world.run() == Swept(1, 0)


@pytest.mark.parametrize(
    "error", [ItemContestedError("the lane"), EndpointConnectionError(endpoint_url="https://states")], ids=str
)
def test_another_failure_is_for_the_next_sweep(
    world: Swept24, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def failing(*_: object) -> None:
        raise error

    world.receive(1)
    monkeypatch.setattr(Lanes, "enter", failing)
    with pytest.raises(SweepFailedError, match=r"^1 of 1 submissions could not be swept$"):
        world.run()
    monkeypatch.undo()
    assert world.run(0) == Swept(1, 1)


@pytest.mark.parametrize("damaged", [True, False])
def test_one_that_fails_does_not_stop_the_others(
    world: Swept24, log_lines: Callable[[], list[dict[str, Any]]], *, damaged: bool
) -> None:
    for number in (1, 2, 3):
        world.receive(number)
    if damaged:
        found = world.table.find(SubmissionId="1")
        assert found is not None
        found["Operation"] = "MOVE"
        reason = (
            "the stored item 1 of A1 cannot be read (ValueError): restore it from a backup of the table, or delete it"
        )
    else:
        describe = world.aws.answers["DescribeExecution"]

        def denied(given: Mapping[str, Any]) -> Mapping[str, Any]:
            return (raising("AccessDeniedException") if given["executionArn"].endswith(":1") else describe)(given)

        world.aws.answers["DescribeExecution"] = denied
        reason = (
            "An error occurred (AccessDeniedException) when calling the DescribeExecution operation: "
            "AccessDeniedException"
        )
    with pytest.raises(SweepFailedError, match=r"^1 of 3 submissions could not be swept$"):
        world.run()
    # The third waits behind the second.
    assert world.started == ["2", "2"]
    (line,) = log_lines()
    assert (line["message"], line["level"]) == ("interrupted submission not repaired", "ERROR")
    assert (line["submission_id"], line["reason"]) == ("1", reason)
