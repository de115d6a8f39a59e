"""What a text seems to be that an operator gives as a refresh token. More of them are in test_token_storage.py."""

import pytest

from sp_api.credentials import unlike_a_refresh_token

QUOTES = "a token in quotes: remove them"
MORE = "more than the token: remove what is before it"
KEY_ID = "the id of an AWS access key"


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("''", QUOTES),
        ("`x", QUOTES),
        ("x`", QUOTES),
        # Two signs are seen: what comes first here counts.
        ("'Atza|x'", QUOTES),
        ("Atza%7Cx", "a URL-encoded token: decode it"),
        ("Atza&vert;x", "a token with its bar escaped: decode it"),
        ("bearer Atza|x", MORE),
        ("xAtzr|x", MORE),
        ("bearers", None),
        # What the start of a text says goes before what else is in it, or may be.
        ("Atza|x Atzr|y", "an access token"),
        ("amzn1.oa2-cs.v1.Atzr|y", "a client secret"),
        ("AKIAIOSFODNN7EXAMPLE", KEY_ID),
        ("ASIAIOSFODNN7EXAMPLE", KEY_ID),
        ("QXR6cnxJd0VCSUh4cQAA", "a Base64-encoded token: decode it"),
        ("0" * 63, None),
        ("0" * 64, "a client secret"),
        ("0" * 65, None),
    ],
)
def test_what_a_text_seems_to_be(text: str, kind: str | None) -> None:
    assert unlike_a_refresh_token(text) == kind
