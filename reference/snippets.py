"""The example request of each endpoint as HTTP, and with the clients in docs/examples."""

import json
import shlex
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, urlencode

from reference.endpoints import METHODS_WITH_BODY, Endpoint
from reference.examples import REQUESTS

# The name of each address by the beginning of its path: the variable of a program, and of a shell.
NAMES: Mapping[str, tuple[str, str, str]] = {
    "tokens": ("tokens", "tokens", "TOKENS_URL"),
    "notifications": ("notifications", "notifications", "NOTIFICATIONS_URL"),
    "reports": ("reports", "reports", "REPORTS_URL"),
    "schedules": ("schedules", "schedules", "SCHEDULES_URL"),
    "product-types": ("product_types", "productTypes", "PRODUCT_TYPES_URL"),
    "listings": ("listings", "listings", "LISTINGS_URL"),
    "listings/feeds": ("listing_feeds", "listingFeeds", "LISTING_FEEDS_URL"),
    "authorizations": ("authorizations", "authorizations", "AUTHORIZATIONS_URL"),
}
# The output with each address.
OUTPUTS: Mapping[str, str] = {
    "tokens": "TokenStorageUrl",
    "notifications": "NotificationsSubscriberUrl",
    "reports": "ReportCreatorUrl",
    "schedules": "ReportSchedulesUrl",
    "product-types": "ProductTypesUrl",
    "listings": "ListingsUrl",
    "listings/feeds": "ListingFeedsUrl",
    "authorizations": "AuthorizationsUrl",
}


# As in pyproject.toml: ruff also formats the code in documents.
_LINE = 120


def snippets(endpoint: Endpoint) -> Mapping[str, tuple[str, str]]:
    """Language and text of the request, by the heading above it."""
    return {
        "HTTP": ("http", http(endpoint)),
        "curl": ("sh", curl(endpoint)),
        "Python": ("python", python(endpoint)),
        "Node.js": ("js", node(endpoint)),
    }


def http(endpoint: Endpoint) -> str:
    """The request as it is sent."""
    fields, query = _sent(endpoint), ""
    body = f"\n\n{json.dumps(fields, indent=2, ensure_ascii=False)}" if endpoint.method in METHODS_WITH_BODY else ""
    if fields and not body:
        query = f"?{urlencode(sorted(fields.items()), quote_via=quote)}"
    headers = [
        f"Host: {{{endpoint.api}Id}}.execute-api.{{region}}.amazonaws.com",
        "Authorization: AWS4-HMAC-SHA256 ...",
        *(["Content-Type: application/json"] if body else []),
    ]
    return "\n".join([f"{endpoint.method} /prod{_path(endpoint)}{query} HTTP/1.1", *headers]) + body


def curl(endpoint: Endpoint) -> str:
    """With docs/examples/host_product.sh."""
    variable = NAMES[_root(endpoint)][2]
    address, fields = f"${variable}{_rest(endpoint)}", _sent(endpoint)
    if endpoint.method in METHODS_WITH_BODY:
        method = "" if endpoint.method == "POST" else f"{endpoint.method} "
        body = shlex.quote(json.dumps(fields, indent=2, ensure_ascii=False))
        return f'bash host_product.sh {method}"{address}" {body}'
    query = f"?{urlencode(sorted(fields.items()), quote_via=quote)}" if fields else ""
    return f'bash host_product.sh {endpoint.method} "{address}{query}"'


def python(endpoint: Endpoint) -> str:
    """With docs/examples/host_product.py or host_product_botocore.py."""
    variable, rest, fields = NAMES[_root(endpoint)][0], _rest(endpoint), _sent(endpoint)
    address = f'f"{{{variable}}}{rest}"' if rest else variable
    if endpoint.method not in METHODS_WITH_BODY:
        given = "".join(f", {name}={_python(value)}" for name, value in fields.items())
        return f"product.{_call(endpoint)}({address}{given})"
    if not fields:
        return f"product.{_call(endpoint)}({address}, {{}})"
    entries = "".join(f'    "{name}": {_python(value, "    ", len(name) + 5)},\n' for name, value in fields.items())
    return f"fields = {{\n{entries}}}\nproduct.{_call(endpoint)}({address}, fields)"


def node(endpoint: Endpoint) -> str:
    """With docs/examples/host_product.mjs."""
    variable, rest, fields = NAMES[_root(endpoint)][1], _rest(endpoint), _sent(endpoint)
    address = f"`${{{variable}}}{rest}`" if rest else variable
    given = f", {_javascript(fields)}" if fields or endpoint.method in METHODS_WITH_BODY else ""
    return f"await product.{_call(endpoint)}({address}{given})"


def _call(endpoint: Endpoint) -> str:
    creates = endpoint.method == "POST" and any(field.name == "ClientToken" for field in endpoint.fields)
    return "create" if creates else endpoint.method.lower()


def _sent(endpoint: Endpoint) -> Mapping[str, Any]:
    """The example's fields that are not in the path."""
    in_path = {field.name for field in endpoint.fields_in("path")}
    return {name: value for name, value in REQUESTS[endpoint.route].items() if name not in in_path}


def _path(endpoint: Endpoint) -> str:
    path = endpoint.path
    for field in endpoint.fields_in("path"):
        value = quote(str(REQUESTS[endpoint.route][field.name]), safe="")
        path = path.replace(f"{{{endpoint.path_name(field)}}}", value)
    return path


def _root(endpoint: Endpoint) -> str:
    """The longest one: /listings/feeds has another address than /listings."""
    return max((root for root in NAMES if f"{endpoint.path}/".startswith(f"/{root}/")), key=len)


def _rest(endpoint: Endpoint) -> str:
    return _path(endpoint).removeprefix(f"/{_root(endpoint)}")


def _python(value: object, indent: str = "", used: int = 0) -> str:
    """In one line if that fits, else as ruff formats it. `used` is how much of the line is taken beside the indent."""
    inner = indent + "    "
    match value:
        case dict():
            line = f"{{{', '.join(f'{json.dumps(name)}: {_python(entry)}' for name, entry in value.items())}}}"
            entries = [f"{json.dumps(name)}: {_python(entry, inner, len(name) + 5)}," for name, entry in value.items()]
            lines, ends = entries, "{}"
        case list():
            line = f"[{', '.join(map(_python, value))}]"
            comma = "," if len(value) > 1 else ""
            lines, ends = [f"{_python(entry, inner)}{comma}" for entry in value], "[]"
        case bool() | None:
            return str(value)
        case _:
            return json.dumps(value, ensure_ascii=False)
    if not indent or len(indent) + used + len(line) < _LINE:
        return line
    return "\n".join([ends[0], *(f"{inner}{text}" for text in lines), f"{indent}{ends[1]}"])


def _javascript(value: object, indent: str = "") -> str:
    inner = indent + "  "
    match value:
        case dict():
            entries = [f"{inner}{name}: {_javascript(entry, inner)},\n" for name, entry in value.items()]
            return "{\n" + "".join(entries) + indent + "}" if entries else "{}"
        case list():
            return f"[{', '.join(_javascript(entry, indent) for entry in value)}]"
    return json.dumps(value, ensure_ascii=False)
