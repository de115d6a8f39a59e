"""Takes notifications about the application's client secret from their queue. Their bodies are never logged."""

from collections.abc import Mapping
from datetime import UTC, datetime
from functools import partial
from typing import Any

from quickstart import invocation, settings
from quickstart.queue_batches import BatchAnswer, Message, process_batch
from quickstart.secret_rotation import wiring
from quickstart.secret_rotation.messages import UnreadableSecretMessageError
from quickstart.secret_rotation.rotation import process_message


def handler(event: Mapping[str, Any], context: invocation.Context) -> BatchAnswer:
    """An SQS batch -> the messages that failed."""
    process = partial(_process, context)
    return process_batch(event, context, process, UnreadableSecretMessageError, settings.required("SECRET_QUEUE_URL"))


def _process(context: invocation.Context, message: Message) -> None:
    deadline = invocation.deadline(context)
    replacement, rotator = partial(wiring.replacement, deadline), partial(wiring.rotator, deadline)
    process_message(message.body, replacement, rotator, datetime.now(UTC))
