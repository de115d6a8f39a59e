"""The steps of the state machine product-type-pull: lists the types of a pull, and fetches their definitions."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from quickstart.dynamodb import Item
from quickstart.invocation import ExpectedError
from quickstart.observability import logger
from quickstart.product_types.changes import Announcements, Presence, announce, announce_presence
from quickstart.product_types.paced_run import Ended, PacedRun, Workers
from quickstart.product_types.pulls import Counts, Issue, IssueKind, Pull, Pulls, PullStatus, Wanted
from quickstart.product_types.reading import SchemaKey
from quickstart.product_types.slots import Slot, Slots
from quickstart.product_types.store import Outcome, fetch, record
from quickstart.times import to_text
from sp_api.errors import (
    AccessDeniedError,
    AuthorizationError,
    InvalidInputError,
    NotFoundError,
    SellingPartnerApiError,
)
from sp_api.product_types import search_definitions_product_types

if TYPE_CHECKING:
    from sp_api.caller import Caller

PULL_FINISHED = "Product Type Pull Finished"
# The account's next free call is this far away: the state machine waits, not the function.
LONGEST_IDLE_SECONDS = 20.0
# How often progress is recorded.
_PROGRESS_SECONDS = 5.0
# Calls that were under way when a run was interrupted are at most so far apart, unless a call was put off.
_LONGEST_GAP = 40
# SP-API refused the marketplace this often in a row, and would refuse its other types too.
_REFUSALS = 3


class PullUnknownError(ExpectedError):
    """The table has no such pull: it was deleted, or the execution was started by hand."""


class PullStoppedError(ExpectedError):
    """The pull was stopped or deleted while it was running."""


@dataclass(frozen=True)
class Fetch:
    """The result for one definition. `answered` is the product type that SP-API returned."""

    outcome: Outcome
    answered: str


@dataclass(frozen=True)
class Step:
    """What the state machine does next: nothing, or another step after `wait_seconds`."""

    done: bool
    wait_seconds: int = 0

    def to_workflow(self) -> Mapping[str, object]:
        """{Done, WaitSeconds}."""
        return {"Done": self.done, "WaitSeconds": self.wait_seconds}


def find_pull(pulls: Pulls, pull_id: str) -> Pull:
    """The pull of an execution. Raises PullUnknownError."""
    pull = pulls.find(pull_id)
    if pull is None:
        raise PullUnknownError(f"there is no pull {pull_id}")
    return pull


def list_types(pulls: Pulls, pull: Pull, seller: Callable[[], "Caller"]) -> None:
    """Stores the list of definitions to fetch. A marketplace that SP-API refuses becomes an issue of the pull.

    Raises what `sp_api` raises for passing failures.
    """
    if pull.status is not PullStatus.LISTING:
        return
    selection = pull.selection
    wanted: list[Wanted] = []
    for marketplace_id in selection.marketplace_ids:
        names: Sequence[str] = selection.product_types
        if not names:
            locale = "" if selection.locale == "DEFAULT" else selection.locale
            try:
                found = search_definitions_product_types(seller(), marketplace_id, selection.keywords, locale=locale)
            except (AccessDeniedError, InvalidInputError, NotFoundError) as error:
                pulls.add_issue(pull, _failed(Wanted(marketplace_id, ""), error))
                continue
            names = [product_type.name for product_type in found.product_types]
            if not names:
                pulls.add_issue(pull, _nothing_listed(marketplace_id, selection.keywords))
        wanted += [Wanted(marketplace_id, name) for name in dict.fromkeys(names)]
    pulls.listed(pull, wanted)
    logger().info("product types listed", definitions=len(wanted), pull_id=pull.pull_id)


@dataclass
class DefinitionCalls:
    """Fetches the definitions of a pull one by one, from several threads.

    `seller` creates a caller with a deadline of its own.
    """

    pulls: Pulls
    pull: Pull
    wanted: Sequence[Wanted]
    seller: Callable[[], "Caller"]
    announcements: Announcements
    now: Callable[[], datetime] = lambda: datetime.now(UTC)

    def __call__(self, index: int) -> Fetch:
        """Fetches and stores one definition, announces its change, and marks it as done by this pull.

        A definition that this pull has stored before is not fetched again. Raises what `store.fetch` raises.
        """
        key = self.pull.selection.key(self.wanted[index])
        storage = self.pulls.storage
        previous = storage.table.get(key.item)
        before = self._fetch_of(previous)
        if before is not None:
            return before
        try:
            fetched = fetch(storage, self.seller(), key, previous)
        except NotFoundError:
            if self.pull.refresh_of and previous is not None and "RemovedTime" not in previous:
                remove(self.pulls, self.pull, key, previous, self.announcements, self.now())
            raise
        if fetched.outcome is Outcome.CHANGED:
            announce(storage, self.announcements, fetched, self.now())
        # In the first pull of a selection, every type is new.
        if "RemovedTime" in previous if previous is not None else self.pull.refresh_of:
            versions = {"Version": fetched.definition.version.version, "Checksum": fetched.checksum}
            added, pull_time = Presence.ADDED, self.pull.created_time
            announce_presence(storage, self.announcements, key, added, versions, pull_time, self.now())
        more = {"PullId": self.pull.pull_id, "PullOutcome": str(fetched.outcome)}
        if self.pull.selection.every_type:
            # Only what SP-API has listed can be missing from its list later.
            more["Listed"] = "Yes"
        record(storage, fetched, self.now(), **more)
        return Fetch(fetched.outcome, fetched.definition.product_type)

    def fetched_before(self) -> dict[int, Fetch]:
        """The definitions behind the pull's cursor that an interrupted run has stored, so that they need no call.

        They are few and near the cursor; after a gap of _LONGEST_GAP, there are no more.
        """
        found: dict[int, Fetch] = {}
        index = last = self.pull.counts.cursor
        while index < len(self.wanted) and index - last < _LONGEST_GAP:
            key = self.pull.selection.key(self.wanted[index])
            fetch_before = self._fetch_of(self.pulls.table.get(key.item))
            if fetch_before is not None:
                found[index], last = fetch_before, index
            index += 1
        return found

    def _fetch_of(self, item: Item | None) -> Fetch | None:
        if item is None or item.get("PullId") != self.pull.pull_id:
            return None
        return Fetch(Outcome(item["PullOutcome"]), str(item["ProductType"]))


@dataclass
class Progress:
    """Counts how definitions end, and records how many of the list's first ones have ended.

    Only these are counted: after an interruption the next run begins behind them.
    """

    pulls: Pulls
    pull: Pull
    wanted: Sequence[Wanted]
    now: Callable[[], float]
    counts: Counts = field(init=False)
    _ended: dict[int, Ended[Fetch]] = field(default_factory=dict)
    _recorded: float = field(init=False)
    _known_issues: frozenset[Wanted] = field(init=False)
    _refusals: dict[str, int] = field(default_factory=dict)
    _refused: dict[str, AccessDeniedError] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.counts = self.pull.counts
        self._recorded = self.now()
        self._known_issues = frozenset(issue.wanted for issue in self.pulls.issues(self.pull.pull_id))

    def known_error(self, index: int) -> SellingPartnerApiError | None:
        """The error of a type in a marketplace that SP-API refuses to this account."""
        return self._refused.get(self.wanted[index].marketplace_id)

    def done(self, ended: Ended[Fetch]) -> None:
        """One definition has ended. Raises AuthorizationError, which all other calls would get too."""
        if isinstance(ended.error, AuthorizationError):
            raise ended.error
        wanted = self.wanted[ended.index]
        self._watch_refusals(wanted, ended.error)
        self._record_issue(wanted, ended)
        self._ended[ended.index] = ended
        before = self.counts
        for first in self._in_order():
            self.counts = _counted(self.counts, self.wanted[first.index], first)
        if self.counts != before and self.now() - self._recorded >= _PROGRESS_SECONDS:
            self.record()

    def record(self) -> None:
        """Records the counts. Raises PullStoppedError."""
        if not self.pulls.progress(self.pull, self.counts):
            raise PullStoppedError(f"pull {self.pull.pull_id} was stopped or deleted")
        self._recorded = self.now()

    def _in_order(self) -> Iterator[Ended[Fetch]]:
        while self.counts.cursor in self._ended:
            yield self._ended.pop(self.counts.cursor)

    def _record_issue(self, wanted: Wanted, ended: Ended[Fetch]) -> None:
        issue = _issue(wanted, ended)
        if issue is not None:
            self.pulls.add_issue(self.pull, issue)
        elif wanted in self._known_issues:
            self.pulls.remove_issue(self.pull, wanted)

    def _watch_refusals(self, wanted: Wanted, error: SellingPartnerApiError | None) -> None:
        marketplace_id = wanted.marketplace_id
        if not isinstance(error, AccessDeniedError):
            self._refusals.pop(marketplace_id, None)
            return
        self._refusals[marketplace_id] = self._refusals.get(marketplace_id, 0) + 1
        if self._refusals[marketplace_id] >= _REFUSALS:
            self._refused[marketplace_id] = error


def fetch_definitions(
    pulls: Pulls,
    pull: Pull,
    workers: Callable[[Callable[[int], Fetch]], AbstractContextManager[Workers[Fetch]]],
    seller: Callable[[], "Caller"],
    announcements: Announcements,
    stop_at: float,
) -> Step:
    """Fetches definitions until `stop_at` (seconds since 1970), from where the pull's record says.

    `workers` runs the calls. Raises PullStoppedError and what `PacedRun` raises; what was finished until then stays
    finished.
    """
    if pull.status is PullStatus.FINISHED:
        return Step(done=True)
    if pull.status is PullStatus.STOPPED:
        raise PullStoppedError(f"pull {pull.pull_id} was stopped")
    wanted = pulls.wanted(pull)
    selection = pull.selection
    calls = DefinitionCalls(pulls, pull, wanted, seller, announcements)
    with workers(calls) as crew:
        slots = Slots(pulls.table, crew.now)
        idle = slots.next_start(selection.region, selection.seller_id) - crew.now()
        if idle > LONGEST_IDLE_SECONDS:
            return Step(done=False, wait_seconds=int(idle))

        def take_slot(calls: int) -> Slot:
            return slots.take(selection.region, selection.seller_id, calls)

        progress = Progress(pulls, pull, wanted, crew.now)
        before = calls.fetched_before()

        def known(index: int) -> Ended[Fetch] | None:
            if index in before:
                return Ended(index, before[index])
            error = progress.known_error(index)
            return None if error is None else Ended(index, None, error)

        run = PacedRun(pull.counts.cursor, len(wanted), crew, take_slot, progress.done, stop_at, known)
        try:
            complete = run.run()
        except SellingPartnerApiError:
            progress.record()
            raise
        progress.record()
        if not complete:
            return Step(done=False)
        now = datetime.fromtimestamp(crew.now(), UTC)
        removed = announce_removed(pulls, pull, wanted, announcements, now) if selection.every_type else 0
        finish(pulls, pull, replace(progress.counts, removed=removed), announcements, now)
    return Step(done=True)


def announce_removed(
    pulls: Pulls, pull: Pull, wanted: Sequence[Wanted], announcements: Announcements, now: datetime
) -> int:
    """Announces each stored type that SP-API's list of all types no longer has; returns how many. Can be repeated.

    A marketplace of which SP-API listed nothing is left out: its list is an issue of the pull.
    """
    removed = 0
    for marketplace_id in dict.fromkeys(entry.marketplace_id for entry in wanted):
        listed = {entry.product_type for entry in wanted if entry.marketplace_id == marketplace_id}
        collection = pull.selection.key(Wanted(marketplace_id, "")).collection
        for item in pulls.table.each("Collection", collection):
            if item["Entry"] in listed or "Listed" not in item:
                continue
            if "RemovedTime" not in item:
                key = pull.selection.key(Wanted(marketplace_id, str(item["Entry"])))
                remove(pulls, pull, key, item, announcements, now)
            elif item.get("RemovedBy") != pull.pull_id:
                continue
            removed += 1
    return removed


def remove(pulls: Pulls, pull: Pull, key: SchemaKey, item: Item, announcements: Announcements, now: datetime) -> None:
    """Announces that SP-API no longer has a stored product type, and marks it. Its definition stays readable."""
    versions = {"PreviousVersion": item.get("Version"), "PreviousChecksum": item.get("Checksum")}
    gone, pull_time = Presence.REMOVED, pull.created_time
    announce_presence(pulls.storage, announcements, key, gone, versions, pull_time, now)
    pulls.table.update(key.item, {"RemovedTime": to_text(now), "RemovedBy": pull.pull_id})


def finish(pulls: Pulls, pull: Pull, counts: Counts, announcements: Announcements, now: datetime) -> None:
    """Announces the end of the pull, and records it. A repeat after a crash in between announces it again."""
    detail = {
        "pullId": pull.pull_id,
        "sellerId": pull.selection.seller_id,
        "regionCode": str(pull.selection.region),
        "marketplaceIds": list(pull.selection.marketplace_ids),
        "requested": counts.cursor,
        "stored": counts.stored,
        "changed": counts.changed,
        "unchanged": counts.unchanged,
        "substituted": counts.substituted,
        "failed": counts.failed,
        "removed": counts.removed,
        "failedMarketplaceIds": [
            issue.wanted.marketplace_id
            for issue in pulls.issues(pull.pull_id)
            if not issue.wanted.product_type and issue.kind is IssueKind.FAILED
        ],
    }
    announcements.put(PULL_FINISHED, detail)
    pulls.finish(pull, counts, now)
    logger().info("product types pulled", extra={"pull": detail})


def _counted(counts: Counts, wanted: Wanted, ended: Ended[Fetch]) -> Counts:
    result = ended.result
    counts = replace(counts, cursor=counts.cursor + 1)
    if result is None:
        return replace(counts, failed=counts.failed + 1)
    name = str(result.outcome).lower()
    counts = replace(counts, **{name: getattr(counts, name) + 1})
    substituted = result.answered != wanted.product_type
    return replace(counts, substituted=counts.substituted + substituted)


def _issue(wanted: Wanted, ended: Ended[Fetch]) -> Issue | None:
    if ended.error is not None:
        return _failed(wanted, ended.error)
    result = ended.result
    if result is None or result.answered == wanted.product_type:
        return None
    return Issue(
        IssueKind.SUBSTITUTED,
        wanted,
        "ProductTypeSubstituted",
        f"SP-API answered with the definition of {result.answered}: the marketplace does not support "
        f"{wanted.product_type}",
        result.answered,
    )


def _nothing_listed(marketplace_id: str, keywords: Sequence[str]) -> Issue:
    about = f" for the keywords {', '.join(keywords)}" if keywords else ""
    return Issue(
        IssueKind.NOTHING_LISTED,
        Wanted(marketplace_id, ""),
        "NothingListed",
        f"SP-API lists no product types of this marketplace{about}: no definitions were fetched, and none were marked "
        "as removed",
    )


def _failed(wanted: Wanted, error: SellingPartnerApiError) -> Issue:
    return Issue(IssueKind.FAILED, wanted, error.code or type(error).__name__, str(error))
