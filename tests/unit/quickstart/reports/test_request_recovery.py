"""Two and three concurrent requests under everything that can go wrong: none gets another's report, none makes two."""

import os
from collections.abc import Iterator

import pytest
import requests
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from tests.unit.quickstart.reports.report_world import SELLER_ID, Answer, World, running_simulator

US = {"MarketplaceIds": "ATVPDKIKX0DER"}
NOVEMBER = US | {"ReportDataStartTime": "2025-11-01T00:00:00Z", "ReportDataEndTime": "2025-11-08T00:00:00Z"}
# No two rows are the same request; the list of SP-API shows no difference between the first two, or the next two.
BODIES = (
    US,
    US | {"ReportOptions": {"custom": "true"}},
    NOVEMBER,
    NOVEMBER | {"ReportOptions": {"custom": "true"}},
    NOVEMBER | {"ReportDataEndTime": "2025-11-08T06:00:00Z"},
    US | {"ReportDataStartTime": "2025-11-01T00:00:00Z"},
    US | {"ReportDataStartTime": "2025-10-01T00:00:00Z"},
    US | {"MarketplaceIds": "A2EUQ1WTGCTBG2"},
)
FAULTS = (
    None,
    {"fault": "lose"},
    {"fault": "reset"},
    {"fault": "status", "status": 503},
    {"fault": "status", "status": 429},
    {"fault": "status", "status": 400},
    {"fault": "status", "status": 200, "body": "<html>", "contentType": "text/html"},
)
TOKENS = ("a", "b", "c")
EXAMPLES = int(os.environ.get("RECOVERY_EXAMPLES", "60"))
faults = st.sampled_from(FAULTS)
tokens = st.sampled_from(TOKENS)
deaths = st.sampled_from(["", "", "", "claimed", "before", "after"])
failures = st.lists(st.sampled_from([None, "before", "after"]), max_size=3)


@pytest.fixture(scope="module")
def simulator() -> Iterator[str]:
    with running_simulator() as url:
        yield url


@pytest.fixture
def world(simulator: str) -> World:
    return World(simulator, requests.Session())


class Requests(RuleBasedStateMachine):
    """What two or three requests of one seller and type do, in any order and inside each other."""

    url = ""
    session: requests.Session

    def __init__(self) -> None:
        super().__init__()
        self.world = World(self.url, self.session)
        self.bodies: dict[str, int] = {}
        self.acknowledged: dict[str, str] = {}
        self.final: set[str] = set()
        self.foreign = False

    @rule(
        token=tokens,
        body=st.integers(0, len(BODIES) - 1),
        fault=faults,
        killed=deaths,
        failed=failures,
        early=failures,
        other=st.one_of(st.none(), tokens),
        other_body=st.integers(0, len(BODIES) - 1),
        other_fault=faults,
        inside=st.sampled_from(["before", "after", "listing"]),
    )
    def send(
        self,
        token: str,
        body: int,
        fault: dict[str, object] | None,
        killed: str,
        failed: list[str | None],
        early: list[str | None],
        other: str | None,
        other_body: int,
        other_fault: dict[str, object] | None,
        inside: str,
    ) -> None:
        """One request; another one comes while it is at SP-API, or before it reads SP-API's list."""

        def meanwhile() -> None:
            if other is not None:
                self._post(other, other_body, fault=other_fault)

        during = {inside: meanwhile}
        self._post(token, body, fault=fault, killed=killed, failures=failed, early=early, **during)

    @rule(seconds=st.sampled_from([1, 31, 60, 96, 601]))
    def wait(self, seconds: int) -> None:
        self.world.pass_time(seconds)

    @rule(day=st.integers(1, 28))
    def another_program_requests_a_report(self, day: int) -> None:
        """For a period that none of the requests has: SP-API's list shows no other difference."""
        self.foreign = True
        day_of = f"2025-12-{day:02d}"
        self.world.made_by_another_program(dataStartTime=f"{day_of}T00:00:00Z", dataEndTime=f"{day_of}T12:00:00Z")

    def _post(self, token: str, body: int, **happens: object) -> Answer:
        body = self.bodies.setdefault(token, body)
        answer = self.world.post(token, BODIES[body], **happens)
        if answer.status == 200:
            assert answer.report_id in self.world.made.get(token, []), "another's report is acknowledged"
            assert self.acknowledged.setdefault(token, answer.report_id) == answer.report_id
            assert token not in self.final, "an answer called final was not"
        elif answer.status == 409 and answer.retry_after is None:
            self.final.add(token)
        return answer

    @invariant()
    def no_request_made_two_reports(self) -> None:
        assert all(len(made) <= 1 for made in self.world.made.values()), self.world.made

    @invariant()
    def own_reports_are_recognized(self) -> None:
        assert self.world.unrecognized() == set()

    def teardown(self) -> None:
        """By the documented rule, each request ends: with its report, or with a person's decision."""
        for token, body in self.bodies.items():
            for _ in range(30):
                answer = self._post(token, body)
                if answer.status == 200 or (answer.status == 409 and answer.retry_after is None):
                    break
                self.world.pass_time(answer.retry_after or 1)
            if answer.status == 200:
                assert (self.world.ledger.find(SELLER_ID, answer.report_id) or {})["ClientToken"] == token
            else:
                assert self.foreign, answer
        self.no_request_made_two_reports()


def test_no_answer_is_anothers_and_none_is_doubled(simulator: str) -> None:
    Requests.url, Requests.session = simulator, requests.Session()
    run_state_machine_as_test(
        Requests,
        settings=settings(
            max_examples=EXAMPLES, stateful_step_count=8, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )


def test_a_request_that_was_never_sent_does_not_wait_for_one_that_nobody_repeats(world: World) -> None:
    """The first one ended before it was recorded as open. The report of the second one exists; its answer was lost."""
    assert world.post("a", US, killed="claimed").status == 0
    world.pass_time(31)
    assert world.post("b", US, fault={"fault": "lose"}).status == 504
    waited = 0.0
    while (answer := world.post("a", US)).retry_after is not None and waited < 900:
        waited += answer.retry_after
        world.pass_time(answer.retry_after)
    assert (answer.status, world.made["a"]) == (200, [answer.report_id])
    (of_b,) = world.made["b"]
    assert world.post("b", US).report_id == of_b != answer.report_id


@pytest.mark.parametrize("answer", ["given", "lost"])
def test_a_report_that_another_request_creates_during_a_repeat_is_that_ones(world: World, answer: str) -> None:
    """The first copy ended before it was sent, so its repeat has no report; the list has the other request's."""
    fault = {"fault": "lose"} if answer == "lost" else None
    assert world.post("a", US, killed="claimed").status == 0
    world.pass_time(31)

    repeat = world.post("a", US, listing=lambda: world.post("b", US, fault=fault, failures=["before"] * 9))

    assert repeat.status == 409
    (report_id,) = world.made["b"]
    world.pass_time(601)
    assert world.post("b", US).report_id == report_id
