"""What the command prints."""

from dataclasses import replace

import pytest

from operations.destroy import words
from operations.destroy.arrangements import Failure, ReportSchedule, Subscription
from operations.destroy.remains import Contents, Remains
from operations.destroy.survey import Plan
from operations.destroy.target import Target
from tests.unit.operations.destroy.support import ENDPOINTS, FUNCTIONS, resource, target

BUS = resource("Foundation/NotificationEventBus", "AWS::Events::EventBus", "bus")
ENDPOINT_FUNCTIONS = tuple(resource(f"Nested/{name}", "AWS::Lambda::Function", name) for name in FUNCTIONS)
DATA = Plan(
    account="111122223333",
    sellers=2,
    remains=Remains(("reports",), ("x-SellingPartnersTable-1", "x-ReportsTable-1"), ("key-1",), ("secret-1",)),
    contents={"reports": Contents(1001, 1_234_567, 1)},
    items={"x-SellingPartnersTable-1": 5, "x-ReportsTable-1": 1},
    code="s3://bucket/prefix/",
)


@pytest.mark.parametrize("status", ["CREATE_COMPLETE", "REVIEW_IN_PROGRESS", "DELETE_IN_PROGRESS", "DELETE_FAILED"])
def test_a_stack_that_can_be_deleted_is_not_blocked(status: str) -> None:
    assert words.blocked_by_state(target(status=status)) == []
    assert words.blocked_by_rules(target(BUS), {}) == []


def test_a_changing_or_protected_stack_is_blocked() -> None:
    (line,) = words.blocked_by_state(target(status="UPDATE_IN_PROGRESS"))
    assert line == "The stack is UPDATE_IN_PROGRESS. Wait until this has ended, then try again."
    assert words.blocked_by_state(target(protected=True)) == [
        "Termination protection is enabled for the stack. To disable it, run:",
        "  aws cloudformation update-termination-protection --no-enable-termination-protection --stack-name "
        "quick-start --region us-east-1",
    ]


def test_rules_are_deleted_after_their_targets() -> None:
    lines = words.blocked_by_rules(target(BUS), {"own": ["one", "two"], "empty": []})
    assert lines == [
        "Your product has rules on the stack's event bus, and EventBridge does not delete an event bus that has rules.",
        "Delete them where they were created (such as your product's own stack), or run:",
        "  aws events remove-targets --rule own --ids one two --event-bus-name bus --region us-east-1",
        "  aws events delete-rule --name own --event-bus-name bus --region us-east-1",
        "  aws events delete-rule --name empty --event-bus-name bus --region us-east-1",
    ]


def test_the_summary_of_a_stack() -> None:
    schedules = [ReportSchedule("A1", "NA", f"{number}", "GET_X", "P1D") for number in range(7)]
    plan = Plan(
        account="111122223333",
        schedules=schedules,
        unknown=[Failure("report schedules of seller A2 in NA", "HTTP 400: no token")],
        user="user",
        access_keys=["AKIAEXAMPLEEXAMPLE00"],
        executions=["one", "two"],
        review_schedules=1,
        remains=Remains(("reports",), (), (), ()),
        contents={"reports": Contents(0, 1, 0)},
    )
    bucket = resource("Reports/ReportsBucket", "AWS::S3::Bucket", "reports")
    deleted = resource("Old", "AWS::Stack", "old", "DELETE_COMPLETE")
    printed = list(
        words.summary(target(*ENDPOINT_FUNCTIONS, bucket, deleted, outputs=ENDPOINTS), plan, keep_data=False)
    )
    assert printed[0] == "Stack quick-start in us-east-1, account 111122223333 (CREATE_COMPLETE)"
    assert printed[1:4] == [
        "\nDeleted at SP-API, where they would otherwise stay active",
        "  subscriptions     0 of 0 sellers",
        "  report schedules  7, of the report types in the Reports table",
    ]
    assert printed[4] == "    schedule 0 of seller A1 for GET_X every P1D in NA"
    assert printed[9:11] == ["    and 2 more", "  !! report schedules of seller A2 in NA: HTTP 400: no token"]
    assert printed[11:] == [
        "\nDeleted with the stack",
        "  resources           2",
        "  access keys         1 of user: your product loses its access",
        "  running executions  2, stopped first",
        "  review requests     for 1 order, not sent yet",
        "\nDeleted after the stack",
        "  bucket  reports: 0 object versions, 1 byte",
    ]


def test_the_summary_of_what_a_deleted_stack_left_behind() -> None:
    printed = list(words.summary(target(stack_id="", status=""), DATA, keep_data=True))
    assert printed == [
        "The stack quick-start in us-east-1, account 111122223333 is already deleted. It left these resources behind:",
        "\nWithout the stack, report schedules at SP-API cannot be looked up: see docs/clean-up.md.",
        "\nKept, because of KEEP_DATA",
        "  bucket  reports: 1,001 object versions, 1,234,567 bytes, 1 unfinished upload",
        "  table   x-SellingPartnersTable-1: 5 items of 2 sellers",
        "  table   x-ReportsTable-1: 1 item",
        "\nKept, because it cannot be recovered",
        "  secret  secret-1",
        "  key     key-1",
    ]


def test_what_is_kept_has_the_command_that_deletes_it() -> None:
    role = resource("Foundation/ApiGatewayLogsRole", "AWS::IAM::Role", "logs-role")
    assert list(words.closing(target(role), DATA, keep_data=True)) == [
        "\nThe data is kept, as requested. To delete it, run the same command without KEEP_DATA:",
        "  make destroy STACK=quick-start REGION=us-east-1",
        "  bucket  reports",
        "  table   x-SellingPartnersTable-1",
        "  table   x-ReportsTable-1",
        "\nThe application's credentials are kept, because Amazon shows a rotated client secret only once. When",
        "you have a copy, or do not need them any more:",
        "  aws secretsmanager delete-secret --recovery-window-in-days 30 --secret-id secret-1 --region us-east-1",
        "\nThe keys are kept. DynamoDB keeps a backup of a deleted table for 35 days, and the tokens in it cannot",
        "be decrypted without them. A deleted key cannot be restored. Until deletion, each costs 1 USD a month:",
        "  aws kms schedule-key-deletion --pending-window-in-days 30 --key-id key-1 --region us-east-1",
        "\nThe role with which API Gateway writes access logs is kept, because it is set for the whole account",
        "and region, and other APIs may use it. When no API writes logs any more:",
        "  aws iam delete-role-policy --role-name logs-role --policy-name WriteLogs",
        "  aws iam delete-role --role-name logs-role",
        "\nThe published templates and code are kept, because other stacks may use them. If no other stack does:",
        "  aws s3 rm --recursive s3://bucket/prefix/ --region us-east-1",
    ]
    assert list(words.closing(target(), Plan(), keep_data=False)) == []


def test_what_was_registered_at_amazon_is_named() -> None:
    queue = resource("SecretRotation/SecretQueue", "AWS::SQS::Queue", "queue")
    api = resource("Authorization/AuthorizationRestApi", "AWS::ApiGateway::RestApi", "api")
    for found, line in (
        ((queue,), "  the queue under Notification Preferences"),
        ((api,), "  the OAuth redirect URI and log-in URI"),
        ((queue, api), "  the queue under Notification Preferences, the OAuth redirect URI and log-in URI"),
    ):
        shown = list(words.closing(target(*found), Plan(), keep_data=False))
        assert shown == [
            "\nIf you registered them for this stack, remove these from your application in the developer console:",
            line,
        ]


def test_failures_name_their_reasons_and_the_command_to_retry() -> None:
    assert list(words.failures(target(), [("Foundation/Bus", "it has rules"), ("Role", "it has policies")])) == [
        "CloudFormation could not delete these resources:",
        "  Foundation/Bus: it has rules",
        "  Role: it has policies",
        "Fix the cause of each, then run the command again: make destroy STACK=quick-start REGION=us-east-1",
        "No data has been deleted yet.",
    ]


WITH_ENDPOINTS = target(*ENDPOINT_FUNCTIONS, outputs=ENDPOINTS)
WITHOUT_ENDPOINTS = target()
GONE = target(stack_id="", status="")
SUBSCRIBED = Plan(subscriptions=[Subscription("A1", "NA", "REPORT_PROCESSING_FINISHED", "s-1", "d-1", "item")])
TABLES = Plan(remains=Remains((), ("x-ReportsTable-1",), (), ()), items={"x-ReportsTable-1": 3})
AT_SP_API = "Deleted at SP-API, where they would otherwise stay active"
WITHOUT_A_STACK = "Without the stack, report schedules at SP-API cannot be looked up: see docs/clean-up.md."
WITH_THE_STACK = "Deleted with the stack"
AFTER_THE_STACK = "Deleted after the stack"
KEPT = "Kept, because it cannot be recovered"


@pytest.mark.parametrize(
    ("found", "plan", "headings"),
    [
        (WITH_ENDPOINTS, Plan(), [WITH_THE_STACK]),
        (WITH_ENDPOINTS, SUBSCRIBED, [AT_SP_API, WITH_THE_STACK]),
        (
            WITH_ENDPOINTS,
            Plan(schedules=[ReportSchedule("A1", "NA", "1", "GET_X", "P1D")]),
            [AT_SP_API, WITH_THE_STACK],
        ),
        (WITH_ENDPOINTS, Plan(unknown=[Failure("schedules of A2", "HTTP 400")]), [AT_SP_API, WITH_THE_STACK]),
        (WITH_ENDPOINTS, TABLES, [WITH_THE_STACK, AFTER_THE_STACK]),
        (WITHOUT_ENDPOINTS, TABLES, [WITHOUT_A_STACK, WITH_THE_STACK, AFTER_THE_STACK]),
        (WITHOUT_ENDPOINTS, Plan(), [WITH_THE_STACK]),
        (GONE, TABLES, [WITHOUT_A_STACK, AFTER_THE_STACK]),
        (GONE, Plan(remains=Remains(("reports",), (), (), ())), [AFTER_THE_STACK]),
        (GONE, Plan(remains=Remains((), (), ("key-1",), ())), [KEPT]),
        (GONE, Plan(remains=Remains((), (), (), ("secret-1",))), [KEPT]),
        (GONE, Plan(), []),
    ],
)
def test_each_part_of_the_summary_is_shown_for_the_stacks_that_it_is_about(
    found: Target, plan: Plan, headings: list[str]
) -> None:
    lines = words.summary(found, plan, keep_data=False)
    assert [line.removeprefix("\n") for line in lines if line.startswith("\n")] == headings


def test_a_summary_names_nothing_that_is_not_there() -> None:
    assert list(words.summary(WITH_ENDPOINTS, Plan(), keep_data=False))[2:] == ["  resources  2"]


def test_report_schedules_are_not_counted_where_they_cannot_be_looked_up() -> None:
    counted = "\n".join(words.summary(WITHOUT_ENDPOINTS, SUBSCRIBED, keep_data=False))
    assert "  subscriptions  1 of 1 seller\n" in counted
    assert "report schedules" not in counted


def test_sellers_are_counted_only_where_they_are_known() -> None:
    plan = Plan(remains=Remains((), ("x-SellingPartnersTable-1",), (), ()), items={"x-SellingPartnersTable-1": 5})
    assert list(words.summary(GONE, plan, keep_data=False))[-1] == "  table  x-SellingPartnersTable-1: 5 items"


@pytest.mark.parametrize(
    ("found", "executions", "shown"), [(GONE, ["one"], 1), (GONE, [], 0), (WITH_ENDPOINTS, ["one"], 0)]
)
def test_executions_of_stranded_stacks_are_named_with_them_when_the_stack_is_gone(
    found: Target, executions: list[str], shown: int
) -> None:
    nested = "arn:aws:cloudformation:us-east-1:111122223333:stack/quick-start-Solicitations/2"
    printed = list(words.summary(replace(found, stranded=(nested,)), Plan(executions=executions), keep_data=False))
    assert printed[1:3] == [
        "\nDeleted first: nested stacks that CloudFormation could not delete before",
        "  quick-start-Solicitations",
    ]
    assert printed.count("  running executions: 1, stopped first") == shown
    assert sum(line.startswith("  running executions: ") for line in printed) == shown
