"""Converts counts into billed quantities, by the dimensions of costs/prices.json."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from costs.counts import FlowCount
from reference.endpoints import load_template

GIGABYTE = 1024**3
HOURS_IN_A_MONTH = 730
# Lambda polls a queue with five connections, each with the longest wait that SQS allows.
POLLING_CONNECTIONS, POLL_SECONDS = 5, 20
# One request each to send, receive and delete.
QUEUE_REQUESTS_OF_A_MESSAGE = 3
# SNS requests a data key from KMS and decrypts it. It caches the key for five minutes.
KEY_REQUESTS_OF_A_PUBLISH = 2
DOWNLOAD = "downloadDocument"
STORAGE_FUNCTION = "SPAPIReportDocumentStorage"
SUBMISSIONS_FUNCTION, SENDER_FUNCTION = "SPAPIListingSubmissions", "SPAPIListingSender"
FETCHER_FUNCTION = "SPAPIProductTypeFetcher"
# The functions that make these calls. All others are made by functions with the same memory.
CALLERS: Mapping[str, str] = {
    DOWNLOAD: STORAGE_FUNCTION,
    "searchCatalogItems": SUBMISSIONS_FUNCTION,
    "putListingsItem": SENDER_FUNCTION,
    "getListingsItem": "SPAPIListingFollower",
    "getDefinitionsProductType": FETCHER_FUNCTION,
    "downloadSchema": FETCHER_FUNCTION,
}
# It makes its calls at this pace, several at a time.
PACED_CALL, PACED_SECONDS = "getDefinitionsProductType", 0.2


@dataclass(frozen=True)
class Assumptions:
    """What cannot be measured locally: AWS's and SP-API's speed, and the operator's usage.

    Milliseconds of one call to AWS, one call to SP-API or Login with Amazon, the work of one invocation, and one cold
    start, with the share of invocations that have one. Bytes copied each second from SP-API's document to the bucket.
    Downloads of each report over the internet. Days for which reports and records are kept.
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
    """The billed quantities for one run of a flow. Storage is counted for as long as the data is kept."""
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
    """Memory times duration of all functions."""
    total = 0.0
    attributed = 0
    for name, function in count.functions.items():
        calls = _sp_api_calls(count, name)
        attributed += calls
        total += function.memory_megabytes / 1024 * _seconds(count, name, calls, assumptions)
    rest = sum(count.sp_api_calls.values()) - attributed
    if rest:
        (memory,) = {one.memory_megabytes for name, one in count.functions.items() if name not in CALLERS.values()}
        total += memory / 1024 * rest * assumptions.sp_api_call_milliseconds / 1000
    return total


def _sp_api_calls(count: FlowCount, name: str) -> int:
    """The function's calls, with the access token that a function needs to call SP-API."""
    calls = sum(number for operation, number in count.sp_api_calls.items() if CALLERS.get(operation) == name)
    return calls + (1 if calls and name != STORAGE_FUNCTION else 0)


def _seconds(count: FlowCount, name: str, sp_api_calls: int, assumptions: Assumptions) -> float:
    function = count.functions[name]
    starts = assumptions.own_milliseconds + assumptions.cold_start_share * assumptions.cold_start_milliseconds
    seconds = function.invocations * starts / 1000
    if name == FETCHER_FUNCTION:
        return seconds + count.sp_api_calls[PACED_CALL] * PACED_SECONDS
    seconds += function.aws_calls * assumptions.aws_call_milliseconds / 1000
    if name == STORAGE_FUNCTION and DOWNLOAD in count.sp_api_calls:
        seconds += count.stored_bytes / assumptions.copied_bytes_each_second
    if name == SUBMISSIONS_FUNCTION:
        # It waits until Amazon has answered.
        seconds += _seconds(count, SENDER_FUNCTION, _sp_api_calls(count, SENDER_FUNCTION), assumptions)
    return seconds + sp_api_calls * assumptions.sp_api_call_milliseconds / 1000


# Conditions of resources that the default parameters meet; None is no condition.
_MET_BY_DEFAULT = (None, "WritesAccessLogs")


def at_rest(templates: Path, counts: Mapping[str, FlowCount]) -> Mapping[str, float]:
    """The monthly quantities billed for an idle stack with default parameters."""
    resources = [
        resource
        for path in _deployed(templates)
        for resource in _resources(path)
        if resource.get("Condition") in _MET_BY_DEFAULT
    ]

    def number(kind: str) -> int:
        return sum(1 for resource in resources if resource["Type"] == kind)

    queues = sum(
        1
        for resource in resources
        for event in resource.get("Properties", {}).get("Events", {}).values()
        if event["Type"] == "SQS"
    )
    filtered = {
        str(transformation["MetricName"])
        for resource in resources
        if resource["Type"] == "AWS::Logs::MetricFilter"
        for transformation in resource["Properties"]["MetricTransformations"]
    }
    polls = HOURS_IN_A_MONTH * 3600 / POLL_SECONDS * POLLING_CONNECTIONS
    return {
        "key": number("AWS::KMS::Key"),
        "secret": number("AWS::SecretsManager::Secret"),
        "alarm": number("AWS::CloudWatch::Alarm"),
        "dashboard": number("AWS::CloudWatch::Dashboard"),
        "metric": max(count.custom_metrics for count in counts.values()) + len(filtered),
        "queue-request": queues * polls,
    }


def _deployed(templates: Path) -> Iterator[Path]:
    """The children of the root that default parameters deploy.

    An optional one has a condition `parameter = value`, or several such ones, all of which must be met.
    """
    root = load_template(templates / "quickstart.yaml")
    for child in root["Resources"].values():
        condition = root["Conditions"].get(child.get("Condition"), [])
        equals = condition if condition and isinstance(condition[0], list) else [condition] if condition else []
        if all(root["Parameters"][parameter]["Default"] == value for parameter, value in equals):
            yield templates / child["Properties"]["TemplateURL"]


def _resources(template: Path) -> list[dict[str, Any]]:
    return list(load_template(template)["Resources"].values())
