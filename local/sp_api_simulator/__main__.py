"""Command line of the simulator."""

from __future__ import annotations

import argparse
import logging
import shutil
import sys
import tempfile
from pathlib import Path

from sp_api_simulator import VERSION, servers
from sp_api_simulator.app import build_app, new_state
from sp_api_simulator.connections import Connections
from sp_api_simulator.hosts import PATHS
from sp_api_simulator.sandbox import load_examples
from sp_api_simulator.state import Settings
from sp_api_simulator.subscription_rules import VERSION_CHOICES

MODELS = Path("node_modules/@selling-partner-api/models/src/merged.json")
CHECKOUT = Path(__file__).resolve().parents[2]
"""The repository's root, when the simulator runs from it. Installed, it is the parent of site-packages."""

DESCRIPTION = """\
A Selling Partner API on your machine. It implements Login with Amazon and the APIs that the page at / lists, with the
same checks, status codes, headers, error bodies and rate limits as Amazon.
Reports take time to finish, document links expire, and notifications arrive in SQS queues.
Without --state, everything is lost when it stops."""

EPILOG = """\
addresses
  http://127.0.0.1:PORT/auth/o2/token       Login with Amazon
  http://127.0.0.1:PORT/na  /eu  /fe        SP-API, in place of https://sellingpartnerapi-na.amazon.com and so on
  http://127.0.0.1:PORT/sandbox.na  ...     sandbox; it returns the published examples
  http://127.0.0.1:PORT/                    page for a browser: operations, state, request log, faults, clock
  http://127.0.0.1:PORT/simulator/          control API (JSON): sellers, report outcomes, faults, clock, log
  http://127.0.0.1:PORT/simulator/openapi.json    its OpenAPI document

first steps
  sp-api-simulator --port 8080
  curl -X POST localhost:8080/simulator/sellers -d '{"sellerId": "A1EXAMPLESELLER"}'      returns a refresh token
  curl localhost:8080/auth/o2/token -d grant_type=refresh_token --data-urlencode refresh_token=... \\
       -d client_id=amzn1.application-oa2-client.simulator -d client_secret=simulator-client-secret
  curl localhost:8080/na/reports/2021-06-30/reports -H 'x-amz-access-token: ...' -H 'content-type: application/json' \\
       -d '{"reportType": "GET_MERCHANT_LISTINGS_ALL_DATA", "marketplaceIds": ["ATVPDKIKX0DER"]}'
"""


def main(arguments: list[str] | None = None) -> int:
    """Runs the simulator until it is interrupted. Returns the exit status."""
    parser = _parser()
    options = parser.parse_args(arguments)
    if not options.tls and (options.tls_folder or options.tls_port or options.proxy_port):
        parser.error("--tls-port, --proxy-port and --tls-folder need --tls")
    logging.basicConfig(
        stream=sys.stderr, level=logging.WARNING if options.quiet else logging.INFO, format="%(asctime)s %(message)s"
    )
    logging.getLogger("botocore").setLevel(logging.WARNING)
    try:
        examples = load_examples(options.models)
        listener = servers.listen(options.host, options.port)
    except (OSError, ValueError) as error:
        print(f"The simulator cannot start: {error}", file=sys.stderr)
        return 1
    if not examples.loaded:
        logging.warning(
            "The sandbox endpoints have only the examples of the Solicitations API: there are no others in %s (npm "
            "package "
            "@selling-partner-api/models)",
            options.models,
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
        listing_seconds=options.listing_seconds,
        access_token_seconds=options.access_token_seconds,
        document_url_seconds=options.document_url_seconds,
        rate_limit_scale=options.rate_limit_scale,
        payload_versions=options.payload_versions,
        strict=options.strict,
    )
    connections: Connections = {}
    lines = [f"SP-API simulator listening on http://{options.host}:{listener.getsockname()[1]}"]
    with tempfile.TemporaryDirectory(prefix="sp-api-simulator-") as scratch:
        try:
            tls = _tls(options, Path(scratch), lines) if options.tls else None
        except (ImportError, OSError, ValueError) as error:
            print(f"The simulator cannot serve TLS: {error}", file=sys.stderr)
            return 1

        def remove_scratch() -> None:
            shutil.rmtree(scratch, ignore_errors=True)

        app = build_app(
            new_state(settings, examples),
            connections,
            lambda: print("\n".join(lines), flush=True),
            remove_scratch,
            options.state,
        )
        servers.run(app, connections, listener, tls)
    return 0


def _tls(options: argparse.Namespace, scratch: Path, lines: list[str]) -> servers.TlsListeners:
    """Makes the certificates and the listeners, and adds the lines that tell a client how to connect.

    Raises ImportError without the package cryptography, OSError and ValueError.
    """
    from sp_api_simulator.certificates import make_certificates

    folder = options.tls_folder or scratch
    authority, certificate = make_certificates(folder, PATHS, keep=options.tls_folder is not None)
    made = servers.TlsListeners(
        servers.listen(options.host, options.tls_port), servers.listen(options.host, options.proxy_port), certificate
    )
    lines.append(f"TLS: https://{options.host}:{made.tls.getsockname()[1]} (CA certificate: {authority.resolve()})")
    lines.append(f"HTTPS proxy: http://{options.host}:{made.proxy.getsockname()[1]}")
    return made


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="sp-api-simulator",
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"%(prog)s {VERSION}")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default %(default)s)")
    parser.add_argument(
        "--port", type=int, default=0, help="port to listen on; 0, the default, picks a free one and prints it"
    )
    parser.add_argument(
        "--state", type=Path, metavar="FILE", help="keep the state in this file over a restart; it contains secrets"
    )
    parser.add_argument("--quiet", action="store_true", help="do not log each request to the standard error output")
    parser.add_argument(
        "--strict",
        action="store_true",
        help="refuse report types that are not in the published list; without it they get a warning header",
    )
    tls = parser.add_argument_group("TLS")
    tls.add_argument(
        "--tls",
        action="store_true",
        help="also serve Amazon's host names over TLS, with a certificate authority of the simulator's own",
    )
    tls.add_argument("--tls-port", type=int, default=0, metavar="N", help="port of TLS (default: a free one)")
    tls.add_argument(
        "--proxy-port", type=int, default=0, metavar="N", help="port of the HTTPS proxy (default: a free one)"
    )
    tls.add_argument(
        "--tls-folder",
        type=Path,
        metavar="FOLDER",
        help="keeps the certificate authority for the next start (default: a new one each time)",
    )
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
        help="a seller that has authorized the application, in all regions; may be repeated",
    )
    notifications = parser.add_argument_group("notifications")
    notifications.add_argument(
        "--sqs-endpoint",
        default="",
        metavar="URL",
        help="SQS endpoint to which notifications are sent, as account 437568002678; "
        "without it the control API lists them and nothing is sent",
    )
    notifications.add_argument(
        "--payload-versions",
        choices=VERSION_CHOICES,
        default=VERSION_CHOICES[0],
        help="payload versions that createSubscription accepts: those known to work, 1.0 only, the dated version where "
        "the type has one, or both (default %(default)s)",
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
        "--queue-seconds",
        type=float,
        default=10.0,
        metavar="N",
        help="how long a report is IN_QUEUE (default %(default)s)",
    )
    times.add_argument(
        "--processing-seconds",
        type=float,
        default=20.0,
        metavar="N",
        help="how long a report is IN_PROGRESS (default %(default)s)",
    )
    times.add_argument(
        "--listing-seconds",
        type=float,
        default=5.0,
        metavar="N",
        help="how long an accepted listing is processed (default %(default)s)",
    )
    times.add_argument(
        "--access-token-seconds",
        type=int,
        default=3600,
        metavar="N",
        help="lifetime of an access token, in real time (default %(default)s)",
    )
    times.add_argument(
        "--document-url-seconds",
        type=int,
        default=300,
        metavar="N",
        help="lifetime of a document link, in real time (default %(default)s)",
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
        default=_models(),
        metavar="FILE",
        help="OpenAPI file with the sandbox examples: src/merged.json of the npm package @selling-partner-api/models "
        "(default: the one in node_modules of the current folder)",
    )
    return parser


def _models() -> Path:
    """Where the npm package is: in the current folder, or else in the checkout that the simulator runs from."""
    return MODELS if MODELS.is_file() or not (CHECKOUT / MODELS).is_file() else CHECKOUT / MODELS


def _seller(text: str) -> tuple[str, str]:
    seller_id, separator, refresh_token = text.partition("=")
    if not seller_id or not separator or not refresh_token:
        raise argparse.ArgumentTypeError("expected SELLER_ID=REFRESH_TOKEN")
    return seller_id, refresh_token


def _positive(text: str) -> float:
    if not (value := float(text)) > 0:
        raise argparse.ArgumentTypeError("must be greater than zero")
    return value


if __name__ == "__main__":
    sys.exit(main())
