"""Every relative link of a document leads somewhere."""

import re
from pathlib import Path

import pytest

from tests.documents.reading import CHECKOUT, DOCUMENTS, anchors, name, without_blocks

_LINK = re.compile(r"\]\(([^()\s]+)\)")


@pytest.mark.parametrize("document", DOCUMENTS, ids=name)
def test_every_relative_link_leads_somewhere(document: Path) -> None:
    assert [broken for target in links(document) if (broken := what_is_wrong(document, target))] == []


def test_broken_links_are_seen(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("# One `thing`, two\n\n[a](#one-thing-two) [b](#three) [c](gone.md) [d](page.md#three)\n")
    assert [target for target in links(page) if what_is_wrong(page, target)] == ["#three", "gone.md", "page.md#three"]


def links(document: Path) -> list[str]:
    """Targets inside the repository; others are not asked for."""
    found = _LINK.findall(without_blocks(document.read_text()))
    return [target for target in found if not re.match(r"[a-z]+:", target)]


def what_is_wrong(document: Path, target: str) -> str:
    path, _, anchor = target.partition("#")
    file = (document.parent / path).resolve() if path else document
    if not file.exists():
        return f"{target}: there is no such file"
    if document.is_relative_to(CHECKOUT) and not file.is_relative_to(CHECKOUT):
        return f"{target}: leads out of the repository"
    if anchor and file.suffix == ".md" and anchor not in anchors(file):
        return f"{target}: there is no such heading"
    return ""


def test_the_index_has_every_page() -> None:
    index = CHECKOUT / "docs/README.md"
    pages = {page.resolve() for page in (CHECKOUT / "docs").glob("*.md")} - {index}
    assert pages <= {(index.parent / target.partition("#")[0]).resolve() for target in links(index)}
