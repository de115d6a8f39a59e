"""What a departure leaves over when time is short or S3 refuses."""

from typing import Any

import pytest

from quickstart.dynamodb import Table
from quickstart.leaving import DepartureIncompleteError, StoredReports, leave
from sp_api.deadline import Deadline


class EmptyTable:
    """A DynamoDB client whose tables hold nothing but some reports."""

    def __init__(self, reports: int) -> None:
        self.reports = [{"ReportId": {"S": str(number)}, "SellerId": {"S": "A1"}} for number in range(reports)]

    def get_paginator(self, _name: str) -> Any:
        return self

    def paginate(self, *, TableName: str, **_: Any) -> list[Any]:  # noqa: N803
        return [{"Items": self.reports if TableName == "reports" else []}]

    def delete_item(self, *, Key: dict[str, Any], **_: Any) -> None:  # noqa: N803
        self.reports = [item for item in self.reports if item["ReportId"] != Key["ReportId"]]


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


def depart(table: Any, bucket: Any, seconds: float) -> Any:
    reports = StoredReports(bucket, "bucket", Table(table, "reports"))
    none: Any = None
    return leave("A1", Table(table, "sellers"), none, reports, None, Deadline.after(seconds))


def test_objects_go_a_thousand_at_a_time() -> None:
    bucket, table = Bucket(2500), EmptyTable(3)
    departure = depart(table, bucket, 10)
    assert (departure.objects_deleted, departure.reports_deleted) == (2500, 3)
    assert (bucket.versions, table.reports) == ([], [])


def test_what_there_was_no_time_for_is_told() -> None:
    bucket, table = Bucket(2500), EmptyTable(3)
    with pytest.raises(DepartureIncompleteError) as caught:
        depart(table, bucket, -1)
    assert [remainder.code for remainder in caught.value.departure.remaining] == [
        "StoredReportsRemain",
        "ReportsRemain",
    ]
    assert "1000 or more" in caught.value.departure.remaining[0].message
    assert (len(bucket.versions), len(table.reports)) == (2500, 3)


def test_what_s3_refuses_is_told() -> None:
    bucket = Bucket(3, locked="1")
    with pytest.raises(DepartureIncompleteError, match="2 stored objects") as caught:
        depart(EmptyTable(0), bucket, 10)
    assert caught.value.departure.remaining[0].message.endswith("Access Denied")
    assert [entry["VersionId"] for entry in bucket.versions] == ["1"]
