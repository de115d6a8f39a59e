"""`make orders-storm`: runs a storm, prints its table, and fails when an order was treated wrongly."""

import argparse
import logging
import sys
import time

from orders_storm.storm import Storm, calm, run
from orders_storm.table import faults, text


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--orders", type=int, default=Storm.orders)
    parser.add_argument("--sellers", type=int, default=Storm.sellers)
    parser.add_argument("--seed", type=int, default=Storm.seed)
    parser.add_argument("--calm", action="store_true", help="nothing fails: what the orders cost at least")
    options = parser.parse_args()
    logging.disable(logging.INFO)
    begun = time.monotonic()
    storm = Storm(orders=options.orders, sellers=options.sellers, seed=options.seed)
    result = run(calm(storm) if options.calm else storm)
    print(text(result))
    found = faults(result)
    for fault in found[:20]:
        print(f"WRONG: {fault}", file=sys.stderr)
    print(f"\n{len(found)} things wrong. Simulated in {time.monotonic() - begun:.0f} s.", file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
