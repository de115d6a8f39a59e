"""The browser's two requests: the log-in URI, and the redirect URI with the exchange of the code."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from quickstart.authorization import pages
from quickstart.authorization.addresses import HostAddresses, callback_address
from quickstart.authorization.browser import Callback, cookie, cookie_of, read_callback, read_login
from quickstart.authorization.connections import Change, Connection, Connections
from quickstart.authorization.events import ConnectionEvents
from quickstart.authorization.pages import Page, Redirect
from quickstart.authorization.records import (
    LIFETIME,
    Authorization,
    Authorizations,
    Parked,
    Reason,
    Status,
    new_secret,
    read_state,
)
from quickstart.authorization.requests import Application, with_parameters
from quickstart.aws_failures import FAILED_CALLS
from quickstart.observability import logger
from quickstart.secrets import SecretUnreadableError
from quickstart.token_vault import Consent, TokenVault
from sp_api.consent import central_of_callback
from sp_api.deadline import Deadline
from sp_api.errors import AuthorizationError, SellingPartnerApiError
from sp_api.lwa import LwaClient
from sp_api.regions import Environment

_PAGES: Mapping[Reason, Page] = {
    Reason.DIFFERENT_SELLING_PARTNER: pages.DIFFERENT_SELLING_PARTNER,
    Reason.CONNECTED_ELSEWHERE: pages.CONNECTED_ELSEWHERE,
    Reason.CODE_REFUSED: pages.CODE_REFUSED,
    Reason.APPLICATION_REFUSED: pages.APPLICATION_REFUSED,
    Reason.AMAZON_UNAVAILABLE: pages.AMAZON_UNAVAILABLE,
    Reason.NOT_STORED: pages.FAILED,
}


@dataclass(frozen=True)
class LoginUri:
    """Amazon asks that the selling partner log in to the host product first: stores Amazon's request meanwhile."""

    authorizations: Authorizations
    application: Application
    amazon: Environment
    host: HostAddresses

    def serve(self, event: Mapping[str, Any], own: str) -> Page | Redirect:
        """Sends the browser to the host product's log-in page, with the id of the new authorization."""
        given = read_login(event)
        if given is None:
            return pages.UNKNOWN
        central = central_of_callback(self.amazon, given.callback_uri, self.application.application_id)
        if central is None:
            return pages.NOT_AMAZON
        browser = cookie_of(event, own) or new_secret()
        begun = self.authorizations.begin(
            central.region,
            central.party,
            callback_address(own),
            beta=given.beta or central.party in self.application.beta,
            seller_id=given.selling_partner_id,
            browser=browser,
            parked=Parked(given.callback_uri, given.amazon_state),
        )
        _log_with(begun, given.selling_partner_id)
        address = with_parameters(self.host.login_page, authorizationId=begun.authorization_id)
        return Redirect("login", address, cookie(browser, own, int(LIFETIME.total_seconds())))


@dataclass(frozen=True)
class RedirectUri:
    """Amazon sends the code: checks it, marks its state as used, exchanges it once, and stores the refresh token."""

    authorizations: Authorizations
    connections: Connections
    vault: TokenVault
    lwa: LwaClient
    events: ConnectionEvents

    def serve(self, event: Mapping[str, Any], own: str, deadline: Deadline) -> Page | Redirect:
        """A page, or the ReturnUrl with authorizationId and outcome.

        A conditional write marks the state as used before the code is sent to LWA, so a page that is loaded twice
        exchanges the code once.
        """
        given = read_callback(event)
        state = read_state(given.state) if given else None
        found = self.authorizations.find(state.authorization_id) if state else None
        if given is None or state is None or found is None or not found.has_state(state.secret_hash):
            return pages.UNKNOWN
        _log_with(found, given.selling_partner_id)
        if not found.is_of_browser(cookie_of(event, own)):
            return pages.OTHER_BROWSER
        if found.used_at is not None or found.status is not Status.PENDING:
            # An attempt that another one continued has ended with that one.
            return pages.USED
        if found.status_at(self.authorizations.now()) is not Status.PENDING:
            return pages.EXPIRED
        if not self.authorizations.use(found, given.selling_partner_id):
            return pages.USED
        reason = self._mismatch(found, given) or self._connect(found, given, deadline)
        return self._connected(found, given) if reason is None else self._refused(found, given, reason)

    def _mismatch(self, authorization: Authorization, given: Callback) -> Reason | None:
        """Whether this selling partner may be connected here at all.

        The redirect's selling_partner_id is as trustworthy as the browser that brings it. So a consent never takes a
        connection away from another user of the host product, nor one that was stored with POST /tokens, unless the
        host product named the selling partner itself.
        """
        if authorization.seller_id is not None and authorization.seller_id != given.selling_partner_id:
            return Reason.DIFFERENT_SELLING_PARTNER
        known = self.connections.find(given.selling_partner_id, authorization.region)
        if known is None or authorization.seller_named:
            return None
        same_user = known.authorization_id is not None and known.host_reference == authorization.host_reference
        return None if same_user else Reason.CONNECTED_ELSEWHERE

    def _connect(self, authorization: Authorization, given: Callback, deadline: Deadline) -> Reason | None:
        """None when the refresh token is stored; a code whose answer was lost is not sent again."""
        try:
            granted = self.lwa.authorization_code(given.code, authorization.redirect_uri, deadline)
        except AuthorizationError as error:
            logger().warning("LWA rejected the authorization code", reason=str(error))
            return Reason.CODE_REFUSED if error.error == "invalid_grant" else Reason.APPLICATION_REFUSED
        except SellingPartnerApiError as error:
            logger().warning("the authorization code got no answer", reason=str(error))
            return Reason.AMAZON_UNAVAILABLE
        except SecretUnreadableError as error:
            logger().error("the application's credentials cannot be read", reason=str(error))
            return Reason.APPLICATION_REFUSED
        consent = Consent(
            authorization.party,
            self.authorizations.now(),
            authorization.authorization_id,
            authorization.host_reference,
        )
        try:
            self.vault.store(given.selling_partner_id, authorization.region, granted.refresh_token, consent)
        except FAILED_CALLS:
            logger().exception("the refresh token was not stored")
            return Reason.NOT_STORED
        return None

    def _connected(self, authorization: Authorization, given: Callback) -> Page | Redirect:
        self.authorizations.end(authorization, Status.CONNECTED, given.selling_partner_id)
        return _result(authorization, Status.CONNECTED, pages.CONNECTED)

    def _refused(self, authorization: Authorization, given: Callback, reason: Reason) -> Page | Redirect:
        self.authorizations.end(authorization, Status.REFUSED, None, reason)
        if reason in (Reason.DIFFERENT_SELLING_PARTNER, Reason.CONNECTED_ELSEWHERE):
            offered = Connection(
                given.selling_partner_id,
                authorization.region,
                party=authorization.party,
                host_reference=authorization.host_reference,
                authorization_id=authorization.authorization_id,
            )
            self.events.put(Change.REFUSED, offered, Reason=reason)
        return _result(authorization, Status.REFUSED, _PAGES[reason])


def _log_with(authorization: Authorization, seller_id: str) -> None:
    """Makes every later log line of the request name the authorization and the selling partner."""
    logger().append_keys(
        authorization_id=authorization.authorization_id, seller_id=seller_id, region=str(authorization.region)
    )


def _result(authorization: Authorization, status: Status, page: Page) -> Page | Redirect:
    if authorization.return_url is None:
        return page
    shown = authorization.continues or authorization.authorization_id
    return Redirect(page.kind, with_parameters(authorization.return_url, authorizationId=shown, outcome=status))
