"""Points the Postman collection at a local stack."""

from collections.abc import Mapping
from typing import Any

from deployment import Deployment

# The collection's base addresses, and the outputs that they are the beginning of.
_BASES = {
    "tokenStorageBase": "TokenStorageUrl",
    "notificationsSubscriberBase": "NotificationsSubscriberUrl",
    "reportCreatorBase": "ReportCreatorUrl",
}


def postman_environment(
    deployment: Deployment, access_key: Mapping[str, str], seller_id: str, refresh_token: str
) -> Mapping[str, Any]:
    """An environment of Postman's form; `access_key` is one of ApiGatewayInvokeUser as IAM gives it."""
    values = {
        "iamUserAccessKey": access_key["AccessKeyId"],
        "iamUserSecretKey": access_key["SecretAccessKey"],
        "iamRoleArn": deployment.outputs["ApiGatewayInvokeRoleArn"],
        "stackRegion": deployment.servers.region,
        "stsBase": deployment.servers.aws_endpoint,
        "sellerId": seller_id,
        "refreshToken": refresh_token,
        **{name: deployment.url(output).rpartition("/")[0] for name, output in _BASES.items()},
    }
    return {
        "name": "Selling Partner API Quick Start (local)",
        "values": [{"key": key, "value": value, "enabled": True} for key, value in values.items()],
    }
