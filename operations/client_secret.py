"""What is known of a stack's client secret and its rotation, in words for the operator."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from operations.stack import Stack
from quickstart.application_secret import CURRENT, PENDING, PREVIOUS, ApplicationSecret, SecretVersion
from quickstart.dynamodb import Table
from quickstart.secret_rotation.record import UNANSWERED, Outcome, Record, RotationRecords
from quickstart.secret_rotation.rotation import MOST_UNANSWERED, end_of, given_expires_at

# Amazon warns from 90 days before the end (SP-API docs, "Rotating your apps' LWA credentials").
FIRST_WARNING = timedelta(days=90)
WARNING = timedelta(days=30)
# A run may be some hours late, and Lambda repeats a failed one twice.
MISSED = timedelta(days=2)
BY_HAND = "rotate it in the developer console, then run make rotate-secret"
REJECTED = (
    "the client id is wrong, or the client secret is wrong, replaced or expired, whatever age is shown above: "
    f"{BY_HAND}: docs/secret-rotation.md#rotate-by-hand"
)
REGISTER = (
    "register the queue in the output SecretQueueArn in the developer console, for both rows: docs/secret-rotation.md"
)


@dataclass(frozen=True)
class ClientSecret:
    """The state of the secret; `record` is None where the rotation is switched off."""

    used: SecretVersion
    pending: SecretVersion | None
    written_by_update: bool
    record: Record | None
    given_expires_at: datetime | None = None
    has_previous: bool = False

    @property
    def expires_at(self) -> datetime:
        return end_of(self.used, self.record or Record(), self.given_expires_at)

    @property
    def end_is_known(self) -> bool:
        """Whether Amazon or the operator said when the secret ends."""
        return self.used.expires_at is not None or self.expires_at != end_of(self.used, Record())


def application_secret(stack: Stack) -> ApplicationSecret:
    return ApplicationSecret(stack.client("secretsmanager"), stack.outputs["ApplicationSecretArn"])


def rotation_records(stack: Stack, client_id: str) -> RotationRecords | None:
    """None where the rotation is switched off."""
    table = stack.outputs.get("SecretRotationTableName")
    return None if table is None else RotationRecords(Table(stack.client("dynamodb"), table), client_id)


def read_client_secret(stack: Stack) -> ClientSecret:
    """Raises SecretUnreadableError and what AWS raises."""
    secret = application_secret(stack)
    used, current = secret.in_use(), secret.version(CURRENT)
    pending = secret.version(PENDING)
    records = rotation_records(stack, used.client_id)
    return ClientSecret(
        used,
        None if pending is None or pending.client_secret == used.client_secret else pending,
        current is not None and current.client_secret != used.client_secret,
        None if records is None else records.load(),
        given_expires_at(stack.parameters.get("ClientSecretExpires", "")),
        secret.readable_version(PREVIOUS) is not None,
    )


def age(secret: ClientSecret, now: datetime) -> tuple[str, str]:
    """When the secret ends, and what to do about it if it is soon."""
    days = (secret.expires_at - now) // timedelta(days=1)
    at_most = "" if secret.end_is_known else "at most "
    state = f"expires in {at_most}{days} day{'' if days == 1 else 's'}" if days >= 0 else "has expired"
    if not secret.end_is_known and days < 0:
        state = "stored more than 180 days ago, so it has expired"
    return state, BY_HAND if secret.expires_at - now < WARNING else ""


def rotation(secret: ClientSecret, now: datetime) -> Iterator[tuple[str, str]]:
    """Each thing that an operator should know about the rotation, with advice if something is to be done."""
    record = secret.record
    if secret.written_by_update:
        yield (
            "a stack update wrote another client secret, which is not used",
            "if that one is newer, run make rotate-secret; otherwise set the parameter ClientSecret back",
        )
    if secret.pending is not None:
        yield "a new client secret is stored and does not work yet", f"if this lasts for hours, {BY_HAND}"
    end = secret.used.previous_expires_at
    if secret.has_previous and end is not None and now < end:
        yield f"the previous client secret is kept as a reserve until {end:%Y-%m-%d}", ""
    if record is None:
        yield "switched off (SecretRotationEnabled)", ""
        return
    yield from _daily_run(secret.used, record, now)
    if record.outcome == Outcome.RECEIVED and secret.pending is None:
        yield "a new client secret was received; its message or the next daily run completes the rotation", ""
    else:
        yield _last_request(record, now)
    if record.message_at is not None:
        yield f"last message received on {record.message_at:%Y-%m-%d}", ""
    else:
        soon = secret.expires_at - now < FIRST_WARNING
        yield "no message received yet: nothing proves that the queue is registered", REGISTER if soon else ""


def _daily_run(used: SecretVersion, record: Record, now: datetime) -> Iterator[tuple[str, str]]:
    """Nothing while the secret is checked every day."""
    since = record.checked_at or used.created_at
    if since is None or now - since < MISSED:
        return
    state = "has never succeeded" if record.checked_at is None else f"last succeeded on {record.checked_at:%Y-%m-%d}"
    yield f"the daily run {state}", "make logs FUNCTION=SPAPISecretRotator shows why"


def _last_request(record: Record, now: datetime) -> tuple[str, str]:
    date = f"{record.requested_at:%Y-%m-%d %H:%M} UTC" if record.requested_at else ""
    if record.outcome == Outcome.NOT_ENROLLED:
        return f"rejected on {date}: the queue is not registered", REGISTER
    if record.outcome in (Outcome.REFUSED, Outcome.FAILED):
        return f"failed on {date}: {record.reason}", f"the daily run tries again; if it keeps failing, {BY_HAND}"
    if record.outcome in UNANSWERED and not record.overdue(now):
        return f"requested on {date}; the new secret should come within seconds", ""
    if record.outcome in UNANSWERED and record.unanswered < MOST_UNANSWERED:
        return (
            f"requested on {date}, and no new secret has come",
            f"the daily run tries once more; check that the queue is registered: {REGISTER}",
        )
    if record.outcome in UNANSWERED:
        return f"requested {record.unanswered} times, and no new secret has come", f"{BY_HAND}; {REGISTER}"
    if record.secret_at is not None:
        return f"last new secret in use since {record.secret_at:%Y-%m-%d}", ""
    return "not needed so far", ""
