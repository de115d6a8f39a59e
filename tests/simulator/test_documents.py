"""Report documents: what they hold, how they are sent, and how their links end."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from tests.simulator.support import DOCUMENTS, LISTINGS, Simulator

MEBIBYTE = 2**20


def described(simulator: Simulator, document: Any, status: str = "DONE") -> Any:
    """Makes a report with this document and answers its description."""
    simulator.control("PUT", "/report-outcomes", {"status": status, "document": document})
    return simulator.document(simulator.seller())


def test_the_usual_document_is_a_gzip_table(simulator: Simulator) -> None:
    token = simulator.seller()
    description = simulator.document(token)
    assert description["compressionAlgorithm"] == "GZIP"
    answer = simulator.fetch("GET", description["url"])
    assert answer.status == 200
    assert answer.headers["content-type"] == "text/plain; charset=UTF-8"
    assert answer.headers["content-encoding"] == "identity"
    assert int(answer.headers["content-length"]) == len(answer.content)
    head, *rows = gzip.decompress(answer.content).decode().splitlines()
    assert {"seller-sku", "asin1", "price", "quantity"} <= set(head.split("\t"))
    assert len(rows) == 300
    assert {len(row.split("\t")) for row in rows} == {len(head.split("\t"))}


def test_the_control_api_shows_the_same_bytes(simulator: Simulator) -> None:
    token = simulator.seller()
    report_id = simulator.create_report(token)
    assert simulator.fetch("GET", f"{simulator.address}/simulator/reports/{report_id}/document").status == 404
    document_id = simulator.finished(token, report_id)["reportDocumentId"]
    url = simulator.call("GET", f"{DOCUMENTS}/{document_id}", token, status=200).json["url"]
    stored = simulator.fetch("GET", f"{simulator.address}/simulator/reports/{report_id}/document")
    assert stored.content == simulator.fetch("GET", url).content


def test_content_encoding_on_request(simulator: Simulator) -> None:
    token = simulator.seller()
    document_id = simulator.document(token)["reportDocumentId"]
    path = f"{DOCUMENTS}/{document_id}?enableContentEncodingUrlHeader="
    url = simulator.call("GET", f"{path}true", token, status=200).json["url"]
    assert simulator.fetch("GET", url).headers["content-encoding"] == "gzip"
    simulator.call("GET", f"{path}perhaps", token, status=400)


@pytest.mark.parametrize("charset", ["UTF-8", "utf8", "Cp1252", "ISO-8859-1", "Shift_JIS"])
def test_charsets(simulator: Simulator, charset: str) -> None:
    description = described(simulator, {"charset": charset, "compression": "none"})
    assert "compressionAlgorithm" not in description
    answer = simulator.fetch("GET", description["url"])
    assert answer.headers["content-type"] == f"text/plain; charset={charset}"
    assert "content-encoding" not in answer.headers
    text = answer.content.decode(charset)
    expected = "南部鉄器" if charset == "Shift_JIS" else "Emaille-Becher für"
    assert expected in text


def test_a_document_without_a_charset(simulator: Simulator) -> None:
    description = described(simulator, {"charset": None})
    assert simulator.fetch("GET", description["url"]).headers["content-type"] == "text/plain"


def test_labelled_gzip_but_plain(simulator: Simulator) -> None:
    description = described(simulator, {"compression": "declared"})
    assert description["compressionAlgorithm"] == "GZIP"
    assert simulator.fetch("GET", description["url"]).content.startswith(b"item-name\t")


def test_several_gzip_members(simulator: Simulator) -> None:
    description = described(simulator, {"compression": "multi-member-gzip"})
    content = simulator.fetch("GET", description["url"]).content
    assert content.count(b"\x1f\x8b\x08") >= 2
    assert len(gzip.decompress(content).splitlines()) == 301


@pytest.mark.parametrize(
    ("document", "labelled", "expected"),
    [
        ({"sizeBytes": 0, "compression": "none"}, False, b""),
        ({"sizeBytes": 0, "compression": "declared"}, True, b""),
        ({"text": "über", "charset": "Cp1252", "compression": "none"}, False, b"\xfcber"),
    ],
)
def test_exact_contents(simulator: Simulator, document: Any, labelled: bool, expected: bytes) -> None:
    description = described(simulator, document)
    assert ("compressionAlgorithm" in description) == labelled
    answer = simulator.fetch("GET", description["url"])
    assert (answer.content, answer.headers["content-length"]) == (expected, str(len(expected)))


def test_gzip_of_nothing(simulator: Simulator) -> None:
    content = simulator.fetch("GET", described(simulator, {"sizeBytes": 0})["url"]).content
    assert content.startswith(b"\x1f\x8b")
    assert gzip.decompress(content) == b""


@pytest.mark.parametrize(
    ("report_type", "media_type"),
    [("GET_SALES_AND_TRAFFIC_REPORT", "application/json"), ("GET_XML_BROWSE_TREE_DATA", "text/xml")],
)
def test_the_report_type_chooses_the_format(simulator: Simulator, report_type: str, media_type: str) -> None:
    answer = simulator.fetch("GET", simulator.document(simulator.seller(), report_type)["url"])
    assert answer.headers["content-type"] == f"{media_type}; charset=UTF-8"
    content = gzip.decompress(answer.content)
    records = json.loads(content)["listings"] if media_type.endswith("json") else list(ElementTree.fromstring(content))  # noqa: S314 (the simulator's own)
    assert len(records) == 300


@pytest.mark.parametrize("format_name", ["tsv", "json", "xml"])
@pytest.mark.parametrize("size", [1, 1000, 100_000, 1_234_567])
def test_any_size(simulator: Simulator, format_name: str, size: int) -> None:
    description = described(simulator, {"format": format_name, "sizeBytes": size, "compression": "none"})
    content = simulator.fetch("GET", description["url"]).content
    assert len(content) == size
    if format_name == "json" and size > 1000:
        assert json.loads(content)["listings"]
    if format_name == "xml" and size > 1000:
        assert len(ElementTree.fromstring(content)) > 100  # noqa: S314 (the simulator's own)


def test_the_compression_level_decides_what_is_sent(simulator: Simulator) -> None:
    sizes = {}
    for level in (0, 9):
        document = {"sizeBytes": MEBIBYTE, "compressionLevel": level}
        content = simulator.fetch("GET", described(simulator, document)["url"]).content
        assert len(gzip.decompress(content)) == MEBIBYTE
        sizes[level] = len(content)
    assert sizes[0] > MEBIBYTE > 4 * sizes[9]


def test_a_large_document_costs_no_memory(simulator: Simulator) -> None:
    description = described(simulator, {"sizeBytes": 256 * MEBIBYTE, "compression": "none"})
    before = resident_memory(simulator.pid)
    peak = before
    received = 0
    response = simulator.http.request("GET", description["url"], preload_content=False)
    for piece in response.stream(4 * MEBIBYTE):
        received += len(piece)
        peak = max(peak, resident_memory(simulator.pid))
    assert received == 256 * MEBIBYTE
    assert peak - before < 32 * MEBIBYTE


def resident_memory(pid: int) -> int:
    pages = Path(f"/proc/{pid}/statm").read_text().split()[1]
    return int(pages) * 4096


def test_a_link_ends_after_five_minutes(simulator: Simulator) -> None:
    url = simulator.document(simulator.seller())["url"]
    assert "X-Amz-Expires=300" in url
    simulator.control("PUT", "/clock", {"advanceSeconds": 290})
    assert simulator.fetch("GET", url).status == 200
    simulator.control("PUT", "/clock", {"advanceSeconds": 11})
    answer = simulator.fetch("GET", url)
    assert answer.status == 403
    assert answer.headers["content-type"].startswith("application/xml")
    error = ElementTree.fromstring(answer.content)  # noqa: S314 (the simulator's own)
    assert (error.findtext("Code"), error.findtext("Message")) == ("AccessDenied", "Request has expired")
    assert error.findtext("X-Amz-Expires") == "300"


def test_links_that_s3_refuses(simulator: Simulator) -> None:
    url = simulator.document(simulator.seller())["url"]
    refused = {
        url.replace("X-Amz-Expires=300", "X-Amz-Expires=9999"): (403, b"SignatureDoesNotMatch"),
        url.replace("amzn1.spdoc", "amzn1.other"): (403, b"SignatureDoesNotMatch"),
        url.partition("?")[0]: (403, b"AccessDenied"),
    }
    for changed, (status, code) in refused.items():
        answer = simulator.fetch("GET", changed)
        assert answer.status == status
        assert b"<Code>" + code + b"</Code>" in answer.content
    assert simulator.fetch("HEAD", url).status == 403
    assert b"InvalidArgument" in simulator.fetch("GET", url, {"Authorization": "Bearer x"}).content


def test_unknown_documents(simulator: Simulator) -> None:
    token = simulator.seller("A1")
    answer = simulator.call("GET", f"{DOCUMENTS}/50311019412", token, status=400)
    assert answer.error == ("InvalidInput", "Invalid reportDocumentId 50311019412", "")
    document_id = simulator.document(token)["reportDocumentId"]
    simulator.call("GET", f"{DOCUMENTS}/{document_id}", simulator.seller("A2"), status=400)
    simulator.call("GET", f"{DOCUMENTS}/{document_id}", token, endpoint="eu", status=400)


def test_a_fatal_report_explains_itself(simulator: Simulator) -> None:
    simulator.control("PUT", "/report-outcomes", {"status": "FATAL"})
    token = simulator.seller()
    report = simulator.finished(token, simulator.create_report(token))
    assert report["processingStatus"] == "FATAL"
    description = simulator.call("GET", f"{DOCUMENTS}/{report['reportDocumentId']}", token, status=200).json
    details = json.loads(gzip.decompress(simulator.fetch("GET", description["url"]).content))
    assert details["errorDetails"].startswith("A client error occurred.")


def test_ends_without_a_document(simulator: Simulator) -> None:
    rules = [{"status": "FATAL", "document": None, "count": 1}, {"status": "CANCELLED", "count": 1}]
    simulator.control("PUT", "/report-outcomes", rules)
    token = simulator.seller()
    ends = [simulator.finished(token, simulator.create_report(token)) for _ in range(3)]
    assert [end["processingStatus"] for end in ends] == ["FATAL", "CANCELLED", "DONE"]
    assert ["reportDocumentId" in end for end in ends] == [False, False, True]


def test_rules_choose_by_type_and_seller(simulator: Simulator) -> None:
    rules = [
        {"sellerId": "A2", "status": "FATAL"},
        {"reportType": LISTINGS, "sellerId": "A1", "status": "CANCELLED", "count": 2},
    ]
    simulator.control("PUT", "/report-outcomes", rules)
    first, second = simulator.seller("A1"), simulator.seller("A2")

    def end(token: str, report_type: str = LISTINGS) -> str:
        return str(simulator.finished(token, simulator.create_report(token, report_type))["processingStatus"])

    assert [end(second), end(second, "GET_FLAT_FILE_OPEN_LISTINGS_DATA")] == ["FATAL", "FATAL"]
    assert end(first, "GET_FLAT_FILE_OPEN_LISTINGS_DATA") == "DONE"
    assert [end(first), end(first), end(first)] == ["CANCELLED", "CANCELLED", "DONE"]
