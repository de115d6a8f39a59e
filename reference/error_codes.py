"""docs/errors.md: every error code of the API, with what happened and what to do.

Statuses come from the code. The words are here, and a test compares the codes with those in the code.
"""

import importlib
import pkgutil
import textwrap
from collections.abc import Iterator, Mapping

import quickstart
from quickstart.refusals import Refusal
from reference.markdown import table

PAGE = "docs/errors.md"
_WIDTH = 140
# When, and what to do.
_VALIDATION: Mapping[str, tuple[str, str]] = {
    "Missing": (
        "A required field is missing. POST and PATCH carry fields in the body, GET and DELETE in the query string.",
        "Add the field in the place that the message names.",
    ),
    "Empty": ("A required field, or the whole body, is empty.", "Send a value, or a JSON object as the body."),
    "InvalidType": (
        "A value has the wrong JSON type, such as a number instead of a string.",
        "Send the type in the message.",
    ),
    "InvalidValue": (
        'A value breaks the rule in the message. If the message asks "Did you mean", the stack guessed what you meant; '
        "it does not change a request.",
        "Send a value that follows the rule: [api-reference.md](api-reference.md) lists the rules of all fields.",
    ),
    "InvalidJson": (
        "The body, or ReportOptions as a string, is not valid JSON. NaN and Infinity are not JSON.",
        "Send JSON. Programs should use a JSON library, and not concatenate strings.",
    ),
    "UnknownField": (
        "The request has no field with this name. The stack rejects such requests, so that you notice a misspelled "
        "optional field.",
        "Use the name in the message: names of fields begin with a capital letter.",
    ),
    "DuplicateName": ("An object of the body has the same name twice.", "Leave out one of the two."),
    "TooDeep": ("Lists and objects are nested in more than 32 levels.", "Send fewer levels."),
    "NotARefreshToken": (
        "RefreshToken is certainly not a refresh token of Login with Amazon. The message says what it seems to be.",
        "Send the refresh token as Amazon displayed it, without quotes and not URL-encoded.",
    ),
    "AddressNotAllowed": (
        "ReturnUrl is not in the parameter AuthorizationReturnUrls.",
        "Use an allowed address, or update the stack with this one: [authorization.md](authorization.md#set-it-up).",
    ),
    "EventBridgeWorkflow": (
        "SP-API sends this notification type only to Amazon EventBridge.",
        "See [notifications.md](notifications.md#types-that-need-eventbridge).",
    ),
    "ApplicationNotification": (
        "This notification type is about the application, not about a seller.",
        "Enter a queue for it in the developer console, as the message says.",
    ),
    "MoreErrors": (
        "The request has more than 20 mistakes; this entry says how many are not listed.",
        "Correct those that are listed, and send the request again.",
    ),
}
_REFUSALS: Mapping[str, tuple[str, str]] = {
    "InvalidRequest": ("The request breaks one or more rules.", "See the codes in errors."),
    "RefreshTokenNotAccepted": (
        "POST /tokens with Verify: LWA does not accept the token. Nothing was stored.",
        "Send a token that was issued to this application.",
    ),
    "ListingInvalid": (
        "The stack checked a listing and found errors, so it did not send the listing. `findings` lists them.",
        "Correct the attributes, or set OnFindings to SEND: [listings.md](listings.md#checks-before-a-submission).",
    ),
    "SellerUnknown": ("No token is stored for this seller in this region.", "Store one with POST /tokens."),
    "ReportUnknown": (
        "This seller has no report with this id, or the seller was removed. The answer is the same if the report "
        "belongs to another seller.",
        "Check both ids; GET /reports lists the seller's reports.",
    ),
    "ScheduleUnknown": (
        "SP-API has no such schedule for this seller in this region.",
        "List them with GET /schedules.",
    ),
    "NotSubscribed": ("The subscription that you want to cancel does not exist.", "Nothing."),
    "AuthorizationUnknown": (
        "There is no such authorization, or it ended more than 30 days ago.",
        "Start one with POST /authorizations.",
    ),
    "ProductTypeUnknown": (
        "The stack has not stored this product type's definition in the requested variant.",
        "Fetch it with POST /product-types/pulls, or name the variant that you fetched: "
        "[product-types.md](product-types.md#fetch-the-definitions-of-a-marketplace).",
    ),
    "PullUnknown": (
        "There is no pull with this id. The stack deletes records of pulls after 90 days.",
        "Start one with POST /product-types/pulls.",
    ),
    "SubmissionUnknown": (
        "This seller has no submission with this id, or its record has expired.",
        "List the submissions with GET /listings.",
    ),
    "FeedRequestUnknown": (
        "This seller has no file of listings with this id, or its record has expired.",
        "List the files with GET /listings/feeds.",
    ),
    "RefreshTokenRefused": (
        "LWA rejects the seller's stored token: the token belongs to another application, or the authorization was "
        "revoked or has expired.",
        "Have the seller authorize the application again, and store the new token with POST /tokens. It works at once.",
    ),
    "RequestInProgress": (
        "An earlier copy of this request is being processed, or failed less than 30 seconds ago.",
        "Repeat the request with the same ClientToken after Retry-After.",
    ),
    "AnotherRequestUnanswered": (
        "SP-API has not answered an earlier request for the same report yet, so the stack did not send this one.",
        "To repeat the earlier request, use the ClientToken in the message. Otherwise repeat yours after Retry-After.",
    ),
    "OutcomeUnknown": (
        "SP-API did not answer an earlier copy of this request. With Retry-After, the stack is still looking for its "
        "report. Without it, the message names reports that may be yours.",
        "With Retry-After, repeat the request with the same ClientToken. Without it, check the reports: "
        "[api.md](api.md#sending-a-request-again-clienttoken).",
    ),
    "ClientTokenReused": ("This ClientToken was used for a different request.", "Use a new ClientToken."),
    "PullNotInterrupted": (
        "The pull is running or finished, so it cannot be resumed.",
        "Check its status with GET /product-types/pulls/{pullId}.",
    ),
    "CatalogMatch": (
        "Amazon's catalog already has products with this identifier. The stack did not send the listing.",
        "Send the Asin of one of them, or set OnFindings to SEND.",
    ),
    "ListingRestricted": (
        "Amazon does not allow this seller to list the product, or not in this condition. Nothing was sent.",
        "Open Amazon's link in `restrictions`.",
    ),
    "SchemaUnavailable": (
        "The listing cannot be checked, because the schema of its product type is not available.",
        "Follow the message.",
    ),
    "AuthorizationEnded": ("The authorization has ended.", "Start a new one with POST /authorizations."),
    "NotAtLoginPage": (
        "Amazon did not send the browser to your log-in page for this authorization.",
        "See [authorization.md](authorization.md#your-log-in-page).",
    ),
    "DifferentAuthorization": (
        "The region, party type or seller of the authorization differs from that of the earlier authorization in "
        "ContinuesAuthorizationId.",
        "Leave out ContinuesAuthorizationId, or have the user choose the same account.",
    ),
    "SubscriptionConflict": (
        "The seller already has a subscription to this type with another destination or filter, or with another "
        "payload version while SP-API allows only one.",
        "Follow the message, or send Replace: true.",
    ),
    "SubscriptionNotReplaced": (
        "POST /notifications with Replace: the stack deleted the old subscription and could not create the new one. "
        "The "
        "status is that of SP-API's error. The message says whether the stack has restored the old subscription.",
        "Follow the message, and send the request again.",
    ),
    "BodyTooLarge": ("The body is larger than 256 KB.", "Send less."),
    "TooManyValues": ("A listing has more than 10,000 values, lists and objects.", "Send less."),
    "TooManyWaiting": (
        "Too many changes of this SKU in this marketplace are waiting to be sent: 500 PATCH requests.",
        "Put several attributes into one PATCH, or send the request again after Retry-After.",
    ),
    "TooManyFeeds": (
        "Too many files of listings: 500 of this seller in this region are not finished yet.",
        "Put more messages into one file, or send the request again after Retry-After.",
    ),
    "StoredItemDamaged": (
        "An item in one of the stack's tables cannot be read, for example because somebody changed it by hand.",
        "Restore the item that the message names from a backup of the table, or delete it.",
    ),
    "SecretUnreadable": (
        "A secret of the stack in Secrets Manager cannot be read, for example because somebody changed it by hand.",
        "Store it again as a JSON object with the fields in the message.",
    ),
    "AwsCallFailed": (
        "A call to AWS failed, or did not end in time. The message names the call and AWS's error code.",
        "Send the request again after Retry-After: [api.md](api.md#when-a-call-to-aws-fails) says what may have "
        "happened.",
    ),
    "SellerRemains": (
        "DELETE /tokens removed the seller only partly. `errors` has one entry for each item that remains.",
        "Send the request again after Retry-After.",
    ),
}
# The codes of failures without a code of SP-API or LWA, by the status of the answer.
_SILENT: Mapping[str, tuple[str, str, str]] = {
    "TransientError": (
        "502, 504",
        "SP-API or LWA failed or sent an answer that the stack could not read (502), or did not answer (504). With "
        "504, the message names the host.",
        "Send the request again; for POST /reports, with the ClientToken in the message. If the error persists, check "
        "the health of SP-API in the Solution Provider Portal.",
    ),
    "DeadlineExceeded": (
        "504",
        "SP-API or LWA did not answer within the 20 seconds that a request has.",
        "The same as for [TransientError](#transienterror).",
    ),
    "PermanentError": ("502", "SP-API rejected the call and returned no code.", "Follow the message."),
    "InvalidInputError": ("400", "SP-API rejected the input and returned no code.", "Follow the message."),
    "AccessDeniedError": (
        "502",
        "SP-API denied access and returned no code.",
        "Check the application's roles and the region: "
        "[troubleshooting.md](troubleshooting.md#403-and-other-errors-from-sp-api).",
    ),
    "NotFoundError": ("502", "SP-API does not have what the request names, and returned no code.", "Check the ids."),
    "ConflictError": ("502", "SP-API rejected the call because of the state of a resource.", "Follow the message."),
    "ThrottledError": ("429", "SP-API or LWA throttles the calls.", "Send the request again after Retry-After."),
    "ClientSecretExpiredError": (
        "503",
        "SP-API rejects the application's client secret as expired. This can happen for some time after a rotation.",
        "Send the request again after Retry-After. If the error persists for longer than an hour, check the secret: "
        "[secret-rotation.md](secret-rotation.md).",
    ),
}
_BY_STATUS = (
    ("400", "SP-API rejects the input, such as `InvalidInput`", "correct the request as the message says"),
    (
        "429",
        "SP-API's rate limit is exceeded (`QuotaExceeded`), or LWA throttles",
        "send the request again after Retry-After",
    ),
    (
        "502",
        "SP-API denies access (`Unauthorized`, `AccessDenied`), does not have what the request names (`NotFound`), or "
        "failed (`InternalFailure`); or LWA rejects the application's credentials (`invalid_client`)",
        "follow the message; see [troubleshooting.md](troubleshooting.md#403-and-other-errors-from-sp-api)",
    ),
    (
        "503",
        "SP-API rejects the application's client secret as expired",
        "send the request again after Retry-After",
    ),
)


def codes() -> Mapping[str, tuple[str, str, str]]:
    """Statuses, when, and what to do, of each code."""
    by_class: dict[str, set[str]] = {}
    for refusal in _refusals(Refusal):
        if isinstance(vars(refusal).get("code"), str):
            status = vars(refusal).get("status", "as SP-API")
            by_class.setdefault(refusal.code, set()).add(str(status))
    if set(by_class) != set(_REFUSALS):
        raise LookupError(f"codes without words, or words without a code: {sorted(set(by_class) ^ set(_REFUSALS))}")
    return {
        **{code: ("400", *words) for code, words in _VALIDATION.items()},
        **{code: (", ".join(sorted(by_class[code])), *words) for code, words in _REFUSALS.items()},
        **_SILENT,
    }


def error_page() -> str:
    """The page, sorted by code."""
    found = codes()
    parts = [
        "# Error codes",
        "`make reference` generates this page from the code. In a response, each entry of `errors` has a `code`. Its "
        "`documentation` field names the section of this page about that code. [api.md](api.md#errors) explains the "
        "form of a response, and which responses come from API Gateway: those responses have no `code` and no "
        "`documentation`.",
        table(
            ("code", "status", "when"),
            [
                (f"[{code}](#{code.lower()})", statuses, when.partition(". ")[0].rstrip("."))
                for code, (statuses, when, _) in sorted(found.items())
            ],
        ),
        "## Codes of Amazon",
        "Any other code comes from SP-API or Login with Amazon (LWA). The stack passes it on with its message. Amazon "
        "may add codes at any time, so your program should decide by the status:",
        table(("status", "what the code means", "what to do"), _BY_STATUS),
        "## Rules of a product type",
        "If the first entry of `errors` is `ListingInvalid`, each further entry stands for one mistake. Its `code` is "
        "the rule that the value breaks: usually a rule of the product type's schema, such as `required` or "
        "`maxLength`. Its `field` is `Attributes` (or `Patches`) followed by the JSON pointer of the value, such as "
        "`Attributes/brand/0/value`. See [listings.md](listings.md#checks-before-a-submission).",
        "## Codes of this stack",
        *(
            f"### {code}\n\nStatus {statuses}. {when}\n\nWhat to do: {remedy}"
            for code, (statuses, when, remedy) in sorted(found.items())
        ),
    ]
    return "\n\n".join(_wrapped(paragraph) for part in parts for paragraph in part.split("\n\n")) + "\n"


def _wrapped(paragraph: str) -> str:
    """Tables and headings stay as they are."""
    if paragraph.startswith(("|", "#")):
        return paragraph
    return textwrap.fill(paragraph, _WIDTH, break_long_words=False, break_on_hyphens=False)


def _refusals(base: type[Refusal]) -> Iterator[type[Refusal]]:
    for module in pkgutil.walk_packages(quickstart.__path__, "quickstart."):
        importlib.import_module(module.name)
    waiting = [base]
    while waiting:
        found = waiting.pop().__subclasses__()
        yield from (one for one in found if one.__module__.startswith("quickstart."))
        waiting += found
