"""The same as host_product.py with botocore alone, which every AWS SDK for Python brings along.

export AWS_REGION=... AWS_ACCESS_KEY_ID=... AWS_SECRET_ACCESS_KEY=... ROLE_ARN=...
python host_product_botocore.py <address> <JSON>
"""

import os
import sys
import time
from typing import Any

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import AssumeRoleCredentialFetcher, DeferredRefreshableCredentials
from botocore.exceptions import ClientError
from botocore.httpsession import URLLib3Session
from botocore.session import Session

# A new access key and a new role take some seconds until every part of IAM knows them.
IAM_SETTLES_SECONDS = 30


def invoke_role_credentials(role_arn: str, region: str) -> DeferredRefreshableCredentials:
    """Credentials of ApiGatewayInvokeRole that renew themselves before they expire."""
    session = Session()
    fetch = AssumeRoleCredentialFetcher(
        lambda service, **arguments: session.create_client(service, **{**arguments, "region_name": region}),
        session.get_credentials(),
        role_arn,
        extra_args={"RoleSessionName": "host-product"},
    ).fetch_credentials

    def patiently() -> Any:
        give_up = time.monotonic() + IAM_SETTLES_SECONDS
        while True:
            try:
                return fetch()
            except ClientError as error:
                settling = error.response["Error"]["Code"] in ("AccessDenied", "InvalidClientTokenId")
                if not settling or time.monotonic() > give_up:
                    raise
                time.sleep(2)

    return DeferredRefreshableCredentials(method="assume-role", refresh_using=patiently)


def post(address: str, body: str, credentials: DeferredRefreshableCredentials, region: str) -> tuple[int, str]:
    """One signed POST; gives the status and the body of the answer."""
    request = AWSRequest("POST", address, data=body, headers={"Content-Type": "application/json"})
    # Frozen: key and token of one session, even if that is renewed meanwhile.
    SigV4Auth(credentials.get_frozen_credentials(), "execute-api", region).add_auth(request)
    answer = URLLib3Session(timeout=30).send(request.prepare())
    return answer.status_code, answer.text


def main() -> None:
    address, body = sys.argv[1:]
    region = os.environ["AWS_REGION"]
    status, answer = post(address, body, invoke_role_credentials(os.environ["ROLE_ARN"], region), region)
    print(answer)
    if status != 200:
        sys.exit(f"HTTP {status}")


if __name__ == "__main__":
    main()
