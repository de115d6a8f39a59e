"""The permissions for creating, updating and deleting a stack, for each resource type in the templates.

AWS publishes the actions of each type's create, read, update and delete handlers
(https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/resource-type-schemas.html: the file of the type,
`handlers.*.permissions`). This table leaves out actions for properties that no template sets: VPC, file systems,
streams, replicas, code signing. For types without handlers in their schema, and for the resources and conditions that
an action supports, the source is the Service Authorization Reference
(https://docs.aws.amazon.com/service-authorization/latest/reference/reference_policies_actions-resources-contextkeys.html).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

# Placeholders that the user of the policy replaces.
REGION = "REGION"
ACCOUNT = "ACCOUNT_ID"
TEMPLATE_BUCKET = "TEMPLATE_BUCKET"
# The prefix of stack names. CloudFormation shortens the names that it generates, and keeps at least 25 characters of
# the stack's name (tests/templates/test_deployer_policy.py), so a longer prefix would miss resources.
NAME_PREFIX = "selling-partner-api-"

Condition = Mapping[str, Mapping[str, str | list[str]]]

# CloudFormation makes the call for the user. Required if a resource's name does not show which stack it belongs to.
# https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/fas-requests-and-permission-evaluation.html
THROUGH_CLOUDFORMATION: Condition = {"ForAnyValue:StringEquals": {"aws:CalledVia": "cloudformation.amazonaws.com"}}


@dataclass(frozen=True)
class Statement:
    """A statement of the policy: its name and its condition."""

    sid: str
    condition: Condition = field(default_factory=dict, hash=False)


@dataclass(frozen=True)
class Scope:
    """The resources that actions are limited to, and the statement for these actions.

    In `resources`, {name} is a placeholder for the prefix of a resource's name: the prefix of stack names, and for
    resource types that are named after their logical ids also the logical id. For these, `named_like` is the type, as
    written in the templates.
    """

    statement: Statement
    resources: tuple[str, ...]
    named_like: str = ""


@dataclass(frozen=True)
class Grant:
    scope: Scope
    actions: tuple[str, ...]


@dataclass(frozen=True)
class ResourceType:
    """The permissions for one resource type.

    `grants` are always needed. They include tag actions, because CloudFormation copies the stack's tags to every
    resource that supports tags. `properties` lists each property that a template may set, with the additional
    permissions for it.
    """

    grants: tuple[Grant, ...]
    properties: Mapping[str, tuple[Grant, ...]]


def _arn(service: str, resource: str) -> str:
    return f"arn:aws:{service}:{REGION}:{ACCOUNT}:{resource}"


# An action applies only to resources of its own service and type, so one statement can contain many types.
NAMED = Statement("NamedAfterTheStack")
# Named after their logical ids, which are the same in every stack of these templates, or with ids that AWS generates.
IN_THE_STACK = Statement("NamedOtherwise", THROUGH_CLOUDFORMATION)

STACKS = Scope(NAMED, (_arn("cloudformation", "stack/{name}*"),))
FUNCTIONS = Scope(NAMED, (_arn("lambda", "function:{name}*"),))
LAYERS = Scope(NAMED, (_arn("lambda", "layer:{name}*"),))
ROLES = Scope(NAMED, (f"arn:aws:iam::{ACCOUNT}:role/{{name}}*",))
USERS = Scope(NAMED, (f"arn:aws:iam::{ACCOUNT}:user/{{name}}*",))
QUEUES = Scope(NAMED, (_arn("sqs", "{name}*"),))
TOPICS = Scope(NAMED, (_arn("sns", "{name}*"),))
TABLES = Scope(NAMED, (_arn("dynamodb", "table/{name}*"),))
BUCKETS = Scope(NAMED, ("arn:aws:s3:::{name}*",))
LOG_GROUPS = Scope(NAMED, (_arn("logs", "log-group:{name}*"), _arn("logs", "log-group:/aws/vendedlogs/states/{name}*")))
ALARMS = Scope(NAMED, (_arn("cloudwatch", "alarm:{name}*"),))
EVENT_BUSES = Scope(NAMED, (_arn("events", "event-bus/{name}*"),))
RULES = Scope(NAMED, (_arn("events", "rule/{name}*"),))

# Without region and account, because a managed policy has at most 6,144 characters. CloudFormation, on whose behalf
# these actions are allowed, works in one region of one account.
STATE_MACHINES = Scope(IN_THE_STACK, ("arn:aws:states:*:*:stateMachine:{name}*",), "AWS::Serverless::StateMachine")
SECRETS = Scope(IN_THE_STACK, ("arn:aws:secretsmanager:*:*:secret:{name}*",), "AWS::SecretsManager::Secret")
DASHBOARDS = Scope(IN_THE_STACK, (f"arn:aws:cloudwatch::{ACCOUNT}:dashboard/{{name}}*",), "AWS::CloudWatch::Dashboard")
SCHEDULE_GROUPS = Scope(
    IN_THE_STACK,
    (_arn("scheduler", "schedule-group/{name}*"), _arn("scheduler", "schedule/{name}*")),
    "AWS::Scheduler::ScheduleGroup",
)
REST_APIS = Scope(IN_THE_STACK, tuple(f"arn:aws:apigateway:{REGION}::/{path}" for path in ("restapis*", "tags/*")))
API_ACCOUNT = Scope(IN_THE_STACK, (f"arn:aws:apigateway:{REGION}::/account",))
KEYS = Scope(IN_THE_STACK, (_arn("kms", "key/*"),))
EVENT_SOURCE_MAPPING_TAGS = Scope(IN_THE_STACK, (_arn("lambda", "event-source-mapping:*"),))

EVENT_SOURCE_MAPPINGS = Scope(
    Statement("EventSourceMappings", {"ArnLike": {"lambda:FunctionArn": FUNCTIONS.resources[0]}}), ("*",)
)
PASSED_ROLES = Scope(
    Statement(
        "PassRoles",
        {
            "StringEquals": {
                "iam:PassedToService": ["apigateway.amazonaws.com", "lambda.amazonaws.com", "states.amazonaws.com"]
            }
        },
    ),
    ROLES.resources,
)
PUBLISHED = Scope(Statement("PublishedTemplatesAndCode"), (f"arn:aws:s3:::{TEMPLATE_BUCKET}/*",))
TRANSFORM = Scope(Statement("SamTransform"), (f"arn:aws:cloudformation:{REGION}:aws:transform/Serverless-2016-10-31",))
# AWS does not support resource-level permissions for these.
UNLIMITED = Scope(Statement("NotLimitedToResources", THROUGH_CLOUDFORMATION), ("*",))
UNLIMITED_QUESTIONS = Scope(Statement("AskAboutTemplates"), ("*",))


def _grant(scope: Scope, service: str, actions: str) -> Grant:
    return Grant(scope, tuple(f"{service}:{action}" for action in actions.split()))


def _plain(properties: str, **needing: tuple[Grant, ...]) -> Mapping[str, tuple[Grant, ...]]:
    """Properties without, and properties with, additional permissions."""
    return dict.fromkeys(properties.split(), ()) | needing


CODE = _grant(PUBLISHED, "s3", "GetObject")
PASS_ROLE = _grant(PASSED_ROLES, "iam", "PassRole")

# The user's own calls to CloudFormation, with the console, `aws cloudformation` or `sam deploy`.
CALLER = (
    _grant(
        STACKS,
        "cloudformation",
        "CreateChangeSet DescribeChangeSet ExecuteChangeSet DeleteChangeSet ListChangeSets DescribeStackEvents "
        "DescribeStackResource DescribeStackResources ListStackResources GetTemplate CancelUpdateStack "
        "ContinueUpdateRollback RollbackStack",
    ),
    _grant(UNLIMITED_QUESTIONS, "cloudformation", "GetTemplateSummary ValidateTemplate ListStacks"),
    _grant(TRANSFORM, "cloudformation", "CreateChangeSet"),
)

RESOURCE_TYPES: Mapping[str, ResourceType] = {
    # POST, GET, ... are the actions of API Gateway: the verbs of its own API. Tags have a path of their own.
    "AWS::ApiGateway::Account": ResourceType(
        (_grant(API_ACCOUNT, "apigateway", "GET PATCH"),),
        _plain("", CloudWatchRoleArn=(PASS_ROLE,)),
    ),
    "AWS::ApiGateway::Deployment": ResourceType(
        (_grant(REST_APIS, "apigateway", "POST GET PATCH PUT DELETE"),), _plain("Description RestApiId")
    ),
    "AWS::ApiGateway::RestApi": ResourceType(
        (_grant(REST_APIS, "apigateway", "POST GET PATCH PUT DELETE"),),
        _plain("Body Description Name Parameters EndpointConfiguration"),
    ),
    # TracingEnabled also needs a service-linked role, which an administrator creates once: docs/operations.md.
    "AWS::ApiGateway::Stage": ResourceType(
        (_grant(REST_APIS, "apigateway", "POST GET PATCH PUT DELETE"),),
        _plain("AccessLogSetting DeploymentId MethodSettings RestApiId StageName TracingEnabled"),
    ),
    "AWS::CloudFormation::Stack": ResourceType(
        (
            _grant(
                STACKS,
                "cloudformation",
                "CreateStack UpdateStack DeleteStack DescribeStacks TagResource UntagResource",
            ),
        ),
        _plain("Parameters Tags", TemplateURL=(CODE,)),
    ),
    "AWS::CloudWatch::Alarm": ResourceType(
        (
            _grant(ALARMS, "cloudwatch", "PutMetricAlarm DeleteAlarms TagResource UntagResource ListTagsForResource"),
            _grant(UNLIMITED, "cloudwatch", "DescribeAlarms"),
        ),
        _plain(
            "AlarmActions AlarmDescription ComparisonOperator Dimensions EvaluationPeriods MetricName Namespace Period "
            "Statistic Threshold TreatMissingData"
        ),
    ),
    "AWS::CloudWatch::Dashboard": ResourceType(
        (
            _grant(
                DASHBOARDS,
                "cloudwatch",
                "PutDashboard GetDashboard DeleteDashboards TagResource UntagResource ListTagsForResource",
            ),
        ),
        _plain("DashboardBody"),
    ),
    "AWS::DynamoDB::Table": ResourceType(
        (
            _grant(
                TABLES,
                "dynamodb",
                "CreateTable DescribeTable UpdateTable DeleteTable DescribeTimeToLive DescribeContinuousBackups "
                "DescribeContributorInsights DescribeKinesisStreamingDestination GetResourcePolicy "
                "TagResource UntagResource ListTagsOfResource",
            ),
        ),
        _plain(
            "AttributeDefinitions BillingMode GlobalSecondaryIndexes KeySchema StreamSpecification",
            PointInTimeRecoverySpecification=(_grant(TABLES, "dynamodb", "UpdateContinuousBackups"),),
            TimeToLiveSpecification=(_grant(TABLES, "dynamodb", "UpdateTimeToLive"),),
        ),
    ),
    "AWS::Events::EventBus": ResourceType(
        (
            _grant(
                EVENT_BUSES,
                "events",
                "CreateEventBus DescribeEventBus UpdateEventBus DeleteEventBus "
                "TagResource UntagResource ListTagsForResource",
            ),
        ),
        _plain("Description Name"),
    ),
    "AWS::Events::Rule": ResourceType(
        (_grant(RULES, "events", "PutRule DescribeRule DeleteRule TagResource UntagResource ListTagsForResource"),),
        _plain(
            "Description EventBusName EventPattern ScheduleExpression",
            Targets=(_grant(RULES, "events", "PutTargets RemoveTargets ListTargetsByRule"),),
        ),
    ),
    # Its schema has no handlers; these are the calls that add a policy to a role or user and remove it.
    "AWS::IAM::Policy": ResourceType(
        (),
        _plain(
            "PolicyDocument PolicyName",
            Roles=(_grant(ROLES, "iam", "PutRolePolicy GetRolePolicy DeleteRolePolicy"),),
            Users=(_grant(USERS, "iam", "PutUserPolicy GetUserPolicy DeleteUserPolicy"),),
        ),
    ),
    "AWS::IAM::Role": ResourceType(
        (
            _grant(
                ROLES,
                "iam",
                "CreateRole GetRole UpdateRole UpdateRoleDescription UpdateAssumeRolePolicy DeleteRole "
                "ListRolePolicies ListAttachedRolePolicies TagRole UntagRole ListRoleTags",
            ),
        ),
        _plain(
            "AssumeRolePolicyDocument Description MaxSessionDuration",
            PermissionsBoundary=(_grant(ROLES, "iam", "PutRolePermissionsBoundary DeleteRolePermissionsBoundary"),),
            Policies=(_grant(ROLES, "iam", "PutRolePolicy GetRolePolicy DeleteRolePolicy"),),
        ),
    ),
    # Deleting a user also deletes its access keys.
    "AWS::IAM::User": ResourceType(
        (
            _grant(
                USERS,
                "iam",
                "CreateUser GetUser DeleteUser GetLoginProfile ListAccessKeys DeleteAccessKey ListGroupsForUser "
                "ListUserPolicies ListAttachedUserPolicies TagUser UntagUser ListUserTags",
            ),
        ),
        _plain(
            "",
            PermissionsBoundary=(_grant(USERS, "iam", "PutUserPermissionsBoundary DeleteUserPermissionsBoundary"),),
        ),
    ),
    "AWS::KMS::Key": ResourceType(
        (
            _grant(UNLIMITED, "kms", "CreateKey"),
            _grant(
                KEYS,
                "kms",
                "DescribeKey GetKeyPolicy PutKeyPolicy UpdateKeyDescription ScheduleKeyDeletion GetKeyRotationStatus "
                "TagResource UntagResource ListResourceTags",
            ),
        ),
        _plain(
            "Description KeyPolicy", EnableKeyRotation=(_grant(KEYS, "kms", "EnableKeyRotation DisableKeyRotation"),)
        ),
    ),
    "AWS::Lambda::EventSourceMapping": ResourceType(
        (
            _grant(
                EVENT_SOURCE_MAPPINGS,
                "lambda",
                "CreateEventSourceMapping GetEventSourceMapping UpdateEventSourceMapping DeleteEventSourceMapping",
            ),
            _grant(EVENT_SOURCE_MAPPING_TAGS, "lambda", "TagResource UntagResource ListTags"),
        ),
        _plain(
            "BatchSize BisectBatchOnFunctionError DestinationConfig EventSourceArn FilterCriteria FunctionName "
            "FunctionResponseTypes MaximumBatchingWindowInSeconds MaximumRetryAttempts ScalingConfig StartingPosition"
        ),
    ),
    "AWS::Lambda::Function": ResourceType(
        (
            _grant(
                FUNCTIONS,
                "lambda",
                "CreateFunction GetFunction UpdateFunctionCode UpdateFunctionConfiguration DeleteFunction "
                "GetFunctionCodeSigningConfig GetFunctionRecursionConfig GetRuntimeManagementConfig "
                "TagResource UntagResource ListTags",
            ),
        ),
        _plain(
            "Architectures DeadLetterConfig Description Environment EphemeralStorage Handler LoggingConfig MemorySize "
            "Runtime Tags Timeout TracingConfig",
            Code=(CODE,),
            Layers=(_grant(LAYERS, "lambda", "GetLayerVersion"),),
            Role=(PASS_ROLE,),
        ),
    ),
    "AWS::Lambda::LayerVersion": ResourceType(
        (_grant(LAYERS, "lambda", "PublishLayerVersion GetLayerVersion DeleteLayerVersion"),),
        _plain("CompatibleArchitectures CompatibleRuntimes Description LayerName", Content=(CODE,)),
    ),
    "AWS::Lambda::Permission": ResourceType(
        (_grant(FUNCTIONS, "lambda", "AddPermission GetPolicy RemovePermission"),),
        _plain("Action FunctionName Principal SourceArn"),
    ),
    "AWS::Logs::MetricFilter": ResourceType(
        (
            _grant(LOG_GROUPS, "logs", "PutMetricFilter DeleteMetricFilter"),
            _grant(UNLIMITED, "logs", "DescribeMetricFilters"),
        ),
        _plain("FilterPattern LogGroupName MetricTransformations"),
    ),
    "AWS::Logs::LogGroup": ResourceType(
        (
            _grant(
                LOG_GROUPS,
                "logs",
                "CreateLogGroup DeleteLogGroup GetDataProtectionPolicy TagResource UntagResource ListTagsForResource",
            ),
            _grant(UNLIMITED, "logs", "DescribeLogGroups DescribeIndexPolicies DescribeResourcePolicies"),
        ),
        _plain(
            "LogGroupName", RetentionInDays=(_grant(LOG_GROUPS, "logs", "PutRetentionPolicy DeleteRetentionPolicy"),)
        ),
    ),
    "AWS::S3::Bucket": ResourceType(
        (
            _grant(
                BUCKETS,
                "s3",
                "CreateBucket ListBucket DeleteBucket PutBucketTagging GetAccelerateConfiguration "
                "GetAnalyticsConfiguration GetBucketCORS GetBucketLogging GetBucketMetadataTableConfiguration "
                "GetBucketNotification GetBucketObjectLockConfiguration GetBucketOwnershipControls "
                "GetBucketPublicAccessBlock GetBucketTagging GetBucketVersioning GetBucketWebsite "
                "GetEncryptionConfiguration GetIntelligentTieringConfiguration GetInventoryConfiguration "
                "GetLifecycleConfiguration GetMetricsConfiguration GetReplicationConfiguration GetBucketAbac "
                "TagResource UntagResource ListTagsForResource",
            ),
        ),
        _plain(
            "",
            BucketEncryption=(_grant(BUCKETS, "s3", "PutEncryptionConfiguration"),),
            LifecycleConfiguration=(_grant(BUCKETS, "s3", "PutLifecycleConfiguration"),),
            NotificationConfiguration=(_grant(BUCKETS, "s3", "PutBucketNotification"),),
            OwnershipControls=(_grant(BUCKETS, "s3", "PutBucketOwnershipControls"),),
            PublicAccessBlockConfiguration=(_grant(BUCKETS, "s3", "PutBucketPublicAccessBlock"),),
            VersioningConfiguration=(_grant(BUCKETS, "s3", "PutBucketVersioning"),),
        ),
    ),
    "AWS::S3::BucketPolicy": ResourceType(
        (_grant(BUCKETS, "s3", "GetBucketPolicy PutBucketPolicy DeleteBucketPolicy"),), _plain("Bucket PolicyDocument")
    ),
    # Deleting a group deletes its schedules.
    "AWS::Scheduler::ScheduleGroup": ResourceType(
        (
            _grant(
                SCHEDULE_GROUPS,
                "scheduler",
                "CreateScheduleGroup GetScheduleGroup DeleteScheduleGroup DeleteSchedule "
                "TagResource UntagResource ListTagsForResource",
            ),
        ),
        _plain(""),
    ),
    # CloudFormation reads a secret's value to see whether it has changed.
    "AWS::SecretsManager::Secret": ResourceType(
        (
            _grant(
                SECRETS,
                "secretsmanager",
                "CreateSecret DescribeSecret UpdateSecret DeleteSecret GetSecretValue TagResource UntagResource",
            ),
        ),
        _plain("Description SecretString"),
    ),
    "AWS::SNS::Topic": ResourceType(
        (
            _grant(
                TOPICS,
                "sns",
                "CreateTopic GetTopicAttributes SetTopicAttributes DeleteTopic ListSubscriptionsByTopic "
                "GetDataProtectionPolicy TagResource UntagResource ListTagsForResource",
            ),
        ),
        _plain(
            "DisplayName KmsMasterKeyId",
            Subscription=(_grant(TOPICS, "sns", "Subscribe"), _grant(UNLIMITED, "sns", "Unsubscribe")),
        ),
    ),
    "AWS::SQS::Queue": ResourceType(
        (
            _grant(
                QUEUES,
                "sqs",
                "CreateQueue GetQueueUrl GetQueueAttributes SetQueueAttributes DeleteQueue "
                "TagQueue UntagQueue ListQueueTags",
            ),
        ),
        _plain("KmsMasterKeyId MessageRetentionPeriod RedrivePolicy SqsManagedSseEnabled VisibilityTimeout"),
    ),
    "AWS::SQS::QueuePolicy": ResourceType(
        (_grant(QUEUES, "sqs", "SetQueueAttributes"),), _plain("PolicyDocument Queues")
    ),
    # AWS checks the log permissions of the state machine's role.
    "AWS::StepFunctions::StateMachine": ResourceType(
        (
            _grant(
                STATE_MACHINES,
                "states",
                "CreateStateMachine DescribeStateMachine UpdateStateMachine DeleteStateMachine "
                "TagResource UntagResource ListTagsForResource",
            ),
        ),
        _plain(
            "DefinitionSubstitutions LoggingConfiguration StateMachineType Tags TracingConfiguration",
            DefinitionS3Location=(CODE,),
            RoleArn=(PASS_ROLE,),
        ),
    ),
}
