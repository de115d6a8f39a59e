"""Amazon's own keywords for JSON Schema: counts of items with the same identity, and lengths in bytes.

Amazon's validators in its guide for the meta-schema group the items of a list by the values of the properties that
`selectors` names. `maxUniqueItems` and `minUniqueItems` limit the number of items in each group. Without selectors, all
items are one group. Items that are not objects are not counted.
"""

from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Group:
    """Items with the same identity. `identity`: the selectors' values, without those that the items do not have.

    `positions`: where the items are in the list, in its order; at least one.
    """

    identity: Mapping[str, object]
    positions: tuple[int, ...]


def groups(items: Sequence[object], selectors: Iterable[str]) -> tuple[Group, ...]:
    """The items that are objects, grouped by identity, in the order of each group's first item."""
    names = tuple(dict.fromkeys(selectors))
    found: dict[Hashable, tuple[dict[str, object], list[int]]] = {}
    for position, item in enumerate(items):
        if isinstance(item, Mapping):
            identity = {name: item[name] for name in names if name in item}
            key = tuple((name, comparable(value)) for name, value in identity.items())
            found.setdefault(key, (identity, []))[1].append(position)
    return tuple(Group(identity, tuple(positions)) for identity, positions in found.values())


def comparable(value: object) -> Hashable:
    """Equal for two values that JSON Schema takes as equal: 1 and 1.0 are, 1 and true are not."""
    if isinstance(value, bool):
        return ("boolean", value)
    if isinstance(value, Mapping):
        return ("object", frozenset((name, comparable(entry)) for name, entry in value.items()))
    if isinstance(value, list | tuple):
        return ("array", tuple(comparable(entry) for entry in value))
    return value if isinstance(value, Hashable) else repr(value)


def utf8_length(text: str) -> int:
    """The length in bytes of UTF-8. Half of a surrogate pair, which UTF-8 cannot encode, counts as three bytes."""
    return len(text.encode("utf-8", "surrogatepass"))
