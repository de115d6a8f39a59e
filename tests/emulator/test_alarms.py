"""CloudWatch: alarms on metrics of SQS, Step Functions, log lines and metric filters."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from tests.emulator.support import Emulator, unique
from tests.waiting import until

NAMESPACE = "QuickStartTests"


def put_alarm(emulator: Emulator, **fields: Any) -> str:
    """Returns the name."""
    name = unique("alarm")
    defaults = {
        "Statistic": "Sum",
        "Period": 60,
        "EvaluationPeriods": 1,
        "Threshold": 1,
        "ComparisonOperator": "GreaterThanOrEqualToThreshold",
        "TreatMissingData": "notBreaching",
        "Namespace": NAMESPACE,
    }
    emulator.client("cloudwatch").put_metric_alarm(AlarmName=name, **defaults | fields)
    return name


def state(emulator: Emulator, name: str) -> str:
    (alarm,) = emulator.client("cloudwatch").describe_alarms(AlarmNames=[name])["MetricAlarms"]
    return str(alarm["StateValue"])


def dimension(name: str, value: str) -> list[dict[str, str]]:
    return [{"Name": name, "Value": value}]


def log(emulator: Emulator, *lines: object) -> str:
    """Returns the log group."""
    logs, group = emulator.client("logs"), unique("group")
    logs.create_log_group(logGroupName=group)
    logs.create_log_stream(logGroupName=group, logStreamName="stream")
    write(emulator, group, *lines)
    return group


def write(emulator: Emulator, group: str, *lines: object) -> None:
    events = [{"timestamp": int(time.time() * 1000), "message": json.dumps(line)} for line in lines]
    if events:
        emulator.client("logs").put_log_events(logGroupName=group, logStreamName="stream", logEvents=events)


def embedded(metric: str, value: object, dimensions: list[list[str]], **values: str) -> dict[str, object]:
    directive = {"Namespace": NAMESPACE, "Dimensions": dimensions, "Metrics": [{"Name": metric, "Unit": "Count"}]}
    return {"_aws": {"Timestamp": 0, "CloudWatchMetrics": [directive]}, metric: value, **values}


def test_a_message_in_a_queue_is_an_alarm_until_it_is_gone(emulator: Emulator) -> None:
    url, arn = emulator.create_queue()
    other, _ = emulator.create_queue()
    topic = emulator.client("sns").create_topic(Name=unique("topic"))["TopicArn"]
    statement = {"Effect": "Allow", "Principal": "*", "Action": "sqs:SendMessage", "Resource": "*"}
    watched, watched_arn = emulator.create_queue(Policy=json.dumps({"Version": "2012-10-17", "Statement": [statement]}))
    emulator.client("sns").subscribe(TopicArn=topic, Protocol="sqs", Endpoint=watched_arn)
    name = put_alarm(
        emulator,
        Namespace="AWS/SQS",
        MetricName="ApproximateNumberOfMessagesVisible",
        Dimensions=dimension("QueueName", arn.rpartition(":")[2]),
        Statistic="Maximum",
        AlarmActions=[topic],
        AlarmDescription="what to do",
    )
    sqs = emulator.client("sqs")
    sqs.send_message(QueueUrl=other, MessageBody="of another queue")
    assert state(emulator, name) == "OK"
    sqs.send_message(QueueUrl=url, MessageBody="letter")
    assert state(emulator, name) == "ALARM"
    (message,) = until(lambda: sqs.receive_message(QueueUrl=watched).get("Messages", []), len)
    told = json.loads(json.loads(message["Body"])["Message"])
    assert (told["AlarmDescription"], told["NewStateValue"]) == ("what to do", "ALARM")
    sqs.purge_queue(QueueUrl=url)
    assert state(emulator, name) == "OK"
    assert "Messages" not in sqs.receive_message(QueueUrl=watched)


def test_the_age_of_the_oldest_message_counts_while_it_is_received(emulator: Emulator) -> None:
    url, arn = emulator.create_queue()
    second, hour = (
        put_alarm(
            emulator,
            Namespace="AWS/SQS",
            MetricName="ApproximateAgeOfOldestMessage",
            Dimensions=dimension("QueueName", arn.rpartition(":")[2]),
            Statistic="Maximum",
            Threshold=threshold,
        )
        for threshold in (1, 3600)
    )
    assert state(emulator, second) == "OK"
    emulator.client("sqs").send_message(QueueUrl=url, MessageBody="letter")
    emulator.client("sqs").receive_message(QueueUrl=url, VisibilityTimeout=3600)
    until(lambda: state(emulator, second), lambda found: found == "ALARM")
    assert state(emulator, hour) == "OK"


def test_missing_data_is_what_the_alarm_says(emulator: Emulator) -> None:
    url, arn = emulator.create_queue()
    silent = {
        "Namespace": "AWS/SQS",
        "MetricName": "NumberOfMessagesSent",
        "Dimensions": dimension("QueueName", arn.rpartition(":")[2]),
        "ComparisonOperator": "LessThanThreshold",
        "EvaluationPeriods": 3,
    }
    breaching = put_alarm(emulator, **silent, TreatMissingData="breaching")
    not_breaching = put_alarm(emulator, **silent)
    assert (state(emulator, breaching), state(emulator, not_breaching)) == ("ALARM", "OK")
    entries = [{"Id": "1", "MessageBody": "letter"}]
    emulator.client("sqs").send_message_batch(QueueUrl=url, Entries=entries)
    emulator.client("sqs").purge_queue(QueueUrl=url)
    assert state(emulator, breaching) == "OK"


@pytest.mark.parametrize(
    ("metric", "definition"),
    [
        ("ExecutionsFailed", {"Type": "Fail"}),
        ("ExecutionsSucceeded", {"Type": "Succeed"}),
    ],
)
def test_an_execution_counts_for_its_state_machine(emulator: Emulator, metric: str, definition: dict[str, str]) -> None:
    machine = emulator.create_state_machine({"StartAt": "Only", "States": {"Only": definition}})
    name = put_alarm(
        emulator, Namespace="AWS/States", MetricName=metric, Dimensions=dimension("StateMachineArn", machine)
    )
    assert state(emulator, name) == "OK"
    emulator.run_state_machine(machine)
    assert state(emulator, name) == "ALARM"


def test_a_line_in_the_embedded_metric_format_is_a_metric_of_its_dimensions_only(emulator: Emulator) -> None:
    name = put_alarm(emulator, MetricName="Refused", Dimensions=dimension("Secret", "one"), Threshold=3)
    group = log(
        emulator,
        embedded("Refused", 5, [["Secret", "service"]], Secret="one", service="function"),
        embedded("Refused", 5, [["Secret"]], Secret="two"),
        embedded("Other", 5, [["Secret"]], Secret="one"),
    )
    assert state(emulator, name) == "OK"
    write(emulator, group, embedded("Refused", [1, 2], [["Secret"]], Secret="one"))
    assert state(emulator, name) == "ALARM"


def test_a_metric_filter_counts_the_lines_that_match(emulator: Emulator) -> None:
    group = log(emulator)
    metric = unique("Errors")
    emulator.client("logs").put_metric_filter(
        logGroupName=group,
        filterName="errors",
        filterPattern="{ $.status >= 500 }",
        metricTransformations=[{"metricName": metric, "metricNamespace": NAMESPACE, "metricValue": "1"}],
    )
    name = put_alarm(emulator, MetricName=metric, Threshold=2)
    write(emulator, group, {"status": 500}, {"status": 499}, {"other": 1}, ["no object"])
    assert state(emulator, name) == "OK"
    write(emulator, group, {"status": 503})
    assert state(emulator, name) == "ALARM"
