"""`make deploy`: from source to endpoints that answer, with the questions answered at a terminal; then `make outputs`
and `make logs` on what it has made."""

import json
import os
import pty
import secrets
import select
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from doctor import local_stack

import operations.logs
from deployment import EMAIL, REPOSITORY, Deployment, aws, stack_parameters
from operations.deploy import stack_name_of, status_of
from servers import Servers
from simulator import CLIENT_ID
from tests.end_to_end.account import account, difference
from tests.end_to_end.host import HostProduct, changed_function, eventually, function_of, new_seller
from tests.end_to_end.operator_commands import command_of, make, operator_environment

STACK_NAME = "selling-partner-api-quick-start-dev"
SECONDS = 90
# Not the one that the simulator is started with, which is on its command line.
CLIENT_SECRET = f"amzn1.oa2-cs.v1.{secrets.token_hex(32)}"


@dataclass(frozen=True)
class FromSource:
    """The stack, what the terminal showed, and every command line that was seen meanwhile."""

    deployment: Deployment
    shown: str
    command_lines: set[str]


@pytest.fixture(scope="module")
def from_source(servers: Servers) -> Iterator[FromSource]:
    """Deployed with ENV=dev by a person who types in what is asked for."""
    before = account(servers)
    local = [f"{name}={value}" for name, value in stack_parameters(servers).items() if name.endswith("Endpoint")]
    command, environment = command_of("deploy", "ENV=dev", f"PARAMETERS={' '.join(repr(each) for each in local)}")
    answers = {"ClientId: ": CLIENT_ID, "ClientSecret: ": CLIENT_SECRET, "ReportStorageNotificationEmail: ": EMAIL}
    master, slave = pty.openpty()
    process = subprocess.Popen(
        command, cwd=REPOSITORY, env=operator_environment(servers) | environment, stdin=slave, stdout=slave,
        stderr=slave, start_new_session=True,
    )  # fmt: skip
    os.close(slave)
    shown, seen = "", set()
    give_up = time.monotonic() + SECONDS
    while time.monotonic() < give_up:
        seen |= command_lines()
        if select.select([master], [], [], 0.02)[0]:
            try:
                shown += os.read(master, 65536).decode()
            except OSError:  # the other end is closed
                break
        for question in [question for question in answers if shown.endswith(question)]:
            os.write(master, f"{answers.pop(question)}\n".encode())
    os.close(master)
    assert process.wait(timeout=10) == 0, shown
    described = aws(servers, "cloudformation").describe_stacks(StackName=STACK_NAME)["Stacks"][0]
    outputs = {output["OutputKey"]: output["OutputValue"] for output in described["Outputs"]}
    yield FromSource(Deployment(servers, STACK_NAME, outputs), shown, seen)
    gone = make(servers, "destroy", f"STACK={STACK_NAME}", "ARGS=--yes")
    assert gone.returncode == 0, gone.stdout + gone.stderr
    # Not the table of the solicitations either, which an update has taken out; sam has a bucket, in a stack of its own.
    left = difference(before, account(servers))
    assert left.keys() == {"buckets", "keys", "secrets", "stacks"}
    assert all("sam-cli" in name for name in left["buckets"] | left["stacks"])


def command_lines() -> set[str]:
    """Of all processes, where the system shows them as files."""
    found = set()
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            found.add(path.read_text(errors="replace"))
        except OSError:
            continue  # it has ended
    return found


def test_a_stack_from_source_serves(from_source: FromSource) -> None:
    deployment = from_source.deployment
    HostProduct.of(deployment).store_token(new_seller(deployment.servers, "AFROMSOURCE"))
    described = aws(deployment.servers, "cloudformation").describe_stacks(StackName=STACK_NAME)["Stacks"][0]
    assert described["StackStatus"] == "CREATE_COMPLETE"
    assert {"Key": "Environment", "Value": "dev"} in described["Tags"]


def test_the_client_secret_is_seen_nowhere(from_source: FromSource) -> None:
    assert CLIENT_ID in from_source.shown
    assert CLIENT_SECRET not in from_source.shown
    assert "telemetry" not in from_source.shown
    assert any("sam" in line and "parameters.yaml" in line for line in from_source.command_lines)
    assert not any(CLIENT_SECRET in line for line in from_source.command_lines)
    left = subprocess.run(["git", "status", "--porcelain"], cwd=REPOSITORY, capture_output=True, text=True, check=True)
    assert "parameters" not in left.stdout


def test_an_update_keeps_the_values_and_takes_the_changes(from_source: FromSource) -> None:
    servers = from_source.deployment.servers
    changes = "LogRetentionDays=90 SolicitationsEnabled=No"
    assert f'make deploy ENV=dev PARAMETERS="{changes}"' in (REPOSITORY / "docs" / "operations.md").read_text()
    done = make(servers, "deploy", "ENV=dev", f"PARAMETERS={changes}")
    assert done.returncode == 0, done.stdout + done.stderr
    parameters = local_stack(servers, STACK_NAME).parameters
    assert (parameters["LogRetentionDays"], parameters["SolicitationsEnabled"]) == ("90", "No")
    assert parameters["ClientId"] == CLIENT_ID
    stored = aws(servers, "secretsmanager").get_secret_value(
        SecretId=from_source.deployment.outputs["ApplicationSecretArn"]
    )
    assert json.loads(stored["SecretString"])["AppClientSecret"] == CLIENT_SECRET
    again = make(servers, "deploy", "ENV=dev", f"PARAMETERS={changes}")
    assert again.returncode == 0, again.stderr
    assert again.stdout.endswith("\nNothing was changed.\n"), again.stdout


def test_outputs_are_shown_to_people_and_to_programs(from_source: FromSource) -> None:
    servers = from_source.deployment.servers
    outputs = local_stack(servers, STACK_NAME).outputs
    shown = make(servers, "outputs", f"STACK={STACK_NAME}").stdout.splitlines()
    assert len(shown) == len(outputs)
    assert len({line.rindex(" ") for line in shown}) == 1, "the values stand below each other"
    assert json.loads(make(servers, "outputs", f"STACK={STACK_NAME}", "ARGS=--json").stdout) == outputs


def test_logs_of_all_functions_are_shown_by_time(from_source: FromSource) -> None:
    servers, deployment = from_source.deployment.servers, from_source.deployment
    host, seller = HostProduct.of(deployment), new_seller(servers, "ALOGS")
    host.store_token(seller)
    assert host.send("ReportCreatorUrl", {"SellerId": "AUNKNOWN"}).status_code == 400
    function = function_of(deployment, "SPAPIReportCreator")["FunctionName"]
    with changed_function(deployment, "SPAPIReportCreator", Handler="app.missing"):
        aws(servers, "lambda").invoke(FunctionName=function, Payload=b"{}")
    told = make(servers, "logs", f"STACK={STACK_NAME}", "SINCE=5m")
    assert told.returncode == 0, told.stderr
    shown = told.stdout.splitlines()
    begun = [line for line in shown if not line.startswith("    ")]
    assert begun == sorted(begun, key=lambda line: line[:23])
    assert {line.split()[2] for line in begun} >= {"SPAPITokenStorage", "SPAPIReportCreator"}
    (refused,) = [line for line in begun if "WARNING" in line]
    assert "SPAPIReportCreator" in refused
    assert "request_id=" in refused
    of_one = make(servers, "logs", f"STACK={STACK_NAME}", "FUNCTION=SPAPITokenStorage").stdout.splitlines()
    assert {line.split()[2] for line in of_one if not line.startswith("    ")} == {"SPAPITokenStorage"}
    unknown = make(servers, "logs", f"STACK={STACK_NAME}", "FUNCTION=Storage")
    assert unknown.returncode == 1
    assert "  SPAPITokenStorage\n" in unknown.stderr


def test_new_lines_are_shown_once_each(servers: Servers, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(operations.logs, "_FOLLOW_SECONDS", 0.05)
    client, group = aws(servers, "logs"), "/quick-start/followed"
    client.create_log_group(logGroupName=group)
    client.create_log_stream(logGroupName=group, logStreamName="stream")

    def write(*messages: str) -> None:
        now = round(time.time() * 1000)
        events = [{"timestamp": now, "message": message} for message in messages]
        client.put_log_events(logGroupName=group, logStreamName="stream", logEvents=events)

    shown = operations.logs.following(client, {"Function": group}, datetime.now(UTC) - timedelta(minutes=1))
    write("first", "second")
    assert {next(shown).text, next(shown).text} == {"first", "second"}
    write("third")
    assert next(shown).text == "third"
    write("fourth")
    assert next(shown).text == "fourth"
    client.delete_log_group(logGroupName=group)


@pytest.mark.parametrize(
    ("target", "variables", "without", "code", "words"),
    [
        ("outputs", ["STACK=elsewhere"], [], 2, "no stack elsewhere in us-east-1"),
        ("outputs", ["STACK=elsewhere"], ["AWS_DEFAULT_REGION"], 2, "REGION=<region>"),
        ("logs", ["STACK=elsewhere"], ["AWS_ACCESS_KEY_ID"], 2, "no AWS credentials"),
        ("destroy", ["STACK=elsewhere"], [], 2, "no stack elsewhere in us-east-1, and nothing is left of one"),
        ("deploy", [], [], 1, "set the environment variable ClientId"),
        ("deploy", ["PARAMETERS=TagKey=Team TagValue=Our Team"], [], 1, "a value with spaces stands in quotes"),
        ("deploy", ["PARAMETERS=TagValue=O'Neill"], [], 1, "A value with spaces or an apostrophe stands in quotes"),
        ("redrive-queue", ["STACK=elsewhere"], [], 2, "no stack elsewhere in us-east-1"),
        ("redrive-executions", ["STACK=elsewhere"], ["AWS_DEFAULT_REGION"], 2, "REGION=<region>"),
    ],
)
def test_what_is_wrong_is_told(
    servers: Servers, target: str, variables: list[str], without: list[str], code: int, words: str
) -> None:
    done = make(servers, target, *variables, without=without)
    assert (done.returncode, words in done.stderr) == (code, True), done.stderr
    assert "Traceback" not in done.stderr


def test_a_stack_whose_creation_failed_must_go_first(servers: Servers) -> None:
    name = stack_name_of("default")
    queue = {"Type": "AWS::SQS::Queue", "Properties": {"DelaySeconds": 99999}}
    aws(servers, "cloudformation").create_stack(
        StackName=name, TemplateBody=json.dumps({"Resources": {"Queue": queue}})
    )
    eventually(lambda: status_of(aws(servers, "cloudformation"), name)[0].endswith("_COMPLETE") or None)
    done, outputs = make(servers, "deploy"), make(servers, "outputs", f"STACK={name}")
    aws(servers, "cloudformation").delete_stack(StackName=name)
    assert done.returncode == 1
    assert "ROLLBACK_COMPLETE: its creation failed and was undone" in done.stderr
    for told in (done, outputs):
        assert f"make destroy STACK={name} REGION=us-east-1" in told.stderr
    assert f"the stack {name} is ROLLBACK_COMPLETE and has no outputs" in outputs.stderr


def test_a_profile_that_is_none_is_told_by_each(servers: Servers) -> None:
    for target in ("outputs", "logs", "doctor", "redrive-queue", "redrive-executions", "destroy"):
        done = make(servers, target, "STACK=elsewhere", AWS_PROFILE="nobody")
        assert (done.returncode, done.stderr) == (1, "The config profile (nobody) could not be found\n"), target
