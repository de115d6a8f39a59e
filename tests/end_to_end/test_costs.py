"""docs/costs.md rests on what one report takes: here it takes as many steps."""

from costs import counts
from deployment import Deployment, aws
from tests.end_to_end.host import REPORT_TYPE, Seller, eventually
from tests.end_to_end.test_delivery_failures import execution_of


def test_a_report_takes_as_many_state_transitions_as_were_counted(
    deployment: Deployment, subscribed_seller: Seller
) -> None:
    made = {"sellerId": subscribed_seller.seller_id, "reportType": REPORT_TYPE}
    report_id = subscribed_seller.control("POST", "reports", made)["reportId"]
    states = aws(deployment.servers, "stepfunctions")

    def ended() -> str | None:
        execution = execution_of(deployment, report_id)
        return execution["executionArn"] if execution and execution["status"] == "SUCCEEDED" else None

    events = states.get_execution_history(executionArn=eventually(ended, what="the end of the execution"))["events"]
    entered = [event for event in events if event["type"].endswith("StateEntered")]
    assert len(entered) == counts.load()[counts.SMALL_REPORT].state_transitions, "run: make costs ARGS=--write"
