"""A stored report is the bytes that SP-API sent, and reads as the text they mean, whatever reads it."""

import gzip
import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
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
    invoke_function,
    ledger_item,
    link_in,
    mail_about,
    mails_about,
)

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


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with running_browser(tmp_path_factory.mktemp("browser")) as running:
        yield running


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_every_reader_gets_the_text(
    deployment: Deployment, host: HostProduct, subscribed_seller: Seller, browser: Browser, tmp_path: Path, case: Case
) -> None:
    outcome = {"sellerId": subscribed_seller.seller_id, "queueSeconds": 0, "processingSeconds": 0}
    subscribed_seller.control("POST", "report-outcomes", outcome | {"document": case.document})
    report_id = host.create_report(subscribed_seller)
    link = link_in(mail_about(deployment.servers, report_id))

    answer, stored = download(link)
    assert answer.status_code == 200
    assert stored == served_document(deployment.servers.simulator_endpoint, report_id)
    assert answer.headers["Content-Type"] == f"text/plain; charset={case.charset}"
    assert answer.headers.get("Content-Encoding") == ("gzip" if case.gzipped else None)
    assert (stored[:2] == b"\x1f\x8b") == case.gzipped

    assert requests.get(link, timeout=60).text == case.text
    unpacked = gzip.decompress(stored) if case.gzipped else stored
    if not case.several_members:
        assert _curl(link, tmp_path) == unpacked
        assert browser.text_of(link) == case.text
        saved = browser.download(link)
        assert saved.name == f"{REPORT_TYPE}_{report_id}.tsv"
        assert saved.read_bytes() == unpacked


def _curl(link: str, folder: Path) -> bytes:
    assert shutil.which("curl"), "this test needs curl, and it is not installed"
    path = folder / "curl"
    path.touch()  # curl writes no file for an empty answer
    subprocess.run(["curl", "--silent", "--show-error", "--fail", "--compressed", "-o", path, link], check=True)
    return path.read_bytes()


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

    key = eventually(half_uploaded, 60, "an upload with parts")
    assert _kill_storage_functions(deployment)
    assert "Contents" not in s3.list_objects_v2(Bucket=bucket, Prefix=key)
    mail = mail_about(deployment.servers, report_id, 90)
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
        return requests.get(address, headers={"x-amz-access-token": seller.access_token()}, timeout=30).json()

    return str(asked(f"documents/{asked(f'reports/{report_id}')['reportDocumentId']}")["url"])


def _kill_storage_functions(deployment: Deployment) -> list[int]:
    """Ends this deployment's processes of the storage function, as a failing host of Lambda's would."""
    marks = {
        b"POWERTOOLS_SERVICE_NAME=SPAPIReportDocumentStorage",
        f"AWS_ENDPOINT_URL={deployment.servers.aws_endpoint}".encode(),
    }
    killed = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                environment = (folder / "environ").read_bytes()
            except OSError:  # it has ended, or is another user's
                continue
            if marks <= set(environment.split(b"\0")):
                os.kill(int(folder.name), signal.SIGKILL)
                killed.append(int(folder.name))
    return killed
