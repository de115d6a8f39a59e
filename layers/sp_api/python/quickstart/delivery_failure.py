"""Tells people that a report was not delivered: what, whose, why, and what to do about it."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from quickstart.topic import Message, subject_line

if TYPE_CHECKING:
    from mypy_boto3_stepfunctions import SFNClient

_LONGEST_CAUSE = 2000
_UNKNOWN = "(unknown)"


@dataclass(frozen=True)
class FailedDelivery:
    """An execution of the report-processor that ended otherwise than SUCCEEDED.

    `status` is FAILED, TIMED_OUT or ABORTED. `error` is the class of the error, empty where there is none, and `cause`
    what it says. The ids are None when the execution was started with an input of another kind.
    """

    execution_arn: str
    redrives: int
    status: str
    error: str
    cause: str
    seller_id: str | None
    report_id: str | None
    report_type: str

    @property
    def failure_id(self) -> str:
        """The same for every copy of the event, another one when a redriven execution fails again."""
        return f"{self.execution_arn}#{self.redrives}"


@dataclass(frozen=True)
class _Advice:
    meaning: str
    remedy: str


_REDRIVE = "When it is mended, redrive the execution (see below)."
_ASK_AGAIN = "Ask for the report again; redriving the execution would fail in the same way."
_BY_ERROR: Mapping[str, _Advice] = {
    "AuthorizationError": _Advice(
        "Login with Amazon gives no access token.",
        "Do as the words above say: mostly the seller must authorise the application again and its token be stored "
        "with POST /tokens, or the application's credentials in Secrets Manager are out of date. " + _REDRIVE,
    ),
    "AccessDeniedError": _Advice(
        "SP-API, or the store of its documents, denies access.",
        "Look whether the application has the role that this report type needs, whether the seller's authorisation "
        "still stands, and whether the region is right. " + _REDRIVE,
    ),
    "SellerUnknownError": _Advice(
        "No refresh token is stored for the seller in the report's region.",
        "Store it with POST /tokens. " + _REDRIVE,
    ),
    "NotFoundError": _Advice("SP-API no longer has the report or its document.", _ASK_AGAIN),
    "InvalidInputError": _Advice("SP-API does not accept the request.", _ASK_AGAIN),
    "ConflictError": _Advice("SP-API refuses the request for the state of the report.", _ASK_AGAIN),
    "PermanentError": _Advice("SP-API refuses the request.", _ASK_AGAIN),
    "DocumentUrlKeepsExpiringError": _Advice(
        "SP-API's address of a document works for five minutes, and six expired before the document was read.",
        "SP-API's document store is slow, or the function's clock is wrong. Redrive the execution later (see below).",
    ),
    "ThrottledError": _Advice(
        "SP-API refused the calls for hours because too many are made for this seller.",
        "Look for another program that uses the application's quota for the seller, or spread the reports over the "
        "day. Redrive the execution later (see below).",
    ),
    "AnnouncementsTooFastError": _Advice(
        "Thousands of reports finished together, and this one had no turn to be mailed in all that time.",
        "It is stored: GET /reports/{reportId} answers a link. To have it mailed, redrive the execution (see below).",
    ),
    "States.DataLimitExceeded": _Advice("A step's answer is larger than Step Functions takes.", _ASK_AGAIN),
    **dict.fromkeys(
        ("TransientError", "DeadlineExceeded", "DocumentTruncatedError", "DocumentUrlExpiredError"),
        _Advice(
            "SP-API, its document store or the network kept failing for the time that the state machine waits.",
            "Redrive the execution when SP-API is well again (see below).",
        ),
    ),
    "ReportUnfinishedError": _Advice(
        "SP-API announced the report as finished and then said that it is still being made.",
        "Redrive the execution later (see below).",
    ),
    "Lambda.TooManyRequestsException": _Advice(
        "AWS had no function to spare: the account's limit of concurrent functions is reached.",
        "Ask AWS for a higher limit (Service Quotas, Lambda, Concurrent executions). " + _REDRIVE,
    ),
    "Sandbox.Timedout": _Advice(
        "A function did not end in its time.",
        "Look into its log. A document too large to be copied in 15 minutes shows like this. " + _REDRIVE,
    ),
}
_BY_STATUS: Mapping[str, _Advice] = {
    "TIMED_OUT": _Advice(
        "The execution ran longer than its limit of a day.",
        "Look in the console where it waited, then redrive it (see below).",
    ),
    "ABORTED": _Advice(
        "Somebody stopped the execution.",
        "If that was a mistake, redrive it (see below).",
    ),
}
_OTHERWISE = _Advice(
    "A step failed in a way that the stack does not know.",
    "Look into the log of the function that failed. " + _REDRIVE,
)


def read_failure(event: Mapping[str, Any], states: "SFNClient") -> FailedDelivery:
    """The execution that an event "Step Functions Execution Status Change" tells of.

    The event may leave out the input, so the execution is asked for it (AWS: DescribeExecution).
    """
    detail = event["detail"]
    execution = states.describe_execution(executionArn=detail["executionArn"])
    given = _object(execution.get("input", ""))
    return FailedDelivery(
        execution_arn=detail["executionArn"],
        redrives=detail.get("redriveCount") or 0,
        status=detail["status"],
        error=execution.get("error", ""),
        cause=_sentence(execution.get("cause", "")),
        seller_id=given.get("SellerId"),
        report_id=given.get("ReportId"),
        report_type=given.get("ReportType", _UNKNOWN),
    )


def write_message(failed: FailedDelivery) -> Message:
    """The message about it."""
    advice = _BY_STATUS.get(failed.status) or _BY_ERROR.get(failed.error, _OTHERWISE)
    report_id, seller_id = failed.report_id or _UNKNOWN, failed.seller_id or _UNKNOWN
    facts = [
        ("Report type", failed.report_type),
        ("Report id", report_id),
        ("Seller", seller_id),
        ("Execution", f"{failed.execution_arn.rsplit(':', 1)[1]} ({failed.status})"),
        ("Error", failed.error or "(none)"),
    ]
    story = [
        "The report was not delivered.",
        advice.meaning,
        *([f"In its own words: {failed.cause}"] if failed.cause else []),
        "",
        "What to do:",
        advice.remedy,
        "",
        "The execution in the AWS console, where the button Redrive goes on at the step that failed:",
        _console_link(failed.execution_arn),
        "All that failed in the last days at once: make redrive-executions STACK=<name of the stack>",
    ]
    return Message(
        subject_line(f"{failed.report_type} was NOT delivered: report {report_id} of seller {seller_id}"),
        "\n".join([f"{label:<12} {value}" for label, value in facts] + [""] + story) + "\n",
        {
            "DeliveryStatus": "FAILED",
            "SellerId": failed.seller_id,
            "ReportId": failed.report_id,
            "ReportType": failed.report_type,
            "ExecutionArn": failed.execution_arn,
            "ExecutionStatus": failed.status,
            "Error": failed.error or None,
            "Explanation": failed.cause or None,
        },
    )


def _console_link(execution_arn: str) -> str:
    region = execution_arn.split(":")[3]
    return f"https://{region}.console.aws.amazon.com/states/home?region={region}#/v2/executions/details/{execution_arn}"


def _sentence(cause: str) -> str:
    """A cause as a person reads it: a function's is JSON with its message, its stack and more."""
    return str(_object(cause).get("errorMessage", cause))[:_LONGEST_CAUSE]


def _object(text: str) -> Mapping[str, Any]:
    try:
        value = json.loads(text)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}
