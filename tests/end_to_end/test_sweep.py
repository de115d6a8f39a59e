"""The daily sweep: overdue reports, and failures whose event never came."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from deployment import Deployment, aws
from quickstart.dynamodb import Table
from quickstart.own_stack import OwnStack
from quickstart.reports.announcement_pace import AnnouncementPace
from quickstart.reports.ledger import ReportLedger
from quickstart.reports.sweep import Sweep
from quickstart.reports.topic import ReportTopic
from quickstart.token_vault import has_token
from smtp_mailbox import Mail, read_messages
from tests.end_to_end.host import (
    REPORT_TYPE,
    HostProduct,
    Seller,
    eventually,
    invoke_function,
    mails_about,
    reports_table,
)
from tests.end_to_end.test_delivery_failures import execution_of, failure_mail


def overdue_mails(deployment: Deployment, report_id: str) -> list[Mail]:
    """A list of reports is in the mail's body, not in its subject."""
    mails = read_messages(deployment.servers.mail_directory)
    return [mail for mail in mails if "not finished by SP-API" in mail.subject and report_id in mail.body]


def age(deployment: Deployment, seller: Seller, report_id: str, by: timedelta) -> None:
    """Moves the report's request into the past."""
    reports_table(deployment).update_item(
        Key={"ReportId": report_id, "SellerId": seller.seller_id},
        UpdateExpression="SET RequestedTime = :time",
        ExpressionAttributeValues={":time": (datetime.now(UTC) - by).isoformat(timespec="seconds")},
    )


def test_a_report_that_is_not_finished_in_time_is_announced_once(
    deployment: Deployment, host: HostProduct, seller: Seller
) -> None:
    host.store_token(seller)
    overdue, recent = host.create_report(seller), host.create_report(seller)
    age(deployment, seller, overdue, timedelta(hours=25))
    age(deployment, seller, recent, timedelta(hours=23))
    invoke_function(deployment, "SPAPIReportSweep", {})
    (mail,) = eventually(lambda: overdue_mails(deployment, overdue), what="the e-mail about the overdue report")
    assert "within 24 hours" in mail.subject
    assert f"{REPORT_TYPE} report {overdue} of seller {seller.seller_id} in NA" in mail.body
    invoke_function(deployment, "SPAPIReportSweep", {})
    host.create_report(seller)
    assert len(overdue_mails(deployment, overdue)) == 1
    assert not overdue_mails(deployment, recent)


@contextmanager
def lost_events(deployment: Deployment) -> Iterator[None]:
    """Step Functions' events reach nobody meanwhile."""
    events = aws(deployment.servers, "events")
    names = [rule["Name"] for rule in events.list_rules(NamePrefix=f"{deployment.stack_name}-")["Rules"]]
    (rule,) = [name for name in names if "ReportFailureRule" in name]
    events.disable_rule(Name=rule)
    try:
        yield
    finally:
        events.enable_rule(Name=rule)


def test_a_failure_whose_event_was_lost_is_announced_once(
    deployment: Deployment, host: HostProduct, subscribed_seller: Seller
) -> None:
    denied = {"fault": "status", "status": 403, "operation": "getReportDocument", "code": "Unauthorized"}
    subscribed_seller.control("POST", "faults", denied | {"sellerId": subscribed_seller.seller_id, "message": "denied"})
    with lost_events(deployment):
        report_id = host.create_report(subscribed_seller)
        eventually(lambda: (execution_of(deployment, report_id) or {}).get("status") == "FAILED" or None, "its end")
    invoke_function(deployment, "SPAPIReportSweep", {})
    assert not mails_about(deployment.servers, report_id), "the rule has an hour"
    later = sweep_of(deployment, timedelta(hours=2))
    assert later.announce_lost_failures() >= 1
    mail = failure_mail(deployment, report_id)
    assert "AccessDeniedError" in mail.body
    later.announce_lost_failures()
    invoke_function(deployment, "SPAPIReportSweep", {})
    assert len(mails_about(deployment.servers, report_id)) == 1


def sweep_of(deployment: Deployment, ahead: timedelta) -> Sweep:
    """The function's sweep with its clock so much ahead, of the same table, topic and state machine."""

    def client(service: str) -> Any:
        return aws(deployment.servers, service)

    table = Table(client("dynamodb"), reports_table(deployment).name)
    sellers = Table(client("dynamodb"), deployment.outputs["SellingPartnersTableName"])
    own = OwnStack(deployment.stack_name, deployment.servers.region)
    topic = ReportTopic(client("sns"), deployment.outputs["ReportTopicArn"], AnnouncementPace(table, 3), own)
    return Sweep(
        ReportLedger(table, timedelta(days=30), partial(has_token, sellers)),
        topic,
        client("stepfunctions"),
        deployment.outputs["ReportProcessorStateMachineArn"],
        timedelta(hours=24),
        now=lambda: datetime.now(UTC) + ahead,
    )
