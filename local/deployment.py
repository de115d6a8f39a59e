"""Publishes the templates to the local emulator and deploys the root template, like the launch button on AWS."""

import importlib.util
import re
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

import boto3
import requests
from botocore.config import Config
from botocore.exceptions import ClientError

from publishing import publish
from servers import Servers
from simulator import CLIENT_ID, CLIENT_SECRET
from smtp_mailbox import read_messages

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient
    from mypy_boto3_cloudformation.literals import CapabilityType
    from mypy_boto3_cloudformation.type_defs import ParameterTypeDef

REPOSITORY = Path(__file__).resolve().parent.parent
BUCKET = "quick-start-templates"
# Layers with compiled packages, installed for this machine in place of Lambda's processor.
LAYERS_HERE: Mapping[str, Path] = {
    f"layers/{name}": REPOSITORY / ".local" / name for name in ("validation", "inflating")
}
EMAIL = "reports@example.com"
_CONFIRMATION_SECONDS = 120
_CAPABILITIES: Sequence["CapabilityType"] = ("CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND")


class DeploymentFailedError(RuntimeError):
    """The stack operation failed. The message has CloudFormation's reasons."""


@dataclass(frozen=True)
class Deployment:
    """A stack on the emulator, and its outputs by name."""

    servers: Servers
    stack_name: str
    outputs: Mapping[str, str]

    def url(self, output: str) -> str:
        """The local URL of an output that has an invoke URL with Amazon's host name."""
        return local_address(self.servers, self.outputs[output])


def local_address(servers: Servers, url: str) -> str:
    """The URL on the emulator for an invoke URL on AWS."""
    parts = urlsplit(url)
    return f"{servers.aws_endpoint}/_aws/execute-api/{parts.netloc.split('.', 1)[0]}{parts.path}"


def host_product() -> ModuleType:
    """docs/examples/host_product.py, the program that users copy."""
    return example("host_product")


def example(name: str) -> ModuleType:
    """A Python program of docs/examples."""
    spec = importlib.util.spec_from_file_location(name, REPOSITORY / "docs" / "examples" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    # dataclasses look up the module of a class.
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def aws(servers: Servers, service: str, **arguments: Any) -> Any:
    """A client for the emulator, with the account's root credentials unless `arguments` override them.

    The same arguments may give the same client.
    """
    credentials = {"aws_access_key_id": "test", "aws_secret_access_key": "test"}
    return _client(service, servers.aws_endpoint, servers.region, **(credentials | arguments))


# Making a client costs more than several calls of it.
@lru_cache(maxsize=64)
def _client(service: str, endpoint: str, region: str, **arguments: Any) -> Any:
    config = Config(signature_version="s3v4") if service == "s3" else None
    client: Callable[..., Any] = boto3.client
    return client(service, endpoint_url=endpoint, region_name=region, config=config, **arguments)


def publish_templates(servers: Servers, checkout: Path = REPOSITORY) -> str:
    """Publishes to the emulator's bucket, creating it if needed. Returns the URL of the root template."""
    s3 = aws(servers, "s3")
    try:
        s3.head_bucket(Bucket=BUCKET)
    except ClientError:
        s3.create_bucket(Bucket=BUCKET)
    session = boto3.Session(aws_access_key_id="test", aws_secret_access_key="test", region_name=servers.region)  # noqa: S106
    publication = publish(
        BUCKET,
        region=servers.region,
        endpoint_url=servers.aws_endpoint,
        session=session,
        checkout=checkout,
        layers=LAYERS_HERE,
    )
    return publication.template_url


def stack_parameters(servers: Servers, **changed: str) -> Mapping[str, str]:
    """Parameters of the root template that use the simulator as SP-API."""
    return {
        "ClientId": CLIENT_ID,
        "ClientSecret": CLIENT_SECRET,
        "ReportStorageNotificationEmail": EMAIL,
        "SellingPartnerApiEndpoint": servers.simulator_endpoint + "/{sandbox}{region}",
        "LoginWithAmazonEndpoint": servers.simulator_endpoint + "/auth/o2/token",
        **changed,
    }


def deploy(
    servers: Servers,
    stack_name: str,
    template_url: str,
    parameters: Mapping[str, str],
    while_waiting: Callable[[], None] = lambda: None,
) -> Deployment:
    """Creates or updates the stack and waits until it is done. Raises DeploymentFailedError."""
    cloudformation: CloudFormationClient = aws(servers, "cloudformation")
    given: list[ParameterTypeDef] = [
        {"ParameterKey": key, "ParameterValue": value} for key, value in parameters.items()
    ]
    change = cloudformation.update_stack if _exists(cloudformation, stack_name) else cloudformation.create_stack
    change(StackName=stack_name, TemplateURL=template_url, Parameters=given, Capabilities=_CAPABILITIES)
    status = _settled(cloudformation, stack_name, while_waiting)
    if status not in ("CREATE_COMPLETE", "UPDATE_COMPLETE"):
        raise DeploymentFailedError(f"stack {stack_name} ended as {status}\n{_reasons(cloudformation, stack_name)}")
    outputs = cloudformation.describe_stacks(StackName=stack_name)["Stacks"][0].get("Outputs", [])
    return Deployment(servers, stack_name, {output["OutputKey"]: output["OutputValue"] for output in outputs})


def confirm_subscriptions(deployment: Deployment) -> None:
    """Opens the confirmation link of each of the stack's e-mail subscriptions. No other e-mail is sent before that.

    Raises DeploymentFailedError if a confirmation e-mail does not arrive.
    """
    sns = aws(deployment.servers, "sns")
    names = ("ReportTopicArn", "AlarmTopicArn", "ListingTopicArn", "ListingFeedTopicArn")
    topics = (deployment.outputs.get(name) for name in names)
    for topic in filter(None, topics):
        listed = sns.list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"]
        if any(subscription["SubscriptionArn"] == "PendingConfirmation" for subscription in listed):
            requests.get(
                _confirmation_link(deployment.servers, topic), timeout=_CONFIRMATION_SECONDS
            ).raise_for_status()


def _confirmation_link(servers: Servers, topic: str) -> str:
    give_up = time.monotonic() + _CONFIRMATION_SECONDS
    while time.monotonic() < give_up:
        for mail in reversed(read_messages(servers.mail_directory)):
            link = re.search(rf"http\S+{re.escape(quote(topic, safe=''))}\S*", mail.body)
            if link is not None and "ConfirmSubscription" in link[0]:
                return link[0]
        time.sleep(0.05)
    raise DeploymentFailedError(f"no e-mail to confirm the subscription to {topic} arrived")


def delete(servers: Servers, stack_name: str) -> None:
    """Deletes the stack and waits until it is gone. Raises DeploymentFailedError."""
    cloudformation: CloudFormationClient = aws(servers, "cloudformation")
    cloudformation.delete_stack(StackName=stack_name)
    status = _settled(cloudformation, stack_name, lambda: None)
    if status != "DELETE_COMPLETE":
        raise DeploymentFailedError(f"stack {stack_name} ended as {status}\n{_reasons(cloudformation, stack_name)}")


def _exists(cloudformation: "CloudFormationClient", stack_name: str) -> bool:
    try:
        stack = cloudformation.describe_stacks(StackName=stack_name)["Stacks"][0]
    except ClientError:
        return False
    return stack["StackStatus"] != "DELETE_COMPLETE"


def _settled(cloudformation: "CloudFormationClient", stack_name: str, while_waiting: Callable[[], None]) -> str:
    while True:
        try:
            status = str(cloudformation.describe_stacks(StackName=stack_name)["Stacks"][0]["StackStatus"])
        except ClientError:
            return "DELETE_COMPLETE"
        if not status.endswith("_IN_PROGRESS"):
            return status
        while_waiting()
        time.sleep(0.1)


def _reasons(cloudformation: "CloudFormationClient", stack_name: str) -> str:
    events = cloudformation.describe_stack_events(StackName=stack_name)["StackEvents"]
    return "\n".join(
        f"  {event['LogicalResourceId']}: {event.get('ResourceStatusReason', '')}"
        for event in reversed(events)
        if "FAILED" in str(event.get("ResourceStatus"))
    )
