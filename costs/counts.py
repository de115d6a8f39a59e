"""What was counted of one report or one order: everything that AWS bills for, or that tells how long functions run."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

COUNTS = Path(__file__).with_name("counts.json")
SMALL_REPORT, LARGE_REPORT, ORDER = "report of 1 MB", "report of 50 MB", "order"


@dataclass(frozen=True)
class FunctionCount:
    """One function's part. `log_bytes` is what CloudWatch Logs takes in, with its 26 bytes for each event."""

    memory_megabytes: int
    invocations: int
    aws_calls: int
    log_bytes: int


@dataclass(frozen=True)
class FlowCount:
    """One report or one order from its start to its end, with functions that start cold and messages one by one.

    `sp_api_calls` are by operation, with Login with Amazon's (getAccessToken) and the document's (downloadDocument).
    `table_bytes` is what stays in the tables, indexes included; `stored_bytes` what stays in the bucket.
    """

    api_requests: int
    functions: Mapping[str, FunctionCount]
    sp_api_calls: Mapping[str, int]
    state_transitions: int
    queue_messages: int
    queue_requests_of_functions: int
    read_units: float
    write_units: float
    table_bytes: int
    bucket_writes: int
    bucket_reads: int
    stored_bytes: int
    key_requests: int
    secret_reads: int
    publishes: int
    events: int
    schedules_invoked: int
    custom_metrics: int


def save(counts: Mapping[str, FlowCount], path: Path = COUNTS) -> None:
    path.write_text(json.dumps({name: asdict(count) for name, count in counts.items()}, indent=2) + "\n")


def load(path: Path = COUNTS) -> Mapping[str, FlowCount]:
    """Raises FileNotFoundError when nothing was counted yet."""
    return {name: _flow(count) for name, count in json.loads(path.read_text()).items()}


def _flow(saved: Mapping[str, Any]) -> FlowCount:
    functions = {name: FunctionCount(**count) for name, count in saved["functions"].items()}
    return FlowCount(**{**saved, "functions": functions})
