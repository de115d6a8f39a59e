"""What a stack has set up at SP-API: sellers' subscriptions and report schedules.

Both stay active at SP-API after the stack is deleted. They are therefore looked up and deleted through the stack's own
endpoints first, with the operator's credentials.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode

import requests
from requests.adapters import HTTPAdapter
from urllib3.util import Retry

from operations.stack import Stack, signed_headers
from quickstart.application_secret import ApplicationSecret
from quickstart.notifications.payload_versions import EVERY_SELLER
from sp_api import notifications
from sp_api.caller import Caller, SellingPartnerApi, user_agent
from sp_api.deadline import Deadline
from sp_api.errors import NotFoundError, SellingPartnerApiError
from sp_api.lwa import LwaClient, Scope
from sp_api.regions import Environment, Region
from sp_api.transport import make_http

# getReportSchedules accepts this many report types.
_MOST_REPORT_TYPES = 10
# An endpoint responds within 29 seconds.
_SECONDS = 35
# Retries throttled requests (429, with Retry-After) and time-outs. Five retries end before the signature expires, which
# is valid for five minutes.
_RETRIES = Retry(
    total=5,
    connect=1,
    status_forcelist=(429, 503, 504),
    allowed_methods=("GET", "DELETE"),
    backoff_factor=1.0,
    respect_retry_after_header=True,
    raise_on_status=False,
)


@dataclass(frozen=True, order=True)
class Subscription:
    """A seller's subscription from the SellingPartners table. `item` is the range key of its item."""

    seller_id: str
    region: str
    notification_type: str
    subscription_id: str
    destination_id: str
    item: str

    def __str__(self) -> str:
        return (
            f"subscription {self.subscription_id} of seller {self.seller_id} to {self.notification_type} in "
            f"{self.region}"
        )


@dataclass(frozen=True, order=True)
class ReportSchedule:
    """A report schedule from SP-API. `period` is an ISO 8601 duration such as PT12H."""

    seller_id: str
    region: str
    report_schedule_id: str
    report_type: str
    period: str

    def __str__(self) -> str:
        return (
            f"schedule {self.report_schedule_id} of seller {self.seller_id} for {self.report_type} every "
            f"{self.period} in {self.region}"
        )


@dataclass(frozen=True)
class Failure:
    """What could not be looked up or deleted, and why."""

    what: str
    reason: str

    def __str__(self) -> str:
        return f"{self.what}: {self.reason}"


def recorded_subscriptions(dynamodb: Any, table: str) -> tuple[int, list[Subscription]]:
    """The number of sellers in the SellingPartners table, and every subscription in it."""
    items = list(_items(dynamodb, table))
    subscriptions = sorted(
        Subscription(
            item["SellerId"]["S"],
            item["RegionCode"]["S"],
            item["NotificationType"]["S"],
            item["SubscriptionId"]["S"],
            item["DestinationId"]["S"],
            item["Item"]["S"],
        )
        for item in items
        if item["Item"]["S"].startswith("SUBSCRIPTION#")
    )
    return len({item["SellerId"]["S"] for item in items} - {EVERY_SELLER}), subscriptions


def known_report_types(dynamodb: Any, table: str) -> Mapping[tuple[str, str], list[str]]:
    """The types of the reports in the Reports table, by seller and region."""
    found: dict[tuple[str, str], set[str]] = defaultdict(set)
    for item in _items(dynamodb, table):
        if "RegionCode" in item and "ReportType" in item:
            found[item["SellerId"]["S"], item["RegionCode"]["S"]].add(item["ReportType"]["S"])
    return {owner: sorted(types) for owner, types in sorted(found.items())}


def report_schedules(stack: Stack, known: Mapping[tuple[str, str], list[str]]) -> Iterator[ReportSchedule | Failure]:
    """The schedules of these report types; a Failure for each seller whose schedules SP-API does not return."""
    for (seller_id, region), types in known.items():
        for first in range(0, len(types), _MOST_REPORT_TYPES):
            some = ",".join(types[first : first + _MOST_REPORT_TYPES])
            query = {"SellerId": seller_id, "RegionCode": region, "ReportTypes": some}
            answer = _send(stack, "GET", stack.outputs["ReportSchedulesUrl"], query)
            if isinstance(answer, str):
                yield Failure(f"report schedules of seller {seller_id} in {region}", answer)
                break
            for schedule in answer["reportSchedules"]:
                yield ReportSchedule(
                    seller_id, region, schedule["reportScheduleId"], schedule["reportType"], schedule["period"]
                )


def delete_subscriptions(stack: Stack, subscriptions: list[Subscription]) -> Iterator[Subscription | Failure]:
    """Deletes through the stack's endpoint. Yields each deleted subscription, or a Failure for one that was not.

    Ends with a Failure for each destination that SP-API keeps.
    """
    destinations: dict[tuple[str, str], bool] = {}
    done: set[tuple[str, str, str]] = set()
    for subscription in subscriptions:
        request = (subscription.seller_id, subscription.region, subscription.notification_type)
        if request not in done:  # one request deletes the subscriptions of all payload versions
            done.add(request)
            answer = _send(
                stack,
                "DELETE",
                f"{stack.outputs['NotificationsSubscriberUrl']}/{quote(subscription.notification_type)}",
                {
                    "SellerId": subscription.seller_id,
                    "RegionCode": subscription.region,
                    "AllowUnknownType": "true",
                    "OnlyOwn": "true",  # another stack may have taken the seller over
                },
            )
        if isinstance(answer, str):
            yield Failure(str(subscription), answer)
            continue
        destinations[subscription.region, subscription.destination_id] = answer["destinationRemoved"]
        yield subscription
    for (region, destination_id), removed in destinations.items():
        if not removed:
            yield Failure(
                f"destination {destination_id} in {region}", "kept by SP-API, because subscriptions still use it"
            )


def delete_subscriptions_without_stack(
    client: Callable[[str], Any],
    environment: Environment,
    secret: str,
    table: str,
    subscriptions: list[Subscription],
) -> Iterator[Subscription | Failure]:
    """Like `delete_subscriptions`, with the application's credentials, which outlive a deleted stack.

    SP-API lets the application delete subscriptions and destinations by id, without a seller's token. Raises
    SecretUnreadableError.
    """
    credentials = ApplicationSecret(client("secretsmanager"), secret).in_use().credentials
    http = make_http()
    lwa = LwaClient(http, environment.lwa_url, lambda *, fresh: credentials)  # noqa: ARG005 just read
    api = SellingPartnerApi(environment, lwa, http, user_agent("SellingPartnerApiQuickStart", "operations"))

    def application(region: str) -> Caller:
        return api.grantless(Scope.NOTIFICATIONS, Region(region), Deadline.after(_SECONDS))

    for subscription in subscriptions:
        try:
            notifications.delete_subscription_by_id(
                application(subscription.region), subscription.notification_type, subscription.subscription_id
            )
        except NotFoundError:
            pass  # already deleted
        except SellingPartnerApiError as error:
            yield Failure(str(subscription), str(error))
            continue
        key = {"SellerId": {"S": subscription.seller_id}, "Item": {"S": subscription.item}}
        client("dynamodb").delete_item(TableName=table, Key=key)
        yield subscription
    for region, destination_id in sorted({(known.region, known.destination_id) for known in subscriptions}):
        try:
            notifications.delete_destination(application(region), destination_id)
        except NotFoundError:
            pass
        except SellingPartnerApiError as error:
            yield Failure(f"destination {destination_id} in {region}", str(error))


def delete_report_schedules(stack: Stack, schedules: list[ReportSchedule]) -> Iterator[ReportSchedule | Failure]:
    """Deletes through the stack's endpoint. Yields each deleted schedule, or a Failure for one that was not."""
    for schedule in schedules:
        answer = _send(
            stack,
            "DELETE",
            f"{stack.outputs['ReportSchedulesUrl']}/{quote(schedule.report_schedule_id)}",
            {"SellerId": schedule.seller_id, "RegionCode": schedule.region},
            gone_is_done=True,
        )
        yield Failure(str(schedule), answer) if isinstance(answer, str) else schedule


def _items(dynamodb: Any, table: str) -> Iterator[Mapping[str, Any]]:
    for page in dynamodb.get_paginator("scan").paginate(TableName=table):
        yield from page["Items"]


def _send(
    stack: Stack, method: str, url: str, query: Mapping[str, str], *, gone_is_done: bool = False
) -> dict[str, Any] | str:
    """The response body, or the reason for the failure as text. With `gone_is_done`, 404 is a success."""
    address = f"{stack.address(url)}?{urlencode(query)}"
    headers = signed_headers(stack, method, address)
    with requests.Session() as session:
        for scheme in ("https://", "http://"):
            session.mount(scheme, HTTPAdapter(max_retries=_RETRIES))
        try:
            answer = session.request(method, address, headers=headers, timeout=_SECONDS)
        except requests.RequestException as error:
            return f"the stack's endpoint does not respond ({type(error).__name__})"
    body = _body(answer)
    if answer.ok or (gone_is_done and answer.status_code == 404):
        return body
    if answer.status_code == 403 and "errors" not in body:
        return "HTTP 403: your credentials need execute-api:Invoke on the stack's APIs"
    return f"HTTP {answer.status_code}: {body.get('message', answer.reason)}"


def _body(answer: requests.Response) -> dict[str, Any]:
    try:
        body = answer.json()
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}
