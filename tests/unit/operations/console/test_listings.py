"""Submissions and files: long lists, damaged records, hostile text."""

import gzip
import json
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from operations.console.pages import listings
from operations.console.reading.listings import CODES, FEED_STATES, STATUSES, Issue, find_submission, issues, read_open
from quickstart.listings.feed_records import FeedState
from quickstart.listings.records import Status
from tests.unit.operations.console.support import NOW, error, link, make_console, readable, visitor

SCRIPT = "<script>alert(1)</script>\u202e"
OUTPUTS = {"ListingsTableName": "listings", "ListingFeedsTableName": "feeds", "SellingPartnersTableName": "sellers"}
PAGES = (listings.PAGE,)
SUBMISSION = {
    "SubmissionId": {"S": "s1"},
    "SellerId": {"S": "A1"},
    "RegionCode": {"S": "EU"},
    "MarketplaceId": {"S": "A13V1IB3VIYZZH"},
    "Sku": {"S": SCRIPT},
    "ListingSellerId": {"S": "A1"},
    "PartyType": {"S": "SELLER"},
    "Operation": {"S": "PUT"},
    "Status": {"S": "REFUSED"},
    "Message": {"S": SCRIPT},
    "ReceivedTime": {"S": "2026-11-26T10:00:00.000000+00:00"},
    "TaskToken": {"S": "AQC8AAAAKgAAAAM"},
}
FEED = {
    "FeedRequestId": {"S": "f1"},
    "SellerId": {"S": "A1"},
    "RegionCode": {"S": "EU"},
    "MarketplaceIds": {"L": [{"S": "A13V1IB3VIYZZH"}]},
    "ListingSellerId": {"S": "A1"},
    "PartyType": {"S": "SELLER"},
    "Mode": {"S": "PUBLISH"},
    "OnBadMessages": {"S": "REFUSE"},
    "RequestHash": {"S": "h"},
    "Status": {"S": "REFUSED"},
    "Message": {"S": SCRIPT},
    "ReceivedTime": {"S": "2026-11-26T10:00:00.000000+00:00"},
    "UploadExpires": {"S": "2026-11-26T11:00:00+00:00"},
    "Counts": {"M": {"messages": {"N": "3"}, "bad": {"N": "1"}}},
    "Runs": {"N": "1"},
}


def with_issues(*issues: Mapping[str, Any]) -> dict[str, Any]:
    return {**SUBMISSION, "Issues": {"B": gzip.compress(json.dumps(issues).encode())}}


class DynamoDb:
    """Tables with one submission and one file; every list has another page."""

    def __init__(self, submission: Mapping[str, Any] = SUBMISSION, *, listed: bool = True) -> None:
        self.submission = submission
        self.listed = listed
        self.sellers: Sequence[str] = ()
        self.asked: list[Mapping[str, Any]] = []

    def query(self, **request: Any) -> Any:
        self.asked.append(request)
        item = FEED if request["TableName"] == "feeds" else self.submission
        names = ("SellerId", "SubmissionId", "FeedRequestId", "ReceivedTime")
        last = {name: item[name] for name in names if name in item}
        return {"Items": [item] if self.listed else [], "LastEvaluatedKey": last}

    def get_item(self, **request: Any) -> Any:
        self.asked.append(request)
        return {"Item": FEED if request["TableName"] == "feeds" else self.submission}

    def batch_get_item(self, **_: Any) -> Any:
        return {"Responses": {"listings": [self.submission]}}

    def get_paginator(self, _: str) -> Any:
        sellers = self.sellers

        class Pages:
            def paginate(self, **__: Any) -> Any:
                return [{"Items": [{"SellerId": {"S": seller}, "Item": {"S": "#"}} for seller in sellers]}]

        return Pages()


def page(path: str, dynamodb: DynamoDb | None = None, status: int = 200) -> str:
    console = make_console({"dynamodb": dynamodb or DynamoDb()}, **OUTPUTS)
    return visitor(console, PAGES).get(path, status)


def test_hostile_text_is_text_everywhere_and_no_task_token_is_shown() -> None:
    issue = {"code": SCRIPT, "severity": SCRIPT, "message": SCRIPT, "attributeNames": [SCRIPT]}
    dynamodb = DynamoDb(with_issues(issue))
    for path in ("/listings", "/listings?seller=A1", "/listings/A1/s1", "/listings/feeds?seller=A1"):
        shown = page(path, dynamodb)
        assert "&lt;script&gt;alert(1)&lt;/script&gt;⟨U+202E⟩" in shown, path
        assert "<script" not in shown
        assert "\u202e" not in shown
        assert "AQC8" not in shown
    assert "&lt;script&gt;" in page("/listings/feeds/A1/f1")


def test_errors_come_before_warnings_and_known_codes_say_what_to_do() -> None:
    warning = {"code": "1", "severity": "WARNING", "message": "second", "attributeNames": ["weight"]}
    serious = {"code": "90220", "severity": "ERROR", "message": "first", "attributeNames": ["brand"]}
    words = readable(page("/listings/A1/s1", DynamoDb(with_issues(warning, serious))))
    assert words.index("first") < words.index("second")
    assert (
        "ERROR brand first 90220 What to do: An attribute is missing: add the attribute that the issue names." in words
    )


def test_a_status_that_few_submissions_have_is_looked_for_in_a_bounded_number_of_steps() -> None:
    dynamodb = DynamoDb(listed=False)
    shown = page("/listings?seller=A1&status=REFUSED", dynamodb)
    assert len(dynamodb.asked) == 10
    assert "Older submissions" in shown
    assert "No submissions" not in shown
    assert all(request["IndexName"] == "SellerIdReceivedTimeIndex" for request in dynamodb.asked)


def test_pages_go_on_where_they_ended() -> None:
    for path in ("/listings?seller=A1", "/listings/feeds?seller=A1"):
        dynamodb = DynamoDb()
        link = page(path, dynamodb).partition('">Older')[0].rpartition('href="')[2].replace("&amp;", "&")
        before = len(dynamodb.asked)
        assert "Newest" in page(link, dynamodb)
        start = dynamodb.asked[before]["ExclusiveStartKey"]
        assert start["SellerId"] == {"S": "A1"}
        assert start["ReceivedTime"] == SUBMISSION["ReceivedTime"]
        page(f"{path}&after=no-position", dynamodb)


def test_a_damaged_record_is_explained() -> None:
    damaged = {**SUBMISSION, "Status": {"S": "<b>NO</b>"}}
    shown = page("/listings/A1/s1", DynamoDb(damaged), 502)
    assert "cannot be read" in shown
    assert "<b>NO" not in shown
    assert "cannot be read" in page("/listings", DynamoDb(damaged))


def test_an_unknown_status_is_refused() -> None:
    assert "Unknown status The status must be one of RECEIVED" in readable(
        page("/listings?seller=A1&status=NO", status=400)
    )


def test_a_submission_or_file_that_is_not_there_is_explained() -> None:
    class Empty(DynamoDb):
        def get_item(self, **_: Any) -> Any:
            return {}

    assert "Submission not found The stack has no submission s9 of A1." in readable(
        page("/listings/A1/s9", Empty(), 404)
    )
    assert "File not found The stack has no feed request f9 of A1." in readable(
        page("/listings/feeds/A1/f9", Empty(), 404)
    )


def test_a_refused_file_says_what_to_do_and_leads_to_its_execution() -> None:
    shown = page("/listings/feeds/A1/f1")
    assert "send GET /listings/feeds/f1 to see each problem" in readable(shown)
    assert 'href="/executions/ListingFeed/f1"' in shown


def test_every_status_has_a_meaning_and_a_bad_one_says_what_to_do() -> None:
    assert set(STATUSES) == set(Status)
    assert all(meaning for _, meaning, _ in STATUSES.values())
    assert all(to_do for kind, _, to_do in STATUSES.values() if kind == "bad")
    assert STATUSES[Status.PUBLISHED_WITH_ISSUES][2]
    assert all(CODES.values())


@pytest.mark.parametrize("path", ["/listings", "/listings/feeds"])
def test_without_a_seller_there_is_a_choice_and_no_list(path: str) -> None:
    shown = page(path)
    assert 'name="seller"' in shown
    assert ">Older" not in shown
    assert ">Newest" not in shown


@pytest.mark.parametrize("path", ["/listings?seller=A1", "/listings/feeds?seller=A1"])
def test_a_list_that_cannot_be_read_says_why(path: str) -> None:
    class Denied(DynamoDb):
        def query(self, **_: Any) -> Any:
            raise error("AccessDeniedException", "not authorized to perform: dynamodb:Query on resource: t")

    shown = readable(page(path, Denied()))
    assert "Your credentials may not call dynamodb:Query" in shown
    assert "Older" not in shown


@pytest.mark.parametrize("path", ["/listings?seller=A1", "/listings/feeds?seller=A1"])
def test_the_last_page_leads_no_further(path: str) -> None:
    class Last(DynamoDb):
        def query(self, **request: Any) -> Any:
            return {"Items": super().query(**request)["Items"]}

    assert ">Older" in page(path)
    assert ">Older" not in page(path, Last())


class Open(DynamoDb):
    """A table with these submissions whose outcome is open; DynamoDB returns several items in no order."""

    def __init__(self, *names: str) -> None:
        super().__init__()
        self.names = names
        self.read: list[Any] = []

    def query(self, **request: Any) -> Any:
        self.asked.append(request)
        return {"Items": [{"SubmissionId": {"S": name}, "SellerId": {"S": "A1"}} for name in self.names]}

    def batch_get_item(self, **request: Any) -> Any:
        keys = request["RequestItems"]["listings"]["Keys"]
        self.read.append(keys)
        found = [{**SUBMISSION, **key} for key in keys if key["SubmissionId"] != {"S": "gone"}]
        return {"Responses": {"listings": found[::-1]}}


def test_open_submissions_are_listed_in_the_order_in_which_the_stack_looks_at_them() -> None:
    dynamodb = Open("s3", "gone", "s1", "s2")
    stack = make_console({"dynamodb": dynamodb}, **OUTPUTS).stack
    assert [record.submission_id for record in read_open(stack)] == ["s3", "s1", "s2"]
    (asked,) = dynamodb.asked
    assert (asked["IndexName"], asked["ExpressionAttributeValues"], asked["Limit"]) == (
        "OpenDueTimeIndex",
        {":hash": {"S": "LISTING"}},
        25,
    )
    assert asked["ScanIndexForward"]


def test_without_open_submissions_nothing_more_is_read() -> None:
    dynamodb = Open()
    assert "None. Choose a seller to see its submissions." in page("/listings", dynamodb)
    assert dynamodb.read == []
    words = readable(page("/listings", Open("s1")))
    assert "&lt;script&gt;alert(1)&lt;/script&gt;⟨U+202E⟩ REFUSED A1 A13V1IB3VIYZZH 2026-11-26 10:00:00" in words


class Long(DynamoDb):
    """Each answer has so many submissions, and there are more."""

    def __init__(self, *counts: int) -> None:
        super().__init__()
        self.counts = list(counts)

    def query(self, **request: Any) -> Any:
        found = super().query(**request)
        return found | {"Items": found["Items"] * self.counts.pop(0)}


def test_a_page_of_submissions_is_read_until_it_is_full() -> None:
    dynamodb = Long(1, 23, 1, 7)
    shown = page("/listings?seller=%20A1%20&status=REFUSED", dynamodb)
    assert shown.count('href="/listings/A1/s1"') == 25
    first, second, third = dynamodb.asked
    assert first["Limit"] == 25
    assert first["ExpressionAttributeValues"][":hash"] == {"S": "A1"}
    assert not first["ScanIndexForward"]
    assert {"S": "REFUSED"} in first["ExpressionAttributeValues"].values()
    assert "ExclusiveStartKey" not in first
    start = {name: SUBMISSION[name] for name in ("SellerId", "ReceivedTime", "SubmissionId")}
    assert second["ExclusiveStartKey"] == third["ExclusiveStartKey"] == start
    older = link(shown, "Older submissions")
    assert older.startswith("/listings?seller=A1&status=REFUSED&after=")
    following = page(older, Long(25, 25))
    assert link(following, "Newest") == "/listings?seller=A1&status=REFUSED"
    assert "<option selected>REFUSED</option>" in following


def test_a_page_of_files_leads_to_the_next_one() -> None:
    dynamodb = DynamoDb()
    shown = page("/listings/feeds?seller=%20A1%20", dynamodb)
    (asked,) = dynamodb.asked
    assert (asked["Limit"], asked["ScanIndexForward"]) == (25, False)
    assert asked["ExpressionAttributeValues"][":hash"] == {"S": "A1"}
    assert "f1 REFUSED &lt;script&gt;alert(1)&lt;/script&gt;⟨U+202E⟩ 3 2026-11-26 10:00:00" in readable(shown)
    older = link(shown, "Older files")
    assert older.startswith("/listings/feeds?seller=A1&after=")
    assert link(page(older), "Newest") == "/listings/feeds?seller=A1"


@pytest.mark.parametrize("path", ["/listings", "/listings/feeds"])
def test_five_hundred_sellers_are_offered(path: str) -> None:
    dynamodb = Open()
    dynamodb.sellers = [f"A{number:03}" for number in range(501)]
    assert page(path, dynamodb).count('<option value="A') == 500


def test_a_submission_is_shown_with_its_record() -> None:
    dynamodb = DynamoDb({**SUBMISSION, "Status": {"S": "UNKNOWN"}, "Message": {"S": "no answer"}})
    words = readable(page("/listings/A1/s1", dynamodb))
    assert dynamodb.asked[0]["Key"] == {"SubmissionId": {"S": "s1"}, "SellerId": {"S": "A1"}}
    assert "UNKNOWN There was no outcome in time. Cause: no answer What to do: Send the submission again." in words
    record = words.partition(" Record ")[2]
    assert record.startswith(
        "submissionId s1 sellerId A1 regionCode EU marketplaceId A13V1IB3VIYZZH sku &lt;script&gt;"
    )
    assert "receivedTime 2026-11-26 10:00:00 Log lines" in record
    for name in ("issues", "status", "message"):
        assert f" {name} " not in record
    assert link(page("/listings/A1/s1"), "Log lines") == "/logs?find=s1&since=14d&area=listings"


def test_a_file_is_shown_with_its_record() -> None:
    dynamodb = DynamoDb()
    shown = page("/listings/feeds/A1/f1", dynamodb)
    assert dynamodb.asked[0]["Key"] == {"FeedRequestId": {"S": "f1"}, "SellerId": {"S": "A1"}}
    words = readable(shown)
    assert "Messages messages 3 " in words
    record = words.partition(" Record ")[2]
    assert record.startswith("feedRequestId f1 sellerId A1 regionCode EU marketplaceIds A13V1IB3VIYZZH mode PUBLISH")
    for name in ("counts", "status", "message"):
        assert f" {name} " not in record
    assert link(shown, "Log lines") == "/logs?find=f1&since=14d&area=listings"


def test_an_issue_is_read_as_amazon_gave_it() -> None:
    """Errors first, otherwise in Amazon's order."""
    known = {"code": "8541", "severity": "WARNING", "message": "m", "attributeNames": ["brand", 7]}
    given = [known, {"severity": "ERROR", "code": "1"}, {}, {"severity": "ERROR", "code": "2", "attributeNames": None}]
    stack = make_console({"dynamodb": DynamoDb(with_issues(*given))}, **OUTPUTS).stack
    record = find_submission(stack, "A1", "s1")
    assert record is not None
    assert issues(record) == [
        Issue("ERROR", "1", "", [], ""),
        Issue("ERROR", "2", "", [], ""),
        Issue(
            "WARNING",
            "8541",
            "m",
            ["brand", "7"],
            "Your attributes contradict Amazon's catalogue: compare the brand and the identifier.",
        ),
        Issue("", "", "", [], ""),
    ]


def test_a_stack_without_feeds_has_no_link_to_them() -> None:
    assert "Files of listings" in page("/listings")
    outputs = {name: value for name, value in OUTPUTS.items() if name != "ListingFeedsTableName"}
    shown = visitor(make_console({"dynamodb": DynamoDb()}, **outputs), PAGES).get("/listings")
    assert "Files of listings" not in shown


def test_each_final_state_of_a_file_has_a_colour() -> None:
    assert set(FEED_STATES) == {state for state in FeedState if state.final}


def test_a_submission_that_has_expired_is_left_out() -> None:
    """DynamoDB deletes it some days later."""
    expired = {**SUBMISSION, "ExpiresAt": {"N": str(int(NOW.timestamp()))}}
    assert "/listings/A1/s1" not in page("/listings?seller=A1", DynamoDb(expired))
    later = {**SUBMISSION, "ExpiresAt": {"N": str(int(NOW.timestamp()) + 1)}}
    assert "/listings/A1/s1" in page("/listings?seller=A1", DynamoDb(later))
