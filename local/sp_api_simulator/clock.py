"""The simulator's time.

Two readings come from one clock. `now()` is the moment that answers show: timestamps, token lifetimes and document
links, which a client compares with its own clock, so it runs at the speed of
real time. `service_seconds()` measures how long Amazon takes for something (report processing, the refill of a quota):
it runs `scale` times as fast as real time.
"""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime, timedelta


class Clock:
    """Real time plus what was added by `advance`, and service time that can be compressed."""

    def __init__(self, scale: float = 1.0) -> None:
        """Raises ValueError unless `scale` is above zero."""
        self._scale = _checked(scale)
        self._added = timedelta()
        self._service_base = 0.0
        self._monotonic_base = time.monotonic()
        self._changed = asyncio.Event()

    @property
    def scale(self) -> float:
        return self._scale

    @property
    def added_seconds(self) -> float:
        return self._added.total_seconds()

    def now(self) -> datetime:
        """The present moment in UTC."""
        return datetime.now(UTC) + self._added

    def service_seconds(self) -> float:
        """Seconds of service time since the start."""
        return self._service_base + (time.monotonic() - self._monotonic_base) * self._scale

    def set_scale(self, scale: float) -> None:
        """Makes service time run `scale` times as fast as real time from now on.

        Raises ValueError unless it is above zero.
        """
        checked = _checked(scale)
        self._service_base = self.service_seconds()
        self._monotonic_base = time.monotonic()
        self._scale = checked
        self._wake()

    def advance(self, seconds: float) -> None:
        """Moves both readings forward by `seconds`. Raises ValueError if that is below zero."""
        if seconds < 0:
            raise ValueError("time moves forward only")
        self._added += timedelta(seconds=seconds)
        self._service_base += seconds
        self._wake()

    def moment_after(self, service_seconds: float) -> datetime:
        """The moment at which `service_seconds` from now will have passed at the present scale."""
        return self.now() + timedelta(seconds=service_seconds / self._scale)

    async def sleep(self, service_seconds: float) -> None:
        """Waits until `service_seconds` of service time have passed, however the clock is changed meanwhile."""
        end = self.service_seconds() + service_seconds
        while (remaining := end - self.service_seconds()) > 0:
            await self._wait(remaining / self._scale)

    async def sleep_until(self, moment: datetime) -> None:
        """Waits until `now()` has reached `moment`."""
        while (remaining := (moment - self.now()).total_seconds()) > 0:
            await self._wait(remaining)

    async def _wait(self, seconds: float) -> None:
        changed = self._changed
        try:
            async with asyncio.timeout(seconds):
                await changed.wait()
        except TimeoutError:
            return

    def _wake(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()


def _checked(scale: float) -> float:
    if not scale > 0:
        raise ValueError("the time scale must be above zero")
    return scale


def timestamp(moment: datetime) -> str:
    """A moment as the Reports API writes it: whole seconds and a numeric offset (2025-12-02T11:59:18+00:00)."""
    return moment.astimezone(UTC).isoformat(timespec="seconds")


def notification_timestamp(moment: datetime) -> str:
    """A moment as notifications write it: milliseconds and Z (2020-07-14T03:35:13.214Z)."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"


def parse_timestamp(text: str) -> datetime:
    """An ISO 8601 date-time; one without an offset is taken as UTC. Raises ValueError for anything else."""
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
