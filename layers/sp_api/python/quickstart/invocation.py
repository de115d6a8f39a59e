"""One invocation of a function: what each of its log lines carries, when it must end, and how it fails."""

import gc
from types import TracebackType
from typing import ClassVar, Protocol

from quickstart.observability import logger
from quickstart.refusals import Refusal
from sp_api.deadline import Deadline
from sp_api.errors import SellingPartnerApiError


class Context(Protocol):
    """The part of Lambda's context that the functions use."""

    @property
    def aws_request_id(self) -> str: ...

    def get_remaining_time_in_millis(self) -> int: ...


class ExpectedError(Exception):
    """A failure that the workflow or the queue handles: Step Functions retries or catches it by its class name.

    `queue_waits` are the seconds until a queue delivers the message again, after its first receive, its second, and so
    on; the last one repeats. Without them, the queue's visibility timeout applies. SQS allows 12 hours.
    """

    queue_waits: ClassVar[tuple[int, ...]] = ()


class OperatorNeededError(ExpectedError):
    """A failure that remains until the stack's operator fixes its cause."""

    # With five receives, a message reaches the dead-letter queue after 15 hours.
    queue_waits: ClassVar[tuple[int, ...]] = (300, 1800, 7200, 43200)


# Failures with a message that says everything: they are logged without a traceback.
EXPECTED = (ExpectedError, Refusal, SellingPartnerApiError)


def begin(context: Context, **keys: str) -> None:
    """Makes every later log line carry the Lambda request id and `keys`, and none of the previous invocation's keys."""
    if not gc.isenabled():
        # What the start has made stays, and need not be searched.
        gc.freeze()
        gc.enable()
    logger().clear_state()
    logger().append_keys(function_request_id=context.aws_request_id, **keys)


def deadline(context: Context, reserve_seconds: float = 5.0) -> Deadline:
    """The end of the invocation, minus the seconds needed to record the outcome and to answer."""
    return Deadline.after(context.get_remaining_time_in_millis() / 1000 - reserve_seconds)


class WorkflowStep:
    """A context manager around a step of a workflow: every log line carries the execution's name and `keys`.

    An expected error is logged as one warning with its class and message, and raised without its traceback: Lambda
    logs every exception that leaves a handler, and would add a traceback that explains nothing. Step Functions
    receives the same class and message. Any other exception keeps its traceback.
    """

    def __init__(self, context: Context, execution: str, **keys: str) -> None:
        self._context = context
        self._keys = {"execution": execution, **keys}

    def __enter__(self) -> None:
        begin(self._context, **self._keys)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if isinstance(error, EXPECTED):
            logger().warning("step failed", error=type(error).__name__, reason=str(error))
            error.__traceback__ = None
