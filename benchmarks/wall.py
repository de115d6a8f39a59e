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
            "throttled calls per report or order": case.outcome.refused / case.count,
            "minutes": case.outcome.last_seconds / 60,
        }
        if case.least_seconds is not None and case.ratio is not None:
            row |= {"minimum": case.least_seconds / 60, "ratio": case.ratio}
        rows[case.name] = row
        told(case.name)
    seconds, most = announcements(6_000)
    rows["6,000 e-mails at once"] = {"lost": 0, "minutes": seconds / 60}
    note = (
        "In each row, all reports or orders belong to one seller. The minimum is the time that the slowest quota alone "
        "requires. The goal is at most 1.02 times the minimum. At most "
        f"{most} e-mails are sent in any one second, because SNS disables an e-mail subscription that receives more "
        "than ten messages a second."
    )
    yield Result("wall", "Waiting for SP-API's quota", rows, (note,))
    compared = {}
    for count in counts:
        slots, retries = reports(count), retried(count)
        paid, before = usd_of_waiting(slots, count, slots=True), usd_of_waiting(retries, count, slots=False)
        compared[f"{count:,} reports at once"] = {
            "lost with slots": count - slots.done,
            "lost with retries": count - retries.done,
            "throttled calls per report with slots": slots.refused / count,
            "throttled calls per report with retries": retries.refused / count,
            "USD for 1,000 with slots": 1000 * paid,
            "USD for 1,000 with retries": 1000 * before,
            "ratio of the costs": paid / before,
        }
    note = (
        "The costs are only those of waiting: Lambda invocations and state transitions. The goal is that time slots "
        "cost at most a third of what random retries cost."
    )
    yield Result("wall-retries", "Time slots and random retries", compared, (note,))
