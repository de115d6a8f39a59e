"""Every page of the console in a real browser: reached by links, accessible, usable by keyboard, and on a phone.

The same walk, as a stack on AWS has it: with the operator's policy and nothing more, and read-only.
"""

import json
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from deployment import REPOSITORY, Deployment, aws
from operations.console.site import PAGES
from tests.end_to_end.browser import Browser, running_browser
from tests.end_to_end.console import RunningConsole, enter, running_console
from tests.end_to_end.feed_helpers import lines, message, send_file
from tests.end_to_end.host import HostProduct, Seller, eventually, mail_about, new_seller
from tests.end_to_end.listing_helpers import publish, unique
from tests.end_to_end.test_operator_policy import policy_for
from tests.end_to_end.test_solicitations import Orders, ago
from tests.waiting import until

AXE = Path(os.environ.get("NODE_MODULES", REPOSITORY / "node_modules")) / "axe-core" / "axe.min.js"
DENIED = {"fault": "status", "status": 403, "operation": "getReportDocument", "code": "Unauthorized"}
# More pages of one kind are not opened.
EACH = 3


def kinds() -> dict[str, re.Pattern[str]]:
    """The views of the console by their path, with a pattern for the addresses that they have."""
    paths = [path for page in PAGES for path in page.views]
    return {path: re.compile(re.sub(r"\\{[^}]+\\}", "[^/]+", re.escape(path)) + r"(\?.*)?") for path in paths}


def kind_of(address: str) -> str:
    """The first view that answers it, as Starlette chooses."""
    return next((path for path, pattern in kinds().items() if pattern.fullmatch(address)), "")


def walk(browser: Browser, console: RunningConsole) -> Iterator[str]:
    """Opens pages by following links from the overview, EACH of every kind, and yields their addresses."""
    # The reports of this test first, because the stack has others, which may lack a document.
    waiting = ["/", "/reports?seller=A1CONSOLEDELIVERED", "/reports?seller=A1CONSOLEFAILED"]
    seen = set(waiting)
    opened: dict[str, int] = {}
    while waiting:
        address = waiting.pop(0)
        kind = kind_of(address)
        if opened.get(kind, 0) >= EACH:
            continue
        opened[kind] = opened.get(kind, 0) + 1
        browser.open(console.url(address))
        yield address
        links = browser.evaluate("[...document.querySelectorAll('a[href]')].map((link) => link.href)")
        base = console.url("")
        for link in (each.removeprefix(base).partition("#")[0] for each in links if each.startswith(base)):
            if link not in seen:
                seen.add(link)
                waiting.append(link)


@pytest.fixture(scope="module")
def reports(deployment: Deployment, host: HostProduct) -> tuple[str, str]:
    """The ids of a delivered report and of one that could not be delivered, of sellers of their own."""
    found = []
    for name in ("A1CONSOLEDELIVERED", "A1CONSOLEFAILED"):
        seller = new_seller(deployment.servers, name)
        host.store_token(seller)
        host.subscribe(seller)
        if name.endswith("FAILED"):
            seller.control("POST", "faults", DENIED | {"sellerId": name, "message": "<script>denied</script>"})
        found.append(host.create_report(seller))
        mail_about(deployment.servers, found[-1])
    return found[0], found[1]


@pytest.fixture(scope="module")
def work(deployment: Deployment, host: HostProduct) -> Seller:
    """A seller with an order, a submission and a file, before all other sellers in lists; and a dead letter."""
    seller = new_seller(deployment.servers, "0CONSOLE")
    host.store_token(seller)
    orders = Orders(deployment, seller, "903-8868176-0000001")
    orders.send(orders.change(ago(days=-3)))
    orders.becomes("SCHEDULED")
    orders.send("<script>no order</script>")
    publish(host, seller, "A-1", Attributes=unique(), OnFindings="SEND")
    send_file(host, seller, lines([message("A-2")]))
    url = deployment.outputs["OrdersDeadLetterQueueUrl"]
    eventually(lambda: count(deployment, url) or None, "the dead letter")
    states, machine = aws(deployment.servers, "stepfunctions"), deployment.outputs["ListingFeedStateMachineArn"]
    eventually(lambda: states.list_executions(stateMachineArn=machine)["executions"] or None, "the file's execution")
    return seller


def count(deployment: Deployment, url: str) -> int:
    """How many messages are in the queue."""
    name = "ApproximateNumberOfMessages"
    attributes = aws(deployment.servers, "sqs").get_queue_attributes(QueueUrl=url, AttributeNames=[name])["Attributes"]
    return int(attributes[name])


@pytest.fixture(scope="module")
def console(
    deployment: Deployment, reports: tuple[str, str], work: Seller, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunningConsole]:
    assert reports
    assert work
    folder = tmp_path_factory.mktemp("console")
    with running_console(deployment.servers, deployment.stack_name, folder) as running:
        yield running


@pytest.fixture(scope="module")
def as_operator(
    deployment: Deployment, reports: tuple[str, str], work: Seller, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunningConsole]:
    """The console as for a stack on AWS, with the credentials of a user who has only the operator's policy."""
    assert reports
    assert work
    iam = aws(deployment.servers, "iam")
    iam.create_user(UserName="console")
    policy = iam.create_policy(PolicyName="console", PolicyDocument=policy_for(deployment))["Policy"]
    iam.attach_user_policy(UserName="console", PolicyArn=policy["Arn"])
    key = iam.create_access_key(UserName="console")["AccessKey"]
    with running_console(
        deployment.servers,
        deployment.stack_name,
        tmp_path_factory.mktemp("console"),
        AWS_ACCESS_KEY_ID=key["AccessKeyId"],
        AWS_SECRET_ACCESS_KEY=key["SecretAccessKey"],
        SIMULATOR_URL="",
        MAILBOX="",
    ) as running:
        yield running


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with running_browser(tmp_path_factory.mktemp("browser")) as running:
        yield running


def violations(browser: Browser) -> list[Mapping[str, Any]]:
    """What axe-core finds on the page: rule, impact and elements."""
    browser.evaluate(f"{AXE.read_text()}; void 0")
    found = browser.evaluate("axe.run(document, {resultTypes: ['violations']}).then((found) => found.violations)")
    return [
        {"rule": each["id"], "impact": each["impact"], "elements": [node["html"][:200] for node in each["nodes"][:3]]}
        for each in found
    ]


def test_every_page_is_reached_by_links_and_is_accessible(console: RunningConsole, browser: Browser) -> None:
    enter(browser, console)
    found, reached = {}, set()
    for address in walk(browser, console):
        reached.add(kind_of(address))
        assert browser.evaluate("document.querySelectorAll('h1').length") == 1, address
        heading = browser.evaluate("document.querySelector('h1').innerText")
        assert heading not in ("Something went wrong", "Page not found"), (address, console.output.read_text())
        for scheme in ("light", "dark"):
            browser.prefer(scheme)
            if problems := violations(browser):
                found[address, scheme] = problems
    assert found == {}
    assert set(kinds()) - reached == set()


def test_a_phone_shows_every_page_without_scrolling_sideways(console: RunningConsole, browser: Browser) -> None:
    enter(browser, console)
    browser.set_width(360)
    try:
        wide = {
            address: width
            for address in walk(browser, console)
            if (width := browser.evaluate("document.documentElement.scrollWidth")) > 360
        }
    finally:
        browser.set_width(1200)
    assert wide == {}


def focused(browser: Browser) -> str:
    """The words of the element that has the focus, which must be visible."""
    # While a page is being replaced, nothing has the focus.
    until(lambda: browser.evaluate("document.activeElement !== null"), bool, "an element with the focus")
    outline = browser.evaluate("getComputedStyle(document.activeElement).outlineStyle")
    words = str(browser.evaluate("(document.activeElement.innerText || document.activeElement.name || '').trim()"))
    assert outline != "none", words
    return words


def tab_to(browser: Browser, words: str) -> None:
    """Presses Tab until the element with these words has the focus."""
    for _ in range(200):
        browser.strike("Tab", 9)
        if focused(browser) == words:
            return
    raise AssertionError(f"Tab does not reach {words}")


def test_the_keyboard_alone_is_enough(console: RunningConsole, browser: Browser, reports: tuple[str, str]) -> None:
    _, failed = reports
    enter(browser, console)
    browser.strike("Tab", 9)
    assert focused(browser) == "Skip to the content"
    browser.strike("Enter", 13, "\r")
    until(lambda: browser.evaluate("document.activeElement.id"), lambda focus: focus == "main", "the focus in main")
    for page in (page for page in PAGES if page.path != "/"):
        if browser.evaluate(f"!document.querySelector('nav a[href={json.dumps(page.path)}]')"):
            continue
        browser.open(console.url("/"))
        tab_to(browser, page.title)
        browser.enter()
        assert browser.address() == console.url(page.path)
    browser.open(console.url("/reports"))
    tab_to(browser, "seller")
    browser.type("A1CONSOLEFAILED")
    assert browser.enter() == "Reports"
    tab_to(browser, failed)
    assert browser.enter() == f"Report {failed}"
    tab_to(browser, "Request again")
    assert re.fullmatch(r"Report \d+", browser.enter())


def test_the_operators_policy_is_enough_and_nothing_can_be_changed(
    as_operator: RunningConsole, browser: Browser, reports: tuple[str, str]
) -> None:
    enter(browser, as_operator)
    shown = {}
    for address in walk(browser, as_operator):
        text = browser.text()
        shown[address] = [line for line in text.splitlines() if "may not call" in line or "went wrong" in line]
        assert browser.evaluate("document.querySelectorAll('form[method=post]').length") == 0, address
        assert "read-only" in text
    assert {address: lines for address, lines in shown.items() if lines} == {}
    assert any(reports[1] in address for address in shown)
    # Instead of the button.
    browser.open(as_operator.url(f"/reports/A1CONSOLEFAILED/{reports[1]}"))
    assert "make redrive-executions STACK=" in browser.text()
    local = {path for page in PAGES if page.local_only for path in page.views}
    # Pages that ask before a change, which nothing leads to.
    asking = {path for page in PAGES for path in page.views if path in page.actions}
    assert set(kinds()) - {kind_of(address) for address in shown} == local | asking


def test_a_missing_permission_is_explained_where_it_is_needed(
    deployment: Deployment, as_operator: RunningConsole, browser: Browser
) -> None:
    denied = {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Deny", "Action": ["dynamodb:Query", "cloudwatch:DescribeAlarms"], "Resource": "*"}],
    }
    iam = aws(deployment.servers, "iam")
    iam.put_user_policy(UserName="console", PolicyName="denied", PolicyDocument=json.dumps(denied))
    try:
        enter(browser, as_operator)
        assert browser.open(as_operator.url("/reports?seller=A1")) == "Your credentials may not call dynamodb:Query"
        assert browser.open(as_operator.url("/")) == "Overview"
        assert "Your credentials may not call cloudwatch:DescribeAlarms." in browser.text()
        assert "OrdersDeadLetterQueue" in browser.text()
    finally:
        iam.delete_user_policy(UserName="console", PolicyName="denied")
