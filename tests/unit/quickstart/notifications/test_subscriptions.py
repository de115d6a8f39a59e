"""Reading subscription requests, routing types to queues, and remembering destinations."""

from dataclasses import replace
from typing import Any

import pytest

from quickstart.notifications import destinations as destinations_module
from quickstart.notifications.destinations import Destinations
from quickstart.notifications.directives import completed, same_effect
from quickstart.notifications.subscription_requests import (
    SubscriptionRequest,
    read_end_query,
    read_list_query,
    read_request,
)
from quickstart.notifications.types import APPLICATION_TYPES, EVENT_BRIDGE_TYPES, SQS_TYPES, why_not
from quickstart.notifications.wiring import queue_arns, queue_for
from quickstart.refusals import InvalidRequestError
from quickstart.validation import Fields
from sp_api.caller import Caller
from sp_api.deadline import Deadline
from sp_api.notifications import (
    Destination,
    EventFilter,
    OrderChangeType,
    ProcessingDirective,
    directive_document,
)
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
def test_version_1_0_is_tried_first(name: str) -> None:
    assert request(name).payload_version is None
    assert SQS_TYPES[name].payload_versions[0] == "1.0"


@pytest.mark.parametrize("version", ["1.0", "2020-09-04", "2099-01-01", "v2", "latest", "x" * 128])
def test_a_payload_version_is_passed_through(version: str) -> None:
    assert request("REPORT_PROCESSING_FINISHED", PayloadVersion=version).payload_version == version


@pytest.mark.parametrize("version", [1.0, ["1.0"], "x" * 129])
def test_a_payload_version_that_cannot_be_one(version: object) -> None:
    with pytest.raises(InvalidRequestError, match="PayloadVersion must"):
        request("REPORT_PROCESSING_FINISHED", PayloadVersion=version)


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("report_processing_finished", "REPORT_PROCESSING_FINISHED"),
        ("ORDERS_CHANGE", "ORDER_CHANGE"),
        ("A_NEW_TYPE", None),
        (min(EVENT_BRIDGE_TYPES), None),
    ],
)
def test_a_misspelt_type_is_answered_with_the_right_one(name: str, meant: str | None) -> None:
    with pytest.raises(InvalidRequestError) as refused:
        request(name)
    assert str(refused.value).endswith(f"Did you mean {meant}?") == (meant is not None), refused.value
    assert ("Did you mean" in str(refused.value)) == (meant is not None)


@pytest.mark.parametrize(
    "name", ["TAX_INVOICE_CREATED", "LISTINGS_ITEM_STATUS_CHANGE", "v2.type-of-tomorrow", "A" * 128]
)
def test_an_unknown_type_is_let_through_on_request(name: str) -> None:
    with pytest.raises(InvalidRequestError, match="AllowUnknownType: true"):
        request(name)
    given = {"eventFilter": {"eventFilterType": "OTHER", "new": [1]}, "newDirective": {}}
    read = request(name, AllowUnknownType=True, ProcessingDirective=given)
    assert read.notification_type == name
    assert read.processing_directive is not None
    assert directive_document(read.processing_directive) == given
    query = {"SellerId": "A1", "RegionCode": "NA", "NotificationType": name, "AllowUnknownType": "true"}
    for read_query in (read_list_query, read_end_query):
        assert read_query(Fields(query)).notification_type == name


@pytest.mark.parametrize("name", ["A/B", ".", "..", "A B", "A" * 129, "A#B"])
def test_a_type_that_cannot_be_one(name: str) -> None:
    with pytest.raises(InvalidRequestError, match="NotificationType must be 1 to 128 letters"):
        request(name, AllowUnknownType=True)


@pytest.mark.parametrize("name", SQS_TYPES)
def test_which_types_take_which_filter(name: str) -> None:
    expression = {"ProcessingDirective": {"filterExpression": "a == 'b'"}}
    assert request(name, **expression).processing_directive == ProcessingDirective(filter_expression="a == 'b'")
    if not SQS_TYPES[name].event_filter:
        with pytest.raises(InvalidRequestError, match="only for ANY_OFFER_CHANGED, ORDER_CHANGE"):
            request(name, ProcessingDirective=directive(eventFilterType=name))


@pytest.mark.parametrize(
    ("name", "given", "field"),
    [
        ("ANY_OFFER_CHANGED", "FiveMinutes", "ProcessingDirective"),
        ("ANY_OFFER_CHANGED", {}, "ProcessingDirective"),
        ("ANY_OFFER_CHANGED", {"eventFilter": {}, "filterExpression": "a"}, "ProcessingDirective"),
        ("ANY_OFFER_CHANGED", {"eventFilter": "a"}, FILTER),
        ("ANY_OFFER_CHANGED", {"filterExpression": ""}, "ProcessingDirective.filterExpression"),
        ("ANY_OFFER_CHANGED", {"filterExpression": "a" * 257}, "ProcessingDirective.filterExpression"),
        ("ANY_OFFER_CHANGED", directive(eventFilterType=7.5), "ProcessingDirective"),
        ("ANY_OFFER_CHANGED", directive(marketplaceIds="ATVPDKIKX0DER"), f"{FILTER}.marketplaceIds"),
        ("ANY_OFFER_CHANGED", directive(marketplaceIds=[]), f"{FILTER}.marketplaceIds"),
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


@pytest.mark.parametrize(
    "given",
    [
        {"EventFilter": {}},
        directive(eventFilterType="ORDER_CHANGE"),
        directive(eventFilterType="ANY_OFFER_CHANGED", orderChangeTypes=["OrderStatusChange"]),
        directive(eventFilterType="ANY_OFFER_CHANGED", trackingIdentifier={"id": "x"}),
        directive(eventFilterType="ANY_OFFER_CHANGED", marketplaceIds=["amazon.com", "A1PA6795UKMFR9"]),
        directive(
            eventFilterType="ANY_OFFER_CHANGED",
            aggregationSettings={"aggregationTimePeriod": "TenMinutes", "new": 1},
        ),
    ],
)
def test_what_no_source_rules_out_goes_to_sp_api_unchanged(given: dict[str, object]) -> None:
    read = request("ANY_OFFER_CHANGED", ProcessingDirective=given).processing_directive
    assert read is not None
    assert directive_document(read) == given


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
    new = EventFilter("ORDER_CHANGE", other={"one": 1, "two": 2})
    assert same_effect(ProcessingDirective(new), ProcessingDirective(replace(new, other={"two": 2, "one": 1})))
    assert not same_effect(ProcessingDirective(new), ProcessingDirective(EventFilter("ORDER_CHANGE")))
    assert not same_effect(ProcessingDirective(other={"one": 1}), None)


def test_a_type_with_a_queue_of_its_own_goes_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NOTIFICATIONS_QUEUE_ARN", "all")
    monkeypatch.delenv("ORDERS_QUEUE_ARN", raising=False)
    assert (queue_for("ORDER_CHANGE"), queue_arns()) == ("all", ("all",))
    monkeypatch.setenv("ORDERS_QUEUE_ARN", "orders")
    assert (queue_for("ORDER_CHANGE"), queue_for("FEE_PROMOTION")) == ("orders", "all")
    assert queue_arns() == ("all", "orders")


class TestDestinations:
    @pytest.fixture
    def asked(self, monkeypatch: pytest.MonkeyPatch) -> list[str]:
        """The calls to SP-API, which returns a destination with a new id each time."""
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

    def test_it_is_fetched_again_after_a_while_on_request_and_when_forgotten(self, asked: list[str]) -> None:
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
