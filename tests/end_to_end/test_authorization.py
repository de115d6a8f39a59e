"""Sellers and vendors connect themselves, in a real browser, through the deployed stack and the simulator's pages."""

import base64
import itertools
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

import pytest
import requests
from connecting import APPLICATION_ID, Connecting, running_connecting

from deployment import REPOSITORY, Deployment, aws, confirm_subscriptions, deploy, host_product, stack_parameters
from reference.__main__ import COLLECTION
from reference.endpoints import endpoints
from servers import Servers
from simulator import control
from smtp_mailbox import Mail, read_messages
from tests.documents.guide import clone
from tests.end_to_end.browser import Browser, running_browser
from tests.end_to_end.conftest import interpreter
from tests.end_to_end.host import (
    HostProduct,
    Seller,
    changed_function,
    eventually,
    function_of,
    invoke_function,
    invoke_user_key,
    mail_about,
    new_seller,
    queue_on_bus,
    table_of,
)
from tests.end_to_end.test_leaving import traces
from tests.end_to_end.test_postman import Newman, answers, environment
from tests.waiting import SECONDS

CONNECTED = "Your account is connected"
USED = "This link was already used"
BACK = "Back in the product"
SELLER_CENTRAL = "sellercentral.amazon.com"
VENDOR_CENTRAL = "vendorcentral.amazon.com"
Json = dict[str, Any]
_NUMBERS = itertools.count(1)


@dataclass(frozen=True)
class Stage:
    """The stack, its host product, its web site, and Amazon."""

    deployment: Deployment
    product: HostProduct
    connecting: Connecting
    events_queue: str

    @property
    def servers(self) -> Servers:
        return self.deployment.servers

    def control(self, method: str, path: str, body: object = None) -> Any:
        return control(self.servers.simulator_endpoint, method, path, body)

    def partner(self, *, vendor: bool = False) -> Seller:
        """A selling partner at Amazon that has not authorized the application; named as a redirect names it."""
        number = next(_NUMBERS)
        seller_id = f"AC{number:012d}"
        account_id = f"amzn1.vg.{number:07d}" if vendor else f"amzn1.merchant.o.{seller_id}"
        self.control("POST", "sellers", {"sellerId": seller_id, "vendor": vendor, "accountId": account_id})
        self.control("POST", f"sellers/{seller_id}/revoke")
        return Seller(self.servers, account_id if vendor else seller_id, "")

    def start(self, **fields: object) -> Json:
        body = {"RegionCode": "NA", "PartyType": "seller"} | fields
        answer = self.product.send("AuthorizationsUrl", {name: value for name, value in body.items() if value})
        assert answer.status_code == 200, answer.text
        started: Json = answer.json()
        return started

    def authorization(self, authorization_id: str) -> Json:
        answer = self.product.get("AuthorizationsUrl", f"/{authorization_id}")
        assert answer.status_code == 200, answer.text
        found: Json = answer.json()
        return found

    def connection(self, partner: Seller) -> Json | None:
        answer = self.product.get("AuthorizationsUrl", SellerId=partner.seller_id)
        assert answer.status_code == 200, answer.text
        return next(iter(answer.json()["connections"]), None)

    def exchanges(self) -> int:
        """How many authorization codes LWA was sent."""
        asked = self.control("GET", "requests?operation=getAccessToken")["requests"]
        return sum(request["body"] == {"grant_type": "authorization_code"} for request in asked)

    def event(self, change: str, partner: Seller) -> Json:
        """The detail of the event that says so; others are dropped."""
        sqs = aws(self.servers, "sqs")

        def look() -> Json | None:
            for message in sqs.receive_message(QueueUrl=self.events_queue, MaxNumberOfMessages=1).get("Messages", []):
                sqs.delete_message(QueueUrl=self.events_queue, ReceiptHandle=message["ReceiptHandle"])
                detail: Json = json.loads(message["Body"])["detail"]
                if (detail["Change"], detail["SellerId"]) == (change, partner.seller_id):
                    return detail
            return None

        return eventually(look, f"the event {change} of {partner.seller_id}")

    def mail(self, words: str, partner: Seller) -> Mail:
        return eventually(lambda: next(iter(self.mails(words, partner)), None), f"an e-mail {words}")

    def mails(self, words: str, partner: Seller) -> list[Mail]:
        mails = read_messages(self.servers.mail_directory)
        return [mail for mail in mails if words in mail.subject and partner.seller_id in mail.body]

    def change_item(self, output: str, key: Mapping[str, str], **values: object) -> None:
        """Sets attributes of an item, as time would."""
        names = {f"#{name}": name for name in values}
        table_of(self.deployment, output).update_item(
            Key=key,
            UpdateExpression="SET " + ", ".join(f"#{name} = :{name}" for name in values),
            ExpressionAttributeNames=names,
            ExpressionAttributeValues={f":{name}": value for name, value in values.items()},
        )

    def central(self, path: str, host: str = SELLER_CENTRAL) -> str:
        return f"{self.servers.simulator_endpoint}/central/{host}{path}"


@pytest.fixture(scope="module")
def connecting() -> Iterator[Connecting]:
    with running_connecting() as running:
        yield running


@pytest.fixture(scope="module")
def stage(servers: Servers, template_url: str, connecting: Connecting) -> Stage:
    """A stack of its own, with the capability switched on."""
    parameters = stack_parameters(servers, **connecting.parameters(servers))
    deployment = deploy(servers, "connect", template_url, parameters)
    confirm_subscriptions(deployment)
    product = HostProduct.of(deployment)
    key = invoke_user_key(deployment)
    keys = {"aws_access_key_id": key["AccessKeyId"], "aws_secret_access_key": key["SecretAccessKey"]}
    role = deployment.outputs["ApiGatewayInvokeRoleArn"]
    connecting.ready(deployment, host_product().QuickStart(role, servers.region, aws(servers, "sts", **keys)))
    return Stage(deployment, product, connecting, queue_on_bus(deployment, "changes", ["Connection Changed"]))


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with running_browser(tmp_path_factory.mktemp("browser")) as browser:
        yield browser


@pytest.fixture
def browser(running: Browser, stage: Stage) -> Browser:
    """A person without cookies; at Amazon everything is as usual."""
    stage.connecting.register(stage.deployment, throughLogin=False, draft=False)
    running.open_tab(private=True)
    return running


def agree(browser: Browser, partner: Seller) -> str:
    """On the consent page: signs in, confirms. Gives the heading of the page after it."""
    account = partner.seller_id
    if account.startswith("amzn1.vg."):
        account = f"AC{int(account.rpartition('.')[2]):012d}"
    browser.choose(account)
    browser.press("#continue")
    return browser.press("#confirm")


def connect(stage: Stage, browser: Browser, partner: Seller, party: str = "seller") -> str:
    """The whole way from the host product's button back to it; gives the outcome that it shows."""
    browser.open(stage.connecting.site.address)
    browser.press(f"#{party}")
    heading = agree(browser, partner)
    assert heading == BACK, browser.text()
    return str(browser.evaluate("document.querySelector('#outcome').innerText"))


def report_arrives(stage: Stage, partner: Seller) -> None:
    """Subscribed by the consent: a report that is asked for is delivered."""

    def subscribed() -> Json | None:
        items = table_of(stage.deployment, "SellingPartnersTableName").scan(ConsistentRead=True)["Items"]
        mine = [item for item in items if item["SellerId"] == partner.seller_id]
        return next((item for item in mine if item["Item"].startswith("SUBSCRIPTION#")), None)

    eventually(subscribed, f"a subscription of {partner.seller_id}")
    report_id = stage.product.create_report(partner)
    assert "http" in mail_about(stage.servers, report_id).body


@pytest.mark.parametrize("through_login", [False, True], ids=["straight to the redirect URI", "by the log-in URI"])
@pytest.mark.parametrize("party", ["seller", "vendor"])
def test_a_selling_partner_connects_and_a_report_arrives(
    stage: Stage, browser: Browser, party: str, through_login: bool
) -> None:
    stage.connecting.register(stage.deployment, throughLogin=through_login)
    partner = stage.partner(vendor=party == "vendor")
    assert connect(stage, browser, partner, party) == f"CONNECTED: {partner.seller_id}"
    assert parse_qs(urlsplit(browser.address()).query).keys() == {"authorizationId", "outcome"}
    event = stage.event("CONNECTED", partner)
    assert (event["PartyType"], event["RegionCode"], event["DaysLeft"]) == (party, "NA", 364)
    connection = stage.connection(partner)
    assert connection is not None
    assert (connection["state"], connection["partyType"]) == ("CONNECTED", party)
    assert datetime.fromisoformat(connection["endsAt"]) - datetime.fromisoformat(
        connection["consentedAt"]
    ) == timedelta(days=365)
    report_arrives(stage, partner)
    worked = stage.connection(partner)
    assert worked is not None
    assert worked["workedAt"] is not None


def test_cancel_leaves_it_pending(stage: Stage, browser: Browser) -> None:
    partner = stage.partner()
    started = stage.start()
    browser.open(started["authorizationUrl"])
    browser.choose(partner.seller_id)
    browser.press("#continue")
    browser.press("#cancel")
    assert "No application was authorized" in browser.text()
    assert stage.authorization(started["authorizationId"])["status"] == "PENDING"
    assert stage.connection(partner) is None


def test_reload_and_back_exchange_once(stage: Stage, browser: Browser) -> None:
    partner = stage.partner()
    started = stage.start()
    before = stage.exchanges()
    browser.open(started["authorizationUrl"])
    assert agree(browser, partner) == CONNECTED
    assert browser.reload() == USED
    assert browser.reload() == USED
    assert "it stays connected" in browser.text()
    assert browser.back().startswith("Authorize")
    assert browser.press("#confirm") == USED
    assert stage.exchanges() == before + 1
    assert stage.authorization(started["authorizationId"])["status"] == "CONNECTED"


def test_an_outcome_that_was_not_recorded(stage: Stage, browser: Browser) -> None:
    """As when the function dies after it has stored the token."""
    partner = stage.partner()
    started = stage.start()
    browser.open(started["authorizationUrl"])
    assert agree(browser, partner) == CONNECTED
    stage.change_item("AuthorizationsTableName", {"AuthorizationId": started["authorizationId"]}, Status="PENDING")
    found = stage.authorization(started["authorizationId"])
    assert (found["status"], found["sellerId"]) == ("CONNECTED", partner.seller_id)


def test_two_tabs(stage: Stage, browser: Browser) -> None:
    """Both attempts are of one person, who may finish both: the second renews."""
    partner = stage.partner()
    started = [stage.start(HostReference="one-user") for _ in range(2)]
    browser.open(started[0]["authorizationUrl"])
    first = browser.open_tab()
    browser.open(started[1]["authorizationUrl"])
    assert agree(browser, partner) == CONNECTED
    browser.use_tab(first)
    assert agree(browser, partner) == CONNECTED
    assert [stage.authorization(one["authorizationId"])["status"] for one in started] == ["CONNECTED", "CONNECTED"]
    stage.event("RENEWED", partner)


def test_two_tabs_by_way_of_the_login_uri(stage: Stage, browser: Browser) -> None:
    """The second tab's log-in does not take the first one's cookie away."""
    stage.connecting.register(stage.deployment, throughLogin=True)
    partner = stage.partner()
    addresses = []
    for _ in range(2):
        addresses.append(_log_in(stage, browser, partner))
    headings = [browser.open(address) for address in addresses]
    assert headings == [BACK, BACK], browser.text()


def _log_in(stage: Stage, browser: Browser, partner: Seller) -> str:
    """From the Appstore to the log-in page of the host product: the address to continue at."""
    stage.connecting.site.asks_first = True
    try:
        browser.open(stage.central(f"/apps/store?application_id={APPLICATION_ID}&account={partner.seller_id}"))
        assert browser.press("#authorize") == "You are logged in"
    finally:
        stage.connecting.site.asks_first = False
    return str(browser.evaluate("document.querySelector('#continue').href"))


def test_an_expired_state(stage: Stage, browser: Browser) -> None:
    partner = stage.partner()
    started = stage.start()
    past = (datetime.now(UTC) - timedelta(seconds=1)).isoformat(timespec="seconds")
    key = {"AuthorizationId": started["authorizationId"]}
    stage.change_item("AuthorizationsTableName", key, StateEndsAt=past)
    before = stage.exchanges()
    browser.open(started["authorizationUrl"])
    assert agree(browser, partner) == "This link has expired"
    assert stage.authorization(started["authorizationId"])["status"] == "EXPIRED"
    assert stage.exchanges() == before
    assert stage.connection(partner) is None


def test_renewal_from_manage_your_apps(stage: Stage, browser: Browser) -> None:
    partner = stage.partner()
    connect(stage, browser, partner)
    stage.event("CONNECTED", partner)
    token = _stored(stage, partner)
    browser.open(stage.central(f"/apps/manage?account={partner.seller_id}"))
    browser.press(".renew")
    assert browser.press("#login") == BACK
    assert "CONNECTED" in browser.text()
    assert stage.event("RENEWED", partner)["HostReference"] is not None
    assert _stored(stage, partner) != token


def test_revoked_then_connected_again(stage: Stage, browser: Browser) -> None:
    partner = stage.partner()
    connect(stage, browser, partner)
    report_arrives(stage, partner)
    browser.open(stage.central(f"/apps/manage?account={partner.seller_id}"))
    browser.press(".disable")
    stage.control("POST", f"sellers/{partner.seller_id}/revoke")
    body = {"SellerId": partner.seller_id, "RegionCode": "NA", "ReportType": "GET_MERCHANT_LISTINGS_ALL_DATA"}
    refused = stage.product.send("ReportCreatorUrl", body | {"MarketplaceIds": "ATVPDKIKX0DER"})
    assert (refused.status_code, refused.json()["errors"][0]["code"]) == (409, "RefreshTokenRefused")
    connection = stage.connection(partner)
    assert connection is not None
    assert connection["state"] == "RECONNECT_NEEDED"
    assert stage.event("RECONNECT_NEEDED", partner)["RegionCode"] == "NA"
    assert "press Authorize" in stage.mail("reconnect needed", partner).body
    listed = stage.product.get("AuthorizationsUrl", State="RECONNECT_NEEDED").json()["connections"]
    assert partner.seller_id in [entry["sellerId"] for entry in listed]

    assert connect(stage, browser, partner) == f"CONNECTED: {partner.seller_id}"
    stage.event("CONNECTED", partner)
    connection = stage.connection(partner)
    assert connection is not None
    assert connection["state"] == "CONNECTED"
    report_arrives(stage, partner)


def test_a_403_alone_disconnects_nobody(stage: Stage, browser: Browser) -> None:
    partner = stage.partner()
    connect(stage, browser, partner)
    fault = {"fault": "status", "status": 403, "operation": "createReport", "sellerId": partner.seller_id}
    stage.control("POST", "faults", fault | {"code": "Unauthorized", "message": "denied"})
    body = {"SellerId": partner.seller_id, "RegionCode": "NA", "ReportType": "GET_MERCHANT_LISTINGS_ALL_DATA"}
    assert stage.product.send("ReportCreatorUrl", body | {"MarketplaceIds": "ATVPDKIKX0DER"}).status_code == 502
    connection = stage.connection(partner)
    assert connection is not None
    assert connection["state"] == "CONNECTED"


def test_another_account_than_the_connections(stage: Stage, browser: Browser) -> None:
    partner, other = stage.partner(), stage.partner()
    started = stage.start(SellerId=partner.seller_id)
    before = stage.exchanges()
    browser.open(started["authorizationUrl"])
    assert agree(browser, other) == "Another account was authorized"
    found = stage.authorization(started["authorizationId"])
    assert (found["status"], found["reason"]) == ("REFUSED", "DifferentSellingPartner")
    assert stage.event("REFUSED", other)["Reason"] == "DifferentSellingPartner"
    assert stage.exchanges() == before
    assert stage.connection(other) is None


def test_an_account_of_another_user(stage: Stage, browser: Browser) -> None:
    """A forged selling_partner_id must not take a connection over."""
    partner = stage.partner()
    connect(stage, browser, partner)
    token = _stored(stage, partner)
    browser.open(stage.start(HostReference="somebody-else")["authorizationUrl"])
    assert agree(browser, partner) == "This account is already connected"
    assert _stored(stage, partner) == token
    assert stage.event("REFUSED", partner)["Reason"] == "ConnectedElsewhere"


@pytest.mark.parametrize("region", ["NA", None])
def test_a_token_that_the_operator_stored(stage: Stage, browser: Browser, region: str | None) -> None:
    """Only the host product, by naming the seller, replaces it with a consent."""
    partner = stage.partner()
    token = stage.control("POST", f"sellers/{partner.seller_id}/authorize")["refreshToken"]
    fields = {"RegionCode": region} if region else {}
    stage.product.store_token(Seller(stage.servers, partner.seller_id, token), **fields)
    browser.open(stage.start()["authorizationUrl"])
    assert agree(browser, partner) == "This account is already connected"
    browser.open(stage.start(SellerId=partner.seller_id)["authorizationUrl"])
    assert agree(browser, partner) == CONNECTED


@pytest.mark.parametrize(
    ("fault", "heading", "reason"),
    [
        ({"fault": "reset"}, "Amazon did not answer", "AmazonUnavailable"),
        # LWA gave a token, and nobody knows it.
        ({"fault": "lose"}, "Amazon did not answer", "AmazonUnavailable"),
        ({"fault": "status", "status": 503}, "Amazon did not answer", "AmazonUnavailable"),
        ({"fault": "status", "status": 401}, "The application is not set up correctly", "ApplicationRefused"),
        ({"fault": "status", "status": 400}, "Amazon did not accept the authorization", "CodeRefused"),
    ],
)
def test_an_exchange_that_fails_is_not_repeated(
    stage: Stage, browser: Browser, fault: Json, heading: str, reason: str
) -> None:
    partner = stage.partner()
    started = stage.start()
    before = stage.exchanges()
    browser.open(started["authorizationUrl"])
    browser.choose(partner.seller_id)
    browser.press("#continue")
    stage.control("POST", "faults", {"operation": "getAccessToken", **fault})
    assert browser.press("#confirm") == heading
    assert browser.reload() == USED
    assert stage.exchanges() == before + 1
    found = stage.authorization(started["authorizationId"])
    assert (found["status"], found["reason"]) == ("REFUSED", reason)
    assert stage.connection(partner) is None
    browser.open(stage.start()["authorizationUrl"])
    assert agree(browser, partner) == CONNECTED


def test_a_draft_application(stage: Stage, browser: Browser) -> None:
    stage.connecting.register(stage.deployment, draft=True)
    partner = stage.partner()
    browser.open(stage.start()["authorizationUrl"])
    assert "MD1000" in browser.text()
    with changed_function(stage.deployment, "SPAPIAuthorizations", Environment={"SELLER_CONSENT_BETA": "Yes"}):
        address = stage.start()["authorizationUrl"]
    assert address.endswith("&version=beta")
    browser.open(address)
    assert agree(browser, partner) == CONNECTED


def test_the_daily_review_reminds_once_for_each_step(stage: Stage, browser: Browser) -> None:
    partner = stage.partner()
    connect(stage, browser, partner)
    key = {"SellerId": partner.seller_id, "Item": "TOKEN#NA"}
    for days_left, notice in ((66, None), (65, 65), (64, None), (29, 30), (14, 14), (2, 3)):
        consented = datetime.now(UTC) - timedelta(days=365 - days_left) + timedelta(hours=1)
        stage.change_item("SellingPartnersTableName", key, ConsentedAt=consented.isoformat(timespec="seconds"))
        invoke_function(stage.deployment, "SPAPIConnectionReview", {})
        invoke_function(stage.deployment, "SPAPIConnectionReview", {})
        if notice:
            assert stage.event("RENEW_SOON", partner)["NoticeDays"] == notice
    eventually(lambda: len(stage.mails("renew an authorization", partner)) == 4 or None, "four e-mails")
    connection = stage.connection(partner)
    assert connection is not None
    assert (connection["state"], connection["daysLeft"]) == ("RENEW_SOON", 2)


def test_a_selling_partner_leaves(stage: Stage, browser: Browser) -> None:
    partner = stage.partner()
    connect(stage, browser, partner)
    stage.event("CONNECTED", partner)
    named = stage.start(SellerId=partner.seller_id, HostReference="who-named-it")
    browser.open(stage.start(HostReference="somebody-else")["authorizationUrl"])
    assert agree(browser, partner) == "This account is already connected"
    stage.connecting.register(stage.deployment, throughLogin=True)
    continued = _log_in(stage, browser, partner)
    stage.connecting.register(stage.deployment, throughLogin=False)
    others = stage.start(SellerId="A0STAYS")
    assert len(traces(stage.deployment, partner.seller_id)) >= 3

    answer = stage.product.delete("TokenStorageUrl", f"/{partner.seller_id}")
    # The one that connected it, the one that names it, and the one that waits after the log-in page.
    assert (answer.status_code, answer.json()["authorizationsDeleted"]) == (200, 3), answer.text
    assert traces(stage.deployment, partner.seller_id) == {"log lines"}
    left = stage.event("LEFT", partner)
    assert (left["RegionCode"], left["PartyType"]) == ("NA", "seller")
    assert stage.connection(partner) is None
    # No attempt that was under way connects it again, and other sellers' attempts are untouched.
    before = stage.exchanges()
    assert browser.open(continued) == "This link is not valid"
    assert browser.open(named["authorizationUrl"]).startswith("Sign in")
    assert agree(browser, partner) == "This link is not valid"
    assert stage.exchanges() == before
    assert stage.product.get("AuthorizationsUrl", f"/{named['authorizationId']}").status_code == 404
    assert stage.authorization(others["authorizationId"])["status"] == "PENDING"
    assert stage.product.delete("TokenStorageUrl", f"/{partner.seller_id}").json()["authorizationsDeleted"] == 0


def _stored(stage: Stage, partner: Seller) -> str:
    table = table_of(stage.deployment, "SellingPartnersTableName")
    item = table.get_item(Key={"SellerId": partner.seller_id, "Item": "TOKEN#NA"})["Item"]
    return str(item["Ciphertext"])


class TestHostileInput:
    """Each answers a page and a 4xx, exchanges nothing, and changes nothing."""

    CODE = "ANdGhpc0lzQUNvZGU"

    def get(self, stage: Stage, path: str, query: str, **headers: str) -> requests.Response:
        before = stage.exchanges()
        answer = requests.get(
            f"{stage.connecting.domain.address}/authorize/{path}?{query}",
            headers=headers,
            allow_redirects=False,
            timeout=SECONDS,
        )
        assert 400 <= answer.status_code < 500, (answer.status_code, answer.text)
        assert stage.exchanges() == before
        assert answer.headers["Content-Type"].startswith("text/html")
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.headers["Referrer-Policy"] == "no-referrer"
        assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
        assert "Access-Control-Allow-Origin" not in answer.headers
        assert "Location" not in answer.headers
        assert "<h1>" in answer.text
        assert "<script" not in answer.text
        return answer

    def state(self, stage: Stage, **fields: object) -> str:
        url = stage.start(**fields)["authorizationUrl"]
        return parse_qs(urlsplit(url).query)["state"][0]

    @pytest.mark.parametrize(
        "forged",
        [
            "",
            "A" * 43,
            "{id}.{secret}x",
            "{id}.x{secret}",
            "{id}",
            "{secret}",
            "00000000-0000-4000-8000-000000000000.{secret}",
            "{id}.{other}",
            "{id}.{secret}\r\nSet-Cookie: a=b",
            '"><script>alert(1)</script>',
            "x" * 8000,
            "\x00",
            "{{7*7}}${7*7}",
        ],
        ids=itertools.count(),
    )
    def test_forged_states(self, stage: Stage, forged: str) -> None:
        authorization_id, _, secret = self.state(stage).partition(".")
        other = self.state(stage).partition(".")[2]
        state = forged.replace("{id}", authorization_id).replace("{secret}", secret).replace("{other}", other)
        query = f"state={quote(state)}&selling_partner_id=A1&spapi_oauth_code={self.CODE}"
        answer = self.get(stage, "callback", query)
        assert "alert(1)" not in answer.text
        assert "a=b" not in str(answer.headers)

    @pytest.mark.parametrize(
        "query",
        [
            "",
            "state={state}",
            "state={state}&selling_partner_id=A1",
            "state={state}&spapi_oauth_code={code}",
            "selling_partner_id=A1&spapi_oauth_code={code}",
            "state={state}&selling_partner_id=A1&code={code}",
            "state={state}&state=other&selling_partner_id=A1&spapi_oauth_code={code}",
            "state={state}&selling_partner_id=A1&selling_partner_id=A2&spapi_oauth_code={code}",
            "state={state}&selling_partner_id=A1&spapi_oauth_code={code}&spapi_oauth_code=other",
            "state={state}&selling_partner_id=..%2F..%2F&spapi_oauth_code={code}",
            "state={state}&selling_partner_id=%3Cimg%20src%3Dx%3E&spapi_oauth_code={code}",
            "state={state}&selling_partner_id=A1%0d%0aX:y&spapi_oauth_code={code}",
            "state={state}&selling_partner_id=A1&spapi_oauth_code=%ff%fe",
            "state[]={state}&selling_partner_id[]=A1&spapi_oauth_code[]={code}",
            "State={state}&Selling_Partner_Id=A1&Spapi_Oauth_Code={code}",
            "%state%",
            "&&&===&",
            "mws_auth_token=x&" * 400,
        ],
        ids=itertools.count(),
    )
    def test_missing_doubled_and_broken_parameters(self, stage: Stage, query: str) -> None:
        self.get(stage, "callback", query.replace("{state}", self.state(stage)).replace("{code}", self.CODE))

    def test_a_code_that_amazon_never_gave(self, stage: Stage) -> None:
        query = f"state={self.state(stage)}&selling_partner_id=A1&spapi_oauth_code={self.CODE}"
        answer = requests.get(f"{stage.connecting.domain.address}/authorize/callback?{query}", timeout=SECONDS)
        assert answer.status_code == 400
        assert "Amazon did not accept" in answer.text
        self.get(stage, "callback", query)

    def test_unknown_parameters_are_left_aside(self, stage: Stage) -> None:
        partner = stage.partner()
        code = stage.control("POST", f"sellers/{partner.seller_id}/authorization-code")["authorizationCode"]
        query = f"state={self.state(stage)}&selling_partner_id={partner.seller_id}&spapi_oauth_code={code}"
        url = f"{stage.connecting.domain.address}/authorize/callback?{query}&mws_auth_token=amzn.mws.x&utm=1"
        answer = requests.get(url, timeout=SECONDS)
        assert answer.status_code == 200, answer.text

    @pytest.mark.parametrize(
        "callback_uri",
        [
            "https://evil.example/apps/authorize/confirm/{id}",
            "http://sellercentral.amazon.com.evil.example/apps/authorize/confirm/{id}",
            "{central}@evil.example/apps/authorize/confirm/{id}",
            "{central}/apps/authorize/confirm/amzn1.sp.solution.other",
            "{central}/apps/authorize/confirm/{id}/../../../home",
            "{central}/apps/authorize/confirm/{id}#x",
            "{central}/apps/authorize/confirm/{id}/",
            "{central}/apps/authorize/confirm/%61mzn1.sp.solution",
            "{central}/apps/authorize//confirm/{id}",
            "{central}/apps/authorize/consent?application_id={id}",
            "{central}:443/apps/authorize/confirm/{id}",
            "{central}./apps/authorize/confirm/{id}",
            "{central}\\@evil.example/apps/authorize/confirm/{id}",
            "{central}%2f@evil.example/apps/authorize/confirm/{id}",
            "{CENTRAL}/apps/authorize/confirm/{id}",
            "https://sellercentral.amazon.com/apps/authorize/confirm/{id}",
            "https://sellercentr\u0430l.amazon.com/apps/authorize/confirm/{id}",
            "https:sellercentral.amazon.com/apps/authorize/confirm/{id}",
            "\thttps://evil.example/apps/authorize/confirm/{id}",
            "{central}/apps/authorize/confirm/{id}\r\nLocation: https://evil.example",
            "//evil.example",
            "javascript:alert(1)",
            "",
            "x" * 8000,
        ],
        ids=itertools.count(),
    )
    def test_wrong_callback_uris(self, stage: Stage, callback_uri: str) -> None:
        central = stage.central("")
        given = callback_uri.replace("{central}", central).replace("{CENTRAL}", central.upper())
        given = given.replace("{id}", APPLICATION_ID)
        answer = self.get(
            stage, "login", f"amazon_callback_uri={quote(given, safe='')}&amazon_state=s&selling_partner_id=A1"
        )
        assert "evil.example" not in answer.text
        assert "evil.example" not in str(answer.headers)

    def test_callback_uris_that_look_like_amazons(self, stage: Stage) -> None:
        """With Amazon's own hosts in the deployed function, as on AWS."""
        path = f"/apps/authorize/confirm/{APPLICATION_ID}"
        host = "sellercentral-europe.amazon.com"
        refused = [
            f"https://sellercentral.amazon.fr.evil.example{path}",
            f"https://{host}.evil.example{path}",
            f"https://{host}@evil.example{path}",
            f"https://{host}:secret@evil.example{path}",
            f"https://user@{host}{path}",
            f"https://{host}:443{path}",
            f"https://{host}:{path}",
            f"https://{host}:443@evil.example{path}",
            f"https://{host}.{path}",
            f"https://{host}..{path}",
            f"https://{host.upper()}{path}",
            f"HTTPS://{host}{path}",
            f"https://SellerCentral.amazon.com{path}",
            f"https://{host}{path.upper()}",
            f"http://{host}{path}",
            f"https:/{host}{path}",
            f"https:///{host}{path}",
            f"https:{host}{path}",
            f"https://\\{host}{path}",
            f"https:\\\\{host}{path}",
            f"https://evil.example\\@{host}{path}",
            f"https://{host}\\.evil.example{path}",
            f"https://{host}/\\evil.example{path}",
            f"https://evil.example/{host}{path}",
            f"https://evil.example?{host}{path}",
            f"https://evil.example#{host}{path}",
            f"https://{host}%2eevil.example{path}",
            f"https://{host}%00.evil.example{path}",
            f"https://%73ellercentral-europe.amazon.com{path}",
            f"https://{host}\u3002evil.example{path}",
            f"https://sellercentral\u2024amazon.com{path}",
            f"https://sellercentral.\u0430mazon.com{path}",
            f"https://sellercentral.xn--mazon-3ve.com{path}",
            f"https://sellercentral.amazon.c\u00f3m{path}",
            f"https://\uff53ellercentral.amazon.com{path}",
            f"https://[::ffff:1.2.3.4]{path}",
            f"https://sellercentral.amazon.com\t{path}",
            f"https://sellercentral.amazon.com{path}\x00",
            f"https://sellercentral.amazon.com/;{path}",
            f"https://sellercentral.amazon.com/.{path}",
            f"https://sellercentral.amazon.com//apps/authorize/confirm/{APPLICATION_ID}",
            f"https://sellercentral.amazon.com/apps/authorize/confirm/..;/{APPLICATION_ID}",
            f"https://sellercentral.amazon.com/apps/authorize/confirm/{APPLICATION_ID.upper()}",
            f"https://sellercentral.amazon.com{path}%3Fx",
            f"https://sellercentral.amazon.com{path};x",
            f"https://sellercentral.amazon.com{path}?x#y",
            f"view-source:https://{host}{path}",
            f"data:text/html,https://{host}{path}",
        ]
        with changed_function(stage.deployment, "SPAPIAuthorizationPages", Environment={"CENTRAL_ENDPOINT": ""}):
            for given in refused:
                for sent in (quote(given, safe=""), quote(quote(given, safe=""), safe="")):
                    query = f"amazon_callback_uri={sent}&amazon_state=s&selling_partner_id=A1"
                    answer = self.get(stage, "login", query)
                    assert "evil.example" not in answer.text
            query = (
                f"amazon_callback_uri={quote(f'https://{host}{path}', safe='')}&amazon_state=s&selling_partner_id=A1"
            )
            url = f"{stage.connecting.domain.address}/authorize/login?{query}"
            accepted = requests.get(url, allow_redirects=False, timeout=SECONDS)
            assert accepted.status_code == 303, accepted.text
            for doubled in (
                f"{query}&amazon_callback_uri=https%3A%2F%2Fevil.example",
                f"{query}&selling_partner_id=A2",
            ):
                self.get(stage, "login", doubled)

    def test_headers_that_lie(self, stage: Stage) -> None:
        """Where the browser is sent does not depend on what it says of itself."""
        page = quote(f"{stage.central('')}/apps/authorize/confirm/{APPLICATION_ID}", safe="")
        query = f"amazon_callback_uri={page}&amazon_state=s&selling_partner_id=A1"
        url = f"{stage.deployment.url('AuthorizationsUrl').removesuffix('/authorizations')}/authorize/login?{query}"
        lies = {
            "X-Forwarded-Host": "evil.example",
            "X-Forwarded-Proto": "javascript",
            "X-Original-URL": "/authorizations",
            "X-HTTP-Method-Override": "DELETE",
            "Forwarded": "host=evil.example",
            "Referer": "https://evil.example/",
            "Origin": "https://evil.example",
            "Cookie": "authorize=" + "x" * 4000 + "; __Host-authorize=<script>; =;;;",
        }
        answer = requests.get(url, headers=lies, allow_redirects=False, timeout=SECONDS)
        assert answer.status_code == 303
        assert answer.headers["Location"].startswith(f"{stage.connecting.site.address}/connect?authorizationId=")
        assert "evil.example" not in str(answer.headers)
        assert "Domain=" not in answer.headers["Set-Cookie"]
        assert "Access-Control-Allow-Origin" not in answer.headers

    def test_odd_encodings_of_a_valid_link(self, stage: Stage) -> None:
        """None of them uses the state up: the link itself works afterwards."""
        partner = stage.partner()
        code = stage.control("POST", f"sellers/{partner.seller_id}/authorization-code")["authorizationCode"]
        state = self.state(stage)
        ends = (
            "%00",
            "%0a",
            "%0d%0aSet-Cookie:%20a=b",
            "+",
            "%20",
            "%c0%af",
            "%ef%bc%8e",
            "%2500",
            "%u0041",
            "%",
            "&state=",
        )
        for end in ends:
            query = f"state={state}{end}&selling_partner_id={partner.seller_id}&spapi_oauth_code={code}"
            answer = self.get(stage, "callback", query)
            assert "a=b" not in str(answer.headers)
        double = quote(quote(state.replace(".", "%2E"), safe=""), safe="")
        for sent in (double, state.upper(), state[::-1], f'"{state}"', f"{state},{state}", quote(f"<b>{state}</b>")):
            self.get(stage, "callback", f"state={sent}&selling_partner_id={partner.seller_id}&spapi_oauth_code={code}")
        query = f"state={quote(state)}&selling_partner_id={partner.seller_id}&spapi_oauth_code={code}"
        answer = requests.get(f"{stage.connecting.domain.address}/authorize/callback?{query}&{query}", timeout=SECONDS)
        assert answer.status_code == 200, answer.text

    def test_the_same_link_twenty_times_at_once(self, stage: Stage) -> None:
        """One exchange, one page that says connected, and one token."""
        partner = stage.partner()
        code = stage.control("POST", f"sellers/{partner.seller_id}/authorization-code")["authorizationCode"]
        query = f"state={self.state(stage)}&selling_partner_id={partner.seller_id}&spapi_oauth_code={code}"
        url = f"{stage.connecting.domain.address}/authorize/callback?{query}"
        before = stage.exchanges()
        with ThreadPoolExecutor(20) as pool:
            answers = list(pool.map(lambda _: requests.get(url, timeout=SECONDS).status_code, range(20)))
        assert sorted(answers) == [200, *[409] * 19]
        assert stage.exchanges() == before + 1

    def test_a_code_is_not_replayed_with_another_state(self, stage: Stage) -> None:
        partner = stage.partner()
        code = stage.control("POST", f"sellers/{partner.seller_id}/authorization-code")["authorizationCode"]

        def load(state: str) -> requests.Response:
            query = f"state={state}&selling_partner_id={partner.seller_id}&spapi_oauth_code={code}"
            return requests.get(f"{stage.connecting.domain.address}/authorize/callback?{query}", timeout=SECONDS)

        assert load(self.state(stage, HostReference="one-user")).status_code == 200
        token = _stored(stage, partner)
        for reference in ("one-user", "another-user"):
            answer = load(self.state(stage, HostReference=reference))
            assert 400 <= answer.status_code < 500, answer.text
        assert _stored(stage, partner) == token

    def test_a_callback_uri_that_names_the_parameters_itself(self, stage: Stage) -> None:
        """Amazon finds this stack's state and redirect URI, and no other ones in front of them."""
        page = f"{stage.central('')}/apps/authorize/confirm/{APPLICATION_ID}"
        given = quote(f"{page}?kept=1&state=theirs&redirect%5Furi=https%3A%2F%2Fevil.example", safe="")
        query = f"amazon_callback_uri={given}&amazon_state=their%26state&selling_partner_id=A1"
        url = f"{stage.connecting.domain.address}/authorize/login?{query}"
        answer = requests.get(url, allow_redirects=False, timeout=SECONDS)
        assert answer.status_code == 303
        authorization_id = parse_qs(urlsplit(answer.headers["Location"]).query)["authorizationId"][0]
        login = f"{stage.deployment.url('AuthorizationsUrl')}/{authorization_id}/login"
        continued = requests.post(login, json={}, auth=stage.product.signature(), timeout=SECONDS)
        assert continued.status_code == 200, continued.text
        sent = parse_qs(urlsplit(continued.json()["continueUrl"]).query)
        assert (sent["kept"], sent["amazon_state"], len(sent["state"])) == (["1"], ["their&state"], 1)
        assert sent["state"][0].startswith(authorization_id)
        assert sent["redirect_uri"] == [f"{stage.connecting.domain.address}/authorize/callback"]

    def test_another_sessions_state(self, stage: Stage, browser: Browser) -> None:
        """A state that was given to one browser after its log-in does not work in another one."""
        stage.connecting.register(stage.deployment, throughLogin=True)
        partner = stage.partner()
        address = _log_in(stage, browser, partner)
        before = stage.exchanges()
        browser.open_tab(private=True)
        assert browser.open(address) == "This link belongs to another browser"
        assert stage.exchanges() == before
        assert stage.connection(partner) is None

    @pytest.mark.parametrize(
        "return_url",
        [
            "https://evil.example/",
            "{site}.evil.example/",
            "{site}@evil.example/",
            "//evil.example",
            "javascript:alert(1)",
            "{site}/\r\nX: y",
            "{site}/#x",
            "{site}/../x",
            "{site}/%2e%2e/x",
            "{site}\\@evil.example/",
            "{site}:80@evil.example/",
            "/relative",
        ],
    )
    def test_return_urls_outside_the_list(self, stage: Stage, return_url: str) -> None:
        given = return_url.replace("{site}", stage.connecting.site.address)
        body = {"RegionCode": "NA", "PartyType": "seller", "ReturnUrl": given}
        answer = stage.product.send("AuthorizationsUrl", body)
        assert answer.status_code == 400
        assert answer.json()["errors"][0]["field"] == "ReturnUrl"

    def test_other_methods_and_paths(self, stage: Stage) -> None:
        for method, path in (("POST", "callback"), ("PUT", "login"), ("GET", "other")):
            url = stage.deployment.url("AuthorizationsUrl").replace("/authorizations", f"/authorize/{path}")
            assert requests.request(method, url, timeout=SECONDS).status_code == 403

    def test_the_host_products_side_needs_a_signature(self, stage: Stage) -> None:
        url = stage.deployment.url("AuthorizationsUrl")
        for method, path in (("POST", ""), ("GET", ""), ("GET", "/some-id"), ("POST", "/some-id/login")):
            assert requests.request(method, url + path, json={}, timeout=SECONDS).status_code == 403


def test_nothing_secret_is_in_a_log(stage: Stage, browser: Browser) -> None:
    """After everything above: no code, state, token or cookie in any log of the stack's functions."""
    partner = stage.partner()
    connect(stage, browser, partner)
    report_arrives(stage, partner)
    logs = aws(stage.servers, "logs")
    texts = {}
    for function in ("SPAPIAuthorizations", "SPAPIAuthorizationPages", "SPAPIConnectionEvents", "SPAPIReportCreator"):
        group = function_of(stage.deployment, function)["LoggingConfig"]["LogGroup"]
        pages = logs.get_paginator("filter_log_events").paginate(logGroupName=group)
        texts[group] = "\n".join(event["message"] for page in pages for event in page["events"])
        assert texts[group], function
    assert any("browser answered" in text for text in texts.values())
    for group, text in texts.items():
        assert not re.search(r"Atz[a-z]\||spapi_oauth_code|amazon_state|authorize=|AN[A-Za-z0-9_-]{16}\b", text), group
        assert not re.search(r"[0-9a-f]{12}\.[A-Za-z0-9_-]{43}", text), group
        assert TestHostileInput.CODE not in text, group
        assert "evil.example" not in text, group


def test_a_refresh_token_that_lwa_returns_changed_is_stored(stage: Stage, browser: Browser) -> None:
    partner = stage.partner()
    connect(stage, browser, partner)
    before = _stored(stage, partner)
    refresh_token = stage.control("POST", f"sellers/{partner.seller_id}/authorize")["refreshToken"]
    access_token = Seller(stage.servers, partner.seller_id, refresh_token).access_token()
    body = {"access_token": access_token, "refresh_token": refresh_token, "token_type": "bearer", "expires_in": 1}
    fault = {"fault": "status", "status": 200, "operation": "getAccessToken", "sellerId": partner.seller_id}
    stage.control("POST", "faults", fault | {"body": body})
    report_arrives(stage, partner)
    assert _stored(stage, partner) != before
    stored = aws(stage.servers, "kms").decrypt(
        CiphertextBlob=base64.b64decode(_stored(stage, partner)),
        EncryptionContext={"SellerId": partner.seller_id, "RegionCode": "NA"},
    )
    assert stored["Plaintext"].decode() == refresh_token


def test_the_folder_of_the_postman_collection(stage: Stage, tmp_path: Path) -> None:
    collection = json.loads((REPOSITORY / COLLECTION).read_text())
    folders = ("Security Token Service", "Authorization")
    collection["item"] = [folder for folder in collection["item"] if folder["name"] in folders]
    path = tmp_path / "collection.json"
    path.write_text(json.dumps(collection))
    newman = Newman(tmp_path, lambda *_: None)
    partner = new_seller(stage.servers, "A0POSTMAN")
    status, report = newman.run("authorization", environment(stage.deployment, partner), collection=path)
    routes = [endpoint.route for endpoint in endpoints() if endpoint.api == "AuthorizationRestApi"]
    assert (status, report["run"]["failures"]) == (0, []), answers(report)
    assert answers(report).keys() == {"STS Assume API Gateway Role", *routes}


def test_the_demo_stops_for_a_person(running: Browser, tmp_path: Path) -> None:
    """`make demo AUTHORIZE=1`: prints a link, and goes on once the seller is connected."""
    checkout = clone(tmp_path / "clone")
    command = [sys.executable, "local/demo.py", "--authorize"]
    command += ["--emulator-python", str(interpreter("EMULATOR_PYTHON", ".venv-emulator"))]
    command += ["--function-python", str(interpreter("FUNCTION_PYTHON", ".venv-functions"))]
    environment = {**os.environ, "PYTHONPATH": ".:local:layers/sp_api/python"}
    with subprocess.Popen(command, cwd=checkout, env=environment, stdout=subprocess.PIPE, text=True) as demo:
        assert demo.stdout is not None
        shown = ""
        for line in demo.stdout:
            shown += line
            if (link := re.search(r"Open  (http://127\.0\.0\.1:\d+/)", line)) is not None:
                running.open_tab(private=True)
                running.open(link[1])
                running.press("#seller")
                running.press("#continue")
                assert running.press("#confirm") == BACK
        assert demo.wait(SECONDS) == 0, shown
    assert "A person connects the seller" in shown
    assert "the same as SP-API served" in shown
