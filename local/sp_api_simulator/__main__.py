"""Command line of the simulator."""

from __future__ import annotations

import argparse
import logging
import socket
import sys
from pathlib import Path

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from sp_api_simulator.app import build_app, new_state
from sp_api_simulator.connections import Connections, recording_protocol
from sp_api_simulator.sandbox import load_examples
from sp_api_simulator.state import Settings

DEFAULT_MODELS = Path(__file__).resolve().parents[2] / "node_modules/@selling-partner-api/models/src/merged.json"

DESCRIPTION = """\
A local Selling Partner API. It answers Login with Amazon and the Reports, Notifications, Solicitations, Tokens and
Application Management APIs the way Amazon does: the same checks, status codes, headers, error bodies and rate limits.
Reports are made in their own time, documents are served from links that expire, notifications go to SQS queues.
Nothing is kept when it stops."""

EPILOG = """\
addresses
  http://127.0.0.1:PORT/auth/o2/token       Login with Amazon
  http://127.0.0.1:PORT/na  /eu  /fe        SP-API endpoints, for https://sellingpartnerapi-na.amazon.com and so on
  http://127.0.0.1:PORT/sandbox.na  ...     sandbox endpoints; they answer the published examples
  http://127.0.0.1:PORT/simulator/          control API (JSON): sellers, report outcomes, faults, clock, log

first steps
  python -m sp_api_simulator --port 8080
  curl -X POST localhost:8080/simulator/sellers -d '{"sellerId": "A1EXAMPLESELLER"}'      answers a refresh token
  curl localhost:8080/auth/o2/token -d grant_type=refresh_token --data-urlencode refresh_token=... \\
       -d client_id=amzn1.application-oa2-client.simulator -d client_secret=simulator-client-secret
  curl localhost:8080/na/reports/2021-06-30/reports -H 'x-amz-access-token: ...' -H 'content-type: application/json' \\
       -d '{"reportType": "GET_MERCHANT_LISTINGS_ALL_DATA", "marketplaceIds": ["ATVPDKIKX0DER"]}'

README.md in the package's folder describes the control API.
"""


def main(arguments: list[str] | None = None) -> int:
    """Runs the simulator until it is interrupted. Returns the exit status."""
    options = _parser().parse_args(arguments)
    logging.basicConfig(
        stream=sys.stderr, level=logging.WARNING if options.quiet else logging.INFO, format="%(asctime)s %(message)s"
    )
    logging.getLogger("botocore").setLevel(logging.WARNING)
    try:
        examples = load_examples(options.models)
        listener = _listen(options.host, options.port)
    except (OSError, ValueError) as error:
        print(f"The simulator cannot start: {error}", file=sys.stderr)
        return 1
    if not examples.loaded:
        logging.warning(
            "sandbox endpoints answer 400: no examples at %s (npm package @selling-partner-api/models)", options.models
        )
    settings = Settings(
        client_id=options.client_id,
        client_secret=options.client_secret,
        application_id=options.application_id,
        sellers=tuple(options.seller),
        sqs_endpoint=options.sqs_endpoint,
        time_scale=options.time_scale,
        queue_seconds=options.queue_seconds,
        processing_seconds=options.processing_seconds,
        access_token_seconds=options.access_token_seconds,
        document_url_seconds=options.document_url_seconds,
        rate_limit_scale=options.rate_limit_scale,
    )
    address = f"http://{options.host}:{listener.getsockname()[1]}"
    connections: Connections = {}
    app = build_app(
        new_state(settings, examples),
        connections,
        lambda: print(f"SP-API simulator listening on {address}", flush=True),
    )
    config = uvicorn.Config(
        app,
        http=recording_protocol(H11Protocol, connections),
        ws="none",
        lifespan="on",
        log_config=None,
        log_level="warning",
        access_log=False,
        server_header=False,
        timeout_keep_alive=75,
        timeout_graceful_shutdown=1,
    )
    uvicorn.Server(config).run(sockets=[listener])
    return 0


def _listen(host: str, port: int) -> socket.socket:
    """A listening socket. It names its protocol: asyncio turns Nagle's delay off only for sockets that do."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP)
    family, kind, protocol, _, address = found[0]
    listener = socket.socket(family, kind, protocol)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(address)
    listener.listen(256)
    return listener


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m sp_api_simulator",
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default %(default)s)")
    parser.add_argument(
        "--port", type=int, default=0, help="port to listen on; 0, the default, takes a free one and prints it"
    )
    parser.add_argument("--quiet", action="store_true", help="do not log each request to the standard error output")
    accounts = parser.add_argument_group("accounts")
    accounts.add_argument(
        "--client-id", default="amzn1.application-oa2-client.simulator", help="the application (default %(default)s)"
    )
    accounts.add_argument("--client-secret", default="simulator-client-secret", help="its secret (default %(default)s)")
    accounts.add_argument(
        "--application-id", default="amzn1.sp.solution.simulator", help="its id in notifications (default %(default)s)"
    )
    accounts.add_argument(
        "--seller",
        type=_seller,
        action="append",
        default=[],
        metavar="ID=REFRESH_TOKEN",
        help="a seller that has authorised the application, in all regions; may be repeated",
    )
    notifications = parser.add_argument_group("notifications")
    notifications.add_argument(
        "--sqs-endpoint",
        default="",
        metavar="URL",
        help="SQS endpoint that notifications are sent to, as account 437568002678; "
        "without it they are only listed in the control API",
    )
    times = parser.add_argument_group("time")
    times.add_argument(
        "--time-scale",
        type=_positive,
        default=1.0,
        metavar="X",
        help="report processing, schedules and quotas run X times as fast as real time (default %(default)s)",
    )
    times.add_argument(
        "--queue-seconds", type=float, default=10.0, metavar="N", help="time a report is IN_QUEUE (default %(default)s)"
    )
    times.add_argument(
        "--processing-seconds",
        type=float,
        default=20.0,
        metavar="N",
        help="time a report is IN_PROGRESS (default %(default)s)",
    )
    times.add_argument(
        "--access-token-seconds",
        type=int,
        default=3600,
        metavar="N",
        help="life of an access token, in real time (default %(default)s)",
    )
    times.add_argument(
        "--document-url-seconds",
        type=int,
        default=300,
        metavar="N",
        help="life of a document link, in real time (default %(default)s)",
    )
    times.add_argument(
        "--rate-limit-scale",
        type=float,
        default=1.0,
        metavar="X",
        help="multiplies the published rates and bursts; 0 turns rate limits off (default %(default)s)",
    )
    sandbox = parser.add_argument_group("sandbox")
    sandbox.add_argument(
        "--models",
        type=Path,
        default=DEFAULT_MODELS,
        metavar="FILE",
        help="OpenAPI file with the sandbox examples: src/merged.json of the npm package @selling-partner-api/models "
        "(default: the one in node_modules)",
    )
    return parser


def _seller(text: str) -> tuple[str, str]:
    seller_id, separator, refresh_token = text.partition("=")
    if not seller_id or not separator or not refresh_token:
        raise argparse.ArgumentTypeError("expected SELLER_ID=REFRESH_TOKEN")
    return seller_id, refresh_token


def _positive(text: str) -> float:
    if not (value := float(text)) > 0:
        raise argparse.ArgumentTypeError("must be above zero")
    return value


if __name__ == "__main__":
    sys.exit(main())
