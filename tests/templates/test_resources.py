"""What the templates promise of their resources, read from the published templates after the SAM transform."""

import json
import re
import tomllib
from typing import Any

import pytest

from publishing.release import released_versions
from quickstart import VERSION
from quickstart.observability import METRIC_NAMESPACE, SECRET_DIMENSION
from tests.templates.reading import CHECKOUT, ROOT, TEMPLATES, Resource, Template, names_used, rendered, resources
from tests.yaml_reading import yaml_parse

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
    "SPAPIReportSweep": "functions/report_sweep",
    "SPAPISolicitationScheduler": "functions/solicitation_scheduler",
    "SPAPIGetSolicitationActions": "functions/get_solicitation_actions",
    "SPAPISubmitSolicitation": "functions/submit_solicitation",
    "SPAPIAuthorizations": "functions/authorizations",
    "SPAPIAuthorizationPages": "functions/authorization_pages",
    "SPAPIConnectionReview": "functions/connection_review",
    "SPAPIConnectionEvents": "functions/connection_events",
    "SPAPIConnectionSubscriber": "functions/connection_subscriber",
    "SPAPIProductTypePulls": "functions/product_type_pulls",
    "SPAPIProductTypeCatalogue": "functions/product_type_catalogue",
    "SPAPIProductTypeSearch": "functions/product_type_search",
    "SPAPIProductTypeFetcher": "functions/product_type_fetcher",
    "SPAPIProductTypeRefresh": "functions/product_type_refresh",
    "SPAPIListingSubmissions": "functions/listing_submissions",
    "SPAPIListingReader": "functions/listing_reader",
    "SPAPIListingSender": "functions/listing_sender",
    "SPAPIListingFollower": "functions/listing_follower",
    "SPAPIListingFailures": "functions/listing_failures",
    "SPAPIListingSweep": "functions/listing_sweep",
    "SPAPIListingNotices": "functions/listing_notices",
    "SPAPIListingDigest": "functions/listing_digest",
    "SPAPIListingFeeds": "functions/listing_feeds",
    "SPAPIListingFeedWorker": "functions/listing_feed_worker",
    "SPAPIListingFeedEvents": "functions/listing_feed_events",
    "SPAPISecretRotator": "functions/secret_rotator",
    "SPAPISecretReceiver": "functions/secret_receiver",
}

# The layers with compiled packages.
COMPILED = {"SPAPIListingSubmissions": ["ValidationLayer"], "SPAPIReportDocumentStorage": ["InflatingLayer"]}

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
    ("AuthorizationRestApi", "post", "/authorizations"): "SPAPIAuthorizations",
    ("AuthorizationRestApi", "get", "/authorizations"): "SPAPIAuthorizations",
    ("AuthorizationRestApi", "get", "/authorizations/{authorizationId}"): "SPAPIAuthorizations",
    ("AuthorizationRestApi", "post", "/authorizations/{authorizationId}/login"): "SPAPIAuthorizations",
    ("ProductTypesRestApi", "post", "/product-types/pulls"): "SPAPIProductTypePulls",
    ("ProductTypesRestApi", "get", "/product-types/pulls/{pullId}"): "SPAPIProductTypePulls",
    ("ProductTypesRestApi", "post", "/product-types/pulls/{pullId}/resume"): "SPAPIProductTypePulls",
    ("ProductTypesRestApi", "delete", "/product-types/pulls/{pullId}"): "SPAPIProductTypePulls",
    ("ProductTypesRestApi", "get", "/product-types"): "SPAPIProductTypeCatalogue",
    ("ProductTypesRestApi", "get", "/product-types/changes"): "SPAPIProductTypeCatalogue",
    ("ProductTypesRestApi", "get", "/product-types/{productType}"): "SPAPIProductTypeCatalogue",
    ("ProductTypesRestApi", "get", "/product-types/{productType}/changes"): "SPAPIProductTypeCatalogue",
    ("ListingsRestApi", "post", "/listings"): "SPAPIListingSubmissions",
    ("ListingsRestApi", "patch", "/listings/{sku}"): "SPAPIListingSubmissions",
    ("ListingsRestApi", "delete", "/listings/{sku}"): "SPAPIListingSubmissions",
    ("ListingsRestApi", "get", "/listings"): "SPAPIListingReader",
    ("ListingsRestApi", "get", "/listings/{sku}"): "SPAPIListingReader",
    ("ListingsRestApi", "get", "/listings/submissions/{submissionId}"): "SPAPIListingReader",
    ("ListingFeedsRestApi", "post", "/listings/feeds"): "SPAPIListingFeeds",
    ("ListingFeedsRestApi", "get", "/listings/feeds"): "SPAPIListingFeeds",
    ("ListingFeedsRestApi", "get", "/listings/feeds/{feedRequestId}"): "SPAPIListingFeeds",
}
# Browsers open these: no signature, and a throttle of their own.
PUBLIC = {
    ("AuthorizationRestApi", "get", "/authorize/callback"): "SPAPIAuthorizationPages",
    ("AuthorizationRestApi", "get", "/authorize/login"): "SPAPIAuthorizationPages",
}

URLS = {
    "TokenStorageUrl": ("TokenStorageRestApi", "/tokens"),
    "NotificationsSubscriberUrl": ("NotificationsSubscriberRestApi", "/notifications"),
    "ReportCreatorUrl": ("ReportCreatorRestApi", "/reports"),
    "ReportSchedulesUrl": ("ReportCreatorRestApi", "/schedules"),
    "AuthorizationsUrl": ("AuthorizationRestApi", "/authorizations"),
    "ProductTypesUrl": ("ProductTypesRestApi", "/product-types"),
    "ListingsUrl": ("ListingsRestApi", "/listings"),
    "ListingFeedsUrl": ("ListingFeedsRestApi", "/listings/feeds"),
}
ROOT_OUTPUTS = {
    *URLS,
    "TokenStorageRestApiId",
    "NotificationsSubscriberRestApiId",
    "ReportCreatorRestApiId",
    "AuthorizationRestApiId",
    "ProductTypesRestApiId",
    "ProductTypesTableName",
    "ProductTypesBucketName",
    "ProductTypePullStateMachineArn",
    "ProductTypePullConsoleUrl",
    "ProductTypeRefreshDeadLetterQueueUrl",
    "ProductTypeRefreshDeadLetterQueueConsoleUrl",
    "ListingsRestApiId",
    "ListingFeedsRestApiId",
    "ListingFeedsTableName",
    "ListingFeedsBucketName",
    "ListingFeedStateMachineArn",
    "ListingFeedConsoleUrl",
    "ListingFeedTopicArn",
    "ListingFeedEventsDeadLetterQueueUrl",
    "ListingFeedEventsDeadLetterQueueConsoleUrl",
    "ListingsTableName",
    "ListingStateMachineArn",
    "ListingConsoleUrl",
    "ListingTopicArn",
    "ListingNoticesQueueArn",
    "ListingDigestQueueArn",
    "ListingFailuresDeadLetterQueueUrl",
    "ListingFailuresDeadLetterQueueConsoleUrl",
    "ListingNoticesDeadLetterQueueUrl",
    "ListingNoticesDeadLetterQueueConsoleUrl",
    "ListingDigestDeadLetterQueueUrl",
    "ListingDigestDeadLetterQueueConsoleUrl",
    "AuthorizationRedirectUri",
    "AuthorizationLoginUri",
    "AuthorizationsTableName",
    "ConnectionsDeadLetterQueueUrl",
    "ConnectionsDeadLetterQueueConsoleUrl",
    "ConsentsQueueArn",
    "ConsentsDeadLetterQueueUrl",
    "ConsentsDeadLetterQueueConsoleUrl",
    "ApiGatewayInvokeRoleArn",
    "ApiGatewayInvokeUserName",
    "ReportsBucketName",
    "NotificationsQueueUrl",
    "NotificationsQueueArn",
    "NotificationsDeadLetterQueueUrl",
    "SecretQueueArn",
    "SecretDeadLetterQueueUrl",
    "SecretDeadLetterQueueConsoleUrl",
    "SecretRotationFailuresDeadLetterQueueUrl",
    "SecretRotationFailuresDeadLetterQueueConsoleUrl",
    "SecretRotationTableName",
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
CONSENT = {
    "AUTHORIZATIONS_TABLE",
    "SELLING_PARTNERS_TABLE",
    "APPLICATION_ID",
    "LOGIN_PAGE",
    "RETURN_URLS",
    "AUTHORIZATION_ADDRESS",
    "SELLER_CONSENT_BETA",
    "VENDOR_CONSENT_BETA",
    "CENTRAL_ENDPOINT",
}
ROTATION = {
    "SECRET_ROTATION_TABLE",
    "CLIENT_SECRET_EXPIRES",
    "ROTATION_REGION",
    "ROTATE_DAYS_BEFORE",
    *(SP_API - {"TOKEN_KEY_ARN"}),
}
SCHEMAS = {"PRODUCT_TYPES_TABLE", "PRODUCT_TYPES_BUCKET"}
LISTINGS = {"LISTINGS_TABLE", "LISTING_RETENTION_DAYS"}
FEEDS = {"LISTING_FEEDS_TABLE", "LISTING_FEEDS_BUCKET", "LISTING_RETENTION_DAYS"}
ENVIRONMENT = {
    "SPAPIListingSubmissions": {
        "SELLING_PARTNERS_TABLE",
        "EVENT_BUS_NAME",
        "STATE_MACHINE_ARN",
        *LISTINGS,
        *SCHEMAS,
        *SP_API,
    },
    "SPAPIListingReader": {"SELLING_PARTNERS_TABLE", *LISTINGS, *SP_API},
    "SPAPIListingSender": {
        "SELLING_PARTNERS_TABLE",
        "EVENT_BUS_NAME",
        "LISTING_OUTCOME_HOURS",
        *LISTINGS,
        *SP_API,
    },
    "SPAPIListingFollower": {
        "SELLING_PARTNERS_TABLE",
        "EVENT_BUS_NAME",
        "LISTING_OUTCOME_HOURS",
        *LISTINGS,
        *SP_API,
    },
    "SPAPIListingFailures": {"EVENT_BUS_NAME", "STATE_MACHINE_ARN", *LISTINGS},
    "SPAPIListingSweep": {"EVENT_BUS_NAME", "LISTING_OUTCOME_HOURS", "STATE_MACHINE_ARN", *LISTINGS},
    "SPAPIListingNotices": {"LISTING_NOTICES_QUEUE_URL", "LISTING_NOTICES_DEAD_LETTER_QUEUE_URL", *LISTINGS},
    "SPAPIListingDigest": {
        "LISTING_TOPIC_ARN",
        "LISTING_DIGEST_QUEUE_URL",
        "LISTING_DIGEST_DEAD_LETTER_QUEUE_URL",
        "STACK_NAME",
    },
    "SPAPIListingFeeds": {"LISTING_FEED_LINK_ROLE_ARN", "SELLING_PARTNERS_TABLE", "TOKEN_KEY_ARN", *FEEDS},
    "SPAPIListingFeedWorker": {
        "STACK_NAME",
        "LISTING_FEEDS_URL",
        "LISTING_FEED_LINK_ROLE_ARN",
        "LISTING_FEED_TOPIC_ARN",
        "LISTING_STATE_MACHINE_ARN",
        "LISTINGS_TABLE",
        "EVENT_BUS_NAME",
        "SELLING_PARTNERS_TABLE",
        *FEEDS,
        *SP_API,
    },
    "SPAPIListingFeedEvents": {"STATE_MACHINE_ARN", *FEEDS},
    "SPAPIProductTypePulls": {"SELLING_PARTNERS_TABLE", "TOKEN_KEY_ARN", "STATE_MACHINE_ARN", *SCHEMAS},
    "SPAPIProductTypeCatalogue": {"SCHEMA_READER_ROLE_ARN", "LINK_LIFETIME_SECONDS", *SCHEMAS},
    "SPAPIProductTypeSearch": {"SELLING_PARTNERS_TABLE", *SCHEMAS, *SP_API},
    "SPAPIProductTypeFetcher": {"SELLING_PARTNERS_TABLE", "EVENT_BUS_NAME", *SCHEMAS, *SP_API},
    "SPAPIProductTypeRefresh": {"SELLING_PARTNERS_TABLE", "TOKEN_KEY_ARN", "STATE_MACHINE_ARN", *SCHEMAS},
    "SPAPISecretRotator": ROTATION,
    "SPAPISecretReceiver": {"SECRET_QUEUE_URL", *ROTATION},
    "SPAPITokenStorage": {"SELLING_PARTNERS_TABLE", "TOKEN_KEY_ARN", "APPLICATION_SECRET_ARN", "LWA_ENDPOINT"},
    "SPAPISellerRemoval": {
        "SELLING_PARTNERS_TABLE",
        "SOLICITATIONS_TABLE",
        "PRODUCT_TYPES_TABLE",
        "LISTINGS_TABLE",
        "LISTING_FEEDS_TABLE",
        "LISTING_FEEDS_BUCKET",
        "AUTHORIZATIONS_TABLE",
        "REPORTS_TABLE",
        "REPORTS_BUCKET",
        *SP_API,
    },
    "SPAPINotificationsSubscriber": {"SELLING_PARTNERS_TABLE", "NOTIFICATIONS_QUEUE_ARN", "ORDERS_QUEUE_ARN", *SP_API},
    "SPAPIReportCreator": {
        "SELLING_PARTNERS_TABLE",
        "REPORTS_TABLE",
        "REPORT_RETENTION_DAYS",
        "REPORT_CREATED_WITHIN_SECONDS",
        "REPORT_LISTED_WITHIN_SECONDS",
        *SP_API,
    },
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
        "STACK_NAME",
        "ANNOUNCEMENTS_PER_SECOND",
        "REPORT_CREATOR_URL",
        "LINK_LIFETIME_SECONDS",
    },
    "SPAPIReportSweep": {
        "SELLING_PARTNERS_TABLE",
        "REPORTS_TABLE",
        "REPORT_RETENTION_DAYS",
        "REPORT_OVERDUE_HOURS",
        "REPORT_TOPIC_ARN",
        "STACK_NAME",
        "STATE_MACHINE_ARN",
        "ANNOUNCEMENTS_PER_SECOND",
    },
    "SPAPIReportFailureNotifier": {
        "SELLING_PARTNERS_TABLE",
        "REPORTS_TABLE",
        "REPORT_RETENTION_DAYS",
        "REPORT_TOPIC_ARN",
        "STACK_NAME",
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
    "SPAPIAuthorizations": CONSENT,
    "SPAPIAuthorizationPages": {"EVENT_BUS_NAME", *CONSENT, *SP_API},
    "SPAPIConnectionReview": {"SELLING_PARTNERS_TABLE"},
    "SPAPIConnectionEvents": {"EVENT_BUS_NAME", "ALARM_TOPIC_ARN", "STACK_NAME"},
    "SPAPIConnectionSubscriber": {
        "SELLING_PARTNERS_TABLE",
        "NOTIFICATION_TYPES",
        "NOTIFICATIONS_QUEUE_ARN",
        "ORDERS_QUEUE_ARN",
        "CONSENTS_QUEUE_URL",
        *SP_API,
    },
}

RETAINED = {"AWS::DynamoDB::Table", "AWS::KMS::Key", "AWS::S3::Bucket"}
STATEFUL = {
    *RETAINED,
    "AWS::CloudFormation::Stack",
    "AWS::Logs::LogGroup",
    "AWS::SecretsManager::Secret",
    "AWS::SQS::Queue",
}

NAME_PROPERTIES = {
    "AWS::ApiGateway::Account": None,
    "AWS::Logs::MetricFilter": "FilterName",
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
        assert set(methods(templates)) == {*METHODS, *PUBLIC}

    def test_every_method_but_the_browsers_is_signed(self, templates: Templates) -> None:
        for api in resources(templates, "AWS::ApiGateway::RestApi"):
            schemes = api.properties["Body"]["components"]["securitySchemes"]
            assert schemes["AWS_IAM"]["x-amazon-apigateway-authtype"] == "awsSigv4", api
        for key, operation in methods(templates).items():
            assert operation["security"] == [{"NONE" if key in PUBLIC else "AWS_IAM": []}], key

    def test_what_anybody_can_call_is_throttled_and_writes_no_access_log(self, templates: Templates) -> None:
        """An access log could hold query strings, and so authorization codes."""
        for stage in resources(templates, "AWS::ApiGateway::Stage"):
            assert stage.template != "authorization" or "AccessLogSetting" not in stage.properties, stage
            for setting in stage.properties.get("MethodSettings", []):
                assert not {"DataTraceEnabled", "LoggingLevel"} & set(setting), stage
        (settings,) = [
            stage.properties["MethodSettings"]
            for stage in resources(templates, "AWS::ApiGateway::Stage")
            if rendered(stage.properties["RestApiId"]) == "AuthorizationRestApi"
        ]
        assert {(setting["HttpMethod"], setting["ResourcePath"]) for setting in settings} == {
            ("GET", "/" + path.replace("/", "~1")) for _, _, path in PUBLIC
        }
        for setting in settings:
            assert (setting["ThrottlingRateLimit"], setting["ThrottlingBurstLimit"]) == (20, 40)

    def test_no_api_answers_pages_of_other_sites(self, templates: Templates) -> None:
        for api in resources(templates, "AWS::ApiGateway::RestApi"):
            assert "Access-Control" not in json.dumps(api.properties), api
            assert all("options" not in item for item in api.properties["Body"]["paths"].values()), api

    def test_every_method_calls_its_function_with_the_functions_own_permission(self, templates: Templates) -> None:
        for key, operation in methods(templates).items():
            integration = operation["x-amazon-apigateway-integration"]
            assert f"${{{(METHODS | PUBLIC)[key]}.Arn}}" in rendered(integration["uri"]), key
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
            # Only the functions that need compiled packages have them.
            own = [re.sub("[0-9a-f]{10}$", "", layer) for layer in layers[2:]]
            assert layers[:2] == ["SellingPartnerApiLayerArn", "DependenciesLayerArn"], function
            assert own == COMPILED.get(function.name, []), function

    def test_a_function_behind_an_api_ends_before_the_api_gives_up(self, templates: Templates) -> None:
        for name in (METHODS | PUBLIC).values():
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
        # docs/api.md names these times.
        creator = found["SPAPIReportCreator"]
        assert (creator["REPORT_CREATED_WITHIN_SECONDS"], creator["REPORT_LISTED_WITHIN_SECONDS"]) == ("90", "600")

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
        assert set(tables) == {
            "SellingPartnersTable",
            "ReportsTable",
            "SolicitationsTable",
            "AuthorizationsTable",
            "SecretRotationTable",
            "ProductTypesTable",
            "ListingsTable",
            "ListingFeedsTable",
        }
        for name, table in tables.items():
            assert table["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": True}, name
            assert table["BillingMode"] == "PAY_PER_REQUEST", name
        for name in set(tables) - {"SellingPartnersTable", "SecretRotationTable"}:
            assert tables[name]["TimeToLiveSpecification"] == {"AttributeName": "ExpiresAt", "Enabled": True}
        keys = {
            name: [
                *[(key["AttributeName"], key["KeyType"]) for key in table["KeySchema"]],
                *[
                    (index["IndexName"], *(key["AttributeName"] for key in index["KeySchema"]))
                    for index in table.get("GlobalSecondaryIndexes", [])
                ],
            ]
            for name, table in tables.items()
        }
        assert keys == {
            "SecretRotationTable": [("ClientId", "HASH")],
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
            "AuthorizationsTable": [("AuthorizationId", "HASH"), ("SellerIdIndex", "SellerId")],
            "ListingsTable": [
                ("SubmissionId", "HASH"),
                ("SellerId", "RANGE"),
                ("SellerIdReceivedTimeIndex", "SellerId", "ReceivedTime"),
                ("OpenDueTimeIndex", "Open", "DueTime"),
            ],
            "ListingFeedsTable": [
                ("FeedRequestId", "HASH"),
                ("SellerId", "RANGE"),
                ("SellerIdReceivedTimeIndex", "SellerId", "ReceivedTime"),
                ("OpenDueTimeIndex", "Open", "DueTime"),
            ],
            "ProductTypesTable": [
                ("Collection", "HASH"),
                ("Entry", "RANGE"),
                ("MarketplaceIdChangeOrderIndex", "MarketplaceId", "ChangeOrder"),
                ("SellerIdIndex", "SellerId", "Entry"),
            ],
        }

    def test_keys_rotate(self, templates: Templates) -> None:
        keys = resources(templates, "AWS::KMS::Key")
        assert keys
        assert all(key.properties["EnableKeyRotation"] is True for key in keys)

    def test_buckets(self, templates: Templates) -> None:
        buckets = {bucket.name: bucket for bucket in resources(templates, "AWS::S3::Bucket")}
        # Schemas stay: what changed is compared with them. Only the lists of what a pull fetches go.
        expiry = {
            "ReportsBucket": ("", "ReportRetentionDays"),
            "ProductTypesBucket": ("pulls/", "90"),
            "ListingFeedsBucket": ("", "ListingRetentionDays"),
        }
        assert set(buckets) == set(expiry)
        for name, bucket in buckets.items():
            assert set(bucket.properties["PublicAccessBlockConfiguration"].values()) == {True}
            assert len(bucket.properties["PublicAccessBlockConfiguration"]) == 4
            assert bucket.properties["VersioningConfiguration"] == {"Status": "Enabled"}
            rules = bucket.properties["LifecycleConfiguration"]["Rules"]
            assert {rule["Status"] for rule in rules} == {"Enabled"}
            effects: dict[str, Any] = {key: value for rule in rules for key, value in rule.items()}
            assert (effects.get("Prefix", ""), str(rendered(effects["ExpirationInDays"]))) == expiry[name]
            assert effects["AbortIncompleteMultipartUpload"] == {"DaysAfterInitiation": 1}
            assert effects["NoncurrentVersionExpiration"]["NoncurrentDays"] > 0

    def test_only_the_bucket_of_uploads_sends_events(self, templates: Templates) -> None:
        sending = {
            bucket.name: bucket.properties["NotificationConfiguration"]
            for bucket in resources(templates, "AWS::S3::Bucket")
            if "NotificationConfiguration" in bucket.properties
        }
        assert sending == {"ListingFeedsBucket": {"EventBridgeConfiguration": {"EventBridgeEnabled": True}}}

    def test_layers_keep_no_old_version(self, templates: Templates) -> None:
        layers = resources(templates, "AWS::Lambda::LayerVersion")
        assert len(layers) == 4
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

    def test_the_sweep_runs_once_a_day(self, templates: Templates) -> None:
        rule = one(templates, "ReportSweepRule").properties
        assert rule["ScheduleExpression"] == "rate(1 day)"
        (target,) = rule["Targets"]
        assert rendered(target["Arn"]) == "SPAPIReportSweep.Arn"

    def test_submissions_are_swept_every_five_minutes(self, templates: Templates) -> None:
        rule = one(templates, "ListingSweepRule").properties
        assert rule["ScheduleExpression"] == "rate(5 minutes)"
        (target,) = rule["Targets"]
        assert rendered(target["Arn"]) == "SPAPIListingSweep.Arn"
        assert one(templates, "SPAPIListingSweep").properties["Timeout"] < 300

    def test_events_of_feeds_reach_their_function(self, templates: Templates) -> None:
        upload, notice, failure, swept = (
            one(templates, f"ListingFeed{name}Rule").properties for name in ("Upload", "Notice", "Failure", "Sweep")
        )
        assert upload["EventPattern"] == {
            "source": ["aws.s3"],
            "detail-type": ["Object Created"],
            "detail": {"bucket": {"name": [{"Ref": "ListingFeedsBucket"}]}, "object": {"key": [{"suffix": "/upload"}]}},
        }
        assert notice["EventPattern"] == {
            "source": ["selling-partner-api"],
            "detail-type": ["FEED_PROCESSING_FINISHED"],
        }
        assert notice["EventBusName"] == {"Ref": "NotificationEventBusName"}
        assert failure["EventPattern"]["detail"] == {
            "stateMachineArn": [{"Ref": "ListingFeed"}],
            "status": ["FAILED", "TIMED_OUT", "ABORTED"],
        }
        assert swept["ScheduleExpression"] == "rate(15 minutes)"
        assert one(templates, "SPAPIListingFeedEvents").properties["Timeout"] < 15 * 60
        for rule in (upload, notice, failure, swept):
            assert [rendered(target["Arn"]) for target in rule["Targets"]] == ["SPAPIListingFeedEvents.Arn"]

    def test_what_a_rule_or_its_function_cannot_do_goes_to_a_queue(self, templates: Templates) -> None:
        for rule in resources(templates, "AWS::Events::Rule"):
            for target in rule.properties["Targets"]:
                queue = rendered(target["DeadLetterConfig"]["Arn"])
                if one(templates, rendered(target["Arn"]).removesuffix(".Arn")).type == "AWS::SQS::Queue":
                    continue
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
            elif queue.name in ("SecretQueue", "SecretDeadLetterQueue"):
                # Live credentials: under the key of the refresh tokens.
                assert rendered(queue.properties["KmsMasterKeyId"]) == "TokenKeyArn", queue
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
            # A message keeps its age when it moves. A new secret is kept as long as SQS can, and moves within hours.
            kept, longest = queues[name].properties["MessageRetentionPeriod"], 1209600
            assert queues[target].properties["MessageRetentionPeriod"] > kept or (name, kept) == (
                "SecretQueue",
                longest,
            )
            assert queues[name].properties["RedrivePolicy"]["maxReceiveCount"] >= 5
        for target in dead_letter_queues:
            assert queues[target].properties["MessageRetentionPeriod"] == 1209600
            alarms = self.alarms(templates, target)
            assert len(alarms) == 1, f"{target} needs one alarm"
            (alarm,) = alarms
            assert alarm.properties["MetricName"] == "ApproximateNumberOfMessagesVisible"
            assert (alarm.properties["Threshold"], alarm.properties["Period"]) == (1, 60)
        for name in ("NotificationsQueue", "OrdersQueue", "ConsentsQueue", "SecretQueue"):
            # A message may wait for an operator for hours before it is a dead letter.
            (alarm,) = [alarm for alarm in self.alarms(templates, name) if alarm.name != "NoNotificationAlarm"]
            assert alarm.properties["MetricName"] == "ApproximateAgeOfOldestMessage"
            assert (alarm.properties["Statistic"], alarm.properties["Threshold"]) == ("Maximum", 3600)

    @staticmethod
    def alarms(templates: Templates, queue: str) -> list[Resource]:
        return [
            alarm
            for alarm in resources(templates, "AWS::CloudWatch::Alarm")
            for dimension in alarm.properties.get("Dimensions", [])
            if rendered(dimension["Value"]) == f"{queue}.QueueName"
        ]

    def test_event_sources(self, templates: Templates) -> None:
        sources = resources(templates, "AWS::Lambda::EventSourceMapping")
        assert sources
        for source in sources:
            if source.properties["EventSourceArn"] == {"Ref": "SellingPartnersStreamArn"}:
                continue
            queue = one(templates, rendered(source.properties["EventSourceArn"]).removesuffix(".Arn"))
            function = functions(templates)[rendered(source.properties["FunctionName"])]
            window = source.properties.get("MaximumBatchingWindowInSeconds", 0)
            assert queue.properties["VisibilityTimeout"] == 6 * function.properties["Timeout"] + window
            assert source.properties["BatchSize"] == {"SecretQueue": 1, "ListingDigestQueue": 1000}.get(queue.name, 10)
            assert source.properties["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
            assert source.properties["ScalingConfig"]["MaximumConcurrency"] >= 2
            assert "FilterCriteria" not in source.properties


class TestStream:
    def test_the_table_has_a_stream_where_connections_are_reported(self, templates: Templates) -> None:
        stream = one(templates, "SellingPartnersTable").properties["StreamSpecification"]
        on = {"StreamViewType": "NEW_AND_OLD_IMAGES"}
        assert stream == {"Fn::If": ["ReportsConnections", on, {"Ref": "AWS::NoValue"}]}
        assert one(templates, "Foundation").properties["Parameters"]["ConnectionEvents"] == {
            "Ref": "AuthorizationEnabled"
        }

    def test_a_change_that_cannot_be_reported_is_not_lost(self, templates: Templates) -> None:
        (source,) = [
            source.properties
            for source in resources(templates, "AWS::Lambda::EventSourceMapping")
            if source.properties["EventSourceArn"] == {"Ref": "SellingPartnersStreamArn"}
        ]
        assert source["StartingPosition"] == "TRIM_HORIZON"
        assert source["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
        assert source["BisectBatchOnFunctionError"] is True
        queue = rendered(source["DestinationConfig"]["OnFailure"]["Destination"])
        assert queue == "ConnectionsDeadLetterQueue.Arn"


class TestAlarms:
    def test_every_alarm_reaches_the_topic(self, templates: Templates) -> None:
        alarms = resources(templates, "AWS::CloudWatch::Alarm")
        for alarm in alarms:
            topic = "AlarmTopic" if alarm.template == "foundation" else "AlarmTopicArn"
            assert [rendered(action) for action in alarm.properties["AlarmActions"]] == [topic], alarm
            silence = alarm.name == "NoNotificationAlarm"
            assert alarm.properties["TreatMissingData"] == ("breaching" if silence else "notBreaching"), alarm
            fewer = silence or alarm.properties["MetricName"] == "ClientSecretDaysLeft"
            expected = "LessThanThreshold" if fewer else "GreaterThanOrEqualToThreshold"
            assert alarm.properties["ComparisonOperator"] == expected, alarm

    def test_silence_is_an_alarm_if_the_operator_says_after_how_long(self, templates: Templates) -> None:
        alarm = one(templates, "NoNotificationAlarm")
        assert alarm.definition["Condition"] == "AlarmsOnSilence"
        assert [rendered(dimension["Value"]) for dimension in alarm.properties["Dimensions"]] == [
            "NotificationsQueue.QueueName"
        ]
        assert (alarm.properties["MetricName"], alarm.properties["Statistic"]) == ("NumberOfMessagesSent", "Sum")
        assert (alarm.properties["Period"], alarm.properties["Threshold"]) == (3600, 1)
        assert rendered(alarm.properties["EvaluationPeriods"]) == "NoNotificationHours"
        hours = templates[ROOT]["Parameters"]["NoNotificationHours"]
        # PutMetricAlarm, EvaluationPeriods: seven days for periods of an hour.
        assert (hours["Default"], hours["MaxValue"] * 3600) == (0, 7 * 86400)

    def test_every_way_in_which_an_execution_can_fail_has_an_alarm(self, templates: Templates) -> None:
        watched: dict[str, set[str]] = {}
        for alarm in resources(templates, "AWS::CloudWatch::Alarm"):
            if alarm.properties["Namespace"] == "AWS/States":
                (dimension,) = alarm.properties["Dimensions"]
                watched.setdefault(rendered(dimension["Value"]), set()).add(alarm.properties["MetricName"])
        expected = {"ExecutionsFailed", "ExecutionsAborted"}
        # The definition of solicitation has no TimeoutSeconds.
        assert watched == {
            "ReportProcessor": {*expected, "ExecutionsTimedOut"},
            "ProductTypePull": {*expected, "ExecutionsTimedOut"},
            "Listing": {*expected, "ExecutionsTimedOut"},
            "ListingFeed": {*expected, "ExecutionsTimedOut"},
            "Solicitation": expected,
        }
        assert "TimeoutSeconds" not in json.loads((TEMPLATES / "statemachines/solicitation.asl.json").read_text())

    def test_the_alarms_of_the_client_secret_watch_what_the_functions_publish(self, templates: Templates) -> None:
        alarms = {
            (alarm.properties["MetricName"], alarm.properties["Threshold"]): alarm
            for alarm in resources(templates, "AWS::CloudWatch::Alarm")
            if rendered(alarm.properties["MetricName"]).startswith("ClientSecret")
        }
        assert set(alarms) == {
            ("ClientSecretDaysLeft", 30),
            ("ClientSecretDaysLeft", 7),
            ("ClientSecretRotationProblem", 1),
            ("ClientSecretRefused", 1),
        }
        for alarm in alarms.values():
            assert alarm.properties["Namespace"] == METRIC_NAMESPACE, alarm
            (dimension,) = alarm.properties["Dimensions"]
            assert dimension["Name"] == SECRET_DIMENSION, alarm
            assert rendered(dimension["Value"]) in ("ApplicationSecretArn", "ApplicationSecret.Id"), alarm

    def test_topics_write_to_the_given_address(self, templates: Templates) -> None:
        addresses = {
            topic.name: [(s["Protocol"], rendered(s["Endpoint"])) for s in topic.properties["Subscription"]]
            for topic in resources(templates, "AWS::SNS::Topic")
        }
        assert addresses == {
            "AlarmTopic": [("email", "AlarmEmail")],
            "ReportTopic": [("email", "ReportStorageNotificationEmail")],
            "ListingTopic": [("email", "NotificationEmail")],
            "ListingFeedTopic": [("email", "NotificationEmail")],
        }
        foundation = children(templates)["foundation"].properties["Parameters"]
        assert rendered(foundation["AlarmEmail"]) == "ReportStorageNotificationEmail"

    def test_a_topic_that_carries_links_is_encrypted(self, templates: Templates) -> None:
        for topic in ("ReportTopic", "ListingFeedTopic"):
            assert one(templates, topic).properties["KmsMasterKeyId"] == "alias/aws/sns"


class TestAccessLogs:
    """What each line contains: API Gateway Developer Guide, "Variables for access logging for API Gateway"."""

    def test_every_api_writes_one_that_says_who_called(self, templates: Templates) -> None:
        stages = [
            stage for stage in resources(templates, "AWS::ApiGateway::Stage") if stage.template != "authorization"
        ]
        assert len(stages) == 6
        for stage in stages:
            condition, setting, otherwise = stage.properties["AccessLogSetting"]["Fn::If"]
            assert (condition, otherwise) == ("WritesAccessLogs", {"Ref": "AWS::NoValue"})
            group = one(templates, rendered(setting["DestinationArn"]).removesuffix(".Arn"))
            assert group.template == stage.template
            assert group.properties == {"RetentionInDays": {"Ref": "LogRetentionDays"}}
            variables = set(re.findall(r"\$context\.[A-Za-z.]+", setting["Format"]))
            for needed in ("requestId", "identity.userArn", "status", "responseLatency", "httpMethod", "resourcePath"):
                assert f"$context.{needed}" in variables
            # A path has sellers' ids.
            assert not variables & {"$context.path", "$context.customDomain.basePathMatched"}
            filled = re.sub(r"\$context\.[A-Za-z.]+", "403", setting["Format"])
            assert json.loads(filled)["status"] == 403
            assert "\n" not in setting["Format"]

    def test_both_alarms_count_the_requests_of_all(self, templates: Templates) -> None:
        filters = resources(templates, "AWS::Logs::MetricFilter")
        for alarm, pattern, threshold in (
            ("ApiServerErrorsAlarm", "{ $.status >= 500 }", 5),
            ("ApiDeniedAlarm", "{ $.status = 403 }", 20),
        ):
            watched = one(templates, alarm).properties
            assert (watched["Statistic"], watched["Period"], watched["Threshold"]) == ("Sum", 300, threshold)
            counted = []
            for each in filters:
                (metric,) = each.properties["MetricTransformations"]
                if metric["MetricName"] == watched["MetricName"]:
                    assert metric["MetricNamespace"] == watched["Namespace"]
                    assert (each.properties["FilterPattern"], metric["MetricValue"]) == (pattern, "1")
                    counted.append(rendered(each.properties["LogGroupName"]))
            apis = (
                "ListingFeeds",
                "Listings",
                "NotificationsSubscriber",
                "ProductTypes",
                "ReportCreator",
                "TokenStorage",
            )
            assert sorted(counted) == [f"{api}AccessLogGroupName" for api in apis]
            parameters = one(templates, "Monitoring").properties["Parameters"]
            for name in counted:
                assert f".Outputs.{name}" in rendered(parameters[name])


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
            "SecretRotation": "secret-rotation",
            "Reports": "reports",
            "Solicitations": "solicitations",
            "Notifications": "notifications",
            "ProductTypes": "product-types",
            "Listings": "listings",
            "ListingFeeds": "listing-feeds",
            "Authorization": "authorization",
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
        versions = {source, VERSION, python, node, lock["version"], lock["packages"][""]["version"]}
        assert versions == {released_versions(CHECKOUT)[0]}
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
        assert conditional == {
            "Solicitations",
            "ProductTypes",
            "Listings",
            "ListingFeeds",
            "Authorization",
            "SecretRotation",
        }
        for name, output in root["Outputs"].items():
            assert (output.get("Condition") == "RequestsReviews") == ("Solicitations" in names_used(output["Value"])), (
                name
            )
        queue = one(templates, "Notifications").properties["Parameters"]["OrdersQueueArn"]
        assert rendered(queue) == "Solicitations.Outputs.OrdersQueueArn if RequestsReviews else "
        assert "Notifications" not in str(one(templates, "Solicitations").properties["Parameters"])

    def test_authorization_is_switched_on_by_a_parameter(self, templates: Templates) -> None:
        """It needs a public application, and opens public paths."""
        root = templates[ROOT]
        assert root["Conditions"]["ConnectsThemselves"] == {"Fn::Equals": [{"Ref": "AuthorizationEnabled"}, "Yes"]}
        assert root["Parameters"]["AuthorizationEnabled"]["Default"] == "No"
        for name, output in root["Outputs"].items():
            conditional = output.get("Condition") in ("ConnectsThemselves", "SubscribesAtOnce")
            assert conditional == ("Authorization" in names_used(output["Value"])), name
        (assertion,) = root["Rules"]["Authorization"]["Assertions"]
        assert "ApplicationId" in names_used(assertion["Assert"])
        assert "AuthorizationLoginPage" in names_used(assertion["Assert"])

    def test_the_rotation_can_be_left_out(self, templates: Templates) -> None:
        root = templates[ROOT]
        assert root["Conditions"]["RotatesSecret"] == {"Fn::Equals": [{"Ref": "SecretRotationEnabled"}, "Yes"]}
        assert root["Parameters"]["SecretRotationEnabled"]["Default"] == "Yes"
        assert one(templates, "SecretRotation").definition["Condition"] == "RotatesSecret"
        for name, output in root["Outputs"].items():
            assert (output.get("Condition") == "RotatesSecret") == ("SecretRotation" in names_used(output["Value"])), (
                name
            )

    def test_a_rotation_leaves_time_for_a_second_one(self, templates: Templates) -> None:
        """The old secret works for seven days after a rotation; the alarm rings when one did not work."""
        days = templates[ROOT]["Parameters"]["RotateSecretDaysBefore"]
        assert (days["MinValue"], days["MaxValue"], days["Default"]) == (30, 150, 30)

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
            ["amzn1.application-oa2-client.0123456789abcdef", "amzn1.application-oa2-client.a-b_c"],
            ["", "amzn1.application-oa2-client. abc", 'amzn1.application-oa2-client."'],
        ),
        (
            "ClientSecret",
            ["0123456789abcdef0123456789abcdef", "amzn1.oa2-cs.v1.0123456789abcdef", "of|another:form"],
            ["", '0123456789abcdef"', "0123456789abcdef\\", "0123456789 abcdef"],
        ),
        ("ReportStorageNotificationEmail", ["a@example.com"], ["", "a", "a@b", "a b@example.com"]),
        ("AccessKey", ["", "AKIAIOSFODNN7EXAMPLE"], ["AKIA", "AKIAIOSFODNN7-EXAMPLE"]),
        (
            "SecretKey",
            ["", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"],
            ["wJalr XUtn", 'wJalrXUtnFEMI"K7MDENG/bPxRfiCYEXAMPLEKEY'],
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
