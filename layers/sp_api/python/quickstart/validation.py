"""Reads the fields of a request, and says of each what is wrong with it."""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from quickstart.paging import read_token
from sp_api.regions import Region, region_of_marketplace

_REPORT_TYPE = re.compile(r"[A-Z][A-Z0-9_]{0,127}")
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_ID_RULE = "must be 1 to 64 letters, digits, dots, hyphens and underscores"
_CLIENT_TOKEN = re.compile(r"[!-~]{1,64}")
_WHOLE_NUMBER = re.compile(r"[0-9]{1,9}")
_MARKETPLACE_ID = re.compile(r"[A-Z0-9]{1,32}")
_PRINTABLE = re.compile(r"[!-~]{1,2048}")
# SP-API's own bound for the report types of getReportSchedules (Reports API 2021-06-30).
MOST_REPORT_TYPES = 10
# SP-API's own bound for the marketplaces of one report (Reports API 2021-06-30, CreateReportSpecification).
MOST_MARKETPLACES = 25


@dataclass(frozen=True)
class FieldError:
    """One thing wrong with a request; `field` is None where it is the request as a whole."""

    field: str | None
    code: str
    message: str


@dataclass(frozen=True)
class FieldDescription:
    """What a request's reader asks of one field; `schema` is JSON Schema's, `rule` says it in words."""

    name: str
    required: bool
    rule: str
    schema: Mapping[str, object]


class InvalidRequestError(ValueError):
    """The request breaks one or more rules, all of them named in `errors`."""

    def __init__(self, errors: Iterable[FieldError]) -> None:
        self.errors = tuple(errors)
        super().__init__("; ".join(error.message for error in self.errors))


@dataclass
class Fields:
    """A request's fields, read one by one; `finish` raises InvalidRequestError with everything that was wrong.

    A reader returns an empty value of its type for a field that is wrong, so that the others are still looked at.
    `described` tells which fields have been asked for, and what of them: the API's reference is written from it.
    """

    body: Mapping[str, object]
    errors: list[FieldError] = field(default_factory=list)
    described: list[FieldDescription] = field(default_factory=list)

    def seller_id(self) -> str:
        """SellerId: a selling partner's id, as SP-API gives it (A3TH9S8BH6GOGM)."""
        return self._text("SellerId", _ID, _ID_RULE)

    def refresh_token(self) -> str:
        """RefreshToken: an LWA refresh token."""
        return self._text("RefreshToken", _PRINTABLE, "must be 1 to 2048 printable ASCII characters without spaces")

    def report_type(self) -> str:
        """ReportType: a report type value of SP-API (GET_MERCHANT_LISTINGS_ALL_DATA)."""
        return self._text("ReportType", _REPORT_TYPE, "must be upper-case letters, digits and underscores, 128 at most")

    def report_types(self) -> tuple[str, ...]:
        """ReportTypes: report type values with commas between."""
        name = "ReportTypes"
        value = self._string(name, required=True, rule=f"1 to {MOST_REPORT_TYPES} report types, with commas between")
        types = tuple(dict.fromkeys(entry.strip() for entry in value.split(","))) if value else ()
        if value and (len(types) > MOST_REPORT_TYPES or not all(_REPORT_TYPE.fullmatch(entry) for entry in types)):
            self._wrong(
                name,
                "InvalidValue",
                f"{name} must name 1 to {MOST_REPORT_TYPES} report types, with commas between",
            )
            return ()
        return types

    def client_token(self) -> str | None:
        """ClientToken: the caller's own name for this one request, for when it must send it again."""
        name = "ClientToken"
        rule = "1 to 64 printable ASCII characters without spaces"
        schema = {"type": "string", "pattern": f"^{_CLIENT_TOKEN.pattern}$"}
        value = self._string(name, required=False, rule=rule, schema=schema)
        given = self.body.get(name)
        if isinstance(given, str) and not _CLIENT_TOKEN.fullmatch(value):
            self._wrong(name, "InvalidValue", f"{name} must be {rule}")
        return None if given is None else value

    def report_id(self) -> str:
        """ReportId: a report's id, as SP-API gives it (54517018502)."""
        return self._text("ReportId", _ID, _ID_RULE)

    def report_schedule_id(self) -> str:
        """ReportScheduleId: a schedule's id, as SP-API gives it (50034018503)."""
        return self._text("ReportScheduleId", _ID, _ID_RULE)

    def limit(self, default: int, most: int) -> int:
        """Limit: how many entries a page of a list has at most."""
        name = "Limit"
        value = self._string(name, required=False, rule=f"a whole number from 1 to {most}; {default} without it")
        if not value:
            return default
        if not _WHOLE_NUMBER.fullmatch(value) or not 1 <= int(value) <= most:
            self._wrong(name, "InvalidValue", f"{name} must be a whole number from 1 to {most}")
            return default
        return int(value)

    def next_token(self, names: tuple[str, ...]) -> Mapping[str, str] | None:
        """NextToken: where the page before ended, as `quickstart.paging.token` of these names gave it."""
        name = "NextToken"
        value = self._string(name, required=False, rule="the nextToken of an earlier answer, unchanged")
        position = read_token(value, names) if value else None
        if value and position is None:
            self._wrong(name, "InvalidValue", f"{name} must be the nextToken of an earlier answer, unchanged")
        return position

    def region(self) -> Region:
        """RegionCode: NA, EU or FE."""
        return self.optional_region(required=True) or Region.NA

    def optional_region(self, *, required: bool = False) -> Region | None:
        """RegionCode, where a request may leave it out."""
        value = self.choice("RegionCode", tuple(Region), required=required)
        return Region(value) if value else None

    def choice(self, name: str, choices: Iterable[str], *, required: bool = True) -> str:
        """A field that must be one of `choices`; empty when it is wrong, or absent and not required."""
        allowed = [str(choice) for choice in choices]
        rule = f"one of {', '.join(allowed)}"
        value = self._string(name, required=required, rule=rule, schema={"type": "string", "enum": allowed})
        if value and value not in allowed:
            self._wrong(name, "InvalidValue", f"{name} must be {rule}")
            return ""
        return value

    def marketplace_ids(self, region: Region) -> tuple[str, ...]:
        """MarketplaceIds: a list, or a string with commas between.

        A marketplace known to be of another region is refused.
        """
        name = "MarketplaceIds"
        rule = f"1 to {MOST_MARKETPLACES} marketplace ids of the region: a list, or a string with commas between"
        listed_ids = {"type": "array", "items": {"type": "string"}, "minItems": 1, "maxItems": MOST_MARKETPLACES}
        value = self._present(name, required=True, rule=rule, schema={"oneOf": [{"type": "string"}, listed_ids]})
        if value is None:
            return ()
        listed = value.split(",") if isinstance(value, str) else value
        if not isinstance(listed, list) or not all(isinstance(entry, str) for entry in listed):
            self._wrong(name, "InvalidType", f"{name} must be a list of strings, or one string with commas between")
            return ()
        ids = tuple(dict.fromkeys(entry.strip() for entry in listed))
        if not 1 <= len(ids) <= MOST_MARKETPLACES or not all(_MARKETPLACE_ID.fullmatch(entry) for entry in ids):
            self._wrong(
                name,
                "InvalidValue",
                f"{name} must name 1 to {MOST_MARKETPLACES} marketplaces by their ids, such as ATVPDKIKX0DER",
            )
            return ()
        elsewhere = [entry for entry in ids if region_of_marketplace(entry) not in (None, region)]
        if elsewhere and not any(error.field == "RegionCode" for error in self.errors):
            self._wrong(
                name,
                "InvalidValue",
                f"{name} names marketplaces that are not of region {region}: {', '.join(elsewhere)}",
            )
        return ids

    def time(self, name: str) -> datetime | None:
        """An optional ISO 8601 date or date and time, UTC where it names no offset."""
        value = self._string(name, required=False, rule="an ISO 8601 date or date and time, UTC without an offset")
        if not value:
            return None
        try:
            parsed = datetime.fromisoformat(value)
        except ValueError:
            self._wrong(name, "InvalidValue", f"{name} must be an ISO 8601 date and time, such as 2024-03-10T20:11:24Z")
            return None
        return parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)

    def in_order(self, start: tuple[str, datetime | None], end: tuple[str, datetime | None]) -> None:
        """The second time must not be before the first, where both are given."""
        if start[1] and end[1] and end[1] < start[1]:
            self._wrong(end[0], "InvalidValue", f"{end[0]} must not be before {start[0]}")

    def report_options(self) -> Mapping[str, str] | None:
        """ReportOptions: an object of strings, or a JSON string of one (Reports API 2021-06-30, ReportOptions)."""
        name = "ReportOptions"
        options = {"type": "object", "additionalProperties": {"type": "string"}}
        value = self._present(
            name,
            required=False,
            rule="an object of strings, or a JSON string of one",
            schema={"oneOf": [options, {"type": "string"}]},
        )
        if isinstance(value, str):
            if not value.strip():
                return None
            try:
                value = json.loads(value)
            except ValueError:
                self._wrong(name, "InvalidJson", f"{name} is a string that is not JSON")
                return None
        if value is None:
            return None
        if not isinstance(value, dict) or not all(isinstance(entry, str) for entry in value.values()):
            self._wrong(name, "InvalidType", f"{name} must be an object whose values are all strings")
            return None
        return value

    def text(self, name: str, *, required: bool = True, rule: str = "") -> str:
        """Any text, without the white space around it; empty when it is wrong, or absent and not required."""
        return self._string(name, required=required, rule=rule)

    def known(self, name: str, rule: str = "", schema: Mapping[str, object] | None = None) -> None:
        """An optional field of the request that something else reads."""
        self._describe(FieldDescription(name, required=False, rule=rule, schema=schema or {}))

    def finish(self) -> None:
        """Raises InvalidRequestError when a field was wrong, or one is there that nobody asked for."""
        known = [described.name for described in self.described]
        for name in self.body:
            if name not in known:
                message = f"{name} is not a field of this request; its fields are {', '.join(known)}"
                self._wrong(name, "UnknownField", message)
        if self.errors:
            raise InvalidRequestError(self.errors)

    def _text(self, name: str, pattern: re.Pattern[str], rule: str) -> str:
        schema = {"type": "string", "pattern": f"^{pattern.pattern}$"}
        value = self._string(name, required=True, rule=rule.removeprefix("must be "), schema=schema)
        if value and not pattern.fullmatch(value):
            self._wrong(name, "InvalidValue", f"{name} {rule}")
            return ""
        return value

    def _string(self, name: str, *, required: bool, rule: str = "", schema: Mapping[str, object] | None = None) -> str:
        value = self._present(name, required=required, rule=rule, schema=schema or {"type": "string"})
        if value is None:
            return ""
        if not isinstance(value, str):
            self._wrong(name, "InvalidType", f"{name} must be a string")
            return ""
        if required and not value.strip():
            self._wrong(name, "Empty", f"{name} must not be empty")
            return ""
        return value.strip()

    def _present(self, name: str, *, required: bool, rule: str, schema: Mapping[str, object]) -> object | None:
        self._describe(FieldDescription(name, required, rule, schema))
        value = self.body.get(name)
        if value is None and required:
            self._wrong(name, "Missing", f"{name} is missing")
        return value

    def _describe(self, description: FieldDescription) -> None:
        if all(described.name != description.name for described in self.described):
            self.described.append(description)

    def _wrong(self, name: str, code: str, message: str) -> None:
        self.errors.append(FieldError(name, code, message))
