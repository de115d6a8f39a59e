"""The labels of the secret's versions, and the record of rotations, as they are written."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from quickstart.application_secret import (
    CURRENT,
    IN_USE,
    PENDING,
    PREVIOUS,
    ApplicationSecret,
    SecretVersion,
    secret_string,
)
from quickstart.secret_rotation.messages import NewSecret, UnreadableSecretMessageError
from quickstart.secret_rotation.record import Outcome, Record, RotationRecords
from quickstart.secret_rotation.replacement import Replacement, SecretNotYetValidError, version_of
from quickstart.secret_rotation.versions import SecretChangedError, SecretVersions, VersionTakenError
from sp_api.errors import AuthorizationError
from tests.unit.quickstart.support import Aws, AwsError, MemoryTable

NOW = datetime(2027, 1, 10, tzinfo=UTC)
OLD = SecretVersion("0" * 32, "client", "old secret", issued_at=NOW - timedelta(days=100), created_at=NOW)
NEW = SecretVersion("1" * 32, "client", "new secret", issued_at=NOW - timedelta(days=1), created_at=NOW)


class Manager:
    """Secrets Manager with one secret: `stages` has the version id of each label."""

    def __init__(self, *versions: SecretVersion, **stages: str) -> None:
        self.values = {version.version_id: secret_string(version) for version in versions}
        self.stages = dict(stages)
        self.aws = Aws(
            GetSecretValue=self._get,
            PutSecretValue=self._put,
            DescribeSecret=self._describe,
            UpdateSecretVersionStage=self._move,
        )
        self.versions = SecretVersions(ApplicationSecret(self.aws.client("secretsmanager"), "arn"))

    def _get(self, given: Mapping[str, Any]) -> Mapping[str, Any]:
        version_id = self.stages.get(given["VersionStage"])
        if version_id is None:
            raise AwsError("ResourceNotFoundException")
        return {"VersionId": version_id, "SecretString": self.values[version_id], "CreatedDate": NOW}

    def _put(self, given: Mapping[str, Any]) -> Mapping[str, Any]:
        version_id = given["ClientRequestToken"]
        if self.values.get(version_id, given["SecretString"]) != given["SecretString"]:
            raise AwsError("ResourceExistsException")
        self.values[version_id] = given["SecretString"]
        (stage,) = given["VersionStages"]
        self.stages[stage] = version_id
        return {}

    def _describe(self, _: Mapping[str, Any]) -> Mapping[str, Any]:
        found: dict[str, list[str]] = {}
        for stage, version_id in self.stages.items():
            found.setdefault(version_id, []).append(stage)
        return {"VersionIdsToStages": found}

    def _move(self, given: Mapping[str, Any]) -> Mapping[str, Any]:
        stage, before = given["VersionStage"], given.get("RemoveFromVersionId")
        if self.stages.get(stage) != before:
            raise AwsError("InvalidParameterException")
        if stage == CURRENT and before is not None:
            self.stages[PREVIOUS] = before
        self.stages.pop(stage, None)
        if "MoveToVersionId" in given:
            self.stages[stage] = given["MoveToVersionId"]
        return {}


def test_a_new_version_waits_beside_the_one_in_use() -> None:
    manager = Manager(OLD, **{CURRENT: OLD.version_id, IN_USE: OLD.version_id})
    manager.versions.store_pending(NEW)
    assert manager.stages == {CURRENT: OLD.version_id, IN_USE: OLD.version_id, PENDING: NEW.version_id}
    pending = manager.versions.pending("client")
    assert pending is not None
    assert pending.client_secret == "new secret"
    assert manager.versions.pending("another client") is None


def test_an_id_with_another_value_is_taken() -> None:
    manager = Manager(OLD, **{CURRENT: OLD.version_id})
    with pytest.raises(VersionTakenError, match=OLD.version_id):
        manager.versions.store_pending(SecretVersion(OLD.version_id, "client", "another"))


def test_a_switch_moves_each_label_in_its_order() -> None:
    manager = Manager(OLD, NEW, **{CURRENT: OLD.version_id, IN_USE: OLD.version_id, PENDING: NEW.version_id})
    manager.versions.switch(NEW, OLD)
    assert manager.stages == {CURRENT: NEW.version_id, IN_USE: NEW.version_id, PREVIOUS: OLD.version_id}
    moved = [given["VersionStage"] for name, given in manager.aws.calls if name == "UpdateSecretVersionStage"]
    assert moved == [IN_USE, CURRENT, PENDING]


def test_a_switch_in_place_of_another_version_is_refused() -> None:
    manager = Manager(OLD, NEW, **{CURRENT: "2" * 32, IN_USE: "2" * 32})
    with pytest.raises(SecretChangedError, match="another rotation has replaced the secret in use"):
        manager.versions.switch(NEW, OLD)


def test_a_label_that_another_process_moved() -> None:
    manager = Manager(OLD, NEW, **{CURRENT: OLD.version_id, IN_USE: OLD.version_id})

    def refused(_: Mapping[str, Any]) -> Mapping[str, Any]:
        raise AwsError("InvalidParameterException")

    manager.aws.answers["UpdateSecretVersionStage"] = refused
    with pytest.raises(SecretChangedError, match=f"^the label {IN_USE} was moved by another process$"):
        manager.versions.switch(NEW, OLD)


def used(ends: timedelta | None) -> SecretVersion:
    end = None if ends is None else NOW + ends
    return SecretVersion(NEW.version_id, "client", "new secret", issued_at=NOW, previous_expires_at=end)


@pytest.mark.parametrize(
    ("ends", "previous", "wiped"),
    [
        (timedelta(0), OLD.version_id, True),
        (timedelta(seconds=1), OLD.version_id, False),
        (None, OLD.version_id, False),
        (timedelta(0), NEW.version_id, False),
        (timedelta(0), None, False),
    ],
)
def test_the_previous_version_is_wiped_once_it_has_ended(
    ends: timedelta | None, previous: str | None, *, wiped: bool
) -> None:
    stages = {CURRENT: NEW.version_id, **({PREVIOUS: previous} if previous else {})}
    manager = Manager(OLD, NEW, **stages)
    assert manager.versions.wipe_previous(used(ends), NOW) is wiped
    assert manager.stages == ({CURRENT: NEW.version_id} if wiped else stages)


class TestRecords:
    @pytest.fixture
    def records(self, aws: Aws) -> RotationRecords:
        return RotationRecords(MemoryTable(aws, "ClientId").table, "client")

    def test_an_application_without_a_record(self, records: RotationRecords) -> None:
        assert records.load() == Record()

    def test_a_request_is_claimed_settled_and_answered(self, records: RotationRecords) -> None:
        assert records.claim(Record(unanswered=1), NOW)
        assert records.load() == Record(requested_at=NOW, outcome=Outcome.REQUESTED, unanswered=2)
        records.settle(Outcome.ACCEPTED, "why", 3)
        assert records.load() == Record(requested_at=NOW, outcome=Outcome.ACCEPTED, reason="why", unanswered=3)
        records.pending(NOW, Record(pending_since=NOW - timedelta(hours=1)))
        pending = records.load()
        assert (pending.outcome, pending.reason, pending.unanswered) == (Outcome.RECEIVED, "", 0)
        assert pending.pending_since == NOW - timedelta(hours=1)
        records.in_use(NOW, NOW + timedelta(days=180))
        assert records.load() == Record(
            requested_at=NOW, outcome=Outcome.IN_USE, secret_at=NOW, expires_at=NOW + timedelta(days=180)
        )

    def test_a_second_request_waits_for_the_answer_to_the_first(self, records: RotationRecords) -> None:
        assert not records.claim(Record(requested_at=NOW, outcome=Outcome.ACCEPTED), NOW)
        assert records.load() == Record()

    def test_messages_warnings_and_checks(self, records: RotationRecords) -> None:
        records.message_received(NOW)
        records.warned(NOW, NOW + timedelta(days=90))
        records.checked(NOW, NOW + timedelta(days=89))
        assert records.load() == Record(
            message_at=NOW,
            notice_at=NOW,
            notice_expires_at=NOW + timedelta(days=90),
            checked_at=NOW,
            expires_at=NOW + timedelta(days=89),
        )


class TestReceive:
    MESSAGE = NewSecret("client", "n-1", NOW, "new secret", NOW + timedelta(days=180), NOW + timedelta(days=7))

    @pytest.fixture
    def manager(self) -> Manager:
        return Manager(OLD, **{CURRENT: OLD.version_id, IN_USE: OLD.version_id})

    def replacement(self, manager: Manager, aws: Aws, refusal: Exception | None = None) -> Replacement:
        def verify(_: object) -> None:
            if refusal is not None:
                raise refusal

        return Replacement(manager.versions, RotationRecords(MemoryTable(aws, "ClientId").table, "client"), verify)

    def test_a_secret_that_works_replaces_the_old_one(self, manager: Manager, aws: Aws) -> None:
        replacement = self.replacement(manager, aws)
        replacement.receive(self.MESSAGE, NOW)
        version = version_of(self.MESSAGE)
        assert manager.stages == {
            CURRENT: version.version_id,
            IN_USE: version.version_id,
            PREVIOUS: OLD.version_id,
        }
        record = replacement.records.load()
        assert (record.outcome, record.expires_at) == (Outcome.IN_USE, NOW + timedelta(days=180))
        replacement.receive(self.MESSAGE, NOW)
        assert manager.stages[CURRENT] == version.version_id

    def test_a_secret_that_does_not_work_yet_is_stored(self, manager: Manager, aws: Aws) -> None:
        refusal = AuthorizationError("LWA", status=401, error="invalid_client", message="m", action="a")
        replacement = self.replacement(manager, aws, refusal)
        words = r"^LWA does not accept the new client secret yet \(invalid_client\)$"
        with pytest.raises(SecretNotYetValidError, match=words):
            replacement.receive(self.MESSAGE, NOW)
        assert manager.stages[PENDING] == version_of(self.MESSAGE).version_id
        assert manager.stages[IN_USE] == OLD.version_id
        assert replacement.records.load().outcome is Outcome.RECEIVED

    def test_another_refusal_is_raised_as_it_is(self, manager: Manager, aws: Aws) -> None:
        refusal = AuthorizationError("LWA", status=400, error="unauthorized_client", message="m", action="a")
        with pytest.raises(AuthorizationError):
            self.replacement(manager, aws, refusal).receive(self.MESSAGE, NOW)

    def test_a_secret_of_another_application(self, manager: Manager, aws: Aws) -> None:
        message = NewSecret("other", "n-1", NOW, "new secret", NOW, NOW)
        words = "^the secret is for client id other, and this stack's application is client$"
        with pytest.raises(UnreadableSecretMessageError, match=words):
            self.replacement(manager, aws).receive(message, NOW)
        assert aws.calls == []

    def test_a_secret_that_is_older_changes_nothing(self, manager: Manager, aws: Aws) -> None:
        earlier = NOW - timedelta(days=200)
        message = NewSecret("client", "n-0", earlier, "older secret", NOW, NOW)
        self.replacement(manager, aws).receive(message, NOW)
        assert manager.stages == {CURRENT: OLD.version_id, IN_USE: OLD.version_id}

    def test_one_notification_id_with_two_secrets(self, manager: Manager, aws: Aws) -> None:
        version = version_of(self.MESSAGE)
        manager.values[version.version_id] = secret_string(OLD)
        words = "^another message with the notificationId n-1 contained another secret or other expiry times$"
        with pytest.raises(UnreadableSecretMessageError, match=words):
            self.replacement(manager, aws).receive(self.MESSAGE, NOW)


def test_a_number_of_requests_is_read_from_the_table(aws: Aws) -> None:
    table = MemoryTable(aws, "ClientId")
    table.items = [{"ClientId": "client", "Unanswered": Decimal(2), "Outcome": "ACCEPTED"}]
    assert RotationRecords(table.table, "client").load().unanswered == 2
