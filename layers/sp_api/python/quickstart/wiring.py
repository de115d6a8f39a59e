"""Puts a function's parts together, each when first asked for, from the function's environment, and keeps them."""

from datetime import timedelta
from functools import cache
from typing import TYPE_CHECKING

import boto3
import urllib3
from botocore.config import Config

from quickstart import settings
from quickstart.destinations import Destinations
from quickstart.dynamodb import Table
from quickstart.notification_forwarding import EventsClient
from quickstart.remembered import Remembered
from quickstart.report_ledger import ReportLedger
from quickstart.secrets import Secrets
from quickstart.subscription_records import SubscriptionRecords
from quickstart.token_vault import TokenVault
from sp_api.caller import Caller, SellingPartnerApi, user_agent
from sp_api.deadline import Deadline
from sp_api.lwa import LwaClient, Scope
from sp_api.regions import Environment, Region
from sp_api.signing import Signer
from sp_api.transport import make_http

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_sns import SNSClient
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_stepfunctions import SFNClient
    from mypy_boto3_sts import STSClient

# AWS answers within milliseconds; a function must not spend its time on a connection that hangs.
_AWS = Config(connect_timeout=3, read_timeout=15, retries={"mode": "standard", "total_max_attempts": 4})
# The regional virtual-host address, the one that a presigned link signed with s3v4 must carry.
_S3 = _AWS.merge(
    Config(signature_version="s3v4", s3={"addressing_style": "virtual", "us_east_1_regional_endpoint": "regional"})
)
VERSION = "0.1.0"


@cache
def selling_partners_table() -> Table:
    return Table(boto3.client("dynamodb", config=_AWS), settings.required("SELLING_PARTNERS_TABLE"))


@cache
def reports_table() -> Table:
    return Table(boto3.client("dynamodb", config=_AWS), settings.required("REPORTS_TABLE"))


@cache
def report_ledger() -> ReportLedger:
    return ReportLedger(reports_table(), kept=timedelta(days=settings.whole_number("REPORT_RETENTION_DAYS")))


@cache
def token_vault() -> TokenVault:
    return TokenVault(selling_partners_table(), boto3.client("kms", config=_AWS), settings.required("TOKEN_KEY_ARN"))


@cache
def subscription_records() -> SubscriptionRecords:
    return SubscriptionRecords(selling_partners_table())


@cache
def destinations() -> Destinations:
    return Destinations()


@cache
def http() -> urllib3.PoolManager:
    """Connections to LWA, SP-API and the documents."""
    return make_http()


@cache
def selling_partner_api() -> SellingPartnerApi:
    secrets = Secrets(boto3.client("secretsmanager", config=_AWS))
    application_secret = settings.required("APPLICATION_SECRET_ARN")
    environment = Environment(settings.optional("SP_API_ENDPOINT"), settings.optional("LWA_ENDPOINT"))
    signing_secret = settings.optional("SIGNING_SECRET_ARN")
    return SellingPartnerApi(
        environment,
        LwaClient(http(), environment.lwa_url, Remembered(lambda: secrets.application_credentials(application_secret))),
        http(),
        user_agent("SellingPartnerApiQuickStart", VERSION),
        Signer(Remembered(lambda: secrets.signing_credentials(signing_secret))) if signing_secret else None,
    )


def seller(seller_id: str, region: Region, deadline: Deadline) -> Caller:
    """Calls SP-API for a seller, with the token that is stored. Raises SellerUnknownError when there is none."""
    # A seller who has left is not served from what a warm function remembers: access tokens live for an hour.
    token_vault().require(seller_id, region)
    return selling_partner_api().for_seller(seller_id, region, token_vault().refresh_token(seller_id, region), deadline)


def application(region: Region, deadline: Deadline) -> Caller:
    """Calls SP-API's grantless notification operations for the application."""
    return selling_partner_api().grantless(Scope.NOTIFICATIONS, region, deadline)


@cache
def events() -> EventsClient:
    client: EventsClient = boto3.client("events", config=_AWS)
    return client


@cache
def s3() -> "S3Client":
    return boto3.client("s3", config=_S3)


def s3_of(access_key_id: str, secret_access_key: str, session_token: str) -> "S3Client":
    """A client of other credentials than the function's own."""
    return boto3.client(
        "s3",
        config=_S3,
        aws_access_key_id=access_key_id,
        aws_secret_access_key=secret_access_key,
        aws_session_token=session_token,
    )


@cache
def sns() -> "SNSClient":
    return boto3.client("sns", config=_AWS)


@cache
def sqs() -> "SQSClient":
    return boto3.client("sqs", config=_AWS)


@cache
def states() -> "SFNClient":
    return boto3.client("stepfunctions", config=_AWS)


@cache
def sts() -> "STSClient":
    return boto3.client("sts", config=_AWS)
