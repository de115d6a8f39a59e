"""The control API's part for feeds."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from sp_api_simulator import feeds
from sp_api_simulator.control_fields import ControlError, Fields
from sp_api_simulator.documents import COMPRESSIONS
from sp_api_simulator.feed_processing import WHOLE_FILE_MESSAGES
from sp_api_simulator.feed_state import FeedOutcome, FeedOutcomeRule, MessageRule
from sp_api_simulator.state import Delivery, Json, ProcessingStatus, State

SEVERITIES = ("ERROR", "WARNING", "INFO")


async def list_feeds(state: State, _: Request, __: Json) -> Json:
    return {
        "feeds": [
            {
                "feedId": feed.feed_id,
                "sellerId": feed.seller_id,
                "region": feed.region,
                "feedType": feed.feed_type,
                "marketplaceIds": list(feed.marketplace_ids),
                "processingStatus": feed.processing_status,
                "inputFeedDocumentId": feed.input_document_id,
                "resultFeedDocumentId": feed.result_document_id,
                "uploads": state.feeds.uploads[feed.input_document_id].uploads,
            }
            for feed in state.feeds.feeds.values()
        ]
    }


async def show_document(state: State, request: Request) -> Response:
    """The bytes that were uploaded for a feed."""
    feed = state.feeds.feeds.get(request.path_params["feed_id"])
    document = state.feeds.uploads[feed.input_document_id] if feed else None
    if document is None or document.content is None:
        return JSONResponse({"error": "The feed has no document"}, 404)
    return Response(document.content, 200, {"Content-Type": document.content_type})


async def set_outcomes(state: State, _: Request, body: Json) -> Json:
    state.feeds.rules = _rules(state, body)
    return {"rules": len(state.feeds.rules)}


async def add_outcomes(state: State, _: Request, body: Json) -> Json:
    state.feeds.rules += _rules(state, body)
    return {"rules": len(state.feeds.rules)}


def _rules(state: State, body: Json) -> list[FeedOutcomeRule]:
    return [_rule(state, Fields(rule)) for rule in (body if isinstance(body, list) else [body])]


def _rule(state: State, fields: Fields) -> FeedOutcomeRule:
    status = fields.text("status", "DONE")
    if status not in ("DONE", "CANCELLED", "FATAL"):
        raise ControlError("status must be DONE, CANCELLED or FATAL")
    manner = Fields(fields.any("notification", {}))
    default = feeds.default_outcome(state)
    outcome = FeedOutcome(
        ProcessingStatus(status),
        Delivery(
            manner.count("copies", 1) or 0,
            manner.number("delaySeconds", 0),
            manner.flag("beforeAnswer"),
            manner.flag("hold"),
        ),
        fields.number("queueSeconds", default.queue_seconds),
        fields.number("processingSeconds", default.processing_seconds),
        tuple(_message_rule(Fields(rule)) for rule in _list(fields.any("messages", []), "messages")),
        fields.text("wholeFile"),
        fields.flag("report", True),
        fields.text("compression", "gzip"),
    )
    rule = FeedOutcomeRule(
        fields.text("feedType"),
        fields.text("sellerId"),
        fields.count("count", None),
        outcome,
    )
    manner.end()
    fields.end()
    if rule.remaining == 0:
        raise ControlError("count must be greater than zero")
    if outcome.whole_file not in ("", *WHOLE_FILE_MESSAGES):
        raise ControlError(f"wholeFile must be one of {', '.join(WHOLE_FILE_MESSAGES)}")
    if outcome.compression not in COMPRESSIONS:
        raise ControlError(f"compression must be one of {', '.join(COMPRESSIONS)}")
    return rule


def _message_rule(fields: Fields) -> MessageRule:
    rule = MessageRule(
        fields.text("sku"),
        fields.count("every", 0) or 0,
        tuple(_issues(fields.any("issues", []), "issues")),
        tuple(_issues(fields.any("itemIssues", []), "itemIssues")),
    )
    fields.end()
    if bool(rule.sku) == bool(rule.every):
        raise ControlError("a rule for messages needs either sku or every")
    return rule


def _issues(value: Json, name: str) -> list[dict[str, Json]]:
    issues = _list(value, name)
    for issue in issues:
        if not isinstance(issue, dict) or issue.get("severity") not in SEVERITIES or not issue.get("message"):
            raise ControlError(f"each of {name} needs severity ({', '.join(SEVERITIES)}) and message")
    return issues


def _list(value: Json, name: str) -> list[Json]:
    if not isinstance(value, list):
        raise ControlError(f"{name} must be a list")
    return value
