"""The codes that a schema lists for a field, with their labels, wherever the schema has them."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from quickstart.product_types.schemas import dereferenced
from quickstart.product_types.vocabulary import comparable


@dataclass(frozen=True)
class Enumeration:
    """`labels` are parallel to `codes`. `open`: the schema accepts other texts too."""

    codes: tuple[object, ...]
    labels: tuple[object, ...]
    deprecated: tuple[object, ...]
    open: bool

    def label(self, position: int) -> object:
        """The label of a code, or the code itself without one."""
        return self.labels[position] if position < len(self.labels) else self.codes[position]

    def has(self, value: object) -> bool:
        """Whether the value is one of the codes."""
        return comparable(value) in {comparable(code) for code in self.codes}

    def is_deprecated(self, value: object) -> bool:
        """Whether Amazon is about to remove the code."""
        return comparable(value) in {comparable(code) for code in self.deprecated}

    def code_of(self, text: str) -> object | None:
        """The one code with this label, or the code that differs only in upper and lower case; None otherwise."""
        wanted = _plain(text)
        labelled = {
            comparable(code): code
            for position, code in enumerate(self.codes)
            if wanted in (_plain(str(self.label(position))), _plain(str(code)))
        }
        return next(iter(labelled.values())) if len(labelled) == 1 else None


def enumeration(root: Mapping[str, Any], schema: Mapping[str, Any]) -> Enumeration | None:
    """The codes of a field. A list inside anyOf or oneOf, next to a branch for any text, is open.

    Args:
        root: the whole document, in which references are looked up.
        schema: the field's schema.
    """
    whole = dereferenced(root, schema)
    codes: list[object] = []
    labels: list[object] = []
    deprecated: list[object] = []
    is_open = False
    for branch, alternative in _branches(root, whole):
        listed = branch.get("enum")
        if not isinstance(listed, list):
            is_open = is_open or (alternative and branch.get("type") == "string" and "const" not in branch)
            continue
        names = branch.get("enumNames")
        names = names if isinstance(names, list) and len(names) == len(listed) else listed
        for code, name in zip(listed, names, strict=True):
            codes.append(code)
            labels.append(name)
        lifecycle = branch.get("$lifecycle")
        gone = lifecycle.get("enumDeprecated") if isinstance(lifecycle, Mapping) else None
        deprecated += gone if isinstance(gone, list) else []
    if not codes:
        return None
    return Enumeration(tuple(codes), tuple(labels), tuple(deprecated), is_open)


def _branches(root: Mapping[str, Any], schema: Mapping[str, Any]) -> Iterator[tuple[Mapping[str, Any], bool]]:
    if "enum" in schema:
        yield schema, False
        return
    for keyword in ("anyOf", "oneOf"):
        branches = schema.get(keyword)
        for branch in branches if isinstance(branches, list) else ():
            yield dereferenced(root, branch), True


def _plain(text: str) -> str:
    return " ".join(text.casefold().split())
