"""What Amazon makes of a JSON_LISTINGS_FEED: which messages it accepts, and the processing report.

The codes of failures are those that others got from Amazon: 4002001 (selling-partner-api-docs issue 1593), 4002006
(1133), 4002008 (1098) and BAD_REQUEST (2685).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass

from sp_api_simulator.clock import notification_timestamp
from sp_api_simulator.feed_state import Feed, FeedOutcome, Json, MessageRule

VERSION = "2.0"
MOST_MESSAGES = 25_000
LARGEST_MESSAGE_ID = 2_147_483_647
NOT_PARSED, NOT_REQUIRED_VALUE, NOT_IN_SCHEMA = "4002001", "4002006", "4002008"
WHOLE_FILE_MESSAGES: Mapping[str, str] = {
    NOT_PARSED: "Item 'Feed' cannot be parsed.",
    NOT_REQUIRED_VALUE: "The attribute 'version' does not match the required value.",
    NOT_IN_SCHEMA: "The provided feed did not meet the schema validation requirements for a feed.",
}
MESSAGE_REFUSED = "The provided message did not meet the schema validation requirements for a feed message."
WRONG_ACCOUNT = "Invalid 'accountId' provided."
INCLUDED_DATA = (
    "summaries",
    "attributes",
    "issues",
    "offers",
    "fulfillmentAvailability",
    "procurement",
    "relationships",
    "productTypes",
)
_NEEDED = {
    "UPDATE": {"productType", "attributes"},
    "PARTIAL_UPDATE": {"productType", "attributes"},
    "PATCH": {"productType", "patches"},
    "DELETE": set(),
}
_FORBIDDEN = {
    "UPDATE": {"patches"},
    "PARTIAL_UPDATE": {"requirements", "patches"},
    "PATCH": {"requirements", "attributes"},
    "DELETE": {"requirements", "attributes", "productType", "patches"},
}


@dataclass(frozen=True)
class Result:
    """`report` is the processing report, `accepted` the messages that take effect."""

    report: Json
    accepted: tuple[Json, ...] = ()


def process(feed: Feed, content: bytes, outcome: FeedOutcome, seller_ids: Set[str]) -> Result:
    """The result of a feed with this document. `seller_ids` are those that the header may name."""
    try:
        document = json.loads(content.decode())
    except ValueError:
        return _refused(feed, outcome.whole_file or NOT_PARSED, "")
    if not isinstance(document, dict) or not isinstance(document.get("header"), dict):
        return _refused(feed, outcome.whole_file or NOT_PARSED, "")
    header = document["header"]
    seller_id = header.get("sellerId")
    if outcome.whole_file:
        return _refused(feed, outcome.whole_file, "")
    if header.get("version") != VERSION:
        return _refused(feed, NOT_REQUIRED_VALUE, "")
    messages = document.get("messages")
    if not isinstance(seller_id, str) or not isinstance(messages, list) or not 1 <= len(messages) <= MOST_MESSAGES:
        return _refused(feed, NOT_IN_SCHEMA, "")
    if (included := _included(header)) is None:
        return _refused(feed, NOT_IN_SCHEMA, "")
    return _processed(feed, header, messages, included, outcome, seller_ids)


def _processed(
    feed: Feed,
    header: Json,
    messages: Sequence[Json],
    included: Sequence[str],
    outcome: FeedOutcome,
    seller_ids: Set[str],
) -> Result:
    issues: list[Json] = []
    items: dict[str, Json] = {}
    accepted: list[Json] = []
    seen: set[int] = set()
    for number, message in enumerate(messages, 1):
        found = _message_issues(message, number, outcome, seen, own=header["sellerId"] in seller_ids)
        issues += found
        if any(issue["severity"] == "ERROR" for issue in found):
            continue
        accepted.append(message)
        if included and message["operationType"] != "DELETE":
            items[message["sku"]] = _item(feed, message, number, included, outcome)
    listed = list(items.values())
    summary: dict[str, Json] = {
        **_counts(issues),
        "messagesProcessed": len(messages),
        "messagesAccepted": len(accepted),
        "messagesInvalid": len(messages) - len(accepted),
    }
    head = {"sellerId": header["sellerId"], "version": VERSION, "feedId": feed.feed_id}
    report: dict[str, Json] = {"header": head, "issues": issues, "summary": summary}
    if included:
        head["report"] = header["report"]
        summary["itemSummary"] = {
            "items": len(listed),
            **_counts([issue for item in listed for issue in item.get("issues", ())]),
        }
        report["items"] = listed
    return Result(report, tuple(accepted))


def _included(header: Mapping[str, Json]) -> Sequence[str] | None:
    """The parts of the listings that the report has; None for a report header that is not in the schema."""
    if "report" not in header:
        return ()
    report = header["report"]
    if not isinstance(report, dict) or report.get("apiVersion") != "2021-08-01":
        return None
    included = report.get("includedData")
    if not isinstance(included, list) or not included or not all(name in INCLUDED_DATA for name in included):
        return None
    return tuple(included)


def _message_issues(message: Json, number: int, outcome: FeedOutcome, seen: set[int], *, own: bool) -> list[Json]:
    known = _known(message)
    message_id = known.get("messageId")
    if not _in_schema(message) or message_id in seen:
        return [{**known, "code": NOT_IN_SCHEMA, "severity": "ERROR", "message": MESSAGE_REFUSED}]
    seen.add(message["messageId"])
    if not own:
        return [{**known, "code": "BAD_REQUEST", "severity": "ERROR", "message": WRONG_ACCOUNT}]
    return [
        {**known, **issue} for rule in outcome.messages if rule.matches(message["sku"], number) for issue in rule.issues
    ]


def _known(message: Json) -> dict[str, Json]:
    """The messageId and the SKU, as far as they can be shown in a report."""
    if not isinstance(message, dict):
        return {}
    known: dict[str, Json] = {}
    if _is_id(message.get("messageId")):
        known["messageId"] = message["messageId"]
    if isinstance(message.get("sku"), str) and message["sku"]:
        known["sku"] = message["sku"]
    return known


def _is_id(value: Json) -> bool:
    # JSON Schema counts 1.0 as an integer.
    whole = isinstance(value, int) or (isinstance(value, float) and value.is_integer())
    return whole and not isinstance(value, bool) and 1 <= value <= LARGEST_MESSAGE_ID


def _in_schema(message: Json) -> bool:
    """Whether listings-feed-message-schema-v2.json accepts the message."""
    if not isinstance(message, dict) or set(_known(message)) != {"messageId", "sku"}:
        return False
    operation = message.get("operationType")
    if not isinstance(operation, str) or operation not in _NEEDED:
        return False
    fields = set(message)
    if not fields >= _NEEDED[operation] or fields & _FORBIDDEN[operation]:
        return False
    if "productType" in fields and not (isinstance(message["productType"], str) and message["productType"]):
        return False
    if message.get("requirements", "LISTING") not in ("LISTING", "LISTING_PRODUCT_ONLY", "LISTING_OFFER_ONLY"):
        return False
    if "attributes" in fields and not (isinstance(message["attributes"], dict) and message["attributes"]):
        return False
    return "patches" not in fields or _patches_in_schema(message["patches"])


def _patches_in_schema(patches: Json) -> bool:
    return (
        isinstance(patches, list)
        and bool(patches)
        and all(
            isinstance(patch, dict)
            and patch.get("op") in ("add", "replace", "merge", "delete")
            and isinstance(patch.get("path"), str)
            and isinstance(patch.get("value", []), list)
            and all(isinstance(value, dict) for value in patch.get("value", []))
            for patch in patches
        )
    )


def _item(feed: Feed, message: Json, number: int, included: Sequence[str], outcome: FeedOutcome) -> Json:
    """The listing as getListingsItem shows it after the message, as far as a feed alone says it."""
    rules = [rule for rule in outcome.messages if rule.matches(message["sku"], number)]
    now = notification_timestamp(feed.created)
    parts: dict[str, Json] = {
        "summaries": [
            {
                "marketplaceId": marketplace_id,
                "productType": message["productType"],
                "status": [] if _hidden(rules) else ["BUYABLE", "DISCOVERABLE"],
                "createdDate": now,
                "lastUpdatedDate": now,
            }
            for marketplace_id in feed.marketplace_ids
        ],
        "attributes": message.get("attributes", {}),
        "issues": [dict(issue) for rule in rules for issue in rule.item_issues],
        "productTypes": [
            {"marketplaceId": marketplace_id, "productType": message["productType"]}
            for marketplace_id in feed.marketplace_ids
        ],
    }
    return {"sku": message["sku"]} | {name: parts.get(name, []) for name in included}


def _hidden(rules: Sequence[MessageRule]) -> bool:
    """Whether buyers cannot see the listing, because of an error. Warnings do not hide it."""
    return any(issue["severity"] == "ERROR" for rule in rules for issue in rule.item_issues)


def _refused(feed: Feed, code: str, seller_id: str) -> Result:
    message = WHOLE_FILE_MESSAGES.get(code, "The feed cannot be processed.")
    counts = {"messagesProcessed": 0, "messagesAccepted": 0, "messagesInvalid": 0}
    return Result(
        {
            "header": {"sellerId": seller_id, "version": VERSION, "feedId": feed.feed_id},
            "issues": [{"code": code, "severity": "ERROR", "message": message}],
            "summary": {"errors": 1, "warnings": 0, **counts},
        }
    )


def _counts(issues: Sequence[Mapping[str, Json]]) -> dict[str, int]:
    severities = [issue["severity"] for issue in issues]
    return {"errors": severities.count("ERROR"), "warnings": severities.count("WARNING")}
