"""docs/examples/host_product.py: when it takes new credentials, and how it waits for IAM."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

from deployment import host_product


class Sts:
    """Refuses with these codes, one call each, and then gives credentials that live so long."""

    def __init__(self, lifetime: timedelta, *refusals: str) -> None:
        self.lifetime = lifetime
        self.refusals = list(refusals)
        self.calls = 0

    def assume_role(self, **_: str) -> Any:
        self.calls += 1
        if self.refusals:
            raise ClientError({"Error": {"Code": self.refusals.pop(0)}}, "AssumeRole")
        expires = datetime.now(UTC) + self.lifetime
        keys = {"AccessKeyId": f"key-{self.calls}", "SecretAccessKey": "secret", "SessionToken": "token"}
        return {"Credentials": keys | {"Expiration": expires}}


@pytest.mark.parametrize(("lifetime", "calls"), [(timedelta(hours=1), 1), (timedelta(minutes=4), 3)])
def test_credentials_are_renewed_before_they_expire(lifetime: timedelta, calls: int) -> None:
    sts = Sts(lifetime)
    quick_start = host_product().QuickStart("role", "us-east-1", sts)
    for _ in range(3):
        quick_start.signature()
    assert sts.calls == calls


def test_iam_is_given_time_to_settle(monkeypatch: pytest.MonkeyPatch) -> None:
    module = host_product()
    waits: list[float] = []
    monkeypatch.setattr(module.time, "sleep", waits.append)
    sts = Sts(timedelta(hours=1), "AccessDenied", "InvalidClientTokenId")
    module.QuickStart("role", "us-east-1", sts).signature()
    assert (sts.calls, len(waits)) == (3, 2)


def test_what_waiting_does_not_mend_is_told_at_once() -> None:
    sts = Sts(timedelta(hours=1), "ValidationError")
    with pytest.raises(ClientError, match="ValidationError"):
        host_product().QuickStart("role", "us-east-1", sts).signature()
    assert sts.calls == 1
