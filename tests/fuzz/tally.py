"""What a run found: how many cases of each kind ended how, and what is wrong."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache

from tests.secret_forms import Secret

_SHOWN = 30


@dataclass
class Tally:
    """`outcomes` counts (kind of case, outcome); `faults` has one line for each case that is wrong."""

    outcomes: Counter[tuple[str, str]] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)

    def add(self, kind: str, outcome: str, faults: Iterable[str] = (), case: object = "") -> None:
        self.outcomes[kind, outcome] += 1
        self.check(kind, faults, case)

    def check(self, kind: str, faults: Iterable[str], case: object) -> None:
        """What is no case of its own, such as a log line or a dead letter."""
        for fault in faults:
            self.faults.append(f"{kind}: {fault}\n    {_cut(repr(case), 1500)}")

    @property
    def cases(self) -> int:
        return sum(self.outcomes.values())

    def table(self) -> str:
        """A Markdown table: the cases of each kind and their outcomes."""
        kinds = list(dict.fromkeys(kind for kind, _ in self.outcomes))
        lines = ["| input | cases | outcomes |", "|---|--:|---|"]
        for kind in kinds:
            found = sorted((outcome, count) for (of, outcome), count in self.outcomes.items() if of == kind)
            shown = ", ".join(f"{count:,} {outcome}" for outcome, count in found)
            lines.append(f"| {kind} | {sum(count for _, count in found):,} | {shown} |")
        return "\n".join([*lines, f"| all | {self.cases:,} | {len(self.faults)} faults |"])

    def first_faults(self) -> str:
        more = len(self.faults) - _SHOWN
        return "\n".join(self.faults[:_SHOWN] + ([f"and {more} more"] if more > 0 else []))


def _cut(text: str, longest: int) -> str:
    return text if len(text) <= longest else f"{text[:longest]}... ({len(text)} characters)"


def echoed(secrets: Iterable[str], text: str) -> Iterator[str]:
    """Which of the secrets the text contains, in any encoding."""
    for secret in secrets:
        if form := _secret(secret).form_in(text):
            yield f"the secret {secret[:12]}... is in it, {form}"


@lru_cache(100)
def _secret(value: str) -> Secret:
    return Secret("secret", value)
