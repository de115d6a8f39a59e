"""Assigns time slots to the calls of a rate-limited operation, so that callers do not compete for the quota.

A slot is the time at which one call may be made. The callers of a quota share one item of a table, which contains the
latest slot that was assigned. A caller takes the next slot with one or two conditional writes and makes its call then.
No call is throttled, and the last of N callers waits N intervals. If calls are rarer than the quota allows, each slot
is now.

SP-API's buckets hold `burst` calls and refill at `rate` (SP-API docs, "Usage plans and rate limits"). The arithmetic is
that of the generic cell rate algorithm (ITU-T I.371, appendix I).
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal

from quickstart.dynamodb import Item, Table, reading_item

# The attribute that no other item of a table has.
LATEST_SLOT = "LatestSlot"
# For how long a rate from SP-API's answer replaces the documented one.
_LEARNED_SECONDS = 24 * 3600
# How long an item is kept: no caller waits longer for its slot.
_KEPT_SECONDS = 15 * 24 * 3600


def seconds_now() -> float:
    """Seconds since 1970."""
    return datetime.now(UTC).timestamp()


@dataclass(frozen=True)
class Quota:
    """A token bucket: `rate` calls a second, and `burst` calls at once."""

    rate: float
    burst: int


@dataclass(frozen=True)
class CallSlots:
    """The slots of one quota.

    `key` is that of the table's item, which also gets `attributes`. `now` returns seconds since 1970. Each method
    raises ItemContestedError when other callers change the item between every two writes.
    """

    table: Table
    key: Item
    quota: Quota
    attributes: Item = field(default_factory=dict)
    now: Callable[[], float] = seconds_now

    def take(self) -> float:
        """Takes the next free slot; returns the seconds until it, 0 for a slot that is now."""
        now = self._moment()
        slot = self._next(now, floor=self._full_bucket(now))
        return max(0.0, slot - now)

    def take_soon(self, seconds: float) -> float | None:
        """Takes the next free slot if it is within so many seconds; returns the seconds until it."""
        now = self._moment()
        slot = self._advance(now, floor=self._full_bucket(now), at_most=now + seconds)
        return None if slot is None else max(0.0, slot - now)

    def refused(self, interval: float) -> float:
        """After a 429: SP-API's bucket is empty. Takes a new slot, and returns the seconds until it.

        `interval` is the time in seconds between two calls according to SP-API's answer, and applies for a day. Slots
        that others hold do not change: SP-API may refuse their calls too, and then they get new ones.
        """
        now = self._moment()
        learned = {"Interval": Decimal(f"{interval:.3f}"), "IntervalUntil": int(now) + _LEARNED_SECONDS}
        return self._next(now, floor=now, learned=learned) - now

    def _moment(self) -> float:
        """The time to a thousandth of a second, as slots are stored: a slot that is now must not be after it."""
        return math.floor(self.now() * 1000) / 1000

    def _full_bucket(self, now: float) -> float:
        """The latest slot as it is when all calls of a burst are available."""
        return now - self.quota.burst / self.quota.rate

    def _next(self, now: float, *, floor: float, learned: Item | None = None) -> float:
        slot = self._advance(now, floor=floor, learned=learned)
        assert slot is not None, "without a limit there is always a slot"
        return slot

    def _advance(
        self, now: float, *, floor: float, learned: Item | None = None, at_most: float | None = None
    ) -> float | None:
        values = {**self.attributes, "ExpiresAt": int(now) + _KEPT_SECONDS, **(learned or {})}

        def interval(held: Item) -> float:
            return self._interval({**held, **values}, now)

        return self.table.advance(self.key, LATEST_SLOT, interval, values, floor=floor, at_most=at_most)

    def _interval(self, held: Item, now: float) -> float:
        with reading_item(str(dict(self.key))):
            learned = "Interval" in held and held["IntervalUntil"] > now
            return float(held["Interval"]) if learned else 1 / self.quota.rate
