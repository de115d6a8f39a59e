"""When a rotation is requested, and what each answer of SP-API means. The rest is real in the end-to-end tests."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ClientError

from quickstart.application_secret import SecretVersion
from quickstart.secret_rotation.messages import ExpiryNotice, UnreadableSecretMessageError
from quickstart.secret_rotation.record import Outcome, Record
from quickstart.secret_rotation.replacement import SecretNotYetValidError
from quickstart.secret_rotation.rotation import MOST_UNANSWERED, Check, Rotator
from sp_api.errors import InvalidInputError, ThrottledError, TransientError

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
        self.not_yet_valid = False
        self.calls = 0
        self.settled: tuple[Outcome, str, int] | None = None
        versions = SimpleNamespace(
            adopt=lambda: self.used, pending=lambda _: self.pending, wipe_previous=lambda *_: None
        )
        records = SimpleNamespace(
            client_id="client",
            load=lambda: self.record,
            claim=lambda *_: True,
            settle=self._settle,
            checked=lambda *_: None,
            message_received=lambda *_: None,
            warned=lambda *_: None,
        )
        replacement: Any = SimpleNamespace(
            versions=versions, records=records, given_expires_at=None, retry_pending=self._retry_pending
        )
        self.rotator = Rotator(replacement, self._request, days_before=30)

    def _settle(self, outcome: Outcome, reason: str, unanswered: int) -> None:
        self.settled = (outcome, reason, unanswered)

    def _retry_pending(self, version: SecretVersion, _record: Record, _now: datetime) -> SecretVersion:
        if self.not_yet_valid:
            raise SecretNotYetValidError("not yet")
        return version

    def _request(self) -> None:
        self.calls += 1
        if self.answer is not None:
            raise self.answer


@pytest.mark.parametrize(("days_left", "calls"), [(31, 0), (30.9, 1), (30, 1), (0, 1), (-1, 1)])
def test_the_daily_run_rotates_thirty_days_before_the_end(days_left: float, calls: int) -> None:
    stage = Stage(days_left)
    assert stage.rotator.check(NOW).problem == ""
    assert stage.calls == calls


@pytest.mark.parametrize(
    ("answer", "outcome", "unanswered", "problem"),
    [
        (None, Outcome.ACCEPTED, 1, False),
        (InvalidInputError(CALL, message="the application is not enrolled"), Outcome.NOT_ENROLLED, 0, True),
        (InvalidInputError(CALL, message="no"), Outcome.REFUSED, 0, True),
        (ThrottledError(CALL, retry_after=60), Outcome.FAILED, 0, True),
        (TransientError(CALL, status=503), Outcome.FAILED, 0, True),
        (TransientError(CALL, outcome_unknown=True), Outcome.UNKNOWN, 1, False),
    ],
)
def test_what_each_answer_means(answer: Exception | None, outcome: Outcome, unanswered: int, *, problem: bool) -> None:
    stage = Stage(answer=answer)
    assert bool(stage.rotator.check(NOW).problem) is problem
    assert stage.settled is not None
    assert (stage.settled[0], stage.settled[2]) == (outcome, unanswered)


def test_when_aws_fails_before_the_call_the_next_run_need_not_wait() -> None:
    stage = Stage(answer=ClientError({"Error": {"Code": "AccessDeniedException"}}, "GetSecretValue"))
    with pytest.raises(ClientError):
        stage.rotator.check(NOW)
    assert stage.settled == (Outcome.FAILED, "GetSecretValue failed: AccessDeniedException", 0)


def test_no_third_secret_is_requested_while_none_arrives() -> None:
    stage = Stage(record=Record(unanswered=MOST_UNANSWERED))
    assert "register the queue" in stage.rotator.check(NOW).problem
    assert stage.calls == 0


def test_no_secret_is_requested_while_one_waits() -> None:
    stage = Stage()
    stage.pending = replace(stage.used, version_id="v2", client_secret="next")
    assert "does not work yet" in stage.rotator.check(NOW).problem
    stage.not_yet_valid = True
    assert stage.rotator.check(NOW) == Check(30, "a new client secret does not work yet: not yet")
    assert stage.calls == 0


@pytest.mark.parametrize(
    ("record", "expires_in", "calls"),
    [
        (Record(), 20, 1),
        (Record(secret_at=NOW - timedelta(days=6)), 20, 0),
        (Record(secret_at=NOW - timedelta(days=8)), 20, 1),
        (Record(), 18, 0),
    ],
)
def test_a_warning_rotates_unless_it_is_about_an_earlier_secret(record: Record, expires_in: int, calls: int) -> None:
    stage = Stage(days_left=20, record=record)
    # The one before it still works, so the end in the warning tells which one is meant.
    stage.used = replace(stage.used, previous_expires_at=NOW + timedelta(days=1))
    stage.rotator.warned(ExpiryNotice("client", NOW, NOW + timedelta(days=expires_in)), NOW)
    assert stage.calls == calls


def test_a_warning_that_leads_to_no_rotation_is_logged(log_lines: Callable[[], list[dict[str, Any]]]) -> None:
    Stage(record=Record(unanswered=MOST_UNANSWERED)).rotator.warned(
        ExpiryNotice("client", NOW, NOW + timedelta(days=30)), NOW
    )
    (line,) = [line for line in log_lines() if line["level"] == "ERROR"]
    assert line["message"] == "the client secret was not rotated"
    assert "register the queue" in line["problem"]


def test_a_warning_about_another_application_is_unreadable() -> None:
    stage = Stage()
    with pytest.raises(UnreadableSecretMessageError, match="the warning is for client id other"):
        stage.rotator.warned(ExpiryNotice("other", NOW, NOW), NOW)
    assert stage.calls == 0
