"""The frame of the pages: who may open them, which forms are accepted, and how errors are shown."""

from collections.abc import Mapping
from urllib.parse import urlencode

import pytest
from botocore.exceptions import EndpointConnectionError
from starlette.requests import Request
from starlette.responses import Response
from starlette.testclient import TestClient

from operations.command import CommandError
from operations.console.console import Console, Notice, output
from operations.console.security import HEADERS
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
    with pytest.raises(RuntimeError):
        console.part(lambda: (_ for _ in ()).throw(RAISED["bug"]))


def test_an_output_that_the_stack_lacks_is_explained() -> None:
    with pytest.raises(CommandError, match="has no output ListingsUrl"):
        output(make_console().stack, "ListingsUrl")
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
    first, *_, last = [console.keep_notice(Notice(str(number))) for number in range(101)]
    assert console.take_notice(first) is None
    assert console.take_notice(last) == Notice("100")


def test_a_page_reloads_only_if_the_reader_asks_for_it() -> None:
    browser = visitor(make_console(), PAGES)
    assert "Refresh" not in browser.client.get("/").headers
    answer = browser.client.get("/?title=a&reload=10")
    assert answer.headers["Refresh"] == "10"
    assert '<a href="?title=a">Stop reloading</a>' in answer.text
    assert "Refresh" not in browser.client.get("/?reload=0.001").headers
