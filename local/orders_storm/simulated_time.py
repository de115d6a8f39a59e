"""A clock that jumps from one scheduled action to the next."""

import heapq
import itertools
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta


@dataclass
class SimulatedTime:
    """Scheduled actions. `moment` is the current time in UTC."""

    moment: datetime
    _due: list[tuple[datetime, int, Callable[[], None]]] = field(default_factory=list, repr=False)
    _numbers: "itertools.count[int]" = field(default_factory=itertools.count, repr=False)

    def now(self) -> datetime:
        return self.moment

    def at(self, moment: datetime, action: Callable[[], None]) -> None:
        """Schedules `action` for that time, or for now if it is in the past."""
        heapq.heappush(self._due, (max(moment, self.moment), next(self._numbers), action))

    def after(self, seconds: float, action: Callable[[], None]) -> None:
        self.at(self.moment + timedelta(seconds=seconds), action)

    def run_until(self, end: datetime) -> None:
        """Runs all actions until that time in order, including those that they schedule."""
        while self._due and self._due[0][0] <= end:
            self.moment, _, action = heapq.heappop(self._due)
            action()
        self.moment = end
