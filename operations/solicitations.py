"""Stops running review requests, and resumes them: `python -m operations.solicitations stop STACK`, `... resume STACK
TABLE`.

Step Functions deletes a state machine only once its last execution has ended, and CloudFormation does not wait that
long: so stop them before an update with SolicitationsEnabled No. Both commands are safe to repeat.
"""

import json
import sys
import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3

from operations.command import CommandError, MakeParser, counted, run_command
from operations.destroy.target import stranded_stacks
from operations.stack import Resource, Stack, find_stack, resources
from quickstart.dynamodb import Table
from quickstart.solicitations.ledger import EXCLUDED, State
from quickstart.solicitations.orders import NOTIFICATION_TYPE, WINDOW_CLOSES_AFTER, WINDOW_OPENS_AFTER, OrderKey

_NO_REVIEWS = "the stack {} requests no reviews: its SolicitationsEnabled is No"
_POLL_SECONDS = 1.0
# SQS accepts this many messages in one request.
_BATCH = 10


def stop(stack: Stack) -> int:
    """Stops every running execution of the stack's Solicitation state machine, until none is running; returns how many.

    An order whose execution is stopped keeps its record. Also while an update deletes the state machine, or after it
    has failed to. Raises CommandError if there is no such state machine.
    """
    machines = _machines(stack)
    if not machines:
        raise CommandError(_NO_REVIEWS.format(stack.name))
    states = stack.client("stepfunctions")
    stopped: set[str] = set()
    while running := [execution for machine in machines for execution in _running(states, machine)]:
        for execution in running:
            if execution not in stopped:
                _stop(states, execution)
                stopped.add(execution)
        time.sleep(_POLL_SECONDS)
    return len(stopped)


def resume(stack: Stack, table: str, now: datetime) -> int:
    """Sends each unfinished order of a retained solicitations table to the stack's orders queue; returns how many.

    Each goes through the same steps as an order change from SP-API, so an order that the stack has already is not
    requested twice. Raises CommandError, also for items that somebody damaged once the others are sent, and ClientError
    if there is no such table.
    """
    queue = _output(stack, "OrdersQueueUrl")
    if table == stack.outputs["SolicitationsTableName"]:
        raise CommandError(
            f"{table} is the stack's own table. To resume stopped executions: make redrive-executions "
            f"STACK={stack.name} ARGS=--aborted"
        )
    delay = timedelta(days=int(stack.parameters.get("SolicitationDelayDays", WINDOW_OPENS_AFTER.days)))
    messages, damaged = [], []
    for page in stack.client("dynamodb").get_paginator("scan").paginate(TableName=table, ConsistentRead=True):
        for item in page["Items"]:
            try:
                if _unfinished(item, now):
                    messages.append(order_change(item, delay))
            except (KeyError, TypeError, ValueError, OverflowError):
                damaged.append(f"{item['AmazonOrderId']['S']} of {item['SellerId']['S']}")
    sqs = stack.client("sqs")
    for first in range(0, len(messages), _BATCH):
        entries = [
            {"Id": str(number), "MessageBody": json.dumps(message)}
            for number, message in enumerate(messages[first : first + _BATCH])
        ]
        if failed := sqs.send_message_batch(QueueUrl=queue, Entries=entries).get("Failed"):
            raise CommandError(f"SQS did not accept {counted(len(failed), 'order')}: {failed[0]['Message']}")
    if damaged:
        raise CommandError(
            f"{counted(len(messages), 'order')} sent to the orders queue. These items cannot be read, so restore them "
            f"from a backup of the table and run this again, or delete them: {', '.join(damaged)}"
        )
    return len(messages)


def exclusions(stack: Stack) -> tuple[str, ...]:
    """The sellers for whom no reviews are requested; EVERYONE stands for all sellers."""
    return tuple(str(item["SellerId"]) for item in _orders(stack).query("AmazonOrderId", EXCLUDED))


def exclude(stack: Stack, seller_id: str) -> None:
    """No more reviews are requested for this seller, or for EVERYONE, from the next step of each order on.

    No order is lost: each looks once a day whether the exclusion still exists.
    """
    _orders(stack).put({"AmazonOrderId": EXCLUDED, "SellerId": seller_id})


def include(stack: Stack, seller_id: str) -> None:
    """Ends the exclusion. Reviews are requested again for the orders whose window is still open."""
    _orders(stack).delete({"AmazonOrderId": EXCLUDED, "SellerId": seller_id})


def _orders(stack: Stack) -> Table:
    return Table(stack.client("dynamodb"), _output(stack, "SolicitationsTableName"))


def order_change(item: Mapping[str, Any], delay: timedelta) -> Mapping[str, object]:
    """An ORDER_CHANGE that leads to the same due time as the record in the table, and to its deadline to the second."""
    key = OrderKey(item["AmazonOrderId"]["S"], item["SellerId"]["S"])
    earliest = datetime.fromisoformat(item["DueTime"]["S"]) - max(delay, WINDOW_OPENS_AFTER)
    latest = datetime.fromisoformat(item["Deadline"]["S"]) - WINDOW_CLOSES_AFTER
    return {
        "NotificationType": NOTIFICATION_TYPE,
        "EventTime": item["ChangedTime"]["S"],
        "Payload": {
            "OrderChangeNotification": {
                "SellerId": key.seller_id,
                "AmazonOrderId": key.amazon_order_id,
                "Summary": {
                    "MarketplaceId": item["MarketplaceId"]["S"],
                    "OrderStatus": "Shipped",
                    "EarliestDeliveryDate": earliest.isoformat(),
                    "LatestDeliveryDate": max(earliest, latest).isoformat(),
                },
            }
        },
        "Sandbox": "Yes" if key.sandbox else "No",
    }


def _unfinished(item: Mapping[str, Any], now: datetime) -> bool:
    """Not for an exclusion, which has no state, nor for an order that was cancelled while its request was sent."""
    return (
        "State" in item
        and not State(item["State"]["S"]).final
        and "Cancelled" not in item
        and datetime.fromisoformat(item["Deadline"]["S"]) > now
    )


def _machines(stack: Stack) -> list[str]:
    """Its ARN: the outputs lack it as soon as an update begins to delete it."""
    cloudformation = stack.client("cloudformation")
    found = list(resources(cloudformation, stack.name))
    machines = _solicitation_machines(found)
    if not machines:
        root = cloudformation.describe_stacks(StackName=stack.name)["Stacks"][0]["StackId"]
        stranded = stranded_stacks(cloudformation, [root], {resource.physical_id for resource in found})
        machines = _solicitation_machines(
            [resource for stack_id in stranded for resource in resources(cloudformation, stack_id)]
        )
    return machines


def _solicitation_machines(found: list[Resource]) -> list[str]:
    return [
        resource.physical_id
        for resource in found
        if resource.type == "AWS::StepFunctions::StateMachine"
        and resource.logical_id == "Solicitation"
        and resource.status != "DELETE_COMPLETE"
    ]


def _running(states: Any, machine: str) -> list[str]:
    pages = states.get_paginator("list_executions").paginate(stateMachineArn=machine, statusFilter="RUNNING")
    try:
        return [execution["executionArn"] for page in pages for execution in page["executions"]]
    except states.exceptions.StateMachineDoesNotExist:
        return []  # deleted meanwhile


def _stop(states: Any, execution: str) -> None:
    try:
        states.stop_execution(executionArn=execution, error="SolicitationsStopped", cause="make stop-solicitations")
    except states.exceptions.ExecutionDoesNotExist:
        return  # deleted meanwhile, with its state machine


def _output(stack: Stack, name: str) -> str:
    if name not in stack.outputs:
        raise CommandError(_NO_REVIEWS.format(stack.name))
    return stack.outputs[name]


def main() -> int:
    parser = MakeParser("make stop-solicitations|resume-solicitations [STACK=<name>] [REGION=] [TABLE=]", __doc__)
    parser.add_argument("what", choices=("stop", "resume"))
    parser.add_argument("stack", help="name of the root stack")
    parser.add_argument("table", nargs="?", default="", help="for resume: the retained solicitations table")
    parser.add_argument("--region", help="the stack's region, if not your default one")
    options = parser.parse_args()
    if options.what == "resume" and not options.table:
        parser.error("resume needs the name of the retained table: make resume-solicitations STACK=... TABLE=...")

    def run(session: boto3.Session) -> int:
        stack = find_stack(options.stack, session)
        if options.what == "resume":
            print(f"{counted(resume(stack, options.table, datetime.now(UTC)), 'order')} sent to the orders queue.")
            return 0
        print(f"{counted(stop(stack), 'execution')} stopped. None is running now.")
        print(
            "Update the stack with SolicitationsEnabled=No at once. While the update runs, you can repeat this command"
        )
        print("for orders that have become due meanwhile. To continue instead:")
        print(f"  make redrive-executions STACK={options.stack} ARGS=--aborted")
        return 0

    return run_command(run, options.stack, options.region)


if __name__ == "__main__":
    sys.exit(main())
