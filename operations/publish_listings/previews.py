"""Lets Amazon check messages without changing anything."""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import quote

from operations.api import LISTINGS, RefusedError
from operations.command import counted
from operations.publish_listings.api import StackApi, Target
from operations.publish_listings.messages import Message
from operations.publish_listings.outcomes import INVALID, READY, UNKNOWN, VALID, Outcome, of_result
from operations.publish_listings.progress import Progress
from quickstart.listings.feed_documents import OperationType

# Amazon allows five calls a second for a seller; the stack answers 429 when they are used up.
_AT_ONCE = 4


def preview(api: StackApi, target: Target, messages: Sequence[Message], progress: Progress) -> list[Outcome]:
    """Amazon's answer for each message. A deletion has no preview. Raises CommandError if there is no answer."""
    outcomes: list[Outcome] = []
    with (
        progress.bar(f"Amazon previews {counted(len(messages), 'row')}", len(messages)) as show,
        ThreadPoolExecutor(_AT_ONCE) as pool,
    ):
        # If this ends early, map cancels what has not begun.
        for outcome in pool.map(lambda message: _preview(api, target, message), messages):
            outcomes.append(outcome)
            show(len(outcomes))
    return outcomes


def _preview(api: StackApi, target: Target, message: Message) -> Outcome:
    if message.operation not in (OperationType.UPDATE, OperationType.PARTIAL_UPDATE):
        said = f"Amazon has no preview of the operation {message.operation}"
        return Outcome(message.row, message.sku, READY, (said,))
    body: dict[str, Any] = {
        **target.body,
        "MarketplaceId": target.marketplace_id,
        "ProductType": message.content["productType"],
        "Mode": "PREVIEW",
        # The command has checked the message itself.
        "OnFindings": "SEND",
    }
    try:
        if message.operation == OperationType.UPDATE:
            put = {"Sku": message.sku, "Attributes": message.attributes}
            put["Requirements"] = message.content.get("requirements", "LISTING")
            answer = api.send("POST", LISTINGS, "", body | put)
        else:
            patches = [
                {"op": "replace", "attribute": name, "value": value} for name, value in message.attributes.items()
            ]
            answer = api.send("PATCH", LISTINGS, f"/{quote(message.sku, safe='')}", body | {"Patches": patches})
    except RefusedError as error:
        return Outcome(message.row, message.sku, UNKNOWN, (str(error),))
    return of_result({**_result(answer), "sku": message.sku}, message)


def _result(answer: Mapping[str, Any]) -> Mapping[str, Any]:
    status = VALID if answer["status"] == VALID else INVALID
    return {"status": status, "issues": answer.get("issues", [])}
