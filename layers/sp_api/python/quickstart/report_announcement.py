"""Tells people that a report is there, or why it is not."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from urllib.parse import quote

from quickstart.report_ledger import StoredReport
from quickstart.topic import Message, subject_line

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_sts import STSClient

# STS lends credentials for 15 minutes at least, and to a role that was itself assumed for an hour at most.
_SHORTEST_SESSION = 900


@dataclass(frozen=True)
class FinishedReportNews:
    """What there is to tell: `document` and `link` of a stored report, else `explanation` where SP-API gave one.

    `data_start_time` and `data_end_time` are ISO 8601. `reports_url` is where the stack answers GET
    <reports_url>/<reportId> with a fresh link.
    """

    seller_id: str
    report_id: str
    report_type: str
    report_status: str
    reports_url: str
    data_start_time: str | None = None
    data_end_time: str | None = None
    document: StoredReport | None = None
    link: "Link | None" = None
    explanation: str | None = None


@dataclass(frozen=True)
class Link:
    """A presigned link; whoever has it can read the report until it expires."""

    url: str
    expires: datetime

    def __repr__(self) -> str:
        return f"Link(expires={self.expires:%Y-%m-%dT%H:%M:%SZ})"


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
    """The message for a DONE, CANCELLED or FATAL report."""
    facts = [
        ("Report type", news.report_type),
        ("Report id", news.report_id),
        ("Seller", news.seller_id),
        ("Period", period(news.data_start_time, news.data_end_time)),
    ]
    if news.document is not None and news.link is not None:
        headline = "is ready"
        facts.append(("Size", f"{news.document.size_bytes:,} bytes{' (gzip)' if news.document.gzipped else ''}"))
        facts.append(("SHA-256", news.document.sha256))
        story = [
            "Download it with this link:",
            news.link.url,
            "",
            f"The link works until {news.link.expires:%Y-%m-%d %H:%M:%S} UTC.",
            "Whoever has it can read the report: do not pass it on.",
            "",
            "A fresh link is the answer to this request, signed like every request to the stack:",
            f"GET {news.reports_url}/{quote(news.report_id, safe='')}?SellerId={quote(news.seller_id, safe='')}",
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
    return Message(
        subject_line(f"{news.report_type} {headline}: report {news.report_id} of seller {news.seller_id}"),
        "\n".join([f"{label:<12} {value}" for label, value in facts] + [""] + story) + "\n",
        _data(news),
    )


def _data(news: FinishedReportNews) -> Mapping[str, object]:
    """For programs: a field that there is nothing to say in is null."""
    document, link = news.document, news.link
    return {
        "DeliveryStatus": "DELIVERED",
        "SellerId": news.seller_id,
        "ReportId": news.report_id,
        "ReportType": news.report_type,
        "ProcessingStatus": news.report_status,
        "DataStartTime": news.data_start_time,
        "DataEndTime": news.data_end_time,
        "ReportUrl": link.url if link else None,
        "ReportUrlExpires": link.expires.isoformat(timespec="seconds") if link else None,
        "CompressionAlgorithm": "GZIP" if document and document.gzipped else None,
        "ObjectKey": document.key if document else None,
        "SizeBytes": document.size_bytes if document else None,
        "Sha256": document.sha256 if document else None,
        "Explanation": news.explanation,
    }
