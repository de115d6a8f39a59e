"""IAM."""

from __future__ import annotations

from contextvars import ContextVar
from dataclasses import replace
from typing import Any

from ministack.core import iam_evaluator
from ministack.services import iam

from aws_emulator.patching import wrap

# The context of the current simulation: values by condition key in lower case.
_CONTEXT: ContextVar[dict[str, Any] | None] = ContextVar("simulated_context", default=None)


def simulations_see_their_context() -> None:
    """SimulatePrincipalPolicy evaluates conditions with its ContextEntries; ministack ignores them."""

    @wrap(iam._IAM_HANDLERS, "SimulatePrincipalPolicy", "8dbfeffbf145")
    def simulate(original: Any, parameters: dict[str, list[str]]) -> Any:
        token = _CONTEXT.set(_context_entries(parameters))
        try:
            return original(parameters)
        finally:
            _CONTEXT.reset(token)

    @wrap(iam_evaluator, "evaluate", "2a5dd6932d1a")
    def evaluate(original: Any, context: Any, *policies: Any) -> Any:
        if entries := _CONTEXT.get():
            context = replace(context, service_context={**context.service_context, **entries})
        return original(context, *policies)


def is_simulation() -> bool:
    """Whether the current request is SimulatePrincipalPolicy, which evaluates policies without using them."""
    return _CONTEXT.get() is not None


def _context_entries(parameters: dict[str, list[str]]) -> dict[str, Any]:
    entries = {}
    number = 1
    while name := iam._p(parameters, f"ContextEntries.member.{number}.ContextKeyName"):
        values: list[str] = []
        while value := iam._p(parameters, f"ContextEntries.member.{number}.ContextKeyValues.member.{len(values) + 1}"):
            values.append(value)
        is_list = iam._p(parameters, f"ContextEntries.member.{number}.ContextKeyType").endswith("List")
        entries[name.lower()] = values if is_list else values[0]
        number += 1
    return entries
