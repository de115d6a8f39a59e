"""GET /product-types: stored product type definitions, links to their documents, and their changes."""

from collections.abc import Mapping
from typing import Any

from quickstart import http_api
from quickstart.invocation import Context
from quickstart.product_types import wiring
from quickstart.product_types.catalogue import (
    list_changes,
    list_definitions,
    read_changes_request,
    read_list_request,
    read_show_request,
    show_definition,
)
from quickstart.validation import Fields


def handler(event: Mapping[str, Any], context: Context) -> http_api.Answer:
    """{MarketplaceId, Query?, Requirements?, Locale?, ...} -> {"productTypes", "nextToken"?}; with {ProductType} one
    definition with links; under /changes {"changes", "nextToken"?}.
    """
    return http_api.answer(event, context, ROUTES)


def _list(fields: Fields) -> Mapping[str, object]:
    """Lists the stored product types of a marketplace by name."""
    request = read_list_request(fields)
    return list_definitions(wiring.product_types_table(), request)


def _show(fields: Fields) -> Mapping[str, object]:
    """Returns the definition of a product type, with links to Amazon's schema, to the schema with all references
    resolved, and to a table of the attributes.
    """
    key = read_show_request(fields)
    return show_definition(wiring.schema_storage(), wiring.schema_links(), key)


def _changes(fields: Fields) -> Mapping[str, object]:
    """Lists what changed in the product types of a marketplace, newest first."""
    request = read_changes_request(fields, of_one_type=False)
    return list_changes(wiring.product_types_table(), request)


def _changes_of_type(fields: Fields) -> Mapping[str, object]:
    """Lists what changed in a product type, newest first."""
    request = read_changes_request(fields, of_one_type=True)
    return list_changes(wiring.product_types_table(), request)


ROUTES: Mapping[str, http_api.Action] = {
    "GET /product-types": _list,
    "GET /product-types/changes": _changes,
    "GET /product-types/{productType}": _show,
    "GET /product-types/{productType}/changes": _changes_of_type,
}
