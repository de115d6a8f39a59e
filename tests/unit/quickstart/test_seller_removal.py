"""What is removed of a seller, and what remains when time runs out, SP-API throttles or S3 refuses."""

import json
from collections.abc import Callable, Mapping
from itertools import count
from typing import Any

import pytest

from quickstart import callers, clients
from quickstart.authorization import wiring as authorization_wiring
from quickstart.listings import feed_wiring
from quickstart.listings import wiring as listings_wiring
from quickstart.notifications.subscription_records import SubscriptionRecord, SubscriptionRecords
from quickstart.product_types import wiring as product_types_wiring
from quickstart.refusals import FieldError
from quickstart.reports import wiring as reports_wiring
from quickstart.reports.ledger import NOT_A_REPORT
from quickstart.seller_removal import (
    Departure,
    DepartureIncompleteError,
    Identities,
    Remainder,
    SellerItems,
    SellerObjects,
    StoredReports,
    remove_seller,
)
from quickstart.solicitations import wiring as solicitations_wiring
from reference.endpoints import CHECKOUT, _load
from sp_api.deadline import Deadline
from sp_api.lwa import Scope
from sp_api.regions import Region
from tests.unit.quickstart.support import Aws, Context, MemoryTable
from tests.unit.sp_api.support import REFRESH_TOKEN, ScriptedServer, Stored, answer_json, api_of, errors_json
from tests.unit.sp_api.support import Answer as ServerAnswer


class Bucket:
    """An S3 client of a bucket with so many versions; it refuses to delete those of `locked`."""

    def __init__(self, versions: int, locked: str = "") -> None:
        self.versions = [{"Key": "A1/report", "VersionId": str(number)} for number in range(versions)]
        self.locked = locked

    def list_object_versions(self, *, Prefix: str, MaxKeys: int, **_: Any) -> dict[str, Any]:  # noqa: N803
        assert Prefix == "A1/"
        return {"Versions": self.versions[:MaxKeys]}

    def delete_objects(self, *, Delete: dict[str, Any], **_: Any) -> dict[str, Any]:  # noqa: N803
        refused = [entry for entry in Delete["Objects"] if entry["VersionId"] == self.locked]
        self.versions = [entry for entry in self.versions if entry not in Delete["Objects"] or entry in refused]
        return {"Errors": [{**entry, "Code": "AccessDenied", "Message": "Access Denied"} for entry in refused]}


def reports_table(reports: int) -> MemoryTable:
    """A table with so many reports of a seller."""
    table = MemoryTable(Aws(), "ReportId", "SellerId")
    table.items = [
        {"ReportId": str(number), "SellerId": "A1", "CreatedTime": "2026-11-26T10:00:00Z", "Status": "DONE"}
        for number in range(reports)
    ]
    return table


def calls_of(table: MemoryTable) -> list[tuple[str, Any]]:
    aws: Aws = table.aws
    return [(name, given) for name, given in aws.calls if name in ("Query", "BatchWriteItem")]


class AfterBatches(Deadline):
    """Spent once a table's client has sent so many batches."""

    def __init__(self, table: MemoryTable, batches: int) -> None:
        super().__init__(0)
        sent = table.aws.operations.count("BatchWriteItem")
        object.__setattr__(self, "over", lambda: table.aws.operations.count("BatchWriteItem") - sent >= batches)

    @property
    def spent(self) -> bool:
        over: Callable[[], bool] = self.over  # type: ignore[attr-defined]
        return over()


def depart(
    table: MemoryTable, bucket: Any, time_left: float | Deadline, attempts: SellerItems | None = None
) -> Departure:
    sellers = MemoryTable(Aws(), "SellerId", "Item")
    reports = StoredReports(bucket, "bucket", table.table)
    none: Any = None
    deadline = time_left if isinstance(time_left, Deadline) else Deadline.after(time_left)
    return remove_seller("A1", sellers.table, none, reports, None, None, None, None, attempts, deadline)


def test_objects_are_deleted_a_thousand_at_a_time() -> None:
    bucket, table = Bucket(2500), reports_table(3)
    departure = depart(table, bucket, 10)
    assert (departure.objects_deleted, departure.reports_deleted) == (2500, 3)
    assert (bucket.versions, table.items) == ([], [])


def test_objects_of_other_buckets_are_deleted_too() -> None:
    reports, files = Bucket(2), Bucket(3)

    class Both:
        """S3, by the name of the bucket."""

        def __getattr__(self, name: str) -> Any:
            buckets = {"bucket": reports, "files": files}
            return lambda **given: getattr(buckets[given["Bucket"]], name)(**given)

    both: Any = Both()
    more = (SellerObjects("files", "files of listings"),)
    stored = StoredReports(both, "bucket", reports_table(0).table, more)
    none: Any = None
    sellers = MemoryTable(Aws(), "SellerId", "Item")
    departure = remove_seller("A1", sellers.table, none, stored, None, None, None, None, None, Deadline.after(10))
    assert (departure.objects_deleted, reports.versions, files.versions) == (5, [], [])


def test_items_that_only_belong_to_requests_are_deleted_and_not_counted() -> None:
    table = reports_table(3)
    table.items[1]["CreatedTime"] = NOT_A_REPORT
    assert depart(table, Bucket(0), 10).reports_deleted == 2
    assert table.items == []


def test_of_ten_thousand_items_only_keys_are_read_and_25_are_deleted_at_a_time() -> None:
    """DynamoDB's limit of BatchWriteItem is 25. A page of keys is all that is in memory."""
    table = reports_table(0)
    total, most = 10_000, 0
    remaining = total

    def query(given: Any) -> Any:
        nonlocal most
        assert given["ProjectionExpression"] == "#a0, #a1, #a2"
        assert given["ExpressionAttributeNames"] == {
            "#hash": "SellerId",
            "#a0": "ReportId",
            "#a1": "SellerId",
            "#a2": "CreatedTime",
        }
        start = int(given.get("ExclusiveStartKey", {"ReportId": {"S": "-1"}})["ReportId"]["S"]) + 1
        numbers = range(start, min(start + given["Limit"], total))
        most = max(most, len(numbers))
        keys = [{"ReportId": {"S": str(number)}, "SellerId": {"S": "A1"}} for number in numbers]
        return {"Items": keys, **({"LastEvaluatedKey": keys[-1]} if numbers.stop < total else {})}

    def delete(given: Any) -> Any:
        nonlocal remaining
        assert len(given["RequestItems"]["table"]) == 25
        remaining -= 25
        return {}

    table.aws.answers |= {"Query": query, "BatchWriteItem": delete}
    departure = depart(table, Bucket(0), 600)
    assert (departure.reports_deleted, remaining, most) == (total, 0, 1000)
    assert len(calls_of(table)) == total / 25 + total / 1000


def test_what_dynamodb_did_not_process_is_sent_again() -> None:
    table = reports_table(30)
    table.capacity = 10
    assert depart(table, Bucket(0), 30).reports_deleted == 30
    assert table.items == []
    sent = [len(given["RequestItems"]["table"]) for name, given in calls_of(table) if name == "BatchWriteItem"]
    assert sent == [25, 15, 5, 5]


def test_what_dynamodb_never_processes_remains() -> None:
    table = reports_table(30)
    table.capacity = 0
    with pytest.raises(DepartureIncompleteError) as caught:
        depart(table, Bucket(0), 0.3)
    departure = caught.value.departure
    assert departure.reports_deleted == 0
    assert [remainder.code for remainder in departure.remaining] == ["ReportsRemain"]
    assert len(table.items) == 30


def test_an_item_that_the_index_shows_twice_is_deleted_once() -> None:
    """An item whose range key changes is moved in the index; DynamoDB refuses a batch with two equal keys."""
    table = reports_table(3)
    table.items.append({**table.items[0], "CreatedTime": "2026-11-26T11:00:00Z"})
    assert depart(table, Bucket(0), 10).reports_deleted == 3
    assert table.items == []


def test_requests_that_end_early_continue_until_nothing_remains() -> None:
    """What is deleted is all that the next request needs to know."""
    table = reports_table(500)
    deleted, requests = 0, 0
    while table.items:
        requests += 1
        try:
            deleted += depart(table, Bucket(0), AfterBatches(table, 3)).reports_deleted
        except DepartureIncompleteError as incomplete:
            assert incomplete.departure.reports_deleted == 75
            deleted += 75
    assert (deleted, requests) == (500, 7)


def test_what_there_was_no_time_for_is_listed() -> None:
    bucket, table = Bucket(2500), reports_table(3)
    with pytest.raises(DepartureIncompleteError) as caught:
        depart(table, bucket, -1)
    assert [remainder.code for remainder in caught.value.departure.remaining] == [
        "ReportsRemain",
        "StoredReportsRemain",
    ]
    assert "1000 or more" in caught.value.departure.remaining[1].message
    assert (len(bucket.versions), len(table.items)) == (2500, 3)


def test_objects_are_deleted_after_the_records() -> None:
    """A report that is stored meanwhile has a record, and its object is found, or has none, and it is not kept."""
    table, order = reports_table(1), list[str]()

    class WatchedBucket(Bucket):
        def list_object_versions(self, **given: Any) -> dict[str, Any]:
            order.append(f"objects, with {len(table.items)} records")
            return super().list_object_versions(**given)

    depart(table, WatchedBucket(1), 10)
    assert set(order) == {"objects, with 0 records"}


def test_more_authorizations_than_can_be_read_in_time_do_not_keep_the_rest() -> None:
    """Anybody can add some through the log-in URI. They are deleted page by page, and the next request continues."""
    flooded = MemoryTable(Aws(), "AuthorizationId")
    numbers = count()

    def query(_: Any) -> Any:
        page = [{"AuthorizationId": {"S": str(next(numbers))}} for _ in range(10)]
        return {"Items": page, "LastEvaluatedKey": page[-1]}

    flooded.aws.answers |= {"Query": query, "BatchWriteItem": lambda _: {}}
    attempts = SellerItems(flooded.table, "index", ("AuthorizationId",), "AuthorizationsRemain", "some")
    with pytest.raises(DepartureIncompleteError) as caught:
        depart(reports_table(1), Bucket(1), AfterBatches(flooded, 50), attempts)
    departure = caught.value.departure
    assert departure.authorizations_deleted == 500
    assert (departure.objects_deleted, departure.reports_deleted) == (1, 1)
    assert [remainder.code for remainder in departure.remaining] == ["AuthorizationsRemain"]


def test_what_remains_is_said_in_words() -> None:
    with pytest.raises(DepartureIncompleteError) as caught:
        depart(reports_table(3), Bucket(2500), -1)
    assert [remainder.message for remainder in caught.value.departure.remaining] == [
        "reports in the table: the request ran out of time",
        "1000 or more versions of stored reports: the request ran out of time",
    ]
    with pytest.raises(DepartureIncompleteError) as caught:
        depart(reports_table(0), Bucket(3, locked="1"), 10)
    assert [(one.code, one.message) for one in caught.value.departure.remaining] == [
        ("StoredReportsRemain", "1 or more versions of stored reports: Access Denied")
    ]


@pytest.mark.parametrize(
    ("table", "collect", "code", "words", "key", "uncounted"),
    [
        (
            "SOLICITATIONS_TABLE",
            "_orders",
            "SolicitationsRemain",
            "orders in the table",
            ("AmazonOrderId", "SellerId"),
            {"DueTime": "!"},
        ),
        (
            "LISTINGS_TABLE",
            "_listings",
            "ListingRecordsRemain",
            "records of listings",
            ("SubmissionId", "SellerId"),
            None,
        ),
        (
            "LISTING_FEEDS_TABLE",
            "_listing_feeds",
            "ListingFeedsRemain",
            "files of listings in the table",
            ("FeedRequestId", "SellerId"),
            None,
        ),
        ("PRODUCT_TYPES_TABLE", "_pulls", "PullsRemain", "pulls of product types", ("Collection", "Entry"), None),
        (
            "AUTHORIZATIONS_TABLE",
            "_attempts",
            "AuthorizationsRemain",
            "authorizations in the table",
            ("AuthorizationId",),
            None,
        ),
    ],
)
def test_tables_of_capabilities_that_are_enabled(
    monkeypatch: pytest.MonkeyPatch,
    table: str,
    collect: str,
    code: str,
    words: str,
    key: tuple[str, ...],
    uncounted: Mapping[str, str] | None,
) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    for name in ("LISTINGS_RETENTION_DAYS", "RETENTION_DAYS"):
        monkeypatch.setenv(name, "30")
    function = _load(CHECKOUT / "functions/seller_removal/app.py")
    monkeypatch.delenv(table, raising=False)
    assert getattr(function, collect)() is None
    monkeypatch.setenv(table, "the-table")
    items = getattr(function, collect)()
    assert (items.code, items.words, items.key, items.uncounted) == (code, words, key, uncounted)


def test_the_bucket_of_files_of_listings_where_they_are_enabled(monkeypatch: pytest.MonkeyPatch) -> None:
    function = _load(CHECKOUT / "functions/seller_removal/app.py")
    monkeypatch.delenv("LISTING_FEEDS_BUCKET", raising=False)
    assert function._more_objects() == ()
    monkeypatch.setenv("LISTING_FEEDS_BUCKET", "files")
    assert function._more_objects() == (SellerObjects("files", "files of listings"),)


def test_what_s3_refuses_is_listed() -> None:
    bucket = Bucket(3, locked="1")
    with pytest.raises(DepartureIncompleteError, match="2 stored objects") as caught:
        depart(reports_table(0), bucket, 10)
    assert caught.value.departure.remaining[0].message.endswith("Access Denied")
    assert [entry["VersionId"] for entry in bucket.versions] == ["1"]


def test_the_answer_lists_each_thing_that_remains() -> None:
    remaining = (
        Remainder("SubscriptionRemains", "subscription s-1: throttled", retry_after=4.5),
        Remainder("ReportsRemain", "3 reports in the table"),
    )
    incomplete = DepartureIncompleteError(Departure("A1", 2, 0, 5, 7, 9, 11, 13, 15, 4, remaining))
    whole, *each = incomplete.errors
    assert (whole.field, whole.code) == ("SellerId", "SellerRemains")
    assert each == [
        FieldError(None, "SubscriptionRemains", "subscription s-1: throttled", "sellerremains"),
        FieldError(None, "ReportsRemain", "3 reports in the table", "sellerremains"),
    ]
    assert incomplete.retry_after == 4.5
    for part in (
        "A1",
        "2 tokens",
        "5 reports",
        "7 stored objects",
        "9 orders",
        "11 pulls",
        "15 records of files of listings",
        "4 authorizations",
        "0 subscriptions",
    ):
        assert part in whole.message


RECORDS = tuple(
    SubscriptionRecord("A1", region, kind, f"s-{number}", "d", "1.0")
    for number, (region, kind) in enumerate(
        ((Region.NA, "ORDER_CHANGE"), (Region.NA, "PRICING_HEALTH"), (Region.EU, "ORDER_CHANGE"))
    )
)


class Seller:
    """A seller with something in each table, and SP-API on loopback."""

    COUNTS: Mapping[str, int] = {"reports": 2, "orders": 3, "pulls": 4, "submissions": 5, "feeds": 6, "attempts": 7}

    def __init__(self, server: ScriptedServer) -> None:
        self.server, self.order = server, list[tuple[str, str]]()
        self.tables = {name: self._table(name, "Id") for name in (*self.COUNTS, "sellers")}
        self.sellers = self.tables["sellers"]
        self.sellers.key = ("SellerId", "Item")
        self.tables["reports"].key = ("ReportId", "SellerId")
        for name, total in self.COUNTS.items():
            for number in range(total):
                key = {attribute: str(number) for attribute in self.tables[name].key}
                self.tables[name].items.append({**key, "SellerId": "A1"})
        for record in RECORDS:
            SubscriptionRecords(self.sellers.table).store(record)
        for code in ("NA", "*"):
            self.sellers.table.put({"SellerId": "A1", "Item": f"TOKEN#{code}"})
        for record in RECORDS:
            self.answer(record, answer_json({}))
        self.bucket: Any = Bucket(8)
        self.time: Deadline = Deadline.after(30)

    def _table(self, name: str, *key: str) -> MemoryTable:
        """Its reads and writes are noted in the order of those of all tables."""
        order = self.order

        class Noted(list[tuple[str, Mapping[str, Any]]]):
            def append(self, call: tuple[str, Mapping[str, Any]]) -> None:
                super().append(call)
                order.append((name, call[0]))

        aws = Aws()
        aws.calls = Noted()
        return MemoryTable(aws, *key)

    def answer(self, record: SubscriptionRecord, *answers: ServerAnswer) -> None:
        path = f"/{record.region.lower()}/notifications/v1/subscriptions"
        self.server.answer("DELETE", f"{path}/{record.notification_type}/{record.subscription_id}", *answers)

    def items(self, name: str) -> SellerItems:
        return SellerItems(self.tables[name].table, "Index", ("Id",), f"{name}-remain", name)

    def remove(self) -> Departure:
        self.order.clear()
        api = api_of(self.server)
        identities = Identities(
            lambda region: api.grantless(Scope.NOTIFICATIONS, region, Deadline.after(10)),
            lambda region: api.for_seller("A1", region, Stored(REFRESH_TOKEN), Deadline.after(10)),
        )
        stored = StoredReports(self.bucket, "bucket", self.tables["reports"].table)
        return remove_seller(
            "A1",
            self.sellers.table,
            identities,
            stored,
            self.items("orders"),
            self.items("pulls"),
            self.items("submissions"),
            self.items("feeds"),
            self.items("attempts"),
            self.time,
        )


@pytest.fixture
def seller(server: ScriptedServer) -> Seller:
    return Seller(server)


GONE = {
    "sellerId": "A1",
    "status": "SUCCESS",
    "tokensDeleted": 2,
    "subscriptionsEnded": 3,
    "reportsDeleted": 2,
    "objectsDeleted": 8,
    "solicitationsDeleted": 3,
    "pullsDeleted": 4,
    "listingRecordsDeleted": 5,
    "listingFeedsDeleted": 6,
    "authorizationsDeleted": 7,
}


def test_all_of_a_seller_is_removed_in_an_order_that_lets_nothing_come_back(
    seller: Seller, log_lines: Callable[[], list[dict[str, Any]]]
) -> None:
    assert seller.remove().described() == GONE
    assert [name for name, table in seller.tables.items() if table.items] == []
    assert [name for name, operation in seller.order if operation == "BatchWriteItem"] == [
        "reports",
        "orders",
        "pulls",
        "feeds",
        "submissions",
        "attempts",
    ]
    # Subscriptions, each with its record; then tokens; then what was subscribed meanwhile.
    assert [operation for name, operation in seller.order if name == "sellers"] == [
        "Query",
        *["DeleteItem"] * 3,
        "Query",
        *["DeleteItem"] * 2,
        "Query",
    ]
    assert seller.order[-1][0] == "attempts"
    (line,) = log_lines()
    assert (line["level"], line["message"], line["result"]) == ("INFO", "seller removed", GONE)


def test_a_subscription_that_was_made_meanwhile_is_ended_too(seller: Seller) -> None:
    late = SubscriptionRecord("A1", Region.FE, "ORDER_CHANGE", "s-9", "d", "1.0")
    seller.answer(late, answer_json({}))
    delete = seller.sellers.aws.answers["DeleteItem"]

    def subscribe(given: Mapping[str, Any]) -> Mapping[str, Any]:
        if given["Key"]["Item"]["S"] == "TOKEN#*":
            SubscriptionRecords(seller.sellers.table).store(late)
        return delete(given)

    seller.sellers.aws.answers["DeleteItem"] = subscribe
    departure = seller.remove()
    assert (departure.subscriptions_ended, departure.tokens_deleted) == (4, 2)
    assert seller.sellers.items == []


def test_a_region_that_throttles_is_left_for_the_next_request(seller: Seller) -> None:
    """Its other subscriptions are not tried, and tokens stay: the next request may need them."""
    limited = errors_json(429, "QuotaExceeded", "slow down", headers={"x-amzn-RateLimit-Limit": "0.05"})
    seller.answer(RECORDS[0], limited)
    with pytest.raises(DepartureIncompleteError) as caught:
        seller.remove()
    departure = caught.value.departure
    assert (departure.subscriptions_ended, departure.tokens_deleted) == (1, 0)
    assert [(one.code, one.needs_token) for one in departure.remaining] == [("SubscriptionRemains", True)] * 2
    throttled = "deleteSubscriptionById: HTTP 429 QuotaExceeded: slow down"
    assert [one.message.partition(" (")[0] for one in departure.remaining] == [
        f"subscription s-0 to ORDER_CHANGE in region NA: {throttled}",
        f"subscription s-1 to PRICING_HEALTH in region NA: {throttled}",
    ]
    assert caught.value.retry_after == departure.remaining[0].retry_after > 1
    assert [item["Item"] for item in seller.sellers.items] == [
        "SUBSCRIPTION#NA#ORDER_CHANGE#1.0",
        "SUBSCRIPTION#NA#PRICING_HEALTH#1.0",
        "TOKEN#NA",
        "TOKEN#*",
    ]
    # What has nothing to do with subscriptions is deleted nevertheless.
    assert (departure.reports_deleted, departure.objects_deleted, departure.authorizations_deleted) == (2, 8, 7)
    for record in RECORDS:
        seller.answer(record, answer_json({}))
    assert seller.remove().subscriptions_ended == 2


@pytest.mark.parametrize(("status", "needs_token", "tokens"), [(400, False, 2), (500, True, 0)])
def test_a_subscription_that_sp_api_does_not_end_remains(
    seller: Seller, status: int, needs_token: bool, tokens: int
) -> None:
    """No token can help where SP-API refuses for good."""
    seller.answer(RECORDS[1], errors_json(status, "Refused", "no"))
    with pytest.raises(DepartureIncompleteError) as caught:
        seller.remove()
    (remainder,) = caught.value.departure.remaining
    assert (remainder.code, remainder.needs_token, remainder.retry_after) == ("SubscriptionRemains", needs_token, 1.0)
    assert remainder.message.startswith("subscription s-1 to PRICING_HEALTH in region NA: deleteSubscriptionById")
    assert (caught.value.departure.subscriptions_ended, caught.value.departure.tokens_deleted) == (2, tokens)
    assert RECORDS[1] in SubscriptionRecords(seller.sellers.table).of_seller("A1")


def test_items_are_found_by_their_index_and_deleted_by_their_key(seller: Seller) -> None:
    seller.remove()
    query, write = (given for _, given in seller.tables["orders"].aws.calls)
    assert (query["IndexName"], query["Limit"], query["ProjectionExpression"]) == ("Index", 1000, "#a0")
    assert query["ExpressionAttributeNames"] == {"#hash": "SellerId", "#a0": "Id"}
    assert query["ExpressionAttributeValues"] == {":hash": {"S": "A1"}}
    assert write["RequestItems"]["table"] == [{"DeleteRequest": {"Key": {"Id": {"S": str(n)}}}} for n in range(3)]
    query, _ = (given for _, given in seller.tables["reports"].aws.calls)
    assert query["IndexName"] == "SellerIdCreatedTimeIndex"


def test_the_waits_for_capacity_double_up_to_a_second(monkeypatch: pytest.MonkeyPatch) -> None:
    waits: list[tuple[float, float]] = []

    def longest(least: float, most: float) -> float:
        waits.append((least, most))
        return most

    slept: list[float] = []
    monkeypatch.setattr("quickstart.seller_removal.random.uniform", longest)
    monkeypatch.setattr("quickstart.seller_removal.time.sleep", slept.append)
    table = reports_table(1)
    table.capacity = 0
    with pytest.raises(DepartureIncompleteError):
        depart(table, Bucket(0), AfterBatches(table, 7))
    assert slept == [0.05, 0.1, 0.2, 0.4, 0.8, 1.0, 1.0]
    assert waits == [(0, wait) for wait in slept]


def test_s3_is_asked_to_name_only_what_it_refuses() -> None:
    class Watched(Bucket):
        def delete_objects(self, *, Delete: dict[str, Any], **given: Any) -> dict[str, Any]:  # noqa: N803
            assert given == {"Bucket": "bucket"}
            assert Delete["Quiet"] is True
            return super().delete_objects(Delete=Delete)

    assert depart(reports_table(0), Watched(3), 10).objects_deleted == 3


def test_what_s3_refuses_is_told_by_its_first_error() -> None:
    class Refusing(Bucket):
        def delete_objects(self, **_: Any) -> dict[str, Any]:
            return {"Errors": [{"Key": "a", "Message": "first"}, {"Key": "b", "Message": "second"}]}

    with pytest.raises(DepartureIncompleteError) as caught:
        depart(reports_table(0), Refusing(3), 10)
    (remainder,) = caught.value.departure.remaining
    assert remainder == Remainder("StoredReportsRemain", "2 or more versions of stored reports: first", 1.0)
    assert caught.value.departure.objects_deleted == 1


def test_markers_of_deleted_objects_are_deleted_too() -> None:
    class Marked(Bucket):
        """Each list has a version and a marker, until both are deleted."""

        def list_object_versions(self, **given: Any) -> dict[str, Any]:
            page = super().list_object_versions(**given)["Versions"]
            return {"Versions": page[:1], "DeleteMarkers": page[1:]} if page else {}

    bucket = Marked(2)
    assert depart(reports_table(0), bucket, 10).objects_deleted == 2
    assert bucket.versions == []


def test_all_that_a_stack_keeps_is_removed_by_one_request(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the tables and buckets of the settings, and of those of capabilities that are enabled."""
    tables = ("SELLING_PARTNERS", "REPORTS", "SOLICITATIONS", "LISTINGS", "LISTING_FEEDS", "PRODUCT_TYPES")
    settings = {f"{name}_TABLE": name.lower() for name in (*tables, "AUTHORIZATIONS")}
    settings |= {"REPORTS_BUCKET": "reports-bucket", "LISTING_FEEDS_BUCKET": "feeds-bucket", "AWS_REGION": "us-east-1"}
    settings |= dict.fromkeys(("LISTINGS_RETENTION_DAYS", "RETENTION_DAYS", "REPORT_RETENTION_DAYS"), "30")
    settings |= {"AWS_DEFAULT_REGION": "us-east-1", "LISTING_FEED_RETENTION_DAYS": "30"}
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    aws = Aws(Query=lambda _: {"Items": []}, ListObjectVersions=lambda _: {})
    for name in ("dynamodb", "s3"):
        client = aws.client(name)
        monkeypatch.setattr(clients, name, lambda client=client: client)
    parts = (
        callers.selling_partners_table,
        reports_wiring.reports_table,
        solicitations_wiring.solicitations_table,
        listings_wiring.listings_table,
        feed_wiring.feeds_table,
        product_types_wiring.product_types_table,
        authorization_wiring.authorizations_table,
    )
    for part in parts:
        part.cache_clear()
    event = {
        "httpMethod": "DELETE",
        "resource": "/tokens/{sellerId}",
        "pathParameters": {"sellerId": "A1"},
        "requestContext": {"requestId": "1"},
    }
    try:
        answer = _load(CHECKOUT / "functions/seller_removal/app.py").handler(event, Context())
    finally:
        for part in parts:
            part.cache_clear()
    assert (answer["statusCode"], json.loads(answer["body"])) == (
        200,
        {name: value if isinstance(value, str) else 0 for name, value in GONE.items()},
    )
    read = [
        (given.get("TableName") or given["Bucket"], given.get("IndexName") or given.get("Prefix"))
        for _, given in aws.calls
    ]
    assert read == [
        *[("selling_partners", None)] * 3,
        ("reports", "SellerIdCreatedTimeIndex"),
        ("solicitations", "SellerIdDueTimeIndex"),
        ("product_types", "SellerIdIndex"),
        ("listing_feeds", "SellerIdReceivedTimeIndex"),
        ("listings", "SellerIdReceivedTimeIndex"),
        ("reports-bucket", "A1/"),
        ("feeds-bucket", "A1/"),
        ("authorizations", "SellerIdIndex"),
    ]
