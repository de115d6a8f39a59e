"""A storm of feeds: a catalogue of 25,000 messages and smaller files, while everything fails that can.

`make feeds-storm` deploys the stack to a local emulator of its own, publishes the files while SP-API's calls fail and
the functions' processes are killed, and prints what came of it; exit status 1 when a message has no result or two, or
was sent twice.
"""

import argparse
import json
import os
import random
import signal
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import requests

from deployment import REPOSITORY, Deployment, aws, confirm_subscriptions, deploy, publish_templates, stack_parameters
from servers import running_servers
from simulator import application_arguments, control
from smtp_mailbox import read_messages
from tests.end_to_end.feed_helpers import (
    Json,
    document_at_amazon,
    ended,
    feed_outcomes_queue,
    feeds_at_amazon,
    in_state,
    lines,
    message,
    put,
    request_feed,
    subscribe_feeds,
)
from tests.end_to_end.host import HostProduct, Seller, function_processes, new_seller, table_of
from tests.end_to_end.listing_helpers import publish, unique
from tests.end_to_end.storm import Found
from tests.end_to_end.test_delivery_failures import waits_scaled
from tests.waiting import SECONDS

# Step Functions' waits are so much shorter: a minute is three seconds.
WAITS = 0.05
WORKER = "SPAPIListingFeedWorker"
LARGEST_KILOBYTES = 256 * 1024
FAULTS: tuple[Mapping[str, object], ...] = (
    {"fault": "status", "status": 429, "operation": "createFeedDocument"},
    {"fault": "status", "status": 503, "operation": "createFeedDocument"},
    {"fault": "lose", "operation": "createFeedDocument"},
    {"fault": "lose", "operation": "uploadFeedDocument"},
    {"fault": "expire", "operation": "uploadFeedDocument"},
    {"fault": "status", "status": 503, "operation": "uploadFeedDocument"},
    {"fault": "status", "status": 429, "operation": "createFeed"},
    {"fault": "lose", "operation": "createFeed"},
    {"fault": "reset", "operation": "getFeeds"},
    {"fault": "status", "status": 503, "operation": "getFeed"},
    {"fault": "reset", "operation": "getFeed"},
    {"fault": "status", "status": 429, "operation": "getFeedDocument"},
    {"fault": "lose", "operation": "getFeedDocument"},
    {"fault": "truncate", "operation": "downloadDocument", "afterBytes": 2000},
    {"fault": "expire", "operation": "downloadDocument"},
    {"fault": "status", "status": 500, "operation": "getAccessToken"},
)
REFUSAL = {"code": "90220", "severity": "ERROR", "message": "'brand' is required.", "attributeName": "brand"}
WARNING = {"code": "18448", "severity": "WARNING", "message": "Add the weight."}


@dataclass(frozen=True)
class Storm:
    """What is published. Three messages in a hundred are bad, and some SKUs are there twice."""

    messages: int
    kills: int
    small: int = 200
    seed: int = 1


@dataclass
class Sent:
    """One file: how Amazon is to end it, and the lines that are good."""

    name: str
    seller: Seller
    content: bytes
    good: dict[int, str]
    lines: int
    outcome: Mapping[str, Any] = field(default_factory=dict)
    status: str = "DONE"
    result: str = ""
    feed_request_id: str = ""


def catalogue(prefix: str, count: int, chance: random.Random) -> tuple[bytes, dict[int, str]]:
    """A file in JSON Lines, and the SKU of each good line."""
    made: list[Json] = []
    good: dict[int, str] = {}
    bad = set(chance.sample(range(2, count + 1), max(3, count * 3 // 100)))
    for line in range(1, count + 1):
        one = message(f"{prefix}-{line}")
        if line in bad:
            kind = line % 3
            if kind == 0:
                del one["productType"]
            elif kind == 1:
                one["operationType"] = "COPY"
            else:
                # The SKU of the first line, which is good.
                one["sku"] = f"{prefix}-1"
        else:
            good[line] = one["sku"]
        made.append(one)
    return lines(made), good


def play(deployment: Deployment, events: str, storm: Storm, seconds: float) -> Found:
    """Plays the storm on a stack, and looks at everything it left; gives up waiting after so many seconds."""
    chance = random.Random(storm.seed)
    servers, host = deployment.servers, HostProduct.of(deployment)
    simulator = servers.simulator_endpoint
    began, over = time.monotonic(), threading.Event()
    memory = Memory(deployment)
    with waits_scaled(servers, WAITS), ThreadPoolExecutor(4) as pool:
        files = _files(deployment, host, storm, chance)
        for file in files:
            control(simulator, "POST", "feed-outcomes", {"sellerId": file.seller.seller_id, "count": 1, **file.outcome})
        for fault in FAULTS:
            control(simulator, "POST", "faults", {"count": 2, **fault})
        watching = pool.submit(memory.watch, over)
        killing = pool.submit(_kill, deployment, storm.kills, chance, over)
        for file in files:
            _upload(host, file)
        # The second file of the account is behind the first one, and a single listing behind both.
        in_state(host, files[0].seller, files[1].feed_request_id, "QUEUED")
        single = publish(host, files[0].seller, files[1].good[1], Attributes=unique())
        feeds = {file.name: ended(host, file.seller, file.feed_request_id, seconds, Limit=1) for file in files}
        over.set()
        killed = killing.result()
        watching.result()
        control(simulator, "DELETE", "faults", {})
        found = Found()
        found.notes += [
            ("messages in the catalogue", f"{files[0].lines:,}"),
            ("seconds", f"{time.monotonic() - began:,.0f}"),
            ("faults of SP-API", f"{2 * len(FAULTS)}"),
            ("processes of the worker killed", f"{killed}"),
            ("most memory of the worker, MB", f"{memory.most // 1024}"),
        ]
        found.row("processes of the worker above 256 MB", 0, int(memory.most > LARGEST_KILOBYTES))
        for file in files:
            _count(deployment, file, feeds[file.name], found)
        _order(host, files, feeds, single, found)
        _told(deployment, events, files, found)
    return found


@dataclass
class Memory:
    """The most memory that a process of the worker has had, in KB."""

    deployment: Deployment
    most: int = 0

    def watch(self, over: threading.Event) -> None:
        while not over.wait(0.05):
            for process in function_processes(self.deployment, WORKER):
                self.most = max(self.most, _peak(process))


def _peak(process: int) -> int:
    """VmHWM of a process in KB; 0 when it has ended."""
    try:
        status = Path(f"/proc/{process}/status").read_text()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM")), 0)


def _files(deployment: Deployment, host: HostProduct, storm: Storm, chance: random.Random) -> list[Sent]:
    def seller() -> Seller:
        made = new_seller(deployment.servers, f"F{chance.getrandbits(48):012X}")
        host.store_token(made)
        subscribe_feeds(host, made)
        return made

    def file(name: str, of: Seller, prefix: str, count: int, **more: Any) -> Sent:
        content, good = catalogue(prefix, count, chance)
        return Sent(name, of, content, good, count, **more)

    large, small = seller(), storm.small
    issues = [{"every": 40, "issues": [REFUSAL]}, {"every": 97, "itemIssues": [WARNING]}]
    return [
        file("the catalog", large, "S", storm.messages, outcome={"messages": issues, "notification": {"copies": 3}}),
        # Half of its SKUs are in the catalogue too.
        file("a second file of the account", large, "S", small, outcome={"notification": {"copies": 0}}),
        file("a notice before the answer", seller(), "N", small, outcome={"notification": {"beforeAnswer": True}}),
        file("FATAL", seller(), "X", small, outcome={"status": "FATAL"}, status="FATAL", result="UNKNOWN"),
        file("CANCELLED", seller(), "C", small, outcome={"status": "CANCELLED"}, status="CANCELLED", result="NOT_SENT"),
        file("without a report", seller(), "R", small, outcome={"report": False}, result="UNKNOWN"),
        file("refused as a whole", seller(), "W", small, outcome={"wholeFile": "4002008"}, result="INVALID"),
    ]


def _upload(host: HostProduct, file: Sent) -> None:
    requested = request_feed(host, file.seller, OnBadMessages="SKIP", MessageCount=file.lines)
    file.feed_request_id = requested["feedRequestId"]
    assert put(requested["upload"], file.content).status_code == 200
    in_state(host, file.seller, file.feed_request_id, "CHECKING", "QUEUED", "SENDING", "PROCESSING", "DONE", "FATAL")


def _kill(deployment: Deployment, kills: int, chance: random.Random, over: threading.Event) -> int:
    killed = 0
    while killed < kills and not over.wait(chance.uniform(0.5, 6)):
        running = function_processes(deployment, WORKER)
        if running:
            try:
                os.kill(chance.choice(running), signal.SIGKILL)
            except ProcessLookupError:
                continue
            killed += 1
    return killed


def _count(deployment: Deployment, file: Sent, feed: Json, found: Found) -> None:
    """Each line has one result, each good one was sent once, and each sent one has a record."""
    name = file.name
    results = list(_results(feed))
    by_line = Counter(result["line"] for result in results)
    found.row(f"{name}: lines with exactly one result", file.lines, sum(n == 1 for n in by_line.values()))
    found.row(f"{name}: results in another order than the file", 0, int([*by_line] != sorted(by_line)))
    found.row(f"{name}: ended as {file.status}", 1, int(feed["status"] == file.status))
    own = [one for one in feeds_at_amazon(file.seller) if one["feedId"] == feed.get("feedId")]
    found.row(f"{name}: feeds at Amazon", 1, len(own))
    sent = (
        Counter(one["sku"] for one in document_at_amazon(file.seller, own[0]["feedId"])["messages"])
        if own
        else Counter()
    )
    found.row(f"{name}: good messages sent once", len(file.good), sum(sent[sku] == 1 for sku in file.good.values()))
    found.row(f"{name}: messages sent beside them", 0, sent.total() - len(file.good))
    if file.result:
        good = sum(result["status"] == file.result for result in results if result["line"] in file.good)
        found.row(f"{name}: good messages that are {file.result}", len(file.good), good)
    else:
        settled = Counter(result["status"] for result in results if result["line"] in file.good)
        undecided = settled["UNKNOWN"] + settled["NOT_SENT"]
        found.row(f"{name}: good messages without Amazon's outcome", 0, undecided)
    bad = [result for result in results if result["line"] not in file.good]
    found.row(f"{name}: bad messages, each with its reason", file.lines - len(file.good), sum(map(_explained, bad)))
    recorded = sum("submissionId" in result for result in results)
    expected = 0 if file.status == "CANCELLED" else len(file.good)
    found.row(f"{name}: messages with a record", expected, _records(deployment, file, recorded))


def _explained(result: Json) -> bool:
    return result["status"] == "NOT_SENT" and bool(result["issues"]) and bool(result["byte"])


def _results(feed: Json) -> Iterator[Json]:
    answer = requests.get(feed["links"]["results"]["url"], timeout=SECONDS)
    assert answer.status_code == 200, answer.text
    yield from (json.loads(line) for line in answer.content.splitlines())


def _records(deployment: Deployment, file: Sent, recorded: int) -> int:
    """The records of the feed's messages in the table; -1 if these are not the ones that the results name."""
    table = table_of(deployment, "ListingsTableName")
    count = 0
    start: dict[str, Any] = {}
    while True:
        page = table.scan(
            FilterExpression="FeedRequestId = :feed",
            ExpressionAttributeValues={":feed": file.feed_request_id},
            Select="COUNT",
            **start,
        )
        count += page["Count"]
        if "LastEvaluatedKey" not in page:
            return count if count == recorded else -1
        start = {"ExclusiveStartKey": page["LastEvaluatedKey"]}


def _order(host: HostProduct, files: list[Sent], feeds: Mapping[str, Json], single: Json, found: Found) -> None:
    first, second = (feeds[file.name] for file in files[:2])
    found.row("the second file was sent before the first one ended", 0, int(second["sentTime"] < first["outcomeTime"]))
    path = f"/submissions/{single['submissionId']}"
    shown = host.get("ListingsUrl", path, SellerId=files[0].seller.seller_id).json()
    while "sentTime" not in shown:
        time.sleep(0.2)
        shown = host.get("ListingsUrl", path, SellerId=files[0].seller.seller_id).json()
    found.row(
        "the single listing was sent before the second file ended", 0, int(shown["sentTime"] < second["outcomeTime"])
    )
    sellers = {file.seller.seller_id: file.seller for file in files}
    found.row("feeds at Amazon in all", len(files), sum(len(feeds_at_amazon(each)) for each in sellers.values()))


def _told(deployment: Deployment, events: str, files: list[Sent], found: Found) -> None:
    sqs = aws(deployment.servers, "sqs")
    told: Counter[str] = Counter()
    while messages := sqs.receive_message(QueueUrl=events, MaxNumberOfMessages=10).get("Messages", []):
        for one in messages:
            told[json.loads(one["Body"])["detail"]["FeedRequestId"]] += 1
            sqs.delete_message(QueueUrl=events, ReceiptHandle=one["ReceiptHandle"])
    ids = [file.feed_request_id for file in files]
    # A process that is killed between the event and its note puts the event again.
    found.row("files with an event", len(files), sum(told[each] >= 1 for each in ids))
    mails = [mail.body for mail in read_messages(deployment.servers.mail_directory)]
    found.row(
        "files with exactly one e-mail", len(files), sum(sum(each in mail for mail in mails) == 1 for each in ids)
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--messages", type=int, default=25_000)
    parser.add_argument("--small", type=int, default=200, help="messages of each smaller file")
    parser.add_argument("--kills", type=int, default=15)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=3600, help="give up after so long")
    options = parser.parse_args()
    storm = Storm(options.messages, options.kills, options.small, options.seed)
    with (
        tempfile.TemporaryDirectory(prefix="feeds-storm-") as folder,
        running_servers(
            Path(folder),
            emulator_python=REPOSITORY / ".venv-emulator" / "bin" / "python",
            function_python=REPOSITORY / ".venv-functions" / "bin" / "python",
            simulator_arguments=[
                *application_arguments(),
                *("--rate-limit-scale", "0", "--queue-seconds", "1", "--processing-seconds", "2"),
            ],
        ) as servers,
    ):
        deployment = deploy(servers, "feeds-storm", publish_templates(servers), stack_parameters(servers))
        confirm_subscriptions(deployment)
        found = play(deployment, feed_outcomes_queue(deployment), storm, options.seconds)
    print(found.table())
    return 1 if found.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
