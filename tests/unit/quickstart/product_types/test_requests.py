"""Starting, showing, resuming and ending pulls when something is in between, and the daily refresh."""

import random
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from product_types_storm.cloud import Bucket, Trouble
from quickstart.dynamodb import Table
from quickstart.paging import read_token, token
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
    read_pull_id,
    read_pull_request,
    read_show_request,
    resume_pull,
    show_pull,
    start_pull,
)
from quickstart.refusals import InvalidRequestError
from quickstart.token_vault import SellerUnknownError
from quickstart.validation import Fields
from sp_api.regions import Region
from tests.unit.quickstart.product_types.support import PagedDynamoDB
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
        self.client, self.bucket = PagedDynamoDB(trouble), Bucket(trouble)
        self.pulls = Pulls(SchemaStorage(Table(self.client, "table"), self.bucket, "bucket"))
        self.machine = Machine(self.aws.client("stepfunctions"), MACHINE_ARN)

    def started(self) -> list[tuple[str, str]]:
        return [(given["name"], given["input"]) for operation, given in self.aws.calls if operation == "StartExecution"]

    def execution(self, status: str, **more: str) -> None:
        self.aws.answers["DescribeExecution"] = lambda _: {"status": status, "startDate": NOW, **more}

    def pull(self, **changed: Any) -> Pull:
        fetching = Pull("p1", SELECTION, PullStatus.FETCHING, "2026-11-26T04:00:00+00:00", Counts(), total=5)
        pull = replace(fetching, **changed)
        assert self.pulls.create(pull)
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


def test_a_new_pull_is_recorded_for_ninety_days_and_started(world: World) -> None:
    before = datetime.now(UTC)
    answer = start_pull(world.pulls, world.machine, request(refresh_daily=True), known, NOW)
    pull_id = str(answer["pullId"])
    assert answer == {"pullId": pull_id}
    created = Pull(pull_id, SELECTION, PullStatus.LISTING, NOW.isoformat(), Counts(), refresh_daily=True)
    assert world.pulls.find(pull_id) == created
    expires = int(world.client.items[f"PULL#{pull_id}", "PULL"]["ExpiresAt"]["N"])
    assert timedelta(seconds=-1) <= datetime.fromtimestamp(expires, UTC) - before - timedelta(days=90)
    assert datetime.fromtimestamp(expires, UTC) - timedelta(days=90) <= datetime.now(UTC)
    assert world.pulls.is_refreshed(SELECTION)
    ((operation, given),) = world.aws.calls
    assert operation == "StartExecution"
    assert given == {"stateMachineArn": MACHINE_ARN, "name": pull_id, "input": f'{{"PullId":"{pull_id}"}}'}


def test_a_pull_is_repeated_every_day_only_if_the_request_says_so(world: World) -> None:
    start_pull(world.pulls, world.machine, request(), known, NOW)
    assert not world.pulls.is_refreshed(SELECTION)


def test_a_repeat_does_not_start_a_pull_that_was_resumed(world: World) -> None:
    start_pull(world.pulls, world.machine, request(), known, NOW)
    ((pull_id, _),) = world.started()
    pull = world.pulls.find(pull_id)
    assert pull is not None
    world.pulls.restarted(pull)
    assert start_pull(world.pulls, world.machine, request(), known, NOW) == {"pullId": pull_id}
    assert len(world.started()) == 1


def test_a_repeat_of_a_request_whose_record_disappears_is_refused(world: World) -> None:
    """Between the two readings it expired: the token has been used."""
    start_pull(world.pulls, world.machine, request(), known, NOW)
    world.client.get_item = lambda **_: {}  # type: ignore[method-assign]
    with pytest.raises(PullTokenReusedError):
        start_pull(world.pulls, world.machine, request(), known, NOW)


def test_a_token_belongs_to_one_selling_partner_in_one_region(world: World) -> None:
    asked: list[tuple[str, Region]] = []
    selections = [
        SELECTION,
        replace(SELECTION, seller_id="A2"),
        replace(SELECTION, region=Region.NA),
    ]
    answers = [
        start_pull(world.pulls, world.machine, request(selection=one), lambda *given: asked.append(given), NOW)
        for one in selections
    ]
    assert len({str(answer) for answer in answers}) == 3
    assert asked == [("A1", Region.EU), ("A2", Region.EU), ("A1", Region.NA)]


def test_a_selection_is_the_same_in_any_order_and_in_every_version() -> None:
    """Its digest is the key of the stored daily refreshes."""
    listed = replace(SELECTION, marketplace_ids=("B", "A"), product_types=("D", "C"), keywords=("F", "E"))
    turned = replace(SELECTION, marketplace_ids=("A", "B"), product_types=("C", "D"), keywords=("E", "F"))
    assert listed.digest == turned.digest != SELECTION.digest
    assert SELECTION.digest == "a8ef20b933d9d0ac3be806b4e5b88dda"


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


@pytest.mark.parametrize(
    ("recorded", "execution"),
    [
        (PullStatus.FETCHING, "RUNNING"),
        (PullStatus.LISTING, "PENDING_REDRIVE"),
        (PullStatus.STOPPED, "RUNNING"),
        (PullStatus.FINISHED, None),
    ],
)
def test_a_running_or_finished_pull_is_not_resumed(world: World, recorded: PullStatus, execution: str | None) -> None:
    world.pull(status=recorded)
    if execution:
        world.execution(execution)
    with pytest.raises(PullRunsError) as refused:
        resume_pull(world.pulls, world.machine, "p1")
    assert str(refused.value) == str(PullRunsError("p1", execution or "FINISHED"))
    assert world.started() == []
    with pytest.raises(PullUnknownError):
        resume_pull(world.pulls, world.machine, "p2")


def test_a_pull_that_another_request_resumes_meanwhile_is_running(world: World) -> None:
    pull = world.pull()

    def resumed_meanwhile(_: Any) -> Any:
        world.pulls.restarted(pull)
        return {"status": "FAILED", "startDate": NOW}

    world.aws.answers["DescribeExecution"] = resumed_meanwhile
    with pytest.raises(PullRunsError) as refused:
        resume_pull(world.pulls, world.machine, "p1")
    assert str(refused.value) == str(PullRunsError("p1", "RUNNING"))
    assert world.started() == []


@pytest.mark.parametrize(("total", "status"), [(5, PullStatus.FETCHING), (None, PullStatus.LISTING)])
def test_a_stopped_pull_goes_on_with_what_it_was_doing(world: World, total: int | None, status: PullStatus) -> None:
    world.pull(status=PullStatus.STOPPED)
    if total is None:
        del world.client.items["PULL#p1", "PULL"]["Total"]
    world.execution("ABORTED")
    resume_pull(world.pulls, world.machine, "p1")
    resumed = world.pulls.find("p1")
    assert resumed is not None
    assert (resumed.status, resumed.executions, world.started()[-1][0]) == (status, 2, "p1-2")


def test_ending_a_pull_is_recorded_before_its_execution_is_stopped(world: World) -> None:
    """A function that still runs sees it, and the next day starts no pull."""
    pull = world.pull()
    world.pulls.keep_fresh(pull)
    seen: list[object] = []

    def stop(given: Any) -> Any:
        found = world.pulls.find("p1")
        assert found is not None
        seen.append((found.status, world.pulls.is_refreshed(SELECTION), dict(given)))
        return {"stopDate": NOW}

    world.aws.answers["StopExecution"] = stop
    end_pull(world.pulls, world.machine, "p1")
    asked = {"executionArn": EXECUTION_ARN + "p1", "cause": "DELETE /product-types/pulls/{pullId}"}
    assert seen == [(PullStatus.STOPPED, False, asked)]


def test_a_finished_pull_stays_finished_when_it_is_ended(world: World) -> None:
    world.pull(status=PullStatus.FINISHED)
    world.aws.answers["StopExecution"] = failing("ValidationException")
    end_pull(world.pulls, world.machine, "p1")
    found = world.pulls.find("p1")
    assert found is not None
    assert found.status is PullStatus.FINISHED


def test_a_list_that_was_not_stored_is_made_again(world: World) -> None:
    """The pull does not begin to fetch."""
    pull = world.pull(status=PullStatus.LISTING)
    world.bucket.trouble.share = 1.0
    with pytest.raises(Exception, match="InternalServerError"):
        world.pulls.listed(pull, [Wanted(FRANCE, "CUP")])
    found = world.pulls.find("p1")
    assert found is not None
    assert found.status is PullStatus.LISTING


def test_an_issue_is_kept_for_ninety_days(world: World) -> None:
    before = int((datetime.now(UTC) + timedelta(days=90)).timestamp())
    world.pulls.add_issue(world.pull(), Issue(IssueKind.FAILED, Wanted(FRANCE, ""), "Unauthorized", "no"))
    expires = int(world.client.items["ISSUES#p1", f"{FRANCE}#"]["ExpiresAt"]["N"])
    assert before <= expires <= (datetime.now(UTC) + timedelta(days=90)).timestamp()
    (issue,) = world.pulls.issues("p1")
    assert issue == Issue(IssueKind.FAILED, Wanted(FRANCE, ""), "Unauthorized", "no")


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


ANSWER = {
    "pullId": "p1",
    "status": "FETCHING",
    "sellerId": "A1",
    "regionCode": "EU",
    "marketplaceIds": [FRANCE],
    "requirements": "LISTING",
    "requirementsEnforced": "ENFORCED",
    "locale": "DEFAULT",
    "createdTime": "2026-11-26T04:00:00+00:00",
    "refreshedDaily": False,
    "progress": {
        "finished": 0,
        "stored": 0,
        "changed": 0,
        "unchanged": 0,
        "substituted": 0,
        "failed": 0,
        "removed": 0,
        "total": 5,
    },
    "issues": [],
}


def test_the_progress_of_a_pull(world: World) -> None:
    world.pull()
    world.execution("RUNNING")
    assert show_pull(world.pulls, world.machine, "p1", 10, None) == ANSWER


def test_a_pull_that_has_not_listed_its_types_has_no_total(world: World) -> None:
    world.pull(status=PullStatus.LISTING)
    del world.client.items["PULL#p1", "PULL"]["Total"]
    world.execution("RUNNING")
    shown = show_pull(world.pulls, world.machine, "p1", 10, None)
    progress: Any = ANSWER["progress"]
    listing = {name: count for name, count in progress.items() if name != "total"}
    assert shown == {**ANSWER, "status": "LISTING", "progress": listing}


def test_a_finished_refresh_of_a_special_selection(world: World) -> None:
    """Step Functions is not asked for an execution that has ended."""
    selection = Selection(
        "A1", Region.EU, (FRANCE,), ("LUGGAGE",), (), False, "LISTING_OFFER_ONLY", "NOT_ENFORCED", "fr_FR", "CHILD"
    )
    pull = world.pull(selection=selection, refresh_of="p0")
    world.pulls.keep_fresh(pull)
    counts = Counts(cursor=21, stored=1, changed=2, unchanged=3, failed=4, substituted=5, removed=6)
    world.pulls.finish(pull, counts, NOW)
    assert show_pull(world.pulls, world.machine, "p1", 10, None) == {
        **ANSWER,
        "status": "FINISHED",
        "requirements": "LISTING_OFFER_ONLY",
        "requirementsEnforced": "NOT_ENFORCED",
        "locale": "fr_FR",
        "refreshedDaily": True,
        "progress": {
            "finished": 21,
            "stored": 1,
            "changed": 2,
            "unchanged": 3,
            "substituted": 5,
            "failed": 4,
            "removed": 6,
            "total": 5,
        },
        "parentageLevel": "CHILD",
        "finishedTime": NOW.isoformat(),
        "refreshOf": "p0",
    }
    assert world.aws.calls == []


def test_the_reason_of_a_failed_execution_and_its_issues_page_by_page(world: World) -> None:
    pull = world.pull()
    issues = [Issue(IssueKind.FAILED, Wanted(FRANCE, name), "NOT_FOUND", "no such type") for name in ("CUP", "HAT")]
    for issue in issues:
        world.pulls.add_issue(pull, issue)
    world.execution("FAILED", error="AccessDeniedError", cause="the role is missing")
    failed = {**ANSWER, "status": "FAILED", "error": "AccessDeniedError", "cause": "the role is missing"}
    position = {"Entry": f"{FRANCE}#CUP"}
    first = show_pull(world.pulls, world.machine, pull.pull_id, 1, None)
    assert first == {**failed, "issues": [issues[0].described()], "nextToken": token(position)}
    assert read_token(str(first["nextToken"]), ("Entry",)) == position
    second = show_pull(world.pulls, world.machine, pull.pull_id, 1, position["Entry"])
    assert second == {**failed, "issues": [issues[1].described()]}
    with pytest.raises(PullUnknownError):
        show_pull(world.pulls, world.machine, "p2", 1, None)


@pytest.mark.parametrize(
    ("recorded", "execution", "shown"),
    [
        *((PullStatus.FETCHING, status, "FETCHING") for status in ("RUNNING", "SUCCEEDED", "PENDING_REDRIVE")),
        *((PullStatus.LISTING, status, status) for status in ("FAILED", "TIMED_OUT", "ABORTED")),
        (PullStatus.STOPPED, "ABORTED", "STOPPED"),
        (PullStatus.STOPPED, "RUNNING", "STOPPED"),
    ],
)
def test_the_status_is_the_executions_when_it_ended_early(
    world: World, recorded: PullStatus, execution: str, shown: str
) -> None:
    world.pull(status=recorded)
    world.execution(execution)
    assert show_pull(world.pulls, world.machine, "p1", 10, None)["status"] == shown


def test_a_pull_without_an_execution_is_not_started(world: World) -> None:
    world.pull()
    world.aws.answers["DescribeExecution"] = failing("ExecutionDoesNotExist")
    assert show_pull(world.pulls, world.machine, "p1", 10, None) == {**ANSWER, "status": "NOT_STARTED"}


def test_a_refresh_starts_a_pull_a_day_for_each_selection(world: World) -> None:
    pull = world.pull()
    world.pulls.keep_fresh(pull)
    for moment in (NOW, NOW + timedelta(hours=1), NOW + timedelta(days=1)):
        assert refresh_all(world.pulls, world.machine, known, moment) == Refreshed(1, 0, 0)
    assert {name for name, _ in world.started()} == {"p1-20261126", "p1-20261127"}
    found = world.pulls.find("p1-20261126")
    assert found is not None
    assert (found.refresh_of, found.selection) == ("p1", SELECTION)


def test_a_refresh_is_recorded_before_it_is_started(world: World) -> None:
    """The execution looks for the record at once."""
    world.pulls.keep_fresh(world.pull())
    found: list[Pull | None] = []

    def start(given: Any) -> Any:
        found.append(world.pulls.find(given["name"]))
        return STARTED

    world.aws.answers["StartExecution"] = start
    refresh_all(world.pulls, world.machine, known, NOW)
    assert found == [
        Pull("p1-20261126", SELECTION, PullStatus.LISTING, NOW.isoformat(), Counts(), refresh_of="p1"),
    ]


def keep_fresh(world: World, *seller_ids: str) -> None:
    pull = world.pull()
    for seller_id in seller_ids:
        one = replace(pull, pull_id=f"of-{seller_id}", selection=replace(SELECTION, seller_id=seller_id))
        world.pulls.keep_fresh(one)


def test_removed_selling_partners_are_not_refreshed_any_more(
    world: World, log_lines: Callable[[], list[dict[str, Any]]]
) -> None:
    keep_fresh(world, "A1", "A2", "A3", "A4")

    def require(seller_id: str, region: Region) -> None:
        if seller_id in ("A1", "A2"):
            raise SellerUnknownError(seller_id, region)

    assert refresh_all(world.pulls, world.machine, require, NOW) == Refreshed(2, 2, 0)
    assert {name for name, _ in world.started()} == {"of-A3-20261126", "of-A4-20261126"}
    warned = [(line["level"], line["message"], line["seller_id"]) for line in log_lines()]
    words = "daily refresh ended: the selling partner is unknown"
    assert sorted(warned) == [("WARNING", words, "A1"), ("WARNING", words, "A2")]
    assert refresh_all(world.pulls, world.machine, known, NOW) == Refreshed(2, 0, 0)


def test_damaged_refreshes_do_not_keep_back_the_others(
    world: World, log_lines: Callable[[], list[dict[str, Any]]]
) -> None:
    keep_fresh(world, "A1", "A2", "A3")
    for item in world.client.items.values():
        if item.get("SellerId") in ({"S": "A2"}, {"S": "A3"}) and item["Collection"] == {"S": "REFRESHES"}:
            item["RegionCode"] = {"S": "MARS"}
    found = refresh_all(world.pulls, world.machine, known, NOW)
    assert found.described() == {"started": 1, "ended": 0, "damaged": 2}
    damaged = replace(SELECTION, seller_id="A2").digest
    lines = [(line["level"], line["message"], line["reason"]) for line in log_lines()]
    assert len(lines) == 2
    assert (
        "ERROR",
        "a daily refresh cannot be read",
        f"the stored item REFRESHES {damaged} cannot be read (ValueError): restore it from a backup of the table, or "
        "delete it",
    ) in lines


@pytest.mark.parametrize(
    ("fields", "field", "code"),
    [
        ({}, "ProductTypes", "Missing"),
        ({"ProductTypes": "A", "All": True}, "ProductTypes", "InvalidValue"),
        ({"Keywords": "a", "All": "true"}, "Keywords", "InvalidValue"),
        ({"ProductTypes": []}, "ProductTypes", "InvalidValue"),
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


BODY = {"SellerId": "A1", "RegionCode": "EU", "MarketplaceIds": FRANCE}


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({}, "ProductTypes is missing: give exactly one of ProductTypes, Keywords and All"),
        ({"All": False}, "ProductTypes is missing: give exactly one of ProductTypes, Keywords and All"),
        (
            {"Keywords": "a", "All": "true"},
            "Keywords and All cannot be combined: give exactly one of ProductTypes, Keywords and All",
        ),
        (
            {"ProductTypes": "A", "Keywords": "a", "All": True},
            "ProductTypes and Keywords and All cannot be combined: give exactly one of ProductTypes, Keywords and All",
        ),
        (
            {"ProductTypes": [f"T{number}" for number in range(2001)]},
            "ProductTypes must contain 1 to 2000 product types, such as LUGGAGE: a list, or a comma-separated string",
        ),
        (
            {"Keywords": [f"word{number}" for number in range(21)]},
            "Keywords must contain 1 to 20 keywords of at most 100 characters: a list, or a comma-separated string",
        ),
        (
            {"Keywords": ["x" * 101]},
            "Keywords must contain 1 to 20 keywords of at most 100 characters: a list, or a comma-separated string",
        ),
        (
            {"ProductTypes": ["X" * 129]},
            "ProductTypes must contain 1 to 2000 product types, such as LUGGAGE: a list, or a comma-separated string",
        ),
    ],
)
def test_a_wrong_selection_in_words(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidRequestError) as refused:
        read_pull_request(Fields({**BODY, **fields}))
    assert [error.message for error in refused.value.errors] == [message]


@pytest.mark.parametrize(
    ("fields", "selection"),
    [
        ({"All": True}, {"every_type": True}),
        ({"All": "true"}, {"every_type": True}),
        ({"Keywords": "sac", "All": False}, {"keywords": ("sac",)}),
        ({"Keywords": "sac", "All": "false"}, {"keywords": ("sac",)}),
        ({"ProductTypes": None, "Keywords": ["x" * 100]}, {"keywords": ("x" * 100,)}),
        ({"Keywords": [f"w{n}" for n in range(20)]}, {"keywords": tuple(f"w{n}" for n in range(20))}),
        ({"ProductTypes": ["X" * 128]}, {"product_types": ("X" * 128,)}),
        (
            {"ProductTypes": [f"T{n}" for n in range(2000)]},
            {"product_types": tuple(f"T{n}" for n in range(2000))},
        ),
    ],
)
def test_a_selection_without_a_variant_has_sp_apis_defaults(fields: dict[str, Any], selection: dict[str, Any]) -> None:
    read = read_pull_request(Fields({**BODY, **fields}))
    chosen = Selection("A1", Region.EU, (FRANCE,), **selection)
    assert read == PullRequest(
        replace(chosen, requirements="LISTING", enforced="ENFORCED", locale="DEFAULT", parentage_level=None),
        refresh_daily=False,
        client_token=None,
    )


def test_the_fields_of_a_pull_are_explained() -> None:
    """As the API reference has them."""
    fields = Fields({**BODY, "All": True})
    read_pull_request(fields)
    rules = {field.name: (field.required, field.rule) for field in fields.described}
    assert {name: rules[name] for name in ("All", "RefreshDaily", "Requirements", "ParentageLevel")} == {
        "All": (False, "true for every product type of the marketplaces; false by default"),
        "RefreshDaily": (False, "true to fetch the same definitions again every day; false by default"),
        "Requirements": (False, "one of LISTING, LISTING_PRODUCT_ONLY, LISTING_OFFER_ONLY"),
        "ParentageLevel": (False, "one of NONE, CHILD, PARENT"),
    }


@pytest.mark.parametrize("pull_id", ["a" * 16, "0123456789abcdef" * 2, "a" * 16 + "-20261126", "0" * 32 + "-20261126"])
def test_the_id_of_a_pull_or_of_its_daily_refresh(pull_id: str) -> None:
    assert read_pull_id(Fields({"PullId": pull_id})) == pull_id
    assert read_show_request(Fields({"PullId": pull_id})) == (pull_id, 50, None)


@pytest.mark.parametrize("pull_id", ["a" * 15, "a" * 33, "A" * 16, "a" * 16 + "-2026112", "a" * 33 + "-20261126", ""])
def test_what_is_no_id_of_a_pull(pull_id: str) -> None:
    for read in (read_pull_id, read_show_request):
        with pytest.raises(InvalidRequestError) as refused:
            read(Fields({"PullId": pull_id}))
        assert [error.field for error in refused.value.errors] == ["PullId"]


def test_a_page_of_issues() -> None:
    given = {"PullId": "a" * 16, "Limit": "200", "NextToken": token({"Entry": f"{FRANCE}#CUP"})}
    assert read_show_request(Fields(given)) == ("a" * 16, 200, f"{FRANCE}#CUP")
    for wrong in ({"Limit": "201"}, {"NextToken": token({"Other": "x"})}, {"Surplus": "1"}):
        with pytest.raises(InvalidRequestError) as refused:
            read_show_request(Fields({**given, **wrong}))
        assert [error.field for error in refused.value.errors] == list(wrong)


@pytest.mark.parametrize("field", ["Limit", "Surplus"])
def test_a_pull_is_ended_by_its_id_alone(field: str) -> None:
    with pytest.raises(InvalidRequestError) as refused:
        read_pull_id(Fields({"PullId": "a" * 16, field: "1"}))
    assert [error.field for error in refused.value.errors] == [field]
