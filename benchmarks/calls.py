"""How many calls does one take, and what does it cost? From the counts of `make costs`, which are not made again."""

from collections.abc import Iterator

from benchmarks.results import Result, Told
from costs import counts, prices
from costs.counts import ORDER
from costs.usage import Assumptions, of_flow

# A call's path says what the emulator's log does not: the functions send no other POST to Scheduler.
SHOWN = {"scheduler POST": "scheduler CreateSchedule"}


def results(*, quick: bool, told: Told) -> Iterator[Result]:
    """The same in a quick run."""
    del quick, told
    listed = prices.load().prices
    flows = counts.load()
    rows = {}
    for name, flow in flows.items():
        used = of_flow(flow, Assumptions())
        rows[name] = {
            "AWS calls, cold": sum(function.aws_calls for function in flow.functions.values()),
            "AWS calls, warm": flow.warm_calls,
            "invocations": sum(function.invocations for function in flow.functions.values()),
            "state transitions": flow.state_transitions,
            "SP-API calls": sum(flow.sp_api_calls.values()),
            "USD for 1,000": 1000 * sum(listed[each].of(quantity) for each, quantity in used.items()),
        }
    note = (
        "The first column counts the AWS calls of functions that start cold. The second column counts those of warm "
        "functions that have already cached the seller's token. Each batch has one message. The costs include the cold "
        "starts; [costs.md](costs.md) lists the assumptions."
    )
    yield Result("calls", "Calls and costs of one report, order, listing or pull", rows, (note,))
    order = {
        f"{function}, {SHOWN.get(operation, operation)}": {"calls": number}
        for function, counted in flows[ORDER].functions.items()
        for operation, number in counted.warm_calls.items()
    }
    note = (
        f"The total is {flows[ORDER].warm_calls} calls. The goal is at most 13. SP-API sends three messages about an "
        "order, and the stack forwards each message to the event bus. "
        "[Decision 143](decisions/0143-fewer-calls-and-which-stay.md) says what each call is for."
    )
    yield Result("calls-order", "AWS calls of an order with warm functions", order, (note,))
