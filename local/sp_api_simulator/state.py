"""The state of one run of the simulator, and its records."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from sp_api_simulator.clock import Clock
from sp_api_simulator.documents import DocumentLinks, DocumentSpecification, StoredDocument
from sp_api_simulator.event_sender import EventSender
from sp_api_simulator.faults import Faults
from sp_api_simulator.feed_state import FeedState
from sp_api_simulator.listing_state import Listings
from sp_api_simulator.queue_sender import QueueSender
from sp_api_simulator.rate_limits import RateLimits
from sp_api_simulator.request_log import RequestLog
from sp_api_simulator.sandbox import SandboxExamples
from sp_api_simulator.subscription_rules import SubscriptionRules

Json = Any
"""A decoded JSON value."""


class Region(StrEnum):
    NA = "NA"
    EU = "EU"
    FE = "FE"


@dataclass(frozen=True)
class Settings:
    """The options of the command line. Times are in seconds; queue and processing seconds are service time."""

    client_id: str
    client_secret: str = field(repr=False)
    application_id: str
    sellers: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    sqs_endpoint: str = ""
    time_scale: float = 1.0
    queue_seconds: float = 10.0
    processing_seconds: float = 20.0
    listing_seconds: float = 5.0
    access_token_seconds: int = 3600
    document_url_seconds: int = 300
    rate_limit_scale: float = 1.0
    payload_versions: str = "evidence"
    strict: bool = False


@dataclass(frozen=True)
class ClientSecret:
    """A secret of an application, from when to when Login with Amazon takes it."""

    value: str = field(repr=False)
    starts: datetime
    expires: datetime

    def works(self, moment: datetime) -> bool:
        return self.starts <= moment < self.expires


@dataclass(frozen=True)
class Delivery:
    """How a notification travels: how often, how late (seconds of service time), before the answer to createReport, or
    held until it is released.
    """

    copies: int = 1
    delay_seconds: float = 0.0
    before_answer: bool = False
    hold: bool = False


@dataclass(frozen=True)
class Application:
    """A registered application, its secrets from the oldest to the newest.

    The queues are those of the two rows of the developer console: `rotation_queue_arn` for new secrets,
    `expiry_queue_arn` for warnings that a secret ends. `secret_delay_seconds` is how long (of service time) a new
    secret takes to become valid, `secret_delivery` how its message travels.
    """

    client_id: str
    application_id: str
    secrets: tuple[ClientSecret, ...]
    rotation_queue_arn: str = ""
    expiry_queue_arn: str = ""
    secret_delay_seconds: float = 0.0
    secret_delivery: Delivery = Delivery()


@dataclass(frozen=True)
class Seller:
    """A selling partner. A vendor has an account id and no seller id in its notifications."""

    seller_id: str
    account_id: str
    vendor: bool
    regions: frozenset[Region]


@dataclass(frozen=True)
class Authorization:
    """What a refresh token stands for: a seller authorized an application. One from a consent page expires."""

    client_id: str
    seller_id: str
    expires: datetime | None = None


@dataclass(frozen=True)
class ConsentSettings:
    """What is registered about an application for its consent page.

    `parties` are seller and vendor; `through_login` sends every consent by way of the log-in URI; `limit` is how many
    selling partners may authorize an application that is not in the Appstore.
    """

    name: str = "Example application"
    redirect_uris: tuple[str, ...] = ()
    login_uri: str = ""
    parties: tuple[str, ...] = ("seller", "vendor")
    draft: bool = False
    through_login: bool = False
    limit: int | None = None


@dataclass(frozen=True)
class PendingConsent:
    """A consent whose browser is at the application's log-in page."""

    client_id: str
    seller_id: str
    expires: datetime


@dataclass(frozen=True)
class AuthorizationCode:
    """`redirect_uri` is where the code was sent to; empty for one that no consent page gave."""

    client_id: str
    seller_id: str
    expires: datetime
    redirect_uri: str = ""


@dataclass(frozen=True)
class RestrictedResource:
    method: str
    path: str


@dataclass(frozen=True)
class AccessToken:
    """What an access token allows: a seller's own operations, one grantless scope, or some restricted resources of a
    seller. `client_secret` is the secret that it was made with: it ends with it.
    """

    client_id: str
    expires: datetime
    client_secret: str = field(repr=False)
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
    """A notification and its delivery. `state` is sent, held, undeliverable or failed; `error` says why.

    It goes to a queue or, with `event_bus` (region, account id, name of the partner event source), to EventBridge.
    """

    notification_id: str
    notification_type: str
    queue_arn: str
    body: str
    state: str = "held"
    error: str = ""
    event_bus: tuple[str, str, str] | None = None


@dataclass(frozen=True)
class Order:
    """An order, as far as the Solicitations API needs it."""

    order_id: str
    seller_id: str
    marketplace_id: str
    status: str
    earliest_delivery: datetime
    latest_delivery: datetime
    solicited: bool = False


@dataclass
class ProductTypes:
    """What the API has. `latest_version` is the number of the version that LATEST means, `generated` how many small
    types every marketplace has besides the usual ones.

    SP-API denies every call for `refused_marketplaces`. `checksums` is how a checksum is written: the model's text says
    base64, and its example is hexadecimal.
    `documents` are the schema documents behind links by their MD5.
    """

    latest_version: int = 1
    generated: int = 0
    refused_marketplaces: frozenset[str] = frozenset()
    checksums: str = "base64"
    documents: dict[str, bytes] = field(default_factory=dict, repr=False)


@dataclass
class State:
    """The state of one run. Handlers receive it as an argument; no module keeps state."""

    settings: Settings
    clock: Clock
    rate_limits: RateLimits
    faults: Faults
    request_log: RequestLog
    queue_sender: QueueSender
    event_sender: EventSender
    document_links: DocumentLinks
    sandbox_examples: SandboxExamples
    next_report_id: int
    subscription_rules: SubscriptionRules
    strict: bool = False
    applications: dict[str, Application] = field(default_factory=dict)
    sellers: dict[str, Seller] = field(default_factory=dict)
    authorizations: dict[str, Authorization] = field(default_factory=dict)
    authorization_codes: dict[str, AuthorizationCode] = field(default_factory=dict)
    consent_settings: dict[str, ConsentSettings] = field(default_factory=dict)
    pending_consents: dict[str, PendingConsent] = field(default_factory=dict)
    consented: set[tuple[str, str]] = field(default_factory=set)
    access_tokens: dict[str, AccessToken] = field(default_factory=dict)
    reports: dict[str, Report] = field(default_factory=dict)
    schedules: dict[str, ReportSchedule] = field(default_factory=dict)
    documents: dict[str, StoredDocument] = field(default_factory=dict)
    outcome_rules: list[OutcomeRule] = field(default_factory=list)
    feeds: FeedState = field(default_factory=FeedState)
    destinations: dict[str, Destination] = field(default_factory=dict)
    subscriptions: dict[str, Subscription] = field(default_factory=dict)
    notifications: list[Notification] = field(default_factory=list)
    orders: dict[str, Order] = field(default_factory=dict)
    listings: Listings = field(default_factory=Listings)
    product_types: ProductTypes = field(default_factory=ProductTypes)
    issued: list[tuple[str, str]] = field(default_factory=list, repr=False)
    background: set[asyncio.Task[None]] = field(default_factory=set)

    def issue(self, kind: str, secret: str) -> str:
        """Remembers a secret that the simulator gives out, and returns it."""
        self.issued.append((kind, secret))
        return secret

    def start(self, work: Coroutine[Any, Any, None]) -> None:
        """Runs `work` in the background and keeps a reference to it. The event loop logs a failure."""
        task = asyncio.get_running_loop().create_task(work)
        self.background.add(task)
        task.add_done_callback(self.background.discard)
