"""Dead letters where SQS behaves as the emulator does not."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from operations.console.pages import dead_letters
from operations.console.reading.dead_letters import Queue, letter
from tests.unit.operations.console.support import make_console, readable, visitor

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
        self.calls: list[tuple[str, Any]] = []

    def get_queue_attributes(self, **_: Any) -> Any:
        return {
            "Attributes": {
                "QueueArn": "arn:aws:sqs:eu-west-1:1:orders-dead",
                "ApproximateNumberOfMessages": str(self.count),
                "ApproximateNumberOfMessagesNotVisible": "4",
            }
        }

    def list_message_move_tasks(self, **_: Any) -> Any:
        return {"Results": [self.task] if self.task else []}

    def get_queue_url(self, **_: Any) -> Any:
        return {"QueueUrl": "https://sqs/orders"}

    def receive_message(self, **request: Any) -> Any:
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
