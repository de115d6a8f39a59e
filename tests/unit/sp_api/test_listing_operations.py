"""The operations of listings, catalogue and restrictions, as Amazon's models want them."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from sp_api import catalog, listings, restrictions
from sp_api.catalog import CatalogItem, IdentifiersType
from sp_api.errors import InvalidInputError, NotFoundError, TransientError
from sp_api.listings import (
    Issue,
    IssueSeverity,
    ItemStatus,
    ItemSummary,
    ListingKey,
    PatchOperation,
    PatchOperator,
    Requirements,
    Submission,
    SubmissionStatus,
)
from sp_api.restrictions import Link, ReasonCode, Restriction
from tests.unit.sp_api.models import check, models, resolved
from tests.unit.sp_api.support import ScriptedServer, answer_json, errors_json, seller_of
from tests.unit.sp_api.test_operations import Case, run

FRANCE = "A13V1IB3VIYZZH"
KEY = ListingKey("A3TH9S8BH6GOGM", "CUP 1/é#|", FRANCE)
ITEM = "/listings/2021-08-01/items/A3TH9S8BH6GOGM/CUP%201%2F%C3%A9%23%7C"
SUBMITTED = {"sku": "CUP 1/é#|", "status": "ACCEPTED", "submissionId": "f1dc2914", "issues": []}
ISSUE = {
    "code": "18027",
    "message": "The main image has text.",
    "severity": "ERROR",
    "categories": ["INVALID_IMAGE"],
    "attributeNames": ["main_product_image_locator"],
    "enforcements": {
        "actions": [{"action": "SEARCH_SUPPRESSED"}],
        "exemption": {"status": "EXEMPT_UNTIL_EXPIRY_DATE", "expiryDate": "2026-12-28T00:36:48Z"},
    },
    "marketplaceIds": [FRANCE],
}
READ_ISSUE = Issue(
    "18027",
    "The main image has text.",
    IssueSeverity.ERROR,
    ("main_product_image_locator",),
    ("INVALID_IMAGE",),
    ("SEARCH_SUPPRESSED",),
    "EXEMPT_UNTIL_EXPIRY_DATE",
    datetime(2026, 12, 28, 0, 36, 48, tzinfo=UTC),
    (FRANCE,),
)
SUMMARY = {
    "marketplaceId": FRANCE,
    "asin": "B071VG5N9D",
    "productType": "DRINKING_CUP",
    "status": ["BUYABLE", "DISCOVERABLE"],
    "itemName": "Tasse",
    "createdDate": "2026-02-01T00:00:00Z",
    "lastUpdatedDate": "2026-02-02T00:00:00Z",
}
READ_SUMMARY = ItemSummary(
    FRANCE,
    "DRINKING_CUP",
    (ItemStatus.BUYABLE, ItemStatus.DISCOVERABLE),
    "B071VG5N9D",
    "Tasse",
    None,
    datetime(2026, 2, 1, tzinfo=UTC),
    datetime(2026, 2, 2, tzinfo=UTC),
)
DOCUMENT = {"sku": "CUP 1/é#|", "summaries": [SUMMARY], "issues": [ISSUE], "attributes": {"color": []}}
READ_ITEM = listings.Item("CUP 1/é#|", (READ_SUMMARY,), (READ_ISSUE,), {"color": []}, DOCUMENT)
CATALOG_ITEM: dict[str, Any] = {
    "asin": "B071VG5N9D",
    "summaries": [{"marketplaceId": FRANCE, "itemName": "Tasse", "brand": "Moulin"}],
    "identifiers": [
        {"marketplaceId": FRANCE, "identifiers": [{"identifierType": "EAN", "identifier": "4006381333931"}]}
    ],
    "productTypes": [{"marketplaceId": FRANCE, "productType": "DRINKING_CUP"}],
}
READ_CATALOG_ITEM = CatalogItem("B071VG5N9D", "Tasse", "Moulin", "DRINKING_CUP", (("EAN", "4006381333931"),))
CASES = [
    Case(
        "putListingsItem",
        lambda caller: listings.put_listings_item(
            caller, KEY, "DRINKING_CUP", {"color": [{"value": "blue"}]}, requirements=Requirements.LISTING
        ),
        "PUT",
        ITEM,
        answer_json(SUBMITTED),
        Submission("CUP 1/é#|", SubmissionStatus.ACCEPTED, "f1dc2914"),
        query={"marketplaceIds": FRANCE},
        body={
            "productType": "DRINKING_CUP",
            "requirements": "LISTING",
            "attributes": {"color": [{"value": "blue"}]},
        },
    ),
    Case(
        "putListingsItem",
        lambda caller: listings.put_listings_item(caller, KEY, "DRINKING_CUP", {}, preview=True, issue_locale="fr_FR"),
        "PUT",
        ITEM,
        answer_json(
            SUBMITTED
            | {
                "status": "INVALID",
                "issues": [ISSUE],
                "identifiers": [
                    {"marketplaceId": FRANCE, "asin": "B071VG5N9D"},
                    {"marketplaceId": "A1PA6795UKMFR9"},
                    {"asin": "B000000000"},
                    {},
                ],
            }
        ),
        Submission("CUP 1/é#|", SubmissionStatus.INVALID, "f1dc2914", (READ_ISSUE,), {FRANCE: "B071VG5N9D"}),
        query={
            "marketplaceIds": FRANCE,
            "includedData": "identifiers,issues",
            "mode": "VALIDATION_PREVIEW",
            "issueLocale": "fr_FR",
        },
        body={"productType": "DRINKING_CUP", "attributes": {}},
    ),
    Case(
        "patchListingsItem",
        lambda caller: listings.patch_listings_item(
            caller,
            KEY,
            "PRODUCT",
            [
                PatchOperation(PatchOperator.MERGE, "purchasable_offer", [{"currency": "EUR", "plan": None}]),
                PatchOperation(PatchOperator.DELETE, "color", [{"marketplace_id": FRANCE}]),
            ],
        ),
        "PATCH",
        ITEM,
        answer_json(SUBMITTED),
        Submission("CUP 1/é#|", SubmissionStatus.ACCEPTED, "f1dc2914"),
        query={"marketplaceIds": FRANCE},
        body={
            "productType": "PRODUCT",
            "patches": [
                {
                    "op": "merge",
                    "path": "/attributes/purchasable_offer",
                    "value": [{"currency": "EUR", "plan": None}],
                },
                {"op": "delete", "path": "/attributes/color", "value": [{"marketplace_id": FRANCE}]},
            ],
        },
    ),
    Case(
        "deleteListingsItem",
        lambda caller: listings.delete_listings_item(caller, KEY),
        "DELETE",
        ITEM,
        answer_json(SUBMITTED),
        Submission("CUP 1/é#|", SubmissionStatus.ACCEPTED, "f1dc2914"),
        query={"marketplaceIds": FRANCE},
    ),
    Case(
        "getListingsItem",
        lambda caller: listings.get_listings_item(caller, KEY, ("summaries", "issues", "attributes")),
        "GET",
        ITEM,
        answer_json(DOCUMENT),
        READ_ITEM,
        query={"marketplaceIds": FRANCE, "includedData": "summaries,issues,attributes"},
    ),
    Case(
        "searchListingsItems",
        lambda caller: listings.search_listings_items(
            caller,
            "A3TH9S8BH6GOGM",
            FRANCE,
            identifiers=["A", "B"],
            identifiers_type="SKU",
            with_status=[ItemStatus.BUYABLE],
            with_issue_severity=[IssueSeverity.ERROR],
            page_size=20,
            page_token="more",
        ),
        "GET",
        "/listings/2021-08-01/items/A3TH9S8BH6GOGM",
        answer_json({"numberOfResults": 41, "items": [DOCUMENT], "pagination": {"nextToken": "even more"}}),
        listings.ItemPage((READ_ITEM,), "even more", 41),
        query={
            "marketplaceIds": FRANCE,
            "identifiers": "A,B",
            "identifiersType": "SKU",
            "withStatus": "BUYABLE",
            "withIssueSeverity": "ERROR",
            "includedData": "summaries,issues",
            "pageSize": "20",
            "pageToken": "more",
        },
    ),
    Case(
        "searchCatalogItems",
        lambda caller: catalog.search_catalog_items(caller, FRANCE, ["4006381333931"], IdentifiersType.EAN),
        "GET",
        "/catalog/2022-04-01/items",
        answer_json({"numberOfResults": 1, "items": [CATALOG_ITEM]}),
        (READ_CATALOG_ITEM,),
        query={
            "identifiers": "4006381333931",
            "identifiersType": "EAN",
            "marketplaceIds": FRANCE,
            "includedData": "summaries,identifiers,productTypes",
            "pageSize": "20",
        },
    ),
    Case(
        "getCatalogItem",
        lambda caller: catalog.get_catalog_item(caller, FRANCE, "B071VG5N9D"),
        "GET",
        "/catalog/2022-04-01/items/B071VG5N9D",
        answer_json(CATALOG_ITEM),
        READ_CATALOG_ITEM,
        query={"marketplaceIds": FRANCE, "includedData": "summaries,identifiers,productTypes"},
    ),
    Case(
        "getListingsRestrictions",
        lambda caller: restrictions.get_listings_restrictions(
            caller, "A3TH9S8BH6GOGM", FRANCE, "B071VG5N9D", condition_type="new_new", reason_locale="fr_FR"
        ),
        "GET",
        "/listings/2021-08-01/restrictions",
        answer_json(
            {
                "restrictions": [
                    {
                        "marketplaceId": FRANCE,
                        "conditionType": "new_new",
                        "reasons": [
                            {
                                "message": "You need approval.",
                                "reasonCode": "APPROVAL_REQUIRED",
                                "links": [{"resource": "https://sellercentral.amazon.fr/hz", "verb": "GET"}],
                            }
                        ],
                    },
                    {"marketplaceId": FRANCE},
                ]
            }
        ),
        (
            Restriction(
                FRANCE,
                "new_new",
                ReasonCode.APPROVAL_REQUIRED,
                "You need approval.",
                (Link("https://sellercentral.amazon.fr/hz"),),
            ),
            Restriction(FRANCE, None, None, "Amazon gives no reason", ()),
        ),
        query={
            "asin": "B071VG5N9D",
            "sellerId": "A3TH9S8BH6GOGM",
            "marketplaceIds": FRANCE,
            "conditionType": "new_new",
            "reasonLocale": "fr_FR",
        },
    ),
]


@pytest.mark.parametrize("case", CASES, ids=[f"{case.operation}-{n}" for n, case in enumerate(CASES)])
def test_operation(server: ScriptedServer, case: Case) -> None:
    # The package's model of patchListingsItem may lack `merge`, which Amazon added on 2025-06-16.
    assert set(check(run(server, case))) == {case.operation}


def test_a_restriction_error_is_a_bare_list(server: ScriptedServer) -> None:
    answer = answer_json([{"code": "BAD_REQUEST", "message": "Invalid 'asin' provided."}], 400)
    server.answer("GET", "/na/listings/2021-08-01/restrictions", answer)
    with pytest.raises(InvalidInputError, match="Invalid 'asin' provided"):
        restrictions.get_listings_restrictions(seller_of(server), "A1", FRANCE, "no")


def test_a_listing_that_does_not_exist(server: ScriptedServer) -> None:
    answer = errors_json(404, "NOT_FOUND", f"SKU 'CUP' not found in marketplace {FRANCE}")
    server.answer("GET", f"/na{ITEM}", answer)
    with pytest.raises(NotFoundError):
        listings.get_listings_item(seller_of(server), KEY)


@pytest.mark.parametrize(
    "document",
    [
        {},
        {"sku": "a", "status": "ACCEPTED"},
        {"sku": "a", "status": "ACCEPTED", "submissionId": "1", "issues": [{"message": "no severity"}]},
        {"sku": "a", "status": "ACCEPTED", "submissionId": "1", "issues": "none"},
    ],
)
def test_an_answer_that_cannot_be_read_leaves_the_outcome_unknown(server: ScriptedServer, document: object) -> None:
    server.answer("PUT", f"/na{ITEM}", answer_json(document))
    with pytest.raises(TransientError) as caught:
        listings.put_listings_item(seller_of(server), KEY, "DRINKING_CUP", {})
    assert caught.value.outcome_unknown


def test_a_status_that_amazon_adds_later_is_read(server: ScriptedServer) -> None:
    server.answer("PUT", f"/na{ITEM}", answer_json(SUBMITTED | {"status": "LATER"}))
    read = listings.put_listings_item(seller_of(server), KEY, "DRINKING_CUP", {})
    assert read.status == "LATER"
    assert read.status not in list(SubmissionStatus)


def test_an_issue_without_code_or_message_has_empty_texts(server: ScriptedServer) -> None:
    """Amazon has left the code out of issues about images."""
    issue = {"severity": "WARNING", "categories": []}
    server.answer("PUT", "/na" + ITEM, answer_json({**SUBMITTED, "issues": [issue]}))
    answer = listings.put_listings_item(seller_of(server), KEY, "DRINKING_CUP", {})
    assert [(one.code, one.message) for one in answer.issues] == [("", "")]


SEARCH = "/na/listings/2021-08-01/items/A3TH9S8BH6GOGM"


@pytest.mark.parametrize("pagination", [None, {}, {"nextToken": None}, {"nextToken": ""}])
def test_the_last_page_of_a_search(server: ScriptedServer, pagination: object) -> None:
    document = {"numberOfResults": 0, "items": [], "pagination": pagination}
    server.answer("GET", SEARCH, answer_json(document))
    page = listings.search_listings_items(seller_of(server), "A3TH9S8BH6GOGM", FRANCE)
    assert page == listings.ItemPage((), None, 0)
    assert server.calls[0].query == {"marketplaceIds": FRANCE, "includedData": "summaries,issues"}


@pytest.mark.parametrize("number", [None, "41", True, 1.5])
def test_a_search_without_a_number_of_results_is_unreadable(server: ScriptedServer, number: object) -> None:
    server.answer("GET", SEARCH, answer_json({"numberOfResults": number, "items": []}))
    with pytest.raises(TransientError, match=r": numberOfResults is not a whole number$"):
        listings.search_listings_items(seller_of(server), "A3TH9S8BH6GOGM", FRANCE)


def test_a_summary_is_that_of_the_marketplace() -> None:
    germany = replace(READ_SUMMARY, marketplace_id="A1PA6795UKMFR9")
    item = replace(READ_ITEM, summaries=(germany, READ_SUMMARY))
    assert [item.summary(marketplace_id) for marketplace_id in (FRANCE, "A1PA6795UKMFR9", "A2ANOTHER")] == [
        READ_SUMMARY,
        germany,
        None,
    ]


def test_a_listing_of_required_fields_alone(server: ScriptedServer) -> None:
    document = {"sku": "CUP", "summaries": [{"marketplaceId": FRANCE}], "issues": [{"severity": "INFO"}]}
    server.answer("GET", f"/na{ITEM}", answer_json(document))
    assert listings.get_listings_item(seller_of(server), KEY) == listings.Item(
        "CUP", (ItemSummary(FRANCE, "", ()),), (Issue("", "", IssueSeverity.INFO),), None, document
    )


def test_a_restriction_with_a_reason_that_says_little(server: ScriptedServer) -> None:
    found = {"marketplaceId": FRANCE, "reasons": [{}, {"reasonCode": "NOT_ELIGIBLE"}]}
    server.answer("GET", "/na/listings/2021-08-01/restrictions", answer_json({"restrictions": [found]}))
    assert restrictions.get_listings_restrictions(seller_of(server), "A1", FRANCE, "B071VG5N9D") == (
        Restriction(FRANCE, None, None, "", ()),
        Restriction(FRANCE, None, ReasonCode.NOT_ELIGIBLE, "", ()),
    )


def test_a_catalogue_item_is_read_as_its_marketplace_shows_it(server: ScriptedServer) -> None:
    other = {"marketplaceId": "A1PA6795UKMFR9", "itemName": "Becher", "productType": "CUP", "identifiers": []}
    lists: dict[str, list[object]] = {
        name: [other, *CATALOG_ITEM[name]] for name in ("summaries", "identifiers", "productTypes")
    }
    server.answer("GET", "/na/catalog/2022-04-01/items/B071VG5N9D", answer_json({"asin": "B071VG5N9D", **lists}))
    caller = seller_of(server)
    assert catalog.get_catalog_item(caller, FRANCE, "B071VG5N9D") == READ_CATALOG_ITEM
    assert catalog.get_catalog_item(caller, "A2ANOTHER", "B071VG5N9D") == CatalogItem("B071VG5N9D")


def test_the_most_identifiers_of_a_search_are_the_models() -> None:
    for path, most in ((SEARCH, listings.MOST_IDENTIFIERS), ("/na/catalog/2022-04-01/items", catalog.MOST_IDENTIFIERS)):
        for model in models():
            found = model.operation("GET", path.removeprefix("/na"))
            if found is not None:
                parameters = [resolved(model.document, raw) for raw in found[1]["parameters"]]
                for parameter in parameters:
                    if parameter["name"] == "identifiers":
                        assert most == (parameter.get("schema") or parameter)["maxItems"]
