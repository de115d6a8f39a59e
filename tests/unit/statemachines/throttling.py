"""Plays how reports that finish together wait for getReportDocument's quota, with the state machine's own Retry.

`python -m tests.unit.statemachines.throttling` prints the table of docs/reports.md.
"""

import heapq
import json
import random
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

STATE_MACHINE = Path(__file__).resolve().parents[3] / "templates" / "statemachines" / "report-processor.asl.json"
RUNS = 200
# getReport and getReportDocument of one seller (Reports API 2021-06-30): calls a second, and at once.
SP_API = ((2.0, 15), (1 / 60, 15))


@dataclass
class Quota:
    """A token bucket of SP-API (SP-API docs, "Usage plans and rate limits"): a refused call costs nothing."""

    per_second: float
    burst: int
    tokens: float = 0.0
    filled_at: float = 0.0

    def __post_init__(self) -> None:
        self.tokens = self.burst

    def take(self, now: float) -> bool:
        self.tokens = min(self.burst, self.tokens + (now - self.filled_at) * self.per_second)
        self.filled_at = now
        if self.tokens < 1:
            return False
        self.tokens -= 1
        return True


@dataclass(frozen=True)
class Outcome:
    """What became of the reports of one run; seconds since they finished."""

    delivered: int
    lost: int
    most_retries: int
    last_delivery_seconds: float


def throttled_retrier(definition: Mapping[str, Any]) -> Mapping[str, Any]:
    """The Retry entry of the state RetrieveDocument that takes ThrottledError."""
    (found,) = [
        retrier
        for retrier in definition["States"]["RetrieveDocument"]["Retry"]
        if "ThrottledError" in retrier["ErrorEquals"]
    ]
    entry: Mapping[str, Any] = found
    return entry


def delay(retrier: Mapping[str, Any], retry: int, chance: random.Random) -> float:
    """Seconds before the retry of this number, from 1 (Amazon States Language, "Retry" with JitterStrategy FULL)."""
    longest = min(
        retrier["IntervalSeconds"] * retrier["BackoffRate"] ** (retry - 1), retrier.get("MaxDelaySeconds", float("inf"))
    )
    return chance.uniform(0, longest) if retrier.get("JitterStrategy") == "FULL" else float(longest)


def play(
    retrier: Mapping[str, Any], reports: int, seed: int, quotas: Sequence[tuple[float, float]] = SP_API
) -> Outcome:
    """All reports of one seller finish at once. Each try takes one of each quota in turn, of (a second, at once)."""
    chance = random.Random(seed)
    limits = [Quota(rate, burst) for rate, burst in quotas]
    waiting = [(0.0, report, 0) for report in range(reports)]
    delivered = lost = most_retries = 0
    last = 0.0
    while waiting:
        now, report, retries = heapq.heappop(waiting)
        if all(limit.take(now) for limit in limits):
            delivered, last, most_retries = delivered + 1, now, max(most_retries, retries)
        elif retries == retrier["MaxAttempts"]:
            lost += 1
        else:
            heapq.heappush(waiting, (now + delay(retrier, retries + 1, chance), report, retries + 1))
    return Outcome(delivered, lost, most_retries, last)


def main() -> None:
    retrier = throttled_retrier(json.loads(STATE_MACHINE.read_text()))
    print(
        "| reports at once | runs | reports lost | most retries of one report | last delivered after (median, worst) |"
    )
    print("|---|---|---|---|---|")
    for reports in (15, 50, 100, 200, 300, 400, 500):
        outcomes = [play(retrier, reports, seed) for seed in range(RUNS)]
        lost = sum(outcome.lost for outcome in outcomes)
        retries = max(outcome.most_retries for outcome in outcomes)
        ends = [outcome.last_delivery_seconds / 60 for outcome in outcomes]
        print(
            f"| {reports} | {RUNS} | {lost} of {RUNS * reports:,} | {retries} of {retrier['MaxAttempts']} "
            f"| {statistics.median(ends):.0f} min, {max(ends):.0f} min |"
        )


if __name__ == "__main__":
    main()
