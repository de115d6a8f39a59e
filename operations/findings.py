"""What a check of a stack found, in words for the operator or as JSON for programs."""

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace

# A make target that takes STACK, without it.
_COMMAND = re.compile(
    r"\bmake (doctor|logs|outputs|redrive-executions|redrive-queue|rotate-secret|stop-solicitations)\b(?! STACK=)"
)
OK, SOON, PROBLEM = "ok", "soon", "problem"
_MARKS = {OK: "ok", SOON: "--", PROBLEM: "!!"}


@dataclass(frozen=True)
class Finding:
    """One line of the report; `advice` says how to fix a problem and is empty if there is none.

    `later` says that the advice can wait: everything works so far.
    """

    subject: str
    state: str
    advice: str = ""
    later: bool = False

    @property
    def severity(self) -> str:
        """ok, soon or problem."""
        if not self.advice:
            return OK
        return SOON if self.later else PROBLEM

    @property
    def mark(self) -> str:
        """What begins its line."""
        return _MARKS[self.severity]


def addressed(findings: Iterable[Finding], target: str) -> Iterator[Finding]:
    """The findings, with the stack's name and region in each command: `target` is "STACK=... REGION=..."."""
    for finding in findings:
        yield replace(finding, advice=_COMMAND.sub(rf"make \1 {target}", finding.advice))


def report(findings: Iterable[Finding], show: Callable[[str], None]) -> bool:
    """Shows each finding as it is made. Returns True if there are no problems."""
    healthy = True
    for finding in findings:
        show(f"{finding.mark}  {finding.subject:<42} {finding.state}")
        if finding.advice:
            healthy = healthy and finding.later
            show(f"    -> {finding.advice}")
    return healthy


def as_json(findings: Iterable[Finding], stack: str, region: str | None) -> dict[str, object]:
    """{stack, region, healthy, findings: [{severity, subject, state, advice?}]}; severity is ok, soon or problem."""
    found = list(findings)
    return {
        "stack": stack,
        "region": region,
        "healthy": all(finding.severity != PROBLEM for finding in found),
        "findings": [
            {"severity": finding.severity, "subject": finding.subject, "state": finding.state}
            | ({"advice": finding.advice} if finding.advice else {})
            for finding in found
        ],
    }
