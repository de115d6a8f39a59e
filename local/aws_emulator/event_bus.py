"""EventBridge."""

from __future__ import annotations

import logging
from typing import Any

from ministack.services import eventbridge, sns, sqs

from aws_emulator.patching import wrap

logger = logging.getLogger(__name__)

SERVICE = "events.amazonaws.com"


def rules_need_permission_of_their_targets() -> None:
    """EventBridge delivers a rule's event to a queue or a topic only when that one's policy lets events.amazonaws.com
    send; the policy that a topic has by default does not. ministack delivers always."""

    @wrap(eventbridge, "_invoke_target", "550e304af080")
    def invoke(original: Any, target: dict[str, Any], event: Any, rule: dict[str, Any], *view: Any) -> None:
        # Schedules come here too; they act with their role's permissions.
        if ":rule/" in rule["Arn"] and not _may_deliver(target["Arn"], rule["Arn"]):
            logger.warning("Rule %s may not deliver to %s", rule["Arn"], target["Arn"])
            return
        original(target, event, rule, *view)


def _may_deliver(target_arn: str, rule_arn: str) -> bool:
    service, account = target_arn.split(":")[2], rule_arn.split(":")[4]
    if service == "sqs":
        return bool(sqs.queue_policy_allows(target_arn, SERVICE, rule_arn, account))
    if service == "sns":  # without the account, which the default policy lets publish
        return bool(sns.topic_policy_allows(target_arn, SERVICE, rule_arn, ""))
    return True
