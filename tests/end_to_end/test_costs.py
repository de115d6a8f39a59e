"""docs/costs.md rests on what one report takes: here it takes as many steps."""

from costs import counts
from deployment import Deployment, aws
from tests.end_to_end.host import HostProduct, Seller, eventually
from tests.end_to_end.test_delivery_failures import execution_of
from tests.end_to_end.test_ownership import finish


def test_a_report_takes_as_many_state_transitions_as_were_counted(
    deployment: Deployment, host: HostProduct, subscribed_seller: Seller
) -> None:
    finish(subscribed_seller)
    report_id = host.create_report(subscribed_seller)
    states = aws(deployment.servers, "stepfunctions")

    def ended() -> str | None:
        execution = execution_of(deployment, report_id)
        return execution["executionArn"] if execution and execution["status"] == "SUCCEEDED" else None

    events = states.get_execution_history(executionArn=eventually(ended, what="the end of the execution"))["events"]
    entered = [event for event in events if event["type"].endswith("StateEntered")]
    assert len(entered) == counts.load()[counts.SMALL_REPORT].state_transitions, "run: make costs ARGS=--write"
