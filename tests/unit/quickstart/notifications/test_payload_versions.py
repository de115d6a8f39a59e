"""Which payload version is tried first, and what is said when SP-API accepts none."""

from collections.abc import Callable
from typing import Any

import pytest

from quickstart.notifications.payload_versions import PayloadVersions, create_in_any_version, may_be_about_version
from sp_api import notifications
from sp_api.deadline import DeadlineExceeded
from sp_api.errors import InvalidInputError
from sp_api.notifications import Subscription
from tests.unit.quickstart.support import Aws, AwsError, MemoryTable

SELLER: Any = object()
REPORTS, DATED = "REPORT_PROCESSING_FINISHED", "2020-09-04"
KEY = {"SellerId": "*", "Item": f"PAYLOAD_VERSION#{REPORTS}"}


@pytest.fixture
def table(aws: Aws) -> MemoryTable:
    return MemoryTable(aws, "SellerId", "Item")


@pytest.mark.parametrize(
    ("accepted", "before", "order"),
    [
        (None, (), ("1.0", DATED)),
        (DATED, (), (DATED, "1.0")),
        ("3.0", ("2.0", "1.0"), ("2.0", "1.0", "3.0", DATED)),
    ],
)
def test_the_order_of_the_versions(
    table: MemoryTable, accepted: str | None, before: tuple[str, ...], order: tuple[str, ...]
) -> None:
    if accepted is not None:
        table.items = [KEY | {"PayloadVersion": accepted}]
    assert PayloadVersions(table.table).candidates(REPORTS, before) == order


def test_an_unknown_type_is_tried_in_version_1_0(table: MemoryTable) -> None:
    assert PayloadVersions(table.table).candidates("TAX_INVOICE_CREATED") == ("1.0",)


def test_a_version_is_written_once_and_read_once(aws: Aws, table: MemoryTable) -> None:
    versions = PayloadVersions(table.table)
    for version in ("1.0", "1.0", DATED):
        versions.remember(REPORTS, version)
    assert versions.candidates(REPORTS) == (DATED, "1.0")
    # The first read finds nothing.
    assert aws.operations == ["GetItem", "PutItem", "PutItem"]
    assert table.items == [KEY | {"PayloadVersion": DATED}]
    aws.calls.clear()
    warm = PayloadVersions(table.table)
    assert [warm.candidates(REPORTS) for _ in range(2)] == [(DATED, "1.0")] * 2
    warm.remember(REPORTS, DATED)
    assert aws.operations == ["GetItem"]


def test_a_version_that_could_not_be_written_is_written_the_next_time(
    aws: Aws, table: MemoryTable, log_lines: Callable[[], list[dict[str, Any]]]
) -> None:
    put = aws.answers["PutItem"]

    def refuse(_: object) -> Any:
        raise AwsError("AccessDeniedException")

    versions = PayloadVersions(table.table)
    aws.answers["PutItem"] = refuse
    versions.remember(REPORTS, DATED)
    (line,) = log_lines()
    assert (line["level"], line["message"], line["error"], line["notification_type"]) == (
        "WARNING",
        "the accepted payload version was not recorded",
        "AccessDeniedException",
        REPORTS,
    )
    aws.answers["PutItem"] = put
    versions.remember(REPORTS, DATED)
    assert table.items == [KEY | {"PayloadVersion": DATED}]


class SpApi:
    """createSubscription: answers each version with a subscription or an error."""

    def __init__(self, **answers: Exception | None) -> None:
        self.answers = {name.removeprefix("v").replace("_", "."): answer for name, answer in answers.items()}
        self.asked: list[str] = []

    def __call__(
        self, seller: object, notification_type: str, version: str, destination_id: str, directive: object
    ) -> Subscription:
        assert (seller, notification_type, destination_id, directive) == (SELLER, REPORTS, "d-1", None)
        self.asked.append(version)
        answer = self.answers[version]
        if answer is not None:
            raise answer
        return Subscription("s-1", "d-1", version)


@pytest.fixture
def create(monkeypatch: pytest.MonkeyPatch) -> Callable[[SpApi], Subscription]:
    def create(sp_api: SpApi) -> Subscription:
        monkeypatch.setattr(notifications, "create_subscription", sp_api)
        return create_in_any_version(SELLER, REPORTS, sp_api.answers, "d-1", None)

    return create


Create = Callable[[SpApi], Subscription]


def refused(message: str = "", details: str = "") -> InvalidInputError:
    return InvalidInputError(
        "createSubscription", status=400, code="InvalidInput", message=message, details=details, request_id="r-1"
    )


def test_the_next_version_is_tried_only_after_a_refusal(create: Create) -> None:
    sp_api = SpApi(v1_0=refused("no"), v2_0=None, v3_0=None)
    assert create(sp_api).payload_version == "2.0"
    assert sp_api.asked == ["1.0", "2.0"]


def test_a_refusal_for_another_cause_ends_it(create: Create) -> None:
    another = refused("no", "There is no destination with id d-1")
    sp_api = SpApi(v1_0=refused("no"), v2_0=another, v3_0=None)
    with pytest.raises(InvalidInputError) as raised:
        create(sp_api)
    assert raised.value is another
    assert sp_api.asked == ["1.0", "2.0"]


def test_one_refusal_is_sp_apis_own(create: Create) -> None:
    only = refused("no", "version 1.0 is old")
    with pytest.raises(InvalidInputError) as raised:
        create(SpApi(v1_0=only))
    assert raised.value is only


def test_several_refusals_are_told_together(create: Create) -> None:
    with pytest.raises(InvalidInputError) as raised:
        create(SpApi(v1_0=refused("no", "old version"), v2_0=refused("never")))
    error = raised.value
    assert (error.operation, error.status, error.code, error.request_id) == (
        "createSubscription",
        400,
        "InvalidInput",
        "r-1",
    )
    assert (error.message, error.details) == ("payload version 1.0: no old version; payload version 2.0: never", "")


def test_when_the_time_runs_out_the_refusals_so_far_are_told(create: Create) -> None:
    out_of_time = DeadlineExceeded("createSubscription", message="the time ran out", outcome_unknown=True)
    with pytest.raises(DeadlineExceeded) as raised:
        create(SpApi(v1_0=out_of_time))
    assert raised.value is out_of_time
    with pytest.raises(DeadlineExceeded) as raised:
        create(SpApi(v1_0=refused("no"), v2_0=refused("", "old version"), v3_0=out_of_time))
    assert (raised.value.operation, raised.value.outcome_unknown) == ("createSubscription", True)
    assert raised.value.message == (
        "the time ran out. SP-API rejected payload version 1.0: no; payload version 2.0: old version. Version 3.0 may "
        "not have been tried"
    )


@pytest.mark.parametrize(
    ("message", "details", "version"),
    [
        ("", "", True),
        ("It cannot be parsed.", "", True),
        ("Payload VERSION 1.0 is not supported", "", True),
        ("It is invalid.", "The destination does not take this version", True),
        ("", "There is no Destination with id d-1", False),
        ("The event filter is invalid", "", False),
        ("", "processingDirective is invalid", False),
        ("Invalid notification type X", "", False),
        ("", "notificationType X is unknown", False),
    ],
)
def test_which_refusal_may_be_about_the_version(message: str, details: str, version: bool) -> None:
    assert may_be_about_version(refused(message, details)) is version
