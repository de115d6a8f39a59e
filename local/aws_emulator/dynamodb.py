"""DynamoDB."""

from __future__ import annotations

import re
import threading
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from typing import Any

from ministack.services import dynamodb
from ministack.services.cloudformation import provisioners

from aws_emulator.patching import wrap

# The key condition of a query for all items of a partition.
ONE_EQUALITY = re.compile(r"(?P<name>#\w+) = (?P<value>:\w+)")
TABLE_HANDLERS = provisioners._RESOURCE_HANDLERS["AWS::DynamoDB::Table"]


def tables_get_their_time_to_live() -> None:
    """CloudFormation applies a table's TimeToLiveSpecification; ministack ignores it on create and on update."""

    def apply(table: str, properties: dict[str, Any]) -> None:
        if specification := properties.get("TimeToLiveSpecification"):
            status, _headers, body = dynamodb._update_ttl(
                {"TableName": table, "TimeToLiveSpecification": specification}
            )
            if status != 200:
                raise ValueError(f"AWS::DynamoDB::Table TimeToLiveSpecification failed: {body!r}")

    @wrap(TABLE_HANDLERS, "create", "277586e016c6")
    def create(original: Any, logical_id: str, properties: dict[str, Any], stack: str) -> Any:
        table, attributes = original(logical_id, properties, stack)
        apply(table, properties)
        return table, attributes

    @wrap(TABLE_HANDLERS, "update", "0665980ffdd0")
    def update(original: Any, table: str, old: dict[str, Any], new: dict[str, Any], *context: Any) -> Any:
        table, attributes = original(table, old, new, *context)
        apply(table, new)
        return table, attributes


def queries_of_a_partition_are_fast() -> None:
    """ministack parses a query's key condition again for each item of the partition: ten seconds for 100,000 items.

    An attribute that equals a value, which is all that most queries ask for, needs no parser. The same goes for a
    filter. Nor does a text need to be converted to be compared with others.
    """

    @wrap(dynamodb, "_evaluate_condition", "94561811e28c")
    def evaluate(
        original: Any, expression: str, item: Any, values: Any, names: Any, slot: str = "ConditionExpression"
    ) -> Any:
        equality = (
            ONE_EQUALITY.fullmatch(expression) if slot in ("KeyConditionExpression", "FilterExpression") else None
        )
        if equality is None or equality["name"] not in names or equality["value"] not in values:
            return original(expression, item, values, names, slot)
        # Numbers may be equal in another notation.
        if slot == "FilterExpression" and not _is_text(values[equality["value"]]):
            return original(expression, item, values, names, slot)
        return item.get(names[equality["name"]]) == values[equality["value"]]

    @wrap(dynamodb, "_index_order_value", "abc461692ef9")
    def order(original: Any, item: Any, name: str, type_hint: str) -> Any:
        held = item.get(name) if type_hint == "S" else None
        return held["S"] if held and "S" in held else original(item, name, type_hint)


# A key condition as programs write it: one value of the hash key, and perhaps limits of the range key.
_KEY_CONDITION = re.compile(
    r"\s*(?P<hash>[#\w]+)\s*=\s*(?P<value>:\w+)"
    r"(?:\s+AND\s+(?P<range>[#\w]+)\s*(?:BETWEEN\s+(?P<low>:\w+)\s+AND\s+(?P<high>:\w+)|(?P<sign>[<>]=?)\s*(?P<limit>:\w+)))?\s*",
    re.IGNORECASE,
)


def large_indexes_are_read_in_order() -> None:
    """A page of an index is read in order from its beginning; ministack sorts and checks the whole partition for each.

    So that an index with 100,000 items answers in milliseconds, as on AWS, the partition's order is remembered until
    the table changes, and ministack sees the items of the page alone. It still checks the whole request.
    """
    orders: dict[tuple[int, str, str], tuple[Any, int, Sequence[tuple[str, ...]], Sequence[Any]]] = {}
    reading = threading.local()

    changes = _count_changes()

    @wrap(dynamodb, "_index_members", "0cb24364f003")
    def index_members(original: Any, table: dict[str, Any]) -> Any:
        page = getattr(reading, "page", None)
        return page if page is not None else original(table)

    @wrap(dynamodb, "_evaluate_condition", "94561811e28c")
    def evaluate(
        original: Any, expression: str, item: Any, values: Any, names: Any, slot: str = "ConditionExpression"
    ) -> Any:
        # The condition of the key, which holds for all items of the page, is parsed once.
        if slot == "KeyConditionExpression" and getattr(reading, "parsed", False):
            return True
        holds = original(expression, item, values, names, slot)
        reading.parsed = slot == "KeyConditionExpression" and getattr(reading, "page", None) is not None
        return holds

    @wrap(dynamodb, "_query", "50c2e7ec69e9")
    def query(original: Any, data: dict[str, Any]) -> Any:
        reading.page, reading.parsed = page(data), False
        try:
            return original(data)
        finally:
            reading.page, reading.parsed = None, False

    def page(data: dict[str, Any]) -> Any:
        """{index: {hash value: keys}} with the keys of this page and the next one; None where ministack reads all."""
        table = dynamodb._tables.get(dynamodb._normalize_table_name(data.get("TableName")))
        index = dynamodb._index_def(table, data.get("IndexName")) if table and data.get("IndexName") else None
        found = _KEY_CONDITION.fullmatch(data.get("KeyConditionExpression") or "")
        limit, values = data.get("Limit"), data.get("ExpressionAttributeValues") or {}
        if table is None or index is None or found is None or not isinstance(limit, int) or limit < 1:
            return None
        names = [data.get("ExpressionAttributeNames", {}).get(name, name) for name in found.group("hash", "range")]
        used: list[Any] = [values.get(name) for name in found.group("value", "low", "high", "limit") if name]
        if ([names[0]], [names[1]] if names[1] else []) not in _keys(index) or not all(map(_is_text, used)):
            return None
        value, (low, high) = used[0]["S"], _limits(found, values)
        partition = dynamodb._index_members(table).get(index["IndexName"], {}).get(value, {})
        order, keys = ordered(table, index, value, partition)
        # Without the limits themselves where the condition leaves them out.
        first = (bisect_right if found["sign"] == ">" else bisect_left)(order, low, key=_first)
        last = (bisect_left if found["sign"] == "<" else bisect_right)(order, high, key=_first)
        forward, start = data.get("ScanIndexForward", True), data.get("ExclusiveStartKey")
        if start:
            cursor = _position(table, index, start)
            first = max(first, bisect_right(order, cursor)) if forward else first
            last = last if forward else min(last, bisect_left(order, cursor))
        # One more than the page, which ministack needs to know whether there is more.
        place = slice(first, min(last, first + limit + 1)) if forward else slice(max(first, last - limit - 1), last)
        return {index["IndexName"]: {value: keys[place]}}

    def ordered(
        table: dict[str, Any], index: dict[str, Any], value: str, partition: dict[Any, None]
    ) -> tuple[Sequence[tuple[str, ...]], Sequence[Any]]:
        """The partition's items in order: their sort keys, and their keys in the table."""
        name, change = (id(table), index["IndexName"], value), changes.get(id(table), 0)
        kept = orders.get(name)
        if kept is None or kept[0] is not partition or kept[1] != change:
            items = table["items"]
            pairs = sorted((_position(table, index, items[pk][sk]), (pk, sk)) for pk, sk in partition)
            kept = partition, change, [pair[0] for pair in pairs], [pair[1] for pair in pairs]
            orders[name] = kept
        return kept[2], kept[3]


def large_tables_are_scanned_in_order() -> None:
    """A page of a scan begins where the page before it ended; ministack sorts the whole table for each.

    As for indexes, ministack sees the items of the page alone. Scans of an index or of a segment stay as they are.
    """
    changes = _count_changes()
    orders: dict[int, tuple[Any, int, Sequence[Any]]] = {}
    reading = threading.local()

    @wrap(type(dynamodb._tables), "get", "3ec8f6ef43c7")
    def get(original: Any, tables: Any, name: Any, default: Any = None) -> Any:
        table = getattr(reading, "table", None) if tables is dynamodb._tables else None
        return table if table is not None else original(tables, name, default)

    @wrap(dynamodb, "_scan", "7094ff00335e")
    def scan(original: Any, data: dict[str, Any]) -> Any:
        reading.table = page(data)
        try:
            return original(data)
        finally:
            reading.table = None

    def page(data: dict[str, Any]) -> Any:
        """The table with the items of this page and one more; None where ministack reads all."""
        table = dynamodb._tables.get(dynamodb._normalize_table_name(data.get("TableName")))
        start = data.get("ExclusiveStartKey") or {}
        if not table or data.get("IndexName") or data.get("Segment") is not None:
            return None
        names = [name for name in (table["pk_name"], table.get("sk_name")) if name]
        if start and not all(map(_is_text, (start.get(name) for name in names))):
            return None
        items, change = table["items"], changes.get(id(table), 0)
        kept = orders.get(id(table))
        if kept is None or kept[0] is not items or kept[1] != change:
            kept = items, change, sorted((pk, sk) for pk, entries in items.items() for sk in entries)
            orders[id(table)] = kept
        after = tuple(start[name]["S"] for name in names) if start else ()
        place = bisect_right(kept[2], after if len(after) == 2 else (*after, _LAST)) if after else 0
        found: dict[Any, dict[Any, Any]] = {}
        size = 0
        while place < len(kept[2]) and size <= dynamodb._DDB_PAGE_SIZE_BYTES:
            pk, sk = kept[2][place]
            found.setdefault(pk, {})[sk] = items[pk][sk]
            size += dynamodb._item_size_bytes(items[pk][sk])
            place += 1
        if place < len(kept[2]):
            pk, sk = kept[2][place]
            found.setdefault(pk, {})[sk] = items[pk][sk]
        return {**table, "items": found}


# After every text.
_LAST = "\U0010ffff"


def _count_changes() -> dict[int, int]:
    """How often each table has changed, by its identity; counts from now on."""
    changes: dict[int, int] = {}

    @wrap(dynamodb, "_index_item", "72c4575bce27")
    def index_item(original: Any, table: dict[str, Any], *item: Any, **options: Any) -> Any:
        changes[id(table)] = changes.get(id(table), 0) + 1
        return original(table, *item, **options)

    return changes


def _keys(index: dict[str, Any]) -> list[tuple[list[str], list[str]]]:
    """The names that a condition may have: hash and range key, or the hash key alone."""
    hashes, ranges = dynamodb._index_key_lists(index)
    return [(hashes, ranges), (hashes, [])]


def _is_text(value: Any) -> bool:
    return isinstance(value, dict) and isinstance(value.get("S"), str)


def _limits(found: re.Match[str], values: dict[str, Any]) -> tuple[str, str]:
    """The lowest and the highest value of the range key that the condition names."""
    lowest, highest = "", _LAST
    if found["low"]:
        return values[found["low"]]["S"], values[found["high"]]["S"]
    if found["limit"]:
        limit = values[found["limit"]]["S"]
        return (limit, highest) if found["sign"].startswith(">") else (lowest, limit)
    return lowest, highest


def _position(table: dict[str, Any], index: dict[str, Any], item: dict[str, Any]) -> tuple[Any, ...]:
    """Where the item is in the index, as ministack orders it."""
    names = dynamodb._index_order_keys(table, dynamodb._index_key_lists(index)[1])
    return tuple(dynamodb._index_order_value(item, name, kind) for name, kind in names)


def _first(position: tuple[Any, ...]) -> Any:
    return position[0]
