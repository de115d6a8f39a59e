"""One row: one fault of one call, what the invoker sees, and what is there once the event has been repeated."""

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from tests.emulator.support import REPOSITORY
from tests.faults.scenario import Kind, Scenario
from tests.faults.world import Fault, Invocation, World

# Between two repeats the functions' clock moves this far: longer than the claim of an e-mail or of a request.
_REPEAT_SECONDS = 120
_MOST_REPEATS = 10
_AWS_EFFECTS = frozenset(
    {
        "EventBridge PutEvents",
        "SFN SendTaskSuccess",
        "SFN StartExecution",
        "SFN StopExecution",
        "SNS Publish",
        "SQS SendMessage",
        "Scheduler CreateSchedule",
    }
)
# A message that was accepted and not noted is sent again: docs/reliability.md, "What can happen twice".
_AT_LEAST_ONCE = frozenset({"SNS Publish", "EventBridge PutEvents"})
# An unused destination does no harm: the answer says that it was not removed.
_BEST_EFFORT = "SP-API DELETE /notifications/v1/destinations/"
# SP-API replaces an equal schedule, deletes what is there, and takes an equal submission for a listing again
# (docs/decisions/0097). A feed's document that nobody uses expires. AWS stops what runs.
_REPEATABLE = (
    "SP-API DELETE ",
    "SP-API PATCH /listings/",
    "SP-API PUT /listings/",
    "SP-API POST /feeds/2021-06-30/documents",
    "SP-API POST /reports/2021-06-30/schedules",
    "SFN StopExecution",
)
# What SP-API's and LWA's failures are answered with.
_REFUSALS = frozenset({403, 409, 429, 500, 502, 503, 504})
_LOUD = frozenset({"WARNING", "ERROR", "CRITICAL"})
NO_RESPONSE, RETURNED, RETRIED, FAILS, AGAIN = "no response", "returned", "retried", "fails, explained", "invoked again"
SUCCEEDS, TWICE, RECORDED, GOES_ON = "succeeds", "twice", "recorded", "continues"


@dataclass(frozen=True)
class Course:
    """What happens without a fault: the calls, the effects and the items."""

    names: tuple[str, ...]
    effects: Counter[str]
    items: Sequence[tuple[str, tuple[str, ...], tuple[str, ...]]]


@dataclass
class Row:
    """The outcome of a fault. `deviations` is empty when nothing was lost, doubled or left unexplained."""

    scenario: Scenario
    call: str
    position: int
    fault: Fault
    outcome: str = ""
    deviations: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        where = f"{self.scenario.function} ({self.scenario.name}), call {self.position} {self.call}, {self.fault}"
        return f"{where}: {self.outcome}; {'; '.join(self.deviations) or 'as expected'}"


def course(world: World, scenario: Scenario) -> Course:
    """Runs the scenario without a fault."""
    world.new_row()
    event = scenario.prepare(world)
    world.wire.calls.clear()
    done = world.invoke(scenario.function, event)
    problem = _outcome(scenario, done)
    assert problem == SUCCEEDS, (scenario.name, problem, done)
    assert not scenario.recorded(world), (scenario.name, scenario.recorded(world))
    if scenario.later:
        scenario.later(world)
    return Course(done.names, _effects(world), world.items())


def positions(undisturbed: Course, faults: Sequence[Fault]) -> Iterator[tuple[int, Fault]]:
    """Every call with each of the faults."""
    for position in range(len(undisturbed.names)):
        for fault in faults:
            yield position, fault


def run(world: World, scenario: Scenario, undisturbed: Course, position: int, fault: Fault) -> Row:
    """Injects the fault into the first invocation, and repeats the event as its invoker does."""
    world.new_row()
    event = scenario.prepare(world)
    world.wire.calls.clear()
    row = Row(scenario, undisturbed.names[position], position, fault)
    done = world.invoke(scenario.function, event, position, fault)
    row.outcome = _outcome(scenario, done)
    if done.names[: position + 1] != undisturbed.names[: position + 1]:
        row.deviations.append("the calls came in another order than without the fault, so the fault met another call")
    row.deviations += _unexplained(world, scenario, row, done)
    if not scenario.repeatable:
        return row
    repeats = 0
    while not _ended(scenario, done, repeats) and repeats < _MOST_REPEATS:
        world.clock.sleep(_REPEAT_SECONDS)
        done, repeats = world.invoke(scenario.function, event), repeats + 1
    if not _ended(scenario, done, repeats):
        row.deviations.append(f"still {_outcome(scenario, done)} after {repeats} repeats: {done.error or done.result}")
    recorded = scenario.recorded(world)
    if recorded:
        row.outcome = RECORDED
    if scenario.later:
        scenario.later(world)
    if scenario.completes and Counter(world.items()) != Counter(undisturbed.items):
        world.clock.sleep(_REPEAT_SECONDS)
        world.invoke(scenario.function, event)
    _follow(world, scenario, event, done)
    _compare(world, row, undisturbed, absorbed=repeats == 0, ended_early=bool(recorded) and not scenario.later)
    return row


def _follow(world: World, scenario: Scenario, event: Any, done: Invocation) -> None:
    """A review whose answer or record was lost: the workflow waits, asks SP-API what came of it, and goes on."""
    for _ in range(_MOST_REPEATS):
        step = done.result.get("Step") if isinstance(done.result, dict) else None
        if step == "WAIT":
            world.clock.sleep(done.result["WaitSeconds"])
            done = world.invoke("get_solicitation_actions", event)
        elif step == "SUBMIT" and scenario.function == "submit_solicitation":
            done = world.invoke("submit_solicitation", event)
        else:
            return


def _compare(world: World, row: Row, undisturbed: Course, *, absorbed: bool, ended_early: bool) -> None:
    """`ended_early`: the function has recorded why it did not do everything, and may have put an event of that."""
    effects = _effects(world)
    for name in sorted(effects.keys() | undisturbed.effects.keys()):
        difference = effects[name] - undisturbed.effects[name]
        if ended_early and name == "EventBridge PutEvents" and difference == 1:
            continue
        if difference < 0 and not ended_early and not name.startswith(_BEST_EFFORT):
            row.deviations.append(f"{name} was carried out {-difference} times too few")
        elif difference > 0 and name in _AT_LEAST_ONCE and not absorbed:
            row.outcome += f", {TWICE}"
        elif difference > 0 and not name.startswith(_REPEATABLE):
            row.deviations.append(f"{name} was carried out {difference} times too often")
    if ended_early:
        return
    spare = row.scenario.spare if row.call.startswith(("LWA", "SP-API", "GET document")) else ()
    items, expected = (
        Counter(item for item in some if item[0] not in spare) for some in (world.items(), undisturbed.items)
    )
    missing, surplus = expected - items, items - expected
    if missing or (surplus and not row.scenario.leaves_unused):
        row.deviations.append(f"items: missing {_shown(missing)}, surplus {_shown(surplus)}")


def _shown(items: Counter[tuple[str, tuple[str, ...], tuple[str, ...]]]) -> str:
    return ", ".join(f"{table} {' '.join(states)} ({' '.join(names)})" for table, names, states in items) or "none"


def _effects(world: World) -> Counter[str]:
    """How often each call that changes something was carried out. An execution that a repeat returns counts once."""
    changing = [
        (call.name, call.made or str(number))
        for number, call in enumerate(world.wire.calls)
        if call.carried_out
        and (call.name in _AWS_EFFECTS or (call.name.startswith("SP-API ") and not call.name.startswith("SP-API GET")))
    ]
    return Counter(name for name, _ in set(changing))


def _outcome(scenario: Scenario, done: Invocation) -> str:
    """What the invoker makes of the invocation."""
    match scenario.kind:
        case Kind.API | Kind.PAGE:
            if done.killed or done.error is not None:
                return NO_RESPONSE
            status = done.result["statusCode"]
            return SUCCEEDS if status in (200, 303) else str(status)
        case Kind.QUEUE | Kind.STREAM:
            failed = done.killed or done.error is not None or done.result["batchItemFailures"]
            return RETURNED if failed else SUCCEEDS
        case Kind.STEP:
            if not done.killed and done.error is None:
                return GOES_ON if scenario.unfinished(done) else SUCCEEDS
            name = "Lambda.Unknown" if done.killed else type(done.error).__name__
            return RETRIED if _is_retried(scenario.state, name) else FAILS
    return AGAIN if done.killed or done.error is not None else SUCCEEDS


def _ended(scenario: Scenario, done: Invocation, repeats: int) -> bool:
    outcome = _outcome(scenario, done)
    return outcome == SUCCEEDS or (repeats > 0 and outcome in map(str, scenario.ends))


def _unexplained(world: World, scenario: Scenario, row: Row, done: Invocation) -> Iterator[str]:
    """Whether a failure is silent, says too much, or lacks what the documentation promises."""
    logged = json.dumps(done.logged, ensure_ascii=False)
    if world.refresh_token in logged + json.dumps(done.result, default=str) + str(done.error):
        yield "the refresh token is in the log, the answer or the exception"
    if row.outcome == SUCCEEDS or done.killed:
        return
    # Lambda itself logs an exception that leaves the handler, and a page is shown to the person it concerns.
    loud = any(line.get("level") in _LOUD or scenario.kind is Kind.PAGE for line in done.logged)
    if done.error is None and not loud:
        yield "nothing was logged"
    if scenario.kind in (Kind.API, Kind.PAGE) and done.error is not None:
        yield f"API Gateway answers 502 without an explanation: {done.error!r}"
    elif scenario.kind is Kind.API:
        yield from _answer_faults(row, done.result)


def _answer_faults(row: Row, answer: Any) -> Iterator[str]:
    body, status = json.loads(answer["body"]), answer["statusCode"]
    if not (body.get("message") and body.get("errors") and body.get("requestId")):
        yield f"the answer lacks the shape of errors: {body}"
    elif row.call.startswith(("SP-API", "LWA")):
        if status not in _REFUSALS:
            yield f"SP-API's failure is answered with {status}: {body['message']}"
    elif (status, body["errors"][0]["code"]) != (503, "AwsCallFailed") and body["errors"][0]["code"] != "SellerRemains":
        yield f"AWS's failure is answered with {status}: {body['message']}"
    elif "Retry-After" not in answer["headers"]:
        yield "the answer lacks Retry-After"


@cache
def _states() -> dict[str, Any]:
    machines = (REPOSITORY / "templates/statemachines").glob("*.asl.json")
    return {name: state for path in machines for name, state in json.loads(path.read_text())["States"].items()}


def _is_retried(state: str, error: str) -> bool:
    """Whether the state's first rule for this error allows attempts."""
    for rule in _states()[state]["Retry"]:
        if error in rule["ErrorEquals"] or "States.ALL" in rule["ErrorEquals"]:
            return bool(rule.get("MaxAttempts", 3))
    return False
