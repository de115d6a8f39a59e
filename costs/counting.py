"""Plays reports and an order on the local stack, and counts what AWS would bill.

The calls that functions make are in the emulator's call log. What AWS calls by itself (queue pollers, Step Functions,
Scheduler) is not: it comes from execution histories, and from how many messages and schedules there were.
"""

import json
import math
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

from costs.counts import LARGE_REPORT, ORDER, SMALL_REPORT, FlowCount, FunctionCount
from deployment import Deployment, aws, confirm_subscriptions, deploy, host_product, publish_templates, stack_parameters
from servers import Servers, start_servers, stop_servers
from simulator import application_arguments, authorize_seller, control
from smtp_mailbox import read_messages

REPORT_TYPE = "GET_MERCHANT_LISTINGS_ALL_DATA"
MARKETPLACE_ID = "ATVPDKIKX0DER"
ORDER_ID = "026-1520163-6049104"
REPORT_BYTES = {SMALL_REPORT: 1_000_000, LARGE_REPORT: 50_000_000}
# An order is heard of when it is placed, when its payment is through, and when it is shipped.
ORDER_STATUSES = ("Pending", "Unshipped", "Shipped")
PATIENCE_SECONDS = 60.0
# CloudWatch Logs adds this to each event (PutLogEvents, "maximum batch size").
LOG_EVENT_BYTES = 26
# DynamoDB adds this to each item that is stored, in the table and in each index.
STORED_ITEM_BYTES = 100
READ_UNIT_BYTES, WRITE_UNIT_BYTES = 4096, 1024
READS, WRITES = ("GetItem", "Query"), ("PutItem", "UpdateItem", "DeleteItem")
# Starting executions, assuming roles and making schedules is free; transitions and invocations are billed.
FREE = ("states", "sts", "scheduler")
BILLED = ("dynamodb", "s3", "kms", "secretsmanager", "sns", "events", "sqs")
Found = TypeVar("Found")


class CountingError(RuntimeError):
    """A flow did not end as it must, or called something whose price nobody has looked up."""


@dataclass(frozen=True)
class Function:
    """One of the stack's functions, as deployed."""

    service_name: str
    name: str
    memory_megabytes: int
    log_group: str


@dataclass(frozen=True)
class Ground:
    """A fresh stack with one seller, and where the emulator writes what is called."""

    deployment: Deployment
    call_log: Path
    quick_start: Any
    seller_id: str

    @property
    def servers(self) -> Servers:
        return self.deployment.servers

    def post(self, output: str, **fields: object) -> dict[str, Any]:
        seller = {"SellerId": self.seller_id, "RegionCode": "NA"}
        answer: dict[str, Any] = self.quick_start.post(self.deployment.url(output), {**seller, **fields})
        return answer

    def control(self, method: str, path: str, body: object = None) -> Any:
        return control(self.servers.simulator_endpoint, method, path, body)


def count_flows(emulator_python: Path, function_python: Path, say: Callable[[str], None]) -> Mapping[str, FlowCount]:
    """Each flow on a stack of its own, because nothing is cheaper than a function that has done it before.

    Raises CountingError, DeploymentFailedError or ServerError.
    """
    with tempfile.TemporaryDirectory() as folder, _servers(Path(folder), emulator_python, function_python) as started:
        servers, call_log = started
        template_url = publish_templates(servers)
        counts = {}
        for number, (name, play) in enumerate(_FLOWS.items(), 1):
            say(f"Counting one {name}")
            stack = f"costs-{number}"
            deployment = deploy(servers, stack, template_url, stack_parameters(servers))
            confirm_subscriptions(deployment)
            ground = _ground(deployment, call_log, f"A{number:013d}")
            counts[name] = play(ground)
        return counts


@contextmanager
def _servers(folder: Path, emulator_python: Path, function_python: Path) -> Iterator[tuple[Servers, Path]]:
    call_log = folder / "calls.jsonl"
    servers = start_servers(
        folder,
        emulator_python=emulator_python,
        function_python=function_python,
        simulator_arguments=application_arguments(),
        emulator_arguments=["--call-log", str(call_log)],
    )
    try:
        yield servers, call_log
    finally:
        stop_servers(servers)


def _ground(deployment: Deployment, call_log: Path, seller_id: str) -> Ground:
    servers = deployment.servers
    user = deployment.outputs["ApiGatewayInvokeUserName"]
    key = aws(servers, "iam").create_access_key(UserName=user)["AccessKey"]
    sts = aws(servers, "sts", aws_access_key_id=key["AccessKeyId"], aws_secret_access_key=key["SecretAccessKey"])
    quick_start = host_product().QuickStart(deployment.outputs["ApiGatewayInvokeRoleArn"], servers.region, sts)
    ground = Ground(deployment, call_log, quick_start, seller_id)
    ground.post("TokenStorageUrl", RefreshToken=authorize_seller(servers.simulator_endpoint, seller_id))
    return ground


def _report(name: str) -> Callable[[Ground], FlowCount]:
    def play(ground: Ground) -> FlowCount:
        ground.post("NotificationsSubscriberUrl", NotificationType="REPORT_PROCESSING_FINISHED")
        document = {"sizeBytes": REPORT_BYTES[name], "compression": "none"}
        ground.control("PUT", "report-outcomes", {"document": document})
        mails = ground.servers.mail_directory
        count = _counter(ground)
        report = ground.post("ReportCreatorUrl", ReportType=REPORT_TYPE, MarketplaceIds=MARKETPLACE_ID)
        _eventually(
            lambda: any(report["reportId"] in mail.subject for mail in read_messages(mails)) or None,
            f"the e-mail about report {report['reportId']}",
        )
        return count("ReportProcessorStateMachineArn", messages=1, schedules=0)

    return play


def _order(ground: Ground) -> FlowCount:
    """Its days pass at once: the order's dates are in the past, and its schedule is moved there."""
    ground.post("NotificationsSubscriberUrl", NotificationType="ORDER_CHANGE")
    delivered = datetime.now(UTC) - timedelta(days=6)
    order = {"sellerId": ground.seller_id, "marketplaceId": MARKETPLACE_ID, "deliveredAt": _text(delivered)}
    ground.control("PUT", f"orders/{ORDER_ID}", order)
    count = _counter(ground)
    scheduler = _functions(ground.deployment)["SPAPISolicitationScheduler"]
    for status in ORDER_STATUSES:
        before = _invocations(ground.deployment, scheduler)
        notification = {
            "sellerId": ground.seller_id,
            "notificationType": "ORDER_CHANGE",
            "payload": _order_change(ground.seller_id, status),
        }
        ground.control("POST", "notifications", notification)
        _wait_for_another(ground.deployment, scheduler, before)
    _pass_the_days(ground)
    _eventually(lambda: _state(ground) == "SOLICITED" or None, "the request of the review")
    return count("SolicitationStateMachineArn", messages=len(ORDER_STATUSES), schedules=1)


def _order_change(seller_id: str, status: str) -> dict[str, Any]:
    """The payload of ORDER_CHANGE, with the fields that SP-API's schema requires and those that are read."""
    tomorrow = _text(datetime.now(UTC) + timedelta(days=1))
    return {
        "OrderChangeNotification": {
            "NotificationLevel": "OrderLevel",
            "SellerId": seller_id,
            "AmazonOrderId": ORDER_ID,
            "OrderChangeType": "OrderStatusChange",
            "OrderChangeTrigger": {"TimeOfOrderChange": _text(datetime.now(UTC)), "ChangeReason": status},
            "Summary": {
                "MarketplaceId": MARKETPLACE_ID,
                "OrderStatus": status,
                "PurchaseDate": _text(datetime.now(UTC)),
                "DestinationPostalCode": "48110",
                "FulfillmentType": "MFN",
                "OrderType": "StandardOrder",
                "NumberOfItemsOrdered": 1,
                "EarliestDeliveryDate": tomorrow,
                "LatestDeliveryDate": tomorrow,
                "OrderItems": [{"OrderItemId": "OIID34853450", "SellerSKU": "SellerSKUID1", "Quantity": 1}],
            },
        }
    }


def _pass_the_days(ground: Ground) -> None:
    """Sets back the order's time in the ledger, and then the schedule, which fires at once."""
    client = aws(ground.servers, "scheduler")
    group = ground.deployment.outputs["SolicitationScheduleGroupName"]
    (listed,) = _eventually(lambda: client.list_schedules(GroupName=group)["Schedules"] or None, "the schedule")
    passed = datetime.now(UTC) - timedelta(minutes=1)
    aws(ground.servers, "dynamodb").update_item(
        TableName=ground.deployment.outputs["SolicitationsTableName"],
        Key={"AmazonOrderId": {"S": ORDER_ID}, "SellerId": {"S": ground.seller_id}},
        UpdateExpression="ADD Version :one SET DueTime = :passed, ScheduledFor = :passed",
        ExpressionAttributeValues={":one": {"N": "1"}, ":passed": {"S": passed.isoformat(timespec="seconds")}},
    )
    schedule = client.get_schedule(Name=listed["Name"], GroupName=group)
    kept = {name: schedule[name] for name in ("Name", "GroupName", "FlexibleTimeWindow", "Target")}
    client.update_schedule(**kept, ScheduleExpression=f"at({passed:%Y-%m-%dT%H:%M:%S})", ActionAfterCompletion="DELETE")


def _state(ground: Ground) -> str:
    """The order's state in the ledger."""
    found: Mapping[str, Any] = aws(ground.servers, "dynamodb").get_item(
        TableName=ground.deployment.outputs["SolicitationsTableName"],
        Key={"AmazonOrderId": {"S": ORDER_ID}, "SellerId": {"S": ground.seller_id}},
        ConsistentRead=True,
    )
    return str(found["Item"]["State"]["S"])


_FLOWS: Mapping[str, Callable[[Ground], FlowCount]] = {
    SMALL_REPORT: _report(SMALL_REPORT),
    LARGE_REPORT: _report(LARGE_REPORT),
    ORDER: _order,
}


def _counter(ground: Ground) -> Callable[..., FlowCount]:
    """Begins to count now; what it gives ends the count."""
    functions = _functions(ground.deployment)
    calls_before = len(_calls(ground.call_log))
    logs_before = {name: len(_log(ground.deployment, function)) for name, function in functions.items()}
    ground.control("DELETE", "requests")

    def count(machine: str, *, messages: int, schedules: int) -> FlowCount:
        transitions = _state_transitions(ground.deployment, ground.deployment.outputs[machine])
        logs = {name: _log(ground.deployment, function)[logs_before[name] :] for name, function in functions.items()}
        calls = _calls(ground.call_log)[calls_before:]
        by_function = {
            name: [call for call in calls if call["principal"].endswith(f"/{function.name}")]
            for name, function in functions.items()
        }
        own = [call for named in by_function.values() for call in named]
        if unknown := {call["service"] for call in own} - {*FREE, *BILLED}:
            raise CountingError(f"functions call services that are neither billed here nor known as free: {unknown}")
        services = Counter(call["service"] for call in own)
        reads, writes, kept = table_units(ground.deployment, own)
        bucket = Counter(call["method"] for call in own if call["service"] == "s3")
        requests = ground.control("GET", "requests")["requests"]
        return FlowCount(
            api_requests=sum(1 for call in calls if call["service"] == "execute-api"),
            functions={
                name: FunctionCount(
                    functions[name].memory_megabytes,
                    sum(1 for line in lines if line.startswith("START RequestId")),
                    len(by_function[name]),
                    sum(len(line.encode()) + LOG_EVENT_BYTES for line in lines),
                )
                for name, lines in logs.items()
                if lines
            },
            sp_api_calls=dict(sorted(Counter(request["operation"] for request in requests).items())),
            state_transitions=transitions,
            queue_messages=messages,
            queue_requests_of_functions=services["sqs"],
            read_units=reads,
            write_units=writes,
            table_bytes=kept,
            bucket_writes=bucket["PUT"] + bucket["POST"],
            bucket_reads=bucket["GET"] + bucket["HEAD"],
            stored_bytes=_stored_bytes(ground.deployment),
            key_requests=services["kms"],
            secret_reads=services["secretsmanager"],
            publishes=services["sns"],
            events=services["events"],
            schedules_invoked=schedules,
            custom_metrics=_custom_metrics(line for lines in logs.values() for line in lines),
        )

    return count


def _calls(call_log: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in call_log.read_text().splitlines()]


def _functions(deployment: Deployment) -> Mapping[str, Function]:
    pages = aws(deployment.servers, "lambda").get_paginator("list_functions").paginate()
    found = {}
    for described in (described for page in pages for described in page["Functions"]):
        if described["FunctionName"].startswith(f"{deployment.stack_name}-"):
            service_name = described["Environment"]["Variables"]["POWERTOOLS_SERVICE_NAME"]
            log_group = described["LoggingConfig"]["LogGroup"]
            found[service_name] = Function(service_name, described["FunctionName"], described["MemorySize"], log_group)
    return dict(sorted(found.items()))


def _log(deployment: Deployment, function: Function) -> list[str]:
    """Every line that the function and Lambda itself have written."""
    pages = aws(deployment.servers, "logs").get_paginator("filter_log_events").paginate(logGroupName=function.log_group)
    return [event["message"] for page in pages for event in page["events"]]


def _invocations(deployment: Deployment, function: Function) -> int:
    return sum(1 for line in _log(deployment, function) if line.startswith("REPORT RequestId"))


def _wait_for_another(deployment: Deployment, function: Function, before: int) -> None:
    _eventually(
        lambda: _invocations(deployment, function) > before or None, f"an invocation of {function.service_name}"
    )


def _state_transitions(deployment: Deployment, machine: str) -> int:
    """Of the machine's one execution. AWS bills each step that is executed: each event that enters a state."""
    states = aws(deployment.servers, "stepfunctions")

    def ended() -> str | None:
        (execution,) = states.list_executions(stateMachineArn=machine)["executions"]
        return None if execution["status"] == "RUNNING" else str(execution["executionArn"])

    execution = _eventually(ended, "the end of the execution")
    pages = states.get_paginator("get_execution_history").paginate(executionArn=execution)
    types = [event["type"] for page in pages for event in page["events"]]
    if "ExecutionSucceeded" not in types or any(kind.endswith("Failed") for kind in types):
        raise CountingError(f"the execution did not go as it does when nothing fails: {Counter(types)}")
    return sum(1 for kind in types if kind.endswith("StateEntered"))


def table_units(deployment: Deployment, calls: list[dict[str, Any]]) -> tuple[float, float, int]:
    """Read units, write units and stored bytes. Every call is counted at the size that its table's largest item has in
    the end; a write is counted again for each index that the item is in."""
    dynamodb = aws(deployment.servers, "dynamodb")
    reads = writes = 0.0
    kept = 0
    own = [call for call in calls if call["service"] == "dynamodb"]
    for table in {call["TableName"] for call in own}:
        keys = [
            [key["AttributeName"] for key in index["KeySchema"]]
            for index in dynamodb.describe_table(TableName=table)["Table"].get("GlobalSecondaryIndexes", [])
        ]
        items = dynamodb.scan(TableName=table)["Items"]
        largest = max(items, key=item_bytes)
        copies = 1 + sum(1 for attributes in keys if all(name in largest for name in attributes))
        for call in (call for call in own if call["TableName"] == table):
            if call["operation"] in READS:
                # An index is read eventually consistently, the tables consistently.
                units = math.ceil(item_bytes(largest) / READ_UNIT_BYTES)
                reads += units / 2 if "IndexName" in call else units
            elif call["operation"] in WRITES:
                writes += copies * math.ceil(item_bytes(largest) / WRITE_UNIT_BYTES)
            else:
                raise CountingError(f"nobody has looked up what DynamoDB's {call['operation']} costs")
        if any(call["operation"] in WRITES for call in own if call["TableName"] == table):
            kept += sum((item_bytes(item) + STORED_ITEM_BYTES) * copies for item in items)
    return reads, writes, kept


def item_bytes(item: Mapping[str, Mapping[str, Any]]) -> int:
    """The size of an item in DynamoDB's own form ({"Name": {"S": "text"}}) as DynamoDB reckons it."""
    return sum(len(name.encode()) + _value_bytes(value) for name, value in item.items())


def _value_bytes(value: Mapping[str, Any]) -> int:
    ((kind, held),) = value.items()
    match kind:
        case "S":
            return len(held.encode())
        case "N":
            return (len(held.strip("-").replace(".", "")) + 1) // 2 + 1
        case "BOOL" | "NULL":
            return 1
        case "L":
            return 3 + sum(1 + _value_bytes(element) for element in held)
        case "M":
            return 3 + sum(1 + len(name.encode()) + _value_bytes(element) for name, element in held.items())
    raise CountingError(f"no item of this stack has a value of type {kind}")


def _stored_bytes(deployment: Deployment) -> int:
    listed = aws(deployment.servers, "s3").list_objects_v2(Bucket=deployment.outputs["ReportsBucketName"])
    return sum(stored["Size"] for stored in listed.get("Contents", []))


def _custom_metrics(lines: Iterator[str]) -> int:
    """Metrics that functions write through their logs (embedded metric format), each with its dimensions once."""
    found = set()
    for line in (line for line in lines if line.startswith("{")):
        for directive in json.loads(line).get("_aws", {}).get("CloudWatchMetrics", []):
            for metric in directive["Metrics"]:
                found.add((directive["Namespace"], metric["Name"], json.dumps(directive.get("Dimensions"))))
    return len(found)


def _text(time_: datetime) -> str:
    return time_.strftime("%Y-%m-%dT%H:%M:%SZ")


def _eventually(find: Callable[[], Found | None], what: str) -> Found:
    give_up = time.monotonic() + PATIENCE_SECONDS
    while (found := find()) is None:
        if time.monotonic() > give_up:
            raise CountingError(f"waited {PATIENCE_SECONDS:.0f} s in vain for {what}")
        time.sleep(0.2)
    return found
