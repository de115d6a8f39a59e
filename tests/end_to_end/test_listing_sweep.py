"""Submissions whose request or execution was interrupted are found, and no lane stays closed."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from uuid import uuid4

from deployment import Deployment, aws
from quickstart.dynamodb import Table
from quickstart.listings.ledger import ListingLedger
from quickstart.listings.records import ListingOf, Operation, Payload, Record, Status
from simulator import control
from sp_api.regions import Region
from tests.end_to_end.host import HostProduct, Seller, eventually, function_of, invoke_function, table_of
from tests.end_to_end.listing_helpers import FRANCE, outcome, publish, unique

PAST = "2026-01-01T00:00:00+00:00"


def ledger_of(deployment: Deployment) -> ListingLedger:
    table = Table(aws(deployment.servers, "dynamodb"), deployment.outputs["ListingsTableName"])
    return ListingLedger(table, timedelta(days=30))


def received(deployment: Deployment, seller: Seller, sku: str) -> Record:
    """A submission whose request died right after it was recorded."""
    listing = ListingOf(seller.seller_id, Region.EU, FRANCE, sku, seller.seller_id)
    payload = Payload(Operation.PUT, "LUGGAGE", "LISTING", unique())
    record = ledger_of(deployment).receive(uuid4().hex, listing, payload, "hash", None)
    assert record is not None
    return record


def is_due(deployment: Deployment, seller: Seller, submission_id: str, **times: str) -> None:
    """Moves times of the submission into the past; DueTime always."""
    values = {"DueTime": PAST, **times}
    table_of(deployment, "ListingsTableName").update_item(
        Key={"SubmissionId": submission_id, "SellerId": seller.seller_id},
        UpdateExpression="SET " + ", ".join(f"{name} = :{name}" for name in values),
        ExpressionAttributeValues={f":{name}": value for name, value in values.items()},
    )


def sweep(deployment: Deployment) -> dict[str, int]:
    answer: dict[str, int] = invoke_function(deployment, "SPAPIListingSweep", {})
    return answer


def sent(seller: Seller, sku: str) -> int:
    submissions = control(seller.servers.simulator_endpoint, "GET", "listings")["submissions"]
    return sum(1 for one in submissions if (one["sellerId"], one["sku"]) == (seller.seller_id, sku))


@contextmanager
def lost_events(deployment: Deployment) -> Iterator[None]:
    """Step Functions' events reach nobody meanwhile."""
    events = aws(deployment.servers, "events")
    machine = deployment.outputs["ListingStateMachineArn"]
    rules = [rule for page in events.get_paginator("list_rules").paginate() for rule in page["Rules"]]
    (rule,) = [rule["Name"] for rule in rules if machine in rule.get("EventPattern", "")]
    events.disable_rule(Name=rule)
    try:
        yield
    finally:
        events.enable_rule(Name=rule)


def test_a_request_that_died_after_its_record_is_sent_once(
    deployment: Deployment, french_seller: Seller, events: str
) -> None:
    record = received(deployment, french_seller, "DIED-1")
    sweep(deployment)
    assert ledger_of(deployment).find(french_seller.seller_id, record.submission_id) == record, "it has five minutes"
    is_due(deployment, french_seller, record.submission_id)
    assert sweep(deployment)["repaired"] == 1
    is_due(deployment, french_seller, record.submission_id)
    sweep(deployment)
    assert outcome(deployment, events, record.submission_id)["Status"] == "PUBLISHED"
    assert sent(french_seller, "DIED-1") == 1
    assert sweep(deployment) == {"seen": 0, "repaired": 0}


def test_a_lane_whose_holder_was_not_started_is_open_at_once(
    deployment: Deployment, host: HostProduct, french_seller: Seller, events: str
) -> None:
    """The request died between its place in the lane and the start of the execution. Nobody sweeps here."""
    holder = received(deployment, french_seller, "DIED-2")
    assert ledger_of(deployment).enter(holder).holder == holder.submission_id
    later = publish(host, french_seller, "DIED-2", Attributes=unique())
    assert outcome(deployment, events, holder.submission_id)["Status"] == "PUBLISHED"
    assert outcome(deployment, events, later["submissionId"])["Status"] == "PUBLISHED"
    assert sent(french_seller, "DIED-2") == 2


def test_a_lane_whose_holder_is_answered_is_open_at_once(
    deployment: Deployment, host: HostProduct, french_seller: Seller, events: str
) -> None:
    """The holder's execution ended between Amazon's answer and its leaving of the lane."""
    ledger = ledger_of(deployment)
    holder = received(deployment, french_seller, "DIED-3")
    lane = ledger.enter(holder)
    assert ledger.sending(holder, lane)
    assert ledger.concluded(holder, Status.REFUSED, "no")
    later = publish(host, french_seller, "DIED-3", Attributes=unique())
    assert outcome(deployment, events, later["submissionId"])["Status"] == "PUBLISHED"
    is_due(deployment, french_seller, holder.submission_id)
    sweep(deployment)
    assert outcome(deployment, events, holder.submission_id)["Status"] == "REFUSED"


def test_an_execution_whose_end_was_not_reported_is_concluded(
    deployment: Deployment, host: HostProduct, french_seller: Seller, events: str
) -> None:
    control(
        french_seller.servers.simulator_endpoint,
        "PUT",
        "listing-outcomes",
        {"sellerId": french_seller.seller_id, "dropped": True},
    )
    submission = publish(host, french_seller, "STOPPED", Attributes=unique())["submissionId"]
    states = aws(deployment.servers, "stepfunctions")
    machine = deployment.outputs["ListingStateMachineArn"]
    execution = f"{machine.replace(':stateMachine:', ':execution:')}:{submission}"
    is_due(deployment, french_seller, submission)
    assert sweep(deployment)["repaired"] == 0
    waiting = table_of(deployment, "ListingsTableName").get_item(
        Key={"SubmissionId": submission, "SellerId": french_seller.seller_id}
    )["Item"]
    assert datetime.fromisoformat(str(waiting["DueTime"])) > datetime.now(UTC) + timedelta(hours=24)
    with lost_events(deployment):
        states.stop_execution(executionArn=execution)
        eventually(
            lambda: states.describe_execution(executionArn=execution)["status"] == "ABORTED" or None, what="its end"
        )
    is_due(deployment, french_seller, submission, AnsweredTime=PAST)
    assert sweep(deployment)["repaired"] == 1
    event = outcome(deployment, events, submission)
    assert event["Status"] == "UNKNOWN"
    assert "somebody stopped the execution" in event["Message"]


def test_a_stopped_execution_is_announced_and_the_next_submission_sent(
    deployment: Deployment, host: HostProduct, french_seller: Seller, events: str
) -> None:
    """The first submission waits for SP-API's quota in its execution; the second waits for the first."""
    simulator = french_seller.servers.simulator_endpoint
    fault = {"fault": "status", "status": 429, "count": None, "operation": "putListingsItem"}
    control(simulator, "POST", "faults", fault | {"sellerId": french_seller.seller_id})
    first = publish(host, french_seller, "STOPPED-FIRST", Attributes=unique())["submissionId"]
    second = publish(host, french_seller, "STOPPED-FIRST", Attributes=unique())["submissionId"]
    states = aws(deployment.servers, "stepfunctions")
    machine = deployment.outputs["ListingStateMachineArn"]
    states.stop_execution(executionArn=f"{machine.replace(':stateMachine:', ':execution:')}:{first}")
    stopped = outcome(deployment, events, first)
    # An attempt could have been on its way.
    assert stopped["Status"] == "UNKNOWN"
    assert "somebody stopped the execution" in stopped["Message"]
    control(simulator, "DELETE", "faults")
    assert outcome(deployment, events, second)["Status"] == "PUBLISHED"
    assert sent(french_seller, "STOPPED-FIRST") == 1


def test_one_damaged_record_does_not_stop_the_others(
    deployment: Deployment, french_seller: Seller, events: str
) -> None:
    damaged, good = (received(deployment, french_seller, sku) for sku in ("DAMAGED", "GOOD"))
    is_due(deployment, french_seller, damaged.submission_id, Operation="NOTHING", DueTime="2025-01-01T00:00:00+00:00")
    is_due(deployment, french_seller, good.submission_id)
    functions = aws(deployment.servers, "lambda")
    name = function_of(deployment, "SPAPIListingSweep")["FunctionName"]
    answer = functions.invoke(FunctionName=name, Payload=b"{}")
    assert b"1 of 2 submissions could not be swept" in answer["Payload"].read()
    assert outcome(deployment, events, good.submission_id)["Status"] == "PUBLISHED"
    table_of(deployment, "ListingsTableName").delete_item(
        Key={"SubmissionId": damaged.submission_id, "SellerId": french_seller.seller_id}
    )
