"""Keeps the state of the simulator over a restart, in a file that only it reads."""

from __future__ import annotations

import dataclasses
import pickle
from pathlib import Path
from typing import Any

from sp_api_simulator import feeds, reports
from sp_api_simulator.state import State

# Connections and settings of this run, and what counts its service time.
_NOT_KEPT = {
    "settings",
    "clock",
    "rate_limits",
    "request_log",
    "queue_sender",
    "event_sender",
    "sandbox_examples",
    "background",
}
KEPT = tuple(attribute.name for attribute in dataclasses.fields(State) if attribute.name not in _NOT_KEPT)


def save(state: State, path: Path) -> None:
    """Writes what is kept. Only its owner can read the file, because it contains secrets."""
    kept: dict[str, Any] = {name: getattr(state, name) for name in KEPT}
    # Locks belong to this run; nobody waits for one between two runs.
    kept["feeds"] = dataclasses.replace(state.feeds, lanes={})
    content = pickle.dumps((kept, state.clock.added_seconds, state.clock.scale))
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_suffix(".tmp")
    unfinished.touch(mode=0o600)
    unfinished.write_bytes(content)
    unfinished.replace(path)


def load(state: State, path: Path) -> bool:
    """Puts what was kept into the state. Returns False if there is no file."""
    if not path.exists():
        return False
    kept, added_seconds, scale = pickle.loads(path.read_bytes())  # noqa: S301 - our own file
    for name, value in kept.items():
        setattr(state, name, value)
    state.clock.advance(added_seconds)
    state.clock.set_scale(scale)
    return True


def resume(state: State) -> None:
    """Continues what was in progress, in a running event loop: reports and feeds begin again, schedules wait again.

    A change of a listing that was being processed stays as it was.
    """
    reports.resume(state)
    feeds.resume(state)
