"""The links to report documents, served as S3 serves presigned links."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping

from starlette.concurrency import iterate_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse

from sp_api_simulator.connections import TruncatedResponse
from sp_api_simulator.documents import SIGNATURE_MISMATCH, LinkError, StoredDocument, document_bytes, s3_error
from sp_api_simulator.exchange import Exchange
from sp_api_simulator.fault_answers import storage_error
from sp_api_simulator.faults import Fault
from sp_api_simulator.state import State

DOWNLOAD_OPERATION = "downloadDocument"
SCHEMA_DOWNLOAD_OPERATION = "downloadSchema"


async def serve_link(exchange: Exchange) -> Response:
    """A document, or S3's error document."""
    document = exchange.state.documents.get(exchange.request.path_params["document_id"])
    exchange.seller_id = document.seller_id if document else ""
    fault = await exchange.take_fault("status", "reset", "truncate", "expire")
    if (answer := exchange.plain_fault(fault)) is not None:
        return answer
    headers = storage_headers()
    try:
        found = _check(exchange.state, exchange.request, document, fault)
    except LinkError as error:
        return storage_refusal(error, headers)
    if encoding := exchange.request.query_params.get("response-content-encoding"):
        headers["Content-Encoding"] = encoding
    if fault is not None and fault.kind == "truncate":
        after_bytes = min(fault.after_bytes, max(0, found.length - 1))
        pieces = iterate_in_threadpool(_first_bytes(document_bytes(found.specification), after_bytes))
        return TruncatedResponse(exchange.connections, _headers(found, headers), pieces)
    return _response(found, headers)


async def serve_schema_link(exchange: Exchange) -> Response:
    """A schema document of a product type, or S3's error document."""
    content = exchange.state.product_types.documents.get(exchange.request.path_params["document_id"])
    fault = await exchange.take_fault("status", "reset", "truncate", "expire")
    if (answer := exchange.plain_fault(fault)) is not None:
        return answer
    headers = storage_headers()
    try:
        _check_link(exchange.state, exchange.request, fault)
    except LinkError as error:
        return storage_refusal(error, headers)
    if content is None:
        return storage_refusal(LinkError(404, "NoSuchKey", "The specified key does not exist."), headers)
    headers |= {"Content-Type": "application/json", "Content-Length": str(len(content))}
    if fault is not None and fault.kind == "truncate":
        pieces = iterate_in_threadpool(iter([content[: min(fault.after_bytes, max(0, len(content) - 1))]]))
        return TruncatedResponse(exchange.connections, headers, pieces)
    return Response(content, 200, headers)


def storage_headers() -> dict[str, str]:
    """The headers of every response of S3."""
    return {
        "x-amz-request-id": secrets.token_hex(8).upper(),
        "x-amz-id-2": secrets.token_urlsafe(48),
        "Server": "AmazonS3",
    }


def storage_refusal(error: LinkError, headers: dict[str, str]) -> Response:
    """S3's error document."""
    content = s3_error(error, headers["x-amz-request-id"], headers["x-amz-id-2"])
    return Response(content, error.status, headers, media_type="application/xml")


async def show_document(state: State, request: Request) -> Response:
    """The bytes of a report's document, for comparison with what a client stored."""
    report = state.reports.get(request.path_params["report_id"])
    document = state.documents.get(report.report_document_id) if report else None
    if document is None:
        return JSONResponse({"error": "The report has no document"}, 404)
    return _response(document, {})


def _check(state: State, request: Request, document: StoredDocument | None, fault: Fault | None) -> StoredDocument:
    """The document that the link leads to. Raises LinkError where S3 or a fault refuses it."""
    _check_link(state, request, fault)
    if document is None:
        raise LinkError(404, "NoSuchKey", "The specified key does not exist.")
    return document


def _check_link(state: State, request: Request, fault: Fault | None) -> None:
    """Raises LinkError where S3 or a fault refuses the link."""
    if fault is not None and fault.kind == "status":
        raise storage_error(fault)
    if request.headers.get("authorization"):
        raise LinkError(400, "InvalidArgument", "Only one auth mechanism allowed")
    if request.method == "HEAD":
        raise LinkError(403, "SignatureDoesNotMatch", SIGNATURE_MISMATCH)
    path = request.scope["raw_path"].decode()
    expired = fault is not None and fault.kind == "expire"
    state.document_links.check(path, request.query_params, state.clock.now(), expired=expired)


def _response(document: StoredDocument, headers: Mapping[str, str]) -> Response:
    pieces = iterate_in_threadpool(document_bytes(document.specification))
    return StreamingResponse(pieces, 200, _headers(document, headers))


def _headers(document: StoredDocument, headers: Mapping[str, str]) -> dict[str, str]:
    return {
        "Content-Type": document.specification.content_type,
        "Content-Length": str(document.length),
        "ETag": f'"{document.document_id}"',
        **headers,
    }


def _first_bytes(pieces: Iterator[bytes], count: int) -> Iterator[bytes]:
    for piece in pieces:
        if count <= 0:
            return
        yield piece[:count]
        count -= len(piece)
