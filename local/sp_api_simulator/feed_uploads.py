"""The presigned links to which feed documents are uploaded, as S3 serves them."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from urllib.parse import quote, urlencode

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from sp_api_simulator.document_endpoint import storage_headers, storage_refusal
from sp_api_simulator.documents import (
    LINK_ALGORITHM,
    LINK_TIME,
    SIGNATURE_MISMATCH,
    LinkError,
    check_expiry,
)
from sp_api_simulator.exchange import Exchange
from sp_api_simulator.fault_answers import storage_error
from sp_api_simulator.faults import Fault
from sp_api_simulator.feed_state import UploadedDocument

UPLOAD_OPERATION = "uploadFeedDocument"
ACCESS_KEY_ID = "AKIASIMULATEDSPAPI00"


@dataclass(frozen=True)
class UploadLinks:
    """Creates and checks links for one PUT. The Content-Type is part of the signature, so it must be the same to the
    byte (selling-partner-api-docs issues 97 and 1017).
    """

    key: bytes

    def make(self, base_url: str, document_id: str, content_type: str, now: datetime, lifetime_seconds: int) -> str:
        path = f"/uploads/{quote(document_id)}"
        query = {
            "X-Amz-Algorithm": LINK_ALGORITHM,
            "X-Amz-Date": now.strftime(LINK_TIME),
            "X-Amz-SignedHeaders": "content-type;host",
            "X-Amz-Expires": str(lifetime_seconds),
            "X-Amz-Credential": f"{ACCESS_KEY_ID}/{now:%Y%m%d}/us-east-1/s3/aws4_request",
        }
        signature = self._signature(path, query, content_type)
        return f"{base_url}{path}?{urlencode(query | {'X-Amz-Signature': signature})}"

    def check(
        self, path: str, query: Mapping[str, str], content_type: str, now: datetime, *, expired: bool = False
    ) -> None:
        """Raises LinkError if the link or the Content-Type is another, or the link has expired."""
        signed = {name: value for name, value in query.items() if name != "X-Amz-Signature"}
        signature = query.get("X-Amz-Signature", "")
        if "X-Amz-Date" not in query or "X-Amz-Expires" not in query or not signature:
            raise LinkError(403, "AccessDenied", "Access Denied")
        if not hmac.compare_digest(self._signature(path, signed, content_type), signature):
            canonical = f"PUT\n{path}\n{urlencode(sorted(signed.items()))}\ncontent-type:{content_type}\n"
            elements = (
                ("AWSAccessKeyId", ACCESS_KEY_ID),
                ("SignatureProvided", signature),
                ("CanonicalRequest", canonical),
            )
            raise LinkError(403, "SignatureDoesNotMatch", SIGNATURE_MISMATCH, elements)
        check_expiry(query, now, expired=expired)

    def _signature(self, path: str, query: Mapping[str, str], content_type: str) -> str:
        canonical = f"PUT\n{path}?{urlencode(sorted(query.items()))}\n{content_type}"
        return hmac.new(self.key, canonical.encode(), hashlib.sha256).hexdigest()


async def serve_upload(exchange: Exchange) -> Response:
    """Stores the document, or returns S3's error document."""
    state, document_id = exchange.state, exchange.request.path_params["document_id"]
    document = state.feeds.uploads.get(document_id)
    exchange.seller_id = document.seller_id if document else ""
    fault = await exchange.take_fault("status", "reset", "expire")
    if (answer := exchange.plain_fault(fault)) is not None:
        return answer
    headers = storage_headers()
    try:
        _check(exchange, document, fault)
        content = await _content(exchange.request)
    except LinkError as error:
        exchange.error = error.code
        return storage_refusal(error, headers)
    known = state.feeds.uploads[document_id]
    state.feeds.uploads[document_id] = replace(known, content=content, uploads=known.uploads + 1)
    headers["ETag"] = f'"{hashlib.md5(content, usedforsecurity=False).hexdigest()}"'
    return exchange.lost_answer() or Response(b"", 200, headers)


def _check(exchange: Exchange, document: UploadedDocument | None, fault: Fault | None) -> None:
    request, state = exchange.request, exchange.state
    if fault is not None and fault.kind == "status":
        raise storage_error(fault)
    if request.headers.get("authorization"):
        raise LinkError(400, "InvalidArgument", "Only one auth mechanism allowed")
    path, content_type = request.scope["raw_path"].decode(), request.headers.get("content-type", "")
    expired = fault is not None and fault.kind == "expire"
    links = UploadLinks(state.document_links.key)
    links.check(path, request.query_params, content_type, state.clock.now(), expired=expired)
    if "transfer-encoding" in request.headers:
        element = (("Header", "Transfer-Encoding"),)
        message = "A header you provided implies functionality that is not implemented"
        raise LinkError(501, "NotImplemented", message, element)
    if "content-length" not in request.headers:
        raise LinkError(411, "MissingContentLength", "You must provide the Content-Length HTTP header.")
    if document is None:
        raise LinkError(404, "NoSuchKey", "The specified key does not exist.")


async def _content(request: Request) -> bytes:
    try:
        return await request.body()
    except ClientDisconnect:
        message = "You did not provide the number of bytes specified by the Content-Length HTTP header"
        raise LinkError(400, "IncompleteBody", message) from None
