"""The call log: who called which operation, without contents."""

import json
from pathlib import Path

import pytest

from servers import start_server, stop_processes
from tests.emulator.support import ACCOUNT, EMULATOR_PYTHON, FUNCTION_PYTHON, Emulator

CALLER = """
import boto3
def handler(event, context):
    boto3.client("secretsmanager").get_secret_value(SecretId="secret")
    boto3.client("sqs").get_queue_url(QueueName="queue")
"""


def test_calls_are_logged_without_their_contents(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "scratch").mkdir()
    log = tmp_path / "calls.jsonl"
    command = [EMULATOR_PYTHON, "-m", "aws_emulator", "--scratch", str(tmp_path / "scratch"), "--account", ACCOUNT]
    pid, port = start_server(
        "aws_emulator", [*command, "--function-python", FUNCTION_PYTHON, "--call-log", str(log)], tmp_path
    )
    try:
        emulator = Emulator(f"http://127.0.0.1:{port}", tmp_path)
        emulator.client("secretsmanager").create_secret(Name="secret", SecretString="hunter2")
        emulator.client("sqs").create_queue(QueueName="queue")
        emulator.client("s3").create_bucket(Bucket="bucket")
        emulator.client("s3").put_object(Bucket="bucket", Key="key", Body=b"hunter2")
        allowed = {"Effect": "Allow", "Action": ["secretsmanager:*", "sqs:*"], "Resource": "*"}
        name = emulator.create_function(CALLER, emulator.create_role(allowed))
        assert "FunctionError" not in emulator.invoke(name)
    finally:
        stop_processes({"aws_emulator": pid})
    calls = [json.loads(line) for line in log.read_text().splitlines()]
    of_function = [
        (call["service"], call["operation"], call["status"]) for call in calls if call["principal"].endswith(f"/{name}")
    ]
    assert of_function == [("secretsmanager", "GetSecretValue", 200), ("sqs", "GetQueueUrl", 200)]
    assert [(call["method"], call["status"]) for call in calls if call["service"] == "s3"] == [("PUT", 200)] * 2
    assert "hunter2" not in log.read_text()
