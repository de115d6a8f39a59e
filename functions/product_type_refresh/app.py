"""Called once a day: starts the daily refreshes of product types."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from quickstart import callers, invocation
from quickstart.observability import logger
from quickstart.product_types import wiring
from quickstart.product_types.refresh import refresh_all


def handler(_event: Mapping[str, Any], context: invocation.Context) -> Mapping[str, int]:
    """The scheduled event -> how many refreshes were started, and how many ended."""
    invocation.begin(context)
    refreshed = refresh_all(wiring.pulls(), wiring.machine(), callers.token_vault().require, datetime.now(UTC))
    logger().info("product types refreshed", extra=refreshed.described())
    return refreshed.described()
