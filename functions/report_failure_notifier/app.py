"""Sends the e-mail about a failed delivery; EventBridge invokes it for each execution that did not succeed."""

from collections.abc import Mapping
from typing import Any

from quickstart import clients, invocation
from quickstart.reports import wiring
from quickstart.reports.failure_announcement import announce_failure, read_failure


def handler(event: Mapping[str, Any], context: invocation.Context) -> None:
    """An event "Step Functions Execution Status Change" of FAILED, TIMED_OUT or ABORTED."""
    failed = read_failure(event, clients.states())
    with invocation.WorkflowStep(context, failed.execution_name):
        announce_failure(failed, wiring.report_ledger(), wiring.report_topic())
