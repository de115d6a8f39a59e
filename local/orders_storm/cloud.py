"""AWS's part: one DynamoDB table, EventBridge Scheduler and Step Functions, as their boto3 clients look."""

import json
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

from orders_storm.machine import Execution, Machine
from orders_storm.simulated_time import SimulatedTime


class InternalServerError(Exception):
    """An AWS call that failed, or whose answer was lost."""


@dataclass
class Trouble:
    """Fails the given share of calls: half of them before anything was done, half after."""

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


class ConditionalCheckFailedException(Exception):  # noqa: N818 - AWS's names
    pass


class ConflictException(Exception):  # noqa: N818
    pass


class ResourceNotFoundException(Exception):  # noqa: N818
    pass


class ExecutionAlreadyExists(Exception):  # noqa: N818
    pass


class ValidationException(Exception):  # noqa: N818
    pass


@dataclass
class DynamoDB:
    """The solicitations table: whole items, read consistently, written on one of two conditions."""

    trouble: Trouble
    items: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)
    writes: int = 0
    exceptions = SimpleNamespace(ConditionalCheckFailedException=ConditionalCheckFailedException)

    def get_item(self, *, Key: dict[str, Any], **_: object) -> dict[str, Any]:  # noqa: N803
        found = self.items.get(_key(Key))
        return {} if found is None else {"Item": found}

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
            if self.items.get(_key(Item), {}).get(attribute) != expected:
                raise ConditionalCheckFailedException
            self.items[_key(Item)] = Item
            self.writes += 1

        self.trouble.call(put)


def _key(item: Mapping[str, Any]) -> tuple[str, str]:
    return item["AmazonOrderId"]["S"], item["SellerId"]["S"]


@dataclass
class StepFunctions:
    """Starts executions; a name is taken for good, and starting a running one again with its input is no error."""

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
    """One group. A schedule invokes its target within its flexible window, now and then twice, and is gone then."""

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
