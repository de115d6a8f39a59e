"""Reads SP-API's notifications and starts the delivery of each finished report once."""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from quickstart.dynamodb import Table
from quickstart.report_ledger import report_owners
from quickstart.subscription_records import SubscriptionRecords
from quickstart.token_vault import ANY_REGION, token_regions
from sp_api.regions import Region

if TYPE_CHECKING:
    from mypy_boto3_stepfunctions import SFNClient

# Step Functions: an execution name has 1 to 80 characters; these are the ones that every tool accepts.
_LONGEST_NAME = 80
_NOT_IN_A_NAME = re.compile(r"[^A-Za-z0-9_.-]")


class UnreadableNotificationError(ValueError):
    """The message is no notification that this stack can ever handle; reading it again will not help.

    The message says what is wrong and never quotes the body.
    """


class OwnerUnknownError(LookupError):
    """Nothing tells whose the report is, or in which region: the ledger may still learn it."""


@dataclass(frozen=True)
class Notification:
    """SP-API's envelope, which comes in camelCase or in PascalCase depending on the type."""

    notification_type: str
    subscription_id: str
    notification_id: str
    payload: Mapping[str, object]


@dataclass(frozen=True)
class FinishedReport:
    """The payload of REPORT_PROCESSING_FINISHED; a vendor's names an account and no seller."""

    seller_id: str | None
    account_id: str
    report_id: str
    report_type: str
    processing_status: str


@dataclass(frozen=True)
class Owner:
    """Whose a report is. `asked_for_here` when the Reports table says so: this stack asked SP-API for the report."""

    seller_id: str
    region: Region
    asked_for_here: bool


def read_notification(body: str) -> Notification:
    """Raises UnreadableNotificationError when the body is no notification."""
    try:
        envelope = json.loads(body)
    except ValueError:
        raise UnreadableNotificationError("the message is not JSON") from None
    if not isinstance(envelope, dict):
        raise UnreadableNotificationError("the message is not a JSON object")
    envelope = _camel_case(envelope)
    metadata = _camel_case(_object(envelope, "notificationMetadata"))
    return Notification(
        notification_type=_text(envelope, "notificationType"),
        subscription_id=_text(metadata, "subscriptionId"),
        notification_id=_text(metadata, "notificationId"),
        payload=_object(envelope, "payload"),
    )


def read_finished_report(notification: Notification) -> FinishedReport:
    """Raises UnreadableNotificationError when it is of another type or lacks what the schema requires."""
    if notification.notification_type != "REPORT_PROCESSING_FINISHED":
        raise UnreadableNotificationError(f"notifications of type {notification.notification_type} are not handled")
    payload = _camel_case(_object(_camel_case(notification.payload), "reportProcessingFinishedNotification"))
    seller_id = payload.get("sellerId")
    return FinishedReport(
        seller_id=seller_id if isinstance(seller_id, str) and seller_id else None,
        account_id=_text(payload, "accountId"),
        report_id=_text(payload, "reportId"),
        report_type=_text(payload, "reportType"),
        processing_status=_text(payload, "processingStatus"),
    )


def find_owner(
    report: FinishedReport, subscription_id: str, reports_table: Table, selling_partners_table: Table
) -> Owner:
    """The Reports table knows it, else the subscription does, else the seller has a token for one region only.

    Raises OwnerUnknownError otherwise: a redelivery may find what createReport's answer has written meanwhile.
    """
    recorded = report_owners(reports_table, report.report_id)
    if report.seller_id:
        recorded = [owner for owner in recorded if owner[0] == report.seller_id]
    if len(recorded) == 1:
        return Owner(recorded[0][0], recorded[0][1], asked_for_here=True)
    subscription = SubscriptionRecords(selling_partners_table).find(subscription_id)
    if subscription is not None:
        return Owner(subscription.seller_id, subscription.region, asked_for_here=False)
    if report.seller_id:
        regions = token_regions(selling_partners_table, report.seller_id)
        if len(regions) == 1 and regions[0] != ANY_REGION:
            return Owner(report.seller_id, Region(regions[0]), asked_for_here=False)
    raise OwnerUnknownError(
        f"report {report.report_id} of {report.seller_id or report.account_id}: neither the Reports table, nor the "
        f"subscription {subscription_id}, nor a stored token tells its seller and region"
    )


def execution_name(report: FinishedReport) -> str:
    """The same for every copy of a notification: seller or account, report and status."""
    name = _NOT_IN_A_NAME.sub(
        "_", f"{report.seller_id or report.account_id}-{report.report_id}-{report.processing_status}"
    )
    if len(name) <= _LONGEST_NAME:
        return name
    digest = hashlib.sha256(name.encode()).hexdigest()[:16]
    return f"{name[: _LONGEST_NAME - 17]}-{digest}"


def start_delivery(states: "SFNClient", state_machine_arn: str, report: FinishedReport, owner: Owner) -> bool:
    """Starts the report-processor; False when an earlier copy of the notification has done so (AWS: StartExecution)."""
    try:
        states.start_execution(
            stateMachineArn=state_machine_arn,
            name=execution_name(report),
            input=json.dumps(
                {
                    "SellerId": owner.seller_id,
                    "RegionCode": str(owner.region),
                    "ReportId": report.report_id,
                    "ReportType": report.report_type,
                    "ProcessingStatus": report.processing_status,
                    "AskedForHere": owner.asked_for_here,
                }
            ),
        )
    except states.exceptions.ExecutionAlreadyExists:
        return False
    return True


def _camel_case(fields: Mapping[str, object]) -> dict[str, object]:
    return {name[:1].lower() + name[1:]: value for name, value in fields.items()}


def _object(fields: Mapping[str, object], name: str) -> dict[str, object]:
    value = fields.get(name)
    if not isinstance(value, dict):
        raise UnreadableNotificationError(f"{name} is missing, or is no object")
    return value


def _text(fields: Mapping[str, object], name: str) -> str:
    value = fields.get(name)
    if not isinstance(value, str) or not value:
        raise UnreadableNotificationError(f"{name} is missing, or is no text")
    return value
