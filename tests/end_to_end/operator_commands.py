"""The operator's make targets, run as documented."""

import os
import shlex
import subprocess
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import boto3

import environment
from deployment import REPOSITORY, local_address
from operations.stack import Stack, find_stack
from servers import Servers
from tests.waiting import SECONDS

TOOLS_PYTHON = Path(os.environ.get("TOOLS_PYTHON", REPOSITORY / ".venv" / "bin" / "python"))


def command_of(target: str, *variables: str) -> tuple[list[str], dict[str, str]]:
    """The command of a make target and its environment, without the set-up of virtual environments."""
    (line,) = [
        line for line in _printed(target, *variables).replace("\\\n", " ").splitlines() if " -m operations." in line
    ]
    python_path, *command = shlex.split(line)
    # Behind the interpreter, and the shell's exec.
    arguments = command[command.index("-m") :]
    given = dict(variable.split("=", 1) for variable in variables)
    # The shell reads these from the environment, because they may have any characters.
    arguments = [given.get(argument[1:], "") if argument.startswith("$") else argument for argument in arguments]
    return [str(TOOLS_PYTHON), *arguments], {"PYTHONPATH": python_path.removeprefix("PYTHONPATH=")}


@lru_cache(maxsize=64)
def _printed(target: str, *variables: str) -> str:
    return subprocess.run(
        ["make", "-n", target, *variables],
        cwd=REPOSITORY,
        # Not the variables of a make that runs these tests, such as ARGS.
        env={"PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        check=True,
    ).stdout


def operator_environment(servers: Servers) -> dict[str, str]:
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(servers.run_directory),
        "SAM_CLI_TELEMETRY": "0",
        "PYTHONUTF8": "1",
        **environment.operator_environment(servers),
    }


def make(
    servers: Servers, target: str, *variables: str, answer: str = "", without: Sequence[str] = (), **changed: str
) -> subprocess.CompletedProcess[str]:
    """Runs the command of the target. `answer` is its standard input, and `changed` is added to its environment."""
    command, set_by_make = command_of(target, *variables)
    inherited = {name: value for name, value in operator_environment(servers).items() if name not in without}
    return subprocess.run(
        command,
        cwd=REPOSITORY,
        env=inherited | set_by_make | changed,
        input=answer,
        capture_output=True,
        text=True,
        check=False,
        timeout=SECONDS,
    )


@lru_cache(maxsize=4)
def _session(region: str) -> boto3.Session:
    return boto3.Session("test", "test", region_name=region)


def local_stack(servers: Servers, stack_name: str) -> Stack:
    """A stack on the emulator, in the form that `operations` uses."""
    return find_stack(
        stack_name, _session(servers.region), servers.aws_endpoint, lambda url: local_address(servers, url)
    )
