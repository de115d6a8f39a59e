"""Who may do what: every grant of the templates, written down a second time."""

import re

import pytest

from tests.templates.reading import Resource, Template, listed, rendered, resources, statements
from tests.templates.test_resources import METHODS, one

Templates = dict[str, Template]

TABLES = "arn:${AWS::Partition}:dynamodb:${AWS::Region}:${AWS::AccountId}:table/"
APIS = "arn:${AWS::Partition}:execute-api:${AWS::Region}:${AWS::AccountId}:"
OWN_ACCOUNT = "arn:${AWS::Partition}:iam::${AWS::AccountId}:root"
HOST_ACCOUNT = rendered(
    {
        "Fn::Sub": [
            "arn:${AWS::Partition}:iam::${HostAccountId}:root",
            {"HostAccountId": {"Fn::Select": [4, {"Fn::Split": [":", {"Fn::Sub": "${HostPrincipalArn}:-:-:-:-"}]}]}},
        ]
    }
)
HOST_OR_USER = [{"Ref": "HostPrincipalArn"}, {"Fn::GetAtt": ["ApiGatewayInvokeUser", "Arn"]}]
SP_API_ACCOUNT = "arn:${AWS::Partition}:iam::437568002678:root"

EXECUTIONS = "arn:${AWS::Partition}:states:${AWS::Region}:${AWS::AccountId}:execution:${ReportProcessor.Name}:*"
SELLERS = f"{TABLES}${{SellingPartnersTableName}}"
ORDERS = f"{TABLES}${{SolicitationsTableName}}"
WITH_REVIEWS = " if RequestsReviews else AWS::NoValue"
BUS = "arn:${AWS::Partition}:events:${AWS::Region}:${AWS::AccountId}:event-bus/${NotificationEventBusName}"
BUCKET = "arn:${AWS::Partition}:s3:::${ReportsBucketName}"
SECRETS = {
    ("secretsmanager:GetSecretValue", "ApplicationSecretArn"),
    ("secretsmanager:GetSecretValue", "SigningSecretArn if SignsRequests else AWS::NoValue"),
}
DECRYPT = ("kms:Decrypt", "TokenKeyArn")

# AWS offers nothing narrower than a group for schedules that are yet to be made.
SCHEDULES = "arn:${AWS::Partition}:scheduler:${AWS::Region}:${AWS::AccountId}:schedule/${SolicitationScheduleGroup}/*"
SOLICITATION_STEP = {
    DECRYPT,
    ("dynamodb:GetItem", SELLERS),
    ("dynamodb:GetItem", "SolicitationsTable.Arn"),
    ("dynamodb:PutItem", "SolicitationsTable.Arn"),
    *SECRETS,
}

FUNCTION_GRANTS = {
    "SPAPITokenStorage": {("kms:Encrypt", "TokenKeyArn"), ("dynamodb:PutItem", SELLERS)},
    "SPAPISellerRemoval": {
        ("dynamodb:Query", SELLERS),
        ("dynamodb:DeleteItem", SELLERS),
        ("dynamodb:Query", f"{TABLES}${{ReportsTableName}}/index/SellerIdCreatedTimeIndex"),
        ("dynamodb:DeleteItem", f"{TABLES}${{ReportsTableName}}"),
        ("dynamodb:Query", f"{ORDERS}/index/SellerIdDueTimeIndex{WITH_REVIEWS}"),
        ("dynamodb:DeleteItem", f"{ORDERS}{WITH_REVIEWS}"),
        ("s3:ListBucketVersions", BUCKET),
        ("s3:DeleteObject", f"{BUCKET}/*"),
        ("s3:DeleteObjectVersion", f"{BUCKET}/*"),
        *SECRETS,
    },
    "SPAPINotificationsSubscriber": {
        DECRYPT,
        ("dynamodb:GetItem", SELLERS),
        ("dynamodb:PutItem", SELLERS),
        ("dynamodb:Query", SELLERS),
        ("dynamodb:DeleteItem", SELLERS),
        *SECRETS,
    },
    "SPAPIReportCreator": {
        DECRYPT,
        ("dynamodb:GetItem", SELLERS),
        ("dynamodb:GetItem", "ReportsTable.Arn"),
        ("dynamodb:PutItem", "ReportsTable.Arn"),
        ("dynamodb:UpdateItem", "ReportsTable.Arn"),
        *SECRETS,
    },
    "SPAPIReportSchedules": {DECRYPT, ("dynamodb:GetItem", SELLERS), *SECRETS},
    "SPAPIReportReader": {
        ("dynamodb:GetItem", "ReportsTable.Arn"),
        ("dynamodb:Query", "${ReportsTable.Arn}/index/SellerIdCreatedTimeIndex"),
        ("sts:AssumeRole", "ReportReaderRole.Arn"),
    },
    "SPAPINotificationProcessor": {
        ("sqs:ReceiveMessage", "NotificationsQueue.Arn"),
        ("sqs:DeleteMessage", "NotificationsQueue.Arn"),
        ("sqs:GetQueueAttributes", "NotificationsQueue.Arn"),
        ("sqs:ChangeMessageVisibility", "NotificationsQueue.Arn"),
        ("sqs:SendMessage", "NotificationsDeadLetterQueue.Arn"),
        ("events:PutEvents", BUS),
        ("kms:Decrypt", "NotificationsKey.Arn"),
        ("kms:GenerateDataKey", "NotificationsKey.Arn"),
        ("dynamodb:Query", f"{TABLES}${{ReportsTableName}}"),
        ("dynamodb:Query", SELLERS),
        ("dynamodb:Query", f"{SELLERS}/index/SubscriptionIdIndex"),
        ("states:StartExecution", "ReportProcessorArn"),
    },
    "SPAPIReportDocumentRetrieval": {
        DECRYPT,
        ("dynamodb:GetItem", SELLERS),
        ("dynamodb:GetItem", "ReportsTable.Arn"),
        ("dynamodb:UpdateItem", "ReportsTable.Arn"),
        *SECRETS,
    },
    "SPAPIReportDocumentStorage": {
        ("s3:PutObject", "${ReportsBucket.Arn}/*"),
        ("s3:GetObject", "${ReportsBucket.Arn}/*"),
        ("s3:PutObjectTagging", "${ReportsBucket.Arn}/*"),
        ("s3:AbortMultipartUpload", "${ReportsBucket.Arn}/*"),
        ("s3:ListBucket", "ReportsBucket.Arn"),
        ("dynamodb:GetItem", "ReportsTable.Arn"),
        ("dynamodb:UpdateItem", "ReportsTable.Arn"),
    },
    "SPAPIReportPresignedUrlGenerator": {
        ("sns:Publish", "ReportTopic"),
        ("dynamodb:GetItem", "ReportsTable.Arn"),
        ("dynamodb:UpdateItem", "ReportsTable.Arn"),
        ("sts:AssumeRole", "ReportReaderRole.Arn"),
    },
    "SPAPIReportFailureNotifier": {
        ("states:DescribeExecution", EXECUTIONS),
        ("sns:Publish", "ReportTopic"),
        ("dynamodb:GetItem", "ReportsTable.Arn"),
        ("dynamodb:UpdateItem", "ReportsTable.Arn"),
        ("sqs:SendMessage", "ReportFailuresDeadLetterQueue.Arn"),
    },
    "SPAPISolicitationScheduler": {
        ("events:PutEvents", BUS),
        ("sqs:SendMessage", "OrdersDeadLetterQueue.Arn"),
        ("dynamodb:Query", SELLERS),
        ("dynamodb:Query", f"{SELLERS}/index/SubscriptionIdIndex"),
        ("sqs:ReceiveMessage", "OrdersQueue.Arn"),
        ("sqs:DeleteMessage", "OrdersQueue.Arn"),
        ("sqs:GetQueueAttributes", "OrdersQueue.Arn"),
        ("sqs:ChangeMessageVisibility", "OrdersQueue.Arn"),
        ("dynamodb:GetItem", "SolicitationsTable.Arn"),
        ("dynamodb:PutItem", "SolicitationsTable.Arn"),
        ("scheduler:CreateSchedule", SCHEDULES),
        ("scheduler:DeleteSchedule", SCHEDULES),
        ("scheduler:UpdateSchedule", SCHEDULES),
        ("iam:PassRole", "SolicitationScheduleRole.Arn"),
        ("states:StartExecution", "Solicitation"),
    },
    "SPAPIGetSolicitationActions": SOLICITATION_STEP,
    "SPAPISubmitSolicitation": SOLICITATION_STEP,
}

STATE_MACHINES = ["ReportProcessor", "Solicitation"]

# Log deliveries have no ARN.
LOG_DELIVERY = {
    "logs:CreateLogDelivery",
    "logs:DeleteLogDelivery",
    "logs:DescribeLogGroups",
    "logs:DescribeResourcePolicies",
    "logs:GetLogDelivery",
    "logs:ListLogDeliveries",
    "logs:PutResourcePolicy",
    "logs:UpdateLogDelivery",
}


def grants(resource: Resource) -> set[tuple[str, str]]:
    """Every pair of action and resource that a role or policy allows; both may be one value or a list."""
    found = set()
    for statement in statements(resource):
        assert statement["Effect"] == "Allow"
        for action in listed(statement["Action"]):
            found |= {(action, rendered(target)) for target in listed(statement["Resource"])}
    return found


def role_of(templates: Templates, function: str) -> str:
    return rendered(one(templates, function).properties["Role"]).removesuffix(".Arn")


def test_a_function_may_do_what_its_task_needs_and_no_more(templates: Templates) -> None:
    policies = resources(templates, "AWS::IAM::Policy")
    for function, expected in FUNCTION_GRANTS.items():
        role = one(templates, role_of(templates, function))
        group = rendered(one(templates, function).properties["LoggingConfig"]["LogGroup"])
        own_log = {("logs:CreateLogStream", f"{group}.Arn"), ("logs:PutLogEvents", f"{group}.Arn")}
        found = grants(role)
        for policy in policies:
            if role.name in [rendered(name) for name in policy.properties.get("Roles", [])]:
                found |= grants(policy)
        assert found == expected | own_log, function


def test_the_grants_are_all_the_roles_there_are(templates: Templates) -> None:
    known = {role_of(templates, function) for function in FUNCTION_GRANTS}
    others = {
        "ReportProcessorRole",
        "ReportReaderRole",
        "SolicitationRole",
        "SolicitationScheduleRole",
        "ApiGatewayInvokeRole",
    }
    assert {role.name for role in resources(templates, "AWS::IAM::Role")} == known | others
    assert len(known) == len(FUNCTION_GRANTS)
    for role in resources(templates, "AWS::IAM::Role"):
        assert "ManagedPolicyArns" not in role.properties, role


def invoked(api: str, method: str, path: str) -> str:
    """The ARN of a method as a policy names it: whatever fills a field of its path."""
    return f"{APIS}${{{api}Id}}/prod/{method.upper()}{re.sub(r'{[^}]+}', '*', path)}"


def test_no_wildcard_but_those_that_aws_asks_for(templates: Templates) -> None:
    for resource in resources(templates, "AWS::IAM::Role", "AWS::IAM::Policy"):
        for action, target in grants(resource):
            assert "*" not in action, resource
            if "*" in target:
                stated = (
                    target in ("${ReportsBucket.Arn}/*", f"{BUCKET}/*", EXECUTIONS, SCHEDULES)
                    or target in {invoked(*method) for method in METHODS}
                    or (target == "*" and action in LOG_DELIVERY)
                )
                assert stated, (str(resource), action, target)


@pytest.mark.parametrize("name", STATE_MACHINES)
def test_a_state_machine_invokes_its_functions_and_nothing_else(templates: Templates, name: str) -> None:
    machine = one(templates, name)
    assert machine.properties["StateMachineType"] == "STANDARD"
    functions = {rendered(arn) for arn in machine.properties["DefinitionSubstitutions"].values()}
    assert {f"{name}Arn": f"{name}.Arn" for name in FUNCTION_GRANTS if f"{name}.Arn" in functions} == {
        name: rendered(arn) for name, arn in machine.properties["DefinitionSubstitutions"].items()
    }
    assert rendered(machine.properties["RoleArn"]) == f"{name}Role.Arn"
    expected = {("lambda:InvokeFunction", arn) for arn in functions} | {(action, "*") for action in LOG_DELIVERY}
    assert grants(one(templates, f"{name}Role")) == expected


@pytest.mark.parametrize("name", STATE_MACHINES)
def test_a_state_machine_logs_no_data(templates: Templates, name: str) -> None:
    logging = one(templates, name).properties["LoggingConfiguration"]
    assert (logging["Level"], logging["IncludeExecutionData"]) == ("ERROR", False)
    (destination,) = logging["Destinations"]
    assert rendered(destination["CloudWatchLogsLogGroup"]["LogGroupArn"]) == f"{name}LogGroup.Arn"


def test_a_schedule_starts_the_state_machine_and_nothing_else(templates: Templates) -> None:
    assert grants(one(templates, "SolicitationScheduleRole")) == {
        ("states:StartExecution", "Solicitation"),
        ("sqs:SendMessage", "SolicitationScheduleDeadLetterQueue.Arn"),
    }


def test_a_role_is_passed_to_the_scheduler_alone(templates: Templates) -> None:
    passing = [
        statement
        for role in resources(templates, "AWS::IAM::Role")
        for statement in statements(role)
        if "iam:PassRole" in listed(statement["Action"])
    ]
    assert [statement["Condition"] for statement in passing] == [
        {"StringEquals": {"iam:PassedToService": "scheduler.amazonaws.com"}}
    ]


def test_the_host_product_may_call_every_method_and_nothing_else(templates: Templates) -> None:
    expected = {("execute-api:Invoke", invoked(*method)) for method in METHODS}
    assert grants(one(templates, "ApiGatewayInvokeRole")) == expected
    parameters = one(templates, "Access").properties["Parameters"]
    for name in {f"{api}Id" for api, _, _ in METHODS}:
        assert rendered(parameters[name]).endswith(f".Outputs.{name}")


def test_every_role_and_user_has_the_boundary_if_there_is_one(templates: Templates) -> None:
    limited = resources(templates, "AWS::IAM::Role", "AWS::IAM::User")
    assert {"ApiGatewayInvokeUser", "ReportProcessorRole", "SolicitationScheduleRole"} <= {r.name for r in limited}
    for resource in limited:
        boundary = rendered(resource.properties["PermissionsBoundary"])
        assert boundary == "PermissionsBoundaryArn if HasPermissionsBoundary else AWS::NoValue", resource
        given = {"Fn::Not": [{"Fn::Equals": [{"Ref": "PermissionsBoundaryArn"}, ""]}]}
        assert templates[resource.template]["Conditions"]["HasPermissionsBoundary"] == given, resource
    for child in resources(templates, "AWS::CloudFormation::Stack"):
        if "PermissionsBoundaryArn" in child.properties["Parameters"]:
            assert child.properties["Parameters"]["PermissionsBoundaryArn"] == {"Ref": "PermissionsBoundaryArn"}, child


def test_the_invoke_user_may_assume_the_invoke_role_and_nothing_else(templates: Templates) -> None:
    (user,) = resources(templates, "AWS::IAM::User")
    assert set(user.properties) == {"PermissionsBoundary"}
    (policy,) = [policy for policy in resources(templates, "AWS::IAM::Policy") if "Users" in policy.properties]
    assert [rendered(name) for name in policy.properties["Users"]] == [user.name]
    assert grants(policy) == {("sts:AssumeRole", "ApiGatewayInvokeRole.Arn")}
    assert (user.definition["Condition"], policy.definition["Condition"]) == ("HasInvokeUser", "HasInvokeUser")


def trust(resource: Resource) -> dict[str, object]:
    (statement,) = resource.properties["AssumeRolePolicyDocument"]["Statement"]
    assert (statement["Effect"], statement["Action"]) == ("Allow", "sts:AssumeRole")
    ((kind, principals),) = statement["Principal"].items()
    return {
        "principal": (kind, *(rendered(principal) for principal in listed(principals))),
        "condition": statement.get("Condition", {}),
    }


def test_whom_each_role_trusts(templates: Templates) -> None:
    found = {role.name: trust(role) for role in resources(templates, "AWS::IAM::Role")}
    for function in FUNCTION_GRANTS:
        service = {"principal": ("Service", "lambda.amazonaws.com"), "condition": {}}
        assert found.pop(role_of(templates, function)) == service, function
    own_account = {"StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}}
    for name in STATE_MACHINES:
        service = {"principal": ("Service", "states.amazonaws.com"), "condition": own_account}
        assert found.pop(f"{name}Role") == service, name
    assert found == {
        "SolicitationScheduleRole": {
            "principal": ("Service", "scheduler.amazonaws.com"),
            "condition": own_account,
        },
        "ReportReaderRole": {
            "principal": (
                "AWS",
                f"{role_of(templates, 'SPAPIReportPresignedUrlGenerator')}.Arn",
                f"{role_of(templates, 'SPAPIReportReader')}.Arn",
            ),
            "condition": {},
        },
        "ApiGatewayInvokeRole": {
            "principal": ("AWS", f"{HOST_ACCOUNT} if HasHostPrincipal else {OWN_ACCOUNT}"),
            "condition": {"ArnEquals": {"aws:PrincipalArn": {"Fn::If": ["HasHostPrincipal", *HOST_OR_USER]}}},
        },
    }


def test_the_reader_role_reads_reports_for_an_hour(templates: Templates) -> None:
    role = one(templates, "ReportReaderRole")
    assert grants(role) == {("s3:GetObject", "${ReportsBucket.Arn}/*")}
    assert role.properties["MaxSessionDuration"] == 3600


def test_only_sp_api_sends_and_only_over_tls(templates: Templates) -> None:
    queues = {queue.name for queue in resources(templates, "AWS::SQS::Queue")}
    allowed = {}
    for policy in resources(templates, "AWS::SQS::QueuePolicy"):
        (queue,) = [rendered(name) for name in policy.properties["Queues"]]
        queues.remove(queue)
        denied = []
        for statement in policy.properties["PolicyDocument"]["Statement"]:
            assert rendered(statement["Resource"]) == f"{queue}.Arn"
            if statement["Effect"] == "Allow":
                ((_, principal),) = statement["Principal"].items()
                condition = rendered(statement.get("Condition", {}).get("ArnEquals", {}).get("aws:SourceArn", ""))
                allowed[queue] = (rendered(principal), set(listed(statement["Action"])), condition)
            else:
                denied.append((statement["Principal"], statement["Action"], statement["Condition"]))
        assert denied == [("*", "sqs:*", {"Bool": {"aws:SecureTransport": "false"}})], queue
    assert not queues, "a queue without a policy"
    sp_api = (SP_API_ACCOUNT, {"sqs:SendMessage", "sqs:GetQueueAttributes"}, "")
    assert allowed == {
        "NotificationsQueue": sp_api,
        "OrdersQueue": sp_api,
        "ReportFailuresDeadLetterQueue": ("events.amazonaws.com", {"sqs:SendMessage"}, "ReportFailureRule.Arn"),
    }


def test_the_bucket_answers_over_tls_only(templates: Templates) -> None:
    (policy,) = resources(templates, "AWS::S3::BucketPolicy")
    assert rendered(policy.properties["Bucket"]) == "ReportsBucket"
    (statement,) = policy.properties["PolicyDocument"]["Statement"]
    assert (statement["Effect"], statement["Principal"], statement["Action"]) == ("Deny", "*", "s3:*")
    assert {rendered(target) for target in statement["Resource"]} == {"ReportsBucket.Arn", "${ReportsBucket.Arn}/*"}
    assert statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}


def test_who_may_use_the_keys(templates: Templates) -> None:
    account = (OWN_ACCOUNT, {"kms:*"})
    found = {
        key.name: [
            (rendered(statement["Principal"]["AWS"]), set(listed(statement["Action"])))
            for statement in key.properties["KeyPolicy"]["Statement"]
        ]
        for key in resources(templates, "AWS::KMS::Key")
    }
    assert found == {
        "TokenKey": [account],
        "NotificationsKey": [account, (SP_API_ACCOUNT, {"kms:Decrypt", "kms:GenerateDataKey"})],
    }
    for name in ("NotificationsKey", "SPAPINotificationProcessorKeyPolicy"):
        assert one(templates, name).definition["Condition"] == "HasKey"


def test_an_api_may_call_its_own_function_by_its_own_method(templates: Templates) -> None:
    found = set()
    for permission in resources(templates, "AWS::Lambda::Permission"):
        if permission.properties["Principal"] == "apigateway.amazonaws.com":
            text, values = permission.properties["SourceArn"]["Fn::Sub"]
            method = text.rpartition("/${__Stage__}/")[2]
            found.add((rendered(permission.properties["FunctionName"]), rendered(values["__ApiId__"]), method))
    assert found == {
        (function, api, method.upper() + re.sub(r"{[^}]+}", "*", path))
        for (api, method, path), function in METHODS.items()
    }


def test_a_rule_may_call_its_own_function(templates: Templates) -> None:
    permissions = {
        rendered(permission.properties["SourceArn"]): rendered(permission.properties["FunctionName"])
        for permission in resources(templates, "AWS::Lambda::Permission")
        if permission.properties["Principal"] == "events.amazonaws.com"
    }
    assert permissions == {
        f"{rule.name}.Arn": rendered(target["Arn"]).removesuffix(".Arn")
        for rule in resources(templates, "AWS::Events::Rule")
        for target in rule.properties["Targets"]
    }
