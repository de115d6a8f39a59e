"""The advice of the operator's commands, for the stack of this console."""

from operations.console.console import Console
from operations.findings import Finding, addressed


def advice(console: Console, text: str) -> str:
    """The text with the stack's name and region in each command. The commands for the local stack take no name."""
    if console.local:
        return text
    target = f"STACK={console.stack.name} REGION={console.region}"
    return next(addressed([Finding("", "", text)], target)).advice
