"""Every diagram of a document is one that mermaid draws, in the browser as on a web page."""

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.documents.reading import CHECKOUT, DOCUMENTS, Block, blocks
from tests.end_to_end.browser import Browser, running_browser

NODE_MODULES = Path(os.environ.get("NODE_MODULES", CHECKOUT / "node_modules"))
MERMAID = NODE_MODULES / "@mermaid-js/tiny/dist/mermaid.tiny.js"
DIAGRAMS = [block for document in DOCUMENTS for block in blocks(document, "mermaid")]
# A drawing, or the words of the error.
DRAW = """(async () => {
    try {
        return (await mermaid.render("diagram%d", %s)).svg;
    } catch (error) {
        return "cannot be drawn: " + error.message;
    }
})()"""


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with running_browser(tmp_path_factory.mktemp("diagrams")) as running:
        # The last value would be the library itself, which does not pass the pipe.
        running.evaluate(MERMAID.read_text() + "\nmermaid.initialize({startOnLoad: false}); null")
        yield running


def draw(browser: Browser, number: int, text: str) -> str:
    return str(browser.evaluate(DRAW % (number, json.dumps(text))))


@pytest.mark.parametrize("diagram", DIAGRAMS, ids=str)
def test_a_diagram_can_be_drawn(browser: Browser, diagram: Block) -> None:
    drawn = draw(browser, DIAGRAMS.index(diagram), diagram.text)
    assert drawn.startswith("<svg"), drawn
    assert "Syntax error" not in drawn


def test_a_broken_diagram_is_seen(browser: Browser) -> None:
    assert draw(browser, len(DIAGRAMS), "flowchart LR\n    a[one --> b\n").startswith("cannot be drawn")
