"""What the overview shows beside the counts of reports and orders."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path

from costs.counts import ORDER, SMALL_REPORT
from costs.counts import load as load_counts
from costs.prices import load as load_prices
from costs.usage import Assumptions, at_rest, of_flow
from operations.client_secret import age, read_client_secret, rotation
from operations.connections import Line, describe, read_connections
from operations.console.console import output
from operations.console.reading.census import Census, orders_by_stage
from operations.console.reading.reports import ReportState
from operations.outcomes import MACHINES, Alarm, alarms
from operations.stack import Stack

_TEMPLATES = Path(__file__).resolve().parents[3] / "templates"
# More are shown as "1,000 or more": counting them takes a call for each thousand.
MOST_RUNNING = 1000


@dataclass(frozen=True)
class Queue:
    """How many messages are in a queue. `name` is its logical name."""

    name: str
    count: int


@dataclass(frozen=True)
class Machine:
    """Executions of a state machine: how many run now, at most MOST_RUNNING."""

    name: str
    what: str
    running: int


@dataclass(frozen=True)
class Cost:
    """A line of the costs so far, in US dollars."""

    what: str
    quantity: str
    usd: float


def read_alarms(stack: Stack) -> list[Alarm]:
    """The stack's alarms, those in ALARM first. Raises what AWS raises."""
    output(stack, "AlarmTopicArn")
    return sorted(alarms(stack), key=lambda alarm: (not alarm.ringing, alarm.name))


def read_dead_letters(stack: Stack) -> list[Queue]:
    """Every dead-letter queue, the fullest first. Raises what AWS raises."""
    found = [_queue(stack, name) for name in stack.outputs if name.endswith("DeadLetterQueueUrl")]
    return sorted(found, key=lambda queue: (-queue.count, queue.name))


def read_queues(stack: Stack) -> list[Queue]:
    """The queues that SP-API sends to, with messages that are being processed. Raises what AWS raises."""
    return [_queue(stack, name) for name in ("NotificationsQueueUrl", "OrdersQueueUrl") if name in stack.outputs]


def _queue(stack: Stack, name: str) -> Queue:
    wanted = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    # A message of a dead-letter queue is invisible only while somebody looks at it.
    sqs = stack.client("sqs")
    attributes = sqs.get_queue_attributes(QueueUrl=stack.outputs[name], AttributeNames=wanted)["Attributes"]
    return Queue(name.removesuffix("Url"), sum(int(attributes[each]) for each in wanted))


def read_machines(stack: Stack) -> list[Machine]:
    """The state machines of the stack. Raises what AWS raises."""
    states = stack.client("stepfunctions")
    found = []
    for name in sorted(stack.outputs):
        if name.endswith("StateMachineArn"):
            running = states.list_executions(
                stateMachineArn=stack.outputs[name], statusFilter="RUNNING", maxResults=MOST_RUNNING
            )["executions"]
            what = MACHINES[name].what if name in MACHINES else name.removesuffix("StateMachineArn")
            found.append(Machine(name.removesuffix("StateMachineArn"), what, len(running)))
    return found


def read_secret(stack: Stack, now: datetime) -> list[Line]:
    """When the client secret ends, and what its rotation is at: never the secret. Raises what AWS raises."""
    secret = read_client_secret(stack)
    return [Line(*age(secret, now)), *(Line(f"rotation: {state}", advice) for state, advice in rotation(secret, now))]


def read_care(stack: Stack, now: datetime) -> list[Line]:
    """How many connections are stored, and those that need care. Raises what AWS raises."""
    found, damaged = read_connections(stack)
    lines = list(describe(found, now, by_consent="AuthorizationRestApiId" in stack.outputs))
    return lines + [Line("an item of the sellers' table cannot be read", str(error)) for error in damaged]


def created_at(stack: Stack) -> datetime:
    """When the stack was created. Raises what AWS raises."""
    time: datetime = stack.client("cloudformation").describe_stacks(StackName=stack.name)["Stacks"][0]["CreationTime"]
    return time


def costs_so_far(census: Census, created: datetime, now: datetime) -> list[Cost]:
    """What the counted reports and orders, and the stack itself since it was created, cost at the prices of
    us-east-1. Free tiers are not subtracted."""
    prices, counts, assumptions = load_prices().prices, load_counts(), Assumptions()

    def usd(quantities: Mapping[str, float], times: float = 1) -> float:
        return sum(prices[name].of(quantity * times) for name, quantity in quantities.items())

    reports = sum(count for state, count in census.reports.items() if state != ReportState.WAITING)
    orders = sum(orders_by_stage(census.orders).values())
    report = of_flow(replace(counts[SMALL_REPORT], stored_bytes=0), assumptions)
    stored = of_flow(replace(counts[SMALL_REPORT], stored_bytes=census.bytes_stored), assumptions)
    kept = {name: stored[name] for name in ("bucket-gigabyte", "gigabyte-out")}
    months = (now - created) / timedelta(days=365.25 / 12)
    return [
        Cost("reports without their documents", f"{reports:,}", usd(report, reports)),
        Cost("documents, kept and downloaded once", f"{census.bytes_stored / 1e9:,.2f} GB", usd(kept)),
        Cost("review requests", f"{orders:,}", usd(of_flow(counts[ORDER], assumptions), orders)),
        Cost("the stack at rest since it was created", f"{months:,.2f} months", usd(quantities_at_rest(), months)),
    ]


@cache
def quantities_at_rest() -> Mapping[str, float]:
    """What AWS bills each month for an idle stack of this checkout's templates, which take a moment to read."""
    return at_rest(_TEMPLATES, load_counts())
