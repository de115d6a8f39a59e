"""When a rotation is requested, and what each answer of SP-API means. The rest is real in the end-to-end tests."""

import math
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ClientError

from quickstart.application_secret import SecretVersion
from quickstart.secret_rotation.messages import ExpiryNotice, UnreadableSecretMessageError
from quickstart.secret_rotation.record import UNANSWERED, Outcome, Record
from quickstart.secret_rotation.replacement import SecretNotYetValidError
from quickstart.secret_rotation.rotation import MOST_UNANSWERED, Check, Rotator
from sp_api.errors import AccessDeniedError, InvalidInputError, ThrottledError, TransientError

LogLines = Callable[[], list[dict[str, Any]]]
NOW = datetime(2027, 1, 10, tzinfo=UTC)
CALL = "rotateApplicationClientSecret"


def used(days_left: float) -> SecretVersion:
    return SecretVersion(
        "v1", "client", "secret", issued_at=NOW - timedelta(days=9), expires_at=NOW + timedelta(days=days_left)
    )


class Stage:
    """A rotator with its secret and its record in memory; `calls` counts the requests for a rotation."""

    def __init__(self, days_left: float = 30, record: Record = Record(), answer: Exception | None = None) -> None:  # noqa: B008 - frozen
        self.used, self.record, self.answer = used(days_left), record, answer
        self.pending: SecretVersion | None = None
        # What retrying the pending secret gives: None for the version in use as it is.
        self.retried: SecretVersion | Exception | None = None
        self.claimed = True
        self.calls = 0
        # What is read and written, in its order.
        self.steps: list[tuple[object, ...]] = []
        self.settled: tuple[Outcome, str, int] | None = None
        versions = SimpleNamespace(
            adopt=partial(self._step, "adopt", lambda: self.used),
            pending=lambda client_id: self.pending if client_id == "client" else None,
            wipe_previous=partial(self._step, "wipe", lambda *_: None),
        )
        records = SimpleNamespace(
            client_id="client",
            load=partial(self._step, "load", lambda: self.record),
            claim=partial(self._step, "claim", lambda *_: self.claimed),
            settle=partial(self._step, "settle", self._settle),
            checked=partial(self._step, "checked", lambda *_: None),
            message_received=partial(self._step, "message", lambda *_: None),
            warned=partial(self._step, "warned", lambda *_: None),
        )
        replacement: Any = SimpleNamespace(versions=versions, records=records, retry_pending=self._retry_pending)
        self.rotator = Rotator(replacement, self._request, days_before=30)

    def _step(self, name: str, answer: Callable[..., Any], *given: object) -> Any:
        self.steps.append((name, *given))
        return answer(*given)

    def _settle(self, outcome: Outcome, reason: str, unanswered: int) -> None:
        self.settled = (outcome, reason, unanswered)

    def _retry_pending(self, version: SecretVersion, record: Record, now: datetime) -> SecretVersion:
        self.steps.append(("retry", version, record, now))
        if isinstance(self.retried, Exception):
            raise self.retried
        return self.retried or version

    def _request(self) -> None:
        self.calls += 1
        self.steps.append(("request",))
        if self.answer is not None:
            raise self.answer


@pytest.mark.parametrize(("days_left", "calls"), [(31, 0), (30.9, 1), (30, 1), (0, 1), (-1, 1)])
def test_the_daily_run_rotates_thirty_days_before_the_end(days_left: float, calls: int) -> None:
    stage = Stage(days_left)
    assert stage.rotator.check(NOW) == Check(math.floor(days_left), "")
    assert stage.calls == calls


def test_the_daily_run_reads_the_record_before_the_secret_and_notes_what_it_found(log_lines: LogLines) -> None:
    stage = Stage(31)
    newer = replace(stage.used, version_id="v2", expires_at=NOW + timedelta(days=100))
    stage.retried = newer
    assert stage.rotator.check(NOW) == Check(100, "")
    assert stage.steps == [
        ("load",),
        ("adopt",),
        ("retry", stage.used, stage.record, NOW),
        ("wipe", newer, NOW),
        ("checked", NOW, newer.expires_at),
    ]
    assert log_lines() == []


def test_a_rotation_is_claimed_requested_and_settled(log_lines: LogLines) -> None:
    stage = Stage(30)
    assert stage.rotator.check(NOW) == Check(30, "")
    assert stage.steps[5:] == [
        ("claim", stage.record, NOW),
        ("request",),
        ("settle", Outcome.ACCEPTED, "", 1),
    ]
    (line,) = log_lines()
    assert (line["level"], line["message"]) == ("INFO", "client secret rotation requested")
    assert (line["outcome"], line["reason"]) == ("ACCEPTED", "")


def test_a_rotation_that_another_run_has_claimed_is_not_requested() -> None:
    stage = Stage(30)
    stage.claimed = False
    assert stage.rotator.check(NOW) == Check(30, "")
    assert (stage.calls, stage.settled) == (0, None)


@pytest.mark.parametrize(("warned", "calls"), [(True, 1), (False, 0)])
def test_the_daily_run_rotates_a_secret_that_amazon_has_warned_of(warned: bool, calls: int) -> None:
    """The rotation that the warning caused may have failed."""
    notice = Record(notice_at=NOW if warned else NOW - timedelta(days=10), notice_expires_at=NOW + timedelta(days=100))
    stage = Stage(100, record=notice)
    assert stage.rotator.check(NOW) == Check(100, "")
    assert stage.calls == calls


def test_the_date_that_the_operator_gave_counts_for_the_first_secret() -> None:
    stage = Stage()
    stage.used = replace(stage.used, expires_at=None)
    rotator = replace(stage.rotator, given_expires_at=NOW + timedelta(days=50))
    assert rotator.check(NOW) == Check(50, "")
    assert stage.steps[-1] == ("checked", NOW, NOW + timedelta(days=50))


@pytest.mark.parametrize("refusal", [SecretNotYetValidError("not yet"), TransientError("LWA", status=503)])
def test_a_new_secret_that_does_not_work_yet_is_a_problem(refusal: Exception, log_lines: LogLines) -> None:
    stage = Stage()
    stage.retried = refusal
    problem = f"a new client secret does not work yet: {refusal}"
    assert stage.rotator.check(NOW) == Check(30, problem)
    assert stage.calls == 0
    (line,) = log_lines()
    assert (line["level"], line["message"]) == ("ERROR", "the client secret needs attention")
    assert (line["problem"], line["days_left"]) == (problem, 30)


@pytest.mark.parametrize(
    ("answer", "outcome", "unanswered", "problem"),
    [
        (None, Outcome.ACCEPTED, 1, False),
        (InvalidInputError(CALL, message="the application is not enrolled"), Outcome.NOT_ENROLLED, 0, True),
        (InvalidInputError(CALL, message="no"), Outcome.REFUSED, 0, True),
        (ThrottledError(CALL, retry_after=60), Outcome.FAILED, 0, True),
        (TransientError(CALL, status=503), Outcome.FAILED, 0, True),
        (TransientError(CALL, outcome_unknown=True), Outcome.UNKNOWN, 1, False),
        (AccessDeniedError(CALL, status=403), Outcome.REFUSED, 0, True),
    ],
)
@pytest.mark.parametrize("before", [0, 1])
def test_what_each_answer_means(
    answer: Exception | None, outcome: Outcome, unanswered: int, before: int, *, problem: bool
) -> None:
    stage = Stage(record=Record(unanswered=before), answer=answer)
    reason = "" if answer is None else str(answer)
    assert stage.rotator.check(NOW).problem == (reason if problem else "")
    assert stage.settled == (outcome, reason, before + unanswered)


@pytest.mark.parametrize("outcome", sorted(UNANSWERED))
@pytest.mark.parametrize("answer", [None, TransientError(CALL, outcome_unknown=True), TransientError(CALL, status=503)])
def test_a_second_request_says_that_the_first_brought_no_secret(outcome: Outcome, answer: Exception | None) -> None:
    record = Record(requested_at=NOW - timedelta(hours=1), outcome=outcome, unanswered=1)
    problem = "no new secret arrived in the queue after the previous rotation"
    if isinstance(answer, TransientError) and not answer.outcome_unknown:
        problem = str(answer)
    assert Stage(record=record, answer=answer).rotator.check(NOW).problem == problem


def test_when_aws_fails_before_the_call_the_next_run_need_not_wait() -> None:
    stage = Stage(answer=ClientError({"Error": {"Code": "AccessDeniedException"}}, "GetSecretValue"))
    with pytest.raises(ClientError):
        stage.rotator.check(NOW)
    assert stage.settled == (Outcome.FAILED, "GetSecretValue failed: AccessDeniedException", 0)


def test_no_third_secret_is_requested_while_none_arrives() -> None:
    stage = Stage(record=Record(unanswered=2))
    assert stage.rotator.check(NOW).problem == (
        "no new secret arrived in the queue after 2 rotations: register the queue in the developer console, rotate the "
        "secret there by hand, and store it with make rotate-secret"
    )
    assert stage.calls == 0
    assert Stage(record=Record(unanswered=1)).rotator.check(NOW).problem == ""


def test_no_secret_is_requested_while_one_waits() -> None:
    stage = Stage()
    stage.pending = replace(stage.used, version_id="v2", client_secret="next")
    assert stage.rotator.check(NOW) == Check(30, "a new client secret is stored and does not work yet")
    assert stage.calls == 0


@pytest.mark.parametrize(
    ("record", "expires_in", "calls"),
    [
        (Record(), 20, 1),
        (Record(secret_at=NOW - timedelta(days=6)), 20, 0),
        (Record(secret_at=NOW - timedelta(days=7) + timedelta(seconds=1)), 20, 0),
        (Record(secret_at=NOW - timedelta(days=7)), 20, 1),
        (Record(secret_at=NOW - timedelta(days=8)), 20, 1),
        (Record(), 19, 1),
        (Record(), 18, 0),
    ],
)
def test_a_warning_rotates_unless_it_is_about_an_earlier_secret(record: Record, expires_in: int, calls: int) -> None:
    stage = Stage(days_left=20, record=record)
    # The one before it still works, so the end in the warning tells which one is meant.
    stage.used = replace(stage.used, previous_expires_at=NOW + timedelta(days=1))
    stage.rotator.warned(ExpiryNotice("client", NOW, NOW + timedelta(days=expires_in)), NOW)
    assert stage.calls == calls


def test_a_warning_is_recorded_before_the_rotation() -> None:
    stage = Stage()
    expires_at = NOW + timedelta(days=30)
    stage.rotator.warned(ExpiryNotice("client", NOW - timedelta(hours=1), expires_at), NOW)
    assert stage.steps == [
        ("load",),
        ("adopt",),
        ("message", NOW),
        ("warned", NOW - timedelta(hours=1), expires_at),
        ("claim", stage.record, NOW),
        ("request",),
        ("settle", Outcome.ACCEPTED, "", 1),
    ]


def test_a_warning_about_an_earlier_secret_only_shows_that_the_queue_works(log_lines: LogLines) -> None:
    stage = Stage()
    stage.rotator.warned(ExpiryNotice("client", NOW - timedelta(days=10), NOW + timedelta(days=30)), NOW)
    assert stage.steps == [("load",), ("adopt",), ("message", NOW)]
    (line,) = log_lines()
    assert (line["level"], line["message"]) == ("INFO", "the warning is about an earlier client secret")
    assert line["expires_at"] == str(NOW + timedelta(days=30))


def test_a_warning_soon_after_a_rotation_is_logged(log_lines: LogLines) -> None:
    stage = Stage(record=Record(secret_at=NOW - timedelta(days=1)))
    stage.rotator.warned(ExpiryNotice("client", NOW, NOW + timedelta(days=30)), NOW)
    (line,) = log_lines()
    assert line["message"] == "the client secret was rotated days ago, so the warning changes nothing"
    assert (line["level"], stage.steps[-1][0]) == ("INFO", "warned")


def test_a_warning_that_leads_to_no_rotation_is_logged(log_lines: LogLines) -> None:
    Stage(record=Record(unanswered=MOST_UNANSWERED)).rotator.warned(
        ExpiryNotice("client", NOW, NOW + timedelta(days=30)), NOW
    )
    (line,) = [line for line in log_lines() if line["level"] == "ERROR"]
    assert line["message"] == "the client secret was not rotated"
    assert "register the queue" in line["problem"]


def test_a_warning_about_another_application_is_unreadable() -> None:
    stage = Stage()
    words = "^the warning is for client id other, and this stack's application is client$"
    with pytest.raises(UnreadableSecretMessageError, match=words):
        stage.rotator.warned(ExpiryNotice("other", NOW, NOW), NOW)
    assert stage.steps == [("load",), ("adopt",)]
