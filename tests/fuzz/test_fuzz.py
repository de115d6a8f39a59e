"""A sample of `make fuzz`, and mistakes that it must find."""

import json
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest

from deployment import confirm_subscriptions, deploy, publish_templates, stack_parameters
from quickstart import queue_batches
from quickstart.authorization import events as connection_changes
from quickstart.invocation import ExpectedError
from quickstart.notifications import processing
from quickstart.solicitations import ledger
from servers import running_servers
from simulator import application_arguments
from tests.emulator.support import EMULATOR_PYTHON, FUNCTION_PYTHON
from tests.end_to_end.host import HostProduct
from tests.faults.scenarios import SCENARIOS
from tests.faults.world import World, running_world
from tests.fuzz.readers import QUEUES, fuzz_answers, fuzz_events, fuzz_items, fuzz_messages
from tests.fuzz.requests import AUTHORIZATION, OPENAPI, door_of, fuzz_logs, fuzz_requests, operations
from tests.fuzz.tally import Tally, echoed

pytestmark = pytest.mark.filterwarnings("ignore:Generating overly large repr")
SECRET = "Atzr|IwEBIHxq0123456789/x"


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with running_world(tmp_path_factory.mktemp("fuzz")) as running:
        yield running


def test_requests(tmp_path: Path) -> None:
    with running_servers(
        tmp_path,
        emulator_python=Path(EMULATOR_PYTHON),
        function_python=Path(FUNCTION_PYTHON),
        simulator_arguments=[*application_arguments(), "--rate-limit-scale", "0"],
    ) as servers:
        deployment = deploy(servers, "fuzz", publish_templates(servers), stack_parameters(servers, **AUTHORIZATION))
        confirm_subscriptions(deployment)
        door, tally = door_of(HostProduct.of(deployment), "A3TH9S8BH6GOGM"), Tally()
        # A function's cold start costs more than its requests.
        fuzz_requests(door, tally, 30, 1, every=3)
        fuzz_logs(deployment, tally, door.secrets)
    assert tally.first_faults() == ""
    assert tally.cases == 30


def test_readers(world: World) -> None:
    tally = Tally()
    fuzz_messages(world, tally, 20, 1)
    fuzz_events(world, tally, 12, 1)
    fuzz_items(world, tally, 8, 1, SCENARIOS[::4])
    fuzz_answers(world, tally, 6, 1, [one for one in SCENARIOS if one.name in ("POST /reports", "retrieve", "ask")])
    assert tally.first_faults() == ""
    assert tally.cases == 46


@pytest.mark.parametrize(
    ("module", "name", "without", "fault"),
    [
        (processing, "holds_secret", lambda _: False, "the secret"),
        (queue_batches, "_log_failure", lambda *_: None, "without a reason in the log"),
    ],
)
def test_a_mistake_in_a_reader_of_messages_is_found(
    world: World,
    monkeypatch: pytest.MonkeyPatch,
    module: Any,
    name: str,
    without: Callable[..., Any],
    fault: str,
) -> None:
    monkeypatch.setattr(module, name, without)
    tally = Tally()
    fuzz_messages(world, tally, 20, 1, QUEUES[:1])
    assert fault in tally.first_faults()


def test_a_mistake_in_a_reader_of_items_is_found(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ledger, "reading_item", lambda _: nullcontext())
    tally = Tally()
    fuzz_items(world, tally, 6, 1, [one for one in SCENARIOS if one.name == "ask"])
    assert "left the function" in tally.first_faults()


def test_a_record_that_the_stream_brings_again_for_ever_is_found(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def damaged(*_: object) -> None:
        raise ExpectedError("the image is damaged")

    monkeypatch.setattr(connection_changes, "change_between", damaged)
    tally = Tally()
    fuzz_events(world, tally, 2, 1)
    assert "keeps back the changes after it" in tally.first_faults()


def test_a_secret_is_found() -> None:
    assert list(echoed(["other-secret", SECRET], f"a {SECRET.replace('|', '%7C')} b")) != []
    assert list(echoed([SECRET], SECRET[:-1])) == []


def test_every_operation_is_asked() -> None:
    document = json.loads(OPENAPI.read_text("utf-8"))
    methods = {"get", "post", "delete", "put", "patch"}
    expected = {(path, method) for path, found in document["paths"].items() for method in methods & found.keys()}
    assert {(operation.path, operation.method.lower()) for operation in operations(document)} == expected
