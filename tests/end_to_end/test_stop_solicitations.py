"""SolicitationsEnabled from Yes to No and back, with an order that waits: stopped first, resumed later."""

from datetime import datetime, timedelta
from typing import Any

from deployment import Deployment, aws, deploy, stack_parameters
from servers import Servers
from tests.end_to_end.host import HostProduct, eventually, new_seller
from tests.end_to_end.operator_commands import make
from tests.end_to_end.test_solicitations import Orders, ago

_STACK = "stops"


def executions(deployment: Deployment, machine: str) -> list[Any]:
    found: list[Any] = aws(deployment.servers, "stepfunctions").list_executions(stateMachineArn=machine)["executions"]
    return found


def test_an_order_that_waits_is_stopped_and_resumed(servers: Servers, template_url: str) -> None:
    first = deploy(servers, _STACK, template_url, stack_parameters(servers))
    table, machine = first.outputs["SolicitationsTableName"], first.outputs["SolicitationStateMachineArn"]
    seller = new_seller(servers, "ASTOPS00000001")
    HostProduct.of(first).store_token(seller)
    order = Orders(first, seller, "903-8868176-2219831")
    # Amazon does not know the order yet, so that its execution waits.
    order.send(order.change(ago(days=7)))
    order.becomes("WAITING")

    stopped = make(servers, "stop-solicitations", f"STACK={_STACK}")
    assert stopped.returncode == 0, stopped.stderr
    assert "1 execution stopped. None is running now." in stopped.stdout
    assert [execution["status"] for execution in executions(first, machine)] == ["ABORTED"]
    assert "0 executions stopped" in make(servers, "stop-solicitations", f"STACK={_STACK}").stdout

    without = deploy(servers, _STACK, template_url, stack_parameters(servers, SolicitationsEnabled="No"))
    assert "OrdersQueueUrl" not in without.outputs
    none = make(servers, "stop-solicitations", f"STACK={_STACK}")
    assert (none.returncode, "SolicitationsEnabled is No" in none.stderr) == (1, True)

    again = deploy(servers, _STACK, template_url, stack_parameters(servers))
    assert again.outputs["SolicitationsTableName"] != table
    resumed = make(servers, "resume-solicitations", f"STACK={_STACK}", f"TABLE={table}")
    assert (resumed.returncode, resumed.stdout) == (0, "1 order sent to the orders queue.\n"), resumed.stderr
    later = Orders(again, seller, order.order_id)
    item = eventually(later.item, what="the order in the new table")
    held = aws(servers, "dynamodb").get_item(
        TableName=table, Key={"AmazonOrderId": {"S": order.order_id}, "SellerId": {"S": seller.seller_id}}
    )["Item"]
    assert item["DueTime"] == held["DueTime"]["S"]
    later_by = datetime.fromisoformat(item["Deadline"]) - datetime.fromisoformat(held["Deadline"]["S"])
    assert timedelta(0) <= later_by <= timedelta(seconds=1)
    later.becomes("WAITING")
    # An execution that waits does not keep the stack from being deleted.
    destroyed = make(servers, "destroy", f"STACK={_STACK}", answer=_STACK)
    assert destroyed.returncode == 0, destroyed.stderr
    assert "1 execution stopped" in destroyed.stdout
