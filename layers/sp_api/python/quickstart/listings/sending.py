"""Sends a submission to SP-API. The intention is recorded before the call, and the answer after it.

When SP-API does not answer, the same submission is sent again: docs/decisions/0097 says why that does no harm.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from quickstart.aws_failures import FAILED_CALLS, call_of, code_of
from quickstart.listings.lanes import Lanes
from quickstart.listings.ledger import ListingLedger
from quickstart.listings.outcomes import Announcer, issue_json
from quickstart.listings.records import ListingOf, Operation, Payload, Record, Status
from quickstart.observability import logger
from quickstart.token_vault import SellerUnknownError
from sp_api import listings
from sp_api.caller import Caller
from sp_api.errors import AccessDeniedError, AuthorizationError, PermanentError, SellingPartnerApiError
from sp_api.listings import ListingKey, PatchOperation, PatchOperator, Requirements, Submission, SubmissionStatus
from sp_api.regions import Region

FOLLOW, END = "FOLLOW", "END"


class SellerCalls(Protocol):
    """Returns a caller for a seller in a region."""

    def __call__(self, seller_id: str, region: Region) -> Caller: ...


@dataclass(frozen=True)
class Sender:
    """The step that sends."""

    ledger: ListingLedger
    lanes: Lanes
    announcer: Announcer
    seller: SellerCalls

    def send(self, seller_id: str, submission_id: str) -> str:
        """FOLLOW after Amazon has accepted the submission, END when it is final. Can be repeated.

        Raises ThrottledError and TransientError, after which it is repeated, and EventNotPutError.
        """
        record = self.ledger.find(seller_id, submission_id)
        if record is None:
            logger().info("submission is no longer in the Listings table", submission_id=submission_id)
            return END
        if not record.status.answered:
            self._send(record)
        self.lanes.leave(record)
        current = self.ledger.find(seller_id, submission_id)
        self.announcer.announce(current)
        return FOLLOW if current is not None and current.status is Status.ACCEPTED else END

    def give_up(self, seller_id: str, submission_id: str, reason: str) -> None:
        """The execution has failed.

        A submission that Amazon has accepted gets the final status UNKNOWN, with a message that says so.
        """
        record = self.ledger.find(seller_id, submission_id)
        if record is None:
            return
        if record.status is Status.ACCEPTED:
            message = f"Amazon accepted the submission, but the stack could not follow it: {reason}"
            self.ledger.concluded(record, Status.UNKNOWN, message)
        elif not record.status.final:
            sent = record.attempts > 0
            message = (
                f"Amazon did not answer, so it is unknown whether it has the submission: {reason}"
                if sent
                else f"The submission was not sent: {reason}"
            )
            self.ledger.concluded(record, Status.UNKNOWN if sent else Status.FAILED, message)
        self.lanes.leave(record)
        self.announcer.announce(self.ledger.find(seller_id, submission_id))

    def _send(self, record: Record) -> None:
        lane = self.ledger.lane(record.listing)
        if lane.holder != record.submission_id:
            message = "A later submission for this SKU replaced it before it was sent."
            self.ledger.concluded(record, Status.SUPERSEDED, message)
            return
        try:
            caller = self.seller(record.listing.seller_id, record.listing.region)
        except SellerUnknownError as error:
            self.ledger.concluded(record, Status.FAILED, f"The submission was not sent: {error}")
            return
        if not self.ledger.sending(record, lane):
            return
        try:
            answer = submit(caller, record.listing, record.payload)
        except (AccessDeniedError, AuthorizationError) as error:
            message = f"SP-API denied access, so the submission was not sent: {error}"
            self.ledger.concluded(record, Status.FAILED, message)
        except PermanentError as error:
            self.ledger.concluded(record, Status.REFUSED, f"SP-API rejected the submission: {error}")
        except SellingPartnerApiError as error:
            self.ledger.noted(record, str(error))
            raise
        except FAILED_CALLS as error:
            # The credentials for the call could not be read.
            self.ledger.not_sent(record, f"{call_of(error)} failed: {code_of(error)}")
            raise
        else:
            self._record(record, answer)

    def _record(self, record: Record, answer: Submission) -> None:
        issues = [issue_json(issue) for issue in answer.issues]
        if answer.status == SubmissionStatus.INVALID:
            self.ledger.concluded(
                record,
                Status.INVALID,
                "Amazon rejected the submission. Correct the issues and send it again.",
                issues=issues,
                amazon_submission_id=answer.submission_id,
            )
        else:
            self.ledger.accepted(record, answer.submission_id, issues)
        logger().info(
            "submission answered",
            submission_id=record.submission_id,
            sku=record.listing.sku,
            status=str(answer.status),
            issues=len(issues),
        )


def submit(caller: Caller, listing: ListingOf, payload: Payload, *, preview: bool = False) -> Submission:
    """Calls putListingsItem, patchListingsItem or deleteListingsItem. `preview` only asks what Amazon would say."""
    key, locale = listing_key(listing), payload.issue_locale
    match payload.operation:
        case Operation.PUT:
            return listings.put_listings_item(
                caller,
                key,
                payload.product_type,
                payload.attributes,
                requirements=None if payload.requirements is None else Requirements(payload.requirements),
                preview=preview,
                issue_locale=locale,
            )
        case Operation.PATCH:
            patches = [_patch(patch) for patch in payload.patches]
            return listings.patch_listings_item(
                caller, key, payload.product_type, patches, preview=preview, issue_locale=locale
            )
        case Operation.DELETE:
            return listings.delete_listings_item(caller, key, issue_locale=locale)


def listing_key(listing: ListingOf) -> ListingKey:
    """The listing as SP-API names it."""
    return ListingKey(listing.listing_seller_id, listing.sku, listing.marketplace_id)


def _patch(patch: Mapping[str, object]) -> PatchOperation:
    values = patch["value"]
    assert isinstance(values, list), "requests are checked before they are recorded"
    return PatchOperation(PatchOperator(str(patch["op"])), str(patch["attribute"]), values)
