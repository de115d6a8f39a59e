"""What counts as a change between two schemas, and that its event is put once."""

import gzip
import json
import random
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from product_types_storm.cloud import Bucket, DynamoDB, EventBus, InternalServerError, Trouble
from quickstart.announcing import EventNotPutError
from quickstart.dynamodb import Table
from quickstart.product_types.changes import (
    Announcements,
    Difference,
    Presence,
    announce,
    announce_presence,
    described,
    difference,
)
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
from tests.unit.quickstart.support import Aws

NOW = datetime(2026, 11, 26, 4, tzinfo=UTC)
NOTHING: dict[str, Any] = {
    "attributesAdded": [],
    "attributesRemoved": [],
    "newlyRequired": [],
    "enumValuesRemoved": [],
}
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


@pytest.mark.parametrize(("count", "cut"), [(200, False), (201, True)])
def test_lists_of_more_than_two_hundred_are_cut(count: int, *, cut: bool) -> None:
    names = tuple(f"a{number:03d}" for number in range(count))
    described = difference(schema(), schema(**{name: attribute() for name in names})).described()
    shown = {**NOTHING, "attributesAdded": list(names[:200])}
    assert described == ({**shown, "truncated": True} if cut else shown)


@pytest.mark.parametrize(("more", "shown"), [(0, 200), (1, 100)])
def test_lists_of_more_than_a_hundred_kilobytes_are_halved(more: int, shown: int) -> None:
    """Until they have a hundred thousand bytes as JSON."""
    names = [f"{number:03d}".ljust(496, "x") for number in range(200)]
    empty = len(json.dumps([names, [], [], []])) - len(names[0])
    names[0] = names[0][:3].ljust(100_000 + more - empty, "x")
    described = Difference(tuple(names)).described()
    assert described["attributesAdded"] == names[:shown]
    assert ("truncated" in described) == bool(more)


def test_an_entry_that_is_too_long_for_an_event_is_left_out() -> None:
    assert Difference(enum_values_removed=(("a", "x" * 100_000),)).described() == {**NOTHING, "truncated": True}


def test_each_list_of_a_change() -> None:
    found = Difference(("a",), ("b",), ("c",), (("d", "e"),)).described()
    assert found == {
        "attributesAdded": ["a"],
        "attributesRemoved": ["b"],
        "newlyRequired": ["c"],
        "enumValuesRemoved": [{"attribute": "d", "value": "e"}],
    }


@pytest.mark.parametrize(
    ("before", "after", "news"),
    [
        ([], ["value"], ("brand.value",)),
        (["value"], ["value"], ()),
        (["value"], [], ()),
        ("value", ["value"], ("brand.value",)),
        ([], "value", ()),
    ],
)
def test_what_was_required_before_is_no_news(before: Any, after: Any, news: tuple[str, ...]) -> None:
    old, new = attribute(), attribute()
    old["items"]["required"], new["items"]["required"] = before, after
    assert difference(schema(brand=old), schema(brand=new)) == Difference(newly_required=news)


def test_what_a_new_field_needs_inside_is_no_news() -> None:
    """The field itself is, also deep inside an attribute."""

    def nested(**more: Any) -> dict[str, Any]:
        return schema(offer={"properties": {"price": {"required": list(more), "properties": more}}})

    old, new = nested(), nested(tax={"required": ["rate"], "properties": {"rate": {}}})
    assert difference(old, new) == Difference(newly_required=("offer.price.tax",))


@pytest.mark.parametrize(("levels", "compared"), [(16, True), (17, False)])
def test_fields_are_compared_sixteen_levels_deep(levels: int, *, compared: bool) -> None:
    def deep(codes: list[str]) -> dict[str, Any]:
        described: dict[str, Any] = {"enum": codes}
        for _ in range(levels):
            described = {"properties": {"x": described}}
        return described

    name = ".".join("x" * levels)
    found = difference(deep(["a", "b"]), deep(["a"])).enum_values_removed
    assert found == (((name, "b"),) if compared else ())


@pytest.mark.parametrize(("levels", "compared"), [(16, True), (17, False)])
@pytest.mark.parametrize("keyword", ["allOf", "anyOf", "oneOf"])
def test_alternatives_are_compared_sixteen_levels_deep(keyword: str, levels: int, *, compared: bool) -> None:
    def deep(codes: list[str]) -> dict[str, Any]:
        described: dict[str, Any] = {"enum": codes}
        for _ in range(levels):
            described = {keyword: [5, described]}
        return {"properties": {"x": described}}

    found = difference(deep(["a", "b"]), deep(["a"])).enum_values_removed
    assert found == ((("x", "b"),) if compared else ())


def test_values_are_named_in_order_as_json() -> None:
    old = schema(b={"enum": [True, 5, "5", None, "z"]}, a={"enum": ["y", "x"]}, odd=5, c={"enum": "x", "anyOf": 5})
    new = schema(b={"enum": ["5"]}, a={"enum": []}, odd={"enum": ["x"]}, c={})
    removed = (("a", "x"), ("a", "y"), ("b", "null"), ("b", "true"), ("b", "z"))
    assert difference(old, new) == Difference(attributes_added=("odd",), enum_values_removed=removed)


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


KEY_OF_CHANGES = f"CHANGES#{FRANCE}#SHIRT"
CHANGED_BEFORE = "CHANGE#2026-11-25T04:00:00+00:00#DEFINITIONS#EU#A13V1IB3VIYZZH#LISTING#ENFORCED#DEFAULT#-#-#new"
EVENT = {
    "productType": "SHIRT",
    "marketplaceId": FRANCE,
    "regionCode": "EU",
    "requirements": "LISTING",
    "requirementsEnforced": "ENFORCED",
    "locale": "DEFAULT",
    "changedTime": "2026-11-26T04:00:00.000000+00:00",
    "previousVersion": "v1",
    "version": "v2",
    "previousChecksum": "old",
    "checksum": "new",
    **NOTHING,
    "attributesRemoved": ["collar"],
}


def test_a_change_is_an_event_once(log_lines: Callable[[], list[dict[str, Any]]]) -> None:
    """And is recorded for the list of changes."""
    world = World()
    for later in (timedelta(), timedelta(hours=1)):
        announce(world.storage, world.announcements, world.fetched(), NOW + later)
    ((kind, detail),) = world.bus.details
    assert (kind, json.loads(detail)) == ("Product Type Definition Changed", EVENT)
    recorded = world.storage.table.get({"Collection": KEY_OF_CHANGES, "Entry": CHANGED_BEFORE})
    assert recorded is not None
    assert described(recorded) == EVENT
    assert (recorded["EventTime"], recorded["ChangeOrder"]) == (
        "2026-11-26T04:00:00+00:00",
        "2026-11-26T04:00:00.000000+00:00#SHIRT#DEFINITIONS#EU#A13V1IB3VIYZZH#LISTING#ENFORCED#DEFAULT#-#-",
    )
    (line,) = log_lines()
    assert line["message"] == "product type changed"
    assert (line["product_type"], line["marketplace"]) == ("SHIRT", FRANCE)
    # The same change again, from a content that was stored later.
    announce(world.storage, world.announcements, world.fetched(stored="2026-11-26T03:00:00+00:00"), NOW)
    assert len(world.bus.details) == 2


def test_an_event_that_was_not_put_is_put_by_the_repeat() -> None:
    world = World()
    world.bus.trouble.share = 1.0
    with pytest.raises(Exception, match="InternalServerError"):
        announce(world.storage, world.announcements, world.fetched(), NOW)
    world.bus.trouble.share = 0.0
    world.bus.details.clear()
    recorded = world.storage.table.get({"Collection": KEY_OF_CHANGES, "Entry": CHANGED_BEFORE})
    assert recorded is not None
    assert "EventTime" not in recorded
    announce(world.storage, world.announcements, world.fetched(), NOW + timedelta(hours=1))
    # As it was recorded.
    ((_, detail),) = world.bus.details
    assert json.loads(detail) == EVENT


def test_what_eventbridge_does_not_accept_is_put_by_the_repeat() -> None:
    world = World()
    answers = [
        {"FailedEntryCount": 1, "Entries": [{"ErrorCode": "InternalFailure", "ErrorMessage": "later"}]},
        {"FailedEntryCount": 0, "Entries": [{"EventId": "e"}]},
    ]
    aws = Aws(PutEvents=lambda _: answers.pop(0))
    announcements = Announcements(aws.client("events"), "the-bus")
    with pytest.raises(EventNotPutError):
        announce(world.storage, announcements, world.fetched(), NOW)
    announce(world.storage, announcements, world.fetched(), NOW)
    assert [given["Entries"][0]["EventBusName"] for _, given in aws.calls] == ["the-bus"] * 2


@pytest.mark.parametrize("presence", list(Presence))
def test_a_type_that_came_or_went_is_an_event_once_for_each_pull(presence: Presence) -> None:
    world = World()
    key = SchemaKey(Region.EU, FRANCE, "SHIRT", parentage_level="CHILD")
    for pull_time in ("2026-11-26T03:00:00+00:00", "2026-11-26T03:00:00+00:00", "2026-11-27T03:00:00+00:00"):
        versions = {"Version": "v2", "Checksum": "new", "PreviousVersion": None}
        announce_presence(world.storage, world.announcements, key, presence, versions, pull_time, NOW)
    assert len(world.bus.details) == 2
    unchanged = {
        name: value
        for name, value in EVENT.items()
        if name not in ("previousVersion", "previousChecksum", "attributesRemoved")
    }
    event = {**unchanged, "parentageLevel": "CHILD", "attributesRemoved": [], str(presence): True}
    assert [json.loads(detail) for _, detail in world.bus.details] == [event] * 2
    entry = (
        "CHANGE#2026-11-27T03:00:00+00:00#DEFINITIONS#EU#A13V1IB3VIYZZH#LISTING#ENFORCED#DEFAULT#CHILD#-"
        f"#productType{'Added' if presence is Presence.ADDED else 'Removed'}"
    )
    assert world.storage.table.get({"Collection": KEY_OF_CHANGES, "Entry": entry}) is not None


@pytest.mark.parametrize("checksum", ["nonsense", "missing"])
def test_schemas_that_cannot_be_compared_are_a_change_too(checksum: str) -> None:
    world = World()
    announce(world.storage, world.announcements, world.fetched(checksum), NOW)
    event = json.loads(world.bus.details[0][1])
    assert event["notCompared"] == "one of the two schemas is missing or is not a JSON object"
    assert not event.keys() & NOTHING.keys()


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
