"""Starts the execution of a feed when its file is uploaded, and wakes or concludes it; EventBridge invokes it."""

from collections.abc import Mapping
from typing import Any

from quickstart import invocation
from quickstart.listings import feed_wiring
from quickstart.observability import logger

# What one feed may take, and the end of the function.
_RESERVED_SECONDS = 20.0


def handler(event: Mapping[str, Any], context: invocation.Context) -> None:
    """An event of S3, Step Functions or the stack's bus; a scheduled one starts the sweep."""
    invocation.begin(context)
    events = feed_wiring.events()
    if event.get("detail-type") != "Scheduled Event":
        events.take(event)
        return
    repaired = events.sweep(lambda: context.get_remaining_time_in_millis() < _RESERVED_SECONDS * 1000)
    if repaired:
        logger().warning("feeds had been left alone", repaired=repaired)
