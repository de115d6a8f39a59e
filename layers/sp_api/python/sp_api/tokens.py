"""Tokens API v2021-03-01: tokens for operations that return personal data."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from sp_api.caller import Caller, Operation
from sp_api.wire import JsonObject, MalformedError, token, without_nothing

_CREATE_RESTRICTED_DATA_TOKEN = Operation(
    "createRestrictedDataToken", "POST", "/tokens/2021-03-01/restrictedDataToken", 1
)


@dataclass(frozen=True)
class RestrictedResource:
    """A call that returns personal data: method (GET, PUT, POST or DELETE), path, and the requested kinds of data.

    For a report document the path must name one document; a pattern is refused (selling-partner-api-docs issue 3671).
    """

    method: str
    path: str
    data_elements: Sequence[str] = ()


@dataclass(frozen=True)
class RestrictedDataToken:
    """Replaces the access token in calls of its resources for `expires_in` seconds."""

    token: str = field(repr=False)
    expires_in: int


def create_restricted_data_token(
    caller: Caller, resources: Sequence[RestrictedResource], target_application: str | None = None
) -> RestrictedDataToken:
    """createRestrictedDataToken for 1 to 50 resources, for another application when `target_application` is set."""
    body = without_nothing(
        targetApplication=target_application,
        restrictedResources=[
            without_nothing(method=resource.method, path=resource.path, dataElements=list(resource.data_elements))
            for resource in resources
        ],
    )
    return caller.call(_CREATE_RESTRICTED_DATA_TOKEN, _restricted_data_token, body=body)


def _restricted_data_token(document: JsonObject) -> RestrictedDataToken:
    expires_in = document.get("expiresIn")
    if not isinstance(expires_in, int) or isinstance(expires_in, bool):
        raise MalformedError("expiresIn is not a whole number")
    return RestrictedDataToken(token(document, "restrictedDataToken"), expires_in)
