"""The error response of a `status` fault. Whatever the fault does not set has the usual value for the status."""

from __future__ import annotations

from sp_api_simulator.documents import LinkError
from sp_api_simulator.errors import (
    GatewayError,
    OperationError,
    access_denied,
    internal_failure,
    invalid_input,
    quota_exceeded,
    resource_not_found,
    service_unavailable,
    state_conflict,
)
from sp_api_simulator.faults import Fault
from sp_api_simulator.lwa import AUTHENTICATION_FAILED, REVOKED, LwaError

_OPERATION_ERRORS = (
    invalid_input("Invalid Input"),
    OperationError(401, "Unauthorized", "Access to requested resource is denied."),
    access_denied(),
    resource_not_found(),
    OperationError(405, "MethodNotAllowed", "The HTTP method is not supported for this resource."),
    OperationError(408, "RequestTimeout", "The request timed out."),
    state_conflict(""),
    OperationError(413, "RequestTooLarge", "The request size exceeded the maximum accepted size."),
    OperationError(415, "UnsupportedMediaType", "The request's Content-Type header is invalid."),
    quota_exceeded(),
    internal_failure(),
    GatewayError(502, "Internal server error"),
    service_unavailable(),
    GatewayError(504, "Endpoint request timed out"),
)

_LWA_ERRORS = (
    LwaError(400, "invalid_grant", REVOKED),
    LwaError(401, "invalid_client", AUTHENTICATION_FAILED),
    LwaError(403, "access_denied", "Access to the requested resource is denied"),
    LwaError(429, "temporarily_unavailable", "Too many requests"),
    LwaError(500, "server_error", "The authorization server encountered an unexpected condition"),
    LwaError(503, "temporarily_unavailable", "The authorization server is temporarily unavailable"),
)
"""LWA's error codes (RFC 6749, sections 4.1.2.1 and 5.2). Its texts for 403 and above are not published."""

_STORAGE_ERRORS = (
    LinkError(400, "InvalidRequest", "The request is not valid."),
    LinkError(403, "AccessDenied", "Access Denied"),
    LinkError(404, "NoSuchKey", "The specified key does not exist."),
    LinkError(500, "InternalError", "We encountered an internal error. Please try again."),
    LinkError(503, "SlowDown", "Please reduce your request rate."),
)
"""Amazon S3's error codes and texts (Amazon S3 API reference, "Error responses")."""


def operation_error(fault: Fault) -> OperationError:
    """The response of an SP-API operation."""
    usual = next((error for error in _OPERATION_ERRORS if error.status == fault.status), None)
    if isinstance(usual, GatewayError) and not (fault.code or fault.message or fault.details):
        return GatewayError(fault.status, usual.message, dict(fault.headers))
    if usual is None:
        usual = internal_failure() if fault.status >= 500 else invalid_input("Invalid Input")
    return OperationError(
        fault.status,
        fault.code or usual.code,
        fault.message or usual.message,
        fault.details or usual.details,
        dict(fault.headers),
    )


def lwa_error(fault: Fault) -> LwaError:
    """The response of Login with Amazon. An error code that is not the usual one has no text."""
    usual = next((error for error in _LWA_ERRORS if error.status == fault.status), None)
    if usual is None:
        usual = next(error for error in _LWA_ERRORS if error.status == (500 if fault.status >= 500 else 400))
    code = fault.code or usual.error
    text = usual.error_description if code == usual.error else ""
    return LwaError(fault.status, code, fault.message or text)


def storage_error(fault: Fault) -> LinkError:
    """The response of Amazon S3 to a document link."""
    usual = next((error for error in _STORAGE_ERRORS if error.status == fault.status), None)
    if usual is None:
        usual = next(error for error in _STORAGE_ERRORS if error.status == (500 if fault.status >= 500 else 400))
    return LinkError(fault.status, fault.code or usual.code, fault.message or usual.message)
