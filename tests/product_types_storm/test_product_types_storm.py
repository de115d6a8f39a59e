"""The storm of `make product-types-storm`, with a quarter of its product types, and storms with errors."""

import contextlib
import itertools
from collections import Counter
from dataclasses import replace
from datetime import timedelta

import pytest

from product_types_storm.amazon import DEFINITION, DOCUMENT
from product_types_storm.cloud import EventBus
from product_types_storm.storm import MARKETPLACES, Result, Storm, World, run, text
from quickstart.product_types import fetching, store
from quickstart.product_types.changes import CHANGED
from quickstart.product_types.paced_run import PacedRun
from sp_api.errors import AuthorizationError, ThrottledError

QUARTER = Storm(types=500)
SMALL = Storm(types=100, marketplaces=1, kills=0)


@pytest.fixture(scope="module")
def result() -> Result:
    return run(QUARTER)


def test_everything_is_stored_once_in_the_time_of_the_quota_and_a_refresh_stores_one_percent(result: Result) -> None:
    assert result.faults == []
    assert result.storm.definitions == 1500
    assert result.first.counts.stored == 1500
    assert set(result.first.puts.values()) == {1}
    assert (result.refresh.counts.changed, len(result.refresh.puts)) == (15, 15)
    for pull in (result.first, result.refresh):
        assert pull.seconds <= 1.1 * result.storm.quota_seconds


def test_the_storm_has_all_kinds_of_failures(result: Result) -> None:
    for pull in (result.first, result.refresh):
        assert pull.kills == 5
        assert pull.answers[DEFINITION, 429] > 0
        assert pull.answers[DEFINITION, 500] > 0
    assert result.first.answers[DOCUMENT, 403] > 0
    assert f"| definitions | {1500:,} | {1500:,} |" in text(result)


def test_nothing_is_lost_when_calls_to_aws_fail() -> None:
    result = run(replace(SMALL, aws_failing=0.002))
    assert result.first.aws_failures > 0
    # So few definitions do not make up for the time that the repetitions take.
    assert [fault for fault in result.faults if "the quota allows it in" not in fault] == []


def test_without_failures_there_is_one_call_for_each_definition() -> None:
    world = World(replace(SMALL, throttled=0, failing=0, broken=0, aws_failing=0))
    pull = world.pull("first", 0)
    assert pull.answers == Counter({("", 200): 2, (DEFINITION, 200): 100, (DOCUMENT, 200): 101})
    assert (pull.counts.stored, pull.invocations, pull.finished_events) == (100, 1, 1)


def test_a_revoked_authorization_ends_the_pull_and_fails_no_definition() -> None:
    world = World(replace(SMALL, throttled=0, failing=0, broken=0, aws_failing=0))
    in_ten_seconds = world.time.now() + timedelta(seconds=10)
    world.time.at(in_ten_seconds, world.amazon.state.authorizations.clear)
    world.time.at(in_ten_seconds, world.amazon.state.access_tokens.clear)
    with pytest.raises(AuthorizationError):
        world.pull("first", 0)
    pull = world.pulls.find("first")
    assert pull is not None
    assert 20 < pull.counts.cursor < 80
    assert pull.counts.failed == 0


def test_a_refused_marketplace_costs_three_calls() -> None:
    world = World(replace(SMALL, throttled=0, failing=0, broken=0, aws_failing=0))
    listed = fetching.list_types

    def refuse_then(*given: object) -> None:
        listed(*given)
        world.amazon.state.product_types.refused_marketplaces = frozenset(MARKETPLACES)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("product_types_storm.storm.list_types", refuse_then)
        pull = world.pull("first", 0)
    assert pull.counts.failed == 100
    assert pull.answers[DEFINITION, 403] < 15
    assert pull.seconds < 10


def test_a_store_without_condition_shows(monkeypatch: pytest.MonkeyPatch) -> None:
    """The meta-schema is stored with each type when nobody looks whether it is there."""
    numbers = itertools.count()
    monkeypatch.setattr(store, "content_item", lambda _: {"Collection": str(next(numbers)), "Entry": "none"})
    monkeypatch.setattr("product_types_storm.cloud.Bucket.put_object", _without_condition)
    assert any("stored twice" in fault for fault in run(SMALL).faults)


def test_a_change_that_is_announced_in_place_of_another_shows(monkeypatch: pytest.MonkeyPatch) -> None:
    put_events, first = EventBus.put_events, list[str]()

    def put_the_first_again(self: EventBus, *, Entries: list[dict[str, str]]) -> object:  # noqa: N803
        (entry,) = Entries
        if entry["DetailType"] == CHANGED:
            first.append(entry["Detail"])
            entry = {**entry, "Detail": first[0]}
        return put_events(self, Entries=[entry])

    monkeypatch.setattr(EventBus, "put_events", put_the_first_again)
    assert "different changes announced: 1 instead of 2" in run(replace(SMALL, types=200)).faults


def _without_condition(self: object, *, Key: str, Body: object, **_: object) -> None:  # noqa: N803
    bucket = self
    bucket.objects[Key] = Body if isinstance(Body, bytes) else Body.read()  # type: ignore[attr-defined]
    bucket.puts[Key] = bucket.puts.get(Key, 0) + 1  # type: ignore[attr-defined]


def test_a_pull_that_begins_again_after_a_kill_shows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetching.DefinitionCalls, "_fetch_of", lambda *_: None)
    monkeypatch.setattr(fetching.Progress, "record", lambda _: None)
    assert any("took" in fault or "instead of" in fault for fault in run(replace(SMALL, kills=4)).faults)


def test_a_pull_without_its_pace_shows(monkeypatch: pytest.MonkeyPatch) -> None:
    """SP-API refuses what comes too fast, and the refusals cost more time than the pace."""

    def at_once(self: PacedRun[object], now: float) -> float:
        self._moments.append(now)
        return now

    monkeypatch.setattr(PacedRun, "_next_moment", at_once)
    world = World(SMALL)
    with contextlib.suppress(ThrottledError):
        world.pull("first", 0)
    assert world.amazon.answers[DEFINITION, 429] > world.amazon.answers[DEFINITION, 200]
