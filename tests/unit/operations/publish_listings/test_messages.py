"""Rows as messages, and what is wrong with a row."""

import json
from pathlib import Path

import pytest

from operations.publish_listings.checks import check_messages
from operations.publish_listings.columns import Headings, Table, find_table, match_columns
from operations.publish_listings.definitions import Definitions, definition
from operations.publish_listings.messages import Choices, Message, Read, read_rows
from operations.publish_listings.sheets import Merged, Problem, Sheet
from operations.publish_listings.values import DateOrder, DecimalSign
from quickstart.listings.feed_documents import message_body
from tests.spreadsheets import HEADINGS, csv_bytes, rows_of, suitcase
from tests.unit.operations.publish_listings.reading import LUGGAGE, Outcome, read, schema_of, sheet_of

PRICE = "purchasable_offer.our_price.schedule.value_with_tax"
IDENTIFIER = "externally_assigned_product_identifier"


def of(folder: Path, *products: dict[str, object], more: tuple[str, ...] = (), **options: object) -> Outcome:
    return read(csv_bytes(rows_of(products, [*HEADINGS, *more]), delimiter=";"), folder, **options)


def test_a_row_is_a_full_update_with_the_hidden_fields(tmp_path: Path) -> None:
    outcome = of(tmp_path, suitcase(1))
    (message,) = outcome.messages
    assert {name: value for name, value in message.content.items() if name != "attributes"} == {
        "sku": "VALISE-0001",
        "operationType": "UPDATE",
        "productType": "LUGGAGE",
        "requirements": "LISTING",
    }
    assert message.row == 2
    offer = {"our_price": [{"schedule": [{"value_with_tax": 49.9}]}], "currency": "EUR"}
    assert message.attributes["purchasable_offer"] == [{**offer, "marketplace_id": "A13V1IB3VIYZZH"}]


def test_empty_rows_and_cells_are_left_out(tmp_path: Path) -> None:
    content = csv_bytes([*rows_of([suitcase(1)]), [" "] * 12, ["\u00a0"]])
    outcome = read(content, tmp_path)
    assert outcome.errors == []
    assert len(outcome.messages) == 1


@pytest.mark.parametrize(
    ("text", "operation"),
    [
        ("", "UPDATE"),
        ("update", "UPDATE"),
        ("Create or Replace (Full Update)", "UPDATE"),
        ("PARTIAL_UPDATE", "PARTIAL_UPDATE"),
        ("Edit (Partial Update)", "PARTIAL_UPDATE"),
        ("Delete", "DELETE"),
        ("Full update", "UPDATE"),
        ("partial-update!", "PARTIAL_UPDATE"),
        ("Delete this", "DELETE"),
    ],
)
def test_operations(tmp_path: Path, text: str, operation: str) -> None:
    outcome = of(tmp_path, suitcase(1, operation=text), more=("operation",))
    (message,) = outcome.messages
    assert message.operation == operation
    assert ("attributes" in message.content) == (operation != "DELETE")
    assert ("requirements" in message.content) == (operation == "UPDATE")


def test_an_operation_that_a_spreadsheet_does_not_have(tmp_path: Path) -> None:
    outcome = of(tmp_path, suitcase(1, operation="PATCH"), more=("operation",))
    assert outcome.errors == [(2, "operation", "M")]
    assert "must be UPDATE, PARTIAL_UPDATE or DELETE, but is PATCH" in outcome.said("operation")


def test_a_partial_update_needs_only_what_it_has(tmp_path: Path) -> None:
    content = csv_bytes([["sku", "product_type", "operation", PRICE], ["A", "LUGGAGE", "PARTIAL_UPDATE", "19,90"]])
    assert set(read(content, tmp_path).attributes) == {"purchasable_offer"}


def test_a_row_without_a_sku(tmp_path: Path) -> None:
    outcome = of(tmp_path, suitcase(1, sku=" "), suitcase(2))
    assert outcome.errors == [(2, "missing", "A")]
    assert outcome.said("missing") == "A (sku): is empty, but the row has other values [missing]"
    assert len(outcome.messages) == 1


def test_a_sku_that_a_spreadsheet_program_has_changed(tmp_path: Path) -> None:
    assert of(tmp_path, suitcase(1, sku="1,2E+14")).errors == [(2, "digitsLost", "A")]


def test_rows_with_the_same_sku_name_each_other(tmp_path: Path) -> None:
    outcome = of(tmp_path, suitcase(1), suitcase(2), suitcase(3, sku="VALISE-0001"))
    assert outcome.errors == [(2, "duplicateSku", "sku"), (4, "duplicateSku", "sku")]
    assert outcome.said("duplicateSku") == "sku: the SKU VALISE-0001 is also in row 4 [duplicateSku]"
    assert [message.sku for message in outcome.messages] == ["VALISE-0002"]


@pytest.mark.parametrize(("rows", "listed"), [(6, "3, 4, 5, 6, 7"), (7, "3, 4, 5, 6, 7 and more")])
def test_many_rows_with_the_same_sku(tmp_path: Path, rows: int, listed: str) -> None:
    outcome = of(tmp_path, *(suitcase(number, sku="A") for number in range(rows)))
    assert outcome.said("duplicateSku") == f"sku: the SKU A is also in row {listed} [duplicateSku]"
    assert len(outcome.errors) == rows


def table_of(*rows: tuple[object, ...], merged: tuple[Merged, ...] = ()) -> Table:
    return find_table(Sheet("", sheet_of(*rows).rows, merged), Headings())


def rows_read(table: Table, known: Definitions = LUGGAGE, choices: Choices = Choices()) -> Read:  # noqa: B008 - frozen
    columns, wrong = match_columns(table, Headings(), known.found)
    assert wrong == ()
    return read_rows(table, columns, known, choices)


def test_what_each_row_says_wrongly() -> None:
    """In the order of the rows, with the column where there is one. A row with a problem of its own has a SKU too."""
    found = rows_read(
        table_of(
            ("sku", "product_type", "requirements", "operation", "brand"),
            ("A", None, None, None, "x"),
            ("B", "LUGGAGE", "LISTINGS", None, "x"),
            ("C", "HAT", None, None, "x"),
            ("D", "LUGGAGE", None, "PATCH", "x"),
            (None, None, None, "DELETE"),
            ("..", None, None, "DELETE"),
            ("F", "LUGGAGE", None, "PARTIAL_UPDATE"),
            ("A", None, None, "DELETE"),
        )
    )
    place = "add a column product_type, or set PRODUCT_TYPE=<type>"
    assert found.problems[:4] == (
        Problem(2, "missing", f"the product type is missing: {place}", "B (product_type)", 1),
        Problem(2, "duplicateSku", "the SKU A is also in row 9", "sku"),
        Problem(
            3,
            "requirements",
            "must be LISTING, LISTING_PRODUCT_ONLY or LISTING_OFFER_ONLY, but is LISTINGS",
            "C (requirements)",
            2,
        ),
        Problem(4, "productType", "HAT is no product type", "B (product_type)", 1),
    )
    assert found.problems[4:6] == (
        Problem(5, "operation", "must be UPDATE, PARTIAL_UPDATE or DELETE, but is PATCH", "D (operation)", 3),
        Problem(6, "missing", "is empty, but the row has other values", "A (sku)", 0),
    )
    assert [(problem.row, problem.rule, problem.column, problem.position) for problem in found.problems[6:]] == [
        (7, "sku", "A (sku)", 0),
        (8, "noAttributes", "", None),
        (9, "duplicateSku", "sku", None),
    ]
    assert found.problems[7].message == "the row has no attributes; PARTIAL_UPDATE needs one"
    assert found.skus == {2: "A", 3: "B", 4: "C", 5: "D", 7: "..", 8: "F", 9: "A"}
    assert [(message.row, message.content) for message in found.messages] == [
        (7, {"sku": "..", "operationType": "DELETE"}),
        (9, {"sku": "A", "operationType": "DELETE"}),
    ]


def test_what_the_command_says_for_every_row_has_no_column() -> None:
    table = table_of(("sku", "brand"), ("A", "x"))
    (missing,) = rows_read(table).problems
    assert (missing.rule, missing.column, missing.position) == ("missing", "", None)
    (requirements,) = rows_read(table, choices=Choices("LUGGAGE", "ALL")).problems
    assert (requirements.rule, requirements.column) == ("requirements", "")
    (unknown,) = rows_read(table, choices=Choices("HAT")).problems
    assert (unknown.rule, unknown.column) == ("productType", "")


def test_rows_without_a_column_of_the_skus() -> None:
    table = table_of(("sku", "brand"), ("A", "x"))
    found = read_rows(table, [], LUGGAGE, Choices("LUGGAGE"))
    assert Problem(2, "missing", "is missing") in found.problems
    assert (found.messages, found.skus) == ((), {})


def test_merged_cells_say_nothing_of_the_rows_around_them() -> None:
    rows = [("sku", "product_type", "operation"), *((sku, None, "DELETE") for sku in "ABCDE")]
    downwards, across = Merged(2, 3, 2, 2), Merged(3, 4, 1, 2)
    found = rows_read(table_of(*rows, merged=(downwards, across)))
    said = "the cells B3:C4 are merged: give each column its own cell"
    assert found.problems == (Problem(3, "mergedCells", said), Problem(4, "mergedCells", said))
    assert [message.row for message in found.messages] == [2, 5, 6]
    assert found.skus == {2: "A", 3: "B", 4: "C", 5: "D", 6: "E"}


def test_what_a_message_is_about() -> None:
    deleted = Message(2, {"sku": "A", "operationType": "DELETE"})
    assert (deleted.sku, deleted.operation, deleted.attributes) == ("A", "DELETE", {})
    assert deleted.definition_key == ("", "LISTING")
    partial = Message(2, {**deleted.content, "productType": "HAT", "requirements": "LISTING_OFFER_ONLY"})
    assert partial.definition_key == ("HAT", "LISTING_OFFER_ONLY")


def test_each_value_knows_its_column() -> None:
    """A unit that stands in the cell of its number has the same column."""
    found = rows_read(
        table_of(
            ("sku", "operation", "item_weight", "bullet_point", "bullet_point", "item_package_dimensions.length"),
            ("A", "PARTIAL_UPDATE", "2,5 kilograms", None, "x", "55"),
            ("B", "PARTIAL_UPDATE", "2,5", "y", "z", None),
        ),
        choices=Choices("LUGGAGE"),
    )
    columns = [{where: column.position for where, column in message.columns.items()} for message in found.messages]
    assert columns == [
        {
            "/item_weight/0/value": 2,
            "/item_weight/0/unit": 2,
            "/bullet_point/0/value": 4,
            "/item_package_dimensions/0/length/value": 5,
        },
        {"/item_weight/0/value": 2, "/bullet_point/0/value": 3, "/bullet_point/1/value": 4},
    ]
    assert found.messages[0].content == {
        "sku": "A",
        "operationType": "PARTIAL_UPDATE",
        "productType": "LUGGAGE",
        "attributes": {
            "item_weight": [{"value": 2.5, "unit": "kilograms"}],
            "bullet_point": [{"value": "x"}],
            "item_package_dimensions": [{"length": {"value": 55}}],
        },
    }


def test_a_unit_says_nothing_without_its_number() -> None:
    found = rows_read(
        table_of(
            ("sku", "operation", "item_weight", "item_weight.unit", "brand"),
            ("A", "PARTIAL_UPDATE", None, "Kilograms", "x"),
            ("B", "PARTIAL_UPDATE", "2 grams", "Kilograms", "x"),
        ),
        choices=Choices("LUGGAGE"),
    )
    assert found.problems == (
        Problem(3, "unit", "the unit differs from the one in C (item_weight)", "D (item_weight.unit)", 3),
    )
    assert set(found.messages[0].attributes) == {"brand"}


UNITS = {
    "type": "array",
    "items": {
        "type": "object",
        "properties": {"value": {"type": "number"}, "unit": {"type": "string", "enum": ["volts"], "enumNames": ["V"]}},
    },
}


def test_the_only_unit_that_there_is_need_not_be_written() -> None:
    two = {**UNITS, "items": {"type": "object", "properties": {**UNITS["items"]["properties"]}}}  # type: ignore[index]
    two["items"]["properties"]["unit"] = {"type": "string", "enum": ["volts", "kilovolts"]}  # type: ignore[index]
    body = json.dumps({"type": "object", "properties": {"one": UNITS, "two": two}}).encode()
    known = Definitions({("T", "LISTING"): definition("T", "LISTING", "c", body, {})})
    found = rows_read(table_of(("sku", "one", "two"), ("A", 230, 230)), known, Choices("T"))
    assert found.messages[0].attributes == {"one": [{"value": 230, "unit": "volts"}], "two": [{"value": 230}]}
    assert {where: column.position for where, column in found.messages[0].columns.items()} == {
        "/one/0/value": 1,
        "/one/0/unit": 1,
        "/two/0/value": 2,
    }


def test_each_of_several_values_has_its_own_unit() -> None:
    fields = {"value": {"type": "number"}, "unit": {"type": "string", "enum": ["volts", "kilovolts"]}}
    rules = {"type": "array", "items": {"type": "object", "properties": fields}}
    body = json.dumps({"type": "object", "properties": {"voltage": rules}}).encode()
    known = Definitions({("T", "LISTING"): definition("T", "LISTING", "c", body, {})})
    table = table_of(("sku", "voltage", "voltage", "voltage"), ("A", "1 volts", "2 kilovolts", 3))
    assert rows_read(table, known, Choices("T")).messages[0].attributes == {
        "voltage": [{"value": 1, "unit": "volts"}, {"value": 2, "unit": "kilovolts"}, {"value": 3}]
    }


def test_an_attribute_with_a_cell_that_cannot_be_read_is_known() -> None:
    found = rows_read(
        table_of(("sku", "brand", "item_weight"), ("A", "x", "many"), ("B", "x", None)), choices=Choices("LUGGAGE")
    )
    assert [(message.sku, message.unread) for message in found.messages] == [
        ("A", frozenset({"item_weight"})),
        ("B", frozenset()),
    ]


def test_the_choices_decide_how_cells_are_read() -> None:
    table = table_of(("sku", "item_weight", "purchasable_offer.start_at"), ("A", "1.234", "3/4/2027"))
    (message,) = rows_read(table, choices=Choices("LUGGAGE", "LISTING", DecimalSign.COMMA, DateOrder.DAY)).messages
    assert message.attributes["item_weight"] == [{"value": 1234}]
    assert message.attributes["purchasable_offer"][0]["start_at"] == "2027-04-03T00:00:00Z"


def test_product_type_and_requirements_can_come_from_the_command(tmp_path: Path) -> None:
    products = [suitcase(1, product_type="")]
    missing = of(tmp_path, *products)
    assert missing.errors == [(2, "missing", "B")]
    assert "add a column product_type, or set PRODUCT_TYPE=<type>" in missing.said("missing")
    assert of(tmp_path, *products, choices=Choices("luggage")).errors == []
    wrong = of(tmp_path, suitcase(1, requirements="LISTINGS"), more=("requirements",))
    assert wrong.errors == [(2, "requirements", "M")]


def test_an_offer_for_a_product_that_amazon_has(tmp_path: Path) -> None:
    key = ("LUGGAGE", "LISTING_OFFER_ONLY")
    known = Definitions({key: schema_of("LUGGAGE", "LISTING_OFFER_ONLY")})
    rows = [["sku", "product_type", "requirements", "merchant_suggested_asin", "condition_type", PRICE]]
    rows += [["A", "LUGGAGE", "LISTING_OFFER_ONLY", "B007KQFL3M", "new_new", "19,90"]]
    outcome = read(csv_bytes(rows), tmp_path, known=known)
    assert outcome.errors == []
    assert outcome.messages[0].content["requirements"] == "LISTING_OFFER_ONLY"


def test_a_product_type_that_cannot_be_used(tmp_path: Path) -> None:
    known = Definitions(LUGGAGE.found, {("SARI", "LISTING"): "this marketplace does not support SARI"})
    outcome = of(tmp_path, suitcase(1, product_type="Sari"), suitcase(2), known=known)
    assert outcome.errors == [(2, "productType", "B")]
    assert "this marketplace does not support SARI" in outcome.said("productType")
    number = of(tmp_path, suitcase(1, product_type="12"))
    assert number.said("productType") == "B (product_type): 12 is no product type [productType]"


def test_a_row_without_attributes(tmp_path: Path) -> None:
    outcome = read(csv_bytes([["sku", "product_type"], ["A", "LUGGAGE"]]), tmp_path)
    assert outcome.errors == [(2, "noAttributes", "")]


def test_every_problem_of_a_row_is_named(tmp_path: Path) -> None:
    outcome = of(
        tmp_path, suitcase(1, sku="", **{PRICE: "viel"}), suitcase(2, wheel_count="3,5"), more=("wheel_count",)
    )
    assert outcome.errors == [(2, "missing", "A"), (2, "type", "L"), (3, "type", "M")]
    assert outcome.said("type").startswith(f"L ({PRICE}): must be a number, but is viel")


def test_the_schema_names_column_and_rule(tmp_path: Path) -> None:
    wrong = suitcase(1, shell_type="Iron", item_name="x" * 201, country_of_origin=None, **{PRICE: "49.9999"})
    outcome = of(tmp_path, wrong)
    assert sorted(outcome.errors) == [
        (2, "enum", "I"),
        (2, "maxLength", "D"),
        (2, "multipleOf", "L"),
        (2, "required", ""),
    ]
    assert "must be one of hard_shell (Hard shell)" in outcome.said("enum")
    assert outcome.said("required") == "country_of_origin is missing [required]"


def test_conditions_of_the_schema_are_checked(tmp_path: Path) -> None:
    known = Definitions({("SPACE_HEATER", "LISTING"): schema_of("SPACE_HEATER")})
    heater = suitcase(1, product_type="SPACE_HEATER", shell_type=None, power_source_type="battery_powered")
    heater["supplier_declared_dg_hz_regulation"] = "not_applicable"
    more = ("power_source_type", "supplier_declared_dg_hz_regulation")
    columns = [name for name in (*HEADINGS, *more) if name != "shell_type"]
    outcome = read(csv_bytes(rows_of([heater], columns)), tmp_path, known=known)
    assert (2, "required", "") in outcome.errors
    assert any("a condition on power_source_type" in problem.message for problem in outcome.problems), outcome.problems


@pytest.mark.parametrize(
    ("number", "said"),
    [
        (
            "12345678905",
            "a check digit. With zeros before it, 012345678905 is one: format the column as text, and enter it again",
        ),
        ("4006381333930", "4006381333930 is not a GTIN"),
    ],
)
def test_identifiers_have_their_check_digit(tmp_path: Path, number: str, said: str) -> None:
    outcome = of(tmp_path, suitcase(1, **{f"{IDENTIFIER}.value": number}))
    assert outcome.errors == [(2, "checkDigit", "K")]
    assert said in outcome.said("checkDigit")


def test_warnings_stop_nothing(tmp_path: Path) -> None:
    outcome = of(tmp_path, suitcase(1, brand="Moulin"))
    assert [(problem.rule, problem.warning) for problem in outcome.problems] == [("enum", True)]
    assert len(outcome.messages) == 1


def test_a_message_that_is_too_large(tmp_path: Path) -> None:
    more = tuple(f"other_product_image_locator_{number}" for number in range(1, 9))
    headings = [f"{name}#{index}.media_location" for name in more for index in range(1, 90)]
    cells = {heading: f"https://images.example.com/{'x' * 1960}{position}" for position, heading in enumerate(headings)}
    product = suitcase(1, operation="PARTIAL_UPDATE") | cells
    outcome = of(tmp_path, product, more=("operation", *headings))
    assert {rule for _, rule, _ in outcome.errors} & {"messageTooLarge", "maxUniqueItems"}


@pytest.mark.parametrize("row", [2, 12_345])
@pytest.mark.parametrize("more", [0, 1])
def test_the_largest_message_has_a_mebibyte(row: int, more: int) -> None:
    """As it is sent, with the number of its row."""
    content = {"sku": "A", "operationType": "DELETE", "text": ""}
    size = len(message_body(row, content))
    message = Message(row, content | {"text": "x" * (1024 * 1024 - size + more)}, {})
    problems = check_messages([message], LUGGAGE, "A13V1IB3VIYZZH").problems
    said = "the message has 1,048,577 bytes; at most 1,048,576 are allowed"
    assert problems == ((Problem(row, "messageTooLarge", said),) if more else ())
