"""What the templates promise of their resources, read from the published templates after the SAM transform."""

import json
import re
import tomllib
from typing import Any

import pytest
from samtranslator.yaml_helper import yaml_parse

from quickstart.wiring import VERSION
from tests.templates.reading import CHECKOUT, ROOT, TEMPLATES, Resource, Template, names_used, rendered, resources

Templates = dict[str, Template]

FUNCTIONS = {
    "SPAPITokenStorage": "functions/token_storage",
    "SPAPISellerRemoval": "functions/seller_removal",
    "SPAPINotificationsSubscriber": "functions/notifications_subscriber",
    "SPAPIReportCreator": "functions/report_creator",
    "SPAPIReportReader": "functions/report_reader",
    "SPAPIReportSchedules": "functions/report_schedules",
    "SPAPINotificationProcessor": "functions/notification_processor",
    "SPAPIReportDocumentRetrieval": "functions/report_document_retrieval",
    "SPAPIReportDocumentStorage": "functions/report_document_storage",
    "SPAPIReportPresignedUrlGenerator": "functions/report_presigned_url_generator",
    "SPAPIReportFailureNotifier": "functions/report_failure_notifier",
    "SPAPISolicitationScheduler": "functions/solicitation_scheduler",
    "SPAPIGetSolicitationActions": "functions/get_solicitation_actions",
    "SPAPISubmitSolicitation": "functions/submit_solicitation",
}

METHODS = {
    ("TokenStorageRestApi", "post", "/tokens"): "SPAPITokenStorage",
    ("TokenStorageRestApi", "delete", "/tokens/{sellerId}"): "SPAPISellerRemoval",
    ("NotificationsSubscriberRestApi", "post", "/notifications"): "SPAPINotificationsSubscriber",
    ("NotificationsSubscriberRestApi", "get", "/notifications"): "SPAPINotificationsSubscriber",
    ("NotificationsSubscriberRestApi", "delete", "/notifications/{notificationType}"): "SPAPINotificationsSubscriber",
    ("ReportCreatorRestApi", "post", "/reports"): "SPAPIReportCreator",
    ("ReportCreatorRestApi", "get", "/reports"): "SPAPIReportReader",
    ("ReportCreatorRestApi", "get", "/reports/{reportId}"): "SPAPIReportReader",
    ("ReportCreatorRestApi", "post", "/schedules"): "SPAPIReportSchedules",
    ("ReportCreatorRestApi", "get", "/schedules"): "SPAPIReportSchedules",
    ("ReportCreatorRestApi", "delete", "/schedules/{reportScheduleId}"): "SPAPIReportSchedules",
}

URLS = {
    "TokenStorageUrl": ("TokenStorageRestApi", "/tokens"),
    "NotificationsSubscriberUrl": ("NotificationsSubscriberRestApi", "/notifications"),
    "ReportCreatorUrl": ("ReportCreatorRestApi", "/reports"),
    "ReportSchedulesUrl": ("ReportCreatorRestApi", "/schedules"),
}
ROOT_OUTPUTS = {
    *URLS,
    "TokenStorageRestApiId",
    "NotificationsSubscriberRestApiId",
    "ReportCreatorRestApiId",
    "ApiGatewayInvokeRoleArn",
    "ApiGatewayInvokeUserName",
    "ReportsBucketName",
    "NotificationsQueueUrl",
    "NotificationsQueueArn",
    "NotificationsDeadLetterQueueUrl",
    "NotificationEventBusName",
    "ReportFailuresDeadLetterQueueUrl",
    "ReportTopicArn",
    "AlarmTopicArn",
    "ReportProcessorStateMachineArn",
    "ReportProcessorConsoleUrl",
    "ReportsTableName",
    "ApplicationSecretArn",
    "SellingPartnersTableName",
    "OrdersQueueUrl",
    "OrdersQueueArn",
    "OrdersDeadLetterQueueUrl",
    "SolicitationScheduleDeadLetterQueueUrl",
    "SolicitationScheduleGroupName",
    "SolicitationsTableName",
    "SolicitationStateMachineArn",
    "SolicitationConsoleUrl",
    "DashboardConsoleUrl",
    "NotificationsDeadLetterQueueConsoleUrl",
    "ReportFailuresDeadLetterQueueConsoleUrl",
    "OrdersDeadLetterQueueConsoleUrl",
    "SolicitationScheduleDeadLetterQueueConsoleUrl",
    "TemplateVersion",
}

POWERTOOLS = {"POWERTOOLS_SERVICE_NAME", "POWERTOOLS_LOG_LEVEL"}
SP_API = {"TOKEN_KEY_ARN", "APPLICATION_SECRET_ARN", "SIGNING_SECRET_ARN", "SP_API_ENDPOINT", "LWA_ENDPOINT"}
ENVIRONMENT = {
    "SPAPITokenStorage": {"SELLING_PARTNERS_TABLE", "TOKEN_KEY_ARN"},
    "SPAPISellerRemoval": {
        "SELLING_PARTNERS_TABLE",
        "SOLICITATIONS_TABLE",
        "REPORTS_TABLE",
        "REPORTS_BUCKET",
        *(SP_API - {"TOKEN_KEY_ARN"}),
    },
    "SPAPINotificationsSubscriber": {"SELLING_PARTNERS_TABLE", "NOTIFICATIONS_QUEUE_ARN", "ORDERS_QUEUE_ARN", *SP_API},
    "SPAPIReportCreator": {"SELLING_PARTNERS_TABLE", "REPORTS_TABLE", "REPORT_RETENTION_DAYS", *SP_API},
    "SPAPIReportSchedules": {"SELLING_PARTNERS_TABLE", *SP_API},
    "SPAPIReportReader": {"REPORTS_TABLE", "REPORTS_BUCKET", "REPORT_READER_ROLE_ARN", "LINK_LIFETIME_SECONDS"},
    "SPAPINotificationProcessor": {
        "SELLING_PARTNERS_TABLE",
        "REPORTS_TABLE",
        "NOTIFICATIONS_QUEUE_URL",
        "NOTIFICATIONS_DEAD_LETTER_QUEUE_URL",
        "EVENT_BUS_NAME",
        "STATE_MACHINE_ARN",
    },
    "SPAPIReportDocumentRetrieval": {
        "SELLING_PARTNERS_TABLE",
        "REPORTS_TABLE",
        "REPORT_RETENTION_DAYS",
        "REPORTS_MADE_ELSEWHERE",
        *SP_API,
    },
    "SPAPIReportDocumentStorage": {"REPORTS_TABLE", "REPORTS_BUCKET", "REPORT_RETENTION_DAYS"},
    "SPAPIReportPresignedUrlGenerator": {
        "REPORTS_TABLE",
        "REPORT_RETENTION_DAYS",
        "REPORTS_BUCKET",
        "REPORT_READER_ROLE_ARN",
        "REPORT_TOPIC_ARN",
        "ANNOUNCEMENTS_PER_SECOND",
        "REPORT_CREATOR_URL",
        "LINK_LIFETIME_SECONDS",
    },
    "SPAPIReportFailureNotifier": {
        "REPORTS_TABLE",
        "REPORT_RETENTION_DAYS",
        "REPORT_TOPIC_ARN",
        "ANNOUNCEMENTS_PER_SECOND",
    },
    "SPAPISolicitationScheduler": {
        "SOLICITATIONS_TABLE",
        "SOLICITATION_DELAY_DAYS",
        "ORDERS_QUEUE_URL",
        "ORDERS_DEAD_LETTER_QUEUE_URL",
        "EVENT_BUS_NAME",
        "SELLING_PARTNERS_TABLE",
        "STATE_MACHINE_ARN",
        "SCHEDULE_GROUP",
        "SCHEDULE_ROLE_ARN",
        "SCHEDULE_DEAD_LETTER_QUEUE_ARN",
    },
    "SPAPIGetSolicitationActions": {"SELLING_PARTNERS_TABLE", "SOLICITATIONS_TABLE", *SP_API},
    "SPAPISubmitSolicitation": {"SELLING_PARTNERS_TABLE", "SOLICITATIONS_TABLE", *SP_API},
}

RETAINED = {"AWS::DynamoDB::Table", "AWS::KMS::Key", "AWS::S3::Bucket"}
STATEFUL = {*RETAINED, "AWS::Logs::LogGroup", "AWS::SecretsManager::Secret", "AWS::SQS::Queue"}

NAME_PROPERTIES = {
    "AWS::ApiGateway::RestApi": "Name",
    "AWS::CloudWatch::Alarm": "AlarmName",
    "AWS::CloudWatch::Dashboard": "DashboardName",
    "AWS::DynamoDB::Table": "TableName",
    "AWS::Events::EventBus": "Name",
    "AWS::IAM::Role": "RoleName",
    "AWS::IAM::User": "UserName",
    "AWS::KMS::Key": None,
    "AWS::Lambda::Function": "FunctionName",
    "AWS::Lambda::LayerVersion": "LayerName",
    "AWS::Logs::LogGroup": "LogGroupName",
    "AWS::S3::Bucket": "BucketName",
    "AWS::SNS::Topic": "TopicName",
    "AWS::SQS::Queue": "QueueName",
    "AWS::Scheduler::ScheduleGroup": "Name",
    "AWS::SecretsManager::Secret": "Name",
    "AWS::StepFunctions::StateMachine": "StateMachineName",
    # These have no name, or one that lives inside another resource.
    "AWS::ApiGateway::Deployment": None,
    "AWS::ApiGateway::Stage": None,
    "AWS::CloudFormation::Stack": None,
    "AWS::Events::Rule": "Name",
    "AWS::IAM::Policy": None,
    "AWS::Lambda::EventSourceMapping": None,
    "AWS::Lambda::Permission": None,
    "AWS::S3::BucketPolicy": None,
    "AWS::SNS::Subscription": None,
    "AWS::SQS::QueuePolicy": None,
}


def functions(templates: Templates) -> dict[str, Resource]:
    return {function.name: function for function in resources(templates, "AWS::Lambda::Function")}


def methods(templates: Templates) -> dict[tuple[str, str, str], dict[str, Any]]:
    return {
        (api.name, method, path): operation
        for api in resources(templates, "AWS::ApiGateway::RestApi")
        for path, item in api.properties["Body"]["paths"].items()
        for method, operation in item.items()
    }


def one(templates: Templates, name: str) -> Resource:
    (found,) = [resource for resource in resources(templates) if resource.name == name]
    return found


class TestApis:
    def test_the_methods(self, templates: Templates) -> None:
        assert set(methods(templates)) == set(METHODS)

    def test_every_method_is_signed(self, templates: Templates) -> None:
        for api in resources(templates, "AWS::ApiGateway::RestApi"):
            schemes = api.properties["Body"]["components"]["securitySchemes"]
            assert schemes["AWS_IAM"]["x-amazon-apigateway-authtype"] == "awsSigv4", api
        for key, operation in methods(templates).items():
            assert operation["security"] == [{"AWS_IAM": []}], key

    def test_every_method_calls_its_function_with_the_functions_own_permission(self, templates: Templates) -> None:
        for key, operation in methods(templates).items():
            integration = operation["x-amazon-apigateway-integration"]
            assert f"${{{METHODS[key]}.Arn}}" in rendered(integration["uri"]), key
            assert "credentials" not in integration, key

    def test_an_api_has_its_name_and_the_stage_prod_alone(self, templates: Templates) -> None:
        apis = resources(templates, "AWS::ApiGateway::RestApi")
        assert {api.name: api.properties["Name"] for api in apis} == {api.name: api.name for api in apis}
        stages = resources(templates, "AWS::ApiGateway::Stage")
        assert sorted(rendered(stage.properties["RestApiId"]) for stage in stages) == sorted(api.name for api in apis)
        assert {stage.properties["StageName"] for stage in stages} == {"prod"}
        # SAM's second stage comes with the deployment, not as a resource.
        for deployment in resources(templates, "AWS::ApiGateway::Deployment"):
            assert "StageName" not in deployment.properties, deployment

    def test_a_url_leads_to_its_method(self, templates: Templates) -> None:
        paths = {(api, path) for api, _, path in METHODS}
        for name, (api, path) in URLS.items():
            assert (api, path) in paths, name
            (value,) = [t["Outputs"][name]["Value"] for n, t in templates.items() if n != ROOT and name in t["Outputs"]]
            assert rendered(value) == f"https://${{{api}}}.execute-api.${{AWS::Region}}.${{AWS::URLSuffix}}/prod{path}"


class TestFunctions:
    def test_each_runs_the_code_of_its_folder(self, templates: Templates) -> None:
        assert set(functions(templates)) == set(FUNCTIONS)
        for name, function in functions(templates).items():
            assert function.properties["Handler"] == "app.handler"
            key = rendered(function.properties["Code"]["S3Key"])
            assert key.startswith("${QSS3KeyPrefix}" + FUNCTIONS[name] + "-"), name
            assert (CHECKOUT / FUNCTIONS[name] / "app.py").is_file(), name

    def test_runtime_and_layers(self, templates: Templates) -> None:
        for function in functions(templates).values():
            assert function.properties["Runtime"] == "python3.13", function
            assert function.properties["Architectures"] == ["arm64"], function
            layers = [rendered(layer) for layer in function.properties["Layers"]]
            assert layers == ["SellingPartnerApiLayerArn", "DependenciesLayerArn"], function

    def test_a_function_behind_an_api_ends_before_the_api_gives_up(self, templates: Templates) -> None:
        for name in METHODS.values():
            assert functions(templates)[name].properties["Timeout"] <= 29, name

    def test_each_has_a_log_group_of_its_own_that_forgets(self, templates: Templates) -> None:
        groups = [rendered(f.properties["LoggingConfig"]["LogGroup"]) for f in functions(templates).values()]
        assert len(set(groups)) == len(groups)
        for group in (*groups, "ReportProcessorLogGroup", "SolicitationLogGroup"):
            assert rendered(one(templates, group).properties["RetentionInDays"]) == "LogRetentionDays"

    def test_environment(self, templates: Templates) -> None:
        found = {
            name: function.properties["Environment"]["Variables"] for name, function in functions(templates).items()
        }
        assert {name: set(variables) for name, variables in found.items()} == {
            name: POWERTOOLS | variables for name, variables in ENVIRONMENT.items()
        }
        for name, variables in found.items():
            assert variables["POWERTOOLS_SERVICE_NAME"] == name

    def test_what_is_announced_in_three_seconds_of_the_clock_may_leave_in_one(self, templates: Templates) -> None:
        """SNS switches an e-mail subscription off at more than ten messages a second."""
        variables = [function.properties["Environment"]["Variables"] for function in functions(templates).values()]
        paces = {int(given["ANNOUNCEMENTS_PER_SECOND"]) for given in variables if "ANNOUNCEMENTS_PER_SECOND" in given}
        assert len(paces) == 1, "the functions count together"
        assert 3 * paces.pop() <= 10

    def test_the_signing_secret_is_named_only_when_there_is_one(self, templates: Templates) -> None:
        for name, function in functions(templates).items():
            if "SIGNING_SECRET_ARN" in ENVIRONMENT[name]:
                value = function.properties["Environment"]["Variables"]["SIGNING_SECRET_ARN"]
                assert rendered(value) == "SigningSecretArn if SignsRequests else AWS::NoValue"


class TestSecrets:
    def test_a_secret_parameter_goes_into_a_secret_and_nowhere_else(self, templates: Templates) -> None:
        for name, template in templates.items():
            secret = {key for key, value in template.get("Parameters", {}).items() if value.get("NoEcho")}
            for resource in resources({name: template}):
                used = secret & set(names_used(resource.definition))
                allowed = {"AWS::SecretsManager::Secret", "AWS::CloudFormation::Stack"}
                assert not used or resource.type in allowed, (resource, used)
            assert not secret & set(names_used(template.get("Outputs", {}))), name

    def test_every_secret_of_the_user_is_noecho_in_the_root_and_in_the_child(self, templates: Templates) -> None:
        secret = {key for key, value in templates[ROOT]["Parameters"].items() if value.get("NoEcho")}
        assert secret == {"ClientSecret", "AccessKey", "SecretKey"}
        for name, child in children(templates).items():
            for parameter, value in child.properties["Parameters"].items():
                if secret & set(names_used(value)):
                    assert templates[name]["Parameters"][parameter].get("NoEcho") is True, (name, parameter)

    def test_what_a_secret_holds(self, templates: Templates) -> None:
        application = one(templates, "ApplicationSecret").properties["SecretString"]
        assert rendered(application) == '{"AppClientId":"${ClientId}","AppClientSecret":"${ClientSecret}"}'
        signing = one(templates, "SigningSecret")
        assert signing.definition["Condition"] == "SignsRequests"
        assert rendered(signing.properties["SecretString"]) == (
            '{"AccessKeyId":"${AccessKey}","SecretKey":"${SecretKey}","RoleArn":"${RoleArn}"}'
        )

    def test_no_default_gives_a_secret_away(self, templates: Templates) -> None:
        for name, template in templates.items():
            for key, parameter in template.get("Parameters", {}).items():
                assert not parameter.get("NoEcho") or parameter.get("Default", "") == "", (name, key)


class TestState:
    def test_every_stateful_resource_says_what_becomes_of_it(self, templates: Templates) -> None:
        for resource in resources(templates, *STATEFUL):
            policies = {key: resource.definition.get(key) for key in ("DeletionPolicy", "UpdateReplacePolicy")}
            if resource.type in RETAINED or resource.name == "ApplicationSecret":
                assert policies == {"DeletionPolicy": "RetainExceptOnCreate", "UpdateReplacePolicy": "Retain"}, resource
            else:
                assert policies == {"DeletionPolicy": "Delete", "UpdateReplacePolicy": "Delete"}, resource

    def test_tables(self, templates: Templates) -> None:
        tables = {table.name: table.properties for table in resources(templates, "AWS::DynamoDB::Table")}
        assert set(tables) == {"SellingPartnersTable", "ReportsTable", "SolicitationsTable"}
        for name, table in tables.items():
            assert table["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": True}, name
            assert table["BillingMode"] == "PAY_PER_REQUEST", name
        for name in ("ReportsTable", "SolicitationsTable"):
            assert tables[name]["TimeToLiveSpecification"] == {"AttributeName": "ExpiresAt", "Enabled": True}
        keys = {
            name: [
                *[(key["AttributeName"], key["KeyType"]) for key in table["KeySchema"]],
                *[
                    (index["IndexName"], *(key["AttributeName"] for key in index["KeySchema"]))
                    for index in table["GlobalSecondaryIndexes"]
                ],
            ]
            for name, table in tables.items()
        }
        assert keys == {
            "SellingPartnersTable": [
                ("SellerId", "HASH"),
                ("Item", "RANGE"),
                ("SubscriptionIdIndex", "SubscriptionId"),
            ],
            "ReportsTable": [
                ("ReportId", "HASH"),
                ("SellerId", "RANGE"),
                ("SellerIdCreatedTimeIndex", "SellerId", "CreatedTime"),
            ],
            "SolicitationsTable": [
                ("AmazonOrderId", "HASH"),
                ("SellerId", "RANGE"),
                ("SellerIdDueTimeIndex", "SellerId", "DueTime"),
            ],
        }

    def test_keys_rotate(self, templates: Templates) -> None:
        keys = resources(templates, "AWS::KMS::Key")
        assert keys
        assert all(key.properties["EnableKeyRotation"] is True for key in keys)

    def test_buckets(self, templates: Templates) -> None:
        (bucket,) = resources(templates, "AWS::S3::Bucket")
        assert set(bucket.properties["PublicAccessBlockConfiguration"].values()) == {True}
        assert len(bucket.properties["PublicAccessBlockConfiguration"]) == 4
        assert bucket.properties["VersioningConfiguration"] == {"Status": "Enabled"}
        rules = bucket.properties["LifecycleConfiguration"]["Rules"]
        assert {rule["Status"] for rule in rules} == {"Enabled"}
        effects: dict[str, Any] = {key: value for rule in rules for key, value in rule.items()}
        assert rendered(effects["ExpirationInDays"]) == "ReportRetentionDays"
        assert effects["AbortIncompleteMultipartUpload"] == {"DaysAfterInitiation": 1}
        assert effects["NoncurrentVersionExpiration"]["NoncurrentDays"] > 0

    def test_layers_keep_no_old_version(self, templates: Templates) -> None:
        layers = resources(templates, "AWS::Lambda::LayerVersion")
        assert len(layers) == 2
        assert {layer.definition.get("DeletionPolicy") for layer in layers} == {"Delete"}


class TestRules:
    def test_every_ended_execution_but_a_successful_one_calls_the_failure_notifier(self, templates: Templates) -> None:
        rule = one(templates, "ReportFailureRule").properties
        assert rule["EventPattern"] == {
            "source": ["aws.states"],
            "detail-type": ["Step Functions Execution Status Change"],
            "detail": {"stateMachineArn": [{"Ref": "ReportProcessor"}], "status": ["FAILED", "TIMED_OUT", "ABORTED"]},
        }
        (target,) = rule["Targets"]
        assert rendered(target["Arn"]) == "SPAPIReportFailureNotifier.Arn"

    def test_what_a_rule_or_its_function_cannot_do_goes_to_a_queue(self, templates: Templates) -> None:
        for rule in resources(templates, "AWS::Events::Rule"):
            for target in rule.properties["Targets"]:
                queue = rendered(target["DeadLetterConfig"]["Arn"])
                function = one(templates, rendered(target["Arn"]).removesuffix(".Arn"))
                assert rendered(function.properties["DeadLetterConfig"]["TargetArn"]) == queue


class TestQueues:
    def test_every_queue_is_encrypted_and_has_a_dead_letter_queue_with_an_alarm(self, templates: Templates) -> None:
        queues = {queue.name: queue for queue in resources(templates, "AWS::SQS::Queue")}
        for queue in queues.values():
            if queue.template == "notifications":
                assert queue.properties["SqsManagedSseEnabled"] == {"Fn::If": ["HasKey", False, True]}, queue
                key = rendered(queue.properties["KmsMasterKeyId"])
                assert key == "NotificationsKey.Arn if HasKey else AWS::NoValue", queue
            else:
                assert queue.properties["SqsManagedSseEnabled"] is True, queue
            assert "FifoQueue" not in queue.properties, "SP-API sends to standard queues alone"
        targets = {
            name: rendered(queue.properties["RedrivePolicy"]["deadLetterTargetArn"]).removesuffix(".Arn")
            for name, queue in queues.items()
            if "RedrivePolicy" in queue.properties
        }
        assert targets
        # The dead letters of rules and schedules, which are no queue's.
        elsewhere = {"SolicitationScheduleDeadLetterQueue"} | {
            rendered(target["DeadLetterConfig"]["Arn"]).removesuffix(".Arn")
            for rule in resources(templates, "AWS::Events::Rule")
            for target in rule.properties["Targets"]
        }
        dead_letter_queues = {*targets.values(), *elsewhere}
        assert set(targets) | dead_letter_queues == set(queues), "a queue without a dead-letter queue"
        for name, target in targets.items():
            # A message keeps its age when it moves.
            assert (
                queues[target].properties["MessageRetentionPeriod"] > queues[name].properties["MessageRetentionPeriod"]
            )
            assert queues[name].properties["RedrivePolicy"]["maxReceiveCount"] >= 5
        for target in dead_letter_queues:
            assert queues[target].properties["MessageRetentionPeriod"] == 1209600
            (alarm,) = [
                alarm
                for alarm in resources(templates, "AWS::CloudWatch::Alarm")
                if rendered(alarm.properties["Dimensions"][0]["Value"]) == f"{target}.QueueName"
            ]
            assert alarm.properties["MetricName"] == "ApproximateNumberOfMessagesVisible"
            assert (alarm.properties["Threshold"], alarm.properties["Period"]) == (1, 60)

    def test_event_sources(self, templates: Templates) -> None:
        sources = resources(templates, "AWS::Lambda::EventSourceMapping")
        assert sources
        for source in sources:
            queue = one(templates, rendered(source.properties["EventSourceArn"]).removesuffix(".Arn"))
            function = functions(templates)[rendered(source.properties["FunctionName"])]
            assert queue.properties["VisibilityTimeout"] == 6 * function.properties["Timeout"]
            assert source.properties["BatchSize"] == 10
            assert source.properties["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
            assert source.properties["ScalingConfig"]["MaximumConcurrency"] >= 2
            assert "FilterCriteria" not in source.properties


class TestAlarms:
    def test_every_alarm_reaches_the_topic(self, templates: Templates) -> None:
        alarms = resources(templates, "AWS::CloudWatch::Alarm")
        for alarm in alarms:
            assert [rendered(action) for action in alarm.properties["AlarmActions"]] == ["AlarmTopicArn"], alarm
            assert alarm.properties["TreatMissingData"] == "notBreaching", alarm
            assert alarm.properties["ComparisonOperator"] == "GreaterThanOrEqualToThreshold", alarm
        watched = {alarm.properties["MetricName"] for alarm in alarms if alarm.properties["Namespace"] == "AWS/States"}
        assert watched == {"ExecutionsFailed", "ExecutionsTimedOut"}

    def test_topics_write_to_the_given_address(self, templates: Templates) -> None:
        addresses = {
            topic.name: [(s["Protocol"], rendered(s["Endpoint"])) for s in topic.properties["Subscription"]]
            for topic in resources(templates, "AWS::SNS::Topic")
        }
        assert addresses == {
            "AlarmTopic": [("email", "AlarmEmail")],
            "ReportTopic": [("email", "ReportStorageNotificationEmail")],
        }
        foundation = children(templates)["foundation"].properties["Parameters"]
        assert rendered(foundation["AlarmEmail"]) == "ReportStorageNotificationEmail"

    def test_a_topic_that_carries_links_is_encrypted(self, templates: Templates) -> None:
        assert one(templates, "ReportTopic").properties["KmsMasterKeyId"] == "alias/aws/sns"


class TestNames:
    def test_two_stacks_fit_one_account(self, templates: Templates) -> None:
        for resource in resources(templates):
            assert resource.type in NAME_PROPERTIES, f"say which property names a {resource.type}"
            name = resource.properties.get(NAME_PROPERTIES[resource.type] or "")
            if name is not None and resource.type != "AWS::ApiGateway::RestApi":
                assert "${AWS::StackName}" in rendered(name), resource

    def test_only_the_two_capabilities_are_needed(self, templates: Templates) -> None:
        named = {"RoleName", "UserName", "GroupName", "ManagedPolicyName", "InstanceProfileName"}
        for resource in resources(templates):
            if resource.type.startswith("AWS::IAM::"):
                assert not named & set(resource.properties), resource


def children(templates: Templates) -> dict[str, Resource]:
    """The root's nested stacks by the name of their template."""
    return {
        rendered(stack.properties["TemplateURL"]).rpartition("/")[2][: -len("-0123456789abcdef.yaml")]: stack
        for stack in resources(templates, "AWS::CloudFormation::Stack")
    }


class TestRoot:
    def test_it_has_children_and_nothing_else(self, templates: Templates) -> None:
        root = templates[ROOT]
        assert "Transform" not in root
        assert {r.type for r in resources({ROOT: root})} == {"AWS::CloudFormation::Stack"}
        assert {child.name: name for name, child in children(templates).items()} == {
            "Foundation": "foundation",
            "TokenStorage": "token-storage",
            "Reports": "reports",
            "Solicitations": "solicitations",
            "Notifications": "notifications",
            "Access": "access",
            "Monitoring": "monitoring",
        }
        assert set(children(templates)) | {ROOT} == set(templates)

    def test_outputs(self, templates: Templates) -> None:
        assert set(templates[ROOT]["Outputs"]) == ROOT_OUTPUTS
        assert all(output.get("Description") for output in templates[ROOT]["Outputs"].values())

    def test_the_tag_reaches_every_child(self, templates: Templates) -> None:
        for child in children(templates).values():
            tag = {"Key": {"Ref": "TagKey"}, "Value": {"Ref": "TagValue"}}
            assert child.properties["Tags"] == {"Fn::If": ["HasTag", [tag], {"Ref": "AWS::NoValue"}]}, child

    def test_the_version_is_one(self, templates: Templates) -> None:
        source = yaml_parse((TEMPLATES / f"{ROOT}.yaml").read_text("utf-8"))["Outputs"]["TemplateVersion"]["Value"]
        python = tomllib.loads((CHECKOUT / "pyproject.toml").read_text("utf-8"))["project"]["version"]
        node = json.loads((CHECKOUT / "package.json").read_text("utf-8"))["version"]
        lock = json.loads((CHECKOUT / "package-lock.json").read_text("utf-8"))
        assert {source, VERSION, python, node, lock["version"], lock["packages"][""]["version"]} == {"1.0.0"}
        published = templates[ROOT]["Outputs"]["TemplateVersion"]["Value"]
        assert re.fullmatch(rf"{re.escape(source)}\+[0-9a-f]{{16}}", published)

    def test_the_user_is_announced_only_where_there_is_one(self, templates: Templates) -> None:
        for template in (templates[ROOT], templates["access"]):
            assert template["Conditions"]["HasInvokeUser"] == {"Fn::Equals": [{"Ref": "HostPrincipalArn"}, ""]}
            assert template["Outputs"]["ApiGatewayInvokeUserName"]["Condition"] == "HasInvokeUser"

    def test_solicitations_can_be_left_out(self, templates: Templates) -> None:
        root = templates[ROOT]
        assert root["Conditions"]["RequestsReviews"] == {"Fn::Equals": [{"Ref": "SolicitationsEnabled"}, "Yes"]}
        assert root["Parameters"]["SolicitationsEnabled"]["Default"] == "Yes"
        conditional = {r.name for r in resources({ROOT: root}) if "Condition" in r.definition}
        assert conditional == {"Solicitations"}
        for name, output in root["Outputs"].items():
            assert (output.get("Condition") == "RequestsReviews") == ("Solicitations" in names_used(output["Value"])), (
                name
            )
        queue = one(templates, "Notifications").properties["Parameters"]["OrdersQueueArn"]
        assert rendered(queue) == "Solicitations.Outputs.OrdersQueueArn if RequestsReviews else "
        assert "Notifications" not in str(one(templates, "Solicitations").properties["Parameters"])

    def test_the_delay_is_what_amazon_allows(self, templates: Templates) -> None:
        delay = templates[ROOT]["Parameters"]["SolicitationDelayDays"]
        assert (delay["MinValue"], delay["MaxValue"], delay["Default"]) == (5, 30, 5)

    def test_every_value_taken_from_a_child_is_one_of_its_outputs(self, templates: Templates) -> None:
        outputs = {
            f"{child.name}.Outputs.{output}"
            for name, child in children(templates).items()
            for output in templates[name].get("Outputs", {})
        }
        taken = set(attributes(templates[ROOT]))
        assert taken == outputs, "an output that is missing, or that nobody takes"

    def test_children_get_what_they_ask_for(self, templates: Templates) -> None:
        for name, child in children(templates).items():
            assert set(child.properties["Parameters"]) == set(templates[name]["Parameters"]), name

    def test_a_child_accepts_what_the_root_accepts(self, templates: Templates) -> None:
        compared = ("Type", "AllowedPattern", "MinValue", "MaxValue", "NoEcho")
        shared = []
        for name, child in children(templates).items():
            for parameter, value in child.properties["Parameters"].items():
                own = templates[name]["Parameters"][parameter]
                if rendered(value) in templates[ROOT]["Parameters"]:
                    shared.append(parameter)
                    given = templates[ROOT]["Parameters"][rendered(value)]
                    for key in compared:
                        assert key not in own or own[key] == given.get(key), (name, parameter, key)
        assert {"ClientSecret", "ReportLinkLifetime", "AlarmEmail"} <= set(shared)

    def test_every_parameter_is_explained(self, templates: Templates) -> None:
        interface = templates[ROOT]["Metadata"]["AWS::CloudFormation::Interface"]
        grouped = [name for group in interface["ParameterGroups"] for name in group["Parameters"]]
        assert sorted(grouped) == sorted(templates[ROOT]["Parameters"])
        assert set(interface["ParameterLabels"]) == set(grouped)
        for name, parameter in templates[ROOT]["Parameters"].items():
            assert parameter["Description"], name
            assert "AllowedValues" in parameter or parameter["ConstraintDescription"], name
            assert parameter["Type"] != "String" or "AllowedValues" in parameter or parameter["AllowedPattern"], name


def attributes(value: Any) -> list[str]:
    match value:
        case {"Fn::GetAtt": [str(name), str(attribute)]}:
            return [f"{name}.{attribute}"]
        case {"Fn::GetAtt": str(name)}:
            return [name]
        case dict():
            return [found for inner in value.values() for found in attributes(inner)]
        case list():
            return [found for inner in value for found in attributes(inner)]
        case _:
            return []


@pytest.mark.parametrize(
    ("parameter", "good", "bad"),
    [
        (
            "ClientId",
            ["amzn1.application-oa2-client.0123456789abcdef"],
            ["", "client", 'amzn1.application-oa2-client."'],
        ),
        (
            "ClientSecret",
            ["0123456789abcdef0123456789abcdef", "amzn1.oa2-cs.v1.0123456789abcdef"],
            ["", "short", '0123456789abcdef"', "0123456789abcdef\\", "0123456789 abcdef"],
        ),
        ("ReportStorageNotificationEmail", ["a@example.com"], ["", "a", "a@b", "a b@example.com"]),
        ("AccessKey", ["", "AKIAIOSFODNN7EXAMPLE"], ["AKIA", "akiaiosfodnn7example"]),
        (
            "SecretKey",
            ["", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"],
            ["wJal", 'wJalrXUtnFEMI"K7MDENG/bPxRfiCYEXAMPLEKEY'],
        ),
        (
            "RoleArn",
            ["", "arn:aws:iam::111122223333:role/path/SellingPartner"],
            ["SellingPartner", "arn:aws:iam::111122223333:user/SellingPartner", 'arn:aws:iam::111122223333:role/"'],
        ),
        (
            "SellingPartnerApiEndpoint",
            ["", "https://{sandbox}sellingpartnerapi-{region}.amazon.com", "http://127.0.0.1:8080/{sandbox}{region}"],
            ["https://sellingpartnerapi-na.amazon.com", "{region}"],
        ),
        ("NotificationsEncryption", ["SQS", "KMS"], ["", "none"]),
        (
            "HostPrincipalArn",
            [
                "",
                "arn:aws:iam::444455556666:role/HostProduct",
                "arn:aws:iam::444455556666:role/products/orders/HostProduct",
                "arn:aws:iam::444455556666:user/host.product@example.com",
            ],
            [
                "HostProduct",
                "arn:aws:iam::444455556666:root",
                "arn:aws:iam::444455556666:role/*",
                "arn:aws:iam::444455556666:role/Host?",
                "arn:aws:iam::444455556666:role/",
                "arn:aws:iam::444455556666:role/products/",
                "arn:aws:iam::*:role/HostProduct",
                "arn:aws:iam::444455556666:group/HostProduct",
                "arn:aws:iam::444455556666:role/${aws:username}",
                "arn:aws:sts::444455556666:assumed-role/HostProduct/session",
                "arn:aws:iam::44445555666:role/HostProduct",
            ],
        ),
        (
            "PermissionsBoundaryArn",
            ["", "arn:aws:iam::111122223333:policy/path/Boundary", "arn:aws:iam::aws:policy/PowerUserAccess"],
            ["Boundary", "arn:aws:iam::111122223333:role/Boundary", "arn:aws:iam::111122223333:policy/*"],
        ),
        (
            "TagKey",
            ["", "CostCenter", "team:cost center", "a" * 128],
            ["aws:team", "AWS:team", "a" * 129, "cost,center"],
        ),
        ("TagValue", ["", "4711", "a" * 256], ["aws:4711", "a" * 257, "4711;"]),
        ("LoginWithAmazonEndpoint", ["", "http://127.0.0.1:8080/auth/o2/token"], ["api.amazon.com"]),
        ("SolicitationsEnabled", ["Yes", "No"], ["", "yes", "Yes "]),
        ("QSS3BucketName", ["", "my-bucket"], ["my.bucket", "My-Bucket", "b"]),
        ("QSS3BucketRegion", ["", "us-east-1", "ap-southeast-2", "us-gov-west-1"], ["useast1", "us-east-"]),
        ("QSS3KeyPrefix", ["", "quick-start/", "a/b/"], ["quick-start", "/quick-start/"]),
    ],
)
def test_what_a_parameter_accepts(templates: Templates, parameter: str, good: list[str], bad: list[str]) -> None:
    pattern = templates[ROOT]["Parameters"][parameter]["AllowedPattern"]
    assert [value for value in good if not re.fullmatch(pattern, value)] == []
    assert [value for value in bad if re.fullmatch(pattern, value)] == []
