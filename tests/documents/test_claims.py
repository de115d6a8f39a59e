"""Each claim of docs/security.md and docs/reliability.md names the test or command that fails if it is untrue.

A claim is a row of a table with a column "checked by", or a section with a line "Checked by ...".
"""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.documents.reading import CHECKOUT

PAGES = ("docs/security.md", "docs/reliability.md")
# They promise nothing: what the stack does not do, and what words in the tables mean.
WITHOUT_CLAIMS = {"docs/security.md": {"What is not covered"}, "docs/reliability.md": set[str]()}
# Columns with terms that other tables use: they are explained, not claimed.
EXPLAINED = {"outcome", "fault"}
MARK = "checked by"


def sections(page: str) -> Iterator[tuple[str, str]]:
    """The text below each heading of the second level."""
    for part in re.split(r"^## ", page, flags=re.MULTILINE)[1:]:
        heading, _, text = part.partition("\n")
        yield heading, text


def tables(text: str) -> Iterator[tuple[list[str], list[list[str]]]]:
    """Header and rows of each table."""
    for found in re.findall(r"(?:^\|.*\|\n)+", text, re.MULTILINE):
        header, _, *rows = (line.strip("|").split("|") for line in found.splitlines())
        yield [cell.strip() for cell in header], [[cell.strip() for cell in row] for row in rows]


def unchecked(name: str, page: str) -> list[str]:
    """The claims that name no check, each with its section."""
    found = []
    for heading, text in sections(page):
        if heading in WITHOUT_CLAIMS[name]:
            continue
        covered = re.search(r"^Checked by `", text, re.MULTILINE) is not None
        for header, rows in tables(text):
            if header[0] in EXPLAINED:
                continue
            if MARK in header:
                found += [f"{heading}: {row[0]}" for row in rows if not references(row[header.index(MARK)])]
            elif not covered:
                found.append(f"{heading}: the table {header[0]}")
        if not covered and not any(MARK in header for header, _ in tables(text)):
            found.append(heading)
    return found


def references(text: str) -> list[str]:
    return re.findall(r"`(tests/[^`]+|make [a-z-]+)`", text)


def named(page: str) -> Iterator[str]:
    """Every check that the page names, in tables and in lines."""
    for _, text in sections(page):
        for header, rows in tables(text):
            if MARK in header:
                for row in rows:
                    yield from references(row[header.index(MARK)])
        for line in re.findall(r"^Checked by (.*(?:\n(?!\n).*)*)", text, re.MULTILINE):
            yield from references(line)


def missing(reference: str, checkout: Path = CHECKOUT) -> bool:
    """Whether there is no such test or target. A test is a file, perhaps a class, and a function."""
    if reference.startswith("make "):
        makefile = (checkout / "Makefile").read_text()
        return re.search(rf"^{reference.removeprefix('make ')}:", makefile, re.MULTILINE) is None
    file, *path = reference.split("::")
    if not path or not (checkout / file).is_file():
        return True
    return tuple(path) not in defined_tests(checkout / file)


def defined_tests(file: Path) -> set[tuple[str, ...]]:
    found: set[tuple[str, ...]] = set()
    for node in ast.parse(file.read_text()).body:
        inner = node.body if isinstance(node, ast.ClassDef) else [node]
        for function in inner:
            if isinstance(function, ast.FunctionDef) and function.name.startswith("test_"):
                found.add((node.name, function.name) if isinstance(node, ast.ClassDef) else (function.name,))
    return found


@pytest.mark.parametrize("page", PAGES)
def test_each_claim_names_a_check(page: str) -> None:
    assert unchecked(page, (CHECKOUT / page).read_text()) == []


@pytest.mark.parametrize("page", PAGES)
def test_each_check_exists(page: str) -> None:
    found = list(named((CHECKOUT / page).read_text()))
    assert len(found) > 15
    assert sorted({reference for reference in found if missing(reference)}) == []


def test_a_claim_without_a_check_is_found() -> None:
    page = (
        "# Page\n\n## One\n\n| claim | checked by |\n|---|---|\n| a | `make lint` |\n| b | a person |\n\n"
        "## Two\n\nWords.\n\n## Three\n\nWords.\n\nChecked by `make lint`.\n\n"
        "## Four\n\n| claim |\n|---|\n| a |\n\n## What is not covered\n\nNothing.\n"
    )
    assert unchecked("docs/security.md", page) == ["One: b", "Two", "Four: the table claim", "Four"]


def test_a_check_that_does_not_exist_is_found() -> None:
    this = "tests/documents/test_claims.py"
    wrong = ["make nothing", f"{this}::test_nothing", f"{this}::TestNothing::test_a", "tests/nothing.py::test_a", this]
    assert [reference for reference in wrong if not missing(reference)] == []
    assert not missing("make lint")
    assert not missing(f"{this}::test_a_check_that_does_not_exist_is_found")
