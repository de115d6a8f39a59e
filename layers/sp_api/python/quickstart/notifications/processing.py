"""Reads SP-API's notifications and starts the delivery of each finished report once."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from quickstart.names import digest_of, safe_name
from quickstart.notifications.types import REPORTS_TYPE
from sp_api.redaction import holds_secret
from sp_api.wire import is_unicode

if TYPE_CHECKING:
    from mypy_boto3_stepfunctions import SFNClient

    from quickstart.notifications.ownership import Owner

# Step Functions: an execution name has 1 to 80 characters.
_LONGEST_NAME = 80
# A longer id cannot be a key of a table (DynamoDB: 1024 bytes for the shorter of the two keys).
LONGEST_TEXT = 256
# What makes two deliveries the same.
_IDENTITY = ("SellerId", "ReportId", "ProcessingStatus")


class UnreadableNotificationError(ValueError):
    """The message is not a notification that this stack can process; a retry will not help.

    The error's message names what is wrong and never quotes the body.
    """


@dataclass(frozen=True)
class Notification:
    """SP-API's envelope, in camelCase or PascalCase depending on the type; an id that is missing is empty."""

    notification_type: str
    subscription_id: str
    notification_id: str
    payload: Mapping[str, object]


@dataclass(frozen=True)
class FinishedReport:
    """The payload of REPORT_PROCESSING_FINISHED; a vendor's names an account instead of a seller."""

    seller_id: str | None
    account_id: str | None
    report_id: str
    report_type: str
    processing_status: str


def read_notification(body: str) -> Notification:
    """Raises UnreadableNotificationError when the body is not a notification.

    Only the type and the payload are required: the ids of the metadata help to find the seller and to recognize
    duplicates, but a notification can be processed without them.
    """
    try:
        envelope = json.loads(body)
    except (ValueError, RecursionError):
        raise UnreadableNotificationError("the message is not JSON") from None
    if not isinstance(envelope, dict):
        raise UnreadableNotificationError("the message is not a JSON object")
    envelope = _camel_case(envelope)
    metadata = envelope.get("notificationMetadata")
    metadata = _camel_case(metadata) if isinstance(metadata, dict) else {}
    return Notification(
        notification_type=_text(envelope, "notificationType"),
        subscription_id=_identifier(metadata, "subscriptionId"),
        notification_id=_identifier(metadata, "notificationId"),
        payload=_object(envelope, "payload"),
    )


def read_finished_report(notification: Notification) -> FinishedReport:
    """Raises UnreadableNotificationError when it has another type or lacks what the delivery needs.

    Of the fields that the schema requires, accountId is not needed.
    """
    if notification.notification_type != REPORTS_TYPE:
        raise UnreadableNotificationError(f"notifications of type {notification.notification_type} are not supported")
    payload = _camel_case(_object(_camel_case(notification.payload), "reportProcessingFinishedNotification"))
    report_id = _identifier(payload, "reportId")
    if not report_id:
        raise UnreadableNotificationError("reportId is missing or neither a string nor a whole number")
    return FinishedReport(
        seller_id=_identifier(payload, "sellerId") or None,
        account_id=_identifier(payload, "accountId") or None,
        report_id=report_id,
        report_type=_text(payload, "reportType"),
        processing_status=_text(payload, "processingStatus"),
    )


def execution_name(report: FinishedReport, owner: "Owner") -> str:
    """The same for every copy of a notification: seller or account, report and status."""
    whose = report.seller_id or report.account_id or owner.seller_id
    return safe_name(whose, report.report_id, report.processing_status, longest=_LONGEST_NAME)


def start_delivery(states: "SFNClient", state_machine_arn: str, report: FinishedReport, owner: "Owner") -> str | None:
    """Starts the report-processor and returns the execution's name; None when an earlier copy of the notification did.

    AWS: StartExecution, and DescribeExecution when the name is taken. An execution of that name that delivers something
    else, such as one that somebody started by hand, does not prevent the delivery: it gets another name.
    """
    name = execution_name(report, owner)
    delivery = {
        "SellerId": owner.seller_id,
        "RegionCode": str(owner.region),
        "ReportId": report.report_id,
        "ReportType": report.report_type,
        "ProcessingStatus": report.processing_status,
        "AskedForHere": owner.asked_for_here,
    }
    if _start(states, state_machine_arn, name, delivery):
        return name
    if _delivers(states, execution_arn(state_machine_arn, name), delivery):
        return None
    digest = digest_of(*(str(delivery[field]) for field in _IDENTITY))
    other = f"{name[: _LONGEST_NAME - len(digest) - 1]}-{digest}"
    return other if _start(states, state_machine_arn, other, delivery) else None


def execution_arn(state_machine_arn: str, name: str) -> str:
    """arn:...:stateMachine:<machine> and a name -> arn:...:execution:<machine>:<name>."""
    return f"{state_machine_arn.replace(':stateMachine:', ':execution:')}:{name}"


def _start(states: "SFNClient", state_machine_arn: str, name: str, delivery: Mapping[str, object]) -> bool:
    try:
        states.start_execution(stateMachineArn=state_machine_arn, name=name, input=json.dumps(delivery))
    except states.exceptions.ExecutionAlreadyExists:
        return False
    return True


def _delivers(states: "SFNClient", arn: str, delivery: Mapping[str, object]) -> bool:
    """Whether the execution delivers the same report. Copies of a notification may find different owners' regions."""
    try:
        given = json.loads(states.describe_execution(executionArn=arn).get("input", ""))
    except (ValueError, RecursionError):
        return False
    return isinstance(given, dict) and all(given.get(field) == delivery[field] for field in _IDENTITY)


def _camel_case(fields: Mapping[str, object]) -> dict[str, object]:
    return {name[:1].lower() + name[1:]: value for name, value in fields.items()}


def _object(fields: Mapping[str, object], name: str) -> dict[str, object]:
    value = fields.get(name)
    if not isinstance(value, dict):
        raise UnreadableNotificationError(f"{name} is missing or not an object")
    return value


def _identifier(fields: Mapping[str, object], name: str) -> str:
    """An id; empty when it is missing. A whole number is read as text, because SP-API has sent ids as numbers."""
    value = fields.get(name)
    # Longer integers have no text in Python, and ids of SP-API have some dozen digits.
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) < 10**LONGEST_TEXT:
        return str(value)
    return _text(fields, name) if isinstance(value, str) and value else ""


def _text(fields: Mapping[str, object], name: str) -> str:
    value = fields.get(name)
    if not isinstance(value, str) or not value:
        raise UnreadableNotificationError(f"{name} is missing or not a string")
    if len(value) > LONGEST_TEXT or not is_unicode(value):
        raise UnreadableNotificationError(f"{name} is longer than {LONGEST_TEXT} characters or not valid Unicode")
    if holds_secret(value):
        raise UnreadableNotificationError(f"{name} seems to be a token or a secret")
    return value
