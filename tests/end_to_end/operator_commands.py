"""The operator's make targets, run as they are written in the docs."""

import os
import shlex
import subprocess
from collections.abc import Sequence
from pathlib import Path

from deployment import REPOSITORY
from servers import Servers

TOOLS_PYTHON = Path(os.environ.get("TOOLS_PYTHON", REPOSITORY / ".venv" / "bin" / "python"))


def command_of(target: str, *variables: str) -> tuple[list[str], dict[str, str]]:
    """The command of a make target and its environment, without making the virtual environments again."""
    told = subprocess.run(
        ["make", "-n", target, *variables],
        cwd=REPOSITORY,
        # Not the variables of a make that runs these tests, such as ARGS.
        env={"PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    (line,) = [line for line in told.replace("\\\n", " ").splitlines() if " -m operations." in line]
    python_path, _, *arguments = shlex.split(line)
    given = dict(variable.split("=", 1) for variable in variables)
    arguments = [given.get("PARAMETERS", "") if argument == "$PARAMETERS" else argument for argument in arguments]
    return [str(TOOLS_PYTHON), *arguments], {"PYTHONPATH": python_path.removeprefix("PYTHONPATH=")}


def operator_environment(servers: Servers) -> dict[str, str]:
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(servers.run_directory),
        "SAM_CLI_TELEMETRY": "0",
        "PYTHONUTF8": "1",
        "AWS_ENDPOINT_URL": servers.aws_endpoint,
        "AWS_ENDPOINT_URL_EXECUTE_API": f"{servers.aws_endpoint}/_aws/execute-api",
        "AWS_DEFAULT_REGION": servers.region,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
    }


def make(
    servers: Servers, target: str, *variables: str, answer: str = "", without: Sequence[str] = (), **changed: str
) -> subprocess.CompletedProcess[str]:
    """The target's command as it ended; `answer` is typed in, and `changed` adds to its environment."""
    command, environment = command_of(target, *variables)
    inherited = {name: value for name, value in operator_environment(servers).items() if name not in without}
    return subprocess.run(
        command,
        cwd=REPOSITORY,
        env=inherited | environment | changed,
        input=answer,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
