"""The rows as a Markdown table, between marks of docs/reliability.md."""

from collections.abc import Iterable

from tests.faults.rows import Row
from tests.faults.scenarios import SCENARIOS
from tests.faults.world import Fault

BEGIN, END = "<!-- begin: make faults -->", "<!-- end: make faults -->"


Cells = dict[tuple[str, str, int, str], dict[Fault, str]]


def table(rows: Iterable[Row], earlier: Cells) -> str:
    """One line for each call, one column for each fault; of what was not run now, the page's earlier cells."""
    rows = list(rows)
    calls = {(row.scenario.function, row.scenario.name, row.position, row.call) for row in rows}
    events = {(function, event) for function, event, *_ in calls}
    # A function's call that is gone leaves the table.
    cells = {key: dict(row) for key, row in earlier.items() if key[:2] not in events or key in calls}
    for row in rows:
        key = (row.scenario.function, row.scenario.name, row.position, row.call)
        cells.setdefault(key, {})[row.fault] = f"**{row.outcome}**" if row.deviations else row.outcome
    lines = [
        f"| function | event | call | {' | '.join(Fault)} |",
        f"|---|---|---|{'---|' * len(Fault)}",
    ]
    order = {scenario.name: number for number, scenario in enumerate(SCENARIOS)}
    for (function, event, position, call), found in sorted(
        cells.items(), key=lambda row: (order[row[0][1]], row[0][2])
    ):
        shown = " | ".join(found.get(fault, "") for fault in Fault)
        lines.append(f"| {function} | {event} | {position + 1}. {call} | {shown} |")
    return "\n".join(lines)


def between_marks(page: str, text: str) -> str:
    """The page with this text between its marks."""
    before, after = page.split(BEGIN)[0], page.split(END)[1]
    return f"{before}{BEGIN}\n{text}\n{END}{after}"


def outcomes(page: str) -> Cells:
    """The inverse: by function, event, position and call, what the page says of each fault."""
    found: Cells = {}
    for line in page.split(BEGIN)[1].split(END)[0].strip().splitlines()[2:]:
        function, event, call, *cells = (cell.strip() for cell in line.strip("|").split("|"))
        number, _, name = call.partition(". ")
        found[function, event, int(number) - 1, name] = dict(zip(Fault, cells, strict=True))
    return found
