"""One request to an SP-API operation and its answer, and the checks that several operations share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from starlette.datastructures import QueryParams

from sp_api_simulator.clock import parse_timestamp
from sp_api_simulator.errors import invalid_input
from sp_api_simulator.operations import Operation
from sp_api_simulator.state import AccessToken, Json, Region


@dataclass(frozen=True)
class Call:
    """A request that is authenticated and within its quota.

    `path` holds the decoded path parameters, `body` the decoded JSON body or None.
    """

    operation: Operation
    region: Region
    token: AccessToken
    path: Mapping[str, str]
    query: QueryParams
    body: Json
    base_url: str

    def list_parameter(self, name: str) -> list[str]:
        """A query parameter with several values: separated by commas, repeated, or both."""
        return [part for value in self.query.getlist(name) for part in value.split(",") if part]


@dataclass(frozen=True)
class Answer:
    """What an operation answers when it succeeds. `body` None means an empty body."""

    status: int
    body: Json = None
    headers: Mapping[str, str] = field(default_factory=dict)


def time_field(value: object, name: str) -> datetime:
    """A date-time from a request. Raises OperationError if it is not ISO 8601."""
    if not isinstance(value, str):
        raise invalid_input("Invalid Input", f"{name} must be an ISO 8601 date-time")
    try:
        return parse_timestamp(value)
    except ValueError:
        raise invalid_input("Invalid Input", f"{name} must be an ISO 8601 date-time") from None


def body_object(call: Call) -> dict[str, Json]:
    """The body, which must be a JSON object. Raises OperationError otherwise."""
    if not isinstance(call.body, dict):
        raise invalid_input("Invalid Input", "The request body must be a JSON object")
    return call.body
