"""Starting, showing, resuming and ending pulls when something is in between, and the daily refresh."""

import random
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from product_types_storm.cloud import Bucket, DynamoDB, Trouble
from quickstart.dynamodb import Table
from quickstart.product_types.pulls import Counts, Issue, IssueKind, Pull, Pulls, PullStatus, Selection, Wanted
from quickstart.product_types.reading import SchemaStorage
from quickstart.product_types.refresh import Refreshed, refresh_all
from quickstart.product_types.requests import (
    Machine,
    PullRequest,
    PullRunsError,
    PullTokenReusedError,
    PullUnknownError,
    end_pull,
    read_pull_request,
    resume_pull,
    show_pull,
    start_pull,
)
from quickstart.refusals import InvalidRequestError
from quickstart.token_vault import SellerUnknownError
from quickstart.validation import Fields
from sp_api.regions import Region
from tests.unit.quickstart.support import Aws, AwsError

FRANCE = "A13V1IB3VIYZZH"
NOW = datetime(2026, 11, 26, 4, tzinfo=UTC)
SELECTION = Selection("A1", Region.EU, (FRANCE,), ("LUGGAGE",))
MACHINE_ARN = "arn:aws:states:eu-west-1:111122223333:stateMachine:ProductTypePull-1"
EXECUTION_ARN = "arn:aws:states:eu-west-1:111122223333:execution:ProductTypePull-1:"
STARTED = {"executionArn": "arn", "startDate": NOW}


def known(*_: object) -> None:
    """Every selling partner is known."""


def unknown(seller_id: str, region: Region) -> None:
    raise SellerUnknownError(seller_id, region)


def failing(code: str) -> Callable[[Any], Any]:
    def answer(_: Any) -> Any:
        raise AwsError(code)

    return answer


class World:
    def __init__(self) -> None:
        trouble = Trouble(random.Random(1))
        self.aws = Aws(StartExecution=lambda _: STARTED)
        self.client = DynamoDB(trouble)
        self.pulls = Pulls(SchemaStorage(Table(self.client, "table"), Bucket(trouble), "bucket"))
        self.machine = Machine(self.aws.client("stepfunctions"), MACHINE_ARN)

    def started(self) -> list[tuple[str, str]]:
        return [(given["name"], given["input"]) for operation, given in self.aws.calls if operation == "StartExecution"]

    def execution(self, status: str, **more: str) -> None:
        self.aws.answers["DescribeExecution"] = lambda _: {"status": status, "startDate": NOW, **more}

    def pull(self, **changed: Any) -> Pull:
        pull = Pull("p1", SELECTION, PullStatus.FETCHING, "2026-11-26T04:00:00+00:00", Counts(), total=5)
        assert self.pulls.create(replace(pull, **changed))
        self.client.items["PULL#p1", "PULL"]["Total"] = {"N": "5"}
        return pull


@pytest.fixture
def world() -> World:
    return World()


def request(**changed: Any) -> PullRequest:
    return replace(PullRequest(SELECTION, refresh_daily=False, client_token="t"), **changed)


def test_a_repeat_starts_the_same_execution(world: World) -> None:
    first = start_pull(world.pulls, world.machine, request(), known, NOW)
    again = start_pull(world.pulls, world.machine, request(), known, NOW)
    assert first == again
    # Step Functions starts the second one only if the first was lost.
    assert len(set(world.started())) == 1
    world.aws.answers["StartExecution"] = failing("ExecutionAlreadyExists")
    assert start_pull(world.pulls, world.machine, request(), known, NOW) == first


def test_a_repeat_with_other_fields_is_refused(world: World) -> None:
    start_pull(world.pulls, world.machine, request(), known, NOW)
    for other in (
        request(selection=replace(SELECTION, product_types=("SHIRT",))),
        request(refresh_daily=True),
    ):
        with pytest.raises(PullTokenReusedError):
            start_pull(world.pulls, world.machine, other, known, NOW)


def test_without_a_token_each_request_is_a_pull(world: World) -> None:
    answers = [start_pull(world.pulls, world.machine, request(client_token=None), known, NOW) for _ in range(2)]
    assert answers[0] != answers[1]


def test_an_unknown_selling_partner_starts_nothing(world: World) -> None:
    with pytest.raises(SellerUnknownError):
        start_pull(world.pulls, world.machine, request(), unknown, NOW)
    assert world.client.items == {}


def test_a_pull_that_was_not_started_says_so_and_can_be_resumed(world: World) -> None:
    world.aws.answers["StartExecution"] = failing("ServiceUnavailable")
    with pytest.raises(Exception, match="ServiceUnavailable"):
        start_pull(world.pulls, world.machine, request(), known, NOW)
    ((pull_id,),) = {(collection.removeprefix("PULL#"),) for collection, _ in world.client.items}
    world.aws.answers["DescribeExecution"] = failing("ExecutionDoesNotExist")
    world.aws.answers["StartExecution"] = lambda _: STARTED
    assert resume_pull(world.pulls, world.machine, pull_id) == {"pullId": pull_id}
    assert world.started()[-1] == (pull_id, f'{{"PullId":"{pull_id}"}}')


def test_a_pull_that_was_stopped_before_it_started_is_resumed(world: World) -> None:
    """An execution of a pull that is STOPPED would fail at once."""
    world.pull(status=PullStatus.LISTING, total=None)
    del world.client.items["PULL#p1", "PULL"]["Total"]
    world.aws.answers |= {name: failing("ExecutionDoesNotExist") for name in ("DescribeExecution", "StopExecution")}
    end_pull(world.pulls, world.machine, "p1")
    resume_pull(world.pulls, world.machine, "p1")
    resumed = world.pulls.find("p1")
    assert resumed is not None
    assert (resumed.status, world.started()[-1][0]) == (PullStatus.LISTING, "p1-2")


@pytest.mark.parametrize("status", ["FAILED", "TIMED_OUT", "ABORTED"])
def test_an_ended_pull_is_resumed_by_a_new_execution(world: World, status: str) -> None:
    world.pull()
    world.execution(status)
    for number in (2, 3):
        resume_pull(world.pulls, world.machine, "p1")
        assert world.started()[-1][0] == f"p1-{number}"
    assert {given["executionArn"] for operation, given in world.aws.calls if operation == "DescribeExecution"} == {
        EXECUTION_ARN + "p1",
        EXECUTION_ARN + "p1-2",
    }


def test_a_running_or_finished_pull_is_not_resumed(world: World) -> None:
    world.pull()
    world.execution("RUNNING")
    with pytest.raises(PullRunsError, match="RUNNING"):
        resume_pull(world.pulls, world.machine, "p1")
    world.client.items["PULL#p1", "PULL"]["Status"] = {"S": "FINISHED"}
    with pytest.raises(PullRunsError, match="FINISHED"):
        resume_pull(world.pulls, world.machine, "p1")
    with pytest.raises(PullUnknownError):
        resume_pull(world.pulls, world.machine, "p2")


@pytest.mark.parametrize("code", [None, "ExecutionDoesNotExist", "ValidationException"])
def test_ending_a_pull_ends_its_refresh_also_when_nothing_runs(world: World, code: str | None) -> None:
    pull = world.pull()
    world.pulls.keep_fresh(pull)
    world.aws.answers["StopExecution"] = failing(code) if code else lambda _: {"stopDate": NOW}
    assert end_pull(world.pulls, world.machine, "p1") == {"pullId": "p1", "status": "SUCCESS"}
    assert not world.pulls.is_refreshed(SELECTION)
    found = world.pulls.find("p1")
    assert found is not None
    assert found.status is PullStatus.STOPPED


def test_what_aws_refuses_otherwise_is_an_error(world: World) -> None:
    world.pull()
    world.aws.answers["StopExecution"] = failing("AccessDeniedException")
    with pytest.raises(Exception, match="AccessDenied"):
        end_pull(world.pulls, world.machine, "p1")


def test_the_reason_of_a_failed_execution_is_shown(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    pull = world.pull()
    issue = Issue(IssueKind.FAILED, Wanted(FRANCE, "LUGGAGE"), "NOT_FOUND", "no such type")
    monkeypatch.setattr(Pulls, "issue_page", lambda *_: ([issue], "more"))
    world.execution("FAILED", error="AccessDeniedError", cause="the role is missing")
    shown = show_pull(world.pulls, world.machine, pull.pull_id, 10, None)
    assert (shown["status"], shown["error"], shown["cause"]) == ("FAILED", "AccessDeniedError", "the role is missing")
    assert shown["issues"] == [issue.described()]
    assert shown["nextToken"]


def test_a_refresh_starts_a_pull_a_day_for_each_selection(world: World) -> None:
    pull = world.pull()
    world.pulls.keep_fresh(pull)
    for moment in (NOW, NOW + timedelta(hours=1), NOW + timedelta(days=1)):
        assert refresh_all(world.pulls, world.machine, known, moment) == Refreshed(1, 0, 0)
    assert {name for name, _ in world.started()} == {"p1-20261126", "p1-20261127"}
    found = world.pulls.find("p1-20261126")
    assert found is not None
    assert (found.refresh_of, found.selection) == ("p1", SELECTION)


def test_a_removed_selling_partner_is_not_refreshed_any_more(world: World) -> None:
    world.pulls.keep_fresh(world.pull())
    assert refresh_all(world.pulls, world.machine, unknown, NOW) == Refreshed(0, 1, 0)
    assert refresh_all(world.pulls, world.machine, known, NOW) == Refreshed(0, 0, 0)
    assert world.started() == []


def test_a_damaged_refresh_does_not_keep_back_the_others(world: World) -> None:
    pull = world.pull()
    world.pulls.keep_fresh(pull)
    world.pulls.keep_fresh(replace(pull, selection=replace(SELECTION, seller_id="A2")))
    broken = next(key for key, item in world.client.items.items() if item.get("SellerId") == {"S": "A2"})
    world.client.items[broken]["RegionCode"] = {"S": "MARS"}
    assert refresh_all(world.pulls, world.machine, known, NOW) == Refreshed(1, 0, 1)


@pytest.mark.parametrize(
    ("fields", "field", "code"),
    [
        ({}, "ProductTypes", "Missing"),
        ({"ProductTypes": "A", "All": True}, "ProductTypes", "InvalidValue"),
        ({"Keywords": "a", "All": "true"}, "Keywords", "InvalidValue"),
        ({"ProductTypes": []}, "ProductTypes", "InvalidValue"),
        ({"ProductTypes": ["A"] * 1 + [f"T{number}" for number in range(2000)]}, "ProductTypes", "InvalidValue"),
        ({"ProductTypes": ["a/b"]}, "ProductTypes", "InvalidValue"),
        ({"Keywords": ["a,b"]}, "Keywords", "InvalidValue"),
        ({"All": 1}, "All", "InvalidType"),
        ({"All": True, "Locale": "xx_XX"}, "Locale", "InvalidValue"),
        ({"All": True, "ParentageLevel": "BOTH"}, "ParentageLevel", "InvalidValue"),
        ({"All": True, "MarketplaceIds": "ATVPDKIKX0DER"}, "MarketplaceIds", "InvalidValue"),
        ({"All": True, "Everything": True}, "Everything", "UnknownField"),
    ],
)
def test_a_wrong_field_is_named(fields: dict[str, Any], field: str, code: str) -> None:
    body = {"SellerId": "A1", "RegionCode": "EU", "MarketplaceIds": FRANCE, **fields}
    with pytest.raises(InvalidRequestError) as refused:
        read_pull_request(Fields(body))
    assert (field, code) in {(error.field, error.code) for error in refused.value.errors}


def test_a_request_in_full() -> None:
    body = {
        "SellerId": "A1",
        "RegionCode": "EU",
        "MarketplaceIds": [FRANCE, FRANCE],
        "Keywords": "sac, valise",
        "Requirements": "LISTING_OFFER_ONLY",
        "RequirementsEnforced": "NOT_ENFORCED",
        "Locale": "fr_FR",
        "ParentageLevel": "CHILD",
        "RefreshDaily": True,
        "ClientToken": "t",
    }
    read = read_pull_request(Fields(body))
    assert read.selection == Selection(
        "A1",
        Region.EU,
        (FRANCE,),
        keywords=("sac", "valise"),
        requirements="LISTING_OFFER_ONLY",
        enforced="NOT_ENFORCED",
        locale="fr_FR",
        parentage_level="CHILD",
    )
    assert (read.refresh_daily, read.client_token) == (True, "t")
