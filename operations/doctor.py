"""Looks a deployed stack over: `python -m operations.doctor STACK` (make doctor). It changes nothing."""

import argparse
import json
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import boto3
import requests
from botocore.exceptions import ClientError

from operations.command import ended
from operations.stack import Stack, find_stack, signed_headers
from quickstart.secrets import Secrets, SecretUnreadableError
from sp_api.deadline import Deadline
from sp_api.errors import AuthorizationError, SellingPartnerApiError, ThrottledError
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
# Who is mailed what, and the output with the topic; stacks of earlier versions lack the second.
TOPICS = {"reports": "ReportTopicArn", "alarms": "AlarmTopicArn"}


@dataclass(frozen=True)
class Finding:
    """One line of the report; `advice` says what to do, and is empty where all is well."""

    subject: str
    state: str
    advice: str = ""


def examine(stack: Stack, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> Iterator[Finding]:
    """Every check in turn, as it is made. `clock` gives the time in UTC."""
    paths = json.loads(OPENAPI.read_text())["paths"]
    for path in sorted(paths):
        for method, operation in paths[path].items():
            if method != "servers":
                yield _endpoint(stack, operation["tags"][0], method.upper(), path)
    for subject, output in TOPICS.items():
        if output in stack.outputs:
            yield _made(f"e-mails with {subject}", partial(_subscription, stack, output))
    for output in sorted(stack.outputs):
        if output.endswith("QueueArn"):
            yield _made(f"policy of {output.removesuffix('Arn')}", partial(_queue_policy, stack, output))
    yield _made("application credentials", partial(_client_secret, stack, clock))
    yield _made("Login with Amazon", partial(_login_with_amazon, stack))
    for output in sorted(stack.outputs):
        if output.endswith("DeadLetterQueueUrl"):
            yield _made(output.removesuffix("Url"), partial(_dead_letters, stack, output))


def _made(subject: str, check: Callable[[str], Finding]) -> Finding:
    """What the check finds, or why AWS did not let it look: mostly rights that whoever asks does not have."""
    try:
        return check(subject)
    except ClientError as error:
        return Finding(subject, error.response["Error"]["Code"], error.response["Error"]["Message"])


def _endpoint(stack: Stack, api: str, method: str, path: str) -> Finding:
    """A signed request without a valid field, which the function refuses without doing anything."""
    subject = f"{method} {path}"
    api_id = stack.outputs[f"{api}Id"]
    invoke_url = next(url for url in stack.outputs.values() if url.startswith(f"https://{api_id}.execute-api."))
    # No id begins with a tilde, so this names nothing.
    address = stack.address(invoke_url.partition("/prod/")[0] + "/prod" + re.sub(r"\{[^}]+\}", "~", path))
    body = "{}" if method == "POST" else None
    headers = signed_headers(stack, method, address, body)
    try:
        answer = requests.request(method, address, data=body, headers=headers, timeout=35)
    except requests.RequestException as error:
        return Finding(subject, "no answer", f"the address cannot be reached from here ({type(error).__name__})")
    match answer.status_code:
        case 400 if '"errors"' in answer.text:
            return Finding(subject, "answers")
        case 403:
            advice = "your own credentials need execute-api:Invoke on the stack's APIs for this check"
        case _:
            advice = "look at the function's log: it should refuse an empty request with 400"
    return Finding(subject, f"HTTP {answer.status_code}", advice)


def _subscription(stack: Stack, output: str, subject: str) -> Finding:
    pages = stack.client("sns").get_paginator("list_subscriptions_by_topic").paginate(TopicArn=stack.outputs[output])
    mails = [entry for page in pages for entry in page["Subscriptions"] if entry["Protocol"] == "email"]
    waiting = [entry["Endpoint"] for entry in mails if entry["SubscriptionArn"] == "PendingConfirmation"]
    if waiting:
        return Finding(subject, "not confirmed", f"open the mail that AWS sent to {', '.join(waiting)} and confirm")
    # Whoever opened the link to unsubscribe is listed for some days, as Deleted.
    if not any(entry["SubscriptionArn"].startswith("arn:") for entry in mails):
        return Finding(subject, "no subscriber", f"nobody is mailed: subscribe an address to the topic in {output}")
    return Finding(subject, "confirmed")


def _queue_policy(stack: Stack, output: str, subject: str) -> Finding:
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


def _client_secret(stack: Stack, clock: Callable[[], datetime], subject: str) -> Finding:
    client = stack.client("secretsmanager")
    secret_arn = stack.outputs["ApplicationSecretArn"]
    try:
        Secrets(client).application_credentials(secret_arn)
    except SecretUnreadableError as error:
        return Finding(subject, "unreadable", str(error))
    # The version's own date: the secret's changes with its tags too.
    stored: datetime = client.get_secret_value(SecretId=secret_arn)["CreatedDate"]
    age = clock() - stored
    if age <= CLIENT_SECRET_LIFE - CLIENT_SECRET_WARNING:
        return Finding(subject, f"stored {age.days} days ago")
    left = CLIENT_SECRET_LIFE - age
    state = f"{left.days} days left" if left > timedelta(0) else "stored more than 180 days ago"
    return Finding(subject, state, "rotate the client secret and store the new one in the secret")


def _login_with_amazon(stack: Stack, subject: str) -> Finding:
    try:
        credentials = Secrets(stack.client("secretsmanager")).application_credentials(
            stack.outputs["ApplicationSecretArn"]
        )
    except SecretUnreadableError:
        return Finding(subject, "not asked", "mend the application credentials first")
    environment = Environment(lwa_endpoint=stack.parameters.get("LoginWithAmazonEndpoint", ""))
    lwa = LwaClient(make_http(), environment.lwa_url, lambda *, fresh: credentials)  # noqa: ARG005 read this minute
    try:
        lwa.grantless_access_token(Scope.NOTIFICATIONS, Deadline.after(LWA_SECONDS))
    except AuthorizationError as error:
        return Finding(subject, error.error, error.action or str(error))
    except ThrottledError:
        return Finding(subject, "throttled", "too many requests for tokens at the moment: ask again in a minute")
    except SellingPartnerApiError as error:
        return Finding(subject, "no answer" if error.status is None else f"HTTP {error.status}", str(error))
    return Finding(subject, "accepts the credentials")


def _dead_letters(stack: Stack, output: str, subject: str) -> Finding:
    attributes = stack.client("sqs").get_queue_attributes(
        QueueUrl=stack.outputs[output], AttributeNames=["ApproximateNumberOfMessages"]
    )["Attributes"]
    count = int(attributes["ApproximateNumberOfMessages"])
    if count:
        return Finding(
            subject,
            f"{count} message{'s' * (count > 1)}",
            "docs/operations.md says how to look at them and move them back",
        )
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
    parser = argparse.ArgumentParser(prog="operations.doctor", description=__doc__)
    parser.add_argument("stack", help="name of the root stack")
    parser.add_argument("--region", help="its region, if it is not your usual one")
    options = parser.parse_args()

    def run(session: boto3.Session) -> int:
        return 0 if report(examine(find_stack(options.stack, session)), print) else 1

    return ended(run, options.stack, options.region)


if __name__ == "__main__":
    sys.exit(main())
