"""The make targets of docs/operations.md, as they are written there."""

import os
import shlex
import subprocess
from pathlib import Path

from deployment import REPOSITORY, Deployment
from simulator import served_document
from tests.end_to_end.host import (
    HostProduct,
    Seller,
    download,
    eventually,
    finished_report,
    ledger_item,
    link_in,
    mails_about,
)
from tests.end_to_end.test_delivery_failures import execution_of, failure_mail
from tests.end_to_end.test_ownership import dead_letters_about, made_elsewhere, messages_tried_again_after, send


def make(deployment: Deployment, target: str) -> str:
    """What the target prints for this stack. It runs the target's command, without making the environments again."""
    written = f"make {target} STACK="
    assert written in (REPOSITORY / "docs" / "operations.md").read_text()
    told = subprocess.run(
        ["make", "-n", target, f"STACK={deployment.stack_name}"],
        cwd=REPOSITORY,
        # Not the variables of a make that runs these tests, such as ARGS.
        env={"PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    (command,) = [line for line in told.splitlines() if "operations.redrive" in line]
    python_path, _, *arguments = shlex.split(command)
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": python_path.removeprefix("PYTHONPATH="),
        "AWS_ENDPOINT_URL": deployment.servers.aws_endpoint,
        "AWS_DEFAULT_REGION": deployment.servers.region,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
    }
    python = Path(os.environ.get("TOOLS_PYTHON", REPOSITORY / ".venv" / "bin" / "python"))
    done = subprocess.run(
        [python, *arguments], cwd=REPOSITORY, env=environment, capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def assert_delivered_once(deployment: Deployment, seller: Seller, report_id: str) -> None:
    def ready() -> list[str] | None:
        mails = [mail for mail in mails_about(deployment.servers, report_id) if "is ready" in mail.subject]
        return [link_in(mail) for mail in mails] or None

    (link,) = eventually(ready, what="the e-mail with the link")
    assert download(link)[1] == served_document(deployment.servers.simulator_endpoint, report_id)
    item = eventually(
        lambda: found if (found := ledger_item(deployment, seller, report_id) or {}).get("NotifiedTime") else None
    )
    assert item["DeliveryStatus"] == "DELIVERED"


def test_dead_letters_go_back_when_what_was_wrong_is_mended(
    deployment: Deployment, host: HostProduct, seller: Seller
) -> None:
    report_id = made_elsewhere(seller)
    with messages_tried_again_after(deployment, 1):
        send(deployment, finished_report(seller.seller_id, report_id))
        eventually(
            lambda: dead_letters_about(deployment, report_id) or None, 60, "the message in the dead-letter queue"
        )
    host.store_token(seller, RegionCode="NA")
    assert "moved back" in make(deployment, "redrive-queue")
    assert_delivered_once(deployment, seller, report_id)
    assert dead_letters_about(deployment, report_id) == 0
    assert "NotificationsDeadLetterQueueUrl: empty" in make(deployment, "redrive-queue")


def test_failed_executions_are_resumed(deployment: Deployment, host: HostProduct, subscribed_seller: Seller) -> None:
    denied = {"fault": "status", "status": 403, "operation": "getReport", "code": "Unauthorized"}
    subscribed_seller.control("POST", "faults", denied | {"sellerId": subscribed_seller.seller_id})
    report_id = host.create_report(subscribed_seller)
    failure_mail(deployment, report_id)
    execution = execution_of(deployment, report_id)
    assert execution is not None
    (told,) = [line for line in make(deployment, "redrive-executions").splitlines() if report_id in line]
    assert told.startswith(f"{execution['name']} (FAILED): started anew as {execution['name']}-r")
    assert_delivered_once(deployment, subscribed_seller, report_id)
    (again,) = [line for line in make(deployment, "redrive-executions").splitlines() if report_id in line]
    assert "already started anew" in again
