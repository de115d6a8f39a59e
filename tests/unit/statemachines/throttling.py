"""Simulates how calls that become due together wait for a quota: reports, announcements and orders.

The slots are handed out by the real code on a table in memory, and SP-API's token bucket decides which calls it
refuses. `make throttling` prints the tables of docs/reports.md.
"""

import heapq
import itertools
import json
import math
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from costs import prices
from costs.usage import Assumptions
from orders_storm.cloud import DynamoDB, Trouble
from quickstart.call_slots import CallSlots, Quota
from quickstart.dynamodb import Table
from quickstart.reports.announcement_pace import AnnouncementPace, AnnouncementsTooFastError
from quickstart.reports.paced_calls import GET_REPORT, GET_REPORT_DOCUMENT, slots_of
from quickstart.solicitations.ledger import call_slots
from sp_api.regions import Region

STATE_MACHINE = Path(__file__).resolve().parents[3] / "templates" / "statemachines" / "report-processor.asl.json"
# Of one seller (Reports API v2021-06-30, Solicitations API v1): calls a second, and at once.
REPORT_QUOTAS = {GET_REPORT: Quota(2, 15), GET_REPORT_DOCUMENT: Quota(0.0167, 15)}
ORDER_QUOTAS = {"getSolicitationActionsForOrder": Quota(1, 5)}
# Seconds from the start of a function to its call's arrival at SP-API: a warm and a cold function.
LATENCY = (0.1, 3.0)
# SPAPIReportDocumentRetrieval.
MEMORY_GIGABYTES = 0.5


@dataclass
class Bucket:
    """A token bucket of SP-API (SP-API docs, "Usage plans and rate limits"): a refused call costs nothing."""

    quota: Quota
    tokens: float = 0.0
    filled_at: float = 0.0

    def __post_init__(self) -> None:
        self.tokens = self.quota.burst

    def take(self, now: float) -> bool:
        self.tokens = min(self.quota.burst, self.tokens + (now - self.filled_at) * self.quota.rate)
        self.filled_at = now
        if self.tokens < 1:
            return False
        self.tokens -= 1
        return True


@dataclass(frozen=True)
class Conditions:
    """How SP-API differs from its documentation.

    Its rates are `rate` times the documented ones, and its answers say so if `tells`. Another program of the seller
    makes `others` of the calls that the documented rate allows.
    """

    rate: float = 1.0
    tells: bool = True
    others: float = 0.0


@dataclass(frozen=True)
class Outcome:
    """What became of the calls; seconds since the first was due.

    `waits` counts the waits of all, and `longest_seconds` is the longest time from when one was due until it was done.
    """

    done: int
    refused: int
    last_seconds: float
    waits: int = 0
    longest_seconds: float = 0.0


@dataclass
class Play:
    """All of `count` become due within `within` seconds. Each makes one call of each operation in turn."""

    count: int
    slots: Mapping[str, CallSlots]
    quotas: Mapping[str, Quota]
    conditions: Conditions
    chance: random.Random
    within: float = 0.0
    now: float = 0.0
    _numbers: Iterator[int] = field(default_factory=itertools.count)
    _due: list[tuple[float, int, str, tuple[Any, ...]]] = field(default_factory=list)
    _done: int = 0
    _refused: int = 0
    _waits: int = 0

    def run(self) -> Outcome:
        buckets = {
            name: Bucket(replace(quota, rate=quota.rate * self.conditions.rate)) for name, quota in self.quotas.items()
        }
        operations = list(self.quotas)
        for _ in range(self.count):
            due = self.chance.uniform(0, self.within)
            self._at(due, "start", 0, False, due)
        for name, quota in self.quotas.items():
            if self.conditions.others:
                self._at(0, "other", name, 1 / (quota.rate * self.conditions.others))
        last = longest = 0.0
        while self._done < self.count:
            self.now, _, kind, given = heapq.heappop(self._due)
            if kind == "other":
                name, interval = given
                buckets[name].take(self.now)
                self._at(self.now + interval, "other", name, interval)
                continue
            place, has_slot, due = given
            name = operations[place]
            if kind == "start":
                wait = 0.0 if has_slot else self.slots[name].take()
                if wait > 0:
                    self._wait(wait, place, due)
                else:
                    self._at(self.now + self.chance.uniform(*LATENCY), "call", place, True, due)
            elif not buckets[name].take(self.now):
                self._refused += 1
                rate = self.quotas[name].rate * (self.conditions.rate if self.conditions.tells else 1.0)
                self._wait(self.slots[name].refused(1 / rate), place, due)
            elif place + 1 < len(operations):
                self._at(self.now, "start", place + 1, False, due)
            else:
                self._done += 1
                last, longest = self.now, max(longest, self.now - due)
        return Outcome(self._done, self._refused, last, self._waits, longest)

    def _wait(self, seconds: float, place: int, due: float) -> None:
        """As the state machine waits: whole seconds."""
        self._waits += 1
        self._at(self.now + math.ceil(seconds), "start", place, True, due)

    def _at(self, moment: float, kind: str, *given: Any) -> None:
        heapq.heappush(self._due, (moment, next(self._numbers), kind, given))


def table(*key: str) -> Table:
    client: Any = DynamoDB(Trouble(random.Random(1)), key=(key[0], key[1]))
    return Table(client, "table")


def reports(count: int, seed: int = 1, conditions: Conditions = Conditions()) -> Outcome:
    """Reports of one seller that finish at once: getReport, then getReportDocument."""
    held = table("ReportId", "SellerId")
    play = Play(count, {}, REPORT_QUOTAS, conditions, random.Random(seed))
    play.slots = {name: replace(slots_of(held, "A1", Region.NA, name), now=lambda: play.now) for name in REPORT_QUOTAS}
    return play.run()


def orders(count: int, seed: int = 1, conditions: Conditions = Conditions()) -> Outcome:
    """Orders of one seller that become due within an hour."""
    held = table("AmazonOrderId", "SellerId")
    play = Play(count, {}, ORDER_QUOTAS, conditions, random.Random(seed), within=3600)
    play.slots = {name: replace(call_slots(held, "A1", Region.NA), now=lambda: play.now) for name in ORDER_QUOTAS}
    return play.run()


def retried(count: int, seed: int = 1) -> Outcome:
    """The same reports without slots: each calls, and retries after a random wait, as long as a state machine does.

    The retrier is that of the state machine, which executions from before there were slots still use.
    """
    retrier = retrier_of(json.loads(STATE_MACHINE.read_text()), "RetrieveDocument", "ThrottledError")
    chance = random.Random(seed)
    buckets = [Bucket(quota) for quota in REPORT_QUOTAS.values()]
    due = [(chance.uniform(*LATENCY), number, 1) for number in range(count)]
    heapq.heapify(due)
    done, refused, last = 0, 0, 0.0
    while due:
        now, number, attempt = heapq.heappop(due)
        if all(bucket.take(now) for bucket in buckets):
            done, last = done + 1, now
            continue
        refused += 1
        if attempt <= retrier["MaxAttempts"]:
            heapq.heappush(due, (now + delay(retrier, attempt, chance), number, attempt + 1))
    return Outcome(done, refused, last, refused)


def usd_of_waiting(outcome: Outcome, count: int, *, slots: bool) -> float:
    """What the waits of one cost: a wait for a slot is one invocation and three transitions, and a retry is one each.

    A function that takes a slot makes two calls to AWS. One that is refused makes them and two calls to SP-API.
    """
    listed, assumed = prices.load().prices, Assumptions()
    milliseconds = assumed.own_milliseconds + 2 * assumed.aws_call_milliseconds
    waited = outcome.waits * milliseconds + outcome.refused * 2 * assumed.sp_api_call_milliseconds
    total = (
        listed["state-transition"].of(outcome.waits * (3 if slots else 1))
        + listed["function-request"].of(outcome.waits)
        + listed["function-gigabyte-second"].of(waited / 1000 * MEMORY_GIGABYTES)
    )
    return total / count


def announcements(count: int, per_second: int = 3, seed: int = 1) -> tuple[float, int]:
    """Reports that are stored at once: the seconds until the last e-mail, and the most e-mails within one second."""
    chance = random.Random(seed)
    clock = [0.0]
    pace = AnnouncementPace(table("ReportId", "SellerId"), per_second, lambda: clock[0])
    sent = []
    for _ in range(count):
        try:
            pace.take_slot()
            wait = 0
        except AnnouncementsTooFastError as error:
            # As the state machine reads it.
            wait = int(str(error).partition(" ")[0])
        sent.append(wait + chance.uniform(0.05, 1))
    sent.sort()
    most, first = 0, 0
    for place, moment in enumerate(sent):
        while sent[first] <= moment - 1:
            first += 1
        most = max(most, place - first + 1)
    return sent[-1], most


def minimum(count: int, quotas: Mapping[str, Quota], rate: float = 1.0) -> float:
    """The seconds that the slowest quota needs for so many calls."""
    return max((count - quota.burst) / (quota.rate * rate) for quota in quotas.values())


def retrier_of(definition: Mapping[str, Any], state: str, error: str) -> Mapping[str, Any]:
    """The Retry entry of the state that takes the error, as Step Functions looks for it: by the very name."""
    retriers: Sequence[Mapping[str, Any]] = definition["States"][state]["Retry"]
    return next(one for one in retriers if error in one["ErrorEquals"] or one["ErrorEquals"] == ["States.ALL"])


def delay(retrier: Mapping[str, Any], retry: int, chance: random.Random) -> float:
    """Seconds before the retry of this number, from 1 (Amazon States Language, "Retry" with JitterStrategy FULL)."""
    longest = min(
        retrier["IntervalSeconds"] * retrier["BackoffRate"] ** (retry - 1), retrier.get("MaxDelaySeconds", float("inf"))
    )
    return chance.uniform(0, longest) if retrier.get("JitterStrategy") == "FULL" else float(longest)


@dataclass(frozen=True)
class Case:
    """A row of the tables. `least_seconds` is None where SP-API decides which of several programs' calls it refuses."""

    name: str
    count: int
    outcome: Outcome
    least_seconds: float | None

    @property
    def ratio(self) -> float | None:
        return self.outcome.last_seconds / self.least_seconds if self.least_seconds else None


VARIANTS: Mapping[str, Conditions] = {
    "": Conditions(),
    ", half the documented rate": Conditions(rate=0.5),
    ", half the documented rate, not stated in SP-API's responses": Conditions(rate=0.5, tells=False),
    ", another program makes a fifth of the calls": Conditions(others=0.2),
}


def report_cases(counts: Sequence[int], varied: Sequence[int] = ()) -> Iterator[Case]:
    """Reports of one seller at once; `varied` also under other conditions."""
    for words, conditions in VARIANTS.items():
        for count in varied if words else counts:
            least = None if conditions.others else minimum(count, REPORT_QUOTAS, conditions.rate)
            yield Case(f"{count:,} reports at once{words}", count, reports(count, conditions=conditions), least)


def order_cases(counts: Sequence[int], varied: Sequence[int] = ()) -> Iterator[Case]:
    """Orders of one seller that are due in an hour."""
    for words, conditions in VARIANTS.items():
        for count in varied if words else counts:
            least = None if conditions.others else minimum(count, ORDER_QUOTAS, conditions.rate)
            yield Case(f"{count:,} orders due in an hour{words}", count, orders(count, conditions=conditions), least)


def main() -> None:
    print(
        "| load (one seller) | lost | throttled calls per report or order | last done after | the quota's minimum "
        "| ratio | longest wait |"
    )
    print("|---|---:|---:|---:|---:|---:|---:|")
    cases = itertools.chain(
        report_cases((15, 50, 200, 500, 1000, 2000), (500, 2000)), order_cases((40_000,), (40_000,))
    )
    for case in cases:
        found = case.outcome
        minutes = "" if case.least_seconds is None else f"{max(case.least_seconds, 0) / 60:,.1f} min"
        ratio = f"{case.ratio:.3f}" if case.ratio and case.least_seconds else ""
        print(
            f"| {case.name} | {case.count - found.done} | {found.refused / case.count:.4f} "
            f"| {found.last_seconds / 60:,.1f} min | {minutes} | {ratio} | {found.longest_seconds / 3600:.1f} h |",
            flush=True,
        )
    seconds, most = announcements(6000)
    print(f"\n6,000 e-mails at once: 0 lost, the last after {seconds / 60:.0f} min, at most {most} in any second\n")
    print(
        "| reports at once | lost with slots | lost with retries | throttled calls per report with slots "
        "| throttled calls per report with retries | USD per report with slots | USD per report with retries "
        "| ratio of the costs |"
    )
    print(f"|---|{'---:|' * 7}")
    for count in (200, 500, 1000, 2000):
        found, before = reports(count), retried(count)
        costs = usd_of_waiting(found, count, slots=True), usd_of_waiting(before, count, slots=False)
        print(
            f"| {count:,} | {count - found.done} | {count - before.done:,} ({(count - before.done) / count:.1%}) "
            f"| {found.refused / count:.1f} | {before.refused / count:.1f} "
            f"| {costs[0]:.6f} | {costs[1]:.6f} | {costs[0] / costs[1]:.2f} |"
        )


if __name__ == "__main__":
    main()
