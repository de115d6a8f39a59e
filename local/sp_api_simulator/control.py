"""The control API under /simulator/: how a test or a person sets the stage. README.md beside this file describes it."""

from __future__ import annotations

import json
import logging
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from sp_api_simulator import application_management, delivery, lwa, reports
from sp_api_simulator.clock import notification_timestamp, parse_timestamp
from sp_api_simulator.documents import DocumentSpecification
from sp_api_simulator.faults import FAULT_KINDS, Fault
from sp_api_simulator.state import (
    Application,
    ClientSecret,
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


class ControlError(Exception):
    """A control request that cannot be followed, with the HTTP status of the answer."""

    def __init__(self, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.status = status


class Fields:
    """Reads a JSON object field by field; what is left over or of a wrong type raises ControlError."""

    def __init__(self, value: Json) -> None:
        if not isinstance(value, dict):
            raise ControlError("the body must be a JSON object")
        self.rest = dict(value)

    def text(self, name: str, default: str = "") -> str:
        return str(self._take(name, str, default))

    def required_text(self, name: str) -> str:
        if not (value := self.text(name)):
            raise ControlError(f"{name} is required")
        return value

    def number(self, name: str, default: float) -> float:
        value = self._take(name, (int, float), default)
        if isinstance(value, bool) or value < 0:
            raise ControlError(f"{name} must be a number that is not negative")
        return float(value)

    def count(self, name: str, default: int | None) -> int | None:
        value = self._take(name, (int, type(None)), default)
        if isinstance(value, bool) or (value is not None and value < 0):
            raise ControlError(f"{name} must be a whole number that is not negative")
        return None if value is None else int(value)

    def flag(self, name: str) -> bool:
        return bool(self._take(name, bool, False))

    def texts(self, name: str, default: list[str]) -> list[str]:
        values = self._take(name, list, default)
        if not all(isinstance(value, str) for value in values):
            raise ControlError(f"{name} must be a list of strings")
        return list(values)

    def any(self, name: str, default: Json = None) -> Json:
        return self.rest.pop(name, default)

    def end(self) -> None:
        if self.rest:
            raise ControlError(f"unknown fields: {', '.join(sorted(self.rest))}")

    def _take(self, name: str, kind: Any, default: Json) -> Any:
        value = self.rest.pop(name, default)
        if not isinstance(value, kind):
            raise ControlError(f"{name} has the wrong type")
        return value


ControlHandler = Callable[[State, Request, Json], Awaitable[Json]]


def routes(state: State, reset: Callable[[], None]) -> list[Route]:
    """The routes of the control API. `reset` puts the state back to what it was at the start."""

    async def reset_all(_: State, __: Request, ___: Json) -> Json:
        reset()
        return {}

    table: list[tuple[str, str, ControlHandler]] = [
        ("GET", "/simulator", _overview),
        ("GET", "/simulator/", _overview),
        ("POST", "/simulator/reset", reset_all),
        ("POST", "/simulator/applications", _add_application),
        ("PUT", "/simulator/applications/{client_id}", _change_application),
        ("POST", "/simulator/applications/{client_id}/expire-secrets", _expire_secrets),
        ("POST", "/simulator/sellers", _add_seller),
        ("POST", "/simulator/sellers/{seller_id}/revoke", _revoke_seller),
        ("POST", "/simulator/sellers/{seller_id}/authorize", _authorize_seller),
        ("POST", "/simulator/sellers/{seller_id}/authorization-code", _authorization_code),
        ("GET", "/simulator/reports", _list_reports),
        ("POST", "/simulator/reports", _add_report),
        ("PUT", "/simulator/report-outcomes", _set_outcomes),
        ("POST", "/simulator/report-outcomes", _add_outcomes),
        ("GET", "/simulator/faults", _list_faults),
        ("POST", "/simulator/faults", _add_fault),
        ("DELETE", "/simulator/faults", _clear_faults),
        ("GET", "/simulator/requests", _list_requests),
        ("DELETE", "/simulator/requests", _clear_requests),
        ("GET", "/simulator/clock", _read_clock),
        ("PUT", "/simulator/clock", _set_clock),
        ("GET", "/simulator/rate-limits", _read_rate_limits),
        ("PUT", "/simulator/rate-limits", _set_rate_limits),
        ("PUT", "/simulator/orders/{order_id}", _put_order),
        ("GET", "/simulator/notifications", _list_notifications),
        ("POST", "/simulator/notifications", _send_notification),
        ("DELETE", "/simulator/notifications", _clear_notifications),
        ("POST", "/simulator/notifications/release", _release_notifications),
    ]
    return [Route(path, partial(_control, state, handler), methods=[method]) for method, path, handler in table]


async def _control(state: State, handler: ControlHandler, request: Request) -> Response:
    try:
        raw_body = await request.body()
        return JSONResponse(await handler(state, request, json.loads(raw_body) if raw_body else {}))
    except ControlError as error:
        return JSONResponse({"error": str(error)}, error.status)
    except ValueError as error:
        return JSONResponse({"error": str(error)}, 400)


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
        "sandboxExamples": {"file": str(state.sandbox_examples.source), "loaded": state.sandbox_examples.loaded},
    }


async def _add_application(state: State, _: Request, body: Json) -> Json:
    fields = Fields(body)
    client_id = fields.text("clientId", f"amzn1.application-oa2-client.{secrets.token_hex(16)}")
    client_secret = fields.text("clientSecret", f"amzn1.oa2-cs.v1.{secrets.token_hex(32)}")
    application_id = fields.text("applicationId", f"amzn1.sp.solution.{secrets.token_hex(16)}")
    queue_arn = fields.text("rotationQueueArn")
    fields.end()
    state.applications[client_id] = Application(client_id, application_id, (ClientSecret(client_secret),), queue_arn)
    return {"clientId": client_id, "clientSecret": client_secret, "applicationId": application_id}


async def _change_application(state: State, request: Request, body: Json) -> Json:
    """Registers the queue for the application's own notifications, as the developer console does."""
    application = _application(state, request.path_params["client_id"])
    fields = Fields(body)
    queue_arn = fields.text("rotationQueueArn")
    fields.end()
    state.applications[application.client_id] = replace(application, rotation_queue_arn=queue_arn)
    return {}


async def _expire_secrets(state: State, request: Request, _: Json) -> Json:
    application_management.expire_secrets(state, _application(state, request.path_params["client_id"]).client_id)
    return {}


async def _add_seller(state: State, _: Request, body: Json) -> Json:
    """Adds or changes a seller and authorises the application for it."""
    fields = Fields(body)
    seller_id = fields.text("sellerId", f"A{secrets.token_hex(6).upper()}")
    regions = frozenset(_region(name) for name in fields.texts("regions", list(Region)))
    vendor = fields.flag("vendor")
    account_id = fields.text(
        "accountId",
        f"amzn1.vg.{secrets.randbelow(9_000_000) + 1_000_000}" if vendor else f"amzn1.merchant.o.{seller_id}",
    )
    client_id = fields.text("clientId", state.settings.client_id)
    fields.end()
    application = _application(state, client_id)
    state.sellers[seller_id] = Seller(seller_id, account_id, vendor, regions)
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
    """Adds a finished report that no application asked for, as Amazon and Seller Central make them (settlement
    reports); nobody is notified.
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
        raise ControlError("count must be above zero")
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
        raise ControlError("count must be above zero, or null for a fault that lasts")
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
    """Changes the scale and single operations' plans; every bucket starts full again."""
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


async def _put_order(state: State, request: Request, body: Json) -> Json:
    """Makes an order known to the Solicitations API."""
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
    """Sends a notification of any type to the seller's subscriptions: the caller's whole body, or its payload in an
    envelope, or an example.
    """
    fields = Fields(body)
    seller = _seller(state, fields.required_text("sellerId"))
    notification_type = fields.required_text("notificationType")
    region_name = fields.text("region")
    payload, whole = fields.any("payload"), fields.any("body")
    copies = fields.count("copies", 1) or 1
    hold = fields.flag("hold")
    fields.end()
    region = _region(region_name) if region_name else None
    if whole is not None:
        text = whole if isinstance(whole, str) else json.dumps(whole, ensure_ascii=False)
        made = delivery.verbatim(state, seller, notification_type, text, region)
    else:
        content = delivery.example_payload(notification_type, seller) if payload is None else payload
        if content is None:
            raise ControlError(f"give a payload or a body: the simulator has no example of {notification_type}")
        made = delivery.for_subscribers(state, seller, notification_type, content, region)
    if hold:
        state.notifications.extend(made * copies)
    else:
        for notification in made * copies:
            await delivery.send(state, notification)
    return {"notifications": [notification.notification_id for notification in made]}


async def _release_notifications(state: State, _: Request, body: Json) -> Json:
    """Sends what is held, in the order in which it was made or the other way round."""
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
