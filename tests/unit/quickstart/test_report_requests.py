"""When two requests are the same, when a report is a request's, and what is told when it cannot be told."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest

from quickstart.client_tokens import Claim, ClientTokens, State
from quickstart.report_ledger import ReportLedger
from quickstart.report_requests import (
    ClientTokenReusedError,
    OutcomeUnknownError,
    ReportRequest,
    RequestInProgressError,
    create_report,
    read_request,
    request_hash,
)
from quickstart.validation import Fields
from sp_api import reports
from sp_api.caller import Caller
from sp_api.reports import ProcessingStatus, Report, ReportFilter

NOW = datetime(2026, 11, 21, 5, 0, tzinfo=UTC)
BODY = {
    "SellerId": "A3TH9S8BH6GOGM",
    "RegionCode": "NA",
    "ReportType": "GET_MERCHANT_LISTINGS_ALL_DATA",
    "MarketplaceIds": "ATVPDKIKX0DER,A2EUQ1WTGCTBG2",
    "ReportDataStartTime": "2026-11-01T00:00:00Z",
    "ClientToken": "t",
}
CALLER = cast("Caller", None)


def request(**changed: object) -> ReportRequest:
    return read_request(Fields({**BODY, **changed}))


@pytest.mark.parametrize(
    "changed",
    [
        {"MarketplaceIds": ["A2EUQ1WTGCTBG2", "ATVPDKIKX0DER"]},
        {"ReportDataStartTime": "2026-11-01T01:00:00+01:00"},
        {"ReportOptions": "{}"},
        {"ClientToken": "another"},
    ],
)
def test_the_same_request_in_other_words(changed: dict[str, object]) -> None:
    assert request_hash(request(**changed)) == request_hash(request())


@pytest.mark.parametrize(
    "changed",
    [
        {"SellerId": "A1"},
        {"RegionCode": "FE", "MarketplaceIds": "A1VC38T7YXB528"},
        {"ReportType": "GET_X"},
        {"MarketplaceIds": "ATVPDKIKX0DER"},
        {"ReportDataStartTime": "2026-11-01T00:00:01Z"},
        {"ReportDataStartTime": None},
        {"ReportDataEndTime": "2026-11-01T00:00:00Z"},
        {"ReportOptions": {"custom": "true"}},
    ],
)
def test_another_request(changed: dict[str, object]) -> None:
    assert request_hash(request(**changed)) != request_hash(request())


class Tokens:
    """A token that is in use. Notes what becomes of it."""

    def __init__(self, claim: Claim | None) -> None:
        self.earlier = claim
        self.became: list[str] = []

    def now(self) -> datetime:
        return NOW

    def claim(self, *_: str) -> None:
        return None

    def find(self, *_: str) -> Claim | None:
        return self.earlier

    def claim_again(self, _: Claim) -> None:
        return None

    def done(self, _: Claim, report_id: str) -> None:
        self.became.append(report_id)


class Ledger:
    """The Reports table as far as a search asks it; `free` says whether a found report can be taken."""

    def __init__(self, items: dict[str, dict[str, object]], *, free: bool) -> None:
        self.items = items
        self.free = free

    def find(self, _: str, report_id: str) -> dict[str, object] | None:
        return self.items.get(report_id)

    def requested(self, *_: object) -> bool:
        return self.free


def claim(**changed: Any) -> Claim:
    unknown = Claim("A3TH9S8BH6GOGM", "t", request_hash(request()), State.OUTCOME_UNKNOWN, NOW - timedelta(minutes=1))
    return replace(unknown, **changed)


def report(report_id: str = "1", **changed: Any) -> Report:
    found = Report(
        report_id=report_id,
        report_type="GET_MERCHANT_LISTINGS_ALL_DATA",
        processing_status=ProcessingStatus.DONE,
        created_time=NOW - timedelta(seconds=58),
        marketplace_ids=("A2EUQ1WTGCTBG2", "ATVPDKIKX0DER"),
        data_start_time=datetime(2026, 11, 1, tzinfo=UTC),
        data_end_time=NOW,
    )
    return replace(found, **changed)


def repeat(
    monkeypatch: pytest.MonkeyPatch,
    listed: Iterable[Report],
    earlier: Claim | None = None,
    items: dict[str, dict[str, object]] | None = None,
    *,
    free: bool = True,
    filters: list[ReportFilter] | None = None,
) -> tuple[str, list[str]]:
    """The answer to a repeat, and what became of the token."""

    def list_reports(_: Caller, report_filter: ReportFilter) -> Iterable[Report]:
        if filters is not None:
            filters.append(report_filter)
        return listed

    monkeypatch.setattr(reports, "list_reports", list_reports)
    tokens = Tokens(earlier or claim())
    ledger = Ledger(items or {}, free=free)
    report_id = create_report(CALLER, request(), cast("ReportLedger", ledger), cast("ClientTokens", tokens))
    return report_id, tokens.became


def test_the_only_report_that_fits_is_the_requests(monkeypatch: pytest.MonkeyPatch) -> None:
    others = [
        report("2", report_schedule_id="5"),
        report("3", marketplace_ids=("ATVPDKIKX0DER",)),
        report("4", created_time=NOW + timedelta(minutes=1)),
        report("5"),
    ]
    items: dict[str, dict[str, object]] = {"5": {"RequestedTime": "..."}, "1": {"RegionCode": "NA"}}
    assert repeat(monkeypatch, [*others, report("1")], items=items) == ("1", ["1"])


def test_a_report_that_bears_the_token_is_the_requests(monkeypatch: pytest.MonkeyPatch) -> None:
    items: dict[str, dict[str, object]] = {"2": {"RequestedTime": "...", "ClientToken": "t"}}
    assert repeat(monkeypatch, [report("1"), report("2")], items=items) == ("2", ["2"])


@pytest.mark.parametrize(
    "listed",
    [
        [report("1"), report("2")],
        [report("1", data_start_time=datetime(2026, 11, 2, tzinfo=UTC))],
        [report("1", data_start_time=None)],
        [report("1", marketplace_ids=())],
    ],
)
@pytest.mark.parametrize("ago", [timedelta(minutes=1), timedelta(minutes=11)])
def test_what_does_not_settle_it_is_told(monkeypatch: pytest.MonkeyPatch, listed: list[Report], ago: timedelta) -> None:
    listed = [replace(entry, created_time=NOW - ago) for entry in listed]
    with pytest.raises(OutcomeUnknownError) as caught:
        repeat(monkeypatch, listed, claim(claimed_time=NOW - ago))
    assert caught.value.retry_after is None
    assert all(entry.report_id in str(caught.value) for entry in listed)


def test_no_report_settles_nothing_for_ten_minutes(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(OutcomeUnknownError) as caught:
        repeat(monkeypatch, [], claim(claimed_time=NOW - timedelta(minutes=9, seconds=59)))
    assert caught.value.retry_after == 60
    # Then the token is taken anew, here by another repeat.
    with pytest.raises(RequestInProgressError):
        repeat(monkeypatch, [], claim(claimed_time=NOW - timedelta(minutes=10)))


def test_a_report_that_another_takes_at_this_moment_is_left_to_it(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(RequestInProgressError):
        repeat(monkeypatch, [report()], free=False)


@pytest.mark.parametrize(("seconds", "until"), [(10, None), (600, NOW - timedelta(seconds=510))])
def test_the_search_is_for_what_was_made_about_then(
    monkeypatch: pytest.MonkeyPatch, seconds: int, until: datetime | None
) -> None:
    filters: list[ReportFilter] = []
    earlier = claim(claimed_time=NOW - timedelta(seconds=seconds))
    repeat(monkeypatch, [report(created_time=earlier.claimed_time)], earlier, filters=filters)
    assert filters == [
        ReportFilter(
            report_types=("GET_MERCHANT_LISTINGS_ALL_DATA",),
            page_size=100,
            created_since=earlier.claimed_time - timedelta(seconds=5),
            created_until=until,
        )
    ]


def test_a_request_at_work_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    at_work = claim(state=State.IN_PROGRESS, claimed_time=NOW - timedelta(seconds=29))
    with pytest.raises(RequestInProgressError):
        repeat(monkeypatch, [report()], at_work)
    over = claim(state=State.IN_PROGRESS, claimed_time=NOW - timedelta(seconds=30))
    assert repeat(monkeypatch, [report(created_time=over.claimed_time)], over) == ("1", ["1"])


def test_another_body_is_told_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    for state in (State.IN_PROGRESS, State.OUTCOME_UNKNOWN, State.DONE):
        with pytest.raises(ClientTokenReusedError):
            repeat(monkeypatch, [], claim(state=state, claimed_time=NOW, request_hash="0"))


def test_a_token_freed_a_moment_ago_is_asked_for_again() -> None:
    with pytest.raises(RequestInProgressError):
        create_report(CALLER, request(), cast("ReportLedger", None), cast("ClientTokens", Tokens(None)))
