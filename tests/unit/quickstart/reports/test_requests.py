"""When two requests are the same, when a report belongs to a request, and what an unknown outcome says."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest
from botocore.exceptions import ClientError

from quickstart.aws_failures import AwsDeadlineExceededError
from quickstart.dynamodb import MOST_ATTEMPTS, DamagedItemError, ItemContestedError
from quickstart.refusals import InvalidRequestError, Refusal
from quickstart.reports.client_tokens import Claim, ClientTokens, State
from quickstart.reports.ledger import ReportLedger
from quickstart.reports.open_requests import Fit, OpenRequest, OpenRequests
from quickstart.reports.reading import ReportUnknownError
from quickstart.reports.requests import (
    AnotherRequestUnansweredError,
    ClientTokenReusedError,
    OutcomeUnknownError,
    ReportRecords,
    ReportRequest,
    RequestInProgressError,
    RequestUnansweredError,
    create_report,
    read_request,
    request_hash,
)
from quickstart.token_vault import SellerUnknownError
from quickstart.validation import Fields
from sp_api import reports
from sp_api.caller import Caller
from sp_api.errors import InvalidInputError, TransientError
from sp_api.regions import Region
from sp_api.reports import CreateReportSpecification, ProcessingStatus, Report, ReportFilter
from tests.unit.quickstart.reports.report_world import ReportsTable
from tests.unit.quickstart.support import always_known, never_known

LogLines = Callable[[], list[dict[str, Any]]]
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


def test_a_whole_request_is_read() -> None:
    assert request(ReportDataEndTime="2026-11-02T01:00:00+01:00", ReportOptions={"custom": "true"}) == ReportRequest(
        SELLER_ID,
        Region.NA,
        CreateReportSpecification(
            report_type=REPORT_TYPE,
            marketplace_ids=("ATVPDKIKX0DER", "A2EUQ1WTGCTBG2"),
            data_start_time=NOVEMBER,
            data_end_time=NOVEMBER + DAY,
            report_options={"custom": "true"},
        ),
        "t",
    )


def test_every_invalid_field_is_named() -> None:
    with pytest.raises(InvalidRequestError) as caught:
        read_request(Fields({"ReportDataStartTime": "x", "ReportOptions": [], "ClientToken": ""}))
    assert {error.field for error in caught.value.errors} >= {
        "SellerId",
        "RegionCode",
        "ReportType",
        "ReportDataStartTime",
        "ReportOptions",
    }


SELLER_ID = "A3TH9S8BH6GOGM"
REPORT_TYPE = "GET_MERCHANT_LISTINGS_ALL_DATA"
US_AND_CANADA = frozenset({"ATVPDKIKX0DER", "A2EUQ1WTGCTBG2"})
NOVEMBER = datetime(2026, 11, 1, tzinfo=UTC)
UNANSWERED = TransientError("createReport", message="no answer came in time", outcome_unknown=True)


@dataclass
class Stack:
    """The product with a Reports table, at a moment of its own; SP-API lists `listed` and answers `answers`."""

    table: ReportsTable = field(default_factory=ReportsTable)
    time: datetime = NOW
    listed: list[Report] = field(default_factory=list)
    filters: list[ReportFilter] = field(default_factory=list)
    answers: list[str | Exception] = field(default_factory=list)
    sent: int = 0

    def __post_init__(self) -> None:
        self.tokens = ClientTokens(self.table, self.now)
        self.ledger = ReportLedger(self.table, timedelta(days=90), always_known, self.now)
        self.open_requests = OpenRequests(self.table, self.now, self.pass_time)
        self.records = ReportRecords(self.ledger, self.tokens, self.open_requests, pause=self.pass_time)

    def now(self) -> datetime:
        return self.time

    def pass_time(self, seconds: float) -> None:
        self.time += timedelta(seconds=seconds)

    def send(self, *answers: str | Exception, **changed: object) -> str:
        self.answers.extend(answers)
        return create_report(CALLER, request(**changed), self.records)

    def unanswered(self, **changed: object) -> None:
        """SP-API does not answer this request."""
        with pytest.raises(RequestUnansweredError):
            self.send(UNANSWERED, **changed)

    def create(self, _: Caller, __: CreateReportSpecification) -> str:
        self.sent += 1
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    def list_reports(self, _: Caller, report_filter: ReportFilter) -> Iterable[Report]:
        self.filters.append(report_filter)
        return list(self.listed)

    def claim(self, token: str = "t") -> Claim | None:
        return self.tokens.find(SELLER_ID, token)

    def opened(self) -> list[str]:
        return [found.client_token for found in self.open_requests.of(SELLER_ID, Region.NA, REPORT_TYPE)]


@pytest.fixture
def stack(monkeypatch: pytest.MonkeyPatch) -> Stack:
    made = Stack()
    monkeypatch.setattr(reports, "create_report", made.create)
    monkeypatch.setattr(reports, "list_reports", made.list_reports)
    return made


def report(report_id: str = "1", **changed: Any) -> Report:
    """SP-API's answer to `request()`, two seconds after NOW."""
    found = Report(
        report_id=report_id,
        report_type=REPORT_TYPE,
        processing_status=ProcessingStatus.DONE,
        created_time=NOW + timedelta(seconds=2),
        marketplace_ids=tuple(US_AND_CANADA),
        data_start_time=NOVEMBER,
        data_end_time=NOW + timedelta(seconds=2),
    )
    return replace(found, **changed)


def sent(token: str = "t", **changed: Any) -> OpenRequest:
    """`request()` as it is recorded before it is sent, at NOW."""
    found = OpenRequest(token, NOW, NOW + timedelta(seconds=90), US_AND_CANADA, NOVEMBER)
    return replace(found, **changed)


SECOND, DAY = timedelta(seconds=1), timedelta(days=1)


@pytest.mark.parametrize(
    ("changed", "fit"),
    [
        ({}, Fit.YES),
        ({"data_start_time": NOVEMBER.replace(microsecond=7)}, Fit.YES),
        ({"created_time": NOW - 5 * SECOND, "data_end_time": NOW}, Fit.YES),
        ({"created_time": NOW - 6 * SECOND, "data_end_time": NOW}, Fit.NO),
        ({"created_time": NOW + 90 * SECOND, "data_end_time": NOW + 90 * SECOND}, Fit.YES),
        ({"created_time": NOW + 91 * SECOND, "data_end_time": NOW + 91 * SECOND}, Fit.NO),
        ({"report_schedule_id": "5"}, Fit.NO),
        ({"marketplace_ids": ("ATVPDKIKX0DER",)}, Fit.NO),
        ({"marketplace_ids": ()}, Fit.PERHAPS),
        # A time that the request names is listed as it was named, or at most a day away.
        ({"data_start_time": NOVEMBER + SECOND}, Fit.PERHAPS),
        ({"data_start_time": NOVEMBER + DAY}, Fit.PERHAPS),
        ({"data_start_time": NOVEMBER - DAY}, Fit.PERHAPS),
        ({"data_start_time": NOVEMBER + DAY + SECOND}, Fit.NO),
        ({"data_start_time": NOVEMBER - DAY - SECOND}, Fit.NO),
        ({"data_start_time": None}, Fit.PERHAPS),
        # A time that the request leaves out is listed as the time of the request.
        ({"data_end_time": NOW + 12 * SECOND}, Fit.YES),
        ({"data_end_time": NOW + 13 * SECOND}, Fit.PERHAPS),
        ({"data_end_time": NOW - 9 * SECOND}, Fit.PERHAPS),
        ({"data_end_time": None}, Fit.YES),
    ],
)
def test_how_a_listed_report_fits_a_request(changed: dict[str, Any], fit: Fit) -> None:
    assert sent().fit(report(**changed)) is fit


@pytest.mark.parametrize(
    ("changed", "mistaken"),
    [
        ({}, True),
        ({"claimed_time": NOW + 95 * SECOND, "created_until": NOW + 185 * SECOND}, True),
        ({"claimed_time": NOW + 96 * SECOND, "created_until": NOW + 186 * SECOND}, False),
        ({"marketplace_ids": frozenset({"ATVPDKIKX0DER"})}, False),
        ({"data_start_time": NOVEMBER + SECOND}, False),
        ({"data_start_time": None}, False),
        ({"data_end_time": NOVEMBER + DAY}, False),
        # This one names the time at which SP-API may have received the other.
        ({"data_end_time": NOW}, True),
        ({"data_end_time": NOW - 20 * SECOND}, True),
        ({"data_end_time": NOW - 21 * SECOND}, False),
        ({"data_end_time": NOW + 105 * SECOND}, True),
        ({"data_end_time": NOW + 106 * SECOND}, False),
        # Whole seconds are compared.
        ({"data_start_time": NOVEMBER.replace(microsecond=7)}, True),
    ],
)
def test_which_requests_may_be_mistaken_for_each_other(changed: dict[str, Any], mistaken: bool) -> None:
    other = sent("other", **changed)
    assert sent().may_be_mistaken_for(other) is mistaken
    assert other.may_be_mistaken_for(sent()) is mistaken


def test_a_request_is_recorded_before_it_is_sent_and_closed_after_its_answer(
    stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    def create(*_: object) -> str:
        assert stack.opened() == ["t"]
        return "1"

    monkeypatch.setattr(reports, "create_report", create)
    assert stack.send() == "1"
    assert stack.opened() == []
    assert (stack.ledger.find(SELLER_ID, "1") or {})["ClientToken"] == "t"


def test_a_request_whose_seller_is_removed_meanwhile_leaves_no_record_of_the_report(stack: Stack) -> None:
    stack.records = replace(stack.records, ledger=replace(stack.ledger, seller_known=never_known))
    with pytest.raises(SellerUnknownError):
        stack.send("1")
    assert stack.ledger.find(SELLER_ID, "1") is None


def test_a_request_without_a_token_gets_one_of_the_stack(stack: Stack) -> None:
    with pytest.raises(RequestUnansweredError) as caught:
        stack.send(UNANSWERED, ClientToken=None)
    (token,) = stack.opened()
    assert f"ClientToken {token} " in str(caught.value)
    assert (caught.value.status, caught.value.code) == (504, "TransientError")
    stack.listed = [report()]
    assert stack.send(ClientToken=token) == "1"
    assert stack.sent == 1


def test_requests_without_a_token_are_different_requests(stack: Stack) -> None:
    assert [stack.send("1", ClientToken=None), stack.send("2", ClientToken=None)] == ["1", "2"]
    tokens = {(stack.ledger.find(SELLER_ID, report_id) or {})["ClientToken"] for report_id in ("1", "2")}
    assert len(tokens) == 2


def test_the_only_report_that_fits_belongs_to_the_request(stack: Stack) -> None:
    stack.unanswered()
    stack.ledger.requested(SELLER_ID, Region.NA, "5", request().specification, "another")
    others = [
        report("2", report_schedule_id="5"),
        report("3", marketplace_ids=("ATVPDKIKX0DER",)),
        report("4", created_time=NOW + timedelta(minutes=2)),
        report("5"),
        report("6", data_start_time=NOVEMBER + SECOND),
    ]
    stack.listed = [*others, report("1")]
    assert stack.send() == "1"
    assert stack.send() == "1"
    assert stack.opened() == []
    assert (stack.sent, len(stack.filters)) == (1, 1)


def test_a_report_recorded_with_the_token_belongs_to_the_request(stack: Stack) -> None:
    stack.unanswered()
    stack.ledger.requested(SELLER_ID, Region.NA, "2", request().specification, "t")
    stack.listed = [report("1"), report("2")]
    assert stack.send() == "2"


@pytest.mark.parametrize(
    "changed",
    [{"data_start_time": NOVEMBER + SECOND}, {"data_start_time": None}, {"marketplace_ids": ()}],
)
def test_a_report_that_perhaps_fits_is_final_only_when_no_other_one_can_be_listed(
    stack: Stack, changed: dict[str, Any]
) -> None:
    stack.unanswered()
    stack.listed = [report("7", **changed)]
    stack.time = NOW + timedelta(minutes=9, seconds=59)
    with pytest.raises(OutcomeUnknownError) as caught:
        stack.send()
    assert caught.value.retry_after == 60
    stack.time = NOW + timedelta(minutes=10)
    with pytest.raises(OutcomeUnknownError) as caught:
        stack.send()
    assert caught.value.retry_after is None
    assert ": 7. Check" in str(caught.value)
    assert stack.sent == 1


def test_two_reports_that_fit_are_final_at_once(stack: Stack) -> None:
    stack.unanswered()
    stack.listed = [report("8"), report("9")]
    with pytest.raises(OutcomeUnknownError) as caught:
        stack.send()
    assert caught.value.retry_after is None
    assert "8, 9" in str(caught.value)


def test_a_report_of_another_open_request_is_no_candidate(stack: Stack) -> None:
    """The request without a period was never received; the one with a period created a report."""
    stack.unanswered(ClientToken="with")
    stack.unanswered(ClientToken="without", ReportDataStartTime=None)
    stack.listed = [report("1")]
    with pytest.raises(OutcomeUnknownError) as caught:
        stack.send(ClientToken="without", ReportDataStartTime=None)
    assert caught.value.retry_after == 60
    assert stack.send(ClientToken="with") == "1"
    stack.time = NOW + timedelta(minutes=10)
    assert stack.send("2", ClientToken="without", ReportDataStartTime=None) == "2"


def test_a_report_that_fits_another_open_request_better_is_not_waited_for(stack: Stack) -> None:
    """Nobody repeats the request with a period, so it stays open."""
    stack.unanswered(ClientToken="with")
    stack.unanswered(ClientToken="without", ReportDataStartTime=None)
    stack.listed = [report("1")]
    stack.time = NOW + timedelta(minutes=10)
    assert stack.send("2", ClientToken="without", ReportDataStartTime=None) == "2"
    assert stack.opened() == ["with"]


def test_a_report_that_fits_two_open_requests_is_neither_taken_nor_doubled(stack: Stack) -> None:
    """Neither stood in the other's way when it was sent; an update of the stack then gave SP-API more time."""
    stack.tokens.claim(SELLER_ID, "t", request_hash(request()))
    soon = replace(sent(), created_until=NOW + SECOND)
    later = replace(sent("u"), claimed_time=NOW + 12 * SECOND, created_until=NOW + 102 * SECOND)
    for opened in (soon, later):
        assert stack.open_requests.add(SELLER_ID, Region.NA, REPORT_TYPE, opened) is None
    # The second one fits only the other request.
    times = [NOW + 20 * SECOND, NOW + 100 * SECOND]
    stack.listed = [report(str(n), created_time=time, data_end_time=time) for n, time in enumerate(times)]
    stack.time = NOW + timedelta(minutes=10)
    with pytest.raises(OutcomeUnknownError) as caught:
        stack.send()
    assert (caught.value.retry_after, stack.sent) == (60, 0)


def test_a_request_that_was_never_recorded_as_open_takes_no_report_of_an_open_one(stack: Stack) -> None:
    stack.tokens.claim(SELLER_ID, "t", request_hash(request()))
    stack.unanswered(ClientToken="another")
    stack.time = NOW + 31 * SECOND
    stack.listed = [report("1")]
    with pytest.raises(OutcomeUnknownError) as caught:
        stack.send()
    assert caught.value.retry_after == 60
    assert stack.send(ClientToken="another") == "1"


def test_a_request_that_could_not_be_told_from_an_unanswered_one_is_not_sent(stack: Stack) -> None:
    stack.unanswered()
    # SP-API's list does not show the options.
    other = {"ClientToken": "u", "ReportOptions": {"custom": "true"}}
    stack.time = NOW + 31 * SECOND
    with pytest.raises(AnotherRequestUnansweredError) as caught:
        stack.send(**other)
    assert caught.value.retry_after == 30
    assert "use ClientToken t." in str(caught.value)
    stack.time = NOW + 94 * SECOND
    with pytest.raises(AnotherRequestUnansweredError) as caught:
        stack.send(**other)
    assert caught.value.retry_after == 2
    assert stack.sent == 1
    # The token was not used.
    assert stack.claim("u") is None
    stack.time = NOW + 96 * SECOND
    assert stack.send("2", **other) == "2"


def test_a_request_does_not_wait_for_one_that_sp_api_will_not_answer_any_more(stack: Stack) -> None:
    """A waiting function counts towards the account's concurrent functions."""
    stack.unanswered()
    with pytest.raises(AnotherRequestUnansweredError) as caught:
        stack.send(ClientToken="u")
    assert stack.time == NOW
    assert caught.value.retry_after == 30


def test_a_request_waits_for_one_that_it_may_be_mistaken_for(stack: Stack) -> None:
    stack.tokens.claim(SELLER_ID, "first", "hash")
    first = sent("first", claimed_time=NOW, created_until=NOW + 90 * SECOND)
    assert stack.open_requests.add(SELLER_ID, Region.NA, REPORT_TYPE, first) is None
    answered = NOW + 2 * SECOND

    def pause(seconds: float) -> None:
        stack.pass_time(seconds)
        if stack.time >= answered:
            stack.open_requests.remove(SELLER_ID, Region.NA, REPORT_TYPE, first)

    stack.records = replace(stack.records, pause=pause)
    assert stack.send("2") == "2"
    assert stack.time == answered


def test_a_request_waits_three_seconds_at_most(stack: Stack) -> None:
    stack.tokens.claim(SELLER_ID, "first", "hash")
    assert stack.open_requests.add(SELLER_ID, Region.NA, REPORT_TYPE, sent("first")) is None
    with pytest.raises(AnotherRequestUnansweredError) as caught:
        stack.send()
    assert stack.time == NOW + 3 * SECOND
    # The other one still runs, so it is answered soon.
    assert caught.value.retry_after == 2


REFUSALS = [
    InvalidInputError("createReport", status=400),
    TransientError("createReport", outcome_unknown=False),
    SellerUnknownError(SELLER_ID, "NA"),
    AwsDeadlineExceededError(),
]


@pytest.mark.parametrize("refusal", REFUSALS, ids=lambda refusal: type(refusal).__name__)
def test_a_request_that_created_nothing_frees_the_token_and_is_closed(stack: Stack, refusal: Exception) -> None:
    with pytest.raises(type(refusal)):
        stack.send(refusal)
    assert (stack.claim(), stack.opened()) == (None, [])
    assert stack.send("1", ReportOptions={"custom": "true"}) == "1"


def test_a_refused_request_is_closed_before_its_token_is_free(
    stack: Stack, monkeypatch: pytest.MonkeyPatch, log_lines: LogLines
) -> None:
    """Otherwise, the request of another body could use the token while the first one is open."""

    def create(*_: object) -> str:
        stack.table.failures.append("before")
        raise InvalidInputError("createReport", status=400)

    monkeypatch.setattr(reports, "create_report", create)
    with pytest.raises(InvalidInputError):
        stack.send()
    assert (stack.claim(), stack.opened()) == (None, ["t"])
    assert [(line["level"], line["message"], line["error"]) for line in log_lines()] == [
        ("WARNING", "a write to the Reports table failed", "ClientError")
    ]


def test_a_table_that_fails_before_the_request_is_sent_frees_the_token(stack: Stack) -> None:
    stack.table.failures.extend([None, "before"])
    with pytest.raises(ClientError):
        stack.send()
    assert (stack.sent, stack.claim()) == (0, None)


@pytest.mark.parametrize("how", ["before", "after"])
@pytest.mark.parametrize("failed", [[0], [1], [2], [0, 1], [0, 1, 2], [1, 2]])
def test_writes_that_fail_after_the_report_was_created_lose_and_double_nothing(
    stack: Stack, monkeypatch: pytest.MonkeyPatch, log_lines: LogLines, how: str, failed: list[int]
) -> None:
    def create(*_: object) -> str:
        stack.table.failures.extend(how if position in failed else None for position in range(3))
        stack.sent += 1
        return "1"

    monkeypatch.setattr(reports, "create_report", create)
    assert stack.send() == "1"
    stack.table.failures.clear()
    errors = [line for line in log_lines() if line["level"] == "ERROR"]
    assert [(line["message"], line["report_id"], line["client_token"]) for line in errors] == [
        ("report created but not fully recorded", "1", "t")
    ]
    found = stack.ledger.find(SELLER_ID, "1") is not None
    # The report's notification finds the request.
    assert found or [opened.fit(report()) for opened in stack.open_requests.of(SELLER_ID, Region.NA, REPORT_TYPE)]
    stack.time = NOW + 31 * SECOND
    stack.listed = [report("1")]
    assert stack.send() == "1"
    assert (stack.ledger.find(SELLER_ID, "1") or {})["ClientToken"] == "t"
    assert (stack.sent, stack.opened()) == (1, [])
    assert [line for line in log_lines() if line["level"] == "ERROR"] == errors


def test_an_empty_list_is_conclusive_only_after_ten_minutes(stack: Stack) -> None:
    stack.unanswered()
    stack.time = NOW + timedelta(minutes=9, seconds=59)
    with pytest.raises(OutcomeUnknownError) as caught:
        stack.send()
    assert caught.value.retry_after == 60
    stack.time = NOW + timedelta(minutes=10)
    assert stack.send("1") == "1"
    assert stack.opened() == []


def test_a_report_that_another_repeat_takes_meanwhile_is_not_taken_twice(
    stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    stack.unanswered()
    stack.listed = [report("1")]
    monkeypatch.setattr(ReportLedger, "requested", lambda *_: False)
    with pytest.raises(RequestInProgressError):
        stack.send()


@pytest.mark.parametrize(
    ("seconds", "until"),
    [(10, None), (90, None), (91, NOW + timedelta(seconds=90)), (600, NOW + timedelta(seconds=90))],
)
def test_the_search_covers_the_time_of_the_request(stack: Stack, seconds: int, until: datetime | None) -> None:
    stack.unanswered()
    stack.time = NOW + timedelta(seconds=seconds)
    stack.listed = [report()]
    assert stack.send() == "1"
    assert stack.filters == [
        ReportFilter(report_types=(REPORT_TYPE,), page_size=100, created_since=NOW - 5 * SECOND, created_until=until)
    ]


def test_a_request_in_progress_is_not_repeated(stack: Stack) -> None:
    stack.tokens.claim(SELLER_ID, "t", request_hash(request()))
    stack.listed = [report()]
    stack.time = NOW + 29 * SECOND
    with pytest.raises(RequestInProgressError):
        stack.send()
    stack.time = NOW + 30 * SECOND
    assert stack.send() == "1"


@pytest.mark.parametrize("state", [State.IN_PROGRESS, State.OUTCOME_UNKNOWN, State.DONE])
def test_another_body_is_refused_at_once(stack: Stack, state: State) -> None:
    claim = stack.tokens.claim(SELLER_ID, "t", request_hash(request()))
    assert claim is not None
    if state is State.OUTCOME_UNKNOWN:
        stack.tokens.outcome_unknown(claim)
    elif state is State.DONE:
        stack.tokens.done(claim, "1")
    with pytest.raises(ClientTokenReusedError):
        stack.send(ReportOptions={"custom": "true"})


def test_a_token_that_was_just_released_is_retried_by_the_caller(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ClientTokens, "claim", lambda *_: None)
    with pytest.raises(RequestInProgressError):
        stack.send()


def test_an_item_that_changes_all_the_time_ends_as_in_progress(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ReportsTable, "update", lambda *_, **__: False)
    pauses: list[float] = []
    shortest: list[float] = []

    def longest(low: float, high: float) -> float:
        shortest.append(low)
        return high

    monkeypatch.setattr("random.uniform", longest)
    requests = replace(stack.open_requests, pause=pauses.append)
    with pytest.raises(ItemContestedError, match=f"the item of open requests for {REPORT_TYPE}"):
        requests.add(SELLER_ID, Region.NA, REPORT_TYPE, sent())
    # Others wait for a different time, and none for longer than 0.4 s.
    assert (set(shortest), pauses) == ({0}, [0.02, 0.04, 0.08, 0.16, 0.32, *[0.4] * (MOST_ATTEMPTS - 5)])
    stack.records = replace(stack.records, open_requests=requests)
    with pytest.raises(RequestInProgressError):
        stack.send()
    assert stack.sent == 0


def test_the_item_of_open_requests_and_the_item_of_a_token(stack: Stack) -> None:
    stack.unanswered(ReportDataStartTime=None, ReportDataEndTime="2026-11-02T00:00:00Z")
    week_later = int((NOW + timedelta(days=7)).timestamp())
    key = f"OPEN_REQUESTS#NA#{REPORT_TYPE}"
    name = "Request#2026-11-21T05:00:00.000000+00:00#t"
    assert stack.table.items[key, SELLER_ID] == {
        "ReportId": key,
        "SellerId": SELLER_ID,
        "CreatedTime": "!",
        "Version": 1,
        "ExpiresAt": week_later,
        name: {
            "ClientToken": "t",
            "ClaimedTime": "2026-11-21T05:00:00.000000+00:00",
            "CreatedUntil": "2026-11-21T05:01:30.000000+00:00",
            "MarketplaceIds": ["A2EUQ1WTGCTBG2", "ATVPDKIKX0DER"],
            "DataEndTime": "2026-11-02T00:00:00+00:00",
        },
    }
    digest = request_hash(request(ReportDataStartTime=None, ReportDataEndTime="2026-11-02T00:00:00Z"))
    assert stack.table.items["CLIENT_TOKEN#t", SELLER_ID] == {
        "ReportId": "CLIENT_TOKEN#t",
        "SellerId": SELLER_ID,
        "CreatedTime": "!",
        "RequestHash": digest,
        "State": "OUTCOME_UNKNOWN",
        "ClaimedTime": "2026-11-21T05:00:00.000000+00:00",
        "ExpiresAt": week_later,
    }
    assert stack.claim() == Claim(SELLER_ID, "t", digest, State.OUTCOME_UNKNOWN, NOW)


def test_a_damaged_item_is_named(stack: Stack) -> None:
    stack.unanswered()
    key = f"OPEN_REQUESTS#NA#{REPORT_TYPE}"
    stack.table.items["CLIENT_TOKEN#t", SELLER_ID]["State"] = "?"
    stack.table.items[key, SELLER_ID]["Request#x"] = {}
    for name, read in (("CLIENT_TOKEN#t", stack.claim), (key, stack.opened)):
        with pytest.raises(DamagedItemError, match=f"^the stored item {name} of {SELLER_ID} cannot be read"):
            read()


def test_a_token_is_free_again_after_a_week(stack: Stack) -> None:
    stack.unanswered()
    stack.time = NOW + timedelta(days=7) - SECOND
    assert stack.tokens.claim(SELLER_ID, "t", "hash") is None
    stack.time += SECOND
    assert stack.tokens.claim(SELLER_ID, "t", "hash") == Claim(SELLER_ID, "t", "hash", State.IN_PROGRESS, stack.time)


def test_of_two_repeats_one_sends_the_request_again(stack: Stack) -> None:
    stack.unanswered()
    claim = stack.claim()
    assert claim is not None
    stack.time = NOW + timedelta(minutes=10)
    assert stack.tokens.claim_again(claim) is not None
    assert stack.tokens.claim_again(claim) is None
    # What the first copy still writes does not change the repeat's claim.
    stack.tokens.done(claim, "1")
    assert stack.claim() == Claim(SELLER_ID, "t", claim.request_hash, State.IN_PROGRESS, stack.time)


def test_a_repeat_that_is_sent_again_replaces_its_open_request(stack: Stack) -> None:
    stack.unanswered()
    stack.time = NOW + timedelta(minutes=10)
    stack.unanswered()
    (opened,) = stack.open_requests.of(SELLER_ID, Region.NA, REPORT_TYPE)
    assert opened.claimed_time == stack.time


def test_a_request_does_not_wait_for_one_whose_token_is_forgotten(stack: Stack) -> None:
    assert stack.open_requests.add(SELLER_ID, Region.NA, REPORT_TYPE, sent("first")) is None
    with pytest.raises(AnotherRequestUnansweredError) as caught:
        stack.send()
    assert (stack.time, caught.value.retry_after) == (NOW, 30)


@pytest.mark.parametrize(("seconds", "retry_after"), [(65, 30), (66, 29), (92, 3), (93, 2), (94, 2)])
def test_how_long_a_request_has_to_wait_for_another_one(stack: Stack, seconds: int, retry_after: float) -> None:
    """Until SP-API can have created no report for the other one, at least 2 s and at most 30 s at a time."""
    stack.unanswered()
    stack.time = NOW + seconds * SECOND
    with pytest.raises(AnotherRequestUnansweredError) as caught:
        stack.send(ClientToken="u")
    assert caught.value.retry_after == retry_after
    assert str(caught.value).endswith(
        f"Otherwise retry after {retry_after} s: this request can be sent after 2026-11-21T05:01:35+00:00"
    )


def test_open_requests_are_kept_for_a_week(stack: Stack) -> None:
    stack.unanswered(ClientToken="old")
    stack.time = NOW + timedelta(days=7)
    stack.unanswered(ClientToken="new")
    assert stack.opened() == ["old", "new"]


def test_a_closed_request_leaves_no_item_where_there_was_none(stack: Stack) -> None:
    stack.open_requests.remove(SELLER_ID, Region.NA, REPORT_TYPE, sent())
    assert stack.table.items == {}


def test_open_requests_are_forgotten_after_a_week(stack: Stack) -> None:
    stack.unanswered(ClientToken="old")
    stack.time = NOW + timedelta(days=7, seconds=1)
    stack.unanswered(ClientToken="new")
    assert stack.opened() == ["new"]


def test_an_aws_call_without_time_left_does_not_lose_the_report(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    def late(*_: object, **__: object) -> bool:
        raise AwsDeadlineExceededError

    monkeypatch.setattr(ReportLedger, "requested", late)
    assert stack.send("1") == "1"
    assert stack.opened() == ["t"]


@pytest.mark.parametrize(
    ("refusal", "answer"),
    [
        (ClientTokenReusedError("t"), (409, "ClientTokenReused", "ClientToken", None)),
        (RequestInProgressError("t"), (409, "RequestInProgress", "ClientToken", 2)),
        (AnotherRequestUnansweredError(sent(), NOW, in_progress=True), (409, "AnotherRequestUnanswered", None, 2)),
        (OutcomeUnknownError("t", (), DAY, final=False), (409, "OutcomeUnknown", "ClientToken", 60)),
        (OutcomeUnknownError("t", (), DAY, final=True), (409, "OutcomeUnknown", "ClientToken", None)),
        (RequestUnansweredError(TransientError("createReport"), "t"), (504, "TransientError", None, None)),
        (ReportUnknownError("A1", "7"), (404, "ReportUnknown", "ReportId", None)),
    ],
    ids=lambda given: type(given).__name__,
)
def test_the_status_of_each_refusal(refusal: Refusal, answer: tuple[int, str, str | None, float | None]) -> None:
    assert (refusal.status, refusal.code, refusal.field or None, refusal.retry_after) == answer
