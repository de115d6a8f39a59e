"""Batches of an SQS queue, message by message."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

from botocore.exceptions import ClientError

from quickstart import clients, invocation
from quickstart.aws_failures import FAILED_CALLS, code_of, needs_operator
from quickstart.observability import logger

Content = TypeVar("Content")
# {"batchItemFailures": [{"itemIdentifier": message id}]}: what SQS delivers again.
BatchAnswer = Mapping[str, Sequence[Mapping[str, str]]]
_LONGEST_REASON = 500
# SQS changes the visibility of so many messages in one call (API reference, ChangeMessageVisibilityBatch).
_MOST_ENTRIES = 10
_UNREADABLE = "message cannot be processed and goes to the dead-letter queue"
# SQS accepts only these control characters in an attribute (API reference, SendMessage).
_NOT_IN_AN_ATTRIBUTE = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


@dataclass(frozen=True)
class Message:
    """A message of a batch. `attributes` are SQS's own as text, and `message_attributes` those of the sender."""

    message_id: str
    receipt_handle: str
    body: str
    attributes: Mapping[str, str]
    message_attributes: Mapping[str, object]

    @classmethod
    def of(cls, record: Mapping[str, Any]) -> "Message":
        """A record of the event that Lambda makes of a batch."""
        return cls(
            record["messageId"],
            record["receiptHandle"],
            record["body"],
            record["attributes"],
            record.get("messageAttributes", {}),
        )

    @property
    def receives(self) -> int:
        """How often SQS has delivered the message, this time included."""
        return int(self.attributes["ApproximateReceiveCount"])


def process_batch(
    event: Mapping[str, Any],
    context: invocation.Context,
    process: Callable[[Message], Content | None],
    unreadable: type[Exception],
    queue_url: str,
    dead_letter_queue_url: str = "",
    finish: Callable[[Sequence[Content]], Sequence[Callable[[], object]]] | None = None,
) -> BatchAnswer:
    """Processes each message by itself and returns those that failed, which SQS delivers again.

    While a message is processed, every log line carries its `message_id`. A message for which `process` raises
    `unreadable` is sent to the dead-letter queue at once, with the reason: a retry cannot succeed. Without a
    `dead_letter_queue_url`, it becomes visible at once instead, so that SQS soon moves it there. A message whose error
    has `queue_waits`, or that an AWS call refuses until an operator fixes the cause, is delivered again after these
    waits; any other failed message when the queue's visibility timeout ends.

    `finish` receives what `process` returned, except None, of all messages together at the end. It returns the last
    step of each, which counts as a part of `process`.
    """
    batch = _Batch(context, unreadable, queue_url, dead_letter_queue_url)
    begun: list[tuple[Message, Content]] = []
    for message in map(Message.of, event["Records"]):
        content = batch.attempt(message, partial(process, message))
        if content is not None:
            begun.append((message, content))
    if finish is not None and begun:
        for (message, _), last_step in zip(begun, finish([content for _, content in begun]), strict=True):
            batch.attempt(message, last_step)
    return batch.answer()


class _Batch:
    """The messages of a batch that failed."""

    def __init__(
        self, context: invocation.Context, unreadable: type[Exception], queue_url: str, dead_letter_queue_url: str
    ) -> None:
        self._context, self._unreadable = context, unreadable
        self._queue_url, self._dead_letter_queue_url = queue_url, dead_letter_queue_url
        self._failed: list[Message] = []

    def attempt(self, message: Message, action: Callable[[], Content | None]) -> Content | None:
        """The action's result; None when it fails."""
        invocation.begin(self._context, message_id=message.message_id)
        try:
            return action()
        except self._unreadable as error:
            logger().error(_UNREADABLE, reason=str(error))
            self._set_aside(message, str(error))
        # Whatever it is, it must not keep the other messages.
        except Exception as error:  # noqa: BLE001
            wait = _wait(error, message.receives)
            _log_failure(error, wait)
            if wait is not None:
                _deliver_again(self._queue_url, message, wait)
            self._failed.append(message)
        return None

    def answer(self) -> BatchAnswer:
        return _answer(self._failed)

    def _set_aside(self, message: Message, reason: str) -> None:
        if not self._dead_letter_queue_url:
            _deliver_again(self._queue_url, message, 0)
            self._failed.append(message)
            return
        try:
            send_to_dead_letters(self._dead_letter_queue_url, message.body, {"Reason": reason})
        except FAILED_CALLS as error:
            _log_failure(error, None)
            self._failed.append(message)


def _answer(failed: Sequence[Message]) -> BatchAnswer:
    return {"batchItemFailures": [{"itemIdentifier": message.message_id} for message in failed]}


def process_together(
    event: Mapping[str, Any],
    context: invocation.Context,
    read: Callable[[str], Content],
    process: Callable[[Sequence[Content]], None],
    unreadable: type[Exception],
    queue_url: str,
    dead_letter_queue_url: str,
) -> BatchAnswer:
    """Reads each message, processes what was read as a whole, and returns the messages that failed.

    A message for which `read` raises `unreadable` is sent to the dead-letter queue at once, with the reason. If an AWS
    call of `process` fails, SQS delivers the others again, with the same waits as in `process_batch`.
    """
    invocation.begin(context)
    records: list[Message] = []
    contents: list[Content] = []
    failed: list[Message] = []
    for record in map(Message.of, event["Records"]):
        try:
            contents.append(read(record.body))
        except unreadable as error:
            logger().error(_UNREADABLE, message_id=record.message_id, reason=str(error))
            try:
                send_to_dead_letters(dead_letter_queue_url, record.body, {"Reason": str(error)})
            except FAILED_CALLS as refusal:
                _log_failure(refusal, None)
                failed.append(record)
        else:
            records.append(record)
    try:
        process(contents)
    except FAILED_CALLS as error:
        _log_failure(error, _wait(error, min((record.receives for record in records), default=1)))
        _deliver_all_again(queue_url, records, error)
        failed += records
    return _answer(failed)


def send_to_dead_letters(queue_url: str, body: str, attributes: Mapping[str, str]) -> None:
    """Sends the message as received to a dead-letter queue, with attributes such as the reason.

    SQS limits a message to 1 MiB with its attributes. A message that exceeds it because of them is sent without them.
    """
    texts = {name: _NOT_IN_AN_ATTRIBUTE.sub("?", text)[:_LONGEST_REASON] for name, text in attributes.items()}
    sqs = clients.sqs()
    try:
        sqs.send_message(
            QueueUrl=queue_url,
            MessageBody=body,
            MessageAttributes={
                name: {"DataType": "String", "StringValue": text} for name, text in texts.items() if text
            },
        )
    except ClientError as error:
        if error.response["Error"]["Code"] != "InvalidParameterValue":
            raise
        sqs.send_message(QueueUrl=queue_url, MessageBody=body)


def _deliver_again(queue_url: str, record: Message, seconds: int) -> None:
    """Has SQS deliver the message again after so many seconds; if SQS refuses, after the queue's visibility timeout."""
    try:
        clients.sqs().change_message_visibility(
            QueueUrl=queue_url, ReceiptHandle=record.receipt_handle, VisibilityTimeout=seconds
        )
    except FAILED_CALLS as error:
        _log_visibility(error)


def _deliver_all_again(queue_url: str, records: Sequence[Message], error: Exception) -> None:
    """The same for many messages; each waits as often as it was received."""
    entries: list[Any] = [
        {"Id": str(number), "ReceiptHandle": record.receipt_handle, "VisibilityTimeout": wait}
        for number, record in enumerate(records)
        if (wait := _wait(error, record.receives)) is not None
    ]
    try:
        for some in _parts(entries):
            clients.sqs().change_message_visibility_batch(QueueUrl=queue_url, Entries=some)
    except FAILED_CALLS as refusal:
        _log_visibility(refusal)


def _parts(entries: Sequence[Any]) -> Iterator[Sequence[Any]]:
    for first in range(0, len(entries), _MOST_ENTRIES):
        yield entries[first : first + _MOST_ENTRIES]


def _log_visibility(error: Exception) -> None:
    logger().warning(
        "the wait of a message could not be set, the queue's visibility timeout applies", error=code_of(error)
    )


def _for_operator(error: Exception) -> bool:
    return isinstance(error, invocation.OperatorNeededError) or needs_operator(code_of(error))


def _wait(error: Exception, receives: int) -> int | None:
    """Seconds until the message is delivered again; None when the queue's visibility timeout decides."""
    if _for_operator(error):
        waits = invocation.OperatorNeededError.queue_waits
    else:
        waits = error.queue_waits if isinstance(error, invocation.ExpectedError) else ()
    return waits[min(receives, len(waits)) - 1] if waits else None


def _log_failure(error: Exception, wait: int | None) -> None:
    if _for_operator(error):
        logger().error(
            "message failed and will fail again until an operator fixes the cause; SQS redelivers it",
            error=code_of(error),
            reason=str(error),
            wait_seconds=wait,
        )
    elif isinstance(error, invocation.EXPECTED):
        logger().warning("message failed; SQS redelivers it", error=type(error).__name__, reason=str(error))
    else:
        logger().exception("message failed; SQS redelivers it")
