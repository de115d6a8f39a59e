"""Reading subscription requests, routing types to queues, and remembering destinations."""

from dataclasses import replace
from typing import Any

import pytest

from quickstart import destinations as destinations_module
from quickstart.destinations import Destinations
from quickstart.notification_types import APPLICATION_TYPES, EVENT_BRIDGE_TYPES, SQS_TYPES, why_not
from quickstart.processing_directives import completed, same_effect
from quickstart.subscriptions import SubscriptionRequest, queue_for, read_request
from quickstart.validation import Fields, InvalidRequestError
from sp_api.caller import Caller
from sp_api.deadline import Deadline
from sp_api.notifications import Destination, EventFilter, OrderChangeType, ProcessingDirective
from sp_api.regions import Region

FILTER = "ProcessingDirective.eventFilter"


def request(notification_type: str, **fields: object) -> SubscriptionRequest:
    body = {"SellerId": "A3TH9S8BH6GOGM", "RegionCode": "NA", "NotificationType": notification_type}
    return read_request(Fields(body | fields))


def directive(**event_filter: Any) -> dict[str, object]:
    return {"eventFilter": event_filter}


def test_no_type_is_in_two_workflows() -> None:
    assert not set(SQS_TYPES) & (EVENT_BRIDGE_TYPES | APPLICATION_TYPES)
    assert [name for name in SQS_TYPES if why_not(name)] == []
    assert all(why_not(name) for name in EVENT_BRIDGE_TYPES | APPLICATION_TYPES)


@pytest.mark.parametrize("name", SQS_TYPES)
def test_a_type_has_its_payload_version_unless_another_is_asked_for(name: str) -> None:
    assert request(name).payload_version == SQS_TYPES[name].payload_version
    if name != "REPORT_PROCESSING_FINISHED":
        assert request(name, PayloadVersion="2099-01-01").payload_version == "2099-01-01"


@pytest.mark.parametrize("name", SQS_TYPES)
def test_which_types_take_which_filter(name: str) -> None:
    expression = {"ProcessingDirective": {"filterExpression": "a == 'b'"}}
    if SQS_TYPES[name].filter_expression:
        assert request(name, **expression).processing_directive == ProcessingDirective(filter_expression="a == 'b'")
    else:
        with pytest.raises(InvalidRequestError, match="takes no filterExpression"):
            request(name, **expression)
    if SQS_TYPES[name].event_filter is None:
        with pytest.raises(InvalidRequestError, match="takes one for ANY_OFFER_CHANGED, ORDER_CHANGE"):
            request(name, ProcessingDirective=directive(eventFilterType=name))


@pytest.mark.parametrize(
    ("name", "given", "field"),
    [
        ("ANY_OFFER_CHANGED", "FiveMinutes", "ProcessingDirective"),
        ("ANY_OFFER_CHANGED", {}, "ProcessingDirective"),
        ("ANY_OFFER_CHANGED", {"eventFilter": {}, "filterExpression": "a"}, "ProcessingDirective"),
        ("ANY_OFFER_CHANGED", {"EventFilter": {}}, "ProcessingDirective.EventFilter"),
        ("ANY_OFFER_CHANGED", {"filterExpression": ""}, "ProcessingDirective.filterExpression"),
        ("ANY_OFFER_CHANGED", {"filterExpression": "a" * 257}, "ProcessingDirective.filterExpression"),
        ("ANY_OFFER_CHANGED", directive(eventFilterType="ORDER_CHANGE"), f"{FILTER}.eventFilterType"),
        ("ANY_OFFER_CHANGED", directive(orderChangeTypes=["OrderStatusChange"]), f"{FILTER}.orderChangeTypes"),
        ("ANY_OFFER_CHANGED", directive(marketplaceIds="ATVPDKIKX0DER"), f"{FILTER}.marketplaceIds"),
        ("ANY_OFFER_CHANGED", directive(marketplaceIds=[]), f"{FILTER}.marketplaceIds"),
        ("ANY_OFFER_CHANGED", directive(marketplaceIds=["amazon.com"]), f"{FILTER}.marketplaceIds"),
        ("ANY_OFFER_CHANGED", directive(marketplaceIds=["A1PA6795UKMFR9"]), f"{FILTER}.marketplaceIds"),
        ("ANY_OFFER_CHANGED", directive(aggregationSettings="FiveMinutes"), f"{FILTER}.aggregationSettings"),
        (
            "ANY_OFFER_CHANGED",
            directive(aggregationSettings={"aggregationTimePeriod": "OneMinute"}),
            f"{FILTER}.aggregationSettings.aggregationTimePeriod",
        ),
        ("ORDER_CHANGE", directive(orderChangeTypes=["Shipped"]), f"{FILTER}.orderChangeTypes"),
        ("ORDER_CHANGE", directive(marketplaceIds=["ATVPDKIKX0DER"]), f"{FILTER}.marketplaceIds"),
    ],
)
def test_what_is_wrong_with_a_directive_is_named(name: str, given: object, field: str) -> None:
    with pytest.raises(InvalidRequestError) as caught:
        request(name, ProcessingDirective=given)
    assert [error.field for error in caught.value.errors] == [field]


def test_a_directive_is_filled_in_only_where_none_is_given() -> None:
    assert completed(None, "ORDER_CHANGE") == ProcessingDirective(EventFilter("ORDER_CHANGE"))
    assert completed(None, "ANY_OFFER_CHANGED") == ProcessingDirective(EventFilter("ANY_OFFER_CHANGED"))
    assert completed(None, "FEE_PROMOTION") is None
    given = ProcessingDirective(filter_expression="a")
    assert completed(given, "ORDER_CHANGE") == given


def test_directives_are_compared_by_what_they_do() -> None:
    both = (OrderChangeType.ORDER_STATUS_CHANGE, OrderChangeType.BUYER_REQUESTED_CHANGE)
    narrowed = EventFilter("ORDER_CHANGE", order_change_types=both)
    turned = replace(narrowed, order_change_types=both[::-1])
    assert same_effect(ProcessingDirective(narrowed), ProcessingDirective(turned))
    assert same_effect(None, ProcessingDirective(EventFilter("ORDER_CHANGE")))
    assert not same_effect(None, ProcessingDirective(narrowed))
    assert not same_effect(ProcessingDirective(filter_expression="a"), ProcessingDirective(filter_expression="b"))


def test_a_type_with_a_queue_of_its_own_goes_there() -> None:
    assert queue_for("ORDER_CHANGE", "all", {}) == "all"
    assert queue_for("ORDER_CHANGE", "all", {"ORDER_CHANGE": "orders"}) == "orders"
    assert queue_for("FEE_PROMOTION", "all", {"ORDER_CHANGE": "orders"}) == "all"


class TestDestinations:
    @pytest.fixture
    def asked(self, monkeypatch: pytest.MonkeyPatch) -> list[str]:
        """What SP-API was asked for; it gives a destination with a new id each time."""
        asked: list[str] = []

        def find(caller: Caller, queue_arn: str) -> Destination:
            asked.append(f"{caller.region} {queue_arn}")
            return Destination(f"destination-{len(asked)}", "name", queue_arn)

        monkeypatch.setattr(destinations_module, "_found_or_made", find)
        return asked

    def caller(self, region: Region = Region.NA) -> Caller:
        none: Any = None
        return Caller(none, "scope", region, Deadline.after(10), none)

    def test_a_destination_is_remembered_for_its_queue_and_region(self, asked: list[str]) -> None:
        kept = Destinations()
        found = [
            kept.id_for(self.caller(), "one"),
            kept.id_for(self.caller(), "one"),
            kept.id_for(self.caller(Region.EU), "one"),
            kept.id_for(self.caller(), "two"),
        ]
        assert found == ["destination-1", "destination-1", "destination-2", "destination-3"]
        assert asked == ["NA one", "EU one", "NA two"]

    def test_it_is_asked_for_again_after_a_while_on_request_and_when_forgotten(self, asked: list[str]) -> None:
        now = [0.0]
        kept = Destinations(kept_seconds=600, clock=lambda: now[0])
        assert kept.id_for(self.caller(), "one") == "destination-1"
        now[0] = 599
        assert kept.id_for(self.caller(), "one") == "destination-1"
        now[0] = 600
        assert kept.id_for(self.caller(), "one") == "destination-2"
        assert kept.id_for(self.caller(), "one", fresh=True) == "destination-3"
        kept.forget("destination-3")
        assert kept.id_for(self.caller(), "one") == "destination-4"
        assert len(asked) == 4
