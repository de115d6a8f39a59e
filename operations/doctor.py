"""Looks a deployed stack over: `python -m operations.doctor STACK` (make doctor). It changes nothing."""

import argparse
import json
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
import requests
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.exceptions import ClientError

from operations.stack import Stack, StackUnknownError, find_stack
from quickstart.secrets import Secrets, SecretUnreadableError
from sp_api.deadline import Deadline
from sp_api.errors import AuthorizationError, SellingPartnerApiError
from sp_api.lwa import LwaClient, Scope
from sp_api.regions import Environment
from sp_api.transport import make_http

# Every method of the stack's APIs.
OPENAPI = Path(__file__).resolve().parent.parent / "docs" / "openapi.json"
# SP-API's account, which sends the notifications.
SELLING_PARTNER_API_ACCOUNT = "437568002678"
# LWA client secrets expire 180 days after they were made (SP-API docs, "Rotate your application's client secret").
CLIENT_SECRET_LIFE = timedelta(days=180)
CLIENT_SECRET_WARNING = timedelta(days=30)
LWA_SECONDS = 20.0


@dataclass(frozen=True)
class Finding:
    """One line of the report; `advice` says what to do, and is empty where all is well."""

    subject: str
    state: str
    advice: str = ""


def examine(stack: Stack) -> Iterator[Finding]:
    """Every check in turn, as it is made."""
    paths = json.loads(OPENAPI.read_text())["paths"]
    for path in sorted(paths):
        for method, operation in paths[path].items():
            if method != "servers":
                yield _endpoint(stack, operation["tags"][0], method.upper(), path)
    yield _subscription(stack)
    for output in sorted(stack.outputs):
        if output.endswith("QueueArn"):
            yield _queue_policy(stack, output)
    yield from _credentials(stack)
    for output in sorted(stack.outputs):
        if output.endswith("DeadLetterQueueUrl"):
            yield _dead_letters(stack, output)


def _endpoint(stack: Stack, api: str, method: str, path: str) -> Finding:
    """A signed request without a valid field, which the function refuses without doing anything."""
    subject = f"{method} {path}"
    credentials = stack.session.get_credentials()
    if credentials is None:
        return Finding(subject, "not asked", "there are no AWS credentials here")
    api_id = stack.outputs[f"{api}Id"]
    invoke_url = next(url for url in stack.outputs.values() if url.startswith(f"https://{api_id}.execute-api."))
    # No id begins with a tilde, so this names nothing.
    address = stack.address(invoke_url.partition("/prod/")[0] + "/prod" + re.sub(r"\{[^}]+\}", "~", path))
    body = "{}" if method == "POST" else None
    request = AWSRequest(method, address, data=body)
    SigV4Auth(credentials, "execute-api", stack.session.region_name).add_auth(request)
    try:
        answer = requests.request(method, address, data=body, headers=dict(request.headers), timeout=35)
    except requests.RequestException as error:
        return Finding(subject, "no answer", f"the address cannot be reached from here ({type(error).__name__})")
    if answer.status_code == 400 and "errors" in answer.json():
        return Finding(subject, "answers")
    if answer.status_code == 403:
        return Finding(
            subject, "HTTP 403", "your own credentials need execute-api:Invoke on the stack's APIs for this check"
        )
    return Finding(
        subject, f"HTTP {answer.status_code}", "look at the function's log: it should refuse an empty request with 400"
    )


def _subscription(stack: Stack) -> Finding:
    subject = "e-mail subscription"
    listed = stack.client("sns").list_subscriptions_by_topic(TopicArn=stack.outputs["ReportTopicArn"])["Subscriptions"]
    mails = [entry for entry in listed if entry["Protocol"] == "email"]
    if not mails:
        return Finding(subject, "none", "nobody is mailed: subscribe an address to the topic in ReportTopicArn")
    waiting = [entry["Endpoint"] for entry in mails if entry["SubscriptionArn"] == "PendingConfirmation"]
    if waiting:
        return Finding(subject, "not confirmed", f"open the mail that AWS sent to {', '.join(waiting)} and confirm")
    return Finding(subject, "confirmed")


def _queue_policy(stack: Stack, output: str) -> Finding:
    subject = f"policy of {output.removesuffix('Arn')}"
    name = stack.outputs[output].rsplit(":", 1)[1]
    sqs = stack.client("sqs")
    url = sqs.get_queue_url(QueueName=name)["QueueUrl"]
    policy = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["Policy"]).get("Attributes", {}).get("Policy")
    if policy and any(_lets_sp_api_send(statement) for statement in json.loads(policy)["Statement"]):
        return Finding(subject, "lets SP-API send")
    return Finding(subject, "SP-API cannot send", "the policy was changed by hand: update the stack to put it back")


def _lets_sp_api_send(statement: Mapping[str, Any]) -> bool:
    actions = statement.get("Action")
    principal = json.dumps(statement.get("Principal"))
    return (
        statement.get("Effect") == "Allow"
        and SELLING_PARTNER_API_ACCOUNT in principal
        and any(
            action.lower() in ("sqs:sendmessage", "sqs:*")
            for action in ([actions] if isinstance(actions, str) else actions or [])
        )
    )


def _credentials(stack: Stack) -> Iterator[Finding]:
    client = stack.client("secretsmanager")
    secret_arn = stack.outputs["ApplicationSecretArn"]
    subject = "application credentials"
    try:
        credentials = Secrets(client).application_credentials(secret_arn)
    except (SecretUnreadableError, ClientError) as error:
        yield Finding(subject, "unreadable", str(error))
        return
    changed: datetime = client.describe_secret(SecretId=secret_arn)["LastChangedDate"]
    left = changed.astimezone(UTC) + CLIENT_SECRET_LIFE - datetime.now(UTC)
    if left < CLIENT_SECRET_WARNING:
        yield Finding(
            subject, f"{max(left.days, 0)} days left", "rotate the client secret and store the new one in the secret"
        )
    else:
        yield Finding(subject, f"changed {(CLIENT_SECRET_LIFE - left).days} days ago")
    environment = Environment(lwa_endpoint=stack.parameters.get("LoginWithAmazonEndpoint", ""))
    lwa = LwaClient(make_http(), environment.lwa_url, lambda *, fresh: credentials)  # noqa: ARG005 read this minute
    try:
        lwa.grantless_access_token(Scope.NOTIFICATIONS, Deadline.after(LWA_SECONDS))
    except AuthorizationError as error:
        yield Finding("Login with Amazon", error.error, error.action)
    except SellingPartnerApiError as error:
        yield Finding("Login with Amazon", "no answer", str(error))
    else:
        yield Finding("Login with Amazon", "accepts the credentials")


def _dead_letters(stack: Stack, output: str) -> Finding:
    subject = output.removesuffix("Url")
    attributes = stack.client("sqs").get_queue_attributes(
        QueueUrl=stack.outputs[output], AttributeNames=["ApproximateNumberOfMessages"]
    )["Attributes"]
    count = int(attributes["ApproximateNumberOfMessages"])
    if count:
        return Finding(subject, f"{count} messages", "docs/operations.md says how to look at them and move them back")
    return Finding(subject, "empty")


def report(findings: Iterator[Finding], show: Callable[[str], None]) -> bool:
    """Shows each finding as it comes; True when all is well."""
    well = True
    for finding in findings:
        show(f"{'ok' if not finding.advice else '!!'}  {finding.subject:<42} {finding.state}")
        if finding.advice:
            well = False
            show(f"    -> {finding.advice}")
    return well


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("stack", help="name of the root stack")
    parser.add_argument("--region", help="its region, if it is not your usual one")
    options = parser.parse_args()
    try:
        stack = find_stack(options.stack, boto3.Session(region_name=options.region))
    except StackUnknownError as error:
        print(error, file=sys.stderr)
        return 2
    return 0 if report(examine(stack), print) else 1


if __name__ == "__main__":
    sys.exit(main())
