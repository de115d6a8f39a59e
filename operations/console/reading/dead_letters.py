"""Reads the dead-letter queues without consuming their messages, and moves messages back."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from operations.console.cleaning import clean
from operations.outcomes import advice_about_dead_letters, kind_and_reason
from operations.redrive import source_of
from operations.stack import Stack
from sp_api.errors import presentable

_SUFFIX = "DeadLetterQueueUrl"
# While a page reads, SQS hides the messages from other readers; without that, it would hand out the same ones again.
HIDDEN_SECONDS = 10
SHOWN = 50
# How many messages are looked through for one of them.
_SEARCHED = 1000
# What one request of SQS takes at most.
_BATCH = 10
# Its messages hold client secrets.
_NOT_SHOWN = ("SecretDeadLetterQueue",)
_LONGEST_BODY = 4000


@dataclass(frozen=True)
class Queue:
    """A dead-letter queue. `name` is its logical name, `goes_back` whether its messages come from another queue."""

    name: str
    output: str
    goes_back: bool
    advice: str


@dataclass(frozen=True)
class QueueState:
    """How many messages are in the queue: about, as SQS counts. `waiting` are hidden, because somebody reads them."""

    queue: Queue
    count: int
    waiting: int


@dataclass(frozen=True)
class Letter:
    """A message. `request_id` is of the function that failed with it; the texts are without secrets.

    `reason` is empty if the message does not say why it is here.
    """

    message_id: str
    sent: datetime
    kind: str
    reason: str
    request_id: str
    attributes: Sequence[tuple[str, str]]
    body: str


@dataclass(frozen=True)
class Move:
    """The latest task that moves all messages back. `moved` and `total` are about; `failure` is AWS's reason."""

    status: str
    moved: int
    total: int
    failure: str


def queues(stack: Stack) -> list[Queue]:
    """The stack's dead-letter queues by name."""
    return [
        Queue(name, output, source_of(stack, output) is not None, advice_about_dead_letters(stack, name))
        for output in sorted(stack.outputs)
        if output.endswith(_SUFFIX)
        for name in [output.removesuffix("Url")]
    ]


def find_queue(stack: Stack, name: str) -> Queue | None:
    return next((queue for queue in queues(stack) if queue.name == name), None)


def read_state(stack: Stack, queue: Queue) -> QueueState:
    """Raises what AWS raises."""
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    url = stack.outputs[queue.output]
    found = stack.client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"]
    return QueueState(queue, *(int(found[name]) for name in names))


def read_letters(stack: Stack, state: QueueState) -> list[Letter]:
    """At most SHOWN messages, the oldest first. They stay in the queue. Raises what AWS raises."""
    with _Reading(stack, state.queue) as reading:
        found = [letter(state.queue, message) for message in reading.messages(min(state.count, SHOWN))]
    return sorted(found, key=lambda each: each.sent)


def letter(queue: Queue, message: Mapping[str, Any]) -> Letter:
    """A message as SQS returns it."""
    attributes = {
        name: presentable(str(value.get("StringValue", "(binary)")))
        for name, value in sorted(message.get("MessageAttributes", {}).items())
    }
    kind, reason = kind_and_reason(message)
    hidden = "(not shown: messages of this queue contain client secrets)"
    return Letter(
        message_id=message["MessageId"],
        sent=datetime.fromtimestamp(int(message["Attributes"]["SentTimestamp"]) / 1000, UTC),
        kind=kind,
        reason=reason,
        # So Lambda names it in the messages that it could not process (Lambda: "Dead-letter queues").
        request_id=attributes.get("RequestID", ""),
        # The reason is shown by itself.
        attributes=[(name, value) for name, value in attributes.items() if value != reason],
        body=hidden if queue.name in _NOT_SHOWN else clean(message["Body"], _LONGEST_BODY),
    )


def read_move(stack: Stack, queue: Queue) -> Move | None:
    """The latest task; None if there was none in the last days, or there can be none. Raises what AWS raises."""
    if not queue.goes_back:
        return None
    sqs = stack.client("sqs")
    arn = sqs.get_queue_attributes(QueueUrl=stack.outputs[queue.output], AttributeNames=["QueueArn"])["Attributes"]
    for task in sqs.list_message_move_tasks(SourceArn=arn["QueueArn"])["Results"]:
        return Move(
            task["Status"],
            task.get("ApproximateNumberOfMessagesMoved", 0),
            task.get("ApproximateNumberOfMessagesToMove", 0),
            presentable(task.get("FailureReason", "")),
        )
    return None


def move_back(stack: Stack, queue: Queue, message_id: str) -> bool:
    """Sends one message to the queue that it came from, and deletes it here; False if it is not found.

    Whoever reads it may get it twice if the second step fails, as with every message of SQS. Raises what AWS raises.
    """
    arn = source_of(stack, queue.output)
    assert arn is not None, "the page has no button for other queues"

    def move(sqs: Any, url: str, message: Mapping[str, Any]) -> None:
        target = sqs.get_queue_url(QueueName=arn.rpartition(":")[2])["QueueUrl"]
        kept = {
            name: {field: value[field] for field in ("DataType", "StringValue", "BinaryValue") if field in value}
            for name, value in message.get("MessageAttributes", {}).items()
        }
        sqs.send_message(QueueUrl=target, MessageBody=message["Body"], MessageAttributes=kept)
        sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])

    return _with_message(stack, queue, message_id, move)


def delete(stack: Stack, queue: Queue, message_id: str) -> bool:
    """Deletes one message; False if it is not found. Raises what AWS raises."""
    return _with_message(
        stack,
        queue,
        message_id,
        lambda sqs, url, message: sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"]),
    )


def _with_message(
    stack: Stack, queue: Queue, message_id: str, act: Callable[[Any, str, Mapping[str, Any]], None]
) -> bool:
    with _Reading(stack, queue) as reading:
        for message in reading.messages(_SEARCHED):
            if message["MessageId"] == message_id:
                act(reading.sqs, reading.url, message)
                reading.done(message)
                return True
    return False


class _Reading:
    """Receives messages, and shows them to other readers again at the end."""

    def __init__(self, stack: Stack, queue: Queue) -> None:
        self.sqs = stack.client("sqs")
        self.url = stack.outputs[queue.output]
        self._held: dict[str, str] = {}

    def __enter__(self) -> "_Reading":
        return self

    def messages(self, most: int) -> Iterator[Mapping[str, Any]]:
        """Different messages, at most so many."""
        count = 0
        while count < most:
            received = self.sqs.receive_message(
                QueueUrl=self.url,
                MaxNumberOfMessages=min(_BATCH, most - count),
                VisibilityTimeout=HIDDEN_SECONDS,
                # Asks all of SQS's servers, so that no answer is empty while there are messages.
                WaitTimeSeconds=1,
                AttributeNames=["SentTimestamp"],
                MessageAttributeNames=["All"],
            ).get("Messages", [])
            new = [message for message in received if message["MessageId"] not in self._held]
            self._held.update({message["MessageId"]: message["ReceiptHandle"] for message in received})
            if not new:
                return
            count += len(new)
            yield from new

    def done(self, message: Mapping[str, Any]) -> None:
        """The message is no longer in the queue."""
        del self._held[message["MessageId"]]

    def __exit__(self, *_: object) -> None:
        handles = list(self._held.values())
        for start in range(0, len(handles), _BATCH):
            # One that cannot be shown again now is shown some seconds later.
            self.sqs.change_message_visibility_batch(
                QueueUrl=self.url,
                Entries=[
                    {"Id": str(number), "ReceiptHandle": handle, "VisibilityTimeout": 0}
                    for number, handle in enumerate(handles[start : start + _BATCH])
                ],
            )
