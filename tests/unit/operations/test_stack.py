"""What AWS's refusals become for a person."""

import pytest
from botocore.exceptions import ClientError

from operations.stack import explained


@pytest.mark.parametrize(
    ("code", "message", "told"),
    [
        ("ExpiredToken", "The security token included in the request is expired", "expired: sign in again"),
        ("RequestExpired", "Request has expired.", "expired: sign in again"),
        ("InvalidClientTokenId", "The security token is invalid", "look at AWS_PROFILE and the keys"),
        ("ValidationError", "Stack with id quick-start does not exist", "no stack quick-start in eu-west-1"),
        ("AccessDenied", "User: me is not authorized", "(AccessDenied). docs/iam/README.md has the policies"),
        ("AccessDeniedException", "User: me is not authorized", "docs/iam/README.md has the policies"),
        ("ThrottlingException", "Rate exceeded", "DescribeStacks: Rate exceeded (ThrottlingException)"),
    ],
)
def test_a_refusal_says_what_to_do(code: str, message: str, told: str) -> None:
    error = ClientError({"Error": {"Code": code, "Message": message}}, "DescribeStacks")
    assert told in explained(error, "quick-start", "eu-west-1")
