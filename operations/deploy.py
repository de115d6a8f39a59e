"""Deploys the templates from source: `python -m operations.deploy` (make deploy).

`sam deploy` does it, with the environment of samconfig.toml that is named. For a new stack it asks for the parameters
that have no default; a stack that is there keeps its values, except those that are given.
"""

import argparse
import getpass
import json
import os
import shlex
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

from operations.command import FAILED, CommandError, ended
from operations.stack import client_maker
from publishing.parameters import accepts, rule, template_parameters

CHECKOUT = Path(__file__).resolve().parent.parent
TEMPLATE = CHECKOUT / "templates" / "quickstart.yaml"
SETTINGS = CHECKOUT / "samconfig.toml"
DEPENDENCIES = CHECKOUT / "layers" / "dependencies" / "python"

_DESTROY = "make destroy STACK={name} REGION={region}"
_BLOCKED = {
    "ROLLBACK_COMPLETE": f"its creation failed and was undone. Remove what is left of it: {_DESTROY}",
    "ROLLBACK_FAILED": f"its creation failed and could not be undone. Remove it: {_DESTROY}",
    "CREATE_FAILED": f"its creation failed. Remove it: {_DESTROY}",
    "DELETE_FAILED": f"its deletion did not finish. Go on with it: {_DESTROY}",
    "UPDATE_ROLLBACK_FAILED": "an update failed and could not be undone. In the CloudFormation console mend what it "
    "names, then Stack actions, Continue update rollback",
}


def stack_name_of(environment: str) -> str:
    """The stack's name in that environment of samconfig.toml. Raises CommandError."""
    settings = tomllib.loads(SETTINGS.read_text())
    names: dict[str, str] = {
        name: given["global"]["parameters"]["stack_name"] for name, given in settings.items() if isinstance(given, dict)
    }
    if environment not in names:
        raise CommandError(f"samconfig.toml has no environment {environment}: ENV is one of {', '.join(names)}")
    return names[environment]


def split(parameters: str) -> list[str]:
    """The parameters of a text as a shell would part it. Raises CommandError."""
    try:
        return shlex.split(parameters)
    except ValueError as error:
        raise CommandError(f"PARAMETERS: {error}. A value with spaces or an apostrophe stands in quotes") from None


def read_given(
    arguments: Sequence[str], declared: Mapping[str, Mapping[str, Any]], ask: Callable[[str], str]
) -> dict[str, str]:
    """Parameters given as Name=Value, or as Name alone, which is asked for. Raises CommandError."""
    given = {}
    for argument in arguments:
        name, assigned, value = argument.partition("=")
        if name not in declared:
            hint = "" if assigned else "; a value with spaces stands in quotes"
            raise CommandError(f"the template has no parameter {name}{hint}. It has {', '.join(declared)}")
        if assigned and _is_secret(declared[name]):
            raise CommandError(
                f'{name} is secret and does not belong on a command line, where others see it: PARAMETERS="{name}" '
                "without a value asks for it"
            )
        given[name] = _checked(name, value, declared[name]) if assigned else ask(name)
    return given


def needed(
    declared: Mapping[str, Mapping[str, Any]],
    given: Mapping[str, str],
    environment: Mapping[str, str],
    ask: Callable[[str], str],
) -> dict[str, str]:
    """What a new stack needs besides: from the environment variable of the parameter's name, else asked for."""
    missing = [name for name, parameter in declared.items() if "Default" not in parameter and name not in given]
    return {
        name: _checked(name, environment[name], declared[name]) if environment.get(name) else ask(name)
        for name in missing
    }


def ask_person(declared: Mapping[str, Mapping[str, Any]]) -> Callable[[str], str]:
    """Asks at the terminal until the value is one that the template takes; what is secret is not shown."""

    def ask(name: str) -> str:
        if not sys.stdin.isatty():
            raise CommandError(f"there is no value for {name}, and nobody to ask: set the environment variable {name}")
        print(f"\n{' '.join(str(declared[name]['Description']).split())}")
        while True:
            value = (getpass.getpass if _is_secret(declared[name]) else input)(f"{name}: ").strip()
            try:
                return _checked(name, value, declared[name])
            except CommandError as error:
                print(error)

    return ask


def _checked(name: str, value: str, declared: Mapping[str, Any]) -> str:
    """CloudFormation checks everything; this tells a mistake while it can be mended by typing again."""
    if not accepts(declared, value):
        raise CommandError(f"{name}: {rule(declared)}")
    return value


def _is_secret(declared: Mapping[str, Any]) -> bool:
    return bool(declared.get("NoEcho", False))


def status_of(cloudformation: Any, stack_name: str) -> tuple[str, datetime | None]:
    """The stack's status, empty when there is none, and when it was last updated."""
    try:
        stack = cloudformation.describe_stacks(StackName=stack_name)["Stacks"][0]
        return stack["StackStatus"], stack.get("LastUpdatedTime")
    except ClientError as error:
        if error.response["Error"]["Code"] == "ValidationError":
            return "", None
        raise


def deploy(session: boto3.Session, environment: str, arguments: Sequence[str]) -> int:
    """Runs `sam deploy`. Raises CommandError, and what boto3 raises."""
    name = stack_name_of(environment)
    if not any(DEPENDENCIES.glob("*")):
        raise CommandError("the layer of dependencies is empty: run make build first")
    client = client_maker(session)
    status, updated = status_of(client("cloudformation"), name)
    if status in _BLOCKED:
        raise CommandError(
            f"The stack {name} is {status}: {_BLOCKED[status].format(name=name, region=session.region_name)}"
        )
    if status.endswith("_IN_PROGRESS") and status != "REVIEW_IN_PROGRESS":
        raise CommandError(f"The stack {name} is {status}: wait until that has ended, then run this again")
    is_new = status in ("", "REVIEW_IN_PROGRESS")
    account = client("sts").get_caller_identity()["Account"]
    print(
        f"{'Creates' if is_new else 'Updates'} the stack {name} in {session.region_name}, account {account}.",
        flush=True,
    )
    declared = template_parameters(TEMPLATE.read_text())
    ask = ask_person(declared)
    parameters = read_given(arguments, declared, ask)
    if is_new:
        parameters |= needed(declared, parameters, os.environ, ask)
    if _sam_deploy(environment, session.region_name, parameters, list(declared)):
        return FAILED
    status, updated_now = status_of(client("cloudformation"), name)
    if status not in ("CREATE_COMPLETE", "UPDATE_COMPLETE"):
        print("Not deployed.")
        return FAILED
    if not is_new and updated_now == updated:
        print("Nothing was changed.")
        return 0
    print(f"make outputs STACK={name} REGION={session.region_name} shows these again. Next:")
    print(_next(is_new, name, session.region_name))
    return 0


def _next(is_new: bool, name: str, region: str) -> str:
    if is_new:
        return "  confirm the two subscriptions that AWS mails; docs/deployment.md goes on from there"
    return f"  make doctor STACK={name} REGION={region} looks the stack over"


def _sam_deploy(environment: str, region: str, parameters: Mapping[str, str], names: Sequence[str]) -> int:
    """Its exit code. The values lie in a file of a private folder outside the checkout for as long as it runs: on its
    command line every user of the machine could read them."""
    with tempfile.TemporaryDirectory(prefix="quick-start-") as folder:
        command = [str(Path(sys.executable).parent / "sam"), "deploy", "--config-file", str(SETTINGS)]
        command += ["--config-env", environment, "--region", region]
        if parameters:
            path = Path(folder) / "parameters.yaml"  # JSON is YAML, and sam takes no file that says JSON
            path.write_text(json.dumps(parameters))
            command += ["--parameter-overrides", f"file://{path}"]
        inherited = {name: value for name, value in os.environ.items() if name not in names}
        # sam reports its use to AWS, and says so at length, unless it is told; whoever wants that may say so.
        inherited.setdefault("SAM_CLI_TELEMETRY", "0")
        return subprocess.run(command, cwd=CHECKOUT, env=inherited, check=False).returncode  # noqa: S603 our own sam


def main() -> int:
    parser = argparse.ArgumentParser(prog="operations.deploy", description=__doc__.partition("\n")[0])
    parser.add_argument(
        "--parameters",
        default="",
        metavar="'Name=Value ...'",
        help="parameters of the stack; a value with spaces in quotes; Name alone is asked for",
    )
    parser.add_argument("--env", default="default", help="environment of samconfig.toml (default: default)")
    parser.add_argument("--region", help="where, if not in your usual region")
    options = parser.parse_args()

    def run(session: boto3.Session) -> int:
        return deploy(session, options.env, split(options.parameters))

    return ended(run, "", options.region)


if __name__ == "__main__":
    sys.exit(main())
