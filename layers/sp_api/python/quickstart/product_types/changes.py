"""What changed between two schemas of a product type: recorded in the table, and an event on the stack's bus."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from quickstart.announcing import put_event
from quickstart.dynamodb import Item, reading_item
from quickstart.observability import logger
from quickstart.product_types.reading import SchemaKey, SchemaStorage
from quickstart.product_types.schemas import SchemaUnreadableError, dereferenced, parsed
from quickstart.product_types.store import Fetched
from quickstart.times import to_text
from sp_api.wire import optional_text

if TYPE_CHECKING:
    from mypy_boto3_events import EventBridgeClient

CHANGED = "Product Type Definition Changed"
# The lists of one change are cut here: an event may have 256 KB (EventBridge quotas), an item 400 KB.
MOST_ENTRIES = 200
_MOST_BYTES = 100_000
_DEEPEST = 16
_LISTS = ("allOf", "anyOf", "oneOf")


class Presence(StrEnum):
    """What happened to a product type as a whole; the names are those in events and answers."""

    ADDED = "productTypeAdded"
    REMOVED = "productTypeRemoved"


@dataclass(frozen=True)
class Difference:
    """What is different for whoever fills in the attributes. Nested fields are named with dots (item_weight.value).

    All empty when only texts, orders or other rules changed. `enum_values_removed` has pairs of attribute and value.
    """

    attributes_added: tuple[str, ...] = ()
    attributes_removed: tuple[str, ...] = ()
    newly_required: tuple[str, ...] = ()
    enum_values_removed: tuple[tuple[str, str], ...] = ()

    def described(self) -> Mapping[str, object]:
        """The lists as events and answers have them, each cut at MOST_ENTRIES, and `truncated` when one was cut.

        If they have more than 100 KB together, each is cut at fewer entries.
        """
        lists: dict[str, list[object]] = {
            "attributesAdded": list(self.attributes_added),
            "attributesRemoved": list(self.attributes_removed),
            "newlyRequired": list(self.newly_required),
            "enumValuesRemoved": [{"attribute": name, "value": value} for name, value in self.enum_values_removed],
        }
        most = MOST_ENTRIES
        while len(json.dumps([entries[:most] for entries in lists.values()])) > _MOST_BYTES:
            most //= 2
        cut = any(len(entries) > most for entries in lists.values())
        shown: dict[str, object] = {name: entries[:most] for name, entries in lists.items()}
        return {**shown, "truncated": True} if cut else shown


def difference(old: Mapping[str, Any], new: Mapping[str, Any]) -> Difference:
    """Compares two schemas attribute by attribute. Conditional requirements (if, then, else) are not compared."""
    before, after = _fields(old), _fields(new)
    top = [{name for name in fields if "." not in name} for fields in (before, after)]
    return Difference(
        attributes_added=_sorted(top[1] - top[0]),
        attributes_removed=_sorted(top[0] - top[1]),
        newly_required=_sorted(
            name
            for name, field in after.items()
            if field.required and not before.get(name, _NO_FIELD).required and _is_known(before, name)
        ),
        enum_values_removed=tuple(
            (name, value)
            for name in _sorted(before.keys() & after.keys())
            for value in _sorted(before[name].values - after[name].values)
        ),
    )


@dataclass(frozen=True)
class Announcements:
    """The stack's event bus."""

    events: "EventBridgeClient"
    bus_name: str

    def put(self, detail_type: str, detail: Mapping[str, object]) -> None:
        """Raises EventNotPutError."""
        put_event(self.events, self.bus_name, detail_type, detail)


def announce(storage: SchemaStorage, announcements: Announcements, fetched: Fetched, now: datetime) -> None:
    """Records the change and puts its event. A repeat of the same change puts no second event once one is recorded.

    Call it before `store.record`, so that a change is not lost when the function ends in between. Raises
    EventNotPutError.
    """
    previous = fetched.previous or {}
    item_key = {
        "Collection": changes_of(fetched.key.marketplace_id, fetched.key.product_type),
        "Entry": f"CHANGE#{previous.get('StoredTime')}#{fetched.key.collection}#{fetched.checksum}",
    }
    _announce_once(storage, announcements, item_key, lambda: _change(storage, fetched, now), now)


def announce_presence(
    storage: SchemaStorage,
    announcements: Announcements,
    key: SchemaKey,
    presence: Presence,
    versions: Mapping[str, object],
    pull_time: str,
    now: datetime,
) -> None:
    """Records that a product type came or went in the pull of `pull_time`, and puts its event, both once.

    `versions` are the item's Version and Checksum, with the prefix Previous for a type that is gone. Raises
    EventNotPutError.
    """
    item_key = {
        "Collection": changes_of(key.marketplace_id, key.product_type),
        "Entry": f"CHANGE#{pull_time}#{key.collection}#{presence}",
    }
    nothing = {**Difference().described(), str(presence): True}
    _announce_once(storage, announcements, item_key, lambda: _recorded(key, versions, nothing, now), now)


def _announce_once(
    storage: SchemaStorage, announcements: Announcements, item_key: Item, change: Callable[[], Item], now: datetime
) -> None:
    recorded = storage.table.get(item_key)
    if recorded is not None and "EventTime" in recorded:
        return
    if recorded is None:
        recorded = {**item_key, **change()}
        storage.table.put(recorded)
    announcements.put(CHANGED, described(recorded))
    storage.table.update(item_key, {"EventTime": to_text(now)})
    logger().info("product type changed", product_type=recorded["ProductType"], marketplace=recorded["MarketplaceId"])


def described(item: Item) -> Mapping[str, object]:
    """A recorded change as events and answers have it. Raises DamagedItemError."""
    names = {
        "ProductType": "productType",
        "MarketplaceId": "marketplaceId",
        "RegionCode": "regionCode",
        "Requirements": "requirements",
        "RequirementsEnforced": "requirementsEnforced",
        "Locale": "locale",
        "ParentageLevel": "parentageLevel",
        "ChangedTime": "changedTime",
        "PreviousVersion": "previousVersion",
        "Version": "version",
        "PreviousChecksum": "previousChecksum",
        "Checksum": "checksum",
    }
    with reading_item(f"{item.get('Collection')} {item.get('Entry')}"):
        values = {name: optional_text(item, key) for key, name in names.items()}
        return {**{name: value for name, value in values.items() if value}, **json.loads(item["Difference"])}


def _change(storage: SchemaStorage, fetched: Fetched, now: datetime) -> Item:
    previous = fetched.previous or {}
    versions = {
        "PreviousVersion": previous.get("Version"),
        "Version": fetched.definition.version.version,
        "PreviousChecksum": previous.get("Checksum"),
        "Checksum": fetched.checksum,
    }
    found = _difference(storage, str(previous.get("Checksum")), fetched.checksum)
    return _recorded(fetched.key, versions, found, now)


def _recorded(key: SchemaKey, versions: Mapping[str, object], found: Mapping[str, object], now: datetime) -> Item:
    changed = to_text(now, unit="microseconds")
    return {
        "ProductType": key.product_type,
        "MarketplaceId": key.marketplace_id,
        "RegionCode": str(key.region),
        "Requirements": str(key.requirements),
        "RequirementsEnforced": str(key.enforced),
        "Locale": key.locale,
        "ParentageLevel": key.parentage_level,
        "ChangedTime": changed,
        # Unique within the marketplace, because many types change in one refresh.
        "ChangeOrder": f"{changed}#{key.product_type}#{key.collection}",
        **versions,
        "Difference": json.dumps(found),
    }


def _difference(storage: SchemaStorage, old: str, new: str) -> Mapping[str, object]:
    bodies = [storage.content(checksum) for checksum in (old, new)]
    try:
        before, after = (parsed(body or b"") for body in bodies)
    except SchemaUnreadableError:
        return {"notCompared": "one of the two schemas is missing or is not a JSON object"}
    return difference(before, after).described()


def changes_of(marketplace_id: str, product_type: str) -> str:
    """The table's partition key of the changes of a product type."""
    return f"CHANGES#{marketplace_id}#{product_type}"


@dataclass(frozen=True)
class _Field:
    required: bool
    values: frozenset[str]


_NO_FIELD = _Field(False, frozenset())


def _fields(schema: Mapping[str, Any]) -> dict[str, _Field]:
    """Every attribute and nested field, named with dots."""
    return dict(_walk(schema, schema, "", _DEEPEST))


def _walk(root: Mapping[str, Any], node: Mapping[str, Any], prefix: str, levels: int) -> Iterator[tuple[str, _Field]]:
    node = dereferenced(root, node)
    properties = node.get("properties")
    if levels == 0 or not isinstance(properties, dict):
        return
    required = node.get("required")
    for name, raw in properties.items():
        if not isinstance(raw, dict):
            continue
        path = f"{prefix}{name}"
        yield path, _Field(isinstance(required, list) and name in required, frozenset(_values(root, raw, _DEEPEST)))
        inner = dereferenced(root, raw)
        items = inner.get("items")
        yield from _walk(root, items if isinstance(items, dict) else inner, f"{path}.", levels - 1)


def _values(root: Mapping[str, Any], node: Mapping[str, Any], levels: int) -> Iterator[str]:
    """The values that a field allows, its alternatives included."""
    node = dereferenced(root, node)
    values = node.get("enum")
    if isinstance(values, list):
        yield from (value if isinstance(value, str) else json.dumps(value) for value in values)
    if levels == 0:
        return
    for keyword in _LISTS:
        alternatives = node.get(keyword)
        for alternative in alternatives if isinstance(alternatives, list) else ():
            if isinstance(alternative, dict):
                yield from _values(root, alternative, levels - 1)


def _is_known(fields: Mapping[str, _Field], name: str) -> bool:
    """Whether the field around a nested one was there before: what an added attribute needs inside is no news."""
    around = name.rpartition(".")[0]
    return not around or around in fields


def _sorted(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted(names))
