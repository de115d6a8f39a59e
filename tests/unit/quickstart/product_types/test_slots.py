"""Slots: two pulls of an account take turns, and all accounts together stay within the application's quota."""

import random
from typing import Any

import pytest

from product_types_storm.cloud import DynamoDB, Trouble
from quickstart.dynamodb import DamagedItemError, ItemContestedError, Table
from quickstart.product_types.slots import ApplicationBusyError, Slots
from sp_api.regions import Region


class Clock:
    seconds = 1_800_000_000.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def client() -> DynamoDB:
    return DynamoDB(Trouble(random.Random(1)))


@pytest.fixture
def slots(clock: Clock, client: DynamoDB) -> Slots:
    return Slots(Table(client, "table"), clock)


def test_the_next_slot_begins_where_the_one_before_ends(slots: Slots, clock: Clock) -> None:
    first, second = slots.take(Region.EU, "A1", 5), slots.take(Region.EU, "A1", 5)
    assert (first.start, first.interval) == (clock.seconds, 0.2)
    assert second.start == pytest.approx(clock.seconds + 1)
    assert slots.next_start(Region.EU, "A1") == pytest.approx(clock.seconds + 2)
    clock.seconds += 10
    assert slots.take(Region.EU, "A1", 5).start == clock.seconds


def test_accounts_and_regions_have_slots_of_their_own(slots: Slots, clock: Clock) -> None:
    slots.take(Region.EU, "A1", 5)
    assert slots.take(Region.EU, "A2", 5).start == clock.seconds
    assert slots.take(Region.NA, "A1", 5).start == clock.seconds


def test_the_application_has_a_hundred_calls_a_second_for_all_accounts(slots: Slots) -> None:
    """In windows of two seconds, less what their limit leaves open."""
    for number in range(38):
        slots.take(Region.EU, f"A{number}", 5)
    with pytest.raises(ApplicationBusyError) as refused:
        slots.take(Region.EU, "A38", 5)
    assert refused.value.wait_seconds == 2, "the next window begins then"


def test_two_takers_at_the_same_moment_get_different_slots(slots: Slots, client: DynamoDB) -> None:
    """The other one takes a slot between this one's read and write."""
    get = client.get_item
    taken: list[Any] = []

    def read_and_lose(**given: Any) -> dict[str, object]:
        found = get(**given)
        if not taken:
            taken.append(None)
            taken[0] = slots.take(Region.EU, "A1", 5)
        return found

    client.get_item = read_and_lose  # type: ignore[method-assign]
    mine = slots.take(Region.EU, "A1", 5)
    assert mine.start == pytest.approx(taken[0].start + 1)


def test_an_account_that_is_always_contested_is_an_error(slots: Slots, client: DynamoDB) -> None:
    client.items["ACCOUNT#EU#A1", "NEXT_CALL"] = {
        "Collection": {"S": "ACCOUNT#EU#A1"},
        "Entry": {"S": "NEXT_CALL"},
        "NextCall": {"N": "1"},
    }
    get = client.get_item
    client.get_item = lambda **given: {"Item": {**get(**given)["Item"], "NextCall": {"N": "2"}}}  # type: ignore[method-assign]
    with pytest.raises(ItemContestedError) as contested:
        slots.take(Region.EU, "A1", 1)
    assert str(contested.value).startswith("the next call of A1 was changed by others ")


def test_a_busy_application_is_tried_again_after_a_tenth_of_a_second_at_least(slots: Slots, clock: Clock) -> None:
    clock.seconds += 1.99
    for number in range(38):
        slots.take(Region.EU, f"A{number}", 5)
    with pytest.raises(ApplicationBusyError) as refused:
        slots.take(Region.EU, "A38", 5)
    assert refused.value.wait_seconds == pytest.approx(0.1)


@pytest.mark.parametrize(("moment", "wait"), [(0.0, 2.0), (0.5, 1.5), (1.5, 0.5)])
def test_a_window_has_a_hundred_and_ninety_calls_of_all_accounts(
    slots: Slots, clock: Clock, moment: float, wait: float
) -> None:
    """Each window has its own, and so has each region."""
    clock.seconds += moment
    for number in range(19):
        slots.take(Region.EU, f"A{number}", 10)
    with pytest.raises(ApplicationBusyError) as refused:
        slots.take(Region.EU, "A19", 1)
    assert refused.value.wait_seconds == pytest.approx(wait)
    assert str(refused.value) == "the application's rate limit is used up by other selling partners"
    slots.take(Region.NA, "A19", 1)
    clock.seconds += wait - 0.25
    with pytest.raises(ApplicationBusyError):
        slots.take(Region.EU, "A20", 1)
    clock.seconds += 0.25
    assert slots.take(Region.EU, "A21", 1).start == clock.seconds


def test_records_of_calls_expire_after_a_day(slots: Slots, clock: Clock, client: DynamoDB) -> None:
    clock.seconds += 0.75
    slots.take(Region.EU, "A1", 5)
    a_day_later = {"N": str(1_800_000_000 + 86_400)}
    assert client.items == {
        ("ACCOUNT#EU#A1", "NEXT_CALL"): {
            "Collection": {"S": "ACCOUNT#EU#A1"},
            "Entry": {"S": "NEXT_CALL"},
            "NextCall": {"N": "1800000001.750"},
            "ExpiresAt": a_day_later,
        },
        ("CALLS#EU", "900000000"): {
            "Collection": {"S": "CALLS#EU"},
            "Entry": {"S": "900000000"},
            "Calls": {"N": "5"},
            "ExpiresAt": a_day_later,
        },
    }


def test_an_account_without_a_call_may_call_at_once(slots: Slots, clock: Clock, client: DynamoDB) -> None:
    assert slots.next_start(Region.EU, "A1") == clock.seconds
    key = {"Collection": {"S": "ACCOUNT#EU#A1"}, "Entry": {"S": "NEXT_CALL"}}
    client.items["ACCOUNT#EU#A1", "NEXT_CALL"] = key
    assert slots.next_start(Region.EU, "A1") == clock.seconds
    assert slots.take(Region.EU, "A1", 1).start == clock.seconds


def test_a_damaged_record_is_named(slots: Slots, client: DynamoDB) -> None:
    client.items["ACCOUNT#EU#A1", "NEXT_CALL"] = {
        "NextCall": {"S": "soon"},
        "Collection": {"S": "c"},
        "Entry": {"S": "e"},
    }
    with pytest.raises(DamagedItemError, match="the stored item c e cannot be read"):
        slots.take(Region.EU, "A1", 1)
