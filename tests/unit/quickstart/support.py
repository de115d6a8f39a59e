"""What several tests of the functions' package need."""

import re
from collections.abc import Callable, Mapping
from typing import Any

import boto3
from boto3.dynamodb.conditions import ConditionBase
from boto3.dynamodb.types import TypeDeserializer, TypeSerializer
from botocore.awsrequest import AWSResponse
from botocore.compat import HTTPHeaders

from orders_storm.cloud import advanced
from quickstart.dynamodb import Table
from sp_api.regions import Region

Answer = Callable[[Mapping[str, Any]], Mapping[str, Any]]


class Context:
    """Lambda's context, as far as the functions use it."""

    aws_request_id = "function-request-1"

    def __init__(self, seconds: float = 30.0) -> None:
        self._seconds = seconds

    def get_remaining_time_in_millis(self) -> int:
        return int(self._seconds * 1000)


def always_known(_seller_id: str, _likely: Region | None = None) -> bool:
    """Every seller has a token."""
    return True


def never_known(_seller_id: str, _likely: Region | None = None) -> bool:
    """No seller has a token any more."""
    return False


def holds(condition: ConditionBase | None, item: Mapping[str, Any]) -> bool:
    """DynamoDB's answer for the conditions that the product sends. Of a missing attribute, only <> holds."""
    if condition is None:
        return True
    parts = condition.get_expression()
    operands = parts["values"]
    match parts["operator"]:
        case "AND":
            return holds(operands[0], item) and holds(operands[1], item)
        case "OR":
            return holds(operands[0], item) or holds(operands[1], item)
        case "attribute_exists":
            return operands[0].name in item
        case "attribute_not_exists":
            return operands[0].name not in item
        case "<>":
            return bool(item.get(operands[0].name) != operands[1])
    if operands[0].name not in item:
        return False
    value = item[operands[0].name]
    match parts["operator"]:
        case "=":
            return bool(value == operands[1])
        case "<":
            return bool(value < operands[1])
        case "<=":
            return bool(value <= operands[1])
        case "IN":
            return value in operands[1]
    raise NotImplementedError(parts["operator"])


class AwsError(Exception):
    """Raised by an answer: botocore makes it the client's own exception."""

    def __init__(self, code: str, status: int = 400) -> None:
        super().__init__(code)
        self.code, self.status = code, status


class Aws:
    """Real boto3 clients that send nothing: `answers` has what each operation returns.

    botocore checks each call's parameters. `calls` has the operations in the order made, of all clients together.
    """

    def __init__(self, **answers: Answer) -> None:
        self.answers = dict(answers)
        self.calls: list[tuple[str, Mapping[str, Any]]] = []

    @property
    def operations(self) -> list[str]:
        return [operation for operation, _ in self.calls]

    def client(self, service: str) -> Any:
        make: Callable[..., Any] = boto3.client
        client = make(service, region_name="us-east-1", aws_access_key_id="test", aws_secret_access_key="test")
        client.meta.events.register_first("before-parameter-build", self._note)
        client.meta.events.register_first("before-call", self._answer)
        return client

    def _note(self, params: Mapping[str, Any], model: Any, context: dict[str, Any], **_: Any) -> None:
        context["parameters"] = params
        self.calls.append((model.name, params))

    def _answer(self, model: Any, context: dict[str, Any], **_: Any) -> tuple[AWSResponse, dict[str, Any]]:
        try:
            status, parsed = 200, dict(self.answers[model.name](context["parameters"]))
        except AwsError as error:
            status, parsed = error.status, {"Error": {"Code": error.code, "Message": error.code}}
        parsed.setdefault("ResponseMetadata", {})["HTTPStatusCode"] = status
        return AWSResponse("https://aws.test", status, HTTPHeaders(), None), parsed


class MemoryTable:
    """DynamoDB's part in memory, for the expressions of `quickstart.dynamodb.Table`.

    Of conditions it knows only that the item must exist; the others count as met.
    """

    def __init__(self, aws: Aws, *key: str) -> None:
        self.aws = aws
        self.key = key
        self.items: list[dict[str, Any]] = []
        self.capacity: int | None = None
        self.read_capacity: int | None = None
        self.table = Table(aws.client("dynamodb"), "table")
        aws.answers |= {
            "GetItem": self._get,
            "BatchGetItem": self._get_all,
            "PutItem": self._put,
            "UpdateItem": self._update,
            "DeleteItem": self._delete,
            "Query": self._query,
            "BatchWriteItem": self._write_batch,
            "TransactWriteItems": self._change_all,
            "Scan": lambda _: {"Items": [_typed(item) for item in self.items]},
        }

    def find(self, **key: str) -> dict[str, Any] | None:
        return next((item for item in self.items if all(item.get(name) == value for name, value in key.items())), None)

    def _get(self, given: Mapping[str, Any]) -> Mapping[str, Any]:
        item = self.find(**_plain(given["Key"]))
        return {} if item is None else {"Item": _typed(item)}

    def _get_all(self, given: Mapping[str, Any]) -> Mapping[str, Any]:
        """In another order than asked for, as DynamoDB may."""
        ((name, asked),) = given["RequestItems"].items()
        assert asked["ConsistentRead"]
        keys = asked["Keys"] if self.read_capacity is None else asked["Keys"][: self.read_capacity]
        found = [self.find(**_plain(key)) for key in reversed(keys)]
        left = asked["Keys"][len(keys) :]
        return {
            "Responses": {name: [_typed(item) for item in found if item is not None]},
            "UnprocessedKeys": {name: {"Keys": left, "ConsistentRead": True}} if left else {},
        }

    def _change_all(self, given: Mapping[str, Any]) -> Mapping[str, Any]:
        for one in given["TransactItems"]:
            self._update(one["Update"])
        return {}

    def _put(self, given: Mapping[str, Any]) -> Mapping[str, Any]:
        item = _plain(given["Item"])
        self._remove(item)
        self.items.append(item)
        return {}

    def _delete(self, given: Mapping[str, Any]) -> Mapping[str, Any]:
        self._remove(_plain(given["Key"]))
        return {}

    def _write_batch(self, given: Mapping[str, Any]) -> Mapping[str, Any]:
        """As DynamoDB: at most 25 requests, no key twice, and what exceeds `capacity` is not processed."""
        requests = given["RequestItems"][self.table.name]
        deleted = ["DeleteRequest" in request for request in requests]
        items = [
            _plain(request["DeleteRequest"]["Key"] if "DeleteRequest" in request else request["PutRequest"]["Item"])
            for request in requests
        ]
        keys = [{name: item[name] for name in self.key} for item in items]
        if len(keys) > 25 or any(keys.count(key) > 1 for key in keys):
            raise AwsError("ValidationException")
        assert all(key == item for key, item, is_key in zip(keys, items, deleted, strict=True) if is_key)
        for item, is_key in list(zip(items, deleted, strict=True))[: self.capacity]:
            self._remove(item)
            if not is_key:
                self.items.append(item)
        unprocessed = requests[len(keys[: self.capacity]) :]
        return {"UnprocessedItems": {self.table.name: unprocessed} if unprocessed else {}}

    def _remove(self, key: Mapping[str, Any]) -> None:
        self.items = [item for item in self.items if any(item[name] != key[name] for name in self.key)]

    def _update(self, given: Mapping[str, Any]) -> Mapping[str, Any]:
        key, names = _plain(given["Key"]), given["ExpressionAttributeNames"]
        values = _plain(given.get("ExpressionAttributeValues", {}))
        item = self.find(**key)
        if item is None:
            if re.match(r"\(*attribute_exists\(#n0\)(?! OR)", given.get("ConditionExpression", "")):
                raise AwsError("ConditionalCheckFailedException")
            item = key
            self.items.append(item)
        if "#number" in names:
            return self._advance(item, given)
        if "#count" in names:
            item[names["#count"]] = item.get(names["#count"], 0) + 1
        for name, kept, value in re.findall(
            r"(#a\d+) = (if_not_exists\()?(?:#a\d+, )?(:a\d+)", given["UpdateExpression"]
        ):
            if not kept or names[name] not in item:
                item[names[name]] = values[value]
        for name in re.findall(r"#a\d+", given["UpdateExpression"].partition("REMOVE ")[2]):
            item.pop(names[name], None)
        return {"Attributes": _typed(item)} if given.get("ReturnValues") == "ALL_NEW" else {}

    def _advance(self, item: dict[str, Any], given: Mapping[str, Any]) -> Mapping[str, Any]:
        expressions = (given["UpdateExpression"], given["ConditionExpression"], given["ExpressionAttributeNames"])
        changed = advanced(_typed(item), *expressions, given["ExpressionAttributeValues"])
        if changed is None:
            raise AwsError("ConditionalCheckFailedException")
        item |= _plain(changed)
        return {"Attributes": changed}

    def _query(self, given: Mapping[str, Any]) -> Mapping[str, Any]:
        names, values = given["ExpressionAttributeNames"], _plain(given["ExpressionAttributeValues"])
        found = [item for item in self.items if item.get(names["#hash"]) == values[":hash"]]
        if "#range" in names:
            found = [item for item in found if item[names["#range"]].startswith(values[":prefix"])]
        start = int(given.get("ExclusiveStartKey", {}).get("position", {}).get("N", 0))
        page = found[start : start + given.get("Limit", len(found))]
        last = (
            {"LastEvaluatedKey": {"position": {"N": str(start + len(page))}}} if start + len(page) < len(found) else {}
        )
        if "ProjectionExpression" in given:
            projected = {names[each] for each in given["ProjectionExpression"].split(", ")}
            page = [{name: value for name, value in item.items() if name in projected} for item in page]
        return {"Items": [_typed(item) for item in page], **last}


def _plain(item: Mapping[str, Any]) -> dict[str, Any]:
    return {name: TypeDeserializer().deserialize(value) for name, value in item.items()}


def _typed(item: Mapping[str, Any]) -> dict[str, Any]:
    return {name: TypeSerializer().serialize(value) for name, value in item.items()}
