"""Which subscriptions the Notifications API accepts, where Amazon's behavior differs by type or is uncertain.

Tests can change each rule, so that a client is tested against every response that Amazon may give.
"""

from __future__ import annotations

from dataclasses import dataclass, field

FIRST_VERSION = "1.0"

DATED_VERSIONS = {
    "ACCOUNT_STATUS_CHANGED": "2021-01-01",
    "DATA_KIOSK_QUERY_PROCESSING_FINISHED": "2023-11-15",
    "DETAIL_PAGE_TRAFFIC_EVENT": "2020-09-04",
    "FEED_PROCESSING_FINISHED": "2020-09-04",
    "ITEM_INVENTORY_EVENT_CHANGE": "2020-09-04",
    "ITEM_SALES_EVENT_CHANGE": "2020-09-04",
    "LISTINGS_ITEM_ISSUES_CHANGE": "2023-12-13",
    "REPORT_PROCESSING_FINISHED": "2020-09-04",
    "SHIPMENT_TRACKING_MILESTONE_CHANGED": "2026-01-30",
}
"""Types whose published examples show a dated payloadVersion (selling-partner-api-models, schemas/notifications; for
ACCOUNT_STATUS_CHANGED the SP-API docs, "Notification type values"). All other types have version 1.0 only.
"""

DATED_ONLY = frozenset({"LISTINGS_ITEM_ISSUES_CHANGE"})
"""Types whose version 1.0 Amazon has withdrawn (SP-API docs, changelog, 2024-09-25)."""

NOT_OBSERVED = frozenset(
    {"ITEM_INVENTORY_EVENT_CHANGE", "ITEM_SALES_EVENT_CHANGE", "SHIPMENT_TRACKING_MILESTONE_CHANGED"}
)
"""Types with a dated version for which no subscription in either version is published. Both are accepted."""

VERSION_CHOICES = ("evidence", FIRST_VERSION, "dated", "both")
"""evidence: the versions with which subscriptions are known to work. That is 1.0 for every type except the two sets
above: Amazon's Reports Quick Start, its samples, and selling-partner-api-models issues 1960 and 2737 subscribe with
1.0 to types whose notifications carry a dated version.
"""

SELLER_REFUSED = frozenset({"FBA_OUTBOUND_SHIPMENT_STATUS", "FULFILLMENT_ORDER_STATUS"})
"""Types whose subscription a seller's token cannot delete (selling-partner-api-models issue 4753). It can
delete those of other types (python-amazon-sp-api issue 373), although the operation is documented as grantless.
"""

GRANTLESS_REFUSED = frozenset({"B2B_ANY_OFFER_CHANGED"})
"""Types whose subscription a grantless token cannot delete (selling-partner-api-docs issue 493)."""

TOKEN_CHOICES = ("evidence", "both", "seller", "grantless", "neither")
"""Which kind of access token getSubscriptionById and deleteSubscriptionById accept."""

CONFLICT_SCOPES = ("version", "type")
"""version: one subscription for each type and payload version, as the model describes createSubscription.
type: a subscription of any version prevents another.
"""

CONFLICT_DETAILS = "Subscription already exist for notification type {notificationType}"
"""As in selling-partner-api-docs issue 3448; issue 1564 shows a response without details."""

EVERY_TYPE = ""


@dataclass
class SubscriptionRules:
    """The rules in force. The mappings are by notification type; EVERY_TYPE is the rule for types not in them.

    `payload_versions` holds one of VERSION_CHOICES or the accepted versions themselves. `conflict_details` is the text
    of the 409's details, or empty for a response without details.
    """

    payload_versions: dict[str, str | tuple[str, ...]] = field(default_factory=dict)
    tokens: dict[str, str] = field(default_factory=dict)
    conflict_scope: str = CONFLICT_SCOPES[0]
    conflict_details: str = CONFLICT_DETAILS

    def versions(self, notification_type: str) -> tuple[str, ...]:
        """The payload versions that createSubscription accepts for the type, the latest last."""
        everywhere = self.payload_versions.get(EVERY_TYPE, VERSION_CHOICES[0])
        choice = self.payload_versions.get(notification_type, everywhere)
        if not isinstance(choice, str):
            return choice
        dated = DATED_VERSIONS.get(notification_type)
        if choice == "evidence":
            if notification_type in DATED_ONLY:
                choice = "dated"
            else:
                choice = "both" if notification_type in NOT_OBSERVED else FIRST_VERSION
        if dated is None or choice == FIRST_VERSION:
            return (FIRST_VERSION,)
        return (dated,) if choice == "dated" else (FIRST_VERSION, dated)

    def accepts_token(self, notification_type: str, *, grantless: bool) -> bool:
        """Whether a subscription of the type can be read and deleted by its id with this kind of token."""
        choice = self.tokens.get(notification_type, self.tokens.get(EVERY_TYPE, TOKEN_CHOICES[0]))
        if choice == "evidence":
            return notification_type not in (GRANTLESS_REFUSED if grantless else SELLER_REFUSED)
        return choice in ("both", "grantless" if grantless else "seller")

    def conflicts(self, existing_version: str, new_version: str) -> bool:
        """Whether an existing subscription of the same type prevents one of the new version."""
        return self.conflict_scope == "type" or existing_version == new_version
