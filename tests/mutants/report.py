"""What became of each mutant, kept from run to run, and the text that `make mutants` prints."""

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from tests.mutants.equivalents import EQUIVALENTS
from tests.mutants.mutations import Mutant
from tests.mutants.unit_tests import content_of


class State(StrEnum):
    KILLED = "killed by a unit test"
    REFUSED = "refused by mypy"
    KILLED_END_TO_END = "killed by an end-to-end test"
    NOT_RUN = "no unit test runs the line"
    SURVIVED_UNIT_TESTS = "survived the unit tests"
    SURVIVED = "survived"
    EQUIVALENT = "equivalent"
    WAITING = "not run yet"


_KILLED = (State.KILLED, State.REFUSED, State.KILLED_END_TO_END)
_LEFT = (State.NOT_RUN, State.SURVIVED_UNIT_TESTS, State.SURVIVED)


@dataclass(frozen=True)
class Result:
    """`by` is the test that failed."""

    state: State
    by: str = ""


class Results:
    """A killed mutant is not run again while its module and the test that killed it stay the same."""

    def __init__(self, path: Path, found: dict[str, tuple[Result, dict[str, str]]]) -> None:
        self._path, self._found = path, found

    @classmethod
    def kept(cls, path: Path) -> "Results":
        kept = json.loads(path.read_text("utf-8")) if path.exists() else {}
        found = {key: (Result(State(one["state"]), one["by"]), one["contents"]) for key, one in kept.items()}
        return cls(path, found)

    def of(self, mutant: Mutant) -> Result:
        if any(one.is_for(mutant) for one in EQUIVALENTS):
            return Result(State.EQUIVALENT)
        result, contents = self._found.get(mutant.identity, (Result(State.WAITING), {}))
        current = all(content_of(path) == known for path, known in contents.items())
        return result if current else Result(State.WAITING)

    def holds(self, mutant: Mutant, *, end_to_end: bool) -> bool:
        """Whether a run can leave it out: a survivor is run again, as a test may have been added."""
        return self.of(mutant).state in (*_KILLED, State.EQUIVALENT, *((State.SURVIVED,) if end_to_end else ()))

    def note(self, mutant: Mutant, result: Result) -> None:
        test = result.by.removeprefix("FAILED ").partition("::")[0]
        contents = {path: content_of(path) for path in (mutant.path, test) if path.endswith(".py")}
        self._found[mutant.identity] = (result, contents)
        self._path.parent.mkdir(parents=True, exist_ok=True)
        kept = {key: {"state": one.state, "by": one.by, "contents": known} for key, (one, known) in self._found.items()}
        self._path.write_text(json.dumps(kept, indent=1), "utf-8")


def table(seed: int, results: Results, mutants: Sequence[Mutant]) -> tuple[str, float]:
    """Module by module how many were killed and which survive; and the share that was killed."""
    found = [(mutant, results.of(mutant).state) for mutant in mutants]
    lines = [f"Seed {seed}: {len(mutants)} mutants"]
    for path in dict.fromkeys(mutant.path for mutant in mutants):
        of_module = [(mutant, state) for mutant, state in found if mutant.path == path]
        lines.append(f"  {path}: {_share(state for _, state in of_module)}")
        lines += [f"    {state}: {mutant}" for mutant, state in of_module if state in _LEFT]
    states = Counter(state for _, state in found)
    lines.append(", ".join(f"{count} {state}" for state, count in sorted(states.items())))
    killed = sum(states[state] for state in _KILLED)
    counted = killed + sum(states[state] for state in _LEFT)
    share = killed / counted if counted else 1.0
    return "\n".join([*lines, f"{killed} of {counted} killed: {share:.1%}"]), share


def _share(states: Iterable[State]) -> str:
    counted = [state for state in states if state not in (State.EQUIVALENT, State.WAITING)]
    return f"{sum(state in _KILLED for state in counted)} of {len(counted)} killed"
