"""Taking requests for files of listings, listing them, and showing what became of one."""

import random
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from botocore.exceptions import ClientError

from product_types_storm.cloud import DynamoDB, Trouble
from quickstart import clients
from quickstart.dynamodb import Table
from quickstart.links import Link, ObjectLinks
from quickstart.listings.feed_files import NoEntryError
from quickstart.listings.feed_ledger import FeedLedger
from quickstart.listings.feed_records import Counts, FeedMode, FeedOf, FeedRecord, FeedState, OnBadMessages
from quickstart.listings.feed_requests import (
    FeedDesk,
    FeedRequestUnknownError,
    ListRequest,
    NewFeed,
    ShowRequest,
    TooManyFeedsError,
    described,
    list_feeds,
    show_feed,
)
from quickstart.listings.fields import ClientTokenReusedError
from quickstart.listings.records import Party
from quickstart.paging import read_token
from quickstart.refusals import InvalidRequestError
from sp_api.regions import Region
from tests.unit.quickstart.listings.test_feed_lanes import ACCOUNT, FRANCE, NOW, record
from tests.unit.quickstart.listings.test_feed_ledger import ConditionalTable
from tests.unit.quickstart.support import Aws, MemoryTable

# The feed of new_feed("token"): always the same, so that the host finds its feed again after an update of the stack.
FEED_REQUEST_ID = "2c1d8e8d213bd17f73e3f3369a93a3da"


def new_feed(client_token: str | None) -> NewFeed:
    return NewFeed(ACCOUNT, FeedMode.PUBLISH, OnBadMessages.REFUSE, None, None, client_token)


class Stage:
    """A desk with the table in memory."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
        clients.s3_unsigned.cache_clear()
        self.now = NOW
        session = {"AccessKeyId": "ASIA" + "A" * 12, "SecretAccessKey": "secret", "SessionToken": "token"}
        ends = datetime(2100, 1, 1, tzinfo=UTC)
        self.aws = Aws(AssumeRole=lambda _: {"Credentials": {**session, "Expiration": ends}})
        self.memory = MemoryTable(self.aws, "FeedRequestId", "SellerId")
        self.ledger = FeedLedger(ConditionalTable(self.memory), timedelta(days=1), lambda: self.now)
        self.asked: list[tuple[str, Region]] = []
        role = "arn:aws:iam::111122223333:role/links"
        hour = timedelta(hours=1)
        links = ObjectLinks(self.aws.client("sts"), clients.s3_unsigned(), role, "bucket", hour, lambda: self.now)
        self.desk = FeedDesk(
            self.ledger, links, lambda seller_id, region: self.asked.append((seller_id, region)), lambda: self.now
        )


@pytest.fixture
def stage(monkeypatch: pytest.MonkeyPatch) -> Stage:
    return Stage(monkeypatch)


class TestRequest:
    def test_its_answer_says_how_the_file_is_uploaded(self, stage: Stage) -> None:
        answer: Any = stage.desk.request(new_feed("token"))
        upload = dict(answer["upload"])
        address = urlsplit(upload.pop("url"))
        assert {**answer, "upload": upload} == {
            "feedRequestId": FEED_REQUEST_ID,
            "status": "AWAITING_UPLOAD",
            "upload": {
                "method": "PUT",
                "headers": {"Content-Type": "application/octet-stream", "If-None-Match": "*"},
                "expires": "2026-11-26T13:00:00+00:00",
            },
        }
        assert address.path == f"/A1/{FEED_REQUEST_ID}/upload"
        assert parse_qs(address.query)["X-Amz-SignedHeaders"] == ["content-type;host;if-none-match"]
        assert stage.asked == [("A1", Region.EU)]
        ((_, session),) = [call for call in stage.aws.calls if call[0] == "AssumeRole"]
        assert session["RoleSessionName"] == f"feed-{FEED_REQUEST_ID}"
        assert stage.ledger.find("A1", FEED_REQUEST_ID) == FeedRecord(
            FEED_REQUEST_ID,
            ACCOUNT,
            FeedMode.PUBLISH,
            OnBadMessages.REFUSE,
            new_feed("token").request_hash,
            FeedState.AWAITING_UPLOAD,
            "2026-11-26T12:00:00.000000+00:00",
            "2026-11-26T13:00:00+00:00",
            message="The stack waits for the upload of the file.",
            client_token="token",
        )

    def test_it_records_what_it_says(self, stage: Stage) -> None:
        feed = NewFeed(ACCOUNT, FeedMode.CHECK, OnBadMessages.SKIP, 7, "fr_FR", None)
        answer = stage.desk.request(feed)
        found = stage.ledger.find("A1", str(answer["feedRequestId"]))
        assert found is not None
        assert (found.mode, found.on_bad, found.message_count, found.issue_locale, found.client_token) == (
            FeedMode.CHECK,
            OnBadMessages.SKIP,
            7,
            "fr_FR",
            None,
        )

    @pytest.mark.parametrize(("minutes", "left"), [(0, 60), (20, 40), (59, 1), (60, 1), (90, 1)])
    def test_a_repeat_gets_a_link_that_ends_with_the_first_one(self, stage: Stage, minutes: int, left: int) -> None:
        """Nobody looks for a later upload. A link works for a minute at least."""
        stage.desk.request(new_feed("token"))
        stage.now = NOW + timedelta(minutes=minutes)
        answer: Any = stage.desk.request(new_feed("token"))
        assert datetime.fromisoformat(answer["upload"]["expires"]) == stage.now + timedelta(minutes=left)
        query = parse_qs(urlsplit(answer["upload"]["url"]).query)
        assert query["X-Amz-Expires"] == [str(60 * left)]

    def test_without_a_token_each_request_is_another_feed(self, stage: Stage) -> None:
        first, second = (str(stage.desk.request(new_feed(None))["feedRequestId"]) for _ in range(2))
        assert first != second
        assert (len(first), len(second)) == (32, 32)

    def test_a_token_belongs_to_one_request(self, stage: Stage) -> None:
        stage.desk.request(new_feed("token"))
        words = "^another submission used ClientToken token before"
        with pytest.raises(ClientTokenReusedError, match=words):
            stage.desk.request(replace(new_feed("token"), mode=FeedMode.CHECK))
        # The feed has expired, and DynamoDB has not deleted it yet.
        stage.now = NOW + timedelta(days=1)
        with pytest.raises(ClientTokenReusedError, match=words):
            stage.desk.request(new_feed("token"))

    def test_a_seller_without_a_token_gets_no_link(self, stage: Stage) -> None:
        def unknown(*_: object) -> None:
            raise LookupError

        with pytest.raises(LookupError):
            replace(stage.desk, require_token=unknown).request(new_feed("token"))
        assert stage.memory.items == []

    @pytest.mark.parametrize("waiting", [0, 499])
    def test_fewer_than_500_files_may_wait(self, stage: Stage, waiting: int) -> None:
        key = {"FeedRequestId": "QUEUE#EU#A1", "SellerId": "A1"}
        stage.ledger.table.update(key, {"Feeds": list(map(str, range(waiting))), "Version": 1})
        assert stage.desk.request(new_feed(None))["status"] == "AWAITING_UPLOAD"
        stage.ledger.table.update(key, {"Feeds": list(map(str, range(500)))})
        with pytest.raises(TooManyFeedsError):
            stage.desk.request(new_feed(None))


class TestRepeats:
    def test_a_request_is_another_one_when_any_part_differs(self) -> None:
        account = FeedOf("A1", Region.EU, (FRANCE, "A1PA6795UKMFR9"), "A1")
        feed = replace(new_feed("token"), account=account)
        others = [
            *(
                replace(feed, account=replace(account, **changed))
                for changed in (
                    {"seller_id": "A2"},
                    {"region": Region.NA},
                    {"marketplace_ids": (FRANCE,)},
                    {"listing_seller_id": "MOULI"},
                    {"party": Party.VENDOR},
                )
            ),
            replace(feed, mode=FeedMode.CHECK),
            replace(feed, on_bad=OnBadMessages.SKIP),
            replace(feed, message_count=7),
            replace(feed, issue_locale="fr_FR"),
        ]
        assert len({one.request_hash for one in (feed, *others)}) == 1 + len(others)
        same = replace(feed, account=replace(account, marketplace_ids=("A1PA6795UKMFR9", FRANCE)))
        assert same.request_hash == replace(feed, client_token=None).request_hash == feed.request_hash

    def test_a_repeat_after_an_update_of_the_stack_is_the_same_request(self) -> None:
        feed = replace(new_feed("token"), message_count=7, issue_locale="fr_FR")
        assert feed.feed_request_id == FEED_REQUEST_ID
        assert feed.request_hash == "25b88984d9b1c479a14e194a92b0520c0fb92c28e2146aefb5ffd3f1587aa914"

    def test_another_token_or_seller_has_another_feed(self) -> None:
        feed = new_feed("token")
        other = replace(feed, account=replace(ACCOUNT, seller_id="A2"))
        assert len({feed.feed_request_id, other.feed_request_id, new_feed("token-2").feed_request_id}) == 3


def test_a_repeat_is_answered_when_too_many_files_wait() -> None:
    """Its file is among those that wait: only the answer to the first request was lost."""
    database: Any = DynamoDB(Trouble(random.Random(1)), ("FeedRequestId", "SellerId"))
    ledger = FeedLedger(Table(database, "feeds"), timedelta(days=1), lambda: NOW)
    no_links: Any = None
    desk = FeedDesk(ledger, no_links, lambda *_: None, lambda: NOW)
    feed = new_feed("token")
    record = FeedRecord(
        feed.feed_request_id,
        ACCOUNT,
        feed.mode,
        feed.on_bad,
        feed.request_hash,
        FeedState.CHECKING,
        NOW.isoformat(),
        NOW.isoformat(),
    )
    ledger.receive(record)
    ledger.table.update(
        {"FeedRequestId": f"QUEUE#{ACCOUNT.region}#{ACCOUNT.listing_seller_id}", "SellerId": ACCOUNT.seller_id},
        {"Feeds": [record.feed_request_id, *map(str, range(499))], "Version": 1},
    )
    assert desk.request(feed) == {"feedRequestId": record.feed_request_id, "status": "CHECKING"}
    for other in ("another token", None):
        with pytest.raises(TooManyFeedsError):
            desk.request(new_feed(other))


class TestList:
    def listed(self, stage: Stage, after: Mapping[str, str] | None = None, last: object = None) -> Any:
        """The answer when the table has what it has, in this order."""

        def query(_: object) -> Mapping[str, Any]:
            more = {"LastEvaluatedKey": last} if last else {}
            return {**found, **more}

        found = dict(stage.aws.answers["Scan"]({}))
        stage.aws.answers["Query"] = query
        return list_feeds(stage.ledger, ListRequest("A1", 7, after))

    def test_the_newest_feed_is_first_and_nothing_else_is_a_feed(self, stage: Stage) -> None:
        for name in ("one", "two"):
            stage.ledger.receive(record(name, FeedState.AWAITING_UPLOAD))
        stage.memory.items[0]["ExpiresAt"] = int(NOW.timestamp())
        assert self.listed(stage) == {"feeds": [described(record("two", FeedState.AWAITING_UPLOAD))]}
        (given,) = [given for name, given in stage.aws.calls if name == "Query"]
        assert (given["IndexName"], given["ScanIndexForward"], given["Limit"]) == (
            "SellerIdReceivedTimeIndex",
            False,
            7,
        )
        assert given["ExpressionAttributeNames"] == {"#hash": "SellerId", "#range": "ReceivedTime"}
        # Queues and the like have this time.
        assert given["ExpressionAttributeValues"] == {":hash": {"S": "A1"}, ":least": {"S": "0"}}
        assert "ExclusiveStartKey" not in given

    def test_a_page_leads_to_the_next_one(self, stage: Stage) -> None:
        position = {"ReceivedTime": "2026-11-26", "FeedRequestId": "one"}
        last = {name: {"S": value} for name, value in {"SellerId": "A1", **position}.items()}
        answer = self.listed(stage, position, last)
        assert read_token(answer["nextToken"], ("ReceivedTime", "FeedRequestId")) == position
        (given,) = [given for name, given in stage.aws.calls if name == "Query"]
        assert given["ExclusiveStartKey"] == last


def test_a_feed_as_answers_have_it() -> None:
    account = FeedOf("A1", Region.NA, (FRANCE, "A1PA6795UKMFR9"), "MOULI", Party.VENDOR)
    times = {"UploadedTime": "t1", "OutcomeTime": "t2"}
    feed = FeedRecord(
        "one",
        account,
        FeedMode.CHECK,
        OnBadMessages.SKIP,
        "hash",
        FeedState.DONE,
        "t0",
        "t9",
        message="why",
        message_count=7,
        client_token="token",
        layout="DOCUMENT",
        size_bytes=10,
        counts=Counts(*range(11)),
        feed_id="7",
        times=times,
    )
    assert described(feed) == {
        "feedRequestId": "one",
        "sellerId": "A1",
        "regionCode": "NA",
        "marketplaceIds": [FRANCE, "A1PA6795UKMFR9"],
        "mode": "CHECK",
        "onBadMessages": "SKIP",
        "messageCount": 7,
        "clientToken": "token",
        "status": "DONE",
        "final": True,
        "message": "why",
        "feedId": "7",
        "layout": "DOCUMENT",
        "sizeBytes": 10,
        "counts": {
            "messages": 0,
            "bad": 1,
            "sent": 2,
            "published": 3,
            "publishedWithIssues": 4,
            "accepted": 5,
            "deleted": 6,
            "invalid": 7,
            "refused": 8,
            "unknown": 9,
            "notSent": 10,
        },
        "receivedTime": "t0",
        "uploadedTime": "t1",
        "outcomeTime": "t2",
    }
    # The file was no JSON.
    assert described(replace(record("one"), layout="")) == {
        "feedRequestId": "one",
        "sellerId": "A1",
        "regionCode": "EU",
        "marketplaceIds": [FRANCE],
        "mode": "PUBLISH",
        "onBadMessages": "REFUSE",
        "status": "QUEUED",
        "final": False,
        "message": "",
        "receivedTime": "2026-11-26",
    }


class TestShow:
    ENDED = replace(
        record("one", FeedState.DONE), counts=Counts(1), has_results=True, times={"CheckedTime": "t"}, document_bytes=1
    )

    @staticmethod
    def shown(feed: FeedRecord | None, page: Any, *, only_problems: bool = False) -> Any:
        """The answer when the results have this page, or fail to."""
        asked: list[Any] = []

        def paged(*given: Any) -> Any:
            asked.append(given[:4])
            if isinstance(page, Exception):
                raise page
            entries, following = page
            return [entry for entry in entries if given[4](entry)], following

        def presign_all(keys: list[str], session_name: str) -> list[Link]:
            return [Link(f"{session_name} {key}", NOW) for key in keys]

        ledger: Any = SimpleNamespace(find=lambda *key: feed if key == ("A1", "one") else None)
        links: Any = SimpleNamespace(presign_all=presign_all)
        files: Any = SimpleNamespace(page=paged, key=lambda name: f"A1/one/{name}")
        request = ShowRequest("A1", "one", only_problems, 7, 12)
        return show_feed(ledger, links, lambda _: files, request), asked

    def test_a_page_of_the_results_and_links_to_all_objects(self) -> None:
        answer, asked = self.shown(replace(self.ENDED, has_report=True), ([{"status": "PUBLISHED"}], 99))
        assert asked == [("results.jsonl", 12, 7, 2 * 1024 * 1024)]
        expires = "2026-11-26T12:00:00+00:00"
        assert {name: answer[name] for name in ("results", "nextToken", "links")} == {
            "results": [{"status": "PUBLISHED"}],
            "nextToken": "eyJCeXRlIjoiOTkifQ",
            "links": {
                "results": {"url": "feed-one A1/one/results.jsonl", "expires": expires},
                "processingReport": {"url": "feed-one A1/one/processing-report.json", "expires": expires},
                "document": {"url": "feed-one A1/one/document.json", "expires": expires},
            },
        }

    def test_the_results_of_a_feed_need_no_time_of_its_check(self) -> None:
        answer, _ = self.shown(replace(self.ENDED, times={}), ([{"status": "PUBLISHED"}], None))
        assert answer["results"] == [{"status": "PUBLISHED"}]

    def test_links_only_to_the_objects_that_there_are(self) -> None:
        answer, asked = self.shown(replace(self.ENDED, document_bytes=0, state=FeedState.CHECKED), ([], None))
        assert asked == [("problems.jsonl", 12, 7, 2 * 1024 * 1024)]
        assert list(answer["links"]) == ["results"]
        assert "nextToken" not in answer

    @pytest.mark.parametrize(
        ("entry", "problem"),
        [
            ({"status": "PUBLISHED"}, False),
            ({"status": "DELETED", "issues": []}, False),
            ({"status": "ACCEPTED"}, False),
            ({"status": "ACCEPTED", "issues": [{"message": "why"}]}, True),
            ({"status": "PUBLISHED_WITH_ISSUES"}, True),
            ({"status": "INVALID"}, True),
            ({"status": "REFUSED"}, True),
            ({"status": "UNKNOWN"}, True),
            ({"status": "NOT_SENT"}, True),
        ],
    )
    def test_what_needs_attention(self, entry: Mapping[str, Any], *, problem: bool) -> None:
        found, _ = self.shown(self.ENDED, ([entry], None), only_problems=True)
        assert found["results"] == ([entry] if problem else [])
        found, _ = self.shown(self.ENDED, ([entry], None))
        assert found["results"] == [entry]

    def test_the_problems_of_a_file_that_was_not_sent_are_all_there(self) -> None:
        entry = {"status": "PUBLISHED"}
        found, _ = self.shown(replace(self.ENDED, state=FeedState.QUEUED), ([entry], None), only_problems=True)
        assert found["results"] == [entry]

    def test_a_feed_of_nobody_or_of_another_seller(self) -> None:
        with pytest.raises(FeedRequestUnknownError, match=r"^no feed request one was found"):
            self.shown(None, ([], None))

    def test_a_token_of_other_results(self) -> None:
        with pytest.raises(InvalidRequestError) as refused:
            self.shown(self.ENDED, NoEntryError())
        ((field, code, message),) = [(one.field, one.code, one.message) for one in refused.value.errors]
        assert (field, code, message) == (
            "NextToken",
            "InvalidValue",
            "NextToken is not of the results that the feed has now: they are others once it has ended. "
            "Start again without NextToken",
        )

    @pytest.mark.parametrize(("status", "raised"), [(404, False), (416, False), (403, True), (500, True)])
    def test_a_place_that_the_results_do_not_have(self, status: int, *, raised: bool) -> None:
        answer: Any = {"Error": {"Code": "x"}, "ResponseMetadata": {"HTTPStatusCode": status}}
        error = ClientError(answer, "GetObject")
        if raised:
            with pytest.raises(ClientError):
                self.shown(self.ENDED, error)
        else:
            found, _ = self.shown(self.ENDED, error)
            assert (found["results"], "nextToken" in found) == ([], False)
