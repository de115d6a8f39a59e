"""A clock that jumps from one thing to do to the next."""

import heapq
import itertools
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta


@dataclass
class SimulatedTime:
    """What is to be done when. `moment` is the present, in UTC."""

    moment: datetime
    _due: list[tuple[datetime, int, Callable[[], None]]] = field(default_factory=list, repr=False)
    _numbers: "itertools.count[int]" = field(default_factory=itertools.count, repr=False)

    def now(self) -> datetime:
        return self.moment

    def at(self, moment: datetime, action: Callable[[], None]) -> None:
        """Does `action` at that moment, or now where it has passed."""
        heapq.heappush(self._due, (max(moment, self.moment), next(self._numbers), action))

    def after(self, seconds: float, action: Callable[[], None]) -> None:
        self.at(self.moment + timedelta(seconds=seconds), action)

    def run_until(self, end: datetime) -> None:
        """Does everything that is due by then, in order; what is done may add more."""
        while self._due and self._due[0][0] <= end:
            self.moment, _, action = heapq.heappop(self._due)
            action()
        self.moment = end
