"""The values that a column can have, from schemas of every form."""

import json
from typing import Any

import pytest

from operations.publish_listings.definitions import Definition, Leaf, Step, all_names, definition, letters
from quickstart.product_types.enumerations import Enumeration

TEXT = {"type": "string"}
HIDDEN = {"type": "string", "hidden": True}
SIZES = Enumeration(("s", "l"), ("Small", "Large"), (), open=False)
UNIT = {"type": "string", "enum": ["s", "l"], "enumNames": ["Small", "Large"]}


def known(**properties: object) -> Definition:
    body = json.dumps({"type": "object", "properties": properties}).encode()
    return definition("T", "LISTING", "c", body, {})


def listed(items: object, **more: object) -> dict[str, object]:
    return {"type": "array", "items": items, **more}


def fields(**properties: object) -> dict[str, object]:
    return {"type": "object", "properties": properties}


def steps(*names: str) -> tuple[Step, ...]:
    """A name with a star holds a list."""
    return tuple(Step(name.removesuffix("*"), name.endswith("*")) for name in names)


@pytest.mark.parametrize(
    ("rules", "path", "leaf"),
    [
        (TEXT, "a", Leaf("a", steps("a"), "string", None, repeatable=False)),
        (UNIT, "a", Leaf("a", steps("a"), "string", SIZES, repeatable=False)),
        (TEXT, "a.value", None),
        (TEXT, "b", None),
        (listed(TEXT), "a", Leaf("a", steps("a*"), "string", None, repeatable=True)),
        (listed(TEXT, maxItems=2), "a", Leaf("a", steps("a*"), "string", None, repeatable=True)),
        (listed(TEXT, maxItems=1), "a", Leaf("a", steps("a*"), "string", None, repeatable=False)),
        (listed(TEXT, maxItems=9, maxUniqueItems=1), "a", Leaf("a", steps("a*"), "string", None, repeatable=False)),
        (
            listed(listed(TEXT, maxItems=5), maxItems=1),
            "a",
            Leaf("a", steps("a*"), "string", None, repeatable=False),
        ),
        (
            fields(value=listed(TEXT, maxItems=5)),
            "a",
            Leaf("a", steps("a", "value*"), "string", None, repeatable=False),
        ),
        (
            listed(fields(value=TEXT, tag=HIDDEN)),
            "a",
            Leaf("a", steps("a*", "value"), "string", None, repeatable=True),
        ),
        (
            listed(fields(value=TEXT, tag=HIDDEN)),
            "a.tag",
            Leaf("a.tag", steps("a*", "tag"), "string", None, repeatable=True),
        ),
        (fields(value={}, tag={"hidden": True}), "a.tag", Leaf("a.tag", steps("a", "tag"), "", None, False)),
        (fields(value=TEXT, tag=TEXT), "a", Leaf("a.value", steps("a", "value"), "string", None, False)),
        (fields(value=TEXT, tag=TEXT), "a.none", None),
        (fields(only=TEXT, tag=HIDDEN), "a", Leaf("a.only", steps("a", "only"), "string", None, False)),
        (fields(one=TEXT, other=TEXT), "a", None),
        (fields(tag=HIDDEN), "a", None),
        (
            fields(tag={"type": "string", "hidden": "true"}),
            "a",
            Leaf("a.tag", steps("a", "tag"), "string", None, False),
        ),
        (
            fields(value={"type": "number"}, unit=UNIT),
            "a",
            Leaf("a", steps("a", "value"), "number", None, False, SIZES),
        ),
        (
            fields(value={"type": "number"}, unit=UNIT),
            "a.unit",
            Leaf("a.unit", steps("a", "unit"), "string", SIZES, repeatable=False),
        ),
        (
            fields(value={"type": "number"}, unit={**UNIT, "hidden": True}),
            "a",
            Leaf("a", steps("a", "value"), "number", None, repeatable=False),
        ),
        (
            fields(value={"type": "number"}, unit=UNIT, tag=TEXT),
            "a",
            Leaf("a.value", steps("a", "value"), "number", None, repeatable=False),
        ),
        (
            listed(fields(inner=fields(value=TEXT), other=TEXT), maxItems=1),
            "a.inner",
            Leaf("a.inner", steps("a*", "inner", "value"), "string", None, repeatable=False),
        ),
    ],
)
def test_the_value_at_the_end_of_a_path(rules: object, path: str, leaf: Leaf | None) -> None:
    assert known(a=rules).leaf(tuple(path.split("."))) == leaf


def test_a_path_without_names_and_a_schema_without_attributes() -> None:
    assert known(a=TEXT).leaf(()) is None
    assert Definition("T", "LISTING", "c", {"properties": []}).leaf(("a",)) is None


@pytest.mark.parametrize(("depth", "found"), [(16, True), (17, False)])
def test_how_deep_a_value_can_be(depth: int, found: bool) -> None:
    rules: dict[str, Any] = TEXT
    for _ in range(depth - 1):
        rules = fields(value=rules)
    assert (known(a=rules).leaf(("a",)) is not None) is found


@pytest.mark.parametrize(("depth", "kind"), [(16, "string"), (17, "array")])
def test_how_many_lists_a_value_can_be_in(depth: int, kind: str) -> None:
    rules: dict[str, Any] = TEXT
    for _ in range(depth):
        rules = listed(rules)
    leaf = Definition("T", "LISTING", "c", {"properties": {"b": fields(x=rules, y=HIDDEN)}}).leaf(("b", "x"))
    assert leaf is not None
    assert (leaf.steps, leaf.type) == (steps("b", "x*"), kind)


def test_names_and_titles() -> None:
    """A name counts before a title, and a title of two attributes, or without a letter, names none."""
    found = known(
        item_name={**TEXT, "title": "Größe"},
        size={**TEXT, "title": "Item-Name"},
        one={**TEXT, "title": "Same"},
        two={**TEXT, "title": "Same"},
        dash={**TEXT, "title": "--"},
        plain=TEXT,
    )
    named = {text: found.named(text) for text in ("item_name", "ITEM NAME", "grösse", "GRÖSSE!", "Same", "--", "", "x")}
    assert named == {
        "item_name": "item_name",
        "ITEM NAME": "item_name",
        "grösse": "item_name",
        "GRÖSSE!": "item_name",
        "Same": None,
        "--": None,
        "": None,
        "x": None,
    }
    assert found.titles == {"Größe": "item_name", "Item-Name": "size", "Same": "two", "--": "dash"}
    names = ["item_name", "size", "one", "two", "dash", "plain"]
    assert list(all_names({"one": found, "two": known(b=TEXT)})) == [*names, *found.titles, "b"]


def test_the_letters_of_a_heading() -> None:
    assert letters(" Straße_Nr. 5 (é)!") == "strassenr5é"
