"""The storm of `make feeds-storm`, smaller."""

from collections.abc import Iterator

import pytest

from deployment import Deployment
from simulator import control
from tests.end_to_end.feed_helpers import feed_outcomes_queue
from tests.end_to_end.feeds_storm import Storm, play
from tests.waiting import SECONDS


@pytest.fixture(autouse=True)
def _usual_outcomes(deployment: Deployment) -> Iterator[None]:
    yield
    control(deployment.servers.simulator_endpoint, "PUT", "feed-outcomes", [])
    control(deployment.servers.simulator_endpoint, "DELETE", "faults", {})


def test_every_message_has_one_result_and_is_sent_once_in_a_storm(deployment: Deployment) -> None:
    storm = Storm(messages=100, kills=2, small=10)
    found = play(deployment, feed_outcomes_queue(deployment), storm, seconds=2 * SECONDS)
    print(found.table())
    assert found.wrong == []
