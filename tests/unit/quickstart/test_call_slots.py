"""The slots of a quota: nobody is refused, nobody waits longer than needed, and SP-API's own rate wins."""

import random
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from botocore.stub import Stubber

from orders_storm.cloud import ConditionalCheckFailedException, DynamoDB, Trouble
from quickstart.call_slots import CallSlots, Quota
from quickstart.dynamodb import MOST_ATTEMPTS, ItemContestedError, Table

KEY = {"ReportId": "SLOTS#getReport#NA", "SellerId": "A1"}
# Four calls at once, then one every ten seconds.
QUOTA = Quota(0.1, 4)


@dataclass
class World:
    dynamodb: DynamoDB
    slots: CallSlots
    now: float = 1_000_000.0

    @classmethod
    def new(cls, dynamodb: DynamoDB | None = None) -> "World":
        dynamodb = dynamodb or DynamoDB(Trouble(random.Random(1)), key=("ReportId", "SellerId"))
        client: Any = dynamodb
        world: World
        world = cls(dynamodb, CallSlots(Table(client, "t"), KEY, QUOTA, {"CreatedTime": "!"}, now=lambda: world.now))
        return world


def test_a_burst_is_at_once_and_the_rest_an_interval_apart() -> None:
    world = World.new()
    assert [world.slots.take() for _ in range(7)] == [0, 0, 0, 0, 10, 20, 30]
    assert world.dynamodb.items["SLOTS#getReport#NA", "A1"]["CreatedTime"] == {"S": "!"}


def test_calls_below_the_quota_never_wait_and_write_once() -> None:
    world = World.new()
    for _ in range(50):
        assert world.slots.take() == 0
        world.now += 10
    assert world.dynamodb.writes == 50


def test_a_slot_that_is_now_is_not_rounded_to_later() -> None:
    """Slots are stored to a thousandth of a second, and clocks are more exact."""
    world = World.new()
    slots = replace(world.slots, quota=Quota(2, 1))
    for _ in range(100):
        world.now += 10.0004
        assert slots.take() == 0


def test_a_bucket_fills_up_to_its_burst() -> None:
    world = World.new()
    for _ in range(6):
        world.slots.take()
    world.now += 1_000
    assert [world.slots.take() for _ in range(6)] == [0, 0, 0, 0, 10, 20]
    world.now += 20
    # Two of six have been made up for.
    assert world.slots.take() == 10


def test_a_slot_that_is_not_soon_is_not_taken() -> None:
    world = World.new()
    assert [world.slots.take_soon(0) for _ in range(6)] == [0] * 4 + [None] * 2
    # What was refused has reserved nothing.
    assert [world.slots.take_soon(10), world.slots.take_soon(10), world.slots.take_soon(20)] == [10, None, 20]
    world.now += 10
    assert world.slots.take_soon(0) is None
    assert world.slots.take() == 20


def test_after_a_refusal_the_bucket_counts_as_empty() -> None:
    world = World.new()
    assert world.slots.take() == 0
    assert world.slots.refused(10) == 10
    assert world.slots.take() == 20


def test_a_refused_call_gets_the_slot_after_all_others() -> None:
    world = World.new()
    assert [world.slots.take() for _ in range(7)][-1] == 30
    assert world.slots.refused(10) == 40


def test_sp_apis_rate_replaces_the_documented_one_for_a_day() -> None:
    world = World.new()
    assert world.slots.refused(25) == 25
    assert [world.slots.take(), world.slots.take()] == [50, 75]
    world.now += 24 * 3600
    assert [world.slots.take() for _ in range(5)] == [0, 0, 0, 0, 10]


@pytest.mark.parametrize(("seconds", "waits"), [(24 * 3600 - 1, [0, 0, 20]), (24 * 3600, [0, 0, 0])])
def test_until_the_end_of_the_day_calls_are_as_far_apart_as_sp_api_said(seconds: int, waits: list[int]) -> None:
    world = World.new()
    world.slots.refused(25)
    world.now += seconds
    assert [world.slots.take() for _ in range(3)] == waits


def test_the_item_is_kept_for_longer_than_anybody_waits() -> None:
    world = World.new()
    world.slots.take()
    expires = int(world.dynamodb.items["SLOTS#getReport#NA", "A1"]["ExpiresAt"]["N"])
    assert expires - world.now == 15 * 24 * 3600


def test_others_who_always_come_first_end_it() -> None:
    class Contested(DynamoDB):
        def update_item(self, **_: Any) -> dict[str, Any]:
            raise ConditionalCheckFailedException

    world = World.new(Contested(Trouble(random.Random(1))))
    with pytest.raises(ItemContestedError, match=str(MOST_ATTEMPTS)):
        world.slots.take()


@pytest.mark.parametrize("code", ["ThrottlingException", "AccessDeniedException"])
def test_other_errors_of_dynamodb_are_raised(code: str) -> None:
    make: Callable[..., Any] = boto3.client
    client = make("dynamodb", region_name="us-east-1", aws_access_key_id="test", aws_secret_access_key="test")
    with Stubber(client) as stub:
        stub.add_client_error("update_item", code)
        with pytest.raises(ClientError, match=code):
            CallSlots(Table(client, "t"), KEY, QUOTA).take()
