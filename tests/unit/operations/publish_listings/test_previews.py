"""What the command asks the stack for a preview, and what it makes of the answer."""

import io
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, cast

import pytest

from operations.api import LISTINGS, RefusedError
from operations.command import CommandError
from operations.publish_listings.api import StackApi, Target
from operations.publish_listings.messages import Message
from operations.publish_listings.outcomes import Outcome
from operations.publish_listings.previews import preview
from operations.publish_listings.progress import Progress
from tests.unit.operations.publish_listings.reading import Steps

TARGET = Target("A1", "EU", "M1")
BODY = {
    "SellerId": "A1",
    "RegionCode": "EU",
    "MarketplaceId": "M1",
    "ProductType": "LUGGAGE",
    "Mode": "PREVIEW",
    "OnFindings": "SEND",
}
ATTRIBUTES = {"brand": [{"value": "x"}], "color": [{"value": "red"}]}


class Api:
    """Answers each request with `answer`, and keeps what was sent."""

    def __init__(self, answer: Any) -> None:
        self.answer, self.sent = answer, list[tuple[object, ...]]()

    def send(self, *request: object) -> Any:
        self.sent.append(request)
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


def message(operation: str, **content: Any) -> Message:
    return Message(2, {"sku": "CUP/1", "operationType": operation, "productType": "LUGGAGE", **content})


def previewed(api: Api, *messages: Message) -> list[Outcome]:
    return preview(cast("StackApi", api), TARGET, messages, Progress(io.StringIO()))


@pytest.mark.parametrize(
    ("sent", "request_"),
    [
        (
            message("UPDATE", attributes=ATTRIBUTES, requirements="LISTING_OFFER_ONLY"),
            (
                "POST",
                LISTINGS,
                "",
                BODY | {"Sku": "CUP/1", "Attributes": ATTRIBUTES, "Requirements": "LISTING_OFFER_ONLY"},
            ),
        ),
        (
            message("UPDATE", attributes=ATTRIBUTES),
            ("POST", LISTINGS, "", BODY | {"Sku": "CUP/1", "Attributes": ATTRIBUTES, "Requirements": "LISTING"}),
        ),
        (
            message("PARTIAL_UPDATE", attributes=ATTRIBUTES),
            (
                "PATCH",
                LISTINGS,
                "/CUP%2F1",
                BODY
                | {
                    "Patches": [
                        {"op": "replace", "attribute": name, "value": value} for name, value in ATTRIBUTES.items()
                    ]
                },
            ),
        ),
    ],
)
def test_what_is_asked(sent: Message, request_: tuple[object, ...]) -> None:
    api = Api({"status": "VALID", "issues": []})
    assert previewed(api, sent) == [Outcome(2, "CUP/1", "VALID")]
    assert api.sent == [request_]


@pytest.mark.parametrize("operation", ["DELETE", "PATCH"])
def test_amazon_has_no_preview_of_it(operation: str) -> None:
    api = Api(None)
    said = f"Amazon has no preview of the operation {operation}"
    assert previewed(api, message(operation)) == [Outcome(2, "CUP/1", "READY", (said,))]
    assert api.sent == []


@pytest.mark.parametrize("status", ["INVALID", "ACCEPTED", "REFUSED"])
def test_everything_but_valid_is_invalid(status: str) -> None:
    issues = [{"code": "1", "severity": "ERROR", "message": "Too short.", "attributeNames": ["brand"]}]
    (outcome,) = previewed(Api({"status": status, "issues": issues}), message("UPDATE", attributes=ATTRIBUTES))
    assert outcome == Outcome(2, "CUP/1", "INVALID", ("brand: Too short. [1]",))


def test_a_refusal_of_the_stack_is_the_outcome_of_its_row() -> None:
    refused = RefusedError("POST /listings", 409, {"message": "busy"})
    (outcome,) = previewed(Api(refused), message("UPDATE", attributes=ATTRIBUTES))
    assert outcome == Outcome(2, "CUP/1", "UNKNOWN", ("POST /listings: HTTP 409: busy",))


def test_the_outcomes_are_in_the_order_of_the_rows() -> None:
    messages = [Message(row, message("DELETE").content) for row in range(2, 30)]
    assert [outcome.row for outcome in previewed(Api(None), *messages)] == list(range(2, 30))


def test_it_shows_how_many_rows_amazon_has_seen() -> None:
    steps = Steps()
    preview(cast("StackApi", Api(None)), TARGET, [message("DELETE")] * 3, steps)
    assert steps.shown == ["Amazon previews 3 rows", 3, 1, 2, 3]


def test_four_rows_are_asked_for_at_once() -> None:
    """Amazon allows five calls a second."""
    together, lock, running, most = threading.Barrier(4), threading.Lock(), 0, 0

    class Waiting(Api):
        def send(self, *_: object) -> Any:
            nonlocal running, most
            with lock:
                running += 1
                most = max(most, running)
            together.wait(60)
            with lock:
                running -= 1
            return {"status": "VALID"}

    outcomes = previewed(Waiting(None), *[message("UPDATE", attributes=ATTRIBUTES)] * 80)
    assert {outcome.status for outcome in outcomes} == {"VALID"}
    assert most == 4


class Slow(Api):
    """Fails at the first request, if it is to; an answer takes a moment."""

    def send(self, *request: object) -> Any:
        self.sent.append(request)
        if len(self.sent) == 1 and self.answer is not None:
            raise self.answer
        threading.Event().wait(0.01)
        return {"status": "VALID"}


class Interrupted(Steps):
    @contextmanager
    def bar(self, _label: str, _total: int) -> Iterator[Callable[[int], None]]:
        def show(_: int) -> None:
            raise KeyboardInterrupt

        yield show


def test_without_an_answer_the_rest_is_not_asked_for() -> None:
    api = Slow(CommandError("no answer"))
    with pytest.raises(CommandError, match=r"^no answer$"):
        previewed(api, *[message("UPDATE", attributes=ATTRIBUTES)] * 400)
    assert len(api.sent) < 200


def test_when_somebody_interrupts_it_the_rest_is_not_asked_for() -> None:
    api = Slow(None)
    messages = [message("UPDATE", attributes=ATTRIBUTES)] * 400
    with pytest.raises(KeyboardInterrupt):
        preview(cast("StackApi", api), TARGET, messages, Interrupted())
    assert len(api.sent) < 200
