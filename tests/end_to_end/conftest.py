"""One deployment of the root template on the local emulator, shared by every test of this folder."""

import itertools
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from deployment import REPOSITORY, Deployment, confirm_subscriptions, deploy, publish_templates, stack_parameters
from servers import Servers, running_servers
from simulator import application_arguments
from tests.end_to_end.host import HostProduct, Seller, new_seller

STACK_NAME = "quick-start"


def interpreter(variable: str, folder: str) -> Path:
    return Path(os.environ.get(variable, REPOSITORY / folder / "bin" / "python"))


@pytest.fixture(scope="session")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    with running_servers(
        tmp_path_factory.mktemp("servers"),
        emulator_python=interpreter("EMULATOR_PYTHON", ".venv-emulator"),
        function_python=interpreter("FUNCTION_PYTHON", ".venv-functions"),
        # Quotas have tests of their own; here a seller in each test would spend the application's.
        simulator_arguments=[*application_arguments(), "--rate-limit-scale", "0"],
    ) as running:
        yield running
        sys.stdout.flush()


@pytest.fixture(scope="session")
def template_url(servers: Servers) -> str:
    return publish_templates(servers)


@pytest.fixture(scope="session")
def deployment(servers: Servers, template_url: str) -> Deployment:
    deployment = deploy(servers, STACK_NAME, template_url, stack_parameters(servers))
    confirm_subscriptions(deployment)
    return deployment


@pytest.fixture(scope="session")
def host(deployment: Deployment) -> HostProduct:
    return HostProduct.of(deployment)


_NUMBERS = itertools.count(1)


@pytest.fixture
def seller(servers: Servers) -> Seller:
    """A seller of the test's own, whose authorisation is not stored yet."""
    return new_seller(servers, f"A{next(_NUMBERS):013d}")


@pytest.fixture
def subscribed_seller(host: HostProduct, seller: Seller) -> Seller:
    """A seller whose token is stored and whose finished reports are subscribed to."""
    host.store_token(seller)
    host.subscribe(seller)
    return seller
