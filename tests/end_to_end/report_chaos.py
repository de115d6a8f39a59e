"""Reports requested all at once, while SP-API fails and function processes are killed.

`make chaos` deploys the stack to a local emulator of its own, and prints what came of every request; the exit status is
1 when a report is lost, doubled or acknowledged to another request. Each request is repeated with its ClientToken by
the rule in docs/api.md.
"""

import argparse
import os
import random
import signal
import sys
import tempfile
import threading
import time
import uuid
from collections import Counter
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import requests

from deployment import REPOSITORY, Deployment, confirm_subscriptions, deploy, publish_templates, stack_parameters
from servers import running_servers
from simulator import application_arguments, control
from tests.end_to_end.host import (
    REPORT_TYPE,
    HostProduct,
    Seller,
    changed_function,
    function_processes,
    new_seller,
    reports_table,
)
from tests.waiting import SECONDS

# A stack waits 90 s and ten minutes: that is what SP-API may need. The simulator creates and lists reports at once.
CREATED_WITHIN, LISTED_WITHIN = 30, 40
TIMES = {
    "REPORT_CREATED_WITHIN_SECONDS": str(CREATED_WITHIN),
    "REPORT_LISTED_WITHIN_SECONDS": str(LISTED_WITHIN),
}
LONGEST_WAIT = 10.0
MARKETPLACES = {"NA": "ATVPDKIKX0DER", "EU": "A1F83G8C2ARO7P", "FE": "A1VC38T7YXB528"}
EXPIRED = "The access token you provided has expired."
FAULTS: tuple[Mapping[str, object], ...] = (
    {"fault": "status", "status": 429},
    {"fault": "reset"},
    {"fault": "slow", "seconds": 3},
    {"fault": "status", "status": 500},
    {"fault": "status", "status": 503},
    {"fault": "status", "status": 202, "body": '{"reportId": "54', "contentType": "application/json"},
    {"fault": "status", "status": 403, "code": "Unauthorized", "message": EXPIRED},
    {"fault": "lose"},
    {"fault": "lose"},
    {"fault": "status", "status": 200, "body": "<html>busy</html>", "contentType": "text/html"},
    {"fault": "status", "status": 429, "operation": "getReports"},
    {"fault": "status", "status": 503, "operation": "getReports"},
    {"fault": "reset", "operation": "getReports"},
)


@dataclass(frozen=True)
class Chaos:
    """What is to happen."""

    requests: int
    sellers: int
    faults: int
    kills: int
    seed: int = 1


@dataclass(frozen=True)
class Request:
    """One POST /reports of a host product."""

    seller: Seller
    body: Mapping[str, object]

    @property
    def token(self) -> str:
        return str(self.body["ClientToken"])


@dataclass
class Outcome:
    """What came of it: rows of (what, expected, found). All is well when the last two agree in each."""

    rows: list[tuple[str, int, int]] = field(default_factory=list)
    notes: list[tuple[str, str]] = field(default_factory=list)

    @property
    def wrong(self) -> list[tuple[str, int, int]]:
        return [row for row in self.rows if row[1] != row[2]]

    def table(self) -> str:
        lines = ["| | expected | found |", "|---|---:|---:|"]
        lines += [f"| {what} | | {text} |" for what, text in self.notes]
        lines += [f"| {what} | {expected:,} | {found:,} |" for what, expected, found in self.rows]
        return "\n".join(lines)


def play(deployment: Deployment, chaos: Chaos, seconds: float) -> Outcome:
    """Sends all requests at once, repeats each by the rule, and compares the answers with SP-API's reports."""
    host, chance = HostProduct.of(deployment), random.Random(chaos.seed)
    mark = uuid.uuid4().hex[:8]
    began = time.monotonic()
    with changed_function(deployment, "SPAPIReportCreator", Environment=TIMES):
        sellers = [new_seller(deployment.servers, f"C{mark}{number:05d}") for number in range(chaos.sellers)]
        for seller in sellers:
            host.store_token(seller)
        for number in range(chaos.faults):
            fault = {"operation": "createReport", **chance.choice(FAULTS)}
            seller = sellers[number % chaos.sellers]
            seller.control("POST", "faults", {**fault, "sellerId": seller.seller_id})
        wanted = [_request(number, sellers, chance) for number in range(chaos.requests)]
        over = threading.Event()
        with ThreadPoolExecutor(chaos.requests + 1) as pool:
            killed = pool.submit(_kill, deployment, chaos.kills, chance, over)
            at_once = threading.Barrier(chaos.requests)
            until = began + seconds
            answers = list(pool.map(lambda request: _until_answered(host, request, at_once, until), wanted))
            over.set()
        left = _faults_left(deployment, sellers)
    outcome = _compare(deployment, wanted, [report_id for report_id, _ in answers], sellers)
    codes = sum((codes for _, codes in answers), Counter[str]())
    outcome.notes = [
        ("sellers, regions", f"{chaos.sellers}, {len(MARKETPLACES)}"),
        ("injected faults of SP-API", f"{chaos.faults - left:,}"),
        ("function processes killed", f"{killed.result():,}"),
        ("responses to the test program", ", ".join(f"{code}: {number:,}" for code, number in sorted(codes.items()))),
        ("seconds until every request was answered", f"{time.monotonic() - began:,.0f}"),
    ]
    return outcome


def _request(number: int, sellers: list[Seller], chance: random.Random) -> Request:
    """Of one seller's requests in a region, some are the same but for the token, or for what SP-API does not list."""
    seller = sellers[number % len(sellers)]
    region = list(MARKETPLACES)[number // len(sellers) % len(MARKETPLACES)]
    day = datetime(2025, 1, 1, tzinfo=UTC) + timedelta(days=number)
    body: dict[str, object] = {
        "SellerId": seller.seller_id,
        "RegionCode": region,
        "ReportType": REPORT_TYPE,
        "MarketplaceIds": MARKETPLACES[region],
        "ClientToken": str(uuid.uuid4()),
    }
    kind = chance.random()
    if kind > 0.3:
        body["ReportDataStartTime"] = day.isoformat()
        body["ReportDataEndTime"] = (day + timedelta(hours=23)).isoformat()
    elif kind > 0.15:
        body["ReportOptions"] = {"custom": str(number)}
    return Request(seller, body)


def _until_answered(
    host: HostProduct, request: Request, at_once: threading.Barrier, until: float
) -> tuple[str, Counter[str]]:
    """The report's id, empty when the rule did not end in one; and how often each answer came."""
    codes: Counter[str] = Counter()
    at_once.wait()
    while time.monotonic() < until:
        try:
            answer = host.send("ReportCreatorUrl", request.body)
        except requests.RequestException as error:
            codes[type(error).__name__] += 1
            time.sleep(1)
            continue
        if answer.status_code == 200:
            codes["200"] += 1
            return str(answer.json()["reportId"]), codes
        codes[_code(answer)] += 1
        if answer.status_code < 429 and "Retry-After" not in answer.headers:
            break
        # The stack's times are shorter than those that the longest Retry-After is for.
        time.sleep(min(LONGEST_WAIT, float(answer.headers.get("Retry-After", 1))))
    return "", codes


def _code(answer: requests.Response) -> str:
    try:
        code = answer.json()["errors"][0]["code"] if answer.status_code == 409 else ""
    except (ValueError, LookupError):
        code = ""
    return f"{answer.status_code} {code}".strip()


def _kill(deployment: Deployment, kills: int, chance: random.Random, over: threading.Event) -> int:
    """Ends processes of the function, as a failing host of Lambda's would; returns how many."""
    killed = 0
    while killed < kills and not over.wait(chance.uniform(0.2, 1.5)):
        running = function_processes(deployment, "SPAPIReportCreator")
        if running:
            try:
                os.kill(chance.choice(running), signal.SIGKILL)
            except ProcessLookupError:
                continue
            killed += 1
    return killed


def _faults_left(deployment: Deployment, sellers: list[Seller]) -> int:
    """How many faults no request met; they are cleared."""
    ours = {seller.seller_id for seller in sellers}
    faults = control(deployment.servers.simulator_endpoint, "GET", "faults")["faults"]
    control(deployment.servers.simulator_endpoint, "DELETE", "faults")
    return sum(fault["remaining"] for fault in faults if fault["sellerId"] in ours)


def _compare(deployment: Deployment, wanted: list[Request], answers: list[str], sellers: list[Seller]) -> Outcome:
    outcome = Outcome()
    ours = {seller.seller_id for seller in sellers}
    listed = control(deployment.servers.simulator_endpoint, "GET", "reports")["reports"]
    made = {report["reportId"] for report in listed if report["sellerId"] in ours}
    access_tokens = {seller.seller_id: seller.access_token() for seller in sellers}
    table = reports_table(deployment)
    right = recorded = 0
    for request, report_id in zip(wanted, answers, strict=True):
        if report_id:
            right += _is_of(request, _report(request, report_id, access_tokens))
            key = {"ReportId": report_id, "SellerId": request.seller.seller_id}
            recorded += table.get_item(Key=key).get("Item", {}).get("ClientToken") == request.token
    total = len(wanted)
    outcome.rows = [
        ("requests that were finally answered with 200", total, sum(map(bool, answers))),
        ("different reports in these responses", total, len(set(filter(None, answers)))),
        ("of these, reports with the request's seller, region, type, marketplaces and period", total, right),
        ("of these, reports that the Reports table has with the request's token", total, recorded),
        ("reports at SP-API", total, len(made)),
        ("reports at SP-API that no response contained (lost or created twice)", 0, len(made - set(answers))),
        ("requests without a known outcome in the Reports table", 0, _still_open(table, sellers)),
    ]
    return outcome


def _report(request: Request, report_id: str, access_tokens: Mapping[str, str]) -> dict[str, Any]:
    """getReport; empty when the seller has no such report in the request's region."""
    region = str(request.body["RegionCode"]).lower()
    address = f"{request.seller.servers.simulator_endpoint}/{region}/reports/2021-06-30/reports/{report_id}"
    headers = {"x-amz-access-token": access_tokens[request.seller.seller_id]}
    answer = requests.get(address, headers=headers, timeout=SECONDS)
    report: dict[str, Any] = answer.json() if answer.status_code == 200 else {}
    return report


def _is_of(request: Request, report: Mapping[str, Any]) -> bool:
    """SP-API lists the time of the request for a time that the request does not name."""
    wanted = request.body

    def same_time(name: str, listed: str) -> bool:
        text = wanted.get(name, report.get("createdTime"))
        return (
            text is not None
            and listed in report
            and (
                abs(datetime.fromisoformat(str(text)) - datetime.fromisoformat(report[listed])) <= timedelta(seconds=1)
            )
        )

    return (
        report.get("reportType") == wanted["ReportType"]
        and report.get("marketplaceIds") == [wanted["MarketplaceIds"]]
        and same_time("ReportDataStartTime", "dataStartTime")
        and same_time("ReportDataEndTime", "dataEndTime")
    )


def _still_open(table: Any, sellers: list[Seller]) -> int:
    keys = [
        {"ReportId": f"OPEN_REQUESTS#{region}#{REPORT_TYPE}", "SellerId": seller.seller_id}
        for seller in sellers
        for region in MARKETPLACES
    ]
    items = [table.get_item(Key=key).get("Item", {}) for key in keys]
    return sum(name.startswith("Request#") for item in items for name in item)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--requests", type=int, default=300)
    parser.add_argument("--sellers", type=int, default=5)
    parser.add_argument("--faults", type=int, default=300)
    parser.add_argument("--kills", type=int, default=40)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=1800, help="give up after so long")
    options = parser.parse_args()
    chaos = Chaos(options.requests, options.sellers, options.faults, options.kills, options.seed)
    with (
        tempfile.TemporaryDirectory(prefix="chaos-") as folder,
        running_servers(
            Path(folder),
            emulator_python=REPOSITORY / ".venv-emulator" / "bin" / "python",
            function_python=REPOSITORY / ".venv-functions" / "bin" / "python",
            simulator_arguments=[*application_arguments(), "--rate-limit-scale", "0"],
        ) as servers,
    ):
        deployment = deploy(servers, "chaos", publish_templates(servers), stack_parameters(servers))
        confirm_subscriptions(deployment)
        outcome = play(deployment, chaos, options.seconds)
    print(outcome.table())
    return 1 if outcome.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
