"""The page at /: what it shows, its forms, and hostile data, by HTTP and in a real browser by keyboard alone."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import urlencode

import pytest

from sp_api_simulator.index_page import ACTIONS, SECTIONS
from sp_api_simulator.operations import OPERATIONS
from tests.end_to_end.browser import Browser, running_browser
from tests.simulator.support import REPORTS, Answer, Simulator

HOSTILE = "<script>document.title='hacked'</script>\"'><img src=x onerror=document.title='hacked'>"
TAB, DOWN = ("Tab", 9), ("ArrowDown", 40)


class Elements(HTMLParser):
    """The names and attributes of a page's elements."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


def page(simulator: Simulator) -> str:
    return simulator.fetch("GET", f"{simulator.address}/").content.decode()


def submit(simulator: Simulator, action: str, origin: str = "", **fields: str) -> Answer:
    headers = {"Content-Type": "application/x-www-form-urlencoded"} | ({"Origin": origin} if origin else {})
    url = f"{simulator.address}/actions/{action}"
    response = simulator.http.request("POST", url, headers=headers, body=urlencode(fields), redirect=False)
    return Answer(response.status, {name.lower(): value for name, value in response.headers.items()}, response.data)


def message(answer: Answer) -> str:
    found = re.search(r'role="status">([^<]*)<', answer.content.decode())
    return found[1] if found else ""


def test_what_it_shows(simulator: Simulator) -> None:
    token = simulator.seller("A1SHOWN")
    report_id = simulator.create_report(token)
    shown = page(simulator)
    for words in ("This is not Amazon", "A1SHOWN", report_id, "createReport", *SECTIONS.values()):
        assert words in shown
    for operation in OPERATIONS:
        assert f"<td>{operation.name}</td>" in shown


def test_it_needs_nothing_from_elsewhere_and_no_script(simulator: Simulator) -> None:
    answer = simulator.fetch("GET", f"{simulator.address}/")
    policy = answer.headers["content-security-policy"].split("; ")
    assert {"default-src 'none'", "style-src 'self'", "form-action 'self'", "frame-ancestors 'none'"} <= set(policy)
    elements = Elements(answer.content.decode()).found
    assert not [name for name, _ in elements if name in ("script", "img", "iframe", "style")]
    attributes = [(name, value) for _, found in elements for name, value in found.items()]
    assert not [name for name, _ in attributes if name.startswith("on") or name == "style"]
    addresses = [value for name, value in attributes if name in ("href", "src", "action")]
    assert all(value and value.startswith(("/", "#", "data:,")) and not value.startswith("//") for value in addresses)
    for address in {value for value in addresses if value and value.startswith("/") and "/actions/" not in value}:
        assert simulator.fetch("GET", simulator.address + address).status == 200
    actions = {value.removeprefix("/actions/") for value in addresses if value and "/actions/" in value}
    assert actions == set(ACTIONS)


def test_every_field_has_a_label_and_every_table_a_name(simulator: Simulator) -> None:
    simulator.seller("A1")
    shown = page(simulator)
    fields = re.findall(r"<(?:input|select) ", shown)
    assert len(fields) == len(re.findall(r"<label>[^<]+<(?:input|select) ", shown))
    assert shown.count("<table>") == shown.count("<table><caption>")
    assert re.findall(r"<h([1-6])", shown)[0] == "1"


def test_hostile_data_is_text(simulator: Simulator) -> None:
    """From the control API, from a client's request, and from a queue's error."""
    token = simulator.seller(HOSTILE)
    simulator.call("POST", REPORTS, token, {"reportType": HOSTILE, "marketplaceIds": [HOSTILE]}, status=400)
    simulator.call("GET", f"{REPORTS}?reportTypes={HOSTILE.replace(' ', '%20')}", token)
    simulator.control("POST", "/faults", {"fault": "status", "status": 500, "sellerId": HOSTILE, "message": HOSTILE})
    simulator.control("POST", "/reports", {"sellerId": HOSTILE, "reportType": HOSTILE})
    assert HOSTILE not in page(simulator)
    refused = submit(simulator, "add-fault", fault=HOSTILE)
    assert (refused.status, HOSTILE in refused.content.decode()) == (400, False)
    for shown in (page(simulator), refused.content.decode()):
        elements = Elements(shown).found
        assert not [name for name, _ in elements if name in ("script", "img")]
        assert not [name for _, attributes in elements for name in attributes if name.startswith("on")]
        assert "&lt;script&gt;" in shown


def test_the_forms(simulator: Simulator) -> None:
    added = submit(simulator, "add-seller", sellerId="A1")
    assert (added.status, message(added).partition(": ")[0]) == (200, "Seller A1 has this refresh token")
    token = simulator.token(grant_type="refresh_token", refresh_token=message(added).partition(": ")[2])
    assert token["access_token"]
    form = {"fault": "status", "operation": "getReport", "sellerId": "", "count": "null", "status": "503"}
    done = submit(simulator, "add-fault", **form, seconds="", afterBytes="")
    assert (done.status, done.headers["location"]) == (303, "/")
    (fault,) = simulator.control("GET", "/faults")["faults"]
    assert (fault["operation"], fault["remaining"], fault["status"]) == ("getReport", None, 503)
    simulator.call("GET", f"{REPORTS}/1", str(token["access_token"]), status=503)
    assert submit(simulator, "remove-faults").status == 303
    assert simulator.control("GET", "/faults")["faults"] == []
    assert submit(simulator, "set-clock", advanceSeconds="86400").status == 303
    assert submit(simulator, "set-clock", scale="2.5").status == 303
    clock = simulator.control("GET", "/clock")
    assert (clock["addedSeconds"], clock["scale"]) == (86400, 2.5)
    nobody = submit(simulator, "send-notification", notificationType="ORDER_CHANGE", sellerId="A1")
    assert (nobody.status, message(nobody)) == (
        200,
        "Nobody has subscribed to this type for this seller. Nothing was sent.",
    )
    assert submit(simulator, "release-notifications").status == 303
    assert submit(simulator, "clear-requests").status == 303
    assert simulator.control("GET", "/requests")["requests"] == []
    assert submit(simulator, "reset").status == 303
    assert simulator.control("GET", "")["sellers"] == []


@pytest.mark.parametrize(
    ("action", "fields", "status", "words"),
    [
        ("set-clock", {"advanceSeconds": "soon"}, 400, "Refused: advanceSeconds must be a number."),
        ("set-clock", {"scale": "nan"}, 400, "Refused: scale must be a number."),
        ("set-clock", {"scale": "0"}, 400, "Refused: the time scale must be greater than zero."),
        ("add-fault", {"fault": "status"}, 400, "Refused: a status fault needs a status between 400 and 599"),
        ("add-fault", {"fault": "reset", "colour": "red"}, 400, "Refused: unknown fields: colour."),
        ("send-notification", {"notificationType": "ORDER_CHANGE", "sellerId": "A9"}, 404, "Refused: no seller A9."),
        ("nothing", {}, 404, "There is no such form."),
    ],
)
def test_a_form_that_is_refused_says_why(
    simulator: Simulator, action: str, fields: dict[str, str], status: int, words: str
) -> None:
    refused = submit(simulator, action, **fields)
    assert (refused.status, message(refused)[: len(words)]) == (status, words)


def test_a_page_of_another_site_cannot_submit(simulator: Simulator) -> None:
    simulator.seller("A1")
    refused = submit(simulator, "reset", origin="https://example.com")
    assert (refused.status, message(refused)) == (403, "Refused: a page of another site cannot use the simulator.")
    assert simulator.control("GET", "")["sellers"]
    assert submit(simulator, "reset", origin=simulator.address).status == 303


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    folder: Path = tmp_path_factory.mktemp("browser")
    with running_browser(folder) as found:
        yield found


def focused(browser: Browser) -> str:
    """What has the focus: the text of its label, or its own."""
    return str(
        browser.evaluate("((e) => (e.closest('label') ?? e).firstChild?.textContent ?? '')(document.activeElement)")
    )


def go_to(browser: Browser, text: str, within: str = "") -> None:
    """Presses Tab until the focus is on what has this text, in the form with the button `within`."""
    form = "document.activeElement.closest('form')?.querySelector('button').textContent ?? ''"
    for _ in range(120):
        browser.strike(*TAB)
        if focused(browser) == text and within in ("", browser.evaluate(form)):
            return
    raise AssertionError(f"Tab never reaches {text}")


def test_by_keyboard_alone(simulator: Simulator, browser: Browser) -> None:
    simulator.seller(HOSTILE)
    assert browser.open(simulator.address) == "SP-API simulator"
    assert browser.evaluate("document.styleSheets[0].cssRules.length") > 5
    assert browser.evaluate("document.title") == "SP-API simulator"
    assert "<script>" in browser.text()
    browser.strike(*TAB)
    assert focused(browser) == "Skip to the state"
    assert browser.evaluate("getComputedStyle(document.activeElement).outlineWidth") == "3px"
    go_to(browser, "Seller id (empty: a new one)")
    browser.type("A1KEYBOARD")
    browser.enter()
    assert "Seller A1KEYBOARD has this refresh token: Atzr|" in browser.text()
    go_to(browser, "By")
    browser.strike(*DOWN)
    go_to(browser, "Move the clock forward")
    browser.enter()
    assert simulator.control("GET", "/clock")["addedSeconds"] == 3601
    go_to(browser, "Fault", "Add the fault")
    # The first kind of fault is status, the second slow.
    browser.strike(*DOWN)
    go_to(browser, "Seconds (fault slow)")
    browser.type("0.5")
    go_to(browser, "Add the fault")
    browser.enter()
    (fault,) = simulator.control("GET", "/faults")["faults"]
    assert (fault["fault"], fault["operation"], fault["remaining"]) == ("slow", "", 1)
    go_to(browser, "Remove all faults")
    browser.enter()
    assert simulator.control("GET", "/faults")["faults"] == []
    assert browser.evaluate("document.title") == "SP-API simulator"


@pytest.mark.parametrize("width", [320, 1200])
def test_it_fits_the_screen(simulator: Simulator, browser: Browser, width: int) -> None:
    simulator.call("GET", f"{REPORTS}/{'x' * 400}", simulator.seller("A" * 100))
    browser.open(simulator.address)
    browser.set_width(width)
    assert browser.evaluate("document.documentElement.scrollWidth <= innerWidth")
