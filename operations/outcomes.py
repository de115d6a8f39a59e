"""What became of a stack's work: executions, reports, orders, alarms and dead letters, in words for the operator."""

import json
import re
import textwrap
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from boto3.dynamodb.conditions import Attr

from operations.command import counted
from operations.findings import Finding
from operations.logs import lines, log_groups
from operations.redrive import restarted_name
from operations.stack import Stack
from quickstart.dynamodb import Item, Table
from quickstart.notifications.types import REPORTS_TYPE
from quickstart.solicitations.ledger import State
from quickstart.solicitations.scheduling import NOT_RECORDED
from sp_api.errors import presentable

# Step Functions redrives an execution that ended in the last 14 days (API reference: RedriveExecution).
REDRIVABLE = timedelta(days=14)
# An execution of a listing takes at most 30 days, the longest of all.
_LONGEST_EXECUTION = timedelta(days=30)
_SHOWN = 5
# One request returns at most this many messages (API reference: ReceiveMessage).
_PEEKED = 10
OVERDUE_HOURS = 24
# CloudWatch Logs searches a log group page by page, so only the last day is searched.
_LOGS_SEARCHED = timedelta(days=1)
UNSUCCESSFUL = {"FAILED": "failed", "TIMED_OUT": "timed out", "ABORTED": "was stopped"}
_PLURALS = {"FAILED": "failed", "TIMED_OUT": "timed out", "ABORTED": "were stopped"}


@dataclass(frozen=True)
class Machine:
    """How to look at and to resume the failed executions of a state machine."""

    what: str
    failed: str
    stopped: str


_REDRIVE = "fix the cause that {logs} shows, then run make redrive-executions"
_STOPPED = "if it was a mistake, run make redrive-executions ARGS=--aborted"
MACHINES: Mapping[str, Machine] = {
    "ReportProcessorStateMachineArn": Machine(
        "deliveries of reports", _REDRIVE.format(logs="make logs FUNCTION=ReportProcessor SINCE=14d"), _STOPPED
    ),
    "SolicitationStateMachineArn": Machine(
        "review requests", _REDRIVE.format(logs="make logs FUNCTION=Solicitation SINCE=14d"), _STOPPED
    ),
    "ProductTypePullStateMachineArn": Machine(
        "pulls of product types",
        "fix the cause that make logs FUNCTION=SPAPIProductTypeFetcher SINCE=14d shows, then send "
        "POST /product-types/pulls/{pullId}/resume",
        "if it was a mistake, send POST /product-types/pulls/{pullId}/resume",
    ),
    "ListingStateMachineArn": Machine(
        "submissions of listings",
        "fix the cause that make logs FUNCTION=SPAPIListingSender SINCE=14d shows, then send the submission again",
        "if it was a mistake, send the submission again",
    ),
    "ListingFeedStateMachineArn": Machine(
        "files of listings",
        "look at GET /listings/feeds/{feedRequestId}, fix the cause that make logs FUNCTION=SPAPIListingFeedWorker "
        "SINCE=14d shows, then upload what was not sent again",
        "if it was a mistake, look at GET /listings/feeds/{feedRequestId} and upload what was not sent again",
    ),
}
# Your product stops a pull with DELETE /product-types/pulls/{pullId}.
_STOPPED_BY_REQUEST = ("ProductTypePullStateMachineArn",)
# What to do about messages in the queues whose messages make redrive-queue does not move.
DEAD_LETTERS: Mapping[str, tuple[str, str]] = {
    "ReportFailuresDeadLetterQueue": (
        "SPAPIReportFailureNotifier,SPAPIReportSweep",
        "run make redrive-executions, and purge the queue",
    ),
    "SolicitationScheduleDeadLetterQueue": (
        "Solicitation",
        "start the execution with the message as its input",
    ),
    "SecretRotationFailuresDeadLetterQueue": (
        "SPAPISecretRotator",
        "delete the messages: the next daily run repeats it",
    ),
    "ConnectionsDeadLetterQueue": (
        "SPAPIConnectionEvents,SPAPIConnectionReview",
        "check GET /authorizations, and delete the messages",
    ),
    "ProductTypeRefreshDeadLetterQueue": (
        "SPAPIProductTypeRefresh",
        "delete the messages: the next daily refresh fetches all changes",
    ),
    "ListingFailuresDeadLetterQueue": (
        "SPAPIListingFailures,SPAPIListingSweep",
        "delete the messages: SPAPIListingSweep completes the records every five minutes",
    ),
    "ListingFeedEventsDeadLetterQueue": (
        "SPAPIListingFeedEvents",
        "delete the messages: the sweep starts and concludes the files every fifteen minutes",
    ),
}
# The functions that read the queues whose messages make redrive-queue moves back.
READERS: Mapping[str, str] = {
    "NotificationsDeadLetterQueue": "SPAPINotificationProcessor",
    "OrdersDeadLetterQueue": "SPAPISolicitationScheduler",
    "ConsentsDeadLetterQueue": "SPAPIConnectionSubscriber",
    "SecretDeadLetterQueue": "SPAPISecretReceiver",
    "ListingNoticesDeadLetterQueue": "SPAPIListingNotices",
    "ListingDigestDeadLetterQueue": "SPAPIListingDigest",
}


Check = Callable[[], Iterator[Finding]]


def outcome_checks(stack: Stack, now: datetime, since: timedelta) -> Iterator[tuple[str, Check]]:
    """Each check and its subject; the caller runs it. Failures longer ago than `since` are left out."""
    for output in sorted(stack.outputs):
        if output.endswith("StateMachineArn"):
            subject = MACHINES[output].what if output in MACHINES else output.removesuffix("StateMachineArn")
            yield subject, partial(_executions, stack, output, subject, now, since)
    if "ReportsTableName" in stack.outputs:
        yield "reports", partial(_reports, stack, now, since)
    if "SolicitationsTableName" in stack.outputs:
        yield "orders", partial(_orders, stack, now)
        yield "orders without a token", partial(_orders_without_token, stack, now, since)
    if "AlarmTopicArn" in stack.outputs:
        yield "alarms", partial(_alarms, stack)


def dead_letters(stack: Stack, output: str, now: datetime) -> Finding:
    """How many messages are in the dead-letter queue of this output, what kind they are, and how old."""
    subject, url, sqs = output.removesuffix("Url"), stack.outputs[output], stack.client("sqs")
    attributes = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["ApproximateNumberOfMessages"])["Attributes"]
    count = int(attributes["ApproximateNumberOfMessages"])
    if not count:
        return Finding(subject, "empty")
    # Without a visibility timeout, every other reader still finds the messages.
    messages = sqs.receive_message(
        QueueUrl=url,
        MaxNumberOfMessages=_PEEKED,
        VisibilityTimeout=0,
        AttributeNames=["SentTimestamp"],
        MessageAttributeNames=["All"],
    ).get("Messages", [])
    kinds = "; ".join(dict.fromkeys(filter(None, map(_kind, messages))))
    state = counted(count, "message")
    if messages:
        oldest = min(int(message["Attributes"]["SentTimestamp"]) for message in messages) / 1000
        state += f", sent {_ago(now - datetime.fromtimestamp(oldest, UTC))}"
    return Finding(subject, f"{state}: {kinds}" if kinds else state, advice_about_dead_letters(stack, subject))


def advice_about_dead_letters(stack: Stack, queue: str) -> str:
    anchor = f"docs/operations.md#{queue.lower()}alarm"
    if queue in DEAD_LETTERS:
        functions, remedy = DEAD_LETTERS[queue]
    elif queue.replace("DeadLetterQueue", "QueueArn") in stack.outputs:
        functions, remedy = READERS.get(queue, ""), "run make redrive-queue"
    else:
        return f"see {anchor}"
    logs = f"make logs FUNCTION={functions} SINCE=14d" if functions else "make logs SINCE=14d"
    return f"{logs} shows why they are here. Fix the cause, then {remedy}: {anchor}"


def _kind(message: Mapping[str, Any]) -> str:
    """What the message is about and why it is here, without its content: a message may contain a secret."""
    return _shortened(": ".join(part for part in kind_and_reason(message) if part), 200)


def kind_and_reason(message: Mapping[str, Any]) -> tuple[str, str]:
    """What a dead letter is about, and why it is in the queue. Each is empty if the message does not say it."""
    attributes = {name: value.get("StringValue", "") for name, value in message.get("MessageAttributes", {}).items()}
    reason = attributes.get("Reason") or attributes.get("ERROR_MESSAGE") or attributes.get("ErrorMessage") or ""
    body = _object(message["Body"])
    # SP-API writes its types with a capital or a small letter, and an event of EventBridge has a detail-type.
    named = [body.get(name) for name in ("notificationType", "NotificationType", "detail-type")]
    kind = next((name for name in named if isinstance(name, str)), "")
    return presentable(kind), presentable(reason)


def _object(text: str) -> Mapping[str, Any]:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def _executions(stack: Stack, output: str, subject: str, now: datetime, since: timedelta) -> Iterator[Finding]:
    machine = MACHINES.get(output, Machine(subject, "see docs/operations.md", "see docs/operations.md"))
    states, arn = stack.client("stepfunctions"), stack.outputs[output]
    found = False
    for status, verb in UNSUCCESSFUL.items():
        names = [
            f"{execution['name']} ({_ago(now - execution['stopDate'])})"
            for execution in ended_executions(states, arn, status, now, since)
        ]
        if names:
            found = True
            words = f"{counted(len(names), 'execution')} {verb if len(names) == 1 else _PLURALS[status]}"
            stopped = status == "ABORTED"
            yield Finding(
                subject,
                f"{words}: {_listed(names)}",
                machine.stopped if stopped else machine.failed,
                later=stopped and output in _STOPPED_BY_REQUEST,
            )
    if not found:
        yield Finding(subject, f"no failed executions in {_days(since)}")


def ended_executions(
    states: Any, machine: str, status: str, now: datetime, since: timedelta
) -> Iterator[Mapping[str, Any]]:
    """Executions that ended with this status and were not started again, newest first."""
    started: set[str] | None = None
    for execution in _executions_of(states, machine, statusFilter=status):
        if execution["startDate"] < now - since - _LONGEST_EXECUTION:
            return
        if execution["stopDate"] <= now - since:
            continue
        # Without redrives, make redrive-executions starts another execution under a name of its own.
        if "redriveCount" not in execution:
            if started is None:
                started = {other["name"] for other in _executions_of(states, machine)}
            if restarted_name(execution["name"]) in started:
                continue
        yield execution


def _executions_of(states: Any, machine: str, **query: str) -> Iterator[Mapping[str, Any]]:
    pages = states.get_paginator("list_executions").paginate(stateMachineArn=machine, **query)
    return (execution for page in pages for execution in page["executions"])


def _reports(stack: Stack, now: datetime, since: timedelta) -> Iterator[Finding]:
    hours = int(stack.parameters.get("ReportOverdueHours") or OVERDUE_HOURS)
    overdue_since = (now - timedelta(hours=hours)).isoformat(timespec="seconds")
    # Also overdue ones about which an e-mail was sent.
    unfinished = (
        Attr("ReportStatus").eq("IN_QUEUE") & Attr("RequestedTime").exists() & Attr("DeliveryStatus").not_exists()
    )
    not_delivered = Attr("DeliveryStatus").eq("FAILED")
    failed = Attr("ReportStatus").eq("FATAL")
    table = Table(stack.client("dynamodb"), stack.outputs["ReportsTableName"])
    items = sorted(
        table.scan(unfinished | not_delivered | failed), key=lambda item: str(item.get("CreatedTime", "")), reverse=True
    )
    late, lost, fatal, waiting = [], [], [], []
    for item in items:
        name = f"{presentable(str(item['ReportId']))} of seller {presentable(str(item['SellerId']))}"
        if item.get("DeliveryStatus") == "FAILED":
            if _recent(item.get("DeliveryFailedTime"), now, since):
                lost.append(f"{name} ({presentable(str(item.get('DeliveryError', 'unknown error')))})")
        elif item.get("ReportStatus") == "FATAL":
            if _recent(item.get("NotifiedTime") or item.get("CreatedTime"), now, since):
                fatal.append(f"{name} ({presentable(str(item.get('ReportType', 'unknown type')))})")
        elif str(item["RequestedTime"]) >= overdue_since:
            waiting.append(item)
        elif _recent(item["RequestedTime"], now, since):
            late.append(f"{name}, requested {_since(item['RequestedTime'], now)}")
    if late:
        yield Finding(
            "reports",
            f"{counted(len(late), 'report')} not finished by SP-API within {hours} hours: {_listed(late)}",
            "check with GET /notifications?SellerId=...&RegionCode=...&NotificationType=REPORT_PROCESSING_FINISHED "
            "that the seller is subscribed, then request the report again. If you have done so, leave out earlier "
            'requests with ARGS="--since 12h": docs/operations.md#a-report-is-overdue',
        )
    if lost:
        yield Finding(
            "reports",
            f"{counted(len(lost), 'report')} not delivered: {_listed(lost)}",
            "the e-mail about each report says what to do. Fix the cause, then run make redrive-executions: "
            "docs/operations.md#reportprocessorfailedalarm",
        )
    if fatal:
        yield Finding(
            "reports",
            f"{counted(len(fatal), 'report')} that SP-API could not create (FATAL) in {_days(since)}: {_listed(fatal)}",
            "the e-mail about each report has SP-API's explanation. Request the report again",
            later=True,
        )
    if waiting and "SellingPartnersTableName" in stack.outputs:
        yield from _unsubscribed(stack, waiting)
    if not late and not lost and not fatal:
        yield Finding("reports", "no report is overdue, failed or not delivered")


def _unsubscribed(stack: Stack, waiting: Sequence[Item]) -> Iterator[Finding]:
    """Sellers with a report that nobody will hear of. A subscription that was created elsewhere has no record."""
    sellers = Table(stack.client("dynamodb"), stack.outputs["SellingPartnersTableName"])
    subscribed = {
        (item["SellerId"], item.get("RegionCode")) for item in sellers.scan(Attr("NotificationType").eq(REPORTS_TYPE))
    }
    requested = [(item["SellerId"], item.get("RegionCode")) for item in waiting]
    missing = [pair for pair in requested if pair not in subscribed]
    if missing:
        names = [presentable(f"{seller} in {region}") for seller, region in dict.fromkeys(missing)]
        yield Finding(
            "reports",
            f"{counted(len(missing), 'report')} requested without a subscription to {REPORTS_TYPE}, for seller "
            f"{_listed(names)}",
            "the stack does not learn when they are finished. Subscribe the seller with POST /notifications. If the "
            "report does not arrive, request it again: docs/troubleshooting.md#no-notifications-arrive",
            later=True,
        )


def _orders(stack: Stack, now: datetime) -> Iterator[Finding]:
    """Orders whose request window has ended are left out: no command helps."""
    table = Table(stack.client("dynamodb"), stack.outputs["SolicitationsTableName"])
    orders = [
        f"{presentable(str(item['AmazonOrderId']))} of seller {presentable(str(item['SellerId']))}"
        f" ({_shortened(presentable(str(item.get('LastAnswer') or 'no answer')), 160)})"
        for item in table.scan(Attr("State").eq(str(State.FAILED)))
        if str(item.get("Deadline", "")) > now.isoformat(timespec="seconds")
    ]
    if orders:
        yield Finding(
            "orders",
            f"{counted(len(orders), 'order')} in FAILED: {_listed(orders)}",
            "make logs FUNCTION=Solicitation SINCE=14d shows why. Fix the cause, then run make redrive-executions "
            "before the order's request window ends: docs/operations.md#solicitationfailedalarm",
        )
    else:
        yield Finding("orders", "none in FAILED")


def _orders_without_token(stack: Stack, now: datetime, since: timedelta) -> Iterator[Finding]:
    """Orders that have no record, because no token is stored for their seller. Only the log shows them."""
    subject, period = "orders without a token", min(since, _LOGS_SEARCHED)
    function = "SPAPISolicitationScheduler"
    groups = log_groups(stack.client("cloudformation"), stack.name)
    own = {name: group for name, group in groups.items() if name == function}
    found = lines(stack.client("logs"), own, now - period, NOT_RECORDED)
    orders: dict[str, set[str]] = {}
    for line in found:
        read = _object(line.text)
        orders.setdefault(str(read.get("seller_id")), set()).add(str(read.get("amazon_order_id")))
    if orders:
        number = counted(sum(map(len, orders.values())), "order")
        yield Finding(
            subject,
            f"{number} not recorded in {_days(period)}, of {_listed([presentable(seller) for seller in orders])}",
            "normal shortly after a seller was removed. Otherwise, store the seller's token with POST /tokens; reviews "
            "are requested for later orders: docs/solicitations.md#how-events-are-handled",
            later=True,
        )
    else:
        yield Finding(subject, f"none in {_days(period)}")


@dataclass(frozen=True)
class Alarm:
    """An alarm of the stack. `name` is its logical id, `advice` its description, which says what to do."""

    name: str
    state: str
    since: datetime | None
    advice: str

    @property
    def ringing(self) -> bool:
        return self.state == "ALARM"


def alarms(stack: Stack) -> list[Alarm]:
    """The alarms that send their e-mails to the stack's topic: names of other stacks may begin with this one's."""
    pages = stack.client("cloudwatch").get_paginator("describe_alarms").paginate(AlarmNamePrefix=f"{stack.name}-")
    topic = stack.outputs["AlarmTopicArn"]
    return [
        Alarm(
            _logical_name(alarm["AlarmName"]),
            alarm["StateValue"],
            alarm.get("StateUpdatedTimestamp"),
            alarm.get("AlarmDescription") or "see docs/operations.md#alarms",
        )
        for page in pages
        for alarm in page["MetricAlarms"]
        if topic in alarm["AlarmActions"]
    ]


def _alarms(stack: Stack) -> Iterator[Finding]:
    own = alarms(stack)
    ringing = [alarm for alarm in own if alarm.ringing]
    for alarm in ringing:
        since = f"in ALARM since {alarm.since:%Y-%m-%d %H:%M} UTC" if alarm.since else "in ALARM"
        yield Finding(f"alarm {alarm.name}", since, alarm.advice)
    if not ringing:
        yield Finding("alarms", f"{counted(len(own), 'alarm')}, none in ALARM")


def _logical_name(physical: str) -> str:
    """The name in the template, of a name that CloudFormation made: <nested stack>-<logical id>-<suffix>."""
    found = re.findall(r"\w+Alarm(?=-|$)", physical)
    return found[-1] if found else physical


def _recent(time: object, now: datetime, since: timedelta) -> bool:
    return not isinstance(time, str) or time > (now - since).isoformat(timespec="seconds")


def _since(time: object, now: datetime) -> str:
    try:
        return _ago(now - datetime.fromisoformat(str(time)))
    except (TypeError, ValueError):
        return "at an unknown time"


def _ago(age: timedelta) -> str:
    if age >= timedelta(days=2):
        return f"{age.days} days ago"
    minutes = max(0, int(age.total_seconds() // 60))
    return f"{counted(minutes // 60, 'hour')} ago" if minutes >= 120 else f"{counted(minutes, 'minute')} ago"


def _days(since: timedelta) -> str:
    """A period as `--since` takes it, in words."""
    for unit, name in ((timedelta(days=1), "day"), (timedelta(hours=1), "hour"), (timedelta(minutes=1), "minute")):
        if since % unit == timedelta() and since > unit:
            return f"the last {since // unit} {name}s"
        if since == unit:
            return f"the last {name}"
    return f"the last {int(since.total_seconds())} seconds"


def _shortened(text: str, longest: int) -> str:
    """The text, or its first words with three dots."""
    return text if len(text) <= longest else textwrap.shorten(text, longest, placeholder=" ...")


def _listed(texts: Sequence[str]) -> str:
    more = [f"and {len(texts) - _SHOWN:,} more"] if len(texts) > _SHOWN else []
    return ", ".join([*texts[:_SHOWN], *more])
