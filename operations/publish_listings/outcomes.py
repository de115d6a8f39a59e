"""What became of each row: in the terminal as a table, and as text beside the row in a copy of the spreadsheet."""

import re
import shutil
import textwrap
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from operations.command import counted
from operations.publish_listings.columns import Column
from operations.publish_listings.messages import Message
from operations.publish_listings.sheets import Problem
from operations.publish_listings.workbooks import ResultCells
from sp_api.errors import presentable

# Amazon has taken the message, and the row need not be sent again.
TAKEN = ("PUBLISHED", "PUBLISHED_WITH_ISSUES", "ACCEPTED", "DELETED")
NOT_SENT, UNCHANGED, VALID, INVALID, UNKNOWN = "NOT_SENT", "UNCHANGED", "VALID", "INVALID", "UNKNOWN"
READY = "READY"
"""The check found nothing, and the row was not sent: other rows have errors, or nothing should be sent."""
_GOOD = ("PUBLISHED", "ACCEPTED", "DELETED", VALID)
_BAD = (INVALID, "REFUSED", UNKNOWN, NOT_SENT)
_WORDS = {
    "PUBLISHED": "published",
    "PUBLISHED_WITH_ISSUES": "published with issues",
    "ACCEPTED": "accepted; Amazon does not show them yet",
    "DELETED": "deleted",
    INVALID: "invalid: Amazon does not accept them",
    "REFUSED": "refused: Amazon does not show them",
    UNKNOWN: "unknown",
    NOT_SENT: "not sent because of a problem",
    READY: "without an error, and not sent",
    UNCHANGED: "unchanged since the last run, and not sent",
    VALID: "valid: Amazon would accept them",
}
_SHOWN_ROWS = 30
_RESULT = re.compile(r"(.+)\.result(?:-\d+)?")


@dataclass(frozen=True)
class Outcome:
    """What became of a row. `problems` are sentences, those of warnings too."""

    row: int
    sku: str
    status: str
    problems: tuple[str, ...] = ()

    @property
    def good(self) -> bool | None:
        """True and False decide the color in the spreadsheet; None is neither."""
        if self.status in _BAD:
            return False
        return True if self.status in _GOOD and not self.problems else None

    @property
    def failed(self) -> bool:
        return self.status in _BAD


def of_result(result: Mapping[str, Any], message: Message | None) -> Outcome:
    """From the stack's result of a message. A problem names the column of the message where there is one.

    Without the message, which is then one of an earlier run, the row is 0.
    """
    row = message.row if message is not None else 0
    issues = result.get("issues", [])
    problems = [_issue(issue, message) for issue in issues]
    text = str(result.get("message") or "")
    # The message of a refusal has that of its first issue.
    if text and not any(str(issue.get("message")) in text for issue in issues):
        problems.insert(0, presentable(text))
    return Outcome(row, str(result.get("sku") or ""), str(result["status"]), tuple(problems))


def of_problems(problems: Iterable[Problem], skus: Mapping[int, str], status: str) -> list[Outcome]:
    """One outcome for each row that has a problem."""
    by_row: dict[int, list[str]] = {}
    for problem in problems:
        by_row.setdefault(problem.row, []).append(sentence(problem))
    return [Outcome(row, skus.get(row, ""), status, tuple(found)) for row, found in by_row.items()]


def sentence(problem: Problem) -> str:
    return f"Warning: {problem.sentence}" if problem.warning else problem.sentence


def _issue(issue: Mapping[str, Any], message: Message | None) -> str:
    names = issue.get("attributeNames") or ([issue["field"]] if issue.get("field") else [])
    columns: Sequence[Column] = list(message.columns.values()) if message is not None else []
    where = [_column(columns, str(name)) or str(name) for name in names]
    text = presentable(str(issue.get("message", "")))
    code = f" [{issue['code']}]" if issue.get("code") else ""
    severity = "" if issue.get("severity") == "ERROR" else f"{str(issue.get('severity', '')).capitalize()}: "
    return f"{severity}{', '.join(dict.fromkeys(where))}{': ' if where else ''}{text}{code}"


def _column(columns: Sequence[Column], name: str) -> str | None:
    """The column of an attribute, or of a field of it such as purchasable_offer.our_price. The column of the field
    itself comes first, or of a field inside it."""
    attribute = name.split(".")[0].split("/")[-1]
    of_attribute = None
    for column in columns:
        for place in column.places.values():
            if f"{place.leaf.name}.".startswith(f"{name}."):
                return column.name
            if place.leaf.attribute == attribute:
                of_attribute = of_attribute or column.name
    return of_attribute


def cells(outcomes: Iterable[Outcome]) -> dict[int, ResultCells]:
    """What stands beside each row in the spreadsheet."""
    return {
        outcome.row: ResultCells(outcome.status, "\n".join(outcome.problems), outcome.good)
        for outcome in outcomes
        if outcome.row > 0
    }


def result_path(file: Path) -> Path:
    """A new file beside the one that was read: products.result.xlsx. No file is replaced, as somebody may have
    corrected it."""
    stem = found[1] if (found := _RESULT.fullmatch(file.stem)) else file.stem
    path, number = file.with_name(f"{stem}.result.xlsx"), 1
    while path.exists():
        number += 1
        path = file.with_name(f"{stem}.result-{number}.xlsx")
    return path


def summary(outcomes: Sequence[Outcome]) -> Iterator[str]:
    """How many rows have each status, the most frequent first."""
    yield f"{counted(len(outcomes), 'row')}:"
    for status, number in Counter(outcome.status for outcome in outcomes).most_common():
        yield f"  {number:>6,}  {_WORDS.get(status, status)}"


def table(outcomes: Sequence[Outcome], width: int = 0) -> Iterator[str]:
    """The rows that have failed, then those with issues of Amazon, each problem in a line of its own."""
    shown = [outcome for outcome in outcomes if outcome.failed]
    shown += [outcome for outcome in outcomes if outcome.status == "PUBLISHED_WITH_ISSUES"]
    if not shown:
        return
    width = width or max(shutil.get_terminal_size().columns, 80)
    skus = min(max([len(outcome.sku) for outcome in shown] + [3]), 24)
    statuses = max(len(outcome.status) for outcome in shown)
    yield f"{'Row':>6}  {'SKU':<{skus}}  {'Status':<{statuses}}  Problem"
    for outcome in shown[:_SHOWN_ROWS]:
        left = f"{outcome.row or '':>6}  {presentable(outcome.sku)[:skus]:<{skus}}  {outcome.status:<{statuses}}  "
        lines = [
            line
            for problem in outcome.problems or ("",)
            for line in textwrap.wrap(problem, max(40, width - len(left)), break_long_words=False) or [""]
        ]
        yield (left + lines[0]).rstrip()
        yield from (" " * len(left) + line for line in lines[1:])
    if len(shown) > _SHOWN_ROWS:
        yield f"        and {counted(len(shown) - _SHOWN_ROWS, 'more row')}, see the spreadsheet"
