"""Reading notifications, naming executions and finding owners."""

import json
import re
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quickstart.notifications.ownership import Owner
from quickstart.notifications.processing import (
    FinishedReport,
    UnreadableNotificationError,
    execution_name,
    read_finished_report,
    read_notification,
    start_delivery,
)
from sp_api.regions import Region
from tests.unit.quickstart.support import Aws, AwsError


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


def test_numbers_are_read_as_ids() -> None:
    sent = notification(notificationMetadata={"subscriptionId": 12, "notificationId": 34})
    fields = sent["payload"]["reportProcessingFinishedNotification"]
    fields.update(reportId=54517018502, accountId=7)
    read = read_notification(json.dumps(sent))
    assert (read.subscription_id, read.notification_id) == ("12", "34")
    report = read_finished_report(read)
    assert (report.report_id, report.account_id) == ("54517018502", "7")


@pytest.mark.parametrize("account_id", [None, "", {}, True])
def test_an_account_is_not_needed(account_id: object) -> None:
    sent = notification()
    sent["payload"]["reportProcessingFinishedNotification"]["accountId"] = account_id
    report = read_finished_report(read_notification(json.dumps(sent)))
    assert (report.seller_id, report.account_id) == ("A3TH9S8BH6GOGM", None)


def test_metadata_is_not_needed() -> None:
    read = read_notification(json.dumps(notification(notificationMetadata=None)))
    assert (read.subscription_id, read.notification_id) == ("", "")
    assert read_finished_report(read).report_id == "54517018502"


@pytest.mark.parametrize("report_id", [None, "", 1.5, True, ["1"], 10**256, -(10**256)])
def test_a_report_is_needed(report_id: object) -> None:
    sent = notification()
    sent["payload"]["reportProcessingFinishedNotification"]["reportId"] = report_id
    with pytest.raises(
        UnreadableNotificationError, match=r"^reportId is missing or neither a string nor a whole number$"
    ):
        read_finished_report(read_notification(json.dumps(sent)))


@pytest.mark.parametrize("report_id", ["x" * 256, 10**256 - 1, -1, 0])
def test_an_id_is_as_long_as_a_table_can_have(report_id: object) -> None:
    sent = notification(notificationType="REPORT_PROCESSING_FINISHED", notificationMetadata=[])
    sent["payload"]["reportProcessingFinishedNotification"]["reportId"] = report_id
    assert read_finished_report(read_notification(json.dumps(sent))).report_id == str(report_id)


NO_STORED_TEXT = "is longer than 256 characters or not valid Unicode"


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("not JSON, Atzr|secret", "the message is not JSON"),
        ("[]", "the message is not a JSON object"),
        ("[" * 100_000, "the message is not JSON"),
        (json.dumps(notification(notificationType=None)), "notificationType is missing or not a string"),
        (json.dumps(notification(notificationType="x" * 257)), f"notificationType {NO_STORED_TEXT}"),
        (json.dumps(notification(notificationType="\ud800")), f"notificationType {NO_STORED_TEXT}"),
        (json.dumps(notification(notificationType="Atzr|secret")), "notificationType seems to be a token or a secret"),
        (json.dumps(notification(payload="x")), "payload is missing or not an object"),
        (
            json.dumps(notification(payload={})),
            "reportProcessingFinishedNotification is missing or not an object",
        ),
        (
            json.dumps(notification(notificationType="ORDER_CHANGE")),
            "notifications of type ORDER_CHANGE are not supported",
        ),
    ],
)
def test_a_message_that_can_never_be_processed_is_unreadable(body: str, reason: str) -> None:
    with pytest.raises(UnreadableNotificationError) as caught:
        read_finished_report(read_notification(body))
    assert str(caught.value) == reason


@given(st.text() | st.recursive(st.none() | st.text(), lambda inner: st.dictionaries(st.text(), inner)).map(json.dumps))
def test_no_message_breaks_the_reader(body: str) -> None:
    with pytest.raises(UnreadableNotificationError):
        read_finished_report(read_notification(body))


class TestStart:
    MACHINE = "arn:aws:states:us-east-1:111122223333:stateMachine:ReportProcessor"
    OWNER = Owner("A3TH9S8BH6GOGM", Region.NA, asked_for_here=True)

    def start(self, aws: Aws, existing: dict[str, str], report: FinishedReport | None = None) -> str | None:
        """`existing` has the inputs of the executions that exist, by name; like AWS, they are started once."""

        def start(given: Any) -> dict[str, Any]:
            if given["name"] in existing:
                raise AwsError("ExecutionAlreadyExists")
            existing[given["name"]] = given["input"]
            return {"executionArn": "arn", "startDate": datetime.now(UTC)}

        def describe(given: Any) -> dict[str, Any]:
            machine, name = given["executionArn"].rsplit(":", 1)
            assert machine == self.MACHINE.replace("stateMachine", "execution")
            return {"input": existing[name]}

        aws.answers |= {"StartExecution": start, "DescribeExecution": describe}
        return start_delivery(
            aws.client("stepfunctions"),
            self.MACHINE,
            report or finished(self.OWNER.seller_id, "", "7"),
            self.OWNER,
        )

    def test_a_copy_of_the_notification_starts_nothing(self, aws: Aws) -> None:
        existing: dict[str, str] = {}
        assert self.start(aws, existing) == "A3TH9S8BH6GOGM-7-DONE"
        assert self.start(aws, existing) is None
        assert list(existing) == ["A3TH9S8BH6GOGM-7-DONE"]

    def test_a_copy_that_finds_another_region_starts_nothing(self, aws: Aws) -> None:
        taken = {"A3TH9S8BH6GOGM-7-DONE": json.dumps(self.delivery(RegionCode="EU", AskedForHere=False))}
        assert self.start(aws, taken) is None

    @pytest.mark.parametrize(
        "given_input",
        ["{}", "[]", "not JSON", '{"SellerId": "A3TH9S8BH6GOGM", "ReportId": "8", "ProcessingStatus": "DONE"}'],
    )
    def test_a_name_that_something_else_has_does_not_prevent_the_delivery(self, aws: Aws, given_input: str) -> None:
        existing = {"A3TH9S8BH6GOGM-7-DONE": given_input}
        name = self.start(aws, existing)
        assert name is not None
        assert re.fullmatch("A3TH9S8BH6GOGM-7-DONE-[0-9a-f]{16}", name)
        assert json.loads(existing[name]) == self.delivery()
        # A copy of the notification finds both.
        assert self.start(aws, existing) is None

    def test_the_other_name_is_no_longer_than_step_functions_allows(self, aws: Aws) -> None:
        report = finished(self.OWNER.seller_id, "", "7" * 60)
        taken = f"A3TH9S8BH6GOGM-{'7' * 60}-DONE"
        assert (len(taken), execution_name(report, self.OWNER)) == (80, taken)
        name = self.start(aws, {taken: "{}"}, report)
        assert re.fullmatch(f"{taken[:63]}-[0-9a-f]{{16}}", name or "")
        longer = execution_name(finished(self.OWNER.seller_id, "", "7" * 61), self.OWNER)
        assert re.fullmatch("A3TH9S8BH6GOGM-7+-[0-9a-f]{16}", longer)
        assert len(longer) == 80

    def delivery(self, **changed: Any) -> dict[str, Any]:
        return {
            "SellerId": "A3TH9S8BH6GOGM",
            "RegionCode": "NA",
            "ReportId": "7",
            "ReportType": "GET_X",
            "ProcessingStatus": "DONE",
            "AskedForHere": True,
        } | changed


def test_a_deeply_nested_message_is_unreadable() -> None:
    with pytest.raises(UnreadableNotificationError, match="not JSON"):
        read_notification("[" * 200_000)


OWNER = Owner("A1", Region.NA, asked_for_here=True)


def finished(
    seller_id: str | None, account_id: str | None, report_id: str = "1", status: str = "DONE"
) -> FinishedReport:
    return FinishedReport(seller_id, account_id, report_id, "GET_X", status)


@given(st.none() | st.text(min_size=1), st.text(min_size=1), st.text(min_size=1), st.text(min_size=1))
def test_an_execution_name_is_one_that_step_functions_takes(
    seller_id: str | None, account_id: str, report_id: str, status: str
) -> None:
    name = execution_name(finished(seller_id, account_id, report_id, status), OWNER)
    assert re.fullmatch(r"[0-9A-Za-z_-]{1,80}", name)


def test_an_execution_name_tells_reports_apart_and_copies_not() -> None:
    seller = finished("A3TH9S8BH6GOGM", "amzn1.merchant.o.A3TH9S8BH6GOGM", "54517018502")
    assert execution_name(seller, OWNER) == "A3TH9S8BH6GOGM-54517018502-DONE"
    assert execution_name(seller, OWNER) != execution_name(
        finished("A3TH9S8BH6GOGM", "", "54517018502", "FATAL"), OWNER
    )
    vendor = finished(None, "amzn1.vg.6213651", "54517018502")
    assert execution_name(finished(None, None), OWNER) == "A1-1-DONE"
    assert re.fullmatch("amzn1_vg_6213651-54517018502-DONE-[0-9a-f]{16}", execution_name(vendor, OWNER))
    other = finished(None, "amzn1_vg_6213651", "54517018502")
    assert execution_name(vendor, OWNER) != execution_name(other, OWNER)
    long = ["x" * 90 + end for end in "ab"]
    assert len({execution_name(finished(None, account), OWNER) for account in long}) == 2
    hyphens = [finished("A-1", "", "2"), finished("A", "", "1-2")]
    assert len({execution_name(report, OWNER) for report in hyphens}) == 2
