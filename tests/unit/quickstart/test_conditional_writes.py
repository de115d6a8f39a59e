"""Conditional writes whose answer is lost: the AWS SDK sends them again, and DynamoDB refuses the second copy."""

import io
import json
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from boto3.dynamodb.conditions import Attr
from botocore.awsrequest import AWSResponse
from botocore.compat import HTTPHeaders
from botocore.config import Config
from botocore.exceptions import ConnectionClosedError

from quickstart.dynamodb import Table

KEY = {"ReportId": "1", "SellerId": "A1"}
UNCLAIMED = Attr("Claim").not_exists()


class Raw(io.BytesIO):
    """A body as botocore reads it."""

    def stream(self, **_: object) -> Iterator[bytes]:
        yield self.read()


class Answers:
    """DynamoDB's answers to the attempts of one write, where botocore sends them."""

    def __init__(self, *answers: Any, attempts: int = 2) -> None:
        config = Config(retries={"mode": "standard", "total_max_attempts": attempts})
        make: Any = boto3.client
        client = make(
            "dynamodb",
            region_name="us-east-1",
            aws_access_key_id="test",
            aws_secret_access_key="test",
            config=config,
        )
        client.meta.events.register_first("before-send", self._send)
        self.left, self.sent = list(answers), 0
        self.table = Table(client, "table")

    def _send(self, request: Any, **_: object) -> AWSResponse:
        self.sent += 1
        answer = self.left.pop(0)
        if answer is None:
            raise ConnectionClosedError(endpoint_url=request.url)
        body = {"__type": "ConditionalCheckFailedException", "Item": answer}
        return AWSResponse(request.url, 400, HTTPHeaders(), Raw(json.dumps(body).encode()))


@pytest.fixture(autouse=True)
def _no_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.sleep", lambda _: None)


def typed(**values: str) -> dict[str, Any]:
    return {name: {"S": value} for name, value in (KEY | values).items()}


WRITES = {
    "put": lambda table: table.put(KEY | {"Claim": "mine"}, UNCLAIMED),
    "update": lambda table: table.update(KEY, {"Claim": "mine"}, condition=UNCLAIMED),
}


@pytest.mark.parametrize("write", WRITES.values(), ids=WRITES)
class TestARefusedConditionalWrite:
    def test_after_a_lost_answer_with_the_same_values_was_carried_out(self, write: Any) -> None:
        answers = Answers(None, typed(Claim="mine"))
        assert write(answers.table) is True
        assert answers.sent == 2

    def test_after_a_lost_answer_with_other_values_was_not(self, write: Any) -> None:
        assert write(Answers(None, typed(Claim="another's")).table) is False

    def test_that_was_sent_once_was_not_although_the_values_are_the_same(self, write: Any) -> None:
        assert write(Answers(typed(Claim="mine")).table) is False

    def test_without_an_item_was_not(self, write: Any) -> None:
        assert write(Answers(None, {}).table) is False


def test_a_refused_write_shows_the_item_as_it_is() -> None:
    assert Answers(typed(Claim="another's")).table.put_unless(KEY, UNCLAIMED) == KEY | {"Claim": "another's"}
    assert Answers({}).table.put_unless(KEY, UNCLAIMED) == {}
    assert Answers(None, typed(Claim="mine")).table.put_unless(KEY | {"Claim": "mine"}, UNCLAIMED) is None


def test_an_update_returns_the_item_also_after_a_lost_answer() -> None:
    def updated(*answers: Any) -> Any:
        return Answers(*answers).table.updated(KEY, {"Claim": "mine"}, condition=UNCLAIMED)

    assert updated(None, typed(Claim="mine", State="x")) == KEY | {"Claim": "mine", "State": "x"}
    assert updated(typed(Claim="another's")) is None


def test_a_removal_that_no_item_allows_was_not_carried_out() -> None:
    """It sets no value, so an item that is not there has none that differs."""
    table = Answers(None, {}).table
    assert table.update(KEY, {}, remove=["Claim"], condition=Attr("Claim").exists()) is False
