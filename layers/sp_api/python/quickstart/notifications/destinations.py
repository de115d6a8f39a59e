"""The application's destinations for this stack's queues, cached by a warm function.

getDestinations and createDestination are grantless, so all sellers of the application share their quota (1 a second,
burst 5); subscribing many sellers in a row must not use it up.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from sp_api import notifications
from sp_api.caller import Caller
from sp_api.errors import ConflictError, InvalidInputError
from sp_api.notifications import Destination
from sp_api.regions import Region

KEPT_SECONDS = 600.0


@dataclass(frozen=True)
class Destinations:
    """Ids of destinations by region and queue: SP-API has one for each queue in each region."""

    kept_seconds: float = KEPT_SECONDS
    clock: Callable[[], float] = time.monotonic
    _held: dict[tuple[Region, str], tuple[float, str]] = field(default_factory=dict, init=False, repr=False)

    def id_for(self, caller: Caller, queue_arn: str, *, fresh: bool = False) -> str:
        """The id of the destination for this queue in the caller's region; created when there is none.

        `caller` is grantless. `fresh=True` asks SP-API even when the id is cached.
        """
        key = (caller.region, queue_arn)
        held = self._held.get(key)
        if fresh or held is None or self.clock() - held[0] >= self.kept_seconds:
            held = (self.clock(), _found_or_made(caller, queue_arn).destination_id)
            self._held[key] = held
        return held[1]

    def forget(self, destination_id: str) -> None:
        """Removes the destination from the cache."""
        for key in [key for key, held in self._held.items() if held[1] == destination_id]:
            del self._held[key]


def is_unknown_destination(error: InvalidInputError) -> bool:
    """Whether the error says that the destination does not exist (selling-partner-api-models issue 4286)."""
    return "no destination with id" in error.details.lower()


def remove_destination(caller: Caller, destination_id: str) -> bool:
    """Deletes the destination unless subscriptions use it; True when it is gone. `caller` is grantless."""
    try:
        notifications.delete_destination(caller, destination_id)
    except ConflictError:
        return False
    return True


def _found_or_made(caller: Caller, queue_arn: str) -> Destination:
    """SP-API refuses a second destination for a queue (409), so two concurrent requests end up with the same one."""
    found = _find(caller, queue_arn)
    if found is not None:
        return found
    try:
        return notifications.create_destination(caller, queue_arn.rsplit(":", 1)[1], queue_arn)
    except ConflictError:
        made_meanwhile = _find(caller, queue_arn)
        if made_meanwhile is None:
            raise
        return made_meanwhile


def _find(caller: Caller, queue_arn: str) -> Destination | None:
    for destination in notifications.get_destinations(caller):
        if destination.queue_arn == queue_arn:
            return destination
    return None
