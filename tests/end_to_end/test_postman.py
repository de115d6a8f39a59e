"""newman runs the Postman collection against the deployed stack, as a person does who presses Send."""

import json
import os
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from deployment import REPOSITORY, Deployment
from postman_environment import postman_environment
from reference.__main__ import COLLECTION
from reference.endpoints import endpoints
from tests.end_to_end.host import Seller, invoke_user_key
from tests.end_to_end.test_examples import WRONG, example_environment, run

NODE_MODULES = Path(os.environ.get("NODE_MODULES", REPOSITORY / "node_modules"))


def environment(deployment: Deployment, seller: Seller, **changed: str) -> Mapping[str, Any]:
    """The local run's environment, with some values of the test's own."""
    given = postman_environment(deployment, invoke_user_key(deployment), seller.seller_id, seller.refresh_token)
    added = [{"key": key, "value": value, "enabled": True} for key, value in changed.items()]
    return {**given, "values": [*given["values"], *added]}


def newman(
    name: str, tmp_path: Path, given: Mapping[str, Any], *options: str, collection: Path = REPOSITORY / COLLECTION
) -> tuple[int, Any]:
    """Exit status and report; the report of each run stays in newman/, under `name`, for whoever looks."""
    report = REPOSITORY / "newman" / f"{name}.json"
    report.unlink(missing_ok=True)
    (tmp_path / "environment.json").write_text(json.dumps(given))
    done = subprocess.run(
        [
            NODE_MODULES / ".bin/newman",
            "run",
            collection,
            "--environment",
            tmp_path / "environment.json",
            "--reporters",
            "json",
            "--reporter-json-export",
            report,
            *options,
        ],
        capture_output=True,
        text=True,
        env={**os.environ, "NODE_NO_WARNINGS": "1"},
        timeout=120,
        check=False,
    )
    assert report.exists(), done.stdout + done.stderr
    return done.returncode, json.loads(report.read_text())


def answers(report: Any) -> Mapping[str, int]:
    return {entry["item"]["name"]: entry["response"]["code"] for entry in report["run"]["executions"]}


def test_the_whole_collection_passes(deployment: Deployment, seller: Seller, tmp_path: Path) -> None:
    status, report = newman("collection", tmp_path, environment(deployment, seller))
    failures = [(failure["source"]["name"], failure["error"]["message"]) for failure in report["run"]["failures"]]
    assert (status, failures) == (0, []), answers(report)
    assert answers(report) == {"STS Assume API Gateway Role": 200} | {endpoint.route: 200 for endpoint in endpoints()}


def test_wrong_keys_are_refused(deployment: Deployment, seller: Seller, tmp_path: Path) -> None:
    wrong = environment(
        deployment, seller, accessKeyId="ASIAWRONG", secretAccessKey="wrong", sessionToken="wrong", reportId="1"
    )
    status, report = newman("wrong-keys", tmp_path, wrong, "--folder", "Report Creator")
    assert status != 0
    assert set(answers(report).values()) == {403}


def test_wrong_inputs_get_the_answers_that_the_examples_get(
    deployment: Deployment, seller: Seller, tmp_path: Path
) -> None:
    """The table of docs/api.md through Postman's own signing."""
    collection = json.loads((REPOSITORY / COLLECTION).read_text())
    collection["item"] = collection["item"][:1] + [
        {
            "name": what,
            "request": {
                "method": "POST",
                "header": [],
                "url": _address(output, deployment.url(output)),
                "body": {"mode": "raw", "raw": json.dumps(body)},
            },
        }
        for what, (output, body, _) in WRONG.items()
    ]
    path = tmp_path / "collection.json"
    path.write_text(json.dumps(collection))
    _, report = newman("wrong-inputs", tmp_path, environment(deployment, seller), collection=path)
    given = example_environment(deployment)
    told = {
        entry["item"]["name"]: (entry["response"]["code"], _body(entry["response"]))
        for entry in report["run"]["executions"][1:]
    }
    for what, (output, body, status) in WRONG.items():
        reference = run("requests", deployment.url(output), body, given)[1]
        assert told[what] == (status, {**reference, "requestId": ""}), what


def _address(output: str, url: str) -> str:
    base = {"TokenStorageUrl": "tokenStorage", "NotificationsSubscriberUrl": "notificationsSubscriber"}
    return f"{{{{{base.get(output, 'reportCreator')}Base}}}}/{url.rpartition('/')[2]}"


def _body(response: Any) -> Any:
    return {**json.loads(bytes(response["stream"]["data"])), "requestId": ""}
