"""What the e-mails say."""

from datetime import UTC, datetime

import pytest

from quickstart.report_announcement import FinishedReportNews, Link, period, write_message

NEWS = FinishedReportNews(
    seller_id="A3TH9S8BH6GOGM",
    report_id="54517018502",
    report_type="GET_MERCHANT_LISTINGS_ALL_DATA",
    report_status="DONE",
    period="2026-11-01T00:00:00+00:00 to 2026-11-02T00:00:00+00:00",
)
LINK = Link(
    "https://bucket.s3.us-east-1.amazonaws.com/key?X-Amz-Signature=0123", datetime(2026, 11, 21, 5, 0, tzinfo=UTC)
)


def news(**changed: object) -> FinishedReportNews:
    return FinishedReportNews(**{**NEWS.__dict__, **changed})


def test_a_stored_report_comes_with_its_link_and_the_links_end() -> None:
    message = write_message(news(link=LINK, size_bytes=1234567))
    assert message.subject == "GET_MERCHANT_LISTINGS_ALL_DATA is ready: report 54517018502 of seller A3TH9S8BH6GOGM"
    for part in (LINK.url, "2026-11-21 05:00:00 UTC", "1,234,567 bytes", "A3TH9S8BH6GOGM", NEWS.period):
        assert part in message.body
    assert max(len(line) for line in message.body.splitlines() if LINK.url not in line) < 150


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
