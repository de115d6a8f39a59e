"""Runs a storm and prints its table: `make product-types-storm`. Fails if something was stored twice, lost or late."""

import argparse
import gc
import logging
import sys
import time

from product_types_storm.storm import Storm, run, text


def main() -> int:
    # It is off from the import of `quickstart` to the first invocation of a function, and none is invoked here.
    gc.enable()
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--types", type=int, default=Storm.types)
    parser.add_argument("--marketplaces", type=int, default=Storm.marketplaces, choices=(1, 2, 3))
    parser.add_argument("--kills", type=int, default=Storm.kills)
    parser.add_argument("--seed", type=int, default=Storm.seed)
    options = parser.parse_args()
    logging.disable(logging.WARNING)
    begun = time.monotonic()
    result = run(Storm(types=options.types, marketplaces=options.marketplaces, kills=options.kills, seed=options.seed))
    print(text(result))
    for fault in result.faults:
        print(f"ERROR: {fault}", file=sys.stderr)
    print(f"\n{len(result.faults)} errors. Simulated in {time.monotonic() - begun:.0f} s.", file=sys.stderr)
    return 1 if result.faults else 0


if __name__ == "__main__":
    sys.exit(main())
