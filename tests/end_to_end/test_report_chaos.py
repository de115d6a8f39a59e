"""The chaos of `make chaos`, smaller."""

from deployment import Deployment
from tests.end_to_end.report_chaos import Chaos, play
from tests.waiting import SECONDS


def test_every_request_gets_its_own_report_under_faults_and_kills(deployment: Deployment) -> None:
    outcome = play(deployment, Chaos(requests=18, sellers=2, faults=18, kills=3), seconds=SECONDS)
    print(outcome.table())
    assert outcome.wrong == []
