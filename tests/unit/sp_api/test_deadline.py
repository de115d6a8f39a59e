"""One budget for everything that a call does."""

import time

import pytest

from sp_api.deadline import Deadline, DeadlineExceeded
from sp_api.errors import TransientError


def test_what_remains_shrinks_towards_the_moment() -> None:
    deadline = Deadline.after(30)
    first = deadline.remaining()
    assert 0 < deadline.remaining() <= first <= 30
    assert not deadline.spent


def test_a_spent_deadline_names_the_operation() -> None:
    deadline = Deadline.after(0)
    assert deadline.spent
    with pytest.raises(DeadlineExceeded, match="getReport: the time for the call ran out") as raised:
        deadline.remaining("getReport")
    assert isinstance(raised.value, TransientError)
    assert raised.value.status is None
    assert not raised.value.outcome_unknown
    with pytest.raises(DeadlineExceeded):
        deadline.timeout("getReport")


@pytest.mark.parametrize(
    ("seconds", "connect", "read"), [(2, 2, 2), (20, 5, 20), (600, 5, 30)], ids=["short", "an API call", "a long task"]
)
def test_timeouts_follow_from_the_deadline(seconds: float, connect: float, read: float) -> None:
    timeout = Deadline.after(seconds).timeout()
    assert timeout.connect_timeout == pytest.approx(connect, abs=0.1)
    assert timeout.read_timeout == pytest.approx(read, abs=0.1)
    assert Deadline.after(seconds).longest_read() == pytest.approx(read, abs=0.1)


@pytest.mark.parametrize(("left", "spent"), [(0.25, False), (0.0, True), (-0.5, True)])
def test_the_moment_itself_is_too_late(left: float, spent: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "monotonic", lambda: 1000.0)
    deadline = Deadline(1000.0 + left)
    assert deadline.spent is spent
    if spent:
        for ask in (deadline.remaining, deadline.longest_read, deadline.timeout):
            with pytest.raises(DeadlineExceeded, match=r"^call: the time for the call ran out$"):
                ask()
    else:
        assert deadline.remaining() == left
