"""Runs the whole report flow on this machine: `make demo`. `make demo KEEP=1`, or `make up`, keeps the servers running.

`make demo LISTINGS=1` publishes listings instead. `make demo AUTHORIZE=1` stops for a person to connect the seller on
Amazon's consent page, which the simulator plays.
"""

import signal

if __name__ == "__main__":
    # Before the imports, which take seconds: Ctrl-C must not end them with a traceback. `main` changes it.
    signal.signal(signal.SIGINT, signal.SIG_DFL)

import argparse
import contextlib
import fcntl
import gzip
import json
import re
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import requests
from connecting import Connecting, running_connecting
from listing_demo import ListingDemoError, parameters, scale_waits, show_listings

from deployment import (
    EMAIL,
    REPOSITORY,
    Deployment,
    DeploymentFailedError,
    aws,
    confirm_subscriptions,
    deploy,
    host_product,
    publish_templates,
    stack_parameters,
)
from environment import FILE, RUN_DIRECTORY, STACK_NAME, write_environment
from postman_environment import postman_environment
from publishing import PublishingError
from servers import ServerError, Servers, are_running, load_servers, start_servers, stop_servers
from simulator import application_arguments, authorize_seller, served_document
from smtp_mailbox import Mail, read_messages

INTERRUPTED, RUNS_ALREADY = 130, 2
SELLER_ID = "A3TH9S8BH6GOGM"
REPORT_TYPE = "GET_MERCHANT_LISTINGS_ALL_DATA"
MARKETPLACE_ID = "ATVPDKIKX0DER"
MAIL_SECONDS = 120
# A person who looks around still gets there.
PERSON_SECONDS = 1800
SHOWN_LINES = 4
POSTMAN_ENVIRONMENT = "local.postman_environment.json"


class DemoFailedError(RuntimeError):
    """The flow did not end as expected."""


class RunsAlreadyError(RuntimeError):
    """Only one demo, or one local stack, can run in a checkout."""


@dataclass
class Steps:
    """Prints each step with its result and duration."""

    started: float = field(default_factory=time.monotonic)
    number: int = 0

    @contextlib.contextmanager
    def step(self, title: str) -> Iterator[Callable[[str], None]]:
        """Yields a function that adds a line to the step's result."""
        self.number += 1
        begun = time.monotonic()
        lines: list[str] = []
        print(f"{self.number:2}. {title:<68}", end="", flush=True)
        try:
            yield lines.append
        except BaseException:
            print(" failed", flush=True)
            raise
        print(f"{time.monotonic() - begun:6.1f} s", flush=True)
        for line in lines:
            print(f"    {line}", flush=True)

    def seconds(self) -> float:
        return time.monotonic() - self.started


class Waiting:
    """Shows a spinner on a terminal, and nothing in a log file."""

    def __init__(self) -> None:
        self._turn = 0

    def __call__(self) -> None:
        if sys.stdout.isatty():
            print("|/-\\"[self._turn % 4] + "\b", end="", flush=True)
            self._turn += 1


def main() -> int:
    options = _options()
    # A shell that starts this in the background lets it ignore SIGINT.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        with _only_run():
            return _demo(options)
    except RunsAlreadyError as error:
        print(error, file=sys.stderr)
        return RUNS_ALREADY
    except KeyboardInterrupt:
        print("\nStopped.", file=sys.stderr)
        return INTERRUPTED


@contextlib.contextmanager
def _only_run() -> Iterator[None]:
    """Raises RunsAlreadyError if another demo runs in this checkout, or one has left its servers running."""
    RUN_DIRECTORY.mkdir(parents=True, exist_ok=True)
    with (RUN_DIRECTORY / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise RunsAlreadyError("make demo already runs in this checkout. Wait until it ends, or stop it.") from None
        running = load_servers(RUN_DIRECTORY)
        if running is not None:
            if are_running(running):
                raise RunsAlreadyError(
                    f"A local stack already runs in this checkout ({running.aws_endpoint}). Stop it first: make down"
                )
            stop_servers(running)
        yield


def _demo(options: argparse.Namespace) -> int:
    ends = "published listings" if options.listings else "a downloaded report"
    print(f"The {'listings' if options.listings else 'report'} flow on this machine, from templates to {ends}.\n")
    steps = Steps()
    servers, keep = None, False
    try:
        with steps.step("Start the AWS emulator, the SP-API simulator and a mailbox") as say:
            servers = start_servers(
                RUN_DIRECTORY,
                emulator_python=options.emulator_python.absolute(),
                function_python=options.function_python.absolute(),
                simulator_arguments=application_arguments(),
                port_base=options.port_base,
                keep_state=options.keep,
            )
            say(f"AWS {servers.aws_endpoint}   SP-API {servers.simulator_endpoint}")
        if options.listings:
            deployment = _run_listings(servers, steps)
        elif options.authorize:
            with running_connecting() as connecting:
                deployment = _run(servers, steps, connecting)
        else:
            deployment = _run(servers, steps)
        keep = options.keep
    except (DemoFailedError, DeploymentFailedError, ListingDemoError, PublishingError, ServerError) as error:
        print(f"\n{error}\nLogs: {RUN_DIRECTORY.relative_to(REPOSITORY)}", file=sys.stderr)
        return 1
    finally:
        if servers is not None and not keep:
            stop_servers(servers)
    print(f"\nDone in {steps.seconds():.1f} s.", end=" ")
    again = "add KEEP=1" if options.listings or options.authorize else "use `make up`"
    print(_what_runs(deployment) if keep else f"The servers are stopped. To keep them running, {again}.")
    return 0


def _run_listings(servers: Servers, steps: Steps) -> Deployment:
    deployment, quick_start, _ = _deployed(servers, steps, parameters(servers))
    # Minutes are seconds.
    scale_waits(servers, 0.03)
    show_listings(deployment, quick_start, steps)
    return deployment


def _deployed(servers: Servers, steps: Steps, changed: Mapping[str, str]) -> tuple[Deployment, Any, Mapping[str, str]]:
    """The stack, its client, and the access key of the client."""
    for old in servers.mail_directory.glob("*.eml"):
        old.unlink()
    with steps.step("Publish templates, functions and layers to the emulator's S3") as say:
        template_url = publish_templates(servers)
        say(template_url)
    with steps.step("Deploy the root template through CloudFormation") as say:
        deployment = deploy(servers, STACK_NAME, template_url, stack_parameters(servers, **changed), Waiting())
        say(f"stack {STACK_NAME}, {len(deployment.outputs)} outputs")
    with steps.step("Confirm the e-mail subscriptions: open the links from SNS") as say:
        confirm_subscriptions(deployment)
        say(f"{EMAIL} now receives reports and alarms")
    with steps.step("Create an access key, assume ApiGatewayInvokeRole") as say:
        user = deployment.outputs["ApiGatewayInvokeUserName"]
        access_key = aws(servers, "iam").create_access_key(UserName=user)["AccessKey"]
        quick_start = _quick_start(deployment, access_key)
        say(f"temporary credentials of {deployment.outputs['ApiGatewayInvokeRoleArn'].rsplit('/', 1)[1]}")
    return deployment, quick_start, dict(access_key)


def _run(servers: Servers, steps: Steps, connecting: Connecting | None = None) -> Deployment:
    connects = connecting.parameters(servers) if connecting else {}
    deployment, quick_start, access_key = _deployed(servers, steps, connects)
    refresh_token = authorize_seller(servers.simulator_endpoint, SELLER_ID)
    environment = postman_environment(deployment, access_key, SELLER_ID, refresh_token)
    (servers.run_directory / POSTMAN_ENVIRONMENT).write_text(json.dumps(environment, indent=2))
    write_environment(servers.run_directory / FILE, deployment, access_key, SELLER_ID, refresh_token)
    seller = {"SellerId": SELLER_ID, "RegionCode": "NA"}

    def post(output: str, body: dict[str, str]) -> dict[str, Any]:
        answer: dict[str, Any] = quick_start.post(deployment.url(output), {**seller, **body})
        return answer

    if connecting is not None:
        connecting.ready(deployment, quick_start)
        _let_a_person_connect(deployment, connecting, quick_start, steps)
    else:
        with steps.step("POST /tokens: store the seller's refresh token") as say:
            # Without a RegionCode, the token is for every region, as the examples of the documentation need.
            token = {"SellerId": SELLER_ID, "RefreshToken": refresh_token}
            say(str(quick_start.post(deployment.url("TokenStorageUrl"), token)))
        with steps.step("POST /notifications: subscribe the seller to finished reports") as say:
            say(str(post("NotificationsSubscriberUrl", {"NotificationType": "REPORT_PROCESSING_FINISHED"})))
    with steps.step(f"POST /reports: request {REPORT_TYPE}") as say:
        report = post("ReportCreatorUrl", {"ReportType": REPORT_TYPE, "MarketplaceIds": MARKETPLACE_ID})
        say(str(report))
    with steps.step("SP-API creates the report; the stack stores it and e-mails a link") as say:
        mail = _wait_for_mail(servers, report["reportId"])
        say(f"to {mail.to}")
    print(_framed(f"Subject: {mail.subject}\n\n{mail.body}"))
    with steps.step("Download the report through the link in the e-mail") as say:
        stored = _download(mail)
        served = served_document(servers.simulator_endpoint, report["reportId"])
        if stored != served:
            raise DemoFailedError(
                f"the downloaded report ({len(stored)} bytes) differs from what SP-API served ({len(served)} bytes)"
            )
        say(f"{len(stored):,} bytes of gzip, the same as SP-API served; its first lines, decompressed:")
    text = gzip.decompress(stored).decode()
    print(_framed("\n".join(line[:110] for line in text.splitlines()[:SHOWN_LINES])))
    return deployment


def _let_a_person_connect(deployment: Deployment, connecting: Connecting, quick_start: Any, steps: Steps) -> None:
    """Waits for the person, then for the subscription that follows the consent."""
    print(f"\n    Open  {connecting.site.address}/  in your browser and connect a seller account.\n", flush=True)
    with steps.step("A person connects the seller on Amazon's consent page") as say:
        connected = _wait(PERSON_SECONDS, lambda: _connected(connecting), "nobody connected the seller")
        say(f"{connected['sellerId']}: {connected['status']}")
    with steps.step("The stack subscribes the seller to finished reports") as say:
        listed = {"SellerId": SELLER_ID, "RegionCode": "NA"}
        url = deployment.url("NotificationsSubscriberUrl")

        def look() -> Any:
            # SP-API allows one such request a second.
            time.sleep(2)
            return next(iter(quick_start.get(url, **listed)["subscriptions"]), None)

        say(str(_wait(MAIL_SECONDS, look, f"seller {SELLER_ID} was not subscribed")))


def _connected(connecting: Connecting) -> Mapping[str, Any] | None:
    """What the web site was answered about the seller of this demo."""
    found = [outcome for outcome in connecting.site.outcomes if outcome["status"] == "CONNECTED"]
    return next((outcome for outcome in found if outcome["sellerId"] == SELLER_ID), None)


def _wait(seconds: float, look: Callable[[], Any], failure: str) -> Any:
    waiting = Waiting()
    give_up = time.monotonic() + seconds
    while time.monotonic() < give_up:
        if found := look():
            return found
        waiting()
        time.sleep(0.2)
    raise DemoFailedError(f"{failure} within {seconds:.0f} s")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--emulator-python", type=Path, required=True)
    parser.add_argument("--function-python", type=Path, required=True)
    parser.add_argument("--keep", action="store_true", help="keep the servers running")
    parser.add_argument("--listings", action="store_true", help="publish listings instead of requesting a report")
    parser.add_argument("--port-base", type=int, help="use this port and the next two (default: any free ports)")
    parser.add_argument("--authorize", action="store_true", help="stop for a person to connect the seller")
    return parser.parse_args()


def _quick_start(deployment: Deployment, access_key: Mapping[str, str]) -> Any:
    """The client of docs/examples, with the access key and the assumed role."""
    servers = deployment.servers
    sts = aws(
        servers,
        "sts",
        aws_access_key_id=access_key["AccessKeyId"],
        aws_secret_access_key=access_key["SecretAccessKey"],
    )
    quick_start = host_product().QuickStart(deployment.outputs["ApiGatewayInvokeRoleArn"], servers.region, sts)
    quick_start.signature()
    return quick_start


def _wait_for_mail(servers: Servers, report_id: str) -> Mail:
    def look() -> Mail | None:
        return next((mail for mail in read_messages(servers.mail_directory) if report_id in mail.subject), None)

    mail: Mail = _wait(MAIL_SECONDS, look, f"no e-mail about report {report_id} reached {EMAIL}")
    return mail


def _download(mail: Mail) -> bytes:
    link = re.search(r"https?://\S+", mail.body)
    if link is None:
        raise DemoFailedError("the e-mail has no link")
    # Reads the stored bytes, because requests would decompress them.
    answer = requests.get(link[0], stream=True, timeout=30)
    answer.raise_for_status()
    body: bytes = answer.raw.read(decode_content=False)
    return body


def _framed(text: str) -> str:
    return "\n" + "\n".join(f"      | {line}" for line in text.rstrip().splitlines()) + "\n"


def _what_runs(deployment: Deployment) -> str:
    servers = deployment.servers
    rows = [
        ("AWS endpoint", servers.aws_endpoint),
        ("SP-API simulator", f"{servers.simulator_endpoint} (its control API is under /simulator)"),
        ("POST /tokens", deployment.url("TokenStorageUrl")),
        ("POST /notifications", deployment.url("NotificationsSubscriberUrl")),
        ("POST /reports", deployment.url("ReportCreatorUrl")),
        ("e-mails", str(servers.mail_directory.relative_to(REPOSITORY))),
        ("environment", str((servers.run_directory / FILE).relative_to(REPOSITORY))),
        ("Postman environment", str((servers.run_directory / POSTMAN_ENVIRONMENT).relative_to(REPOSITORY))),
        ("logs", str(servers.run_directory.relative_to(REPOSITORY))),
    ]
    lines = "\n".join(f"  {name:<20} {value}" for name, value in rows)
    body = {"SellerId": SELLER_ID, "RegionCode": "NA", "ReportType": REPORT_TYPE, "MarketplaceIds": MARKETPLACE_ID}
    example = '.venv/bin/python docs/examples/host_product.py "$REPORTS_URL"'
    return (
        f"Everything is still running:\n{lines}\n\n"
        "Request a report with an example program:\n\n"
        f"  (. {(servers.run_directory / FILE).relative_to(REPOSITORY)}; {example} '{json.dumps(body)}')\n\n"
        "Check the stack with `make doctor`, read its logs with `make logs`, and stop it with `make down`."
    )


if __name__ == "__main__":
    sys.exit(main())
