"""Token buckets, one per operation, application, seller and endpoint (SP-API docs, "Usage plans and rate limits")."""

from __future__ import annotations

from dataclasses import dataclass, field

BucketKey = tuple[str, str, str, str]
"""Operation name, endpoint (region, with `sandbox.` in front for the sandbox), client id, seller id."""


@dataclass
class _Bucket:
    tokens: float
    filled_at: float


@dataclass
class RateLimits:
    """The buckets.

    `scale` multiplies every rate and burst; 0 turns the limits off. `overrides` replaces an operation's (rate, burst).
    """

    scale: float = 1.0
    overrides: dict[str, tuple[float, int]] = field(default_factory=dict)
    buckets: dict[BucketKey, _Bucket] = field(default_factory=dict)

    def plan(self, operation: str, rate: float, burst: int) -> tuple[float, int]:
        """The rate and burst in force for an operation, before `scale`."""
        return self.overrides.get(operation, (rate, burst))

    def take(self, key: BucketKey, rate: float, burst: int, service_seconds: float) -> bool:
        """Takes one token from a bucket that fills at `rate` tokens per second up to `burst`.

        Returns False if the quota is used up.
        """
        if self.scale == 0:
            return True
        capacity = max(1.0, burst * self.scale)
        bucket = self.buckets.setdefault(key, _Bucket(capacity, service_seconds))
        bucket.tokens = min(capacity, bucket.tokens + (service_seconds - bucket.filled_at) * rate * self.scale)
        bucket.filled_at = service_seconds
        if bucket.tokens < 1.0:
            return False
        bucket.tokens -= 1.0
        return True


def rate_header(rate: float) -> str:
    """The rate as x-amzn-RateLimit-Limit shows it: 2.0, 0.0167."""
    return str(float(rate))
