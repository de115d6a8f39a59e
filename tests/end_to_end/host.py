"""What the tests do as the host product, as SP-API and as the operator."""

import json
import re
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

import boto3
import requests
from requests_auth_aws_sigv4 import AWSSigV4

from deployment import Deployment, aws, host_product
from servers import Servers
from simulator import CLIENT_ID, CLIENT_SECRET, authorize_seller, control
from smtp_mailbox import Mail, read_messages

REPORT_TYPE = "GET_MERCHANT_LISTINGS_ALL_DATA"
# SP-API's account, which the emulator takes from the access key id.
SP_API_ACCOUNT = "437568002678"
Found = TypeVar("Found")


@dataclass(frozen=True)
class Seller:
    """A seller at the simulator; `refresh_token` is the one of the last authorisation."""

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
        answer = requests.post(f"{self.servers.simulator_endpoint}/auth/o2/token", data=form | application, timeout=30)
        return str(answer.json()["access_token"])


@dataclass(frozen=True)
class HostProduct:
    """Calls the three endpoints with credentials of ApiGatewayInvokeRole."""

    deployment: Deployment
    credentials: Mapping[str, str]

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

    def send(self, output: str, body: object, **headers: str) -> requests.Response:
        """A signed POST of JSON, or of `body` as it stands where that is text."""
        return requests.post(
            self.deployment.url(output),
            data=body if isinstance(body, str | bytes) else json.dumps(body),
            headers=headers,
            auth=self.signature(),
            timeout=40,
        )

    def get(self, output: str, path: str = "", **query: object) -> requests.Response:
        """A signed GET; None leaves a parameter of the query out."""
        return self._without_body("GET", output, path, query)

    def delete(self, output: str, path: str = "", **query: object) -> requests.Response:
        """A signed DELETE."""
        return self._without_body("DELETE", output, path, query)

    def _without_body(self, method: str, output: str, path: str, query: Mapping[str, object]) -> requests.Response:
        url = self.deployment.url(output) + path
        given = {name: str(value) for name, value in query.items() if value is not None}
        return requests.request(method, url, params=given, auth=self.signature(), timeout=40)

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
        return AWSSigV4("execute-api", region=self.deployment.servers.region, **(given | changed))

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


def invoke_user_key(deployment: Deployment) -> Mapping[str, str]:
    """A new access key of ApiGatewayInvokeUser, as the operator makes one. IAM allows two, so an old one goes."""
    iam = aws(deployment.servers, "iam")
    user = deployment.outputs["ApiGatewayInvokeUserName"]
    for old in iam.list_access_keys(UserName=user)["AccessKeyMetadata"][1:]:
        iam.delete_access_key(UserName=user, AccessKeyId=old["AccessKeyId"])
    key: Mapping[str, str] = iam.create_access_key(UserName=user)["AccessKey"]
    return key


def eventually(find: Callable[[], Found | None], seconds: float = 30, what: str = "") -> Found:
    """The first thing that `find` gives; fails after so many seconds."""
    give_up = time.monotonic() + seconds
    while (found := find()) is None:
        assert time.monotonic() < give_up, f"waited {seconds} s in vain for {what or find}"
        time.sleep(0.1)
    return found


def mails_about(servers: Servers, report_id: str) -> list[Mail]:
    return [mail for mail in read_messages(servers.mail_directory) if report_id in mail.subject]


def mail_about(servers: Servers, report_id: str, seconds: float = 40) -> Mail:
    return eventually(
        lambda: next(iter(mails_about(servers, report_id)), None), seconds, f"an e-mail about {report_id}"
    )


def link_in(mail: Mail) -> str:
    found = re.search(r"https?://\S+", mail.body)
    assert found is not None, mail.body
    return found[0]


def download(link: str) -> tuple[requests.Response, bytes]:
    """The answer, and the bytes as they are stored."""
    answer = requests.get(link, stream=True, timeout=60)
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
    return boto3.client(
        "sqs",
        endpoint_url=servers.aws_endpoint,
        region_name=servers.region,
        aws_access_key_id=SP_API_ACCOUNT,
        aws_secret_access_key="test",
    )


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
    return boto3.resource(
        "dynamodb",
        endpoint_url=deployment.servers.aws_endpoint,
        region_name=deployment.servers.region,
        aws_access_key_id="test",
        aws_secret_access_key="test",
    ).Table(deployment.outputs[output])


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
