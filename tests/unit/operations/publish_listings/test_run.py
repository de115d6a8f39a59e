"""One run, without a stack: what is sent, what is said, what stands beside the rows, and the exit code."""

import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import boto3
import pytest

from operations.api import FEEDS, LISTINGS, PRODUCT_TYPES
from operations.publish_listings import run
from operations.publish_listings.api import Target
from operations.publish_listings.catalogue import Catalogue
from operations.publish_listings.columns import Headings
from operations.publish_listings.files import File
from operations.publish_listings.journal import Published, Record, fingerprint
from operations.publish_listings.messages import Choices, Message
from operations.publish_listings.outcomes import Outcome
from operations.publish_listings.progress import Progress
from operations.publish_listings.run import Options, Run
from operations.publish_listings.sending import Ended
from operations.publish_listings.sheets import Problem, Sheet
from operations.publish_listings.workbooks import ResultCells
from operations.stack import Stack
from tests.unit.operations.publish_listings.reading import sheet_of

OUTPUTS = {FEEDS: "https://feeds", LISTINGS: "https://listings", PRODUCT_TYPES: "https://types"}
TARGET = Target("A1", "EU", "M1")
HEADINGS, CHOICES = Headings({"nr": "sku"}), Choices("LUGGAGE")
NOTES = ("Read the sheet Products.", "The products include 1 hidden row.")
FILE = File(replace(sheet_of(("sku",), ("CUP",), ("HAT",)), notes=NOTES), workbook=b"workbook")


def message(row: int, sku: str) -> Message:
    return Message(row, {"sku": sku, "operationType": "DELETE"})


CUP, HAT = message(2, "CUP"), message(3, "HAT")
BAD = Problem(4, "type", "must be a number", "C (size)", 2)
OF_FILE = Problem(1, "unknownColumn", "is no attribute", "D (x)", 3)
WARNING = Problem(3, "enum", "is not in the list", "E (brand)", 4, warning=True)
SKUS = {2: "CUP", 3: "HAT", 4: "SHOE"}


def published(*names: Message) -> Mapping[str, Outcome]:
    return {one.sku: Outcome(one.row, one.sku, "PUBLISHED") for one in names}


@dataclass
class World:
    """What the run reads, and what it does."""

    folder: Path
    patch: pytest.MonkeyPatch
    catalogue: Catalogue
    known: dict[str, Published] = field(default_factory=dict)
    # SKUs that Amazon has taken as they are.
    same: tuple[str, ...] = ()
    earlier: Ended | None = None
    ends: list[Ended] = field(default_factory=list)
    needed: list[str] = field(default_factory=list)
    sent: list[list[str]] = field(default_factory=list)
    previewed: list[str] = field(default_factory=list)
    shown: list[str] = field(default_factory=list)
    written: list[tuple[int, dict[int, ResultCells], str]] = field(default_factory=list)
    # What the parts of the run were called with, by their names.
    called: dict[str, tuple[object, ...]] = field(default_factory=dict)
    outputs: Mapping[str, str] = field(default_factory=lambda: OUTPUTS)
    target: Target = TARGET
    progress: Progress = field(default_factory=lambda: Progress(io.StringIO()))
    locked_now: bool = False

    # What the run calls in place of the journal and of `Sending`.

    @contextmanager
    def locked(self) -> Iterator[None]:
        self.locked_now = True
        yield
        self.locked_now = False

    def read(self) -> Record:
        return Record(self.known, None)

    @property
    def journal(self) -> "World":
        return self

    @property
    def api(self) -> None:
        return None

    def continued(self, _: object) -> Ended | None:
        assert self.locked_now, "two runs must not publish at once"
        return self.earlier

    def changed(self, messages: Sequence[Message], *, everything: bool) -> tuple[list[Message], list[Outcome]]:
        assert self.locked_now
        same = () if everything else self.same
        return (
            [one for one in messages if one.sku not in same],
            [Outcome(one.row, one.sku, "UNCHANGED", ("PUBLISHED",)) for one in messages if one.sku in same],
        )

    def sending(self, messages: Sequence[Message]) -> Iterator[Ended]:
        self.sent.append([one.sku for one in messages])
        yield from self.ends or [Ended("DONE", published(*messages), (), {})]

    def run(self, **options: Any) -> int:
        world = self

        class Api:
            def __init__(self, _: Stack) -> None:
                pass

            def needs(self, *outputs: str) -> None:
                world.needed.extend(outputs)

        class Sender:
            def __init__(self, *given: object) -> None:
                world.called["sending"] = given[1:]
                self.journal, self.api, self.sent = world, None, world.sending
                self.continued, self.changed = world.continued, world.changed

        progress = self.progress

        def previewed(_: object, target: Target, messages: Sequence[Message], given: object) -> list[Outcome]:
            assert (target, given) == (self.target, progress)
            self.previewed += [one.sku for one in messages]
            return [Outcome(one.row, one.sku, "VALID") for one in messages]

        def read_file(path: Path, headings: Headings, **named: object) -> File:
            self.called["read_file"] = (path, headings, named)
            return FILE

        def read_catalogue(file: File, headings: Headings, choices: Choices, _: object, *rest: object) -> Catalogue:
            assert (file, rest) == (FILE, (self.target, progress))
            self.called["read_catalogue"] = (headings, choices)
            return self.catalogue

        def journal_of(*given: object) -> World:
            self.called["journal_of"] = given
            return self

        def write_result(
            source: bytes | None, sheet: Sheet, row: int, cells: dict[int, ResultCells], path: Path
        ) -> None:
            assert (source, sheet) == (FILE.workbook, FILE.sheet)
            assert path.parent == self.folder
            self.written.append((row, cells, path.name))

        replaced: dict[str, Callable[..., Any] | type] = {
            "StackApi": Api,
            "Sending": Sender,
            "read_file": read_file,
            "read_catalogue": read_catalogue,
            "journal_of": journal_of,
            "preview": previewed,
            "write_result": write_result,
        }
        for name, value in replaced.items():
            self.patch.setattr(run, name, value)
        session = boto3.Session("t", "t", region_name="eu-west-1")
        stack = Stack("quick-start", self.outputs, {}, lambda name: name, str, session)
        given = Options(self.folder / "products.csv", HEADINGS, CHOICES, **options)
        return Run(stack, self.target, given, progress, self.shown.append).run()

    @property
    def statuses(self) -> dict[int, str]:
        """What stands beside each row."""
        ((_, cells, _),) = self.written
        return {row: cell.status for row, cell in cells.items()}


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    return World(tmp_path, monkeypatch, catalogue((CUP, HAT)))


def catalogue(messages: tuple[Message, ...], *problems: Problem, unchecked: tuple[str, ...] = ()) -> Catalogue:
    return Catalogue(messages, problems, SKUS, 1, unchecked)


def test_every_row_is_sent_and_its_outcome_written_beside_it(world: World) -> None:
    assert world.run() == 0
    assert (world.sent, world.needed) == ([["CUP", "HAT"]], [PRODUCT_TYPES, FEEDS])
    assert world.statuses == {2: "PUBLISHED", 3: "PUBLISHED"}
    assert world.written[0][::2] == (1, "products.result.xlsx")
    assert world.shown == [
        *NOTES,
        "",
        "2 rows:",
        "       2  published",
        f"The outcome beside each row: {world.folder / 'products.result.xlsx'}",
    ]


def test_rows_that_amazon_has_already_are_not_sent(world: World) -> None:
    world.same = ("CUP",)
    assert world.run() == 0
    assert world.sent == [["HAT"]]
    assert world.statuses == {2: "UNCHANGED", 3: "PUBLISHED"}
    world.sent.clear()
    world.written.clear()
    assert world.run(everything=True) == 0
    assert world.sent == [["CUP", "HAT"]]


def test_nothing_new_writes_no_file(world: World) -> None:
    world.same = ("CUP", "HAT")
    assert world.run() == 0
    assert (world.sent, world.written) == ([], [])
    assert world.shown[-1] == "Nothing has changed since the last run, so nothing was sent."


def test_a_row_with_an_error_keeps_back_the_others(world: World) -> None:
    world.catalogue = catalogue((CUP, HAT), BAD)
    world.same = ("HAT",)
    assert world.run() == 1
    assert world.sent == []
    assert world.statuses == {2: "READY", 3: "UNCHANGED", 4: "NOT_SENT"}
    assert world.written[0][1][4].problems == "C (size): must be a number [type]"
    assert world.shown[-2] == (
        "Nothing was sent, because rows have errors. Correct them, or send the others with SKIP_BAD=1."
    )


def test_the_others_are_sent_on_request(world: World) -> None:
    world.catalogue = catalogue((CUP, HAT), BAD)
    assert world.run(skip_bad=True) == 1
    assert world.sent == [["CUP", "HAT"]]
    assert world.statuses == {2: "PUBLISHED", 3: "PUBLISHED", 4: "NOT_SENT"}


def test_when_every_row_has_an_error(world: World) -> None:
    world.catalogue = catalogue((), BAD)
    assert world.run(skip_bad=True) == 1
    assert world.shown[-2] == "Every row has an error, so nothing was sent."


def test_wrong_headings_keep_everything_back(world: World) -> None:
    world.catalogue = catalogue((CUP,), OF_FILE)
    assert world.run(skip_bad=True) == 1
    assert world.sent == []
    assert world.statuses == {2: "READY"}
    assert world.shown[2] == "row 1: D (x): is no attribute [unknownColumn]"
    assert world.shown[-2] == "Nothing was sent, because the headings have errors."


def test_a_check_sends_nothing_and_shows_warnings(world: World) -> None:
    world.catalogue = catalogue((CUP, HAT), WARNING, unchecked=tuple(f"row {number}: x" for number in range(7)))
    assert world.run(check=True) == 0
    assert (world.sent, world.needed) == ([], [PRODUCT_TYPES])
    assert world.shown[2:7] == [f"Not checked: row {number}: x" for number in range(5)]
    assert world.shown[7] == ""
    assert world.shown[-2] == "Nothing was sent, because of CHECK=1."
    assert world.statuses == {2: "READY", 3: "READY"}
    assert world.written[0][1][3].problems == "Warning: E (brand): is not in the list [enum]"


def test_a_preview_publishes_nothing(world: World) -> None:
    world.catalogue = catalogue((CUP, HAT), BAD)
    world.same = ("HAT",)
    assert world.run(preview=True) == 1
    assert (world.previewed, world.sent, world.needed) == (["CUP"], [], [PRODUCT_TYPES, LISTINGS])
    assert world.statuses == {2: "VALID", 3: "UNCHANGED", 4: "NOT_SENT"}
    assert world.shown[-2] == "Amazon has checked the rows. Nothing was published."


def test_wrong_headings_are_not_previewed(world: World) -> None:
    world.catalogue = catalogue((CUP,), OF_FILE)
    assert world.run(preview=True) == 1
    assert world.previewed == []


def earlier(status: str, *sent: Message, whole: tuple[str, ...] = ()) -> Ended:
    prints = {one.sku: fingerprint(one.content) for one in sent}
    return Ended(status, published(*sent), whole, prints)


def test_what_an_interrupted_run_has_sent_is_not_sent_again(world: World) -> None:
    world.earlier = earlier("DONE", CUP)
    assert world.run() == 0
    assert world.sent == [["HAT"]]
    assert world.statuses == {2: "PUBLISHED", 3: "PUBLISHED"}
    assert world.shown[2] == "The feed of the interrupted run has ended: DONE."


def test_when_the_interrupted_run_has_sent_everything(world: World) -> None:
    world.earlier = earlier("FATAL", CUP, HAT, whole=("FATAL: stopped",))
    assert world.run() == 1
    assert world.sent == []
    assert world.shown[2:4] == ["The feed of the interrupted run has ended: FATAL.", "FATAL: stopped"]
    assert "Nothing has changed" not in " ".join(world.shown)


def test_what_is_said_of_a_whole_feed_is_a_failure(world: World) -> None:
    world.ends = [Ended("FATAL", published(CUP, HAT), ("FATAL: stopped",), {})]
    assert world.run() == 1
    assert world.shown[2] == "FATAL: stopped"


def test_listings_that_left_the_file_are_counted(world: World) -> None:
    world.known = {sku: Published("f", "PUBLISHED", "t") for sku in ("CUP", "OLD", "OLDER")}
    assert world.run() == 0
    assert world.shown[2] == (
        "2 listings published from this folder before are not in the file, and stay at Amazon. To delete a listing, "
        "give its row the operation DELETE."
    )


def test_one_listing_that_left_the_file(world: World) -> None:
    world.known = {"OLD": Published("f", "PUBLISHED", "t")}
    world.run()
    assert world.shown[2].startswith("1 listing published from this folder before are not in the file")


@pytest.mark.parametrize(
    ("target", "owner"), [(TARGET, "A1"), (Target("A1", "EU", "M1", "CODE1"), "CODE1")], ids=["seller", "vendor"]
)
def test_what_the_parts_of_a_run_are_told(world: World, target: Target, owner: str) -> None:
    """A feed document names the vendor code in place of the seller."""
    world.target = target
    world.run(sheet="One", encoding="cp1250", skip_bad=True)
    assert world.called == {
        "read_file": (
            world.folder / "products.csv",
            HEADINGS,
            {"sheet": "One", "encoding": "cp1250", "seller_id": owner},
        ),
        "read_catalogue": (HEADINGS, CHOICES),
        "journal_of": (world.folder.resolve(), "quick-start", "eu-west-1", target, "https://feeds"),
        "sending": (target, world, world.progress, True),
    }


def test_a_stack_without_feeds_keeps_a_journal_too(world: World) -> None:
    world.outputs = {PRODUCT_TYPES: "https://types", LISTINGS: "https://listings"}
    world.run(preview=True)
    assert world.called["journal_of"][-1] == "https://types"


def test_an_error_and_a_warning_of_one_row_stand_together(world: World) -> None:
    warning = Problem(4, "enum", "is not in the list", "E (brand)", 4, warning=True)
    world.catalogue = catalogue((CUP, HAT), BAD, warning, WARNING)
    assert world.run() == 1
    assert {row: (cell.status, cell.problems) for row, cell in world.written[0][1].items()} == {
        2: ("READY", ""),
        3: ("READY", "Warning: E (brand): is not in the list [enum]"),
        4: ("NOT_SENT", "C (size): must be a number [type]\nWarning: E (brand): is not in the list [enum]"),
    }
    assert list(world.written[0][1]) == [2, 3, 4], "in the order of the rows"
    (row,) = (line for line in world.shown if "SHOE" in line)
    assert row == "     4  SHOE  NOT_SENT  C (size): must be a number [type]"


def test_a_check_knows_nothing_of_earlier_runs(world: World) -> None:
    world.same = ("CUP", "HAT")
    assert world.run(check=True) == 0
    assert world.statuses == {2: "READY", 3: "READY"}


def test_every_row_is_sent_or_previewed_on_request(world: World) -> None:
    world.same = ("CUP", "HAT")
    assert world.run(preview=True, everything=True) == 0
    assert world.previewed == ["CUP", "HAT"]
    world.catalogue = catalogue((CUP, HAT), BAD)
    world.written.clear()
    assert world.run(everything=True) == 1
    assert world.statuses == {2: "READY", 3: "READY", 4: "NOT_SENT"}


def test_rows_that_amazon_has_already_beside_one_with_an_error(world: World) -> None:
    world.catalogue = catalogue((CUP, HAT), BAD)
    world.same = ("CUP", "HAT")
    assert world.run(skip_bad=True) == 1
    assert world.statuses == {2: "UNCHANGED", 3: "UNCHANGED", 4: "NOT_SENT"}
    assert world.shown[-2] == "Nothing has changed since the last run, so nothing was sent."


def test_several_feeds_of_one_run(world: World) -> None:
    world.ends = [
        Ended("DONE", published(CUP), ("one",), {}),
        Ended("FATAL", {"HAT": Outcome(3, "HAT", "UNKNOWN")}, ("two",), {}),
    ]
    assert world.run() == 1
    assert world.statuses == {2: "PUBLISHED", 3: "UNKNOWN"}
    assert world.shown[2:4] == ["one", "two"]
    assert world.shown[-1].startswith("The outcome beside each row: ")
    assert world.shown[-2].startswith("     3  HAT")


def test_a_row_that_has_changed_since_the_interrupted_run_is_sent(world: World) -> None:
    world.earlier = earlier("DONE", Message(2, {"sku": "CUP", "operationType": "UPDATE"}), HAT)
    world.ends = [Ended("DONE", {"CUP": Outcome(2, "CUP", "DELETED")}, (), {})]
    assert world.run() == 0
    assert world.sent == [["CUP"]]
    assert world.statuses == {2: "DELETED", 3: "PUBLISHED"}


def test_an_interrupted_run_is_followed_although_rows_have_errors(world: World) -> None:
    world.catalogue = catalogue((CUP,), BAD)
    world.earlier = earlier("FATAL", CUP, whole=("FATAL: stopped",))
    assert world.run() == 1
    assert world.shown[2:4] == ["The feed of the interrupted run has ended: FATAL.", "FATAL: stopped"]
    assert world.sent == []


def test_the_interrupted_run_was_all_there_was_to_do(world: World) -> None:
    world.catalogue = catalogue((CUP,))
    world.earlier = earlier("DONE", CUP)
    assert world.run() == 0
    assert world.shown[3:] == [
        "",
        "1 row:",
        "       1  published",
        f"The outcome beside each row: {world.folder / 'products.result.xlsx'}",
    ]


def test_a_warning_about_a_heading_keeps_nothing_back(world: World) -> None:
    world.catalogue = catalogue((CUP, HAT), replace(OF_FILE, warning=True))
    assert world.run() == 0
    assert world.sent == [["CUP", "HAT"]]
