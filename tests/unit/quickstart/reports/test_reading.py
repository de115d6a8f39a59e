"""What GET /reports tells of an item, and the tokens that lead from page to page."""

import base64
import json
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quickstart.dynamodb import DamagedItemError
from quickstart.links import Link
from quickstart.paging import read_token, token
from quickstart.refusals import InvalidRequestError
from quickstart.reports.ledger import StoredReport, report_owners
from quickstart.reports.reading import ReportUnknownError, described, find_report, read_list_request
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
