"""Lists of what Amazon processes: reports and feeds, filtered and in pages."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from typing import Protocol, TypeVar

from sp_api_simulator.calls import Call, time_field
from sp_api_simulator.clock import parse_timestamp
from sp_api_simulator.errors import invalid_input, missing_parameters
from sp_api_simulator.report_checks import FILTER_VALUES, check_count
from sp_api_simulator.state import Json, ProcessingStatus, Region, State

PAGE_SIZES = range(1, 101)
DEFAULT_PAGE_SIZE = 10
RETENTION = timedelta(days=90)


class Processed(Protocol):
    """A report or a feed."""

    @property
    def seller_id(self) -> str: ...
    @property
    def region(self) -> Region: ...
    @property
    def marketplace_ids(self) -> tuple[str, ...]: ...
    @property
    def created(self) -> datetime: ...
    @property
    def processing_status(self) -> ProcessingStatus: ...


Entry = TypeVar("Entry", bound=Processed)


def page_query(state: State, call: Call, types_parameter: str) -> dict[str, Json]:
    """What the page shows: the filter of the request, or that of its nextToken. Raises OperationError.

    `types_parameter` is the name of the parameter with the types, such as reportTypes.
    """
    if "nextToken" in call.query:
        if len(call.query.keys()) > 1:
            raise invalid_input("Invalid Input", "nextToken must be the only parameter")
        query = _read_token(state, call.query["nextToken"])
        if query["typesParameter"] != types_parameter:
            raise invalid_input("Invalid Input", "nextToken is invalid")
        return query
    types = call.list_parameter(types_parameter)
    if not types:
        raise missing_parameters([types_parameter])
    check_count(types_parameter, types, FILTER_VALUES)
    statuses = call.list_parameter("processingStatuses")
    if not all(status in set(ProcessingStatus) for status in statuses):
        raise invalid_input("Invalid Input", f"processingStatuses must be of {', '.join(sorted(ProcessingStatus))}")
    marketplace_ids = call.list_parameter("marketplaceIds")
    if "marketplaceIds" in call.query:
        check_count("marketplaceIds", marketplace_ids, FILTER_VALUES)
    page_size = call.query.get("pageSize", str(DEFAULT_PAGE_SIZE))
    if not page_size.isdecimal() or int(page_size) not in PAGE_SIZES:
        raise invalid_input("Invalid Input", f"pageSize must be between {PAGE_SIZES.start} and {PAGE_SIZES.stop - 1}")
    now = state.clock.now()
    return {
        "typesParameter": types_parameter,
        "types": types,
        "processingStatuses": statuses,
        "marketplaceIds": marketplace_ids,
        "createdSince": _query_time(call, "createdSince", now - RETENTION).isoformat(),
        "createdUntil": _query_time(call, "createdUntil", now).isoformat(),
        "pageSize": int(page_size),
        "offset": 0,
    }


def page_of(
    state: State,
    call: Call,
    query: Mapping[str, Json],
    entries: Iterable[Entry],
    type_and_id: Callable[[Entry], tuple[str, str]],
) -> tuple[list[Entry], str | None]:
    """The page of the caller's entries, newest first, and the token of the next page."""
    wanted = [entry for entry in entries if _listed(entry, type_and_id(entry)[0], call, query)]
    wanted.sort(key=lambda entry: (entry.created, type_and_id(entry)[1]), reverse=True)
    start, size = query["offset"], query["pageSize"]
    more = start + size < len(wanted)
    token = _token(state, {**query, "offset": start + size}) if more else None
    return wanted[start : start + size], token


def _listed(entry: Processed, entry_type: str, call: Call, query: Mapping[str, Json]) -> bool:
    return (
        (entry.seller_id, entry.region) == (call.token.seller_id, call.region)
        and entry_type in query["types"]
        and (not query["processingStatuses"] or entry.processing_status in query["processingStatuses"])
        and (not query["marketplaceIds"] or not set(query["marketplaceIds"]).isdisjoint(entry.marketplace_ids))
        and parse_timestamp(query["createdSince"]) <= entry.created <= parse_timestamp(query["createdUntil"])
    )


def _query_time(call: Call, name: str, default: datetime) -> datetime:
    return time_field(call.query[name], name) if name in call.query else default


def _token(state: State, query: Mapping[str, Json]) -> str:
    content = base64.urlsafe_b64encode(json.dumps(query).encode()).decode()
    return f"{content}.{_signature(state, content)}"


def _read_token(state: State, token: str) -> dict[str, Json]:
    content, _, signature = token.rpartition(".")
    if not hmac.compare_digest(signature.encode(), _signature(state, content).encode()):
        raise invalid_input("Invalid Input", "nextToken is invalid")
    query: dict[str, Json] = json.loads(base64.urlsafe_b64decode(content))
    return query


def _signature(state: State, content: str) -> str:
    return hmac.new(state.document_links.key, content.encode(), hashlib.sha256).hexdigest()
