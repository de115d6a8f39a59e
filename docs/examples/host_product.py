"""A host product in one page: stores a seller's token, subscribes the seller and asks for a report.

Copy it. It needs two packages: pip install boto3 requests-auth-aws-sigv4

    export AWS_ACCESS_KEY_ID=...          # an access key of the stack's ApiGatewayInvokeUser
    export AWS_SECRET_ACCESS_KEY=...
    export REFRESH_TOKEN=...              # the seller's, from the authorisation of your application
    python host_product.py --region us-east-1 --role-arn <ApiGatewayInvokeRoleArn> \\
        --tokens-url <TokenStorageUrl> --notifications-url <NotificationsSubscriberUrl> \\
        --reports-url <ReportCreatorUrl> \\
        --seller-id A3TH9S8BH6GOGM --region-code NA --marketplace-ids ATVPDKIKX0DER

The names in angle brackets are outputs of the stack.
"""

import argparse
import os
import sys
import time

import boto3
import requests
from botocore.exceptions import ClientError
from requests_auth_aws_sigv4 import AWSSigV4

# A new access key and a new role take some seconds until every part of IAM knows them.
IAM_SETTLES_SECONDS = 30


class RequestRefusedError(Exception):
    """The API answered with an error; `answer` is its JSON: {"message", "errors", "requestId"}."""

    def __init__(self, status: int, answer: dict) -> None:
        super().__init__(f"HTTP {status}: {answer.get('message', answer)}")
        self.status = status
        self.answer = answer


def assume_invoke_role(role_arn: str, **client_arguments: str) -> dict:
    """Temporary credentials, one hour, of the role that may call the three endpoints."""
    sts = boto3.client("sts", **client_arguments)
    give_up = time.monotonic() + IAM_SETTLES_SECONDS
    while True:
        try:
            return sts.assume_role(RoleArn=role_arn, RoleSessionName="host-product")["Credentials"]
        except ClientError as error:
            settling = error.response["Error"]["Code"] in ("AccessDenied", "InvalidClientTokenId")
            if not settling or time.monotonic() > give_up:
                raise
            time.sleep(2)


def post(url: str, body: dict, credentials: dict, region: str) -> dict:
    """One signed POST. Raises RequestRefusedError when the answer is not 200."""
    signature = AWSSigV4(
        "execute-api",
        region=region,
        aws_access_key_id=credentials["AccessKeyId"],
        aws_secret_access_key=credentials["SecretAccessKey"],
        aws_session_token=credentials["SessionToken"],
    )
    answer = requests.post(url, json=body, auth=signature, timeout=30)
    if answer.status_code != 200:
        raise RequestRefusedError(answer.status_code, answer.json())
    return answer.json()


def main() -> None:
    parser = argparse.ArgumentParser(
        description="Stores a seller's token, subscribes the seller and asks for a report."
    )
    for option in ("region", "role-arn", "tokens-url", "notifications-url", "reports-url", "seller-id"):
        parser.add_argument(f"--{option}", required=True)
    parser.add_argument("--region-code", required=True, choices=["NA", "EU", "FE"], help="the seller's SP-API region")
    parser.add_argument("--marketplace-ids", required=True, help="such as ATVPDKIKX0DER; several with commas between")
    parser.add_argument("--report-type", default="GET_MERCHANT_LISTINGS_ALL_DATA")
    options = parser.parse_args()
    seller = {"SellerId": options.seller_id, "RegionCode": options.region_code}

    credentials = assume_invoke_role(options.role_arn, region_name=options.region)
    requests_to_make = [
        (options.tokens_url, {**seller, "RefreshToken": os.environ["REFRESH_TOKEN"]}),
        (options.notifications_url, {**seller, "NotificationType": "REPORT_PROCESSING_FINISHED"}),
        (
            options.reports_url,
            {**seller, "ReportType": options.report_type, "MarketplaceIds": options.marketplace_ids},
        ),
    ]
    for url, body in requests_to_make:
        try:
            print(post(url, body, credentials, options.region))
        except RequestRefusedError as refused:
            sys.exit(f"{url}\n{refused}")


if __name__ == "__main__":
    main()
