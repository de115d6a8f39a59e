"""The Postman collection (v2.1): a folder for each API, one for assuming the role, and one for requests that change or
delete something at Amazon or in the stack, which are skipped unless a variable allows them."""

import json
import re
from collections.abc import Mapping
from typing import Any

from reference.endpoints import METHODS_WITH_BODY, Endpoint
from reference.examples import ANSWERS, REFUSALS, REQUESTS

SCHEMA = "https://schema.getpostman.com/json/collection/v2.1.0/collection.json"
# The variable for each API's id, named as in the original Quick Start's guide.
API_ID_VARIABLES: Mapping[str, str] = {
    "TokenStorageRestApi": "tokenStorageApiId",
    "NotificationsSubscriberRestApi": "notificationsSubscriberApiId",
    "ReportCreatorRestApi": "reportCreatorApiId",
    "AuthorizationRestApi": "authorizationApiId",
    "ProductTypesRestApi": "productTypesApiId",
    "ListingsRestApi": "listingsApiId",
    "ListingFeedsRestApi": "listingFeedsApiId",
}
FOLDERS: Mapping[str, str] = {
    "TokenStorageRestApi": "Token Storage",
    "NotificationsSubscriberRestApi": "Notifications Subscriber",
    "ReportCreatorRestApi": "Report Creator",
    "AuthorizationRestApi": "Authorization",
    "ProductTypesRestApi": "Product Types",
    "ListingsRestApi": "Listings",
    "ListingFeedsRestApi": "Listing Feeds",
}
JSON_HEADER = [{"key": "Content-Type", "value": "application/json"}]
# Fields whose values the user enters once, or that an earlier response contains.
FIELD_VARIABLES: Mapping[str, str] = {
    "SellerId": "sellerId",
    "RefreshToken": "refreshToken",
    "ReportId": "reportId",
    "ReportScheduleId": "reportScheduleId",
    "AuthorizationId": "authorizationId",
    "PullId": "pullId",
    "SubmissionId": "submissionId",
    "FeedRequestId": "feedRequestId",
}
SECRET_VARIABLES = ("iamUserSecretKey", "secretAccessKey", "sessionToken", "refreshToken")
# Succeeds only for an authorization that Amazon sent to the log-in page.
AT_LOGIN_PAGE = "POST /authorizations/{authorizationId}/login"
# What these answer depends on how far the pull or the submission is.
UNFINISHED: Mapping[str, tuple[int, int]] = {
    "POST /product-types/pulls/{pullId}/resume": (200, 409),
    "GET /product-types/{productType}": (200, 404),
    "GET /listings/{sku}": (200, 404),
}
REMOVAL = "DELETE /tokens/{sellerId}"
# Beside every DELETE: these replace a schedule and change a listing at Amazon, or need such a request.
CHANGING = ("POST /schedules", "PATCH /listings/{sku}", "GET /listings/submissions/{submissionId}")
CHANGES_FOLDER = "Changing and deleting"
ALLOWED = "allowChanges"
# Skipped in a run of the whole collection, and also when somebody presses Send.
SKIP = f"""\
if (pm.variables.get("{ALLOWED}") !== "yes") {{
  console.log("Skipped: set the variable {ALLOWED} to yes to send requests that change or delete something.");
  pm.execution.skipRequest();
}}
"""
ARRIVAL = "GET /reports/{reportId}"
# In a run of the collection, the request is sent again until the report has arrived. Send ignores setNextRequest.
WAIT = """\
if (pm.collectionVariables.get("reportAsked")) setTimeout(() => {}, 3000);
"""
ARRIVAL_TEST = f"""\
const report = pm.response.json();
const ended = report.link || ["CANCELLED", "FATAL"].includes(report.processingStatus);
const asked = Number(pm.collectionVariables.get("reportAsked") || Date.now());
if (!ended && Date.now() - asked < 1000 * Number(pm.variables.get("reportWaitSeconds"))) {{
  pm.collectionVariables.set("reportAsked", String(asked));
  pm.execution.setNextRequest("{ARRIVAL}");
}} else {{
  pm.collectionVariables.unset("reportAsked");
  pm.test("the report has arrived", () => pm.expect(ended, "no link yet: send the request again later").to.be.ok);
}}
"""
# What each variable is, and where its value comes from.
DESCRIPTIONS: Mapping[str, str] = {
    "iamUserAccessKey": "The access key id of ApiGatewayInvokeUser: create an access key in the IAM console.",
    "iamUserSecretKey": "The secret of this access key.",
    "iamRoleArn": "The stack's output ApiGatewayInvokeRoleArn.",
    "stackRegion": "The stack's region, such as us-east-1.",
    "accessKeyId": "Temporary credentials: STS Assume API Gateway Role sets them. They expire after an hour.",
    "secretAccessKey": "Set by STS Assume API Gateway Role.",
    "sessionToken": "Set by STS Assume API Gateway Role.",
    "sellerId": "The selling partner's id, such as A3TH9S8BH6GOGM.",
    "refreshToken": "The refresh token that Login with Amazon issued for this selling partner.",
    "reportId": "Set by POST /reports.",
    "reportScheduleId": "Set by POST /schedules.",
    "authorizationId": "Set by POST /authorizations.",
    "pullId": "Set by POST /product-types/pulls.",
    "submissionId": "Set by PATCH /listings/{sku}.",
    "feedRequestId": "Set by POST /listings/feeds.",
    "reportWaitSeconds": "How long a run of the collection waits for the report. Amazon may take longer.",
    ALLOWED: f"Set it to yes to send the requests in the folder {CHANGES_FOLDER}. Otherwise they are skipped.",
}
ASSUME_ROLE_TEST = """\
const answer = xml2Json(pm.response.text());
pm.test("the role is assumed", () => pm.response.to.have.status(200));
const credentials = answer.AssumeRoleResponse.AssumeRoleResult.Credentials;
pm.collectionVariables.set("accessKeyId", credentials.AccessKeyId);
pm.collectionVariables.set("secretAccessKey", credentials.SecretAccessKey);
pm.collectionVariables.set("sessionToken", credentials.SessionToken);
"""


def postman(endpoints: tuple[Endpoint, ...]) -> Mapping[str, Any]:
    """The collection. It targets AWS; an environment can override the base addresses."""
    return {
        "info": {
            "name": "Selling Partner API Quick Start",
            "description": "Fill in the collection variables: the stack's outputs, and an access key of "
            "ApiGatewayInvokeUser. Send `STS Assume API Gateway Role` first, then any other request. The temporary "
            "credentials expire after an hour.\n\nRun collection sends the requests in the order in which a report "
            "arrives: "
            "it stores the token, subscribes the seller, requests a report, and waits for its link. Requests that "
            "change or "
            f"delete something are in the folder {CHANGES_FOLDER}. They are skipped unless the variable {ALLOWED} is "
            "yes.",
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
                        _item(endpoint) for endpoint in endpoints if endpoint.api == api and not _changes(endpoint)
                    ],
                }
                for api, name in FOLDERS.items()
            ),
            {
                "name": CHANGES_FOLDER,
                "description": f"Skipped unless the variable {ALLOWED} is yes.",
                "event": [_script("prerequest", SKIP)],
                "item": [_item(endpoint) for endpoint in sorted(filter(_changes, endpoints), key=_order_of_changes)],
            },
        ],
    }


def _changes(endpoint: Endpoint) -> bool:
    return endpoint.method == "DELETE" or endpoint.route in CHANGING


def _order_of_changes(endpoint: Endpoint) -> tuple[bool, bool]:
    """What a deletion deletes comes first. The seller's removal is last, because no other request works after it."""
    return endpoint.route == REMOVAL, endpoint.method == "DELETE"


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
    apis = {variable: f"The stack's output {api}Id." for api, variable in API_ID_VARIABLES.items()}
    described = {**DESCRIPTIONS, **apis}
    base = "An address. Change it only for a stack that is not on AWS, such as the local one."
    return [
        *(
            {
                "key": name,
                "value": "",
                "type": "secret" if name in SECRET_VARIABLES else "string",
                "description": described[name],
            }
            for name in empty
        ),
        *(
            {"key": name, "value": value, "type": "string", "description": described[name]}
            for name, value in (("reportWaitSeconds", "300"), (ALLOWED, "no"))
        ),
        *({"key": name, "value": value, "type": "string", "description": base} for name, value in bases.items()),
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
            "description": "Stores temporary credentials of ApiGatewayInvokeRole in the collection variables.",
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
pm.test("the status is 200", () => pm.response.to.have.status(200));
pm.test("the response has its fields", () => pm.expect(pm.response.json()).to.include.all.keys({keys}));
"""
    if endpoint.route == AT_LOGIN_PAGE:
        script = 'pm.test("no browser is at the log-in page", () => pm.response.to.have.status(409));\n'
    if endpoint.route in UNFINISHED:
        statuses = " or ".join(str(status) for status in UNFINISHED[endpoint.route])
        script = (
            f'pm.test("the status is {statuses}", () => '
            f"pm.expect(pm.response.code).to.be.oneOf({list(UNFINISHED[endpoint.route])}));\n"
        )
    answers = [(200, "Success", ANSWERS[endpoint.route])]
    answers += [(refusal.status, refusal.when, refusal.body) for refusal in REFUSALS if refusal.applies_to(endpoint)]
    return {
        "name": endpoint.route,
        "event": [
            *([_script("prerequest", WAIT)] if endpoint.route == ARRIVAL else []),
            _test(script + _remember(endpoint) + (ARRIVAL_TEST if endpoint.route == ARRIVAL else "")),
        ],
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
    """Stores the values of the response that later requests need."""
    remembered = {
        "POST /reports": ("reportId",),
        "POST /schedules": ("reportScheduleId",),
        "POST /product-types/pulls": ("pullId",),
        "POST /authorizations": ("authorizationId",),
        "PATCH /listings/{sku}": ("submissionId",),
        "POST /listings/feeds": ("feedRequestId",),
    }.get(endpoint.route, ())
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
        in_body = [field.name for field in endpoint.fields_in("body")]
        text = json.dumps({name: value for name, value in values.items() if name in in_body}, indent=2)
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
    return _script("test", script)


def _script(listen: str, script: str) -> Mapping[str, Any]:
    return {"listen": listen, "script": {"type": "text/javascript", "exec": script.splitlines()}}
