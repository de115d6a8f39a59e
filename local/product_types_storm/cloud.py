"""AWS: one DynamoDB table, one bucket and one event bus in memory, with the interface of their boto3 clients.

Only the expressions that the pulls send are understood; any other fails.
"""

import io
import random
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

from botocore.exceptions import ClientError

Item = dict[str, Any]
_COUNT = "attribute_not_exists(#count) OR #count <= :room"
_LIST = re.compile(r"(#n\d+) IN \((.*)\)")
_EQUAL = re.compile(r"(#n\d+) = (:v\d+)")
_MISSING = re.compile(r"attribute_not_exists\((#n\d+)\)")


class InternalServerError(ClientError):
    """An AWS call failed, or its response was lost."""

    def __init__(self) -> None:
        super().__init__({"Error": {"Code": "InternalServerError", "Message": ""}}, "Any")


class ConditionalCheckFailedException(ClientError):  # noqa: N818 - AWS's name
    def __init__(self) -> None:
        super().__init__({"Error": {"Code": "ConditionalCheckFailedException", "Message": ""}}, "UpdateItem")


@dataclass
class Trouble:
    """Fails the given share of the calls that write: half of them before they take effect, half after."""

    chance: random.Random
    share: float = 0.0
    count: int = 0

    def before(self) -> bool:
        """Whether the call fails after it has taken effect. Raises when it fails before."""
        failing = self.chance.random() < self.share
        self.count += failing
        if failing and self.chance.random() < 0.5:
            raise InternalServerError
        return failing

    @staticmethod
    def after(failing: bool) -> None:
        if failing:
            raise InternalServerError


@dataclass
class DynamoDB:
    """A table, by default that of product types."""

    trouble: Trouble
    key: tuple[str, str] = ("Collection", "Entry")
    items: dict[tuple[str, str], Item] = field(default_factory=dict)
    exceptions = SimpleNamespace(ConditionalCheckFailedException=ConditionalCheckFailedException)

    def get_item(self, *, Key: Item, **_: object) -> Item:  # noqa: N803
        found = self.items.get(self._key(Key))
        return {} if found is None else {"Item": dict(found)}

    def put_item(self, *, Item: Item, ConditionExpression: str = "", **given: Any) -> None:  # noqa: N803
        failing = self.trouble.before()
        self._require(self._key(Item), ConditionExpression, given)
        self.items[self._key(Item)] = dict(Item)
        self.trouble.after(failing)

    def delete_item(self, *, Key: Item, **_: object) -> None:  # noqa: N803
        failing = self.trouble.before()
        self.items.pop(self._key(Key), None)
        self.trouble.after(failing)

    def update_item(
        self,
        *,
        Key: Item,  # noqa: N803
        UpdateExpression: str,  # noqa: N803
        ConditionExpression: str = "",  # noqa: N803
        **given: Any,
    ) -> dict[str, Any]:
        failing = self.trouble.before()
        self._require(self._key(Key), ConditionExpression, given)
        item = self.items.setdefault(self._key(Key), dict(Key))
        names, values = given["ExpressionAttributeNames"], given.get("ExpressionAttributeValues", {})
        if UpdateExpression == "ADD #count :amount SET ExpiresAt = :expires_at":
            before = int(item.get(names["#count"], {"N": "0"})["N"])
            item[names["#count"]] = {"N": str(before + int(values[":amount"]["N"]))}
            item["ExpiresAt"] = values[":expires_at"]
        else:
            assignments, _, removed = UpdateExpression.removeprefix("SET ").partition(" REMOVE ")
            for clause in assignments.split(", "):
                name, value = clause.split(" = ")
                item[names[name]] = values[value]
            for name in removed.split(", ") if removed else ():
                item.pop(names[name], None)
        self.trouble.after(failing)
        return {"Attributes": dict(item)} if given.get("ReturnValues") == "ALL_NEW" else {}

    def get_paginator(self, operation: str) -> Any:
        assert operation == "query"
        return SimpleNamespace(paginate=lambda **given: iter([{"Items": list(self._query(given))}]))

    def _query(self, given: Mapping[str, Any]) -> Iterator[Item]:
        assert given["KeyConditionExpression"] == "#hash = :hash", given
        attribute, wanted = given["ExpressionAttributeNames"]["#hash"], given["ExpressionAttributeValues"][":hash"]
        return (
            item for _, item in sorted(self.items.items(), key=lambda entry: entry[0]) if item.get(attribute) == wanted
        )

    def _key(self, item: Mapping[str, Any]) -> tuple[str, str]:
        return item[self.key[0]]["S"], item[self.key[1]]["S"]

    def _require(self, key: tuple[str, str], condition: str, given: Mapping[str, Any]) -> None:
        if condition and not self._holds(self.items.get(key, {}), condition, given):
            raise ConditionalCheckFailedException

    @staticmethod
    def _holds(item: Item, condition: str, given: Mapping[str, Any]) -> bool:
        names, values = given["ExpressionAttributeNames"], given.get("ExpressionAttributeValues", {})
        if condition == _COUNT:
            count = item.get(names["#count"])
            return count is None or int(count["N"]) <= int(values[":room"]["N"])
        if missing := _MISSING.fullmatch(condition):
            return names[missing[1]] not in item
        if equal := _EQUAL.fullmatch(condition):
            return bool(item.get(names[equal[1]]) == values[equal[2]])
        if listed := _LIST.fullmatch(condition):
            return item.get(names[listed[1]]) in [values[name] for name in listed[2].split(", ")]
        raise AssertionError(f"not understood: {condition}")


@dataclass
class Bucket:
    """The bucket. `puts` counts each object's writes that took effect."""

    trouble: Trouble
    objects: dict[str, bytes] = field(default_factory=dict)
    puts: dict[str, int] = field(default_factory=dict)

    def put_object(self, *, Key: str, Body: Any, IfNoneMatch: str = "", **_: object) -> None:  # noqa: N803
        failing = self.trouble.before()
        if IfNoneMatch and Key in self.objects:
            raise ClientError({"Error": {"Code": "PreconditionFailed", "Message": ""}}, "PutObject")
        self.objects[Key] = Body if isinstance(Body, bytes) else Body.read()
        self.puts[Key] = self.puts.get(Key, 0) + 1
        self.trouble.after(failing)

    def get_object(self, *, Key: str, **_: object) -> Item:  # noqa: N803
        if Key not in self.objects:
            raise ClientError({"Error": {"Code": "NoSuchKey", "Message": ""}}, "GetObject")
        return {"Body": io.BytesIO(self.objects[Key])}


@dataclass
class EventBus:
    """The event bus. `details` are the events by detail type."""

    trouble: Trouble
    details: list[tuple[str, str]] = field(default_factory=list)

    def put_events(self, *, Entries: list[Mapping[str, str]]) -> Item:  # noqa: N803
        failing = self.trouble.before()
        self.details += [(entry["DetailType"], entry["Detail"]) for entry in Entries]
        self.trouble.after(failing)
        return {"FailedEntryCount": 0}
