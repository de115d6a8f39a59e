"""Runs reports, an order, a listing and a pull on the local stack, and counts what AWS would bill.

The emulator's call log has the calls of the functions. It does not have the calls that AWS makes itself (queue pollers,
Step Functions, Scheduler): these are derived from execution histories and the number of messages and schedules.
"""

import json
import math
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

from listing_demo import FRANCE, PUBLISHABLE, event_bus, subscribe

from costs.counts import (
    LARGE_REPORT,
    LISTING,
    ORDER,
    PULL,
    SMALL_REPORT,
    TYPES_OF_A_PULL,
    FlowCount,
    FunctionCount,
)
from deployment import Deployment, aws, confirm_subscriptions, deploy, host_product, publish_templates, stack_parameters
from servers import Servers, start_servers, stop_servers
from simulator import application_arguments, authorize_seller, control
from smtp_mailbox import read_messages

REPORT_TYPE = "GET_MERCHANT_LISTINGS_ALL_DATA"
MARKETPLACE_ID = "ATVPDKIKX0DER"
ORDER_IDS = ("026-1520163-6049104", "026-1520163-6049105")
# Of two products, with their check digits.
IDENTIFIERS = ("4006381333931", "4006381333948")
REPORT_BYTES = {SMALL_REPORT: 1_000_000, LARGE_REPORT: 50_000_000}
# SP-API sends a notification when an order is placed, when it is paid, and when it is shipped.
ORDER_STATUSES = ("Pending", "Unshipped", "Shipped")
TIMEOUT_SECONDS = 120.0
# CloudWatch Logs adds this to each event (PutLogEvents, "maximum batch size").
LOG_EVENT_BYTES = 26
# DynamoDB adds this to each stored item, in the table and in each index.
STORED_ITEM_BYTES = 100
READ_UNIT_BYTES, WRITE_UNIT_BYTES = 4096, 1024
READS, WRITES = ("GetItem", "BatchGetItem", "Query"), ("PutItem", "UpdateItem", "DeleteItem")
# Starting executions, assuming roles and creating schedules is free. Transitions and invocations are billed.
FREE = ("states", "sts", "scheduler")
BILLED = ("dynamodb", "s3", "kms", "secretsmanager", "sns", "events", "sqs")
Found = TypeVar("Found")


class CountingError(RuntimeError):
    """A flow failed, or made a call whose price is not known here."""


@dataclass(frozen=True)
class Function:
    """One of the stack's functions, as deployed."""

    service_name: str
    name: str
    memory_megabytes: int
    log_group: str


@dataclass(frozen=True)
class LocalStack:
    """A new stack with one seller, and the emulator's call log."""

    deployment: Deployment
    call_log: Path
    quick_start: Any
    seller_id: str

    @property
    def servers(self) -> Servers:
        return self.deployment.servers

    def post(self, output: str, path: str = "", **fields: object) -> dict[str, Any]:
        seller = {"SellerId": self.seller_id, "RegionCode": "NA"}
        answer: dict[str, Any] = self.quick_start.post(self.deployment.url(output) + path, {**seller, **fields})
        return answer

    def control(self, method: str, path: str, body: object = None) -> Any:
        return control(self.servers.simulator_endpoint, method, path, body)


def count_flows(emulator_python: Path, function_python: Path, say: Callable[[str], None]) -> Mapping[str, FlowCount]:
    """Counts each flow on a stack of its own, because a warm function costs less than a cold one.

    Raises CountingError, DeploymentFailedError or ServerError.
    """
    with tempfile.TemporaryDirectory() as folder, _servers(Path(folder), emulator_python, function_python) as started:
        servers, call_log = started
        template_url = publish_templates(servers)
        counts = {}
        for number, (name, flow) in enumerate(_FLOWS.items(), 1):
            say(f"Counting one {name}")
            stack = f"costs-{number}"
            more = {"ListingEventBus": event_bus(servers)} if name == LISTING else {}
            deployment = deploy(servers, stack, template_url, stack_parameters(servers, **more))
            confirm_subscriptions(deployment)
            counts[name] = flow.counted(_local_stack(deployment, call_log, f"A{number:013d}"))
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


def _local_stack(deployment: Deployment, call_log: Path, seller_id: str) -> LocalStack:
    servers = deployment.servers
    user = deployment.outputs["ApiGatewayInvokeUserName"]
    key = aws(servers, "iam").create_access_key(UserName=user)["AccessKey"]
    sts = aws(servers, "sts", aws_access_key_id=key["AccessKeyId"], aws_secret_access_key=key["SecretAccessKey"])
    quick_start = host_product().QuickStart(deployment.outputs["ApiGatewayInvokeRoleArn"], servers.region, sts)
    local_stack = LocalStack(deployment, call_log, quick_start, seller_id)
    local_stack.post("TokenStorageUrl", RefreshToken=authorize_seller(servers.simulator_endpoint, seller_id))
    return local_stack


@dataclass(frozen=True)
class Flow:
    """What is counted: `play`, after `prepare`. It plays a second time, with the number 1, for the warm calls.

    `machine` is the output with the ARN of its state machine. SP-API sends so many messages, and Scheduler starts so
    many executions.
    """

    prepare: Callable[[LocalStack], None]
    play: Callable[[LocalStack, int], None]
    machine: str
    messages: int = 0
    schedules: int = 0

    def counted(self, local_stack: LocalStack) -> FlowCount:
        self.prepare(local_stack)
        count = _counter(local_stack)
        self.play(local_stack, 0)
        cold = count(self.machine, messages=self.messages, schedules=self.schedules)
        calls_before = len(_calls(local_stack.call_log))
        self.play(local_stack, 1)
        _executions_ended(local_stack.deployment, local_stack.deployment.outputs[self.machine])
        warm = _by_function(local_stack, _calls(local_stack.call_log)[calls_before:])
        named = {name: replace(each, warm_calls=_named(warm[name])) for name, each in cold.functions.items()}
        return replace(cold, functions=named)


def _prepare_report(name: str) -> Callable[[LocalStack], None]:
    def prepare(local_stack: LocalStack) -> None:
        local_stack.post("NotificationsSubscriberUrl", NotificationType="REPORT_PROCESSING_FINISHED")
        document = {"sizeBytes": REPORT_BYTES[name], "compression": "none"}
        local_stack.control("PUT", "report-outcomes", {"document": document})

    return prepare


def _report(local_stack: LocalStack, _: int) -> None:
    mails = local_stack.servers.mail_directory
    report = local_stack.post("ReportCreatorUrl", ReportType=REPORT_TYPE, MarketplaceIds=MARKETPLACE_ID)
    _eventually(
        lambda: any(report["reportId"] in mail.subject for mail in read_messages(mails)) or None,
        f"the e-mail about report {report['reportId']}",
    )


def _prepare_orders(local_stack: LocalStack) -> None:
    """Their dates are in the past."""
    local_stack.post("NotificationsSubscriberUrl", NotificationType="ORDER_CHANGE")
    delivered = _text(datetime.now(UTC) - timedelta(days=6))
    for order_id in ORDER_IDS:
        order = {"sellerId": local_stack.seller_id, "marketplaceId": MARKETPLACE_ID, "deliveredAt": delivered}
        local_stack.control("PUT", f"orders/{order_id}", order)


def _order(local_stack: LocalStack, number: int) -> None:
    """Runs an order without waiting for days: its schedule is moved to the past."""
    order_id = ORDER_IDS[number]
    scheduler = _functions(local_stack.deployment)["SPAPISolicitationScheduler"]
    for status in ORDER_STATUSES:
        before = _invocations(local_stack.deployment, scheduler)
        notification = {
            "sellerId": local_stack.seller_id,
            "notificationType": "ORDER_CHANGE",
            "payload": _order_change(local_stack.seller_id, order_id, status),
        }
        local_stack.control("POST", "notifications", notification)
        _wait_for_another(local_stack.deployment, scheduler, before)
    _pass_the_days(local_stack, order_id)
    _eventually(lambda: _state(local_stack, order_id) == "SOLICITED" or None, "the request of the review")


def _prepare_listings(local_stack: LocalStack) -> None:
    token = authorize_seller(local_stack.servers.simulator_endpoint, local_stack.seller_id)
    local_stack.post("TokenStorageUrl", RegionCode="EU", RefreshToken=token)
    subscribe(local_stack.servers, token)
    _pull_types(local_stack, ["LUGGAGE"], RegionCode="EU", MarketplaceIds=FRANCE)
    # The execution waits by then.
    local_stack.control("PUT", "listing-outcomes", {"seconds": 8})


def _listing(local_stack: LocalStack, number: int) -> None:
    """Publishes a product whose schema is stored. SP-API sends one notice, and the stack reads the listing once."""
    fields = {"RegionCode": "EU", "MarketplaceId": FRANCE, "Sku": f"SKU-{number}", "ProductType": "LUGGAGE"}
    identifier = [{"value": IDENTIFIERS[number], "type": "ean"}]
    attributes = {**PUBLISHABLE, "externally_assigned_product_identifier": identifier}
    submission = local_stack.post("ListingsUrl", **fields, Attributes=attributes)

    def announced() -> bool | None:
        found: Mapping[str, Any] = aws(local_stack.servers, "dynamodb").get_item(
            TableName=local_stack.deployment.outputs["ListingsTableName"],
            Key={"SubmissionId": {"S": submission["submissionId"]}, "SellerId": {"S": local_stack.seller_id}},
            ConsistentRead=True,
        )
        return "AnnouncedTime" in found["Item"] or None

    _eventually(announced, "the outcome of the listing")


def _prepare_pulls(local_stack: LocalStack) -> None:
    """Small product types, which the simulator generates."""
    local_stack.control("PUT", "product-types", {"generated": 2 * TYPES_OF_A_PULL})


def _pull(local_stack: LocalStack, number: int) -> None:
    first = number * TYPES_OF_A_PULL + 1
    names = [f"GENERATED_{each:04d}" for each in range(first, first + TYPES_OF_A_PULL)]
    _pull_types(local_stack, names, MarketplaceIds=MARKETPLACE_ID)


def _pull_types(local_stack: LocalStack, names: list[str], **fields: object) -> None:
    """Asks for the pull and waits for its execution, because a request for its state would be counted too."""
    pull = local_stack.post("ProductTypesUrl", "/pulls", ProductTypes=names, **fields)
    states = aws(local_stack.servers, "stepfunctions")
    machine = local_stack.deployment.outputs["ProductTypePullStateMachineArn"]
    execution = f"{machine.replace(':stateMachine:', ':execution:')}:{pull['pullId']}"
    _eventually(
        lambda: states.describe_execution(executionArn=execution)["status"] == "SUCCEEDED" or None,
        f"the end of pull {pull['pullId']}",
    )


def _order_change(seller_id: str, order_id: str, status: str) -> dict[str, Any]:
    """The payload of ORDER_CHANGE, with the fields that SP-API's schema requires and those that the functions read."""
    tomorrow = _text(datetime.now(UTC) + timedelta(days=1))
    return {
        "OrderChangeNotification": {
            "NotificationLevel": "OrderLevel",
            "SellerId": seller_id,
            "AmazonOrderId": order_id,
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


def _pass_the_days(local_stack: LocalStack, order_id: str) -> None:
    """Sets the due time in the ledger to the past, then the time of the schedule, which fires at once."""
    client = aws(local_stack.servers, "scheduler")
    group = local_stack.deployment.outputs["SolicitationScheduleGroupName"]
    (listed,) = _eventually(lambda: client.list_schedules(GroupName=group)["Schedules"] or None, "the schedule")
    passed = datetime.now(UTC) - timedelta(minutes=1)
    aws(local_stack.servers, "dynamodb").update_item(
        TableName=local_stack.deployment.outputs["SolicitationsTableName"],
        Key={"AmazonOrderId": {"S": order_id}, "SellerId": {"S": local_stack.seller_id}},
        UpdateExpression="ADD Version :one SET DueTime = :passed, ScheduledFor = :passed",
        ExpressionAttributeValues={":one": {"N": "1"}, ":passed": {"S": passed.isoformat(timespec="seconds")}},
    )
    schedule = client.get_schedule(Name=listed["Name"], GroupName=group)
    kept = {name: schedule[name] for name in ("Name", "GroupName", "FlexibleTimeWindow", "Target")}
    client.update_schedule(**kept, ScheduleExpression=f"at({passed:%Y-%m-%dT%H:%M:%S})", ActionAfterCompletion="DELETE")


def _state(local_stack: LocalStack, order_id: str) -> str:
    """The order's state in the ledger."""
    found: Mapping[str, Any] = aws(local_stack.servers, "dynamodb").get_item(
        TableName=local_stack.deployment.outputs["SolicitationsTableName"],
        Key={"AmazonOrderId": {"S": order_id}, "SellerId": {"S": local_stack.seller_id}},
        ConsistentRead=True,
    )
    return str(found["Item"]["State"]["S"])


_REPORTS = "ReportProcessorStateMachineArn"
_FLOWS: Mapping[str, Flow] = {
    SMALL_REPORT: Flow(_prepare_report(SMALL_REPORT), _report, _REPORTS, messages=1),
    LARGE_REPORT: Flow(_prepare_report(LARGE_REPORT), _report, _REPORTS, messages=1),
    ORDER: Flow(_prepare_orders, _order, "SolicitationStateMachineArn", messages=len(ORDER_STATUSES), schedules=1),
    LISTING: Flow(_prepare_listings, _listing, "ListingStateMachineArn", messages=1),
    PULL: Flow(_prepare_pulls, _pull, "ProductTypePullStateMachineArn"),
}


def _counter(local_stack: LocalStack) -> Callable[..., FlowCount]:
    """Starts counting. The returned function stops and returns the count."""
    functions = _functions(local_stack.deployment)
    calls_before = len(_calls(local_stack.call_log))
    logs_before = {name: len(_log(local_stack.deployment, function)) for name, function in functions.items()}
    local_stack.control("DELETE", "requests")

    def count(machine: str, *, messages: int, schedules: int) -> FlowCount:
        transitions = _state_transitions(local_stack.deployment, local_stack.deployment.outputs[machine])
        logs = {
            name: _log(local_stack.deployment, function)[logs_before[name] :] for name, function in functions.items()
        }
        calls = _calls(local_stack.call_log)[calls_before:]
        by_function = _by_function(local_stack, calls)
        own = [call for named in by_function.values() for call in named]
        if unknown := {call["service"] for call in own} - {*FREE, *BILLED}:
            raise CountingError(f"functions call services that are neither in BILLED nor in FREE: {unknown}")
        services = Counter(call["service"] for call in own)
        reads, writes, kept = table_units(local_stack.deployment, own)
        bucket = Counter(call["method"] for call in own if call["service"] == "s3")
        requests = local_stack.control("GET", "requests")["requests"]
        return FlowCount(
            api_requests=sum(1 for call in calls if call["service"] == "execute-api"),
            functions={
                name: FunctionCount(
                    functions[name].memory_megabytes,
                    sum(1 for line in lines if line.startswith("START RequestId")),
                    _named(by_function[name]),
                    {},
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
            stored_bytes=_stored_bytes(local_stack.deployment),
            key_requests=services["kms"],
            secret_reads=services["secretsmanager"],
            publishes=services["sns"],
            events=services["events"],
            schedules_invoked=schedules,
            custom_metrics=_custom_metrics(line for lines in logs.values() for line in lines),
        )

    return count


def _by_function(local_stack: LocalStack, calls: list[dict[str, Any]]) -> Mapping[str, list[dict[str, Any]]]:
    return {
        name: [call for call in calls if call["principal"].endswith(f"/{function.name}")]
        for name, function in _functions(local_stack.deployment).items()
    }


def _named(calls: list[dict[str, Any]]) -> Mapping[str, int]:
    """The number of calls by service and operation, or the method where that is all that the log has."""
    return dict(sorted(Counter(f"{call['service']} {call['operation'] or call['method']}" for call in calls).items()))


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
    """All log lines of the function, including those that Lambda itself writes."""
    pages = aws(deployment.servers, "logs").get_paginator("filter_log_events").paginate(logGroupName=function.log_group)
    return [event["message"] for page in pages for event in page["events"]]


def _invocations(deployment: Deployment, function: Function) -> int:
    return sum(1 for line in _log(deployment, function) if line.startswith("REPORT RequestId"))


def _wait_for_another(deployment: Deployment, function: Function, before: int) -> None:
    _eventually(
        lambda: _invocations(deployment, function) > before or None, f"an invocation of {function.service_name}"
    )


def _state_transitions(deployment: Deployment, machine: str) -> int:
    """Counts the transitions of the machine's only execution. AWS bills each event that enters a state."""
    states = aws(deployment.servers, "stepfunctions")
    (execution,) = _executions_ended(deployment, machine)
    pages = states.get_paginator("get_execution_history").paginate(executionArn=execution)
    types = [event["type"] for page in pages for event in page["events"]]
    if "ExecutionSucceeded" not in types or any(kind.endswith("Failed") for kind in types):
        raise CountingError(f"the execution did not succeed without failures: {Counter(types)}")
    return sum(1 for kind in types if kind.endswith("StateEntered"))


def _executions_ended(deployment: Deployment, machine: str) -> Sequence[str]:
    """Waits for the end of the machine's executions, and returns their ARNs."""
    states = aws(deployment.servers, "stepfunctions")

    def ended() -> Sequence[str] | None:
        executions = states.list_executions(stateMachineArn=machine)["executions"]
        running = any(execution["status"] == "RUNNING" for execution in executions)
        return None if running else [str(execution["executionArn"]) for execution in executions]

    return _eventually(ended, "the end of the executions")


def table_units(deployment: Deployment, calls: list[dict[str, Any]]) -> tuple[float, float, int]:
    """Read units, write units and stored bytes. Each call counts with the final size of the table's largest item, and
    each write once more for every index that contains the item."""
    dynamodb = aws(deployment.servers, "dynamodb")
    reads = writes = 0.0
    kept = 0
    own = [call for call in calls if call["service"] == "dynamodb"]
    for table in {table for call in own for table in _tables(call)}:
        keys = [
            [key["AttributeName"] for key in index["KeySchema"]]
            for index in dynamodb.describe_table(TableName=table)["Table"].get("GlobalSecondaryIndexes", [])
        ]
        items = dynamodb.scan(TableName=table)["Items"]
        largest = max(items, key=item_bytes)
        copies = 1 + sum(1 for attributes in keys if all(name in largest for name in attributes))
        for call in (call for call in own if table in _tables(call)):
            if call["operation"] in READS:
                # An index is read eventually consistently, the tables consistently.
                units = math.ceil(item_bytes(largest) / READ_UNIT_BYTES) * _tables(call)[table]
                reads += units / 2 if "IndexName" in call else units
            elif call["operation"] in WRITES:
                writes += copies * math.ceil(item_bytes(largest) / WRITE_UNIT_BYTES)
            else:
                raise CountingError(f"the cost of DynamoDB's {call['operation']} is not known here")
        if any(call["operation"] in WRITES for call in own if table in _tables(call)):
            kept += sum((item_bytes(item) + STORED_ITEM_BYTES) * copies for item in items)
    return reads, writes, kept


def _tables(call: Mapping[str, Any]) -> Mapping[str, int]:
    """The number of items by table in a call to DynamoDB. A query counts as one."""
    return call["Items"] if "Items" in call else {call["TableName"]: 1}


def item_bytes(item: Mapping[str, Mapping[str, Any]]) -> int:
    """The size of an item of the form {"Name": {"S": "text"}}, by DynamoDB's rules for item sizes."""
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
        case "B":
            return len(held)
        case "L":
            return 3 + sum(1 + _value_bytes(element) for element in held)
        case "M":
            return 3 + sum(1 + len(name.encode()) + _value_bytes(element) for name, element in held.items())
    raise CountingError(f"the size of a value of type {kind} is not known here")


def _stored_bytes(deployment: Deployment) -> int:
    listed = aws(deployment.servers, "s3").list_objects_v2(Bucket=deployment.outputs["ReportsBucketName"])
    return sum(stored["Size"] for stored in listed.get("Contents", []))


def _custom_metrics(lines: Iterator[str]) -> int:
    """The number of distinct metrics that functions log in embedded metric format."""
    found = set()
    for line in (line for line in lines if line.startswith("{")):
        for directive in json.loads(line).get("_aws", {}).get("CloudWatchMetrics", []):
            for metric in directive["Metrics"]:
                found.add((directive["Namespace"], metric["Name"], json.dumps(directive.get("Dimensions"))))
    return len(found)


def _text(time_: datetime) -> str:
    return time_.strftime("%Y-%m-%dT%H:%M:%SZ")


def _eventually(find: Callable[[], Found | None], what: str) -> Found:
    give_up = time.monotonic() + TIMEOUT_SECONDS
    while (found := find()) is None:
        if time.monotonic() > give_up:
            raise CountingError(f"timed out after {TIMEOUT_SECONDS:.0f} s waiting for {what}")
        time.sleep(0.2)
    return found
