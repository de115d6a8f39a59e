"""EventBridge Scheduler."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from botocore.exceptions import ClientError

from tests.emulator.support import ACCOUNT, Emulator, unique
from tests.waiting import assert_quick, until


def test_a_schedule_fires_when_due(emulator: Emulator) -> None:
    url, arn = emulator.create_queue()
    role = emulator.create_role()

    def fires() -> None:
        at = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S")
        target = {"Arn": arn, "RoleArn": role, "Input": '{"order": 1}'}
        emulator.client("scheduler").create_schedule(
            Name=unique("schedule"), ScheduleExpression=f"at({at})", FlexibleTimeWindow={"Mode": "OFF"}, Target=target
        )
        [message] = until(lambda: emulator.client("sqs").receive_message(QueueUrl=url).get("Messages", []), len)
        emulator.client("sqs").delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        assert message["Body"] == '{"order": 1}'

    assert_quick(3, fires, attempts=5)


def test_policies_match_the_group_of_a_schedule(emulator: Emulator) -> None:
    root, group = emulator.client("scheduler"), unique("group")
    root.create_schedule_group(Name=group)
    statement = {
        "Effect": "Allow",
        "Action": ["scheduler:CreateSchedule", "scheduler:GetSchedule", "scheduler:DeleteSchedule"],
        "Resource": f"arn:aws:scheduler:us-east-1:{ACCOUNT}:schedule/{group}/*",
    }
    role = emulator.create_role(statement)
    session = emulator.client("sts").assume_role(RoleArn=role, RoleSessionName="test")["Credentials"]
    granted = emulator.client("scheduler", session["AccessKeyId"], session["SecretAccessKey"], session["SessionToken"])
    schedule = {
        "ScheduleExpression": "at(2099-01-01T00:00:00)",
        "FlexibleTimeWindow": {"Mode": "OFF"},
        "Target": {"Arn": emulator.create_queue()[1], "RoleArn": role},
    }

    granted.create_schedule(Name="order-1", GroupName=group, **schedule)
    assert granted.get_schedule(Name="order-1", GroupName=group)["GroupName"] == group
    granted.delete_schedule(Name="order-1", GroupName=group)
    with pytest.raises(ClientError) as raised:
        granted.create_schedule(Name="order-1", **schedule)

    assert raised.value.response["Error"]["Code"] == "AccessDeniedException"
