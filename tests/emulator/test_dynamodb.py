"""DynamoDB's indexes: every page that ministack reads, without reading the whole partition."""

import itertools
import uuid
from collections.abc import Iterator
from typing import Any

import pytest

from tests.emulator.support import Emulator


@pytest.fixture(scope="module")
def table(emulator: Emulator) -> Iterator[tuple[Any, str]]:
    """A table with an index, and a client."""
    client, name = emulator.client("dynamodb"), f"t-{uuid.uuid4()}"
    client.create_table(
        TableName=name,
        KeySchema=[{"AttributeName": "Id", "KeyType": "HASH"}, {"AttributeName": "Seller", "KeyType": "RANGE"}],
        AttributeDefinitions=[{"AttributeName": each, "AttributeType": "S"} for each in ("Id", "Seller", "Time")],
        GlobalSecondaryIndexes=[
            {
                "IndexName": "ByTime",
                "KeySchema": [
                    {"AttributeName": "Seller", "KeyType": "HASH"},
                    {"AttributeName": "Time", "KeyType": "RANGE"},
                ],
                "Projection": {"ProjectionType": "ALL"},
            }
        ],
        BillingMode="PAY_PER_REQUEST",
    )
    yield client, name
    client.delete_table(TableName=name)


def put(table: tuple[Any, str], seller: str, number: int, time: str) -> None:
    client, name = table
    client.put_item(TableName=name, Item={"Id": {"S": str(number)}, "Seller": {"S": seller}, "Time": {"S": time}})


def read(table: tuple[Any, str], seller: str, limit: int | None, condition: str = "", **more: Any) -> list[list[str]]:
    """The ids of each page."""
    client, name = table
    values = {":seller": seller, **more.pop("values", {})}
    query = {
        "TableName": name,
        "IndexName": "ByTime",
        "KeyConditionExpression": f"Seller = :seller{condition}",
        "ExpressionAttributeValues": {given: {"S": value} for given, value in values.items()},
        **({"Limit": limit} if limit else {}),
        **more,
    }
    pages = []
    while True:
        page = client.query(**query)
        pages.append([item["Id"]["S"] for item in page["Items"]])
        if "LastEvaluatedKey" not in page:
            return pages
        query["ExclusiveStartKey"] = page["LastEvaluatedKey"]


@pytest.mark.parametrize("forward", [True, False])
@pytest.mark.parametrize(
    ("condition", "values"),
    [
        ("", {}),
        (" AND #time BETWEEN :low AND :high", {":low": "t02", ":high": "t05"}),
        (" AND #time > :low", {":low": "t03"}),
        (" AND #time >= :low", {":low": "t03"}),
        (" AND #time < :low", {":low": "t03"}),
        (" AND #time <= :low", {":low": "t03"}),
        (" AND #time = :low", {":low": "t03"}),
        (" AND begins_with(#time, :low)", {":low": "t0"}),
    ],
)
def test_pages_have_what_one_large_page_has(
    table: tuple[Any, str], condition: str, values: dict[str, str], forward: bool
) -> None:
    seller = f"A-{uuid.uuid4()}"
    # Two of each time, in an order of their own, and others' items between them.
    for number in (7, 3, 11, 0, 5, 9, 1, 4, 2, 8, 6, 10):
        put(table, seller, number, f"t{number // 2:02}")
        put(table, f"other-{seller}", number, f"t{number // 2:02}")
    names = {"ExpressionAttributeNames": {"#time": "Time"}} if condition else {}
    given = {"ScanIndexForward": forward, "values": values, **names}
    (whole,) = read(table, seller, None, condition, **given)
    assert whole
    for limit in (1, 2, 3, 5, 100):
        pages = read(table, seller, limit, condition, **given)
        assert list(itertools.chain(*pages)) == whole
        assert all(len(page) == limit for page in pages[:-1])


@pytest.mark.parametrize(
    ("value", "found"), [({"S": "FAILED"}, ["0", "3", "6"]), ({"N": "7.0"}, ["1"]), ({"S": "7"}, [])]
)
def test_a_filter_leaves_out_items_of_a_page(table: tuple[Any, str], value: dict[str, str], found: list[str]) -> None:
    seller, (client, name) = f"A-{uuid.uuid4()}", table
    for number in range(8):
        state = {1: {"State": {"N": "7"}}, 2: {}}.get(number, {"State": {"S": "OK" if number % 3 else "FAILED"}})
        key = {"Id": {"S": str(number)}, "Seller": {"S": seller}}
        client.put_item(TableName=name, Item={**key, "Time": {"S": f"t{number}"}, **state})
    query = {
        "TableName": name,
        "IndexName": "ByTime",
        "KeyConditionExpression": "Seller = :seller",
        "FilterExpression": "#state = :state",
        "ExpressionAttributeNames": {"#state": "State"},
        "ExpressionAttributeValues": {":seller": {"S": seller}, ":state": value},
    }
    for limit in (1, 3, 8):
        pages = client.get_paginator("query").paginate(**query, PaginationConfig={"PageSize": limit})
        items = [(item["Id"]["S"], page["ScannedCount"]) for page in pages for item in page["Items"]]
        assert [number for number, _ in items] == found
        assert all(scanned <= limit for _, scanned in items)


def test_changes_are_seen_at_once(table: tuple[Any, str]) -> None:
    seller, (client, name) = f"A-{uuid.uuid4()}", table
    assert read(table, seller, 5) == [[]]
    put(table, seller, 1, "t1")
    put(table, seller, 2, "t2")
    assert read(table, seller, 5) == [["1", "2"]]
    put(table, seller, 1, "t3")
    assert read(table, seller, 5) == [["2", "1"]]
    client.update_item(
        TableName=name,
        Key={"Id": {"S": "2"}, "Seller": {"S": seller}},
        UpdateExpression="SET #time = :time",
        ExpressionAttributeNames={"#time": "Time"},
        ExpressionAttributeValues={":time": {"S": "t4"}},
    )
    assert read(table, seller, 5) == [["1", "2"]]
    client.delete_item(TableName=name, Key={"Id": {"S": "1"}, "Seller": {"S": seller}})
    assert read(table, seller, 5) == [["2"]]


def scan(table: tuple[Any, str], **more: Any) -> list[list[str]]:
    """The ids of each page of the table."""
    client, name = table
    pages = client.get_paginator("scan").paginate(TableName=name, **more)
    return [[item["Id"]["S"] for item in page["Items"]] for page in pages]


def test_a_scan_has_every_item_once_and_sees_changes(emulator: Emulator) -> None:
    client, name = emulator.client("dynamodb"), f"t-{uuid.uuid4()}"
    client.create_table(
        TableName=name,
        KeySchema=[{"AttributeName": "Id", "KeyType": "HASH"}, {"AttributeName": "Seller", "KeyType": "RANGE"}],
        AttributeDefinitions=[{"AttributeName": each, "AttributeType": "S"} for each in ("Id", "Seller")],
        BillingMode="PAY_PER_REQUEST",
    )
    table = client, name
    assert scan(table) == [[]]
    for number, seller in itertools.product(range(10), ("A", "B", "C")):
        # A megabyte holds some of them: a page ends there.
        text = {"Text": {"S": "x" * 100_000}}
        client.put_item(TableName=name, Item={"Id": {"S": str(number)}, "Seller": {"S": seller}, **text})
    pages = scan(table)
    assert len(pages) > 2
    expected = sorted([str(number) for number in range(10)] * 3)
    assert sorted(itertools.chain(*pages)) == expected
    for limit in (1, 7, 30):
        assert sorted(itertools.chain(*scan(table, PaginationConfig={"PageSize": limit}))) == expected
    filtered = {"FilterExpression": "Seller = :b", "ExpressionAttributeValues": {":b": {"S": "B"}}}
    assert sorted(itertools.chain(*scan(table, **filtered))) == sorted(str(number) for number in range(10))
    client.delete_item(TableName=name, Key={"Id": {"S": "3"}, "Seller": {"S": "B"}})
    client.put_item(TableName=name, Item={"Id": {"S": "10"}, "Seller": {"S": "A"}})
    changed = sorted([*expected, "10"])
    changed.remove("3")
    assert sorted(itertools.chain(*scan(table))) == changed
    client.delete_table(TableName=name)


def test_a_table_without_a_range_key_is_scanned(emulator: Emulator) -> None:
    client, name = emulator.client("dynamodb"), f"t-{uuid.uuid4()}"
    client.create_table(
        TableName=name,
        KeySchema=[{"AttributeName": "Id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "Id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    for number in range(5):
        client.put_item(TableName=name, Item={"Id": {"S": str(number)}})
    assert list(itertools.chain(*scan((client, name), PaginationConfig={"PageSize": 2}))) == ["0", "1", "2", "3", "4"]
    client.delete_table(TableName=name)
