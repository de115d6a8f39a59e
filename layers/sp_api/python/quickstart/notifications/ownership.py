"""Finds the seller and region of a notification; some notifications name neither."""

from collections.abc import Mapping
from dataclasses import dataclass

from quickstart.dynamodb import Table
from quickstart.invocation import ExpectedError
from quickstart.notifications.processing import LONGEST_TEXT, FinishedReport
from quickstart.notifications.subscription_records import KnownSubscriptions, SubscriptionRecords
from quickstart.reports.ledger import report_owners
from quickstart.reports.open_requests import regions_of_open_requests
from quickstart.token_vault import ANY_REGION, token_regions
from sp_api.redaction import holds_secret
from sp_api.regions import Region
from sp_api.wire import is_unicode

# The fields in which payloads name the seller.
_SELLER_FIELDS = ("sellerId", "merchantId")


class OwnerUnknownError(ExpectedError):
    """The report's seller or region is not known yet; it may be recorded later."""


@dataclass(frozen=True)
class Addressee:
    """The seller and region of a notification, None where unknown."""

    seller_id: str | None
    region: Region | None


@dataclass(frozen=True)
class Owner:
    """The seller and region of a report. `asked_for_here` is True when this stack requested it from SP-API."""

    seller_id: str
    region: Region
    asked_for_here: bool


def find_addressee(
    subscription_id: str,
    seller_id: str | None,
    selling_partners_table: Table,
    known: KnownSubscriptions | None = None,
) -> Addressee:
    """The subscription's seller and region; otherwise the named seller, with the region of that seller's only token."""
    recorded = (known or SubscriptionRecords(selling_partners_table)).find(subscription_id)
    if recorded is not None:
        return Addressee(recorded.seller_id, recorded.region)
    if seller_id is None:
        return Addressee(None, None)
    regions = token_regions(selling_partners_table, seller_id)
    certain = len(regions) == 1 and regions[0] != ANY_REGION
    return Addressee(seller_id, Region(regions[0]) if certain else None)


def find_owner(
    report: FinishedReport, subscription_id: str, reports_table: Table, selling_partners_table: Table
) -> Owner:
    """The report's owner from the Reports table, otherwise the notification's addressee.

    If a named seller's region is otherwise unknown, it is that of the seller's open requests of this report type.
    Raises OwnerUnknownError when neither is known: createReport's answer may be recorded before SQS delivers again.
    """
    recorded = report_owners(reports_table, report.report_id)
    if report.seller_id:
        recorded = [owner for owner in recorded if owner[0] == report.seller_id]
    if len(recorded) == 1:
        return Owner(recorded[0][0], recorded[0][1], asked_for_here=True)
    addressee = find_addressee(subscription_id, report.seller_id, selling_partners_table)
    if addressee.seller_id is not None:
        if addressee.region is not None:
            return Owner(addressee.seller_id, addressee.region, asked_for_here=False)
        regions = regions_of_open_requests(reports_table, addressee.seller_id, report.report_type)
        if len(regions) == 1:
            return Owner(addressee.seller_id, regions[0], asked_for_here=False)
    whose = report.seller_id or report.account_id or "an unnamed seller"
    raise OwnerUnknownError(
        f"the owner of report {report.report_id} of {whose} is unknown: not in the Reports table, no record of "
        f"subscription {subscription_id}, and the seller's region cannot be derived from its tokens"
    )


def seller_in(payload: Mapping[str, object]) -> str | None:
    """A seller's id at the top of the payload, or one level below it."""
    for fields in (payload, *(inner for inner in payload.values() if isinstance(inner, dict))):
        lower = {str(name)[:1].lower() + str(name)[1:]: value for name, value in fields.items()}
        for name in _SELLER_FIELDS:
            value = lower.get(name)
            if (
                isinstance(value, str)
                and 0 < len(value) <= LONGEST_TEXT
                and is_unicode(value)
                and not holds_secret(value)
            ):
                return value
    return None
