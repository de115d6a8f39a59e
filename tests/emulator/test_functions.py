"""Lambda: errors, environment, interpreter, logs, concurrency."""

from __future__ import annotations

import base64
import os
import signal
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.emulator.support import FUNCTION_PYTHON, Emulator, unique, zipped
from tests.waiting import assert_quick, until

ERRORS = """
import os

class ReportNotReadyError(Exception):
    pass

def handler(event, context):
    if event == "raise":
        raise ReportNotReadyError("not yet")
    if event == "exit":
        os._exit(1)
    return os.getpid()
"""
ENVIRONMENT = """
import importlib.util, os, sys

def handler(event, context):
    import boto3
    return {
        "variables": dict(os.environ),
        "emulator": importlib.util.find_spec("ministack") is not None,
        "prefix": sys.prefix,
        "group": context.log_group_name,
        "account": boto3.client("sts").get_caller_identity()["Arn"],
    }
"""
LOGS = """
def handler(event, context):
    for number in range(event["lines"]):
        print(f"{event['name']} {number}")
"""
SLOW = """
import os, time

def handler(event, context):
    time.sleep(0.3)
    return os.getpid()
"""
INTERPRETER = """
import os, sys, time

def handler(event, context):
    return {
        "process": os.getpid(),
        "parent": os.getppid(),
        "arguments": sys.argv,
        "path": sys.path,
        "folder": os.getcwd(),
        "hour": time.localtime(0).tm_hour,
        "sdk": sys.modules["boto3"].__file__,
    }
"""
# Its process dies before it can take an invocation if there is a file "die".
DYING = """
import os, pathlib, time

folder = pathlib.Path(os.environ["FOLDER"])
if (folder / "die").exists():
    os._exit(1)

def handler(event, context):
    while event == "wait" and not (folder / "finish").exists():
        (folder / "running").touch()
        time.sleep(0.05)
    return os.getpid()
"""


def test_a_handlers_exception_keeps_its_type_and_its_process(emulator: Emulator) -> None:
    name = emulator.create_function(ERRORS)
    process = emulator.invoke(name)["Payload"]

    raised = emulator.invoke(name, "raise")

    assert raised["FunctionError"] == "Unhandled"
    assert raised["Payload"]["errorType"] == "ReportNotReadyError"
    assert raised["Payload"]["errorMessage"] == "not yet"
    assert raised["Payload"]["requestId"]
    assert 'raise ReportNotReadyError("not yet")' in raised["Payload"]["stackTrace"][0]
    assert "[ERROR] ReportNotReadyError: not yet" in base64.b64decode(raised["LogResult"]).decode()
    assert emulator.invoke(name)["Payload"] == process


def test_a_process_that_ends_is_an_exit_error(emulator: Emulator) -> None:
    name = emulator.create_function(ERRORS)
    process = emulator.invoke(name)["Payload"]

    ended = emulator.invoke(name, "exit")

    assert ended["Payload"]["errorType"] == "Runtime.ExitError"
    assert emulator.invoke(name)["Payload"] != process


def test_a_process_that_dies_while_it_starts_ends_only_its_own_invocation(emulator: Emulator, tmp_path: Path) -> None:
    name = emulator.create_function(DYING, Environment={"Variables": {"FOLDER": str(tmp_path)}}, Timeout=20)
    process = emulator.invoke(name)["Payload"]

    with ThreadPoolExecutor(1) as other:
        running = other.submit(emulator.invoke, name, "wait")
        until((tmp_path / "running").exists, bool)
        (tmp_path / "die").touch()
        died = emulator.invoke(name)
        (tmp_path / "die").unlink()
        (tmp_path / "finish").touch()

        assert died["Payload"]["errorType"] == "Runtime.ExitError"
        assert running.result()["Payload"] == process
    assert emulator.invoke(name)["Payload"] == process


def test_a_function_has_its_own_environment_and_packages(emulator: Emulator) -> None:
    variables = {"OWN": "value", "TZ": "Europe/Berlin"}
    group = {"LogGroup": "/quickstart/own-group"}
    name = emulator.create_function(ENVIRONMENT, Environment={"Variables": variables}, LoggingConfig=group, Timeout=10)

    seen = emulator.invoke(name)["Payload"]

    assert seen["variables"]["OWN"] == "value"
    assert seen["variables"]["TZ"] == "Europe/Berlin"
    assert seen["variables"]["AWS_REGION"] == "us-east-1"
    assert seen["variables"]["AWS_ENDPOINT_URL"] == emulator.endpoint
    assert seen["variables"]["AWS_EXECUTION_ENV"] == "AWS_Lambda_python3.13"
    assert seen["variables"]["AWS_LAMBDA_FUNCTION_NAME"] == name
    assert not {"AUTH", "GATEWAY_PORT", "MINISTACK_ACCOUNT_ID", "PYTHONPATH"} & set(seen["variables"])
    assert seen["group"] == "/quickstart/own-group"
    assert f"/{name}" in seen["account"]
    assert not seen["emulator"]
    assert Path(seen["prefix"]) == Path(FUNCTION_PYTHON).parents[1]


def test_a_function_finds_what_an_interpreter_of_its_own_has(emulator: Emulator) -> None:
    seen = emulator.invoke(emulator.create_function(INTERPRETER, Environment={"Variables": {"TZ": "Europe/Berlin"}}))
    (script,) = seen["Payload"]["arguments"]
    assert Path(script).name == "_worker.py"
    assert seen["Payload"]["folder"] == str(Path(script).with_name("code"))
    assert {seen["Payload"]["folder"], str(Path(script).parent)} <= set(seen["Payload"]["path"])
    assert not [folder for folder in seen["Payload"]["path"] if "aws_emulator" in folder]
    assert seen["Payload"]["hour"] == 1


@pytest.mark.skipif(not hasattr(os, "pidfd_open"), reason="on Linux, processes of functions are copies of another one")
def test_functions_are_copies_of_an_interpreter_that_is_replaced_when_it_ends(emulator: Emulator) -> None:
    names = [emulator.create_function(INTERPRETER) for _ in range(3)]
    first, second = (emulator.invoke(name)["Payload"] for name in names[:2])
    assert first["parent"] == second["parent"]
    assert "prepared_interpreter.py" in Path(f"/proc/{first['parent']}/cmdline").read_text()
    os.kill(first["parent"], signal.SIGKILL)
    third = emulator.invoke(names[2])["Payload"]
    assert third["parent"] != first["parent"]
    assert emulator.invoke(names[0])["Payload"]["process"] == first["process"]


def test_logs_go_to_the_configured_group_with_their_invocation(emulator: Emulator) -> None:
    emulator.client("logs").create_log_group(logGroupName="/quickstart/logs")
    name = emulator.create_function(LOGS, LoggingConfig={"LogGroup": "/quickstart/logs"})
    emulator.invoke(name, {"name": "first", "lines": 1})

    many = emulator.invoke(name, {"name": "second", "lines": 5000})
    none = emulator.invoke(name, {"name": "third", "lines": 0})

    assert "second 4999" in base64.b64decode(many["LogResult"]).decode()
    assert "second" not in base64.b64decode(none.get("LogResult", "")).decode()
    logs = emulator.client("logs")
    written = until(
        lambda: logs.filter_log_events(logGroupName="/quickstart/logs", filterPattern="first")["events"], len
    )
    assert "first 0" in written[0]["message"]


def test_a_function_does_not_create_its_configured_log_group(emulator: Emulator) -> None:
    name = emulator.create_function(LOGS, LoggingConfig={"LogGroup": "/quickstart/deleted"})
    assert "FunctionError" not in emulator.invoke(name, {"name": "first", "lines": 1})
    found = emulator.client("logs").describe_log_groups(logGroupNamePrefix="/quickstart/deleted")
    assert found["logGroups"] == []


def test_a_warm_function_that_logs_nothing_responds_at_once(emulator: Emulator) -> None:
    name = emulator.create_function("def handler(event, context): return event")
    client = emulator.client("lambda")

    assert_quick(0.045, lambda: client.invoke(FunctionName=name, Payload="1")["Payload"].read(), attempts=200)


def test_functions_share_the_folder_and_the_bytecode_of_a_layer(emulator: Emulator) -> None:
    client = emulator.client("lambda")
    content = {"ZipFile": zipped("VALUE = 'of the layer'", "python/shared.py")}
    layer = client.publish_layer_version(LayerName=unique("layer"), Content=content)["LayerVersionArn"]
    source = "import shared\ndef handler(event, context): return [shared.VALUE, shared.__file__, shared.__cached__]"
    found = [emulator.invoke(emulator.create_function(source, Layers=[layer]))["Payload"] for _ in range(2)]
    assert found[0] == found[1]
    assert found[0][0] == "of the layer"
    assert Path(found[0][2]).exists()


def test_a_burst_runs_in_few_processes(emulator: Emulator) -> None:
    name = emulator.create_function(SLOW)
    with ThreadPoolExecutor(20) as burst:
        processes = set(burst.map(lambda _: emulator.invoke(name)["Payload"], range(20)))

    assert 2 <= len(processes) <= 8


def test_log_events_have_unique_ids(emulator: Emulator) -> None:
    name = emulator.create_function("def handler(event, context):\n    print('first')\n    print('second')")
    emulator.invoke(name)
    logs = emulator.client("logs")

    read = [logs.filter_log_events(logGroupName=f"/aws/lambda/{name}")["events"] for _ in range(2)]

    assert len(read[0]) > 1
    assert len({event["eventId"] for event in read[0]}) == len(read[0])
    assert read[0] == read[1]
