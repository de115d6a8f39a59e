"""Serves the web console of a stack to this machine: `python -m operations.console STACK` (make console)."""

import argparse
import os
import socket
import sys
from collections.abc import Callable
from pathlib import Path

import boto3
import uvicorn

from operations.command import CommandError, run_command
from operations.console.console import Console, LocalServers
from operations.console.reading.overview import quantities_at_rest
from operations.console.security import Keys
from operations.console.site import PAGES
from operations.console.web import make_app
from operations.stack import INVOKE_ENDPOINT, find_stack

LOOPBACK = "127.0.0.1"


def main() -> int:
    parser = argparse.ArgumentParser(prog="operations.console", description=__doc__)
    parser.add_argument("stack", help="name of the root stack")
    parser.add_argument("--region", help="the stack's region (default: the region of your AWS configuration)")
    parser.add_argument("--port", type=int, default=0, help="port on 127.0.0.1 (default: a free one)")
    parser.add_argument("--allow-changes", action="store_true", help="show the buttons that change a stack on AWS")
    options = parser.parse_args()

    def serve(session: boto3.Session) -> int:
        local = local_servers()
        stack = find_stack(options.stack, session)
        console = Console.of(stack, allows_changes=options.allow_changes or local is not None, local=local)
        keys = Keys()
        listening = _listen(options.port)
        address = f"http://{LOOPBACK}:{listening.getsockname()[1]}/?token={keys.address}"
        config = uvicorn.Config(
            make_app(console, keys, PAGES),
            log_level="warning",
            access_log=False,
            lifespan="off",
            server_header=False,
            timeout_graceful_shutdown=1,
        )

        def ready() -> None:
            _announce(console, address)
            console.run_in_background(lambda: _warm_up(console))

        try:
            _Server(config, ready).run(sockets=[listening])
        except KeyboardInterrupt:
            print()
        return 0

    return run_command(serve, options.stack, options.region)


class _Server(uvicorn.Server):
    """Calls `ready` once it answers, and Ctrl-C stops it quietly."""

    def __init__(self, config: uvicorn.Config, ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._ready()


def _announce(console: Console, address: str) -> None:
    where = "the local stack" if console.local else f"the stack {console.stack.name} in {console.region}"
    rule = "" if console.allows_changes else " It is read-only; with ALLOW_CHANGES=1, it has buttons."
    print(f"The console of {where} is ready.{rule} Open this address:\n\n  {address}\n", flush=True)
    print("Anyone who has the address can use the console from this machine. Stop it with Ctrl-C.", flush=True)


def _warm_up(console: Console) -> None:
    """What would make the first page slow."""
    for service in ("dynamodb", "sqs", "stepfunctions", "cloudwatch", "secretsmanager", "cloudformation", "logs"):
        console.stack.client(service)
    quantities_at_rest()


def local_servers() -> LocalServers | None:
    """What local/operate.py says about the servers of the local stack; None for a stack on AWS."""
    if INVOKE_ENDPOINT not in os.environ or "SIMULATOR_URL" not in os.environ:
        return None
    return LocalServers(os.environ["SIMULATOR_URL"], Path(os.environ["MAILBOX"]))


def _listen(port: int) -> socket.socket:
    """Raises CommandError."""
    try:
        return socket.create_server((LOOPBACK, port))
    except (OSError, OverflowError) as error:
        raise CommandError(f"The console cannot use the port {port}: {error}. Choose another: PORT=<number>") from None


if __name__ == "__main__":
    sys.exit(main())
