"""The Tokens API: restricted data tokens."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import timedelta

from sp_api_simulator.calls import Answer, Call
from sp_api_simulator.errors import OperationError, invalid_input
from sp_api_simulator.lwa import restricted_token
from sp_api_simulator.reports import RESTRICTED_TYPES, own_document
from sp_api_simulator.state import AccessToken, Json, RestrictedResource, State

RESOURCES = range(1, 51)
METHODS = ("GET", "PUT", "POST", "DELETE")
DOCUMENT_PATH = re.compile(r"/reports/2021-06-30/documents/([^/]+)")
_SHIPPING = r"/vendor/directFulfillment/shipping/(v1|2021-12-28)"
RESTRICTED_OPERATIONS: Mapping[str, re.Pattern[str]] = {
    "GET": re.compile(
        r"/orders/v0/orders(/[^/]+(/(orderItems|address|buyerInfo|regulatedInfo|orderItems/buyerInfo))?)?"
        r"|/mfn/v0/shipments/[^/]+"
        r"|/shipping/v1/shipments/[^/]+"
        r"|/fba/outbound/brazil/v0/shipments/[^/]+"
        r"|/vendor/directFulfillment/orders/(v1|2021-12-28)/purchaseOrders(/[^/]+)?"
        rf"|{_SHIPPING}/(shippingLabels|packingSlips|customerInvoices)(/[^/]+)?"
    ),
    "PUT": re.compile(r"/mfn/v0/shipments/[^/]+/cancel"),
    "POST": re.compile(rf"/mfn/v0/shipments|/easyShip/2022-03-23/packages/bulk|{_SHIPPING}/shippingLabels(/[^/]+)?"),
    "DELETE": re.compile(r"/mfn/v0/shipments/[^/]+"),
}
"""Paths of the restricted operations of other APIs, for which clients request tokens too (SP-API docs, "Tokens API use
case guide", list of restricted operations). A path may name a resource or keep the parameter in braces.
"""

DATA_ELEMENTS = frozenset({"buyerInfo", "buyerTaxInformation", "shippingAddress"})
"""The kinds of personal data that a resource may name (the same guide)."""


async def create_restricted_data_token(state: State, call: Call) -> Answer:
    """A token for the given resources. It lasts as long as an access token.

    A report document must exist and be of a restricted type (selling-partner-api-docs issues 1009 and 3671). The
    texts for an empty list and for forbidden data elements are those of issues 2288 and 1201.
    """
    body = call.body if isinstance(call.body, dict) else {}
    resources = body.get("restrictedResources")
    if resources == []:
        raise invalid_input("Empty target resource arguement found")
    if not isinstance(body.get("targetApplication"), str | None):
        raise _invalid("targetApplication must be a string")
    if not isinstance(resources, list) or len(resources) not in RESOURCES:
        raise _invalid(f"restrictedResources must have between {RESOURCES.start} and {RESOURCES.stop - 1} resources")
    lifetime = state.settings.access_token_seconds
    token = AccessToken(
        call.token.client_id,
        state.clock.now() + timedelta(seconds=lifetime),
        call.token.client_secret,
        seller_id=call.token.seller_id,
        restricted_resources=tuple(_resource(state, call, resource) for resource in resources),
    )
    return Answer(200, {"restrictedDataToken": restricted_token(state, token), "expiresIn": lifetime})


def _resource(state: State, call: Call, resource: Json) -> RestrictedResource:
    if (
        not isinstance(resource, dict)
        or resource.get("method") not in METHODS
        or not isinstance(resource.get("path"), str)
    ):
        raise _invalid("Resource not provided.")
    method, path = resource["method"], resource["path"]
    if method == "GET" and (found := DOCUMENT_PATH.fullmatch(path)):
        document = own_document(state, call.token.seller_id, call.region, found[1])
        if document is None or document.report_type not in RESTRICTED_TYPES:
            raise invalid_input("Invalid or unsupported document ID found")
    elif not RESTRICTED_OPERATIONS[method].fullmatch(path):
        raise invalid_input("Application do not have access to some or all requested resource")
    _check_data_elements(resource.get("dataElements"))
    return RestrictedResource(method, path)


def _check_data_elements(elements: Json) -> None:
    if elements is None:
        return
    if not isinstance(elements, list) or not all(isinstance(element, str) for element in elements):
        raise _invalid("dataElements must be a list of strings")
    if unknown := [element for element in elements if element not in DATA_ELEMENTS]:
        names = ", ".join(unknown)
        raise invalid_input(f"Application does not have access to one or more requested data elements: [{names}]")


def _invalid(details: str) -> OperationError:
    """The Tokens API uses another code than the other APIs for this (its sandbox example)."""
    return OperationError(400, "InvalidRequest", "Request is missing or has invalid parameters", details)
