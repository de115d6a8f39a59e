"""When the client secret is rotated, and the one call that does it."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from quickstart.application_secret import SecretVersion
from quickstart.aws_failures import FAILED_CALLS, call_of, code_of
from quickstart.observability import logger
from quickstart.secret_rotation.messages import ExpiryNotice, NewSecret, UnreadableSecretMessageError, read_message
from quickstart.secret_rotation.record import Outcome, Record, RotationRecords
from quickstart.secret_rotation.replacement import SECRET_LIFE, Replacement, SecretNotYetValidError
from sp_api.errors import InvalidInputError, PermanentError, SellingPartnerApiError, ThrottledError, TransientError

# The old secret works this long after a rotation. What a second rotation in that time does is not documented, and a
# warning that comes then is most likely about the old secret.
OVERLAP = timedelta(days=7)
# A second request covers a message that was lost once. After that the messages do not arrive, and more secrets that
# nobody receives do not help.
MOST_UNANSWERED = 2


@dataclass(frozen=True)
class Check:
    """What a daily run found: `days_left` counts whole days, `problem` is empty where all is well."""

    days_left: int
    problem: str


@dataclass(frozen=True)
class Rotator:
    """Requests rotations. `request` calls rotateApplicationClientSecret and raises the errors of `sp_api.errors`.

    `days_before` is how many days before the end the daily run asks for a new secret. `given_expires_at` is when the
    secret that the stack was created with ends, as far as the operator has said.
    """

    replacement: Replacement
    request: Callable[[], None]
    days_before: int
    given_expires_at: datetime | None = None

    @property
    def records(self) -> RotationRecords:
        return self.replacement.records

    def check(self, now: datetime) -> Check:
        """The daily run: tries a pending secret, removes the label of an old one, and rotates when it is time.

        Raises what AWS raises.
        """
        versions = self.replacement.versions
        # Read before the secret, so that a rotation which ends in the meantime is noticed when the next one is claimed.
        record = self.records.load()
        used = versions.adopt()
        problem = ""
        try:
            used = self.replacement.retry_pending(used, record, now)
        except (SecretNotYetValidError, SellingPartnerApiError) as error:
            problem = f"a new client secret does not work yet: {error}"
        versions.wipe_previous(used, now)
        expires_at = end_of(used, record, self.given_expires_at)
        days_left = (expires_at - now) // timedelta(days=1)
        self.records.checked(now, expires_at)
        if not problem and (days_left <= self.days_before or _was_warned_of(used, record)):
            problem = self._rotate(record, now)
        if problem:
            logger().error("the client secret needs attention", problem=problem, days_left=days_left)
        return Check(days_left, problem)

    def warned(self, notice: ExpiryNotice, now: datetime) -> None:
        """Rotates on Amazon's warning that the secret ends. A warning about an earlier secret changes nothing.

        Raises UnreadableSecretMessageError for another application's warning, and what AWS raises.
        """
        record = self.records.load()
        used = self.replacement.versions.adopt()
        if notice.client_id != used.client_id:
            raise UnreadableSecretMessageError(
                f"the warning is for client id {notice.client_id}, and this stack's application is {used.client_id}"
            )
        self.records.message_received(now)
        if not _is_about(used, notice.event_time, notice.expires_at):
            logger().info("the warning is about an earlier client secret", expires_at=str(notice.expires_at))
            return
        self.records.warned(notice.event_time, notice.expires_at)
        if record.secret_at is not None and now - record.secret_at < OVERLAP:
            logger().info("the client secret was rotated days ago, so the warning changes nothing")
            return
        if problem := self._rotate(record, now):
            logger().error("the client secret was not rotated", problem=problem)

    def _rotate(self, record: Record, now: datetime) -> str:
        """Requests a new secret, unless one may still come; returns what prevented it, or an empty text."""
        if self.replacement.versions.pending(self.records.client_id) is not None:
            return "a new client secret is stored and does not work yet"
        if record.unanswered >= MOST_UNANSWERED:
            return (
                f"no new secret arrived in the queue after {record.unanswered} rotations: register the queue in the "
                "developer console, rotate the secret there by hand, and store it with make rotate-secret"
            )
        overdue = record.overdue(now)
        if not self.records.claim(record, now):
            return ""
        try:
            outcome, reason, unanswered = self._request(record)
        except FAILED_CALLS as error:
            # The credentials for the call could not be read, so nothing was requested: the next run need not wait.
            failure = f"{call_of(error)} failed: {code_of(error)}"
            self.records.settle(Outcome.FAILED, failure, record.unanswered)
            raise
        self.records.settle(outcome, reason, unanswered)
        logger().info("client secret rotation requested", outcome=outcome, reason=reason)
        if outcome in (Outcome.ACCEPTED, Outcome.UNKNOWN):
            return "no new secret arrived in the queue after the previous rotation" if overdue else ""
        return reason

    def _request(self, record: Record) -> tuple[Outcome, str, int]:
        """The outcome of the call, its reason, and the number of unanswered requests after it."""
        try:
            self.request()
        except InvalidInputError as error:
            enrolled = "not enrolled" not in str(error)
            return Outcome.REFUSED if enrolled else Outcome.NOT_ENROLLED, str(error), record.unanswered
        except TransientError as error:
            if error.outcome_unknown:
                return Outcome.UNKNOWN, str(error), record.unanswered + 1
            return Outcome.FAILED, str(error), record.unanswered
        except ThrottledError as error:
            return Outcome.FAILED, str(error), record.unanswered
        except PermanentError as error:
            return Outcome.REFUSED, str(error), record.unanswered
        return Outcome.ACCEPTED, "", record.unanswered + 1


def process_message(
    body: str, replacement: Callable[[], Replacement], rotator: Callable[[], Rotator], now: datetime
) -> None:
    """A message of the secret queue: a new secret, or a warning that the secret expires.

    Raises UnreadableSecretMessageError, SecretRetryError, and what LWA or AWS raise.
    """
    message = read_message(body)
    # No message comes from the future, except on a simulated clock.
    now = max(now, message.event_time)
    if isinstance(message, NewSecret):
        replacement().receive(message, now)
    else:
        rotator().warned(message, now)


def end_of(used: SecretVersion, record: Record, given_expires_at: datetime | None = None) -> datetime:
    """When the secret ends: as Amazon said, or else the operator, or else 180 days after it was stored, at the latest.

    Amazon's warning goes before a date that is stored with the secret, because an operator may have entered that one.
    """
    stored_at = used.issued_at or used.created_at
    if _was_warned_of(used, record) and record.notice_expires_at is not None:
        return record.notice_expires_at
    if used.expires_at is not None:
        return used.expires_at
    if stored_at is None:
        raise ValueError("a version of the secret has neither an end nor a date")
    latest = stored_at + SECRET_LIFE
    return latest if given_expires_at is None else min(given_expires_at, latest)


def given_expires_at(date: str) -> datetime | None:
    """The date (YYYY-MM-DD) on which the operator says that the secret ends; its first moment, to be safe.

    None for no date, and for one that no calendar has.
    """
    try:
        return datetime.fromisoformat(date).replace(tzinfo=UTC)
    except ValueError:
        return None


def _was_warned_of(used: SecretVersion, record: Record) -> bool:
    """Whether Amazon has warned that the secret in use ends: a rotation that failed then is still to be done."""
    return record.notice_at is not None and _is_about(used, record.notice_at, record.notice_expires_at)


def _is_about(used: SecretVersion, sent_at: datetime, expires_at: datetime | None) -> bool:
    """Whether a warning that Amazon sent at `sent_at` is about the secret in use, and not about the one before it.

    Amazon repeats its warnings, and messages may come late. While both secrets work, the end tells which one is meant;
    afterwards only the one in use is left.
    """
    issued_at = used.issued_at or used.created_at
    if issued_at is not None and sent_at < issued_at:
        return False
    if used.previous_expires_at is None or sent_at >= used.previous_expires_at:
        return True
    if expires_at is None or used.expires_at is None:
        return False
    return expires_at >= used.expires_at - timedelta(days=1)
