"""API Gateway."""

from __future__ import annotations

import json
import re
import time
from typing import Any

from ministack import app
from ministack.core.iam_evaluator import resolve_caller_identity
from ministack.core.responses import new_uuid, request_scope
from ministack.core.router import extract_access_key_id
from ministack.services import apigateway_v1, cloudwatch, cloudwatch_logs
from ministack.services.cloudformation import provisioners

from aws_emulator.patching import wrap

CUSTOM_ID_TAG = "ms-custom-id"  # ministack uses the value of this tag as the id of an API
# Records that an import of a definition replaces, but that a changed definition must keep.
KEPT = (
    apigateway_v1._stages_v1,
    apigateway_v1._deployments_v1,
    apigateway_v1._deployed_gateway_responses,
)
LARGEST_BODY_BYTES = 10 * 1024 * 1024
LARGEST_EVENT_BYTES = 6 * 1024 * 1024  # Lambda's limit for synchronous invocations
SIGNED_FOR = re.compile(r"Credential=[^/,\s]+/\d+/(?P<region>[^/]+)/(?P<service>[^/]+)/aws4_request")
INTERNAL_SERVER_ERROR = "Internal server error"
STAGE_HANDLERS = provisioners._RESOURCE_HANDLERS["AWS::ApiGateway::Stage"]
VARIABLE = re.compile(r"\$context\.([A-Za-z.]*[A-Za-z])")


def changed_definition_keeps_the_api() -> None:
    """CloudFormation imports a changed Body into the same REST API, which keeps its id; ministack creates a new API."""

    @wrap(provisioners._RESOURCE_HANDLERS["AWS::ApiGateway::RestApi"], "update", "9dee2ef4d951")
    def update(
        original: Any, api_id: str, old: dict[str, Any], new: dict[str, Any], stack: str, logical_id: str = ""
    ) -> Any:
        if new.get("Body") == old.get("Body"):
            return original(api_id, old, new, stack, logical_id)
        kept = [(records, records[api_id]) for records in KEPT if api_id in records]
        properties = {**new, "Tags": [*new.get("Tags", []), {"Key": CUSTOM_ID_TAG, "Value": api_id}]}
        apigateway_v1._delete_rest_api(api_id)
        made = provisioners._apigw_rest_api_create(logical_id or api_id, properties, stack)
        apigateway_v1._rest_apis[api_id]["tags"].pop(CUSTOM_ID_TAG)
        for records, record in kept:
            records[api_id] = record
        return made


def unknown_methods_lack_a_token() -> None:
    """API Gateway finds the method before it checks the signature: a request for an unknown stage, path or method gets
    403 "Missing Authentication Token", and so does a path with a slash at the end. ministack checks the caller's
    policies first, answers "Forbidden" for an unknown stage, and ignores the slash."""

    @wrap(app, "_enforce_execute_api", "41e437c7b90d")
    def enforce(
        original: Any, api_id: str, stage: str, method: str, path: str, headers: Any, query: Any, **options: Any
    ) -> Any:
        known = "" not in path.split("/")[1:] and apigateway_v1.method_authorization_type(api_id, stage, method, path)
        if apigateway_v1.find_api_scope(api_id) is None or known:
            return original(api_id, stage, method, path, headers, query, **options)
        return _refusal("MissingAuthenticationTokenException", "Missing Authentication Token")


def signatures_are_for_this_service() -> None:
    """API Gateway accepts only a signature for its region and the service execute-api; ministack accepts one for any
    service, and denies one for another region as if a policy were missing."""

    @wrap(app, "_enforce_execute_api", "41e437c7b90d")
    def enforce(
        original: Any, api_id: str, stage: str, method: str, path: str, headers: Any, query: Any, **options: Any
    ) -> Any:
        signed = SIGNED_FOR.search(headers.get("authorization", ""))
        scope = apigateway_v1.find_api_scope(api_id)
        message = ""
        if signed and scope is not None and signed["region"] != scope[1]:
            message += "Credential should be scoped to a valid region. "
        if signed and signed["service"] != "execute-api":
            message += "Credential should be scoped to correct service: 'execute-api'. "
        if message:
            return _refusal("InvalidSignatureException", message)
        return original(api_id, stage, method, path, headers, query, **options)


def denials_have_a_capital_message() -> None:
    """If IAM denies a call, API Gateway answers {"Message": ...}, with a capital M, and names the resource; ministack
    answers {"__type": ..., "message": ...}."""

    @wrap(app, "_enforce_execute_api", "41e437c7b90d")
    def enforce(
        original: Any, api_id: str, stage: str, method: str, path: str, headers: Any, query: Any, **options: Any
    ) -> Any:
        denied = original(api_id, stage, method, path, headers, query, **options)
        if denied is None or apigateway_v1.find_api_scope(api_id) is None:
            return denied
        answer = json.loads(denied[2])
        if "__type" not in answer:  # an answer of API Gateway's own, about the signature
            return denied
        account, region = apigateway_v1.find_api_scope(api_id)
        resource = f"arn:aws:execute-api:{region}:********{account[-4:]}:{api_id}/{stage}/{method}{path}"
        action = "execute-api:Invoke"
        message = answer["message"].replace(f"to perform: {action}", f"to perform: {action} on resource: {resource}", 1)
        return _refusal("AccessDeniedException", message, "Message")


def large_bodies_are_refused() -> None:
    """API Gateway rejects a body of more than 10 MB, in plain text, and Lambda an event of more than 6 MB; ministack
    accepts any size."""

    @wrap(app, "_handle_execute_api_request", "77a20f6d604b")
    async def handle(
        original: Any, host: str, path: str, method: str, headers: Any, body: bytes, query: Any, **options: Any
    ) -> Any:
        if len(body) > LARGEST_BODY_BYTES and app._parse_execute_api_url(host, path):
            answer = f"HTTP content length exceeded {LARGEST_BODY_BYTES} bytes."
            return 413, {"Content-Type": "text; charset=utf-8"}, answer.encode()
        return await original(host, path, method, headers, body, query, **options)

    @wrap(apigateway_v1, "_call_lambda_raw", "a2df5d6c5b30")
    async def call(original: Any, function: str, event: Any, **options: Any) -> Any:
        if len(json.dumps(event, ensure_ascii=False).encode()) > LARGEST_EVENT_BYTES:
            headers = {"Content-Type": "application/json", "x-amzn-ErrorType": "BadRequestException"}
            return {"body": {"statusCode": 413, "headers": headers, "body": '{"message": "Request Too Long"}'}}, None
        return await original(function, event, **options)


def paths_stay_encoded() -> None:
    """A REST API finds the method for a path as it was sent, and passes its parameters percent-encoded: an encoded
    slash is part of a segment. ministack decodes the path first."""

    @wrap(app, "_handle_execute_api_request", "77a20f6d604b")
    async def handle(
        original: Any, host: str, path: str, method: str, headers: Any, body: bytes, query: Any, **options: Any
    ) -> Any:
        raw = options.get("raw_path")
        sent = raw if raw and app._parse_execute_api_url(host, path) else path
        return await original(host, sent, method, headers, body, query, **options)


def failed_functions_are_internal_server_errors() -> None:
    """If a function fails, or does not return an object, API Gateway answers 502 {"message": "Internal server error"};
    ministack answers with the function's error and stack, or with what it returned."""

    @wrap(apigateway_v1, "_lambda_proxy_response", "3a5b91b76870")
    def response(original: Any, result: dict[str, Any]) -> Any:
        if not result.get("throttle") and (result.get("error") or not isinstance(result.get("body"), dict)):
            return None, INTERNAL_SERVER_ERROR
        return original(result)


def requests_are_logged_and_counted() -> None:
    """A stage writes a line for each request to its access log, and API Gateway publishes the metrics Count, 4XXError
    and 5XXError for each API; ministack does neither. Here, a variable that is not in _variables() is "-", which API
    Gateway writes for a value that it does not have. (API Gateway developer guide, "Variables for access logging".)"""

    @wrap(STAGE_HANDLERS, "create", "eb1c734cddf7")
    def create(original: Any, logical_id: str, properties: dict[str, Any], stack: str) -> Any:
        made = original(logical_id, properties, stack)
        _keep_log_settings(properties)
        return made

    @wrap(STAGE_HANDLERS, "update", "6d98ef2a9198")
    def update(original: Any, stage: str, old: dict[str, Any], new: dict[str, Any], stack: str) -> Any:
        updated = original(stage, old, new, stack)
        _keep_log_settings(new)
        return updated

    @wrap(app, "_handle_execute_api_request", "77a20f6d604b")
    async def handle(
        original: Any, host: str, path: str, method: str, headers: Any, body: bytes, query: Any, **options: Any
    ) -> Any:
        begin = time.time()
        answer = await original(host, path, method, headers, body, query, **options)
        api_id, stage_name, route = app._parse_execute_api_url(host, path) or ("", "", "")
        scope = apigateway_v1.find_api_scope(api_id)
        if answer is None or scope is None:
            return answer
        with request_scope(*scope):
            stage = apigateway_v1._stages_v1.get(api_id, {}).get(stage_name)
            if stage is not None:
                _count(apigateway_v1._rest_apis[api_id]["name"], answer[0])
                _write_access_log(stage, _variables(api_id, route, method, headers, answer, begin))
        return answer


def _keep_log_settings(properties: dict[str, Any]) -> None:
    stage = apigateway_v1._stages_v1[properties["RestApiId"]][properties["StageName"]]
    setting = properties.get("AccessLogSetting") or {}
    stage["accessLogSettings"] = {
        name[0].lower() + name[1:]: setting[name] for name in ("DestinationArn", "Format") if name in setting
    }


def _count(api: str, status: int) -> None:
    for metric, counted in (("Count", True), ("4XXError", 400 <= status < 500), ("5XXError", status >= 500)):
        cloudwatch.record_metric("AWS/ApiGateway", metric, int(counted), "Count", {"ApiName": api})


def _variables(
    api_id: str, route: str, method: str, headers: dict[str, str], answer: Any, begin: float
) -> dict[str, str]:
    status, answered, _ = answer
    resource, _ = apigateway_v1._match_resource_tree(api_id, [part for part in route.split("/") if part])
    caller = resolve_caller_identity(extract_access_key_id(headers, {})) or {}
    return {
        "requestId": next((answered[name] for name in answered if name.lower() == "x-amzn-requestid"), new_uuid()),
        "requestTimeEpoch": str(int(begin * 1000)),
        "identity.userArn": caller.get("userArn", "-"),
        "identity.sourceIp": "127.0.0.1",
        "httpMethod": method,
        "resourcePath": (resource or {}).get("path", "-"),
        "status": str(status),
        "responseLatency": str(int((time.time() - begin) * 1000)),
    }


def _write_access_log(stage: dict[str, Any], variables: dict[str, str]) -> None:
    settings = stage.get("accessLogSettings") or {}
    group = settings.get("destinationArn", "").rpartition(":log-group:")[2].removesuffix(":*")
    if group not in cloudwatch_logs._log_groups:
        return
    name = f"access-{stage['stageName']}"
    if name not in cloudwatch_logs._log_groups[group]["streams"]:
        cloudwatch_logs._create_log_stream({"logGroupName": group, "logStreamName": name})
    line = VARIABLE.sub(lambda found: variables.get(found[1], "-"), settings["format"])
    cloudwatch_logs._put_log_events({"logGroupName": group, "logStreamName": name, "logEvents": [{"message": line}]})


def _refusal(error_type: str, message: str, key: str = "message") -> tuple[int, dict[str, str], bytes]:
    headers = {"Content-Type": "application/json", "x-amzn-ErrorType": error_type}
    return 403, headers, json.dumps({key: message}).encode()
