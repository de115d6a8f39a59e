"""What the pages make of the SellingPartners table and of the answers of the stack's API."""

from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from operations.console.console import Console
from operations.console.reading.sellers import find_seller, known_sellers, sellers
from operations.console.site import PAGES
from operations.stack import Stack
from quickstart.dynamodb import _marshal
from tests.unit.operations.console.support import NOW, make_console, readable, visitor
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

    def __init__(self) -> None:
        self.reads = 0

    def get_paginator(self, name: str) -> "Partners":
        self.kind = name
        return self

    def paginate(self, **query: Any) -> Iterator[dict[str, Any]]:
        self.reads += 1
        names = set(query["ExpressionAttributeNames"].values())
        wanted = query.get("ExpressionAttributeValues", {}).get(":seller", {}).get("S")
        for item in ITEMS:
            if wanted in (None, item["SellerId"]):
                yield {"Items": [_marshal({name: value for name, value in item.items() if name in names})]}


def console(server: ScriptedServer | None = None, *, allows_changes: bool = True) -> Console:
    base = server.url if server else "http://127.0.0.1:9"
    outputs = {f"{name}Url": base for name in ("TokenStorage", "NotificationsSubscriber", "ReportSchedules")}
    made = make_console(
        {"dynamodb": Partners()}, allows_changes=allows_changes, SellingPartnersTableName="p", **outputs
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


def test_the_list_is_remembered_for_a_moment_and_forgotten_after_a_change() -> None:
    made = console()
    known_sellers(made)
    known_sellers(made)
    assert made.stack.client("dynamodb").reads == 1
    made.forget("sellers")
    known_sellers(made)
    assert made.stack.client("dynamodb").reads == 2
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
        )
        browser = visitor(console(server), PAGES)
        assert "Nothing was deleted: type A1 to confirm." in readable(browser.post("/sellers/A1/leave", confirm="a1"))
        assert server.received("/A1") == []
        assert "A1: 1 token deleted, 12 listing records deleted." in readable(
            browser.post("/sellers/A1/leave", confirm=" A1 ")
        )


@pytest.mark.parametrize(
    ("path", "fields", "words"),
    [
        ("/sellers/A1/unsubscribe", {"type": "ORDER_CHANGE", "region": "NA"}, "Not unsubscribed:"),
        ("/sellers/A1/subscribe", {"type": "ORDER_CHANGE", "region": "NA"}, "Not subscribed:"),
        ("/sellers/A1/NA/cancel", {"schedule": "1"}, "Not cancelled:"),
        ("/sellers/A1/leave", {"confirm": "A1"}, "Not removed completely:"),
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
    assert words in page
    assert "SP-API is &lt;down&gt;" in page
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
