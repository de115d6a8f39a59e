"""Consent in Seller Central and Vendor Central: the pages, both ways back, renewal, revocation, and the refusals."""

from __future__ import annotations

import html
import re
from dataclasses import dataclass
from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest

from tests.simulator.support import APPLICATION_ID, CLIENT_ID, REPORTS, Answer, Simulator

REDIRECT = "https://connect.example.com/authorize/callback"
OTHER_REDIRECT = "https://connect.example.com/other?kept=1"
LOGIN = "https://connect.example.com/authorize/login"
LIST = f"{REPORTS}?reportTypes=GET_MERCHANT_LISTINGS_ALL_DATA"
SELLER_CENTRAL = "sellercentral.amazon.com"
VENDOR_CENTRAL = "vendorcentral.amazon.de"


@dataclass
class Person:
    """A browser without scripts: opens pages, chooses an account, presses buttons. Follows no redirect."""

    simulator: Simulator
    host: str = SELLER_CENTRAL

    def open(self, path: str, **parameters: str) -> Answer:
        query = f"?{urlencode(parameters)}" if parameters else ""
        return self.simulator.fetch("GET", f"{self.simulator.address}/central/{self.host}{path}{query}")

    def press(self, page: Answer, button: str, **fields: str) -> Answer:
        """Sends the form that holds the button, with these fields in place of the page's own."""
        assert page.status == 200, page.content
        forms = re.findall(r'<form method="(\w+)" action="([^"]+)">(.*?)</form>', page.content.decode())
        (form,) = [form for form in forms if button in form[2]]
        method, action, content = form
        sent = dict(re.findall(r'name="(\w+)" value="([^"]*)"', content))
        body = urlencode({name: html.unescape(value) for name, value in sent.items()} | fields)
        address = html.unescape(action)
        address = address if address.startswith("http") else f"{self.simulator.address}{address}"
        if method == "get":
            return self.simulator.fetch("GET", f"{address}?{body}")
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        return self.simulator.fetch("POST", address, headers, body.encode())

    def consent(self, account: str, **parameters: str) -> dict[str, str]:
        """Signs in, confirms, and gives the parameters of the address that the browser is sent to."""
        known = {"application_id": APPLICATION_ID, "state": "their state", "redirect_uri": REDIRECT}
        page = self.open("/apps/authorize/consent", **known | parameters)
        return sent_to(self.press(self.press(page, "Continue", account=account), "Confirm"))


def sent_to(answer: Answer) -> dict[str, str]:
    """The parameters of a redirect's address."""
    assert answer.status == 302, answer.content
    return dict(parse_qsl(urlsplit(answer.headers["location"]).query))


def registered(simulator: Simulator, **settings: object) -> Person:
    fields = {"name": "Tests", "redirectUris": [REDIRECT, OTHER_REDIRECT], "loginUri": LOGIN} | settings
    simulator.control("PUT", f"/applications/{CLIENT_ID}/consent", fields)
    simulator.control("POST", "/sellers", {"sellerId": "A1SELLER", "regions": ["NA"]})
    simulator.control("POST", "/sellers", {"sellerId": "A2SELLER", "regions": ["NA", "EU"]})
    simulator.control("POST", "/sellers", {"sellerId": "A1VENDOR", "vendor": True, "accountId": "amzn1.vg.42"})
    return Person(simulator)


def exchange(simulator: Simulator, code: str, status: int = 200, **fields: str) -> dict[str, str]:
    known = {"grant_type": "authorization_code", "code": code, "redirect_uri": REDIRECT}
    return dict(simulator.token(status, **known | fields))


def test_a_seller_confirms_and_the_code_gives_a_refresh_token(simulator: Simulator) -> None:
    person = registered(simulator)
    given = person.consent("A1SELLER")
    assert given.keys() == {"state", "selling_partner_id", "spapi_oauth_code"}
    assert (given["state"], given["selling_partner_id"]) == ("their state", "A1SELLER")
    granted = exchange(simulator, given["spapi_oauth_code"])
    assert granted["refresh_token"].startswith("Atzr|")
    simulator.call("GET", LIST, granted["access_token"], status=200)
    assert exchange(simulator, given["spapi_oauth_code"], 400)["error"] == "invalid_grant"


def test_the_sign_in_page_shows_the_accounts_of_the_host(simulator: Simulator) -> None:
    person = registered(simulator)
    parameters = {"application_id": APPLICATION_ID, "state": "s"}
    page = person.open("/apps/authorize/consent", **parameters).content.decode()
    assert re.findall(r'value="(A\w+)"', page) == ["A1SELLER", "A2SELLER"]
    european = Person(simulator, "sellercentral-europe.amazon.com").open("/apps/authorize/consent", **parameters)
    assert re.findall(r'value="(A\w+)"', european.content.decode()) == ["A2SELLER"]


def test_a_vendor_is_named_by_its_vendor_group(simulator: Simulator) -> None:
    registered(simulator)
    given = Person(simulator, VENDOR_CENTRAL).consent("A1VENDOR")
    assert given["selling_partner_id"] == "amzn1.vg.42"
    simulator.token(grant_type="authorization_code", code=given["spapi_oauth_code"], redirect_uri=REDIRECT)


def test_cancel_leads_nowhere(simulator: Simulator) -> None:
    person = registered(simulator)
    page = person.open("/apps/authorize/consent", application_id=APPLICATION_ID, state="s", account="A1SELLER")
    (link,) = re.findall(r'<a id="cancel" href="([^"]+)"', page.content.decode())
    assert "No application was authorized" in simulator.fetch("GET", link).content.decode()


def test_by_way_of_the_login_uri(simulator: Simulator) -> None:
    person = registered(simulator, throughLogin=True)
    given = person.consent("A1SELLER")
    assert given.keys() == {"amazon_callback_uri", "amazon_state", "selling_partner_id"}
    back = {"amazon_state": given["amazon_state"], "state": "a new state", "redirect_uri": OTHER_REDIRECT}
    answer = simulator.fetch("GET", f"{given['amazon_callback_uri']}?{urlencode(back)}")
    assert answer.headers["location"].startswith(f"{OTHER_REDIRECT}&state=a+new+state&")
    code = sent_to(answer)["spapi_oauth_code"]
    exchange(simulator, code, redirect_uri=OTHER_REDIRECT)
    assert simulator.fetch("GET", f"{given['amazon_callback_uri']}?{urlencode(back)}").status == 400


def test_an_amazon_state_ends_after_ten_minutes(simulator: Simulator) -> None:
    given = registered(simulator, throughLogin=True).consent("A1SELLER")
    simulator.control("PUT", "/clock", {"advanceSeconds": 600})
    back = {"amazon_state": given["amazon_state"], "state": "s"}
    assert simulator.fetch("GET", f"{given['amazon_callback_uri']}?{urlencode(back)}").status == 400


def test_an_application_that_lost_its_redirect_uris_meanwhile_is_refused(simulator: Simulator) -> None:
    given = registered(simulator, throughLogin=True).consent("A1SELLER")
    simulator.control("PUT", f"/applications/{CLIENT_ID}/consent", {"redirectUris": []})
    back = {"amazon_state": given["amazon_state"], "state": "s"}
    answer = simulator.fetch("GET", f"{given['amazon_callback_uri']}?{urlencode(back)}")
    assert (answer.status, "MD9100" in answer.content.decode()) == (400, True)


@pytest.mark.parametrize(
    "fields",
    [{"redirect_uri": OTHER_REDIRECT}, {"redirect_uri": ""}, {"redirect_uri": REDIRECT.upper()}],
    ids=["another", "none", "capitals"],
)
def test_a_code_works_with_its_redirect_uri_only(simulator: Simulator, fields: dict[str, str]) -> None:
    code = registered(simulator).consent("A1SELLER")["spapi_oauth_code"]
    assert exchange(simulator, code, 400, **fields)["error"] == "invalid_grant"
    assert exchange(simulator, code, 400)["error"] == "invalid_grant"


def test_a_code_works_for_its_application_only(simulator: Simulator) -> None:
    code = registered(simulator).consent("A1SELLER")["spapi_oauth_code"]
    other = simulator.control("POST", "/applications")
    fields = {"client_id": other["clientId"], "client_secret": other["clientSecret"]}
    assert exchange(simulator, code, 400, **fields)["error"] == "invalid_grant"


def test_a_code_lives_for_five_minutes(simulator: Simulator) -> None:
    person = registered(simulator)
    code = person.consent("A1SELLER")["spapi_oauth_code"]
    simulator.control("PUT", "/clock", {"advanceSeconds": 300})
    assert exchange(simulator, code, 400)["error"] == "invalid_grant"


def test_a_consent_lasts_for_a_year_and_can_be_renewed(simulator: Simulator) -> None:
    person = registered(simulator)
    # The client secret ends after half that time.
    simulator.control("PUT", f"/applications/{CLIENT_ID}", {"secretsEndInSeconds": 400 * 86400})
    refresh_token = exchange(simulator, person.consent("A1SELLER")["spapi_oauth_code"])["refresh_token"]
    simulator.control("PUT", "/clock", {"advanceSeconds": 364 * 86400})
    simulator.token(grant_type="refresh_token", refresh_token=refresh_token)
    page = person.press(person.open("/apps/manage"), "Continue", account="A1SELLER")
    given = sent_to(person.press(person.press(page, "Re-Authorize"), "Login to Tests now"))
    assert given["selling_partner_id"] == "A1SELLER"
    back = {"amazon_state": given["amazon_state"], "state": "renewal", "redirect_uri": REDIRECT}
    code = sent_to(simulator.fetch("GET", f"{given['amazon_callback_uri']}?{urlencode(back)}"))["spapi_oauth_code"]
    renewed = exchange(simulator, code)["refresh_token"]
    simulator.control("PUT", "/clock", {"advanceSeconds": 86400})
    refused = simulator.token(400, grant_type="refresh_token", refresh_token=refresh_token)
    assert refused["error"] == "invalid_grant"
    simulator.token(grant_type="refresh_token", refresh_token=renewed)


def test_revocation_in_manage_your_apps(simulator: Simulator) -> None:
    person = registered(simulator)
    refresh_token = exchange(simulator, person.consent("A1SELLER")["spapi_oauth_code"])["refresh_token"]
    page = person.open("/apps/manage", account="A1SELLER")
    assert b"can no longer use" in person.press(page, "Disable authorization").content
    assert simulator.token(400, grant_type="refresh_token", refresh_token=refresh_token)["error"] == "invalid_grant"


def test_from_the_appstore(simulator: Simulator) -> None:
    person = registered(simulator)
    page = person.open("/apps/store", application_id=APPLICATION_ID, account="A1SELLER")
    given = sent_to(person.press(page, "Authorize Now"))
    assert given["amazon_callback_uri"].endswith(f"/central/{SELLER_CENTRAL}/apps/authorize/confirm/{APPLICATION_ID}")


def test_a_draft_needs_the_beta_version_all_the_way(simulator: Simulator) -> None:
    person = registered(simulator, draft=True, throughLogin=True)
    parameters = {"application_id": APPLICATION_ID, "state": "s"}
    assert b"MD1000" in person.open("/apps/authorize/consent", **parameters).content
    given = person.consent("A1SELLER", version="beta")
    assert given["version"] == "beta"
    back = {"amazon_state": given["amazon_state"], "state": "s", "version": "beta"}
    assert "spapi_oauth_code" in sent_to(simulator.fetch("GET", f"{given['amazon_callback_uri']}?{urlencode(back)}"))


def test_the_consent_limit_counts_selling_partners(simulator: Simulator) -> None:
    person = registered(simulator, limit=1)
    person.consent("A1SELLER")
    person.consent("A1SELLER")
    page = person.open("/apps/authorize/consent", application_id=APPLICATION_ID, state="s", account="A2SELLER")
    refused = person.press(page, "Confirm")
    assert refused.status == 400
    assert b"CONSENT_LIMIT_REACHED" in refused.content


@pytest.mark.parametrize(
    ("settings", "parameters", "code"),
    [
        ({}, {"application_id": CLIENT_ID}, "MD1000"),
        ({}, {"application_id": ""}, "MD1000"),
        ({}, {"state": ""}, "MD9999"),
        ({}, {"redirect_uri": "https://evil.example"}, "MD5101"),
        ({}, {"redirect_uri": f"{REDIRECT}#top"}, "MD5110"),
        ({"loginUri": ""}, {}, "MD9100"),
        ({"redirectUris": []}, {}, "MD9100"),
        ({"parties": ["vendor"]}, {}, "SPSA0404"),
        ({}, {"account": "A1VENDOR"}, "SPDC8143"),
    ],
)
def test_refusals(simulator: Simulator, settings: dict[str, object], parameters: dict[str, str], code: str) -> None:
    person = registered(simulator, **settings)
    known = {"application_id": APPLICATION_ID, "state": "s", "redirect_uri": REDIRECT}
    answer = person.open("/apps/authorize/consent", **known | parameters)
    assert answer.status == 400
    assert code in answer.content.decode()


def test_pages_show_input_as_text(simulator: Simulator) -> None:
    person = registered(simulator)
    page = person.open("/apps/authorize/consent", application_id=APPLICATION_ID, state='"><script>alert(1)</script>')
    assert b"<script" not in page.content
    assert b"&quot;&gt;&lt;script&gt;" in page.content


def test_unknown_hosts_and_pages(simulator: Simulator) -> None:
    registered(simulator)
    assert Person(simulator, "sellercentral.example.com").open("/home").status == 404
    assert Person(simulator).open("/apps/nothing").status == 404
