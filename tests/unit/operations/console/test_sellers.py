"""What the pages make of the SellingPartners table and of the answers of the stack's API."""

import html
import re
from collections.abc import Iterator, Mapping, Sequence
from types import SimpleNamespace
from typing import Any

import pytest

from operations.console.console import Console
from operations.console.reading.sellers import (
    Compared,
    Schedule,
    Seller,
    Subscription,
    compare_subscriptions,
    find_seller,
    known_sellers,
    read_schedules,
    sellers,
)
from operations.console.site import PAGES
from operations.stack import Stack
from quickstart.dynamodb import _marshal
from tests.unit.operations.console.support import NOW, forms, link, make_console, readable, visitor
from tests.unit.sp_api.support import ScriptedServer, answer_json

TOKEN = {"Ciphertext": "c2VjcmV0", "KeyArn": "k", "StoredAt": "2026-01-01T00:00:00+00:00"}
ITEMS: list[Mapping[str, Any]] = [
    {"SellerId": "*", "Item": "PAYLOAD_VERSION#ORDER_CHANGE", "PayloadVersion": "1.0"},
    {"SellerId": "A1", "Item": "TOKEN#NA", **TOKEN},
    {
        "SellerId": "A1",
        "Item": "SUBSCRIPTION#NA#ORDER_CHANGE#1.0",
        "RegionCode": "NA",
        "NotificationType": "ORDER_CHANGE",
        "PayloadVersion": "1.0",
        "SubscriptionId": "s1",
    },
    {"SellerId": "A2", "Item": "TOKEN#*", **TOKEN, "ReconnectSince": "2026-11-01T00:00:00+00:00"},
    {"SellerId": "A3", "Item": "TOKEN#EU", **TOKEN, "ConsentedAt": "2025-12-01T00:00:00+00:00", "HostReference": "<b>"},
    {"SellerId": "A4", "Item": "TOKEN#FE", **TOKEN, "ConsentedAt": "nonsense"},
    {"SellerId": "A5", "Item": "SUBSCRIPTION#EU#X#1.0", "RegionCode": "EU"},
]


class Partners:
    """The table, which gives only the attributes that are asked for."""

    def __init__(self, items: Sequence[Mapping[str, Any]] = ITEMS) -> None:
        self.items = items
        self.reads = 0

    def get_paginator(self, name: str) -> "Partners":
        self.kind = name
        return self

    def paginate(self, **query: Any) -> Iterator[dict[str, Any]]:
        self.reads += 1
        self.asked = query
        names = set(query["ExpressionAttributeNames"].values())
        wanted = query.get("ExpressionAttributeValues", {}).get(":seller", {}).get("S")
        for item in self.items:
            if wanted in (None, item["SellerId"]):
                yield {"Items": [_marshal({name: value for name, value in item.items() if name in names})]}


def console(
    server: ScriptedServer | None = None, *, allows_changes: bool = True, items: Sequence[Mapping[str, Any]] = ITEMS
) -> Console:
    base = server.url if server else "http://127.0.0.1:9"
    outputs = {f"{name}Url": base for name in ("TokenStorage", "NotificationsSubscriber", "ReportSchedules")}
    made = make_console(
        {"dynamodb": Partners(items)}, allows_changes=allows_changes, SellingPartnersTableName="p", **outputs
    )
    assert isinstance(made.stack, Stack)
    return made


def test_sellers_are_told_by_the_connection_that_needs_most_care() -> None:
    found = {seller.seller_id: seller.worst(NOW) for seller in sellers(console())}
    assert found == {
        "A1": ("CONNECTED", "good"),
        "A2": ("RECONNECT_NEEDED", "bad"),
        "A3": ("RENEW_SOON", "waiting"),
        "A4": ("unreadable record", "bad"),
        "A5": ("no token", "bad"),
    }


def test_the_regions_of_a_seller_are_those_of_its_tokens_and_subscriptions() -> None:
    assert {seller.seller_id: seller.regions for seller in sellers(console())} == {
        "A1": ["NA"],
        "A2": ["NA", "EU", "FE"],
        "A3": ["EU"],
        "A4": [],
        "A5": ["EU"],
    }


def test_the_token_is_not_even_read() -> None:
    made = console()
    assert known_sellers(made) == ["A1", "A2", "A3", "A4", "A5"]
    page = visitor(made, PAGES).get("/sellers/A1")
    assert TOKEN["Ciphertext"] not in page


def test_the_list_is_remembered_for_a_moment_and_forgotten_after_a_change(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr("operations.console.console.time", SimpleNamespace(monotonic=lambda: now[0]))
    made = console()
    known_sellers(made)
    now[0] = 19.9
    known_sellers(made)
    assert made.stack.client("dynamodb").reads == 1
    now[0] = 20.0
    known_sellers(made)
    assert made.stack.client("dynamodb").reads == 2
    made.forget("sellers")
    known_sellers(made)
    assert made.stack.client("dynamodb").reads == 3
    assert find_seller(made, "A9") is None


def test_sellers_are_found_by_id_reference_and_need_of_care() -> None:
    browser = visitor(console(), PAGES)

    def listed(query: str) -> list[str]:
        page = browser.get(f"/sellers?{query}")
        return [name for name in ("A1", "A2", "A3", "A4", "A5") if f"/sellers/{name}" in page]

    assert listed("") == ["A1", "A2", "A3", "A4", "A5"]
    assert listed("seller=A2") == ["A2"]
    assert listed("seller=%3Cb%3E") == ["A3"]
    assert listed("state=care") == ["A2", "A3", "A4", "A5"]


def test_what_needs_care_comes_with_advice() -> None:
    browser = visitor(console(), PAGES)
    assert "store the new token with POST /tokens" in readable(browser.get("/sellers/A2"))
    assert "restore it from a backup of the table" in readable(browser.get("/sellers/A4"))
    assert "No refresh token is stored" in readable(browser.get("/sellers/A5"))
    assert "&lt;b&gt;" in browser.get("/sellers/A3")


def test_a_conflict_says_how_to_replace_the_other_subscription() -> None:
    refused = {"message": "another <queue>", "errors": [{"code": "SubscriptionConflict", "message": "another <queue>"}]}
    with ScriptedServer() as server:
        server.answer("POST", "/", answer_json(refused, 409), answer_json({"subscriptionId": "s2"}))
        browser = visitor(console(server), PAGES)
        page = browser.post("/sellers/A1/subscribe", type="ORDER_CHANGE", region="NA")
        assert "another &lt;queue&gt;. To replace it, subscribe again and choose replace." in page
        page = browser.post("/sellers/A1/subscribe", type="ORDER_CHANGE", region="NA", replace="yes")
        assert "Subscribed to ORDER_CHANGE in NA: subscription s2." in page
        first, second = (request.body for request in server.received("/", "POST"))
    assert b"Replace" not in first
    assert b'"Replace": true' in second


def test_unsubscribing_keeps_the_subscriptions_of_others() -> None:
    with ScriptedServer() as server:
        server.answer("DELETE", "/ORDER_CHANGE", answer_json({"subscriptionIds": ["s1", "s2"]}))
        page = visitor(console(server), PAGES).post("/sellers/A1/unsubscribe", type="ORDER_CHANGE", region="NA")
        assert "Unsubscribed from ORDER_CHANGE in NA: 2 subscriptions ended." in page
        assert server.received("/ORDER_CHANGE")[0].query["OnlyOwn"] == "true"


def test_a_seller_leaves_only_when_its_id_is_typed() -> None:
    with ScriptedServer() as server:
        server.answer(
            "DELETE",
            "/A1",
            answer_json({"sellerId": "A1", "tokensDeleted": 1, "listingRecordsDeleted": 12, "pullsDeleted": 0}),
            answer_json({"sellerId": "A1", "tokensDeleted": 0}),
        )
        made = console(server)
        browser = visitor(made, PAGES)
        known_sellers(made)
        assert "Nothing was deleted: type A1 to confirm." in readable(browser.post("/sellers/A1/leave", confirm="a1"))
        assert server.received("/A1") == []
        assert "Removed the seller A1: 1 token deleted, 12 listing records deleted." in readable(
            browser.post("/sellers/A1/leave", confirm=" A1 ")
        )
        # The list of before is forgotten: the table is read again for this page.
        assert made.stack.client("dynamodb").asked.get("KeyConditionExpression") is None
        again = readable(browser.post("/sellers/A1/leave", confirm="A1"))
        assert "Removed the seller A1: nothing of it was left." in again


@pytest.mark.parametrize(
    ("path", "fields", "words"),
    [
        (
            "/sellers/A1/unsubscribe",
            {"type": "ORDER_CHANGE", "region": "NA"},
            "Not unsubscribed: DELETE NotificationsSubscriberUrl/ORDER_CHANGE: HTTP 502: SP-API is <down> ",
        ),
        (
            "/sellers/A1/subscribe",
            {"type": "ORDER_CHANGE", "region": "NA"},
            "Not subscribed: POST NotificationsSubscriberUrl: HTTP 502: SP-API is <down>. Seller",
        ),
        (
            "/sellers/A1/NA/cancel",
            {"schedule": "1"},
            "Not cancelled: DELETE ReportSchedulesUrl/1: HTTP 502: SP-API is <down> ",
        ),
        (
            "/sellers/A1/leave",
            {"confirm": "A1"},
            "Not removed completely: DELETE TokenStorageUrl/A1: HTTP 502: SP-API is <down>. Try again. ",
        ),
    ],
)
def test_a_refusal_of_the_stack_is_shown(path: str, fields: dict[str, str], words: str) -> None:
    refused = answer_json({"message": "SP-API is <down>", "errors": []}, 502)
    with ScriptedServer() as server:
        server.answer("POST", "/", refused)
        server.answer("GET", "/", answer_json({}))
        for name in ("/ORDER_CHANGE", "/1", "/A1"):
            server.answer("DELETE", name, refused)
        page = visitor(console(server), PAGES).post(path, **fields)
    assert words in html.unescape(readable(page))
    assert 'role="alert"' in page


def types(count: int) -> str:
    return "/sellers/A1/NA?types=" + ",".join(f"T{number}" for number in range(count))


@pytest.mark.parametrize(
    ("path", "status", "words"),
    [
        ("/sellers/A1/XX", 400, "Unknown region The region must be one of NA, EU, FE."),
        (types(11), 400, "Too many report types Enter at most 10 types, separated by commas."),
        (types(10), 200, "Report schedules at SP-API"),
        ("/sellers/A9", 404, "Seller not found The stack has no token and no subscription of A9."),
    ],
)
def test_a_wrong_region_too_many_types_and_an_unknown_seller_are_refused(path: str, status: int, words: str) -> None:
    assert words in readable(visitor(console(), PAGES).get(path, status))


def test_a_schedule_is_cancelled() -> None:
    with ScriptedServer() as server:
        server.answer("DELETE", "/s%2F1", answer_json({}))
        server.answer("GET", "/", answer_json({}))
        page = visitor(console(server), PAGES).post("/sellers/A1/NA/cancel", schedule="s/1")
        (request,) = [each for each in server.requests if each.method == "DELETE"]
    assert request.query == {"SellerId": "A1", "RegionCode": "NA"}
    assert "Cancelled the schedule s/1." in page


def test_an_api_that_does_not_answer_leaves_the_rest_of_the_page() -> None:
    page = readable(visitor(console(), PAGES).get("/sellers/A1/NA?types=GET_A"))
    assert page.count("no answer (ConnectionError)") == 2
    assert "Report schedules at SP-API" in page


def test_a_read_only_console_has_no_buttons() -> None:
    browser = visitor(console(allows_changes=False), PAGES)
    for path in ("/sellers/A1", "/sellers/A1/leave", "/sellers"):
        assert 'method="post"' not in browser.get(path)


def test_a_seller_is_read_from_its_items() -> None:
    made = console()
    found = find_seller(made, "A1")
    assert found is not None
    (connection,) = found.connections
    assert (connection.region_code, connection.stored_at) == ("NA", "2026-01-01T00:00:00+00:00")
    assert found == Seller("A1", [connection], [Subscription("NA", "ORDER_CHANGE", "1.0", "s1")], [])
    asked = made.stack.client("dynamodb").asked
    assert (made.stack.client("dynamodb").kind, asked["TableName"]) == ("query", "p")
    assert asked["KeyConditionExpression"] == "SellerId = :seller"
    assert asked["ProjectionExpression"] == ", ".join(asked["ExpressionAttributeNames"])
    assert asked["ConsistentRead"]
    incomplete = find_seller(made, "A5")
    assert incomplete == Seller("A5", [], [Subscription("EU", "", "", "")], [])
    damaged = find_seller(made, "A4")
    assert damaged is not None
    assert (damaged.connections, len(damaged.damaged)) == ([], 1)
    assert "TOKEN#FE of A4 cannot be read" in damaged.damaged[0]


def test_the_worst_of_several_connections_counts() -> None:
    """A record that cannot be read is worse than all."""
    worse = {"SellerId": "A1", "Item": "TOKEN#EU", **TOKEN, "ReconnectSince": "2026-11-01T00:00:00+00:00"}
    soon = {"SellerId": "A1", "Item": "TOKEN#EU", **TOKEN, "ConsentedAt": "2025-12-01T00:00:00+00:00"}
    damaged = {"SellerId": "A1", "Item": "TOKEN#FE", "ConsentedAt": "nonsense"}
    for more, worst in (
        ([worse], ("RECONNECT_NEEDED", "bad")),
        ([soon], ("RENEW_SOON", "waiting")),
        ([damaged], ("unreadable record", "bad")),
    ):
        (seller,) = sellers(console(items=[ITEMS[1], *more]))
        assert seller.worst(NOW) == worst


def test_a_seller_s_page_says_how_each_connection_is() -> None:
    browser = visitor(console(), PAGES)
    for seller, state in (
        ("A1", 'class="state good">CONNECTED'),
        ("A2", 'class="state bad">RECONNECT_NEEDED'),
        ("A3", 'class="state waiting">RENEW_SOON'),
    ):
        assert state in browser.get(f"/sellers/{seller}")
    assert "every region RECONNECT_NEEDED 2026-01-01 00:00:00" in readable(browser.get("/sellers/A2"))
    page = readable(browser.get("/sellers/A3"))
    assert "2026-12-01 00:00:00 (4 days) &lt;b&gt;" in page
    words = readable(browser.get("/sellers/A1"))
    assert "ORDER_CHANGE NA 1.0 s1 Unsubscribe" in words
    assert "REPORT_PROCESSING_FINISHED" in words
    page = browser.get("/sellers/A1")
    assert forms(page) == ["/sellers/A1/unsubscribe", "/sellers/A1/subscribe"]
    assert (link(page, "NA"), link(page, "Remove this seller…")) == ("/sellers/A1/NA", "/sellers/A1/leave")
    asking = browser.get("/sellers/A1/leave")
    assert "<h1>Remove A1?</h1>" in asking
    assert (forms(asking), link(asking, "Keep the seller")) == (["/sellers/A1/leave"], "/sellers/A1")


def test_sellers_are_listed_in_pages_of_a_hundred() -> None:
    """The address of the next page keeps what was asked for."""
    names = [f"A{number:03}" for number in range(201)]
    refused = {"ReconnectSince": "2026-11-01T00:00:00+00:00"}
    items = [{"SellerId": name, "Item": "TOKEN#NA", **TOKEN, **refused} for name in names]
    browser = visitor(console(items=items), PAGES)

    def walk(path: str) -> list[list[str]]:
        found = []
        while path:
            page = browser.get(path)
            found.append(re.findall(r'<th scope="row"><a href="/sellers/(\w+)"', page))
            path = link(page, "More sellers")
        return found

    assert walk("/sellers") == [names[:100], names[100:200], names[200:]]
    assert walk("/sellers?seller=A1&state=care") == [names[100:200]]
    page = browser.get("/sellers?seller=%20A%20&state=care")
    assert link(page, "More sellers") == "/sellers?seller=A&state=care&after=A099"
    assert link(browser.get("/sellers"), "More sellers") == "/sellers?after=A099"
    assert "201 sellers. Refresh tokens are encrypted" in readable(page)
    assert '<option value="care" selected>' in page


def test_subscriptions_are_compared_with_those_at_sp_api() -> None:
    subscriptions = [
        {"notificationType": "ORDER_CHANGE", "state": "Gone", "payloadVersion": "1.0", "subscriptionId": "s1"},
        {"notificationType": "NEW", "state": "Other", "payloadVersion": None},
    ]
    answer = {"subscriptions": subscriptions, "notCompared": [{"notificationType": "T", "reason": "no answer"}]}
    with ScriptedServer() as server:
        server.answer("GET", "/", answer_json(answer), answer_json({}))
        made = console(server)
        assert compare_subscriptions(made, "A1", "NA") == Compared(
            [
                {
                    "notificationType": "ORDER_CHANGE",
                    "state": "Gone",
                    "payloadVersion": "1.0",
                    "subscriptionId": "s1",
                },
                {"notificationType": "NEW", "state": "Other", "payloadVersion": "", "subscriptionId": ""},
            ],
            [("T", "no answer")],
        )
        assert compare_subscriptions(made, "A1", "NA") == Compared([], [])
        assert server.requests[0].query == {"SellerId": "A1", "RegionCode": "NA"}


def test_an_answer_of_a_moment_is_not_waited_for() -> None:
    """The page shows it at once, and the reader may try again."""
    with ScriptedServer() as server:
        server.answer("GET", "/", answer_json({"message": "too many"}, 429))
        page = readable(visitor(console(server), PAGES).get("/sellers/A1/NA?types=GET_A"))
        assert page.count("HTTP 429: too many") == 2
        asked = {"SellerId": "A1", "RegionCode": "NA"}
        queries = sorted((dict(request.query) for request in server.requests), key=len)
        assert queries == [asked, asked | {"ReportTypes": "GET_A"}]


@pytest.mark.parametrize(
    ("path", "fields", "words"),
    [
        ("/sellers/A1/unsubscribe", {"type": "ORDER_CHANGE", "region": "NA"}, "Not unsubscribed: "),
        ("/sellers/A1/subscribe", {"type": "ORDER_CHANGE", "region": "NA"}, "Not subscribed: "),
        ("/sellers/A1/NA/cancel", {"schedule": "1"}, "Not cancelled: "),
        ("/sellers/A1/leave", {"confirm": "A1"}, "Not removed completely: "),
    ],
)
def test_an_action_is_sent_once(path: str, fields: dict[str, str], words: str) -> None:
    """Whoever sent the form may send it again."""
    busy = answer_json({"message": "busy"}, 503)
    with ScriptedServer() as server:
        server.answer("POST", "/", busy)
        server.answer("GET", "/", answer_json({}))
        for name in ("/ORDER_CHANGE", "/1", "/A1"):
            server.answer("DELETE", name, busy)
        page = visitor(console(server), PAGES).post(path, **fields)
        assert len([request for request in server.requests if request.method != "GET"]) == 1
    assert words in page
    assert "HTTP 503: busy" in page


def test_schedules_are_listed_by_their_types() -> None:
    schedules = [
        {
            "reportScheduleId": "1",
            "reportType": "GET_A",
            "marketplaceIds": ["M1", "M2"],
            "period": "P1D",
            "nextReportCreationTime": "2026-11-27T00:00:00+00:00",
        },
        {},
    ]
    with ScriptedServer() as server:
        server.answer("GET", "/", answer_json({"reportSchedules": schedules}))
        made = console(server)
        assert read_schedules(made, "A1", "NA", ["GET_A", "GET_B"]) == [
            Schedule("1", "GET_A", ["M1", "M2"], "P1D", "2026-11-27T00:00:00+00:00"),
            Schedule("", "", [], "", ""),
        ]
        (request,) = server.requests
        assert request.query == {"SellerId": "A1", "RegionCode": "NA", "ReportTypes": "GET_A,GET_B"}
        assert read_schedules(made, "A1", "NA", []) == []
        assert len(server.requests) == 1
        server.requests.clear()
        shown = visitor(made, PAGES).get("/sellers/A1/NA?types=%20get_a,,get_b%20")
        assert forms(shown) == ["/sellers/A1/NA/cancel"] * 2
        assert link(shown, "Back to the seller") == "/sellers/A1"
        page = readable(shown)
        assert "1 GET_A P1D 2026-11-27 00:00:00 M1, M2 Cancel" in page
        assert "GET_A,GET_B" in [each.query.get("ReportTypes") for each in server.requests]


def test_schedules_are_looked_for_by_the_types_of_the_seller_s_latest_reports() -> None:
    """The most frequent ones first, ten at most."""
    names = [*[f"GET_{number:02}" for number in range(11)], "GET_10", "GET_09", "GET_09", "GET_09", ""]
    reports = [
        {"SellerId": "A1", "ReportId": str(number), "CreatedTime": f"2026-11-20T00:00:{number:02}", "ReportType": name}
        for number, name in enumerate(names)
    ]

    class Both(Partners):
        def query(self, **_: Any) -> Any:
            return {"Items": [_marshal(report) for report in reports]}

    with ScriptedServer() as server:
        server.answer("GET", "/", answer_json({}))
        outputs = {f"{name}Url": server.url for name in ("NotificationsSubscriber", "ReportSchedules")}
        made = make_console({"dynamodb": Both()}, SellingPartnersTableName="p", ReportsTableName="r", **outputs)
        page = visitor(made, PAGES).get("/sellers/A1/NA")
    types = "GET_09,GET_10,GET_00,GET_01,GET_02,GET_03,GET_04,GET_05,GET_06,GET_07"
    assert f'value="{types}"' in page
    assert "No schedule of these types." in page
    assert types in [request.query.get("ReportTypes") for request in server.requests]


def test_without_reports_the_types_must_be_entered() -> None:
    class Both(Partners):
        def query(self, **_: Any) -> Any:
            return {"Items": []}

    with ScriptedServer() as server:
        server.answer("GET", "/", answer_json({}))
        made = make_console(
            {"dynamodb": Both()},
            SellingPartnersTableName="p",
            ReportsTableName="r",
            NotificationsSubscriberUrl=server.url,
            ReportSchedulesUrl=server.url,
        )
        words = readable(visitor(made, PAGES).get("/sellers/A1/NA"))
    assert "this seller has no recent report. Enter the types." in words
    assert "SP-API has no subscription of this seller." in words
    assert "Report types, at most 10, separated by commas" in words


def test_a_comparison_says_what_each_state_means() -> None:
    states = {
        "Subscribed": "good",
        "NotRecorded": "waiting",
        "Gone": "bad",
        "NotCompared": "waiting",
        "Other": "plain",
    }
    listed = [{"notificationType": state, "state": state} for state in states]
    answer = {"subscriptions": listed, "notCompared": [{"notificationType": "T", "reason": "no answer"}]}
    with ScriptedServer() as server:
        server.answer("GET", "/", answer_json(answer))
        page = visitor(console(server), PAGES).get("/sellers/A1/NA")
    for state, kind in states.items():
        assert f'class="state {kind}">{state}<' in page
    words = readable(page)
    for meaning in (
        "Subscribed the stack has recorded it, and SP-API has it",
        "NotRecorded SP-API has it, but the stack has no record: another program created it",
        "Gone the stack has recorded it, but SP-API no longer has it: subscribe again",
        "NotCompared the stack has recorded it, but could not ask SP-API about it",
    ):
        assert meaning in words
    assert "1 types could not be compared T no answer" in words


def test_a_subscription_is_requested_for_the_seller_and_region() -> None:
    with ScriptedServer() as server:
        server.answer("POST", "/", answer_json({"subscriptionId": "s2"}))
        server.answer("DELETE", "/A%2FB", answer_json({"subscriptionIds": ["s1"]}))
        browser = visitor(console(server), PAGES)
        browser.post("/sellers/A1/subscribe", type="ORDER_CHANGE", region="EU", replace="")
        page = browser.post("/sellers/A1/unsubscribe", type="A/B", region="EU")
        (subscribed,) = server.received("/", "POST")
        (unsubscribed,) = server.received("/A%2FB")
    assert subscribed.json == {"SellerId": "A1", "RegionCode": "EU", "NotificationType": "ORDER_CHANGE"}
    assert unsubscribed.query == {"SellerId": "A1", "RegionCode": "EU", "OnlyOwn": "true"}
    assert "Unsubscribed from A/B in EU: 1 subscription ended." in page
