"""The simulator refuses exactly the messages that Amazon's schema refuses."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft7Validator

from sp_api_simulator.feed_processing import process
from sp_api_simulator.feed_state import Feed, FeedOutcome
from sp_api_simulator.state import Delivery, ProcessingStatus, Region
from tests.simulator.conftest import NEWER_MODELS

OUTCOME = FeedOutcome(ProcessingStatus.DONE, Delivery(), 0, 0)
FEED = Feed(
    "1",
    "A1",
    "client",
    Region.NA,
    "JSON_LISTINGS_FEED",
    ("ATVPDKIKX0DER",),
    datetime(2026, 11, 21, tzinfo=UTC),
    ProcessingStatus.IN_PROGRESS,
    "document",
)
ANY = st.none() | st.booleans() | st.integers(-1, 3) | st.sampled_from([1.0, 1.5, "", "x", [], {}, [{}], [1], {"a": 1}])


def maybe(*values: Any) -> st.SearchStrategy[Any]:
    return st.sampled_from(values) | ANY


PATCH = st.fixed_dictionaries({}, optional={"op": maybe("add", "delete"), "path": maybe("/attributes/a"), "value": ANY})
MESSAGE = st.fixed_dictionaries(
    {},
    optional={
        "messageId": maybe(1, 2**31 - 1, 2**31),
        "sku": maybe("A"),
        "operationType": maybe("UPDATE", "PARTIAL_UPDATE", "PATCH", "DELETE"),
        "productType": maybe("X"),
        "requirements": maybe("LISTING", "LISTING_OFFER_ONLY"),
        "attributes": maybe({"a": []}),
        "patches": st.lists(PATCH | ANY, max_size=2) | ANY,
    },
)
REPORT = st.fixed_dictionaries(
    {}, optional={"includedData": st.lists(maybe("issues", "offers"), max_size=2), "apiVersion": maybe("2021-08-01")}
)


def amazon(name: str) -> Draft7Validator:
    path = NEWER_MODELS / f"models/{name}.json"
    if not path.is_file():
        pytest.skip("Amazon's schemas are not there")
    return Draft7Validator(json.loads(path.read_text()))


@settings(max_examples=300)
@given(messages=st.lists(MESSAGE | ANY, min_size=1, max_size=3), report=st.none() | REPORT | ANY)
def test_the_simulator_agrees_with_amazons_schemas(messages: list[Any], report: Any) -> None:
    header = {"sellerId": "A1", "version": "2.0"} | ({} if report is None else {"report": report})
    schema = amazon("listings-feed-schema-v2")
    made = process(FEED, json.dumps({"header": header, "messages": messages}).encode(), OUTCOME, {"A1"}).report
    amazon("listings-feed-processing-report-schema-v2").validate(made)
    summary = made["summary"]
    filler = {"messageId": 1, "sku": "A", "operationType": "DELETE"}
    if not schema.is_valid({"header": header, "messages": [filler]}):
        assert summary["messagesProcessed"] == 0
        return
    valid = [message for message in messages if schema.is_valid({"header": header, "messages": [message]})]
    # A messageId counts once.
    assert summary["messagesAccepted"] == len({int(message["messageId"]) for message in valid})
    assert summary["messagesProcessed"] == len(messages)
