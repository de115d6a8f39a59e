"""The simulator's meta-schema: draft 2019-09, and the keywords of Amazon's vocabulary."""

from __future__ import annotations

import json
from functools import cache

BASE = "https://schemas.amazon.com/selling-partners/definitions/product-types"
META_SCHEMA_ID = f"{BASE}/meta-schema/v1"
_DRAFT = "https://json-schema.org/draft/2019-09"
_COUNT = {"type": "integer", "minimum": 0}


@cache
def meta_schema() -> bytes:
    """The document behind the link in a definition's metaSchema."""
    names = {"type": "array", "items": {"type": "string"}}
    return json.dumps(
        {
            "$id": META_SCHEMA_ID,
            "$schema": f"{_DRAFT}/schema",
            "$vocabulary": {
                **{f"{_DRAFT}/vocab/{part}": True for part in ("core", "applicator", "validation", "meta-data")},
                f"{BASE}/vocabulary/v1": True,
            },
            "$recursiveAnchor": True,
            "title": "Product type definition of the simulator",
            "allOf": [{"$ref": f"{_DRAFT}/schema"}],
            "properties": {
                "editable": {"type": "boolean"},
                "hidden": {"type": "boolean"},
                "enumNames": {"type": "array"},
                "$lifecycle": {"type": "object", "properties": {"enumDeprecated": {"type": "array"}}},
                "replaces": names,
                "replacedBy": names,
                "selectors": names,
                "minUniqueItems": _COUNT,
                "maxUniqueItems": _COUNT,
                "minUtf8ByteLength": _COUNT,
                "maxUtf8ByteLength": _COUNT,
            },
        },
        separators=(",", ":"),
    ).encode()
