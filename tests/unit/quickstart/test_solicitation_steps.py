"""The workflow's two steps: what the ledger forbids, what SP-API answers, and what is written of it."""

import random
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from boto3.dynamodb.conditions import Attr
from urllib3.exceptions import ProtocolError

from orders_storm.amazon import ASK, CLIENT_ID, SUBMIT, Amazon
from orders_storm.cloud import DynamoDB, Trouble
from orders_storm.simulated_time import SimulatedTime
from quickstart.dynamodb import Table
from quickstart.solicitation_ledger import Solicitation, SolicitationLedger, State
from quickstart.solicitation_orders import OrderKey
from quickstart.solicitation_steps import SolicitationSteps, Step, UnknownMarketplaceError, next_step
from quickstart.token_vault import SellerUnknownError
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
    """The steps with Amazon and DynamoDB in memory, and one seller with one order."""

    time: SimulatedTime
    amazon: Amazon
    ledger: SolicitationLedger
    steps: SolicitationSteps

    @classmethod
    def new(cls, **record: Any) -> "World":
        time, chance = SimulatedTime(NOW), random.Random(1)
        amazon = Amazon(time, chance)
        amazon.state.sellers[KEY.seller_id] = Seller(KEY.seller_id, "", False, amazon.regions())
        amazon.state.authorizations["Atzr|token"] = Authorization(CLIENT_ID, KEY.seller_id)
        client: Any = DynamoDB(Trouble(chance))
        ledger = SolicitationLedger(Table(client, "table"))
        api = amazon.api()

        def seller(seller_id: str, region: Region, *, sandbox: bool) -> Caller:
            assert not sandbox

            def refresh_token(*, fresh: bool) -> str:  # noqa: ARG001
                if seller_id != KEY.seller_id:
                    raise SellerUnknownError(seller_id, region)
                return "Atzr|token"

            return api.for_seller(seller_id, region, refresh_token, Deadline.after(30))

        world = cls(time, amazon, ledger, SolicitationSteps(ledger, seller, time.now))
        world.put(replace(RECORD, **record))
        world.order()
        return world

    def put(self, record: Solicitation) -> None:
        self.ledger.change(record.key, lambda held: replace(record, version=held.version if held else 0))

    def order(self, **changed: Any) -> None:
        """The order at Amazon."""
        order = Order(KEY.order_id, KEY.seller_id, RECORD.marketplace_id, "Shipped", DELIVERED, DELIVERED)
        self.amazon.state.orders[KEY.order_id] = replace(order, **changed)

    def fault(self, operation: str, status: int, **fault: Any) -> None:
        self.amazon.state.faults.open.append(Fault("status", operation=operation, status=status, **fault))

    def record(self) -> Solicitation:
        found = self.ledger.find(KEY)
        assert found is not None
        return found

    def calls(self) -> list[tuple[str, int]]:
        return [(call.operation, call.status) for call in self.amazon.calls]

    def ask(self, execution: str = "one") -> Step:
        return self.steps.ask(KEY, execution)

    def submit(self, execution: str = "one") -> Step:
        return self.steps.submit(KEY, execution)


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
    assert timedelta(days=2) <= min(waits) < max(waits) < timedelta(days=2, hours=1)
    assert len(set(waits)) > 90


@pytest.mark.parametrize(("milliseconds", "seconds"), [(0, 1), (1, 1), (1000, 1), (1001, 2), (86_400_000, 86_400)])
def test_a_wait_is_in_whole_seconds_and_never_too_short(milliseconds: int, seconds: int) -> None:
    assert Step("WAIT", timedelta(milliseconds=milliseconds)).json()["WaitSeconds"] == seconds


@pytest.mark.parametrize("call", [World.ask, World.submit])
def test_before_its_time_an_order_is_not_asked(call: Any) -> None:
    world = World.new(state=State.WAITING, due=NOW + timedelta(seconds=1))
    step = call(world)
    assert step.name == "WAIT"
    world.time.run_until(NOW + step.wait)
    assert world.calls() == []
    assert world.ask().name == "SUBMIT"


def test_at_the_deadline_itself_an_order_is_still_asked() -> None:
    assert World.new(deadline=NOW).ask().name == "SUBMIT"


@pytest.mark.parametrize("whom", [KEY.seller_id, "*"])
@pytest.mark.parametrize("call", [World.ask, World.submit])
def test_who_is_excluded_is_not_asked_and_looked_at_again_a_day_later(whom: str, call: Any) -> None:
    world = World.new(state=State.WAITING)
    world.ledger.table.put({"AmazonOrderId": "#EXCLUDED", "SellerId": whom}, Attr("Version").not_exists())
    assert call(world).json() == {"Step": "WAIT", "WaitSeconds": 86400}
    assert "excluded" in world.record().last_answer
    assert world.calls() == []


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
    exchange = world.amazon._exchange

    def lost(*request: Any) -> Any:
        if sent:
            exchange(*request)
        raise ProtocolError("lost")

    with monkeypatch.context() as patched:
        patched.setattr(world.amazon, "_exchange", lost)
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
    waits = [next_step(replace(record, submits=count), NOW, excluded=False).wait for count in (1, 2, 3, 8, 50)]
    assert waits == [timedelta(minutes=minutes) for minutes in (10, 20, 40, 1280, 1440)]


def test_a_loss_that_cannot_be_looked_after_in_time_is_told() -> None:
    world = World.new(state=State.SUBMITTING, submits=1, submitted=NOW, deadline=NOW + timedelta(minutes=5))
    world.time.run_until(NOW + timedelta(minutes=10))
    assert world.ask().outcome == world.record().state == State.OUTCOME_UNKNOWN
    assert world.calls() == []


def test_a_throttled_request_gives_its_claim_back() -> None:
    world = World.new()
    world.ask()
    world.fault(SUBMIT, 429)
    with pytest.raises(ThrottledError):
        world.submit()
    assert (world.record().state, world.record().submits) == (State.WAITING, 0)
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


def test_a_cancellation_between_the_look_at_the_ledger_and_the_claim_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World.new(state=State.WAITING)

    def cancelling(_ledger: SolicitationLedger, _seller_id: str) -> bool:
        world.put(replace(world.record(), cancelled=True, state=State.CANCELLED))
        return False

    monkeypatch.setattr(SolicitationLedger, "excluded", cancelling)
    assert world.submit().json() == {"Step": "END", "Outcome": "CANCELLED"}
    assert world.calls() == []


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
        ({"marketplace_id": "A000000000000"}, None, UnknownMarketplaceError),
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


def test_a_failed_request_can_be_redriven_where_it_failed() -> None:
    world = World.new()
    world.ask()
    world.fault(SUBMIT, 403, code="Unauthorized", message="Access to requested resource is denied.")
    with pytest.raises(AccessDeniedError):
        world.submit()
    assert world.record().state is State.FAILED
    assert world.submit().outcome == State.SOLICITED


def test_a_seller_without_a_token_fails() -> None:
    world = World.new()
    other = replace(RECORD, key=OrderKey(KEY.order_id, "ANOTHER"))
    world.put(other)
    with pytest.raises(SellerUnknownError):
        world.steps.ask(other.key, "one")
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


def test_the_region_is_the_marketplaces() -> None:
    world = World.new()
    world.ask()
    assert {entry.endpoint for entry in world.amazon.state.request_log.entries if entry.operation == ASK} == {"eu"}
