"""The search for secrets: each encoding is found, and other values are not."""

import base64
import html
import json
from collections.abc import Callable
from urllib.parse import quote, quote_plus, urlencode

import pytest

from tests.secret_forms import Secret

VALUES = (
    "Atzr|IwEBIHq-mGwaKJ_abcdefghij",
    "simulator-client-secret",
    "a/b+c==/wJalrXUtnFEMI/K7MDENG",
    'quote"back\\slash<tag>&',
    "schlüssel-für-alle",
)


def _base64(shift: int, encode: Callable[[bytes], bytes] = base64.b64encode) -> Callable[[str], str]:
    return lambda value: encode(b"x" * shift + value.encode() + b"yz").decode()


FORMS: dict[str, Callable[[str], str]] = {
    "plain": lambda value: value,
    "URL": lambda value: quote(value, safe=""),
    "URL in lower case": lambda value: quote(value, safe="").replace("%7C", "%7c"),
    "URL with slashes": quote,
    "URL twice": lambda value: quote(quote(value, safe=""), safe=""),
    "form": lambda value: urlencode({"token": value}),
    "plus": quote_plus,
    "JSON": json.dumps,
    "JSON twice": lambda value: json.dumps(json.dumps(value)),
    "JSON three times": lambda value: json.dumps(json.dumps(json.dumps(value))),
    "JSON without ASCII": lambda value: json.dumps(value, ensure_ascii=False),
    "JSON with \\u": lambda value: "".join(c if c.isalnum() and c.isascii() else f"\\u{ord(c):04X}" for c in value),
    "JSON with \\/": lambda value: json.dumps(value).replace("/", "\\/"),
    "HTML": html.escape,
    "HTML by number": lambda value: "".join(c if c.isalnum() and c.isascii() else f"&#{ord(c)};" for c in value),
    "HTML by hexadecimal number": lambda value: "".join(
        c if c.isalnum() and c.isascii() else f"&#x{ord(c):X};" for c in value
    ),
    "HTML twice": lambda value: html.escape(html.escape(value)),
    "URL in JSON": lambda value: json.dumps({"body": f"a=1&token={quote(value)}&b=2"}),
    "base64": _base64(0),
    "base64 after one byte": _base64(1),
    "base64 after two bytes": _base64(2),
    "base64 after three bytes": _base64(3),
    "URL-safe base64": _base64(1, base64.urlsafe_b64encode),
    "base64 in a URL": lambda value: quote(_base64(2)(value), safe=""),
    "base64 of a URL": lambda value: _base64(1)(quote(value, safe="")),
}


@pytest.mark.parametrize("value", VALUES)
@pytest.mark.parametrize("form", FORMS)
def test_a_secret_is_found_in_every_form(form: str, value: str) -> None:
    text = f'{{"before": 1, "x": "{FORMS[form](value)}", "after": 2}}'
    assert Secret("token", value).form_in(text) == ("base64" if "base64" in form else "plain or escaped")


@pytest.mark.parametrize("value", VALUES)
@pytest.mark.parametrize("form", FORMS)
def test_another_value_is_not_a_secret(form: str, value: str) -> None:
    other = value[:-3] + "".join(chr(ord(character) + 1) for character in value[-3:])
    assert not Secret("token", value).form_in(FORMS[form](other))
