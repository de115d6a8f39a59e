"""Creates the parts of the authorization capability when they are first needed, from the function's environment.

Imports are inside the functions, so that a function loads only what it uses. Handlers import what they use at the top,
because Lambda does not limit the CPU while a function starts.
"""

from functools import cache
from typing import TYPE_CHECKING

from quickstart import callers, clients, settings
from quickstart.dynamodb import Table
from quickstart.own_stack import own_stack

if TYPE_CHECKING:
    from quickstart.authorization.addresses import HostAddresses
    from quickstart.authorization.connections import Connections
    from quickstart.authorization.events import ConnectionEvents, ConnectionMails
    from quickstart.authorization.flow import LoginUri, RedirectUri
    from quickstart.authorization.records import Authorizations
    from quickstart.authorization.requests import Application


@cache
def authorizations_table() -> Table:
    return Table(clients.dynamodb(), settings.required("AUTHORIZATIONS_TABLE"))


@cache
def authorizations() -> "Authorizations":
    from quickstart.authorization.records import Authorizations

    return Authorizations(authorizations_table())


@cache
def connections() -> "Connections":
    from quickstart.authorization.connections import Connections

    return Connections(callers.selling_partners_table())


@cache
def application() -> "Application":
    from quickstart.authorization.requests import Application
    from sp_api.consent import PartyType

    beta = {PartyType.SELLER: "SELLER_CONSENT_BETA", PartyType.VENDOR: "VENDOR_CONSENT_BETA"}
    return Application(
        settings.required("APPLICATION_ID"),
        frozenset(party for party, name in beta.items() if settings.optional(name) == "Yes"),
    )


@cache
def host() -> "HostAddresses":
    from quickstart.authorization.addresses import HostAddresses

    listed = settings.optional("RETURN_URLS").split(",")
    return HostAddresses(settings.required("LOGIN_PAGE"), tuple(url.strip() for url in listed if url.strip()))


@cache
def login_uri() -> "LoginUri":
    from quickstart.authorization.flow import LoginUri

    return LoginUri(authorizations(), application(), callers.amazon(), host())


@cache
def redirect_uri() -> "RedirectUri":
    from quickstart.authorization.flow import RedirectUri

    return RedirectUri(
        authorizations(), connections(), callers.token_vault(), callers.selling_partner_api().lwa, connection_events()
    )


@cache
def connection_events() -> "ConnectionEvents":
    from quickstart.authorization.events import ConnectionEvents

    return ConnectionEvents(clients.events(), settings.required("EVENT_BUS_NAME"))


@cache
def connection_mails() -> "ConnectionMails":
    from quickstart.authorization.events import ConnectionMails

    return ConnectionMails(clients.sns(), settings.required("ALARM_TOPIC_ARN"), own_stack())
