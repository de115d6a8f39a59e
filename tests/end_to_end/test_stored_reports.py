"""A stored report is the bytes that SP-API sent, and reads as the text they mean, whatever reads it."""

import gzip
import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import requests

from deployment import Deployment, aws
from simulator import served_document
from tests.end_to_end.browser import Browser, running_browser
from tests.end_to_end.host import (
    REPORT_TYPE,
    HostProduct,
    Seller,
    download,
    eventually,
    function_processes,
    invoke_function,
    ledger_item,
    link_in,
    mail_about,
    mails_about,
    new_seller,
)
from tests.programs import needs_curl
from tests.waiting import SECONDS

# With what Windows added to ISO 8859-1 (dash, quotes, euro) and to Shift_JIS (circled digit, old kanji, wave).
WESTERN = "sku\titem-name\tprice\nA-1\tGröße 42 \N{EN DASH} Café “Noël”\t9,99 €\n"
JAPANESE = "sku\t商品名\tprice\nA-1\t①髙島屋\N{FULLWIDTH TILDE}カタカナ㈱\t500円\n"
EVERYTHING = WESTERN + JAPANESE


@dataclass(frozen=True)
class Case:
    """A document as SP-API sends it, and what it says. Not every reader unpacks gzip of several members."""

    document: dict[str, Any]
    text: str
    charset: str
    gzipped: bool = True
    several_members: bool = False


CASES = {
    "Cp1252": Case({"charset": "Cp1252", "text": WESTERN}, WESTERN, "windows-1252"),
    "Shift_JIS": Case({"charset": "Shift_JIS", "text": JAPANESE}, JAPANESE, "ms932"),
    "UTF-8": Case({"charset": "UTF-8", "text": EVERYTHING}, EVERYTHING, "UTF-8"),
    "utf8, plain": Case(
        {"charset": "utf8", "compression": "none", "text": EVERYTHING}, EVERYTHING, "UTF-8", gzipped=False
    ),
    "no charset": Case({"charset": None, "text": EVERYTHING}, EVERYTHING, "UTF-8"),
    "labelled gzip but plain": Case(
        {"compression": "declared", "text": EVERYTHING}, EVERYTHING, "UTF-8", gzipped=False
    ),
    "empty": Case({"compression": "none", "sizeBytes": 0}, "", "UTF-8", gzipped=False),
    "0-byte gzip": Case({"sizeBytes": 0}, "", "UTF-8"),
    "multi-member gzip": Case(
        {"compression": "multi-member-gzip", "text": EVERYTHING}, EVERYTHING, "UTF-8", several_members=True
    ),
}
# Neither curl nor a browser unpacks gzip of several members.
ONE_MEMBER = [name for name, case in CASES.items() if not case.several_members]


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with running_browser(tmp_path_factory.mktemp("browser")) as running:
        yield running


@dataclass(frozen=True)
class Stored:
    """A case's report in the bucket: the link that was mailed, and what a reader that unpacks gzip gets."""

    case: Case
    report_id: str
    link: str
    content: bytes

    @property
    def unpacked(self) -> bytes:
        return gzip.decompress(self.content) if self.case.gzipped else self.content


@pytest.fixture(scope="module")
def stored_reports(deployment: Deployment, host: HostProduct) -> Callable[[str], Stored]:
    """The stored report of a case. Each is made once; all readers read the same."""

    @cache
    def stored(name: str) -> Stored:
        # A seller of its own: an equal request of the same seller gets the report that there is.
        seller = new_seller(deployment.servers, f"A3STOREDREPORT{list(CASES).index(name)}")
        host.store_token(seller)
        host.subscribe(seller)
        outcome = {"sellerId": seller.seller_id, "queueSeconds": 0, "processingSeconds": 0}
        seller.control("POST", "report-outcomes", outcome | {"document": CASES[name].document})
        report_id = host.create_report(seller)
        return Stored(
            CASES[name],
            report_id,
            link_in(mail_about(deployment.servers, report_id)),
            served_document(deployment.servers.simulator_endpoint, report_id),
        )

    return stored


@pytest.mark.parametrize("name", CASES)
def test_the_stored_bytes_are_those_that_sp_api_sent(stored_reports: Callable[[str], Stored], name: str) -> None:
    stored = stored_reports(name)
    case = stored.case
    answer, content = download(stored.link)
    assert answer.status_code == 200
    assert content == stored.content
    assert answer.headers["Content-Type"] == f"text/plain; charset={case.charset}"
    assert answer.headers.get("Content-Encoding") == ("gzip" if case.gzipped else None)
    assert (content[:2] == b"\x1f\x8b") == case.gzipped
    assert requests.get(stored.link, timeout=SECONDS).text == case.text


@needs_curl
@pytest.mark.parametrize("name", ONE_MEMBER)
def test_curl_gets_the_text(stored_reports: Callable[[str], Stored], tmp_path: Path, name: str) -> None:
    stored, path = stored_reports(name), tmp_path / "curl"
    path.touch()  # curl writes no file for an empty answer
    subprocess.run(["curl", "--silent", "--show-error", "--fail", "--compressed", "-o", path, stored.link], check=True)
    assert path.read_bytes() == stored.unpacked


@pytest.mark.parametrize("name", ONE_MEMBER)
def test_a_browser_gets_the_text(stored_reports: Callable[[str], Stored], browser: Browser, name: str) -> None:
    stored = stored_reports(name)
    assert browser.text_of(stored.link) == stored.case.text
    saved = browser.download(stored.link)
    assert saved.name == f"{REPORT_TYPE}_{stored.report_id}.tsv"
    assert saved.read_bytes() == stored.unpacked


def test_storing_a_report_again_changes_nothing(
    deployment: Deployment, host: HostProduct, subscribed_seller: Seller
) -> None:
    report_id = host.create_report(subscribed_seller)
    mail_about(deployment.servers, report_id)
    item = ledger_item(deployment, subscribed_seller, report_id)
    assert item is not None
    event = {
        "SellerId": subscribed_seller.seller_id,
        "ReportId": report_id,
        "ReportType": REPORT_TYPE,
        "CreatedTime": "2026-11-21T04:00:00+00:00",
        # Nothing answers there: the document is not even asked for.
        "ReportDocumentUrl": "http://127.0.0.1:9/document",
    }
    answer = invoke_function(deployment, "SPAPIReportDocumentStorage", event)
    assert (answer["ObjectKey"], answer["Sha256"]) == (item["ObjectKey"], item["Sha256"])
    s3, bucket = aws(deployment.servers, "s3"), deployment.outputs["ReportsBucketName"]
    assert len(s3.list_object_versions(Bucket=bucket, Prefix=item["ObjectKey"])["Versions"]) == 1
    tags = s3.get_object_tagging(Bucket=bucket, Key=item["ObjectKey"])["TagSet"]
    assert tags == [{"Key": "Sha256", "Value": item["Sha256"]}]
    # The lifecycle, or somebody, has deleted it: then it is stored anew.
    s3.delete_object(Bucket=bucket, Key=item["ObjectKey"])
    event["ReportDocumentUrl"] = _document_url(subscribed_seller, report_id)
    event["CreatedTime"] = item["ReportCreatedTime"]
    assert invoke_function(deployment, "SPAPIReportDocumentStorage", event)["Sha256"] == item["Sha256"]
    assert s3.head_object(Bucket=bucket, Key=item["ObjectKey"])["ContentLength"] == item["SizeBytes"]


def test_a_storage_function_killed_in_the_middle_of_an_upload_leaves_no_half_object(
    deployment: Deployment, host: HostProduct, subscribed_seller: Seller
) -> None:
    s3, bucket = aws(deployment.servers, "s3"), deployment.outputs["ReportsBucketName"]
    document = {"compression": "none", "sizeBytes": 96 * 1024 * 1024}
    outcome = {"sellerId": subscribed_seller.seller_id, "document": document}
    subscribed_seller.control("POST", "report-outcomes", outcome)
    report_id = host.create_report(subscribed_seller)

    def half_uploaded() -> str | None:
        uploads = s3.list_multipart_uploads(Bucket=bucket).get("Uploads", [])
        for upload in uploads:
            if report_id in upload["Key"] and _parts(s3, bucket, upload):
                return str(upload["Key"])
        return None

    key = eventually(half_uploaded, "an upload with parts")
    assert _kill_storage_functions(deployment)
    assert "Contents" not in s3.list_objects_v2(Bucket=bucket, Prefix=key)
    mail = mail_about(deployment.servers, report_id)
    item = ledger_item(deployment, subscribed_seller, report_id)
    assert item is not None
    assert s3.head_object(Bucket=bucket, Key=key)["ContentLength"] == item["SizeBytes"] == 96 * 1024 * 1024
    (version,) = s3.list_object_versions(Bucket=bucket, Prefix=key)["Versions"]
    assert len(mails_about(deployment.servers, report_id)) == 1
    assert mail.subject.startswith(f"{REPORT_TYPE} is ready")
    s3.delete_object(Bucket=bucket, Key=key, VersionId=version["VersionId"])


def _parts(s3: Any, bucket: str, upload: dict[str, Any]) -> bool:
    return bool(s3.list_parts(Bucket=bucket, Key=upload["Key"], UploadId=upload["UploadId"]).get("Parts"))


def _document_url(seller: Seller, report_id: str) -> str:
    def asked(path: str) -> Any:
        address = f"{seller.servers.simulator_endpoint}/na/reports/2021-06-30/{path}"
        return requests.get(address, headers={"x-amz-access-token": seller.access_token()}, timeout=SECONDS).json()

    return str(asked(f"documents/{asked(f'reports/{report_id}')['reportDocumentId']}")["url"])


def _kill_storage_functions(deployment: Deployment) -> list[int]:
    """Ends this deployment's processes of the storage function, as a failing host of Lambda's would."""
    running = function_processes(deployment, "SPAPIReportDocumentStorage")
    for process in running:
        os.kill(process, signal.SIGKILL)
    return running
