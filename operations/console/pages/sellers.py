"""Sellers: connections, subscriptions and schedules; subscribe, unsubscribe, leave."""

import re
from collections.abc import Mapping
from urllib.parse import quote, urlencode

from starlette.requests import Request
from starlette.responses import Response

from operations.api import Api, RefusedError
from operations.command import counted
from operations.console.console import Console, Form
from operations.console.reading.reports import Search, search
from operations.console.reading.sellers import (
    COMPARISON,
    MOST_TYPES,
    Seller,
    compare_subscriptions,
    find_seller,
    kind_of,
    read_schedules,
    refused_because_subscribed_elsewhere,
    sellers,
)
from operations.console.web import Page, ShownError, done, show
from quickstart.notifications.types import SQS_TYPES
from sp_api.regions import Region

SUBSCRIPTIONS, SCHEDULES, TOKENS = "NotificationsSubscriberUrl", "ReportSchedulesUrl", "TokenStorageUrl"
_ON_A_PAGE = 100


def all_sellers(console: Console, request: Request) -> Response:
    given = request.query_params
    wanted, after = given.get("seller", "").strip(), given.get("after", "")
    found = [
        seller
        for seller in sellers(console)
        if wanted in seller.seller_id or any(wanted in (each.host_reference or "") for each in seller.connections)
    ]
    care = given.get("state") == "care"
    if care:
        found = [seller for seller in found if seller.worst(console.now())[1] != "good"]
    rest = [seller for seller in found if seller.seller_id > after]
    shown = rest[:_ON_A_PAGE]
    more = {"seller": wanted, "state": "care" if care else "", "after": shown[-1].seller_id if shown else ""}
    return show(
        console,
        request,
        "sellers.html",
        sellers=shown,
        count=len(found),
        wanted=wanted,
        care=care,
        next="?" + urlencode({name: value for name, value in more.items() if value}) if len(rest) > len(shown) else "",
        address=address,
    )


def one_seller(console: Console, request: Request) -> Response:
    found = _found(console, request)
    return show(
        console,
        request,
        "seller.html",
        seller=found,
        address=address(found.seller_id),
        kind_of=kind_of,
        types=list(SQS_TYPES),
    )


def compare(console: Console, request: Request) -> Response:
    """Asks SP-API about the subscriptions and schedules of one region."""
    found, region = _found(console, request), _region(request.path_params["region"])
    given = [name.strip().upper() for name in request.query_params.get("types", "").split(",") if name.strip()]
    if len(given) > MOST_TYPES:
        raise ShownError(400, "Too many report types", f"Enter at most {MOST_TYPES} types, separated by commas.")
    subscriptions = console.start(lambda: compare_subscriptions(console, found.seller_id, region))
    recent = given or _recent_types(console, found.seller_id)
    schedules = console.part(lambda: read_schedules(console, found.seller_id, region, recent))
    return show(
        console,
        request,
        "compared.html",
        seller=found,
        region=region,
        address=address(found.seller_id),
        compared=subscriptions.result(),
        meanings=COMPARISON,
        schedules=schedules,
        types=recent,
        most=MOST_TYPES,
    )


def _recent_types(console: Console, seller_id: str) -> list[str]:
    """The types of the seller's latest reports, most frequent first: SP-API lists schedules only by type."""
    part = console.part(lambda: search(console, Search([seller_id])))
    names = [report.report_type for report in part.value.reports if report.report_type] if part.value else []
    return sorted(set(names), key=lambda name: (-names.count(name), name))[:MOST_TYPES]


def subscribe(console: Console, request: Request, form: Form) -> Response:
    found, region = _found(console, request), _region(form.get("region", ""))
    kind = form.get("type", "")
    body: dict[str, object] = {"SellerId": found.seller_id, "RegionCode": region, "NotificationType": kind}
    if form.get("replace"):
        body["Replace"] = True
    try:
        answer = Api(console.stack, attempts=1).send("POST", SUBSCRIPTIONS, body=body)
    except RefusedError as error:
        elsewhere = refused_because_subscribed_elsewhere(error)
        hint = " To replace it, subscribe again and choose replace." if elsewhere else ""
        return done(console, address(found.seller_id), f"Not subscribed: {error}.{hint}", problem=True)
    return done(
        console, address(found.seller_id), f"Subscribed to {kind} in {region}: subscription {answer['subscriptionId']}."
    )


def unsubscribe(console: Console, request: Request, form: Form) -> Response:
    found, region = _found(console, request), _region(form.get("region", ""))
    kind = form.get("type", "")
    try:
        query = {"SellerId": found.seller_id, "RegionCode": region, "OnlyOwn": "true"}
        answer = Api(console.stack, attempts=1).send("DELETE", SUBSCRIPTIONS, f"/{quote(kind, safe='')}", **query)
    except RefusedError as error:
        return done(console, address(found.seller_id), f"Not unsubscribed: {error}", problem=True)
    count = len(answer.get("subscriptionIds", []))
    return done(
        console,
        address(found.seller_id),
        f"Unsubscribed from {kind} in {region}: {counted(count, 'subscription')} ended.",
    )


def cancel_schedule(console: Console, request: Request, form: Form) -> Response:
    found, region = _found(console, request), _region(request.path_params["region"])
    schedule = form.get("schedule", "")
    where = f"{address(found.seller_id)}/{region}"
    try:
        Api(console.stack, attempts=1).send(
            "DELETE", SCHEDULES, f"/{quote(schedule, safe='')}", SellerId=found.seller_id, RegionCode=region
        )
    except RefusedError as error:
        return done(console, where, f"Not cancelled: {error}", problem=True)
    return done(console, where, f"Cancelled the schedule {schedule}.")


def ask_to_leave(console: Console, request: Request) -> Response:
    """The page that asks first: leaving deletes everything of the seller."""
    found = _found(console, request)
    return show(console, request, "leave.html", seller=found, address=address(found.seller_id))


def leave(console: Console, request: Request, form: Form) -> Response:
    found = _found(console, request)
    if form.get("confirm", "").strip() != found.seller_id:
        text = f"Nothing was deleted: type {found.seller_id} to confirm."
        return done(console, f"{address(found.seller_id)}/leave", text, problem=True)
    try:
        answer = Api(console.stack, attempts=1).send("DELETE", TOKENS, f"/{quote(found.seller_id, safe='')}")
    except RefusedError as error:
        return done(console, address(found.seller_id), f"Not removed completely: {error}. Try again.", problem=True)
    console.forget("sellers")
    return done(console, "/sellers", f"Removed the seller {found.seller_id}: {_removed(answer)}.")


def _removed(counts: Mapping[str, object]) -> str:
    """What the API's answer counts: {"tokensDeleted": 2, "reportsDeleted": 0} is "2 tokens deleted"."""
    texts = []
    for name, value in counts.items():
        *noun, verb = re.findall("[A-Z]?[a-z]+", name)
        if isinstance(value, int) and value:
            texts.append(f"{counted(value, ' '.join(noun).lower().removesuffix('s'))} {verb.lower()}")
    return ", ".join(texts) or "nothing of it was left"


def address(seller_id: str) -> str:
    return f"/sellers/{quote(seller_id, safe='')}"


def _found(console: Console, request: Request) -> Seller:
    seller_id = request.path_params["seller"]
    found = find_seller(console, seller_id)
    if found is None:
        raise ShownError(404, "Seller not found", f"The stack has no token and no subscription of {seller_id}.")
    return found


def _region(given: str) -> str:
    try:
        return str(Region(given))
    except ValueError:
        raise ShownError(400, "Unknown region", f"The region must be one of {', '.join(Region)}.") from None


ONE = "/sellers/{seller}"
PAGE = Page(
    "Sellers",
    "/sellers",
    {"/sellers": all_sellers, ONE: one_seller, f"{ONE}/leave": ask_to_leave, f"{ONE}/{{region}}": compare},
    {
        f"{ONE}/subscribe": subscribe,
        f"{ONE}/unsubscribe": unsubscribe,
        f"{ONE}/leave": leave,
        f"{ONE}/{{region}}/cancel": cancel_schedule,
    },
    needs="SellingPartnersTableName",
)
