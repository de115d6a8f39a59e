"""The labels of the secret's versions, and the record of rotations, as they are written."""

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
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
from quickstart.dynamodb import DamagedItemError
from quickstart.secret_rotation.messages import NewSecret, UnreadableSecretMessageError
from quickstart.secret_rotation.record import Outcome, Record, RotationRecords
from quickstart.secret_rotation.replacement import Replacement, SecretNotYetValidError, version_of
from quickstart.secret_rotation.versions import SecretChangedError, SecretVersions, VersionTakenError
from quickstart.secrets import SecretUnreadableError
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


def test_a_version_that_cloudformation_wrote_is_stored_again_as_one_of_the_stack() -> None:
    written = SecretVersion("2" * 32, "client", "secret", created_at=NOW)
    manager = Manager(written, **{CURRENT: written.version_id})
    adopted = manager.versions.adopt()
    assert adopted == SecretVersion(adopted.version_id, "client", "secret", issued_at=NOW, created_at=NOW)
    assert adopted.version_id != written.version_id
    assert manager.values[adopted.version_id] == secret_string(adopted)
    assert manager.stages == {CURRENT: adopted.version_id, IN_USE: adopted.version_id}
    # A process that died before it moved the label does the same again.
    again = Manager(written, **{CURRENT: written.version_id})
    assert again.versions.adopt() == adopted
    assert manager.versions.adopt() == adopted


def test_a_version_of_the_stack_only_gets_its_label() -> None:
    manager = Manager(OLD, **{CURRENT: OLD.version_id})
    assert manager.versions.adopt() == OLD
    assert manager.stages == {CURRENT: OLD.version_id, IN_USE: OLD.version_id}
    assert "PutSecretValue" not in manager.aws.operations
    manager.versions.adopt()
    assert manager.aws.operations.count("UpdateSecretVersionStage") == 1


def test_a_secret_without_a_value_cannot_be_adopted() -> None:
    with pytest.raises(SecretUnreadableError):
        Manager().versions.adopt()


def test_a_version_in_use_gets_no_other_label() -> None:
    """Its message comes a second time."""
    manager = Manager(NEW, **{CURRENT: NEW.version_id, IN_USE: NEW.version_id, PENDING: "3" * 32})
    manager.versions.store_pending(NEW)
    assert "UpdateSecretVersionStage" not in manager.aws.operations


@pytest.mark.parametrize("in_use", [OLD.version_id, NEW.version_id, None])
def test_a_switch_that_was_begun_is_completed(in_use: str | None) -> None:
    stages = {CURRENT: OLD.version_id, PENDING: NEW.version_id, **({IN_USE: in_use} if in_use else {})}
    manager = Manager(OLD, NEW, **stages)
    manager.versions.switch(NEW, OLD)
    assert manager.stages == {CURRENT: NEW.version_id, IN_USE: NEW.version_id, PREVIOUS: OLD.version_id}


def test_of_two_pending_versions_only_the_one_that_is_meant_loses_the_label() -> None:
    manager = Manager(OLD, NEW, **{CURRENT: OLD.version_id, PENDING: NEW.version_id})
    manager.versions.discard_pending(OLD)
    assert manager.stages[PENDING] == NEW.version_id
    manager.versions.discard_pending(NEW)
    assert PENDING not in manager.stages


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


def condition(aws: Aws) -> tuple[dict[str, str], list[str]]:
    """The condition of the only update: what it says of each attribute, and the values that it compares with."""
    ((_, given),) = (call for call in aws.calls if call[0] == "UpdateItem")
    names, values = given["ExpressionAttributeNames"], given["ExpressionAttributeValues"]
    said: dict[str, str] = {}
    compared: list[str] = []
    for absent, name, value in re.findall(
        r"attribute_not_exists\((#\w+)\)|(#\w+) = (:\w+)", given["ConditionExpression"]
    ):
        said[names[absent or name]] = "absent" if absent else "="
        compared += [values[value]["S"]] if value else []
    return said, compared


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

    @pytest.mark.parametrize("outcome", Outcome)
    def test_a_second_request_waits_an_hour_for_the_answer_to_the_first(
        self, records: RotationRecords, outcome: Outcome
    ) -> None:
        unanswered = outcome in (Outcome.REQUESTED, Outcome.ACCEPTED, Outcome.UNKNOWN)
        early = Record(requested_at=NOW - timedelta(minutes=59, seconds=59), outcome=outcome)
        assert not early.overdue(NOW)
        assert records.claim(early, NOW) is not unanswered
        assert records.load() == (Record() if unanswered else Record(NOW, Outcome.REQUESTED, unanswered=1))
        late = Record(requested_at=NOW - timedelta(hours=1), outcome=outcome)
        assert late.overdue(NOW) is unanswered
        assert records.claim(late, NOW)
        assert not Record(outcome=outcome).overdue(NOW)

    @pytest.mark.parametrize(
        ("record", "values"),
        [
            (Record(), []),
            (
                Record(requested_at=NOW - timedelta(days=1), outcome=Outcome.IN_USE),
                ["2027-01-09T00:00:00+00:00", "IN_USE"],
            ),
        ],
    )
    def test_a_request_is_claimed_only_where_no_other_was_since_the_record_was_read(
        self, records: RotationRecords, aws: Aws, record: Record, values: list[str]
    ) -> None:
        records.claim(record, NOW)
        assert condition(aws) == (
            {"RequestedAt": "=", "Outcome": "="} if values else {"RequestedAt": "absent", "Outcome": "absent"},
            values,
        )

    def test_an_answer_is_settled_only_where_the_new_secret_has_not_come(
        self, records: RotationRecords, aws: Aws
    ) -> None:
        records.settle(Outcome.ACCEPTED, "", 1)
        assert condition(aws) == ({"Outcome": "="}, ["REQUESTED"])

    def test_a_secret_is_pending_since_it_was_first_stored(self, records: RotationRecords) -> None:
        records.pending(NOW, Record())
        assert records.load().pending_since == NOW
        records.in_use(NOW, None)
        assert records.load().pending_since is None

    def test_a_warning_keeps_its_time_and_may_be_without_an_end(self, records: RotationRecords) -> None:
        sent = NOW + timedelta(microseconds=456_789)
        records.warned(NOW, NOW + timedelta(days=90))
        records.warned(sent, None)
        assert records.load() == Record(notice_at=sent)

    def test_a_record_that_somebody_has_damaged(self, aws: Aws) -> None:
        table = MemoryTable(aws, "ClientId")
        table.items = [{"ClientId": "client", "Outcome": "LOST"}]
        with pytest.raises(DamagedItemError, match=r"^the stored item of application client cannot be read"):
            RotationRecords(table.table, "client").load()

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

    def test_a_secret_that_works_replaces_the_old_one(
        self, manager: Manager, aws: Aws, log_lines: Callable[[], list[dict[str, Any]]]
    ) -> None:
        replacement = self.replacement(manager, aws)
        replacement.receive(self.MESSAGE, NOW)
        version = version_of(self.MESSAGE)
        assert version == SecretVersion(
            version.version_id,
            "client",
            "new secret",
            issued_at=NOW,
            expires_at=NOW + timedelta(days=180),
            previous_expires_at=NOW + timedelta(days=7),
        )
        assert manager.stages == {
            CURRENT: version.version_id,
            IN_USE: version.version_id,
            PREVIOUS: OLD.version_id,
        }
        record = replacement.records.load()
        assert record == Record(
            outcome=Outcome.IN_USE, message_at=NOW, secret_at=NOW, expires_at=NOW + timedelta(days=180)
        )
        (line,) = log_lines()
        assert (line["level"], line["message"]) == ("INFO", "the new client secret is in use")
        assert line["version_id"] == version.version_id
        # The message comes again, after a process that died before it took the label away.
        manager.stages[PENDING] = version.version_id
        replacement.receive(self.MESSAGE, NOW + timedelta(hours=1))
        assert manager.stages == {
            CURRENT: version.version_id,
            IN_USE: version.version_id,
            PREVIOUS: OLD.version_id,
        }
        assert replacement.records.load().secret_at == NOW + timedelta(hours=1)

    def test_a_secret_without_an_end_lives_180_days(self) -> None:
        message = replace(self.MESSAGE, expires_at=None, previous_expires_at=None)
        version = version_of(message)
        assert (version.expires_at, version.previous_expires_at) == (NOW + timedelta(days=180), None)

    def test_a_secret_of_the_same_moment_is_not_older(self, manager: Manager, aws: Aws) -> None:
        message = replace(self.MESSAGE, event_time=OLD.issued_at or NOW)
        self.replacement(manager, aws).receive(message, NOW)
        assert manager.stages[IN_USE] == version_of(message).version_id

    def test_a_secret_that_does_not_work_yet_is_stored(self, manager: Manager, aws: Aws) -> None:
        refusal = AuthorizationError("LWA", status=401, error="invalid_client", message="m", action="a")
        replacement = self.replacement(manager, aws, refusal)
        words = r"^LWA does not accept the new client secret yet \(invalid_client\)$"
        with pytest.raises(SecretNotYetValidError, match=words):
            replacement.receive(self.MESSAGE, NOW)
        assert manager.stages[PENDING] == version_of(self.MESSAGE).version_id
        assert manager.stages[IN_USE] == OLD.version_id
        record = replacement.records.load()
        assert record == Record(outcome=Outcome.RECEIVED, message_at=NOW, pending_since=NOW)
        with pytest.raises(SecretNotYetValidError):
            replacement.receive(self.MESSAGE, NOW + timedelta(hours=1))
        assert replacement.records.load().pending_since == NOW

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

    def test_a_secret_that_another_process_has_replaced_meanwhile_is_not_in_use(
        self, manager: Manager, aws: Aws, log_lines: Callable[[], list[dict[str, Any]]]
    ) -> None:
        replacement = self.replacement(manager, aws)

        def verify(_: object) -> None:
            manager.stages[IN_USE] = NEW.version_id

        with pytest.raises(SecretChangedError):
            replace(replacement, verify=verify).receive(self.MESSAGE, NOW)
        assert log_lines() == []
        assert replacement.records.load().outcome is Outcome.RECEIVED

    OLDER = NewSecret("client", "n-0", NOW - timedelta(days=200), "older secret", NOW, NOW)

    def test_a_secret_that_is_older_changes_nothing(
        self, manager: Manager, aws: Aws, log_lines: Callable[[], list[dict[str, Any]]]
    ) -> None:
        replacement = self.replacement(manager, aws)
        replacement.receive(self.OLDER, NOW)
        assert manager.stages == {CURRENT: OLD.version_id, IN_USE: OLD.version_id}
        assert replacement.records.load() == Record(message_at=NOW)
        (line,) = log_lines()
        assert (line["level"], line["message"]) == ("WARNING", "the message is older than the secret in use")
        assert line["notification_id"] == "n-0"

    def test_an_older_secret_that_was_stored_is_pending_no_more(self, manager: Manager, aws: Aws) -> None:
        manager.stages[PENDING] = version_of(self.OLDER).version_id
        manager.values[version_of(self.OLDER).version_id] = secret_string(version_of(self.OLDER))
        replacement = self.replacement(manager, aws)
        replacement.records.pending(NOW, Record())
        replacement.receive(self.OLDER, NOW)
        assert manager.stages == {CURRENT: OLD.version_id, IN_USE: OLD.version_id}
        assert replacement.records.load() == Record(outcome=Outcome.IN_USE, message_at=NOW, secret_at=NOW)

    def test_an_older_secret_leaves_a_newer_one_pending(self, manager: Manager, aws: Aws) -> None:
        manager.stages[PENDING] = NEW.version_id
        manager.values[NEW.version_id] = secret_string(NEW)
        replacement = self.replacement(manager, aws)
        replacement.records.pending(NOW, Record())
        replacement.receive(self.OLDER, NOW)
        assert manager.stages[PENDING] == NEW.version_id
        assert replacement.records.load().outcome is Outcome.RECEIVED

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


class TestRetry:
    """The daily run tries a secret again that was stored and did not work."""

    def retried(
        self, aws: Aws, pending: SecretVersion | None, outcome: Outcome | None, refusal: Exception | None = None
    ) -> tuple[SecretVersion, Manager, Record]:
        versions = [OLD] if pending is None else [OLD, pending]
        labels = {} if pending is None else {PENDING: pending.version_id}
        manager = Manager(*versions, **{CURRENT: OLD.version_id, IN_USE: OLD.version_id}, **labels)
        replacement = TestReceive().replacement(manager, aws, refusal)
        used = replacement.retry_pending(OLD, Record(outcome=outcome), NOW)
        return used, manager, replacement.records.load()

    def test_a_secret_that_works_now_replaces_the_old_one(self, aws: Aws) -> None:
        used, manager, record = self.retried(aws, NEW, Outcome.RECEIVED)
        assert used == NEW
        assert manager.stages == {CURRENT: NEW.version_id, IN_USE: NEW.version_id, PREVIOUS: OLD.version_id}
        assert record == Record(outcome=Outcome.IN_USE, secret_at=NOW)

    def test_a_secret_that_still_does_not_work_stays_pending(self, aws: Aws) -> None:
        refusal = AuthorizationError("LWA", status=401, error="invalid_client", message="m", action="a")
        with pytest.raises(SecretNotYetValidError):
            self.retried(aws, NEW, Outcome.RECEIVED, refusal)
        assert aws.operations == []

    @pytest.mark.parametrize(
        "pending",
        [
            None,
            # The labels were not all moved.
            replace(NEW, client_secret=OLD.client_secret),
            replace(NEW, issued_at=NOW - timedelta(days=101)),
        ],
    )
    @pytest.mark.parametrize("outcome", [Outcome.RECEIVED, Outcome.ACCEPTED, None])
    def test_without_a_newer_secret_the_one_in_use_stays(
        self, aws: Aws, pending: SecretVersion | None, outcome: Outcome | None
    ) -> None:
        used, manager, record = self.retried(aws, pending, outcome)
        assert used == OLD
        assert manager.stages == {CURRENT: OLD.version_id, IN_USE: OLD.version_id}
        completed = Record(outcome=Outcome.IN_USE, secret_at=NOW)
        assert record == (completed if outcome is Outcome.RECEIVED else Record())

    def test_a_pending_secret_of_unknown_age_is_tried(self, aws: Aws) -> None:
        used, _, _ = self.retried(aws, replace(NEW, issued_at=None), Outcome.RECEIVED)
        assert used.client_secret == NEW.client_secret
