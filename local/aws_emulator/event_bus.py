"""EventBridge."""

from __future__ import annotations

import json
import logging
from typing import Any

from ministack.core.responses import error_response_json
from ministack.services import eventbridge, lambda_svc, sns, sqs
from ministack.services.cloudformation import provisioners

from aws_emulator.patching import wrap

logger = logging.getLogger(__name__)

SERVICE = "events.amazonaws.com"
LARGEST_REQUEST_BYTES = 1024 * 1024  # since January 2026
REFUSAL = "EventBus can't be deleted since it has rules."
BUS_HANDLERS = provisioners._RESOURCE_HANDLERS["AWS::Events::EventBus"]


def events_are_checked() -> None:
    """EventBridge rejects a request whose entries exceed 1 MB in total, and an entry whose detail is not a JSON
    object; ministack accepts both. (EventBridge user guide, "Calculating PutEvents event entry size".)"""

    @wrap(eventbridge, "_put_events", "ebcda0f38061")
    def put(original: Any, data: dict[str, Any], *allowed: Any, **options: Any) -> Any:
        entries = data.get("Entries", [])
        if sum(_size(entry) for entry in entries) > LARGEST_REQUEST_BYTES:
            message = "Total size of the entries in the request is over the limit."
            return error_response_json("ValidationException", message, 400)
        good = [entry for entry in entries if _is_object(entry.get("Detail", "{}"))]
        status, headers, body = original({**data, "Entries": good}, *allowed, **options)
        answer = json.loads(body)
        if status != 200 or len(good) == len(entries):
            return status, headers, body
        accepted = iter(answer["Entries"])
        malformed = {"ErrorCode": "MalformedDetail", "ErrorMessage": "Detail is malformed."}
        answer["Entries"] = [next(accepted) if entry in good else malformed for entry in entries]
        answer["FailedEntryCount"] += len(entries) - len(good)
        return status, headers, json.dumps(answer).encode()


def _size(entry: dict[str, Any]) -> int:
    texts = [entry.get("Source", ""), entry.get("DetailType", ""), entry.get("Detail", ""), *entry.get("Resources", [])]
    return sum(len(text.encode()) for text in texts) + (14 if "Time" in entry else 0)


def _is_object(detail: str) -> bool:
    def reject(constant: str) -> None:
        raise ValueError(f"{constant} is not JSON")

    try:
        return isinstance(json.loads(detail, parse_constant=reject), dict)
    except ValueError:
        return False


def rules_need_permission_of_their_targets() -> None:
    """EventBridge delivers a rule's event to a queue or topic only if its policy allows events.amazonaws.com to send,
    which a topic's default policy does not; ministack always delivers."""

    @wrap(eventbridge, "_invoke_target", "550e304af080")
    def invoke(original: Any, target: dict[str, Any], event: Any, rule: dict[str, Any], *view: Any) -> None:
        # Also called for schedules, which use the permissions of their role.
        if ":rule/" in rule["Arn"] and not _may_deliver(target["Arn"], rule["Arn"]):
            logger.warning("Rule %s may not deliver to %s", rule["Arn"], target["Arn"])
            return
        original(target, event, rule, *view)


def failed_functions_are_invoked_again() -> None:
    """EventBridge invokes functions asynchronously: Lambda retries a failed invocation twice and then sends the event
    to the function's dead-letter queue; ministack invokes the function once. Here, retries come after seconds instead
    of minutes. (Lambda developer guide, "How Lambda handles errors and retries with asynchronous invocation".)"""

    @wrap(eventbridge, "_dispatch_to_lambda", "1f95adbaed3a")
    def dispatch(_original: Any, arn: str, payload: str) -> None:
        function, config, name = lambda_svc._get_func_record_for_ref(arn)
        if not function or not config:
            logger.warning("Function %s of a rule does not exist", name)
            return
        record = lambda_svc._execution_record_for_config(function, config)
        lambda_svc.invoke_async_with_retry(record, json.loads(payload))


def partner_events_reach_their_bus() -> None:
    """PutPartnerEvents delivers an event to the bus that is associated with the event source; ministack accepts it and
    does nothing. Here, the caller must act as the account of the bus."""

    @wrap(eventbridge, "_put_partner_events", "626284e93797")
    def put(_original: Any, data: dict[str, Any]) -> Any:
        entries = [{**entry, "EventBusName": entry.get("Source", "")} for entry in data.get("Entries", [])]
        return eventbridge._put_events({"Entries": entries}, allow_aws_source=True)


def buses_with_rules_are_not_deleted() -> None:
    """EventBridge does not delete a bus that has rules, so CloudFormation fails; ministack deletes the rules too."""

    def has_rules(bus: str) -> bool:
        return any(rule.get("EventBusName") == bus for rule in eventbridge._rules.values())

    @wrap(eventbridge, "_delete_event_bus", "39a5cc3a820b")
    def delete(original: Any, data: dict[str, Any]) -> Any:
        if has_rules(data.get("Name", "")):
            return error_response_json("ValidationException", REFUSAL, 400)
        return original(data)

    @wrap(BUS_HANDLERS, "delete", "14cf01e6e54a")
    def delete_resource(original: Any, bus: str, properties: dict[str, Any]) -> None:
        if has_rules(bus):
            raise ValueError(REFUSAL)
        original(bus, properties)


def _may_deliver(target_arn: str, rule_arn: str) -> bool:
    service, account = target_arn.split(":")[2], rule_arn.split(":")[4]
    if service == "sqs":
        return bool(sqs.queue_policy_allows(target_arn, SERVICE, rule_arn, account))
    if service == "sns":  # without the account, which the default policy allows to publish
        return bool(sns.topic_policy_allows(target_arn, SERVICE, rule_arn, ""))
    return True
