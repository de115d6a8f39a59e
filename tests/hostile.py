"""Hostile input, for the tests of every reader of outside data: requests, queue messages, answers, stored items.

All of it is what JSON or a form can carry, and none of it is what a reader hopes for.
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any, TypeVar

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from hypothesis.errors import FlakyStrategyDefinition

T = TypeVar("T")
Path = tuple[str | int, ...]

# Dates at the ends of time: valid ISO 8601, and out of range once they are moved to UTC or by a period.
END_TIMES = (
    "0001-01-01T00:00:00+02:00",
    "0001-01-01T00:00:00Z",
    "0001-01-01",
    "9999-12-31T23:59:59-02:00",
    "9999-12-31T23:59:59.999999Z",
    "1970-01-01T00:00:00Z",
    "2024-02-30T00:00:00Z",
    "+292278994-08-17T07:12:55Z",
    "2024-03-10T20:11:24+99:99",
)
LONE_SURROGATES = ("\ud800", "a\udfffb", "\udc00\ud800")
ODD_TEXTS = (
    "",
    " ",
    "\x00",
    "a\x00b",
    "\u202eevil\u202c",
    "\u2066a\u2069",
    "\u2028",
    "\x7f",
    "\x85",
    "\ufffe",
    "\ufeff",
    "\r\nX-Injected: 1",
    "../../etc/passwd",
    "' OR 1=1 --",
    "{{7*7}}",
    "${jndi:ldap://x}",
    "%00",
    "\U0001d518",
    "İ",
    "9" * 5_000,
    "A" * 100_000,
    "ä" * (128 * 1024),
)
NUMBERS = (0, -1, 2**53 + 1, 2**63, -(2**63), 10**400, 1e308, float("inf"), float("-inf"), float("nan"), -0.0, 0.1)

# One value of each kind, for a test that tries all of them in every place.
EACH_KIND: tuple[object, ...] = (
    *END_TIMES,
    "2026-01-01T00:00:00",
    *LONE_SURROGATES,
    "",
    "\x00",
    "İ",
    "9" * 5_000,
    *NUMBERS,
    None,
    True,
    [],
    {},
    [{}],
    {"a": []},
)


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


texts = st.one_of(
    st.sampled_from(END_TIMES),
    st.sampled_from(LONE_SURROGATES),
    st.sampled_from(ODD_TEXTS),
    st.text(st.characters(), max_size=40),
    st.text(st.characters(categories=("Cs",)), min_size=1, max_size=3),
)
# For queries and paths, which servers limit to some kilobytes.
short_texts = texts.filter(lambda text: len(text) <= 1000 and _is_unicode(text))
scalars = st.one_of(st.none(), st.booleans(), st.sampled_from(NUMBERS), st.integers(), st.floats(), texts)


def nested(value: object, levels: int) -> object:
    """The value inside so many lists."""
    for _ in range(levels):
        value = [value]
    return value


values = st.one_of(
    scalars,
    st.recursive(
        scalars,
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
        max_leaves=12,
    ),
    st.builds(nested, scalars, st.one_of(st.integers(1, 60), st.sampled_from((200, 500, 900)))),
)

# Documents that are no JSON object, or that JSON's readers refuse or give up on.
NOT_OBJECTS = (
    b"",
    b" ",
    b"null",
    b"[]",
    b"1",
    b'"text"',
    b"{",
    b"nonsense",
    b"\x00",
    b"\xff\xfe\x00",
    b"[" * 100_000,
    b"[" * 100_000 + b"]" * 100_000,
    b'{"a":' * 100_000,
    b"9" * 100_000,
    b"NaN",
)


def written(document: object) -> bytes:
    """The document as JSON, with NaN and Infinity as Python writes them."""
    return json.dumps(document).encode()


def doubled(document: object) -> st.SearchStrategy[bytes]:
    """The document as JSON in which one name, at any level, is there twice: first with another value."""
    names = [path for path in paths(document) if isinstance(path[-1], str)]
    return st.builds(lambda path, value: _twice(document, path, value).encode(), st.sampled_from(names), scalars)


def _twice(document: Any, path: Path, value: object) -> str:
    if not path:
        return json.dumps(document)
    if isinstance(document, list):
        entries = [_twice(entry, path[1:] if n == path[0] else (), value) for n, entry in enumerate(document)]
        return f"[{', '.join(entries)}]"
    fields = []
    for name, entry in document.items():
        if name == path[0] and not path[1:]:
            fields.append(f"{json.dumps(name)}: {json.dumps(value)}")
        fields.append(f"{json.dumps(name)}: {_twice(entry, path[1:] if name == path[0] else (), value)}")
    return f"{{{', '.join(fields)}}}"


def objects(*names: str) -> st.SearchStrategy[dict[str, Any]]:
    """Objects with some of the fields, each with any value, and fields that nobody knows."""
    known = st.fixed_dictionaries({}, optional=dict.fromkeys(names, values))
    unknown = st.dictionaries(texts, values, max_size=2)
    return st.builds(lambda one, other: {**other, **one}, known, unknown)


def bodies(*names: str) -> st.SearchStrategy[bytes]:
    """JSON as bytes: objects with these fields, some with one of them twice, and documents that are none."""
    fields = objects(*names)
    return st.one_of(fields.map(written), fields.filter(bool).flatmap(doubled), st.sampled_from(NOT_OBJECTS))


def documents(good: Mapping[str, Any], with_: st.SearchStrategy[Any] = values) -> st.SearchStrategy[bytes]:
    """JSON as bytes that is almost `good`, and JSON that only has its names."""
    return weighted((4, altered(good, with_).map(written)), (1, doubled(good)), (1, bodies(*good)))


def weighted(*choices: tuple[int, st.SearchStrategy[T]]) -> st.SearchStrategy[T]:
    """One of the strategies, each as often as its weight says."""
    return st.sampled_from([choice for weight, choice in choices for _ in range(weight)]).flatmap(lambda one: one)


def altered(document: Any, with_: st.SearchStrategy[Any] = values) -> st.SearchStrategy[Any]:
    """The document with one of its fields or entries, at any level, replaced by another value, or left out."""
    return st.sampled_from(sorted(paths(document), key=repr)).flatmap(
        lambda path: weighted(
            (4, with_.map(lambda value: replaced(document, path, value))),
            (1, st.just(replaced(document, path, None, drop=True))),
        )
    )


def paths(document: object, before: Path = ()) -> list[Path]:
    """Where each field of an object and each entry of a list is."""
    return list(_paths(document, before))


def _paths(document: object, before: Path) -> Iterator[Path]:
    entries: Iterator[tuple[str | int, object]] = iter(())
    if isinstance(document, Mapping):
        entries = iter(document.items())
    elif isinstance(document, list):
        entries = iter(enumerate(document))
    for name, value in entries:
        yield (*before, name)
        yield from _paths(value, (*before, name))


def replaced(document: Any, path: Path, value: object, *, drop: bool = False) -> Any:
    """A copy in which the field at this path has another value, or is missing."""
    changed: Any = dict(document) if isinstance(document, Mapping) else list(document)
    name, rest = path[0], path[1:]
    if rest:
        changed[name] = replaced(document[name], rest, value, drop=drop)
    elif drop:
        del changed[name]
    else:
        changed[name] = value
    return changed


def each(strategy: st.SearchStrategy[T], run: Callable[[T], None], cases: int, first_seed: int) -> None:
    """Runs exactly so many cases, the same for the same seed. Stops early only if 20 rounds find no new ones."""
    done: Sequence[int] = [0]
    number, idle = first_seed, 0
    while done[0] < cases and idle < 20:
        before = done[0]
        _round(strategy, run, cases, number, done)
        number, idle = number + 1, 0 if done[0] > before else idle + 1


def _round(strategy: st.SearchStrategy[T], run: Callable[[T], None], cases: int, number: int, done: Any) -> None:
    @seed(number)
    @settings(
        max_examples=cases - done[0],
        phases=[Phase.generate],
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(strategy)
    def play(case: T) -> None:
        if done[0] < cases:
            done[0] += 1
            run(case)

    # What is drawn while a case runs can depend on its world, such as on an attribute that only a late record has.
    # Hypothesis then ends the round.
    with suppress(FlakyStrategyDefinition):
        play()
