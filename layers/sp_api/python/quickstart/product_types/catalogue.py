"""GET /product-types: lists stored definitions, shows one with links to its documents, and lists changes."""

import gzip
import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass

from boto3.dynamodb.conditions import Attr, ConditionBase

from quickstart.dynamodb import Item, Table
from quickstart.links import ObjectLinks
from quickstart.observability import logger
from quickstart.paging import token
from quickstart.product_types import attributes, schemas
from quickstart.product_types.changes import changes_of
from quickstart.product_types.changes import described as described_change
from quickstart.product_types.reading import (
    SchemaKey,
    SchemaStorage,
    StoredDefinition,
    content_key,
    packed_groups,
    plain_groups,
    stored_definition,
)
from quickstart.product_types.requests import PRODUCT_TYPE, PRODUCT_TYPE_RULE, read_variant
from quickstart.refusals import Refusal
from quickstart.times import to_text
from quickstart.validation import Fields
from sp_api.regions import Region, region_of_marketplace

CHANGES_INDEX = "MarketplaceIdChangeOrderIndex"
# The key at which a page of the index ended, besides the marketplace.
_POSITION_IN_INDEX = ("Collection", "Entry", "ChangeOrder")
_PAGE = 50
_LARGEST_PAGE = 200
# A search reads at most this many definitions for one answer; its nextToken continues behind them.
_READ_AT_MOST = 3000
_READ_AT_ONCE = 500
_QUERY = re.compile(r"[^\x00-\x1f]{1,100}")
# Change it when the documents made from a schema change: they are then made again.
_DOCUMENTS_VERSION = "1"


class ProductTypeUnknownError(Refusal):
    """The definition was never pulled in this form."""

    status = 404
    code = "ProductTypeUnknown"
    field = "ProductType"

    def __init__(self, key: SchemaKey) -> None:
        super().__init__(
            f"the definition of {key.product_type} in marketplace {key.marketplace_id} is not stored with Requirements "
            f"{key.requirements}, RequirementsEnforced {key.enforced}, Locale {key.locale} and ParentageLevel "
            f"{key.parentage_level or 'left out'}: pull it with POST /product-types/pulls"
        )


@dataclass(frozen=True)
class ListRequest:
    """A valid GET /product-types. `words` are searched for in name and display name; `after` is a product type."""

    key: SchemaKey
    words: str
    limit: int
    after: str | None


@dataclass(frozen=True)
class ChangesRequest:
    """A valid GET of changes, of one product type or, when it is empty, of the marketplace."""

    marketplace_id: str
    product_type: str
    limit: int
    after: Mapping[str, str] | None


def read_list_request(fields: Fields) -> ListRequest:
    """Raises InvalidRequestError listing every invalid field."""
    key = _key(fields, "")
    words = fields.text("Query", required=False, rule="up to 100 characters of a product type's name or display name")
    if words and not _QUERY.fullmatch(words):
        fields.wrong("Query", "InvalidValue", "Query must have at most 100 characters, without control characters")
    position = fields.next_token(("Entry",))
    request = ListRequest(
        key, words, fields.limit(_PAGE, _LARGEST_PAGE), None if position is None else position["Entry"]
    )
    fields.finish()
    return request


def read_show_request(fields: Fields) -> SchemaKey:
    """Raises InvalidRequestError listing every invalid field."""
    key = _key(fields, fields.matching("ProductType", PRODUCT_TYPE, PRODUCT_TYPE_RULE))
    fields.finish()
    return key


def read_changes_request(fields: Fields, *, of_one_type: bool) -> ChangesRequest:
    """Raises InvalidRequestError listing every invalid field."""
    product_type = fields.matching("ProductType", PRODUCT_TYPE, PRODUCT_TYPE_RULE) if of_one_type else ""
    request = ChangesRequest(
        marketplace_id=fields.marketplace_id(),
        product_type=product_type,
        limit=fields.limit(_PAGE, _LARGEST_PAGE),
        after=fields.next_token(("Entry",) if of_one_type else _POSITION_IN_INDEX),
    )
    fields.finish()
    return request


def list_definitions(table: Table, request: ListRequest) -> Mapping[str, object]:
    """{"productTypes": [...], "nextToken"?}, by name. A page of a search may have fewer entries than the limit."""
    collection = request.key.collection
    condition: ConditionBase | None = Attr("SearchText").contains(request.words.casefold()) if request.words else None
    found: list[Item] = []
    after: Item | None = None if request.after is None else {"Collection": collection, "Entry": request.after}
    read = 0
    while True:
        size = _READ_AT_ONCE if condition else request.limit - len(found)
        items, after = table.sorted_page("Collection", collection, limit=size, after=after, condition=condition)
        found += items
        read += size
        if after is None or len(found) >= request.limit or read >= _READ_AT_MOST:
            break
    if len(found) > request.limit:
        found = found[: request.limit]
        after = {"Entry": found[-1]["Entry"]}
    page: dict[str, object] = {"productTypes": [_listed(item) for item in found]}
    if after is not None:
        page["nextToken"] = token({"Entry": str(after["Entry"])})
    return page


def list_changes(table: Table, request: ChangesRequest) -> Mapping[str, object]:
    """{"changes": [...], "nextToken"?}, the newest first."""
    if request.product_type:
        hash_key, index = ("Collection", changes_of(request.marketplace_id, request.product_type)), ""
        names: tuple[str, ...] = ("Entry",)
    else:
        hash_key, index = ("MarketplaceId", request.marketplace_id), CHANGES_INDEX
        names = _POSITION_IN_INDEX
    after: Item | None = None if request.after is None else {**request.after, hash_key[0]: hash_key[1]}
    items, last = table.sorted_page(*hash_key, limit=request.limit, after=after, index=index, descending=True)
    page: dict[str, object] = {"changes": [described_change(item) for item in items]}
    if last is not None:
        page["nextToken"] = token({name: str(last[name]) for name in names})
    return page


def show_definition(storage: SchemaStorage, links: ObjectLinks, key: SchemaKey) -> Mapping[str, object]:
    """One definition, with links to its documents. Raises ProductTypeUnknownError."""
    definition = stored_definition(storage, key)
    if definition is None:
        raise ProductTypeUnknownError(key)
    objects = {"schema": content_key(definition.checksum)}
    if definition.meta_schema_checksum:
        objects["metaSchema"] = content_key(definition.meta_schema_checksum)
    body = storage.content(definition.checksum)
    if body is None:
        # Somebody deleted the object; the next pull stores it again.
        storage.forget(key, definition)
        raise ProductTypeUnknownError(key)
    try:
        repaired = schemas.repaired(schemas.parsed(body))
        warnings = [_warning(warned) for warned in repaired.warnings]
        objects |= _documents(storage, definition, repaired.schema)
    except schemas.SchemaUnreadableError as error:
        warnings = [{"message": str(error)}]
    signed = links.presign_all(tuple(objects.values()), f"schema-{key.product_type}")
    return {
        **_described(key.product_type, definition),
        "marketplaceId": key.marketplace_id,
        "requirements": str(key.requirements),
        "requirementsEnforced": str(key.enforced),
        "locale": key.locale,
        **({"parentageLevel": key.parentage_level} if key.parentage_level else {}),
        "propertyGroups": plain_groups(definition.property_groups),
        "warnings": warnings,
        "links": {
            name: {"url": link.url, "expires": to_text(link.expires)}
            for name, link in zip(objects, signed, strict=True)
        },
    }


def _warning(warned: schemas.Warned) -> dict[str, str]:
    name = {} if warned.attribute_name is None else {"attributeName": warned.attribute_name}
    return {"pointer": warned.pointer, "message": warned.message, **name}


def _documents(storage: SchemaStorage, definition: StoredDefinition, schema: Mapping[str, object]) -> Mapping[str, str]:
    """The keys of the documents made from the schema: made when first asked for, and stored for the next time."""
    groups = definition.property_groups
    digest = hashlib.sha256(packed_groups(groups)).hexdigest()[:16]
    folder = f"documents/{_DOCUMENTS_VERSION}/{definition.checksum}/{digest}"
    keys = {
        "resolvedSchema": f"{folder}/schema.resolved.json",
        "attributesCsv": f"{folder}/attributes.csv",
        "attributesJson": f"{folder}/attributes.json",
    }
    made = {"Collection": f"DOCUMENTS#{definition.checksum}", "Entry": folder}
    if storage.table.get(made) is not None:
        return keys
    resolved = schemas.resolved(schema)
    rows = attributes.table(resolved, plain_groups(groups))
    for name, content, content_type in (
        (
            "resolvedSchema",
            json.dumps(resolved, ensure_ascii=False, separators=(",", ":")).encode(),
            "application/json",
        ),
        ("attributesCsv", attributes.as_csv(rows), "text/csv; charset=utf-8"),
        ("attributesJson", attributes.as_json(rows), "application/json"),
    ):
        file_name = keys[name].rsplit("/", 1)[1]
        storage.s3.put_object(
            Bucket=storage.bucket,
            Key=keys[name],
            Body=gzip.compress(content, mtime=0),
            ContentType=content_type,
            ContentEncoding="gzip",
            ContentDisposition=f'attachment; filename="{file_name}"',
        )
    storage.table.put(made)
    logger().info("documents of a schema made", checksum=definition.checksum, attributes=len(rows))
    return keys


def _key(fields: Fields, product_type: str) -> SchemaKey:
    marketplace_id = fields.marketplace_id()
    region = fields.optional_region()
    known = region_of_marketplace(marketplace_id)
    if region is None and known is None and marketplace_id:
        fields.wrong("RegionCode", "Missing", "RegionCode is missing, and the region of this marketplace is not known")
    elif region is not None:
        fields.check_marketplaces("MarketplaceId", (marketplace_id,), region)
    return SchemaKey(
        region=region or known or Region.NA,
        marketplace_id=marketplace_id,
        product_type=product_type,
        **read_variant(fields),
    )


def _listed(item: Item) -> Mapping[str, object]:
    return _described(str(item["Entry"]), StoredDefinition.from_item(item))


def _described(name: str, definition: StoredDefinition) -> Mapping[str, object]:
    answer: dict[str, object] = {
        "productType": name,
        "displayName": definition.display_name,
        "version": definition.version,
        "latest": definition.latest,
        "releaseCandidate": definition.release_candidate,
        "checksum": definition.checksum,
        "storedTime": definition.stored_time,
        "checkedTime": definition.checked_time,
    }
    if definition.removed_time:
        answer["removedTime"] = definition.removed_time
    if definition.product_type != name:
        answer["answeredProductType"] = definition.product_type
    return answer
