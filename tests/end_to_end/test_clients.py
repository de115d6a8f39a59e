"""The clients of docs/examples that a product copies behave alike.

Methods, pages and errors are those of the stack. Answers that the stack returns rarely come from a server with a
script.
"""

import gzip
import json
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from deployment import Deployment
from tests.end_to_end.host import HostProduct, Seller, eventually, report_of
from tests.end_to_end.test_examples import EXAMPLES, example_environment
from tests.waiting import SECONDS

# Each program reads [{"call", "arguments"}] and prints a line for each: {"result"} or what the exception says.
_PYTHON = """
import json, logging, os, sys
from importlib import import_module
logging.basicConfig(level=logging.INFO)
client = import_module(sys.argv[1])
product = client.QuickStart(os.environ["ROLE_ARN"], os.environ["AWS_REGION"], patience=float(sys.argv[2]))
for step in json.load(sys.stdin):
    call, address, fields = step
    try:
        if call == "pages":
            result = list(product.pages(address, **fields))
        elif call in ("get", "delete"):
            result = getattr(product, call)(address, **fields)
        else:
            result = getattr(product, call)(address, fields)
        print(json.dumps({"result": result}))
    except client.RequestRefusedError as error:
        shown = {"status": error.status, "code": error.code, "requestId": error.request_id, "message": str(error)}
        print(json.dumps(shown))
    except client.NoAnswerError as error:
        print(json.dumps({"status": None, "clientToken": error.client_token}))
"""
_NODE = """
import { readFileSync } from "node:fs";
const { NoAnswerError, QuickStart, RequestRefusedError } = await import(process.argv[2]);
const product = new QuickStart(process.env.ROLE_ARN, process.env.AWS_REGION, { patience: Number(process.argv[3]) });
for (const [call, address, fields] of JSON.parse(readFileSync(0, "utf8"))) {
  let shown;
  try {
    const result = call === "pages" ? await all(product, address, fields) : await product[call](address, fields);
    shown = { result: result ?? null };
  } catch (error) {
    if (!(error instanceof RequestRefusedError || error instanceof NoAnswerError)) throw error;
    shown = error instanceof RequestRefusedError
      ? { status: error.status, code: error.code, requestId: error.requestId, message: error.message }
      : { status: null, clientToken: error.clientToken ?? null };
  }
  console.log(JSON.stringify(shown));
}
async function all(product, address, fields) {
  const pages = [];
  for await (const page of product.pages(address, fields)) pages.push(page);
  return pages;
}
"""
CLIENTS = ("requests", "botocore", "node")
Step = tuple[str, str, Mapping[str, object] | str]
each_client = pytest.mark.parametrize("client", CLIENTS)


def run(client: str, deployment: Deployment, folder: Path, steps: Sequence[Step], patience: float = 60) -> list[Any]:
    """What the client returned or raised for each call."""
    done = ended(client, deployment, folder, steps, patience)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def ended(
    client: str, deployment: Deployment, folder: Path, steps: Sequence[Step], patience: float = 60
) -> subprocess.CompletedProcess[str]:
    """The program after these calls; its standard error has what the client logs."""
    if client == "node":
        program = folder / "program.mjs"
        program.write_text(_NODE)
        command = ["node", str(program), (EXAMPLES / "host_product.mjs").as_uri(), str(patience)]
    else:
        module = {"requests": "host_product", "botocore": "host_product_botocore"}[client]
        command = [sys.executable, "-c", _PYTHON, module, str(patience)]
    return subprocess.run(
        command,
        input=json.dumps(steps),
        env={**example_environment(deployment), "PYTHONPATH": str(EXAMPLES), "NODE_DEBUG": "host_product"},
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )


@each_client
def test_every_method_and_all_pages(
    deployment: Deployment, host: HostProduct, seller: Seller, tmp_path: Path, client: str
) -> None:
    tokens, reports = deployment.url("TokenStorageUrl"), deployment.url("ReportCreatorUrl")
    seller_id = seller.seller_id
    types = [f"GET_PAGE_{number}" for number in range(3)]
    stored, *created, pages, read, unknown, left = run(
        client,
        deployment,
        tmp_path,
        [
            ("post", tokens, {"SellerId": seller_id, "RefreshToken": seller.refresh_token, "Verify": True}),
            *(("create", reports, report_of(seller, report_type)) for report_type in types),
            ("pages", reports, {"SellerId": seller_id, "Limit": "2"}),
            ("get", f"{reports}/none", {"SellerId": seller_id}),
            ("get", reports, {"SellerId": seller_id, "sellerId": "with spaces & more=+"}),
            ("delete", f"{tokens}/{seller_id}", {}),
        ],
    )
    assert stored["result"]["status"] == "SUCCESS"
    ids = [answer["result"]["reportId"] for answer in created]
    assert [len(page["reports"]) for page in pages["result"]] == [2, 1]
    assert {report["reportId"] for page in pages["result"] for report in page["reports"]} == set(ids)
    assert (read["status"], read["code"]) == (404, "ReportUnknown")
    assert read["requestId"]
    assert read["message"].startswith("HTTP 404: ")
    assert (unknown["status"], unknown["code"]) == (400, "UnknownField")
    assert left["result"]["status"] == "SUCCESS"
    assert host.get("ReportCreatorUrl", f"/{ids[0]}", SellerId=seller_id).status_code == 404


@each_client
def test_ids_with_any_character_in_the_path(
    deployment: Deployment, host: HostProduct, seller: Seller, tmp_path: Path, client: str
) -> None:
    """A PATCH, and a path that is encoded once more for the signature."""
    host.store_token(seller)
    address = f"{deployment.url('ListingsUrl')}/{quote('A/1 #2 é', safe='')}"
    fields = {"SellerId": seller.seller_id, "RegionCode": "NA", "MarketplaceId": "ATVPDKIKX0DER"}
    patched, read = run(client, deployment, tmp_path, [("patch", address, fields), ("get", address, fields)])
    # Signed as it should be: the function answers.
    assert (patched["status"], patched["code"]) == (400, "Missing")
    assert read.get("status", 404) == 404, read


@dataclass
class Script:
    """A server that returns these statuses and headers one after the other; `received` has the bodies."""

    address: str = ""
    received: list[Any] = field(default_factory=list)


SP_API_FAILED = "createReport: HTTP 503 ServiceUnavailable: down"
Answer = tuple[int | None, Mapping[str, str], Mapping[str, Any] | bytes]
GOOD: Answer = (200, {}, {"reportId": "7"})


def failed(status: int, message: str = "refused", code: str = "TransientError", **headers: str) -> Answer:
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    return status, given, {"message": message, "errors": [{"code": code, "message": message}], "requestId": "r-1"}


@contextmanager
def scripted(answers: Sequence[Answer]) -> Iterator[Script]:
    left, script = list(answers), Script()

    class Handler(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            script.received.append(json.loads(body) if body else self.path)
            status, headers, content = left.pop(0)
            if status is None:
                self.close_connection = True
                self.connection.shutdown(socket.SHUT_RDWR)
                return
            text = content if isinstance(content, bytes) else json.dumps(content).encode()
            self.send_response(status)
            for name, value in {"Content-Length": str(len(text)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(text)

        def do_GET(self) -> None:
            self._answer()

        def do_POST(self) -> None:
            self._answer()

        def log_message(self, *_: object) -> None:
            """Says nothing of each request."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        script.address = f"http://127.0.0.1:{server.server_address[1]}/prod/reports"
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        try:
            yield script
        finally:
            server.shutdown()


EXPIRED = "The security token included in the request is expired"
NO_ANSWER: Answer = (None, {}, {})
# The call, the answers that it gets, how many requests are sent, and the status of its exception if there is one.
BEHAVIOURS: Mapping[str, tuple[str, list[Answer], int, int | str | None]] = {
    "Retry-After of a 429": ("post", [failed(429, Retry_After="1"), GOOD], 2, None),
    "Retry-After of a 503": ("post", [failed(503, Retry_After="1"), GOOD], 2, None),
    "Retry-After of a 409": ("create", [failed(409, Retry_After="1"), failed(409, Retry_After="1"), GOOD], 3, None),
    "a 409 without Retry-After": ("create", [failed(409)], 1, 409),
    "SP-API failed": ("create", [failed(502, SP_API_FAILED), GOOD], 2, None),
    "SP-API refused": ("create", [failed(502, "createReport: HTTP 403 Unauthorized: no")], 1, 502),
    "the function failed": ("create", [(502, {}, {"message": "Internal server error"}), GOOD], 2, None),
    "SP-API did not answer": ("create", [failed(504), GOOD], 2, None),
    "a lost answer": ("create", [NO_ANSWER, GOOD], 2, None),
    "a lost answer of a GET": ("get", [NO_ANSWER, GOOD], 2, None),
    "a 504 without a ClientToken": ("post", [failed(504)], 1, 504),
    "a lost answer without a ClientToken": ("post", [NO_ANSWER], 1, "no answer"),
    "a 400": ("create", [failed(400)], 1, 400),
    "IAM denies": ("get", [(403, {"x-amzn-RequestId": "g-1"}, {"Message": "not authorized"})], 1, 403),
    "an expired session": ("post", [(403, {}, {"message": EXPIRED}), GOOD], 2, None),
}


@each_client
def test_what_is_sent_again(deployment: Deployment, tmp_path: Path, client: str) -> None:
    """All behaviours in one process of the client, one after the other."""
    for what, (call, answers, requests_sent, status) in BEHAVIOURS.items():
        with scripted(answers) as script:
            (shown,) = run(client, deployment, tmp_path, [(call, script.address, {"SellerId": "A1"})])
        assert len(script.received) == requests_sent, (what, shown)
        if status is None:
            assert shown == {"result": {"reportId": "7"}}, what
        elif status == "no answer":
            assert shown == {"status": None, "clientToken": None}, what
        else:
            assert shown["status"] == status, what
            assert shown["requestId"] in ("r-1", "g-1"), what
        if call == "create":
            tokens = {body["ClientToken"] for body in script.received}
            assert len(tokens) == 1, what
            assert tokens != {None}, what


@each_client
def test_patience_ends(deployment: Deployment, tmp_path: Path, client: str) -> None:
    with scripted([failed(429, Retry_After="60")]) as script:
        (shown,) = run(client, deployment, tmp_path, [("post", script.address, {})], patience=5)
    assert (shown["status"], len(script.received)) == (429, 1)
    with scripted([NO_ANSWER]) as script:
        (shown,) = run(client, deployment, tmp_path, [("create", script.address, {"ClientToken": "t-1"})], patience=0)
    assert shown == {"status": None, "clientToken": "t-1"}


@each_client
def test_a_wait_is_logged(deployment: Deployment, tmp_path: Path, client: str) -> None:
    with scripted([failed(429, "createReport: HTTP 429 QuotaExceeded", Retry_After="1"), GOOD]) as script:
        done = ended(client, deployment, tmp_path, [("post", script.address, {})])
    assert "waiting 1 s: HTTP 429: createReport: HTTP 429 QuotaExceeded" in done.stderr


GZIP = {"Content-Encoding": "gzip"}
TEXT = "sku\tprice\nCafé\t4.00\n".encode()
PACKED = gzip.compress(TEXT)
LINK_EXPIRED = b"<Error><Code>AccessDenied</Code><Message>Request has expired</Message></Error>"
# What a link returns, and the saved file, or the status of the exception.
DOWNLOADS: Mapping[str, tuple[Answer, bytes | int | None]] = {
    "gzip": ((200, GZIP, PACKED), TEXT),
    "gzip of several members": ((200, GZIP, PACKED + PACKED), TEXT + TEXT),
    "gzip of an empty document": ((200, GZIP, gzip.compress(b"")), b""),
    "not compressed": ((200, {}, TEXT), TEXT),
    "an empty document": ((200, {}, b""), b""),
    "the link has expired": ((403, {"Content-Type": "application/xml"}, LINK_EXPIRED), 403),
    "a lost answer": (NO_ANSWER, None),
    "a document cut short": ((200, {"Content-Length": "100", "Connection": "close"}, TEXT), None),
    "gzip cut short": ((200, {**GZIP, "Content-Length": "100", "Connection": "close"}, PACKED), None),
    "not gzip": ((200, GZIP, TEXT), None),
}


@each_client
def test_a_download_is_decompressed_and_whole(deployment: Deployment, tmp_path: Path, client: str) -> None:
    file = tmp_path / "report.tsv"
    for what, (answer, expected) in DOWNLOADS.items():
        file.write_text("earlier")
        with scripted([answer]) as script:
            (shown,) = run(client, deployment, tmp_path, [("download", script.address, str(file))])
        if isinstance(expected, bytes):
            assert (shown, file.read_bytes()) == ({"result": None}, expected), what
            continue
        assert shown["status"] == expected, what
        assert expected is None or "Request has expired" in shown["message"], what
        assert shown.get("clientToken") is None, (what, shown)
        assert file.read_text() == "earlier", what
    left = {path.name for path in tmp_path.iterdir()}
    assert left - {"program.mjs"} == {"report.tsv"}


@each_client
def test_a_download_names_what_this_machine_refuses(deployment: Deployment, tmp_path: Path, client: str) -> None:
    """The file cannot be written: this is no lost answer, and the message names the file."""
    with scripted([(200, GZIP, PACKED)]) as script:
        done = ended(client, deployment, tmp_path, [("download", script.address, str(tmp_path / "none" / "r.tsv"))])
    assert done.returncode == 1
    assert "r.tsv" in done.stderr


@each_client
def test_a_repeat_of_a_lost_answer_creates_one_report(
    deployment: Deployment, host: HostProduct, seller: Seller, tmp_path: Path, client: str
) -> None:
    """The real rule of the ClientToken: SP-API creates the report and its answer is lost."""
    host.store_token(seller)
    lost = {"fault": "lose", "operation": "createReport", "sellerId": seller.seller_id}
    seller.control("POST", "faults", lost)
    reports = deployment.url("ReportCreatorUrl")
    (shown,) = run(client, deployment, tmp_path, [("create", reports, report_of(seller))], patience=200)
    listed = eventually(lambda: host.get("ReportCreatorUrl", SellerId=seller.seller_id).json()["reports"] or None)
    assert [report["reportId"] for report in listed] == [shown["result"]["reportId"]]
