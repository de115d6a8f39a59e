"""Checks of a submission before it is sent: against Amazon's schema, and with what Amazon says of the product."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

from quickstart.listings.records import ListingOf, Operation, Party, Payload
from quickstart.listings.sending import listing_key
from quickstart.observability import logger
from quickstart.product_types import defaults, shapes
from quickstart.product_types.findings import Finding, Severity
from quickstart.product_types.reading import SchemaKey, StoredSchema, stored_schema
from quickstart.product_types.schemas import SchemaUnreadableError, parsed
from quickstart.product_types.unreadable import unreadable_values
from sp_api import catalog, listings, restrictions
from sp_api.caller import Caller
from sp_api.catalog import CatalogItem, IdentifiersType
from sp_api.errors import NotFoundError, SellingPartnerApiError
from sp_api.listings import Item
from sp_api.product_types import RequirementsEnforced
from sp_api.restrictions import Restriction

if TYPE_CHECKING:
    from quickstart.product_types.reading import SchemaStorage
    from quickstart.product_types.validation import CompiledSchemas

Result = TypeVar("Result")
ASIN = "merchant_suggested_asin"
IDENTIFIER = "externally_assigned_product_identifier"
EXEMPTION = "supplier_declared_has_product_identifier_exemption"
_PARENTAGE = "parentage_level"
_CONDITION = "condition_type"
OFFER_ONLY = "LISTING_OFFER_ONLY"
_IDENTIFIER_TYPES = {"ean": IdentifiersType.EAN, "gtin": IdentifiersType.GTIN, "upc": IdentifiersType.UPC}
# GTIN-8, -12 (UPC), -13 (EAN) and -14 (GS1 General Specifications, section 7.9).
_GTIN_LENGTHS = (8, 12, 13, 14)
# The schema's validator is cut off after this. A function answers within 28 s, and calls Amazon as well.
CHECK_SECONDS = 5.0


@dataclass(frozen=True)
class Checked:
    """What the checks found. `unchecked` says in words what could not be checked, and why.

    `payload` is the submission with the defaults filled in. `corrected` is a body in the right shape, None when there
    is nothing to correct, or no certain correction. `schema` is the schema that was used.
    """

    payload: Payload
    findings: tuple[Finding, ...] = ()
    unchecked: tuple[str, ...] = ()
    corrected: Mapping[str, Any] | None = None
    schema: StoredSchema | None = None
    candidates: tuple[CatalogItem, ...] = ()
    restrictions: tuple[Restriction, ...] = ()

    @property
    def errors(self) -> tuple[Finding, ...]:
        """The findings for which Amazon refuses the submission."""
        return tuple(finding for finding in self.findings if finding.severity is Severity.ERROR)


@dataclass(frozen=True)
class SchemaChecks:
    """Checks with Amazon's schemas. `storage` is None when the stack stores none (ProductTypesEnabled is No)."""

    storage: "SchemaStorage | None"
    compiled: "Callable[[], CompiledSchemas]"
    fetch: "Callable[[SchemaStorage, Caller, SchemaKey], StoredSchema]"

    def schema(self, listing: ListingOf, payload: Payload, caller: Caller | None) -> StoredSchema | None:
        """The schema for a submission; fetched when it is not stored and there is a caller."""
        if self.storage is None or not payload.product_type:
            return None
        partial = payload.operation is Operation.PATCH
        key = SchemaKey(
            listing.region,
            listing.marketplace_id,
            payload.product_type,
            requirements=payload.requirements or "LISTING",
            enforced=RequirementsEnforced.NOT_ENFORCED if partial else RequirementsEnforced.ENFORCED,
        )
        found = stored_schema(self.storage, key)
        return self.fetch(self.storage, caller, key) if found is None and caller is not None else found

    def check(self, listing: ListingOf, payload: Payload, caller: Caller | None) -> Checked:
        """Fills in defaults, names wrong shapes, and validates. Errors of SP-API leave the submission unchecked."""
        given = _given(payload)
        unreadable = tuple(unreadable_values(given))
        if unreadable:
            return Checked(payload, unreadable)
        if self.storage is None:
            return Checked(payload, unchecked=("Schema check skipped: ProductTypesEnabled is No",))
        try:
            stored = self.schema(listing, payload, caller)
            document = None if stored is None else parsed(stored.body)
        except SellingPartnerApiError as error:
            words = f"Schema check skipped: the schema is not stored and could not be fetched ({error})"
            return Checked(payload, unchecked=(words,))
        except SchemaUnreadableError as error:
            return Checked(payload, unchecked=(f"Schema check skipped: {error}",))
        if stored is None or document is None:
            return Checked(payload, unchecked=("Schema check skipped: the schema is not stored",))
        return self._validated(listing, payload, given, stored, document)

    def _validated(
        self,
        listing: ListingOf,
        payload: Payload,
        given: Mapping[str, Any],
        stored: StoredSchema,
        document: Mapping[str, Any],
    ) -> Checked:
        shaped = shapes.corrected(document, given)
        filled = defaults.filled(document, given, listing.marketplace_id, None)
        right = filled if shaped.attributes is None else _filled(document, shaped.attributes, listing)
        checked = self.compiled().check(
            stored.body,
            stored.checksum,
            right,
            enforced=payload.operation is Operation.PUT,
            time_limit=CHECK_SECONDS,
        )
        unchecked = () if checked.incomplete is None else (f"Schema check incomplete: {checked.incomplete}",)
        if stored.product_type != payload.product_type:
            text = (
                f"Schema check incomplete: Amazon returned the schema of {stored.product_type} "
                f"for {payload.product_type}"
            )
            unchecked = (*unchecked, text)
        return Checked(
            _with(payload, filled, document, listing),
            (*shaped.findings, *checked.findings),
            unchecked,
            None if shaped.attributes is None else right,
            stored,
        )


def _filled(document: Mapping[str, Any], attributes: Mapping[str, Any], listing: ListingOf) -> dict[str, Any]:
    return dict(defaults.filled(document, attributes, listing.marketplace_id, None))


def _given(payload: Payload) -> Mapping[str, Any]:
    """The attributes to validate. What a merge or a delete names is only part of a value."""
    if payload.operation is Operation.PUT:
        return payload.attributes
    return {str(patch["attribute"]): patch["value"] for patch in payload.patches if patch["op"] in ("add", "replace")}


def _with(payload: Payload, filled: Mapping[str, Any], document: Mapping[str, Any], listing: ListingOf) -> Payload:
    """The submission with the defaults filled in, also in the values of merges and deletes."""
    if payload.operation is Operation.PUT:
        return Payload(
            payload.operation,
            payload.product_type,
            payload.requirements,
            filled,
            issue_locale=payload.issue_locale,
        )
    patches = []
    for patch in payload.patches:
        name = str(patch["attribute"])
        values = _filled(document, {name: patch["value"]}, listing)[name]
        keep = set(selectors_of(document, name)) if patch["op"] in ("merge", "delete") else None
        if keep is not None and isinstance(values, list):
            # A default that is no selector would change the value.
            values = [
                {field: entry for field, entry in value.items() if field in own or field in keep}
                for own, value in zip(patch["value"], values, strict=True)
            ]
        patches.append({**patch, "value": values})
    return Payload(
        payload.operation,
        payload.product_type,
        payload.requirements,
        patches=tuple(patches),
        issue_locale=payload.issue_locale,
    )


def selectors_of(document: Mapping[str, Any] | None, name: str) -> tuple[str, ...]:
    """The fields that identify a value of the attribute; empty when the schema names none."""
    rules = (document or {}).get("properties", {}).get(name, {})
    selectors = rules.get("selectors") if isinstance(rules, Mapping) else None
    return tuple(str(one) for one in selectors) if isinstance(selectors, list) else ()


@dataclass
class AmazonChecks:
    """Checks that ask Amazon. What Amazon does not answer is left unchecked, and does not stop the submission."""

    caller: Caller
    listing: ListingOf
    unchecked: list[str] = field(default_factory=list)

    def check(self, payload: Payload, schema: Mapping[str, Any] | None, known_asin: str | None) -> Checked:
        """Identity, catalogue and restrictions of a PUT; the effect of a PATCH on the present listing."""
        match payload.operation:
            case Operation.PUT:
                return self._put(payload, known_asin)
            case Operation.PATCH:
                findings = self._patch(payload, schema)
                return Checked(payload, findings, tuple(self.unchecked))
        return Checked(payload)

    def _put(self, payload: Payload, known_asin: str | None) -> Checked:
        attributes = payload.attributes
        findings = list(identifier_findings(attributes))
        asin = value_of(attributes, ASIN)
        candidates: tuple[CatalogItem, ...] = ()
        restricted: tuple[Restriction, ...] = ()
        if isinstance(asin, str):
            restricted = self._restrictions(asin, value_of(attributes, _CONDITION))
        elif payload.requirements != OFFER_ONLY and value_of(attributes, _PARENTAGE) != "parent":
            if attributes.get(IDENTIFIER):
                candidates = () if findings else self._candidates(attributes, known_asin)
            elif value_of(attributes, EXEMPTION) is not True and self._is_new():
                findings.append(_no_identity())
        return Checked(payload, tuple(findings), tuple(self.unchecked), candidates=candidates, restrictions=restricted)

    def _restrictions(self, asin: str, condition: object) -> tuple[Restriction, ...]:
        """Vendors cannot call the Restrictions API."""
        if self.listing.party is Party.VENDOR:
            return ()
        condition_type = condition if isinstance(condition, str) else None
        return self._asked(
            "Restrictions",
            lambda: restrictions.get_listings_restrictions(
                self.caller,
                self.listing.listing_seller_id,
                self.listing.marketplace_id,
                asin,
                condition_type=condition_type,
            ),
            (),
        )

    def _candidates(self, attributes: Mapping[str, Any], known_asin: str | None) -> tuple[CatalogItem, ...]:
        """The products with one of the identifiers, unless one of them is the listing's own."""
        products: dict[str, CatalogItem] = {}
        for kind, numbers in identifiers(attributes).items():
            products |= {item.asin: item for item in self._search(kind, numbers)}
        found = tuple(products.values())
        if not found or known_asin in {item.asin for item in found}:
            return ()
        item = self._item(("summaries",))
        summary = None if item is None else item.summary(self.listing.marketplace_id)
        own = None if summary is None else summary.asin
        return () if own in {item.asin for item in found} else found

    def _search(self, kind: IdentifiersType, numbers: Sequence[str]) -> tuple[CatalogItem, ...]:
        nothing: tuple[CatalogItem, ...] = ()
        return self._asked(
            "Catalogue",
            lambda: catalog.search_catalog_items(self.caller, self.listing.marketplace_id, numbers, kind),
            nothing,
        )

    def _is_new(self) -> bool:
        """Whether Amazon certainly has no such listing: an existing one needs no identity again."""
        before = len(self.unchecked)
        return self._item(("summaries",)) is None and len(self.unchecked) == before

    def _patch(self, payload: Payload, schema: Mapping[str, Any] | None) -> tuple[Finding, ...]:
        before = len(self.unchecked)
        item = self._item(("summaries", "attributes"))
        if item is None:
            if len(self.unchecked) > before:
                return ()
            message = f"Amazon has no listing with SKU {self.listing.sku} in this marketplace, or not yet"
            return (Finding("", "listing", message, Severity.WARNING, ()),)
        return tuple(
            finding
            for number, patch in enumerate(payload.patches)
            for finding in patch_findings(patch, number, (item.attributes or {}), schema)
        )

    def _item(self, included: tuple[str, ...]) -> Item | None:
        def read() -> Item | None:
            try:
                return listings.get_listings_item(self.caller, listing_key(self.listing), included)
            except NotFoundError:
                return None

        return self._asked("Listing", read, None)

    def _asked(self, what: str, ask: Callable[[], Result], otherwise: Result) -> Result:
        try:
            return ask()
        except SellingPartnerApiError as error:
            logger().warning("a check of a submission got no answer", check=what, reason=str(error))
            self.unchecked.append(f"{what}: {error}")
            return otherwise


def patch_findings(
    patch: Mapping[str, Any], number: int, held: Mapping[str, Any], schema: Mapping[str, Any] | None
) -> list[Finding]:
    """Warnings about what a patch does to the present values, as far as the schema names the selectors."""
    name, op = str(patch["attribute"]), patch["op"]
    selectors = selectors_of(schema, name)
    values = held.get(name)
    present = [value for value in values if isinstance(value, Mapping)] if isinstance(values, list) else []
    found = []
    for position, value in enumerate(patch["value"]):
        where = f"/{number}/value/{position}"
        same = [other for other in present if _same(value, other, selectors)]
        if op == "delete" and not same:
            message = f"{name} has no value with these selectors, so there is nothing to delete"
            found.append(Finding(where, "nothingToDelete", message, Severity.WARNING, (name,)))
        elif op in ("add", "replace") and same:
            dropped = sorted({field for other in same for field in other} - set(value))
            if dropped:
                message = (
                    f"{op} replaces the current value, which then loses {', '.join(dropped)}. To keep these fields, "
                    "use merge"
                )
                found.append(Finding(where, "dropsFields", message, Severity.WARNING, (name,), dropped))
        elif op in ("add", "replace") and present and selectors:
            others = [{field: other.get(field) for field in selectors} for other in present]
            message = (
                f"{name} also keeps its current values, because their {', '.join(selectors)} differ. Delete the values "
                "that are no longer valid"
            )
            found.append(Finding(where, "addsValue", message, Severity.WARNING, (name,), others))
    return found


def _same(value: Mapping[str, Any], other: Mapping[str, Any], selectors: tuple[str, ...]) -> bool:
    return all(name not in value or other.get(name, value[name]) == value[name] for name in selectors)


def identifiers(attributes: Mapping[str, Any]) -> Mapping[IdentifiersType, Sequence[str]]:
    """The product identifiers by type, each once, as many of a type as one search takes."""
    found: dict[IdentifiersType, dict[str, None]] = {}
    values = attributes.get(IDENTIFIER)
    for value in values if isinstance(values, list) else []:
        number = value.get("value") if isinstance(value, Mapping) else None
        kind = _IDENTIFIER_TYPES.get(str(value.get("type"))) if isinstance(number, str) else None
        if kind is not None:
            found.setdefault(kind, {})[str(number)] = None
    return {kind: tuple(numbers)[: catalog.MOST_IDENTIFIERS] for kind, numbers in found.items()}


def identifier_findings(attributes: Mapping[str, Any]) -> list[Finding]:
    """Identifiers whose check digit is wrong: GS1 defines it, so no product has such a number."""
    found = []
    values = attributes.get(IDENTIFIER)
    for position, value in enumerate(values if isinstance(values, list) else []):
        if not isinstance(value, Mapping) or str(value.get("type")) not in _IDENTIFIER_TYPES:
            continue
        number = value.get("value")
        if isinstance(number, str) and not is_gtin(number):
            message = f"{number} is not a GTIN: it needs 8, 12, 13 or 14 digits, of which the last is a check digit"
            where = f"/{IDENTIFIER}/{position}/value"
            found.append(Finding(where, "checkDigit", message, Severity.ERROR, (IDENTIFIER,)))
    return found


def is_gtin(number: str) -> bool:
    """Whether it has a length and a check digit of GS1 (General Specifications, section 7.9)."""
    if len(number) not in _GTIN_LENGTHS or not number.isascii() or not number.isdigit():
        return False
    weighted = sum(int(digit) * (3 if position % 2 else 1) for position, digit in enumerate(reversed(number)))
    return weighted % 10 == 0


def value_of(attributes: Mapping[str, Any], name: str, field_name: str = "value") -> object:
    """The field of the attribute's first value; None when there is none."""
    values = attributes.get(name)
    first = values[0] if isinstance(values, list) and values else None
    return first.get(field_name) if isinstance(first, Mapping) else None


def _no_identity() -> Finding:
    message = (
        f"A new product needs {IDENTIFIER} (EAN, UPC or GTIN), or {EXEMPTION} with a brand that Amazon has exempted, "
        f"or {ASIN}. Otherwise Amazon rejects it with issue 90220"
    )
    return Finding("", "identity", message, Severity.ERROR, (IDENTIFIER, EXEMPTION, ASIN))
