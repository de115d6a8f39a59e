"""What the doctor says of executions, with answers of AWS that the local emulator does not give."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber

from operations import outcomes
from operations.findings import Finding
from operations.logs import Line
from operations.redrive import restarted_name
from operations.stack import Stack
from quickstart.dynamodb import Table
from quickstart.solicitations.scheduling import NOT_RECORDED

NOW = datetime(2026, 11, 26, 6, 0, tzinfo=UTC)
MACHINE = "arn:aws:states:us-east-1:111122223333:stateMachine:ReportProcessor"
DAY = timedelta(days=1)


def execution(name: str, ended: timedelta, *, status: str = "FAILED", **more: object) -> dict[str, Any]:
    arn = f"{MACHINE.replace('stateMachine', 'execution')}:{name}"
    times = {"startDate": NOW - ended - timedelta(minutes=1), "stopDate": NOW - ended}
    return {"executionArn": arn, "stateMachineArn": MACHINE, "name": name, "status": status, **times, **more}


def findings(*answers: list[dict[str, Any]], since: timedelta = 14 * DAY) -> list[Finding]:
    """The answers of ListExecutions, in the order of the calls."""
    make: Callable[..., Any] = boto3.client
    states = make("stepfunctions", region_name="us-east-1", aws_access_key_id="t", aws_secret_access_key="t")
    stack = Stack("s", {"ReportProcessorStateMachineArn": MACHINE}, {}, lambda _: states, str, boto3.Session())
    stub = Stubber(states)
    for listed in answers:
        stub.add_response("list_executions", {"executions": listed})
    with stub:
        ((_, check),) = outcomes.outcome_checks(stack, NOW, since)
        found = list(check())
        stub.assert_no_pending_responses()
    return found


def test_failures_of_the_last_days_are_named_and_counted() -> None:
    failed = [execution(f"A1-{number}", DAY * number, redriveCount=0) for number in range(1, 8)]
    old = execution("A1-old", 15 * DAY, redriveCount=0)
    stopped = execution("A1-stopped", 3 * DAY, status="ABORTED", redriveCount=0)
    first, second = findings([*failed, old], [], [stopped])
    assert first.state == (
        "7 executions failed: A1-1 (24 hours ago), A1-2 (2 days ago), A1-3 (3 days ago), A1-4 (4 days ago), "
        "A1-5 (5 days ago), and 2 more"
    )
    assert first.mark == "!!"
    assert "make redrive-executions" in first.advice
    assert (second.state, second.mark) == ("1 execution was stopped: A1-stopped (3 days ago)", "!!")
    assert "ARGS=--aborted" in second.advice


def test_several_stopped_executions_are_named_together() -> None:
    stopped = [execution(f"A1-{number}", 3 * DAY, status="ABORTED", redriveCount=0) for number in (1, 2)]
    (only,) = findings([], [], stopped)
    assert only.state == "2 executions were stopped: A1-1 (3 days ago), A1-2 (3 days ago)"
    late = [execution(f"A1-{number}", 3 * DAY, status="TIMED_OUT", redriveCount=0) for number in (1, 2)]
    (only,) = findings([], late, [])
    assert only.state == "2 executions timed out: A1-1 (3 days ago), A1-2 (3 days ago)"


def test_earlier_failures_are_left_out_on_request() -> None:
    (only,) = findings([execution("A1-1", 3 * DAY, redriveCount=0)], [], [], since=2 * DAY)
    assert (only.state, only.mark) == ("no failed executions in the last 2 days", "ok")


def test_executions_are_looked_for_as_long_as_one_can_take() -> None:
    """An execution may have begun 30 days before the failures that are shown."""

    def began(name: str, ago: timedelta, ended: timedelta) -> dict[str, Any]:
        return execution(name, ended, redriveCount=0) | {"startDate": NOW - ago}

    second = timedelta(seconds=1)
    limit = 44 * DAY
    listed = [
        began("A1-1", DAY, 14 * DAY),
        began("A1-2", limit, 14 * DAY - second),
        began("A1-3", limit + second, DAY),
        began("A1-4", DAY, DAY),
    ]
    (only,) = findings(listed, [], [])
    # The newest come first, so nothing later is looked at.
    assert only.state == "1 execution failed: A1-2 (13 days ago)"


def test_a_machine_of_a_later_version_is_checked_too() -> None:
    make: Callable[..., Any] = boto3.client
    states = make("stepfunctions", region_name="us-east-1", aws_access_key_id="t", aws_secret_access_key="t")
    stack = Stack("s", {"NewStateMachineArn": MACHINE, "Other": "x"}, {}, lambda _: states, str, boto3.Session())
    stub = Stubber(states)
    for status in ("FAILED", "TIMED_OUT", "ABORTED"):
        listed = {"executions": [execution("A1-1", DAY, status=status, redriveCount=0)]}
        stub.add_response("list_executions", listed, {"stateMachineArn": MACHINE, "statusFilter": status})
    with stub:
        ((subject, check),) = outcomes.outcome_checks(stack, NOW, 14 * DAY)
        found = list(check())
    assert subject == "New"
    assert found == [
        Finding("New", f"1 execution {verb}: A1-1 (24 hours ago)", "see docs/operations.md")
        for verb in ("failed", "timed out", "was stopped")
    ]


def test_a_pull_that_was_stopped_is_no_problem() -> None:
    make: Callable[..., Any] = boto3.client
    states = make("stepfunctions", region_name="us-east-1", aws_access_key_id="t", aws_secret_access_key="t")
    outputs = {"ProductTypePullStateMachineArn": MACHINE}
    stack = Stack("s", outputs, {}, lambda _: states, str, boto3.Session())
    stub = Stubber(states)
    for listed in ([execution("p-1", DAY, redriveCount=0)], [], [execution("p-2", DAY, redriveCount=0)]):
        stub.add_response("list_executions", {"executions": listed})
    with stub:
        ((_, check),) = outcomes.outcome_checks(stack, NOW, 14 * DAY)
        assert [(found.severity, found.advice) for found in check()] == [
            (
                "problem",
                "fix the cause that make logs FUNCTION=SPAPIProductTypeFetcher SINCE=14d shows, then send POST "
                "/product-types/pulls/{pullId}/resume",
            ),
            ("soon", "if it was a mistake, send POST /product-types/pulls/{pullId}/resume"),
        ]


def test_what_is_checked_depends_on_the_outputs() -> None:
    outputs = ("ReportsTableName", "SolicitationsTableName", "AlarmTopicArn", "BStateMachineArn", "AStateMachineArn")

    def subjects(*names: str) -> list[str]:
        stack = Stack("s", dict.fromkeys(names, "x"), {}, lambda _: None, str, boto3.Session())
        return [subject for subject, _ in outcomes.outcome_checks(stack, NOW, DAY)]

    assert subjects(*outputs) == ["A", "B", "reports", "orders", "orders without a token", "alarms"]
    assert subjects() == []


def test_five_are_named_and_of_more_the_number() -> None:
    names = [str(number) for number in range(1005)]
    assert outcomes._listed(names[:5]) == "0, 1, 2, 3, 4"
    assert outcomes._listed(names[:6]) == "0, 1, 2, 3, 4, and 1 more"
    assert outcomes._listed(names) == "0, 1, 2, 3, 4, and 1,000 more"


def test_a_text_is_cut_only_if_it_is_too_long() -> None:
    assert outcomes._shortened("one two", 7) == "one two"
    assert outcomes._shortened("one two x", 8) == "one ..."


@pytest.mark.parametrize(
    ("since", "words"),
    [
        (timedelta(hours=1), "the last hour"),
        (timedelta(minutes=1), "the last minute"),
        (timedelta(minutes=2), "the last 2 minutes"),
        (timedelta(seconds=61), "the last 61 seconds"),
        (timedelta(hours=12), "the last 12 hours"),
        (timedelta(hours=24), "the last day"),
        (timedelta(hours=36), "the last 36 hours"),
        (timedelta(minutes=90), "the last 90 minutes"),
        (timedelta(seconds=30), "the last 30 seconds"),
    ],
)
def test_the_period_is_named_in_words(since: timedelta, words: str) -> None:
    (only,) = findings([], [], [], since=since)
    assert only.state == f"no failed executions in {words}"


def stack_of(**items: list[dict[str, Any]]) -> Stack:
    """A stack whose tables have these items, by the output with the table's name."""
    make: Callable[..., Any] = boto3.client
    client = make("dynamodb", region_name="us-east-1", aws_access_key_id="t", aws_secret_access_key="t")
    (found,) = items.values()
    stub = Stubber(client)
    stub.add_response("scan", {"Items": [{name: {"S": value} for name, value in item.items()} for item in found]})
    stub.activate()
    return Stack("s", dict.fromkeys(items, "table"), {}, lambda _: client, str, boto3.Session())


@pytest.mark.parametrize(("hours", "named"), [(12, False), (48, True)])
def test_an_overdue_report_is_left_out_when_it_was_requested_earlier(hours: int, named: bool) -> None:
    requested = (NOW - timedelta(hours=32)).isoformat(timespec="seconds")
    item = {"ReportId": "7", "SellerId": "A1", "ReportStatus": "IN_QUEUE", "RequestedTime": requested}
    (only,) = outcomes._reports(stack_of(ReportsTableName=[item]), NOW, timedelta(hours=hours))
    assert ("7 of seller A1, requested 32 hours ago" in only.state) is named
    assert (
        "GET /notifications?SellerId=...&RegionCode=...&NotificationType=REPORT_PROCESSING_FINISHED" in only.advice
    ) is named
    assert ("--since" in only.advice) is named


def test_the_reason_of_a_failed_order_is_cut_between_words() -> None:
    answer = "the application lacks the role that this operation needs, " * 4
    item = {"AmazonOrderId": "1", "SellerId": "A1", "LastAnswer": answer, "Deadline": "2027-01-01"}
    (only,) = outcomes._orders(stack_of(SolicitationsTableName=[item]), NOW)
    text = only.state.partition("(")[2].removesuffix(")")
    assert len(text) <= 160
    assert text.endswith(" ...")
    assert text.removesuffix(" ...").split()[-1] in answer.split()


def test_an_execution_that_was_started_again_no_longer_counts() -> None:
    """Where executions cannot be redriven, which have no redriveCount."""
    failed = execution("A1-1", DAY)
    again = execution(restarted_name("A1-1"), timedelta(0), status="SUCCEEDED")
    (none,) = findings([failed], [again, failed], [], [])
    assert none.mark == "ok"
    (still,) = findings([failed], [failed], [], [])
    assert still.state.startswith("1 execution failed: A1-1")


def report(**given: str) -> dict[str, str]:
    return {"ReportId": "7", "SellerId": "A1", "ReportType": "GET_X", "CreatedTime": "2026-11-25", **given}


YESTERDAY = (NOW - DAY).isoformat(timespec="seconds")
LONG_AGO = (NOW - 20 * DAY).isoformat(timespec="seconds")
ALL_WELL = [Finding("reports", "no report is overdue, failed or not delivered")]


@pytest.mark.parametrize(
    ("items", "expected"),
    [
        ([], ALL_WELL),
        (
            [report(DeliveryStatus="FAILED", DeliveryFailedTime=YESTERDAY, DeliveryError="AccessDeniedError")],
            [
                Finding(
                    "reports",
                    "1 report not delivered: 7 of seller A1 (AccessDeniedError)",
                    "the e-mail about each report says what to do. Fix the cause, then run make redrive-executions: "
                    "docs/operations.md#reportprocessorfailedalarm",
                )
            ],
        ),
        (
            [report(DeliveryStatus="FAILED", DeliveryFailedTime=YESTERDAY)],
            [
                Finding(
                    "reports",
                    "1 report not delivered: 7 of seller A1 (unknown error)",
                    "the e-mail about each report says what to do. Fix the cause, then run make redrive-executions: "
                    "docs/operations.md#reportprocessorfailedalarm",
                )
            ],
        ),
        (
            [report(ReportStatus="FATAL", NotifiedTime=YESTERDAY)],
            [
                Finding(
                    "reports",
                    "1 report that SP-API could not create (FATAL) in the last 14 days: 7 of seller A1 (GET_X)",
                    "the e-mail about each report has SP-API's explanation. Request the report again",
                    later=True,
                )
            ],
        ),
        (
            [report(ReportStatus="IN_QUEUE", RequestedTime=(NOW - timedelta(hours=25)).isoformat(timespec="seconds"))],
            [
                Finding(
                    "reports",
                    "1 report not finished by SP-API within 24 hours: 7 of seller A1, requested 25 hours ago",
                    "check with GET /notifications?SellerId=...&RegionCode=...&NotificationType="
                    "REPORT_PROCESSING_FINISHED that the seller is subscribed, then request the report again. If you "
                    'have done so, leave out earlier requests with ARGS="--since 12h": '
                    "docs/operations.md#a-report-is-overdue",
                )
            ],
        ),
        ([report(ReportStatus="IN_QUEUE", RequestedTime=YESTERDAY)], ALL_WELL),
        ([report(DeliveryStatus="FAILED", DeliveryFailedTime=LONG_AGO)], ALL_WELL),
        ([report(ReportStatus="FATAL", NotifiedTime=LONG_AGO)], ALL_WELL),
        ([report(ReportStatus="FATAL", CreatedTime=LONG_AGO)], ALL_WELL),
    ],
)
def test_what_became_of_reports(items: list[dict[str, Any]], expected: list[Finding]) -> None:
    assert list(outcomes._reports(stack_of(ReportsTableName=items), NOW, 14 * DAY)) == expected


def test_the_stack_says_when_a_report_is_overdue_and_the_newest_is_named_first() -> None:
    def queued(report_id: str, hours: int, created: str) -> dict[str, str]:
        requested = (NOW - timedelta(hours=hours)).isoformat(timespec="seconds")
        return report(ReportId=report_id, CreatedTime=created, ReportStatus="IN_QUEUE", RequestedTime=requested)

    items = [queued("1", 49, "2026-11-23"), queued("2", 50, "2026-11-24"), queued("3", 48, "2026-11-25")]
    del items[0]["CreatedTime"]
    stack = replace(stack_of(ReportsTableName=items), parameters={"ReportOverdueHours": "48"})
    (only,) = outcomes._reports(stack, NOW, 14 * DAY)
    assert only.state == (
        "2 reports not finished by SP-API within 48 hours: 2 of seller A1, requested 2 days ago, 1 of seller A1, "
        "requested 2 days ago"
    )


def test_a_report_is_named_for_the_period_that_is_asked_for() -> None:
    def failed(after: timedelta, **given: str) -> dict[str, str]:
        return report(DeliveryStatus="FAILED", DeliveryFailedTime=(NOW - DAY + after).isoformat(), **given)

    second = timedelta(seconds=1)
    items = [failed(timedelta(), ReportId="1"), failed(second, ReportId="2"), report(DeliveryStatus="FAILED")]
    (only,) = outcomes._reports(stack_of(ReportsTableName=items), NOW, DAY)
    assert only.state.startswith("2 reports not delivered: 2 of seller A1 (unknown error), 7 of seller A1")


def test_a_report_that_waits_without_a_subscription_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def waiting(number: int, seller: str, region: str) -> dict[str, str]:
        given = {"ReportId": str(number), "SellerId": seller, "RegionCode": region}
        return report(ReportStatus="IN_QUEUE", RequestedTime=YESTERDAY, **given)

    def subscribed(seller: str, region: str) -> dict[str, str]:
        return {"SellerId": seller, "Item": f"SUBSCRIPTION#{region}#X#1.0", "RegionCode": region}

    tables = {
        "reports": [waiting(1, "A1", "NA"), waiting(2, "A1", "EU"), waiting(3, "A2", "NA"), waiting(4, "A1", "EU")],
        "partners": [subscribed("A1", "NA")],
    }
    monkeypatch.setattr(Table, "scan", lambda table, _: tables[table.name])
    outputs = {"ReportsTableName": "reports", "SellingPartnersTableName": "partners"}
    stack = Stack("s", outputs, {}, lambda _: None, str, boto3.Session())
    named, well = outcomes._reports(stack, NOW, 14 * DAY)
    assert named == Finding(
        "reports",
        "3 reports requested without a subscription to REPORT_PROCESSING_FINISHED, for seller A1 in EU, A2 in NA",
        "the stack does not learn when they are finished. Subscribe the seller with POST /notifications. If the report "
        "does not arrive, request it again: docs/troubleshooting.md#no-notifications-arrive",
        later=True,
    )
    assert [well] == ALL_WELL
    tables["partners"] += [subscribed("A1", "EU"), subscribed("A2", "NA")]
    assert list(outcomes._reports(stack, NOW, 14 * DAY)) == ALL_WELL


def test_orders_whose_window_has_ended_are_left_out() -> None:
    def order(number: int, deadline: str, **given: str) -> dict[str, str]:
        return {"AmazonOrderId": str(number), "SellerId": "A1", "Deadline": deadline, **given}

    items = [order(1, "2027-01-01", LastAnswer="no token"), order(2, "2027-01-01"), order(3, "2026-11-01")]
    (only,) = outcomes._orders(stack_of(SolicitationsTableName=items), NOW)
    assert only == Finding(
        "orders",
        "2 orders in FAILED: 1 of seller A1 (no token), 2 of seller A1 (no answer)",
        "make logs FUNCTION=Solicitation SINCE=14d shows why. Fix the cause, then run make redrive-executions before "
        "the order's request window ends: docs/operations.md#solicitationfailedalarm",
    )
    (none,) = outcomes._orders(stack_of(SolicitationsTableName=items[2:]), NOW)
    assert none == Finding("orders", "none in FAILED")


@pytest.mark.parametrize(
    ("since", "found", "state"),
    [
        (
            14 * DAY,
            [("A1", "1"), ("A1", "1"), ("A1", "2"), ("A2", "3")],
            "3 orders not recorded in the last day, of A1, A2",
        ),
        (timedelta(hours=12), [("A1", "1")], "1 order not recorded in the last 12 hours, of A1"),
        (14 * DAY, [], "none in the last day"),
    ],
)
def test_orders_that_were_not_recorded_are_counted_once(
    monkeypatch: pytest.MonkeyPatch, since: timedelta, found: list[tuple[str, str]], state: str
) -> None:
    """They are in the log of the function that would have recorded them, and nowhere else."""
    asked: list[object] = []

    def lines(_: object, groups: dict[str, str], begin: datetime, text: str) -> list[Line]:
        asked.append((groups, NOW - begin, text))
        texts = [json.dumps({"seller_id": seller, "amazon_order_id": order}) for seller, order in found]
        return [Line(0, "s", str(number), text) for number, text in enumerate(texts)]

    groups = {"SPAPISolicitationScheduler": "g", "SPAPIReportCreator": "other"}
    monkeypatch.setattr(outcomes, "log_groups", lambda *_: groups)
    monkeypatch.setattr(outcomes, "lines", lines)
    stack = Stack("s", {}, {}, lambda name: name, str, boto3.Session())
    (only,) = outcomes._orders_without_token(stack, NOW, since)
    assert (only.subject, only.state, only.later) == ("orders without a token", state, bool(found))
    assert only.advice == (
        "normal shortly after a seller was removed. Otherwise, store the seller's token with POST /tokens; reviews are "
        "requested for later orders: docs/solicitations.md#how-events-are-handled"
        if found
        else ""
    )
    assert asked == [({"SPAPISolicitationScheduler": "g"}, min(since, DAY), NOT_RECORDED)]


def alarm(name: str, state: str, *, topic: str = "topic", **given: Any) -> dict[str, Any]:
    return {"AlarmName": name, "StateValue": state, "AlarmActions": [topic], **given}


def alarm_findings(*found: dict[str, Any]) -> list[Finding]:
    make: Callable[..., Any] = boto3.client
    client = make("cloudwatch", region_name="us-east-1", aws_access_key_id="t", aws_secret_access_key="t")
    stub = Stubber(client)
    stub.add_response("describe_alarms", {"MetricAlarms": list(found)}, {"AlarmNamePrefix": "s-"})
    with stub:
        return list(
            outcomes._alarms(Stack("s", {"AlarmTopicArn": "topic"}, {}, lambda _: client, str, boto3.Session()))
        )


def test_alarms_that_ring_say_since_when_and_what_to_do() -> None:
    ringing = alarm("s-Reports-1-ReportsFailedAlarm-X", "ALARM", StateUpdatedTimestamp=NOW, AlarmDescription="Look.")
    quiet = alarm("s-Reports-1-SlowAlarm-X", "OK")
    unknown = alarm("s-odd", "ALARM")
    others = alarm("s-2-OtherAlarm-X", "ALARM", topic="of another stack")
    assert alarm_findings(ringing, quiet, unknown, others) == [
        Finding("alarm ReportsFailedAlarm", "in ALARM since 2026-11-26 06:00 UTC", "Look."),
        Finding("alarm s-odd", "in ALARM", "see docs/operations.md#alarms"),
    ]
    assert alarm_findings(quiet, others) == [Finding("alarms", "1 alarm, none in ALARM")]


def test_dead_letters_are_counted_with_their_kinds_and_the_age_of_the_oldest() -> None:
    make: Callable[..., Any] = boto3.client
    client = make("sqs", region_name="us-east-1", aws_access_key_id="t", aws_secret_access_key="t")

    def message(minutes: int, kind: str, reason: str = "") -> dict[str, Any]:
        sent = int((NOW - timedelta(minutes=minutes)).timestamp() * 1000)
        attributes = {"Reason": {"DataType": "String", "StringValue": reason}} if reason else {}
        return {
            "Body": json.dumps({"NotificationType": kind}),
            "Attributes": {"SentTimestamp": str(sent)},
            "MessageAttributes": attributes,
        }

    stack = Stack(
        "s", {"XDeadLetterQueueUrl": "https://sqs/x", "XQueueArn": "a"}, {}, lambda _: client, str, boto3.Session()
    )
    stub = Stubber(client)
    messages = [message(5, "ORDER_CHANGE", "no token"), message(7, "ORDER_CHANGE", "no token"), message(6, "OTHER")]
    for count, received in ((3, messages), (3, []), (0, None)):
        stub.add_response("get_queue_attributes", {"Attributes": {"ApproximateNumberOfMessages": str(count)}})
        if received is not None:
            # Every other reader still finds the messages.
            asked = {
                "QueueUrl": "https://sqs/x",
                "MaxNumberOfMessages": 10,
                "VisibilityTimeout": 0,
                "AttributeNames": ["SentTimestamp"],
                "MessageAttributeNames": ["All"],
            }
            stub.add_response("receive_message", {"Messages": received}, asked)
    advice = (
        "make logs SINCE=14d shows why they are here. Fix the cause, then run make redrive-queue: "
        "docs/operations.md#xdeadletterqueuealarm"
    )
    with stub:
        assert [outcomes.dead_letters(stack, "XDeadLetterQueueUrl", NOW) for _ in range(3)] == [
            Finding("XDeadLetterQueue", "3 messages, sent 7 minutes ago: ORDER_CHANGE: no token; OTHER", advice),
            Finding("XDeadLetterQueue", "3 messages", advice),
            Finding("XDeadLetterQueue", "empty"),
        ]


@pytest.mark.parametrize(
    ("body", "attributes", "kind", "reason"),
    [
        ('{"notificationType": "A", "NotificationType": "B"}', {"Reason": "r", "ERROR_MESSAGE": "e"}, "A", "r"),
        ('{"notificationType": 7, "NotificationType": "B"}', {"ERROR_MESSAGE": "e", "ErrorMessage": "m"}, "B", "e"),
        ('{"detail-type": "C"}', {"ErrorMessage": "m"}, "C", "m"),
        ("[]", {}, "", ""),
        ("no JSON", {"Other": "x"}, "", ""),
        ("[" * 100_000, {}, "", ""),
    ],
)
def test_what_a_dead_letter_is_about(body: str, attributes: dict[str, str], kind: str, reason: str) -> None:
    given = {name: {"StringValue": value} for name, value in attributes.items()}
    assert outcomes.kind_and_reason({"Body": body, "MessageAttributes": given}) == (kind, reason)
    assert outcomes._kind({"Body": body, "MessageAttributes": given}) == ": ".join(filter(None, (kind, reason)))


def test_a_long_reason_of_a_dead_letter_is_cut_after_two_hundred_characters() -> None:
    def kind(length: int) -> str:
        reason = {"Reason": {"StringValue": "x" * 95 + " " + "y" * (length - 96)}}
        return outcomes._kind({"Body": "{}", "MessageAttributes": reason})

    assert len(kind(200)) == 200
    assert kind(201) == "x" * 95 + " ..."


def test_the_advice_about_a_queue_of_a_later_version() -> None:
    stack = Stack("s", {}, {}, lambda _: None, str, boto3.Session())
    advice = outcomes.advice_about_dead_letters(stack, "NewDeadLetterQueue")
    assert advice == "see docs/operations.md#newdeadletterqueuealarm"


@pytest.mark.parametrize(
    ("minutes", "words"),
    [
        (-1, "0 minutes ago"),
        (1, "1 minute ago"),
        (119, "119 minutes ago"),
        (120, "2 hours ago"),
        (2879, "47 hours ago"),
        (2880, "2 days ago"),
    ],
)
def test_ages_in_words(minutes: int, words: str) -> None:
    assert outcomes._ago(timedelta(minutes=minutes)) == words


def test_the_age_of_what_is_no_time_is_unknown() -> None:
    assert outcomes._since((NOW - DAY).isoformat(), NOW) == "24 hours ago"
    assert outcomes._since("soon", NOW) == outcomes._since("2026-11-26", NOW) == "at an unknown time"
