"""Times as text: written in UTC, and read only if something can be calculated with them."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from quickstart.times import calculable, from_text, read_any_time, read_text, to_text

MOMENT = datetime(2024, 3, 10, 20, 11, 24, 500, tzinfo=UTC)


def test_times_are_written_in_utc() -> None:
    elsewhere = MOMENT.astimezone(timezone(timedelta(hours=5)))
    assert to_text(elsewhere) == "2024-03-10T20:11:24+00:00"
    assert to_text(elsewhere, unit="microseconds") == "2024-03-10T20:11:24.000500+00:00"
    assert to_text(None) is None


@pytest.mark.parametrize("text", ["soon", "2024-03-10T20:11:24", "2000-12-31T00:00:00Z", "9000-01-01T00:00:00Z"])
def test_what_nothing_can_be_calculated_with(text: str) -> None:
    assert calculable(text) is None
    with pytest.raises(ValueError, match=r"^not a valid time with an offset$"):
        read_text(text)


@pytest.mark.parametrize("text", ["2001-01-01T00:00:00+00:00", "8999-12-31T00:00:00+00:00", to_text(MOMENT)])
def test_a_time_reads_back(text: str) -> None:
    time = calculable(text)
    assert time is not None
    assert read_text(text) == from_text(text) == read_any_time(text) == time
    assert to_text(time) == text


def test_a_time_may_be_missing() -> None:
    assert from_text(None) is None
    assert read_any_time(None) is None
    assert calculable(None) is None


def test_a_time_at_the_ends_of_the_calendar() -> None:
    assert read_any_time("0001-01-01T00:00:00+00:00") == datetime(1, 1, 1, tzinfo=UTC)
    assert read_any_time("2024-03-10T22:11:24+02:00") == MOMENT.replace(microsecond=0)
    with pytest.raises(ValueError, match=r"^a time without an offset$"):
        read_any_time("2024-03-10T20:11:24")
    with pytest.raises(OverflowError):
        read_any_time("0001-01-01T00:00:00+14:00")
