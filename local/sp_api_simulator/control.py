"""The control API under /simulator/, with which tests and people set up scenarios. See README.md in this folder."""

from __future__ import annotations

import json
import logging
import secrets
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from datetime import timedelta
from functools import partial

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from sp_api_simulator import (
    application_management,
    delivery,
    feed_control,
    listing_control,
    lwa,
    reports,
    subscription_control,
)
from sp_api_simulator.clock import notification_timestamp, parse_timestamp
from sp_api_simulator.control_api import CONTROL_OPERATIONS, EMPTY, OPENAPI_PATH, ControlOperation, document
from sp_api_simulator.control_fields import ControlError, Fields
from sp_api_simulator.control_schema import check, fields
from sp_api_simulator.documents import DocumentSpecification
from sp_api_simulator.faults import FAULT_KINDS, Fault
from sp_api_simulator.hosts import FOREIGN, is_foreign
from sp_api_simulator.notification_examples import UNPUBLISHED_TYPES
from sp_api_simulator.notification_types import APPLICATION_TYPES, SUBSCRIBABLE_TYPES
from sp_api_simulator.state import (
    Application,
    ConsentSettings,
    Delivery,
    Json,
    Notification,
    Order,
    Outcome,
    OutcomeRule,
    ProcessingStatus,
    Region,
    Seller,
    State,
)

logger = logging.getLogger("sp_api_simulator")


ControlHandler = Callable[[State, Request, Json], Awaitable[Json]]
EVERY_METHOD = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"]


Handlers = Mapping[str, ControlHandler]
"""The handlers of the control API by method and path, as in CONTROL_OPERATIONS."""


def handlers(reset: Callable[[], None]) -> Handlers:
    """The handlers of all operations. `reset` restores the state at the start."""

    async def reset_all(_: State, __: Request, ___: Json) -> Json:
        reset()
        return {}

    table: list[tuple[str, str, ControlHandler]] = [
        ("GET", "/simulator", _overview),
        ("POST", "/simulator/reset", reset_all),
        ("POST", "/simulator/applications", _add_application),
        ("GET", "/simulator/applications/{client_id}", _show_application),
        ("PUT", "/simulator/applications/{client_id}", _change_application),
        ("POST", "/simulator/applications/{client_id}/rotate-secret", _rotate_secret),
        ("POST", "/simulator/applications/{client_id}/expiry-notice", _warn_of_expiry),
        ("POST", "/simulator/applications/{client_id}/expire-secrets", _expire_secrets),
        ("PUT", "/simulator/applications/{client_id}/consent", _set_consent),
        ("POST", "/simulator/sellers", _add_seller),
        ("POST", "/simulator/sellers/{seller_id}/revoke", _revoke_seller),
        ("POST", "/simulator/sellers/{seller_id}/authorize", _authorize_seller),
        ("POST", "/simulator/sellers/{seller_id}/authorization-code", _authorization_code),
        ("GET", "/simulator/reports", _list_reports),
        ("POST", "/simulator/reports", _add_report),
        ("PUT", "/simulator/report-outcomes", _set_outcomes),
        ("POST", "/simulator/report-outcomes", _add_outcomes),
        ("GET", "/simulator/feeds", feed_control.list_feeds),
        ("PUT", "/simulator/feed-outcomes", feed_control.set_outcomes),
        ("POST", "/simulator/feed-outcomes", feed_control.add_outcomes),
        ("GET", "/simulator/faults", _list_faults),
        ("POST", "/simulator/faults", _add_fault),
        ("DELETE", "/simulator/faults", _clear_faults),
        ("GET", "/simulator/requests", _list_requests),
        ("DELETE", "/simulator/requests", _clear_requests),
        ("GET", "/simulator/secrets", _list_secrets),
        ("GET", "/simulator/clock", _read_clock),
        ("PUT", "/simulator/clock", _set_clock),
        ("GET", "/simulator/rate-limits", _read_rate_limits),
        ("PUT", "/simulator/rate-limits", _set_rate_limits),
        ("GET", "/simulator/strict-mode", _read_strict_mode),
        ("PUT", "/simulator/strict-mode", _set_strict_mode),
        ("GET", "/simulator/subscription-rules", subscription_control.read_rules),
        ("PUT", "/simulator/subscription-rules", subscription_control.set_rules),
        ("PUT", "/simulator/orders/{order_id}", _put_order),
        ("GET", "/simulator/listings", listing_control.list_listings),
        ("PUT", "/simulator/listing-outcomes", listing_control.set_outcomes),
        ("POST", "/simulator/listing-outcomes", listing_control.add_outcomes),
        ("PUT", "/simulator/products/{asin}", listing_control.put_product),
        ("PUT", "/simulator/products/{asin}/restrictions", listing_control.put_restrictions),
        ("PUT", "/simulator/sellers/{seller_id}/approved-brands", listing_control.put_approved_brands),
        ("GET", "/simulator/product-types", _read_product_types),
        ("PUT", "/simulator/product-types", _set_product_types),
        ("GET", "/simulator/notification-types", _list_notification_types),
        ("GET", "/simulator/notifications", _list_notifications),
        ("POST", "/simulator/notifications", _send_notification),
        ("DELETE", "/simulator/notifications", _clear_notifications),
        ("POST", "/simulator/notifications/release", _release_notifications),
        ("GET", OPENAPI_PATH, _show_openapi),
    ]
    return {f"{method} {path}": handler for method, path, handler in table}


def routes(state: State, known: Handlers) -> list[Route]:
    """The routes of the control API."""

    def route(path: str, operation: str, method: str) -> Route:
        return Route(path, partial(_control, state, known[operation], CONTROL_OPERATIONS[operation]), methods=[method])

    found = [route(operation.split(" ")[1], operation, operation.split(" ")[0]) for operation in known]
    return [
        *found,
        route("/simulator/", "GET /simulator", "GET"),
        Route("/simulator/{path:path}", partial(_no_such_operation, found), methods=EVERY_METHOD),
    ]


async def _control(state: State, handler: ControlHandler, operation: ControlOperation, request: Request) -> Response:
    """Reads a request and answers it in JSON. The JSON is ASCII, because a logged request can have half a character."""
    if is_foreign(request):
        return JSONResponse({"error": FOREIGN}, 403)
    try:
        body = _read_body(await request.body())
        check(dict(request.query_params), fields(operation.query or {}), "query parameters")
        answer = await perform(state, handler, operation, request, body)
        return Response(json.dumps(answer), media_type="application/json")
    except ControlError as error:
        return JSONResponse({"error": str(error)}, error.status)


async def perform(
    state: State, handler: ControlHandler, operation: ControlOperation, request: Request, body: Json
) -> Json:
    """Checks the body against the operation's schema, and calls the handler.

    Raises ControlError for a request that is not valid.
    """
    is_list = operation.many and isinstance(body, list)
    for number, one in enumerate(body if is_list else [body]):
        check(one, operation.body or EMPTY, f"[{number}]" if is_list else "")
    try:
        return await handler(state, request, body)
    except ValueError as error:
        raise ControlError(str(error)) from error


def _read_body(raw_body: bytes) -> Json:
    """The JSON body; an empty object if there is none. NaN and infinity are not JSON."""

    def refuse(name: str) -> Json:
        raise ControlError(f"the body is not JSON: {name} is not a number")

    try:
        body = json.loads(raw_body, parse_constant=refuse) if raw_body else {}
        json.dumps(body, ensure_ascii=False).encode()
    except UnicodeEncodeError as error:
        raise ControlError("the body has half of a character (an unpaired surrogate)") from error
    except ValueError as error:
        raise ControlError(f"the body is not JSON: {error}") from error
    except RecursionError as error:
        raise ControlError("the body is nested too deeply") from error
    return body


async def _no_such_operation(known: list[Route], request: Request) -> Response:
    """404, or 405 for a path of the control API with another method."""
    methods = sorted(
        {method for route in known if route.path_regex.match(request.url.path) for method in route.methods or ()}
    )
    what = f"The control API has no {request.method} {request.url.path}."
    if methods:
        return JSONResponse({"error": f"{what} It has {', '.join(methods)}"}, 405, {"Allow": ", ".join(methods)})
    return JSONResponse({"error": f"{what} {OPENAPI_PATH} describes it"}, 404)


async def _show_openapi(_: State, __: Request, ___: Json) -> Json:
    return document()


async def _overview(state: State, _: Request, __: Json) -> Json:
    return {
        "applications": [
            {"clientId": app.client_id, "applicationId": app.application_id} for app in state.applications.values()
        ],
        "sellers": [
            {
                "sellerId": seller.seller_id,
                "accountId": seller.account_id,
                "vendor": seller.vendor,
                "regions": sorted(seller.regions),
            }
            for seller in state.sellers.values()
        ],
        "destinations": len(state.destinations),
        "subscriptions": len(state.subscriptions),
        "reports": len(state.reports),
        "feeds": len(state.feeds.feeds),
        "sandboxExamples": {"file": str(state.sandbox_examples.source), "loaded": state.sandbox_examples.loaded},
    }


async def _add_application(state: State, _: Request, body: Json) -> Json:
    fields = Fields(body)
    client_id = fields.text("clientId", f"amzn1.application-oa2-client.{secrets.token_hex(16)}")
    client_secret = fields.text("clientSecret", f"amzn1.oa2-cs.v1.{secrets.token_hex(32)}")
    application_id = fields.text("applicationId", f"amzn1.sp.solution.{secrets.token_hex(16)}")
    secret = application_management.first_secret(state.clock, client_secret)
    application = _changed_application(Application(client_id, application_id, (secret,)), fields)
    fields.end()
    application_management.register(state, application)
    return {"clientId": client_id, "clientSecret": client_secret, "applicationId": application_id}


async def _show_application(state: State, request: Request, _: Json) -> Json:
    """When the secrets start and end; never the secrets."""
    application = _application(state, request.path_params["client_id"])
    now = state.clock.now()
    return {
        "clientId": application.client_id,
        "applicationId": application.application_id,
        "rotationQueueArn": application.rotation_queue_arn,
        "expiryQueueArn": application.expiry_queue_arn,
        "secrets": [
            {
                "starts": notification_timestamp(secret.starts),
                "expires": notification_timestamp(secret.expires),
                "works": secret.works(now),
            }
            for secret in application.secrets
        ],
    }


async def _change_application(state: State, request: Request, body: Json) -> Json:
    """Registers the queues for the application's own notifications, as the developer console does, and sets how a
    rotation goes. What is not given stays as it is.
    """
    application = _application(state, request.path_params["client_id"])
    fields = Fields(body)
    changed = _changed_application(application, fields)
    ends = fields.any("secretsEndInSeconds")
    fields.end()
    state.applications[application.client_id] = changed
    if ends is not None:
        if isinstance(ends, bool) or not isinstance(ends, int | float):
            raise ControlError("secretsEndInSeconds must be a number")
        application_management.end_secrets(state, application.client_id, state.clock.now() + timedelta(seconds=ends))
    return {}


def _changed_application(application: Application, fields: Fields) -> Application:
    manner = fields.any("secretMessage")
    return replace(
        application,
        rotation_queue_arn=fields.text("rotationQueueArn", application.rotation_queue_arn),
        expiry_queue_arn=fields.text("expiryQueueArn", application.expiry_queue_arn),
        secret_delay_seconds=fields.number("secretDelaySeconds", application.secret_delay_seconds),
        secret_delivery=application.secret_delivery if manner is None else _secret_delivery(Fields(manner)),
    )


def _secret_delivery(fields: Fields) -> Delivery:
    manner = Delivery(
        copies=fields.count("copies", 1) or 0,
        delay_seconds=fields.number("delaySeconds", 0),
        hold=fields.flag("hold"),
    )
    fields.end()
    return manner


async def _rotate_secret(state: State, request: Request, body: Json) -> Json:
    """Rotates as a person does in the developer console, which shows the new secret."""
    application = _application(state, request.path_params["client_id"])
    fields = Fields(body)
    announced = fields.flag("announce")
    fields.end()
    secret, old_end = application_management.add_secret(state, application.client_id)
    if announced:
        application_management.announce_secret(state, application.client_id, secret, old_end)
    return {
        "clientSecret": secret.value,
        "expires": notification_timestamp(secret.expires),
        "oldSecretExpires": notification_timestamp(old_end),
    }


async def _warn_of_expiry(state: State, request: Request, _: Json) -> Json:
    application = _application(state, request.path_params["client_id"])
    await application_management.warn_of_expiry(state, application.client_id)
    return {}


async def _expire_secrets(state: State, request: Request, _: Json) -> Json:
    application = _application(state, request.path_params["client_id"])
    application_management.end_secrets(state, application.client_id, state.clock.now())
    return {}


async def _set_consent(state: State, request: Request, body: Json) -> Json:
    """Registers what the consent page needs, as the developer console does; what is left out keeps its value."""
    client_id = _application(state, request.path_params["client_id"]).client_id
    known = state.consent_settings.get(client_id, ConsentSettings())
    fields = Fields(body)
    changed = ConsentSettings(
        name=fields.text("name", known.name),
        redirect_uris=tuple(fields.texts("redirectUris", list(known.redirect_uris))),
        login_uri=fields.text("loginUri", known.login_uri),
        parties=tuple(fields.texts("parties", list(known.parties))),
        draft=fields.flag("draft", known.draft),
        through_login=fields.flag("throughLogin", known.through_login),
        limit=fields.count("limit", known.limit),
    )
    fields.end()
    if not set(changed.parties) <= {"seller", "vendor"}:
        raise ControlError("parties are seller and vendor")
    state.consent_settings[client_id] = changed
    return {}


async def _add_seller(state: State, _: Request, body: Json) -> Json:
    """Adds or changes a seller and authorizes the application for it."""
    fields = Fields(body)
    seller_id = fields.text("sellerId", f"A{secrets.token_hex(6).upper()}")
    regions = frozenset(_region(name) for name in fields.texts("regions", list(Region)))
    vendor = fields.flag("vendor")
    account_id = fields.text(
        "accountId",
        f"amzn1.vg.{secrets.randbelow(9_000_000) + 1_000_000}" if vendor else f"amzn1.merchant.o.{seller_id}",
    )
    client_id = fields.text("clientId", state.settings.client_id)
    vendor_codes = fields.texts("vendorCodes", [])
    fields.end()
    application = _application(state, client_id)
    state.sellers[seller_id] = Seller(seller_id, account_id, vendor, regions)
    if vendor_codes:
        state.listings.vendor_codes[seller_id] = frozenset(vendor_codes)
    return {
        "sellerId": seller_id,
        "accountId": account_id,
        "refreshToken": lwa.authorize(state, seller_id, application.client_id),
    }


async def _revoke_seller(state: State, request: Request, _: Json) -> Json:
    lwa.revoke(state, _seller(state, request.path_params["seller_id"]).seller_id)
    return {}


async def _authorize_seller(state: State, request: Request, body: Json) -> Json:
    seller, application = _seller_and_application(state, request, body)
    return {"sellerId": seller.seller_id, "refreshToken": lwa.authorize(state, seller.seller_id, application.client_id)}


async def _authorization_code(state: State, request: Request, body: Json) -> Json:
    seller, application = _seller_and_application(state, request, body)
    return {
        "sellerId": seller.seller_id,
        "authorizationCode": lwa.authorization_code(state, seller.seller_id, application.client_id),
    }


async def _list_reports(state: State, _: Request, __: Json) -> Json:
    return {
        "reports": [
            {
                "reportId": report.report_id,
                "sellerId": report.seller_id,
                "region": report.region,
                "reportType": report.report_type,
                "processingStatus": report.processing_status,
                "reportDocumentId": report.report_document_id,
                "reportScheduleId": report.report_schedule_id,
            }
            for report in state.reports.values()
        ]
    }


async def _add_report(state: State, _: Request, body: Json) -> Json:
    """Adds a finished report that no application requested, as Amazon and Seller Central create them (settlement
    reports). Nobody is notified.
    """
    fields = Fields(body)
    seller = _seller(state, fields.required_text("sellerId"))
    region = _region(fields.text("region", sorted(seller.regions)[0]))
    report_type = fields.required_text("reportType")
    marketplace_ids = tuple(fields.texts("marketplaceIds", []))
    now = state.clock.now()
    start, end = (
        parse_timestamp(fields.text("dataStartTime", now.isoformat())),
        parse_timestamp(fields.text("dataEndTime", now.isoformat())),
    )
    rest = fields.rest
    outcome = None if not rest else _outcome(state, Fields(rest)).outcome
    report, chosen = reports.new_report(state, seller.seller_id, "", region, report_type, marketplace_ids, start, end)
    await reports.finish_now(state, report, outcome or chosen)
    return {"reportId": report.report_id, "reportDocumentId": state.reports[report.report_id].report_document_id}


async def _set_outcomes(state: State, _: Request, body: Json) -> Json:
    state.outcome_rules = _outcomes(state, body)
    return {"rules": len(state.outcome_rules)}


async def _add_outcomes(state: State, _: Request, body: Json) -> Json:
    state.outcome_rules.extend(_outcomes(state, body))
    return {"rules": len(state.outcome_rules)}


def _outcomes(state: State, body: Json) -> list[OutcomeRule]:
    return [_outcome(state, Fields(rule)) for rule in (body if isinstance(body, list) else [body])]


def _outcome(state: State, fields: Fields) -> OutcomeRule:
    status = fields.text("status", "DONE")
    if status not in ("DONE", "CANCELLED", "FATAL"):
        raise ControlError("status must be DONE, CANCELLED or FATAL")
    usual = {"DONE": {}, "FATAL": {"format": "error"}}.get(status)
    document = fields.any("document", usual)
    manner = Fields(fields.any("notification", {}))
    default = reports.default_outcome(state)
    rule = OutcomeRule(
        fields.text("reportType"),
        fields.text("sellerId"),
        fields.count("count", None),
        Outcome(
            ProcessingStatus(status),
            None if document is None else _document(Fields(document)),
            Delivery(
                manner.count("copies", 1) or 0,
                manner.number("delaySeconds", 0),
                manner.flag("beforeAnswer"),
                manner.flag("hold"),
            ),
            fields.number("queueSeconds", default.queue_seconds),
            fields.number("processingSeconds", default.processing_seconds),
        ),
    )
    manner.end()
    fields.end()
    if rule.remaining == 0:
        raise ControlError("count must be greater than zero")
    return rule


def _document(fields: Fields) -> DocumentSpecification:
    charset = fields.any("charset", "UTF-8")
    text = fields.any("text")
    if not isinstance(charset, str | None) or not isinstance(text, str | None):
        raise ControlError("charset and text must be strings")
    specification = DocumentSpecification(
        format=fields.text("format"),
        rows=fields.count("rows", 300) or 0,
        size_bytes=fields.count("sizeBytes", None),
        compression=fields.text("compression", "gzip"),
        compression_level=fields.count("compressionLevel", 6) or 0,
        charset=charset,
        text=text,
    )
    fields.end()
    return specification


async def _list_faults(state: State, _: Request, __: Json) -> Json:
    return {"faults": [fault.to_json() for fault in state.faults.open]}


async def _add_fault(state: State, _: Request, body: Json) -> Json:
    fields = Fields(body)
    headers = fields.any("headers", {})
    raw_body = fields.any("body")
    fault = Fault(
        kind=fields.required_text("fault"),
        operation=fields.text("operation"),
        seller_id=fields.text("sellerId"),
        remaining=fields.count("count", 1),
        status=fields.count("status", 0) or 0,
        code=fields.text("code"),
        message=fields.text("message"),
        details=fields.text("details"),
        body=raw_body if isinstance(raw_body, str | None) else json.dumps(raw_body),
        content_type=fields.text("contentType", "application/json"),
        headers=tuple((str(name), str(value)) for name, value in headers.items()) if isinstance(headers, dict) else (),
        seconds=fields.number("seconds", 0),
        after_bytes=fields.count("afterBytes", 0) or 0,
    )
    fields.end()
    if fault.kind not in FAULT_KINDS:
        raise ControlError(f"fault must be one of {', '.join(FAULT_KINDS)}")
    if fault.kind == "status" and not 400 <= fault.status <= 599 and fault.body is None:
        raise ControlError("a status fault needs a status between 400 and 599, or a body")
    if fault.remaining == 0:
        raise ControlError("count must be greater than zero, or null for a fault that lasts")
    state.faults.open.append(fault)
    return {"faults": len(state.faults.open)}


async def _clear_faults(state: State, _: Request, __: Json) -> Json:
    state.faults.open.clear()
    return {}


async def _list_requests(state: State, request: Request, _: Json) -> Json:
    return state.request_log.to_json(request.query_params.get("operation", ""))


async def _clear_requests(state: State, _: Request, __: Json) -> Json:
    state.request_log.clear()
    return {}


async def _list_secrets(state: State, _: Request, __: Json) -> Json:
    """Every token, code and client secret that the simulator has given out, also those that have ended."""
    found = {("refresh token", token) for token in state.authorizations} | set(state.issued)
    for application in state.applications.values():
        found |= {("client secret", secret.value) for secret in application.secrets}
    return {"secrets": [{"kind": kind, "value": value} for kind, value in sorted(found)]}


async def _read_clock(state: State, _: Request, __: Json) -> Json:
    clock = state.clock
    return {
        "now": notification_timestamp(clock.now()),
        "scale": clock.scale,
        "addedSeconds": clock.added_seconds,
        "serviceSeconds": round(clock.service_seconds(), 3),
    }


async def _set_clock(state: State, request: Request, body: Json) -> Json:
    fields = Fields(body)
    scale, advance = fields.number("scale", state.clock.scale), fields.number("advanceSeconds", 0)
    fields.end()
    state.clock.set_scale(scale)
    state.clock.advance(advance)
    return await _read_clock(state, request, None)


async def _read_rate_limits(state: State, _: Request, __: Json) -> Json:
    limits = state.rate_limits
    return {
        "scale": limits.scale,
        "operations": {name: {"rate": rate, "burst": burst} for name, (rate, burst) in limits.overrides.items()},
    }


async def _set_rate_limits(state: State, request: Request, body: Json) -> Json:
    """Changes the scale and the plans of operations, and refills all quotas."""
    fields = Fields(body)
    limits = state.rate_limits
    limits.scale = fields.number("scale", limits.scale)
    operations = fields.any("operations")
    fields.end()
    if operations is not None:
        limits.overrides = {name: _plan(Fields(plan)) for name, plan in Fields(operations).rest.items()}
    limits.buckets.clear()
    return await _read_rate_limits(state, request, None)


def _plan(fields: Fields) -> tuple[float, int]:
    plan = fields.number("rate", 1.0), fields.count("burst", 1) or 1
    fields.end()
    return plan


async def _read_strict_mode(state: State, _: Request, __: Json) -> Json:
    return {"strict": state.strict}


async def _set_strict_mode(state: State, request: Request, body: Json) -> Json:
    fields = Fields(body)
    strict = fields.flag("strict")
    fields.end()
    state.strict = strict
    return await _read_strict_mode(state, request, None)


async def _read_product_types(state: State, _: Request, __: Json) -> Json:
    catalogue = state.product_types
    return {
        "latestVersion": catalogue.latest_version,
        "generated": catalogue.generated,
        "checksums": catalogue.checksums,
        "refusedMarketplaceIds": sorted(catalogue.refused_marketplaces),
    }


async def _set_product_types(state: State, request: Request, body: Json) -> Json:
    """Changes the product types; what is left out keeps its value."""
    catalogue = state.product_types
    fields = Fields(body)
    latest_version = fields.count("latestVersion", catalogue.latest_version)
    generated = fields.count("generated", catalogue.generated)
    checksums = fields.text("checksums", catalogue.checksums)
    refused = fields.texts("refusedMarketplaceIds", sorted(catalogue.refused_marketplaces))
    fields.end()
    if checksums not in ("base64", "hex"):
        raise ControlError("checksums must be base64 or hex")
    catalogue.latest_version, catalogue.generated = latest_version or 0, generated or 0
    catalogue.checksums, catalogue.refused_marketplaces = checksums, frozenset(refused)
    return await _read_product_types(state, request, None)


async def _put_order(state: State, request: Request, body: Json) -> Json:
    """Adds an order for the Solicitations API, or replaces it."""
    fields = Fields(body)
    now = state.clock.now()
    delivered = fields.text("deliveredAt", (now - timedelta(days=7)).isoformat())
    order = Order(
        request.path_params["order_id"],
        _seller(state, fields.required_text("sellerId")).seller_id,
        fields.required_text("marketplaceId"),
        fields.text("orderStatus", "Shipped"),
        parse_timestamp(fields.text("earliestDeliveryDate", delivered)),
        parse_timestamp(fields.text("latestDeliveryDate", delivered)),
        fields.flag("solicited"),
    )
    fields.end()
    state.orders[order.order_id] = order
    return {}


async def _list_notifications(state: State, _: Request, __: Json) -> Json:
    return {"notifications": [_notification_json(notification) for notification in state.notifications]}


async def _clear_notifications(state: State, _: Request, __: Json) -> Json:
    state.notifications.clear()
    return {}


async def _send_notification(state: State, _: Request, body: Json) -> Json:
    """Sends a notification of any type: the caller's whole body, or its payload in an envelope, or an example. It goes
    to the seller's subscriptions, or to the application's own queue.
    """
    fields = Fields(body)
    notification_type = fields.required_text("notificationType")
    seller_id, client_id = fields.text("sellerId"), fields.text("clientId")
    region_name = fields.text("region")
    payload, whole = fields.any("payload"), fields.any("body")
    copies = fields.count("copies", 1) or 1
    hold = fields.flag("hold")
    fields.end()
    text = whole if isinstance(whole, str | None) else json.dumps(whole, ensure_ascii=False)
    if notification_type in APPLICATION_TYPES:
        if seller_id or region_name:
            raise ControlError(f"{notification_type} concerns an application: it has no sellerId and no region")
        application = _application(state, client_id or state.settings.client_id)
        made = [_to_application(state, application, notification_type, payload, text)]
    else:
        if not seller_id:
            raise ControlError(f"sellerId is required for {notification_type}")
        if client_id:
            raise ControlError(f"{notification_type} concerns a seller: it has no clientId")
        seller = _seller(state, seller_id)
        region = _region(region_name) if region_name else None
        if text is not None:
            made = delivery.verbatim(state, seller, notification_type, text, region)
        else:
            now = state.clock.now()
            content = delivery.example_payload(notification_type, seller, now) if payload is None else payload
            made = delivery.for_subscribers(state, seller, notification_type, content, region)
    if hold:
        state.notifications.extend(made * copies)
    else:
        for notification in made * copies:
            await delivery.send(state, notification)
    return {"notifications": [notification.notification_id for notification in made]}


def _to_application(
    state: State, application: Application, notification_type: str, payload: Json, text: str | None
) -> Notification:
    queue_arn = application_management.queue_of(application, notification_type)
    if not queue_arn:
        name = (
            "rotationQueueArn" if notification_type == application_management.NEW_CREDENTIAL_TYPE else "expiryQueueArn"
        )
        raise ControlError(f"the application has no queue for {notification_type}: set its {name}")
    if payload is None:
        payload = application_management.example_payload(notification_type, application.client_id, state.clock.now())
    made = delivery.to_application_queue(state, application.client_id, notification_type, payload, queue_arn)
    return made if text is None else replace(made, body=text)


async def _list_notification_types(state: State, request: Request, _: Json) -> Json:
    """Every type, with the versions that createSubscription accepts and an example payload."""
    seller_id, now = request.query_params.get("sellerId", ""), state.clock.now()
    seller = _seller(state, seller_id) if seller_id else delivery.EXAMPLE_SELLER
    return {
        "notificationTypes": [
            {
                "notificationType": name,
                "payloadVersions": list(state.subscription_rules.versions(name)) if name in SUBSCRIBABLE_TYPES else [],
                "published": name not in UNPUBLISHED_TYPES,
                "payload": delivery.example_payload(name, seller, now)
                if name in SUBSCRIBABLE_TYPES
                else application_management.example_payload(name, state.settings.client_id, now),
            }
            for name in sorted(SUBSCRIBABLE_TYPES | APPLICATION_TYPES)
        ]
    }


async def _release_notifications(state: State, _: Request, body: Json) -> Json:
    """Sends the held notifications, in the order of their creation or reversed."""
    fields = Fields(body)
    order = fields.text("order", "made")
    fields.end()
    if order not in ("made", "reversed"):
        raise ControlError("order must be made or reversed")
    held = [notification for notification in state.notifications if notification.state == "held"]
    state.notifications = [notification for notification in state.notifications if notification.state != "held"]
    for notification in held if order == "made" else reversed(held):
        await delivery.send(state, notification)
    return {"released": len(held)}


def _notification_json(notification: Notification) -> Json:
    return {
        "notificationId": notification.notification_id,
        "notificationType": notification.notification_type,
        "queueArn": notification.queue_arn,
        "state": notification.state,
        "error": notification.error,
        "body": notification.body,
    }


def _region(name: str) -> Region:
    if name not in set(Region):
        raise ControlError("a region is NA, EU or FE")
    return Region(name)


def _seller(state: State, seller_id: str) -> Seller:
    if seller_id not in state.sellers:
        raise ControlError(f"no seller {seller_id}", 404)
    return state.sellers[seller_id]


def _application(state: State, client_id: str) -> Application:
    if client_id not in state.applications:
        raise ControlError(f"no application {client_id}", 404)
    return state.applications[client_id]


def _seller_and_application(state: State, request: Request, body: Json) -> tuple[Seller, Application]:
    fields = Fields(body)
    client_id = fields.text("clientId", state.settings.client_id)
    fields.end()
    return _seller(state, request.path_params["seller_id"]), _application(state, client_id)
