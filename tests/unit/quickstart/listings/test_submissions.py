"""POST, PATCH and DELETE of /listings: what is checked, previewed, refused or sent, and what the answer says."""

import json
from collections.abc import Mapping
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from quickstart.listings import checks
from quickstart.listings.checks import Checked, SchemaChecks
from quickstart.listings.fields import ClientTokenReusedError
from quickstart.listings.ledger import LaneFullError
from quickstart.listings.reading import SubmissionUnknownError, described
from quickstart.listings.records import ListingOf, Operation, Payload, Status
from quickstart.listings.requests import (
    CatalogMatchError,
    Desk,
    ListingInvalidError,
    ListingRestrictedError,
    Mode,
    OnFindings,
    SchemaUnavailableError,
    Submission,
    TooManyValuesError,
    handle,
    submission_id,
)
from quickstart.product_types.reading import StoredSchema
from quickstart.product_types.validation import CompiledSchemas
from quickstart.refusals import Refusal
from sp_api.regions import Region
from tests.unit.quickstart.listings.test_lanes import FRANCE, ISSUE, LISTING, PATH, World, raising
from tests.unit.quickstart.support import AwsError
from tests.unit.sp_api.support import ScriptedServer, answer_json, errors_json, seller_of

CATALOG = "/eu/catalog/2022-04-01/items"
RESTRICTIONS = "/eu/listings/2021-08-01/restrictions"
EAN = "4006381333931"
NO_ITEM = errors_json(404, "NOT_FOUND", "no")
ACCEPTED: Mapping[str, Any] = {"sku": "CUP", "status": "ACCEPTED", "submissionId": "amazon-1", "issues": []}
VALUES: Mapping[str, Any] = {
    "type": "array",
    "selectors": ["marketplace_id"],
    "items": {
        "type": "object",
        "required": ["value"],
        "properties": {"value": {"type": "string", "maxLength": 5}, "marketplace_id": {"type": "string"}},
    },
}
STORED = StoredSchema(
    "c",
    "1",
    "LUGGAGE",
    json.dumps(
        {"type": "object", "required": ["brand"], "properties": dict.fromkeys(("brand", "color"), VALUES)}
    ).encode(),
)
SCHEMA = {"productType": "LUGGAGE", "version": "1", "checksum": "c"}
BRAND = {"brand": [{"value": "Rive"}]}
EXEMPTED = {"supplier_declared_has_product_identifier_exemption": [{"value": True}]}
WITHOUT_BRAND = {
    "pointer": "/brand",
    "rule": "required",
    "message": "brand is missing",
    "severity": "ERROR",
    "attributeNames": ["brand"],
}
PATCH = {"op": "replace", "attribute": "color", "value": [{"value": "blue", "marketplace_id": FRANCE}]}
TOO_LONG = {**PATCH, "value": [{"value": "turquoise"}]}


def put(requirements: str = "LISTING", **attributes: Any) -> Payload:
    return Payload(Operation.PUT, "LUGGAGE", requirements, attributes)


def patched(*patches: Mapping[str, Any]) -> Payload:
    return Payload(Operation.PATCH, "LUGGAGE", patches=patches)


def submission(
    payload: Payload,
    mode: Mode = Mode.PUBLISH,
    on_findings: OnFindings = OnFindings.STOP,
    token: str | None = None,
    listing: ListingOf = LISTING,
) -> Submission:
    return Submission(listing, payload, mode, on_findings, token)


class Office(World):
    """The desk. Executions send at once, unless `busy`. `pauses` has the waits of requests."""

    def __init__(self, server: ScriptedServer, monkeypatch: pytest.MonkeyPatch) -> None:
        super().__init__(server)
        monkeypatch.setattr(checks, "stored_schema", lambda *_: self.schema)
        storage: Any = SimpleNamespace()
        self.schema: StoredSchema | None = STORED
        self.fetched: StoredSchema | None = None
        self.busy = False
        self.pauses: list[float] = []
        self.executions: dict[str, str] = {}
        self.aws.answers["DescribeExecution"] = self._describe
        schema_checks = SchemaChecks(storage, lambda: CompiledSchemas(1), lambda *_: self.fetched)
        self.desk = Desk(self.ledger, self.lanes, schema_checks, self.pauses.append)
        self.without_schemas = replace(self.desk, schema_checks=replace(schema_checks, storage=None))

    def _start(self, given: Mapping[str, Any]) -> Mapping[str, Any]:
        answer = super()._start(given)
        if not self.busy:
            self.sender.send("A1", given["name"])
        return answer

    def _describe(self, given: Mapping[str, Any]) -> Mapping[str, Any]:
        name = given["executionArn"].rpartition(":")[2]
        if name not in self.executions:
            raise AwsError("ExecutionDoesNotExist")
        return {"status": self.executions[name]}

    def handle(self, given: Submission, *, schemas: bool = True) -> Mapping[str, object]:
        caller = seller_of(self.server, region=Region.EU)
        return handle(given, caller, self.desk if schemas else self.without_schemas)

    @property
    def submissions(self) -> list[str]:
        return [item["SubmissionId"] for item in self.table.items if "Status" in item]


@pytest.fixture
def office(server: ScriptedServer, monkeypatch: pytest.MonkeyPatch) -> Office:
    made = Office(server, monkeypatch)
    for method in ("PUT", "PATCH", "DELETE"):
        server.answer(method, PATH, answer_json(ACCEPTED))
    return made


def stopped_or_sent(office: Office, given: Submission, stopping: type[Refusal]) -> Mapping[str, object]:
    """What the caller reads: the details of the refusal if findings stop the submission, otherwise the answer."""
    if given.on_findings is OnFindings.SEND:
        found = office.handle(given)
        assert found["status"] == "ACCEPTED"
        return found
    with pytest.raises(stopping) as stopped:
        office.handle(given)
    assert office.submissions == []
    return stopped.value.details


class TestCheck:
    @pytest.mark.parametrize(
        ("payload", "answer"),
        [
            (put(**BRAND), {"status": "VALID", "findings": []}),
            (put(), {"status": "INVALID", "findings": [WITHOUT_BRAND]}),
            (
                put(brand="x"),
                {
                    "status": "INVALID",
                    "findings": [
                        {
                            "pointer": "/brand",
                            "rule": "list",
                            "message": 'brand must be a list of objects, not "x"',
                            "severity": "ERROR",
                            "attributeNames": ["brand"],
                            "expected": [{"value": "..."}],
                        }
                    ],
                    "correctedAttributes": {"brand": [{"value": "x", "marketplace_id": FRANCE}]},
                },
            ),
            (
                patched({"op": "add", "attribute": "color", "value": ["blue"]}),
                {
                    "status": "INVALID",
                    "findings": [
                        {
                            "pointer": "/color/0",
                            "rule": "object",
                            "message": 'color must have objects with the field value, not "blue"',
                            "severity": "ERROR",
                            "attributeNames": ["color"],
                            "expected": {"value": "..."},
                        }
                    ],
                    "correctedValues": {"color": [{"value": "blue", "marketplace_id": FRANCE}]},
                },
            ),
        ],
        ids=["valid", "invalid", "corrected", "corrected-patch"],
    )
    def test_the_whole_answer(self, office: Office, payload: Payload, answer: Mapping[str, Any]) -> None:
        assert office.handle(submission(payload, Mode.CHECK)) == {"sku": "CUP", **answer, "schema": SCHEMA}
        assert (office.server.calls, office.aws.calls) == ([], [])

    def test_another_product_type_than_asked_for_is_named(self, office: Office) -> None:
        office.schema = replace(STORED, product_type="PRODUCT")
        assert office.handle(submission(put(**BRAND), Mode.CHECK)) == {
            "sku": "CUP",
            "status": "VALID",
            "findings": [],
            "unchecked": ["Schema check incomplete: Amazon returned the schema of PRODUCT for LUGGAGE"],
            "schema": {**SCHEMA, "productType": "PRODUCT"},
        }

    def test_without_a_schema_it_is_not_possible(self, office: Office) -> None:
        words = "^The submission cannot be checked: Schema check skipped: ProductTypesEnabled is No$"
        with pytest.raises(SchemaUnavailableError, match=words):
            office.handle(submission(put(**BRAND), Mode.CHECK), schemas=False)

    def test_a_value_that_nobody_can_read_is_found_without_a_schema(self, office: Office) -> None:
        found = office.handle(submission(put(brand=[{"value": float("inf")}]), Mode.CHECK), schemas=False)
        assert (found["status"], "schema" in found) == ("INVALID", False)

    def test_a_client_token_is_not_looked_up(self, office: Office) -> None:
        office.handle(submission(put(**BRAND, **EXEMPTED), token="t"))
        assert office.handle(submission(put(), Mode.CHECK, token="t"))["status"] == "INVALID"


class TestPreview:
    def test_amazons_answer_beside_the_findings(self, office: Office) -> None:
        answer = {
            **ACCEPTED,
            "status": "INVALID",
            "issues": [ISSUE],
            "identifiers": [{"marketplaceId": FRANCE, "asin": "B071VG5N9D"}],
        }
        office.server.answer("PUT", PATH, answer_json(answer))
        given = submission(Payload(Operation.PUT, "LUGGAGE", "LISTING", {"color": [{"value": "blue"}]}), Mode.PREVIEW)
        assert office.handle(given) == {
            "sku": "CUP",
            "status": "INVALID",
            "issues": [{"code": "90220", "message": "color is missing", "severity": "ERROR"}],
            "asin": "B071VG5N9D",
            "findings": [WITHOUT_BRAND],
            "schema": SCHEMA,
        }
        (asked,) = office.server.calls
        assert asked.query["mode"] == "VALIDATION_PREVIEW"
        assert asked.json["attributes"] == {"color": [{"value": "blue", "marketplace_id": FRANCE}]}
        assert office.aws.calls == []

    def test_a_product_without_an_asin(self, office: Office) -> None:
        office.server.answer("PATCH", PATH, answer_json({**ACCEPTED, "status": "VALID"}))
        given = replace(patched({**PATCH, "op": "merge", "value": [{"value": "blue"}]}), issue_locale="fr_FR")
        assert office.handle(submission(given, Mode.PREVIEW)) == {
            "sku": "CUP",
            "status": "VALID",
            "issues": [],
            "findings": [],
            "schema": SCHEMA,
        }
        (asked,) = office.server.calls
        assert (asked.query["mode"], asked.query["issueLocale"]) == ("VALIDATION_PREVIEW", "fr_FR")
        assert asked.json == {
            "productType": "LUGGAGE",
            "patches": [{"op": "merge", "path": "/attributes/color", "value": PATCH["value"]}],
        }


class TestPublish:
    def test_the_answer_is_the_submission_with_what_the_checks_found(self, office: Office) -> None:
        office.server.answer("GET", PATH, NO_ITEM)
        office.schema = replace(STORED, product_type="PRODUCT")
        given = submission(put(), on_findings=OnFindings.SEND)
        answer = office.handle(given)
        (own_id,) = office.submissions
        identity = answer["findings"][1]  # type: ignore[index]
        assert answer == {
            **described(office.ledger.find("A1", own_id)),
            "status": "ACCEPTED",
            "message": "Amazon has accepted the submission and is processing it.",
            "findings": [WITHOUT_BRAND, identity],
            "unchecked": ["Schema check incomplete: Amazon returned the schema of PRODUCT for LUGGAGE"],
        }
        assert identity["rule"] == "identity"

    def test_what_is_sent_has_the_defaults(self, office: Office) -> None:
        office.handle(submission(put(brand=[{"value": "x"}], **EXEMPTED)))
        (sent,) = office.server.received(PATH, "PUT")
        assert sent.json["attributes"]["brand"] == [{"value": "x", "marketplace_id": FRANCE}]

    @pytest.mark.parametrize(
        ("payload", "errors"),
        [
            (put(), [("Attributes", "ListingInvalid", None), ("Attributes/brand", "required", "brand is missing")]),
            (
                patched(TOO_LONG),
                [
                    ("Patches", "ListingInvalid", None),
                    (
                        "Patches/color/0/value",
                        "maxLength",
                        "color.value must have at most 5 characters; it has 9",
                    ),
                ],
            ),
        ],
        ids=["put", "patch"],
    )
    def test_errors_of_the_schema_stop_it_before_amazon_is_asked(
        self, office: Office, payload: Payload, errors: list[tuple[str, str, str | None]]
    ) -> None:
        with pytest.raises(ListingInvalidError) as stopped:
            office.handle(submission(payload))
        whole = str(stopped.value)
        assert [(error.field, error.code, error.message) for error in stopped.value.errors] == [
            (field, code, message or whole) for field, code, message in errors
        ]
        assert stopped.value.details["schema"] == SCHEMA
        assert (office.server.calls, office.submissions) == ([], [])

    def test_a_finding_leads_to_its_explanation(self, office: Office) -> None:
        with pytest.raises(ListingInvalidError) as stopped:
            office.handle(submission(put()))
        assert [error.section for error in stopped.value.errors] == ["", "rules-of-a-product-type"]

    def test_a_new_product_without_an_identity_stops_it(self, office: Office) -> None:
        office.server.answer("GET", PATH, NO_ITEM)
        with pytest.raises(ListingInvalidError) as stopped:
            office.handle(submission(put(**BRAND)))
        assert [error.code for error in stopped.value.errors] == ["ListingInvalid", "identity"]
        assert office.submissions == []

    def test_a_warning_does_not_stop_it(self, office: Office) -> None:
        office.server.answer("GET", PATH, NO_ITEM)
        answer: Any = office.handle(submission(patched(PATCH)))
        assert (answer["status"], [one["rule"] for one in answer["findings"]]) == ("ACCEPTED", ["listing"])

    def test_the_schema_says_which_values_a_patch_replaces(self, office: Office) -> None:
        held = {"color": [{"value": "red", "marketplace_id": FRANCE, "lead": 1}]}
        office.server.answer("GET", PATH, answer_json({"sku": "CUP", "attributes": held}))
        other = {**PATCH, "value": [{"value": "blue", "marketplace_id": "A1PA6795UKMFR9"}]}
        answer: Any = office.handle(submission(patched(PATCH, other)))
        assert [(one["pointer"], one["rule"]) for one in answer["findings"]] == [
            ("/0/value/0", "dropsFields"),
            ("/1/value/0", "addsValue"),
        ]

    RESTRICTION: Mapping[str, Any] = {
        "marketplaceId": FRANCE,
        "conditionType": "new_new",
        "reasons": [
            {
                "message": "You need approval",
                "reasonCode": "APPROVAL_REQUIRED",
                "links": [{"resource": "https://x/approve", "verb": "GET", "title": "Request approval"}],
            }
        ],
    }
    OFFER = put("LISTING_OFFER_ONLY", **BRAND, merchant_suggested_asin=[{"value": "B000000001"}])

    @pytest.mark.parametrize("on_findings", OnFindings)
    def test_a_product_that_the_seller_may_not_list(self, office: Office, on_findings: OnFindings) -> None:
        office.server.answer("GET", RESTRICTIONS, answer_json({"restrictions": [self.RESTRICTION]}))
        found = stopped_or_sent(office, submission(self.OFFER, on_findings=on_findings), ListingRestrictedError)
        assert found["restrictions"] == [
            {
                "conditionType": "new_new",
                "reasonCode": "APPROVAL_REQUIRED",
                "message": "You need approval",
                "links": [{"url": "https://x/approve", "title": "Request approval"}],
            }
        ]

    def test_a_restriction_of_which_amazon_says_little(self, office: Office) -> None:
        restriction = {"marketplaceId": FRANCE, "reasons": [{"message": "no"}]}
        office.server.answer("GET", RESTRICTIONS, answer_json({"restrictions": [restriction]}))
        found = office.handle(submission(self.OFFER, on_findings=OnFindings.SEND))
        assert found["restrictions"] == [{"message": "no", "links": []}]

    IDENTIFIED = put(**BRAND, externally_assigned_product_identifier=[{"type": "ean", "value": EAN}])
    PRODUCT: Mapping[str, Any] = {
        "asin": "B000000001",
        "summaries": [{"marketplaceId": FRANCE, "itemName": "Suitcase", "brand": "Moulin"}],
        "productTypes": [{"marketplaceId": FRANCE, "productType": "LUGGAGE"}],
        "identifiers": [{"marketplaceId": FRANCE, "identifiers": [{"identifierType": "EAN", "identifier": EAN}]}],
    }

    @pytest.mark.parametrize("on_findings", OnFindings)
    def test_a_product_that_the_catalogue_has(self, office: Office, on_findings: OnFindings) -> None:
        office.server.answer("GET", CATALOG, answer_json({"items": [self.PRODUCT]}))
        office.server.answer("GET", PATH, NO_ITEM)
        found = stopped_or_sent(office, submission(self.IDENTIFIED, on_findings=on_findings), CatalogMatchError)
        assert found["candidates"] == [
            {
                "asin": "B000000001",
                "itemName": "Suitcase",
                "brand": "Moulin",
                "productType": "LUGGAGE",
                "identifiers": [{"type": "EAN", "value": EAN}],
            }
        ]

    def test_the_lane_remembers_the_listings_own_product(self, office: Office) -> None:
        office.server.answer("GET", CATALOG, answer_json({"items": [self.PRODUCT]}))
        office.ledger.remember(LISTING, "B000000001", None)
        assert "candidates" not in office.handle(submission(self.IDENTIFIED))
        assert office.server.received(PATH, "GET") == []

    def test_what_amazon_does_not_answer_does_not_stop_it(self, office: Office) -> None:
        office.server.answer("GET", CATALOG, errors_json(500, "InternalFailure", "no"))
        office.schema = replace(STORED, product_type="PRODUCT")
        answer: Any = office.handle(submission(self.IDENTIFIED))
        assert answer["status"] == "ACCEPTED"
        assert [words.partition(":")[0] for words in answer["unchecked"]] == ["Schema check incomplete", "Catalogue"]

    def test_a_deletion_asks_amazon_nothing_before(self, office: Office) -> None:
        answer = office.handle(submission(Payload(Operation.DELETE)))
        assert (answer["operation"], answer["status"], answer["findings"]) == ("DELETE", "ACCEPTED", [])
        assert [request.method for request in office.server.calls] == ["DELETE"]


class TestWaiting:
    GIVEN = submission(put(**BRAND, **EXEMPTED))

    def test_a_request_waits_eight_seconds_for_amazons_answer(self, office: Office) -> None:
        office.busy = True
        assert office.handle(self.GIVEN)["status"] == "RECEIVED"
        assert office.pauses == [0.25] * 32

    def test_it_answers_as_soon_as_amazon_has(self, office: Office) -> None:
        office.busy = True

        def pause(seconds: float) -> None:
            office.pauses.append(seconds)
            if len(office.pauses) == 3:
                office.sender.send("A1", office.submissions[0])

        answer = handle(self.GIVEN, seller_of(office.server, region=Region.EU), replace(office.desk, pause=pause))
        assert answer["status"] == "ACCEPTED"
        assert office.pauses == [0.25] * 3

    def test_a_seller_who_is_removed_meanwhile(self, office: Office) -> None:
        office.busy = True

        def pause(_: float) -> None:
            office.table.items.clear()

        desk = replace(office.desk, pause=pause, patience=0.5)
        assert handle(self.GIVEN, seller_of(office.server, region=Region.EU), desk)["status"] == "RECEIVED"


class TestClientToken:
    GIVEN = submission(put(**BRAND, **EXEMPTED), token="t")
    OWN_ID = submission_id(LISTING, "t")

    def test_it_makes_the_id(self) -> None:
        ids = [
            self.OWN_ID,
            submission_id(LISTING, "u"),
            submission_id(replace(LISTING, seller_id="A2"), "t"),
            submission_id(LISTING, None),
            submission_id(LISTING, None),
        ]
        assert len(set(ids)) == len(ids)
        assert {len(one) for one in ids} == {32}
        assert submission_id(replace(LISTING, sku="PEN"), "t") == self.OWN_ID

    def test_a_repeat_is_answered_and_not_sent(self, office: Office) -> None:
        first = office.handle(self.GIVEN)
        assert (first["submissionId"], first["clientToken"]) == (self.OWN_ID, "t")
        calls = len(office.server.calls)
        assert office.handle(self.GIVEN) == first
        assert (len(office.server.calls), office.started) == (calls, [self.OWN_ID])

    def test_a_repeat_continues_what_was_interrupted(self, office: Office) -> None:
        office.busy = True
        office.handle(self.GIVEN)
        office.busy = False
        assert office.handle(self.GIVEN)["status"] == "ACCEPTED"
        assert office.started == [self.OWN_ID] * 2

    def test_another_submission_with_it_is_refused(self, office: Office) -> None:
        office.handle(self.GIVEN)
        with pytest.raises(ClientTokenReusedError, match=r"^another submission used ClientToken t before: "):
            office.handle(replace(self.GIVEN, payload=put(**EXEMPTED)))

    def test_one_that_was_used_by_a_submission_that_has_expired(self, office: Office) -> None:
        """Its execution's name cannot be used again."""
        office.executions[self.OWN_ID] = "SUCCEEDED"
        with pytest.raises(ClientTokenReusedError, match=r"^another submission used ClientToken t before: "):
            office.handle(self.GIVEN)
        assert (office.submissions, office.started) == ([], [])

    def test_without_one_no_execution_is_looked_up(self, office: Office) -> None:
        office.handle(replace(self.GIVEN, client_token=None))
        assert "DescribeExecution" not in office.aws.operations

    @pytest.mark.parametrize("running", [True, False])
    def test_two_requests_at_once_are_one_submission(self, office: Office, *, running: bool) -> None:
        """The other request is recorded, and perhaps started, while this one asks Amazon."""
        office.busy = True
        find = office.ledger.find
        office.handle(self.GIVEN)
        if running:
            office.executions[self.OWN_ID] = "RUNNING"
        office.aws.answers["PutItem"] = raising("ConditionalCheckFailedException")
        office.pauses.clear()
        asked: list[str] = []

        def find_later(seller_id: str, own_id: str) -> Any:
            asked.append(own_id)
            return None if len(asked) == 1 else find(seller_id, own_id)

        ledger: Any = SimpleNamespace(find=find_later, lane=office.ledger.lane, receive=office.ledger.receive)
        desk = replace(office.desk, ledger=ledger, patience=0.25)
        answer = handle(self.GIVEN, seller_of(office.server, region=Region.EU), desk)
        assert (answer["submissionId"], answer["status"]) == (self.OWN_ID, "RECEIVED")
        assert office.submissions == [self.OWN_ID]

    def test_an_expired_submission_that_is_not_deleted_yet(self, office: Office) -> None:
        office.handle(self.GIVEN)
        for entry in office.table.items:
            entry["ExpiresAt"] = 1
        office.aws.answers["PutItem"] = raising("ConditionalCheckFailedException")
        with pytest.raises(ClientTokenReusedError, match=r"^another submission used ClientToken t before: "):
            office.handle(self.GIVEN)
        assert office.started == [self.OWN_ID]


def test_a_submission_without_a_schema_is_sent_unchecked(office: Office) -> None:
    answer = office.handle(submission(put(**BRAND, **EXEMPTED)), schemas=False)
    assert (answer["status"], answer["unchecked"]) == (
        "ACCEPTED",
        ["Schema check skipped: ProductTypesEnabled is No"],
    )
    assert "schema" not in answer


def test_what_is_final_is_answered_without_another_execution(office: Office) -> None:
    given = submission(Payload(Operation.DELETE), token="t")
    office.server.answer("DELETE", PATH, answer_json({**ACCEPTED, "status": "INVALID", "issues": [ISSUE]}))
    assert office.handle(given)["status"] == Status.INVALID
    assert office.handle(given)["issues"] == [{"code": "90220", "message": "color is missing", "severity": "ERROR"}]
    assert len(office.started) == 1


NOTHING_FOUND = Checked(put())


@pytest.mark.parametrize(
    ("refusal", "answer"),
    [
        (ListingInvalidError(NOTHING_FOUND, Operation.PUT), (400, "ListingInvalid", "Attributes", None)),
        (ListingInvalidError(NOTHING_FOUND, Operation.PATCH), (400, "ListingInvalid", "Patches", None)),
        (CatalogMatchError(NOTHING_FOUND), (409, "CatalogMatch", "Attributes", None)),
        (ListingRestrictedError(NOTHING_FOUND), (409, "ListingRestricted", "Asin", None)),
        (TooManyValuesError("Patches"), (413, "TooManyValues", "Patches", None)),
        (SchemaUnavailableError([]), (409, "SchemaUnavailable", "ProductType", None)),
        (ClientTokenReusedError("t"), (409, "ClientTokenReused", "ClientToken", None)),
        (SubmissionUnknownError("1"), (404, "SubmissionUnknown", "SubmissionId", None)),
        (LaneFullError("CUP"), (429, "TooManyWaiting", "Sku", 60)),
    ],
    ids=str,
)
def test_how_a_refusal_is_answered(refusal: Refusal, answer: tuple[int, str, str, float | None]) -> None:
    assert (refusal.status, refusal.code, refusal.field, refusal.retry_after) == answer
