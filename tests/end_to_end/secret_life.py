"""The life of a client secret on the simulator's clock: `python -m tests.end_to_end.secret_life` (make secret-life).

The stack rotates the secret by itself, while reports, notifications and solicitations go on.
"""

import argparse
import sys
import tempfile
import uuid
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from deployment import REPOSITORY, Deployment, aws, confirm_subscriptions, deploy, publish_templates, stack_parameters
from quickstart.application_secret import ApplicationSecret, SecretVersion, secret_string
from quickstart.dynamodb import Table
from quickstart.secret_rotation.record import UNANSWERED, Record, RotationRecords
from quickstart.secret_rotation.replacement import Replacement
from quickstart.secret_rotation.rotation import Rotator
from quickstart.secret_rotation.versions import SecretVersions
from servers import running_servers
from simulator import CLIENT_ID, application_arguments, control
from sp_api.application_management import rotate_application_client_secret as rotate
from sp_api.caller import SellingPartnerApi
from sp_api.deadline import Deadline
from sp_api.errors import AuthorizationError
from sp_api.lwa import ApplicationCredentials, LwaClient, Scope
from sp_api.regions import Environment, Region
from sp_api.transport import make_http
from tests.end_to_end.host import HostProduct, Seller, eventually, invoke_function, mail_about, new_seller, table_of
from tests.end_to_end.test_solicitations import MARKETPLACE, Orders, ago

DAY = 86400
# Fewer reports of one seller than getReportDocument's burst of 15, with those after a rotation.
BURST = 12
APPLICATION = f"applications/{CLIENT_ID}"
# What LWA and SP-API answer when a secret is wrong or has ended.
WRONG_SECRET = ("invalid_client", "Unauthorized: The LWA secret token you provided has expired.")


@dataclass
class Life:
    """A deployed stack whose application lives on the simulator's clock."""

    deployment: Deployment
    host: HostProduct
    done: Counter[str] = field(default_factory=Counter)

    def register(self, *, warnings: bool = True) -> None:
        """What the operator does once in the developer console: both rows, one queue."""
        queue = self.deployment.outputs["SecretQueueArn"]
        self.control("PUT", APPLICATION, {"rotationQueueArn": queue, "expiryQueueArn": queue if warnings else ""})

    def five_minutes_pass(self) -> None:
        """Functions remember a secret for five minutes of the real clock, which is weeks of the simulator's. A changed
        configuration makes Lambda start them anew.
        """
        client = aws(self.deployment.servers, "lambda")
        for page in client.get_paginator("list_functions").paginate():
            for function in page["Functions"]:
                variables = function.get("Environment", {}).get("Variables", {})
                if "APPLICATION_SECRET_ARN" in variables:
                    variables["STARTED"] = str(self.now())
                    client.update_function_configuration(
                        FunctionName=function["FunctionName"], Environment={"Variables": variables}
                    )

    def start_again(self) -> None:
        """A secret of today in use, with its end known, and no rotation on record."""
        self.new_secret()
        self.five_minutes_pass()

    def new_secret(self) -> None:
        """The same for functions that remember the secret before it, which still works."""
        made = self.control("POST", f"{APPLICATION}/rotate-secret")
        times = {
            name: datetime.fromisoformat(made[field])
            for name, field in (("expires_at", "expires"), ("previous_expires_at", "oldSecretExpires"))
        }
        version = SecretVersion("", CLIENT_ID, made["clientSecret"], issued_at=self.now(), **times)
        secret = self.secret()
        secret.client.put_secret_value(SecretId=secret.arn, SecretString=secret_string(version))
        aws(self.deployment.servers, "sqs").purge_queue(QueueUrl=self.queue_url())
        table_of(self.deployment, "SecretRotationTableName").delete_item(Key={"ClientId": CLIENT_ID})

    def control(self, method: str, path: str, body: object = None) -> Any:
        return control(self.deployment.servers.simulator_endpoint, method, path, body)

    def now(self) -> datetime:
        return datetime.fromisoformat(self.control("GET", "clock")["now"])

    def pass_time(self, seconds: float) -> None:
        self.control("PUT", "clock", {"advanceSeconds": seconds})

    def check(self) -> None:
        """The daily run, as its rule calls it."""
        self.invoke("SPAPISecretRotator", {"time": self.now().isoformat()})

    def pass_day(self) -> None:
        """A day with its daily run. What SP-API sends in seconds is there before the next day."""
        self.pass_time(DAY)
        self.check()
        self.settle()

    def settle(self) -> None:
        """Waits until no message is on its way: a rotation is answered within seconds."""
        eventually(lambda: True if self._settled() else None, "the new secret")

    def _settled(self) -> bool:
        return self.waiting() == 0 and self.record().outcome not in UNANSWERED

    def queue_url(self) -> str:
        name = self.deployment.outputs["SecretQueueArn"].rsplit(":", 1)[1]
        return str(aws(self.deployment.servers, "sqs").get_queue_url(QueueName=name)["QueueUrl"])

    def waiting(self) -> int:
        """The messages in the queue, also those that a function is working on."""
        sqs, url = aws(self.deployment.servers, "sqs"), self.queue_url()
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        attributes = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"]
        return sum(int(attributes[name]) for name in names)

    def invoke(self, function: str, event: object) -> Any:
        """The function's answer. Raises AssertionError if it failed."""
        return invoke_function(self.deployment, function, event)

    def secret(self) -> ApplicationSecret:
        return ApplicationSecret(
            aws(self.deployment.servers, "secretsmanager"), self.deployment.outputs["ApplicationSecretArn"]
        )

    def in_use(self) -> SecretVersion:
        return self.secret().in_use()

    def record(self) -> Record:
        table = Table(aws(self.deployment.servers, "dynamodb"), self.table_name())
        return RotationRecords(table, CLIENT_ID).load()

    def secrets(self) -> list[dict[str, Any]]:
        """The application's secrets at the simulator, from the oldest to the newest."""
        found: list[dict[str, Any]] = self.control("GET", APPLICATION)["secrets"]
        return found

    def wrong_secrets(self) -> list[str]:
        """The calls since the log was last emptied that were refused for a wrong secret."""
        return [
            f"{entry['operation']}: {entry['error']}"
            for entry in self.control("GET", "requests")["requests"]
            if entry["error"].startswith(WRONG_SECRET)
        ]

    def accepts(self, client_secret: str) -> bool:
        """Whether Login with Amazon takes the secret."""
        try:
            self._lwa(ApplicationCredentials(CLIENT_ID, client_secret)).grantless_access_token(
                Scope.NOTIFICATIONS, Deadline.after(10)
            )
        except AuthorizationError:
            return False
        return True

    def works(self) -> bool:
        """Whether Login with Amazon takes the secret that functions use now, or one of those they fall back to."""
        secret = self.secret()
        versions = (secret.in_use(), *secret.others(datetime.now(UTC)))
        return any(self.accepts(version.client_secret) for version in versions)

    def make_due(self) -> None:
        """The secret in use ends in twenty days, as far as the stack knows, and no request is under way."""
        self.check()
        secret, used = self.secret(), self.in_use()
        soon = replace(used, version_id="", expires_at=self.now() + timedelta(days=20))
        secret.client.put_secret_value(SecretId=secret.arn, SecretString=secret_string(soon))

    def replacement(self, wrapped: Callable[[Any], Any]) -> Replacement:
        """What the receiver does, in this process. `wrapped` makes of a client of AWS the one to use."""
        secret = replace(self.secret(), client=wrapped(self.secret().client))
        table = Table(wrapped(aws(self.deployment.servers, "dynamodb")), self.table_name())
        return Replacement(
            SecretVersions(secret),
            RotationRecords(table, CLIENT_ID),
            lambda credentials: self._prove(credentials),
        )

    def rotator(self, wrapped: Callable[[Any], Any]) -> Rotator:
        """What the rotator does, in this process."""

        def rotate_application_client_secret() -> None:
            environment = Environment(
                f"{self.deployment.servers.simulator_endpoint}/{{sandbox}}{{region}}", self._url()
            )
            lwa = self._lwa(self.in_use().credentials)
            api = SellingPartnerApi(environment, lwa, make_http(), "Tests/1.0 (Language=Python)")
            rotate(api.grantless(Scope.CLIENT_CREDENTIAL_ROTATION, Region.NA, Deadline.after(10)))

        call = wrapped(SimpleNamespace(rotate=rotate_application_client_secret))
        return Rotator(self.replacement(wrapped), lambda: call.rotate(), 30)

    def _prove(self, credentials: ApplicationCredentials) -> None:
        self._lwa(credentials).grantless_access_token(Scope.NOTIFICATIONS, Deadline.after(10))

    def _lwa(self, credentials: ApplicationCredentials) -> LwaClient:
        return LwaClient(make_http(), self._url(), lambda *, fresh: credentials)  # noqa: ARG005 - as it was given

    def _url(self) -> str:
        return f"{self.deployment.servers.simulator_endpoint}/auth/o2/token"

    def table_name(self) -> str:
        return self.deployment.outputs["SecretRotationTableName"]

    def seller(self, seller_id: str) -> Seller:
        """A seller whose token is stored and whose reports are subscribed to."""
        seller = new_seller(self.deployment.servers, seller_id)
        self.host.store_token(seller)
        self.host.subscribe(seller)
        return seller

    def work(self, seller: Seller, number: int) -> None:
        """A report from its request to the e-mail after its notification, and an order from its notification to the
        request of a review.
        """
        mail_about(self.deployment.servers, self.host.create_report(seller))
        self.done["reports delivered"] += 1
        orders = Orders(self.deployment, seller, f"701-{number:07d}-1234567")
        delivered = (self.now() - timedelta(days=10)).isoformat()
        known = {"sellerId": seller.seller_id, "marketplaceId": MARKETPLACE, "deliveredAt": delivered}
        self.control("PUT", f"orders/{orders.order_id}", known)
        orders.send(orders.change(ago(days=10)))
        orders.becomes("SOLICITED")
        self.done["reviews requested"] += 1

    def live(
        self, sellers: Sequence[Seller], days: int, work_every: int, show: Callable[[str], None] = lambda _: None
    ) -> None:
        """So many days, each with its daily run, and work on every so many of them, for each seller in turn."""
        self.control("DELETE", "requests")
        for day in range(1, days + 1):
            seller = sellers[self.done["reports delivered"] % len(sellers)]
            before = len(self.secrets())
            self.pass_day()
            if len(self.secrets()) > before:
                self.done["rotations"] += 1
                show(f"day {day}: rotated; the new secret is in use")
                # Warm functions still remember the old secret, which works for seven days.
                self.work(seller, 1_000_000 + day)
                self.five_minutes_pass()
            if day % work_every == 0:
                self.work(seller, day)
            self.done["days"] += 1
            if day % 50 == 0:
                show(f"day {day}: {self.done['reports delivered']} reports delivered")
        statuses = self.control("GET", "requests")["statuses"]
        self.done["calls to Login with Amazon"] = sum(statuses["getAccessToken"].values())
        self.done["calls rejected for a wrong secret"] = len(self.wrong_secrets())


def new_secret_message(client_id: str, secret: str, expires: str = "", previous_expires: str = "") -> dict[str, object]:
    now = datetime.now(UTC)
    return {
        "notificationVersion": "1.0",
        "notificationType": "APPLICATION_OAUTH_CLIENT_NEW_SECRET",
        "payloadVersion": "2023-11-30",
        "eventTime": now.isoformat(),
        "payload": {
            "applicationOAuthClientNewSecret": {
                "clientId": client_id,
                "newClientSecret": secret,
                "newClientSecretExpiryTime": expires or (now + timedelta(days=180)).isoformat(),
                "oldClientSecretExpiryTime": previous_expires or (now + timedelta(days=7)).isoformat(),
            }
        },
        "notificationMetadata": {"applicationId": "amzn1.sp.solution.x", "notificationId": str(uuid.uuid4())},
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--days", type=int, default=400)
    parser.add_argument("--work-every", type=int, default=5, metavar="DAYS", help="a report and a review this often")
    options = parser.parse_args()
    with (
        tempfile.TemporaryDirectory(prefix="secret-life-") as folder,
        running_servers(
            Path(folder),
            emulator_python=REPOSITORY / ".venv-emulator" / "bin" / "python",
            function_python=REPOSITORY / ".venv-functions" / "bin" / "python",
            simulator_arguments=[*application_arguments(), "--rate-limit-scale", "0"],
        ) as servers,
    ):
        deployment = deploy(servers, "secret-life", publish_templates(servers), stack_parameters(servers))
        confirm_subscriptions(deployment)
        life = Life(deployment, HostProduct.of(deployment))
        life.register(warnings=False)
        # The stack keeps SP-API's real pace, a report a minute for each seller, after as many as these at once.
        number = 1 + options.days // options.work_every // BURST
        sellers = [life.seller(f"A1SECRETLIFE{each:02d}") for each in range(1, number + 1)]
        life.live(sellers, options.days, options.work_every, partial(print, flush=True))
    for what, number in life.done.items():
        print(f"{what:<40} {number:>6,}")
    return 1 if life.done["calls rejected for a wrong secret"] else 0


if __name__ == "__main__":
    sys.exit(main())
