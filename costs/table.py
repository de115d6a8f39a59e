"""The tables that `make costs` prints and docs/costs.md holds."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from costs.counts import LARGE_REPORT, LISTING, ORDER, PULL, SMALL_REPORT, TYPES_OF_A_PULL, FlowCount
from costs.prices import Price, PriceList
from costs.usage import Assumptions, of_flow


@dataclass(frozen=True)
class Column:
    """A number of repetitions of a flow. `of_each` things are in one of them, where the title counts these."""

    number: int
    flow: str
    things: str = ""
    of_each: int = 1

    @property
    def title(self) -> str:
        if self.things:
            return f"{self.number * self.of_each:,} {self.things}"
        what, _, size = self.flow.partition(" of ")
        return f"{self.number:,} {what}s" + (f" of {size}" if size else "")


COLUMNS = (
    Column(1000, SMALL_REPORT),
    Column(1000, LARGE_REPORT),
    Column(10_000, ORDER),
    Column(1000, LISTING),
    Column(40, PULL, "product types", TYPES_OF_A_PULL),
)
BIGGEST = 3
# What an operator can do to reduce a line. Lines without advice are small, and needed for safe retries.
ADVICE: Mapping[str, str] = {
    "gigabyte-out": "free if a program in the bucket's region reads the reports from S3",
    "state-transition": "not possible: Step Functions retries and waits, and an Express workflow cannot wait for days",
    "bucket-gigabyte": "lower ReportRetentionDays",
    "function-gigabyte-second": "not possible: functions wait for SP-API, and need the CPU to copy documents",
    "email": "subscribe an SQS queue to the reports topic instead of the address",
    "secret-read": "a busy stack pays less: functions cache a secret for five minutes",
}


def tables(
    counts: Mapping[str, FlowCount], rest: Mapping[str, float], price_list: PriceList, assumptions: Assumptions
) -> str:
    """Markdown tables: the costs of use, of an idle stack, and the largest costs of each workload."""
    prices = price_list.prices
    used = {column: _billed(of_flow(counts[column.flow], assumptions), column.number) for column in COLUMNS}
    return "\n\n".join((_use(used, prices), _rest(rest, prices), _biggest(used, prices)))


def _billed(quantities: Mapping[str, float], number: int) -> Mapping[str, float]:
    return {dimension: quantity * number for dimension, quantity in quantities.items() if quantity}


def _use(used: Mapping[Column, Mapping[str, float]], prices: Mapping[str, Price]) -> str:
    heads = ["billed item", "USD", "for each", *(head for column in used for head in (column.title, "USD"))]
    heads.append("free each month")
    rows = []
    for dimension, price in prices.items():
        if not any(dimension in quantities for quantities in used.values()):
            continue
        cells = [price.name, _usd_exact(price.usd), price.unit]
        for quantities in used.values():
            quantity = quantities.get(dimension, 0)
            cells += [_number(quantity), _usd(price.of(quantity))] if quantity else ["", ""]
        rows.append([*cells, _number(price.free_each_month) if price.free_each_month else ""])
    total = ["total", "", ""]
    for quantities in used.values():
        total += ["", _usd(_cost(quantities, prices))]
    return _markdown(heads, "lrl" + "rr" * len(used) + "r", [*rows, [*total, ""]])


def _rest(rest: Mapping[str, float], prices: Mapping[str, Price]) -> str:
    rows = []
    for dimension, quantity in rest.items():
        price = prices[dimension]
        free = _number(price.free_each_month) if price.free_each_month else ""
        rows.append([price.name, _usd_exact(price.usd), price.unit, _number(quantity), _usd(price.of(quantity)), free])
    rows.append(["total", "", "", "", _usd(_cost(rest, prices)), ""])
    heads = ["idle stack, each month", "USD", "for each", "number", "USD", "free each month"]
    return _markdown(heads, "lrlrrr", rows)


def _biggest(used: Mapping[Column, Mapping[str, float]], prices: Mapping[str, Price]) -> str:
    rows = []
    for column, quantities in used.items():
        whole = _cost(quantities, prices)
        ranked = sorted(quantities, key=lambda dimension: prices[dimension].of(quantities[dimension]), reverse=True)
        for dimension in ranked[:BIGGEST]:
            share = prices[dimension].of(quantities[dimension]) / whole
            rows.append([column.title, prices[dimension].name, f"{share:.0%}", ADVICE.get(dimension, "not necessary")])
    return _markdown(["workload", "largest costs", "share", "how to reduce them"], "llrl", rows)


def _cost(quantities: Mapping[str, float], prices: Mapping[str, Price]) -> float:
    return sum(prices[dimension].of(quantity) for dimension, quantity in quantities.items())


def _usd(amount: float) -> str:
    return f"{amount:,.3f}"


def _usd_exact(amount: float) -> str:
    return f"{amount:.2f}" if round(amount, 2) == amount else f"{amount:.7f}".rstrip("0")


def _number(quantity: float) -> str:
    if quantity >= 100:
        return f"{quantity:,.0f}"
    if quantity == int(quantity):
        return f"{quantity:.0f}"
    return f"{quantity:.2f}" if quantity >= 0.01 else f"{quantity:.4f}"


def _markdown(heads: Sequence[str], sides: str, rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table, aligned in plain text too. `sides` has l or r (the alignment) for each column."""
    widths = [max(len(row[position]) for row in (heads, *rows)) for position in range(len(heads))]
    widths = [max(width, 2) for width in widths]

    def line(cells: Sequence[str]) -> str:
        padded = (
            cell.rjust(width) if side == "r" else cell.ljust(width)
            for cell, width, side in zip(cells, widths, sides, strict=True)
        )
        return f"| {' | '.join(padded)} |"

    rule = "|".join(
        "-" * (width + 1) + (":" if side == "r" else "-") for width, side in zip(widths, sides, strict=True)
    )
    return "\n".join([line(heads), f"|{rule}|", *(line(row) for row in rows)])
