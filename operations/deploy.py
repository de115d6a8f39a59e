"""Deploys the templates from source: `python -m operations.deploy` (make deploy).

Runs `sam deploy` with the named environment of samconfig.toml, in a copy of the code that has bytecode for Lambda's
Python. For a new stack, it asks for the parameters that have no default. An existing stack keeps its parameter values,
except those that you pass.
"""

import argparse
import getpass
import json
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import boto3
from botocore.exceptions import ClientError

from operations.command import FAILED, CommandError, run_command
from operations.stack import client_maker
from publishing import Hosting, PublishingError, build, unpack
from publishing.bytecode import described, interpreter
from publishing.parameters import accepts, rule, template_parameters

CHECKOUT = Path(__file__).resolve().parent.parent
TEMPLATE = CHECKOUT / "templates" / "quickstart.yaml"
SETTINGS = CHECKOUT / "samconfig.toml"
INSTALLED_LAYERS = tuple(CHECKOUT / "layers" / name / "python" for name in ("dependencies", "validation", "inflating"))

_DESTROY = "make destroy STACK={name} REGION={region}"
_BLOCKED = {
    "ROLLBACK_COMPLETE": f"its creation failed and was rolled back. Delete it: {_DESTROY}",
    "ROLLBACK_FAILED": f"its creation failed, and so did the rollback. Delete it: {_DESTROY}",
    "CREATE_FAILED": f"its creation failed. Delete it: {_DESTROY}",
    "DELETE_FAILED": f"its deletion failed. Retry it: {_DESTROY}",
    "UPDATE_ROLLBACK_FAILED": "an update failed, and so did its rollback. In the CloudFormation console, find the "
    "cause on the Events tab and fix it, then choose Stack actions, Continue update rollback",
}


def stack_name_of(environment: str) -> str:
    """The name of the stack in an environment of samconfig.toml. Raises CommandError."""
    settings = tomllib.loads(SETTINGS.read_text())
    names: dict[str, str] = {
        name: given["global"]["parameters"]["stack_name"] for name, given in settings.items() if isinstance(given, dict)
    }
    if environment not in names:
        raise CommandError(f"samconfig.toml has no environment {environment}: ENV must be one of {', '.join(names)}")
    return names[environment]


def split(parameters: str) -> list[str]:
    """Splits the text into parameters like a shell. Raises CommandError."""
    try:
        return shlex.split(parameters)
    except ValueError as error:
        raise CommandError(f"PARAMETERS: {error}. Put a value with spaces or an apostrophe in quotes") from None


def read_given(
    arguments: Sequence[str], declared: Mapping[str, Mapping[str, Any]], ask: Callable[[str], str]
) -> dict[str, str]:
    """Reads parameters of the form Name=Value, and asks for the value of a name without one. Raises CommandError."""
    given = {}
    for argument in arguments:
        name, assigned, value = argument.partition("=")
        if name not in declared:
            hint = "" if assigned else " (put a value with spaces in quotes)"
            raise CommandError(f"the template has no parameter {name}{hint}. Its parameters are {', '.join(declared)}")
        if assigned and _is_secret(declared[name]):
            raise CommandError(
                f"{name} is secret. Do not pass its value on the command line, where other users can see it: "
                f'PARAMETERS="{name}" without a value asks for it'
            )
        given[name] = _checked(name, value, declared[name]) if assigned else ask(name)
    return given


def needed(
    declared: Mapping[str, Mapping[str, Any]],
    given: Mapping[str, str],
    environment: Mapping[str, str],
    ask: Callable[[str], str],
) -> dict[str, str]:
    """The parameters without a default that are not given, from the environment variable of that name or by asking."""
    missing = [name for name, parameter in declared.items() if "Default" not in parameter and name not in given]
    return {
        name: _checked(name, environment[name], declared[name]) if environment.get(name) else ask(name)
        for name in missing
    }


def ask_person(declared: Mapping[str, Mapping[str, Any]]) -> Callable[[str], str]:
    """Returns a function that asks at the terminal until the value is valid. Secret values are not echoed."""

    def ask(name: str) -> str:
        if not sys.stdin.isatty():
            raise CommandError(
                f"{name} has no value, and there is no terminal to ask at: set the environment variable {name}"
            )
        print(f"\n{' '.join(str(declared[name]['Description']).split())}")
        while True:
            value = (getpass.getpass if _is_secret(declared[name]) else input)(f"{name}: ").strip()
            try:
                return _checked(name, value, declared[name])
            except CommandError as error:
                print(error)

    return ask


def _checked(name: str, value: str, declared: Mapping[str, Any]) -> str:
    """CloudFormation checks every value too. Checking here lets the operator type a wrong value again."""
    if not accepts(declared, value):
        raise CommandError(f"{name}: {rule(declared)}")
    return value


def _is_secret(declared: Mapping[str, Any]) -> bool:
    return bool(declared.get("NoEcho", False))


def status_of(cloudformation: Any, stack_name: str) -> tuple[str, datetime | None]:
    """The status of the stack (empty if it does not exist) and the time of its last update."""
    try:
        stack = cloudformation.describe_stacks(StackName=stack_name)["Stacks"][0]
        return stack["StackStatus"], stack.get("LastUpdatedTime")
    except ClientError as error:
        if error.response["Error"]["Code"] == "ValidationError":
            return "", None
        raise


def deploy(session: boto3.Session, environment: str, arguments: Sequence[str]) -> int:
    """Runs `sam deploy` and returns the exit code. Raises CommandError, and what boto3 raises."""
    name = stack_name_of(environment)
    for layer in INSTALLED_LAYERS:
        if not any(layer.glob("*")):
            raise CommandError(f"the {layer.parent.name} layer is empty: run make build first")
    client = client_maker(session)
    status, updated = status_of(client("cloudformation"), name)
    if status in _BLOCKED:
        raise CommandError(
            f"The stack {name} is {status}: {_BLOCKED[status].format(name=name, region=session.region_name)}"
        )
    if status.endswith("_IN_PROGRESS") and status != "REVIEW_IN_PROGRESS":
        raise CommandError(f"The stack {name} is {status}: wait until this has ended, then run the command again")
    is_new = status in ("", "REVIEW_IN_PROGRESS")
    account = client("sts").get_caller_identity()["Account"]
    print(
        f"{'Creating' if is_new else 'Updating'} the stack {name} in {session.region_name}, account {account}.",
        flush=True,
    )
    declared = template_parameters(TEMPLATE.read_text())
    ask = ask_person(declared)
    parameters = read_given(arguments, declared, ask)
    if is_new:
        parameters |= needed(declared, parameters, os.environ, ask)
    with tempfile.TemporaryDirectory(prefix="quick-start-code-") as folder:
        copy_with_bytecode(CHECKOUT, Path(folder))
        if _sam_deploy(Path(folder), environment, session.region_name, parameters, list(declared)):
            return FAILED
    status, updated_now = status_of(client("cloudformation"), name)
    if status not in ("CREATE_COMPLETE", "UPDATE_COMPLETE"):
        print("The deployment failed.")
        return FAILED
    if not is_new and updated_now == updated:
        print("There was nothing to update.")
        return 0
    print(f"make outputs STACK={name} REGION={session.region_name} shows these outputs again. Next:")
    print(_next(is_new, name, session.region_name))
    return 0


def copy_with_bytecode(checkout: Path, folder: Path) -> None:
    """Copies the templates, and the functions and layers as `make publish` publishes them. Raises CommandError."""
    python = interpreter()
    print(f"Bytecode: {described(python, 'make deploy')}", flush=True)
    try:
        # sam uploads the code itself, so the hosting does not matter.
        unpack(build(Hosting("bucket", "us-east-1", ""), checkout, python=python), folder)
    except PublishingError as error:
        raise CommandError(str(error)) from error
    shutil.copytree(checkout / "templates", folder / "templates")


def _next(is_new: bool, name: str, region: str) -> str:
    if is_new:
        return "  confirm each subscription that AWS e-mails you, then continue with docs/deployment.md"
    return f"  make doctor STACK={name} REGION={region} checks the stack"


def _sam_deploy(code: Path, environment: str, region: str, parameters: Mapping[str, str], names: Sequence[str]) -> int:
    """Runs sam in the folder `code` and returns its exit code. Passes the values in a temporary file in a private
    folder, because every user of the machine can read a command line."""
    with tempfile.TemporaryDirectory(prefix="quick-start-") as folder:
        command = [str(Path(sys.executable).parent / "sam"), "deploy", "--config-file", str(SETTINGS)]
        command += ["--config-env", environment, "--region", region]
        if parameters:
            path = Path(folder) / "parameters.yaml"  # sam accepts YAML, and JSON is valid YAML
            path.write_text(json.dumps(parameters))
            command += ["--parameter-overrides", f"file://{path}"]
        inherited = {name: value for name, value in os.environ.items() if name not in names}
        # By default, sam sends usage data to AWS and prints a long notice about it.
        inherited.setdefault("SAM_CLI_TELEMETRY", "0")
        # sam leaves an empty folder for each archive that it uploads.
        inherited["TMPDIR"] = folder
        return subprocess.run(command, cwd=code, env=inherited, check=False).returncode  # noqa: S603 our own sam


def main() -> int:
    parser = argparse.ArgumentParser(prog="operations.deploy", description=__doc__.partition("\n")[0])
    parser.add_argument(
        "--parameters",
        default="",
        metavar="'Name=Value ...'",
        help="parameters of the stack; put a value with spaces in quotes; asks for a missing value",
    )
    parser.add_argument("--env", default="default", help="environment of samconfig.toml (default: default)")
    parser.add_argument("--region", help="region to deploy to (default: the region of your AWS configuration)")
    options = parser.parse_args()

    def run(session: boto3.Session) -> int:
        return deploy(session, options.env, split(options.parameters))

    return run_command(run, "", options.region)


if __name__ == "__main__":
    sys.exit(main())
