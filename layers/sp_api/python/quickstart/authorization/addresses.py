"""Addresses that browsers are sent to: this stack's own, and those of the host product that the template allows."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from quickstart.refusals import FieldError
from quickstart.validation import Fields

_CALLBACK_PATH = "/authorize/callback"
# The characters of a URL (RFC 3986, section 2) without the fragment's.
_URL = re.compile(r"https?://[A-Za-z0-9._~:/?@!$&'()*+,;=%\[\]-]{1,2000}")
# A browser resolves these before it sends the path, and so leaves the folder in front of them.
_DOT_SEGMENT = re.compile(r"/(?:\.|%2e){1,2}(?:[/?]|$)", re.IGNORECASE)


@dataclass(frozen=True)
class HostAddresses:
    """The host product's log-in page, and the addresses to which browsers may return."""

    login_page: str
    return_urls: tuple[str, ...]

    def allows(self, return_url: str) -> bool:
        """Whether the address is equal to an entry, or starts with an entry that ends with a slash.

        It may not leave such an entry through `..`.
        """
        if _URL.fullmatch(return_url) is None or _DOT_SEGMENT.search(return_url.partition("?")[0]):
            return False
        return any(
            return_url == allowed or (allowed.endswith("/") and return_url.startswith(allowed))
            for allowed in self.return_urls
        )


def read_return_url(fields: Fields, host: Callable[[], HostAddresses]) -> str | None:
    """ReturnUrl: where the browser goes in place of this stack's own page."""
    name = "ReturnUrl"
    rule = (
        "an address that equals an entry of the parameter AuthorizationReturnUrls, or starts with an entry that ends "
        "with a slash"
    )
    value = fields.text(name, required=False, rule=rule)
    if value and not host().allows(value):
        fields.errors.append(FieldError(name, "AddressNotAllowed", f"{name} must be {rule}"))
        return None
    return value or None


def own_address(event: Mapping[str, Any], configured: str) -> str:
    """Where browsers reach this API, without a slash at its end.

    Without a configured address it is the one that this request came to (API Gateway's requestContext: domainName, and
    the path with the stage or base path in front of the resource). Not for a resource with path parameters.
    """
    if configured:
        return configured.rstrip("/")
    context = event["requestContext"]
    prefix = str(context["path"]).rstrip("/").removesuffix(str(event["resource"]))
    return f"https://{context['domainName']}{prefix}".rstrip("/")


def callback_address(own: str) -> str:
    """The redirect URI, exactly as it is registered at Amazon."""
    return own + _CALLBACK_PATH
