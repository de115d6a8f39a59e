"""An item that somebody changed by hand is read or called damaged, by its key and never by its values."""

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quickstart.application_secret import ApplicationSecret, secret_string
from quickstart.authorization.connections import Change, Connection, Connections
from quickstart.authorization.events import ConnectionEvents, ConnectionMails
from quickstart.authorization.records import LIFETIME, Authorization, Parked
from quickstart.authorization.requests import describe, with_parameters
from quickstart.dynamodb import DamagedItemError, _marshal
from quickstart.listings.ledger import Lane
from quickstart.listings.outcomes import _changed, event_detail
from quickstart.listings.records import Record, packed
from quickstart.notifications.subscription_records import _record as read_subscription
from quickstart.own_stack import OwnStack
from quickstart.product_types.changes import described as described_change
from quickstart.product_types.pulls import Pull, Selection
from quickstart.product_types.pulls import _issue as read_issue
from quickstart.product_types.reading import StoredDefinition, packed_groups
from quickstart.reports.client_tokens import ClientTokens
from quickstart.reports.ledger import ReportLedger, StoredReport
from quickstart.reports.open_requests import OpenRequests
from quickstart.reports.reading import described
from quickstart.reports.storage import ReportDocument, store_once
from quickstart.secret_rotation.record import RotationRecords
from quickstart.secrets import SecretUnreadableError, signing_credentials
from quickstart.solicitations.ledger import Solicitation, State, _item
from quickstart.solicitations.ledger import solicitation_of as read_solicitation
from quickstart.solicitations.orders import OrderKey
from quickstart.solicitations.scheduling import execution_input, execution_name
from quickstart.solicitations.steps import next_step
from quickstart.token_vault import TokenVault
from sp_api.consent import PartyType
from sp_api.deadline import Deadline
from sp_api.product_types import PropertyGroup
from sp_api.regions import Region
from sp_api.transport import make_http
from tests import hostile
from tests.unit.quickstart.support import Aws, AwsError, MemoryTable, always_known

NOW = datetime(2026, 1, 10, 12, tzinfo=UTC)
ORDER = Solicitation(OrderKey("1", "A"), State.SCHEDULED, "ATVPDKIKX0DER", NOW, NOW, NOW, NOW, scheduled_for=NOW)
REPORT = {
    "ReportId": "7",
    "SellerId": "A",
    "RegionCode": "NA",
    "MarketplaceIds": ["ATVPDKIKX0DER"],
    "ReportStatus": "DONE",
    "CreatedTime": "2026-11-21T04:10:02.104512+00:00",
    **StoredReport("key", 17, "ab", gzipped=True, guessed_charset="ms932").attributes(),
}
SUBSCRIPTION = {
    "SellerId": "A",
    "Item": "SUBSCRIPTION#NA#ORDER_CHANGE#1.0",
    "RegionCode": "NA",
    "NotificationType": "ORDER_CHANGE",
    "SubscriptionId": "s",
    "DestinationId": "d",
    "PayloadVersion": "1.0",
}
CHANGE = {
    "Collection": "CHANGES#ATVPDKIKX0DER#SHIRT",
    "Entry": "CHANGE#1",
    "ProductType": "SHIRT",
    "MarketplaceId": "ATVPDKIKX0DER",
    "ChangedTime": "2026-11-26T15:25:30.104512+00:00",
    "Difference": '{"attributesAdded": ["stretch_level"]}',
}
SUBMISSION = {
    "SubmissionId": "s",
    "SellerId": "A",
    "RegionCode": "NA",
    "MarketplaceId": "ATVPDKIKX0DER",
    "Sku": "SKU-1",
    "ListingSellerId": "A",
    "PartyType": "SELLER",
    "Operation": "PUT",
    "ProductType": "LUGGAGE",
    "Request": packed({"attributes": {}}),
    "RequestHash": "hash",
    "Status": "ACCEPTED",
    "ReceivedTime": "2026-11-26T15:25:57.557199+00:00",
    "SentTime": "2026-11-26T15:25:58.557199+00:00",
    "UpdatedBefore": "2026-11-25T15:25:58.557199+00:00",
    "Issues": packed([{"code": "1", "message": "m", "severity": "ERROR"}]),
    "Attempts": 1,
}
LANE = {
    "SubmissionId": "LANE#A#ATVPDKIKX0DER#SKU-1",
    "SellerId": "A",
    "Holder": "s",
    "HeldTime": "2026-11-26T15:25:57.557199+00:00",
    "Waiting": "t",
    "Queue": ["u"],
    "Recent": ["s"],
    "Superseded": ["v"],
    "Asin": "B000000001",
    "Updated": "2026-11-26T15:25:57.557199+00:00",
    "Version": 2,
}
CONNECTION = {
    "SellerId": "A",
    "Item": "TOKEN#NA",
    "PartyType": "seller",
    "ConsentedAt": "2026-01-01T00:00:00+00:00",
    "HostReference": "user-1",
    "AuthorizationId": "a",
    "WorkedAt": "2026-01-02T00:00:00+00:00",
    "ReconnectSince": "2026-01-03T00:00:00+00:00",
    "StoredAt": "2026-01-01T00:00:00.000000+00:00",
    "NoticeDays": 30,
}
PULL = {
    "Collection": "PULL#1",
    "Entry": "PULL",
    "PullId": "1",
    **Selection("A", Region.EU, ("A13V1IB3VIYZZH",), ("LUGGAGE",)).attributes(),
    "ParentageLevel": "CHILD",
    "Status": "FETCHING",
    "CreatedTime": "2026-01-01T00:00:00+00:00",
    "Cursor": 5,
    "Total": 7,
    "RefreshDaily": True,
    "Executions": 2,
}
DEFINITION = {
    "Collection": "DEFINITIONS#EU",
    "Entry": "LUGGAGE",
    "ProductType": "LUGGAGE",
    "DisplayName": "Bagages",
    "Version": "v1",
    "Latest": True,
    "ReleaseCandidate": False,
    "Checksum": "c7af9479ca7261645cea9db56c5f720d",
    "StoredTime": "2026-01-01T00:00:00+00:00",
    "CheckedTime": "2026-01-01T00:00:00+00:00",
    "PropertyGroups": packed_groups({"offer": PropertyGroup("Offer", "", ("list_price",))}),
}
ISSUE = {"Kind": "FAILED", "MarketplaceId": "M", "ProductType": "LUGGAGE", "Code": "X", "Message": "words"}
AUTHORIZATION = Authorization(
    "a",
    Region.NA,
    PartyType.SELLER,
    NOW + LIFETIME,
    NOW,
    "https://x/callback",
    host_reference="user-1",
    return_url="https://host/done",
    seller_id="A",
    state_hash="ab",
    browser_hash="cd",
    parked=Parked("https://sellercentral.amazon.com/x", "state"),
)


AWS = Aws(
    PutEvents=lambda _: {"FailedEntryCount": 0, "Entries": [{"EventId": "e"}]}, Publish=lambda _: {"MessageId": "m"}
)
EVENTS = ConnectionEvents(AWS.client("events"), "bus")
MAILS = ConnectionMails(
    AWS.client("sns"), "arn:aws:sns:us-east-1:111122223333:alarms", OwnStack("quick-start", "us-east-1")
)


def read_connection(item: dict[str, Any]) -> object:
    connection = Connection.from_item(item)
    connection.notice_due(NOW)
    for change in Change:
        EVENTS.put(change, connection)
        MAILS.send(change, connection)
    return json.dumps(connection.described(NOW))


def read_authorization(item: dict[str, Any]) -> object:
    authorization = Authorization.from_item(item)
    authorization.is_of_browser("cookie")
    authorization.has_state("hash")
    authorization.to_item()
    assert with_parameters(authorization.return_url or "https://x/", outcome="REFUSED")
    return json.dumps(describe(authorization, NOW))


def read_order(item: dict[str, Any]) -> object:
    """With all that is calculated from the record."""
    record = read_solicitation(item)
    for lost in (record, replace(record, state=State.SUBMITTING)):
        next_step(lost, NOW, excluded=False).json()
    execution_input(record)
    assert 1 <= len(execution_name(record)) <= 80
    return _item(record)


def read_submission(item: dict[str, Any]) -> object:
    """With the event and with all that is calculated from its times."""
    record = Record.from_item(item)
    _changed(record, NOW)
    return json.dumps(event_detail(record))


def read_report(item: dict[str, Any]) -> object:
    return json.dumps(described(item))


READERS: dict[str, tuple[Callable[[dict[str, Any]], object], dict[str, Any]]] = {
    "an order": (read_order, {name: value for name, value in _item(ORDER).items() if value is not None}),
    "a report's document": (StoredReport.from_attributes, REPORT),
    "a report": (read_report, REPORT),
    "a subscription": (read_subscription, SUBSCRIPTION),
    "a connection": (read_connection, CONNECTION),
    "a pull": (Pull.from_item, PULL),
    "a definition": (StoredDefinition.from_item, DEFINITION),
    "an issue of a pull": (read_issue, ISSUE),
    "a change of a product type": (lambda item: json.dumps(described_change(item)), CHANGE),
    "a submission of a listing": (read_submission, SUBMISSION),
    "a lane": (Lane.from_item, LANE),
    "an authorization": (
        read_authorization,
        {name: value for name, value in AUTHORIZATION.to_item().items() if value is not None},
    ),
}


@pytest.mark.parametrize("kind", READERS)
@settings(max_examples=200)
@given(data=st.data())
def test_an_altered_item(kind: str, data: st.DataObject) -> None:
    read, item = READERS[kind]
    assert read(item)
    try:
        read(data.draw(hostile.altered(item)))
    except DamagedItemError as error:
        assert "cannot be read" in str(error)


@pytest.mark.parametrize("kind", READERS)
def test_each_attribute_with_each_hostile_value(kind: str) -> None:
    read, item = READERS[kind]
    for name in item:
        for value in hostile.EACH_KIND:
            try:
                read({**item, name: value})
            except DamagedItemError as error:
                assert "cannot be read" in str(error)


@pytest.mark.parametrize("ciphertext", [None, 7, "not base64!", "\ud800", {"a": 1}])
def test_an_altered_token_is_called_damaged(aws: Aws, ciphertext: object) -> None:
    table = MemoryTable(aws, "SellerId", "Item")
    item = {"SellerId": "A", "Item": "TOKEN#NA", "Ciphertext": ciphertext}
    table.items.append({name: value for name, value in item.items() if value is not None})
    vault = TokenVault(table.table, aws.client("kms"), "key")
    with pytest.raises(DamagedItemError, match="TOKEN#NA of A"):
        vault.refresh_token("A", Region.NA)()


# What is no time, and times that nothing can be calculated with.
NO_TIMES = [
    7,
    "yesterday",
    "\ud800",
    {"a": 1},
    "2026-01-01T00:00:00",
    "0001-01-01T00:00:00+02:00",
    "9999-12-31T23:59:59Z",
]


@pytest.mark.parametrize("claimed", [None, *NO_TIMES])
def test_altered_items_of_requests_are_called_damaged(aws: Aws, claimed: object) -> None:
    table = MemoryTable(aws, "ReportId", "SellerId")
    request = {
        "ClientToken": "t",
        "CreatedUntil": "2026-01-01T00:00:00+00:00",
        "MarketplaceIds": [],
        "ClaimedTime": claimed,
    }
    table.items += [
        {"ReportId": "OPEN_REQUESTS#NA#GET_X", "SellerId": "A", "Request#t": request},
        {"ReportId": "CLIENT_TOKEN#t", "SellerId": "A", "State": "DONE", "RequestHash": "h", "ClaimedTime": claimed},
    ]
    with pytest.raises(DamagedItemError, match="OPEN_REQUESTS#NA#GET_X of A"):
        OpenRequests(table.table).of("A", Region.NA, "GET_X")
    with pytest.raises(DamagedItemError, match="CLIENT_TOKEN#t of A"):
        ClientTokens(table.table).find("A", "t")


def test_a_report_with_altered_marketplaces_is_called_damaged(aws: Aws) -> None:
    table = MemoryTable(aws, "ReportId", "SellerId")
    table.items.append({"ReportId": "7", "SellerId": "A", "MarketplaceIds": True})
    document = ReportDocument("A", "7", "GET_X", NOW, "https://host/document")
    ledger = ReportLedger(table.table, timedelta(days=30), always_known)
    with pytest.raises(DamagedItemError, match="7 of A"):
        store_once(document, make_http(), aws.client("s3"), "bucket", ledger, Deadline.after(5))


@pytest.mark.parametrize(
    ("field", "value"),
    [("Outcome", "nonsense"), ("Unanswered", "nonsense"), *[("RequestedAt", value) for value in NO_TIMES]],
)
def test_an_altered_record_of_rotations_is_called_damaged(aws: Aws, field: str, value: object) -> None:
    table = MemoryTable(aws, "ClientId")
    table.items.append({"ClientId": "c", field: value})
    with pytest.raises(DamagedItemError, match="application c"):
        RotationRecords(table.table, "c").load()


def test_a_damaged_connection_does_not_stop_the_review_of_the_others(aws: Aws) -> None:
    table = MemoryTable(aws, "SellerId", "Item")
    ends_soon = {**CONNECTION, "ConsentedAt": "2025-01-20T00:00:00+00:00"}
    del ends_soon["NoticeDays"], ends_soon["ReconnectSince"]
    table.items += [{**CONNECTION, "SellerId": "A0", "ConsentedAt": "nonsense"}, {**ends_soon, "SellerId": "A1"}]
    aws.answers["Scan"] = lambda _: {"Items": [_marshal(item) for item in table.items]}
    with pytest.raises(DamagedItemError, match="of A0"):
        Connections(table.table, now=lambda: NOW).review()
    assert "NoticeDays" in next(item for item in table.items if item["SellerId"] == "A1")


def test_an_overdue_report_with_a_damaged_item_does_not_stop_the_sweep(aws: Aws) -> None:
    table = MemoryTable(aws, "ReportId", "SellerId")
    item = {"ReportId": "7", "SellerId": "A", "ReportStatus": "IN_QUEUE", "RequestedTime": "2026-01-01T00:00:00+00:00"}
    aws.answers["Scan"] = lambda _: {"Items": [_marshal(item)]}
    (report,) = ReportLedger(table.table, timedelta(days=30), always_known).overdue(NOW)
    assert (report.report_id, report.region, report.report_type) == ("7", "(unknown region)", "(unknown type)")


@pytest.mark.parametrize(
    "value",
    [
        {"SecretBinary": b"{}"},
        *[
            {"SecretString": text}
            for text in (
                "secret-1",
                "[" * 100_000,
                "[]",
                "{}",
                '{"AppClientId": "c", "AppClientSecret": ""}',
                '{"AppClientId": "c", "AppClientSecret": {"a": 1}}',
                '{"AppClientId": "c", "AppClientSecret": "\\ud800"}',
            )
        ],
    ],
)
def test_a_secret_that_somebody_changed_is_called_unreadable_by_its_fields(aws: Aws, value: dict[str, Any]) -> None:
    aws.answers["GetSecretValue"] = lambda _: {"VersionId": "v" * 32, **value}
    with pytest.raises(SecretUnreadableError, match="AppClientId and AppClientSecret") as raised:
        ApplicationSecret(aws.client("secretsmanager"), "arn").in_use()
    assert "secret-1" not in str(raised.value)
    with pytest.raises(SecretUnreadableError, match="AccessKeyId and SecretKey and RoleArn"):
        signing_credentials(aws.client("secretsmanager"), "arn")


@pytest.mark.parametrize("end", ["0001-01-01T00:00:00+02:00", "9999-12-31T23:59:59-02:00", "2026-01-01", "nonsense"])
def test_a_secrets_end_that_nothing_can_be_calculated_with_is_unknown(aws: Aws, end: str) -> None:
    fields = {"AppClientId": "c", "AppClientSecret": "s", "IssuedAt": end, "ExpiresAt": end}
    aws.answers["GetSecretValue"] = lambda _: {"VersionId": "v" * 32, "SecretString": json.dumps(fields)}
    version = ApplicationSecret(aws.client("secretsmanager"), "arn").version("AWSCURRENT")
    assert version is not None
    assert (version.issued_at, version.expires_at) == (None, None)
    secret_string(version).encode()


def test_a_stored_secret_that_cannot_be_read_is_not_tried_and_keeps_no_other_from_it(aws: Aws) -> None:
    """Somebody edited the secret in the console and then corrected it, so AWSPREVIOUS is no JSON."""
    values = {"AWSCURRENT": "current", "AWSPENDING": "pending"}

    def get(given: Mapping[str, Any]) -> Mapping[str, Any]:
        stage = given["VersionStage"]
        if stage == "IN_USE":
            raise AwsError("ResourceNotFoundException")
        text = json.dumps({"AppClientId": "client", "AppClientSecret": values.get(stage)})
        return {"SecretString": text if stage in values else "amzn1.oa2-cs.v1.pasted", "VersionId": stage}

    aws.answers["GetSecretValue"] = get
    secret = ApplicationSecret(aws.client("secretsmanager"), "arn")
    assert [version.client_secret for version in secret.others(datetime.now(UTC))] == ["pending"]
    assert secret.readable_version("AWSPREVIOUS") is None
