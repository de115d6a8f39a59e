"""Hostile queue messages, events, stored items, and answers of SP-API and LWA, for the real functions in this process.

The functions talk to the local AWS emulator and the SP-API simulator: `tests/faults/world.py`. Each case ends in one of
the ways that the documentation names, or it is a fault:

- A queue message is processed, goes to the dead-letter queue with the reason, or returns to its queue with a log line.
- A request is answered with an error that names its cause. A step of a workflow fails with an error of its own name.
- No record of a stream, which brings it again, keeps back the changes after it.
- No exception leaves a function, or is logged, that nobody foresaw, and no secret is logged or answered.
"""

import io
import json
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar
from unittest import mock
from urllib.parse import quote

import urllib3
from boto3.dynamodb.types import TypeDeserializer, TypeSerializer
from botocore.exceptions import ClientError
from hypothesis import strategies as st
from hypothesis.control import _current_build_context, current_build_context

from quickstart import invocation
from tests import hostile
from tests.faults import scenarios
from tests.faults.listing_scenarios import listing_notice, listing_outcome
from tests.faults.rows import course
from tests.faults.scenario import Kind, Scenario, message
from tests.faults.scenarios import SCENARIOS
from tests.faults.world import CLIENT_SECRET, Invocation, World
from tests.fuzz.tally import Tally, echoed

T = TypeVar("T")
NEW_SECRET = "amzn1.oa2-cs.v1.f022f022f022f022f022f022f022f022"
# What SQS refuses in a body (API reference, SendMessage).
_NOT_IN_A_BODY = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_LARGEST_MESSAGE_BYTES = 1024 * 1024
_EFFECTS = ("EventBridge PutEvents", "SFN StartExecution", "Scheduler CreateSchedule", "DynamoDB PutItem")
_DEAD_LETTERS = "message cannot be processed and goes to the dead-letter queue"
_KEYS = {
    "AmazonOrderId",
    "AuthorizationId",
    "ClientId",
    "Collection",
    "Entry",
    "Item",
    "ReportId",
    "SellerId",
    "SubmissionId",
    "SubscriptionId",
}


def fuzz_readers(world: World, tally: Tally, cases: int, first_seed: int) -> None:
    """So many cases: of ten, six are messages, two are events, one has an altered item and one an altered answer."""
    fuzz_messages(world, tally, cases * 6 // 10, first_seed)
    fuzz_events(world, tally, cases * 2 // 10, first_seed)
    fuzz_items(world, tally, cases // 10, first_seed)
    fuzz_answers(world, tally, cases // 10, first_seed)


# Queue messages.


@dataclass(frozen=True)
class Queue:
    """A queue's function, and a message that it can process."""

    name: str
    function: str
    good: Callable[[World], Mapping[str, Any]]


QUEUES = (
    Queue("NOTIFICATIONS", "notification_processor", scenarios.finished_notification),
    Queue("NOTIFICATIONS", "notification_processor", scenarios.other_notification),
    Queue("ORDERS", "solicitation_scheduler", scenarios.shipped_order),
    Queue("CONSENTS", "connection_subscriber", scenarios.consent_event),
    Queue("SECRET", "secret_receiver", lambda _: scenarios.secret_notification(NEW_SECRET)),
    Queue("LISTING_NOTICES", "listing_notices", listing_notice),
    Queue("LISTING_DIGEST", "listing_digest", listing_outcome),
)


def fuzz_messages(world: World, tally: Tally, cases: int, first_seed: int, chosen: Sequence[Queue] = QUEUES) -> None:
    for number, queue in enumerate(chosen):
        world.new_row()
        good = queue.good(world)
        secrets = (world.refresh_token, CLIENT_SECRET, NEW_SECRET)
        # The simulator's client secret has not the shape of Amazon's, by which a reader could recognize it.
        strategy = _with_secrets(good, (world.refresh_token, NEW_SECRET))
        dead = Counter[str]()

        def run(body: bytes, queue: Queue = queue, secrets: Sequence[str] = secrets, dead: Counter[str] = dead) -> None:
            text = _NOT_IN_A_BODY.sub("?", body.decode(errors="replace")) or " "
            # Each message is another one: a second content for one notificationId is refused before the rest is read.
            text = text.replace("notification-1", f"notification-{dead.total()}")
            if len(text.encode()) >= _LARGEST_MESSAGE_BYTES:
                tally.add(f"message in {queue.name}", "too large for SQS")
                return
            event = message(world, queue.name, text)
            world.wire.calls.clear()
            done = world.invoke(queue.function, event)
            outcome = _outcome_of_a_message(world, done)
            dead[outcome] += 1
            faults = [*_unforeseen(done), *_leaks(secrets, done), *_lost(world, done, outcome)]
            tally.add(f"message in {queue.name}", outcome, faults, (text, done.logged) if faults else text)

        hostile.each(strategy, run, cases // len(chosen) + (number < cases % len(chosen)), first_seed + 1000 * number)
        _read_dead_letters(world, tally, queue, secrets, dead["in the dead-letter queue"])


def _with_secrets(good: Mapping[str, Any], secrets: Sequence[str]) -> st.SearchStrategy[bytes]:
    """Documents that are almost good, some with a secret where it does not belong."""
    misplaced = st.sampled_from([form for one in secrets for form in (one, quote(one), f"Bearer {one}", {one: one})])
    return hostile.weighted((3, hostile.documents(good)), (1, hostile.altered(good, misplaced).map(hostile.written)))


def _outcome_of_a_message(world: World, done: Invocation) -> str:
    if done.error is not None or done.killed:
        return "no result"
    if any(call.name == "SQS SendMessage" and call.carried_out for call in world.wire.calls):
        return "in the dead-letter queue"
    if done.result["batchItemFailures"]:
        given_up = any(line.get("message") == _DEAD_LETTERS for line in done.logged)
        return "moved to the dead-letter queue by SQS" if given_up else "back in its queue"
    return "processed"


def _lost(world: World, done: Invocation, outcome: str) -> Iterator[str]:
    reasons = [line for line in done.logged if line.get("message_id") and line.get("reason")]
    effects = [call.name for call in world.wire.calls if call.carried_out and call.name in _EFFECTS]
    if outcome == "processed" and not effects and not done.logged:
        yield "nothing shows what became of the message"
    elif outcome not in ("processed", "no result") and not reasons:
        yield f"{outcome} without a reason in the log"


def _read_dead_letters(world: World, tally: Tally, queue: Queue, secrets: Sequence[str], expected: int) -> None:
    """Each has its reason, and none is missing."""
    sqs, url, found = world.client("sqs"), world.resources[f"{queue.name}_DEAD_LETTER_QUEUE_URL"], 0
    while True:
        messages = sqs.receive_message(
            QueueUrl=url, MaxNumberOfMessages=10, MessageAttributeNames=["All"], VisibilityTimeout=600
        ).get("Messages", [])
        for letter in messages:
            found += 1
            attributes = letter.get("MessageAttributes", {})
            faults = [] if "Reason" in attributes else ["a dead letter without a reason"]
            faults += echoed(secrets, json.dumps(attributes))
            tally.check(f"dead letter of {queue.name}", faults, letter)
            sqs.delete_message(QueueUrl=url, ReceiptHandle=letter["ReceiptHandle"])
        if not messages:
            break
    if found != expected:
        tally.check(f"dead letters of {queue.name}", [f"{found} are there, {expected} were sent"], "")


# Events of EventBridge and of the table's stream.


def fuzz_events(world: World, tally: Tally, cases: int, first_seed: int) -> None:
    world.new_row()
    (failure,) = (one for one in SCENARIOS if one.function == "report_failure_notifier")
    (change,) = (one for one in SCENARIOS if one.function == "connection_events")
    secrets = (world.refresh_token, CLIENT_SECRET)

    status = failure.prepare(world)
    detail = {
        **status["detail"],
        "status": "FAILED",
        "error": "KeyError",
        "cause": json.dumps({"errorMessage": "text", "errorType": "KeyError", "stackTrace": ["a", "b"]}),
    }
    texts = st.sampled_from([world.refresh_token, f"Bearer {world.refresh_token}"]) | hostile.texts
    altered = st.one_of(
        hostile.altered(detail),
        st.builds(lambda name, text: {**detail, name: text}, st.sampled_from(("input", "cause", "error")), texts),
        hostile.bodies("errorMessage", "SellerId").map(
            lambda body: {**detail, "cause": body.decode(errors="replace"), "input": body.decode(errors="replace")}
        ),
    )
    hostile.each(
        altered.map(lambda one: {**status, "detail": one}),
        lambda event: _play_event(world, tally, failure, event, secrets),
        cases // 2,
        first_seed,
    )

    stream = change.prepare(world)
    images = {name: _plain(stream["Records"][0]["dynamodb"][name]) for name in ("OldImage", "NewImage")}
    changes = hostile.altered(images).filter(_has_keys)
    hostile.each(
        changes.map(lambda changed: _stream(stream, changed)).filter(lambda event: event is not None),
        lambda event: _play_event(world, tally, change, event, secrets),
        cases - cases // 2,
        first_seed,
    )


def _has_keys(images: Mapping[str, Any]) -> bool:
    """DynamoDB guarantees the keys of each image that there is."""
    return all(
        isinstance(image, dict) and isinstance(image.get("SellerId"), str) and isinstance(image.get("Item"), str)
        for image in images.values()
    )


def _stream(stream: Mapping[str, Any], images: Mapping[str, Any]) -> dict[str, Any] | None:
    record = dict(stream["Records"][0]["dynamodb"])
    for name in ("OldImage", "NewImage"):
        record.pop(name, None)
        if isinstance(images.get(name), dict):
            try:
                record[name] = _marshalled(images[name])
                json.dumps(record, ensure_ascii=False).encode()
            except (TypeError, ArithmeticError, RecursionError, UnicodeError):
                # Nothing that the table can hold.
                return None
    return {"Records": [{"dynamodb": record}]}


def _play_event(world: World, tally: Tally, scenario: Scenario, event: Any, secrets: Sequence[str]) -> None:
    done = world.invoke(scenario.function, event)
    outcome, faults = "processed", [*_unforeseen(done), *_leaks(secrets, done)]
    if scenario.kind is Kind.STREAM and (done.error is not None or done.result["batchItemFailures"]):
        outcome = "delivered again by the stream"
        faults.append("a record that stays as it is keeps back the changes after it")
    elif done.error is not None:
        outcome = f"invoked again, then in the dead-letter queue with {type(done.error).__name__}"
    tally.add(f"event for {scenario.function}", outcome, faults, event)


# Items that somebody changed by hand, and answers of SP-API and LWA.


def fuzz_items(world: World, tally: Tally, cases: int, first_seed: int, chosen: Sequence[Scenario] = SCENARIOS) -> None:
    """Before each scenario, one attribute of one of the items that it reads becomes something else."""
    for number, scenario in enumerate(chosen):
        share = cases // len(chosen) + (number < cases % len(chosen))
        hostile.each(st.data(), partial(_play_item, world, tally, scenario), share, first_seed + 1000 * number)


def _play_item(world: World, tally: Tally, scenario: Scenario, data: st.DataObject) -> None:
    world.new_row()
    event = scenario.prepare(world)
    table, item = data.draw(st.sampled_from(sorted(world.stored(), key=repr)))
    plain = _plain(item)
    keys = {name: value for name, value in plain.items() if name in _KEYS}
    rest = {name: value for name, value in plain.items() if name not in _KEYS}
    if not rest:
        tally.add(f"item read by {scenario.function}", "nothing to alter")
        return
    try:
        changed = {**data.draw(hostile.altered(rest)), **keys}
        with mock.patch("time.sleep"):
            world.client("dynamodb").put_item(TableName=table, Item=_marshalled(changed))
    except (TypeError, ArithmeticError, UnicodeError, RecursionError, ClientError):
        tally.add(f"item read by {scenario.function}", "refused by DynamoDB")
        return
    done = world.invoke(scenario.function, event)
    tally.add(f"item read by {scenario.function}", *_ended(world, scenario, done), (scenario.name, table, changed))


def fuzz_answers(
    world: World, tally: Tally, cases: int, first_seed: int, chosen: Sequence[Scenario] = SCENARIOS
) -> None:
    """One call of each scenario to SP-API or LWA gets an answer that is almost its own."""
    targets = []
    for scenario in chosen:
        names = course(world, scenario).names
        targets += [
            (scenario, position)
            for position, name in enumerate(names)
            if name.startswith(("SP-API", "LWA")) or name.endswith("document")
        ]
    for number, (scenario, position) in enumerate(targets):
        share = cases // len(targets) + (number < cases % len(targets))
        play = partial(_play_answer, world, tally, scenario, position)
        hostile.each(st.data(), play, share, first_seed + 1000 * number)


def _play_answer(world: World, tally: Tally, scenario: Scenario, position: int, data: st.DataObject) -> None:
    world.new_row()
    event = scenario.prepare(world)
    shown: list[object] = [scenario.name, position]
    context = current_build_context()

    def drawn(strategy: st.SearchStrategy[T]) -> T:
        # The function may call SP-API in threads of its own, which Hypothesis takes for code outside of a test.
        with _current_build_context.with_value(context):
            return data.draw(strategy)

    def change(response: Any) -> urllib3.HTTPResponse:
        body = response.read()
        try:
            good = json.loads(body)
        except ValueError:
            good = {"errors": [{"code": "a", "message": "b"}]}
        strategy = hostile.documents(good) if isinstance(good, dict) and good else hostile.bodies("errors", "payload")
        status = drawn(st.sampled_from((response.status,) * 3 + (200, 400, 403, 404, 429, 500)))
        answer = drawn(strategy)
        shown.extend([status, answer])
        return urllib3.HTTPResponse(
            io.BytesIO(answer),
            headers={"Content-Type": "application/json"},
            status=status,
            preload_content=False,
        )

    done = world.invoke(scenario.function, event, position, change=change)
    tally.add(f"answer for {scenario.function}", *_ended(world, scenario, done), shown)
    if scenario.repeatable:
        # What the function stored of the answer does no harm.
        again = world.invoke(scenario.function, event)
        tally.check(f"repeat of {scenario.function}", _ended(world, scenario, again)[1], shown)


def _ended(world: World, scenario: Scenario, done: Invocation) -> tuple[str, list[str]]:
    """The outcome, and what is wrong with it."""
    secrets = (world.refresh_token, CLIENT_SECRET)
    faults = [*_unforeseen(done), *_leaks(secrets, done)]
    match scenario.kind:
        case Kind.API | Kind.PAGE if done.error is None:
            outcome = f"answered {done.result['statusCode']}"
            if scenario.kind is Kind.API and done.result["statusCode"] != 200:
                body = json.loads(done.result["body"])
                if not (body.get("message") and body.get("errors") and body.get("requestId")):
                    faults.append(f"the answer lacks the shape of errors: {body}")
        case Kind.QUEUE | Kind.STREAM if done.error is None:
            failed = done.result["batchItemFailures"]
            outcome = "returned" if failed else "processed"
            if failed and not done.logged:
                faults.append("returned, and nothing was logged")
        case _:
            outcome = "succeeded" if done.error is None else "failed, explained"
    return outcome, faults


# What no case may show.


def _unforeseen(done: Invocation) -> Iterator[str]:
    """An exception that leaves the function is foreseen if a workflow, Lambda or EventBridge handles it by its name."""
    if done.error is not None and not isinstance(done.error, invocation.EXPECTED):
        yield f"{done.error!r:.300} left the function"
    for line in done.logged:
        if line.get("exception_name"):
            yield f"{line['exception_name']} was logged: {str(line.get('exception', ''))[-300:]}"


def _leaks(secrets: Sequence[str], done: Invocation) -> Iterator[str]:
    shown = json.dumps(done.logged, ensure_ascii=False) + json.dumps(done.result, default=str) + str(done.error)
    yield from echoed(secrets, shown)


def _plain(image: Mapping[str, Any]) -> dict[str, Any]:
    return {name: TypeDeserializer().deserialize(value) for name, value in image.items()}


def _marshalled(item: Mapping[str, Any]) -> dict[str, Any]:
    return {name: TypeSerializer().serialize(value) for name, value in item.items()}
