"""A storm's result as text, and its errors."""

from collections import Counter

from orders_storm.amazon import ASK, SUBMIT
from orders_storm.orders import KINDS, ON_TIME
from orders_storm.storm import OrderResult, Result
from quickstart.solicitations.ledger import State

_UNANSWERED = (429, 500, 503, 504)


def faults(result: Result) -> list[str]:
    """Everything that is wrong with the result, as text. Empty if nothing is."""
    found = []
    for order in result.orders:
        name, record = f"{order.plan.order_id} ({order.plan.kind})", order.record
        times = len(order.requested)
        if order.plan.eligible and times != 1:
            found.append(f"{name} is eligible and was requested {times} times")
        if not order.plan.eligible and times:
            found.append(f"{name} was requested {times} times")
        if not order.within_window:
            found.append(f"{name} was requested outside its window: {order.requested}")
        if record is None:
            found.append(f"{name} is not in the ledger")
        elif record.state is not _expected(order):
            found.append(f"{name} ends as {record.state}: {record.last_answer}")
    left = [
        (result.schedules_left, "schedules are left over"),
        (result.executions["RUNNING"], "executions are still running"),
        (result.executions["FAILED"], "executions have failed"),
        (result.dead_letters, "messages are in a dead-letter queue"),
        (result.statuses[SUBMIT, 403], "requests were rejected by Amazon"),
    ]
    return found + [f"{count} {what}" for count, what in left if count]


def _expected(order: OrderResult) -> State:
    if order.plan.kind.startswith("cancel"):
        return State.CANCELLED
    return State.SOLICITED if order.plan.eligible else State.FINISHED_WITHOUT_SOLICITATION


def text(result: Result) -> str:
    """A Markdown table by kind of order, and totals."""
    rows = [
        "| orders | | requested once | requested twice | requested outside the window | not requested "
        "| state in the solicitations table | SP-API calls per order | answered |",
        "|---|--:|--:|--:|--:|--:|---|--:|--:|",
    ]
    for kind in (ON_TIME, *KINDS):
        rows.append(_row(kind, [order for order in result.orders if order.plan.kind == kind]))
    rows.append(_row("all", list(result.orders)))
    return "\n".join([*rows, "", *_totals(result)])


def _row(kind: str, orders: list[OrderResult]) -> str:
    requests = Counter(len(order.requested) for order in orders)
    outside = sum(not order.within_window for order in orders)
    ends = Counter(order.record.state.value if order.record else "missing" for order in orders)
    ended = ", ".join(f"{state} {count}" for state, count in sorted(ends.items()))
    twice = sum(count for times, count in requests.items() if times > 1)
    calls = sum(len(order.calls) for order in orders)
    answered = sum(call.status not in _UNANSWERED for order in orders for call in order.calls)
    number = max(len(orders), 1)
    return (
        f"| {kind} | {len(orders):,} | {requests[1]:,} | {twice} | {outside} | {requests[0]:,} | {ended} "
        f"| {calls / number:.2f} | {answered / number:.2f} |"
    )


def _totals(result: Result) -> list[str]:
    storm, statuses = result.storm, result.statuses
    asks = {status: count for (operation, status), count in sorted(statuses.items()) if operation == ASK}
    submits = {status: count for (operation, status), count in sorted(statuses.items()) if operation == SUBMIT}
    return [
        f"- {storm.orders:,} orders of {storm.sellers} sellers over {storm.days} simulated days; "
        f"{result.notifications:,} notifications, including copies and late ones",
        f"- getSolicitationActionsForOrder, responses by status: {_listed(asks)}",
        f"- createProductReviewAndSellerFeedbackSolicitation: {_listed(submits)}; {result.lost_answers} responses lost",
        f"- failed calls to DynamoDB, Scheduler and Step Functions, half of them after they took effect: "
        f"{result.aws_failures}",
        f"- executions: {_listed(dict(result.executions))}; still running: {result.executions['RUNNING']}",
        f"- schedules left over: {result.schedules_left}; messages in dead-letter queues: {result.dead_letters}",
        f"- writes to the solicitations table: {result.table_writes / storm.orders:.1f} per order",
    ]


def _listed(counts: "dict[int, int] | dict[str, int]") -> str:
    return ", ".join(f"{name}: {count:,}" for name, count in counts.items())
