"""The whole report flow on this machine: `make demo`; `make demo KEEP=1` leaves everything running."""

import argparse
import contextlib
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
from postman_environment import postman_environment
from publishing import PublishingError
from servers import ServerError, Servers, load_servers, start_servers, stop_servers
from simulator import application_arguments, authorize_seller, served_document
from smtp_mailbox import Mail, read_messages

RUN_DIRECTORY = REPOSITORY / ".local" / "demo"
STACK_NAME = "quick-start"
SELLER_ID = "A3TH9S8BH6GOGM"
REPORT_TYPE = "GET_MERCHANT_LISTINGS_ALL_DATA"
MARKETPLACE_ID = "ATVPDKIKX0DER"
MAIL_SECONDS = 60
SHOWN_LINES = 4
POSTMAN_ENVIRONMENT = "local.postman_environment.json"


class DemoFailedError(RuntimeError):
    """The flow did not end as it must."""


@dataclass
class Steps:
    """Shows each step, what it came to, and how long it took."""

    started: float = field(default_factory=time.monotonic)
    number: int = 0

    @contextlib.contextmanager
    def step(self, title: str) -> Iterator[Callable[[str], None]]:
        """Gives a function that says what the step came to."""
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
    """A turning bar where a person looks on; nothing in a log file."""

    def __init__(self) -> None:
        self._turn = 0

    def __call__(self) -> None:
        if sys.stdout.isatty():
            print("|/-\\"[self._turn % 4] + "\b", end="", flush=True)
            self._turn += 1


def main() -> int:
    options = _options()
    running = load_servers(RUN_DIRECTORY)
    if running is not None:
        stop_servers(running)
    print("The report flow, from templates to a downloaded report, on this machine.\n")
    steps = Steps()
    servers, keep = None, False
    try:
        with steps.step("Start the AWS emulator, the SP-API simulator and a mailbox") as say:
            servers = start_servers(
                RUN_DIRECTORY,
                emulator_python=options.emulator_python.absolute(),
                function_python=options.function_python.absolute(),
                simulator_arguments=application_arguments(),
            )
            say(f"AWS {servers.aws_endpoint}   SP-API {servers.simulator_endpoint}")
        deployment = _run(servers, steps)
        keep = options.keep
    except (DemoFailedError, DeploymentFailedError, PublishingError, ServerError) as error:
        print(f"\n{error}\nLogs: {RUN_DIRECTORY.relative_to(REPOSITORY)}", file=sys.stderr)
        return 1
    finally:
        if servers is not None and not keep:
            stop_servers(servers)
    print(f"\nDone in {steps.seconds():.1f} s.", end=" ")
    print(_what_runs(deployment) if keep else "The servers are stopped; `make demo KEEP=1` leaves them running.")
    return 0


def _run(servers: Servers, steps: Steps) -> Deployment:
    for old in servers.mail_directory.glob("*.eml"):
        old.unlink()
    with steps.step("Publish templates, functions and layers to the emulator's S3") as say:
        template_url = publish_templates(servers)
        say(template_url)
    with steps.step("Deploy the root template through CloudFormation") as say:
        deployment = deploy(servers, STACK_NAME, template_url, stack_parameters(servers), Waiting())
        say(f"stack {STACK_NAME}, {len(deployment.outputs)} outputs")
    with steps.step("Confirm the e-mail subscriptions: open the links that SNS mailed") as say:
        confirm_subscriptions(deployment)
        say(f"{EMAIL} now receives reports and alarms")
    with steps.step("Make an access key, assume ApiGatewayInvokeRole") as say:
        user = deployment.outputs["ApiGatewayInvokeUserName"]
        access_key = aws(servers, "iam").create_access_key(UserName=user)["AccessKey"]
        quick_start = _quick_start(deployment, access_key)
        say(f"temporary credentials of {deployment.outputs['ApiGatewayInvokeRoleArn'].rsplit('/', 1)[1]}")
    refresh_token = authorize_seller(servers.simulator_endpoint, SELLER_ID)
    environment = postman_environment(deployment, access_key, SELLER_ID, refresh_token)
    (servers.run_directory / POSTMAN_ENVIRONMENT).write_text(json.dumps(environment, indent=2))
    seller = {"SellerId": SELLER_ID, "RegionCode": "NA"}

    def post(output: str, body: dict[str, str]) -> dict[str, Any]:
        answer: dict[str, Any] = quick_start.post(deployment.url(output), {**seller, **body})
        return answer

    with steps.step("POST /tokens: store the seller's refresh token") as say:
        say(str(post("TokenStorageUrl", {"RefreshToken": refresh_token})))
    with steps.step("POST /notifications: subscribe the seller to finished reports") as say:
        say(str(post("NotificationsSubscriberUrl", {"NotificationType": "REPORT_PROCESSING_FINISHED"})))
    with steps.step(f"POST /reports: ask for {REPORT_TYPE}") as say:
        report = post("ReportCreatorUrl", {"ReportType": REPORT_TYPE, "MarketplaceIds": MARKETPLACE_ID})
        say(str(report))
    with steps.step("SP-API makes the report; notification, workflow, bucket, e-mail") as say:
        mail = _wait_for_mail(servers, report["reportId"])
        say(f"to {mail.to}")
    print(_framed(f"Subject: {mail.subject}\n\n{mail.body}"))
    with steps.step("Download the report through the link in the e-mail") as say:
        stored = _download(mail)
        served = served_document(servers.simulator_endpoint, report["reportId"])
        if stored != served:
            raise DemoFailedError(
                f"the downloaded report ({len(stored)} bytes) is not what SP-API served ({len(served)} bytes)"
            )
        say(f"{len(stored):,} bytes, the same as SP-API served; its first lines:")
    text = gzip.decompress(stored).decode()
    print(_framed("\n".join(line[:110] for line in text.splitlines()[:SHOWN_LINES])))
    return deployment


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--emulator-python", type=Path, required=True)
    parser.add_argument("--function-python", type=Path, required=True)
    parser.add_argument("--keep", action="store_true", help="leave the servers running")
    return parser.parse_args()


def _quick_start(deployment: Deployment, access_key: Mapping[str, str]) -> Any:
    """The example that users copy, as the holder of the access key, with its role assumed."""
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
    waiting = Waiting()
    give_up = time.monotonic() + MAIL_SECONDS
    while time.monotonic() < give_up:
        for mail in read_messages(servers.mail_directory):
            if report_id in mail.subject:
                return mail
        waiting()
        time.sleep(0.2)
    raise DemoFailedError(f"no e-mail about report {report_id} reached {EMAIL} within {MAIL_SECONDS} s")


def _download(mail: Mail) -> bytes:
    link = re.search(r"https?://\S+", mail.body)
    if link is None:
        raise DemoFailedError("the e-mail has no link")
    # The bytes as they are stored: requests would inflate them.
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
        ("Postman environment", str((servers.run_directory / POSTMAN_ENVIRONMENT).relative_to(REPOSITORY))),
        ("logs", str(servers.run_directory.relative_to(REPOSITORY))),
    ]
    lines = "\n".join(f"  {name:<20} {value}" for name, value in rows)
    return f"Everything is still running:\n{lines}\nStop it with `make stop`."


if __name__ == "__main__":
    sys.exit(main())
