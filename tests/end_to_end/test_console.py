"""The console of the local stack in a real browser."""

import json
import signal
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import boto3
import pytest
import requests

from deployment import Deployment, aws, local_address
from operations.outcomes import outcome_checks
from operations.stack import find_stack
from tests.end_to_end.browser import Browser, running_browser
from tests.end_to_end.console import RunningConsole, enter, running_console
from tests.end_to_end.host import REPORT_TYPE, HostProduct, Seller, invoke_function, ledger_item, mail_about
from tests.waiting import SECONDS, until

# What others may write into a listing, in a charset that is not UTF-8.
HOSTILE = "sku\titem-name\tprice\nA-1\t<script>document.title = 'run'</script>①髙島屋\t500円\n"
DENIED = {"fault": "status", "status": 403, "operation": "getReportDocument", "code": "Unauthorized"}


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


def reloaded(browser: Browser, url: str, text: str) -> str:
    """The text of the page, once it has this text."""

    def read() -> str:
        browser.open(url)
        return browser.text()

    return until(read, lambda shown: text in shown, f"{text} at {url}")


def submit(browser: Browser, words: str) -> str:
    """Presses the button with these words, and gives the heading of the next page."""
    browser.evaluate(
        f"[...document.querySelectorAll('button, a')].find((one) => one.innerText === {json.dumps(words)}).id = 'it'"
    )
    return browser.press("#it")


def report_url(console: RunningConsole, seller: Seller, report_id: str) -> str:
    return console.url(f"/reports/{seller.seller_id}/{report_id}")


def test_the_token_is_not_left_in_the_address(console: RunningConsole, browser: Browser) -> None:
    browser.open(console.address)
    until(browser.address, lambda address: address == console.url("/"), "the overview")


def test_the_cookie_works_in_this_browser_alone(console: RunningConsole, browser: Browser) -> None:
    before = browser.open_tab(private=True)
    assert browser.open(console.url("/")) == "Open the printed address"
    browser.use_tab(before)
    assert browser.open(console.url("/")) == "Overview"
    assert browser.evaluate("document.cookie") == ""


def test_another_site_cannot_read_through_a_name_of_its_own(console: RunningConsole) -> None:
    answer = requests.get(console.address, headers={"Host": "evil.example"}, timeout=SECONDS)
    assert answer.status_code == 403


def test_it_stops_quietly(deployment: Deployment, tmp_path: Path) -> None:
    with running_console(deployment.servers, deployment.stack_name, tmp_path) as running:
        before = running.output.read_text()
        running.process.send_signal(signal.SIGINT)
        assert running.process.wait(SECONDS) == 0
        assert running.output.read_text().strip() == before.strip()


def test_a_delivered_report_with_its_first_rows_and_a_link(
    deployment: Deployment, host: HostProduct, subscribed_seller: Seller, console: RunningConsole, browser: Browser
) -> None:
    outcome = {"sellerId": subscribed_seller.seller_id, "document": {"charset": "Shift_JIS", "text": HOSTILE}}
    subscribed_seller.control("POST", "report-outcomes", outcome)
    report_id = host.create_report(subscribed_seller)
    mail_about(deployment.servers, report_id)

    browser.open(console.url(f"/reports?seller={subscribed_seller.seller_id}&type=merchant&state=delivered"))
    until(lambda: browser.reload() and report_id in browser.text(), bool, "the report in the list")
    assert submit(browser, report_id) == f"Report {report_id}"
    shown = browser.text()
    story = [
        "Requested with POST /reports",
        "Stored in the bucket",
        "E-mailed",
        "The notification started an execution",
    ]
    assert [line for line in story if line not in shown] == []

    assert submit(browser, "First rows") == f"First rows of report {report_id}"
    cells = browser.evaluate("[...document.querySelectorAll('th, td')].map((cell) => cell.innerText)")
    assert cells == HOSTILE.replace("\n", "\t").split("\t")[:-1]
    assert browser.evaluate("document.title").startswith("First rows")
    assert "charset ms932" in browser.text()

    browser.back()
    submit(browser, "Fresh link")
    link = browser.evaluate("document.querySelector('a[download]').href")
    assert requests.get(link, timeout=SECONDS).content.decode("cp932") == HOSTILE
    assert link not in browser.address()


def test_a_failed_report_says_what_the_e_mail_says_and_can_be_redriven(
    deployment: Deployment, host: HostProduct, subscribed_seller: Seller, console: RunningConsole, browser: Browser
) -> None:
    message = "denied <b>by Amazon</b>"
    subscribed_seller.control("POST", "faults", DENIED | {"sellerId": subscribed_seller.seller_id, "message": message})
    report_id = host.create_report(subscribed_seller)
    mail = mail_about(deployment.servers, report_id)
    url = report_url(console, subscribed_seller, report_id)
    shown = reloaded(browser, url, "E-mailed that the report was not delivered")
    lines = mail.body.splitlines()
    cause, remedy = (next(line for line in lines if words in line) for words in ("Likely cause", "role"))
    assert cause.removeprefix("Likely cause: ") in shown
    assert remedy in shown
    assert message in shown
    assert "failed" in browser.evaluate("document.querySelector('main .state').innerText")

    browser.open(console.url(f"/reports?seller={subscribed_seller.seller_id}&state=failed"))
    assert report_id in browser.text()

    browser.open(url)
    assert submit(browser, "Redrive") == f"Report {report_id}"
    assert browser.evaluate("document.querySelector('.notice').role") == "status"
    shown = reloaded(browser, url, "The execution succeeded")
    assert browser.evaluate("document.querySelector('main .state').innerText") == "delivered"


def test_a_report_is_asked_for_again(
    deployment: Deployment, host: HostProduct, subscribed_seller: Seller, console: RunningConsole, browser: Browser
) -> None:
    report_id = host.create_report(subscribed_seller, ReportDataStartTime="2026-11-01T00:00:00Z")
    browser.open(report_url(console, subscribed_seller, report_id))
    heading = submit(browser, "Request again")
    assert heading.startswith("Report ")
    again = heading.removeprefix("Report ")
    assert again != report_id
    first, second = (ledger_item(deployment, subscribed_seller, each) or {} for each in (report_id, again))
    same = ("ReportType", "MarketplaceIds", "DataStartTime", "RegionCode")
    assert [second[name] for name in same] == [first[name] for name in same]


def test_a_seller_is_subscribed_compared_and_removed(
    host: HostProduct, subscribed_seller: Seller, console: RunningConsole, browser: Browser
) -> None:
    seller_id = subscribed_seller.seller_id
    url = console.url(f"/sellers/{seller_id}")
    assert browser.open(url) == f"Seller {seller_id}"
    browser.evaluate("document.querySelector('select[name=type]').value = 'ORDER_CHANGE'")
    submit(browser, "Subscribe")
    assert "Subscribed to ORDER_CHANGE in NA" in browser.text()

    assert browser.open(f"{url}/NA") == f"Seller {seller_id} in NA"
    rows = browser.evaluate("[...document.querySelectorAll('tbody tr')].map((row) => row.innerText)")
    assert sorted(row.split()[:2] for row in rows) == [
        ["ORDER_CHANGE", "Subscribed"],
        ["REPORT_PROCESSING_FINISHED", "Subscribed"],
    ]

    browser.open(url)
    browser.press("button[aria-label='Unsubscribe from ORDER_CHANGE in NA']")
    assert "Unsubscribed from ORDER_CHANGE in NA: 1 subscription ended." in browser.text()
    assert host.get("NotificationsSubscriberUrl", SellerId=seller_id, RegionCode="NA").json()["subscriptions"][0][
        "notificationType"
    ] == ("REPORT_PROCESSING_FINISHED")

    assert submit(browser, "Remove this seller…") == f"Remove {seller_id}?"
    browser.evaluate("document.querySelector('input[name=confirm]').value = 'another'")
    assert submit(browser, "Remove the seller") == f"Remove {seller_id}?"
    assert "Nothing was deleted" in browser.text()
    browser.evaluate(f"document.querySelector('input[name=confirm]').value = {json.dumps(seller_id)}")
    assert submit(browser, "Remove the seller") == "Sellers"
    assert f"Removed the seller {seller_id}: 1 token deleted, 1 subscription ended." in browser.text()
    assert browser.open(url) == "Seller not found"


def test_the_schedules_of_a_seller_are_listed_and_cancelled(
    host: HostProduct, subscribed_seller: Seller, console: RunningConsole, browser: Browser
) -> None:
    body = {"SellerId": subscribed_seller.seller_id, "RegionCode": "NA", "ReportType": REPORT_TYPE}
    answer = host.send("ReportSchedulesUrl", body | {"MarketplaceIds": "ATVPDKIKX0DER", "Period": "P1D"})
    schedule = answer.json()["reportScheduleId"]
    browser.open(console.url(f"/sellers/{subscribed_seller.seller_id}/NA?types={REPORT_TYPE}"))
    assert schedule in browser.text()
    browser.press(f"button[aria-label='Cancel the schedule {schedule}']")
    assert f"Cancelled the schedule {schedule}" in browser.text()


def test_no_page_has_a_refresh_token(subscribed_seller: Seller, console: RunningConsole, browser: Browser) -> None:
    for path in ("/sellers", f"/sellers/{subscribed_seller.seller_id}", f"/sellers/{subscribed_seller.seller_id}/NA"):
        browser.open(console.url(path))
        page = browser.evaluate("document.documentElement.outerHTML")
        assert subscribed_seller.refresh_token not in page
        assert "Ciphertext" not in page


def test_an_overdue_report_is_told_as_the_doctor_and_the_e_mail_do(
    deployment: Deployment, host: HostProduct, subscribed_seller: Seller, console: RunningConsole, browser: Browser
) -> None:
    subscribed_seller.control(
        "POST", "report-outcomes", {"sellerId": subscribed_seller.seller_id, "queueSeconds": 100_000}
    )
    report_id = host.create_report(subscribed_seller)
    two_days_ago = (datetime.now(UTC) - timedelta(days=2)).isoformat(timespec="seconds")
    aws(deployment.servers, "dynamodb").update_item(
        TableName=deployment.outputs["ReportsTableName"],
        Key={"ReportId": {"S": report_id}, "SellerId": {"S": subscribed_seller.seller_id}},
        UpdateExpression="SET RequestedTime = :time",
        ExpressionAttributeValues={":time": {"S": two_days_ago}},
    )
    invoke_function(deployment, "SPAPIReportSweep", {})
    url = report_url(console, subscribed_seller, report_id)
    shown = reloaded(browser, url, "E-mailed that SP-API has not finished the report in time")
    assert browser.evaluate("document.querySelector('main .state').innerText") == "overdue"
    assert "Check that the seller is subscribed to REPORT_PROCESSING_FINISHED" in shown
    stack = find_stack(
        deployment.stack_name,
        boto3.Session("test", "test", region_name=deployment.servers.region),
        deployment.servers.aws_endpoint,
        partial(local_address, deployment.servers),
    )
    checks = [
        check for subject, check in outcome_checks(stack, datetime.now(UTC), timedelta(days=14)) if subject == "reports"
    ]
    late = next(finding.state for finding in checks[0]() if "not finished" in finding.state)
    assert f"{report_id} of seller {subscribed_seller.seller_id}" in late

    def listed() -> bool:
        browser.open(console.url("/reports?state=overdue"))
        return report_id in browser.text()

    until(listed, bool, "the report among those of all sellers")
