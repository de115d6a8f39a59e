"""The simulator's time.

One clock has two readings. `now()` is the time in timestamps, token lifetimes and document links. A client compares it
with its own clock, so it runs in real time. `service_seconds()` measures how long Amazon takes to process a report or
to refill a quota. It runs `scale` times as fast as real time.
"""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime, timedelta


class Clock:
    """Real time plus the sum of all `advance` calls, and service time with its scale."""

    def __init__(self, scale: float = 1.0) -> None:
        """Raises ValueError unless `scale` is greater than zero."""
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
        """The current time in UTC."""
        return datetime.now(UTC) + self._added

    def service_seconds(self) -> float:
        """Seconds of service time since the start."""
        return self._service_base + (time.monotonic() - self._monotonic_base) * self._scale

    def set_scale(self, scale: float) -> None:
        """Sets the speed of service time from now on.

        Raises ValueError unless `scale` is greater than zero.
        """
        checked = _checked(scale)
        self._service_base = self.service_seconds()
        self._monotonic_base = time.monotonic()
        self._scale = checked
        self.wake()

    def advance(self, seconds: float) -> None:
        """Moves both readings forward by `seconds`. Raises ValueError if `seconds` is negative."""
        if seconds < 0:
            raise ValueError("advanceSeconds must not be negative")
        self._added += timedelta(seconds=seconds)
        self._service_base += seconds
        self.wake()

    def moment_after(self, service_seconds: float) -> datetime:
        """The time when `service_seconds` from now will have passed, at the current scale."""
        return self.now() + timedelta(seconds=service_seconds / self._scale)

    async def sleep(self, service_seconds: float) -> None:
        """Waits for `service_seconds` of service time. Changes of the clock take effect while it waits."""
        end = self.service_seconds() + service_seconds
        while (remaining := end - self.service_seconds()) > 0:
            await self._wait(remaining / self._scale)

    async def sleep_until(self, moment: datetime) -> None:
        """Waits until `now()` has reached `moment`."""
        while (remaining := (moment - self.now()).total_seconds()) > 0:
            await self._wait(remaining)

    async def wait_until(self, moment: datetime) -> None:
        """Waits until `now()` has reached `moment`, the clock is changed, or `wake` is called."""
        await self._wait(max((moment - self.now()).total_seconds(), 0))

    def wake(self) -> None:
        """Lets everybody who waits look again at what they wait for."""
        self._changed.set()
        self._changed = asyncio.Event()

    async def _wait(self, seconds: float) -> None:
        changed = self._changed
        try:
            async with asyncio.timeout(seconds):
                await changed.wait()
        except TimeoutError:
            return


def _checked(scale: float) -> float:
    if not scale > 0:
        raise ValueError("the time scale must be greater than zero")
    return scale


def timestamp(moment: datetime) -> str:
    """A time in the format of the Reports API: whole seconds and a numeric offset (2025-12-02T11:59:18+00:00)."""
    return moment.astimezone(UTC).isoformat(timespec="seconds")


def notification_timestamp(moment: datetime) -> str:
    """A time in the format of notifications: milliseconds and Z (2020-07-14T03:35:13.214Z)."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"


def parse_timestamp(text: str) -> datetime:
    """An ISO 8601 date-time; one without an offset is taken as UTC. Raises ValueError for anything else."""
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
