"""Shows the log lines of a stack's functions and state machines: `python -m operations.logs STACK` (make logs).

Merges the log groups of all nested stacks, oldest line first.
"""

import argparse
import heapq
import json
import re
import signal
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3

from operations.command import CommandError, MakeParser, run_command
from operations.stack import find_stack, resources

_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
# CloudWatch Logs allows an account five to ten FilterLogEvents calls a second, for all log groups together.
_FOLLOW_SECONDS = 5.0
# A line may reach CloudWatch Logs some seconds after its timestamp.
_LATE = timedelta(seconds=30)
# Fields of every Powertools line that are shown in another way or not needed.
_LEFT_OUT = {
    "level", "message", "timestamp", "service", "location", "exception", "exception_name", "stack_trace", "cold_start",
    "function_name", "function_memory_size", "function_arn", "function_request_id", "xray_trace_id",
}  # fmt: skip


@dataclass(frozen=True, order=True)
class Line:
    """One event of a log group. `source` is the function or state machine; `milliseconds` counts since 1970."""

    milliseconds: int
    source: str
    event_id: str
    text: str


def log_groups(cloudformation: Any, stack_name: str) -> Mapping[str, str]:
    """The names of the stack's log groups by function or state machine."""
    return {
        resource.logical_id.removesuffix("LogGroup"): resource.physical_id
        for resource in resources(cloudformation, stack_name)
        if resource.type == "AWS::Logs::LogGroup"
    }


def lines(logs: Any, groups: Mapping[str, str], since: datetime, text: str = "") -> Iterator[Line]:
    """The lines of all groups since that time that contain `text`, oldest first. Pages are fetched as needed."""
    quoted = text.replace("\\", "\\\\").replace('"', '\\"')
    pattern = {"filterPattern": f'"{quoted}"'} if text else {}

    def of_group(source: str, group: str) -> Iterator[Line]:
        pages = logs.get_paginator("filter_log_events").paginate(
            logGroupName=group, startTime=int(since.timestamp() * 1000), **pattern
        )
        for page in pages:
            for event in page["events"]:
                yield Line(event["timestamp"], source, event["eventId"], event["message"])

    return heapq.merge(*(of_group(source, group) for source, group in groups.items()))


def following(logs: Any, groups: Mapping[str, str], since: datetime) -> Iterator[Line]:
    """The lines since that time, then every new line. Never ends."""
    shown: dict[str, int] = {}
    while True:
        for line in lines(logs, groups, since):
            if line.event_id not in shown:
                shown[line.event_id] = line.milliseconds
                yield line
        since = max(since, datetime.now(UTC) - _LATE)
        oldest = since.timestamp() * 1000
        shown = {event_id: milliseconds for event_id, milliseconds in shown.items() if milliseconds >= oldest}
        time.sleep(_FOLLOW_SECONDS)


def shown(line: Line, width: int) -> str:
    """Formats a line: time, source, level, message and fields. Further lines of a message are indented below.

    Text that is not a JSON object is shown unchanged.
    """
    begin = datetime.fromtimestamp(line.milliseconds / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S.%f")[:-3]
    begin = f"{begin}  {line.source:<{width}}  "
    read = _object(line.text)
    if read is None:
        first, *rest = line.text.rstrip().splitlines() or [""]
    elif "_aws" in read:
        first, rest = f"{'METRIC':<8} {_metrics(read)}", []
    elif "execution_arn" in read:
        first, rest = _of_state_machine(read), []
    else:
        first, rest = _of_function(read)
    return "\n".join([begin + first, *(f"    {text}" for text in rest)])


def _object(text: str) -> dict[str, Any] | None:
    try:
        read = json.loads(text)
    except ValueError:
        return None
    return read if isinstance(read, dict) else None


def _of_function(read: Mapping[str, Any]) -> tuple[str, list[str]]:
    fields = {name: value for name, value in read.items() if name not in _LEFT_OUT}
    if "function_request_id" in read:
        fields["request_id"] = read["function_request_id"]
    message = read.get("message", "")
    if not isinstance(message, str):
        message = json.dumps(message)
    first, *rest = message.splitlines() or [""]
    level = str(read.get("level", ""))
    return f"{level:<8} {first}{_fields(fields)}", [*rest, *str(read.get("exception", "")).splitlines()]


def _of_state_machine(read: Mapping[str, Any]) -> str:
    kind = str(read.get("type", ""))
    details = read.get("details", {})
    level = "ERROR" if kind.endswith(("Failed", "TimedOut", "Aborted")) else "INFO"
    fields = {"execution": str(read["execution_arn"]).rpartition(":")[2], **details}
    return f"{level:<8} {kind}{_fields(fields)}"


def _metrics(read: Mapping[str, Any]) -> str:
    names = [
        metric["Name"] for directive in read["_aws"].get("CloudWatchMetrics", []) for metric in directive["Metrics"]
    ]
    return " ".join(f"{name}={json.dumps(read.get(name))}" for name in names)


def _fields(fields: Mapping[str, Any]) -> str:
    texts = (
        f"{name}={value if isinstance(value, str) else json.dumps(value)}"
        for name, value in fields.items()
        if value not in (None, "", {}, [])
    )
    joined = " ".join(texts).replace("\n", " ")
    return f"  {joined}" if joined else ""


def period(text: str) -> timedelta:
    """Parses a period such as 30s, 15m, 1h or 2d. Raises argparse.ArgumentTypeError."""
    found = re.fullmatch(r"(\d{1,4})([smhd])", text)
    if found is None:
        raise argparse.ArgumentTypeError(
            f"{text!r} is not a valid period: use a number and s, m, h or d, such as 30m or 2d"
        )
    return timedelta(**{_UNITS[found[2]]: int(found[1])})


def _chosen(groups: Mapping[str, str], names: Sequence[str]) -> Mapping[str, str]:
    unknown = [name for name in names if name not in groups]
    if unknown:
        known = "\n".join(f"  {name}" for name in sorted(groups))
        raise CommandError(f"The stack has no function or state machine {', '.join(unknown)}. Choose from:\n{known}")
    return {name: groups[name] for name in names} if names else groups


def main() -> int:
    parser = MakeParser(
        "make logs [STACK=<name>] [REGION=] [FUNCTION=] [SINCE=1h] [FOLLOW=1]", __doc__, {"--since": "SINCE"}
    )
    parser.add_argument("stack", help="name of the root stack")
    parser.add_argument("--region", help="the stack's region (default: the region of your AWS configuration)")
    parser.add_argument(
        "--function", default="", help="functions or state machines, separated by commas (default: all)"
    )
    parser.add_argument("--since", type=period, default="1h", help="how far back: 30s, 15m, 1h, 2d (default: 1h)")
    parser.add_argument("--follow", action="store_true", help="keep showing new lines until Ctrl-C")
    options = parser.parse_args()
    # Lets `make logs ... | head` end without an error.
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)

    def show(session: boto3.Session) -> int:
        stack = find_stack(options.stack, session)
        groups = _chosen(
            log_groups(stack.client("cloudformation"), stack.name), list(filter(None, options.function.split(",")))
        )
        width = max(len(source) for source in groups)
        since = datetime.now(UTC) - options.since
        read = following if options.follow else lines
        found = False
        try:
            for line in read(stack.client("logs"), groups, since):
                print(shown(line, width), flush=options.follow)
                found = True
        except KeyboardInterrupt:
            return 0
        if not found:
            print("No log lines in this period. To look further back, set SINCE, such as SINCE=2d.", file=sys.stderr)
        return 0

    return run_command(show, options.stack, options.region)


if __name__ == "__main__":
    sys.exit(main())
