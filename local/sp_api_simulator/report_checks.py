"""Checks of requests to the Reports API."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime

from sp_api_simulator.calls import Call, time_field
from sp_api_simulator.errors import invalid_input, missing_parameters
from sp_api_simulator.marketplaces import MARKETPLACES
from sp_api_simulator.report_types import LISTED_ON, REPORT_TYPES
from sp_api_simulator.state import Json, State

MARKETPLACE_COUNT = range(1, 26)
FILTER_VALUES = range(1, 11)
REPORT_TYPE = re.compile(r"[A-Z][A-Z0-9_]{2,}")
UNREQUESTABLE_PREFIX = "GET_V2_SETTLEMENT_REPORT"
"""Amazon creates settlement reports by itself and refuses requests for them (selling-partner-api-docs issue 1033)."""

WARNING_HEADER = "x-simulator-warning"


def type_and_marketplaces(call: Call, body: Mapping[str, Json], *further: str) -> tuple[str, tuple[str, ...]]:
    """The report type and the marketplaces of a request. `further` names more required fields.

    Raises OperationError. The texts are those of selling-partner-api-models issues 1021 (the report does not exist for
    a marketplace) and 1265 (a settlement report).
    """
    missing = [name for name in ("marketplaceIds", "reportType", *further) if body.get(name) in (None, "", [])]
    if missing:
        raise missing_parameters(missing)
    report_type, marketplace_ids = body["reportType"], body["marketplaceIds"]
    if not isinstance(report_type, str) or not REPORT_TYPE.fullmatch(report_type):
        raise invalid_input(f"Invalid Report Type {report_type}")
    if report_type.startswith(UNREQUESTABLE_PREFIX):
        raise invalid_input(f"Request for report type {report_type} is not allowed at this time")
    if not isinstance(marketplace_ids, list) or not all(isinstance(value, str) and value for value in marketplace_ids):
        raise invalid_input("Invalid Input", "marketplaceIds must be a list of marketplace identifiers")
    check_count("marketplaceIds", marketplace_ids, MARKETPLACE_COUNT)
    if not set(marketplace_ids) <= MARKETPLACES[call.region]:
        raise invalid_input("Report rejected for this client. your report could not be applied to any marketplaces")
    return report_type, tuple(marketplace_ids)


def warnings(state: State, report_types: Sequence[str]) -> dict[str, str]:
    """A header that names the report types that are not in the published list; empty if all are in it.

    In strict mode it raises OperationError for such a type instead, with Amazon's text
    (selling-partner-api-docs issue 1502).
    """
    unknown = sorted(set(report_types) - REPORT_TYPES)
    if not unknown:
        return {}
    if state.strict:
        raise invalid_input(f"Invalid Report Type {unknown[0]}")
    names = ", ".join(name if name.isascii() and name.isprintable() else ascii(name) for name in unknown)
    return {WARNING_HEADER: f"not in the list of report types of {LISTED_ON}: {names}"}


def report_options(body: Mapping[str, Json]) -> tuple[tuple[str, str], ...]:
    options = body.get("reportOptions")
    if options is None or options == "":  # An empty string passes (selling-partner-api-docs issue 1123).
        return ()
    if not isinstance(options, dict) or not all(isinstance(value, str) for value in options.values()):
        raise invalid_input("Invalid Input", "reportOptions must be an object of strings")
    return tuple(options.items())


def past_time(body: Mapping[str, Json], name: str, now: datetime) -> datetime:
    if body.get(name) is None:
        return now
    moment = time_field(body[name], name)
    if moment > now:
        raise invalid_input("Invalid Input", f"{name} must not be in the future")
    return moment


def check_count(name: str, values: Sequence[str], allowed: range) -> None:
    if len(values) not in allowed:
        raise invalid_input("Invalid Input", f"{name} must have between {allowed.start} and {allowed.stop - 1} values")
