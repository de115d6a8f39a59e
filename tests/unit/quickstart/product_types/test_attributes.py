"""The flat table of a product type."""

import csv
import io
import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings

from quickstart.product_types.attributes import CSV_COLUMNS, Attribute, EnumValue, as_csv, as_json, table
from sp_api_simulator.product_type_schemas import definition
from tests import hostile
from tests.unit.quickstart.product_types.support import FRANCE, UNITED_KINGDOM


@pytest.fixture(scope="module")
def lines() -> dict[str, Attribute]:
    return lines_of("SHIRT")


def lines_of(product_type: str, marketplace_id: str = FRANCE, **request: Any) -> dict[str, Attribute]:
    document = definition(product_type, marketplace_id, **request)
    return {line.name: line for line in table(json.loads(document.schema), document.property_groups)}


def test_an_attribute_with_one_value_is_one_line(lines: dict[str, Attribute]) -> None:
    assert lines["item_name"] == Attribute(
        name="item_name",
        title="Nom de l'article",
        description="Provide the item name of the product",
        type="string",
        required=True,
        enum=(),
        open_enum=False,
        max_length=200,
        max_bytes=500,
        unit=(),
        repeatable=False,
        group="Identité du produit",
        example="Example hardside suitcase, 55 cm",
    )


def test_codes_have_labels(lines: dict[str, Attribute]) -> None:
    assert lines["fabric_type"].enum[0] == EnumValue("cotton", "Coton")
    assert not lines["fabric_type"].open_enum
    material = lines["material"]
    assert (material.open_enum, material.repeatable) == (True, True)
    assert EnumValue("leather", "Cuir") in material.enum
    assert EnumValue("COLOR_NAME", "Color Name", deprecated=True) in lines["variation_theme.name"].enum


def test_a_number_has_its_units(lines: dict[str, Attribute]) -> None:
    weight = lines["item_weight"]
    assert (weight.type, weight.unit) == ("number", ("grams", "kilograms", "ounces", "pounds"))
    assert lines["item_package_dimensions.length"].unit[0] == "centimeters"
    assert "item_weight.unit" not in lines


def test_fields_inside_an_attribute_are_lines(lines: dict[str, Attribute]) -> None:
    price = lines["purchasable_offer.our_price.schedule.value_with_tax"]
    assert (price.type, price.required, price.example, price.group) == ("number", True, "49.99", "Offre")
    sale = lines["purchasable_offer.discounted_price.schedule.value_with_tax"]
    assert not sale.required
    assert lines["purchasable_offer.discounted_price.schedule.start_at"].type == "date-time"
    assert lines["fulfillment_availability.restock_date"].type == "date"
    assert lines["fulfillment_availability.restock_date"].example == ""


def test_hidden_fields_are_left_out(lines: dict[str, Attribute]) -> None:
    assert not [name for name in lines if "marketplace_id" in name or "language_tag" in name or "currency" in name]


def test_repeatable(lines: dict[str, Attribute]) -> None:
    assert lines["bullet_point"].repeatable
    assert not lines["color"].repeatable


def test_every_attribute_has_a_line_in_the_order_of_the_groups() -> None:
    document = definition("PERSONAL_COMPUTER", FRANCE)
    schema = json.loads(document.schema)
    names = [line.name.split(".")[0] for line in table(schema, document.property_groups)]
    ordered = [name for group in document.property_groups.values() for name in group["propertyNames"]]
    assert list(dict.fromkeys(names)) == ordered
    assert set(names) == set(schema["properties"])


def test_an_attribute_without_a_group_comes_last() -> None:
    schema = {"properties": {"a": {"type": "string"}, "b": {"type": "string"}}}
    groups = {"offer": {"title": "Offer", "propertyNames": ["b", "gone"]}, "other": {"propertyNames": ["b"]}}
    assert [(line.name, line.group) for line in table(schema, groups)] == [("b", "Offer"), ("a", "")]


def test_marketplaces_differ() -> None:
    assert "epr_packaging_registration" in lines_of("COFFEE")
    assert "epr_packaging_registration" not in lines_of("COFFEE", UNITED_KINGDOM)
    assert lines_of("COFFEE", UNITED_KINGDOM)["item_name"].title == "Item name"


def test_csv_can_be_read_back(lines: dict[str, Attribute]) -> None:
    body = as_csv(lines.values())
    assert body.startswith(b"\xef\xbb\xbf")
    rows = list(csv.DictReader(io.StringIO(body.decode("utf-8-sig"), newline="")))
    assert tuple(rows[0]) == CSV_COLUMNS
    by_name = {row["name"]: row for row in rows}
    assert by_name.keys() == lines.keys()
    assert by_name["fabric_type"]["enum_codes"].split("|") == [value.code for value in lines["fabric_type"].enum]
    assert by_name["item_name"]["required"] == "true"
    assert (by_name["item_name"]["max_length"], by_name["item_name"]["max_bytes"]) == ("200", "500")
    assert by_name["color"]["max_bytes"] == ""
    assert by_name["variation_theme.name"]["enum_deprecated"] == "COLOR_NAME|SIZE_NAME"


def test_separators_in_labels_are_escaped() -> None:
    schema = {"properties": {"a": {"enum": ["x|y", "z\\"], "enumNames": ['X "|" Y', "Z\n,"]}}}
    (row,) = csv.DictReader(io.StringIO(as_csv(table(schema, {})).decode("utf-8-sig"), newline=""))
    assert (row["enum_codes"], row["enum_labels"]) == ("x\\|y|z\\\\", 'X "\\|" Y|Z\n,')


def test_json_has_the_same_lines(lines: dict[str, Attribute]) -> None:
    listed = json.loads(as_json(lines.values()))
    assert [line["name"] for line in listed] == list(lines)
    assert listed[0].keys() == vars(lines["item_name"]).keys()
    assert {"code": "cotton", "label": "Coton", "deprecated": False} in next(
        line["enum"] for line in listed if line["name"] == "fabric_type"
    )


@settings(max_examples=100)
@given(
    hostile.objects(
        "type", "items", "properties", "required", "enum", "enumNames", "anyOf", "$ref", "examples", "title"
    )
)
def test_any_schema_has_a_table(schema: dict[str, Any]) -> None:
    for whole in (schema, {"properties": {"a": schema}}, {"properties": {"a": {"items": schema}}}):
        for groups in ({}, schema, {"g": schema}):
            found = table(whole, groups)
            as_csv(found)
            as_json(found)


@pytest.mark.parametrize(("levels", "lines"), [(16, 1), (17, 0)])
def test_a_schema_that_refers_to_itself_ends(levels: int, lines: int) -> None:
    """Each list is a level."""
    schema: dict[str, Any] = {"type": "string"}
    for _ in range(levels - 1):
        schema = {"type": "array", "items": schema}
    assert len(table({"properties": {"deep": schema}}, {})) == lines


@pytest.mark.parametrize(
    ("branches", "kind"),
    [
        ([{"type": "string"}, {"enum": ["a"]}], "string"),
        ([{"enum": ["a"]}, {"type": "string"}], "string"),
        ([{"$ref": "#/$defs/none"}, {"$ref": "#/$defs/day"}], "date"),
        ([{"oneOf": [{"title": "x"}, {"type": "integer"}]}], "integer"),
        ([{"type": "null"}, {"type": "number"}], "number"),
        ([{}], ""),
        ([5], ""),
        ([], ""),
    ],
)
@pytest.mark.parametrize("keyword", ["anyOf", "oneOf"])
def test_the_type_of_the_first_branch_that_has_one(keyword: str, branches: list[Any], kind: str) -> None:
    schema = {"$defs": {"day": {"type": "string", "format": "date"}}, "properties": {"a": {keyword: branches}}}
    assert [line.type for line in table(schema, {})] == [kind]


@pytest.mark.parametrize("branches", [1, 3])
def test_branches_that_refer_to_themselves_end(branches: int) -> None:
    schema = {"$defs": {"a": {"anyOf": [{"$ref": "#/$defs/a"}] * branches}}, "properties": {"x": {"$ref": "#/$defs/a"}}}
    assert [line.type for line in table(schema, {})] == [""]


def line_of(described: dict[str, Any], **changed: Any) -> Attribute:
    """The one line of an attribute `a`."""
    (line,) = table({"properties": {"a": described}, **changed}, {})
    return line


PLAIN = Attribute("a", "", "", "", False, (), False, None, None, (), False, "", "")


@pytest.mark.parametrize(
    ("described", "changed"),
    [
        ({}, {}),
        ({"title": "A", "description": "About a", "type": "string"}, {"title": "A", "description": "About a"}),
        # The titles of the levels, each once.
        ({"title": "A", "items": {"title": "B", "items": {"title": "A"}}}, {"title": "A: B"}),
        ({"title": ["A"], "items": {"title": 5}}, {}),
        # The example of the innermost level that has one.
        ({"examples": ["x", "y"]}, {"example": "x"}),
        ({"examples": [5]}, {"example": "5"}),
        ({"examples": ["outer"], "items": {"examples": ["inner"]}}, {"example": "inner"}),
        ({"examples": ["outer"], "items": {"examples": []}}, {"example": "outer"}),
        ({"examples": "x"}, {}),
        ({"maxLength": 5, "maxUtf8ByteLength": 9.0}, {"max_length": 5, "max_bytes": 9}),
        ({"maxLength": True, "maxUtf8ByteLength": "9"}, {}),
        ({"enum": ["a", 1, True]}, {"enum": (EnumValue("a", "a"), EnumValue("1", "1"), EnumValue("true", "true"))}),
        ({"hidden": "no"}, {}),
    ],
)
def test_what_a_line_says(described: dict[str, Any], changed: dict[str, Any]) -> None:
    line = line_of(described)
    repeatable = "items" in described
    assert line == replace(PLAIN, type=line.type, repeatable=repeatable, **changed)


@pytest.mark.parametrize(
    ("described", "kind"),
    [
        ({"type": "string"}, "string"),
        ({"type": "integer", "format": "date"}, "integer"),
        ({"type": "string", "format": "date"}, "date"),
        ({"type": "string", "format": "date-time"}, "date-time"),
        ({"type": "string", "format": "uri"}, "string"),
        ({"type": ["null", "number"]}, "number"),
        ({"type": ["null"]}, ""),
        ({"type": "boolean", "anyOf": [{"type": "string"}]}, "boolean"),
        ({"format": "date"}, ""),
    ],
)
def test_types(described: dict[str, Any], kind: str) -> None:
    assert line_of(described).type == kind


@pytest.mark.parametrize(
    ("limits", "repeatable"),
    [
        ({}, True),
        ({"maxUniqueItems": 1}, False),
        ({"maxUniqueItems": 2}, True),
        ({"maxItems": 1}, False),
        ({"maxItems": 2}, True),
        # Each marketplace and language has its own.
        ({"maxUniqueItems": 1, "maxItems": 5}, False),
    ],
)
def test_a_list_of_one_value_is_not_repeatable(limits: dict[str, int], *, repeatable: bool) -> None:
    assert line_of({"items": {}, **limits}).repeatable == repeatable
    assert line_of({"items": {"items": {}, **limits}}).repeatable
    assert line_of({"maxItems": 1, "items": {"items": {}, **limits}}).repeatable == repeatable
    assert not line_of({"properties": {"value": {}}}).repeatable


@pytest.mark.parametrize("outer", [True, False])
@pytest.mark.parametrize("inner", [True, False])
@pytest.mark.parametrize("more", [{}, {"unit": {"enum": ["kg", 1]}}, {"unit": {}}])
def test_a_value_is_required_if_its_attribute_and_it_are(more: dict[str, Any], *, outer: bool, inner: bool) -> None:
    """A number with its unit is one line too. Hidden fields are none."""
    fields = {"value": {"type": "number"}, **more, "marketplace_id": {"hidden": True}}
    described = {"title": "A", "examples": ["5"], "properties": fields, "required": ["value"] if inner else ["x", 5]}
    line = line_of(described, required=["a"] if outer else [])
    units = ("kg", "1") if more.get("unit") else ()
    assert line == replace(PLAIN, title="A", type="number", required=outer and inner, unit=units, example="5")


@pytest.mark.parametrize("outer", [True, False])
def test_several_fields_are_several_lines(*, outer: bool) -> None:
    """The example of the whole is that of none of them, and a value beside other fields has a name of its own."""
    fields = {
        "value": {"title": "V", "examples": ["7"]},
        "kind": {"description": "Kind"},
        "secret": {"$ref": "#/$defs/secret"},
        "inner": {"required": ["x"], "properties": {"x": {"title": "A"}, "y": {}}},
    }
    schema = {
        "$defs": {"secret": {"hidden": True}},
        "required": ["a"] if outer else [],
        "properties": {
            "a": {"title": "A", "examples": ["5"], "required": ["value", "inner"], "properties": fields},
            "b": {"hidden": True},
        },
    }
    assert table(schema, {}) == (
        replace(PLAIN, name="a.value", title="A: V", required=outer, example="7"),
        replace(PLAIN, name="a.kind", title="A", description="Kind"),
        replace(PLAIN, name="a.inner.x", title="A", required=outer),
        replace(PLAIN, name="a.inner.y", title="A"),
    )


def test_one_field_with_another_name_keeps_the_example() -> None:
    assert line_of({"examples": ["5"], "properties": {"name": {}, "id": {"hidden": True}}}) == replace(
        PLAIN, name="a.name", example="5"
    )


@pytest.mark.parametrize(("levels", "lines"), [(16, 1), (17, 0)])
def test_objects_in_each_other_end(levels: int, lines: int) -> None:
    schema: dict[str, Any] = {"type": "string"}
    for _ in range(levels - 1):
        schema = {"properties": {"value": schema}}
    assert len(table({"properties": {"deep": schema}}, {})) == lines


def test_groups_that_amazon_describes_badly() -> None:
    """Without a title, a group has its name; an attribute of two groups is in the first."""
    schema: dict[str, Any] = {"properties": {name: {} for name in ("a", "b", "c")}}
    groups = {
        "first": {"propertyNames": ["c", 5, "unknown"]},
        "second": {"title": "", "propertyNames": ["b", "c"]},
        "third": {"title": "Third", "propertyNames": "a"},
        "fourth": None,
    }
    assert [(line.name, line.group) for line in table(schema, groups)] == [("c", "first"), ("b", "second"), ("a", "")]


def test_every_column_of_the_files() -> None:
    """Texts that are not ASCII are readable in both."""
    whole = Attribute(
        name="a",
        title="Matière",
        description="d",
        type="string",
        required=True,
        enum=(EnumValue("x", "Été"), EnumValue("y", "y", deprecated=True)),
        open_enum=True,
        max_length=0,
        max_bytes=0,
        unit=("kg", "g"),
        repeatable=True,
        group="g",
        example="e",
    )
    other = replace(PLAIN, max_length=9)
    assert as_csv([whole, other]).decode("utf-8-sig").splitlines() == [
        "name,title,description,type,required,enum_codes,enum_labels,enum_deprecated,max_length,max_bytes,unit,"
        "repeatable,group,example",
        "a,Matière,d,string,true,x|y,Été|y,y,0,0,kg|g,true,g,e",
        "a,,,,false,,,,9,,,false,,",
    ]
    body = as_json([whole])
    assert "Matière" in body.decode()
    assert json.loads(body) == [
        {
            "name": "a",
            "title": "Matière",
            "description": "d",
            "type": "string",
            "required": True,
            "enum": [
                {"code": "x", "label": "Été", "deprecated": False},
                {"code": "y", "label": "y", "deprecated": True},
            ],
            "open_enum": True,
            "max_length": 0,
            "max_bytes": 0,
            "unit": ["kg", "g"],
            "repeatable": True,
            "group": "g",
            "example": "e",
        }
    ]
