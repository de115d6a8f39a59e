"""How the tests of documents read Markdown."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2]
DOCUMENTS = tuple(
    sorted(
        [
            *CHECKOUT.glob("*.md"),
            *(CHECKOUT / "docs").rglob("*.md"),
            *(path for path in (CHECKOUT / "local").rglob("*.md")),
        ]
    )
)
_FENCE = re.compile(r"^```(\S*)[^\n]*\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Block:
    """A fenced block: `section` is the heading above it, `number` the line in the document on which it begins."""

    document: str
    number: int
    section: str
    language: str
    text: str

    def __str__(self) -> str:
        return f"{self.document}:{self.number}"


def blocks(path: Path, *languages: str) -> Iterator[Block]:
    """The document's fenced blocks in these languages, in order."""
    text = path.read_text()
    for found in _FENCE.finditer(text):
        if found[1] in languages:
            above = _headings(text[: found.start()])
            number = text.count("\n", 0, found.start()) + 1
            yield Block(name(path), number, above[-1] if above else "", found[1], found[2])


def headings(path: Path) -> list[str]:
    """The document's headings of every level, in order."""
    return _headings(path.read_text())


def _headings(text: str) -> list[str]:
    return re.findall(r"^#+ (.+?)\s*$", without_blocks(text), re.MULTILINE)


def name(path: Path) -> str:
    return path.relative_to(CHECKOUT).as_posix()


def without_blocks(text: str) -> str:
    """The text without its fenced and indented blocks, in which nothing is a heading or a link."""
    return re.sub(r"^(?: {4}|\t).*$", "", _FENCE.sub("", text), flags=re.MULTILINE)


def anchors(path: Path) -> set[str]:
    """What GitHub lets a link point at in a Markdown document: its headings in small letters with hyphens."""
    found: dict[str, int] = {}
    result = set()
    for heading in headings(path):
        words = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).lower()
        anchor = re.sub(r"[^\w\- ]", "", words).replace(" ", "-")
        count = found.get(anchor, 0)
        found[anchor] = count + 1
        result.add(f"{anchor}-{count}" if count else anchor)
    return result
