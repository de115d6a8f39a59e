"""Creates the parts of feeds when they are first needed, from the function's environment.

Imports are inside the functions, so that a function loads only what it uses.
"""

import tempfile
from collections.abc import Mapping
from datetime import timedelta
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from quickstart import callers, clients, invocation, settings
from quickstart.dynamodb import Table
from quickstart.listings.feed_ledger import UPLOAD_LINK_LIFETIME, FeedLedger
from quickstart.own_stack import own_stack

if TYPE_CHECKING:
    from quickstart.links import ObjectLinks
    from quickstart.listings.feed_events import FeedEvents
    from quickstart.listings.feed_files import FeedFiles
    from quickstart.listings.feed_records import FeedRecord
    from quickstart.listings.feed_requests import FeedDesk
    from quickstart.listings.feed_work import FeedWorker


def feed_step(event: Mapping[str, Any], context: invocation.Context) -> invocation.WorkflowStep:
    """A step of the state machine."""
    return invocation.WorkflowStep(
        context, event["FeedRequestId"], seller_id=event["SellerId"], feed_step=str(event["Step"])
    )


@cache
def feeds_table() -> Table:
    return Table(clients.dynamodb(), settings.required("LISTING_FEEDS_TABLE"))


@cache
def feed_ledger() -> FeedLedger:
    return FeedLedger(feeds_table(), kept=timedelta(days=settings.whole_number("LISTING_RETENTION_DAYS")))


def bucket() -> str:
    return settings.required("LISTING_FEEDS_BUCKET")


@cache
def feed_links() -> "ObjectLinks":
    from quickstart.links import ObjectLinks

    return ObjectLinks(
        clients.sts(),
        clients.s3_unsigned(),
        settings.required("LISTING_FEED_LINK_ROLE_ARN"),
        bucket(),
        UPLOAD_LINK_LIFETIME,
    )


def files(record: "FeedRecord") -> "FeedFiles":
    from quickstart.listings.feed_files import FeedFiles

    return FeedFiles.of(clients.s3_documents(), bucket(), record)


def desk() -> "FeedDesk":
    from quickstart.listings.feed_requests import FeedDesk

    return FeedDesk(feed_ledger(), feed_links(), callers.token_vault().require)


def worker(
    record: "FeedRecord", slot: Mapping[str, Any], listing_machine_arn: str, context: invocation.Context
) -> "FeedWorker":
    """What works on one feed in this invocation."""
    from quickstart.listings.feed_announcements import FeedAnnouncer
    from quickstart.listings.feed_checks import FeedCheck
    from quickstart.listings.feed_sending import FeedSender
    from quickstart.listings.feed_steps import FeedQueue
    from quickstart.listings.feed_work import FeedWorker
    from quickstart.listings.wiring import lanes, listing_ledger

    folder, stored, deadline = Path(tempfile.gettempdir()), files(record), invocation.deadline(context, 30)
    announcer = FeedAnnouncer(
        feed_ledger(),
        clients.events(),
        settings.required("EVENT_BUS_NAME"),
        clients.sns(),
        settings.required("LISTING_FEED_TOPIC_ARN"),
        feed_links,
        stored,
        own_stack(),
        settings.required("LISTING_FEEDS_URL"),
    )
    return FeedWorker(
        feed_ledger(),
        FeedCheck(feed_ledger(), stored, folder),
        FeedQueue(feed_ledger(), listing_ledger(), lanes(listing_machine_arn), clients.states(), stored),
        FeedSender(
            feed_ledger(),
            stored,
            partial(callers.seller, deadline=deadline),
            clients.http(),
            deadline,
            folder,
            slot,
        ),
        announcer,
    )


def events() -> "FeedEvents":
    from quickstart.listings.feed_events import FeedEvents, FeedMachine

    machine = FeedMachine(clients.states(), settings.required("STATE_MACHINE_ARN"))
    return FeedEvents(feed_ledger(), machine, clients.s3_documents(), bucket())
