"""Rows as messages, and what is wrong with a row."""

from pathlib import Path

import pytest

from operations.publish_listings.checks import check_messages
from operations.publish_listings.definitions import Definitions
from operations.publish_listings.messages import Choices, Message
from quickstart.listings.feed_documents import message_body
from tests.spreadsheets import HEADINGS, csv_bytes, rows_of, suitcase
from tests.unit.operations.publish_listings.reading import LUGGAGE, Outcome, read, schema_of

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


@pytest.mark.parametrize("more", [0, 1])
def test_the_largest_message_has_a_mebibyte(more: int) -> None:
    content = {"sku": "A", "operationType": "DELETE", "text": ""}
    size = len(message_body(1, content))
    message = Message(2, content | {"text": "x" * (1024 * 1024 - size + more)}, {})
    problems = check_messages([message], LUGGAGE, "A13V1IB3VIYZZH").problems
    assert [problem.message for problem in problems] == (
        ["the message has 1,048,577 bytes; at most 1,048,576 are allowed"] if more else []
    )
