"""A storm of reports: everything at once, everything several times, and a good part of it broken.

`make storm` deploys the stack to a local emulator of its own, plays the full storm and prints what
came of it; exit status 1 when anything is missing, doubled or left over.
"""

import argparse
import hashlib
import json
import random
import sys
import tempfile
import time
import uuid
from collections import Counter
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from deployment import REPOSITORY, Deployment, aws, confirm_subscriptions, deploy, publish_templates, stack_parameters
from servers import running_servers
from simulator import application_arguments, control, served_document
from smtp_mailbox import read_messages
from tests.end_to_end.host import (
    REPORT_TYPE,
    HostProduct,
    Seller,
    as_sp_api,
    changed_function,
    eventually,
    finished_report,
    new_seller,
    report_of,
    reports_table,
)
from tests.end_to_end.test_delivery_failures import waits_scaled

# Step Functions' waits are so much shorter: the longest of ten minutes is twelve seconds.
WAITS = 0.02
# As many times more announcements fit into a second.
ANNOUNCEMENTS = {"ANNOUNCEMENTS_PER_SECOND": str(round(3 / WAITS))}
CALLERS = 8
FAULTS: tuple[Mapping[str, object], ...] = (
    {"fault": "status", "status": 429, "operation": "createReport"},
    {"fault": "status", "status": 429, "operation": "getReport"},
    {"fault": "status", "status": 429, "operation": "getReportDocument"},
    {"fault": "status", "status": 500, "operation": "getReport"},
    {"fault": "status", "status": 503, "operation": "getReportDocument"},
    {"fault": "status", "status": 500, "operation": "downloadDocument"},
    {"fault": "status", "status": 500, "operation": "getAccessToken"},
    {"fault": "reset", "operation": "getReport"},
    {"fault": "reset", "operation": "getReportDocument"},
    {"fault": "reset", "operation": "downloadDocument"},
    {"fault": "truncate", "operation": "downloadDocument", "afterBytes": 60},
    {"fault": "expire", "operation": "downloadDocument"},
)
DOCUMENTS: tuple[Mapping[str, object], ...] = (
    {},
    {"compression": "none"},
    {"compression": "declared"},
    {"compression": "multi-member-gzip"},
    {"charset": "Cp1252"},
    {"charset": None},
)


@dataclass(frozen=True)
class Storm:
    """What is to happen. One report in three meets a fault, one in five is announced before createReport answers."""

    reports: int
    sellers: int
    poison: int
    seed: int = 1


@dataclass
class Found:
    """What came of it: rows of (what, expected, found). All is well when the last two agree in each."""

    rows: list[tuple[str, int, int]] = field(default_factory=list)
    notes: list[tuple[str, str]] = field(default_factory=list)

    def row(self, what: str, expected: int, found: int) -> None:
        self.rows.append((what, expected, found))

    @property
    def wrong(self) -> list[tuple[str, int, int]]:
        return [row for row in self.rows if row[1] != row[2]]

    def table(self) -> str:
        head = ["| | expected | found |", "|---|---:|---:|"]
        told = [f"| {what} | | {text} |" for what, text in self.notes]
        return "\n".join(
            head + told + [f"| {what} | {expected:,} | {found:,} |" for what, expected, found in self.rows]
        )


def play(deployment: Deployment, storm: Storm, seconds: float) -> Found:
    """Plays the storm on a stack and looks at everything it left; gives up waiting after so many seconds."""
    # Chance must fall alike each time, whichever thread comes first.
    chance = random.Random(storm.seed)
    servers, host = deployment.servers, HostProduct.of(deployment)
    for queue in _queues(deployment).values():
        aws(servers, "sqs").purge_queue(QueueUrl=queue)
    control(servers.simulator_endpoint, "DELETE", "requests")
    began = time.monotonic()
    mark = uuid.uuid4().hex[:8]
    with (
        ThreadPoolExecutor(CALLERS) as callers,
        waits_scaled(servers, WAITS),
        changed_function(deployment, "SPAPIReportPresignedUrlGenerator", Environment=ANNOUNCEMENTS),
    ):
        sellers = list(callers.map(lambda number: _ready_seller(host, f"S{mark}{number:05d}"), range(storm.sellers)))
        expected_copies, early, late = _order_outcomes(sellers, storm, chance)
        turns = [sellers[number % storm.sellers] for number in range(storm.reports)]
        chance.shuffle(turns)
        faults = [chance.choice(FAULTS) if chance.random() < 1 / 3 else None for _ in turns]
        poison = [_poison(number, mark, chance) for number in range(storm.poison)]
        at = sorted(chance.sample(range(storm.reports), storm.poison))

        def turn(number: int) -> tuple[str, Seller]:
            seller, fault = turns[number], faults[number]
            if fault is not None:
                seller.control("POST", "faults", {**fault, "sellerId": seller.seller_id})
            if number in at:
                _send(deployment, poison[at.index(number)])
            return _create_report(host, seller), seller

        made = dict(callers.map(turn, range(storm.reports)))
        asked = time.monotonic()
        _until_quiet(deployment, made, began + seconds)
        # Copies that come when all is done change nothing either.
        for report_id in chance.sample(sorted(made), min(20, len(made))):
            _send(deployment, json.dumps(finished_report(made[report_id].seller_id, report_id)))
        _until_quiet(deployment, made, began + seconds)
    ended = time.monotonic()
    found = _look(deployment, storm, made, poison)
    found.rows.insert(
        1, ("notifications that SP-API sent, one to five for each", expected_copies, _sent(deployment, sellers))
    )
    statuses = control(servers.simulator_endpoint, "GET", "requests")["statuses"]
    calls: Counter[str] = Counter()
    for of_operation in statuses.values():
        calls.update(of_operation)
    found.notes += [
        ("sellers", f"{storm.sellers}"),
        ("reports whose notification was sent before createReport returned", f"{early}"),
        ("reports whose notification was held back and sent last", f"{late}"),
        ("injected faults (429, 5xx, resets, truncated and expired documents)", f"{sum(map(bool, faults)):,}"),
        ("calls to SP-API, by status (0: connection lost)", _listed(calls)),
        ("seconds until all reports were requested", f"{asked - began:,.0f}"),
        ("seconds until no execution was running", f"{ended - began:,.0f}"),
    ]
    return found


def _listed(calls: Mapping[str, int]) -> str:
    return ", ".join(f"{status}: {number:,}" for status, number in sorted(calls.items()))


def _ready_seller(host: HostProduct, seller_id: str) -> Seller:
    seller = new_seller(host.deployment.servers, seller_id)
    host.store_token(seller)
    host.subscribe(seller)
    return seller


def _order_outcomes(sellers: list[Seller], storm: Storm, chance: random.Random) -> tuple[int, int, int]:
    """Each seller's next reports end in a way of their own. Gives how many notifications there will be, and how many
    reports are announced before createReport answers, and after all others.
    """
    copies, before, after = 0, 0, 0
    for number, seller in enumerate(sellers):
        own = len(range(number, storm.reports, storm.sellers))
        outcomes = []
        for _ in range(own):
            early = chance.random() < 0.2
            notification = {
                "copies": chance.randint(1, 5),
                "delaySeconds": 0 if early else round(chance.uniform(0, 5), 2),
                "beforeAnswer": early,
                "hold": not early and chance.random() < 0.1,
            }
            copies += int(str(notification["copies"]))
            before += bool(notification["beforeAnswer"])
            after += bool(notification["hold"])
            outcomes.append(
                {
                    "sellerId": seller.seller_id,
                    "count": 1,
                    "queueSeconds": 0,
                    "processingSeconds": round(chance.uniform(0, 2), 2),
                    "document": {"rows": chance.randint(1, 200), **chance.choice(DOCUMENTS)},
                    "notification": notification,
                }
            )
        seller.control("POST", "report-outcomes", outcomes)
    return copies, before, after


def _create_report(host: HostProduct, seller: Seller) -> str:
    """As a host product does: a 429, and a 409 while another request for the same report runs, are tried again."""
    while True:
        answer = host.send("ReportCreatorUrl", report_of(seller))
        if answer.status_code == 200:
            return str(answer.json()["reportId"])
        # LWA's failure is told before createReport is called, so asking again makes no second report.
        repeated = answer.status_code == 429 or (answer.status_code == 502 and "LWA" in answer.text)
        assert repeated or (answer.status_code == 409 and "Retry-After" in answer.headers), answer.text
        time.sleep(0.1)


def _poison(number: int, mark: str, chance: random.Random) -> str:
    """Messages that nobody can read, each one of its kind."""
    name = f"poison-{mark}-{number}"
    empty = finished_report("", name)
    return chance.choice(
        [
            f"{name}: this is no JSON",
            json.dumps([name]),
            json.dumps({"name": name}),
            json.dumps(empty | {"payload": {}, "name": name}),
            json.dumps(finished_report("A1", name))[: -chance.randint(1, 40)],
        ]
    )


def _send(deployment: Deployment, body: str) -> None:
    as_sp_api(deployment.servers).send_message(QueueUrl=deployment.outputs["NotificationsQueueUrl"], MessageBody=body)


def _queues(deployment: Deployment) -> Mapping[str, str]:
    """The stack's queues that must be empty at the start."""
    return {
        "dead letters": deployment.outputs["NotificationsDeadLetterQueueUrl"],
        "failures": deployment.outputs["ReportFailuresDeadLetterQueueUrl"],
    }


def _waiting(deployment: Deployment, url: str) -> int:
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    counts = aws(deployment.servers, "sqs").get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"]
    return sum(int(counts[name]) for name in names)


def _until_quiet(deployment: Deployment, made: Mapping[str, Seller], until: float) -> None:
    """The queue is empty, each report has an execution, and none of these runs. What SP-API held back comes now, in the
    wrong order."""

    def quiet() -> bool | None:
        control(deployment.servers.simulator_endpoint, "POST", "notifications/release", {"order": "reversed"})
        if not _waiting(deployment, deployment.outputs["NotificationsQueueUrl"]):
            statuses = _executions(deployment, made)
            if len(statuses) >= len(made) and "RUNNING" not in statuses.values():
                return True
        time.sleep(1)
        return None

    eventually(quiet, "the end of the storm", until - time.monotonic())
    time.sleep(3)  # the last copies and e-mails are on their way
    eventually(quiet, "the end of the storm", until - time.monotonic())


def _executions(deployment: Deployment, made: Mapping[str, Seller]) -> dict[str, str]:
    """Status by name, of the executions for these reports."""
    pages = (
        aws(deployment.servers, "stepfunctions")
        .get_paginator("list_executions")
        .paginate(stateMachineArn=deployment.outputs["ReportProcessorStateMachineArn"])
    )
    names = {f"{seller.seller_id}-{report_id}-DONE" for report_id, seller in made.items()}
    ours = {seller.seller_id for seller in made.values()}
    return {
        execution["name"]: execution["status"]
        for page in pages
        for execution in page["executions"]
        if execution["name"] in names or execution["name"].split("-")[0] in ours
    }


def _look(deployment: Deployment, storm: Storm, made: Mapping[str, Seller], poison: list[str]) -> Found:
    servers, found = deployment.servers, Found()
    sellers = {seller.seller_id for seller in made.values()}
    total = storm.reports
    found.row("reports requested", total, len(made))
    statuses = Counter(_executions(deployment, made).values())
    found.row("executions that SUCCEEDED", total, statuses["SUCCEEDED"])
    found.row("executions that ended otherwise", 0, statuses.total() - statuses["SUCCEEDED"])

    items = {item["ReportId"]: item for item in _ledger(deployment) if item["SellerId"] in sellers}
    delivered = [item for item in items.values() if item.get("DeliveryStatus") == "DELIVERED"]
    found.row("reports delivered according to the Reports table", total, len(delivered))
    found.row("other items in the Reports table", 0, len(set(items) - set(made)))

    s3, bucket = aws(servers, "s3"), deployment.outputs["ReportsBucketName"]
    pages = s3.get_paginator("list_object_versions").paginate(Bucket=bucket)
    versions = Counter(
        version["Key"]
        for page in pages
        for version in page.get("Versions", [])
        if version["Key"].split("/")[0] in sellers
    )

    def right(report_id: str) -> bool:
        item = items.get(report_id, {})
        if item.get("ObjectKey") not in versions:
            return False
        stored: bytes = s3.get_object(Bucket=bucket, Key=item["ObjectKey"])["Body"].read()
        same = stored == served_document(servers.simulator_endpoint, report_id)
        return same and hashlib.sha256(stored).hexdigest() == item["Sha256"]

    with ThreadPoolExecutor(CALLERS) as readers:
        found.row("reports stored with the same bytes as in SP-API", total, sum(readers.map(right, made)))
    found.row("objects in the bucket", total, len(versions))
    found.row("second versions of an object", 0, sum(versions.values()) - len(versions))
    uploads = s3.list_multipart_uploads(Bucket=bucket).get("Uploads", [])
    found.row("unfinished uploads", 0, len([upload for upload in uploads if upload["Key"].split("/")[0] in sellers]))

    mails = Counter(
        mail.subject for mail in read_messages(servers.mail_directory) if mail.subject.rsplit(" ", 1)[-1] in sellers
    )
    expected = {
        f"{REPORT_TYPE} is ready: report {report_id} of seller {seller.seller_id}" for report_id, seller in made.items()
    }
    found.row("reports mailed exactly once", total, sum(mails[subject] == 1 for subject in expected))
    found.row("other e-mails", 0, mails.total() - sum(mails[subject] == 1 for subject in expected))

    dead = Counter(_drain(deployment, _queues(deployment)["dead letters"]))
    found.row("unreadable messages in the dead-letter queue", len(poison), (dead & Counter(poison)).total())
    found.row("other messages in the dead-letter queue", 0, (dead - Counter(poison)).total())
    found.row("messages left in the queue", 0, _waiting(deployment, deployment.outputs["NotificationsQueueUrl"]))
    found.row(
        "messages about failures that could not be e-mailed", 0, _waiting(deployment, _queues(deployment)["failures"])
    )
    return found


def _ledger(deployment: Deployment) -> list[dict[str, Any]]:
    table = reports_table(deployment)
    items: list[dict[str, Any]] = []
    page: dict[str, Any] = {}
    while not items or "LastEvaluatedKey" in page:
        start = {"ExclusiveStartKey": page["LastEvaluatedKey"]} if "LastEvaluatedKey" in page else {}
        page = table.scan(**start)
        items += [item for item in page["Items"] if "#" not in item["ReportId"]]
        if not page["Items"]:
            break
    return items


def _drain(deployment: Deployment, url: str) -> list[str]:
    sqs = aws(deployment.servers, "sqs")
    bodies: list[str] = []
    while messages := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", []):
        for message in messages:
            bodies.append(message["Body"])
            sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    return bodies


def _sent(deployment: Deployment, sellers: list[Seller]) -> int:
    """How many notifications about these sellers' reports SP-API has sent."""
    ours = {seller.seller_id for seller in sellers}
    listed = control(deployment.servers.simulator_endpoint, "GET", "notifications")["notifications"]
    bodies = [json.loads(entry["body"]) for entry in listed if entry["state"] == "sent"]
    return sum(
        body["payload"]["reportProcessingFinishedNotification"].get("sellerId") in ours
        for body in bodies
        if "reportProcessingFinishedNotification" in body.get("payload", {})
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--reports", type=int, default=1000)
    parser.add_argument("--sellers", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=3600, help="give up after so long")
    options = parser.parse_args()
    storm = Storm(options.reports, options.sellers, options.reports // 20, options.seed)
    with (
        tempfile.TemporaryDirectory(prefix="storm-") as folder,
        running_servers(
            Path(folder),
            emulator_python=REPOSITORY / ".venv-emulator" / "bin" / "python",
            function_python=REPOSITORY / ".venv-functions" / "bin" / "python",
            simulator_arguments=[*application_arguments(), "--rate-limit-scale", "0"],
        ) as servers,
    ):
        deployment = deploy(servers, "storm", publish_templates(servers), stack_parameters(servers))
        confirm_subscriptions(deployment)
        found = play(deployment, storm, options.seconds)
    print(found.table())
    return 1 if found.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
