"""Makes many calls at the pace of a quota: several at a time, each at its slot, failed ones again later.

A state machine cannot do this pacing: its waits last whole seconds, and SP-API allows five calls in each.
"""

import heapq
import queue
import time
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Generic, Protocol, TypeVar

from quickstart.observability import logger
from quickstart.product_types.slots import ApplicationBusyError, Slot
from sp_api.documents import DocumentUrlExpiredError
from sp_api.errors import SellingPartnerApiError, ThrottledError, TransientError

# Calls at the same time: SP-API and the document store take well below two seconds for one.
AT_ONCE = 12
# Slots are taken for this many calls at once, so that other pulls of the account get theirs within a second or two.
_CALLS_OF_A_SLOT = 5
# A call that comes later than its slot by more than this would come too close to the calls of the next one.
_LATEST_SECONDS = 0.5
# After a 429, and longer after each further one: the bucket at SP-API is empty, and fills at the account's rate.
_FIRST_PAUSE_SECONDS = 0.4
_LONGEST_PAUSE_SECONDS = 30.0
# The waits before further attempts of a call that failed for a passing reason; then it counts as failed.
_ATTEMPT_WAITS = (1.0, 2.0, 4.0, 8.0, 16.0)
# No call succeeded for this long, and those of this many indexes failed: the service is down, and the run ends with the
# last error. That is before any index has used up its attempts.
_GIVE_UP_SECONDS = 15.0
_GIVE_UP_INDEXES = 8
# SP-API refuses every call for this long: somebody else uses up the quota. The state machine waits, not the function.
_LONGEST_THROTTLED_SECONDS = 60.0

Result = TypeVar("Result")


@dataclass(frozen=True)
class Ended(Generic[Result]):
    """How the call of one index ended: with a result, or with SP-API's or the document store's error."""

    index: int
    result: Result | None
    error: SellingPartnerApiError | None = None


class Workers(Protocol[Result]):
    """Runs calls at the same time, and tells the time in seconds since 1970."""

    def now(self) -> float: ...

    def submit(self, index: int) -> None:
        """Begins the call of this index."""

    def wait(self, seconds: float) -> list[Ended[Result]]:
        """The calls that have ended; waits until there is one, at most `seconds`. Raises what a call raised other than
        SellingPartnerApiError.
        """


@dataclass
class Threads(Generic[Result]):
    """Workers in threads of this process. A context manager: it waits for the calls that have begun."""

    call: Callable[[int], Result]
    _pool: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(AT_ONCE))
    _ended: "queue.SimpleQueue[Ended[Result] | BaseException]" = field(default_factory=queue.SimpleQueue)

    def __enter__(self) -> "Threads[Result]":
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.shutdown(cancel_futures=True)

    def now(self) -> float:
        return time.time()

    def submit(self, index: int) -> None:
        self._pool.submit(self._run, index)

    def wait(self, seconds: float) -> list[Ended[Result]]:
        return list(self._take(seconds))

    def _run(self, index: int) -> None:
        try:
            self._ended.put(Ended(index, self.call(index)))
        except SellingPartnerApiError as error:
            self._ended.put(Ended(index, None, error))
        except BaseException as error:  # noqa: BLE001 - raised again in the thread that waits
            self._ended.put(error)

    def _take(self, seconds: float) -> Iterator[Ended[Result]]:
        try:
            ended = self._ended.get(timeout=max(seconds, 0.001))
            while True:
                if isinstance(ended, BaseException):
                    raise ended
                yield ended
                ended = self._ended.get_nowait()
        except queue.Empty:
            return


@dataclass
class PacedRun(Generic[Result]):
    """The calls of the indexes from `first` to `total`, exclusive.

    `take_slot` reserves the next calls of the account. `done` receives each index that ended for good, in any order,
    with its result or its error. `stop_at` (seconds since 1970) is when no further call begins. `known` returns how
    an index ended that need not be called.
    """

    first: int
    total: int
    workers: Workers[Result]
    take_slot: Callable[[int], Slot]
    done: Callable[[Ended[Result]], None]
    stop_at: float
    known: Callable[[int], Ended[Result] | None] = lambda _: None
    _waiting: deque[int] = field(init=False)
    _later: list[tuple[float, int]] = field(default_factory=list)
    # When each running call began.
    _running: dict[int, float] = field(default_factory=dict)
    _attempts: dict[int, int] = field(default_factory=dict)
    _moments: deque[float] = field(default_factory=deque)
    _not_before: float = 0.0
    _paused_at: float = 0.0
    _pauses: int = 0
    _failing: set[int] = field(default_factory=set)
    _last_success: float = field(init=False)

    def __post_init__(self) -> None:
        self._waiting = deque(range(self.first, self.total))
        self._last_success = self.workers.now()

    def run(self) -> bool:
        """Whether every index has ended; False when the time ran out. Raises the last error when nothing succeeds any
        more, and what a call raised other than SellingPartnerApiError.
        """
        while self._waiting or self._later or self._running:
            if self.workers.now() >= self.stop_at:
                self._drain()
                return not (self._waiting or self._later)
            self._step()
        return True

    def _step(self) -> None:
        now = self.workers.now()
        while self._later and self._later[0][0] <= now:
            self._waiting.appendleft(heapq.heappop(self._later)[1])
        if not self._waiting or len(self._running) >= AT_ONCE:
            until = self._later[0][0] if self._later else now + 1.0
            self._collect(min(until, self.stop_at) - now)
            return
        ended = self.known(self._waiting[0])
        if ended is not None:
            self._waiting.popleft()
            self.done(ended)
            return
        moment = self._next_moment(now)
        if moment > now:
            self._collect(min(moment, self.stop_at) - now)
            return
        self._moments.popleft()
        index = self._waiting.popleft()
        self._running[index] = now
        self.workers.submit(index)

    def _next_moment(self, now: float) -> float:
        """When the next call may begin: a moment of a slot. Slots in the past are dropped."""
        if now < self._not_before:
            return self._not_before
        while self._moments and self._moments[0] < now - _LATEST_SECONDS:
            self._moments.popleft()
        if not self._moments:
            calls = min(_CALLS_OF_A_SLOT, len(self._waiting) + len(self._later))
            try:
                slot = self.take_slot(calls)
            except ApplicationBusyError as busy:
                self._not_before = now + busy.wait_seconds
                return self._not_before
            self._moments.extend(slot.start + number * slot.interval for number in range(slot.calls))
        return self._moments[0]

    def _collect(self, seconds: float) -> None:
        for ended in self.workers.wait(max(seconds, 0.0)):
            self._settle(ended, self._running.pop(ended.index))

    def _drain(self) -> None:
        while self._running:
            self._collect(60.0)

    def _settle(self, ended: Ended[Result], began: float) -> None:
        now = self.workers.now()
        error = ended.error
        if isinstance(error, ThrottledError):
            self._pause(now, began)
            self._waiting.appendleft(ended.index)
            if now - self._last_success >= _LONGEST_THROTTLED_SECONDS:
                raise error
        else:
            self._pauses = 0
            attempt = self._attempts.get(ended.index, 0)
            if error is None or not _passes(error):
                # SP-API answered, and would answer the same again.
                self._failing.clear()
                self._last_success = now
                self.done(ended)
                return
            if attempt >= len(_ATTEMPT_WAITS):
                self.done(ended)
                return
            self._attempts[ended.index] = attempt + 1
            heapq.heappush(self._later, (now + _ATTEMPT_WAITS[attempt], ended.index))
        self._failing.add(ended.index)
        if len(self._failing) >= _GIVE_UP_INDEXES and now - self._last_success >= _GIVE_UP_SECONDS:
            raise error

    def _pause(self, now: float, began: float) -> None:
        """Holds back all calls for a time, which doubles with each 429 of a call that began after the last pause."""
        if began < self._paused_at:
            return
        seconds = min(_FIRST_PAUSE_SECONDS * 2**self._pauses, _LONGEST_PAUSE_SECONDS)
        self._pauses += 1
        self._paused_at = now + seconds
        self._not_before = max(self._not_before, now + seconds)
        logger().info("SP-API limits the calls", pause_seconds=seconds)


def _passes(error: SellingPartnerApiError) -> bool:
    """Whether another attempt may succeed. A new call returns a new link in place of one that expired."""
    return isinstance(error, TransientError | DocumentUrlExpiredError)
