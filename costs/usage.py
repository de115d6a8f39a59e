"""From what was counted to what is billed: quantities by the dimensions of costs/prices.json."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from costs.counts import FlowCount
from reference.endpoints import load_template

GIGABYTE = 1024**3
HOURS_IN_A_MONTH = 730
# Lambda polls a queue with five connections, each for as long as SQS lets it wait.
POLLING_CONNECTIONS, POLL_SECONDS = 5, 20
# SQS is asked to send, to receive and to delete.
QUEUE_REQUESTS_OF_A_MESSAGE = 3
# SNS asks KMS for a data key and to decrypt it; it keeps the key for five minutes.
KEY_REQUESTS_OF_A_PUBLISH = 2
DOWNLOAD = "downloadDocument"
STORAGE_FUNCTION = "SPAPIReportDocumentStorage"


@dataclass(frozen=True)
class Assumptions:
    """What the local stack cannot tell: AWS's and SP-API's speed, and the operator's habits. None of it is measured.

    Milliseconds of one call to AWS, of one call to SP-API or Login with Amazon, of an invocation's own work, and of a
    cold start, with the share of invocations that have one. Bytes a second from SP-API's document into the bucket. How
    often each report is downloaded over the internet. Days for which reports and records are kept.
    """

    aws_call_milliseconds: float = 20
    sp_api_call_milliseconds: float = 500
    own_milliseconds: float = 20
    cold_start_milliseconds: float = 1500
    cold_start_share: float = 0.1
    copied_bytes_each_second: float = 20_000_000
    downloads: float = 1
    kept_days: float = 30


def of_flow(count: FlowCount, assumptions: Assumptions) -> Mapping[str, float]:
    """What one report or one order is billed for. What is stored is counted for as long as it is kept."""
    kept_months = assumptions.kept_days * 24 / HOURS_IN_A_MONTH
    return {
        "api-request": count.api_requests,
        "function-request": sum(function.invocations for function in count.functions.values()),
        "function-gigabyte-second": _gigabyte_seconds(count, assumptions),
        "state-transition": count.state_transitions,
        "queue-request": count.queue_messages * QUEUE_REQUESTS_OF_A_MESSAGE + count.queue_requests_of_functions,
        "read-unit": count.read_units,
        "write-unit": count.write_units,
        "table-gigabyte": count.table_bytes / GIGABYTE * kept_months,
        "table-backup-gigabyte": count.table_bytes / GIGABYTE * kept_months,
        "bucket-write": count.bucket_writes,
        "bucket-read": count.bucket_reads + (assumptions.downloads if count.stored_bytes else 0),
        "bucket-gigabyte": count.stored_bytes / GIGABYTE * kept_months,
        "gigabyte-out": count.stored_bytes / GIGABYTE * assumptions.downloads,
        "key-request": count.key_requests + count.publishes * KEY_REQUESTS_OF_A_PUBLISH,
        "secret-read": count.secret_reads,
        "publish": count.publishes,
        "email": count.publishes,
        "event": count.events,
        "schedule-invoked": count.schedules_invoked,
        "log-gigabyte": sum(function.log_bytes for function in count.functions.values()) / GIGABYTE,
    }


def _gigabyte_seconds(count: FlowCount, assumptions: Assumptions) -> float:
    """Memory times time. All that call SP-API have the same memory but the one that copies the document."""
    total = 0.0
    for function in count.functions.values():
        milliseconds = (
            function.aws_calls * assumptions.aws_call_milliseconds
            + function.invocations * assumptions.own_milliseconds
            + function.invocations * assumptions.cold_start_share * assumptions.cold_start_milliseconds
        )
        total += function.memory_megabytes / 1024 * milliseconds / 1000
    others = {function.memory_megabytes for name, function in count.functions.items() if name != STORAGE_FUNCTION}
    (memory,) = others
    for operation, calls in count.sp_api_calls.items():
        memory_megabytes = memory
        if operation == DOWNLOAD:
            memory_megabytes = count.functions[STORAGE_FUNCTION].memory_megabytes
        total += memory_megabytes / 1024 * calls * assumptions.sp_api_call_milliseconds / 1000
    if DOWNLOAD in count.sp_api_calls:
        seconds = count.stored_bytes / assumptions.copied_bytes_each_second
        total += count.functions[STORAGE_FUNCTION].memory_megabytes / 1024 * seconds
    return total


def at_rest(templates: Path, counts: Mapping[str, FlowCount]) -> Mapping[str, float]:
    """What the stack is billed for each month while nothing happens, with the parameters at their defaults."""
    resources = [resource for path in sorted(templates.glob("*.yaml")) for resource in _resources(path)]

    def number(kind: str) -> int:
        return sum(1 for resource in resources if resource["Type"] == kind and "Condition" not in resource)

    queues = sum(
        1
        for resource in resources
        for event in resource.get("Properties", {}).get("Events", {}).values()
        if event["Type"] == "SQS"
    )
    polls = HOURS_IN_A_MONTH * 3600 / POLL_SECONDS * POLLING_CONNECTIONS
    return {
        "key": number("AWS::KMS::Key"),
        "secret": number("AWS::SecretsManager::Secret"),
        "alarm": number("AWS::CloudWatch::Alarm"),
        "dashboard": number("AWS::CloudWatch::Dashboard"),
        "metric": max(count.custom_metrics for count in counts.values()),
        "queue-request": queues * polls,
    }


def _resources(template: Path) -> list[dict[str, Any]]:
    return list(load_template(template)["Resources"].values())
