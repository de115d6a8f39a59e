"""Shares SP-API's quota for Product Type Definitions among everything in this stack that uses it.

A slot is a moment at which one call may be made. Slots are handed out by conditional writes, so that two pulls of one
account take turns and neither is refused (SP-API docs, "Product Type Definitions API rate limits").
"""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal

from quickstart.dynamodb import MOST_ATTEMPTS, Item, ItemContestedError, Table, has_value, reading_item
from quickstart.invocation import ExpectedError
from sp_api.product_types import RATE_OF_ACCOUNT, RATE_OF_APPLICATION
from sp_api.regions import Region

# Calls of the application are counted in windows of this many seconds. The twentieth that is left over allows for
# calls near the end of a window that arrive in the next one.
_WINDOW_SECONDS = 2
_MOST_IN_A_WINDOW = int(RATE_OF_APPLICATION * _WINDOW_SECONDS * 0.95)
_KEPT_SECONDS = 24 * 3600


class ApplicationBusyError(ExpectedError):
    """The application's rate limit is used up by other accounts; `wait_seconds` until calls are possible again."""

    def __init__(self, wait_seconds: float) -> None:
        self.wait_seconds = wait_seconds
        super().__init__("the application's rate limit is used up by other selling partners")


@dataclass(frozen=True)
class Slot:
    """`calls` moments, `interval` seconds apart; `start` is the first, in seconds since 1970."""

    start: float
    calls: int
    interval: float = 1 / RATE_OF_ACCOUNT


@dataclass(frozen=True)
class Slots:
    """Hands out the calls of each account, and counts those of the application. `now` is in seconds since 1970."""

    table: Table
    now: Callable[[], float] = time.time

    def next_start(self, region: Region, seller_id: str) -> float:
        """When the account's next free call is: never in the past."""
        return max(self.now(), self._next(self.table.get(_account(region, seller_id))))

    def take(self, region: Region, seller_id: str, calls: int) -> Slot:
        """The account's next free calls. Raises ApplicationBusyError, ItemContestedError."""
        slot = self._take_of_account(region, seller_id, calls)
        window = math.floor(slot.start / _WINDOW_SECONDS)
        key = {"Collection": f"CALLS#{region}", "Entry": str(window)}
        expires = int(slot.start) + _KEPT_SECONDS
        if not self.table.count(key, "Calls", at_most=_MOST_IN_A_WINDOW, expires_at=expires, amount=calls):
            raise ApplicationBusyError(max((window + 1) * _WINDOW_SECONDS - self.now(), 0.1))
        return slot

    def _take_of_account(self, region: Region, seller_id: str, calls: int) -> Slot:
        key = _account(region, seller_id)
        for _ in range(MOST_ATTEMPTS):
            item = self.table.get(key)
            start = max(self.now(), self._next(item))
            slot = Slot(start, calls)
            condition = has_value("NextCall", None if item is None else item.get("NextCall"))
            end = _exact(start + calls * slot.interval)
            values = {"NextCall": end, "ExpiresAt": int(start) + _KEPT_SECONDS}
            if self.table.update(key, values, condition=condition):
                return slot
        raise ItemContestedError(f"the next call of {seller_id}")

    @staticmethod
    def _next(item: Item | None) -> float:
        if item is None or "NextCall" not in item:
            return 0.0
        with reading_item(f"{item.get('Collection')} {item.get('Entry')}"):
            return float(item["NextCall"])


def _account(region: Region, seller_id: str) -> Item:
    return {"Collection": f"ACCOUNT#{region}#{seller_id}", "Entry": "NEXT_CALL"}


def _exact(seconds: float) -> Decimal:
    """DynamoDB takes no binary fractions."""
    return Decimal(f"{seconds:.3f}")
