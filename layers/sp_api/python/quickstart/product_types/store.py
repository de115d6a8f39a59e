"""Fetches definitions from SP-API and stores them: each content once, verified, compressed."""

import hashlib
import tempfile
import time
import zlib
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import IO, TYPE_CHECKING, cast

from botocore.exceptions import ClientError

from quickstart.dynamodb import Item
from quickstart.observability import logger
from quickstart.product_types.reading import (
    SchemaKey,
    SchemaStorage,
    StoredSchema,
    content_item,
    content_key,
    packed_groups,
    stored_schema,
)
from quickstart.product_types.slots import Slots
from quickstart.times import to_text
from sp_api.documents import open_document
from sp_api.errors import PermanentError, SellingPartnerApiError, ThrottledError, TransientError
from sp_api.product_types import (
    DefinitionRequest,
    ProductTypeDefinition,
    SchemaLink,
    get_definitions_product_type,
)

if TYPE_CHECKING:
    import urllib3

    from sp_api.caller import Caller
    from sp_api.deadline import Deadline

# A compressed schema has some 50 KB; a larger one goes to the function's disk.
_IN_MEMORY_BYTES = 4 * 1024 * 1024
# Schemas have about 1 MB. An endless document must not fill the disk.
_LARGEST_BYTES = 64 * 1024 * 1024
_CHUNK_BYTES = 64 * 1024
_GZIP = zlib.MAX_WBITS | 16
# S3's refusals of a conditional write (S3 user guide, "Conditional writes"): the object exists, and the object was
# being written or deleted meanwhile.
_EXISTS, _CONTESTED = "PreconditionFailed", "ConditionalRequestConflict"


class ChecksumMismatchError(TransientError):
    """The document's bytes do not have the checksum that SP-API announced: it was damaged, or replaced meanwhile."""


class Outcome(StrEnum):
    """What a fetch found."""

    STORED = "STORED"
    CHANGED = "CHANGED"
    UNCHANGED = "UNCHANGED"


@dataclass(frozen=True)
class Fetched:
    """A definition that SP-API returned. Its content is stored; `record` makes it the current one.

    `checksum` is that of the schema, in hexadecimal; `previous` the item from before, None for a new definition.
    """

    key: SchemaKey
    definition: ProductTypeDefinition
    checksum: str
    meta_schema_checksum: str | None
    previous: Item | None

    @property
    def outcome(self) -> Outcome:
        """Whether the schema is new, other than before, or the same."""
        if self.previous is None:
            return Outcome.STORED
        return Outcome.UNCHANGED if self.previous.get("Checksum") == self.checksum else Outcome.CHANGED


def fetch_and_store(storage: SchemaStorage, caller: "Caller", key: SchemaKey) -> StoredSchema:
    """The schema for a key that is not stored yet. Waits for the account's next call, within the caller's deadline.

    When another request has stored an older content meanwhile, that stays the current one: the next refresh reports
    the change. Raises ThrottledError when the wait is too long, and as `fetch` does.
    """
    slot = Slots(storage.table).take(key.region, caller.identity, 1)
    wait = slot.start - time.time()
    if wait > caller.deadline.remaining("getDefinitionsProductType") / 2:
        raise ThrottledError("getDefinitionsProductType", retry_after=wait, message="other calls wait before this one")
    if wait > 0:
        time.sleep(wait)
    fetched = fetch(storage, caller, key, storage.table.get(key.item))
    if fetched.outcome is not Outcome.CHANGED:
        record(storage, fetched, datetime.now(UTC))
        found = stored_schema(storage, key)
        if found is not None:
            return found
    body = storage.content(fetched.checksum)
    assert body is not None, "fetch stores the content"
    return StoredSchema(fetched.checksum, fetched.definition.version.version, fetched.definition.product_type, body)


def fetch(storage: SchemaStorage, caller: "Caller", key: SchemaKey, previous: Item | None) -> Fetched:
    """Calls getDefinitionsProductType once, and stores what is new of its documents. `previous` is the item so far.

    Raises ChecksumMismatchError, DocumentUrlExpiredError, and what else `sp_api` raises.
    """
    definition = get_definitions_product_type(caller, _request(key))
    known = None if previous is None else previous.get("Checksum")
    http, deadline = caller.api.http, caller.deadline
    checksum = _keep(storage, http, definition.schema, deadline, known)
    meta_schema = None
    if definition.meta_schema is not None:
        known = None if previous is None else previous.get("MetaSchemaChecksum")
        try:
            meta_schema = _keep(storage, http, definition.meta_schema, deadline, known)
        except SellingPartnerApiError as error:
            # Schemas can be read without it.
            logger().warning("the meta-schema was not stored", reason=str(error), product_type=key.product_type)
    return Fetched(key, definition, checksum, meta_schema, previous)


def record(storage: SchemaStorage, fetched: Fetched, now: datetime, **more: str) -> None:
    """Makes the fetched definition the current one. `more` are further attributes of the item."""
    definition, key = fetched.definition, fetched.key
    unchanged = fetched.outcome is Outcome.UNCHANGED
    values = {
        "ProductType": definition.product_type,
        "DisplayName": definition.display_name,
        "SearchText": f"{key.product_type} {definition.display_name}".casefold(),
        "Version": definition.version.version,
        "Latest": definition.version.latest,
        "ReleaseCandidate": definition.version.release_candidate,
        "Checksum": fetched.checksum,
        "MetaSchemaChecksum": fetched.meta_schema_checksum,
        "PropertyGroups": packed_groups(definition.property_groups),
        "CheckedTime": to_text(now, unit="microseconds"),
        **({} if unchanged else {"StoredTime": to_text(now, unit="microseconds")}),
        **more,
    }
    storage.table.update(key.item, values, remove=("RemovedTime", "RemovedBy"))


def _request(key: SchemaKey) -> DefinitionRequest:
    return DefinitionRequest(
        product_type=key.product_type,
        marketplace_id=key.marketplace_id,
        requirements=key.requirements,
        requirements_enforced=key.enforced,
        locale=key.locale,
        parentage_level=key.parentage_level,
        seller_id=key.seller_id,
    )


def _keep(
    storage: SchemaStorage, http: "urllib3.PoolManager", link: SchemaLink, deadline: "Deadline", known: str | None
) -> str:
    """Stores the document unless it is stored, and returns its checksum in hexadecimal.

    `known` is the checksum of a content that is certainly stored.
    """
    announced = link.md5
    if announced is not None and (announced == known or storage.table.get(content_item(announced)) is not None):
        return announced
    with tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY_BYTES) as file:
        compressed = cast("IO[bytes]", file)
        downloaded = _download(http, link.url, compressed, deadline)
        if announced is not None and announced not in downloaded.digests:
            raise ChecksumMismatchError(
                "document",
                message=f"the document of {downloaded.size_bytes} bytes has the MD5 {downloaded.digests[0]}; SP-API "
                f"announced {announced}",
            )
        checksum = announced or downloaded.digests[0]
        stored_bytes = compressed.tell()
        compressed.seek(0)
        _put(storage, checksum, compressed, stored_bytes)
    sizes = {"SizeBytes": downloaded.size_bytes, "StoredBytes": stored_bytes}
    storage.table.put({**content_item(checksum), **sizes})
    return checksum


@dataclass(frozen=True)
class _Downloaded:
    """`digests` are the MD5 of the document, and of its bytes as sent where these were compressed."""

    size_bytes: int
    digests: tuple[str, ...]


def _download(http: "urllib3.PoolManager", url: str, file: IO[bytes], deadline: "Deadline") -> _Downloaded:
    """Writes the document to `file`, compressed, piece by piece."""
    plain, sent = _md5(), _md5()
    compressor = zlib.compressobj(6, zlib.DEFLATED, _GZIP)
    size = 0

    def take(piece: bytes | memoryview) -> None:
        nonlocal size
        size += len(piece)
        if size > _LARGEST_BYTES:
            raise PermanentError("document", message=f"the document has more than {_LARGEST_BYTES} bytes")
        plain.update(piece)
        file.write(compressor.compress(piece))

    with open_document(http, url, deadline) as document:
        document.watch(take)
        while piece := document.read(_CHUNK_BYTES):
            sent.update(piece)
    file.write(compressor.flush())
    return _Downloaded(size, (plain.hexdigest(), sent.hexdigest()) if document.gzipped else (plain.hexdigest(),))


def _md5() -> "hashlib._Hash":
    """Amazon's checksum of a document; nothing is secured with it."""
    return hashlib.md5(usedforsecurity=False)


def _put(storage: SchemaStorage, checksum: str, file: IO[bytes], size: int) -> None:
    """Stores the object unless there is one: two pulls may store the same content at the same time."""
    try:
        storage.s3.put_object(
            Bucket=storage.bucket,
            Key=content_key(checksum),
            Body=file,
            ContentLength=size,
            ContentType="application/json",
            ContentEncoding="gzip",
            IfNoneMatch="*",
        )
    except ClientError as error:
        code = error.response["Error"]["Code"]
        if code == _CONTESTED:
            raise TransientError("document", message="another request wrote the same document") from error
        if code != _EXISTS:
            raise
