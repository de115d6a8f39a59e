"""Reads the requests about subscriptions."""

import re
from dataclasses import dataclass

from quickstart.notifications.directives import read_directive
from quickstart.notifications.types import SQS_TYPES, why_not
from quickstart.refusals import FieldError
from quickstart.suggestions import field_meant
from quickstart.validation import Fields
from sp_api.notifications import ProcessingDirective
from sp_api.regions import Region

# The type is part of a record's key and, as detail-type, of an event; EventBridge allows 128 characters there.
_ANY_TYPE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,127}")
# The version is part of a record's key, and DynamoDB limits its length.
_LONGEST_VERSION = 128


@dataclass(frozen=True)
class SubscriptionRequest:
    """A valid POST /notifications.

    `payload_version` is None when SP-API is to accept any of the known ones. Without a directive, an existing
    subscription is accepted with any filter.
    """

    seller_id: str
    region: Region
    notification_type: str
    payload_version: str | None = None
    processing_directive: ProcessingDirective | None = None
    replace: bool = False


@dataclass(frozen=True)
class SubscriptionQuery:
    """A valid GET or DELETE of subscriptions; an empty notification type means all.

    With `only_own`, a DELETE ends only subscriptions to this stack's queues.
    """

    seller_id: str
    region: Region
    notification_type: str
    only_own: bool = False


def read_request(fields: Fields) -> SubscriptionRequest:
    """Raises InvalidRequestError listing every invalid field."""
    seller_id = fields.seller_id()
    region = fields.region()
    notification_type = _notification_type(fields)
    request = SubscriptionRequest(
        seller_id,
        region,
        notification_type,
        _payload_version(fields),
        read_directive(fields, notification_type),
        fields.flag("Replace", "true to first delete the seller's other subscriptions to the type; false by default"),
    )
    fields.finish()
    return request


def read_list_query(fields: Fields) -> SubscriptionQuery:
    """Raises InvalidRequestError listing every invalid field."""
    query = SubscriptionQuery(fields.seller_id(), fields.region(), _notification_type(fields, required=False))
    fields.finish()
    return query


def read_end_query(fields: Fields) -> SubscriptionQuery:
    """Raises InvalidRequestError listing every invalid field."""
    seller_id, region, notification_type = fields.seller_id(), fields.region(), _notification_type(fields)
    only_own = fields.flag("OnlyOwn", "true to cancel only subscriptions to this stack's queues; false by default")
    query = SubscriptionQuery(seller_id, region, notification_type, only_own=only_own)
    fields.finish()
    return query


def _notification_type(fields: Fields, *, required: bool = True) -> str:
    """NotificationType: empty when it is missing, or not supported and AllowUnknownType is not set."""
    name = "NotificationType"
    value = fields.text(name, required=required, rule=f"one of {', '.join(SQS_TYPES)}; with AllowUnknownType, any type")
    allowed = fields.flag("AllowUnknownType", "true to allow a type that the stack does not know; false by default")
    refused = why_not(value) if value else None
    if refused is None:
        return value
    if allowed and _ANY_TYPE.fullmatch(value):
        return value
    if allowed:
        message = f"{name} must be 1 to 128 letters, digits, dots, hyphens and underscores"
        refused = "InvalidValue", message
    code, message = refused
    # The other codes are for types that SP-API has, spelled right.
    meant = field_meant(value, SQS_TYPES) if code == "InvalidValue" else None
    fields.errors.append(FieldError(name, code, f"{message}. Did you mean {meant}?" if meant else message))
    return ""


def _payload_version(fields: Fields) -> str | None:
    """PayloadVersion: whatever SP-API accepts; None when it is not given."""
    name = "PayloadVersion"
    value = fields.text(name, required=False, rule="by default a version that SP-API accepts for the type")
    if len(value) > _LONGEST_VERSION:
        fields.errors.append(
            FieldError(name, "InvalidValue", f"{name} must have at most {_LONGEST_VERSION} characters")
        )
        return None
    return value or None
