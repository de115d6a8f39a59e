"""Runs a storm and prints its table: `make orders-storm`. Fails if an order was handled incorrectly."""

import argparse
import gc
import logging
import sys
import time

from orders_storm.storm import Storm, calm, run
from orders_storm.table import faults, text


def main() -> int:
    # It is off from the import of `quickstart` to the first invocation of a function, and none is invoked here.
    gc.enable()
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--orders", type=int, default=Storm.orders)
    parser.add_argument("--sellers", type=int, default=Storm.sellers)
    parser.add_argument("--seed", type=int, default=Storm.seed)
    parser.add_argument("--calm", action="store_true", help="without failures, for the minimum number of calls")
    options = parser.parse_args()
    logging.disable(logging.INFO)
    begun = time.monotonic()
    storm = Storm(orders=options.orders, sellers=options.sellers, seed=options.seed)
    result = run(calm(storm) if options.calm else storm)
    print(text(result))
    found = faults(result)
    for fault in found[:20]:
        print(f"ERROR: {fault}", file=sys.stderr)
    print(f"\n{len(found)} errors. Simulated in {time.monotonic() - begun:.0f} s.", file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
