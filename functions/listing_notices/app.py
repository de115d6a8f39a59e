"""Takes LISTINGS_ITEM_* notices from the queue: the submissions for a listing are checked at once."""

from collections.abc import Mapping
from typing import Any

from quickstart import invocation, settings
from quickstart.listings import wiring
from quickstart.listings.notices import UnreadableNoticeError, read_notice
from quickstart.observability import logger
from quickstart.queue_batches import BatchAnswer, Message, process_batch


def handler(event: Mapping[str, Any], context: invocation.Context) -> BatchAnswer:
    """An SQS batch -> the messages that failed."""
    queue_url = settings.required("LISTING_NOTICES_QUEUE_URL")
    dead_letters = settings.required("LISTING_NOTICES_DEAD_LETTER_QUEUE_URL")
    return process_batch(event, context, _process, UnreadableNoticeError, queue_url, dead_letters)


def _process(message: Message) -> None:
    notice = read_notice(message.body)
    if notice is None:
        logger().info("notice of a type that listings do not use")
        return
    wiring.notices().take(notice)
