"""Checks a deployed stack: `python -m operations.doctor STACK` (make doctor). Changes nothing."""

import json
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import boto3
import requests
from botocore.exceptions import ClientError

from operations.client_secret import BY_HAND, REJECTED, age, application_secret, read_client_secret, rotation
from operations.command import MakeParser, counted, run_command
from operations.connections import describe, read_connections
from operations.findings import Finding, addressed, as_json, report
from operations.logs import period
from operations.outcomes import REDRIVABLE, Check, dead_letters, outcome_checks
from operations.stack import Stack, find_stack, signed_headers
from quickstart.secrets import SecretUnreadableError
from sp_api.deadline import Deadline
from sp_api.errors import AuthorizationError, SellingPartnerApiError, ThrottledError
from sp_api.lwa import ApplicationCredentials, LwaClient, Scope
from sp_api.regions import Environment
from sp_api.transport import make_http

# Lists every method of the stack's APIs.
OPENAPI = Path(__file__).resolve().parent.parent / "docs" / "openapi.json"
# SP-API's account, which sends the notifications.
SELLING_PARTNER_API_ACCOUNT = "437568002678"
# The outputs with the queues that it sends to.
SELLING_PARTNER_API_QUEUES = ("NotificationsQueueArn", "OrdersQueueArn", "SecretQueueArn")
LWA_SECONDS = 20.0
# No request has this field, so that every function rejects it, also where all fields are optional.
UNKNOWN_FIELD = "Doctor"
# The output with the topic of each kind of e-mail. Stacks of earlier versions have no AlarmTopicArn.
TOPICS = {
    "reports": "ReportTopicArn",
    "alarms": "AlarmTopicArn",
    "outcomes of listings": "ListingTopicArn",
    "files of listings": "ListingFeedTopicArn",
}


def examine(
    stack: Stack, clock: Callable[[], datetime] = lambda: datetime.now(UTC), since: timedelta = REDRIVABLE
) -> Iterator[Finding]:
    """Runs each check and yields its result. `clock` returns the time in UTC; failures longer ago than `since` are left
    out."""
    paths = json.loads(OPENAPI.read_text())["paths"]
    for path in sorted(paths):
        for method, operation in paths[path].items():
            if method != "servers" and _is_checked(stack, operation):
                yield _endpoint(stack, operation["tags"][0], method.upper(), path)
    for subject, output in TOPICS.items():
        if output in stack.outputs:
            yield _checked(f"e-mails with {subject}", partial(_subscription, stack, output))
    for output in SELLING_PARTNER_API_QUEUES:
        if output in stack.outputs:
            yield _checked(f"policy of {output.removesuffix('Arn')}", partial(_queue_policy, stack, output))
    yield from examine_client_secret(stack, clock)
    yield from _connections(stack, clock)
    for output in sorted(stack.outputs):
        if output.endswith("DeadLetterQueueUrl"):
            yield examine_dead_letters(stack, output, clock)
    for subject, check in outcome_checks(stack, clock(), since):
        yield from _all_of(subject, check)


def examine_client_secret(stack: Stack, clock: Callable[[], datetime]) -> Iterator[Finding]:
    """When the secret ends, what its rotation is at, and whether LWA accepts it."""
    yield _checked("application credentials", partial(_client_secret, stack, clock))
    yield from _rotation(stack, clock)
    yield _checked("Login with Amazon", partial(_login_with_amazon, stack, clock))
    if "SecretQueueArn" in stack.outputs:
        yield _checked("SecretQueue", partial(_waiting_secrets, stack))


def examine_dead_letters(
    stack: Stack, output: str, clock: Callable[[], datetime] = lambda: datetime.now(UTC)
) -> Finding:
    """The messages in the dead-letter queue of this output."""
    return _checked(output.removesuffix("Url"), lambda _: dead_letters(stack, output, clock()))


def _checked(subject: str, check: Callable[[str], Finding]) -> Finding:
    """The check's finding, or AWS's error, which is usually a missing permission of the operator."""
    try:
        return check(subject)
    except ClientError as error:
        return _failed(subject, error)


def _all_of(subject: str, check: Check) -> Iterator[Finding]:
    try:
        yield from check()
    except ClientError as error:
        yield _failed(subject, error)


def _failed(subject: str, error: ClientError) -> Finding:
    return Finding(subject, error.response["Error"]["Code"], error.response["Error"]["Message"])


def _is_checked(stack: Stack, operation: Mapping[str, Any]) -> bool:
    """Signed operations of the APIs that the stack has: capabilities are optional, and public pages answer browsers."""
    return f"{operation['tags'][0]}Id" in stack.outputs and operation.get("security") != []


def _endpoint(stack: Stack, api: str, method: str, path: str) -> Finding:
    """Sends a signed request without a valid field and with an unknown one: the function rejects it without effect."""
    subject = f"{method} {path}"
    api_id = stack.outputs[f"{api}Id"]
    invoke_url = next(url for url in stack.outputs.values() if url.startswith(f"https://{api_id}.execute-api."))
    # No id starts with a tilde, so this matches no resource.
    address = stack.address(invoke_url.partition("/prod/")[0] + "/prod" + re.sub(r"\{[^}]+\}", "~", path))
    body = json.dumps({UNKNOWN_FIELD: "check"}) if method == "POST" else None
    if body is None:
        address += f"?{UNKNOWN_FIELD}=check"
    headers = signed_headers(stack, method, address, body)
    try:
        answer = requests.request(method, address, data=body, headers=headers, timeout=35)
    except requests.RequestException as error:
        return Finding(
            subject, "no response", f"the address cannot be reached from this machine ({type(error).__name__})"
        )
    match answer.status_code:
        case 400 if '"errors"' in answer.text:
            return Finding(subject, "responds")
        case 403:
            advice = "for this check, your credentials need execute-api:Invoke on the stack's APIs"
        case _:
            advice = "the function should return 400 for an empty request: make logs SINCE=1h shows why"
    return Finding(subject, f"HTTP {answer.status_code}", advice)


def _subscription(stack: Stack, output: str, subject: str) -> Finding:
    pages = stack.client("sns").get_paginator("list_subscriptions_by_topic").paginate(TopicArn=stack.outputs[output])
    mails = [entry for page in pages for entry in page["Subscriptions"] if entry["Protocol"] == "email"]
    waiting = [entry["Endpoint"] for entry in mails if entry["SubscriptionArn"] == "PendingConfirmation"]
    if waiting:
        return Finding(
            subject,
            "not confirmed",
            f"open the e-mail that AWS sent to {', '.join(waiting)} and confirm the subscription",
        )
    # An address that unsubscribed is still listed for some days, as Deleted.
    if not any(entry["SubscriptionArn"].startswith("arn:") for entry in mails):
        return Finding(
            subject, "no subscriber", f"nobody receives these e-mails: subscribe an address to the topic in {output}"
        )
    return Finding(subject, "confirmed")


def _queue_policy(stack: Stack, output: str, subject: str) -> Finding:
    name = stack.outputs[output].rsplit(":", 1)[1]
    sqs = stack.client("sqs")
    url = sqs.get_queue_url(QueueName=name)["QueueUrl"]
    policy = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["Policy"]).get("Attributes", {}).get("Policy")
    if policy and any(_allows_sp_api_to_send(statement) for statement in json.loads(policy)["Statement"]):
        return Finding(subject, "allows SP-API to send")
    return Finding(
        subject,
        "SP-API cannot send",
        "the queue's policy was changed outside CloudFormation: allow account "
        f"{SELLING_PARTNER_API_ACCOUNT} to call sqs:SendMessage again",
    )


def _allows_sp_api_to_send(statement: Mapping[str, Any]) -> bool:
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
    try:
        secret = read_client_secret(stack)
    except SecretUnreadableError as error:
        return Finding(subject, "unreadable", str(error))
    state, advice = age(secret, clock())
    stored = secret.used.created_at
    return Finding(subject, state if stored is None else f"{state}, stored on {stored:%Y-%m-%d}", advice)


def _rotation(stack: Stack, clock: Callable[[], datetime]) -> Iterator[Finding]:
    subject = "client secret rotation"
    try:
        secret = read_client_secret(stack)
    except SecretUnreadableError:
        # The line about the credentials says why.
        return
    except ClientError as error:
        yield _failed(subject, error)
        return
    for state, advice in rotation(secret, clock()):
        yield Finding(subject, state, advice)


def _connections(stack: Stack, clock: Callable[[], datetime]) -> Iterator[Finding]:
    subject = "connections"
    if "SellingPartnersTableName" not in stack.outputs:  # a stack of an earlier version
        return
    try:
        found, damaged = read_connections(stack)
    except ClientError as error:
        yield _failed(subject, error)
        return
    for line in describe(found, clock(), by_consent="AuthorizationRestApiId" in stack.outputs):
        yield Finding(subject, line.state, line.advice, line.later)
    for unreadable in damaged:
        yield Finding(subject, "an item of the sellers' table cannot be read", str(unreadable))


def _login_with_amazon(stack: Stack, clock: Callable[[], datetime], subject: str) -> Finding:
    secret = application_secret(stack)
    try:
        finding = _accepts(stack, subject, secret.in_use().credentials)
    except SecretUnreadableError:
        return Finding(subject, "not checked", "fix the application credentials first")
    if finding.advice == REJECTED:
        for other in secret.others(clock()):
            if not _accepts(stack, subject, other.credentials).advice:
                return Finding(subject, "rejects the client secret in use, and accepts another stored one", BY_HAND)
    return finding


def _accepts(stack: Stack, subject: str, credentials: ApplicationCredentials) -> Finding:
    environment = Environment(lwa_endpoint=stack.parameters.get("LoginWithAmazonEndpoint", ""))
    lwa = LwaClient(make_http(), environment.lwa_url, lambda *, fresh: credentials)  # noqa: ARG005 just read
    try:
        lwa.grantless_access_token(Scope.NOTIFICATIONS, Deadline.after(LWA_SECONDS))
    except AuthorizationError as error:
        if error.error == "invalid_client":
            return Finding(subject, "rejects the client id or the client secret (invalid_client)", REJECTED)
        return Finding(subject, error.error, error.action or str(error))
    except ThrottledError:
        return Finding(subject, "throttled", "too many requests for tokens: try again in a minute")
    except SellingPartnerApiError as error:
        return Finding(subject, "no response" if error.status is None else f"HTTP {error.status}", str(error))
    return Finding(subject, "accepts the credentials")


def _waiting_secrets(stack: Stack, subject: str) -> Finding:
    """A message that is being processed, or that failed and comes again, is in the queue as well."""
    sqs = stack.client("sqs")
    url = sqs.get_queue_url(QueueName=stack.outputs["SecretQueueArn"].rsplit(":", 1)[1])["QueueUrl"]
    count = _messages(sqs, url, "ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible")
    if count:
        advice = "this takes minutes; if it takes an hour, make logs FUNCTION=SPAPISecretReceiver shows why"
        return Finding(subject, f"{counted(count, 'message')} about the client secret not processed yet", advice, True)
    return Finding(subject, "empty")


def _messages(sqs: Any, url: str, *attributes: str) -> int:
    found = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=list(attributes))["Attributes"]
    return sum(int(found[name]) for name in attributes)


def main() -> int:
    parser = MakeParser('make doctor [STACK=<name>] [REGION=] [ARGS="--since 12h --json"]', __doc__)
    parser.add_argument("stack", help="name of the root stack")
    parser.add_argument("--region", help="the stack's region (default: the region of your AWS configuration)")
    parser.add_argument("--json", action="store_true", help="print one JSON object, for programs")
    parser.add_argument(
        "--since", type=period, default=REDRIVABLE, help="leave out earlier failures: 12h, 3d (default: 14d)"
    )
    options = parser.parse_args()

    def run(session: boto3.Session) -> int:
        stack = find_stack(options.stack, session)
        target = f"STACK={stack.name} REGION={session.region_name}"
        findings = addressed(examine(stack, since=options.since), target)
        if not options.json:
            return 0 if report(findings, partial(print, flush=True)) else 1
        found = as_json(findings, stack.name, session.region_name)
        print(json.dumps(found, indent=2))
        return 0 if found["healthy"] else 1

    return run_command(run, options.stack, options.region)


if __name__ == "__main__":
    sys.exit(main())
