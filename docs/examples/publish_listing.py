"""Publishes a product on Amazon through the Quick Start, and waits for the outcome.

    pip install botocore          # and host_product_botocore.py beside this file
    export AWS_REGION=... AWS_ACCESS_KEY_ID=... AWS_SECRET_ACCESS_KEY=... ROLE_ARN=...   # as for host_product.py
    python publish_listing.py <ListingsUrl> listing.json

listing.json has the fields of POST /listings (docs/listings.md). In production, take the outcome from the event bus
(detail type "Listing Outcome") instead of asking for it.
"""

import json
import os
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from host_product_botocore import QuickStart, RequestRefusedError

OPEN = ("RECEIVED", "WAITING", "SENDING", "ACCEPTED")
ASK_AGAIN_SECONDS = 10
GIVE_UP_SECONDS = 3600


def publish(product: QuickStart, address: str, listing: Mapping[str, Any]) -> Mapping[str, Any]:
    """The submission with its final status. Raises RequestRefusedError: then nothing was sent."""
    answer = product.create(address, listing)
    give_up = time.monotonic() + GIVE_UP_SECONDS
    while answer["status"] in OPEN and time.monotonic() < give_up:
        time.sleep(ASK_AGAIN_SECONDS)
        answer = product.get(f"{address}/submissions/{answer['submissionId']}", SellerId=listing["SellerId"])
    return answer


def main() -> None:
    address, file = sys.argv[1:]
    listing = json.loads(Path(file).read_text(encoding="utf-8"))
    try:
        outcome = publish(QuickStart(os.environ["ROLE_ARN"], os.environ["AWS_REGION"]), address, listing)
    except RequestRefusedError as refused:
        print(json.dumps(refused.answer, ensure_ascii=False, indent=2))
        sys.exit(f"not published: refused. {refused.answer.get('message', '')}")
    print(json.dumps(outcome, ensure_ascii=False, indent=2))
    if outcome["status"] not in ("PUBLISHED", "PUBLISHED_WITH_ISSUES"):
        sys.exit(f"not published: {outcome['status']}. {outcome.get('message', '')}")


if __name__ == "__main__":
    main()
