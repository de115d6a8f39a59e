"""AWS and HTTP clients, each created when first needed and kept for the life of the function's process."""

from contextvars import ContextVar
from functools import cache
from typing import TYPE_CHECKING, Any, TypeVar

import boto3
from botocore import UNSIGNED
from botocore.config import Config

from quickstart.aws_failures import AwsDeadlineExceededError
from sp_api.deadline import Deadline

if TYPE_CHECKING:
    import urllib3
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_events import EventBridgeClient
    from mypy_boto3_kms import KMSClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_scheduler import EventBridgeSchedulerClient
    from mypy_boto3_secretsmanager import SecretsManagerClient
    from mypy_boto3_sns import SNSClient
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_stepfunctions import SFNClient
    from mypy_boto3_sts import STSClient

Client = TypeVar("Client")

# AWS answers within milliseconds. An attempt ends after at most the sum of these, also when the connection hangs.
CONNECT_SECONDS, READ_SECONDS = 2, 4
_AWS = Config(
    connect_timeout=CONNECT_SECONDS,
    read_timeout=READ_SECONDS,
    retries={"mode": "standard", "total_max_attempts": 4},
)
# For calls that do twice what is sent twice: when the answer is lost, the caller decides, not the SDK.
_ONCE = Config(connect_timeout=CONNECT_SECONDS, read_timeout=15, retries={"total_max_attempts": 1})
# Presigned links signed with s3v4 must use the regional virtual-hosted address.
_S3 = _AWS.merge(
    Config(signature_version="s3v4", s3={"addressing_style": "virtual", "us_east_1_regional_endpoint": "regional"})
)
# S3 needs longer for a part of a large document. Uploads bring a checksum of their own, which S3 compares with what
# arrives, so that boto3 need not hash them for the signature.
_S3_DOCUMENTS = _S3.merge(
    Config(
        read_timeout=15,
        s3={"addressing_style": "virtual", "us_east_1_regional_endpoint": "regional", "payload_signing_enabled": False},
    )
)

_deadline: ContextVar[Deadline | None] = ContextVar("aws_calls_end", default=None)


def end_calls_by(deadline: Deadline | None) -> None:
    """From now on, no attempt of an AWS call begins after this deadline: it raises AwsDeadlineExceededError."""
    _deadline.set(deadline)


def _within_deadline(client: Client) -> Client:
    """botocore has one time-out for all calls of a client, so each attempt checks the deadline before it is sent."""
    events: Any = client
    events.meta.events.register("before-send", _check_deadline)
    return client


def _check_deadline(**_: object) -> None:
    deadline = _deadline.get()
    if deadline is not None and deadline.spent:
        raise AwsDeadlineExceededError("the request's time for AWS calls ran out")


@cache
def http() -> "urllib3.PoolManager":
    """Connections to LWA, SP-API and the document store."""
    from sp_api.transport import make_http

    return make_http()


@cache
def dynamodb() -> "DynamoDBClient":
    return _within_deadline(boto3.client("dynamodb", config=_AWS))


@cache
def events() -> "EventBridgeClient":
    return _within_deadline(boto3.client("events", config=_ONCE))


@cache
def kms() -> "KMSClient":
    return _within_deadline(boto3.client("kms", config=_AWS))


@cache
def s3() -> "S3Client":
    """For requests of the API."""
    return _within_deadline(boto3.client("s3", config=_S3))


@cache
def s3_documents() -> "S3Client":
    """For storing documents."""
    return boto3.client("s3", config=_S3_DOCUMENTS)


@cache
def s3_unsigned() -> "S3Client":
    """For the addresses of objects: its presigned links have no signature."""
    return boto3.client("s3", config=_S3.merge(Config(signature_version=UNSIGNED)))


@cache
def scheduler() -> "EventBridgeSchedulerClient":
    return _within_deadline(boto3.client("scheduler", config=_AWS))


@cache
def secretsmanager() -> "SecretsManagerClient":
    return _within_deadline(boto3.client("secretsmanager", config=_AWS))


@cache
def sns() -> "SNSClient":
    return _within_deadline(boto3.client("sns", config=_ONCE))


@cache
def sqs() -> "SQSClient":
    return _within_deadline(boto3.client("sqs", config=_AWS))


@cache
def states() -> "SFNClient":
    return _within_deadline(boto3.client("stepfunctions", config=_AWS))


@cache
def sts() -> "STSClient":
    return _within_deadline(boto3.client("sts", config=_AWS))
