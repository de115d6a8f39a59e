"""Starts the emulator: `python -m aws_emulator --function-python PATH`. See --help."""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import socket
import tempfile
from pathlib import Path

# What the emulator takes over from the environment it is started in; all else could change what it does.
INHERITED = ("PATH", "LD_LIBRARY_PATH")


def main() -> None:
    options = _options()
    options.scratch.mkdir(parents=True, exist_ok=True)
    with socket.create_server(("127.0.0.1", options.port)) as listener:
        port = listener.getsockname()[1]
        _set_environment(options, port)
        # ministack reads its environment when it is imported.
        from aws_emulator.gaps import close_gaps

        close_gaps(options.function_python, options.smtp_port, options.leave_open)
        _serve(listener, f"AWS emulator listening on http://127.0.0.1:{port}", options.call_log)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m aws_emulator", description="A local AWS on a loopback port.")
    parser.add_argument("--port", type=int, default=0, help="0: any free port, printed")
    parser.add_argument(
        "--function-python", default="", metavar="PATH", help="interpreter of the functions, with boto3"
    )
    parser.add_argument("--smtp-port", type=int, default=0, help="loopback port that takes SNS e-mail; 0: none is sent")
    parser.add_argument("--scratch", type=Path, default=None, metavar="DIR", help="folder for temporary files")
    parser.add_argument("--call-log", type=Path, default=None, metavar="FILE", help="write a line for each call of AWS")
    parser.add_argument("--region", default="us-east-1")
    parser.add_argument("--account", default="111122223333")
    parser.add_argument(
        "--leave-open",
        action="append",
        default=[],
        metavar="GAP",
        help="do not close this gap (its function's name), to see what ministack does by itself; may be repeated",
    )
    options = parser.parse_args()
    options.scratch = (options.scratch or Path(tempfile.mkdtemp(prefix="aws-emulator-"))).absolute()
    return options


def _set_environment(options: argparse.Namespace, port: int) -> None:
    """ministack's settings, and nothing else."""
    inherited = {name: os.environ[name] for name in INHERITED if name in os.environ}
    os.environ.clear()
    os.environ.update(
        inherited,
        AUTH="true",
        BIND_HOST="127.0.0.1",
        GATEWAY_PORT=str(port),
        MINISTACK_HOST="localhost",
        MINISTACK_REGION=options.region,
        MINISTACK_ACCOUNT_ID=options.account,
        AWS_ACCESS_KEY_ID="test",
        AWS_SECRET_ACCESS_KEY="test",  # noqa: S106 - the emulator's own calls; not checked by it
        IOT_MTLS_ENABLED="0",
        SFTP_ENABLED="0",
        LOG_LEVEL="WARNING",
        TMPDIR=str(options.scratch),
    )
    tempfile.tempdir = str(options.scratch)


def _serve(listener: socket.socket, announcement: str, call_log: Path | None) -> None:
    """Serves until SIGTERM or SIGINT. The listening socket queues requests from the moment of the announcement."""
    from hypercorn.asyncio import serve
    from hypercorn.config import Config
    from ministack.app import app

    from aws_emulator.call_log import logged

    logging.getLogger("samtranslator").setLevel(logging.ERROR)  # it warns of metrics that nobody collects
    config = Config()
    config.bind = [f"fd://{listener.detach()}"]
    config.keep_alive_timeout = 75
    config.graceful_timeout = 1
    config.loglevel = "WARNING"
    print(announcement, flush=True)
    asyncio.run(serve(app if call_log is None else logged(app, call_log), config))


if __name__ == "__main__":
    main()
