"""Runs scenarios, and writes each one's rows into docs/reliability.md when it has ended."""

import fcntl
import tempfile
from pathlib import Path

from tests.emulator.support import REPOSITORY
from tests.faults.rows import Row, course, positions, run
from tests.faults.scenario import Scenario
from tests.faults.table import between_marks, outcomes, table
from tests.faults.world import Fault, running_world

PAGE = REPOSITORY / "docs/reliability.md"


def rows_of(chosen: tuple[Scenario, ...], faults: tuple[Fault, ...]) -> list[Row]:
    """Every row of these scenarios, with an emulator of their own."""
    every: list[Row] = []
    with tempfile.TemporaryDirectory() as folder, running_world(Path(folder)) as world:
        for scenario in chosen:
            undisturbed = course(world, scenario)
            rows = [run(world, scenario, undisturbed, *place) for place in positions(undisturbed, faults)]
            for row in rows:
                if row.deviations:
                    print(f"DEVIATES {row}", flush=True)
            print(f"{scenario.function} ({scenario.name}): {len(rows)} rows", flush=True)
            _write(rows)
            every += rows
    return every


def _write(rows: list[Row]) -> None:
    # Several processes write.
    with PAGE.open("r+", encoding="utf-8") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        page = file.read()
        file.seek(0)
        file.write(between_marks(page, table(rows, outcomes(page))))
        file.truncate()
