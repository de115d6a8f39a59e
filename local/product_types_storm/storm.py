"""Pulls product types of several marketplaces through SP-API's quota, while calls fail and the function is killed."""

import heapq
import itertools
import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Self

from orders_storm.amazon import CLIENT_ID
from orders_storm.simulated_time import SimulatedTime
from product_types_storm.amazon import DEFINITION, Amazon
from product_types_storm.cloud import Bucket, DynamoDB, EventBus, InternalServerError, Trouble
from quickstart.dynamodb import Table
from quickstart.product_types.changes import CHANGED, Announcements
from quickstart.product_types.fetching import PULL_FINISHED, Fetch, Step, fetch_definitions, find_pull, list_types
from quickstart.product_types.paced_run import Ended
from quickstart.product_types.pulls import Counts, Pull, Pulls, PullStatus, Selection
from quickstart.product_types.reading import SchemaStorage
from quickstart.times import to_text
from sp_api.caller import Caller
from sp_api.deadline import Deadline
from sp_api.errors import SellingPartnerApiError, TransientError
from sp_api.product_types import RATE_OF_ACCOUNT
from sp_api.regions import Region
from sp_api_simulator.state import Authorization, Seller

SELLER = "A3TH9S8BH6GOGM"
MARKETPLACES = ("A13V1IB3VIYZZH", "A1PA6795UKMFR9", "A1RKKUPIHCS9HS")
_BEGIN = datetime(2026, 11, 26, 2, tzinfo=UTC)
# Of the template: how long the function runs, and what it leaves for its end.
_FUNCTION_SECONDS, _RESERVE_SECONDS = 900, 90
_START_SECONDS = 1.0
# The first wait of the state machine's retries.
_RETRY_SECONDS = 2.0


class FunctionKilledError(Exception):
    """The function's process died."""


@dataclass(frozen=True)
class Storm:
    """What is pulled, and what goes wrong: shares of calls, and how often the function is killed."""

    types: int = 2000
    marketplaces: int = 3
    throttled: float = 0.005
    failing: float = 0.005
    broken: float = 0.005
    aws_failing: float = 0.0001
    kills: int = 5
    seed: int = 1

    @property
    def definitions(self) -> int:
        return self.types * self.marketplaces

    @property
    def quota_seconds(self) -> float:
        """The least time that SP-API's quota allows for one call for each definition."""
        return self.definitions / RATE_OF_ACCOUNT


@dataclass(frozen=True)
class PullResult:
    """How a pull ended. `puts` has how often it stored each content, `changes` counts the different ones announced."""

    counts: Counts
    seconds: float
    invocations: int
    kills: int
    aws_failures: int
    answers: Counter[tuple[str, int]]
    puts: Counter[str]
    changes: int
    finished_events: int


@dataclass
class Workers:
    """Runs a call when it is submitted, and returns its result some time later on the simulated clock."""

    time: SimulatedTime
    chance: random.Random
    call: Callable[[int], Fetch]
    kill_at: list[float]
    _ended: list[tuple[float, int, Ended[Fetch] | BaseException]] = field(default_factory=list)
    _numbers: "itertools.count[int]" = field(default_factory=itertools.count)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """A function that ends waits for its calls; one that is killed does not."""

    def now(self) -> float:
        return self.time.now().timestamp()

    def submit(self, index: int) -> None:
        ended: Ended[Fetch] | BaseException
        try:
            ended = Ended(index, self.call(index))
        except SellingPartnerApiError as error:
            ended = Ended(index, None, error)
        except InternalServerError as error:
            ended = error
        # Most calls take half a second, some several.
        seconds = self.chance.lognormvariate(-0.7, 0.5)
        heapq.heappush(self._ended, (self.now() + seconds, next(self._numbers), ended))

    def wait(self, seconds: float) -> list[Ended[Fetch]]:
        until = self.now() + max(seconds, 0.001)
        if self._ended:
            until = min(until, max(self._ended[0][0], self.now()))
        if self.kill_at and self.kill_at[0] <= until:
            self.time.run_until(datetime.fromtimestamp(max(self.kill_at.pop(0), self.now()), UTC))
            raise FunctionKilledError
        self.time.run_until(datetime.fromtimestamp(until, UTC))
        found = []
        while self._ended and self._ended[0][0] <= until:
            ended = heapq.heappop(self._ended)[2]
            if isinstance(ended, BaseException):
                raise ended
            found.append(ended)
        return found


class World:
    """The stack, and Amazon."""

    def __init__(self, storm: Storm) -> None:
        self.storm = storm
        self.chance = random.Random(storm.seed)  # noqa: S311 - the same storm each time
        self.time = SimulatedTime(_BEGIN)
        self.trouble = Trouble(self.chance, storm.aws_failing)
        self.amazon = Amazon(
            self.time, self.chance, failing=storm.failing, throttled=storm.throttled, broken=storm.broken
        )
        state = self.amazon.state
        state.sellers[SELLER] = Seller(SELLER, "account", vendor=False, regions=self.amazon.regions())
        state.authorizations[f"Atzr|{SELLER}"] = Authorization(CLIENT_ID, SELLER)
        state.product_types.generated = storm.types
        self.api = self.amazon.api()
        client: Any = DynamoDB(self.trouble)
        self.bucket = Bucket(self.trouble)
        self.bus = EventBus(self.trouble)
        s3: Any = self.bucket
        self.pulls = Pulls(SchemaStorage(Table(client, "product-types"), s3, "bucket"))

    def pull(self, pull_id: str, kills: int) -> PullResult:
        """Pulls every generated type of the marketplaces to the end, as the state machine does."""
        events: Any = self.bus
        announcements = Announcements(events, "bus")
        selection = Selection(SELLER, Region.EU, MARKETPLACES[: self.storm.marketplaces], keywords=("generated",))
        pull = Pull(pull_id, selection, PullStatus.LISTING, to_text(self.time.now()), Counts())
        assert self.pulls.create(pull)
        begun, puts, events_before = self.time.now(), Counter(self.bucket.puts), len(self.bus.details)
        answers, failures = Counter(self.amazon.answers), self.trouble.count
        expected = self.storm.quota_seconds
        kill_at = sorted(begun.timestamp() + self.chance.uniform(0, expected) for _ in range(kills))
        self._repeat(lambda: list_types(self.pulls, pull, self._seller))
        invocations = 0

        def run() -> Step:
            nonlocal invocations
            invocations += 1
            self.time.run_until(self.time.now() + timedelta(seconds=_START_SECONDS))
            stop_at = self.time.now().timestamp() + _FUNCTION_SECONDS - _RESERVE_SECONDS
            return fetch_definitions(
                self.pulls,
                find_pull(self.pulls, pull_id),
                lambda call: Workers(self.time, self.chance, call, kill_at),
                self._seller,
                announcements,
                stop_at,
            )

        while not (step := self._repeat(run)).done:
            self.time.run_until(self.time.now() + timedelta(seconds=step.wait_seconds))
        announced = self.bus.details[events_before:]
        return PullResult(
            counts=find_pull(self.pulls, pull_id).counts,
            seconds=(self.time.now() - begun).total_seconds(),
            invocations=invocations,
            kills=kills - len(kill_at),
            aws_failures=self.trouble.count - failures,
            answers=self.amazon.answers - answers,
            puts=Counter(
                {
                    key: count - puts[key]
                    for key, count in self.bucket.puts.items()
                    if key.startswith("contents/") and count > puts[key]
                }
            ),
            changes=len({detail for kind, detail in announced if kind == CHANGED}),
            finished_events=sum(kind == PULL_FINISHED for kind, _ in announced),
        )

    def change_one_in_a_hundred(self) -> None:
        """The next version: one generated type of a hundred has one more value."""
        self.amazon.state.product_types.latest_version += 1

    def contents(self) -> int:
        """How many different contents are stored."""
        return len([key for key in self.bucket.objects if key.startswith("contents/")])

    def _seller(self) -> Caller:
        deadline = Deadline.after(60)
        return self.api.for_seller(SELLER, Region.EU, lambda *, fresh: f"Atzr|{SELLER}", deadline)  # noqa: ARG005

    def _repeat(self, action: Callable[[], Any]) -> Any:
        """Retries as the state machine does; the first wait is the only one that counts here."""
        while True:
            try:
                return action()
            except (FunctionKilledError, InternalServerError, TransientError):
                self.time.run_until(self.time.now() + timedelta(seconds=_RETRY_SECONDS))


@dataclass(frozen=True)
class Result:
    """A first pull, and a refresh after one in a hundred types has changed."""

    storm: Storm
    first: PullResult
    refresh: PullResult
    contents: int

    @property
    def faults(self) -> list[str]:
        """Everything that is wrong, as text. Empty if nothing is."""
        storm, first, refresh = self.storm, self.first, self.refresh
        expected_changes = storm.definitions // 100
        checks = [
            ("definitions finished", first.counts.cursor, storm.definitions),
            ("definitions that failed", first.counts.failed, 0),
            ("definitions stored", first.counts.stored, storm.definitions),
            # Every schema is other than the others; the meta-schema is one more.
            ("contents stored", len(first.puts), storm.definitions + 1),
            ("contents stored twice", sum(count > 1 for count in first.puts.values()), 0),
            ("definitions that changed", refresh.counts.changed, expected_changes),
            ("definitions unchanged", refresh.counts.unchanged, storm.definitions - expected_changes),
            ("contents stored by the refresh", len(refresh.puts), expected_changes),
            ("different changes announced", refresh.changes, expected_changes),
        ]
        wrong = [f"{what}: {found:,} instead of {expected:,}" for what, found, expected in checks if found != expected]
        for name, pull in (("pull", first), ("refresh", refresh)):
            if pull.seconds > 1.1 * storm.quota_seconds:
                wrong.append(
                    f"the {name} took {pull.seconds:,.0f} s; the quota allows it in {storm.quota_seconds:,.0f} s"
                )
        return wrong


def run(storm: Storm) -> Result:
    """The whole storm."""
    world = World(storm)
    first = world.pull("first", storm.kills)
    world.change_one_in_a_hundred()
    refresh = world.pull("refresh", storm.kills)
    return Result(storm, first, refresh, world.contents())


def text(result: Result) -> str:
    """A Markdown table."""
    rows = ["| | pull | daily refresh, 1 % changed |", "|---|--:|--:|"]
    pulls = (result.first, result.refresh)
    facts: list[tuple[str, Callable[[PullResult], str]]] = [
        ("definitions", lambda pull: f"{pull.counts.cursor:,}"),
        ("stored as new", lambda pull: f"{pull.counts.stored:,}"),
        ("changed", lambda pull: f"{pull.counts.changed:,}"),
        ("failed", lambda pull: f"{pull.counts.failed:,}"),
        ("contents stored, each once", lambda pull: f"{len(pull.puts):,}"),
        ("different changes announced", lambda pull: f"{pull.changes:,}"),
        ("calls of getDefinitionsProductType", lambda pull: f"{_calls(pull):,}"),
        ("of these answered with 429", lambda pull: f"{pull.answers[DEFINITION, 429]:,}"),
        ("AWS calls that failed", lambda pull: f"{pull.aws_failures:,}"),
        ("function killed", lambda pull: f"{pull.kills:,}"),
        ("invocations", lambda pull: f"{pull.invocations:,}"),
        ("time", lambda pull: f"{pull.seconds:,.0f} s"),
        ("time that the quota allows", lambda _: f"{result.storm.quota_seconds:,.0f} s"),
        ("ratio", lambda pull: f"{pull.seconds / result.storm.quota_seconds:.3f}"),
    ]
    rows += [f"| {what} | {' | '.join(fact(pull) for pull in pulls)} |" for what, fact in facts]
    return "\n".join(rows)


def _calls(pull: PullResult) -> int:
    return sum(count for (operation, _), count in pull.answers.items() if operation == DEFINITION)
