"""What does it cost to bring a notification from the queue to the event bus?"""

import argparse
import json
import os
import subprocess
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

from benchmarks.measuring import Figures, alternated, machine
from benchmarks.results import Result, Told
from benchmarks.stores import LWA_PATH
from benchmarks.transfer import CHECKOUT, COPIES, FUNCTION, MEBIBYTE, PEERS, Stores, running_stores

BATCHES = (1, 10)
SELLERS = 20


def run(stores: Stores, python: Path, program: str, arguments: Sequence[object], function: str = "") -> Figures:
    """The figures of one notification. Raises RuntimeError when the program fails."""
    path = (f"functions/{function}", "layers/sp_api/python", "layers/dependencies/python") if function else ()
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": ":".join(str(CHECKOUT / each) for each in path),
        "AWS_CA_BUNDLE": str(stores.authority),
        "SSL_CERT_FILE": str(stores.authority),
        "AWS_ENDPOINT_URL": stores.endpoint,
        "SP_API_ENDPOINT": stores.endpoint,
        "LWA_ENDPOINT": stores.endpoint + LWA_PATH,
        "APPLICATION_SECRET_ARN": "arn",
        "TOKEN_KEY_ARN": "arn",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "POWERTOOLS_SERVICE_NAME": "benchmark",
        "NOTIFICATIONS_QUEUE_URL": "https://queue",
        "NOTIFICATIONS_DEAD_LETTER_QUEUE_URL": "https://dead-letters",
        "EVENT_BUS_NAME": "bus",
        "SELLING_PARTNERS_TABLE": "sellers",
    }
    command = [str(python), str(COPIES / program), *map(str, arguments)]
    finished = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if finished.returncode:
        raise RuntimeError(f"{program} failed:\n{finished.stderr}")
    figures = json.loads(finished.stderr)
    memory = {"MiB of memory": figures["bytes"] / MEBIBYTE} if "bytes" in figures else {}
    return {"CPU ms each": figures["cpu_ms"], "ms each": figures["ms"], **memory}


def results(*, quick: bool, told: Told) -> Iterator[Result]:
    number, rounds = (500, 3) if quick else (5000, 5)
    with running_stores() as stores:
        own = {
            f"this stack, batches of {batch}": partial(
                run, stores, FUNCTION, "notifications.py", (number, batch, SELLERS), "notification_processor"
            )
            for batch in BATCHES
        }
        alone = {"boto3 alone, PutEvents for each": partial(run, stores, PEERS, "events_one_by_one.py", (number,))}
        found = alternated({**own, **alone}, rounds, told)
    note = "The goal is at most 0.25 ms of CPU time for each notification, in batches of 10."
    yield Result("ingestion", "A notification to the event bus", found, (note,), "CPU ms each")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    print(machine())
    for result in results(quick=parser.parse_args().quick, told=print):
        print(f"\n{result.title}\n\n{result.markdown()}")


if __name__ == "__main__":
    main()
