"""How a pull counts what it fetches, and which issues and events tell of it; the rest is in the storm's tests."""

import json
from dataclasses import replace
from typing import Any

import pytest

from quickstart.product_types.fetching import (
    Fetch,
    Progress,
    PullStoppedError,
    PullUnknownError,
    Step,
    _nothing_listed,
    fetch_definitions,
    find_pull,
    finish,
)
from quickstart.product_types.paced_run import Ended
from quickstart.product_types.pulls import Counts, Issue, IssueKind, Pull, Pulls, PullStatus, Selection, Wanted
from quickstart.product_types.store import Outcome
from sp_api.errors import AccessDeniedError, AuthorizationError, NotFoundError
from sp_api.regions import Region
from tests.unit.quickstart.product_types.test_changes import FRANCE, NOW, World

GERMANY = "A1PA6795UKMFR9"
SELECTION = Selection("A1", Region.EU, (FRANCE, GERMANY), every_type=True)
WANTED = [Wanted(FRANCE, name) for name in ("CUP", "HAT", "SHIRT", "SHOE")]
NOT_FOUND = NotFoundError("getDefinitionsProductType", status=404, code="NotFound")
DENIED = AccessDeniedError("getDefinitionsProductType", status=403)


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def pulls(world: World) -> Pulls:
    return Pulls(world.storage)


@pytest.fixture
def pull(pulls: Pulls) -> Pull:
    made = Pull("p1", SELECTION, PullStatus.FETCHING, "2026-11-26T04:00:00+00:00", Counts())
    assert pulls.create(made)
    return made


def ended(index: int, outcome: Outcome = Outcome.STORED, answered: str = "") -> Ended[Fetch]:
    return Ended(index, Fetch(outcome, answered or WANTED[index].product_type))


def test_a_pull_that_nobody_knows(pulls: Pulls, pull: Pull) -> None:
    assert find_pull(pulls, "p1") == pull
    with pytest.raises(PullUnknownError, match=r"^there is no pull p2$"):
        find_pull(pulls, "p2")


def test_only_the_first_of_the_list_that_have_ended_are_counted(pulls: Pulls, pull: Pull) -> None:
    progress = Progress(pulls, pull, WANTED, lambda: 0.0)
    progress.done(ended(1, Outcome.CHANGED))
    assert progress.counts == Counts()
    progress.done(ended(0))
    assert progress.counts == Counts(cursor=2, stored=1, changed=1)
    progress.done(ended(2, Outcome.UNCHANGED, "TEXTILE"))
    progress.done(Ended(3, None, NOT_FOUND))
    assert progress.counts == Counts(cursor=4, stored=1, changed=1, unchanged=1, failed=1, substituted=1)
    progress.record()
    assert find_pull(pulls, "p1").counts == progress.counts
    assert pulls.issues("p1") == [
        Issue(
            IssueKind.SUBSTITUTED,
            WANTED[2],
            "ProductTypeSubstituted",
            "SP-API answered with the definition of TEXTILE: the marketplace does not support SHIRT",
            "TEXTILE",
        ),
        Issue(IssueKind.FAILED, WANTED[3], "NotFound", str(NOT_FOUND)),
    ]


def test_an_issue_is_forgotten_when_a_later_attempt_succeeds(pulls: Pulls, pull: Pull) -> None:
    Progress(pulls, pull, WANTED, lambda: 0.0).done(Ended(0, None, NOT_FOUND))
    assert len(pulls.issues("p1")) == 1
    Progress(pulls, pull, WANTED, lambda: 0.0).done(ended(0))
    assert pulls.issues("p1") == []


@pytest.mark.parametrize(("seconds", "recorded"), [(4.9, 0), (5.0, 1)])
def test_progress_is_recorded_every_five_seconds(pulls: Pulls, pull: Pull, seconds: float, recorded: int) -> None:
    now = [100.0]
    progress = Progress(pulls, pull, WANTED, lambda: now[0])
    now[0] += seconds
    progress.done(ended(0))
    assert find_pull(pulls, "p1").counts.cursor == recorded


def test_a_marketplace_that_refuses_three_times_in_a_row_is_not_asked_again(pulls: Pulls, pull: Pull) -> None:
    progress = Progress(pulls, pull, WANTED, lambda: 0.0)
    progress.done(Ended(0, None, DENIED))
    progress.done(Ended(1, None, DENIED))
    progress.done(ended(2))
    assert progress.known_error(3) is None
    for _ in range(2):
        progress.done(Ended(3, None, DENIED))
    assert progress.known_error(3) is None
    progress.done(Ended(3, None, DENIED))
    assert progress.known_error(3) is DENIED
    other = Progress(pulls, pull, [*WANTED, Wanted(GERMANY, "CUP")], lambda: 0.0)
    for _ in range(3):
        other.done(Ended(0, None, DENIED))
    assert (other.known_error(0), other.known_error(4)) == (DENIED, None)


def test_a_seller_who_is_not_authorized_ends_the_pull(pulls: Pulls, pull: Pull) -> None:
    refused = AuthorizationError("LWA", status=400, error="invalid_grant", message="no", action="ask")
    progress = Progress(pulls, pull, WANTED, lambda: 0.0)
    with pytest.raises(AuthorizationError):
        progress.done(Ended(0, None, refused))
    assert progress.counts == Counts()
    assert pulls.issues("p1") == []


def test_a_pull_that_was_stopped_meanwhile(pulls: Pulls, pull: Pull) -> None:
    progress = Progress(pulls, pull, WANTED, lambda: 0.0)
    pulls.stop(pull)
    with pytest.raises(PullStoppedError, match=r"^pull p1 was stopped or deleted$"):
        progress.record()


def run(pulls: Pulls, pull: Pull, world: World) -> Step:
    unused: Any = None
    return fetch_definitions(pulls, pull, unused, unused, world.announcements, 0.0)


def test_a_pull_that_is_not_fetching(pulls: Pulls, pull: Pull, world: World) -> None:
    assert run(pulls, replace(pull, status=PullStatus.FINISHED), world) == Step(done=True)
    with pytest.raises(PullStoppedError, match=r"^pull p1 was stopped$"):
        run(pulls, replace(pull, status=PullStatus.STOPPED), world)


@pytest.mark.parametrize(
    ("keywords", "words"),
    [
        (
            [],
            "SP-API lists no product types of this marketplace: no definitions were fetched, and none were marked as "
            "removed",
        ),
        (
            ["cup", "hat"],
            "SP-API lists no product types of this marketplace for the keywords cup, hat: no definitions were fetched, "
            "and none were marked as removed",
        ),
    ],
)
def test_a_marketplace_without_product_types(keywords: list[str], words: str) -> None:
    assert _nothing_listed(FRANCE, keywords) == Issue(
        IssueKind.NOTHING_LISTED, Wanted(FRANCE, ""), "NothingListed", words
    )


def test_the_end_of_a_pull_is_an_event_with_its_counts(pulls: Pulls, pull: Pull, world: World) -> None:
    """And with the marketplaces that SP-API refused as a whole."""
    for wanted in (Wanted(GERMANY, ""), Wanted(FRANCE, "CUP")):
        pulls.add_issue(pull, Issue(IssueKind.FAILED, wanted, "Unauthorized", "no"))
    pulls.add_issue(pull, _nothing_listed(FRANCE, []))
    counts = Counts(cursor=9, stored=1, changed=2, unchanged=3, failed=4, substituted=5, removed=6)
    finish(pulls, pull, counts, world.announcements, NOW)
    ((kind, detail),) = world.bus.details
    assert kind == "Product Type Pull Finished"
    assert json.loads(detail) == {
        "pullId": "p1",
        "sellerId": "A1",
        "regionCode": "EU",
        "marketplaceIds": [FRANCE, GERMANY],
        "requested": 9,
        "stored": 1,
        "changed": 2,
        "unchanged": 3,
        "substituted": 5,
        "failed": 4,
        "removed": 6,
        "failedMarketplaceIds": [GERMANY],
    }
    found = find_pull(pulls, "p1")
    assert (found.status, found.counts, found.finished_time) == (PullStatus.FINISHED, counts, NOW.isoformat())
