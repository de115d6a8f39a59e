"""CloudWatch: metrics and alarms."""

from __future__ import annotations

import json
import logging
import operator
import re
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import Any

from ministack.core.responses import request_scope
from ministack.services import cloudwatch, cloudwatch_logs, sqs, stepfunctions

from aws_emulator.patching import wrap

logger = logging.getLogger(__name__)

# A time in seconds since 1970, and a value.
Point = tuple[float, float]

STATUSES = {
    "ExecutionsSucceeded": "SUCCEEDED",
    "ExecutionsFailed": "FAILED",
    "ExecutionsTimedOut": "TIMED_OUT",
    "ExecutionsAborted": "ABORTED",
}
STATISTICS: Mapping[str, Callable[[list[float]], float]] = {"Sum": sum, "Maximum": max, "Minimum": min}
COMPARISONS: Mapping[str, Callable[[float, float], bool]] = {
    "GreaterThanOrEqualToThreshold": operator.ge,
    "GreaterThanThreshold": operator.gt,
    "LessThanOrEqualToThreshold": operator.le,
    "LessThanThreshold": operator.lt,
}
FIELD_PATTERN = re.compile(r"\{ \$\.(\w+) (=|>=|>|<=|<) (\d+) \}")
FIELD_COMPARISONS: Mapping[str, Callable[[float, float], bool]] = {
    "=": operator.eq,
    ">=": operator.ge,
    ">": operator.gt,
    "<=": operator.le,
    "<": operator.lt,
}


def alarms_are_evaluated() -> None:
    """CloudWatch evaluates each alarm every minute, on the metric with exactly its dimensions, and treats missing data
    as the alarm says. ministack ignores dimensions and missing data, and has no metrics of SQS, Step Functions, metric
    filters and log lines in the embedded metric format. Here alarms are evaluated when they are created and described.
    Statistics are Sum, Maximum and Minimum; the pattern of a metric filter compares one field with a number."""

    @wrap(cloudwatch, "_evaluate_alarm", "a0b0acd3d432")
    def evaluate(_original: Any, alarm: dict[str, Any]) -> None:
        state, reason = _state(alarm, time.time())
        before = alarm["StateValue"]
        if state == before:
            return
        alarm.update(StateValue=state, StateReason=reason, StateUpdatedTimestamp=int(time.time()))
        cloudwatch._record_history(alarm["AlarmName"], before, state, reason)
        cloudwatch._dispatch_alarm_actions(alarm, before, state, reason)

    @wrap(cloudwatch, "_describe_alarms", "ab8f092ff9ae")
    def describe(original: Any, *arguments: Any, **options: Any) -> Any:
        for alarm in cloudwatch._alarms.values():
            cloudwatch._evaluate_alarm(alarm)
        return original(*arguments, **options)


def sent_messages_are_counted() -> None:
    """SQS publishes the metric NumberOfMessagesSent for each queue; ministack publishes none."""

    def count(queue: Mapping[str, Any], messages: int) -> None:
        # The queue's account, which is not the sender's if SP-API sends.
        _, _, _, region, account, name = queue["attributes"]["QueueArn"].split(":")
        with request_scope(account, region):
            cloudwatch.record_metric("AWS/SQS", "NumberOfMessagesSent", messages, "Count", {"QueueName": name})

    @wrap(sqs._HANDLERS, "SendMessage", "3abd766508c8")
    def send(original: Any, request: dict[str, Any], queue_url: str) -> Any:
        answer = original(request, queue_url)
        count(sqs._get_q(request.get("QueueUrl", queue_url)), 1)
        return answer

    @wrap(sqs._HANDLERS, "SendMessageBatch", "2cab381a76df")
    def send_batch(original: Any, request: dict[str, Any], queue_url: str) -> Any:
        answer = original(request, queue_url)
        count(sqs._get_q(request.get("QueueUrl", queue_url)), len(answer["Successful"]))
        return answer


def _state(alarm: Mapping[str, Any], now: float) -> tuple[str, str]:
    """The alarm's state now, and the reason."""
    period, periods = alarm["Period"], int(alarm["EvaluationPeriods"])
    dimensions = cloudwatch._dims_from_list(alarm.get("Dimensions", []))
    points = list(_points(alarm["Namespace"], alarm["MetricName"], dimensions, now))
    statistic = STATISTICS[alarm["Statistic"]]
    breaches = COMPARISONS[alarm["ComparisonOperator"]]
    missing = alarm.get("TreatMissingData") == "breaching"
    results = []
    for index in range(periods):
        end = now - index * period
        values = [value for at, value in points if end - period < at <= end]
        results.append(breaches(statistic(values), alarm["Threshold"]) if values else missing)
    breaching = sum(results)
    needed = int(alarm.get("DatapointsToAlarm") or periods)
    reason = f"{breaching} of the last {periods} datapoints crossed the threshold ({alarm['Threshold']})"
    return ("ALARM" if breaching >= needed else "OK"), f"{reason}; {needed} are needed."


def _points(namespace: str, metric: str, dimensions: Mapping[str, str], now: float) -> Iterator[Point]:
    for point in cloudwatch._metrics.get((namespace, metric, cloudwatch._dims_key(dimensions)), []):
        yield point["Timestamp"], point["Value"]
    if namespace == "AWS/SQS":
        yield from _of_queue(metric, dimensions["QueueName"], now)
    elif namespace == "AWS/States":
        yield from _of_state_machine(metric, dimensions["StateMachineArn"])
    elif not namespace.startswith("AWS/"):
        yield from _of_log_lines(namespace, metric, dimensions)
        yield from _of_metric_filters(namespace, metric, dimensions)


def _of_queue(metric: str, name: str, now: float) -> Iterator[Point]:
    queue = sqs._queues.get(sqs._queue_name_to_url.get(name))
    if queue is None:
        return
    messages = queue["messages"]
    if metric == "ApproximateNumberOfMessagesVisible":
        yield now, sum(message["visible_at"] <= now for message in messages)
    elif metric == "ApproximateAgeOfOldestMessage":
        yield now, max((now - message["sent_at"] for message in messages), default=0)


def _of_state_machine(metric: str, machine: str) -> Iterator[Point]:
    for execution in stepfunctions._executions.values():
        if execution["stateMachineArn"] == machine and execution["status"] == STATUSES[metric]:
            yield datetime.fromisoformat(execution["stopDate"]).timestamp(), 1


def _of_log_lines(namespace: str, metric: str, dimensions: Mapping[str, str]) -> Iterator[Point]:
    """Lines in the embedded metric format: CloudWatch User Guide, "Specification: Embedded metric format"."""
    for group in cloudwatch_logs._log_groups:
        for at, line in _lines(group):
            for directive in line.get("_aws", {}).get("CloudWatchMetrics", []):
                named = any(published["Name"] == metric for published in directive["Metrics"])
                if directive["Namespace"] != namespace or not named:
                    continue
                if any({name: line[name] for name in names} == dimensions for names in directive["Dimensions"]):
                    value = line[metric]
                    yield from ((at, each) for each in (value if isinstance(value, list) else [value]))


def _of_metric_filters(namespace: str, metric: str, dimensions: Mapping[str, str]) -> Iterator[Point]:
    for (group, name), metric_filter in cloudwatch_logs._metric_filters.items():
        for made in metric_filter["metricTransformations"]:
            if (made["metricNamespace"], made["metricName"]) != (namespace, metric) or dimensions:
                continue
            pattern = FIELD_PATTERN.fullmatch(metric_filter["filterPattern"])
            if pattern is None:
                logger.warning("The pattern of the metric filter %s is not supported", name)
                continue
            field, sign, number = pattern.groups()
            for at, line in _lines(group):
                if field in line and FIELD_COMPARISONS[sign](line[field], float(number)):
                    yield at, float(made["metricValue"])


def _lines(group: str) -> Iterator[tuple[float, dict[str, Any]]]:
    """The log lines of a group that are JSON objects."""
    for stream in cloudwatch_logs._log_groups[group]["streams"].values():
        for event in stream["events"]:
            if event["message"].startswith("{"):
                try:
                    line = json.loads(event["message"])
                except ValueError:
                    continue
                yield event["timestamp"] / 1000, line
