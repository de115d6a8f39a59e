"""Publishes a file of listings on Amazon through the Quick Start, and waits for the result of every message.

    pip install botocore          # and host_product_botocore.py beside this file
    export AWS_REGION=... AWS_ACCESS_KEY_ID=... AWS_SECRET_ACCESS_KEY=... ROLE_ARN=...   # as for host_product.py
    python publish_catalogue.py <ListingFeedsUrl> request.json catalogue.jsonl

request.json has the fields of POST /listings/feeds (docs/listing-feeds.md). In production, take the outcome from the
event bus (detail type "Listing Feed Outcome") instead of asking for it.
"""

import json
import os
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from botocore.awsrequest import AWSRequest
from botocore.httpsession import URLLib3Session
from host_product_botocore import NoAnswerError, QuickStart, RequestRefusedError

ASK_AGAIN_SECONDS = 15
GIVE_UP_SECONDS = 8 * 3600
GOOD = ("PUBLISHED", "PUBLISHED_WITH_ISSUES", "ACCEPTED", "DELETED")


def upload(where: dict[str, Any], file: Path) -> None:
    """Sends the file to S3. An interrupted upload leaves nothing, so it can be repeated."""
    for _ in range(5):
        with file.open("rb") as content:
            headers = {**where["headers"], "Content-Length": str(file.stat().st_size)}
            request = AWSRequest(where["method"], where["url"], data=content, headers=headers)
            status = URLLib3Session(timeout=300).send(request.prepare()).status_code
        # 412: an earlier attempt succeeded, and its answer was lost.
        if status in (200, 412):
            return
        if status < 500:
            break
        time.sleep(5)
    sys.exit(f"the upload failed with status {status}")


def finished(product: QuickStart, address: str, feed: Mapping[str, Any], query: Mapping[str, str]) -> Mapping[str, Any]:
    """The feed once its outcome is known, with the first page of what needs attention."""
    give_up = time.monotonic() + GIVE_UP_SECONDS
    while not feed.get("final") and time.monotonic() < give_up:
        time.sleep(ASK_AGAIN_SECONDS)
        try:
            feed = product.get(address, **query)
        except NoAnswerError as error:
            print(error, file=sys.stderr)
    return feed


def main() -> None:
    address, request_file, file = sys.argv[1:]
    product = QuickStart(os.environ["ROLE_ARN"], os.environ["AWS_REGION"])
    body = json.loads(Path(request_file).read_text(encoding="utf-8"))
    try:
        feed = product.create(address, body)
    except RequestRefusedError as error:
        sys.exit(f"rejected: {error}")
    if "upload" in feed:
        upload(feed["upload"], Path(file))
    address += f"/{feed['feedRequestId']}"
    query = {"SellerId": str(body["SellerId"]), "Results": "PROBLEMS"}
    feed = finished(product, address, feed, query)
    problems = list(feed.get("results", ()))
    page = feed
    while "nextToken" in page:
        page = product.get(address, **query, NextToken=page["nextToken"])
        problems += page["results"]
    for result in problems:
        print(f"line {result.get('line')}: {result.get('sku', '')} {result['status']} {result.get('message', '')}")
    print(f"{feed['status']}: {feed.get('message', '')} {json.dumps(feed.get('counts', {}))}")
    if feed["status"] not in ("DONE", "CHECKED") or any(result["status"] not in GOOD for result in problems):
        sys.exit(1)


if __name__ == "__main__":
    main()
