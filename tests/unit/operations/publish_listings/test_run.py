"""One run, without a stack: what is sent, what is said, what stands beside the rows, and the exit code."""

import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
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
from operations.publish_listings.sheets import Problem
from operations.publish_listings.workbooks import ResultCells
from operations.stack import Stack
from tests.unit.operations.publish_listings.reading import sheet_of

OUTPUTS = dict.fromkeys((FEEDS, LISTINGS, PRODUCT_TYPES), "https://x")


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
            def __init__(self, *_: object) -> None:
                self.journal, self.api, self.sent = world, None, world.sending
                self.continued, self.changed = world.continued, world.changed

        def previewed(_: object, __: object, messages: Sequence[Message], ___: object) -> list[Outcome]:
            self.previewed += [one.sku for one in messages]
            return [Outcome(one.row, one.sku, "VALID") for one in messages]

        file = File(sheet_of(("sku",), ("CUP",), ("HAT",)))
        replaced: dict[str, Callable[..., Any] | type] = {
            "StackApi": Api,
            "Sending": Sender,
            "read_file": lambda *_, **__: file,
            "read_catalogue": lambda *_: self.catalogue,
            "journal_of": lambda *_: self,
            "preview": previewed,
            "write_result": lambda _, __, row, cells, path: self.written.append((row, cells, path.name)),
        }
        for name, value in replaced.items():
            self.patch.setattr(run, name, value)
        stack = Stack(
            "quick-start", OUTPUTS, {}, lambda name: name, str, boto3.Session("t", "t", region_name="eu-west-1")
        )
        given = Options(self.folder / "products.csv", Headings(), Choices(), **options)
        return Run(stack, Target("A1", "EU", "M1"), given, Progress(io.StringIO()), self.shown.append).run()

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
    assert world.shown[0] == "row 1: D (x): is no attribute [unknownColumn]"
    assert world.shown[-2] == "Nothing was sent, because the headings have errors."


def test_a_check_sends_nothing_and_shows_warnings(world: World) -> None:
    world.catalogue = catalogue((CUP, HAT), WARNING, unchecked=tuple(f"row {number}: x" for number in range(7)))
    assert world.run(check=True) == 0
    assert (world.sent, world.needed) == ([], [PRODUCT_TYPES])
    assert world.shown[:5] == [f"Not checked: row {number}: x" for number in range(5)]
    assert world.shown[5] == ""
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
    assert world.shown[0] == "The feed of the interrupted run has ended: DONE."


def test_when_the_interrupted_run_has_sent_everything(world: World) -> None:
    world.earlier = earlier("FATAL", CUP, HAT, whole=("FATAL: stopped",))
    assert world.run() == 1
    assert world.sent == []
    assert world.shown[:2] == ["The feed of the interrupted run has ended: FATAL.", "FATAL: stopped"]
    assert "Nothing has changed" not in " ".join(world.shown)


def test_what_is_said_of_a_whole_feed_is_a_failure(world: World) -> None:
    world.ends = [Ended("FATAL", published(CUP, HAT), ("FATAL: stopped",), {})]
    assert world.run() == 1
    assert world.shown[0] == "FATAL: stopped"


def test_listings_that_left_the_file_are_counted(world: World) -> None:
    world.known = {sku: Published("f", "PUBLISHED", "t") for sku in ("CUP", "OLD", "OLDER")}
    assert world.run() == 0
    assert world.shown[0] == (
        "2 listings published from this folder before are not in the file, and stay at Amazon. To delete a listing, "
        "give its row the operation DELETE."
    )
