"""The storage function's memory does not grow with the document."""

import json
import subprocess
import time

import requests

from deployment import REPOSITORY, Deployment
from tests.end_to_end.conftest import interpreter
from tests.end_to_end.host import REPORT_TYPE, Seller, ledger_item
from tests.end_to_end.s3_sink import Sink, running_sink

MEBIBYTE = 1024 * 1024
SIZE_BYTES = 2048 * MEBIBYTE
MOST_ADDED_BYTES = 64 * MEBIBYTE

# Runs the function as Lambda does: import, then the handler. It waits for a line so that its memory can be read before.
DRIVER = """
import json, sys
import app
class Context:
    def get_remaining_time_in_millis(self):
        return 600_000
print("ready", flush=True)
print(json.dumps(app.handler(json.loads(sys.stdin.readline()), Context())), flush=True)
sys.stdin.readline()
"""


def test_a_document_of_2_gib_adds_less_than_64_mib(deployment: Deployment, seller: Seller) -> None:
    """The emulator keeps objects in memory, so they go to an S3 that counts and hashes them."""
    document = {"sizeBytes": SIZE_BYTES, "compression": "none"}
    order = {"sellerId": seller.seller_id, "region": "NA", "reportType": REPORT_TYPE, "document": document}
    report = seller.control("POST", "reports", order)
    url = requests.get(
        f"{seller.servers.simulator_endpoint}/na/reports/2021-06-30/documents/{report['reportDocumentId']}",
        headers={"x-amz-access-token": seller.access_token()},
        timeout=30,
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
        "SizeBytes": SIZE_BYTES,
        "Sha256": sink.sha256.hexdigest(),
        "CompressionAlgorithm": "NONE",
    }
    assert sink.size_bytes == SIZE_BYTES
    assert f"<Key>Sha256</Key><Value>{answer['Sha256']}</Value>" in sink.tagging
    item = ledger_item(deployment, seller, report["reportId"])
    assert item is not None
    assert (item["SizeBytes"], item["Sha256"]) == (SIZE_BYTES, answer["Sha256"])
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
        "AWS_DEFAULT_REGION": deployment.servers.region,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "REPORTS_BUCKET": deployment.outputs["ReportsBucketName"],
        "REPORTS_TABLE": deployment.outputs["ReportsTableName"],
        "REPORT_RETENTION_DAYS": "30",
    }


def _resident_bytes(pid: int) -> int:
    listed = subprocess.run(["ps", "-o", "rss=", "-p", str(pid)], capture_output=True, text=True, check=True).stdout
    return int(listed) * 1024
