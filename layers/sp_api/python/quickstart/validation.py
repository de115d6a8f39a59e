"""Reads and validates the fields of a request."""

import json
import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum

from quickstart.paging import read_token
from quickstart.refusals import FieldError, InvalidRequestError
from quickstart.suggestions import field_meant, marketplace_of_country, region_meant, with_commas
from sp_api.credentials import unlike_a_refresh_token
from sp_api.redaction import holds_secret
from sp_api.regions import Region, region_of_marketplace
from sp_api.wire import is_unicode

# Part of the name of the stored report's object and file. SP-API's model sets no limits.
_REPORT_TYPE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,127}")
_REPORT_TYPE_RULE = "must be 1 to 128 letters, digits, underscores, dots and hyphens"
# Part of the tables' keys, of names of objects, and of names of schedules and executions.
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_ID_RULE = "must be 1 to 64 letters, digits, dots, hyphens and underscores"
_CLIENT_TOKEN = re.compile(r"[!-~]{1,64}")
_WHOLE_NUMBER = re.compile(r"[0-9]{1,9}")
# SP-API's model sets no limits; a list is written with commas.
MARKETPLACE_ID = re.compile(r"[!-+\--~]{1,128}")
# As above, and part of the tables' keys, in which "#" and "/" separate parts.
_ONE_MARKETPLACE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")
# SP-API's model sets no limits; the id is part of the path of a URL.
_SCHEDULE_ID = re.compile(r"[A-Za-z0-9][!-~]{0,255}")
_PRINTABLE = re.compile(r"[!-~]{1,2048}")
# A name of a field. Anything else may be a value in the wrong place, such as a token, and is not quoted.
_FIELD_NAME = re.compile(r"[A-Za-z][A-Za-z_-]{0,39}[0-9]{0,3}")
# SP-API's limit for the report types of getReportSchedules (Reports API 2021-06-30).
MOST_REPORT_TYPES = 10
# SP-API's limit for the marketplaces of one report (Reports API 2021-06-30, CreateReportSpecification).
MOST_MARKETPLACES = 25
# A list that a message repeats.
_LISTED = re.compile(r"[A-Za-z0-9._,-]{1,200}")


def shown_name(name: str) -> str:
    """An unknown field's name as answers and logs quote it: cut away where it does not look like a name."""
    return name if _FIELD_NAME.fullmatch(name) and not holds_secret(name) else "(a name that is not shown)"


class Sent(StrEnum):
    """Where a request carries its fields; the values complete "send it in"."""

    BODY = "the body, as JSON"
    QUERY = "the query string"


@dataclass(frozen=True)
class FieldDescription:
    """The rule for one field of a request: `schema` as JSON Schema, `rule` in words."""

    name: str
    required: bool
    rule: str
    schema: Mapping[str, object]


@dataclass
class Fields:
    """A request's fields, read one by one; `finish` raises InvalidRequestError listing all errors.

    For an invalid field, a reader returns an empty value of its type, so that the other fields are still checked.
    `described` lists the fields that were read and their rules; the API reference is generated from it. `elsewhere` are
    the names of what the request carries in the wrong place.
    """

    body: Mapping[str, object]
    errors: list[FieldError] = field(default_factory=list)
    described: list[FieldDescription] = field(default_factory=list)
    sent: Sent = Sent.BODY
    elsewhere: Collection[str] = ()

    def seller_id(self) -> str:
        """SellerId: a selling partner's id at SP-API (A3TH9S8BH6GOGM)."""
        return self._text("SellerId", _ID, _ID_RULE)

    def refresh_token(self) -> str:
        """RefreshToken: an LWA refresh token. What is certainly something else is refused by what it seems to be."""
        name = "RefreshToken"
        value = self._text(name, _PRINTABLE, "must be 1 to 2048 printable ASCII characters without spaces")
        kind = unlike_a_refresh_token(value) if value else None
        if kind is not None:
            self._wrong(name, "NotARefreshToken", f"{name} must be an LWA refresh token; this seems to be {kind}")
            return ""
        return value

    def report_type(self) -> str:
        """ReportType: a report type value of SP-API (GET_MERCHANT_LISTINGS_ALL_DATA)."""
        return self._text("ReportType", _REPORT_TYPE, _REPORT_TYPE_RULE)

    def report_types(self) -> tuple[str, ...]:
        """ReportTypes: report type values, separated by commas."""
        name = "ReportTypes"
        value = self._string(name, required=True, rule=f"1 to {MOST_REPORT_TYPES} report types, separated by commas")
        if self._has_wrong_separators(name, [value]):
            return ()
        types = tuple(dict.fromkeys(entry.strip() for entry in value.split(","))) if value else ()
        if len(types) > MOST_REPORT_TYPES or not all(_REPORT_TYPE.fullmatch(entry) for entry in types):
            self._wrong(
                name,
                "InvalidValue",
                f"{name} must contain 1 to {MOST_REPORT_TYPES} report types, separated by commas",
            )
            return ()
        return types

    def client_token(self) -> str | None:
        """ClientToken: the caller's unique token for this request, so that it can safely be retried."""
        name = "ClientToken"
        rule = "1 to 64 printable ASCII characters without spaces"
        schema = {"type": "string", "pattern": f"^{_CLIENT_TOKEN.pattern}$"}
        value = self._string(name, required=False, rule=rule, schema=schema)
        given = self.body.get(name)
        if isinstance(given, str) and not _CLIENT_TOKEN.fullmatch(value):
            self._wrong(name, "InvalidValue", f"{name} must be {rule}")
        elif value:
            self._is_secret(name, value)
        return None if given is None else value

    def report_id(self) -> str:
        """ReportId: a report's id at SP-API (54517018502)."""
        return self._text("ReportId", _ID, _ID_RULE)

    def report_schedule_id(self) -> str:
        """ReportScheduleId: a schedule's id at SP-API (50034018503)."""
        return self._text(
            "ReportScheduleId",
            _SCHEDULE_ID,
            "must be 1 to 256 printable ASCII characters, beginning with a letter or digit",
        )

    def limit(self, default: int, most: int) -> int:
        """Limit: the maximum number of entries of a page."""
        name = "Limit"
        value = self._string(name, required=False, rule=f"a whole number from 1 to {most}; {default} by default")
        if not value:
            return default
        if not _WHOLE_NUMBER.fullmatch(value) or not 1 <= int(value) <= most:
            self._wrong(name, "InvalidValue", f"{name} must be a whole number from 1 to {most}")
            return default
        return int(value)

    def next_token(self, names: tuple[str, ...]) -> Mapping[str, str] | None:
        """NextToken: where the previous page ended, encoded by `quickstart.paging.token` with these names."""
        name = "NextToken"
        value = self._string(name, required=False, rule="the nextToken of the previous page, unchanged")
        position = read_token(value, names) if value else None
        if value and position is None:
            self._wrong(name, "InvalidValue", f"{name} must be the nextToken of the previous page, unchanged")
        return position

    def region(self) -> Region:
        """RegionCode: NA, EU or FE."""
        return self.optional_region(required=True) or Region.NA

    def optional_region(self, *, required: bool = False) -> Region | None:
        """RegionCode, for requests in which it is optional."""
        name = "RegionCode"
        rule = f"one of {', '.join(Region)}"
        schema = {"type": "string", "enum": [str(region) for region in Region]}
        value = self._string(name, required=required, rule=rule, schema=schema)
        if value and value not in tuple(Region):
            meant = region_meant(value)
            self._wrong(name, "InvalidValue", f"{name} must be {rule}{f'. Did you mean {meant}?' if meant else ''}")
            return None
        return Region(value) if value else None

    def choice(self, name: str, choices: Iterable[str], *, required: bool = True, note: str = "") -> str:
        """A field that must be one of `choices`; empty when it is invalid, or absent and not required. The note is for
        readers of the field's description.
        """
        allowed = [str(choice) for choice in choices]
        rule = f"one of {', '.join(allowed)}"
        schema = {"type": "string", "enum": allowed}
        value = self._string(name, required=required, rule=f"{rule}; {note}" if note else rule, schema=schema)
        if value and value not in allowed:
            self._wrong(name, "InvalidValue", f"{name} must be {rule}")
            return ""
        return value

    def marketplace_ids(self, region: Region) -> tuple[str, ...]:
        """MarketplaceIds: a list, or a comma-separated string.

        A marketplace known to belong to another region is refused: each is served by the endpoint of one region
        (SP-API docs, "SP-API endpoints" and "Marketplace IDs"), and the report would be asked for at the wrong one.
        """
        name = "MarketplaceIds"
        rule = f"1 to {MOST_MARKETPLACES} marketplace ids of the region: a list, or a comma-separated string"
        listed_ids = {"type": "array", "items": {"type": "string"}, "minItems": 1, "maxItems": MOST_MARKETPLACES}
        value = self._present(name, required=True, rule=rule, schema={"oneOf": [{"type": "string"}, listed_ids]})
        if value is None:
            return ()
        listed = value.split(",") if isinstance(value, str) else value
        if not isinstance(listed, list) or not all(isinstance(entry, str) for entry in listed):
            self._wrong(name, "InvalidType", f"{name} must be a list of strings or a comma-separated string")
            return ()
        # "A;B" would pass as one id.
        if self._has_wrong_separators(name, [value] if isinstance(value, str) else listed):
            return ()
        ids = tuple(dict.fromkeys(entry.strip() for entry in listed))
        if not 1 <= len(ids) <= MOST_MARKETPLACES or not all(MARKETPLACE_ID.fullmatch(entry) for entry in ids):
            self._wrong(
                name,
                "InvalidValue",
                f"{name} must contain 1 to {MOST_MARKETPLACES} marketplace ids, such as ATVPDKIKX0DER",
            )
            return ()
        if self._has_countries(name, ids):
            return ()
        self.check_marketplaces(name, ids, region)
        return ids

    def check_marketplaces(self, name: str, ids: Iterable[str], region: Region) -> None:
        """Adds an error for marketplaces known to belong to another region, unless the region itself is invalid."""
        elsewhere = [
            f"{entry} (region {found})"
            for entry in ids
            if (found := region_of_marketplace(entry)) not in (None, region)
        ]
        if elsewhere and not any(error.field == "RegionCode" for error in self.errors):
            message = f"{name} has marketplaces that are not in region {region}: {', '.join(elsewhere)}"
            self._wrong(name, "InvalidValue", message)

    def marketplace_id(self) -> str:
        """MarketplaceId: one marketplace."""
        name, rule = "MarketplaceId", "must be a marketplace id, such as ATVPDKIKX0DER"
        value = self._text(name, _ONE_MARKETPLACE, rule)
        return "" if value and self._has_countries(name, (value,)) else value

    def entries(self, name: str, entry: re.Pattern[str], most: int, rule: str) -> tuple[str, ...]:
        """An optional list of texts, each matching `entry`, or a comma-separated string; without repetitions.

        `rule` describes one entry ("product types, such as LUGGAGE").
        """
        rule = f"1 to {most} {rule}: a list, or a comma-separated string"
        listed = {"type": "array", "items": {"type": "string"}, "minItems": 1, "maxItems": most}
        value = self._present(name, required=False, rule=rule, schema={"oneOf": [{"type": "string"}, listed]})
        if value is None:
            return ()
        values = value.split(",") if isinstance(value, str) else value
        if not isinstance(values, list) or not all(isinstance(text, str) for text in values):
            self._wrong(name, "InvalidType", f"{name} must be a list of strings or a comma-separated string")
            return ()
        if self._has_wrong_separators(name, [value] if isinstance(value, str) else values):
            return ()
        texts = tuple(dict.fromkeys(text.strip() for text in values))
        if not 1 <= len(texts) <= most or not all(entry.fullmatch(text) for text in texts):
            self._wrong(name, "InvalidValue", f"{name} must contain {rule}")
            return ()
        return texts

    def matching(self, name: str, pattern: re.Pattern[str], rule: str) -> str:
        """A required text that matches `pattern`; `rule` completes "<name> must be"."""
        return self._text(name, pattern, f"must be {rule}")

    def wrong(self, name: str, code: str, message: str) -> None:
        """Adds an error that concerns several fields, or one that other code read."""
        self._wrong(name, code, message)

    def time(self, name: str) -> datetime | None:
        """An optional ISO 8601 date or date and time; UTC if it has no offset."""
        value = self._string(name, required=False, rule="an ISO 8601 date or date and time; UTC if it has no offset")
        if not value:
            return None
        try:
            parsed = datetime.fromisoformat(value)
            utc = parsed.replace(tzinfo=UTC) if parsed.tzinfo is None else parsed.astimezone(UTC)
        except ValueError:
            self._wrong(name, "InvalidValue", f"{name} must be an ISO 8601 date and time, such as 2024-03-10T20:11:24Z")
            return None
        except OverflowError:
            self._wrong(name, "InvalidValue", f"{name} must be in the years 1 to 9999 in UTC")
            return None
        return utc

    def report_options(self) -> Mapping[str, str] | None:
        """ReportOptions: an object of strings, or a JSON string of one (Reports API 2021-06-30, ReportOptions)."""
        name = "ReportOptions"
        options = {"type": "object", "additionalProperties": {"type": "string"}}
        value = self._present(
            name,
            required=False,
            rule="an object of strings, or a JSON string that contains one",
            schema={"oneOf": [options, {"type": "string"}]},
        )
        if isinstance(value, str):
            if not value.strip():
                return None
            try:
                value = json.loads(value)
            except (ValueError, RecursionError):
                self._wrong(name, "InvalidJson", f"{name} is a string but not valid JSON")
                return None
        if value is None:
            return None
        if not self._is_unicode(name, value):
            return None
        if not isinstance(value, dict) or not all(isinstance(entry, str) for entry in value.values()):
            self._wrong(name, "InvalidType", f"{name} must be an object whose values are all strings")
            return None
        return value

    def flag(self, name: str, rule: str = "true or false; false by default") -> bool:
        """An optional true or false, in a query string as text; false by default."""
        self.known(name, rule=rule, schema={"type": "boolean"})
        value = self.body.get(name)
        if value is None or isinstance(value, bool):
            return bool(value)
        if value in ("true", "false"):
            return value == "true"
        self._wrong(name, "InvalidType", f"{name} must be true or false")
        return False

    def text(self, name: str, *, required: bool = True, rule: str = "") -> str:
        """Any text, without surrounding white space; empty when it is invalid, or absent and not required."""
        return self._string(name, required=required, rule=rule)

    def known(self, name: str, rule: str = "", schema: Mapping[str, object] | None = None) -> None:
        """An optional field that other code reads."""
        self._describe(FieldDescription(name, required=False, rule=rule, schema=schema or {}))

    def finish(self) -> None:
        """Raises InvalidRequestError when a field is invalid or unknown."""
        known = [described.name for described in self.described]
        for name in self.body:
            if name not in known:
                shown = shown_name(name)
                meant = field_meant(name, known)
                message = f"{shown} is not a field of this request; its fields are {', '.join(known)}"
                if meant is not None:
                    message = f"{shown} is not a field of this request. Did you mean {meant}?"
                self._wrong(shown, "UnknownField", message)
        if self.errors:
            raise InvalidRequestError(self.errors)

    def _text(self, name: str, pattern: re.Pattern[str], rule: str) -> str:
        schema = {"type": "string", "pattern": f"^{pattern.pattern}$"}
        value = self._string(name, required=True, rule=rule.removeprefix("must be "), schema=schema)
        if value and not pattern.fullmatch(value):
            self._wrong(name, "InvalidValue", f"{name} {rule}")
            return ""
        return value if pattern is _PRINTABLE or not self._is_secret(name, value) else ""

    def _is_secret(self, name: str, value: str) -> bool:
        """Whether the value has the shape of a secret; adds an error then. Ids are quoted in answers and logs."""
        secret = holds_secret(value)
        if secret:
            self._wrong(name, "InvalidValue", f"{name} seems to be a token or a secret, which does not belong here")
        return secret

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
            # In the body is where people look first.
            where = f": send it in {self.sent}" if self.sent is Sent.QUERY or name in self.elsewhere else ""
            self._wrong(name, "Missing", f"{name} is missing{where}")
        return value if self._is_unicode(name, value) else None

    def _is_unicode(self, name: str, value: object) -> bool:
        """Whether its texts can be encoded; adds an error otherwise. Deeper values have the wrong type anyway."""
        entries = (
            [*value, *value.values()] if isinstance(value, dict) else value if isinstance(value, list) else [value]
        )
        valid = all(is_unicode(entry) for entry in entries if isinstance(entry, str))
        if not valid:
            self._wrong(name, "InvalidValue", f"{name} has half of a surrogate pair, which is not valid Unicode")
        return valid

    def _has_wrong_separators(self, name: str, values: Iterable[str]) -> bool:
        """Whether a list has semicolons or spaces in place of commas; adds an error then."""
        meant = next(filter(None, map(with_commas, values)), None)
        if meant is None:
            return False
        shown = f'. Did you mean "{meant}"?' if _LISTED.fullmatch(meant) and not holds_secret(meant) else ""
        self._wrong(name, "InvalidValue", f"{name} must be a list or a text with commas between the entries{shown}")
        return True

    def _has_countries(self, name: str, ids: Iterable[str]) -> bool:
        """Whether codes of countries stand where marketplace ids belong; adds an error then."""
        meant = {entry: found for entry in ids if (found := marketplace_of_country(entry)) is not None}
        for entry, marketplace in meant.items():
            message = f"{name} must contain marketplace ids. Did you mean {marketplace.marketplace_id} for {entry}?"
            self._wrong(name, "InvalidValue", message)
        return bool(meant)

    def _describe(self, description: FieldDescription) -> None:
        if all(described.name != description.name for described in self.described):
            self.described.append(description)

    def _wrong(self, name: str, code: str, message: str) -> None:
        self.errors.append(FieldError(name, code, message))
