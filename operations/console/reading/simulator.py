"""The SP-API simulator of a local stack, through its control API: request log, faults and clock."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import requests

from operations.command import CommandError
from operations.console.cleaning import clean, without_secrets
from sp_api.errors import presentable

_SECONDS = 10.0
_PAGE = 50
FAULTS = ("status", "slow", "reset", "lose", "truncate", "expire")
STEPS: Mapping[str, int] = {"10 minutes": 600, "1 hour": 3600, "1 day": 86_400, "7 days": 604_800}
"""How far a button moves the clock, in seconds."""


@dataclass(frozen=True)
class Entry:
    """A request to the simulator. `status` 0 means that the connection was reset; `body` is without secrets."""

    time: str
    operation: str
    request: str
    status: int
    who: str
    request_id: str
    fault: str
    error: str
    milliseconds: float
    body: str


@dataclass(frozen=True)
class Log:
    """A page of the request log, the newest first. `counts` has all requests by operation."""

    entries: Sequence[Entry]
    counts: Mapping[str, int]
    count: int
    start: int

    @property
    def following(self) -> int:
        """Where the next page starts; 0 at the end."""
        return self.start + _PAGE if self.start + _PAGE < self.count else 0


@dataclass(frozen=True)
class Clock:
    """`now` is the time in timestamps, `added` how many seconds it is ahead of real time."""

    now: str
    scale: float
    added: float


@dataclass(frozen=True)
class Simulator:
    """`endpoint` has no slash at its end."""

    endpoint: str

    def log(self, operation: str, start: int) -> Log:
        """Raises CommandError."""
        found = self._send("GET", "requests", params={"operation": operation} if operation else {})
        entries = found["requests"][::-1]
        return Log([_entry(each) for each in entries[start : start + _PAGE]], found["counts"], len(entries), start)

    def faults(self) -> list[Mapping[str, Any]]:
        """The faults that remain. Raises CommandError."""
        listed: list[Mapping[str, Any]] = self._send("GET", "faults")["faults"]
        return listed

    def add_fault(self, fault: Mapping[str, Any]) -> None:
        """Raises CommandError, also for a fault that the simulator refuses."""
        self._send("POST", "faults", body=fault)

    def remove_faults(self) -> None:
        """Raises CommandError."""
        self._send("DELETE", "faults")

    def clock(self) -> Clock:
        """Raises CommandError."""
        return _clock(self._send("GET", "clock"))

    def set_clock(self, change: Mapping[str, float]) -> Clock:
        """`change` has advanceSeconds or scale. Raises CommandError."""
        return _clock(self._send("PUT", "clock", body=change))

    def _send(
        self, method: str, path: str, *, params: Mapping[str, str] | None = None, body: Mapping[str, Any] | None = None
    ) -> Any:
        try:
            answer = requests.request(
                method, f"{self.endpoint}/simulator/{path}", params=params, json=body, timeout=_SECONDS
            )
            content = answer.json()
        except (requests.RequestException, ValueError) as error:
            raise CommandError(
                f"the simulator does not answer ({type(error).__name__}): make restart SERVER=simulator starts it again"
            ) from None
        if not answer.ok:
            raise CommandError(f"the simulator refused: {presentable(str(content.get('error', answer.status_code)))}")
        return content


def _clock(found: Mapping[str, Any]) -> Clock:
    return Clock(str(found["now"]), float(found["scale"]), float(found["addedSeconds"]))


def _entry(found: Mapping[str, Any]) -> Entry:
    body = found.get("body")
    return Entry(
        str(found["time"]),
        str(found["operation"]),
        presentable(f"{found['method']} {found['path']}"),
        int(found["status"]),
        str(found.get("sellerId") or found.get("scope") or ""),
        str(found.get("requestId", "")),
        str(found.get("fault", "")),
        presentable(str(found.get("error", ""))),
        float(found.get("milliseconds", 0)),
        "" if body in (None, "", {}) else clean(json.dumps(without_secrets(body), ensure_ascii=False)),
    )
