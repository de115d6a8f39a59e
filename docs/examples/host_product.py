"""A client of the Quick Start for your product: one file to copy.

    pip install boto3 requests-auth-aws-sigv4
    export AWS_REGION=us-east-1           # the stack's region
    export AWS_ACCESS_KEY_ID=...          # an access key of the stack's ApiGatewayInvokeUser
    export AWS_SECRET_ACCESS_KEY=...
    export ROLE_ARN=...                   # the output ApiGatewayInvokeRoleArn
    python host_product.py [<method>] <address> [<JSON>]

The addresses are outputs of the stack, such as ReportCreatorUrl; docs/api.md has the fields. In a program:

    product = QuickStart(os.environ["ROLE_ARN"], os.environ["AWS_REGION"])
    report = product.create(reports, {"SellerId": seller, "RegionCode": "NA", ...})     # one report, however often sent
    for page in product.pages(reports, SellerId=seller):
        print(page["reports"])
    link = product.get(f"{reports}/{report['reportId']}", SellerId=seller)["link"]["url"]
    product.download(link, "report.tsv")

To see when it waits, and why: logging.basicConfig(level=logging.INFO).
"""

import json
import logging
import os
import sys
import time
import uuid
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import boto3
import requests
from botocore.exceptions import ClientError
from requests_auth_aws_sigv4 import AWSSigV4

# It takes a few seconds until a new access key or role works everywhere in IAM.
IAM_SETTLES_SECONDS = 30
RENEWED_BEFORE_EXPIRY = timedelta(minutes=5)
# API Gateway answers within 29 seconds.
TIMEOUT_SECONDS = 30
LONGEST_PAUSE_SECONDS = 30
PIECE_BYTES = 1 << 20
WITH_BODY = ("POST", "PATCH")
logger = logging.getLogger(__name__)


class RequestRefusedError(Exception):
    """The API returned an error: `status`, `code` (docs/errors.md), `request_id`, and `answer`, its whole JSON.

    API Gateway's own answers have no code, and only {"message"}, or {"Message"} when IAM denies the caller.
    """

    def __init__(self, status: int, answer: Mapping[str, Any], headers: Mapping[str, str]) -> None:
        super().__init__(f"HTTP {status}: {answer.get('message') or answer.get('Message') or answer}")
        self.status = status
        self.answer = answer
        self.code = next((error["code"] for error in answer.get("errors", [])), "")
        self.request_id = answer.get("requestId") or headers.get("x-amzn-RequestId", "")
        self.retry_after = float(headers["Retry-After"]) if "Retry-After" in headers else None

    @property
    def outcome_unknown(self) -> bool:
        """Whether the request may have been carried out: the function, AWS or SP-API failed, and did not refuse it."""
        failed = self.status in (500, 504) or (self.status == 502 and not self.answer.get("errors"))
        return failed or (self.status == 502 and ": HTTP 5" in str(self))


class NoAnswerError(Exception):
    """There was no answer. To find out what became of the request, send it again with `client_token`, if it has one."""

    def __init__(self, client_token: str | None, reason: str) -> None:
        super().__init__(f"no answer: {reason}")
        self.client_token = client_token


class QuickStart:
    """Sends requests as ApiGatewayInvokeRole. Keep one instance; it renews its credentials automatically.

    A request waits and is sent again for up to `patience` seconds: after each Retry-After, and, if it cannot take
    effect twice, after failures and lost answers. It cannot if it is a GET or DELETE, or has a ClientToken.
    """

    def __init__(self, role_arn: str, region: str, sts: Any = None, patience: float = 120) -> None:
        self.role_arn = role_arn
        self.region = region
        self.sts = sts or boto3.client("sts", region_name=region)
        self.patience = patience
        # Else AWSSigV4 makes a session for each request.
        self.session = boto3.Session(region_name=region)
        self.credentials: Mapping[str, Any] = {}

    def get(self, address: str, **query: object) -> Mapping[str, Any]:
        return self.request("GET", address, query)

    def pages(self, address: str, **query: object) -> Iterator[Mapping[str, Any]]:
        """The pages of a list, one after the other."""
        page = self.get(address, **query)
        yield page
        while "nextToken" in page:
            page = self.get(address, **query, NextToken=page["nextToken"])
            yield page

    def post(self, address: str, body: Mapping[str, Any]) -> Mapping[str, Any]:
        return self.request("POST", address, body)

    def create(self, address: str, body: Mapping[str, Any]) -> Mapping[str, Any]:
        """A POST to /reports, /listings or /product-types/pulls, with a ClientToken: it takes effect once."""
        return self.request("POST", address, {"ClientToken": str(uuid.uuid4()), **body})

    def patch(self, address: str, body: Mapping[str, Any]) -> Mapping[str, Any]:
        return self.request("PATCH", address, body)

    def delete(self, address: str, **query: object) -> Mapping[str, Any]:
        return self.request("DELETE", address, query)

    def download(self, link: str, file: str | Path) -> None:
        """Saves the document of a link, decompressed. Sends no request twice: after an error, get a new link.

        Raises RequestRefusedError and NoAnswerError, and then leaves the file as it was.
        """
        partial = Path(f"{file}.partial")
        try:
            with requests.get(link, stream=True, timeout=TIMEOUT_SECONDS) as answer:
                if answer.status_code != 200:
                    raise RequestRefusedError(answer.status_code, {"message": answer.text}, answer.headers)
                with partial.open("wb") as target:
                    target.writelines(answer.iter_content(PIECE_BYTES))  # decompressed, as Content-Encoding says
            partial.replace(file)
        except requests.RequestException as failure:
            # Without the failure itself, whose message contains the link.
            raise NoAnswerError(None, type(failure).__name__) from None
        finally:
            partial.unlink(missing_ok=True)

    def request(self, method: str, address: str, fields: Mapping[str, Any]) -> Mapping[str, Any]:
        """Sends a signed request, again if that helps. Encode an id in the address with quote(id, safe="").

        Raises RequestRefusedError and NoAnswerError.
        """
        repeatable = method not in WITH_BODY or "ClientToken" in fields
        give_up, attempts = time.monotonic() + self.patience, 0
        while True:
            attempts += 1
            wait: float | None = min(2.0**attempts, LONGEST_PAUSE_SECONDS)
            error: RequestRefusedError | NoAnswerError
            try:
                return self._once(method, address, fields)
            except RequestRefusedError as refused:
                error = refused
                if refused.status == 403 and "expired" in str(refused) and attempts == 1:
                    self.credentials = {}
                    continue
                if refused.retry_after is not None:
                    wait = refused.retry_after
                elif not (repeatable and refused.outcome_unknown):
                    wait = None
            except requests.RequestException as failure:
                error = NoAnswerError(fields.get("ClientToken"), type(failure).__name__)
                wait = wait if repeatable else None
            if wait is None or time.monotonic() + wait > give_up:
                raise error
            logger.info("waiting %.0f s: %s", wait, error)
            time.sleep(wait)

    def _once(self, method: str, address: str, fields: Mapping[str, Any]) -> Mapping[str, Any]:
        body, query = (json.dumps(fields), "") if method in WITH_BODY else (None, encoded(fields))
        headers = {"Content-Type": "application/json"}
        answer = requests.request(
            method, address + query, data=body, headers=headers, auth=self.signature(), timeout=TIMEOUT_SECONDS
        )
        try:
            content = answer.json()
        except ValueError:
            content = {"message": answer.text}
        if answer.status_code != 200:
            raise RequestRefusedError(answer.status_code, content, answer.headers)
        return content

    def signature(self) -> AWSSigV4:
        """Returns the `auth` argument of `requests`. Renews the credentials first if they expire soon."""
        if not self.credentials or self.credentials["Expiration"] - now() < RENEWED_BEFORE_EXPIRY:
            self.credentials = self.assume_role()
        return Signature(
            "execute-api",
            region=self.region,
            session=self.session,
            aws_access_key_id=self.credentials["AccessKeyId"],
            aws_secret_access_key=self.credentials["SecretAccessKey"],
            aws_session_token=self.credentials["SessionToken"],
        )

    def assume_role(self) -> Mapping[str, Any]:
        """Returns temporary credentials, valid for an hour. Waits for a new access key or role to work."""
        give_up = now() + timedelta(seconds=IAM_SETTLES_SECONDS)
        while True:
            try:
                return self.sts.assume_role(RoleArn=self.role_arn, RoleSessionName="host-product")["Credentials"]
            except ClientError as error:
                settling = error.response["Error"]["Code"] in ("AccessDenied", "InvalidClientTokenId")
                if not settling or now() > give_up:
                    raise
                time.sleep(2)


class Signature(AWSSigV4):
    """Signs the path as AWS expects it: what is percent-encoded in it is encoded once more for the signature."""

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        sent = request.url or ""
        path, separator, query = sent.partition("?")
        request.url = path.replace("%", "%25") + separator + query
        super().__call__(request)
        request.url = sent
        return request


def encoded(query: Mapping[str, Any]) -> str:
    """The query string. Not written by requests: a plus sign in place of a space would not match the signature."""
    texts = {name: json.dumps(value) if isinstance(value, bool) else value for name, value in query.items()}
    return f"?{urlencode(texts, quote_via=quote)}" if texts else ""


def now() -> datetime:
    return datetime.now(UTC)


def main() -> None:
    arguments = sys.argv[1:]
    method = arguments.pop(0) if arguments and arguments[0] in ("GET", "POST", "PATCH", "DELETE") else "POST"
    if len(arguments) not in (1, 2):
        sys.exit("usage: host_product.py [GET | POST | PATCH | DELETE] <address> [<JSON>]")
    try:
        fields = json.loads(arguments[1] if len(arguments) > 1 else "{}")
    except ValueError as error:
        sys.exit(f"not valid JSON: {error}")
    # A person sees each answer and decides.
    quick_start = QuickStart(os.environ["ROLE_ARN"], os.environ["AWS_REGION"], patience=0)
    try:
        print(json.dumps(quick_start.request(method, arguments[0], fields)))
    except RequestRefusedError as refused:
        print(json.dumps(refused.answer))
        sys.exit(f"HTTP {refused.status}")


if __name__ == "__main__":
    main()
