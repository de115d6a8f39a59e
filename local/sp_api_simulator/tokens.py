"""The Tokens API: restricted data tokens."""

from __future__ import annotations

import re
from datetime import timedelta

from sp_api_simulator.calls import Answer, Call
from sp_api_simulator.errors import OperationError, invalid_input
from sp_api_simulator.lwa import restricted_token
from sp_api_simulator.reports import RESTRICTED_TYPES, own_document
from sp_api_simulator.state import AccessToken, Json, RestrictedResource, State

RESOURCES = range(1, 51)
METHODS = ("GET", "PUT", "POST", "DELETE")
DOCUMENT_PATH = re.compile(r"/reports/2021-06-30/documents/([^/]+)")
OTHER_RESTRICTED_PATHS = re.compile(
    r"/orders/v0/orders(/[^/]+(/(orderItems|address|buyerInfo|regulatedInfo|orderItems/buyerInfo))?)?"
    r"|/mfn/v0/shipments(/[^/]+)?"
    r"|/shipping/v[12]/shipments/[^/]+"
    r"|/fba/inbound/v0/shipments/[^/]+/(labels|billOfLading)"
    r"|/vendor/directFulfillment/(orders|shipping)/(v1|2021-12-28)/.+"
)
"""Operations of APIs that the simulator does not have but that tokens are asked for (SP-API docs, "Tokens API use case
guide").
"""


async def create_restricted_data_token(state: State, call: Call) -> Answer:
    """A token for the resources named, good as long as an access token.

    A report document must exist and be of a restricted type (selling-partner-api-docs issues 1009 and 3671).
    """
    body = call.body if isinstance(call.body, dict) else {}
    resources = body.get("restrictedResources")
    if not isinstance(resources, list) or len(resources) not in RESOURCES:
        raise _invalid(f"restrictedResources must have between {RESOURCES.start} and {RESOURCES.stop - 1} resources")
    lifetime = state.settings.access_token_seconds
    token = AccessToken(
        call.token.client_id,
        state.clock.now() + timedelta(seconds=lifetime),
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
    path = resource["path"]
    if found := DOCUMENT_PATH.fullmatch(path):
        document = own_document(state, call.token.seller_id, call.region, found[1])
        if document is None or document.report_type not in RESTRICTED_TYPES:
            raise invalid_input("Invalid or unsupported document ID found")
    elif not OTHER_RESTRICTED_PATHS.fullmatch(path):
        raise invalid_input("Application do not have access to some or all requested resource")
    return RestrictedResource(resource["method"], path)


def _invalid(details: str) -> OperationError:
    """The Tokens API has a code of its own for this (its sandbox example)."""
    return OperationError(400, "InvalidRequest", "Request is missing or has invalid parameters", details)
