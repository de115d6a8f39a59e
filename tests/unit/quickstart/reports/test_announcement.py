"""What the e-mails say, and that each is sent once."""

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

import pytest
from botocore.exceptions import ClientError

from quickstart.links import Link, ObjectLinks
from quickstart.own_stack import OwnStack
from quickstart.reports.announcement import FinishedReport, announce_report, period, write_message
from quickstart.reports.announcement_pace import AnnouncementPace, AnnouncementsTooFastError
from quickstart.reports.ledger import ReportForgottenError, ReportLedger, StoredReport
from quickstart.reports.topic import AnnouncementInProgressError, Message, ReportTopic
from tests.unit.quickstart.support import Aws, AwsError, MemoryTable, always_known

REPORT = FinishedReport(
    seller_id="A3TH9S8BH6GOGM",
    report_id="54517018502",
    report_type="GET_MERCHANT_LISTINGS_ALL_DATA",
    report_status="DONE",
    data_start_time="2026-11-01T00:00:00+00:00",
    data_end_time="2026-11-02T00:00:00+00:00",
)
DOCUMENT = StoredReport("A3TH9S8BH6GOGM/GET_X/2026/11/02/54517018502.tsv", 1234567, "ab" * 32, gzipped=True)
LINK = Link(
    "https://bucket.s3.us-east-1.amazonaws.com/key?X-Amz-Signature=0123", datetime(2026, 11, 21, 5, 0, tzinfo=UTC)
)


STACK = OwnStack("quick-start", "us-east-1")
REPORTS_URL = "https://api.execute-api.us-east-1.amazonaws.com/prod/reports"


def message_of(link: Link | None = None, **changed: Any) -> Message:
    return write_message(replace(REPORT, **changed), link, REPORTS_URL, STACK)


def test_a_stored_report_comes_with_its_link_and_the_links_end() -> None:
    message = message_of(document=DOCUMENT, link=LINK)
    assert message.subject == "GET_MERCHANT_LISTINGS_ALL_DATA is ready: report 54517018502 of seller A3TH9S8BH6GOGM"
    period_in_words = "2026-11-01T00:00:00+00:00 to 2026-11-02T00:00:00+00:00"
    fresh_link = f"GET {REPORTS_URL}/54517018502?SellerId=A3TH9S8BH6GOGM"
    for part in (LINK.url, "2026-11-21 05:00:00 UTC", "1,234,567 bytes (gzip)", "A3TH9S8BH6GOGM", DOCUMENT.sha256):
        assert part in message.body
    assert period_in_words in message.body
    assert fresh_link in message.body.splitlines()
    assert max(len(line) for line in message.body.splitlines() if LINK.url not in line) < 150


def test_the_whole_message_of_a_stored_report() -> None:
    message = message_of(document=replace(DOCUMENT, guessed_charset="ms932"), link=LINK, report_status="DONE_IN_PART")
    assert message.body.splitlines() == [
        "Stack        quick-start (us-east-1)",
        "Report type  GET_MERCHANT_LISTINGS_ALL_DATA",
        "Report id    54517018502",
        "Seller       A3TH9S8BH6GOGM",
        "Period       2026-11-01T00:00:00+00:00 to 2026-11-02T00:00:00+00:00",
        "Status       DONE_IN_PART",
        "Size         1,234,567 bytes (gzip)",
        f"SHA-256      {DOCUMENT.sha256}",
        "Charset      ms932 (a guess, because SP-API did not name it)",
        "",
        "Download it with this link:",
        LINK.url,
        "",
        "The link works until 2026-11-21 05:00:00 UTC.",
        "Anyone who has the link can read the report. Do not share it.",
        "",
        "To get a new link, send this request, signed like every request to the stack:",
        f"GET {REPORTS_URL}/54517018502?SellerId=A3TH9S8BH6GOGM",
    ]


AGAIN = [
    "To request the report again, send the same request with a new ClientToken:",
    f"POST {REPORTS_URL}",
    "See docs/troubleshooting.md#a-report",
]


@pytest.mark.parametrize(
    ("status", "headline", "story"),
    [
        (
            "CANCELLED",
            "was cancelled",
            [
                "SP-API cancelled the report, so there is no document. That usually means one of these:",
                "- there is no data for the requested period and marketplaces;",
                "- the same report was requested again too soon, or a schedule already creates it;",
                "- someone cancelled the request.",
                "",
                "SP-API's explanation:",
                "Too many rows.",
                "",
                "What to do: Use a longer period, or wait longer between requests.",
                *AGAIN,
            ],
        ),
        (
            "FATAL",
            "failed",
            [
                "SP-API could not create the report (FATAL).",
                "SP-API's explanation:",
                "Too many rows.",
                "",
                "What to do: Follow the explanation, if there is one.",
                *AGAIN,
            ],
        ),
        (
            "DONE",
            "has no document",
            [
                "SP-API finished the report (DONE) but returned no document for it, and no reason.",
                "",
                "What to do: If it happens again, ask Amazon's developer support about this report id.",
                *AGAIN,
            ],
        ),
        (
            "EXPIRED",
            "has ended",
            [
                "SP-API returned the report with the status EXPIRED and without a document.",
                "",
                "What to do: Look up the status in Amazon's documentation of the Reports API.",
                *AGAIN,
            ],
        ),
    ],
)
def test_the_whole_story_of_a_report_without_a_document(status: str, headline: str, story: list[str]) -> None:
    message = message_of(report_status=status, explanation="Too many rows.")
    assert message.subject == f"{REPORT.report_type} {headline}: report 54517018502 of seller A3TH9S8BH6GOGM"
    assert message.body.splitlines()[6:] == story
    assert message.body.endswith("#a-report\n")
    assert message.data == {
        "DeliveryStatus": "DELIVERED",
        "SellerId": "A3TH9S8BH6GOGM",
        "ReportId": "54517018502",
        "ReportType": "GET_MERCHANT_LISTINGS_ALL_DATA",
        "ProcessingStatus": status,
        "DataStartTime": "2026-11-01T00:00:00+00:00",
        "DataEndTime": "2026-11-02T00:00:00+00:00",
        **dict.fromkeys(("ReportUrl", "ReportUrlExpires", "CompressionAlgorithm", "ObjectKey", "SizeBytes", "Sha256")),
        "GuessedCharset": None,
        "Explanation": "Too many rows.",
        "ExplanationError": None,
    }


@pytest.mark.parametrize(
    ("explained", "lines"),
    [
        ({}, []),
        ({"explanation": "Too many rows."}, ["", "SP-API's explanation:", "Too many rows."]),
        (
            {"explanation_error": "NotFoundError"},
            ["", "SP-API has an explanation, but it could not be fetched (NotFoundError)."],
        ),
    ],
)
def test_a_cancelled_report_has_an_explanation_only_if_sp_api_does(explained: dict[str, str], lines: list[str]) -> None:
    body = message_of(report_status="CANCELLED", **explained).body.splitlines()
    assert body[body.index("- someone cancelled the request.") + 1 : -5] == lines


def test_a_fatal_report_without_an_explanation_says_so() -> None:
    body = message_of(report_status="FATAL").body.splitlines()
    assert body[body.index("") + 1 :][:2] == [
        "SP-API could not create the report (FATAL).",
        "SP-API gave no reason.",
    ]


GIVEN = {"SellerId": "A1", "ReportId": "7", "ReportType": "GET_X", "ReportStatus": "DONE"}
STORED = {"ObjectKey": "A1/7.tsv", "SizeBytes": 12, "Sha256": "ab", "CompressionAlgorithm": "GZIP"}
COVERED = {"DataStartTime": "2026-11-01T00:00:00+00:00", "DataEndTime": "2026-11-02T00:00:00+00:00"}


@pytest.mark.parametrize(
    ("fields", "changed"),
    [
        ({}, {}),
        (STORED, {"document": StoredReport("A1/7.tsv", 12, "ab", gzipped=True)}),
        (
            STORED | {"CompressionAlgorithm": "NONE", "GuessedCharset": "ms932"},
            {"document": StoredReport("A1/7.tsv", 12, "ab", gzipped=False, guessed_charset="ms932")},
        ),
        (COVERED, {"data_start_time": COVERED["DataStartTime"], "data_end_time": COVERED["DataEndTime"]}),
        ({"ExplanationDocumentId": "d", "Explanation": "why"}, {"explanation": "why"}),
        ({"ExplanationDocumentId": "d", "ExplanationError": "X"}, {"explanation_error": "X"}),
        ({"ExplanationDocumentId": "d"}, {"explanation_error": "not fetched"}),
    ],
)
def test_what_the_state_machine_carries_is_the_finished_report(fields: dict[str, Any], changed: dict[str, Any]) -> None:
    assert FinishedReport.from_workflow(GIVEN | fields) == replace(
        FinishedReport("A1", "7", "GET_X", "DONE"), **changed
    )


def test_programs_get_the_same_as_json() -> None:
    """The first five names are those that the programs of the AWS Quick Start's users know."""
    message = message_of(document=DOCUMENT, link=LINK)
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
        "GuessedCharset": None,
        "Explanation": None,
        "ExplanationError": None,
    }
    plain = message_of(document=replace(DOCUMENT, gzipped=False), link=LINK).data
    assert plain["CompressionAlgorithm"] is None
    cancelled = message_of(report_status="CANCELLED").data
    assert set(cancelled) == set(message.data)
    assert (cancelled["ProcessingStatus"], cancelled["ReportUrl"]) == ("CANCELLED", None)


def test_a_cancelled_report_says_what_usually_causes_it() -> None:
    message = message_of(report_status="CANCELLED")
    assert "cancelled" in message.subject
    assert "no data for the requested period" in message.body


def test_a_fatal_report_says_why() -> None:
    message = message_of(report_status="FATAL", explanation='{"errorDetails": "A client error occurred."}')
    assert "failed" in message.subject
    assert "A client error occurred." in message.body
    assert "no reason" in message_of(report_status="FATAL").body


@pytest.mark.parametrize("status", ["FATAL", "CANCELLED"])
def test_a_missing_explanation_leaves_the_fact(status: str) -> None:
    fields = {"SellerId": "A1", "ReportId": "7", "ReportType": "GET_X", "ReportStatus": status}
    missing = {"ExplanationDocumentId": "d-7", "ExplanationError": "NotFoundError"}
    message = write_message(FinishedReport.from_workflow({**fields, **missing}), None, REPORTS_URL, STACK)
    assert message.subject.startswith("GET_X failed" if status == "FATAL" else "GET_X was cancelled")
    assert "could not be fetched (NotFoundError)" in message.body
    assert (message.data["ProcessingStatus"], message.data["ExplanationError"]) == (status, "NotFoundError")
    known = FinishedReport.from_workflow({**fields, "ExplanationDocumentId": "d-7", "Explanation": "Too many rows."})
    assert "Too many rows." in write_message(known, None, REPORTS_URL, STACK).body
    assert known.explanation_error is None


def test_an_execution_of_an_earlier_definition_does_not_say_that_there_is_no_reason() -> None:
    fields = {"SellerId": "A1", "ReportId": "7", "ReportType": "GET_X", "ReportStatus": "FATAL"}
    report = FinishedReport.from_workflow({**fields, "ExplanationDocumentId": "d-7"})
    assert "no reason" not in write_message(report, None, REPORTS_URL, STACK).body


def test_a_done_report_without_a_document_is_not_called_fatal() -> None:
    message = message_of(report_status="DONE")
    assert "has no document" in message.subject
    assert "FATAL" not in message.subject + message.body
    assert "(DONE)" in message.body


def test_a_status_of_later_is_called_by_its_name() -> None:
    message = message_of(report_status="EXPIRED")
    assert "FATAL" not in message.subject + message.body
    assert "the status EXPIRED" in message.body
    delivered = message_of(report_status="DONE_IN_PART", document=DOCUMENT, link=LINK)
    assert "is ready" in delivered.subject
    assert "Status       DONE_IN_PART" in delivered.body.splitlines()


def test_a_guessed_charset_is_called_a_guess() -> None:
    message = message_of(document=replace(DOCUMENT, guessed_charset="ms932"), link=LINK)
    assert "Charset      ms932 (a guess, because SP-API did not name it)" in message.body.splitlines()
    assert message.data["GuessedCharset"] == "ms932"
    assert "guess" not in message_of(document=DOCUMENT, link=LINK).body


def test_a_link_does_not_show_in_a_log() -> None:
    assert "Signature" not in repr(LINK)


@pytest.mark.parametrize(
    ("start", "end", "words"),
    [
        (None, None, ""),
        ("a", None, "from a"),
        (None, "b", "until b"),
        ("a", "b", "a to b"),
    ],
)
def test_a_period_in_words(start: str | None, end: str | None, words: str) -> None:
    assert period(start, end) == words


def test_an_email_shows_a_period_only_if_the_request_had_one() -> None:
    assert "\nPeriod " in message_of().body
    for without in (message_of(period_requested=False), message_of(data_start_time=None, data_end_time=None)):
        assert "Period" not in without.body
    # Programs get what SP-API returned.
    assert message_of(period_requested=False).data["DataStartTime"] == REPORT.data_start_time


class Announce(Protocol):
    def __call__(self, report: FinishedReport, *, slot_taken: bool | None = False, after: float = 10) -> str: ...


class TestAnnounceReport:
    """Each report is announced once: pace, link, message, then the note in the table."""

    @pytest.fixture
    def table(self, aws: Aws) -> MemoryTable:
        table = MemoryTable(aws, "ReportId", "SellerId")
        table.items = [{"ReportId": each, "SellerId": REPORT.seller_id} for each in (REPORT.report_id, "8")]
        return table

    @pytest.fixture
    def announce(self, aws: Aws, table: MemoryTable) -> Announce:
        expires = datetime(2026, 11, 21, 6, 0, tzinfo=UTC)
        credentials = {"AccessKeyId": "A" * 16, "SecretAccessKey": "s", "SessionToken": "t", "Expiration": expires}
        aws.answers["AssumeRole"] = lambda _: {"Credentials": credentials}
        aws.answers["Publish"] = lambda _: {"MessageId": "message-1"}
        ledger = ReportLedger(table.table, timedelta(days=30), always_known)
        clock = [1_000_000.0]
        pace = AnnouncementPace(table.table, 3, lambda: clock[0])
        topic = ReportTopic(aws.client("sns"), "arn:aws:sns:us-east-1:111122223333:t", pace, STACK)
        role = "arn:aws:iam::111122223333:role/reader"
        links = ObjectLinks(aws.client("sts"), aws.client("s3"), role, "bucket", timedelta(hours=1))

        def announce(report: FinishedReport, *, slot_taken: bool | None = False, after: float = 10) -> str:
            clock[0] += after
            return announce_report(report, ledger, topic, links, REPORTS_URL, slot_taken=slot_taken)

        return announce

    def test_in_this_order(self, aws: Aws, table: MemoryTable, announce: Announce) -> None:
        assert announce(replace(REPORT, document=DOCUMENT)) == "message-1"
        # The count of the pace, the session and the URL of the link, the claim, the message, the note.
        sent = ["AssumeRole", "GetObject", "UpdateItem", "Publish", "UpdateItem"]
        assert aws.operations == ["GetItem", "UpdateItem", *sent]
        assert aws.calls[1][1]["Key"]["ReportId"]["S"].startswith("ANNOUNCEMENTS#")
        noted = table.find(ReportId=REPORT.report_id, SellerId=REPORT.seller_id) or {}
        assert (noted["DeliveryStatus"], noted["NotificationMessageId"]) == ("DELIVERED", "message-1")
        assert noted["ReportStatus"] == "DONE"

    @pytest.mark.parametrize(("requested", "shown"), [(True, True), (False, False), (None, True)])
    def test_the_ledger_knows_whether_the_request_had_a_period(
        self, aws: Aws, table: MemoryTable, announce: Announce, requested: bool | None, shown: bool
    ) -> None:
        """Reports that others requested, and those of earlier versions, show what SP-API returned."""
        if requested is not None:
            table.items[0]["PeriodRequested"] = requested
        announce(REPORT)
        (given,) = [given for operation, given in aws.calls if operation == "Publish"]
        assert ("Period " in json.loads(given["Message"])["email"]) is shown

    def test_the_session_that_signs_the_link_may_read_this_object_only(self, aws: Aws, announce: Announce) -> None:
        announce(replace(REPORT, document=replace(DOCUMENT, key="A1/${x}/*?.tsv")))
        (given,) = [given for operation, given in aws.calls if operation == "AssumeRole"]
        assert given["RoleSessionName"] == f"report-{REPORT.report_id}"
        assert json.loads(given["Policy"]) == {
            "Version": "2012-10-17",
            "Statement": [
                {
                    "Effect": "Allow",
                    "Action": "s3:GetObject",
                    "Resource": "arn:aws:s3:::bucket/A1/${$}{x}/${*}${?}.tsv",
                }
            ],
        }

    def test_nothing_is_sent_about_a_seller_who_was_removed(
        self, aws: Aws, table: MemoryTable, announce: Announce
    ) -> None:
        table.items = []
        with pytest.raises(ReportForgottenError):
            announce(replace(REPORT, document=DOCUMENT))
        assert (table.items, "Publish" in aws.operations) == ([], False)

    def test_nothing_is_sent_about_a_seller_who_is_removed_meanwhile(
        self, aws: Aws, table: MemoryTable, announce: Announce
    ) -> None:
        session = aws.answers["AssumeRole"]

        def removed(given: Mapping[str, Any]) -> Mapping[str, Any]:
            table.items = []
            return session(given)

        aws.answers["AssumeRole"] = removed
        with pytest.raises(ReportForgottenError):
            announce(replace(REPORT, document=DOCUMENT))
        assert (table.items, "Publish" in aws.operations) == ([], False)

    def test_a_record_that_is_deleted_while_the_message_is_sent_stays_deleted(
        self, aws: Aws, table: MemoryTable, announce: Announce
    ) -> None:
        def published(_: Mapping[str, Any]) -> Mapping[str, Any]:
            table.items = []
            return {"MessageId": "message-1"}

        aws.answers["Publish"] = published
        assert announce(replace(REPORT, document=DOCUMENT)) == "message-1"
        assert table.items == []

    def test_a_refused_message_about_a_seller_who_was_removed_is_not_recorded(
        self, aws: Aws, table: MemoryTable, announce: Announce
    ) -> None:
        def refused(_: Mapping[str, Any]) -> Mapping[str, Any]:
            table.items = []
            raise AwsError("AuthorizationError", 403)

        aws.answers["Publish"] = refused
        with pytest.raises(ClientError):
            announce(replace(REPORT, document=DOCUMENT))
        assert table.items == []

    def test_once(self, aws: Aws, announce: Announce, log_lines: Callable[[], list[dict[str, Any]]]) -> None:
        report = replace(REPORT, document=DOCUMENT)
        assert [announce(report), announce(report)] == ["message-1", "message-1"]
        assert aws.operations.count("Publish") == 1
        assert aws.operations[7:] == ["GetItem"]
        assert [(line["message"], line["status"]) for line in log_lines()] == [
            ("report announced", "DONE"),
            ("report was announced before", "DONE"),
        ]

    @pytest.mark.parametrize("status", ["CANCELLED", "FATAL", "DONE"])
    def test_a_document_that_comes_after_all_is_announced(
        self, aws: Aws, table: MemoryTable, announce: Announce, status: str
    ) -> None:
        announce(replace(REPORT, report_status=status))
        aws.answers["Publish"] = lambda _: {"MessageId": "message-2"}
        stored = replace(REPORT, document=DOCUMENT)
        assert [announce(stored), announce(stored)] == ["message-2", "message-2"]
        assert aws.operations.count("Publish") == 2
        sent = next(given["Message"] for name, given in reversed(aws.calls) if name == "Publish")
        story = json.loads(sent)["email"].splitlines()
        told = f"An earlier message said that this report was {status}. SP-API has it now."
        assert story[story.index("") + 1 :][:3] == [told, "", "Download it with this link:"]
        assert (table.find(ReportId=REPORT.report_id) or {})["AnnouncedOutcome"] == "DELIVERED"

    @pytest.mark.parametrize("status", ["CANCELLED", "FATAL", "DONE"])
    def test_a_delivered_report_stays_delivered(self, aws: Aws, announce: Announce, status: str) -> None:
        announce(replace(REPORT, document=DOCUMENT))
        announce(replace(REPORT, report_status=status))
        assert aws.operations.count("Publish") == 1

    def test_a_report_without_a_document_has_no_link(self, aws: Aws, announce: Announce) -> None:
        announce(replace(REPORT, report_status="CANCELLED"))
        assert aws.operations == ["GetItem", "UpdateItem", "UpdateItem", "Publish", "UpdateItem"]

    def test_a_moment_that_is_later_is_reserved_and_no_link_is_made(self, aws: Aws, announce: Announce) -> None:
        announce(replace(REPORT, document=DOCUMENT))
        aws.calls.clear()
        second = replace(REPORT, report_id="8", document=DOCUMENT)
        with pytest.raises(AnnouncementsTooFastError, match=r"^1 seconds until") as raised:
            announce(second, after=0.1)
        assert raised.value.reserved
        assert set(aws.operations) == {"GetItem", "UpdateItem"}
        assert announce(second, slot_taken=True, after=0) == "message-1"

    def test_an_execution_of_before_there_were_slots_reserves_none(self, aws: Aws, announce: Announce) -> None:
        announce(REPORT, slot_taken=None)
        with pytest.raises(AnnouncementsTooFastError) as raised:
            announce(replace(REPORT, report_id="8"), slot_taken=None, after=0.9)
        assert not raised.value.reserved
        assert aws.operations.count("Publish") == 1

    @pytest.mark.parametrize(
        ("status", "claim"), [(429, "RELEASED"), (403, "RELEASED"), (499, "RELEASED"), (500, "DONE DELIVERED")]
    )
    def test_a_message_that_sns_refuses_is_not_noted_and_its_claim_released(
        self, aws: Aws, table: MemoryTable, announce: Announce, status: int, claim: str
    ) -> None:
        """After a 500, SNS may have accepted it."""

        def refuse(_: Mapping[str, Any]) -> Mapping[str, Any]:
            raise AwsError("Refused", status)

        aws.answers["Publish"] = refuse
        with pytest.raises(ClientError):
            announce(replace(REPORT, document=DOCUMENT))
        item = table.find(ReportId=REPORT.report_id) or {}
        assert item["AnnouncementClaim"] == claim
        assert "NotificationMessageId" not in item

    def test_a_message_that_another_function_may_be_sending_is_not_sent(self, aws: Aws, announce: Announce) -> None:
        write = aws.answers["UpdateItem"]

        def claimed(given: Mapping[str, Any]) -> Mapping[str, Any]:
            if "AnnouncementClaim" in given["ExpressionAttributeNames"].values():
                assert given["ConditionExpression"]
                raise AwsError("ConditionalCheckFailedException")
            return write(given)

        aws.answers["UpdateItem"] = claimed
        with pytest.raises(
            AnnouncementInProgressError,
            match=r"^another function is announcing report 54517018502 of A3TH9S8BH6GOGM$",
        ):
            announce(replace(REPORT, document=DOCUMENT))
        assert "Publish" not in aws.operations
