"""Requests and executions that are interrupted at any call to AWS: every submission has an outcome, in its order."""

import random
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any, cast

import pytest

from product_types_storm.cloud import DynamoDB, EventBus, InternalServerError, Trouble
from quickstart.dynamodb import Table
from quickstart.listings import sending
from quickstart.listings.lanes import Lanes, Machine
from quickstart.listings.ledger import MOST_QUEUED, LaneFullError, ListingLedger
from quickstart.listings.outcomes import Announcer
from quickstart.listings.records import ListingOf, Operation, Payload, Record, Status
from quickstart.listings.sending import Sender
from quickstart.listings.sweep import Sweep, SweepFailedError
from sp_api.caller import Caller
from sp_api.listings import Submission, SubmissionStatus
from sp_api.regions import Region

LISTING = ListingOf("A1", Region.EU, "A13V1IB3VIYZZH", "CUP", "A1")
MACHINE = "arn:aws:states:eu-west-1:111122223333:stateMachine:Listing"


class _AlreadyExistsError(Exception):
    pass


class _DoesNotExistError(Exception):
    pass


@dataclass
class StepFunctions:
    """The executions by name, with their status."""

    trouble: Trouble
    executions: dict[str, str] = field(default_factory=dict)
    exceptions = SimpleNamespace(ExecutionAlreadyExists=_AlreadyExistsError, ExecutionDoesNotExist=_DoesNotExistError)

    def start_execution(self, *, name: str, **_: object) -> None:
        failing = self.trouble.before()
        # The same name and input as a running execution is no error (AWS: StartExecution).
        if self.executions.get(name, "RUNNING") != "RUNNING":
            raise _AlreadyExistsError
        self.executions[name] = "RUNNING"
        self.trouble.after(failing)

    def describe_execution(self, *, executionArn: str) -> Mapping[str, str]:  # noqa: N803
        name = executionArn.rpartition(":")[2]
        if name not in self.executions:
            raise _DoesNotExistError
        return {"status": self.executions[name]}


class World:
    """One SKU, its submissions, and what Amazon received, in its order."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, seed: int, share: float = 0.0) -> None:
        self.chance = random.Random(seed)
        self.trouble = Trouble(self.chance, share)
        self.database = DynamoDB(self.trouble, ("SubmissionId", "SellerId"))
        self.bus, self.states = EventBus(self.trouble), StepFunctions(self.trouble)
        self.time = datetime(2026, 11, 26, tzinfo=UTC)
        table = Table(cast("Any", self.database), "listings")
        self.ledger = ListingLedger(table, timedelta(days=30), lambda: self.time, lambda _: None)
        announcer = Announcer(self.ledger, cast("Any", self.bus), "bus")
        self.lanes = Lanes(self.ledger, Machine(cast("Any", self.states), MACHINE), announcer)
        self.sender = Sender(self.ledger, self.lanes, announcer, lambda *_: cast("Caller", None))
        self.sweep = Sweep(self.ledger, self.lanes, announcer, self.sender, 24, lambda: self.time)
        self.sent: list[str] = []
        self.attempts: dict[str, int] = {}
        self.number = 0
        monkeypatch.setattr(sending, "submit", self._submit)

    def _submit(self, _caller: object, _listing: ListingOf, payload: Payload) -> Submission:
        self.sent.append(payload.product_type)
        return Submission("CUP", SubmissionStatus.INVALID, "amazon")

    def request(self, operation: Operation) -> str:
        """POST or PATCH /listings. The id is the product type too, so that Amazon's log shows it."""
        self.number += 1
        submission_id = f"{self.number:032d}"
        record = self.ledger.receive(submission_id, LISTING, Payload(operation, submission_id), "hash", None)
        assert record is not None
        self.lanes.enter(record)
        return submission_id

    def execute(self) -> None:
        """A step of one of the running executions, which Step Functions repeats three times at most."""
        running = [name for name, status in self.states.executions.items() if status == "RUNNING"]
        if not running:
            return
        name = self.chance.choice(running)
        try:
            self.sender.send("A1", name)
            self.states.executions[name] = "SUCCEEDED"
        except InternalServerError:
            self.attempts[name] = self.attempts.get(name, 0) + 1
            if self.attempts[name] > 3:
                # The event about it is lost.
                self.states.executions[name] = "FAILED"

    def records(self) -> list[Record]:
        found = [self.ledger.find("A1", key) for key, _ in self.database.items if "#" not in key]
        return [record for record in found if record is not None]

    def settle(self) -> None:
        """Executions run and sweeps come until nothing is open."""
        for _ in range(200):
            for _ in range(5):
                self.execute()
            self.time += timedelta(minutes=20)
            try:
                if self.sweep.run(lambda: False).seen == 0:
                    return
            except SweepFailedError:
                continue
        raise AssertionError([(one.submission_id, one.status) for one in self.records() if not one.announced])


@pytest.mark.parametrize("seed", range(25))
def test_every_submission_has_an_outcome_whatever_is_interrupted(monkeypatch: pytest.MonkeyPatch, seed: int) -> None:
    world = World(monkeypatch, seed, share=0.15)
    operations: dict[str, Operation] = {}
    for _ in range(14):
        operation = world.chance.choice([Operation.PUT, Operation.PATCH, Operation.PATCH])
        try:
            operations[world.request(operation)] = operation
        except InternalServerError:
            operations[f"{world.number:032d}"] = operation
        for _ in range(world.chance.randrange(3)):
            world.execute()
    world.settle()

    records = {record.submission_id: record for record in world.records()}
    assert all(record.status.final and record.announced and not record.open for record in records.values())
    announced = {detail.split('"SubmissionId": "')[1][:32] for _, detail in world.bus.details}
    assert announced == set(records)
    lane = world.ledger.lane(LISTING)
    assert (lane.holder, lane.waiting, lane.queue, lane.superseded) == (None, None, (), ())
    entered = list(reversed(lane.recent))
    first_sends = list(dict.fromkeys(world.sent))
    assert first_sends == [one for one in entered if one in first_sends], "none overtakes another"
    for position, submission_id in enumerate(entered):
        later_put = any(operations[later] is Operation.PUT for later in entered[position + 1 :])
        if records[submission_id].status is Status.SUPERSEDED:
            assert later_put, "only what a later PUT replaces is superseded"
            assert submission_id not in world.sent
        else:
            assert records[submission_id].status in (Status.INVALID, Status.UNKNOWN, Status.FAILED)


def test_patches_wait_behind_each_other_and_a_put_takes_their_place(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(monkeypatch, 1)
    first, *patches = [world.request(operation) for operation in [Operation.PUT, *[Operation.PATCH] * 3]]
    lane = world.ledger.lane(LISTING)
    assert (lane.holder, lane.waiting, lane.queue) == (first, patches[0], tuple(patches[1:]))
    world.execute()
    last_patch = world.request(Operation.PATCH)
    assert world.ledger.lane(LISTING).queue == (patches[2], last_patch)
    put = world.request(Operation.PUT)
    assert world.ledger.lane(LISTING).waiting == put
    world.settle()
    assert world.sent == [first, patches[0], put]
    statuses = {record.submission_id: record.status for record in world.records()}
    assert {statuses[one] for one in [*patches[1:], last_patch]} == {Status.SUPERSEDED}


def test_a_repeat_of_a_waiting_patch_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(monkeypatch, 1)
    ids = [world.request(Operation.PATCH) for _ in range(30)]
    before = world.ledger.lane(LISTING)
    for submission_id in ids:
        record = world.ledger.find("A1", submission_id)
        assert record is not None
        world.lanes.enter(record)
    assert world.ledger.lane(LISTING) == before
    world.settle()
    assert world.sent == ids


def test_too_many_waiting_patches_are_refused_and_announced(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(monkeypatch, 1)
    for _ in range(1 + MOST_QUEUED):
        world.request(Operation.PATCH)
    lane = world.ledger.lane(LISTING)
    assert len(lane.waiters) == MOST_QUEUED
    with pytest.raises(LaneFullError) as refused:
        world.request(Operation.PATCH)
    assert (refused.value.status, refused.value.field) == (429, "Sku")
    record = world.ledger.find("A1", f"{world.number:032d}")
    assert record is not None
    assert (record.status, record.announced) == (Status.FAILED, True)


def test_a_full_lane_does_not_end_the_sweep(monkeypatch: pytest.MonkeyPatch) -> None:
    """The requests of two submissions ended after their records; the lane of the first is full."""
    world = World(monkeypatch, 1)
    for _ in range(1 + MOST_QUEUED):
        world.request(Operation.PATCH)
    full, other = f"{world.number + 1:032d}", f"{world.number + 2:032d}"
    assert world.ledger.receive(full, LISTING, Payload(Operation.PATCH, full), "hash", None)
    world.time += timedelta(minutes=1)
    assert world.ledger.receive(other, replace(LISTING, sku="PEN"), Payload(Operation.PATCH, other), "hash", None)
    world.time += timedelta(minutes=10)
    world.sweep.run(lambda: False)
    record = world.ledger.find("A1", full)
    assert record is not None
    assert (record.status, record.announced) == (Status.FAILED, True)
    assert world.states.executions[other] == "RUNNING"


def test_a_lane_that_is_free_again_goes_to_the_first_that_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its holder has been gone for half a day, and the new submission is behind those that wait."""
    world = World(monkeypatch, 1)
    gone, first, second = (world.request(Operation.PATCH) for _ in range(3))
    world.time += timedelta(hours=13)
    third = world.request(Operation.PATCH)
    lane = world.ledger.lane(LISTING)
    assert (lane.holder, lane.waiters) == (first, (second, third))
    world.states.executions.pop(gone)
    world.settle()
    assert world.sent == [first, second, third]


def test_a_lane_without_a_holder_but_with_waiting_submissions_is_repaired(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(monkeypatch, 1)
    ids = [world.request(Operation.PATCH) for _ in range(3)]
    world.database.items[LISTING.lane, "A1"] |= {"Holder": {"S": ""}, "HeldTime": {"S": ""}}
    world.states.executions.clear()
    world.settle()
    assert world.sent == [*ids[1:]]
    statuses = {record.submission_id: record.status for record in world.records()}
    assert statuses[ids[0]] is Status.SUPERSEDED
