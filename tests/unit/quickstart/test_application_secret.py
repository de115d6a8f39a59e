"""Which version of the client secret functions use: no stack update and no rollback brings an older one back."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest

from quickstart.application_secret import ApplicationSecret, SecretVersion, secret_string
from quickstart.secrets import SecretUnreadableError
from sp_api.lwa import ApplicationCredentials
from tests.unit.quickstart.support import Aws, AwsError

ROTATED = {"AppClientId": "client", "AppClientSecret": "rotated", "IssuedAt": "2026-11-21T00:00:00+00:00"}
NEWER = {"AppClientId": "client", "AppClientSecret": "newer", "IssuedAt": "2026-11-26T00:00:00+00:00"}
# What CloudFormation writes: the parameters of an update, or those that its rollback restores.
WRITTEN = {"AppClientId": "client", "AppClientSecret": "of the parameters"}
ANOTHER = {"AppClientId": "another client", "AppClientSecret": "of another application"}
CREATED = datetime(2026, 11, 21, 1, tzinfo=UTC)


def secret(**stages: Mapping[str, str]) -> ApplicationSecret:
    def value(given: Mapping[str, Any]) -> Mapping[str, Any]:
        stage = given["VersionStage"]
        if stage not in stages:
            raise AwsError("ResourceNotFoundException")
        assert given["SecretId"] == "arn"
        text = json.dumps(stages[stage])
        return {"VersionId": stage.ljust(32, "0"), "SecretString": text, "CreatedDate": CREATED}

    return ApplicationSecret(Aws(GetSecretValue=value).client("secretsmanager"), "arn")


@pytest.mark.parametrize(
    ("stages", "used"),
    [
        ({"AWSCURRENT": WRITTEN}, "of the parameters"),
        ({"AWSCURRENT": ROTATED, "IN_USE": ROTATED}, "rotated"),
        ({"AWSCURRENT": WRITTEN, "AWSPREVIOUS": ROTATED, "IN_USE": ROTATED}, "rotated"),
        # The label moves last.
        ({"AWSCURRENT": NEWER, "IN_USE": ROTATED}, "newer"),
        # The stack was given another application.
        ({"AWSCURRENT": ANOTHER, "AWSPREVIOUS": ROTATED, "IN_USE": ROTATED}, "of another application"),
    ],
)
def test_the_version_in_use(stages: dict[str, Mapping[str, str]], used: str) -> None:
    assert secret(**stages).in_use().client_secret == used


def test_a_secret_without_a_value() -> None:
    with pytest.raises(SecretUnreadableError):
        secret().in_use()


def version(value: str, **more: str) -> dict[str, str]:
    return {"AppClientId": "client", "AppClientSecret": value, **more}


ENDS = "2026-11-28T00:00:00+00:00"
BEFORE, AT_ITS_END = datetime(2026, 11, 27, 23, 59, 59, tzinfo=UTC), datetime(2026, 11, 28, tzinfo=UTC)
USED = ROTATED | {"PreviousExpiresAt": ENDS}


@pytest.mark.parametrize(
    ("stages", "now", "tried"),
    [
        ({"AWSCURRENT": USED}, BEFORE, []),
        ({"AWSCURRENT": USED, "AWSPREVIOUS": version("old")}, BEFORE, ["old"]),
        ({"AWSCURRENT": USED, "AWSPREVIOUS": version("old")}, AT_ITS_END, []),
        # Nobody knows when it ends.
        ({"AWSCURRENT": ROTATED, "AWSPREVIOUS": version("old")}, AT_ITS_END, ["old"]),
        # Only the previous one has ended.
        ({"AWSCURRENT": USED, "AWSPREVIOUS": version("old"), "AWSPENDING": version("new")}, AT_ITS_END, ["new"]),
        (
            {"AWSCURRENT": WRITTEN, "AWSPREVIOUS": version("old"), "AWSPENDING": version("new"), "IN_USE": ROTATED},
            BEFORE,
            ["old", "new", "of the parameters"],
        ),
        ({"AWSCURRENT": USED, "AWSPREVIOUS": version("same"), "AWSPENDING": version("same")}, BEFORE, ["same"]),
        ({"AWSCURRENT": USED, "AWSPREVIOUS": version("rotated"), "AWSPENDING": ANOTHER}, BEFORE, []),
        ({"AWSCURRENT": USED, "AWSPREVIOUS": {}, "AWSPENDING": version("new")}, BEFORE, ["new"]),
    ],
)
def test_what_is_tried_when_lwa_refuses_the_version_in_use(
    stages: dict[str, Mapping[str, str]], now: datetime, tried: list[str]
) -> None:
    """The previous one until its end, the pending one, and what a stack update wrote; each secret once."""
    assert [one.client_secret for one in secret(**stages).others(now)] == tried


def test_a_version_has_its_times_and_is_stored_with_them() -> None:
    times = {"IssuedAt": "2026-11-21T00:00:00.500000+00:00", "ExpiresAt": ENDS, "PreviousExpiresAt": ENDS}
    found = secret(AWSPENDING=version("s", **times)).version("AWSPENDING")
    assert found == SecretVersion(
        "AWSPENDING".ljust(32, "0"),
        "client",
        "s",
        issued_at=datetime(2026, 11, 21, 0, 0, 0, 500_000, tzinfo=UTC),
        expires_at=AT_ITS_END,
        previous_expires_at=AT_ITS_END,
        created_at=CREATED,
    )
    assert found.managed
    assert json.loads(secret_string(found)) == version("s", **times)
    assert found.credentials == ApplicationCredentials("client", "s")
    assert "'s'" not in repr(found)


def test_a_version_without_times_is_not_the_stacks_own() -> None:
    found = secret(AWSCURRENT=version("s", IssuedAt="soon")).version("AWSCURRENT")
    assert found is not None
    assert (found.managed, found.expires_at, found.previous_expires_at) == (False, None, None)
    assert json.loads(secret_string(found)) == version("s")


def test_a_version_that_cannot_be_read_or_is_not_there() -> None:
    damaged = secret(AWSPENDING={"AppClientId": "client"})
    with pytest.raises(SecretUnreadableError, match="AppClientId and AppClientSecret"):
        damaged.version("AWSPENDING")
    assert damaged.readable_version("AWSPENDING") is None
    assert damaged.version("AWSPREVIOUS") is None
