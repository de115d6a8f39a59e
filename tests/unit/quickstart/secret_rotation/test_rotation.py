"""When a client secret ends, from what Amazon and the operator have said."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from quickstart.application_secret import SecretVersion
from quickstart.secret_rotation.record import Record
from quickstart.secret_rotation.rotation import _is_about, end_of, given_expires_at

ISSUED = datetime(2027, 1, 10, tzinfo=UTC)
FIRST = SecretVersion("v1", "client", "secret", issued_at=ISSUED)
ROTATED = replace(FIRST, expires_at=ISSUED + timedelta(days=180), previous_expires_at=ISSUED + timedelta(days=7))


def day(number: float) -> datetime:
    return ISSUED + timedelta(days=number)


@pytest.mark.parametrize(("given", "ends"), [(None, 180), (40, 40), (-3, -3), (400, 180)])
def test_a_date_that_the_operator_gives_is_at_most_the_life_of_a_secret(given: int | None, ends: int) -> None:
    assert end_of(FIRST, Record(), None if given is None else day(given)) == day(ends)


def test_the_date_of_the_first_secret_says_nothing_about_a_rotated_one() -> None:
    assert end_of(ROTATED, Record(), day(3)) == day(180)


def test_without_a_date_of_its_issue_a_secret_lives_from_when_it_was_stored() -> None:
    stored = replace(FIRST, issued_at=None, created_at=day(1))
    assert end_of(stored, Record()) == day(181)
    assert end_of(replace(FIRST, created_at=day(1)), Record()) == day(180)
    with pytest.raises(ValueError, match=r"^a version of the secret has neither an end nor a date$"):
        end_of(replace(stored, created_at=None), Record())


SECOND = 1 / 86_400


STORED = replace(FIRST, issued_at=None, created_at=day(1))


@pytest.mark.parametrize(
    ("sent", "says", "used", "about"),
    [
        pytest.param(-SECOND, 30, FIRST, False, id="sent before the issue"),
        pytest.param(0, 30, FIRST, True, id="sent with the issue"),
        pytest.param(1 - SECOND, 30, STORED, False, id="before it was stored"),
        pytest.param(1, 30, STORED, True, id="when it was stored"),
        pytest.param(0.5, 30, replace(FIRST, created_at=day(1)), True, id="issued, and stored later"),
        pytest.param(-1, 30, replace(FIRST, issued_at=None), True, id="of unknown age"),
        pytest.param(7 - SECOND, 30, ROTATED, False, id="while the one before it works"),
        pytest.param(7, 30, ROTATED, True, id="when the one before it ends"),
        pytest.param(1, 179, ROTATED, True, id="a day before its end"),
        pytest.param(1, 179 - SECOND, ROTATED, False, id="more than a day before its end"),
        pytest.param(1, None, ROTATED, False, id="without a date, while both work"),
        pytest.param(1, 179, replace(ROTATED, expires_at=None), False, id="without an end, while both work"),
    ],
)
def test_which_secret_a_warning_is_about(sent: float, says: float | None, used: SecretVersion, about: bool) -> None:
    assert _is_about(used, day(sent), None if says is None else day(says)) is about


@pytest.mark.parametrize(
    ("sent", "says", "used", "ends"),
    [
        pytest.param(-1, 30, FIRST, 180, id="sent before the secret was issued"),
        pytest.param(1, 30, FIRST, 30, id="nothing else is known"),
        pytest.param(1, 30, replace(FIRST, expires_at=day(150)), 30, id="an operator's date is later"),
        pytest.param(1, 5, ROTATED, 180, id="about the secret before it, while both work"),
        pytest.param(1, 179.5, ROTATED, 179.5, id="about this one, while both work"),
        pytest.param(100, 170, ROTATED, 170, id="about this one, the only one that is left"),
        pytest.param(100, None, ROTATED, 180, id="without a date"),
    ],
)
def test_amazons_warning_counts_if_it_is_about_the_secret_in_use(
    sent: float, says: float | None, used: SecretVersion, ends: float
) -> None:
    record = Record(notice_at=day(sent), notice_expires_at=None if says is None else day(says))
    assert end_of(used, record) == day(ends)


def test_the_date_of_the_template() -> None:
    assert given_expires_at("2027-05-22") == datetime(2027, 5, 22, tzinfo=UTC)
    assert given_expires_at("") is None
    assert given_expires_at("2027-02-31") is None
