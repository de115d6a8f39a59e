"""Starts the emulator: `python -m aws_emulator --function-python PATH`. See --help."""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import socket
import tempfile
from pathlib import Path

# The only environment variables that the emulator inherits, because others could change its behavior.
INHERITED = ("PATH", "LD_LIBRARY_PATH")


def main() -> None:
    options = _options()
    options.scratch.mkdir(parents=True, exist_ok=True)
    with socket.create_server(("127.0.0.1", options.port)) as listener:
        port = listener.getsockname()[1]
        _set_environment(options, port)
        # ministack reads its environment at import.
        from aws_emulator.gaps import close_gaps

        close_gaps(options.function_python, options.smtp_port, options.leave_open)
        if options.permission_log is not None:
            from aws_emulator.permission_log import log_permissions

            log_permissions(options.permission_log)
        _serve(listener, f"AWS emulator listening on http://127.0.0.1:{port}", options.call_log)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m aws_emulator", description="A local AWS on a localhost port.")
    parser.add_argument("--port", type=int, default=0, help="port to listen on; 0 for any free port, which is printed")
    parser.add_argument(
        "--function-python", default="", metavar="PATH", help="interpreter that runs the functions; needs boto3"
    )
    parser.add_argument(
        "--smtp-port", type=int, default=0, help="localhost port that receives SNS e-mail; 0 to send none"
    )
    parser.add_argument("--scratch", type=Path, default=None, metavar="DIR", help="folder for temporary files")
    parser.add_argument(
        "--call-log", type=Path, default=None, metavar="FILE", help="write a line for each AWS call to this file"
    )
    parser.add_argument(
        "--permission-log",
        type=Path,
        default=None,
        metavar="FILE",
        help="write a line for each permission of a stack's role that is granted, used or refused to this file",
    )
    parser.add_argument(
        "--state", type=Path, default=None, metavar="DIR", help="keep the state in this folder over a restart"
    )
    parser.add_argument("--region", default="us-east-1")
    parser.add_argument("--account", default="111122223333")
    parser.add_argument(
        "--leave-open",
        action="append",
        default=[],
        metavar="GAP",
        help="do not close this gap (name of its function), to get ministack's own behavior; may be repeated",
    )
    options = parser.parse_args()
    options.scratch = (options.scratch or Path(tempfile.mkdtemp(prefix="aws-emulator-"))).absolute()
    return options


def _set_environment(options: argparse.Namespace, port: int) -> None:
    """Replaces the environment with ministack's settings."""
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
        AWS_SECRET_ACCESS_KEY="test",  # noqa: S106 - for the emulator's own calls; it does not check them
        IOT_MTLS_ENABLED="0",
        SFTP_ENABLED="0",
        LOG_LEVEL="WARNING",
        TMPDIR=str(options.scratch),
    )
    if options.state is not None:
        folder = options.state.absolute()
        os.environ.update(
            PERSIST_STATE="1", STATE_DIR=str(folder / "services"), S3_PERSIST="1", S3_DATA_DIR=str(folder / "objects")
        )
    tempfile.tempdir = str(options.scratch)


def _serve(listener: socket.socket, announcement: str, call_log: Path | None) -> None:
    """Serves until SIGTERM or SIGINT. The listening socket queues requests that arrive before the server is ready."""
    from hypercorn.asyncio import serve
    from hypercorn.config import Config
    from ministack.app import app

    from aws_emulator.call_log import logged

    logging.getLogger("samtranslator").setLevel(logging.ERROR)  # it warns about unused metrics
    config = Config()
    config.bind = [f"fd://{listener.detach()}"]
    config.keep_alive_timeout = 75
    config.graceful_timeout = 1
    config.loglevel = "WARNING"
    print(announcement, flush=True)
    asyncio.run(serve(app if call_log is None else logged(app, call_log), config))


if __name__ == "__main__":
    main()
