"""SP-API's JSON, read and written."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from types import NoneType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sp_api import wire
from sp_api.reports import ProcessingStatus
from sp_api.wire import MalformedError


@pytest.mark.parametrize(
    ("sent", "read"),
    [
        ("2025-12-02T11:59:18+00:00", datetime(2025, 12, 2, 11, 59, 18, tzinfo=UTC)),
        ("2024-03-11T13:16:24.630Z", datetime(2024, 3, 11, 13, 16, 24, 630_000, tzinfo=UTC)),
        ("2025-12-02T13:59:18+02:00", datetime(2025, 12, 2, 11, 59, 18, tzinfo=UTC)),
        ("2025-12-02T11:59:18", datetime(2025, 12, 2, 11, 59, 18, tzinfo=UTC)),
        ("20190430T123600Z", datetime(2019, 4, 30, 12, 36, tzinfo=UTC)),
    ],
)
def test_times_as_sent(sent: str, read: datetime) -> None:
    assert wire.time({"createdTime": sent}, "createdTime") == read


@pytest.mark.parametrize("sent", ["", "yesterday", "2025-13-01T00:00:00Z", "0001-01-01T00:00:00+14:00", 5, True, []])
def test_times_that_are_none(sent: object) -> None:
    with pytest.raises(MalformedError, match="createdTime"):
        wire.time({"createdTime": sent}, "createdTime")


def all_children(document: dict[str, object], name: str) -> tuple[wire.JsonObject, ...]:
    return wire.children(document, name, lambda child: child)


def read_or_malformed(read: Callable[[], object]) -> object:
    """What is read, or the MalformedError; anything else that is raised passes."""
    try:
        return read()
    except MalformedError as error:
        return error


@given(st.text())
def test_any_text_is_a_time_or_malformed(sent: str) -> None:
    outcome = read_or_malformed(lambda: wire.time({"t": sent}, "t"))
    if isinstance(outcome, MalformedError):
        assert str(outcome) == "t is not an ISO 8601 time"
    else:
        assert isinstance(outcome, datetime)
        assert outcome.utcoffset() == timedelta(0)


MOMENTS = st.datetimes(
    min_value=datetime(1970, 1, 2),  # noqa: DTZ001
    max_value=datetime(9998, 1, 1),  # noqa: DTZ001
    timezones=st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes))),
)


@given(MOMENTS)
def test_a_time_written_reads_back_to_the_millisecond(moment: datetime) -> None:
    written = wire.iso_8601(moment)
    assert written.endswith("Z")
    read = wire.time({"t": written}, "t")
    assert timedelta(0) <= moment - read < timedelta(milliseconds=1)


def test_times_as_written() -> None:
    assert wire.iso_8601(datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)) == "2026-01-02T03:04:05.000Z"
    assert wire.iso_8601(datetime(2026, 1, 2, 3, 4, 5, 600_700, tzinfo=UTC)) == "2026-01-02T03:04:05.600Z"
    with pytest.raises(ValueError, match=r"^a time for SP-API needs an offset from UTC$"):
        wire.iso_8601(datetime(2026, 1, 2))  # noqa: DTZ001


@given(st.text(min_size=1))
def test_a_status_that_is_added_later_reads_as_itself(name: str) -> None:
    known = {status.value for status in ProcessingStatus}
    status = ProcessingStatus(name)
    assert status == name
    assert str(status) == status.value == status.name == name
    assert any(status is member for member in ProcessingStatus) == (name in known)
    assert {member.value for member in ProcessingStatus} == known


def test_an_enumeration_takes_only_text() -> None:
    with pytest.raises(ValueError, match="5"):
        ProcessingStatus(5)


ANYTHING = (
    st.none() | st.booleans() | st.integers() | st.text() | st.lists(st.text() | st.integers()) | st.just({"a": 1})
)
READERS: list[tuple[Callable[[dict[str, object], str], object], tuple[type, ...]]] = [
    (wire.text, (str,)),
    (wire.optional_text, (str, NoneType)),
    (wire.texts, (tuple,)),
    (wire.string_map, (dict,)),
    (wire.child, (dict,)),
    (wire.optional_child, (dict, NoneType)),
    (wire.time, (datetime,)),
    (wire.optional_time, (datetime, NoneType)),
]


@given(st.dictionaries(st.just("field"), ANYTHING), st.sampled_from(READERS))
def test_a_field_reads_as_its_type_or_is_malformed(
    document: dict[str, object], reader: tuple[Callable[[dict[str, object], str], object], tuple[type, ...]]
) -> None:
    read, types = reader
    outcome = read_or_malformed(lambda: read(document, "field"))
    assert isinstance(outcome, types) or str(outcome).startswith("field is ")


def test_nothing_empty_is_sent() -> None:
    written = wire.without_nothing(a=None, b=[], c={}, d=(), e="", f=0, g=False, h=["x"])
    assert written == {"e": "", "f": 0, "g": False, "h": ["x"]}


@pytest.mark.parametrize(
    ("read", "sent", "reason"),
    [
        (wire.text, None, "is missing"),
        (wire.text, "", "is missing"),
        (wire.text, True, "is not a string"),
        (wire.text, 1.5, "is not a string"),
        (wire.optional_text, False, "is not a string"),
        (wire.optional_text, "\ud800", "is not valid Unicode"),
        (wire.token, "Atza|a b", "is not a token"),
        (wire.token, "x" * 16_385, "is not a token"),
        (wire.texts, "a", "is not a list of strings"),
        (wire.texts, {}, "is not a list of strings"),
        (wire.texts, ["a", 1], "is not a list of strings"),
        (wire.texts, ["a", "\ud800"], "is not a list of strings"),
        (wire.string_map, [], "is not an object"),
        (wire.string_map, {"a": 1}, "is not an object of strings"),
        (wire.string_map, {"a": "\ud800"}, "is not an object of strings"),
        (wire.string_map, {"\ud800": "a"}, "is not an object of strings"),
        (wire.child, None, "is missing"),
        (wire.child, [], "is not an object"),
        (wire.optional_child, "a", "is not an object"),
        (all_children, {}, "is not a list of objects"),
        (all_children, "a", "is not a list of objects"),
        (all_children, [{}, "a"], "is not a list of objects"),
        (wire.time, None, "is missing"),
        (wire.optional_time, "", "is not an ISO 8601 time"),
        (wire.optional_time, "0001-01-01T00:00:00+14:00", "is not an ISO 8601 time"),
    ],
)
def test_what_a_field_is_not(read: Callable[[dict[str, object], str], object], sent: object, reason: str) -> None:
    with pytest.raises(MalformedError) as raised:
        read({"field": sent}, "field")
    assert str(raised.value) == f"field {reason}"


@pytest.mark.parametrize(
    ("read", "nothing"),
    [
        (wire.optional_text, None),
        (wire.texts, ()),
        (wire.string_map, {}),
        (wire.optional_child, None),
        (all_children, ()),
        (wire.optional_time, None),
    ],
)
def test_a_field_that_need_not_be_there(read: Callable[[dict[str, object], str], object], nothing: object) -> None:
    assert read({}, "field") == read({"field": None}, "field") == nothing


def test_the_longest_token() -> None:
    assert wire.token({"t": "!" * 16_384}, "t") == "!" * 16_384


def test_ids_that_come_as_numbers_read_as_text() -> None:
    assert wire.text({"reportId": 383187020424}, "reportId") == "383187020424"
