"""The OpenAPI document of the REST APIs."""

from collections.abc import Mapping
from typing import Any

from quickstart import VERSION
from quickstart.validation import FieldDescription
from reference.endpoints import METHODS_WITH_BODY, Endpoint, PublicPage
from reference.examples import ANSWERS, REFUSALS, REQUESTS, body_of

TEXT: Mapping[str, str] = {"type": "string"}
ERROR: Mapping[str, Any] = {
    "type": "object",
    "description": "Why a request was rejected. `errors` lists every problem of the request.",
    "required": ["message"],
    "properties": {
        "message": {"type": "string"},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["code", "message", "documentation"],
                "properties": {
                    "field": {"type": "string"},
                    "code": {"type": "string"},
                    "message": {"type": "string"},
                    "documentation": {
                        "type": "string",
                        "description": "The section of the project's docs/errors.md about this code.",
                    },
                },
            },
        },
        "requestId": {"type": "string", "description": "Use it to find the request in the function's log."},
    },
}

# Amazon API Gateway Developer Guide, "Gateway response types": what API Gateway answers by itself has `message`, except
# where IAM denies, which has `Message`. Not one schema with both: generators for many languages fold the two names.
GATEWAY_ERROR: Mapping[str, Any] = {
    "description": "API Gateway rejected the request, and no function ran. Accept both forms.",
    "oneOf": [
        {
            "title": "GatewayRefusal",
            "type": "object",
            "description": "The signature is missing or wrong, or the API has no such stage, path or method.",
            "required": ["message"],
            "properties": {"message": {"type": "string"}},
        },
        {
            "title": "AccessDenied",
            "type": "object",
            "description": "IAM denies execute-api:Invoke to the caller.",
            "required": ["Message"],
            "properties": {"Message": {"type": "string"}},
        },
    ],
}

RETRY_AFTER: Mapping[str, Any] = {
    "description": "Seconds after which the request can be sent again.",
    "schema": {"type": "integer", "minimum": 1},
}


def openapi(endpoints: tuple[Endpoint, ...], pages: tuple[PublicPage, ...]) -> Mapping[str, Any]:
    """OpenAPI 3.1. Each REST API has its own address, so every path has its own server."""
    paths: dict[str, dict[str, Any]] = {}
    for endpoint in endpoints:
        path = paths.setdefault(endpoint.path, {"servers": [_server(endpoint.api)]})
        path[endpoint.method.lower()] = _operation(endpoint)
    for page in pages:
        paths[page.path] = {"servers": [_server(page.api)], "get": _page(page)}
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Selling Partner API Quick Start",
            "version": VERSION,
            "description": "Sign requests with AWS Signature Version 4 for the service execute-api.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [_server("ReportCreatorRestApi")],
        "security": [{"sigv4": []}],
        "tags": [{"name": api, "description": f"The REST API {api}."} for api in sorted({e.api for e in endpoints})],
        "paths": paths,
        "components": {
            "securitySchemes": {
                "sigv4": {
                    "type": "apiKey",
                    "name": "Authorization",
                    "in": "header",
                    "description": "AWS Signature Version 4",
                    "x-amazon-apigateway-authtype": "awsSigv4",
                }
            },
            "schemas": {"Error": ERROR, "GatewayError": GATEWAY_ERROR},
        },
    }


def _server(api: str) -> Mapping[str, Any]:
    return {
        "url": "https://{apiId}.execute-api.{region}.amazonaws.com/prod",
        "variables": {
            "apiId": {"default": "api-id", "description": f"The stack's output {api}Id."},
            "region": {"default": "us-east-1"},
        },
    }


def _operation(endpoint: Endpoint) -> Mapping[str, Any]:
    operation: dict[str, Any] = {
        "operationId": _operation_id(endpoint),
        "summary": endpoint.summary,
        "description": f"Function: {endpoint.function}.",
        "tags": [endpoint.api],
        "responses": {
            "200": {"description": "Success.", "content": _json({"type": "object"}, ANSWERS[endpoint.route])},
            **{
                str(refusal.status): {
                    "description": refusal.when,
                    **({"headers": {"Retry-After": RETRY_AFTER}} if refusal.retry_after else {}),
                    "content": _json({"$ref": f"#/components/schemas/{refusal.schema}"}, refusal.body),
                }
                for refusal in REFUSALS
                if refusal.applies_to(endpoint)
            },
        },
    }
    if endpoint.method in METHODS_WITH_BODY:
        sent = endpoint.fields_in("body")
        schema = {
            "type": "object",
            "required": [field.name for field in sent if field.required],
            "additionalProperties": False,
            "properties": {field.name: _schema(field) for field in sent},
        }
        operation["requestBody"] = {"required": True, "content": _json(schema, body_of(endpoint))}
    parameters = [_parameter(endpoint, field) for field in endpoint.fields if endpoint.location(field) != "body"]
    return operation | ({"parameters": parameters} if parameters else {})


def _page(page: PublicPage) -> Mapping[str, Any]:
    """A page for browsers, which carries no signature."""
    html = {"text/html": {"schema": {"type": "string"}}}
    return {
        "operationId": "get" + "".join(part.capitalize() for part in page.path.strip("/").split("/")),
        "summary": page.summary,
        "description": f"Public: Amazon sends the selling partner's browser here. Served by {page.function}.",
        "tags": [page.api],
        "security": [],
        "parameters": [
            {"name": name, "in": "query", "required": name != "version", "description": rule, "schema": TEXT}
            for name, rule in page.parameters.items()
        ],
        "responses": {
            "200": {"description": "A page that says what happened.", "content": html},
            "303": {"description": "Redirects to an address of your product that the stack's parameters allow."},
            "4XX": {"description": "A page that says what was wrong with the link.", "content": html},
            "5XX": {"description": "A page that says what failed and what to do.", "content": html},
        },
    }


def _operation_id(endpoint: Endpoint) -> str:
    """get /reports/{reportId}: getReportsReportId."""
    parts = [part.strip("{}") for part in endpoint.path.split("/") if part]
    return endpoint.method.lower() + "".join(part[0].upper() + part[1:] for part in parts)


def _parameter(endpoint: Endpoint, field: FieldDescription) -> Mapping[str, Any]:
    where = endpoint.location(field)
    parameter: dict[str, Any] = {
        "name": endpoint.path_name(field) if where == "path" else field.name,
        "in": where,
        "required": field.required,
        "description": field.rule,
        "schema": dict(field.schema),
    }
    if field.name in REQUESTS[endpoint.route]:
        parameter["example"] = REQUESTS[endpoint.route][field.name]
    return parameter


def _schema(field: FieldDescription) -> Mapping[str, Any]:
    return {"description": field.rule, **field.schema}


def _json(schema: Mapping[str, Any], example: object) -> Mapping[str, Any]:
    return {"application/json": {"schema": schema, "example": example}}
