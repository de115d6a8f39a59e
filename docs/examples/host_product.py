"""A host product's side of the Quick Start: signed requests, in one page. Copy it.

    pip install boto3 requests-auth-aws-sigv4
    export AWS_REGION=us-east-1           # the stack's region
    export AWS_ACCESS_KEY_ID=...          # an access key of the stack's ApiGatewayInvokeUser
    export AWS_SECRET_ACCESS_KEY=...
    export ROLE_ARN=...                   # the output ApiGatewayInvokeRoleArn
    python host_product.py <address> <JSON>

The addresses are the outputs TokenStorageUrl, NotificationsSubscriberUrl and ReportCreatorUrl; docs/api.md has the
fields.
"""

import json
import os
import sys
import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import requests
from botocore.exceptions import ClientError
from requests_auth_aws_sigv4 import AWSSigV4

# A new access key and a new role take some seconds until every part of IAM knows them.
IAM_SETTLES_SECONDS = 30
RENEWED_BEFORE_EXPIRY = timedelta(minutes=5)


class RequestRefusedError(Exception):
    """The API answered with an error; `answer` is its JSON: {"message", "errors", "requestId"}."""

    def __init__(self, status: int, answer: Mapping[str, Any]) -> None:
        super().__init__(f"HTTP {status}: {answer.get('message', answer)}")
        self.status = status
        self.answer = answer


class QuickStart:
    """Sends requests as ApiGatewayInvokeRole. Keep one; it renews its credentials by itself."""

    def __init__(self, role_arn: str, region: str, sts: Any = None) -> None:
        self.role_arn = role_arn
        self.region = region
        self.sts = sts or boto3.client("sts", region_name=region)
        self.credentials: Mapping[str, Any] = {}

    def post(self, address: str, body: Mapping[str, Any]) -> Mapping[str, Any]:
        """One signed POST. Raises RequestRefusedError when the answer is not 200."""
        answer = requests.post(address, json=body, auth=self.signature(), timeout=30)
        if answer.status_code != 200:
            raise RequestRefusedError(answer.status_code, answer.json())
        return answer.json()

    def signature(self) -> AWSSigV4:
        """What signs a request for `requests`, with credentials that will not expire under way."""
        if not self.credentials or self.credentials["Expiration"] - now() < RENEWED_BEFORE_EXPIRY:
            self.credentials = self.assume_role()
        return AWSSigV4(
            "execute-api",
            region=self.region,
            aws_access_key_id=self.credentials["AccessKeyId"],
            aws_secret_access_key=self.credentials["SecretAccessKey"],
            aws_session_token=self.credentials["SessionToken"],
        )

    def assume_role(self) -> Mapping[str, Any]:
        """Temporary credentials for an hour."""
        give_up = now() + timedelta(seconds=IAM_SETTLES_SECONDS)
        while True:
            try:
                return self.sts.assume_role(RoleArn=self.role_arn, RoleSessionName="host-product")["Credentials"]
            except ClientError as error:
                settling = error.response["Error"]["Code"] in ("AccessDenied", "InvalidClientTokenId")
                if not settling or now() > give_up:
                    raise
                time.sleep(2)


def now() -> datetime:
    return datetime.now(UTC)


def main() -> None:
    address, body = sys.argv[1:]
    quick_start = QuickStart(os.environ["ROLE_ARN"], os.environ["AWS_REGION"])
    try:
        print(json.dumps(quick_start.post(address, json.loads(body))))
    except RequestRefusedError as refused:
        print(json.dumps(refused.answer))
        sys.exit(f"HTTP {refused.status}")


if __name__ == "__main__":
    main()
