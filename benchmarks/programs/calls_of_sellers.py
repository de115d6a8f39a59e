"""Calls SP-API for each of so many sellers in turn, as a warm function of the stack does: NUMBER SELLERS."""

import json
import os
import sys
import time

from memory import most_bytes

from quickstart import callers
from sp_api import solicitations
from sp_api.deadline import Deadline
from sp_api.regions import Region

MARKETPLACE_ID = "A13V1IB3VIYZZH"


def call(number: int) -> None:
    seller = callers.seller(f"A{number % sellers}", Region.EU, Deadline.after(30))
    assert solicitations.get_solicitation_actions_for_order(seller, "026-1520163-6049104", MARKETPLACE_ID) == ()


number, sellers = map(int, sys.argv[1:3])
# The first call of each is not what it costs when the function is warm.
for each in range(sellers):
    call(each)
before, began = os.times(), time.monotonic()
for each in range(number):
    call(each)
after = os.times()
spent = after.user + after.system - before.user - before.system
seconds = time.monotonic() - began
sys.stderr.write(json.dumps({"cpu_ms": 1000 * spent / number, "ms": 1000 * seconds / number, "bytes": most_bytes()}))
