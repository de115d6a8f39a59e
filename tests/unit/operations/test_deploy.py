"""Which parameter values a deployment accepts and which it rejects."""

import json
import os
import subprocess
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from operations import deploy
from operations.command import CommandError
from operations.deploy import TEMPLATE, needed, read_given, split, stack_name_of
from publishing import PublishingError
from publishing.parameters import template_parameters

CLIENT_ID = "amzn1.application-oa2-client.0123456789abcdef"
SECRET = "amzn1.oa2-cs.v1.0123456789abcdef"


@pytest.fixture(scope="module")
def declared() -> Mapping[str, Mapping[str, Any]]:
    return template_parameters(TEMPLATE.read_text())


def asked(name: str) -> str:
    return f"typed value of {name}"


def test_values_are_read_and_a_name_alone_asks_for_its_value(declared: Mapping[str, Mapping[str, Any]]) -> None:
    arguments = ["LogRetentionDays=90", "SellingPartnerApiEndpoint=http://127.0.0.1/{region}?a=b", "ClientSecret"]
    assert read_given(arguments, declared, asked) == {
        "LogRetentionDays": "90",
        "SellingPartnerApiEndpoint": "http://127.0.0.1/{region}?a=b",
        "ClientSecret": "typed value of ClientSecret",
    }


@pytest.mark.parametrize(
    ("argument", "words"),
    [
        (f"ClientSecret={SECRET}", "ClientSecret is secret. Do not pass its value on the command line"),
        ("LinkLifetime=60", "no parameter LinkLifetime. Its parameters are ClientId, "),
        ("ReportStorageNotificationEmail=me", "ReportStorageNotificationEmail: An e-mail address, such as"),
        ("LogRetentionDays=91", "LogRetentionDays: It must be one of: 1, 3, 5"),
        ("SolicitationDelayDays=4", "SolicitationDelayDays: From 5 to 30 days."),
    ],
)
def test_an_invalid_value_is_rejected(declared: Mapping[str, Mapping[str, Any]], argument: str, words: str) -> None:
    with pytest.raises(CommandError, match=words) as raised:
        read_given([argument], declared, asked)
    assert SECRET not in str(raised.value)


def test_parameters_without_a_default_come_from_the_environment_or_are_asked_for(
    declared: Mapping[str, Mapping[str, Any]],
) -> None:
    environment = {"ClientSecret": SECRET, "RoleArn": "not used: it has a default"}
    assert needed(declared, {"ClientId": CLIENT_ID}, environment, asked) == {
        "ClientSecret": SECRET,
        "ReportStorageNotificationEmail": "typed value of ReportStorageNotificationEmail",
    }


def test_an_invalid_value_of_the_environment_is_not_printed(declared: Mapping[str, Mapping[str, Any]]) -> None:
    with pytest.raises(CommandError, match="ClientSecret: A client secret has no spaces") as raised:
        needed(declared, {}, {"ClientId": CLIENT_ID, "ClientSecret": "short secret"}, asked)
    assert "short secret" not in str(raised.value)


@pytest.mark.parametrize("name", ["dependencies", "validation", "inflating"])
def test_an_empty_layer_is_not_deployed(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty layer would deploy, and every function with it would fail."""
    for layer in ("dependencies", "validation", "inflating"):
        (tmp_path / layer / "python" / ("" if layer == name else "package")).mkdir(parents=True)
    monkeypatch.setattr(
        deploy, "INSTALLED_LAYERS", tuple(tmp_path / layer.parent.name / "python" for layer in deploy.INSTALLED_LAYERS)
    )
    with pytest.raises(CommandError, match=rf"^the {name} layer is empty: run make build first$"):
        deploy.deploy(boto3.Session(region_name="eu-west-1"), "default", [])


NAME = stack_name_of("default")
DELETE = f"make destroy STACK={NAME} REGION=eu-west-1"
IN_PROGRESS = "wait until this has ended, then run the command again"


@pytest.mark.parametrize(
    ("status", "what"),
    [
        ("ROLLBACK_COMPLETE", f"its creation failed and was rolled back. Delete it: {DELETE}"),
        ("ROLLBACK_FAILED", f"its creation failed, and so did the rollback. Delete it: {DELETE}"),
        ("CREATE_FAILED", f"its creation failed. Delete it: {DELETE}"),
        ("DELETE_FAILED", f"its deletion failed. Retry it: {DELETE}"),
        (
            "UPDATE_ROLLBACK_FAILED",
            "an update failed, and so did its rollback. In the CloudFormation console, find the cause on the Events "
            "tab and fix it, then choose Stack actions, Continue update rollback",
        ),
        ("UPDATE_IN_PROGRESS", IN_PROGRESS),
        ("DELETE_IN_PROGRESS", IN_PROGRESS),
    ],
)
def test_a_stack_that_cannot_be_updated_is_named_with_what_to_do(
    status: str, what: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "package").touch()
    monkeypatch.setattr(deploy, "INSTALLED_LAYERS", (tmp_path,))
    monkeypatch.setattr(deploy, "status_of", lambda *_: (status, None))
    with pytest.raises(CommandError) as raised:
        deploy.deploy(boto3.Session("test", "test", region_name="eu-west-1"), "default", [])
    assert str(raised.value) == f"The stack {NAME} is {status}: {what}"


class Sts:
    def get_caller_identity(self) -> dict[str, str]:
        return {"Account": "111122223333"}


EARLIER, LATER = datetime(2026, 11, 25, tzinfo=UTC), datetime(2026, 11, 26, tzinfo=UTC)
AGAIN = f"make outputs STACK={NAME} REGION=eu-west-1 shows these outputs again. Next:"
NEXT_OF_NEW = "  confirm each subscription that AWS e-mails you, then continue with docs/deployment.md"
CREATING = f"Creating the stack {NAME} in eu-west-1, account 111122223333."
UPDATING = f"Updating the stack {NAME} in eu-west-1, account 111122223333."


@pytest.mark.parametrize(
    ("before", "sam", "after", "code", "printed"),
    [
        (("", None), 0, ("CREATE_COMPLETE", None), 0, [CREATING, AGAIN, NEXT_OF_NEW]),
        (("REVIEW_IN_PROGRESS", None), 0, ("CREATE_COMPLETE", None), 0, [CREATING, AGAIN, NEXT_OF_NEW]),
        (
            ("CREATE_COMPLETE", None),
            0,
            ("UPDATE_COMPLETE", LATER),
            0,
            [UPDATING, AGAIN, f"  make doctor STACK={NAME} REGION=eu-west-1 checks the stack"],
        ),
        (
            ("UPDATE_COMPLETE", EARLIER),
            0,
            ("UPDATE_COMPLETE", EARLIER),
            0,
            [UPDATING, "There was nothing to update."],
        ),
        (("UPDATE_COMPLETE", EARLIER), 1, ("UPDATE_COMPLETE", EARLIER), 1, [UPDATING]),
        (
            ("UPDATE_COMPLETE", EARLIER),
            0,
            ("UPDATE_ROLLBACK_COMPLETE", LATER),
            1,
            [UPDATING, "The deployment failed."],
        ),
        (("", None), 0, ("ROLLBACK_COMPLETE", None), 1, [CREATING, "The deployment failed."]),
    ],
)
def test_what_a_deployment_says(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    before: tuple[str, datetime | None],
    sam: int,
    after: tuple[str, datetime | None],
    code: int,
    printed: list[str],
) -> None:
    """And which values it passes on: those that a new stack needs come from the environment."""
    (tmp_path / "package").touch()
    statuses = [before, after]
    passed: list[object] = []

    def sam_deploy(_: Path, environment: str, region: str, parameters: Mapping[str, str], __: object) -> int:
        passed.append((environment, region, dict(parameters)))
        return sam

    monkeypatch.setattr(deploy, "INSTALLED_LAYERS", (tmp_path,))
    monkeypatch.setattr(deploy, "client_maker", lambda _: lambda service: Sts() if service == "sts" else service)
    monkeypatch.setattr(deploy, "status_of", lambda *_: statuses.pop(0))
    monkeypatch.setattr(deploy, "copy_with_bytecode", lambda *_: None)
    monkeypatch.setattr(deploy, "_sam_deploy", sam_deploy)
    needed = {"ClientId": CLIENT_ID, "ClientSecret": SECRET, "ReportStorageNotificationEmail": "me@example.com"}
    for name, value in needed.items():
        monkeypatch.setenv(name, value)
    session = boto3.Session("test", "test", region_name="eu-west-1")
    assert deploy.deploy(session, "default", ["LogRetentionDays=90"]) == code
    assert capsys.readouterr().out.splitlines() == printed
    new = before[0] in ("", "REVIEW_IN_PROGRESS")
    assert passed == [("default", "eu-west-1", {"LogRetentionDays": "90", **(needed if new else {})})]


@pytest.mark.parametrize(
    ("argument", "message"),
    [
        ("Links", r"^the template has no parameter Links \(put a value with spaces in quotes\)\. Its parameters are "),
        ("Links=1", r"^the template has no parameter Links\. Its parameters are "),
        (
            f"ClientSecret={SECRET}",
            "^ClientSecret is secret. Do not pass its value on the command line, where other users can see it: "
            'PARAMETERS="ClientSecret" without a value asks for it$',
        ),
    ],
)
def test_how_to_pass_a_parameter_is_explained(
    declared: Mapping[str, Mapping[str, Any]], argument: str, message: str
) -> None:
    with pytest.raises(CommandError, match=message):
        read_given([argument], declared, asked)


def test_an_open_quote_is_explained() -> None:
    assert split("A=1 B='two words'") == ["A=1", "B=two words"]
    with pytest.raises(CommandError) as raised:
        split("A=it's")
    assert str(raised.value) == ("PARAMETERS: No closing quotation. Put a value with spaces or an apostrophe in quotes")


def test_an_unknown_environment_is_rejected() -> None:
    assert stack_name_of("prod") == "selling-partner-api-prod"
    with pytest.raises(
        CommandError, match=r"^samconfig\.toml has no environment test: ENV must be one of default, dev, prod$"
    ):
        stack_name_of("test")


@pytest.mark.parametrize(("given", "used"), [([], "--env default "), (["ENV=dev"], "--env dev ")])
def test_make_ignores_the_environment_variables_of_the_shell(given: list[str], used: str) -> None:
    """ENV names the start-up file of a POSIX shell, and another program may have set REGION or ARGS."""
    shell = {"PATH": os.environ["PATH"], "ENV": "prod", "REGION": "eu-west-1", "ARGS": "--yes", "STACK": "other"}
    printed = subprocess.run(
        ["make", "-n", "deploy", *given],
        cwd=Path(__file__).resolve().parents[3],
        env=shell,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert used in printed
    assert "eu-west-1" not in printed


def test_a_target_that_needs_a_stack_asks_for_it_before_it_builds_anything() -> None:
    for target in ("outputs", "logs", "destroy", "redrive-queue", "redrive-executions", "stop-solicitations"):
        done = subprocess.run(
            ["make", target],
            cwd=Path(__file__).resolve().parents[3],
            env={"PATH": os.environ["PATH"], "STACK": "other"},
            capture_output=True,
            text=True,
            check=False,
        )
        words = f"Name the stack: make {target} STACK=<name> [REGION=<region>]. Or start a local one: make up\n"
        assert (done.returncode, done.stdout) == (2, words)


class Formation:
    """CloudFormation with one stack, or with this error."""

    def __init__(self, found: dict[str, Any] | str) -> None:
        self.found = found

    def describe_stacks(self, *, StackName: str) -> dict[str, Any]:  # noqa: N803 - boto3's spelling
        assert StackName == NAME
        if isinstance(self.found, str):
            raise ClientError({"Error": {"Code": self.found, "Message": "m"}}, "DescribeStacks")
        return {"Stacks": [self.found]}


def test_the_status_of_a_stack_and_of_one_that_does_not_exist() -> None:
    updated = {"StackStatus": "UPDATE_COMPLETE", "LastUpdatedTime": EARLIER}
    assert deploy.status_of(Formation(updated), NAME) == ("UPDATE_COMPLETE", EARLIER)
    assert deploy.status_of(Formation({"StackStatus": "CREATE_COMPLETE"}), NAME) == ("CREATE_COMPLETE", None)
    assert deploy.status_of(Formation("ValidationError"), NAME) == ("", None)
    with pytest.raises(ClientError, match="AccessDenied"):
        deploy.status_of(Formation("AccessDenied"), NAME)


def test_a_person_is_asked_until_the_value_is_valid(
    declared: Mapping[str, Mapping[str, Any]], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A secret is not echoed."""
    asked: list[tuple[str, str]] = []
    typed = {"echoed": iter(["4", " 7 "]), "hidden": iter(["short secret", SECRET])}

    def asking(how: str) -> Any:
        def ask(prompt: str) -> str:
            asked.append((how, prompt))
            return next(typed[how])

        return ask

    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.setattr("builtins.input", asking("echoed"))
    monkeypatch.setattr("getpass.getpass", asking("hidden"))
    ask = deploy.ask_person(declared)
    assert ask("SolicitationDelayDays") == "7"
    first, *rest = capsys.readouterr().out.splitlines()[1:]
    assert first == " ".join(str(declared["SolicitationDelayDays"]["Description"]).split())
    assert rest == ["SolicitationDelayDays: From 5 to 30 days."]
    assert ask("ClientSecret") == SECRET
    assert "short secret" not in capsys.readouterr().out
    assert asked == [("echoed", "SolicitationDelayDays: ")] * 2 + [("hidden", "ClientSecret: ")] * 2


def test_without_a_terminal_the_environment_must_have_the_value(
    declared: Mapping[str, Mapping[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin.isatty", lambda: False, raising=False)
    message = "ClientId has no value, and there is no terminal to ask at: set the environment variable ClientId"
    with pytest.raises(CommandError, match=f"^{message}$"):
        deploy.ask_person(declared)("ClientId")


@pytest.mark.parametrize("parameters", [{}, {"ClientSecret": SECRET}])
def test_sam_gets_the_values_in_a_file_that_other_users_cannot_read(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, parameters: dict[str, str]
) -> None:
    started: list[list[str]] = []

    def run(command: list[str], *, cwd: Path, env: Mapping[str, str], check: bool) -> Any:
        assert (cwd, check) == (tmp_path, False)
        started.append(command)
        # sam would take a parameter from the environment, and the person has been asked.
        assert "ClientSecret" not in env
        assert (env["PATH"], env["SAM_CLI_TELEMETRY"]) == (os.environ["PATH"], "0")
        if parameters:
            file = Path(command[-1].removeprefix("file://"))
            assert (file.parent, json.loads(file.read_text())) == (Path(env["TMPDIR"]), parameters)
            assert file.parent.stat().st_mode & 0o077 == 0
        return subprocess.CompletedProcess(command, 3)

    monkeypatch.setenv("ClientSecret", SECRET)
    monkeypatch.delenv("SAM_CLI_TELEMETRY", raising=False)
    monkeypatch.setattr(subprocess, "run", run)
    assert deploy._sam_deploy(tmp_path, "dev", "eu-west-1", parameters, ["ClientSecret"]) == 3
    (command,) = started
    assert Path(command[0]).name == "sam"
    config = ["deploy", "--config-file", str(deploy.SETTINGS), "--config-env", "dev", "--region", "eu-west-1"]
    assert command[1:8] == config
    assert command[8:-1] == (["--parameter-overrides"] if parameters else [])


def test_code_that_cannot_be_built_is_not_deployed(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def build(*_: object, **__: object) -> None:
        raise PublishingError("no code")

    monkeypatch.setattr(deploy, "build", build)
    monkeypatch.setattr(deploy, "interpreter", lambda: None)
    with pytest.raises(CommandError, match=r"^no code$"):
        deploy.copy_with_bytecode(deploy.CHECKOUT, tmp_path)
    assert capsys.readouterr().out.startswith("Bytecode: ")
    assert list(tmp_path.iterdir()) == []
