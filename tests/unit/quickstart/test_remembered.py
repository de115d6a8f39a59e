"""A stored value is read again after five minutes, or when it is asked for afresh."""

from itertools import count

import pytest

from quickstart.remembered import Remembered


class Clock:
    def __init__(self) -> None:
        self.seconds = 1000.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def clock() -> Clock:
    return Clock()


def test_a_value_is_kept_for_five_minutes(clock: Clock) -> None:
    value = Remembered(count(1).__next__, clock=clock)
    assert (value(), value()) == (1, 1)
    clock.seconds += 299.9
    assert value() == 1
    clock.seconds += 0.1
    assert value() == 2
    clock.seconds += 299.9
    assert value() == 2


def test_a_fresh_value_is_read_at_once_and_kept_from_then_on(clock: Clock) -> None:
    value = Remembered(count(1).__next__, clock=clock)
    assert value() == 1
    clock.seconds += 200
    assert value(fresh=True) == 2
    clock.seconds += 200
    assert value() == 2


def test_a_value_may_be_kept_for_another_time(clock: Clock) -> None:
    value = Remembered(count(1).__next__, 10, clock)
    assert value() == 1
    clock.seconds += 10
    assert value() == 2


def test_a_reading_that_fails_is_repeated_and_forgets_nothing(clock: Clock) -> None:
    answers: list[str | Exception] = ["first", ValueError("no"), "another"]

    def read() -> str:
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    value = Remembered(read, clock=clock)
    assert value() == "first"
    with pytest.raises(ValueError, match="no"):
        value(fresh=True)
    assert value() == "first"
    assert value(fresh=True) == "another"
    assert "another" not in repr(value)
