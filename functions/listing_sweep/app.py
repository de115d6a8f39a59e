"""Every few minutes: starts, concludes or announces submissions whose request or execution was interrupted."""

from collections.abc import Mapping
from typing import Any

from quickstart import invocation
from quickstart.listings import wiring
from quickstart.observability import logger

# What one submission may take, and the end of the function.
_RESERVED_SECONDS = 20.0


def handler(_event: Mapping[str, Any], context: invocation.Context) -> Mapping[str, int]:
    """The scheduled event -> how many open submissions were checked, and how many were repaired."""
    invocation.begin(context)
    swept = wiring.sweep(invocation.deadline(context)).run(
        lambda: context.get_remaining_time_in_millis() < _RESERVED_SECONDS * 1000
    )
    if swept.repaired:
        logger().warning("interrupted submissions repaired", extra=swept.described())
    return swept.described()
