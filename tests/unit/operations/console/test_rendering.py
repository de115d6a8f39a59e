"""Text of others on a page: escaped, and with names in place of characters that nobody sees."""

from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal

import pytest
from markupsafe import Markup

from operations.console.rendering import duration, moment, number, size, visible
from tests.unit.operations.console.support import make_console, visitor
from tests.unit.operations.console.test_web import PAGES

HOSTILE = "<script>alert(1)</script>\u202egnp.exe\u2066\x00\x1b[31m\ud800"


def test_hostile_text_is_shown_as_text() -> None:
    page = visitor(make_console(), PAGES).client.get("/", params={"title": "<script>alert(1)</script>\u202etxt"}).text
    assert "<h1>&lt;script&gt;alert(1)&lt;/script&gt;\u27e8U+202E\u27e9txt</h1>" in page
    assert "<script" not in page


def test_characters_without_a_glyph_are_named() -> None:
    shown = visible(HOSTILE)
    assert shown == (
        "<script>alert(1)</script>\u27e8U+202E\u27e9gnp.exe\u27e8U+2066\u27e9\u27e8U+0000\u27e9\u27e8U+001B\u27e9[31m"
        "\u27e8U+D800\u27e9"
    )


@pytest.mark.parametrize("value", ["Köln\n\tCafé", "نمی‌خواهم", "\U0001f468\u200d\U0001f469", 7, None, Markup("\u202e")])
def test_other_text_and_values_are_left_alone(value: object) -> None:
    assert visible(value) == value


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("2026-11-26T12:00:00+01:00", "2026-11-26 11:00:00"),
        (datetime(2026, 11, 26, 12, tzinfo=timezone(timedelta(hours=1))), "2026-11-26 11:00:00"),
        (datetime(2026, 11, 26, tzinfo=UTC), "2026-11-26 00:00:00"),
        ("not a time", "not a time"),
        (None, ""),
        ("", ""),
        (datetime(2026, 11, 26, 12, 30, 59), "2026-11-26 12:30:59"),  # noqa: DTZ001 - as somebody may have stored it
        ("0001-01-01T00:00:00+01:00", "0001-01-01T00:00:00+01:00"),
        (7, "7"),
    ],
)
def test_times_are_in_utc(value: object, shown: str) -> None:
    assert moment(value) == shown


def test_durations_numbers_and_sizes_are_readable() -> None:
    given: list[timedelta | float | None]
    given = [None, 0, 0.34, 1, timedelta(seconds=119.9), 120, 7199, 7200, timedelta(hours=47), timedelta(days=2)]
    # Rounded.
    given += [7380, 7381, timedelta(hours=48, seconds=-1), 215_999, 216_001]
    assert [duration(each) for each in given] == [
        "",
        "0 ms",
        "340 ms",
        "1.0 s",
        "119.9 s",
        "2 min",
        "120 min",
        "2.0 h",
        "47.0 h",
        "2 days",
        "2.0 h",
        "2.1 h",
        "48.0 h",
        "2 days",
        "3 days",
    ]
    assert [number(each) for each in (None, 0, 1234567, Decimal("1234.5"))] == ["", "0", "1,234,567", "1,234.5"]
    assert [size(each) for each in (None, 0, 999, 1000, 1234, 5e6, 1e9, 7e12)] == [
        "",
        "0 bytes",
        "999 bytes",
        "1.0 kB",
        "1.2 kB",
        "5.0 MB",
        "1.0 GB",
        "7,000.0 GB",
    ]


def test_a_text_with_printable_characters_alone_is_the_same_object() -> None:
    """Also where it is marked as safe."""
    text = Markup("<b>x</b>")
    assert visible(text) is text
    plain = "a b" * 3
    assert visible(plain) is plain
    assert visible("a\u200cb\u00adc") == "a\u200cb\u27e8U+00AD\u27e9c"


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (1249, "1.2 kB"),
        (1251, "1.3 kB"),
        (999_500, "999.5 kB"),
        (1_249_999, "1.2 MB"),
        (1_250_001, "1.3 MB"),
        (999_500_000, "999.5 MB"),
        (1_249_999_999, "1.2 GB"),
        (1_250_000_001, "1.3 GB"),
    ],
)
def test_sizes_are_rounded_to_a_tenth(value: int, shown: str) -> None:
    assert size(value) == shown
