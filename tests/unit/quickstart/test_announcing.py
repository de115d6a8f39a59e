"""Events and e-mails of the stack fit into what SNS and EventBridge accept, whatever items and answers have."""

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from quickstart.announcing import (
    SOURCE,
    EventNotPutError,
    cut,
    fitting,
    put_event,
    send_email,
    subject_line,
)
from quickstart.authorization.connections import Change, Connection
from quickstart.authorization.events import ConnectionEvents, ConnectionMails
from quickstart.listings.digest import read_outcome, send
from quickstart.own_stack import OwnStack
from quickstart.product_types.changes import Difference
from quickstart.reports.announcement_pace import AnnouncementPace
from quickstart.reports.ledger import OverdueReport
from quickstart.reports.sweep import write_overdue_message
from quickstart.reports.topic import Message, ReportTopic
from tests.unit.quickstart.support import Aws

# Amazon SNS API reference, Publish; Amazon EventBridge user guide, "Calculating PutEvents event entry size".
LIMIT = 256 * 1024
STACK = OwnStack("quick-start", "eu-west-1")
# As many characters as DynamoDB keeps, in UTF-8 and as JSON's escapes four and twelve times as many bytes.
GIANT = "\U0001d518" * 100_000


class Sent:
    """SNS and EventBridge, which refuse what is too large as AWS does."""

    def __init__(self) -> None:
        self.aws = Aws(Publish=self._publish, PutEvents=self._put)
        self.mails: list[Mapping[str, Any]] = []
        self.details: list[Any] = []
        self.sns, self.events = self.aws.client("sns"), self.aws.client("events")

    def _publish(self, given: Mapping[str, Any]) -> Mapping[str, Any]:
        assert len(given["Message"].encode()) + len(given["Subject"]) <= LIMIT
        assert len(given["Subject"]) < 100
        assert given["Subject"].isascii()
        self.mails.append(given)
        return {"MessageId": "m"}

    def _put(self, given: Mapping[str, Any]) -> Mapping[str, Any]:
        (entry,) = given["Entries"]
        assert sum(len(entry[name].encode()) for name in ("Source", "DetailType", "Detail")) <= LIMIT
        self.details.append(json.loads(entry["Detail"]))
        return {"FailedEntryCount": 0, "Entries": [{"EventId": "e"}]}


@pytest.fixture
def sent() -> Sent:
    return Sent()


class TestEvents:
    def test_what_fits_is_not_changed(self, sent: Sent) -> None:
        detail = {"Text": "\u00e9" * 100_000, "List": [{"Number": 1.5, "Flag": True, "Nothing": None}] * 1000}
        put_event(sent.events, "bus", "Type", detail)
        assert sent.details == [detail]
        (entry,) = sent.aws.calls[-1][1]["Entries"]
        assert {**entry, "Detail": ""} == {
            "EventBusName": "bus",
            "Source": SOURCE,
            "DetailType": "Type",
            "Detail": "",
        }

    @pytest.mark.parametrize(
        "detail",
        [
            {"Text": GIANT},
            {"List": [{"name": "x" * 90}] * 100_000},
            {"Lists": [["x" * 1000] * 100] * 100},
            {f"Text{number}": "\x01" * 100_000 for number in range(20)},
        ],
        ids=["text", "list", "lists", "texts"],
    )
    def test_what_does_not_fit_is_cut(self, sent: Sent, detail: Mapping[str, object]) -> None:
        put_event(sent.events, "bus", "Type", {"SellerId": "A1", **detail, "OutcomeTime": "2026-11-26"})
        (put,) = sent.details
        assert (put["SellerId"], put["OutcomeTime"]) == ("A1", "2026-11-26")
        assert put.keys() == {"SellerId", *detail, "OutcomeTime"}

    def test_half_of_a_surrogate_pair_is_replaced(self, sent: Sent) -> None:
        put_event(sent.events, "bus", "Type", {"Text": "a\ud800b"})
        assert sent.details == [{"Text": "a?b"}]

    def test_an_event_that_is_not_accepted(self, sent: Sent) -> None:
        failed = {"ErrorCode": "ThrottlingException", "ErrorMessage": "too many"}
        sent.aws.answers["PutEvents"] = lambda _: {"FailedEntryCount": 1, "Entries": [failed]}
        with pytest.raises(EventNotPutError, match=r"^EventBridge: ThrottlingException: too many$"):
            put_event(sent.events, "bus", "Type", {})


class TestEmails:
    @pytest.mark.parametrize("body", ["x" * 250_000, "\u00e9" * 125_000], ids=["ascii", "two bytes each"])
    def test_what_fits_is_not_changed(self, body: str) -> None:
        sent = Sent()
        assert send_email(sent.sns, "topic", "Subject", body) == "m"
        assert sent.mails == [{"TopicArn": "topic", "Subject": "Subject", "Message": body}]

    def test_what_does_not_fit_is_cut(self, sent: Sent) -> None:
        send_email(sent.sns, "topic", "x" * 1000, GIANT)
        (mail,) = sent.mails
        assert mail["Message"] == "\U0001d518" * 9_997 + "..."
        assert mail["Subject"] == "x" * 96 + "..."


@pytest.mark.parametrize(
    ("texts", "longest"),
    [
        (1, 250_000),
        (2, 100_000),
        (3, 10_000),
        (25, 10_000),
        (26, 1_000),
        (250, 1_000),
        (251, 100),
        (2_501, 30),
        (8_334, 10),
        (25_001, 3),
        (83_334, 3),
    ],
)
def test_the_greatest_length_that_fits_is_taken(texts: int, longest: int) -> None:
    """Of so many texts. The shortest is taken even if it does not fit either."""
    tried: list[int] = []

    def written(each: int) -> str:
        tried.append(each)
        return "x" * min(each * texts, 250_001)

    assert len(fitting(written)) == min(longest * texts, 250_001)
    assert tried[-1] == longest


@pytest.mark.parametrize(("whole", "taken"), [(250_000, 250_000), (250_001, 1)])
def test_what_fits_has_at_most_250000_bytes(whole: int, taken: int) -> None:
    assert len(fitting(lambda longest: "x" * (whole if longest >= 250_000 else 1))) == taken


@pytest.mark.parametrize(
    ("value", "longest", "expected"),
    [
        ("x" * 1000, 1000, "x" * 1000),
        ("x" * 1001, 1000, "x" * 997 + "..."),
        ("x" * 100, 3, "x" * 100),
        ("x" * 101, 3, "x" * 97 + "..."),
        ([1, 2, 3], 3, [1, 2, 3]),
        ((1, 2, 3, 4), 3, [1, 2, 3]),
        ({"a": {"b": [["x" * 200], 2, 3]}}, 2, {"a": {"b": [["x" * 97 + "..."], 2]}}),
        (None, 3, None),
        (12345, 3, 12345),
    ],
)
def test_texts_and_lists_are_cut(value: object, longest: int, expected: object) -> None:
    assert cut(value, longest) == expected


@pytest.mark.parametrize(
    ("text", "subject"),
    [
        ("GET_X\r\nBcc: a@b is\tready", "GET_X Bcc: a@b is ready"),
        ("\x00a\x7fb\x1f", "a b"),
        (" \u00e9 ", "?"),
        ("GET_\u00dc is ready", "GET_? is ready"),
        ("x" * 99, "x" * 99),
        ("x" * 100, "x" * 96 + "..."),
    ],
)
def test_a_subject_is_short_ascii_without_control_characters(text: str, subject: str) -> None:
    assert subject_line(text) == subject


# Each place that sends what others wrote.


@pytest.mark.parametrize("change", [Change.RECONNECT_NEEDED, Change.RENEW_SOON])
@pytest.mark.parametrize("field", ["seller_id", "region_code", "party", "host_reference", "authorization_id"])
def test_a_connection(sent: Sent, change: Change, field: str) -> None:
    connection = replace(Connection("A1", "NA", notice_days=30), **{field: GIANT})
    ConnectionEvents(sent.events, "bus").put(change, connection)
    ConnectionMails(sent.sns, "topic", STACK).send(change, connection)
    (mail,) = sent.mails
    # What to do is not lost behind the long text.
    assert "make doctor STACK=quick-start REGION=eu-west-1" in mail["Message"]


def test_a_digest_of_outcomes_with_thousands_of_unknown_statuses(sent: Sent) -> None:
    outcomes = [
        read_outcome(json.dumps({"detail": {"Status": f"{number} {'x' * 900}", "Sku": "S", "Message": "x" * 900}}))
        for number in range(1000)
    ]
    send(sent.sns, "topic", STACK, outcomes)
    assert "GET /listings lists them." in sent.mails[0]["Message"]


def topic(sent: Sent) -> ReportTopic:
    pace = AnnouncementPace(Aws().client("dynamodb"), 1)
    return ReportTopic(sent.sns, "topic", pace, STACK)


def test_a_message_about_a_report_is_cut_in_each_of_its_forms(sent: Sent) -> None:
    assert topic(sent).publish(Message(GIANT, GIANT, {"ReportId": "1", "Explanation": GIANT})) == "m"
    forms = json.loads(sent.mails[0]["Message"])
    assert forms["default"] == forms["email"]
    assert forms["email"].startswith("\U0001d518")
    for program in ("sqs", "lambda", "http", "https"):
        data = json.loads(forms[program])
        assert data["ReportId"] == "1"
        assert data["Explanation"].endswith("\U0001d518...")


def test_an_overdue_message_keeps_what_to_do(sent: Sent) -> None:
    reports = [OverdueReport("A1", "NA", f"R{number}", GIANT, "2026-11-26") for number in range(10)]
    message = write_overdue_message(reports, 24, STACK)
    assert "make doctor" in message.body
    topic(sent).publish(message)
    assert len(json.loads(json.loads(sent.mails[0]["Message"])["sqs"])["Reports"]) > 0


def test_the_difference_of_schemas_with_long_names() -> None:
    names = tuple(f"{number:03d}{'x' * 997}" for number in range(200))
    described = Difference(names, names, names, tuple((name, name) for name in names)).described()
    assert len(json.dumps(described)) < 100_200
    assert described["truncated"] is True
    assert described["attributesAdded"] == list(names[:12])
    short = Difference(tuple(name[:10] for name in names)).described()
    assert "truncated" not in short
    assert len(short["attributesAdded"]) == 200
