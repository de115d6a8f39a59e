"""POST, PATCH and DELETE of /listings: reads a submission, checks it, and hands it to the lane of its SKU."""

import hashlib
import json
import re
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from quickstart.listings.checks import ASIN, OFFER_ONLY, AmazonChecks, Checked, SchemaChecks
from quickstart.listings.fields import ClientTokenReusedError, optional_text, read_issue_locale, read_listing
from quickstart.listings.lanes import Lanes
from quickstart.listings.ledger import ListingLedger
from quickstart.listings.outcomes import issue_json
from quickstart.listings.reading import described
from quickstart.listings.records import ListingOf, Operation, Party, Payload, Record
from quickstart.listings.sending import submit
from quickstart.product_types.findings import Finding
from quickstart.product_types.schemas import parsed
from quickstart.product_types.unreadable import unreadable_values
from quickstart.refusals import FieldError, Refusal
from quickstart.validation import Fields
from sp_api.caller import Caller
from sp_api.listings import PatchOperator, Requirements
from sp_api.restrictions import Restriction

_PRODUCT_TYPE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,127}")
_ASIN = re.compile(r"[A-Z0-9]{10}")
_ATTRIBUTE = re.compile(r"[A-Za-z0-9_]{1,256}")
_PATH = "/attributes/"
_PRODUCT = "PRODUCT"
_MOST_PATCHES = 500
# A listing has some hundred values; checking more than these would take longer than a request may.
_MOST_VALUES = 10_000
# How long a request waits for Amazon's answer: an answer takes a second or two. A waiting function counts towards the
# account's concurrent functions, which are ten in a new account.
PATIENCE_SECONDS = 8.0
_POLL_SECONDS = 0.25


class Mode(StrEnum):
    """CHECK asks nobody, PREVIEW asks Amazon and changes nothing, PUBLISH sends."""

    CHECK = "CHECK"
    PREVIEW = "PREVIEW"
    PUBLISH = "PUBLISH"


class OnFindings(StrEnum):
    """What to do when the checks before a submission find something."""

    STOP = "STOP"
    SEND = "SEND"


class _WithFindings(Exception):  # noqa: N818 - no refusal by itself
    """Part of the refusals after which nothing was sent: what the checks found stands in the answer."""

    def __init__(self, message: str, checked: Checked) -> None:
        self.checked = checked
        super().__init__(message)

    @property
    def details(self) -> Mapping[str, object]:
        """Findings, candidates and restrictions, as a CHECK answers them."""
        return checked_json(self.checked)


class ListingInvalidError(_WithFindings, Refusal):
    """The checks found errors, so nothing was sent."""

    status = 400
    code = "ListingInvalid"
    field = "Attributes"

    def __init__(self, checked: Checked, operation: Operation) -> None:
        self.field = "Patches" if operation is Operation.PATCH else "Attributes"
        super().__init__(
            "Nothing was sent: the checks found errors. To send it nevertheless, set OnFindings to SEND", checked
        )

    @property
    def errors(self) -> tuple[FieldError, ...]:
        """One error for each finding, with its JSON pointer inside the attributes."""
        whole = FieldError(self.field, self.code, str(self))
        return (whole, *(_field_error(finding, str(self.field)) for finding in self.checked.errors))


class CatalogMatchError(_WithFindings, Refusal):
    """Amazon's catalogue has products with the identifier."""

    status = 409
    code = "CatalogMatch"
    field = "Attributes"

    def __init__(self, checked: Checked) -> None:
        asins = ", ".join(item.asin for item in checked.candidates)
        super().__init__(
            f"Nothing was sent: Amazon's catalogue already has products with this identifier ({asins}). To sell one of "
            "these products, send its Asin. To let Amazon match the product, set OnFindings to SEND",
            checked,
        )


class ListingRestrictedError(_WithFindings, Refusal):
    """The seller may not list the product, or not in this condition."""

    status = 409
    code = "ListingRestricted"
    field = "Asin"

    def __init__(self, checked: Checked) -> None:
        reasons = "; ".join(dict.fromkeys(one.message for one in checked.restrictions))
        super().__init__(
            f"Nothing was sent: Amazon restricts this product for the seller ({reasons}). Open Amazon's link in "
            "Seller Central: even an approved seller may have to open it once. To send it nevertheless, set "
            "OnFindings to SEND",
            checked,
        )


class TooManyValuesError(Refusal):
    """The submission has more values than can be checked within a request."""

    status = 413
    code = "TooManyValues"

    def __init__(self, field: str) -> None:
        self.field = field
        super().__init__(f"{field} has more than {_MOST_VALUES:,} values, lists and objects")


class SchemaUnavailableError(Refusal):
    """A CHECK is not possible without a schema."""

    status = 409
    code = "SchemaUnavailable"
    field = "ProductType"

    def __init__(self, reasons: Sequence[str]) -> None:
        super().__init__(f"The submission cannot be checked: {'; '.join(reasons)}")


@dataclass(frozen=True)
class Submission:
    """A valid POST, PATCH or DELETE of /listings."""

    listing: ListingOf
    payload: Payload
    mode: Mode
    on_findings: OnFindings
    client_token: str | None


@dataclass(frozen=True)
class Desk:
    """What takes submissions."""

    ledger: ListingLedger
    lanes: Lanes
    schema_checks: SchemaChecks
    pause: Callable[[float], None] = time.sleep
    patience: float = PATIENCE_SECONDS


def read_put(fields: Fields) -> Submission:
    """A POST /listings. Raises InvalidRequestError listing every invalid field."""
    listing = read_listing(fields)
    asin = optional_text(fields, "Asin", _ASIN, "an ASIN: 10 capital letters and digits")
    product_type = optional_text(fields, "ProductType", _PRODUCT_TYPE, "a product type, such as LUGGAGE")
    attributes = _attributes(fields)
    requirements = fields.choice("Requirements", tuple(Requirements), required=False)
    issue_locale = read_issue_locale(fields)
    mode, on_findings, client_token = _manner(fields)
    if asin:
        named = attributes.get(ASIN)
        if named is not None and asin not in json.dumps(named):
            fields.wrong("Asin", "InvalidValue", f"Asin differs from the attribute {ASIN}")
        attributes = {**attributes, ASIN: named or [{"value": asin, "marketplace_id": listing.marketplace_id}]}
        product_type = product_type or _PRODUCT
        if not requirements and listing.party is Party.SELLER:
            requirements = OFFER_ONLY
    if not product_type:
        fields.wrong("ProductType", "Missing", "ProductType is missing; you can leave it out only if you set Asin")
    if not attributes:
        fields.wrong("Attributes", "Missing", "Attributes is missing; you can leave it out only if you set Asin")
    if listing.party is Party.VENDOR and requirements == OFFER_ONLY:
        message = f"Requirements {OFFER_ONLY} is for sellers: a vendor has no offers (selling-partner-api-models 4849)"
        fields.wrong("Requirements", "InvalidValue", message)
    fields.finish()
    payload = Payload(
        Operation.PUT, product_type, requirements or Requirements.LISTING, attributes, issue_locale=issue_locale
    )
    return Submission(listing, payload, mode, on_findings, client_token)


def read_patch(fields: Fields) -> Submission:
    """A PATCH /listings/{sku}. Raises InvalidRequestError listing every invalid field."""
    listing = read_listing(fields)
    product_type = optional_text(fields, "ProductType", _PRODUCT_TYPE, "a product type; PRODUCT by default")
    patches = _patches(fields, listing.party)
    issue_locale = read_issue_locale(fields)
    mode, on_findings, client_token = _manner(fields)
    fields.finish()
    payload = Payload(Operation.PATCH, product_type or _PRODUCT, patches=patches, issue_locale=issue_locale)
    return Submission(listing, payload, mode, on_findings, client_token)


def read_delete(fields: Fields) -> Submission:
    """A DELETE /listings/{sku}. Raises InvalidRequestError listing every invalid field."""
    listing = read_listing(fields)
    issue_locale = read_issue_locale(fields)
    client_token = fields.client_token()
    fields.finish()
    return Submission(
        listing, Payload(Operation.DELETE, issue_locale=issue_locale), Mode.PUBLISH, OnFindings.STOP, client_token
    )


def handle(submission: Submission, caller: Caller, desk: Desk) -> Mapping[str, object]:
    """Checks, previews or publishes.

    Raises ListingInvalidError, CatalogMatchError, ListingRestrictedError, ClientTokenReusedError,
    SchemaUnavailableError, and what `sp_api` raises.
    """
    if submission.mode is Mode.PUBLISH:
        earlier = _earlier(submission, desk)
        if earlier is not None:
            return _answer(_taken(earlier, desk), Checked(submission.payload))
    checked = desk.schema_checks.check(submission.listing, submission.payload, caller)
    if submission.mode is Mode.CHECK:
        if checked.schema is None and not checked.findings:
            raise SchemaUnavailableError(checked.unchecked)
        status = "INVALID" if checked.errors else "VALID"
        return {"sku": submission.listing.sku, "status": status, **checked_json(checked)}
    if submission.mode is Mode.PREVIEW:
        return _previewed(submission, caller, checked)
    return _published(submission, caller, desk, checked)


def checked_json(checked: Checked) -> dict[str, object]:
    """What the checks found, as answers have it. Empty parts are left out, except `findings`."""
    answer: dict[str, object] = {"findings": [_finding_json(finding) for finding in checked.findings]}
    if checked.corrected is not None:
        name = "correctedAttributes" if checked.payload.operation is Operation.PUT else "correctedValues"
        answer[name] = checked.corrected
    if checked.unchecked:
        answer["unchecked"] = list(checked.unchecked)
    if checked.candidates:
        answer["candidates"] = [
            {
                "asin": item.asin,
                "itemName": item.item_name,
                "brand": item.brand,
                "productType": item.product_type,
                "identifiers": [{"type": kind, "value": value} for kind, value in item.identifiers],
            }
            for item in checked.candidates
        ]
    if checked.restrictions:
        answer["restrictions"] = [_restriction_json(restriction) for restriction in checked.restrictions]
    if checked.schema is not None:
        answer["schema"] = {
            "productType": checked.schema.product_type,
            "version": checked.schema.version,
            "checksum": checked.schema.checksum,
        }
    return answer


def submission_id(listing: ListingOf, client_token: str | None) -> str:
    """The same for the same ClientToken of a seller, and new without one. It is the execution's name."""
    if client_token is None:
        return uuid.uuid4().hex
    return hashlib.sha256(json.dumps([listing.seller_id, client_token]).encode()).hexdigest()[:32]


def request_hash(submission: Submission) -> str:
    """The same for the same submission, and different for every other one."""
    listing, payload = submission.listing, submission.payload
    canonical = [
        listing.seller_id,
        str(listing.region),
        listing.marketplace_id,
        listing.sku,
        listing.listing_seller_id,
        str(payload.operation),
        payload.product_type,
        payload.requirements,
        payload.attributes,
        list(payload.patches),
        payload.issue_locale,
    ]
    return hashlib.sha256(json.dumps(canonical, sort_keys=True).encode()).hexdigest()


def _earlier(submission: Submission, desk: Desk) -> Record | None:
    """The submission with this ClientToken. Raises ClientTokenReusedError when it is another one."""
    token = submission.client_token
    if token is None:
        return None
    earlier = desk.ledger.find(submission.listing.seller_id, submission_id(submission.listing, token))
    if earlier is not None and earlier.request_hash != request_hash(submission):
        raise ClientTokenReusedError(token)
    return earlier


def _previewed(submission: Submission, caller: Caller, checked: Checked) -> Mapping[str, object]:
    """Amazon's answer to a preview, beside what the stack's own checks found."""
    answer = submit(caller, submission.listing, checked.payload, preview=True)
    asin = (answer.asins or {}).get(submission.listing.marketplace_id)
    return {
        "sku": submission.listing.sku,
        "status": str(answer.status),
        "issues": [issue_json(issue) for issue in answer.issues],
        **({"asin": asin} if asin else {}),
        **checked_json(checked),
    }


def _published(submission: Submission, caller: Caller, desk: Desk, checked: Checked) -> Mapping[str, object]:
    whole = checked
    stop = submission.on_findings is OnFindings.STOP
    if stop and checked.errors:
        raise ListingInvalidError(checked, submission.payload.operation)
    document = None if checked.schema is None else parsed(checked.schema.body)
    if submission.payload.operation is not Operation.DELETE:
        known = desk.ledger.lane(submission.listing).asin
        asked = AmazonChecks(caller, submission.listing).check(checked.payload, document, known)
        whole = replace(
            checked,
            findings=(*checked.findings, *asked.findings),
            unchecked=(*checked.unchecked, *asked.unchecked),
            candidates=asked.candidates,
            restrictions=asked.restrictions,
        )
    if stop and whole.errors:
        raise ListingInvalidError(whole, submission.payload.operation)
    if stop and whole.restrictions:
        raise ListingRestrictedError(whole)
    if stop and whole.candidates:
        raise CatalogMatchError(whole)
    own_id = submission_id(submission.listing, submission.client_token)
    used = submission.client_token is not None and desk.lanes.machine.status(own_id) is not None
    if used and _earlier(submission, desk) is None:
        # The record has expired, but Step Functions remembers an execution's name for 90 days: a second submission
        # with this id would never be sent.
        raise ClientTokenReusedError(str(submission.client_token))
    record = desk.ledger.receive(
        own_id, submission.listing, whole.payload, request_hash(submission), submission.client_token
    )
    if record is None:
        # Another request with the same ClientToken was faster, or an expired submission is not deleted yet.
        record = _earlier(submission, desk)
        if record is None:
            raise ClientTokenReusedError(str(submission.client_token))
    return _answer(_taken(record, desk), whole)


def _taken(record: Record, desk: Desk) -> Record:
    """Hands the submission to its lane, and waits a little for Amazon's answer."""
    if not record.status.answered:
        desk.lanes.enter(record)
    current = record
    waited = 0.0
    while not current.status.answered and waited < desk.patience:
        desk.pause(_POLL_SECONDS)
        waited += _POLL_SECONDS
        current = desk.ledger.find(record.listing.seller_id, record.submission_id) or current
    return current


def _answer(record: Record, checked: Checked) -> Mapping[str, object]:
    found = checked_json(checked)
    found.pop("schema", None)
    return {**described(record), **found}


def _finding_json(finding: Finding) -> Mapping[str, object]:
    known = {
        "pointer": finding.pointer,
        "rule": finding.rule,
        "message": finding.message,
        "severity": str(finding.severity),
        "attributeNames": list(finding.attribute_names),
        "expected": finding.expected,
    }
    return {name: value for name, value in known.items() if value is not None}


def _restriction_json(restriction: Restriction) -> Mapping[str, object]:
    known = {
        "conditionType": restriction.condition_type,
        "reasonCode": None if restriction.reason_code is None else str(restriction.reason_code),
        "message": restriction.message,
        "links": [{"url": link.url, "title": link.title} for link in restriction.links],
    }
    return {name: value for name, value in known.items() if value is not None}


def _field_error(finding: Finding, field: str) -> FieldError:
    return FieldError(f"{field}{finding.pointer}", finding.rule, finding.message, "rules-of-a-product-type")


def _manner(fields: Fields) -> tuple[Mode, OnFindings, str | None]:
    mode = fields.choice("Mode", tuple(Mode), required=False)
    on_findings = fields.choice("OnFindings", tuple(OnFindings), required=False)
    return Mode(mode or Mode.PUBLISH), OnFindings(on_findings or OnFindings.STOP), fields.client_token()


def _attributes(fields: Fields) -> Mapping[str, Any]:
    name = "Attributes"
    rule = "an object: each attribute's name with a list of values, as in the product type's schema"
    fields.known(name, rule=rule, schema={"type": "object", "additionalProperties": True})
    value = fields.body.get(name)
    if value is None:
        return {}
    if not isinstance(value, dict):
        fields.wrong(name, "InvalidType", f"{name} must be an object")
        return {}
    _check_values(fields, name, value)
    return value


def _check_values(fields: Fields, name: str, value: Mapping[str, Any]) -> None:
    """Adds an error for each value that cannot be sent as JSON. Raises TooManyValuesError."""
    waiting: list[object] = [value]
    seen = 0
    while waiting:
        current = waiting.pop()
        inner = current.values() if isinstance(current, dict) else current if isinstance(current, list) else ()
        seen += len(inner)
        if seen > _MOST_VALUES:
            raise TooManyValuesError(name)
        waiting.extend(inner)
    for finding in unreadable_values(value):
        fields.wrong(f"{name}{finding.pointer}", "InvalidValue", f"{name}: {finding.message}")


def _patches(fields: Fields, party: Party) -> tuple[Mapping[str, Any], ...]:
    """Each patch as {op, attribute, value}."""
    name = "Patches"
    operators = [str(operator) for operator in PatchOperator]
    rule = (
        f"1 to {_MOST_PATCHES} objects with op ({', '.join(operators)}), attribute (or path: /attributes/<name>) and "
        "value, a list of objects"
    )
    patch = {
        "type": "object",
        "properties": {
            "op": {"type": "string", "enum": operators},
            "attribute": {"type": "string"},
            "path": {"type": "string"},
            "value": {"type": "array", "items": {"type": "object"}, "minItems": 1},
        },
        "required": ["op", "value"],
    }
    fields.known(name, rule=rule, schema={"type": "array", "items": patch, "minItems": 1, "maxItems": _MOST_PATCHES})
    given = fields.body.get(name)
    if given is None:
        fields.wrong(name, "Missing", f"{name} is missing")
        return ()
    if not isinstance(given, list) or not 1 <= len(given) <= _MOST_PATCHES:
        fields.wrong(name, "InvalidType", f"{name} must be a list of 1 to {_MOST_PATCHES} objects")
        return ()
    _check_values(fields, name, {str(position): entry for position, entry in enumerate(given)})
    return tuple(
        read for position, entry in enumerate(given) if (read := _one_patch(fields, f"{name}/{position}", entry, party))
    )


def _one_patch(fields: Fields, where: str, entry: object, party: Party) -> Mapping[str, Any] | None:
    """Amazon's own refusals: selling-partner-api-models issues 4228, 5383 and 4849, docs issue 3068."""
    if not isinstance(entry, dict):
        fields.wrong(where, "InvalidType", f"{where} must be an object")
        return None
    unknown = sorted(set(entry) - {"op", "attribute", "path", "value"})
    if unknown:
        fields.wrong(where, "UnknownField", f"{where} may have op, attribute or path, and value")
        return None
    op, value = entry.get("op"), entry.get("value")
    if op not in tuple(PatchOperator):
        fields.wrong(f"{where}/op", "InvalidValue", f"{where}/op must be one of {', '.join(PatchOperator)}")
        return None
    attribute = entry.get("attribute", entry.get("path"))
    attribute = attribute.removeprefix(_PATH) if isinstance(attribute, str) else None
    if attribute is None or not _ATTRIBUTE.fullmatch(attribute):
        message = f"{where}/attribute must be the name of an attribute: only whole attributes can be patched"
        fields.wrong(f"{where}/attribute", "InvalidValue", message)
        return None
    if not isinstance(value, list) or not value or not all(isinstance(one, dict) and one for one in value):
        message = f"{where}/value must be a list of objects; for delete, with the selectors of the values to delete"
        fields.wrong(f"{where}/value", "InvalidType", message)
        return None
    if op == PatchOperator.DELETE and party is Party.VENDOR:
        message = f"{where}/op must not be delete for a vendor: Amazon rejects it. Replace the value instead"
        fields.wrong(f"{where}/op", "InvalidValue", message)
        return None
    return {"op": op, "attribute": attribute, "value": value}
