"""The published templates, and an AWS emulator to publish to.

EMULATOR_PYTHON and FUNCTION_PYTHON name the interpreters of the emulator and of the functions.
"""

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config

from servers import start_server, stop_processes
from tests.templates.reading import CHECKOUT, Template, transformed_templates

EMULATOR_PYTHON = os.environ.get("EMULATOR_PYTHON", str(CHECKOUT / ".venv-emulator/bin/python"))
FUNCTION_PYTHON = os.environ.get("FUNCTION_PYTHON", str(CHECKOUT / ".venv-functions/bin/python"))


@pytest.fixture(scope="session")
def templates(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Template]:
    """The published templates after the SAM transform, by name."""
    return transformed_templates(tmp_path_factory.mktemp("checkout"))


@dataclass(frozen=True)
class Account:
    """The emulator's account, as its owner or with an IAM user's keys."""

    endpoint: str

    def session(self, access_key: str = "test", secret_key: str = "test", region: str = "us-east-1") -> boto3.Session:
        return boto3.Session(access_key, secret_key, region_name=region)

    @cache  # noqa: B019 - one account lives as long as the tests do; each client costs a seventh of a second
    def client(self, service: str, region: str = "us-east-1") -> Any:
        config = Config(s3={"addressing_style": "path"}) if service == "s3" else None
        session: Any = self.session(region=region)
        return session.client(service, endpoint_url=self.endpoint, config=config)

    def user_keys(self, name: str, *statements: dict[str, object]) -> tuple[str, str]:
        """Make an IAM user with these policy statements; gives an access key ID and a secret access key."""
        iam = self.client("iam")
        iam.create_user(UserName=name)
        for number, statement in enumerate(statements):
            document = {"Version": "2012-10-17", "Statement": [statement]}
            iam.put_user_policy(UserName=name, PolicyName=f"policy{number}", PolicyDocument=json.dumps(document))
        key = iam.create_access_key(UserName=name)["AccessKey"]
        return key["AccessKeyId"], key["SecretAccessKey"]


@pytest.fixture(scope="session")
def account(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Account]:
    run: Path = tmp_path_factory.mktemp("emulator")
    (run / "scratch").mkdir()
    command = [EMULATOR_PYTHON, "-m", "aws_emulator", "--scratch", str(run / "scratch")]
    pid, port = start_server("aws_emulator", [*command, "--function-python", FUNCTION_PYTHON], run)
    try:
        yield Account(f"http://127.0.0.1:{port}")
    finally:
        stop_processes({"aws_emulator": pid})
