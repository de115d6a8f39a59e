"""One time budget for everything that a call does."""

import time
from dataclasses import dataclass
from typing import Self

import urllib3

from sp_api.errors import TransientError

# A host that does not accept within this time does not answer either; the rest is for a second attempt.
_LONGEST_CONNECT_SECONDS = 5.0
# SP-API's own gateway gives up within 30 s, so a longer silence means that the connection is dead.
_LONGEST_READ_SECONDS = 30.0
SPENT = "the time for the call ran out"


class DeadlineExceeded(TransientError):  # noqa: N818 - reads as what happened, as in gRPC's DEADLINE_EXCEEDED
    """The caller's time ran out."""


@dataclass(frozen=True)
class Deadline:
    """A moment on the monotonic clock (`time.monotonic`, seconds) by which everything must be finished."""

    at: float

    @classmethod
    def after(cls, seconds: float) -> Self:
        """The deadline in that many seconds."""
        return cls(time.monotonic() + seconds)

    @property
    def spent(self) -> bool:
        """Whether the moment has passed."""
        return time.monotonic() >= self.at

    def remaining(self, operation: str = "call") -> float:
        """Seconds left, always above 0. Raises DeadlineExceeded, naming the operation, when none are."""
        left = self.at - time.monotonic()
        if left <= 0:
            raise DeadlineExceeded(operation, message=SPENT)
        return left

    def longest_read(self, operation: str = "call") -> float:
        """Seconds that one read may take. Raises DeadlineExceeded."""
        return min(self.remaining(operation), _LONGEST_READ_SECONDS)

    def timeout(self, operation: str = "call") -> urllib3.Timeout:
        """Timeouts for connecting and for each read that end by this deadline. Raises DeadlineExceeded."""
        left = self.remaining(operation)
        return urllib3.Timeout(connect=min(left, _LONGEST_CONNECT_SECONDS), read=min(left, _LONGEST_READ_SECONDS))
