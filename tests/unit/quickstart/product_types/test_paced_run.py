"""The pace of calls, and what becomes of those that fail."""

import itertools
import threading
import time
from collections import Counter
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
    """Workers on a clock of their own: each call takes half a second, if nothing else is said."""

    call: Callable[[int, float], SellingPartnerApiError | None]
    time: float = 1000.0
    seconds: float = 0.5
    began: list[tuple[int, float]] = field(default_factory=list)
    most: int = 0
    _running: list[tuple[float, Ended[str]]] = field(default_factory=list)

    def now(self) -> float:
        return self.time

    def submit(self, index: int) -> None:
        self.began.append((index, self.time))
        error = self.call(index, self.time)
        self._running.append((self.time + self.seconds, Ended(index, None if error else "done", error)))
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
    """Slots of one account, five a second, or with another interval. `taken` has the number of calls of each."""

    def __init__(self, crew: Crew, busy: int = 0, interval: float = 0.2) -> None:
        self.crew, self.next, self.busy, self.interval = crew, crew.time, busy, interval
        self.taken: list[int] = []

    def take(self, calls: int) -> Slot:
        if self.busy:
            self.busy -= 1
            raise ApplicationBusyError(2.0)
        self.taken.append(calls)
        slot = Slot(max(self.crew.time, self.next), calls, self.interval)
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


def quarters(crew: Crew, total: int, first: int = 0, stop_at: float = 1e9, busy: int = 0) -> tuple[bool, Account]:
    """A run with a call every quarter of a second, which binary numbers have exactly."""
    account = Account(crew, busy, interval=0.25)
    return PacedRun(first, total, crew, account.take, lambda _: None, stop_at).run(), account


def test_slots_are_taken_for_five_calls_and_for_no_more_than_are_left() -> None:
    crew = Crew(lambda *_: None)
    assert quarters(crew, 12, first=3)[1].taken == [5, 4]
    assert [index for index, _ in crew.began] == list(range(3, 12))


def test_slots_are_also_taken_for_calls_that_are_made_again_later() -> None:
    """When the first one has failed, the last one still waits, and two calls are to be made."""
    crew = Crew(lambda index, now: FAILED if (index, now) == (0, 1000) else None)
    account = Account(crew, interval=0.25)
    asked: list[int] = []

    def take_one(calls: int) -> Slot:
        asked.append(calls)
        return account.take(1)

    assert PacedRun(0, 4, crew, take_one, lambda _: None, 1e9).run()
    assert asked == [4, 3, 2, 2, 1]
    assert [index for index, _ in crew.began] == [0, 1, 2, 3, 0]


def test_twelve_calls_at_the_same_time() -> None:
    crew = Crew(lambda *_: None, seconds=10)
    assert quarters(crew, 14)[0]
    assert crew.most == 12
    # The thirteenth begins when the first has ended; its moment was at 1003.
    assert crew.began[11:] == [(11, 1002.75), (12, 1010), (13, 1010.25)]


@pytest.mark.parametrize(
    ("late", "began"),
    [
        (0.75, [0, 0.75, 0.75, 0.75, 1]),
        (1, [0, 1, 1, 1, 1.25]),
        (9, [0, 9, 9.25, 9.5, 9.75]),
    ],
)
def test_a_moment_that_passed_half_a_second_ago_is_not_made_up_for(late: float, began: list[float]) -> None:
    """A call that comes later than its moment would come too close to the calls of the next slot."""

    def call(index: int, _: float) -> None:
        if index == 0:
            crew.time += late

    crew = Crew(call)
    assert quarters(crew, 5)[0]
    assert [at - 1000 for _, at in crew.began] == began


def test_a_refused_call_is_made_again_before_the_others() -> None:
    crew = Crew(lambda _, now: THROTTLED if now == 1000 else None)
    assert quarters(crew, 4)[0]
    assert [index for index, _ in crew.began] == [0, 1, 0, 2, 3]
    # The refusal came at 0.5, and the pause lasts 0.4; the moments at 0.5 and 0.75 are not too old then.
    assert [at - 1000 for _, at in crew.began] == pytest.approx([0, 0.25, 0.9, 0.9, 1])


def test_pauses_double_up_to_half_a_minute_until_sp_api_has_refused_for_a_minute(
    log_lines: Callable[[], list[dict[str, Any]]],
) -> None:
    crew = Crew(lambda *_: THROTTLED)
    with pytest.raises(ThrottledError):
        quarters(crew, 3)
    pauses = [line["pause_seconds"] for line in log_lines()]
    assert pauses == pytest.approx([0.4, 0.8, 1.6, 3.2, 6.4, 12.8, 25.6, 30, 30])
    assert 1060 <= crew.time <= 1090


def test_a_refusal_of_a_call_from_before_the_pause_is_no_reason_for_a_longer_one(
    log_lines: Callable[[], list[dict[str, Any]]],
) -> None:
    """And after an answer, the pauses are short again."""
    crew = Crew(lambda _, now: THROTTLED if now <= 1000.25 or now == 1003 else None)
    assert quarters(crew, 20)[0]
    assert [line["pause_seconds"] for line in log_lines()] == [0.4, 0.4]


def test_a_pause_does_not_shorten_the_wait_for_the_application() -> None:
    crew = Crew(lambda _, now: THROTTLED if now == 1000 else None)
    slots: list[Slot | ApplicationBusyError] = [Slot(1000, 1), ApplicationBusyError(5.0), Slot(1005, 2, 0.25)]

    def take(_: int) -> Slot:
        slot = slots.pop(0)
        if isinstance(slot, ApplicationBusyError):
            raise slot
        return slot

    assert PacedRun(0, 2, crew, take, lambda _: None, 1e9).run()
    assert crew.began == [(0, 1000), (0, 1005), (1, 1005.25)]


@pytest.mark.parametrize(("seconds", "calls"), [(60.0, 1), (59.75, 2)])
def test_a_minute_of_refusals_ends_the_run(seconds: float, calls: int) -> None:
    crew = Crew(lambda *_: THROTTLED, seconds=seconds)
    with pytest.raises(ThrottledError):
        quarters(crew, 1)
    assert len(crew.began) == calls


@pytest.mark.parametrize(
    ("seconds", "total", "fails"),
    [
        # The eighth call begins at 1.75.
        (13.25, 8, True),
        (13.0, 8, False),
        (13.25, 7, False),
    ],
)
def test_fifteen_seconds_of_failures_of_eight_definitions_end_the_run(
    seconds: float, total: int, *, fails: bool
) -> None:
    crew = Crew(lambda _, now: FAILED if now < 1010 else None, seconds=seconds)
    if fails:
        with pytest.raises(TransientError):
            quarters(crew, total)
        assert crew.time == 1015
    else:
        assert quarters(crew, total)[0]


@pytest.mark.parametrize("answer", [None, NotFoundError("call", status=404)])
def test_an_answer_shows_that_the_service_is_there(answer: SellingPartnerApiError | None) -> None:
    """Seven fail, one is answered, and one more fails."""
    crew = Crew(lambda index, now: (answer if index == 7 else FAILED) if now < 1010 else None, seconds=13.25)
    assert quarters(crew, 9)[0]


def test_an_answer_begins_the_time_of_failures_anew() -> None:
    """The first call is answered at 13.25; eight others fail until 15.25, and are repeated."""
    crew = Crew(lambda index, now: FAILED if index and now < 1010 else None, seconds=13.25)
    assert quarters(crew, 9)[0]


def test_failures_from_before_an_answer_do_not_count() -> None:
    """Seven fail, one is answered, and twenty seconds later another fails."""
    calls: Counter[int] = Counter()

    def call(index: int, _now: float) -> SellingPartnerApiError | None:
        calls[index] += 1
        crew.seconds = 20 if index == 8 else 0.5 if calls[index] == 1 else 40
        return FAILED if calls[index] == 1 and index != 7 else None

    crew = Crew(call)
    complete, ended = run(crew, 9)
    assert complete
    assert [entry.error for entry in ended.values()] == [None] * 9


def test_what_was_begun_before_the_end_of_the_time_counts() -> None:
    """The last calls are under way when the time is over."""
    crew = Crew(lambda *_: None, seconds=70)
    assert quarters(crew, 3, stop_at=1000.75)[0]
    assert crew.time == 1070.5


@pytest.mark.parametrize(("stop_at", "calls"), [(1000.5, 2), (1000.75, 3)])
def test_no_call_begins_at_the_end_of_the_time(stop_at: float, calls: int) -> None:
    crew = Crew(lambda *_: None)
    assert not quarters(crew, 9, stop_at=stop_at)[0]
    assert len(crew.began) == calls
    assert crew.time == stop_at + 0.25


@pytest.mark.parametrize("total", [1, 2])
def test_a_call_that_must_be_made_again_later_is_left_to_the_next_run(total: int) -> None:
    crew = Crew(lambda index, _: None if index else FAILED)
    assert not quarters(crew, total, stop_at=1001)[0]
    # It would have been made again at 1.5.
    assert (len(crew.began), crew.time) == (total, 1001)


def test_a_wait_for_slots_ends_with_the_time() -> None:
    crew = Crew(lambda *_: None)
    assert not quarters(crew, 1, stop_at=1001.5, busy=1)[0]
    assert (crew.began, crew.time) == ([], 1001.5)


def test_an_empty_list_has_ended() -> None:
    crew = Crew(lambda *_: None)
    assert quarters(crew, 0)[0]
    assert (crew.began, crew.time) == ([], 1000)


def test_threads_make_twelve_calls_at_the_same_time_and_no_call_after_the_end() -> None:
    """At the end, those that have begun are waited for, and their results remain."""
    begun, may_end = threading.Barrier(AT_ONCE + 1), threading.Event()
    calls: list[int] = []

    def call(index: int) -> int:
        calls.append(index)
        begun.wait(10)
        may_end.wait(10)
        return index

    with Threads(call) as threads:
        for index in range(AT_ONCE + 1):
            threads.submit(index)
        begun.wait(10)
        threading.Timer(0.01, may_end.set).start()
    assert sorted(calls) == list(range(12))
    assert sorted(threads.wait(0), key=lambda ended: ended.index) == [Ended(index, index) for index in range(12)]
    assert threads.wait(0) == []


def test_threads_tell_the_time_in_seconds_since_1970() -> None:
    before = time.time()
    with Threads(str) as threads:
        assert before <= threads.now() <= time.time()
