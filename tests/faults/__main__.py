"""`make faults`: every call of every function with every fault; keeps the table in docs/reliability.md.

Exits with 1 when a row deviates.
"""

import argparse
import multiprocessing
import sys
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from functools import partial

from tests.faults.page import PAGE, rows_of
from tests.faults.scenarios import SCENARIOS
from tests.faults.table import outcomes
from tests.faults.world import Fault


def main() -> int:
    parser = argparse.ArgumentParser(prog="make faults")
    parser.add_argument(
        "--scenario",
        nargs="+",
        default=[""],
        metavar="TEXT",
        help="only scenarios whose function and event contain one of these texts; the table keeps the rows of the "
        "others, so that a full run can be made in pieces",
    )
    parser.add_argument(
        "--list", action="store_true", help="run nothing; list each scenario with the calls that the table has of it"
    )
    parser.add_argument("--fault", type=Fault, choices=Fault, nargs="*", default=list(Fault), help="only these faults")
    parser.add_argument("--workers", type=int, default=2, help="processes at the same time (default %(default)s)")
    arguments = parser.parse_args()
    chosen = tuple(one for one in SCENARIOS if any(text in f"{one.function} {one.name}" for text in arguments.scenario))
    if arguments.list:
        calls = Counter((function, event) for function, event, *_ in outcomes(PAGE.read_text("utf-8")))
        for one in chosen:
            print(f"{one.function}: {one.name}: {calls[one.function, one.name] or 'no'} calls")
        return 0
    if not chosen:
        parser.error(f"no scenario contains {' or '.join(arguments.scenario)}")
    shares = [chosen[worker :: arguments.workers] for worker in range(arguments.workers)]
    with ProcessPoolExecutor(arguments.workers, multiprocessing.get_context("spawn")) as pool:
        ran = pool.map(partial(rows_of, faults=tuple(arguments.fault)), filter(None, shares))
        rows = [row for share in ran for row in share]
    deviating = sum(bool(row.deviations) for row in rows)
    page = PAGE.read_text("utf-8")
    print(page.partition("### The table")[2].strip())
    print(f"{len(rows)} rows, {deviating} deviate; the table has {sum(map(len, outcomes(page).values()))} rows")
    return 1 if deviating else 0


if __name__ == "__main__":
    sys.exit(main())
