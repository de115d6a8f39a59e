"""The error responses of SP-API.

The texts are those of real responses where one is public (the issue that shows it is named beside it).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping


class OperationError(Exception):
    """A response with an error list.

    `status` is the HTTP status, `code`, `message` and `details` are SP-API's error fields.
    """

    def __init__(
        self, status: int, code: str, message: str, details: str | None = "", headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(f"{status} {code}: {message}")
        self.status = status
        self.code = code
        self.message = message
        self.details = details
        self.headers = dict(headers or {})

    def body(self) -> dict[str, object]:
        error = {"code": self.code, "message": self.message}
        if self.details is not None:
            error["details"] = self.details
        return {"errors": [error]}


class GatewayError(OperationError):
    """A response of Amazon API Gateway itself, which has no error list."""

    def __init__(self, status: int, message: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(status, "", message, None, headers)

    def body(self) -> dict[str, object]:
        return {"message": self.message}


def invalid_input(message: str, details: str = "") -> OperationError:
    return OperationError(400, "InvalidInput", message, details)


def unparsable(details: str = "") -> OperationError:
    """The Notifications API's response to nearly every bad request (selling-partner-api-models issue 4286)."""
    return invalid_input("Request has missing or invalid parameters and cannot be parsed.", details)


def missing_parameters(names: list[str]) -> OperationError:
    """The Reports API's list of missing parameters, each with a semicolon (selling-partner-api-docs issue 2721)."""
    return invalid_input("One or more required parameters missing", "".join(f"{name};" for name in names))


def access_denied(details: str = "") -> OperationError:
    """No role, another region, a revoked authorization, or the wrong kind of token (selling-partner-api-models issue
    826).
    """
    return OperationError(403, "Unauthorized", "Access to requested resource is denied.", details)


def no_such_route() -> OperationError:
    """API Gateway's response to a path or method that does not exist (selling-partner-api-models issue 955)."""
    return OperationError(
        403,
        "MissingAuthenticationToken",
        "Access to requested resource is denied.",
        None,
        {"x-amzn-ErrorType": "MissingAuthenticationTokenException"},
    )


def not_implemented(method: str, path: str, known: Iterable[str]) -> OperationError:
    """The simulator's own response to an API that it does not have. Amazon has no such response."""
    return OperationError(
        501,
        "NotImplemented",
        f"This is the SP-API simulator, not Amazon. It does not implement {method} {path}",
        f"It implements: {', '.join(known)}",
    )


def state_conflict(details: str | None) -> OperationError:
    """The Notifications API's 409 (selling-partner-api-docs issue 3448)."""
    return OperationError(409, "StateConflict", "The resource specified conflicts with the current state.", details)


def quota_exceeded() -> OperationError:
    """selling-partner-api-models issue 5152."""
    return OperationError(429, "QuotaExceeded", "You exceeded your quota for the requested resource.")


def resource_not_found(details: str = "") -> OperationError:
    """The Notifications API's 404 (selling-partner-api-models issue 1580)."""
    return OperationError(404, "NotFound", "The requested resource doesn't exist.", details)


def internal_failure() -> OperationError:
    """python-amazon-sp-api issue 943."""
    return OperationError(500, "InternalFailure", "We encountered an internal error. Please try again.")


def service_unavailable() -> OperationError:
    return OperationError(503, "ServiceUnavailable", "Service is temporarily unavailable. Please try again.")
