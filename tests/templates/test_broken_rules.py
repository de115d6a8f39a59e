"""Each rule of the templates finds the mistake that it is for: one is made in a copy, and the rule's test must fail."""

from collections.abc import Callable
from copy import deepcopy
from typing import Any

import pytest

from tests.templates import test_permissions as permissions
from tests.templates import test_resources as rules
from tests.templates.reading import Template
from tests.templates.test_resources import one

Templates = dict[str, Template]
Change = Callable[[Templates], Any]
Rule = Callable[[Templates], None]

QUEUE: dict[str, Any] = {
    "Type": "AWS::SQS::Queue",
    "DeletionPolicy": "Delete",
    "UpdateReplacePolicy": "Delete",
    "Properties": {"SqsManagedSseEnabled": True},
}
READ_ALL_TABLES = {"Effect": "Allow", "Action": "dynamodb:Scan", "Resource": "*"}


def properties(templates: Templates, name: str) -> dict[str, Any]:
    return one(templates, name).properties


def variables(templates: Templates, function: str) -> dict[str, Any]:
    found: dict[str, Any] = properties(templates, function)["Environment"]["Variables"]
    return found


def without_alarm(templates: Templates, queue: str) -> None:
    (alarm,) = rules.TestQueues.alarms(templates, queue)
    del templates[alarm.template]["Resources"][alarm.name]


def allow(templates: Templates, role: str, statement: dict[str, Any]) -> None:
    properties(templates, role)["Policies"][0]["PolicyDocument"]["Statement"].append(statement)


QUEUES = rules.TestQueues().test_every_queue_is_encrypted_and_has_a_dead_letter_queue_with_an_alarm
LOG_GROUPS = rules.TestFunctions().test_each_has_a_log_group_of_its_own_that_forgets
ENVIRONMENT = rules.TestFunctions().test_environment
SECRETS = rules.TestSecrets().test_a_secret_parameter_goes_into_a_secret_and_nowhere_else
NO_ECHO = rules.TestSecrets().test_every_secret_of_the_user_is_noecho_in_the_root_and_in_the_child
NAMES = rules.TestNames().test_two_stacks_fit_one_account
IAM_NAMES = rules.TestNames().test_only_the_two_capabilities_are_needed
STATE = rules.TestState().test_every_stateful_resource_says_what_becomes_of_it
GRANTS = permissions.test_a_function_may_do_what_its_task_needs_and_no_more
WILDCARDS = permissions.test_no_wildcard_but_those_that_aws_asks_for

MISTAKES: dict[str, tuple[Rule, Change]] = {
    "a queue without a dead-letter queue": (
        QUEUES,
        lambda t: properties(t, "OrdersQueue").pop("RedrivePolicy"),
    ),
    "another queue": (QUEUES, lambda t: t["reports"]["Resources"].update(Another=deepcopy(QUEUE))),
    "a dead-letter queue without an alarm": (QUEUES, lambda t: without_alarm(t, "OrdersDeadLetterQueue")),
    "a queue without encryption": (
        QUEUES,
        lambda t: properties(t, "OrdersQueue").update(SqsManagedSseEnabled=False),
    ),
    "two functions with one log group": (
        LOG_GROUPS,
        lambda t: properties(t, "SPAPIReportCreator").update(
            LoggingConfig=properties(t, "SPAPIReportReader")["LoggingConfig"]
        ),
    ),
    "a log group that keeps everything": (
        LOG_GROUPS,
        lambda t: properties(t, "SPAPIReportCreatorLogGroup").update(RetentionInDays=3653),
    ),
    "a secret in an environment": (
        SECRETS,
        lambda t: (
            variables(t, "SPAPITokenStorage").update(POWERTOOLS_LOG_LEVEL={"Ref": "ClientSecret"})
            or t["token-storage"]["Parameters"].update(ClientSecret={"Type": "String", "NoEcho": True})
        ),
    ),
    "another environment variable": (ENVIRONMENT, lambda t: variables(t, "SPAPITokenStorage").update(SECRET="x")),
    "a secret that the child shows": (
        NO_ECHO,
        lambda t: t["foundation"]["Parameters"]["ClientSecret"].pop("NoEcho"),
    ),
    "a secret that the root shows": (
        NO_ECHO,
        lambda t: t["quickstart"]["Parameters"]["ClientSecret"].pop("NoEcho"),
    ),
    "a fixed name": (NAMES, lambda t: properties(t, "ReportsTable").update(TableName="reports")),
    "a named role": (
        IAM_NAMES,
        lambda t: properties(t, "ReportReaderRole").update(RoleName={"Fn::Sub": "${AWS::StackName}-reader"}),
    ),
    "a table that is deleted with its stack": (
        STATE,
        lambda t: one(t, "ReportsTable").definition.update(DeletionPolicy="Delete"),
    ),
    "a nested stack that is kept": (
        STATE,
        lambda t: one(t, "Reports").definition.update(DeletionPolicy="Retain"),
    ),
    "another permission": (GRANTS, lambda t: allow(t, role(t), READ_ALL_TABLES)),
    "a permission for all tables": (WILDCARDS, lambda t: allow(t, role(t), READ_ALL_TABLES)),
}


def role(templates: Templates) -> str:
    return permissions.role_of(templates, "SPAPITokenStorage")


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_found(templates: Templates, mistake: str) -> None:
    rule, change = MISTAKES[mistake]
    rule(templates)
    broken = deepcopy(templates)
    change(broken)
    with pytest.raises(AssertionError):
        rule(broken)
