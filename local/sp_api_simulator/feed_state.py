"""What the simulator knows of feeds and their documents."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sp_api_simulator.state import Delivery, ProcessingStatus, Region

Json = Any


@dataclass(frozen=True)
class UploadedDocument:
    """A document that createFeedDocument made. `content` is None until it is uploaded; `uploads` counts uploads."""

    document_id: str
    seller_id: str
    region: Region
    content_type: str
    created: datetime
    content: bytes | None = field(default=None, repr=False)
    uploads: int = 0


@dataclass(frozen=True)
class MessageRule:
    """Issues for messages: those with this SKU, or every `every`th one. Empty `issues` leave the message accepted.

    `item_issues` appear with the listing itself, in a report that has listings.
    """

    sku: str = ""
    every: int = 0
    issues: tuple[Mapping[str, Json], ...] = ()
    item_issues: tuple[Mapping[str, Json], ...] = ()

    def matches(self, sku: str, number: int) -> bool:
        return sku == self.sku if self.sku else bool(self.every) and number % self.every == 0


@dataclass(frozen=True)
class FeedOutcome:
    """How a feed ends. `whole_file` is the code of a failure of the whole file, `report` False a DONE feed without its
    processing report. Times are seconds of service time.
    """

    status: ProcessingStatus
    delivery: Delivery
    queue_seconds: float
    processing_seconds: float
    messages: tuple[MessageRule, ...] = ()
    whole_file: str = ""
    report: bool = True
    compression: str = "gzip"


@dataclass(frozen=True)
class FeedOutcomeRule:
    """Chooses an outcome for the next `remaining` feeds (None: all) that match; empty strings match everything."""

    feed_type: str
    seller_id: str
    remaining: int | None
    outcome: FeedOutcome


@dataclass(frozen=True)
class Feed:
    feed_id: str
    seller_id: str
    client_id: str
    region: Region
    feed_type: str
    marketplace_ids: tuple[str, ...]
    created: datetime
    processing_status: ProcessingStatus
    input_document_id: str
    processing_start: datetime | None = None
    processing_end: datetime | None = None
    result_document_id: str = ""


@dataclass
class FeedState:
    """All feeds. Those of one account and region run one after the other, in the order of their creation."""

    feeds: dict[str, Feed] = field(default_factory=dict)
    uploads: dict[str, UploadedDocument] = field(default_factory=dict)
    rules: list[FeedOutcomeRule] = field(default_factory=list)
    lanes: dict[tuple[str, Region], asyncio.Lock] = field(default_factory=dict)
