"""Follows an accepted submission until Amazon's outcome is known."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from quickstart.listings.ledger import ListingLedger
from quickstart.listings.outcomes import Announcer, issue_json, judged, own_issues, unknown
from quickstart.listings.records import Operation, Record, Status
from quickstart.listings.sending import SellerCalls, listing_key, submit
from quickstart.observability import logger
from quickstart.token_vault import SellerUnknownError
from sp_api import listings
from sp_api.caller import Caller
from sp_api.errors import NotFoundError, PermanentError
from sp_api.listings import Item

if TYPE_CHECKING:
    from mypy_boto3_stepfunctions import SFNClient

# When the listing is read, counted from Amazon's acceptance, in seconds: 1, 5, 15 and 60 minutes, 6 and 24 hours.
_READ_AT = (60, 300, 900, 3600, 21600, 86400)
_DAY = 86400
# Up to this reading, a listing that Amazon has not changed is read again later. From the next one on, at 60 minutes, it
# is judged as it is. With one hour, that is the last reading.
_PATIENT_READINGS = 3
# From this reading on, a deletion without effect is sent again (selling-partner-api-models issue 5370).
_DELETE_AGAIN = 4
# A token that nothing waits for any more: it was used, or its time is over.
_GONE = frozenset({"TaskDoesNotExist", "TaskTimedOut", "InvalidToken"})
CHECK, END = '{"Step": "CHECK"}', '{"Step": "END"}'


def waits(hours: int) -> list[int]:
    """The seconds to wait before each reading, until `hours` after Amazon's acceptance: at least one wait."""
    end = hours * 3600
    moments = [moment for moment in _READ_AT if moment < end]
    moments += [*range(2 * _DAY, end, _DAY), end]
    return [moment - earlier for earlier, moment in zip([0, *moments], moments, strict=False)]


@dataclass(frozen=True)
class Follower:
    """The step that waits and reads. Each call stores the token with which the execution waits."""

    ledger: ListingLedger
    announcer: Announcer
    seller: SellerCalls
    states: "SFNClient"
    hours: int

    def follow(self, seller_id: str, submission_id: str, token: str, reading: int) -> None:
        """`reading` is 0 before the first wait, then the number of waits that are over.

        Ends the execution's wait once the submission is final. Raises what `sp_api` raises, and EventNotPutError.
        """
        record = self.ledger.find(seller_id, submission_id)
        if record is not None and not record.status.final:
            # As it is after the write: a notice that came meanwhile has seen the token, or its time is in the record.
            record = self.ledger.awaited(record, token) or self.ledger.find(seller_id, submission_id)
        if record is None:
            wake(self.states, token, END)
            return
        last = reading >= len(waits(self.hours))
        if not record.status.final and (reading > 0 or "NoticedTime" in record.times):
            record = self._read(record, reading, last=last) or self.ledger.find(seller_id, submission_id) or record
        if record.status.final:
            self.announcer.announce(record)
            wake(self.states, token, END)

    def _read(self, record: Record, reading: int, *, last: bool) -> Record | None:
        """The record as it has become; None where it may have changed since, or nothing was written."""
        try:
            caller = self.seller(record.listing.seller_id, record.listing.region)
        except SellerUnknownError as error:
            message = f"Amazon accepted the submission, but the stack can no longer read the listing: {error}"
            return self.ledger.concluded(record, Status.UNKNOWN, message)
        try:
            item = self._item(lambda: listings.get_listings_item(caller, listing_key(record.listing)))
        except PermanentError as error:
            # A person may restore the access until the next reading.
            logger().error("the listing cannot be read", submission_id=record.submission_id, reason=str(error))
            if not last:
                return None
            message = f"Amazon accepted the submission, but the listing cannot be read: {error}"
            return self.ledger.concluded(record, Status.UNKNOWN, message)
        verdict = judged(record, item, patient=reading <= _PATIENT_READINGS)
        if verdict is None and last:
            verdict = unknown(record, item, self.hours)
        issues = [] if item is None else [issue_json(issue) for issue in own_issues(record, item)]
        summary = None if item is None else item.summary(record.listing.marketplace_id)
        asin = None if summary is None else summary.asin
        if summary is not None:
            self.ledger.remember(record.listing, asin, summary.last_updated)
        logger().info(
            "listing read",
            submission_id=record.submission_id,
            sku=record.listing.sku,
            reading=reading,
            status=str(verdict.status) if verdict else "open",
        )
        if verdict is not None:
            return self.ledger.concluded(record, verdict.status, verdict.message, asin=asin, issues=issues)
        checked = self.ledger.checked(record, asin, issues)
        if record.payload.operation is not Operation.DELETE:
            return checked
        self._delete_again(record, reading, caller)
        return None

    def _delete_again(self, record: Record, reading: int, caller: Caller) -> None:
        """A deletion without effect is sent again, unless a later submission has created the listing since."""
        lane = self.ledger.lane(record.listing)
        if lane.recent and lane.recent[0] != record.submission_id:
            message = (
                "Amazon accepted the deletion. A later submission for this SKU was sent since, so the listing is there."
            )
            self.ledger.concluded(record, Status.SUPERSEDED, message)
        elif reading >= _DELETE_AGAIN and lane.holder is None:
            logger().warning("deletion sent again", submission_id=record.submission_id, sku=record.listing.sku)
            try:
                submit(caller, record.listing, record.payload)
            except PermanentError as error:
                # The next reading shows whether the listing is gone.
                logger().warning("deletion rejected", submission_id=record.submission_id, reason=str(error))

    def _item(self, read: Callable[[], Item]) -> Item | None:
        try:
            return read()
        except NotFoundError:
            return None


def wake(states: "SFNClient", token: str, output: str) -> bool:
    """Ends the wait of an execution; False when nothing waits with this token any more."""
    try:
        states.send_task_success(taskToken=token, output=output)
    except ClientError as error:
        if error.response["Error"]["Code"] not in _GONE:
            raise
        return False
    return True
