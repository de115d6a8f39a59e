"""Reads and validates the ProcessingDirective of a request, which has SP-API's own shape.

Only what the model of the Notifications API v1 or an observed answer rules out is refused here. Fields that this stack
does not know go to SP-API as they are.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from quickstart.notifications.types import SQS_TYPES
from quickstart.refusals import FieldError
from quickstart.validation import Fields
from sp_api import notifications
from sp_api.notifications import AggregationTimePeriod, EventFilter, OrderChangeType, ProcessingDirective
from sp_api.wire import MalformedError, is_unicode

_NAME = "ProcessingDirective"
_FILTER = f"{_NAME}.eventFilter"
# Notifications API v1, ProcessingDirective.filterExpression.
_LONGEST_EXPRESSION = 256


def read_directive(fields: Fields, notification_type: str) -> ProcessingDirective | None:
    """The request's directive, None when it has none; its errors are added to `fields`."""
    fields.known(_NAME, rule="SP-API's processingDirective, for the types that accept one", schema={"type": "object"})
    value = fields.body.get(_NAME)
    if value is None or not notification_type:
        return None
    return _Reader(fields, notification_type).directive(value)


def completed(directive: ProcessingDirective | None, notification_type: str) -> ProcessingDirective | None:
    """The directive to send: for a type that requires one, a filter that passes everything when none was requested."""
    known = SQS_TYPES.get(notification_type)
    if directive is None and known is not None and known.filled_in:
        return ProcessingDirective(EventFilter(notification_type))
    return directive


def same_effect(one: ProcessingDirective | None, other: ProcessingDirective | None) -> bool:
    """Whether two directives pass the same notifications; the order of lists does not matter."""
    return _effect(one) == _effect(other)


def _effect(directive: ProcessingDirective | None) -> object:
    if directive is None:
        return None
    event_filter = directive.event_filter or EventFilter("")
    narrowed = (
        directive.filter_expression,
        frozenset(event_filter.marketplace_ids),
        frozenset(event_filter.order_change_types),
        event_filter.aggregation_time_period,
        _comparable(event_filter.other),
        _comparable(directive.other),
    )
    # A filter with only a type filters nothing out.
    return narrowed if any(narrowed) else None


def _comparable(fields: Mapping[str, object]) -> str:
    return json.dumps(fields, sort_keys=True) if fields else ""


def _is_expression(value: object) -> bool:
    return isinstance(value, str) and 1 <= len(value) <= _LONGEST_EXPRESSION and is_unicode(value)


@dataclass(frozen=True)
class _Reader:
    fields: Fields
    name: str

    def directive(self, value: object) -> ProcessingDirective | None:
        content = self._object(_NAME, value)
        if content is None:
            return None
        errors = len(self.fields.errors)
        # Notifications API v1: the two are mutually exclusive.
        if content.get("eventFilter") is not None and content.get("filterExpression") is not None:
            self._wrong(_NAME, f"{_NAME} must have only one of eventFilter and filterExpression")
        self._check_expression(content.get("filterExpression"))
        event_filter = self._filter(content.get("eventFilter"))
        if len(self.fields.errors) > errors:
            return None
        try:
            return notifications.read_directive({**content, "eventFilter": event_filter})
        except MalformedError as error:
            self._wrong(_NAME, f"{_NAME}: {error}", "InvalidType")
            return None

    def _check_expression(self, value: object) -> None:
        name = f"{_NAME}.filterExpression"
        if value is not None and not _is_expression(value):
            self._wrong(name, f"{name} must be a string of 1 to {_LONGEST_EXPRESSION} characters")

    def _filter(self, value: object) -> Mapping[str, object] | None:
        if value is None:
            return None
        known = SQS_TYPES.get(self.name)
        # Notifications API v1: EventFilter.eventFilterType has a closed list of types.
        if known is not None and not known.event_filter:
            taking = ", ".join(name for name, entry in SQS_TYPES.items() if entry.event_filter)
            self._wrong(_FILTER, f"SP-API does not accept an eventFilter for {self.name}, only for {taking}")
            return None
        content = self._object(_FILTER, value)
        if content is None:
            return None
        self._check_list(content, "marketplaceIds")
        # SP-API refuses marketplaceIds for it (selling-partner-api-models issue 4135).
        if self.name == "ORDER_CHANGE" and content.get("marketplaceIds") is not None:
            self._wrong(f"{_FILTER}.marketplaceIds", "SP-API does not accept marketplaceIds for ORDER_CHANGE")
        # Notifications API v1: OrderChangeTypeEnum and AggregationTimePeriod.
        self._check_list(content, "orderChangeTypes", OrderChangeType)
        self._check_period(content.get("aggregationSettings"))
        return {"eventFilterType": self.name, **content}

    def _check_list(self, content: Mapping[str, object], field: str, allowed: Iterable[str] | None = None) -> None:
        name, value = f"{_FILTER}.{field}", content.get(field)
        if value is None:
            return
        if not isinstance(value, list) or not value or not all(isinstance(entry, str) for entry in value):
            self._wrong(name, f"{name} must be a list of one or more strings; omit it to receive all")
        elif allowed is not None and not set(value) <= set(allowed):
            self._wrong(name, f"{name} must be a list of {', '.join(allowed)}")

    def _check_period(self, value: object) -> None:
        if value is None:
            return
        settings = self._object(f"{_FILTER}.aggregationSettings", value)
        allowed = list(AggregationTimePeriod)
        if settings is not None and settings.get("aggregationTimePeriod") not in allowed:
            name = f"{_FILTER}.aggregationSettings.aggregationTimePeriod"
            self._wrong(name, f"{name} must be one of {', '.join(allowed)}")

    def _object(self, name: str, value: object) -> Mapping[str, object] | None:
        """The object; SP-API has no meaning for an empty one, and this client never sends one."""
        if not isinstance(value, dict):
            self._wrong(name, f"{name} must be an object", "InvalidType")
            return None
        if not value and name == _NAME:
            self._wrong(name, f"{name} must not be empty; omit it to receive all")
            return None
        return value

    def _wrong(self, name: str, message: str, code: str = "InvalidValue") -> None:
        self.fields.errors.append(FieldError(name, code, message))
