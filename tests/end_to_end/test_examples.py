"""docs/examples: each program signs, renews and refuses as the others do."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from deployment import REPOSITORY, Deployment
from tests.end_to_end.host import Seller, invoke_user_key
from tests.end_to_end.settling_sts import settling_sts
from tests.programs import needs_curl
from tests.waiting import SECONDS

EXAMPLES = REPOSITORY / "docs" / "examples"
PROGRAMS: Mapping[str, list[str]] = {
    "requests": [sys.executable, str(EXAMPLES / "host_product.py")],
    "botocore": [sys.executable, str(EXAMPLES / "host_product_botocore.py")],
    "curl": [str(EXAMPLES / "host_product.sh")],
    "node": ["node", str(EXAMPLES / "host_product.mjs")],
}
# Interpreter and text of a program that sends three requests and prints the status of each answer.
THRICE: Mapping[str, tuple[str, str]] = {
    "requests": (
        sys.executable,
        """
import os, sys, host_product
quick_start = host_product.QuickStart(os.environ["ROLE_ARN"], os.environ["AWS_REGION"])
for _ in range(3):
    try:
        quick_start.post(sys.argv[1], {})
    except host_product.RequestRefusedError as refused:
        print(refused.status)
""",
    ),
    "botocore": (
        sys.executable,
        """
import os, sys, host_product_botocore as host_product
quick_start = host_product.QuickStart(os.environ["ROLE_ARN"], os.environ["AWS_REGION"])
for _ in range(3):
    try:
        quick_start.post(sys.argv[1], {})
    except host_product.RequestRefusedError as refused:
        print(refused.status)
""",
    ),
    "curl": ("bash", f'for run in 1 2 3; do {EXAMPLES}/host_product.sh "$1" "{{}}" 2>&1 > /dev/null; done'),
    "node": (
        "node",
        f"""
import {{ QuickStart }} from "{(EXAMPLES / "host_product.mjs").as_uri()}";
const quickStart = new QuickStart(process.env.ROLE_ARN, process.env.AWS_REGION);
for (let sent = 0; sent < 3; sent++)
  await quickStart.post(process.argv[2], {{}}).catch((error) => console.log(error.status));
""",
    ),
}
# As parameters of a test.
EACH_PROGRAM = [pytest.param(program, marks=needs_curl if program == "curl" else ()) for program in PROGRAMS]
SELLER = {"SellerId": "A3TH9S8BH6GOGM", "RegionCode": "NA"}
REPORT = {**SELLER, "ReportType": "GET_MERCHANT_LISTINGS_ALL_DATA", "MarketplaceIds": "ATVPDKIKX0DER"}
# The table of docs/api.md, "Error examples".
WRONG: Mapping[str, tuple[str, object, int]] = {
    "a field is missing": ("TokenStorageUrl", {"SellerId": "A1"}, 400),
    "a field is empty": ("TokenStorageUrl", {"SellerId": "", "RefreshToken": "Atzr|x"}, 400),
    "a field has the wrong type": ("ReportCreatorUrl", {**REPORT, "ReportType": 7}, 400),
    "an unknown region": ("ReportCreatorUrl", {**REPORT, "RegionCode": "XX"}, 400),
    "an unknown field": ("ReportCreatorUrl", {**REPORT, "Period": "yesterday"}, 400),
    "not an object": ("NotificationsSubscriberUrl", [], 400),
    "an unknown seller": (
        "NotificationsSubscriberUrl",
        {**SELLER, "SellerId": "A1NOTSTORED001", "NotificationType": "REPORT_PROCESSING_FINISHED"},
        404,
    ),
}


@pytest.fixture(scope="module")
def environment(deployment: Deployment) -> Mapping[str, str]:
    return example_environment(deployment)


def example_environment(deployment: Deployment) -> Mapping[str, str]:
    """What the programs are told: a new access key, the role, and where STS is."""
    key = invoke_user_key(deployment)
    return {
        "PATH": os.environ["PATH"],
        "AWS_REGION": deployment.servers.region,
        "AWS_ACCESS_KEY_ID": key["AccessKeyId"],
        "AWS_SECRET_ACCESS_KEY": key["SecretAccessKey"],
        "AWS_ENDPOINT_URL_STS": deployment.servers.aws_endpoint,
        # Node.js warns of its own age on the standard error output.
        "NODE_NO_WARNINGS": "1",
        "ROLE_ARN": deployment.outputs["ApiGatewayInvokeRoleArn"],
    }


def run(program: str, address: str, body: object, environment: Mapping[str, str]) -> tuple[int, Any, str]:
    """Exit status, the answer, and what it said besides."""
    done = subprocess.run(
        [*PROGRAMS[program], address, json.dumps(body)],
        env=dict(environment),
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    return done.returncode, json.loads(done.stdout) if done.stdout else None, done.stderr


@pytest.mark.parametrize("program", EACH_PROGRAM)
def test_a_token_is_stored(
    deployment: Deployment, environment: Mapping[str, str], seller: Seller, program: str
) -> None:
    body = {"SellerId": seller.seller_id, "RefreshToken": seller.refresh_token}
    status, answer, said = run(program, deployment.url("TokenStorageUrl"), body, environment)
    assert (status, answer, said) == (0, {"sellerId": seller.seller_id, "status": "SUCCESS"}, "")


@pytest.mark.parametrize("program", EACH_PROGRAM)
def test_wrong_arguments_are_explained(environment: Mapping[str, str], program: str) -> None:
    for arguments in ([], ["GET"], ["POST", "http://localhost", "{}", "{}"]):
        done = _said(program, arguments, environment)
        assert (done.returncode, done.stdout, len(done.stderr.splitlines())) == (1, "", 1), done.stderr
        assert "[GET | POST | PATCH | DELETE] <address> [<JSON>]" in done.stderr
    if program != "curl":  # curl sends it to the API, which refuses it
        done = _said(program, ["http://localhost", "{SellerId}"], environment)
        assert (done.returncode, done.stdout, len(done.stderr.splitlines())) == (1, "", 1), done.stderr
        assert done.stderr.startswith("not valid JSON: ")


@pytest.mark.parametrize("program", EACH_PROGRAM)
def test_a_request_without_a_body_needs_no_json(
    deployment: Deployment, environment: Mapping[str, str], seller: Seller, program: str
) -> None:
    address = f"{deployment.url('ReportCreatorUrl')}?SellerId={seller.seller_id}"
    done = _said(program, ["GET", address], environment)
    assert (done.returncode, json.loads(done.stdout), done.stderr) == (0, {"reports": []}, "")


def _said(program: str, arguments: Sequence[str], environment: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*PROGRAMS[program], *arguments],
        env=dict(environment),
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )


@pytest.mark.parametrize("program", EACH_PROGRAM)
def test_the_same_wrong_input_gets_the_same_answer(
    deployment: Deployment, environment: Mapping[str, str], program: str
) -> None:
    for what, (output, body, expected) in WRONG.items():
        status, answer, said = run(program, deployment.url(output), body, environment)
        assert (status, f"HTTP {expected}" in said) == (1, True), f"{what}: {said}"
        reference = _reference(deployment, environment, output, body)
        assert {**answer, "requestId": ""} == {**reference, "requestId": ""}, what


@pytest.mark.parametrize("program", EACH_PROGRAM)
def test_wrong_keys_are_refused_with_words(
    deployment: Deployment, environment: Mapping[str, str], program: str
) -> None:
    wrong = {**environment, "ROLE_ARN": environment["ROLE_ARN"] + "x", "AWS_SECRET_ACCESS_KEY": "wrong"}
    status, answer, said = run(program, deployment.url("TokenStorageUrl"), {}, wrong)
    assert status != 0
    assert answer is None
    assert "SignatureDoesNotMatch" in said


# A program that keeps its session asks for another one when the kept one ends within minutes.
@pytest.mark.parametrize(("lifetime", "sessions"), [(timedelta(hours=1), 1), (timedelta(minutes=4), 3)])
@pytest.mark.parametrize("program", EACH_PROGRAM)
def test_a_session_is_renewed_before_it_ends(
    deployment: Deployment,
    environment: Mapping[str, str],
    tmp_path: Path,
    program: str,
    lifetime: timedelta,
    sessions: int,
) -> None:
    interpreter, text = THRICE[program]
    thrice = tmp_path / "thrice.mjs"
    thrice.write_text(text)
    with settling_sts(deployment.servers.aws_endpoint, lifetime=lifetime) as sts:
        done = subprocess.run(
            [interpreter, thrice, deployment.url("TokenStorageUrl")],
            env={**environment, "AWS_ENDPOINT_URL_STS": sts.endpoint, "PYTHONPATH": str(EXAMPLES)},
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )
    assert done.stdout.replace("HTTP ", "").split() == ["400"] * 3, done.stdout + done.stderr
    assert sts.calls == (3 if program == "curl" else sessions)


# All that any machine has at once, since each waits some seconds.
@pytest.mark.parametrize(
    "programs", [("requests", "botocore", "node"), pytest.param(("curl",), marks=needs_curl)], ids="-".join
)
def test_iam_is_given_time_to_settle(
    deployment: Deployment, environment: Mapping[str, str], programs: Sequence[str]
) -> None:
    begun = time.monotonic()
    with ExitStack() as stack:
        running = {}
        for program in programs:
            refusals = ("AccessDenied", "InvalidClientTokenId")
            sts = stack.enter_context(settling_sts(deployment.servers.aws_endpoint, refusals))
            process = subprocess.Popen(
                [*PROGRAMS[program], deployment.url("TokenStorageUrl"), "{}"],
                env={**environment, "AWS_ENDPOINT_URL_STS": sts.endpoint},
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
            running[program] = sts, process
        for program, (sts, process) in running.items():
            _, said = process.communicate(timeout=SECONDS)
            assert (process.returncode, said.strip(), sts.calls) == (1, "HTTP 400", 3), program
    assert time.monotonic() - begun > 3.9, "a refusal was followed at once by the next request"


@pytest.mark.parametrize("program", EACH_PROGRAM)
def test_what_waiting_does_not_mend_is_told_at_once(
    deployment: Deployment, environment: Mapping[str, str], program: str
) -> None:
    with settling_sts(deployment.servers.aws_endpoint, ["ValidationError"]) as sts:
        there = {**environment, "AWS_ENDPOINT_URL_STS": sts.endpoint}
        status, answer, said = run(program, deployment.url("TokenStorageUrl"), {}, there)
    assert (status != 0, answer, "ValidationError" in said, sts.calls) == (True, None, True, 1), said


_REFERENCES: dict[str, Any] = {}


def _reference(deployment: Deployment, environment: Mapping[str, str], output: str, body: object) -> Any:
    key = output + json.dumps(body)
    if key not in _REFERENCES:
        _REFERENCES[key] = run("requests", deployment.url(output), body, environment)[1]
    return _REFERENCES[key]
