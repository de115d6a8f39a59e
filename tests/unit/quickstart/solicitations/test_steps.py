"""The workflow's two steps: what the ledger forbids, what SP-API answers, and what is written of it."""

import random
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from unittest.mock import Mock

import pytest
from boto3.dynamodb.conditions import Attr
from botocore.exceptions import ClientError
from urllib3.exceptions import ProtocolError

from orders_storm.amazon import ASK, CLIENT_ID, SUBMIT, Amazon
from orders_storm.cloud import DynamoDB, Trouble
from orders_storm.simulated_time import SimulatedTime
from quickstart.call_slots import CallSlots
from quickstart.dynamodb import Table
from quickstart.solicitations.ledger import Situation, Solicitation, SolicitationLedger, State, call_slots
from quickstart.solicitations.orders import OrderKey
from quickstart.solicitations.steps import SolicitationSteps, Step, _spread, next_step
from quickstart.token_vault import SellerBeingRemovedError, SellerUnknownError
from sp_api import solicitations
from sp_api.caller import Caller
from sp_api.deadline import Deadline
from sp_api.errors import AccessDeniedError, AuthorizationError, ThrottledError, TransientError
from sp_api.regions import Region
from sp_api_simulator.faults import Fault
from sp_api_simulator.state import Authorization, Order, Seller

NOW = datetime(2026, 1, 10, 12, tzinfo=UTC)
KEY = OrderKey("903-8868176-2219830", "A3TH9S8BH6GOGM")
DELIVERED = NOW - timedelta(days=6)
RECORD = Solicitation(
    key=KEY,
    state=State.SCHEDULED,
    marketplace_id="A1F83G8C2ARO7P",
    due=NOW - timedelta(days=1),
    deadline=NOW + timedelta(days=24),
    changed=NOW - timedelta(days=7),
    registered=NOW - timedelta(days=7),
    started=True,
)


@dataclass
class World:
    """The steps with Amazon and DynamoDB in memory, and one seller with one order and one token for every region."""

    time: SimulatedTime
    amazon: Amazon
    ledger: SolicitationLedger
    steps: SolicitationSteps
    dynamodb: DynamoDB

    @classmethod
    def new(cls, **record: Any) -> "World":
        time, chance = SimulatedTime(NOW), random.Random(1)
        amazon = Amazon(time, chance)
        amazon.state.sellers[KEY.seller_id] = Seller(KEY.seller_id, "", False, amazon.regions())
        amazon.state.authorizations["Atzr|token"] = Authorization(CLIENT_ID, KEY.seller_id)
        dynamodb = DynamoDB(Trouble(chance))
        client: Any = dynamodb
        ledger = SolicitationLedger(Table(client, "table"))
        api = amazon.api()

        def seller(seller_id: str, region: Region, *, sandbox: bool) -> Caller:
            assert not sandbox

            return api.for_seller(seller_id, region, lambda *, fresh: "Atzr|token", Deadline.after(30))  # noqa: ARG005

        def slots(seller_id: str, region: Region) -> CallSlots:
            return replace(call_slots(ledger.table, seller_id, region), now=lambda: time.now().timestamp())

        steps = SolicitationSteps(ledger, Table(client, "selling-partners"), seller, slots, time.now)
        world = cls(time, amazon, ledger, steps, dynamodb)
        world.tokens("*")
        world.put(replace(RECORD, **record))
        world.order()
        return world

    def put(self, record: Solicitation) -> None:
        self.ledger.change(record.key, lambda held: replace(record, version=held.version if held else 0))

    def tokens(self, *region_codes: str) -> None:
        """For which regions the seller has tokens."""
        for code in (*Region, "*"):
            key = (KEY.seller_id, f"TOKEN#{code}")
            self.dynamodb.items.pop(key, None)
            if code in region_codes:
                self.dynamodb.items[key] = {"SellerId": {"S": key[0]}, "Item": {"S": key[1]}}

    def order(self, **changed: Any) -> None:
        """The order at Amazon."""
        order = Order(KEY.order_id, KEY.seller_id, RECORD.marketplace_id, "Shipped", DELIVERED, DELIVERED)
        self.amazon.state.orders[KEY.order_id] = replace(order, **changed)

    def fault(self, operation: str, status: int, **fault: Any) -> None:
        self.amazon.state.faults.open.append(Fault("status", operation=operation, status=status, **fault))

    def lose_answers(self, monkeypatch: pytest.MonkeyPatch, *, sent: bool) -> None:
        """Amazon gets the requests if `sent`, and no answer arrives."""
        exchange = self.amazon._exchange

        def lost(*request: Any) -> Any:
            if sent:
                exchange(*request)
            raise ProtocolError("lost")

        monkeypatch.setattr(self.amazon, "_exchange", lost)

    def record(self) -> Solicitation:
        found = self.ledger.find(KEY)
        assert found is not None
        return found

    def calls(self) -> list[tuple[str, int]]:
        return [(call.operation, call.status) for call in self.amazon.calls]

    def ask(self, execution: str = "one", *, has_slot: bool | None = False) -> Step:
        return self.steps.ask(KEY, execution, has_slot=has_slot)

    def submit(self, execution: str = "one") -> Step:
        return self.steps.submit(KEY, execution)


@pytest.mark.parametrize(("seconds", "name"), [(0, "SUBMIT"), (1, "END")])
def test_the_deadline_itself_is_in_time(seconds: int, name: str) -> None:
    late = RECORD.deadline + timedelta(seconds=seconds)
    assert next_step(RECORD, late, excluded=False).name == ("ASK" if name == "SUBMIT" else "END")
    submitting = replace(RECORD, state=State.SUBMITTING, submitted=NOW - timedelta(days=2), submits=1)
    assert next_step(submitting, late, excluded=False).name == ("ASK" if name == "SUBMIT" else "END")


@pytest.mark.parametrize(("seconds", "name"), [(-1, "WAIT"), (0, "ASK")])
def test_the_due_time_itself_is_late_enough(seconds: int, name: str) -> None:
    assert next_step(RECORD, RECORD.due + timedelta(seconds=seconds), excluded=False).name == name


LogLines = Callable[[], list[dict[str, Any]]]


def logged(log_lines: LogLines) -> list[tuple[Any, ...]]:
    """What the lines about the order say; each names it."""
    lines = [line for line in log_lines() if "asks" in line]
    assert {(line["level"], line["amazon_order_id"], line["seller_id"]) for line in lines} <= {
        ("INFO", KEY.order_id, KEY.seller_id)
    }
    return [tuple(line[name] for name in ("message", "state", "answer", "asks", "submits")) for line in lines]


def test_each_answer_is_logged(log_lines: LogLines) -> None:
    world = World.new()
    world.ask()
    world.submit()
    world.ask()
    assert logged(log_lines) == [
        ("asked whether a review can be requested", "WAITING", "available", 1, 0),
        ("review requested", "SOLICITED", "requested", 1, 1),
        ("order had ended before", "SOLICITED", "requested", 1, 1),
    ]


@pytest.mark.parametrize(
    ("record", "call", "line"),
    [
        ({}, World.submit, ("order is checked again", "SCHEDULED", "before", 0, 0)),
        ({"due": NOW + timedelta(1)}, World.ask, ("order waits", "SCHEDULED", "before", 0, 0)),
        ({"execution": "another"}, World.ask, ("order belongs to another execution", "SCHEDULED", "another", 0, 0)),
        (
            {"deadline": NOW - timedelta(1)},
            World.ask,
            ("order concluded", "FINISHED_WITHOUT_SOLICITATION", "before", 0, 0),
        ),
        (
            {"state": State.SUBMITTING, "submits": 1, "submitted": NOW - timedelta(1), "marketplace_id": "A2ANOTHER"},
            World.ask,
            ("order concluded", "OUTCOME_UNKNOWN", None, 0, 1),
        ),
    ],
)
def test_each_other_end_of_a_step_is_logged(
    record: dict[str, Any], call: Any, line: tuple[Any, ...], log_lines: LogLines
) -> None:
    world = World.new(**{"last_answer": "before", **record})
    call(world)
    *said, answer, asks, submits = line
    assert logged(log_lines) == [(*said, answer or world.record().last_answer, asks, submits)]


def test_a_lost_answer_is_logged_and_what_became_of_it(log_lines: LogLines, monkeypatch: pytest.MonkeyPatch) -> None:
    world = World.new()
    world.ask()
    with monkeypatch.context() as patched:
        world.lose_answers(patched, sent=True)
        world.submit()
    world.time.run_until(NOW + timedelta(minutes=10))
    world.ask()
    lost = "createProductReviewAndSellerFeedbackSolicitation: the connection broke before the response was complete"
    assert logged(log_lines) == [
        ("asked whether a review can be requested", "WAITING", "available", 1, 0),
        ("review requested, but the answer was lost", "SUBMITTING", lost, 1, 1),
        ("asked whether a review can be requested", "SOLICITED", "not available", 2, 1),
        ("review requested", "SOLICITED", "the answer was lost, and SP-API no longer offers the request", 2, 1),
    ]


def test_an_order_without_a_record_is_logged(log_lines: LogLines) -> None:
    world = World.new()
    world.dynamodb.items.clear()
    world.ask()
    ((message, order_id, seller_id),) = (
        (line["message"], line["amazon_order_id"], line["seller_id"]) for line in log_lines()
    )
    assert message == "order is no longer in the solicitations table"
    assert (order_id, seller_id) == (KEY.order_id, KEY.seller_id)


def test_an_order_is_asked_and_requested() -> None:
    world = World.new()
    assert world.ask().json() == {"Step": "SUBMIT"}
    assert world.record().state is State.WAITING
    assert world.submit().json() == {"Step": "END", "Outcome": "SOLICITED"}
    record = world.record()
    assert (record.state, record.asks, record.submits, record.submitted) == (State.SOLICITED, 1, 1, NOW)
    assert world.calls() == [(ASK, 200), (SUBMIT, 201)]
    assert world.ask().json() == world.submit().json() == {"Step": "END", "Outcome": "SOLICITED"}
    assert len(world.calls()) == 2


def test_an_order_that_is_not_eligible_is_asked_again_a_day_later() -> None:
    world = World.new()
    world.order(solicited=True)
    assert world.ask().json() == {"Step": "WAIT", "WaitSeconds": 86400}
    assert world.record().last_answer == "not available"


@pytest.mark.parametrize(
    ("record", "step"),
    [
        ({"deadline": NOW - timedelta(seconds=1)}, {"Step": "END", "Outcome": "FINISHED_WITHOUT_SOLICITATION"}),
        ({"cancelled": True}, {"Step": "END", "Outcome": "CANCELLED"}),
        ({"execution": "another"}, {"Step": "END", "Outcome": "DUPLICATE"}),
        *[({"state": state}, {"Step": "END", "Outcome": state}) for state in State if state.final],
    ],
)
@pytest.mark.parametrize("call", [World.ask, World.submit])
def test_what_the_ledger_forbids_is_not_asked(record: dict[str, Any], step: dict[str, Any], call: Any) -> None:
    world = World.new(**{"state": State.WAITING, **record})
    assert call(world).json() == step
    assert world.calls() == []
    if step.get("Outcome") in set(State):
        assert world.record().state == step["Outcome"]


def test_orders_that_wait_for_the_same_date_go_on_at_different_times_of_the_hour_after_it() -> None:
    due = NOW + timedelta(days=2)
    waits = [
        next_step(replace(RECORD, key=OrderKey(f"903-{number}", "A"), due=due), NOW, excluded=False).wait
        for number in range(100)
    ]
    assert len(set(waits)) > 90
    spread = {_spread(OrderKey(f"903-{number}", "A")) for number in range(50_000)}
    assert spread == {timedelta(seconds=seconds) for seconds in range(3600)}
    assert timedelta(days=2) <= min(waits) < max(waits) < timedelta(days=2, hours=1)


@pytest.mark.parametrize(("milliseconds", "seconds"), [(0, 1), (1, 1), (1000, 1), (1001, 2), (86_400_000, 86_400)])
def test_a_wait_is_in_whole_seconds_and_never_too_short(milliseconds: int, seconds: int) -> None:
    assert Step("WAIT", timedelta(milliseconds=milliseconds)).json()["WaitSeconds"] == seconds


@pytest.mark.parametrize("call", [World.ask, World.submit])
def test_before_its_time_an_order_is_not_asked(call: Any) -> None:
    world = World.new(state=State.WAITING, due=NOW + timedelta(seconds=1))
    step = call(world)
    assert step.name == "WAIT"
    assert world.record().last_answer == ""
    assert world.record().execution == ("one" if call is World.ask else "")
    world.time.run_until(NOW + step.wait)
    assert world.calls() == []
    assert world.ask().name == "SUBMIT"


def test_at_the_deadline_itself_an_order_is_still_asked() -> None:
    assert World.new(deadline=NOW).ask().name == "SUBMIT"


@pytest.mark.parametrize("whom", [KEY.seller_id, "*"])
@pytest.mark.parametrize("call", [World.ask, World.submit])
def test_an_excluded_seller_waits_a_day_without_a_call(whom: str, call: Any) -> None:
    world = World.new(state=State.WAITING)
    world.ledger.table.put({"AmazonOrderId": "#EXCLUDED", "SellerId": whom}, Attr("Version").not_exists())
    assert call(world).json() == {"Step": "WAIT", "WaitSeconds": 86400}
    assert world.record().last_answer == "not requested: the seller, or everyone, is excluded"
    assert world.calls() == []


@pytest.mark.parametrize("call", [World.ask, World.submit])
def test_the_end_of_an_excluded_sellers_order_stays_as_it_is(call: Any) -> None:
    world = World.new(state=State.SOLICITED, last_answer="requested", execution="one")
    world.ledger.table.put({"AmazonOrderId": "#EXCLUDED", "SellerId": "*"}, Attr("Version").not_exists())
    before = world.record()
    assert call(world).outcome == State.SOLICITED
    assert world.record() == before


def test_another_sellers_exclusion_does_not_matter() -> None:
    world = World.new()
    world.ledger.table.put({"AmazonOrderId": "#EXCLUDED", "SellerId": "ANOTHER"}, Attr("Version").not_exists())
    assert world.ask().name == "SUBMIT"


@pytest.mark.parametrize("call", [World.ask, World.submit])
def test_an_order_whose_record_was_deleted_ends(call: Any) -> None:
    world = World.new()
    client: Any = world.ledger.table.client
    client.items.clear()
    assert call(world).json() == {"Step": "END", "Outcome": "FORGOTTEN"}
    assert world.calls() == []


def test_an_unclaimed_order_is_asked_about_before_a_request() -> None:
    world = World.new()
    assert world.submit().json() == {"Step": "WAIT", "WaitSeconds": 1}
    assert world.calls() == []


@pytest.mark.parametrize("sent", [True, False])
@pytest.mark.parametrize("cancelled", [True, False])
def test_a_lost_answer_is_looked_after(sent: bool, cancelled: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    world = World.new()
    world.ask()
    with monkeypatch.context() as patched:
        world.lose_answers(patched, sent=sent)
        assert world.submit().json() == {"Step": "WAIT", "WaitSeconds": 600}
    assert world.record().state is State.SUBMITTING
    if cancelled:
        world.put(replace(world.record(), cancelled=True))
    assert world.submit().json() == world.ask().json() == {"Step": "WAIT", "WaitSeconds": 600}
    world.time.run_until(NOW + timedelta(minutes=10))
    step = world.ask()
    if sent:
        assert step.outcome == world.record().state == State.SOLICITED
    elif cancelled:
        assert step.outcome == world.record().state == State.CANCELLED
    else:
        assert (step.name, world.record().state) == ("SUBMIT", State.WAITING)
        assert world.submit().outcome == State.SOLICITED


def test_each_further_loss_doubles_the_wait_up_to_a_day() -> None:
    record = replace(RECORD, state=State.SUBMITTING, submitted=NOW)
    waits = [next_step(replace(record, submits=count), NOW, excluded=False).wait for count in (0, 1, 2, 3, 8, 50)]
    assert waits == [timedelta(minutes=minutes) for minutes in (10, 10, 20, 40, 1280, 1440)]
    unknown = replace(record, submits=1, submitted=None)
    assert next_step(unknown, NOW, excluded=False) == Step("WAIT", timedelta(minutes=10))


def test_a_lost_answer_that_cannot_be_checked_in_time_is_recorded() -> None:
    world = World.new(state=State.SUBMITTING, submits=1, submitted=NOW, deadline=NOW + timedelta(minutes=5))
    world.time.run_until(NOW + timedelta(minutes=10))
    assert world.ask().outcome == world.record().state == State.OUTCOME_UNKNOWN
    assert world.calls() == []


def test_orders_beyond_the_quota_wait_for_their_slot() -> None:
    world = World.new()
    world.order(solicited=True)
    # An order that is not available yet may be asked about at any time.
    assert [world.ask().json()["WaitSeconds"] for _ in range(4)] == [86400] * 4
    assert world.ask().json() == {"Step": "WAIT", "WaitSeconds": 1, "HasSlot": True}
    assert world.ask().json() == {"Step": "WAIT", "WaitSeconds": 2, "HasSlot": True}
    assert len(world.calls()) == 4
    assert world.ask(has_slot=True).json() == {"Step": "WAIT", "WaitSeconds": 86400}
    assert len(world.calls()) == 5


def test_who_waits_for_a_slot_owns_the_order() -> None:
    world = World.new()
    slots = world.steps.slots(KEY.seller_id, Region.EU)
    assert [slots.take() for _ in range(4)] == [0] * 4
    assert world.ask().json() == {"Step": "WAIT", "WaitSeconds": 1, "HasSlot": True}
    assert world.record().execution == "one"


def test_a_throttled_question_gets_a_new_slot(log_lines: LogLines) -> None:
    world = World.new()
    world.fault(ASK, 429, code="QuotaExceeded", message="Too many.")
    assert world.ask(has_slot=True).json() == {"Step": "WAIT", "WaitSeconds": 1, "HasSlot": True}
    assert world.record().execution == "one"
    (line,) = log_lines()
    assert (line["level"], line["message"]) == ("WARNING", "SP-API throttles the call")
    assert (
        line["reason"]
        == "getSolicitationActionsForOrder: HTTP 429 QuotaExceeded: Too many. [request "
        + (line["reason"].partition("[request ")[2])
    )
    assert line["wait_seconds"] == 1
    assert world.ask(has_slot=True).json() == {"Step": "SUBMIT"}


def test_an_execution_of_before_there_were_slots_retries_a_throttled_question() -> None:
    world = World.new()
    world.fault(ASK, 429)
    with pytest.raises(ThrottledError):
        world.ask(has_slot=None)


@pytest.mark.parametrize("has_slot", [True, False, None])
def test_a_throttled_request_for_a_token_is_no_matter_of_slots(has_slot: bool | None) -> None:
    world = World.new()
    world.fault("getAccessToken", 429)
    with pytest.raises(ThrottledError, match="LWA refresh_token") as raised:
        world.ask(has_slot=has_slot)
    record = world.record()
    assert (record.last_answer, record.execution, record.state) == (str(raised.value), "one", State.SCHEDULED)


def test_a_throttled_request_gives_its_claim_back() -> None:
    world = World.new()
    world.ask()
    world.fault(SUBMIT, 429)
    with pytest.raises(ThrottledError) as raised:
        world.submit()
    record = world.record()
    assert (record.state, record.submits, record.last_answer) == (State.WAITING, 0, str(raised.value))
    assert world.submit().outcome == State.SOLICITED


def test_a_cancellation_during_a_throttled_request_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World.new(state=State.WAITING)
    world.fault(SUBMIT, 429)
    exchange = world.amazon._exchange

    def cancelling(*request: Any) -> Any:
        world.put(replace(world.record(), cancelled=True))
        return exchange(*request)

    monkeypatch.setattr(world.amazon, "_exchange", cancelling)
    with pytest.raises(ThrottledError):
        world.submit()
    assert world.record().state is State.CANCELLED


@pytest.mark.parametrize("state", [State.WAITING, State.CANCELLED])
def test_a_cancellation_between_the_look_at_the_ledger_and_the_claim_counts(
    state: State, monkeypatch: pytest.MonkeyPatch, log_lines: LogLines
) -> None:
    world = World.new(state=State.WAITING, last_answer="available")

    look_up = SolicitationLedger.look_up

    def cancelling(ledger: SolicitationLedger, key: OrderKey, selling_partners: Table) -> Situation | None:
        found = look_up(ledger, key, selling_partners)
        world.put(replace(world.record(), cancelled=True, state=state))
        return found

    monkeypatch.setattr(SolicitationLedger, "look_up", cancelling)
    assert world.submit().json() == {"Step": "END", "Outcome": "CANCELLED"}
    assert world.calls() == []
    assert logged(log_lines) == [("order changed before its review was requested", state, "available", 0, 0)]


def test_an_order_that_another_execution_takes_before_the_claim_is_left_to_it(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World.new(state=State.WAITING)

    look_up = SolicitationLedger.look_up

    def taken(ledger: SolicitationLedger, key: OrderKey, selling_partners: Table) -> Situation | None:
        found = look_up(ledger, key, selling_partners)
        world.put(replace(world.record(), execution="another"))
        return found

    monkeypatch.setattr(SolicitationLedger, "look_up", taken)
    world.submit()
    assert world.calls() == []
    assert (world.record().execution, world.record().submits) == ("another", 0)


def test_a_failing_ask_is_noted() -> None:
    world = World.new()
    world.fault(ASK, 503)
    with pytest.raises(TransientError):
        world.ask()
    assert "503" in world.record().last_answer
    assert (world.record().asks, world.record().state) == (0, State.SCHEDULED)


@pytest.mark.parametrize(
    ("record", "fault", "error"),
    [
        ({}, (ASK, 403), AccessDeniedError),
        ({}, ("getAccessToken", 400), AuthorizationError),
    ],
)
def test_a_failure_is_in_the_ledger_and_a_redrive_goes_on(record: dict[str, Any], fault: Any, error: Any) -> None:
    world = World.new(**record)
    if fault:
        world.fault(*fault)
    with pytest.raises(error) as raised:
        world.ask()
    failed = world.record()
    assert (failed.state, failed.last_answer, failed.execution) == (State.FAILED, str(raised.value), "")
    world.put(replace(failed, marketplace_id=RECORD.marketplace_id))
    assert world.ask().name == "SUBMIT"
    assert world.submit().outcome == State.SOLICITED


NEVER = [
    ({"marketplace_id": "A000000000000"}, None),
    ({"marketplace_id": "Non-Amazon US"}, None),
    ({}, (400, "InvalidInput", "marketplaceIds is not valid")),
    ({}, (404, "NotFound", "The order was not found")),
    ({}, (409, "Conflict", "The order is in another state")),
    ({}, (403, "Unauthorized", "Solicitations are not supported in this marketplace.")),
]


@pytest.mark.parametrize(("record", "fault"), NEVER)
def test_an_order_for_which_no_call_can_succeed_ends_without_a_failure(record: dict[str, Any], fault: Any) -> None:
    world = World.new(**record)
    if fault:
        world.fault(ASK, fault[0], code=fault[1], message=fault[2])
    assert world.ask().json() == {"Step": "END", "Outcome": "NOT_AVAILABLE"}
    ended = world.record()
    assert ended.state.final
    if fault:
        assert ended.last_answer.startswith(f"{ASK}: HTTP {fault[0]} {fault[1]}: {fault[2]}")
    else:
        assert ended.last_answer == (
            f"marketplace {record['marketplace_id']} of order {KEY.order_id} is not in Amazon's published list, and "
            f"the region cannot be derived from the tokens of seller {KEY.seller_id}"
        )
    calls = world.calls()
    assert world.ask().outcome == State.NOT_AVAILABLE
    assert world.calls() == calls


@pytest.mark.parametrize(("record", "fault"), NEVER)
def test_so_does_one_whose_request_is_refused_for_ever(record: dict[str, Any], fault: Any) -> None:
    world = World.new()
    world.ask()
    world.put(replace(world.record(), **record))
    if fault:
        world.fault(SUBMIT, fault[0], code=fault[1], message=fault[2])
    assert world.submit().outcome == State.NOT_AVAILABLE
    assert world.record().state is State.NOT_AVAILABLE


def test_an_order_that_ends_without_a_request_is_logged_with_the_reason(log_lines: LogLines) -> None:
    world = World.new()
    world.fault(ASK, 404, code="NotFound", message="The order was not found")
    world.ask()
    warning, _ = log_lines()
    reason = world.record().last_answer
    assert (warning["level"], warning["message"]) == ("WARNING", "no review can be requested for this order")
    assert warning["reason"] == reason
    assert logged(log_lines) == [("order concluded", "NOT_AVAILABLE", reason, 0, 0)]


@pytest.mark.parametrize(
    ("message", "state"),
    [
        ("The requested solicitation is not available for this amazonOrderId.", State.ALREADY_SOLICITED),
        (
            "You can't use this feature to request a review outside the 5-30 day range after the order delivery date.",
            State.OUTSIDE_WINDOW,
        ),
    ],
)
def test_a_refusal_of_the_request_itself_ends_the_order(message: str, state: State, log_lines: LogLines) -> None:
    world = World.new(state=State.WAITING)
    world.fault(SUBMIT, 403, code="Unauthorized", message=message)
    assert world.submit().json() == {"Step": "END", "Outcome": state}
    record = world.record()
    assert record.state is state
    assert record.last_answer.startswith(f"{SUBMIT}: HTTP 403 Unauthorized: {message}")
    assert logged(log_lines) == [("order concluded", state, record.last_answer, 0, 1)]


def test_a_request_that_was_not_sent_gives_its_claim_back() -> None:
    world = World.new(state=State.WAITING)
    world.fault("getAccessToken", 503)
    with pytest.raises(TransientError) as raised:
        world.submit()
    record = world.record()
    assert (record.state, record.submits, record.last_answer) == (State.WAITING, 0, str(raised.value))
    assert world.submit().outcome == State.SOLICITED


def test_a_token_that_is_gone_when_the_request_is_sent_fails_the_order(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World.new(state=State.WAITING)
    gone = SellerUnknownError(KEY.seller_id, Region.EU)
    monkeypatch.setattr(solicitations, "create_product_review_and_seller_feedback_solicitation", Mock(side_effect=gone))
    with pytest.raises(SellerUnknownError):
        world.submit()
    record = world.record()
    assert (record.state, record.last_answer, record.execution) == (State.FAILED, str(gone), "")


NEW_MARKETPLACE = "A000000000000"


def test_about_a_marketplace_that_is_not_in_the_list_sp_api_is_asked_in_the_sellers_only_region() -> None:
    world = World.new(marketplace_id=NEW_MARKETPLACE)
    world.tokens(Region.FE)
    world.order(marketplace_id=NEW_MARKETPLACE)
    assert world.ask().name == "SUBMIT"
    assert world.submit().outcome == State.SOLICITED
    endpoints = {entry.endpoint for entry in world.amazon.state.request_log.entries if entry.operation in (ASK, SUBMIT)}
    assert endpoints == {"fe"}


@pytest.mark.parametrize("operation", [ASK, SUBMIT])
def test_a_refusal_of_such_a_marketplace_is_final_and_no_failure(operation: str) -> None:
    world = World.new(marketplace_id=NEW_MARKETPLACE)
    world.tokens(Region.FE)
    world.order(marketplace_id=NEW_MARKETPLACE)
    world.fault(operation, 403, code="Unauthorized", message="Access to requested resource is denied.")
    if operation == SUBMIT:
        world.ask()
    ended = world.ask() if operation == ASK else world.submit()
    assert ended.outcome == State.NOT_AVAILABLE
    assert "Access to requested resource is denied" in world.record().last_answer


def test_a_lost_answer_is_not_forgotten_because_a_later_call_is_refused() -> None:
    world = World.new()
    world.ask()
    world.put(replace(world.record(), state=State.SUBMITTING, submitted=NOW - timedelta(days=1), submits=1))
    world.fault(ASK, 404, code="NotFound", message="The order was not found")
    assert world.ask().outcome == State.OUTCOME_UNKNOWN
    assert world.record().last_answer.startswith(f"{ASK}: HTTP 404 NotFound: The order was not found")


def test_a_failed_request_can_be_redriven_where_it_failed() -> None:
    world = World.new()
    world.ask()
    world.fault(SUBMIT, 403, code="Unauthorized", message="Access to requested resource is denied.")
    with pytest.raises(AccessDeniedError):
        world.submit()
    assert world.record().state is State.FAILED
    assert world.submit().outcome == State.SOLICITED


def test_an_order_of_a_seller_without_any_token_is_asked_again_because_a_removal_may_be_in_progress() -> None:
    world = World.new()
    other = replace(RECORD, key=OrderKey(KEY.order_id, "ANOTHER"))
    world.put(other)
    with pytest.raises(SellerBeingRemovedError, match="DELETE /tokens/ANOTHER is in progress, or must be sent again"):
        world.steps.ask(other.key, "one", has_slot=False)
    found = world.ledger.find(other.key)
    assert found is not None
    assert found.state is State.FAILED
    assert "POST /tokens" in found.last_answer


def test_two_executions_of_one_order_make_one_request() -> None:
    world = World.new()
    assert world.ask("one").name == "SUBMIT"
    assert world.ask("two").outcome == "DUPLICATE"
    assert world.submit("two").outcome == "DUPLICATE"
    assert world.submit("one").outcome == State.SOLICITED


def test_a_token_that_was_deleted_is_not_used_although_the_function_is_warm() -> None:
    world = World.new()
    world.ask()
    world.tokens()
    for step in (world.ask, world.submit):
        with pytest.raises(SellerBeingRemovedError):
            step()
    world.tokens("FE")
    for step in (world.ask, world.submit):
        with pytest.raises(SellerUnknownError):
            step()
    assert world.calls() == [(ASK, 200)]


def test_an_execution_that_asks_beside_another_leaves_the_order_to_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Scheduler may start two executions at the same moment. Only one records its answer."""
    world = World.new()
    exchange = world.amazon._exchange
    others: list[str] = []

    def exchange_after_the_other(method: str, url: str, *request: Any) -> Any:
        answer = exchange(method, url, *request)
        if "/orders/" in url:
            monkeypatch.undo()
            others.extend((world.ask("two").name, world.submit("two").outcome))
        return answer

    monkeypatch.setattr(world.amazon, "_exchange", exchange_after_the_other)
    assert world.ask("one").outcome == "DUPLICATE"
    assert others == ["SUBMIT", State.SOLICITED]
    assert (world.record().execution, world.record().state, world.record().asks) == ("two", State.SOLICITED, 1)


def test_an_execution_that_fails_beside_another_does_not_fail_the_order(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World.new()
    world.fault(ASK, 403, code="Unauthorized", message="Access to requested resource is denied.")
    exchange = world.amazon._exchange

    def exchange_after_the_other(method: str, url: str, *request: Any) -> Any:
        answer = exchange(method, url, *request)
        if "/orders/" in url:
            monkeypatch.undo()
            world.ask("two")
        return answer

    monkeypatch.setattr(world.amazon, "_exchange", exchange_after_the_other)
    assert world.ask("one").outcome == "DUPLICATE"
    assert (world.record().execution, world.record().state) == ("two", State.WAITING)


@pytest.mark.parametrize("has_slot", [False, True])
def test_an_order_takes_as_few_calls_to_dynamodb_as_it_can(has_slot: bool) -> None:
    """docs/performance.md, "Calls of an order". The look at the ledger reads the exclusions and the tokens too."""
    world = World.new()
    calls: list[str] = []
    for name in ("batch_get_item", "get_item", "put_item", "update_item"):
        original = getattr(world.dynamodb, name)

        def noted(*, name: str = name, original: Any = original, **given: Any) -> Any:
            calls.append(name)
            return original(**given)

        setattr(world.dynamodb, name, noted)
    assert world.ask(has_slot=has_slot).name == "SUBMIT"
    slot = [] if has_slot else ["update_item"]
    assert calls == ["batch_get_item", *slot, "put_item"]
    calls.clear()
    assert world.submit().outcome == State.SOLICITED
    assert calls == ["batch_get_item", "put_item", "put_item"]


def test_two_invocations_of_one_execution_make_one_request(monkeypatch: pytest.MonkeyPatch) -> None:
    """Step Functions calls a function again when it no longer hears of it, also while it still runs."""
    world = World.new()
    world.ask()
    put = world.ledger.table.client.put_item
    others: list[Step] = []

    def put_after_the_other(**item: Any) -> None:
        monkeypatch.undo()
        others.append(world.submit())
        put(**item)

    monkeypatch.setattr(world.ledger.table.client, "put_item", put_after_the_other)
    assert world.submit().outcome == State.SOLICITED
    assert [step.outcome for step in others] == [State.SOLICITED]
    assert world.calls() == [(ASK, 200), (SUBMIT, 201)]


def test_an_invocation_does_not_take_the_claim_of_another_for_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World.new()
    world.ask()
    put = world.ledger.table.client.put_item

    def put_after_the_other(**item: Any) -> None:
        monkeypatch.undo()
        world.put(replace(world.record(), state=State.SUBMITTING, submits=1, submitted=NOW))
        put(**item)

    monkeypatch.setattr(world.ledger.table.client, "put_item", put_after_the_other)
    assert world.submit().json() == {"Step": "WAIT", "WaitSeconds": 600}
    assert world.calls() == [(ASK, 200)]


def test_when_aws_fails_before_the_request_the_claim_is_given_back(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World.new()
    world.ask()
    denied = ClientError({"Error": {"Code": "AccessDeniedException"}}, "Decrypt")
    with monkeypatch.context() as patched:
        patched.setattr(
            solicitations, "create_product_review_and_seller_feedback_solicitation", Mock(side_effect=denied)
        )
        with pytest.raises(ClientError):
            world.submit()
    record = world.record()
    assert (record.state, record.submits, record.last_answer) == (
        State.WAITING,
        0,
        "Decrypt failed: AccessDeniedException",
    )
    assert world.submit().outcome == State.SOLICITED


def test_a_redriven_execution_owns_the_order_again() -> None:
    world = World.new()
    world.ask()
    world.fault(SUBMIT, 403)
    with pytest.raises(AccessDeniedError):
        world.submit()
    assert world.record().execution == ""
    world.amazon.state.faults.open.clear()
    assert world.submit().outcome == State.SOLICITED
    assert world.record().execution == "one"


def test_the_region_is_the_marketplaces() -> None:
    world = World.new()
    world.ask()
    assert {entry.endpoint for entry in world.amazon.state.request_log.entries if entry.operation == ASK} == {"eu"}
