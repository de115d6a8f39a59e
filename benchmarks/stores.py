"""A document store, S3, DynamoDB and EventBridge on this machine, over TLS as on AWS. They do as little as they can.

    python -m benchmarks.stores --certificate server.pem [--bytes-per-second N]

prints the port and answers until its input ends. GET /<size>/plain or /<size>/gzip is a document of so many bytes.
A POST with a target is a call of DynamoDB, EventBridge, KMS or Secrets Manager. A POST to /auth/o2/token is answered
as Login with Amazon does, and a GET below /solicitations as SP-API does. Everything else is an upload to S3, of which
only the number of bytes is kept: GET /received returns it, and forgets it.
"""

import argparse
import base64
import json
import random
import socket
import ssl
import struct
import sys
import threading
import time
import zlib
from collections.abc import Iterator
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

LWA_PATH = "/auth/o2/token"
# DynamoDB reads so many bytes for a page. A seller's token has an item of about 700.
PAGE_ITEMS = 1024 * 1024 // 700
PIECE_BYTES = 256 * 1024
# A document repeats a text of so many bytes.
TEXT_BYTES = 32 * 1024 * 1024


@cache
def text() -> bytes:
    """Rows of a report, of which no two are equal."""
    chance = random.Random(1)
    words = [bytes(chance.choices(b"abcdefghijklmnopqrstuvwxyz", k=chance.randint(3, 10))) for _ in range(3000)]
    rows, size = [], 0
    while size < TEXT_BYTES:
        name = b" ".join(chance.choices(words, k=8))
        price = chance.random() * 100
        row = b"SKU-%09d\t%s\t%.2f\t%d\tActive\r\n" % (chance.randrange(10**9), name, price, chance.randrange(500))
        rows.append(row)
        size += len(row)
    return b"".join(rows)[:TEXT_BYTES]


@cache
def block() -> bytes:
    """`text` as deflate data that may follow itself."""
    packer = zlib.compressobj(6, wbits=-zlib.MAX_WBITS)
    return packer.compress(text()) + packer.flush(zlib.Z_FULL_FLUSH)


@cache
def gzip_document(size: int) -> tuple[bytes, bytes, int, bytes]:
    """The header, a piece, how often it comes, and the end of about `size` bytes of gzip data in one member."""
    times, checksum = max(1, size // len(block())), 0
    for _ in range(times):
        checksum = zlib.crc32(text(), checksum)
    end = struct.pack("<II", checksum, times * len(text()) % (1 << 32))
    return bytes.fromhex("1f8b0800000000000003"), block(), times, zlib.compressobj(wbits=-15).flush() + end


class Received:
    """Bytes of objects and parts since the last question."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._bytes = 0

    def add(self, size: int) -> None:
        with self._lock:
            self._bytes += size

    def take(self) -> int:
        with self._lock:
            taken, self._bytes = self._bytes, 0
        return taken


def handler_of(received: Received, bytes_per_second: float) -> type[BaseHTTPRequestHandler]:
    """`bytes_per_second` limits each connection; 0 means no limit."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_GET(self) -> None:
            path = urlsplit(self.path).path
            if path == "/received":
                self._answer(str(received.take()))
                return
            if path.startswith("/solicitations"):
                self._answer('{"_links": {"actions": []}}')
                return
            _, size, kind = path.split("/")
            pieces, length = document(int(size), kind)
            self.send_response(200)
            self.send_header("Content-Type", "text/tab-separated-values; charset=UTF-8")
            self.send_header("Content-Length", str(length))
            self.end_headers()
            pace = Pace(bytes_per_second)
            for piece in pieces:
                self.connection.sendall(piece)
                pace.after(len(piece))

        def do_HEAD(self) -> None:
            self.send_response(404)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def do_POST(self) -> None:
            if self.path == LWA_PATH:
                self.rfile.read(int(self.headers["Content-Length"]))
                self._answer(json.dumps({"access_token": f"Atza|{'x' * 400}", "expires_in": 3600}))
                return
            if target := self.headers.get("X-Amz-Target"):
                self._answer(answer_of(target, json.loads(self.rfile.read(int(self.headers["Content-Length"])))))
                return
            self._take()
            tag = "InitiateMultipartUploadResult" if "uploads" in self.path else "CompleteMultipartUploadResult"
            self._answer(f"<{tag}><UploadId>1</UploadId><ETag>1</ETag></{tag}>")

        def do_PUT(self) -> None:
            size = self._take()
            if "tagging" not in urlsplit(self.path).query:
                received.add(size)
            self._answer("")

        def log_message(self, *_: object) -> None:
            """Nothing."""

        def _take(self) -> int:
            """Reads the body and returns its number of bytes, without the framing of aws-chunked."""
            buffer, pace, total = bytearray(PIECE_BYTES), Pace(bytes_per_second), 0
            if "chunked" not in self.headers.get("Transfer-Encoding", ""):
                missing = int(self.headers.get("Content-Length", 0))
                framed = int(self.headers.get("x-amz-decoded-content-length", missing))
                while missing:
                    count = self.rfile.readinto1(memoryview(buffer)[: min(missing, PIECE_BYTES)])
                    if not count:
                        raise ConnectionError
                    missing -= count
                    pace.after(count)
                return framed
            while size := int(self.rfile.readline().split(b";")[0], 16):
                self.rfile.read(size + 2)
                total += size
            while self.rfile.readline().strip():
                pass
            return int(self.headers.get("x-amz-decoded-content-length", total))

        def _answer(self, body: str) -> None:
            self.send_response(200)
            self.send_header("ETag", '"1"')
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body.encode())

    return Handler


def answer_of(target: str, asked: dict[str, Any]) -> str:
    """What DynamoDB knows of a subscription, and EventBridge's answer to events."""
    if target.endswith(".PutEvents"):
        return json.dumps({"FailedEntryCount": 0, "Entries": [{"EventId": "1"} for _ in asked["Entries"]]})
    if target.endswith(".BatchWriteItem"):
        return "{}"
    if target.endswith(".Decrypt"):
        return json.dumps({"Plaintext": base64.b64encode(b"Atzr|token").decode(), "KeyId": "key"})
    if target.endswith(".GetSecretValue"):
        secret = json.dumps({"AppClientId": "a", "AppClientSecret": "s", "IssuedAt": "2026-11-01T00:00:00Z"})
        return json.dumps({"SecretString": secret, "VersionId": "1", "ARN": "arn", "Name": "secret"})
    if target.endswith(".UpdateItem"):
        return "{}"
    if target.endswith(".GetItem"):
        return json.dumps({"Item": _token(asked["Key"]["SellerId"]["S"])})
    if target.endswith(".Scan"):
        return _page_of_tokens(asked)
    if "ProjectionExpression" in asked:
        return _page_of_keys(asked)
    if "IndexName" not in asked:
        return '{"Items": []}'
    found = {
        "SellerId": "A1",
        "Item": "SUBSCRIPTION#NA",
        "RegionCode": "NA",
        "NotificationType": "ANY_OFFER_CHANGED",
        "SubscriptionId": asked["ExpressionAttributeValues"][":hash"]["S"],
        "DestinationId": "d",
        "PayloadVersion": "1.0",
    }
    return json.dumps({"Items": [{name: {"S": value} for name, value in found.items()}]})


def _page_of_keys(asked: dict[str, Any]) -> str:
    """The next keys of a table orders-N, which has N orders of the seller."""
    start = int(asked.get("ExclusiveStartKey", {}).get("AmazonOrderId", {"S": "-1"})["S"]) + 1
    number = int(asked["TableName"].rpartition("-")[2])
    keys = [
        {"AmazonOrderId": {"S": str(each)}, "SellerId": {"S": "A1"}}
        for each in range(start, min(start + asked["Limit"], number))
    ]
    more = {"LastEvaluatedKey": keys[-1]} if start + len(keys) < number else {}
    return json.dumps({"Items": keys, **more})


def _token(seller_id: str) -> dict[str, dict[str, str]]:
    texts = {
        "SellerId": seller_id,
        "Item": "TOKEN#EU",
        "Ciphertext": base64.b64encode(b"x" * 330).decode(),
        "KeyArn": "arn:aws:kms:us-east-1:111122223333:key/00000000-0000-0000-0000-000000000000",
        "StoredAt": "2026-11-01T12:00:00.000000Z",
        "ConsentedAt": "2026-11-01T12:00:00Z",
    }
    return {name: {"S": value} for name, value in texts.items()}


def _page_of_tokens(asked: dict[str, Any]) -> str:
    """The next items of a table sellers-N, which has a token of each of N sellers."""
    start = int(asked.get("ExclusiveStartKey", {}).get("SellerId", {"S": "-1"})["S"]) + 1
    number = int(asked["TableName"].rpartition("-")[2])
    items = [_token(str(each)) for each in range(start, min(start + PAGE_ITEMS, number))]
    more = {"LastEvaluatedKey": {name: items[-1][name] for name in ("SellerId", "Item")}}
    return json.dumps({"Items": items, **(more if start + len(items) < number else {})})


class Pace:
    """Sleeps so that bytes do not pass faster than they may."""

    def __init__(self, bytes_per_second: float) -> None:
        self._rate, self._began, self._bytes = bytes_per_second, time.monotonic(), 0

    def after(self, size: int) -> None:
        self._bytes += size
        if self._rate:
            early = self._bytes / self._rate - (time.monotonic() - self._began)
            if early > 0:
                time.sleep(early)


def document(size: int, kind: str) -> tuple[Iterator[memoryview], int]:
    """The pieces of a document and its exact length."""
    if kind == "gzip":
        head, piece, times, end = gzip_document(size)
        return _pieces(head, piece, len(piece) * times, end), len(head) + len(piece) * times + len(end)
    return _pieces(b"", text(), size, b""), size


def _pieces(head: bytes, repeated: bytes, size: int, end: bytes) -> Iterator[memoryview]:
    if head:
        yield memoryview(head)
    while size:
        whole = memoryview(repeated)[:size]
        for start in range(0, len(whole), PIECE_BYTES):
            yield whole[start : start + PIECE_BYTES]
        size -= len(whole)
    if end:
        yield memoryview(end)


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def __init__(self, handler: type[BaseHTTPRequestHandler], context: ssl.SSLContext) -> None:
        super().__init__(("127.0.0.1", 0), handler)
        self._context = context

    def get_request(self) -> tuple[Any, Any]:
        connection, address = super().get_request()
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return self._context.wrap_socket(connection, server_side=True, do_handshake_on_connect=False), address

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that closes its connection is no error here."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--certificate", required=True)
    parser.add_argument("--bytes-per-second", type=float, default=0)
    options = parser.parse_args()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(options.certificate)
    block()
    server = Server(handler_of(Received(), options.bytes_per_second), context)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(server.server_address[1], flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main()
