"""The e-mail with the outcomes of a few minutes."""

import json

import pytest

from quickstart.listings.digest import UnreadableOutcomeError, read_outcome, written
from quickstart.own_stack import OwnStack

STACK = OwnStack("quick-start", "eu-west-1")

SNS_BYTES = 256 * 1024


def event(status: str, sku: str, message: str = "", issues: int = 0) -> str:
    issue = {"severity": "ERROR", "attributeNames": ["brand"], "message": message}
    detail = {"Status": status, "Sku": sku, "SellerId": "A1", "MarketplaceId": "A13V1IB3VIYZZH", "Message": message}
    return json.dumps({"detail": {**detail, "Issues": [issue] * issues}})


def test_what_needs_attention_comes_first() -> None:
    outcomes = [read_outcome(event("PUBLISHED", "A")), read_outcome(event("REFUSED", "B", "No brand.", 1))]
    subject, body = written(outcomes, STACK)
    assert subject == "Amazon listings: 1 PUBLISHED, 1 REFUSED"
    assert body.index("REFUSED: SKU B") < body.index("PUBLISHED: SKU A")
    assert "more" not in body
    assert "Stack quick-start (eu-west-1)" in body.splitlines()
    assert body.endswith("\n\nSee docs/listings.md#when-something-is-wrong")
    assert "See docs" not in written(outcomes[:1], STACK)[1]


@pytest.mark.parametrize(("count", "message"), [(201, "x"), (200, "\u00e9" * 1000)], ids=["many", "long"])
def test_an_e_mail_fits_and_says_what_it_leaves_out(count: int, message: str) -> None:
    outcomes = [read_outcome(event("REFUSED", f"SKU-{number}", message, 5)) for number in range(count)]
    body = written(outcomes, STACK)[1]
    assert len(body.encode()) < SNS_BYTES
    shown = body.count("REFUSED: SKU")
    assert 0 < shown < count
    assert f"and {count - shown} more. GET /listings lists them." in body.splitlines()


@pytest.mark.parametrize("body", ["", "[]", "{}", json.dumps({"detail": {"Status": 1}})])
def test_a_message_that_is_no_outcome(body: str) -> None:
    with pytest.raises(UnreadableOutcomeError):
        read_outcome(body)
