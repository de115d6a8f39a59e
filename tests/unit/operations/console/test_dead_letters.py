"""Dead letters where SQS behaves as the emulator does not."""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import pytest

from operations.console.pages import dead_letters
from operations.console.reading.dead_letters import (
    Letter,
    Move,
    Queue,
    QueueState,
    find_queue,
    letter,
    queues,
    read_letters,
    read_move,
    read_state,
)
from operations.stack import Stack
from tests.unit.operations.console.support import forms, link, make_console, readable, visitor

URL = "https://sqs/orders-dead"
PAGES = (dead_letters.PAGE,)
OUTPUTS = {
    "OrdersDeadLetterQueueUrl": URL,
    "OrdersQueueArn": "arn:aws:sqs:eu-west-1:1:orders",
    "ListingFailuresDeadLetterQueueUrl": "https://sqs/failures",
}


def message(number: int, body: str = "{}", **attributes: str) -> dict[str, Any]:
    return {
        "MessageId": f"m{number}",
        "ReceiptHandle": f"r{number}",
        "Body": body,
        "Attributes": {"SentTimestamp": "1795000000000"},
        "MessageAttributes": {name: {"DataType": "String", "StringValue": value} for name, value in attributes.items()},
    }


class Sqs:
    """Gives these answers to ReceiveMessage, one after the other; then the last one for ever."""

    def __init__(
        self, count: int, *answers: Sequence[Mapping[str, Any]], task: Mapping[str, Any] | None = None
    ) -> None:
        self.count = count
        self.answers = list(answers) or [()]
        self.task = task
        self.fails = False
        self.receives: list[Any] = []
        self.calls: list[tuple[str, Any]] = []

    def get_queue_attributes(self, QueueUrl: str, AttributeNames: Sequence[str]) -> Any:  # noqa: N803 - AWS's names
        assert QueueUrl.startswith("https://sqs/")
        found = {
            "QueueArn": "arn:aws:sqs:eu-west-1:1:orders-dead",
            "ApproximateNumberOfMessages": str(self.count),
            "ApproximateNumberOfMessagesNotVisible": "4",
        }
        return {"Attributes": {name: found[name] for name in AttributeNames}}

    def list_message_move_tasks(self, SourceArn: str) -> Any:  # noqa: N803 - AWS's name
        assert SourceArn == "arn:aws:sqs:eu-west-1:1:orders-dead"
        return {"Results": [self.task, {"Status": "COMPLETED"}] if self.task else []}

    def get_queue_url(self, QueueName: str) -> Any:  # noqa: N803 - AWS's name
        return {"QueueUrl": f"https://sqs/{QueueName}"}

    def receive_message(self, **request: Any) -> Any:
        self.receives.append(request)
        self.calls.append(("receive", request["MaxNumberOfMessages"]))
        return {"Messages": self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]}

    def delete_message(self, **request: Any) -> Any:
        if self.fails:
            raise RuntimeError("the connection is gone")
        self.calls.append(("delete_message", request))

    def __getattr__(self, name: str) -> Any:
        def call(**request: Any) -> None:
            self.calls.append((name, request))

        return call

    def of(self, name: str) -> list[Any]:
        return [request for called, request in self.calls if called == name]


def shown(sqs: Sqs, path: str = "/dead-letters/OrdersDeadLetterQueue", **given: Any) -> str:
    return visitor(make_console({"sqs": sqs}, **given, **OUTPUTS), PAGES).get(path)


def test_a_read_only_console_shows_the_messages_without_buttons() -> None:
    page = shown(Sqs(1, [message(1)]), allows_changes=False)
    assert "m1" in page
    assert "<form" not in page
    assert "Delete" not in page


def test_each_message_is_shown_once_and_is_there_for_others_at_the_end() -> None:
    sqs = Sqs(3, [message(1), message(2)], [message(1), message(3)], [message(2)])
    page = shown(sqs)
    assert [page.count(f"find=m{number}") for number in (1, 2, 3)] == [1, 1, 1]
    (release,) = sqs.of("change_message_visibility_batch")
    assert sorted(entry["ReceiptHandle"] for entry in release["Entries"]) == ["r1", "r2", "r3"]
    assert {entry["VisibilityTimeout"] for entry in release["Entries"]} == {0}


def test_messages_that_keep_coming_end_the_reading() -> None:
    sqs = Sqs(500, [message(1)])
    assert "shows 1 of about 500 messages" in readable(shown(sqs))
    assert len(sqs.of("receive")) == 2


def test_a_failure_while_messages_are_read_shows_them_to_others_again() -> None:
    sqs = Sqs(1, [message(1, body="x")])
    sqs.fails = True
    page = visitor(make_console({"sqs": sqs}, **OUTPUTS), PAGES)
    page.post("/dead-letters/OrdersDeadLetterQueue/delete", 500, message="m1")
    assert len(sqs.of("change_message_visibility_batch")) == 1


def test_a_message_goes_back_with_its_attributes() -> None:
    sqs = Sqs(1, [message(7), message(1, "body", Forwarded="Yes")])
    page = visitor(make_console({"sqs": sqs}, **OUTPUTS), PAGES)
    page.post("/dead-letters/OrdersDeadLetterQueue/move", message="m1")
    (sent,) = sqs.of("send_message")
    assert sent == {
        "QueueUrl": "https://sqs/orders",
        "MessageBody": "body",
        "MessageAttributes": {"Forwarded": {"DataType": "String", "StringValue": "Yes"}},
    }
    assert sqs.of("delete_message") == [{"QueueUrl": URL, "ReceiptHandle": "r1"}]
    names = [name for name, _ in sqs.calls]
    assert names.index("send_message") < names.index("delete_message")
    (release,) = sqs.of("change_message_visibility_batch")[:1]
    assert [entry["ReceiptHandle"] for entry in release["Entries"]] == ["r7"]


def test_messages_that_came_from_no_queue_are_not_moved() -> None:
    sqs = Sqs(1, [message(1)])
    browser = visitor(make_console({"sqs": sqs}, **OUTPUTS), PAGES)
    assert "Move" not in browser.get("/dead-letters/ListingFailuresDeadLetterQueue")
    for action in ("move", "move-all"):
        page = browser.post(f"/dead-letters/ListingFailuresDeadLetterQueue/{action}", 400, message="m1")
        assert "These messages cannot be moved back They came from no queue." in readable(page)
        assert "delete the messages" in page
    assert sqs.of("send_message") + sqs.of("start_message_move_task") == []


@pytest.mark.parametrize(
    ("task", "words"),
    [
        (
            {"Status": "RUNNING", "ApproximateNumberOfMessagesMoved": 3, "ApproximateNumberOfMessagesToMove": 9},
            "3 of 9",
        ),
        ({"Status": "FAILED", "FailureReason": "<b>AccessDenied</b>"}, "&lt;b&gt;AccessDenied&lt;/b&gt;"),
    ],
)
def test_a_move_that_runs_or_failed_is_shown(task: Mapping[str, Any], words: str) -> None:
    assert words in shown(Sqs(0, task=task))
    assert "Moving all" not in shown(Sqs(0, task={"Status": "COMPLETED"}))


def test_commands_name_a_deployed_stack() -> None:
    page = shown(Sqs(1, [message(1)]))
    assert "make redrive-queue STACK=quick-start REGION=eu-west-1" in page


def test_hostile_messages_are_text_without_secrets() -> None:
    script = "<script>alert(1)</script>\u202e\x00"
    body = json.dumps(
        {"notificationType": script, "sku": script, "refreshToken": "plain-words", "x": "Atzr|IwEBexample1"}
    )
    page = shown(Sqs(1, [message(1, body, Reason=f"{script} Atzr|IwEBexample2")]))
    assert "<script" not in page
    assert "\u202e" not in page
    assert "plain-words" not in page
    assert "IwEB" not in page
    assert page.count("&lt;script&gt;alert(1)&lt;/script&gt;") >= 4


def test_without_a_message_there_is_nothing_to_delete() -> None:
    assert "All dead-letter queues" in shown(Sqs(0), "/dead-letters/OrdersDeadLetterQueue/delete")
    browser = visitor(make_console({"sqs": Sqs(0)}, **OUTPUTS), PAGES).client
    answer = browser.get("/dead-letters/OrdersDeadLetterQueue/delete", follow_redirects=False)
    assert (answer.status_code, answer.headers["location"]) == (303, "/dead-letters/OrdersDeadLetterQueue")


def test_the_request_of_a_function_that_failed_leads_to_its_log() -> None:
    queue = Queue("ListingFailuresDeadLetterQueue", "u", False, "")
    found = letter(queue, message(1, "{}", RequestID="52fdfc07", ErrorMessage="Task timed out"))
    assert (found.request_id, found.reason) == ("52fdfc07", "Task timed out")


GONE = (
    "The message was not found. Somebody has moved or deleted it, or reads it at this moment: wait 10 seconds, "
    "and try again."
)


@pytest.mark.parametrize(
    ("action", "message_id", "words"),
    [
        ("move", "m1", "The message is back in the queue that it came from."),
        ("move", "m9", GONE),
        ("delete", "m1", "The message is deleted."),
        ("delete", "m9", GONE),
        (
            "move-all",
            "",
            "SQS moves 2 messages back to the queue that they came from. Reload this page to see it.",
        ),
    ],
)
def test_each_action_says_what_it_did(action: str, message_id: str, words: str) -> None:
    sqs = Sqs(2, [message(1)])
    page = visitor(make_console({"sqs": sqs}, **OUTPUTS), PAGES).post(
        f"/dead-letters/OrdersDeadLetterQueue/{action}", message=message_id
    )
    assert words in readable(page)
    assert ('role="alert"' in page) == (words == GONE)


def test_an_empty_queue_is_not_moved() -> None:
    sqs = Sqs(0)
    page = visitor(make_console({"sqs": sqs}, **OUTPUTS), PAGES).post("/dead-letters/OrdersDeadLetterQueue/move-all")
    assert "The queue is empty." in page
    assert sqs.of("start_message_move_task") == []


def test_a_queue_that_the_stack_lacks_is_not_found() -> None:
    page = readable(visitor(make_console({"sqs": Sqs(0)}, **OUTPUTS), PAGES).get("/dead-letters/Other", 404))
    assert "Queue not found The stack has no dead-letter queue Other." in page


def stack_of(sqs: Sqs) -> tuple[Stack, Queue]:
    stack = make_console({"sqs": sqs}, **OUTPUTS).stack
    queue = find_queue(stack, "OrdersDeadLetterQueue")
    assert queue is not None
    return stack, queue


def test_the_stack_s_queues_are_listed_by_name() -> None:
    stack, _ = stack_of(Sqs(0))
    failures, orders = queues(stack)
    assert (failures.name, failures.output, failures.goes_back) == (
        "ListingFailuresDeadLetterQueue",
        "ListingFailuresDeadLetterQueueUrl",
        False,
    )
    assert "delete the messages: SPAPIListingSweep completes the records" in failures.advice
    assert (orders.name, orders.output, orders.goes_back) == (
        "OrdersDeadLetterQueue",
        "OrdersDeadLetterQueueUrl",
        True,
    )
    assert "run make redrive-queue" in orders.advice
    assert find_queue(stack, "OrdersDeadLetterQueueUrl") is None


def test_the_fullest_queue_comes_first_also_with_messages_that_are_read() -> None:
    class Several(Sqs):
        COUNTS: Mapping[str, tuple[int, int]] = {"a": (0, 0), "b": (1, 0), "c": (1234, 0), "d": (0, 2), "e": (1, 0)}

        def get_queue_attributes(self, QueueUrl: str, AttributeNames: Sequence[str]) -> Any:  # noqa: N803
            return {"Attributes": dict(zip(AttributeNames, map(str, self.COUNTS[QueueUrl]), strict=True))}

    outputs = {f"{name.upper()}DeadLetterQueueUrl": name for name in Several.COUNTS}
    page = visitor(make_console({"sqs": Several(0)}, **outputs), PAGES).get("/dead-letters")
    words = readable(page.partition("<tbody>")[2].partition("</tbody>")[0])
    see = "see docs/operations.md#{}deadletterqueuealarm"
    assert words == (
        f"CDeadLetterQueue 1,234 {see.format('c')} DDeadLetterQueue 0 2 being read empty BDeadLetterQueue 1 "
        f"{see.format('b')} EDeadLetterQueue 1 {see.format('e')} ADeadLetterQueue 0 empty"
    )


def test_a_queue_is_counted_with_the_messages_that_others_read() -> None:
    sqs = Sqs(3)
    stack, queue = stack_of(sqs)
    assert read_state(stack, queue) == QueueState(queue, 3, 4)
    page = readable(shown(Sqs(3, [message(1)])))
    assert "3 messages Counts are approximate. 4 more are hidden, because somebody reads them." in page
    assert "What to do: make logs STACK=quick-start REGION=eu-west-1 FUNCTION=SPAPISolicitationScheduler" in page
    assert "at most 10 seconds. The page shows 1 of about 3 messages, in SQS's choice: at most 50." in page


@pytest.mark.parametrize(("count", "asked"), [(3, [3]), (10, [10]), (11, [10, 1]), (51, [10] * 5)])
def test_as_many_messages_are_received_as_are_shown(count: int, asked: list[int]) -> None:
    batches = [[message(10 * batch + number) for number in range(10)] for batch in range(6)]
    sqs = Sqs(count, *batches)
    stack, queue = stack_of(sqs)
    read_letters(stack, read_state(stack, queue))
    assert [request["MaxNumberOfMessages"] for request in sqs.receives] == asked
    assert sqs.receives[0] | {"MaxNumberOfMessages": 0} == {
        "QueueUrl": URL,
        "MaxNumberOfMessages": 0,
        "VisibilityTimeout": 10,
        "WaitTimeSeconds": 1,
        "AttributeNames": ["SentTimestamp"],
        "MessageAttributeNames": ["All"],
    }


def test_messages_are_shown_to_others_again_ten_at_a_time() -> None:
    """With the receipt that SQS gave last."""
    again = message(0) | {"ReceiptHandle": "later"}
    sqs = Sqs(50, *[[message(10 * batch + number) for number in range(10)] for batch in range(2)], [again, message(20)])
    stack, queue = stack_of(sqs)
    sqs.answers.append([])
    read_letters(stack, read_state(stack, queue))
    released = sqs.of("change_message_visibility_batch")
    assert [[entry["Id"] for entry in request["Entries"]] for request in released] == [
        [str(number) for number in range(10)],
        [str(number) for number in range(10)],
        ["0"],
    ]
    handles = [entry["ReceiptHandle"] for request in released for entry in request["Entries"]]
    assert handles == ["later", *(f"r{number}" for number in range(1, 21))]
    assert {request["QueueUrl"] for request in released} == {URL}


def test_the_oldest_message_comes_first() -> None:
    def sent(number: int, milliseconds: int) -> dict[str, Any]:
        return message(number) | {"Attributes": {"SentTimestamp": str(milliseconds)}}

    sqs = Sqs(3, [sent(1, 1_795_000_003_000), sent(2, 1_795_000_001_000), sent(3, 1_795_000_002_000)])
    stack, queue = stack_of(sqs)
    letters = read_letters(stack, read_state(stack, queue))
    assert [each.message_id for each in letters] == ["m2", "m3", "m1"]


def test_a_message_is_read_as_sqs_returns_it() -> None:
    _, queue = stack_of(Sqs(0))
    given = message(1, '{"notificationType":"ORDER_CHANGE"}', Zulu="z", Reason="broken", RequestID="52fdfc07")
    given["MessageAttributes"]["Bytes"] = {"DataType": "Binary", "BinaryValue": b"x"}
    assert letter(queue, given) == Letter(
        "m1",
        datetime(2026, 11, 18, 11, 6, 40, tzinfo=UTC),
        "ORDER_CHANGE",
        "broken",
        "52fdfc07",
        [("Bytes", "(binary)"), ("RequestID", "52fdfc07"), ("Zulu", "z")],
        '{\n  "notificationType": "ORDER_CHANGE"\n}',
    )
    plain = letter(queue, {"MessageId": "m", "Body": "x" * 4001, "Attributes": {"SentTimestamp": "1500"}})
    assert (plain.kind, plain.reason, plain.request_id, plain.attributes) == ("", "", "", [])
    assert plain.sent == datetime(1970, 1, 1, 0, 0, 1, 500_000, tzinfo=UTC)
    assert plain.body == "x" * 4000 + "\n… (4,001 characters)"


def test_messages_with_client_secrets_are_not_shown() -> None:
    queue = Queue("SecretDeadLetterQueue", "u", True, "")
    assert letter(queue, message(1, "secret")).body == "(not shown: messages of this queue contain client secrets)"


def test_a_move_is_read_from_its_latest_task() -> None:
    def move(task: Mapping[str, Any] | None) -> Move | None:
        return read_move(*stack_of(Sqs(0, task=task)))

    assert move(None) is None
    assert move({"Status": "RUNNING"}) == Move("RUNNING", 0, 0, "")
    counts = {"ApproximateNumberOfMessagesMoved": 3, "ApproximateNumberOfMessagesToMove": 9}
    assert move({"Status": "FAILED", "FailureReason": "denied", **counts}) == Move("FAILED", 3, 9, "denied")
    stack, _ = stack_of(Sqs(0, task={"Status": "RUNNING"}))
    other = find_queue(stack, "ListingFailuresDeadLetterQueue")
    assert other is not None
    assert read_move(stack, other) is None


def test_a_message_that_goes_back_keeps_its_binary_attributes() -> None:
    given = message(1)
    given["MessageAttributes"] = {"Bytes": {"DataType": "Binary", "BinaryValue": b"x", "StringListValues": []}}
    bare = {name: value for name, value in message(2).items() if name != "MessageAttributes"}
    sqs = Sqs(2, [given, bare])
    page = visitor(make_console({"sqs": sqs}, **OUTPUTS), PAGES)
    for number in (1, 2):
        page.post("/dead-letters/OrdersDeadLetterQueue/move", message=f"m{number}")
    first, second = sqs.of("send_message")
    assert first["MessageAttributes"] == {"Bytes": {"DataType": "Binary", "BinaryValue": b"x"}}
    assert (second["QueueUrl"], second["MessageAttributes"]) == ("https://sqs/orders", {})


@pytest.mark.parametrize(("number", "found"), [(999, True), (1000, False)])
def test_a_message_is_looked_for_among_a_thousand(number: int, found: bool) -> None:
    sqs = Sqs(2000, *[[message(10 * batch + each) for each in range(10)] for batch in range(102)])
    page = visitor(make_console({"sqs": sqs}, **OUTPUTS), PAGES)
    words = readable(page.post("/dead-letters/OrdersDeadLetterQueue/delete", message=f"m{number}"))
    assert ("The message is deleted." in words) == found
    assert sqs.of("delete_message") == ([{"QueueUrl": URL, "ReceiptHandle": "r999"}] if found else [])


def test_all_messages_are_moved_to_the_queue_that_they_came_from() -> None:
    sqs = Sqs(2)
    visitor(make_console({"sqs": sqs}, **OUTPUTS), PAGES).post("/dead-letters/OrdersDeadLetterQueue/move-all")
    assert sqs.of("start_message_move_task") == [
        {"SourceArn": "arn:aws:sqs:eu-west-1:1:orders-dead", "DestinationArn": "arn:aws:sqs:eu-west-1:1:orders"}
    ]


def test_the_page_asks_before_a_message_is_deleted() -> None:
    page = readable(shown(Sqs(1), "/dead-letters/OrdersDeadLetterQueue/delete?message=m1"))
    assert "Delete the message m1 of OrdersDeadLetterQueue? You cannot get it back." in page
    assert "make redrive-queue STACK=quick-start REGION=eu-west-1" in page
    assert "Delete the message Keep it" in page
    one = "/dead-letters/OrdersDeadLetterQueue"
    asking = shown(Sqs(1), f"{one}/delete?message=m1")
    assert (forms(asking), link(asking, "Keep it")) == ([f"{one}/delete"], one)
    messages = shown(Sqs(1, [message(1)]))
    assert forms(messages) == [f"{one}/move-all", f"{one}/move"]
    assert link(messages, "Delete…") == f"{one}/delete?message=m1"
    assert link(messages, "m1") == "/logs?find=m1&since=14d"
    assert link(shown(Sqs(1), "/dead-letters"), "OrdersDeadLetterQueue") == one
