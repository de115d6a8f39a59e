"""`make doctor` for the stack that `make demo KEEP=1` left running."""

import sys

import boto3

from demo import RUN_DIRECTORY, STACK_NAME
from deployment import local_address
from operations.command import ended
from operations.doctor import examine, report
from operations.stack import Stack, find_stack
from servers import Servers, load_servers


def local_stack(servers: Servers, stack_name: str) -> Stack:
    """A stack on the emulator, as `operations` sees it."""
    session = boto3.Session("test", "test", region_name=servers.region)
    return find_stack(stack_name, session, servers.aws_endpoint, lambda url: local_address(servers, url))


def main() -> int:
    servers = load_servers(RUN_DIRECTORY)
    if servers is None:
        print(
            "Nothing is running here: `make demo KEEP=1`, or name a stack on AWS: make doctor STACK=<name>",
            file=sys.stderr,
        )
        return 2

    def run(_: boto3.Session) -> int:
        return 0 if report(examine(local_stack(servers, STACK_NAME)), print) else 1

    return ended(run, STACK_NAME, servers.region)


if __name__ == "__main__":
    sys.exit(main())
