"""What the operator's commands share: how they end, and how they show a table."""

import sys
from collections.abc import Callable, Iterable

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from operations.stack import StackUnknownError, explained
from quickstart.secrets import SecretUnreadableError

UNKNOWN, FAILED, INTERRUPTED = 2, 1, 130


class CommandError(Exception):
    """The command cannot go on; the message is for the operator."""


def ended(command: Callable[[boto3.Session], int], stack_name: str, region: str | None) -> int:
    """The exit code of the command: its own; 2 for a stack that is none, 1 for what fails, 130 when interrupted."""
    session: boto3.Session | None = None
    try:
        session = boto3.Session(region_name=region)
        return command(session)
    except StackUnknownError as error:
        print(error, file=sys.stderr)
        return UNKNOWN
    except (CommandError, SecretUnreadableError) as error:
        print(error, file=sys.stderr)
        return FAILED
    except (ClientError, BotoCoreError) as error:
        print(explained(error, stack_name, region if session is None else session.region_name), file=sys.stderr)
        return FAILED
    except KeyboardInterrupt:
        print(
            "\nInterrupted. AWS finishes what it has begun; the same command again goes on from there.", file=sys.stderr
        )
        return INTERRUPTED


def table(rows: Iterable[tuple[str, str]], indent: str = "") -> Iterable[str]:
    """Aligned lines of two columns."""
    kept = list(rows)
    width = max((len(name) for name, _ in kept), default=0)
    return (f"{indent}{name:<{width}}  {value}".rstrip() for name, value in kept)


def counted(number: int, noun: str) -> str:
    """1 seller, 2 sellers."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
