"""Publishes a message once, for people who subscribed by e-mail and for programs."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mypy_boto3_sns import SNSClient

# SNS refuses an e-mail subject of 100 characters or more, and anything but ASCII in it.
_LONGEST_SUBJECT = 99
_FOR_PROGRAMS = ("sqs", "lambda", "http", "https")


@dataclass(frozen=True)
class Message:
    """What people read (`subject`, `body`) and what programs read (`data`, sent as a JSON object)."""

    subject: str
    body: str
    data: Mapping[str, object]


def subject_line(text: str) -> str:
    """The text as SNS takes it for a subject: ASCII, at most 99 characters."""
    ascii_text = text.encode("ascii", "replace").decode()
    return ascii_text if len(ascii_text) <= _LONGEST_SUBJECT else ascii_text[: _LONGEST_SUBJECT - 3] + "..."


def publish(sns: "SNSClient", topic_arn: str, message: Message) -> str:
    """Hands the message to SNS, in one call for all subscribers; gives SNS's message id."""
    data = json.dumps(message.data)
    forms = {"default": message.body, "email": message.body, **dict.fromkeys(_FOR_PROGRAMS, data)}
    published = sns.publish(
        TopicArn=topic_arn, Subject=message.subject, MessageStructure="json", Message=json.dumps(forms)
    )
    return published["MessageId"]
