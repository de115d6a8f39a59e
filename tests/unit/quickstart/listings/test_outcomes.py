"""What Amazon's answers say about a submission: published, refused, or still open."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from quickstart.listings.checks import IDENTIFIER, identifier_findings, identifiers, is_gtin, patch_findings
from quickstart.listings.following import waits
from quickstart.listings.ledger import ListingLedger
from quickstart.listings.outcomes import (
    Announcer,
    Verdict,
    event_detail,
    issue_json,
    judged,
    own_issues,
    unknown,
)
from quickstart.listings.records import ListingOf, Operation, Party, Payload, Record, Status
from quickstart.times import to_text
from sp_api.catalog import IdentifiersType
from sp_api.listings import Issue, IssueSeverity, Item, ItemStatus, ItemSummary
from sp_api.regions import Region
from tests.unit.quickstart.support import Aws, MemoryTable

FRANCE = "A13V1IB3VIYZZH"
SENT = datetime(2026, 11, 26, 12, tzinfo=UTC)
LISTING = ListingOf("A1", Region.EU, FRANCE, "CUP", "A1")
BOTH = (ItemStatus.BUYABLE, ItemStatus.DISCOVERABLE)


def record(operation: Operation = Operation.PUT, party: Party = Party.SELLER, **more: Any) -> Record:
    return Record(
        "0" * 32,
        replace(LISTING, party=party),
        Payload(operation, "LUGGAGE"),
        "hash",
        Status.ACCEPTED,
        to_text(SENT),
        times={"SentTime": to_text(SENT)},
        **more,
    )


def item(*severities: str, statuses: tuple[ItemStatus, ...] = BOTH, seconds: float = 30, where: str = FRANCE) -> Item:
    issues = tuple(
        Issue("18027", f"{severity} of the image", IssueSeverity(severity), marketplace_ids=(where,))
        for severity in severities
    )
    updated = SENT + timedelta(seconds=seconds)
    summary = ItemSummary(FRANCE, "LUGGAGE", statuses, "B071VG5N9D", created=updated, last_updated=updated)
    return Item("CUP", (summary,), issues, None, {})


@pytest.mark.parametrize(
    ("found", "status"),
    [
        (item(), Status.PUBLISHED),
        (item(statuses=(ItemStatus.DISCOVERABLE,)), Status.PUBLISHED),
        (item("WARNING"), Status.PUBLISHED_WITH_ISSUES),
        (item("ERROR"), Status.PUBLISHED_WITH_ISSUES),
        (item("INFO"), Status.PUBLISHED),
        # An issue of another marketplace is none of this listing.
        (item("ERROR", where="A1PA6795UKMFR9"), Status.PUBLISHED),
        (item("ERROR", statuses=()), Status.REFUSED),
        (item("WARNING", statuses=()), None),
        (item(statuses=()), None),
        (None, None),
        # Not changed since the submission: the state from before.
        (item(seconds=-60), None),
    ],
)
def test_a_seller_s_listing(found: Item | None, status: Status | None) -> None:
    verdict = judged(record(), found, patient=True)
    assert (verdict.status if verdict else None) == status


@pytest.mark.parametrize(
    ("found", "status"),
    [
        (item(statuses=()), Status.PUBLISHED),
        (item("WARNING", statuses=()), Status.PUBLISHED_WITH_ISSUES),
        (item("ERROR", statuses=()), Status.REFUSED),
        (None, None),
    ],
)
def test_a_vendor_s_listing_is_published_without_errors(found: Item | None, status: Status | None) -> None:
    verdict = judged(record(party=Party.VENDOR), found, patient=True)
    assert (verdict.status if verdict else None) == status


UNCHANGED = " Amazon has not changed the listing since the submission was sent."


@pytest.mark.parametrize(
    ("submission", "found", "message"),
    [
        (record(), item(), "The listing is buyable and discoverable."),
        (record(), item("WARNING"), "The listing is buyable and discoverable, and Amazon reports issues."),
        (record(), item(seconds=-60), f"The listing is buyable and discoverable.{UNCHANGED}"),
        (
            record(),
            item("WARNING", seconds=-60),
            f"The listing is buyable and discoverable, and Amazon reports issues.{UNCHANGED}",
        ),
        (
            record(),
            item("ERROR", "ERROR", "ERROR", "ERROR", "WARNING", statuses=()),
            "The listing is not published, because of errors: ERROR of the image; ERROR of the image; "
            "ERROR of the image (and 1 more)",
        ),
        (record(party=Party.VENDOR), item(statuses=()), "The listing is published."),
        (
            record(party=Party.VENDOR),
            item("WARNING", statuses=()),
            "The listing is published, and Amazon reports issues.",
        ),
        (record(Operation.DELETE), None, "Amazon has deleted the listing."),
    ],
)
def test_a_verdict_in_words(submission: Record, found: Item | None, message: str) -> None:
    verdict = judged(submission, found, patient=False)
    assert verdict is not None
    assert verdict.message == message


@pytest.mark.parametrize(
    ("seconds", "changed"),
    [(-5, True), (0, True), (-5.001, False)],
)
def test_clocks_may_differ_a_little(seconds: float, changed: bool) -> None:
    assert (judged(record(), item(seconds=seconds), patient=True) is not None) == changed


def test_without_a_time_of_sending_every_change_counts() -> None:
    assert judged(replace(record(), times={}), item(), patient=True) is not None


def test_a_listing_that_does_not_change_is_judged_in_the_end_and_that_is_said() -> None:
    verdict = judged(record(), item(seconds=-60), patient=False)
    assert verdict is not None
    assert verdict.status is Status.PUBLISHED
    assert "has not changed the listing" in verdict.message


def test_a_change_for_an_earlier_submission_is_not_taken_for_this_one() -> None:
    seen = to_text(SENT + timedelta(seconds=-2))
    assert judged(record(updated_before=seen), item("ERROR", statuses=(), seconds=-2), patient=True) is None
    assert judged(record(updated_before=seen), item(seconds=1), patient=True) is not None


@pytest.mark.parametrize(("found", "status"), [(None, Status.DELETED), (item(), None)])
def test_a_deletion(found: Item | None, status: Status | None) -> None:
    verdict = judged(record(Operation.DELETE), found, patient=False)
    assert (verdict.status if verdict else None) == status


@pytest.mark.parametrize(
    ("operation", "found", "words"),
    [
        (Operation.PUT, None, "answers 404"),
        (Operation.PUT, item(statuses=()), "neither buyable nor discoverable"),
        (Operation.DELETE, item(), "still has the listing"),
    ],
)
def test_an_unknown_outcome_is_said_in_words(operation: Operation, found: Item | None, words: str) -> None:
    verdict = unknown(record(operation), found, 24)
    assert verdict.status is Status.UNKNOWN
    assert words in verdict.message
    assert "24 hours later" in verdict.message


@pytest.mark.parametrize(
    ("hours", "moments"),
    [
        (1, [60, 300, 900, 3600]),
        (6, [60, 300, 900, 3600, 21600]),
        (24, [60, 300, 900, 3600, 21600, 86400]),
        (30, [60, 300, 900, 3600, 21600, 86400, 108000]),
        (72, [60, 300, 900, 3600, 21600, 86400, 172800, 259200]),
    ],
)
def test_a_listing_is_read_again_until_the_hours_are_over(hours: int, moments: list[int]) -> None:
    found = waits(hours)
    assert [sum(found[: number + 1]) for number in range(len(found))] == moments
    assert all(wait > 0 for wait in found)


def test_an_event_stays_below_the_limit_of_eventbridge() -> None:
    issues = tuple({"code": "1", "message": "x" * 5000, "severity": "ERROR"} for _ in range(5000))
    detail = event_detail(record(issues=issues))
    assert detail["IssueCount"] == 5000
    assert len(json.dumps(detail).encode()) < 256 * 1024


def test_an_issue_as_answers_have_it() -> None:
    whole = Issue(
        "18027",
        "The image is missing",
        IssueSeverity.WARNING,
        ("image",),
        ("MISSING_IMAGE",),
        ("LISTING_SUPPRESSED",),
        "EXEMPT",
        SENT,
        (FRANCE,),
    )
    assert issue_json(whole) == {
        "code": "18027",
        "message": "The image is missing",
        "severity": "WARNING",
        "attributeNames": ["image"],
        "categories": ["MISSING_IMAGE"],
        "actions": ["LISTING_SUPPRESSED"],
        "exemption": "EXEMPT",
        "exemptionEnds": "2026-11-26T12:00:00+00:00",
    }
    assert issue_json(Issue("1", "", IssueSeverity.ERROR)) == {"code": "1", "message": "", "severity": "ERROR"}


def test_an_event_has_all_that_is_known() -> None:
    submission = replace(
        record(message="done", asin="B0", issues=({"code": "1"},), amazon_submission_id="amazon-1"),
        status=Status.PUBLISHED,
        times={"SentTime": "2026-11-26T12:00:01Z", "OutcomeTime": "2026-11-26T12:00:02Z"},
    )
    assert event_detail(submission) == {
        "SubmissionId": "0" * 32,
        "SellerId": "A1",
        "RegionCode": "EU",
        "MarketplaceId": FRANCE,
        "Sku": "CUP",
        "PartyType": "SELLER",
        "Operation": "PUT",
        "ProductType": "LUGGAGE",
        "Status": "PUBLISHED",
        "Message": "done",
        "Asin": "B0",
        "Issues": [{"code": "1"}],
        "IssueCount": 1,
        "AmazonSubmissionId": "amazon-1",
        "ReceivedTime": "2026-11-26T12:00:00+00:00",
        "OutcomeTime": "2026-11-26T12:00:02Z",
    }
    deletion = event_detail(replace(record(Operation.DELETE), payload=Payload(Operation.DELETE)))
    assert (deletion["ProductType"], deletion["OutcomeTime"], deletion["Asin"]) == (None, None, None)


@pytest.mark.parametrize(("count", "shown"), [(100, 100), (101, 100)])
def test_an_event_has_a_hundred_issues_at_most(count: int, shown: int) -> None:
    issues = tuple({"code": str(number)} for number in range(count))
    detail = event_detail(record(issues=issues))
    assert (detail["Issues"], detail["IssueCount"]) == (list(issues[:shown]), count)


@pytest.mark.parametrize(("length", "message"), [(1000, "x" * 1000), (1001, "x" * 1000 + "...")])
def test_a_long_message_of_an_issue_is_cut_in_the_event(length: int, message: str) -> None:
    detail = event_detail(record(issues=({"code": "1", "message": "x" * length},)))
    assert detail["Issues"] == [{"code": "1", "message": message}]


def errors(*messages: str) -> Item:
    issues = tuple(Issue("18027", message, IssueSeverity.ERROR) for message in messages)
    return replace(item(statuses=()), issues=issues)


@pytest.mark.parametrize(
    ("found", "words"),
    [
        (errors("one"), "one"),
        (errors("one", "", "three"), "one; 18027; three"),
        (errors("1", "2", "3", "4", "5"), "1; 2; 3 (and 2 more)"),
        (errors("x" * 1000), "x" * 1000),
        (errors("x" * 1001, "2", "3", "4"), "x" * 1000 + " (and 1 more)"),
    ],
)
def test_the_errors_of_a_listing_in_words(found: Item, words: str) -> None:
    verdict = judged(record(), found, patient=True)
    assert verdict == Verdict(Status.REFUSED, f"The listing is not published, because of errors: {words}")


def test_an_error_of_an_unchanged_listing_is_said_to_be_old() -> None:
    verdict = judged(record(), item("ERROR", statuses=(), seconds=-60), patient=False)
    assert verdict is not None
    assert verdict.message == (f"The listing is not published, because of errors: ERROR of the image{UNCHANGED}")


@pytest.mark.parametrize(
    ("statuses", "words"),
    [
        ((ItemStatus.BUYABLE,), "buyable"),
        ((ItemStatus.DISCOVERABLE,), "discoverable"),
        ((ItemStatus.DISCOVERABLE, ItemStatus("PARKED")), "discoverable and PARKED"),
    ],
)
def test_what_buyers_can_do_in_words(statuses: tuple[ItemStatus, ...], words: str) -> None:
    assert judged(record(), item(statuses=statuses), patient=True) == Verdict(
        Status.PUBLISHED, f"The listing is {words}."
    )


@pytest.mark.parametrize(("seconds", "changed"), [(30, True), (-60, False)])
def test_a_listing_that_was_never_updated_has_the_time_of_its_creation(seconds: int, *, changed: bool) -> None:
    found = item(seconds=seconds)
    created = replace(found, summaries=(replace(found.summaries[0], last_updated=None),))
    assert (judged(record(), created, patient=True) is not None) == changed
    without = replace(found, summaries=(replace(found.summaries[0], last_updated=None, created=None),))
    assert judged(record(), without, patient=True) is None


def test_a_listing_that_is_only_in_another_marketplace() -> None:
    found = item()
    elsewhere = replace(found, summaries=(replace(found.summaries[0], marketplace_id="A1PA6795UKMFR9"),))
    assert judged(record(), elsewhere, patient=False) is None
    assert judged(record(Operation.DELETE), elsewhere, patient=False) == Verdict(
        Status.DELETED, "Amazon has deleted the listing."
    )


def test_an_issue_of_no_marketplace_is_of_each() -> None:
    issues = tuple(
        Issue(code, "", IssueSeverity.ERROR, marketplace_ids=where)
        for code, where in (("1", ()), ("2", (FRANCE, "A1PA6795UKMFR9")), ("3", ("A1PA6795UKMFR9",)))
    )
    assert own_issues(record(), replace(item(), issues=issues)) == issues[:2]


@pytest.mark.parametrize(
    ("operation", "found", "message"),
    [
        (Operation.DELETE, item(), "Amazon accepted the deletion, but still has the listing"),
        (
            Operation.PUT,
            None,
            "Amazon accepted the submission, but has no such listing (getListingsItem answers 404)",
        ),
        (
            Operation.PATCH,
            item(statuses=()),
            "Amazon has the listing, but it is neither buyable nor discoverable, and Amazon reports no error",
        ),
    ],
)
def test_what_is_unknown_after_the_hours(operation: Operation, found: Item | None, message: str) -> None:
    assert unknown(record(operation), found, 30) == Verdict(
        Status.UNKNOWN, f"{message} 30 hours later. Check it in Seller Central or Vendor Central."
    )


class TestAnnouncer:
    @pytest.fixture
    def ledger(self, aws: Aws) -> ListingLedger:
        aws.answers["PutEvents"] = lambda _: {"FailedEntryCount": 0, "Entries": [{"EventId": "e"}]}
        return ListingLedger(MemoryTable(aws, "SubmissionId", "SellerId").table, timedelta(days=1))

    def test_a_final_status_is_announced_once(
        self, aws: Aws, ledger: ListingLedger, log_lines: Callable[[], list[dict[str, Any]]]
    ) -> None:
        received = ledger.receive("1", LISTING, Payload(Operation.PUT, "LUGGAGE"), "hash", None)
        assert received is not None
        concluded = ledger.concluded(received, Status.REFUSED, "no")
        assert concluded is not None
        announcer = Announcer(ledger, aws.client("events"), "bus")
        announcer.announce(concluded)
        ((_, given),) = [call for call in aws.calls if call[0] == "PutEvents"]
        (entry,) = given["Entries"]
        assert (entry["EventBusName"], entry["DetailType"]) == ("bus", "Listing Outcome")
        assert json.loads(entry["Detail"]) == event_detail(concluded)
        assert [
            {name: line[name] for name in ("message", "submission_id", "seller_id", "sku", "status")}
            for line in log_lines()
        ] == [
            {
                "message": "listing outcome announced",
                "submission_id": "1",
                "seller_id": "A1",
                "sku": "CUP",
                "status": "REFUSED",
            }
        ]
        aws.calls.clear()
        announcer.announce(ledger.find("A1", "1"))
        assert "PutEvents" not in aws.operations

    def test_what_is_not_final_or_not_there_is_not_announced(self, aws: Aws, ledger: ListingLedger) -> None:
        announcer = Announcer(ledger, aws.client("events"), "bus")
        for current in (None, record()):
            announcer.announce(current)
        assert aws.calls == []


@pytest.mark.parametrize("number", ["4006381333931", "036000291452", "96385074", "10614141000415"])
def test_a_gtin(number: str) -> None:
    assert is_gtin(number)


@pytest.mark.parametrize("number", ["", "4006381333932", "400638133393", "40063813339310", "4006381333९31", "x" * 13])
def test_a_wrong_gtin_is_named_with_its_pointer(number: str) -> None:
    values = {"externally_assigned_product_identifier": [{"type": "ean", "value": number}]}
    (finding,) = identifier_findings(values)
    assert finding.pointer == "/externally_assigned_product_identifier/0/value"
    assert finding.rule == "checkDigit"


SCHEMA: dict[str, Any] = {"properties": {"stock": {"selectors": ["channel"]}, "plain": {}}}
HELD = {"stock": [{"channel": "OWN", "quantity": 3, "lead": 2}]}


@pytest.mark.parametrize(
    ("op", "attribute", "value", "rule"),
    [
        ("replace", "stock", {"channel": "OWN", "quantity": 4}, "dropsFields"),
        ("replace", "stock", {"channel": "OWN", "quantity": 4, "lead": 1}, None),
        ("merge", "stock", {"channel": "OWN", "quantity": 4}, None),
        ("replace", "stock", {"channel": "AMAZON"}, "addsValue"),
        ("add", "plain", {"value": 1}, None),
        ("delete", "stock", {"channel": "AMAZON"}, "nothingToDelete"),
        ("delete", "stock", {"channel": "OWN"}, None),
    ],
)
def test_what_a_patch_does_to_the_present_values(op: str, attribute: str, value: Any, rule: str | None) -> None:
    patch = {"op": op, "attribute": attribute, "value": [value]}
    assert [finding.rule for finding in patch_findings(patch, 0, HELD, SCHEMA)] == ([rule] if rule else [])


def test_identifiers_are_searched_by_type_and_each_once() -> None:
    values: list[Any] = [
        {"type": "ean", "value": "4006381333931"},
        {"type": "ean", "value": "4006381333931", "marketplace_id": FRANCE},
        {"type": "ean", "value": "4006381333962"},
        {"type": "upc", "value": "036000291452"},
        {"type": "isbn", "value": "9783161484100"},
        {"type": ["ean"], "value": "4006381333979"},
        {"type": "ean", "value": 4006381333986},
        "4006381333993",
    ]
    found = identifiers({IDENTIFIER: values})
    assert found == {
        IdentifiersType.EAN: ("4006381333931", "4006381333962"),
        IdentifiersType.UPC: ("036000291452",),
    }
    many = [{"type": "gtin", "value": str(number)} for number in range(30)]
    assert len(identifiers({IDENTIFIER: many})[IdentifiersType.GTIN]) == 20
    for odd in (None, "4006381333931", {"type": "ean"}, [None]):
        assert identifiers({IDENTIFIER: odd}) == {}
