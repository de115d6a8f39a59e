"""Walks through every page of the console after a storm, by keyboard alone: `make console-walk`.

Deploys the stack to a local emulator of its own, plays `make storm`, and lets things fail: reports, an order, a
listing, dead letters and a client secret that ends soon, with scripts in titles and messages. Then Chromium goes to
each page from the navigation with Tab and Enter, and axe-core checks it in light and dark. Exit status 1 if the storm
lost something, if a page cannot be reached, or if axe-core finds anything.
"""

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from deployment import REPOSITORY, Deployment, aws, confirm_subscriptions, deploy, publish_templates, stack_parameters
from operations.console.site import PAGES
from quickstart.application_secret import ApplicationSecret, secret_string
from servers import running_servers
from simulator import EVENT_BUS, application_arguments
from tests.end_to_end.browser import Browser, running_browser
from tests.end_to_end.console import RunningConsole, enter, running_console
from tests.end_to_end.feed_helpers import lines, message, send_file
from tests.end_to_end.host import HostProduct, Seller, eventually, invoke_function, mail_about, new_seller
from tests.end_to_end.listing_helpers import publish, subscribed, unique
from tests.end_to_end.storm import Storm, play
from tests.end_to_end.test_console_pages import DENIED, kind_of, kinds, violations
from tests.end_to_end.test_solicitations import ASK, Orders, ago
from tests.end_to_end.test_sweep import age

SCRIPT = "<script>document.title = 'run'</script>"
HOSTILE = f"sku\titem-name\tprice\nA-1\t{SCRIPT}①髙島屋\t500円\n"
REFUSED = "Access to requested resource is denied."
# Right-to-left text, an emoji, and a character that turns the direction of what follows.
UNUSUAL = "قميص 👕 \u202egnp.exe"
# More pages of one kind are not opened. The four reports that need care come first, then one that was delivered.
EACH = 5
WIDTHS = {"desktop": 1200, "phone": 360}
TAB = ("Tab", 9)


@dataclass(frozen=True)
class Troubles:
    """Sellers with a delivered report and with one of each that failed, by what happened; and an order that failed."""

    delivered: tuple[Seller, str]
    failed: tuple[Seller, str]
    orders: Orders


def let_things_fail(deployment: Deployment, host: HostProduct) -> Troubles:
    """Everything that a page explains, once."""
    delivered, failed, fatal, hostile, late = (
        _ready(host, f"A2{name}") for name in ("DELIVERED", "DENIED", "FATAL", "HOSTILE", "LATE")
    )
    document = {"charset": "Shift_JIS", "text": HOSTILE}
    delivered.control("POST", "report-outcomes", {"sellerId": delivered.seller_id, "document": document})
    for seller, words in ((failed, REFUSED), (hostile, f"{REFUSED} {SCRIPT}{UNUSUAL}")):
        seller.control("POST", "faults", DENIED | {"sellerId": seller.seller_id, "message": words})
    fatal.control("POST", "report-outcomes", {"sellerId": fatal.seller_id, "status": "FATAL"})
    late.control("POST", "report-outcomes", {"sellerId": late.seller_id, "queueSeconds": 1_000_000})
    made = [(seller, host.create_report(seller)) for seller in (delivered, failed, hostile, fatal)]
    age(deployment, late, host.create_report(late), timedelta(days=2))
    invoke_function(deployment, "SPAPIReportSweep", {})
    schedule = {"SellerId": delivered.seller_id, "RegionCode": "NA", "ReportType": "GET_MERCHANT_LISTINGS_ALL_DATA"}
    assert host.send("ReportSchedulesUrl", schedule | {"MarketplaceIds": "ATVPDKIKX0DER", "Period": "P1D"}).ok
    orders = _orders(deployment, host)
    _listings(deployment, host)
    _secret_that_ends_soon(deployment)
    for _, report_id in made:
        mail_about(deployment.servers, report_id)
    return Troubles(made[0], made[1], orders)


def _ready(host: HostProduct, seller_id: str) -> Seller:
    seller = new_seller(host.deployment.servers, seller_id)
    host.store_token(seller)
    host.subscribe(seller)
    return seller


def _orders(deployment: Deployment, host: HostProduct) -> Orders:
    """Two that failed, one whose review was requested, thirty that wait, and dead letters."""
    # Before those of the storm in lists.
    seller = new_seller(deployment.servers, "A1ORDERS")
    host.store_token(seller)
    failed, asked, hostile = (Orders(deployment, seller, f"903-8868176-000000{number}") for number in (1, 2, 3))
    for orders, words in ((failed, REFUSED), (hostile, f"{REFUSED} {SCRIPT}{UNUSUAL}")):
        orders.fault(ASK, fault="status", status=403, code="Unauthorized", message=words)
        orders.known_to_amazon(6)
        orders.send(orders.change(ago(days=6)))
        orders.becomes("FAILED")
    asked.known_to_amazon(6)
    asked.send(asked.change(ago(days=6)))
    asked.becomes("SOLICITED")
    for number in range(30):
        waiting = Orders(deployment, seller, f"903-8868176-{number + 10:07}")
        waiting.send(waiting.change(ago(days=-(number % 12))))
    waiting.becomes("SCHEDULED")
    failed.send(json.dumps({"notificationType": "WRONG_TYPE", "title": SCRIPT, "refreshToken": "secret"}))
    failed.send(f"no JSON: {UNUSUAL}")
    return failed


def _listings(deployment: Deployment, host: HostProduct) -> None:
    """A refused submission with a hostile SKU, one that is published, and a file."""
    seller = subscribed(new_seller(deployment.servers, "A1LISTINGS"), host)
    issue = {"code": "90220", "severity": "ERROR", "message": f"'brand' {SCRIPT}", "attributeNames": ["brand"]}
    sku = f"A-1 {SCRIPT} {UNUSUAL}"[:40]
    seller.control("POST", "listing-outcomes", {"sellerId": seller.seller_id, "sku": sku, "invalid": [issue]})
    publish(host, seller, sku, Attributes=unique(), OnFindings="SEND")
    publish(host, seller, "A-2", Attributes=unique(), OnFindings="SEND")
    send_file(host, seller, lines([message("A-3"), message("A-4")]))
    states, machine = aws(deployment.servers, "stepfunctions"), deployment.outputs["ListingFeedStateMachineArn"]
    eventually(lambda: states.list_executions(stateMachineArn=machine)["executions"] or None, "the file's execution")


def _secret_that_ends_soon(deployment: Deployment) -> None:
    secret = ApplicationSecret(aws(deployment.servers, "secretsmanager"), deployment.outputs["ApplicationSecretArn"])
    soon = replace(secret.in_use(), version_id="", expires_at=datetime.now(UTC) + timedelta(days=20))
    secret.client.put_secret_value(SecretId=secret.arn, SecretString=secret_string(soon))


@dataclass
class Walk:
    """A person with a keyboard. `problems` are what is wrong, by address; `tabs` counts the presses of Tab."""

    browser: Browser
    console: RunningConsole
    problems: dict[str, list[object]] = field(default_factory=dict)
    tabs: int = 0

    def visit(self, path: Sequence[str]) -> bool:
        """Goes from the navigation of the page that is open, link by link. The first is an entry of the navigation.

        False if a page no longer has the link: lists move on while e-mails and requests arrive.
        """
        for address in path:
            if not self.browser.evaluate(f"!!document.querySelector({json.dumps(f'a[href={json.dumps(address)}]')})"):
                return False
            self._tab_to(address)
            self.browser.enter()
        return True

    def _tab_to(self, address: str) -> None:
        """Presses Tab until the link to the address has the focus."""
        look = """(() => {
            const one = document.activeElement;
            const unseen = one && one !== document.body && getComputedStyle(one).outlineStyle === "none";
            return [one?.getAttribute?.("href") ?? "", unseen ? one.outerHTML : ""];
        })()"""
        for _ in range(1000):
            self.browser.strike(*TAB)
            self.tabs += 1
            href, unseen = self.browser.evaluate(look)
            if unseen:
                self.problems.setdefault(self.browser.address(), []).append(f"the focus cannot be seen: {unseen}")
            if href == address:
                return
        raise AssertionError(f"Tab does not reach {address} on {self.browser.address()}")

    def links(self) -> list[str]:
        """The addresses of this console that the page links to, as they are written."""
        found: list[str] = self.browser.evaluate(
            "[...document.querySelectorAll('main a[href]')].map((link) => link.getAttribute('href'))"
        )
        return [link for link in found if link.startswith("/")]

    def check(self) -> None:
        """What must be so on every page."""
        address, found = self.browser.address(), list[object]()
        heading = self.browser.evaluate("[...document.querySelectorAll('h1')].map((one) => one.innerText)")
        if len(heading) != 1 or heading[0] in ("Something went wrong", "Page not found"):
            found.append(f"headings: {heading}")
        if self.browser.evaluate("document.title") == "run":
            found.append("a script ran")
        for scheme in ("light", "dark"):
            self.browser.prefer(scheme)
            found += violations(self.browser)
        if found:
            self.problems.setdefault(address, []).extend(found)

    def everywhere(self) -> Iterator[str]:
        """Visits EACH pages of every kind, and yields their addresses once they are open."""
        waiting: list[tuple[str, ...]] = [(page.path,) for page in PAGES if page.path != "/"]
        waiting.insert(0, ("/",))
        seen, opened = {path[0] for path in waiting}, dict.fromkeys(kinds(), 0)
        while waiting:
            path = waiting.pop(0)
            kind = kind_of(path[-1].partition("#")[0])
            if not kind or opened[kind] >= EACH:
                continue
            if not self.visit(path):
                continue
            opened[kind] += 1
            yield path[-1]
            for link in self.links():
                if link not in seen:
                    seen.add(link)
                    waiting.append((*path, link))


def picture_everywhere(walk: Walk, addresses: Mapping[str, str], folder: Path) -> None:
    """A picture of a page of each kind: on a desktop and a phone, light and dark."""
    folder.mkdir(parents=True, exist_ok=True)
    for kind, address in addresses.items():
        name = kind.strip("/").replace("/", "-").replace("{", "").replace("}", "") or "overview"
        walk.browser.open(walk.console.url(address))
        for width, pixels in WIDTHS.items():
            walk.browser.set_width(pixels)
            for scheme in ("light", "dark"):
                walk.browser.prefer(scheme)
                walk.browser.picture(folder / f"{name}-{width}-{scheme}.png")


def picture_for_docs(walk: Walk, troubles: Troubles, folder: Path) -> None:
    """The pictures of docs/console.md."""
    seller, report_id = troubles.failed
    walk.browser.prefer("light")
    walk.browser.set_width(960)
    for name, address, height in (
        ("overview", "/", 1080),
        ("report", f"/reports/{seller.seller_id}/{report_id}", 1080),
        ("orders", f"/orders/{troubles.orders.seller.seller_id}", 1000),
    ):
        walk.browser.open(walk.console.url(address))
        walk.browser.picture(folder / f"console-{name}.png", height)


@contextmanager
def walking(deployment: Deployment, folder: Path) -> Iterator[Walk]:
    with (
        running_console(deployment.servers, deployment.stack_name, folder / "console") as console,
        running_browser(folder / "browser") as browser,
    ):
        enter(browser, console)
        yield Walk(browser, console)


def main() -> int:
    parser = argparse.ArgumentParser(prog="tests.end_to_end.console_walk", description=__doc__)
    parser.add_argument("--reports", type=int, default=1000, help="of the storm (default: 1000)")
    parser.add_argument("--pictures", type=Path, metavar="FOLDER", help="write a picture of each page there")
    parser.add_argument("--docs", action="store_true", help="write the pictures of docs/console.md")
    options = parser.parse_args()
    with (
        tempfile.TemporaryDirectory(prefix="console-walk-") as folder,
        running_servers(
            Path(folder) / "servers",
            emulator_python=REPOSITORY / ".venv-emulator" / "bin" / "python",
            function_python=REPOSITORY / ".venv-functions" / "bin" / "python",
            simulator_arguments=[*application_arguments(), "--rate-limit-scale", "0"],
        ) as servers,
    ):
        # On AWS, the operator associates SP-API's partner event source with a bus of the same name.
        aws(servers, "events").create_event_bus(Name=EVENT_BUS, EventSourceName=EVENT_BUS)
        parameters = stack_parameters(servers, ListingEventBus=EVENT_BUS, ListingDigest="Yes")
        deployment = deploy(servers, "quick-start", publish_templates(servers), parameters)
        confirm_subscriptions(deployment)
        stormed = play(deployment, Storm(options.reports, 20, options.reports // 20), 3600)
        print(stormed.table(), flush=True)
        troubles = let_things_fail(deployment, HostProduct.of(deployment))
        with walking(deployment, Path(folder)) as walk:
            began, addresses = time.monotonic(), list[str]()
            for address in walk.everywhere():
                addresses.append(address)
                walk.check()
            took = time.monotonic() - began
            by_kind = {kind_of(address.partition("#")[0]): address for address in reversed(addresses)}
            if options.pictures:
                picture_everywhere(walk, by_kind, options.pictures)
            if options.docs:
                picture_for_docs(walk, troubles, REPOSITORY / "docs" / "images")
    missing = sorted(set(kinds()) - set(by_kind))
    print(
        f"opened {len(addresses)} pages of {len(by_kind)} kinds with {walk.tabs:,} presses of Tab in {took:.0f} s; "
        f"pages with problems: {len(walk.problems)}; kinds that were not reached: {', '.join(missing) or 'none'}"
    )
    for address, found in walk.problems.items():
        print(address, *found, sep="\n  ")
    return 1 if stormed.wrong or walk.problems or missing else 0


if __name__ == "__main__":
    sys.exit(main())
