"""createReport calls whose result is not recorded yet: in the Reports table, one item per seller, region and type.

A request is recorded here before createReport is called, and removed once its report is in the ledger. Two requests
whose reports SP-API's list could not tell apart are never open at the same time, so a listed report that fits an open
request fits no other one.

These items have no RegionCode, and a CreatedTime that keeps them out of every list of reports.
"""

import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import Enum
from typing import TYPE_CHECKING, Any

from boto3.dynamodb.conditions import Attr, ConditionBase

from quickstart.dynamodb import MOST_ATTEMPTS, Item, ItemContestedError, Table, reading_item
from quickstart.reports.ledger import NOT_A_REPORT, report_key
from quickstart.times import read_any_time, read_text, to_text
from sp_api.regions import Region

if TYPE_CHECKING:
    from sp_api.reports import Report

# No report id contains "#".
_PREFIX = "OPEN_REQUESTS#"
# How long a token and its request are remembered.
KEPT = timedelta(days=7)
# The function that sends the request times out within 29 s.
LONGEST_REQUEST = timedelta(seconds=30)
# How far SP-API's clock may be behind this one; its times are in whole seconds.
_CLOCKS_DIFFER = timedelta(seconds=5)
# For a time that a request leaves out, SP-API lists the time of the request (Reports API 2021-06-30: "the default is
# now"), at most this far from the report's createdTime.
_NOW = timedelta(seconds=10)
# Some report types use whole days only (SC_VAT_TAX_REPORT: selling-partner-api-models issue 2720), so a listed time may
# differ from the requested one by this much.
_ROUNDED_BY = timedelta(days=1)
_LONGEST_PAUSE_SECONDS = 0.4


class Fit(Enum):
    """How a listed report fits a request."""

    NO = 0
    # The listed period is not the requested one, but may be what SP-API made of it.
    PERHAPS = 1
    YES = 2


@dataclass(frozen=True)
class OpenRequest:
    """A createReport call. SP-API creates its report, if any, before `created_until`."""

    client_token: str
    claimed_time: datetime
    created_until: datetime
    marketplace_ids: frozenset[str]
    data_start_time: datetime | None = None
    data_end_time: datetime | None = None

    @property
    def created_since(self) -> datetime:
        """The earliest createdTime that SP-API's clock may give its report."""
        return self.claimed_time - _CLOCKS_DIFFER

    @property
    def told_apart_after(self) -> datetime:
        """A request of a later time cannot be mistaken for this one."""
        return self.created_until + _CLOCKS_DIFFER

    def runs(self, now: datetime) -> bool:
        """Whether the function that sends the request may still be running."""
        return now < self.claimed_time + LONGEST_REQUEST

    def fit(self, report: "Report") -> Fit:
        """Whether SP-API may have created this report, which has the request's type, for the request."""
        if (
            report.report_schedule_id is not None
            or not self.created_since <= report.created_time <= self.created_until
            or set(report.marketplace_ids) not in (set(), set(self.marketplace_ids))
        ):
            return Fit.NO
        fits = [
            _time_fits(self.data_start_time, report.data_start_time, report.created_time),
            _time_fits(self.data_end_time, report.data_end_time, report.created_time),
            Fit.YES if report.marketplace_ids else Fit.PERHAPS,
        ]
        return min(fits, key=lambda fit: fit.value)

    def may_be_mistaken_for(self, other: "OpenRequest") -> bool:
        """Whether a report could exist that fits both requests: `Fit.YES` for each."""
        since, until = max(self.created_since, other.created_since), min(self.created_until, other.created_until)
        return (
            since <= until
            and self.marketplace_ids == other.marketplace_ids
            and _times_meet(self.data_start_time, other.data_start_time, since, until)
            and _times_meet(self.data_end_time, other.data_end_time, since, until)
        )


@dataclass(frozen=True)
class OpenRequests:
    """The open requests of all sellers. Concurrent changes of one item do not lose each other's."""

    table: Table
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    pause: Callable[[float], None] = time.sleep

    def of(self, seller_id: str, region: Region, report_type: str) -> tuple[OpenRequest, ...]:
        """The seller's open requests of this type."""
        return tuple(_open_requests(self.table.get(_key(seller_id, region, report_type)) or {}).values())

    def add(self, seller_id: str, region: Region, report_type: str, wanted: OpenRequest) -> OpenRequest | None:
        """Records a request before it is sent, in place of an earlier one with its token.

        Returns None when it is recorded, or the open request for which it may be mistaken. Raises ItemContestedError.
        """
        key = _key(seller_id, region, report_type)
        for attempt in range(MOST_ATTEMPTS):
            item = self.table.get(key) or {}
            found = _open_requests(item)
            others = [other for other in found.values() if other.client_token != wanted.client_token]
            for other in others:
                if other.may_be_mistaken_for(wanted):
                    return other
            oldest = self.now() - KEPT
            over = [
                name
                for name, other in found.items()
                if other.client_token == wanted.client_token or other.claimed_time < oldest
            ]
            version = int(item.get("Version", 0))
            values = {
                _name(wanted): _entry(wanted),
                "CreatedTime": NOT_A_REPORT,
                "Version": version + 1,
                "ExpiresAt": int((self.now() + KEPT).timestamp()),
            }
            if self.table.update(key, values, remove=over, condition=_unchanged(version)):
                return None
            self.pause(random.uniform(0, min(_LONGEST_PAUSE_SECONDS, 0.02 * 2**attempt)))  # noqa: S311 - a wait, no secret
        raise ItemContestedError(f"the item of open requests for {report_type}")

    def remove(self, seller_id: str, region: Region, report_type: str, done: OpenRequest) -> None:
        """The request created no report, or its report is in the ledger."""
        self.table.update(
            _key(seller_id, region, report_type), {}, remove=[_name(done)], condition=Attr("Version").exists()
        )


def regions_of_open_requests(table: Table, seller_id: str, report_type: str) -> list[Region]:
    """The regions in which the seller has open requests of this type."""
    return [
        region
        for region in Region
        for item in table.query("ReportId", f"{_PREFIX}{region}#{report_type}")
        if item["SellerId"] == seller_id and _open_requests(item)
    ]


def _key(seller_id: str, region: Region, report_type: str) -> Item:
    return report_key(seller_id, f"{_PREFIX}{region}#{report_type}")


def _unchanged(version: int) -> ConditionBase:
    return Attr("Version").eq(version) if version else Attr("Version").not_exists()


def _name(request: OpenRequest) -> str:
    """The attribute of this request. A token that is claimed again gets another one."""
    return f"Request#{to_text(request.claimed_time, unit='microseconds')}#{request.client_token}"


def _entry(request: OpenRequest) -> Mapping[str, object]:
    entry = {
        "ClientToken": request.client_token,
        "ClaimedTime": to_text(request.claimed_time, unit="microseconds"),
        "CreatedUntil": to_text(request.created_until, unit="microseconds"),
        "MarketplaceIds": sorted(request.marketplace_ids),
        "DataStartTime": to_text(request.data_start_time),
        "DataEndTime": to_text(request.data_end_time),
    }
    return {name: value for name, value in entry.items() if value is not None}


def _open_requests(item: Mapping[str, Any]) -> Mapping[str, OpenRequest]:
    """The requests by their attribute."""
    with reading_item(f"{item.get('ReportId')} of {item.get('SellerId')}"):
        return {
            name: OpenRequest(
                client_token=entry["ClientToken"],
                claimed_time=read_text(entry["ClaimedTime"]),
                created_until=read_text(entry["CreatedUntil"]),
                marketplace_ids=frozenset(entry["MarketplaceIds"]),
                data_start_time=read_any_time(entry.get("DataStartTime")),
                data_end_time=read_any_time(entry.get("DataEndTime")),
            )
            for name, entry in item.items()
            if name.startswith("Request#")
        }


def _time_fits(wanted: datetime | None, listed: datetime | None, created: datetime) -> Fit:
    if wanted is None:
        return Fit.YES if listed is None or abs(listed - created) <= _NOW else Fit.PERHAPS
    if listed is None:
        return Fit.PERHAPS
    if to_text(wanted) == to_text(listed):
        return Fit.YES
    return Fit.PERHAPS if abs(listed - wanted) <= _ROUNDED_BY else Fit.NO


def _times_meet(first: datetime | None, second: datetime | None, since: datetime, until: datetime) -> bool:
    """Whether one listed time could fit both requests, for a report created between `since` and `until`."""
    if first is not None and second is not None:
        return to_text(first) == to_text(second)
    named = first or second
    return named is None or since - _NOW - _CLOCKS_DIFFER <= named <= until + _NOW + _CLOCKS_DIFFER
