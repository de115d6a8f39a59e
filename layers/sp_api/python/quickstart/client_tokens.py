"""What became of the request that first came with a ClientToken: one item for each in the Reports table.

Such an item has neither CreatedTime nor RegionCode, so it is in no list of reports and owns none.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from boto3.dynamodb.conditions import Attr, ConditionBase

from quickstart.dynamodb import Item, Table

# "#" is in no report id.
_PREFIX = "CLIENT_TOKEN#"
# A token is remembered for so long.
KEPT = timedelta(days=7)
# Lambda ends the function that has the claim within 29 s.
_LONGEST_REQUEST = timedelta(seconds=30)


class State(StrEnum):
    """Where the request with the token stands."""

    IN_PROGRESS = "IN_PROGRESS"
    OUTCOME_UNKNOWN = "OUTCOME_UNKNOWN"
    DONE = "DONE"
    # SP-API has refused: the token is free, for another body too.
    RELEASED = "RELEASED"


@dataclass(frozen=True)
class Claim:
    """A token in use. `request_hash` is of the request that took it, `report_id` set when it is DONE."""

    seller_id: str
    client_token: str
    request_hash: str
    state: State
    claimed_time: datetime
    report_id: str | None = None

    def runs(self, now: datetime) -> bool:
        """Whether the function that made the claim may still be at work."""
        return self.state is State.IN_PROGRESS and now < self.claimed_time + _LONGEST_REQUEST


@dataclass(frozen=True)
class ClientTokens:
    """The claims on tokens. Every claim and every change of one is a conditional write: one of two at once wins."""

    table: Table
    now: Callable[[], datetime] = lambda: datetime.now(UTC)

    def claim(self, seller_id: str, client_token: str, request_hash: str) -> Claim | None:
        """Takes the token for this request; None when it is in use."""
        return self._put(seller_id, client_token, request_hash, _free(self.now()))

    def claim_again(self, claim: Claim) -> Claim | None:
        """Takes the token of a claim whose request made no report; None when another repeat was faster."""
        unchanged = Attr("ClaimedTime").eq(_text(claim.claimed_time)) & Attr("State").eq(str(claim.state))
        return self._put(claim.seller_id, claim.client_token, claim.request_hash, unchanged)

    def find(self, seller_id: str, client_token: str) -> Claim | None:
        """The claim on this token, None when it is free."""
        item = self.table.get(_key(seller_id, client_token))
        if item is None or item["State"] == State.RELEASED:
            return None
        return Claim(
            seller_id=seller_id,
            client_token=client_token,
            request_hash=item["RequestHash"],
            state=State(item["State"]),
            claimed_time=datetime.fromisoformat(item["ClaimedTime"]),
            report_id=item.get("CreatedReportId"),
        )

    def done(self, claim: Claim, report_id: str) -> None:
        """The request made this report."""
        self._change(claim, {"State": str(State.DONE), "CreatedReportId": report_id})

    def outcome_unknown(self, claim: Claim) -> None:
        """The request was sent, and no answer came."""
        self._change(claim, {"State": str(State.OUTCOME_UNKNOWN)})

    def release(self, claim: Claim) -> None:
        """The request made no report for certain."""
        self._change(claim, {"State": str(State.RELEASED)})

    def _put(self, seller_id: str, client_token: str, request_hash: str, condition: ConditionBase) -> Claim | None:
        claim = Claim(seller_id, client_token, request_hash, State.IN_PROGRESS, self.now())
        taken = self.table.put(
            {
                **_key(seller_id, client_token),
                "RequestHash": request_hash,
                "State": str(claim.state),
                "ClaimedTime": _text(claim.claimed_time),
                "ExpiresAt": int((claim.claimed_time + KEPT).timestamp()),
            },
            condition,
        )
        return claim if taken else None

    def _change(self, claim: Claim, values: Item) -> None:
        """Changes this claim, and none that has taken its place."""
        self.table.update(
            _key(claim.seller_id, claim.client_token),
            values,
            condition=Attr("ClaimedTime").eq(_text(claim.claimed_time)),
        )


def _free(now: datetime) -> ConditionBase:
    """DynamoDB deletes an expired item within days."""
    return (
        Attr("ReportId").not_exists()
        | Attr("State").eq(str(State.RELEASED))
        | Attr("ExpiresAt").lte(int(now.timestamp()))
    )


def _key(seller_id: str, client_token: str) -> Item:
    return {"ReportId": _PREFIX + client_token, "SellerId": seller_id}


def _text(time: datetime) -> str:
    return time.isoformat(timespec="microseconds")
