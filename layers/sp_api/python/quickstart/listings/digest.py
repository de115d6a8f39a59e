"""The e-mail digest: one message for the outcomes of a few minutes."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from quickstart.announcing import send_email
from quickstart.observability import logger
from quickstart.own_stack import OwnStack
from sp_api.errors import presentable
from sp_api.wire import JsonObject, child, children, optional_text, text, texts

if TYPE_CHECKING:
    from mypy_boto3_sns import SNSClient

# SNS accepts 256 KB, in UTF-8. Nobody reads more outcomes than that.
_MOST_BYTES = 200_000
_MOST_OUTCOMES = 200
_MOST_ISSUES = 3
_GOOD = ("PUBLISHED", "DELETED")
_SECTION = "docs/listings.md#when-something-is-wrong"


class UnreadableOutcomeError(ValueError):
    """A message is not an event about a listing's outcome."""


@dataclass(frozen=True)
class Outcome:
    """What an e-mail says of a submission. `issues` are lines."""

    status: str
    sku: str
    where: str
    message: str
    issues: tuple[str, ...]


def read_outcome(body: str) -> Outcome:
    """The outcome in an event of the bus. Raises UnreadableOutcomeError."""
    try:
        detail = child(json.loads(body), "detail")
        asin = optional_text(detail, "Asin")
        where = [
            f"seller {optional_text(detail, 'SellerId')}",
            f"marketplace {optional_text(detail, 'MarketplaceId')}",
            *([f"ASIN {asin}"] if asin else []),
        ]
        return Outcome(
            presentable(text(detail, "Status")),
            presentable(text(detail, "Sku")),
            presentable(", ".join(where)),
            presentable(optional_text(detail, "Message") or ""),
            children(detail, "Issues", _issue),
        )
    except (ValueError, AttributeError, RecursionError):
        raise UnreadableOutcomeError("the message is not an event about a listing's outcome") from None


def written(outcomes: Sequence[Outcome], stack: OwnStack) -> tuple[str, str]:
    """Subject and text: what needs attention comes first."""
    counts: dict[str, int] = {}
    for outcome in outcomes:
        counts[outcome.status] = counts.get(outcome.status, 0) + 1
    summary = presentable(", ".join(f"{count} {status}" for status, count in sorted(counts.items())))
    order = sorted(outcomes, key=lambda one: (one.status in _GOOD, one.status, one.sku))
    lines: list[str] = []
    size = shown = 0
    for outcome in order[:_MOST_OUTCOMES]:
        added = _lines(outcome)
        size += sum(len(line.encode()) + 1 for line in added)
        if size > _MOST_BYTES:
            break
        lines += added
        shown += 1
    if shown < len(order):
        lines.append(f"and {len(order) - shown} more. GET /listings lists them.")
    begin = [f"Outcomes of listings submitted to Amazon: {summary}.", f"Stack {stack.name} ({stack.region})", ""]
    more = [] if len(order) == sum(one.status in _GOOD for one in order) else ["", f"See {_SECTION}"]
    return f"Amazon listings: {summary}", "\n".join([*begin, *lines, *more])


def send(sns: "SNSClient", topic_arn: str, stack: OwnStack, outcomes: Sequence[Outcome]) -> None:
    """One e-mail. Sends nothing for no outcomes."""
    if outcomes:
        send_email(sns, topic_arn, *written(outcomes, stack))
        logger().info("digest sent", outcomes=len(outcomes))


def _issue(document: JsonObject) -> str:
    names = ", ".join(texts(document, "attributeNames"))
    words = f"{optional_text(document, 'severity') or ''} {names}: {optional_text(document, 'message') or ''}"
    return presentable(words)


def _lines(outcome: Outcome) -> list[str]:
    lines = [f"{outcome.status}: SKU {outcome.sku} ({outcome.where})"]
    if outcome.status not in _GOOD:
        lines += [f"  {outcome.message}", *(f"  - {issue}" for issue in outcome.issues[:_MOST_ISSUES])]
    return lines
