"""The function behind the public pages: its calls to AWS share the request's time, and a failed one becomes a page."""

import base64
import hashlib
import re
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ReadTimeoutError

from quickstart import clients
from quickstart.announcing import EventNotPutError
from quickstart.authorization import pages, wiring
from quickstart.aws_failures import AwsDeadlineExceededError
from quickstart.dynamodb import DamagedItemError
from reference.endpoints import CHECKOUT, _load
from tests.unit.quickstart.support import Context


@pytest.mark.parametrize(
    "error",
    [
        ReadTimeoutError(endpoint_url="https://dynamodb.test"),
        AwsDeadlineExceededError("the time ran out"),
        EventNotPutError("EventBridge: ThrottlingException: too many"),
        DamagedItemError("authorization a", "KeyError"),
    ],
)
def test_a_failed_call_is_a_page(
    monkeypatch: pytest.MonkeyPatch, log_lines: Callable[[], list[dict[str, Any]]], error: Exception
) -> None:
    monkeypatch.setenv("AUTHORIZATION_ADDRESS", "https://stack.example")
    deadlines: list[Any] = []
    monkeypatch.setattr(clients, "end_calls_by", deadlines.append)

    def fail() -> Any:
        raise error

    monkeypatch.setattr(wiring, "redirect_uri", fail)
    handler = _load(CHECKOUT / "functions/authorization_pages/app.py").handler
    event = {
        "httpMethod": "GET",
        "resource": "/authorize/callback",
        "requestContext": {"requestId": "request-1"},
        "headers": {},
    }
    answer = handler(event, Context())
    assert answer == pages.answer(pages.FAILED)
    failed, answered = log_lines()
    damaged = isinstance(error, DamagedItemError)
    assert failed["level"] == "ERROR"
    assert failed["message"] == ("a stored item is damaged" if damaged else "an AWS service failed")
    assert str(error) in failed["reason" if damaged else "exception"]
    assert (answered["level"], answered["message"], answered["page"]) == ("INFO", "browser answered", "failed")
    for line in (failed, answered):
        assert (line["api_request_id"], line["function_request_id"]) == ("request-1", "function-request-1")
        assert line["route"] == "GET /authorize/callback"
    (deadline,) = deadlines
    assert 21 < deadline.timeout("a call").read_timeout <= 22


PAGES = {name: value for name, value in vars(pages).items() if isinstance(value, pages.Page)}


@pytest.mark.parametrize("name", PAGES)
def test_every_page_has_a_title_and_sentences(name: str) -> None:
    page = PAGES[name]
    assert page.kind == name.lower().replace("_", "-")
    assert re.fullmatch(r"[A-Z][A-Za-z ']{15,}", page.title)
    for paragraph in page.paragraphs:
        assert re.fullmatch(r"[A-Z].{25,}\.", paragraph)
    body = pages.answer(page)["body"]
    assert f"<title>{page.title}</title>" in body
    assert f"<h1>{page.title}</h1>{''.join(f'<p>{words}</p>' for words in page.paragraphs)}</main>" in body


def test_a_page_is_html_that_no_other_site_can_use() -> None:
    answer = pages.answer(pages.EXPIRED)
    (style,) = re.findall("<style>(.*?)</style>", answer["body"])
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert answer == {
        "statusCode": 410,
        "headers": {
            "Content-Type": "text/html; charset=utf-8",
            "Cache-Control": "no-store",
            "Referrer-Policy": "no-referrer",
            "Content-Security-Policy": (
                f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'; "
                "frame-ancestors 'none'"
            ),
            "X-Content-Type-Options": "nosniff",
            "X-Frame-Options": "DENY",
        },
        "body": (
            '<!doctype html><html lang="en"><head><meta charset="utf-8">'
            '<meta name="viewport" content="width=device-width, initial-scale=1">'
            f"<title>This link has expired</title><style>{style}</style></head>"
            "<body><main><h1>This link has expired</h1><p>An authorization must be finished within ten minutes. "
            "Nothing was changed.</p><p>Go back to the application and press Authorize again.</p></main></body></html>"
        ),
    }


def test_a_redirect_has_the_headers_of_a_page() -> None:
    answer = pages.answer(pages.Redirect("login", "https://a/"))
    assert answer == {
        "statusCode": 303,
        "headers": {**pages.answer(pages.USED)["headers"], "Location": "https://a/"},
        "body": "",
    }


def test_the_style_is_the_one_that_the_policy_allows() -> None:
    answer = pages.answer(pages.CONNECTED)
    (style,) = re.findall("<style>(.*?)</style>", answer["body"])
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert f"style-src 'sha256-{digest}'" in answer["headers"]["Content-Security-Policy"]
    assert "max-width" in style


def test_the_reference_describes_each_parameter_of_the_public_pages() -> None:
    described = _load(CHECKOUT / "functions/authorization_pages/app.py").PAGES
    assert {route: list(page.parameters) for route, page in described.items()} == {
        "GET /authorize/callback": ["state", "selling_partner_id", "spapi_oauth_code"],
        "GET /authorize/login": ["amazon_callback_uri", "amazon_state", "selling_partner_id", "version"],
    }
    assert all(words for page in described.values() for words in page.parameters.values())
