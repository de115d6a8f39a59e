"""The e-mail about a failed delivery: report, seller, cause, and what to do. It is sent once per failure."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from quickstart.invocation import ExpectedError
from quickstart.observability import logger
from quickstart.own_stack import OwnStack
from quickstart.reports.ledger import NO_SELLER, ReportForgottenError, ReportLedger
from quickstart.reports.topic import Message, ReportTopic
from sp_api.errors import presentable
from sp_api.redaction import holds_secret
from sp_api.wire import is_unicode

if TYPE_CHECKING:
    from mypy_boto3_stepfunctions import SFNClient

_UNKNOWN = "(unknown)"
# A longer id cannot be a key of a table (DynamoDB: 1024 bytes for the shorter of the two keys).
_LONGEST_TEXT = 256
# arn:aws:states:<region>:<account>:execution:<state machine>:<name>
_EXECUTION = re.compile(r"arn:[\w-]+:states:[\w-]+:\d+:execution:[^:\s]+:[^:\s]+")


class UnreadableFailureError(ExpectedError):
    """The event does not say which execution failed."""


@dataclass(frozen=True)
class FailedDelivery:
    """An execution of the report-processor that did not succeed.

    `status` is FAILED, TIMED_OUT or ABORTED. `error` is the class of the error, empty when there is none, and `cause`
    its message. The ids are None when the execution's input does not have them.
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
    def execution_name(self) -> str:
        return self.execution_arn.rsplit(":", 1)[1]

    @property
    def failure_id(self) -> str:
        """The same for every copy of the event; different when a redriven execution fails again."""
        return f"{self.execution_arn}#{self.redrives}"

    @property
    def recorded_as(self) -> tuple[str, str]:
        """Seller and report of its item in the ledger: those that no report has if the input does not name them."""
        if self.seller_id is None or self.report_id is None:
            return NO_SELLER, f"EXECUTION#{self.execution_name}"
        return self.seller_id, self.report_id

    @property
    def advice(self) -> "Advice":
        return _BY_STATUS.get(self.status) or _BY_ERROR.get(self.error, _OTHERWISE)


@dataclass(frozen=True)
class Advice:
    """The likely cause of a failure, and what to do about it."""

    meaning: str
    remedy: str


_SECTION = "docs/operations.md#a-report-was-not-delivered"
_REDRIVE = "Once this is fixed, redrive the execution (see below)."
_AS_SAID = "Follow the error message above. " + _REDRIVE
_ASK_AGAIN = "Request the report again. Redriving the execution would fail in the same way."
_BY_ERROR: Mapping[str, Advice] = {
    "AuthorizationError": Advice(
        "Login with Amazon did not issue an access token.",
        "Follow the error message above. Usually, either the seller must authorize the application again and you store "
        "the new token with POST /tokens, or the stored token is not one of this application, or the application's "
        "credentials in Secrets Manager are out of date. " + _REDRIVE,
    ),
    "AccessDeniedError": Advice(
        "SP-API or its document store denied access.",
        "Check that the application has the role that this report type needs (for a report with personal data, a "
        "restricted role), that the seller's authorization is still valid, and that the region is correct. " + _REDRIVE,
    ),
    "ClientSecretExpiredError": Advice(
        "SP-API rejected the application's client secret as expired for more than an hour.",
        "After a rotation of the client secret, check that the application's secret in Secrets Manager is the new one. "
        + _REDRIVE,
    ),
    "SecretUnreadableError": Advice("A secret of the stack in Secrets Manager cannot be read.", _AS_SAID),
    "DamagedItemError": Advice("An item in one of the stack's tables was changed by hand or damaged.", _AS_SAID),
    "SellerUnknownError": Advice(
        "No refresh token is stored for the seller in the report's region.",
        "Store it with POST /tokens. " + _REDRIVE,
    ),
    "SellerBeingRemovedError": Advice(
        "The seller has no refresh token any more, but still has records: the removal of the seller has not ended.",
        "Send DELETE /tokens/{SellerId} again. If the seller was not removed, store the token with POST /tokens. "
        + _REDRIVE,
    ),
    "NotFoundError": Advice("SP-API no longer has the report or its document.", _ASK_AGAIN),
    "InvalidInputError": Advice("SP-API rejected the request as invalid.", _ASK_AGAIN),
    "ConflictError": Advice("SP-API rejected the request because of the report's current state.", _ASK_AGAIN),
    "PermanentError": Advice("SP-API rejected the request.", _ASK_AGAIN),
    "DocumentUrlKeepsExpiringError": Advice(
        "SP-API's document URLs are valid for five minutes, and six of them expired before the document was read.",
        "SP-API's document store may be slow. Redrive the execution later (see below).",
    ),
    "ThrottledError": Advice(
        "SP-API throttled the calls for hours, because there were too many for this seller.",
        "Check whether another program uses the application's quota for this seller, or spread the reports over the "
        "day. Redrive the execution later (see below).",
    ),
    "AnnouncementInProgressError": Advice(
        "Other functions started to send this e-mail, but did not record that they sent it.",
        "Check the log of SPAPIReportPresignedUrlGenerator; usually DynamoDB or SNS failed. If the e-mail has not "
        "arrived, GET /reports/{reportId} returns a link. " + _REDRIVE,
    ),
    "AnnouncementsTooFastError": Advice(
        "Thousands of reports finished together, and this one could not be e-mailed before its retries ran out.",
        "The report is stored: GET /reports/{reportId} returns a link. To get the e-mail, redrive the execution (see "
        "below).",
    ),
    "States.DataLimitExceeded": Advice("A step's result is larger than Step Functions allows.", _ASK_AGAIN),
    **dict.fromkeys(
        ("TransientError", "DeadlineExceeded", "DocumentTruncatedError", "DocumentUrlExpiredError"),
        Advice(
            "SP-API, its document store or the network kept failing until the retries ran out.",
            "Redrive the execution when SP-API works again (see below).",
        ),
    ),
    "ReportUnfinishedError": Advice(
        "SP-API announced the report as finished, but then returned it as still in progress.",
        "Redrive the execution later (see below).",
    ),
    "Lambda.TooManyRequestsException": Advice(
        "The AWS account reached its limit of concurrent Lambda executions.",
        "Request a higher limit from AWS (Service Quotas, Lambda, Concurrent executions). " + _REDRIVE,
    ),
    # Step Functions Developer Guide, "Handling errors": a function that runs out of time or memory has either of the
    # first two names, and one whose process ends any of the others.
    **dict.fromkeys(
        ("Lambda.Unknown", "Sandbox.Timedout", "Runtime.ExitError", "Runtime.OutOfMemory"),
        Advice(
            "A function ran out of time or memory.",
            "Check the log of the function that failed. One possible cause is a document too large to copy in 15 "
            "minutes. " + _REDRIVE,
        ),
    ),
    **dict.fromkeys(
        (
            "Lambda.AWSLambdaException",
            "Lambda.ClientExecutionTimeoutException",
            "Lambda.SdkClientException",
            "Lambda.ServiceException",
        ),
        Advice(
            "Step Functions could not run a function, or did not get its result.",
            "Check the AWS Health Dashboard, and whether somebody has changed the state machine's role. " + _REDRIVE,
        ),
    ),
}
_BY_STATUS: Mapping[str, Advice] = {
    "TIMED_OUT": Advice(
        "The execution ran longer than its limit of 14 days.",
        "Check in the AWS console at which step it waited, then redrive it (see below).",
    ),
    "ABORTED": Advice(
        "Someone stopped the execution.",
        "If this was a mistake, redrive it (see below).",
    ),
}
_OTHERWISE = Advice(
    "A step failed with an unexpected error.",
    "Check the log of the function that failed. " + _REDRIVE,
)


def read_failure(event: Mapping[str, Any], states: "SFNClient") -> FailedDelivery:
    """The execution that an event "Step Functions Execution Status Change" is about.

    The event omits an input of more than 248 KB, and may lack the error. Only then is the execution read (AWS:
    DescribeExecution), which is eventually consistent: what the event has goes before it. An execution that timed out
    has no error. Raises UnreadableFailureError: the event then goes to the dead-letter queue.
    """
    detail = event.get("detail")
    if not isinstance(detail, Mapping) or not _EXECUTION.fullmatch(_string(detail, "executionArn")):
        raise UnreadableFailureError("the event has no executionArn of an execution")
    if not _string(detail, "status"):
        raise UnreadableFailureError("the event has no status of its execution")
    unexplained = detail.get("error") is None and detail.get("cause") is None
    if detail.get("input") is None or (unexplained and detail["status"] != "TIMED_OUT"):
        described = states.describe_execution(executionArn=detail["executionArn"])
        detail = {**described, **{name: value for name, value in detail.items() if value is not None}}
    return failed_delivery(detail)


def failed_delivery(execution: Mapping[str, Any]) -> FailedDelivery:
    """The delivery of an execution as an event or DescribeExecution has it: {executionArn, status, input?, error?,
    cause?, redriveCount?}."""
    given = _object(_string(execution, "input"))
    return FailedDelivery(
        execution_arn=execution["executionArn"],
        redrives=execution.get("redriveCount") or 0,
        status=execution["status"],
        error=presentable(_string(execution, "error")),
        cause=_sentence(_string(execution, "cause")),
        seller_id=_text(given, "SellerId"),
        report_id=_text(given, "ReportId"),
        report_type=_text(given, "ReportType") or _UNKNOWN,
    )


def announce_failure(failed: FailedDelivery, ledger: ReportLedger, topic: ReportTopic) -> bool:
    """Publishes the message about the failure, unless the ledger shows that it was published before.

    Returns whether it did. Publishes and records nothing about a seller who was removed. Raises
    AnnouncementsTooFastError, after which Lambda retries twice and then sends the event to the dead-letter queue.
    """
    logger().error(
        "report not delivered",
        seller_id=failed.seller_id,
        report_id=failed.report_id,
        execution_arn=failed.execution_arn,
        status=failed.status,
        error=failed.error,
    )
    item = ledger.find(*failed.recorded_as) or {}
    if item.get("AnnouncedFailure") == failed.failure_id:
        return False
    if not item and not ledger.known(failed.recorded_as[0]):
        logger().info("no message: the seller was removed")
        return False
    topic.pace.wait_for_slot()
    try:
        message_id = topic.publish_once(
            ledger, *failed.recorded_as, failed.failure_id, lambda: write_message(failed, topic.stack), creates=True
        )
    except ReportForgottenError as error:
        logger().info("no message: the seller was removed", reason=str(error))
        return False
    ledger.failed(*failed.recorded_as, failed.failure_id, failed.error or failed.status, message_id)
    return True


def write_message(failed: FailedDelivery, stack: OwnStack) -> Message:
    """The message about the failure, with the commands for this stack."""
    advice = failed.advice
    report_id, seller_id = failed.report_id or _UNKNOWN, failed.seller_id or _UNKNOWN
    facts = [
        ("Stack", f"{stack.name} ({stack.region})"),
        ("Report type", failed.report_type),
        ("Report id", report_id),
        ("Seller", seller_id),
        ("Execution", f"{failed.execution_name} ({failed.status})"),
        ("Error", failed.error or "(none)"),
    ]
    story = [
        "The report was not delivered.",
        f"Likely cause: {advice.meaning}",
        *([f"Error message: {failed.cause}"] if failed.cause else []),
        "",
        "What to do:",
        advice.remedy,
        "",
        "To see at which step it failed:",
        stack.command("logs", "FUNCTION=ReportProcessor SINCE=1d"),
        "To redrive all recent failures at once:",
        stack.command("redrive-executions", "ARGS=--aborted" if failed.status == "ABORTED" else ""),
        "The execution in the AWS console; its Redrive button resumes at the step that failed:",
        _console_link(failed.execution_arn),
        f"See {_SECTION}",
    ]
    return Message(
        f"{failed.report_type} was NOT delivered: report {report_id} of seller {seller_id}",
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
    return presentable(str(_object(cause).get("errorMessage", cause)))


def _string(execution: Mapping[str, Any], name: str) -> str:
    """Empty when it is missing, or not a text that an e-mail can show."""
    value = execution.get(name)
    return value if isinstance(value, str) and is_unicode(value) else ""


def _text(given: Mapping[str, Any], name: str) -> str | None:
    """None when it cannot be an id or type of SP-API: people start executions by hand, with any input."""
    value = given.get(name)
    good = isinstance(value, str) and 0 < len(value) <= _LONGEST_TEXT and is_unicode(value) and not holds_secret(value)
    return value if good else None


def _object(text: str) -> Mapping[str, Any]:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}
