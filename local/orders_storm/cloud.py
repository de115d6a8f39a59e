"""AWS: one DynamoDB table, EventBridge Scheduler and Step Functions, with the interface of their boto3 clients."""

import json
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

from botocore.exceptions import ClientError

from orders_storm.machine import Execution, Machine
from orders_storm.simulated_time import SimulatedTime


class InternalServerError(Exception):
    """An AWS call failed, or its response was lost."""


@dataclass
class Trouble:
    """Fails the given share of calls: half of them before they take effect, half after."""

    chance: random.Random
    share: float = 0.0
    count: int = 0

    def call(self, action: Callable[[], None]) -> None:
        failing = self.chance.random() < self.share
        if failing and self.chance.random() < 0.5:
            self.count += 1
            raise InternalServerError
        action()
        if failing:
            self.count += 1
            raise InternalServerError


class ConditionalCheckFailedException(ClientError):  # noqa: N818 - AWS's names
    def __init__(self, item: Mapping[str, Any] | None = None) -> None:
        answer: Any = {"Error": {"Code": "ConditionalCheckFailedException", "Message": ""}, "Item": item or {}}
        super().__init__(answer, "UpdateItem")


class ConflictException(Exception):  # noqa: N818
    pass


class ResourceNotFoundException(Exception):  # noqa: N818
    pass


class ExecutionAlreadyExists(Exception):  # noqa: N818
    pass


class ValidationException(Exception):  # noqa: N818
    pass


def advanced(
    item: Mapping[str, Any], expression: str, condition: str, names: Mapping[str, str], values: Mapping[str, Any]
) -> dict[str, Any] | None:
    """DynamoDB's part of `Table.advance`: the item as it becomes; None if the condition is not met."""
    numbers = {name: Decimal(value["N"]) for name, value in values.items() if "N" in value}
    attribute = names["#number"]
    held = Decimal(item[attribute]["N"]) if attribute in item else None
    match condition, expression.partition(", ")[0]:
        case "attribute_not_exists(#number) OR #number <= :floor", "SET #number = :first":
            met, number = held is None or held <= numbers[":floor"], numbers[":first"]
        case "#number > :floor", "SET #number = #number + :step":
            met, number = held is not None and held > numbers[":floor"], (held or 0) + numbers[":step"]
        case "#number > :floor AND #number <= :limit", "SET #number = #number + :step":
            met = held is not None and numbers[":floor"] < held <= numbers[":limit"]
            number = (held or 0) + numbers[":step"]
        case _:
            raise ValidationException(f"{condition}: {expression}")
    others = {name: values[place.replace("#", ":")] for place, name in names.items() if place != "#number"}
    return {**item, **others, attribute: {"N": str(number)}} if met else None


@dataclass
class DynamoDB:
    """A table, such as that of the solicitations.

    Supports consistent reads, writes of whole items with one of two conditions, and updates that raise a number.
    """

    trouble: Trouble
    key: tuple[str, str] = ("AmazonOrderId", "SellerId")
    items: dict[tuple[str, ...], dict[str, Any]] = field(default_factory=dict)
    writes: int = 0
    exceptions = SimpleNamespace(ConditionalCheckFailedException=ConditionalCheckFailedException)

    def get_item(self, *, Key: dict[str, Any], **_: object) -> dict[str, Any]:  # noqa: N803
        found = self.items.get(self._key(Key))
        return {} if found is None else {"Item": found}

    def batch_get_item(self, *, RequestItems: Mapping[str, Any]) -> dict[str, Any]:  # noqa: N803
        """From several tables, whose items have different keys and are all in `items`."""
        found = {
            table: [self.items.get(tuple(value["S"] for value in key.values())) for key in asked["Keys"]]
            for table, asked in RequestItems.items()
        }
        return {"Responses": {table: [item for item in items if item is not None] for table, items in found.items()}}

    def put_item(
        self,
        *,
        Item: dict[str, Any],  # noqa: N803
        ConditionExpression: str,  # noqa: N803
        ExpressionAttributeNames: Mapping[str, str],  # noqa: N803
        ExpressionAttributeValues: Mapping[str, Any] | None = None,  # noqa: N803
        **_: object,
    ) -> None:
        ((alias, attribute),) = ExpressionAttributeNames.items()
        ((value, expected),) = (ExpressionAttributeValues or {"": None}).items()
        if ConditionExpression != (f"{alias} = {value}" if expected else f"attribute_not_exists({alias})"):
            raise ValidationException(ConditionExpression)

        def put() -> None:
            held = self.items.get(self._key(Item), {})
            if held.get(attribute) != expected:
                raise ConditionalCheckFailedException(held)
            self.items[self._key(Item)] = Item
            self.writes += 1

        self.trouble.call(put)

    def delete_item(self, *, Key: dict[str, Any], **_: object) -> None:  # noqa: N803
        self.items.pop(self._key(Key), None)

    def update_item(
        self,
        *,
        Key: dict[str, Any],  # noqa: N803
        UpdateExpression: str,  # noqa: N803
        ConditionExpression: str,  # noqa: N803
        ExpressionAttributeNames: Mapping[str, str],  # noqa: N803
        ExpressionAttributeValues: Mapping[str, Any],  # noqa: N803
        **_: object,
    ) -> dict[str, Any]:
        item = self.items.get(self._key(Key), {})
        changed = advanced(
            item | Key, UpdateExpression, ConditionExpression, ExpressionAttributeNames, ExpressionAttributeValues
        )
        if changed is None:
            raise ConditionalCheckFailedException(item)

        def update() -> None:
            self.items[self._key(Key)] = changed
            self.writes += 1

        self.trouble.call(update)
        return {"Attributes": changed}

    def _key(self, item: Mapping[str, Any]) -> tuple[str, str]:
        first, second = self.key
        return item[first]["S"], item[second]["S"]


@dataclass
class StepFunctions:
    """Starts executions. Names are unique; starting a running execution again with the same input succeeds."""

    machine: Machine
    trouble: Trouble
    executions: dict[str, Execution] = field(default_factory=dict)
    exceptions = SimpleNamespace(ExecutionAlreadyExists=ExecutionAlreadyExists)

    def start_execution(self, *, stateMachineArn: str, name: str, input: str) -> None:  # noqa: A002, ARG002, N803
        if not 1 <= len(name) <= 80:
            raise ValidationException(name)

        def start() -> None:
            known = self.executions.get(name)
            if known is None:
                execution = self.executions[name] = Execution(name, input, self.machine.time.now())
                self.machine.time.after(0, lambda: self.machine.run(execution, json.loads(input)))
            elif known.status != "RUNNING" or known.input != input:
                raise ExecutionAlreadyExists(name)

        self.trouble.call(start)


@dataclass
class Scheduler:
    """One schedule group. A schedule invokes its target within its window, sometimes twice, and is then deleted."""

    states: StepFunctions
    time: SimulatedTime
    chance: random.Random
    trouble: Trouble
    twice: float = 0.0
    schedules: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    _started: int = 0
    exceptions = SimpleNamespace(
        ConflictException=ConflictException, ResourceNotFoundException=ResourceNotFoundException
    )

    def create_schedule(self, **definition: Any) -> None:
        def create() -> None:
            if definition["Name"] in self.schedules:
                raise ConflictException(definition["Name"])
            self._set(definition)

        self.trouble.call(create)

    def update_schedule(self, **definition: Any) -> None:
        def update() -> None:
            if definition["Name"] not in self.schedules:
                raise ResourceNotFoundException(definition["Name"])
            self._set(definition)

        self.trouble.call(update)

    def delete_schedule(self, *, Name: str, GroupName: str) -> None:  # noqa: ARG002, N803
        def delete() -> None:
            if self.schedules.pop(Name, None) is None:
                raise ResourceNotFoundException(Name)

        self.trouble.call(delete)

    def _set(self, definition: Mapping[str, Any]) -> None:
        expression = definition["ScheduleExpression"]
        if not 1 <= len(definition["Name"]) <= 64 or definition["ScheduleExpressionTimezone"] != "UTC":
            raise ValidationException(str(definition))
        time = datetime.strptime(expression, "at(%Y-%m-%dT%H:%M:%S)").replace(tzinfo=UTC)
        self.schedules[definition["Name"]] = definition
        minutes = definition["FlexibleTimeWindow"].get("MaximumWindowInMinutes", 0)
        fires = time + timedelta(seconds=self.chance.uniform(0, 60 * minutes))
        self.time.at(fires, lambda: self._fire(definition))

    def _fire(self, definition: Mapping[str, Any]) -> None:
        if self.schedules.get(definition["Name"]) is not definition:
            return
        del self.schedules[definition["Name"]]
        self._invoke(definition)
        if self.chance.random() < self.twice:
            self.time.after(self.chance.uniform(0, 60), lambda: self._invoke(definition))

    def _invoke(self, definition: Mapping[str, Any]) -> None:
        target = definition["Target"]
        self._started += 1
        try:
            self.states.start_execution(
                stateMachineArn=target["Arn"], name=f"scheduled-{self._started}", input=target["Input"]
            )
        except InternalServerError:
            self.time.after(60, lambda: self._invoke(definition))
