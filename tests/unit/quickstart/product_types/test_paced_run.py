"""The pace of calls, and what becomes of those that fail."""

import itertools
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from quickstart.product_types.paced_run import AT_ONCE, Ended, PacedRun, Threads
from quickstart.product_types.slots import ApplicationBusyError, Slot
from sp_api.documents import DocumentUrlExpiredError
from sp_api.errors import NotFoundError, SellingPartnerApiError, ThrottledError, TransientError

FAILED = TransientError("call", status=500)
THROTTLED = ThrottledError("call", retry_after=0.2)


@dataclass
class Crew:
    """Workers on a clock of their own: each call takes half a second."""

    call: Callable[[int, float], SellingPartnerApiError | None]
    time: float = 1000.0
    began: list[tuple[int, float]] = field(default_factory=list)
    most: int = 0
    _running: list[tuple[float, Ended[str]]] = field(default_factory=list)

    def now(self) -> float:
        return self.time

    def submit(self, index: int) -> None:
        self.began.append((index, self.time))
        error = self.call(index, self.time)
        self._running.append((self.time + 0.5, Ended(index, None if error else "done", error)))
        self.most = max(self.most, len(self._running))

    def wait(self, seconds: float) -> list[Ended[str]]:
        until = self.time + seconds
        if self._running:
            until = min(until, max(self._running[0][0], self.time))
        self.time = max(until, self.time)
        ended = [entry for at, entry in self._running if at <= self.time]
        self._running = [entry for entry in self._running if entry[0] > self.time]
        return ended


class Account:
    """Slots of one account, five a second."""

    def __init__(self, crew: Crew, busy: int = 0) -> None:
        self.crew, self.next, self.busy = crew, crew.time, busy

    def take(self, calls: int) -> Slot:
        if self.busy:
            self.busy -= 1
            raise ApplicationBusyError(2.0)
        slot = Slot(max(self.crew.time, self.next), calls)
        self.next = slot.start + calls * slot.interval
        return slot


def run(
    crew: Crew, total: int, busy: int = 0, stop_at: float = 1e9, **known: object
) -> tuple[bool, dict[int, Ended[str]]]:
    ended: dict[int, Ended[str]] = {}

    def done(entry: Ended[str]) -> None:
        assert entry.index not in ended
        ended[entry.index] = entry

    complete = PacedRun(0, total, crew, Account(crew, busy).take, done, stop_at, **known).run()
    return complete, ended


def test_five_calls_a_second() -> None:
    crew = Crew(lambda *_: None)
    complete, ended = run(crew, 100)
    assert complete
    assert sorted(ended) == list(range(100))
    assert [index for index, _ in crew.began] == list(range(100))
    gaps = [later - earlier for (_, earlier), (_, later) in itertools.pairwise(crew.began)]
    assert min(gaps) == pytest.approx(0.2, abs=0.001)
    assert crew.time - 1000 == pytest.approx(20.3, abs=0.5)
    assert crew.most < AT_ONCE


def test_a_throttled_call_is_made_again_and_others_wait_longer_each_time() -> None:
    refused: list[float] = []

    def call(_: int, now: float) -> SellingPartnerApiError | None:
        if now < 1004:
            refused.append(now)
            return THROTTLED
        return None

    crew = Crew(call)
    complete, ended = run(crew, 10)
    assert complete
    assert all(entry.result == "done" for entry in ended.values())
    # Four seconds at full speed would be twenty calls.
    assert len(refused) < 14


def test_a_passing_failure_is_tried_again_later_and_then_counts_as_failed() -> None:
    crew = Crew(lambda index, _: FAILED if index == 3 else None)
    complete, ended = run(crew, 200)
    assert complete
    assert [index for index, entry in ended.items() if entry.error] == [3]
    times = [at for index, at in crew.began if index == 3]
    waits = [later - earlier for earlier, later in itertools.pairwise(times)]
    assert len(waits) == 5
    # A call takes half a second, and then waits for its turn.
    for wait, least in zip(waits, (1, 2, 4, 8, 16), strict=True):
        assert least + 0.5 <= wait < least + 1.3


def test_a_pause_for_sp_apis_limit_is_logged(log_lines: Callable[[], list[dict[str, Any]]]) -> None:
    crew = Crew(lambda _, now: THROTTLED if now < 1001 else None)
    run(crew, 3)
    pauses = [line["pause_seconds"] for line in log_lines() if line["message"] == "SP-API limits the calls"]
    assert pauses[:2] == [0.4, 0.8]


def test_an_expired_link_is_a_new_call() -> None:
    seen: list[int] = []

    def call(index: int, _: float) -> SellingPartnerApiError | None:
        seen.append(index)
        return DocumentUrlExpiredError("document", status=403) if seen.count(index) == 1 else None

    _, ended = run(Crew(call), 3)
    assert [entry.error for entry in ended.values()] == [None] * 3
    assert sorted(seen) == [0, 0, 1, 1, 2, 2]


def test_an_answer_that_will_not_change_is_not_asked_for_again() -> None:
    crew = Crew(lambda *_: NotFoundError("call", status=404))
    _, ended = run(crew, 3)
    assert len(crew.began) == len(ended) == 3
    assert all(isinstance(entry.error, NotFoundError) for entry in ended.values())


@pytest.mark.parametrize("error", [FAILED, THROTTLED])
def test_an_outage_ends_the_run_before_anything_counts_as_failed(error: SellingPartnerApiError) -> None:
    ended: list[Ended[str]] = []
    crew = Crew(lambda _, now: error if now > 1002 else None)
    account = Account(crew)
    with pytest.raises(type(error)):
        PacedRun(0, 500, crew, account.take, ended.append, 1e9).run()
    assert all(entry.error is None for entry in ended)
    assert crew.time < 1100


def test_the_run_ends_in_time_and_finishes_what_it_began() -> None:
    crew = Crew(lambda *_: None)
    complete, ended = run(crew, 100, stop_at=1005)
    assert not complete
    assert len(ended) == len(crew.began)
    assert max(at for _, at in crew.began) < 1005


def test_a_busy_application_is_waited_for() -> None:
    crew = Crew(lambda *_: None)
    complete, ended = run(crew, 5, busy=3)
    assert complete
    assert len(ended) == 5
    assert crew.began[0][1] == pytest.approx(1006, abs=0.1)


def test_what_is_known_is_not_called() -> None:
    crew = Crew(lambda *_: None)
    _, ended = run(crew, 10, known=lambda index: Ended(index, "known") if index % 2 else None)
    assert [index for index, _ in crew.began] == [0, 2, 4, 6, 8]
    assert ended[3].result == "known"


def test_threads_return_results_and_errors_and_raise_what_is_neither() -> None:
    def call(index: int) -> str:
        if index == 1:
            raise FAILED
        if index == 2:
            raise KeyError(index)
        return "done"

    with Threads(call) as threads:
        threads.submit(0)
        assert threads.wait(5) == [Ended(0, "done")]
        threads.submit(1)
        assert threads.wait(5) == [Ended(1, None, FAILED)]
        threads.submit(2)
        with pytest.raises(KeyError):
            threads.wait(5)
        assert threads.wait(0.01) == []
