"""The outcome of the first request with each ClientToken: one item per token in the Reports table.

These items have no RegionCode, and a CreatedTime that keeps them out of every list of reports.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

from boto3.dynamodb.conditions import Attr, ConditionBase

from quickstart.dynamodb import Item, Table, reading_item
from quickstart.reports.ledger import NOT_A_REPORT, report_key
from quickstart.reports.open_requests import KEPT, LONGEST_REQUEST
from quickstart.times import read_text, to_text

# No report id contains "#".
_PREFIX = "CLIENT_TOKEN#"


class State(StrEnum):
    """The state of the request with the token."""

    IN_PROGRESS = "IN_PROGRESS"
    OUTCOME_UNKNOWN = "OUTCOME_UNKNOWN"
    DONE = "DONE"
    # SP-API refused the request: the token can be used again, also with another body.
    RELEASED = "RELEASED"


@dataclass(frozen=True)
class Claim:
    """A token in use. `request_hash` identifies the request that uses it; `report_id` is set when it is DONE."""

    seller_id: str
    client_token: str
    request_hash: str
    state: State
    claimed_time: datetime
    report_id: str | None = None

    def runs(self, now: datetime) -> bool:
        """Whether the function that made the claim may still be running."""
        return self.state is State.IN_PROGRESS and now < self.claimed_time + LONGEST_REQUEST


@dataclass(frozen=True)
class ClientTokens:
    """The claims on tokens. All writes are conditional, so only one of two concurrent claims succeeds."""

    table: Table
    now: Callable[[], datetime] = lambda: datetime.now(UTC)

    def claim(self, seller_id: str, client_token: str, request_hash: str) -> Claim | None:
        """Claims the token for this request; None when it is in use."""
        return self._put(seller_id, client_token, request_hash, _free(self.now()))

    def claim_again(self, claim: Claim) -> Claim | None:
        """Claims the token again after a request that created no report; None when another repeat was faster."""
        unchanged = _is(claim) & Attr("State").eq(str(claim.state))
        return self._put(claim.seller_id, claim.client_token, claim.request_hash, unchanged)

    def find(self, seller_id: str, client_token: str) -> Claim | None:
        """The claim on this token; None when it is free."""
        item = self.table.get(_key(seller_id, client_token))
        if item is None:
            return None
        with reading_item(f"{item.get('ReportId')} of {seller_id}"):
            if item["State"] == State.RELEASED:
                return None
            return Claim(
                seller_id=seller_id,
                client_token=client_token,
                request_hash=item["RequestHash"],
                state=State(item["State"]),
                claimed_time=read_text(item["ClaimedTime"]),
                report_id=item.get("CreatedReportId"),
            )

    def done(self, claim: Claim, report_id: str) -> None:
        """The request created this report."""
        self._change(claim, {"State": str(State.DONE), "CreatedReportId": report_id})

    def outcome_unknown(self, claim: Claim) -> None:
        """The request was sent but not answered."""
        self._change(claim, {"State": str(State.OUTCOME_UNKNOWN)})

    def release(self, claim: Claim) -> None:
        """The request certainly created no report."""
        self._change(claim, {"State": str(State.RELEASED)})

    def _put(self, seller_id: str, client_token: str, request_hash: str, condition: ConditionBase) -> Claim | None:
        claim = Claim(seller_id, client_token, request_hash, State.IN_PROGRESS, self.now())
        taken = self.table.put(
            {
                **_key(seller_id, client_token),
                "CreatedTime": NOT_A_REPORT,
                "RequestHash": request_hash,
                "State": str(claim.state),
                "ClaimedTime": to_text(claim.claimed_time, unit="microseconds"),
                "ExpiresAt": int((claim.claimed_time + KEPT).timestamp()),
            },
            condition,
        )
        return claim if taken else None

    def _change(self, claim: Claim, values: Item) -> None:
        """Changes this claim, unless another has replaced it."""
        self.table.update(
            _key(claim.seller_id, claim.client_token),
            values,
            condition=_is(claim),
        )


def _free(now: datetime) -> ConditionBase:
    """True for a new, released or expired token; DynamoDB deletes expired items within days."""
    return (
        Attr("ReportId").not_exists()
        | Attr("State").eq(str(State.RELEASED))
        | Attr("ExpiresAt").lte(int(now.timestamp()))
    )


def _is(claim: Claim) -> ConditionBase:
    return Attr("ClaimedTime").eq(to_text(claim.claimed_time, unit="microseconds"))


def _key(seller_id: str, client_token: str) -> Item:
    return report_key(seller_id, _PREFIX + client_token)
