"""What a pull lists, fetches and counts, and which issues and events tell of it; the storm's tests kill it too."""

import json
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, Self

import pytest

from product_types_storm.cloud import EventBus, InternalServerError, Trouble
from quickstart.product_types.changes import Announcements
from quickstart.product_types.fetching import (
    DefinitionCalls,
    Fetch,
    Progress,
    PullStoppedError,
    PullUnknownError,
    Step,
    _nothing_listed,
    announce_removed,
    fetch_definitions,
    find_pull,
    finish,
    list_types,
)
from quickstart.product_types.paced_run import Ended
from quickstart.product_types.pulls import Counts, Issue, IssueKind, Pull, Pulls, PullStatus, Selection, Wanted
from quickstart.product_types.slots import Slots
from quickstart.product_types.store import Outcome
from sp_api.errors import (
    AccessDeniedError,
    AuthorizationError,
    NotFoundError,
    SellingPartnerApiError,
    TransientError,
)
from sp_api.regions import Region
from tests.unit.quickstart.product_types.support import UNITED_STATES
from tests.unit.quickstart.product_types.test_changes import FRANCE, NOTHING, NOW, World
from tests.unit.quickstart.product_types.test_store import META, PRODUCT_TYPES, SCHEMA, md5
from tests.unit.quickstart.product_types.test_store import World as Amazon
from tests.unit.sp_api.support import (
    SELLER_ID,
    TOKEN_PATH,
    Answer,
    ScriptedServer,
    answer_json,
    errors_json,
    seller_of,
    token_json,
)

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


class TestListing:
    """Which definitions a pull fetches."""

    MEXICO = "A1AM78C64UM0Y8"
    CANADA = "A2EUQ1WTGCTBG2"

    @staticmethod
    def listed(*names: str) -> Answer:
        types = [{"name": name, "displayName": name, "marketplaceIds": [UNITED_STATES]} for name in names]
        return answer_json({"productTypes": types, "productTypeVersion": "v1"})

    @pytest.fixture
    def ask(self, pulls: Pulls, server: ScriptedServer) -> Callable[..., list[Wanted]]:
        def ask(**selected: Any) -> list[Wanted]:
            selection = replace(Selection(SELLER_ID, Region.NA, (UNITED_STATES,)), **selected)
            pull = Pull("p1", selection, PullStatus.LISTING, "2026-11-26T04:00:00+00:00", Counts())
            assert pulls.create(pull)
            list_types(pulls, pull, lambda: seller_of(server))
            found = find_pull(pulls, "p1")
            wanted = pulls.wanted(pull)
            assert (found.status, found.total) == (PullStatus.FETCHING, len(wanted))
            return wanted

        return ask

    @staticmethod
    def queries(server: ScriptedServer) -> list[Mapping[str, str]]:
        return [request.query for request in server.received(PRODUCT_TYPES)]

    def test_every_type_of_each_marketplace_once(
        self,
        ask: Callable[..., list[Wanted]],
        pulls: Pulls,
        server: ScriptedServer,
        log_lines: Callable[[], list[dict[str, Any]]],
    ) -> None:
        server.answer("GET", PRODUCT_TYPES, self.listed("CUP", "HAT", "CUP"), self.listed(), self.listed("SHOE"))
        wanted = ask(marketplace_ids=(UNITED_STATES, self.MEXICO, self.CANADA), every_type=True)
        assert wanted == [Wanted(UNITED_STATES, "CUP"), Wanted(UNITED_STATES, "HAT"), Wanted(self.CANADA, "SHOE")]
        assert self.queries(server) == [
            {"marketplaceIds": marketplace_id} for marketplace_id in (UNITED_STATES, self.MEXICO, self.CANADA)
        ]
        assert pulls.issues("p1") == [_nothing_listed(self.MEXICO, [])]
        (line,) = log_lines()
        assert (line["message"], line["definitions"], line["pull_id"]) == ("product types listed", 3, "p1")

    @pytest.mark.parametrize(
        ("selected", "query"),
        [
            ({"keywords": ("cup", "hat")}, {"keywords": "cup,hat"}),
            ({"keywords": ("tasse",), "locale": "fr_CA"}, {"keywords": "tasse", "locale": "fr_CA"}),
        ],
    )
    def test_the_types_that_match_the_keywords_in_the_selections_language(
        self,
        ask: Callable[..., list[Wanted]],
        pulls: Pulls,
        server: ScriptedServer,
        selected: dict[str, Any],
        query: dict[str, str],
    ) -> None:
        server.answer("GET", PRODUCT_TYPES, self.listed())
        assert ask(**selected) == []
        assert self.queries(server) == [{"marketplaceIds": UNITED_STATES, **query}]
        assert pulls.issues("p1") == [_nothing_listed(UNITED_STATES, selected["keywords"])]

    def test_types_that_the_request_names_are_not_searched_for(
        self, ask: Callable[..., list[Wanted]], server: ScriptedServer
    ) -> None:
        wanted = ask(marketplace_ids=(self.CANADA, UNITED_STATES), product_types=("HAT", "CUP"))
        assert wanted == [Wanted(place, name) for place in (self.CANADA, UNITED_STATES) for name in ("HAT", "CUP")]
        assert server.calls == []

    @pytest.mark.parametrize(
        ("answer", "code"),
        [
            (errors_json(403, "Unauthorized", "no"), "Unauthorized"),
            (errors_json(400, "InvalidInput", "no"), "InvalidInput"),
            (errors_json(404, "NotFound", "no"), "NotFound"),
            (Answer(404), "NotFoundError"),
        ],
    )
    def test_a_marketplace_that_sp_api_refuses_is_an_issue(
        self, ask: Callable[..., list[Wanted]], pulls: Pulls, server: ScriptedServer, answer: Answer, code: str
    ) -> None:
        server.answer("GET", PRODUCT_TYPES, answer, self.listed("CUP"))
        assert ask(marketplace_ids=(self.MEXICO, UNITED_STATES)) == [Wanted(UNITED_STATES, "CUP")]
        (issue,) = pulls.issues("p1")
        assert (issue.kind, issue.wanted, issue.code) == (IssueKind.FAILED, Wanted(self.MEXICO, ""), code)
        assert issue.message.startswith(f"searchDefinitionsProductTypes: HTTP {answer.status}")

    def test_a_passing_failure_lists_nothing(self, pulls: Pulls, server: ScriptedServer) -> None:
        """The state machine repeats the step."""
        server.answer("GET", PRODUCT_TYPES, Answer(500))
        selection = Selection(SELLER_ID, Region.NA, (UNITED_STATES,), every_type=True)
        pull = Pull("p1", selection, PullStatus.LISTING, "2026-11-26T04:00:00+00:00", Counts())
        assert pulls.create(pull)
        with pytest.raises(TransientError):
            list_types(pulls, pull, lambda: seller_of(server))
        assert (find_pull(pulls, "p1").status, pulls.issues("p1")) == (PullStatus.LISTING, [])

    def test_a_list_is_made_once(self, pulls: Pulls, pull: Pull, server: ScriptedServer) -> None:
        list_types(pulls, pull, lambda: seller_of(server))
        assert server.calls == []


LUGGAGE = Wanted(UNITED_STATES, "LUGGAGE")
PULLED = "2026-11-26T04:00:00+00:00"


class Stack:
    """Pulls of LUGGAGE in the United States, from SP-API to the event bus."""

    def __init__(self, server: ScriptedServer) -> None:
        self.server = server
        self.amazon = Amazon(server)
        self.bus = EventBus(Trouble(random.Random(1)))
        events: Any = self.bus
        self.announcements = Announcements(events, "bus")
        self.pulls = Pulls(self.amazon.storage)
        self.pull = Pull(
            "p1", Selection(SELLER_ID, Region.NA, (UNITED_STATES,), ("LUGGAGE",)), PullStatus.FETCHING, PULLED, Counts()
        )
        self.key = self.pull.selection.key(LUGGAGE)

    def calls(self, wanted: list[Wanted], **changed: Any) -> DefinitionCalls:
        pull = replace(self.pull, **changed)
        return DefinitionCalls(
            self.pulls, pull, wanted, lambda: seller_of(self.server), self.announcements, lambda: NOW
        )

    def call(self, **changed: Any) -> Fetch:
        return self.calls([LUGGAGE], **changed)(0)

    @property
    def item(self) -> Mapping[str, Any]:
        found = self.amazon.storage.table.get(self.key.item)
        assert found is not None
        return found

    @property
    def events(self) -> list[tuple[str, dict[str, Any]]]:
        return [(kind, json.loads(detail)) for kind, detail in self.bus.details]

    @property
    def asked(self) -> list[str]:
        """The product types of which SP-API was asked for the definition."""
        return [call.path.rpartition("/")[2] for call in self.server.calls if call.path.startswith(PRODUCT_TYPES)]

    def lose_luggage(self) -> None:
        self.server.answer("GET", f"{PRODUCT_TYPES}/LUGGAGE", errors_json(404, "NotFound", "no such type"))


EVENT = {
    "productType": "LUGGAGE",
    "marketplaceId": UNITED_STATES,
    "regionCode": "NA",
    "requirements": "LISTING",
    "requirementsEnforced": "ENFORCED",
    "locale": "DEFAULT",
    "changedTime": "2026-11-26T04:00:00.000000+00:00",
}


@pytest.fixture
def stack(server: ScriptedServer) -> Stack:
    return Stack(server)


class TestOneDefinition:
    def test_a_new_one_is_stored_and_marked_as_done_by_the_pull(self, stack: Stack) -> None:
        assert stack.call() == Fetch(Outcome.STORED, "LUGGAGE")
        item = stack.item
        assert (item["PullId"], item["PullOutcome"], "Listed" in item) == ("p1", "STORED", False)
        assert stack.events == []

    def test_only_what_sp_api_has_listed_is_marked_as_listed(self, stack: Stack) -> None:
        stack.call(selection=replace(stack.pull.selection, product_types=(), every_type=True))
        assert stack.item["Listed"] == "Yes"

    def test_one_that_the_pull_has_stored_is_not_fetched_again(self, stack: Stack) -> None:
        stack.amazon.serve(SCHEMA, META, answered="PRODUCT")
        assert stack.call() == stack.call() == Fetch(Outcome.STORED, "PRODUCT")
        assert stack.asked == ["LUGGAGE"]
        assert stack.call(pull_id="p2") == Fetch(Outcome.UNCHANGED, "PRODUCT")
        assert stack.asked == ["LUGGAGE"] * 2
        assert stack.events == []

    def test_a_change_is_an_event_with_both_versions(self, stack: Stack) -> None:
        stack.call()
        stack.amazon.serve(b"{}", META, version="v2")
        assert stack.call(pull_id="p2") == Fetch(Outcome.CHANGED, "LUGGAGE")
        assert stack.item["PullOutcome"] == "CHANGED"
        versions = {
            "previousVersion": "v1",
            "version": "v2",
            "previousChecksum": md5(SCHEMA),
            "checksum": md5(b"{}"),
        }
        changed = {**EVENT, **versions, **NOTHING, "attributesRemoved": ["brand"]}
        assert stack.events == [("Product Type Definition Changed", changed)]

    def test_a_change_without_its_event_is_not_recorded(self, stack: Stack) -> None:
        stack.call()
        stack.amazon.serve(b"{}", META)
        stack.bus.trouble.share = 1.0
        with pytest.raises(InternalServerError):
            stack.call(pull_id="p2")
        assert (stack.item["Checksum"], stack.item["PullId"]) == (md5(SCHEMA), "p1")

    def test_a_new_one_in_a_refresh_is_an_event(self, stack: Stack) -> None:
        assert stack.call(refresh_of="p0") == Fetch(Outcome.STORED, "LUGGAGE")
        added = {**EVENT, "version": "v1", "checksum": md5(SCHEMA), **NOTHING, "productTypeAdded": True}
        assert stack.events == [("Product Type Definition Changed", added)]
        assert stack.call(refresh_of="p0", pull_id="p2") == Fetch(Outcome.UNCHANGED, "LUGGAGE")
        assert len(stack.events) == 1

    @pytest.mark.parametrize("refresh_of", [None, "p0"])
    def test_one_that_comes_back_is_an_event(self, stack: Stack, refresh_of: str | None) -> None:
        stack.call()
        stack.pulls.table.update(stack.key.item, {"RemovedTime": PULLED, "RemovedBy": "p0"})
        assert stack.call(pull_id="p2", refresh_of=refresh_of) == Fetch(Outcome.UNCHANGED, "LUGGAGE")
        ((_, event),) = stack.events
        assert (event["productTypeAdded"], event["checksum"]) == (True, md5(SCHEMA))
        assert not stack.item.keys() & {"RemovedTime", "RemovedBy"}

    def test_one_that_a_refresh_does_not_find_is_removed_and_stays_readable(self, stack: Stack) -> None:
        stack.call()
        stack.lose_luggage()
        for pull_id in ("p2", "p3"):
            with pytest.raises(NotFoundError):
                stack.call(pull_id=pull_id, refresh_of="p0")
        removed = {
            **EVENT,
            "previousVersion": "v1",
            "previousChecksum": md5(SCHEMA),
            **NOTHING,
            "productTypeRemoved": True,
        }
        assert stack.events == [("Product Type Definition Changed", removed)]
        assert (stack.item["RemovedTime"], stack.item["RemovedBy"]) == (NOW.isoformat(), "p2")
        assert stack.item["Checksum"] == md5(SCHEMA)

    def test_a_removal_without_its_event_is_not_recorded(self, stack: Stack) -> None:
        stack.call()
        stack.lose_luggage()
        stack.bus.trouble.share = 1.0
        with pytest.raises(InternalServerError):
            stack.call(pull_id="p2", refresh_of="p0")
        assert "RemovedTime" not in stack.item

    @pytest.mark.parametrize(("stored", "refresh_of"), [(True, None), (False, "p0"), (False, None)])
    def test_one_that_was_never_there_or_is_asked_for_by_name_is_not_removed(
        self, stack: Stack, refresh_of: str | None, *, stored: bool
    ) -> None:
        if stored:
            stack.call()
        stack.lose_luggage()
        with pytest.raises(NotFoundError):
            stack.call(pull_id="p2", refresh_of=refresh_of)
        assert stack.events == []
        assert stack.pulls.table.get(stack.key.item) is None or "RemovedTime" not in stack.item


class TestAfterAnInterruption:
    """What the run before has stored behind the recorded progress needs no call."""

    WANTED = tuple(Wanted(UNITED_STATES, f"T{number}") for number in range(100))

    @pytest.mark.parametrize(
        ("stored", "found"),
        [
            ((), ()),
            ((2,), ()),
            ((3, 5), (3, 5)),
            ((42,), (42,)),
            # Calls that were under way together are less than 40 apart.
            ((43,), ()),
            ((42, 81), (42, 81)),
            ((42, 82), (42,)),
            ((42, 81, 99), (42, 81, 99)),
        ],
    )
    def test_near_the_cursor(self, stack: Stack, stored: tuple[int, ...], found: tuple[int, ...]) -> None:
        for index in stored:
            self.store(stack, index)
        calls = stack.calls(list(self.WANTED), counts=Counts(cursor=3))
        assert calls.fetched_before() == {index: Fetch(Outcome.CHANGED, f"A{index}") for index in found}

    def test_what_another_pull_stored_is_left_out(self, stack: Stack) -> None:
        self.store(stack, 0, PullId="p0")
        assert stack.calls(list(self.WANTED)).fetched_before() == {}

    def store(self, stack: Stack, index: int, **changed: str) -> None:
        key = stack.pull.selection.key(self.WANTED[index])
        values = {"PullId": "p1", "PullOutcome": "CHANGED", "ProductType": f"A{index}", **changed}
        stack.pulls.table.put({**key.item, **values})


@dataclass
class Crew:
    """Makes each call when it is submitted, on a clock of its own."""

    call: Callable[[int], Fetch]
    time: float = 1_800_000_000.0
    _ended: list[Ended[Fetch]] = field(default_factory=list)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """No call is under way."""

    def now(self) -> float:
        return self.time

    def submit(self, index: int) -> None:
        try:
            self._ended.append(Ended(index, self.call(index)))
        except SellingPartnerApiError as error:
            self._ended.append(Ended(index, None, error))

    def wait(self, seconds: float) -> list[Ended[Fetch]]:
        ended, self._ended = self._ended, []
        if not ended:
            self.time += seconds
        return ended


class TestRun:
    """A pull of several product types, as the function makes it."""

    BEGIN = 1_800_000_000.0
    NAMES = ("CUP", "HAT", "LUGGAGE", "SHIRT", "SHOE")

    @pytest.fixture(autouse=True)
    def _types(self, stack: Stack) -> None:
        luggage = stack.server._answers["GET", f"{PRODUCT_TYPES}/LUGGAGE"][0]
        for name in self.NAMES:
            answer = Answer(200, luggage.body.replace(b"LUGGAGE", name.encode()), luggage.headers)
            stack.server.answer("GET", f"{PRODUCT_TYPES}/{name}", answer)

    def create(self, stack: Stack, *names: str, **changed: Any) -> None:
        listing = replace(stack.pull, status=PullStatus.LISTING, **changed)
        assert stack.pulls.create(listing)
        stack.pulls.listed(listing, [Wanted(UNITED_STATES, name) for name in names or self.NAMES])

    def run(self, stack: Stack, stop_at: float = BEGIN + 800) -> Step:
        pull = find_pull(stack.pulls, "p1")
        seller = lambda: seller_of(stack.server)  # noqa: E731
        return fetch_definitions(stack.pulls, pull, Crew, seller, stack.announcements, stop_at)

    def test_to_its_end(self, stack: Stack) -> None:
        self.create(stack)
        assert self.run(stack) == Step(done=True)
        found = find_pull(stack.pulls, "p1")
        assert (found.status, found.counts) == (PullStatus.FINISHED, Counts(cursor=5, stored=5))
        assert found.finished_time == datetime.fromtimestamp(self.BEGIN, UTC).isoformat()
        ((kind, event),) = stack.events
        assert (kind, event["stored"], event["removed"]) == ("Product Type Pull Finished", 5, 0)

    def test_its_time_is_over(self, stack: Stack) -> None:
        """The next run begins where this one ended."""
        self.create(stack)
        step = self.run(stack, stop_at=self.BEGIN + 0.3)
        assert step.to_workflow() == {"Done": False, "WaitSeconds": 0}
        found = find_pull(stack.pulls, "p1")
        assert (found.status, found.counts) == (PullStatus.FETCHING, Counts(cursor=2, stored=2))
        assert stack.events == []
        assert self.run(stack) == Step(done=True)
        assert stack.asked == list(self.NAMES)

    @pytest.mark.parametrize(("calls", "step"), [(100, Step(done=True)), (101, Step(done=False, wait_seconds=20))])
    def test_a_wait_of_more_than_twenty_seconds_is_the_state_machines(
        self, stack: Stack, calls: int, step: Step
    ) -> None:
        self.create(stack)
        Slots(stack.pulls.table, lambda: self.BEGIN).take(Region.NA, SELLER_ID, calls)
        assert self.run(stack) == step
        assert bool(stack.asked) == step.done

    def test_an_authorization_that_is_gone_keeps_the_progress(self, stack: Stack) -> None:
        self.create(stack)
        refused = answer_json({"error": "invalid_grant", "error_description": "no"}, 400)
        stack.server.answer("POST", TOKEN_PATH, token_json(), token_json(), refused)
        with pytest.raises(AuthorizationError):
            self.run(stack)
        found = find_pull(stack.pulls, "p1")
        assert (found.status, found.counts) == (PullStatus.FETCHING, Counts(cursor=2, stored=2))
        assert stack.pulls.issues("p1") == []

    def test_a_marketplace_that_refuses_is_asked_three_times(self, stack: Stack) -> None:
        self.create(stack)
        for name in self.NAMES:
            stack.server.answer("GET", f"{PRODUCT_TYPES}/{name}", errors_json(403, "Unauthorized", "no"))
        assert self.run(stack) == Step(done=True)
        assert stack.asked == ["CUP", "HAT", "LUGGAGE"]
        assert find_pull(stack.pulls, "p1").counts == Counts(cursor=5, failed=5)
        assert [issue.wanted.product_type for issue in stack.pulls.issues("p1")] == list(self.NAMES)

    def test_what_an_interrupted_run_stored_is_counted_without_a_call(self, stack: Stack) -> None:
        self.create(stack)
        key = stack.pull.selection.key(Wanted(UNITED_STATES, "HAT"))
        stack.pulls.table.put({**key.item, "PullId": "p1", "PullOutcome": "CHANGED", "ProductType": "HAT"})
        assert self.run(stack) == Step(done=True)
        assert stack.asked == ["CUP", "LUGGAGE", "SHIRT", "SHOE"]
        assert find_pull(stack.pulls, "p1").counts == Counts(cursor=5, stored=4, changed=1)

    @pytest.mark.parametrize(("every_type", "removed"), [(True, 1), (False, 0)])
    def test_only_a_pull_of_every_type_finds_those_that_are_gone(
        self, stack: Stack, *, every_type: bool, removed: int
    ) -> None:
        selection = replace(stack.pull.selection, product_types=(), every_type=every_type)
        self.create(stack, "CUP", selection=selection)
        gone = selection.key(Wanted(UNITED_STATES, "SOCK")).item
        stack.pulls.table.put({**gone, "Checksum": "c", "Listed": "Yes"})
        assert self.run(stack) == Step(done=True)
        assert find_pull(stack.pulls, "p1").counts == Counts(cursor=1, stored=1, removed=removed)
        assert [event.get("productType") for _, event in stack.events] == ["SOCK"] * removed + [None]
        item = stack.pulls.table.get(gone)
        assert item is not None
        assert item.get("RemovedBy") == ("p1" if removed else None)


def test_the_list_of_one_marketplace_says_nothing_about_another(pulls: Pulls, pull: Pull, world: World) -> None:
    """SP-API listed nothing of a third one, so nothing of it is removed."""
    spain = "A1RKKUPIHCS9HS"
    for marketplace_id in (FRANCE, GERMANY, spain):
        key = SELECTION.key(Wanted(marketplace_id, "HAT"))
        pulls.table.put({**key.item, "Version": "v1", "Checksum": "old", "Listed": "Yes"})
    wanted = [Wanted(FRANCE, "HAT"), Wanted(GERMANY, "CUP")]
    assert announce_removed(pulls, pull, wanted, world.announcements, NOW) == 1
    told = [json.loads(detail) for _, detail in world.bus.details]
    assert [(event["marketplaceId"], event["productType"]) for event in told] == [(GERMANY, "HAT")]


def test_a_removal_counts_for_the_pull_that_found_it(pulls: Pulls, pull: Pull, world: World) -> None:
    for name, by in (("CUP", "p1"), ("HAT", "p0")):
        item = SELECTION.key(Wanted(FRANCE, name)).item
        pulls.table.put({**item, "Listed": "Yes", "RemovedTime": PULLED, "RemovedBy": by})
    assert announce_removed(pulls, pull, [Wanted(FRANCE, "SHOE")], world.announcements, NOW) == 1
    assert world.bus.details == []


def test_an_end_without_its_event_is_not_recorded(pulls: Pulls, pull: Pull, world: World) -> None:
    world.bus.trouble.share = 1.0
    with pytest.raises(InternalServerError):
        finish(pulls, pull, Counts(cursor=1), world.announcements, NOW)
    assert find_pull(pulls, "p1").status is PullStatus.FETCHING


def test_the_end_of_a_pull_is_logged(
    pulls: Pulls, pull: Pull, world: World, log_lines: Callable[[], list[dict[str, Any]]]
) -> None:
    finish(pulls, pull, Counts(cursor=1, stored=1), world.announcements, NOW)
    (line,) = log_lines()
    ((_, detail),) = world.bus.details
    assert (line["message"], line["pull"]) == ("product types pulled", json.loads(detail))


def test_progress_is_recorded_five_seconds_after_the_last_time(pulls: Pulls, pull: Pull) -> None:
    now = [100.0]
    progress = Progress(pulls, pull, WANTED, lambda: now[0])
    recorded = []
    for index, seconds in enumerate((5.0, 9.9, 10.0, 10.1)):
        now[0] = 100.0 + seconds
        progress.done(ended(index))
        recorded.append(find_pull(pulls, "p1").counts.cursor)
    assert recorded == [1, 1, 3, 3]


def test_progress_that_did_not_change_is_not_recorded(pulls: Pulls, pull: Pull) -> None:
    """The first of the list is still under way."""
    now = [100.0]
    progress = Progress(pulls, pull, WANTED, lambda: now[0])
    pulls.stop(pull)
    now[0] += 60
    progress.done(ended(1))
    with pytest.raises(PullStoppedError):
        progress.done(ended(0))


def test_an_error_without_a_code_is_an_issue_with_its_kind(pulls: Pulls, pull: Pull) -> None:
    Progress(pulls, pull, WANTED, lambda: 0.0).done(Ended(1, None, DENIED))
    assert pulls.issues("p1") == [Issue(IssueKind.FAILED, WANTED[1], "AccessDeniedError", str(DENIED))]
