"""Once a day: announces consents that expire soon."""

from collections.abc import Mapping

from quickstart import invocation
from quickstart.authorization import (
    connections,  # noqa: F401 - loaded while the function starts, see wiring
    wiring,
)
from quickstart.invocation import Context
from quickstart.observability import logger


def handler(_event: object, context: Context) -> Mapping[str, int]:
    """{"connections", "notices"}: the number of connections, and of those announced."""
    invocation.begin(context)
    counts = wiring.connections().review()
    logger().info("connections reviewed", extra=dict(counts))
    return counts
