"""Removes a seller with many orders: `make removal` deploys the stack to a local emulator of its own, and does so with
100,000 orders. Exit status 1 if any of them is left, or one of another seller is not.
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import requests

from deployment import REPOSITORY, Deployment, aws, deploy, publish_templates, stack_parameters
from servers import running_servers
from simulator import application_arguments
from tests.end_to_end.host import HostProduct
from tests.waiting import SECONDS

# DynamoDB: the most items of one BatchWriteItem.
BATCH = 25
MOST_FAILURES = 50


def leave(host: HostProduct, seller_id: str) -> requests.Response:
    """DELETE /tokens of the seller."""
    url = f"{host.deployment.url('TokenStorageUrl')}/{seller_id}"
    return requests.delete(url, auth=host.signature(), timeout=SECONDS)


def store_orders(deployment: Deployment, seller_id: str, number: int) -> None:
    """Writes so many orders into the stack's table, as the scheduler of review requests does."""
    dynamodb, table = aws(deployment.servers, "dynamodb"), deployment.outputs["SolicitationsTableName"]
    for batch in _batches(number):
        puts = [{"PutRequest": {"Item": _order(seller_id, each)}} for each in batch]
        answer = dynamodb.batch_write_item(RequestItems={table: puts})
        assert not answer.get("UnprocessedItems")


def orders_of(deployment: Deployment, seller_id: str) -> int:
    """How many orders of the seller are in the table."""
    pages = (
        aws(deployment.servers, "dynamodb")
        .get_paginator("scan")
        .paginate(
            TableName=deployment.outputs["SolicitationsTableName"],
            FilterExpression="SellerId = :seller",
            ExpressionAttributeValues={":seller": {"S": seller_id}},
            Select="COUNT",
        )
    )
    return sum(page["Count"] for page in pages)


@dataclass(frozen=True)
class Removal:
    """What removing a seller took: the deleted orders of each request, how many requests failed, the seconds of all."""

    deleted: tuple[int, ...]
    failed: int
    seconds: float


def remove(host: HostProduct, seller_id: str) -> Removal:
    """Repeats the request until nothing remains, as a host product does. Raises AssertionError for another answer."""
    began, deleted, failed = time.monotonic(), [], 0
    while True:
        answer = leave(host, seller_id)
        if answer.status_code == 200:
            deleted.append(answer.json()["solicitationsDeleted"])
            return Removal(tuple(deleted), failed, time.monotonic() - began)
        body = answer.json()
        code = body["errors"][0]["code"]
        assert (answer.status_code, code) in ((503, "SellerRemains"), (503, "AwsCallFailed")), answer.text
        if code == "SellerRemains":
            assert [error["code"] for error in body["errors"][1:]] == ["SolicitationsRemain"], answer.text
            deleted.append(int(body["message"].partition(" orders in the")[0].rpartition(" ")[2]))
        else:
            # The emulator reads the whole index for each page, which takes seconds on a busy machine. It does not say
            # how much was deleted before.
            failed += 1
            assert failed < MOST_FAILURES, answer.text
        time.sleep(int(answer.headers["Retry-After"]))


def _batches(number: int) -> Iterator[range]:
    for start in range(0, number, BATCH):
        yield range(start, min(start + BATCH, number))


def _order(seller_id: str, number: int) -> dict[str, dict[str, str]]:
    day = f"2026-11-{1 + number % 28:02d}T12:00:00Z"
    return {
        "AmazonOrderId": {"S": f"902-{number:07d}-{number:07d}"},
        "SellerId": {"S": seller_id},
        "State": {"S": "SCHEDULED"},
        "MarketplaceId": {"S": "ATVPDKIKX0DER"},
        "DueTime": {"S": day},
        "Deadline": {"S": day},
        "ChangedTime": {"S": day},
        "RegisteredTime": {"S": day},
        "Version": {"N": "1"},
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--orders", type=int, default=100_000)
    options = parser.parse_args()
    with (
        tempfile.TemporaryDirectory(prefix="removal-") as folder,
        running_servers(
            Path(folder),
            emulator_python=REPOSITORY / ".venv-emulator" / "bin" / "python",
            function_python=REPOSITORY / ".venv-functions" / "bin" / "python",
            simulator_arguments=[*application_arguments(), "--rate-limit-scale", "0"],
        ) as servers,
    ):
        deployment = deploy(servers, "removal", publish_templates(servers), stack_parameters(servers))
        host = HostProduct.of(deployment)
        store_orders(deployment, "A1LEAVES", options.orders)
        store_orders(deployment, "A2STAYS", 100)
        removal = remove(host, "A1LEAVES")
        left, others = orders_of(deployment, "A1LEAVES"), orders_of(deployment, "A2STAYS")
    print("| | |\n|---|---:|")
    print(f"| orders of the seller | {options.orders:,} |")
    print(f"| requests until nothing remained | {len(removal.deleted)} |")
    print(f"| orders deleted by each | {', '.join(f'{each:,}' for each in removal.deleted)} |")
    print(f"| requests of which a call to the emulator timed out | {removal.failed} |")
    print(f"| seconds | {removal.seconds:,.0f} |")
    print(f"| orders left | {left:,} |\n| orders of another seller, of 100 | {others} |")
    counted = removal.failed > 0 or sum(removal.deleted) == options.orders
    return 0 if counted and (left, others) == (0, 100) else 1


if __name__ == "__main__":
    sys.exit(main())
