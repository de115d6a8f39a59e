"""Reads of a table: what was written a moment before must be found."""

import gzip
import time
from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from typing import Any

import pytest
from boto3.dynamodb.conditions import Attr
from botocore.exceptions import ClientError

from quickstart.dynamodb import (
    Change,
    DamagedItemError,
    ItemContestedError,
    Table,
    TableBusyError,
    get_together,
    has_value,
    reading_item,
    unmarshal,
    unpacked_json,
)
from sp_api.wire import MalformedError
from tests.unit.quickstart.support import Answer, Aws, AwsError, MemoryTable


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


def refuse(code: str) -> Answer:
    def refused(_: Mapping[str, Any]) -> Mapping[str, Any]:
        raise AwsError(code)

    return refused


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


@pytest.mark.parametrize(("more", "amount", "room"), [({"amount": 3}, "3", "7"), ({}, "1", "9")])
def test_a_counter_has_room_for_what_is_added(more: Mapping[str, int], amount: str, room: str) -> None:
    aws = Aws(UpdateItem=lambda _: {})
    table = Table(aws.client("dynamodb"), "table")
    assert table.count(KEY, "Count", at_most=10, expires_at=7, **more) is True
    assert aws.calls == [
        (
            "UpdateItem",
            {
                "TableName": "table",
                "Key": ITEM,
                "UpdateExpression": "ADD #count :amount SET ExpiresAt = :expires_at",
                "ConditionExpression": "attribute_not_exists(#count) OR #count <= :room",
                "ExpressionAttributeNames": {"#count": "Count"},
                "ExpressionAttributeValues": {
                    ":amount": {"N": amount},
                    ":room": {"N": room},
                    ":expires_at": {"N": "7"},
                },
            },
        )
    ]
    aws.answers["UpdateItem"] = refuse("ConditionalCheckFailedException")
    assert table.count(KEY, "Count", at_most=10, expires_at=7, **more) is False


def test_a_scan_reads_every_page_and_a_page_only_its_own() -> None:
    more: dict[str, Any] = {"Items": [ITEM], "LastEvaluatedKey": ITEM}
    pages = [more, {"Items": [ITEM]}, more]
    aws = Aws(Scan=lambda _: pages.pop(0))
    table = Table(aws.client("dynamodb"), "table")
    assert list(table.scan(Attr("a").eq(1))) == [KEY, KEY]
    assert table.page(limit=5, after=KEY, condition=Attr("a").eq(1)) == ([KEY], KEY)
    filtered = {
        "TableName": "table",
        "FilterExpression": "#n0 = :v0",
        "ExpressionAttributeNames": {"#n0": "a"},
        "ExpressionAttributeValues": {":v0": {"N": "1"}},
    }
    assert [given for _, given in aws.calls] == [
        filtered,
        filtered | {"ExclusiveStartKey": ITEM},
        filtered | {"ExclusiveStartKey": ITEM, "Limit": 5},
    ]


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


def test_a_number_that_others_always_change_first_is_given_up_after_25_attempts() -> None:
    """Each of them has two writes, one for each case; the interval is that of the item as it is now."""
    aws = Aws(UpdateItem=refuse("ConditionalCheckFailedException"))
    table = Table(aws.client("dynamodb"), "table")
    with pytest.raises(ItemContestedError) as contested:
        table.advance(KEY, "Next", lambda _: 2, {}, floor=3)
    assert str(contested.value) == (
        "the item {'SellerId': 'A1', 'Item': 'x'} was changed by others during each of 25 attempts to write it"
    )
    assert len(aws.calls) == 50


def test_a_number_whose_limit_others_reached_meanwhile_is_left_alone() -> None:
    aws = Aws(UpdateItem=refuse("ConditionalCheckFailedException"))
    table = Table(aws.client("dynamodb"), "table")
    assert table.advance(KEY, "Next", lambda _: 2, {}, floor=3, at_most=10) is None
    assert len(aws.calls) == 2


def test_a_write_of_a_number_shows_the_item_before_or_after_it() -> None:
    aws = Aws(UpdateItem=lambda _: {"Attributes": {**ITEM, "Next": {"N": "4.5"}}})
    assert Table(aws.client("dynamodb"), "table").advance(KEY, "Next", lambda _: 2, {"a": 1, "b": "x"}, floor=3) == 4.5
    assert aws.calls == [
        (
            "UpdateItem",
            {
                "TableName": "table",
                "Key": ITEM,
                "UpdateExpression": "SET #number = :first, #v0 = :v0, #v1 = :v1",
                "ConditionExpression": "attribute_not_exists(#number) OR #number <= :floor",
                "ExpressionAttributeNames": {"#number": "Next", "#v0": "a", "#v1": "b"},
                "ExpressionAttributeValues": {
                    ":first": {"N": "5.000"},
                    ":floor": {"N": "3.000"},
                    ":v0": {"N": "1"},
                    ":v1": {"S": "x"},
                },
                "ReturnValues": "ALL_NEW",
                "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
            },
        )
    ]


PAUSES = [0.0, 0.05, 0.1, 0.2, 0.4, 0.8, 1.6, 3.2]
BATCHES: Mapping[str, Callable[[Table], object]] = {
    "get_together": lambda table: get_together((table, keys("x"))),
    "get_many": lambda table: table.get_many(keys("x")),
    "put_many": lambda table: table.put_many(keys("x")),
    "delete_many": lambda table: table.delete_many(keys("x")),
}


@pytest.mark.parametrize("write", BATCHES.values(), ids=BATCHES)
def test_what_dynamodb_never_processes_is_given_up_after_pauses_that_double(
    monkeypatch: pytest.MonkeyPatch, write: Callable[[Table], object]
) -> None:
    pauses: list[float] = []
    monkeypatch.setattr(time, "sleep", pauses.append)
    table = MemoryTable(Aws(), "SellerId", "Item")
    table.capacity = table.read_capacity = 0
    with pytest.raises(TableBusyError) as busy:
        write(table.table)
    assert str(busy.value) == "table table does not keep up with the requests: DynamoDB throttles them"
    assert pauses == PAUSES
    assert len(table.aws.calls) == len(PAUSES)


def test_a_busy_read_of_two_tables_names_both(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "sleep", lambda _: None)
    aws = Aws(BatchGetItem=lambda given: {"Responses": {}, "UnprocessedKeys": given["RequestItems"]})
    one, two = (Table(aws.client("dynamodb"), name) for name in ("one", "two"))
    with pytest.raises(TableBusyError, match=r"^table one or two does not keep up"):
        get_together((one, [KEY]), (two, [KEY]))


@pytest.mark.parametrize(("count", "calls"), [(0, []), (1, [1]), (25, [25]), (26, [25, 1]), (51, [25, 25, 1])])
def test_25_items_are_written_or_deleted_with_one_call(count: int, calls: list[int]) -> None:
    """DynamoDB's limit of BatchWriteItem."""
    table = MemoryTable(Aws(), "SellerId", "Item")
    items = keys(*map(str, range(count)))
    assert table.table.put_many(iter(items)) == count
    assert table.items == items
    assert [len(given["RequestItems"]["table"]) for _, given in table.aws.calls] == calls
    table.aws.calls.clear()
    table.table.delete_many(items)
    assert table.items == []
    assert [len(given["RequestItems"]["table"]) for _, given in table.aws.calls] == calls


@pytest.mark.parametrize(("count", "calls"), [(0, []), (100, [100]), (101, [100, 1])])
def test_100_items_are_read_with_one_call(count: int, calls: list[int]) -> None:
    """DynamoDB's limit of BatchGetItem."""
    table = MemoryTable(Aws(), "SellerId", "Item")
    table.items = list(keys(*map(str, range(count))))
    found = table.table.get_many([*table.items])
    assert sorted(found, key=str) == sorted(table.items, key=str)
    assert [len(given["RequestItems"]["table"]["Keys"]) for _, given in table.aws.calls] == calls


def test_what_was_not_written_is_sent_again(monkeypatch: pytest.MonkeyPatch) -> None:
    pauses: list[float] = []
    monkeypatch.setattr(time, "sleep", pauses.append)
    table = MemoryTable(Aws(), "SellerId", "Item")
    table.capacity = 10
    items = keys(*map(str, range(30)))
    assert table.table.put_many(items) == 30
    assert table.items == items
    assert [len(given["RequestItems"]["table"]) for _, given in table.aws.calls] == [25, 15, 5, 5]
    table.aws.calls.clear()
    table.table.delete_many(items)
    assert table.items == []
    assert [len(given["RequestItems"]["table"]) for _, given in table.aws.calls] == [25, 15, 5, 5]
    assert pauses == [0.0, 0.05, 0.1, 0.0] * 2


def test_what_a_deletion_left_is_returned() -> None:
    table = MemoryTable(Aws(), "SellerId", "Item")
    table.capacity = 1
    assert table.table.delete_batch(keys("x", "y", "z")) == keys("y", "z")
    assert table.table.delete_batch(keys("x")) == []


def test_changes_are_made_together_or_not_at_all() -> None:
    aws = Aws(TransactWriteItems=lambda _: {})
    table = Table(aws.client("dynamodb"), "table")
    changes = [Change(KEY, {"a": 1}, Attr("b").eq("x")), Change(keys("y")[0], {"c": 2}, Attr("d").exists())]
    assert table.change_all(changes) is True
    one = {
        "TableName": "table",
        "Key": ITEM,
        "UpdateExpression": "SET #a1 = :a1",
        "ConditionExpression": "#n0 = :v0",
        "ExpressionAttributeNames": {"#n0": "b", "#a1": "a"},
        "ExpressionAttributeValues": {":v0": {"S": "x"}, ":a1": {"N": "1"}},
    }
    another = {
        "TableName": "table",
        "Key": ITEM | {"Item": {"S": "y"}},
        "UpdateExpression": "SET #a1 = :a1",
        "ConditionExpression": "attribute_exists(#n0)",
        "ExpressionAttributeNames": {"#n0": "d", "#a1": "c"},
        "ExpressionAttributeValues": {":a1": {"N": "2"}},
    }
    ((operation, given),) = aws.calls
    assert (operation, given["TransactItems"]) == ("TransactWriteItems", [{"Update": one}, {"Update": another}])
    aws.answers["TransactWriteItems"] = refuse("TransactionCanceledException")
    assert table.change_all(changes) is False
    aws.answers["TransactWriteItems"] = refuse("AccessDeniedException")
    with pytest.raises(ClientError, match="AccessDenied"):
        table.change_all(changes)


CONDITIONS: Iterable[Any] = [
    (Attr("a").eq(1), {"ConditionExpression": "#n0 = :v0", "ExpressionAttributeValues": {":v0": {"N": "1"}}}),
    (Attr("a").exists(), {"ConditionExpression": "attribute_exists(#n0)"}),
]


@pytest.mark.parametrize(("condition", "expected"), CONDITIONS)
def test_a_conditional_write_asks_for_the_item_that_refuses_it(condition: Any, expected: Mapping[str, Any]) -> None:
    aws = Aws(PutItem=lambda _: {}, UpdateItem=lambda _: {"Attributes": ITEM})
    table = Table(aws.client("dynamodb"), "table")
    assert table.put(KEY, condition) is True
    assert table.updated(KEY, {}, remove=["b"], condition=condition) == KEY
    shown = {"TableName": "table", "ReturnValuesOnConditionCheckFailure": "ALL_OLD", **expected}
    assert aws.calls == [
        ("PutItem", {"Item": ITEM, "ExpressionAttributeNames": {"#n0": "a"}, **shown}),
        (
            "UpdateItem",
            {
                "Key": ITEM,
                "UpdateExpression": "REMOVE #a1",
                "ExpressionAttributeNames": {"#n0": "a", "#a1": "b"},
                "ReturnValues": "ALL_NEW",
                **shown,
            },
        ),
    ]
    for operation in ("PutItem", "UpdateItem"):
        aws.answers[operation] = refuse("ConditionalCheckFailedException")
    assert table.put(KEY, condition) is False
    assert table.put_unless(KEY, condition) == {}
    assert table.update(KEY, {"a": 1}, condition=condition) is False
    assert table.updated(KEY, {"a": 1}, condition=condition) is None


def test_an_update_without_a_condition_asks_for_nothing() -> None:
    aws = Aws(UpdateItem=lambda _: {})
    table = Table(aws.client("dynamodb"), "table")
    assert table.update(KEY, {"a": 1}) is True
    assert aws.calls == [
        (
            "UpdateItem",
            {
                "TableName": "table",
                "Key": ITEM,
                "UpdateExpression": "SET #a0 = :a0",
                "ExpressionAttributeNames": {"#a0": "a"},
                "ExpressionAttributeValues": {":a0": {"N": "1"}},
                "ReturnValues": "NONE",
            },
        )
    ]
    assert table.updated(KEY, {"a": 1}, unless_present={"b": 2}) == {}
    assert aws.calls[-1][1]["UpdateExpression"] == "SET #a0 = :a0, #a1 = if_not_exists(#a1, :a1)"


def test_other_errors_of_a_write_are_raised() -> None:
    aws = Aws(PutItem=refuse("AccessDeniedException"), UpdateItem=refuse("AccessDeniedException"))
    table = Table(aws.client("dynamodb"), "table")
    writes: list[Callable[[], object]] = [
        lambda: table.put(KEY, Attr("a").exists()),
        lambda: table.update(KEY, {"a": 1}, condition=Attr("a").exists()),
        lambda: table.count(KEY, "Count", at_most=1, expires_at=7),
        lambda: table.advance(KEY, "Next", lambda _: 2, {}, floor=3),
    ]
    for write in writes:
        with pytest.raises(ClientError, match="AccessDenied"):
            write()


def test_one_item_is_read_and_deleted_by_its_key() -> None:
    aws = Aws(GetItem=lambda _: {"Item": ITEM}, DeleteItem=lambda _: {})
    table = Table(aws.client("dynamodb"), "table")
    assert table.get(KEY) == KEY
    table.delete(KEY)
    assert aws.calls == [
        ("GetItem", {"TableName": "table", "Key": ITEM, "ConsistentRead": True}),
        ("DeleteItem", {"TableName": "table", "Key": ITEM}),
    ]
    aws.answers["GetItem"] = lambda _: {}
    assert table.get(KEY) is None


def test_a_query_finds_items_by_their_hash_key_and_a_prefix() -> None:
    aws = Aws(Query=lambda _: {"Items": [ITEM]})
    table = Table(aws.client("dynamodb"), "table")
    assert table.query("SellerId", "A1", starts_with=("Item", "TOKEN#")) == [KEY]
    assert list(table.each("SellerId", "A1", index="Index")) == [KEY]
    (plain, indexed) = (given for _, given in aws.calls)
    assert plain == {
        "TableName": "table",
        "KeyConditionExpression": "#hash = :hash AND begins_with(#range, :prefix)",
        "ExpressionAttributeNames": {"#hash": "SellerId", "#range": "Item"},
        "ExpressionAttributeValues": {":hash": {"S": "A1"}, ":prefix": {"S": "TOKEN#"}},
        "ConsistentRead": True,
    }
    assert indexed == {
        "TableName": "table",
        "IndexName": "Index",
        "KeyConditionExpression": "#hash = :hash",
        "ExpressionAttributeNames": {"#hash": "SellerId"},
        "ExpressionAttributeValues": {":hash": {"S": "A1"}},
    }


def test_the_pages_of_an_index_have_only_the_attributes_that_are_needed() -> None:
    answers: list[dict[str, Any]] = [{"Items": [ITEM], "LastEvaluatedKey": ITEM}, {"Items": [ITEM, ITEM]}]
    aws = Aws(Query=lambda _: answers.pop(0))
    table = Table(aws.client("dynamodb"), "table")
    pages = table.pages("SellerId", "A1", index="Index", attributes=["SellerId", "Item"], limit=7)
    assert next(pages) == [KEY]
    # The next one is not read before it is needed.
    assert len(aws.calls) == 1
    assert list(pages) == [[KEY, KEY]]
    first = {
        "TableName": "table",
        "IndexName": "Index",
        "KeyConditionExpression": "#hash = :hash",
        "ProjectionExpression": "#a0, #a1",
        "ExpressionAttributeNames": {"#hash": "SellerId", "#a0": "SellerId", "#a1": "Item"},
        "ExpressionAttributeValues": {":hash": {"S": "A1"}},
        "Limit": 7,
    }
    assert aws.calls == [("Query", first), ("Query", first | {"ExclusiveStartKey": ITEM})]


def test_a_page_ends_where_dynamodb_says() -> None:
    answers: list[dict[str, Any]] = [{"Items": [], "LastEvaluatedKey": ITEM}, {"Items": []}] * 3
    aws = Aws(Query=lambda _: answers.pop(0), Scan=lambda _: answers.pop(0))
    table = Table(aws.client("dynamodb"), "table")
    for end in (KEY, None):
        assert table.latest("SellerId", "A1", index="Index", limit=5, above=("Time", "0")) == ([], end)
    for end in (KEY, None):
        assert table.sorted_page("SellerId", "A1", limit=5) == ([], end)
    for end in (KEY, None):
        assert table.page(limit=5, condition=Attr("a").exists()) == ([], end)
    assert not any("ExclusiveStartKey" in given for _, given in aws.calls)


def test_the_condition_for_a_value_or_for_none() -> None:
    assert has_value("a", 0) == Attr("a").eq(0)
    assert has_value("a", None) == Attr("a").not_exists()


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (KeyError("secret"), "KeyError"),
        (ValueError("secret"), "ValueError"),
        (TypeError("secret"), "TypeError"),
        (AttributeError("secret"), "AttributeError"),
        (OverflowError("secret"), "OverflowError"),
        (RecursionError("secret"), "RecursionError"),
        (MalformedError("Status is missing"), "Status is missing"),
    ],
)
def test_a_damaged_item_is_named_by_its_key_and_shows_no_value(error: Exception, reason: str) -> None:
    with pytest.raises(DamagedItemError) as damaged, reading_item("report 7"):
        raise error
    assert str(damaged.value) == (
        f"the stored item report 7 cannot be read ({reason}): restore it from a backup of the table, or delete it"
    )


def test_another_failure_while_an_item_is_read_is_raised() -> None:
    with pytest.raises(AssertionError, match="unforeseen"), reading_item("report 7"):
        raise AssertionError("unforeseen")


PACKED = gzip.compress(b'{"a": [1]}', mtime=0)


@pytest.mark.parametrize(
    ("packed", "error"),
    [
        ("text", TypeError("not binary")),
        (None, TypeError("not binary")),
        (b"no gzip", ValueError("BadGzipFile")),
        (PACKED[:-12], ValueError("EOFError")),
        (PACKED[:10] + b"\xff" * 9 + PACKED[19:], ValueError("error")),
    ],
)
def test_binary_json_that_cannot_be_read(packed: object, error: Exception) -> None:
    with pytest.raises(type(error)) as caught:
        unpacked_json(packed)
    assert str(caught.value) == str(error)


def test_binary_json_is_unpacked() -> None:
    assert unpacked_json(PACKED) == unpacked_json(bytearray(PACKED)) == {"a": [1]}
    assert unpacked_json(unmarshal({"a": {"B": PACKED}})["a"]) == {"a": [1]}
