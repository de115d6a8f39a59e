"""Finds a secret in a text: in plain, or encoded as URLs, JSON, HTML and base64 encode it, also twice."""

import base64
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from html.entities import codepoint2name
from urllib.parse import quote

# A shorter part of a secret occurs by accident.
_SHORTEST = 8


@dataclass(frozen=True)
class Secret:
    """A value that only its owner and the service that it is for may see. `kind` names it in a failure."""

    kind: str
    value: str

    def form_in(self, text: str) -> str:
        """The form in which the text has the secret: "plain or escaped", "base64" or nothing."""
        for form, run, pattern in self._forms:
            if run in text and pattern.search(text):
                return form
        return ""

    @cached_property
    def _forms(self) -> list[tuple[str, str, re.Pattern[str]]]:
        """Each form with a part that every encoding leaves as it is, which is quick to search for."""
        forms = [("plain or escaped", self.value)]
        # The credentials of Basic authentication, for one, encode a URL-encoded secret.
        for value in dict.fromkeys((self.value, quote(self.value, safe=""))):
            forms += [("base64", core) for core in _base64_cores(value.encode())]
        return [(form, _longest_run(text), _pattern(text, urlsafe=form == "base64")) for form, text in forms]


def _base64_cores(value: bytes) -> Iterator[str]:
    """What base64 makes of the value after 0, 1 and 2 other bytes, without what depends on its neighbours."""
    for before in range(3):
        encoded = base64.b64encode(b"\0" * before + value).decode().rstrip("=")
        first = (before * 8 + 5) // 6
        last = (before + len(value)) * 8 // 6
        core = encoded[first:last]
        if len(core) >= _SHORTEST:
            yield core


def _longest_run(text: str) -> str:
    return max(re.findall(r"[A-Za-z0-9]+", text), key=len, default=text)


def _pattern(text: str, *, urlsafe: bool) -> re.Pattern[str]:
    """The text with each of its characters in any encoding. Letters and digits are never encoded."""
    return re.compile("".join(_any_form(character, urlsafe=urlsafe) for character in text))


def _any_form(character: str, *, urlsafe: bool) -> str:
    if character.isascii() and character.isalnum():
        return character
    if urlsafe and character in "+/":
        other = {"+": "-", "/": "_"}[character]
        return f"(?:{other}|{_any_form(character, urlsafe=False)})"
    code = ord(character)
    # `%25` and `&amp;` are what a second encoding makes of the first one; further ones are in the repetition.
    percent = "".join(f"%(?:25)*(?i:{byte:02x})" for byte in character.encode())
    html = rf"&(?:amp;)*(?:#0*{code};|#[xX]0*(?i:{code:x});"
    html += rf"|{codepoint2name[code]};)" if code in codepoint2name else ")"
    json = rf"\\+u(?i:{code:04x})"
    return rf"(?:\\*{re.escape(character)}|{percent}|{json}|{html})"
