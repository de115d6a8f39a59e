"""Amazon's keywords against a plain reading of their definition."""

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from quickstart.product_types.vocabulary import comparable, groups, utf8_length
from tests.unit.quickstart.product_types.support import check, only, rules

SELECTORS = ("marketplace_id", "language_tag", "audience")
scalars = st.one_of(
    st.none(), st.booleans(), st.integers(-2, 2), st.sampled_from([0.0, 1.0, 1.5]), st.sampled_from("ab")
)
items = st.dictionaries(st.sampled_from([*SELECTORS, "value"]), scalars, max_size=4)
lists = st.lists(st.one_of(items, scalars, st.lists(scalars, max_size=1)), max_size=8)
selectors = st.lists(st.sampled_from(SELECTORS), max_size=3, unique=True)


def same_json(one: Any, other: Any) -> bool:
    """Equal as JSON: true is no number, and 1 is 1.0."""
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    return bool(one == other)


def same_identity(one: dict[str, Any], other: dict[str, Any], names: list[str]) -> bool:
    return all(
        (name in one) == (name in other) and (name not in one or same_json(one[name], other[name])) for name in names
    )


def counts(listed: list[Any], names: list[str]) -> Iterator[int]:
    """For each object of the list, how many objects have its identity: quadratic, without keys or hashes."""
    objects = [item for item in listed if isinstance(item, dict)]
    for item in objects:
        yield sum(same_identity(item, other, names) for other in objects)


@given(lists, selectors)
@example([{"marketplace_id": True}, {"marketplace_id": 1}, {"marketplace_id": 1.0}, {}], ["marketplace_id"])
def test_groups_hold_each_object_once_with_its_own_kind(listed: list[Any], names: list[str]) -> None:
    found = groups(listed, names)
    positions = sorted(position for group in found for position in group.positions)
    assert positions == [position for position, item in enumerate(listed) if isinstance(item, dict)]
    for group in found:
        for position in group.positions:
            assert same_identity(listed[position], listed[group.positions[0]], names)
    for one in found:
        for other in found:
            if one is not other:
                assert not same_identity(listed[one.positions[0]], listed[other.positions[0]], names)


@given(lists, selectors, st.integers(0, 4), st.integers(0, 4))
def test_numbers_of_items_are_limited_for_each_identity(
    listed: list[Any], names: list[str], least: int, most: int
) -> None:
    limits = {"minUniqueItems": least, "maxUniqueItems": most}
    schema = {"properties": {"title": {"selectors": names, **limits}}}
    found = {one.rule for one in check(schema, {"title": listed}).findings}
    assert ("maxUniqueItems" in found) == any(count > most for count in counts(listed, names))
    assert ("minUniqueItems" in found) == any(count < least for count in counts(listed, names))


@given(lists, st.integers(0, 4))
def test_without_selectors_all_objects_are_one_group(listed: list[Any], most: int) -> None:
    found = check({"properties": {"title": {"maxUniqueItems": most}}}, {"title": listed})
    assert bool(found.findings) == (sum(isinstance(item, dict) for item in listed) > most)


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=30), st.integers(0, 60))
def test_lengths_are_counted_in_bytes(text: str, limit: int) -> None:
    length = sum(1 + (ord(letter) > 0x7F) + (ord(letter) > 0x7FF) + (ord(letter) > 0xFFFF) for letter in text)
    schema = {"properties": {"a": {"minUtf8ByteLength": limit}, "b": {"maxUtf8ByteLength": limit}}}
    found = {one.rule for one in check(schema, {"a": text, "b": text}).findings}
    assert ("minUtf8ByteLength" in found) == (length < limit)
    assert ("maxUtf8ByteLength" in found) == (length > limit)


@given(st.text(st.characters(categories=["Cs"]), max_size=4))
def test_half_a_surrogate_pair_has_a_length(text: str) -> None:
    assert utf8_length(text) == 3 * len(text)


nested = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("ab"), inner)
)


@given(nested, nested)
@example(True, 1)
@example([False], [0])
@example({"a": 1}, {"a": 1.0})
@example([None], [])
def test_values_are_compared_as_json(one: Any, other: Any) -> None:
    def equal(first: Any, second: Any) -> bool:
        if isinstance(first, dict) and isinstance(second, dict):
            return first.keys() == second.keys() and all(equal(first[name], second[name]) for name in first)
        if isinstance(first, list) and isinstance(second, list):
            return len(first) == len(second) and all(map(equal, first, second))
        return same_json(first, second)

    assert (comparable(one) == comparable(other)) == equal(one, other)


@pytest.mark.parametrize("value", ["text", 5, None, {"marketplace_id": "x"}])
def test_the_keywords_for_lists_concern_lists_only(value: object) -> None:
    schema = {"properties": {"title": {"selectors": ["x"], "minUniqueItems": 3, "maxUniqueItems": 0}}}
    assert check(schema, {"title": value}).findings == ()


def test_one_title_for_each_marketplace_and_language() -> None:
    schema = {"properties": {"item_name": {"selectors": ["marketplace_id", "language_tag"], "maxUniqueItems": 1}}}
    french = {"value": "Valise", "marketplace_id": "A13V1IB3VIYZZH", "language_tag": "fr_FR"}
    english = {**french, "language_tag": "en_GB"}
    assert check(schema, {"item_name": [french, english]}).findings == ()
    found = only(check(schema, {"item_name": [french, english, {**french, "value": "Bagage"}]}))
    assert (found.pointer, found.rule, found.attribute_names) == ("/item_name/2", "maxUniqueItems", ("item_name",))
    assert found.message == (
        'item_name has 2 items with marketplace_id "A13V1IB3VIYZZH" and language_tag "fr_FR"; at most 1 is allowed'
    )


def test_too_few_items_of_one_identity() -> None:
    schema = {"properties": {"image": {"selectors": ["kind"], "minUniqueItems": 2}}}
    listed = [{"kind": "front"}, {"kind": "back"}, {"kind": "front"}]
    assert rules(check(schema, {"image": listed})) == {("/image/1", "minUniqueItems", "ERROR")}
