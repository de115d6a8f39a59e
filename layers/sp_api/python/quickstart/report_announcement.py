"""Tells people that a report is there, or why it is not."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_sts import STSClient

# STS lends credentials for 15 minutes at least, and to a role that was itself assumed for an hour at most.
_SHORTEST_SESSION = 900
# SNS refuses an e-mail subject of 100 characters or more, and anything but ASCII in it.
_LONGEST_SUBJECT = 99


@dataclass(frozen=True)
class FinishedReportNews:
    """What the e-mail says; `link` is set for a report that is stored, `explanation` for a FATAL one that has one."""

    seller_id: str
    report_id: str
    report_type: str
    report_status: str
    period: str
    size_bytes: int | None = None
    link: "Link | None" = None
    explanation: str | None = None


@dataclass(frozen=True)
class Link:
    """A presigned link; whoever has it can read the report until it expires."""

    url: str
    expires: datetime

    def __repr__(self) -> str:
        return f"Link(expires={self.expires:%Y-%m-%dT%H:%M:%SZ})"


@dataclass(frozen=True)
class Message:
    """An e-mail's subject and body."""

    subject: str
    body: str


def presign(
    sts: "STSClient",
    s3_client: Callable[[str, str, str], "S3Client"],
    *,
    reader_role_arn: str,
    session_name: str,
    bucket: str,
    key: str,
    lifetime_seconds: int,
    now: datetime,
) -> Link:
    """A link that lives for all of `lifetime_seconds`.

    A presigned link dies with the credentials that signed it, and a function's own may have minutes left: it is signed
    with a session of a role that may only read reports, taken for the purpose. `s3_client` makes a client of access
    key id, secret access key and session token.
    """
    session = sts.assume_role(
        RoleArn=reader_role_arn,
        RoleSessionName=session_name,
        DurationSeconds=max(_SHORTEST_SESSION, lifetime_seconds),
    )["Credentials"]
    s3 = s3_client(session["AccessKeyId"], session["SecretAccessKey"], session["SessionToken"])
    url = s3.generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": key}, ExpiresIn=lifetime_seconds)
    expires = min(now + timedelta(seconds=lifetime_seconds), session["Expiration"].astimezone(UTC))
    return Link(url, expires)


def period(start: str | None, end: str | None) -> str:
    """The time that a report covers, in words."""
    match start, end:
        case None, None:
            return "as of when it was made"
        case _, None:
            return f"from {start}"
        case None, _:
            return f"until {end}"
    return f"{start} to {end}"


def write_message(news: FinishedReportNews) -> Message:
    """The e-mail for a DONE, CANCELLED or FATAL report."""
    facts = [
        ("Report type", news.report_type),
        ("Report id", news.report_id),
        ("Seller", news.seller_id),
        ("Period", news.period),
    ]
    if news.link is not None:
        headline = "is ready"
        facts.append(("Size", f"{news.size_bytes or 0:,} bytes as stored"))
        story = [
            "Download it with this link:",
            news.link.url,
            "",
            f"The link works until {news.link.expires:%Y-%m-%d %H:%M:%S} UTC.",
            "Whoever has it can read the report: do not pass it on.",
            "Afterwards the report stays in the stack's reports bucket.",
        ]
    elif news.report_status == "CANCELLED":
        headline = "was cancelled"
        story = [
            "SP-API cancelled the report, so there is no document. That usually means one of these:",
            "- there is no data for the period and marketplaces asked for;",
            "- the same report was asked for again too soon, or while a schedule makes it;",
            "- the request was cancelled on purpose.",
        ]
    else:
        headline = "failed"
        story = [
            "SP-API could not make the report (FATAL). What it says about it:",
            news.explanation or "(it gave no reason)",
        ]
    body = "\n".join([f"{label:<12} {value}" for label, value in facts] + [""] + story) + "\n"
    return Message(_subject(f"{news.report_type} {headline}: report {news.report_id} of seller {news.seller_id}"), body)


def _subject(text: str) -> str:
    ascii_text = text.encode("ascii", "replace").decode()
    return ascii_text if len(ascii_text) <= _LONGEST_SUBJECT else ascii_text[: _LONGEST_SUBJECT - 3] + "..."
