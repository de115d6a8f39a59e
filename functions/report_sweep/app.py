"""Once a day: sends the missing e-mails about failed deliveries, and those about overdue reports."""

from collections.abc import Mapping
from typing import Any, Protocol

from quickstart import invocation
from quickstart.observability import logger, publish_metric
from quickstart.reports import wiring


class Context(invocation.Context, Protocol):
    @property
    def function_name(self) -> str: ...


def handler(_event: Mapping[str, Any], context: Context) -> None:
    """Called by a schedule. Fails when a call of AWS does; Lambda then calls it twice more."""
    invocation.begin(context)
    sweep = wiring.report_sweep()
    failures = sweep.announce_lost_failures()
    overdue = sweep.announce_overdue_reports()
    logger().info("sweep finished", lost_failures=failures, overdue_reports=overdue)
    # The alarm OverdueReportsAlarm watches it.
    publish_metric("OverdueReports", overdue, {"FunctionName": context.function_name})
