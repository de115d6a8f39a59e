"""The templates and state machines as AWS's own tools and linters see them."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from publishing import build
from tests.templates.reading import CHECKOUT, HOSTING, TEMPLATES, copy_checkout
from tests.waiting import SECONDS
from tests.yaml_reading import yaml_parse

SOURCES = sorted(TEMPLATES.glob("*.yaml"))
STATE_MACHINES = sorted(TEMPLATES.glob("statemachines/*.asl.json"))
# With the informational rules, as in the Makefile, whose target lint has it read the sources.
CFN_LINT = (Path(sys.executable).with_name("cfn-lint"), "--include-checks", "I", "--")
NODE_MODULES = Path(os.environ.get("NODE_MODULES", CHECKOUT / "node_modules"))


def run(*command: str | Path) -> str:
    environment = {"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/"), "LANG": "C.UTF-8"}
    environment |= {"AWS_DEFAULT_REGION": "us-east-1"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=SECONDS)
    output = done.stdout + done.stderr
    assert done.returncode == 0, output
    return output


def test_cfn_lint_wants_to_know_what_becomes_of_a_resource(tmp_path: Path) -> None:
    path = tmp_path / "foundation.yaml"
    path.write_text((TEMPLATES / path.name).read_text("utf-8").replace("    UpdateReplacePolicy: Retain\n", "", 1))
    with pytest.raises(AssertionError, match="I3011 'UpdateReplacePolicy' is a required property"):
        run(*CFN_LINT, path)


@pytest.mark.proof
def test_cfn_lint_finds_nothing_in_the_published_templates(tmp_path: Path) -> None:
    paths = []
    for artifact in build(HOSTING, copy_checkout(tmp_path / "checkout")).artifacts:
        if artifact.key.endswith(".yaml"):
            paths.append(tmp_path / artifact.key.rpartition("/")[2])
            paths[-1].write_bytes(artifact.content)
    assert run(*CFN_LINT, *paths) == ""


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.name)
def test_sam_validates(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In this process, because sam takes a second to start. What its option --lint does is done by make lint."""
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setenv("SAM_CLI_TELEMETRY", "0")
    from samcli.cli.main import cli as sam

    done = CliRunner().invoke(sam, ["validate", "--template", str(path)], catch_exceptions=False)
    assert (done.exit_code, "is a valid SAM Template" in done.output) == (0, True), done.output


def test_sam_refuses_a_wrong_template(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "foundation.yaml"
    path.write_text("Resources: {Function: {Type: AWS::Serverless::Function, Properties: {Handler: 1}}}")
    with pytest.raises(AssertionError, match="Runtime and Handler needs to be present"):
        test_sam_validates(path, monkeypatch)


@pytest.mark.parametrize("path", STATE_MACHINES, ids=lambda path: path.name)
def test_asl_validator_accepts_the_substituted_state_machine(path: Path, tmp_path: Path) -> None:
    definition = substituted(path)
    assert "${" not in definition
    assert validated(definition, tmp_path) == ""
    # The validator says nothing when it reads nothing.
    assert "Nowhere" in validated(re.sub(r'"StartAt": "\w+"', '"StartAt": "Nowhere"', definition, count=1), tmp_path)


@pytest.mark.parametrize("path", STATE_MACHINES, ids=lambda path: path.name)
def test_every_substitution_is_used(path: Path) -> None:
    assert set(re.findall(r"\$\{(\w+)\}", path.read_text("utf-8"))) == set(substitutions(path))


def test_every_state_machine_is_in_a_template() -> None:
    assert STATE_MACHINES
    assert all(substitutions(path) for path in STATE_MACHINES)


def validated(definition: str, folder: Path) -> str:
    """What the validator finds wrong, or nothing."""
    path = folder / "definition.json"
    path.write_text(definition)
    command: list[str | Path] = [NODE_MODULES / ".bin" / "asl-validator", "--json-path", path]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=SECONDS)
    return "" if done.returncode == 0 else done.stdout + done.stderr


def substitutions(path: Path) -> dict[str, Any]:
    for source in SOURCES:
        for resource in yaml_parse(source.read_text("utf-8"))["Resources"].values():
            if resource.get("Properties", {}).get("DefinitionUri") == f"statemachines/{path.name}":
                found: dict[str, Any] = resource["Properties"]["DefinitionSubstitutions"]
                return found
    raise AssertionError(f"no template uses {path.name}")


def substituted(path: Path) -> str:
    definition = path.read_text("utf-8")
    for name in substitutions(path):
        definition = definition.replace(f"${{{name}}}", f"arn:aws:lambda:us-east-1:111122223333:function:{name}")
    json.loads(definition)
    return definition
