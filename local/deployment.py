"""Publishes the templates to the local emulator and deploys the root, as the launch button does on AWS."""

import importlib.util
import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
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
EMAIL = "reports@example.com"
_CONFIRMATION_SECONDS = 10
_CAPABILITIES: Sequence["CapabilityType"] = ("CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND")


class DeploymentFailedError(RuntimeError):
    """CloudFormation did not finish; the message has its reasons."""


@dataclass(frozen=True)
class Deployment:
    """A stack on the emulator, and its outputs by name."""

    servers: Servers
    stack_name: str
    outputs: Mapping[str, str]

    def url(self, output: str) -> str:
        """An invoke URL as it is reached here: the outputs show Amazon's host names."""
        return local_address(self.servers, self.outputs[output])


def local_address(servers: Servers, url: str) -> str:
    """An invoke URL of Amazon's form as the emulator serves it."""
    parts = urlsplit(url)
    return f"{servers.aws_endpoint}/_aws/execute-api/{parts.netloc.split('.', 1)[0]}{parts.path}"


def host_product() -> ModuleType:
    """docs/examples/host_product.py, the program that users copy, as it stands."""
    path = REPOSITORY / "docs" / "examples" / "host_product.py"
    spec = importlib.util.spec_from_file_location("host_product", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def aws(servers: Servers, service: str, **arguments: Any) -> Any:
    """A client of the emulator with the account's own credentials, unless `arguments` bring others."""
    credentials = {"aws_access_key_id": "test", "aws_secret_access_key": "test"}
    config = Config(signature_version="s3v4") if service == "s3" else None
    client: Callable[..., Any] = boto3.client
    return client(
        service,
        endpoint_url=servers.aws_endpoint,
        region_name=servers.region,
        config=config,
        **(credentials | arguments),
    )


def publish_templates(servers: Servers, checkout: Path = REPOSITORY) -> str:
    """Publishes to the emulator's bucket, made when missing; gives the address of the root template."""
    s3 = aws(servers, "s3")
    try:
        s3.head_bucket(Bucket=BUCKET)
    except ClientError:
        s3.create_bucket(Bucket=BUCKET)
    session = boto3.Session(aws_access_key_id="test", aws_secret_access_key="test", region_name=servers.region)  # noqa: S106
    publication = publish(
        BUCKET, region=servers.region, endpoint_url=servers.aws_endpoint, session=session, checkout=checkout
    )
    return publication.template_url


def stack_parameters(servers: Servers, **changed: str) -> Mapping[str, str]:
    """Parameters of the root that point it at the simulator."""
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
    """Creates the stack, or updates it in place, and waits for the end. Raises DeploymentFailedError."""
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
    """Opens the link in each mail that asks to confirm a subscription of the stack, as the person does who reads it.
    Nothing else is mailed before. Raises DeploymentFailedError when such a mail does not come."""
    sns = aws(deployment.servers, "sns")
    for topic in (deployment.outputs["ReportTopicArn"], deployment.outputs["AlarmTopicArn"]):
        listed = sns.list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"]
        if any(subscription["SubscriptionArn"] == "PendingConfirmation" for subscription in listed):
            requests.get(_confirmation_link(deployment.servers, topic), timeout=10).raise_for_status()


def _confirmation_link(servers: Servers, topic: str) -> str:
    give_up = time.monotonic() + _CONFIRMATION_SECONDS
    while time.monotonic() < give_up:
        for mail in reversed(read_messages(servers.mail_directory)):
            link = re.search(rf"http\S+{re.escape(quote(topic, safe=''))}\S*", mail.body)
            if link is not None and "ConfirmSubscription" in link[0]:
                return link[0]
        time.sleep(0.05)
    raise DeploymentFailedError(f"no e-mail asked to confirm the subscription to {topic}")


def delete(servers: Servers, stack_name: str) -> None:
    """Deletes the stack and waits for the end. Raises DeploymentFailedError."""
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
