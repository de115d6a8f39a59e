"""What GET /reports tells of an item, and the tokens that lead from page to page."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quickstart.paging import read_token, token
from quickstart.report_announcement import Link
from quickstart.report_reading import described, read_list_request
from quickstart.validation import Fields, InvalidRequestError

NAMES = ("CreatedTime", "ReportId")


def test_an_item_is_told_without_what_is_the_stacks_own() -> None:
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


def test_a_token_that_is_too_long_is_refused() -> None:
    assert read_token(token(dict.fromkeys(NAMES, "x" * 1000)), NAMES) is None


def test_a_list_has_twenty_entries_a_page_unless_told_otherwise() -> None:
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
