"""docs/examples: each program signs, renews and refuses as the others do."""

import json
import subprocess
import sys
from collections.abc import Mapping
from typing import Any

import pytest

from deployment import REPOSITORY, Deployment
from tests.end_to_end.host import Seller, invoke_user_key

EXAMPLES = REPOSITORY / "docs" / "examples"
PROGRAMS: Mapping[str, list[str]] = {
    "requests": [sys.executable, str(EXAMPLES / "host_product.py")],
    "botocore": [sys.executable, str(EXAMPLES / "host_product_botocore.py")],
    "curl": [str(EXAMPLES / "host_product.sh")],
    "node": ["node", str(EXAMPLES / "host_product.mjs")],
}
SELLER = {"SellerId": "A3TH9S8BH6GOGM", "RegionCode": "NA"}
REPORT = {**SELLER, "ReportType": "GET_MERCHANT_LISTINGS_ALL_DATA", "MarketplaceIds": "ATVPDKIKX0DER"}
# The table of docs/api.md, "The same everywhere".
WRONG: Mapping[str, tuple[str, object, int]] = {
    "a field is missing": ("TokenStorageUrl", {"SellerId": "A1"}, 400),
    "a field is empty": ("TokenStorageUrl", {"SellerId": "", "RefreshToken": "Atzr|x"}, 400),
    "a field has the wrong type": ("ReportCreatorUrl", {**REPORT, "ReportType": 7}, 400),
    "an unknown region": ("ReportCreatorUrl", {**REPORT, "RegionCode": "XX"}, 400),
    "an unknown field": ("ReportCreatorUrl", {**REPORT, "Period": "yesterday"}, 400),
    "not an object": ("NotificationsSubscriberUrl", [], 400),
    "an unknown seller": (
        "NotificationsSubscriberUrl",
        {**SELLER, "NotificationType": "REPORT_PROCESSING_FINISHED"},
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
        "PATH": "/usr/local/bin:/usr/bin:/bin",
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
        timeout=60,
        check=False,
    )
    return done.returncode, json.loads(done.stdout) if done.stdout else None, done.stderr


@pytest.mark.parametrize("program", PROGRAMS)
def test_a_token_is_stored(
    deployment: Deployment, environment: Mapping[str, str], seller: Seller, program: str
) -> None:
    body = {"SellerId": seller.seller_id, "RefreshToken": seller.refresh_token}
    status, answer, said = run(program, deployment.url("TokenStorageUrl"), body, environment)
    assert (status, answer, said) == (0, {"sellerId": seller.seller_id, "status": "SUCCESS"}, "")


@pytest.mark.parametrize("program", PROGRAMS)
def test_the_same_wrong_input_gets_the_same_answer(
    deployment: Deployment, environment: Mapping[str, str], program: str
) -> None:
    for what, (output, body, expected) in WRONG.items():
        status, answer, said = run(program, deployment.url(output), body, environment)
        assert (status, f"HTTP {expected}" in said) == (1, True), f"{what}: {said}"
        reference = _reference(deployment, environment, output, body)
        assert {**answer, "requestId": ""} == {**reference, "requestId": ""}, what


@pytest.mark.parametrize("program", PROGRAMS)
def test_wrong_keys_are_refused_with_words(
    deployment: Deployment, environment: Mapping[str, str], program: str
) -> None:
    wrong = {**environment, "ROLE_ARN": environment["ROLE_ARN"] + "x", "AWS_SECRET_ACCESS_KEY": "wrong"}
    status, answer, said = run(program, deployment.url("TokenStorageUrl"), {}, wrong)
    assert status != 0
    assert answer is None
    assert "SignatureDoesNotMatch" in said


_REFERENCES: dict[str, Any] = {}


def _reference(deployment: Deployment, environment: Mapping[str, str], output: str, body: object) -> Any:
    key = output + json.dumps(body)
    if key not in _REFERENCES:
        _REFERENCES[key] = run("requests", deployment.url(output), body, environment)[1]
    return _REFERENCES[key]
