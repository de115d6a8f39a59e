"""The e-mail with the outcomes of a few minutes."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from quickstart.listings.digest import Outcome, UnreadableOutcomeError, read_outcome, send, written
from quickstart.own_stack import OwnStack
from tests.unit.quickstart.support import Aws, AwsError

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


def outcome(status: str, sku: str, message: str = "", issues: tuple[str, ...] = ()) -> Outcome:
    return Outcome(status, sku, "seller A1", message, issues)


def test_an_outcome_as_it_is_read() -> None:
    issues = [
        {"severity": "ERROR", "attributeNames": ["brand", "color"], "message": "No brand."},
        {"message": "Odd\nlines"},
        {"severity": "INFO", "attributeNames": []},
    ]
    detail = {
        "Status": "REFUSED",
        "Sku": "CUP\n2",
        "SellerId": "A1",
        "MarketplaceId": "A13V1IB3VIYZZH",
        "Asin": "B0",
        "Message": "Not  published.",
        "Issues": issues,
    }
    assert read_outcome(json.dumps({"detail": detail})) == Outcome(
        "REFUSED",
        "CUP 2",
        "seller A1, marketplace A13V1IB3VIYZZH, ASIN B0",
        "Not published.",
        ("ERROR brand, color: No brand.", ": Odd lines", "INFO :"),
    )
    del detail["Asin"], detail["Message"], detail["Issues"]
    assert read_outcome(json.dumps({"detail": detail})) == Outcome(
        "REFUSED", "CUP 2", "seller A1, marketplace A13V1IB3VIYZZH", "", ()
    )


def test_the_whole_e_mail() -> None:
    """What is good comes last, each group by status and SKU; of each submission, the first three issues."""
    outcomes = [
        outcome("PUBLISHED", "B", "fine"),
        outcome("DELETED", "C"),
        outcome("UNKNOWN", "A", "24 hours later."),
        outcome("REFUSED", "Z", "No brand.", ("one", "two", "three", "four")),
        outcome("REFUSED", "D", "No color."),
        outcome("PUBLISHED", "A"),
    ]
    subject, body = written(outcomes, STACK)
    assert subject == "Amazon listings: 1 DELETED, 2 PUBLISHED, 2 REFUSED, 1 UNKNOWN"
    assert body.splitlines() == [
        "Outcomes of listings submitted to Amazon: 1 DELETED, 2 PUBLISHED, 2 REFUSED, 1 UNKNOWN.",
        "Stack quick-start (eu-west-1)",
        "",
        "REFUSED: SKU D (seller A1)",
        "  No color.",
        "REFUSED: SKU Z (seller A1)",
        "  No brand.",
        "  - one",
        "  - two",
        "  - three",
        "UNKNOWN: SKU A (seller A1)",
        "  24 hours later.",
        "DELETED: SKU C (seller A1)",
        "PUBLISHED: SKU A (seller A1)",
        "PUBLISHED: SKU B (seller A1)",
        "",
        "See docs/listings.md#when-something-is-wrong",
    ]


@pytest.mark.parametrize(("count", "shown"), [(200, 200), (201, 200)])
def test_an_e_mail_shows_two_hundred_outcomes(count: int, shown: int) -> None:
    lines = written([outcome("DELETED", f"SKU-{number:03}") for number in range(count)], STACK)[1].splitlines()
    assert len(lines) == 3 + shown + (count > shown)
    assert (lines[-1] == "and 1 more. GET /listings lists them.") == (count > shown)


@pytest.mark.parametrize(("bytes_more", "shown"), [(0, 2), (1, 1)])
def test_an_e_mail_has_200_000_bytes_of_outcomes(bytes_more: int, shown: int) -> None:
    """Letters outside ASCII have more bytes than one, and each line has a line feed."""
    empty = len("REFUSED: SKU A (seller A1)\n  \n")
    half = 100_000 - empty
    outcomes = [
        outcome("REFUSED", "A", "\u00e9" * (half // 2) + "x" * (half % 2)),
        outcome("REFUSED", "B", "x" * (half + bytes_more)),
    ]
    body = written(outcomes, STACK)[1]
    assert body.count("REFUSED: SKU") == shown
    assert ("and 1 more. GET /listings lists them." in body.splitlines()) == (shown == 1)


def test_a_digest_is_sent_once_and_logged(aws: Aws, log_lines: Callable[[], list[dict[str, Any]]]) -> None:
    aws.answers["Publish"] = lambda _: {"MessageId": "m"}
    outcomes = [outcome("DELETED", "A"), outcome("DELETED", "B")]
    topic = "arn:aws:sns:us-east-1:111122223333:listings"
    send(aws.client("sns"), topic, STACK, [])
    assert (aws.calls, log_lines()) == ([], [])
    send(aws.client("sns"), topic, STACK, outcomes)
    subject, body = written(outcomes, STACK)
    assert aws.calls == [("Publish", {"TopicArn": topic, "Subject": subject, "Message": body})]
    assert [(line["message"], line["outcomes"]) for line in log_lines()] == [("digest sent", 2)]


def test_a_digest_that_sns_refuses_is_not_logged_as_sent(
    aws: Aws, log_lines: Callable[[], list[dict[str, Any]]]
) -> None:
    def refuse(_: object) -> dict[str, Any]:
        raise AwsError("AuthorizationError", 403)

    aws.answers["Publish"] = refuse
    with pytest.raises(ClientError):
        send(aws.client("sns"), "arn:aws:sns:us-east-1:111122223333:listings", STACK, [outcome("DELETED", "A")])
    assert log_lines() == []


@pytest.mark.parametrize("body", ["", "[]", "{}", json.dumps({"detail": {"Status": 1}}), "[" * 10**5])
def test_a_message_that_is_no_outcome(body: str) -> None:
    with pytest.raises(UnreadableOutcomeError, match=r"^the message is not an event about a listing's outcome$"):
        read_outcome(body)
