"""A notice and an execution that begins to wait, in every order: the wait never misses the notice."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest

from quickstart.listings.following import Follower
from quickstart.listings.ledger import ListingLedger
from quickstart.listings.notices import Notice, Notices
from quickstart.listings.outcomes import Announcer
from quickstart.listings.records import ListingOf, Operation, Payload, Status
from quickstart.token_vault import SellerUnknownError
from sp_api.caller import Caller
from sp_api.regions import Region
from tests.unit.quickstart.support import Aws, MemoryTable

FRANCE = "A13V1IB3VIYZZH"
LISTING = ListingOf("A1", Region.EU, FRANCE, "CUP", "A1")
SUBMISSION = "0" * 32


@dataclass
class Race:
    """An accepted submission. `before_write` runs once, before the next write to the table."""

    before_write: Callable[[], object] | None = None
    woken: list[str] = field(default_factory=list)
    readings: int = 0

    def __post_init__(self) -> None:
        aws = Aws(
            SendTaskSuccess=self._wake,
            PutEvents=lambda _: {"FailedEntryCount": 0, "Entries": [{"EventId": "e"}]},
        )
        ledger = ListingLedger(MemoryTable(aws, "SubmissionId", "SellerId").table, timedelta(days=1))
        update = aws.answers["UpdateItem"]

        def hooked(given: Any) -> Any:
            before, self.before_write = self.before_write, None
            if before is not None:
                before()
            return update(given)

        record = ledger.receive(SUBMISSION, LISTING, Payload(Operation.PUT, "LUGGAGE"), "hash", None)
        assert record is not None
        ledger.enter(record)
        ledger.sending(record, ledger.lane(LISTING))
        ledger.accepted(record, "amazon-1", [])
        aws.answers["UpdateItem"] = hooked
        states = aws.client("stepfunctions")
        self.ledger = ledger
        announcer = Announcer(ledger, aws.client("events"), "bus")
        self.follower = Follower(ledger, announcer, self._seller, states, 24)
        self.notices = Notices(ledger, states)

    def _wake(self, given: Any) -> dict[str, Any]:
        self.woken.append(given["taskToken"])
        return {}

    def _seller(self, seller_id: str, region: Region) -> Caller:
        """Every reading begins here; this one shows that the listing is read."""
        self.readings += 1
        raise SellerUnknownError(seller_id, str(region))

    def wait(self) -> None:
        self.follower.follow("A1", SUBMISSION, "token", 0)

    def notice(self) -> None:
        self.notices.take(Notice("LISTINGS_ITEM_STATUS_CHANGE", "A1", "CUP", FRANCE))

    def status(self) -> Status:
        record = self.ledger.find("A1", SUBMISSION)
        assert record is not None
        return record.status


def notice_then_wait(race: Race) -> None:
    race.notice()
    race.wait()


def wait_then_notice(race: Race) -> None:
    race.wait()
    race.notice()


def notice_while_the_wait_begins(race: Race) -> None:
    race.before_write = race.notice
    race.wait()


def wait_begins_while_the_notice_is_taken(race: Race) -> None:
    race.before_write = race.wait
    race.notice()


@pytest.mark.parametrize(
    "order",
    [notice_then_wait, wait_then_notice, notice_while_the_wait_begins, wait_begins_while_the_notice_is_taken],
)
def test_the_listing_is_read_or_the_execution_woken(order: Callable[[Race], None]) -> None:
    race = Race()
    order(race)
    assert race.readings or race.woken, "the notice is lost: the execution waits for a minute"


def test_without_a_notice_the_execution_waits() -> None:
    race = Race()
    race.wait()
    assert (race.readings, race.woken, race.status()) == (0, [], Status.ACCEPTED)
