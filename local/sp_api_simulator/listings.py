"""The Listings Items API. Submissions are accepted at once and processed later."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import replace

from sp_api_simulator import delivery
from sp_api_simulator.calls import Answer, Call, body_object
from sp_api_simulator.errors import OperationError
from sp_api_simulator.listing_state import Json, Listing, ListingKey, Processing, Product
from sp_api_simulator.listing_values import (
    ASIN,
    IDENTITY,
    bad_request,
    check_attributes,
    check_patches,
    first_value,
    issue,
    patched,
    put_body,
    required_but_missing,
    schema_of,
)
from sp_api_simulator.marketplaces import MARKETPLACES
from sp_api_simulator.state import State

ITEM_DATA = frozenset(
    {
        "summaries",
        "attributes",
        "issues",
        "offers",
        "fulfillmentAvailability",
        "procurement",
        "relationships",
        "productTypes",
    }
)
PREVIEW = "VALIDATION_PREVIEW"
MOST_RESULTS = 1000
"""searchListingsItems reaches no more (SP-API docs, "Search listings items")."""


async def put_listings_item(state: State, call: Call) -> Answer:
    key = _key(state, call)
    product_type, requirements, attributes = put_body(body_object(call))
    vendor = _is_vendor(state, call)
    if vendor and requirements == "LISTING_OFFER_ONLY":
        raise bad_request("Invalid 'requirements' provided.")
    # A listing's own type, or PRODUCT for an offer on an existing product.
    schema = schema_of(product_type, key.marketplace_id, requirements, "ENFORCED")
    if schema is None:
        raise bad_request(f"Invalid 'productType' provided. '{product_type}' is not supported in this marketplace.")
    found = check_attributes(schema, attributes, complete=True)
    found += _identity_issues(state, key, requirements, attributes)
    return _submitted(state, call, key, found, lambda _: (product_type, requirements, dict(attributes)))


async def patch_listings_item(state: State, call: Call) -> Answer:
    key = _key(state, call)
    body = body_object(call)
    product_type = body.get("productType")
    if not isinstance(product_type, str) or not product_type:
        raise bad_request("Invalid 'productType' provided.")
    patches = check_patches(body.get("patches"), vendor=_is_vendor(state, call))
    schema = schema_of(product_type, key.marketplace_id, "LISTING", "NOT_ENFORCED")
    if schema is None:
        raise bad_request(f"Invalid 'productType' provided. '{product_type}' is not supported in this marketplace.")
    given = {name: values for op, name, values in patches if op in ("add", "replace")}
    found = check_attributes(schema, given, complete=False)
    # PRODUCT has the attributes that all types share.
    own = [entry for entry in found if product_type != "PRODUCT" or entry["code"] != "90000900"]

    def change(held: Listing | None) -> tuple[str, str, dict[str, Json]] | None:
        if held is None:
            return None
        return held.product_type, held.requirements, patched(schema, held.attributes, patches)

    return _submitted(state, call, key, own, change)


async def delete_listings_item(state: State, call: Call) -> Answer:
    key = _key(state, call)
    return _submitted(state, call, key, [], None)


async def get_listings_item(state: State, call: Call) -> Answer:
    key = _key(state, call, several=True)
    included = call.list_parameter("includedData") or ["summaries"]
    if not set(included) <= ITEM_DATA:
        raise bad_request("Invalid 'includedData' provided.")
    listing = state.listings.items.get(key)
    if listing is None:
        text = f"SKU '{key.sku}' not found in marketplace {key.marketplace_id}"
        raise OperationError(404, "NOT_FOUND", text)
    return Answer(200, _item_json(key, listing, included, vendor=_is_vendor(state, call)))


async def search_listings_items(state: State, call: Call) -> Answer:
    seller_id = _seller_id(state, call)
    marketplace_id = _marketplace(call, several=True)
    included = call.list_parameter("includedData") or ["summaries"]
    identifiers, kind = call.list_parameter("identifiers"), call.query.get("identifiersType", "")
    if not set(included) <= ITEM_DATA:
        raise bad_request("Invalid 'includedData' provided.")
    if len(identifiers) > 20 or (identifiers and not kind):
        raise bad_request("Invalid 'identifiers' provided.")
    try:
        page_size = int(call.query.get("pageSize", "10"))
        start = int(call.query.get("pageToken", "0") or 0)
    except ValueError:
        raise bad_request("Invalid 'pageSize' or 'pageToken' provided.") from None
    if not 1 <= page_size <= 20 or start < 0:
        raise bad_request("Invalid 'pageSize' provided.")
    wanted = set(call.list_parameter("withStatus"))
    severities = set(call.list_parameter("withIssueSeverity"))
    vendor = _is_vendor(state, call)
    found = [
        (key, listing)
        for key, listing in state.listings.items.items()
        if (key.seller_id, key.marketplace_id) == (seller_id, marketplace_id)
        and (not identifiers or _identified(state, key, listing, kind) & set(identifiers))
        and wanted <= set(listing.statuses)
        and (not severities or severities & {entry["severity"] for entry in listing.issues})
    ]
    found.sort(key=lambda pair: pair[1].updated, reverse=True)
    reachable = found[:MOST_RESULTS]
    page = reachable[start : start + page_size]
    body: dict[str, Json] = {
        "numberOfResults": len(found),
        "items": [_item_json(key, listing, included, vendor=vendor) for key, listing in page],
        "pagination": {},
    }
    if start + page_size < len(reachable):
        body["pagination"]["nextToken"] = str(start + page_size)
    return Answer(200, body)


def _submitted(state: State, call: Call, key: ListingKey, found: list[Json], change: Json) -> Answer:
    """Answers INVALID with HTTP 200 for refused submissions (selling-partner-api-models issue 5219)."""
    preview = call.query.get("mode")
    if preview not in (None, PREVIEW):
        raise bad_request("Invalid 'mode' provided.")
    rule = None if preview and not state.listings.rules else state.listings.take_rule(key.seller_id, key.sku)
    issues = [*found, *(rule.invalid if rule else ())]
    status = "INVALID" if any(entry["severity"] == "ERROR" for entry in issues) else "VALID" if preview else "ACCEPTED"
    submission_id = uuid.uuid4().hex
    body: dict[str, Json] = {"sku": key.sku, "status": status, "submissionId": submission_id, "issues": issues}
    if preview:
        held = state.listings.items.get(key)
        attributes = (call.body or {}).get("attributes")
        asin = held.asin if held else first_value(attributes if isinstance(attributes, dict) else {}, ASIN)
        body["identifiers"] = (
            [{"marketplaceId": key.marketplace_id, "asin": asin}] if asin and status == "VALID" else []
        )
        return Answer(200, body)
    state.listings.submissions.append(
        {
            "sellerId": key.seller_id,
            "sku": key.sku,
            "marketplaceId": key.marketplace_id,
            "operation": call.operation.name,
            "status": status,
            "submissionId": submission_id,
            "body": call.body,
        }
    )
    if status == "ACCEPTED":
        processing = rule.processing if rule else Processing(state.settings.listing_seconds)
        if not processing.dropped:
            state.start(_process(state, call.token.seller_id, key, change, processing))
    return Answer(200, body)


async def _process(state: State, seller_id: str, key: ListingKey, change: Json, processing: Processing) -> None:
    await state.clock.sleep(processing.seconds)
    before = state.listings.items.get(key)
    if change is None:
        state.listings.items.pop(key, None)
        if before is not None and processing.notices:
            await _notify(state, seller_id, key, replace(before, statuses=()), before)
        return
    changed = change(before)
    if changed is None:
        return
    listing = _processed(state, seller_id, key, before, changed, processing)
    if processing.issue_seconds:
        # A notice may come before the issue can be read (selling-partner-api-models issue 4516).
        early = replace(listing, issues=before.issues if before else ())
        state.listings.items[key] = early
        if processing.notices:
            await _notify(state, seller_id, key, listing, before)
        await state.clock.sleep(processing.issue_seconds)
        state.listings.items[key] = listing
        return
    state.listings.items[key] = listing
    if processing.notices:
        await _notify(state, seller_id, key, listing, before)


def _processed(
    state: State,
    seller_id: str,
    key: ListingKey,
    before: Listing | None,
    changed: tuple[str, str, dict[str, Json]],
    processing: Processing,
) -> Listing:
    product_type, requirements, attributes = changed
    vendor = state.sellers[seller_id].vendor
    asin, issues = _matched(state, key, before, product_type, attributes)
    issues += [{"marketplaceIds": [key.marketplace_id], **entry} for entry in processing.issues]
    failed = any(entry["severity"] == "ERROR" for entry in issues)
    has_offer = bool(attributes.get("purchasable_offer")) and requirements != "LISTING_PRODUCT_ONLY"
    usual = () if failed else ("DISCOVERABLE",) if vendor or not has_offer else ("BUYABLE", "DISCOVERABLE")
    statuses = usual if processing.statuses is None else processing.statuses
    now = state.clock.now()
    return Listing(
        product_type=product_type,
        requirements=requirements,
        attributes=attributes,
        asin=asin,
        statuses=tuple(status for status in statuses if not vendor or status != "BUYABLE"),
        issues=tuple(issues),
        created=before.created if before else now,
        # It does not move when only issues change (selling-partner-api-models issue 4566).
        updated=before.updated if before and before.attributes == attributes else now,
    )


def _matched(
    state: State, key: ListingKey, before: Listing | None, product_type: str, attributes: Mapping[str, Json]
) -> tuple[str, list[Json]]:
    """The ASIN, and the issues of matching the submission with the catalogue."""
    products = state.listings.products
    suggested = first_value(attributes, ASIN)
    if isinstance(suggested, str):
        if suggested not in products:
            return "", [issue("8560", "SKU does not match any ASIN.", "INVALID_ATTRIBUTE", ASIN)]
        return suggested, _contradictions(products[suggested], attributes)
    identifier = first_value(attributes, IDENTITY[0])
    for product in products.values():
        if isinstance(identifier, str) and identifier in {value for _, value in product.identifiers}:
            return product.asin, _contradictions(product, attributes)
    if before is not None and before.asin:
        return before.asin, []
    brand = first_value(attributes, "brand")
    if identifier is None and first_value(attributes, IDENTITY[1]) is True:
        approved = state.listings.approved_brands.get(key.seller_id, frozenset({"GENERIC"}))
        if brand not in approved:
            text = f"The brand '{brand}' is not approved for a product identifier exemption."
            return "", [issue("8572", text, "QUALIFICATION_REQUIRED", "brand")]
    asin = state.listings.new_asin()
    kind = first_value(attributes, IDENTITY[0], "type")
    identifiers = ((str(kind or "ean").upper(), identifier),) if isinstance(identifier, str) else ()
    name = first_value(attributes, "item_name")
    products[asin] = Product(
        asin, str(name or key.sku), str(brand or ""), product_type, identifiers, frozenset({key.marketplace_id})
    )
    return asin, []


def _contradictions(product: Product, attributes: Mapping[str, Json]) -> list[Json]:
    brand = first_value(attributes, "brand")
    if product.brand and isinstance(brand, str) and brand != product.brand:
        text = f"The SKU data provided conflicts with the Amazon catalog: brand '{brand}', catalog '{product.brand}'."
        return [issue("8541", text, "INVALID_ATTRIBUTE", "brand")]
    return []


def _identity_issues(state: State, key: ListingKey, requirements: str, attributes: Mapping[str, Json]) -> list[Json]:
    """A new product needs an identifier or an exemption (selling-partner-api-models issue 4173); a parent neither."""
    if requirements == "LISTING_OFFER_ONLY" or key in state.listings.items or attributes.get(ASIN):
        return []
    if first_value(attributes, "parentage_level") == "parent" or any(attributes.get(name) for name in IDENTITY):
        return []
    return [required_but_missing(name) for name in IDENTITY]


async def _notify(state: State, seller_id: str, key: ListingKey, after: Listing, before: Listing | None) -> None:
    """Vendors get no status notice (selling-partner-api-models issue 5322)."""
    seller = state.sellers[seller_id]
    common = {"SellerId": key.seller_id, "MarketplaceId": key.marketplace_id, "Asin": after.asin, "Sku": key.sku}
    common = {name: value for name, value in common.items() if value}
    if not seller.vendor and (before is None or set(before.statuses) != set(after.statuses)):
        created = after.created.strftime("%Y-%m-%dT%H:%M:%S.000Z")
        await _send(
            state,
            seller_id,
            "LISTINGS_ITEM_STATUS_CHANGE",
            {**common, "CreatedDate": created, "Status": list(after.statuses)},
        )
    severities = sorted({entry["severity"] for entry in after.issues} - {"INFO"})
    if after.issues or (before is not None and before.issues):
        actions = sorted(
            action["action"] for entry in after.issues for action in entry.get("enforcements", {}).get("actions", ())
        )
        payload = {**common, "Severities": severities or ["NONE"], "EnforcementActions": actions}
        await _send(state, seller_id, "LISTINGS_ITEM_ISSUES_CHANGE", payload)


async def _send(state: State, seller_id: str, notification_type: str, payload: Json) -> None:
    seller = state.sellers[seller_id]
    for notification in delivery.for_subscribers(state, seller, notification_type, payload, None):
        await delivery.send(state, notification)


def _key(state: State, call: Call, *, several: bool = False) -> ListingKey:
    return ListingKey(_seller_id(state, call), _marketplace(call, several=several), call.path["sku"])


def _seller_id(state: State, call: Call) -> str:
    """A vendor is named by its vendor code (selling-partner-api-docs issue 2107)."""
    own = call.token.seller_id
    allowed = state.listings.vendor_codes.get(own, frozenset({own})) if _is_vendor(state, call) else frozenset({own})
    if call.path["sellerId"] not in allowed:
        raise bad_request("Invalid 'sellerId' and 'marketplaceId' combination provided.")
    return call.path["sellerId"]


def _is_vendor(state: State, call: Call) -> bool:
    return state.sellers[call.token.seller_id].vendor


def _marketplace(call: Call, *, several: bool = False) -> str:
    """Of several marketplaces, the first is answered (selling-partner-api-docs issue 2362)."""
    ids = call.list_parameter("marketplaceIds")
    if not ids or (len(ids) > 1 and not several) or not set(ids) <= MARKETPLACES[call.region]:
        raise bad_request("Invalid 'marketplaceIds' provided.")
    return ids[0]


def _identified(state: State, key: ListingKey, listing: Listing, kind: str) -> set[str]:
    if kind == "SKU":
        return {key.sku}
    if kind == "ASIN":
        return {listing.asin}
    product = state.listings.products.get(listing.asin)
    return {value for _, value in product.identifiers} if product else set()


def _item_json(key: ListingKey, listing: Listing, included: list[str], *, vendor: bool) -> Json:
    time = "%Y-%m-%dT%H:%M:%SZ"
    summary = {
        "marketplaceId": key.marketplace_id,
        "asin": listing.asin,
        "productType": listing.product_type,
        "conditionType": first_value(listing.attributes, "condition_type"),
        "status": list(listing.statuses),
        "itemName": first_value(listing.attributes, "item_name"),
        "createdDate": listing.created.strftime(time),
        "lastUpdatedDate": listing.updated.strftime(time),
    }
    parts: dict[str, Json] = {
        "summaries": [{name: value for name, value in summary.items() if value not in (None, "")}],
        "attributes": dict(listing.attributes),
        "issues": list(listing.issues),
        "productTypes": [{"marketplaceId": key.marketplace_id, "productType": listing.product_type}],
        "relationships": _relationships(key, listing),
        "offers": [] if vendor else _offers(key, listing),
        "fulfillmentAvailability": [] if vendor else _stock(listing),
        "procurement": [],
    }
    return {"sku": key.sku, **{name: parts[name] for name in included}}


def _offers(key: ListingKey, listing: Listing) -> list[Json]:
    found = []
    for offer in listing.attributes.get("purchasable_offer", ()):
        try:
            amount = float(offer["our_price"][0]["schedule"][0]["value_with_tax"])
        except (KeyError, IndexError, TypeError, ValueError, OverflowError):
            continue
        audience = offer.get("audience", "ALL")
        found.append(
            {
                "marketplaceId": key.marketplace_id,
                "offerType": "B2B" if audience == "B2B" else "B2C",
                "price": {"currencyCode": offer.get("currency", "EUR"), "amount": f"{amount:.2f}"},
                "audience": {"value": audience},
            }
        )
    return found


def _stock(listing: Listing) -> list[Json]:
    return [
        {"fulfillmentChannelCode": entry["fulfillment_channel_code"]}
        | ({"quantity": entry["quantity"]} if isinstance(entry.get("quantity"), int) else {})
        for entry in listing.attributes.get("fulfillment_availability", ())
        if isinstance(entry.get("fulfillment_channel_code"), str)
    ]


def _relationships(key: ListingKey, listing: Listing) -> list[Json]:
    parent = first_value(listing.attributes, "child_parent_sku_relationship", "parent_sku")
    related = [{"type": "VARIATION", "parentSkus": [parent]}] if isinstance(parent, str) else []
    return [{"marketplaceId": key.marketplace_id, "relationships": related}]
