"""Ending a subscription: the recorded one, one without a record, and the destination after it."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from botocore.exceptions import ClientError

from quickstart.notifications.destinations import Destinations
from quickstart.notifications.ending import (
    ElsewhereError,
    Ended,
    NotSubscribedError,
    end_subscription,
    unsubscribe,
)
from quickstart.notifications.subscription_records import SubscriptionRecord, SubscriptionRecords
from quickstart.notifications.subscription_requests import SubscriptionQuery, SubscriptionRequest
from quickstart.notifications.subscriptions import HiddenSubscriptionError, SubscriptionReplacementError
from quickstart.refusals import Refusal
from quickstart.token_vault import SellerUnknownError
from sp_api.caller import Caller
from sp_api.errors import AccessDeniedError, AuthorizationError, ConflictError, ThrottledError
from sp_api.regions import Region
from tests.unit.quickstart.support import Aws, AwsError, MemoryTable
from tests.unit.sp_api.support import (
    SELLER_ID,
    Answer,
    ScriptedServer,
    answer_json,
    application_of,
    errors_json,
    seller_of,
)

LogLines = Callable[[], list[dict[str, Any]]]
TYPE = "ORDER_CHANGE"
QUERY = SubscriptionQuery(SELLER_ID, Region.NA, TYPE)
LISTED = "/na/notifications/v1/subscriptions"
SUBSCRIPTIONS = f"{LISTED}/{TYPE}"
DESTINATIONS = "/na/notifications/v1/destinations"
DESTINATION = f"{DESTINATIONS}/d-1"
QUEUE = "arn:aws:sqs:us-east-1:111122223333:notifications"
DELETED = answer_json({})
DENIED = errors_json(403, "Unauthorized", "Access to requested resource is denied.")
RECORD = SubscriptionRecord(SELLER_ID, Region.NA, TYPE, "s-1", "d-1", "1.0")


@pytest.fixture
def table(aws: Aws) -> MemoryTable:
    return MemoryTable(aws, "SellerId", "Item")


@pytest.fixture
def records(table: MemoryTable) -> SubscriptionRecords:
    return SubscriptionRecords(table.table)


@pytest.fixture
def end(server: ScriptedServer, records: SubscriptionRecords) -> Callable[[], Ended]:
    server.answer("DELETE", f"{SUBSCRIPTIONS}/s-1", DELETED)
    server.answer("DELETE", DESTINATION, DELETED)
    server.answer("GET", LISTED, answer_json({"payload": {"subscriptions": []}}))
    return lambda: unsubscribe(
        QUERY, lambda: seller_of(server), application_of(server), Destinations(), records, (QUEUE,)
    )


def calls(server: ScriptedServer) -> list[tuple[str, str]]:
    return [(request.method, request.path.removeprefix("/na/notifications/v1/")) for request in server.calls]


class TestRecorded:
    @pytest.fixture(autouse=True)
    def recorded(self, records: SubscriptionRecords) -> None:
        records.store(RECORD)

    @pytest.mark.usefixtures("end")
    def test_it_ends_without_the_sellers_token(
        self, server: ScriptedServer, table: MemoryTable, records: SubscriptionRecords
    ) -> None:
        def no_seller() -> Caller:
            raise SellerUnknownError(SELLER_ID, "NA")

        ended = unsubscribe(QUERY, no_seller, application_of(server), Destinations(), records, (QUEUE,))
        reason = str(SellerUnknownError(SELLER_ID, "NA"))
        assert ended == Ended(("s-1",), destination_removed=True, not_compared=reason)
        assert calls(server) == [("DELETE", f"subscriptions/{TYPE}/s-1"), ("DELETE", "destinations/d-1")]
        assert {request.form["grant_type"] for request in server.token_requests} == {"client_credentials"}
        assert table.items == []

    def test_the_record_is_removed_last_so_that_a_repeat_completes_what_is_missing(
        self, server: ScriptedServer, aws: Aws, end: Callable[[], Ended]
    ) -> None:
        def refuse(_: object) -> Any:
            raise AwsError("InternalServerError", 500)

        delete = aws.answers["DeleteItem"]
        aws.answers["DeleteItem"] = refuse
        with pytest.raises(ClientError):
            end()
        assert ("DELETE", "destinations/d-1") in calls(server)
        aws.answers["DeleteItem"] = delete
        server.answer("DELETE", f"{SUBSCRIPTIONS}/s-1", errors_json(404, "NotFound", "gone"))
        server.answer("DELETE", DESTINATION, errors_json(404, "NotFound", "gone"))
        assert end() == Ended(("s-1",), destination_removed=True)

    def test_one_of_another_type_stays(self, records: SubscriptionRecords, end: Callable[[], Ended]) -> None:
        other = SubscriptionRecord(SELLER_ID, Region.NA, "FEE_PROMOTION", "s-2", "d-1", "1.0")
        records.store(other)
        assert end().subscription_ids == ("s-1",)
        assert records.of_seller(SELLER_ID) == (other,)

    def test_one_that_sp_api_no_longer_has_ends_too(
        self, server: ScriptedServer, table: MemoryTable, end: Callable[[], Ended], log_lines: LogLines
    ) -> None:
        server.answer("DELETE", f"{SUBSCRIPTIONS}/s-1", errors_json(404, "NotFound", "gone"))
        assert end() == Ended(("s-1",), destination_removed=True)
        assert table.items == []
        (line,) = log_lines()
        assert (line["message"], line["subscription_id"]) == ("subscription was already gone", "s-1")

    def test_it_ends_with_the_sellers_token_where_sp_api_refuses_the_application(
        self, server: ScriptedServer, end: Callable[[], Ended]
    ) -> None:
        server.answer("DELETE", f"{SUBSCRIPTIONS}/s-1", DENIED, DELETED)
        assert end() == Ended(("s-1",), destination_removed=True)
        assert len(server.received(f"{SUBSCRIPTIONS}/s-1", "DELETE")) == 2

    def test_one_that_is_gone_for_the_seller_ends_too(
        self, server: ScriptedServer, end: Callable[[], Ended], log_lines: LogLines
    ) -> None:
        server.answer("DELETE", f"{SUBSCRIPTIONS}/s-1", DENIED, errors_json(404, "NotFound", "gone"))
        assert end().subscription_ids == ("s-1",)
        (line,) = log_lines()
        assert (line["message"], line["subscription_id"]) == ("subscription was already gone", "s-1")

    def test_when_sp_api_refuses_both_the_record_stays(
        self, server: ScriptedServer, records: SubscriptionRecords, end: Callable[[], Ended]
    ) -> None:
        server.answer("DELETE", f"{SUBSCRIPTIONS}/s-1", DENIED)
        with pytest.raises(AccessDeniedError, match="as the application; as the seller: deleteSubscriptionById"):
            end()
        assert records.of_seller(SELLER_ID) == (RECORD,)

    @pytest.mark.parametrize(
        ("details", "told"), [("", "as the application"), ("The operation is not grantless", None)]
    )
    @pytest.mark.parametrize(
        "cause",
        [
            SellerUnknownError(SELLER_ID, "NA"),
            AuthorizationError("LWA refresh_token", status=400, error="invalid_grant", message="m", action="a"),
        ],
    )
    def test_when_sp_api_refuses_the_application_and_there_is_no_token_both_are_told(
        self, server: ScriptedServer, details: str, told: str | None, cause: Exception
    ) -> None:
        def seller() -> Caller:
            raise cause

        refusal = errors_json(403, "Unauthorized", "denied", details, {"x-amzn-RequestId": "r-1"})
        server.answer("DELETE", f"{SUBSCRIPTIONS}/s-1", refusal)
        with pytest.raises(AccessDeniedError) as refused:
            end_subscription(application_of(server), seller, TYPE, "s-1")
        error = refused.value
        assert (error.operation, error.status, error.code, error.message, error.request_id) == (
            "deleteSubscriptionById",
            403,
            "Unauthorized",
            "denied",
            "r-1",
        )
        assert error.details == f"{told or details}; as the seller: {cause}"

    def test_where_sp_api_refuses_to_look_the_recorded_one_ends(
        self, server: ScriptedServer, end: Callable[[], Ended]
    ) -> None:
        server.answer("GET", LISTED, DENIED)
        server.answer("GET", SUBSCRIPTIONS, DENIED)
        ended = end()
        assert ended.subscription_ids == ("s-1",)
        assert str(ended.not_compared).startswith("getSubscription: HTTP 403")

    def test_one_of_two_destinations_that_is_kept_is_not_removed(
        self, server: ScriptedServer, records: SubscriptionRecords, end: Callable[[], Ended]
    ) -> None:
        records.store(replace(RECORD, subscription_id="s-2", destination_id="d-2", payload_version="2.0"))
        in_use = errors_json(403, "Unauthorized", "denied", "The destination has subscriptions")
        server.answer("DELETE", f"{SUBSCRIPTIONS}/s-2", DELETED)
        server.answer("DELETE", f"{DESTINATIONS}/d-2", in_use)
        assert end() == Ended(("s-1", "s-2"), destination_removed=False)
        assert len(server.received(DESTINATION, "DELETE")) == 1

    @pytest.mark.usefixtures("end")
    def test_a_destination_that_is_gone_is_made_again_for_the_next_subscription(
        self, server: ScriptedServer, records: SubscriptionRecords
    ) -> None:
        held = Destinations()
        listed = {"destinationId": "d-1", "name": "n", "resource": {"sqs": {"arn": QUEUE}}}
        server.answer("GET", DESTINATIONS, answer_json({"payload": [listed]}))
        application = application_of(server)
        assert held.id_for(application, QUEUE) == "d-1"
        unsubscribe(QUERY, lambda: seller_of(server), application, held, records, (QUEUE,))
        held.id_for(application, QUEUE)
        assert len(server.received(DESTINATIONS, "GET")) == 2

    def test_one_of_another_version_without_a_record_ends_with_it(
        self, server: ScriptedServer, end: Callable[[], Ended]
    ) -> None:
        found = [
            {"subscriptionId": "s-1", "destinationId": "d-1", "payloadVersion": "1.0"},
            {"subscriptionId": "s-2", "destinationId": "d-old", "payloadVersion": 2.0},
        ]
        server.answer("GET", LISTED, answer_json({"payload": {"subscriptions": found}}))
        server.answer("GET", DESTINATIONS, answer_json({"payload": []}))
        server.answer("DELETE", f"{SUBSCRIPTIONS}/s-2", DELETED)
        assert end() == Ended(("s-1", "s-2"), destination_removed=True)
        # The other installation's destination is not this stack's to delete.
        assert server.received("/na/notifications/v1/destinations/d-old") == []

    def test_one_of_a_type_that_sp_api_no_longer_knows_ends(
        self, server: ScriptedServer, records: SubscriptionRecords, end: Callable[[], Ended]
    ) -> None:
        unknown = errors_json(400, "InvalidInput", "It cannot be parsed.", f"Invalid notification type {TYPE}")
        server.answer("GET", LISTED, unknown)
        server.answer("GET", SUBSCRIPTIONS, unknown)
        ended = end()
        assert ended.subscription_ids == ("s-1",)
        assert "Invalid notification type" in str(ended.not_compared)
        assert records.of_seller(SELLER_ID) == ()

    @pytest.mark.parametrize(
        "cause",
        [
            SellerUnknownError(SELLER_ID, "NA"),
            AuthorizationError("LWA refresh_token", status=400, error="invalid_grant", message="m", action="a"),
        ],
        ids=["no token", "token refused"],
    )
    @pytest.mark.usefixtures("end")
    def test_without_a_usable_token_the_recorded_one_ends_and_the_answer_says_what_was_not_looked_up(
        self, server: ScriptedServer, records: SubscriptionRecords, cause: Exception
    ) -> None:
        def seller() -> Caller:
            raise cause

        ended = unsubscribe(QUERY, seller, application_of(server), Destinations(), records, (QUEUE,))
        assert records.find("s-1") is None
        assert str(cause) in str(ended)

    def test_a_destination_in_use_is_kept(self, server: ScriptedServer, end: Callable[[], Ended]) -> None:
        in_use = errors_json(403, "Unauthorized", "denied", "The destination has subscriptions")
        server.answer("DELETE", DESTINATION, in_use)
        assert end() == Ended(("s-1",), destination_removed=False)

    @pytest.mark.parametrize("refusal", [errors_json(403, "Unauthorized", "denied"), errors_json(500, "X", "failed")])
    def test_a_destination_that_sp_api_does_not_delete_is_kept(
        self, server: ScriptedServer, end: Callable[[], Ended], log_lines: LogLines, refusal: Answer
    ) -> None:
        server.answer("DELETE", DESTINATION, refusal)
        assert end() == Ended(("s-1",), destination_removed=False)
        line = log_lines()[-1]
        assert (line["level"], line["message"], line["destination_id"]) == (
            "WARNING",
            "destination was not deleted",
            "d-1",
        )
        assert line["reason"].startswith(f"deleteDestination: HTTP {refusal.status}")

    def test_a_destination_that_is_gone_is_removed(self, server: ScriptedServer, end: Callable[[], Ended]) -> None:
        server.answer("DELETE", DESTINATION, errors_json(404, "NotFound", "gone"))
        assert end() == Ended(("s-1",), destination_removed=True)

    def test_when_sp_api_refuses_the_record_stays(
        self, server: ScriptedServer, records: SubscriptionRecords, end: Callable[[], Ended]
    ) -> None:
        server.answer("DELETE", f"{SUBSCRIPTIONS}/s-1", errors_json(429, "QuotaExceeded", "too many"))
        with pytest.raises(ThrottledError):
            end()
        assert records.of_seller(SELLER_ID) == (RECORD,)
        assert server.received(DESTINATION) == []


class TestUnrecorded:
    """A subscription whose record was not written is found at SP-API, with the seller's token."""

    @pytest.fixture(autouse=True)
    def at_sp_api(self, server: ScriptedServer) -> None:
        self.destination_of(server, QUEUE)

    @pytest.fixture
    def end(self, server: ScriptedServer, end: Callable[[], Ended]) -> Callable[[], Ended]:
        subscription = {"subscriptionId": "s-1", "destinationId": "d-1", "payloadVersion": "1.0"}
        server.answer("GET", LISTED, answer_json({"payload": {"subscriptions": [subscription]}}))
        return end

    def destination_of(self, server: ScriptedServer, queue_arn: str) -> None:
        destination = {"destinationId": "d-1", "name": "n", "resource": {"sqs": {"arn": queue_arn}}}
        server.answer("GET", DESTINATIONS, answer_json({"payload": [destination]}))

    def test_it_ends(self, server: ScriptedServer, end: Callable[[], Ended]) -> None:
        assert end() == Ended(("s-1",), destination_removed=True)
        assert calls(server) == [
            ("GET", "subscriptions"),
            ("GET", "destinations"),
            ("DELETE", f"subscriptions/{TYPE}/s-1"),
            ("DELETE", "destinations/d-1"),
        ]

    def test_one_with_another_destination_ends_and_its_destination_stays(
        self, server: ScriptedServer, end: Callable[[], Ended]
    ) -> None:
        self.destination_of(server, f"{QUEUE}-of-another-installation")
        assert end() == Ended(("s-1",), destination_removed=False)
        assert server.received(DESTINATION) == []

    @pytest.mark.usefixtures("end")
    def test_with_only_own_it_stays(self, server: ScriptedServer, records: SubscriptionRecords) -> None:
        self.destination_of(server, f"{QUEUE}-of-another-installation")
        query = replace(QUERY, only_own=True)
        with pytest.raises(ElsewhereError, match=r"only s-1 \(destination d-1\)"):
            unsubscribe(query, lambda: seller_of(server), application_of(server), Destinations(), records, (QUEUE,))
        assert [request for request in server.calls if request.method == "DELETE"] == []

    @pytest.mark.usefixtures("end")
    def test_its_record_is_the_sellers_own(
        self, server: ScriptedServer, records: SubscriptionRecords, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        removed: list[SubscriptionRecord] = []
        monkeypatch.setattr(SubscriptionRecords, "remove", lambda _, record: removed.append(record))
        unsubscribe(QUERY, lambda: seller_of(server), application_of(server), Destinations(), records, (QUEUE,))
        assert removed == [RECORD]

    def test_it_is_found_where_sp_api_refuses_the_list(self, server: ScriptedServer, end: Callable[[], Ended]) -> None:
        subscription = {"subscriptionId": "s-1", "destinationId": "d-1", "payloadVersion": "2.0"}
        server.answer("GET", LISTED, DENIED)
        none = errors_json(404, "NotFound", "none")
        server.answer("GET", SUBSCRIPTIONS, answer_json({"payload": subscription}), none)
        assert end().subscription_ids == ("s-1",)
        assert [dict(call.query) for call in server.received(SUBSCRIPTIONS)] == [{}, {"payloadVersion": "1.0"}]

    def test_without_any_there_is_nothing_to_end(self, server: ScriptedServer, end: Callable[[], Ended]) -> None:
        server.answer("GET", LISTED, answer_json({"payload": {"subscriptions": []}}))
        with pytest.raises(NotSubscribedError, match=f"{SELLER_ID} is not subscribed to {TYPE} in region NA"):
            end()

    def test_without_a_token_the_seller_is_unknown(self, server: ScriptedServer, records: SubscriptionRecords) -> None:
        def no_seller() -> Caller:
            raise SellerUnknownError(SELLER_ID, "NA")

        with pytest.raises(SellerUnknownError):
            unsubscribe(QUERY, no_seller, application_of(server), Destinations(), records, (QUEUE,))


@pytest.mark.parametrize(
    ("refusal", "answer"),
    [
        (ElsewhereError(QUERY, [RECORD]), (409, "SubscriptionConflict", "OnlyOwn", None)),
        (NotSubscribedError(QUERY), (404, "NotSubscribed", "NotificationType", None)),
        (
            HiddenSubscriptionError(SubscriptionRequest(SELLER_ID, Region.NA, TYPE), ConflictError("x", status=409)),
            (409, "SubscriptionConflict", "NotificationType", 60),
        ),
        (
            SubscriptionReplacementError([RECORD], [], ConflictError("createSubscription", status=409)),
            (409, "SubscriptionNotReplaced", "NotificationType", 60),
        ),
        (
            SubscriptionReplacementError([RECORD], [], AccessDeniedError("createSubscription", status=403)),
            (502, "SubscriptionNotReplaced", "NotificationType", None),
        ),
    ],
    ids=lambda given: type(given).__name__,
)
def test_the_status_of_each_refusal(refusal: Refusal, answer: tuple[int, str, str, float | None]) -> None:
    assert (refusal.status, refusal.code, refusal.field, refusal.retry_after) == answer
