"""What Amazon's answers say about a submission: published, refused, or still open."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from quickstart.listings.checks import IDENTIFIER, identifier_findings, identifiers, is_gtin, patch_findings
from quickstart.listings.following import waits
from quickstart.listings.outcomes import event_detail, judged, unknown
from quickstart.listings.records import ListingOf, Operation, Party, Payload, Record, Status
from quickstart.times import to_text
from sp_api.catalog import IdentifiersType
from sp_api.listings import Issue, IssueSeverity, Item, ItemStatus, ItemSummary
from sp_api.regions import Region

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
