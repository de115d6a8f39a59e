"""What the command asks the stack and S3, and what it makes of answers that the local stack does not give."""

import json
from typing import Any

import pytest

from operations.api import FEEDS, PRODUCT_TYPES, RefusedError
from operations.command import CommandError
from operations.publish_listings.api import Target, UploadExpiredError
from tests.unit.operations.publish_listings.playing import CLOSED, EXPIRED, TARGET, playing


def test_what_passes_is_asked_again() -> None:
    answers: tuple[tuple[int, Any], ...] = ((429, {}), (503, {}), (CLOSED, None), (504, {}), (200, {"pullId": "1"}))
    with playing(*answers) as played:
        assert played.api.send("POST", PRODUCT_TYPES, "/pulls", {"a": "é"}) == {"pullId": "1"}
    assert played.seen == [("POST", "/types/pulls", b'{"a": "\\u00e9"}')] * 5
    assert played.pauses == [7.0, 4.0, 8.0, 16.0]


def test_a_refusal_has_the_reason_of_each_field() -> None:
    errors = [{"field": "SellerId", "code": "Missing", "message": "SellerId is missing"}, {"message": "Two errors"}]
    with playing((400, {"message": "Two errors", "errors": errors})) as played:
        with pytest.raises(RefusedError, match=r": HTTP 400: Two errors; SellerId is missing$") as caught:
            played.api.send("GET", FEEDS, "", SellerId="a b", NextToken=None)
        assert caught.value.status == 400
    assert played.seen[0][1] == "/feeds?SellerId=a+b"
    with playing((403, ["no object"])) as played, pytest.raises(RefusedError, match="no reason was given"):
        played.api.send("GET", FEEDS)


@pytest.mark.parametrize("status", [CLOSED, 503])
def test_it_gives_up_at_last(status: int) -> None:
    with playing(*[(status, {"message": "busy"})] * 8) as played, pytest.raises(CommandError, match=r"no answer|busy"):
        played.api.send("GET", FEEDS)
    assert len(played.pauses) == 7


def test_a_stack_without_feeds() -> None:
    with playing() as played:
        played.api.needs(FEEDS, PRODUCT_TYPES)
        with pytest.raises(CommandError, match=r"no output ListingsUrl: .* ListingsEnabled Yes"):
            played.api.needs("ListingsUrl")


@pytest.mark.parametrize("last", [200, 412])
def test_an_upload_is_repeated_until_s3_has_the_file(last: int) -> None:
    done: list[int] = []
    answers = (CLOSED, 503, 409, 500, 503, 500, CLOSED, last)
    with playing(*((status, {}) for status in answers)) as played:
        played.api.upload(played.upload, b"x" * 100_000, done.append)
    assert played.seen == [("PUT", "/upload", b"x" * 100_000)] * 8
    assert played.pauses == [2.0, 4.0, 8.0, 16.0, 30.0, 30.0, 30.0]
    assert done[-1] == 100_000
    assert done.count(100_000) >= 8, "each attempt begins anew"


def test_an_upload_has_the_headers_of_its_link_and_five_minutes() -> None:
    with playing((200, {})) as played:
        played.api.upload({**played.upload, "headers": {"If-None-Match": "*"}}, b"x", lambda _: None)
    assert played.headers[0]["If-None-Match"] == "*"
    assert played.limits == [300]


@pytest.mark.parametrize("status", [400, 404, 408, 410, 499, 501, 502, 504])
def test_an_upload_that_s3_refuses_is_not_repeated(status: int) -> None:
    with playing((status, {})) as played, pytest.raises(CommandError) as refused:
        played.api.upload(played.upload, b"x", lambda _: None)
    assert str(refused.value) == f"S3 refused the upload: HTTP {status}. Run this again"
    assert played.pauses == []


def test_an_upload_that_s3_refuses_for_another_reason_than_time() -> None:
    denied = b"<Error><Code>AccessDenied</Code><Message>Access Denied</Message><StringToSign>key</StringToSign></Error>"
    with playing((403, denied)) as played, pytest.raises(CommandError) as refused:
        played.api.upload(played.upload, b"x", lambda _: None)
    assert str(refused.value) == "S3 refused the upload: HTTP 403 AccessDenied: Access Denied. Run this again"
    assert not isinstance(refused.value, UploadExpiredError)


def test_an_upload_that_fails_at_last() -> None:
    expired = r"^S3 refused the upload: its link has expired\. Run this again$"
    for answer in (EXPIRED, (400, b"<Error><Code>ExpiredToken</Code></Error>")):
        with playing(answer) as played, pytest.raises(UploadExpiredError, match=expired):
            played.api.upload(played.upload, b"x", lambda _: None)
    nothing = r"^the upload got no answer \(ConnectionError\)\. Run this again$"
    with playing(*[(CLOSED, None)] * 8) as played, pytest.raises(CommandError, match=nothing):
        played.api.upload(played.upload, b"x", lambda _: None)
    assert len(played.pauses) == 7
    busy = r"^S3 refused the upload: HTTP 503\. Run this again$"
    with playing(*[(503, {})] * 8) as played, pytest.raises(CommandError, match=busy):
        played.api.upload(played.upload, b"x", lambda _: None)
    assert len(played.pauses) == 7


def test_a_link_is_in_no_message() -> None:
    with playing((403, {})) as played, pytest.raises(CommandError) as caught:
        played.api.download(f"{played.address}/secret?X-Amz-Signature=abc")
    assert str(caught.value) == "a document of the stack cannot be read (HTTPError)"
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


def test_a_document_of_the_stack() -> None:
    with playing((200, b"\x00document")) as played:
        assert played.api.download(f"{played.address}/document?X-Amz-Signature=abc") == b"\x00document"
    assert played.seen == [("GET", "/document?X-Amz-Signature=abc", b"")]
    assert played.limits == [40], "longer than the 28 seconds in which the API answers"


def test_a_pull_shows_each_of_its_states() -> None:
    states = [{"status": "LISTING"}, {"status": "FETCHING"}, {"status": "FINISHED"}]
    with playing((200, {"pullId": "1"}), *[(200, state) for state in states]) as played:
        assert list(played.api.pull(TARGET, ["LUGGAGE", "SHIRT"], "LISTING_OFFER_ONLY")) == states
    assert [(method, path) for method, path, _ in played.seen] == [
        ("POST", "/types/pulls"),
        *[("GET", "/types/pulls/1")] * 3,
    ]
    assert json.loads(played.seen[0][2]) == {
        "SellerId": "S",
        "RegionCode": "EU",
        "MarketplaceIds": "M",
        "ProductTypes": ["LUGGAGE", "SHIRT"],
        "Requirements": "LISTING_OFFER_ONLY",
    }
    assert played.pauses == [1.0, 1.0]


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"error": "Throttled", "cause": "too often"}, "FAILED: Throttled too often"),
        ({"error": "Throttled"}, "FAILED: Throttled"),
        ({"cause": "too often"}, "FAILED"),
    ],
)
def test_a_pull_that_fails(more: dict[str, str], said: str) -> None:
    with playing((200, {"pullId": "1"}), (200, {"status": "FAILED", **more})) as played:
        with pytest.raises(CommandError) as failed:
            list(played.api.pull(TARGET, ["LUGGAGE"], "LISTING"))
        assert str(failed.value) == f"the product types could not be fetched: the pull is {said}"


def test_the_results_of_a_feed_come_in_the_largest_pages() -> None:
    """The stack takes a Limit of at most 1000 (docs/api-reference.md)."""
    pages: tuple[dict[str, Any], ...] = (
        {"results": [{"sku": "A"}, {"sku": "B"}], "nextToken": "t 1"},
        {"nextToken": "2"},
        {"results": [{}]},
    )
    with playing(*((200, page) for page in pages)) as played:
        assert list(played.api.results(TARGET, "r1")) == [{"sku": "A"}, {"sku": "B"}, {}]
    first = "/feeds/r1?SellerId=S&Results=ALL&Limit=1000"
    assert [path for _, path, _ in played.seen] == [first, f"{first}&NextToken=t+1", f"{first}&NextToken=2"]


def test_whose_listings_a_request_is_about() -> None:
    assert TARGET.body == {"SellerId": "S", "RegionCode": "EU"}
    assert Target("S", "EU", "M", "ABCDE").body == {
        "SellerId": "S",
        "RegionCode": "EU",
        "PartyType": "VENDOR",
        "VendorCode": "ABCDE",
    }


@pytest.mark.parametrize(("answered", "name"), [({}, "A/B"), ({"answeredProductType": "SHIRT"}, "SHIRT")])
def test_a_definition_of_the_stack(answered: dict[str, str], name: str) -> None:
    """Another product type than the one that was asked for, if the marketplace has only that."""
    groups = {"offer": {"title": "Offer", "propertyNames": ["size"]}}
    with playing() as played:
        links = {"schema": {"url": f"{played.address}/schema"}}
        schema = {"properties": {"size": {"title": "Size", "type": "string"}}}
        stored = {"links": links, "checksum": "c", "propertyGroups": groups, **answered}
        played.answers += [(200, stored), (200, schema)]
        found = played.api.definition(TARGET, "A/B", "LISTING")
    assert found is not None
    assert (found.product_type, found.requirements, found.checksum) == (name, "LISTING", "c")
    assert found.schema["properties"] == schema["properties"]
    assert found.property_groups == groups
    assert [(method, path) for method, path, _ in played.seen] == [
        ("GET", "/types/A%2FB?MarketplaceId=M&RegionCode=EU&Requirements=LISTING"),
        ("GET", "/schema"),
    ]


def test_a_definition_that_the_stack_refuses() -> None:
    with playing((403, {"message": "denied"})) as played, pytest.raises(RefusedError, match=r"HTTP 403: denied$"):
        played.api.definition(TARGET, "LUGGAGE", "LISTING")


def test_a_schema_that_cannot_be_read_is_named() -> None:
    with playing() as played:
        links = {"schema": {"url": f"{played.address}/schema"}}
        stored = {"links": links, "checksum": "c", "propertyGroups": {}}
        played.answers += [(200, stored), (200, []), (404, {"errors": [{"code": "NotFound", "message": "no"}]})]
        with pytest.raises(CommandError, match=r"^the schema of LUGGAGE: The schema is not a JSON object$"):
            played.api.definition(TARGET, "LUGGAGE", "LISTING")
        assert played.seen[0][1] == "/types/LUGGAGE?MarketplaceId=M&RegionCode=EU&Requirements=LISTING"
        assert played.api.definition(TARGET, "LUGGAGE", "LISTING") is None
