"""Errors of AWS and of the stack's API as a page explains them."""

import re
from dataclasses import dataclass

from botocore.exceptions import BotoCoreError, ClientError

from operations.stack import EXPIRED, explained
from sp_api.errors import presentable

_DENIED = ("AccessDenied", "UnauthorizedOperation", "NotAuthorized")
_ACTION = re.compile(r"not authorized to perform:? ([a-z0-9-]+:\w+)")


@dataclass(frozen=True)
class Failure:
    """Why something could not be read or done, and how to fix it. `denied` is the IAM action that is missing."""

    title: str
    text: str
    denied: str = ""


def failure(error: Exception, stack_name: str, region: str) -> Failure:
    """Explains an error of AWS, of the stack's API or of a stored item. Never has a secret."""
    if not isinstance(error, ClientError | BotoCoreError):
        return Failure("This did not work", presentable(str(error)))
    if isinstance(error, ClientError) and error.response["Error"]["Code"] in EXPIRED:
        return Failure(
            "Your AWS credentials have expired",
            "Sign in again, and reload this page. Credentials that were set in the terminal of make console are read "
            "when it starts: stop it with Ctrl-C, and start it again.",
        )
    text = presentable(explained(error, stack_name, region))
    if isinstance(error, ClientError) and error.response["Error"]["Code"].startswith(_DENIED):
        action = denied_action(error)
        return Failure(
            f"Your credentials may not call {action}",
            f"Allow {action} for the user or role whose credentials the console uses. docs/iam/operator-policy.json "
            f"contains the permissions that the console needs. AWS says: {text}",
            action,
        )
    return Failure("AWS did not answer as expected", text)


def denied_action(error: ClientError) -> str:
    """The IAM action that AWS names, or else the operation that was called."""
    found = _ACTION.search(error.response["Error"].get("Message", ""))
    return found[1] if found else str(error.operation_name)
