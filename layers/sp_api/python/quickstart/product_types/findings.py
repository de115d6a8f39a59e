"""What a check of a listing's attributes found."""

from dataclasses import dataclass
from enum import StrEnum


class Severity(StrEnum):
    """ERROR: Amazon refuses the listing. WARNING: Amazon may accept it."""

    ERROR = "ERROR"
    WARNING = "WARNING"


@dataclass(frozen=True)
class Finding:
    """One problem of a listing.

    `pointer` is the JSON pointer (RFC 6901) of the value inside the attributes, "" for the attributes as a whole.
    `rule` is the schema's keyword (required, enum, maxUniqueItems …), or a name of `shapes`.
    `attribute_names` are the top-level attributes concerned. `expected` is the value or values that the rule allows.
    """

    pointer: str
    rule: str
    message: str
    severity: Severity
    attribute_names: tuple[str, ...]
    expected: object | None = None
