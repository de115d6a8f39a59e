"""The storm of `make storm`, smaller."""

from deployment import Deployment
from tests.end_to_end.storm import Storm, play
from tests.waiting import SECONDS


def test_nothing_is_lost_doubled_or_left_over_in_a_storm(deployment: Deployment) -> None:
    found = play(deployment, Storm(reports=20, sellers=4, poison=2), seconds=SECONDS)
    print(found.table())
    assert found.wrong == []
