"""What happens when many calls wait for SP-API's quota together? A simulation, which needs no clock."""

from collections.abc import Iterator
from itertools import chain

from benchmarks.results import Result, Told
from tests.unit.statemachines.throttling import (
    announcements,
    order_cases,
    report_cases,
    reports,
    retried,
    usd_of_waiting,
)


def results(*, quick: bool, told: Told) -> Iterator[Result]:
    rows: dict[str, dict[str, float]] = {}
    counts, varied = ((200, 500), (200,)) if quick else ((200, 500, 1_000, 2_000), (500, 2_000))
    due = 4_000 if quick else 40_000
    for case in chain(report_cases(counts, varied), order_cases((due,), () if quick else (due,))):
        row = {
            "lost": case.count - case.outcome.done,
            "throttled calls each": case.outcome.refused / case.count,
            "minutes": case.outcome.last_seconds / 60,
        }
        if case.least_seconds is not None and case.ratio is not None:
            row |= {"minimum": case.least_seconds / 60, "ratio": case.ratio}
        rows[case.name] = row
        told(case.name)
    seconds, most = announcements(6_000)
    rows["6,000 e-mails at once"] = {"lost": 0, "minutes": seconds / 60}
    note = (
        f"Reports and orders are of one seller. At most {most} e-mails are sent within a second: SNS ends a "
        "subscription above ten. The goal is 1.02 times the minimum."
    )
    yield Result("wall", "Waiting for SP-API's quota", rows, (note,))
    compared = {}
    for count in counts:
        slots, retries = reports(count), retried(count)
        paid, before = usd_of_waiting(slots, count, slots=True), usd_of_waiting(retries, count, slots=False)
        compared[f"{count:,} reports at once"] = {
            "lost": count - slots.done,
            "lost with retries": count - retries.done,
            "throttled calls each": slots.refused / count,
            "with retries": retries.refused / count,
            "USD for 1,000": 1000 * paid,
            "USD with retries": 1000 * before,
            "ratio of the costs": paid / before,
        }
    note = (
        "What waiting costs, in invocations and state transitions. The goal is a third of what it costs with retries."
    )
    yield Result("wall-retries", "Time slots and random retries", compared, (note,))
