"""No secret gets into a message, whatever it is encoded as."""

import base64
import html
import json
from collections.abc import Callable
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sp_api.errors import presentable
from sp_api.redaction import WITHHELD, holds_secret, redacted

TAIL = "IwEBIHxq/Zf+3Kd8-test=="
SHAPES = (
    f"Atzr|{TAIL}",
    f"Atza|{TAIL}",
    f"Atc|{TAIL}",
    f"Atz.sprdt|{TAIL}",
    "amzn1.oa2-cs.v1.0123456789abcdef0123456789abcdef",
    "AKIAIOSFODNN7EXAMPLE",
    "ASIAIOSFODNN7EXAMPLE",
    f"Bearer {TAIL}",
    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.c2lnbmF0dXJlLXRlc3Q",
    "https://host/?X-Amz-Signature=0123456789abcdef0123456789abcdef",
)


def numbered(text: str) -> str:
    return "".join(f"&#{ord(letter)};" for letter in text)


def unicode_escaped(text: str) -> str:
    return "".join(f"\\u{ord(letter):04x}" for letter in text)


def percent(text: str) -> str:
    return "".join(f"%{ord(letter):02X}" for letter in text)


ENCODINGS: dict[str, Callable[[str], str]] = {
    "plain": str,
    "url": lambda text: quote(text, safe=""),
    "url twice": lambda text: quote(quote(text, safe=""), safe=""),
    "url, lower case": lambda text: quote(text, safe="").replace("%7C", "%7c"),
    "url, every letter": percent,
    "json": lambda text: json.dumps(text)[1:-1].replace("/", "\\/").replace("|", "\\u007c"),
    "json, every letter": unicode_escaped,
    "html": lambda text: html.escape(text).replace("|", "&#124;"),
    "html, hexadecimal": lambda text: text.replace("|", "&#x7C;"),
    "html, named": lambda text: text.replace("|", "&vert;"),
    "html, every letter": numbered,
    "base64": lambda text: base64.b64encode(text.encode()).decode(),
    "base64, after a word": lambda text: base64.b64encode(f"token={text}".encode()).decode(),
    "base64 for URLs": lambda text: base64.urlsafe_b64encode(f"x={text}".encode()).decode(),
    "spaced": lambda text: text.replace("|", "| ").replace(".v1.", ".v1. "),
    "broken into lines": lambda text: "\n".join(text[start : start + 7] for start in range(0, len(text), 7)),
}


# Broken into lines, these are words like others: only their value shows them.
WORDS_WHEN_BROKEN = ("Bearer", "AKIA", "ASIA", "eyJ", "https")


@pytest.mark.parametrize(
    ("secret", "encoding"),
    [
        (secret, encoding)
        for secret in SHAPES
        for encoding in ENCODINGS
        if encoding != "broken into lines" or not secret.startswith(WORDS_WHEN_BROKEN)
    ],
)
def test_the_shape_of_a_secret_is_enough(secret: str, encoding: str) -> None:
    written = ENCODINGS[encoding](secret)
    shown = presentable(f"The value {written} is wrong")
    pieces = (TAIL, TAIL[:7], TAIL[-10:], secret, "0123456789abcdef", "IOSFODNN7EXAMPLE", "c2lnbmF0dXJl")
    for piece in (*pieces, *written.split("\n")):
        assert piece not in shown, shown


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_a_given_secret_of_no_shape_is_found_by_its_value(encoding: str) -> None:
    secret = "correct horse/battery+staple|é"[:-1] + "="
    written = ENCODINGS[encoding](secret)
    shown = presentable(f"The value {written} is wrong", [secret])
    assert written not in shown
    assert "battery" not in shown


@pytest.mark.parametrize(
    ("text", "secret", "shown"),
    [
        # Of fewer than six characters, only the value as it is.
        ("a 12345 b", "12345", "a *** b"),
        ("a 12 345 b", "12345", "a 12 345 b"),
        ("a 123 456 b", "123456", "(not shown, because it contains a secret)"),
        ("a b", "123456", "a b"),
        ("a b", "", "a b"),
    ],
)
def test_a_given_secret_is_long_enough_to_be_searched_in_other_forms(text: str, secret: str, shown: str) -> None:
    assert redacted(text, [secret]) == shown


@pytest.mark.parametrize(("times", "found"), [(4, True), (5, False)])
def test_four_encodings_are_undone(times: int, found: bool) -> None:
    """What was encoded more often is not read by anybody."""
    text = percent("AKIAIOSFODNN7EXAMPLE")
    for _ in range(times - 1):
        text = quote(text)
    assert redacted(text) == (WITHHELD if found else text)
    assert holds_secret(text) is found


@pytest.mark.parametrize("glued", ["", "x", "xy", "xyz"])
@pytest.mark.parametrize("secret", SHAPES)
def test_base64_begins_anywhere(secret: str, glued: str) -> None:
    for end in ("", "!", "!!"):
        written = glued + base64.b64encode(f"{secret} {end}".encode()).decode().rstrip("=")
        assert redacted(f"a {written} b") == WITHHELD


def test_the_words_around_a_plain_secret_stay() -> None:
    assert presentable("The request has an invalid token : Atzr%7CIwEB%2Fa") == "The request has an invalid token : ***"
    assert presentable("sent Bearer abcdefgh12345678 twice") == "sent *** twice"
    assert redacted(percent(SHAPES[0])) == WITHHELD


@pytest.mark.parametrize(
    "words",
    [
        "Access to requested resource is denied.",
        "Invalid reportId 54517018502 of A3TH9S8BH6GOGM [request 1e1a0c5e-9a3c-4b7a-8b59-0a9b1e9b2a11]",
        "amzn1.application-oa2-client.0123456789abcdef0123456789abcdef is unknown",
        "arn:aws:sqs:us-east-1:111122223333:NotificationsQueue",
        "Report type GET_MERCHANT_LISTINGS_ALL_DATA does not support reportOptions",
        "At least|one of a|b",
    ],
)
def test_other_words_are_shown(words: str) -> None:
    assert presentable(words) == words
    assert not holds_secret(words)


@given(st.text(max_size=300), st.lists(st.text(max_size=20), max_size=2))
def test_any_text_gives_a_text_that_can_be_logged(words: str, secrets: list[str]) -> None:
    shown = presentable(words, secrets)
    shown.encode()
    assert all(letter.isprintable() for letter in shown)


def test_what_would_show_another_text_is_left_out() -> None:
    assert presentable("a\u202eb\x00c\ud800d\u200be") == "a b c d e"


@given(st.from_regex(r"[0-9a-f-]{1,200}", fullmatch=True) | st.from_regex(r"[A-Za-z0-9_-]{1,15}", fullmatch=True))
def test_an_id_that_is_not_searched_has_no_secret(words: str) -> None:
    assert redacted(words) == words
    assert not holds_secret(words)


# How the shapes begin that are found in decoded text.
BEGINNINGS = ("Atz", "Ata", "Atc", "amzn1", "X-Amz-", "Bearer", "bearer", "eyJ", "AKIA", "ASIA")


@pytest.mark.parametrize("beginning", BEGINNINGS)
@pytest.mark.parametrize("before", range(3))
def test_hexadecimal_digits_are_not_the_base64_of_a_secret(beginning: str, before: int) -> None:
    """Whatever comes before and after it, a letter of its base64 is none of them."""
    first = (8 * before + 5) // 6
    last = 8 * (before + len(beginning)) // 6
    whole = base64.urlsafe_b64encode(b"\0" * before + beginning.encode() + b"\0" * 3).decode()[first:last]
    assert not set(whole) <= set("0123456789abcdef-")


@pytest.mark.parametrize("secret", SHAPES)
def test_an_id_with_a_secret_is_none(secret: str) -> None:
    assert holds_secret(secret)
    assert holds_secret(base64.b64encode(secret.encode()).decode())
