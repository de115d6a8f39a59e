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


def _named_sections() -> list[tuple[str, str, str]]:
    """Where code and templates name a section of a page, for a person to open: file, page and anchor."""
    found = []
    for folder in ("functions", "layers/sp_api", "local", "operations", "templates"):
        for path in sorted((CHECKOUT / folder).rglob("*")):
            if path.suffix in (".py", ".yaml") and path.is_file():
                named = re.findall(r"(docs/[\w/-]+\.md)#([a-z0-9-]+)", path.read_text())
                found += [(name(path), page, anchor) for page, anchor in named]
    return found


def test_each_section_that_a_message_names_exists() -> None:
    named = _named_sections()
    assert {"operations", "layers", "templates"} <= {where.split("/")[0] for where, _, _ in named}
    missing = [entry for entry in named if entry[2] not in anchors(CHECKOUT / entry[1])]
    assert not missing
