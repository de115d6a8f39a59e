"""The OpenAPI document of the three REST APIs."""

from collections.abc import Mapping
from typing import Any

from quickstart.validation import FieldDescription
from quickstart.wiring import VERSION
from reference.endpoints import METHODS_WITH_BODY, Endpoint
from reference.examples import ANSWERS, REFUSALS, REQUESTS

ERROR: Mapping[str, Any] = {
    "type": "object",
    "description": "Why a request was refused; `errors` names everything that is wrong.",
    "required": ["message"],
    "properties": {
        "message": {"type": "string"},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["code", "message"],
                "properties": {
                    "field": {"type": "string"},
                    "code": {"type": "string"},
                    "message": {"type": "string"},
                },
            },
        },
        "requestId": {"type": "string", "description": "Finds the request in the function's log."},
    },
}


def openapi(endpoints: tuple[Endpoint, ...]) -> Mapping[str, Any]:
    """OpenAPI 3.1. Each REST API has an address of its own, so every path names its server."""
    paths: dict[str, dict[str, Any]] = {}
    for endpoint in endpoints:
        path = paths.setdefault(endpoint.path, {"servers": [_server(endpoint.api)]})
        path[endpoint.method.lower()] = _operation(endpoint)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Selling Partner API Quick Start",
            "version": VERSION,
            "description": "Requests are signed with AWS Signature Version 4, service execute-api.",
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
            "schemas": {"Error": ERROR},
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
        "description": f"Served by {endpoint.function}.",
        "tags": [endpoint.api],
        "responses": {
            "200": {"description": "Done.", "content": _json({"type": "object"}, ANSWERS[endpoint.route])},
            **{
                str(refusal.status): {
                    "description": refusal.when,
                    "content": _json({"$ref": "#/components/schemas/Error"}, refusal.body),
                }
                for refusal in REFUSALS
                if refusal.applies_to(endpoint)
            },
        },
    }
    if endpoint.method in METHODS_WITH_BODY:
        schema = {
            "type": "object",
            "required": [field.name for field in endpoint.fields if field.required],
            "additionalProperties": False,
            "properties": {field.name: _schema(field) for field in endpoint.fields},
        }
        operation["requestBody"] = {"required": True, "content": _json(schema, REQUESTS[endpoint.route])}
    else:
        operation["parameters"] = [_parameter(endpoint, field) for field in endpoint.fields]
    return operation


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
