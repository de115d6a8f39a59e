"""The codes of a field, with their labels, wherever a schema has them."""

from typing import Any

import pytest

from quickstart.product_types.enumerations import Enumeration, enumeration

ROOT = {"$defs": {"codes": {"enum": ["x"]}, "text": {"type": "string"}}}


def plain(*codes: object, is_open: bool = False) -> Enumeration:
    return Enumeration(codes, codes, (), open=is_open)


@pytest.mark.parametrize(
    ("schema", "found"),
    [
        ({}, None),
        ({"type": "string"}, None),
        ({"enum": []}, None),
        ({"enum": "x"}, None),
        ({"enum": ["a", 1]}, plain("a", 1)),
        ({"$ref": "#/$defs/codes"}, plain("x")),
        ({"enum": ["a", "b"], "enumNames": ["A", "B"]}, Enumeration(("a", "b"), ("A", "B"), (), open=False)),
        ({"enum": ["a", "b"], "enumNames": ["A"]}, plain("a", "b")),
        ({"enum": ["a", "b"], "enumNames": "AB"}, plain("a", "b")),
        (
            {"enum": ["a", "b"], "$lifecycle": {"enumDeprecated": ["b"]}},
            Enumeration(("a", "b"), ("a", "b"), ("b",), open=False),
        ),
        ({"enum": ["a"], "$lifecycle": {"enumDeprecated": "a"}}, plain("a")),
        ({"enum": ["a"], "$lifecycle": ["a"]}, plain("a")),
        # The field's own list counts, not those of its alternatives.
        ({"enum": ["a"], "anyOf": [{"enum": ["b"]}, {"type": "string"}]}, plain("a")),
        ({"anyOf": [{"enum": ["a"]}, {"$ref": "#/$defs/codes"}]}, plain("a", "x")),
        ({"anyOf": [{"enum": ["a"]}], "oneOf": [{"enum": ["b"]}]}, plain("a", "b")),
        ({"anyOf": 5, "oneOf": [{"enum": ["b"]}]}, plain("b")),
        ({"anyOf": [{"type": "string"}]}, None),
        ({"anyOf": [{"enum": ["a"]}, {"type": "string"}]}, plain("a", is_open=True)),
        ({"oneOf": [{"$ref": "#/$defs/text"}, {"enum": ["a"]}, {"type": "number"}]}, plain("a", is_open=True)),
        ({"anyOf": [{"enum": ["a"]}, {"type": "number"}]}, plain("a")),
        ({"anyOf": [{"enum": ["a"]}, {"type": "string", "const": "b"}]}, plain("a")),
        ({"anyOf": [{"enum": ["a"]}, {}]}, plain("a")),
    ],
)
def test_where_the_codes_are(schema: dict[str, Any], found: Enumeration | None) -> None:
    assert enumeration(ROOT, schema) == found


CODES = Enumeration(("new_new", 1, True, "old"), ("New", "One", "Yes"), (1,), open=False)


def test_labels() -> None:
    """A code without one is its own."""
    assert [CODES.label(position) for position in range(4)] == ["New", "One", "Yes", "old"]


@pytest.mark.parametrize(
    ("value", "is_there", "is_deprecated"),
    [("new_new", True, False), ("New", False, False), (1.0, True, True), (True, True, False), (False, False, False)],
)
def test_values_are_compared_as_json(value: object, *, is_there: bool, is_deprecated: bool) -> None:
    assert (CODES.has(value), CODES.is_deprecated(value)) == (is_there, is_deprecated)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("NEW", "new_new"),
        (" new_NEW ", "new_new"),
        ("one", 1),
        ("1", 1),
        ("true", True),
        ("Old", "old"),
        ("none", None),
    ],
)
def test_the_code_with_a_label(text: str, code: object) -> None:
    assert CODES.code_of(text) == code


def test_a_label_of_several_codes_is_of_none() -> None:
    twice = Enumeration(("a", "b", "a"), ("Same", "same  label", "SAME"), (), open=False)
    assert (twice.code_of("same"), twice.code_of("Same Label")) == ("a", "b")
    assert Enumeration(("a", "b"), ("Same", "SAME"), (), open=False).code_of("same") is None
