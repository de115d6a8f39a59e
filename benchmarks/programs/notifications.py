"""Forwards notifications with the stack's own function, in batches as SQS delivers them: NUMBER BATCH SELLERS.

Each seller has a subscription.
"""

import json
import os
import sys
import time

import app
from memory import most_bytes


class Context:
    aws_request_id = "function-request-1"

    def get_remaining_time_in_millis(self) -> int:
        return 60_000


def record(number: int) -> dict[str, object]:
    body = {
        "NotificationType": "ANY_OFFER_CHANGED",
        "Payload": {"AnyOfferChangedNotification": {"SellerId": "A1", "Offers": ["x" * 40] * 40}},
        "NotificationMetadata": {
            "SubscriptionId": f"12345678-1234-1234-1234-{number % sellers:012d}",
            "NotificationId": f"12345678-1234-1234-1234-{number:012d}",
        },
    }
    return {
        "messageId": f"m-{number}",
        "receiptHandle": "r",
        "body": json.dumps(body),
        "attributes": {"ApproximateReceiveCount": "1"},
        "messageAttributes": {},
    }


def forward(numbers: range) -> None:
    answer = app.handler({"Records": [record(number) for number in numbers]}, Context())
    assert answer == {"batchItemFailures": []}, answer


number, batch, sellers = map(int, sys.argv[1:4])
for start in range(0, sellers, batch):
    forward(range(start, start + batch))
before, began = os.times(), time.monotonic()
for start in range(0, number, batch):
    forward(range(start, start + batch))
after = os.times()
spent = after.user + after.system - before.user - before.system
seconds = time.monotonic() - began
figures = {"cpu_ms": 1000 * spent / number, "ms": 1000 * seconds / number, "bytes": most_bytes()}
sys.stderr.write(json.dumps(figures))
