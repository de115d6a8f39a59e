"""Fetching one definition: what is stored, what is not stored again, and what is refused."""

import base64
import gzip
import hashlib
import json
import random
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ClientError

from product_types_storm.cloud import Bucket, DynamoDB, Trouble
from quickstart.dynamodb import Table
from quickstart.product_types import store
from quickstart.product_types.reading import (
    SchemaKey,
    SchemaStorage,
    StoredDefinition,
    content_item,
    content_key,
    stored_definition,
    stored_schema,
)
from quickstart.product_types.slots import Slots
from quickstart.product_types.store import ChecksumMismatchError, Outcome, fetch, fetch_and_store, record
from sp_api.documents import DocumentTruncatedError, DocumentUrlExpiredError
from sp_api.errors import PermanentError, ThrottledError, TransientError
from sp_api.product_types import PropertyGroup
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
    with pytest.raises(ChecksumMismatchError) as damaged:
        world.fetch()
    assert str(damaged.value) == (
        f"document: the document of {len(SCHEMA)} bytes has the MD5 {md5(SCHEMA)}; SP-API announced {md5(b'other')}"
    )
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


def test_a_document_is_known_by_the_checksum_of_what_was_sent_too(world: World) -> None:
    """SP-API's checksum may be that of the compressed document."""
    sent = gzip.compress(SCHEMA)
    world.serve(SCHEMA, META, md5(sent))
    world.server.answer("GET", "/schema", Answer(200, sent))
    assert world.fetch() is Outcome.STORED
    assert world.storage.content(md5(sent)) == SCHEMA
    world.serve(SCHEMA, META, md5(b"other"))
    world.server.answer("GET", "/schema", Answer(200, sent))
    with pytest.raises(ChecksumMismatchError):
        world.fetch()


def test_a_document_without_end_is_refused(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "_LARGEST_BYTES", len(SCHEMA) - 1)
    with pytest.raises(PermanentError) as refused:
        world.fetch()
    assert str(refused.value) == f"document: the document has more than {len(SCHEMA) - 1} bytes"
    assert not world.bucket.objects
    monkeypatch.setattr(store, "_LARGEST_BYTES", len(SCHEMA))
    assert world.fetch() is Outcome.STORED


def test_what_is_recorded_of_a_definition(world: World) -> None:
    assert world.fetch() is Outcome.STORED
    first = stored_definition(world.storage, KEY)
    assert first == StoredDefinition(
        product_type="LUGGAGE",
        display_name="Luggage",
        version="v1",
        latest=True,
        release_candidate=False,
        checksum=md5(SCHEMA),
        meta_schema_checksum=md5(META),
        stored_time="2026-11-26T04:00:00.000000+00:00",
        checked_time="2026-11-26T04:00:00.000000+00:00",
        property_groups={"offer": PropertyGroup("Offer", "", ("list_price",))},
    )
    item = world.storage.table.get(KEY.item)
    assert item is not None
    assert item["SearchText"] == "luggage luggage"
    stored = world.storage.table.get(content_item(md5(SCHEMA)))
    assert stored == {
        **content_item(md5(SCHEMA)),
        "SizeBytes": len(SCHEMA),
        "StoredBytes": len(world.bucket.objects[content_key(md5(SCHEMA))]),
    }


@pytest.mark.parametrize("changed", [True, False])
def test_what_a_later_fetch_records(world: World, *, changed: bool) -> None:
    """The time of storing is that of the content. What was removed is there again."""
    world.fetch()
    world.storage.table.update(KEY.item, {"RemovedTime": "2026-11-25", "RemovedBy": "p1"})
    world.serve(b"{}" if changed else SCHEMA, META, answered="PRODUCT", version="v2")
    fetched = fetch(world.storage, seller_of(world.server), KEY, world.storage.table.get(KEY.item))
    record(world.storage, fetched, NOW + timedelta(days=1), PullId="p2")
    found = stored_definition(world.storage, KEY)
    assert found is not None
    assert (found.product_type, found.version, found.removed_time) == ("PRODUCT", "v2", None)
    times = (found.stored_time[:10], found.checked_time[:10])
    assert times == ("2026-11-27" if changed else "2026-11-26", "2026-11-27")
    item = world.storage.table.get(KEY.item)
    assert item is not None
    assert (item["PullId"], "RemovedBy" in item) == ("p2", False)


@pytest.mark.parametrize(
    ("key", "query"),
    [
        (KEY, {"requirements": "LISTING", "requirementsEnforced": "ENFORCED", "locale": "DEFAULT"}),
        (
            SchemaKey(
                Region.NA, "ATVPDKIKX0DER", "LUGGAGE", "LISTING_OFFER_ONLY", "NOT_ENFORCED", "en_US", "CHILD", "A1"
            ),
            {
                "requirements": "LISTING_OFFER_ONLY",
                "requirementsEnforced": "NOT_ENFORCED",
                "locale": "en_US",
                "parentageLevel": "CHILD",
                "sellerId": "A1",
            },
        ),
    ],
)
def test_what_sp_api_is_asked_for(world: World, key: SchemaKey, query: dict[str, str]) -> None:
    fetch(world.storage, seller_of(world.server), key, None)
    (asked,) = world.server.received(f"{PRODUCT_TYPES}/LUGGAGE")
    assert asked.query == {"marketplaceIds": "ATVPDKIKX0DER", **query}


def test_a_content_of_the_definition_is_not_downloaded_although_its_own_record_is_gone(world: World) -> None:
    world.fetch()
    for content in (SCHEMA, META):
        world.storage.table.delete(content_item(md5(content)))
    assert world.fetch() is Outcome.UNCHANGED
    assert world.downloads() == ["/schema", "/meta"]


def test_another_meta_schema_is_no_change(world: World) -> None:
    world.fetch()
    world.serve(SCHEMA, b"{}")
    assert world.fetch() is Outcome.UNCHANGED
    assert world.downloads() == ["/schema", "/meta", "/meta"]
    definition = stored_definition(world.storage, KEY)
    assert definition is not None
    assert definition.meta_schema_checksum == md5(b"{}")


def test_a_definition_without_a_meta_schema(world: World) -> None:
    body = json.loads(world.server._answers["GET", f"{PRODUCT_TYPES}/LUGGAGE"][0].body)
    del body["metaSchema"]
    world.server.answer("GET", f"{PRODUCT_TYPES}/LUGGAGE", answer_json(body))
    assert world.fetch() is Outcome.STORED
    assert world.downloads() == ["/schema"]
    definition = stored_definition(world.storage, KEY)
    assert definition is not None
    assert definition.meta_schema_checksum is None


def test_without_a_meta_schema_the_schema_counts(world: World, log_lines: Callable[[], list[dict[str, Any]]]) -> None:
    world.server._answers["GET", "/meta"].clear()
    world.server.answer("GET", "/meta", Answer(404))
    world.fetch()
    (line,) = log_lines()
    assert (line["level"], line["message"], line["product_type"]) == (
        "WARNING",
        "the meta-schema was not stored",
        "LUGGAGE",
    )
    assert line["reason"].startswith("document: HTTP 404")
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
    stored = content_item(md5(SCHEMA))
    if error is None:
        world.fetch()
        assert world.storage.table.get(stored) is not None
        return
    with pytest.raises(error) as refused:
        world.fetch()
    assert world.storage.table.get(stored) is None
    if error is TransientError:
        assert str(refused.value) == "document: another request wrote the same document"


def test_a_schema_is_fetched_when_it_is_not_stored(world: World) -> None:
    found = fetch_and_store(world.storage, seller_of(world.server), KEY)
    assert (found.body, found.checksum) == (SCHEMA, md5(SCHEMA))
    assert stored_schema(world.storage, KEY) == found


@pytest.mark.parametrize(
    ("calls", "waits"),
    [
        # A fifth of a second for each call, and half of the caller's ten seconds.
        (0, []),
        (3, [0.6]),
        (20, [4]),
        (30, None),
    ],
)
def test_it_waits_for_the_account_but_not_for_long(
    world: World, monkeypatch: pytest.MonkeyPatch, calls: int, waits: list[float] | None
) -> None:
    slept: list[float] = []
    caller = seller_of(world.server, 10)
    # In the future, so that the account's next call is where the other calls end.
    now = float(round(time.time()) + 1000)
    slots = Slots(world.storage.table, lambda: now)
    slots.take(Region.NA, caller.identity, calls)
    slots.take(Region.EU, caller.identity, 90)
    monkeypatch.setattr(store, "time", SimpleNamespace(time=lambda: now, sleep=slept.append))
    if waits is None:
        with pytest.raises(ThrottledError) as throttled:
            fetch_and_store(world.storage, caller, KEY)
        assert throttled.value.retry_after == pytest.approx(6, abs=0.01)
        assert throttled.value.message == "other calls wait before this one"
        assert world.server.calls == []
    else:
        fetch_and_store(world.storage, caller, KEY)
        assert slept == pytest.approx(waits, abs=0.01)
        # It took one call.
        assert slots.next_start(Region.NA, caller.identity) - now == pytest.approx(sum(waits) + 0.2, abs=0.01)


def test_what_a_schema_of_its_key_is_called() -> None:
    """The names of items: a stack finds what an earlier version stored."""
    assert KEY.item == {"Collection": "DEFINITIONS#NA#ATVPDKIKX0DER#LISTING#ENFORCED#DEFAULT#-#-", "Entry": "LUGGAGE"}
    special = SchemaKey(Region.EU, "M", "X", "LISTING_OFFER_ONLY", "NOT_ENFORCED", "fr_FR", "CHILD", "A1")
    assert special.item == {
        "Collection": "DEFINITIONS#EU#M#LISTING_OFFER_ONLY#NOT_ENFORCED#fr_FR#CHILD#A1",
        "Entry": "X",
    }
    assert content_item("c") == {"Collection": "CONTENT#c", "Entry": "CONTENT"}
    assert content_key("c") == "contents/c.json.gz"


def test_an_object_that_cannot_be_read_is_an_error(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is stored nevertheless: nothing is forgotten."""
    world.fetch()

    def refuse(**_: object) -> None:
        raise ClientError({"Error": {"Code": "AccessDenied", "Message": ""}}, "GetObject")

    monkeypatch.setattr(world.bucket, "get_object", refuse)
    with pytest.raises(ClientError, match="AccessDenied"):
        stored_schema(world.storage, KEY)
    assert stored_definition(world.storage, KEY) is not None


def test_a_definition_without_a_version_and_a_meta_schema(world: World) -> None:
    world.fetch()
    item = world.client.items[KEY.collection, "LUGGAGE"]
    del item["Version"], item["MetaSchemaChecksum"]
    definition = stored_definition(world.storage, KEY)
    assert definition is not None
    assert (definition.version, definition.meta_schema_checksum) == ("", None)
    world.storage.forget(KEY, definition)
    assert world.storage.table.get(KEY.item) is None
    assert world.storage.table.get(content_item(md5(SCHEMA))) is None
    assert world.storage.table.get(content_item(md5(META))) is not None


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
