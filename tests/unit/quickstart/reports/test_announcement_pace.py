"""How fast e-mails about reports are sent, so that SNS does not disable the subscriptions."""

from dataclasses import replace

import pytest

from quickstart.reports.announcement_pace import AnnouncementPace, AnnouncementsTooFastError
from tests.unit.quickstart.support import Aws, MemoryTable


@pytest.fixture
def table(aws: Aws) -> MemoryTable:
    return MemoryTable(aws, "ReportId", "SellerId")


@pytest.fixture
def slept() -> list[float]:
    return []


@pytest.fixture
def pace(table: MemoryTable, slept: list[float]) -> AnnouncementPace:
    """Three messages a second, at one moment."""
    return AnnouncementPace(table.table, 3, now=lambda: 1_000_000.0, sleep=slept.append)


def test_two_thirds_are_for_delivered_reports_each_of_which_gets_its_own_moment(
    pace: AnnouncementPace, table: MemoryTable, slept: list[float]
) -> None:
    pace.take_slot()
    refused = []
    for _ in range(5):
        with pytest.raises(AnnouncementsTooFastError) as caught:
            pace.take_slot()
        assert caught.value.reserved is True
        refused.append(str(caught.value))
    # Every half second one, in the whole seconds that the state machine waits.
    assert refused == [f"{n} seconds until this e-mail may be sent: others are sent first" for n in (1, 1, 2, 2, 3)]
    assert slept == []
    (item,) = table.items
    assert (item["ReportId"], item["SellerId"]) == ("ANNOUNCEMENTS#DELIVERED", "*")


def test_one_third_is_for_the_others_which_wait_twenty_seconds_at_most(
    pace: AnnouncementPace, table: MemoryTable, slept: list[float]
) -> None:
    for _ in range(21):
        pace.wait_for_slot()
    assert slept == list(range(1, 21))
    for _ in range(2):
        with pytest.raises(AnnouncementsTooFastError, match=r"^20 seconds until this e-mail may be sent") as caught:
            pace.wait_for_slot()
        assert caught.value.reserved is False
    # A refusal reserves nothing, and the delivered reports have moments of their own.
    replace(pace, now=lambda: 1_000_001.0).wait_for_slot()
    assert slept[20:] == [20]
    pace.take_slot()
    assert [(item["ReportId"], item["SellerId"]) for item in table.items] == [
        ("ANNOUNCEMENTS#OTHERS", "*"),
        ("ANNOUNCEMENTS#DELIVERED", "*"),
    ]


def test_an_email_that_cannot_wait_is_refused_at_once(pace: AnnouncementPace, slept: list[float]) -> None:
    pace.wait_for_slot(0)
    with pytest.raises(AnnouncementsTooFastError, match=r"^1 seconds until") as caught:
        pace.wait_for_slot(0)
    assert (caught.value.reserved, slept) == (False, [])


@pytest.mark.parametrize(("per_second", "wait"), [(3, 1), (6, 0.5), (1, 3)])
def test_the_pace_follows_the_stacks_parameter(
    pace: AnnouncementPace, slept: list[float], per_second: int, wait: float
) -> None:
    at_pace = replace(pace, per_second=per_second)
    at_pace.wait_for_slot()
    at_pace.wait_for_slot()
    assert slept == [wait]
