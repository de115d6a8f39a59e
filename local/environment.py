"""The environment variables that a program needs to use the local stack, and the file that sets them.

`.local/demo/env.sh` is for a host product: its keys are those of the stack's ApiGatewayInvokeUser. The operator's
commands use the account's root credentials instead.
"""

import shlex
from collections.abc import Mapping
from pathlib import Path

from deployment import REPOSITORY, Deployment
from servers import Servers

RUN_DIRECTORY = REPOSITORY / ".local" / "demo"
STACK_NAME = "local-quick-start"
FILE = "env.sh"
# The services that the examples and an operator call. The names follow the AWS SDKs.
_SERVICES = ("STS", "S3", "CLOUDFORMATION", "EVENTBRIDGE", "SQS", "SNS")
# A program can send its requests to these addresses; the names are those of the outputs, in capitals.
_ADDRESSES = {
    "TOKENS_URL": "TokenStorageUrl",
    "NOTIFICATIONS_URL": "NotificationsSubscriberUrl",
    "REPORTS_URL": "ReportCreatorUrl",
    "SCHEDULES_URL": "ReportSchedulesUrl",
    "PRODUCT_TYPES_URL": "ProductTypesUrl",
    "LISTINGS_URL": "ListingsUrl",
    "LISTING_FEEDS_URL": "ListingFeedsUrl",
    "AUTHORIZATIONS_URL": "AuthorizationsUrl",
}


def operator_environment(servers: Servers) -> dict[str, str]:
    """With these variables, the commands in `operations` use the emulator. The console also shows the simulator and
    the e-mails."""
    return {
        "AWS_ENDPOINT_URL": servers.aws_endpoint,
        "AWS_ENDPOINT_URL_EXECUTE_API": f"{servers.aws_endpoint}/_aws/execute-api",
        "AWS_DEFAULT_REGION": servers.region,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "SIMULATOR_URL": servers.simulator_endpoint,
        "MAILBOX": str(servers.mail_directory),
    }


def host_environment(deployment: Deployment, access_key: Mapping[str, str], seller_id: str) -> dict[str, str]:
    """With these variables, a host product uses the local stack. `access_key` is as returned by IAM."""
    servers = deployment.servers
    return {
        "AWS_ENDPOINT_URL": servers.aws_endpoint,
        **{f"AWS_ENDPOINT_URL_{service}": servers.aws_endpoint for service in _SERVICES},
        "AWS_REGION": servers.region,
        "AWS_DEFAULT_REGION": servers.region,
        "AWS_ACCESS_KEY_ID": access_key["AccessKeyId"],
        "AWS_SECRET_ACCESS_KEY": access_key["SecretAccessKey"],
        "ROLE_ARN": deployment.outputs["ApiGatewayInvokeRoleArn"],
        **{name: deployment.url(output) for name, output in _ADDRESSES.items() if output in deployment.outputs},
        "SELLER_ID": seller_id,
        "SIMULATOR_URL": servers.simulator_endpoint,
        "MAILBOX": str(servers.mail_directory),
    }


def write_environment(
    path: Path, deployment: Deployment, access_key: Mapping[str, str], seller_id: str, refresh_token: str
) -> None:
    """Writes a file for a shell to source. Only its owner can read it, as it holds keys and a refresh token."""
    variables = host_environment(deployment, access_key, seller_id) | {"REFRESH_TOKEN": refresh_token}
    lines = [f"export {name}={shlex.quote(value)}" for name, value in variables.items()]
    # Credentials of another profile or session would come before these.
    lines.append("unset AWS_PROFILE AWS_SESSION_TOKEN")
    path.touch(mode=0o600)
    path.write_text("\n".join(lines) + "\n")
