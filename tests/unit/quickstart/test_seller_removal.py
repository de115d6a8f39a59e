"""What remains of a seller when time runs out or S3 refuses."""

from collections.abc import Callable
from itertools import count
from typing import Any

import pytest

from quickstart.refusals import FieldError
from quickstart.reports.ledger import NOT_A_REPORT
from quickstart.seller_removal import (
    Departure,
    DepartureIncompleteError,
    Remainder,
    SellerItems,
    SellerObjects,
    StoredReports,
    remove_seller,
)
from reference.endpoints import CHECKOUT, _load
from sp_api.deadline import Deadline
from tests.unit.quickstart.support import Aws, MemoryTable


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
    ("table", "collect", "code", "words", "key"),
    [
        ("SOLICITATIONS_TABLE", "_orders", "SolicitationsRemain", "orders in the table", ("AmazonOrderId", "SellerId")),
        ("LISTINGS_TABLE", "_listings", "ListingRecordsRemain", "records of listings", ("SubmissionId", "SellerId")),
        ("PRODUCT_TYPES_TABLE", "_pulls", "PullsRemain", "pulls of product types", ("Collection", "Entry")),
        (
            "AUTHORIZATIONS_TABLE",
            "_attempts",
            "AuthorizationsRemain",
            "authorizations in the table",
            ("AuthorizationId",),
        ),
    ],
)
def test_tables_of_capabilities_that_are_enabled(
    monkeypatch: pytest.MonkeyPatch, table: str, collect: str, code: str, words: str, key: tuple[str, ...]
) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    for name in ("LISTINGS_RETENTION_DAYS", "RETENTION_DAYS"):
        monkeypatch.setenv(name, "30")
    function = _load(CHECKOUT / "functions/seller_removal/app.py")
    monkeypatch.delenv(table, raising=False)
    assert getattr(function, collect)() is None
    monkeypatch.setenv(table, "the-table")
    items = getattr(function, collect)()
    assert (items.table.name, items.code, items.words, items.key) == ("the-table", code, words, key)
    assert items.index == "SellerIdReceivedTimeIndex" if collect == "_listings" else items.index


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
