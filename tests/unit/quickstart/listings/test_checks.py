"""The checks before a submission is sent: with a stored schema, and by asking Amazon."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any, cast

import pytest

from quickstart.listings import checks
from quickstart.listings.checks import AmazonChecks, Checked, SchemaChecks, value_of
from quickstart.listings.ledger import SELLER_INDEX
from quickstart.listings.reading import ListRequest, described, list_submissions, read_list_request
from quickstart.listings.records import ListingOf, Operation, Party, Payload, Record, Status
from quickstart.product_types.findings import Severity
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


class TestAmazonChecks:
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
