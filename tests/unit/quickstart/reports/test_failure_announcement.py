"""What the e-mails about failed deliveries say, and that each is sent once."""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import timedelta
from functools import partial
from itertools import count
from typing import Any

import pytest

from quickstart.dynamodb import DamagedItemError
from quickstart.own_stack import OwnStack
from quickstart.reports import failure_announcement
from quickstart.reports.announcement_pace import AnnouncementPace
from quickstart.reports.failure_announcement import (
    FailedDelivery,
    UnreadableFailureError,
    announce_failure,
    read_failure,
    write_message,
)
from quickstart.reports.ledger import KnownSellers, ReportLedger
from quickstart.reports.topic import ReportTopic
from quickstart.secrets import SecretUnreadableError
from sp_api.regions import Region
from tests.unit.quickstart.support import Aws, MemoryTable, always_known, never_known
from tests.unit.statemachines.throttling import STATE_MACHINE

STACK = OwnStack("quick-start", "eu-west-1")

ARN = "arn:aws:states:eu-west-1:111122223333:execution:ReportProcessor:A3TH9S8BH6GOGM-54517018502-DONE"


class States:
    """Step Functions with one execution."""

    def __init__(self, **execution: str) -> None:
        self.execution = execution
        self.described = 0

    def describe_execution(self, *, executionArn: str) -> dict[str, str]:  # noqa: N803 - boto3's spelling
        assert executionArn == ARN
        self.described += 1
        return {"executionArn": ARN, **self.execution}


def failure(**execution: str) -> FailedDelivery:
    """Read from an event that has no more than the status."""
    detail: dict[str, Any] = {"executionArn": ARN, "status": execution["status"], "redriveCount": None}
    states: Any = States(**execution)
    return read_failure({"detail": detail}, states)


@pytest.mark.parametrize(
    ("event", "missing"),
    [
        ({}, "executionArn of an execution"),
        ({"detail": None}, "executionArn of an execution"),
        ({"detail": {"status": "FAILED"}}, "executionArn of an execution"),
        ({"detail": {"executionArn": ["arn"], "status": "FAILED"}}, "executionArn of an execution"),
        ({"detail": {"executionArn": "0001-01-01T00:00:00Z", "status": "FAILED"}}, "executionArn of an execution"),
        ({"detail": {"executionArn": ARN, "status": 7}}, "status of its execution"),
        ({"detail": {"executionArn": ARN, "status": "\ud800"}}, "status of its execution"),
    ],
)
def test_an_event_that_names_no_execution_is_called_unreadable(event: dict[str, Any], missing: str) -> None:
    states: Any = States()
    with pytest.raises(UnreadableFailureError, match=f"^the event has no {missing}$"):
        read_failure(event, states)
    assert states.described == 0


def test_a_token_in_the_place_of_an_errors_name_or_an_id_is_not_quoted() -> None:
    token = "Atzr|IwEBIHxq0123456789"
    given = json.dumps({"SellerId": token, "ReportId": token, "ReportType": token})
    failed = failure(status="FAILED", error=token, cause=token, input=given)
    assert token not in str(failed)
    assert token not in str(write_message(failed, STACK))
    assert failed.recorded_as == ("*", f"EXECUTION#{failed.execution_name}")


GIVEN = json.dumps({"SellerId": "A3TH9S8BH6GOGM", "RegionCode": "EU", "ReportId": "54517018502", "ReportType": "GET_X"})


class TestReadFailure:
    """What the event has goes before DescribeExecution, which is eventually consistent."""

    WHOLE: Mapping[str, Any] = {
        "executionArn": ARN,
        "status": "FAILED",
        "redriveCount": 2,
        "input": GIVEN,
        "inputDetails": {"included": True},
        "error": "NotFoundError",
        "cause": "getReport: HTTP 404",
    }

    def read(self, detail: Mapping[str, Any], **described: str) -> tuple[FailedDelivery, int]:
        states: Any = States(**described)
        return read_failure({"detail": detail}, states), states.described

    def test_an_event_that_has_everything_is_enough(self) -> None:
        failed, described = self.read(self.WHOLE, status="RUNNING", input="{}")
        assert described == 0
        assert (failed.error, failed.cause, failed.redrives) == ("NotFoundError", "getReport: HTTP 404", 2)
        assert (failed.seller_id, failed.report_id) == ("A3TH9S8BH6GOGM", "54517018502")

    def test_an_input_that_is_too_long_for_the_event_is_read(self) -> None:
        detail = {**self.WHOLE, "input": None, "inputDetails": {"included": False}}
        failed, described = self.read(detail, status="RUNNING", input=GIVEN)
        assert described == 1
        assert failed == self.read(self.WHOLE)[0]

    @pytest.mark.parametrize("status", ["FAILED", "ABORTED"])
    def test_an_error_that_the_event_lacks_is_read(self, status: str) -> None:
        detail = {**self.WHOLE, "status": status, "error": None, "cause": None}
        failed, described = self.read(detail, status="RUNNING", input="{}", error="X", cause="y")
        assert (described, failed.status, failed.error, failed.cause) == (1, status, "X", "y")
        assert failed.report_id == "54517018502"

    @pytest.mark.parametrize("missing", ["error", "cause"])
    def test_an_event_with_an_error_or_its_cause_is_enough(self, missing: str) -> None:
        failed, described = self.read({**self.WHOLE, missing: None})
        assert described == 0
        assert failed == replace(self.read(self.WHOLE)[0], **{missing: ""})

    def test_an_execution_that_timed_out_is_not_read_for_an_error(self) -> None:
        failed, described = self.read({**self.WHOLE, "status": "TIMED_OUT", "error": None, "cause": None})
        assert (described, failed.status, failed.error, failed.cause) == (0, "TIMED_OUT", "", "")


@pytest.mark.parametrize("longest", ["x" * 256, "\u00e9" * 256])
def test_an_id_that_no_table_can_have_is_unknown(longest: str) -> None:
    """People start executions by hand, with any input."""
    names = ("SellerId", "ReportId", "ReportType")
    kept = failure(status="FAILED", error="X", input=json.dumps(dict.fromkeys(names, longest)))
    assert (kept.seller_id, kept.report_id, kept.report_type) == (longest,) * 3
    for other in (longest + "x", "", 7, None, "\ud800", ["x"]):
        failed = failure(status="FAILED", error="X", input=json.dumps(dict.fromkeys(names, other)))
        assert (failed.seller_id, failed.report_id, failed.report_type) == (None, None, "(unknown)")


@pytest.mark.parametrize("missing", ["SellerId", "ReportId"])
def test_a_failure_without_seller_or_report_is_recorded_as_its_executions(missing: str) -> None:
    given = {"SellerId": "A1", "ReportId": "7", "ReportType": "GET_X", missing: None}
    failed = failure(status="FAILED", error="X", input=json.dumps(given))
    assert failed.recorded_as == ("*", "EXECUTION#A3TH9S8BH6GOGM-54517018502-DONE")
    message = write_message(failed, STACK)
    ids = [line for line in message.body.splitlines() if line.startswith(("Seller ", "Report id "))]
    assert ids == [
        f"Report id    {'(unknown)' if missing == 'ReportId' else '7'}",
        f"Seller       {'(unknown)' if missing == 'SellerId' else 'A1'}",
    ]
    assert message.data[missing] is None


def test_a_functions_error_is_reported_without_its_stack() -> None:
    cause = {"errorType": "NotFoundError", "errorMessage": "getReport: HTTP 404", "stackTrace": ["  File app.py"]}
    failed = failure(status="FAILED", input=GIVEN, error="NotFoundError", cause=json.dumps(cause))
    assert failed == FailedDelivery(
        execution_arn=ARN,
        redrives=0,
        status="FAILED",
        error="NotFoundError",
        cause="getReport: HTTP 404",
        seller_id="A3TH9S8BH6GOGM",
        report_id="54517018502",
        report_type="GET_X",
    )
    message = write_message(failed, STACK)
    assert message.subject == "GET_X was NOT delivered: report 54517018502 of seller A3TH9S8BH6GOGM"
    for part in ("no longer has the report", "getReport: HTTP 404", "Request the report again", "eu-west-1.console"):
        assert part in message.body
    assert "stackTrace" not in message.body
    assert message.data == {
        "DeliveryStatus": "FAILED",
        "SellerId": "A3TH9S8BH6GOGM",
        "ReportId": "54517018502",
        "ReportType": "GET_X",
        "ExecutionArn": ARN,
        "ExecutionStatus": "FAILED",
        "Error": "NotFoundError",
        "Explanation": "getReport: HTTP 404",
    }


@pytest.mark.parametrize(
    ("status", "words"), [("TIMED_OUT", "limit of 14 days"), ("ABORTED", "Someone stopped the execution")]
)
def test_an_execution_that_ended_without_an_error(status: str, words: str) -> None:
    failed = failure(status=status, input=GIVEN)
    assert (failed.error, failed.cause) == ("", "")
    message = write_message(failed, STACK)
    assert words in message.body
    assert "Error message:" not in message.body
    assert "Error        (none)" in message.body.splitlines()
    assert (message.data["Error"], message.data["Explanation"]) == (None, None)


def test_every_error_that_the_state_machine_names_is_explained() -> None:
    definition = json.loads(STATE_MACHINE.read_text())
    named = {
        error
        for state in definition["States"].values()
        for retrier in state.get("Retry", [])
        for error in retrier["ErrorEquals"]
        if not error.startswith("States.")
    }
    # The state machine catches these, so they are no failures.
    named -= {"ReportForgottenError", "ReportMadeElsewhereError"}
    assert len(named) > 10
    for error in named:
        body = write_message(failure(status="FAILED", input=GIVEN, error=error, cause="?"), STACK).body
        assert "unexpected error" not in body, error


def test_every_error_has_a_meaning_and_a_remedy() -> None:
    for error in (*failure_announcement._BY_ERROR, "KeyError"):
        lines = write_message(failure(status="FAILED", input=GIVEN, error=error, cause="?"), STACK).body.splitlines()
        meaning, remedy = lines[lines.index("") + 2], lines[lines.index("What to do:") + 1]
        for sentence in (meaning, remedy):
            assert re.fullmatch(r"[A-Z].{25,}\.", sentence), (error, sentence)
        # Each remedy says whether to redrive the execution.
        assert not re.search("redriv", meaning, re.IGNORECASE), error
        assert re.search("redriv", remedy, re.IGNORECASE), error
        assert remedy != "Once this is fixed, redrive the execution (see below).", error


@pytest.mark.parametrize(
    ("status", "meaning", "remedy"),
    [
        (
            "TIMED_OUT",
            "The execution ran longer than its limit of 14 days.",
            "Check in the AWS console at which step it waited, then redrive it (see below).",
        ),
        ("ABORTED", "Someone stopped the execution.", "If this was a mistake, redrive it (see below)."),
    ],
)
def test_an_execution_that_did_not_fail_by_itself(status: str, meaning: str, remedy: str) -> None:
    lines = write_message(failure(status=status, input=GIVEN), STACK).body.splitlines()
    assert f"Likely cause: {meaning}" in lines
    assert lines[lines.index("What to do:") + 1] == remedy


def test_a_stopped_execution_is_resumed_with_its_own_argument() -> None:
    body = write_message(failure(status="ABORTED", input=GIVEN), STACK).body
    assert "make redrive-executions STACK=quick-start REGION=eu-west-1 ARGS=--aborted" in body.splitlines()


def test_the_whole_message() -> None:
    failed = failure(status="FAILED", input=GIVEN, error="SecretUnreadableError", cause="the secret cannot be read")
    assert write_message(failed, STACK).body.splitlines() == [
        "Stack        quick-start (eu-west-1)",
        "Report type  GET_X",
        "Report id    54517018502",
        "Seller       A3TH9S8BH6GOGM",
        "Execution    A3TH9S8BH6GOGM-54517018502-DONE (FAILED)",
        "Error        SecretUnreadableError",
        "",
        "The report was not delivered.",
        "Likely cause: A secret of the stack in Secrets Manager cannot be read.",
        "Error message: the secret cannot be read",
        "",
        "What to do:",
        "Follow the error message above. Once this is fixed, redrive the execution (see below).",
        "",
        "To see at which step it failed:",
        "make logs STACK=quick-start REGION=eu-west-1 FUNCTION=ReportProcessor SINCE=1d",
        "To redrive all recent failures at once:",
        "make redrive-executions STACK=quick-start REGION=eu-west-1",
        "The execution in the AWS console; its Redrive button resumes at the step that failed:",
        f"https://eu-west-1.console.aws.amazon.com/states/home?region=eu-west-1#/v2/executions/details/{ARN}",
        "See docs/operations.md#a-report-was-not-delivered",
    ]


@pytest.mark.parametrize("error", ["a\ud800b", "\ud800", 7, None])
def test_an_error_that_an_email_cannot_show_is_left_out(error: object) -> None:
    assert failure(status="FAILED", input=GIVEN, error=error, cause="?").error == ""


@pytest.mark.parametrize("error", [SecretUnreadableError, DamagedItemError])
def test_what_an_operator_must_repair_is_no_unexpected_error(error: type[Exception]) -> None:
    body = write_message(failure(status="FAILED", input=GIVEN, error=error.__name__, cause="what to do"), STACK).body
    assert "what to do" in body
    assert "Follow the error message above" in body


@pytest.mark.parametrize(
    "error", ["KeyError", "Lambda.Unknown", "Runtime.ExitError", "Sandbox.Timedout", "States.QueryEvaluationError"]
)
def test_an_unknown_error_leads_to_the_log(error: str) -> None:
    assert (
        "Check the log" in write_message(failure(status="FAILED", input=GIVEN, error=error, cause="plain"), STACK).body
    )


@pytest.mark.parametrize("given", ["{}", "[]", "no JSON", "", "[" * 100_000])
def test_an_execution_with_another_input(given: str) -> None:
    failed = failure(status="FAILED", input=given, error="X")
    assert (failed.seller_id, failed.report_id) == (None, None)
    assert write_message(failed, STACK).subject == "(unknown) was NOT delivered: report (unknown) of seller (unknown)"


def test_a_redriven_execution_that_fails_again_is_another_failure() -> None:
    states: Any = States(status="FAILED", input=GIVEN)
    ids = [
        read_failure({"detail": {"executionArn": ARN, "status": "FAILED", "redriveCount": count}}, states).failure_id
        for count in (None, 0, 1)
    ]
    assert ids[0] == ids[1] != ids[2]


class TestAnnounceFailure:
    """Each failure of an execution is announced once."""

    @pytest.fixture
    def table(self, aws: Aws) -> MemoryTable:
        return MemoryTable(aws, "ReportId", "SellerId")

    @pytest.fixture
    def announce(self, aws: Aws, table: MemoryTable) -> Callable[[FailedDelivery], object]:
        aws.answers["Publish"] = lambda _: {"MessageId": f"message-{aws.operations.count('Publish')}"}
        ledger = ReportLedger(table.table, timedelta(days=30), always_known)
        pace = AnnouncementPace(table.table, 3, partial(next, count(1e6, 10)))
        topic = ReportTopic(aws.client("sns"), "arn:aws:sns:us-east-1:111122223333:t", pace, STACK)
        return lambda failed: announce_failure(failed, ledger, topic)

    def test_it_is_published_and_then_noted(
        self, aws: Aws, table: MemoryTable, announce: Callable[[FailedDelivery], object]
    ) -> None:
        announce(failure(status="FAILED", input=GIVEN, error="NotFoundError"))
        # The count of the pace, the claim, the message, the note.
        assert aws.operations == ["GetItem", "UpdateItem", "UpdateItem", "Publish", "UpdateItem"]
        assert aws.calls[1][1]["Key"]["ReportId"]["S"].startswith("ANNOUNCEMENTS#")
        noted = table.find(ReportId="54517018502", SellerId="A3TH9S8BH6GOGM") or {}
        assert (noted["DeliveryStatus"], noted["DeliveryError"]) == ("FAILED", "NotFoundError")
        assert (noted["AnnouncedFailure"], noted["FailureMessageId"]) == (f"{ARN}#0", "message-1")

    def test_a_copy_of_the_event_sends_nothing(self, aws: Aws, announce: Callable[[FailedDelivery], object]) -> None:
        failed = failure(status="FAILED", input=GIVEN, error="NotFoundError")
        assert announce(failed) is True
        assert announce(failed) is False
        assert aws.operations.count("Publish") == 1
        assert aws.operations[5:] == ["GetItem"]

    def test_a_redrive_that_fails_again_is_announced_again(
        self, aws: Aws, announce: Callable[[FailedDelivery], object]
    ) -> None:
        failed = failure(status="FAILED", input=GIVEN, error="NotFoundError")
        announce(failed)
        announce(replace(failed, redrives=1))
        assert aws.operations.count("Publish") == 2

    def test_an_execution_without_an_error_is_noted_by_its_status(
        self, table: MemoryTable, announce: Callable[[FailedDelivery], object]
    ) -> None:
        announce(failure(status="TIMED_OUT", input=GIVEN))
        assert (table.find(ReportId="54517018502") or {})["DeliveryError"] == "TIMED_OUT"

    def test_an_execution_of_an_unknown_seller_is_announced_once_too(
        self, aws: Aws, table: MemoryTable, announce: Callable[[FailedDelivery], object]
    ) -> None:
        for _ in range(2):
            announce(failure(status="FAILED", input="{}", error="X"))
        assert aws.operations.count("Publish") == 1
        noted = table.find(ReportId=f"EXECUTION#{ARN.rpartition(':')[2]}", SellerId="*") or {}
        assert noted["AnnouncedFailure"] == f"{ARN}#0"

    def test_the_log_has_it_as_an_error(
        self, announce: Callable[[FailedDelivery], object], log_lines: Callable[[], list[dict[str, Any]]]
    ) -> None:
        announce(failure(status="FAILED", input=GIVEN, error="NotFoundError"))
        (line,) = log_lines()
        assert (line["level"], line["message"], line["error"]) == ("ERROR", "report not delivered", "NotFoundError")
        assert line["status"] == "FAILED"
        assert (line["seller_id"], line["report_id"], line["execution_arn"]) == (
            "A3TH9S8BH6GOGM",
            "54517018502",
            ARN,
        )

    def removed(self, aws: Aws, table: MemoryTable, known: KnownSellers) -> bool:
        """Announces the failure of a report without a record."""
        aws.answers["Publish"] = lambda _: {"MessageId": "message-1"}
        ledger = ReportLedger(table.table, timedelta(days=30), known)
        pace = AnnouncementPace(table.table, 3, partial(next, count(1e6, 10)))
        topic = ReportTopic(aws.client("sns"), "arn:aws:sns:us-east-1:111122223333:t", pace, STACK)
        return announce_failure(failure(status="FAILED", input=GIVEN, error="NotFoundError"), ledger, topic)

    def test_nothing_is_sent_or_recorded_about_a_seller_who_was_removed(
        self, aws: Aws, table: MemoryTable, log_lines: Callable[[], list[dict[str, Any]]]
    ) -> None:
        asked: list[str] = []

        def gone(seller_id: str, likely: Region | None = None) -> bool:
            asked.append(seller_id)
            return never_known(seller_id, likely)

        assert self.removed(aws, table, gone) is False
        assert asked == ["A3TH9S8BH6GOGM"]
        assert (table.items, "Publish" in aws.operations) == ([], False)
        assert [line["message"] for line in log_lines()] == [
            "report not delivered",
            "no message: the seller was removed",
        ]

    def test_a_failure_of_a_report_with_a_record_is_announced(self, aws: Aws, table: MemoryTable) -> None:
        """The removal of its seller, which deletes the record, has not ended."""
        table.items = [{"ReportId": "54517018502", "SellerId": "A3TH9S8BH6GOGM", "CreatedTime": "2026-11-21"}]
        assert self.removed(aws, table, never_known) is True
        assert aws.operations.count("Publish") == 1

    def test_nothing_is_sent_or_recorded_about_a_seller_who_is_removed_meanwhile(
        self, aws: Aws, table: MemoryTable, log_lines: Callable[[], list[dict[str, Any]]]
    ) -> None:
        answers = iter([True, False])
        assert self.removed(aws, table, lambda _seller_id, _likely=None: next(answers)) is False
        line = log_lines()[-1]
        assert (line["message"], line["reason"]) == (
            "no message: the seller was removed",
            "report 54517018502 of seller A3TH9S8BH6GOGM was deleted",
        )
        assert [item for item in table.items if item.get("SellerId") == "A3TH9S8BH6GOGM"] == []
        assert "Publish" not in aws.operations

    def test_a_report_without_a_record_of_a_seller_who_is_there_is_announced(
        self, aws: Aws, table: MemoryTable
    ) -> None:
        """A schedule's report, whose retrieval failed."""
        assert self.removed(aws, table, always_known)
        assert aws.operations.count("Publish") == 1

    def test_a_record_that_is_deleted_while_the_message_is_sent_stays_deleted(
        self, aws: Aws, table: MemoryTable, announce: Callable[[FailedDelivery], object]
    ) -> None:
        def published(_: Mapping[str, Any]) -> Mapping[str, Any]:
            table.items = []
            return {"MessageId": "message-1"}

        aws.answers["Publish"] = published
        announce(failure(status="FAILED", input=GIVEN, error="NotFoundError"))
        assert table.items == []
