"""The counts behind docs/costs.md match a real report."""

from costs import counting, counts
from deployment import Deployment, aws
from servers import Servers
from tests.end_to_end.host import HostProduct, Seller, eventually
from tests.end_to_end.test_delivery_failures import execution_of
from tests.end_to_end.test_ownership import finish


def test_a_report_takes_as_many_state_transitions_as_were_counted(
    deployment: Deployment, host: HostProduct, subscribed_seller: Seller
) -> None:
    finish(subscribed_seller)
    report_id = host.create_report(subscribed_seller)
    states = aws(deployment.servers, "stepfunctions")

    def ended() -> str | None:
        execution = execution_of(deployment, report_id)
        return execution["executionArn"] if execution and execution["status"] == "SUCCEEDED" else None

    events = states.get_execution_history(executionArn=eventually(ended, what="the end of the execution"))["events"]
    entered = [event for event in events if event["type"].endswith("StateEntered")]
    # An e-mail of another test may have been sent a moment before: this one then waits for its time, and is sent.
    waits = [event for event in entered if event["stateEnteredEventDetails"]["name"] == "WaitForAnnouncement"]
    assert len(entered) - 2 * len(waits) == counts.load()[counts.SMALL_REPORT].state_transitions, (
        "run: make costs ARGS=--write"
    )


def test_a_write_is_counted_for_the_table_and_each_index_that_holds_the_item(servers: Servers) -> None:
    dynamodb, name = aws(servers, "dynamodb"), "counted"
    keys = [{"AttributeName": "Id", "KeyType": "HASH"}]
    indexes = [
        {
            "IndexName": attribute,
            "KeySchema": [{"AttributeName": attribute, "KeyType": "HASH"}],
            "Projection": {"ProjectionType": "ALL"},
        }
        for attribute in ("Held", "Missing")
    ]
    dynamodb.create_table(
        TableName=name,
        KeySchema=keys,
        AttributeDefinitions=[{"AttributeName": one, "AttributeType": "S"} for one in ("Id", "Held", "Missing")],
        GlobalSecondaryIndexes=indexes,
        BillingMode="PAY_PER_REQUEST",
    )
    # 2 + 1, 4 + 1 and 4 + 5000 bytes: two units to read, five to write.
    dynamodb.put_item(TableName=name, Item={"Id": {"S": "1"}, "Held": {"S": "1"}, "Text": {"S": "x" * 5000}})
    operations = ("PutItem", "GetItem", "Query")
    calls = [{"service": "dynamodb", "TableName": name, "operation": operation} for operation in operations]
    calls[2]["IndexName"] = "Held"
    reads, writes, kept = counting.table_units(Deployment(servers, name, {}), calls)
    dynamodb.delete_table(TableName=name)
    assert (reads, writes) == (2 + 1, 5 * 2)
    assert kept == (3 + 5 + 5004 + counting.STORED_ITEM_BYTES) * 2
