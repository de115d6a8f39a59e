"""Shows a stack's outputs: `python -m operations.outputs STACK` (make outputs)."""

import argparse
import json
import sys

import boto3

from operations.command import ended, table
from operations.stack import find_stack


def main() -> int:
    parser = argparse.ArgumentParser(prog="operations.outputs", description=__doc__)
    parser.add_argument("stack", help="name of the root stack")
    parser.add_argument("--region", help="its region, if it is not your usual one")
    parser.add_argument("--json", action="store_true", help="one JSON object, for programs")
    options = parser.parse_args()

    def show(session: boto3.Session) -> int:
        outputs = dict(sorted(find_stack(options.stack, session).outputs.items()))
        print(json.dumps(outputs, indent=2) if options.json else "\n".join(table(outputs.items())))
        return 0

    return ended(show, options.stack, options.region)


if __name__ == "__main__":
    sys.exit(main())
