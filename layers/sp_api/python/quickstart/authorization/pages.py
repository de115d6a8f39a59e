"""Small HTML pages for the selling partner's browser: no script, no echo of input, nothing for another site to use."""

import base64
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

_STYLE = (
    "body{font:1.1rem/1.5 system-ui,sans-serif;max-width:36rem;margin:4rem auto;padding:0 1rem;color:#1a1a1a;"
    "background:#fff}h1{font-size:1.5rem;line-height:1.3}"
)
_STYLE_HASH = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
_HEADERS: Mapping[str, str] = {
    "Content-Type": "text/html; charset=utf-8",
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "Content-Security-Policy": (
        f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


@dataclass(frozen=True)
class Page:
    """What a browser shows. All words are this module's own; `kind` is its name in the log."""

    kind: str
    status: int
    title: str
    paragraphs: tuple[str, ...]


@dataclass(frozen=True)
class Redirect:
    """Another address for the browser, with a cookie where it needs one."""

    kind: str
    address: str = field(repr=False)
    cookie: str | None = field(default=None, repr=False)


_AGAIN = "Go back to the application and press Authorize again."
_CLOSE = "You can close this page and return to the application."

CONNECTED = Page("connected", 200, "Your account is connected", ("The application can now use your data.", _CLOSE))
USED = Page(
    "used",
    409,
    "This link was already used",
    (
        "Each link from Amazon works once. If your account was connected, it stays connected.",
        "The application shows whether your account is connected. If it is not, press Authorize there again.",
    ),
)
EXPIRED = Page(
    "expired",
    410,
    "This link has expired",
    ("An authorization must be finished within ten minutes. Nothing was changed.", _AGAIN),
)
UNKNOWN = Page(
    "unknown",
    400,
    "This link is not valid",
    ("It is incomplete, or it does not belong to an authorization that was started here. Nothing was changed.", _AGAIN),
)
OTHER_BROWSER = Page(
    "other-browser",
    403,
    "This link belongs to another browser",
    ("The authorization was started in another browser. Nothing was changed.", _AGAIN),
)
NOT_AMAZON = Page(
    "not-amazon",
    400,
    "This request did not come from Amazon",
    (
        "The link does not lead back to a page of Amazon for this application. Nothing was changed.",
        "To renew an authorization, open Manage Your Apps in Seller Central or Vendor Central.",
    ),
)
DIFFERENT_SELLING_PARTNER = Page(
    "different-selling-partner",
    409,
    "Another account was authorized",
    (
        "You signed in at Amazon with another account than the one that is to be connected. Nothing was changed.",
        "Sign in to the right account in Seller Central or Vendor Central first, then press Authorize again.",
    ),
)
CONNECTED_ELSEWHERE = Page(
    "connected-elsewhere",
    409,
    "This account is already connected",
    (
        "Another user of the application has connected this account. Nothing was changed.",
        "Ask that user, or the application's support, to disconnect it first.",
    ),
)
CODE_REFUSED = Page(
    "code-refused",
    400,
    "Amazon did not accept the authorization",
    ("It may have taken too long. Nothing was changed.", _AGAIN),
)
APPLICATION_REFUSED = Page(
    "application-refused",
    502,
    "The application is not set up correctly",
    ("Amazon did not accept the application's own credentials. Its operator has to correct this.",),
)
AMAZON_UNAVAILABLE = Page(
    "amazon-unavailable",
    503,
    "Amazon did not answer",
    ("The authorization could not be finished. Nothing is lost.", "Wait a minute, then press Authorize again."),
)
FAILED = Page(
    "failed",
    503,
    "Something went wrong here",
    ("The authorization could not be finished. Nothing is lost.", "Wait a minute, then press Authorize again."),
)


def answer(result: Page | Redirect) -> Mapping[str, Any]:
    """The answer to API Gateway."""
    if isinstance(result, Page):
        return {"statusCode": result.status, "headers": dict(_HEADERS), "body": _html(result)}
    cookie = {} if result.cookie is None else {"Set-Cookie": result.cookie}
    headers = {**_HEADERS, "Location": result.address, **cookie}
    return {"statusCode": 303, "headers": headers, "body": ""}


def _html(page: Page) -> str:
    paragraphs = "".join(f"<p>{text}</p>" for text in page.paragraphs)
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{page.title}</title><style>{_STYLE}</style></head>"
        f"<body><main><h1>{page.title}</h1>{paragraphs}</main></body></html>"
    )
