"""The schemas that this stack has stored, by what was asked of SP-API."""

import gzip
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from quickstart.dynamodb import Item, Table, reading_item, unpacked_json
from sp_api.product_types import DEFAULT_LOCALE, PropertyGroup, Requirements, RequirementsEnforced
from sp_api.regions import Region
from sp_api.wire import optional_text, text

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

# What a key has in place of what the request leaves out. No parentage level and no seller id is written like it.
_WHATEVER = "-"


@dataclass(frozen=True)
class SchemaKey:
    """What decides the content of a schema.

    `enforced` is ENFORCED or NOT_ENFORCED; `parentage_level` None asks for the conditions of all levels. `seller_id` is
    None for the schema that every seller gets.
    """

    region: Region
    marketplace_id: str
    product_type: str
    requirements: str = Requirements.LISTING
    enforced: str = RequirementsEnforced.ENFORCED
    locale: str = DEFAULT_LOCALE
    parentage_level: str | None = None
    seller_id: str | None = None

    @property
    def collection(self) -> str:
        """The table's partition key: everything except the product type, so that a list of types is one query."""
        variant = (self.requirements, self.enforced, self.locale, self.parentage_level, self.seller_id)
        parts = (self.region, self.marketplace_id, *(part or _WHATEVER for part in variant))
        return "#".join(("DEFINITIONS", *parts))

    @property
    def item(self) -> Item:
        """The key of the definition's item."""
        return {"Collection": self.collection, "Entry": self.product_type}


@dataclass(frozen=True)
class StoredSchema:
    """A schema as SP-API sent it.

    `checksum` is the MD5 of `body` in hexadecimal. `product_type` differs from the key's when SP-API answered with
    another type: a parent type, or PRODUCT.
    """

    checksum: str
    version: str
    product_type: str
    body: bytes = field(repr=False)


@dataclass(frozen=True)
class StoredDefinition:
    """What the table knows of a definition. `checksum` names the schema's object, see `content_key`.

    `checked_time` is when SP-API last returned this definition, `stored_time` when its schema was first seen, and
    `removed_time` when SP-API's list no longer had the product type.
    """

    product_type: str
    display_name: str
    version: str
    latest: bool
    release_candidate: bool
    checksum: str
    meta_schema_checksum: str | None
    stored_time: str
    checked_time: str
    property_groups: Mapping[str, PropertyGroup]
    removed_time: str | None = None

    @classmethod
    def from_item(cls, item: Item) -> "StoredDefinition":
        """Raises DamagedItemError."""
        with reading_item(f"{item.get('Collection')} {item.get('Entry')}"):
            return cls(
                product_type=text(item, "ProductType"),
                display_name=text(item, "DisplayName"),
                version=optional_text(item, "Version") or "",
                latest=bool(item["Latest"]),
                release_candidate=bool(item["ReleaseCandidate"]),
                checksum=text(item, "Checksum"),
                meta_schema_checksum=optional_text(item, "MetaSchemaChecksum"),
                stored_time=text(item, "StoredTime"),
                checked_time=text(item, "CheckedTime"),
                property_groups=_groups(item["PropertyGroups"]),
                removed_time=optional_text(item, "RemovedTime"),
            )


@dataclass(frozen=True)
class SchemaStorage:
    """Where schemas are: one item for each definition in the table, one object for each content in the bucket."""

    table: Table
    s3: "S3Client"
    bucket: str

    def content(self, checksum: str) -> bytes | None:
        """The document with this MD5, decompressed; None when it is not stored."""
        try:
            answer = self.s3.get_object(Bucket=self.bucket, Key=content_key(checksum))
        except ClientError as error:
            if error.response["Error"]["Code"] == "NoSuchKey":
                return None
            raise
        return gzip.decompress(answer["Body"].read())

    def forget(self, key: SchemaKey, definition: "StoredDefinition") -> None:
        """Deletes the records of a definition whose object somebody deleted, so that the next fetch stores it again."""
        self.table.delete(key.item)
        for checksum in (definition.checksum, definition.meta_schema_checksum):
            if checksum is not None:
                self.table.delete(content_item(checksum))


def content_item(checksum: str) -> Item:
    """The key of the item that says that a content is stored."""
    return {"Collection": f"CONTENT#{checksum}", "Entry": "CONTENT"}


def content_key(checksum: str) -> str:
    """The object of a content: contents/<MD5 in hexadecimal>.json.gz."""
    return f"contents/{checksum}.json.gz"


def stored_definition(storage: SchemaStorage, key: SchemaKey) -> StoredDefinition | None:
    """What is known of the definition; None when it was never fetched. Raises DamagedItemError."""
    item = storage.table.get(key.item)
    return None if item is None else StoredDefinition.from_item(item)


def stored_schema(storage: SchemaStorage, key: SchemaKey) -> StoredSchema | None:
    """The stored schema; None when it must be fetched (`store.fetch_and_store`). Raises DamagedItemError."""
    definition = stored_definition(storage, key)
    if definition is None:
        return None
    body = storage.content(definition.checksum)
    if body is None:
        storage.forget(key, definition)
        return None
    return StoredSchema(definition.checksum, definition.version, definition.product_type, body)


def packed_groups(groups: Mapping[str, PropertyGroup]) -> bytes:
    """Property groups as the item holds them: JSON, compressed, because they name every attribute."""
    return gzip.compress(json.dumps(plain_groups(groups), ensure_ascii=False).encode(), mtime=0)


def plain_groups(groups: Mapping[str, PropertyGroup]) -> dict[str, Any]:
    """Property groups in the form of SP-API's answer."""
    return {
        name: {"title": group.title, "description": group.description, "propertyNames": list(group.property_names)}
        for name, group in groups.items()
    }


def _groups(packed: object) -> Mapping[str, PropertyGroup]:
    """Raises ValueError, and what else `reading_item` turns into DamagedItemError."""
    plain: Mapping[str, Mapping[str, Any]] = unpacked_json(packed)
    return {
        name: PropertyGroup(group["title"], group["description"], tuple(group["propertyNames"]))
        for name, group in plain.items()
    }
