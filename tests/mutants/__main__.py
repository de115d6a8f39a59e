"""`make mutants`: a random sample of small changes to the product's modules, and which of them no test notices.

Each mutant is run with the unit tests that run the changed lines, then with the other tests of those files. If they
need five times as long as without the mutant, it counts as killed. mypy, which `make test` runs too, checks each
survivor. What mypy accepts is run with the end-to-end tests of its module (tests/mutants/end_to_end.py), in a copy of
the checkout. Exits with 1 if less than 97 % of a sample are noticed.
"""

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from pathlib import Path

from tests.mutants import unit_tests
from tests.mutants.end_to_end import EndToEndTests, copied_checkout
from tests.mutants.mutations import Mutant, mutants_of, sample, source_files
from tests.mutants.report import Result, Results, State, table
from tests.mutants.type_checker import TypeChecker
from tests.mutants.unit_tests import ROOT, TestFile

_KEPT = ROOT / ".local/mutants"
_GOAL = 0.97


def main() -> int:
    parser = argparse.ArgumentParser(prog="make mutants", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--seed", type=int, nargs="+", default=[1], help="one sample for each (default 1)")
    parser.add_argument("--count", type=int, default=100, help="mutants in each sample (default %(default)s)")
    parser.add_argument("--only", default="", metavar="TEXT", help="only modules whose path contains this text")
    parser.add_argument("--tests", default="", metavar="TEXT", help="only unit tests of files whose path contains it")
    parser.add_argument("--no-end-to-end", action="store_true", help="only the unit tests and mypy")
    parser.add_argument("--minutes", type=float, help="stop after this time; the next run continues")
    parser.add_argument("--folder", type=Path, default=_KEPT, help="where results are kept (default .local/mutants)")
    parser.add_argument("--list", action="store_true", help="list the sample and stop")
    options = parser.parse_args()
    end = time.monotonic() + options.minutes * 60 if options.minutes else float("inf")

    sources = {path: (ROOT / path).read_text("utf-8") for path in source_files(ROOT)}
    every = [mutant for path in sources if options.only in path for mutant in mutants_of(path, sources[path])]
    samples = {seed: sample(every, options.count, seed) for seed in options.seed}
    if options.list:
        print(*(mutant for chosen in samples.values() for mutant in chosen), sep="\n")
        return 0

    with ExitStack() as stack:
        # The tests' temporary files, also those of processes that are killed.
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="mutants-"))
        os.environ["TMPDIR"] = tempfile.tempdir = folder
        unit_tests.warm_up()
        files = _observed(options.folder / "unit-tests.json", options.tests, sorted(sources), end)
        if files is None:
            print("The time is over: run it again to continue.")
            return 1
        types = TypeChecker(options.folder / "mypy")
        run = _Run(sources, files, Results.kept(options.folder / "results.json"), types)
        if not options.no_end_to_end:
            run.end_to_end = stack.enter_context(copied_checkout(Path(folder)))
        complete = run.all_of([mutant for chosen in samples.values() for mutant in chosen], end)
    below = False
    for seed, chosen in samples.items():
        text, share = table(seed, run.results, chosen)
        print(text)
        below |= share < _GOAL
    if not complete:
        print("The time is over: run it again to continue.")
    return 1 if below or not complete else 0


def _observed(path: Path, text: str, sources: Sequence[str], end: float) -> dict[str, TestFile] | None:
    """What each file of unit tests runs: from an earlier run if nothing has changed since. None if the time is over."""
    wanted = [name for name in unit_tests.files_of_unit_tests() if text in name]
    files = unit_tests.kept(path)
    missing = [name for name in wanted if name not in files]
    if missing:
        print(f"Recording which lines {len(missing)} files of unit tests run ...", flush=True)
    try:
        for name in missing:
            if time.monotonic() > end:
                return None
            files[name] = unit_tests.observe(name, sources)
    finally:
        unit_tests.keep(path, files)
    return {name: files[name] for name in wanted}


class _Run:
    def __init__(
        self,
        sources: dict[str, str],
        files: dict[str, TestFile],
        results: Results,
        types: TypeChecker,
    ) -> None:
        self._sources, self._files, self.results, self._types = sources, files, results, types
        self.end_to_end: EndToEndTests | None = None

    def all_of(self, mutants: Iterable[Mutant], end: float) -> bool:
        """Whether the time was enough. The unit tests come first for all of them."""
        waiting = [one for one in mutants if not self.results.holds(one, end_to_end=self.end_to_end is not None)]
        survivors = []
        for mutant in waiting:
            if time.monotonic() > end:
                return False
            result = self._by_unit_tests(mutant)
            if result.state is not State.KILLED:
                outcome = self._types.run(mutant, self._sources[mutant.path])
                result = Result(State.REFUSED, outcome.by) if outcome.failed else result
            self.results.note(mutant, result)
            if result.state not in (State.KILLED, State.REFUSED):
                print(f"  {mutant}", flush=True)
                survivors.append(mutant)
        for mutant in survivors:
            if self.end_to_end is None:
                break
            if time.monotonic() > end:
                return False
            outcome = self.end_to_end.run(mutant, self._sources[mutant.path])
            state = State.KILLED_END_TO_END if outcome.failed else State.SURVIVED
            self.results.note(mutant, Result(state, outcome.by))
        return True

    def _by_unit_tests(self, mutant: Mutant) -> Result:
        direct, others = unit_tests.selected(mutant, self._files)
        if not direct:
            return Result(State.NOT_RUN)
        for tests in filter(None, (direct, others)):
            outcome = unit_tests.run(mutant, self._sources[mutant.path], list(tests), 20 + 5 * sum(tests.values()))
            if outcome.failed:
                return Result(State.KILLED, outcome.by)
        return Result(State.SURVIVED_UNIT_TESTS)


if __name__ == "__main__":
    sys.exit(main())
