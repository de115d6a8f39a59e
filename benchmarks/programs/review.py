"""Reviews the connections of so many sellers, as the stack's daily function does: SELLERS."""

import json
import os
import sys
import time

from memory import most_bytes

from quickstart import clients
from quickstart.authorization.connections import Connections
from quickstart.dynamodb import Table

sellers = int(sys.argv[1])
assert Connections(Table(clients.dynamodb(), "sellers-1")).review()["connections"] == 1
before, began = os.times(), time.monotonic()
assert Connections(Table(clients.dynamodb(), f"sellers-{sellers}")).review()["connections"] == sellers
after = os.times()
spent = after.user + after.system - before.user - before.system
seconds = time.monotonic() - began
sys.stderr.write(json.dumps({"cpu_ms": 1000 * spent / sellers, "ms": 1000 * seconds / sellers, "bytes": most_bytes()}))
