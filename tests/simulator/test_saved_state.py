"""The simulator keeps its state over a restart, with --state."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from sp_api_simulator.saved_state import KEPT
from sp_api_simulator.state import State
from tests.simulator.conftest import running_simulator
from tests.simulator.support import CLIENT_ID, CLIENT_SECRET, REPORTS, SUBSCRIPTIONS, Contract, eventually

NOT_KEPT = {"settings", "clock", "rate_limits", "request_log", "queue_sender", "event_sender", "sandbox_examples"}


def test_every_part_of_the_state_is_kept_or_belongs_to_one_run() -> None:
    assert set(KEPT) | NOT_KEPT | {"background"} == {attribute.name for attribute in dataclasses.fields(State)}


def test_a_restart_keeps_everything_and_continues(contracts: tuple[Contract, ...], tmp_path: Path) -> None:
    file = tmp_path / "state" / "sp-api"
    kept = ("--state", str(file), "--client-id", CLIENT_ID, "--client-secret", CLIENT_SECRET)
    slow = (*kept, "--queue-seconds", "1", "--processing-seconds", "3600")
    with running_simulator(contracts, *slow) as first:
        token = first.seller()
        destination = first.destination()
        subscription = first.subscribe(token, destination)
        unfinished = first.create_report(token)
        path = f"{REPORTS}/{unfinished}"
        eventually(lambda: first.call("GET", path, token).json["processingStatus"] == "IN_PROGRESS" or None)
        moved = first.control("PUT", "/clock", {"advanceSeconds": 120})
    assert oct(file.stat().st_mode & 0o777) == "0o600"
    quick = (*kept, "--queue-seconds", "0.1", "--processing-seconds", "0.1")
    with running_simulator(contracts, *quick) as second:
        assert second.control("GET", "/clock")["addedSeconds"] == moved["addedSeconds"] == 120
        # The access token and the subscription are known, and the report is created after all.
        eventually(lambda: second.call("GET", path, token).json["processingStatus"] == "DONE" or None)
        address = f"{SUBSCRIPTIONS}/REPORT_PROCESSING_FINISHED?payloadVersion=1.0"
        assert second.call("GET", address, token).json["payload"]["subscriptionId"] == subscription
        later = second.create_report(token)
        assert int(later) > int(unfinished)
