"""How tests wait for what another process does."""

import time
from collections.abc import Callable
from typing import TypeVar

# The limit of every wait, and of every request and program that a test starts: far above what a busy machine needs,
# and below pytest's own. It costs time only when a test fails.
SECONDS = 240.0
_FIRST_PAUSE = 0.02
_LONGEST_PAUSE = 0.2
Read = TypeVar("Read")


def until(read: Callable[[], Read], holds: Callable[[Read], object], what: str = "", seconds: float = SECONDS) -> Read:
    """Reads until the condition holds, and returns what was read. Raises AssertionError after `seconds`."""
    give_up, pause = time.monotonic() + seconds, _FIRST_PAUSE
    while not holds(value := read()):
        assert time.monotonic() < give_up, f"waited {seconds:.0f} s in vain for {what or read}: {value!r}"
        time.sleep(pause)
        pause = min(1.3 * pause, _LONGEST_PAUSE)
    return value


def assert_quick(seconds: float, attempt: Callable[[], object], attempts: int = 20) -> None:
    """One attempt takes less than `seconds`.

    A busy machine makes some attempts slow; a mistake makes all of them slow.
    """
    durations = []
    for _ in range(attempts):
        started = time.monotonic()
        attempt()
        durations.append(time.monotonic() - started)
        if durations[-1] < seconds:
            return
    raise AssertionError(f"no attempt took less than {seconds} s: {durations}")
