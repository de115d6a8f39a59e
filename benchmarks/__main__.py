"""Measures everything and prints it: `make bench`. With --write, it replaces the tables and plots of
docs/performance.md, or with --only those of one question; for options, use ARGS=--help.
"""

import argparse
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType

from benchmarks import archives, calls, cold_start, growth, ingestion, transfer, wall
from benchmarks.measuring import machine
from benchmarks.results import Result, bars, lines

CHECKOUT = Path(__file__).resolve().parents[1]
PAGE, IMAGES = CHECKOUT / "docs" / "performance.md", CHECKOUT / "docs" / "images"
BEGIN, END = "<!-- make bench -->\n", "<!-- end of make bench -->"
QUESTIONS: Mapping[str, ModuleType] = {
    "transfer": transfer,
    "cold-start": cold_start,
    "archives": archives,
    "ingestion": ingestion,
    "calls": calls,
    "wall": wall,
    "growth": growth,
}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="fewer and smaller rounds, in less than three minutes")
    parser.add_argument("--only", choices=QUESTIONS, help="one question")
    parser.add_argument("--write", action="store_true", help=f"replace these tables in {PAGE.relative_to(CHECKOUT)}")
    options = parser.parse_args()
    began = time.monotonic()
    print(machine(), flush=True)
    found: list[tuple[Result, str]] = []
    for name, question in QUESTIONS.items():
        if options.only in (None, name):
            for result in question.results(quick=options.quick, told=_told):
                # The load is that of the time when this was measured.
                measured = f"Measured on {machine()}{', in a quick run' if options.quick else ''}."
                print(f"\n## {result.title}\n\n{measured}\n\n{result.markdown()}", flush=True)
                found.append((result, measured))
                if options.write:
                    # After each one, so that an interruption loses nothing.
                    _write(found)
    print(f"\n{time.monotonic() - began:,.0f} seconds")
    if options.write:
        print(f"wrote {PAGE.relative_to(CHECKOUT)} and its plots")
    return 0


def _told(text: str) -> None:
    print(f"  {text}", file=sys.stderr, flush=True)


def _write(found: list[tuple[Result, str]]) -> None:
    """Replaces the sections of these results, and keeps the others."""
    before, _, rest = PAGE.read_text().partition(BEGIN)
    body, _, after = rest.partition(END)
    sections = {each.partition("\n")[0]: each.strip() for each in body.split("### ")[1:]}
    for result, measured in found:
        parts = [result.title, measured, result.markdown()]
        if result.plotted and not result.name.startswith("growth"):
            values = {name: row[result.plotted] for name, row in result.table.items()}
            parts.append(_image(result.name, result.title, bars(result.title, values, result.plotted)))
        sections[result.title] = "\n\n".join(parts)
    grown = [result for result, _ in found if result.name.startswith("growth")]
    if grown:
        series = {each.title: {row["number"]: row[each.plotted] for row in each.table.values()} for each in grown}
        title = "CPU time per item as the number of items grows"
        image = _image("growth", title, lines(title, series, "number of items, or MiB", "CPU ms per item"))
        sections[grown[-1].title] += f"\n\n{image}"
    body = "\n\n".join(f"### {section}" for section in sections.values())
    PAGE.write_text(f"{before}{BEGIN}\n{body}\n\n{END}{after}")


def _image(name: str, title: str, drawing: str) -> str:
    """Writes a plot and returns what shows it on the page."""
    path = IMAGES / f"performance-{name}.svg"
    path.write_text(drawing)
    return f"![{title}](images/{path.name})"


if __name__ == "__main__":
    sys.exit(main())
