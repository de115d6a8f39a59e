"""State machine steps of a feed: checks its file, sends it in its turn, and acknowledges every message."""

from collections.abc import Mapping
from typing import Any

from quickstart import clients, invocation, settings
from quickstart.listings import feed_wiring
from quickstart.listings.feed_sending import Next, Step
from quickstart.listings.following import wake
from quickstart.observability import logger


def handler(event: Mapping[str, Any], context: invocation.Context) -> Mapping[str, object]:
    """{FeedRequestId, SellerId, Step, Slot, Reason?, TaskToken?} -> {Step, WaitSeconds, ForNews, Slot}.

    With a TaskToken, the execution waits: the token is stored, and sent back at once if the news is there already.
    """
    with feed_wiring.feed_step(event, context):
        ledger = feed_wiring.feed_ledger()
        record = ledger.find(event["SellerId"], event["FeedRequestId"])
        if record is None:
            logger().info("feed is no longer in the ledger")
            return Next(Step.END).to_workflow()
        machine_arn = settings.required("LISTING_STATE_MACHINE_ARN")
        worker = feed_wiring.worker(record, event.get("Slot") or {}, machine_arn, context)
        step = Step(event["Step"])
        token = event.get("TaskToken")
        if token is None:
            return worker.run(record, step, event.get("Reason", "")).to_workflow()
        ledger.awaited(record, token)
        # Read after the write: what happens from now on wakes the execution.
        current = ledger.find(event["SellerId"], event["FeedRequestId"])
        if current is None or current.state.final or worker.queue.is_news(current, step):
            wake(clients.states(), token, '{"News": true}')
        return {}
