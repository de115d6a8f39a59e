"""The connection between a client and the emulator."""

from __future__ import annotations

from typing import Any

from ministack import app

from aws_emulator.patching import wrap


def loopback_counts_as_tls() -> None:
    """AWS is called over TLS, and policies deny other requests (aws:SecureTransport); ministack serves plain HTTP on
    localhost here, and would deny every request to such a queue or bucket. Here every request counts as secure."""

    @wrap(app, "pin_request_origin", "de819c1bd9ac")
    def pin_secure_origin(original: Any, source_address: str, _secure: bool) -> None:
        original(source_address, True)
