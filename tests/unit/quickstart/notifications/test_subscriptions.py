"""Reading subscription requests, routing types to queues, and remembering destinations."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from quickstart.notifications import destinations as destinations_module
from quickstart.notifications.destinations import Destinations
from quickstart.notifications.directives import completed, same_effect
from quickstart.notifications.subscription_requests import (
    SubscriptionQuery,
    SubscriptionRequest,
    read_end_query,
    read_list_query,
    read_request,
)
from quickstart.notifications.types import APPLICATION_TYPES, EVENT_BRIDGE_TYPES, SQS_TYPES, why_not
from quickstart.notifications.wiring import queue_arns, queue_for
from quickstart.refusals import FieldError, InvalidRequestError
from quickstart.validation import Fields
from sp_api.caller import Caller
from sp_api.deadline import Deadline
from sp_api.notifications import (
    AggregationTimePeriod,
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
    with pytest.raises(InvalidRequestError, match="PayloadVersion must") as caught:
        request("REPORT_PROCESSING_FINISHED", PayloadVersion=version)
    if isinstance(version, str):
        assert str(caught.value) == "PayloadVersion must have at most 128 characters"


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
    refused_as = why_not(name)
    assert refused_as is not None
    said = refused_as[1] if meant is None else f"{refused_as[1]}. Did you mean {meant}?"
    assert refused.value.errors == (FieldError("NotificationType", refused_as[0], said),)


def test_why_a_type_is_not_supported() -> None:
    partner = "associate SP-API's partner event source with an event bus of your own, see 'Set up notifications using"
    guide = "https://developer-docs.amazon.com/sp-api/docs/notifications-api-v1-use-case-guide"
    anyway = "AllowUnknownType: true sends the request to SP-API all the same"
    assert why_not("LISTINGS_ITEM_STATUS_CHANGE") == (
        "EventBridgeWorkflow",
        "SP-API sends LISTINGS_ITEM_STATUS_CHANGE to Amazon EventBridge, not to queues, so this stack cannot subscribe "
        f"to it: {partner} the Amazon EventBridge workflow' in {guide}. {anyway}",
    )
    assert why_not("APPLICATION_OAUTH_CLIENT_NEW_SECRET") == (
        "ApplicationNotification",
        "APPLICATION_OAUTH_CLIENT_NEW_SECRET is about the application and not about a seller: enter a queue for it "
        f"under Notification Preferences in the developer console. {anyway}",
    )
    assert why_not("X") == (
        "InvalidValue",
        f"NotificationType must be one of {', '.join(SQS_TYPES)}. For a type that SP-API added later, {anyway}",
    )


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


A_LIST = "must be a list of one or more strings; omit it to receive all"
CHANGES = "must be a list of BuyerRequestedChange, DeliveryTipChange, OrderStatusChange"
EXPRESSION = "must be a string of 1 to 256 characters"


@pytest.mark.parametrize(
    ("name", "given", "field", "message"),
    [
        ("ANY_OFFER_CHANGED", "FiveMinutes", "", "must be an object"),
        ("ANY_OFFER_CHANGED", {}, "", "must not be empty; omit it to receive all"),
        (
            "ANY_OFFER_CHANGED",
            {"eventFilter": {}, "filterExpression": "a"},
            "",
            "must have only one of eventFilter and filterExpression",
        ),
        ("ANY_OFFER_CHANGED", {"eventFilter": "a"}, ".eventFilter", "must be an object"),
        ("ANY_OFFER_CHANGED", {"filterExpression": ""}, ".filterExpression", EXPRESSION),
        ("ANY_OFFER_CHANGED", {"filterExpression": "a" * 257}, ".filterExpression", EXPRESSION),
        ("ANY_OFFER_CHANGED", {"filterExpression": "\ud800"}, ".filterExpression", EXPRESSION),
        ("ANY_OFFER_CHANGED", {"filterExpression": ["a"]}, ".filterExpression", EXPRESSION),
        ("ANY_OFFER_CHANGED", directive(marketplaceIds="ATVPDKIKX0DER"), ".eventFilter.marketplaceIds", A_LIST),
        ("ANY_OFFER_CHANGED", directive(marketplaceIds=[]), ".eventFilter.marketplaceIds", A_LIST),
        ("ANY_OFFER_CHANGED", directive(marketplaceIds=["A", 7]), ".eventFilter.marketplaceIds", A_LIST),
        (
            "ANY_OFFER_CHANGED",
            directive(aggregationSettings="FiveMinutes"),
            ".eventFilter.aggregationSettings",
            "must be an object",
        ),
        (
            "ANY_OFFER_CHANGED",
            directive(aggregationSettings={"aggregationTimePeriod": "OneMinute"}),
            ".eventFilter.aggregationSettings.aggregationTimePeriod",
            "must be one of FiveMinutes, TenMinutes",
        ),
        ("ORDER_CHANGE", directive(orderChangeTypes=["Shipped"]), ".eventFilter.orderChangeTypes", CHANGES),
        (
            "ORDER_CHANGE",
            directive(orderChangeTypes=["OrderStatusChange", "Shipped"]),
            ".eventFilter.orderChangeTypes",
            CHANGES,
        ),
    ],
)
def test_what_is_wrong_with_a_directive_is_named(name: str, given: object, field: str, message: str) -> None:
    with pytest.raises(InvalidRequestError) as caught:
        request(name, ProcessingDirective=given)
    named = f"ProcessingDirective{field}"
    code = "InvalidType" if message == "must be an object" else "InvalidValue"
    assert caught.value.errors == (FieldError(named, code, f"{named} {message}"),)


@pytest.mark.parametrize(
    ("name", "given", "error"),
    [
        (
            "ORDER_CHANGE",
            directive(marketplaceIds=["ATVPDKIKX0DER"]),
            FieldError(
                f"{FILTER}.marketplaceIds", "InvalidValue", "SP-API does not accept marketplaceIds for ORDER_CHANGE"
            ),
        ),
        (
            "FEE_PROMOTION",
            directive(),
            FieldError(
                FILTER,
                "InvalidValue",
                "SP-API does not accept an eventFilter for FEE_PROMOTION, only for ANY_OFFER_CHANGED, ORDER_CHANGE",
            ),
        ),
    ],
)
def test_what_sp_api_does_not_accept_for_a_type_is_said(name: str, given: object, error: FieldError) -> None:
    with pytest.raises(InvalidRequestError) as caught:
        request(name, ProcessingDirective=given)
    assert caught.value.errors == (error,)


def test_everything_that_is_wrong_with_a_filter_is_named_in_its_order() -> None:
    wrong = directive(marketplaceIds=[], orderChangeTypes=[], aggregationSettings=[])
    with pytest.raises(InvalidRequestError) as caught:
        request("ANY_OFFER_CHANGED", ProcessingDirective=wrong)
    names = ("marketplaceIds", "orderChangeTypes", "aggregationSettings")
    assert [error.field for error in caught.value.errors] == [f"{FILTER}.{name}" for name in names]


def test_a_directive_that_no_client_could_send_is_refused() -> None:
    with pytest.raises(InvalidRequestError) as caught:
        request("ANY_OFFER_CHANGED", ProcessingDirective=directive(eventFilterType=7.5))
    (error,) = caught.value.errors
    assert (error.field, error.code) == ("ProcessingDirective", "InvalidType")
    assert error.message.startswith("ProcessingDirective: ")
    assert "eventFilterType" in error.message


def test_an_unknown_type_does_not_hide_what_else_is_wrong() -> None:
    with pytest.raises(InvalidRequestError) as caught:
        request("ORDERS", ProcessingDirective="x", PayloadVersion=1)
    assert [error.field for error in caught.value.errors] == ["NotificationType", "PayloadVersion"]


@pytest.mark.parametrize("given", [None, {"eventFilter": None, "filterExpression": "a" * 256}])
def test_a_directive_is_as_long_as_sp_api_allows(given: dict[str, str] | None) -> None:
    read = request("ORDER_CHANGE", ProcessingDirective=given).processing_directive
    assert read == (None if given is None else ProcessingDirective(filter_expression="a" * 256))
    shortest = request("ORDER_CHANGE", ProcessingDirective={"filterExpression": "a"}).processing_directive
    assert shortest == ProcessingDirective(filter_expression="a")


def test_every_order_change_type_can_be_asked_for() -> None:
    every = ["OrderStatusChange", "BuyerRequestedChange", "DeliveryTipChange"]
    for chosen in (every, every[:1]):
        read = request("ORDER_CHANGE", ProcessingDirective=directive(orderChangeTypes=chosen)).processing_directive
        assert read is not None
        assert directive_document(read) == directive(eventFilterType="ORDER_CHANGE", orderChangeTypes=chosen)


TYPES = f"one of {', '.join(SQS_TYPES)}; with AllowUnknownType, any type"
ANY_TYPE = "true to allow a type that the stack does not know; false by default"


@pytest.mark.parametrize(
    ("read", "rules"),
    [
        (
            read_request,
            {
                "NotificationType": TYPES,
                "AllowUnknownType": ANY_TYPE,
                "PayloadVersion": "by default a version that SP-API accepts for the type",
                "ProcessingDirective": "SP-API's processingDirective, for the types that accept one",
                "Replace": "true to first delete the seller's other subscriptions to the type; false by default",
            },
        ),
        (read_list_query, {"NotificationType": TYPES, "AllowUnknownType": ANY_TYPE}),
        (
            read_end_query,
            {
                "NotificationType": TYPES,
                "AllowUnknownType": ANY_TYPE,
                "OnlyOwn": "true to cancel only subscriptions to this stack's queues; false by default",
            },
        ),
    ],
)
def test_what_the_reference_says_of_the_fields(read: Callable[[Fields], object], rules: dict[str, str]) -> None:
    fields = Fields({})
    with pytest.raises(InvalidRequestError) as caught:
        read(fields)
    missing = {"SellerId", "RegionCode"} | (set() if read is read_list_query else {"NotificationType"})
    assert {error.field for error in caught.value.errors} == missing
    described = {field.name: field.rule for field in fields.described}
    assert {name: described[name] for name in described if name not in ("SellerId", "RegionCode")} == rules


def test_a_query_without_a_type_is_about_all_types() -> None:
    fields = {"SellerId": "A1", "RegionCode": "NA"}
    assert read_list_query(Fields(fields)) == SubscriptionQuery("A1", Region.NA, "")
    ended = fields | {"NotificationType": "ORDER_CHANGE"}
    assert read_end_query(Fields(ended)) == SubscriptionQuery("A1", Region.NA, "ORDER_CHANGE")
    own = read_end_query(Fields(ended | {"OnlyOwn": "true"}))
    assert own == SubscriptionQuery("A1", Region.NA, "ORDER_CHANGE", only_own=True)


def test_a_request_replaces_only_if_it_says_so() -> None:
    whole = SubscriptionRequest("A3TH9S8BH6GOGM", Region.NA, "FEE_PROMOTION")
    assert (request("FEE_PROMOTION"), whole.replace) == (whole, False)
    assert request("FEE_PROMOTION", Replace=True, PayloadVersion="") == replace(whole, replace=True)


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
    offers = EventFilter("ANY_OFFER_CHANGED", marketplace_ids=["A", "B"])
    assert same_effect(
        ProcessingDirective(offers), ProcessingDirective(replace(offers, marketplace_ids=["B", "A", "A"]))
    )
    assert not same_effect(ProcessingDirective(offers), ProcessingDirective(replace(offers, marketplace_ids=["A"])))
    often = replace(offers, aggregation_time_period=AggregationTimePeriod.FIVE_MINUTES)
    assert not same_effect(ProcessingDirective(offers), ProcessingDirective(often))


def test_a_type_with_a_queue_of_its_own_goes_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NOTIFICATIONS_QUEUE_ARN", "all")
    monkeypatch.delenv("ORDERS_QUEUE_ARN", raising=False)
    assert (queue_for("ORDER_CHANGE"), queue_arns()) == ("all", ("all",))
    monkeypatch.setenv("ORDERS_QUEUE_ARN", "orders")
    assert (queue_for("ORDER_CHANGE"), queue_for("FEE_PROMOTION")) == ("orders", "all")
    assert queue_arns() == ("all", "orders")


class TestDestinations:
    def test_they_are_remembered_for_ten_minutes_by_default(self, asked: list[str]) -> None:
        now = [100.0]
        kept = Destinations(clock=lambda: now[0])
        for moment in (100, 699.9, 700):
            now[0] = moment
            kept.id_for(self.caller(), "one")
        assert len(asked) == 2

    def test_only_the_destination_that_is_gone_is_forgotten(self, asked: list[str]) -> None:
        kept = Destinations()
        for queue in ("one", "two"):
            kept.id_for(self.caller(), queue)
        kept.forget("destination-2")
        assert [kept.id_for(self.caller(), queue) for queue in ("one", "two")] == ["destination-1", "destination-3"]
        assert asked == ["NA one", "NA two", "NA two"]

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
