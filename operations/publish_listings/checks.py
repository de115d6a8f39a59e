"""Checks messages against Amazon's schema, as the stack does for a single listing, and names the columns."""

from collections.abc import Callable, Container, Sequence
from dataclasses import dataclass, replace

from operations.publish_listings.columns import Column
from operations.publish_listings.definitions import Definition, Definitions
from operations.publish_listings.messages import Message
from operations.publish_listings.sheets import Problem
from quickstart.listings.checks import CHECK_SECONDS, IDENTIFIER, identifier_findings, is_gtin
from quickstart.listings.feed_documents import OperationType, message_body
from quickstart.product_types import defaults, shapes
from quickstart.product_types.findings import Finding, Severity
from quickstart.product_types.unreadable import unreadable_values
from quickstart.product_types.validation import CompiledSchemas

# Zeros in front change no check digit, so what would be right with 13 or 14 digits is right with fewer.
_GTIN_LENGTHS = (8, 12)
# The largest message that the stack takes.
_MOST_BYTES = 1024 * 1024


@dataclass(frozen=True)
class Checked:
    """`messages` are those without an error, with the hidden fields filled in. `unchecked` says what was left out."""

    messages: tuple[Message, ...]
    problems: tuple[Problem, ...]
    unchecked: tuple[str, ...]


def check_messages(
    messages: Sequence[Message],
    known: Definitions,
    marketplace_id: str,
    advance: Callable[[], None] = lambda: None,
    wrong: Container[int] = frozenset(),
) -> Checked:
    """Checks each message: types, codes, lengths, conditions, what is required, and the check digits of identifiers.

    `advance` is called after each. A message whose product type has no definition is left unchecked. `wrong` are rows
    with an error of their own: what else is wrong with them is found too.
    """
    compiled = CompiledSchemas(max_entries=max(1, 2 * len(known.found)))
    good: list[Message] = []
    problems: list[Problem] = []
    unchecked: dict[str, None] = {}
    for message in messages:
        definition = known.found.get(message.definition_key)
        found: list[Problem] = []
        if message.attributes and definition is not None:
            findings, message, incomplete = _checked(message, definition, marketplace_id, compiled)
            found = [
                _problem(message, finding)
                for finding in findings
                if not message.unread.intersection(finding.attribute_names)
            ]
            if incomplete:
                unchecked[f"row {message.row}: {incomplete}"] = None
        elif reason := known.refused.get(message.definition_key):
            found = [Problem(message.row, "productType", reason)]
        elif message.attributes:
            unchecked[f"row {message.row}: the schema of {message.definition_key[0]} is not there"] = None
        usable = message.row not in wrong and all(problem.warning for problem in found)
        if usable and (large := _too_large(message)):
            found.append(large)
            usable = False
        problems.extend(found)
        if usable:
            good.append(message)
        advance()
    return Checked(tuple(good), tuple(problems), tuple(unchecked))


def _checked(
    message: Message, definition: Definition, marketplace_id: str, compiled: CompiledSchemas
) -> tuple[list[Finding], Message, str | None]:
    unreadable = list(unreadable_values(message.attributes))
    if unreadable:
        return unreadable, message, None
    shaped = shapes.corrected(definition.schema, message.attributes)
    given = message.attributes if shaped.attributes is None else shaped.attributes
    filled = defaults.filled(definition.schema, given, marketplace_id, None)
    checked = compiled.check(
        definition.schema,
        definition.checksum + definition.requirements,
        filled,
        enforced=message.operation == OperationType.UPDATE,
        time_limit=CHECK_SECONDS,
    )
    findings = [*shaped.findings, *checked.findings]
    findings += [_with_zeros(finding, message) for finding in identifier_findings(message.attributes)]
    return findings, replace(message, content={**message.content, "attributes": filled}), checked.incomplete


def _with_zeros(finding: Finding, message: Message) -> Finding:
    """With a hint at zeros that a spreadsheet program may have dropped at the beginning of an identifier."""
    position = int(finding.pointer.split("/")[2])
    number = str(message.attributes[IDENTIFIER][position]["value"])
    right = next((whole for length in _GTIN_LENGTHS if is_gtin(whole := number.zfill(length))), None)
    if right is None:
        return finding
    hint = f"{finding.message}. With zeros before it, {right} is one: format the column as text, and enter it again"
    return replace(finding, message=hint)


def _problem(message: Message, finding: Finding) -> Problem:
    column = _column(message, finding)
    text = finding.message
    if column is None and finding.attribute_names and finding.attribute_names[0] not in text:
        text = f"{', '.join(finding.attribute_names)}: {text}"
    return Problem(
        message.row,
        finding.rule,
        text,
        column.name if column else "",
        column.position if column else None,
        warning=finding.severity is Severity.WARNING,
    )


def _column(message: Message, finding: Finding) -> Column | None:
    """The column of the value; otherwise one of the same object, or of the same attribute."""
    where = finding.pointer
    while where:
        if where in message.columns:
            return message.columns[where]
        inside = next((each for each in message.columns if each.startswith(f"{where}/")), None)
        if inside is not None:
            return message.columns[inside]
        where = where.rpartition("/")[0]
    return None


def _too_large(message: Message) -> Problem | None:
    size = len(message_body(message.row, message.content))
    if size <= _MOST_BYTES:
        return None
    reason = f"the message has {size:,} bytes; at most {_MOST_BYTES:,} are allowed"
    return Problem(message.row, "messageTooLarge", reason)
