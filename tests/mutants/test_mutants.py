"""`make mutants` makes the changes that it names, chooses the tests that notice them, and leaves the checkout alone."""

import ast
import subprocess
import sys
import textwrap
from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest

from tests.mutants import end_to_end, report
from tests.mutants.end_to_end import FILES, EndToEndTests, copied_checkout, files_for
from tests.mutants.equivalents import EQUIVALENTS, Equivalent
from tests.mutants.mutations import Mutant, mutants_of, mutated, sample, source_files
from tests.mutants.report import Result, Results, State, table
from tests.mutants.type_checker import TypeChecker
from tests.mutants.unit_tests import ROOT, Outcome, TestFile, files_of_unit_tests, selected

HALVES = ("b or c", "a or c", "a or b")
NAMES = "layers/sp_api/python/quickstart/names.py"


def changes(source: str) -> list[tuple[str, str, str]]:
    return [(one.kind, one.before, one.after) for one in mutants_of("module.py", textwrap.dedent(source))]


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("x = a < b", [("comparison", "a < b", "a <= b")]),
        ("x = c < a <= b", [("comparison", "c < a <= b", "c <= a <= b"), ("comparison", "c < a <= b", "c < a < b")]),
        ("x = a is None", [("comparison", "a is None", "a is not None")]),
        ("x = a in b", [("comparison", "a in b", "a not in b")]),
        ("x = a and b", [("condition", "a and b", after) for after in ("a or b", "b", "a")]),
        (
            "x = a or b or c",
            [("condition", "a or b or c", new) for new in ("a and b and c", "b or c", "a or c", "a or b")],
        ),
        ("x = not a", [("condition", "not a", "a")]),
        ("x = a if b else c", [("condition", "a if b else c", "c if b else a")]),
        ("x = [a for a in b if a]", [("condition", "if a", "")]),
        ("x = True", [("constant", "True", "False")]),
        ("x = 3", [("constant", "3", "4"), ("constant", "3", "2")]),
        ("x = 'a message'", [("text", "'a message'", "''")]),
        ("x = f'{a} is wrong'", [("text", "f'{a} is wrong'", "f' is wrong'"), ("text", "f'{a} is wrong'", "f'{a}'")]),
        ("x = f(a, b)", [("arguments swapped", "f(a, b)", "f(b, a)")]),
        ("if a:\n    pass", [("condition", "a", "not a")]),
        ("while a():\n    pass", [("condition", "a()", "not a()")]),
        ("def f():\n    return a", [("return value", "return a", "return None")]),
        ("def f():\n    a()", [("statement removed", "a()", "")]),
        ("def f():\n    raise A", [("statement removed", "raise A", "")]),
        ("def f():\n    a.b = c", [("statement removed", "a.b = c", "")]),
        ("def f():\n    a[b] = c", [("statement removed", "a[b] = c", "")]),
        ("def f():\n    a += b", [("statement removed", "a += b", "")]),
        (
            "def f():\n    a()\n    b()",
            [("statement removed", "a()", ""), ("statements swapped", "a()", "b()"), ("statement removed", "b()", "")],
        ),
        ("try:\n    a\nexcept B:\n    pass", [("except branch removed", "except B", "")]),
        (
            "try:\n    a\nexcept (B, C):\n    pass",
            [
                ("except branch removed", "except (B, C)", ""),
                ("exception left out", "B", ""),
                ("exception left out", "C", ""),
            ],
        ),
        ("match a:\n    case 1 if b == c:\n        pass", [("comparison", "b == c", "b != c")]),
        ("with a(b, c):\n    pass", [("arguments swapped", "a(b, c)", "a(c, b)")]),
        ("def f(a=1): ...", [("constant", "1", "2"), ("constant", "1", "0")]),
        ("class A:\n    a: int = 1", [("constant", "1", "2"), ("constant", "1", "0")]),
    ],
)
def test_each_kind_of_change(source: str, expected: list[tuple[str, str, str]]) -> None:
    assert changes(source) == expected


@pytest.mark.parametrize(
    "source",
    [
        "'''A docstring of a module.'''",
        "def f():\n    '''A docstring of a function.'''",
        "assert a == 1, 'a message'",
        "if TYPE_CHECKING:\n    x = 1",
        "x: Literal[1]",
        "x = min(a, b)",
        "x = zip(a, strict=True)",
        "x = isinstance(a, b)",
        "x = cast(1, a)",
        "@a(1)\ndef f(): ...",
        "x = 'name'",
        "x = f'{a}-{b}'",
    ],
)
def test_what_does_nothing_or_is_only_for_tools_is_not_changed(source: str) -> None:
    assert changes(source) == []


def test_the_order_of_options_is_not_changed() -> None:
    found = changes("a.add_argument(b)\na.add_argument(c)")
    assert {kind for kind, *_ in found} == {"statement removed"}


def test_a_mutant_is_the_module_with_one_change() -> None:
    source = textwrap.dedent("""
        def f(a):
            try:
                first(a)
                second(1)
            except (B, C):
                return None
            finally:
                last()
            return [b for b in a if b]
    """)
    texts = {ast.unparse(mutated(mutant, source)) for mutant in mutants_of("module.py", source)}
    assert len(texts) == len(mutants_of("module.py", source))
    assert ast.unparse(ast.parse(source)) not in texts
    swapped = "try:\n        second(1)\n        first(a)\n    except (B, C):"
    without = "try:\n        first(a)\n        second(1)\n    finally:\n        last()\n"
    assert [sum(part in text for text in texts) for part in (swapped, without)] == [1, 1]


def test_every_mutant_of_the_product_compiles() -> None:
    chosen = sample(every_mutant(), 60, 7)
    for mutant in chosen:
        compile(mutated(mutant, (ROOT / mutant.path).read_text("utf-8")), mutant.path, "exec")


@cache
def every_mutant() -> list[Mutant]:
    sources = {path: (ROOT / path).read_text("utf-8") for path in source_files(ROOT)}
    return [mutant for path, source in sources.items() for mutant in mutants_of(path, source)]


def test_a_sample_depends_on_the_seed_and_not_on_other_lines() -> None:
    source = "".join(f"def f{number}(a):\n    return a == {number}\n" for number in range(50))
    before = sample(mutants_of("module.py", source), 20, 1)
    after = sample(mutants_of("module.py", f"import a\n\n\n{source}"), 20, 1)
    assert [one.identity for one in before] == [one.identity for one in after]
    assert [one.identity for one in before] != [one.identity for one in sample(mutants_of("module.py", source), 20, 2)]


def test_equal_changes_of_a_function_are_different_mutants() -> None:
    mutants = mutants_of("module.py", "def f(a):\n    a(1)\n    a(1)\n")
    assert len({one.identity for one in mutants}) == len(mutants) == 6


MUTANT = mutants_of("a.py", "def f(a):\n    g()\n    return a\n")[0]


def observed(lines: dict[int, Sequence[int]], *names: str, seconds: float = 1.0) -> TestFile:
    return TestFile(dict.fromkeys(names, seconds), {"a.py": lines}, {})


def test_the_tests_that_run_the_line_come_first_those_of_the_modules_own_file_before() -> None:
    files = {
        "t/test_b.py": observed({2: [1]}, "b1", "b2", seconds=0.1),
        "t/test_a.py": observed({2: [0, 2]}, "a1", "a2", "a3"),
        "t/test_c.py": observed({3: [0]}, "c1"),
    }
    direct, others = selected(MUTANT, files)
    assert list(direct) == ["a1", "a3", "b2"]
    assert list(others) == ["a2", "b1"]


def test_what_runs_at_the_import_is_for_all_tests_of_the_files_that_import_the_module() -> None:
    files = {"t/test_b.py": observed({1: []}, "b1", "b2"), "t/test_c.py": TestFile({"c1": 1.0}, {}, {})}
    direct, _ = selected(replace(MUTANT, at_import=True), files)
    assert list(direct) == ["b1", "b2"]


def test_what_runs_before_the_tests_is_for_all_tests_of_the_file() -> None:
    """As the values of a test's parameters do."""
    direct, _ = selected(MUTANT, {"t/test_b.py": observed({2: [-1, 0]}, "b1", "b2")})
    assert list(direct) == ["b1", "b2"]


def make_mutants(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "tests.mutants", "--no-end-to-end", "--folder", str(folder), *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=300)


@pytest.mark.proof
def test_a_module_whose_tests_notice_every_change(tmp_path: Path) -> None:
    before = (ROOT / NAMES).read_bytes()
    arguments = ("--only", NAMES, "--tests", "quickstart/test_names.py", "--count", "8")
    done = make_mutants(tmp_path, *arguments)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "8 of 8 killed: 100.0%" in done.stdout
    assert (ROOT / NAMES).read_bytes() == before
    again = make_mutants(tmp_path, *arguments)
    assert "Recording" not in again.stdout
    assert again.stdout.splitlines()[-1] == done.stdout.splitlines()[-1]


def test_a_module_that_the_tests_do_not_run(tmp_path: Path) -> None:
    done = make_mutants(tmp_path, "--only", "publishing/release.py", "--tests", "test_names.py", "--count", "3")
    assert done.returncode == 1
    assert done.stdout.count("no unit test runs the line: publishing/release.py") == 3
    assert "0 of 3 killed: 0.0%" in done.stdout


def test_a_result_holds_until_the_module_or_the_test_changes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    contents = {"a.py": "1", "tests/test_a.py": "1"}
    monkeypatch.setattr(report, "content_of", contents.__getitem__)
    results = Results.kept(tmp_path / "results.json")
    assert results.of(MUTANT).state is State.WAITING
    results.note(MUTANT, Result(State.KILLED, "tests/test_a.py::test_it"))
    assert Results.kept(tmp_path / "results.json").holds(MUTANT, end_to_end=True)
    for changed in contents:
        monkeypatch.setitem(contents, changed, "2")
        assert Results.kept(tmp_path / "results.json").of(MUTANT).state is State.WAITING
        monkeypatch.setitem(contents, changed, "1")


def test_a_survivor_runs_again_with_the_unit_tests(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(report, "content_of", lambda _: "1")
    results = Results.kept(tmp_path / "results.json")
    results.note(MUTANT, Result(State.SURVIVED_UNIT_TESTS))
    assert not results.holds(MUTANT, end_to_end=False)
    assert "0 of 1 killed: 0.0%" in table(1, results, [MUTANT])[0]


def test_an_equivalent_mutant_counts_neither_way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    one = Equivalent(1, MUTANT.path, MUTANT.function, MUTANT.kind, MUTANT.before, MUTANT.after, "g does nothing.")
    monkeypatch.setattr(report, "EQUIVALENTS", (one,))
    text, share = table(1, Results.kept(tmp_path / "results.json"), [MUTANT])
    assert (share, text.splitlines()[-2:]) == (1.0, ["1 equivalent", "0 of 0 killed: 100.0%"])


def test_every_equivalent_mutant_exists_and_has_a_reason() -> None:
    mutants = every_mutant()
    assert [one for one in EQUIVALENTS if not any(one.is_for(mutant) for mutant in mutants)] == []
    assert [one for one in EQUIVALENTS if not one.reason.endswith(".")] == []


def test_every_module_has_end_to_end_tests() -> None:
    for path in source_files(ROOT):
        assert all((ROOT / file).is_file() for file in files_for(path)), path
    named = set(FILES) - {""}
    assert [name for name in named if not any(path.startswith(name) for path in source_files(ROOT))] == []


def test_mypy_refuses_what_the_types_forbid(tmp_path: Path) -> None:
    path = "operations/rotate_secret.py"
    source = (ROOT / path).read_text("utf-8")
    mutants = {(mutant.kind, mutant.before): mutant for mutant in mutants_of(path, source)}
    TypeChecker(tmp_path).run(next(one for one in mutants.values() if one.kind == "text"), source)
    # With the cache of the first run, mypy looks at the unchanged and at the changed text within one second.
    types = TypeChecker(tmp_path)
    refused = types.run(mutants["arguments swapped", "find_stack(options.stack, session)"], source)
    assert refused == Outcome(failed=True, by=refused.by)
    assert refused.by.startswith('mypy: Argument 1 to "find_stack" has incompatible type "Session"')
    assert not types.run(next(one for one in mutants.values() if one.kind == "text"), source).failed
    assert (ROOT / path).read_text("utf-8") == source


def test_the_end_to_end_tests_run_in_a_copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = "tests/unit/quickstart/test_names.py"
    monkeypatch.setattr(end_to_end, "FILES", {"": (file,)})
    source = (ROOT / NAMES).read_text("utf-8")
    mutants = {mutant.kind: mutant for mutant in mutants_of(NAMES, source)}
    with copied_checkout(tmp_path) as tests:
        killed = tests.run(mutants["arguments swapped"], source)
    assert killed.failed
    assert killed.by.startswith(f"FAILED {file}::")
    assert (ROOT / NAMES).read_text("utf-8") == source == (tmp_path / "checkout" / NAMES).read_text("utf-8")


def test_an_end_to_end_test_that_fails_by_itself_kills_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(end_to_end, "FILES", {"": ("tests/unit/no_such_test.py",)})
    source = (ROOT / NAMES).read_text("utf-8")
    with pytest.raises(RuntimeError, match=r"no_such_test\.py fails without a mutant"):
        EndToEndTests(ROOT).run(mutants_of(NAMES, source)[0], source)


def test_unit_tests_are_recorded_and_no_tests_that_need_the_emulator() -> None:
    files = files_of_unit_tests()
    assert {"tests/unit/quickstart/test_names.py", "tests/templates/test_publishing.py"} <= set(files)
    assert not any("end_to_end" in name for name in files)
