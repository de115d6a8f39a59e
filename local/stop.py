"""Stops the servers that `make up` (or `make demo KEEP=1`) left running: `make down`."""

from environment import RUN_DIRECTORY
from servers import load_servers, stop_servers


def main() -> None:
    servers = load_servers(RUN_DIRECTORY)
    if servers is None:
        print("Nothing is running.")
        return
    stop_servers(servers)
    print("Stopped.")


if __name__ == "__main__":
    main()
