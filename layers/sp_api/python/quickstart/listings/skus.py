"""What a SKU can be: the same for single listings and for files."""

import re

from sp_api.wire import is_unicode

# The tables' keys are longer than that; SP-API's model sets no limit.
LONGEST_SKU = 255
SKU_RULE = f"1 to {LONGEST_SKU} characters without control characters; not . or .."
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


def sku_fault(sku: str) -> str | None:
    """What is wrong with a SKU, as "must be ..."; None for a good one.

    A path cannot have "." or ".." as a segment: clients and gateways resolve them (RFC 3986, 5.2.4).
    """
    if not sku.strip() or len(sku) > LONGEST_SKU or _CONTROL.search(sku) or sku in (".", "..") or not is_unicode(sku):
        return f"must be {SKU_RULE}"
    return "must not begin or end with white space" if sku != sku.strip() else None
