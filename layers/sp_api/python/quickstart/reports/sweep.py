"""The daily sweep: failed executions whose event was lost, and overdue reports.

Step Functions sends its status events with best effort (Amazon EventBridge events reference), and a report that SP-API
never finishes causes no event at all.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Final, Literal, TypeVar

from quickstart.observability import logger
from quickstart.own_stack import OwnStack
from quickstart.reports.announcement_pace import AnnouncementsTooFastError
from quickstart.reports.failure_announcement import announce_failure, failed_delivery
from quickstart.reports.ledger import OverdueReport, ReportLedger
from quickstart.reports.topic import Message, ReportTopic
from quickstart.times import to_text
from sp_api.errors import presentable

if TYPE_CHECKING:
    from mypy_boto3_stepfunctions import SFNClient
    from mypy_boto3_stepfunctions.type_defs import ExecutionListItemTypeDef

_T = TypeVar("_T")

_UNSUCCESSFUL: Final[tuple[Literal["FAILED", "TIMED_OUT", "ABORTED"], ...]] = ("FAILED", "TIMED_OUT", "ABORTED")
# The rule, its function and their retries get this long first.
_LEFT_TO_THE_RULE = timedelta(hours=1)
# Two sweeps may fail before a failure is missed.
_LOOKED_BACK = timedelta(days=3)
# A redriven execution keeps its start; Step Functions redrives for 14 days, and an execution lasts 14 days at most.
_LONGEST_AGO_STARTED = timedelta(days=28) + _LOOKED_BACK
# People read no more.
_REPORTS_PER_MESSAGE = 100
_ATTEMPTS = 60
_SECTION = "docs/operations.md#a-report-is-overdue"


@dataclass(frozen=True)
class Sweep:
    """What one sweep reads and writes. Each failure and each overdue report is announced once."""

    ledger: ReportLedger
    topic: ReportTopic
    states: "SFNClient"
    state_machine_arn: str
    overdue_after: timedelta
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    sleep: Callable[[float], None] = time.sleep

    def announce_lost_failures(self) -> int:
        """Announces each failed execution that has not been announced; returns how many (AWS: ListExecutions)."""
        announced = 0
        for execution in self._recently_failed():
            described = self.states.describe_execution(executionArn=execution["executionArn"])
            if described["status"] not in _UNSUCCESSFUL:
                continue  # redriven meanwhile
            failed = failed_delivery({**described, "redriveCount": execution.get("redriveCount")})
            if self._notified_since(*failed.recorded_as, execution["stopDate"]):
                continue
            announced += self._at_the_topics_pace(partial(announce_failure, failed, self.ledger, self.topic))
        return announced

    def announce_overdue_reports(self) -> int:
        """Announces the reports that SP-API has not finished `overdue_after` their request; returns how many."""
        overdue = list(self.ledger.overdue(self.now() - self.overdue_after))
        hours = int(self.overdue_after / timedelta(hours=1))
        for first in range(0, len(overdue), _REPORTS_PER_MESSAGE):
            reports = overdue[first : first + _REPORTS_PER_MESSAGE]
            message_id = self._at_the_topics_pace(
                partial(self._publish, write_overdue_message(reports, hours, self.topic.stack))
            )
            for report in reports:
                self.ledger.overdue_announced(report, message_id)
                logger().error("report overdue", seller_id=report.seller_id, report_id=report.report_id)
        return len(overdue)

    def _recently_failed(self) -> Iterator["ExecutionListItemTypeDef"]:
        now = self.now()
        for status in _UNSUCCESSFUL:
            pages = self.states.get_paginator("list_executions").paginate(
                stateMachineArn=self.state_machine_arn, statusFilter=status
            )
            for execution in (execution for page in pages for execution in page["executions"]):
                if execution["startDate"] < now - _LONGEST_AGO_STARTED:
                    break  # the newest come first
                if now - _LOOKED_BACK < execution["stopDate"] < now - _LEFT_TO_THE_RULE:
                    yield execution

    def _notified_since(self, seller_id: str, report_id: str, end: datetime) -> bool:
        """Whether an e-mail about the report has been sent since the execution ended."""
        item = self.ledger.find(seller_id, report_id) or {}
        times = [str(item[time]) for time in ("DeliveryFailedTime", "NotifiedTime") if time in item]
        return any(time >= to_text(end.astimezone(UTC)) for time in times)

    def _publish(self, message: Message) -> str:
        self.topic.pace.wait_for_slot()
        return self.topic.publish(message)

    def _at_the_topics_pace(self, announce: Callable[[], _T]) -> _T:
        for _ in range(_ATTEMPTS - 1):
            try:
                return announce()
            except AnnouncementsTooFastError:
                self.sleep(1)
        return announce()


def write_overdue_message(reports: Sequence[OverdueReport], hours: int, stack: OwnStack) -> Message:
    """The message that SP-API has not finished these reports within so many hours."""
    lines = [
        presentable(
            f"{report.requested_time} {report.report_type} report {report.report_id} of seller {report.seller_id} in "
            f"{report.region}"
        )
        for report in reports
    ]
    story = [
        f"Stack {stack.name} ({stack.region})",
        "",
        f"SP-API has not finished these reports within {hours} hours of their request, or its notification has not",
        "arrived. If it still arrives, the report is delivered. You get this message once for each report.",
        "Likely causes: Amazon is slow, the seller is no longer subscribed, or the notification is in a dead-letter",
        "queue.",
        "",
        *lines,
        "",
        "What to do:",
        "1. Check that the seller is still subscribed:",
        "   GET /notifications?SellerId=...&RegionCode=...&NotificationType=REPORT_PROCESSING_FINISHED",
        "2. Check the queues, the subscriptions and the alarms:",
        f"   {stack.command('doctor')}",
        "3. Request the report again. If SP-API finishes the first report later, you get both.",
        f"See {_SECTION}",
    ]
    count = f"{len(reports)} report{'' if len(reports) == 1 else 's'}"
    return Message(
        f"{count} not finished by SP-API within {hours} hours",
        "\n".join(story) + "\n",
        {
            "DeliveryStatus": "OVERDUE",
            "Hours": hours,
            "Reports": [
                {
                    "SellerId": report.seller_id,
                    "RegionCode": report.region,
                    "ReportId": report.report_id,
                    "ReportType": report.report_type,
                    "RequestedTime": report.requested_time,
                }
                for report in reports
            ],
        },
    )
