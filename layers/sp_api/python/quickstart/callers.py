"""Creates callers of SP-API for a seller or the application, from the function's environment and stored secrets."""

from collections.abc import Iterator
from datetime import UTC, datetime
from functools import cache, partial
from typing import TYPE_CHECKING

from quickstart import VERSION, clients, settings
from quickstart.dynamodb import Table
from quickstart.observability import logger, report_refused_secret
from quickstart.refusals import RefreshTokenNotAcceptedError
from quickstart.remembered import Remembered
from quickstart.secrets import signing_credentials
from quickstart.token_vault import TokenVault, has_token
from sp_api.regions import Environment, Region

if TYPE_CHECKING:
    from quickstart.application_secret import ApplicationSecret
    from sp_api.caller import Caller, SellingPartnerApi
    from sp_api.deadline import Deadline
    from sp_api.lwa import ApplicationCredentials
    from sp_api.signing import Signer


@cache
def selling_partners_table() -> Table:
    return Table(clients.dynamodb(), settings.required("SELLING_PARTNERS_TABLE"))


@cache
def token_vault() -> TokenVault:
    return TokenVault(selling_partners_table(), clients.kms(), settings.required("TOKEN_KEY_ARN"))


def amazon(*, sandbox: bool = False) -> Environment:
    """Where SP-API, LWA, Seller Central and Vendor Central are."""
    return Environment(
        settings.optional("SP_API_ENDPOINT"),
        settings.optional("LWA_ENDPOINT"),
        sandbox,
        settings.optional("CENTRAL_ENDPOINT"),
    )


@cache
def selling_partner_api(*, sandbox: bool = False) -> "SellingPartnerApi":
    """SP-API, or its sandbox, for this stack's application."""
    # A function that stores tokens and calls nothing does not load the client.
    from quickstart.application_secret import ApplicationSecret
    from sp_api.caller import SellingPartnerApi, user_agent
    from sp_api.lwa import LwaClient

    secret = ApplicationSecret(clients.secretsmanager(), settings.required("APPLICATION_SECRET_ARN"))
    environment = amazon(sandbox=sandbox)
    return SellingPartnerApi(
        environment,
        LwaClient(
            clients.http(),
            environment.lwa_url,
            Remembered(lambda: secret.in_use().credentials),
            other_credentials=partial(_other_credentials, secret),
        ),
        clients.http(),
        user_agent("SellingPartnerApiQuickStart", VERSION),
        _signer(),
    )


def _other_credentials(secret: "ApplicationSecret") -> "Iterator[ApplicationCredentials]":
    """Other versions of the client secret to try when LWA rejects the one in use.

    Calling this publishes the metric that triggers ClientSecretRefusedAlarm.
    """
    report_refused_secret(secret.arn)
    for version in secret.others(datetime.now(UTC)):
        logger().error("trying another version of the client secret", version_id=version.version_id)
        yield version.credentials


def _signer() -> "Signer | None":
    """Signs requests to SP-API, where the stack's parameters ask for it."""
    signing_secret = settings.optional("SIGNING_SECRET_ARN")
    if not signing_secret:
        return None
    from sp_api.signing import Signer

    return Signer(Remembered(lambda: signing_credentials(clients.secretsmanager(), signing_secret)))


def seller(seller_id: str, region: Region, deadline: "Deadline", *, sandbox: bool = False) -> "Caller":
    """A caller of SP-API, or its sandbox, for a seller, with the stored refresh token.

    Raises SellerUnknownError when none is stored.
    """
    # A warm function still has the access token of a removed seller, which must not be used.
    token_vault().require(seller_id, region)
    return known_seller(seller_id, region, deadline, sandbox=sandbox)


def known_seller(seller_id: str, region: Region, deadline: "Deadline", *, sandbox: bool = False) -> "Caller":
    """The same for a seller of whom the caller knows that a token is stored now."""
    api = selling_partner_api(sandbox=True) if sandbox else selling_partner_api()
    token = token_vault().refresh_token(seller_id, region)
    return api.for_seller(seller_id, region, token, deadline, observer=token)


def seller_known(seller_id: str, likely: Region | None = None) -> bool:
    """Whether a token is stored for the seller in any region now: not when the seller was removed."""
    return has_token(selling_partners_table(), seller_id, likely)


def check_refresh_token(refresh_token: str, deadline: "Deadline") -> None:
    """Asks LWA whether it accepts the token for this stack's application.

    Raises RefreshTokenNotAcceptedError, and what else `sp_api` raises.
    """
    from sp_api.errors import AuthorizationError

    try:
        selling_partner_api().lwa.check_refresh_token(refresh_token, deadline)
    except AuthorizationError as error:
        if error.error in ("invalid_grant", "unauthorized_client"):
            raise RefreshTokenNotAcceptedError(error.error) from error
        raise


def application(region: Region, deadline: "Deadline") -> "Caller":
    """A caller of SP-API's grantless notification operations, for the application."""
    from sp_api.lwa import Scope

    return selling_partner_api().grantless(Scope.NOTIFICATIONS, region, deadline)
