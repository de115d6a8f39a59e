"""One stack in this process: the real functions and AWS clients, the local AWS emulator and the SP-API simulator.

A fault is injected where a request leaves the process: in botocore's `before-send` event and in urllib3's
`PoolManager.request`. The AWS clients' own retries therefore run as in Lambda, but do not wait.
"""

import importlib
import importlib.util
import io
import json
import os
import pkgutil
import re
import socket
import sys
import threading
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, redirect_stdout
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import Any
from unittest import mock

import boto3
import requests
import urllib3
from botocore.awsrequest import AWSResponse
from botocore.compat import HTTPHeaders
from botocore.exceptions import ConnectionClosedError, ReadTimeoutError
from botocore.httpsession import URLLib3Session

import quickstart.clients
from quickstart.listings import requests as listing_requests
from quickstart.observability import logger
from servers import running_servers
from sp_api_simulator.queue_sender import SP_API_ACCOUNT
from tests.emulator.support import EMULATOR_PYTHON, FUNCTION_PYTHON, REPOSITORY, TRUST
from tests.unit.quickstart.support import Context
from tests.yaml_reading import yaml_parse

CLIENT_ID = "amzn1.application-oa2-client.simulator"
CLIENT_SECRET = "simulator-client-secret"
_TABLES = {
    "SELLING_PARTNERS_TABLE": "foundation",
    "REPORTS_TABLE": "reports",
    "SOLICITATIONS_TABLE": "solicitations",
    "AUTHORIZATIONS_TABLE": "authorization",
    "SECRET_ROTATION_TABLE": "secret-rotation",
    "LISTINGS_TABLE": "listings",
    "LISTING_FEEDS_TABLE": "listing-feeds",
    "PRODUCT_TYPES_TABLE": "product-types",
}
_QUEUES = ("NOTIFICATIONS", "ORDERS", "CONSENTS", "SECRET", "LISTING_NOTICES", "LISTING_DIGEST", "TASKS")
# A note for people of when LWA last accepted the token. It may be missing: the next new access token writes it.
_NOTES = frozenset({"WorkedAt"})
# The payload version that SP-API accepted last, which only saves a call and which the next new subscription records;
# until when e-mails and calls are reserved; and when an account's next call is, and how many there were in a moment.
_COUNTS = ("PAYLOAD_VERSION#", "ANNOUNCEMENTS#", "ACCOUNT#", "CALLS#", "SLOTS#", "#SLOTS#")
_KEYS = ("Item", "ReportId", "AmazonOrderId", "Collection", "FeedRequestId")
# What identifies an item's state, besides the names of its attributes.
_STATES = ("State", "Status", "ReportStatus", "DeliveryStatus", "Outcome")
# Definitions are fetched until Lambda's time is up, less 90 seconds.
_SECONDS = 95
# Clients take long to create and remember nothing of a request.
_KEPT = ("quickstart.clients", "quickstart.observability")
_REGION = re.compile(r"^/(sandbox\.)?(na|eu|fe)(?=/)")
_ID = re.compile(r"/[^/]*\d{4,}[^/]*(?=/|$)|/[0-9a-f]{8}-[^/]*")


class Fault(StrEnum):
    """What happens to one call of an invocation. Killed before a call is the same as killed after the previous one."""

    THROTTLED = "throttled"
    SERVER_ERROR = "500"
    DENIED = "access denied"
    TIME_OUT = "time-out"
    ANSWER_LOST = "answer lost"
    KILLED_AFTER = "process killed"


class FunctionKilledError(BaseException):
    """The function's process ends here: nothing after it runs."""


@dataclass(frozen=True)
class Call:
    """One request that a function sent. `carried_out` is whether AWS or SP-API accepted it.

    `made` is what it changed, where a repeat changes the same: an execution, a task that waits.
    """

    name: str
    carried_out: bool
    made: str = ""


def _new_session() -> URLLib3Session:
    # As botocore's clients set it: otherwise each body waits 40 ms for the acknowledgement of the headers.
    no_delay: Any = (socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return URLLib3Session(socket_options=[no_delay])


@dataclass
class Wire:
    """Every request that leaves this process, and the fault for one of them.

    `names` has the logical calls of the invocation: the AWS client's repeats of a call are not counted again. `tables`
    are those that were written to.
    """

    calls: list[Call] = field(default_factory=list)
    names: list[str] = field(default_factory=list)
    tables: set[str] = field(default_factory=set)
    target: int | None = None
    fault: Fault | None = None
    killed: bool = False
    # Changes the response of the target; used instead of a fault.
    change: Callable[[Any], Any] | None = None
    _injected: int = 0
    _lock: threading.RLock = field(default_factory=threading.RLock)
    _session: URLLib3Session = field(default_factory=_new_session)

    def begin(
        self, target: int | None = None, fault: Fault | None = None, change: Callable[[Any], Any] | None = None
    ) -> None:
        """A new invocation, whose call number `target` suffers the fault, or has its response changed."""
        self.names, self.target, self.fault, self.killed, self._injected = [], target, fault, False, 0
        self.change = change

    def new_aws_call(self, model: Any, **_: object) -> None:
        self.names.append(f"{model.service_model.service_id} {model.name}")

    def send_to_aws(self, event_name: str, request: Any, **_: object) -> Any:
        service, operation = event_name.split(".")[1:]
        if operation in ("PutItem", "UpdateItem"):
            self.tables.add(json.loads(request.body)["TableName"])
        name = self.names[-1] if self.names else f"{service} {operation}"

        def send() -> AWSResponse:
            response = self._session.send(request)
            self._note(name, response.status_code, _made(operation, request, response))
            return response

        def refuse(fault: Fault) -> AWSResponse:
            return _aws_refusal(service, request, fault)

        lost = ConnectionClosedError(endpoint_url=request.url)
        late = ReadTimeoutError(endpoint_url=request.url)
        return self._sent(len(self.names) - 1 == self.target, send, refuse, late, lost)

    def send_http(
        self, real: Callable[..., Any], pool: urllib3.PoolManager, method: str, url: str, **given: Any
    ) -> Any:
        name = http_name(method, url)
        # sp_api repeats a request at most once, immediately: that is the same call.
        repeated = bool(self._injected) and self.names[-1] == name and len(self.names) - 1 == self.target
        if not repeated:
            self.names.append(name)

        def send() -> Any:
            response = real(pool, method, url, **given)
            self._note(name, response.status)
            return response

        lost = urllib3.exceptions.ProtocolError("Connection aborted.")
        late = urllib3.exceptions.ReadTimeoutError(mock.Mock(), url, "Read timed out.")
        return self._sent(len(self.names) - 1 == self.target, send, _http_refusal, late, lost)

    def _sent(
        self,
        is_target: bool,
        send: Callable[[], Any],
        refuse: Callable[[Fault], Any],
        late: Exception,
        lost: Exception,
    ) -> Any:
        with self._lock:
            if self.killed:
                raise FunctionKilledError
            if is_target and self.change is not None:
                self._injected += 1
                return self.change(send())
            if not is_target or self.fault is None:
                return send()
            self._injected += 1
            match self.fault:
                case Fault.TIME_OUT:
                    raise late
                case Fault.ANSWER_LOST:
                    response = send()
                    if self._injected == 1:
                        raise lost
                    return response
                case Fault.KILLED_AFTER:
                    send()
                    self.killed = True
                    raise FunctionKilledError
            return refuse(self.fault)

    def _note(self, name: str, status: int, made: str = "") -> None:
        self.calls.append(Call(name, 200 <= status < 300, made))


def http_name(method: str, url: str) -> str:
    """LWA's or SP-API's operation, with ids replaced: POST /reports/2021-06-30/reports."""
    path = _REGION.sub("", urllib3.util.parse_url(url).path or "/")
    if path.startswith(("/documents/", "/product-type-schemas/")):
        return f"{method} document"
    if path.startswith("/uploads/"):
        return f"{method} upload"
    if path == "/auth/o2/token":
        return "LWA token"
    head, version, rest = re.match(r"(/[^/]+)(/[^/]+)?(.*)", path).groups()  # type: ignore[union-attr]
    return f"SP-API {method} {head}{version or ''}{_ID.sub('/{id}', rest)}"


def _aws_refusal(service: str, request: Any, fault: Fault) -> AWSResponse:
    xml = service in ("s3", "sns", "sts")
    status, code = {
        Fault.THROTTLED: (503, "SlowDown")
        if service == "s3"
        else (400, "Throttling" if xml else "ThrottlingException"),
        Fault.SERVER_ERROR: (500, "InternalError"),
        Fault.DENIED: (403, "AccessDenied") if xml else (400, "AccessDeniedException"),
    }[fault]
    headers = HTTPHeaders()
    if not xml:
        headers.add_header("x-amzn-errortype", code)
        body = json.dumps({"__type": code, "message": code})
    elif service == "s3":
        body = f"<Error><Code>{code}</Code><Message>{code}</Message></Error>"
    else:
        body = f"<ErrorResponse><Error><Code>{code}</Code><Message>{code}</Message></Error></ErrorResponse>"
    return AWSResponse(request.url, status, headers, _Raw(body.encode()))


def _made(operation: str, request: Any, response: AWSResponse) -> str:
    """What a call changed, where the same call changes nothing when it is repeated."""
    match operation:
        case "StartExecution":
            return str(json.loads(response.content).get("executionArn", ""))
        case "SendTaskSuccess":
            return str(json.loads(request.body)["taskToken"])
    return ""


class _Raw(io.BytesIO):
    def stream(self, **_: object) -> Iterator[bytes]:
        yield self.read()


def _http_refusal(fault: Fault) -> urllib3.HTTPResponse:
    status, code = {
        Fault.THROTTLED: (429, "QuotaExceeded"),
        Fault.SERVER_ERROR: (500, "InternalFailure"),
        Fault.DENIED: (403, "Unauthorized"),
    }[fault]
    body = {"error": "access_denied", "error_description": code, "errors": [{"code": code, "message": code}]}
    return urllib3.HTTPResponse(
        io.BytesIO(json.dumps(body).encode()),
        headers={"Content-Type": "application/json"},
        status=status,
        preload_content=False,
    )


class _MovedType(type):
    def __instancecheck__(cls, instance: object) -> bool:
        return isinstance(instance, datetime)


@dataclass
class Clock:
    """How far the functions' clock is ahead; a sleep moves it and does not wait."""

    ahead: timedelta = timedelta()

    def sleep(self, seconds: float) -> None:
        self.ahead += timedelta(seconds=seconds)

    def datetime(self) -> type[datetime]:
        clock = self

        class Moved(datetime, metaclass=_MovedType):
            @classmethod
            def now(cls, tz: Any = None) -> Any:
                return datetime.now(tz) + clock.ahead

        return Moved


@dataclass(frozen=True)
class Invocation:
    """What Lambda sees. `names` are the calls, in order; `logged` are the log lines."""

    result: Any = None
    error: BaseException | None = None
    killed: bool = False
    names: tuple[str, ...] = ()
    logged: tuple[Mapping[str, Any], ...] = ()


class InvocationContext(Context):
    function_name = "function"


@dataclass
class World:
    """The stack. `seller_id` is new in each row, so that rows do not meet each other's executions and schedules."""

    aws_endpoint: str
    simulator: str
    wire: Wire
    clock: Clock
    resources: Mapping[str, str]
    session: requests.Session = field(default_factory=requests.Session)
    seller_id: str = ""
    refresh_token: str = ""
    _clients: dict[str, Any] = field(default_factory=dict)
    _keys: dict[str, list[str]] = field(default_factory=dict)

    def client(self, service: str) -> Any:
        """A client for the test's own use."""
        if service not in self._clients:
            make: Callable[..., Any] = boto3.session.Session().client
            self._clients[service] = make(service, endpoint_url=self.aws_endpoint)
        return self._clients[service]

    def control(self, method: str, path: str, body: object = None) -> Any:
        answer = self.session.request(method, f"{self.simulator}/simulator{path}", json=body, timeout=30)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def new_row(self) -> None:
        """Empty tables, no schemas, a new seller with a stored token, and all applications as at the start."""
        self.clock.ahead = timedelta()
        self._empty_tables()
        for key in self.documents():
            self.client("s3").delete_object(Bucket=self.resources["PRODUCT_TYPES_BUCKET"], Key=key)
        self.control("POST", "/reset")
        # Four digits make it an id for `http_name`.
        self.seller_id = f"A1000{uuid.uuid4().hex[:9].upper()}"
        os.environ["STATE_MACHINE_ARN"] = self.resources["STATE_MACHINE_ARN"]
        self.wire.tables.clear()
        self.refresh_token = self.control("POST", "/sellers", {"sellerId": self.seller_id})["refreshToken"]
        secret = json.dumps({"AppClientId": CLIENT_ID, "AppClientSecret": CLIENT_SECRET})
        made = self.client("secretsmanager").create_secret(Name=f"application-{self.seller_id}", SecretString=secret)
        os.environ["APPLICATION_SECRET_ARN"] = made["ARN"]
        self.wire.begin()
        self.forget()
        from quickstart import callers
        from sp_api.regions import Region

        callers.token_vault().store(self.seller_id, Region.NA, self.refresh_token)
        self.wire.calls.clear()

    def use_waiting_machine(self) -> None:
        """In this row, executions that are started go on until they are stopped."""
        os.environ["STATE_MACHINE_ARN"] = self.resources["WAITING_MACHINE_ARN"]

    def stopped_execution(self, name: str) -> None:
        """An execution of this name that somebody has stopped, of the machine whose executions wait."""
        states = self.client("stepfunctions")
        started = states.start_execution(stateMachineArn=self.resources["WAITING_MACHINE_ARN"], name=name, input="{}")
        states.stop_execution(executionArn=started["executionArn"])

    def task_token(self) -> str:
        """A token with which an execution waits."""
        name = uuid.uuid4().hex
        sqs, url = self.client("sqs"), self.resources["TASKS_QUEUE_URL"]
        self.client("stepfunctions").start_execution(stateMachineArn=self.resources["WAITING_MACHINE_ARN"], name=name)
        while True:
            for found in sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, WaitTimeSeconds=1).get(
                "Messages", []
            ):
                sqs.delete_message(QueueUrl=url, ReceiptHandle=found["ReceiptHandle"])
                task = json.loads(found["Body"])
                if task["Execution"] == name:
                    return str(task["Token"])

    def forget(self) -> None:
        """A new execution environment: nothing that a function remembers is left, but for its idle clients."""
        quickstart.clients.end_calls_by(None)
        for name, module in list(sys.modules.items()):
            if name.startswith("quickstart.") and name not in _KEPT:
                for value in list(vars(module).values()):
                    if callable(getattr(value, "cache_clear", None)) and value.__module__ == name:
                        value.cache_clear()

    def invoke(
        self,
        function: str,
        event: Any,
        target: int | None = None,
        fault: Fault | None = None,
        change: Callable[[Any], Any] | None = None,
    ) -> Invocation:
        """Invokes the function in a new execution environment; its call number `target` suffers the fault, or has its
        response changed.
        """
        self.forget()
        handler = _handler(function, self.clock)
        written = io.StringIO()
        self.wire.begin(target, fault, change)
        result, error = None, None
        with (
            mock.patch.object(logger().registered_handler, "stream", written),
            mock.patch("time.sleep", self.clock.sleep),
            redirect_stdout(io.StringIO()),
        ):
            try:
                result = handler(json.loads(json.dumps(event)), InvocationContext(_SECONDS))
            except FunctionKilledError:
                pass
            except Exception as caught:  # noqa: BLE001 - what leaves the handler is what the row is about
                error = caught
        lines = tuple(json.loads(line) for line in written.getvalue().split("\n") if line.startswith("{"))
        return Invocation(result, error, self.wire.killed, tuple(self.wire.names), lines)

    def items(self) -> list[tuple[str, tuple[str, ...], tuple[str, ...]]]:
        """All items: their table, the names of their attributes, and their state; and the objects of product types."""
        items = [
            (
                table,
                tuple(sorted(item.keys() - _NOTES)),
                tuple(item[state].get("S", "") for state in _STATES if state in item),
            )
            for table, item in self.stored()
            if not any(item.get(key, {}).get("S", "").startswith(_COUNTS) for key in _KEYS)
        ]
        return sorted([*items, *(("PRODUCT_TYPES_BUCKET", (key.split("/")[0],), ()) for key in self.documents())])

    def documents(self) -> list[str]:
        """The keys of the objects in the bucket of product types, which are written together with their table."""
        if "PRODUCT_TYPES_TABLE" not in self.wire.tables:
            return []
        found = self.client("s3").list_objects_v2(Bucket=self.resources["PRODUCT_TYPES_BUCKET"])
        return [entry["Key"] for entry in found.get("Contents", [])]

    def stored(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """Each table's name with each of its items, as DynamoDB writes them."""
        dynamodb = self.client("dynamodb")
        for name in sorted(self.wire.tables):
            for item in dynamodb.scan(TableName=self.resources[name])["Items"]:
                yield name, item

    def _empty_tables(self) -> None:
        dynamodb = self.client("dynamodb")
        for name, item in list(self.stored()):
            if name not in self._keys:
                schema = dynamodb.describe_table(TableName=name)["Table"]["KeySchema"]
                self._keys[name] = [key["AttributeName"] for key in schema]
            dynamodb.delete_item(TableName=name, Key={key: item[key] for key in self._keys[name]})


def _handler(function: str, clock: Clock) -> Any:
    name = f"faults_{function}"
    if name not in sys.modules:
        path = REPOSITORY / "functions" / function / "app.py"
        spec = importlib.util.spec_from_file_location(name, path)
        assert spec is not None
        assert spec.loader is not None
        sys.modules[name] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(sys.modules[name])
    module: Any = sys.modules[name]
    if hasattr(module, "datetime"):
        module.datetime = clock.datetime()
    return module.handler


@contextmanager
def running_world(directory: Path) -> Iterator[World]:
    """Starts the emulator and the simulator, creates what the templates create for the functions, and sets their
    environment.
    """
    wire, clock = Wire(), Clock()
    with ExitStack() as stack:
        servers = stack.enter_context(
            running_servers(
                directory,
                emulator_python=Path(EMULATOR_PYTHON),
                function_python=Path(FUNCTION_PYTHON),
                simulator_arguments=["--quiet", "--rate-limit-scale", "0"],
            )
        )
        keys = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}
        # Lambda sets both.
        aws = keys | {"AWS_REGION": servers.region, "AWS_DEFAULT_REGION": servers.region}
        stack.enter_context(mock.patch.dict(os.environ, aws))
        world = World(servers.aws_endpoint, servers.simulator_endpoint, wire, clock, {})
        world.resources = _resources(world)
        environment = {
            **world.resources,
            **_settings(servers.simulator_endpoint),
            "APPLICATION_SECRET_ARN": "",
            "AWS_ENDPOINT_URL": world.aws_endpoint,
        }
        stack.enter_context(mock.patch.dict(os.environ, environment))
        session = boto3.session.Session()
        session.events.register_first("before-call", wire.new_aws_call)
        session.events.register_first("before-send", wire.send_to_aws)
        stack.enter_context(mock.patch.object(boto3, "DEFAULT_SESSION", session))
        real = urllib3.PoolManager.request
        send = lambda pool, method, url, **given: wire.send_http(real, pool, method, url, **given)  # noqa: E731
        stack.enter_context(mock.patch.object(urllib3.PoolManager, "request", send))
        moved = clock.datetime()
        for found in pkgutil.walk_packages(quickstart.__path__, "quickstart."):
            module = importlib.import_module(found.name)
            if getattr(module, "datetime", None) is datetime:
                stack.enter_context(mock.patch.object(module, "datetime", moved))
        # Nothing executes what was started, so a request that waits for Amazon's answer looks for it once.
        desk = partial(listing_requests.Desk, pause=clock.sleep, patience=0.1)
        stack.enter_context(mock.patch.object(listing_requests, "Desk", desk))
        clients = [value for value in vars(quickstart.clients).values() if hasattr(value, "cache_clear")]
        for cached in clients:
            cached.cache_clear()
            stack.callback(cached.cache_clear)
        stack.callback(world.forget)
        yield world


def _resources(world: World) -> dict[str, str]:
    made = {}
    dynamodb = world.client("dynamodb")
    for setting, template in _TABLES.items():
        document = yaml_parse((REPOSITORY / "templates" / f"{template}.yaml").read_text("utf-8"))
        (table,) = (
            resource["Properties"]
            for resource in document["Resources"].values()
            if resource["Type"] == "AWS::DynamoDB::Table"
        )
        wanted = ("BillingMode", "AttributeDefinitions", "KeySchema", "GlobalSecondaryIndexes")
        dynamodb.create_table(TableName=setting, **{name: table[name] for name in wanted if name in table})
        made[setting] = setting
    sqs, iam, scheduler = world.client("sqs"), world.client("iam"), world.client("scheduler")
    for name in _QUEUES:
        made[f"{name}_QUEUE_URL"] = sqs.create_queue(QueueName=name)["QueueUrl"]
        made[f"{name}_DEAD_LETTER_QUEUE_URL"] = sqs.create_queue(QueueName=f"{name}-dead")["QueueUrl"]
        url = made[f"{name}_QUEUE_URL"]
        made[f"{name}_QUEUE_ARN"] = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"][
            "QueueArn"
        ]
    # SP-API sends new client secrets.
    send = {"Effect": "Allow", "Principal": {"AWS": SP_API_ACCOUNT}, "Action": "sqs:SendMessage", "Resource": "*"}
    sqs.set_queue_attributes(
        QueueUrl=made["SECRET_QUEUE_URL"],
        Attributes={"Policy": json.dumps({"Version": "2012-10-17", "Statement": [send]})},
    )
    role = iam.create_role(RoleName="role", AssumeRolePolicyDocument=json.dumps(TRUST))["Role"]["Arn"]
    policy = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
    iam.put_role_policy(RoleName="role", PolicyName="all", PolicyDocument=json.dumps(policy))
    machine = world.client("stepfunctions").create_state_machine(
        name="machine",
        definition=json.dumps({"StartAt": "Wait", "States": {"Wait": {"Type": "Pass", "End": True}}}),
        roleArn=role,
    )
    send_token = {
        "Type": "Task",
        "Resource": "arn:aws:states:::sqs:sendMessage.waitForTaskToken",
        "Parameters": {
            "QueueUrl": made["TASKS_QUEUE_URL"],
            "MessageBody": {"Execution.$": "$$.Execution.Name", "Token.$": "$$.Task.Token"},
        },
        "End": True,
    }
    waiting_machine = world.client("stepfunctions").create_state_machine(
        name="waiting-machine", definition=json.dumps({"StartAt": "Wait", "States": {"Wait": send_token}}), roleArn=role
    )
    sns, key = world.client("sns"), world.client("kms").create_key()["KeyMetadata"]["Arn"]
    world.client("s3").create_bucket(Bucket="reports-bucket")
    world.client("s3").put_bucket_versioning(Bucket="reports-bucket", VersioningConfiguration={"Status": "Enabled"})
    world.client("s3").create_bucket(Bucket="product-types-bucket")
    world.client("s3").create_bucket(Bucket="listing-feeds-bucket")
    world.client("events").create_event_bus(Name="bus")
    scheduler.create_schedule_group(Name="group")
    return {
        **made,
        "TOKEN_KEY_ARN": key,
        "REPORTS_BUCKET": "reports-bucket",
        "PRODUCT_TYPES_BUCKET": "product-types-bucket",
        "REPORT_READER_ROLE_ARN": role,
        "LISTING_FEEDS_BUCKET": "listing-feeds-bucket",
        "LISTING_FEED_LINK_ROLE_ARN": role,
        "SCHEMA_READER_ROLE_ARN": role,
        "STACK_NAME": "quick-start",
        "REPORT_TOPIC_ARN": sns.create_topic(Name="reports")["TopicArn"],
        "LISTING_FEED_TOPIC_ARN": sns.create_topic(Name="listing-feeds")["TopicArn"],
        "LISTING_STATE_MACHINE_ARN": machine["stateMachineArn"],
        "LISTING_TOPIC_ARN": sns.create_topic(Name="listings")["TopicArn"],
        "ALARM_TOPIC_ARN": sns.create_topic(Name="alarms")["TopicArn"],
        "EVENT_BUS_NAME": "bus",
        "STATE_MACHINE_ARN": machine["stateMachineArn"],
        "WAITING_MACHINE_ARN": waiting_machine["stateMachineArn"],
        "SCHEDULE_GROUP": "group",
        "SCHEDULE_DEAD_LETTER_QUEUE_ARN": made["ORDERS_QUEUE_ARN"],
        "SCHEDULE_ROLE_ARN": role,
    }


def _settings(simulator: str) -> dict[str, str]:
    return {
        "SP_API_ENDPOINT": simulator + "/{sandbox}{region}",
        "LWA_ENDPOINT": simulator + "/auth/o2/token",
        "REPORT_RETENTION_DAYS": "90",
        "REPORT_CREATED_WITHIN_SECONDS": "90",
        "REPORT_LISTED_WITHIN_SECONDS": "600",
        "REPORTS_MADE_ELSEWHERE": "deliver",
        "LINK_LIFETIME_SECONDS": "3600",
        "ANNOUNCEMENTS_PER_SECOND": "3",
        "REPORT_CREATOR_URL": "https://reports.example/reports",
        "REPORT_OVERDUE_HOURS": "24",
        "SOLICITATION_DELAY_DAYS": "5",
        "LISTING_RETENTION_DAYS": "90",
        "LISTING_OUTCOME_HOURS": "24",
        "LISTING_FEEDS_URL": "https://feeds.example/listings/feeds",
        "NOTIFICATION_TYPES": "REPORT_PROCESSING_FINISHED",
        "APPLICATION_ID": "amzn1.sp.solution.simulator",
        "LOGIN_PAGE": "https://host.example/login",
        "RETURN_URLS": "",
        "AUTHORIZATION_ADDRESS": "https://stack.example",
        "ROTATION_REGION": "NA",
        "ROTATE_DAYS_BEFORE": "30",
        "CLIENT_SECRET_EXPIRES": (datetime.now(UTC) + timedelta(days=10)).date().isoformat(),
        "POWERTOOLS_SERVICE_NAME": "faults",
        "POWERTOOLS_LOG_LEVEL": "INFO",
    }
