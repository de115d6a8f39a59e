"""Orders, dead letters, executions, logs, listings, e-mails and the simulator in the console of the local stack."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from deployment import Deployment, aws
from operations.findings import Finding
from operations.outcomes import REDRIVABLE, dead_letters, outcome_checks
from operations.stack import Stack
from quickstart.solicitations.ledger import EVERYONE, EXCLUDED
from tests.end_to_end.browser import Browser, running_browser
from tests.end_to_end.console import RunningConsole, enter, running_console
from tests.end_to_end.host import HostProduct, Seller, eventually, table_of
from tests.end_to_end.listing_helpers import publish, unique
from tests.end_to_end.operator_commands import local_stack
from tests.end_to_end.test_console import reloaded, submit
from tests.end_to_end.test_solicitations import ASK, Orders, ago
from tests.waiting import until

SCRIPT = "<script>document.title = 'run'</script>"
TOKEN = "Atzr|IwEBIDeadLetterOfTheConsole0123456789"


@pytest.fixture(scope="module")
def console(deployment: Deployment, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningConsole]:
    folder = tmp_path_factory.mktemp("console")
    with running_console(deployment.servers, deployment.stack_name, folder) as running:
        yield running


@pytest.fixture(scope="module")
def browser(console: RunningConsole, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """A browser that has opened the printed address."""
    with running_browser(tmp_path_factory.mktemp("browser")) as running:
        enter(running, console)
        yield running


@pytest.fixture(scope="module")
def stack(deployment: Deployment) -> Stack:
    return local_stack(deployment.servers, deployment.stack_name)


def doctor_says(stack: Stack, subject: str, about: str) -> Finding:
    """The finding of `make doctor` that names this."""
    now = datetime.now(UTC)
    checks = [check for name, check in outcome_checks(stack, now, REDRIVABLE) if name == subject]
    return next(finding for check in checks for finding in check() if about in finding.state)


def fill(browser: Browser, name: str, value: str) -> None:
    browser.evaluate(f"document.querySelector('[name={name}]').value = {json.dumps(value)}")


def test_a_failed_order_says_why_and_goes_on_after_a_redrive(
    deployment: Deployment, host: HostProduct, seller: Seller, stack: Stack, console: RunningConsole, browser: Browser
) -> None:
    host.store_token(seller)
    orders = Orders(deployment, seller, "903-8868176-2219830")
    orders.known_to_amazon(6)
    orders.fault(ASK, fault="status", status=403, code="Unauthorized", message="Access to the order is denied.")
    orders.send(orders.change(ago(days=6)))
    cause = orders.becomes("FAILED")["LastAnswer"]
    assert "Access to the order is denied." in cause
    (execution,) = orders.executions()

    assert browser.open(console.url(f"/orders?order={orders.order_id}&seller={seller.seller_id}")) == (
        f"Order {orders.order_id}"
    )
    shown = reloaded(browser, browser.address(), "Execution failed")
    finding = doctor_says(stack, "orders", orders.order_id)
    assert f"Cause: {cause}" in shown
    assert cause[:100] in finding.state
    assert f"What to do: {doctor_says(stack, 'review requests', 'failed').advice}" in shown
    assert "AccessDeniedError" in shown

    # The same in the lists.
    assert browser.open(console.url("/executions/Solicitation?status=FAILED")).startswith("Solicitation")
    assert execution["name"] in browser.text()
    assert cause in browser.text()
    assert browser.open(console.url(f"/orders/{seller.seller_id}?state=FAILED")) == f"Orders of {seller.seller_id}"
    assert orders.order_id in browser.text()
    calendar = browser.evaluate("[...document.querySelectorAll('.calendar a')].map((link) => link.ariaLabel)")
    assert calendar == [f"{ago(days=1):%Y-%m-%d}: 1 order"]

    assert submit(browser, orders.order_id) == f"Order {orders.order_id}"
    assert submit(browser, execution["name"]) == f"Execution {execution['name']}"
    assert "Failed in: GetSolicitationActions" in browser.text()
    assert submit(browser, "Redrive") == f"Execution {execution['name']}"
    assert "restarted as" in browser.evaluate("document.querySelector('.notice').innerText")
    orders.becomes("SOLICITED")
    browser.open(console.url(f"/orders/{seller.seller_id}/{orders.order_id}"))
    assert browser.evaluate("document.querySelector('main .state').innerText") == "SOLICITED"
    assert "Review request sent" in browser.text()
    assert "Execution succeeded" in browser.text()

    assert submit(browser, "Log lines of this order") == "Logs"
    sources = browser.evaluate("[...document.querySelectorAll('.story strong')].map((name) => name.innerText)")
    assert {"SPAPISolicitationScheduler", "SPAPIGetSolicitationActions", "SPAPISubmitSolicitation"} <= set(sources)


def test_a_seller_is_excluded_and_everything_is_stopped_and_resumed(
    deployment: Deployment, host: HostProduct, seller: Seller, console: RunningConsole, browser: Browser
) -> None:
    def excluded() -> set[str]:
        answer = table_of(deployment, "SolicitationsTableName").scan()["Items"]
        return {item["SellerId"] for item in answer if item["AmazonOrderId"] == EXCLUDED}

    host.store_token(seller)
    url = console.url(f"/orders/{seller.seller_id}")
    browser.open(url)
    assert submit(browser, "Exclude this seller") == f"Orders of {seller.seller_id}"
    assert "This seller is excluded." in browser.text()
    assert seller.seller_id in excluded()
    orders = Orders(deployment, seller, "903-8868176-2219831")
    orders.known_to_amazon(6)
    orders.send(orders.change(ago(days=6)))
    until(lambda: orders.item() or {}, lambda item: "excluded" in item.get("LastAnswer", ""), "the exclusion")
    assert orders.calls("getSolicitationActionsForOrder") == []
    submit(browser, "Request reviews again")
    assert seller.seller_id not in excluded()

    browser.open(console.url("/orders"))
    assert submit(browser, "Stop all review requests…") == "Stop all review requests"
    assert EVERYONE not in excluded()
    try:
        submit(browser, "Stop all review requests")
        assert EVERYONE in excluded()
        assert "All review requests are stopped." in browser.text()
    finally:
        submit(browser, "Resume")
    assert EVERYONE not in excluded()
    assert "All review requests are stopped." not in browser.text()


def test_dead_letters_are_read_moved_back_and_deleted(
    deployment: Deployment, seller: Seller, stack: Stack, console: RunningConsole, browser: Browser
) -> None:
    orders = Orders(deployment, seller, "903-8868176-2219832")
    queue, url = "OrdersDeadLetterQueue", deployment.outputs["OrdersDeadLetterQueueUrl"]
    sqs = aws(deployment.servers, "sqs")
    sqs.purge_queue(QueueUrl=url)

    def count(*, hidden: bool = False) -> int:
        name = f"ApproximateNumberOfMessages{'NotVisible' if hidden else ''}"
        return int(sqs.get_queue_attributes(QueueUrl=url, AttributeNames=[name])["Attributes"][name])

    def titles() -> list[str]:
        browser.open(console.url(f"/dead-letters/{queue}"))
        found: list[str] = browser.evaluate("[...document.querySelectorAll('h3')].map((heading) => heading.innerText)")
        return found

    orders.send(json.dumps({"notificationType": "WRONG_TYPE", "title": f"{SCRIPT}\u202e", "refreshToken": "secret"}))
    orders.send(f"no JSON, and a token: {TOKEN}")
    until(count, lambda number: number == 2, "both dead letters")

    assert browser.open(console.url("/dead-letters")) == "Dead letters"
    advice = dead_letters(stack, "OrdersDeadLetterQueueUrl", datetime.now(UTC)).advice
    assert advice in browser.text()
    assert submit(browser, queue) == queue
    shown = browser.text()
    for words in (advice, "notifications of other types are not supported here", "the message is not JSON"):
        assert words in shown
    contents = browser.evaluate("[...document.querySelectorAll('article pre')].map((content) => content.textContent)")
    (wrong,) = [json.loads(content) for content in contents if "WRONG_TYPE" in content]
    assert wrong == {"notificationType": "WRONG_TYPE", "title": f"{SCRIPT}⟨U+202E⟩", "refreshToken": "***"}
    assert TOKEN not in browser.evaluate("document.documentElement.outerHTML")
    assert browser.evaluate("document.title").startswith(queue)
    # They are there for the next reader at once.
    assert (count(), count(hidden=True)) == (2, 0)
    assert sorted(titles()) == ["Message", "WRONG_TYPE"]

    submit(browser, "Move back")
    assert "The message is back in the queue" in browser.text()
    until(count, lambda number: number == 2, "the message again")
    assert sorted(titles()) == ["Message", "WRONG_TYPE"]

    submit(browser, "Move all back")
    assert "SQS moves 2 messages back" in browser.text()
    until(titles, lambda found: sorted(found) == ["Message", "WRONG_TYPE"], "both messages again")

    assert submit(browser, "Delete…") == "Delete a message"
    assert count() == 2
    assert submit(browser, "Delete the message") == queue
    assert "The message is deleted." in browser.text()
    assert len(titles()) == 1
    browser.evaluate("[...document.querySelectorAll('[name=message]')].forEach((one) => one.value = 'another')")
    submit(browser, "Move back")
    assert browser.evaluate("document.querySelector('.notice').role") == "alert"
    assert (count(), count(hidden=True)) == (1, 0)
    sqs.purge_queue(QueueUrl=url)
    assert titles() == []


def test_a_dead_letter_with_a_client_secret_is_not_shown(
    deployment: Deployment, console: RunningConsole, browser: Browser
) -> None:
    sqs, url = aws(deployment.servers, "sqs"), deployment.outputs["SecretDeadLetterQueueUrl"]
    sqs.send_message(QueueUrl=url, MessageBody=json.dumps({"payload": {"new": "a secret without any shape"}}))
    try:
        assert browser.open(console.url("/dead-letters/SecretDeadLetterQueue")) == "SecretDeadLetterQueue"
        page = browser.evaluate("document.documentElement.outerHTML")
        assert "contain client secrets" in page
        assert "without any shape" not in page
    finally:
        sqs.purge_queue(QueueUrl=url)


def test_a_refused_listing_names_its_issues_and_what_to_do(
    host: HostProduct, french_seller: Seller, console: RunningConsole, browser: Browser
) -> None:
    sku = f"A-1 {SCRIPT}"
    message = f"'brand' {SCRIPT} is required."
    issue = {"code": "90220", "severity": "ERROR", "message": message, "attributeNames": ["brand"]}
    outcome = {"sellerId": french_seller.seller_id, "sku": sku, "invalid": [issue]}
    french_seller.control("POST", "listing-outcomes", outcome)
    answer = publish(host, french_seller, sku, Attributes=unique(), OnFindings="SEND")
    assert answer["status"] == "INVALID"

    browser.open(console.url("/listings"))
    fill(browser, "seller", french_seller.seller_id)
    fill(browser, "status", "INVALID")
    assert submit(browser, "Show") == "Listings"
    assert submit(browser, sku) == f"Submission of SKU {sku}"
    shown = browser.text()
    for words in (answer["message"], message, "add the attribute that the issue names", "Correct the attributes"):
        assert words in shown
    assert browser.evaluate("document.title").startswith("Submission of")


def test_the_inbox_shows_an_e_mail_as_people_see_it(
    deployment: Deployment, host: HostProduct, subscribed_seller: Seller, console: RunningConsole, browser: Browser
) -> None:
    report_id = host.create_report(subscribed_seller)
    reloaded(browser, console.url("/inbox"), report_id)
    subject = browser.evaluate(
        f"[...document.querySelectorAll('main a')].find((link) => link.innerText.includes('{report_id}')).innerText"
    )
    assert submit(browser, subject) == subject
    links = browser.evaluate("[...document.querySelectorAll('main pre a')].map((link) => link.href)")
    assert links
    assert all(link.startswith(deployment.servers.aws_endpoint) for link in links)


def test_the_simulators_log_faults_and_clock(
    host: HostProduct, seller: Seller, console: RunningConsole, browser: Browser
) -> None:
    url = console.url("/simulator")
    assert browser.open(url) == "SP-API simulator"
    for name, value in (("operation", "getReportSchedules"), ("sellerId", seller.seller_id), ("status", "418")):
        fill(browser, name, value)
    submit(browser, "Add the fault")
    assert "The fault was added." in browser.text()
    (fault,) = [each for each in seller.control("GET", "faults")["faults"] if each["sellerId"] == seller.seller_id]
    assert fault == {
        "fault": "status",
        "operation": "getReportSchedules",
        "sellerId": seller.seller_id,
        "remaining": 1,
        "status": 418,
    }
    assert seller.seller_id in browser.text()
    fill(browser, "status", "200")
    browser.evaluate("document.querySelectorAll('form').forEach((form) => form.noValidate = true)")
    submit(browser, "Add the fault")
    assert "a status fault needs a status between 400 and 599" in browser.text()
    submit(browser, "Remove all faults")
    assert seller.control("GET", "faults")["faults"] == []

    before = seller.control("GET", "clock")["addedSeconds"]
    # Other tests share the clock.
    browser.evaluate("document.querySelector('[name=advanceSeconds]').value = 1")
    submit(browser, "Move forward 10 minutes")
    assert seller.control("GET", "clock")["addedSeconds"] == before + 1

    host.store_token(seller)
    host.subscribe(seller)
    browser.open(f"{url}?operation=getAccessToken")
    page = browser.evaluate("document.documentElement.outerHTML")
    assert seller.seller_id in page
    assert seller.refresh_token not in page
    assert "Atza" not in page


def test_what_is_not_there_is_said(console: RunningConsole, browser: Browser) -> None:
    for path, heading in {
        "/dead-letters/NoQueue": "Queue not found",
        "/executions/NoMachine": "State machine not found",
        "/executions/Listing/none": "Execution not found",
        "/orders/A1/none": "Order not found",
        "/listings/A1/none": "Submission not found",
        "/listings/feeds/A1/none": "File not found",
        "/inbox/1": "E-mail not found",
        "/inbox/..%2f..%2fetc%2fpasswd": "Page not found",
    }.items():
        assert browser.open(console.url(path)) == heading
    assert browser.open(console.url("/orders?order=none")) == "Orders with the id none"


def test_an_execution_is_found_by_its_name(
    host: HostProduct, subscribed_seller: Seller, console: RunningConsole, browser: Browser
) -> None:
    report_id = host.create_report(subscribed_seller)
    name = f"{subscribed_seller.seller_id}-{report_id}-DONE"
    address = console.url(f"/executions/ReportProcessor?name={name}")
    eventually(lambda: browser.open(address) == f"Execution {name}" or None, "the execution")
    reloaded(browser, address, "Execution succeeded")
    page = browser.evaluate("document.documentElement.outerHTML")
    assert "X-Amz-Signature=***" in page or "X-Amz-Signature" not in page
    assert submit(browser, f"{report_id} of {subscribed_seller.seller_id}") == f"Report {report_id}"
