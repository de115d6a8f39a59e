"""What every call does: headers, tokens, repeats, waits, deadlines."""

import json
import platform
import socket
import time
from collections.abc import Mapping
from dataclasses import replace
from functools import partial

import pytest
from urllib3 import HTTPConnectionPool
from urllib3.connection import HTTPConnection
from urllib3.exceptions import (
    ConnectTimeoutError,
    DecodeError,
    HTTPError,
    NameResolutionError,
    NewConnectionError,
    ProtocolError,
    ReadTimeoutError,
    SSLError,
)

from sp_api import notifications, reports
from sp_api.caller import Operation, checked_user_agent, filled, user_agent
from sp_api.deadline import Deadline, DeadlineExceeded
from sp_api.errors import (
    AccessDeniedError,
    ClientSecretExpiredError,
    PermanentError,
    SellingPartnerApiError,
    ThrottledError,
    TransientError,
)
from sp_api.lwa import LwaClient, Scope
from sp_api.regions import Region
from sp_api.reports import CreateReportSpecification
from sp_api.solicitations import (
    create_product_review_and_seller_feedback_solicitation,
    get_solicitation_actions_for_order,
)
from sp_api.transport import failure, make_http
from tests.unit.sp_api.support import (
    ACCESS_TOKEN,
    REFRESH_TOKEN,
    SELLER_ID,
    TOKEN_PATH,
    USER_AGENT,
    Answer,
    ScriptedServer,
    Stored,
    answer_json,
    api_of,
    credentials,
    errors_json,
    seller_of,
    token_json,
)
from tests.waiting import assert_quick

REPORT_PATH = "/na/reports/2021-06-30/reports/1"
CREATE_PATH = "/na/reports/2021-06-30/reports"
REPORT = answer_json(
    {"reportId": "1", "reportType": "GET_X", "processingStatus": "DONE", "createdTime": "2025-12-02T11:59:18+00:00"}
)
SPECIFICATION = CreateReportSpecification("GET_X", ["ATVPDKIKX0DER"])
HTML = Answer(200, b"<html>welcome to the hotel's network</html>", {"Content-Type": "text/html"})


def test_headers_of_a_call(server: ScriptedServer) -> None:
    server.answer("GET", REPORT_PATH, REPORT)
    reports.get_report(seller_of(server), "1")
    (call,) = server.calls
    assert call.headers["x-amz-access-token"] == ACCESS_TOKEN
    assert call.headers["user-agent"] == USER_AGENT
    assert call.headers["accept"] == "application/json"
    assert "content-type" not in call.headers
    assert "authorization" not in call.headers
    assert "user-agent" in server.token_requests[0].headers


def test_solicitations_are_read_as_hal(server: ScriptedServer) -> None:
    path = "/na/solicitations/v1/orders/1"
    server.answer("GET", path, answer_json({"_links": {"actions": []}}))
    server.answer("POST", f"{path}/solicitations/productReviewAndSellerFeedback", answer_json({}, 201))
    get_solicitation_actions_for_order(seller_of(server), "1", "ATVPDKIKX0DER")
    create_product_review_and_seller_feedback_solicitation(seller_of(server), "1", "ATVPDKIKX0DER")
    assert [call.headers["accept"] for call in server.calls] == ["application/hal+json"] * 2


def test_a_body_is_json(server: ScriptedServer) -> None:
    server.answer("POST", CREATE_PATH, answer_json({"reportId": "1"}, 202))
    reports.create_report(seller_of(server), SPECIFICATION)
    assert server.calls[0].headers["content-type"] == "application/json"


@pytest.mark.parametrize(("region", "prefix"), [(Region.NA, "/na"), (Region.EU, "/eu"), (Region.FE, "/fe")])
def test_the_region_chooses_the_endpoint(server: ScriptedServer, region: Region, prefix: str) -> None:
    server.answer("GET", f"{prefix}/reports/2021-06-30/reports/1", REPORT)
    reports.get_report(seller_of(server, region=region), "1")
    assert len(server.calls) == 1


def test_the_sandbox_has_its_own_endpoint(server: ScriptedServer) -> None:
    server.answer("GET", "/sandbox.na/reports/2021-06-30/reports/1", REPORT)
    api = api_of(server, sandbox=True)
    reports.get_report(api.for_seller(SELLER_ID, Region.NA, Stored(REFRESH_TOKEN), Deadline.after(5)), "1")
    assert len(server.calls) == 1


def test_grantless_calls_use_the_scopes_token(server: ScriptedServer) -> None:
    server.answer("GET", "/na/notifications/v1/destinations", answer_json({"payload": []}))
    caller = api_of(server).grantless(Scope.NOTIFICATIONS, Region.NA, Deadline.after(5))
    assert notifications.get_destinations(caller) == ()
    assert server.token_requests[0].form["scope"] == "sellingpartnerapi::notifications"


@pytest.mark.parametrize(
    "details",
    [
        "The access token you provided has expired.",
        "The access token you provided is revoked, malformed or invalid.",
        "Access token has expired.",
        "The LWA secret token you provided has expired.",
    ],
)
@pytest.mark.parametrize("status", [401, 403])
def test_a_refused_access_token_is_renewed_and_the_call_repeated_once(
    server: ScriptedServer, status: int, details: str
) -> None:
    refusal = errors_json(status, "Unauthorized", "Access to requested resource is denied.", details)
    server.answer("POST", TOKEN_PATH, token_json("Atza|1"), token_json("Atza|2"))
    server.answer("GET", REPORT_PATH, refusal, REPORT)
    assert reports.get_report(seller_of(server), "1").report_id == "1"
    assert [call.headers["x-amz-access-token"] for call in server.calls] == ["Atza|1", "Atza|2"]
    assert len(server.token_requests) == 2


def test_a_refused_access_token_is_renewed_for_calls_that_change_something_too(server: ScriptedServer) -> None:
    """SP-API checks the token before it does anything, so repeating is safe."""
    refusal = errors_json(403, "Unauthorized", "Access denied.", "The access token you provided has expired.")
    server.answer("POST", CREATE_PATH, refusal, answer_json({"reportId": "7"}, 202))
    assert reports.create_report(seller_of(server), SPECIFICATION) == "7"
    assert len(server.calls) == 2


def test_a_token_that_stays_refused_is_an_error(server: ScriptedServer) -> None:
    details = "The access token you provided is revoked, malformed or invalid."
    server.answer("GET", REPORT_PATH, errors_json(403, "Unauthorized", "Access denied.", details))
    with pytest.raises(AccessDeniedError) as raised:
        reports.get_report(seller_of(server), "1")
    assert raised.value.details == details
    assert len(server.calls) == 2
    assert len(server.token_requests) == 2


@pytest.mark.parametrize("renewed", [False, True])
@pytest.mark.parametrize("restricted_data_token", [None, "Atz.sprdt|x"])
def test_each_attempt_is_the_whole_request(
    server: ScriptedServer, renewed: bool, restricted_data_token: str | None
) -> None:
    refusal = errors_json(403, "Unauthorized", "Access denied.", "The access token you provided has expired.")
    server.answer("PUT", "/na/a/1", *([refusal] if renewed else []), answer_json({"done": True}))
    call = partial(
        seller_of(server).call,
        Operation("putA", "PUT", "/a/{b}", 1),
        lambda answer: answer["done"],
        path={"b": "1"},
        query={"c": "2"},
        body={"d": 3},
        restricted_data_token=restricted_data_token,
    )
    if renewed and restricted_data_token:
        with pytest.raises(AccessDeniedError):
            call()
    else:
        assert call() is True
    assert len(server.calls) == 1 + (renewed and not restricted_data_token)
    for request in server.calls:
        assert (request.query, request.json) == ({"c": "2"}, {"d": 3})


@pytest.mark.parametrize("status", [199, 300])
def test_a_status_beside_those_of_a_success_is_none(server: ScriptedServer, status: int) -> None:
    server.answer("GET", REPORT_PATH, Answer(status))
    with pytest.raises(PermanentError, match=f"^getReport: HTTP {status}: no error list in the answer"):
        reports.get_report(seller_of(server), "1")


@pytest.mark.parametrize(
    ("message", "details"),
    [
        ("Access to requested resource is denied.", ""),
        ("The subscription has expired.", ""),
        ("Access to the resource is forbidden", ""),
        ("Access to requested resource is denied.", "Access token is missing in the request header."),
    ],
)
def test_another_403_renews_nothing(server: ScriptedServer, message: str, details: str) -> None:
    server.answer("GET", REPORT_PATH, errors_json(403, "Unauthorized", message, details))
    with pytest.raises(AccessDeniedError) as raised:
        reports.get_report(seller_of(server), "1")
    assert (raised.value.code, raised.value.message, raised.value.details) == ("Unauthorized", message, details)
    assert len(server.calls) == 1
    assert len(server.token_requests) == 1


EXPIRED_SECRET = errors_json(
    403, "Unauthorized", "Access to requested resource is denied.", "The LWA secret token you provided has expired."
)


def test_an_expired_client_secret_is_read_again_and_the_call_repeated_once(server: ScriptedServer) -> None:
    server.answer("GET", REPORT_PATH, EXPIRED_SECRET, REPORT)
    application = Stored(credentials("new-secret"), held=credentials("old-secret"))
    api = replace(api_of(server), lwa=LwaClient(make_http(), f"{server.url}{TOKEN_PATH}", application))
    seller = api.for_seller(SELLER_ID, Region.NA, Stored(REFRESH_TOKEN), Deadline.after(10))
    assert reports.get_report(seller, "1").report_id == "1"
    assert [request.form["client_secret"] for request in server.token_requests] == ["old-secret", "new-secret"]


def test_a_client_secret_that_stays_expired_is_a_passing_failure(server: ScriptedServer) -> None:
    server.answer("GET", REPORT_PATH, EXPIRED_SECRET)
    with pytest.raises(ClientSecretExpiredError) as raised:
        reports.get_report(seller_of(server), "1")
    assert isinstance(raised.value, TransientError)
    assert len(server.calls) == 2


@pytest.mark.parametrize(
    ("status", "message"),
    [
        (400, "Application do not have access to some or all requested resource"),
        (400, "Application does not have access to some or all requested resource."),
        (400, "Access to requested resource is denied."),
    ],
)
def test_a_missing_role_is_one_whatever_its_status(server: ScriptedServer, status: int, message: str) -> None:
    server.answer("GET", REPORT_PATH, errors_json(status, "InvalidInput", message))
    with pytest.raises(AccessDeniedError):
        reports.get_report(seller_of(server), "1")


QUOTA = "You exceeded your quota for the requested resource."


def test_throttled_waits_by_the_documented_rate(server: ScriptedServer) -> None:
    server.answer("POST", CREATE_PATH, errors_json(429, "QuotaExceeded", QUOTA))
    server.answer("GET", REPORT_PATH, errors_json(429, "QuotaExceeded", QUOTA))
    seller = seller_of(server)
    with pytest.raises(ThrottledError, match="createReport: HTTP 429 QuotaExceeded: You exceeded") as raised:
        reports.create_report(seller, SPECIFICATION)
    assert raised.value.retry_after == pytest.approx(1 / 0.0167)
    with pytest.raises(ThrottledError) as raised:
        reports.get_report(seller, "1")
    assert raised.value.retry_after == 0.5
    assert len(server.calls) == 2


def test_throttled_waits_by_the_header_when_it_has_one(server: ScriptedServer) -> None:
    server.answer(
        "GET", REPORT_PATH, errors_json(429, "QuotaExceeded", QUOTA, headers={"x-amzn-RateLimit-Limit": "4.0"})
    )
    with pytest.raises(ThrottledError) as raised:
        reports.get_report(seller_of(server), "1")
    assert raised.value.retry_after == 0.25


def test_throttled_waits_by_the_rate_last_seen_for_the_same_seller_and_operation(server: ScriptedServer) -> None:
    """A 429 itself carries no x-amzn-RateLimit-Limit; the answers before it do."""
    report_with_rate = Answer(200, REPORT.body, {**REPORT.headers, "x-amzn-RateLimit-Limit": "10.0"})
    server.answer("GET", REPORT_PATH, report_with_rate, errors_json(429, "QuotaExceeded", QUOTA))
    api = api_of(server)
    first = api.for_seller(SELLER_ID, Region.NA, Stored(REFRESH_TOKEN), Deadline.after(5))
    reports.get_report(first, "1")
    with pytest.raises(ThrottledError) as raised:
        reports.get_report(api.for_seller(SELLER_ID, Region.NA, Stored(REFRESH_TOKEN), Deadline.after(5)), "1")
    assert raised.value.retry_after == 0.1
    with pytest.raises(ThrottledError) as raised:
        reports.get_report(api.for_seller("ANOTHER", Region.NA, Stored(REFRESH_TOKEN), Deadline.after(5)), "1")
    assert raised.value.retry_after == 0.5


@pytest.mark.parametrize(
    "broken",
    [
        Answer(reset="before"),
        Answer(200, b'{"reportId"', reset="after", announced=500),
        Answer(200, b'{"reportId"', announced=500),
        Answer(200, b'{"reportId": "1"', chunked=True, cut=True),
    ],
    ids=["reset", "reset in the body", "ended in the body", "ended in the chunks"],
)
class TestBrokenConnection:
    def test_a_get_is_sent_once_more(self, server: ScriptedServer, broken: Answer) -> None:
        server.answer("GET", REPORT_PATH, broken, REPORT)
        assert reports.get_report(seller_of(server), "1").report_id == "1"
        assert len(server.calls) == 2

    def test_a_get_is_not_sent_a_third_time(self, server: ScriptedServer, broken: Answer) -> None:
        server.answer("GET", REPORT_PATH, broken)
        with pytest.raises(TransientError, match="getReport: the connection broke") as raised:
            reports.get_report(seller_of(server), "1")
        assert raised.value.status is None
        assert not raised.value.outcome_unknown
        assert len(server.calls) == 2

    def test_create_report_is_never_sent_twice(self, server: ScriptedServer, broken: Answer) -> None:
        server.answer("POST", CREATE_PATH, broken, answer_json({"reportId": "1"}, 202))
        with pytest.raises(TransientError, match="createReport: the connection broke") as raised:
            reports.create_report(seller_of(server), SPECIFICATION)
        assert raised.value.outcome_unknown
        assert len(server.calls) == 1


@pytest.mark.parametrize(
    ("host", "words"),
    [
        ("127.0.0.1:{closed_port}", "no connection could be made"),
        ("sp-api.invalid", "the host's name could not be resolved"),
    ],
)
def test_a_host_that_cannot_be_reached(server: ScriptedServer, host: str, words: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        closed_port = closed.getsockname()[1]
    api = api_of(server, sp_api_endpoint=f"http://{host.format(closed_port=closed_port)}/{{region}}")
    caller = api.for_seller(SELLER_ID, Region.NA, Stored(REFRESH_TOKEN), Deadline.after(5))
    with pytest.raises(TransientError, match=words):
        reports.get_report(caller, "1")
    with pytest.raises(TransientError, match=words) as raised:
        reports.create_report(caller, SPECIFICATION)
    assert not raised.value.outcome_unknown
    assert raised.value.host == host.partition(":")[0]


def test_a_dead_connection_is_not_used_for_what_must_not_be_sent_twice(server: ScriptedServer) -> None:
    """The server drops what comes second on a connection, as a load balancer does after a function was frozen."""
    server.once_per_connection = True
    server.answer("GET", REPORT_PATH, REPORT)
    server.answer("POST", CREATE_PATH, answer_json({"reportId": "1"}, 202))
    seller = seller_of(server)
    reports.get_report(seller, "1")
    assert reports.create_report(seller, SPECIFICATION) == "1"
    assert reports.get_report(seller, "1").report_id == "1"
    assert [call.method for call in server.calls] == ["GET", "POST", "GET"]


def test_connections_are_kept(server: ScriptedServer) -> None:
    server.answer("GET", REPORT_PATH, REPORT)
    seller = seller_of(server)
    for _ in range(5):
        reports.get_report(seller, "1")
    assert {call.connection for call in server.calls} == {1}


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (
            NameResolutionError("host", HTTPConnection("host"), socket.gaierror()),
            "the host's name could not be resolved",
        ),
        (NewConnectionError(HTTPConnection("host"), "x"), "no connection could be made"),
        (ConnectTimeoutError("x"), "no connection could be made in time"),
        (ReadTimeoutError(HTTPConnectionPool("host"), "/?secret", "x"), "no answer came in time"),
        (SSLError("x"), "no secure connection could be made"),
        (ProtocolError("x"), "the connection broke before the response was complete"),
        (DecodeError("x"), "DecodeError"),
    ],
)
def test_a_failure_names_its_kind_alone(error: HTTPError, words: str) -> None:
    failed = failure("getReport", error, Deadline.after(5))
    assert (type(failed), str(failed), failed.outcome_unknown) == (TransientError, f"getReport: {words}", False)
    late = failure("getReport", error, Deadline.after(0), outcome_unknown=True)
    assert (type(late), late.outcome_unknown) == (DeadlineExceeded, True)
    assert str(late) == "getReport: the time for the call ran out"


SLOW: Mapping[str, Answer] = {
    "no answer": Answer(no_answer=True),
    "no body": Answer(200, b"", announced=100, silent=True),
    "half a body": Answer(200, b'{"reportId"', announced=100, silent=True),
    "byte by byte": Answer(200, REPORT.body, drip=0.05),
    "byte by byte, of unknown length": Answer(200, REPORT.body, drip=0.05, until_close=True),
}


@pytest.mark.parametrize("answer", SLOW.values(), ids=SLOW)
def test_a_slow_answer_ends_with_the_deadline(server: ScriptedServer, answer: Answer) -> None:
    server.answer("GET", REPORT_PATH, answer)

    def call() -> None:
        server.requests.clear()
        started = time.monotonic()
        with pytest.raises(DeadlineExceeded, match="getReport: the time for the call ran out") as raised:
            reports.get_report(seller_of(server, 0.4), "1")
        assert time.monotonic() - started > 0.3
        assert not raised.value.outcome_unknown
        assert len(server.calls) == 1

    assert_quick(2, call)


@pytest.mark.parametrize("answer", SLOW.values(), ids=SLOW)
def test_a_slow_answer_to_create_report_leaves_the_outcome_unknown(server: ScriptedServer, answer: Answer) -> None:
    server.answer("POST", CREATE_PATH, answer)
    with pytest.raises(DeadlineExceeded) as raised:
        reports.create_report(seller_of(server, 0.4), SPECIFICATION)
    assert raised.value.outcome_unknown
    assert len(server.calls) == 1


def test_an_answer_that_stalls_late_ends_with_the_deadline(server: ScriptedServer) -> None:
    """Not with the timeout that counted when the request was sent."""
    server.answer("GET", REPORT_PATH, Answer(200, b"{" + b" " * 9, announced=100, drip=0.07, silent=True))

    def call() -> None:
        with pytest.raises(DeadlineExceeded):
            reports.get_report(seller_of(server, 0.8), "1")

    assert_quick(1.2, call)


def test_time_that_runs_out_between_two_reads_leaves_the_outcome_unknown(server: ScriptedServer) -> None:
    class SpentWhileReading(Deadline):
        def longest_read(self, operation: str = "call") -> float:
            if server.calls:
                raise DeadlineExceeded(operation)
            return super().longest_read(operation)

    server.answer("POST", CREATE_PATH, answer_json({"reportId": "1"}, 202))
    deadline = SpentWhileReading(Deadline.after(5).at)
    with pytest.raises(DeadlineExceeded) as raised:
        reports.create_report(
            api_of(server).for_seller(SELLER_ID, Region.NA, Stored(REFRESH_TOKEN), deadline), SPECIFICATION
        )
    assert raised.value.outcome_unknown


def test_lwa_and_sp_api_share_the_deadline(server: ScriptedServer) -> None:
    token = token_json()
    server.answer("POST", TOKEN_PATH, Answer(200, token.body, token.headers, drip=1 / len(token.body)))
    server.answer("GET", REPORT_PATH, Answer(no_answer=True))

    def call() -> None:
        server.requests.clear()
        with pytest.raises(DeadlineExceeded):
            reports.get_report(seller_of(server, 2), "1")

    assert_quick(2.6, call)
    assert len(server.calls) == 1


def test_a_spent_deadline_sends_nothing(server: ScriptedServer) -> None:
    with pytest.raises(DeadlineExceeded):
        reports.get_report(seller_of(server, 0), "1")
    assert server.requests == []


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (HTML, r"it is not JSON \(text/html, 43 bytes\)"),
        (Answer(200, b'{"reportId": "1"'), r"it is not JSON \(no content type, 16 bytes\)"),
        (Answer(200), "reportId is missing"),
        (answer_json([]), "it is not a JSON object"),
        (answer_json({"reportId": None}), "reportId is missing"),
        (answer_json({"reportId": {}}), "reportId is not a string"),
        (answer_json({"reportId": "1", "reportType": "X", "processingStatus": "DONE"}), "createdTime is missing"),
        (
            answer_json({"reportId": "1", "reportType": "X", "processingStatus": "DONE", "createdTime": "now"}),
            "not an ISO",
        ),
        (Answer(200, b"[" * 100_000), "it is not JSON"),
        (Answer(200, b"\xff"), "it is not JSON"),
    ],
)
def test_an_unreadable_answer_is_transient(server: ScriptedServer, answer: Answer, words: str) -> None:
    server.answer("GET", REPORT_PATH, answer)
    with pytest.raises(TransientError, match=words) as raised:
        reports.get_report(seller_of(server), "1")
    assert raised.value.status == 200
    assert len(server.calls) == 1


def test_what_is_said_of_an_unreadable_answer(server: ScriptedServer) -> None:
    server.answer("GET", REPORT_PATH, Answer(200, b"{", {"x-amzn-RequestId": "1e1a0c5e"}))
    with pytest.raises(TransientError) as raised:
        reports.get_report(seller_of(server), "1")
    assert str(raised.value) == (
        "getReport: HTTP 200: the answer cannot be read: it is not JSON (no content type, 1 bytes) [request 1e1a0c5e]"
    )
    assert not raised.value.outcome_unknown


def test_a_proxys_page_is_no_success_even_where_no_body_is_due(server: ScriptedServer) -> None:
    server.answer("DELETE", REPORT_PATH, HTML)
    with pytest.raises(TransientError, match="it is not JSON"):
        reports.cancel_report(seller_of(server), "1")


def test_an_unreadable_answer_to_create_report_leaves_the_outcome_unknown(server: ScriptedServer) -> None:
    server.answer("POST", CREATE_PATH, answer_json({}, 202))
    with pytest.raises(TransientError, match="reportId is missing") as raised:
        reports.create_report(seller_of(server), SPECIFICATION)
    assert raised.value.outcome_unknown


@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_a_failure_of_sp_api_is_not_repeated_at_once(server: ScriptedServer, status: int) -> None:
    server.answer("GET", REPORT_PATH, errors_json(status, "InternalFailure", "We are sorry."))
    server.answer("POST", CREATE_PATH, errors_json(status, "InternalFailure", "We are sorry."))
    seller = seller_of(server)
    with pytest.raises(TransientError, match="We are sorry") as raised:
        reports.get_report(seller, "1")
    assert not raised.value.outcome_unknown
    with pytest.raises(TransientError) as raised:
        reports.create_report(seller, SPECIFICATION)
    assert raised.value.outcome_unknown
    assert len(server.calls) == 2


def test_a_redirect_is_not_followed(server: ScriptedServer) -> None:
    """It would carry the access token to another host."""
    server.answer("GET", REPORT_PATH, Answer(302, headers={"Location": f"{server.url}/elsewhere"}))
    with pytest.raises(PermanentError) as raised:
        reports.get_report(seller_of(server), "1")
    assert raised.value.status == 302
    assert server.received("/elsewhere") == []


def test_an_answer_without_end_is_given_up(server: ScriptedServer) -> None:
    block = b" " * (1 << 20)

    def endless(file: object) -> None:
        for _ in range(40):
            file.write(block)  # type: ignore[attr-defined]

    server.answer("GET", REPORT_PATH, Answer(200, announced=40 << 20, stream=endless))
    with pytest.raises(TransientError, match=r"^getReport: HTTP 200: the answer is too large$") as raised:
        reports.get_report(seller_of(server), "1")
    assert not raised.value.outcome_unknown
    assert raised.value.host == ""


@pytest.mark.parametrize(("more", "accepted"), [(0, True), (1, False)])
def test_the_largest_answer(server: ScriptedServer, more: int, *, accepted: bool) -> None:
    whole = json.dumps({"reportId": "1", "x": ""}).encode()
    body = whole[:-2] + b"y" * ((16 << 20) - len(whole) + more) + whole[-2:]
    server.answer("GET", REPORT_PATH, Answer(200, body))
    with pytest.raises(SellingPartnerApiError) as raised:
        reports.get_report(seller_of(server), "1")
    assert ("too large" in str(raised.value)) is not accepted


@pytest.mark.parametrize("document_id", ["../reports", "a/b?c=d&e#f", "amzn1.spdoc.1.4.na.x", "ä%2F", " "])
def test_ids_cannot_leave_their_place_in_the_path(server: ScriptedServer, document_id: str) -> None:
    with pytest.raises(PermanentError):
        reports.get_report_document(seller_of(server), document_id)
    (call,) = server.calls
    assert call.path.startswith("/na/reports/2021-06-30/documents/")
    assert "/" not in call.path.removeprefix("/na/reports/2021-06-30/documents/")
    assert call.query == {}


@pytest.mark.parametrize("report_id", ["", ".", ".."])
def test_ids_that_would_name_another_resource_are_refused(server: ScriptedServer, report_id: str) -> None:
    with pytest.raises(ValueError, match="reportId"):
        reports.get_report(seller_of(server), report_id)
    assert server.calls == []


@pytest.mark.parametrize("value", ["", ".", ".."])
def test_a_field_of_a_path_that_would_lead_elsewhere_is_named(value: str) -> None:
    with pytest.raises(ValueError, match=r"^documentId must not be empty or dots$"):
        filled("/documents/{documentId}", {"documentId": value})


def test_a_path_is_filled_and_the_query_encoded() -> None:
    path = filled("/a/{b}/c", {"b": "1 2"}, {"d": ["x", "y&z"], "e": None, "f": [], "g": "2026-01-01T00:00:00Z"})
    assert path == "/a/1%202/c?d=x%2Cy%26z&g=2026-01-01T00%3A00%3A00Z"


def test_user_agent() -> None:
    details = f"Language=Python/{platform.python_version()}; Platform={platform.system()}/{platform.machine()}"
    assert user_agent("Quick Start", "1.2") == f"Quick Start/1.2 ({details})"


LONG_USER_AGENT = "a User-Agent must be 1 to 500 printable ASCII characters"


@pytest.mark.parametrize(
    ("application", "version", "reason"),
    [
        *(
            (*parts, "the application's name and version must be ASCII without \\ / ( ) ; = and quotes")
            for parts in (("a/b", "1"), ("a", "1(2"), ("a\r\nb", "1"), ("ä", "1"))
        ),
        ("a" * 500, "1", LONG_USER_AGENT),
    ],
)
def test_a_user_agent_that_sp_api_would_reject(application: str, version: str, reason: str) -> None:
    with pytest.raises(ValueError) as raised:  # noqa: PT011 - the whole message follows
        user_agent(application, version)
    assert str(raised.value) == reason


@pytest.mark.parametrize("value", ["", "x" * 501, "a\nb", "ä"])
def test_a_given_user_agent_is_checked(server: ScriptedServer, value: str) -> None:
    assert [checked_user_agent("x" * length) for length in (1, 500)] == ["x", "x" * 500]
    with pytest.raises(ValueError, match=f"^{LONG_USER_AGENT}$"):
        checked_user_agent(value)
    with pytest.raises(ValueError, match=f"^{LONG_USER_AGENT}$"):
        replace(api_of(server), user_agent=value)


def test_no_secret_shows(server: ScriptedServer) -> None:
    seller = seller_of(server)
    with pytest.raises(PermanentError) as raised:
        reports.get_report(seller, "1")
    shown = [repr(seller), str(raised.value), repr(raised.value), str(vars(raised.value))]
    assert all(ACCESS_TOKEN not in text and REFRESH_TOKEN not in text for text in shown)
