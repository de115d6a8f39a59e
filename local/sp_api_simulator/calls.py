"""A request to an SP-API operation and its response, and checks that several operations share."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from starlette.datastructures import QueryParams

from sp_api_simulator.errors import invalid_input
from sp_api_simulator.operations import Operation
from sp_api_simulator.state import AccessToken, Json, Region

RFC_3339 = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)", re.ASCII)


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
    """The response of an operation that succeeds. `body` None is an empty body."""

    status: int
    body: Json = None
    headers: Mapping[str, str] = field(default_factory=dict)


def time_field(value: object, name: str) -> datetime:
    """A date-time from a request, in UTC. Raises OperationError unless it has the form of RFC 3339.

    Weeks, ordinal days, times without an offset and forms without separators are ISO 8601, but not RFC 3339.
    """
    if isinstance(value, str) and RFC_3339.fullmatch(value):
        try:
            return datetime.fromisoformat(value.upper()).astimezone(UTC)
        except (ValueError, OverflowError):
            pass
    raise invalid_input("Invalid Input", f"{name} must be an ISO 8601 date-time")


def body_object(call: Call) -> dict[str, Json]:
    """The body, which must be a JSON object. Raises OperationError otherwise."""
    if not isinstance(call.body, dict):
        raise invalid_input("Invalid Input", "The request body must be a JSON object")
    return call.body
