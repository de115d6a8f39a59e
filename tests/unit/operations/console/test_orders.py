"""Orders: long lists, damaged records, and what only another clock shows."""

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from operations.console.pages import orders
from operations.console.reading.orders import STATES as MEANINGS
from operations.console.reading.orders import story
from quickstart.dynamodb import unmarshal
from quickstart.solicitations.ledger import State, solicitation_of
from tests.unit.operations.console.support import NOW, error, make_console, readable, visitor

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
    """Answers each Query with `answer`, and remembers what was asked and written."""

    def __init__(self, answer: Callable[[dict[str, Any]], Any]) -> None:
        self.answer = answer
        self.asked: list[dict[str, Any]] = []
        self.written: list[tuple[str, Any]] = []

    def query(self, **request: Any) -> Any:
        self.asked.append(request)
        return self.answer(request)

    def get_paginator(self, name: str) -> Any:
        found = self

        class Pages:
            def paginate(self, **request: Any) -> Any:
                if name == "scan":
                    return [{"Items": []}]
                return (
                    [{"Items": []}]
                    if request["ExpressionAttributeValues"][":hash"] == {"S": "#EXCLUDED"}
                    else [found.query(**request)]
                )

        return Pages()

    def put_item(self, **request: Any) -> Any:
        self.written.append(("put", request["Item"]))
        return {}

    def delete_item(self, **request: Any) -> Any:
        self.written.append(("delete", request["Key"]))
        return {}


def pages(answer: Callable[[dict[str, Any]], Any], **given: Any) -> tuple[Any, DynamoDb]:
    dynamodb = DynamoDb(answer)
    return visitor(make_console({"dynamodb": dynamodb, "stepfunctions": None}, **given, **OUTPUTS), PAGES), dynamodb


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
