"""The e-mail about a finished report: a link to its document, or why there is none. It is sent once per report."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import quote

from quickstart.links import Link, ObjectLinks
from quickstart.observability import logger
from quickstart.own_stack import OwnStack
from quickstart.reports.ledger import ReportLedger, StoredReport
from quickstart.reports.topic import Message, ReportTopic
from quickstart.times import to_text

_SECTION = "docs/troubleshooting.md#a-report"


@dataclass(frozen=True)
class FinishedReport:
    """A finished report, also with a status that SP-API added later.

    It has a `document` when that is stored, and an `explanation` when SP-API returned one.
    `explanation_error` is the class of the error when SP-API has an explanation that could not be fetched.

    `data_start_time` and `data_end_time` are ISO 8601, as SP-API returned them. `period_requested` is False if this
    stack requested the report without either.
    """

    seller_id: str
    report_id: str
    report_type: str
    report_status: str
    data_start_time: str | None = None
    data_end_time: str | None = None
    document: StoredReport | None = None
    explanation: str | None = None
    explanation_error: str | None = None
    period_requested: bool = True

    @property
    def outcome(self) -> str:
        """What its announcement says: DELIVERED, CANCELLED, FATAL, or DONE for a report without a document."""
        return "DELIVERED" if self.document is not None else self.report_status

    @classmethod
    def from_workflow(cls, fields: Mapping[str, Any]) -> "FinishedReport":
        """{SellerId, ReportId, ReportType, ReportStatus, ObjectKey?, SizeBytes?, Sha256?, CompressionAlgorithm?,
        DataStartTime?, DataEndTime?, Explanation?, ExplanationDocumentId?, ExplanationError?, ...}, as the state
        machine carries it.
        """
        unexplained = "ExplanationDocumentId" in fields and "Explanation" not in fields
        return cls(
            seller_id=fields["SellerId"],
            report_id=fields["ReportId"],
            report_type=fields["ReportType"],
            report_status=fields["ReportStatus"],
            data_start_time=fields.get("DataStartTime"),
            data_end_time=fields.get("DataEndTime"),
            document=StoredReport.from_attributes(fields) if "ObjectKey" in fields else None,
            explanation=fields.get("Explanation"),
            explanation_error=fields.get("ExplanationError", "not fetched") if unexplained else None,
        )


def announce_report(
    report: FinishedReport,
    ledger: ReportLedger,
    topic: ReportTopic,
    links: ObjectLinks,
    reports_url: str,
    *,
    slot_taken: bool | None,
) -> str:
    """Publishes the message about the report once and returns SNS's message id; a repeat returns the same id.

    A document that SP-API has after all is announced although an earlier message said that there was none.
    GET <reports_url>/<reportId> returns a new link. Raises ReportForgottenError when the seller was removed, and
    AnnouncementsTooFastError and AnnouncementInProgressError, after which the state machine waits and calls again;
    `slot_taken` is whether it has waited for its time slot, None in executions that began before time slots were
    assigned.
    """
    item = ledger.require(report.seller_id, report.report_id)
    announced, earlier = item.get("NotificationMessageId"), item.get("AnnouncedOutcome")
    corrects = report.outcome == "DELIVERED" and earlier not in (None, "DELIVERED")
    if announced is not None and not corrects:
        logger().info("report was announced before", status=report.report_status)
        return str(announced)
    # Before the link is created, because its lifetime starts then.
    if slot_taken is None:
        topic.pace.wait_for_slot(0)
    elif not slot_taken:
        topic.pace.take_slot()
    link = None if report.document is None else links.presign(report.document.key, f"report-{report.report_id}")
    message_id = topic.publish_once(
        ledger,
        report.seller_id,
        report.report_id,
        f"{report.report_status} {report.outcome}",
        lambda: write_message(
            replace(report, period_requested=item.get("PeriodRequested") is not False),
            link,
            reports_url,
            topic.stack,
            earlier if corrects else None,
        ),
    )
    ledger.announced(report.seller_id, report.report_id, report.report_status, report.outcome, message_id)
    logger().info("report announced", status=report.report_status)
    return message_id


def period(start: str | None, end: str | None) -> str:
    """The period that a report covers, in words; empty if there is none."""
    match start, end:
        case None, None:
            return ""
        case _, None:
            return f"from {start}"
        case None, _:
            return f"until {end}"
    return f"{start} to {end}"


def write_message(
    report: FinishedReport, link: Link | None, reports_url: str, stack: OwnStack, earlier: str | None = None
) -> Message:
    """The message, with the link when the report is stored; `earlier` is the outcome that it corrects.

    For a request without a period, SP-API returns the time of the request as the start and the end of the report, so
    the message then has no period.
    """
    covered = period(report.data_start_time, report.data_end_time) if report.period_requested else ""
    facts = [
        ("Stack", f"{stack.name} ({stack.region})"),
        ("Report type", report.report_type),
        ("Report id", report.report_id),
        ("Seller", report.seller_id),
        *([("Period", covered)] if covered else []),
    ]
    if report.document is not None and link is not None:
        headline = "is ready"
        if report.report_status != "DONE":
            facts.append(("Status", report.report_status))
        facts.append(("Size", f"{report.document.size_bytes:,} bytes{' (gzip)' if report.document.gzipped else ''}"))
        facts.append(("SHA-256", report.document.sha256))
        if report.document.guessed_charset is not None:
            facts.append(("Charset", f"{report.document.guessed_charset} (a guess, because SP-API did not name it)"))
        story = [
            *([f"An earlier message said that this report was {earlier}. SP-API has it now.", ""] if earlier else []),
            "Download it with this link:",
            link.url,
            "",
            f"The link works until {link.expires:%Y-%m-%d %H:%M:%S} UTC.",
            "Anyone who has the link can read the report. Do not share it.",
            "",
            "To get a new link, send this request, signed like every request to the stack:",
            f"GET {reports_url}/{quote(report.report_id, safe='')}?SellerId={quote(report.seller_id, safe='')}",
        ]
    elif report.report_status == "CANCELLED":
        headline = "was cancelled"
        story = [
            "SP-API cancelled the report, so there is no document. That usually means one of these:",
            "- there is no data for the requested period and marketplaces;",
            "- the same report was requested again too soon, or a schedule already creates it;",
            "- someone cancelled the request.",
            *(["", *_explanation(report)] if report.explanation or report.explanation_error else []),
            *_what_to_do("Use a longer period, or wait longer between requests.", reports_url),
        ]
    elif report.report_status == "FATAL":
        headline = "failed"
        story = [
            "SP-API could not create the report (FATAL).",
            *_explanation(report),
            *_what_to_do("Follow the explanation, if there is one.", reports_url),
        ]
    elif report.report_status == "DONE":
        headline = "has no document"
        story = [
            "SP-API finished the report (DONE) but returned no document for it, and no reason.",
            *_what_to_do("If it happens again, ask Amazon's developer support about this report id.", reports_url),
        ]
    else:
        headline = "has ended"
        story = [
            f"SP-API returned the report with the status {report.report_status} and without a document.",
            *_what_to_do("Look up the status in Amazon's documentation of the Reports API.", reports_url),
        ]
    return Message(
        f"{report.report_type} {headline}: report {report.report_id} of seller {report.seller_id}",
        "\n".join([f"{label:<12} {value}" for label, value in facts] + [""] + story) + "\n",
        _data(report, link),
    )


def _what_to_do(advice: str, reports_url: str) -> list[str]:
    again = "To request the report again, send the same request with a new ClientToken:"
    return ["", f"What to do: {advice}", again, f"POST {reports_url}", f"See {_SECTION}"]


def _explanation(report: FinishedReport) -> list[str]:
    if report.explanation:
        return ["SP-API's explanation:", report.explanation]
    if report.explanation_error is not None:
        return [f"SP-API has an explanation, but it could not be fetched ({report.explanation_error})."]
    return ["SP-API gave no reason."]


def _data(report: FinishedReport, link: Link | None) -> Mapping[str, object]:
    """For programs: unknown values are null."""
    document = report.document
    return {
        "DeliveryStatus": "DELIVERED",
        "SellerId": report.seller_id,
        "ReportId": report.report_id,
        "ReportType": report.report_type,
        "ProcessingStatus": report.report_status,
        "DataStartTime": report.data_start_time,
        "DataEndTime": report.data_end_time,
        "ReportUrl": link.url if link else None,
        "ReportUrlExpires": to_text(link.expires) if link else None,
        "CompressionAlgorithm": "GZIP" if document and document.gzipped else None,
        "ObjectKey": document.key if document else None,
        "SizeBytes": document.size_bytes if document else None,
        "Sha256": document.sha256 if document else None,
        "GuessedCharset": document.guessed_charset if document else None,
        "Explanation": report.explanation,
        "ExplanationError": report.explanation_error,
    }
