"""Turns what the validator reports into findings: the field, the rule, and a sentence."""

import difflib
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Protocol

from quickstart.product_types.enumerations import Enumeration, enumeration
from quickstart.product_types.findings import Finding, Severity
from quickstart.product_types.schemas import dereferenced, pointer
from quickstart.product_types.vocabulary import utf8_length
from quickstart.product_types.wording import all_of, any_of, choices, counted, place, shown, shown_text, type_name

_LONGEST_NAME = 60
_MOST_EXPECTED = 200
_MOST_VALUES = 12
# Names from Amazon's former feeds and from shops: the attribute that has such a value, and how.
_ELSEWHERE: Mapping[str, tuple[str, str]] = {
    **dict.fromkeys(
        ("b2b_price", "business_price", "quantity_price", "quantity_price_type"),
        ("purchasable_offer", "A business price belongs in purchasable_offer, in an item with audience B2B"),
    ),
    **dict.fromkeys(
        ("our_price", "price", "sale_price", "standard_price"),
        ("purchasable_offer", "A price belongs in purchasable_offer, as our_price with a schedule of value_with_tax"),
    ),
    **dict.fromkeys(
        ("handling_time", "inventory", "quantity", "stock"),
        ("fulfillment_availability", "Stock belongs in fulfillment_availability, next to fulfillment_channel_code"),
    ),
    "asin": ("merchant_suggested_asin", "The ASIN of an existing product belongs in merchant_suggested_asin"),
    **dict.fromkeys(
        ("barcode", "ean", "gtin", "upc"),
        (
            "externally_assigned_product_identifier",
            "A product identifier belongs in externally_assigned_product_identifier, with its type and value",
        ),
    ),
}


class Reported(Protocol):
    """What is used of jsonschema's ValidationError."""

    validator: Any
    validator_value: Any
    instance: Any
    schema: Any
    absolute_path: Sequence[str | int]
    absolute_schema_path: Sequence[str | int]
    relative_schema_path: Sequence[str | int]
    context: list[Any]


def findings(root: Mapping[str, Any], error: Reported) -> Iterator[Finding]:
    """The findings of one error of the validator, with the attribute whose condition asks for it."""
    condition = _condition(root, error)
    for finding in _findings(root, error):
        yield _with_condition(finding, condition) if condition else finding


def _findings(root: Mapping[str, Any], error: Reported) -> Iterator[Finding]:
    path = tuple(error.absolute_path)
    rule = "false" if error.validator is None else str(error.validator)
    if rule in ("anyOf", "oneOf") and error.context:
        yield from _of_branches(root, path, rule, error)
        return
    describe = _DESCRIBED.get(rule)
    if describe is None:
        yield _finding(path, rule, f"{place(path)} breaks the schema's rule {rule}", None)
        return
    yield describe(root, path, error)


def _finding(path: tuple[str | int, ...], rule: str, message: str, expected: object) -> Finding:
    names = (str(path[0]),) if path else ()
    return Finding(pointer(path), rule, message, Severity.ERROR, names, _cut(expected))


def _cut(expected: object) -> object:
    return expected[:_MOST_EXPECTED] if isinstance(expected, list) else expected


def _required(root: Mapping[str, Any], path: tuple[str | int, ...], error: Reported) -> Finding:
    del root
    # Set by `keywords`; jsonschema has the name in its message only.
    name = str(getattr(error, "missing", ""))
    return _finding((*path, name), "required", f"{place((*path, name))} is missing", None)


def _additional(root: Mapping[str, Any], path: tuple[str | int, ...], error: Reported) -> Finding:
    name = str(path[-1])
    known = list(dereferenced(root, error.schema).get("properties", {}))
    near = difflib.get_close_matches(name[:_LONGEST_NAME], known, n=1, cutoff=0.75)
    belongs, sentence = _ELSEWHERE.get(name, ("", ""))
    if len(path) > 1:
        message = f"{shown_text(name)} is not a field of {place(path[:-1])}"
        hint = f"It has {choices(known)}" if known else ""
    else:
        message = f"{shown_text(name)} is not in the schema of this product type in this marketplace"
        hint = sentence if belongs in known else ""
    if near and not (hint and len(path) == 1):
        hint = f"Did you mean {near[0]}?"
    expected = near[0] if near else known if len(path) > 1 else None
    return _finding(path, "additionalProperties", f"{message}. {hint}" if hint else message, expected)


def _type(root: Mapping[str, Any], path: tuple[str | int, ...], error: Reported) -> Finding:
    del root
    return _finding(
        path,
        "type",
        f"{place(path)} must be {type_name(error.validator_value)}, not {shown(error.instance)}",
        error.validator_value,
    )


def _enum(root: Mapping[str, Any], path: tuple[str | int, ...], error: Reported) -> Finding:
    codes = enumeration(root, error.schema) or Enumeration((), (), (), open=False)
    return _not_listed(path, "enum", codes, error.instance)


def _not_listed(path: tuple[str | int, ...], rule: str, codes: Enumeration, value: object) -> Finding:
    code = codes.code_of(value) if isinstance(value, str) else None
    name = place(path)
    if code is not None:
        message = f"{name} must be the code {shown_text(str(code))}, not {shown(value)}"
        return _finding(path, rule, message, code)
    message = f"{name} must be one of {choices(codes.codes, codes.labels)}; it is {shown(value)}"
    if path[-1:] == ("audience",) and value == "B2B":
        message += ". Amazon lists the audience B2B only for sellers who are enrolled in Amazon Business"
    return _finding(path, rule, message, list(codes.codes))


def _const(root: Mapping[str, Any], path: tuple[str | int, ...], error: Reported) -> Finding:
    del root
    message = f"{place(path)} must be {shown(error.validator_value)}, not {shown(error.instance)}"
    return _finding(path, "const", message, error.validator_value)


def _limit(rule: str, words: str, unit: str = "", length: Callable[[Any], int] | None = None) -> Any:
    """A finding for a limit: {words} {limit} {unit}; it has {length}."""

    def describe(root: Mapping[str, Any], path: tuple[str | int, ...], error: Reported) -> Finding:
        del root
        limit = counted(error.validator_value, unit) if unit else shown(error.validator_value)
        actual = f"it has {length(error.instance)}" if length else f"it is {shown(error.instance)}"
        return _finding(path, rule, f"{place(path)} must {words} {limit}; {actual}", error.validator_value)

    return describe


def _bytes(rule: str, words: str) -> Any:
    def describe(root: Mapping[str, Any], path: tuple[str | int, ...], error: Reported) -> Finding:
        del root
        limit = counted(error.validator_value, "byte")
        actual = utf8_length(error.instance)
        return _finding(
            path,
            rule,
            f"{place(path)} must have {words} {limit} in UTF-8, where an accented letter has two; it has {actual}",
            error.validator_value,
        )

    return describe


def _pattern(root: Mapping[str, Any], path: tuple[str | int, ...], error: Reported) -> Finding:
    del root
    message = f"{place(path)} does not match the pattern {shown_text(str(error.validator_value))}"
    return _finding(path, "pattern", message, error.validator_value)


def _same_identity(root: Mapping[str, Any], path: tuple[str | int, ...], error: Reported) -> Finding:
    """`error.group`, set by `keywords`, has the items with the same identity. The finding names one too many."""
    del root
    group: Any = getattr(error, "group", None)
    rule = str(error.validator)
    limit = error.validator_value
    if rule == "maxUniqueItems":
        allowed = f"at most {limit} {'is' if limit == 1 else 'are'} allowed"
        position = group.positions[int(limit)]
    else:
        allowed = f"at least {counted(limit, 'item')} of the same kind must be there"
        position = group.positions[0]
    same = all_of([f"{shown_text(name)} {shown(value)}" for name, value in group.identity.items()])
    have = counted(len(group.positions), "item") + (f" with {same}" if same else "")
    return _finding((*path, position), rule, f"{place(path)} has {have}; {allowed}", limit)


def _not(root: Mapping[str, Any], path: tuple[str | int, ...], error: Reported) -> Finding:
    del root
    value = error.validator_value
    rules = value if isinstance(value, Mapping) and len(value) == 1 else {}
    names = rules.get("required")
    if names:
        absent = [place((*path, name)) for name in names]
        words = "must be left out" if len(absent) == 1 else "must not all be given"
        finding = _finding((*path, names[0]), "not", f"{all_of(absent)} {words}", None)
        return Finding(
            finding.pointer,
            finding.rule,
            finding.message,
            finding.severity,
            finding.attribute_names if path else tuple(map(str, names)),
        )
    forbidden = rules.get("enum")
    if forbidden:
        return _finding(path, "not", f"{place(path)} must not be {_any_of_values(forbidden)}", None)
    return _finding(path, "not", f"{place(path)} has values that the schema does not allow together", None)


def _contains(root: Mapping[str, Any], path: tuple[str | int, ...], error: Reported) -> Finding:
    del root
    rule = str(error.validator)
    return _finding(path, rule, f"{place(path)} needs an item {_wanted_item(error.schema['contains'])}", None)


def _wanted_item(schema: Any) -> str:
    properties = schema.get("properties", {}) if isinstance(schema, Mapping) else {}
    parts = [
        f"whose {shown_text(name)} is {_any_of_values(rules['enum'])}"
        for name, rules in properties.items()
        if isinstance(rules, Mapping) and "enum" in rules
    ]
    return all_of(parts) or "that meets the schema's condition"


def _any_of_values(values: Sequence[object]) -> str:
    return any_of([shown(one) for one in values[:_MOST_VALUES]])


def _dependent(root: Mapping[str, Any], path: tuple[str | int, ...], error: Reported) -> Finding:
    del root
    # Set by `keywords`, as for `required`.
    missing, name = str(getattr(error, "missing", "")), str(getattr(error, "needed_by", ""))
    message = f"{place((*path, missing))} is missing; {place((*path, name))} needs it"
    return _finding((*path, missing), "dependentRequired", message, None)


def _several(root: Mapping[str, Any], path: tuple[str | int, ...], error: Reported) -> Finding:
    del root, error
    return _finding(path, "oneOf", f"{place(path)} matches several forms of which the schema allows only one", None)


def _unique(root: Mapping[str, Any], path: tuple[str | int, ...], error: Reported) -> Finding:
    del root, error
    return _finding(path, "uniqueItems", f"{place(path)} has the same item twice", None)


def _forbidden(root: Mapping[str, Any], path: tuple[str | int, ...], error: Reported) -> Finding:
    del root, error
    return _finding(path, "false", f"{place(path)} must be left out here", None)


def _of_branches(root: Mapping[str, Any], path: tuple[str | int, ...], rule: str, error: Reported) -> Iterator[Finding]:
    """What to say when no branch of anyOf or oneOf fits: the one branch that nearly does, or all of them in short."""
    alternatives = [
        branch["required"]
        for branch in error.validator_value
        if isinstance(branch, Mapping) and set(branch) == {"required"} and len(branch["required"]) == 1
    ]
    if len(alternatives) == len(error.validator_value):
        names = [str(entry[0]) for entry in alternatives]
        message = f"One of {any_of([place((*path, name)) for name in names])} is needed"
        attribute_names = (str(path[0]),) if path else tuple(names)
        yield Finding(pointer(path), rule, message, Severity.ERROR, attribute_names, names)
        return
    codes = enumeration(root, error.schema)
    if codes is not None and not codes.open and not isinstance(error.instance, Mapping | list):
        yield _not_listed(path, rule, codes, error.instance)
        return
    by_branch: dict[object, list[Any]] = {}
    for inner in error.context:
        # A branch that is false has no path.
        branch = inner.relative_schema_path[0] if inner.relative_schema_path else None
        by_branch.setdefault(branch, []).append(inner)
    near = [
        errors
        for errors in by_branch.values()
        if not any(inner.validator == "type" and tuple(inner.absolute_path) == path for inner in errors)
    ]
    if len(near) == 1 or len(by_branch) == 1:
        for inner in (near or list(by_branch.values()))[0]:
            yield from _findings(root, inner)
        return
    reasons = [next(_findings(root, errors[0])).message for errors in by_branch.values()]
    message = (
        f"{place(path)} matches none of the forms that the schema allows: {any_of(list(dict.fromkeys(reasons))[:3])}"
    )
    yield _finding(path, rule, message, None)


def _condition(root: Mapping[str, Any], error: Reported) -> tuple[str, ...]:
    """The attributes that the innermost condition around an error reads, and none if there is no condition."""
    current: Any = root
    names: tuple[str, ...] = ()
    for part in error.absolute_schema_path:
        # The validator's path has neither `if` nor `$ref`.
        if isinstance(current, Mapping) and part not in current:
            current = dereferenced(root, current)
        if part in ("then", "else") and "if" in current:
            names = _attributes_of(current["if"]) or names
        try:
            current = current[part]
        except (LookupError, TypeError):
            break
    return names


def _attributes_of(condition: Any) -> tuple[str, ...]:
    found: dict[str, None] = {}
    waiting = [condition]
    while waiting:
        schema = waiting.pop(0)
        if not isinstance(schema, Mapping):
            continue
        found.update(dict.fromkeys((*schema.get("properties", ()), *schema.get("required", ()))))
        waiting.append(schema.get("not"))
        for keyword in ("allOf", "anyOf", "oneOf"):
            waiting += schema.get(keyword, ())
    return tuple(found)


def _with_condition(finding: Finding, names: tuple[str, ...]) -> Finding:
    listed = any_of([shown_text(name) for name in names[:3]])
    message = f"{finding.message}; a condition on {listed} asks for this"
    return Finding(finding.pointer, finding.rule, message, finding.severity, finding.attribute_names, finding.expected)


_DESCRIBED: Mapping[str, Callable[[Mapping[str, Any], tuple[str | int, ...], Any], Finding]] = {
    "additionalProperties": _additional,
    "const": _const,
    "contains": _contains,
    "dependentRequired": _dependent,
    "enum": _enum,
    "exclusiveMaximum": _limit("exclusiveMaximum", "be less than"),
    "exclusiveMinimum": _limit("exclusiveMinimum", "be more than"),
    "false": _forbidden,
    "maxItems": _limit("maxItems", "have at most", "item", len),
    "maxLength": _limit("maxLength", "have at most", "character", len),
    "maxProperties": _limit("maxProperties", "have at most", "field", len),
    "maxUniqueItems": _same_identity,
    "maxUtf8ByteLength": _bytes("maxUtf8ByteLength", "at most"),
    "maximum": _limit("maximum", "be at most"),
    "minContains": _contains,
    "minItems": _limit("minItems", "have at least", "item", len),
    "minLength": _limit("minLength", "have at least", "character", len),
    "minProperties": _limit("minProperties", "have at least", "field", len),
    "minUniqueItems": _same_identity,
    "minUtf8ByteLength": _bytes("minUtf8ByteLength", "at least"),
    "minimum": _limit("minimum", "be at least"),
    "multipleOf": _limit("multipleOf", "be a multiple of"),
    "not": _not,
    "oneOf": _several,
    "pattern": _pattern,
    "required": _required,
    "type": _type,
    "uniqueItems": _unique,
}
