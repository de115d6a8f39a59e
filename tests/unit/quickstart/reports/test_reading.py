"""What GET /reports tells of an item, and the tokens that lead from page to page."""

import base64
import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from boto3.dynamodb.types import TypeSerializer
from hypothesis import given
from hypothesis import strategies as st

from quickstart.dynamodb import DamagedItemError
from quickstart.links import Link, ObjectLinks
from quickstart.paging import read_token, token
from quickstart.refusals import InvalidRequestError
from quickstart.reports.ledger import StoredReport, report_owners
from quickstart.reports.reading import (
    ReportUnknownError,
    described,
    find_report,
    list_reports,
    read_find_request,
    read_list_request,
    read_report,
)
from quickstart.validation import Fields
from sp_api.regions import Region
from tests.unit.quickstart.support import Aws, MemoryTable

NAMES = ("CreatedTime", "ReportId")


def test_an_answer_leaves_out_internal_attributes() -> None:
    item = {
        "ReportId": "1",
        "SellerId": "A1",
        "ReportStatus": "DONE",
        "ObjectKey": "A1/key",
        "NotificationMessageId": "m",
        "ExpiresAt": Decimal(1),
        "SizeBytes": Decimal(12),
    }
    told = described(item)
    assert told == {"reportId": "1", "sellerId": "A1", "processingStatus": "DONE", "sizeBytes": 12}
    assert type(told["sizeBytes"]) is int
    link = Link("https://bucket/key?X-Amz-Signature=0", datetime(2026, 11, 21, 5, 0, tzinfo=UTC))
    assert described(item, link)["link"] == {"url": link.url, "expires": "2026-11-21T05:00:00+00:00"}


# Times and ids, which are ASCII.
POSITIONS = st.text(st.characters(min_codepoint=32, max_codepoint=126), min_size=1, max_size=64)


@given(st.fixed_dictionaries(dict.fromkeys(NAMES, POSITIONS)))
def test_a_token_gives_its_position_back(position: dict[str, str]) -> None:
    assert read_token(token(position), NAMES) == position


@given(st.text(max_size=60))
def test_no_text_breaks_the_reader(text: str) -> None:
    assert read_token(text, NAMES) is None


def encoded(text: str) -> str:
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


@pytest.mark.parametrize(
    "position",
    [
        {"CreatedTime": "a"},
        {"CreatedTime": "a", "ReportId": ""},
        {"CreatedTime": "a", "ReportId": "b", "SellerId": "c"},
    ],
)
def test_another_position_is_refused(position: dict[str, str]) -> None:
    assert read_token(token(position), NAMES) is None


@pytest.mark.parametrize(
    "text",
    [
        encoded('["CreatedTime", "ReportId"]'),
        encoded('{"CreatedTime": "a", "ReportId": 5}'),
        encoded('{"CreatedTime": "a", "ReportId": null}'),
        encoded('{"CreatedTime": "a", "ReportId": "\\ud800"}'),
        encoded("no JSON"),
        encoded("\u00e9"),
        encoded('{"CreatedTime": "a", "ReportId": "b"}') + "\n",
        "A",
    ],
)
def test_what_is_no_position_is_refused(text: str) -> None:
    assert read_token(text, NAMES) is None


@pytest.mark.parametrize(("characters", "read"), [(732, True), (733, False)])
def test_a_token_has_at_most_1024_characters(characters: int, *, read: bool) -> None:
    position = {"CreatedTime": "a", "ReportId": "x" * characters}
    text = encoded(json.dumps(position))
    assert len(text) == 1024 + 2 * (not read)
    assert (read_token(text, NAMES) == position) is read


def test_a_token_that_is_too_long_is_refused() -> None:
    assert read_token(token(dict.fromkeys(NAMES, "x" * 1000)), NAMES) is None


def test_a_list_has_twenty_entries_a_page_by_default() -> None:
    assert read_list_request(Fields({"SellerId": "A1"})).limit == 20
    assert read_list_request(Fields({"SellerId": "A1", "Limit": "100"})).limit == 100


@pytest.mark.parametrize("limit", ["-1", "0", "101", "1.5", "\u0661", "9" * 5000, 7])
def test_a_wrong_limit_is_named(limit: object) -> None:
    with pytest.raises(InvalidRequestError) as caught:
        read_list_request(Fields({"SellerId": "A1", "Limit": limit}))
    assert [error.field for error in caught.value.errors] == ["Limit"]


@pytest.mark.parametrize("report_id", ["CLIENT_TOKEN#x", "", "a b", "1" * 65, ".."])
def test_what_is_no_report_id_is_refused(report_id: str) -> None:
    fields = Fields({"ReportId": report_id})
    fields.report_id()
    assert [error.field for error in fields.errors] == ["ReportId"]


def test_a_report_is_its_sellers_alone(aws: Aws) -> None:
    table = MemoryTable(aws, "ReportId", "SellerId")
    table.items = [{"ReportId": "7", "SellerId": "A1", "RegionCode": "EU"}, {"ReportId": "7", "SellerId": "A2"}]
    now = datetime(2026, 11, 21, tzinfo=UTC)
    assert find_report(table.table, "A1", "7", now)["RegionCode"] == "EU"
    with pytest.raises(ReportUnknownError, match="no report 7 of seller A3 was found"):
        find_report(table.table, "A3", "7", now)
    assert report_owners(table.table, "7") == [("A1", Region.EU)]
    assert report_owners(table.table, "8") == []


def test_a_damaged_record_is_named(aws: Aws) -> None:
    table = MemoryTable(aws, "ReportId", "SellerId")
    table.items = [{"ReportId": "7", "SellerId": "A1", "RegionCode": "XX"}]
    with pytest.raises(DamagedItemError, match="the stored item of report 7 cannot be read"):
        report_owners(table.table, "7")
    with pytest.raises(DamagedItemError, match="the stored item of report 8 cannot be read"):
        StoredReport.from_attributes({"ReportId": "8"})


NOW = datetime(2026, 11, 21, tzinfo=UTC)
WHOLE: dict[str, Any] = {
    "ReportId": "7",
    "SellerId": "A1",
    "RegionCode": "EU",
    "ReportType": "GET_X",
    "MarketplaceIds": ["M1", "M2"],
    "ReportStatus": "DONE",
    "ClientToken": "t",
    "CreatedTime": "2026-11-20T00:00:00.000000+00:00",
    "SizeBytes": Decimal(12),
    "GuessedCharset": None,
}
ANSWERED = {
    "reportId": "7",
    "sellerId": "A1",
    "regionCode": "EU",
    "reportType": "GET_X",
    "marketplaceIds": ["M1", "M2"],
    "processingStatus": "DONE",
    "clientToken": "t",
    "recordedTime": "2026-11-20T00:00:00.000000+00:00",
    "sizeBytes": 12,
}


def links(aws: Aws) -> ObjectLinks:
    expires = datetime(2026, 11, 21, 6, 0, tzinfo=UTC)
    credentials = {"AccessKeyId": "A" * 16, "SecretAccessKey": "s", "SessionToken": "t", "Expiration": expires}
    aws.answers["AssumeRole"] = lambda _: {"Credentials": credentials}
    role = "arn:aws:iam::111122223333:role/reader"
    return ObjectLinks(aws.client("sts"), aws.client("s3"), role, "bucket", timedelta(hours=1), lambda: NOW)


@pytest.mark.parametrize("expires", [None, NOW + timedelta(seconds=1)])
def test_a_report_that_is_stored_comes_with_a_new_link(aws: Aws, expires: datetime | None) -> None:
    table = MemoryTable(aws, "ReportId", "SellerId")
    item = WHOLE if expires is None else WHOLE | {"ExpiresAt": Decimal(int(expires.timestamp()))}
    table.items = [item]
    assert read_report(table.table, links(aws), "A1", "7", NOW) == ANSWERED
    assert aws.operations == ["GetItem"]
    table.items = [item | {"ObjectKey": "A1/7.tsv"}]
    answer = read_report(table.table, links(aws), "A1", "7", NOW)
    link: Any = answer["link"]
    assert answer == ANSWERED | {"link": {"url": link["url"], "expires": "2026-11-21T01:00:00+00:00"}}
    assert "/A1/7.tsv?" in link["url"]
    (session,) = [given for operation, given in aws.calls if operation == "AssumeRole"]
    assert session["RoleSessionName"] == "report-7"


def test_an_expired_report_is_unknown_before_dynamodb_deletes_it(aws: Aws) -> None:
    table = MemoryTable(aws, "ReportId", "SellerId")
    table.items = [WHOLE | {"ExpiresAt": Decimal(int(NOW.timestamp()))}]
    with pytest.raises(ReportUnknownError):
        read_report(table.table, links(aws), "A1", "7", NOW)


def test_a_page_of_reports_leads_to_the_next_one(aws: Aws) -> None:
    position = {"SellerId": "A1", "CreatedTime": "c", "ReportId": "7"}
    expired = WHOLE | {"ReportId": "8", "ExpiresAt": Decimal(int(NOW.timestamp()))}
    serialize = TypeSerializer().serialize

    def query(asked: Mapping[str, Any]) -> Mapping[str, Any]:
        page = [{name: serialize(value) for name, value in item.items()} for item in (WHOLE, expired)]
        if "ExclusiveStartKey" in asked:
            return {"Items": page[1:]}
        return {"Items": page, "LastEvaluatedKey": {name: serialize(value) for name, value in position.items()}}

    table = MemoryTable(aws, "ReportId", "SellerId").table
    aws.answers["Query"] = query
    first = list_reports(table, read_list_request(Fields({"SellerId": "A1", "Limit": "2"})), NOW)
    assert first == {"reports": [ANSWERED], "nextToken": token({"CreatedTime": "c", "ReportId": "7"})}
    request = read_list_request(Fields({"SellerId": "A1", "Limit": "2", "NextToken": first["nextToken"]}))
    assert list_reports(table, request, NOW) == {"reports": []}
    calls = [parameters for _, parameters in aws.calls]
    for call in calls:
        assert (call["IndexName"], call["Limit"], call["ScanIndexForward"]) == ("SellerIdCreatedTimeIndex", 2, False)
        # Items that are no reports are left out.
        assert call["ExpressionAttributeNames"] == {"#hash": "SellerId", "#range": "CreatedTime"}
        assert call["ExpressionAttributeValues"] == {":hash": {"S": "A1"}, ":least": {"S": "!"}}
    assert [call.get("ExclusiveStartKey") for call in calls] == [
        None,
        {name: {"S": value} for name, value in position.items()},
    ]


def test_a_damaged_item_is_named_with_its_seller(aws: Aws) -> None:
    message = r"^the stored item 7 of A1 cannot be read \("
    for damaged in ({"SizeBytes": "x"}, {"ReportStatus": Decimal(1)}, {"MarketplaceIds": "M1"}):
        with pytest.raises(DamagedItemError, match=message):
            described(WHOLE | damaged)
    table = MemoryTable(aws, "ReportId", "SellerId")
    table.items = [WHOLE | {"ExpiresAt": "x"}]
    with pytest.raises(DamagedItemError, match=message):
        find_report(table.table, "A1", "7", NOW)


def test_which_report_is_asked_for() -> None:
    assert read_find_request(Fields({"SellerId": "A1", "ReportId": "7"})) == ("A1", "7")
    for read in (read_find_request, read_list_request):
        with pytest.raises(InvalidRequestError, match="SellerId"):
            read(Fields({"ReportId": "7"}))
