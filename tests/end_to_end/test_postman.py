"""newman runs the Postman collection against the deployed stack, as a person does who presses Send."""

import json
import os
import re
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from deployment import REPOSITORY, Deployment
from postman_environment import postman_environment
from reference.__main__ import COLLECTION
from reference.endpoints import endpoints
from reference.postman import UNFINISHED
from tests.end_to_end.host import HostProduct, Seller, invoke_user_key
from tests.end_to_end.test_examples import WRONG, example_environment, run
from tests.waiting import SECONDS

NODE_MODULES = Path(os.environ.get("NODE_MODULES", REPOSITORY / "node_modules"))


def environment(deployment: Deployment, seller: Seller, **changed: str) -> Mapping[str, Any]:
    """The local run's environment, with some values of the test's own."""
    given = postman_environment(deployment, invoke_user_key(deployment), seller.seller_id, seller.refresh_token)
    added = [{"key": key, "value": value, "enabled": True} for key, value in changed.items()]
    return {**given, "values": [*given["values"], *added]}


@dataclass(frozen=True)
class Newman:
    """Runs a collection; newman's JUnit report of it stays in newman/, for a CI system and for whoever looks."""

    tmp_path: Path
    record: Callable[[str, object], None]

    def run(
        self, name: str, given: Mapping[str, Any], *options: str, collection: Path = REPOSITORY / COLLECTION
    ) -> tuple[int, Any]:
        """Exit status and newman's JSON report, which holds keys and stays in the test's own folder."""
        report, kept = self.tmp_path / "report.json", REPOSITORY / "newman" / f"{name}.xml"
        kept.unlink(missing_ok=True)
        (self.tmp_path / "environment.json").write_text(json.dumps(given))
        done = subprocess.run(
            [
                NODE_MODULES / ".bin/newman",
                "run",
                collection,
                "--environment",
                self.tmp_path / "environment.json",
                "--reporters",
                "json,junit",
                "--reporter-json-export",
                report,
                "--reporter-junit-export",
                kept,
                *options,
            ],
            capture_output=True,
            text=True,
            env={**os.environ, "NODE_NO_WARNINGS": "1"},
            timeout=SECONDS,
            check=False,
        )
        assert report.exists(), done.stdout + done.stderr
        answer = json.loads(report.read_text())
        secrets = _secrets(given, answer)
        assert all(secret in report.read_text() for secret in secrets)
        assert not [secret for secret in secrets if secret in kept.read_text()], f"{kept} holds a key or a token"
        counts = answer["run"]["stats"]
        requests, assertions = counts["requests"]["total"], counts["assertions"]["total"]
        failures = counts["assertions"]["failed"]
        self.record("newman", f"{kept.name:<18} {requests:3} requests, {assertions:3} assertions, {failures} failures")
        return done.returncode, answer


def _secrets(given: Mapping[str, Any], report: Any) -> set[str]:
    """The keys and tokens that the run was given, and those that STS gave it."""
    values = {value["key"]: value["value"] for value in given["values"]}
    secrets = {values[name] for name in ("iamUserAccessKey", "iamUserSecretKey", "refreshToken")}
    for execution in report["run"]["executions"]:
        text = bytes(execution["response"]["stream"]["data"]).decode()
        for name in ("AccessKeyId", "SecretAccessKey", "SessionToken"):
            secrets.update(re.findall(f"<{name}>(.*?)</{name}>", text))
    return secrets


@pytest.fixture
def newman(tmp_path: Path, record_property: Callable[[str, object], None]) -> Newman:
    return Newman(tmp_path, record_property)


def status_test(status: int) -> list[Mapping[str, Any]]:
    """The test of a request that must be answered with this status."""
    line = f'pm.test("the answer is {status}", () => pm.response.to.have.status({status}));'
    return [{"listen": "test", "script": {"type": "text/javascript", "exec": [line]}}]


def answers(report: Any) -> Mapping[str, int]:
    return {entry["item"]["name"]: entry["response"]["code"] for entry in report["run"]["executions"]}


def without_authorization(newman: Newman) -> Path:
    """The collection without the folder of a capability that this stack has switched off; its own tests run that."""
    collection = json.loads((REPOSITORY / COLLECTION).read_text())
    collection["item"] = [folder for folder in collection["item"] if folder["name"] != "Authorization"]
    path = newman.tmp_path / "collection.json"
    path.write_text(json.dumps(collection))
    return path


def test_a_run_of_the_collection_brings_a_report_and_deletes_nothing(
    deployment: Deployment, host: HostProduct, seller: Seller, newman: Newman
) -> None:
    """As somebody runs it who has filled in the variables, and no more."""
    host.store_token(seller, RegionCode="EU")
    status, report = newman.run("untouched", environment(deployment, seller), collection=without_authorization(newman))
    assert (status, report["run"]["failures"]) == (0, [])
    sent = answers(report)
    assert not [route for route in sent if route.startswith(("DELETE", "PATCH")) or route == "POST /schedules"]
    asked = [
        json.loads(bytes(entry["response"]["stream"]["data"]))
        for entry in report["run"]["executions"]
        if entry["item"]["name"] == "GET /reports/{reportId}"
    ]
    assert "link" in asked[-1], "the run waits until the report has arrived"
    subscriptions = host.get("NotificationsSubscriberUrl", SellerId=seller.seller_id, RegionCode="NA").json()
    assert [entry["notificationType"] for entry in subscriptions["subscriptions"]] == ["REPORT_PROCESSING_FINISHED"]
    assert host.read_report(seller, asked[-1]["reportId"])["link"]["url"]


def test_the_whole_collection_passes(deployment: Deployment, host: HostProduct, seller: Seller, newman: Newman) -> None:
    """With the requests that change and delete something.

    The requests about product types and listings are for France, and POST /tokens of the collection is for NA.
    """
    host.store_token(seller, RegionCode="EU")
    given = environment(deployment, seller, allowChanges="yes")
    status, report = newman.run("collection", given, collection=without_authorization(newman))
    failures = [(failure["source"]["name"], failure["error"]["message"]) for failure in report["run"]["failures"]]
    assert (status, failures) == (0, []), answers(report)
    expected = {"STS Assume API Gateway Role": (200,)} | {
        endpoint.route: UNFINISHED.get(endpoint.route, (200,))
        for endpoint in endpoints()
        if endpoint.api != "AuthorizationRestApi"
    }
    sent = answers(report)
    assert sent.keys() == expected.keys()
    assert {route: code for route, code in sent.items() if code not in expected[route]} == {}


def test_wrong_keys_are_refused(deployment: Deployment, seller: Seller, newman: Newman) -> None:
    wrong = environment(
        deployment, seller, accessKeyId="ASIAWRONG", secretAccessKey="wrong", sessionToken="wrong", reportId="1"
    )
    collection = json.loads((REPOSITORY / COLLECTION).read_text())
    (folder,) = [folder for folder in collection["item"] if folder["name"] == "Report Creator"]
    collection["item"] = [{**folder, "item": [{**item, "event": status_test(403)} for item in folder["item"]]}]
    path = newman.tmp_path / "collection.json"
    path.write_text(json.dumps(collection))
    status, report = newman.run("wrong-keys", wrong, collection=path)
    assert (status, set(answers(report).values())) == (0, {403})


def test_wrong_inputs_get_the_answers_that_the_examples_get(
    deployment: Deployment, seller: Seller, newman: Newman
) -> None:
    """The table of docs/api.md through Postman's own signing."""
    collection = json.loads((REPOSITORY / COLLECTION).read_text())
    collection["item"] = collection["item"][:1] + [
        {
            "name": what,
            "event": status_test(status),
            "request": {
                "method": "POST",
                "header": [],
                "url": _address(output, deployment.url(output)),
                "body": {"mode": "raw", "raw": json.dumps(body)},
            },
        }
        for what, (output, body, status) in WRONG.items()
    ]
    path = newman.tmp_path / "collection.json"
    path.write_text(json.dumps(collection))
    done, report = newman.run("wrong-inputs", environment(deployment, seller), collection=path)
    given = example_environment(deployment)
    told = {
        entry["item"]["name"]: (entry["response"]["code"], _body(entry["response"]))
        for entry in report["run"]["executions"][1:]
    }
    for what, (output, body, status) in WRONG.items():
        reference = run("requests", deployment.url(output), body, given)[1]
        assert told[what] == (status, {**reference, "requestId": ""}), what
    assert done == 0


def _address(output: str, url: str) -> str:
    base = {"TokenStorageUrl": "tokenStorage", "NotificationsSubscriberUrl": "notificationsSubscriber"}
    return f"{{{{{base.get(output, 'reportCreator')}Base}}}}/{url.rpartition('/')[2]}"


def _body(response: Any) -> Any:
    return {**json.loads(bytes(response["stream"]["data"])), "requestId": ""}
