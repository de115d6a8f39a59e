"""What the e-mails say."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from quickstart.report_announcement import FinishedReportNews, Link, period, write_message
from quickstart.report_ledger import StoredReport

NEWS = FinishedReportNews(
    seller_id="A3TH9S8BH6GOGM",
    report_id="54517018502",
    report_type="GET_MERCHANT_LISTINGS_ALL_DATA",
    report_status="DONE",
    reports_url="https://api.execute-api.us-east-1.amazonaws.com/prod/reports",
    data_start_time="2026-11-01T00:00:00+00:00",
    data_end_time="2026-11-02T00:00:00+00:00",
)
DOCUMENT = StoredReport("A3TH9S8BH6GOGM/GET_X/2026/11/02/54517018502.tsv", 1234567, "ab" * 32, gzipped=True)
LINK = Link(
    "https://bucket.s3.us-east-1.amazonaws.com/key?X-Amz-Signature=0123", datetime(2026, 11, 21, 5, 0, tzinfo=UTC)
)


def news(**changed: object) -> FinishedReportNews:
    return FinishedReportNews(**{**NEWS.__dict__, **changed})


def test_a_stored_report_comes_with_its_link_and_the_links_end() -> None:
    message = write_message(news(document=DOCUMENT, link=LINK))
    assert message.subject == "GET_MERCHANT_LISTINGS_ALL_DATA is ready: report 54517018502 of seller A3TH9S8BH6GOGM"
    period_in_words = "2026-11-01T00:00:00+00:00 to 2026-11-02T00:00:00+00:00"
    fresh_link = f"GET {NEWS.reports_url}/54517018502?SellerId=A3TH9S8BH6GOGM"
    for part in (LINK.url, "2026-11-21 05:00:00 UTC", "1,234,567 bytes (gzip)", "A3TH9S8BH6GOGM", DOCUMENT.sha256):
        assert part in message.body
    assert period_in_words in message.body
    assert fresh_link in message.body.splitlines()
    assert max(len(line) for line in message.body.splitlines() if LINK.url not in line) < 150


def test_programs_get_the_same_as_json() -> None:
    """The first five names are those that the programs of the AWS Quick Start's users know."""
    message = write_message(news(document=DOCUMENT, link=LINK))
    assert message.data == {
        "ReportType": "GET_MERCHANT_LISTINGS_ALL_DATA",
        "ReportId": "54517018502",
        "ProcessingStatus": "DONE",
        "ReportUrl": LINK.url,
        "CompressionAlgorithm": "GZIP",
        "ReportUrlExpires": "2026-11-21T05:00:00+00:00",
        "DeliveryStatus": "DELIVERED",
        "SellerId": "A3TH9S8BH6GOGM",
        "DataStartTime": "2026-11-01T00:00:00+00:00",
        "DataEndTime": "2026-11-02T00:00:00+00:00",
        "ObjectKey": DOCUMENT.key,
        "SizeBytes": 1234567,
        "Sha256": DOCUMENT.sha256,
        "Explanation": None,
    }
    plain = write_message(news(document=replace(DOCUMENT, gzipped=False), link=LINK)).data
    assert plain["CompressionAlgorithm"] is None
    cancelled = write_message(news(report_status="CANCELLED")).data
    assert set(cancelled) == set(message.data)
    assert (cancelled["ProcessingStatus"], cancelled["ReportUrl"]) == ("CANCELLED", None)


def test_a_cancelled_report_says_what_that_usually_means() -> None:
    message = write_message(news(report_status="CANCELLED"))
    assert "cancelled" in message.subject
    assert "no data for the period" in message.body


def test_a_fatal_report_says_why() -> None:
    message = write_message(news(report_status="FATAL", explanation='{"errorDetails": "A client error occurred."}'))
    assert "failed" in message.subject
    assert "A client error occurred." in message.body
    assert "no reason" in write_message(news(report_status="FATAL")).body


@pytest.mark.parametrize(
    ("report_type", "seller_id"), [("GET_" + "X" * 120, "A1"), ("GET_Ü", "A1"), ("GET_X", "S" * 64)]
)
def test_a_subject_is_one_that_sns_takes(report_type: str, seller_id: str) -> None:
    subject = write_message(news(report_type=report_type, seller_id=seller_id)).subject
    assert subject.isascii()
    assert len(subject) <= 99
    assert "\n" not in subject


def test_a_link_does_not_show_in_a_log() -> None:
    assert "Signature" not in repr(LINK)
    assert "Signature" not in repr(news(link=LINK))


@pytest.mark.parametrize(
    ("start", "end", "words"),
    [(None, None, "as of when it was made"), ("a", None, "from a"), (None, "b", "until b"), ("a", "b", "a to b")],
)
def test_a_period_in_words(start: str | None, end: str | None, words: str) -> None:
    assert period(start, end) == words
