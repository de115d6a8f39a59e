"""The control API's part for listings, the catalogue, restrictions and approvals."""

from __future__ import annotations

from starlette.requests import Request

from sp_api_simulator.control_fields import ControlError, Fields
from sp_api_simulator.listing_state import Json, Processing, ProcessingRule, Product, Restriction
from sp_api_simulator.state import State

REASON_CODES = ("APPROVAL_REQUIRED", "ASIN_NOT_FOUND", "NOT_ELIGIBLE")


async def list_listings(state: State, _: Request, __: Json) -> Json:
    return {
        "listings": [
            {
                "sellerId": key.seller_id,
                "marketplaceId": key.marketplace_id,
                "sku": key.sku,
                "asin": listing.asin,
                "productType": listing.product_type,
                "status": list(listing.statuses),
                "issues": list(listing.issues),
                "attributes": dict(listing.attributes),
            }
            for key, listing in state.listings.items.items()
        ],
        "submissions": state.listings.submissions,
    }


async def set_outcomes(state: State, _: Request, body: Json) -> Json:
    state.listings.rules = _rules(state, body)
    return {"rules": len(state.listings.rules)}


async def add_outcomes(state: State, _: Request, body: Json) -> Json:
    state.listings.rules += _rules(state, body)
    return {"rules": len(state.listings.rules)}


async def put_product(state: State, request: Request, body: Json) -> Json:
    """Adds a product to the catalogue."""
    fields = Fields(body)
    asin = request.path_params["asin"]
    identifiers = fields.any("identifiers", {})
    product = Product(
        asin,
        fields.text("itemName", asin),
        fields.text("brand"),
        fields.text("productType", "PRODUCT"),
        tuple((str(kind), str(value)) for kind, value in identifiers.items()) if isinstance(identifiers, dict) else (),
        frozenset(fields.texts("marketplaceIds", [])),
    )
    fields.end()
    if not product.marketplace_ids:
        raise ControlError("marketplaceIds is required")
    state.listings.products[asin] = product
    return {}


async def put_restrictions(state: State, request: Request, body: Json) -> Json:
    """Replaces a seller's restrictions for a product; an empty list lifts them."""
    fields = Fields(body)
    seller_id, entries = fields.required_text("sellerId"), fields.any("restrictions", [])
    fields.end()
    state.listings.restrictions[seller_id, request.path_params["asin"]] = [_restriction(Fields(one)) for one in entries]
    return {}


async def put_approved_brands(state: State, request: Request, body: Json) -> Json:
    """The brands for which a seller has an exemption from product identifiers."""
    fields = Fields(body)
    brands = frozenset(fields.texts("brands", []))
    fields.end()
    state.listings.approved_brands[request.path_params["seller_id"]] = brands
    return {}


def _restriction(fields: Fields) -> Restriction:
    made = Restriction(
        fields.required_text("marketplaceId"),
        fields.text("conditionType"),
        fields.text("reasonCode", "APPROVAL_REQUIRED"),
        fields.text("message", "You need approval to list this product."),
        fields.text("link"),
    )
    fields.end()
    if made.reason_code not in REASON_CODES:
        raise ControlError(f"reasonCode must be one of {', '.join(REASON_CODES)}")
    return made


def _rules(state: State, body: Json) -> list[ProcessingRule]:
    return [_rule(state, Fields(rule)) for rule in (body if isinstance(body, list) else [body])]


def _rule(state: State, fields: Fields) -> ProcessingRule:
    statuses = fields.any("status")
    rule = ProcessingRule(
        fields.text("sellerId"),
        fields.text("sku"),
        fields.count("count", None),
        Processing(
            seconds=fields.number("seconds", state.settings.listing_seconds),
            issues=_issues(fields.any("issues", [])),
            statuses=None if statuses is None else tuple(statuses),
            issue_seconds=fields.number("issueSeconds", 0),
            dropped=fields.flag("dropped"),
            notices=fields.flag("notices", True),
        ),
        _issues(fields.any("invalid", [])),
    )
    fields.end()
    if rule.remaining == 0:
        raise ControlError("count must be greater than zero")
    return rule


def _issues(entries: Json) -> tuple[Json, ...]:
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise ControlError("issues and invalid must be lists of issues")
    usual = {"code": "99999", "message": "An issue.", "severity": "ERROR", "categories": []}
    return tuple(usual | entry for entry in entries)
