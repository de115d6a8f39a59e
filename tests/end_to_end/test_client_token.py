"""POST /reports with a ClientToken: one report, however often and however badly the request is sent."""

import re
import threading
import time
import uuid
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import requests

from deployment import Deployment, aws
from quickstart.dynamodb import Table
from quickstart.reports.client_tokens import ClientTokens, State
from quickstart.reports.ledger import ReportLedger
from sp_api.regions import Region
from sp_api.reports import CreateReportSpecification
from tests.end_to_end.host import (
    REPORT_TYPE,
    HostProduct,
    Seller,
    changed_function,
    eventually,
    held_notifications,
    ledger_item,
    mail_about,
    mails_about,
    report_of,
    reports_table,
)
from tests.end_to_end.test_delivery_failures import waits_scaled
from tests.unit.quickstart.support import always_known


@pytest.fixture
def token() -> str:
    return str(uuid.uuid4())


@pytest.fixture
def stored_seller(host: HostProduct, seller: Seller) -> Iterator[Seller]:
    """A seller whose token is stored; what faults are left are called off."""
    host.store_token(seller)
    yield seller
    seller.control("DELETE", "faults")


def ask(host: HostProduct, seller: Seller, token: str, **changed: object) -> requests.Response:
    return host.send("ReportCreatorUrl", report_of(seller) | {"ClientToken": token} | changed)


def refused(answer: requests.Response, status: int, code: str) -> dict[str, Any]:
    assert answer.status_code == status, answer.text
    (error,) = answer.json()["errors"]
    assert (error["field"], error["code"]) == ("ClientToken", code)
    return dict(error)


def made(seller: Seller) -> list[str]:
    reports = seller.control("GET", "reports")["reports"]
    return [report["reportId"] for report in reports if report["sellerId"] == seller.seller_id]


def order(seller: Seller, fault: str, **fields: object) -> None:
    fields = {"operation": "createReport"} | fields
    seller.control("POST", "faults", {"fault": fault, "sellerId": seller.seller_id, **fields})


def age(
    deployment: Deployment,
    seller: Seller,
    token: str,
    by: timedelta,
    moments: Sequence[str] = ("ClaimedTime", "CreatedUntil"),
) -> None:
    """Makes the first request with the token one of that long ago."""
    table = reports_table(deployment)

    def earlier(text: str) -> str:
        return (datetime.fromisoformat(text) - by).isoformat(timespec="microseconds")

    key = {"ReportId": f"CLIENT_TOKEN#{token}", "SellerId": seller.seller_id}
    claim = table.get_item(Key=key)["Item"]
    table.put_item(Item=claim | {"ClaimedTime": earlier(claim["ClaimedTime"])})
    opened = opened_item(deployment, seller)
    for name, request in list(opened.items()):
        if name.startswith("Request#") and request["ClientToken"] == token:
            del opened[name]
            request |= {moment: earlier(request[moment]) for moment in moments}
            opened[f"Request#{request['ClaimedTime']}#{token}"] = request
    table.put_item(Item=opened)


def opened_item(deployment: Deployment, seller: Seller, region: str = "NA") -> dict[str, Any]:
    """The seller's open requests as they are stored."""
    key = {"ReportId": f"OPEN_REQUESTS#{region}#{REPORT_TYPE}", "SellerId": seller.seller_id}
    item: dict[str, Any] = reports_table(deployment).get_item(Key=key).get("Item") or key
    return item


def elsewhere(seller: Seller, **fields: object) -> str:
    """The id of a report that another program requested."""
    body = {"region": "NA", "reportType": REPORT_TYPE, "marketplaceIds": ["ATVPDKIKX0DER"]}
    return str(seller.control("POST", "reports", {"sellerId": seller.seller_id, **body, **fields})["reportId"])


def test_a_repeat_gets_the_same_report(host: HostProduct, stored_seller: Seller, token: str) -> None:
    seller = stored_seller
    first = ask(host, seller, token).json()
    assert ask(host, seller, token).json() == first
    # The same request, written otherwise.
    assert ask(host, seller, token, MarketplaceIds=["ATVPDKIKX0DER"], ReportOptions="").json() == first
    assert made(seller) == [first["reportId"]]
    assert host.read_report(seller, first["reportId"])["clientToken"] == token
    assert ask(host, seller, str(uuid.uuid4())).json() != first


@pytest.mark.parametrize(
    "changed",
    [
        {"ReportType": "GET_FLAT_FILE_OPEN_LISTINGS_DATA"},
        {"MarketplaceIds": "A2EUQ1WTGCTBG2"},
        {"ReportDataStartTime": "2026-11-01T00:00:00Z"},
        {"ReportOptions": {"custom": "true"}},
    ],
)
def test_a_token_with_another_body_is_refused(
    host: HostProduct, stored_seller: Seller, token: str, changed: dict[str, object]
) -> None:
    seller = stored_seller
    first = ask(host, seller, token).json()
    refused(ask(host, seller, token, **changed), 409, "ClientTokenReused")
    assert made(seller) == [first["reportId"]]


def test_a_token_is_its_sellers_own(
    deployment: Deployment, host: HostProduct, stored_seller: Seller, token: str
) -> None:
    first = ask(host, stored_seller, token).json()
    other = Seller(
        stored_seller.servers,
        f"{stored_seller.seller_id}B",
        stored_seller.control("POST", "sellers", {"sellerId": f"{stored_seller.seller_id}B"})["refreshToken"],
    )
    host.store_token(other)
    second = ask(host, other, token).json()
    assert first != second
    assert ledger_item(deployment, other, second["reportId"]) is not None


def test_a_token_is_in_no_list_and_is_no_report(host: HostProduct, stored_seller: Seller, token: str) -> None:
    seller = stored_seller
    report_id = ask(host, seller, token).json()["reportId"]
    listed = host.get("ReportCreatorUrl", SellerId=seller.seller_id).json()["reports"]
    assert [report["reportId"] for report in listed] == [report_id]


def test_a_report_asked_for_with_a_token_is_delivered_once(
    deployment: Deployment, host: HostProduct, stored_seller: Seller, token: str
) -> None:
    seller = stored_seller
    host.subscribe(seller)
    report_id = ask(host, seller, token).json()["reportId"]
    mail_about(deployment.servers, report_id)
    assert ask(host, seller, token).json() == {"reportId": report_id}
    assert len(mails_about(deployment.servers, report_id)) == 1


def ask_at_once(host: HostProduct, seller: Seller, token: str, copies: int) -> list[requests.Response]:
    """The answers, the best first."""
    at_once = threading.Barrier(copies)

    def send(_: int) -> requests.Response:
        at_once.wait()
        return ask(host, seller, token)

    with ThreadPoolExecutor(copies) as pool:
        return sorted(pool.map(send, range(copies)), key=lambda answer: answer.status_code)


def test_requests_at_once_make_one_report(host: HostProduct, stored_seller: Seller, token: str) -> None:
    seller = stored_seller
    order(seller, "slow", seconds=6)
    answers = ask_at_once(host, seller, token, 3)
    assert [answer.status_code for answer in answers] == [200, 409, 409]
    for answer in answers[1:]:
        refused(answer, 409, "RequestInProgress")
        assert int(answer.headers["Retry-After"]) >= 1
    assert ask(host, seller, token).json() == answers[0].json()
    assert made(seller) == [answers[0].json()["reportId"]]


@pytest.mark.parametrize(
    ("fault", "status"),
    [
        ({"status": 429}, 429),
        ({"status": 400, "code": "InvalidInput", "message": "Invalid reportOptions."}, 400),
        ({"status": 403, "code": "Unauthorized", "message": "denied"}, 502),
        ({"operation": "getAccessToken", "sellerId": "", "status": 400, "code": "invalid_grant"}, 409),
    ],
)
def test_a_refusal_frees_the_token(
    host: HostProduct, stored_seller: Seller, token: str, fault: dict[str, object], status: int
) -> None:
    seller = stored_seller
    order(seller, "status", **fault)
    assert ask(host, seller, token).status_code == status
    # Even for another body.
    answer = ask(host, seller, token, ReportOptions={"custom": "true"})
    assert answer.status_code == 200, answer.text
    assert made(seller) == [answer.json()["reportId"]]


def test_an_unknown_seller_frees_the_token(host: HostProduct, seller: Seller, token: str) -> None:
    assert ask(host, seller, token).status_code == 404
    host.store_token(seller)
    assert ask(host, seller, token).status_code == 200


def test_a_lost_answer_is_found_again(
    deployment: Deployment, host: HostProduct, stored_seller: Seller, token: str
) -> None:
    seller = stored_seller
    # Another request for the like, which has its own report.
    other = host.create_report(seller)
    order(seller, "lose")
    assert ask(host, seller, token).status_code == 504
    (lost,) = set(made(seller)) - {other}
    assert ledger_item(deployment, seller, lost) is None
    assert ask(host, seller, token).json() == {"reportId": lost}
    assert ask(host, seller, token).json() == {"reportId": lost}
    assert set(made(seller)) == {lost, other}
    assert host.read_report(seller, lost)["clientToken"] == token


def test_a_lost_answer_is_found_again_though_the_report_was_delivered_meanwhile(
    deployment: Deployment, host: HostProduct, stored_seller: Seller, token: str
) -> None:
    seller = stored_seller
    host.subscribe(seller)
    order(seller, "lose")
    assert ask(host, seller, token, ReportDataStartTime="2026-11-01T00:00:00Z").status_code == 504
    (lost,) = made(seller)
    mail_about(deployment.servers, lost)
    answer = ask(host, seller, token, ReportDataStartTime="2026-11-01T00:00:00Z")
    assert answer.json() == {"reportId": lost}
    assert host.read_report(seller, lost)["processingStatus"] == "DONE"
    assert len(mails_about(deployment.servers, lost)) == 1


def test_repeats_at_once_find_one_report(host: HostProduct, stored_seller: Seller, token: str) -> None:
    seller = stored_seller
    order(seller, "lose")
    assert ask(host, seller, token).status_code == 504
    order(seller, "slow", operation="getReports", seconds=1, count=3)
    answers = ask_at_once(host, seller, token, 3)
    assert answers[0].json() == {"reportId": made(seller)[0]}
    for answer in answers[1:]:
        if answer.status_code != 200:
            refused(answer, 409, "RequestInProgress")
    assert ask(host, seller, token).json() == answers[0].json()
    assert len(made(seller)) == 1


def test_repeats_at_once_of_a_request_that_made_nothing_make_one_report(
    deployment: Deployment, host: HostProduct, stored_seller: Seller, token: str
) -> None:
    seller = stored_seller
    order(seller, "reset")
    assert ask(host, seller, token).status_code == 504
    age(deployment, seller, token, timedelta(minutes=11))
    order(seller, "slow", operation="getReports", seconds=1, count=3)
    order(seller, "slow", seconds=2)
    answers = ask_at_once(host, seller, token, 3)
    assert answers[0].json() == {"reportId": made(seller)[0]}
    for answer in answers[1:]:
        refused(answer, 409, "RequestInProgress")
    assert len(made(seller)) == 1


@pytest.mark.parametrize("fault", [{"fault": "reset"}, {"fault": "status", "status": 503}])
def test_a_request_that_made_nothing_is_unknown_at_first_and_sent_again_later(
    deployment: Deployment, host: HostProduct, stored_seller: Seller, token: str, fault: dict[str, Any]
) -> None:
    seller = stored_seller
    order(seller, **fault)
    assert ask(host, seller, token).status_code in (502, 504)
    answer = ask(host, seller, token)
    told = refused(answer, 409, "OutcomeUnknown")
    assert "same ClientToken" in told["message"]
    assert int(answer.headers["Retry-After"]) == 60
    refused(ask(host, seller, token, ReportOptions={"custom": "true"}), 409, "ClientTokenReused")
    assert made(seller) == []
    age(deployment, seller, token, timedelta(minutes=11))
    report_id = ask(host, seller, token).json()["reportId"]
    assert made(seller) == [report_id]
    assert ask(host, seller, token).json() == {"reportId": report_id}


def test_a_function_that_dies_while_sp_api_makes_the_report(
    deployment: Deployment, host: HostProduct, stored_seller: Seller, token: str
) -> None:
    seller = stored_seller
    order(seller, "slow", seconds=6)
    # Lambda kills the function before SP-API has answered, and SP-API makes the report after all.
    with changed_function(deployment, "SPAPIReportCreator", Timeout=4):
        answer = ask(host, seller, token)
        assert answer.status_code >= 500
        assert "reportId" not in answer.text
    refused(ask(host, seller, token), 409, "RequestInProgress")
    lost = eventually(lambda: next(iter(made(seller)), None), what="the report")
    assert ledger_item(deployment, seller, lost) is None
    # Half a minute later no function can be at work on it.
    age(deployment, seller, token, timedelta(seconds=31))
    assert ask(host, seller, token).json() == {"reportId": lost}
    assert made(seller) == [lost]


NOVEMBER = {"ReportDataStartTime": "2025-11-01T00:00:00Z"}


def test_a_report_for_another_period_is_no_candidate(
    deployment: Deployment, host: HostProduct, stored_seller: Seller, token: str
) -> None:
    seller = stored_seller
    order(seller, "reset")
    assert ask(host, seller, token, **NOVEMBER).status_code == 504
    # Of the same type, marketplaces and minute.
    other = elsewhere(seller, dataStartTime="2025-10-01T00:00:00Z")
    answer = ask(host, seller, token, **NOVEMBER)
    assert other not in refused(answer, 409, "OutcomeUnknown")["message"]
    assert int(answer.headers["Retry-After"]) == 60
    age(deployment, seller, token, timedelta(minutes=11))
    report_id = ask(host, seller, token, **NOVEMBER).json()["reportId"]
    assert set(made(seller)) == {other, report_id}


def test_what_may_be_anothers_report_is_not_taken_for_ones_own(
    deployment: Deployment, host: HostProduct, stored_seller: Seller, token: str
) -> None:
    """A report of some type may be listed with whole days, so this one is perhaps the request's."""
    seller = stored_seller
    order(seller, "reset")
    assert ask(host, seller, token, **NOVEMBER).status_code == 504
    other = elsewhere(seller, dataStartTime="2025-11-01T08:00:00Z")
    answer = ask(host, seller, token, **NOVEMBER)
    refused(answer, 409, "OutcomeUnknown")
    # The request's own report may still be listed.
    assert int(answer.headers["Retry-After"]) == 60
    with changed_function(deployment, "SPAPIReportCreator", Environment={"REPORT_LISTED_WITHIN_SECONDS": "0"}):
        answer = ask(host, seller, token, **NOVEMBER)
    told = refused(answer, 409, "OutcomeUnknown")
    assert other in told["message"]
    assert "different ClientToken" in told["message"]
    assert "Retry-After" not in answer.headers
    assert made(seller) == [other]


def test_the_report_of_another_unanswered_request_is_not_taken(
    deployment: Deployment, host: HostProduct, stored_seller: Seller, token: str
) -> None:
    """The first request has a period and created a report; SP-API never received the second, which has none."""
    seller, second = stored_seller, str(uuid.uuid4())
    order(seller, "lose")
    assert ask(host, seller, token, **NOVEMBER).status_code == 504
    order(seller, "reset")
    assert ask(host, seller, second).status_code == 504
    (lost,) = made(seller)
    answer = ask(host, seller, second)
    assert lost not in refused(answer, 409, "OutcomeUnknown")["message"]
    assert int(answer.headers["Retry-After"]) == 60
    assert ask(host, seller, token, **NOVEMBER).json() == {"reportId": lost}
    age(deployment, seller, second, timedelta(minutes=11))
    report_id = ask(host, seller, second).json()["reportId"]
    assert set(made(seller)) == {lost, report_id}


@pytest.mark.parametrize("fault", ["lose", "reset"])
def test_a_request_that_could_not_be_told_from_an_unanswered_one_is_not_sent(
    deployment: Deployment, host: HostProduct, stored_seller: Seller, token: str, fault: str
) -> None:
    seller, second = stored_seller, str(uuid.uuid4())
    order(seller, fault)
    assert ask(host, seller, token).status_code == 504
    age(deployment, seller, token, timedelta(seconds=31))
    before = made(seller)
    # SP-API's list does not show the options.
    answer = ask(host, seller, second, ReportOptions={"custom": "true"})
    assert answer.status_code == 409, answer.text
    (error,) = answer.json()["errors"]
    assert error["code"] == "AnotherRequestUnanswered"
    assert token in error["message"]
    assert 1 <= int(answer.headers["Retry-After"]) <= 30
    assert made(seller) == before
    # From now on their times tell them apart.
    age(deployment, seller, token, timedelta(seconds=66))
    assert ask(host, seller, second, ReportOptions={"custom": "true"}).status_code == 200


def test_a_request_without_a_token_is_found_by_the_token_of_the_stack(
    deployment: Deployment, host: HostProduct, stored_seller: Seller
) -> None:
    seller = stored_seller
    order(seller, "lose")
    answer = host.send("ReportCreatorUrl", report_of(seller))
    assert answer.status_code == 504
    (generated,) = re.findall(r"ClientToken (stack-[0-9a-f-]{36}) ", answer.json()["message"])
    (lost,) = made(seller)
    assert ask(host, seller, generated).json() == {"reportId": lost}
    assert host.read_report(seller, lost)["clientToken"] == generated
    assert not [name for name in opened_item(deployment, seller) if name.startswith("Request#")]


def test_a_report_whose_answer_was_lost_is_delivered_though_others_reports_are_ignored(
    deployment: Deployment, host: HostProduct, stored_seller: Seller, token: str
) -> None:
    seller = stored_seller
    host.subscribe(seller)
    ignore = {"REPORTS_MADE_ELSEWHERE": "ignore"}
    with (
        changed_function(deployment, "SPAPIReportDocumentRetrieval", Environment=ignore),
        waits_scaled(deployment.servers, 0.02),
    ):
        # The notification comes when the function runs no more.
        seller.control(
            "POST",
            "report-outcomes",
            [{"sellerId": seller.seller_id, "count": 1, "queueSeconds": 0, "notification": {"hold": True}}],
        )
        order(seller, "lose")
        assert ask(host, seller, token, **NOVEMBER).status_code == 504
        (lost,) = made(seller)
        eventually(lambda: held_notifications(seller) or None, what="the notification")
        age(deployment, seller, token, timedelta(seconds=31), ("ClaimedTime",))
        seller.control("POST", "notifications/release", {})
        mail_about(deployment.servers, lost)
    assert ask(host, seller, token, **NOVEMBER).json() == {"reportId": lost}
    assert made(seller) == [lost]


def test_a_report_of_a_schedule_is_not_taken_for_ones_own(host: HostProduct, stored_seller: Seller, token: str) -> None:
    seller = stored_seller
    order(seller, "reset")
    assert ask(host, seller, token).status_code == 504
    schedule = report_of(seller) | {"Period": "P1D", "NextReportCreationTime": "2020-01-01T00:00:00Z"}
    assert host.send("ReportSchedulesUrl", schedule).status_code == 200
    scheduled = eventually(lambda: next(iter(made(seller)), None), what="the schedule's report")
    assert scheduled not in refused(ask(host, seller, token), 409, "OutcomeUnknown")["message"]


def test_a_token_is_forgotten_in_time(
    deployment: Deployment, host: HostProduct, stored_seller: Seller, token: str
) -> None:
    seller = stored_seller
    before = int(time.time())
    first = ask(host, seller, token).json()
    key = {"ReportId": f"CLIENT_TOKEN#{token}", "SellerId": seller.seller_id}
    expires = int(reports_table(deployment).get_item(Key=key)["Item"]["ExpiresAt"])
    assert before <= expires - 7 * 86400 <= time.time()
    # DynamoDB may leave an expired item for days.
    reports_table(deployment).update_item(
        Key=key,
        UpdateExpression="SET ExpiresAt = :then",
        ExpressionAttributeValues={":then": int(time.time()) - 1},
    )
    second = ask(host, seller, token, ReportOptions={"custom": "true"}).json()
    assert set(made(seller)) == {first["reportId"], second["reportId"]}
    assert first != second


def test_throttling_while_looking_is_passed_on_and_changes_nothing(
    host: HostProduct, stored_seller: Seller, token: str
) -> None:
    seller = stored_seller
    order(seller, "lose")
    assert ask(host, seller, token).status_code == 504
    order(seller, "status", operation="getReports", status=429)
    answer = ask(host, seller, token)
    assert answer.status_code == 429
    assert int(answer.headers["Retry-After"]) >= 1
    assert ask(host, seller, token).json() == {"reportId": made(seller)[0]}


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        ("", "InvalidValue"),
        (" ", "InvalidValue"),
        ("x" * 65, "InvalidValue"),
        ("a b", "InvalidValue"),
        (7, "InvalidType"),
    ],
)
def test_a_wrong_token_is_named(host: HostProduct, seller: Seller, wrong: object, code: str) -> None:
    refused(host.send("ReportCreatorUrl", report_of(seller) | {"ClientToken": wrong}), 400, code)


def test_a_longest_token_is_taken(host: HostProduct, stored_seller: Seller) -> None:
    longest = "~#/" * 21 + "!"
    first = ask(host, stored_seller, longest)
    assert first.status_code == 200, first.text
    assert ask(host, stored_seller, longest).json() == first.json()


def test_the_ledger_gives_a_report_to_the_first_request(deployment: Deployment, seller: Seller) -> None:
    ledger = ReportLedger(_table(deployment), timedelta(days=1), always_known)
    specification = CreateReportSpecification(REPORT_TYPE, ["ATVPDKIKX0DER"])
    assert ledger.requested(seller.seller_id, Region.NA, "1", specification, "first")
    assert not ledger.requested(seller.seller_id, Region.NA, "1", specification, "second")
    assert (ledger.find(seller.seller_id, "1") or {})["ClientToken"] == "first"


def test_a_claim_that_was_replaced_changes_nothing(deployment: Deployment, seller: Seller, token: str) -> None:
    moments = iter(datetime(2040, 1, 1, tzinfo=UTC) + timedelta(seconds=second) for second in range(20))
    tokens = ClientTokens(_table(deployment), now=lambda: next(moments))
    first = tokens.claim(seller.seller_id, token, "hash")
    assert first is not None
    assert tokens.claim(seller.seller_id, token, "hash") is None
    assert tokens.find(seller.seller_id, token) == first
    tokens.release(first)
    assert tokens.find(seller.seller_id, token) is None
    second = tokens.claim(seller.seller_id, token, "hash")
    assert second is not None
    tokens.done(first, "1")
    tokens.release(first)
    assert tokens.claim_again(first) is None
    assert tokens.find(seller.seller_id, token) == second
    tokens.outcome_unknown(second)
    unknown = tokens.find(seller.seller_id, token)
    assert unknown == replace(second, state=State.OUTCOME_UNKNOWN)
    third = tokens.claim_again(unknown)
    assert third is not None
    assert tokens.claim_again(unknown) is None
    tokens.done(third, "3")
    assert tokens.find(seller.seller_id, token) == replace(third, state=State.DONE, report_id="3")


def _table(deployment: Deployment) -> Table:
    return Table(aws(deployment.servers, "dynamodb"), deployment.outputs["ReportsTableName"])
