"""Changes of connections, from the stream of the SellingPartners table, to the event bus and the alarms' address."""

from collections.abc import Mapping
from typing import Any

from quickstart import invocation
from quickstart.announcing import EventNotPutError
from quickstart.authorization import wiring
from quickstart.authorization.events import report_change
from quickstart.aws_failures import FAILED_CALLS
from quickstart.dynamodb import DamagedItemError
from quickstart.invocation import Context
from quickstart.observability import logger


def handler(event: Mapping[str, Any], context: Context) -> Mapping[str, object]:
    """The first record that failed: the stream delivers again from there."""
    invocation.begin(context)
    for record in event["Records"]:
        try:
            report_change(record, wiring.connection_events(), wiring.connection_mails())
        except DamagedItemError as error:
            # The stream would bring the same image again, and keep back the changes after it.
            logger().error("a change cannot be read", reason=str(error))
        except (EventNotPutError, *FAILED_CALLS):
            logger().exception("a change was not reported")
            return {"batchItemFailures": [{"itemIdentifier": record["dynamodb"]["SequenceNumber"]}]}
    return {"batchItemFailures": []}
