"""Results as people see them."""

from pathlib import Path

import pytest

from operations.publish_listings import outcomes
from operations.publish_listings.columns import Column, place_of
from operations.publish_listings.messages import Message
from operations.publish_listings.outcomes import Outcome, of_result, result_path, summary, table
from operations.publish_listings.sheets import Problem
from operations.publish_listings.workbooks import ResultCells
from tests.unit.operations.publish_listings.reading import schema_of


def message() -> Message:
    place = place_of("purchasable_offer.our_price.schedule.value_with_tax", schema_of())
    assert place is not None
    column = Column(11, "Preis", places={("LUGGAGE", "LISTING"): place})
    content = {"sku": "A", "operationType": "UPDATE"}
    return Message(4, content, {"/purchasable_offer/0/our_price/0/schedule/0/value_with_tax": column})


def test_amazons_issues_name_the_column() -> None:
    issues = [
        {
            "code": "99022",
            "severity": "ERROR",
            "message": "Too few.",
            "attributeNames": ["purchasable_offer.our_price"],
        },
        {"code": "18448", "severity": "WARNING", "message": "Add\nsome.", "attributeNames": ["item_weight", "theme"]},
        {"severity": "ERROR", "message": "Whole."},
    ]
    outcome = of_result({"sku": "A", "messageId": 4, "status": "INVALID", "issues": issues}, message())
    assert outcome == Outcome(
        4,
        "A",
        "INVALID",
        ("L (Preis): Too few. [99022]", "Warning: item_weight, theme: Add some. [18448]", "Whole."),
    )
    assert outcome.failed
    said = {"sku": "A", "status": "INVALID", "message": "Amazon refused the message: Too few.", "issues": issues[:1]}
    assert of_result(said, message()).problems == ("L (Preis): Too few. [99022]",)
    lost = {"sku": "A", "status": "UNKNOWN", "message": "The report is missing.", "issues": []}
    assert of_result(lost, message()).problems == ("The report is missing.",)
    assert of_result({"sku": "A", "status": "PUBLISHED", "issues": []}, None) == Outcome(0, "A", "PUBLISHED")


def test_what_the_stack_says_of_a_message_comes_before_its_issues() -> None:
    issues = [{"severity": "ERROR", "message": "One."}, {"severity": "ERROR", "message": "Two."}]
    said = {"sku": "A", "status": "REFUSED", "message": "Amazon\nrefused.", "issues": issues}
    assert of_result(said, None).problems == ("Amazon refused.", "One.", "Two.")
    repeated = {**said, "message": "Amazon refused the message: Two."}
    assert of_result(repeated, None).problems == ("One.", "Two.")
    assert of_result({"status": "REFUSED"}, None) == Outcome(0, "", "REFUSED")


def columns(*names: str) -> Message:
    """A message with a column for each of these names, the first in A."""
    content = {"sku": "A", "operationType": "UPDATE"}
    found = {}
    for position, name in enumerate(names):
        place = place_of(name, schema_of())
        assert place is not None
        found[f"/{position}"] = Column(position, name, places={("LUGGAGE", "LISTING"): place})
    return Message(4, content, found)


@pytest.mark.parametrize(
    ("issue", "said"),
    [
        ({"attributeNames": ["item_name", "item_name"]}, "A (item_name): Wrong."),
        ({"attributeNames": ["item_name", "theme"]}, "A (item_name), theme: Wrong."),
        ({"attributeNames": [], "field": "attributes/item_name"}, "A (item_name): Wrong."),
        ({"field": "messages/attributes"}, "messages/attributes: Wrong."),
        ({"attributeNames": ["brand"], "field": "item_name"}, "brand: Wrong."),
        ({}, "Wrong."),
    ],
)
def test_where_an_issue_is(issue: dict[str, object], said: str) -> None:
    result = {"sku": "A", "status": "INVALID", "issues": [{"severity": "ERROR", "message": "Wrong.", **issue}]}
    assert of_result(result, columns("item_name")).problems == (said,)


@pytest.mark.parametrize(
    ("name", "column"),
    [
        ("fulfillment_availability.quantity", "B (fulfillment_availability.quantity)"),
        ("fulfillment_availability.restock_date", "A (fulfillment_availability.fulfillment_channel_code)"),
        ("fulfillment_availability", "A (fulfillment_availability.fulfillment_channel_code)"),
        ("purchasable_offer.our_price", "D (purchasable_offer.our_price.schedule.value_with_tax)"),
        ("purchasable_offer.start", "C (purchasable_offer.start_at)"),
    ],
)
def test_the_column_of_the_field_itself_comes_first(name: str, column: str) -> None:
    """Then one of a field inside it, then one of the same attribute."""
    message = columns(
        "fulfillment_availability.fulfillment_channel_code",
        "fulfillment_availability.quantity",
        "purchasable_offer.start_at",
        "purchasable_offer.our_price.schedule.value_with_tax",
    )
    issue = {"severity": "ERROR", "message": "Wrong.", "attributeNames": [name]}
    (problem,) = of_result({"sku": "A", "status": "INVALID", "issues": [issue]}, message).problems
    assert problem == f"{column}: Wrong."


def test_problems_of_a_row_are_one_outcome() -> None:
    problems = [
        Problem(3, "type", "must be a number", "C (size)"),
        Problem(2, "missing", "is missing"),
        Problem(3, "enum", "is not in the list", "D (brand)", warning=True),
    ]
    assert outcomes.of_problems(problems, {3: "HAT"}, "NOT_SENT") == [
        Outcome(
            3, "HAT", "NOT_SENT", ("C (size): must be a number [type]", "Warning: D (brand): is not in the list [enum]")
        ),
        Outcome(2, "", "NOT_SENT", ("is missing [missing]",)),
    ]


def test_the_copies_have_new_names(tmp_path: Path) -> None:
    file = tmp_path / "products.csv"
    first = result_path(file)
    assert first.name == "products.result.xlsx"
    first.touch()
    second = result_path(first)
    assert second.name == "products.result-2.xlsx"
    second.touch()
    assert result_path(second).name == result_path(file).name == "products.result-3.xlsx"


def test_the_table_shows_what_failed_and_then_what_has_issues() -> None:
    found = [
        Outcome(2, "A", "PUBLISHED_WITH_ISSUES", ("Warning: " + "word " * 14,)),
        Outcome(3, "GOOD", "PUBLISHED", ("Warning: x",)),
        Outcome(4, "B\x1b", "INVALID", ("C (brand): first", "", "second " + "x" * 60)),
        # A SKU that was in the file of an earlier run only.
        Outcome(0, "C", "UNKNOWN"),
    ]
    assert list(table(found, width=90)) == [
        "   Row  SKU  Status                 Problem",
        "     4  B    INVALID                C (brand): first",
        "                                    ",
        "                                    second",
        "                                    " + "x" * 60,
        "        C    UNKNOWN",
        "     2  A    PUBLISHED_WITH_ISSUES  Warning: word word word word word word word word word",
        "                                    word word word word word",
    ]
    assert list(table(found[1:2])) == []


@pytest.mark.parametrize(("sku", "shown"), [("S", "S  "), ("S" * 24, "S" * 24), ("S" * 25, "S" * 24)])
def test_a_long_sku_is_cut_in_the_table(sku: str, shown: str) -> None:
    heading, row = table([Outcome(2, sku, "INVALID", ("x",))], width=90)
    assert row == f"     2  {shown}  INVALID  x"
    assert heading == f"   Row  {'SKU':<{len(shown)}}  Status   Problem"


@pytest.mark.parametrize(("rows", "more"), [(30, []), (31, ["1 more row"]), (1031, ["1,001 more rows"])])
def test_the_table_has_thirty_rows(rows: int, more: list[str]) -> None:
    lines = list(table([Outcome(number, "A", "INVALID", ("x",)) for number in range(1, rows + 1)], width=90))
    assert lines[30] == "    30  A    INVALID  x"
    assert lines[31:] == [f"        and {text}, see the spreadsheet" for text in more]


@pytest.mark.parametrize(
    ("width", "length", "lines"),
    [(90, 68, 1), (90, 69, 2), (50, 40, 1), (50, 41, 2)],
)
def test_a_problem_has_the_width_that_is_left(width: int, length: int, lines: int) -> None:
    """And forty columns at least. Before it, 22 columns tell which row it is about."""
    problem = "x " + "x" * (length - 2)
    assert len(list(table([Outcome(2, "A", "INVALID", (problem,))], width))) == 1 + lines


@pytest.mark.parametrize(("terminal", "width"), [(60, 80), (80, 80), (100, 100)])
def test_the_table_is_as_wide_as_the_terminal(monkeypatch: pytest.MonkeyPatch, terminal: int, width: int) -> None:
    monkeypatch.setenv("COLUMNS", str(terminal))
    for length in (width - 22, width - 21):
        found = [Outcome(2, "A", "INVALID", ("x " + "x" * (length - 2),))]
        assert list(table(found)) == list(table(found, width))


def test_the_summary_counts_each_status() -> None:
    words = {
        "PUBLISHED": "published",
        "PUBLISHED_WITH_ISSUES": "published with issues",
        "ACCEPTED": "accepted; Amazon does not show them yet",
        "DELETED": "deleted",
        "INVALID": "invalid: Amazon does not accept them",
        "REFUSED": "refused: Amazon does not show them",
        "UNKNOWN": "unknown",
        "NOT_SENT": "not sent because of a problem",
        "READY": "without an error, and not sent",
        "UNCHANGED": "unchanged since the last run, and not sent",
        "VALID": "valid: Amazon would accept them",
        "SOMETHING_NEW": "SOMETHING_NEW",
    }
    found = [Outcome(1, "A", status) for status in (*words, "PUBLISHED")]
    assert list(summary(found)) == [
        "13 rows:",
        "       2  published",
        *(f"       1  {text}" for status, text in words.items() if status != "PUBLISHED"),
    ]


@pytest.mark.parametrize(
    ("status", "good", "failed"),
    [
        ("PUBLISHED", True, False),
        ("ACCEPTED", True, False),
        ("DELETED", True, False),
        ("VALID", True, False),
        ("INVALID", False, True),
        ("REFUSED", False, True),
        ("UNKNOWN", False, True),
        ("NOT_SENT", False, True),
        ("UNCHANGED", None, False),
        ("READY", None, False),
        ("PUBLISHED_WITH_ISSUES", None, False),
    ],
)
def test_colors(status: str, good: bool | None, failed: bool) -> None:
    """Green needs more than a good status: a row with a warning has something to read."""
    outcome = Outcome(2, "A", status)
    assert outcome.failed is failed
    assert outcomes.cells([outcome]) == {2: ResultCells(status, "", good)}
    warned = Outcome(1, "A", status, ("Warning: x", "Warning: y"))
    assert outcomes.cells([warned]) == {1: ResultCells(status, "Warning: x\nWarning: y", None if good else good)}


def test_a_listing_that_has_no_row_has_no_cells() -> None:
    assert outcomes.cells([Outcome(0, "A", "PUBLISHED")]) == {}
