"""The host product's requests: start an authorization, read it, list connections, continue after the log-in page."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from urllib.parse import urlencode

from quickstart.authorization.addresses import HostAddresses, read_return_url
from quickstart.authorization.connections import ConnectionPage, Connections, ConnectionState
from quickstart.authorization.records import Authorization, Authorizations, Status, new_secret, state_text
from quickstart.refusals import FieldError, Refusal
from quickstart.times import to_text
from quickstart.validation import MARKETPLACE_ID, Fields
from sp_api.consent import PartyType, confirmation_uri, consent_host, consent_uri
from sp_api.regions import Environment, Region

_HOST_REFERENCE = re.compile(r"[!-~]{1,128}")
_AUTHORIZATION_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_MOST_LISTED = 100


class AuthorizationEndedError(Refusal):
    """The authorization is connected, refused, expired, or its state was used."""

    status = 409
    code = "AuthorizationEnded"
    field = "AuthorizationId"

    def __init__(self, status: Status) -> None:
        super().__init__(f"AuthorizationId: this authorization can no longer be continued; its status is {status}")


class NotAtLoginPageError(Refusal):
    """The authorization did not come by way of the log-in URI."""

    status = 409
    code = "NotAtLoginPage"
    field = "AuthorizationId"

    def __init__(self) -> None:
        super().__init__(
            "AuthorizationId: Amazon did not send this browser to the log-in URI; use the authorizationId that your "
            "log-in page received"
        )


class DifferentAuthorizationError(Refusal):
    """The authorization at the log-in page is of another region, party or selling partner than the one started."""

    status = 409
    code = "DifferentAuthorization"
    field = "ContinuesAuthorizationId"

    def __init__(self) -> None:
        super().__init__(
            "ContinuesAuthorizationId: the browser came from Amazon with another region, party type or selling partner "
            "than this authorization has"
        )


@dataclass(frozen=True)
class Application:
    """The application as Amazon knows it. `beta` are the parties whose consent URIs need version=beta."""

    application_id: str
    beta: frozenset[PartyType]


@dataclass(frozen=True)
class Started:
    """An authorization and the address of the consent page."""

    authorization: Authorization
    url: str

    def described(self) -> Mapping[str, object]:
        """The answer."""
        return {
            "authorizationId": self.authorization.authorization_id,
            "authorizationUrl": self.url,
            "expiresAt": to_text(self.authorization.expires_at),
        }


@dataclass(frozen=True)
class AuthorizationRequest:
    """A valid POST /authorizations. `host` is Amazon's; `seller_id` is the connection to renew, where one is named."""

    region: Region
    party: PartyType
    host: str
    host_reference: str | None
    return_url: str | None
    seller_id: str | None


@dataclass(frozen=True)
class LoginRequest:
    """A valid POST /authorizations/{authorizationId}/login. `continues` is an authorization that the host started."""

    authorization_id: str
    host_reference: str | None
    return_url: str | None
    continues: str | None


@dataclass(frozen=True)
class ConnectionQuery:
    """A valid GET /authorizations."""

    seller_id: str | None
    state: ConnectionState | None
    limit: int
    after: Mapping[str, str] | None


def read_authorization_request(fields: Fields, host: Callable[[], HostAddresses]) -> AuthorizationRequest:
    """Raises InvalidRequestError with every field that is wrong."""
    region = fields.region()
    party = fields.choice("PartyType", tuple(PartyType), note="in lower case here, but in capitals for /listings")
    marketplace_id = _optional(fields, "MarketplaceId", MARKETPLACE_ID, "a marketplace id, such as ATVPDKIKX0DER")
    reference = _host_reference(fields)
    return_url = read_return_url(fields, host)
    seller_id = (
        fields.seller_id()
        if _given(fields, "SellerId", "the id of the selling partner whose connection you want to renew")
        else None
    )
    if marketplace_id:
        fields.check_marketplaces("MarketplaceId", (marketplace_id,), region)
    central = consent_host(region, PartyType(party or PartyType.SELLER), marketplace_id)
    if central is None:
        message = f"MarketplaceId: Amazon publishes no Vendor Central for {marketplace_id}"
        fields.errors.append(FieldError("MarketplaceId", "InvalidValue", message))
    fields.finish()
    return AuthorizationRequest(region, PartyType(party), central or "", reference, return_url, seller_id)


def read_login_request(fields: Fields, host: Callable[[], HostAddresses]) -> LoginRequest:
    """Raises InvalidRequestError with every field that is wrong."""
    authorization_id = read_authorization_id(fields)
    reference = _host_reference(fields)
    return_url = read_return_url(fields, host)
    rule = "the authorizationId from POST /authorizations, if the user started in your product"
    continues = _optional(fields, "ContinuesAuthorizationId", _AUTHORIZATION_ID, rule)
    fields.finish()
    return LoginRequest(authorization_id, reference, return_url, continues)


def read_authorization_id(fields: Fields) -> str:
    """AuthorizationId: from the answer of POST /authorizations, or from the query string of the log-in page."""
    rule = "an authorizationId that this stack returned"
    value = fields.text("AuthorizationId", rule=rule)
    if value and not _AUTHORIZATION_ID.fullmatch(value):
        fields.errors.append(FieldError("AuthorizationId", "InvalidValue", f"AuthorizationId must be {rule}"))
    return value


def read_connection_query(fields: Fields) -> ConnectionQuery:
    """Raises InvalidRequestError with every field that is wrong."""
    seller_id = (
        fields.seller_id()
        if _given(fields, "SellerId", "the id of a selling partner, to list only its connections")
        else None
    )
    state = fields.choice("State", tuple(ConnectionState), required=False)
    limit = fields.limit(_MOST_LISTED, _MOST_LISTED)
    after = fields.next_token(("SellerId", "Item"))
    fields.finish()
    return ConnectionQuery(seller_id, ConnectionState(state) if state else None, limit, after)


def list_connections(query: ConnectionQuery, connections: Connections) -> ConnectionPage:
    """A seller's connections, or a page of all."""
    if query.seller_id is not None:
        return connections.of_seller(query.seller_id, query.state)
    return connections.page(query.limit, query.after, query.state)


def start(
    request: AuthorizationRequest,
    authorizations: Authorizations,
    application: Application,
    amazon: Environment,
    redirect_uri: str,
) -> Started:
    """Records the attempt, and gives the consent URI that the host product sends the browser to."""
    secret = new_secret()
    beta = request.party in application.beta
    begun = authorizations.begin(
        request.region,
        request.party,
        redirect_uri,
        beta=beta,
        secret=secret,
        host_reference=request.host_reference,
        return_url=request.return_url,
        seller_id=request.seller_id,
    )
    state = state_text(begun.authorization_id, secret)
    url = consent_uri(amazon, request.host, application.application_id, state, redirect_uri, beta=beta)
    return Started(begun, url)


def continue_after_login(request: LoginRequest, authorizations: Authorizations) -> Mapping[str, object]:
    """Gives the address to which the host product sends the browser after its own log-in.

    Where the attempt continues one that the host started, it takes over that one's host reference and return address.
    Raises AuthorizationUnknownError, NotAtLoginPageError, AuthorizationEndedError, DifferentAuthorizationError.
    """
    parked = authorizations.get(request.authorization_id)
    _require_pending(parked, authorizations)
    if parked.parked is None:
        raise NotAtLoginPageError
    reference, return_url = request.host_reference, request.return_url
    started = authorizations.get(request.continues) if request.continues else None
    if started is not None:
        _require_pending(started, authorizations)
        same = (started.region, started.party) == (parked.region, parked.party)
        if not same or started.seller_id not in (None, parked.seller_id):
            raise DifferentAuthorizationError
        reference, return_url = reference or started.host_reference, return_url or started.return_url
    secret = new_secret()
    if not authorizations.give_state(parked, secret, reference, return_url, started):
        raise AuthorizationEndedError(authorizations.get(parked.authorization_id).status)
    state = state_text(parked.authorization_id, secret)
    url = confirmation_uri(
        parked.parked.callback_uri, parked.parked.amazon_state, state, parked.redirect_uri, beta=parked.beta
    )
    return {
        "authorizationId": parked.authorization_id,
        "continueUrl": url,
        "sellerId": parked.seller_id,
        "regionCode": parked.region,
        "partyType": parked.party,
        "expiresAt": to_text(parked.expires_at),
    }


def settled(authorization: Authorization, connections: Connections) -> Authorization:
    """The authorization with its outcome, also when the function died between storing the token and recording that."""
    seller_id = authorization.seller_id
    if authorization.status is not Status.PENDING or authorization.used_at is None or seller_id is None:
        return authorization
    of_this_one = (
        connection.authorization_id == authorization.authorization_id
        for connection in connections.of_seller(seller_id).connections
    )
    return replace(authorization, status=Status.CONNECTED) if any(of_this_one) else authorization


def describe(authorization: Authorization, now: datetime) -> Mapping[str, object]:
    """What GET /authorizations/{authorizationId} answers."""
    status = authorization.status_at(now)
    return {
        "authorizationId": authorization.authorization_id,
        "status": status,
        "regionCode": authorization.region,
        "partyType": authorization.party,
        "sellerId": authorization.seller_id,
        "hostReference": authorization.host_reference,
        "reason": authorization.reason if status is Status.REFUSED else None,
        "createdAt": to_text(authorization.created_at),
        "expiresAt": to_text(authorization.expires_at),
    }


def with_parameters(address: str, **parameters: str) -> str:
    """An address of the host product with these parameters behind those that it has."""
    return f"{address}{'&' if '?' in address else '?'}{urlencode(parameters)}"


def _require_pending(authorization: Authorization, authorizations: Authorizations) -> None:
    status = authorization.status_at(authorizations.now())
    if status is not Status.PENDING or authorization.used_at is not None:
        raise AuthorizationEndedError(status)


def _host_reference(fields: Fields) -> str | None:
    rule = "1 to 128 printable ASCII characters without spaces: your product's own id of the user or account"
    return _optional(fields, "HostReference", _HOST_REFERENCE, rule)


def _optional(fields: Fields, name: str, pattern: re.Pattern[str], rule: str) -> str | None:
    value = fields.text(name, required=False, rule=rule)
    if value and not pattern.fullmatch(value):
        fields.errors.append(FieldError(name, "InvalidValue", f"{name} must be {rule}"))
        return None
    return value or None


def _given(fields: Fields, name: str, rule: str) -> bool:
    """Whether an optional field is there, which is described either way."""
    fields.text(name, required=False, rule=rule)
    return fields.body.get(name) is not None
