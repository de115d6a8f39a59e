"""Removes a seller with NUMBER orders, as the stack's function does: the table is real boto3's, the bucket is empty."""

import json
import os
import sys
import time

from memory import most_bytes

from quickstart import clients
from quickstart.dynamodb import Table
from quickstart.seller_removal import SellerItems, StoredReports, remove_seller
from sp_api.deadline import Deadline


class EmptyBucket:
    def list_object_versions(self, **_: object) -> dict[str, object]:
        return {}


def remove(number: int) -> int:
    table = Table(clients.dynamodb(), f"orders-{number}")
    none = Table(clients.dynamodb(), "orders-0")
    orders = SellerItems(table, "SellerIdDueTimeIndex", ("AmazonOrderId", "SellerId"), "Remain", "orders")
    reports = StoredReports(EmptyBucket(), "bucket", none)
    nothing = dict.fromkeys(("pulls", "listings", "listing_feeds", "authorizations"))
    departure = remove_seller("A1", none, None, reports, orders, **nothing, deadline=Deadline.after(3600))
    return departure.solicitations_deleted


number = int(sys.argv[1])
remove(25)
before, began = os.times(), time.monotonic()
assert remove(number) == number
after = os.times()
spent = after.user + after.system - before.user - before.system
seconds = time.monotonic() - began
sys.stderr.write(json.dumps({"cpu_ms": 1000 * spent / number, "ms": 1000 * seconds / number, "bytes": most_bytes()}))
