"""Runs a storm and collects the results."""

import json
import logging
import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from orders_storm.amazon import ASK, CLIENT_ID, STATE_MACHINE, SUBMIT, Amazon, OrderCall
from orders_storm.cloud import DynamoDB, InternalServerError, Scheduler, StepFunctions, Trouble
from orders_storm.machine import Machine
from orders_storm.orders import DAY, Plan, plans
from orders_storm.simulated_time import SimulatedTime
from quickstart.call_slots import CallSlots
from quickstart.dynamodb import Table
from quickstart.solicitations.ledger import Solicitation, SolicitationLedger, call_slots
from quickstart.solicitations.orders import WINDOW_CLOSES_AFTER, WINDOW_OPENS_AFTER, OrderKey, read_order_change
from quickstart.solicitations.scheduling import Arranger, schedule_solicitation
from quickstart.solicitations.steps import SolicitationSteps
from sp_api.caller import Caller
from sp_api.deadline import Deadline
from sp_api.regions import Region
from sp_api_simulator.state import Authorization, Seller

BEGIN = datetime(2026, 1, 5, tzinfo=UTC)
DELAY = timedelta(days=5)
MACHINE_ARN = "arn:aws:states:us-east-1:111122223333:stateMachine:Solicitation"
VISIBILITY_SECONDS, RECEIVES = 180, 5
# The share of notifications that arrive more than once, and that arrive up to six hours late.
COPIED, DELAYED = 0.25, 0.1


@dataclass(frozen=True)
class Storm:
    """Settings of a storm: shares of calls or responses that fail. `quota` is the factor for SP-API's rate limits."""

    orders: int = 10_000
    sellers: int = 50
    days: int = 40
    seed: int = 1
    aws_failing: float = 0.003
    sp_api_failing: float = 0.01
    answers_lost: float = 0.01
    fired_twice: float = 0.02
    outages: bool = True
    quota: float = 1.0


def calm(storm: Storm) -> Storm:
    """The same orders without failures."""
    return replace(storm, aws_failing=0, sp_api_failing=0, answers_lost=0, fired_twice=0, outages=False)


@dataclass(frozen=True)
class OrderResult:
    """The result for one order. `requested` has the times when Amazon accepted a review request."""

    plan: Plan
    record: Solicitation | None
    calls: tuple[OrderCall, ...]
    requested: tuple[datetime, ...]
    within_window: bool


@dataclass(frozen=True)
class Result:
    """The result of a storm."""

    storm: Storm
    orders: tuple[OrderResult, ...]
    statuses: Counter[tuple[str, int]]
    notifications: int
    lost_answers: int
    aws_failures: int
    schedules_left: int
    executions: Counter[str]
    dead_letters: int
    table_writes: int


def run(storm: Storm) -> Result:
    """Runs the whole storm as fast as possible."""
    logging.getLogger("sp_api_simulator").setLevel(logging.WARNING)
    chance = random.Random(storm.seed)  # noqa: S311 - repeatable, and not for security
    time = SimulatedTime(BEGIN)
    amazon = Amazon(time, chance, lost=storm.answers_lost, failing=storm.sp_api_failing)
    amazon.state.rate_limits.scale = storm.quota
    trouble = Trouble(chance, storm.aws_failing)
    dynamodb = DynamoDB(trouble)
    client: Any = dynamodb
    ledger = SolicitationLedger(Table(client, "solicitations"))
    states, scheduler = _workflows(time, chance, amazon, ledger, dynamodb, storm)
    arranger = Arranger(
        ledger=ledger,
        scheduler=scheduler,
        states=states,  # type: ignore[arg-type]
        state_machine_arn=MACHINE_ARN,
        group_name="group",
        role_arn="arn:aws:iam::111122223333:role/Schedule",
        dead_letter_queue_arn="arn:aws:sqs:us-east-1:111122223333:dead-letters",
        now=time.now,
    )
    dead: list[str] = []
    sent = 0
    planned = list(plans(storm.orders, storm.sellers, BEGIN, chance))
    for plan in planned:
        for moment, order in plan.truth:
            time.at(moment, _set_order(amazon, plan, order))
        for notice in plan.notices:
            for _ in range(1 + (chance.randint(1, 3) if chance.random() < COPIED else 0)):
                late = chance.uniform(60, 6 * 3600) if chance.random() < DELAYED else chance.uniform(0, 60)
                arrives = notice.sent + timedelta(seconds=late)
                time.at(arrives, _message(plan.body(notice), arrives, ledger, arranger, time, dead))
                sent += 1
    if storm.outages:
        amazon.outage(BEGIN + 7.3 * DAY, 6, "", 503)
        amazon.outage(BEGIN + 8.7 * DAY, 2, SUBMIT, 504)
        amazon.outage(BEGIN + 10.1 * DAY, 30, ASK, 500)
    time.run_until(BEGIN + storm.days * DAY)
    return Result(
        storm=storm,
        orders=tuple(_results(planned, amazon, ledger)),
        statuses=amazon.statuses(),
        notifications=sent,
        lost_answers=amazon.lost_answers,
        aws_failures=trouble.count,
        schedules_left=len(scheduler.schedules),
        executions=Counter(execution.status for execution in states.executions.values()),
        dead_letters=len(dead),
        table_writes=dynamodb.writes,
    )


def _workflows(
    time: SimulatedTime,
    chance: random.Random,
    amazon: Amazon,
    ledger: SolicitationLedger,
    dynamodb: DynamoDB,
    storm: Storm,
) -> tuple[StepFunctions, Scheduler]:
    api = amazon.api()
    for number in range(storm.sellers):
        seller_id = f"ASELLER{number:07d}"
        amazon.state.sellers[seller_id] = Seller(seller_id, "", False, frozenset(amazon.regions()))
        amazon.state.authorizations[f"Atzr|{seller_id}"] = Authorization(CLIENT_ID, seller_id)
        dynamodb.items[seller_id, "TOKEN#*"] = {"SellerId": {"S": seller_id}, "Item": {"S": "TOKEN#*"}}

    def seller(seller_id: str, region: Region, *, sandbox: bool) -> Caller:  # noqa: ARG001
        return api.for_seller(seller_id, region, lambda *, fresh: f"Atzr|{seller_id}", Deadline.after(30))  # noqa: ARG005

    def slots(seller_id: str, region: Region) -> CallSlots:
        return replace(call_slots(ledger.table, seller_id, region), now=lambda: time.now().timestamp())

    selling_partners = Table(ledger.table.client, "selling-partners")
    steps = SolicitationSteps(ledger, selling_partners, seller, slots, time.now)

    def ask(event: Any) -> Any:
        key = OrderKey(event["AmazonOrderId"], event["SellerId"])
        return steps.ask(key, event["Execution"], has_slot=event["HasSlot"]).json()

    def submit(event: Any) -> Any:
        return steps.submit(OrderKey(event["AmazonOrderId"], event["SellerId"]), event["Execution"]).json()

    functions = {"${SPAPIGetSolicitationActionsArn}": ask, "${SPAPISubmitSolicitationArn}": submit}
    machine = Machine(json.loads(STATE_MACHINE.read_text()), functions, time, chance)
    states = StepFunctions(machine, dynamodb.trouble)
    return states, Scheduler(states, time, chance, dynamodb.trouble, storm.fired_twice)


def _set_order(amazon: Amazon, plan: Plan, order: Any) -> Callable[[], None]:
    def set_order() -> None:
        known = amazon.state.orders.get(plan.order_id)
        solicited = order.solicited or (known is not None and known.solicited)
        amazon.state.orders[plan.order_id] = replace(order, solicited=solicited)

    return set_order


def _message(
    body: str,
    sent: datetime,
    ledger: SolicitationLedger,
    arranger: Arranger,
    time: SimulatedTime,
    dead: list[str],
    receives: int = 1,
) -> Callable[[], None]:
    """Handles a message like the scheduler function. SQS redelivers it after a failure, for at most five receives."""

    def receive() -> None:
        try:
            change = read_order_change(body, sent)
            if change is not None:
                schedule_solicitation(change, ledger, arranger, DELAY, lambda _seller_id: True)
        except InternalServerError:
            if receives == RECEIVES:
                dead.append(body)
                return
            time.after(VISIBILITY_SECONDS, _message(body, sent, ledger, arranger, time, dead, receives + 1))

    return receive


def _results(planned: list[Plan], amazon: Amazon, ledger: SolicitationLedger) -> list[OrderResult]:
    calls: dict[str, list[OrderCall]] = {}
    for call in amazon.calls:
        calls.setdefault(call.order_id, []).append(call)
    results = []
    for plan in planned:
        own = calls.get(plan.order_id, [])
        requested = [call.moment for call in own if (call.operation, call.status) == (SUBMIT, 201)]
        results.append(
            OrderResult(
                plan=plan,
                record=ledger.find(OrderKey(plan.order_id, plan.seller_id)),
                calls=tuple(own),
                requested=tuple(requested),
                within_window=all(_within(plan, moment) for moment in requested),
            )
        )
    return results


def _within(plan: Plan, moment: datetime) -> bool:
    """Whether Amazon allowed a review request for the order at that time."""
    order = [order for since, order in plan.truth if since <= moment][-1]
    opens, closes = order.earliest_delivery + WINDOW_OPENS_AFTER, order.latest_delivery + WINDOW_CLOSES_AFTER
    return order.status == "Shipped" and opens <= moment <= closes
