"""Subscribing, listing and unsubscribing, and what each wrong request is told."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import requests

from servers import Servers
from simulator import control
from tests.end_to_end.host import HostProduct, Seller, mail_about, subscription_of
from tests.waiting import SECONDS

URL = "NotificationsSubscriberUrl"
Rules = Callable[..., Any]


def ask(host: HostProduct, method: str, path: str = "", **query: str) -> requests.Response:
    return requests.request(
        method, host.deployment.url(URL) + path, params=query, auth=host.signature(), timeout=SECONDS
    )


def subscribe(host: HostProduct, seller: Seller, notification_type: str, **fields: object) -> requests.Response:
    return host.send(URL, subscription_of(seller) | {"NotificationType": notification_type} | fields)


def at_sp_api(
    seller: Seller, method: str, path: str, body: object = None, *, region: str = "na", own: bool = True
) -> Any:
    """Asks the simulator past the stack, as the seller or, for grantless operations, as the application."""
    token = seller.access_token() if own else seller.application_access_token()
    answer = requests.request(
        method,
        f"{seller.servers.simulator_endpoint}/{region}/notifications/v1/{path}",
        json=body,
        headers={"x-amz-access-token": token},
        timeout=SECONDS,
    )
    return answer.json().get("payload")


def subscribe_elsewhere(seller: Seller, notification_type: str, **body: object) -> Any:
    """As another stack with the same application does."""
    arn = f"arn:aws:sqs:us-east-1:111122223333:{seller.seller_id}"
    made = {"name": "elsewhere", "resourceSpecification": {"sqs": {"arn": arn}}}
    destination = at_sp_api(seller, "POST", "destinations", made, own=False)["destinationId"]
    wanted = {"payloadVersion": "1.0", "destinationId": destination, **body}
    return at_sp_api(seller, "POST", f"subscriptions/{notification_type}", wanted)


@pytest.fixture
def stored_seller(host: HostProduct, seller: Seller) -> Seller:
    """A seller whose token is stored and who is not subscribed to anything."""
    host.store_token(seller)
    return seller


class TestRefusals:
    @pytest.mark.parametrize("method", ["POST", "DELETE"])
    @pytest.mark.parametrize(
        ("notification_type", "code", "words"),
        [
            ("LISTINGS_ITEM_ISSUES_CHANGE", "EventBridgeWorkflow", "Amazon EventBridge workflow"),
            ("SHIPMENT_TRACKING_MILESTONE_CHANGED", "EventBridgeWorkflow", "https://developer-docs.amazon.com/"),
            ("APPLICATION_OAUTH_CLIENT_NEW_SECRET", "ApplicationNotification", "Notification Preferences"),
            ("ORDER_STATUS_CHANGE", "InvalidValue", "ACCOUNT_STATUS_CHANGED, ANY_OFFER_CHANGED, B2B_"),
        ],
    )
    def test_a_type_that_cannot_be_subscribed_to_here(
        self, host: HostProduct, stored_seller: Seller, method: str, notification_type: str, code: str, words: str
    ) -> None:
        if method == "POST":
            answer = subscribe(host, stored_seller, notification_type)
        else:
            answer = ask(host, "DELETE", f"/{notification_type}", SellerId=stored_seller.seller_id, RegionCode="NA")
        assert answer.status_code == 400, answer.text
        (error,) = answer.json()["errors"]
        assert (error["field"], error["code"]) == ("NotificationType", code)
        assert words in error["message"]

    @pytest.mark.parametrize(
        ("notification_type", "fields", "field"),
        [
            ("FEE_PROMOTION", {"PayloadVersion": 1.0}, "PayloadVersion"),
            ("FEE_PROMOTION", {"AllowUnknownType": "yes"}, "AllowUnknownType"),
            ("FEE_PROMOTION", {"Replace": "yes"}, "Replace"),
            ("FEE_PROMOTION", {"ProcessingDirective": {"eventFilter": {}}}, "ProcessingDirective.eventFilter"),
            (
                "ORDER_CHANGE",
                {"ProcessingDirective": {"eventFilter": {"marketplaceIds": ["ATVPDKIKX0DER"]}}},
                "ProcessingDirective.eventFilter.marketplaceIds",
            ),
        ],
    )
    def test_a_field_that_does_not_fit(
        self, host: HostProduct, stored_seller: Seller, notification_type: str, fields: dict[str, object], field: str
    ) -> None:
        answer = subscribe(host, stored_seller, notification_type, **fields)
        assert answer.status_code == 400
        assert [error["field"] for error in answer.json()["errors"]] == [field]

    @pytest.mark.parametrize("version", ["9.9", "latest"])
    def test_a_payload_version_that_sp_api_does_not_know(
        self, host: HostProduct, stored_seller: Seller, version: str
    ) -> None:
        answer = subscribe(host, stored_seller, "REPORT_PROCESSING_FINISHED", PayloadVersion=version)
        assert answer.status_code == 400
        assert "createSubscription: HTTP 400 InvalidInput" in answer.json()["message"]
        assert "payloadVersion" in answer.json()["message"]

    def test_a_type_that_sp_api_does_not_know(self, host: HostProduct, stored_seller: Seller) -> None:
        answer = subscribe(host, stored_seller, "TAX_INVOICE_CREATED", AllowUnknownType=True)
        assert answer.status_code == 400
        assert "Invalid notification type TAX_INVOICE_CREATED" in answer.json()["message"]

    def test_a_revoked_token(self, host: HostProduct, stored_seller: Seller) -> None:
        stored_seller.control("POST", f"sellers/{stored_seller.seller_id}/revoke")
        query = {"SellerId": stored_seller.seller_id, "RegionCode": "NA"}
        for answer in (
            subscribe(host, stored_seller, "FEE_PROMOTION"),
            ask(host, "GET", **query),
            ask(host, "DELETE", "/FEE_PROMOTION", **query),
        ):
            assert answer.status_code == 409, answer.text
            assert answer.json()["errors"][0]["code"] == "RefreshTokenRefused"

    def test_an_unknown_seller(self, host: HostProduct, seller: Seller) -> None:
        query = {"SellerId": seller.seller_id, "RegionCode": "NA"}
        for answer in (ask(host, "GET", **query), ask(host, "DELETE", "/FEE_PROMOTION", **query)):
            assert answer.status_code == 404
            assert answer.json()["errors"][0]["code"] == "SellerUnknown"

    def test_a_missing_field_and_one_too_many(self, host: HostProduct, seller: Seller) -> None:
        answer = ask(host, "GET", SellerId=seller.seller_id, Region="NA")
        assert answer.status_code == 400
        assert sorted((error["field"], error["code"]) for error in answer.json()["errors"]) == [
            ("Region", "UnknownField"),
            ("RegionCode", "Missing"),
        ]


class TestSubscribing:
    @pytest.mark.parametrize("notification_type", ["ORDER_CHANGE", "ANY_OFFER_CHANGED"])
    def test_a_filter_is_filled_in_where_sp_api_demands_one(
        self, host: HostProduct, stored_seller: Seller, notification_type: str
    ) -> None:
        assert subscribe(host, stored_seller, notification_type).status_code == 200
        made = at_sp_api(stored_seller, "GET", f"subscriptions/{notification_type}")
        assert made["processingDirective"] == {"eventFilter": {"eventFilterType": notification_type}}

    def test_a_directive_is_passed_through(self, host: HostProduct, stored_seller: Seller) -> None:
        directive = {
            "eventFilter": {
                "eventFilterType": "ANY_OFFER_CHANGED",
                "marketplaceIds": ["ATVPDKIKX0DER"],
                "aggregationSettings": {"aggregationTimePeriod": "FiveMinutes"},
            }
        }
        assert subscribe(host, stored_seller, "ANY_OFFER_CHANGED", ProcessingDirective=directive).status_code == 200
        made = at_sp_api(stored_seller, "GET", "subscriptions/ANY_OFFER_CHANGED")
        assert made["processingDirective"] == directive

    @pytest.mark.parametrize(
        ("accepted", "notification_type", "version"),
        [
            ("1.0", "ACCOUNT_STATUS_CHANGED", "1.0"),
            ("dated", "ACCOUNT_STATUS_CHANGED", "2021-01-01"),
            ("both", "ITEM_SALES_EVENT_CHANGE", "1.0"),
        ],
    )
    def test_a_version_that_sp_api_accepts_is_found_and_returned(
        self,
        host: HostProduct,
        stored_seller: Seller,
        rules: Rules,
        accepted: str,
        notification_type: str,
        version: str,
    ) -> None:
        rules(payloadVersions=accepted)
        made = subscribe(host, stored_seller, notification_type)
        assert (made.status_code, made.json()["payloadVersion"]) == (200, version), made.text
        assert subscribe(host, stored_seller, notification_type).json() == made.json()
        found = at_sp_api(stored_seller, "GET", f"subscriptions/{notification_type}")
        assert (found["subscriptionId"], found["payloadVersion"]) == (made.json()["subscriptionId"], version)

    @pytest.mark.parametrize(("accepted", "version"), [("1.0", "1.0"), ("dated", "2020-09-04"), ("both", None)])
    def test_finished_reports_in_every_mode(
        self, host: HostProduct, stored_seller: Seller, rules: Rules, accepted: str, version: str | None
    ) -> None:
        rules(payloadVersions=accepted)
        made = subscribe(host, stored_seller, "REPORT_PROCESSING_FINISHED").json()
        # Where SP-API accepts both, the one that it accepted last stays.
        assert made["payloadVersion"] in ({version} if version else {"1.0", "2020-09-04"})
        report_id = host.create_report(stored_seller)
        assert mail_about(stored_seller.servers, report_id)

    def test_a_type_of_tomorrow(self, host: HostProduct, stored_seller: Seller) -> None:
        name = "LISTINGS_ITEM_STATUS_CHANGE"
        made = subscribe(host, stored_seller, name, AllowUnknownType=True)
        assert made.status_code == 200, made.text
        query = {"SellerId": stored_seller.seller_id, "RegionCode": "NA", "AllowUnknownType": "true"}
        (listed,) = ask(host, "GET", **query, NotificationType=name).json()["subscriptions"]
        assert (listed["state"], listed["subscriptionId"]) == ("Subscribed", made.json()["subscriptionId"])
        assert ask(host, "DELETE", f"/{name}", **query).json()["subscriptionIds"] == [made.json()["subscriptionId"]]

    def test_another_payload_version_is_another_subscription(
        self, host: HostProduct, stored_seller: Seller, rules: Rules
    ) -> None:
        rules(payloadVersions={"": "both", "FEE_PROMOTION": ["1.0", "2026-01-01"]})
        first = subscribe(host, stored_seller, "FEE_PROMOTION").json()
        second = subscribe(host, stored_seller, "FEE_PROMOTION", PayloadVersion="2026-01-01").json()
        assert first["subscriptionId"] != second["subscriptionId"]
        assert (
            at_sp_api(stored_seller, "GET", "subscriptions/FEE_PROMOTION?payloadVersion=1.0")["payloadVersion"] == "1.0"
        )
        ended = ask(host, "DELETE", "/FEE_PROMOTION", SellerId=stored_seller.seller_id, RegionCode="NA").json()
        assert set(ended["subscriptionIds"]) == {first["subscriptionId"], second["subscriptionId"]}

    def test_two_regions_of_one_seller(self, host: HostProduct, stored_seller: Seller) -> None:
        made = {
            region: subscribe(host, stored_seller, "FEE_PROMOTION", RegionCode=region).json() for region in ("NA", "EU")
        }
        assert made["NA"]["subscriptionId"] != made["EU"]["subscriptionId"]
        assert made["NA"]["destinationId"] != made["EU"]["destinationId"]
        ask(host, "DELETE", "/FEE_PROMOTION", SellerId=stored_seller.seller_id, RegionCode="NA").raise_for_status()
        assert at_sp_api(stored_seller, "GET", "subscriptions/FEE_PROMOTION") is None
        left = at_sp_api(stored_seller, "GET", "subscriptions/FEE_PROMOTION", region="eu")
        assert left["subscriptionId"] == made["EU"]["subscriptionId"]

    @pytest.mark.usefixtures("real_limits")
    def test_many_sellers_in_a_row_do_not_spend_the_applications_quota(
        self, host: HostProduct, servers: Servers, seller: Seller
    ) -> None:
        sellers = [new(servers, f"{seller.seller_id}X{number}") for number in range(12)]
        for each in sellers:
            host.store_token(each)
        control(servers.simulator_endpoint, "DELETE", "requests")
        answers = [subscribe(host, each, "FEE_PROMOTION") for each in sellers]
        assert [answer.status_code for answer in answers] == [200] * len(sellers)
        asked = control(servers.simulator_endpoint, "GET", "requests?operation=getDestinations")["requests"]
        print(f"{len(sellers)} sellers subscribed with {len(asked)} calls of getDestinations")
        assert len(asked) <= 3

    def test_requests_at_once_end_with_the_same_ids(self, host: HostProduct, servers: Servers, seller: Seller) -> None:
        sellers = [new(servers, f"{seller.seller_id}Y{number}") for number in range(2)]
        for each in sellers:
            host.store_token(each)
        with ThreadPoolExecutor() as pool:
            asked = [
                pool.submit(subscribe, host, each, "FEE_PROMOTION", RegionCode="FE") for each in [*sellers, *sellers]
            ]
            answers = [future.result() for future in asked]
        assert [answer.status_code for answer in answers] == [200] * 4
        assert [answer.json() for answer in answers[:2]] == [answer.json() for answer in answers[2:]]
        assert len({answer.json()["destinationId"] for answer in answers}) == 1
        for each in sellers:
            ask(host, "DELETE", "/FEE_PROMOTION", SellerId=each.seller_id, RegionCode="FE").raise_for_status()

    def test_a_destination_that_is_gone_is_made_again(self, host: HostProduct, stored_seller: Seller) -> None:
        first = subscribe(host, stored_seller, "FEE_PROMOTION", RegionCode="FE").json()
        path = f"subscriptions/FEE_PROMOTION/{first['subscriptionId']}"
        at_sp_api(stored_seller, "DELETE", path, region="fe", own=False)
        at_sp_api(stored_seller, "DELETE", f"destinations/{first['destinationId']}", region="fe", own=False)
        second = subscribe(host, stored_seller, "FEE_PROMOTION", RegionCode="FE")
        assert second.status_code == 200, second.text
        assert second.json()["destinationId"] != first["destinationId"]
        ask(host, "DELETE", "/FEE_PROMOTION", SellerId=stored_seller.seller_id, RegionCode="FE").raise_for_status()


class TestConflicts:
    def test_another_destination_is_told_and_replaced_on_request(
        self, host: HostProduct, stored_seller: Seller
    ) -> None:
        old = subscribe_elsewhere(stored_seller, "FEE_PROMOTION")
        told = subscribe(host, stored_seller, "FEE_PROMOTION")
        assert told.status_code == 409
        (error,) = told.json()["errors"]
        assert error["code"] == "SubscriptionConflict"
        for word in (old["subscriptionId"], old["destinationId"], "Replace: true"):
            assert word in error["message"]
        moved = subscribe(host, stored_seller, "FEE_PROMOTION", Replace=True)
        assert moved.status_code == 200, moved.text
        now = at_sp_api(stored_seller, "GET", "subscriptions/FEE_PROMOTION")
        assert now["subscriptionId"] == moved.json()["subscriptionId"] != old["subscriptionId"]
        assert now["destinationId"] == moved.json()["destinationId"]
        assert subscribe(host, stored_seller, "FEE_PROMOTION", Replace=True).json() == moved.json()

    @pytest.mark.parametrize("scope", ["version", "type"])
    def test_another_version_to_another_destination_is_told_replaced_and_ended(
        self, host: HostProduct, stored_seller: Seller, rules: Rules, scope: str
    ) -> None:
        old = subscribe_elsewhere(stored_seller, "FEED_PROCESSING_FINISHED")
        rules(payloadVersions="dated", conflictScope=scope)
        told = subscribe(host, stored_seller, "FEED_PROCESSING_FINISHED")
        assert (told.status_code, told.json()["errors"][0]["code"]) == (409, "SubscriptionConflict")
        assert old["subscriptionId"] in told.json()["message"]
        moved = subscribe(host, stored_seller, "FEED_PROCESSING_FINISHED", Replace=True)
        assert moved.status_code == 200, moved.text
        listed = at_sp_api(stored_seller, "GET", "subscriptions?notificationTypes=FEED_PROCESSING_FINISHED")
        assert [found["subscriptionId"] for found in listed["subscriptions"]] == [moved.json()["subscriptionId"]]
        query = {"SellerId": stored_seller.seller_id, "RegionCode": "NA"}
        assert ask(host, "DELETE", "/FEED_PROCESSING_FINISHED", **query).status_code == 200
        assert at_sp_api(stored_seller, "GET", "subscriptions/FEED_PROCESSING_FINISHED") is None

    def test_another_filter_is_told_and_replaced_on_request(self, host: HostProduct, stored_seller: Seller) -> None:
        first = subscribe(host, stored_seller, "ORDER_CHANGE").json()
        narrowed = {"eventFilter": {"orderChangeTypes": ["BuyerRequestedChange"]}}
        told = subscribe(host, stored_seller, "ORDER_CHANGE", ProcessingDirective=narrowed)
        assert told.status_code == 409
        assert "another ProcessingDirective" in told.json()["message"]
        moved = subscribe(host, stored_seller, "ORDER_CHANGE", ProcessingDirective=narrowed, Replace=True).json()
        assert moved["subscriptionId"] != first["subscriptionId"]
        # The same filter, and none in particular, are served by what there is now.
        assert subscribe(host, stored_seller, "ORDER_CHANGE", ProcessingDirective=narrowed).json() == moved
        assert subscribe(host, stored_seller, "ORDER_CHANGE").json() == moved

    def test_a_replacement_that_fails_restores_the_old_one(self, host: HostProduct, stored_seller: Seller) -> None:
        old = subscribe_elsewhere(stored_seller, "FEE_PROMOTION")
        self.fail_creating(stored_seller, 1)
        answer = subscribe(host, stored_seller, "FEE_PROMOTION", Replace=True)
        assert answer.status_code == 502
        (error,) = answer.json()["errors"]
        now = at_sp_api(stored_seller, "GET", "subscriptions/FEE_PROMOTION")
        assert error["code"] == "SubscriptionNotReplaced"
        assert f"restored as subscription {now['subscriptionId']}" in error["message"]
        assert now["destinationId"] == old["destinationId"]

    def test_a_replacement_that_leaves_nothing_says_so_and_can_be_repeated(
        self, host: HostProduct, stored_seller: Seller
    ) -> None:
        subscribe_elsewhere(stored_seller, "FEE_PROMOTION")
        self.fail_creating(stored_seller, 2)
        answer = subscribe(host, stored_seller, "FEE_PROMOTION", Replace=True)
        assert answer.status_code == 502
        assert "no longer subscribed" in answer.json()["message"]
        assert at_sp_api(stored_seller, "GET", "subscriptions/FEE_PROMOTION") is None
        assert subscribe(host, stored_seller, "FEE_PROMOTION", Replace=True).status_code == 200

    def fail_creating(self, seller: Seller, times: int) -> None:
        fault = {"fault": "status", "status": 503, "operation": "createSubscription", "count": times}
        seller.control("POST", "faults", {"sellerId": seller.seller_id, **fault})


class TestListing:
    def test_what_is_recorded_is_compared_with_what_sp_api_answers(
        self, host: HostProduct, stored_seller: Seller
    ) -> None:
        subscribed = subscribe(host, stored_seller, "ORDER_CHANGE").json()
        gone = subscribe(host, stored_seller, "FEE_PROMOTION").json()
        path = f"subscriptions/FEE_PROMOTION/{gone['subscriptionId']}"
        at_sp_api(stored_seller, "DELETE", path, own=False)
        elsewhere = subscribe_elsewhere(stored_seller, "PRICING_HEALTH")
        answer = ask(host, "GET", SellerId=stored_seller.seller_id, RegionCode="NA")
        assert answer.status_code == 200, answer.text
        body = answer.json()
        assert (body["sellerId"], body["regionCode"], body["notCompared"]) == (stored_seller.seller_id, "NA", [])
        found = {entry["notificationType"]: entry for entry in body["subscriptions"]}
        assert found["ORDER_CHANGE"] == {
            "notificationType": "ORDER_CHANGE",
            "state": "Subscribed",
            "payloadVersion": "1.0",
            "processingDirective": {"eventFilter": {"eventFilterType": "ORDER_CHANGE"}},
            **subscribed,
        }
        assert (found["FEE_PROMOTION"]["state"], found["FEE_PROMOTION"]["subscriptionId"]) == (
            "Gone",
            gone["subscriptionId"],
        )
        assert (found["PRICING_HEALTH"]["state"], found["PRICING_HEALTH"]["subscriptionId"]) == (
            "NotRecorded",
            elsewhere["subscriptionId"],
        )
        assert len(found) == len(body["subscriptions"]) == 3

    def test_one_type_is_asked_for_alone(self, host: HostProduct, stored_seller: Seller) -> None:
        subscribe(host, stored_seller, "ORDER_CHANGE")
        subscribe(host, stored_seller, "FEE_PROMOTION")
        query = {"SellerId": stored_seller.seller_id, "RegionCode": "NA", "NotificationType": "FEE_PROMOTION"}
        stored_seller.control("DELETE", "requests")
        (entry,) = ask(host, "GET", **query).json()["subscriptions"]
        assert entry["notificationType"] == "FEE_PROMOTION"
        assert len(stored_seller.control("GET", "requests?operation=getSubscriptions")["requests"]) == 1

    @pytest.mark.usefixtures("real_limits")
    def test_what_sp_api_throttles_is_named(self, host: HostProduct, stored_seller: Seller) -> None:
        subscribe(host, stored_seller, "TRANSACTION_UPDATE")
        body = ask(host, "GET", SellerId=stored_seller.seller_id, RegionCode="NA").json()
        assert [(entry["notificationType"], entry["state"]) for entry in body["subscriptions"]] == [
            ("TRANSACTION_UPDATE", "Subscribed")
        ]
        assert 0 < len(body["notCompared"]) < 17
        assert all("QuotaExceeded" in entry["reason"] for entry in body["notCompared"])

    def test_a_type_that_sp_api_refuses_is_named_and_no_answer_at_all_is_an_error(
        self, host: HostProduct, stored_seller: Seller
    ) -> None:
        subscribe(host, stored_seller, "TRANSACTION_UPDATE")
        query = {"SellerId": stored_seller.seller_id, "RegionCode": "NA"}
        fault = {"operation": "getSubscriptions", "sellerId": stored_seller.seller_id, "fault": "status"}
        for operation in ("getSubscriptions", "getSubscription"):
            denied = fault | {"operation": operation, "status": 403, "code": "Unauthorized"}
            stored_seller.control("POST", "faults", denied)
        body = ask(host, "GET", **query).json()
        assert [entry["state"] for entry in body["subscriptions"]] == ["NotCompared"]
        ((named, reason),) = [(entry["notificationType"], entry["reason"]) for entry in body["notCompared"]]
        assert named == "TRANSACTION_UPDATE"
        assert "Unauthorized" in reason
        for status, told in ((429, 429), (503, 502)):
            stored_seller.control("POST", "faults", fault | {"status": status})
            assert ask(host, "GET", **query, NotificationType="TRANSACTION_UPDATE").status_code == told


class TestUnsubscribing:
    def test_the_destination_goes_with_its_last_subscription(self, host: HostProduct, stored_seller: Seller) -> None:
        query = {"SellerId": stored_seller.seller_id, "RegionCode": "FE"}
        made = [
            subscribe(host, stored_seller, name, RegionCode="FE").json() for name in ("PRICING_HEALTH", "FEE_PROMOTION")
        ]
        first = ask(host, "DELETE", "/PRICING_HEALTH", **query)
        assert first.json() == {
            "sellerId": stored_seller.seller_id,
            "regionCode": "FE",
            "notificationType": "PRICING_HEALTH",
            "subscriptionIds": [made[0]["subscriptionId"]],
            "destinationRemoved": False,
        }
        assert at_sp_api(stored_seller, "GET", "subscriptions/PRICING_HEALTH", region="fe") is None
        assert ask(host, "DELETE", "/FEE_PROMOTION", **query).json()["destinationRemoved"] is True
        assert at_sp_api(stored_seller, "GET", "destinations", region="fe", own=False) == []
        again = ask(host, "DELETE", "/FEE_PROMOTION", **query)
        assert again.status_code == 404
        assert again.json()["errors"][0]["code"] == "NotSubscribed"

    def test_a_revoked_seller_is_unsubscribed(self, host: HostProduct, stored_seller: Seller) -> None:
        made = subscribe(host, stored_seller, "FEE_PROMOTION").json()
        stored_seller.control("POST", f"sellers/{stored_seller.seller_id}/revoke")
        answer = ask(host, "DELETE", "/FEE_PROMOTION", SellerId=stored_seller.seller_id, RegionCode="NA")
        assert answer.status_code == 200, answer.text
        path = f"subscriptions/FEE_PROMOTION/{made['subscriptionId']}"
        assert at_sp_api(stored_seller, "GET", path, own=False) is None

    def test_what_was_not_recorded_is_ended(self, host: HostProduct, stored_seller: Seller) -> None:
        destination = subscribe(host, stored_seller, "ORDER_CHANGE").json()["destinationId"]
        wanted = {"payloadVersion": "1.0", "destinationId": destination}
        unrecorded = at_sp_api(stored_seller, "POST", "subscriptions/PRICING_HEALTH", wanted)
        query = {"SellerId": stored_seller.seller_id, "RegionCode": "NA"}
        ended = ask(host, "DELETE", "/PRICING_HEALTH", **query)
        assert ended.json()["subscriptionIds"] == [unrecorded["subscriptionId"]]
        assert at_sp_api(stored_seller, "GET", "subscriptions/PRICING_HEALTH") is None

    def test_what_is_elsewhere_is_ended_unless_only_own_are_requested(
        self, host: HostProduct, stored_seller: Seller
    ) -> None:
        other = subscribe_elsewhere(stored_seller, "FEE_PROMOTION")
        query = {"SellerId": stored_seller.seller_id, "RegionCode": "NA"}
        refused = ask(host, "DELETE", "/FEE_PROMOTION", **query, OnlyOwn="true")
        assert refused.status_code == 409
        assert other["destinationId"] in refused.json()["message"]
        assert at_sp_api(stored_seller, "GET", "subscriptions/FEE_PROMOTION") is not None
        ended = ask(host, "DELETE", "/FEE_PROMOTION", **query)
        assert ended.json()["subscriptionIds"] == [other["subscriptionId"]]
        assert at_sp_api(stored_seller, "GET", "subscriptions/FEE_PROMOTION") is None

    def test_one_that_only_the_sellers_token_deletes(self, host: HostProduct, stored_seller: Seller) -> None:
        made = subscribe(host, stored_seller, "B2B_ANY_OFFER_CHANGED").json()
        query = {"SellerId": stored_seller.seller_id, "RegionCode": "NA"}
        ended = ask(host, "DELETE", "/B2B_ANY_OFFER_CHANGED", **query)
        assert (ended.status_code, ended.json()["subscriptionIds"]) == (200, [made["subscriptionId"]]), ended.text

    def test_a_seller_leaves_with_one_that_only_the_sellers_token_deletes(
        self, host: HostProduct, stored_seller: Seller
    ) -> None:
        subscribe(host, stored_seller, "B2B_ANY_OFFER_CHANGED").raise_for_status()
        left = host.delete("TokenStorageUrl", f"/{stored_seller.seller_id}")
        assert (left.status_code, left.json()["subscriptionsEnded"], left.json()["tokensDeleted"]) == (200, 1, 1)
        assert at_sp_api(stored_seller, "GET", "subscriptions/B2B_ANY_OFFER_CHANGED") is None


@pytest.fixture
def rules(servers: Servers) -> Iterator[Rules]:
    """Sets what SP-API accepts, until the test ends."""
    set_rules: Rules = lambda **changed: control(servers.simulator_endpoint, "PUT", "subscription-rules", changed)  # noqa: E731
    yield set_rules
    set_rules(payloadVersions="evidence", tokens="evidence", conflictScope="version")


@pytest.fixture
def real_limits(servers: Servers) -> Iterator[None]:
    """SP-API's own quotas, with all buckets full."""
    control(servers.simulator_endpoint, "PUT", "rate-limits", {"scale": 1})
    yield
    control(servers.simulator_endpoint, "PUT", "rate-limits", {"scale": 0})


def new(servers: Servers, seller_id: str) -> Seller:
    return Seller(
        servers,
        seller_id,
        control(servers.simulator_endpoint, "POST", "sellers", {"sellerId": seller_id})["refreshToken"],
    )
