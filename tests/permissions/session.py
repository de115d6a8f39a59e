"""The comparison at the end of a test session."""

import tempfile
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from tests.permissions.comparison import compare, in_templates
from tests.permissions.exemptions import EXEMPTIONS, PROVOKED
from tests.permissions.recording import is_complete, keep, recorded
from tests.templates.reading import Template, transformed_templates


@lru_cache(maxsize=1)
def current_templates() -> dict[str, Template]:
    with tempfile.TemporaryDirectory(prefix="templates-") as folder:
        return transformed_templates(Path(folder))


def compare_session(folder: Path, stats: Mapping[str, Sequence[Any]]) -> tuple[list[str], bool]:
    """What to print, and whether a permission is unused or missing. `stats` has pytest's reports by outcome.

    An unused permission shows only if all end-to-end tests passed. Then the recording is saved for `make permissions`.
    """

    def nodes(*outcomes: str) -> set[str]:
        return {getattr(report, "nodeid", "") for outcome in outcomes for report in stats.get(outcome, [])}

    left_out = {item.nodeid for item in stats.get("deselected", []) if not item.get_closest_marker("proof")}
    complete = is_complete(nodes("passed"), nodes("failed", "error") | left_out)
    recording = recorded(folder)
    if complete:
        keep(recording)
    comparison = compare(recording, in_templates(current_templates()), EXEMPTIONS, complete, PROVOKED)
    problems = comparison.problems()
    if problems:
        return problems, True
    if not complete:
        return ["No permission was missing. Unused ones show when all of tests/end_to_end has passed."], False
    used = len([None for permission in comparison.rows if permission in recording.used])
    return [f"{used} of {len(comparison.rows)} permissions were used; make permissions lists all."], False
