"""Every command of a document is run by a test, or stands here with the reason why not."""

import re
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.documents.guide import commands
from tests.documents.reading import CHECKOUT, DOCUMENTS, Block, blocks, name

# Documents whose commands are all run, by the test that runs them.
RUN: Mapping[str, str] = {
    "docs/api-reference.md": "tests/end_to_end/test_snippets.py",
    "docs/deployment.md": "tests/end_to_end/test_guide.py",
    "docs/develop.md": "tests/end_to_end/test_local_stack.py",
    "docs/iam/README.md": "tests/end_to_end/test_guide.py",
    "docs/simulator.md": "tests/simulator/test_installed.py",
    "docs/publish-listings.md": "tests/end_to_end/test_publish_listings.py",
}
# Other commands, by document: what they begin with, and who runs them or why nobody can. In the guide they are marked
# by the language console, since its test runs all of the language sh.
NOT_RUN: Mapping[str, Mapping[str, str]] = {
    "docs/deployment.md": {
        "make doctor": "it asks addresses of amazonaws.com; tests/end_to_end/test_doctor.py has it ask the local ones",
    },
    "docs/console.md": {
        "make up": "tests/end_to_end/test_local_stack.py runs it",
        "make console": "it runs until Ctrl-C; tests/end_to_end/test_console.py starts what it starts",
    },
    "docs/simulator.md": {
        "sp-api-simulator": "tests/simulator/test_installed.py runs it on free ports",
        "pip install": "tests/simulator/test_installed.py installs a copy of the folder",
        "pipx install": "pipx runs pip install in a new environment, as tests/simulator/test_installed.py does",
        "uvx": "it installs the same package as pip",
        "docker": "it needs Docker; tests/simulator/test_packaging.py reads the Dockerfile",
    },
    "docs/troubleshooting.md": {
        "make doctor": "as in the guide",
    },
    "docs/operations.md": {
        "aws iam create-service-linked-role": "the emulator needs no service-linked role",
    },
    "docs/security.md": {
        "aws iam": "tests/end_to_end/host.py makes and deletes keys in the same way",
    },
}
BLOCKS = [block for document in DOCUMENTS for block in blocks(document, "sh", "console", "bash", "shell")]


@pytest.mark.parametrize("block", BLOCKS, ids=str)
def test_a_command_is_run_or_listed(block: Block) -> None:
    if block.document in RUN and block.language == "sh":
        return
    listed = NOT_RUN.get(block.document, {})
    assert [line for line in commands(block.text) if not line.startswith(tuple(listed))] == []


def test_every_make_target_that_a_document_names_exists() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (CHECKOUT / "Makefile").read_text(), re.MULTILINE))
    for document in DOCUMENTS:
        named = set(re.findall(r"(?:`|^    )make ([a-z-]+)", document.read_text(), re.MULTILINE))
        assert named <= targets, document
    in_blocks = {line.split()[1] for block in BLOCKS for line in commands(block.text) if line.startswith("make ")}
    assert in_blocks <= targets


def test_the_list_has_nothing_that_is_gone() -> None:
    for document, listed in NOT_RUN.items():
        lines = [line for block in BLOCKS if block.document == document for line in commands(block.text)]
        assert [begin for begin in listed if not any(line.startswith(begin) for line in lines)] == [], document
    for document, test in RUN.items():
        assert name(CHECKOUT / document) in {block.document for block in BLOCKS}
        assert Path(document).name in (CHECKOUT / test).read_text()
