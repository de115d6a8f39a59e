"""Everything that one run of the simulator remembers, and the records it is made of."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from sp_api_simulator.clock import Clock
from sp_api_simulator.documents import DocumentLinks, DocumentSpecification, StoredDocument
from sp_api_simulator.faults import Faults
from sp_api_simulator.queue_sender import QueueSender
from sp_api_simulator.rate_limits import RateLimits
from sp_api_simulator.request_log import RequestLog
from sp_api_simulator.sandbox import SandboxExamples

Json = Any
"""A decoded JSON value."""


class Region(StrEnum):
    NA = "NA"
    EU = "EU"
    FE = "FE"


@dataclass(frozen=True)
class Settings:
    """What the command line chooses. Times are in seconds; queue and processing seconds are service time."""

    client_id: str
    client_secret: str = field(repr=False)
    application_id: str
    sellers: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    sqs_endpoint: str = ""
    time_scale: float = 1.0
    queue_seconds: float = 10.0
    processing_seconds: float = 20.0
    access_token_seconds: int = 3600
    document_url_seconds: int = 300
    rate_limit_scale: float = 1.0


@dataclass(frozen=True)
class ClientSecret:
    """A secret of an application and the moment it ends, if it does."""

    value: str = field(repr=False)
    expires: datetime | None = None


@dataclass(frozen=True)
class Application:
    """A registered application. `rotation_queue_arn` is the queue registered for application notifications."""

    client_id: str
    application_id: str
    secrets: tuple[ClientSecret, ...]
    rotation_queue_arn: str = ""


@dataclass(frozen=True)
class Seller:
    """A selling partner. A vendor has an account id and no seller id in its notifications."""

    seller_id: str
    account_id: str
    vendor: bool
    regions: frozenset[Region]


@dataclass(frozen=True)
class Authorization:
    """A refresh token's meaning: this seller authorised this application."""

    client_id: str
    seller_id: str


@dataclass(frozen=True)
class AuthorizationCode:
    client_id: str
    seller_id: str
    expires: datetime


@dataclass(frozen=True)
class RestrictedResource:
    method: str
    path: str


@dataclass(frozen=True)
class AccessToken:
    """What an access token allows: a seller's own operations, one grantless scope, or some restricted resources of a
    seller.
    """

    client_id: str
    expires: datetime
    seller_id: str = ""
    scope: str = ""
    restricted_resources: tuple[RestrictedResource, ...] = ()


class ProcessingStatus(StrEnum):
    CANCELLED = "CANCELLED"
    DONE = "DONE"
    FATAL = "FATAL"
    IN_PROGRESS = "IN_PROGRESS"
    IN_QUEUE = "IN_QUEUE"


@dataclass(frozen=True)
class Delivery:
    """How a report's notification travels: how often, how late (seconds of service time), before the answer to
    createReport, or held until it is released.
    """

    copies: int = 1
    delay_seconds: float = 0.0
    before_answer: bool = False
    hold: bool = False


@dataclass(frozen=True)
class Outcome:
    """How a report ends. `document` is None for an end without a document. Times are seconds of service time."""

    status: ProcessingStatus
    document: DocumentSpecification | None
    delivery: Delivery
    queue_seconds: float
    processing_seconds: float


@dataclass(frozen=True)
class OutcomeRule:
    """Chooses an outcome for the next `remaining` reports (None: all) that match; empty strings match everything."""

    report_type: str
    seller_id: str
    remaining: int | None
    outcome: Outcome


@dataclass(frozen=True)
class Report:
    report_id: str
    seller_id: str
    client_id: str
    region: Region
    report_type: str
    marketplace_ids: tuple[str, ...]
    created: datetime
    processing_status: ProcessingStatus
    data_start: datetime
    data_end: datetime
    report_schedule_id: str = ""
    processing_start: datetime | None = None
    processing_end: datetime | None = None
    report_document_id: str = ""


@dataclass(frozen=True)
class ReportSchedule:
    report_schedule_id: str
    seller_id: str
    client_id: str
    region: Region
    report_type: str
    marketplace_ids: tuple[str, ...]
    report_options: tuple[tuple[str, str], ...]
    period: str
    next_creation: datetime


@dataclass(frozen=True)
class Destination:
    destination_id: str
    client_id: str
    region: Region
    name: str
    queue_arn: str = ""
    event_bus_region: str = ""
    event_bus_account_id: str = ""


@dataclass(frozen=True)
class Subscription:
    subscription_id: str
    client_id: str
    seller_id: str
    region: Region
    notification_type: str
    payload_version: str
    destination_id: str
    processing_directive: Json | None


@dataclass(frozen=True)
class Notification:
    """A notification on its way. `state` is sent, held, undeliverable or failed; `error` says why."""

    notification_id: str
    notification_type: str
    queue_arn: str
    body: str
    state: str = "held"
    error: str = ""


@dataclass(frozen=True)
class Order:
    """What the Solicitations API knows of an order."""

    order_id: str
    seller_id: str
    marketplace_id: str
    status: str
    earliest_delivery: datetime
    latest_delivery: datetime
    solicited: bool = False


@dataclass
class State:
    """One run. Handlers take it as an argument; nothing of it lives in a module."""

    settings: Settings
    clock: Clock
    rate_limits: RateLimits
    faults: Faults
    request_log: RequestLog
    queue_sender: QueueSender
    document_links: DocumentLinks
    sandbox_examples: SandboxExamples
    next_report_id: int
    applications: dict[str, Application] = field(default_factory=dict)
    sellers: dict[str, Seller] = field(default_factory=dict)
    authorizations: dict[str, Authorization] = field(default_factory=dict)
    authorization_codes: dict[str, AuthorizationCode] = field(default_factory=dict)
    access_tokens: dict[str, AccessToken] = field(default_factory=dict)
    reports: dict[str, Report] = field(default_factory=dict)
    schedules: dict[str, ReportSchedule] = field(default_factory=dict)
    documents: dict[str, StoredDocument] = field(default_factory=dict)
    outcome_rules: list[OutcomeRule] = field(default_factory=list)
    destinations: dict[str, Destination] = field(default_factory=dict)
    subscriptions: dict[str, Subscription] = field(default_factory=dict)
    notifications: list[Notification] = field(default_factory=list)
    orders: dict[str, Order] = field(default_factory=dict)
    background: set[asyncio.Task[None]] = field(default_factory=set)

    def start(self, work: Coroutine[Any, Any, None]) -> None:
        """Runs `work` beside the requests and keeps it from being collected; the event loop logs a failure."""
        task = asyncio.get_running_loop().create_task(work)
        self.background.add(task)
        task.add_done_callback(self.background.discard)
