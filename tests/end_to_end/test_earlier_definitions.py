"""A redriven execution runs the definition that it began with: today's functions take what earlier ones sent them.

(Step Functions Developer Guide, "Restarting state machine executions with redrive".)
"""

import re
import subprocess
import uuid
from collections.abc import Iterator
from typing import Any

import pytest

from deployment import REPOSITORY, Deployment, aws
from tests.end_to_end.host import HostProduct, Seller, eventually, function_of, mail_about
from tests.end_to_end.test_solicitations import Orders, ago, text
from tests.end_to_end.test_update import BEFORE_1_0_0, BEFORE_PACKAGES, _history_is_whole

EARLIER = pytest.mark.parametrize("commit", [BEFORE_1_0_0, BEFORE_PACKAGES], ids=["before-1.0.0", "before-packages"])


def earlier_definition(commit: str, name: str) -> str:
    shown = subprocess.run(
        ["git", "show", f"{commit}:templates/statemachines/{name}.asl.json"],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=False,
    )
    if shown.returncode != 0:
        assert not _history_is_whole(), shown.stderr
        pytest.skip(shown.stderr)
    return shown.stdout


@pytest.fixture
def machines(deployment: Deployment) -> Iterator[list[str]]:
    """ARNs of state machines that the test has created."""
    created: list[str] = []
    yield created
    states = aws(deployment.servers, "stepfunctions")
    for machine in created:
        for execution in states.list_executions(stateMachineArn=machine, statusFilter="RUNNING")["executions"]:
            states.stop_execution(executionArn=execution["executionArn"])
        states.delete_state_machine(stateMachineArn=machine)


def started(
    deployment: Deployment, machines: list[str], commit: str, name: str, output: str, execution_input: str
) -> str:
    """An execution of the earlier definition with today's functions and today's role; its ARN."""
    states = aws(deployment.servers, "stepfunctions")

    def arn(function: re.Match[str]) -> str:
        return str(function_of(deployment, function[1])["FunctionArn"])

    machine = states.create_state_machine(
        name=f"earlier-{uuid.uuid4().hex[:12]}",
        definition=re.sub(r"\$\{(\w+)Arn\}", arn, earlier_definition(commit, name)),
        roleArn=states.describe_state_machine(stateMachineArn=deployment.outputs[output])["roleArn"],
    )["stateMachineArn"]
    machines.append(machine)
    return str(states.start_execution(stateMachineArn=machine, input=execution_input)["executionArn"])


@EARLIER
def test_an_earlier_report_processor_delivers(
    deployment: Deployment, host: HostProduct, seller: Seller, machines: list[str], commit: str
) -> None:
    host.store_token(seller)
    report_id = host.create_report(seller)  # of a seller without a subscription: nothing else processes it
    execution_input = (
        f'{{"SellerId": "{seller.seller_id}", "RegionCode": "NA", "ReportId": "{report_id}", '
        f'"ReportType": "GET_MERCHANT_LISTINGS_ALL_DATA", "ProcessingStatus": "DONE", "AskedForHere": true}}'
    )
    output = "ReportProcessorStateMachineArn"
    execution = started(deployment, machines, commit, "report-processor", output, execution_input)
    assert ended(deployment, execution)["status"] == "SUCCEEDED", ended(deployment, execution)
    mail_about(deployment.servers, report_id)


@EARLIER
def test_an_earlier_solicitation_asks(
    deployment: Deployment, host: HostProduct, seller: Seller, machines: list[str], commit: str
) -> None:
    host.store_token(seller)
    order = Orders(deployment, seller, f"903-8868176-{seller.seller_id[-7:]}")
    order.send(order.change(ago(days=-1)))
    # With an earlier due time, the function that still creates the schedule would start an execution instead.
    eventually(lambda: "ScheduledFor" in (order.item() or {}) or None, "the order's schedule")
    order.set_back(DueTime=text(ago(days=1)))
    execution_input = f'{{"AmazonOrderId": "{order.order_id}", "SellerId": "{seller.seller_id}"}}'
    output = "SolicitationStateMachineArn"
    execution = started(deployment, machines, commit, "solicitation", output, execution_input)
    # Amazon does not know the order, so that the execution asks, and waits.
    item = order.becomes("WAITING")
    assert (item["Asks"], item["ExecutionName"]) == (1, execution.rpartition(":")[2])


def ended(deployment: Deployment, execution: str) -> dict[str, Any]:
    states = aws(deployment.servers, "stepfunctions")

    def found() -> dict[str, Any] | None:
        described: dict[str, Any] = states.describe_execution(executionArn=execution)
        return None if described["status"] == "RUNNING" else described

    return eventually(found, "the end of the execution")
