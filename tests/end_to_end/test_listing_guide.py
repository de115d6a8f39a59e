"""docs/listings.md, "Publish a product": its requests are sent as they are written, and answered as it says."""

import json
from typing import Any

from deployment import Deployment
from tests.documents.reading import CHECKOUT, Block, blocks
from tests.end_to_end.host import HostProduct, new_seller
from tests.end_to_end.listing_helpers import outcome, subscribed

PAGE = CHECKOUT / "docs/listings.md"
SECTION = "Publish a product"
SELLER = "A3TH9S8BH6GOGM"


def test_publish_a_product(deployment: Deployment, host: HostProduct, events: str) -> None:
    subscribed(new_seller(deployment.servers, SELLER), host)
    pairs = requests_and_answers()
    assert len(pairs) >= 3
    for request, answer in pairs:
        sent = send(host, request)
        assert contains(sent, json.loads(answer.text)), f"{request}: {sent}"
        if sent["status"] == "ACCEPTED" and sent["operation"] == "PUT":
            assert outcome(deployment, events, sent["submissionId"])["Status"] == "PUBLISHED"


def requests_and_answers() -> list[tuple[Block, Block]]:
    found = [block for block in blocks(PAGE, "http", "json") if block.section == SECTION]
    pairs = list(zip(found[::2], found[1::2], strict=True))
    assert all((request.language, answer.language) == ("http", "json") for request, answer in pairs)
    return pairs


def send(host: HostProduct, block: Block) -> Any:
    line, _, body = block.text.partition("\n")
    method, path = line.split(" ")
    given = json.loads(body)
    below = path.removeprefix("/listings")
    response = host.send("ListingsUrl", given) if method == "POST" else host.patch("ListingsUrl", below, given)
    assert response.status_code == 200, f"{block}: {response.text}"
    return response.json()


def contains(whole: Any, part: Any) -> bool:
    """Whether everything in `part` is in `whole`, at the same place. "..." stands for any text."""
    if part == "...":
        return isinstance(whole, str) and bool(whole)
    if isinstance(part, dict):
        return isinstance(whole, dict) and all(name in whole and contains(whole[name], part[name]) for name in part)
    if isinstance(part, list):
        return isinstance(whole, list) and len(whole) == len(part) and all(map(contains, whole, part))
    return bool(whole == part)
