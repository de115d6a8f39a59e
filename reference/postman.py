"""The Postman collection (v2.1): a folder for each API, and one that assumes the role."""

import json
import re
from collections.abc import Mapping
from typing import Any

from reference.endpoints import METHODS_WITH_BODY, Endpoint
from reference.examples import ANSWERS, REFUSALS, REQUESTS

SCHEMA = "https://schema.getpostman.com/json/collection/v2.1.0/collection.json"
# Which variable holds an API's id, as the original's guide names them.
API_ID_VARIABLES: Mapping[str, str] = {
    "TokenStorageRestApi": "tokenStorageApiId",
    "NotificationsSubscriberRestApi": "notificationsSubscriberApiId",
    "ReportCreatorRestApi": "reportCreatorApiId",
}
FOLDERS: Mapping[str, str] = {
    "TokenStorageRestApi": "Token Storage",
    "NotificationsSubscriberRestApi": "Notifications Subscriber",
    "ReportCreatorRestApi": "Report Creator",
}
JSON_HEADER = [{"key": "Content-Type", "value": "application/json"}]
# Fields whose values a person fills in once, or that an earlier answer gives.
FIELD_VARIABLES: Mapping[str, str] = {
    "SellerId": "sellerId",
    "RefreshToken": "refreshToken",
    "ReportId": "reportId",
    "ReportScheduleId": "reportScheduleId",
}
SECRET_VARIABLES = ("iamUserSecretKey", "secretAccessKey", "sessionToken", "refreshToken")
LEAVING = "DELETE /tokens/{sellerId}"
ASSUME_ROLE_TEST = """\
const answer = xml2Json(pm.response.text());
pm.test("the role is assumed", () => pm.response.to.have.status(200));
const credentials = answer.AssumeRoleResponse.AssumeRoleResult.Credentials;
pm.collectionVariables.set("accessKeyId", credentials.AccessKeyId);
pm.collectionVariables.set("secretAccessKey", credentials.SecretAccessKey);
pm.collectionVariables.set("sessionToken", credentials.SessionToken);
"""


def postman(endpoints: tuple[Endpoint, ...]) -> Mapping[str, Any]:
    """The collection, which targets AWS; an environment may override the base addresses."""
    return {
        "info": {
            "name": "Selling Partner API Quick Start",
            "description": "Fill in the collection variables (the stack's outputs, and an access key of "
            "ApiGatewayInvokeUser), send `STS Assume API Gateway Role`, then any other request. The temporary "
            "credentials last an hour.",
            "schema": SCHEMA,
        },
        "auth": _awsv4("{{accessKeyId}}", "{{secretAccessKey}}", "{{sessionToken}}", "execute-api"),
        "variable": _variables(),
        "item": [
            {"name": "Security Token Service", "item": [_assume_role()]},
            *(
                {
                    "name": name,
                    "item": [
                        _item(endpoint) for endpoint in endpoints if endpoint.api == api and endpoint.route != LEAVING
                    ],
                }
                for api, name in FOLDERS.items()
            ),
            # Last, because nothing works for a seller who has left.
            {"name": "Leaving", "item": [_item(endpoint) for endpoint in endpoints if endpoint.route == LEAVING]},
        ],
    }


def _variables() -> list[Mapping[str, Any]]:
    empty = [
        "iamUserAccessKey",
        "iamUserSecretKey",
        "iamRoleArn",
        *API_ID_VARIABLES.values(),
        "stackRegion",
        "accessKeyId",
        "secretAccessKey",
        "sessionToken",
        *FIELD_VARIABLES.values(),
    ]
    bases = {
        "stsBase": "https://sts.{{stackRegion}}.amazonaws.com",
        **{
            _base(api): f"https://{{{{{variable}}}}}.execute-api.{{{{stackRegion}}}}.amazonaws.com/prod"
            for api, variable in API_ID_VARIABLES.items()
        },
    }
    return [
        *({"key": name, "value": "", "type": "secret" if name in SECRET_VARIABLES else "string"} for name in empty),
        *({"key": name, "value": value, "type": "string"} for name, value in bases.items()),
    ]


def _base(api: str) -> str:
    return API_ID_VARIABLES[api].removesuffix("ApiId") + "Base"


def _assume_role() -> Mapping[str, Any]:
    form = {
        "Action": "AssumeRole",
        "Version": "2011-06-15",
        "RoleArn": "{{iamRoleArn}}",
        "RoleSessionName": "postman",
    }
    return {
        "name": "STS Assume API Gateway Role",
        "event": [_test(ASSUME_ROLE_TEST)],
        "request": {
            "description": "Stores temporary credentials of ApiGatewayInvokeRole in the collection's variables.",
            "auth": _awsv4("{{iamUserAccessKey}}", "{{iamUserSecretKey}}", "", "sts"),
            "method": "POST",
            "header": [],
            "url": "{{stsBase}}/",
            "body": {"mode": "urlencoded", "urlencoded": [{"key": key, "value": value} for key, value in form.items()]},
        },
    }


def _item(endpoint: Endpoint) -> Mapping[str, Any]:
    request = _request(endpoint)
    keys = json.dumps(sorted(ANSWERS[endpoint.route]))
    script = f"""\
pm.test("the answer is 200", () => pm.response.to.have.status(200));
pm.test("the answer has its fields", () => pm.expect(pm.response.json()).to.include.all.keys({keys}));
"""
    answers = [(200, "Success", ANSWERS[endpoint.route])]
    answers += [(refusal.status, refusal.when, refusal.body) for refusal in REFUSALS if refusal.applies_to(endpoint)]
    return {
        "name": endpoint.route,
        "event": [_test(script + _remember(endpoint))],
        "request": request,
        "response": [
            {
                "name": f"{status} {when}",
                "originalRequest": request,
                "code": status,
                "_postman_previewlanguage": "json",
                "header": JSON_HEADER,
                "body": json.dumps(body, indent=2),
            }
            for status, when, body in answers
        ],
    }


def _remember(endpoint: Endpoint) -> str:
    """What later requests need of this one's answer."""
    remembered = {"POST /reports": ("reportId",), "POST /schedules": ("reportScheduleId",)}.get(endpoint.route, ())
    return "".join(f'pm.collectionVariables.set("{name}", pm.response.json().{name});\n' for name in remembered)


def _request(endpoint: Endpoint) -> Mapping[str, Any]:
    values = {
        name: f"{{{{{FIELD_VARIABLES[name]}}}}}" if name in FIELD_VARIABLES else value
        for name, value in REQUESTS[endpoint.route].items()
    }
    path = re.sub(r"\{(\w+)\}", lambda found: str(values[found[1][:1].upper() + found[1][1:]]), endpoint.path)
    query = [
        {"key": field.name, "value": str(values.get(field.name, "")), "disabled": field.name not in values}
        for field in endpoint.fields
        if endpoint.location(field) == "query"
    ]
    raw = f"{{{{{_base(endpoint.api)}}}}}{path}"
    sent = "&".join(f"{entry['key']}={entry['value']}" for entry in query if not entry["disabled"])
    request: dict[str, Any] = {
        "description": _description(endpoint),
        "method": endpoint.method,
        "header": JSON_HEADER if endpoint.method in METHODS_WITH_BODY else [],
        "url": {
            "raw": f"{raw}?{sent}" if sent else raw,
            "host": [f"{{{{{_base(endpoint.api)}}}}}"],
            "path": path.lstrip("/").split("/"),
            "query": query,
        },
    }
    if endpoint.method in METHODS_WITH_BODY:
        text = json.dumps(values, indent=2)
        request["body"] = {"mode": "raw", "raw": text, "options": {"raw": {"language": "json"}}}
    return request


def _description(endpoint: Endpoint) -> str:
    fields = "\n".join(
        f"- `{field.name}` ({'required' if field.required else 'optional'}): {field.rule}" for field in endpoint.fields
    )
    return f"{endpoint.summary}\n\n{fields}"


def _awsv4(access_key: str, secret_key: str, session_token: str, service: str) -> Mapping[str, Any]:
    values = {
        "accessKey": access_key,
        "secretKey": secret_key,
        "sessionToken": session_token,
        "region": "{{stackRegion}}",
        "service": service,
    }
    return {"type": "awsv4", "awsv4": [{"key": key, "value": value, "type": "string"} for key, value in values.items()]}


def _test(script: str) -> Mapping[str, Any]:
    return {"listen": "test", "script": {"type": "text/javascript", "exec": script.splitlines()}}
