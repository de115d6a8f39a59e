"""A workflow's calls of operations with a quota: each one waits for its slot."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeVar

from quickstart.call_slots import CallSlots
from quickstart.observability import logger
from sp_api.caller import Caller
from sp_api.errors import ThrottledError

_Result = TypeVar("_Result")


@dataclass(frozen=True)
class CallLater:
    """The call's slot is in `seconds`. The state machine waits until then, and passes back `slot`."""

    seconds: float
    slot: Mapping[str, object]

    def to_workflow(self) -> Mapping[str, object]:
        """{WaitSeconds, Slot, Report?}: a state machine shows the report that the slot passes back."""
        report = {"Report": self.slot["Report"]} if "Report" in self.slot else {}
        return {"WaitSeconds": self.whole_seconds, "Slot": self.slot, **report}

    @property
    def whole_seconds(self) -> int:
        """As a Wait state waits. Slots are exact to a thousandth of a second."""
        return max(1, math.ceil(self.seconds - 0.001))


@dataclass(frozen=True)
class PacedCalls:
    """A seller's calls of the operations that have slots, by operation.

    `slot` is what the state machine passes back: {}, or the slot of a CallLater, which is now. It is None in executions
    that began before there were slots; those call at once.
    """

    seller: Callable[[], Caller]
    slots: Callable[[str], CallSlots]
    slot: Mapping[str, Any] | None

    @cached_property
    def _caller(self) -> Caller:
        """For all calls of the invocation, which looks for the seller's token once."""
        return self.seller()

    def at_slot(self, operation: str, call: Callable[[Caller], _Result], **passed_back: object) -> _Result | CallLater:
        """What `call` returns, or when to call. The slot of a CallLater also has the fields `passed_back`.

        Raises what `call` raises, except for a 429 to this operation, after which the call gets a new slot.
        """
        if self.slot is None:
            return call(self._caller)
        # Before a slot is recorded for the seller, who may have been removed.
        caller = self._caller
        slots = self.slots(operation)
        slot = {"Operation": operation, **passed_back}
        wait = 0.0 if self.slot.get("Operation") == operation else slots.take()
        if wait > 0:
            return CallLater(wait, slot)
        try:
            return call(caller)
        except ThrottledError as error:
            # Login with Amazon and createRestrictedDataToken have quotas of their own.
            if error.operation != operation:
                raise
            later = CallLater(slots.refused(error.retry_after), slot)
            logger().warning("SP-API throttles the call", reason=str(error), wait_seconds=later.whole_seconds)
            return later
