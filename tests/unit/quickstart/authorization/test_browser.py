"""What a browser brings, and the addresses that it is sent to."""

from typing import Any

import pytest

from quickstart.authorization import pages
from quickstart.authorization.addresses import HostAddresses, own_address
from quickstart.authorization.browser import Callback, Login, cookie, cookie_of, read_callback, read_login
from quickstart.authorization.pages import Page, Redirect
from quickstart.authorization.records import Parked, new_secret, read_state, state_text
from quickstart.authorization.requests import with_parameters
from reference.endpoints import CHECKOUT

ID = "0f8fad5b-d9cb-469f-a165-70867728950e"
CALLBACK = {"state": ["s"], "selling_partner_id": ["A1"], "spapi_oauth_code": ["c"]}
HTTPS, HTTP = "https://connect.example.com", "http://127.0.0.1:8080"


def event(parameters: dict[str, list[str]] | None, **headers: str) -> dict[str, Any]:
    return {"multiValueQueryStringParameters": parameters, "headers": headers}


def test_the_parameters_of_the_redirect_uri() -> None:
    assert read_callback(event(CALLBACK)) == Callback("s", "A1", "c")
    assert read_callback(event(CALLBACK | {"mws_auth_token": ["x"], "other": ["1", "2"]})) is not None
    assert read_callback(event(CALLBACK | {"state": ["s", "s"]})) is not None


@pytest.mark.parametrize(
    "changed",
    [
        {"state": []},
        {"state": [""]},
        {"state": ["s", "t"]},
        {"state": ["s" * 2049]},
        {"selling_partner_id": ["A1", "A2"]},
        {"selling_partner_id": ["../A1"]},
        {"selling_partner_id": ["A" * 65]},
        {"spapi_oauth_code": ["a b"]},
        {"spapi_oauth_code": ["a\r\nb"]},
        {"spapi_oauth_code": ["\u00e9"]},
    ],
)
def test_malformed_parameters_of_the_redirect_uri(changed: dict[str, list[str]]) -> None:
    assert read_callback(event(CALLBACK | changed)) is None


def test_a_request_without_parameters() -> None:
    assert read_callback(event(None)) is None
    assert read_login(event(None)) is None


def test_the_parameters_of_the_log_in_uri() -> None:
    given = {"amazon_callback_uri": ["https://a"], "amazon_state": ["s"], "selling_partner_id": ["A1"]}
    assert read_login(event(given)) == Login("https://a", "s", "A1", beta=False)
    assert read_login(event(given | {"version": ["beta"]})) == Login("https://a", "s", "A1", beta=True)
    assert read_login(event(given | {"amazon_state": ["s", "t"]})) is None


def test_no_parameter_shows_in_a_repr() -> None:
    shown = repr(Callback("the state", "A1", "the code")) + repr(Login("the address", "the state", "A1", beta=False))
    assert "the state" not in shown
    assert "the code" not in shown
    assert "the address" not in shown
    assert "secret" not in repr(Redirect("login", "https://a/?secret", "secret"))
    assert "the state" not in repr(Parked("https://a/", "the state"))


@pytest.mark.parametrize("own", [HTTPS, HTTP])
def test_the_cookie_comes_back(own: str) -> None:
    secret = new_secret()
    header = cookie(secret, own, 600)
    assert header.endswith("; Path=/; Max-Age=600; Secure; HttpOnly; SameSite=Lax")
    assert header.startswith("__Host-") == (own == HTTPS)
    sent = f"a=b; {header.partition(';')[0]}; c=d"
    assert cookie_of(event(None, Cookie=sent), own) == secret
    assert cookie_of(event(None, cookie=sent), own) == secret


@pytest.mark.parametrize("header", ["", "authorize=short", "authorize=" + "<" * 43, "other=" + "a" * 43])
def test_a_cookie_that_was_not_set_here(header: str) -> None:
    assert cookie_of(event(None, Cookie=header), HTTP) == ""
    assert cookie_of({"headers": None}, HTTP) == ""


def test_a_plain_cookie_does_not_count_over_https() -> None:
    """Another host of the domain could have set it."""
    assert cookie_of(event(None, Cookie="authorize=" + "a" * 43), HTTPS) == ""


def test_a_state_has_256_bits_and_names_its_authorization() -> None:
    secrets = {new_secret() for _ in range(100)}
    assert len(secrets) == 100
    assert {len(secret) for secret in secrets} == {43}
    secret = secrets.pop()
    read = read_state(state_text(ID, secret))
    assert read is not None
    assert read.authorization_id == ID
    assert secret not in repr(read)
    assert len(read.secret_hash) == 64


@pytest.mark.parametrize("text", ["", ID, f"{ID}.", f"{ID}.short", f"{ID.upper()}.{'a' * 43}", f"{ID}.{'a' * 43}\n"])
def test_texts_that_are_not_a_state(text: str) -> None:
    assert read_state(text) is None


HOST = HostAddresses("https://app.example.com/login", ("https://app.example.com/done", "https://shop.example.com/a/"))


@pytest.mark.parametrize(
    ("address", "allowed"),
    [
        ("https://app.example.com/done", True),
        ("https://shop.example.com/a/b?c=d", True),
        ("https://app.example.com/done2", False),
        ("https://app.example.com/done/", False),
        ("https://app.example.com/done?a=b", False),
        ("https://shop.example.com/a", False),
        ("https://shop.example.com.evil.example/a/", False),
        ("https://shop.example.com@evil.example/a/", False),
        ("http://shop.example.com/a/", False),
        ("https://shop.example.com/a/#b", False),
        ("https://shop.example.com/a/\r\nX: y", False),
        ("https://shop.example.com/a/ b", False),
        ("https://shop.example.com/a/\\b", False),
        ("https://shop.example.com/a/../b", False),
        ("https://shop.example.com/a/./b", False),
        ("https://shop.example.com/a/b/..", False),
        ("https://shop.example.com/a/%2e%2E/b", False),
        ("https://shop.example.com/a/.%2e", False),
        ("https://shop.example.com/a/..b/c..?d=/../", True),
        ("", False),
    ],
)
def test_return_addresses(address: str, *, allowed: bool) -> None:
    assert HOST.allows(address) is allowed


@pytest.mark.parametrize(
    ("configured", "path", "own"),
    [
        ("", "/prod/authorizations", "https://id.execute-api.us-east-1.amazonaws.com/prod"),
        ("", "/authorizations", "https://id.execute-api.us-east-1.amazonaws.com"),
        ("", "/prod/authorizations/", "https://id.execute-api.us-east-1.amazonaws.com/prod"),
        ("", "/connect/authorizations", "https://id.execute-api.us-east-1.amazonaws.com/connect"),
        ("https://connect.example.com/", "/prod/authorizations", "https://connect.example.com"),
    ],
)
def test_the_apis_own_address(configured: str, path: str, own: str) -> None:
    """As API Gateway describes a request: to the stage, and by a custom domain without or with a base path."""
    context = {"domainName": "id.execute-api.us-east-1.amazonaws.com", "path": path}
    assert own_address({"resource": "/authorizations", "requestContext": context}, configured) == own


def test_parameters_are_added_to_an_address() -> None:
    assert with_parameters("https://a/b", id="1 2") == "https://a/b?id=1+2"
    assert with_parameters("https://a/b?c=d", id="1") == "https://a/b?c=d&id=1"


ALL_PAGES = [page for page in vars(pages).values() if isinstance(page, Page)]


@pytest.mark.parametrize("page", ALL_PAGES, ids=lambda page: page.kind)
def test_pages_are_safe_and_accessible(page: Page) -> None:
    answer = pages.answer(page)
    assert answer["statusCode"] == page.status
    headers = answer["headers"]
    assert headers["Cache-Control"] == "no-store"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert headers["X-Content-Type-Options"] == "nosniff"
    policy = headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    body = answer["body"]
    assert '<html lang="en">' in body
    assert f"<h1>{page.title}</h1>" in body
    assert "<main>" in body
    assert "<script" not in body


def test_a_redirect_has_no_body_and_the_same_headers() -> None:
    answer = pages.answer(Redirect("login", "https://a/", "c=d"))
    assert (answer["statusCode"], answer["body"]) == (303, "")
    assert answer["headers"]["Location"] == "https://a/"
    assert answer["headers"]["Set-Cookie"] == "c=d"
    assert answer["headers"]["Referrer-Policy"] == "no-referrer"


def test_each_page_that_is_not_a_success_is_explained_to_the_operator() -> None:
    titles = {page.title for page in vars(pages).values() if isinstance(page, Page)} - {pages.CONNECTED.title}
    document = (CHECKOUT / "docs" / "authorization.md").read_text("utf-8")
    assert [title for title in sorted(titles) if f"| {title} |" not in document] == []
