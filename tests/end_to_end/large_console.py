"""Measures the console with many reports and orders: `make console-load` deploys the stack to a local emulator of its
own, writes 100,000 reports and 100,000 orders of 20 sellers into its tables, and opens every page. Exit status 1 if a
page takes a second or longer once they are counted, by the median of five.
"""

import argparse
import random
import re
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import requests

from deployment import REPOSITORY, Deployment, aws, confirm_subscriptions, deploy, publish_templates, stack_parameters
from quickstart.dynamodb import _marshal
from quickstart.solicitations.ledger import Solicitation, State, _item
from quickstart.solicitations.orders import OrderKey
from servers import running_servers
from simulator import application_arguments
from tests.end_to_end.console import RunningConsole, running_console
from tests.end_to_end.host import HostProduct, mail_about, new_seller
from tests.waiting import SECONDS

# DynamoDB: the most items of one BatchWriteItem.
BATCH = 25
SELLERS = 20
LIMIT = 1.0
TYPES = ("GET_MERCHANT_LISTINGS_ALL_DATA", "GET_FLAT_FILE_OPEN_LISTINGS_DATA", "GET_FBA_INVENTORY_PLANNING_DATA")


def report(number: int, now: datetime) -> dict[str, Any]:
    """A report as the stack records it: of a thousand, some are late, FATAL, cancelled or failed."""
    chance = random.Random(number)
    asked = now - timedelta(seconds=number * 25)
    mailed = asked + timedelta(seconds=chance.lognormvariate(4, 1.5))
    kind = chance.random()
    outcome: dict[str, Any] = {"ReportStatus": "DONE", "DeliveryStatus": "DELIVERED", "NotifiedTime": text(mailed)}
    if kind < 0.002:
        outcome = {"ReportStatus": "DONE", "DeliveryStatus": "FAILED", "DeliveryError": "AccessDeniedError"}
    elif kind < 0.004:
        outcome["ReportStatus"] = "FATAL"
    elif kind < 0.02:
        outcome["ReportStatus"] = "CANCELLED"
    elif kind < 0.022:
        outcome = {"ReportStatus": "IN_QUEUE"}
    return {
        "ReportId": str(10_000_000 + number),
        "SellerId": f"A1LOAD{number % SELLERS:08}",
        "RegionCode": "NA",
        "ReportType": TYPES[number % len(TYPES)],
        "MarketplaceIds": ["ATVPDKIKX0DER"],
        "RequestedTime": text(asked),
        "CreatedTime": asked.isoformat(timespec="microseconds"),
        "SizeBytes": chance.randrange(10_000_000),
        "ExpiresAt": int((now + timedelta(days=365)).timestamp()),
        **outcome,
    }


def order(number: int, now: datetime) -> dict[str, Any]:
    """An order as the stack records it. Half are of one seller: more than a thousand on each day. Of those that are
    due, one in a thousand failed.
    """
    chance = random.Random(number)
    due = (now + timedelta(days=chance.uniform(-20, 20))).replace(microsecond=0)
    seller = 0 if number % 2 else number // 2 % SELLERS
    changed = due - timedelta(days=6)
    record = Solicitation(
        OrderKey(f"903-{number // 10_000_000:07}-{number:07}", f"A1LOAD{seller:08}"),
        State.SCHEDULED,
        "ATVPDKIKX0DER",
        due,
        due + timedelta(days=25),
        changed,
        changed,
        version=1,
    )
    if due > now:
        return present(replace(record, scheduled_for=due))
    state = chance.choices(
        (State.SOLICITED, State.ALREADY_SOLICITED, State.NOT_AVAILABLE, State.CANCELLED, State.FAILED),
        (800, 100, 50, 49, 1),
    )[0]
    return present(replace(record, state=state, started=True, asks=1, asked=due, last_answer="an answer", version=4))


def present(record: Solicitation) -> dict[str, Any]:
    """The item of the table, which has no empty attributes."""
    return {name: value for name, value in _item(record).items() if value is not None}


def text(time: datetime) -> str:
    return time.isoformat(timespec="seconds")


def store(deployment: Deployment, number: int, orders: int) -> None:
    dynamodb, now = aws(deployment.servers, "dynamodb"), datetime.now(UTC)

    def write(output: str, items: list[dict[str, Any]]) -> None:
        puts = [{"PutRequest": {"Item": _marshal(item)}} for item in items]
        answer = dynamodb.batch_write_item(RequestItems={deployment.outputs[output]: puts})
        assert not answer.get("UnprocessedItems")

    sellers = [{"SellerId": f"A1LOAD{each:08}", "Item": "TOKEN#NA", "StoredAt": text(now)} for each in range(SELLERS)]
    write("SellingPartnersTableName", sellers)
    for first in range(0, number, BATCH):
        write("ReportsTableName", [report(each, now) for each in range(first, min(first + BATCH, number))])
    for first in range(0, orders, BATCH):
        write("SolicitationsTableName", [order(each, now) for each in range(first, min(first + BATCH, orders))])


def pages(seller_id: str, report_id: str, order_id: str, failed: str, day: str) -> Iterator[str]:
    yield from ("/", "/reports", "/reports?state=failed", "/reports?type=PLANNING&state=fatal")
    yield from (f"/reports?seller={seller_id}", "/reports?from=2026-01-01T00:00&to=2026-02-01T00:00")
    yield from (f"/reports/{seller_id}/{report_id}", f"/reports/{seller_id}/{report_id}/rows")
    yield from ("/sellers", f"/sellers/{seller_id}")
    large, small = f"/orders/{seller_id}", "/orders/A1LOAD00000001"
    yield from ("/orders", large, small, f"{large}?day={day}", f"{small}?day={day}")
    yield from (f"{large}?{query}" for query in ("state=SOLICITED", "state=FAILED", "from=2026-01-05"))
    yield from (f"{large}/{order_id}", f"{large}/{failed}", f"/orders?order={order_id}")
    yield from ("/executions", "/executions/ReportProcessor", "/executions/Solicitation", "/dead-letters")
    yield from ("/dead-letters/OrdersDeadLetterQueue", "/listings", f"/logs?find={report_id}", "/inbox", "/simulator")


def large_order_pages(http: requests.Session, console: RunningConsole, seller_id: str) -> tuple[str, str, str]:
    """An order of the seller, one that failed, and a day with many."""

    def first(query: str) -> str:
        page = http.get(console.url(f"/orders/{seller_id}{query}"), timeout=SECONDS).text
        found = re.search(rf'href="/orders/{seller_id}/([^"]+)"', page)
        assert found is not None, page
        return found[1]

    return first("?state=SOLICITED"), first("?state=FAILED"), (datetime.now(UTC) - timedelta(days=3)).date().isoformat()


def measure(console: RunningConsole, address: str, session: requests.Session) -> list[float]:
    """Seconds of five requests of one page."""
    found = []
    for _ in range(5):
        started = time.monotonic()
        answer = session.get(console.url(address), timeout=SECONDS)
        found.append(time.monotonic() - started)
        assert answer.status_code == 200, (address, answer.status_code)
    return found


def main() -> int:
    parser = argparse.ArgumentParser(prog="tests.end_to_end.large_console", description=__doc__)
    parser.add_argument("--reports", type=int, default=100_000)
    parser.add_argument("--orders", type=int, default=100_000)
    options = parser.parse_args()
    with (
        tempfile.TemporaryDirectory() as folder,
        running_servers(
            Path(folder) / "servers",
            emulator_python=REPOSITORY / ".venv-emulator/bin/python",
            function_python=REPOSITORY / ".venv-functions/bin/python",
            simulator_arguments=application_arguments(),
        ) as servers,
    ):
        deployment = deploy(servers, "large-console", publish_templates(servers), stack_parameters(servers))
        confirm_subscriptions(deployment)
        host, seller = HostProduct.of(deployment), new_seller(servers, "A1LOAD00000000")
        host.store_token(seller)
        host.subscribe(seller)
        report_id = host.create_report(seller)
        mail_about(servers, report_id)
        started = time.monotonic()
        store(deployment, options.reports, options.orders)
        took = time.monotonic() - started
        print(f"wrote {options.reports:,} reports and {options.orders:,} orders in {took:.0f} s", flush=True)
        # The function that makes links has started by then.
        host.read_report(seller, report_id)
        with running_console(servers, "large-console", Path(folder) / "console") as console, requests.Session() as http:
            http.get(console.address, timeout=SECONDS)
            body = http.get(console.url("/reports"), timeout=SECONDS).text
            older = re.search(r'href="(/reports\?after=[^"]+)">Older', body)
            assert older is not None
            addresses = [*pages(seller.seller_id, report_id, *large_order_pages(http, console, seller.seller_id))]
            addresses.append(older[1].replace("&amp;", "&"))
            during = {address: measure(console, address, http) for address in addresses}
            while "Counting" in http.get(console.url("/"), timeout=SECONDS).text:
                time.sleep(1)
            after = {address: measure(console, address, http) for address in addresses}
    print(
        "| page | median while reports are counted | slowest | median afterwards | slowest |\n|---|---:|---:|---:|---:|"
    )
    for address in addresses:
        cells = [
            figure for found in (during, after) for figure in (statistics.median(found[address]), max(found[address]))
        ]
        print(f"| `{address[:50]}` | " + " | ".join(f"{seconds:.2f} s" for seconds in cells) + " |")
    # While the reports are counted, the emulator, which is one process, is busy with the scan; AWS is not.
    return 1 if any(statistics.median(found) >= LIMIT for found in after.values()) else 0


if __name__ == "__main__":
    sys.exit(main())
