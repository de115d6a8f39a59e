"""An event for each function that it carries out when nothing fails, and how its invoker treats a failure."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

from quickstart import callers
from quickstart.reports import wiring as reports
from quickstart.reports.ledger import StoredReport, report_key
from quickstart.solicitations import wiring as solicitations
from quickstart.solicitations.ledger import shipped
from quickstart.solicitations.orders import OrderChange, OrderEvent, OrderKey
from quickstart.times import to_text
from sp_api.regions import Region
from sp_api.reports import CreateReportSpecification
from tests.faults import listing_feed_scenarios, listing_scenarios, product_type_scenarios
from tests.faults.scenario import (
    MARKETPLACE,
    Kind,
    Scenario,
    delete,
    message,
    notification,
    received,
    request,
    seller_fields,
)
from tests.faults.world import CLIENT_ID, Invocation, World

REPORT_TYPE = "GET_MERCHANT_LISTINGS_ALL_DATA"
_ROTATE = "SP-API POST /applications/2023-11-30/clientSecret"
ORDER = "903-8868176-2219830"


def _post_report(world: World) -> dict[str, Any]:
    fields = seller_fields(world, ReportType=REPORT_TYPE, MarketplaceIds=MARKETPLACE, ClientToken="token-1")
    return request("POST", "/reports", fields)


def _subscribe(world: World) -> dict[str, Any]:
    return request("POST", "/notifications", seller_fields(world, NotificationType="REPORT_PROCESSING_FINISHED"))


def _subscribed(world: World) -> dict[str, str]:
    world.invoke("notifications_subscriber", _subscribe(world))
    return {"SellerId": world.seller_id, "RegionCode": "NA"}


def _unsubscribe(world: World) -> dict[str, Any]:
    query = _subscribed(world)
    path = {"notificationType": "REPORT_PROCESSING_FINISHED"}
    return request("DELETE", "/notifications/{notificationType}", query=query, path=path)


def _list_subscriptions(world: World) -> dict[str, Any]:
    query = _subscribed(world) | {"NotificationType": "REPORT_PROCESSING_FINISHED"}
    return request("GET", "/notifications", query=query)


def _schedule(world: World) -> dict[str, Any]:
    fields = seller_fields(world, ReportType=REPORT_TYPE, MarketplaceIds=MARKETPLACE, Period="P1D")
    return request("POST", "/schedules", fields)


def _delete_schedule(world: World) -> dict[str, Any]:
    answer = world.invoke("report_schedules", _schedule(world)).result
    path = {"reportScheduleId": json.loads(answer["body"])["reportScheduleId"]}
    query = {"SellerId": world.seller_id, "RegionCode": "NA"}
    return request("DELETE", "/schedules/{reportScheduleId}", query=query, path=path)


def _finished(world: World, **outcome: object) -> str:
    """A report that this stack requested and SP-API has finished."""
    made = {
        "sellerId": world.seller_id,
        "region": "NA",
        "reportType": REPORT_TYPE,
        "marketplaceIds": [MARKETPLACE],
    }
    made = world.control("POST", "/reports", made | outcome)
    report_id = str(made["reportId"])
    specification = CreateReportSpecification(report_type=REPORT_TYPE, marketplace_ids=(MARKETPLACE,))
    reports.report_ledger().requested(world.seller_id, Region.NA, report_id, specification)
    return report_id


def _retrieve(world: World, **outcome: object) -> dict[str, Any]:
    fields = seller_fields(world, ReportId=_finished(world, **outcome), AskedForHere=True, RetrievalsLeft=6)
    return fields | {"Execution": "execution-1", "Slot": {}}


def _explain(world: World) -> dict[str, Any]:
    event = _retrieve(world, status="FATAL")
    report = world.invoke("report_document_retrieval", event).result["Report"]
    return event | {"ReportType": REPORT_TYPE, "ExplanationDocumentId": report["ExplanationDocumentId"]}


def _store(world: World) -> dict[str, Any]:
    event = _retrieve(world)
    retrieved = world.invoke("report_document_retrieval", event).result
    return {
        **event,
        "ReportType": REPORT_TYPE,
        "CreatedTime": retrieved["Report"]["CreatedTime"],
        "ReportDocumentUrl": retrieved["ReportDocumentUrl"],
    }


def _stored(world: World) -> dict[str, Any]:
    """A report whose document is in the bucket, as the step before the announcement leaves it."""
    report_id = _finished(world)
    document = StoredReport(f"{world.seller_id}/{REPORT_TYPE}/{report_id}.tsv", 4, "0" * 64, gzipped=False)
    world.client("s3").put_object(Bucket=world.resources["REPORTS_BUCKET"], Key=document.key, Body=b"text")
    # As the retrieval leaves it: without a record, nothing is stored or announced.
    key = report_key(world.seller_id, report_id)
    reports.reports_table().put({**key, "CreatedTime": to_text(datetime.now(UTC), unit="microseconds")})
    reports.report_ledger().stored(world.seller_id, report_id, document)
    return seller_fields(world, ReportId=report_id, **document.attributes())


def _waits(done: Invocation) -> bool:
    """The call gets a new slot, and the state machine waits until then."""
    return "Slot" in done.result or done.result.get("HasSlot", False)


def _announce(world: World) -> dict[str, Any]:
    more = {"ReportType": REPORT_TYPE, "ReportStatus": "DONE", "Execution": "execution-1", "AnnouncementSlot": True}
    return _stored(world) | more


def _read(world: World) -> dict[str, Any]:
    path = {"reportId": _stored(world)["ReportId"]}
    return request("GET", "/reports/{reportId}", query={"SellerId": world.seller_id}, path=path)


def _list_reports(world: World) -> dict[str, Any]:
    _finished(world)
    return request("GET", "/reports", query={"SellerId": world.seller_id})


def _remove(world: World) -> dict[str, Any]:
    _subscribed(world)
    _stored(world)
    listing_scenarios.submitted(world, listing_scenarios.DELETION)
    product_type_scenarios.recorded_pull(world)
    consent = {"RegionCode": "NA", "PartyType": "seller", "SellerId": world.seller_id}
    world.invoke("authorizations", request("POST", "/authorizations", consent))
    return request("DELETE", "/tokens/{sellerId}", path={"sellerId": world.seller_id})


def _failure(world: World) -> dict[str, Any]:
    """An event without the input, which is then read from the execution."""
    given = seller_fields(world, ReportId=_finished(world), ReportType=REPORT_TYPE)
    started = world.client("stepfunctions").start_execution(
        stateMachineArn=world.resources["STATE_MACHINE_ARN"], name=world.seller_id, input=json.dumps(given)
    )
    detail = {"executionArn": started["executionArn"], "status": "FAILED", "error": "NotFoundError", "cause": "gone"}
    return {"detail": detail}


def _sweep(world: World) -> dict[str, Any]:
    world.clock.ahead = timedelta(days=-3)
    _finished(world)
    world.clock.ahead = timedelta()
    return {}


def finished_notification(world: World) -> dict[str, object]:
    payload = {
        "sellerId": world.seller_id,
        "reportId": _finished(world),
        "reportType": REPORT_TYPE,
        "processingStatus": "DONE",
    }
    return notification("REPORT_PROCESSING_FINISHED", {"reportProcessingFinishedNotification": payload})


def _report_finished(world: World) -> dict[str, Any]:
    return message(world, "NOTIFICATIONS", finished_notification(world))


def other_notification(world: World) -> dict[str, object]:
    return notification("FEED_PROCESSING_FINISHED", {"feedProcessingFinishedNotification": seller_fields(world)})


def _other_notification(world: World) -> dict[str, Any]:
    return message(world, "NOTIFICATIONS", other_notification(world))


def _order_change(world: World, delivery: timedelta, status: str = "Shipped") -> dict[str, object]:
    day = (datetime.now(UTC) + delivery).isoformat()
    summary = {
        "MarketplaceId": MARKETPLACE,
        "OrderStatus": status,
        "EarliestDeliveryDate": day,
        "LatestDeliveryDate": day,
    }
    change = {"SellerId": world.seller_id, "AmazonOrderId": ORDER, "Summary": summary}
    return notification("ORDER_CHANGE", {"OrderChangeNotification": change})


def shipped_order(world: World) -> dict[str, object]:
    return _order_change(world, timedelta(days=2))


def _order_shipped(world: World) -> dict[str, Any]:
    return message(world, "ORDERS", shipped_order(world))


def _order_cancelled(world: World) -> dict[str, Any]:
    world.invoke("solicitation_scheduler", _order_shipped(world))
    return message(world, "ORDERS", _order_change(world, timedelta(days=2), "Canceled"))


def _order_due(world: World) -> dict[str, Any]:
    return message(world, "ORDERS", _order_change(world, timedelta(days=-6)))


def _ask(world: World) -> dict[str, Any]:
    delivered = datetime.now(UTC) - timedelta(days=7)
    order = {"sellerId": world.seller_id, "marketplaceId": MARKETPLACE, "deliveredAt": delivered.isoformat()}
    world.control("PUT", f"/orders/{ORDER}", order)
    key = OrderKey(ORDER, world.seller_id)
    change = OrderChange(key, MARKETPLACE, OrderEvent.SHIPPED, "Shipped", delivered, delivered, delivered)
    solicitations.solicitation_ledger().change(
        key, lambda held: shipped(held, change, timedelta(days=5), datetime.now(UTC))
    )
    return {"AmazonOrderId": ORDER, "SellerId": world.seller_id, "Execution": "execution-1", "HasSlot": False}


def _submit(world: World) -> dict[str, Any]:
    event = _ask(world)
    world.invoke("get_solicitation_actions", event)
    return event


def _start_authorization(_: World) -> dict[str, Any]:
    return request("POST", "/authorizations", {"RegionCode": "NA", "PartyType": "seller"})


def _started(world: World) -> dict[str, str]:
    answer: dict[str, str] = json.loads(world.invoke("authorizations", _start_authorization(world)).result["body"])
    return answer


def _show_authorization(world: World) -> dict[str, Any]:
    path = {"authorizationId": _started(world)["authorizationId"]}
    return request("GET", "/authorizations/{authorizationId}", path=path)


def _callback(world: World) -> dict[str, Any]:
    (state,) = parse_qs(urlsplit(_started(world)["authorizationUrl"]).query)["state"]
    other = world.control("POST", "/sellers", {})["sellerId"]
    code = world.control("POST", f"/sellers/{other}/authorization-code", {})["authorizationCode"]
    query = {"state": state, "selling_partner_id": other, "spapi_oauth_code": code}
    return request("GET", "/authorize/callback", query=query)


def _connection_changed(world: World) -> dict[str, Any]:
    keys = {"SellerId": {"S": world.seller_id}, "Item": {"S": "TOKEN#NA"}}
    old = keys | {"Ciphertext": {"S": "c2VjcmV0"}, "StoredAt": {"S": "1"}}
    new = old | {"ReconnectSince": {"S": "2026-11-25T00:00:00Z"}}
    changed = {"Keys": keys, "SequenceNumber": "1", "OldImage": old, "NewImage": new}
    return {"Records": [{"dynamodb": changed}]}


def _review(world: World) -> dict[str, Any]:
    key = {"SellerId": world.seller_id, "Item": "TOKEN#NA"}
    ended = datetime.now(UTC) - timedelta(days=340)
    callers.selling_partners_table().update(key, {"ConsentedAt": ended.isoformat()})
    return {}


def consent_event(world: World) -> dict[str, object]:
    detail = {"Change": "CONNECTED", "SellerId": world.seller_id, "RegionCode": "NA", "AuthorizationId": "a"}
    return {"detail": detail}


def _consented(world: World) -> dict[str, Any]:
    return message(world, "CONSENTS", consent_event(world))


def _rotate(world: World) -> dict[str, Any]:
    # Messages of earlier rows may be in flight: they would come again in the middle of this one.
    world.client("sqs").purge_queue(QueueUrl=world.resources["SECRET_QUEUE_URL"])
    world.control("PUT", f"/applications/{CLIENT_ID}", {"rotationQueueArn": world.resources["SECRET_QUEUE_ARN"]})
    return {}


def _not_rotated(world: World) -> str:
    """The outcome of a request for a rotation after which no secret is expected, or none certainly."""
    for table, item in world.stored():
        if table == "SECRET_ROTATION_TABLE" and item["Outcome"]["S"] not in ("REQUESTED", "ACCEPTED"):
            return str(item["Outcome"]["S"])
    return ""


def _next_day(world: World) -> None:
    """The new secret has come, or is requested a day later."""
    rotations = _rotations(world)
    _receive_secrets(world, rotations)
    world.clock.sleep(timedelta(days=1).total_seconds())
    world.invoke("secret_rotator", {})
    _receive_secrets(world, _rotations(world) - rotations)


def _rotations(world: World) -> int:
    return sum(call.carried_out and call.name == _ROTATE for call in world.wire.calls)


def _receive_secrets(world: World, expected: int) -> None:
    came = 0
    while came < expected:
        for record in received(world, "SECRET", wait_seconds=1):
            world.invoke("secret_receiver", {"Records": [record]})
            delete(world, "SECRET", record)
            came += 1


def _new_secret(world: World) -> dict[str, Any]:
    secret = world.control("POST", f"/applications/{CLIENT_ID}/rotate-secret", {})["clientSecret"]
    return message(world, "SECRET", secret_notification(secret))


def secret_notification(secret: str) -> dict[str, object]:
    fields = {
        "clientId": CLIENT_ID,
        "newClientSecret": secret,
        "newClientSecretExpiryTime": (datetime.now(UTC) + timedelta(days=180)).isoformat(),
        "oldClientSecretExpiryTime": (datetime.now(UTC) + timedelta(days=7)).isoformat(),
    }
    return notification("APPLICATION_OAUTH_CLIENT_NEW_SECRET", {"applicationOAuthClientNewSecret": fields})


def _store_token(world: World) -> dict[str, Any]:
    return request("POST", "/tokens", seller_fields(world, RefreshToken=world.refresh_token, Verify=True))


SCENARIOS = (
    Scenario("POST /tokens", "token_storage", Kind.API, _store_token),
    Scenario("DELETE /tokens", "seller_removal", Kind.API, _remove),
    Scenario("POST /notifications", "notifications_subscriber", Kind.API, _subscribe),
    Scenario("GET /notifications", "notifications_subscriber", Kind.API, _list_subscriptions),
    Scenario("DELETE /notifications", "notifications_subscriber", Kind.API, _unsubscribe, ends=(404,)),
    Scenario("POST /reports", "report_creator", Kind.API, _post_report, completes=True),
    Scenario("GET /reports", "report_reader", Kind.API, _list_reports),
    Scenario("GET /reports/{reportId}", "report_reader", Kind.API, _read),
    Scenario("POST /schedules", "report_schedules", Kind.API, _schedule),
    Scenario("DELETE /schedules", "report_schedules", Kind.API, _delete_schedule, ends=(404,)),
    Scenario("POST /authorizations", "authorizations", Kind.API, _start_authorization, leaves_unused=True),
    Scenario("GET /authorizations/{authorizationId}", "authorizations", Kind.API, _show_authorization),
    Scenario("GET /authorize/callback", "authorization_pages", Kind.PAGE, _callback, repeatable=False),
    Scenario("report finished", "notification_processor", Kind.QUEUE, _report_finished),
    Scenario("other notification", "notification_processor", Kind.QUEUE, _other_notification),
    Scenario("order shipped", "solicitation_scheduler", Kind.QUEUE, _order_shipped),
    Scenario("order due", "solicitation_scheduler", Kind.QUEUE, _order_due),
    Scenario("order cancelled", "solicitation_scheduler", Kind.QUEUE, _order_cancelled),
    Scenario("consent given", "connection_subscriber", Kind.QUEUE, _consented),
    Scenario("new client secret", "secret_receiver", Kind.QUEUE, _new_secret),
    Scenario("connection changed", "connection_events", Kind.STREAM, _connection_changed),
    Scenario("retrieve", "report_document_retrieval", Kind.STEP, _retrieve, "RetrieveDocument", unfinished=_waits),
    Scenario("explain", "report_document_retrieval", Kind.STEP, _explain, "RetrieveExplanation", unfinished=_waits),
    Scenario("store", "report_document_storage", Kind.STEP, _store, "StoreDocument"),
    Scenario("announce", "report_presigned_url_generator", Kind.STEP, _announce, "PresignAndNotify"),
    Scenario("ask", "get_solicitation_actions", Kind.STEP, _ask, "GetSolicitationActions", unfinished=_waits),
    Scenario("submit", "submit_solicitation", Kind.STEP, _submit, "SubmitSolicitation"),
    Scenario("delivery failed", "report_failure_notifier", Kind.EVENT, _failure),
    Scenario("daily sweep", "report_sweep", Kind.EVENT, _sweep),
    Scenario("daily review", "connection_review", Kind.EVENT, _review),
    Scenario("daily check", "secret_rotator", Kind.EVENT, _rotate, recorded=_not_rotated, later=_next_day),
    *product_type_scenarios.SCENARIOS,
    *listing_scenarios.SCENARIOS,
    *listing_feed_scenarios.SCENARIOS,
)
