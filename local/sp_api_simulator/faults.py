"""Faults: the next N requests of an operation fail in a chosen way."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

FAULT_KINDS = ("status", "slow", "reset", "lose", "truncate", "expire")


@dataclass(frozen=True)
class Fault:
    """One fault.

    kind: `status` returns `status` (and `code`, `message`, `details`, `body`, `content_type`, `headers` if given);
    `slow` waits `seconds` of real time before it continues; `reset` resets the connection; `lose` carries out the
    request and resets the connection; `truncate` sends `after_bytes` of the document and closes the connection;
    `expire` treats the document link as expired.
    `remaining` counts down; None lasts until the faults are cleared. Empty `operation` or `seller_id` match everything.
    """

    kind: str
    operation: str = ""
    seller_id: str = ""
    remaining: int | None = 1
    status: int = 0
    code: str = ""
    message: str = ""
    details: str = ""
    body: str | None = None
    content_type: str = "application/json"
    headers: tuple[tuple[str, str], ...] = ()
    seconds: float = 0.0
    after_bytes: int = 0

    def to_json(self) -> dict[str, Any]:
        return {
            "fault": self.kind,
            "operation": self.operation,
            "sellerId": self.seller_id,
            "remaining": self.remaining,
            "status": self.status,
        }


@dataclass
class Faults:
    """The open faults, the oldest first."""

    open: list[Fault] = field(default_factory=list)

    def take(self, operation: str, seller_id: str, kinds: tuple[str, ...]) -> Fault | None:
        """The first open fault of one of `kinds` for this request. Its count goes down by one."""
        for index, fault in enumerate(self.open):
            if fault.kind in kinds and fault.operation in ("", operation) and fault.seller_id in ("", seller_id):
                if fault.remaining is None:
                    return fault
                if fault.remaining > 1:
                    self.open[index] = replace(fault, remaining=fault.remaining - 1)
                else:
                    del self.open[index]
                return fault
        return None
