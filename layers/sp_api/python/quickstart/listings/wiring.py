"""Creates the parts of the listings capability when they are first needed, from the function's environment.

Imports are inside the functions, so that a function loads only what it uses.
"""

from collections.abc import Mapping
from datetime import timedelta
from functools import cache, partial
from typing import TYPE_CHECKING, Any

from quickstart import callers, clients, invocation, settings
from quickstart.dynamodb import Table
from quickstart.listings.ledger import ListingLedger

if TYPE_CHECKING:
    from quickstart.listings.checks import SchemaChecks
    from quickstart.listings.following import Follower
    from quickstart.listings.lanes import Lanes
    from quickstart.listings.notices import Notices
    from quickstart.listings.outcomes import Announcer
    from quickstart.listings.requests import Desk
    from quickstart.listings.sending import Sender
    from quickstart.listings.sweep import Sweep
    from quickstart.product_types.validation import CompiledSchemas
    from sp_api.deadline import Deadline

# A compiled schema has a few megabytes.
_COMPILED_SCHEMAS = 16


def listing_step(event: Mapping[str, Any], context: invocation.Context) -> invocation.WorkflowStep:
    """A step of the state machine: its log lines carry the execution's name, which is the submission's id."""
    return invocation.WorkflowStep(context, event["SubmissionId"], seller_id=event["SellerId"])


@cache
def listings_table() -> Table:
    return Table(clients.dynamodb(), settings.required("LISTINGS_TABLE"))


@cache
def listing_ledger() -> ListingLedger:
    return ListingLedger(listings_table(), kept=timedelta(days=settings.whole_number("LISTING_RETENTION_DAYS")))


@cache
def announcer() -> "Announcer":
    from quickstart.listings.outcomes import Announcer

    return Announcer(listing_ledger(), clients.events(), settings.required("EVENT_BUS_NAME"))


def lanes(machine_arn: str) -> "Lanes":
    from quickstart.listings.lanes import Lanes, Machine

    return Lanes(listing_ledger(), Machine(clients.states(), machine_arn), announcer())


def sender(machine_arn: str, deadline: "Deadline") -> "Sender":
    """`machine_arn`: the state machine refers to the function that sends, so its ARN comes with the event."""
    from quickstart.listings.sending import Sender

    return Sender(listing_ledger(), lanes(machine_arn), announcer(), partial(callers.seller, deadline=deadline))


def follower(deadline: "Deadline") -> "Follower":
    from quickstart.listings.following import Follower

    return Follower(
        listing_ledger(),
        announcer(),
        partial(callers.seller, deadline=deadline),
        clients.states(),
        settings.whole_number("LISTING_OUTCOME_HOURS"),
    )


def sweep(deadline: "Deadline") -> "Sweep":
    from quickstart.listings.sweep import Sweep

    machine_arn = settings.required("STATE_MACHINE_ARN")
    hours = settings.whole_number("LISTING_OUTCOME_HOURS")
    return Sweep(listing_ledger(), lanes(machine_arn), announcer(), sender(machine_arn, deadline), hours)


@cache
def notices() -> "Notices":
    from quickstart.listings.notices import Notices

    return Notices(listing_ledger(), clients.states())


@cache
def compiled_schemas() -> "CompiledSchemas":
    from quickstart.product_types.validation import CompiledSchemas

    return CompiledSchemas(_COMPILED_SCHEMAS)


@cache
def schema_checks() -> "SchemaChecks":
    from quickstart.listings.checks import SchemaChecks
    from quickstart.product_types.reading import SchemaStorage
    from quickstart.product_types.store import fetch_and_store

    table, bucket = settings.optional("PRODUCT_TYPES_TABLE"), settings.optional("PRODUCT_TYPES_BUCKET")
    storage = SchemaStorage(Table(clients.dynamodb(), table), clients.s3(), bucket) if table and bucket else None
    return SchemaChecks(storage, compiled_schemas, fetch_and_store)


@cache
def desk() -> "Desk":
    from quickstart.listings.requests import Desk

    return Desk(listing_ledger(), lanes(settings.required("STATE_MACHINE_ARN")), schema_checks())
