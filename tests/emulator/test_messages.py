"""SNS e-mail, SQS policies and dead letters."""

from __future__ import annotations

import json
import re
import time
import urllib.request
from typing import Any

import pytest
from botocore.exceptions import ClientError

from smtp_mailbox import Mail, read_messages
from tests.emulator.support import ACCOUNT, Emulator, unique
from tests.waiting import until

SELLING_PARTNER_API_ACCOUNT = "437568002678"


CONFIRMATION = "AWS Notification - Subscription Confirmation"


def create_topic(emulator: Emulator, address: str, **attributes: str) -> str:
    """A topic, and the address of its confirmed subscriber."""
    sns = emulator.client("sns")
    topic: str = sns.create_topic(Name=unique("topic"))["TopicArn"]
    sns.subscribe(TopicArn=topic, Protocol="email", Endpoint=address, Attributes=attributes)
    confirm(emulator, address)
    return topic


def confirm(emulator: Emulator, address: str) -> str:
    """Opens the link in the address's only confirmation e-mail. Returns the response."""
    [mail] = until(lambda: all_mails_to(emulator, address), len)
    assert mail.subject == CONFIRMATION
    link = re.search(r"http\S+", mail.body)
    assert link is not None
    with urllib.request.urlopen(link[0]) as answer:
        return str(answer.read().decode())


def all_mails_to(emulator: Emulator, address: str) -> list[Mail]:
    return [mail for mail in read_messages(emulator.mail_directory) if mail.to == address]


def mails_to(emulator: Emulator, address: str) -> list[Mail]:
    """All e-mails except the confirmation."""
    return until(lambda: [mail for mail in all_mails_to(emulator, address) if mail.subject != CONFIRMATION], len)


def subscriptions(emulator: Emulator, topic: str) -> list[tuple[str, str]]:
    """Address and ARN from both lists, which must agree."""
    sns = emulator.client("sns")
    of_topic = sns.list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"]
    everywhere = [entry for entry in sns.list_subscriptions()["Subscriptions"] if entry["TopicArn"] == topic]
    assert of_topic == everywhere
    return [(entry["Endpoint"], entry["SubscriptionArn"]) for entry in of_topic]


def test_an_e_mail_subscription_waits_until_its_link_is_opened(emulator: Emulator) -> None:
    sns, address = emulator.client("sns"), f"{unique('reader')}@example.com"
    topic = sns.create_topic(Name=unique("topic"))["TopicArn"]

    answer = sns.subscribe(TopicArn=topic, Protocol="email", Endpoint=address)

    assert answer["SubscriptionArn"] == "pending confirmation"
    assert subscriptions(emulator, topic) == [(address, "PendingConfirmation")]
    assert sns.get_topic_attributes(TopicArn=topic)["Attributes"]["SubscriptionsPending"] == "1"
    sns.publish(TopicArn=topic, Message="before")

    confirmed = confirm(emulator, address)

    [(_, arn)] = subscriptions(emulator, topic)
    assert arn.startswith(f"{topic}:")
    assert f"<SubscriptionArn>{arn}</SubscriptionArn>" in confirmed
    sns.publish(TopicArn=topic, Message="after")
    assert [mail.body.strip() for mail in mails_to(emulator, address)] == ["after"]


def test_subscriptions_of_stacks_wait_too(emulator: Emulator) -> None:
    first, second, third = (f"{unique('reader')}@example.com" for _ in range(3))
    inline: dict[str, Any] = {
        "Type": "AWS::SNS::Topic",
        "Properties": {"Subscription": [{"Protocol": "email", "Endpoint": first}]},
    }
    topic_arn = {"Ref": "Topic"}
    apart = {"TopicArn": topic_arn, "Protocol": "email", "Endpoint": second}
    template: dict[str, Any] = {
        "Resources": {"Topic": inline, "Apart": {"Type": "AWS::SNS::Subscription", "Properties": apart}},
        "Outputs": {"Topic": {"Value": topic_arn}},
    }
    cloudformation, name = emulator.client("cloudformation"), unique("stack")

    def settle(change: str) -> str:
        getattr(cloudformation, change)(StackName=name, TemplateBody=json.dumps(template))
        stack = until(
            lambda: cloudformation.describe_stacks(StackName=name)["Stacks"][0],
            lambda stack: stack["StackStatus"].endswith("_COMPLETE"),
        )
        return str(stack["Outputs"][0]["OutputValue"])

    topic = settle("create_stack")
    assert set(subscriptions(emulator, topic)) == {(first, "PendingConfirmation"), (second, "PendingConfirmation")}
    confirm(emulator, first)
    inline["Properties"]["Subscription"].append({"Protocol": "email", "Endpoint": third})
    settle("update_stack")

    waiting = {address for address, arn in subscriptions(emulator, topic) if arn == "PendingConfirmation"}
    assert waiting == {second, third}
    assert len(all_mails_to(emulator, first)) == 1
    confirm(emulator, third)


def test_a_notification_reaches_the_mailbox(emulator: Emulator) -> None:
    address = f"{unique('seller')}@example.com"
    link = "https://bucket.s3.us-east-1.amazonaws.com/key?X-Amz-Signature=" + "a" * 1200
    text = f"Bestellungen für Juli liegen bereit:\n{link}\n"
    emulator.client("sns").publish(TopicArn=create_topic(emulator, address), Subject="Report ready", Message=text)

    [mail] = mails_to(emulator, address)

    assert mail.subject == "Report ready"
    assert mail.body == text
    assert abs(mail.received.timestamp() - time.time()) < 60


def test_an_e_mail_has_addresses_of_apis_that_answer_here(emulator: Emulator) -> None:
    address = f"{unique('seller')}@example.com"
    url = "https://abc123.execute-api.us-east-1.amazonaws.com/prod/reports/7?SellerId=A1"
    emulator.client("sns").publish(TopicArn=create_topic(emulator, address), Message=f"GET {url}\n")
    [mail] = mails_to(emulator, address)
    assert mail.body == f"GET {emulator.endpoint}/_aws/execute-api/abc123/prod/reports/7?SellerId=A1\n"


def test_a_message_per_protocol_can_have_a_separate_text_for_e_mail(emulator: Emulator) -> None:
    address = f"{unique('seller')}@example.com"
    message = json.dumps({"default": "for others", "email": "for people"})
    topic = create_topic(emulator, address)
    emulator.client("sns").publish(TopicArn=topic, Message=message, MessageStructure="json")

    [mail] = mails_to(emulator, address)

    assert mail.body.strip() == "for people"
    assert mail.subject == "AWS Notification Message"


def test_a_filter_policy_applies_to_e_mail(emulator: Emulator) -> None:
    address = f"{unique('seller')}@example.com"
    topic = create_topic(emulator, address, FilterPolicy=json.dumps({"kind": ["failure"]}))
    for kind in ("success", "failure"):
        attributes = {"kind": {"DataType": "String", "StringValue": kind}}
        emulator.client("sns").publish(TopicArn=topic, Message=kind, MessageAttributes=attributes)

    [mail] = mails_to(emulator, address)

    assert mail.body.strip() == "failure"


def test_a_rule_of_the_event_bus_sends_e_mail_if_the_topic_allows_it(emulator: Emulator) -> None:
    address = f"{unique('operator')}@example.com"
    topic, rule = create_topic(emulator, address), unique("rule")
    events = emulator.client("events")
    rule_arn = events.put_rule(Name=rule, EventPattern=json.dumps({"source": [rule]}))["RuleArn"]
    transformer = {"InputPathsMap": {"name": "$.detail.name"}, "InputTemplate": '"Execution <name> has failed."'}
    events.put_targets(Rule=rule, Targets=[{"Id": "topic", "Arn": topic, "InputTransformer": transformer}])

    def put(name: str) -> None:
        events.put_events(Entries=[{"Source": rule, "DetailType": "test", "Detail": json.dumps({"name": name})}])

    put("report-1")
    grant = {
        "Effect": "Allow",
        "Principal": {"Service": "events.amazonaws.com"},
        "Action": "sns:Publish",
        "Resource": topic,
        "Condition": {"ArnEquals": {"aws:SourceArn": rule_arn}},
    }
    document = json.dumps({"Version": "2012-10-17", "Statement": [grant]})
    emulator.client("sns").set_topic_attributes(TopicArn=topic, AttributeName="Policy", AttributeValue=document)
    put("report-2")

    [mail] = mails_to(emulator, address)

    assert "Execution report-2 has failed." in mail.body


def statement(arn: str, effect: str, principal: Any, **condition: Any) -> dict[str, Any]:
    return {
        "Effect": effect,
        "Principal": principal,
        "Action": "sqs:SendMessage",
        "Resource": arn,
        **({"Condition": condition} if condition else {}),
    }


def test_a_tls_only_queue_accepts_messages_from_the_account_in_its_policy(emulator: Emulator) -> None:
    url, arn = emulator.create_queue()
    policy = [
        statement(arn, "Deny", "*", Bool={"aws:SecureTransport": "false"}),
        statement(arn, "Allow", {"AWS": SELLING_PARTNER_API_ACCOUNT}),
    ]
    owner = emulator.client("sqs")
    document = json.dumps({"Version": "2012-10-17", "Statement": policy})
    owner.set_queue_attributes(QueueUrl=url, Attributes={"Policy": document})

    owner.send_message(QueueUrl=url, MessageBody="from the owner")
    emulator.client("sqs", SELLING_PARTNER_API_ACCOUNT).send_message(QueueUrl=url, MessageBody="from SP-API")
    with pytest.raises(ClientError) as raised:
        emulator.client("sqs", "999988887777").send_message(QueueUrl=url, MessageBody="from anyone")

    assert raised.value.response["ResponseMetadata"]["HTTPStatusCode"] == 403
    received = owner.receive_message(QueueUrl=url, MaxNumberOfMessages=10, AttributeNames=["SenderId"])["Messages"]
    assert {message["Body"]: message["Attributes"]["SenderId"] for message in received} == {
        "from the owner": ACCOUNT,
        "from SP-API": SELLING_PARTNER_API_ACCOUNT,
    }


@pytest.fixture
def dead_letters(emulator: Emulator) -> tuple[str, str, str]:
    """The URL of a source queue, and the URL and ARN of its dead-letter queue, which has one message."""
    sqs = emulator.client("sqs")
    dead_url, dead_arn = emulator.create_queue()
    redrive = json.dumps({"deadLetterTargetArn": dead_arn, "maxReceiveCount": 1})
    url, _arn = emulator.create_queue(RedrivePolicy=redrive, VisibilityTimeout="0")
    sqs.send_message(QueueUrl=url, MessageBody="unreadable")
    sqs.receive_message(QueueUrl=url)
    sqs.receive_message(QueueUrl=url)
    return url, dead_url, dead_arn


def test_dead_letters_move_back_to_their_source(emulator: Emulator, dead_letters: tuple[str, str, str]) -> None:
    sqs = emulator.client("sqs")
    url, dead_url, dead_arn = dead_letters

    handle = sqs.start_message_move_task(SourceArn=dead_arn)["TaskHandle"]

    assert handle
    [task] = sqs.list_message_move_tasks(SourceArn=dead_arn)["Results"]
    assert (task["Status"], task["ApproximateNumberOfMessagesMoved"]) == ("COMPLETED", 1)
    assert "Messages" not in sqs.receive_message(QueueUrl=dead_url)
    names = ["ApproximateReceiveCount"]
    [message] = sqs.receive_message(QueueUrl=url, AttributeNames=names, VisibilityTimeout=30)["Messages"]
    assert message["Body"] == "unreadable"
    assert message["Attributes"]["ApproximateReceiveCount"] == "1"


def test_only_a_dead_letter_queue_can_be_moved(emulator: Emulator) -> None:
    with pytest.raises(ClientError, match="Dead Letter Queue"):
        emulator.client("sqs").start_message_move_task(SourceArn=emulator.create_queue()[1])


def test_policies_match_the_queue_whose_messages_are_moved(
    emulator: Emulator, dead_letters: tuple[str, str, str]
) -> None:
    _, _, dead_arn = dead_letters
    actions = ["sqs:StartMessageMoveTask", "sqs:ListMessageMoveTasks"]
    role = emulator.create_role({"Effect": "Allow", "Action": actions, "Resource": dead_arn})
    session = emulator.client("sts").assume_role(RoleArn=role, RoleSessionName="test")["Credentials"]
    granted = emulator.client("sqs", session["AccessKeyId"], session["SecretAccessKey"], session["SessionToken"])

    granted.start_message_move_task(SourceArn=dead_arn)
    assert len(granted.list_message_move_tasks(SourceArn=dead_arn)["Results"]) == 1
    with pytest.raises(ClientError, match="not authorized"):
        granted.list_message_move_tasks(SourceArn=emulator.create_queue()[1])


def test_a_batch_needs_the_permission_for_one_message(emulator: Emulator) -> None:
    url, arn = emulator.create_queue()
    actions = ["sqs:SendMessage", "sqs:ReceiveMessage", "sqs:ChangeMessageVisibility"]
    role = emulator.create_role({"Effect": "Allow", "Action": actions, "Resource": arn})
    session = emulator.client("sts").assume_role(RoleArn=role, RoleSessionName="test")["Credentials"]
    granted = emulator.client("sqs", session["AccessKeyId"], session["SecretAccessKey"], session["SessionToken"])

    granted.send_message_batch(QueueUrl=url, Entries=[{"Id": "1", "MessageBody": "order"}])
    [message] = granted.receive_message(QueueUrl=url)["Messages"]
    entry = {"Id": "1", "ReceiptHandle": message["ReceiptHandle"]}
    granted.change_message_visibility_batch(QueueUrl=url, Entries=[{**entry, "VisibilityTimeout": 0}])
    with pytest.raises(ClientError, match="not authorized"):
        granted.delete_message_batch(QueueUrl=url, Entries=[entry])


def test_a_message_has_a_mebibyte_with_its_attributes(emulator: Emulator) -> None:
    url, _ = emulator.create_queue()
    body = "x" * (1024 * 1024 - 100)
    attributes = {"Reason": {"DataType": "String", "StringValue": "y" * 200}}
    sqs = emulator.client("sqs")
    with pytest.raises(ClientError, match=r"InvalidParameterValue.*shorter than 1048576 bytes"):
        sqs.send_message(QueueUrl=url, MessageBody=body, MessageAttributes=attributes)
    sqs.send_message(QueueUrl=url, MessageBody=body)
