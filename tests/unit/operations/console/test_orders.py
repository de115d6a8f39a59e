"""Orders: long lists, damaged records, and what only another clock shows."""

import json
import re
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

import pytest

from operations.console.pages import orders
from operations.console.reading.orders import STATES as MEANINGS
from operations.console.reading.orders import story
from operations.redrive import restarted_name
from quickstart.dynamodb import unmarshal
from quickstart.solicitations.ledger import State, solicitation_of
from tests.unit.operations.console.support import KEYS, NOW, ORIGIN, error, forms, link, make_console, readable, visitor

OUTPUTS = {
    "SolicitationsTableName": "orders",
    "SellingPartnersTableName": "sellers",
    "SolicitationStateMachineArn": "arn:aws:states:eu-west-1:1:stateMachine:Solicitation-x",
}
PAGES = (orders.PAGE,)


def item(number: int, **changed: Any) -> dict[str, Any]:
    due = NOW + timedelta(days=number % 3, seconds=number)
    fields = {
        "AmazonOrderId": {"S": f"903-{number:07d}"},
        "SellerId": {"S": "A1"},
        "State": {"S": "SCHEDULED"},
        "MarketplaceId": {"S": "ATVPDKIKX0DER"},
        "DueTime": {"S": due.isoformat()},
        "Deadline": {"S": (due + timedelta(days=25)).isoformat()},
        "ChangedTime": {"S": NOW.isoformat()},
        "RegisteredTime": {"S": NOW.isoformat()},
        "Asks": {"N": "0"},
        "Submits": {"N": "0"},
        "Version": {"N": "1"},
    }
    return fields | {name: {"S": value} for name, value in changed.items()}


class DynamoDb:
    """Answers each Query with `answer`, and remembers what was asked and written.

    `sellers` have a token, `excluded` are excluded.
    """

    def __init__(
        self, answer: Callable[[dict[str, Any]], Any], sellers: Sequence[str] = (), excluded: Sequence[str] = ()
    ) -> None:
        self.answer = answer
        self.sellers = sellers
        self.excluded = excluded
        self.asked: list[dict[str, Any]] = []
        self.written: list[tuple[str, Any]] = []

    def query(self, **request: Any) -> Any:
        self.asked.append(request)
        return self.answer(request)

    def get_paginator(self, name: str) -> Any:
        found = self

        class Pages:
            def paginate(self, **request: Any) -> Any:
                def keys(name: str, sellers: Sequence[str]) -> Any:
                    return [{"Items": [{"SellerId": {"S": seller}, name: {"S": "#"}} for seller in sellers]}]

                if name == "scan":
                    return keys("Item", found.sellers)
                if request["ExpressionAttributeValues"][":hash"] == {"S": "#EXCLUDED"}:
                    return keys("AmazonOrderId", found.excluded)
                return [found.query(**request)]

        return Pages()

    def put_item(self, **request: Any) -> Any:
        self.written.append(("put", request["Item"]))
        return {}

    def delete_item(self, **request: Any) -> Any:
        self.written.append(("delete", request["Key"]))
        return {}


def pages(
    answer: Callable[[dict[str, Any]], Any], sellers: Sequence[str] = (), excluded: Sequence[str] = (), **given: Any
) -> tuple[Any, DynamoDb]:
    dynamodb = DynamoDb(answer, sellers, excluded)
    return visitor(make_console({"dynamodb": dynamodb, "stepfunctions": States()}, **given, **OUTPUTS), PAGES), dynamodb


def many(request: dict[str, Any]) -> Any:
    """A day or a list with more orders than one answer has."""
    last = {name: {"S": "x"} for name in ("SellerId", "AmazonOrderId", "DueTime")}
    if request.get("Select") == "COUNT":
        return {"Count": request["Limit"], "LastEvaluatedKey": last}
    return {"Items": [item(number) for number in range(min(request["Limit"], 400))], "LastEvaluatedKey": last}


def test_a_seller_with_any_number_of_orders_costs_a_page_a_bounded_amount() -> None:
    browser, dynamodb = pages(many)
    page = browser.get("/orders/A1")
    assert page.count("250+") == 35
    assert page.count("/orders/A1/903-") == 50
    assert all(request["Limit"] <= 250 for request in dynamodb.asked)
    assert all(request["IndexName"] == "SellerIdDueTimeIndex" for request in dynamodb.asked)
    assert len(dynamodb.asked) == 36


def test_orders_in_one_state_are_looked_for_in_a_bounded_number_of_steps() -> None:
    def none_in_state(request: dict[str, Any]) -> Any:
        return many(request) if request.get("Select") else many(request) | {"Items": []}

    browser, dynamodb = pages(none_in_state)
    page = browser.get("/orders/A1?state=FAILED")
    listed = [request for request in dynamodb.asked if "FilterExpression" in request]
    assert [request["Limit"] for request in listed] == [250, 1000, 1000]
    assert "Later orders" in page
    assert "No orders." not in page


def test_a_seller_that_the_stack_does_not_know_is_said() -> None:
    browser, _ = pages(lambda _: {"Items": [], "Count": 0})
    assert "The stack does not know this seller: it has no token and no subscription of A1TYPO" in browser.get(
        "/orders/A1TYPO"
    )


def test_behind_the_last_seller_there_are_no_more() -> None:
    browser, _ = pages(lambda _: {"Items": [], "Count": 0})
    assert "There are no more sellers." in browser.get("/orders?after=ZZZ")
    assert "No seller has a token yet." in browser.get("/orders")


def test_many_orders_of_a_day_are_said_to_a_screen_reader() -> None:
    browser, _ = pages(many)
    assert 'aria-label="2026-11-26: 250 or more orders"' in browser.get("/orders/A1")


def test_the_next_page_begins_where_this_one_ended() -> None:
    browser, dynamodb = pages(many)
    page = browser.get("/orders/A1?state=SCHEDULED")
    following = page.partition('">Later orders')[0].rpartition('href="')[2].replace("&amp;", "&")
    browser.get(following)
    starts = [request["ExclusiveStartKey"] for request in dynamodb.asked if "ExclusiveStartKey" in request]
    last = item(49)
    assert {name: last[name] for name in ("SellerId", "AmazonOrderId", "DueTime")} in starts
    browser.get("/orders/A1?after=no-position")


def test_a_damaged_record_is_shown_as_such() -> None:
    browser, _ = pages(lambda request: {"Count": 0} if "Select" in request else {"Items": [item(1, State="<b>NO</b>")]})
    for path in ("/orders/A1", "/orders/A1/903-0000001"):
        page = browser.get(path)
        assert "cannot be read" in page
        assert "<b>NO" not in page


class States:
    """Step Functions, where a schedule has started two executions that failed; the second one is of the order."""

    def list_executions(self, **request: Any) -> Any:
        assert request["statusFilter"] == "FAILED"
        return {"executions": [{"executionArn": "other"}, {"executionArn": "own"}, {"executionArn": "gone"}]}

    def describe_execution(self, executionArn: str) -> Any:  # noqa: N803 - AWS's name
        name = executionArn.rpartition(":")[2]
        if name not in ("own", "other"):
            raise error("ExecutionDoesNotExist")
        found = {"name": name, "status": "FAILED", "startDate": NOW, "redriveCount": 0}
        order = "903-0000001" if name == "own" else "903-0000002"
        return found | {"input": json.dumps({"AmazonOrderId": order, "SellerId": "A1", "More": 1})}

    def get_execution_history(self, **_: Any) -> Any:
        return {"events": []}


def order_page(**changed: str) -> str:
    dynamodb = DynamoDb(lambda _: {"Items": [item(1, **changed)]})
    browser = visitor(make_console({"dynamodb": dynamodb, "stepfunctions": States()}, **OUTPUTS), PAGES)
    return browser.get("/orders/A1/903-0000001")


def test_an_order_is_not_older_than_its_execution() -> None:
    """A redriven execution ends while the page is read."""
    changed = {"State": "FAILED", "LastAnswer": "no token"}

    class Ending(States):
        def get_execution_history(self, **_: Any) -> Any:
            changed["State"] = "SOLICITED"
            return {"events": []}

    dynamodb = DynamoDb(lambda _: {"Items": [item(1, **changed)]})
    browser = visitor(make_console({"dynamodb": dynamodb, "stepfunctions": Ending()}, **OUTPUTS), PAGES)
    page = browser.get("/orders/A1/903-0000001")
    assert MEANINGS[State.SOLICITED][1] in page
    assert MEANINGS[State.FAILED][1] not in page


def test_a_failed_order_whose_window_has_ended_needs_nothing() -> None:
    given = {"State": "FAILED", "LastAnswer": "no token"}
    assert "nothing helps any longer" in order_page(**given, Deadline=(NOW - timedelta(days=1)).isoformat())
    assert "make redrive-executions STACK=quick-start" in order_page(**given)


def test_an_execution_that_a_schedule_named_is_found_by_its_input() -> None:
    assert "/executions/Solicitation/own" in order_page(State="FAILED")
    for state in ("SCHEDULED", "SOLICITED"):
        assert "/executions/Solicitation/o" not in order_page(State=state)


def test_an_answer_of_amazon_is_text() -> None:
    page = order_page(LastAnswer="<script>x</script>\u202e")
    assert "&lt;script&gt;x&lt;/script&gt;⟨U+202E⟩" in page
    assert "<script" not in page


NO_DAY = "Not a day Enter a day such as 2026-11-26."


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("day=2026-13-01", NO_DAY),
        ("day=tomorrow", NO_DAY),
        ("from=%00", NO_DAY),
        ("state=NO", "Unknown state The state must be one of SCHEDULED, "),
    ],
)
def test_what_is_no_day_or_state_is_refused(query: str, words: str) -> None:
    browser, dynamodb = pages(many)
    assert words in readable(browser.get(f"/orders/A1?{query}", 400))
    assert dynamodb.asked == []


@pytest.mark.parametrize("day", ["0001-01-01", "9999-12-31"])
def test_days_at_the_ends_of_the_calendar_show_this_week(day: str) -> None:
    browser, _ = pages(many)
    assert "2026-11-16" in browser.get(f"/orders/A1?from={day}&day={day}")


@pytest.mark.parametrize("seller", ["", "*", "#EXCLUDED", "A 1", "A1<script>", "x" * 65])
def test_only_a_seller_is_excluded_by_name(seller: str) -> None:
    browser, dynamodb = pages(many)
    for action in ("exclude", "include"):
        page = browser.post(f"/orders/{action}", 400, seller=seller)
        assert "Not a seller id A seller id has letters, digits and - . _, and at most 64 of them." in readable(page)
    assert dynamodb.written == []


def test_the_longest_seller_id_is_excluded() -> None:
    browser, dynamodb = pages(many)
    browser.post("/orders/exclude", seller="x" * 64)
    assert [action for action, _ in dynamodb.written] == ["put"]


def test_exclusions_are_written_and_deleted() -> None:
    browser, dynamodb = pages(many)
    everyone = {"AmazonOrderId": {"S": "#EXCLUDED"}, "SellerId": {"S": "*"}}
    one = everyone | {"SellerId": {"S": "A1"}}
    whose = "each of its orders whose window is open goes on."
    for action, fields, words in (
        (
            "exclude",
            {"seller": "A1"},
            "Excluded A1: no review is requested from the next step of each of its orders on.",
        ),
        ("include", {"seller": " A1 "}, f"A1 is no longer excluded: within a day, {whose}"),
        ("stop", {}, "Stopped: no review is requested from the next step of each order on."),
        (
            "resume",
            {},
            "Resumed: within a day, each order whose window is open goes on. Excluded sellers stay so.",
        ),
    ):
        assert words in readable(browser.post(f"/orders/{action}", **fields))
    assert dynamodb.written == [("put", one), ("delete", one), ("put", everyone), ("delete", everyone)]


@pytest.mark.parametrize("action", ["exclude", "include", "stop", "resume"])
def test_a_read_only_console_excludes_nobody(action: str) -> None:
    browser, dynamodb = pages(many, allows_changes=False)
    browser.post(f"/orders/{action}", 403, seller="A1")
    assert dynamodb.written == []
    for path in ("/orders", "/orders/A1", "/orders/stop"):
        assert 'method="post"' not in browser.get(path)


def test_an_order_that_is_not_there_is_explained() -> None:
    browser, _ = pages(lambda _: {"Items": []})
    assert (
        "Order not found The stack has no order 903-1 of A1. It keeps an order for 90 days after its deadline."
    ) in readable(browser.get("/orders/A1/903-1", 404))


def test_every_state_has_a_meaning() -> None:
    assert set(MEANINGS) == set(State)
    assert all(words for _, words in MEANINGS.values())


def test_an_order_s_story_is_what_was_and_what_is_to_come() -> None:
    times = {
        "RegisteredTime": NOW - timedelta(days=9),
        "ChangedTime": NOW - timedelta(days=8),
        "DueTime": NOW - timedelta(days=3),
        "LastAskedTime": NOW - timedelta(days=2),
        "SubmittedTime": NOW - timedelta(days=1),
        "Deadline": NOW + timedelta(days=20),
    }
    given = item(1, State="SUBMITTING", **{name: time.isoformat() for name, time in times.items()})
    events = story(solicitation_of(unmarshal(given | {"Asks": {"N": "2"}, "Submits": {"N": "1"}})), NOW)
    assert [each.time for each in events] == list(times.values())
    assert [(each.what, each.kind) for each in events] == [
        ("The stack recorded the order", "plain"),
        ("Latest change of the order at Amazon", "plain"),
        ("Due: from here on, the stack asks Amazon", "plain"),
        ("Amazon's latest answer whether a review can be requested: 2 answers so far", "plain"),
        ("Review request sent, 1 time so far", "waiting"),
        ("Deadline: after it, the stack no longer asks", "waiting"),
    ]
    given |= {"State": {"S": "SOLICITED"}, "ScheduledFor": given["DueTime"], "ChangedTime": given["RegisteredTime"]}
    told = {
        each.what: each.kind for each in story(solicitation_of(unmarshal(given)), NOW - timedelta(days=3, seconds=1))
    }
    assert told["Review request sent"] == "good"
    assert told["Due: from here on, the stack asks Amazon. The schedule exists"] == "waiting"
    assert "Latest change of the order at Amazon" not in told


def location(browser: Any, path: str) -> str:
    """Where a page leads at once."""
    answer = browser.client.get(path, follow_redirects=False)
    assert answer.status_code == 303
    return str(answer.headers["location"])


def test_sellers_are_listed_in_pages_of_twenty() -> None:
    names = [f"A{number:02}" for number in range(41)]
    browser, dynamodb = pages(lambda _: {"Count": 3, "Items": []}, names, ["A01"])
    found, path = [], "/orders"
    while path:
        page = browser.get(path)
        found.append(re.findall(r'<th scope="row"><a href="/orders/(\w+)"', page))
        assert bool(link(page, "First sellers")) == (path != "/orders")
        path = link(page, "More sellers")
    assert found == [names[:20], names[20:40], names[40:]]
    words = readable(browser.get("/orders"))
    assert "41 sellers. Reviews that are due today or in the six days after it" in words
    assert "A00 3 are requested A01 3 excluded A02 3 are requested" in words
    assert "Excluded sellers A01 Request reviews again for A01" in words
    days = {
        tuple(request["ExpressionAttributeValues"][f":{end}"]["S"] for end in ("first", "last"))
        for request in dynamodb.asked
    }
    assert days == {("2026-11-26", "2026-12-02~")}
    assert forms(browser.get("/orders")) == ["/orders/include", "/orders/exclude"]
    assert forms(browser.get("/orders/A01")) == ["/orders/include"]
    assert forms(browser.get("/orders/A02")) == ["/orders/exclude"]
    assert forms(browser.get("/orders/stop")) == ["/orders/stop"]


def test_many_orders_of_a_seller_are_said_to_be_more() -> None:
    browser, _ = pages(many, ["A1"])
    assert "A1 250 or more are requested" in readable(browser.get("/orders"))


def test_five_hundred_sellers_are_offered() -> None:
    browser, _ = pages(lambda _: {"Count": 0}, [f"A{number:03}" for number in range(501)])
    page = browser.get("/orders")
    assert page.count("<option value=") == 500
    assert "501 sellers." in readable(page)


def test_everyone_is_excluded() -> None:
    browser, _ = pages(lambda _: {"Count": 1, "Items": [item(1)]}, ["A1", "A2"], ["B2", "*", "A9"])
    page = readable(browser.get("/orders"))
    assert "All review requests are stopped. No review is requested for any seller until you resume. Resume" in page
    assert "A1 1 excluded A2 1 excluded" in page
    assert "Excluded sellers A9 Request reviews again for A9 B2 Request reviews again for B2" in page
    assert "All review requests are stopped already." in browser.get("/orders/stop")
    assert forms(browser.get("/orders"))[0] == "/orders/resume"
    assert "All review requests are stopped: exclusions ." in readable(browser.get("/orders/A1/903-0000001"))
    browser, _ = pages(lambda _: {"Count": 1, "Items": [item(1)]}, ["A1"], ["A1"])
    assert "The seller is excluded: exclusions ." in readable(browser.get("/orders/A1/903-0000001"))
    assert "Stop all review requests of quick-start?" in browser.get("/orders/stop")
    assert "This seller is excluded." in readable(browser.get("/orders/A1"))


def test_an_order_is_found_by_its_id() -> None:
    def both(request: dict[str, Any]) -> Any:
        assert request["ExpressionAttributeValues"][":hash"] == {"S": "903-0000001"}
        stateless = {name: value for name, value in item(1).items() if name != "State"}
        return {"Items": [item(1), item(1, SellerId="A2"), stateless | {"SellerId": {"S": "A3"}}]}

    browser, _ = pages(both)
    page = browser.get("/orders?order=%20903-0000001%20")
    assert "<h1>Orders with the id 903-0000001</h1>" in page
    assert re.findall(r'href="/orders/(\w+)/903-0000001"', page) == ["A1", "A2"]
    assert location(browser, "/orders?order=903-0000001&seller=%20A2%20") == "/orders/A2/903-0000001"
    page = readable(browser.get("/orders?order=903-0000001&seller=A3"))
    assert "The stack has no order 903-0000001. It knows the orders of sellers" in page


def test_fifty_orders_with_one_id_are_shown() -> None:
    browser, _ = pages(lambda _: {"Items": [item(1, SellerId=f"A{number}") for number in range(51)]})
    assert len(re.findall(r'href="/orders/A\d+/903-0000001"', browser.get("/orders?order=903-0000001"))) == 50


def test_a_seller_is_chosen_with_the_days_and_the_state() -> None:
    browser, _ = pages(many)
    assert location(browser, "/orders?seller=%20A%2F1%20") == "/orders/A%2F1"
    path = location(browser, "/orders?seller=A1&from=2026-11-02&day=2026-11-03&state=FAILED")
    assert path == "/orders/A1?from=2026-11-02&day=2026-11-03&state=FAILED"


def test_the_calendar_has_five_weeks_from_last_monday_on() -> None:
    browser, dynamodb = pages(lambda _: {"Count": 2, "Items": []}, ["A1"])
    page = browser.get("/orders/A1")
    assert re.findall(r'class="time">([\d-]+)<', page) == [
        "2026-11-16", "2026-11-23", "2026-11-30", "2026-12-07", "2026-12-14",
    ]  # fmt: skip
    assert "Week of Mon Tue Wed Thu Fri Sat Sun 2026-11-16 16 2 17 2" in readable(page)
    assert "26 today 2" in readable(page)
    assert "Due from 2026-11-16 to 2026-12-20" in page
    assert link(page, "Earlier weeks") == "/orders/A1?from=2026-10-12"
    assert link(page, "Later weeks") == "/orders/A1?from=2026-12-21"
    assert "/orders/A1?from=2026-11-16&amp;day=2026-11-17#orders" in page
    assert "The stack does not know this seller" not in page
    (listed,) = (request for request in dynamodb.asked if request.get("Select") is None)
    assert listed == {
        "TableName": "orders",
        "IndexName": "SellerIdDueTimeIndex",
        "KeyConditionExpression": "SellerId = :seller AND DueTime BETWEEN :first AND :last",
        "ExpressionAttributeValues": {
            ":seller": {"S": "A1"},
            ":first": {"S": "2026-11-16"},
            ":last": {"S": "2026-12-20~"},
        },
        "Limit": 50,
    }
    assert {request["Limit"] for request in dynamodb.asked if "Select" in request} == {250}


def test_one_day_s_orders_are_listed_beside_the_calendar_of_the_weeks() -> None:
    browser, dynamodb = pages(lambda _: {"Count": 0, "Items": []}, ["A1"])
    page = browser.get("/orders/A1?from=2026-11-02&day=2026-11-04&state=FAILED")
    assert "Due on 2026-11-04" in page
    assert re.findall(r'aria-current="date"><span class="muted">(\d+)<', page) == ["4"]
    assert "No orders." in page
    (listed,) = (request for request in dynamodb.asked if request.get("Select") is None)
    assert listed["ExpressionAttributeNames"] == {"#state": "State"}
    assert listed["ExpressionAttributeValues"] == {
        ":seller": {"S": "A1"},
        ":first": {"S": "2026-11-04"},
        ":last": {"S": "2026-11-04~"},
        ":state": {"S": "FAILED"},
    }


@pytest.mark.parametrize(
    ("day", "begin"),
    [
        ("1999-12-31", "2026-11-16"),
        ("2000-01-01", "2000-01-01"),
        ("2099-12-31", "2099-12-31"),
        ("2100-01-01", "2026-11-16"),
    ],
)
def test_days_of_this_century_are_shown(day: str, begin: str) -> None:
    browser, _ = pages(lambda _: {"Count": 0, "Items": []}, ["A1"])
    assert f'class="time">{begin}<' in browser.get(f"/orders/A1?from={day}")


def test_a_page_of_orders_is_filled_by_several_reads() -> None:
    """Where DynamoDB returns less than the limit."""
    last = {name: {"S": "x"} for name in ("SellerId", "AmazonOrderId", "DueTime")}

    def few(request: dict[str, Any]) -> Any:
        if request.get("Select"):
            return {"Count": 0}
        count = 20 if len(listed(dynamodb)) == 1 else request["Limit"]
        return {"Items": [item(number) for number in range(count)], "LastEvaluatedKey": last}

    def listed(dynamodb: DynamoDb) -> list[dict[str, Any]]:
        return [request for request in dynamodb.asked if request.get("Select") is None]

    browser, dynamodb = pages(few)
    page = browser.get("/orders/A1")
    assert [request["Limit"] for request in listed(dynamodb)] == [50, 30]
    assert listed(dynamodb)[1]["ExclusiveStartKey"] == last
    assert "Later orders" in page


@pytest.mark.parametrize("count", [50, 51])
def test_the_last_page_of_orders_in_a_state_leads_no_further(count: int) -> None:
    browser, _ = pages(
        lambda request: {"Count": 0} if request.get("Select") else {"Items": [item(number) for number in range(count)]}
    )
    page = browser.get("/orders/A1?state=SCHEDULED")
    assert page.count('href="/orders/A1/903-') == 50
    assert ("Later orders" in page) == (count > 50)


@pytest.mark.parametrize(("back", "path"), [("", "/orders"), ("1", "/orders/A1")])
@pytest.mark.parametrize("action", ["exclude", "include"])
def test_excluding_leads_back_to_the_page_of_the_form(action: str, back: str, path: str) -> None:
    browser, _ = pages(lambda _: {"Count": 0, "Items": []}, ["A1"])
    answer = browser.client.post(
        f"/orders/{action}",
        data={"csrf": KEYS.form, "seller": "A1", "back": back},
        headers={"Origin": ORIGIN},
        follow_redirects=False,
    )
    assert answer.headers["location"].partition("?")[0] == path


def test_the_order_is_shown_with_the_execution_that_the_record_names() -> None:
    class Running(States):
        def describe_execution(self, executionArn: str) -> Any:  # noqa: N803 - AWS's name
            name = executionArn.rpartition(":")[2]
            if name not in ("named", restarted_name("named")):
                raise error("ExecutionDoesNotExist")
            found = {"name": name, "status": "FAILED", "startDate": NOW, "error": "E", "cause": "denied"}
            return found if name == "named" else {**found, "status": "RUNNING", "error": "", "cause": ""}

        def get_execution_history(self, **_: Any) -> Any:
            return {"events": [{"id": 1, "timestamp": NOW, "type": "ExecutionStarted"}]}

    def shown(states: States, **changed: str) -> str:
        dynamodb = DynamoDb(lambda _: {"Items": [item(1, **changed)]})
        browser = visitor(make_console({"dynamodb": dynamodb, "stepfunctions": states}, **OUTPUTS), PAGES)
        return str(browser.get("/orders/A1/903-0000001"))

    page = shown(Running(), State="WAITING", ExecutionName="named")
    # It was started again, because the emulator redrives none.
    assert f'href="/executions/Solicitation/{restarted_name("named")}"' in page
    assert "RUNNING" in page
    assert "Execution started" in page
    waiting = readable(shown(Running(), State="WAITING", ExecutionName="gone"))
    assert "Not found. Step Functions keeps an execution for 90 days after its end." in waiting
    assert "None yet: it starts within the hour after the order is due." in shown(Running())


def test_without_a_state_machine_the_order_has_no_execution() -> None:
    dynamodb = DynamoDb(lambda _: {"Items": [item(1, State="FAILED")]})
    outputs = {name: value for name, value in OUTPUTS.items() if name != "SolicitationStateMachineArn"}
    browser = visitor(make_console({"dynamodb": dynamodb, "stepfunctions": States()}, **outputs), PAGES)
    assert "Not found. Step Functions keeps" in readable(browser.get("/orders/A1/903-0000001"))


def test_events_at_this_moment_are_no_longer_ahead() -> None:
    given = item(1, DueTime=NOW.isoformat(), Deadline=(NOW + timedelta(seconds=1)).isoformat())
    given["ChangedTime"] = {"S": (NOW + timedelta(microseconds=1)).isoformat()}
    events = story(solicitation_of(unmarshal(given)), NOW)
    assert [(each.what, each.kind) for each in events] == [
        ("The stack recorded the order", "plain"),
        ("Due: from here on, the stack asks Amazon", "plain"),
        ("Deadline: after it, the stack no longer asks", "waiting"),
    ]
