"""What counts as a change between two schemas, and that its event is put once."""

import gzip
import json
import random
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from product_types_storm.cloud import Bucket, DynamoDB, EventBus, InternalServerError, Trouble
from quickstart.dynamodb import Table
from quickstart.product_types.changes import MOST_ENTRIES, Announcements, Difference, announce, difference
from quickstart.product_types.fetching import announce_removed
from quickstart.product_types.pulls import Counts, Pull, Pulls, PullStatus, Selection, Wanted
from quickstart.product_types.reading import SchemaKey, SchemaStorage, content_key
from quickstart.product_types.store import Fetched
from sp_api.product_types import (
    ProductTypeDefinition,
    ProductTypeVersion,
    Requirements,
    RequirementsEnforced,
    SchemaLink,
)
from sp_api.regions import Region

NOW = datetime(2026, 11, 26, 4, tzinfo=UTC)
FRANCE = "A13V1IB3VIYZZH"


def attribute(**value: Any) -> dict[str, Any]:
    """An attribute in Amazon's shape: a list of objects with a value and a marketplace."""
    fields = {"value": {"type": "string", **value}, "marketplace_id": {"$ref": "#/$defs/marketplace_id"}}
    return {"type": "array", "items": {"type": "object", "required": ["value"], "properties": fields}}


def schema(required: tuple[str, ...] = (), **properties: Any) -> dict[str, Any]:
    definitions = {"marketplace_id": {"type": "string", "enum": [FRANCE]}}
    return {"$defs": definitions, "required": list(required), "properties": properties}


def test_attributes_come_go_and_become_required() -> None:
    old = schema(brand=attribute(), collar=attribute())
    new = schema(("brand", "stretch"), brand=attribute(), stretch=attribute())
    assert difference(old, new) == Difference(("stretch",), ("collar",), ("brand", "stretch"), ())


def test_a_nested_field_becomes_required() -> None:
    old, new = attribute(), attribute()
    new["items"]["required"] = ["value", "marketplace_id"]
    assert difference(schema(brand=old), schema(brand=new)).newly_required == ("brand.marketplace_id",)


@pytest.mark.parametrize("wrap", [lambda codes: {"enum": codes}, lambda codes: {"anyOf": [{}, {"enum": codes}]}])
def test_values_go(wrap: Any) -> None:
    old, new = schema(color=attribute(**wrap(["red", "teal"]))), schema(color=attribute(**wrap(["red", "blue"])))
    assert difference(old, new) == Difference(enum_values_removed=(("color.value", "teal"),))


def test_values_behind_a_reference_go() -> None:
    old, new = schema(brand=attribute()), schema(brand=attribute())
    old["$defs"]["marketplace_id"]["enum"] = [FRANCE, "OTHER"]
    assert difference(old, new).enum_values_removed == (("brand.marketplace_id", "OTHER"),)


@pytest.mark.parametrize("reference", ["https://amazon/schema#/$defs/colors", "#/%24defs/colors"])
def test_each_way_to_write_a_reference_is_followed(reference: str) -> None:
    old, new = (
        {**schema(color={"$ref": reference}), "$id": "https://amazon/schema", "$defs": {"colors": {"enum": colors}}}
        for colors in (["red", "teal"], ["red"])
    )
    assert difference(old, new) == Difference(enum_values_removed=(("color", "teal"),))


def test_keywords_beside_a_reference_count() -> None:
    old, new = (
        {
            **schema(size={"$ref": "#/$defs/size", "properties": {"unit": {}}, "required": required}),
            "$defs": {"size": {"type": "object"}},
        }
        for required in ([], ["unit"])
    )
    assert difference(old, new) == Difference(newly_required=("size.unit",))


def test_texts_are_no_difference() -> None:
    assert difference(schema(brand=attribute(title="Brand")), schema(brand=attribute(title="Marque"))) == Difference()


def test_a_schema_that_refers_to_itself_or_to_nothing_ends() -> None:
    endless = {"$defs": {"a": {"properties": {"a": {"$ref": "#/$defs/a"}}}}, "$ref": "#/$defs/a"}
    circle = {"$defs": {"a": {"$ref": "#/$defs/a"}}, "properties": {"x": {"$ref": "#/$defs/a"}}}
    for odd in (endless, circle, {"properties": {"x": {"$ref": "#/$defs/none"}}}, {"properties": 1}, {"required": 1}):
        assert difference(odd, odd) == Difference()


def test_long_lists_are_cut() -> None:
    described = difference(schema(), schema(**{f"a{number:04d}": attribute() for number in range(500)})).described()
    assert described["truncated"] is True
    assert len(described["attributesAdded"]) == MOST_ENTRIES


class World:
    def __init__(self) -> None:
        trouble = Trouble(random.Random(1))
        self.bus = EventBus(trouble)
        bucket, client = Bucket(trouble), DynamoDB(trouble)
        self.storage = SchemaStorage(Table(client, "table"), bucket, "bucket")
        self.announcements = Announcements(self.bus, "bus")
        for name, document in (("old", schema(collar=attribute())), ("new", schema())):
            bucket.objects[content_key(name)] = gzip.compress(json.dumps(document).encode())
        bucket.objects[content_key("nonsense")] = gzip.compress(b"[1]")

    def fetched(self, checksum: str = "new", stored: str = "2026-11-25T04:00:00+00:00") -> Fetched:
        definition = ProductTypeDefinition(
            "SHIRT",
            "Shirt",
            ProductTypeVersion("v2", latest=True, release_candidate=False),
            SchemaLink("https://x", "new"),
            None,
            {},
            Requirements.LISTING,
            RequirementsEnforced.ENFORCED,
            "fr_FR",
        )
        previous = {"Checksum": "old", "Version": "v1", "StoredTime": stored}
        return Fetched(SchemaKey(Region.EU, FRANCE, "SHIRT"), definition, checksum, None, previous)


def test_a_change_is_an_event_once() -> None:
    world = World()
    for _ in range(2):
        announce(world.storage, world.announcements, world.fetched(), NOW)
    ((kind, detail),) = world.bus.details
    assert kind == "Product Type Definition Changed"
    event = json.loads(detail)
    assert event["attributesRemoved"] == ["collar"]
    assert (event["previousVersion"], event["version"]) == ("v1", "v2")
    # The same change again, from a content that was stored later.
    announce(world.storage, world.announcements, world.fetched(stored="2026-11-26T03:00:00+00:00"), NOW)
    assert len(world.bus.details) == 2


def test_an_event_that_was_not_put_is_put_by_the_repeat() -> None:
    world = World()
    world.bus.trouble.share = 1.0
    with pytest.raises(Exception, match="InternalServerError"):
        announce(world.storage, world.announcements, world.fetched(), NOW)
    world.bus.trouble.share = 0.0
    announce(world.storage, world.announcements, world.fetched(), NOW)
    assert world.bus.details


@pytest.mark.parametrize("checksum", ["nonsense", "missing"])
def test_schemas_that_cannot_be_compared_are_a_change_too(checksum: str) -> None:
    world = World()
    announce(world.storage, world.announcements, world.fetched(checksum), NOW)
    assert "notCompared" in json.loads(world.bus.details[0][1])


def test_removed_types_are_announced_although_each_call_may_fail() -> None:
    """Also with failures in between. What was never listed, and what was removed before, is left out."""
    world = World()
    pulls = Pulls(world.storage)
    selection = Selection("A1", Region.EU, (FRANCE,), every_type=True)
    pull = Pull("p2", selection, PullStatus.FETCHING, "2026-11-26T04:00:00+00:00", Counts(), refresh_of="p1")
    stored = {
        "CUP": {"Listed": "Yes"},
        "PRODUCT": {},
        "SHIRT": {"Listed": "Yes"},
        "SHOE": {"Listed": "Yes", "RemovedTime": "2026-11-25T04:00:00+00:00", "RemovedBy": "p1"},
        "SKIRT": {"Listed": "Yes"},
    }
    for name, more in stored.items():
        key = selection.key(Wanted(FRANCE, name)).item
        world.storage.table.put({**key, "Version": "v1", "Checksum": "old", **more})
    listed = [Wanted(FRANCE, "CUP")]
    world.bus.trouble.share = 0.3
    for _ in range(200):
        try:
            removed = announce_removed(pulls, pull, listed, world.announcements, NOW)
            break
        except InternalServerError:
            continue
    world.bus.trouble.share = 0.0
    assert removed == announce_removed(pulls, pull, listed, world.announcements, NOW) == 2
    told = [json.loads(detail) for _, detail in world.bus.details]
    assert {detail["productType"] for detail in told} == {"SHIRT", "SKIRT"}
    assert all(detail["productTypeRemoved"] is True for detail in told)
    assert (told[0]["attributesRemoved"], told[0]["previousVersion"]) == ([], "v1")
    later = replace(pull, pull_id="p3")
    assert announce_removed(pulls, later, listed, world.announcements, NOW) == 0
