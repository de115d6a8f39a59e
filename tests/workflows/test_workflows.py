"""The GitHub Actions workflows: well-formed, safe, pinned, and about make targets that exist."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from deployment import REPOSITORY
from tests.waiting import SECONDS

FOLDER = REPOSITORY / ".github" / "workflows"
GUIDE = (REPOSITORY / "docs" / "github-actions.md").read_text()
WORKFLOWS = {path.name: path.read_text() for path in sorted(FOLDER.glob("*.yml"))}
ALL = "\n".join(WORKFLOWS.values())


def program(name: str, *arguments: str | Path) -> str:
    """What a tool beside this Python says; fails when it finds anything."""
    command = [Path(sys.executable).with_name(name), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def test_they_are_of_githubs_schema() -> None:
    assert set(WORKFLOWS) == {"test.yml", "proofs.yml", "deploy.yml", "publish.yml"}
    program("check-jsonschema", "--builtin-schema", "vendor.github-workflows", *FOLDER.glob("*.yml"))


def test_the_auditor_finds_nothing() -> None:
    """Permissions, credentials left behind, commands made of inputs, caches of a deployment, actions without a hash."""
    program("zizmor", "--offline", "--no-progress", "--persona", "pedantic", FOLDER.parent)


def test_the_other_files_are_of_githubs_schemas() -> None:
    program("check-jsonschema", "--builtin-schema", "vendor.dependabot", FOLDER.parent / "dependabot.yml")
    forms = list((FOLDER.parent / "ISSUE_TEMPLATE").glob("*.yml"))
    assert forms
    program("check-jsonschema", "--builtin-schema", "vendor.github-issue-forms", *forms)


def test_dependabot_sees_every_list_of_packages() -> None:
    updates = yaml.safe_load((FOLDER.parent / "dependabot.yml").read_text())["updates"]
    assert {update["package-ecosystem"] for update in updates} == {"docker", "pip", "npm", "github-actions"}
    for update in updates:
        assert update["schedule"] == {"interval": "monthly"}
        assert [group["patterns"] for group in update["groups"].values()] == [["*"]]
    (pip,) = (update for update in updates if update["package-ecosystem"] == "pip")
    lists = {f"/{path.parent.relative_to(REPOSITORY)}" for path in REPOSITORY.glob("requirements/*.txt")}
    lists |= {f"/{path.parent.relative_to(REPOSITORY)}" for path in REPOSITORY.glob("layers/*/requirements.txt")}
    lists |= {f"/{path.parent.relative_to(REPOSITORY)}" for path in REPOSITORY.glob("local/*/pyproject.toml")}
    assert set(pip["directories"]) == lists
    (docker,) = (update for update in updates if update["package-ecosystem"] == "docker")
    images = {f"/{path.parent.relative_to(REPOSITORY)}" for path in REPOSITORY.glob("local/*/Dockerfile")}
    assert {docker["directory"]} == images


def test_a_tag_is_checked_before_it_is_published() -> None:
    steps = yaml.safe_load(WORKFLOWS["publish.yml"])["jobs"]["publish"]["steps"]
    commands = [step["run"] for step in steps if "run" in step]
    assert commands[0] == 'make release-check TAG="$GITHUB_REF_NAME"'
    assert commands[1].startswith("make publish ")


def test_an_action_is_pinned_once_with_its_version() -> None:
    used = re.findall(r"uses: (\S+?)@(\S+)(.*)", ALL)
    assert len(used) == ALL.count("uses:") > 0
    for action, commit, comment in used:
        assert re.fullmatch(r"[0-9a-f]{40}", commit), action
        assert re.fullmatch(r" # v\d+\.\d+\.\d+", comment), action
    assert len({action for action, _, _ in used}) == len(set(used)), "an action is pinned to two commits"


def test_they_run_make_targets_that_there_are() -> None:
    run = re.findall(r"run: .*?\bmake ([a-z-]+)", ALL)
    assert len(run) == ALL.count("run:")
    targets = re.findall(r"^([a-z-]+):.*## ", (REPOSITORY / "Makefile").read_text(), re.MULTILINE)
    assert set(run) == {"test", "proofs", "demo", "deploy", "publish", "release-check"}
    assert set(run) <= set(targets)


@pytest.mark.parametrize("name", WORKFLOWS)
def test_every_job_ends_and_may_do_little(name: str) -> None:
    workflow = yaml.safe_load(WORKFLOWS[name])
    assert workflow["permissions"] == {}
    assert "concurrency" in workflow
    for job in workflow["jobs"].values():
        assert job["timeout-minutes"] <= 60
        assert set(job["permissions"].items()) <= {("contents", "read"), ("id-token", "write")}
        assert ("id-token" in job["permissions"]) == ("environment" in job)


def test_the_guide_names_every_variable_and_secret() -> None:
    named = re.findall(r"\| `([A-Z_]+)` \| (variable|secret) \|", GUIDE)
    used = re.findall(r"(vars|secrets)\.([A-Z_]+)", ALL)
    assert {(name, {"vars": "variable", "secrets": "secret"}[kind]) for kind, name in used} == set(named)


def test_the_environments_are_those_of_samconfig() -> None:
    inputs = yaml.safe_load(WORKFLOWS["deploy.yml"])[True]["workflow_dispatch"]["inputs"]
    offered = inputs["environment"]["options"]
    assert offered == re.findall(r"^\[(\w+)\.deploy\.parameters\]", (REPOSITORY / "samconfig.toml").read_text(), re.M)


def test_the_trust_policy_of_the_guide_lets_one_environment_in() -> None:
    (text,) = re.findall(r"```json\n(.*?)```", GUIDE, re.DOTALL)
    (statement,) = json.loads(text)["Statement"]
    assert statement["Action"] == "sts:AssumeRoleWithWebIdentity"
    condition = statement["Condition"]["StringEquals"]
    assert condition["token.actions.githubusercontent.com:aud"] == "sts.amazonaws.com"
    assert condition["token.actions.githubusercontent.com:sub"].endswith(":environment:prod")
    assert "*" not in text
