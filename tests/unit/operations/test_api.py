"""What the operator's commands send to the stack, how long they try, and what they say when it refuses."""

from dataclasses import dataclass, field
from typing import Any

import boto3
import pytest
import requests

from operations.api import FEEDS, LISTINGS, PRODUCT_TYPES, Api, RefusedError
from operations.command import CommandError
from operations.stack import Stack

INVOKE_URL = "https://api1.execute-api.eu-west-1.amazonaws.com/prod/listings/feeds"


@dataclass
class Http:
    """A session that gives these answers in turn: (status, body, Retry-After), or an error. The last one stays."""

    answers: list[tuple[int, bytes, str] | Exception]
    asked: list[tuple[str, str, object, float]] = field(default_factory=list)

    def request(self, method: str, address: str, *, data: object, headers: Any, timeout: float) -> requests.Response:
        assert "/execute-api/aws4_request" in headers["Authorization"]
        self.asked.append((method, address, data, timeout))
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        response = requests.Response()
        response.status_code, response._content, retry_after = answer
        response.headers["Retry-After"] = retry_after
        return response


def api(*answers: tuple[int, bytes, str] | Exception, **more: Any) -> tuple[Api, Http, list[float]]:
    session = boto3.Session("test", "test", region_name="eu-west-1")
    stack = Stack("quick-start", {FEEDS: INVOKE_URL, LISTINGS: "https://own.test/x"}, {}, lambda _: None, str, session)
    http: Any = Http(list(answers))
    pauses: list[float] = []
    return Api(stack, pauses.append, http, **more), http, pauses


def test_a_request_waits_longer_for_its_answer_than_the_api_takes() -> None:
    asking, http, pauses = api((200, b'{"a": 1}', ""))
    assert asking.send("POST", FEEDS, "/7", {"b": 2}, SellerId="A 1", Limit=5, NextToken=None) == {"a": 1}
    assert http.asked == [("POST", f"{INVOKE_URL}/7?SellerId=A+1&Limit=5", '{"b": 2}', 40.0)]
    assert pauses == []
    assert asking.send("GET", FEEDS) == {"a": 1}
    assert http.asked[1] == ("GET", INVOKE_URL, None, 40.0)


@pytest.mark.parametrize("status", [429, 503, 504])
def test_what_passes_is_tried_eight_times_with_longer_pauses_up_to_half_a_minute(status: int) -> None:
    asking, http, pauses = api((status, b'{"message": "busy"}', ""))
    with pytest.raises(RefusedError) as refused:
        asking.send("GET", FEEDS, "/7")
    assert str(refused.value) == f"GET /listings/feeds/7: HTTP {status}: busy"
    assert (len(http.asked), pauses) == (8, [2, 4, 8, 16, 30, 30, 30])


def test_without_an_answer_it_is_tried_as_often() -> None:
    asking, http, pauses = api(requests.ConnectionError("no"))
    with pytest.raises(CommandError, match=r"^GET /listings/feeds: no answer \(ConnectionError\)$"):
        asking.send("GET", FEEDS)
    assert (len(http.asked), pauses) == (8, [2, 4, 8, 16, 30, 30, 30])
    asking, http, pauses = api(requests.ConnectionError("no"), attempts=1)
    with pytest.raises(CommandError):
        asking.send("GET", FEEDS)
    assert (len(http.asked), pauses) == (1, [])


@pytest.mark.parametrize(
    ("retry_after", "pause"), [("7", 7), ("120", 120), ("121", 120), ("0", 2), ("soon", 2), ("1.5", 2), ("", 2)]
)
def test_it_waits_as_long_as_the_stack_says_two_minutes_at_most(retry_after: str, pause: float) -> None:
    asking, _, pauses = api((429, b"{}", retry_after), (200, b"{}", ""))
    assert asking.send("GET", FEEDS) == {}
    assert pauses == [pause]


@pytest.mark.parametrize("status", [400, 403, 404, 409, 500, 502])
def test_any_other_refusal_is_final(status: int) -> None:
    asking, http, _ = api((status, b'{"message": "no"}', "1"))
    with pytest.raises(RefusedError) as refused:
        asking.send("GET", LISTINGS, "/7")
    # Not an address of API Gateway: the output is named.
    assert str(refused.value) == f"GET {LISTINGS}/7: HTTP {status}: no"
    assert (refused.value.status, refused.value.answer, len(http.asked)) == (status, {"message": "no"}, 1)


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b'{"Message": "not authorized"}', "not authorized"),
        (b'{"message": "", "Message": "not authorized"}', "not authorized"),
        (b"<html>", "no reason was given"),
        (b'["a"]', "no reason was given"),
    ],
)
def test_the_reason_of_a_refusal(body: bytes, reason: str) -> None:
    asking, _, _ = api((403, body, ""))
    with pytest.raises(RefusedError, match=f"HTTP 403: {reason}$"):
        asking.send("GET", FEEDS)


@pytest.mark.parametrize(("output", "switch"), [(FEEDS, "ListingFeeds"), (PRODUCT_TYPES, "ProductTypesEnabled")])
def test_a_stack_without_an_api_is_told_how_to_get_it(output: str, switch: str) -> None:
    session = boto3.Session(region_name="eu-west-1")
    asking = Api(Stack("quick-start", {LISTINGS: "x"}, {}, lambda _: None, str, session))
    asking.needs(LISTINGS)
    with pytest.raises(CommandError) as lacking:
        asking.needs(LISTINGS, output)
    assert str(lacking.value) == (
        f"the stack quick-start has no output {output}: update it to a version that has it, with the parameter "
        f"{switch} Yes"
    )


def test_each_error_is_told_once() -> None:
    errors = [{"code": "InvalidInput", "message": text} for text in ("SellerId is wrong", "ReportTypes is missing")]
    answer = {"message": "SellerId is wrong; ReportTypes is missing", "errors": errors}
    assert str(RefusedError("GET /x", 400, answer)) == "GET /x: HTTP 400: SellerId is wrong; ReportTypes is missing"


def test_errors_that_the_message_leaves_out_follow_it() -> None:
    answer = {"message": "refused", "errors": [{"code": "A", "message": "SellerId is wrong"}]}
    found = RefusedError("GET /x", 400, answer)
    assert str(found) == "GET /x: HTTP 400: refused; SellerId is wrong"
    assert found.codes == ("A",)
