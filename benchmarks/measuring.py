"""Rounds of several contestants in turn, so that all see the same machine, and their medians."""

import os
import platform
import statistics
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

Figures = Mapping[str, float]


def machine() -> str:
    """This machine in a line."""
    model = ""
    information = Path("/proc/cpuinfo")
    if information.exists():
        lines = information.read_text().splitlines()
        model = next((line.partition(": ")[2] for line in lines if line.startswith("model name")), "")
    load = os.getloadavg()[0]
    return (
        f"{model or platform.processor() or 'unknown processor'}, {platform.machine()}, {os.cpu_count()} processors, "
        f"{platform.system()} {platform.release()}, Python {platform.python_version()}, load {load:.1f}"
    )


def alternated(
    contestants: Mapping[str, Callable[[], Figures]], rounds: int, told: Callable[[str], object]
) -> Mapping[str, Figures]:
    """The median of each figure of each contestant."""
    return {name: medians(each) for name, each in in_turns(contestants, rounds, told).items()}


def in_turns(
    contestants: Mapping[str, Callable[[], Figures]], rounds: int, told: Callable[[str], object]
) -> Mapping[str, Sequence[Figures]]:
    """The figures of each contestant, round by round; in each round the contestants run one after another, in turns."""
    found: dict[str, list[Figures]] = {name: [] for name in contestants}
    names = list(contestants)
    for number in range(rounds):
        for name in names[number % len(names) :] + names[: number % len(names)]:
            figures = contestants[name]()
            found[name].append(figures)
            told(f"round {number + 1}: {name}: " + ", ".join(f"{key} {value:,.4g}" for key, value in figures.items()))
    return found


def medians(rounds: Sequence[Figures]) -> Figures:
    """The median of each figure."""
    return {key: statistics.median(each[key] for each in rounds) for key in rounds[0]}
