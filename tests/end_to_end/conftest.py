"""One deployment of the root template on the local emulator, shared by every test of this folder."""

import itertools
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from deployment import REPOSITORY, Deployment, aws, confirm_subscriptions, deploy, publish_templates, stack_parameters
from servers import Servers, running_servers
from simulator import EVENT_BUS, application_arguments
from tests.end_to_end.host import HostProduct, Seller, new_seller
from tests.end_to_end.listing_helpers import outcomes_queue, subscribed
from tests.permissions.recording import emulator_arguments

STACK_NAME = "quick-start"


def interpreter(variable: str, folder: str) -> Path:
    return Path(os.environ.get(variable, REPOSITORY / folder / "bin" / "python"))


# Quotas have tests of their own; here a seller in each test would spend the application's. Nobody watches the reports.
WAITS = ("queue", "processing", "listing")
SIMULATOR = ("--rate-limit-scale", "0", *(text for wait in WAITS for text in (f"--{wait}-seconds", "0.3")))


@contextmanager
def started_servers(folder: Path, *simulator_arguments: str) -> Iterator[Servers]:
    """The local servers with the interpreters of the tests. Logs which permissions are used."""
    with running_servers(
        folder,
        emulator_python=interpreter("EMULATOR_PYTHON", ".venv-emulator"),
        function_python=interpreter("FUNCTION_PYTHON", ".venv-functions"),
        simulator_arguments=[*application_arguments(), *simulator_arguments],
        emulator_arguments=emulator_arguments(),
    ) as running:
        yield running


@pytest.fixture(scope="session")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    with started_servers(tmp_path_factory.mktemp("servers"), *SIMULATOR) as running:
        yield running


@pytest.fixture(scope="session")
def template_url(servers: Servers) -> str:
    return publish_templates(servers)


@pytest.fixture(scope="session")
def deployment(servers: Servers, template_url: str) -> Deployment:
    # On AWS, the operator associates SP-API's partner event source with a bus of the same name.
    aws(servers, "events").create_event_bus(Name=EVENT_BUS, EventSourceName=EVENT_BUS)
    parameters = stack_parameters(servers, ListingEventBus=EVENT_BUS, ListingDigest="Yes")
    deployment = deploy(servers, STACK_NAME, template_url, parameters)
    confirm_subscriptions(deployment)
    return deployment


@pytest.fixture(scope="session")
def host(deployment: Deployment) -> HostProduct:
    return HostProduct.of(deployment)


_NUMBERS = itertools.count(1)


@pytest.fixture
def seller(servers: Servers) -> Seller:
    """A seller of the test's own, whose authorization is not stored yet."""
    return new_seller(servers, f"A{next(_NUMBERS):013d}")


@pytest.fixture
def subscribed_seller(host: HostProduct, seller: Seller) -> Seller:
    """A seller whose token is stored and whose finished reports are subscribed to."""
    host.store_token(seller)
    host.subscribe(seller)
    return seller


@pytest.fixture(scope="session")
def events(deployment: Deployment) -> str:
    """A queue that a rule fills with the outcomes of listings."""
    return outcomes_queue(deployment)


@pytest.fixture
def french_seller(host: HostProduct, seller: Seller) -> Seller:
    """A seller whose token is stored, and whose notices about listings go to the partner event bus."""
    return subscribed(seller, host)
