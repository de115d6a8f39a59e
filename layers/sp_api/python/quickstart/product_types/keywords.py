"""The keywords that jsonschema lacks, or checks in another way than needed here.

Each takes the validator, the keyword's value, the value to check and the schema around the keyword, and yields errors,
as jsonschema's own keywords do.
"""

from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal, InvalidOperation
from typing import Any, Protocol

import regex
from jsonschema import Draft201909Validator, ValidationError

from quickstart.product_types.vocabulary import Group, comparable, groups, utf8_length

Keyword = Callable[[Any, Any, Any, Any], Iterator[Any]]
Remaining = Callable[[], float]
_LONGEST_PATTERN = 4096
# What a part of a listing need not have, at any depth.
_PRESENCE = ("dependentRequired", "minProperties", "required")


class Conditions(Protocol):
    """How many conditions the validator is inside of: it only asks there, and reports nothing."""

    conditions: int


def keywords(remaining: Remaining, skipped: Callable[[str], None]) -> dict[str, Keyword]:
    """All keywords of the validator.

    Args:
        remaining: the seconds that are left; raises when none are. Called before each keyword.
        skipped: told in words which rule could not be applied.
    """
    own = {**Draft201909Validator.VALIDATORS, **_OWN}
    own["pattern"] = _pattern(remaining, skipped)
    own["patternProperties"] = _pattern_properties(remaining, skipped)
    own["additionalProperties"] = _additional_properties(remaining, skipped)
    # Formats are annotations in draft 2019-09, and not checked without a checker: Amazon's schemas do not say how
    # strictly it reads them.
    return {name: _limited(keyword, remaining) for name, keyword in own.items()}


def keywords_of_parts(whole: Mapping[str, Keyword], run: Callable[[], Conditions]) -> dict[str, Keyword]:
    """The keywords for a part of a listing: nothing is required, neither an attribute nor a field inside one.

    Conditions (`if`, `not`, `contains`) still ask what is there.

    Args:
        whole: all keywords of the validator, from `keywords`.
        run: the current check.
    """
    own = dict(whole)
    own |= {name: _inside_conditions(whole[name], run) for name in _PRESENCE}
    own |= {name: _asking(whole[name], run) for name in ("contains", "not")}
    own["if"] = _if(run)
    # Branches that differ in what they require alone are now equal, and all of them match.
    own["oneOf"] = _one_of(whole["oneOf"], whole["anyOf"], run)
    return own


def _inside_conditions(keyword: Keyword, run: Callable[[], Conditions]) -> Keyword:
    def check(validator: Any, value: Any, instance: Any, schema: Any) -> Iterator[Any]:
        if run().conditions:
            yield from keyword(validator, value, instance, schema)

    return check


def _asking(keyword: Keyword, run: Callable[[], Conditions]) -> Keyword:
    def check(validator: Any, value: Any, instance: Any, schema: Any) -> Iterator[Any]:
        run().conditions += 1
        try:
            errors = list(keyword(validator, value, instance, schema))
        finally:
            run().conditions -= 1
        yield from errors

    return check


def _if(run: Callable[[], Conditions]) -> Keyword:
    def check(validator: Any, condition: Any, instance: Any, schema: Any) -> Iterator[Any]:
        run().conditions += 1
        try:
            branch = "then" if validator.evolve(schema=condition).is_valid(instance) else "else"
        finally:
            run().conditions -= 1
        if branch in schema:
            yield from validator.descend(instance, schema[branch], schema_path=branch)

    return check


def _one_of(one_of: Keyword, any_of: Keyword, run: Callable[[], Conditions]) -> Keyword:
    def check(validator: Any, branches: Any, instance: Any, schema: Any) -> Iterator[Any]:
        yield from (one_of if run().conditions else any_of)(validator, branches, instance, schema)

    return check


def _limited(keyword: Keyword, remaining: Remaining) -> Keyword:
    def check(validator: Any, value: Any, instance: Any, schema: Any) -> Iterator[Any]:
        remaining()
        yield from keyword(validator, value, instance, schema)

    return check


def _broken(**more: Any) -> Any:
    """An error without words: `explanation` finds them, from the rule and the value."""
    return ValidationError("", **more)


def _required(_validator: Any, names: list[str], instance: Any, _schema: Any) -> Iterator[Any]:
    if isinstance(instance, Mapping):
        for name in names:
            if name not in instance:
                error = _broken()
                error.missing = name
                yield error


def _dependent_required(_validator: Any, needs: Mapping[str, list[str]], instance: Any, _schema: Any) -> Iterator[Any]:
    if isinstance(instance, Mapping):
        for name, others in needs.items():
            for other in others:
                if name in instance and other not in instance:
                    error = _broken()
                    error.missing, error.needed_by = other, name
                    yield error


def _properties(validator: Any, properties: Mapping[str, Any], instance: Any, _schema: Any) -> Iterator[Any]:
    """As jsonschema's, which leaves out the name in the error of a property that must not be there."""
    if isinstance(instance, Mapping):
        for name, schema in properties.items():
            if name in instance:
                if schema is False:
                    yield _broken(validator="false", path=(name,))
                else:
                    yield from validator.descend(instance[name], schema, path=name, schema_path=name)


def _max_unique_items(_validator: Any, most: float, instance: Any, schema: Mapping[str, Any]) -> Iterator[Any]:
    yield from _of_groups(instance, schema, lambda group: len(group.positions) > most)


def _min_unique_items(_validator: Any, least: float, instance: Any, schema: Mapping[str, Any]) -> Iterator[Any]:
    yield from _of_groups(instance, schema, lambda group: len(group.positions) < least)


def _of_groups(instance: Any, schema: Mapping[str, Any], is_wrong: Callable[[Group], bool]) -> Iterator[Any]:
    if isinstance(instance, list):
        for group in groups(instance, schema.get("selectors", ())):
            if is_wrong(group):
                error = _broken()
                error.group = group
                yield error


def _max_utf8_byte_length(_validator: Any, most: float, instance: Any, _schema: Any) -> Iterator[Any]:
    if isinstance(instance, str) and utf8_length(instance) > most:
        yield _broken()


def _min_utf8_byte_length(_validator: Any, least: float, instance: Any, _schema: Any) -> Iterator[Any]:
    if isinstance(instance, str) and utf8_length(instance) < least:
        yield _broken()


def _multiple_of(_validator: Any, step: float, instance: Any, _schema: Any) -> Iterator[Any]:
    """In decimal numbers: in binary ones 19.99 is not a multiple of 0.01."""
    if isinstance(instance, bool) or not isinstance(instance, int | float):
        return
    try:
        rest = Decimal(str(instance)) % Decimal(str(step))
    except InvalidOperation:
        # The quotient has more digits than Decimal's 28. No such number is a price, a weight or a count.
        return
    if rest:
        yield _broken()


def _unique_items(_validator: Any, is_unique: bool, instance: Any, _schema: Any) -> Iterator[Any]:
    if is_unique and isinstance(instance, list) and len({comparable(item) for item in instance}) < len(instance):
        yield _broken()


def _search(pattern: str, text: str, remaining: Remaining, skipped: Callable[[str], None]) -> bool | None:
    """Whether the pattern is in the text; None if the pattern cannot be read. Raises TimeoutError."""
    try:
        if len(pattern) <= _LONGEST_PATTERN:
            return regex.search(pattern, text, timeout=remaining()) is not None
    except (regex.error, OverflowError):
        pass
    skipped("a pattern of the schema cannot be read")
    return None


def _pattern(remaining: Remaining, skipped: Callable[[str], None]) -> Keyword:
    def check(_validator: Any, pattern: str, instance: Any, _schema: Any) -> Iterator[Any]:
        if isinstance(instance, str) and _search(pattern, instance, remaining, skipped) is False:
            yield _broken()

    return check


def _pattern_properties(remaining: Remaining, skipped: Callable[[str], None]) -> Keyword:
    def check(validator: Any, patterns: Mapping[str, Any], instance: Any, _schema: Any) -> Iterator[Any]:
        if isinstance(instance, Mapping):
            for pattern, schema in patterns.items():
                for name, value in instance.items():
                    if _search(pattern, name, remaining, skipped):
                        yield from validator.descend(value, schema, path=name, schema_path=pattern)

    return check


def _additional_properties(remaining: Remaining, skipped: Callable[[str], None]) -> Keyword:
    """One error for each name that the schema does not have, at that name."""

    def check(validator: Any, rule: Any, instance: Any, schema: Mapping[str, Any]) -> Iterator[Any]:
        if not isinstance(instance, Mapping):
            return
        known, patterns = schema.get("properties", {}), schema.get("patternProperties", {})
        for name, value in instance.items():
            # A pattern that cannot be read may match.
            if name in known or any(_search(one, name, remaining, skipped) is not False for one in patterns):
                continue
            if isinstance(rule, Mapping):
                yield from validator.descend(value, rule, path=name)
            elif rule is False:
                yield _broken(path=(name,))

    return check


_OWN: Mapping[str, Keyword] = {
    "dependentRequired": _dependent_required,
    "maxUniqueItems": _max_unique_items,
    "maxUtf8ByteLength": _max_utf8_byte_length,
    "minUniqueItems": _min_unique_items,
    "minUtf8ByteLength": _min_utf8_byte_length,
    "multipleOf": _multiple_of,
    "properties": _properties,
    "required": _required,
    "uniqueItems": _unique_items,
}
