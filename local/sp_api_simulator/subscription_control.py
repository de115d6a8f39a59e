"""The control API of the subscription rules."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from starlette.requests import Request

from sp_api_simulator.control_fields import ControlError, Fields
from sp_api_simulator.notification_types import SUBSCRIBABLE_TYPES
from sp_api_simulator.state import Json, State
from sp_api_simulator.subscription_rules import CONFLICT_SCOPES, EVERY_TYPE, TOKEN_CHOICES, VERSION_CHOICES

Rule = TypeVar("Rule")


async def read_rules(state: State, _: Request, __: Json) -> Json:
    """The result of the rules for every type."""
    rules = state.subscription_rules
    return {
        "payloadVersions": {name: list(rules.versions(name)) for name in sorted(SUBSCRIBABLE_TYPES)},
        "tokens": {
            name: {
                "seller": rules.accepts_token(name, grantless=False),
                "grantless": rules.accepts_token(name, grantless=True),
            }
            for name in sorted(SUBSCRIBABLE_TYPES)
        },
        "conflictScope": rules.conflict_scope,
        "conflictDetails": rules.conflict_details,
    }


async def set_rules(state: State, request: Request, body: Json) -> Json:
    """Changes the rules in the body and keeps the others. Existing subscriptions do not change."""
    fields = Fields(body)
    rules = state.subscription_rules
    versions = _by_type(fields.any("payloadVersions", rules.payload_versions), "payloadVersions", _versions)
    tokens = _by_type(fields.any("tokens", rules.tokens), "tokens", _token)
    scope = fields.text("conflictScope", rules.conflict_scope)
    details = fields.text("conflictDetails", rules.conflict_details)
    fields.end()
    if scope not in CONFLICT_SCOPES:
        raise ControlError(f"conflictScope must be one of {', '.join(CONFLICT_SCOPES)}")
    rules.payload_versions, rules.tokens = versions, tokens
    rules.conflict_scope, rules.conflict_details = scope, details
    return await read_rules(state, request, None)


def _by_type(value: Json, name: str, read: Callable[[Json, str], Rule]) -> dict[str, Rule]:
    """One rule for every type, or an object of rules by type."""
    if not isinstance(value, dict):
        return {EVERY_TYPE: read(value, name)}
    unknown = value.keys() - SUBSCRIBABLE_TYPES - {EVERY_TYPE}
    if unknown:
        raise ControlError(f"{name} names unknown notification types: {', '.join(sorted(unknown))}")
    return {notification_type: read(rule, name) for notification_type, rule in value.items()}


def _versions(rule: Json, name: str) -> str | tuple[str, ...]:
    if isinstance(rule, list | tuple) and rule and all(isinstance(version, str) and version for version in rule):
        return tuple(rule)
    if rule not in VERSION_CHOICES:
        raise ControlError(f"{name} must be one of {', '.join(VERSION_CHOICES)}, or a list of versions")
    return str(rule)


def _token(rule: Json, name: str) -> str:
    if rule not in TOKEN_CHOICES:
        raise ControlError(f"{name} must be one of {', '.join(TOKEN_CHOICES)}")
    return str(rule)
