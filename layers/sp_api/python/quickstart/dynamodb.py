"""One DynamoDB table, with plain Python values in and out."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from boto3.dynamodb.conditions import ConditionBase, ConditionExpressionBuilder
from boto3.dynamodb.types import TypeDeserializer, TypeSerializer

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

Item = Mapping[str, Any]


@dataclass(frozen=True)
class Table:
    """Numbers come back as Decimal, binary values as boto3's Binary; a value of None is never written."""

    client: "DynamoDBClient"
    name: str

    def get(self, key: Item) -> Item | None:
        """The item of this key, read consistently; None when there is none."""
        found = self.client.get_item(TableName=self.name, Key=_marshal(key), ConsistentRead=True).get("Item")
        return None if found is None else _unmarshal(found)

    def put(self, item: Item, condition: ConditionBase | None = None) -> bool:
        """Writes the item in place of any other of its key; False when `condition` does not hold for that other."""
        expression, names, given = _built(condition)
        arguments: dict[str, Any] = {"Item": _marshal(item)}
        if expression:
            arguments["ConditionExpression"] = expression
            arguments["ExpressionAttributeNames"] = names
        if given:
            arguments["ExpressionAttributeValues"] = _marshal(given)
        try:
            self.client.put_item(TableName=self.name, **arguments)
        except self.client.exceptions.ConditionalCheckFailedException:
            return False
        return True

    def delete(self, key: Item) -> None:
        """Removes the item of this key, if there is one."""
        self.client.delete_item(TableName=self.name, Key=_marshal(key))

    def update(
        self,
        key: Item,
        values: Item,
        *,
        unless_present: Item | None = None,
        condition: ConditionBase | None = None,
    ) -> bool:
        """Sets `values`, and those of `unless_present` that the item does not have yet.

        Makes the item when there is none. False, and nothing is changed, when `condition` does not hold for the item.
        """
        expression, names, given = _built(condition)
        clauses = []
        for source, keep in ((values, False), (unless_present or {}, True)):
            for attribute, value in source.items():
                if value is None:
                    continue
                position = len(names)
                names[f"#a{position}"] = attribute
                given[f":a{position}"] = value
                held = f"if_not_exists(#a{position}, :a{position})" if keep else f":a{position}"
                clauses.append(f"#a{position} = {held}")
        conditional: dict[str, Any] = {"ConditionExpression": expression} if expression else {}
        try:
            self.client.update_item(
                TableName=self.name,
                Key=_marshal(key),
                UpdateExpression="SET " + ", ".join(clauses),
                ExpressionAttributeNames=names,
                ExpressionAttributeValues=_marshal(given),
                **conditional,
            )
        except self.client.exceptions.ConditionalCheckFailedException:
            return False
        return True

    def count(self, key: Item, attribute: str, *, at_most: int, expires_at: int) -> bool:
        """Adds one to a number that begins at 0; False, and nothing is changed, when it is `at_most` already.

        The item is made when there is none. `expires_at`, in seconds since 1970, is its ExpiresAt.
        """
        try:
            self.client.update_item(
                TableName=self.name,
                Key=_marshal(key),
                UpdateExpression="ADD #count :one SET ExpiresAt = :expires_at",
                ConditionExpression="attribute_not_exists(#count) OR #count < :most",
                ExpressionAttributeNames={"#count": attribute},
                ExpressionAttributeValues=_marshal({":one": 1, ":most": at_most, ":expires_at": expires_at}),
            )
        except self.client.exceptions.ConditionalCheckFailedException:
            return False
        return True

    def query(
        self, attribute: str, value: str, *, starts_with: tuple[str, str] | None = None, index: str = ""
    ) -> list[Item]:
        """Every item whose hash key `attribute` equals `value`, all pages; `starts_with` is (range key, prefix)."""
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
        return [_unmarshal(item) for page in pages for item in page["Items"]]

    def latest(
        self, attribute: str, value: str, *, index: str, limit: int, after: Item | None = None
    ) -> tuple[list[Item], Item | None]:
        """At most `limit` items whose hash key `attribute` equals `value`, from the highest range key down.

        `after` is the key at which an earlier call ended; the second value is the key at which this one did, None at
        the end. A key is one of the index and of the table together.
        """
        start: dict[str, Any] = {} if after is None else {"ExclusiveStartKey": _marshal(after)}
        page = self.client.query(
            TableName=self.name,
            IndexName=index,
            KeyConditionExpression="#hash = :hash",
            ExpressionAttributeNames={"#hash": attribute},
            ExpressionAttributeValues=_marshal({":hash": value}),
            ScanIndexForward=False,
            Limit=limit,
            **start,
        )
        last = page.get("LastEvaluatedKey")
        return [_unmarshal(item) for item in page["Items"]], None if last is None else _unmarshal(last)


def _built(condition: ConditionBase | None) -> tuple[str, dict[str, str], dict[str, Any]]:
    """The condition as an expression, its attributes' names (#n0, ...) and its values (:v0, ...)."""
    if condition is None:
        return "", {}, {}
    built = ConditionExpressionBuilder().build_expression(condition)
    return built.condition_expression, built.attribute_name_placeholders, built.attribute_value_placeholders


def _marshal(item: Item) -> dict[str, Any]:
    serializer = TypeSerializer()
    return {name: serializer.serialize(value) for name, value in item.items() if value is not None}


def _unmarshal(item: Item) -> Item:
    deserializer = TypeDeserializer()
    return {name: deserializer.deserialize(value) for name, value in item.items()}
