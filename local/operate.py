"""Runs an operator's command on the local stack: `python local/operate.py operations.outputs local-quick-start`.

The make targets use it when no STACK is given.
"""

import os
import runpy
import sys

from environment import RUN_DIRECTORY, operator_environment
from servers import are_running, load_servers


def main() -> int:
    module, *arguments = sys.argv[1:]
    servers = load_servers(RUN_DIRECTORY)
    if servers is None or not are_running(servers):
        print(
            "No local stack is running. Start one with `make up`, or name a stack on AWS with STACK=<name>",
            file=sys.stderr,
        )
        return 2
    os.environ.update(operator_environment(servers))
    for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_REGION"):
        os.environ.pop(name, None)
    sys.argv = [module, *arguments]
    runpy.run_module(module, run_name="__main__", alter_sys=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
