"""Names that Step Functions logs and that Scheduler accepts."""

import re

from hypothesis import given
from hypothesis import strategies as st

from quickstart.names import digest_of, safe_name


@given(st.lists(st.text(), min_size=1), st.integers(20, 80))
def test_a_name_has_only_characters_that_step_functions_logs(parts: list[str], longest: int) -> None:
    name = safe_name("x", *parts, longest=longest)
    assert re.fullmatch(r"[0-9A-Za-z_-]+", name)
    assert len(name) <= longest
    assert safe_name("x", *parts, longest=longest) == name


PARTS = st.lists(st.text(alphabet="a.#_-", min_size=1), min_size=2, max_size=2)


@given(PARTS, PARTS)
def test_different_parts_have_different_names(one: list[str], other: list[str]) -> None:
    assert (safe_name(*one, longest=30) == safe_name(*other, longest=30)) == (one == other)


def test_hyphens_do_not_move_between_parts() -> None:
    names = {
        safe_name(*parts, longest=80) for parts in (("A-B", "C", "DONE"), ("A", "B-C", "DONE"), ("A", "B", "C-DONE"))
    }
    assert len(names) == 3


def test_a_text_that_is_a_name_stays_as_it_is() -> None:
    assert safe_name("A3TH9S8BH6GOGM", "54517018502", "DONE", longest=80) == "A3TH9S8BH6GOGM-54517018502-DONE"
    assert safe_name("A3TH9S8BH6GOGM", "903-8868176-2219830", longest=64) == "A3TH9S8BH6GOGM-903-8868176-2219830"
    assert safe_name("a" * 80, longest=80) == "a" * 80
    assert safe_name("a" * 81, longest=80) != safe_name("a" * 82, longest=80)


def test_a_text_that_is_changed_ends_in_its_digest() -> None:
    assert digest_of("A.B", "C") == "36ec699d41b51f5f"
    assert safe_name("A.B", "C", longest=80) == f"A_B-C-{digest_of('A.B', 'C')}"
    assert safe_name("A-B", "C", longest=80) == f"A-B-C-{digest_of('A-B', 'C')}"
    assert safe_name("a" * 81, longest=80) == f"{'a' * 63}-{digest_of('a' * 81)}"
