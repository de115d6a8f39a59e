"""KMS."""

from __future__ import annotations

import json
from typing import Any

from ministack.core import iam_actions

from aws_emulator.patching import wrap


def conditions_see_the_encryption_context() -> None:
    """The pairs of a request's encryption context are condition keys of its policies (kms:EncryptionContext:name);
    ministack leaves them out."""

    @wrap(iam_actions, "request_tag_context", "d46adb816e02")
    def keys(original: Any, service: str, action: str, body: bytes, *routing: Any) -> dict[str, Any]:
        found: dict[str, Any] = original(service, action, body, *routing)
        return found | _encryption_context(body) if service == "kms" else found


def _encryption_context(body: bytes) -> dict[str, Any]:
    try:
        pairs = json.loads(body or b"{}").get("EncryptionContext") or {}
    except (ValueError, AttributeError):
        return {}
    if not isinstance(pairs, dict):
        return {}
    return {f"kms:encryptioncontext:{name}".lower(): value for name, value in pairs.items()} | {
        "kms:encryptioncontextkeys": list(pairs)
    }
