"""Checksums of schema documents, and that a link stays out of what is printed."""

import base64

import pytest

from sp_api.product_types import SchemaLink, md5_of_checksum

HEX = "c7af9479ca7261645cea9db56c5f720d"


@pytest.mark.parametrize(
    ("checksum", "md5"),
    [
        (HEX, HEX),
        (HEX.upper(), HEX),
        (base64.b64encode(bytes.fromhex(HEX)).decode(), HEX),
        (f" {HEX}\n", HEX),
        ("TBr8ubaxXrUyay9hmxUXUw==", "4c1afcb9b6b15eb5326b2f619b151753"),
        ("", None),
        ("QUJD", None),
        ("x" * 32, None),
        ("€" * 32, None),
        (base64.b64encode(bytes(20)).decode(), None),
    ],
)
def test_a_checksum_is_an_md5_in_base64_or_hexadecimal(checksum: str, md5: str | None) -> None:
    assert md5_of_checksum(checksum) == md5


def test_a_link_is_not_printed() -> None:
    assert "Signature" not in repr(SchemaLink("https://s3.example.com/?X-Amz-Signature=1", HEX))
