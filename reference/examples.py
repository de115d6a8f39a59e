"""Examples of each request, its response, and each error."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from reference.endpoints import METHODS_WITH_BODY, Endpoint

SELLER = {"SellerId": "A3TH9S8BH6GOGM", "RegionCode": "NA"}
REPORT_TYPE = "GET_MERCHANT_LISTINGS_ALL_DATA"

REPORT = {**SELLER, "ReportType": REPORT_TYPE, "MarketplaceIds": "ATVPDKIKX0DER"}
SUBSCRIPTION_ID = "7d78cc50-95c8-4641-add7-10af4b1fedc9"
AUTHORIZATION_ID = "0f8fad5b-d9cb-469f-a165-70867728950e"
DESTINATION_ID = "3acafc7e-121b-1329-8ae8-1571be663aa2"

FEED = {"SellerId": "A3TH9S8BH6GOGM", "RegionCode": "EU", "MarketplaceIds": ["A13V1IB3VIYZZH"]}
FEED_REQUEST_ID = "9b1c8a52b7de4d0fa2c7b9e04a3f5d60"
LISTING = {"SellerId": "A3TH9S8BH6GOGM", "RegionCode": "EU", "MarketplaceId": "A13V1IB3VIYZZH"}
SUBMISSION: Mapping[str, Any] = {
    "submissionId": "3f1c8a52b7de4d0fa2c7b9e04a3f5d61",
    "sellerId": "A3TH9S8BH6GOGM",
    "regionCode": "EU",
    "marketplaceId": "A13V1IB3VIYZZH",
    "sku": "VALISE-1",
    "operation": "PATCH",
    "productType": "LUGGAGE",
    "status": "ACCEPTED",
    "message": "Amazon has accepted the submission and is processing it.",
    "issues": [],
    "amazonSubmissionId": "f1dc2914-75dd-11ea-bc55-0242ac130003",
    "receivedTime": "2026-11-26T10:00:00.104512+00:00",
    "sentTime": "2026-11-26T10:00:01.204512+00:00",
    "answeredTime": "2026-11-26T10:00:01.904512+00:00",
}
FRANCE = "A13V1IB3VIYZZH"
PULL_ID = "0b3f6a1c5d2e4f708192a3b4c5d6e7f8"
PULLED = {"SellerId": "A3TH9S8BH6GOGM", "RegionCode": "EU", "MarketplaceIds": FRANCE}

REQUESTS: Mapping[str, Mapping[str, Any]] = {
    "POST /tokens": {**SELLER, "RefreshToken": "Atzr|example", "Verify": True},
    "DELETE /tokens/{sellerId}": {"SellerId": "A3TH9S8BH6GOGM"},
    "POST /notifications": {**SELLER, "NotificationType": "REPORT_PROCESSING_FINISHED"},
    "GET /notifications": SELLER,
    "DELETE /notifications/{notificationType}": {**SELLER, "NotificationType": "REPORT_PROCESSING_FINISHED"},
    "POST /reports": {**REPORT, "ReportDataStartTime": "2026-11-01T00:00:00Z"},
    "GET /reports": {"SellerId": "A3TH9S8BH6GOGM", "Limit": "20"},
    "GET /reports/{reportId}": {"SellerId": "A3TH9S8BH6GOGM", "ReportId": "54517018502"},
    "POST /schedules": {**REPORT, "Period": "P1D"},
    "GET /schedules": {**SELLER, "ReportTypes": REPORT_TYPE},
    "DELETE /schedules/{reportScheduleId}": {**SELLER, "ReportScheduleId": "50034018503"},
    "POST /product-types/pulls": {**PULLED, "ProductTypes": ["LUGGAGE", "SHIRT"], "RefreshDaily": True},
    "GET /product-types/pulls/{pullId}": {"PullId": PULL_ID},
    "POST /product-types/pulls/{pullId}/resume": {"PullId": PULL_ID},
    "DELETE /product-types/pulls/{pullId}": {"PullId": PULL_ID},
    "GET /product-types": {"MarketplaceId": FRANCE, "Query": "luggage"},
    "GET /product-types/changes": {"MarketplaceId": FRANCE},
    "GET /product-types/{productType}": {"MarketplaceId": FRANCE, "ProductType": "LUGGAGE"},
    "GET /product-types/{productType}/changes": {"MarketplaceId": FRANCE, "ProductType": "LUGGAGE"},
    "POST /authorizations": {"RegionCode": "NA", "PartyType": "seller", "HostReference": "user-4711"},
    "POST /authorizations/{authorizationId}/login": {"AuthorizationId": AUTHORIZATION_ID, "HostReference": "user-4711"},
    "GET /authorizations": {"Limit": "20"},
    "POST /listings": {
        **LISTING,
        "Sku": "VALISE-1",
        "ProductType": "LUGGAGE",
        "Attributes": {
            "item_name": [{"value": "Valise Moulin"}],
            "externally_assigned_product_identifier": [{"type": "ean", "value": "4006381333931"}],
            "purchasable_offer": [{"currency": "EUR", "our_price": [{"schedule": [{"value_with_tax": 49.9}]}]}],
        },
        "Mode": "PREVIEW",
    },
    "PATCH /listings/{sku}": {
        **LISTING,
        "Sku": "VALISE-1",
        "ProductType": "LUGGAGE",
        "Patches": [
            {
                "op": "merge",
                "attribute": "fulfillment_availability",
                "value": [{"fulfillment_channel_code": "DEFAULT", "quantity": 9}],
            }
        ],
    },
    "DELETE /listings/{sku}": {**LISTING, "Sku": "VALISE-1"},
    "GET /listings": {"SellerId": "A3TH9S8BH6GOGM", "Limit": "20"},
    "GET /listings/{sku}": {**LISTING, "Sku": "VALISE-1"},
    "GET /listings/submissions/{submissionId}": {
        "SellerId": "A3TH9S8BH6GOGM",
        "SubmissionId": SUBMISSION["submissionId"],
    },
    "POST /listings/feeds": {**FEED, "OnBadMessages": "SKIP", "MessageCount": 2},
    "GET /listings/feeds": {"SellerId": "A3TH9S8BH6GOGM", "Limit": "20"},
    "GET /listings/feeds/{feedRequestId}": {
        "SellerId": "A3TH9S8BH6GOGM",
        "FeedRequestId": FEED_REQUEST_ID,
        "Results": "ALL",
        "Limit": "100",
    },
    "GET /authorizations/{authorizationId}": {"AuthorizationId": AUTHORIZATION_ID},
}
_FEED: Mapping[str, Any] = {
    "feedRequestId": FEED_REQUEST_ID,
    "sellerId": "A3TH9S8BH6GOGM",
    "regionCode": "EU",
    "marketplaceIds": ["A13V1IB3VIYZZH"],
    "mode": "PUBLISH",
    "onBadMessages": "SKIP",
    "status": "AWAITING_UPLOAD",
    "final": False,
    "message": "The stack waits for the upload of the file.",
    "receivedTime": "2026-11-26T10:00:00.104512+00:00",
}
_REPORT = {
    "reportId": "54517018502",
    "sellerId": "A3TH9S8BH6GOGM",
    "regionCode": "NA",
    "reportType": REPORT_TYPE,
    "marketplaceIds": ["ATVPDKIKX0DER"],
    "processingStatus": "IN_QUEUE",
    "recordedTime": "2026-11-21T04:10:02.104512+00:00",
}
_PRODUCT_TYPE = {
    "productType": "LUGGAGE",
    "displayName": "Bagages",
    "version": "UHqSqmb4FNUk=",
    "latest": True,
    "releaseCandidate": False,
    "checksum": "c7af9479ca7261645cea9db56c5f720d",
    "storedTime": "2026-11-21T04:10:02.104512+00:00",
    "checkedTime": "2026-11-26T04:10:02.104512+00:00",
}
_CHANGE = {
    "productType": "LUGGAGE",
    "marketplaceId": FRANCE,
    "regionCode": "EU",
    "requirements": "LISTING",
    "requirementsEnforced": "ENFORCED",
    "locale": "DEFAULT",
    "changedTime": "2026-11-21T04:10:02.104512+00:00",
    "previousVersion": "UHqSqmb4FNUk=",
    "version": "U5LzSb3KpP0s=",
    "previousChecksum": "c7af9479ca7261645cea9db56c5f720d",
    "checksum": "4c1afcb9b699c635b2b2699ac5195aa9",
    "attributesAdded": ["recycled_content"],
    "attributesRemoved": [],
    "newlyRequired": ["recycled_content"],
    "enumValuesRemoved": [{"attribute": "fabric_type.value", "value": "acetate"}],
}
_LINK = {"url": "https://...s3.amazonaws.com/...", "expires": "2026-11-26T05:10:02+00:00"}
ANSWERS: Mapping[str, Mapping[str, Any]] = {
    "POST /product-types/pulls": {"pullId": PULL_ID},
    "GET /product-types/pulls/{pullId}": {
        "pullId": PULL_ID,
        "status": "FETCHING",
        "sellerId": "A3TH9S8BH6GOGM",
        "regionCode": "EU",
        "marketplaceIds": [FRANCE],
        "requirements": "LISTING",
        "requirementsEnforced": "ENFORCED",
        "locale": "DEFAULT",
        "createdTime": "2026-11-21T04:10:02+00:00",
        "refreshedDaily": True,
        "progress": {
            "finished": 412,
            "stored": 412,
            "changed": 0,
            "unchanged": 0,
            "substituted": 1,
            "failed": 0,
            "removed": 0,
            "total": 2016,
        },
        "issues": [
            {
                "kind": "SUBSTITUTED",
                "marketplaceId": FRANCE,
                "code": "ProductTypeSubstituted",
                "message": "SP-API answered with the definition of CLOTHING: the marketplace does not support SARI",
                "productType": "SARI",
                "answeredProductType": "CLOTHING",
            }
        ],
    },
    "POST /product-types/pulls/{pullId}/resume": {"pullId": PULL_ID},
    "DELETE /product-types/pulls/{pullId}": {"pullId": PULL_ID, "status": "SUCCESS"},
    "GET /product-types": {"productTypes": [_PRODUCT_TYPE]},
    "GET /product-types/changes": {"changes": [_CHANGE]},
    "GET /product-types/{productType}": {
        **_PRODUCT_TYPE,
        "marketplaceId": FRANCE,
        "requirements": "LISTING",
        "requirementsEnforced": "ENFORCED",
        "locale": "DEFAULT",
        "propertyGroups": {
            "product_identity": {
                "title": "Identité du produit",
                "description": "",
                "propertyNames": ["item_name", "brand"],
            }
        },
        "warnings": [],
        "links": dict.fromkeys(("schema", "metaSchema", "resolvedSchema", "attributesCsv", "attributesJson"), _LINK),
    },
    "GET /product-types/{productType}/changes": {"changes": [_CHANGE]},
    "POST /tokens": {"sellerId": "A3TH9S8BH6GOGM", "status": "SUCCESS"},
    "DELETE /tokens/{sellerId}": {
        "sellerId": "A3TH9S8BH6GOGM",
        "status": "SUCCESS",
        "tokensDeleted": 1,
        "subscriptionsEnded": 1,
        "reportsDeleted": 1,
        "objectsDeleted": 1,
        "solicitationsDeleted": 0,
        "pullsDeleted": 0,
        "listingRecordsDeleted": 0,
        "listingFeedsDeleted": 0,
        "authorizationsDeleted": 0,
    },
    "POST /listings": {
        "sku": "VALISE-1",
        "status": "INVALID",
        "issues": [
            {
                "code": "90220",
                "message": "'brand' is required but not supplied.",
                "severity": "ERROR",
                "attributeNames": ["brand"],
                "categories": ["MISSING_ATTRIBUTE"],
            }
        ],
        "findings": [],
    },
    "PATCH /listings/{sku}": {**SUBMISSION, "findings": []},
    "DELETE /listings/{sku}": {
        **{name: value for name, value in SUBMISSION.items() if name != "productType"},
        "operation": "DELETE",
        "findings": [],
    },
    "GET /listings": {
        "submissions": [
            {
                name: SUBMISSION[name]
                for name in (
                    "submissionId",
                    "regionCode",
                    "marketplaceId",
                    "sku",
                    "operation",
                    "status",
                    "receivedTime",
                )
            }
        ]
    },
    "GET /listings/{sku}": {
        "sku": "VALISE-1",
        "marketplaceId": "A13V1IB3VIYZZH",
        "submissions": [SUBMISSION],
        "amazon": {
            "sku": "VALISE-1",
            "summaries": [{"marketplaceId": "A13V1IB3VIYZZH", "asin": "B071VG5N9D", "status": ["BUYABLE"]}],
            "issues": [],
        },
    },
    "GET /listings/submissions/{submissionId}": SUBMISSION,
    "POST /listings/feeds": {
        "feedRequestId": FEED_REQUEST_ID,
        "status": "AWAITING_UPLOAD",
        "upload": {
            "method": "PUT",
            "url": "https://...s3.amazonaws.com/...",
            "headers": {"Content-Type": "application/octet-stream", "If-None-Match": "*"},
            "expires": "2026-11-26T11:00:00+00:00",
        },
    },
    "GET /listings/feeds": {"feeds": [_FEED]},
    "GET /listings/feeds/{feedRequestId}": _FEED,
    "POST /notifications": {
        "destinationId": DESTINATION_ID,
        "subscriptionId": SUBSCRIPTION_ID,
        "payloadVersion": "1.0",
    },
    "GET /notifications": {
        "sellerId": "A3TH9S8BH6GOGM",
        "regionCode": "NA",
        "subscriptions": [
            {
                "notificationType": "REPORT_PROCESSING_FINISHED",
                "state": "Subscribed",
                "subscriptionId": SUBSCRIPTION_ID,
                "destinationId": DESTINATION_ID,
                "payloadVersion": "1.0",
            }
        ],
        "notCompared": [],
    },
    "DELETE /notifications/{notificationType}": {
        "sellerId": "A3TH9S8BH6GOGM",
        "regionCode": "NA",
        "notificationType": "REPORT_PROCESSING_FINISHED",
        "subscriptionIds": [SUBSCRIPTION_ID],
        "destinationRemoved": True,
    },
    "POST /reports": {"reportId": "54517018502"},
    "GET /reports": {"reports": [_REPORT]},
    "GET /reports/{reportId}": _REPORT,
    "POST /schedules": {"reportScheduleId": "50034018503"},
    "GET /schedules": {
        "reportSchedules": [
            {
                "reportScheduleId": "50034018503",
                "reportType": REPORT_TYPE,
                "marketplaceIds": ["ATVPDKIKX0DER"],
                "period": "P1D",
            }
        ]
    },
    "DELETE /schedules/{reportScheduleId}": {"reportScheduleId": "50034018503", "status": "SUCCESS"},
    "POST /authorizations": {
        "authorizationId": AUTHORIZATION_ID,
        "authorizationUrl": "https://sellercentral.amazon.com/apps/authorize/consent?application_id=...",
        "expiresAt": "2026-11-26T10:10:00+00:00",
    },
    "POST /authorizations/{authorizationId}/login": {
        "authorizationId": AUTHORIZATION_ID,
        "continueUrl": "https://sellercentral.amazon.com/apps/authorize/confirm/...",
        "sellerId": "A3TH9S8BH6GOGM",
        "regionCode": "NA",
        "partyType": "seller",
        "expiresAt": "2026-11-26T10:10:00+00:00",
    },
    "GET /authorizations": {
        "connections": [
            {
                "sellerId": "A3TH9S8BH6GOGM",
                "regionCode": "NA",
                "partyType": "seller",
                "hostReference": "user-4711",
                "authorizationId": AUTHORIZATION_ID,
                "state": "CONNECTED",
                "consentedAt": "2026-11-26T10:02:00+00:00",
                "endsAt": "2027-11-26T10:02:00+00:00",
                "daysLeft": 364,
                "workedAt": "2026-11-26T10:05:00+00:00",
                "reconnectSince": None,
            }
        ]
    },
    "GET /authorizations/{authorizationId}": {
        "authorizationId": AUTHORIZATION_ID,
        "status": "CONNECTED",
        "regionCode": "NA",
        "partyType": "seller",
        "sellerId": "A3TH9S8BH6GOGM",
        "hostReference": "user-4711",
        "reason": None,
        "createdAt": "2026-11-26T10:00:00+00:00",
        "expiresAt": "2026-11-26T10:10:00+00:00",
    },
}


def body_of(endpoint: Endpoint) -> Mapping[str, Any]:
    """The example request without what its path carries."""
    sent = [field.name for field in endpoint.fields_in("body")]
    return {name: value for name, value in REQUESTS[endpoint.route].items() if name in sent}


@dataclass(frozen=True)
class Refusal:
    """One error status of docs/api.md; `applies_to` says which endpoints can return it.

    `schema` is the name of the body's schema in the OpenAPI document, `retry_after` whether it has that header.
    """

    status: int
    when: str
    body: Mapping[str, Any]
    applies_to: Callable[[Endpoint], bool]
    schema: str = "Error"
    retry_after: bool = False


_CODES_OF_AMAZON = "codes-of-amazon"


def _error(code: str, message: str, field: str | None = None) -> Mapping[str, Any]:
    named = {} if field is None else {"field": field}
    section = _CODES_OF_AMAZON if code in ("QuotaExceeded", "Unauthorized") else code.lower()
    entry = {**named, "code": code, "message": message, "documentation": f"docs/errors.md#{section}"}
    return {"message": message, "errors": [entry], "requestId": "c6af9ac6-7b61"}


def _asks_sp_api(endpoint: Endpoint) -> bool:
    without = ("AuthorizationRestApi", "ProductTypesRestApi", "ListingFeedsRestApi")
    return endpoint.api not in without and any(
        field.name == "RegionCode" and field.required for field in endpoint.fields
    )


def _stores_token(endpoint: Endpoint) -> bool:
    """POST /tokens reads no stored item, and asks LWA on request, with the application's secret."""
    return endpoint.route == "POST /tokens"


def _asks_amazon(endpoint: Endpoint) -> bool:
    return _asks_sp_api(endpoint) or _stores_token(endpoint)


# These need nothing that is stored.
WITHOUT_404 = (
    "POST /tokens",
    "DELETE /tokens/{sellerId}",
    "GET /reports",
    "POST /authorizations",
    "GET /authorizations",
    "GET /listings",
    "GET /listings/feeds",
    "GET /product-types",
    "GET /product-types/changes",
    "GET /product-types/{productType}/changes",
)


def _starts_a_pull(endpoint: Endpoint) -> bool:
    """A pull's ClientToken may have been used before, and a pull that runs cannot be resumed."""
    return endpoint.method == "POST" and endpoint.path.startswith("/product-types/pulls")


def _requests_feed(endpoint: Endpoint) -> bool:
    return endpoint.route == "POST /listings/feeds"


def _removes_seller(endpoint: Endpoint) -> bool:
    return endpoint.route == "DELETE /tokens/{sellerId}"


REFUSALS: tuple[Refusal, ...] = (
    Refusal(
        400,
        "A field is missing, empty, has the wrong type or an invalid value; or SP-API rejected the input.",
        _error("Missing", "SellerId is missing", "SellerId"),
        lambda _: True,
    ),
    Refusal(
        403,
        "The request is not signed, has a wrong signature, or IAM does not allow it. API Gateway sends this response, "
        "which contains only message, or only Message if IAM does not allow the request.",
        {"message": "Missing Authentication Token"},
        lambda _: True,
        schema="GatewayError",
    ),
    Refusal(
        404,
        "What the request names does not exist. Usually no token is stored for this seller in this region.",
        _error(
            "SellerUnknown",
            "no refresh token is stored for seller A3TH9S8BH6GOGM in region NA: store it with POST /tokens first",
            "SellerId",
        ),
        lambda endpoint: endpoint.route not in WITHOUT_404,
    ),
    Refusal(
        409,
        "The request conflicts with what is stored. Usually LWA no longer accepts the seller's token.",
        _error(
            "RefreshTokenRefused",
            "LWA rejected this seller's refresh token (invalid_grant): either the stored token is not one of this "
            "application, or the seller's authorization was revoked or has expired. Check that the token was issued to "
            "this application's client id, or have the seller authorize the application again. Then store the token "
            "with POST /tokens",
            "SellerId",
        ),
        lambda endpoint: _asks_sp_api(endpoint) or endpoint.path.endswith("/login") or _starts_a_pull(endpoint),
    ),
    Refusal(
        409,
        "You used this ClientToken for a different request.",
        _error(
            "ClientTokenReused",
            "another submission used ClientToken catalogue-1 before: use a different token for each submission",
            "ClientToken",
        ),
        _requests_feed,
    ),
    Refusal(
        413,
        "The body is larger than 256 KB. If it is larger than 6 MB, API Gateway sends the response, which contains "
        "only message. If it is larger than 10 MB, the response is plain text.",
        _error("BodyTooLarge", "The body is larger than 256 KB", "body"),
        lambda endpoint: endpoint.method in METHODS_WITH_BODY,
    ),
    Refusal(
        429,
        "The SP-API rate limit is exceeded; Retry-After contains the seconds until you can try again.",
        _error("QuotaExceeded", "createReport: HTTP 429 QuotaExceeded: You exceeded your quota"),
        _asks_amazon,
        retry_after=True,
    ),
    Refusal(
        429,
        "Too many files of listings: 500 of this seller in this region are not finished yet.",
        _error(
            "TooManyFeeds",
            "500 files of listings of this seller in this region are not finished yet: put more messages into one file",
            "SellerId",
        ),
        _requests_feed,
        retry_after=True,
    ),
    Refusal(
        500,
        "An item in one of the stack's tables is damaged, or a secret in Secrets Manager cannot be read.",
        _error(
            "StoredItemDamaged",
            "the stored item TOKEN#NA of A3TH9S8BH6GOGM cannot be read (Error): restore it from a backup of the table, "
            "or delete it",
        ),
        lambda endpoint: not _stores_token(endpoint),
    ),
    Refusal(
        500,
        "You sent Verify: true, and the application's secret in Secrets Manager cannot be read.",
        _error(
            "SecretUnreadable",
            "the secret with the fields AppClientId and AppClientSecret cannot be read: store it in Secrets Manager as "
            "a JSON object with these fields, each a text that is not empty",
        ),
        _stores_token,
    ),
    Refusal(
        502,
        "SP-API rejected the call, or failed with a 5xx; the response contains SP-API's message. If the response "
        "contains only message, the function itself failed.",
        _error("Unauthorized", "createReport: HTTP 403 Unauthorized: Access to requested resource is denied."),
        _asks_amazon,
    ),
    Refusal(
        502,
        "The function itself failed. API Gateway sends the response, which contains only message.",
        {"message": "Internal server error"},
        lambda endpoint: not _asks_sp_api(endpoint),
        schema="GatewayError",
    ),
    Refusal(
        503,
        "A call to AWS failed. The response says which call, and Retry-After says when to try again. If the response "
        "contains only message, API Gateway could not call the function.",
        _error(
            "AwsCallFailed",
            "UpdateItem to AWS failed (ThrottlingException). The request may have been carried out in part: "
            "docs/api.md describes what happens if you send it again",
        ),
        lambda endpoint: not _removes_seller(endpoint),
        retry_after=True,
    ),
    Refusal(
        503,
        "The seller was only partly removed, and errors has one entry for each item that remains; or a call to AWS "
        "failed. Send the request again after Retry-After.",
        {
            "message": "seller A3TH9S8BH6GOGM was only partly removed; send the request again; "
            "12 reports in the table: the request ran out of time",
            "errors": [
                {
                    "field": "SellerId",
                    "code": "SellerRemains",
                    "message": "seller A3TH9S8BH6GOGM was only partly removed; send the request again",
                    "documentation": "docs/errors.md#sellerremains",
                },
                {
                    "code": "ReportsRemain",
                    "message": "12 reports in the table: the request ran out of time",
                    "documentation": "docs/errors.md#sellerremains",
                },
            ],
            "requestId": "c6af9ac6-7b61",
        },
        _removes_seller,
        retry_after=True,
    ),
    Refusal(
        504,
        "SP-API or LWA did not respond in time.",
        _error(
            "TransientError",
            "createReport: no answer came in time. No answer came from sellingpartnerapi-na.amazon.com. Check the "
            "health of "
            "SP-API in the Solution Provider Portal, and the stack's parameters with endpoints if you have set them",
        ),
        _asks_amazon,
    ),
)
