"""The requests of docs/api-reference.md: in each language they are signed, arrive, and get the same answer."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from deployment import Deployment
from reference.endpoints import Endpoint, endpoints
from reference.examples import REQUESTS
from reference.snippets import NAMES, OUTPUTS, snippets
from tests.end_to_end.documented import operation_of
from tests.end_to_end.host import HostProduct
from tests.end_to_end.test_examples import EXAMPLES, example_environment
from tests.programs import needs_curl
from tests.waiting import SECONDS

# The stack of the tests has no AuthorizationRestApi.
ENDPOINTS = tuple(endpoint for endpoint in endpoints() if endpoint.api != "AuthorizationRestApi")
_PYTHON = """
import json, os, sys
import host_product
product = host_product.QuickStart(os.environ["ROLE_ARN"], os.environ["AWS_REGION"])
addresses = json.loads(os.environ["ADDRESSES"])
for text in json.load(sys.stdin):
    try:
        exec(text, {"product": product, **addresses})
        print(200)
    except host_product.RequestRefusedError as refused:
        print(refused.status)
"""


def _addresses(deployment: Deployment) -> Mapping[str, str]:
    """By each name of docs/api-reference.md."""
    found: dict[str, str] = {}
    for root, names in NAMES.items():
        if OUTPUTS[root] in deployment.outputs:
            found |= dict.fromkeys(names, deployment.url(OUTPUTS[root]))
    return found


def _environment(deployment: Deployment) -> dict[str, str]:
    addresses = _addresses(deployment)
    return {
        **example_environment(deployment),
        **{name: address for name, address in addresses.items() if name.isupper()},
        "ADDRESSES": json.dumps(addresses),
        "PYTHONPATH": str(EXAMPLES),
    }


def _run(command: list[str], environment: Mapping[str, str], given: str = "") -> str:
    done = subprocess.run(
        command,
        input=given,
        env=dict(environment),
        cwd=EXAMPLES,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def _texts(name: str) -> list[str]:
    return [snippets(endpoint)[name][1] for endpoint in ENDPOINTS]


@pytest.fixture(autouse=True)
def _unknown_seller(host: HostProduct) -> None:
    """The examples' seller has no token, so a request that needs one is rejected by the function."""
    answer = host.delete("TokenStorageUrl", f"/{REQUESTS['DELETE /tokens/{sellerId}']['SellerId']}")
    assert answer.status_code == 200, answer.text


def test_every_request_arrives_with_python_and_node(deployment: Deployment, tmp_path: Path) -> None:
    environment = _environment(deployment)
    python = _run([sys.executable, "-c", _PYTHON], environment, json.dumps(_texts("Python"))).split()
    calls = "\n".join(f"await attempt(async () => {text});" for text in _texts("Node.js"))
    program = tmp_path / "program.mjs"
    program.write_text(
        f'import {{ QuickStart, RequestRefusedError }} from "{(EXAMPLES / "host_product.mjs").as_uri()}";\n'
        "const product = new QuickStart(process.env.ROLE_ARN, process.env.AWS_REGION);\n"
        "const { tokens, notifications, reports, schedules, productTypes, listings, listingFeeds } = "
        "JSON.parse(process.env.ADDRESSES);\n"
        "async function attempt(call) {\n"
        "  try {\n"
        "    await call();\n"
        "    console.log(200);\n"
        "  } catch (error) {\n"
        "    if (!(error instanceof RequestRefusedError)) throw error;\n"
        "    console.log(error.status);\n"
        "  }\n"
        "}\n"
        f"{calls}\n"
    )
    node = _run(["node", str(program)], environment).split()
    routes = [endpoint.route for endpoint in ENDPOINTS]
    assert dict(zip(routes, python, strict=True)) == dict(zip(routes, node, strict=True))
    for endpoint, status in zip(ENDPOINTS, python, strict=True):
        _assert_reached(endpoint, status)


@needs_curl
def test_every_request_arrives_with_curl(deployment: Deployment) -> None:
    environment = {**os.environ, **_environment(deployment)}
    for endpoint in ENDPOINTS:
        text = snippets(endpoint)["curl"][1]
        printed = _run(["bash", "-c", f"{text} 2>&1 || true"], environment).splitlines()
        status = printed[-1].removeprefix("HTTP ") if printed[-1].startswith("HTTP ") else "200"
        _assert_reached(endpoint, status)


def _assert_reached(endpoint: Endpoint, status: str) -> None:
    operation = operation_of(endpoint.method, endpoint.path)
    assert operation is not None
    assert status in set(operation["responses"]) - {"403"}, endpoint.route
