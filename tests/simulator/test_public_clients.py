"""Public SP-API clients run against the simulator, unpatched: they call Amazon's own host names over TLS.

Each program in clients/ has the credentials, the HTTPS proxy and the CA certificate in its environment, and no more.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.simulator.conftest import ROOT, running_simulator
from tests.simulator.support import (
    CLIENT_ID,
    CLIENT_SECRET,
    LISTINGS,
    NOTIFICATIONS_SCOPE,
    QUEUE_ARN,
    REPORTS,
    Contract,
    Simulator,
)
from tests.simulator.test_tls import Tls
from tests.waiting import SECONDS

CLIENTS = Path(__file__).parent / "clients"


@pytest.fixture
def tls(contracts: tuple[Contract, ...], openapi: Path) -> Iterator[Tls]:
    options = ("--tls", "--queue-seconds", "0.2", "--processing-seconds", "0.2", "--models", str(openapi))
    credentials = ("--client-id", CLIENT_ID, "--client-secret", CLIENT_SECRET)
    with running_simulator(contracts, *options, *credentials) as simulator:
        yield Tls.of(simulator)


def run(tls: Tls, command: list[str | Path], folder: Path = ROOT) -> Any:
    """What the program prints, as JSON. `folder` is its current directory."""
    refresh_token = tls.simulator.control("POST", "/sellers", {"sellerId": "A1"})["refreshToken"]
    environment = {
        "PATH": os.environ["PATH"],
        "HTTPS_PROXY": tls.proxy,
        "SSL_CERT_FILE": str(tls.authority),
        "NODE_EXTRA_CA_CERTS": str(tls.authority),
        "CLIENT_ID": CLIENT_ID,
        "CLIENT_SECRET": CLIENT_SECRET,
        "REFRESH_TOKEN": refresh_token,
        "QUEUE_ARN": QUEUE_ARN,
    }
    finished = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=SECONDS, check=False
    )
    assert finished.returncode == 0, finished.stderr
    return json.loads(finished.stdout)


def run_in_node(tls: Tls, program: str, node_modules: Path) -> Any:
    """As `run`; the program finds its packages in `node_modules`."""
    source = (CLIENTS / program).read_text()
    return run(tls, ["node", "--input-type=module", "--eval", source], node_modules.parent)


def log(simulator: Simulator, operation: str) -> list[Any]:
    return list(simulator.control("GET", f"/requests?operation={operation}")["requests"])


def assert_is_document_of(simulator: Simulator, report: Any, text: str) -> None:
    """The text is the report's document, and not another."""
    assert report["processingStatus"] == "DONE"
    (listed,) = [
        entry for entry in simulator.control("GET", "/reports")["reports"] if entry["reportId"] == report["reportId"]
    ]
    assert listed["reportDocumentId"] == report["reportDocumentId"]
    assert text.count("\n") == 301


def test_python_amazon_sp_api(tls: Tls) -> None:
    python = ROOT / ".venv-clients/bin/python"
    assert python.exists(), f"{python} is missing: make test-environment installs it"
    got = run(tls, [python, CLIENTS / "python_amazon_sp_api.py"])
    assert got["destination"]["resource"]["sqs"] == {"arn": QUEUE_ARN}
    assert got["found"] == got["subscription"]
    assert got["subscription"]["payloadVersion"] == "1.0"
    assert got["refusal"] == "Access to requested resource is denied."
    assert_is_document_of(tls.simulator, got["report"], got["document"])
    assert got["restrictedDocument"].count("\n") == 301
    assert got["throttled"]
    (deleted, refused) = log(tls.simulator, "deleteSubscriptionById")
    assert (deleted["status"], deleted["endpoint"], deleted["sellerId"]) == (200, "eu", "A1")
    assert refused["status"] == 403
    (token, *_) = log(tls.simulator, "createRestrictedDataToken")
    assert token["userAgent"].startswith("python-sp-api")


def test_sp_api_sdk(tls: Tls, node_modules: Path) -> None:
    tls.simulator.control("PUT", "/rate-limits", {"operations": {"getReport": {"rate": 2, "burst": 1}}})
    got = run_in_node(tls, "sp_api_sdk.mjs", node_modules)
    assert got["destination"]["resource"]["sqs"] == {"arn": QUEUE_ARN}
    assert got["conflict"]["message"] == "notifications (v1) error: Response code 409"
    assert got["conflict"]["errors"][0]["code"] == "StateConflict"
    assert_is_document_of(tls.simulator, got["report"], got["document"])
    assert got["link"]["url"].startswith("https://tortuga-prod-fe.s3.amazonaws.com/")
    assert got["restrictedLink"]["reportDocumentId"] != got["link"]["reportDocumentId"]
    # A throttled answer carries no limit, so the SDK finds it in its own table, by method and path.
    assert got["retries"]
    assert all(retry == {"delay": 2000, "rateLimit": 2} for retry in got["retries"])
    (deleted,) = log(tls.simulator, "deleteSubscriptionById")
    assert (deleted["status"], deleted["endpoint"], deleted["scope"]) == (200, "fe", NOTIFICATIONS_SCOPE)


def test_amazon_sp_api(tls: Tls, node_modules: Path) -> None:
    got = run_in_node(tls, "amazon_sp_api.mjs", node_modules)
    assert got["destination"]["resource"]["sqs"] == {"arn": QUEUE_ARN}
    assert len(got["document"]) == 300
    assert got["refusal"]["code"] == "NotFound"
    (created,) = log(tls.simulator, "createReport")
    assert (created["status"], created["endpoint"], created["path"]) == (202, "na", REPORTS)
    assert created["body"] == {"reportType": LISTINGS, "marketplaceIds": ["ATVPDKIKX0DER"]}
    assert created["userAgent"].startswith("amazon-sp-api/")
