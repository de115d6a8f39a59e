"""What the log lines of a workflow's step carry, and how a step fails."""

import subprocess
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from quickstart import invocation
from quickstart.observability import logger
from quickstart.product_types.wiring import pull_step
from quickstart.reports.announcement_pace import AnnouncementsTooFastError
from quickstart.reports.retrieval import (
    DocumentUrlKeepsExpiringError,
    ReportMadeElsewhereError,
    ReportUnfinishedError,
)
from quickstart.reports.wiring import report_step
from quickstart.solicitations.steps import UnknownMarketplaceError
from quickstart.token_vault import SellerUnknownError
from sp_api.errors import AccessDeniedError, ThrottledError
from tests.unit.quickstart.support import Context
from tests.waiting import SECONDS

CHECKOUT = Path(__file__).resolve().parents[3]
FUNCTIONS = pytest.mark.parametrize(
    "function", sorted((CHECKOUT / "functions").glob("*/app.py")), ids=lambda path: path.parent.name
)
LogLines = Callable[[], list[dict[str, Any]]]
EVENT = {"SellerId": "A1", "ReportId": "7", "Execution": "A1-7-DONE"}


def test_every_line_of_a_step_carries_the_execution(log_lines: LogLines) -> None:
    with report_step(EVENT, Context()):
        logger().info("one")
        logger().warning("two")
    assert [line["message"] for line in log_lines()] == ["one", "two"]
    for line in log_lines():
        assert (line["execution"], line["function_request_id"]) == ("A1-7-DONE", "function-request-1")
        assert (line["seller_id"], line["report_id"]) == ("A1", "7")


def test_every_line_of_a_pull_carries_the_execution(log_lines: LogLines) -> None:
    with pull_step({"Execution": "pull-1-2", "PullId": "pull-1"}, Context()):
        logger().info("one")
    (line,) = log_lines()
    assert (line["execution"], line["pull_id"], line["function_request_id"]) == (
        "pull-1-2",
        "pull-1",
        "function-request-1",
    )


def test_no_key_of_the_previous_invocation_remains(log_lines: LogLines) -> None:
    with report_step(EVENT, Context()):
        pass
    invocation.begin(Context(), route="GET /reports")
    logger().info("next")
    (line,) = log_lines()
    assert line["route"] == "GET /reports"
    assert not {"execution", "seller_id", "report_id"} & set(line)


def test_an_execution_from_before_an_update_needs_no_name(log_lines: LogLines) -> None:
    with report_step({"SellerId": "A1", "ReportId": "7"}, Context()):
        logger().info("one")
    assert log_lines()[0]["execution"] == ""


@pytest.mark.parametrize(
    "error",
    [
        ThrottledError("getReport", retry_after=2, message="You exceeded your quota."),
        AccessDeniedError("getReport", status=403, message="denied"),
        SellerUnknownError("A1", "NA"),
        ReportUnfinishedError("report 7 is IN_PROGRESS"),
        ReportMadeElsewhereError("report 7"),
        DocumentUrlKeepsExpiringError("report 7"),
        AnnouncementsTooFastError(3, reserved=True),
        UnknownMarketplaceError("marketplace X"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_an_expected_failure_is_one_warning_and_is_raised_without_a_traceback(
    error: Exception, log_lines: LogLines
) -> None:
    with pytest.raises(type(error)) as caught:
        fail(error)
    assert caught.value is error
    (line,) = log_lines()
    assert (line["level"], line["message"]) == ("WARNING", "step failed")
    assert (line["error"], line["reason"], line["execution"]) == (type(error).__name__, str(error), "A1-7-DONE")
    assert "exception" not in line
    # Only what called the handler is left of it.
    assert "fail" not in [frame.name for frame in traceback.extract_tb(error.__traceback__)]


def test_an_unforeseen_failure_keeps_its_traceback(log_lines: LogLines) -> None:
    with pytest.raises(KeyError) as caught:
        fail(KeyError("unforeseen"))
    assert "fail" in [frame.name for frame in traceback.extract_tb(caught.value.__traceback__)]
    assert log_lines() == []


def fail(error: Exception) -> None:
    with report_step(EVENT, Context()):
        raise error


def test_garbage_is_searched_from_the_first_invocation_on() -> None:
    """Not while the function starts, and then without what the start has made."""
    program = """
import gc
from quickstart import invocation
assert not gc.isenabled()
class Context:
    aws_request_id = "1"
invocation.begin(Context())
frozen = gc.get_freeze_count()
assert gc.isenabled() and frozen > 10_000, frozen
invocation.begin(Context())
assert gc.isenabled() and gc.get_freeze_count() <= frozen
"""
    environment = {"PYTHONPATH": f"{CHECKOUT / 'layers/sp_api/python'}:{CHECKOUT / 'layers/dependencies/python'}"}
    subprocess.run([sys.executable, "-c", program], env=environment, check=True, timeout=SECONDS)


@FUNCTIONS
def test_every_handler_begins_its_invocation(function: Path) -> None:
    """Otherwise, its garbage would never be collected, and its log lines had the keys of an earlier invocation."""
    beginnings = ("invocation.begin(", "http_api.answer(", "process_batch(", "process_together(", "step(", "Step(")
    assert any(beginning in function.read_text() for beginning in beginnings)


@FUNCTIONS
def test_what_a_function_loads(function: Path) -> None:
    """Each of these takes a twentieth of a cold start or more, and only listing_submissions needs the last two."""
    program = "import sys, app; print(*sorted(sys.modules))"
    path = (function.parent, CHECKOUT / "layers/sp_api/python", CHECKOUT / "layers/dependencies/python")
    environment = {"PYTHONPATH": ":".join(map(str, path)), "AWS_DEFAULT_REGION": "us-east-1"}
    done = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True, timeout=SECONDS
    )
    loaded = set(done.stdout.split())
    assert {"boto3", "urllib3", "quickstart.invocation"} <= loaded
    too_much = {"asyncio", "aws_lambda_powertools.utilities.batch", "xml.dom"}
    if function.parent.name != "listing_submissions":
        too_much |= {"jsonschema", "quickstart.listings.checks"}
    assert loaded & too_much == set()


@pytest.mark.parametrize(("reserve", "left"), [({}, 2995), ({"reserve_seconds": 20.0}, 2980)])
def test_an_invocation_ends_before_lambda_ends_it(reserve: dict[str, float], left: float) -> None:
    deadline = invocation.deadline(Context(3000), **reserve)
    assert left - 1 < deadline.remaining() <= left
