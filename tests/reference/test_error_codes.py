"""docs/errors.md has every code that the code can return."""

import ast
from collections.abc import Iterator

from reference import error_codes
from reference.endpoints import CHECKOUT
from tests.documents.reading import anchors

LAYER = CHECKOUT / "layers/sp_api/python/quickstart"


def codes_in_calls() -> Iterator[str]:
    """The second argument, a name without spaces, of each call that records a mistake of a request."""
    for path in LAYER.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and len(node.args) > 1 and isinstance(node.args[1], ast.Constant):
                name = getattr(node.func, "attr", getattr(node.func, "id", ""))
                code = node.args[1].value
                if name in ("FieldError", "_wrong", "wrong") and isinstance(code, str) and code.isalnum():
                    yield code


def test_each_code_of_a_mistake_has_a_section() -> None:
    found = set(codes_in_calls())
    assert {"Missing", "InvalidValue", "MoreErrors", "NotARefreshToken"} <= found
    assert found <= set(error_codes.codes())


def test_each_code_is_linked_and_has_words() -> None:
    sections = anchors(CHECKOUT / error_codes.PAGE)
    for code, (statuses, when, remedy) in error_codes.codes().items():
        assert code.lower() in sections
        assert statuses
        assert when.endswith("."), code
        assert remedy.endswith("."), code
