"""`make doctor` and `make destroy` on a stack with AuthorizationEnabled and AuthorizationNotificationTypes."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
from connecting import Connecting, running_connecting

from deployment import Deployment, aws, confirm_subscriptions, delete, deploy, stack_parameters
from operations.connections import RENEW
from operations.doctor import examine
from servers import Servers
from simulator import control
from tests.end_to_end.account import account, destinations, difference
from tests.end_to_end.host import HostProduct, Seller, eventually, table_of
from tests.end_to_end.operator_commands import local_stack, make
from tests.end_to_end.test_destroy import assert_commands_exist
from tests.end_to_end.test_doctor import problems
from tests.end_to_end.test_leaving import alive
from tests.waiting import SECONDS

NAME = "consents"
TYPES = ("REPORT_PROCESSING_FINISHED", "ORDER_CHANGE")


@dataclass(frozen=True)
class Connected:
    """A stack that two sellers have connected to, and what was in the account before it."""

    deployment: Deployment
    before: dict[str, set[str]]
    host: HostProduct
    sellers: tuple[Seller, Seller]
    subscriptions: dict[tuple[str, str], str]

    def change(self, seller: Seller, **values: object) -> None:
        """Sets attributes of the seller's connection, as time would."""
        table_of(self.deployment, "SellingPartnersTableName").update_item(
            Key={"SellerId": seller.seller_id, "Item": "TOKEN#NA"},
            AttributeUpdates={name: {"Action": "PUT", "Value": value} for name, value in values.items()},
        )

    def consent_ends_in(self, seller: Seller, days: float) -> None:
        consented_at = datetime.now(UTC) - timedelta(days=365 - days)
        self.change(seller, ConsentedAt=consented_at.isoformat(timespec="seconds"), NoticeDays=0)


@pytest.fixture(scope="module")
def connected(servers: Servers, template_url: str) -> Iterator[Connected]:
    before = account(servers)
    with running_connecting() as connecting:
        given = {**connecting.parameters(servers), "AuthorizationNotificationTypes": ",".join(TYPES)}
        deployment = deploy(servers, NAME, template_url, stack_parameters(servers, **given))
        confirm_subscriptions(deployment)
        connecting.ready(deployment, None)
        host = HostProduct.of(deployment)
        first, second = (consented(host, connecting, f"A0{NAME.upper()}{number}") for number in (1, 2))
    found = eventually(lambda: subscribed(deployment), what="the subscriptions of both sellers")
    yield Connected(deployment, before, host, (first, second), found)
    control(servers.simulator_endpoint, "DELETE", "faults")
    if any(stack["StackName"] == NAME for stack in aws(servers, "cloudformation").describe_stacks()["Stacks"]):
        delete(servers, NAME)


def consented(host: HostProduct, connecting: Connecting, seller_id: str) -> Seller:
    """A seller that has agreed at Amazon, whose browser has come back to the redirect URI."""
    servers = host.deployment.servers
    refresh_token = control(servers.simulator_endpoint, "POST", "sellers", {"sellerId": seller_id})["refreshToken"]
    code = control(servers.simulator_endpoint, "POST", f"sellers/{seller_id}/authorization-code")["authorizationCode"]
    started = host.send("AuthorizationsUrl", {"RegionCode": "NA", "PartyType": "seller", "HostReference": "user-1"})
    state = parse_qs(urlsplit(started.json()["authorizationUrl"]).query)["state"][0]
    query = {"state": state, "selling_partner_id": seller_id, "spapi_oauth_code": code}
    page = requests.get(f"{connecting.domain.address}/authorize/callback", params=query, timeout=SECONDS)
    assert page.status_code == 200, page.text
    return Seller(servers, seller_id, refresh_token)


def subscribed(deployment: Deployment) -> dict[tuple[str, str], str] | None:
    """Subscription ids by seller and type, once there is one of each type for both sellers."""
    items = table_of(deployment, "SellingPartnersTableName").scan(ConsistentRead=True)["Items"]
    found = {
        (item["SellerId"], item["NotificationType"]): item["SubscriptionId"]
        for item in items
        if item["Item"].startswith("SUBSCRIPTION#")
    }
    return found if len(found) == 2 * len(TYPES) else None


def test_make_doctor(connected: Connected) -> None:
    first, second = connected.sellers
    stack = local_stack(connected.deployment.servers, NAME)
    findings = list(examine(stack))
    assert problems(iter(findings)) == {}
    assert ("connections", "2 stored") in [(found.subject, found.state) for found in findings]
    assert {"GET /authorizations", "POST /authorizations", "ConsentsDeadLetterQueue", "ConnectionsDeadLetterQueue"} <= {
        found.subject for found in findings
    }

    # It can wait, so it is advice and no problem.
    connected.consent_ends_in(first, 40.5)
    healthy = make(stack_servers := connected.deployment.servers, "doctor", f"STACK={NAME}")
    end = f"{datetime.now(UTC) + timedelta(days=40.5):%Y-%m-%d}"
    assert healthy.returncode == 0, healthy.stdout
    line = f"1 consent ends within 65 days: seller {first.seller_id} in NA (user-1) on {end}\n    -> {RENEW}\n"
    assert f"--  {'connections':<42} {line}" in healthy.stdout

    for days, words in ((10.5, "1 consent ends within 14 days"), (-0.5, "1 consent expired")):
        connected.consent_ends_in(first, days)
        assert problems(examine(stack))["connections"].startswith(f"{words}: seller {first.seller_id} in NA (user-1)")

    # The seller revokes; the next request finds out.
    second.control("POST", f"sellers/{second.seller_id}/revoke")
    report = {"SellerId": second.seller_id, "RegionCode": "NA", "ReportType": "GET_MERCHANT_LISTINGS_ALL_DATA"}
    refused = connected.host.send("ReportCreatorUrl", report | {"MarketplaceIds": "ATVPDKIKX0DER"})
    assert refused.status_code == 409, refused.text
    aws(stack_servers, "sqs").send_message(
        QueueUrl=connected.deployment.outputs["ConsentsDeadLetterQueueUrl"], MessageBody="a consent"
    )
    sick = make(stack_servers, "doctor", f"STACK={NAME}")
    assert sick.returncode == 1
    assert (
        f"1 refresh token rejected by Login with Amazon: seller {second.seller_id} in NA (user-1) since" in sick.stdout
    )
    assert "ask them to press Authorize in your product, or store a token that works with POST /tokens" in sick.stdout
    logs = f"make logs STACK={NAME} REGION=us-east-1 FUNCTION=SPAPIConnectionSubscriber SINCE=14d"
    assert f"{logs} shows why" in sick.stdout
    assert "Atz" not in sick.stdout

    connected.change(second, ConsentedAt="soon")
    assert problems(examine(stack))["connections"].startswith("an item of the sellers' table cannot be read: ")
    connected.consent_ends_in(second, 300)


def test_make_destroy(connected: Connected) -> None:
    """Runs last: nothing is left but what the page and the command name."""
    deployment, servers = connected.deployment, connected.deployment.servers
    queues = {deployment.outputs["NotificationsQueueArn"], deployment.outputs["OrdersQueueArn"]}
    first, second = connected.sellers
    done = make(servers, "destroy", f"STACK={NAME}", "ARGS=--yes")
    assert done.returncode == 0, done.stdout + done.stderr
    printed = " ".join(done.stdout.split())
    assert "subscriptions 4 of 2 sellers" in printed
    assert f"{deployment.outputs['AuthorizationsTableName']}: 2 items" in printed
    left = difference(connected.before, account(servers))
    assert left.keys() == {"secrets", "keys", "roles"}
    for name in (*left["secrets"], *left["keys"], *left["roles"]):
        assert name in done.stdout
    assert_commands_exist(done.stdout)
    assert "the queue under Notification Preferences, the OAuth redirect URI and log-in URI" in done.stdout
    assert not queues & set(destinations(servers))
    for (seller_id, notification_type), subscription_id in connected.subscriptions.items():
        seller = first if seller_id == first.seller_id else second
        assert not alive(seller, notification_type, subscription_id)
