"""What the daily sweep finds, and that each is announced once."""

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from quickstart.own_stack import OwnStack
from quickstart.reports.announcement_pace import AnnouncementPace, AnnouncementsTooFastError
from quickstart.reports.ledger import KnownSellers, OverdueReport, ReportLedger
from quickstart.reports.sweep import Sweep, write_overdue_message
from quickstart.reports.topic import ReportTopic
from tests.unit.quickstart.support import Aws, MemoryTable, always_known, never_known

LogLines = Callable[[], list[dict[str, Any]]]
STACK = OwnStack("quick-start", "eu-west-1")

NOW = datetime(2026, 11, 26, 6, 0, tzinfo=UTC)
MACHINE = "arn:aws:states:us-east-1:111122223333:stateMachine:ReportProcessor"
SELLER, REPORT = "A3TH9S8BH6GOGM", "54517018502"
HOUR, SECOND = timedelta(hours=1), timedelta(seconds=1)


class Ground:
    """A sweep at NOW, of executions and reports that a test adds."""

    def __init__(self, aws: Aws, now: datetime = NOW, known: KnownSellers = always_known) -> None:
        self.aws = aws
        self.table = MemoryTable(aws, "ReportId", "SellerId")
        self.executions: list[Mapping[str, Any]] = []
        self.slept: list[float] = []
        self.clock = now
        aws.answers |= {
            "ListExecutions": self._list,
            "DescribeExecution": self._describe,
            "Publish": lambda _: {"MessageId": f"message-{aws.operations.count('Publish')}"},
            "Scan": lambda _: {"Items": [_typed(item) for item in self.table.items if "ReportStatus" in item]},
        }
        pace = AnnouncementPace(self.table.table, 3, now=lambda: self.clock.timestamp(), sleep=self._sleep)
        self.sweep = Sweep(
            ReportLedger(self.table.table, timedelta(days=30), known, now=lambda: self.clock),
            ReportTopic(aws.client("sns"), "arn:aws:sns:us-east-1:111122223333:t", pace, STACK),
            aws.client("stepfunctions"),
            MACHINE,
            timedelta(hours=24),
            now=lambda: self.clock,
            sleep=self._sleep,
        )

    def failed(self, ended_ago: timedelta, status: str = "FAILED", report_id: str = REPORT, **fields: Any) -> None:
        name = f"{SELLER}-{report_id}-DONE"
        self.executions.append(
            {
                "executionArn": MACHINE.replace("stateMachine", "execution") + f":{name}",
                "stateMachineArn": MACHINE,
                "name": name,
                "status": status,
                "startDate": NOW - ended_ago - HOUR,
                "stopDate": NOW - ended_ago,
                "redriveCount": 0,
                "input": json.dumps({"SellerId": SELLER, "ReportId": report_id, "ReportType": "GET_X"}),
                "error": "NotFoundError",
                **fields,
            }
        )

    def messages(self) -> list[Mapping[str, Any]]:
        """What programs get of each message."""
        published = [parameters for operation, parameters in self.aws.calls if operation == "Publish"]
        return [json.loads(json.loads(one["Message"])["sqs"]) for one in published]

    def _list(self, given: Mapping[str, Any]) -> Mapping[str, Any]:
        assert given["stateMachineArn"] == MACHINE
        found = [one for one in self.executions if one["status"] == given["statusFilter"]]
        return {"executions": sorted(found, key=lambda one: one["startDate"], reverse=True)}

    def _describe(self, given: Mapping[str, Any]) -> Mapping[str, Any]:
        (found,) = [one for one in self.executions if one["executionArn"] == given["executionArn"]]
        return found

    def _sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.clock += timedelta(seconds=seconds)


def _typed(item: Mapping[str, Any]) -> Mapping[str, Any]:
    return {name: {"N": str(value)} if isinstance(value, int) else {"S": value} for name, value in item.items()}


@pytest.fixture
def ground(aws: Aws) -> Ground:
    return Ground(aws)


@pytest.mark.parametrize("status", ["FAILED", "TIMED_OUT", "ABORTED"])
def test_a_failure_without_an_email_is_announced_once(ground: Ground, status: str) -> None:
    ground.failed(2 * HOUR, status)
    assert ground.sweep.announce_lost_failures() == 1
    (message,) = ground.messages()
    assert (message["DeliveryStatus"], message["ReportId"], message["ExecutionStatus"]) == ("FAILED", REPORT, status)
    assert ground.sweep.announce_lost_failures() == 0
    ground.clock += timedelta(days=1)
    assert ground.sweep.announce_lost_failures() == 0


def test_a_failure_of_a_seller_who_was_removed_since_is_not_announced(aws: Aws) -> None:
    """Its record is gone, so nothing says that an e-mail was sent."""
    ground = Ground(aws, known=never_known)
    ground.failed(2 * HOUR)
    assert ground.sweep.announce_lost_failures() == 0
    assert (ground.messages(), [item for item in ground.table.items if item["SellerId"] == SELLER]) == ([], [])


@pytest.mark.parametrize("attribute", ["DeliveryFailedTime", "NotifiedTime"])
def test_a_failure_that_was_announced_or_delivered_since_is_left_out(ground: Ground, attribute: str) -> None:
    ground.failed(2 * HOUR)
    item = {"ReportId": REPORT, "SellerId": SELLER, attribute: "2026-11-26T04:00:00+00:00"}
    ground.table.items.append(item)
    assert ground.sweep.announce_lost_failures() == 0
    item[attribute] = "2026-11-26T03:59:59+00:00"
    assert ground.sweep.announce_lost_failures() == 1


def test_a_failure_is_left_to_the_rule_for_an_hour_and_looked_for_on_three_days(ground: Ground) -> None:
    ground.failed(HOUR, report_id="1")
    ground.failed(timedelta(days=3), report_id="2")
    assert ground.sweep.announce_lost_failures() == 0
    ground.failed(HOUR + SECOND, report_id="3")
    ground.failed(timedelta(days=3) - SECOND, report_id="4")
    assert ground.sweep.announce_lost_failures() == 2
    assert [message["ReportId"] for message in ground.messages()] == ["3", "4"]


def test_an_execution_that_was_redriven_meanwhile_is_left_out(ground: Ground) -> None:
    ground.failed(2 * HOUR)
    listed = ground.executions[0]
    ground.aws.answers["DescribeExecution"] = lambda _: {**listed, "status": "RUNNING"}
    assert ground.sweep.announce_lost_failures() == 0


def test_a_redriven_execution_that_started_long_ago_is_found(ground: Ground) -> None:
    ground.failed(2 * HOUR, startDate=NOW - timedelta(days=31), redriveCount=1)
    ground.failed(2 * HOUR, report_id="2", startDate=NOW - timedelta(days=31) - SECOND)
    assert ground.sweep.announce_lost_failures() == 1
    item = ground.table.find(ReportId=REPORT) or {}
    assert item["AnnouncedFailure"].endswith("#1")


def test_many_failures_keep_the_topics_pace(ground: Ground) -> None:
    for number in range(7):
        ground.failed(2 * HOUR, report_id=str(number))
    assert ground.sweep.announce_lost_failures() == 7
    assert ground.slept == [1] * 6
    assert len({message["ReportId"] for message in ground.messages()}) == 7


@pytest.mark.parametrize(("seconds", "sent"), [(78, 1), (79, 0)])
def test_a_sweep_tries_for_a_minute_to_send_an_email(ground: Ground, seconds: int, sent: int) -> None:
    """An e-mail waits for its moment twenty seconds at most; the last try is 59 s after the first one."""
    latest = Decimal(int(NOW.timestamp()) + seconds)
    ground.table.items = [{"ReportId": "ANNOUNCEMENTS#OTHERS", "SellerId": "*", "LatestSlot": latest}]
    ground.failed(2 * HOUR)
    if sent:
        assert ground.sweep.announce_lost_failures() == 1
        assert ground.slept == [1] * 59 + [20]
    else:
        with pytest.raises(AnnouncementsTooFastError):
            ground.sweep.announce_lost_failures()
        assert ground.slept == [1] * 59
    assert len(ground.messages()) == sent


def waiting(report_id: str) -> dict[str, Any]:
    return {
        "ReportId": report_id,
        "SellerId": SELLER,
        "RegionCode": "EU",
        "ReportType": "GET_X",
        "ReportStatus": "IN_QUEUE",
        "RequestedTime": "2026-11-24T06:00:00+00:00",
    }


def test_overdue_reports_are_announced_a_hundred_at_a_time_and_noted(ground: Ground, log_lines: LogLines) -> None:
    ground.table.items += [waiting(str(number)) for number in range(101)]
    assert ground.sweep.announce_overdue_reports() == 101
    assert [len(message["Reports"]) for message in ground.messages()] == [100, 1]
    assert {(message["DeliveryStatus"], message["Hours"]) for message in ground.messages()} == {("OVERDUE", 24)}
    assert [(line["level"], line["message"], line["seller_id"], line["report_id"]) for line in log_lines()] == [
        ("ERROR", "report overdue", SELLER, str(number)) for number in range(101)
    ]
    noted = [item for item in ground.table.items if "RequestedTime" in item]
    assert {item["OverdueMessageId"] for item in noted} == {"message-1", "message-2"}
    # One message a second.
    assert {item["OverdueNotifiedTime"] for item in noted} == {"2026-11-26T06:00:00+00:00", "2026-11-26T06:00:01+00:00"}


def test_without_anything_to_say_nothing_is_sent(ground: Ground) -> None:
    assert (ground.sweep.announce_lost_failures(), ground.sweep.announce_overdue_reports()) == (0, 0)
    assert "Publish" not in ground.aws.operations


@pytest.mark.parametrize(("number", "count"), [(1, "1 report"), (2, "2 reports")])
def test_the_message_names_each_report_and_what_to_do(number: int, count: str) -> None:
    reports = [OverdueReport(SELLER, "EU", str(n), "GET_X", "2026-11-24T06:00:00+00:00") for n in range(number)]
    message = write_overdue_message(reports, 24, STACK)
    assert message.subject == f"{count} not finished by SP-API within 24 hours"
    assert message.body.splitlines() == [
        "Stack quick-start (eu-west-1)",
        "",
        "SP-API has not finished these reports within 24 hours of their request, or its notification has not",
        "arrived. If it still arrives, the report is delivered. You get this message once for each report.",
        "Likely causes: Amazon is slow, the seller is no longer subscribed, or the notification is in a dead-letter",
        "queue.",
        "",
        *(f"2026-11-24T06:00:00+00:00 GET_X report {n} of seller {SELLER} in EU" for n in range(number)),
        "",
        "What to do:",
        "1. Check that the seller is still subscribed:",
        "   GET /notifications?SellerId=...&RegionCode=...&NotificationType=REPORT_PROCESSING_FINISHED",
        "2. Check the queues, the subscriptions and the alarms:",
        "   make doctor STACK=quick-start REGION=eu-west-1",
        "3. Request the report again. If SP-API finishes the first report later, you get both.",
        "See docs/operations.md#a-report-is-overdue",
    ]
    assert message.data == {
        "DeliveryStatus": "OVERDUE",
        "Hours": 24,
        "Reports": [
            {
                "SellerId": SELLER,
                "RegionCode": "EU",
                "ReportId": str(n),
                "ReportType": "GET_X",
                "RequestedTime": "2026-11-24T06:00:00+00:00",
            }
            for n in range(number)
        ],
    }
