"""A simulator for all tests of this folder, put back to its start before each of them.

Amazon's models come from npm: @selling-partner-api/models and @sp-api-sdk/schemas in `node_modules` at the repository
root, or in the folder that NODE_MODULES names.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.simulator.support import APPLICATION_ID, CLIENT_ID, CLIENT_SECRET, Contract, RecordingQueue, Simulator
from tests.waiting import SECONDS

ROOT = Path(__file__).resolve().parents[2]
NEWER_MODELS = ROOT.parent / "shared/sp-api"
SPEED = 100


@pytest.fixture(scope="session")
def node_modules() -> Path:
    folder = Path(os.environ.get("NODE_MODULES", ROOT / "node_modules"))
    assert folder.is_dir(), f"{folder} is missing: install the packages of package.json"
    return folder


@pytest.fixture(scope="session")
def openapi(node_modules: Path) -> Path:
    return node_modules / "@selling-partner-api/models/src/merged.json"


@pytest.fixture(scope="session")
def contracts(openapi: Path) -> tuple[Contract, ...]:
    # Beside the models there are schemas, which describe no operations.
    newer = [path for path in sorted(NEWER_MODELS.glob("models/*.json")) if "paths" in json.loads(path.read_text())]
    return tuple(Contract.load(path) for path in (openapi, *newer))


@pytest.fixture(scope="session")
def packaged_schemas(node_modules: Path) -> dict[str, Any]:
    """The notification schemas of @sp-api-sdk/schemas by their name there."""
    program = "console.log(JSON.stringify(require('@sp-api-sdk/schemas').Notifications))"
    dumped = subprocess.run(["node", "-e", program], cwd=node_modules.parent, capture_output=True, check=True)
    return dict(json.loads(dumped.stdout))


@pytest.fixture(scope="session")
def notification_schemas(packaged_schemas: dict[str, Any]) -> dict[tuple[str, str], list[Any]]:
    """The notification schemas by the notification type and payload version of their examples, the newest last."""
    schemas = [dict(schema) for schema in packaged_schemas.values()]
    schemas += [json.loads(path.read_text()) for path in sorted(NEWER_MODELS.glob("notifications/*.json"))]
    found: dict[tuple[str, str], list[Any]] = {}
    for schema in schemas:
        if not schema.get("definitions"):
            schema.pop(
                "$ref", None
            )  # SHIPMENT_TRACKING_MILESTONE_CHANGED refers to a definition that it does not have.
        for example in schema.get("examples", [])[:1]:
            fields = {name.lower(): value for name, value in example.items()}
            found.setdefault((fields["notificationtype"], fields["payloadversion"]), []).append(schema)
    return found


@contextmanager
def running_simulator(contracts: tuple[Contract, ...], *options: str) -> Iterator[Simulator]:
    """Starts a simulator and stops it."""
    command = [sys.executable, "-m", "sp_api_simulator", "--port", "0", "--quiet", *options]
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT / "local")}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
        assert process.stdout is not None
        try:
            line = process.stdout.readline()
            assert line.startswith("SP-API simulator listening on http://"), line
            further = [process.stdout.readline() for _ in range(2 if "--tls" in options else 0)]
            yield Simulator(line.split()[-1], process.pid, contracts, tuple(further))
        finally:
            process.terminate()
            process.wait(SECONDS)


@pytest.fixture(scope="session")
def recording_queue() -> Iterator[RecordingQueue]:
    queue = RecordingQueue()
    server = queue.start()
    yield queue
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="session")
def shared_simulator(
    contracts: tuple[Contract, ...], openapi: Path, recording_queue: RecordingQueue
) -> Iterator[Simulator]:
    options = {
        "--client-id": CLIENT_ID,
        "--client-secret": CLIENT_SECRET,
        "--application-id": APPLICATION_ID,
        "--sqs-endpoint": recording_queue.endpoint,
        "--time-scale": str(SPEED),
        "--queue-seconds": "5",
        "--processing-seconds": "5",
        "--rate-limit-scale": "0",
        "--models": str(openapi),
    }
    with running_simulator(contracts, *(part for option in options.items() for part in option)) as simulator:
        yield simulator


@pytest.fixture
def simulator(shared_simulator: Simulator) -> Simulator:
    shared_simulator.control("POST", "/reset")
    return shared_simulator


@pytest.fixture
def queue(recording_queue: RecordingQueue) -> RecordingQueue:
    recording_queue.messages.clear()
    recording_queue.refused.clear()
    return recording_queue
