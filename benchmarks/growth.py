"""Does the time for one item grow with the number of items? Notifications, orders of a seller who leaves, documents,
and sellers.
"""

import argparse
from collections.abc import Iterator

from benchmarks.ingestion import SELLERS
from benchmarks.ingestion import run as run_program
from benchmarks.measuring import machine
from benchmarks.results import Result, Table, Told
from benchmarks.transfer import FUNCTION, MEBIBYTE, copies, running_stores
from benchmarks.transfer import run as run_copy


def results(*, quick: bool, told: Told) -> Iterator[Result]:
    """One table for each, with a row for each number."""
    with running_stores() as stores:
        notifications, orders, documents = {}, {}, {}
        for number in (100, 1_000) if quick else (100, 1_000, 10_000, 100_000):
            arguments = (number, 10, SELLERS)
            notifications[f"{number:,} notifications"] = {
                "number": number,
                **run_program(stores, FUNCTION, "notifications.py", arguments, "notification_processor"),
            }
            told(f"{number:,} notifications")
        for number in (1_000, 10_000) if quick else (1_000, 10_000, 100_000, 1_000_000):
            orders[f"{number:,} orders"] = {
                "number": number,
                **run_program(stores, FUNCTION, "removal.py", (number,), "seller_removal"),
            }
            told(f"{number:,} orders")
        forwarded, calls, reviewed = {}, {}, {}
        for sellers in (1, 100, 1_000) if quick else (1, 100, 1_000, 10_000):
            row = f"{sellers:,} sellers" if sellers > 1 else "1 seller"
            number = 1_000 if quick else max(10_000, sellers)
            arguments = (number, 10, sellers)
            forwarded[row] = {
                "number": sellers,
                **run_program(stores, FUNCTION, "notifications.py", arguments, "notification_processor"),
            }
            number = 500 if quick else 2_000
            calls[row] = {
                "number": sellers,
                **run_program(stores, FUNCTION, "calls_of_sellers.py", (number, sellers), "get_solicitation_actions"),
            }
            # A process's CPU time is counted in hundredths of a second.
            if sellers >= 100:
                reviewed[row] = {
                    "number": sellers,
                    **run_program(stores, FUNCTION, "review.py", (sellers,), "connection_review"),
                }
            told(row)
        own = copies()["this stack"]
        for number in (16, 64) if quick else (16, 128, 1024, 4096):
            figures = run_copy(stores, own, number * MEBIBYTE, "plain")
            each = {
                "CPU ms each": 1000 * figures["CPU seconds"] / number,
                "ms each": 1000 * figures["seconds"] / number,
            }
            documents[f"{number:,} MiB"] = {"number": number, **each, "MiB of memory": figures["MiB of memory"]}
            told(f"{number:,} MiB")
    yield _growth("growth-notifications", "Notifications to the event bus", notifications, "notification")
    yield _growth("growth-orders", "Orders of a seller who is removed", orders, "order")
    yield _growth("growth-sellers-notifications", "Notifications by the number of sellers", forwarded, "notification")
    yield _growth("growth-sellers-calls", "Calls to SP-API by the number of sellers", calls, "call")
    yield _growth("growth-sellers-review", "Daily review of connections", reviewed, "seller")
    yield _growth("growth-documents", "Copy of a document, by its size", documents, "MiB")


def _growth(name: str, title: str, table: Table, item: str) -> Result:
    """The result with columns that say what the times are for."""
    named = {
        row: {column.replace(" each", f" per {item}"): value for column, value in figures.items()}
        for row, figures in table.items()
    }
    return Result(name, title, named, (), f"CPU ms per {item}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--notifications", type=int, help="forwards so many, and measures nothing else")
    options = parser.parse_args()
    print(machine(), flush=True)
    if options.notifications:
        with running_stores() as stores:
            arguments = (options.notifications, 10, SELLERS)
            print(run_program(stores, FUNCTION, "notifications.py", arguments, "notification_processor"))
        return
    for result in results(quick=options.quick, told=print):
        print(f"\n{result.title}\n\n{result.markdown()}")


if __name__ == "__main__":
    main()
