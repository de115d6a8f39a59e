"""The listings part of the demo: `make demo LISTINGS=1`. From Amazon's product structure to published listings."""

import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

import requests

from deployment import Deployment, aws
from servers import Servers
from simulator import CLIENT_ID, CLIENT_SECRET, EVENT_BUS, authorize_seller, control
from smtp_mailbox import Mail, read_messages

FRANCE = "A13V1IB3VIYZZH"
SELLER_ID = "A3TH9S8BH6GOGM"
VENDOR_ID, VENDOR_CODE = "amzn1.vg.4711", "MOULI"
SKU = "VALISE-1"
_SECONDS = 120
_OPEN = ("RECEIVED", "WAITING", "SENDING", "ACCEPTED")
Found = TypeVar("Found")
ATTRIBUTES: Mapping[str, Any] = {
    "brand": "Moulin",
    "item_name": [{"value": "Valise Moulin"}],
    "product_description": [{"value": "Une valise légère"}],
    "bullet_point": [{"value": "Légère"}],
    "country_of_origin": [{"value": "FR"}],
    "condition_type": [{"value": "new_new"}],
    "shell_type": [{"value": "Hard shell"}],
    "externally_assigned_product_identifier": [{"type": "ean", "value": "4006381333931"}],
    "purchasable_offer": [{"currency": "EUR", "our_price": [{"schedule": [{"value_with_tax": 49.9}]}]}],
}
# The same in Amazon's shape.
PUBLISHABLE: Mapping[str, Any] = {
    **ATTRIBUTES,
    "brand": [{"value": "Moulin"}],
    "shell_type": [{"value": "hard_shell"}],
}


class Steps(Protocol):
    """Prints each step with its result and duration."""

    def step(self, title: str) -> AbstractContextManager[Callable[[str], None]]: ...


class ListingDemoError(RuntimeError):
    """The flow did not end as expected."""


def parameters(servers: Servers) -> Mapping[str, str]:
    """Of the stack: e-mails with outcomes, and the bus of SP-API's partner events, which is made here.

    On AWS, the operator associates SP-API's partner event source with a bus of the same name.
    """
    return {"ListingDigest": "Yes", "ListingEventBus": event_bus(servers)}


def event_bus(servers: Servers) -> str:
    """Makes the bus of SP-API's partner events, and returns its name."""
    aws(servers, "events").create_event_bus(Name=EVENT_BUS, EventSourceName=EVENT_BUS)
    return EVENT_BUS


@dataclass(frozen=True)
class Shop:
    """A seller or vendor of the demo, and the stack that acts for it."""

    deployment: Deployment
    quick_start: Any
    fields: Mapping[str, str]

    def post(self, output: str, body: Mapping[str, Any], path: str = "") -> Mapping[str, Any]:
        answer: Mapping[str, Any] = self.quick_start.post(self.deployment.url(output) + path, {**self.fields, **body})
        return answer

    def outcome(self, submission: Mapping[str, Any]) -> Mapping[str, Any]:
        """The submission once it is final."""
        address = f"{self.deployment.url('ListingsUrl')}/submissions/{submission['submissionId']}"

        def look() -> Mapping[str, Any] | None:
            found: Mapping[str, Any] = self.quick_start.get(address, SellerId=self.fields["SellerId"])
            return None if found["status"] in _OPEN else found

        return _eventually(look, f"submission {submission['submissionId']} has no outcome")


def show_listings(deployment: Deployment, quick_start: Any, steps: Steps) -> None:
    """The three use cases: the structure, a product without an ASIN, and one with an ASIN that a vendor enriches."""
    simulator = deployment.servers.simulator_endpoint
    seller = Shop(deployment, quick_start, {"SellerId": SELLER_ID, "RegionCode": "EU"})
    listing = {"MarketplaceId": FRANCE, "Sku": SKU, "ProductType": "LUGGAGE"}
    with steps.step("POST /tokens: store the refresh token of a seller in France") as say:
        token = authorize_seller(simulator, SELLER_ID)
        say(str(seller.post("TokenStorageUrl", {"RefreshToken": token})))
        subscribe(deployment.servers, token)
    with steps.step("POST /product-types/pulls: fetch Amazon's structure of a suitcase") as say:
        pull = seller.post("ProductTypesUrl", {"MarketplaceIds": FRANCE, "ProductTypes": "LUGGAGE"}, "/pulls")
        say(f"pull {pull['pullId']}: {_pulled(seller, pull['pullId'])}")
    with steps.step("POST /listings: attributes in the wrong shape are not sent") as say:
        refused = _refusal(seller, {**listing, "Attributes": ATTRIBUTES})
        for error in refused["errors"][1:3]:
            say(f"{error['field']}: {error['message'][:100]}")
    corrected = refused["correctedAttributes"]
    issue = {"code": "90220", "message": "'size' is required but not supplied.", "attributeNames": ["size"]}
    control(simulator, "PUT", "listing-outcomes", {"invalid": [issue], "count": 1})
    with steps.step("POST /listings: the corrected attributes; Amazon has an objection") as say:
        answer = seller.post("ListingsUrl", {**listing, "Attributes": corrected})
        say(f"{answer['status']}: {answer['issues'][0]['message']}")
    with steps.step("POST /listings again; Amazon accepts, and publishes later") as say:
        submission = seller.post("ListingsUrl", {**listing, "Attributes": corrected, "ClientToken": "valise-1-v2"})
        say(f"{submission['status']}: submission {submission['submissionId']}")
        outcome = seller.outcome(submission)
        say(f"{outcome['status']}: ASIN {outcome.get('asin')}. {outcome['message']}")
    if outcome["status"] != "PUBLISHED":
        raise ListingDemoError(f"the listing ended as {outcome['status']}")
    with steps.step("A vendor enriches a product that has an ASIN") as say:
        say(_vendor(deployment, quick_start, str(outcome["asin"])))
    with steps.step("The e-mail with the outcomes") as say:
        mail = _digest(deployment.servers)
        say(f"{mail.subject}, to {mail.to}")
        for line in mail.body.splitlines()[2:6]:
            say(line[:110])


def _vendor(deployment: Deployment, quick_start: Any, asin: str) -> str:
    simulator = deployment.servers.simulator_endpoint
    account = {"sellerId": VENDOR_ID, "vendor": True, "vendorCodes": [VENDOR_CODE]}
    token = control(simulator, "POST", "sellers", account)["refreshToken"]
    vendor = Shop(deployment, quick_start, {"SellerId": VENDOR_ID, "RegionCode": "EU"})
    vendor.post("TokenStorageUrl", {"RefreshToken": token})
    own = {"MarketplaceId": FRANCE, "Sku": SKU, "PartyType": "VENDOR", "VendorCode": VENDOR_CODE}
    attributes = {
        name: value for name, value in PUBLISHABLE.items() if name != "externally_assigned_product_identifier"
    }
    sent = vendor.post("ListingsUrl", {**own, "ProductType": "LUGGAGE", "Asin": asin, "Attributes": attributes})
    # A vendor gets no notice of a status, so the stack reads the listing a minute later; here, the minute is a second.
    return f"{sent['status']}, then {vendor.outcome(sent)['status']}"


def scale_waits(servers: Servers, scale: float) -> None:
    """The scale of Step Functions' waits."""
    body = {"stepfunctions._SFN_WAIT_SCALE": scale}
    requests.post(f"{servers.aws_endpoint}/_ministack/config", json=body, timeout=30).raise_for_status()


def _refusal(seller: Shop, body: Mapping[str, Any]) -> Mapping[str, Any]:
    address = seller.deployment.url("ListingsUrl")
    answer = requests.post(address, json={**seller.fields, **body}, auth=seller.quick_start.signature(), timeout=40)
    if answer.status_code != requests.codes.bad_request:
        raise ListingDemoError(f"attributes in a wrong shape were answered with {answer.status_code}")
    refused: Mapping[str, Any] = answer.json()
    return refused


def _pulled(seller: Shop, pull_id: str) -> str:
    def look() -> str | None:
        pull = seller.quick_start.get(f"{seller.deployment.url('ProductTypesUrl')}/pulls/{pull_id}")
        return str(pull["status"]) if pull["status"] in ("FINISHED", "FAILED") else None

    return _eventually(look, f"pull {pull_id} is not finished")


def subscribe(servers: Servers, refresh_token: str) -> None:
    """What the operator does once at SP-API: an EventBridge destination, and a subscription to notices of listings."""
    base = f"{servers.simulator_endpoint}/eu/notifications/v1"
    application = {"client_id": CLIENT_ID, "client_secret": CLIENT_SECRET}

    def access_token(**grant: str) -> str:
        answer = requests.post(f"{servers.simulator_endpoint}/auth/o2/token", data={**application, **grant}, timeout=30)
        return str(answer.json()["access_token"])

    def post(path: str, token: str, body: Mapping[str, Any]) -> Mapping[str, Any]:
        answer = requests.post(f"{base}/{path}", json=body, headers={"x-amz-access-token": token}, timeout=30)
        answer.raise_for_status()
        payload: Mapping[str, Any] = answer.json()["payload"]
        return payload

    bus = {"eventBridge": {"region": servers.region, "accountId": EVENT_BUS.split("/")[2]}}
    grantless = access_token(grant_type="client_credentials", scope="sellingpartnerapi::notifications")
    destination = post("destinations", grantless, {"name": "listings", "resourceSpecification": bus})["destinationId"]
    body = {"payloadVersion": "1.0", "destinationId": destination}
    seller = access_token(grant_type="refresh_token", refresh_token=refresh_token)
    post("subscriptions/LISTINGS_ITEM_STATUS_CHANGE", seller, body)


def _digest(servers: Servers) -> Mail:
    def look() -> Mail | None:
        return next((mail for mail in read_messages(servers.mail_directory) if " PUBLISHED" in mail.subject), None)

    return _eventually(look, "no e-mail with outcomes came")


def _eventually(look: Callable[[], Found | None], failure: str) -> Found:
    give_up = time.monotonic() + _SECONDS
    while time.monotonic() < give_up:
        if (found := look()) is not None:
            return found
        time.sleep(0.3)
    raise ListingDemoError(f"{failure} within {_SECONDS} s")
