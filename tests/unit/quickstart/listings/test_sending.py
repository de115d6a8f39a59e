"""Sending a submission while AWS or SP-API fails: what the ledger says of it afterwards."""

from datetime import timedelta
from typing import Any
from unittest.mock import Mock

import pytest
from botocore.exceptions import ClientError

from quickstart.listings.lanes import Lanes, Machine
from quickstart.listings.ledger import ListingLedger
from quickstart.listings.outcomes import Announcer
from quickstart.listings.records import ListingOf, Operation, Payload, Record, Status
from quickstart.listings.sending import Sender
from sp_api import listings
from sp_api.errors import TransientError
from sp_api.regions import Region
from tests.unit.quickstart.support import Aws, MemoryTable

LISTING = ListingOf("A1", Region.EU, "A13V1IB3VIYZZH", "CUP", "A1")
SUBMISSION = "0" * 32


class Stage:
    """A submission that holds its lane; `sent` takes the place of deleteListingsItem."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, sent: Mock) -> None:
        monkeypatch.setattr(listings, "delete_listings_item", sent)
        aws = Aws(PutEvents=lambda _: {"FailedEntryCount": 0, "Entries": [{"EventId": "e"}]})
        self.ledger = ListingLedger(MemoryTable(aws, "SubmissionId", "SellerId").table, timedelta(days=1))
        announcer = Announcer(self.ledger, aws.client("events"), "bus")
        lanes = Lanes(self.ledger, Machine(aws.client("stepfunctions"), "machine"), announcer)
        caller: Any = Mock()
        self.sender = Sender(self.ledger, lanes, announcer, caller)
        record = self.ledger.receive(SUBMISSION, LISTING, Payload(Operation.DELETE), "hash", None)
        assert record is not None
        self.ledger.enter(record)

    def record(self) -> Record:
        record = self.ledger.find("A1", SUBMISSION)
        assert record is not None
        return record

    def fail(self, kind: type[Exception]) -> Record:
        """One attempt that fails, and then the end of the execution."""
        with pytest.raises(kind):
            self.sender.send("A1", SUBMISSION)
        before = self.record()
        self.sender.give_up("A1", SUBMISSION, "the execution has failed")
        return before


def test_when_aws_fails_before_the_call_the_submission_was_not_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    denied = ClientError({"Error": {"Code": "AccessDeniedException"}}, "Decrypt")
    stage = Stage(monkeypatch, Mock(side_effect=denied))
    assert stage.fail(ClientError).message == "Decrypt failed: AccessDeniedException"
    assert stage.record().status is Status.FAILED
    assert stage.record().message == "The submission was not sent: the execution has failed"


def test_when_the_answer_is_lost_it_is_unknown_whether_amazon_has_the_submission(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    lost = TransientError("deleteListingsItem", outcome_unknown=True, message="no answer")
    stage = Stage(monkeypatch, Mock(side_effect=lost))
    assert "no answer" in stage.fail(TransientError).message
    assert stage.record().status is Status.UNKNOWN
