"""Results as people see them."""

import io
from pathlib import Path

import pytest

from operations.publish_listings import outcomes
from operations.publish_listings.columns import Column, place_of
from operations.publish_listings.messages import Message
from operations.publish_listings.outcomes import Outcome, of_result, result_path, summary, table
from operations.publish_listings.progress import Progress
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


def test_the_copies_have_new_names(tmp_path: Path) -> None:
    file = tmp_path / "products.csv"
    first = result_path(file)
    assert first.name == "products.result.xlsx"
    first.touch()
    second = result_path(first)
    assert second.name == "products.result-2.xlsx"
    second.touch()
    assert result_path(second).name == result_path(file).name == "products.result-3.xlsx"


def test_the_table_shows_what_failed_within_the_width() -> None:
    found = [Outcome(number, f"SKU-{number}", "INVALID", ("C (brand): " + "word " * 30,)) for number in range(2, 42)]
    lines = list(table([*found, Outcome(50, "GOOD", "PUBLISHED")], width=90))
    assert lines[0].split() == ["Row", "SKU", "Status", "Problem"]
    assert all(len(line) <= 90 for line in lines)
    assert lines[1].startswith("     2  SKU-2   INVALID  C (brand): word")
    assert "GOOD" not in "\n".join(lines)
    assert lines[-1].strip() == "and 10 more rows, see the spreadsheet"
    assert list(table([Outcome(2, "A", "PUBLISHED")])) == []
    warned = Outcome(2, "A", "PUBLISHED_WITH_ISSUES", ("Warning: x",))
    assert len(list(table([warned]))) == 2
    _, failed, issues = table([warned, Outcome(3, "B", "INVALID", ("y",))])
    assert (failed.split()[1], issues.split()[1]) == ("B", "A")
    # A SKU that was in the file of an earlier run only.
    assert list(table([Outcome(0, "A", "INVALID", ("x",))], width=90))[1] == "        A    INVALID  x"


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
    ("status", "good"),
    [("PUBLISHED", True), ("ACCEPTED", True), ("INVALID", False), ("NOT_SENT", False), ("UNCHANGED", None)],
)
def test_colors(status: str, good: bool | None) -> None:
    assert outcomes.cells([Outcome(2, "A", status)])[2].good is good


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_bar_in_a_terminal() -> None:
    screen, now = Terminal(), [0.0]
    progress = Progress(screen, lambda: now[0])
    with progress.bar("Checking", 100) as show:
        show(1)
        now[0] = 1.0
        show(50)
        show(100)
    with progress.waiting() as tell:
        now[0] = 76.0
        tell("Amazon processes the feed")
    frames = screen.getvalue().split("\r\x1b[K")
    assert [frame.rpartition(" ")[2].strip() for frame in frames[1:4]] == ["0%", "50%", "100%"], "not more than needed"
    assert frames[2].count("#") == 14
    assert frames[4] == "Amazon processes the feed (1:15)\n"


def test_lines_without_a_terminal() -> None:
    stream = io.StringIO()
    progress = Progress(stream)
    with progress.bar("Checking", 2) as show:
        show(1)
        show(2)
    with progress.waiting() as tell:
        for state in ("QUEUED", "QUEUED", "SENDING"):
            tell(state)
    assert stream.getvalue() == "Checking ...\nQUEUED\nSENDING\n"
