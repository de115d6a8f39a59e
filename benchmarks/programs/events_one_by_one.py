"""Puts each event on the bus with a call of its own, with boto3 alone and nothing else: NUMBER."""

import json
import os
import sys
import time

import boto3

events = boto3.client("events")


def put(number: int) -> None:
    detail = json.dumps({"Notification": {"Payload": {"Offers": ["x" * 40] * 40}, "Id": number}})
    entry = {"EventBusName": "bus", "Source": "s", "DetailType": "ANY_OFFER_CHANGED", "Detail": detail}
    assert not events.put_events(Entries=[entry])["FailedEntryCount"]


number = int(sys.argv[1])
put(0)
before, began = os.times(), time.monotonic()
for each in range(number):
    put(each)
after = os.times()
spent = after.user + after.system - before.user - before.system
sys.stderr.write(json.dumps({"cpu_ms": 1000 * spent / number, "ms": 1000 * (time.monotonic() - began) / number}))
