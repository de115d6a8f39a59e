"""The checks before a submission is sent: with a stored schema, and by asking Amazon."""

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any, cast

import pytest

from quickstart.listings import checks
from quickstart.listings.checks import (
    AmazonChecks,
    Checked,
    SchemaChecks,
    identifier_findings,
    patch_findings,
    selectors_of,
    value_of,
)
from quickstart.listings.ledger import SELLER_INDEX
from quickstart.listings.reading import ListRequest, described, list_submissions, read_list_request
from quickstart.listings.records import ListingOf, Operation, Party, Payload, Record, Status
from quickstart.product_types.findings import Finding, Severity
from quickstart.product_types.reading import SchemaKey, StoredSchema
from quickstart.product_types.validation import CompiledSchemas
from quickstart.refusals import InvalidRequestError
from quickstart.validation import Fields
from sp_api.errors import TransientError
from sp_api.product_types import RequirementsEnforced
from sp_api.regions import Region
from tests.unit.quickstart.product_types.support import listing_of, schema_of
from tests.unit.quickstart.support import Aws, MemoryTable
from tests.unit.sp_api.support import ScriptedServer, answer_json, errors_json, seller_of

FRANCE = "A13V1IB3VIYZZH"
LISTING = ListingOf("A1", Region.EU, FRANCE, "CUP", "A1")
ITEM = "/eu/listings/2021-08-01/items/A1/CUP"
CATALOG = "/eu/catalog/2022-04-01/items"
RESTRICTIONS = "/eu/listings/2021-08-01/restrictions"
EAN = "4006381333931"
NO_ITEM = errors_json(404, "NOT_FOUND", "no")


def put(requirements: str = "LISTING", **attributes: Any) -> Payload:
    return Payload(Operation.PUT, "LUGGAGE", requirements, attributes)


IDENTIFIED = put(externally_assigned_product_identifier=[{"type": "ean", "value": EAN}])


@pytest.mark.parametrize(
    ("values", "found"),
    [
        ([{"value": "x"}, {"value": "y"}], "x"),
        ([], None),
        (None, None),
        ({"value": "x"}, None),
        (["x"], None),
        ([{"other": "x"}], None),
    ],
)
def test_the_first_value_of_an_attribute(values: Any, found: object) -> None:
    assert value_of({"a": values}, "a") == found
    assert value_of({}, "a") is None


class TestSchemaChecks:
    def of(self, stored: StoredSchema | Exception | None) -> SchemaChecks:
        def fetch(*_: object) -> Any:
            if isinstance(stored, Exception):
                raise stored
            return stored

        storage: Any = object()
        return SchemaChecks(storage, lambda: CompiledSchemas(1), fetch)

    @pytest.fixture(autouse=True)
    def nothing_stored(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(checks, "stored_schema", lambda *_: None)

    def check(self, stored: Any, payload: Payload) -> Checked:
        caller: Any = SimpleNamespace()
        return self.of(stored).check(LISTING, payload, caller)

    @pytest.mark.parametrize(
        ("stored", "unchecked"),
        [
            (None, "Schema check skipped: the schema is not stored"),
            (
                TransientError("getDefinitionsProductType", status=503),
                "Schema check skipped: the schema is not stored and could not be fetched "
                "(getDefinitionsProductType: HTTP 503)",
            ),
            (
                StoredSchema("c", "1", "LUGGAGE", b"no JSON"),
                "Schema check skipped: The schema is not JSON (JSONDecodeError)",
            ),
            (StoredSchema("c", "1", "LUGGAGE", b"[]"), "Schema check skipped: The schema is not a JSON object"),
        ],
    )
    def test_what_could_not_be_checked_is_said(self, stored: Any, unchecked: str) -> None:
        checked = self.check(stored, put())
        assert (checked.findings, checked.unchecked) == ((), (unchecked,))

    def test_a_stack_without_schemas(self) -> None:
        none: Any = None
        checked = SchemaChecks(None, none, none).check(LISTING, put(), none)
        assert checked.unchecked == ("Schema check skipped: ProductTypesEnabled is No",)

    def test_values_that_cannot_be_read_are_found_before_anything_else(self) -> None:
        none: Any = None
        checked = SchemaChecks(None, none, none).check(LISTING, put(color=[{"value": float("nan")}]), none)
        assert [finding.severity for finding in checked.findings] == [Severity.ERROR]
        assert checked.unchecked == ()

    def test_a_listing_that_fits_gets_the_defaults(self) -> None:
        schema = schema_of("LUGGAGE")
        attributes = listing_of(schema, 5)
        stored = StoredSchema("c", "1", "LUGGAGE", json.dumps(schema).encode())
        checked = self.check(stored, Payload(Operation.PUT, "LUGGAGE", "LISTING", attributes))
        assert (checked.errors, checked.unchecked, checked.schema) == ((), (), stored)
        assert set(checked.payload.attributes) == set(attributes)
        assert (checked.payload.requirements, checked.payload.product_type) == ("LISTING", "LUGGAGE")

    def test_a_value_in_another_shape_is_corrected_with_the_marketplace(self) -> None:
        stored = StoredSchema("c", "1", "LUGGAGE", json.dumps(schema_of("LUGGAGE")).encode())
        checked = self.check(stored, put(item_name="Suitcase"))
        assert checked.corrected is not None
        assert checked.corrected["item_name"][0]["value"] == "Suitcase"
        assert checked.corrected["item_name"][0]["marketplace_id"] == FRANCE

    def test_another_product_type_is_said(self) -> None:
        stored = StoredSchema("c", "1", "PRODUCT", json.dumps(schema_of("LUGGAGE")).encode())
        checked = self.check(stored, put())
        words = "Schema check incomplete: Amazon returned the schema of PRODUCT for LUGGAGE"
        assert checked.unchecked == (words,)

    def test_a_patch_need_not_have_what_a_whole_listing_must(self) -> None:
        stored = StoredSchema("c", "1", "LUGGAGE", json.dumps(schema_of("LUGGAGE")).encode())
        patch = {"op": "delete", "attribute": "color", "value": [{"value": "blue"}]}
        checked = self.check(stored, Payload(Operation.PATCH, "LUGGAGE", patches=(patch,)))
        assert (checked.errors, len(checked.payload.patches)) == ((), 1)

    @pytest.mark.parametrize(
        ("operation", "requirements", "asked", "enforced"),
        [
            (Operation.PUT, "LISTING_OFFER_ONLY", "LISTING_OFFER_ONLY", RequirementsEnforced.ENFORCED),
            (Operation.PUT, "", "LISTING", RequirementsEnforced.ENFORCED),
            (Operation.PATCH, "", "LISTING", RequirementsEnforced.NOT_ENFORCED),
        ],
    )
    def test_which_schema_is_fetched(
        self, operation: Operation, requirements: str, asked: str, enforced: RequirementsEnforced
    ) -> None:
        caller, none, storage = SimpleNamespace(), cast("Any", None), cast("Any", object())
        calls: list[tuple[object, ...]] = []

        def fetch(*call: object) -> Any:
            calls.append(call)

        SchemaChecks(storage, none, fetch).schema(LISTING, Payload(operation, "LUGGAGE", requirements), none)
        assert calls == []
        made: Any = caller
        SchemaChecks(storage, none, fetch).schema(LISTING, Payload(operation, "LUGGAGE", requirements), made)
        key = SchemaKey(Region.EU, FRANCE, "LUGGAGE", requirements=asked, enforced=enforced)
        assert calls == [(storage, caller, key)]

    @pytest.mark.parametrize(
        ("op", "value", "sent"),
        [
            ("replace", [{"value": "blue"}], [{"value": "blue", "marketplace_id": FRANCE, "hidden": "default"}]),
            ("merge", [{"value": "blue"}], [{"value": "blue", "marketplace_id": FRANCE}]),
            ("delete", [{"value": "blue"}], [{"value": "blue", "marketplace_id": FRANCE}]),
            ("merge", "blue", "blue"),
        ],
    )
    def test_a_merge_gets_the_defaults_that_are_selectors(self, op: str, value: Any, sent: Any) -> None:
        fields = {"value": {"type": "string"}, "marketplace_id": {"type": "string"}}
        hidden = {"type": "string", "hidden": True, "default": "default"}
        items = {"type": "object", "properties": {**fields, "hidden": hidden}}
        color = {"type": "array", "selectors": ["marketplace_id"], "items": items}
        schema = {"type": "object", "properties": {"color": color}}
        stored = StoredSchema("c", "1", "LUGGAGE", json.dumps(schema).encode())
        patch = {"op": op, "attribute": "color", "value": value}
        checked = self.check(stored, Payload(Operation.PATCH, "LUGGAGE", patches=(patch,)))
        assert [dict(patch) for patch in checked.payload.patches] == [patch | {"value": sent}]

    COLOR: Mapping[str, Any] = {
        "type": "array",
        "selectors": ["marketplace_id"],
        "items": {
            "type": "object",
            "required": ["value"],
            "properties": {"value": {"type": "string", "maxLength": 5}, "marketplace_id": {"type": "string"}},
        },
    }

    def small(self, **more: Any) -> StoredSchema:
        schema = {"type": "object", "properties": {"color": self.COLOR}, **more}
        return StoredSchema("c", "1", "LUGGAGE", json.dumps(schema).encode())

    def test_nothing_else_of_a_submission_changes(self) -> None:
        stored = self.small()
        listing = [{"value": "blue", "marketplace_id": FRANCE}]
        whole = Payload(Operation.PUT, "LUGGAGE", "LISTING", {"color": [{"value": "blue"}]}, issue_locale="fr_FR")
        filled = replace(whole, attributes={"color": listing})
        assert self.check(stored, whole) == Checked(filled, schema=stored)
        patch = {"op": "replace", "attribute": "color", "value": [{"value": "blue"}]}
        patched = Payload(Operation.PATCH, "LUGGAGE", "LISTING", patches=(patch,), issue_locale="fr_FR")
        filled = replace(patched, patches=({**patch, "value": listing},))
        assert self.check(stored, patched) == Checked(filled, schema=stored)

    def test_a_wrong_shape_comes_before_what_the_schema_finds_in_the_right_one(self) -> None:
        checked = self.check(self.small(), put(color="turquoise"))
        assert [finding.rule for finding in checked.findings] == ["list", "maxLength"]
        assert checked.corrected == {"color": [{"value": "turquoise", "marketplace_id": FRANCE}]}
        assert checked.payload.attributes == {"color": "turquoise"}

    @pytest.mark.parametrize(("op", "checked"), [("add", True), ("replace", True), ("merge", False), ("delete", False)])
    def test_a_part_of_a_value_is_not_validated(self, op: str, *, checked: bool) -> None:
        patches = tuple({"op": op, "attribute": "color", "value": [{"value": value}]} for value in ("turquoise",))
        found = self.check(self.small(), Payload(Operation.PATCH, "LUGGAGE", patches=patches))
        assert [finding.rule for finding in found.findings] == ["maxLength"] * checked

    def test_what_must_be_there_is_for_a_whole_listing(self) -> None:
        stored = self.small(required=["brand"])
        assert [finding.rule for finding in self.check(stored, put()).errors] == ["required"]
        assert self.check(stored, Payload(Operation.PATCH, "LUGGAGE")).errors == ()

    def test_a_check_that_takes_too_long_is_cut_off_after_five_seconds(self) -> None:
        limits: list[float | None] = []

        class Slow(CompiledSchemas):
            def check(self, *given: Any, time_limit: float | None = None, **named: Any) -> Any:
                limits.append(time_limit)
                found = super().check(*given, time_limit=time_limit, **named)
                return replace(found, incomplete="it took longer than 5 s")

        caller: Any = SimpleNamespace()
        slow = replace(self.of(replace(self.small(), product_type="PRODUCT")), compiled=lambda: Slow(1))
        assert slow.check(LISTING, put(), caller).unchecked == (
            "Schema check incomplete: it took longer than 5 s",
            "Schema check incomplete: Amazon returned the schema of PRODUCT for LUGGAGE",
        )
        assert limits == [5.0]

    def test_a_schema_is_not_looked_for_without_a_product_type(self) -> None:
        caller: Any = SimpleNamespace()
        stored = self.small()
        assert self.of(stored).schema(LISTING, Payload(Operation.DELETE), caller) is None
        assert self.of(stored).schema(LISTING, put(), caller) == stored
        assert replace(self.of(stored), storage=None).schema(LISTING, put(), caller) is None

    def test_a_stored_schema_is_not_fetched(self, monkeypatch: pytest.MonkeyPatch) -> None:
        stored, caller = self.small(), cast("Any", SimpleNamespace())
        asked: list[object] = []

        def found(_storage: object, key: object) -> StoredSchema:
            asked.append(key)
            return stored

        monkeypatch.setattr(checks, "stored_schema", found)
        assert self.of(AssertionError("fetched")).check(LISTING, put(), caller).schema == stored
        assert asked == [SchemaKey(Region.EU, FRANCE, "LUGGAGE")]


@pytest.mark.parametrize(
    ("document", "selectors"),
    [
        (None, ()),
        ({}, ()),
        ({"properties": {"size": {"selectors": ["a"]}}}, ()),
        ({"properties": {"color": True}}, ()),
        ({"properties": {"color": {"selectors": "a"}}}, ()),
        ({"properties": {"color": {"selectors": ["a", "b"]}}}, ("a", "b")),
    ],
)
def test_which_fields_identify_a_value(document: Mapping[str, Any] | None, selectors: tuple[str, ...]) -> None:
    assert selectors_of(document, "color") == selectors


class TestPatchFindings:
    SCHEMA: Mapping[str, Any] = {"properties": {"stock": {"selectors": ["channel", "place"]}, "plain": {}}}
    HELD: Mapping[str, Any] = {
        "stock": [
            {"channel": "OWN", "place": "A", "quantity": 3, "lead": 2},
            "odd",
            {"channel": "OWN", "place": "B", "note": "x"},
        ],
        "plain": {"value": 1},
    }

    def found(self, op: str, *values: Mapping[str, Any], name: str = "stock", held: Any = None) -> list[Finding]:
        patch = {"op": op, "attribute": name, "value": list(values)}
        return patch_findings(patch, 2, self.HELD if held is None else held, self.SCHEMA)

    @pytest.mark.parametrize("op", ["add", "replace"])
    def test_fields_that_are_lost(self, op: str) -> None:
        kept = {"channel": "OWN", "place": "A", "quantity": 1, "lead": 1}
        assert self.found(op, kept, {"channel": "OWN"}) == [
            Finding(
                "/2/value/1",
                "dropsFields",
                f"{op} replaces the current value, which then loses lead, note, place, quantity. To keep these "
                "fields, use merge",
                Severity.WARNING,
                ("stock",),
                ["lead", "note", "place", "quantity"],
            )
        ]

    @pytest.mark.parametrize("op", ["add", "replace"])
    def test_values_that_stay(self, op: str) -> None:
        assert self.found(op, {"channel": "AMAZON"}) == [
            Finding(
                "/2/value/0",
                "addsValue",
                "stock also keeps its current values, because their channel, place differ. Delete the values that are "
                "no longer valid",
                Severity.WARNING,
                ("stock",),
                [{"channel": "OWN", "place": "A"}, {"channel": "OWN", "place": "B"}],
            )
        ]

    def test_a_value_that_is_not_there(self) -> None:
        assert self.found("delete", {"channel": "OWN", "place": "B"}, {"channel": "OWN", "place": "C"}) == [
            Finding(
                "/2/value/1",
                "nothingToDelete",
                "stock has no value with these selectors, so there is nothing to delete",
                Severity.WARNING,
                ("stock",),
            )
        ]
        assert [one.rule for one in self.found("delete", {"value": 1}, name="plain")] == ["nothingToDelete"]

    def test_what_needs_no_warning(self) -> None:
        assert self.found("merge", {"channel": "AMAZON"}) == []
        assert self.found("add", {"channel": "OWN"}, held={"stock": []}) == []
        assert self.found("replace", {"value": 1}, name="plain") == []
        # A current value without a selector has any.
        assert self.found("delete", {"channel": "OWN"}, held={"stock": [{"quantity": 1}]}) == []
        assert self.found("replace", {"value": 2}, name="plain", held={"plain": [{"value": 1}]}) == []


def test_a_type_of_an_identifier_that_is_no_text_is_passed_over() -> None:
    values: list[Any] = [{"type": odd, "value": "1"} for odd in (["ean"], {"ean": 1}, None, 7)]
    assert identifier_findings({"externally_assigned_product_identifier": values}) == []


def test_a_wrong_identifier_is_found_in_its_place() -> None:
    values: list[Any] = [
        "x",
        {"type": "isbn", "value": "1"},
        {"type": "ean", "value": 1},
        {"type": "upc", "value": "1"},
    ]
    assert identifier_findings({"externally_assigned_product_identifier": values}) == [
        Finding(
            "/externally_assigned_product_identifier/3/value",
            "checkDigit",
            "1 is not a GTIN: it needs 8, 12, 13 or 14 digits, of which the last is a check digit",
            Severity.ERROR,
            ("externally_assigned_product_identifier",),
        )
    ]
    for odd in (None, "1", {"type": "upc", "value": "1"}):
        assert identifier_findings({"externally_assigned_product_identifier": odd}) == []


class TestAmazonChecks:
    def test_the_identifiers_of_all_types_are_searched(self, server: ScriptedServer) -> None:
        """A product that is found twice is one."""
        both = (
            answer_json({"items": [{"asin": "B000000001"}]}),
            answer_json({"items": [{"asin": asin} for asin in ("B000000001", "B000000002")]}),
        )
        server.answer("GET", CATALOG, *both)
        server.answer("GET", ITEM, NO_ITEM)
        numbers = [{"type": "ean", "value": EAN}, {"type": "upc", "value": "036000291452"}]
        checked = self.check(server, put(externally_assigned_product_identifier=numbers), "B000000009")
        assert [item.asin for item in checked.candidates] == ["B000000001", "B000000002"]
        assert [asked.query["identifiersType"] for asked in server.received(CATALOG)] == ["EAN", "UPC"]
        (asked,) = server.received(ITEM)
        assert asked.query["includedData"] == "summaries"

    @pytest.mark.parametrize(("own", "candidates"), [("B000000001", 0), ("B000000009", 1), (None, 1)])
    def test_the_product_that_amazon_has_given_the_listing(
        self, server: ScriptedServer, own: str | None, candidates: int
    ) -> None:
        server.answer("GET", CATALOG, answer_json({"items": [{"asin": "B000000001"}]}))
        summary = {"marketplaceId": FRANCE, "productType": "LUGGAGE", "status": []} | ({"asin": own} if own else {})
        server.answer("GET", ITEM, answer_json({"sku": "CUP", "summaries": [summary]}))
        assert len(self.check(server, IDENTIFIED).candidates) == candidates
        elsewhere = {**summary, "marketplaceId": "A1PA6795UKMFR9"}
        server.answer("GET", ITEM, answer_json({"sku": "CUP", "summaries": [elsewhere]}))
        assert len(self.check(server, IDENTIFIED).candidates) == 1

    def test_a_catalogue_without_the_product_ends_the_check(self, server: ScriptedServer) -> None:
        server.answer("GET", CATALOG, answer_json({"items": []}))
        assert self.check(server, IDENTIFIED) == Checked(IDENTIFIED)
        assert server.received(ITEM) == []

    def test_what_gets_no_answer_is_logged(
        self, server: ScriptedServer, log_lines: Callable[[], list[dict[str, Any]]]
    ) -> None:
        server.answer("GET", RESTRICTIONS, errors_json(403, "Unauthorized", "no"))
        server.answer("GET", ITEM, errors_json(403, "Unauthorized", "no"))
        offer = put("LISTING_OFFER_ONLY", merchant_suggested_asin=[{"value": "B000000001"}])
        checked = self.check(server, offer)
        assert (checked.restrictions, checked.findings) == ((), ())
        (restrictions,) = checked.unchecked
        patched = self.check(server, Payload(Operation.PATCH, "LUGGAGE"))
        (listing,) = patched.unchecked
        assert restrictions.startswith("Restrictions: getListingsRestrictions: HTTP 403")
        assert listing.startswith("Listing: getListingsItem: HTTP 403")
        assert [(line["message"], line["level"], line["check"], line["reason"]) for line in log_lines()] == [
            ("a check of a submission got no answer", "WARNING", *restrictions.split(": ", 1)),
            ("a check of a submission got no answer", "WARNING", *listing.split(": ", 1)),
        ]

    @pytest.mark.parametrize("condition", [None, [{"value": 1}]])
    def test_restrictions_in_every_condition(self, server: ScriptedServer, condition: Any) -> None:
        server.answer("GET", RESTRICTIONS, answer_json({"restrictions": []}))
        offer = put(merchant_suggested_asin=[{"value": "B000000001"}], condition_type=condition)
        assert self.check(server, offer, listing_seller_id="A2") == Checked(offer)
        (asked,) = server.received(RESTRICTIONS)
        assert asked.query == {"asin": "B000000001", "sellerId": "A2", "marketplaceIds": FRANCE}

    def test_an_asin_that_is_no_text_identifies_nothing(self, server: ScriptedServer) -> None:
        server.answer("GET", ITEM, NO_ITEM)
        found = self.check(server, put(merchant_suggested_asin=[{"value": 1}])).findings
        assert [(finding.rule, finding.attribute_names) for finding in found] == [
            (
                "identity",
                (
                    "externally_assigned_product_identifier",
                    "supplier_declared_has_product_identifier_exemption",
                    "merchant_suggested_asin",
                ),
            )
        ]

    @pytest.mark.parametrize("exempted", [False, "true", None])
    def test_an_exemption_must_be_true(self, server: ScriptedServer, exempted: object) -> None:
        server.answer("GET", ITEM, NO_ITEM)
        payload = put(supplier_declared_has_product_identifier_exemption=[{"value": exempted}])
        assert [finding.rule for finding in self.check(server, payload).findings] == ["identity"]

    def test_a_child_needs_an_identity(self, server: ScriptedServer) -> None:
        server.answer("GET", ITEM, NO_ITEM)
        payload = put(parentage_level=[{"value": "child"}])
        assert [finding.rule for finding in self.check(server, payload).findings] == ["identity"]

    def test_each_patch_is_compared_with_the_present_listing(self, server: ScriptedServer) -> None:
        held = {"color": [{"value": "red", "lead": 1}], "size": [{"value": "L", "unit": "cm"}]}
        server.answer("GET", ITEM, answer_json({"sku": "CUP", "attributes": held}))
        patches = tuple({"op": "replace", "attribute": name, "value": [{"value": "x"}]} for name in held)
        payload = Payload(Operation.PATCH, "LUGGAGE", patches=patches)
        found = self.check(server, payload).findings
        assert [(finding.pointer, finding.expected) for finding in found] == [
            ("/0/value/0", ["lead"]),
            ("/1/value/0", ["unit"]),
        ]
        (asked,) = server.received(ITEM)
        assert asked.query["includedData"] == "summaries,attributes"
        server.answer("GET", ITEM, answer_json({"sku": "CUP"}))
        assert self.check(server, payload) == Checked(payload)

    def check(self, server: ScriptedServer, payload: Payload, known: str | None = None, **listing: Any) -> Any:
        whose = ListingOf(**{**vars_of(LISTING), **listing})
        return AmazonChecks(seller_of(server, region=Region.EU), whose).check(payload, None, known)

    def test_products_with_the_identifier(self, server: ScriptedServer) -> None:
        server.answer("GET", CATALOG, answer_json({"items": [{"asin": "B000000001"}]}))
        server.answer("GET", ITEM, NO_ITEM)
        checked = self.check(server, IDENTIFIED)
        assert [item.asin for item in checked.candidates] == ["B000000001"]
        (asked,) = server.received(CATALOG)
        assert asked.query["identifiers"] == EAN
        assert asked.query["identifiersType"] == "EAN"
        assert asked.query["marketplaceIds"] == FRANCE

    @pytest.mark.parametrize("known", ["B000000001", None])
    def test_the_listings_own_product_is_no_other(self, server: ScriptedServer, known: str | None) -> None:
        server.answer("GET", CATALOG, answer_json({"items": [{"asin": "B000000001"}]}))
        summary = {
            "marketplaceId": FRANCE,
            "asin": "B000000001",
            "productType": "LUGGAGE",
            "status": [],
            "createdDate": "2026-11-26T12:00:00Z",
            "lastUpdatedDate": "2026-11-26T12:00:00Z",
        }
        server.answer("GET", ITEM, answer_json({"sku": "CUP", "summaries": [summary]}))
        assert self.check(server, IDENTIFIED, known).candidates == ()
        assert len(server.received(ITEM)) == (known is None)

    def test_a_catalogue_that_does_not_answer_leaves_it_unchecked(self, server: ScriptedServer) -> None:
        server.answer("GET", CATALOG, errors_json(500, "InternalFailure", "no"))
        checked = self.check(server, IDENTIFIED)
        assert (checked.candidates, checked.findings) == ((), ())
        (words,) = checked.unchecked
        assert words.startswith("Catalogue: searchCatalogItems: HTTP 500")

    def test_a_wrong_identifier_is_not_searched(self, server: ScriptedServer) -> None:
        wrong = put(externally_assigned_product_identifier=[{"type": "ean", "value": "4006381333932"}])
        checked = self.check(server, wrong)
        assert [(finding.rule, finding.message) for finding in checked.findings] == [
            (
                "checkDigit",
                "4006381333932 is not a GTIN: it needs 8, 12, 13 or 14 digits, of which the last is a check digit",
            )
        ]
        assert server.calls == []

    @pytest.mark.parametrize(
        ("value", "searched"),
        [
            ("96385074", True),
            ("012345678905", True),
            (EAN, True),
            (f"0{EAN}", True),
            (f"00{EAN}", False),
            ("123456784", False),
        ],
    )
    def test_which_numbers_can_be_a_gtin(self, server: ScriptedServer, value: str, *, searched: bool) -> None:
        if searched:
            server.answer("GET", CATALOG, answer_json({"items": []}))
        checked = self.check(server, put(externally_assigned_product_identifier=[{"type": "gtin", "value": value}]))
        assert [finding.rule for finding in checked.findings] == ([] if searched else ["checkDigit"])
        assert len(server.received(CATALOG)) == searched

    @pytest.mark.parametrize("identifier", [{"type": "isbn", "value": EAN}, {"value": EAN}, {"type": "ean"}])
    def test_an_identifier_that_cannot_be_searched(self, server: ScriptedServer, identifier: Any) -> None:
        checked = self.check(server, put(externally_assigned_product_identifier=[identifier]))
        assert (checked.candidates, checked.findings, server.calls) == ((), (), [])

    def test_a_new_product_without_an_identity(self, server: ScriptedServer) -> None:
        server.answer("GET", ITEM, NO_ITEM)
        (finding,) = self.check(server, put()).findings
        assert (finding.pointer, finding.rule, finding.severity) == ("", "identity", Severity.ERROR)
        assert finding.message == (
            "A new product needs externally_assigned_product_identifier (EAN, UPC or GTIN), or "
            "supplier_declared_has_product_identifier_exemption with a brand that Amazon has exempted, or "
            "merchant_suggested_asin. Otherwise Amazon rejects it with issue 90220"
        )

    @pytest.mark.parametrize(
        "payload",
        [
            put("LISTING_OFFER_ONLY"),
            put(parentage_level=[{"value": "parent"}]),
            put(supplier_declared_has_product_identifier_exemption=[{"value": True}]),
        ],
        ids=["offer", "parent", "exempted"],
    )
    def test_what_needs_no_identity(self, server: ScriptedServer, payload: Payload) -> None:
        assert self.check(server, payload).findings == ()
        assert server.calls == []

    def test_a_listing_that_exists_or_cannot_be_read_needs_none(self, server: ScriptedServer) -> None:
        server.answer("GET", ITEM, answer_json({"sku": "CUP"}))
        assert self.check(server, put()).findings == ()
        server.answer("GET", ITEM, errors_json(500, "InternalFailure", "no"))
        checked = self.check(server, put())
        assert checked.findings == ()
        assert [words.partition(":")[0] for words in checked.unchecked] == ["Listing"]

    def test_a_product_that_the_seller_may_not_list(self, server: ScriptedServer) -> None:
        restriction = {"marketplaceId": FRANCE, "conditionType": "new_new", "reasons": [{"message": "approval"}]}
        server.answer("GET", RESTRICTIONS, answer_json({"restrictions": [restriction]}))
        offer = put(
            "LISTING_OFFER_ONLY",
            merchant_suggested_asin=[{"value": "B000000001"}],
            condition_type=[{"value": "new_new"}],
        )
        assert [one.message for one in self.check(server, offer).restrictions] == ["approval"]
        (asked,) = server.received(RESTRICTIONS)
        assert (asked.query["asin"], asked.query["sellerId"]) == ("B000000001", "A1")
        assert asked.query["conditionType"] == "new_new"
        assert self.check(server, offer, party=Party.VENDOR).restrictions == ()
        assert len(server.received(RESTRICTIONS)) == 1

    def test_a_patch_of_a_listing_that_does_not_exist(self, server: ScriptedServer) -> None:
        server.answer("GET", ITEM, NO_ITEM)
        patch = {"op": "replace", "attribute": "color", "value": [{"value": "blue"}]}
        payload = Payload(Operation.PATCH, "LUGGAGE", patches=(patch,))
        (finding,) = self.check(server, payload).findings
        assert (finding.pointer, finding.rule, finding.severity, finding.message) == (
            "",
            "listing",
            Severity.WARNING,
            "Amazon has no listing with SKU CUP in this marketplace, or not yet",
        )
        server.answer("GET", ITEM, errors_json(500, "InternalFailure", "no"))
        assert self.check(server, payload).findings == ()
        held = {"color": [{"value": "red", "lead": 1}]}
        server.answer("GET", ITEM, answer_json({"sku": "CUP", "attributes": held}))
        (finding,) = self.check(server, payload).findings
        words = "replace replaces the current value, which then loses lead. To keep these fields, use merge"
        assert (finding.rule, finding.message) == ("dropsFields", words)

    def test_a_deletion_is_not_checked(self, server: ScriptedServer) -> None:
        assert self.check(server, Payload(Operation.DELETE)).findings == ()
        assert server.calls == []


def vars_of(listing: ListingOf) -> Mapping[str, Any]:
    return {name: getattr(listing, name) for name in listing.__dataclass_fields__}


@pytest.mark.parametrize(("limit", "accepted"), [(1, True), (100, True), (101, False), (0, False)])
def test_a_page_has_a_hundred_entries_at_most(limit: int, *, accepted: bool) -> None:
    fields = Fields({"SellerId": "A1", "Limit": str(limit)})
    if accepted:
        assert read_list_request(fields).limit == limit
    else:
        with pytest.raises(InvalidRequestError, match="Limit"):
            read_list_request(fields)


def test_submissions_are_listed_by_the_names_of_the_api(aws: Aws) -> None:
    table = MemoryTable(aws, "SubmissionId", "SellerId")
    table.items = [
        {
            "SubmissionId": "1",
            "SellerId": "A1",
            "Sku": "CUP",
            "Status": "REFUSED",
            "Message": "no",
            "ReceivedTime": "2026-11-26T12:00:00.000000+00:00",
            "Request": b"not shown",
        }
    ]
    page = list_submissions(table.table, ListRequest("A1", "REFUSED", 20, None), datetime(2026, 11, 27, tzinfo=UTC))
    assert page == {
        "submissions": [
            {
                "submissionId": "1",
                "sku": "CUP",
                "status": "REFUSED",
                "message": "no",
                "receivedTime": "2026-11-26T12:00:00.000000+00:00",
            }
        ]
    }
    (_, given), *_ = aws.calls
    assert (given["IndexName"], given["ScanIndexForward"], given["Limit"]) == (SELLER_INDEX, False, 20)


def test_a_submission_as_answers_return_it() -> None:
    record = Record(
        "1",
        LISTING,
        Payload(Operation.PUT, "LUGGAGE"),
        "hash",
        Status.PUBLISHED,
        "2026-11-26T12:00:00Z",
        times={"SentTime": "2026-11-26T12:00:01Z"},
    )
    assert described(record) == {
        "submissionId": "1",
        "sellerId": "A1",
        "regionCode": "EU",
        "marketplaceId": FRANCE,
        "sku": "CUP",
        "operation": "PUT",
        "productType": "LUGGAGE",
        "status": "PUBLISHED",
        "issues": [],
        "receivedTime": "2026-11-26T12:00:00Z",
        "sentTime": "2026-11-26T12:00:01Z",
    }
