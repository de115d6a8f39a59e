"""The control API's own answers, and the command line."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path
from subprocess import PIPE
from typing import Any

import pytest

from tests.simulator.conftest import ROOT, running_simulator
from tests.simulator.support import CLIENT_ID, CLIENT_SECRET, LISTINGS, REPORTS, Contract, Simulator
from tests.waiting import SECONDS


def test_the_overview(simulator: Simulator) -> None:
    simulator.seller("A1", regions=["EU", "NA"])
    simulator.seller("V1", vendor=True, accountId="amzn1.vg.1")
    overview = simulator.control("GET", "")
    assert overview["applications"] == [{"clientId": CLIENT_ID, "applicationId": "amzn1.sp.solution.tests"}]
    assert overview["sellers"] == [
        {"sellerId": "A1", "accountId": "amzn1.merchant.o.A1", "vendor": False, "regions": ["EU", "NA"]},
        {"sellerId": "V1", "accountId": "amzn1.vg.1", "vendor": True, "regions": ["EU", "FE", "NA"]},
    ]
    assert overview["sandboxExamples"]["loaded"]


def test_reset_forgets_everything(simulator: Simulator) -> None:
    token = simulator.seller()
    simulator.create_report(token)
    simulator.control("POST", "/faults", {"fault": "status", "status": 503, "count": None})
    simulator.control("PUT", "/clock", {"scale": 7, "advanceSeconds": 100})
    simulator.control("POST", "/reset")
    clock = simulator.control("GET", "/clock")
    assert (clock["scale"], clock["addedSeconds"]) == (100, 0)
    assert simulator.control("GET", "/reports")["reports"] == []
    assert simulator.control("GET", "")["sellers"] == []
    simulator.call("GET", f"{REPORTS}?reportTypes={LISTINGS}", token, status=403)


def test_everything_secret_that_was_given_out_is_listed(simulator: Simulator) -> None:
    access_token = simulator.seller("A1")
    refresh_token = simulator.control("POST", "/sellers/A1/authorize")["refreshToken"]
    code = simulator.control("POST", "/sellers/A1/authorization-code")["authorizationCode"]
    secret = simulator.control("POST", f"/applications/{CLIENT_ID}/rotate-secret")["clientSecret"]
    given = {("access token", access_token), ("refresh token", refresh_token), ("authorization code", code)}
    given |= {("client secret", secret), ("client secret", CLIENT_SECRET), ("access token", simulator.grantless())}

    def listed() -> set[tuple[str, str]]:
        return {(each["kind"], each["value"]) for each in simulator.control("GET", "/secrets")["secrets"]}

    assert given <= listed()
    # Also what works no longer.
    simulator.token(grant_type="authorization_code", code=code)
    simulator.control("POST", "/sellers/A1/revoke")
    assert given <= listed()


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("POST", "/sellers", [], 400),
        ("POST", "/sellers", {"sellerID": "A1"}, 400),
        ("POST", "/sellers", {"regions": ["XX"]}, 400),
        ("POST", "/sellers", {"regions": "NA"}, 400),
        ("POST", "/sellers", {"clientId": "unknown"}, 404),
        ("POST", "/sellers/unknown/revoke", None, 404),
        ("PUT", "/clock", {"scale": 0}, 400),
        ("PUT", "/clock", {"advanceSeconds": -1}, 400),
        ("PUT", "/report-outcomes", {"status": "LOST"}, 400),
        ("PUT", "/report-outcomes", {"count": 0}, 400),
        ("PUT", "/report-outcomes", {"document": {"compression": "zip"}}, 400),
        ("PUT", "/report-outcomes", {"document": {"charset": "EBCDIC"}}, 400),
        ("PUT", "/report-outcomes", {"document": {"format": "pdf"}}, 400),
        ("PUT", "/report-outcomes", {"document": {"sizeBytes": -1}}, 400),
        ("PUT", "/report-outcomes", {"notification": {"times": 2}}, 400),
        ("PUT", "/orders/1", {"sellerId": "unknown", "marketplaceId": "x"}, 404),
        ("PUT", "/rate-limits", {"operations": {"getReport": {"rate": -1}}}, 400),
        ("POST", "/notifications", {"sellerId": "unknown", "notificationType": "ORDER_CHANGE"}, 404),
        ("POST", "/notifications/release", {"order": "random"}, 400),
    ],
)
def test_mistakes_are_explained(simulator: Simulator, method: str, path: str, body: Any, status: int) -> None:
    assert simulator.control(method, path, body, status=status)["error"]


def test_it_is_useful_alone(contracts: tuple[Contract, ...], tmp_path: Path) -> None:
    """Without a queue, without models, with a seller from the command line: two side by side."""
    options = ("--seller", "A1=Atzr|one", "--time-scale", "1000", "--models", str(tmp_path / "none.json"))
    with running_simulator(contracts, *options) as first, running_simulator(contracts, *options) as second:
        assert first.address != second.address
        credentials = {
            "client_id": "amzn1.application-oa2-client.simulator",
            "client_secret": "simulator-client-secret",
        }
        answer = first.token(grant_type="refresh_token", refresh_token="Atzr|one", **credentials)
        token = str(answer["access_token"])
        grantless = first.token(
            grant_type="client_credentials", scope="sellingpartnerapi::notifications", **credentials
        )
        body = {"name": "x", "resourceSpecification": {"sqs": {"arn": "arn:aws:sqs:us-east-1:111122223333:q"}}}
        created = first.call("POST", "/notifications/v1/destinations", grantless["access_token"], body, status=200)
        first.subscribe(token, created.json["payload"]["destinationId"])
        first.finished(token, first.create_report(token))
        (notification,) = first.control("GET", "/notifications")["notifications"]
        assert notification["state"] == "undeliverable"
        assert "--sqs-endpoint" in notification["error"]
        refused = first.call("GET", f"{REPORTS}/ID323", token, endpoint="sandbox.na", status=400)
        assert refused.error[1] == "The simulator has no sandbox examples"
        second.call("GET", f"{REPORTS}/1", token, status=403)
        assert first.fetch("GET", f"{first.address}/xx{REPORTS}").status == 404


def run(*options: str) -> subprocess.CompletedProcess[str]:
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT / "local")}
    command = [sys.executable, "-m", "sp_api_simulator", *options]
    return subprocess.run(command, capture_output=True, text=True, env=environment, timeout=SECONDS, check=False)


def test_help() -> None:
    shown = run("--help")
    assert shown.returncode == 0
    for word in (
        "A Selling Partner API",
        "sp-api-simulator",
        "--sqs-endpoint",
        "--time-scale",
        "/simulator/sellers",
        "sandbox.na",
    ):
        assert word in shown.stdout


def test_a_start_that_fails_says_why(tmp_path: Path) -> None:
    models = tmp_path / "models.json"
    models.write_text("{}")
    refused = run("--models", str(models))
    assert (refused.returncode, "is not an OpenAPI document" in refused.stderr) == (1, True)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        refused = run("--port", port)
        assert (refused.returncode, "cannot start" in refused.stderr) == (1, True)
        refused = run("--tls", "--tls-port", port)
        assert (refused.returncode, "cannot serve TLS" in refused.stderr) == (1, True)
    folder = tmp_path / "tls"
    folder.mkdir()
    (folder / "ca.pem").write_text("no certificate")
    (folder / "ca-key.pem").write_text("no key")
    refused = run("--tls", "--tls-folder", str(folder))
    assert (refused.returncode, "cannot serve TLS" in refused.stderr) == (1, True)


@pytest.mark.parametrize("options", [(), ("--tls",)])
def test_ctrl_c_ends_it_quietly(options: tuple[str, ...]) -> None:
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT / "local")}
    command = [sys.executable, "-m", "sp_api_simulator", *options]
    with subprocess.Popen(command, stdout=PIPE, stderr=PIPE, text=True, env=environment) as process:
        assert process.stdout is not None
        process.stdout.readline()
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=SECONDS)
    assert (process.returncode, errors) == (0, "")


@pytest.mark.parametrize(
    "options",
    [
        ("--seller", "A1"),
        ("--time-scale", "0"),
        ("--port", "x"),
        ("--tls-folder", "folder"),
        ("--proxy-port", "8443"),
        ("--payload-versions", "2020-09-04"),
    ],
)
def test_mistakes_on_the_command_line(options: tuple[str, ...]) -> None:
    refused = run(*options)
    assert refused.returncode == 2
    assert options[0] in refused.stderr
