"""A stored value, cached for a short time by a warm function."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

Value = TypeVar("Value")

# A rotated secret or re-authorized seller is noticed after this time at the latest, and at once when LWA refuses.
KEPT_SECONDS = 300.0


@dataclass
class Remembered(Generic[Value]):
    """Reads a value and caches it for `kept_seconds`; `fresh=True` reads it again whatever its age.

    Satisfies `sp_api.lwa.StoredValue`. The value never shows in a repr.
    """

    read: Callable[[], Value]
    kept_seconds: float = KEPT_SECONDS
    clock: Callable[[], float] = time.monotonic
    _held: tuple[float, Value] | None = field(default=None, repr=False)

    def __call__(self, *, fresh: bool = False) -> Value:
        now = self.clock()
        if fresh or self._held is None or now - self._held[0] >= self.kept_seconds:
            self._held = (now, self.read())
        return self._held[1]
