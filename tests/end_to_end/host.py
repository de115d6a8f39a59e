"""What the tests do as the host product, as SP-API and as the operator."""

import json
import re
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeVar

import boto3
import requests
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from requests_auth_aws_sigv4 import AWSSigV4

from deployment import Deployment, aws, host_product
from servers import Servers
from simulator import CLIENT_ID, CLIENT_SECRET, authorize_seller, control
from smtp_mailbox import Mail, read_messages
from tests.end_to_end.documented import assert_documented
from tests.waiting import SECONDS, until

REPORT_TYPE = "GET_MERCHANT_LISTINGS_ALL_DATA"
# AWSSigV4 makes one for each request, at the cost of the request, and here has no use for it.
UNUSED_SESSION = boto3.Session()
# SP-API's account, which the emulator takes from the access key id.
SP_API_ACCOUNT = "437568002678"
Found = TypeVar("Found")


@dataclass(frozen=True)
class Seller:
    """A seller at the simulator; `refresh_token` is the one of the last authorization."""

    servers: Servers
    seller_id: str
    refresh_token: str

    def control(self, method: str, path: str, body: object = None) -> Any:
        return control(self.servers.simulator_endpoint, method, path, body)

    def access_token(self) -> str:
        """The seller's own, for asking the simulator past the stack."""
        return self._token({"grant_type": "refresh_token", "refresh_token": self.refresh_token})

    def application_access_token(self) -> str:
        """The application's, for grantless operations."""
        return self._token({"grant_type": "client_credentials", "scope": "sellingpartnerapi::notifications"})

    def _token(self, form: dict[str, str]) -> str:
        application = {"client_id": CLIENT_ID, "client_secret": CLIENT_SECRET}
        answer = requests.post(
            f"{self.servers.simulator_endpoint}/auth/o2/token", data=form | application, timeout=SECONDS
        )
        return str(answer.json()["access_token"])


@dataclass(frozen=True)
class HostProduct:
    """Calls the three endpoints with credentials of ApiGatewayInvokeRole, and keeps the answers as text."""

    deployment: Deployment
    credentials: Mapping[str, str]
    answers: list[str] = field(default_factory=list, compare=False, repr=False)

    @classmethod
    def of(cls, deployment: Deployment) -> "HostProduct":
        key = invoke_user_key(deployment)
        sts = aws(
            deployment.servers,
            "sts",
            aws_access_key_id=key["AccessKeyId"],
            aws_secret_access_key=key["SecretAccessKey"],
        )
        role = deployment.outputs["ApiGatewayInvokeRoleArn"]
        return cls(deployment, host_product().QuickStart(role, deployment.servers.region, sts).assume_role())

    def send(self, output: str, body: object, path: str = "", **headers: str) -> requests.Response:
        """A signed POST of JSON, or of `body` as it stands where that is text."""
        answer = requests.post(
            self.deployment.url(output) + path,
            data=body if isinstance(body, str | bytes) else json.dumps(body),
            headers=headers,
            auth=self.signature(),
            timeout=SECONDS,
        )
        return self._kept(answer)

    def patch(self, output: str, path: str, body: object) -> requests.Response:
        """A signed PATCH of JSON."""
        url = self.deployment.url(output) + path
        return self._kept(requests.patch(url, data=json.dumps(body), auth=self.whole_signature(), timeout=SECONDS))

    def get(self, output: str, path: str = "", **query: object) -> requests.Response:
        """A signed GET; None leaves a parameter of the query out."""
        return self._without_body("GET", output, path, query)

    def delete(self, output: str, path: str = "", **query: object) -> requests.Response:
        """A signed DELETE."""
        return self._without_body("DELETE", output, path, query)

    def _without_body(self, method: str, output: str, path: str, query: Mapping[str, object]) -> requests.Response:
        url = self.deployment.url(output) + path
        given = {name: str(value) for name, value in query.items() if value is not None}
        auth = self.whole_signature() if "%" in path else self.signature()
        return self._kept(requests.request(method, url, params=given, auth=auth, timeout=SECONDS))

    def _kept(self, answer: requests.Response) -> requests.Response:
        assert_documented(answer)
        self.answers.append(f"{answer.status_code} {dict(answer.headers)}\n{answer.text}")
        return answer

    def read_report(self, seller: Seller, report_id: str) -> dict[str, Any]:
        answer = self.get("ReportCreatorUrl", f"/{report_id}", SellerId=seller.seller_id)
        assert answer.status_code == 200, answer.text
        body: dict[str, Any] = answer.json()
        return body

    def signature(self, **changed: str) -> AWSSigV4:
        given = {
            "aws_access_key_id": self.credentials["AccessKeyId"],
            "aws_secret_access_key": self.credentials["SecretAccessKey"],
            "aws_session_token": self.credentials["SessionToken"],
        }
        region = self.deployment.servers.region
        return AWSSigV4("execute-api", region=region, session=UNUSED_SESSION, **(given | changed))

    def whole_signature(self) -> Callable[[requests.PreparedRequest], requests.PreparedRequest]:
        """Signs as AWS's SDKs do: what is encoded in a path is encoded once more, which AWSSigV4 leaves out (IAM user
        guide, "Create a signed AWS API request": each segment of the path is encoded twice).
        """
        keys = Credentials(
            self.credentials["AccessKeyId"], self.credentials["SecretAccessKey"], self.credentials["SessionToken"]
        )
        signer = SigV4Auth(keys, "execute-api", self.deployment.servers.region)

        def sign(prepared: requests.PreparedRequest) -> requests.PreparedRequest:
            request = AWSRequest(method=prepared.method, url=prepared.url, data=prepared.body)
            signer.add_auth(request)
            prepared.headers.update(dict(request.headers.items()))
            return prepared

        return sign

    def store_token(self, seller: Seller, **fields: object) -> None:
        answer = self.send(
            "TokenStorageUrl", {"SellerId": seller.seller_id, "RefreshToken": seller.refresh_token} | fields
        )
        assert answer.json() == {"sellerId": seller.seller_id, "status": "SUCCESS"}, answer.text

    def subscribe(self, seller: Seller) -> Mapping[str, str]:
        answer = self.send("NotificationsSubscriberUrl", subscription_of(seller))
        assert answer.status_code == 200, answer.text
        body: Mapping[str, str] = answer.json()
        return body

    def create_report(self, seller: Seller, report_type: str = REPORT_TYPE, **fields: object) -> str:
        answer = self.send("ReportCreatorUrl", report_of(seller, report_type) | fields)
        assert answer.status_code == 200, answer.text
        return str(answer.json()["reportId"])


def subscription_of(seller: Seller) -> dict[str, object]:
    return {"SellerId": seller.seller_id, "RegionCode": "NA", "NotificationType": "REPORT_PROCESSING_FINISHED"}


def report_of(seller: Seller, report_type: str = REPORT_TYPE) -> dict[str, object]:
    return {
        "SellerId": seller.seller_id,
        "RegionCode": "NA",
        "ReportType": report_type,
        "MarketplaceIds": "ATVPDKIKX0DER",
    }


def new_seller(servers: Servers, seller_id: str) -> Seller:
    return Seller(servers, seller_id, authorize_seller(servers.simulator_endpoint, seller_id))


def queue_on_bus(deployment: Deployment, name: str, detail_types: Sequence[str]) -> str:
    """The URL of a queue that a rule on the stack's event bus fills with the stack's own events of these types."""
    sqs, events = aws(deployment.servers, "sqs"), aws(deployment.servers, "events")
    bus = deployment.outputs["NotificationEventBusName"]
    pattern = json.dumps({"source": ["selling-partner-api-quick-start"], "detail-type": list(detail_types)})
    rule = events.put_rule(Name=name, EventBusName=bus, EventPattern=pattern)["RuleArn"]
    queue: str = sqs.create_queue(QueueName=name)["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": "events.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": arn,
        "Condition": {"ArnEquals": {"aws:SourceArn": rule}},
    }
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    sqs.set_queue_attributes(QueueUrl=queue, Attributes={"Policy": policy})
    events.put_targets(Rule=name, EventBusName=bus, Targets=[{"Id": "queue", "Arn": arn}])
    return queue


def invoke_user_key(deployment: Deployment) -> Mapping[str, str]:
    """A new access key of ApiGatewayInvokeUser, as the operator makes one. IAM allows two, so an old one goes."""
    iam = aws(deployment.servers, "iam")
    user = deployment.outputs["ApiGatewayInvokeUserName"]
    for old in iam.list_access_keys(UserName=user)["AccessKeyMetadata"][1:]:
        iam.delete_access_key(UserName=user, AccessKeyId=old["AccessKeyId"])
    key: Mapping[str, str] = iam.create_access_key(UserName=user)["AccessKey"]
    return key


def eventually(find: Callable[[], Found | None], what: str = "", seconds: float = SECONDS) -> Found:
    """The first thing that `find` gives, where None and an empty list are nothing.

    Raises AssertionError after so many seconds.
    """
    found = until(find, lambda found: found is not None and found != [], what, seconds)
    assert found is not None
    return found


def mails_about(servers: Servers, report_id: str) -> list[Mail]:
    return [mail for mail in read_messages(servers.mail_directory) if report_id in mail.subject]


def mail_about(servers: Servers, report_id: str) -> Mail:
    return eventually(lambda: next(iter(mails_about(servers, report_id)), None), f"an e-mail about {report_id}")


def link_in(mail: Mail) -> str:
    found = re.search(r"https?://\S+", mail.body)
    assert found is not None, mail.body
    return found[0]


def download(link: str) -> tuple[requests.Response, bytes]:
    """The answer, and the bytes as they are stored."""
    answer = requests.get(link, stream=True, timeout=SECONDS)
    return answer, answer.raw.read(decode_content=False)


def function_of(deployment: Deployment, name: str) -> Any:
    """One of the stack's functions; other stacks have functions of the same name."""
    pages = aws(deployment.servers, "lambda").get_paginator("list_functions").paginate()
    (function,) = [
        function
        for page in pages
        for function in page["Functions"]
        if function["FunctionName"].startswith(f"{deployment.stack_name}-")
        and function.get("Environment", {}).get("Variables", {}).get("POWERTOOLS_SERVICE_NAME") == name
    ]
    return function


def function_processes(deployment: Deployment, name: str) -> list[int]:
    """The ids of this deployment's processes of a function, by the folder that each has for the function's code."""
    function = function_of(deployment, name)["FunctionName"]
    own = str(deployment.servers.run_directory / "scratch" / f"ministack-lambda-{function}-")
    found = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                directory = str((folder / "cwd").readlink())
            except OSError:  # it has ended, or is another user's
                continue
            if directory.startswith(own):
                found.append(int(folder.name))
    return found


def invoke_function(deployment: Deployment, name: str, event: object) -> Any:
    """The answer of one of the stack's functions; fails when the function raises."""
    functions = aws(deployment.servers, "lambda")
    function = function_of(deployment, name)["FunctionName"]
    answer = functions.invoke(FunctionName=function, Payload=json.dumps(event))
    payload = answer["Payload"].read()
    assert "FunctionError" not in answer, payload
    return json.loads(payload)


def as_sp_api(servers: Servers) -> Any:
    """An SQS client of SP-API's own account."""
    return aws(servers, "sqs", aws_access_key_id=SP_API_ACCOUNT)


def held_notifications(seller: Seller) -> list[Any]:
    """The seller's notifications that SP-API holds back."""
    found = seller.control("GET", "notifications")["notifications"]
    return [one for one in found if one["state"] == "held" and seller.seller_id in json.dumps(one["body"])]


def finished_report(seller_id: str, report_id: str, status: str = "DONE", **changed: object) -> dict[str, Any]:
    """REPORT_PROCESSING_FINISHED as SP-API sends it."""
    return {
        "notificationVersion": "2020-09-04",
        "notificationType": "REPORT_PROCESSING_FINISHED",
        "payloadVersion": "2020-09-04",
        "eventTime": "2026-11-21T03:35:13.214Z",
        "payload": {
            "reportProcessingFinishedNotification": {
                "sellerId": seller_id,
                "accountId": f"amzn1.merchant.o.{seller_id}",
                "reportId": report_id,
                "reportType": REPORT_TYPE,
                "processingStatus": status,
            }
        },
        "notificationMetadata": {
            "applicationId": "amzn1.sp.solution.1",
            "subscriptionId": "unknown",
            "publishTime": "2026-11-21T03:35:14.214Z",
            "notificationId": "00000000-0000-0000-0000-000000000000",
        },
        **changed,
    }


def table_of(deployment: Deployment, output: str) -> Any:
    """The table that the output names, as Python values."""
    servers = deployment.servers
    return _table(servers.aws_endpoint, servers.region, deployment.outputs[output], threading.get_ident())


@lru_cache(maxsize=64)
def _table(endpoint: str, region: str, name: str, _thread: int) -> Any:
    """One for each thread: boto3's resources may not be shared by threads."""
    return boto3.resource(
        "dynamodb",
        endpoint_url=endpoint,
        region_name=region,
        aws_access_key_id="test",
        aws_secret_access_key="test",
    ).Table(name)


def reports_table(deployment: Deployment) -> Any:
    return table_of(deployment, "ReportsTableName")


def ledger_item(deployment: Deployment, seller: Seller, report_id: str) -> dict[str, Any] | None:
    table = reports_table(deployment)
    item: dict[str, Any] | None = table.get_item(Key={"ReportId": report_id, "SellerId": seller.seller_id}).get("Item")
    return item


@contextmanager
def changed_function(deployment: Deployment, name: str, **changes: Any) -> Iterator[None]:
    """Another configuration of one of the stack's functions for a while; Environment adds to what is there."""
    client = aws(deployment.servers, "lambda")
    function = function_of(deployment, name)
    before = {setting: function[setting] for setting in changes}
    if "Environment" in changes:
        variables = function["Environment"]["Variables"]
        changes["Environment"] = {"Variables": variables | changes["Environment"]}
        before["Environment"] = {"Variables": variables}
    client.update_function_configuration(FunctionName=function["FunctionName"], **changes)
    try:
        yield
    finally:
        client.update_function_configuration(FunctionName=function["FunctionName"], **before)


def logs_of(deployment: Deployment, function: str) -> str:
    logs = aws(deployment.servers, "logs")
    group = function_of(deployment, function)["LoggingConfig"]["LogGroup"]
    pages = logs.get_paginator("filter_log_events").paginate(logGroupName=group)
    return "\n".join(event["message"] for page in pages for event in page["events"])
