"""What the operator's commands share: error handling, exit codes and tables."""

import argparse
import os
import sys
from collections.abc import Callable, Iterable, Mapping
from typing import NoReturn

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from operations.stack import StackUnknownError, explained
from quickstart.secrets import SecretUnreadableError

UNKNOWN, FAILED, INTERRUPTED = 2, 1, 130
# What a shell reports for a program that SIGPIPE ended.
PIPE_CLOSED = 141


class CommandError(Exception):
    """The command cannot continue. The message is for the operator."""


class MakeParser(argparse.ArgumentParser):
    """Parses what a make target passes on. Its messages name the target, and the make variable of an option."""

    def __init__(self, usage: str, description: str | None, variables: Mapping[str, str] | None = None) -> None:
        """`variables` has the make variables by option: {"--since": "SINCE"}."""
        super().__init__(usage=usage, description=(description or "").partition("\n\n")[0])
        self._variables = variables or {}

    def error(self, message: str) -> NoReturn:
        option, _, rest = message.removeprefix("argument ").partition(":")
        if message.startswith("argument ") and option in self._variables:
            message = f"{self._variables[option]}:{rest}"
        self.exit(2, f"{message}\nUsage: {self.usage}\n")


def run_command(command: Callable[[boto3.Session], int], stack_name: str, region: str | None) -> int:
    """Runs the command and prints its errors. Returns its exit code, 2 for an unknown stack, 1 for other errors, 130
    if interrupted, or 141 if nobody reads its output any longer."""
    session: boto3.Session | None = None
    try:
        session = boto3.Session(region_name=region)
        return _flushed(command(session))
    except StackUnknownError as error:
        print(error, file=sys.stderr)
        return UNKNOWN
    except (CommandError, SecretUnreadableError) as error:
        print(error, file=sys.stderr)
        return FAILED
    except (ClientError, BotoCoreError) as error:
        print(explained(error, stack_name, region if session is None else session.region_name), file=sys.stderr)
        return FAILED
    except BrokenPipeError:
        # Nobody reads the output any longer, as in `make doctor | head`. Python would fail again when it flushes it.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return PIPE_CLOSED
    except KeyboardInterrupt:
        print(
            "\nInterrupted. AWS completes the operations in progress. Run the same command again to continue.",
            file=sys.stderr,
        )
        return INTERRUPTED


def _flushed(code: int) -> int:
    """The exit code, once everything is written: what is still buffered would fail when Python ends."""
    sys.stdout.flush()
    return code


def table(rows: Iterable[tuple[str, str]], indent: str = "") -> Iterable[str]:
    """Lines of two aligned columns."""
    kept = list(rows)
    width = max((len(name) for name, _ in kept), default=0)
    return (f"{indent}{name:<{width}}  {value}".rstrip() for name, value in kept)


def counted(number: int, noun: str) -> str:
    """The number with its noun: 1 seller, 2 sellers."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
