"""Reads of a table: what was written a moment before must be found."""

import time
from decimal import Decimal
from typing import Any

import pytest
from boto3.dynamodb.conditions import Attr

from quickstart.dynamodb import Table, TableBusyError, get_together, unmarshal
from tests.unit.quickstart.support import Aws, AwsError, MemoryTable


def test_a_table_is_read_consistently_and_an_index_as_it_can() -> None:
    """DynamoDB: reads are eventually consistent unless ConsistentRead is set, and it cannot be set for an index."""
    aws = Aws()
    table = MemoryTable(aws, "SellerId", "Item").table
    table.get({"SellerId": "A1", "Item": "x"})
    table.query("SellerId", "A1")
    table.query("SellerId", "A1", starts_with=("Item", "TOKEN#"))
    table.query("SellerId", "A1", index="Index")
    assert [(name, given.get("ConsistentRead")) for name, given in aws.calls] == [
        ("GetItem", True),
        ("Query", True),
        ("Query", True),
        ("Query", None),
    ]


ITEM = {"SellerId": {"S": "A1"}, "Item": {"S": "x"}}
KEY = {"SellerId": "A1", "Item": "x"}


def keys(*names: str) -> list[dict[str, str]]:
    return [{"SellerId": "A1", "Item": name} for name in names]


def test_several_items_are_read_with_one_call_in_the_order_of_their_keys() -> None:
    aws = Aws()
    table = MemoryTable(aws, "SellerId", "Item")
    table.items = [{**key, "Number": Decimal(number)} for number, key in enumerate(keys("x", "y"))]
    found = get_together((table.table, keys("y", "missing", "x")))
    assert found == [[table.items[1], None, table.items[0]]]
    assert aws.operations == ["BatchGetItem"]


def test_the_items_of_two_tables_are_read_with_one_call() -> None:
    """What DynamoDB had no capacity for is read again, of each table."""
    answers: list[dict[str, Any]] = [
        {
            "Responses": {"one": [ITEM], "two": []},
            "UnprocessedKeys": {"two": {"Keys": [ITEM], "ConsistentRead": True}},
        },
        {"Responses": {"two": [{**ITEM, "Number": {"N": "1"}}]}},
    ]
    aws = Aws(BatchGetItem=lambda _: answers.pop(0))
    one, two = (Table(aws.client("dynamodb"), name) for name in ("one", "two"))
    assert get_together((one, keys("y", "x")), (two, [KEY])) == [[None, KEY], [{**KEY, "Number": Decimal(1)}]]
    asked = [given["RequestItems"] for _, given in aws.calls]
    assert [sorted(each) for each in asked] == [["one", "two"], ["two"]]
    assert all(table["ConsistentRead"] for each in asked for table in each.values())


def test_what_a_read_left_out_is_read_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "sleep", lambda _: None)
    aws = Aws()
    table = MemoryTable(aws, "SellerId", "Item")
    table.items, table.read_capacity = list(keys("x", "y", "z")), 1
    assert get_together((table.table, keys("x", "y", "z"))) == [keys("x", "y", "z")]
    assert [len(given["RequestItems"]["table"]["Keys"]) for _, given in aws.calls] == [3, 2, 1]
    table.read_capacity = 0
    with pytest.raises(TableBusyError, match="table table does not keep up"):
        get_together((table.table, keys("x")))


def test_every_page_of_a_query_is_read() -> None:
    pages: list[dict[str, Any]] = [{"Items": [ITEM], "LastEvaluatedKey": ITEM}, {"Items": [ITEM, ITEM]}]
    aws = Aws(Query=lambda _: pages.pop(0))
    assert Table(aws.client("dynamodb"), "table").query("SellerId", "A1") == [KEY] * 3


def test_a_page_is_in_the_order_of_the_range_key_or_against_it() -> None:
    aws = Aws(Query=lambda _: {"Items": [ITEM], "LastEvaluatedKey": ITEM})
    table = Table(aws.client("dynamodb"), "table")
    assert table.sorted_page("SellerId", "A1", limit=5) == ([KEY], KEY)
    condition = Attr("Status").eq("DONE")
    table.sorted_page("SellerId", "A1", limit=5, after=KEY, index="Index", descending=True, condition=condition)
    plain, special = (given for _, given in aws.calls)
    assert plain == {
        "TableName": "table",
        "KeyConditionExpression": "#hash = :hash",
        "ExpressionAttributeNames": {"#hash": "SellerId"},
        "ExpressionAttributeValues": {":hash": {"S": "A1"}},
        "ScanIndexForward": True,
        "Limit": 5,
    }
    assert special == {
        "TableName": "table",
        "KeyConditionExpression": "#hash = :hash",
        "ExpressionAttributeNames": {"#hash": "SellerId", "#n0": "Status"},
        "ExpressionAttributeValues": {":hash": {"S": "A1"}, ":v0": {"S": "DONE"}},
        "FilterExpression": "#n0 = :v0",
        "IndexName": "Index",
        "ExclusiveStartKey": ITEM,
        "ScanIndexForward": False,
        "Limit": 5,
    }


def test_the_latest_items_come_from_the_highest_range_key_down() -> None:
    aws = Aws(Query=lambda _: {"Items": [ITEM]})
    table = Table(aws.client("dynamodb"), "table")
    found = table.latest("SellerId", "A1", index="Index", limit=5, above=("Time", "0"), after=KEY)
    assert found == ([KEY], None)
    assert aws.calls == [
        (
            "Query",
            {
                "TableName": "table",
                "IndexName": "Index",
                "KeyConditionExpression": "#hash = :hash AND #range > :least",
                "ExpressionAttributeNames": {"#hash": "SellerId", "#range": "Time"},
                "ExpressionAttributeValues": {":hash": {"S": "A1"}, ":least": {"S": "0"}},
                "ScanIndexForward": False,
                "Limit": 5,
                "ExclusiveStartKey": ITEM,
            },
        )
    ]


def test_a_counter_has_room_for_what_is_added() -> None:
    aws = Aws(UpdateItem=lambda _: {})
    assert Table(aws.client("dynamodb"), "table").count(KEY, "Count", at_most=10, expires_at=7, amount=3)
    (_, given), *_ = aws.calls
    assert given["ConditionExpression"] == "attribute_not_exists(#count) OR #count <= :room"
    assert given["ExpressionAttributeValues"] == {":amount": {"N": "3"}, ":room": {"N": "7"}, ":expires_at": {"N": "7"}}


def test_a_scan_reads_every_page_and_a_page_only_its_own() -> None:
    more: dict[str, Any] = {"Items": [ITEM], "LastEvaluatedKey": ITEM}
    pages = [more, {"Items": [ITEM]}, more]
    aws = Aws(Scan=lambda _: pages.pop(0))
    table = Table(aws.client("dynamodb"), "table")
    assert list(table.scan(Attr("a").exists())) == [KEY, KEY]
    assert table.page(limit=5, after=KEY, condition=Attr("a").exists()) == ([KEY], KEY)
    assert (aws.calls[-1][1]["ExclusiveStartKey"], aws.calls[-1][1]["Limit"]) == (ITEM, 5)


def test_an_update_sets_keeps_and_removes() -> None:
    aws = Aws(UpdateItem=lambda _: {})
    table = Table(aws.client("dynamodb"), "table")
    assert table.update(KEY, {"a": 1, "b": None}, unless_present={"c": "x"}, remove=["d"])
    (_, given), *_ = aws.calls
    assert given["UpdateExpression"] == "SET #a1 = :a1, #a2 = if_not_exists(#a2, :a2) REMOVE #a0"
    assert given["ExpressionAttributeNames"] == {"#a0": "d", "#a1": "a", "#a2": "c"}
    assert given["ExpressionAttributeValues"] == {":a1": {"N": "1"}, ":a2": {"S": "x"}}


def test_a_write_without_a_condition_was_carried_out() -> None:
    aws = Aws(PutItem=lambda _: {})
    assert Table(aws.client("dynamodb"), "table").put(KEY) is True
    assert aws.calls == [("PutItem", {"TableName": "table", "Item": ITEM})]


def test_an_item_in_dynamodbs_own_json() -> None:
    assert unmarshal({"a": {"N": "1"}, "b": {"L": [{"S": "x"}]}}) == {"a": 1, "b": ["x"]}


FIRST = ("SET #number = :first, #v0 = :v0", "attribute_not_exists(#number) OR #number <= :floor")
NEXT = ("SET #number = #number + :step, #v0 = :v0", "#number > :floor")
LIMITED = (NEXT[0], "#number > :floor AND #number <= :limit")


@pytest.mark.parametrize(
    ("at_most", "refused", "asked", "given"),
    [
        (None, 0, [FIRST], {":first": "5.000"}),
        (None, 1, [FIRST, NEXT], {":step": "2.000"}),
        (5.0, 0, [FIRST], {":first": "5.000"}),
        (10.0, 1, [FIRST, LIMITED], {":step": "2.000", ":limit": "8.000"}),
        (4.0, 0, [LIMITED], {":step": "2.000", ":limit": "2.000"}),
    ],
)
def test_a_number_is_raised_to_its_floor_and_then_advanced(
    at_most: float | None, refused: int, asked: list[tuple[str, str]], given: dict[str, str]
) -> None:
    """With the other values, in one write; a limit below the floor's next number leaves only the second."""

    def answer(_: Any) -> Any:
        if len(aws.calls) <= refused:
            raise AwsError("ConditionalCheckFailedException")
        return {"Attributes": {**ITEM, "Next": {"N": "9"}}}

    aws = Aws(UpdateItem=answer)
    table = Table(aws.client("dynamodb"), "table")
    assert table.advance(KEY, "Next", lambda _: 2, {"ExpiresAt": 7}, floor=3, at_most=at_most) == 9
    writes = [write for _, write in aws.calls]
    assert [(write["UpdateExpression"], write["ConditionExpression"]) for write in writes] == asked
    assert all(write["ExpressionAttributeNames"] == {"#number": "Next", "#v0": "ExpiresAt"} for write in writes)
    numbers = {name: {"N": number} for name, number in given.items()}
    assert writes[-1]["ExpressionAttributeValues"] == {":floor": {"N": "3.000"}, ":v0": {"N": "7"}} | numbers
