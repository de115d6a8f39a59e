"""CloudWatch Logs."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from ministack.services import cloudwatch_logs

from aws_emulator.patching import wrap


def log_events_have_ids() -> None:
    """FilterLogEvents returns a unique id for each event; ministack has none for the lines of functions. (Here, equal
    lines of the same millisecond and stream have the same id.)"""

    @wrap(cloudwatch_logs, "_filter_log_events", "9b3d13c713b5")
    def filter_log_events(original: Any, data: dict[str, Any]) -> Any:
        status, headers, body = original(data)
        if status != 200:
            return status, headers, body
        answer = json.loads(body)
        for event in answer["events"]:
            of_event = f"{event['logStreamName']} {event['timestamp']} {event['message']}"
            event.setdefault("eventId", hashlib.sha256(of_event.encode()).hexdigest())
        return status, headers, json.dumps(answer).encode()
