"""What the simulator's tests share: a client that checks answers with Amazon's models, a queue that records."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

import urllib3
from jsonschema import Draft4Validator, Draft202012Validator, FormatChecker
from referencing import Registry
from referencing.jsonschema import DRAFT4

from sp_api_simulator import control_api
from tests.waiting import SECONDS, until

CLIENT_ID = "amzn1.application-oa2-client.tests"
CLIENT_SECRET = "amzn1.oa2-cs.v1.tests"
APPLICATION_ID = "amzn1.sp.solution.tests"
NOTIFICATIONS_SCOPE = "sellingpartnerapi::notifications"
ROTATION_SCOPE = "sellingpartnerapi::client_credential:rotation"
QUEUE_ARN = "arn:aws:sqs:us-east-1:111122223333:notifications"
US = "ATVPDKIKX0DER"
MARKETPLACES = {"na": US, "eu": "A1PA6795UKMFR9", "fe": "A1VC38T7YXB528"}
REPORTS = "/reports/2021-06-30/reports"
SCHEDULES = "/reports/2021-06-30/schedules"
DOCUMENTS = "/reports/2021-06-30/documents"
DESTINATIONS = "/notifications/v1/destinations"
SUBSCRIPTIONS = "/notifications/v1/subscriptions"
LISTINGS = "GET_MERCHANT_LISTINGS_ALL_DATA"
RESTRICTED = "GET_FLAT_FILE_ACTIONABLE_ORDER_DATA_SHIPPING"


FORMATS = FormatChecker(formats=())


@FORMATS.checks("date-time", raises=ValueError)  # type: ignore[untyped-decorator]  # jsonschema has no types
def is_date_time(value: object) -> bool:
    return not isinstance(value, str) or datetime.fromisoformat(value).tzinfo is not None


def eventually(check: Callable[[], Any]) -> Any:
    """The first truthy value that `check` gives."""
    return until(check, bool)


@dataclass(frozen=True)
class ModelOperation:
    """One operation of a model: its path as a pattern and its responses by status."""

    name: str
    method: str
    path: re.Pattern[str]
    responses: Mapping[str, Any]


@dataclass(frozen=True)
class Contract:
    """An OpenAPI 3 or Swagger 2 document that answers are held against."""

    name: str
    document: Mapping[str, Any]
    operations: tuple[ModelOperation, ...]
    registry: Registry[Any]

    @staticmethod
    def load(path: Path) -> Contract:
        document = json.loads(path.read_text(encoding="utf-8"))
        operations = tuple(
            ModelOperation(
                operation["operationId"],
                method.upper(),
                re.compile(re.sub(r"\\\{\w+\\\}", "[^/]+", re.escape(template))),
                operation["responses"],
            )
            for template, item in document["paths"].items()
            for method, operation in item.items()
            if isinstance(operation, dict) and "operationId" in operation
        )
        resource = DRAFT4.create_resource(document)
        return Contract(path.name, document, operations, Registry().with_resource("urn:model", resource).crawl())

    def find(self, method: str, path: str) -> ModelOperation | None:
        matching = [
            operation for operation in self.operations if operation.method == method and operation.path.fullmatch(path)
        ]
        return matching[0] if matching else None

    def check(self, operation: ModelOperation, answer: Answer) -> None:
        """Fails unless status, headers and body are what the model declares. Null stands for absent: Amazon's own
        destinations carry nulls where the models have no room for them (selling-partner-api-docs issue 1800)."""
        where = f"{self.name} {operation.name} {answer.status}"
        response = operation.responses.get(str(answer.status))
        assert response is not None, f"{where}: the model has no such status"
        assert "x-amzn-requestid" in answer.headers, where
        declares_limit = "x-amzn-RateLimit-Limit" in response.get("headers", {})
        shows_limit = "x-amzn-ratelimit-limit" in answer.headers
        assert declares_limit or not shows_limit, f"{where}: {answer.headers}"
        if answer.status < 300 or answer.status in (400, 404):
            assert shows_limit == declares_limit, f"{where}: {answer.headers}"
        media_types = list(response.get("content", {}))
        assert not media_types or answer.headers["content-type"] in media_types, f"{where}: {answer.headers}"
        schema = response.get("schema") or next(iter(response.get("content", {}).values()), {}).get("schema")
        if schema is None:
            assert not answer.content, f"{where}: the model has no body"
            return
        validator = Draft4Validator(_absolute(schema), registry=self.registry, format_checker=FORMATS)
        errors = [f"{error.json_path}: {error.message}" for error in validator.iter_errors(_without_nulls(answer.json))]
        assert not errors, f"{where}: {errors}"


def _absolute(schema: Any) -> Any:
    if isinstance(schema, dict):
        return {
            name: f"urn:model{value}" if name == "$ref" and value.startswith("#") else _absolute(value)
            for name, value in schema.items()
        }
    return [_absolute(value) for value in schema] if isinstance(schema, list) else schema


def _without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _without_nulls(item) for name, item in value.items() if item is not None}
    return [_without_nulls(item) for item in value] if isinstance(value, list) else value


@dataclass(frozen=True)
class Answer:
    """An HTTP answer; header names are in lower case."""

    status: int
    headers: Mapping[str, str]
    content: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.content)

    @property
    def error(self) -> tuple[str, str, str]:
        """Code, message and details of the only error."""
        (error,) = self.json["errors"]
        return error["code"], error["message"], error.get("details", "")


@dataclass(frozen=True)
class Message:
    """What reached the recording queue: who sent it, where to, and the decoded body."""

    account: str
    queue_url: str
    body: Any


@dataclass
class RecordingQueue:
    """An SQS endpoint that takes SendMessage (AWS JSON 1.0) and remembers. Queues named in `refused` deny access."""

    messages: list[Message] = field(default_factory=list)
    refused: set[str] = field(default_factory=set)
    endpoint: str = ""

    def start(self) -> ThreadingHTTPServer:
        queue = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                assert self.headers["X-Amz-Target"] == "AmazonSQS.SendMessage"
                account = re.search(r"Credential=(\w+)/\d{8}/[\w-]+/sqs/", self.headers["Authorization"])
                assert account is not None
                if request["QueueUrl"].rpartition("/")[2] in queue.refused:
                    self.answer(403, {"__type": "com.amazonaws.sqs#AccessDeniedException", "message": "no"})
                    return
                text = request["MessageBody"]
                queue.messages.append(Message(account[1], request["QueueUrl"], json.loads(text)))
                digest = hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()
                self.answer(200, {"MessageId": str(len(queue.messages)), "MD5OfMessageBody": digest})

            def answer(self, status: int, body: Any) -> None:
                content = json.dumps(body).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/x-amz-json-1.0")
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *_: object) -> None:
                return

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.endpoint = f"http://127.0.0.1:{server.server_port}"
        Thread(target=server.serve_forever, daemon=True).start()
        return server


@dataclass(frozen=True)
class ControlContract:
    """The control API's own OpenAPI document."""

    document: Any

    def operation(self, method: str, path: str) -> Any:
        """The operation with the path; None if there is none. A path without parameters comes first."""
        for template in sorted(self.document["paths"], key=lambda each: "{" in each):
            pattern = re.sub(r"\\{\w+\\}", "[^/]+", re.escape(template))
            if re.fullmatch(pattern, path) and method.lower() in self.document["paths"][template]:
                return self.document["paths"][template][method.lower()]
        return None

    def check(self, method: str, path: str, answer: Answer) -> None:
        """Fails unless the answer is what the document says."""
        operation = self.operation(method, path.rstrip("/"))
        if operation is None:
            assert answer.status in (404, 405), f"the document has no {method} {path}"
            return
        response = operation["responses"][str(answer.status)]
        if "$ref" in response:
            response = self.document["components"]["responses"][response["$ref"].rpartition("/")[2]]
        ((media_type, content),) = response["content"].items()
        assert answer.headers["content-type"] == media_type
        schema = content["schema"] | {"components": self.document["components"]}
        errors = [f"{e.json_path}: {e.message}" for e in Draft202012Validator(schema).iter_errors(answer.json)]
        assert not errors, f"{method} {path}: {errors}"


@cache
def control_contract() -> ControlContract:
    return ControlContract(json.loads(json.dumps(control_api.document())))


@dataclass(frozen=True)
class Simulator:
    """A running simulator. Every answer of an operation that a contract knows is held against that contract."""

    address: str
    pid: int
    contracts: tuple[Contract, ...]
    further_lines: tuple[str, ...] = ()
    http: urllib3.PoolManager = field(default_factory=lambda: urllib3.PoolManager(retries=False, timeout=SECONDS))

    def fetch(self, method: str, url: str, headers: Mapping[str, str] | None = None, body: Any = None) -> Answer:
        response = self.http.request(method, url, headers=dict(headers or {}), body=body, decode_content=False)
        return Answer(response.status, {name.lower(): value for name, value in response.headers.items()}, response.data)

    def control(self, method: str, path: str, body: Any = None, status: int = 200) -> Any:
        content = None if body is None else json.dumps(body).encode()
        answer = self.fetch(method, f"{self.address}/simulator{path}", body=content)
        assert answer.status == status, answer.content
        control_contract().check(method, f"/simulator{urlsplit(path).path}", answer)
        return answer.json

    def token(self, status: int = 200, **fields: str) -> Any:
        form = {"client_id": CLIENT_ID, "client_secret": CLIENT_SECRET} | fields
        headers = {"Content-Type": "application/x-www-form-urlencoded;charset=UTF-8"}
        answer = self.fetch("POST", f"{self.address}/auth/o2/token", headers, urlencode(form).encode())
        assert answer.status == status, answer.content
        return answer.json

    def seller(self, seller_id: str = "A1TESTSELLER", **fields: Any) -> str:
        """A seller that has authorized the application: an access token for it."""
        added = self.control("POST", "/sellers", {"sellerId": seller_id} | fields)
        return str(self.token(grant_type="refresh_token", refresh_token=added["refreshToken"])["access_token"])

    def grantless(self, scope: str = NOTIFICATIONS_SCOPE) -> str:
        return str(self.token(grant_type="client_credentials", scope=scope)["access_token"])

    def call(
        self,
        method: str,
        path: str,
        token: str = "",
        body: Any = None,
        endpoint: str = "na",
        status: int | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        sent = {"x-amz-access-token": token} if token else {}
        sent |= {} if body is None else {"content-type": "application/json"}
        content = body if isinstance(body, bytes | None) else json.dumps(body).encode()
        answer = self.fetch(method, f"{self.address}/{endpoint}{path}", sent | dict(headers or {}), content)
        for contract in self.contracts:
            if (operation := contract.find(method, urlsplit(path).path)) is not None:
                contract.check(operation, answer)
        assert status in (None, answer.status), f"{answer.status} {answer.content!r}"
        return answer

    def destination(self, arn: str = QUEUE_ARN, endpoint: str = "na") -> str:
        body = {"name": "tests", "resourceSpecification": {"sqs": {"arn": arn}}}
        answer = self.call("POST", DESTINATIONS, self.grantless(), body, endpoint, status=200)
        return str(answer.json["payload"]["destinationId"])

    def subscribe(
        self,
        token: str,
        destination_id: str,
        notification_type: str = "REPORT_PROCESSING_FINISHED",
        version: str = "1.0",
        directive: Any = None,
        endpoint: str = "na",
    ) -> str:
        body = {"payloadVersion": version, "destinationId": destination_id}
        body |= {} if directive is None else {"processingDirective": directive}
        answer = self.call("POST", f"{SUBSCRIPTIONS}/{notification_type}", token, body, endpoint, status=200)
        return str(answer.json["payload"]["subscriptionId"])

    def create_report(self, token: str, report_type: str = LISTINGS, endpoint: str = "na") -> str:
        body = {"reportType": report_type, "marketplaceIds": [MARKETPLACES[endpoint]]}
        return str(self.call("POST", REPORTS, token, body, endpoint, status=202).json["reportId"])

    def finished(self, token: str, report_id: str, endpoint: str = "na") -> Any:
        """The report once it has ended."""

        def ended() -> Any:
            report = self.call("GET", f"{REPORTS}/{report_id}", token, endpoint=endpoint, status=200).json
            return report if report["processingStatus"] in ("DONE", "CANCELLED", "FATAL") else None

        return eventually(ended)

    def document(self, token: str, report_type: str = LISTINGS) -> Any:
        """Makes a report and answers its document's description."""
        report = self.finished(token, self.create_report(token, report_type))
        return self.call("GET", f"{DOCUMENTS}/{quote(report['reportDocumentId'])}", token, status=200).json
