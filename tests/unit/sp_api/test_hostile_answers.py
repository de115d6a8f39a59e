"""Every answer of SP-API and LWA gives a result or one of the client's errors, whatever it holds."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sp_api import feeds, notifications, product_types, reports, solicitations
from sp_api.caller import Caller
from sp_api.deadline import Deadline
from sp_api.documents import open_document
from sp_api.errors import SellingPartnerApiError, TransientError
from sp_api.lwa import LwaClient
from sp_api.regions import Region
from sp_api.tokens import RestrictedResource, create_restricted_data_token
from sp_api.transport import make_http
from tests import hostile
from tests.unit.sp_api.support import (
    REFRESH_TOKEN,
    SELLER_ID,
    TOKEN_PATH,
    Answer,
    ScriptedServer,
    Stored,
    answer_json,
    api_of,
    credentials,
    seller_of,
    token_json,
)

REPORT = {
    "reportId": "1",
    "reportType": "GET_X",
    "processingStatus": "DONE",
    "createdTime": "2025-12-02T11:59:18+00:00",
    "dataStartTime": "2025-12-01T00:00:00Z",
    "marketplaceIds": ["ATVPDKIKX0DER"],
    "reportDocumentId": "d-1",
}
SCHEDULE = {
    "reportScheduleId": "1",
    "reportType": "GET_X",
    "period": "PT5M",
    "reportOptions": {"a": "b"},
    "nextReportCreationTime": "2025-12-02T11:59:18+00:00",
}
SUBSCRIPTION = {"subscriptionId": "s", "destinationId": "d", "payloadVersion": "1.0", "processingDirective": {}}
DESTINATION = {"destinationId": "d", "name": "n", "resource": {"sqs": {"arn": "arn:aws:sqs:us-east-1:1:q"}}}
ORDER = "/na/solicitations/v1/orders/o"
Call = Callable[[Caller], object]
# Method, path, what calls it, and a good answer.
FEED = {
    "feedId": "1",
    "feedType": "JSON_LISTINGS_FEED",
    "processingStatus": "DONE",
    "createdTime": "2025-12-02T11:59:18+00:00",
    "marketplaceIds": ["ATVPDKIKX0DER"],
    "resultFeedDocumentId": "d-1",
}
OPERATIONS: list[tuple[str, str, Call, dict[str, Any]]] = [
    ("GET", "/feeds/2021-06-30/feeds/1", lambda caller: feeds.get_feed(caller, "1"), FEED),
    (
        "GET",
        "/feeds/2021-06-30/feeds",
        lambda caller: feeds.get_feeds(caller, feeds.FeedFilter((feeds.LISTINGS_FEED,))),
        {"feeds": [FEED], "nextToken": "t"},
    ),
    (
        "POST",
        "/feeds/2021-06-30/documents",
        feeds.create_feed_document,
        {"feedDocumentId": "d", "url": "https://host/"},
    ),
    (
        "GET",
        "/feeds/2021-06-30/documents/d",
        lambda caller: feeds.get_feed_document(caller, "d"),
        {"feedDocumentId": "d", "url": "https://host/", "compressionAlgorithm": "GZIP"},
    ),
    ("GET", "/reports/2021-06-30/reports/1", lambda caller: reports.get_report(caller, "1"), REPORT),
    (
        "GET",
        "/reports/2021-06-30/reports",
        lambda caller: reports.get_reports(caller, reports.ReportFilter(("GET_X",))),
        {"reports": [REPORT], "nextToken": "t"},
    ),
    (
        "POST",
        "/reports/2021-06-30/reports",
        lambda caller: reports.create_report(caller, reports.CreateReportSpecification("GET_X", ["ATVPDKIKX0DER"])),
        {"reportId": "1"},
    ),
    (
        "GET",
        "/reports/2021-06-30/documents/d",
        lambda caller: reports.get_report_document(caller, "d"),
        {"reportDocumentId": "d", "url": "https://host/", "compressionAlgorithm": "GZIP"},
    ),
    ("GET", "/reports/2021-06-30/schedules/1", lambda caller: reports.get_report_schedule(caller, "1"), SCHEDULE),
    (
        "POST",
        "/tokens/2021-03-01/restrictedDataToken",
        lambda caller: create_restricted_data_token(caller, [RestrictedResource("GET", "/x")]),
        {"restrictedDataToken": "Atz.sprdt|x", "expiresIn": 3600},
    ),
    (
        "GET",
        "/notifications/v1/subscriptions/ORDER_CHANGE",
        lambda caller: notifications.get_subscription(caller, "ORDER_CHANGE"),
        {"payload": SUBSCRIPTION},
    ),
    ("GET", "/notifications/v1/destinations", notifications.get_destinations, {"payload": [DESTINATION]}),
    (
        "GET",
        "/definitions/2020-09-01/productTypes",
        lambda caller: product_types.search_definitions_product_types(caller, "ATVPDKIKX0DER"),
        {"productTypes": [{"name": "LUGGAGE", "displayName": "Luggage", "marketplaceIds": []}]},
    ),
    (
        "GET",
        "/definitions/2020-09-01/productTypes/LUGGAGE",
        lambda caller: product_types.get_definitions_product_type(
            caller, product_types.DefinitionRequest("LUGGAGE", "ATVPDKIKX0DER")
        ),
        {
            "schema": {"link": {"resource": "https://host/", "verb": "GET"}, "checksum": "x"},
            "metaSchema": {"link": {"resource": "https://host/", "verb": "GET"}, "checksum": "x"},
            "propertyGroups": {"offer": {"title": "Offer", "propertyNames": ["list_price"]}},
            "productType": "LUGGAGE",
            "productTypeVersion": {"version": "v", "latest": True},
        },
    ),
    (
        "GET",
        "/solicitations/v1/orders/o",
        lambda caller: solicitations.get_solicitation_actions_for_order(caller, "o", "ATVPDKIKX0DER"),
        {"_links": {"actions": [{"name": "productReviewAndSellerFeedback"}]}},
    ),
]
every_body = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture(scope="module")
def shared() -> Iterator[ScriptedServer]:
    with ScriptedServer() as scripted:
        yield scripted


@pytest.mark.parametrize(("method", "path", "call", "good"), OPERATIONS, ids=[path for _, path, _, _ in OPERATIONS])
@every_body
@given(data=st.data(), status=st.sampled_from((200, 200, 200, 400, 403, 429, 500)))
def test_an_answer_of_sp_api(
    shared: ScriptedServer, method: str, path: str, call: Call, good: dict[str, Any], data: st.DataObject, status: int
) -> None:
    body = data.draw(
        st.one_of(
            hostile.bodies(*good, "errors"),
            hostile.altered(good).map(lambda document: answer_json(document).body),
            hostile.bodies("code", "message", "details").map(lambda error: b'{"errors": [' + error + b"]}"),
        )
    )
    shared.answer("POST", TOKEN_PATH, token_json())
    shared.answer(method, f"/na{path}", Answer(status, body, {"Content-Type": "application/json"}))
    try:
        call(seller_of(shared))
    except SellingPartnerApiError as error:
        str(error).encode()
        if status == 200:
            assert isinstance(error, TransientError)
    else:
        assert status == 200


@every_body
@given(data=st.data(), status=st.sampled_from((200, 200, 400, 401, 429, 500)))
def test_an_answer_of_lwa(shared: ScriptedServer, data: st.DataObject, status: int) -> None:
    good = {"access_token": "Atza|x", "refresh_token": "Atzr|x", "expires_in": 3600}
    body = data.draw(
        st.one_of(
            hostile.bodies(*good, "error", "error_description"),
            hostile.altered(good).map(lambda document: answer_json(document).body),
        )
    )
    shared.answer("POST", TOKEN_PATH, Answer(status, body, {"Content-Type": "application/json"}))
    shared.answer("GET", "/na/reports/2021-06-30/reports/1", answer_json(REPORT))
    lwa = LwaClient(make_http(), f"{shared.url}{TOKEN_PATH}", Stored(credentials()))
    for ask in (
        lambda: reports.get_report(api_of(shared).for_seller(SELLER_ID, Region.NA, Stored(REFRESH_TOKEN), soon()), "1"),
        lambda: lwa.authorization_code("code", "https://host/", soon()),
    ):
        try:
            ask()
        except SellingPartnerApiError as error:
            str(error).encode()
            if status == 200:
                assert isinstance(error, TransientError)


@pytest.mark.parametrize("expires_in", ["9" * 5_000, 10**400, float("nan"), "٣", True, [], {}])
def test_a_token_of_unknown_length_of_life_serves_once(server: ScriptedServer, expires_in: object) -> None:
    server.answer("POST", TOKEN_PATH, token_json(expires_in=expires_in))
    server.answer("GET", "/na/reports/2021-06-30/reports/1", answer_json(REPORT))
    assert reports.get_report(seller_of(server), "1").report_id == "1"


@pytest.mark.parametrize("token", ["Atza|a\r\nX-Injected: 1", "Atza|\ud800", "Atza|ä", "a b", "\x00", "A" * 20_000])
def test_a_token_that_no_header_can_carry_is_none(server: ScriptedServer, token: str) -> None:
    server.answer("POST", TOKEN_PATH, token_json(token))
    with pytest.raises(TransientError):
        reports.get_report(seller_of(server), "1")
    assert server.calls == []


@pytest.mark.parametrize(
    "url", ["http://[bad", "file:///etc/passwd", "nonsense", "http://host:99999/", "//", "http://a b/", "http://\x00/"]
)
def test_a_document_url_that_is_none_is_a_passing_failure(url: str) -> None:
    with pytest.raises(TransientError):
        open_document(make_http(), url, soon())


def soon() -> Deadline:
    return Deadline.after(10)
