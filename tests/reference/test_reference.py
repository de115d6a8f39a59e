"""The API's reference, collection, templates and functions tell the same story."""

import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from reference import decisions
from reference.__main__ import COLLECTION, documents
from reference.architecture import PAGE, architecture
from reference.endpoints import CHECKOUT, Endpoint, endpoints
from reference.examples import REFUSALS

ENDPOINTS = endpoints()
NODE_MODULES = Path(os.environ.get("NODE_MODULES", CHECKOUT / "node_modules"))


@pytest.mark.parametrize("name", documents())
def test_what_is_committed_is_what_would_be_written(name: str) -> None:
    assert (CHECKOUT / name).read_text() == documents()[name], "run `make reference` and commit what it writes"


def test_the_list_of_decisions_names_each_record() -> None:
    listed = decisions.listed()
    assert (CHECKOUT / decisions.PATH).read_text() == listed, "run `make reference` and commit what it writes"


def test_the_pictures_of_the_architecture_are_those_of_the_templates() -> None:
    assert (CHECKOUT / PAGE).read_text() == architecture(), "run `make reference` and commit what it writes"


@pytest.mark.parametrize(
    ("changed", "before", "after"),
    [
        ("templates/reports.yaml", "  ReportTopic:\n", "  AnotherTopic:\n"),
        ("templates/statemachines/solicitation.asl.json", '"Next": "WaitAndAskAgain"', '"Next": "WhatIsNext"'),
    ],
)
def test_a_changed_template_changes_the_pictures(tmp_path: Path, changed: str, before: str, after: str) -> None:
    shutil.copytree(CHECKOUT / "templates", tmp_path / "templates")
    (tmp_path / "docs").mkdir()
    shutil.copy(CHECKOUT / PAGE, tmp_path / PAGE)
    text = (tmp_path / changed).read_text()
    assert before in text
    (tmp_path / changed).write_text(text.replace(before, after))
    assert architecture(tmp_path) != architecture()


def test_a_linter_accepts_the_openapi_document(tmp_path: Path) -> None:
    configuration = tmp_path / "redocly.yaml"
    configuration.write_text("extends: [recommended]\n")
    done = subprocess.run(
        [NODE_MODULES / ".bin/redocly", "lint", CHECKOUT / "docs/openapi.json", "--config", configuration],
        capture_output=True,
        text=True,
        env={**os.environ, "REDOCLY_TELEMETRY": "off", "REDOCLY_SUPPRESS_UPDATE_NOTICE": "true"},
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_linter_is_awake(tmp_path: Path) -> None:
    broken = json.loads((CHECKOUT / "docs/openapi.json").read_text())
    del broken["components"]["schemas"]["Error"]
    (tmp_path / "openapi.json").write_text(json.dumps(broken))
    done = subprocess.run(
        [NODE_MODULES / ".bin/redocly", "lint", tmp_path / "openapi.json"], capture_output=True, check=False
    )
    assert done.returncode != 0


@pytest.mark.parametrize("endpoint", ENDPOINTS, ids=lambda endpoint: endpoint.route)
def test_the_invoke_role_may_call_every_endpoint_and_the_collection_has_it(endpoint: Endpoint) -> None:
    access = (CHECKOUT / "templates/access.yaml").read_text()
    path = re.sub(r"\{[^}]+\}", "*", endpoint.path)
    assert f"${{{endpoint.api}Id}}/prod/{endpoint.method}{path}\n" in access
    requests = {item["name"]: item["request"] for item in _items(json.loads((CHECKOUT / COLLECTION).read_text()))}
    assert requests[endpoint.route]["method"] == endpoint.method


def test_every_endpoint_names_the_failures_of_what_is_stored() -> None:
    """An item of a table, or a secret: POST /tokens reads only the application's, with Verify."""
    refusals = {
        endpoint.route: [refusal for refusal in REFUSALS if refusal.status == 500 and refusal.applies_to(endpoint)]
        for endpoint in ENDPOINTS
    }
    codes = {route: [refusal.body["errors"][0]["code"] for refusal in found] for route, found in refusals.items()}
    assert codes.pop("POST /tokens") == ["SecretUnreadable"]
    assert set(map(tuple, codes.values())) == {("StoredItemDamaged",)}


def test_the_invoke_role_may_call_nothing_else() -> None:
    access = (CHECKOUT / "templates/access.yaml").read_text()
    assert len(re.findall(r"/prod/[A-Z]+/", access)) == len(ENDPOINTS)


def test_every_field_is_explained() -> None:
    for endpoint in ENDPOINTS:
        for field in endpoint.fields:
            assert field.rule, f"{endpoint.route}: {field.name}"
            assert field.schema, f"{endpoint.route}: {field.name}"


def test_secrets_are_marked_and_everything_is_empty_at_first() -> None:
    variables = {entry["key"]: entry for entry in json.loads((CHECKOUT / COLLECTION).read_text())["variable"]}
    for name in ("iamUserAccessKey", "iamUserSecretKey", "iamRoleArn", "tokenStorageApiId", "stackRegion"):
        assert variables[name]["value"] == ""
    assert {name for name, entry in variables.items() if entry["type"] == "secret"} == {
        "iamUserSecretKey",
        "secretAccessKey",
        "sessionToken",
        "refreshToken",
    }


@pytest.mark.parametrize(
    ("changed", "before", "after"),
    [
        ("templates/reports.yaml", "Path: /reports/{reportId}", "Path: /reports/{id}"),
        ("functions/report_reader/app.py", '"GET /reports": _list, ', ""),
    ],
)
def test_a_template_and_its_function_may_not_differ(tmp_path: Path, changed: str, before: str, after: str) -> None:
    for folder in ("templates", "functions"):
        shutil.copytree(CHECKOUT / folder, tmp_path / folder)
    text = (tmp_path / changed).read_text()
    assert before in text
    (tmp_path / changed).write_text(text.replace(before, after))
    with pytest.raises(LookupError, match="SPAPIReportReader"):
        endpoints(tmp_path)


def test_a_field_that_a_function_begins_to_read_changes_the_documents(tmp_path: Path) -> None:
    for folder in ("templates", "functions"):
        shutil.copytree(CHECKOUT / folder, tmp_path / folder)
    app = tmp_path / "functions/token_storage/app.py"
    added = '    fields.text("Added", rule="new")\n    fields.finish()'
    app.write_text(app.read_text().replace("    fields.finish()", added))
    changed = documents(tmp_path)
    assert {name for name in changed if "Added" in changed[name]} == set(changed) - {"docs/errors.md"}


def _items(folder: Any) -> list[Any]:
    if "request" in folder:
        return [folder]
    return [item for inner in folder["item"] for item in _items(inner)]


def test_the_collection_is_one_that_postman_reads() -> None:
    collection = json.loads((CHECKOUT / COLLECTION).read_text())
    assert collection["info"]["schema"].endswith("/v2.1.0/collection.json")
    assert collection["auth"]["type"] == "awsv4"
    assert len({item["name"] for item in _items(collection)}) == len(ENDPOINTS) + 1
    assert all(variable["description"] for variable in collection["variable"])


def test_only_one_folder_of_the_collection_changes_or_deletes() -> None:
    *folders, last = json.loads((CHECKOUT / COLLECTION).read_text())["item"]
    (skip,) = [event for event in last["event"] if event["listen"] == "prerequest"]
    assert "pm.execution.skipRequest()" in "\n".join(skip["script"]["exec"])
    elsewhere = [item["name"] for folder in folders for item in _items(folder)]
    assert not [name for name in elsewhere if name.startswith(("DELETE", "PATCH"))]
    assert last["item"][-1]["name"] == "DELETE /tokens/{sellerId}"
