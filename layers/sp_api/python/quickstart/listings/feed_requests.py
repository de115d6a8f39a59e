"""POST and GET of /listings/feeds: takes the request for a file of listings, and shows what became of it."""

import hashlib
import json
import re
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from botocore.exceptions import ClientError

from quickstart.dynamodb import Item
from quickstart.links import Link, ObjectLinks
from quickstart.listings.feed_documents import MOST_MESSAGES
from quickstart.listings.feed_files import (
    DOCUMENT,
    PROBLEMS,
    REPORT,
    RESULTS,
    UPLOAD,
    UPLOAD_CONTENT_TYPE,
    Entry,
    FeedFiles,
    NoEntryError,
    object_key,
)
from quickstart.listings.feed_ledger import NOT_A_FEED, SELLER_INDEX, UPLOAD_LINK_LIFETIME, FeedLedger
from quickstart.listings.feed_records import FeedMode, FeedOf, FeedRecord, FeedState, OnBadMessages
from quickstart.listings.fields import ClientTokenReusedError, read_issue_locale, read_party
from quickstart.paging import token
from quickstart.refusals import FieldError, InvalidRequestError, Refusal
from quickstart.times import read_text, to_text
from quickstart.validation import Fields
from sp_api.regions import Region

_FEED_REQUEST_ID = re.compile(r"[0-9a-f]{32}")
_MOST_QUEUED = 500
_PAGE, _LARGEST_PAGE = 100, 1000
_FEEDS, _MOST_FEEDS = 20, 100
_SHORTEST_LINK = timedelta(minutes=1)
# API Gateway returns at most 10 MB, and Lambda 6 MB.
_MOST_BYTES = 2 * 1024 * 1024
_RESULT_POSITION = ("Byte",)
_POSITION = ("ReceivedTime", "FeedRequestId")


class FeedRequestUnknownError(Refusal):
    """The table has no such feed of this seller."""

    status = 404
    code = "FeedRequestUnknown"
    field = "FeedRequestId"

    def __init__(self, feed_request_id: str) -> None:
        super().__init__(
            f"no feed request {feed_request_id} was found: the stack did not receive it, or it has expired"
        )


class TooManyFeedsError(Refusal):
    """Too many files of the account have been uploaded and are not finished."""

    status = 429
    code = "TooManyFeeds"
    field = "SellerId"
    retry_after = 600.0

    def __init__(self) -> None:
        super().__init__(
            f"{_MOST_QUEUED} files of listings of this seller in this region are not finished yet: "
            "put more messages into one file"
        )


@dataclass(frozen=True)
class NewFeed:
    """A valid POST /listings/feeds."""

    account: FeedOf
    mode: FeedMode
    on_bad: OnBadMessages
    message_count: int | None
    issue_locale: str | None
    client_token: str | None

    @property
    def request_hash(self) -> str:
        """The same for the same request, and different for every other one."""
        account = self.account
        canonical = [
            account.seller_id,
            str(account.region),
            sorted(account.marketplace_ids),
            account.listing_seller_id,
            str(account.party),
            str(self.mode),
            str(self.on_bad),
            self.message_count,
            self.issue_locale,
        ]
        return hashlib.sha256(json.dumps(canonical).encode()).hexdigest()

    @property
    def feed_request_id(self) -> str:
        """The same for the same ClientToken of a seller, and new without one."""
        if self.client_token is None:
            return uuid.uuid4().hex
        return hashlib.sha256(json.dumps([self.account.seller_id, "feed", self.client_token]).encode()).hexdigest()[:32]


@dataclass(frozen=True)
class FeedDesk:
    """What takes requests for feeds. `require_token` raises SellerUnknownError for a seller without a token."""

    ledger: FeedLedger
    links: ObjectLinks
    require_token: Callable[[str, Region], object]
    now: Callable[[], datetime] = lambda: datetime.now(UTC)

    def request(self, feed: NewFeed) -> Mapping[str, object]:
        """Records the feed and returns where its file is to be uploaded. Repeats it for the same ClientToken.

        Raises ClientTokenReusedError, SellerUnknownError and TooManyFeedsError.
        """
        account = feed.account
        self.require_token(account.seller_id, account.region)
        feed_request_id = feed.feed_request_id
        if len(self.ledger.queue(account).feeds) >= _MOST_QUEUED and not self._is_repeat(feed, feed_request_id):
            raise TooManyFeedsError
        record = FeedRecord(
            feed_request_id,
            account,
            feed.mode,
            feed.on_bad,
            feed.request_hash,
            FeedState.AWAITING_UPLOAD,
            to_text(self.now(), unit="microseconds"),
            to_text(self.now() + UPLOAD_LINK_LIFETIME),
            message="The stack waits for the upload of the file.",
            message_count=feed.message_count,
            client_token=feed.client_token,
            issue_locale=feed.issue_locale,
        )
        if not self.ledger.receive(record):
            earlier = self.ledger.find(account.seller_id, feed_request_id)
            if earlier is None or earlier.request_hash != record.request_hash:
                raise ClientTokenReusedError(feed.client_token or "")
            record = earlier
        answer: dict[str, object] = {"feedRequestId": feed_request_id, "status": str(record.state)}
        if record.state is FeedState.AWAITING_UPLOAD:
            answer["upload"] = self._upload(record)
        return answer

    def _is_repeat(self, feed: NewFeed, feed_request_id: str) -> bool:
        """Whether the stack has taken the request before. Without a ClientToken, its id is new."""
        return self.ledger.find(feed.account.seller_id, feed_request_id) is not None

    def _upload(self, record: FeedRecord) -> Mapping[str, object]:
        """A repeated request gets a link that ends with the first one: nobody looks for a later upload."""
        key = object_key(record.account.seller_id, record.feed_request_id, UPLOAD)
        left = read_text(record.upload_expires) - self.now()
        links = replace(self.links, lifetime=max(left, _SHORTEST_LINK))
        link = links.presign_upload(key, f"feed-{record.feed_request_id}", UPLOAD_CONTENT_TYPE)
        return {
            "method": "PUT",
            "url": link.url,
            "headers": {"Content-Type": UPLOAD_CONTENT_TYPE, "If-None-Match": "*"},
            "expires": to_text(link.expires),
        }


def read_new_feed(fields: Fields) -> NewFeed:
    """A POST /listings/feeds. Raises InvalidRequestError listing every invalid field."""
    seller_id, region = fields.seller_id(), fields.region()
    marketplace_ids = fields.marketplace_ids(region)
    party, vendor_code = read_party(fields)
    issue_locale = read_issue_locale(fields)
    mode = fields.choice("Mode", tuple(FeedMode), required=False)
    on_bad = fields.choice("OnBadMessages", tuple(OnBadMessages), required=False)
    message_count = _message_count(fields)
    client_token = fields.client_token()
    fields.finish()
    account = FeedOf(seller_id, region, marketplace_ids, vendor_code or seller_id, party)
    return NewFeed(
        account,
        FeedMode(mode or FeedMode.PUBLISH),
        OnBadMessages(on_bad or OnBadMessages.REFUSE),
        message_count,
        issue_locale,
        client_token,
    )


@dataclass(frozen=True)
class ShowRequest:
    """A valid GET /listings/feeds/{feedRequestId}. `start` is the byte of the results at which the page starts."""

    seller_id: str
    feed_request_id: str
    only_problems: bool
    limit: int
    start: int


def read_show_request(fields: Fields) -> ShowRequest:
    """Raises InvalidRequestError listing every invalid field."""
    seller_id = fields.seller_id()
    feed_request_id = fields.matching(
        "FeedRequestId", _FEED_REQUEST_ID, "the feedRequestId from an earlier response: 32 characters"
    )
    results = fields.choice("Results", ("ALL", "PROBLEMS"), required=False)
    limit = fields.limit(_PAGE, _LARGEST_PAGE)
    position = fields.next_token(_RESULT_POSITION)
    start = "0" if position is None else position["Byte"]
    if not re.fullmatch(r"[0-9]{1,12}", start):
        fields.wrong("NextToken", "InvalidValue", "NextToken must be the nextToken of the previous page, unchanged")
        start = "0"
    fields.finish()
    return ShowRequest(seller_id, feed_request_id, results == "PROBLEMS", limit, int(start))


@dataclass(frozen=True)
class ListRequest:
    """A valid GET /listings/feeds; `after` is where the previous page ended."""

    seller_id: str
    limit: int
    after: Mapping[str, str] | None


def read_list_request(fields: Fields) -> ListRequest:
    """Raises InvalidRequestError listing every invalid field."""
    request = ListRequest(fields.seller_id(), fields.limit(_FEEDS, _MOST_FEEDS), fields.next_token(_POSITION))
    fields.finish()
    return request


def list_feeds(ledger: FeedLedger, request: ListRequest) -> Mapping[str, object]:
    """A page of the seller's feeds, newest first: {"feeds": [...], "nextToken"?}."""
    items, last = ledger.table.latest(
        "SellerId",
        request.seller_id,
        index=SELLER_INDEX,
        limit=request.limit,
        above=("ReceivedTime", NOT_A_FEED),
        after=None if request.after is None else {"SellerId": request.seller_id, **request.after},
    )
    page: dict[str, object] = {"feeds": [_described_item(item) for item in items if not ledger.expired(item)]}
    if last is not None:
        page["nextToken"] = token({name: str(last[name]) for name in _POSITION})
    return page


def show_feed(
    ledger: FeedLedger, links: ObjectLinks, files: Callable[[FeedRecord], FeedFiles], request: ShowRequest
) -> Mapping[str, object]:
    """A feed with a page of its results.

    Raises FeedRequestUnknownError, also for another seller's, and InvalidRequestError for a token of other results.
    """
    record = ledger.find(request.seller_id, request.feed_request_id)
    if record is None:
        raise FeedRequestUnknownError(request.feed_request_id)
    answer = described(record)
    stored = files(record)
    sent = record.counts is not None and record.state.final and record.has_results and _has_all_results(record)
    name = RESULTS if sent else PROBLEMS
    if sent or record.times.get("CheckedTime"):
        entries, following = _page(stored, name, request, only_problems=sent and request.only_problems)
        answer["results"] = entries
        if following is not None:
            answer["nextToken"] = token({"Byte": str(following)})
        answer["links"] = _links(record, links, stored, name)
    return answer


def described(record: FeedRecord) -> dict[str, object]:
    """The feed as answers return it."""
    account = record.account
    known: dict[str, object] = {
        "feedRequestId": record.feed_request_id,
        "sellerId": account.seller_id,
        "regionCode": str(account.region),
        "marketplaceIds": list(account.marketplace_ids),
        "mode": str(record.mode),
        "onBadMessages": str(record.on_bad),
        "messageCount": record.message_count,
        "clientToken": record.client_token,
        "status": str(record.state),
        "final": record.state.final,
        "message": record.message,
        "feedId": record.feed_id,
        "layout": record.layout or None,
        "sizeBytes": record.size_bytes,
        "counts": None if record.counts is None else dict(record.counts.by_name()),
        "receivedTime": record.received,
        **{name[:1].lower() + name[1:]: value for name, value in record.times.items()},
    }
    return {name: value for name, value in known.items() if value is not None}


def _has_all_results(record: FeedRecord) -> bool:
    """Whether each message has a result: a file that was only checked, or refused, has only its problems."""
    return record.state not in (FeedState.CHECKED, FeedState.REFUSED)


def _described_item(item: Item) -> Mapping[str, object]:
    return described(FeedRecord.from_item(item))


def _page(files: FeedFiles, name: str, request: ShowRequest, *, only_problems: bool) -> tuple[list[Entry], int | None]:
    wanted = _needs_attention if only_problems else _everything
    try:
        return files.page(name, request.start, request.limit, _MOST_BYTES, wanted)
    except NoEntryError:
        # The token is of another feed, or from before the feed's end.
        message = (
            "NextToken is not of the results that the feed has now: they are others once it has ended. "
            "Start again without NextToken"
        )
        raise InvalidRequestError([FieldError("NextToken", "InvalidValue", message)]) from None
    except ClientError as error:
        # The position of a token that belongs to another feed.
        if error.response["ResponseMetadata"]["HTTPStatusCode"] in (404, 416):
            return [], None
        raise


def _everything(_entry: Entry) -> bool:
    return True


def _needs_attention(entry: Entry) -> bool:
    return bool(entry.get("issues")) or entry.get("status") not in ("PUBLISHED", "DELETED", "ACCEPTED")


def _links(record: FeedRecord, links: ObjectLinks, files: FeedFiles, results: str) -> Mapping[str, object]:
    """New links to the objects that the feed has."""
    names = {"results": results}
    if record.has_report:
        names["processingReport"] = REPORT
    if record.document_bytes:
        names["document"] = DOCUMENT
    made = links.presign_all([files.key(name) for name in names.values()], f"feed-{record.feed_request_id}")
    return {name: _link_json(link) for name, link in zip(names, made, strict=True)}


def _link_json(link: Link) -> Mapping[str, object]:
    return {"url": link.url, "expires": to_text(link.expires)}


def _message_count(fields: Fields) -> int | None:
    name = "MessageCount"
    rule = f"a whole number from 1 to {MOST_MESSAGES}: how many messages the file has"
    fields.known(name, rule=rule, schema={"type": "integer", "minimum": 1, "maximum": MOST_MESSAGES})
    value = fields.body.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= MOST_MESSAGES:
        fields.wrong(name, "InvalidValue", f"{name} must be a whole number from 1 to {MOST_MESSAGES}")
        return None
    return value
