"""Waits after a 429, from the header and from the documented rates."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from sp_api.rate_limits import read_rate_limit, wait_for


@pytest.mark.parametrize(
    ("header", "rate"),
    [("2.0", 2.0), ("0.0167", 0.0167), (" 5 ", 5.0), ("2.0, 2.0", 2.0), ("15", 15.0), ("0.000000001", 1e-9)],
)
def test_rate_limit_header(header: str, rate: float) -> None:
    assert read_rate_limit(header) == rate


@pytest.mark.parametrize(
    "header", [None, "", "0", "0.0", "-1", "nan", "inf", "1e5", "1_0", "two", "٣", "2.", ".5", "0.0000000000001"]
)
def test_rate_limit_header_that_says_nothing(header: str | None) -> None:
    assert read_rate_limit(header) is None


@given(st.text() | st.floats().map(str) | st.decimals().map(str))
@example("0.000000001")
def test_any_rate_limit_header_gives_a_wait_that_ends(header: str) -> None:
    rate = read_rate_limit(header)
    assert rate is None or rate > 0
    assert 0 < wait_for(rate, 0.0167) <= 3600


def test_without_a_header_the_documented_rate_counts() -> None:
    assert wait_for(None, 0.0167) == pytest.approx(59.88, abs=0.01)
    assert wait_for(2.0, 0.0167) == 0.5


def test_no_wait_is_longer_than_an_hour() -> None:
    assert wait_for(1 / 3599, 1) == pytest.approx(3599)
    assert wait_for(1 / 3601, 1) == wait_for(0.000000001, 1) == 3600
