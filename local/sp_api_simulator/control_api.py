"""The control API's operations: what each one takes and returns, and the OpenAPI document of all of them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sp_api_simulator import VERSION
from sp_api_simulator.consent_pages import CONSENT_OPERATION
from sp_api_simulator.control_schema import (
    LARGEST,
    Schema,
    anything,
    by_name,
    count,
    fields,
    flag,
    items,
    number,
    text,
    texts,
)
from sp_api_simulator.document_endpoint import DOWNLOAD_OPERATION, SCHEMA_DOWNLOAD_OPERATION
from sp_api_simulator.documents import CHARSETS, COMPRESSIONS, FORMATS
from sp_api_simulator.faults import FAULT_KINDS
from sp_api_simulator.feed_processing import WHOLE_FILE_MESSAGES
from sp_api_simulator.feed_uploads import UPLOAD_OPERATION
from sp_api_simulator.feeds import LISTINGS_FEED
from sp_api_simulator.lwa_endpoint import LWA_OPERATION
from sp_api_simulator.notification_types import APPLICATION_TYPES, SUBSCRIBABLE_TYPES
from sp_api_simulator.operations import OPERATIONS
from sp_api_simulator.state import Region
from sp_api_simulator.subscription_rules import CONFLICT_SCOPES

OPENAPI_PATH = "/simulator/openapi.json"

OPERATION_NAMES = (
    *(operation.name for operation in OPERATIONS),
    LWA_OPERATION,
    DOWNLOAD_OPERATION,
    SCHEMA_DOWNLOAD_OPERATION,
    UPLOAD_OPERATION,
    CONSENT_OPERATION,
)
"""The operations that a fault can have, as the request log names them."""

UNKNOWN_OPERATION = "unknown"
"""The request log's name for a request that no operation matches."""


@dataclass(frozen=True)
class ControlOperation:
    """One operation of the control API.

    `body` is the schema of the JSON body, or None for a request without one. `many`: the body can also be a list of
    such objects. `query` has the schemas of the query parameters, `answer` that of the answer's body; without one, the
    answer is a file.
    """

    name: str
    summary: str
    body: Schema | None = None
    many: bool = False
    query: Mapping[str, Schema] | None = None
    answer: Schema | None = None


EMPTY = fields({}, description="An empty object.")
STATUSES = ("DONE", "CANCELLED", "FATAL")
SEVERITIES = ("ERROR", "WARNING", "INFO")
CODES = text(description="The client id of the application. Default: the first application.")
REGIONS = tuple(Region)
RULES = fields({"rules": count("How many rules there are now.")})
MATCHING_COUNT = count("For how many. Null: for all.", 1, nullable=True)

NOTIFICATION_MANNER = fields(
    {
        "copies": count("How often the notification is sent. 0: never."),
        "delaySeconds": number("Service time between the end and the notification."),
        "beforeAnswer": flag("Whether the work ends, and its notification is sent, before the request is answered."),
        "hold": flag("Whether it is held until POST /simulator/notifications/release."),
    }
)

DOCUMENT = fields(
    {
        "format": text("Default: the format of the report type.", FORMATS),
        "rows": count("Number of records. Default: 300."),
        "sizeBytes": count("Exact size before compression. 0: an empty document.", nullable=True, maximum=1 << 40),
        "compression": text(
            "declared: labelled GZIP, but sent uncompressed. Default: gzip.",
            COMPRESSIONS,
        ),
        "compressionLevel": count("Default: 6.", maximum=9),
        "charset": text("Null: a Content-Type without a charset. Default: UTF-8.", CHARSETS, nullable=True),
        "text": text("The contents themselves.", nullable=True),
    },
    description="The report's document. Null: none.",
    nullable=True,
)

_OUTCOME = {
    "count": MATCHING_COUNT,
    "status": text("How the report ends. Default: DONE.", STATUSES),
    "document": DOCUMENT,
    "notification": NOTIFICATION_MANNER,
    "queueSeconds": number("Service time IN_QUEUE."),
    "processingSeconds": number("Service time IN_PROGRESS."),
}
REPORT_OUTCOME = fields(
    {"reportType": text("Empty: all."), "sellerId": text("Empty: all."), **_OUTCOME},
    description="How the reports that match end. The first rule that matches decides.",
)

FEED_ISSUE = fields(
    {"severity": text(choices=SEVERITIES), "message": text()},
    ("severity", "message"),
    "An issue. Its other fields are those of Amazon's processing reports, such as code.",
)
FEED_ISSUES = items({**FEED_ISSUE, "additionalProperties": True})
FEED_OUTCOME = fields(
    {
        "feedType": text("Empty: all."),
        "sellerId": text("Empty: all."),
        "count": MATCHING_COUNT,
        "status": text("How the feed ends. Default: DONE.", STATUSES),
        "notification": NOTIFICATION_MANNER,
        "queueSeconds": number("Service time IN_QUEUE."),
        "processingSeconds": number("Service time IN_PROGRESS."),
        "messages": items(
            fields(
                {
                    "sku": text("The message with this SKU."),
                    "every": count("Every nth message."),
                    "issues": FEED_ISSUES,
                    "itemIssues": FEED_ISSUES,
                }
            ),
            "Issues of messages. A rule has either sku or every.",
        ),
        "wholeFile": text("The code of a failure of the whole file.", ("", *WHOLE_FILE_MESSAGES)),
        "report": flag("Whether a DONE feed has a processing report. Default: true."),
        "compression": text("Of the processing report. Default: gzip.", COMPRESSIONS),
    },
    description="How the feeds that match end. The first rule that matches decides.",
)

LISTING_ISSUES = items(anything("An issue, as getListingsItem returns it. What is left out has a usual value."))
LISTING_OUTCOME = fields(
    {
        "sellerId": text("Empty: all."),
        "sku": text("Empty: all."),
        "count": MATCHING_COUNT,
        "seconds": number("Service time until the submission shows."),
        "issues": LISTING_ISSUES,
        "status": items(text(), "The listing's status afterwards, for example BUYABLE."),
        "issueSeconds": number("Service time between the status and the issues."),
        "dropped": flag("Whether the submission is accepted and never shows."),
        "notices": flag("Whether subscribers are notified. Default: true."),
        "invalid": items(
            anything("An issue, as putListingsItem returns it."), "Issues with which a submission is refused at once."
        ),
    },
    description="How the accepted submissions that match are processed. The first rule that matches decides.",
)

FAULT = fields(
    {
        "fault": text(choices=FAULT_KINDS),
        "operation": text("Empty: any.", ("", *OPERATION_NAMES)),
        "sellerId": text("Empty: any."),
        "count": count("How many requests fail. Null: all until the faults are removed. Default: 1.", 1, nullable=True),
        "status": count("The HTTP status of the fault status."),
        "code": text("SP-API's error code, or LWA's error."),
        "message": text("SP-API's message, or LWA's error_description."),
        "details": text(),
        "body": anything("Any other body: a text, or a JSON value."),
        "contentType": text("Of body. Default: application/json."),
        "headers": by_name(text(), "Headers of the answer."),
        "seconds": number("How long the fault slow delays an answer, in real time."),
        "afterBytes": count("After how many bytes the fault truncate closes the connection."),
    },
    ("fault",),
)

_APPLICATION_CHANGES = {
    "rotationQueueArn": text("Queue for APPLICATION_OAUTH_CLIENT_NEW_SECRET. Empty: not enrolled."),
    "expiryQueueArn": text("Queue for APPLICATION_OAUTH_CLIENT_SECRET_EXPIRY."),
    "secretDelaySeconds": number("Service time until a new secret starts to work."),
    "secretMessage": fields(
        {"copies": count(), "delaySeconds": number(), "hold": flag()}, description="How new secrets are announced."
    ),
}
_NOTIFICATION = fields(
    {
        "notificationId": text(),
        "notificationType": text(),
        "queueArn": text(),
        "state": text(choices=("sent", "held", "undeliverable", "failed")),
        "error": text(),
        "body": text(),
    }
)
_REQUEST = fields(
    {
        "time": text(),
        "operation": text(),
        "method": text(),
        "path": text(),
        "status": count("0: the connection was reset."),
        "endpoint": text(),
        "sellerId": text(),
        "scope": text(),
        "requestId": text(),
        "userAgent": text(),
        "fault": text(),
        "error": text(),
        "milliseconds": number(),
        "body": anything("The JSON body of an SP-API operation, or the grant type of a request to LWA."),
    }
)
_CLOCK = fields({"now": text(), "scale": number(), "addedSeconds": number(), "serviceSeconds": number()})
_PLANS = by_name(
    fields({"rate": number("Requests per second."), "burst": count()}),
    "Plans that replace the published ones.",
    (*(operation.name for operation in OPERATIONS), LISTINGS_FEED),
)
_LIMITS = fields({"scale": number("Multiplies the published rates. 0: no limits."), "operations": _PLANS})
_STRICT = fields({"strict": flag("Whether report types that are not in the published list are refused.")})
_PRODUCT_TYPES = fields(
    {
        "latestVersion": count("The number of the version that LATEST means."),
        "generated": count("How many small types every marketplace has besides the usual ones.", maximum=100_000),
        "checksums": text(choices=("base64", "hex")),
        "refusedMarketplaceIds": texts(),
    }
)
_SECRET_TIMES = items(fields({"starts": text(), "expires": text(), "works": flag()}))
_OF_SELLER = {"clientId": CODES}
_SUBSCRIPTION_RULES = {
    "conflictScope": text(choices=CONFLICT_SCOPES),
    "conflictDetails": text("The details of the 409 answer. Empty: an answer without details."),
}
_RULES_IN_FORCE = fields(
    {
        "payloadVersions": by_name(texts(), "By notification type."),
        "tokens": by_name(fields({"seller": flag(), "grantless": flag()}), "By notification type."),
        **_SUBSCRIPTION_RULES,
    }
)

CONTROL_OPERATIONS: Mapping[str, ControlOperation] = {
    "GET /simulator": ControlOperation(
        "getState",
        "Returns applications, sellers and counts.",
        answer=fields(
            {
                "applications": items(fields({"clientId": text(), "applicationId": text()})),
                "sellers": items(
                    fields(
                        {
                            "sellerId": text(),
                            "accountId": text(),
                            "vendor": flag(),
                            "regions": texts(choices=REGIONS),
                        }
                    )
                ),
                "destinations": count(),
                "subscriptions": count(),
                "reports": count(),
                "feeds": count(),
                "sandboxExamples": fields({"file": text(), "loaded": flag()}),
            }
        ),
    ),
    "POST /simulator/reset": ControlOperation("reset", "Restores the state at the start.", EMPTY, answer=EMPTY),
    "POST /simulator/applications": ControlOperation(
        "addApplication",
        "Adds an application and returns its credentials.",
        fields({"clientId": text(), "clientSecret": text(), "applicationId": text(), **_APPLICATION_CHANGES}),
        answer=fields({"clientId": text(), "clientSecret": text(), "applicationId": text()}),
    ),
    "GET /simulator/applications/{client_id}": ControlOperation(
        "getApplication",
        "Returns an application's queues, and when each secret starts and ends.",
        answer=fields(
            {
                "clientId": text(),
                "applicationId": text(),
                "rotationQueueArn": text(),
                "expiryQueueArn": text(),
                "secrets": _SECRET_TIMES,
            }
        ),
    ),
    "PUT /simulator/applications/{client_id}": ControlOperation(
        "changeApplication",
        "Changes the given fields of an application.",
        fields(
            {
                **_APPLICATION_CHANGES,
                "secretsEndInSeconds": number("Moves the end of all secrets.", -LARGEST),
            }
        ),
        answer=EMPTY,
    ),
    "POST /simulator/applications/{client_id}/rotate-secret": ControlOperation(
        "rotateSecret",
        "Rotates the client secret, as the developer console does.",
        fields({"announce": flag("Whether the application's queue gets the new secret. Default: false.")}),
        answer=fields({"clientSecret": text(), "expires": text(), "oldSecretExpires": text()}),
    ),
    "POST /simulator/applications/{client_id}/expiry-notice": ControlOperation(
        "sendExpiryNotice", "Sends APPLICATION_OAUTH_CLIENT_SECRET_EXPIRY.", EMPTY, answer=EMPTY
    ),
    "POST /simulator/applications/{client_id}/expire-secrets": ControlOperation(
        "expireSecrets", "Ends all secrets: LWA returns invalid_client from now on.", EMPTY, answer=EMPTY
    ),
    "PUT /simulator/applications/{client_id}/consent": ControlOperation(
        "setConsent",
        "Registers what the consent page needs. What is left out keeps its value.",
        fields(
            {
                "name": text(),
                "redirectUris": texts(),
                "loginUri": text(),
                "parties": texts(choices=("seller", "vendor")),
                "draft": flag(),
                "throughLogin": flag("Whether every consent goes by way of the log-in URI."),
                "limit": count("How many selling partners may authorise the application.", nullable=True),
            }
        ),
        answer=EMPTY,
    ),
    "POST /simulator/sellers": ControlOperation(
        "addSeller",
        "Adds or changes a seller, authorises the application for it, and returns a refresh token.",
        fields(
            {
                "sellerId": text(),
                "regions": texts("Default: all.", REGIONS, minItems=1),
                "vendor": flag(),
                "vendorCodes": texts(),
                "accountId": text(),
                "clientId": CODES,
            }
        ),
        answer=fields({"sellerId": text(), "accountId": text(), "refreshToken": text()}),
    ),
    "POST /simulator/sellers/{seller_id}/revoke": ControlOperation(
        "revokeSeller", "Invalidates the seller's refresh and access tokens.", EMPTY, answer=EMPTY
    ),
    "POST /simulator/sellers/{seller_id}/authorize": ControlOperation(
        "authorizeSeller",
        "Returns a new refresh token.",
        fields(_OF_SELLER),
        answer=fields({"sellerId": text(), "refreshToken": text()}),
    ),
    "POST /simulator/sellers/{seller_id}/authorization-code": ControlOperation(
        "makeAuthorizationCode",
        "Returns an authorization code, valid once and for five minutes.",
        fields(_OF_SELLER),
        answer=fields({"sellerId": text(), "authorizationCode": text()}),
    ),
    "GET /simulator/reports": ControlOperation(
        "listReports",
        "Lists all reports.",
        answer=fields(
            {
                "reports": items(
                    fields(
                        {
                            "reportId": text(),
                            "sellerId": text(),
                            "region": text(choices=REGIONS),
                            "reportType": text(),
                            "processingStatus": text(),
                            "reportDocumentId": text(),
                            "reportScheduleId": text(),
                        }
                    )
                )
            }
        ),
    ),
    "POST /simulator/reports": ControlOperation(
        "addReport",
        "Adds a finished report that no client requested, such as a settlement report. Nobody is notified.",
        fields(
            {
                "sellerId": text(),
                "reportType": text(),
                "region": text(choices=REGIONS),
                "marketplaceIds": texts(),
                "dataStartTime": text(),
                "dataEndTime": text(),
                **_OUTCOME,
            },
            ("sellerId", "reportType"),
        ),
        answer=fields({"reportId": text(), "reportDocumentId": text()}),
    ),
    "GET /simulator/reports/{report_id}/document": ControlOperation(
        "getReportBytes", "Returns the document's bytes as they are served."
    ),
    "PUT /simulator/report-outcomes": ControlOperation(
        "setReportOutcomes", "Replaces the rules for how reports end.", REPORT_OUTCOME, many=True, answer=RULES
    ),
    "POST /simulator/report-outcomes": ControlOperation(
        "addReportOutcomes", "Appends rules for how reports end.", REPORT_OUTCOME, many=True, answer=RULES
    ),
    "GET /simulator/feeds": ControlOperation(
        "listFeeds",
        "Lists all feeds, with how often their document was uploaded.",
        answer=fields(
            {
                "feeds": items(
                    fields(
                        {
                            "feedId": text(),
                            "sellerId": text(),
                            "region": text(choices=REGIONS),
                            "feedType": text(),
                            "marketplaceIds": texts(),
                            "processingStatus": text(),
                            "inputFeedDocumentId": text(),
                            "resultFeedDocumentId": text(),
                            "uploads": count(),
                        }
                    )
                )
            }
        ),
    ),
    "GET /simulator/feeds/{feed_id}/document": ControlOperation(
        "getFeedBytes", "Returns the bytes that were uploaded for a feed."
    ),
    "PUT /simulator/feed-outcomes": ControlOperation(
        "setFeedOutcomes", "Replaces the rules for how feeds end.", FEED_OUTCOME, many=True, answer=RULES
    ),
    "POST /simulator/feed-outcomes": ControlOperation(
        "addFeedOutcomes", "Appends rules for how feeds end.", FEED_OUTCOME, many=True, answer=RULES
    ),
    "GET /simulator/faults": ControlOperation(
        "listFaults",
        "Lists the faults that remain.",
        answer=fields(
            {
                "faults": items(
                    fields(
                        {
                            "fault": text(choices=FAULT_KINDS),
                            "operation": text(),
                            "sellerId": text(),
                            "remaining": count(nullable=True),
                            "status": count(),
                        }
                    )
                )
            }
        ),
    ),
    "POST /simulator/faults": ControlOperation(
        "addFault", "Adds a fault: the next requests fail in a chosen way.", FAULT, answer=fields({"faults": count()})
    ),
    "DELETE /simulator/faults": ControlOperation("removeFaults", "Removes all faults.", EMPTY, answer=EMPTY),
    "GET /simulator/requests": ControlOperation(
        "listRequests",
        "Returns the request log, and counts by operation and status. Tokens are removed from it.",
        query={"operation": text("Only this operation.", (*OPERATION_NAMES, UNKNOWN_OPERATION))},
        answer=fields(
            {
                "counts": by_name(count(), "By operation."),
                "statuses": by_name(by_name(count(), "By status."), "By operation."),
                "requests": items(_REQUEST),
            }
        ),
    ),
    "DELETE /simulator/requests": ControlOperation("clearRequests", "Clears the request log.", EMPTY, answer=EMPTY),
    "GET /simulator/secrets": ControlOperation(
        "listSecrets",
        "Returns every token, authorization code and client secret that was given out, also those that have ended.",
        answer=fields({"secrets": items(fields({"kind": text(), "value": text()}))}),
    ),
    "GET /simulator/clock": ControlOperation("getClock", "Reads the clocks.", answer=_CLOCK),
    "PUT /simulator/clock": ControlOperation(
        "setClock",
        "Changes the clocks.",
        fields(
            {
                "scale": number("How many times as fast as real time service time runs. More than 0."),
                "advanceSeconds": number("Moves both clocks forward."),
            }
        ),
        answer=_CLOCK,
    ),
    "GET /simulator/rate-limits": ControlOperation("getRateLimits", "Reads the limits.", answer=_LIMITS),
    "PUT /simulator/rate-limits": ControlOperation(
        "setRateLimits", "Changes the limits, and refills all quotas.", _LIMITS, answer=_LIMITS
    ),
    "GET /simulator/strict-mode": ControlOperation("getStrictMode", "Reads strict mode.", answer=_STRICT),
    "PUT /simulator/strict-mode": ControlOperation("setStrictMode", "Changes strict mode.", _STRICT, answer=_STRICT),
    "GET /simulator/subscription-rules": ControlOperation(
        "getSubscriptionRules",
        "Reads which subscriptions Amazon accepts: the result of the rules for every type.",
        answer=_RULES_IN_FORCE,
    ),
    "PUT /simulator/subscription-rules": ControlOperation(
        "setSubscriptionRules",
        "Changes which subscriptions Amazon accepts.",
        fields(
            {
                "payloadVersions": anything(
                    "evidence, 1.0, dated, both, a list of versions, or an object with one of these for each type."
                ),
                "tokens": anything(
                    "evidence, both, seller, grantless, neither, or an object with one of these for each type."
                ),
                **_SUBSCRIPTION_RULES,
            }
        ),
        answer=_RULES_IN_FORCE,
    ),
    "PUT /simulator/orders/{order_id}": ControlOperation(
        "putOrder",
        "Adds or replaces an order for the Solicitations API.",
        fields(
            {
                "sellerId": text(),
                "marketplaceId": text(),
                "orderStatus": text("Default: Shipped."),
                "deliveredAt": text("Default: seven days ago."),
                "earliestDeliveryDate": text(),
                "latestDeliveryDate": text(),
                "solicited": flag(),
            },
            ("sellerId", "marketplaceId"),
        ),
        answer=EMPTY,
    ),
    "GET /simulator/listings": ControlOperation(
        "listListings",
        "Lists all listings, and every submission with its body.",
        answer=fields(
            {
                "listings": items(
                    fields(
                        {
                            "sellerId": text(),
                            "marketplaceId": text(),
                            "sku": text(),
                            "asin": text(),
                            "productType": text(),
                            "status": texts(),
                            "issues": items(anything("An issue.")),
                            "attributes": by_name(anything("A value."), "The listing's attributes."),
                        }
                    )
                ),
                "submissions": items(anything("A submission, with the request's body.")),
            }
        ),
    ),
    "PUT /simulator/listing-outcomes": ControlOperation(
        "setListingOutcomes", "Replaces the rules for listings.", LISTING_OUTCOME, many=True, answer=RULES
    ),
    "POST /simulator/listing-outcomes": ControlOperation(
        "addListingOutcomes", "Appends rules for listings.", LISTING_OUTCOME, many=True, answer=RULES
    ),
    "PUT /simulator/products/{asin}": ControlOperation(
        "putProduct",
        "Adds a product to the catalogue.",
        fields(
            {
                "marketplaceIds": texts(),
                "itemName": text(),
                "brand": text(),
                "productType": text(),
                "identifiers": by_name(text(), "For example EAN with its number."),
            },
            ("marketplaceIds",),
        ),
        answer=EMPTY,
    ),
    "PUT /simulator/products/{asin}/restrictions": ControlOperation(
        "putRestrictions",
        "Replaces a seller's restrictions for a product.",
        fields(
            {
                "sellerId": text(),
                "restrictions": items(
                    fields(
                        {
                            "marketplaceId": text(),
                            "conditionType": text(),
                            "reasonCode": text(choices=("APPROVAL_REQUIRED", "ASIN_NOT_FOUND", "NOT_ELIGIBLE")),
                            "message": text(),
                            "link": text(),
                        },
                        ("marketplaceId",),
                    )
                ),
            },
            ("sellerId",),
        ),
        answer=EMPTY,
    ),
    "PUT /simulator/sellers/{seller_id}/approved-brands": ControlOperation(
        "putApprovedBrands",
        "Sets the brands for which a seller needs no identifier.",
        fields({"brands": texts()}),
        answer=EMPTY,
    ),
    "GET /simulator/product-types": ControlOperation(
        "getProductTypes", "Reads the settings of the product types.", answer=_PRODUCT_TYPES
    ),
    "PUT /simulator/product-types": ControlOperation(
        "setProductTypes", "Changes the settings of the product types.", _PRODUCT_TYPES, answer=_PRODUCT_TYPES
    ),
    "GET /simulator/notification-types": ControlOperation(
        "listNotificationTypes",
        "Lists the notification types with an example payload for a seller.",
        query={"sellerId": text("The seller that the examples name. Default: an example seller.")},
        answer=fields(
            {
                "notificationTypes": items(
                    fields(
                        {
                            "notificationType": text(),
                            "payloadVersions": texts("The versions that createSubscription accepts."),
                            "published": flag("Whether Amazon publishes the shape of the payload."),
                            "payload": anything("The example payload."),
                        }
                    )
                )
            }
        ),
    ),
    "GET /simulator/notifications": ControlOperation(
        "listNotifications",
        "Lists the notifications that were sent, held or refused.",
        answer=fields({"notifications": items(_NOTIFICATION)}),
    ),
    "POST /simulator/notifications": ControlOperation(
        "sendNotification",
        "Sends a notification to the seller's subscriptions of its type, or an application's to its own queue.",
        fields(
            {
                "notificationType": text(choices=(*sorted(SUBSCRIBABLE_TYPES), *sorted(APPLICATION_TYPES))),
                "sellerId": text("Required, except for the types that concern an application."),
                "clientId": text("For the types that concern an application. Default: the first application."),
                "region": text("Default: all.", REGIONS),
                "payload": anything("It is wrapped in the envelope of the type. Default: an example."),
                "body": anything("A text or a JSON value that is sent word for word."),
                "copies": count("Default: 1.", 1, maximum=10_000),
                "hold": flag("Whether it is held until POST /simulator/notifications/release."),
            },
            ("notificationType",),
        ),
        answer=fields({"notifications": texts("The notification ids. Empty: nobody has subscribed.")}),
    ),
    "DELETE /simulator/notifications": ControlOperation(
        "clearNotifications", "Clears the list of notifications.", EMPTY, answer=EMPTY
    ),
    "POST /simulator/notifications/release": ControlOperation(
        "releaseNotifications",
        "Sends the held notifications.",
        fields({"order": text("Default: made, as they were created.", ("made", "reversed"))}),
        answer=fields({"released": count()}),
    ),
    f"GET {OPENAPI_PATH}": ControlOperation(
        "getOpenApi", "Returns this document.", answer=anything("An OpenAPI document.")
    ),
}
"""Every operation by method and path."""


def document() -> dict[str, Any]:
    """The OpenAPI 3.1 document of the control API."""
    paths: dict[str, dict[str, Any]] = {}
    for route, operation in CONTROL_OPERATIONS.items():
        method, path = route.split(" ")
        paths.setdefault(_in_camel_case(path), {})[method.lower()] = _described(path, operation)
    error = {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}}}
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Control API of the SP-API simulator",
            "version": VERSION,
            "description": "With it, tests and people set up scenarios. It is the simulator's own; Amazon has none.",
            "license": {"name": "Apache 2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "security": [{}],
        "paths": paths,
        "components": {
            "schemas": {"Error": fields({"error": text("What is wrong.")}, ("error",))},
            "responses": {
                "Refused": {"description": "The request is not valid: an unknown field, or a wrong value.", **error},
                "Missing": {"description": "There is no such resource.", **error},
                "Foreign": {"description": "A browser sent the request for a page of another site.", **error},
            },
        },
    }


def _described(path: str, operation: ControlOperation) -> dict[str, Any]:
    file = {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}
    content = file if operation.answer is None else {"application/json": {"schema": operation.answer}}
    responses: dict[str, Any] = {"200": {"description": "Done.", "content": content}}
    responses["400"] = {"$ref": "#/components/responses/Refused"}
    responses["403"] = {"$ref": "#/components/responses/Foreign"}
    responses["404"] = {"$ref": "#/components/responses/Missing"}
    named = [
        {"name": _in_camel_case(name), "in": "path", "required": True, "schema": {"type": "string"}}
        for name in re.findall(r"\{(\w+)\}", path)
    ]
    asked = [{"name": name, "in": "query", "schema": schema} for name, schema in (operation.query or {}).items()]
    described: dict[str, Any] = {"operationId": operation.name, "summary": operation.summary}
    if named or asked:
        described["parameters"] = [*named, *asked]
    if operation.body is not None:
        schema = operation.body
        if operation.many:
            schema = {"oneOf": [operation.body, {"type": "array", "items": operation.body}]}
        described["requestBody"] = {"content": {"application/json": {"schema": schema}}}
        described["requestBody"]["required"] = bool(operation.body.get("required"))
    return described | {"responses": responses}


def _in_camel_case(name: str) -> str:
    return re.sub(r"_(\w)", lambda found: found[1].upper(), name)
