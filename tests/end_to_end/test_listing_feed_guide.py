"""docs/listing-feeds.md, "Publish a catalog": its requests and its file are sent as they are written."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from deployment import REPOSITORY, Deployment
from tests.documents.reading import CHECKOUT, blocks
from tests.end_to_end.feed_helpers import ended, lines, message, put, subscribe_feeds
from tests.end_to_end.host import HostProduct, Seller, new_seller
from tests.end_to_end.listing_helpers import FRANCE, scale_waits
from tests.end_to_end.test_examples import example_environment
from tests.end_to_end.test_listing_guide import contains
from tests.waiting import SECONDS

PAGE = CHECKOUT / "docs/listing-feeds.md"
SECTION = "Publish a catalog"
SELLER = "A3TH9S8BH6GOGM"
EXAMPLES = REPOSITORY / "docs" / "examples"
PROGRAMS = {
    "python": [sys.executable, str(EXAMPLES / "publish_catalogue.py")],
    "node": ["node", str(EXAMPLES / "publish_catalogue.mjs")],
}
OUTPUTS = {"/notifications": "NotificationsSubscriberUrl", "/listings/feeds": "ListingFeedsUrl"}


@pytest.fixture(autouse=True)
def _short_waits(deployment: Deployment) -> Iterator[None]:
    scale_waits(deployment, 0.05)
    yield
    scale_waits(deployment, 1)


def test_publish_a_catalogue(deployment: Deployment, host: HostProduct) -> None:
    seller = new_seller(deployment.servers, SELLER)
    host.store_token(seller)
    found = [block for block in blocks(PAGE, "http", "json", "jsonl") if block.section == SECTION]
    subscribe, file, request, requested, outcome = found
    answers = []
    for block in (subscribe, request):
        line, _, body = block.text.partition("\n")
        method, path = line.split(" ")
        assert method == "POST"
        answer = host.send(OUTPUTS[path], json.loads(body))
        assert answer.status_code == 200, f"{block}: {answer.text}"
        answers.append(answer.json())
    assert contains(answers[1], json.loads(requested.text)), answers[1]
    assert put(answers[1]["upload"], file.text.encode()).status_code == 200
    feed = ended(host, seller, answers[1]["feedRequestId"])
    wanted = json.loads(outcome.text)
    assert len(feed["results"]) == len(wanted["results"])
    assert contains(feed, wanted), feed


@pytest.mark.parametrize("program", PROGRAMS)
def test_the_programs(deployment: Deployment, host: HostProduct, seller: Seller, tmp_path: Path, program: str) -> None:
    host.store_token(seller)
    subscribe_feeds(host, seller)
    request, file = tmp_path / "request.json", tmp_path / "catalogue.jsonl"
    body = {"SellerId": seller.seller_id, "RegionCode": "EU", "MarketplaceIds": [FRANCE]}

    def run(content: bytes) -> tuple[int, str]:
        request.write_text(json.dumps(body))
        file.write_bytes(content)
        done = subprocess.run(
            [*PROGRAMS[program], deployment.url("ListingFeedsUrl"), str(request), str(file)],
            env=dict(example_environment(deployment)),
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )
        return done.returncode, done.stdout + done.stderr

    status, said = run(lines([message("C-1")])[:-20])
    assert (status, "REFUSED" in said, "line 1" in said) == (1, True, True), said
    status, said = run(lines([message("C-1"), message("C-2")]))
    assert (status, "DONE" in said) == (0, True), said
