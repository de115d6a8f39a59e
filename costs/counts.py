"""The counts for one report, order, listing or pull: what AWS bills, or what determines how long functions run."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

COUNTS = Path(__file__).with_name("counts.json")
SMALL_REPORT, LARGE_REPORT, ORDER, LISTING = "report of 1 MB", "report of 50 MB", "order", "listing"
PULL, TYPES_OF_A_PULL = "pull of 50 product types", 50


@dataclass(frozen=True)
class FunctionCount:
    """The counts of one function. `log_bytes` is what CloudWatch Logs ingests, with its 26 bytes for each event.

    `calls` are the calls to AWS by service and operation, such as "dynamodb GetItem". `warm_calls` are those of the
    same workload once more, when functions are warm and have secrets and tokens.
    """

    memory_megabytes: int
    invocations: int
    calls: Mapping[str, int]
    warm_calls: Mapping[str, int]
    log_bytes: int

    @property
    def aws_calls(self) -> int:
        return sum(self.calls.values())


@dataclass(frozen=True)
class FlowCount:
    """The counts of one report, order, listing or pull from start to end, with cold starts and one message per batch.

    `sp_api_calls` are by operation, including Login with Amazon (getAccessToken) and the document (downloadDocument).
    `table_bytes` is the size of the stored items with their indexes, `stored_bytes` that of the stored objects.
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

    @property
    def warm_calls(self) -> int:
        """The calls to AWS of all functions when they are warm."""
        return sum(sum(function.warm_calls.values()) for function in self.functions.values())


def save(counts: Mapping[str, FlowCount], path: Path = COUNTS) -> None:
    path.write_text(json.dumps({name: asdict(count) for name, count in counts.items()}, indent=2) + "\n")


def load(path: Path = COUNTS) -> Mapping[str, FlowCount]:
    """Raises FileNotFoundError if nothing has been counted yet."""
    return {name: _flow(count) for name, count in json.loads(path.read_text()).items()}


def _flow(saved: Mapping[str, Any]) -> FlowCount:
    functions = {name: FunctionCount(**count) for name, count in saved["functions"].items()}
    return FlowCount(**{**saved, "functions": functions})
