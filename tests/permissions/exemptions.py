"""What the local run cannot show, with a reason each: permissions that no call uses, and refusals by tests."""

from tests.permissions.comparison import Exemption

# AWS itself uses these, with the role. The emulator does the same without asking for the permission.
_BY_AWS = (
    Exemption(("logs:CreateLogStream", "logs:PutLogEvents"), "Lambda writes the function's log", roles=("SPAPI*",)),
    Exemption(
        ("sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"), "Lambda reads the queue for the function"
    ),
    Exemption(
        ("dynamodb:DescribeStream", "dynamodb:GetRecords", "dynamodb:GetShardIterator", "dynamodb:ListStreams"),
        "Lambda reads the stream for the function",
    ),
    Exemption(
        ("sqs:SendMessage",),
        "Lambda sends an event that failed to the dead-letter queue",
        roles=("SPAPI*",),
        resource="*DeadLetterQueue}",
    ),
    Exemption(
        ("kms:Decrypt", "kms:GenerateDataKey"),
        "SQS decrypts and encrypts messages for the function",
        roles=("SPAPINotificationProcessorRole", "SPAPISecretReceiverRole"),
    ),
    Exemption(
        ("states:StartExecution", "sqs:SendMessage"),
        "EventBridge Scheduler starts executions, and sends those that it could not start to the dead-letter queue",
        roles=("SolicitationScheduleRole",),
    ),
    Exemption(("iam:PassRole",), "IAM asks for it when the function gives a schedule its role"),
    Exemption(
        (
            "logs:CreateLogDelivery",
            "logs:DeleteLogDelivery",
            "logs:DescribeLogGroups",
            "logs:DescribeResourcePolicies",
            "logs:GetLogDelivery",
            "logs:ListLogDeliveries",
            "logs:PutResourcePolicy",
            "logs:UpdateLogDelivery",
        ),
        "Step Functions delivers the log of the state machine",
        roles=("ListingFeedRole", "ListingRole", "ProductTypePullRole", "ReportProcessorRole", "SolicitationRole"),
    ),
    Exemption(
        (
            "logs:CreateLogGroup",
            "logs:CreateLogStream",
            "logs:DescribeLogGroups",
            "logs:DescribeLogStreams",
            "logs:FilterLogEvents",
            "logs:GetLogEvents",
            "logs:PutLogEvents",
        ),
        "API Gateway accepts its logging role only with these",
        roles=("ApiGatewayLogsRole",),
    ),
    Exemption(
        ("xray:PutTelemetryRecords", "xray:PutTraceSegments"),
        "Lambda and Step Functions write traces, with XRayTracing",
    ),
    Exemption(
        ("xray:GetSamplingRules", "xray:GetSamplingTargets"),
        "Step Functions asks which executions to trace, with XRayTracing",
    ),
)

# Used after an error that the local run does not have.
_AFTER_ERRORS = (
    Exemption(("s3:AbortMultipartUpload",), "storing a large report failed halfway"),
    Exemption(
        ("kms:Encrypt",),
        "stores a refresh token that Login with Amazon returns changed; the tests have it for SPAPIReportCreator",
        resource="*${TokenKey}",
    ),
    Exemption(
        ("dynamodb:Query",),
        "Amazon reports a conflict with a subscription that it does not list",
        roles=("SPAPIConnectionSubscriberRole",),
    ),
    Exemption(
        ("dynamodb:DeleteItem",),
        "a pull was interrupted after the issue of a definition was recorded, and then fetches that definition",
        roles=("SPAPIProductTypeFetcherRole",),
    ),
)

# The tests play this in their own process, or in tests/faults.
_LATER = (
    Exemption(
        ("sqs:ChangeMessageVisibility",),
        "a message waits until an operator has fixed why AWS refuses a call",
        roles=(
            "SPAPIConnectionSubscriberRole",
            "SPAPIListingDigestRole",
            "SPAPIListingNoticesRole",
            "SPAPINotificationProcessorRole",
            "SPAPISolicitationSchedulerRole",
        ),
    ),
    Exemption(
        ("dynamodb:GetItem", "states:DescribeExecution"),
        "the sweep announces a failure whose event was lost an hour ago",
        roles=("SPAPIReportSweepRole",),
    ),
)

# A seller is removed between two calls of a function that works for it; unit tests play it.
_DURING_A_REMOVAL = (
    Exemption(
        ("dynamodb:DeleteItem",),
        "deletes the record that it has just written for a seller who was removed",
        roles=(
            "SPAPIReportCreatorRole",
            "SPAPIReportDocumentRetrievalRole",
            "SPAPIReportFailureNotifierRole",
            "SPAPIReportSweepRole",
            "SPAPISolicitationSchedulerRole",
        ),
    ),
    Exemption(
        ("dynamodb:GetItem",),
        "looks whether a seller without a record is still stored",
        roles=("SPAPIReportFailureNotifierRole", "SPAPIReportSweepRole"),
    ),
    Exemption(
        ("s3:ListBucketVersions", "s3:DeleteObject", "s3:DeleteObjectVersion"),
        "deletes the document that it has just stored for a seller who was removed",
        roles=("SPAPIReportDocumentStorageRole",),
    ),
)

EXEMPTIONS = (*_BY_AWS, *_AFTER_ERRORS, *_DURING_A_REMOVAL, *_LATER)

PROVOKED = (Exemption(("s3:PutObject",), "a test writes with a download link", roles=("ReportReaderRole",)),)
