"""Sends one e-mail for the outcomes of a few minutes, which SQS collects."""

from collections.abc import Mapping
from functools import partial
from typing import Any

from quickstart import clients, invocation, settings
from quickstart.listings.digest import UnreadableOutcomeError, read_outcome, send
from quickstart.own_stack import own_stack
from quickstart.queue_batches import BatchAnswer, process_together


def handler(event: Mapping[str, Any], context: invocation.Context) -> BatchAnswer:
    """An SQS batch -> the messages that failed."""
    return process_together(
        event,
        context,
        read_outcome,
        partial(send, clients.sns(), settings.required("LISTING_TOPIC_ARN"), own_stack()),
        UnreadableOutcomeError,
        settings.required("LISTING_DIGEST_QUEUE_URL"),
        settings.required("LISTING_DIGEST_DEAD_LETTER_QUEUE_URL"),
    )
