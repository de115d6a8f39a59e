"""The bound of caches in warm functions."""

import threading
from collections.abc import Callable

import pytest

from sp_api.least_recently_used import LeastRecentlyUsed


def test_the_entry_that_was_not_used_for_longest_is_replaced() -> None:
    cache: LeastRecentlyUsed[str, int] = LeastRecentlyUsed(most=2)
    cache.put("a", 1)
    cache.put("b", 2)
    assert cache.get("a") == 1
    assert cache.get_or_put("c", lambda: 3) == 3
    assert [cache.get(key) for key in "abc"] == [1, None, 3]


@pytest.mark.parametrize("use", ["get", "put", "get_or_put"])
def test_every_use_counts(use: str) -> None:
    cache: LeastRecentlyUsed[str, int] = LeastRecentlyUsed(most=2)
    cache.put("a", 1)
    cache.put("b", 2)
    uses: dict[str, Callable[[], object]] = {
        "get": lambda: cache.get("a"),
        "put": lambda: cache.put("a", 1),
        "get_or_put": lambda: cache.get_or_put("a", lambda: 5),
    }
    uses[use]()
    cache.put("c", 3)
    assert [cache.get(key) for key in "abc"] == [1, None, 3]


def test_ten_thousand_sellers_have_their_entries() -> None:
    cache: LeastRecentlyUsed[int, int] = LeastRecentlyUsed()
    for number in range(10_001):
        cache.put(number, number)
    assert (len(cache), cache.get(0), cache.get(1)) == (10_000, None, 1)


def test_an_entry_is_made_once_and_replaced_when_put_again() -> None:
    cache: LeastRecentlyUsed[str, int] = LeastRecentlyUsed(most=2)
    assert [cache.get_or_put("a", lambda: 1), cache.get_or_put("a", lambda: 2)] == [1, 1]
    cache.put("a", 3)
    assert (cache.get("a"), len(cache)) == (3, 1)


def test_threads_share_it() -> None:
    cache: LeastRecentlyUsed[int, int] = LeastRecentlyUsed(most=50)
    wrong: list[int] = []

    def use(first: int) -> None:
        for number in range(first, first + 2000):
            if cache.get_or_put(number % 97, lambda number=number: number % 97) != number % 97:  # type: ignore[misc]
                wrong.append(number)

    threads = [threading.Thread(target=use, args=(first,)) for first in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (wrong, len(cache)) == ([], 50)
