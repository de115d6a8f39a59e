"""Tables and plots of what was measured."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from html import escape

Told = Callable[[str], object]
Table = Mapping[str, Mapping[str, float]]


@dataclass(frozen=True)
class Result:
    """What one question found: a table, and notes with the ratios that matter."""

    name: str
    title: str
    table: Table
    notes: Sequence[str] = ()
    # The column that the plot shows.
    plotted: str = ""

    def markdown(self) -> str:
        columns = list(dict.fromkeys(column for row in self.table.values() for column in row))
        lines = [f"| | {' | '.join(columns)} |", f"|---|{'---:|' * len(columns)}"]
        for name, row in self.table.items():
            cells = (number(row[column]) if column in row else "" for column in columns)
            lines.append(f"| {name} | {' | '.join(cells)} |")
        return "\n".join([*lines, *(f"\n{note}" for note in self.notes)])


def number(value: float) -> str:
    """Three digits that count, but no more than four after the point if it is small; whole numbers in full."""
    if value == int(value):
        return f"{value:,.0f}"
    if value >= 100:
        return f"{value:,.0f}"
    if value >= 0.1:
        return f"{value:.1f}" if value >= 10 else f"{value:.2f}"
    return f"{value:.3g}" if value >= 0.001 else f"{value:.4f}"


def bars(title: str, values: Mapping[str, float], unit: str) -> str:
    """A bar chart as SVG, which shows on a light and on a dark page."""
    width, left, row, top = 760, 270, 26, 40
    most = max(values.values(), default=1) or 1
    height = top + row * len(values) + 14
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}" '
        f'role="img" aria-label="{escape(title)}" font-family="sans-serif" font-size="13">',
        f'<rect width="{width}" height="{height}" fill="#ffffff"/>',
        f'<text x="12" y="24" font-size="15" fill="#1b1f24">{escape(title)}</text>',
    ]
    for place, (name, value) in enumerate(values.items()):
        y = top + place * row
        length = max(1.0, (width - left - 120) * value / most)
        color = "#1f6feb" if name.startswith("this stack") else "#8c959f"
        parts += [
            f'<text x="{left - 8}" y="{y + 15}" text-anchor="end" fill="#1b1f24">{escape(name)}</text>',
            f'<rect x="{left}" y="{y + 2}" width="{length:.1f}" height="18" rx="2" fill="{color}"/>',
            f'<text x="{left + length + 6:.1f}" y="{y + 15}" fill="#1b1f24">{number(value)} {escape(unit)}</text>',
        ]
    return "\n".join([*parts, "</svg>\n"])


def lines(title: str, series: Mapping[str, Mapping[float, float]], across: str, up: str) -> str:
    """Lines on two logarithmic scales as SVG: a cost that grows with the number is a slope of one, a flat one none."""
    from math import floor, log10

    width, height, left, bottom, top, right = 760, 340, 80, 50, 44, 190
    points = [(x, y) for each in series.values() for x, y in each.items()]
    low_x, high_x = (log10(f(x for x, _ in points)) for f in (min, max))
    low_y, high_y = (
        floor(log10(min(max(y, 1e-9) for _, y in points))),
        floor(log10(max(max(y, 1e-9) for _, y in points))) + 1,
    )

    def place(x: float, y: float) -> tuple[float, float]:
        return (
            left + (log10(x) - low_x) / ((high_x - low_x) or 1) * (width - left - right),
            height - bottom - (log10(max(y, 1e-9)) - low_y) / ((high_y - low_y) or 1) * (height - bottom - top),
        )

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}" '
        f'role="img" aria-label="{escape(title)}" font-family="sans-serif" font-size="12">',
        f'<rect width="{width}" height="{height}" fill="#ffffff"/>',
        f'<text x="12" y="24" font-size="15" fill="#1b1f24">{escape(title)}</text>',
        f'<text x="{left}" y="{height - 10}" fill="#57606a">{escape(across)}</text>',
        f'<text x="12" y="{top - 4}" fill="#57606a">{escape(up)}</text>',
    ]
    for power in range(low_y, high_y + 1):
        _, y = place(10**low_x, 10.0**power)
        parts.append(f'<line x1="{left}" x2="{width - right}" y1="{y:.1f}" y2="{y:.1f}" stroke="#d0d7de"/>')
        parts.append(f'<text x="{left - 6}" y="{y + 4:.1f}" text-anchor="end" fill="#57606a">{10.0**power:,g}</text>')
    for x in sorted({x for x, _ in points}):
        at, _ = place(x, 10.0**low_y)
        parts.append(
            f'<text x="{at:.1f}" y="{height - bottom + 16}" text-anchor="middle" fill="#57606a">{x:,.0f}</text>'
        )
    for color, (name, each) in zip(
        ("#1f6feb", "#cf222e", "#1a7f37", "#9a6700", "#8250df"), series.items(), strict=False
    ):
        placed = [place(x, y) for x, y in each.items()]
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in placed)
        parts.append(f'<polyline points="{path}" fill="none" stroke="{color}" stroke-width="2"/>')
        parts += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{color}"/>' for x, y in placed]
        parts.append(
            f'<text x="{placed[-1][0] + 8:.1f}" y="{placed[-1][1] + 4:.1f}" fill="{color}">{escape(name)}</text>'
        )
    return "\n".join([*parts, "</svg>\n"])
