"""Who may do what: every grant of the templates, written down a second time."""

import re

import pytest

from tests.templates.reading import Resource, Template, listed, rendered, resources, statements
from tests.templates.test_resources import METHODS, PUBLIC, one
from tests.templates.test_tracing import FUNCTION, STATE_MACHINE

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
EXECUTIONS_OF_REPORTS = rendered(
    {
        "Fn::Sub": [
            "arn:${AWS::Partition}:states:${AWS::Region}:${AWS::AccountId}:execution:${Name}:*",
            {"Name": {"Fn::Select": [6, {"Fn::Split": [":", {"Ref": "ReportProcessorArn"}]}]}},
        ]
    }
)
SELLERS = f"{TABLES}${{SellingPartnersTableName}}"
ORDERS = f"{TABLES}${{SolicitationsTableName}}"
WITH_PRODUCT_TYPES = " if FetchesProductTypes else AWS::NoValue"
EXECUTIONS_OF_PULLS = (
    "arn:${AWS::Partition}:states:${AWS::Region}:${AWS::AccountId}:execution:${ProductTypePull.Name}:*"
)
EXECUTIONS_OF_LISTINGS = "arn:${AWS::Partition}:states:${AWS::Region}:${AWS::AccountId}:execution:${Listing.Name}:*"
EXECUTIONS_OF_FEEDS = "arn:${AWS::Partition}:states:${AWS::Region}:${AWS::AccountId}:execution:${ListingFeed.Name}:*"
FEED_FILES, FEED_UPLOADS = "${ListingFeedsBucket.Arn}/*", "${ListingFeedsBucket.Arn}/*/upload"
FEEDS_BUCKET = "arn:${AWS::Partition}:s3:::${ListingFeedsBucketName}"
WITH_FEEDS = " if PublishesListingFeeds else AWS::NoValue"
CONTENTS, DOCUMENTS, LISTS = (
    f"${{ProductTypesBucket.Arn}}/{folder}/*" for folder in ("contents", "documents", "pulls")
)
WITH_LISTINGS = " if PublishesListings else AWS::NoValue"
SCHEMAS_OF_LISTINGS = "arn:${AWS::Partition}:s3:::${ProductTypesBucketName}"
WITH_REVIEWS = " if RequestsReviews else AWS::NoValue"
ATTEMPTS = f"{TABLES}${{AuthorizationsTableName}}"
WITH_CONNECTIONS = " if ConnectsThemselves else AWS::NoValue"
KEYS = "arn:${AWS::Partition}:kms:${AWS::Region}:${AWS::AccountId}:key/*"
BUS = "arn:${AWS::Partition}:events:${AWS::Region}:${AWS::AccountId}:event-bus/${NotificationEventBusName}"
BUCKET = "arn:${AWS::Partition}:s3:::${ReportsBucketName}"
PULLING = ("DeleteItem", "GetItem", "PutItem", "Query", "UpdateItem")
SECRETS = {
    ("secretsmanager:GetSecretValue", "ApplicationSecretArn"),
    ("secretsmanager:GetSecretValue", "SigningSecretArn if SignsRequests else AWS::NoValue"),
}
# To use a token: read it, and record whether LWA accepts it and what LWA returned in its place.
USE_TOKENS = {
    ("kms:Decrypt", "TokenKeyArn"),
    ("kms:Encrypt", "TokenKeyArn"),
    ("dynamodb:GetItem", SELLERS),
    ("dynamodb:UpdateItem", SELLERS),
}

# AWS offers nothing narrower than a group for schedules that are yet to be made.
SCHEDULES = "arn:${AWS::Partition}:scheduler:${AWS::Region}:${AWS::AccountId}:schedule/${SolicitationScheduleGroup}/*"
SOLICITATION_STEP = {
    *USE_TOKENS,
    ("dynamodb:BatchGetItem", SELLERS),
    ("dynamodb:BatchGetItem", "SolicitationsTable.Arn"),
    ("dynamodb:PutItem", "SolicitationsTable.Arn"),
    *SECRETS,
}

ROTATION = {
    ("secretsmanager:DescribeSecret", "ApplicationSecretArn"),
    ("secretsmanager:PutSecretValue", "ApplicationSecretArn"),
    ("secretsmanager:UpdateSecretVersionStage", "ApplicationSecretArn"),
    ("dynamodb:GetItem", "SecretRotationTable.Arn"),
    ("dynamodb:UpdateItem", "SecretRotationTable.Arn"),
    *SECRETS,
}

FUNCTION_GRANTS = {
    "SPAPISecretRotator": {*ROTATION, ("sqs:SendMessage", "SecretRotationFailuresDeadLetterQueue.Arn")},
    "SPAPISecretReceiver": {
        *ROTATION,
        ("kms:Decrypt", "TokenKeyArn"),
        ("sqs:ReceiveMessage", "SecretQueue.Arn"),
        ("sqs:DeleteMessage", "SecretQueue.Arn"),
        ("sqs:GetQueueAttributes", "SecretQueue.Arn"),
        ("sqs:ChangeMessageVisibility", "SecretQueue.Arn"),
    },
    "SPAPITokenStorage": {
        ("kms:Encrypt", "TokenKeyArn"),
        ("dynamodb:PutItem", SELLERS),
        ("secretsmanager:GetSecretValue", "ApplicationSecretArn"),
    },
    "SPAPISellerRemoval": {
        *USE_TOKENS,
        ("dynamodb:Query", SELLERS),
        ("dynamodb:DeleteItem", SELLERS),
        ("dynamodb:Query", f"{TABLES}${{ReportsTableName}}/index/SellerIdCreatedTimeIndex"),
        ("dynamodb:BatchWriteItem", f"{TABLES}${{ReportsTableName}}"),
        ("dynamodb:Query", f"{ORDERS}/index/SellerIdDueTimeIndex{WITH_REVIEWS}"),
        ("dynamodb:BatchWriteItem", f"{ORDERS}{WITH_REVIEWS}"),
        ("dynamodb:Query", f"{TABLES}${{ProductTypesTableName}}/index/SellerIdIndex{WITH_PRODUCT_TYPES}"),
        ("dynamodb:BatchWriteItem", f"{TABLES}${{ProductTypesTableName}}{WITH_PRODUCT_TYPES}"),
        ("dynamodb:Query", f"{TABLES}${{ListingsTableName}}/index/SellerIdReceivedTimeIndex{WITH_LISTINGS}"),
        ("dynamodb:BatchWriteItem", f"{TABLES}${{ListingsTableName}}{WITH_LISTINGS}"),
        ("dynamodb:Query", f"{TABLES}${{ListingFeedsTableName}}/index/SellerIdReceivedTimeIndex{WITH_FEEDS}"),
        ("dynamodb:BatchWriteItem", f"{TABLES}${{ListingFeedsTableName}}{WITH_FEEDS}"),
        ("s3:ListBucketVersions", f"{FEEDS_BUCKET}{WITH_FEEDS}"),
        ("s3:DeleteObject", f"{FEEDS_BUCKET}/*{WITH_FEEDS}"),
        ("s3:DeleteObjectVersion", f"{FEEDS_BUCKET}/*{WITH_FEEDS}"),
        ("dynamodb:Query", f"{ATTEMPTS}/index/SellerIdIndex{WITH_CONNECTIONS}"),
        ("dynamodb:BatchWriteItem", f"{ATTEMPTS}{WITH_CONNECTIONS}"),
        ("s3:ListBucketVersions", BUCKET),
        ("s3:DeleteObject", f"{BUCKET}/*"),
        ("s3:DeleteObjectVersion", f"{BUCKET}/*"),
        *SECRETS,
    },
    "SPAPINotificationsSubscriber": {
        *USE_TOKENS,
        ("dynamodb:PutItem", SELLERS),
        ("dynamodb:Query", SELLERS),
        ("dynamodb:DeleteItem", SELLERS),
        *SECRETS,
    },
    "SPAPIReportCreator": {
        ("dynamodb:DeleteItem", "ReportsTable.Arn"),
        *USE_TOKENS,
        ("dynamodb:GetItem", "ReportsTable.Arn"),
        ("dynamodb:PutItem", "ReportsTable.Arn"),
        ("dynamodb:UpdateItem", "ReportsTable.Arn"),
        *SECRETS,
    },
    "SPAPIReportSchedules": {*USE_TOKENS, *SECRETS},
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
        ("kms:Decrypt", KEYS),
        ("kms:GenerateDataKey", KEYS),
        ("dynamodb:Query", f"{TABLES}${{ReportsTableName}}"),
        ("dynamodb:Query", SELLERS),
        ("dynamodb:Query", f"{SELLERS}/index/SubscriptionIdIndex"),
        ("states:StartExecution", "ReportProcessorArn"),
        ("states:DescribeExecution", EXECUTIONS_OF_REPORTS),
    },
    "SPAPIReportDocumentRetrieval": {
        ("dynamodb:DeleteItem", "ReportsTable.Arn"),
        *USE_TOKENS,
        ("dynamodb:GetItem", "ReportsTable.Arn"),
        ("dynamodb:UpdateItem", "ReportsTable.Arn"),
        *SECRETS,
    },
    "SPAPIReportDocumentStorage": {
        ("s3:ListBucketVersions", "ReportsBucket.Arn"),
        ("s3:DeleteObject", "${ReportsBucket.Arn}/*"),
        ("s3:DeleteObjectVersion", "${ReportsBucket.Arn}/*"),
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
        ("dynamodb:DeleteItem", "ReportsTable.Arn"),
        ("dynamodb:GetItem", SELLERS),
        ("states:DescribeExecution", EXECUTIONS),
        ("sns:Publish", "ReportTopic"),
        ("dynamodb:GetItem", "ReportsTable.Arn"),
        ("dynamodb:UpdateItem", "ReportsTable.Arn"),
        ("sqs:SendMessage", "ReportFailuresDeadLetterQueue.Arn"),
    },
    "SPAPIReportSweep": {
        ("dynamodb:DeleteItem", "ReportsTable.Arn"),
        ("dynamodb:GetItem", SELLERS),
        ("states:ListExecutions", "ReportProcessor"),
        ("states:DescribeExecution", EXECUTIONS),
        ("sns:Publish", "ReportTopic"),
        ("dynamodb:GetItem", "ReportsTable.Arn"),
        ("dynamodb:Scan", "ReportsTable.Arn"),
        ("dynamodb:UpdateItem", "ReportsTable.Arn"),
        ("sqs:SendMessage", "ReportFailuresDeadLetterQueue.Arn"),
    },
    "SPAPIProductTypePulls": {
        ("dynamodb:GetItem", SELLERS),
        *((f"dynamodb:{action}", "ProductTypesTable.Arn") for action in PULLING),
        ("states:StartExecution", "ProductTypePull"),
        ("states:DescribeExecution", EXECUTIONS_OF_PULLS),
        ("states:StopExecution", EXECUTIONS_OF_PULLS),
    },
    "SPAPIProductTypeCatalogue": {
        *((f"dynamodb:{action}", "ProductTypesTable.Arn") for action in PULLING if action != "UpdateItem"),
        ("dynamodb:Query", "${ProductTypesTable.Arn}/index/MarketplaceIdChangeOrderIndex"),
        ("s3:ListBucket", "ProductTypesBucket.Arn"),
        ("s3:GetObject", CONTENTS),
        ("s3:PutObject", DOCUMENTS),
        ("sts:AssumeRole", "SchemaReaderRole.Arn"),
    },
    "SPAPIProductTypeSearch": {
        *USE_TOKENS,
        ("dynamodb:GetItem", "ProductTypesTable.Arn"),
        ("dynamodb:PutItem", "ProductTypesTable.Arn"),
        ("dynamodb:UpdateItem", "ProductTypesTable.Arn"),
        ("s3:PutObject", LISTS),
        *SECRETS,
    },
    "SPAPIProductTypeFetcher": {
        *USE_TOKENS,
        *((f"dynamodb:{action}", "ProductTypesTable.Arn") for action in PULLING),
        ("s3:GetObject", LISTS),
        ("s3:GetObject", CONTENTS),
        ("s3:PutObject", CONTENTS),
        ("s3:ListBucket", "ProductTypesBucket.Arn"),
        ("events:PutEvents", BUS),
        *SECRETS,
    },
    "SPAPIProductTypeRefresh": {
        ("dynamodb:GetItem", SELLERS),
        ("dynamodb:DeleteItem", "ProductTypesTable.Arn"),
        ("dynamodb:PutItem", "ProductTypesTable.Arn"),
        ("dynamodb:Query", "ProductTypesTable.Arn"),
        ("states:StartExecution", "ProductTypePull"),
        ("sqs:SendMessage", "ProductTypeRefreshDeadLetterQueue.Arn"),
    },
    "SPAPIListingSubmissions": {
        *USE_TOKENS,
        ("dynamodb:GetItem", "ListingsTable.Arn"),
        ("dynamodb:PutItem", "ListingsTable.Arn"),
        ("dynamodb:UpdateItem", "ListingsTable.Arn"),
        ("dynamodb:DeleteItem", f"{TABLES}${{ProductTypesTableName}}"),
        ("dynamodb:GetItem", f"{TABLES}${{ProductTypesTableName}}"),
        ("dynamodb:PutItem", f"{TABLES}${{ProductTypesTableName}}"),
        ("dynamodb:UpdateItem", f"{TABLES}${{ProductTypesTableName}}"),
        ("s3:GetObject", f"{SCHEMAS_OF_LISTINGS}/contents/*"),
        ("s3:PutObject", f"{SCHEMAS_OF_LISTINGS}/contents/*"),
        ("s3:ListBucket", SCHEMAS_OF_LISTINGS),
        ("events:PutEvents", BUS),
        ("states:DescribeExecution", EXECUTIONS_OF_LISTINGS),
        ("states:StartExecution", "Listing"),
        *SECRETS,
    },
    "SPAPIListingReader": {
        *USE_TOKENS,
        ("dynamodb:GetItem", "ListingsTable.Arn"),
        ("dynamodb:Query", "${ListingsTable.Arn}/index/SellerIdReceivedTimeIndex"),
        *SECRETS,
    },
    "SPAPIListingSender": {
        *USE_TOKENS,
        ("dynamodb:GetItem", "ListingsTable.Arn"),
        ("dynamodb:UpdateItem", "ListingsTable.Arn"),
        ("events:PutEvents", BUS),
        ("states:StartExecution", "Listing"),
        *SECRETS,
    },
    "SPAPIListingFollower": {
        *USE_TOKENS,
        ("dynamodb:GetItem", "ListingsTable.Arn"),
        ("dynamodb:UpdateItem", "ListingsTable.Arn"),
        ("events:PutEvents", BUS),
        ("states:SendTaskSuccess", "*"),
        *SECRETS,
    },
    "SPAPIListingFailures": {
        ("dynamodb:GetItem", "ListingsTable.Arn"),
        ("dynamodb:UpdateItem", "ListingsTable.Arn"),
        ("events:PutEvents", BUS),
        ("states:StartExecution", "Listing"),
        ("sqs:SendMessage", "ListingFailuresDeadLetterQueue.Arn"),
    },
    "SPAPIListingSweep": {
        ("dynamodb:GetItem", "ListingsTable.Arn"),
        ("dynamodb:Query", "${ListingsTable.Arn}/index/OpenDueTimeIndex"),
        ("dynamodb:UpdateItem", "ListingsTable.Arn"),
        ("events:PutEvents", BUS),
        ("states:DescribeExecution", EXECUTIONS_OF_LISTINGS),
        ("states:StartExecution", "Listing"),
        ("sqs:SendMessage", "ListingFailuresDeadLetterQueue.Arn"),
    },
    "SPAPIListingNotices": {
        ("sqs:ReceiveMessage", "ListingNoticesQueue.Arn"),
        ("sqs:DeleteMessage", "ListingNoticesQueue.Arn"),
        ("sqs:GetQueueAttributes", "ListingNoticesQueue.Arn"),
        ("sqs:ChangeMessageVisibility", "ListingNoticesQueue.Arn"),
        ("sqs:SendMessage", "ListingNoticesDeadLetterQueue.Arn"),
        ("dynamodb:GetItem", "ListingsTable.Arn"),
        ("dynamodb:Query", "ListingsTable.Arn"),
        ("dynamodb:UpdateItem", "ListingsTable.Arn"),
        ("states:SendTaskSuccess", "*"),
    },
    "SPAPIListingDigest": {
        ("sqs:ReceiveMessage", "ListingDigestQueue.Arn"),
        ("sqs:DeleteMessage", "ListingDigestQueue.Arn"),
        ("sqs:GetQueueAttributes", "ListingDigestQueue.Arn"),
        ("sqs:ChangeMessageVisibility", "ListingDigestQueue.Arn"),
        ("sqs:SendMessage", "ListingDigestDeadLetterQueue.Arn"),
        ("sns:Publish", "ListingTopic"),
    },
    "SPAPIListingFeeds": {
        ("dynamodb:GetItem", SELLERS),
        ("dynamodb:GetItem", "ListingFeedsTable.Arn"),
        ("dynamodb:PutItem", "ListingFeedsTable.Arn"),
        ("dynamodb:Query", "${ListingFeedsTable.Arn}/index/SellerIdReceivedTimeIndex"),
        ("s3:GetObject", FEED_FILES),
        ("s3:ListBucket", "ListingFeedsBucket.Arn"),
        ("sts:AssumeRole", "ListingFeedLinkRole.Arn"),
    },
    "SPAPIListingFeedWorker": {
        *USE_TOKENS,
        *((f"dynamodb:{action}", "ListingFeedsTable.Arn") for action in ("GetItem", "PutItem", "UpdateItem")),
        *(
            (f"dynamodb:{action}", f"{TABLES}${{ListingsTableName}}")
            for action in ("BatchGetItem", "BatchWriteItem", "DeleteItem", "GetItem", "PutItem", "UpdateItem")
        ),
        ("s3:GetObject", FEED_FILES),
        ("s3:PutObject", FEED_FILES),
        ("s3:AbortMultipartUpload", FEED_FILES),
        ("s3:ListBucket", "ListingFeedsBucket.Arn"),
        ("sts:AssumeRole", "ListingFeedLinkRole.Arn"),
        ("events:PutEvents", BUS),
        ("sns:Publish", "ListingFeedTopic"),
        ("states:StartExecution", "ListingStateMachineArn"),
        ("states:SendTaskSuccess", "*"),
        *SECRETS,
    },
    "SPAPIListingFeedEvents": {
        *((f"dynamodb:{action}", "ListingFeedsTable.Arn") for action in ("GetItem", "Query", "UpdateItem")),
        ("dynamodb:Query", "${ListingFeedsTable.Arn}/index/OpenDueTimeIndex"),
        ("s3:GetObject", FEED_UPLOADS),
        ("s3:ListBucket", "ListingFeedsBucket.Arn"),
        ("states:StartExecution", "ListingFeed"),
        ("states:DescribeExecution", EXECUTIONS_OF_FEEDS),
        ("states:SendTaskSuccess", "*"),
        ("sqs:SendMessage", "ListingFeedEventsDeadLetterQueue.Arn"),
    },
    "SPAPISolicitationScheduler": {
        ("dynamodb:DeleteItem", "SolicitationsTable.Arn"),
        ("events:PutEvents", BUS),
        ("sqs:SendMessage", "OrdersDeadLetterQueue.Arn"),
        ("dynamodb:Query", SELLERS),
        ("dynamodb:Query", f"{SELLERS}/index/SubscriptionIdIndex"),
        ("sqs:ReceiveMessage", "OrdersQueue.Arn"),
        ("sqs:DeleteMessage", "OrdersQueue.Arn"),
        ("sqs:GetQueueAttributes", "OrdersQueue.Arn"),
        ("sqs:ChangeMessageVisibility", "OrdersQueue.Arn"),
        ("dynamodb:DeleteItem", "SolicitationsTable.Arn"),
        ("dynamodb:PutItem", "SolicitationsTable.Arn"),
        ("scheduler:CreateSchedule", SCHEDULES),
        ("scheduler:DeleteSchedule", SCHEDULES),
        ("scheduler:UpdateSchedule", SCHEDULES),
        ("iam:PassRole", "SolicitationScheduleRole.Arn"),
        ("states:StartExecution", "Solicitation"),
    },
    "SPAPIGetSolicitationActions": {*SOLICITATION_STEP, ("dynamodb:UpdateItem", "SolicitationsTable.Arn")},
    "SPAPISubmitSolicitation": SOLICITATION_STEP,
    "SPAPIAuthorizations": {
        ("dynamodb:GetItem", "AuthorizationsTable.Arn"),
        ("dynamodb:PutItem", "AuthorizationsTable.Arn"),
        ("dynamodb:UpdateItem", "AuthorizationsTable.Arn"),
        ("dynamodb:Query", SELLERS),
        ("dynamodb:Scan", SELLERS),
    },
    # Anybody can call it: it stores tokens, and cannot read one.
    "SPAPIAuthorizationPages": {
        ("dynamodb:GetItem", "AuthorizationsTable.Arn"),
        ("dynamodb:PutItem", "AuthorizationsTable.Arn"),
        ("dynamodb:UpdateItem", "AuthorizationsTable.Arn"),
        ("dynamodb:GetItem", SELLERS),
        ("dynamodb:PutItem", SELLERS),
        ("kms:Encrypt", "TokenKeyArn"),
        ("events:PutEvents", BUS),
        *SECRETS,
    },
    "SPAPIConnectionReview": {
        ("dynamodb:Scan", SELLERS),
        ("dynamodb:UpdateItem", SELLERS),
        ("sqs:SendMessage", "ConnectionsDeadLetterQueue.Arn"),
    },
    "SPAPIConnectionEvents": {
        ("dynamodb:DescribeStream", "SellingPartnersStreamArn"),
        ("dynamodb:GetRecords", "SellingPartnersStreamArn"),
        ("dynamodb:GetShardIterator", "SellingPartnersStreamArn"),
        ("dynamodb:ListStreams", "*"),
        ("events:PutEvents", BUS),
        ("sns:Publish", "AlarmTopicArn"),
        ("sqs:SendMessage", "ConnectionsDeadLetterQueue.Arn"),
    },
    "SPAPIConnectionSubscriber": {
        *USE_TOKENS,
        ("dynamodb:PutItem", SELLERS),
        ("dynamodb:Query", SELLERS),
        ("sqs:ReceiveMessage", "ConsentsQueue.Arn"),
        ("sqs:DeleteMessage", "ConsentsQueue.Arn"),
        ("sqs:GetQueueAttributes", "ConsentsQueue.Arn"),
        ("sqs:ChangeMessageVisibility", "ConsentsQueue.Arn"),
        *SECRETS,
    },
}

STATE_MACHINES = ["ReportProcessor", "Solicitation", "ProductTypePull", "Listing", "ListingFeed"]

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

# With XRayTracing only. X-Ray has no resources for these actions.
TRACES_OF_FUNCTIONS = {(action, "*") for action in FUNCTION}
TRACES_OF_STATE_MACHINES = {(action, "*") for action in STATE_MACHINE}


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
        assert found == expected | own_log | TRACES_OF_FUNCTIONS, function


def test_the_grants_are_all_the_roles_there_are(templates: Templates) -> None:
    known = {role_of(templates, function) for function in FUNCTION_GRANTS}
    others = {
        "ReportProcessorRole",
        "ReportReaderRole",
        "ProductTypePullRole",
        "ListingRole",
        "ListingFeedRole",
        "ListingFeedLinkRole",
        "SchemaReaderRole",
        "SolicitationRole",
        "SolicitationScheduleRole",
        "ApiGatewayInvokeRole",
        "ApiGatewayLogsRole",
    }
    assert {role.name for role in resources(templates, "AWS::IAM::Role")} == known | others
    assert len(known) == len(FUNCTION_GRANTS)
    for role in resources(templates, "AWS::IAM::Role"):
        assert "ManagedPolicyArns" not in role.properties, role


def invoked(api: str, method: str, path: str) -> str:
    """The ARN of a method as a policy names it: whatever fills a field of its path."""
    arn = f"{APIS}${{{api}Id}}/prod/{method.upper()}{re.sub(r'{[^}]+}', '*', path)}"
    conditions = {
        "AuthorizationRestApi": "HasAuthorization",
        "ProductTypesRestApi": "HasProductTypes",
        "ListingsRestApi": "HasListings",
        "ListingFeedsRestApi": "HasListingFeeds",
    }
    return arn + (f" if {conditions[api]} else AWS::NoValue" if api in conditions else "")


def test_no_wildcard_but_those_that_aws_asks_for(templates: Templates) -> None:
    for resource in resources(templates, "AWS::IAM::Role", "AWS::IAM::Policy"):
        for action, target in grants(resource):
            assert "*" not in action, resource
            if "*" in target:
                stated = (
                    target
                    in ("${ReportsBucket.Arn}/*", f"{BUCKET}/*", EXECUTIONS, EXECUTIONS_OF_REPORTS, SCHEDULES, KEYS)
                    or target in (EXECUTIONS_OF_LISTINGS, EXECUTIONS_OF_PULLS, CONTENTS, DOCUMENTS, LISTS)
                    or target == f"{SCHEMAS_OF_LISTINGS}/contents/*"
                    or target in (EXECUTIONS_OF_FEEDS, FEED_FILES, FEED_UPLOADS, f"{FEEDS_BUCKET}/*{WITH_FEEDS}")
                    # A task token has no ARN.
                    or (target == "*" and action == "states:SendTaskSuccess")
                    or target in {invoked(*method) for method in METHODS}
                    or (target == "*" and action in {*LOG_DELIVERY, *STATE_MACHINE, "dynamodb:ListStreams"})
                    or resource.name == "ApiGatewayLogsRole"
                )
                assert stated, (str(resource), action, target)


def test_the_token_key_is_used_for_a_seller_and_a_region_only(templates: Templates) -> None:
    """What AWS evaluates: AWS KMS Developer Guide, "kms:EncryptionContext:context-key"."""
    uses = [
        statement
        for role in resources(templates, "AWS::IAM::Role")
        for statement in statements(role)
        if rendered(statement["Resource"]) == "TokenKeyArn"
    ]
    of_tokens = [use for use in uses if "kms:ViaService" not in use.get("Condition", {}).get("StringEquals", {})]
    assert len(of_tokens) >= 10
    for statement in of_tokens:
        assert statement["Condition"] == {
            "StringEquals": {"kms:EncryptionContext:RegionCode": ["NA", "EU", "FE", "*"]},
            "Null": {"kms:EncryptionContext:SellerId": "false"},
        }


def test_api_gateway_may_write_logs_and_nothing_else(templates: Templates) -> None:
    """The role is the account's, so it cannot be limited to this stack's log groups. API Gateway refuses a role with
    fewer actions (API Gateway Developer Guide, "Set up CloudWatch logging for REST APIs").
    """
    actions = {
        "CreateLogGroup",
        "CreateLogStream",
        "DescribeLogGroups",
        "DescribeLogStreams",
        "FilterLogEvents",
        "GetLogEvents",
        "PutLogEvents",
    }
    role = one(templates, "ApiGatewayLogsRole")
    assert grants(role) == {(f"logs:{action}", "*") for action in actions}
    for resource in (role, one(templates, "ApiGatewayAccount")):
        assert resource.definition["Condition"] == "WritesAccessLogs"
        # Other APIs of the account may use them.
        assert resource.definition["DeletionPolicy"] == "RetainExceptOnCreate"


@pytest.mark.parametrize("name", STATE_MACHINES)
def test_a_state_machine_invokes_its_functions_and_nothing_else(templates: Templates, name: str) -> None:
    machine = one(templates, name)
    assert machine.properties["StateMachineType"] == "STANDARD"
    functions = {rendered(arn) for arn in machine.properties["DefinitionSubstitutions"].values()}
    assert {f"{name}Arn": f"{name}.Arn" for name in FUNCTION_GRANTS if f"{name}.Arn" in functions} == {
        name: rendered(arn) for name, arn in machine.properties["DefinitionSubstitutions"].items()
    }
    assert rendered(machine.properties["RoleArn"]) == f"{name}Role.Arn"
    invoked = {("lambda:InvokeFunction", arn) for arn in functions}
    logged = {(action, "*") for action in LOG_DELIVERY}
    assert grants(one(templates, f"{name}Role")) == invoked | logged | TRACES_OF_STATE_MACHINES


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


def test_the_receiver_decrypts_its_queue_and_no_refresh_token(templates: Templates) -> None:
    (statement,) = [
        statement
        for statement in statements(one(templates, role_of(templates, "SPAPISecretReceiver")))
        if "kms:Decrypt" in listed(statement["Action"])
    ]
    assert statement["Condition"] == {
        "StringEquals": {
            "kms:ViaService": {"Fn::Sub": "sqs.${AWS::Region}.${AWS::URLSuffix}"},
            "kms:EncryptionContext:aws:sqs:arn": {"Fn::GetAtt": ["SecretQueue", "Arn"]},
        }
    }


def test_the_host_product_may_call_every_method_and_nothing_else(templates: Templates) -> None:
    expected = {("execute-api:Invoke", invoked(*method)) for method in METHODS}
    assert grants(one(templates, "ApiGatewayInvokeRole")) == expected
    parameters = one(templates, "Access").properties["Parameters"]
    for name in {f"{api}Id" for api, _, _ in METHODS}:
        assert f".Outputs.{name}" in rendered(parameters[name])


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
        "ApiGatewayLogsRole": {"principal": ("Service", "apigateway.amazonaws.com"), "condition": {}},
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
        "ListingFeedLinkRole": {
            "principal": (
                "AWS",
                f"{role_of(templates, 'SPAPIListingFeeds')}.Arn",
                f"{role_of(templates, 'SPAPIListingFeedWorker')}.Arn",
            ),
            "condition": {},
        },
        "SchemaReaderRole": {
            "principal": ("AWS", f"{role_of(templates, 'SPAPIProductTypeCatalogue')}.Arn"),
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
    role = one(templates, "SchemaReaderRole")
    assert grants(role) == {("s3:GetObject", CONTENTS), ("s3:GetObject", DOCUMENTS)}
    assert role.properties["MaxSessionDuration"] == 3600
    role = one(templates, "ListingFeedLinkRole")
    assert grants(role) == {("s3:GetObject", FEED_FILES), ("s3:PutObject", FEED_UPLOADS)}
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
                sources = listed(statement.get("Condition", {}).get("ArnEquals", {}).get("aws:SourceArn", []))
                condition = {rendered(source) for source in sources}
                allowed[queue] = (rendered(principal), set(listed(statement["Action"])), condition)
            else:
                denied.append((statement["Principal"], statement["Action"], statement["Condition"]))
        assert denied == [("*", "sqs:*", {"Bool": {"aws:SecureTransport": "false"}})], queue
    assert not queues, "a queue without a policy"
    sp_api: tuple[str, set[str], set[str]] = (SP_API_ACCOUNT, {"sqs:SendMessage", "sqs:GetQueueAttributes"}, set())
    assert allowed == {
        "SecretQueue": sp_api,
        "SecretRotationFailuresDeadLetterQueue": (
            "events.amazonaws.com",
            {"sqs:SendMessage"},
            {"SecretRotationRule.Arn"},
        ),
        "NotificationsQueue": sp_api,
        "OrdersQueue": sp_api,
        "ConnectionsDeadLetterQueue": (
            "events.amazonaws.com",
            {"sqs:SendMessage"},
            {"ConnectionReviewRule.Arn"},
        ),
        "ConsentsQueue": ("events.amazonaws.com", {"sqs:SendMessage"}, {"ConsentsRule.Arn"}),
        "ConsentsDeadLetterQueue": ("events.amazonaws.com", {"sqs:SendMessage"}, {"ConsentsRule.Arn"}),
        "ListingFailuresDeadLetterQueue": (
            "events.amazonaws.com",
            {"sqs:SendMessage"},
            {"ListingFailureRule.Arn", "ListingSweepRule.Arn"},
        ),
        # Rules of the same account, see the condition on aws:SourceAccount.
        "ListingNoticesQueue": ("events.amazonaws.com", {"sqs:SendMessage"}, set()),
        "ListingNoticesDeadLetterQueue": ("events.amazonaws.com", {"sqs:SendMessage"}, set()),
        "ListingDigestQueue": ("events.amazonaws.com", {"sqs:SendMessage"}, {"ListingOutcomeRule.Arn"}),
        "ListingDigestDeadLetterQueue": ("events.amazonaws.com", {"sqs:SendMessage"}, {"ListingOutcomeRule.Arn"}),
        "ListingFeedEventsDeadLetterQueue": (
            "events.amazonaws.com",
            {"sqs:SendMessage"},
            {f"ListingFeed{name}Rule.Arn" for name in ("Upload", "Notice", "Failure", "Sweep")},
        ),
        "ProductTypeRefreshDeadLetterQueue": (
            "events.amazonaws.com",
            {"sqs:SendMessage"},
            {"ProductTypeRefreshRule.Arn"},
        ),
        "ReportFailuresDeadLetterQueue": (
            "events.amazonaws.com",
            {"sqs:SendMessage"},
            {"ReportFailureRule.Arn", "ReportSweepRule.Arn"},
        ),
    }


def test_the_buckets_answer_over_tls_only(templates: Templates) -> None:
    policies = {
        rendered(policy.properties["Bucket"]): policy for policy in resources(templates, "AWS::S3::BucketPolicy")
    }
    assert set(policies) == {bucket.name for bucket in resources(templates, "AWS::S3::Bucket")}
    for bucket, policy in policies.items():
        (statement,) = policy.properties["PolicyDocument"]["Statement"]
        assert (statement["Effect"], statement["Principal"], statement["Action"]) == ("Deny", "*", "s3:*")
        assert {rendered(target) for target in statement["Resource"]} == {f"{bucket}.Arn", f"${{{bucket}.Arn}}/*"}
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
        "TokenKey": [account, (SP_API_ACCOUNT, {"kms:Decrypt", "kms:GenerateDataKey"})],
        "NotificationsKey": [account, (SP_API_ACCOUNT, {"kms:Decrypt", "kms:GenerateDataKey"})],
    }
    assert one(templates, "NotificationsKey").definition["Condition"] == "HasKey"
    through_a_queue_of_this_account = {
        "StringEquals": {"kms:ViaService": {"Fn::Sub": "sqs.${AWS::Region}.${AWS::URLSuffix}"}},
        "ArnLike": {
            "kms:EncryptionContext:aws:sqs:arn": {
                "Fn::Sub": "arn:${AWS::Partition}:sqs:${AWS::Region}:${AWS::AccountId}:*"
            }
        },
    }
    sends = one(templates, "TokenKey").properties["KeyPolicy"]["Statement"][1]
    assert sends["Condition"] == through_a_queue_of_this_account, "SP-API must never decrypt a refresh token"


def test_the_processor_uses_a_key_for_its_queues_messages_alone(templates: Templates) -> None:
    """In the role itself and without a condition: before and after a change of the queues' encryption."""
    role = one(templates, role_of(templates, "SPAPINotificationProcessor"))
    assert "Condition" not in role.definition
    (found,) = [statement for statement in statements(role) if rendered(statement["Resource"]) == KEYS]
    (conditions,) = found["Condition"].values()
    assert {key: [rendered(value) for value in listed(values)] for key, values in conditions.items()} == {
        "kms:ViaService": ["sqs.${AWS::Region}.${AWS::URLSuffix}"],
        "kms:EncryptionContext:aws:sqs:arn": ["NotificationsQueue.Arn", "NotificationsDeadLetterQueue.Arn"],
    }
    assert list(found["Condition"]) == ["StringEquals"]


def test_an_api_may_call_its_own_function_by_its_own_method(templates: Templates) -> None:
    found = set()
    for permission in resources(templates, "AWS::Lambda::Permission"):
        if permission.properties["Principal"] == "apigateway.amazonaws.com":
            text, values = permission.properties["SourceArn"]["Fn::Sub"]
            method = text.rpartition("/${__Stage__}/")[2]
            found.add((rendered(permission.properties["FunctionName"]), rendered(values["__ApiId__"]), method))
    assert found == {
        (function, api, method.upper() + re.sub(r"{[^}]+}", "*", path))
        for (api, method, path), function in (METHODS | PUBLIC).items()
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
        if one(templates, rendered(target["Arn"]).removesuffix(".Arn")).type == "AWS::Lambda::Function"
    }
