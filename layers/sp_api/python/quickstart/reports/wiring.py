"""Creates the parts of the reports capability when they are first needed, from the function's environment.

Imports are inside the functions, so that a function loads only what it uses. Handlers import what they use at the top,
because Lambda does not limit the CPU while a function starts.
"""

from collections.abc import Mapping
from datetime import timedelta
from functools import cache
from typing import TYPE_CHECKING, Any

from quickstart import callers, clients, invocation, settings
from quickstart.dynamodb import Table
from quickstart.own_stack import own_stack

if TYPE_CHECKING:
    from quickstart.links import ObjectLinks
    from quickstart.reports.ledger import ReportLedger
    from quickstart.reports.open_requests import OpenRequests
    from quickstart.reports.requests import ReportRecords
    from quickstart.reports.sweep import Sweep
    from quickstart.reports.topic import ReportTopic


def report_step(event: Mapping[str, Any], context: invocation.Context) -> invocation.WorkflowStep:
    """A step of the report-processor: its log lines carry the execution's name, the seller and the report."""
    # Executions that began before an update of the stack may lack the name.
    return invocation.WorkflowStep(
        context, event.get("Execution", ""), seller_id=event["SellerId"], report_id=event["ReportId"]
    )


@cache
def reports_table() -> Table:
    return Table(clients.dynamodb(), settings.required("REPORTS_TABLE"))


@cache
def report_ledger() -> "ReportLedger":
    from quickstart.reports.ledger import ReportLedger

    kept = timedelta(days=settings.whole_number("REPORT_RETENTION_DAYS"))
    return ReportLedger(reports_table(), kept, callers.seller_known)


@cache
def open_requests() -> "OpenRequests":
    from quickstart.reports.open_requests import OpenRequests

    return OpenRequests(reports_table())


@cache
def report_records() -> "ReportRecords":
    from quickstart.reports.client_tokens import ClientTokens
    from quickstart.reports.requests import ReportRecords, Timing

    timing = Timing(
        created_within=timedelta(seconds=settings.whole_number("REPORT_CREATED_WITHIN_SECONDS")),
        listed_within=timedelta(seconds=settings.whole_number("REPORT_LISTED_WITHIN_SECONDS")),
    )
    return ReportRecords(report_ledger(), ClientTokens(reports_table()), open_requests(), timing)


@cache
def report_topic() -> "ReportTopic":
    from quickstart.reports.announcement_pace import AnnouncementPace
    from quickstart.reports.topic import ReportTopic

    pace = AnnouncementPace(reports_table(), settings.whole_number("ANNOUNCEMENTS_PER_SECOND"))
    return ReportTopic(clients.sns(), settings.required("REPORT_TOPIC_ARN"), pace, own_stack())


@cache
def report_links() -> "ObjectLinks":
    from quickstart.links import ObjectLinks

    return ObjectLinks(
        clients.sts(),
        clients.s3_unsigned(),
        reader_role_arn=settings.required("REPORT_READER_ROLE_ARN"),
        bucket=settings.required("REPORTS_BUCKET"),
        lifetime=timedelta(seconds=settings.whole_number("LINK_LIFETIME_SECONDS")),
    )


@cache
def report_sweep() -> "Sweep":
    from quickstart.reports.sweep import Sweep

    return Sweep(
        report_ledger(),
        report_topic(),
        clients.states(),
        settings.required("STATE_MACHINE_ARN"),
        timedelta(hours=settings.whole_number("REPORT_OVERDUE_HOURS")),
    )
