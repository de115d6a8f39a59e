"""Looks at the application's client secret once a day, and rotates it when it is about to end."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from quickstart import invocation, settings
from quickstart.observability import SECRET_DIMENSION, publish_metric
from quickstart.secret_rotation import rotation  # noqa: F401 - loaded while the function starts, see wiring
from quickstart.secret_rotation.wiring import rotator


def handler(event: Mapping[str, Any], context: invocation.Context) -> None:
    """A scheduled event, whose `time` is when it was due."""
    invocation.begin(context)
    now = datetime.fromisoformat(event["time"]) if "time" in event else datetime.now(UTC)
    check = rotator(invocation.deadline(context)).check(now)
    secret = {SECRET_DIMENSION: settings.required("APPLICATION_SECRET_ARN")}
    publish_metric("ClientSecretDaysLeft", check.days_left, secret)
    publish_metric("ClientSecretRotationProblem", int(bool(check.problem)), secret)
