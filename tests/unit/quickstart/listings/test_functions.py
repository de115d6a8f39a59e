"""The functions of listings: what each passes on from its event, what it answers, and what it logs."""

import json
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from quickstart import callers, clients
from quickstart.listings import wiring
from quickstart.listings.ledger import ListingLedger
from quickstart.listings.records import ListingOf, Operation, Payload, Record, Status
from reference.endpoints import CHECKOUT, _load
from sp_api.caller import Caller
from sp_api.deadline import Deadline
from sp_api.regions import Region
from tests.unit.quickstart.support import Aws, AwsError, Context, MemoryTable
from tests.unit.quickstart.test_handlers import failed, queue
from tests.unit.sp_api.support import Answer, ScriptedServer, answer_json, errors_json, seller_of

FRANCE = "A13V1IB3VIYZZH"
LISTING = ListingOf("A1EXAMPLE", Region.EU, FRANCE, "CUP", "A1EXAMPLE")
ITEM = "/eu/listings/2021-08-01/items/A1EXAMPLE/CUP"
PUT = Payload(Operation.PUT, "LUGGAGE", "LISTING", {"color": [{"value": "blue"}]})
FIRST, SECOND = "1" * 32, "2" * 32
MACHINE = "arn:aws:states:us-east-1:111122223333:stateMachine:listing"
ACCEPTED: Mapping[str, Any] = {"sku": "CUP", "status": "ACCEPTED", "submissionId": "amazon-1", "issues": []}
PROCESSING = "Amazon has accepted the submission and is processing it."
SETTINGS = {
    "EVENT_BUS_NAME": "bus",
    "LISTINGS_TABLE": "table",
    "LISTING_NOTICES_DEAD_LETTER_QUEUE_URL": "https://sqs/notices-dead",
    "LISTING_NOTICES_QUEUE_URL": "https://sqs/notices",
    "LISTING_OUTCOME_HOURS": "24",
    "LISTING_RETENTION_DAYS": "30",
    "STATE_MACHINE_ARN": MACHINE,
}
KEPT = (
    wiring.listings_table,
    wiring.listing_ledger,
    wiring.announcer,
    wiring.notices,
    wiring.schema_checks,
    wiring.desk,
)


class Stack:
    """The table, EventBridge, SQS and Step Functions in memory; SP-API over HTTP."""

    def __init__(self, server: ScriptedServer) -> None:
        self.server = server
        self.events: list[Mapping[str, Any]] = []
        self.woken: list[tuple[str, str]] = []
        self.started: list[tuple[str, str]] = []
        self.executions: dict[str, str] = {}
        self.callers: list[tuple[str, Region]] = []
        self.aws = Aws(
            PutEvents=self._put,
            SendTaskSuccess=self._wake,
            StartExecution=self._start,
            DescribeExecution=self._describe,
            SendMessage=lambda _: {},
            ChangeMessageVisibility=lambda _: {},
        )
        self.table = MemoryTable(self.aws, "SubmissionId", "SellerId")

    @property
    def ledger(self) -> ListingLedger:
        return wiring.listing_ledger()

    def seller(self, seller_id: str, region: Region, deadline: Deadline) -> Caller:
        self.callers.append((seller_id, region))
        assert 10 < deadline.remaining() <= 25
        return seller_of(self.server, region=region)

    def _put(self, given: Mapping[str, Any]) -> Mapping[str, Any]:
        self.events += [json.loads(entry["Detail"]) for entry in given["Entries"]]
        return {"FailedEntryCount": 0, "Entries": [{"EventId": "e"}]}

    def _wake(self, given: Mapping[str, Any]) -> Mapping[str, Any]:
        self.woken.append((given["taskToken"], given["output"]))
        return {}

    def _start(self, given: Mapping[str, Any]) -> Mapping[str, Any]:
        self.started.append((given["stateMachineArn"], given["name"]))
        return {"executionArn": "arn", "startDate": datetime(2026, 1, 1, tzinfo=UTC)}

    def _describe(self, given: Mapping[str, Any]) -> Mapping[str, Any]:
        machine, _, name = given["executionArn"].rpartition(":")
        assert machine == MACHINE.replace(":stateMachine:", ":execution:")
        if name not in self.executions:
            raise AwsError("ExecutionDoesNotExist")
        return {"status": self.executions[name]}

    def received(self, submission_id: str = FIRST, payload: Payload = PUT) -> Record:
        record = self.ledger.receive(submission_id, LISTING, payload, "hash", None)
        assert record is not None
        self.ledger.enter(record)
        return record

    def accepted(self, submission_id: str = FIRST, payload: Payload = PUT) -> Record:
        record = self.received(submission_id, payload)
        self.ledger.sending(record, self.ledger.lane(LISTING))
        answered = self.ledger.accepted(record, "amazon-1", [])
        assert answered is not None
        self.ledger.leave(record)
        return answered

    def outcome(self, submission_id: str = FIRST) -> tuple[Status, str]:
        record = self.ledger.find(LISTING.seller_id, submission_id)
        assert record is not None
        return record.status, record.message


@pytest.fixture
def stack(server: ScriptedServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stack]:
    made = Stack(server)
    names = {"dynamodb": "dynamodb", "events": "events", "sqs": "sqs", "states": "stepfunctions"}
    for name, service in names.items():
        client = made.aws.client(service)
        monkeypatch.setattr(clients, name, lambda client=client: client)
    monkeypatch.setattr(callers, "seller", made.seller)
    for name, value in SETTINGS.items():
        monkeypatch.setenv(name, value)
    for name in ("PRODUCT_TYPES_TABLE", "PRODUCT_TYPES_BUCKET"):
        monkeypatch.delenv(name, raising=False)
    for part in KEPT:
        part.cache_clear()
    yield made
    for part in KEPT:
        part.cache_clear()


def handle(function: str, event: Mapping[str, Any], seconds: float = 30) -> Any:
    return _load(CHECKOUT / f"functions/{function}/app.py").handler(event, Context(seconds))


def item(**summary: Any) -> Answer:
    whole = {
        "marketplaceId": FRANCE,
        "asin": "B071VG5N9D",
        "productType": "LUGGAGE",
        "status": ["BUYABLE"],
        "createdDate": "2099-11-26T12:00:30Z",
        "lastUpdatedDate": "2099-11-26T12:00:30Z",
    }
    return answer_json({"sku": "CUP", "summaries": [{**whole, **summary}], "issues": []})


class TestSender:
    EVENT: Mapping[str, Any] = {"SubmissionId": FIRST, "SellerId": "A1EXAMPLE", "StateMachineArn": f"{MACHINE}-2"}

    def test_it_sends_and_answers_the_waits(self, stack: Stack, log_lines: Callable[[], list[dict[str, Any]]]) -> None:
        stack.server.answer("PUT", ITEM, answer_json(ACCEPTED))
        stack.received(FIRST)
        stack.received(SECOND)
        assert handle("listing_sender", self.EVENT) == {
            "Step": "FOLLOW",
            "Waits": [60, 240, 600, 2700, 18000, 64800],
        }
        assert stack.outcome(FIRST) == (Status.ACCEPTED, PROCESSING)
        # Its execution is of the state machine that the event names.
        assert stack.started == [(f"{MACHINE}-2", SECOND)]
        assert stack.callers == [("A1EXAMPLE", Region.EU)]
        (line,) = [line for line in log_lines() if line["message"] == "submission answered"]
        assert (line["execution"], line["seller_id"]) == (FIRST, "A1EXAMPLE")
        assert (line["submission_id"], line["sku"], line["status"], line["issues"]) == (FIRST, "CUP", "ACCEPTED", 0)

    def test_it_ends_what_amazon_rejects(self, stack: Stack) -> None:
        stack.server.answer("PUT", ITEM, answer_json({**ACCEPTED, "status": "INVALID"}))
        stack.received()
        assert handle("listing_sender", self.EVENT)["Step"] == "END"

    @pytest.mark.usefixtures("stack")
    def test_one_that_has_expired_is_logged(self, log_lines: Callable[[], list[dict[str, Any]]]) -> None:
        assert handle("listing_sender", self.EVENT)["Step"] == "END"
        (line,) = log_lines()
        assert line["message"] == "submission is no longer in the Listings table"
        assert line["submission_id"] == FIRST


class TestFollower:
    def event(self, reading: object) -> Mapping[str, Any]:
        return {"SubmissionId": FIRST, "SellerId": "A1EXAMPLE", "TaskToken": "token", "Reading": reading}

    def test_the_execution_waits_with_its_token(self, stack: Stack) -> None:
        stack.accepted()
        assert handle("listing_follower", self.event(0)) is None
        record = stack.ledger.find("A1EXAMPLE", FIRST)
        assert record is not None
        assert (record.task_token, record.status, stack.callers, stack.woken) == ("token", Status.ACCEPTED, [], [])

    @pytest.mark.parametrize("reading", [1, "1"])
    def test_a_reading_ends_the_wait(
        self, stack: Stack, reading: object, log_lines: Callable[[], list[dict[str, Any]]]
    ) -> None:
        stack.accepted()
        stack.server.answer("GET", ITEM, item())
        assert handle("listing_follower", self.event(reading)) is None
        assert stack.outcome() == (Status.PUBLISHED, "The listing is buyable.")
        assert stack.woken == [("token", '{"Step": "END"}')]
        assert stack.callers == [("A1EXAMPLE", Region.EU)]
        read, announced = log_lines()
        assert read["message"] == "listing read"
        assert (read["execution"], read["seller_id"]) == (FIRST, "A1EXAMPLE")
        assert (read["submission_id"], read["sku"], read["reading"], read["status"]) == (FIRST, "CUP", 1, "PUBLISHED")
        assert announced["message"] == "listing outcome announced"
        assert {name: announced[name] for name in ("submission_id", "seller_id", "sku", "status")} == {
            "submission_id": FIRST,
            "seller_id": "A1EXAMPLE",
            "sku": "CUP",
            "status": "PUBLISHED",
        }


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        (
            "FAILED",
            "the execution failed after all retries. See the logs of SPAPIListingSender and SPAPIListingFollower",
        ),
        ("TIMED_OUT", "the execution took too long"),
        ("ABORTED", "somebody stopped the execution"),
        ("PENDING_REDRIVE", "the execution has ended (PENDING_REDRIVE)"),
    ],
)
def test_a_failed_execution_concludes_its_submission(
    stack: Stack, status: str, reason: str, log_lines: Callable[[], list[dict[str, Any]]]
) -> None:
    stack.received()
    started = json.dumps({"SubmissionId": FIRST, "SellerId": "A1EXAMPLE"})
    assert handle("listing_failures", {"detail": {"input": started, "status": status}}) is None
    message = f"The submission was not sent: {reason}"
    assert stack.outcome() == (Status.FAILED, message)
    assert [(event["SubmissionId"], event["Message"]) for event in stack.events] == [(FIRST, message)]
    assert [(line["execution"], line["seller_id"]) for line in log_lines()] == [(FIRST, "A1EXAMPLE")]


class TestNotices:
    def notice(self, kind: str = "LISTINGS_ITEM_STATUS_CHANGE", **payload: Any) -> Mapping[str, Any]:
        whole = {"SellerId": "A1EXAMPLE", "Sku": "CUP", "MarketplaceId": FRANCE, **payload}
        return {"NotificationType": kind, "Payload": {name: value for name, value in whole.items() if value}}

    def test_a_notice_wakes_the_execution(self, stack: Stack, log_lines: Callable[[], list[dict[str, Any]]]) -> None:
        stack.ledger.awaited(stack.accepted(FIRST), "token")
        # One that is final, and one that has expired.
        stack.ledger.concluded(stack.accepted(SECOND), Status.PUBLISHED, "done")
        stack.accepted("3" * 32)
        stack.table.items = [one for one in stack.table.items if one["SubmissionId"] != "3" * 32]
        assert handle("listing_notices", queue(self.notice("LISTINGS_ITEM_ISSUES_CHANGE"))) == failed()
        assert stack.woken == [("token", '{"Step": "CHECK"}')]
        final = stack.ledger.find("A1EXAMPLE", SECOND)
        assert final is not None
        assert "NoticedTime" not in final.times
        (line,) = log_lines()
        assert (line["message"], line["message_id"]) == ("notice taken", "m-0")
        assert (line["notification_type"], line["sku"], line["woken"]) == ("LISTINGS_ITEM_ISSUES_CHANGE", "CUP", 1)

    def test_what_waits_for_nothing_is_not_counted(
        self, stack: Stack, log_lines: Callable[[], list[dict[str, Any]]]
    ) -> None:
        """The first is still being sent. The wait of the second is over."""

        def gone(_: Mapping[str, Any]) -> Mapping[str, Any]:
            raise AwsError("TaskTimedOut")

        stack.aws.answers["SendTaskSuccess"] = gone
        stack.ledger.awaited(stack.accepted(SECOND), "token")
        first = stack.received(FIRST)
        stack.ledger.sending(first, stack.ledger.lane(LISTING))
        assert handle("listing_notices", queue(self.notice())) == failed()
        assert stack.aws.operations.count("SendTaskSuccess") == 1
        assert [line["woken"] for line in log_lines()] == [0]
        found = stack.ledger.find("A1EXAMPLE", FIRST)
        assert found is not None
        assert (found.status, "NoticedTime" in found.times) == (Status.SENDING, True)

    def test_what_concerns_no_submission_is_logged(
        self, stack: Stack, log_lines: Callable[[], list[dict[str, Any]]]
    ) -> None:
        stack.ledger.awaited(stack.accepted(), "token")
        event = queue(self.notice("ORDER_CHANGE"), self.notice(MarketplaceId=None), self.notice(Sku="PEN"))
        assert handle("listing_notices", event) == failed()
        assert [(line["message"], line.get("sku")) for line in log_lines()] == [
            ("notice of a type that listings do not use", None),
            ("notice without a marketplace ignored", "CUP"),
            ("notice taken", "PEN"),
        ]
        assert stack.woken == []

    def test_what_is_no_notice_is_set_aside(self, stack: Stack) -> None:
        assert handle("listing_notices", queue({}, self.notice())) == failed()
        sent = [given for name, given in stack.aws.calls if name == "SendMessage"]
        assert [given["QueueUrl"] for given in sent] == ["https://sqs/notices-dead"]
        (reason,) = [one["StringValue"] for given in sent for one in given["MessageAttributes"].values()]
        assert reason == "the message is not a notice about a listing: NotificationType is missing"

    def test_what_aws_refuses_comes_again(self, stack: Stack) -> None:
        def denied(_: Mapping[str, Any]) -> Mapping[str, Any]:
            raise AwsError("AccessDeniedException")

        stack.ledger.awaited(stack.accepted(), "token")
        stack.aws.answers["SendTaskSuccess"] = denied
        assert handle("listing_notices", queue(self.notice())) == failed(0)
        changed = dict(stack.aws.calls)["ChangeMessageVisibility"]
        assert changed["QueueUrl"] == "https://sqs/notices"


class TestSweep:
    @pytest.fixture(autouse=True)
    def everything_is_due(self, stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(
            ListingLedger,
            "due",
            lambda _: [(one["SellerId"], one["SubmissionId"]) for one in stack.table.items if "Open" in one],
        )

    def test_what_it_repairs_is_logged(self, stack: Stack, log_lines: Callable[[], list[dict[str, Any]]]) -> None:
        stack.received(FIRST)
        stack.accepted(SECOND)
        assert handle("listing_sweep", {}) == {"seen": 2, "repaired": 1}
        assert stack.started == [(MACHINE, FIRST)]
        (line,) = log_lines()
        assert (line["message"], line["level"]) == ("interrupted submissions repaired", "WARNING")
        assert (line["seen"], line["repaired"]) == (2, 1)
        assert line["function_request_id"] == Context.aws_request_id

    def test_a_sweep_without_repairs_logs_nothing(
        self, stack: Stack, log_lines: Callable[[], list[dict[str, Any]]]
    ) -> None:
        stack.received()
        stack.executions[FIRST] = "RUNNING"
        assert handle("listing_sweep", {}) == {"seen": 1, "repaired": 0}
        assert log_lines() == []

    def test_an_execution_that_has_failed_is_concluded(self, stack: Stack) -> None:
        stack.received()
        stack.executions[FIRST] = "TIMED_OUT"
        assert handle("listing_sweep", {}) == {"seen": 1, "repaired": 1}
        assert stack.outcome() == (Status.FAILED, "The submission was not sent: the execution took too long")

    @pytest.mark.parametrize(("seconds", "seen"), [(20, 1), (19.999, 0)])
    def test_it_stops_before_its_time_is_up(self, stack: Stack, seconds: float, seen: int) -> None:
        stack.received()
        assert handle("listing_sweep", {}, seconds)["seen"] == seen


def request(route: str, body: Mapping[str, Any] | None = None, **fields: str) -> dict[str, Any]:
    """The event of a request. Fields of the path are those that the route names."""
    method, resource = route.split(" ")
    path = {name: value for name, value in fields.items() if f"{{{name}}}" in resource}
    return {
        "httpMethod": method,
        "resource": resource,
        "body": None if body is None else json.dumps(body),
        "pathParameters": path or None,
        "queryStringParameters": {name: value for name, value in fields.items() if name not in path} or None,
        "requestContext": {"requestId": "request-1"},
    }


def answered(function: str, event: Mapping[str, Any]) -> tuple[int, Any]:
    answer = handle(function, event)
    return answer["statusCode"], json.loads(answer["body"])


PLACE = {"SellerId": "A1EXAMPLE", "RegionCode": "EU", "MarketplaceId": FRANCE}


class TestReader:
    def test_a_seller_s_submissions(self, stack: Stack) -> None:
        for submission_id in (FIRST, SECOND):
            stack.ledger.receive(submission_id, LISTING, PUT, "hash", None)
        status, body = answered("listing_reader", request("GET /listings", SellerId="A1EXAMPLE"))
        assert (status, {one["submissionId"] for one in body["submissions"]}) == (200, {FIRST, SECOND})
        stack.table.items = [one | {"ExpiresAt": 1} for one in stack.table.items]
        assert answered("listing_reader", request("GET /listings", SellerId="A1EXAMPLE")) == (200, {"submissions": []})

    def test_one_submission(self, stack: Stack) -> None:
        stack.received()
        route = "GET /listings/submissions/{submissionId}"
        status, body = answered("listing_reader", request(route, SellerId="A1EXAMPLE", submissionId=FIRST))
        assert (status, body["submissionId"], body["status"]) == (200, FIRST, "RECEIVED")

    @pytest.mark.parametrize("submission_id", ["1" * 31, "1" * 33, "A" * 32])
    def test_an_id_that_no_submission_can_have(self, stack: Stack, submission_id: str) -> None:
        route = "GET /listings/submissions/{submissionId}"
        status, body = answered("listing_reader", request(route, SellerId="A1EXAMPLE", submissionId=submission_id))
        assert (status, body["errors"][0]["field"]) == (400, "SubmissionId")
        assert body["errors"][0]["message"] == (
            "SubmissionId must be the submissionId from an earlier response: 32 characters"
        )
        assert stack.aws.calls == []

    def test_a_listing_beside_its_submissions(self, stack: Stack) -> None:
        stack.received()
        stack.server.answer("GET", ITEM, item())
        status, body = answered("listing_reader", request("GET /listings/{sku}", sku="CUP", **PLACE))
        assert (status, body["sku"], body["amazon"]["sku"]) == (200, "CUP", "CUP")
        assert [one["submissionId"] for one in body["submissions"]] == [FIRST]
        assert stack.callers == [("A1EXAMPLE", Region.EU)]

    def test_a_listing_of_nobody_is_refused_before_amazon_is_asked(self, stack: Stack) -> None:
        status, _ = answered("listing_reader", request("GET /listings/{sku}", sku="CUP"))
        assert (status, stack.callers) == (400, [])


class TestSubmissions:
    """The simulator answers at once, so that the request does not wait."""

    @pytest.fixture(autouse=True)
    def execution_runs_at_once(self, stack: Stack) -> None:
        def start(given: Mapping[str, Any]) -> Mapping[str, Any]:
            started = json.loads(given["input"])
            wiring.sender(given["stateMachineArn"], Deadline.after(20)).send(
                started["SellerId"], started["SubmissionId"]
            )
            return {"executionArn": "arn", "startDate": datetime(2026, 1, 1, tzinfo=UTC)}

        stack.aws.answers["StartExecution"] = start
        stack.server.answer("GET", ITEM, item())

    @pytest.mark.parametrize(
        ("route", "body", "operation"),
        [
            (
                "POST /listings",
                {**PLACE, "Sku": "CUP", "ProductType": "LUGGAGE", "Attributes": {"color": [{"value": "blue"}]}},
                "PUT",
            ),
            (
                "PATCH /listings/{sku}",
                {**PLACE, "Patches": [{"op": "merge", "attribute": "color", "value": [{"value": "blue"}]}]},
                "PATCH",
            ),
            ("DELETE /listings/{sku}", None, "DELETE"),
        ],
    )
    def test_a_submission_is_answered_with_what_amazon_says(
        self, stack: Stack, route: str, body: Mapping[str, Any] | None, operation: str
    ) -> None:
        stack.server.answer(operation, ITEM, answer_json(ACCEPTED))
        query = {} if body else PLACE
        status, found = answered("listing_submissions", request(route, body, sku="CUP", **query))
        assert status == 200, found
        assert (found["operation"], found["status"], found["message"]) == (operation, "ACCEPTED", PROCESSING)
        assert (found["sellerId"], found["sku"], found["amazonSubmissionId"]) == ("A1EXAMPLE", "CUP", "amazon-1")
        assert len(stack.server.received(ITEM, operation)) == 1
        assert stack.callers[0] == ("A1EXAMPLE", Region.EU)

    def test_a_refusal_of_amazon_is_the_answer(self, stack: Stack) -> None:
        stack.server.answer("DELETE", ITEM, errors_json(400, "InvalidInput", "bad"))
        _, found = answered("listing_submissions", request("DELETE /listings/{sku}", sku="CUP", **PLACE))
        assert found["status"] == "REFUSED"
        assert found["message"].startswith("SP-API rejected the submission: deleteListingsItem: HTTP 400")


class TestWiring:
    @pytest.mark.parametrize(
        ("table", "bucket", "stored"), [("t", "b", True), ("t", "", False), ("", "b", False), ("", "", False)]
    )
    def test_schemas_are_checked_only_where_they_are_stored(
        self, stack: Stack, monkeypatch: pytest.MonkeyPatch, table: str, bucket: str, *, stored: bool
    ) -> None:
        s3 = stack.aws.client("s3")
        monkeypatch.setattr(clients, "s3", lambda: s3)
        monkeypatch.setenv("PRODUCT_TYPES_TABLE", table)
        monkeypatch.setenv("PRODUCT_TYPES_BUCKET", bucket)
        storage = wiring.schema_checks().storage
        assert (storage is not None) == stored
        if storage is not None:
            assert (storage.table.name, storage.bucket, storage.s3) == (table, bucket, s3)

    @pytest.mark.usefixtures("stack")
    def test_the_parts_have_the_settings_of_their_function(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("LISTING_OUTCOME_HOURS", "48")
        ledger = wiring.listing_ledger()
        assert (ledger.table.name, ledger.kept) == ("table", timedelta(days=30))
        follower, sweep = wiring.follower(Deadline.after(10)), wiring.sweep(Deadline.after(10))
        assert (follower.hours, sweep.hours) == (48, 48)
        assert follower.announcer.bus_name == "bus"
        machines = [sweep.lanes.machine, sweep.sender.lanes.machine, wiring.desk().lanes.machine]
        assert {machine.arn for machine in machines} == {MACHINE}
        assert {id(part.ledger) for part in (follower, sweep, sweep.lanes, wiring.desk(), wiring.notices())} == {
            id(ledger)
        }
