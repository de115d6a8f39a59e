"""Fetching one definition: what is stored, what is not stored again, and what is refused."""

import base64
import gzip
import hashlib
import json
import random
from datetime import UTC, datetime
from typing import Any

import pytest
from botocore.exceptions import ClientError

from product_types_storm.cloud import Bucket, DynamoDB, Trouble
from quickstart.dynamodb import Table
from quickstart.product_types import store
from quickstart.product_types.reading import SchemaKey, SchemaStorage, content_key, stored_definition, stored_schema
from quickstart.product_types.slots import Slots
from quickstart.product_types.store import ChecksumMismatchError, Outcome, fetch, fetch_and_store, record
from sp_api.documents import DocumentTruncatedError, DocumentUrlExpiredError
from sp_api.errors import PermanentError, ThrottledError, TransientError
from sp_api.regions import Region
from tests.unit.sp_api.support import Answer, ScriptedServer, answer_json, seller_of

KEY = SchemaKey(Region.NA, "ATVPDKIKX0DER", "LUGGAGE")
SCHEMA = json.dumps({"properties": {"brand": {"type": "array"}}}).encode()
META = b'{"$id": "meta"}'
NOW = datetime(2026, 11, 26, 4, tzinfo=UTC)
PRODUCT_TYPES = "/na/definitions/2020-09-01/productTypes"


def md5(content: bytes) -> str:
    return hashlib.md5(content, usedforsecurity=False).hexdigest()


def in_base64(content: bytes) -> str:
    return base64.b64encode(bytes.fromhex(md5(content))).decode()


class World:
    """A table, a bucket and SP-API."""

    def __init__(self, server: ScriptedServer) -> None:
        trouble = Trouble(random.Random(1))
        self.server = server
        self.client, self.bucket = DynamoDB(trouble), Bucket(trouble)
        self.storage = SchemaStorage(Table(self.client, "table"), self.bucket, "bucket")
        self.serve(SCHEMA, META)

    def serve(
        self, schema: bytes, meta: bytes, checksum: str | None = None, answered: str = "LUGGAGE", version: str = "v1"
    ) -> None:
        def link(name: str, content: bytes, announced: str | None) -> dict[str, Any]:
            address = f"{self.server.url}/{name}"
            return {"link": {"resource": address, "verb": "GET"}, "checksum": announced or in_base64(content)}

        definition = {
            "schema": link("schema", schema, checksum),
            "metaSchema": link("meta", meta, None),
            "propertyGroups": {"offer": {"title": "Offer", "propertyNames": ["list_price"]}},
            "productType": answered,
            "displayName": "Luggage",
            "productTypeVersion": {"version": version, "latest": True},
        }
        self.server.answer("GET", f"{PRODUCT_TYPES}/LUGGAGE", answer_json(definition))
        self.server.answer("GET", "/schema", Answer(200, schema))
        self.server.answer("GET", "/meta", Answer(200, meta))

    def fetch(self) -> Outcome:
        fetched = fetch(self.storage, seller_of(self.server), KEY, self.storage.table.get(KEY.item))
        record(self.storage, fetched, NOW)
        return fetched.outcome

    def downloads(self) -> list[str]:
        return [request.path for request in self.server.requests if request.path in ("/schema", "/meta")]


@pytest.fixture
def world(server: ScriptedServer) -> World:
    return World(server)


@pytest.mark.parametrize("checksum", [in_base64(SCHEMA), md5(SCHEMA), md5(SCHEMA).upper(), "sha256-of-some-kind"])
def test_a_definition_is_stored_once_per_checksum(world: World, checksum: str) -> None:
    world.serve(SCHEMA, META, checksum)
    assert world.fetch() is Outcome.STORED
    found = stored_schema(world.storage, KEY)
    assert found is not None
    assert (found.body, found.checksum, found.version, found.product_type) == (SCHEMA, md5(SCHEMA), "v1", "LUGGAGE")
    assert gzip.decompress(world.bucket.objects[content_key(md5(SCHEMA))]) == SCHEMA
    assert world.storage.content(md5(META)) == META
    assert world.fetch() is Outcome.UNCHANGED
    assert set(world.bucket.puts.values()) == {1}


def test_a_content_that_is_stored_is_not_downloaded(world: World) -> None:
    world.fetch()
    other = SchemaKey(Region.NA, "ATVPDKIKX0DER", "LUGGAGE", locale="en_US")
    fetch(world.storage, seller_of(world.server), other, None)
    assert world.downloads() == ["/schema", "/meta"]


def test_another_content_is_a_change_and_both_stay(world: World) -> None:
    world.fetch()
    world.serve(b"{}", META)
    assert world.fetch() is Outcome.CHANGED
    assert {content_key(md5(content)) for content in (SCHEMA, b"{}", META)} == set(world.bucket.objects)


def test_a_damaged_document_is_not_stored(world: World) -> None:
    world.serve(SCHEMA, META, md5(b"other"))
    with pytest.raises(ChecksumMismatchError, match="announced"):
        world.fetch()
    assert not [key for key in world.bucket.objects if "contents" in key]
    assert stored_schema(world.storage, KEY) is None


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (Answer(200, SCHEMA[:10], announced=len(SCHEMA)), DocumentTruncatedError),
        (Answer(403, b"<Code>AccessDenied</Code><Message>Request has expired</Message>"), DocumentUrlExpiredError),
        (Answer(503), TransientError),
        (Answer(404), PermanentError),
    ],
)
def test_a_document_that_cannot_be_read_is_an_error(world: World, answer: Answer, error: type[Exception]) -> None:
    world.server._answers["GET", "/schema"].clear()
    world.server.answer("GET", "/schema", answer)
    with pytest.raises(error):
        world.fetch()
    assert not world.bucket.objects


def test_a_compressed_document_is_stored_as_what_it_contains(world: World) -> None:
    world.server._answers["GET", "/schema"].clear()
    world.server.answer("GET", "/schema", Answer(200, gzip.compress(SCHEMA)))
    world.fetch()
    assert world.storage.content(md5(SCHEMA)) == SCHEMA


def test_a_document_without_end_is_refused(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "_LARGEST_BYTES", 10)
    with pytest.raises(PermanentError, match="more than 10 bytes"):
        world.fetch()


def test_without_a_meta_schema_the_schema_counts(world: World) -> None:
    world.server._answers["GET", "/meta"].clear()
    world.server.answer("GET", "/meta", Answer(404))
    world.fetch()
    definition = stored_definition(world.storage, KEY)
    assert definition is not None
    assert definition.meta_schema_checksum is None


@pytest.mark.parametrize(
    ("code", "error"),
    [("PreconditionFailed", None), ("ConditionalRequestConflict", TransientError), ("AccessDenied", ClientError)],
)
def test_two_that_store_the_same_content(
    world: World, monkeypatch: pytest.MonkeyPatch, code: str, error: type[Exception] | None
) -> None:
    def put(**_: object) -> None:
        raise ClientError({"Error": {"Code": code, "Message": ""}}, "PutObject")

    monkeypatch.setattr(world.bucket, "put_object", put)
    if error is None:
        world.fetch()
        return
    with pytest.raises(error):
        world.fetch()


def test_a_schema_is_fetched_when_it_is_not_stored(world: World) -> None:
    found = fetch_and_store(world.storage, seller_of(world.server), KEY)
    assert (found.body, found.checksum) == (SCHEMA, md5(SCHEMA))
    assert stored_schema(world.storage, KEY) == found


def test_it_waits_for_the_account_but_not_for_long(world: World) -> None:
    caller = seller_of(world.server)
    Slots(world.storage.table).take(Region.NA, caller.identity, 500)
    with pytest.raises(ThrottledError) as throttled:
        fetch_and_store(world.storage, caller, KEY)
    assert throttled.value.retry_after > 90


def test_another_content_meanwhile_is_left_to_the_refresh(world: World) -> None:
    """So that its change is announced."""
    world.fetch()
    world.serve(b"{}", META)
    assert fetch_and_store(world.storage, seller_of(world.server), KEY).body == b"{}"
    found = stored_schema(world.storage, KEY)
    assert found is not None
    assert found.body == SCHEMA


def test_a_deleted_object_is_a_schema_that_is_not_stored(world: World) -> None:
    world.fetch()
    world.bucket.objects.clear()
    assert stored_schema(world.storage, KEY) is None


def test_a_deleted_object_is_stored_again_by_the_next_fetch(world: World) -> None:
    """The records said that the content is stored."""
    world.fetch()
    world.bucket.objects.clear()
    assert stored_schema(world.storage, KEY) is None
    assert fetch_and_store(world.storage, seller_of(world.server), KEY).body == SCHEMA
    assert {content_key(md5(content)) for content in (SCHEMA, META)} == set(world.bucket.objects)
