"""Submissions for one SKU: sent one after the other, replaced by later ones, followed until their outcome is known."""

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

from quickstart.announcing import EventNotPutError
from quickstart.dynamodb import ItemContestedError
from quickstart.listings.following import CHECK, END, Follower, wake
from quickstart.listings.lanes import Lanes, Machine
from quickstart.listings.ledger import MOST_REMEMBERED, LaneFullError, ListingLedger
from quickstart.listings.outcomes import Announcer
from quickstart.listings.records import ListingOf, Operation, Party, Payload, Record, Status
from quickstart.listings.sending import Sender
from quickstart.token_vault import SellerUnknownError
from sp_api.caller import Caller
from sp_api.errors import TransientError
from sp_api.regions import Region
from tests.unit.quickstart.support import Aws, AwsError, MemoryTable
from tests.unit.sp_api.support import TOKEN_PATH, Answer, ScriptedServer, answer_json, errors_json, seller_of

FRANCE = "A13V1IB3VIYZZH"
LISTING = ListingOf("A1", Region.EU, FRANCE, "CUP", "A1")
PUT = Payload(Operation.PUT, "LUGGAGE", "LISTING", {"color": [{"value": "blue"}]})
PATH = "/eu/listings/2021-08-01/items/A1/CUP"
NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)
ACCEPTED: Mapping[str, Any] = {"sku": "CUP", "status": "ACCEPTED", "submissionId": "amazon-1", "issues": []}
ISSUE: Mapping[str, Any] = {"code": "90220", "message": "color is missing", "severity": "ERROR", "categories": []}


class World:
    """The table, EventBridge and Step Functions in memory; SP-API over HTTP."""

    def __init__(self, server: ScriptedServer) -> None:
        self.server = server
        self.started: list[str] = []
        self.events: list[str] = []
        self.woken: list[tuple[str, str]] = []
        self.steps: list[str] = []
        self.without_token = False
        self.aws = Aws(
            StartExecution=self._start,
            PutEvents=self._put,
            SendTaskSuccess=self._wake,
        )
        self.table = MemoryTable(self.aws, "SubmissionId", "SellerId")
        self.ledger = ListingLedger(self.table.table, timedelta(days=30), lambda: NOW, lambda _: None)
        self.announcer = Announcer(self.ledger, self.aws.client("events"), "bus")
        states = self.aws.client("stepfunctions")
        self.lanes = Lanes(self.ledger, Machine(states, "arn:aws:states:eu-west-1:1:stateMachine:m"), self.announcer)
        self.sender = Sender(self.ledger, self.lanes, self.announcer, self.seller)
        self.follower = Follower(self.ledger, self.announcer, self.seller, states, 24)

    def seller(self, seller_id: str, region: Region) -> Caller:
        if self.without_token:
            raise SellerUnknownError(seller_id, str(region))
        return seller_of(self.server, region=region)

    def _start(self, given: Mapping[str, Any]) -> Mapping[str, Any]:
        self.started.append(given["name"])
        return {"executionArn": "arn", "startDate": NOW}

    def _put(self, given: Mapping[str, Any]) -> Mapping[str, Any]:
        (entry,) = given["Entries"]
        self.events.append(entry["Detail"])
        return {"FailedEntryCount": 0, "Entries": [{"EventId": "e"}]}

    def _wake(self, given: Mapping[str, Any]) -> Mapping[str, Any]:
        self.woken.append((given["taskToken"], given["output"]))
        return {}

    def receive(self, number: int, payload: Payload = PUT) -> Record:
        record = self.ledger.receive(str(number), LISTING, payload, "hash", None)
        assert record is not None
        return record

    def entered(self, number: int, payload: Payload = PUT) -> Record:
        record = self.receive(number, payload)
        self.lanes.enter(record)
        return self.record(number)

    def accepted(self, number: int = 1, payload: Payload = PUT) -> Record:
        record = self.entered(number, payload)
        self.ledger.sending(record, self.ledger.lane(LISTING))
        self.ledger.accepted(record, "amazon-1", [])
        return self.record(number)

    def record(self, number: int = 1) -> Record:
        found = self.ledger.find("A1", str(number))
        assert found is not None
        return found

    def outcome(self, number: int = 1) -> tuple[Status, str]:
        return self.record(number).status, self.record(number).message


@pytest.fixture
def world(server: ScriptedServer) -> World:
    return World(server)


class TestEnter:
    def test_the_first_holds_the_lane_and_its_execution_starts(self, world: World) -> None:
        world.entered(1)
        lane = world.ledger.lane(LISTING)
        assert (lane.holder, lane.waiting, lane.held, lane.recent) == ("1", None, NOW, ("1",))
        assert world.started == ["1"]
        assert world.record(1).status is Status.RECEIVED

    def test_the_second_waits_and_does_not_start(self, world: World) -> None:
        world.entered(1)
        assert world.entered(2).status is Status.WAITING
        lane = world.ledger.lane(LISTING)
        assert (lane.holder, lane.waiting, lane.recent) == ("1", "2", ("2", "1"))
        # The holder's execution is started again: its request may have been interrupted before the first start.
        assert world.started == ["1", "1"]

    def test_the_third_replaces_the_second_which_is_announced(self, world: World) -> None:
        for number in (1, 2, 3):
            world.entered(number)
        lane = world.ledger.lane(LISTING)
        assert (lane.holder, lane.waiting, lane.superseded) == ("1", "3", ())
        message = "A later submission for this SKU replaced it before it was sent."
        assert world.outcome(2) == (Status.SUPERSEDED, message)
        assert [message in event for event in world.events] == [True]

    def test_a_repeat_changes_nothing_and_starts_the_same_execution(self, world: World) -> None:
        record = world.entered(1)
        before = world.ledger.lane(LISTING)
        world.lanes.enter(record)
        assert world.ledger.lane(LISTING) == before
        assert world.started == ["1", "1"]

    def test_an_execution_that_runs_is_not_started_again(self, world: World) -> None:
        def exists(_: object) -> Mapping[str, Any]:
            raise AwsError("ExecutionAlreadyExists")

        world.aws.answers["StartExecution"] = exists
        world.entered(1)
        assert world.ledger.lane(LISTING).holder == "1"

    @pytest.mark.parametrize(("hours", "holder"), [(12, "1"), (12.01, "2")])
    def test_a_holder_that_is_gone_is_replaced(self, world: World, hours: float, holder: str) -> None:
        world.entered(1)
        later = ListingLedger(world.table.table, timedelta(days=30), lambda: NOW + timedelta(hours=hours))
        assert later.enter(world.receive(2)).holder == holder

    def test_a_lane_remembers_twenty(self, world: World) -> None:
        for number in range(MOST_REMEMBERED + 1):
            world.ledger.enter(world.receive(number))
        recent = world.ledger.lane(LISTING).recent
        assert (len(recent), recent[0], recent[-1]) == (20, "20", "1")

    def test_a_lane_that_others_always_change_is_given_up(self, world: World) -> None:
        record = world.receive(1)
        pauses: list[float] = []

        def contested(_: object) -> Mapping[str, Any]:
            raise AwsError("ConditionalCheckFailedException")

        world.aws.answers["UpdateItem"] = contested
        ledger = ListingLedger(world.table.table, timedelta(days=30), lambda: NOW, pauses.append)
        with pytest.raises(ItemContestedError, match=r"^the lane of SKU CUP was changed by others during each of"):
            ledger.enter(record)
        assert len(pauses) > 3
        assert 0 <= min(pauses) <= max(pauses) <= 0.4


class TestMachine:
    def test_an_execution_has_the_name_and_the_input_of_its_submission(self, world: World) -> None:
        world.lanes.machine.start("A1", "7")
        given = dict(world.aws.calls)["StartExecution"]
        assert given == {
            "stateMachineArn": "arn:aws:states:eu-west-1:1:stateMachine:m",
            "name": "7",
            "input": '{"SubmissionId": "7", "SellerId": "A1"}',
        }

    def test_another_failure_to_start_one_is_raised(self, world: World) -> None:
        world.aws.answers["StartExecution"] = raising("ExecutionLimitExceeded")
        with pytest.raises(ClientError):
            world.lanes.machine.start("A1", "7")

    def test_the_status_of_an_execution(self, world: World) -> None:
        answer = {"executionArn": "arn", "stateMachineArn": "arn", "status": "TIMED_OUT", "startDate": NOW}
        world.aws.answers["DescribeExecution"] = lambda _: answer
        assert world.lanes.machine.status("7") == "TIMED_OUT"
        assert dict(world.aws.calls)["DescribeExecution"] == {
            "executionArn": "arn:aws:states:eu-west-1:1:execution:m:7"
        }
        world.aws.answers["DescribeExecution"] = raising("ExecutionDoesNotExist")
        assert world.lanes.machine.status("7") is None
        world.aws.answers["DescribeExecution"] = raising("InvalidArn")
        with pytest.raises(ClientError):
            world.lanes.machine.status("7")


class TestInterrupted:
    """A call to AWS fails in the middle; what comes later finds everything in its place."""

    def test_a_submission_waits_before_the_holder_is_woken(self, world: World) -> None:
        world.entered(1)
        world.aws.answers["StartExecution"] = raising("InternalServerError")
        with pytest.raises(ClientError):
            world.entered(2)
        assert world.record(2).status is Status.WAITING
        assert world.ledger.lane(LISTING).waiting == "2"

    def test_one_that_was_superseded_starts_no_execution(self, world: World) -> None:
        """Its request comes again after a later PUT took its place, and before it is marked."""
        world.entered(1)
        second = world.receive(2)
        world.ledger.enter(second)
        world.ledger.enter(world.receive(3))
        world.started.clear()
        world.lanes.enter(second)
        assert world.started == []
        assert world.record(2).status is Status.SUPERSEDED
        assert world.ledger.lane(LISTING).superseded == ()

    def test_a_superseded_submission_that_is_gone_is_forgotten(self, world: World) -> None:
        for number in (1, 2):
            world.entered(number)
        world.ledger.enter(world.receive(3))
        world.table.items = [one for one in world.table.items if one["SubmissionId"] != "2"]
        world.lanes.leave(world.record(1))
        assert (world.ledger.lane(LISTING).superseded, world.events) == ((), [])

    def test_what_was_superseded_is_announced_again_until_it_is_marked(self, world: World) -> None:
        for number in (1, 2):
            world.entered(number)
        world.aws.answers["PutEvents"] = raising("InternalFailure")
        with pytest.raises(ClientError):
            world.entered(3)
        assert (world.outcome(2)[0], world.record(2).announced) == (Status.SUPERSEDED, False)
        assert world.ledger.lane(LISTING).superseded == ("2",)
        world.aws.answers["PutEvents"] = world._put
        world.lanes.enter(world.record(3))
        assert (world.record(2).announced, len(world.events)) == (True, 1)
        assert world.ledger.lane(LISTING).superseded == ()

    def test_a_holder_that_amazon_has_answered_leaves_when_the_next_one_comes(self, world: World) -> None:
        world.accepted(1)
        world.started.clear()
        world.entered(2)
        lane = world.ledger.lane(LISTING)
        assert (lane.holder, lane.waiters, world.started) == ("2", (), ["2"])

    @pytest.mark.parametrize("announced", [True, False])
    def test_a_holder_without_a_record_or_that_is_done_is_left_alone(self, world: World, *, announced: bool) -> None:
        first = world.entered(1)
        if announced:
            concluded = world.ledger.concluded(first, Status.FAILED, "no")
            world.announcer.announce(concluded)
        else:
            world.table.items = [one for one in world.table.items if one["SubmissionId"] != "1"]
        world.started.clear()
        world.entered(2)
        assert (world.ledger.lane(LISTING).holder, world.started) == ("1", [])

    def test_a_full_lane_is_told_and_raised(self, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("quickstart.listings.ledger.MOST_QUEUED", 1)
        patch = Payload(Operation.PATCH, "LUGGAGE", patches=({"op": "merge"},))
        for number in (1, 2):
            world.entered(number, patch)
        record = world.receive(3, patch)
        with pytest.raises(LaneFullError) as full:
            world.lanes.enter(record)
        assert world.outcome(3) == (Status.FAILED, f"The submission was not sent: {full.value}")
        assert (len(world.events), world.record(3).announced) == (1, True)
        world.ledger.close_gate("A1", LISTING.gate, "one")
        world.lanes.enter(world.receive(4, patch))
        world.ledger.open_gate("A1", LISTING.gate, "one")
        world.lanes.pass_gate("A1", LISTING.gate)
        assert world.outcome(4)[0] is Status.FAILED
        assert world.ledger.gate("A1", LISTING.gate).waiting == ()


class TestLeave:
    def test_the_waiting_one_is_next(self, world: World) -> None:
        first = world.entered(1)
        world.entered(2)
        world.lanes.leave(first)
        lane = world.ledger.lane(LISTING)
        assert (lane.holder, lane.held, lane.waiting) == ("2", NOW, None)
        assert world.started == ["1", "1", "2"]

    def test_the_last_one_leaves_the_lane_empty(self, world: World) -> None:
        world.lanes.leave(world.entered(1))
        lane = world.ledger.lane(LISTING)
        assert (lane.holder, lane.held, lane.waiting) == (None, None, None)
        assert world.started == ["1"]

    def test_leaving_twice_ends_only_the_own_hold(self, world: World) -> None:
        first = world.entered(1)
        world.entered(2)
        world.lanes.leave(first)
        world.lanes.leave(first)
        assert world.ledger.lane(LISTING).holder == "2"
        assert world.started == ["1", "1", "2", "2"]

    def test_one_that_holds_nothing_starts_no_execution_of_its_own(self, world: World) -> None:
        record = world.entered(1)
        world.lanes.leave(record)
        world.lanes.leave(record)
        assert world.started == ["1"]


class TestSend:
    def test_what_amazon_accepts_is_followed(self, world: World) -> None:
        world.server.answer("PUT", PATH, answer_json(ACCEPTED))
        world.entered(1)
        assert world.sender.send("A1", "1") == "FOLLOW"
        assert world.outcome() == (Status.ACCEPTED, "Amazon has accepted the submission and is processing it.")
        assert (world.record().amazon_submission_id, world.record().attempts) == ("amazon-1", 1)
        assert world.server.received(PATH)[0].json == {
            "productType": "LUGGAGE",
            "requirements": "LISTING",
            "attributes": {"color": [{"value": "blue"}]},
        }
        assert world.ledger.lane(LISTING).holder is None
        assert world.events == []

    def test_it_is_not_sent_twice(self, world: World) -> None:
        world.server.answer("PUT", PATH, answer_json(ACCEPTED))
        world.entered(1)
        assert [world.sender.send("A1", "1") for _ in range(2)] == ["FOLLOW", "FOLLOW"]
        assert len(world.server.received(PATH)) == 1

    def test_what_amazon_refuses_is_announced_with_its_issues(self, world: World) -> None:
        world.server.answer("PUT", PATH, answer_json({**ACCEPTED, "status": "INVALID", "issues": [ISSUE]}))
        world.entered(1)
        assert world.sender.send("A1", "1") == "END"
        assert world.outcome() == (
            Status.INVALID,
            "Amazon rejected the submission. Correct the issues and send it again.",
        )
        assert [issue["code"] for issue in world.record().issues] == ["90220"]
        assert world.record().amazon_submission_id == "amazon-1"
        assert len(world.events) == 1
        assert world.record().announced

    @pytest.mark.parametrize(
        ("answer", "status", "words"),
        [
            (errors_json(400, "InvalidInput", "bad"), Status.REFUSED, "SP-API rejected the submission: putListings"),
            (
                errors_json(403, "Unauthorized", "no"),
                Status.FAILED,
                "SP-API denied access, so the submission was not sent: putListings",
            ),
        ],
    )
    def test_a_refusal_ends_it(self, world: World, answer: Answer, status: Status, words: str) -> None:
        world.server.answer("PUT", PATH, answer)
        world.entered(1)
        assert world.sender.send("A1", "1") == "END"
        assert world.record().status is status
        assert world.record().message.startswith(words)
        assert len(world.events) == 1

    def test_a_failure_that_may_pass_is_noted_and_raised(self, world: World) -> None:
        world.server.answer("PUT", PATH, errors_json(503, "ServiceUnavailable", "later"))
        world.entered(1)
        with pytest.raises(TransientError) as failed:
            world.sender.send("A1", "1")
        assert world.outcome() == (Status.SENDING, str(failed.value))
        assert "later" in world.record().message
        assert world.ledger.lane(LISTING).holder == "1"

    def test_a_seller_without_a_token(self, world: World) -> None:
        world.without_token = True
        world.entered(1)
        assert world.sender.send("A1", "1") == "END"
        status, message = world.outcome()
        assert status is Status.FAILED
        assert message.startswith("The submission was not sent: no refresh token is stored for seller A1")

    def test_a_seller_whose_token_lwa_refuses(self, world: World) -> None:
        refused = answer_json({"error": "invalid_grant", "error_description": "revoked"}, 400)
        world.server.answer("POST", TOKEN_PATH, refused)
        world.entered(1)
        assert world.sender.send("A1", "1") == "END"
        status, message = world.outcome()
        assert status is Status.FAILED
        assert message.startswith("SP-API denied access, so the submission was not sent: ")

    @pytest.mark.parametrize(
        ("payload", "method", "body"),
        [
            (Payload(Operation.PUT, "LUGGAGE", None, {}), "PUT", {"productType": "LUGGAGE", "attributes": {}}),
            (
                Payload(
                    Operation.PATCH,
                    "LUGGAGE",
                    patches=(
                        {"op": "merge", "attribute": "color", "value": [{"value": "blue"}]},
                        {"op": "delete", "attribute": "size", "value": [{"value": "L"}]},
                    ),
                ),
                "PATCH",
                {
                    "productType": "LUGGAGE",
                    "patches": [
                        {"op": "merge", "path": "/attributes/color", "value": [{"value": "blue"}]},
                        {"op": "delete", "path": "/attributes/size", "value": [{"value": "L"}]},
                    ],
                },
            ),
            (Payload(Operation.DELETE), "DELETE", None),
        ],
    )
    @pytest.mark.parametrize("locale", [None, "fr_FR"])
    def test_what_amazon_gets(
        self, world: World, payload: Payload, method: str, body: object, locale: str | None
    ) -> None:
        world.server.answer(method, PATH, answer_json(ACCEPTED))
        world.entered(1, replace(payload, issue_locale=locale))
        assert world.sender.send("A1", "1") == "FOLLOW"
        (sent,) = world.server.received(PATH)
        assert (sent.method, sent.json if sent.body else None) == (method, body)
        wanted = {"marketplaceIds": FRANCE} | ({} if locale is None else {"issueLocale": locale})
        assert {
            name: value for name, value in sent.query.items() if name in ("issueLocale", "marketplaceIds", "mode")
        } == wanted

    def test_a_vendor_s_listing_has_the_vendor_code(self, world: World) -> None:
        path = PATH.replace("A1", "MOULI")
        world.server.answer("DELETE", path, answer_json(ACCEPTED))
        listing = replace(LISTING, listing_seller_id="MOULI", party=Party.VENDOR)
        record = world.ledger.receive("1", listing, Payload(Operation.DELETE), "hash", None)
        assert record is not None
        world.lanes.enter(record)
        assert world.sender.send("A1", "1") == "FOLLOW"
        assert len(world.server.received(path)) == 1

    def test_a_lane_knows_when_amazon_changed_the_listing_before(self, world: World) -> None:
        world.server.answer("PUT", PATH, answer_json(ACCEPTED))
        world.ledger.remember(LISTING, "B0", NOW)
        world.entered(1)
        world.sender.send("A1", "1")
        assert world.record().updated_before == "2026-11-26T12:00:00.000000+00:00"

    def test_what_is_concluded_meanwhile_is_not_sent(self, world: World) -> None:
        world.entered(1)
        update = world.aws.answers["UpdateItem"]

        def refused_once(_: Mapping[str, Any]) -> Mapping[str, Any]:
            world.aws.answers["UpdateItem"] = update
            raise AwsError("ConditionalCheckFailedException")

        world.aws.answers["UpdateItem"] = refused_once
        assert world.sender.send("A1", "1") == "END"
        assert world.server.calls == []

    def test_what_is_final_leaves_its_lane_and_is_announced(self, world: World) -> None:
        """An earlier attempt was interrupted before that."""
        record = world.entered(1)
        world.entered(2)
        world.ledger.concluded(record, Status.REFUSED, "no")
        assert world.sender.send("A1", "1") == "END"
        assert (world.ledger.lane(LISTING).holder, len(world.events), world.server.calls) == ("2", 1, [])

    def test_the_lane_is_free_before_the_outcome_is_announced(self, world: World) -> None:
        world.server.answer("PUT", PATH, answer_json({**ACCEPTED, "status": "INVALID", "issues": [ISSUE]}))
        world.aws.answers["PutEvents"] = raising("InternalFailure")
        world.entered(1)
        with pytest.raises(ClientError):
            world.sender.send("A1", "1")
        assert world.ledger.lane(LISTING).holder is None
        assert (world.record().status, world.record().announced) == (Status.INVALID, False)

    def test_an_answer_is_logged(self, world: World, log_lines: Callable[[], list[dict[str, Any]]]) -> None:
        world.server.answer("PUT", PATH, answer_json({**ACCEPTED, "status": "INVALID", "issues": [ISSUE]}))
        world.entered(1)
        world.sender.send("A1", "1")
        answered, _ = log_lines()
        assert {name: answered[name] for name in ("message", "submission_id", "sku", "status", "issues")} == {
            "message": "submission answered",
            "submission_id": "1",
            "sku": "CUP",
            "status": "INVALID",
            "issues": 1,
        }

    def test_the_issues_of_what_amazon_accepts_are_recorded(self, world: World) -> None:
        world.server.answer("PUT", PATH, answer_json({**ACCEPTED, "issues": [{**ISSUE, "severity": "WARNING"}]}))
        world.entered(1)
        world.sender.send("A1", "1")
        assert [issue["severity"] for issue in world.record().issues] == ["WARNING"]

    def test_one_whose_lane_another_holds_is_not_sent(self, world: World) -> None:
        world.receive(1)
        world.entered(2)
        assert world.sender.send("A1", "1") == "END"
        message = "A later submission for this SKU replaced it before it was sent."
        assert world.outcome(1) == (Status.SUPERSEDED, message)
        assert world.server.calls == []

    def test_one_that_has_expired(self, world: World) -> None:
        assert world.sender.send("A1", "1") == "END"
        assert world.server.calls == []


class TestGiveUp:
    def test_before_it_was_sent(self, world: World) -> None:
        world.entered(1)
        world.sender.give_up("A1", "1", "it timed out")
        assert world.outcome() == (Status.FAILED, "The submission was not sent: it timed out")
        assert world.ledger.lane(LISTING).holder is None
        assert len(world.events) == 1

    def test_while_it_was_sent(self, world: World) -> None:
        record = world.entered(1)
        world.ledger.sending(record, world.ledger.lane(LISTING))
        world.sender.give_up("A1", "1", "it timed out")
        message = "Amazon did not answer, so it is unknown whether it has the submission: it timed out"
        assert world.outcome() == (Status.UNKNOWN, message)

    def test_after_amazon_accepted_it(self, world: World) -> None:
        world.accepted()
        world.sender.give_up("A1", "1", "it timed out")
        message = "Amazon accepted the submission, but the stack could not follow it: it timed out"
        assert world.outcome() == (Status.UNKNOWN, message)
        assert (world.ledger.lane(LISTING).holder, len(world.events)) == (None, 1)

    def test_a_final_status_stays(self, world: World) -> None:
        record = world.entered(1)
        world.ledger.concluded(record, Status.REFUSED, "no")
        world.sender.give_up("A1", "1", "it timed out")
        assert world.outcome() == (Status.REFUSED, "no")
        assert (world.ledger.lane(LISTING).holder, len(world.events)) == (None, 1)

    def test_the_lane_is_free_before_it_is_announced(self, world: World) -> None:
        world.entered(1)
        world.aws.answers["PutEvents"] = raising("InternalFailure")
        with pytest.raises(ClientError):
            world.sender.give_up("A1", "1", "it timed out")
        assert (world.ledger.lane(LISTING).holder, world.record().announced) == (None, False)

    def test_one_that_has_expired(self, world: World) -> None:
        world.sender.give_up("A1", "1", "it timed out")
        assert (world.events, world.started) == ([], [])


def item(**summary: Any) -> Answer:
    whole = {
        "marketplaceId": FRANCE,
        "asin": "B071VG5N9D",
        "productType": "LUGGAGE",
        "status": ["BUYABLE"],
        "createdDate": "2026-11-26T12:00:30Z",
        "lastUpdatedDate": "2026-11-26T12:00:30Z",
    }
    return answer_json({"sku": "CUP", "summaries": [{**whole, **summary}], "issues": []})


class TestFollow:
    def test_a_listing_that_is_published(self, world: World) -> None:
        world.server.answer("GET", PATH, item())
        world.accepted()
        world.follower.follow("A1", "1", "token", 1)
        assert world.record().status is Status.PUBLISHED
        assert world.record().asin == "B071VG5N9D"
        assert world.woken == [("token", '{"Step": "END"}')]
        assert len(world.events) == 1
        lane = world.ledger.lane(LISTING)
        assert (lane.asin, lane.updated) == ("B071VG5N9D", "2026-11-26T12:00:30.000000+00:00")

    def test_before_the_first_wait_it_is_not_read(self, world: World) -> None:
        world.accepted()
        world.follower.follow("A1", "1", "token", 0)
        assert (world.server.calls, world.woken, world.record().task_token) == ([], [], "token")

    def test_a_listing_that_is_not_there_yet_is_read_again(self, world: World) -> None:
        world.server.answer("GET", PATH, errors_json(404, "NOT_FOUND", "no"))
        world.accepted()
        world.follower.follow("A1", "1", "token", 1)
        assert world.record().status is Status.ACCEPTED
        assert world.record().times["CheckedTime"]
        assert (world.woken, world.events) == ([], [])

    def test_the_last_reading_ends_it(self, world: World) -> None:
        world.server.answer("GET", PATH, errors_json(404, "NOT_FOUND", "no"))
        world.accepted()
        world.follower.follow("A1", "1", "token", 6)
        assert world.record().status is Status.UNKNOWN
        assert world.woken == [("token", '{"Step": "END"}')]

    @pytest.mark.parametrize(("reading", "status"), [(1, Status.ACCEPTED), (5, Status.ACCEPTED), (6, Status.UNKNOWN)])
    def test_a_listing_that_cannot_be_read(self, world: World, reading: int, status: Status) -> None:
        world.server.answer("GET", PATH, errors_json(403, "Unauthorized", "no access"))
        world.accepted()
        world.follower.follow("A1", "1", "token", reading)
        assert world.record().status is status
        if status is Status.UNKNOWN:
            words = "Amazon accepted the submission, but the listing cannot be read: getListingsItem"
            assert world.record().message.startswith(words)

    def test_a_seller_that_has_left(self, world: World) -> None:
        world.accepted()
        world.without_token = True
        world.follower.follow("A1", "1", "token", 1)
        status, message = world.outcome()
        assert status is Status.UNKNOWN
        assert message.startswith("Amazon accepted the submission, but the stack can no longer read the listing: no")

    @pytest.mark.parametrize(("reading", "sent"), [(3, 0), (4, 1), (5, 1)])
    def test_a_deletion_without_effect_is_sent_again(self, world: World, reading: int, sent: int) -> None:
        world.server.answer("GET", PATH, item(lastUpdatedDate="2026-11-25T12:00:00Z"))
        world.server.answer("DELETE", PATH, answer_json(ACCEPTED))
        world.lanes.leave(world.accepted(payload=Payload(Operation.DELETE)))
        world.follower.follow("A1", "1", "token", reading)
        assert len(world.server.received(PATH, "DELETE")) == sent
        assert world.record().status is Status.ACCEPTED

    def test_a_deletion_is_not_sent_again_after_a_later_submission(self, world: World) -> None:
        world.server.answer("GET", PATH, item(lastUpdatedDate="2026-11-25T12:00:00Z"))
        world.lanes.leave(world.accepted(payload=Payload(Operation.DELETE)))
        world.entered(2)
        world.follower.follow("A1", "1", "token", 4)
        assert world.server.received(PATH, "DELETE") == []

    @pytest.mark.parametrize(
        ("reading", "status", "message"),
        [
            (3, Status.ACCEPTED, "Amazon has accepted the submission and is processing it."),
            (
                4,
                Status.PUBLISHED,
                "The listing is buyable. Amazon has not changed the listing since the submission was sent.",
            ),
        ],
    )
    def test_after_an_hour_a_listing_that_does_not_change_is_judged(
        self, world: World, reading: int, status: Status, message: str
    ) -> None:
        world.server.answer("GET", PATH, item(lastUpdatedDate="2026-11-25T12:00:00Z"))
        world.accepted()
        world.follower.follow("A1", "1", "token", reading)
        assert world.outcome() == (status, message)
        assert (world.record().asin, "CheckedTime" in world.record().times) == (
            "B071VG5N9D",
            status is Status.ACCEPTED,
        )

    @pytest.mark.parametrize("statuses", [["BUYABLE"], []])
    def test_amazons_issues_of_the_marketplace_are_recorded(self, world: World, statuses: list[str]) -> None:
        """With the outcome, and while it is open."""
        summary = json.loads(item(status=statuses).body)
        warning = {**ISSUE, "severity": "WARNING"}
        summary["issues"] = [warning, {**warning, "marketplaceIds": ["A1PA6795UKMFR9"]}]
        world.server.answer("GET", PATH, answer_json(summary))
        world.accepted()
        world.follower.follow("A1", "1", "token", 1)
        assert world.record().status is (Status.PUBLISHED_WITH_ISSUES if statuses else Status.ACCEPTED)
        assert world.record().issues == ({"code": "90220", "message": "color is missing", "severity": "WARNING"},)

    def test_a_listing_of_another_marketplace_is_not_remembered(self, world: World) -> None:
        world.server.answer("GET", PATH, item(marketplaceId="A1PA6795UKMFR9"))
        world.accepted()
        world.follower.follow("A1", "1", "token", 1)
        assert world.record().status is Status.ACCEPTED
        assert (world.record().asin, world.ledger.lane(LISTING).asin) == (None, None)

    def test_each_reading_is_logged(self, world: World, log_lines: Callable[[], list[dict[str, Any]]]) -> None:
        world.server.answer("GET", PATH, errors_json(404, "NOT_FOUND", "no"), errors_json(403, "Unauthorized", "no"))
        world.accepted()
        for reading in (1, 2):
            world.follower.follow("A1", "1", "token", reading)
        read, refused = log_lines()
        assert (read["message"], read["submission_id"], read["sku"]) == ("listing read", "1", "CUP")
        assert (read["reading"], read["status"]) == (1, "open")
        assert (refused["message"], refused["level"]) == ("the listing cannot be read", "ERROR")
        assert refused["submission_id"] == "1"
        assert refused["reason"].startswith("getListingsItem: HTTP 403")

    def test_a_deletion_that_is_sent_again_is_logged(
        self, world: World, log_lines: Callable[[], list[dict[str, Any]]]
    ) -> None:
        world.server.answer("GET", PATH, item(lastUpdatedDate="2026-11-25T12:00:00Z"))
        world.server.answer("DELETE", PATH, errors_json(400, "InvalidInput", "no such SKU"))
        # Its lane is not there any more.
        world.accepted(payload=Payload(Operation.DELETE, issue_locale="fr_FR"))
        world.table.items = [one for one in world.table.items if one["SubmissionId"] == "1"]
        world.follower.follow("A1", "1", "token", 4)
        assert world.record().status is Status.ACCEPTED
        _, again, rejected = log_lines()
        assert (again["message"], again["submission_id"], again["sku"]) == ("deletion sent again", "1", "CUP")
        assert (rejected["message"], rejected["submission_id"]) == ("deletion rejected", "1")
        assert rejected["reason"].startswith("deleteListingsItem: HTTP 400")
        (sent,) = world.server.received(PATH, "DELETE")
        assert sent.query["issueLocale"] == "fr_FR"

    def test_a_deletion_is_not_sent_again_while_something_is_being_sent(self, world: World) -> None:
        world.server.answer("GET", PATH, item(lastUpdatedDate="2026-11-25T12:00:00Z"))
        world.accepted(payload=Payload(Operation.DELETE))
        world.follower.follow("A1", "1", "token", 4)
        assert world.server.received(PATH, "DELETE") == []

    def test_a_deletion_that_a_later_submission_made_superfluous_is_announced(self, world: World) -> None:
        world.server.answer("GET", PATH, item(lastUpdatedDate="2026-11-25T12:00:00Z"))
        world.lanes.leave(world.accepted(payload=Payload(Operation.DELETE)))
        world.entered(2)
        world.follower.follow("A1", "1", "token", 1)
        assert world.outcome() == (
            Status.SUPERSEDED,
            "Amazon accepted the deletion. A later submission for this SKU was sent since, so the listing is there.",
        )
        assert (len(world.events), world.woken) == (1, [("token", END)])

    def test_a_submission_that_becomes_final_while_the_wait_begins(self, world: World) -> None:
        record = world.accepted()
        update = world.aws.answers["UpdateItem"]

        def concluded_before(_: Mapping[str, Any]) -> Mapping[str, Any]:
            world.aws.answers["UpdateItem"] = update
            world.ledger.concluded(record, Status.PUBLISHED, "done")
            raise AwsError("ConditionalCheckFailedException")

        world.aws.answers["UpdateItem"] = concluded_before
        world.follower.follow("A1", "1", "token", 1)
        assert (world.outcome(), world.woken) == ((Status.PUBLISHED, "done"), [("token", END)])
        assert (len(world.events), world.server.calls) == (1, [])

    def test_a_seller_who_is_removed_while_the_listing_is_read(self, world: World) -> None:
        """The next reading ends the execution."""
        world.accepted()
        world.server.answer("GET", PATH, errors_json(403, "Unauthorized", "no"))
        find = world.aws.answers["GetItem"]
        found = iter([find, lambda _: {}])
        world.aws.answers["GetItem"] = lambda given: next(found)(given)
        world.follower.follow("A1", "1", "token", 1)
        assert (world.woken, world.events) == ([], [])

    def test_one_that_has_expired(self, world: World) -> None:
        world.follower.follow("A1", "1", "token", 1)
        assert (world.woken, world.server.calls) == ([("token", END)], [])

    def test_one_that_is_final_is_announced_if_it_was_not(self, world: World) -> None:
        record = world.accepted()
        world.ledger.concluded(record, Status.PUBLISHED, "done")
        world.follower.follow("A1", "1", "token", 0)
        assert (len(world.events), world.woken) == (1, [("token", END)])
        assert (world.record().task_token, world.server.calls) == (None, [])

    def test_the_wait_ends_after_the_outcome_was_announced(self, world: World) -> None:
        world.server.answer("GET", PATH, item())
        world.accepted()
        world.aws.answers["PutEvents"] = raising("InternalFailure")
        with pytest.raises(ClientError):
            world.follower.follow("A1", "1", "token", 1)
        assert (world.record().status, world.woken) == (Status.PUBLISHED, [])

    def test_the_last_reading_may_be_the_first_that_shows_the_outcome(self, world: World) -> None:
        world.server.answer("GET", PATH, item())
        world.accepted()
        world.follower.follow("A1", "1", "token", 6)
        assert world.outcome() == (Status.PUBLISHED, "The listing is buyable.")


@pytest.mark.parametrize("code", ["TaskDoesNotExist", "TaskTimedOut", "InvalidToken"])
def test_a_wait_that_is_over_cannot_be_ended(world: World, code: str) -> None:
    world.aws.answers["SendTaskSuccess"] = raising(code)
    assert wake(world.aws.client("stepfunctions"), "token", CHECK) is False


def test_a_wait_is_ended(world: World) -> None:
    assert wake(world.aws.client("stepfunctions"), "token", CHECK) is True
    assert world.woken == [("token", '{"Step": "CHECK"}')]


def test_another_failure_to_end_a_wait_is_raised(world: World) -> None:
    states = world.aws.client("stepfunctions")
    world.aws.answers["SendTaskSuccess"] = raising("AccessDeniedException")
    with pytest.raises(states.exceptions.ClientError):
        wake(states, "token", CHECK)


def test_an_event_that_eventbridge_does_not_take_is_announced_later(world: World) -> None:
    record = world.accepted()
    concluded = world.ledger.concluded(record, Status.PUBLISHED, "done")
    refused = {"FailedEntryCount": 1, "Entries": [{"ErrorCode": "InternalFailure", "ErrorMessage": "try again"}]}
    world.aws.answers["PutEvents"] = lambda _: refused
    with pytest.raises(EventNotPutError, match=r"^EventBridge: InternalFailure: try again$"):
        world.announcer.announce(concluded)
    assert not world.record().announced


def raising(code: str) -> Callable[[Mapping[str, Any]], Mapping[str, Any]]:
    def answer(_: Mapping[str, Any]) -> Mapping[str, Any]:
        raise AwsError(code)

    return answer


@pytest.mark.parametrize(
    ("status", "final", "answered"),
    [
        (Status.RECEIVED, False, False),
        (Status.WAITING, False, False),
        (Status.SENDING, False, False),
        (Status.ACCEPTED, False, True),
        (Status.PUBLISHED, True, True),
        (Status.FAILED, True, True),
    ],
)
def test_what_is_final_and_what_is_answered(status: Status, final: bool, answered: bool) -> None:
    assert (status.final, status.answered) == (final, answered)


def test_a_record_is_read_as_it_was_written(world: World) -> None:
    patches = ({"op": "merge", "attribute": "color", "value": [{"value": "blue"}]},)
    payload = Payload(Operation.PATCH, "PRODUCT", patches=patches, issue_locale="en_US")
    record = world.ledger.receive("1", LISTING, payload, "hash", "token-1")
    assert record is not None
    assert (record.payload, record.listing, record.client_token) == (payload, LISTING, "token-1")
    assert (record.received, record.request_hash) == ("2026-11-26T12:00:00.000000+00:00", "hash")
