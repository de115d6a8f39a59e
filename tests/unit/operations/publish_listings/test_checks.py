"""Messages against Amazon's schema: what is checked, what is left out, and where a problem is."""

from typing import Any

import pytest

from operations.publish_listings import checks
from operations.publish_listings.checks import check_messages
from operations.publish_listings.columns import Column
from operations.publish_listings.definitions import Definitions
from operations.publish_listings.messages import Message
from operations.publish_listings.sheets import Problem
from quickstart.product_types import validation
from tests.unit.operations.publish_listings.reading import FRANCE, LUGGAGE, definitions_of, schema_of

IDENTIFIER = "externally_assigned_product_identifier"


def partial(row: int = 2, columns: tuple[str, ...] = (), unread: str = "", **attributes: object) -> Message:
    """A partial update of a suitcase. `columns` are JSON pointers, of the columns A, B and so on."""
    content = {"sku": f"S{row}", "operationType": "PARTIAL_UPDATE", "productType": "LUGGAGE", "attributes": attributes}
    found = {where: Column(position, "x") for position, where in enumerate(columns)}
    return Message(row, content, found, frozenset(filter(None, [unread])))


def brand(value: object = "generic") -> list[dict[str, object]]:
    return [{"value": value}]


def problems(*messages: Message, known: Definitions = LUGGAGE) -> list[Problem]:
    return list(check_messages(messages, known, FRANCE).problems)


def test_each_message_counts_once() -> None:
    advanced: list[int] = []
    messages = [partial(2, brand=brand()), partial(3, size="x"), Message(4, {"sku": "D", "operationType": "DELETE"})]
    checked = check_messages(messages, LUGGAGE, FRANCE, lambda: advanced.append(1))
    assert [message.row for message in checked.messages] == [2, 4]
    assert len(advanced) == 3


def test_what_cannot_be_checked_is_said_and_not_kept_back() -> None:
    unknown = Message(2, {"sku": "A", "operationType": "UPDATE", "productType": "SARI", "attributes": {"a": brand()}})
    deleted = Message(3, {"sku": "B", "operationType": "DELETE"})
    checked = check_messages([unknown, deleted, unknown], LUGGAGE, FRANCE)
    assert checked.messages == (unknown, deleted, unknown)
    assert checked.problems == ()
    assert checked.unchecked == ("row 2: the schema of SARI is not there",)


def test_a_product_type_that_cannot_be_used_keeps_back_patches_too() -> None:
    known = Definitions({}, {("SARI", "LISTING"): "no such type"})
    patched = Message(2, {"sku": "A", "operationType": "PATCH", "productType": "SARI", "patches": []})
    checked = check_messages([patched], known, FRANCE)
    assert (checked.messages, checked.unchecked) == ((), ())
    assert checked.problems == (Problem(2, "productType", "no such type"),)


def test_a_check_that_takes_too_long_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checks, "CHECK_SECONDS", 0)
    checked = check_messages([partial(7, brand=brand())], LUGGAGE, FRANCE)
    assert [message.row for message in checked.messages] == [7]
    (text,) = checked.unchecked
    assert text.startswith("row 7: ")
    assert len(text) > 20


def test_a_row_with_an_error_of_its_own_is_checked_for_others() -> None:
    messages = [partial(2, brand=brand("x" * 2000)), partial(3, brand=brand())]
    checked = check_messages(messages, LUGGAGE, FRANCE, wrong={2, 3})
    assert checked.messages == ()
    assert {problem.row for problem in checked.problems} == {2}


def test_only_a_full_update_needs_what_is_required() -> None:
    partly = partial(2, brand=brand())
    full = Message(3, {**partly.content, "operationType": "UPDATE", "requirements": "LISTING"})
    found = problems(partly, full)
    assert {problem.row for problem in found if problem.rule == "required"} == {3}


def test_a_good_message_has_the_hidden_fields() -> None:
    message = partial(2, ("/brand/0/value",), brand=brand())
    (checked,) = check_messages([message], LUGGAGE, FRANCE).messages
    (filled,) = checked.attributes["brand"]
    assert filled["value"] == "generic"
    assert filled["marketplace_id"] == FRANCE
    assert (checked.row, checked.columns, checked.content["sku"]) == (2, message.columns, "S2")


def test_a_value_that_is_no_json_is_the_only_problem() -> None:
    deep: Any = "x"
    for _ in range(100):
        deep = [deep]
    wrong = partial(2, ("/brand/0/value",), brand=brand(deep), shell_type=brand("Iron"))
    assert {problem.rule for problem in problems(wrong)} == {"json"}


def test_an_attribute_with_an_unread_cell_has_no_other_problem() -> None:
    given: dict[str, Any] = {"brand": brand("x" * 2000), "shell_type": brand("Iron")}
    both = problems(partial(2, (), **given))
    one = problems(partial(2, (), "brand", **given))
    assert {problem.rule for problem in both} > {problem.rule for problem in one} == {"enum"}


@pytest.mark.parametrize(
    ("columns", "column"),
    [
        (("/item_name/0/value", "/shell_type/0/language_tag", "/shell_type/0/value"), ("C (x)", 2)),
        (("/item_name/0/value", "/shell_type/0/language_tag"), ("B (x)", 1)),
        (("/item_name/0/value", "/shell_type/1/value"), ("B (x)", 1)),
        (("/shell_type_name/0/value", "/shell_type"), ("B (x)", 1)),
        (("/shell_type_name/0/value",), ("", None)),
    ],
)
def test_the_column_of_a_problem(columns: tuple[str, ...], column: tuple[str, int | None]) -> None:
    """That of the value; otherwise one of the same object, or of the same attribute."""
    (problem,) = problems(partial(2, columns, shell_type=brand("Iron")))
    assert (problem.column, problem.position) == column
    assert (problem.row, problem.rule, problem.warning) == (2, "enum", False)
    assert problem.message.startswith("shell_type")


@pytest.mark.parametrize(
    ("number", "whole"),
    [
        ("1234565", "01234565"),
        ("12345670", None),
        ("12345671", None),
        ("55", "00000055"),
        ("56", None),
        ("123456784", "000123456784"),
        ("12345678905", "012345678905"),
        ("012345678905", None),
        ("4006381333930", None),
        ("400638133393100", None),
        ("-55", None),
        ("5x", None),
    ],
)
def test_zeros_that_an_identifier_has_lost(number: str, whole: str | None) -> None:
    """A spreadsheet program drops them from a number."""
    right = {"type": "ean", "value": "4006381333931"}
    message = partial(2, (), **{IDENTIFIER: [right, {"type": "ean", "value": number}]})
    found = [problem for problem in problems(message) if problem.rule == "checkDigit"]
    if number in ("12345670", "012345678905"):
        assert found == []
        return
    said = f"{IDENTIFIER}: {number} is not a GTIN: it needs 8, 12, 13 or 14 digits, of which the last is a check digit"
    hint = f". With zeros before it, {whole} is one: format the column as text, and enter it again" if whole else ""
    assert found == [Problem(2, "checkDigit", said + hint)]


def test_a_message_with_a_warning_can_be_too_large() -> None:
    """The warning stays."""
    message = partial(2, ("/brand/0/value",), brand=brand("Moulin"))
    large = Message(2, {**message.content, "padding": "x" * 1024 * 1024}, message.columns)
    checked = check_messages([message, large], LUGGAGE, FRANCE)
    assert [found.content.get("padding") for found in checked.messages] == [None]
    assert [(problem.rule, problem.warning) for problem in checked.problems] == [
        ("enum", True),
        ("enum", True),
        ("messageTooLarge", False),
    ]


def test_the_schema_of_the_requirements_counts() -> None:
    """Both have the same checksum here; what is required differs."""
    full = schema_of("LUGGAGE", "LISTING")
    offer = schema_of("LUGGAGE", "LISTING_OFFER_ONLY")
    known = Definitions({("LUGGAGE", each.requirements): each for each in (full, offer)})
    content = {"operationType": "UPDATE", "productType": "LUGGAGE", "attributes": {"brand": brand()}}
    messages = [
        Message(row, {"sku": "A", **content, "requirements": requirements})
        for row, requirements in ((2, "LISTING"), (3, "LISTING_OFFER_ONLY"))
    ]
    found = problems(*messages, known=known)
    missing = [{problem.message for problem in found if problem.row == row} for row in (2, 3)]
    assert missing[0] != missing[1]
    assert all(missing)


def test_each_schema_is_prepared_once_for_full_and_once_for_partial_updates(monkeypatch: pytest.MonkeyPatch) -> None:
    """It takes much longer than a check, also in a file whose rows alternate between product types."""
    prepared: list[object] = []
    compiled = validation._compile

    def count(run: Any, schema: Any, *, enforced: bool) -> Any:
        prepared.append(enforced)
        return compiled(run, schema, enforced=enforced)

    monkeypatch.setattr(validation, "_compile", count)
    known = definitions_of("LUGGAGE", "SHIRT")
    messages = [
        Message(2, {"sku": "A", "operationType": operation, "productType": name, "attributes": {"brand": brand()}})
        for _ in range(2)
        for name in ("LUGGAGE", "SHIRT")
        for operation in ("UPDATE", "PARTIAL_UPDATE")
    ]
    problems(*messages, known=known)
    assert sorted(map(bool, prepared)) == [False, False, True, True]
