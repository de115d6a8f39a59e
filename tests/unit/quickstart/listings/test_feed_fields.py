"""How requests for feeds are read."""

from collections.abc import Callable
from typing import Any

import pytest

from quickstart.listings.feed_documents import MOST_MESSAGES
from quickstart.listings.feed_records import FeedMode, FeedOf, OnBadMessages
from quickstart.listings.feed_requests import (
    ListRequest,
    NewFeed,
    ShowRequest,
    read_list_request,
    read_new_feed,
    read_show_request,
)
from quickstart.listings.records import Party
from quickstart.paging import token
from quickstart.refusals import InvalidRequestError
from quickstart.validation import Fields
from sp_api.regions import Region

FRANCE = "A13V1IB3VIYZZH"
NEW: dict[str, Any] = {"SellerId": "A1EXAMPLE", "RegionCode": "EU", "MarketplaceIds": FRANCE}
SHOW: dict[str, Any] = {"SellerId": "A1EXAMPLE", "FeedRequestId": "0" * 32}


def test_a_new_feed_publishes_and_is_refused_for_bad_messages_unless_the_request_says_otherwise() -> None:
    account = FeedOf("A1EXAMPLE", Region.EU, (FRANCE,), "A1EXAMPLE")
    assert read_new_feed(Fields(NEW)) == NewFeed(account, FeedMode.PUBLISH, OnBadMessages.REFUSE, None, None, None)
    said = {"Mode": "CHECK", "OnBadMessages": "SKIP", "MessageCount": 7, "IssueLocale": "fr_FR", "ClientToken": "t"}
    assert read_new_feed(Fields(NEW | said)) == NewFeed(account, FeedMode.CHECK, OnBadMessages.SKIP, 7, "fr_FR", "t")


@pytest.mark.parametrize("count", [1, MOST_MESSAGES])
def test_a_file_has_one_to_25000_messages(count: int) -> None:
    assert read_new_feed(Fields(NEW | {"MessageCount": count})).message_count == count


def test_the_reference_says_how_many_messages_a_file_has() -> None:
    fields = Fields(NEW)
    read_new_feed(fields)
    (described,) = [one for one in fields.described if one.name == "MessageCount"]
    assert (described.required, described.rule, described.schema) == (
        False,
        "a whole number from 1 to 25000: how many messages the file has",
        {"type": "integer", "minimum": 1, "maximum": 25_000},
    )


@pytest.mark.parametrize("count", [0, MOST_MESSAGES + 1, True, "1", 1.0])
def test_another_number_of_messages(count: object) -> None:
    with pytest.raises(InvalidRequestError, match=r"^MessageCount must be a whole number from 1 to 25000$"):
        read_new_feed(Fields(NEW | {"MessageCount": count}))


def test_a_feed_is_shown_from_its_first_result_or_where_the_page_before_ended() -> None:
    assert read_show_request(Fields(SHOW)) == ShowRequest("A1EXAMPLE", "0" * 32, False, 100, 0)
    said = {"Results": "PROBLEMS", "Limit": "7", "NextToken": token({"Byte": "12"})}
    assert read_show_request(Fields(SHOW | said)) == ShowRequest("A1EXAMPLE", "0" * 32, True, 7, 12)
    assert not read_show_request(Fields(SHOW | {"Results": "ALL"})).only_problems


@pytest.mark.parametrize("byte", ["", "-1", "1.5", "1" * 13, "all"])
def test_a_page_starts_at_a_byte(byte: str) -> None:
    with pytest.raises(InvalidRequestError) as refused:
        read_show_request(Fields(SHOW | {"NextToken": token({"Byte": byte})}))
    ((field, code, message),) = [(error.field, error.code, error.message) for error in refused.value.errors]
    assert (field, code) == ("NextToken", "InvalidValue")
    assert message == "NextToken must be the nextToken of the previous page, unchanged"


def test_the_largest_pages() -> None:
    assert read_show_request(Fields(SHOW | {"Limit": "1000"})).limit == 1000
    assert read_list_request(Fields({"SellerId": "A1EXAMPLE", "Limit": "100"})).limit == 100
    with pytest.raises(InvalidRequestError, match=r"^Limit must be a whole number from 1 to 1000$"):
        read_show_request(Fields(SHOW | {"Limit": "1001"}))
    with pytest.raises(InvalidRequestError, match=r"^Limit must be a whole number from 1 to 100$"):
        read_list_request(Fields({"SellerId": "A1EXAMPLE", "Limit": "101"}))


def test_a_page_starts_at_a_byte_of_at_most_12_digits() -> None:
    assert read_show_request(Fields(SHOW | {"NextToken": token({"Byte": "9" * 12})})).start == 999_999_999_999


@pytest.mark.parametrize("feed_request_id", ["0" * 31, "0" * 33, "G" * 32, "A" * 32])
def test_a_feed_request_id_has_32_characters(feed_request_id: str) -> None:
    words = r"^FeedRequestId must be the feedRequestId from an earlier response: 32 characters$"
    with pytest.raises(InvalidRequestError, match=words):
        read_show_request(Fields(SHOW | {"FeedRequestId": feed_request_id}))


def test_a_vendors_feed_is_for_the_vendor_code() -> None:
    fields = Fields(NEW | {"PartyType": "VENDOR", "VendorCode": "MOULI"})
    assert read_new_feed(fields).account == FeedOf("A1EXAMPLE", Region.EU, (FRANCE,), "MOULI", Party.VENDOR)


@pytest.mark.parametrize("read", [read_new_feed, read_show_request, read_list_request])
def test_another_field_is_refused(read: Callable[[Fields], object]) -> None:
    with pytest.raises(InvalidRequestError, match=r"Xyz is not a field of this request"):
        read(Fields({**NEW, **SHOW, "Xyz": 1}))


def test_feeds_are_listed_after_the_page_before() -> None:
    assert read_list_request(Fields({"SellerId": "A1EXAMPLE"})) == ListRequest("A1EXAMPLE", 20, None)
    position = {"ReceivedTime": "2026-11-26T12:00:00Z", "FeedRequestId": "0" * 32}
    said = {"SellerId": "A1EXAMPLE", "Limit": "7", "NextToken": token(position)}
    assert read_list_request(Fields(said)) == ListRequest("A1EXAMPLE", 7, position)
