"""The functions of the product types capability: what they make of an event or a request, from end to end."""

import gzip
import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest

from product_types_storm.cloud import Bucket, EventBus, Trouble
from quickstart import callers, remembered
from quickstart.dynamodb import Table
from quickstart.product_types import wiring
from quickstart.product_types.changes import Announcements, Presence, announce_presence
from quickstart.product_types.fetching import Step
from quickstart.product_types.pulls import Counts, Pull, Pulls, PullStatus, Selection, Wanted
from quickstart.product_types.reading import SchemaKey, packed_groups
from quickstart.product_types.requests import Machine
from quickstart.remembered import Remembered
from quickstart.token_vault import SellerUnknownError
from reference.endpoints import CHECKOUT, _load
from sp_api.deadline import Deadline
from sp_api.regions import Region
from tests.unit.quickstart.product_types.support import UNITED_STATES, PagedDynamoDB
from tests.unit.quickstart.product_types.test_fetching import Stack
from tests.unit.quickstart.product_types.test_store import PRODUCT_TYPES
from tests.unit.quickstart.product_types.test_store import World as Amazon
from tests.unit.quickstart.support import Aws, Context
from tests.unit.sp_api.support import SELLER_ID, ScriptedServer, answer_json, seller_of

LogLines = Callable[[], list[dict[str, Any]]]
STARTED = {"executionArn": "arn", "startDate": datetime(2026, 11, 26, tzinfo=UTC)}
PULLED = "2026-11-26T04:00:00+00:00"
EVERY_TYPE = Selection(SELLER_ID, Region.NA, (UNITED_STATES,), every_type=True)


class Vault:
    """Knows one selling partner."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, Region]] = []

    def require(self, seller_id: str, region: Region) -> None:
        self.asked.append((seller_id, region))
        if seller_id != SELLER_ID:
            raise SellerUnknownError(seller_id, region)


class Parts:
    """What the functions are wired with: a table, a bucket, an event bus, a state machine and SP-API."""

    def __init__(self, server: ScriptedServer) -> None:
        self.stack = Stack(server)
        trouble = Trouble(self.stack.bus.trouble.chance)
        self.client, self.bucket, self.bus = PagedDynamoDB(trouble), Bucket(trouble), EventBus(trouble)
        s3: Any = self.bucket
        events: Any = self.bus
        self.storage = replace(self.stack.amazon.storage, table=Table(self.client, "table"), s3=s3)
        self.pulls = Pulls(self.storage)
        self.announcements = Announcements(events, "bus")
        self.aws = Aws(
            StartExecution=lambda _: STARTED,
            DescribeExecution=lambda _: {"status": "FAILED", **STARTED},
            StopExecution=lambda _: {"stopDate": STARTED["startDate"]},
        )
        self.machine = Machine(self.aws.client("stepfunctions"), "arn:aws:states:x:1:stateMachine:m")
        self.vault = Vault()

    def create(self, status: PullStatus = PullStatus.LISTING) -> Pull:
        pull = Pull("a" * 16, EVERY_TYPE, status, PULLED, Counts())
        assert self.pulls.create(pull)
        return pull


@pytest.fixture
def parts(server: ScriptedServer, monkeypatch: pytest.MonkeyPatch) -> Parts:
    made = Parts(server)
    monkeypatch.setattr(wiring, "pulls", lambda: made.pulls)
    monkeypatch.setattr(wiring, "machine", lambda: made.machine)
    monkeypatch.setattr(wiring, "product_types_table", lambda: made.storage.table)
    monkeypatch.setattr(wiring, "schema_storage", lambda: made.storage)
    monkeypatch.setattr(wiring, "announcements", lambda: made.announcements)
    monkeypatch.setattr(callers, "token_vault", lambda: made.vault)
    monkeypatch.setattr(callers, "seller", lambda *_: seller_of(server))
    return made


def call(function: str, route: str, context: Context | None = None, **fields: object) -> Any:
    """The answer to a request, without its request id; the status too unless it is 200."""
    method, resource = route.split(" ")
    event = {
        "httpMethod": method,
        "resource": resource,
        "isBase64Encoded": False,
        "pathParameters": {
            name: fields.pop(name[0].upper() + name[1:])
            for name in ("pullId", "productType")
            if f"{{{name}}}" in resource
        },
        "queryStringParameters": None if method == "POST" else fields,
        "body": json.dumps(fields) if method == "POST" else None,
        "requestContext": {"requestId": "request-1"},
    }
    answer = _load(CHECKOUT / f"functions/{function}/app.py").handler(event, context or Context())
    body = {name: value for name, value in json.loads(answer["body"]).items() if name != "requestId"}
    return body if answer["statusCode"] == 200 else (answer["statusCode"], body)


class TestPulls:
    FIELDS: Mapping[str, object] = {
        "RegionCode": "NA",
        "MarketplaceIds": UNITED_STATES,
        "All": True,
        "ClientToken": "t",
    }

    def test_a_pull_from_its_start_to_its_end(self, parts: Parts) -> None:
        route = "/product-types/pulls"
        started = call("product_type_pulls", f"POST {route}", SellerId=SELLER_ID, **self.FIELDS)
        pull_id = started["pullId"]
        assert started == {"pullId": pull_id}
        assert parts.vault.asked == [(SELLER_ID, Region.NA)]
        pull = parts.pulls.find(pull_id)
        assert pull is not None
        assert pull.selection == EVERY_TYPE
        assert abs(datetime.now(UTC).timestamp() - datetime.fromisoformat(pull.created_time).timestamp()) < 60
        one = f"{route}/{{pullId}}"
        shown = call("product_type_pulls", f"GET {one}", PullId=pull_id, Limit="1")
        assert (shown["pullId"], shown["status"], shown["issues"]) == (pull_id, "FAILED", [])
        assert call("product_type_pulls", f"POST {one}/resume", PullId=pull_id) == {"pullId": pull_id}
        assert call("product_type_pulls", f"DELETE {one}", PullId=pull_id) == {"pullId": pull_id, "status": "SUCCESS"}
        assert [operation for operation in parts.aws.operations if operation != "DescribeExecution"] == [
            *("StartExecution", "StartExecution", "StopExecution"),
        ]
        found = parts.pulls.find(pull_id)
        assert found is not None
        assert (found.status, found.executions) == (PullStatus.STOPPED, 2)

    def test_a_selling_partner_that_is_not_known(self, parts: Parts) -> None:
        status, body = call("product_type_pulls", "POST /product-types/pulls", SellerId="A1", **self.FIELDS)
        assert (status, body["errors"][0]["code"]) == (404, "SellerUnknown")
        assert parts.client.items == {}


class TestCatalogue:
    KEY = SchemaKey(Region.NA, UNITED_STATES, "LUGGAGE")

    @pytest.fixture(autouse=True)
    def _stored(self, parts: Parts) -> None:
        for name, day in (("LUGGAGE", "2026-11-26"), ("SHIRT", "2026-11-27")):
            key = replace(self.KEY, product_type=name)
            definition = {
                "ProductType": name,
                "DisplayName": name.title(),
                "Latest": True,
                "ReleaseCandidate": False,
                "Checksum": "c",
                "StoredTime": PULLED,
                "CheckedTime": PULLED,
                "PropertyGroups": packed_groups({}),
            }
            parts.storage.table.put({**key.item, **definition})
            now = datetime.fromisoformat(f"{day}T04:00:00+00:00")
            announce_presence(parts.storage, parts.announcements, key, Presence.ADDED, {}, PULLED, now)

    def test_definitions_by_name(self) -> None:
        answer = call("product_type_catalogue", "GET /product-types", MarketplaceId=UNITED_STATES)
        assert [one["productType"] for one in answer["productTypes"]] == ["LUGGAGE", "SHIRT"]

    @pytest.mark.parametrize(
        ("route", "fields", "names"),
        [
            ("GET /product-types/changes", {}, ["SHIRT", "LUGGAGE"]),
            ("GET /product-types/{productType}/changes", {"ProductType": "SHIRT"}, ["SHIRT"]),
        ],
    )
    def test_changes(self, route: str, fields: dict[str, str], names: list[str]) -> None:
        answer = call("product_type_catalogue", route, MarketplaceId=UNITED_STATES, **fields)
        assert [one["productType"] for one in answer["changes"]] == names

    def test_one_definition(self, parts: Parts, monkeypatch: pytest.MonkeyPatch) -> None:
        parts.bucket.objects["contents/c.json.gz"] = gzip.compress(b"[]")
        links = SimpleNamespace(
            presign_all=lambda keys, _: [
                SimpleNamespace(url=key, expires=datetime(2026, 11, 27, tzinfo=UTC)) for key in keys
            ]
        )
        monkeypatch.setattr(wiring, "schema_links", lambda: links)
        route = "GET /product-types/{productType}"
        answer = call("product_type_catalogue", route, ProductType="LUGGAGE", MarketplaceId=UNITED_STATES)
        assert (answer["productType"], list(answer["links"])) == ("LUGGAGE", ["schema"])
        status, body = call("product_type_catalogue", route, ProductType="CUP", MarketplaceId=UNITED_STATES)
        assert (status, body["errors"][0]["code"]) == (404, "ProductTypeUnknown")


EVENT = {"PullId": "a" * 16, "Execution": "execution-1"}


class TestSteps:
    """The steps of the state machine."""

    def test_the_list_of_a_pull(self, parts: Parts, server: ScriptedServer, log_lines: LogLines) -> None:
        pull = parts.create()
        types = [{"name": name, "displayName": name, "marketplaceIds": [UNITED_STATES]} for name in ("CUP", "HAT")]
        server.answer("GET", PRODUCT_TYPES, answer_json({"productTypes": types, "productTypeVersion": "v1"}))
        assert _load(CHECKOUT / "functions/product_type_search/app.py").handler(EVENT, Context()) == {}
        assert parts.pulls.wanted(pull) == [Wanted(UNITED_STATES, "CUP"), Wanted(UNITED_STATES, "HAT")]
        (line,) = log_lines()
        assert (line["execution"], line["pull_id"], line["definitions"]) == ("execution-1", "a" * 16, 2)

    def test_the_definitions_of_a_pull(self, parts: Parts, server: ScriptedServer) -> None:
        Amazon(server)
        pull = parts.create()
        parts.pulls.listed(pull, [Wanted(UNITED_STATES, "LUGGAGE")])
        fetcher = _load(CHECKOUT / "functions/product_type_fetcher/app.py")
        assert fetcher.handler(EVENT, Context(900)) == {"Done": True, "WaitSeconds": 0}
        found = parts.pulls.find("a" * 16)
        assert found is not None
        assert (found.status, found.counts) == (PullStatus.FINISHED, Counts(cursor=1, stored=1))
        assert [kind for kind, _ in parts.bus.details] == ["Product Type Pull Finished"]

    def test_no_call_begins_in_the_last_minute_and_a_half(self, parts: Parts, monkeypatch: pytest.MonkeyPatch) -> None:
        """The slowest call takes a minute, and the progress must be recorded."""
        parts.create()
        fetcher = _load(CHECKOUT / "functions/product_type_fetcher/app.py")
        given: list[Any] = []

        def fetch(*arguments: Any) -> Step:
            given.extend(arguments)
            return Step(done=False, wait_seconds=7)

        monkeypatch.setattr(fetcher, "fetch_definitions", fetch)
        monkeypatch.setattr(fetcher, "time", SimpleNamespace(time=lambda: 1000.0))
        assert fetcher.handler(EVENT, Context(900)) == {"Done": False, "WaitSeconds": 7}
        assert given[-1] == 1000 + 900 - 90
        assert (given[0], given[1].pull_id, given[4]) == (parts.pulls, "a" * 16, parts.announcements)
        assert 59 < given[3]().deadline.remaining("call") <= 60

    @pytest.mark.parametrize("function", ["product_type_search", "product_type_fetcher"])
    def test_a_pull_that_was_deleted(self, parts: Parts, function: str, log_lines: LogLines) -> None:
        assert parts.client.items == {}
        with pytest.raises(Exception, match="there is no pull"):
            _load(CHECKOUT / f"functions/{function}/app.py").handler(EVENT, Context())
        (line,) = log_lines()
        assert (line["message"], line["execution"], line["pull_id"]) == ("step failed", "execution-1", "a" * 16)

    def test_each_call_of_a_list_has_half_a_minute(self, parts: Parts, monkeypatch: pytest.MonkeyPatch) -> None:
        parts.create()
        search = _load(CHECKOUT / "functions/product_type_search/app.py")
        given: list[Any] = []
        monkeypatch.setattr(search, "list_types", lambda *arguments: given.extend(arguments))
        search.handler(EVENT, Context())
        assert 29 < given[2]().deadline.remaining("call") <= 30


class TestRefresh:
    def test_what_was_started_and_ended(self, parts: Parts, log_lines: LogLines) -> None:
        pull = parts.create()
        parts.pulls.keep_fresh(pull)
        parts.pulls.keep_fresh(replace(pull, selection=replace(EVERY_TYPE, seller_id="A1")))
        answer = _load(CHECKOUT / "functions/product_type_refresh/app.py").handler({}, Context())
        assert answer == {"started": 1, "ended": 1, "damaged": 0}
        line = log_lines()[-1]
        assert {name: line[name] for name in ("message", "started", "ended", "damaged")} == {
            "message": "product types refreshed",
            **answer,
        }
        assert line["function_request_id"] == Context.aws_request_id
        ((_, given),) = parts.aws.calls
        assert given["name"] == f"{'a' * 16}-{datetime.now(UTC):%Y%m%d}"


class TestSellers:
    """Callers of a pull's selling partner."""

    @pytest.fixture
    def clock(self, monkeypatch: pytest.MonkeyPatch) -> list[float]:
        now = [100.0]

        def remember(read: Callable[[], object], kept_seconds: float) -> Remembered[object]:
            return Remembered(read, kept_seconds, lambda: now[0])

        monkeypatch.setattr(remembered, "Remembered", remember)
        return now

    def test_the_token_is_looked_up_once_a_minute(
        self, server: ScriptedServer, monkeypatch: pytest.MonkeyPatch, clock: list[float]
    ) -> None:
        asked: list[tuple[str, Region]] = []
        seconds: list[float] = []

        def seller(seller_id: str, region: Region, deadline: Deadline) -> Any:
            asked.append((seller_id, region))
            seconds.append(deadline.remaining("call"))
            return seller_of(server)

        monkeypatch.setattr(callers, "seller", seller)
        pull = Pull("p1", EVERY_TYPE, PullStatus.FETCHING, PULLED, Counts())
        sellers = wiring.sellers(pull, 20)
        assert asked == [(SELLER_ID, Region.NA)]
        for later, times in ((0, 1), (59.75, 1), (60, 2), (119.75, 2)):
            clock[0] = 100.0 + later
            caller = sellers()
            assert (len(asked), caller.identity) == (times, SELLER_ID)
            assert 19 < caller.deadline.remaining("call") <= 20
        assert all(19 < one <= 20 for one in seconds)
        first = sellers()
        assert sellers().deadline is not first.deadline

    def test_a_selling_partner_without_a_token_is_noticed_at_once(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def unknown(seller_id: str, region: Region, _: Deadline) -> None:
            raise SellerUnknownError(seller_id, region)

        monkeypatch.setattr(callers, "seller", unknown)
        with pytest.raises(SellerUnknownError):
            wiring.sellers(Pull("p1", EVERY_TYPE, PullStatus.FETCHING, PULLED, Counts()), 20)
