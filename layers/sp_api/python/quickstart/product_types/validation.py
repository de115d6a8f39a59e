"""Checks a listing's attributes against the schema of its product type.

Needs the packages of layers/validation. The choice of the validator is decision 90.
"""

import time
from collections import OrderedDict
from collections.abc import Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

from jsonschema import Draft201909Validator
from jsonschema.validators import extend
from referencing.exceptions import Unresolvable
from referencing.jsonschema import EMPTY_REGISTRY

from quickstart.product_types import advice, explanation
from quickstart.product_types.findings import Finding, Severity
from quickstart.product_types.keywords import keywords, keywords_of_parts
from quickstart.product_types.schemas import (
    JsonSchema,
    SchemaUnreadableError,
    Warned,
    copied,
    parsed,
    repair,
)
from quickstart.product_types.unreadable import unreadable_values

__all__ = ["Checked", "CompiledSchemas", "Finding", "Severity"]

MOST_FINDINGS = 200
"""Findings of one check. A listing with more is wrong as a whole."""
LARGEST_SCHEMA = 16 * 1024 * 1024
"""In bytes. Amazon's have about one megabyte."""
_PREVIEW = "Amazon's preview checks the rest"


@dataclass(frozen=True)
class Checked:
    """`incomplete` says in words why rules were left unchecked; None when all were checked."""

    findings: tuple[Finding, ...]
    incomplete: str | None = None


class _OutOfTimeError(Exception):
    """The time limit has passed."""


@dataclass
class _Run:
    """One check: when it must end, by the monotonic clock, and which rules could not be applied."""

    end: float
    skipped: list[str] = field(default_factory=list)
    conditions: int = 0

    def remaining(self) -> float:
        """The seconds that are left. Raises _OutOfTimeError."""
        seconds = self.end - time.monotonic()
        if seconds <= 0:
            raise _OutOfTimeError
        return seconds


@dataclass(frozen=True)
class _Compiled:
    schema: JsonSchema
    validator: Any
    warned: tuple[Warned, ...]


_run: ContextVar[_Run] = ContextVar("run")


def _skipped(reason: str) -> None:
    run = _run.get()
    if reason not in run.skipped:
        run.skipped.append(reason)


_KEYWORDS = keywords(lambda: _run.get().remaining(), _skipped)
_Validator = extend(Draft201909Validator, _KEYWORDS)
_PartValidator = extend(Draft201909Validator, keywords_of_parts(_KEYWORDS, _run.get))


class CompiledSchemas:
    """Checks attributes, and keeps the schemas that were used last, at most `max_entries`."""

    def __init__(self, max_entries: int) -> None:
        if max_entries < 1:
            raise ValueError("max_entries must be at least 1")
        self._max_entries = max_entries
        self._compiled: OrderedDict[tuple[str, bool], _Compiled] = OrderedDict()

    def check(
        self,
        schema: bytes | Mapping[str, object],
        key: str,
        attributes: Mapping[str, object],
        *,
        enforced: bool,
        time_limit: float,
    ) -> Checked:
        """Checks `attributes` against `schema`.

        What the schema itself has wrong (an empty `enum`) is left out, and a warning says so. Codes and attributes
        that Amazon is about to remove are warnings.

        Args:
            schema: Amazon's document, as bytes of JSON or parsed.
            key: what identifies its content, such as its checksum; the compiled schema is kept under it.
            attributes: the listing's attributes, name to list of objects.
            enforced: whether what is required must be present, as in a full PUT. False for a part of a listing, as in
                a PATCH: then neither attributes nor fields inside them are required.
            time_limit: in seconds. What takes longer is cut off, and the answer says so in `incomplete`.
        """
        run = _Run(time.monotonic() + time_limit)
        token = _run.set(run)
        try:
            return self._check(run, schema, (key, enforced), attributes, time_limit)
        finally:
            _run.reset(token)

    def _check(
        self,
        run: _Run,
        schema: bytes | Mapping[str, object],
        name: tuple[str, bool],
        attributes: Mapping[str, object],
        time_limit: float,
    ) -> Checked:
        unreadable = _at_most(unreadable_values(attributes))
        if unreadable:
            return Checked(unreadable, "The attributes cannot be sent as JSON. Nothing else was checked")
        found: dict[tuple[str, str, str], Finding] = {}
        incomplete: str | None = None
        try:
            compiled = self._compiled_schema(run, schema, name)
            for finding in _all(compiled, attributes):
                run.remaining()
                found.setdefault((finding.pointer, finding.rule, finding.message), finding)
                if len(found) >= MOST_FINDINGS:
                    incomplete = f"The first {MOST_FINDINGS} findings are listed. There may be more"
                    break
        except SchemaUnreadableError as error:
            incomplete = f"{error}. {_PREVIEW}"
        except (_OutOfTimeError, TimeoutError):
            incomplete = f"The check was stopped after {time_limit:g} seconds. {_PREVIEW}"
        except RecursionError:
            incomplete = f"The schema's conditions are nested too deeply. {_PREVIEW}"
        except Unresolvable:
            incomplete = f"A reference in the schema points to something that does not exist. {_PREVIEW}"
        if incomplete is None and run.skipped:
            incomplete = f"Not everything was checked: {'; '.join(run.skipped)}. {_PREVIEW}"
        order = sorted(found.values(), key=lambda one: (one.severity, one.pointer, one.rule, one.message))
        return Checked(tuple(order), incomplete)

    def _compiled_schema(self, run: _Run, schema: bytes | Mapping[str, object], name: tuple[str, bool]) -> _Compiled:
        compiled = self._compiled.get(name)
        if compiled is None:
            compiled = self._compiled[name] = _compile(run, schema, enforced=name[1])
            while len(self._compiled) > self._max_entries:
                self._compiled.popitem(last=False)
        self._compiled.move_to_end(name)
        return compiled


def _compile(run: _Run, schema: bytes | Mapping[str, object], *, enforced: bool) -> _Compiled:
    if isinstance(schema, bytes):
        if len(schema) > LARGEST_SCHEMA:
            raise SchemaUnreadableError(f"The schema has more than {LARGEST_SCHEMA:,} bytes")
        own = parsed(schema)
    else:
        own = copied(schema)
    warned = repair(own, run.remaining)
    # Amazon's addresses of schema and meta-schema cannot be fetched, and all references are inside the document.
    own.pop("$schema", None)
    own.pop("$id", None)
    validator = _Validator if enforced else _PartValidator
    if not enforced:
        own.pop("required", None)
    return _Compiled(own, validator(own, registry=EMPTY_REGISTRY), warned)


def _all(compiled: _Compiled, attributes: Mapping[str, object]) -> Any:
    for error in compiled.validator.iter_errors(dict(attributes)):
        yield from explanation.findings(compiled.schema, error)
    yield from advice.warnings(compiled.schema, attributes)
    required = compiled.schema.get("required", [])
    for warned in compiled.warned:
        name = warned.attribute_name
        if name is None or name in attributes or name in required:
            names = (name,) if name else ()
            where = f"/{name}" if name else ""
            message = f"{warned.message}; it was not applied"
            yield Finding(where, "schema", message, Severity.WARNING, names, warned.pointer)


def _at_most(found: Any) -> tuple[Finding, ...]:
    return tuple(finding for _, finding in zip(range(MOST_FINDINGS), found, strict=False))
