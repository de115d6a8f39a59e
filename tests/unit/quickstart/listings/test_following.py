"""A submission that Amazon accepted, read until its outcome is known: above all a deletion without effect."""

import json
from datetime import UTC, datetime, timedelta
from unittest.mock import Mock

import pytest

from quickstart.listings.following import Follower, waits
from quickstart.listings.ledger import ListingLedger
from quickstart.listings.outcomes import Announcer
from quickstart.listings.records import ListingOf, Operation, Payload, Record, Status
from quickstart.token_vault import SellerUnknownError
from sp_api import listings
from sp_api.errors import AccessDeniedError, NotFoundError
from sp_api.regions import Region
from tests.unit.quickstart.support import Aws, MemoryTable

LISTING = ListingOf("A1", Region.EU, "A13V1IB3VIYZZH", "CUP", "A1")
# An hour after Amazon's acceptance.
HOUR = 4


class Stage:
    """`deleted` counts the deletions that are sent again."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.read = Mock(return_value=Mock(issues=(), summary=Mock(return_value=Mock(asin="B0", last_updated=None))))
        self.deleted = Mock()
        monkeypatch.setattr(listings, "get_listings_item", self.read)
        monkeypatch.setattr(listings, "delete_listings_item", self.deleted)
        self.aws = aws = Aws(
            PutEvents=lambda _: {"FailedEntryCount": 0, "Entries": [{"EventId": "e"}]},
            SendTaskSuccess=lambda _: {},
        )
        self.ledger = ListingLedger(MemoryTable(aws, "SubmissionId", "SellerId").table, timedelta(days=1))
        self.caller = caller = Mock()
        announcer = Announcer(self.ledger, aws.client("events"), "bus")
        self.follower = Follower(self.ledger, announcer, caller, aws.client("stepfunctions"), 24)
        self.deletion = self.submit("0" * 32)
        self.ledger.sending(self.deletion, self.ledger.lane(LISTING))
        self.ledger.accepted(self.deletion, "amazon-1", [])
        self.ledger.leave(self.deletion)

    def submit(self, submission_id: str) -> Record:
        record = self.ledger.receive(submission_id, LISTING, Payload(Operation.DELETE), "hash", None)
        assert record is not None
        self.ledger.enter(record)
        return record

    @property
    def record(self) -> Record:
        found = self.ledger.find("A1", self.deletion.submission_id)
        assert found is not None
        return found

    @property
    def told(self) -> list[tuple[str, str]]:
        """The events put and the waits ended: the status or the token, with the detail type or the output."""
        found = []
        for name, given in self.aws.calls:
            if name == "PutEvents":
                (entry,) = given["Entries"]
                found.append((entry["DetailType"], json.loads(entry["Detail"])["Status"]))
            elif name == "SendTaskSuccess":
                found.append((given["output"], given["taskToken"]))
        return found

    def follow(self, reading: int) -> int:
        self.follower.follow("A1", self.deletion.submission_id, "token", reading)
        return self.deleted.call_count


@pytest.mark.parametrize(("reading", "times"), [(HOUR - 1, 0), (HOUR, 1), (HOUR + 1, 1)])
def test_a_deletion_without_effect_is_sent_again(monkeypatch: pytest.MonkeyPatch, reading: int, times: int) -> None:
    assert Stage(monkeypatch).follow(reading) == times


def test_a_refused_reading_only_delays_it(monkeypatch: pytest.MonkeyPatch) -> None:
    stage = Stage(monkeypatch)
    found, stage.read.side_effect = stage.read.side_effect, AccessDeniedError("getListingsItem")
    assert stage.follow(HOUR) == 0
    stage.read.side_effect = found
    assert stage.follow(HOUR + 1) == 1


def test_the_listing_of_a_later_submission_is_not_deleted(monkeypatch: pytest.MonkeyPatch) -> None:
    stage = Stage(monkeypatch)
    stage.submit("1" * 32)
    assert stage.follow(HOUR) == 0
    found = stage.ledger.find("A1", stage.deletion.submission_id)
    assert found is not None
    assert found.status is Status.SUPERSEDED


ENDED = [("Listing Outcome", "DELETED"), ('{"Step": "END"}', "token")]


def test_the_outcome_is_an_event_and_ends_the_wait_once(monkeypatch: pytest.MonkeyPatch) -> None:
    stage = Stage(monkeypatch)
    stage.read.side_effect = NotFoundError("getListingsItem")
    stage.follow(1)
    assert stage.told == ENDED
    assert (stage.record.status, stage.record.message) == (Status.DELETED, "Amazon has deleted the listing.")
    stage.follow(2)
    assert stage.told == [*ENDED, ('{"Step": "END"}', "token")], "a repeat tells the execution alone"


def test_an_open_submission_waits_on(monkeypatch: pytest.MonkeyPatch) -> None:
    stage = Stage(monkeypatch)
    stage.follow(0)
    assert stage.read.call_count == 0, "the first wait comes before the first reading"
    stage.follow(1)
    assert stage.read.call_count == 1
    assert (stage.told, stage.record.status) == ([], Status.ACCEPTED)


def test_a_notice_before_the_first_wait_is_a_reading(monkeypatch: pytest.MonkeyPatch) -> None:
    stage = Stage(monkeypatch)
    stage.ledger.noticed(stage.record)
    stage.follow(0)
    assert stage.read.call_count == 1


def test_an_execution_without_a_record_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    stage = Stage(monkeypatch)
    stage.follower.follow("A1", "another", "token", 1)
    assert stage.told == [('{"Step": "END"}', "token")]


def test_what_amazon_has_is_remembered_with_the_lane(monkeypatch: pytest.MonkeyPatch) -> None:
    stage = Stage(monkeypatch)
    updated = datetime(2026, 11, 26, tzinfo=UTC)
    stage.read.return_value.summary.return_value.last_updated = updated
    stage.follow(1)
    lane = stage.ledger.lane(LISTING)
    assert (lane.asin, lane.updated) == ("B0", updated.isoformat(timespec="microseconds"))


LAST = len(waits(24))
PROCESSING = "Amazon has accepted the submission and is processing it."


@pytest.mark.parametrize(
    ("reading", "status", "message"),
    [
        (LAST - 1, Status.ACCEPTED, PROCESSING),
        (
            LAST,
            Status.UNKNOWN,
            "Amazon accepted the deletion, but still has the listing 24 hours later. Check it in Seller Central or "
            "Vendor Central.",
        ),
    ],
)
def test_after_the_last_wait_an_outcome_is_unknown(
    monkeypatch: pytest.MonkeyPatch, reading: int, status: Status, message: str
) -> None:
    stage = Stage(monkeypatch)
    stage.follow(reading)
    assert (stage.record.status, stage.record.message) == (status, message)


@pytest.mark.parametrize(("reading", "status"), [(LAST - 1, Status.ACCEPTED), (LAST, Status.UNKNOWN)])
def test_a_listing_that_cannot_be_read(monkeypatch: pytest.MonkeyPatch, reading: int, status: Status) -> None:
    stage = Stage(monkeypatch)
    stage.read.side_effect = AccessDeniedError("getListingsItem", status=403)
    stage.follow(reading)
    assert stage.record.status is status
    assert stage.record.message == (
        "Amazon accepted the submission, but the listing cannot be read: getListingsItem: HTTP 403"
        if status is Status.UNKNOWN
        else PROCESSING
    )


def test_a_seller_who_has_left(monkeypatch: pytest.MonkeyPatch) -> None:
    stage = Stage(monkeypatch)
    stage.caller.side_effect = SellerUnknownError("A1", "EU")
    stage.follow(1)
    assert stage.record.status is Status.UNKNOWN
    assert stage.record.message == (
        "Amazon accepted the submission, but the stack can no longer read the listing: no refresh token is stored for "
        "seller A1 in region EU: store it with POST /tokens first"
    )
