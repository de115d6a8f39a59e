"""Subscribing against the simulator: payload versions, conflicts between them, and replacement."""

import dataclasses
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from quickstart.notifications import subscriptions
from quickstart.notifications.destinations import Destinations
from quickstart.notifications.directives import completed
from quickstart.notifications.ending import Ended, end_subscription, unsubscribe
from quickstart.notifications.payload_versions import PayloadVersions, create_in_any_version
from quickstart.notifications.subscription_lookup import subscriptions_to
from quickstart.notifications.subscription_records import SubscriptionRecords, record_of
from quickstart.notifications.subscription_requests import SubscriptionQuery, SubscriptionRequest
from quickstart.notifications.subscriptions import (
    HiddenSubscriptionError,
    Subscriber,
    SubscriptionConflictError,
    SubscriptionReplacementError,
)
from quickstart.seller_removal import DepartureIncompleteError, Identities, StoredReports, remove_seller
from sp_api import notifications
from sp_api.deadline import Deadline, DeadlineExceeded
from sp_api.errors import AccessDeniedError, InvalidInputError, ThrottledError
from sp_api.notifications import EventFilter, OrderChangeType, ProcessingDirective, Subscription
from sp_api.regions import Region
from tests.unit.quickstart.support import Aws, AwsError, MemoryTable
from tests.unit.sp_api.test_simulator import SELLER_ID, Simulator, address, simulator

__all__ = ["address", "simulator"]

REPORTS = "REPORT_PROCESSING_FINISHED"
DATED = "2020-09-04"
QUEUE = "arn:aws:sqs:us-east-1:111122223333:notifications"
OLD_QUEUE = "arn:aws:sqs:us-east-1:111122223333:the-old-quick-starts"
UNSPECIFIC = {"fault": "status", "status": 400, "code": "InvalidInput", "message": "It cannot be parsed."}


@dataclass
class Stack:
    """One stack's memory of subscriptions, at the simulator."""

    simulator: Simulator
    queue_arn: str = QUEUE
    table: MemoryTable = field(default_factory=lambda: MemoryTable(Aws(), "SellerId", "Item"))

    def __post_init__(self) -> None:
        self.destinations = Destinations()
        self.records = SubscriptionRecords(self.table.table)
        self.versions = PayloadVersions(self.table.table)

    def subscribe(self, notification_type: str = REPORTS, **given: Any) -> Subscription:
        request = SubscriptionRequest(SELLER_ID, Region.NA, notification_type, **given)
        return Subscriber(
            self.simulator.seller(),
            self.simulator.grantless(),
            self.destinations,
            self.records,
            self.versions,
            self.queue_arn,
        ).subscribe(request)

    def unsubscribe(self, notification_type: str = REPORTS, *, only_own: bool = False) -> Ended:
        return unsubscribe(
            SubscriptionQuery(SELLER_ID, Region.NA, notification_type, only_own),
            self.simulator.seller,
            self.simulator.grantless(),
            self.destinations,
            self.records,
            (self.queue_arn,),
        )

    def at_sp_api(self, notification_type: str = REPORTS) -> list[tuple[str, str]]:
        """Subscription id and payload version of each."""
        page = notifications.get_subscriptions(self.simulator.seller(), notification_type)
        return [(found.subscription_id, found.payload_version) for found in page.subscriptions]

    def recorded(self) -> list[str]:
        return sorted(record.subscription_id for record in self.records.of_seller(SELLER_ID))


@pytest.fixture
def stack(simulator: Simulator) -> Stack:
    return Stack(simulator)


@pytest.fixture
def rules(simulator: Simulator) -> Callable[..., None]:
    def set_rules(**changed: Any) -> None:
        simulator.control("PUT", "/subscription-rules", changed)

    return set_rules


def of_the_old_quick_start(
    simulator: Simulator, version: str = "1.0", notification_type: str = REPORTS
) -> Subscription:
    """As the original Quick Start leaves a seller: subscribed to its own queue."""
    known = [found for found in notifications.get_destinations(simulator.grantless()) if found.queue_arn == OLD_QUEUE]
    destination = known[0] if known else notifications.create_destination(simulator.grantless(), "old", OLD_QUEUE)
    return notifications.create_subscription(
        simulator.seller(),
        notification_type,
        version,
        destination.destination_id,
        completed(None, notification_type),
    )


class TestVersions:
    def test_a_version_that_could_not_be_recorded_does_not_fail_the_request(
        self, stack: Stack, log_lines: Callable[[], list[dict[str, Any]]]
    ) -> None:
        aws = Aws()
        failing = MemoryTable(aws, "SellerId", "Item")
        stack.versions = PayloadVersions(failing.table)

        def refuse(_: object) -> Any:
            raise AwsError("AccessDeniedException")

        aws.answers["PutItem"] = refuse
        subscription = stack.subscribe()
        assert stack.recorded() == [subscription.subscription_id]
        (line,) = [line for line in log_lines() if line["level"] == "WARNING"]
        assert (line["message"], line["error"]) == (
            "the accepted payload version was not recorded",
            "AccessDeniedException",
        )

    @pytest.mark.parametrize(
        ("accepted", "version", "statuses"),
        [
            ("evidence", "1.0", [200]),
            ("1.0", "1.0", [200]),
            ("both", "1.0", [200]),
            ("dated", DATED, [400, 200]),
        ],
    )
    def test_the_first_that_sp_api_accepts_is_remembered(
        self, stack: Stack, rules: Callable[..., None], accepted: str, version: str, statuses: list[int]
    ) -> None:
        rules(payloadVersions=accepted)
        made = stack.subscribe()
        assert made.payload_version == version
        assert stack.simulator.calls("createSubscription") == statuses
        assert stack.table.find(SellerId="*", Item=f"PAYLOAD_VERSION#{REPORTS}") == {
            "SellerId": "*",
            "Item": f"PAYLOAD_VERSION#{REPORTS}",
            "PayloadVersion": version,
        }
        # A new function of the stack begins with the version that worked.
        stack.unsubscribe()
        assert Stack(stack.simulator, table=stack.table).subscribe().payload_version == version
        assert stack.simulator.calls("createSubscription") == [*statuses, 200]

    def test_a_version_that_is_withdrawn_later_is_replaced(self, stack: Stack, rules: Callable[..., None]) -> None:
        stack.subscribe()
        stack.unsubscribe()
        rules(payloadVersions="dated")
        assert stack.subscribe().payload_version == DATED
        stack.unsubscribe()
        assert stack.subscribe().payload_version == DATED
        assert stack.simulator.calls("createSubscription") == [200, 400, 200, 200]

    @pytest.mark.parametrize("accepted", ["1.0", "dated", "both"])
    def test_an_existing_subscription_of_any_version_is_found_first(
        self, stack: Stack, rules: Callable[..., None], accepted: str
    ) -> None:
        rules(payloadVersions={REPORTS: ["2026-10-10", "1.0", DATED]})
        existing = stack.subscribe(payload_version="2026-10-10")
        rules(payloadVersions=accepted)
        assert stack.subscribe() == existing
        assert stack.at_sp_api() == [(existing.subscription_id, "2026-10-10")]

    def test_a_requested_version_is_passed_through_and_sp_apis_answer_shown(self, stack: Stack) -> None:
        with pytest.raises(InvalidInputError, match=r"payloadVersion 2\.0 is not supported"):
            stack.subscribe(payload_version="2.0")
        assert stack.simulator.calls("createSubscription") == [400]
        assert stack.subscribe(payload_version="1.0").payload_version == "1.0"

    def test_when_none_is_accepted_each_answer_is_shown(self, stack: Stack, rules: Callable[..., None]) -> None:
        rules(payloadVersions={REPORTS: ["2099-01-01"]})
        with pytest.raises(InvalidInputError) as raised:
            stack.subscribe()
        for version in ("1.0", DATED):
            assert f"payloadVersion {version} is not supported" in str(raised.value)
        assert stack.table.items == []

    def test_when_the_time_runs_out_between_two_versions_the_first_answer_is_shown(
        self, stack: Stack, rules: Callable[..., None]
    ) -> None:
        rules(payloadVersions="dated")
        seller = stack.simulator.seller(seconds=2)
        destination_id = stack.destinations.id_for(stack.simulator.grantless(), QUEUE)

        def slow_versions() -> Iterator[str]:
            yield "1.0"
            while not seller.deadline.spent:
                time.sleep(0.01)
            yield DATED

        with pytest.raises(
            DeadlineExceeded, match=r"ran out.*payloadVersion 1\.0 is not supported.*2020-09-04 may not"
        ):
            create_in_any_version(seller, REPORTS, slow_versions(), destination_id, None)
        assert stack.simulator.calls("createSubscription") == [400]
        assert stack.at_sp_api() == []
        assert stack.subscribe().payload_version == DATED

    def test_a_refusal_without_details_may_be_about_the_version(self, stack: Stack, rules: Callable[..., None]) -> None:
        rules(payloadVersions="both")
        stack.simulator.control("POST", "/faults", {"operation": "createSubscription", "count": 1, **UNSPECIFIC})
        assert stack.subscribe().payload_version == DATED

    def test_a_refusal_for_another_cause_is_final(self, stack: Stack) -> None:
        directive = ProcessingDirective(EventFilter(REPORTS))
        with pytest.raises(InvalidInputError, match="EventFilter Payload"):
            stack.subscribe(processing_directive=directive)
        assert stack.simulator.calls("createSubscription") == [400]

    def test_a_destination_that_is_gone_is_made_again(self, stack: Stack, rules: Callable[..., None]) -> None:
        rules(payloadVersions="dated")
        first = stack.subscribe()
        notifications.delete_subscription_by_id(stack.simulator.grantless(), REPORTS, first.subscription_id)
        notifications.delete_destination(stack.simulator.grantless(), first.destination_id)
        assert stack.subscribe().destination_id != first.destination_id

    def test_a_destination_that_another_function_made_again_is_this_stacks_own(self, stack: Stack) -> None:
        outdated = stack.destinations.id_for(stack.simulator.grantless(), QUEUE)
        notifications.delete_destination(stack.simulator.grantless(), outdated)
        existing = Stack(stack.simulator, table=stack.table).subscribe()
        assert stack.subscribe() == existing
        assert existing.destination_id != outdated

    def test_a_list_that_sp_api_throttles_does_not_prevent_it(self, stack: Stack) -> None:
        existing = stack.subscribe()
        stack.simulator.fault("status", "getSubscriptions", count=2, status=429)
        assert stack.subscribe() == existing
        assert stack.unsubscribe().subscription_ids == (existing.subscription_id,)
        assert stack.simulator.calls("getSubscription") == [200, 404, 200, 404]

    def test_an_unknown_type_gets_sp_apis_own_answer(self, stack: Stack) -> None:
        with pytest.raises(InvalidInputError, match="Invalid notification type TAX_INVOICE_CREATED"):
            stack.subscribe("TAX_INVOICE_CREATED")


class TestConflicts:
    @pytest.mark.parametrize(("accepted", "version"), [("1.0", "1.0"), ("dated", DATED), ("both", "1.0")])
    @pytest.mark.parametrize("scope", ["version", "type"])
    @pytest.mark.parametrize("listed", [True, False])
    def test_the_old_quick_starts_subscription_is_reported_and_replaced(
        self, stack: Stack, rules: Callable[..., None], accepted: str, version: str, scope: str, listed: bool
    ) -> None:
        old = of_the_old_quick_start(stack.simulator)
        rules(payloadVersions=accepted, conflictScope=scope)
        if not listed:
            stack.simulator.fault("status", "getSubscriptions", count=99, status=403, code="Unauthorized")
        with pytest.raises(SubscriptionConflictError) as raised:
            stack.subscribe()
        for word in (old.subscription_id, old.destination_id, "payload version 1.0", "Replace: true"):
            assert word in str(raised.value)
        made = stack.subscribe(replace=True)
        stack.simulator.control("DELETE", "/faults")
        assert stack.at_sp_api() == [(made.subscription_id, version)]
        assert stack.subscribe(replace=True) == made
        assert stack.recorded() == [made.subscription_id]
        assert stack.unsubscribe().subscription_ids == (made.subscription_id,)
        assert stack.at_sp_api() == []

    def test_a_conflict_says_how_the_subscriptions_differ_and_what_to_do(
        self, stack: Stack, rules: Callable[..., None]
    ) -> None:
        rules(payloadVersions={"ORDER_CHANGE": ["1.0", DATED]})
        old = of_the_old_quick_start(stack.simulator, DATED, "ORDER_CHANGE")
        own_id = stack.destinations.id_for(stack.simulator.grantless(), QUEUE)
        own = notifications.create_subscription(
            stack.simulator.seller(), "ORDER_CHANGE", "1.0", own_id, ProcessingDirective(EventFilter("ORDER_CHANGE"))
        )
        narrowed = EventFilter("ORDER_CHANGE", order_change_types=[OrderChangeType.BUYER_REQUESTED_CHANGE])
        with pytest.raises(SubscriptionConflictError) as raised:
            stack.subscribe("ORDER_CHANGE", processing_directive=ProcessingDirective(narrowed))
        shown = "{'eventFilter': {'eventFilterType': 'ORDER_CHANGE'}}"
        described = {
            f"subscription {own.subscription_id}, payload version 1.0, with another ProcessingDirective ({shown})",
            f"subscription {old.subscription_id}, payload version {DATED}, with another destination "
            f"({old.destination_id} instead of {own_id})",
        }
        message = str(raised.value)
        beginning = f"seller {SELLER_ID} is already subscribed to ORDER_CHANGE: "
        end = (
            "; send the request with Replace: true to delete every other subscription to this type and create the "
            "requested one"
        )
        assert message.startswith(beginning)
        assert message.endswith(end)
        assert set(message.removeprefix(beginning).removesuffix(end).split("; ")) == described
        assert (raised.value.status, raised.value.code, raised.value.field) == (
            409,
            "SubscriptionConflict",
            "NotificationType",
        )
        assert raised.value.retry_after is None

    def test_one_beside_this_stacks_own_is_reported_and_replaced(
        self, stack: Stack, rules: Callable[..., None]
    ) -> None:
        rules(payloadVersions="both")
        own = stack.subscribe(payload_version=DATED)
        old = of_the_old_quick_start(stack.simulator)
        with pytest.raises(SubscriptionConflictError, match=old.subscription_id):
            stack.subscribe()
        assert stack.subscribe(replace=True) == own
        assert stack.at_sp_api() == [(own.subscription_id, DATED)]

    def test_every_version_is_replaced(self, stack: Stack, rules: Callable[..., None]) -> None:
        rules(payloadVersions="both")
        old = [of_the_old_quick_start(stack.simulator, version) for version in ("1.0", DATED)]
        with pytest.raises(SubscriptionConflictError) as raised:
            stack.subscribe()
        assert all(found.subscription_id in str(raised.value) for found in old)
        made = stack.subscribe(replace=True)
        assert stack.at_sp_api() == [(made.subscription_id, "1.0")]

    def test_a_requested_version_may_be_second(self, stack: Stack, rules: Callable[..., None]) -> None:
        rules(payloadVersions="both")
        first, second = stack.subscribe(), stack.subscribe(payload_version=DATED)
        assert stack.subscribe(payload_version=DATED) == second
        assert len(stack.at_sp_api()) == 2
        assert set(stack.unsubscribe().subscription_ids) == {first.subscription_id, second.subscription_id}
        assert (stack.at_sp_api(), stack.recorded()) == ([], [])

    def test_a_second_version_that_sp_api_refuses_is_a_conflict(self, stack: Stack, rules: Callable[..., None]) -> None:
        first = stack.subscribe()
        rules(payloadVersions="both", conflictScope="type")
        with pytest.raises(SubscriptionConflictError, match="Subscription already exist") as raised:
            stack.subscribe(payload_version=DATED)
        described = (
            f"subscription {first.subscription_id}, payload version 1.0, with another ProcessingDirective (none)"
        )
        assert described in str(raised.value)
        assert "create the requested one. createSubscription: HTTP 409" in str(raised.value)
        made = stack.subscribe(payload_version=DATED, replace=True)
        assert stack.at_sp_api() == [(made.subscription_id, DATED)]
        assert stack.recorded() == [made.subscription_id]

    def test_another_filter_in_any_version_is_a_conflict(self, stack: Stack) -> None:
        narrowed = EventFilter("ORDER_CHANGE", order_change_types=[OrderChangeType.BUYER_REQUESTED_CHANGE])
        stack.subscribe("ORDER_CHANGE")
        with pytest.raises(SubscriptionConflictError, match="another ProcessingDirective"):
            stack.subscribe("ORDER_CHANGE", processing_directive=ProcessingDirective(narrowed))

    def test_what_sp_api_hides_is_a_conflict_that_can_be_replaced(self, stack: Stack) -> None:
        conflict = {"fault": "status", "status": 409, "code": "StateConflict", "message": "It conflicts."}
        stack.simulator.control("POST", "/faults", {"operation": "createSubscription", "count": 2, **conflict})
        for replace in (False, True):
            with pytest.raises(HiddenSubscriptionError, match="lists none") as raised:
                stack.subscribe(replace=replace)
            assert (raised.value.status, raised.value.retry_after) == (409, 60.0)

    def test_a_hidden_subscription_with_a_record_is_replaced_by_its_id(self, stack: Stack) -> None:
        hidden = stack.subscribe()
        missing = {"fault": "status", "status": 404, "code": "NotFound", "message": "none"}
        for operation in ("getSubscriptions", "getSubscription"):
            stack.simulator.control("POST", "/faults", {"operation": operation, "count": 20, **missing})
        with pytest.raises(HiddenSubscriptionError):
            stack.subscribe()
        made = stack.subscribe(replace=True)
        stack.simulator.control("DELETE", "/faults")
        assert made.subscription_id != hidden.subscription_id
        assert stack.at_sp_api() == [(made.subscription_id, "1.0")]

    def test_a_hidden_subscription_that_is_deleted_but_not_replaced_is_reported(self, stack: Stack) -> None:
        hidden = stack.subscribe()
        missing = {"fault": "status", "status": 404, "code": "NotFound", "message": "none"}
        for operation in ("getSubscriptions", "getSubscription"):
            stack.simulator.control("POST", "/faults", {"operation": operation, "count": 20, **missing})
        conflict = {"fault": "status", "status": 409, "code": "StateConflict", "message": "It conflicts."}
        stack.simulator.control("POST", "/faults", {"operation": "createSubscription", **conflict})
        stack.simulator.fault("status", "createSubscription", status=403)
        with pytest.raises(SubscriptionReplacementError, match=f"{hidden.subscription_id} was deleted.*no longer"):
            stack.subscribe(replace=True)
        stack.simulator.control("DELETE", "/faults")
        assert (stack.at_sp_api(), stack.recorded()) == ([], [])

    def test_a_failed_replacement_restores_every_version(
        self, stack: Stack, rules: Callable[..., None], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Also when the request's 20 s are used up: the function runs for 29 s."""
        given: list[float] = []
        after = Deadline.after

        def noted(seconds: float) -> Deadline:
            given.append(seconds)
            return after(seconds)

        rules(payloadVersions="both")
        old = [of_the_old_quick_start(stack.simulator, version) for version in ("1.0", DATED)]
        stack.simulator.fault("status", "createSubscription", status=503)
        monkeypatch.setattr(Deadline, "after", noted)
        with pytest.raises(SubscriptionReplacementError, match="restored as subscription"):
            stack.subscribe(replace=True)
        monkeypatch.undo()
        assert [seconds for seconds in given if seconds != 10] == [6]
        now = notifications.get_subscriptions(stack.simulator.seller(), REPORTS).subscriptions
        assert {found.payload_version for found in now} == {"1.0", DATED}
        assert {found.destination_id for found in now} == {old[0].destination_id}

    def test_a_replacement_whose_answer_is_lost_is_found(self, stack: Stack) -> None:
        old = of_the_old_quick_start(stack.simulator)
        stack.records.store(record_of(SELLER_ID, Region.NA, REPORTS, dataclasses.replace(old, payload_version="2.0")))
        stack.simulator.fault("lose", "createSubscription")
        made = stack.subscribe(replace=True)
        assert stack.at_sp_api() == [(made.subscription_id, "1.0")]
        assert made.subscription_id in stack.recorded()

    def test_a_replacement_that_fails_before_anything_is_deleted_is_sp_apis_answer(self, stack: Stack) -> None:
        old = of_the_old_quick_start(stack.simulator)
        stack.simulator.fault("status", "deleteSubscriptionById", count=9, status=429)
        with pytest.raises(ThrottledError):
            stack.subscribe(replace=True)
        assert stack.at_sp_api() == [(old.subscription_id, "1.0")]
        assert stack.recorded() == []

    def test_a_deletion_that_fails_beside_the_requested_subscription_restores_nothing(
        self, stack: Stack, rules: Callable[..., None], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        rules(payloadVersions={REPORTS: ["1.0", DATED, "2.0"]})
        own = stack.subscribe(payload_version="2.0")
        old = [of_the_old_quick_start(stack.simulator, version) for version in ("1.0", DATED)]

        def end_then_fail(*given: Any) -> None:
            end_subscription(*given)
            stack.simulator.fault("status", "deleteSubscriptionById", count=9, status=429)

        monkeypatch.setattr(subscriptions, "end_subscription", end_then_fail)
        with pytest.raises(ThrottledError):
            stack.subscribe(payload_version="2.0", replace=True)
        assert set(stack.at_sp_api()) == {(own.subscription_id, "2.0"), (old[1].subscription_id, DATED)}

    def test_a_subscription_that_another_request_makes_while_a_deletion_fails_is_recorded(
        self, stack: Stack, rules: Callable[..., None], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        rules(payloadVersions="both")
        old = [of_the_old_quick_start(stack.simulator, version) for version in ("1.0", DATED)]
        own_id = stack.destinations.id_for(stack.simulator.grantless(), QUEUE)
        made: list[Subscription] = []

        def end_then_fail(*given: Any) -> None:
            end_subscription(*given)
            made.append(notifications.create_subscription(stack.simulator.seller(), REPORTS, "1.0", own_id))
            stack.simulator.fault("status", "deleteSubscriptionById", count=9, status=429)

        monkeypatch.setattr(subscriptions, "end_subscription", end_then_fail)
        with pytest.raises(SubscriptionReplacementError):
            stack.subscribe(replace=True)
        (own,) = made
        assert set(stack.at_sp_api()) == {(own.subscription_id, "1.0"), (old[1].subscription_id, DATED)}
        assert stack.recorded() == [own.subscription_id]

    def test_a_conflict_after_the_deletion_can_be_retried(
        self, stack: Stack, log_lines: Callable[[], list[dict[str, Any]]]
    ) -> None:
        of_the_old_quick_start(stack.simulator)
        conflict = {"fault": "status", "status": 409, "code": "StateConflict", "message": "It conflicts."}
        stack.simulator.control("POST", "/faults", {"operation": "createSubscription", "count": 2, **conflict})
        with pytest.raises(SubscriptionReplacementError, match="no longer subscribed") as raised:
            stack.subscribe(replace=True)
        assert (raised.value.status, raised.value.retry_after) == (409, 60.0)
        line = log_lines()[-1]
        assert (line["level"], line["message"]) == ("ERROR", "a deleted subscription could not be restored")
        assert line["reason"].startswith("createSubscription: HTTP 409")
        made = stack.subscribe(replace=True)
        assert stack.at_sp_api() == [(made.subscription_id, "1.0")]

    def test_a_deletion_that_fails_half_way_restores_what_was_deleted(
        self, stack: Stack, rules: Callable[..., None], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        rules(payloadVersions="both")
        old = [of_the_old_quick_start(stack.simulator, version) for version in ("1.0", DATED)]

        def end_then_fail(*given: Any) -> None:
            end_subscription(*given)
            stack.simulator.fault("status", "deleteSubscriptionById", status=503)

        monkeypatch.setattr(subscriptions, "end_subscription", end_then_fail)
        with pytest.raises(SubscriptionReplacementError, match=f"{old[0].subscription_id} was deleted"):
            stack.subscribe(replace=True)
        assert {version for _, version in stack.at_sp_api()} == {"1.0", DATED}


class TestEnding:
    @pytest.mark.parametrize("accepted", ["seller", "grantless", "both"])
    def test_the_other_identity_is_tried(self, stack: Stack, rules: Callable[..., None], accepted: str) -> None:
        rules(tokens=accepted)
        made = stack.subscribe()
        assert stack.unsubscribe() == Ended((made.subscription_id,), destination_removed=True)
        assert (stack.at_sp_api(), stack.recorded()) == ([], [])

    @pytest.mark.parametrize("notification_type", ["B2B_ANY_OFFER_CHANGED", "FULFILLMENT_ORDER_STATUS"])
    def test_types_that_sp_api_treats_differently(self, stack: Stack, notification_type: str) -> None:
        made = stack.subscribe(notification_type)
        assert stack.unsubscribe(notification_type).subscription_ids == (made.subscription_id,)
        assert stack.at_sp_api(notification_type) == []

    def test_replacing_tries_the_other_identity_too(self, stack: Stack, rules: Callable[..., None]) -> None:
        rules(tokens="seller")
        of_the_old_quick_start(stack.simulator)
        made = stack.subscribe(replace=True)
        assert stack.at_sp_api() == [(made.subscription_id, "1.0")]

    def test_both_refused(self, stack: Stack, rules: Callable[..., None]) -> None:
        made = stack.subscribe()
        rules(tokens="neither")
        with pytest.raises(AccessDeniedError, match="as the seller"):
            stack.unsubscribe()
        assert stack.recorded() == [made.subscription_id]

    def test_one_elsewhere_ends_with_it_but_not_with_only_own(self, stack: Stack, rules: Callable[..., None]) -> None:
        rules(payloadVersions="both")
        own, old = stack.subscribe(), of_the_old_quick_start(stack.simulator, DATED)
        assert stack.unsubscribe(only_own=True) == Ended((own.subscription_id,), destination_removed=True)
        assert stack.at_sp_api() == [(old.subscription_id, DATED)]
        own = stack.subscribe(payload_version="1.0", replace=True)
        old = of_the_old_quick_start(stack.simulator, DATED)
        assert stack.unsubscribe() == Ended((own.subscription_id, old.subscription_id), destination_removed=True)
        assert stack.at_sp_api() == []
        assert OLD_QUEUE in {found.queue_arn for found in notifications.get_destinations(stack.simulator.grantless())}


class TestLeaving:
    """A seller's removal, where a subscription can only be ended with the seller's token."""

    def remove(self, stack: Stack) -> Any:
        def seller(_: Region) -> Any:
            assert any(item["Item"].startswith("TOKEN#") for item in stack.table.items), "the token is gone"
            return stack.simulator.seller()

        empty = Aws(ListObjectVersions=lambda _: {}, Query=lambda _: {"Items": []})
        reports = StoredReports(empty.client("s3"), "bucket", MemoryTable(Aws(), "ReportId", "SellerId").table)
        identities = Identities(lambda _: stack.simulator.grantless(), seller)
        return remove_seller(
            SELLER_ID, stack.table.table, identities, reports, None, None, None, None, None, Deadline.after(20)
        )

    @pytest.fixture
    def leaving(self, stack: Stack, rules: Callable[..., None]) -> Stack:
        rules(tokens="seller")
        stack.subscribe()
        stack.table.items.append({"SellerId": SELLER_ID, "Item": "TOKEN#NA", "Ciphertext": uuid.uuid4().hex})
        return stack

    def test_the_token_is_used_before_it_is_deleted(self, leaving: Stack) -> None:
        departure = self.remove(leaving)
        assert (departure.subscriptions_ended, departure.tokens_deleted) == (1, 1)
        assert leaving.at_sp_api() == []

    def test_the_token_is_kept_while_a_subscription_may_need_it(self, leaving: Stack) -> None:
        leaving.simulator.fault("status", "deleteSubscriptionById", status=429)
        with pytest.raises(DepartureIncompleteError, match="deleted 0 tokens"):
            self.remove(leaving)
        assert self.remove(leaving).tokens_deleted == 1
        assert leaving.at_sp_api() == []

    def test_the_token_goes_when_sp_api_refuses_it_too(self, leaving: Stack, rules: Callable[..., None]) -> None:
        rules(tokens="neither")
        with pytest.raises(DepartureIncompleteError, match="deleted 1 tokens"):
            self.remove(leaving)


class TestRaces:
    """Another request subscribes the seller between this request's look and its createSubscription."""

    @pytest.fixture
    def looks(self, monkeypatch: pytest.MonkeyPatch) -> list[int]:
        """The number of subscriptions that each look finds; the first look is too early to find any."""
        found: list[int] = []

        def late(*given: Any, **options: Any) -> tuple[Subscription, ...]:
            there = subscriptions_to(*given, **options) if found else ()
            found.append(len(there))
            return there

        monkeypatch.setattr("quickstart.notifications.subscriptions.subscriptions_to", late)
        return found

    def test_the_same_subscription_is_the_answer(self, stack: Stack, looks: list[int]) -> None:
        other = Stack(stack.simulator, table=stack.table)
        looks.append(0)
        made = other.subscribe()
        looks.clear()
        assert stack.subscribe() == made
        assert looks == [0, 1]
        assert stack.recorded() == [made.subscription_id]

    def test_one_to_another_queue_is_a_conflict(self, stack: Stack, looks: list[int]) -> None:
        other = of_the_old_quick_start(stack.simulator)
        with pytest.raises(SubscriptionConflictError) as raised:
            stack.subscribe()
        assert type(raised.value) is SubscriptionConflictError
        assert other.subscription_id in str(raised.value)
        assert looks == [0, 1]
