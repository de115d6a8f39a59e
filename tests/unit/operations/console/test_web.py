"""The frame of the pages: who may open them, which forms are accepted, and how errors are shown."""

import threading
from collections.abc import Mapping
from datetime import UTC
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlencode

import pytest
from botocore.exceptions import EndpointConnectionError
from starlette.requests import Request
from starlette.responses import Response
from starlette.testclient import TestClient

from operations.command import CommandError
from operations.console import console as module
from operations.console.advice import advice
from operations.console.console import Console, LocalServers, Notice, Part, output
from operations.console.failures import Failure, failure
from operations.console.pages.addresses import address
from operations.console.security import HEADERS, Keys
from operations.console.web import Page, ShownError, done, make_app, show
from quickstart.dynamodb import DamagedItemError
from tests.unit.operations.console.support import KEYS, LOCAL, ORIGIN, error, make_console, readable, visitor

RAISED: Mapping[str, Exception] = {
    "denied": error("AccessDeniedException", "User: u is not authorized to perform: dynamodb:Query on resource: t"),
    "expired": error("ExpiredTokenException", "The security token included in the request is expired"),
    "throttled": error("ThrottlingException", "Rate exceeded"),
    "unreachable": EndpointConnectionError(endpoint_url="https://dynamodb.eu-west-1.amazonaws.com"),
    "command": CommandError("<b>the stack</b> refused"),
    "damaged": DamagedItemError("TOKEN#NA of A1", "KeyError"),
    "shown": ShownError(400, "Not a time", "from must be a date."),
    "bug": RuntimeError("the token is Atzr|secret"),
}
done_with: list[Mapping[str, str]] = []


def _view(console: Console, request: Request) -> Response:
    if (raised := RAISED.get(request.query_params.get("raise", ""))) is not None:
        raise raised
    return show(
        console, request, "error.html", failure={"title": request.query_params.get("title", "A page"), "text": ""}
    )


def _act(console: Console, _: Request, form: Mapping[str, str]) -> Response:
    done_with.append(form)
    return done(console, "/", "Moved <1> message", title="After")


PAGES = (
    Page("First", "/", {"/": _view}, {"/act": _act}),
    Page("Mail", "/mail", {"/mail": _view}, {}, local_only=True),
    Page("Orders", "/orders", {"/orders": _view}, {}, needs="SolicitationsTableName"),
)


@pytest.fixture(autouse=True)
def nothing_done() -> None:
    done_with.clear()


def fresh(**given: object) -> TestClient:
    """A browser that has not opened the address."""
    return TestClient(make_app(make_console(), KEYS, PAGES), base_url=ORIGIN, **given)


def test_the_printed_address_lets_a_browser_in_and_leaves_the_token_behind() -> None:
    client = fresh()
    assert client.get("/").status_code == 401
    answer = client.get(f"/?token={KEYS.address}", follow_redirects=False)
    assert "HttpOnly" in answer.headers["set-cookie"]
    assert "SameSite=strict" in answer.headers["set-cookie"]
    assert KEYS.address not in answer.text + answer.headers["set-cookie"]
    assert client.get("/").status_code == 200


@pytest.mark.parametrize("token", ["", "wrong", "é", KEYS.form, KEYS.session, KEYS.address[:-1]])
def test_another_token_lets_nobody_in(token: str) -> None:
    client = fresh()
    assert client.get("/", params={"token": token}).status_code == 403
    assert not client.cookies


@pytest.mark.parametrize("value", ["", "wrong", KEYS.form, "another-session"])
def test_another_cookie_lets_nobody_in(value: str) -> None:
    assert fresh(cookies={"console-8000": value}).get("/").status_code == 401
    assert fresh(cookies={"console-8000": value}).post("/act", data={"csrf": KEYS.form}).status_code == 401


def test_the_cookie_of_a_console_at_another_port_does_not_count() -> None:
    assert fresh(cookies={"console-8001": KEYS.session}).get("/").status_code == 401


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "10.0.0.1:8000", "", "localhost:x"])
def test_another_name_in_the_host_header_is_refused(host: str) -> None:
    client = visitor(make_console(), PAGES).client
    answer = client.get("/", headers={"Host": host})
    assert (answer.status_code, "answers only to" in answer.text) == (403, True)
    assert client.get(f"/?token={KEYS.address}", headers={"Host": host}).status_code == 403


@pytest.mark.parametrize("host", ["127.0.0.1:8000", "localhost:8000", "[::1]:8000"])
def test_names_of_this_machine_are_accepted(host: str) -> None:
    assert fresh(headers={"Host": host, "Cookie": f"console-8000={KEYS.session}"}).get("/").status_code == 200


@pytest.mark.parametrize(
    "path",
    ["/", "/nothing", "/static/console.css", "/static/nothing", "/?raise=bug", "/?raise=denied", "/?token=wrong"],
)
def test_every_response_has_the_security_headers(path: str) -> None:
    for client in (visitor(make_console(), PAGES).client, fresh()):
        answer = client.get(path)
        assert {name: answer.headers.get(name) for name in HEADERS} == HEADERS
    assert fresh().get("/", headers={"Host": "evil.example"}).headers["Content-Security-Policy"]


def test_a_page_has_no_script_and_no_style_that_its_policy_would_stop() -> None:
    page = visitor(make_console(), PAGES).get("/")
    assert "<script" not in page
    assert " style=" not in page
    assert " on" not in {part[:3] for part in page.split("<")}


def test_an_action_leads_to_a_page_that_says_once_what_was_done() -> None:
    browser = visitor(make_console(), PAGES)
    page = browser.post("/act", what="1")
    assert done_with == [{"csrf": KEYS.form, "what": "1"}]
    assert "Moved &lt;1&gt; message" in page
    assert "<h1>After</h1>" in page
    assert "Moved" not in browser.get("/?title=After&notice=none")


@pytest.mark.parametrize(
    ("fields", "headers"),
    [
        ({}, {"Origin": ORIGIN}),
        ({"csrf": ""}, {"Origin": ORIGIN}),
        ({"csrf": KEYS.session}, {"Origin": ORIGIN}),
        ({"csrf": KEYS.form}, {}),
        ({"csrf": KEYS.form}, {"Origin": "null"}),
        ({"csrf": KEYS.form}, {"Origin": "http://evil.example"}),
        ({"csrf": KEYS.form}, {"Origin": "http://127.0.0.1:8001"}),
        ({"csrf": KEYS.form}, {"Origin": "https://127.0.0.1:8000"}),
    ],
)
def test_a_form_that_no_page_of_the_console_sent_changes_nothing(
    fields: dict[str, str], headers: dict[str, str]
) -> None:
    answer = visitor(make_console(), PAGES).client.post("/act", data=fields, headers=headers)
    assert (answer.status_code, done_with) == (403, [])
    assert "This form is not valid Nothing was changed. Go back, reload the page, and try again." in readable(
        answer.text
    )


def test_a_read_only_console_changes_nothing() -> None:
    page = visitor(make_console(allows_changes=False), PAGES).post("/act", 403)
    assert "This console is read-only To change the stack, start it with make console ALLOW_CHANGES=1." in readable(
        page
    )
    assert done_with == []


def test_a_form_of_megabytes_is_refused() -> None:
    longest = 64 * 1024 - len(urlencode({"csrf": KEYS.form, "what": ""}))
    page = visitor(make_console(), PAGES).post("/act", 413, what="x" * (longest + 1))
    assert "The form is too large A form has at most 65,536 bytes." in readable(page)
    assert done_with == []
    visitor(make_console(), PAGES).post("/act", what="x" * longest)
    assert len(done_with) == 1


def test_an_action_is_not_done_by_a_link_nor_a_view_by_a_form() -> None:
    browser = visitor(make_console(), PAGES)
    assert browser.client.get("/act").status_code == 405
    assert browser.client.post("/", data={"csrf": KEYS.form}, headers={"Origin": ORIGIN}).status_code == 405
    assert browser.client.delete("/").status_code == 405


def test_the_navigation_has_the_pages_that_this_stack_has() -> None:
    def links(console: Console) -> list[str]:
        page = visitor(console, PAGES).get("/")
        return [page_.title for page_ in PAGES if f'<a href="{page_.path}"' in page.partition("</nav>")[0]]

    assert links(make_console()) == ["First"]
    assert links(make_console(local=LOCAL)) == ["First", "Mail"]
    assert links(make_console(SolicitationsTableName="t")) == ["First", "Orders"]
    page = readable(visitor(make_console(), PAGES).get("/mail", 404))
    assert "Page not found There is no such page here." in page


def test_a_missing_permission_names_the_action() -> None:
    page = readable(visitor(make_console(), PAGES).get("/?raise=denied", 403))
    assert (
        "Your credentials may not call dynamodb:Query Allow dynamodb:Query for the user or role whose credentials the "
        "console uses. docs/iam/operator-policy.json contains the permissions that the console needs. AWS says: "
    ) in page


@pytest.mark.parametrize(
    ("name", "status", "words"),
    [
        ("expired", 502, "Your AWS credentials have expired"),
        ("throttled", 502, "Rate exceeded"),
        ("unreachable", 502, "no response from AWS in the region eu-west-1"),
        ("command", 502, "<h1>This did not work</h1>"),
        ("command", 502, "&lt;b&gt;the stack&lt;/b&gt; refused"),
        ("throttled", 502, "<h1>AWS did not answer as expected</h1>"),
        ("damaged", 502, "the stored item TOKEN#NA of A1 cannot be read"),
        ("shown", 400, "from must be a date."),
    ],
)
def test_an_error_is_explained(name: str, status: int, words: str) -> None:
    page = visitor(make_console(), PAGES).get(f"/?raise={name}", status)
    assert words in page
    assert "Traceback" not in page


def test_a_bug_shows_neither_its_traceback_nor_its_message() -> None:
    page = visitor(make_console(), PAGES).get("/?raise=bug", 500)
    assert (
        "Something went wrong This is a mistake of the console (RuntimeError). The terminal of make console "
        "shows where."
    ) in readable(page)
    assert "Atzr" not in page
    assert "Traceback" not in page


def test_a_part_that_cannot_be_read_does_not_hide_the_others() -> None:
    console = make_console()

    def denied() -> int:
        raise RAISED["denied"]

    assert console.start(lambda: 1).result().value == 1
    failed = console.start(denied).result().failure
    assert failed is not None
    assert failed.denied == "dynamodb:Query"

    def unreachable() -> int:
        raise RAISED["unreachable"]

    failed = console.part(unreachable).failure
    assert failed is not None
    assert failed.text.startswith("no response from AWS in the region eu-west-1: ")
    with pytest.raises(RuntimeError):
        console.part(lambda: (_ for _ in ()).throw(RAISED["bug"]))


def test_an_output_that_the_stack_lacks_is_explained() -> None:
    with pytest.raises(CommandError) as raised:
        output(make_console().stack, "ListingsUrl")
    assert str(raised.value) == (
        "the stack quick-start has no output ListingsUrl: it is of an earlier version, or the parameter that enables "
        "this part is No"
    )
    assert output(make_console(ListingsUrl="u").stack, "ListingsUrl") == "u"


def test_a_client_is_created_once_for_each_service() -> None:
    made: list[str] = []

    def make(service: str) -> str:
        made.append(service)
        return service

    stack = make_console(make).stack
    console = Console.of(stack, allows_changes=False, local=None)
    assert [console.stack.client(name) for name in ("sqs", "sqs", "sns")] == ["sqs", "sqs", "sns"]
    assert made == ["sqs", "sns"]


def test_only_the_latest_notices_are_kept() -> None:
    console = make_console()
    first, second, *_, last = [console.keep_notice(Notice(str(number))) for number in range(101)]
    assert console.take_notice(first) is None
    assert console.take_notice(second) == Notice("1")
    assert console.take_notice(last) == Notice("100")
    assert console.take_notice(last) is None


def test_a_page_reloads_only_if_the_reader_asks_for_it() -> None:
    browser = visitor(make_console(), PAGES)
    assert "Refresh" not in browser.client.get("/").headers
    answer = browser.client.get("/?title=a&reload=10")
    assert answer.headers["Refresh"] == "10"
    assert '<a href="?title=a">Stop reloading</a>' in answer.text
    assert "Refresh" not in browser.client.get("/?reload=0.001").headers
    assert "This page reloads every 10 seconds. <a" in answer.text
    assert '<a href="?title=a&amp;reload=10">Reload every 10 seconds</a>' in browser.get("/?title=a&notice=n")
    assert '<a href="/">Stop reloading</a>' in browser.get("/?reload=10")
    assert '<a href="?reload=10">Reload every 10 seconds</a>' in browser.get("/")


def test_a_browser_that_may_not_come_in_is_told_what_to_do() -> None:
    client = fresh()
    assert readable(client.get("/").text) == (
        "Open the printed address Open the printed address This browser has not opened the address that make console "
        "printed."
    )
    assert readable(client.get("/?token=wrong").text) == (
        "This address is not valid any longer This address is not valid any longer Open the address that make console "
        "printed."
    )
    # The token counts only in the printed address.
    assert client.get(f"/orders?token={KEYS.address}").status_code == 401
    assert fresh(headers={"Host": "evil.example"}).get("/").text == (
        "The console answers only to 127.0.0.1 and localhost.\n"
    )


def test_the_welcome_goes_on_by_itself() -> None:
    answer = fresh().get(f"/?token={KEYS.address}")
    assert answer.headers["set-cookie"] == (f"console-8000={KEYS.session}; HttpOnly; Path=/; SameSite=strict")
    assert '<meta http-equiv="refresh" content="0; url=/">' in answer.text
    assert '<a href="/">Continue</a>' in answer.text
    assert answer.text.startswith('<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Console</title>')


def test_files_are_for_everybody_and_only_to_read() -> None:
    assert fresh().get("/static/console.css").status_code == 200
    assert fresh().post("/static/console.css").status_code == 401


@pytest.mark.parametrize(
    ("cookies", "status"),
    [
        (f"console-8000={KEYS.session}", 200),
        (f"other=a; console-8000={KEYS.session};more=b", 200),
        (f"console-8000={KEYS.session}=", 401),
        (f"console-80000={KEYS.session}", 401),
        (f"console-8000=; console-8000={KEYS.session}", 401),
        ("console-8000", 401),
    ],
)
def test_the_console_s_cookie_is_found_among_others(cookies: str, status: int) -> None:
    assert fresh(headers={"Cookie": cookies}).get("/").status_code == status


@pytest.mark.parametrize(
    ("host", "status"), [("127.0.0.1", 401), ("localhost", 401), ("[::1]", 401), ("localhost:", 403), (":8000", 403)]
)
def test_a_name_without_a_port_is_one_of_this_machine(host: str, status: int) -> None:
    assert fresh(headers={"Host": host}).get("/").status_code == status


def test_keys_are_long_random_and_not_shown() -> None:
    """32 random bytes each, in base64."""
    one, other = Keys(), Keys()
    values = [one.address, one.session, one.form, other.address, other.session, other.form]
    assert len(set(values)) == 6
    assert {len(value) for value in values} == {43}
    assert repr(one) == "Keys()"


def test_the_server_s_own_messages_are_passed_on() -> None:
    """Such as the one about its start, without which it would not serve."""
    with fresh() as client:
        assert client.get("/").status_code == 401


def test_a_form_keeps_fields_without_a_value_and_what_is_no_text() -> None:
    browser = visitor(make_console(), PAGES)
    browser.post("/act", what="", more="\u00e9")
    answer = browser.client.post(
        "/act", content=f"csrf={KEYS.form}&what=%ff".encode() + b"\xff", headers={"Origin": ORIGIN}
    )
    assert answer.status_code == 200
    first, second = done_with
    assert first == {"csrf": KEYS.form, "what": "", "more": "\u00e9"}
    assert second == {"csrf": KEYS.form, "what": "\ufffd\ufffd"}


def test_a_wrong_method_is_named() -> None:
    answer = visitor(make_console(), PAGES).client.get("/act")
    assert "<h1>Method Not Allowed</h1>" in answer.text


def test_expired_credentials_say_how_to_go_on() -> None:
    page = readable(visitor(make_console(), PAGES).get("/?raise=expired", 502))
    assert (
        "Your AWS credentials have expired Sign in again, and reload this page. Credentials that were set in the "
        "terminal of make console are read when it starts: stop it with Ctrl-C, and start it again."
    ) in page


@pytest.mark.parametrize(
    ("raised", "title", "denied"),
    [
        (error("AccessDenied", "no", "ListQueues"), "Your credentials may not call ListQueues", "ListQueues"),
        (
            error("UnauthorizedOperation", "User is not authorized to perform ec2:DescribeX on it"),
            "Your credentials may not call ec2:DescribeX",
            "ec2:DescribeX",
        ),
        (error("NotAuthorizedException", "no", "Get"), "Your credentials may not call Get", "Get"),
        (error("Other", "not authorized to perform: a:B"), "AWS did not answer as expected", ""),
    ],
)
def test_what_is_denied_is_known_from_the_message_or_the_operation(raised: Any, title: str, denied: str) -> None:
    found = failure(raised, "quick-start", "eu-west-1")
    assert (found.title, found.denied) == (title, denied)


def test_a_failure_has_the_words_of_aws() -> None:
    found = failure(error("AccessDenied", "no", "ListQueues"), "quick-start", "eu-west-1")
    assert found.text == (
        "Allow ListQueues for the user or role whose credentials the console uses. docs/iam/operator-policy.json "
        "contains the permissions that the console needs. AWS says: ListQueues: no (AccessDenied). For the policies "
        "that you need, see docs/iam/README.md"
    )
    assert failure(CommandError("a\nb Atzr|IwEBexample"), "s", "r") == Failure("This did not work", "a b ***")
    assert failure(error("ValidationError", "it does not exist"), "s", "r").text == (
        "no stack s in r: check the name, or add REGION=<region>"
    )


def test_a_part_has_its_value_or_says_why_not() -> None:
    assert Part(value=0).needed == 0
    with pytest.raises(CommandError, match=r"^it is gone$"):
        _ = Part[int](failure=Failure("Title", "it is gone")).needed
    with pytest.raises(CommandError, match=r"^there is no value$"):
        _ = Part[int]().needed


def test_a_console_is_read_only_and_of_aws_unless_told_otherwise() -> None:
    console = Console(make_console().stack)
    assert (console.allows_changes, console.local, console.region) == (False, None, "eu-west-1")
    assert console.now().tzinfo is UTC
    made = Console.of(make_console().stack, allows_changes=True, local=LOCAL)
    assert (made.allows_changes, made.local) == (True, LOCAL)


def test_sixteen_calls_are_made_at_the_same_time() -> None:
    barrier = threading.Barrier(16)

    def meet() -> int:
        return barrier.wait(60)

    assert sorted(make_console().together([meet] * 16)) == list(range(16))


def test_results_are_in_the_order_of_what_is_read_and_the_first_error_is_raised() -> None:
    console = make_console()
    assert console.together([lambda: "a", lambda: "b"]) == ["a", "b"]
    first, second = RAISED["command"], RAISED["throttled"]

    def fail(raised: Exception) -> str:
        raise raised

    with pytest.raises(CommandError, match="the stack"):
        console.together([lambda: "a", lambda: fail(first), lambda: fail(second)])


def test_what_is_remembered_is_read_again_after_its_time(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=lambda: now[0]))
    console = make_console()
    reads: list[int] = []

    def read() -> int:
        reads.append(len(reads))
        # As long as this takes, it is not older.
        now[0] += 5
        return reads[-1]

    assert console.remembered("a", 10, read) == 0
    now[0] += 9.9
    assert console.remembered("a", 10, read) == 0
    assert console.remembered("b", 10, read) == 1
    now[0] = 115.0
    assert console.remembered("a", 10, read) == 2
    console.forget("b")
    console.forget("unknown")
    assert console.remembered("b", 10, read) == 3


def test_work_in_the_background_ends_with_the_process() -> None:
    found: list[bool] = []
    done = threading.Event()

    def work() -> None:
        found.append(threading.current_thread().daemon)
        done.set()

    make_console().run_in_background(work)
    assert done.wait(60)
    assert found == [True]


@pytest.mark.parametrize(
    ("local", "text"),
    [(None, "run make doctor STACK=quick-start REGION=eu-west-1 or make up"), (LOCAL, "run make doctor or make up")],
)
def test_commands_of_an_advice_name_a_stack_on_aws(local: LocalServers | None, text: str) -> None:
    assert advice(make_console(local=local), "run make doctor or make up") == text


def test_an_address_has_its_parts_quoted_and_no_empty_fields() -> None:
    assert address("orders", "A/1", "2 3") == "/orders/A%2F1/2%203"
    assert address("a", day="2026-11-26", state="", after=None, start=0) == "/a?day=2026-11-26&start=0"
    assert address("a", find="b&c") == "/a?find=b%26c"


def test_the_current_page_is_marked_in_the_navigation() -> None:
    page = visitor(make_console(SolicitationsTableName="t"), PAGES).get("/orders")
    assert '<a href="/orders" aria-current="page">Orders</a>' in page
    assert '<a href="/">First</a>' in page


def test_a_problem_is_said_as_an_alert() -> None:
    console = make_console()
    browser = visitor(console, PAGES)
    plain, problem = console.keep_notice(Notice("done")), console.keep_notice(Notice("not done", problem=True))
    assert '<p class="notice" role="status">done</p>' in browser.get(f"/?notice={plain}")
    assert '<p class="notice problem" role="alert">not done</p>' in browser.get(f"/?notice={problem}")
    assert "not done" not in browser.get(f"/?notice={problem}")


def test_an_action_leads_on_without_doing_it_again() -> None:
    browser = visitor(make_console(), PAGES)
    answer = browser.client.post("/act", data={"csrf": KEYS.form}, headers={"Origin": ORIGIN}, follow_redirects=False)
    path, _, notice = answer.headers["location"].partition("&notice=")
    assert (answer.status_code, path) == (303, "/?title=After")
    assert len(notice) == 12


def test_a_page_may_load_only_what_the_console_serves() -> None:
    policy = visitor(make_console(), PAGES).client.get("/").headers["Content-Security-Policy"]
    assert policy == (
        "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; "
        "frame-ancestors 'none'"
    )


def test_what_a_console_keeps_is_not_in_its_text() -> None:
    """A notice may quote what others wrote."""
    console = make_console()
    console.keep_notice(Notice("quoted"))
    console.remembered("name", 10, lambda: "kept")
    text = repr(console)
    for words in ("quoted", "kept", "ThreadPoolExecutor", "lock"):
        assert words not in text
