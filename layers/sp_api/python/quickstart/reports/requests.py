"""Reads a POST /reports and turns it into SP-API's createReport, once for each ClientToken.

Each request is recorded before createReport is called: with the token of the host product, or one of this stack.
"""

import hashlib
import json
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from quickstart.aws_failures import FAILED_CALLS
from quickstart.dynamodb import ItemContestedError
from quickstart.observability import logger
from quickstart.refusals import Refusal, SellingPartnerApiRefusal
from quickstart.reports.client_tokens import Claim, ClientTokens
from quickstart.reports.ledger import ReportForgottenError, ReportLedger
from quickstart.reports.open_requests import Fit, OpenRequest, OpenRequests
from quickstart.times import to_text
from quickstart.token_vault import SellerUnknownError
from quickstart.validation import Fields
from sp_api import reports
from sp_api.caller import Caller
from sp_api.errors import SellingPartnerApiError, TransientError
from sp_api.regions import Region
from sp_api.reports import CreateReportSpecification, Report, ReportFilter

# getReports: one call in 45 s, burst 10 (Reports API 2021-06-30, usage plan).
_LOOK_AGAIN_SECONDS = 60.0
_REQUEST_SECONDS = 2.0
# How long a request waits in the function for one that it may be mistaken for; SP-API answers within a second or two.
# A waiting function counts towards the account's concurrent functions: ten in a new account.
_PATIENCE = timedelta(seconds=3)
_POLL_SECONDS = 0.25


class ClientTokenReusedError(Refusal):
    """Another request used this ClientToken before."""

    status = 409
    code = "ClientTokenReused"
    field = "ClientToken"

    def __init__(self, client_token: str) -> None:
        super().__init__(
            f"another request used ClientToken {client_token} before: use a different token for each request"
        )


class RequestInProgressError(Refusal):
    """The first request with this ClientToken is still in progress."""

    status = 409
    code = "RequestInProgress"
    field = "ClientToken"
    retry_after = _REQUEST_SECONDS

    def __init__(self, client_token: str) -> None:
        super().__init__(
            f"a request with ClientToken {client_token} is in progress: retry after {_REQUEST_SECONDS:.0f} s"
        )


class AnotherRequestUnansweredError(Refusal):
    """SP-API's list could not tell this request's report from that of an earlier, unanswered request."""

    status = 409
    code = "AnotherRequestUnanswered"

    def __init__(self, other: OpenRequest, now: datetime, *, in_progress: bool) -> None:
        """`in_progress`: the function that sent the other request may still receive its answer."""
        left = (other.told_apart_after - now).total_seconds()
        self.retry_after = _REQUEST_SECONDS if in_progress else min(30.0, max(_REQUEST_SECONDS, left))
        super().__init__(
            "SP-API has not answered an earlier request for the same report yet. If this one were sent too, the stack "
            "could not know which report belongs to which request, so it was not sent. To repeat the earlier request, "
            f"use ClientToken {other.client_token}. Otherwise retry after {self.retry_after:.0f} s: this request can "
            f"be sent after {to_text(other.told_apart_after)}"
        )


class RequestUnansweredError(SellingPartnerApiRefusal):
    """createReport was sent and not answered; the token finds out what came of it."""

    def __init__(self, error: TransientError, client_token: str) -> None:
        super().__init__(error)
        self.client_token = client_token

    def __str__(self) -> str:
        return (
            f"{super().__str__()}. It is unknown whether SP-API created the report: send the same request with "
            f"ClientToken {self.client_token} until the answer is not a 409 with Retry-After"
        )


class OutcomeUnknownError(Refusal):
    """It is unknown whether the first request with this ClientToken created a report.

    `final` says that a retry cannot resolve it.
    """

    status = 409
    code = "OutcomeUnknown"
    field = "ClientToken"

    def __init__(
        self, client_token: str, candidates: tuple[str, ...], listed_within: timedelta, *, final: bool
    ) -> None:
        self.retry_after = None if final else _LOOK_AGAIN_SECONDS
        unanswered = f"SP-API did not answer the first request with ClientToken {client_token}, and it "
        if final:
            super().__init__(
                f"{unanswered}lists reports that may belong to this request or to another one: "
                f"{', '.join(candidates)}. Check them with GET /reports/{{reportId}} or in Seller Central. If one is "
                "yours, you are done; otherwise send the request with a different ClientToken"
            )
        else:
            super().__init__(
                f"{unanswered}does not list its report yet. Retry the same request with the same "
                f"ClientToken after {_LOOK_AGAIN_SECONDS:.0f} s: it returns the report once SP-API lists it, and "
                f"creates one if SP-API lists none {listed_within // timedelta(minutes=1)} minutes after the first "
                "request"
            )


@dataclass(frozen=True)
class ReportRequest:
    """A valid POST /reports."""

    seller_id: str
    region: Region
    specification: CreateReportSpecification
    client_token: str | None = None


@dataclass(frozen=True)
class Timing:
    """When a report of an unanswered request exists and is listed, counted from the request's claim.

    A request is sent within 20 s, and SP-API's gateway ends it within another 30 s. If SP-API does not list a report
    after `listed_within`, the request created none.
    """

    created_within: timedelta = timedelta(seconds=90)
    listed_within: timedelta = timedelta(minutes=10)


@dataclass(frozen=True)
class ReportRecords:
    """What the Reports table knows of requests and reports."""

    ledger: ReportLedger
    tokens: ClientTokens
    open_requests: OpenRequests
    timing: Timing = Timing()
    pause: Callable[[float], None] = time.sleep


def read_request(fields: Fields) -> ReportRequest:
    """Raises InvalidRequestError listing every invalid field."""
    seller_id = fields.seller_id()
    region = fields.region()
    report_type = fields.report_type()
    marketplace_ids = fields.marketplace_ids(region)
    start = fields.time("ReportDataStartTime")
    end = fields.time("ReportDataEndTime")
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


def create_report(caller: Caller, request: ReportRequest, records: ReportRecords) -> str:
    """Calls createReport, records the report in the Reports table, and returns the report's id.

    Repeating the request with its ClientToken returns the same id. Raises ClientTokenReusedError,
    RequestInProgressError, AnotherRequestUnansweredError, OutcomeUnknownError, RequestUnansweredError,
    SellerUnknownError when the seller was removed meanwhile, and what `sp_api` raises.
    """
    try:
        return _create_once(caller, request, records)
    except ReportForgottenError as error:
        raise SellerUnknownError(request.seller_id, request.region) from error


def _create_once(caller: Caller, request: ReportRequest, records: ReportRecords) -> str:
    token = request.client_token or f"stack-{uuid.uuid4()}"
    request = replace(request, client_token=token)
    digest = request_hash(request)
    tokens = records.tokens
    claim = tokens.claim(request.seller_id, token, digest)
    if claim is None:
        earlier = tokens.find(request.seller_id, token)
        # Without a claim, the token was released a moment ago.
        if earlier is None or (earlier.request_hash == digest and earlier.runs(tokens.now())):
            raise RequestInProgressError(token)
        if earlier.request_hash != digest:
            raise ClientTokenReusedError(token)
        sent = _open_request(earlier, request, records)
        report_id = earlier.report_id or _made_earlier(caller, request, sent, records)
        if report_id is not None:
            _record(request, earlier, sent, report_id, records)
            return report_id
        claim = tokens.claim_again(earlier)
        if claim is None:
            raise RequestInProgressError(token)
    return _create(caller, request, claim, records)


def request_hash(request: ReportRequest) -> str:
    """The same however the request is written, and different for every other request."""
    specification = request.specification
    canonical = [
        request.seller_id,
        str(request.region),
        specification.report_type,
        sorted(specification.marketplace_ids),
        to_text(specification.data_start_time),
        to_text(specification.data_end_time),
        sorted((specification.report_options or {}).items()),
    ]
    return hashlib.sha256(json.dumps(canonical).encode()).hexdigest()


def _create(caller: Caller, request: ReportRequest, claim: Claim, records: ReportRecords) -> str:
    """Any other error leaves the request open and the claim in progress, because the outcome is unknown."""
    intended = _open_request(claim, request, records)
    try:
        _open(request, intended, records)
    except (Refusal, *FAILED_CALLS):
        _tried(lambda: records.tokens.release(claim))
        raise
    try:
        report_id = reports.create_report(caller, request.specification)
    except (SellingPartnerApiError, SellerUnknownError, *FAILED_CALLS) as error:
        # AWS is called for access tokens only, before the request is sent.
        if isinstance(error, TransientError) and error.outcome_unknown:
            _tried(lambda: records.tokens.outcome_unknown(claim))
            raise RequestUnansweredError(error, claim.client_token) from error
        _tried(lambda: _close(request, intended, records))
        _tried(lambda: records.tokens.release(claim))
        raise
    _record(request, claim, intended, report_id, records)
    return report_id


def _open_request(claim: Claim, request: ReportRequest, records: ReportRecords) -> OpenRequest:
    specification = request.specification
    return OpenRequest(
        client_token=claim.client_token,
        claimed_time=claim.claimed_time,
        created_until=claim.claimed_time + records.timing.created_within,
        marketplace_ids=frozenset(specification.marketplace_ids),
        data_start_time=specification.data_start_time,
        data_end_time=specification.data_end_time,
    )


def _open(request: ReportRequest, intended: OpenRequest, records: ReportRecords) -> None:
    """Records that createReport is about to be called.

    First waits for a request that this one may be mistaken for, while that one is in progress. Raises
    RequestInProgressError, AnotherRequestUnansweredError.
    """
    now = records.tokens.now
    give_up = now() + _PATIENCE
    report_type = request.specification.report_type
    while True:
        try:
            other = records.open_requests.add(request.seller_id, request.region, report_type, intended)
        except ItemContestedError:
            raise RequestInProgressError(intended.client_token) from None
        if other is None:
            return
        claim = records.tokens.find(request.seller_id, other.client_token)
        in_progress = claim is not None and claim.runs(now())
        if not in_progress or now() >= give_up:
            raise AnotherRequestUnansweredError(other, now(), in_progress=in_progress)
        records.pause(_POLL_SECONDS)


def _close(request: ReportRequest, done: OpenRequest, records: ReportRecords) -> None:
    records.open_requests.remove(request.seller_id, request.region, request.specification.report_type, done)


def _record(request: ReportRequest, claim: Claim, sent: OpenRequest, report_id: str, records: ReportRecords) -> None:
    """SP-API created this report for the request.

    The report exists although a write fails: the request then stays open, so that a repeat and the report's
    notification find it.
    """

    def recorded() -> None:
        records.ledger.requested(
            request.seller_id, request.region, report_id, request.specification, claim.client_token
        )
        _close(request, sent, records)

    whole = _tried(recorded)
    if claim.report_id is None:
        whole = _tried(lambda: records.tokens.done(claim, report_id)) and whole
    if not whole:
        logger().error("report created but not fully recorded", report_id=report_id, client_token=claim.client_token)


def _tried(write: Callable[[], None]) -> bool:
    """Whether the write succeeded. What it would have recorded can be found in SP-API's list."""
    try:
        write()
    except FAILED_CALLS as error:
        logger().warning("a write to the Reports table failed", error=type(error).__name__)
        return False
    return True


def _made_earlier(caller: Caller, request: ReportRequest, sent: OpenRequest, records: ReportRecords) -> str | None:
    """The report that the sent request created, from SP-API's list; None when it certainly created none.

    SP-API stores no token with a report and does not list its options, so type, marketplaces, period and time are
    compared. A report that fits another open request is that one's. Raises OutcomeUnknownError when that is not
    conclusive.
    """
    now = records.tokens.now()
    listed = _listed(caller, request.specification.report_type, sent, now)
    # Read after the list: the request of a listed report is open by then, or its report is in the ledger.
    opened = records.open_requests.of(request.seller_id, request.region, request.specification.report_type)
    others = [other for other in opened if other.client_token != sent.client_token]
    # A request that is not open was never sent, created no report, or has its report in the ledger.
    is_open = len(others) < len(opened)
    fits: dict[Fit, list[str]] = {Fit.YES: [], Fit.PERHAPS: []}
    contested = False
    for report in listed:
        item = records.ledger.find(request.seller_id, report.report_id) or {}
        if item.get("ClientToken") == sent.client_token:
            return report.report_id
        if "RequestedTime" in item:
            continue
        fit = sent.fit(report)
        if any(other.fit(report) is Fit.YES for other in others):
            contested = contested or (is_open and fit is Fit.YES)
        elif fit is not Fit.NO:
            fits[fit].append(report.report_id)
    waited = now >= sent.claimed_time + records.timing.listed_within
    match fits[Fit.YES], fits[Fit.PERHAPS]:
        case _ if contested:
            final = False
        case [report_id], _:
            # Another repeat may take the same report at the same time.
            if not records.ledger.requested(
                request.seller_id, request.region, report_id, request.specification, sent.client_token
            ):
                raise RequestInProgressError(sent.client_token)
            return report_id
        case [], [] if waited:
            return None
        case certain, _:
            final = bool(certain) or waited
    candidates = tuple(fits[Fit.YES] or fits[Fit.PERHAPS])
    raise OutcomeUnknownError(sent.client_token, candidates, records.timing.listed_within, final=final)


def _listed(caller: Caller, report_type: str, sent: OpenRequest, now: datetime) -> list[Report]:
    """The reports of this type that SP-API created at about the time of the request."""
    wanted = ReportFilter(
        report_types=(report_type,),
        page_size=100,
        created_since=sent.created_since,
        # SP-API's default is the current time.
        created_until=sent.created_until if sent.created_until < now else None,
    )
    return list(reports.list_reports(caller, wanted))
