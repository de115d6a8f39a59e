"""Reads the ProcessingDirective of a request: SP-API's own shape, checked before SP-API sees it."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from quickstart.notification_types import SQS_TYPES, NotificationType
from quickstart.validation import FieldError, Fields
from sp_api.notifications import AggregationTimePeriod, EventFilter, OrderChangeType, ProcessingDirective
from sp_api.regions import Region, region_of_marketplace

_NAME = "ProcessingDirective"
_FILTER = f"{_NAME}.eventFilter"
_MARKETPLACE_ID = re.compile(r"[A-Z0-9]{1,32}")
_LONGEST_EXPRESSION = 256


def read_directive(fields: Fields, notification_type: str, region: Region) -> ProcessingDirective | None:
    """The request's directive, None when it has none; what is wrong with it is added to `fields`."""
    fields.known(_NAME, rule="SP-API's processingDirective, for the types that take one", schema={"type": "object"})
    value = fields.body.get(_NAME)
    if value is None or notification_type not in SQS_TYPES:
        return None
    return _Reader(fields, notification_type, SQS_TYPES[notification_type], region).directive(value)


def completed(directive: ProcessingDirective | None, notification_type: str) -> ProcessingDirective | None:
    """The directive that SP-API gets: where it demands one and none was asked for, a filter that lets everything by."""
    if directive is None and SQS_TYPES[notification_type].filled_in:
        return ProcessingDirective(EventFilter(notification_type))
    return directive


def same_effect(one: ProcessingDirective | None, other: ProcessingDirective | None) -> bool:
    """Whether two directives let the same notifications by; lists are compared without their order."""
    return _effect(one) == _effect(other)


def _effect(directive: ProcessingDirective | None) -> object:
    if directive is None:
        return None
    event_filter = directive.event_filter
    if event_filter is None:
        return directive.filter_expression
    narrowed = (
        frozenset(event_filter.marketplace_ids),
        frozenset(event_filter.order_change_types),
        event_filter.aggregation_time_period,
    )
    # A filter of nothing but its type filters nothing out.
    return narrowed if any(narrowed) else None


@dataclass(frozen=True)
class _Reader:
    fields: Fields
    name: str
    type: NotificationType
    region: Region

    def directive(self, value: object) -> ProcessingDirective | None:
        content = self._object(_NAME, value, {"eventFilter", "filterExpression"})
        if content is None:
            return None
        event_filter, expression = content.get("eventFilter"), content.get("filterExpression")
        if (event_filter is None) == (expression is None):
            self._wrong(_NAME, f"{_NAME} must have one of eventFilter and filterExpression, and not both")
            return None
        if expression is not None:
            return self._expression(expression)
        return self._filter(event_filter)

    def _expression(self, value: object) -> ProcessingDirective | None:
        name = f"{_NAME}.filterExpression"
        if not self.type.filter_expression:
            self._wrong(name, f"SP-API takes no filterExpression for {self.name}")
        elif not isinstance(value, str) or not 1 <= len(value) <= _LONGEST_EXPRESSION:
            self._wrong(name, f"{name} must be a string of 1 to {_LONGEST_EXPRESSION} characters")
        else:
            return ProcessingDirective(filter_expression=value)
        return None

    def _filter(self, value: object) -> ProcessingDirective | None:
        if self.type.event_filter is None:
            taking = ", ".join(name for name, known in SQS_TYPES.items() if known.event_filter is not None)
            self._wrong(_FILTER, f"SP-API takes no eventFilter for {self.name}; it takes one for {taking}")
            return None
        content = self._object(_FILTER, value, {"eventFilterType", *self.type.event_filter})
        if content is None:
            return None
        filter_type = content.get("eventFilterType", self.name)
        if filter_type != self.name:
            self._wrong(f"{_FILTER}.eventFilterType", f"{_FILTER}.eventFilterType must be {self.name}")
        return ProcessingDirective(
            EventFilter(
                event_filter_type=self.name,
                marketplace_ids=self._marketplaces(content.get("marketplaceIds")),
                order_change_types=self._order_change_types(content.get("orderChangeTypes")),
                aggregation_time_period=self._period(content.get("aggregationSettings")),
            )
        )

    def _marketplaces(self, value: object) -> tuple[str, ...]:
        name = f"{_FILTER}.marketplaceIds"
        ids = self._texts(name, value)
        if not all(_MARKETPLACE_ID.fullmatch(entry) for entry in ids):
            self._wrong(name, f"{name} must name marketplaces by their ids, such as ATVPDKIKX0DER")
            return ()
        elsewhere = [entry for entry in ids if region_of_marketplace(entry) not in (None, self.region)]
        if elsewhere and not any(error.field == "RegionCode" for error in self.fields.errors):
            self._wrong(name, f"{name} names marketplaces that are not of region {self.region}: {', '.join(elsewhere)}")
        return ids

    def _order_change_types(self, value: object) -> tuple[OrderChangeType, ...]:
        name = f"{_FILTER}.orderChangeTypes"
        changes = self._texts(name, value)
        allowed = [str(change) for change in OrderChangeType]
        if not set(changes) <= set(allowed):
            self._wrong(name, f"{name} must be a list of {', '.join(allowed)}")
            return ()
        return tuple(OrderChangeType(change) for change in changes)

    def _period(self, value: object) -> AggregationTimePeriod | None:
        if value is None:
            return None
        settings = self._object(f"{_FILTER}.aggregationSettings", value, {"aggregationTimePeriod"})
        if settings is None:
            return None
        name = f"{_FILTER}.aggregationSettings.aggregationTimePeriod"
        allowed = [str(period) for period in AggregationTimePeriod]
        period = settings.get("aggregationTimePeriod")
        if period not in allowed:
            self._wrong(name, f"{name} must be one of {', '.join(allowed)}")
            return None
        return AggregationTimePeriod(str(period))

    def _texts(self, name: str, value: object) -> tuple[str, ...]:
        if value is None:
            return ()
        if not isinstance(value, list) or not value or not all(isinstance(entry, str) for entry in value):
            self._wrong(name, f"{name} must be a list of one or more strings; leave it out to receive all")
            return ()
        return tuple(dict.fromkeys(value))

    def _object(self, name: str, value: object, known: set[str]) -> Mapping[str, object] | None:
        if not isinstance(value, dict):
            self._wrong(name, f"{name} must be an object", "InvalidType")
            return None
        unknown = sorted(set(value) - known)
        for entry in unknown:
            self._wrong(
                f"{name}.{entry}",
                f"{name} of {self.name} has no field {entry}; its fields are {', '.join(sorted(known))}",
                "UnknownField",
            )
        return None if unknown else value

    def _wrong(self, name: str, message: str, code: str = "InvalidValue") -> None:
        self.fields.errors.append(FieldError(name, code, message))
