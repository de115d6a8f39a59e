"""The Postman environment for a local stack."""

from collections.abc import Mapping
from typing import Any

from deployment import Deployment

# The collection's base URLs, each with an output that starts with it.
_BASES = {
    "tokenStorageBase": "TokenStorageUrl",
    "notificationsSubscriberBase": "NotificationsSubscriberUrl",
    "reportCreatorBase": "ReportCreatorUrl",
    # Where the capability is switched on.
    "productTypesBase": "ProductTypesUrl",
    "listingsBase": "ListingsUrl",
    "listingFeedsBase": "ListingFeedsUrl",
    "authorizationBase": "AuthorizationsUrl",
}


def postman_environment(
    deployment: Deployment, access_key: Mapping[str, str], seller_id: str, refresh_token: str
) -> Mapping[str, Any]:
    """A Postman environment. `access_key` is an access key of ApiGatewayInvokeUser as returned by IAM."""
    bases = {name: output for name, output in _BASES.items() if output in deployment.outputs}
    values = {
        "iamUserAccessKey": access_key["AccessKeyId"],
        "iamUserSecretKey": access_key["SecretAccessKey"],
        "iamRoleArn": deployment.outputs["ApiGatewayInvokeRoleArn"],
        "stackRegion": deployment.servers.region,
        "stsBase": deployment.servers.aws_endpoint,
        "sellerId": seller_id,
        "refreshToken": refresh_token,
        **{name: deployment.url(output).partition("/prod/")[0] + "/prod" for name, output in bases.items()},
    }
    return {
        "name": "Selling Partner API Quick Start (local)",
        "values": [{"key": key, "value": value, "enabled": True} for key, value in values.items()],
    }
