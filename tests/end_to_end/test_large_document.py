"""The storage function's memory does not grow with the document."""

import json
import resource
import subprocess
import sys
import time
from pathlib import Path

import pytest
import requests

from deployment import REPOSITORY, Deployment
from tests.end_to_end.conftest import interpreter
from tests.end_to_end.host import REPORT_TYPE, Seller, ledger_item, reports_table
from tests.end_to_end.s3_sink import Sink, running_sink
from tests.waiting import SECONDS

MEBIBYTE = 1024 * 1024
MOST_ADDED_BYTES = 64 * MEBIBYTE

# Runs the function as Lambda does: import, then the handler. It waits for a line so that its memory can be read before.
DRIVER = """
import json, sys
import app
class Context:
    aws_request_id = "function-request-1"

    def get_remaining_time_in_millis(self):
        return 600_000
print("ready", flush=True)
print(json.dumps(app.handler(json.loads(sys.stdin.readline()), Context())), flush=True)
sys.stdin.readline()
"""


def test_a_document_of_256_mib_adds_less_than_64_mib(deployment: Deployment, seller: Seller) -> None:
    adds_little(deployment, seller, 256 * MEBIBYTE)


@pytest.mark.proof
def test_a_document_of_2_gib_adds_less_than_64_mib(deployment: Deployment, seller: Seller) -> None:
    adds_little(deployment, seller, 2048 * MEBIBYTE)


def adds_little(deployment: Deployment, seller: Seller, size_bytes: int) -> None:
    """The emulator keeps objects in memory, so they go to an S3 that counts and hashes them."""
    document = {"sizeBytes": size_bytes, "compression": "none"}
    order = {"sellerId": seller.seller_id, "region": "NA", "reportType": REPORT_TYPE, "document": document}
    report = seller.control("POST", "reports", order)
    key = {"ReportId": report["reportId"], "SellerId": seller.seller_id}
    reports_table(deployment).put_item(Item=key | {"CreatedTime": "2026-11-21T04:00:00.000000Z"})
    url = requests.get(
        f"{seller.servers.simulator_endpoint}/na/reports/2021-06-30/documents/{report['reportDocumentId']}",
        headers={"x-amz-access-token": seller.access_token()},
        timeout=SECONDS,
    ).json()["url"]
    event = {
        "SellerId": seller.seller_id,
        "ReportId": report["reportId"],
        "ReportType": REPORT_TYPE,
        "CreatedTime": "2026-11-21T04:00:00+00:00",
        "ReportDocumentUrl": url,
    }
    with (
        running_sink() as sink,
        subprocess.Popen(
            [interpreter("FUNCTION_PYTHON", ".venv-functions"), "-c", DRIVER],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=_environment(deployment, sink),
        ) as process,
    ):
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        at_start = most = _resident_bytes(process.pid)
        process.stdin.write(json.dumps(event) + "\n")
        process.stdin.flush()
        give_up = time.monotonic() + 400
        while not sink.completed:
            assert process.poll() is None, "the function died"
            assert time.monotonic() < give_up, "the function takes too long"
            most = max(most, _resident_bytes(process.pid))
            time.sleep(0.05)
        answer = json.loads(process.stdout.readline())
        most = max(most, _resident_bytes(process.pid))
        process.stdin.close()
    assert answer == {
        "ObjectKey": f"{seller.seller_id}/{REPORT_TYPE}/2026/11/21/{report['reportId']}.tsv",
        "SizeBytes": size_bytes,
        "Sha256": sink.sha256.hexdigest(),
        "CompressionAlgorithm": "NONE",
    }
    assert sink.size_bytes == size_bytes
    assert f"<Key>Sha256</Key><Value>{answer['Sha256']}</Value>" in sink.tagging
    item = ledger_item(deployment, seller, report["reportId"])
    assert item is not None
    assert (item["SizeBytes"], item["Sha256"]) == (size_bytes, answer["Sha256"])
    print(f"resident memory: {at_start / MEBIBYTE:.0f} MiB at the start, {(most - at_start) / MEBIBYTE:.0f} MiB added")
    assert most - at_start < MOST_ADDED_BYTES


def _environment(deployment: Deployment, sink: Sink) -> dict[str, str]:
    path = (
        REPOSITORY / "functions" / "report_document_storage",
        REPOSITORY / "layers" / "sp_api" / "python",
        REPOSITORY / "layers" / "dependencies" / "python",
    )
    return {
        "PYTHONPATH": ":".join(str(folder) for folder in path),
        "AWS_ENDPOINT_URL": deployment.servers.aws_endpoint,
        "AWS_ENDPOINT_URL_S3": sink.endpoint,
        # Without checksums in a trailer, which the sink does not read.
        "AWS_REQUEST_CHECKSUM_CALCULATION": "when_required",
        "AWS_REGION": deployment.servers.region,
        # The answer is the only line of the output.
        "POWERTOOLS_LOG_LEVEL": "WARNING",
        "AWS_DEFAULT_REGION": deployment.servers.region,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "REPORTS_BUCKET": deployment.outputs["ReportsBucketName"],
        "REPORTS_TABLE": deployment.outputs["ReportsTableName"],
        "REPORT_RETENTION_DAYS": "30",
    }


def _resident_bytes(pid: int) -> int:
    if sys.platform == "linux":  # where `ps` may be missing
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * resource.getpagesize()
    listed = subprocess.run(["ps", "-o", "rss=", "-p", str(pid)], capture_output=True, text=True, check=True).stdout
    return int(listed) * 1024
