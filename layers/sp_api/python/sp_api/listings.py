"""Listings Items API v2021-08-01: creates, changes, deletes and reads a selling partner's listings.

putListingsItem, patchListingsItem and deleteListingsItem answer 200 also for a submission that Amazon refuses: read
`Submission.status`. ACCEPTED means that Amazon processes the submission later; whether the listing is published is only
seen with getListingsItem.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sp_api.caller import Caller, Operation
from sp_api.wire import (
    JsonObject,
    MalformedError,
    OpenEnum,
    children,
    optional_child,
    optional_text,
    optional_time,
    text,
    texts,
    without_nothing,
)

_ITEM = "/listings/2021-08-01/items/{sellerId}/{sku}"
_PUT_LISTINGS_ITEM = Operation("putListingsItem", "PUT", _ITEM, 5)
_PATCH_LISTINGS_ITEM = Operation("patchListingsItem", "PATCH", _ITEM, 5)
_DELETE_LISTINGS_ITEM = Operation("deleteListingsItem", "DELETE", _ITEM, 5)
_GET_LISTINGS_ITEM = Operation("getListingsItem", "GET", _ITEM, 5)
_SEARCH_LISTINGS_ITEMS = Operation("searchListingsItems", "GET", "/listings/2021-08-01/items/{sellerId}", 5)
_PREVIEW = "VALIDATION_PREVIEW"
# The model's limit of searchListingsItems.
MOST_IDENTIFIERS = 20


class Requirements(OpenEnum):
    """What a submission contains: facts and offer, facts alone, or an offer on an existing ASIN (sellers only)."""

    LISTING = "LISTING"
    LISTING_PRODUCT_ONLY = "LISTING_PRODUCT_ONLY"
    LISTING_OFFER_ONLY = "LISTING_OFFER_ONLY"


class SubmissionStatus(OpenEnum):
    """ACCEPTED: Amazon processes it later. INVALID: Amazon refuses it. VALID: the answer to a preview."""

    ACCEPTED = "ACCEPTED"
    INVALID = "INVALID"
    VALID = "VALID"


class IssueSeverity(OpenEnum):
    """How severe an issue is."""

    ERROR = "ERROR"
    WARNING = "WARNING"
    INFO = "INFO"


class PatchOperator(OpenEnum):
    """What a patch does with the values of an attribute.

    `replace` and `add` put each given value in the place of the one with the same selectors, without its other fields
    (selling-partner-api-models issue 4406), or beside the others if none has them (selling-partner-api-docs issue
    1714). `merge` changes only the given fields, and null removes one. `delete` removes the values with the given
    selectors.
    """

    ADD = "add"
    REPLACE = "replace"
    MERGE = "merge"
    DELETE = "delete"


class ItemStatus(OpenEnum):
    """What buyers can do with a listing. A vendor's listing is never BUYABLE."""

    BUYABLE = "BUYABLE"
    DISCOVERABLE = "DISCOVERABLE"


@dataclass(frozen=True)
class ListingKey:
    """A listing. `seller_id` is a vendor's vendor code (selling-partner-api-docs issue 2107)."""

    seller_id: str
    sku: str
    marketplace_id: str


@dataclass(frozen=True)
class PatchOperation:
    """One patch. `attribute` is the name of an attribute, `value` its values: a list of objects."""

    operator: PatchOperator
    attribute: str
    value: Sequence[JsonObject] = ()


@dataclass(frozen=True)
class Issue:
    """A problem of a submission or a listing.

    `categories` and `attribute_names` are stable; Amazon has changed codes (SP-API docs, changelog "Validation preview
    mode error code changes"). `actions` are what Amazon does because of it, such as LISTING_SUPPRESSED.
    """

    code: str
    message: str
    severity: IssueSeverity
    attribute_names: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    actions: tuple[str, ...] = ()
    exemption: str | None = None
    exemption_ends: datetime | None = None
    marketplace_ids: tuple[str, ...] = ()


@dataclass(frozen=True)
class Submission:
    """Amazon's answer. `submission_id` cannot be looked up anywhere. `asins`, by marketplace, come with a preview."""

    sku: str
    status: SubmissionStatus
    submission_id: str
    issues: tuple[Issue, ...] = ()
    asins: Mapping[str, str] | None = None


@dataclass(frozen=True)
class ItemSummary:
    """A listing in one marketplace. `statuses` is empty for one that buyers neither find nor buy."""

    marketplace_id: str
    product_type: str
    statuses: tuple[ItemStatus, ...]
    asin: str | None = None
    item_name: str | None = None
    condition_type: str | None = None
    created: datetime | None = None
    last_updated: datetime | None = None


@dataclass(frozen=True)
class Item:
    """A listing as getListingsItem returns it. `document` is the whole answer."""

    sku: str
    summaries: tuple[ItemSummary, ...]
    issues: tuple[Issue, ...]
    attributes: Mapping[str, object] | None
    document: JsonObject

    def summary(self, marketplace_id: str) -> ItemSummary | None:
        """The listing in this marketplace, None when it is not there."""
        return next((found for found in self.summaries if found.marketplace_id == marketplace_id), None)


@dataclass(frozen=True)
class ItemPage:
    """Part of a search; `next_token` requests the next part. SP-API returns at most 1000 items in all."""

    items: tuple[Item, ...]
    next_token: str | None
    number_of_results: int


def put_listings_item(
    caller: Caller,
    key: ListingKey,
    product_type: str,
    attributes: Mapping[str, object],
    *,
    requirements: Requirements | None = None,
    preview: bool = False,
    issue_locale: str | None = None,
) -> Submission:
    """putListingsItem: creates the listing, or replaces all of it. `preview` only asks what Amazon would say."""
    body = {
        "productType": product_type,
        **without_nothing(requirements=None if requirements is None else str(requirements)),
        "attributes": dict(attributes),
    }
    return _submit(caller, _PUT_LISTINGS_ITEM, key, body, preview=preview, issue_locale=issue_locale)


def patch_listings_item(
    caller: Caller,
    key: ListingKey,
    product_type: str,
    patches: Sequence[PatchOperation],
    *,
    preview: bool = False,
    issue_locale: str | None = None,
) -> Submission:
    """patchListingsItem: changes attributes of a listing. `preview` only asks what Amazon would say."""
    body = {"productType": product_type, "patches": [_patch(patch) for patch in patches]}
    return _submit(caller, _PATCH_LISTINGS_ITEM, key, body, preview=preview, issue_locale=issue_locale)


def delete_listings_item(caller: Caller, key: ListingKey, *, issue_locale: str | None = None) -> Submission:
    """deleteListingsItem. Amazon has accepted deletions without effect (selling-partner-api-models issue 5370)."""
    return caller.call(
        _DELETE_LISTINGS_ITEM,
        _submission,
        path=_path(key),
        query={"marketplaceIds": key.marketplace_id, "issueLocale": issue_locale},
    )


def get_listings_item(
    caller: Caller,
    key: ListingKey,
    included_data: Sequence[str] = ("summaries", "issues"),
    *,
    issue_locale: str | None = None,
) -> Item:
    """getListingsItem, for one marketplace: of several, only the first was answered (selling-partner-api-docs issue
    2362). Raises NotFoundError for a listing that does not exist or not yet.
    """
    return caller.call(
        _GET_LISTINGS_ITEM,
        read_item,
        path=_path(key),
        query={
            "marketplaceIds": key.marketplace_id,
            "includedData": included_data,
            "issueLocale": issue_locale,
        },
    )


def search_listings_items(
    caller: Caller,
    seller_id: str,
    marketplace_id: str,
    *,
    identifiers: Sequence[str] = (),
    identifiers_type: str | None = None,
    with_status: Sequence[ItemStatus] = (),
    with_issue_severity: Sequence[IssueSeverity] = (),
    included_data: Sequence[str] = ("summaries", "issues"),
    page_size: int | None = None,
    page_token: str | None = None,
) -> ItemPage:
    """searchListingsItems: 1 to 20 identifiers of one type, or a filter; `page_size` is at most 20."""
    return caller.call(
        _SEARCH_LISTINGS_ITEMS,
        _item_page,
        path={"sellerId": seller_id},
        query={
            "marketplaceIds": marketplace_id,
            "identifiers": identifiers,
            "identifiersType": identifiers_type,
            "withStatus": [str(status) for status in with_status],
            "withIssueSeverity": [str(severity) for severity in with_issue_severity],
            "includedData": included_data,
            "pageSize": None if page_size is None else str(page_size),
            "pageToken": page_token,
        },
    )


def _submit(
    caller: Caller, operation: Operation, key: ListingKey, body: JsonObject, *, preview: bool, issue_locale: str | None
) -> Submission:
    return caller.call(
        operation,
        _submission,
        path=_path(key),
        query={
            "marketplaceIds": key.marketplace_id,
            # In preview mode the model asks for the identifiers by name.
            "includedData": ("identifiers", "issues") if preview else None,
            "mode": _PREVIEW if preview else None,
            "issueLocale": issue_locale,
        },
        body=body,
    )


def _path(key: ListingKey) -> Mapping[str, str]:
    return {"sellerId": key.seller_id, "sku": key.sku}


def _patch(patch: PatchOperation) -> JsonObject:
    """The value is always a list, and the path has the prefix /attributes (selling-partner-api-models issue 4228)."""
    return {
        "op": str(patch.operator),
        "path": f"/attributes/{patch.attribute}",
        "value": [dict(value) for value in patch.value],
    }


def _submission(document: JsonObject) -> Submission:
    identifiers = children(
        document, "identifiers", lambda entry: (_plain(entry, "marketplaceId"), _plain(entry, "asin"))
    )
    return Submission(
        sku=text(document, "sku"),
        status=SubmissionStatus(text(document, "status")),
        submission_id=text(document, "submissionId"),
        issues=children(document, "issues", _issue),
        asins={marketplace_id: asin for marketplace_id, asin in identifiers if marketplace_id and asin} or None,
    )


def _plain(document: JsonObject, name: str) -> str:
    return optional_text(document, name) or ""


def _issue(document: JsonObject) -> Issue:
    enforcements = optional_child(document, "enforcements") or {}
    exemption = optional_child(enforcements, "exemption") or {}
    return Issue(
        # Amazon has left the code out of issues about images.
        code=_plain(document, "code"),
        message=_plain(document, "message"),
        severity=IssueSeverity(text(document, "severity")),
        attribute_names=texts(document, "attributeNames"),
        categories=texts(document, "categories"),
        actions=children(enforcements, "actions", lambda action: text(action, "action")),
        exemption=optional_text(exemption, "status"),
        exemption_ends=optional_time(exemption, "expiryDate"),
        marketplace_ids=texts(document, "marketplaceIds"),
    )


def read_item(document: JsonObject) -> Item:
    """A listing as getListingsItem returns it, or a feed's processing report has it. Raises MalformedError."""
    return Item(
        sku=text(document, "sku"),
        summaries=children(document, "summaries", _summary),
        issues=children(document, "issues", _issue),
        attributes=optional_child(document, "attributes"),
        document=document,
    )


def _summary(document: JsonObject) -> ItemSummary:
    return ItemSummary(
        marketplace_id=text(document, "marketplaceId"),
        product_type=_plain(document, "productType"),
        statuses=tuple(ItemStatus(status) for status in texts(document, "status")),
        asin=optional_text(document, "asin"),
        item_name=optional_text(document, "itemName"),
        condition_type=optional_text(document, "conditionType"),
        created=optional_time(document, "createdDate"),
        last_updated=optional_time(document, "lastUpdatedDate"),
    )


def _item_page(document: JsonObject) -> ItemPage:
    pagination = optional_child(document, "pagination") or {}
    number = document.get("numberOfResults")
    if not isinstance(number, int) or isinstance(number, bool):
        raise MalformedError("numberOfResults is not a whole number")
    return ItemPage(children(document, "items", read_item), optional_text(pagination, "nextToken") or None, number)
