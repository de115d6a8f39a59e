"""Which payload version to send for a new subscription, and which one SP-API accepted before."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from quickstart.aws_failures import FAILED_CALLS, code_of
from quickstart.dynamodb import Table
from quickstart.notifications.types import known_versions
from quickstart.observability import logger
from sp_api import notifications
from sp_api.caller import Caller
from sp_api.deadline import DeadlineExceeded
from sp_api.errors import InvalidInputError
from sp_api.least_recently_used import LeastRecentlyUsed
from sp_api.notifications import ProcessingDirective, Subscription

# No seller has this id.
EVERY_SELLER = "*"
_PREFIX = "PAYLOAD_VERSION#"
# What else a 400 of createSubscription may be about.
_OTHER_CAUSES = ("destination", "filter", "directive", "notification type", "notificationtype")


@dataclass(frozen=True)
class PayloadVersions:
    """The version that SP-API accepted for each type, in the SellingPartners table and cached by a warm function.

    The stack has one application, so an item is for that application and type.
    """

    table: Table
    _held: LeastRecentlyUsed[str, str] = field(default_factory=LeastRecentlyUsed, init=False, repr=False)

    def candidates(self, notification_type: str, before: Iterable[str] = ()) -> tuple[str, ...]:
        """The versions to try, in this order: `before`, the one accepted last, and the known ones."""
        accepted = self._accepted(notification_type)
        ordered = (*before, *([accepted] if accepted else []), *known_versions(notification_type))
        return tuple(dict.fromkeys(ordered))

    def remember(self, notification_type: str, version: str) -> None:
        """Records that SP-API accepted the version.

        The subscription exists by then, so a failed write is only logged: the next subscription records the version.
        """
        try:
            if self._accepted(notification_type) == version:
                return
            self.table.put({**_key(notification_type), "PayloadVersion": version})
        except FAILED_CALLS as error:
            logger().warning(
                "the accepted payload version was not recorded",
                error=code_of(error),
                extra={"notification_type": notification_type},
            )
            return
        self._held.put(notification_type, version)

    def _accepted(self, notification_type: str) -> str | None:
        held = self._held.get(notification_type)
        if held is not None:
            return held
        item = self.table.get(_key(notification_type))
        if item is None:
            return None
        self._held.put(notification_type, str(item["PayloadVersion"]))
        return str(item["PayloadVersion"])


def create_in_any_version(
    seller: Caller,
    notification_type: str,
    versions: Iterable[str],
    destination_id: str,
    directive: ProcessingDirective | None,
) -> Subscription:
    """createSubscription in the first version that SP-API accepts.

    The next version is tried only after a 400 that does not name another cause: SP-API may answer without details
    (jlevers/selling-partner-api issue 656). When it refuses all, raises InvalidInputError with each answer; when the
    time runs out before that, DeadlineExceeded with the answers so far.
    """
    refusals: dict[str, InvalidInputError] = {}
    for version in versions:
        try:
            return notifications.create_subscription(seller, notification_type, version, destination_id, directive)
        except InvalidInputError as error:
            if not may_be_about_version(error):
                raise
            refusals[version] = error
        except DeadlineExceeded as error:
            if not refusals:
                raise
            message = (
                f"{error.message}. SP-API rejected {_answers(refusals)}. Version {version} may not have been tried"
            )
            raise DeadlineExceeded(error.operation, message=message, outcome_unknown=error.outcome_unknown) from error
    raise _none_accepted(refusals)


def may_be_about_version(error: InvalidInputError) -> bool:
    """Whether this 400 of createSubscription may concern the payload version."""
    text = f"{error.message} {error.details}".lower()
    return "version" in text or not any(cause in text for cause in _OTHER_CAUSES)


def _none_accepted(refusals: dict[str, InvalidInputError]) -> InvalidInputError:
    """The refusal, or one with the answers to all versions."""
    *_, last = refusals.values()
    if len(refusals) == 1:
        return last
    return InvalidInputError(
        last.operation, status=last.status, code=last.code, message=_answers(refusals), request_id=last.request_id
    )


def _answers(refusals: dict[str, InvalidInputError]) -> str:
    return "; ".join(
        f"payload version {version}: {' '.join(part for part in (error.message, error.details) if part)}"
        for version, error in refusals.items()
    )


def _key(notification_type: str) -> dict[str, str]:
    return {"SellerId": EVERY_SELLER, "Item": f"{_PREFIX}{notification_type}"}
