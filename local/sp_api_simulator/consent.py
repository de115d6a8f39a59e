"""Consent: how a selling partner authorizes an application in Seller Central or Vendor Central.

The consent page leads either straight to the application's redirect URI or, by way of its log-in URI, to a
confirmation page that does; renewals from "Manage Your Apps" and the Appstore always take the second way. See "Website
authorization workflow", "Selling Partner Appstore authorization workflow", "Renew authorizations" and "Authorization
errors" in SP-API's docs.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from urllib.parse import urlencode, urlsplit, urlunsplit

from sp_api_simulator.lwa import authorization_code, revoke
from sp_api_simulator.state import Application, ConsentSettings, PendingConsent, Region, Seller, State

PENDING_SECONDS = 600

SELLER_CENTRAL: Mapping[Region, tuple[str, ...]] = {
    Region.NA: ("amazon.ca", "amazon.com", "amazon.com.mx", "amazon.com.br"),
    Region.EU: (
        *("amazon.com.be", "amazon.nl", "amazon.se", "amazon.pl", "amazon.ie", "amazon.co.za", "amazon.eg"),
        *("amazon.sa", "amazon.ae", "amazon.com.tr", "amazon.in"),
    ),
    Region.FE: ("amazon.sg", "amazon.com.au", "amazon.co.jp"),
}
VENDOR_CENTRAL: Mapping[Region, tuple[str, ...]] = {
    Region.NA: SELLER_CENTRAL[Region.NA],
    Region.EU: (
        *("amazon.es", "amazon.co.uk", "amazon.fr", "amazon.de", "amazon.it", "amazon.com.be", "amazon.nl"),
        *("amazon.se", "amazon.pl", "amazon.me", "amazon.com.tr"),
    ),
    Region.FE: ("amazon.com.sg", "amazon.com.au", "amazon.co.jp"),
}


@dataclass(frozen=True)
class Central:
    """One host of Seller Central or Vendor Central."""

    host: str
    region: Region
    vendor: bool

    @property
    def party(self) -> str:
        return "vendor" if self.vendor else "seller"

    @property
    def name(self) -> str:
        return "Vendor Central" if self.vendor else "Seller Central"


def _centrals() -> Iterator[Central]:
    yield Central("sellercentral-europe.amazon.com", Region.EU, vendor=False)
    yield Central("www.vendorcentral.in", Region.EU, vendor=True)
    for region in Region:
        yield from (Central(f"sellercentral.{domain}", region, vendor=False) for domain in SELLER_CENTRAL[region])
        yield from (Central(f"vendorcentral.{domain}", region, vendor=True) for domain in VENDOR_CENTRAL[region])


CENTRALS: Mapping[str, Central] = {central.host: central for central in _centrals()}


class ConsentError(Exception):
    """An error page of Amazon's: its code as the selling partner reads it, and what it means."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message


@dataclass(frozen=True)
class ConsentRequest:
    """A consent URI whose parameters are right."""

    application: Application
    settings: ConsentSettings
    state: str
    redirect_uri: str
    beta: bool


def check_request(state: State, central: Central, parameters: Mapping[str, str]) -> ConsentRequest:
    """Reads the parameters of a consent URI. Raises ConsentError."""
    application, settings = find_application(state, parameters.get("application_id", ""))
    beta = parameters.get("version") == "beta"
    if settings.draft and not beta:
        raise ConsentError("MD1000", "The application is a draft. Its consent URI needs version=beta.")
    if not parameters.get("state"):
        raise ConsentError("MD9999", "The consent URI has no state parameter.")
    _check_addresses(settings)
    if central.party not in settings.parties:
        raise ConsentError("SPSA0404", f"The application is not registered for {central.party}s.")
    redirect_uri = parameters.get("redirect_uri") or settings.redirect_uris[0]
    _check_redirect_uri(settings, redirect_uri)
    return ConsentRequest(application, settings, parameters["state"], redirect_uri, beta)


def find_application(state: State, application_id: str) -> tuple[Application, ConsentSettings]:
    """The application of this application id, which is not its LWA client id. Raises ConsentError."""
    for application in state.applications.values():
        if application.application_id == application_id:
            return application, state.consent_settings.get(application.client_id, ConsentSettings())
    raise ConsentError("MD1000", "There is no such application. Check the application_id of the consent URI.")


def accounts(state: State, central: Central) -> list[Seller]:
    """The selling partners that can sign in at this host."""
    return [
        seller
        for seller in state.sellers.values()
        if seller.vendor == central.vendor and central.region in seller.regions
    ]


def find_account(state: State, central: Central, seller_id: str) -> Seller:
    """Raises ConsentError unless this selling partner can sign in at this host."""
    seller = next((seller for seller in accounts(state, central) if seller.seller_id == seller_id), None)
    if seller is None:
        raise ConsentError("SPDC8143", "This user may not authorize applications for the account.")
    return seller


def confirm(state: State, request: ConsentRequest, seller: Seller, address: str) -> str:
    """The selling partner confirms: the address that Amazon sends the browser to.

    `address` is this host's own address, without a slash at its end. Raises ConsentError.
    """
    _check_limit(state, request, seller)
    if request.settings.through_login:
        return login_address(state, request.application, request.settings, seller, address, beta=request.beta)
    return _redirect(state, request.application, seller, request.redirect_uri, request.state)


def login_address(
    state: State, application: Application, settings: ConsentSettings, seller: Seller, address: str, *, beta: bool
) -> str:
    """The application's log-in URI with what it needs to send the browser back. Raises ConsentError."""
    _check_addresses(settings)
    amazon_state = secrets.token_urlsafe(24)
    expires = state.clock.now() + timedelta(seconds=PENDING_SECONDS)
    state.pending_consents[amazon_state] = PendingConsent(application.client_id, seller.seller_id, expires)
    parameters = {
        "amazon_callback_uri": f"{address}/apps/authorize/confirm/{application.application_id}",
        "amazon_state": amazon_state,
        "selling_partner_id": selling_partner_id(seller),
    }
    return with_parameters(settings.login_uri, parameters | ({"version": "beta"} if beta else {}))


def finish(state: State, application_id: str, parameters: Mapping[str, str]) -> str:
    """The browser is back from the application's log-in page: the redirect URI with a code. Raises ConsentError."""
    application, settings = find_application(state, application_id)
    pending = state.pending_consents.pop(parameters.get("amazon_state", ""), None)
    if pending is None or pending.client_id != application.client_id or pending.expires <= state.clock.now():
        raise ConsentError("MD9999", "The amazon_state parameter is unknown, was used before, or has expired.")
    if settings.draft and parameters.get("version") != "beta":
        raise ConsentError("MD1000", "The application is a draft. The callback needs version=beta.")
    if not parameters.get("state"):
        raise ConsentError("MD9999", "The callback has no state parameter.")
    _check_addresses(settings)
    redirect_uri = parameters.get("redirect_uri") or settings.redirect_uris[0]
    _check_redirect_uri(settings, redirect_uri)
    return _redirect(state, application, state.sellers[pending.seller_id], redirect_uri, parameters["state"])


def authorized_applications(state: State, seller: Seller) -> list[tuple[Application, ConsentSettings]]:
    """The applications that "Manage Your Apps" shows to this selling partner, the disabled ones included."""
    return [
        (application, state.consent_settings.get(application.client_id, ConsentSettings()))
        for application in state.applications.values()
        if (application.client_id, seller.seller_id) in state.consented
    ]


def disable(state: State, application: Application, seller: Seller) -> None:
    """The selling partner disables the authorization: its tokens for this application end."""
    revoke(state, seller.seller_id, application.client_id)


def selling_partner_id(seller: Seller) -> str:
    """A seller's merchant token, or a vendor's vendor group."""
    return seller.account_id if seller.vendor else seller.seller_id


def with_parameters(address: str, parameters: Mapping[str, str]) -> str:
    """The address with these parameters behind those that it has."""
    parts = urlsplit(address)
    query = "&".join(part for part in (parts.query, urlencode(parameters)) if part)
    return urlunsplit(parts._replace(query=query))


def _redirect(state: State, application: Application, seller: Seller, redirect_uri: str, their_state: str) -> str:
    state.consented.add((application.client_id, seller.seller_id))
    parameters = {
        "state": their_state,
        "selling_partner_id": selling_partner_id(seller),
        "spapi_oauth_code": authorization_code(state, seller.seller_id, application.client_id, redirect_uri),
    }
    return with_parameters(redirect_uri, parameters)


def _check_limit(state: State, request: ConsentRequest, seller: Seller) -> None:
    """Raises ConsentError where one more selling partner would be too many for an application outside the Appstore."""
    client_id, limit = request.application.client_id, request.settings.limit
    others = {owner for client, owner in state.consented if client == client_id and owner != seller.seller_id}
    if limit is not None and len(others) >= limit:
        raise ConsentError("CONSENT_LIMIT_REACHED", "The application has as many authorizations as it may have.")


def _check_addresses(settings: ConsentSettings) -> None:
    if not settings.redirect_uris or not settings.login_uri:
        raise ConsentError("MD9100", "The application has no log-in URI or no redirect URI.")


def _check_redirect_uri(settings: ConsentSettings, redirect_uri: str) -> None:
    if "#" in redirect_uri:
        raise ConsentError("MD5110", "The redirect URI has a fragment.")
    if redirect_uri not in settings.redirect_uris:
        raise ConsentError("MD5101", "The redirect URI is not registered for this application.")
