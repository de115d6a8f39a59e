"""The daily refresh: pulls every selection again for which RefreshDaily was requested."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from quickstart.dynamodb import DamagedItemError, Item, reading_item
from quickstart.observability import logger
from quickstart.product_types.pulls import Counts, Pull, Pulls, PullStatus, Selection
from quickstart.product_types.requests import Machine
from quickstart.times import to_text
from quickstart.token_vault import SellerUnknownError
from sp_api.regions import Region
from sp_api.wire import text


@dataclass(frozen=True)
class Refreshed:
    """How many refreshes were started, and how many ended because the selling partner was removed."""

    started: int
    ended: int
    damaged: int

    def described(self) -> dict[str, int]:
        return {"started": self.started, "ended": self.ended, "damaged": self.damaged}


def refresh_all(
    pulls: Pulls, machine: Machine, require_seller: Callable[[str, Region], None], now: datetime
) -> Refreshed:
    """Starts one pull for each selection. A repeat on the same day starts none again.

    A selection of a selling partner without a stored token is not refreshed any more: it was removed.
    """
    started = ended = damaged = 0
    for item in pulls.refreshes():
        try:
            pull = _pull(item, now)
        except DamagedItemError as error:
            logger().error("a daily refresh cannot be read", reason=str(error))
            damaged += 1
            continue
        selection = pull.selection
        try:
            require_seller(selection.seller_id, selection.region)
        except SellerUnknownError:
            pulls.stop_refreshing(selection)
            logger().warning("daily refresh ended: the selling partner is unknown", seller_id=selection.seller_id)
            ended += 1
            continue
        pulls.create(pull)
        machine.start(pull)
        started += 1
    return Refreshed(started, ended, damaged)


def _pull(item: Item, now: datetime) -> Pull:
    with reading_item(f"{item.get('Collection')} {item.get('Entry')}"):
        first = text(item, "PullId")
        return Pull(
            pull_id=f"{first}-{now:%Y%m%d}",
            selection=Selection.from_item(item),
            status=PullStatus.LISTING,
            created_time=to_text(now),
            counts=Counts(),
            refresh_of=first,
        )
