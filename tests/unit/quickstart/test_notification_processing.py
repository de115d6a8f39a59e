"""Reading notifications, naming executions and finding owners."""

import json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quickstart.notification_processing import (
    FinishedReport,
    UnreadableNotificationError,
    execution_name,
    read_finished_report,
    read_notification,
)


def notification(**changed: Any) -> dict[str, Any]:
    return {
        "notificationVersion": "2020-09-04",
        "notificationType": "REPORT_PROCESSING_FINISHED",
        "payloadVersion": "2020-09-04",
        "eventTime": "2026-11-21T03:35:13.214Z",
        "payload": {
            "reportProcessingFinishedNotification": {
                "sellerId": "A3TH9S8BH6GOGM",
                "accountId": "amzn1.merchant.o.A3TH9S8BH6GOGM",
                "reportId": "54517018502",
                "reportType": "GET_MERCHANT_LISTINGS_ALL_DATA",
                "processingStatus": "DONE",
                "reportDocumentId": "amzn1.spdoc.1.4.na.1",
            }
        },
        "notificationMetadata": {
            "applicationId": "amzn1.sp.solution.1",
            "subscriptionId": "subscription-1",
            "publishTime": "2026-11-21T03:35:14.214Z",
            "notificationId": "notification-1",
        },
        **changed,
    }


def in_pascal_case(value: Any) -> Any:
    if isinstance(value, dict):
        return {name[0].upper() + name[1:]: in_pascal_case(entry) for name, entry in value.items()}
    return value


@pytest.mark.parametrize("spelling", [lambda sent: sent, in_pascal_case])
def test_a_finished_report_is_read_in_either_letter_case(spelling: Any) -> None:
    read = read_notification(json.dumps(spelling(notification())))
    assert (read.subscription_id, read.notification_id) == ("subscription-1", "notification-1")
    assert read_finished_report(read) == FinishedReport(
        seller_id="A3TH9S8BH6GOGM",
        account_id="amzn1.merchant.o.A3TH9S8BH6GOGM",
        report_id="54517018502",
        report_type="GET_MERCHANT_LISTINGS_ALL_DATA",
        processing_status="DONE",
    )


def test_a_vendor_has_an_account_and_no_seller() -> None:
    sent = notification()
    del sent["payload"]["reportProcessingFinishedNotification"]["sellerId"]
    assert read_finished_report(read_notification(json.dumps(sent))).seller_id is None


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("not JSON, Atzr|secret", "not JSON"),
        ("[]", "not a JSON object"),
        (json.dumps(notification(notificationMetadata=None)), "notificationMetadata"),
        (json.dumps(notification(payload="x")), "payload"),
        (json.dumps(notification(payload={})), "reportProcessingFinishedNotification"),
        (json.dumps(notification(notificationType="ORDER_CHANGE")), "ORDER_CHANGE"),
    ],
)
def test_what_can_never_be_handled_is_told_from_the_rest(body: str, reason: str) -> None:
    with pytest.raises(UnreadableNotificationError, match=reason) as caught:
        read_finished_report(read_notification(body))
    assert "secret" not in str(caught.value)


@given(st.text() | st.recursive(st.none() | st.text(), lambda inner: st.dictionaries(st.text(), inner)).map(json.dumps))
def test_no_message_breaks_the_reader(body: str) -> None:
    with pytest.raises(UnreadableNotificationError):
        read_finished_report(read_notification(body))


def finished(seller_id: str | None, account_id: str, report_id: str = "1", status: str = "DONE") -> FinishedReport:
    return FinishedReport(seller_id, account_id, report_id, "GET_X", status)


@given(st.none() | st.text(min_size=1), st.text(min_size=1), st.text(min_size=1), st.text(min_size=1))
def test_an_execution_name_is_one_that_step_functions_takes(
    seller_id: str | None, account_id: str, report_id: str, status: str
) -> None:
    name = execution_name(finished(seller_id, account_id, report_id, status))
    assert re.fullmatch(r"[A-Za-z0-9_.-]{1,80}", name)


def test_an_execution_name_tells_reports_apart_and_copies_not() -> None:
    seller = finished("A3TH9S8BH6GOGM", "amzn1.merchant.o.A3TH9S8BH6GOGM", "54517018502")
    assert execution_name(seller) == "A3TH9S8BH6GOGM-54517018502-DONE"
    assert execution_name(seller) != execution_name(finished("A3TH9S8BH6GOGM", "", "54517018502", "FATAL"))
    vendor = finished(None, "amzn1.vg.6213651", "54517018502")
    assert execution_name(vendor) == "amzn1.vg.6213651-54517018502-DONE"
    long = ["x" * 90 + end for end in "ab"]
    assert len({execution_name(finished(None, account)) for account in long}) == 2
