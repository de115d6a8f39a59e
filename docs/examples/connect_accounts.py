"""The three pages of your product with which users connect their seller or vendor accounts. Copy it into your product.

docs/authorization.md describes the pages. This needs host_product.py beside it, and no web framework: each function
takes your own id of the logged-in user, and returns the address to which your page redirects the browser.

Keep the authorizationId that `start` returns in the user's session, and give it to `log_in`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


class AnotherUserError(Exception):
    """The authorization is another user's: somebody passed its link on. `seller_id` is connected to the wrong user.

    Disconnect it with DELETE /tokens/{sellerId} unless it is None, and say so to the user.
    """

    def __init__(self, seller_id: str | None) -> None:
        super().__init__("this authorization was started by another user")
        self.seller_id = seller_id


@dataclass(frozen=True)
class Connections:
    """`quick_start` is the QuickStart of host_product.py, `authorizations_url` the output AuthorizationsUrl.

    `return_url` is your page that calls `returned`; the parameter AuthorizationReturnUrls must allow it.
    """

    quick_start: Any
    authorizations_url: str
    return_url: str

    def start(self, user: str, party_type: str, region_code: str, seller_id: str = "") -> tuple[str, str]:
        """The user pressed "Connect". Returns Amazon's address, and the authorizationId for the user's session.

        `seller_id` renews that connection: a consent for any other account is then refused.
        """
        body = {"PartyType": party_type, "RegionCode": region_code, "HostReference": user, "ReturnUrl": self.return_url}
        if seller_id:
            body["SellerId"] = seller_id
        started = self.quick_start.post(self.authorizations_url, body)
        return started["authorizationUrl"], started["authorizationId"]

    def log_in(self, user: str, authorization_id: str, started: str = "") -> str:
        """Your log-in page (AuthorizationLoginPage), once the user is logged in. Returns Amazon's address.

        `authorization_id` is in the page's query string. `started` is the one in the user's session, if there is one.
        """
        body = {"HostReference": user, "ReturnUrl": self.return_url}
        if started:
            body["ContinuesAuthorizationId"] = started
        return self.quick_start.post(f"{self.authorizations_url}/{authorization_id}/login", body)["continueUrl"]

    def returned(self, user: str, authorization_id: str) -> Mapping[str, Any]:
        """Your return page: the authorization, with status, sellerId and reason. Raises AnotherUserError.

        `authorization_id` is in the page's query string, which anybody can write: trust only what this returns.
        """
        found = self.quick_start.get(f"{self.authorizations_url}/{authorization_id}")
        if found["hostReference"] != user:
            raise AnotherUserError(found["sellerId"] if found["status"] == "CONNECTED" else None)
        return found
