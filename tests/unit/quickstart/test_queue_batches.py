"""Messages of a queue: each by itself, with log lines that carry its id."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import pytest
from botocore.exceptions import ClientError

from quickstart import clients
from quickstart.invocation import ExpectedError
from quickstart.notifications.forwarding import EventNotAllowedError
from quickstart.notifications.ownership import OwnerUnknownError
from quickstart.observability import logger
from quickstart.queue_batches import Message, process_batch, process_together
from tests.unit.quickstart.support import Aws, AwsError, Context

LogLines = Callable[[], list[dict[str, Any]]]
QUEUE_URL = "https://sqs.us-east-1.amazonaws.com/111122223333/queue"
FOR_OPERATOR = "message failed and will fail again until an operator fixes the cause; SQS redelivers it"
NO_WAIT = "the wait of a message could not be set, the queue's visibility timeout applies"
DEAD_LETTERS_URL = "https://sqs.us-east-1.amazonaws.com/111122223333/dead-letters"


def denied_by_dynamodb() -> ClientError:
    response: Any = {"Error": {"Code": "AccessDeniedException", "Message": "denied"}}
    return ClientError(response, "GetItem")


class UnreadableError(ValueError):
    """The message can never be processed."""


@pytest.fixture
def process(aws: Aws, monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[str]]:
    """Processes one message for each body, and returns the ids of those that failed."""
    aws.answers |= {"ChangeMessageVisibility": lambda _: {}, "SendMessage": lambda _: {}}
    client = aws.client("sqs")
    monkeypatch.setattr(clients, "sqs", lambda: client)

    def run(errors: dict[str, Exception], receives: int = 1, dead_letters_url: str = DEAD_LETTERS_URL) -> list[str]:
        def handle(record: Message) -> None:
            logger().info("processing")
            if record.body in errors:
                raise errors[record.body]

        event = {"Records": [record(body, receives) for body in ("one", "two", "three")]}
        context: Any = Context()
        failed = process_batch(event, context, handle, UnreadableError, QUEUE_URL, dead_letters_url)
        return [str(entry["itemIdentifier"]) for entry in failed["batchItemFailures"]]

    return run


def record(body: str, receives: int = 1) -> dict[str, Any]:
    return {
        "messageId": f"message-{body}",
        "receiptHandle": f"receipt-{body}",
        "body": body,
        "eventSource": "aws:sqs",
        "attributes": {"ApproximateReceiveCount": str(receives)},
    }


def test_every_line_carries_the_id_of_its_message(process: Callable[..., list[str]], log_lines: LogLines) -> None:
    assert process({}) == []
    assert [line["message_id"] for line in log_lines()] == ["message-one", "message-two", "message-three"]
    assert {line["function_request_id"] for line in log_lines()} == {"function-request-1"}


def test_an_unreadable_message_goes_to_the_dead_letter_queue_with_the_reason(
    process: Callable[..., list[str]], aws: Aws, log_lines: LogLines
) -> None:
    assert process({"two": UnreadableError("the message\0 is not JSON")}) == []
    reason = {"Reason": {"DataType": "String", "StringValue": "the message? is not JSON"}}
    assert aws.calls == [
        ("SendMessage", {"QueueUrl": DEAD_LETTERS_URL, "MessageBody": "two", "MessageAttributes": reason})
    ]
    (line,) = [line for line in log_lines() if line["level"] == "ERROR"]
    assert line["message"] == "message cannot be processed and goes to the dead-letter queue"
    assert (line["message_id"], line["reason"]) == ("message-two", "the message\0 is not JSON")


@pytest.mark.parametrize(
    ("reason", "attributes"),
    [
        ("x" * 500, {"Reason": {"DataType": "String", "StringValue": "x" * 500}}),
        ("x" * 501, {"Reason": {"DataType": "String", "StringValue": "x" * 500}}),
        # SQS accepts no empty attribute.
        ("", {}),
    ],
)
def test_a_reason_is_cut_and_left_out_where_there_is_none(
    process: Callable[..., list[str]], aws: Aws, reason: str, attributes: dict[str, Any]
) -> None:
    assert process({"two": UnreadableError(reason)}) == []
    ((_, sent),) = aws.calls
    assert sent["MessageAttributes"] == attributes


def test_without_permission_to_send_an_unreadable_message_is_visible_again_at_once(
    process: Callable[..., list[str]], aws: Aws
) -> None:
    assert process({"two": UnreadableError("no")}, dead_letters_url="") == ["message-two"]
    visible = {"QueueUrl": QUEUE_URL, "ReceiptHandle": "receipt-two", "VisibilityTimeout": 0}
    assert aws.calls == [("ChangeMessageVisibility", visible)]


def test_a_message_that_is_too_large_with_the_reason_goes_there_without_it(
    process: Callable[..., list[str]], aws: Aws
) -> None:
    def send(given: Any) -> dict[str, Any]:
        if "MessageAttributes" in given:
            raise AwsError("InvalidParameterValue")
        return {}

    aws.answers["SendMessage"] = send
    assert process({"two": UnreadableError("no")}) == []
    assert aws.calls[-1] == ("SendMessage", {"QueueUrl": DEAD_LETTERS_URL, "MessageBody": "two"})


def test_a_message_that_the_dead_letter_queue_does_not_take_stays_in_its_queue(
    process: Callable[..., list[str]], aws: Aws, log_lines: LogLines
) -> None:
    def denied(_: Any) -> dict[str, Any]:
        raise AwsError("AccessDenied")

    aws.answers["SendMessage"] = denied
    assert process({"two": UnreadableError("no")}) == ["message-two"]
    assert aws.operations == ["SendMessage"]
    unreadable, failed = (line for line in log_lines() if line["level"] == "ERROR")
    assert unreadable["reason"] == "no"
    assert failed["message"] == FOR_OPERATOR
    assert (failed["message_id"], failed["error"]) == ("message-two", "AccessDenied")
    assert "wait_seconds" not in failed


@pytest.mark.parametrize(("receives", "wait"), [(1, 300), (2, 1800), (3, 7200), (4, 43200), (5, 43200)])
@pytest.mark.parametrize("error", [EventNotAllowedError("denied"), denied_by_dynamodb()])
def test_a_message_that_an_operator_must_help_waits_longer_each_time(
    process: Callable[..., list[str]], aws: Aws, log_lines: LogLines, error: Exception, receives: int, wait: int
) -> None:
    assert process({"two": error}, receives) == ["message-two"]
    assert aws.calls == [
        (
            "ChangeMessageVisibility",
            {"QueueUrl": QUEUE_URL, "ReceiptHandle": "receipt-two", "VisibilityTimeout": wait},
        )
    ]
    (line,) = [line for line in log_lines() if line["level"] == "ERROR"]
    assert line["message"] == FOR_OPERATOR
    assert line["error"] == ("AccessDeniedException" if isinstance(error, ClientError) else "EventNotAllowedError")
    assert (line["message_id"], line["wait_seconds"]) == ("message-two", wait)
    assert "denied" in line["reason"]


@pytest.mark.parametrize("error", [EventNotAllowedError("denied"), denied_by_dynamodb(), UnreadableError("denied")])
def test_a_failure_is_logged_also_if_sqs_refuses_the_wait(
    process: Callable[..., list[str]], aws: Aws, log_lines: LogLines, error: Exception
) -> None:
    def denied(_: Any) -> dict[str, Any]:
        raise AwsError("ReceiptHandleIsInvalid")

    aws.answers["ChangeMessageVisibility"] = denied
    assert process({"two": error}, dead_letters_url="") == ["message-two"]
    failure, wait = (line for line in log_lines() if line["message"] != "processing")
    assert (failure["level"], failure["message_id"]) == ("ERROR", "message-two")
    assert "denied" in failure["reason"]
    assert (wait["level"], wait["message_id"], wait["error"]) == ("WARNING", "message-two", "ReceiptHandleIsInvalid")
    assert wait["message"] == NO_WAIT


def test_what_was_begun_is_finished_together_and_each_message_has_its_own_end(
    aws: Aws, monkeypatch: pytest.MonkeyPatch, log_lines: LogLines
) -> None:
    """Of six messages, one has nothing to finish, one fails before, and three fail at the end in different ways."""
    aws.answers |= {"ChangeMessageVisibility": lambda _: {}, "SendMessage": lambda _: {}}
    client = aws.client("sqs")
    monkeypatch.setattr(clients, "sqs", lambda: client)
    together: list[str] = []
    errors = {"refused": UnreadableError("for ever"), "later": TryAgainError("soon"), "broken": denied_by_dynamodb()}

    def begin(message: Message) -> str | None:
        if message.body == "early":
            raise ValueError("no")
        return None if message.body == "nothing" else message.body

    def finish(bodies: Sequence[str]) -> list[Callable[[], None]]:
        together.extend(bodies)
        return [partial(end, body) for body in bodies]

    def end(body: str) -> None:
        if body in errors:
            raise errors[body]
        logger().info("finished")

    event = {"Records": [record(body) for body in ("early", "nothing", "good", *errors)]}
    context: Any = Context()
    failed = process_batch(event, context, begin, UnreadableError, QUEUE_URL, DEAD_LETTERS_URL, finish)
    assert together == ["good", *errors]
    assert failed == {
        "batchItemFailures": [{"itemIdentifier": f"message-{name}"} for name in ("early", "later", "broken")]
    }
    lines = {line["message_id"]: line["level"] for line in log_lines()}
    assert lines == {
        "message-early": "ERROR",
        "message-good": "INFO",
        "message-refused": "ERROR",
        "message-later": "WARNING",
        "message-broken": "ERROR",
    }
    assert [given["MessageBody"] for name, given in aws.calls if name == "SendMessage"] == ["refused"]


class TryAgainError(ExpectedError):
    queue_waits = (10, 60)


@pytest.mark.parametrize(("receives", "wait"), [(1, 10), (2, 60), (7, 60)])
def test_an_error_can_say_how_long_its_message_waits(
    process: Callable[..., list[str]], aws: Aws, log_lines: LogLines, receives: int, wait: int
) -> None:
    assert process({"two": TryAgainError("not yet")}, receives) == ["message-two"]
    ((_, changed),) = aws.calls
    assert (changed["ReceiptHandle"], changed["VisibilityTimeout"]) == ("receipt-two", wait)
    (line,) = [line for line in log_lines() if line["message"] != "processing"]
    assert (line["level"], line["reason"]) == ("WARNING", "not yet")
    assert (line["message"], line["error"]) == ("message failed; SQS redelivers it", "TryAgainError")


def test_an_expected_failure_is_one_warning(process: Callable[..., list[str]], aws: Aws, log_lines: LogLines) -> None:
    assert process({"one": OwnerUnknownError("the owner of report 7 is unknown")}) == ["message-one"]
    (line,) = [line for line in log_lines() if line["message"] != "processing"]
    assert (line["level"], line["message_id"]) == ("WARNING", "message-one")
    assert (line["error"], line["reason"]) == ("OwnerUnknownError", "the owner of report 7 is unknown")
    assert "exception" not in line
    assert aws.calls == []


def test_an_unforeseen_failure_is_logged_with_its_traceback(
    process: Callable[..., list[str]], log_lines: LogLines
) -> None:
    assert process({"three": KeyError("unforeseen")}) == ["message-three"]
    (line,) = [line for line in log_lines() if line["message"] != "processing"]
    assert (line["level"], line["message_id"]) == ("ERROR", "message-three")
    assert line["message"] == "message failed; SQS redelivers it"
    assert "Traceback" in line["exception"]


def test_a_message_has_what_sqs_and_its_sender_say_of_it() -> None:
    sent = record("one", receives=3)
    message = Message.of(sent | {"messageAttributes": {"Source": {"stringValue": "s"}}})
    assert message == Message(
        "message-one",
        "receipt-one",
        "one",
        {"ApproximateReceiveCount": "3"},
        {"Source": {"stringValue": "s"}},
    )
    assert message.receives == 3
    assert Message.of(sent).message_attributes == {}


def test_nothing_is_finished_where_nothing_was_begun() -> None:
    def finish(_: Sequence[str]) -> list[Callable[[], None]]:
        raise AssertionError("nothing to finish")

    context: Any = Context()
    event = {"Records": [record("one")]}
    answer = process_batch(event, context, lambda _: None, UnreadableError, QUEUE_URL, "", finish)
    assert answer == {"batchItemFailures": []}


class TestProcessTogether:
    """Messages "one", "two" and so on, of which an e-mail is made as a whole."""

    @staticmethod
    def run(
        aws: Aws, monkeypatch: pytest.MonkeyPatch, records: list[dict[str, Any]], error: Exception | None = None
    ) -> tuple[list[str], list[list[str]]]:
        """The ids of the messages that failed, and what was processed."""
        quiet: dict[str, Any] = {"ChangeMessageVisibilityBatch": lambda _: {}, "SendMessage": lambda _: {}}
        aws.answers = quiet | aws.answers
        client = aws.client("sqs")
        monkeypatch.setattr(clients, "sqs", lambda: client)
        processed: list[list[str]] = []

        def read(body: str) -> str:
            if body == "bad":
                raise UnreadableError("no outcome")
            return body

        def process(bodies: Any) -> None:
            if error is not None:
                raise error
            processed.append(list(bodies))

        found = process_together(
            {"Records": records}, Context(), read, process, UnreadableError, QUEUE_URL, DEAD_LETTERS_URL
        )
        return [str(entry["itemIdentifier"]) for entry in found["batchItemFailures"]], processed

    def test_an_unreadable_message_goes_to_the_dead_letter_queue_with_the_reason(
        self, aws: Aws, monkeypatch: pytest.MonkeyPatch, log_lines: LogLines
    ) -> None:
        assert self.run(aws, monkeypatch, [record("bad"), record("one")]) == ([], [["one"]])
        ((operation, sent),) = aws.calls
        assert (operation, sent["QueueUrl"], sent["MessageBody"]) == ("SendMessage", DEAD_LETTERS_URL, "bad")
        assert sent["MessageAttributes"]["Reason"]["StringValue"] == "no outcome"
        (line,) = log_lines()
        assert line["message"] == "message cannot be processed and goes to the dead-letter queue"
        assert (line["message_id"], line["reason"]) == ("message-bad", "no outcome")
        assert (line["level"], line["function_request_id"]) == ("ERROR", "function-request-1")

    def test_an_unreadable_message_that_could_not_be_moved_comes_again(
        self, aws: Aws, monkeypatch: pytest.MonkeyPatch, log_lines: LogLines
    ) -> None:
        aws.answers["SendMessage"] = raises(AwsError("AccessDenied"))
        assert self.run(aws, monkeypatch, [record("bad"), record("one")]) == (["message-bad"], [["one"]])
        _, line = log_lines()
        assert (line["message"], line["error"], "wait_seconds" in line) == (FOR_OPERATOR, "AccessDenied", False)

    def test_a_failure_after_unreadable_messages_alone(
        self, aws: Aws, monkeypatch: pytest.MonkeyPatch, log_lines: LogLines
    ) -> None:
        assert self.run(aws, monkeypatch, [record("bad")], denied_by_dynamodb()) == ([], [])
        assert aws.operations == ["SendMessage"]
        _, line = log_lines()
        assert (line["message"], line["wait_seconds"]) == (FOR_OPERATOR, 300)

    def test_messages_that_an_operator_must_help_wait_longer_each_time(
        self, aws: Aws, monkeypatch: pytest.MonkeyPatch, log_lines: LogLines
    ) -> None:
        records = [record(str(number), receives=1 + number // 6) for number in range(12)]
        failed, _ = self.run(aws, monkeypatch, [*records, record("bad")], denied_by_dynamodb())
        assert failed == [f"message-{number}" for number in range(12)]
        entries = [call["Entries"] for operation, call in aws.calls if operation == "ChangeMessageVisibilityBatch"]
        assert [len(some) for some in entries] == [10, 2]
        waits = [entry["VisibilityTimeout"] for some in entries for entry in some]
        assert waits == [300] * 6 + [1800] * 6
        receipts = [(entry["Id"], entry["ReceiptHandle"]) for some in entries for entry in some]
        assert receipts == [(str(number), f"receipt-{number}") for number in range(12)]
        assert {call["QueueUrl"] for operation, call in aws.calls if operation != "SendMessage"} == {QUEUE_URL}
        line = log_lines()[-1]
        # The shortest of them.
        assert (line["message"], line["error"], line["wait_seconds"]) == (FOR_OPERATOR, "AccessDeniedException", 300)

    def test_other_failures_wait_for_the_queues_visibility_timeout(
        self, aws: Aws, monkeypatch: pytest.MonkeyPatch, log_lines: LogLines
    ) -> None:
        throttled = ClientError({"Error": {"Code": "Throttling"}}, "Publish")
        assert self.run(aws, monkeypatch, [record("one")], throttled) == (["message-one"], [])
        assert aws.calls == []
        (line,) = log_lines()
        assert (line["level"], line["message"]) == ("ERROR", "message failed; SQS redelivers it")
        assert "Throttling" in line["exception"]

    def test_if_the_waits_cannot_be_set_the_messages_still_come_again(
        self, aws: Aws, monkeypatch: pytest.MonkeyPatch, log_lines: LogLines
    ) -> None:
        aws.answers["ChangeMessageVisibilityBatch"] = raises(AwsError("AccessDenied"))
        assert self.run(aws, monkeypatch, [record("one")], denied_by_dynamodb()) == (["message-one"], [])
        failure, wait = log_lines()
        assert failure["message"] == FOR_OPERATOR
        assert (wait["level"], wait["message"], wait["error"]) == ("WARNING", NO_WAIT, "AccessDenied")


def raises(error: Exception) -> Callable[[Any], dict[str, Any]]:
    def answer(_: Any) -> dict[str, Any]:
        raise error

    return answer
