"""Failed AWS calls: what failed, and whether somebody must fix the cause."""

import re

from botocore.exceptions import BotoCoreError, ClientError

# Refusals that remain until somebody changes a policy, a key or a resource. Each service has its own code for the same.
_UNTIL_FIXED = frozenset(
    {
        "AccessDenied",
        "AccessDeniedException",
        "AuthorizationError",
        "AuthorizationErrorException",
        "DisabledException",
        "ExpiredToken",
        "ExpiredTokenException",
        "InvalidAccountIdException",
        "KMSAccessDeniedException",
        "KMSDisabledException",
        "KMSInvalidStateException",
        "KMSNotFoundException",
        "KmsAccessDenied",
        "KmsDisabled",
        "KmsInvalidState",
        "KmsNotFound",
        "NoSuchBucket",
        "NotAuthorizedForDetailTypeException",
        "NotAuthorizedForSourceException",
        "NotFound",
        "NotFoundException",
        "OptInRequired",
        "ResourceNotFoundException",
        "StateMachineDeleting",
        "StateMachineDoesNotExist",
        "UnrecognizedClientException",
    }
)
_CODE = re.compile(r"[A-Za-z0-9_.-]{1,64}")


class AwsDeadlineExceededError(Exception):
    """The request's time for AWS calls ran out; this call was not sent."""


# What a failed AWS call raises.
FAILED_CALLS = (ClientError, BotoCoreError, AwsDeadlineExceededError)


def needs_operator(code: str) -> bool:
    """Whether an AWS error code means that the call fails until somebody fixes the cause."""
    return code in _UNTIL_FIXED


def code_of(error: BaseException) -> str:
    """AWS's error code, or the name of the exception's class when AWS did not answer; always 1 to 64 plain characters.

    The message of an AWS error names accounts, roles and resources, so an answer has only the code.
    """
    code = error.response.get("Error", {}).get("Code", "") if isinstance(error, ClientError) else ""
    return code if _CODE.fullmatch(code) else type(error).__name__


def call_of(error: BaseException) -> str:
    """The operation that failed (UpdateItem); "a call" when the exception does not name it."""
    return str(error.operation_name) if isinstance(error, ClientError) else "a call"
