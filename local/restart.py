"""Starts the servers of the local stack again, at the same addresses and with their state: `make restart`."""

import argparse
import sys

from environment import RUN_DIRECTORY
from servers import ServerError, are_running, load_servers, restart_server

PROGRAMS = {"mailbox": "smtp_mailbox", "emulator": "aws_emulator", "simulator": "sp_api_simulator"}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--server", choices=tuple(PROGRAMS), action="append", help="only this one (default: all)")
    options = parser.parse_args()
    servers = load_servers(RUN_DIRECTORY)
    if servers is None or not are_running(servers):
        print("No local stack is running. Start one with `make up`", file=sys.stderr)
        return 2
    try:
        for name in options.server or PROGRAMS:
            servers = restart_server(servers, PROGRAMS[name])
            print(f"Restarted: {name}", flush=True)
    except ServerError as error:
        print(f"{error}\nTo begin again with an empty stack: make down, make up", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
