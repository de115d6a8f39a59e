"""What is known of the rotations of an application's client secret: one item of the table SecretRotationTable."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from boto3.dynamodb.conditions import Attr

from quickstart.dynamodb import Table, has_value, reading_item
from quickstart.times import from_text, to_text

# SP-API sends the new secret within seconds. A second rotation makes a third secret, and what then becomes of the older
# ones is not documented, so none is requested before this time.
ANSWER_WAIT = timedelta(hours=1)


class Outcome(StrEnum):
    """How the last request for a rotation went."""

    REQUESTED = "REQUESTED"
    ACCEPTED = "ACCEPTED"
    UNKNOWN = "UNKNOWN"
    NOT_ENROLLED = "NOT_ENROLLED"
    REFUSED = "REFUSED"
    FAILED = "FAILED"
    RECEIVED = "RECEIVED"
    IN_USE = "IN_USE"


# After these a new secret may be on its way.
UNANSWERED = frozenset({Outcome.REQUESTED, Outcome.ACCEPTED, Outcome.UNKNOWN})


@dataclass(frozen=True)
class Record:
    """The rotations of one application.

    `unanswered` counts the requests since the last new secret after which one may be on its way. `message_at` is when
    the last notification of either type came: the only proof that the queue is registered. `notice_at` is when Amazon
    sent its last warning about the secret that was in use then, which it says expires at `notice_expires_at`.
    """

    requested_at: datetime | None = None
    outcome: Outcome | None = None
    reason: str = ""
    unanswered: int = 0
    message_at: datetime | None = None
    secret_at: datetime | None = None
    pending_since: datetime | None = None
    notice_at: datetime | None = None
    notice_expires_at: datetime | None = None
    expires_at: datetime | None = None
    checked_at: datetime | None = None

    def overdue(self, now: datetime) -> bool:
        """Whether a new secret should have come by now."""
        return self.outcome in UNANSWERED and self.requested_at is not None and now - self.requested_at >= ANSWER_WAIT


@dataclass(frozen=True)
class RotationRecords:
    """Reads and writes the item of the application."""

    table: Table
    client_id: str

    def load(self) -> Record:
        item = self.table.get(self._key) or {}
        with reading_item(f"of application {self.client_id}"):
            outcome = item.get("Outcome")
            return Record(
                requested_at=from_text(item.get("RequestedAt")),
                outcome=None if outcome is None else Outcome(outcome),
                reason=str(item.get("Reason", "")),
                unanswered=int(item.get("Unanswered", 0)),
                message_at=from_text(item.get("MessageAt")),
                secret_at=from_text(item.get("SecretAt")),
                pending_since=from_text(item.get("PendingSince") or None),
                notice_at=from_text(item.get("NoticeAt")),
                notice_expires_at=from_text(item.get("NoticeExpiresAt") or None),
                expires_at=from_text(item.get("ExpiresAt")),
                checked_at=from_text(item.get("CheckedAt")),
            )

    def claim(self, record: Record, now: datetime) -> bool:
        """Records that a rotation is about to be requested.

        False if another one may still be answered, or if a rotation has begun or ended since `record` was read.
        """
        if record.outcome in UNANSWERED and not record.overdue(now):
            return False
        unchanged = has_value("RequestedAt", to_text(record.requested_at)) & has_value("Outcome", record.outcome)
        values = {
            "RequestedAt": to_text(now),
            "Outcome": Outcome.REQUESTED,
            "Reason": "",
            "Unanswered": record.unanswered + 1,
        }
        return self.table.update(self._key, values, condition=unchanged)

    def settle(self, outcome: Outcome, reason: str, unanswered: int) -> None:
        """Records the answer to the request, unless the new secret has come in the meantime."""
        self.table.update(
            self._key,
            {"Outcome": outcome, "Reason": reason, "Unanswered": unanswered},
            condition=Attr("Outcome").eq(Outcome.REQUESTED),
        )

    def message_received(self, now: datetime) -> None:
        self.table.update(self._key, {"MessageAt": to_text(now)})

    def warned(self, notice_at: datetime, expires_at: datetime | None) -> None:
        """Amazon warned that the secret in use expires."""
        values = {"NoticeAt": to_text(notice_at, unit="microseconds"), "NoticeExpiresAt": to_text(expires_at) or ""}
        self.table.update(self._key, values)

    def pending(self, now: datetime, record: Record) -> None:
        """A new secret is stored, and not in use yet."""
        since = record.pending_since or now
        values = {"Outcome": Outcome.RECEIVED, "Reason": "", "Unanswered": 0, "PendingSince": to_text(since)}
        self.table.update(self._key, values)

    def in_use(self, now: datetime, expires_at: datetime | None) -> None:
        """The new secret is in use."""
        values: Mapping[str, object] = {
            "Outcome": Outcome.IN_USE,
            "Reason": "",
            "Unanswered": 0,
            "SecretAt": to_text(now),
            "PendingSince": "",
            "ExpiresAt": to_text(expires_at),
        }
        self.table.update(self._key, values)

    def checked(self, now: datetime, expires_at: datetime) -> None:
        self.table.update(self._key, {"CheckedAt": to_text(now), "ExpiresAt": to_text(expires_at)})

    @property
    def _key(self) -> Mapping[str, str]:
        return {"ClientId": self.client_id}
