"""Calls of SP-API at their slots: when to wait, what is passed back, and what a 429 does."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import pytest

from quickstart.paced_calls import CallLater, PacedCalls
from quickstart.reports.paced_calls import GET_REPORT, GET_REPORT_DOCUMENT, slots_of
from quickstart.token_vault import SellerUnknownError
from sp_api.caller import Caller
from sp_api.errors import NotFoundError, ThrottledError
from sp_api.regions import Region
from tests.unit.quickstart.support import Aws, MemoryTable
from tests.unit.sp_api.support import SELLER_ID, ScriptedServer, seller_of


@pytest.fixture
def calls(aws: Aws, server: ScriptedServer) -> Callable[..., PacedCalls]:
    table = MemoryTable(aws, "ReportId", "SellerId").table

    def with_slot(slot: Any = None) -> PacedCalls:
        return PacedCalls(
            lambda: seller_of(server), lambda operation: slots_of(table, SELLER_ID, Region.NA, operation), slot
        )

    return with_slot


def answered(_: Caller) -> str:
    return "answer"


def throttled(operation: str) -> Callable[[Caller], str]:
    def call(_: Caller) -> str:
        raise ThrottledError(operation, retry_after=70)

    return call


def test_a_free_slot_is_used_at_once(calls: Callable[..., PacedCalls]) -> None:
    assert calls({}).at_slot(GET_REPORT, answered) == "answer"


def test_without_a_free_slot_the_call_is_later_with_what_it_needs(calls: Callable[..., PacedCalls]) -> None:
    for _ in range(14):
        assert calls({}).at_slot(GET_REPORT_DOCUMENT, answered) == "answer"
    later = calls({}).at_slot(GET_REPORT_DOCUMENT, answered, Report={"ReportType": "GET_X"}, DocumentId="d")
    assert isinstance(later, CallLater)
    assert 59 < later.seconds <= 60
    slot = {"Operation": GET_REPORT_DOCUMENT, "Report": {"ReportType": "GET_X"}, "DocumentId": "d"}
    assert later.to_workflow() == {"WaitSeconds": 60, "Slot": slot, "Report": {"ReportType": "GET_X"}}
    # Then it calls without another slot.
    assert calls(slot).at_slot(GET_REPORT_DOCUMENT, answered) == "answer"
    after = calls({}).at_slot(GET_REPORT_DOCUMENT, answered)
    assert isinstance(after, CallLater)
    assert 118 < after.seconds <= 120


@pytest.mark.parametrize(
    ("operation", "at_once", "interval"), [(GET_REPORT, 10, 0.5), (GET_REPORT_DOCUMENT, 14, 59.88)]
)
def test_the_quota_of_each_operation(aws: Aws, operation: str, at_once: int, interval: float) -> None:
    """Of SP-API's bucket of 15 calls, some are left for repeated calls."""
    table = MemoryTable(aws, "ReportId", "SellerId")
    slots = replace(slots_of(table.table, SELLER_ID, Region.EU, operation), now=lambda: 1_000_000.0)
    waits = [slots.take() for _ in range(at_once + 2)]
    assert waits == pytest.approx([0.0] * at_once + [interval, 2 * interval], abs=0.01)
    (item,) = table.items
    # The removal of a seller finds it, and lists of reports leave it out.
    assert (item["SellerId"], item["ReportId"], item["CreatedTime"]) == (SELLER_ID, f"SLOTS#{operation}#EU", "!")


def test_the_slot_of_one_operation_is_none_of_another(calls: Callable[..., PacedCalls]) -> None:
    for _ in range(14):
        calls({}).at_slot(GET_REPORT_DOCUMENT, answered)
    assert isinstance(calls({"Operation": GET_REPORT}).at_slot(GET_REPORT_DOCUMENT, answered), CallLater)
    assert calls({}).at_slot(GET_REPORT, answered) == "answer"


def test_a_refused_call_is_later_at_sp_apis_rate(
    calls: Callable[..., PacedCalls], log_lines: Callable[[], list[dict[str, Any]]]
) -> None:
    later = calls({}).at_slot(GET_REPORT, throttled(GET_REPORT), Report={"ReportType": "GET_X"})
    assert isinstance(later, CallLater)
    assert 69 < later.seconds <= 70.001
    assert later.to_workflow()["WaitSeconds"] == 70
    assert later.slot == {"Operation": GET_REPORT, "Report": {"ReportType": "GET_X"}}
    (line,) = log_lines()
    assert (line["level"], line["message"], line["wait_seconds"]) == ("WARNING", "SP-API throttles the call", 70)
    assert line["reason"] == f"{GET_REPORT}: HTTP 429"


@pytest.mark.parametrize(
    ("seconds", "waited"),
    [(0.0, 1), (0.5, 1), (1.0, 1), (1.001, 1), (1.002, 2), (69.5, 70), (70.001, 70), (70.01, 71)],
)
def test_a_workflow_waits_whole_seconds(seconds: float, waited: int) -> None:
    """Slots are exact to a thousandth of a second, which nobody has to wait for."""
    assert CallLater(seconds, {}).to_workflow() == {"WaitSeconds": waited, "Slot": {}}


def test_a_slot_within_a_second_is_waited_for(server: ScriptedServer) -> None:
    class HalfASecond:
        def take(self) -> float:
            return 0.5

    slots: Any = HalfASecond()
    paced = PacedCalls(lambda: seller_of(server), lambda _: slots, {})
    assert paced.at_slot(GET_REPORT, answered) == CallLater(0.5, {"Operation": GET_REPORT})


def test_a_429_of_another_operation_is_raised(calls: Callable[..., PacedCalls]) -> None:
    """Login with Amazon and the restricted data token have quotas of their own."""
    with pytest.raises(ThrottledError, match="createRestrictedDataToken"):
        calls({}).at_slot(GET_REPORT_DOCUMENT, throttled("createRestrictedDataToken"))


def test_other_errors_are_raised(calls: Callable[..., PacedCalls]) -> None:
    def call(_: Caller) -> str:
        raise NotFoundError(GET_REPORT)

    with pytest.raises(NotFoundError):
        calls({}).at_slot(GET_REPORT, call)


def test_an_execution_of_before_there_were_slots_calls_at_once(calls: Callable[..., PacedCalls]) -> None:
    for _ in range(20):
        assert calls(None).at_slot(GET_REPORT_DOCUMENT, answered) == "answer"
    with pytest.raises(ThrottledError):
        calls(None).at_slot(GET_REPORT_DOCUMENT, throttled(GET_REPORT_DOCUMENT))


def test_no_slot_is_recorded_for_a_seller_without_a_token(aws: Aws) -> None:
    def unknown() -> Caller:
        raise SellerUnknownError(SELLER_ID, Region.NA)

    table = MemoryTable(aws, "ReportId", "SellerId")
    paced = PacedCalls(unknown, partial(slots_of, table.table, SELLER_ID, Region.NA), {})
    with pytest.raises(SellerUnknownError):
        paced.at_slot(GET_REPORT, answered)
    assert table.items == []
