"""Shows a stack's outputs: `python -m operations.outputs STACK` (make outputs)."""

import json
import sys

import boto3

from operations.command import MakeParser, run_command, table
from operations.stack import Stack, find_stack


def main() -> int:
    parser = MakeParser("make outputs [STACK=<name>] [REGION=] [ARGS=--json]", __doc__)
    parser.add_argument("stack", help="name of the root stack")
    parser.add_argument("--region", help="the stack's region (default: the region of your AWS configuration)")
    parser.add_argument("--json", action="store_true", help="print one JSON object, for programs")
    options = parser.parse_args()

    def show(session: boto3.Session) -> int:
        stack = find_stack(options.stack, session)
        outputs = {name: _reachable(stack, value) for name, value in sorted(stack.outputs.items())}
        print(json.dumps(outputs, indent=2) if options.json else "\n".join(table(outputs.items())))
        return 0

    return run_command(show, options.stack, options.region)


def _reachable(stack: Stack, value: str) -> str:
    """An invoke URL as this machine reaches it; other outputs unchanged."""
    return stack.address(value) if ".execute-api." in value else value


if __name__ == "__main__":
    sys.exit(main())
