"""A cache with a bound: a warm function may see thousands of selling partners."""

import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import Generic, TypeVar

Key = TypeVar("Key")
Value = TypeVar("Value")

# A seller has an entry in each of a function's caches, together about four kilobytes: 40 MB for so many sellers.
MOST_ENTRIES = 10_000


class LeastRecentlyUsed(Generic[Key, Value]):
    """At most `most` entries: a new one replaces the one whose last use is longest ago. Threads may share it.

    The values never show in a repr.
    """

    def __init__(self, most: int = MOST_ENTRIES) -> None:
        self._most = most
        self._entries: OrderedDict[Key, Value] = OrderedDict()
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, key: Key) -> Value | None:
        """The entry, which counts as used; None when there is none."""
        with self._lock:
            if key not in self._entries:
                return None
            self._entries.move_to_end(key)
            return self._entries[key]

    def put(self, key: Key, value: Value) -> None:
        """Adds or replaces the entry."""
        with self._lock:
            self._put(key, value)

    def get_or_put(self, key: Key, make: Callable[[], Value]) -> Value:
        """The entry, which is first made when there is none."""
        with self._lock:
            if key not in self._entries:
                self._put(key, make())
            self._entries.move_to_end(key)
            return self._entries[key]

    def _put(self, key: Key, value: Value) -> None:
        self._entries[key] = value
        self._entries.move_to_end(key)
        if len(self._entries) > self._most:
            self._entries.popitem(last=False)
