"""`make deploy`: from source to working endpoints, with parameters typed at a terminal; then `make outputs` and `make
logs` for that stack."""

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

import operations.logs
from deployment import EMAIL, REPOSITORY, Deployment, aws, stack_parameters
from operations.deploy import stack_name_of, status_of
from servers import Servers
from simulator import CLIENT_ID
from tests.end_to_end.account import account, difference
from tests.end_to_end.host import HostProduct, changed_function, eventually, function_of, new_seller
from tests.end_to_end.operator_commands import command_of, local_stack, make, operator_environment
from tests.waiting import SECONDS

STACK_NAME = "selling-partner-api-dev"
# Not the simulator's own, which is on its command line.
CLIENT_SECRET = f"amzn1.oa2-cs.v1.{secrets.token_hex(32)}"


@dataclass(frozen=True)
class FromSource:
    """The stack, the output of the terminal, and the command lines of all processes during the deployment."""

    deployment: Deployment
    shown: str
    command_lines: set[str]


@pytest.fixture(scope="module")
def from_source(servers: Servers, tmp_path_factory: pytest.TempPathFactory) -> Iterator[FromSource]:
    """A stack deployed with ENV=dev, with the parameters typed in."""
    temporary = tmp_path_factory.mktemp("temporary")
    before = account(servers)
    local = [f"{name}={value}" for name, value in stack_parameters(servers).items() if name.endswith("Endpoint")]
    command, environment = command_of("deploy", "ENV=dev", f"PARAMETERS={' '.join(repr(each) for each in local)}")
    answers = {"ClientId: ": CLIENT_ID, "ClientSecret: ": CLIENT_SECRET, "ReportStorageNotificationEmail: ": EMAIL}
    master, slave = pty.openpty()
    environment |= operator_environment(servers) | {"TMPDIR": str(temporary)}
    process = subprocess.Popen(
        command, cwd=REPOSITORY, env=environment, stdin=slave, stdout=slave, stderr=slave, start_new_session=True
    )
    os.close(slave)
    shown, seen, looked = "", set(), 0.0
    give_up = time.monotonic() + SECONDS
    while time.monotonic() < give_up:
        if time.monotonic() > looked + 0.1:
            seen |= command_lines()
            looked = time.monotonic()
        if select.select([master], [], [], 0.02)[0]:
            try:
                shown += os.read(master, 65536).decode()
            except OSError:  # the process closed its end
                break
        for question in [question for question in answers if shown.endswith(question)]:
            os.write(master, f"{answers.pop(question)}\n".encode())
    os.close(master)
    assert process.wait(timeout=SECONDS) == 0, shown
    assert list(temporary.iterdir()) == []
    described = aws(servers, "cloudformation").describe_stacks(StackName=STACK_NAME)["Stacks"][0]
    outputs = {output["OutputKey"]: output["OutputValue"] for output in described["Outputs"]}
    yield FromSource(Deployment(servers, STACK_NAME, outputs), shown, seen)
    gone = make(servers, "destroy", f"STACK={STACK_NAME}", "ARGS=--yes")
    assert gone.returncode == 0, gone.stdout + gone.stderr
    # The table of the solicitations, which an update removed, is gone too. sam keeps a bucket in a stack of its own.
    left = difference(before, account(servers))
    assert left.keys() == {"buckets", "keys", "roles", "secrets", "stacks"}
    assert all("sam-cli" in name for name in left["buckets"] | left["stacks"])


def command_lines() -> set[str]:
    """The command lines of all processes, if the system has /proc."""
    found = set()
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            found.add(path.read_text(errors="replace"))
        except OSError:
            continue  # the process has ended
    return found


def test_a_stack_from_source_works(from_source: FromSource) -> None:
    deployment = from_source.deployment
    HostProduct.of(deployment).store_token(new_seller(deployment.servers, "AFROMSOURCE"))
    described = aws(deployment.servers, "cloudformation").describe_stacks(StackName=STACK_NAME)["Stacks"][0]
    assert described["StackStatus"] == "CREATE_COMPLETE"
    assert {"Key": "Environment", "Value": "dev"} in described["Tags"]


def test_the_client_secret_is_never_visible(from_source: FromSource) -> None:
    assert CLIENT_ID in from_source.shown
    assert CLIENT_SECRET not in from_source.shown
    assert "telemetry" not in from_source.shown
    assert any("sam" in line and "parameters.yaml" in line for line in from_source.command_lines)
    assert not any(CLIENT_SECRET in line for line in from_source.command_lines)
    left = subprocess.run(["git", "status", "--porcelain"], cwd=REPOSITORY, capture_output=True, text=True, check=True)
    assert "parameters" not in left.stdout


def test_an_update_keeps_the_values_that_are_not_changed(from_source: FromSource) -> None:
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
    assert again.stdout.endswith("\nThere was nothing to update.\n"), again.stdout


def test_outputs_are_printed_as_a_table_or_as_json(from_source: FromSource) -> None:
    servers = from_source.deployment.servers
    stack = local_stack(servers, STACK_NAME)
    # Invoke URLs as this machine reaches them.
    outputs = {
        name: stack.address(value) if ".execute-api." in value else value for name, value in stack.outputs.items()
    }
    shown = make(servers, "outputs", f"STACK={STACK_NAME}").stdout.splitlines()
    assert len(shown) == len(outputs)
    assert len({line.rindex(" ") for line in shown}) == 1, "the values are aligned"
    assert json.loads(make(servers, "outputs", f"STACK={STACK_NAME}", "ARGS=--json").stdout) == outputs


def test_logs_of_all_functions_are_sorted_by_time(from_source: FromSource) -> None:
    servers, deployment = from_source.deployment.servers, from_source.deployment
    host, seller = HostProduct.of(deployment), new_seller(servers, "ALOGS")
    host.store_token(seller)
    assert host.send("ReportCreatorUrl", {"SellerId": "AUNKNOWN"}).status_code == 400
    function = function_of(deployment, "SPAPIReportCreator")["FunctionName"]
    with changed_function(deployment, "SPAPIReportCreator", Handler="app.missing"):
        aws(servers, "lambda").invoke(FunctionName=function, Payload=b"{}")
    done = make(servers, "logs", f"STACK={STACK_NAME}", "SINCE=5m")
    assert done.returncode == 0, done.stderr
    shown = done.stdout.splitlines()
    begun = [line for line in shown if not line.startswith("    ")]
    assert begun == sorted(begun, key=lambda line: line[:23])
    assert {line.split()[2] for line in begun} >= {"SPAPITokenStorage", "SPAPIReportCreator"}
    (warning,) = [line for line in begun if "WARNING" in line]
    assert "SPAPIReportCreator" in warning
    assert "request_id=" in warning
    of_one = make(servers, "logs", f"STACK={STACK_NAME}", "FUNCTION=SPAPITokenStorage").stdout.splitlines()
    assert {line.split()[2] for line in of_one if not line.startswith("    ")} == {"SPAPITokenStorage"}
    unknown = make(servers, "logs", f"STACK={STACK_NAME}", "FUNCTION=Storage")
    assert unknown.returncode == 1
    assert "  SPAPITokenStorage\n" in unknown.stderr


def test_each_new_line_is_shown_once(servers: Servers, monkeypatch: pytest.MonkeyPatch) -> None:
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
        ("outputs", ["STACK=elsewhere"], [], 2, "no stack elsewhere at http://127.0.0.1"),
        ("outputs", ["STACK=elsewhere"], ["AWS_DEFAULT_REGION"], 2, "REGION=<region>"),
        ("logs", ["STACK=elsewhere"], ["AWS_ACCESS_KEY_ID"], 2, "no AWS credentials"),
        ("destroy", ["STACK=elsewhere"], [], 2, "and no resources left by a deleted one"),
        ("deploy", [], [], 1, "set the environment variable ClientId"),
        ("deploy", ["PARAMETERS=TagKey=Team TagValue=Our Team"], [], 1, "put a value with spaces in quotes"),
        ("deploy", ["PARAMETERS=TagValue=O'Neill"], [], 1, "Put a value with spaces or an apostrophe in quotes"),
        ("redrive-queue", ["STACK=elsewhere"], [], 2, "no stack elsewhere at http://127.0.0.1"),
        ("redrive-executions", ["STACK=elsewhere"], ["AWS_DEFAULT_REGION"], 2, "REGION=<region>"),
    ],
)
def test_errors_say_what_to_do(
    servers: Servers, target: str, variables: list[str], without: list[str], code: int, words: str
) -> None:
    done = make(servers, target, *variables, without=without)
    assert (done.returncode, words in done.stderr) == (code, True), done.stderr
    assert "Traceback" not in done.stderr


def test_a_stack_whose_creation_failed_must_be_deleted_first(servers: Servers) -> None:
    name = stack_name_of("default")
    queue = {"Type": "AWS::SQS::Queue", "Properties": {"DelaySeconds": 99999}}
    aws(servers, "cloudformation").create_stack(
        StackName=name, TemplateBody=json.dumps({"Resources": {"Queue": queue}})
    )
    eventually(lambda: status_of(aws(servers, "cloudformation"), name)[0].endswith("_COMPLETE") or None)
    done, outputs = make(servers, "deploy"), make(servers, "outputs", f"STACK={name}")
    aws(servers, "cloudformation").delete_stack(StackName=name)
    assert done.returncode == 1
    assert "ROLLBACK_COMPLETE: its creation failed and was rolled back" in done.stderr
    for failed in (done, outputs):
        assert f"make destroy STACK={name} REGION=us-east-1" in failed.stderr
    assert f"the stack {name} is ROLLBACK_COMPLETE and has no outputs" in outputs.stderr


def test_every_command_reports_an_unknown_profile(servers: Servers) -> None:
    for target in ("outputs", "logs", "doctor", "redrive-queue", "redrive-executions", "destroy"):
        done = make(servers, target, "STACK=elsewhere", AWS_PROFILE="nobody")
        assert (done.returncode, done.stderr) == (1, "The config profile (nobody) could not be found\n"), target
