"""The simulator's page when the simulator does not answer, or answers with secrets or hostile data."""

import html
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import requests

from operations.command import CommandError
from operations.console.console import LocalServers
from operations.console.pages import simulator
from operations.console.pages.simulator import _fault
from operations.console.reading.simulator import Clock, Entry, Log, Simulator
from tests.unit.operations.console.support import LOCAL, forms, link, make_console, readable, visitor
from tests.unit.sp_api.support import Answer, ScriptedServer, answer_json

PAGES = (simulator.PAGE,)
ENTRY = {
    "time": "2026-11-26T12:00:00.000Z",
    "operation": "createReport",
    "method": "POST",
    "path": "/reports?x=Atza|IwEBexample1",
    "status": 0,
    "sellerId": "<script>alert(1)</script>",
    "requestId": "r",
    "error": "Atzr|IwEBexample2",
    "milliseconds": 3.0,
    "body": {"refresh_token": "anything", "title": "\u202e<b>x</b>"},
}


def test_a_simulator_that_is_gone_is_explained() -> None:
    page = visitor(make_console(local=LOCAL), PAGES).get("/simulator")
    assert readable(page).count("make restart SERVER=simulator") == 3
    answer = visitor(make_console(local=LOCAL), PAGES).post("/simulator/clock", advanceSeconds="1")
    assert "The clock was not changed" in answer


def test_the_log_has_no_secrets_and_is_text(monkeypatch: pytest.MonkeyPatch) -> None:
    def answer(_: str, url: str, **__: Any) -> requests.Response:
        contents: dict[str, Any] = {
            "requests": {"counts": {"<b>op</b>": 120}, "requests": [ENTRY] * 120},
            "faults": {"faults": []},
            "clock": {"now": "2026-11-26T12:00:00Z", "scale": 2.0, "addedSeconds": 3600},
        }
        found = requests.Response()
        found.status_code = 200
        found._content = json.dumps(contents[url.rpartition("/")[2]]).encode()
        return found

    monkeypatch.setattr(requests, "request", answer)
    page = visitor(make_console(local=LOCAL), PAGES).get("/simulator")
    for secret in ("IwEB", "anything", "<script", "\u202e", "<b>op"):
        assert secret not in page
    assert page.count("createReport") == 50 + 1
    assert "start=50" in page
    assert "start=150" not in visitor(make_console(local=LOCAL), PAGES).get("/simulator?start=100")
    assert "1.0 h ahead of real time" in readable(page).replace("60 min", "1.0 h")
    for start in ("-1", "x", "9" * 30, "²"):
        visitor(make_console(local=LOCAL), PAGES).get(f"/simulator?start={start}")


def test_a_fault_is_sent_as_the_control_api_takes_it() -> None:
    form = {"csrf": "c", "fault": "slow", "operation": " getReport ", "sellerId": "", "count": "", "seconds": "1.5"}
    assert _fault(form) == {"fault": "slow", "operation": "getReport", "count": None, "seconds": 1.5}
    assert _fault({"fault": "status", "count": "3", "status": "503"})["count"] == 3
    for wrong in ({"count": "x"}, {"seconds": "much"}, {"count": "nan"}, {"count": "inf"}):
        with pytest.raises(CommandError, match="must be a number"):
            _fault({"fault": "slow", **wrong})


def test_there_is_no_simulator_on_aws() -> None:
    browser = visitor(make_console(), PAGES)
    browser.get("/simulator", 404)
    browser.post("/simulator/clock", 404, advanceSeconds="1")


@pytest.fixture
def served() -> Iterator[ScriptedServer]:
    """The control API of a simulator without requests and faults."""
    clock = answer_json({"now": "2026-11-26T13:00:00Z", "scale": 2.5, "addedSeconds": 3600})
    with ScriptedServer() as server:
        server.answer("GET", "/simulator/requests", answer_json({"counts": {}, "requests": []}))
        server.answer("GET", "/simulator/faults", answer_json({"faults": []}))
        server.answer("GET", "/simulator/clock", clock)
        server.answer("PUT", "/simulator/clock", clock)
        server.answer("POST", "/simulator/faults", answer_json({}))
        server.answer("DELETE", "/simulator/faults", answer_json({}))
        yield server


@pytest.mark.parametrize(
    ("path", "fields", "sent", "words"),
    [
        ("faults", {"fault": "slow"}, ("POST", {"fault": "slow", "count": None}), "The fault was added."),
        ("faults/remove", {}, ("DELETE", None), "All faults were removed."),
        (
            "clock",
            {"advanceSeconds": "3600"},
            ("PUT", {"advanceSeconds": 3600}),
            "The simulator's time is 2026-11-26T13:00:00Z; service time runs 2.5 times as fast.",
        ),
    ],
)
def test_each_action_says_what_it_did(
    served: ScriptedServer, path: str, fields: dict[str, str], sent: tuple[str, Any], words: str
) -> None:
    local = LocalServers(served.url, Path("mail"))
    page = visitor(make_console(local=local), PAGES).post(f"/simulator/{path}", **fields)
    assert words in html.unescape(readable(page))
    (request,) = [each for each in served.requests if each.method != "GET"]
    assert (request.method, json.loads(request.body) if request.body else None) == sent


@pytest.mark.parametrize(
    ("path", "fields", "words"),
    [
        ("faults", {"fault": "slow", "seconds": "x"}, "No fault was added: seconds must be a number"),
        ("faults", {"fault": "lose", "afterBytes": "x"}, "No fault was added: after bytes must be a number"),
        ("faults", {"fault": "no"}, "No fault was added: the simulator refused: unknown fault"),
        ("clock", {"scale": "x"}, "The clock was not changed: scale must be a number"),
    ],
)
def test_what_was_not_done_says_why(served: ScriptedServer, path: str, fields: dict[str, str], words: str) -> None:
    served.answer("POST", "/simulator/faults", answer_json({"error": "unknown fault"}, 400))
    page = visitor(make_console(local=LocalServers(served.url, Path("mail"))), PAGES).post(
        f"/simulator/{path}", **fields
    )
    assert words in readable(page)
    assert 'role="alert"' in page


def test_the_log_of_one_operation(served: ScriptedServer) -> None:
    browser = visitor(make_console(local=LocalServers(served.url, Path("mail"))), PAGES)
    browser.get("/simulator")
    browser.get("/simulator?operation=createReport&start=50")
    assert [request.query for request in served.received("/simulator/requests")] == [
        {},
        {"operation": "createReport"},
    ]


def test_the_clock_is_moved_in_these_steps(served: ScriptedServer) -> None:
    page = readable(visitor(make_console(local=LocalServers(served.url, Path("mail"))), PAGES).get("/simulator"))
    for step in ("10 minutes", "1 hour", "1 day", "7 days"):
        assert step in page
    served.answer(
        "GET",
        "/simulator/faults",
        answer_json({"faults": [{"fault": "slow", "operation": "", "sellerId": "", "status": 0, "remaining": 1}]}),
    )
    shown = visitor(make_console(local=LocalServers(served.url, Path("mail"))), PAGES).get("/simulator")
    assert forms(shown) == [*["/simulator/clock"] * 5, "/simulator/faults/remove", "/simulator/faults"]
    assert link(shown, served.url) == f"{served.url}/"


def test_a_request_is_shown_as_the_log_has_it(served: ScriptedServer) -> None:
    """Without secrets, the newest first."""
    plain = {"time": "t", "operation": "getReport", "method": "GET", "path": "/r", "status": 200}
    listed = [
        plain,
        {**plain, "scope": "notifications", "body": ""},
        {**plain, "scope": "notifications", "sellerId": "A1", "body": {}, "fault": "slow"},
        ENTRY | {"body": {"secret": "plain words", "n": 1}},
    ]
    served.answer("GET", "/simulator/requests", answer_json({"counts": {"getReport": 3}, "requests": listed}))
    found = Simulator(served.url).log("", 0)
    entry = Entry("t", "getReport", "GET /r", 200, "", "", "", "", 0.0, "")
    assert found == Log(
        [
            Entry(
                time="2026-11-26T12:00:00.000Z",
                operation="createReport",
                request="POST /reports?x=***",
                status=0,
                who="<script>alert(1)</script>",
                request_id="r",
                fault="",
                error="***",
                milliseconds=3.0,
                body='{\n  "secret": "***",\n  "n": 1\n}',
            ),
            replace(entry, who="A1", fault="slow"),
            replace(entry, who="notifications"),
            entry,
        ],
        {"getReport": 3},
        4,
        0,
    )


@pytest.mark.parametrize(("count", "start", "following"), [(50, 0, 0), (51, 0, 50), (100, 50, 0), (101, 50, 100)])
def test_fifty_requests_are_on_a_page(count: int, start: int, following: int) -> None:
    assert Log([], {}, count, start).following == following


@pytest.mark.parametrize(("given", "start"), [("50", 50), ("99999", 0), ("100000", 0), ("-1", 0), ("", 0)])
def test_a_page_of_the_log_begins_where_the_one_before_it_ended(served: ScriptedServer, given: str, start: int) -> None:
    listed = [ENTRY | {"operation": f"op{number}"} for number in range(101)]
    served.answer("GET", "/simulator/requests", answer_json({"counts": {"op": 101}, "requests": listed}))
    page = visitor(make_console(local=LocalServers(served.url, Path("mail"))), PAGES).get(
        f"/simulator?operation=op&start={given}"
    )
    if given == "99999":
        assert "No requests." in page
        return
    assert page.count("<td>op") == 50
    assert f"<td>op{100 - start}</td>" in page
    assert link(page, "Older requests") == f"/simulator?operation=op&start={start + 50}#requests"
    assert link(page, "Newest") == ("/simulator?operation=op#requests" if start else "")


def test_the_faults_that_remain_are_shown(served: ScriptedServer) -> None:
    faults = [
        {"fault": "status", "operation": "getReport", "sellerId": "A1", "status": 503, "remaining": 2},
        {"fault": "slow", "operation": "", "sellerId": "", "status": None, "remaining": None},
    ]
    served.answer("GET", "/simulator/faults", answer_json({"faults": faults}))
    page = readable(visitor(make_console(local=LocalServers(served.url, Path("mail"))), PAGES).get("/simulator"))
    assert "status getReport A1 503 2 slow any any all Remove all faults" in page
    assert "Fault status slow reset lose truncate expire Operation" in page


def test_the_clock_is_read_and_set(served: ScriptedServer) -> None:
    simulated = Simulator(served.url)
    assert simulated.clock() == Clock("2026-11-26T13:00:00Z", 2.5, 3600.0)
    assert simulated.set_clock({"scale": 2.5}) == Clock("2026-11-26T13:00:00Z", 2.5, 3600.0)
    page = visitor(make_console(local=LocalServers(served.url, Path("mail"))), PAGES).post(
        "/simulator/clock", advanceSeconds="", scale="2.5"
    )
    assert "The clock was not changed" not in page
    assert [json.loads(request.body) for request in served.requests if request.method == "PUT"] == [{"scale": 2.5}] * 2
    for seconds in ("600", "3600", "86400", "604800"):
        assert f'name="advanceSeconds" value="{seconds}"' in page


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (
            Answer(200, b"no JSON"),
            "the simulator does not answer (JSONDecodeError): make restart SERVER=simulator starts it again",
        ),
        (answer_json({"error": "no\nway"}, 400), "the simulator refused: no way"),
        (answer_json({}, 500), "the simulator refused: 500"),
    ],
)
def test_what_the_simulator_refuses_is_explained(served: ScriptedServer, answer: Answer, words: str) -> None:
    served.answer("GET", "/simulator/clock", answer)
    with pytest.raises(CommandError) as raised:
        Simulator(served.url).clock()
    assert str(raised.value) == words


def test_a_body_that_is_a_text_is_shown_as_it_is(served: ScriptedServer) -> None:
    served.answer("GET", "/simulator/requests", answer_json({"counts": {}, "requests": [ENTRY | {"body": "Größe"}]}))
    (entry,) = Simulator(served.url).log("", 0).entries
    assert entry.body == '"Größe"'


def test_numbers_of_a_fault_may_have_a_fraction() -> None:
    given = {
        "fault": "truncate",
        "operation": "",
        "sellerId": " A1 ",
        "count": " 2 ",
        "afterBytes": " 10 ",
        "status": " ",
    }
    assert _fault(given) == {"fault": "truncate", "sellerId": "A1", "count": 2, "afterBytes": 10}
    assert isinstance(_fault(given)["count"], int)


def test_a_simulator_that_does_not_answer_is_given_up_after_ten_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    waited: list[float] = []

    def request(*_: str, timeout: float, **__: object) -> None:
        waited.append(timeout)
        raise requests.ReadTimeout

    monkeypatch.setattr(requests, "request", request)
    with pytest.raises(CommandError, match=r"^the simulator does not answer \(ReadTimeout\): make restart"):
        Simulator("http://127.0.0.1:1").clock()
    assert waited == [10]
