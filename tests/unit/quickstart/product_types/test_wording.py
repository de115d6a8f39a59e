"""The words of findings: places, values and lists, at most so long."""

import pytest

from quickstart.product_types.wording import all_of, any_of, choices, counted, place, shown, shown_text


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ((), "The listing"),
        (("item_name",), "item_name"),
        (("item_name", 0, "value"), "item_name.value"),
        ((0,), "The listing"),
        (("x" * 81,), "x" * 80 + "..."),
    ],
)
def test_places(path: tuple[str | int, ...], words: str) -> None:
    assert place(path) == words


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ([1], "a list"),
        ({"a": 1}, "an object"),
        (None, "null"),
        (True, "true"),
        (1.5, "1.5"),
        ("Été", '"Été"'),
        (b"x", "a value that is not shown"),
        pytest.param(10**5000, "a value that is not shown", id="a number of 5000 digits"),
    ],
)
def test_values(value: object, words: str) -> None:
    assert shown(value) == words


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("x" * 80, "x" * 80),
        ("x" * 81, "x" * 80 + "..."),
        ("a\n b\u202ec", "a b c"),
        # Of a long text with much white space, the first 320 characters are read.
        ("a" + " " * 318 + "bc", "a b"),
        ("a" + " " * 319 + "bc", "a"),
    ],
)
def test_texts(text: str, words: str) -> None:
    assert shown_text(text) == words


@pytest.mark.parametrize(
    ("texts", "words"),
    [
        ([], ("", "")),
        (["a"], ("a", "a")),
        (["a", "b"], ("a or b", "a and b")),
        (list("abc"), ("a, b or c", "a, b and c")),
    ],
)
def test_lists(texts: list[str], words: tuple[str, str]) -> None:
    assert (any_of(texts), all_of(texts)) == words


@pytest.mark.parametrize(
    ("values", "labels", "words"),
    [
        ([], (), ""),
        (["new_new", "used"], ("New", "used"), "new_new (New), used"),
        (["a", "b"], ("A",), "a (A), b"),
        ([1, None, "c"], (), "1, null, c"),
        ([1, True], ("One", 5), "1 (One), true (5)"),
        (["x" * 81], ("y" * 81,), f"{'x' * 80}... ({'y' * 80}...)"),
        (list("abcdefghijkl"), (), "a, b, c, d, e, f, g, h, i, j, k, l"),
        (list("abcdefghijklm"), (), "a, b, c, d, e, f, g, h, i, j, k, l, and 1 more"),
    ],
)
def test_a_dozen_choices(values: list[object], labels: tuple[object, ...], words: str) -> None:
    assert choices(values, labels) == words


@pytest.mark.parametrize(("number", "words"), [(0, "0 items"), (1, "1 item"), (2, "2 items")])
def test_numbers_of_things(number: int, words: str) -> None:
    assert counted(number, "item") == words
