"""Puts a function's parts together, each when first asked for, from the function's environment, and keeps them."""

from datetime import UTC, datetime, timedelta
from functools import cache, partial
from typing import TYPE_CHECKING

import boto3
import urllib3
from botocore.config import Config

from quickstart import settings
from quickstart.announcement_pace import take_turn
from quickstart.client_tokens import ClientTokens
from quickstart.destinations import Destinations
from quickstart.dynamodb import Table
from quickstart.notification_forwarding import EventsClient, Forwarder
from quickstart.remembered import Remembered
from quickstart.report_announcement import Link, presign
from quickstart.report_ledger import ReportLedger
from quickstart.secrets import Secrets
from quickstart.solicitation_ledger import SolicitationLedger
from quickstart.solicitation_scheduling import Arranger
from quickstart.solicitation_steps import SolicitationSteps
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
VERSION = "1.0.0"


@cache
def selling_partners_table() -> Table:
    return Table(boto3.client("dynamodb", config=_AWS), settings.required("SELLING_PARTNERS_TABLE"))


@cache
def reports_table() -> Table:
    return Table(boto3.client("dynamodb", config=_AWS), settings.required("REPORTS_TABLE"))


@cache
def report_ledger() -> ReportLedger:
    return ReportLedger(reports_table(), kept=timedelta(days=settings.whole_number("REPORT_RETENTION_DAYS")))


def take_announcement_turn() -> None:
    """Before each message to the reports topic. Raises AnnouncementsTooFastError."""
    take_turn(reports_table(), settings.whole_number("ANNOUNCEMENTS_PER_SECOND"), datetime.now(UTC))


@cache
def client_tokens() -> ClientTokens:
    return ClientTokens(reports_table())


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
def selling_partner_api(*, sandbox: bool = False) -> SellingPartnerApi:
    secrets = Secrets(boto3.client("secretsmanager", config=_AWS))
    application_secret = settings.required("APPLICATION_SECRET_ARN")
    environment = Environment(settings.optional("SP_API_ENDPOINT"), settings.optional("LWA_ENDPOINT"), sandbox)
    signing_secret = settings.optional("SIGNING_SECRET_ARN")
    return SellingPartnerApi(
        environment,
        LwaClient(http(), environment.lwa_url, Remembered(lambda: secrets.application_credentials(application_secret))),
        http(),
        user_agent("SellingPartnerApiQuickStart", VERSION),
        Signer(Remembered(lambda: secrets.signing_credentials(signing_secret))) if signing_secret else None,
    )


def seller(seller_id: str, region: Region, deadline: Deadline, *, sandbox: bool = False) -> Caller:
    """Calls SP-API, or its sandbox, for a seller, with the token that is stored.

    Raises SellerUnknownError when there is none.
    """
    # A seller who has left is not served from what a warm function remembers: access tokens live for an hour.
    token_vault().require(seller_id, region)
    api = selling_partner_api(sandbox=True) if sandbox else selling_partner_api()
    return api.for_seller(seller_id, region, token_vault().refresh_token(seller_id, region), deadline)


def application(region: Region, deadline: Deadline) -> Caller:
    """Calls SP-API's grantless notification operations for the application."""
    return selling_partner_api().grantless(Scope.NOTIFICATIONS, region, deadline)


@cache
def events() -> EventsClient:
    client: EventsClient = boto3.client("events", config=_AWS)
    return client


@cache
def forwarder(dead_letter_queue_setting: str) -> Forwarder:
    """Hands on to the event bus; what the bus refuses goes to the queue that this setting names."""
    return Forwarder(
        events=events(),
        bus_name=settings.required("EVENT_BUS_NAME"),
        sqs=sqs(),
        dead_letter_queue_url=settings.required(dead_letter_queue_setting),
        selling_partners_table=selling_partners_table(),
    )


@cache
def solicitations_table() -> Table:
    return Table(boto3.client("dynamodb", config=_AWS), settings.required("SOLICITATIONS_TABLE"))


@cache
def solicitation_ledger() -> SolicitationLedger:
    return SolicitationLedger(solicitations_table())


def solicitation_steps(deadline: Deadline) -> SolicitationSteps:
    """The steps of one invocation, which must end by `deadline`."""
    return SolicitationSteps(solicitation_ledger(), partial(seller, deadline=deadline))


@cache
def solicitation_arranger() -> Arranger:
    return Arranger(
        ledger=solicitation_ledger(),
        scheduler=boto3.client("scheduler", config=_AWS),
        states=states(),
        state_machine_arn=settings.required("STATE_MACHINE_ARN"),
        group_name=settings.required("SCHEDULE_GROUP"),
        role_arn=settings.required("SCHEDULE_ROLE_ARN"),
        dead_letter_queue_arn=settings.required("SCHEDULE_DEAD_LETTER_QUEUE_ARN"),
    )


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


def report_link(key: str, report_id: str) -> Link:
    """A fresh presigned link to a stored report, for as long as the stack's parameter says."""
    return presign(
        sts(),
        s3_of,
        reader_role_arn=settings.required("REPORT_READER_ROLE_ARN"),
        session_name=f"report-{report_id}"[:64],
        bucket=settings.required("REPORTS_BUCKET"),
        key=key,
        lifetime_seconds=settings.whole_number("LINK_LIFETIME_SECONDS"),
        now=datetime.now(UTC),
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
