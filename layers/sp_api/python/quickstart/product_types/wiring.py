"""Creates the parts of the product types capability when they are first needed, from the function's environment.

Imports are inside the functions, so that a function loads only what it uses.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from functools import cache
from typing import TYPE_CHECKING, Any

from quickstart import clients, invocation, settings
from quickstart.dynamodb import Table

if TYPE_CHECKING:
    from collections.abc import Callable

    from quickstart.links import ObjectLinks
    from quickstart.product_types.changes import Announcements
    from quickstart.product_types.pulls import Pull, Pulls
    from quickstart.product_types.reading import SchemaStorage
    from quickstart.product_types.requests import Machine
    from sp_api.caller import Caller


@cache
def product_types_table() -> Table:
    return Table(clients.dynamodb(), settings.required("PRODUCT_TYPES_TABLE"))


@cache
def schema_storage() -> "SchemaStorage":
    from quickstart.product_types.reading import SchemaStorage

    return SchemaStorage(product_types_table(), clients.s3_documents(), settings.required("PRODUCT_TYPES_BUCKET"))


@cache
def pulls() -> "Pulls":
    from quickstart.product_types.pulls import Pulls

    return Pulls(schema_storage())


@cache
def machine() -> "Machine":
    from quickstart.product_types.requests import Machine

    return Machine(clients.states(), settings.required("STATE_MACHINE_ARN"))


@cache
def announcements() -> "Announcements":
    from quickstart.product_types.changes import Announcements

    return Announcements(clients.events(), settings.required("EVENT_BUS_NAME"))


@cache
def schema_links() -> "ObjectLinks":
    from quickstart.links import ObjectLinks

    return ObjectLinks(
        clients.sts(),
        clients.s3_unsigned(),
        reader_role_arn=settings.required("SCHEMA_READER_ROLE_ARN"),
        bucket=settings.required("PRODUCT_TYPES_BUCKET"),
        lifetime=timedelta(seconds=settings.whole_number("LINK_LIFETIME_SECONDS")),
    )


def pull_step(event: Mapping[str, Any], context: invocation.Context) -> invocation.WorkflowStep:
    """A step of product-type-pull: its log lines carry the execution's name and the pull."""
    return invocation.WorkflowStep(context, event["Execution"], pull_id=event["PullId"])


def sellers(pull: "Pull", call_seconds: float) -> "Callable[[], Caller]":
    """Creates callers for the pull's selling partner, each with a deadline of its own.

    The stored token is looked up once a minute, so that a pull does not go on after the selling partner was removed.
    Raises SellerUnknownError at once when no token is stored.
    """
    from quickstart import callers
    from quickstart.remembered import Remembered
    from sp_api.deadline import Deadline

    selection = pull.selection
    remembered = Remembered(
        lambda: callers.seller(selection.seller_id, selection.region, Deadline.after(call_seconds)), kept_seconds=60
    )
    remembered()
    return lambda: replace(remembered(), deadline=Deadline.after(call_seconds))
