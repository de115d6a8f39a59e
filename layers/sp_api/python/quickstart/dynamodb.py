"""One DynamoDB table, with plain Python values in and out."""

import gzip
import itertools
import json
import time
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Literal

from boto3.dynamodb.conditions import Attr, ConditionBase, ConditionExpressionBuilder
from boto3.dynamodb.types import TypeDeserializer, TypeSerializer
from botocore.exceptions import ClientError

from quickstart.invocation import ExpectedError
from quickstart.refusals import Refusal
from sp_api.wire import MalformedError

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

Item = Mapping[str, Any]

# A refused conditional write then returns the item as it is.
_SHOW_ITEM = {"ReturnValuesOnConditionCheckFailure": "ALL_OLD"}
# How often a conditional write is attempted while others change the same item.
MOST_ATTEMPTS = 25
# DynamoDB's limits for BatchGetItem, BatchWriteItem and TransactWriteItems.
MOST_READ_AT_ONCE, MOST_WRITTEN_AT_ONCE, MOST_CHANGED_AT_ONCE = 100, 25, 100
# The pauses before what DynamoDB has not processed of a batch is sent again.
_BATCH_PAUSES = (0.05, 0.1, 0.2, 0.4, 0.8, 1.6, 3.2)


class ItemContestedError(ExpectedError):
    """Others changed an item between every read and write; a retry may succeed."""

    def __init__(self, what: str) -> None:
        super().__init__(f"{what} was changed by others during each of {MOST_ATTEMPTS} attempts to write it")


class TableBusyError(ExpectedError):
    """DynamoDB processes less of a batch than it was sent, also after several attempts; a retry may succeed."""

    def __init__(self, table: str) -> None:
        super().__init__(f"table {table} does not keep up with the requests: DynamoDB throttles them")


class DamagedItemError(Refusal):
    """An item of a table is not what the stack wrote. The message names its key and never its values."""

    status = 500
    code = "StoredItemDamaged"

    def __init__(self, key: str, reason: str) -> None:
        super().__init__(
            f"the stored item {key} cannot be read ({reason}): restore it from a backup of the table, or delete it"
        )


@contextmanager
def reading_item(key: str) -> Iterator[None]:
    """Around the reading of an item's attributes. Raises DamagedItemError where one is missing or of another kind."""
    try:
        yield
    except (KeyError, ValueError, TypeError, AttributeError, ArithmeticError, RecursionError) as error:
        reason = str(error) if isinstance(error, MalformedError) else type(error).__name__
        raise DamagedItemError(key, reason) from error


def unpacked_json(packed: object) -> Any:
    """JSON from a binary attribute, compressed with gzip. Raises ValueError or TypeError for anything else."""
    # boto3 reads binary values as Binary, which has the bytes as its value.
    content = getattr(packed, "value", packed)
    if not isinstance(content, bytes | bytearray):
        raise TypeError("not binary")
    try:
        return json.loads(gzip.decompress(content))
    except (OSError, EOFError, zlib.error) as error:
        raise ValueError(type(error).__name__) from error


@dataclass(frozen=True)
class Change:
    """A change of one item: `values` are set if the item meets `condition`."""

    key: Item
    values: Item
    condition: ConditionBase


@dataclass(frozen=True)
class Table:
    """Numbers are read as Decimal, binary values as boto3's Binary; None is never written."""

    client: "DynamoDBClient"
    name: str

    def get(self, key: Item) -> Item | None:
        """The item with this key, read consistently; None when there is none."""
        found = self.client.get_item(TableName=self.name, Key=_marshal(key), ConsistentRead=True).get("Item")
        return None if found is None else unmarshal(found)

    def put(self, item: Item, condition: ConditionBase | None = None) -> bool:
        """Writes the item, replacing one with the same key; False when `condition` is not met."""
        return self.put_unless(item, condition) is None

    def put_unless(self, item: Item, condition: ConditionBase | None) -> Item | None:
        """The same; returns None, or the item that does not meet `condition`, without attributes if there is none."""
        expression, names, given = _built(condition)
        arguments: dict[str, Any] = {"Item": _marshal(item)}
        if expression:
            arguments |= {"ConditionExpression": expression, **_SHOW_ITEM}
            arguments["ExpressionAttributeNames"] = names
        if given:
            arguments["ExpressionAttributeValues"] = _marshal(given)
        try:
            self.client.put_item(TableName=self.name, **arguments)
        except self.client.exceptions.ConditionalCheckFailedException as error:
            refusal: Any = error.response
            return None if _wrote_it_before(error, item) else unmarshal(refusal.get("Item", {}))
        return None

    def delete(self, key: Item) -> None:
        """Deletes the item with this key, if there is one."""
        self.client.delete_item(TableName=self.name, Key=_marshal(key))

    def delete_batch(self, keys: Sequence[Item]) -> list[Item]:
        """Deletes the items with these keys, at most MOST_WRITTEN_AT_ONCE.

        Returns the keys that DynamoDB had no capacity for.
        Keys of which there is no item count as deleted. No two keys may be equal.
        """
        requests: Any = [{"DeleteRequest": {"Key": _marshal(key)}} for key in keys]
        answer: Any = self.client.batch_write_item(RequestItems={self.name: requests})
        unprocessed = answer.get("UnprocessedItems", {}).get(self.name, [])
        return [unmarshal(request["DeleteRequest"]["Key"]) for request in unprocessed]

    def update(
        self,
        key: Item,
        values: Item,
        *,
        unless_present: Item | None = None,
        remove: Iterable[str] = (),
        condition: ConditionBase | None = None,
    ) -> bool:
        """Sets `values`, and those of `unless_present` that the item does not have yet; removes attributes.

        Creates the item when there is none. Returns False and changes nothing when `condition` is not met.
        """
        arguments = _update(key, values, unless_present or {}, remove, condition)
        return self._updated(arguments, values, "NONE") is not None

    def updated(
        self,
        key: Item,
        values: Item,
        *,
        unless_present: Item | None = None,
        remove: Iterable[str] = (),
        condition: ConditionBase | None = None,
    ) -> Item | None:
        """The same; returns the item as it has become, and None when `condition` is not met."""
        return self._updated(_update(key, values, unless_present or {}, remove, condition), values, "ALL_NEW")

    def _updated(self, arguments: dict[str, Any], values: Item, returned: Literal["NONE", "ALL_NEW"]) -> Item | None:
        shown: dict[str, Any] = _SHOW_ITEM if "ConditionExpression" in arguments else {}
        try:
            answer = self.client.update_item(TableName=self.name, ReturnValues=returned, **arguments, **shown)
        except self.client.exceptions.ConditionalCheckFailedException as error:
            refusal: Any = error.response
            return unmarshal(refusal["Item"]) if _wrote_it_before(error, values) else None
        return unmarshal(answer.get("Attributes", {}))

    def change_all(self, changes: Sequence[Change]) -> bool:
        """Makes at most MOST_CHANGED_AT_ONCE changes together; False when none is made, because a condition is not met
        or others change one of the items.
        """
        items: Any = [
            {"Update": {"TableName": self.name, **_update(c.key, c.values, {}, (), c.condition)}} for c in changes
        ]
        try:
            self.client.transact_write_items(TransactItems=items)
        except self.client.exceptions.TransactionCanceledException:
            return False
        return True

    def get_many(self, keys: Sequence[Item]) -> list[Item]:
        """The items with these keys that exist, in no order, read consistently. Raises TableBusyError."""
        found: list[Item] = []
        for start in range(0, len(keys), MOST_READ_AT_ONCE):
            found += _read_batch(self.client, {self.name: keys[start : start + MOST_READ_AT_ONCE]})[self.name]
        return found

    def put_many(self, items: Iterable[Item]) -> int:
        """Writes the items, replacing those with the same keys; returns how many. Raises TableBusyError."""
        count = 0
        remaining = iter(items)
        while batch := list(itertools.islice(remaining, MOST_WRITTEN_AT_ONCE)):
            count += len(batch)
            left: Any = {self.name: [{"PutRequest": {"Item": _marshal(item)}} for item in batch]}
            for pause in (0.0, *_BATCH_PAUSES):
                time.sleep(pause)
                left = self.client.batch_write_item(RequestItems=left).get("UnprocessedItems")
                if not left:
                    break
            else:
                raise TableBusyError(self.name)
        return count

    def delete_many(self, keys: Sequence[Item]) -> None:
        """Deletes the items with these keys, of which no two may be equal. Raises TableBusyError."""
        for start in range(0, len(keys), MOST_WRITTEN_AT_ONCE):
            left = keys[start : start + MOST_WRITTEN_AT_ONCE]
            for pause in (0.0, *_BATCH_PAUSES):
                time.sleep(pause)
                left = self.delete_batch(left)
                if not left:
                    break
            else:
                raise TableBusyError(self.name)

    def count(self, key: Item, attribute: str, *, at_most: int, expires_at: int, amount: int = 1) -> bool:
        """Adds `amount` to a counter that starts at 0; returns False and changes nothing if it would exceed `at_most`.

        Creates the item when there is none. `expires_at`, in seconds since 1970, becomes its ExpiresAt.
        """
        try:
            self.client.update_item(
                TableName=self.name,
                Key=_marshal(key),
                UpdateExpression="ADD #count :amount SET ExpiresAt = :expires_at",
                ConditionExpression="attribute_not_exists(#count) OR #count <= :room",
                ExpressionAttributeNames={"#count": attribute},
                ExpressionAttributeValues=_marshal(
                    {":amount": amount, ":room": at_most - amount, ":expires_at": expires_at}
                ),
            )
        except self.client.exceptions.ConditionalCheckFailedException:
            return False
        return True

    def advance(
        self,
        key: Item,
        attribute: str,
        step: Callable[[Item], float],
        values: Item,
        *,
        floor: float,
        at_most: float | None = None,
    ) -> float | None:
        """Raises a number to `floor` if it is less or absent, then adds `step` to it; returns the result, which is
        exact to a thousandth.

        `step` receives the item as it is, without attributes if its number is less than `floor`. Sets `values` too, and
        creates the item when there is none. Returns None and changes nothing if the result would exceed `at_most`, or
        if others change the number meanwhile.
        Raises ItemContestedError.
        """
        names = {"#number": attribute} | {f"#v{place}": name for place, name in enumerate(values)}
        given = {":floor": _thousandths(floor)} | {f":v{place}": value for place, value in enumerate(values.values())}
        others = "".join(f", #v{place} = :v{place}" for place in range(len(values)))
        held: Item = {}
        for _ in range(MOST_ATTEMPTS):
            first = floor + step({})
            if at_most is None or first <= at_most:
                given_first = given | {":first": _thousandths(first)}
                condition = "attribute_not_exists(#number) OR #number <= :floor"
                changed, held = self._change(key, f"SET #number = :first{others}", condition, names, given_first)
                if changed:
                    return float(held[attribute])
            interval = step(held)
            given_next = given | {":step": _thousandths(interval)}
            condition = "#number > :floor"
            if at_most is not None:
                condition += " AND #number <= :limit"
                given_next |= {":limit": _thousandths(at_most - interval)}
            changed, held = self._change(key, f"SET #number = #number + :step{others}", condition, names, given_next)
            if changed:
                return float(held[attribute])
            if at_most is not None:
                return None
        raise ItemContestedError(f"the item {dict(key)}")

    def _change(
        self, key: Item, expression: str, condition: str, names: Mapping[str, str], given: Item
    ) -> tuple[bool, Item]:
        """Whether the condition was met, and the item: as it has become, or as it was."""
        try:
            answer = self.client.update_item(
                TableName=self.name,
                Key=_marshal(key),
                UpdateExpression=expression,
                ConditionExpression=condition,
                ExpressionAttributeNames=names,
                ExpressionAttributeValues=_marshal(given),
                ReturnValues="ALL_NEW",
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
            )
        except self.client.exceptions.ConditionalCheckFailedException as error:
            refusal: Any = error.response
            return False, unmarshal(refusal.get("Item", {}))
        return True, unmarshal(answer["Attributes"])

    def query(
        self, attribute: str, value: str, *, starts_with: tuple[str, str] | None = None, index: str = ""
    ) -> list[Item]:
        """Every item whose hash key `attribute` equals `value`, all pages; `starts_with` is (range key, prefix)."""
        return list(self.each(attribute, value, starts_with=starts_with, index=index))

    def each(
        self, attribute: str, value: str, *, starts_with: tuple[str, str] | None = None, index: str = ""
    ) -> Iterator[Item]:
        """The same items; a page is read when the one before it is used up."""
        condition = "#hash = :hash"
        names = {"#hash": attribute}
        given: dict[str, Any] = {":hash": value}
        if starts_with:
            condition += " AND begins_with(#range, :prefix)"
            names["#range"], given[":prefix"] = starts_with
        arguments: dict[str, Any] = {"IndexName": index} if index else {"ConsistentRead": True}
        pages = self.client.get_paginator("query").paginate(
            TableName=self.name,
            KeyConditionExpression=condition,
            ExpressionAttributeNames=names,
            ExpressionAttributeValues=_marshal(given),
            **arguments,
        )
        for page in pages:
            yield from map(unmarshal, page["Items"])

    def pages(
        self, attribute: str, value: str, *, index: str, attributes: Iterable[str], limit: int
    ) -> Iterator[list[Item]]:
        """The same items of an index, in pages of at most `limit`, each read when the one before it is used up.

        Items have these attributes alone, all of which must be in the index.
        """
        names = {f"#a{place}": name for place, name in enumerate(attributes)}
        pages = self.client.get_paginator("query").paginate(
            TableName=self.name,
            IndexName=index,
            KeyConditionExpression="#hash = :hash",
            ProjectionExpression=", ".join(names),
            ExpressionAttributeNames={"#hash": attribute, **names},
            ExpressionAttributeValues=_marshal({":hash": value}),
            PaginationConfig={"PageSize": limit},
        )
        for page in pages:
            yield [unmarshal(item) for item in page["Items"]]

    def latest(
        self,
        attribute: str,
        value: str,
        *,
        index: str,
        limit: int,
        above: tuple[str, str],
        after: Item | None = None,
    ) -> tuple[list[Item], Item | None]:
        """At most `limit` items whose hash key `attribute` equals `value`, from the highest range key down.

        `above` is (range key, a value that the range key must exceed).

        `after` is the key at which the previous call ended; the second value is the key at which this call ended, None
        at the end. These keys have the key attributes of both the index and the table.
        """
        start: dict[str, Any] = {} if after is None else {"ExclusiveStartKey": _marshal(after)}
        page = self.client.query(
            TableName=self.name,
            IndexName=index,
            KeyConditionExpression="#hash = :hash AND #range > :least",
            ExpressionAttributeNames={"#hash": attribute, "#range": above[0]},
            ExpressionAttributeValues=_marshal({":hash": value, ":least": above[1]}),
            ScanIndexForward=False,
            Limit=limit,
            **start,
        )
        last = page.get("LastEvaluatedKey")
        return [unmarshal(item) for item in page["Items"]], None if last is None else unmarshal(last)

    def sorted_page(
        self,
        attribute: str,
        value: str,
        *,
        limit: int,
        after: Item | None = None,
        index: str = "",
        descending: bool = False,
        condition: ConditionBase | None = None,
    ) -> tuple[list[Item], Item | None]:
        """The next `limit` items whose hash key `attribute` equals `value`, in the order of the range key.

        `condition` leaves out some of these. `after` is the key at which the previous call ended; the second value is
        the key at which this call ended, None at the end.
        """
        expression, names, given = _built(condition)
        start: dict[str, Any] = {} if after is None else {"ExclusiveStartKey": _marshal(after)}
        if expression:
            start["FilterExpression"] = expression
        if index:
            start["IndexName"] = index
        page = self.client.query(
            TableName=self.name,
            KeyConditionExpression="#hash = :hash",
            ExpressionAttributeNames={**names, "#hash": attribute},
            ExpressionAttributeValues=_marshal({**given, ":hash": value}),
            ScanIndexForward=not descending,
            Limit=limit,
            **start,
        )
        last = page.get("LastEvaluatedKey")
        return [unmarshal(item) for item in page["Items"]], None if last is None else unmarshal(last)

    def page(
        self, *, limit: int, after: Item | None = None, condition: ConditionBase
    ) -> tuple[list[Item], Item | None]:
        """The items among the next `limit` of the whole table for which `condition` holds, in no order.

        `after` is the key at which an earlier call ended; the second value is the key at which this one did, None at
        the end.
        """
        expression, names, given = _built(condition)
        start: dict[str, Any] = {} if after is None else {"ExclusiveStartKey": _marshal(after)}
        page = self.client.scan(
            TableName=self.name,
            FilterExpression=expression,
            ExpressionAttributeNames=names,
            ExpressionAttributeValues=_marshal(given),
            Limit=limit,
            **start,
        )
        last = page.get("LastEvaluatedKey")
        return [unmarshal(item) for item in page["Items"]], None if last is None else unmarshal(last)

    def scan(self, condition: ConditionBase) -> Iterator[Item]:
        """Every item for which `condition` holds; reads the whole table, page by page."""
        expression, names, given = _built(condition)
        pages = self.client.get_paginator("scan").paginate(
            TableName=self.name,
            FilterExpression=expression,
            ExpressionAttributeNames=names,
            ExpressionAttributeValues=_marshal(given),
        )
        for page in pages:
            yield from map(unmarshal, page["Items"])


def get_together(*asked: tuple[Table, Sequence[Item]]) -> list[list[Item | None]]:
    """For each table, the items with these keys, in the same order; None where there is none.

    One call reads them all, consistently but not at the same moment: at most MOST_READ_AT_ONCE, and no key twice.
    Raises TableBusyError.
    """
    found = _read_batch(asked[0][0].client, {table.name: keys for table, keys in asked})
    return [[_with_key(key, found[table.name]) for key in keys] for table, keys in asked]


def _with_key(key: Item, items: Sequence[Item]) -> Item | None:
    return next((item for item in items if key.items() <= item.items()), None)


def _read_batch(client: "DynamoDBClient", keys: Mapping[str, Sequence[Item]]) -> Mapping[str, list[Item]]:
    """The items that exist, by table, read consistently. Raises TableBusyError."""
    found: dict[str, list[Item]] = {name: [] for name in keys}
    left: Any = {
        name: {"Keys": [_marshal(key) for key in wanted], "ConsistentRead": True} for name, wanted in keys.items()
    }
    for pause in (0.0, *_BATCH_PAUSES):
        time.sleep(pause)
        answer = client.batch_get_item(RequestItems=left)
        for name, items in answer["Responses"].items():
            found[name] += map(unmarshal, items)
        left = answer.get("UnprocessedKeys")
        if not left:
            return found
    raise TableBusyError(" or ".join(left))


def has_value(attribute: str, value: Any) -> ConditionBase:
    """The condition that the attribute has this value; None means that it is absent."""
    return Attr(attribute).not_exists() if value is None else Attr(attribute).eq(value)


def _wrote_it_before(refusal: ClientError, values: Item) -> bool:
    """Whether the condition is not met because of this write itself.

    When the answer to a write is lost, the AWS SDK sends the write again, and DynamoDB refuses the second copy. Then
    the item has the values of the first one.
    """
    item: Any = refusal.response.get("Item", {})
    repeated = refusal.response.get("ResponseMetadata", {}).get("RetryAttempts", 0) > 0
    return repeated and bool(item) and all(item.get(name) == value for name, value in _marshal(values).items())


def _update(
    key: Item, values: Item, unless_present: Item, remove: Iterable[str], condition: ConditionBase | None
) -> dict[str, Any]:
    """The arguments of an update."""
    expression, names, given = _built(condition)
    clauses = []
    removed = []
    for attribute in remove:
        removed.append(f"#a{len(names)}")
        names[removed[-1]] = attribute
    for source, keep in ((values, False), (unless_present, True)):
        for attribute, value in source.items():
            if value is None:
                continue
            position = len(names)
            names[f"#a{position}"] = attribute
            given[f":a{position}"] = value
            held = f"if_not_exists(#a{position}, :a{position})" if keep else f":a{position}"
            clauses.append(f"#a{position} = {held}")
    optional: dict[str, Any] = {"ConditionExpression": expression} if expression else {}
    if given:
        optional["ExpressionAttributeValues"] = _marshal(given)
    actions = [f"{verb} {', '.join(parts)}" for verb, parts in (("SET", clauses), ("REMOVE", removed)) if parts]
    return {
        "Key": _marshal(key),
        "UpdateExpression": " ".join(actions),
        "ExpressionAttributeNames": names,
        **optional,
    }


def _built(condition: ConditionBase | None) -> tuple[str, dict[str, str], dict[str, Any]]:
    """The condition as an expression, its attributes' names (#n0, ...) and its values (:v0, ...)."""
    if condition is None:
        return "", {}, {}
    built = ConditionExpressionBuilder().build_expression(condition)
    return built.condition_expression, built.attribute_name_placeholders, built.attribute_value_placeholders


def _thousandths(number: float) -> Decimal:
    """As DynamoDB stores numbers, which are decimal."""
    return Decimal(f"{number:.3f}")


def _marshal(item: Item) -> dict[str, Any]:
    serializer = TypeSerializer()
    return {name: serializer.serialize(value) for name, value in item.items() if value is not None}


def unmarshal(item: Item) -> Item:
    """An item in DynamoDB's own JSON, as answers and streams carry it, with plain Python values."""
    deserializer = TypeDeserializer()
    return {name: deserializer.deserialize(value) for name, value in item.items()}
