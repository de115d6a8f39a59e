"""Reads a POST /reports and turns it into SP-API's createReport, once for each ClientToken."""

import hashlib
import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from quickstart.client_tokens import Claim, ClientTokens
from quickstart.report_ledger import ReportLedger
from quickstart.token_vault import SellerUnknownError
from quickstart.validation import Fields
from sp_api import reports
from sp_api.caller import Caller
from sp_api.errors import SellingPartnerApiError, TransientError
from sp_api.regions import Region
from sp_api.reports import CreateReportSpecification, Report, ReportFilter

# How far SP-API's clock may be behind this one; it also tells whole seconds only.
_CLOCKS_DIFFER = timedelta(seconds=5)
# A request is sent within 20 s, and SP-API's gateway ends it within 30 s more.
_MADE_WITHIN = timedelta(seconds=90)
# A report that SP-API does not list so long after the request was not made.
_LISTED_WITHIN = timedelta(minutes=10)
# SP-API answers getReports once in 45 s, beyond ten at once (Reports API 2021-06-30, usage plan).
_LOOK_AGAIN_SECONDS = 60.0
_REQUEST_SECONDS = 2.0


class ClientTokenReusedError(ValueError):
    """The ClientToken came with another request before."""

    def __init__(self, client_token: str) -> None:
        super().__init__(
            f"ClientToken {client_token} came with another request before: each request needs a token of its own"
        )


class RequestInProgressError(RuntimeError):
    """The first request with this ClientToken is still at work. `retry_after` is in seconds."""

    def __init__(self, client_token: str) -> None:
        self.retry_after = _REQUEST_SECONDS
        super().__init__(
            f"a request with ClientToken {client_token} is at work: send this one again after {self.retry_after:.0f} s"
        )


class OutcomeUnknownError(RuntimeError):
    """Whether the first request with this ClientToken made a report cannot be told.

    `retry_after` is in seconds, None when asking again will not tell more.
    """

    def __init__(self, client_token: str, candidates: tuple[str, ...]) -> None:
        self.retry_after = None if candidates else _LOOK_AGAIN_SECONDS
        unanswered = f"the first request with ClientToken {client_token} was left without an answer by SP-API, which "
        if candidates:
            super().__init__(
                f"{unanswered}lists what may be its report, or another's: {', '.join(candidates)}. Look at it with GET "
                "/reports/{reportId} or in Seller Central. If it is yours, nothing is left to do; otherwise send the "
                "request with another ClientToken"
            )
        else:
            super().__init__(
                f"{unanswered}lists no report of it so far. Send the same request with the same ClientToken after "
                f"{_LOOK_AGAIN_SECONDS:.0f} s: it gives the report when SP-API lists it, and makes one when SP-API "
                f"lists none {_LISTED_WITHIN // timedelta(minutes=1)} minutes after the first request"
            )


@dataclass(frozen=True)
class ReportRequest:
    """A valid POST /reports."""

    seller_id: str
    region: Region
    specification: CreateReportSpecification
    client_token: str | None = None


def read_request(fields: Fields) -> ReportRequest:
    """Raises InvalidRequestError with every field that is wrong."""
    seller_id = fields.seller_id()
    region = fields.region()
    report_type = fields.report_type()
    marketplace_ids = fields.marketplace_ids(region)
    start = fields.time("ReportDataStartTime")
    end = fields.time("ReportDataEndTime")
    fields.in_order(("ReportDataStartTime", start), ("ReportDataEndTime", end))
    report_options = fields.report_options()
    client_token = fields.client_token()
    fields.finish()
    return ReportRequest(
        seller_id,
        region,
        CreateReportSpecification(
            report_type=report_type,
            marketplace_ids=marketplace_ids,
            data_start_time=start,
            data_end_time=end,
            report_options=report_options,
        ),
        client_token,
    )


def create_report(caller: Caller, request: ReportRequest, ledger: ReportLedger, tokens: ClientTokens) -> str:
    """createReport, and the report's item in the Reports table; gives the report's id.

    With a ClientToken the same request gives the same id again. Raises ClientTokenReusedError, RequestInProgressError,
    OutcomeUnknownError, and what `sp_api` raises.
    """
    if request.client_token is None:
        return _create(caller, request, ledger)
    digest = request_hash(request)
    claim = tokens.claim(request.seller_id, request.client_token, digest)
    if claim is None:
        earlier = tokens.find(request.seller_id, request.client_token)
        # Without one, the token was freed a moment ago.
        if earlier is None or (earlier.request_hash == digest and earlier.runs(tokens.now())):
            raise RequestInProgressError(request.client_token)
        if earlier.request_hash != digest:
            raise ClientTokenReusedError(request.client_token)
        if earlier.report_id is not None:
            return earlier.report_id
        report_id = _made_earlier(caller, request, earlier, ledger, tokens.now())
        if report_id is not None:
            tokens.done(earlier, report_id)
            return report_id
        claim = tokens.claim_again(earlier)
        if claim is None:
            raise RequestInProgressError(request.client_token)
    return _create_claimed(caller, request, claim, ledger, tokens)


def request_hash(request: ReportRequest) -> str:
    """The same for every way to write a request down, and another for every other request."""
    specification = request.specification
    canonical = [
        request.seller_id,
        str(request.region),
        specification.report_type,
        sorted(specification.marketplace_ids),
        _utc(specification.data_start_time),
        _utc(specification.data_end_time),
        sorted((specification.report_options or {}).items()),
    ]
    return hashlib.sha256(json.dumps(canonical).encode()).hexdigest()


def _create(caller: Caller, request: ReportRequest, ledger: ReportLedger) -> str:
    report_id = reports.create_report(caller, request.specification)
    ledger.requested(request.seller_id, request.region, report_id, request.specification, request.client_token)
    return report_id


def _create_claimed(
    caller: Caller, request: ReportRequest, claim: Claim, ledger: ReportLedger, tokens: ClientTokens
) -> str:
    """An error that is not of SP-API's making leaves the claim as it is: the outcome is unknown then."""
    try:
        report_id = _create(caller, request, ledger)
    except (SellingPartnerApiError, SellerUnknownError) as error:
        if isinstance(error, TransientError) and error.outcome_unknown:
            tokens.outcome_unknown(claim)
        else:
            tokens.release(claim)
        raise
    tokens.done(claim, report_id)
    return report_id


def _made_earlier(
    caller: Caller, request: ReportRequest, claim: Claim, ledger: ReportLedger, now: datetime
) -> str | None:
    """The report that the claim's request made, by SP-API's list; None when it made none for certain.

    SP-API keeps no token with a report and does not list its options, so what is compared is type, marketplaces,
    period and time. Raises OutcomeUnknownError when that does not settle it.
    """
    candidates = []
    for report in _listed(caller, request.specification, claim.claimed_time, now):
        item = ledger.find(request.seller_id, report.report_id) or {}
        if item.get("ClientToken") == claim.client_token:
            return report.report_id
        if "RequestedTime" not in item:
            candidates.append(report)
    match candidates:
        case []:
            if now >= claim.claimed_time + _LISTED_WITHIN:
                return None
        case [report] if _is_of(report, request.specification):
            # Another repeat, or another request that lost its answer, may take the same report at this moment.
            if not ledger.requested(
                request.seller_id, request.region, report.report_id, request.specification, claim.client_token
            ):
                raise RequestInProgressError(claim.client_token)
            return report.report_id
    raise OutcomeUnknownError(claim.client_token, tuple(report.report_id for report in candidates))


def _listed(
    caller: Caller, specification: CreateReportSpecification, claimed_time: datetime, now: datetime
) -> list[Report]:
    """What SP-API made about when the request was sent and may have been made for it: no schedule's, and of no other
    marketplaces.
    """
    since, until = claimed_time - _CLOCKS_DIFFER, claimed_time + _MADE_WITHIN
    wanted = ReportFilter(
        report_types=(specification.report_type,),
        page_size=100,
        created_since=since,
        # SP-API's own default is the present.
        created_until=until if until < now else None,
    )
    return [
        report
        for report in reports.list_reports(caller, wanted)
        if report.report_schedule_id is None
        and report.created_time <= until
        and set(report.marketplace_ids) in (set(), set(specification.marketplace_ids))
    ]


def _is_of(report: Report, specification: CreateReportSpecification) -> bool:
    """Whether the report has all that the request named. A time that it did not name is SP-API's choice."""
    times = (
        (specification.data_start_time, report.data_start_time),
        (specification.data_end_time, report.data_end_time),
    )
    return bool(report.marketplace_ids) and all(
        asked is None or (told is not None and _utc(asked) == _utc(told)) for asked, told in times
    )


def _utc(time: datetime | None) -> str | None:
    return None if time is None else time.astimezone(UTC).isoformat(timespec="seconds")
