"""The log of requests, with counts. It never contains tokens, secrets or signed links."""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sp_api_simulator.clock import notification_timestamp


@dataclass(frozen=True)
class RequestEntry:
    """One request.

    `error` is LWA's error, or SP-API's code and details, and empty if the request succeeded. `path` has the query
    string for SP-API operations only; `body` is the decoded JSON body of an SP-API operation,
    or the grant type of a request to LWA.
    """

    time: datetime
    operation: str
    method: str
    path: str
    status: int
    endpoint: str = ""
    seller_id: str = ""
    scope: str = ""
    request_id: str = ""
    user_agent: str = ""
    fault: str = ""
    error: str = ""
    milliseconds: float = 0.0
    body: Any = None

    def to_json(self) -> dict[str, Any]:
        return {
            "time": notification_timestamp(self.time),
            "operation": self.operation,
            "method": self.method,
            "path": self.path,
            "status": self.status,
            "endpoint": self.endpoint,
            "sellerId": self.seller_id,
            "scope": self.scope,
            "requestId": self.request_id,
            "userAgent": self.user_agent,
            "fault": self.fault,
            "error": self.error,
            "milliseconds": round(self.milliseconds, 1),
            "body": self.body,
        }

    def line(self) -> str:
        who = self.seller_id or self.scope or "-"
        fault = f" fault={self.fault}" if self.fault else ""
        what = f"{self.status} {self.operation} {self.endpoint or '-'}"
        return f"{what} {who} {self.milliseconds:.0f}ms {self.request_id}{fault}"


@dataclass
class RequestLog:
    """The latest requests, and the number of all requests by operation, and by operation and status.

    Status 0 means that the connection was reset.
    """

    entries: deque[RequestEntry] = field(default_factory=lambda: deque(maxlen=10_000))
    operations: Counter[str] = field(default_factory=Counter)
    statuses: Counter[tuple[str, int]] = field(default_factory=Counter)

    def add(self, entry: RequestEntry) -> None:
        self.entries.append(entry)
        self.operations[entry.operation] += 1
        self.statuses[entry.operation, entry.status] += 1

    def clear(self) -> None:
        self.entries.clear()
        self.operations.clear()
        self.statuses.clear()

    def to_json(self, operation: str = "") -> dict[str, Any]:
        """Counts and entries, of one operation if it is given."""
        statuses: dict[str, dict[str, int]] = {}
        for (name, status), count in sorted(self.statuses.items()):
            statuses.setdefault(name, {})[str(status)] = count
        return {
            "counts": dict(sorted(self.operations.items())),
            "statuses": statuses,
            "requests": [entry.to_json() for entry in self.entries if operation in ("", entry.operation)],
        }
