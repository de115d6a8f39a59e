"""The reports topic: one message for both e-mail subscribers and programs."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from quickstart.announcing import cut, fitting, subject_line
from quickstart.invocation import ExpectedError
from quickstart.own_stack import OwnStack
from quickstart.reports.announcement_pace import AnnouncementPace
from quickstart.reports.ledger import ReportLedger

if TYPE_CHECKING:
    from mypy_boto3_sns import SNSClient

_FOR_PROGRAMS = ("sqs", "lambda", "http", "https")


@dataclass(frozen=True)
class Message:
    """What people read (`subject`, `body`) and what programs read (`data`, sent as a JSON object)."""

    subject: str
    body: str
    data: Mapping[str, object]


class AnnouncementInProgressError(ExpectedError):
    """Another function may be sending the same e-mail; retry in a minute."""


@dataclass(frozen=True)
class ReportTopic:
    """The topic, the limit on how fast messages are published to it, and the stack that they name."""

    sns: "SNSClient"
    topic_arn: str
    pace: AnnouncementPace
    stack: OwnStack

    def publish_once(
        self,
        ledger: ReportLedger,
        seller_id: str,
        report_id: str,
        announcement: str,
        write: Callable[[], Message],
        *,
        creates: bool = False,
    ) -> str:
        """Claims the announcement in the Reports table, then publishes what `write` returns; returns SNS's message id.

        Ask `pace` first, and record the id in the Reports table afterwards. `creates` is whether the report may have no
        item yet. Raises AnnouncementInProgressError, and ReportForgottenError when the seller was removed. When SNS
        rejects the message, the claim is released; when SNS does not answer, it stays until it ends.
        """
        if not ledger.claim_announcement(seller_id, report_id, announcement, creates=creates):
            raise AnnouncementInProgressError(f"another function is announcing report {report_id} of {seller_id}")
        try:
            return self.publish(write())
        except ClientError as error:
            if error.response["ResponseMetadata"]["HTTPStatusCode"] < 500:
                ledger.release_announcement(seller_id, report_id)
            raise

    def publish(self, message: Message) -> str:
        """Publishes the message for all subscribers in one call; returns SNS's message id.

        Ask `pace` first.
        """
        published = self.sns.publish(
            TopicArn=self.topic_arn,
            Subject=subject_line(message.subject),
            MessageStructure="json",
            Message=fitting(lambda longest: _forms(message, longest)),
        )
        return published["MessageId"]


def _forms(message: Message, longest: int) -> str:
    body, data = cut(message.body, longest), json.dumps(cut(message.data, longest))
    return json.dumps({"default": body, "email": body, **dict.fromkeys(_FOR_PROGRAMS, data)})
