"""SP-API spells some types' envelopes in camelCase and others in PascalCase; both are read alike."""

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from quickstart.notifications.processing import read_finished_report, read_notification

TEXT = st.text(min_size=1, max_size=40)
STATUS = st.sampled_from(["DONE", "CANCELLED", "FATAL"])


def spelled(value: Any, pascal: bool) -> Any:
    """The same document with every key's first letter in one case."""
    if not isinstance(value, dict):
        return value
    return {
        (name[0].upper() if pascal else name[0].lower()) + name[1:]: spelled(entry, pascal)
        for name, entry in value.items()
    }


@given(TEXT, TEXT, TEXT, TEXT, STATUS, st.none() | TEXT, st.dictionaries(TEXT.map("x".__add__), TEXT, max_size=3))
def test_either_letter_case_reads_alike(
    subscription_id: str,
    notification_id: str,
    account_id: str,
    report_id: str,
    status: str,
    seller_id: str | None,
    added_later: dict[str, str],
) -> None:
    sent = {
        "notificationVersion": "2020-09-04",
        "notificationType": "REPORT_PROCESSING_FINISHED",
        "payloadVersion": "2020-09-04",
        "eventTime": "2026-11-21T03:35:13.214Z",
        "payload": {
            "reportProcessingFinishedNotification": {
                "accountId": account_id,
                "reportId": report_id,
                "reportType": "GET_X",
                "processingStatus": status,
                **({} if seller_id is None else {"sellerId": seller_id}),
            }
        },
        "notificationMetadata": {
            "applicationId": "amzn1.sp.solution.1",
            "subscriptionId": subscription_id,
            "publishTime": "2026-11-21T03:35:14.214Z",
            "notificationId": notification_id,
        },
        **added_later,
    }
    readings = []
    for pascal in (False, True):
        notification = read_notification(json.dumps(spelled(sent, pascal)))
        assert (notification.subscription_id, notification.notification_id) == (subscription_id, notification_id)
        readings.append(read_finished_report(notification))
    assert readings[0] == readings[1]
    assert readings[0].seller_id == seller_id
    assert readings[0].processing_status == status
