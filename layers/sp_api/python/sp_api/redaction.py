"""Removes tokens, secrets and keys from text of other systems, whatever encoding they are in.

Two passes. The first replaces what is written plainly or with an encoded separator, and keeps the words around it. The
second decodes what is left (percent, HTML, JSON and base64 encoding, white space inside) and withholds the whole text
when a secret shows up.
"""

import base64
import html
import re
from collections.abc import Iterable, Iterator
from urllib.parse import unquote

_BAR = r"(?:\||%(?:25)*7[Cc]|\\u007[Cc]|&#0*124;|&#[xX]0*7[Cc];|&(?:vert|verbar|VerticalLine);)"
# The rest of a token that was broken into lines, or has white space inside.
_REST = r"(?:[\r\n]+[ \t]*[\w/+=.-]+|\s+(?=\S*[0-9/+=])[\w/+=.-]{4,})*"
# LWA's tokens and restricted data tokens, client secrets, what authorizes a presigned URL, bearer tokens (RFC 6750),
# JSON web tokens (RFC 7519) and the ids of AWS access keys (IAM User Guide, "IAM identifiers").
_SHAPES = re.compile(
    rf"At[a-z][A-Za-z.]{{0,20}}{_BAR}\s*[^\s\"'&<>]+{_REST}"
    rf"|amzn1\.oa2-cs\.(?:v[0-9]+\.\s*)?[\w.-]*{_REST}"
    r"|(?<=X-Amz-)(?:Signature|Security-Token|Credential)(?:=|%3D)[^\s&\"'<>]+"
    r"|[Bb]earer\s+[\w.~+/\\=%|-]{8,}"
    r"|\beyJ[\w-]{10,}\.[\w-]{10,}\.[\w-]*"
    r"|(?<![A-Z0-9])A[KS]IA[A-Z0-9]{16}(?![A-Z0-9])"
)
# The shapes that white space cannot hide: no words give them when they are joined.
_JOINED = re.compile(r"At(?:za|zr|c|z\.sprdt)\|\S{8}|amzn1\.oa2-cs\.")
_HIDDEN = "***"
WITHHELD = "(not shown, because it contains a secret)"
_JSON_ESCAPE = re.compile(r"\\u([0-9A-Fa-f]{4})")
_BASE64 = re.compile(r"[A-Za-z0-9+/_-]{16,}")
# Ids in which no secret can be: too short for one, or hexadecimal digits, of which no shape is made in base64 either.
_PLAIN_ID = re.compile(r"[A-Za-z0-9_-]{1,15}|[0-9a-f-]+")
# What was encoded more often than this is not read by anybody.
_MOST_ENCODINGS = 4
# A shorter value, such as an empty one, would match everywhere.
_SHORTEST_SECRET = 6


def redacted(text: str, secrets: Iterable[str] = ()) -> str:
    """The text without secrets: those given, and everything that has the shape of one."""
    given = [secret for secret in secrets if secret]
    for secret in given:
        text = text.replace(secret, _HIDDEN)
    values = [_without_space(secret) for secret in given if len(secret) >= _SHORTEST_SECRET]
    if values and any(value in _without_space(form) for form in _forms(text) for value in values):
        return WITHHELD
    text = _SHAPES.sub(_HIDDEN, text)
    return WITHHELD if any(map(_shows_a_secret, _forms(text))) else text


def holds_secret(text: str) -> bool:
    """Whether a part of the text has the shape of a secret, in any encoding. Such a text is no id and not logged."""
    return _PLAIN_ID.fullmatch(text) is None and redacted(text) != text


def _shows_a_secret(form: str) -> bool:
    form = form.replace(_HIDDEN, " ")
    return _SHAPES.search(form) is not None or _JOINED.search(_without_space(form)) is not None


def _forms(text: str) -> Iterator[str]:
    """The text, decoded once, twice, and so on, and what its base64 holds."""
    for _ in range(_MOST_ENCODINGS):
        yield text
        yield from _base64_contents(text)
        decoded = _decoded(text)
        if decoded == text:
            return
        text = decoded
    yield text


def _decoded(text: str) -> str:
    unescaped = _JSON_ESCAPE.sub(lambda match: chr(int(match.group(1), 16)), text)
    plain = re.sub(r"\\[nrt]", " ", unescaped).replace("\\", "")
    return html.unescape(unquote(plain))


def _base64_contents(text: str) -> Iterator[str]:
    """What each run of base64 holds, from each of the four places where its first group may begin."""
    for run in {*_BASE64.findall(text), *_BASE64.findall(_without_space(text))}:
        for start in range(4):
            piece = run[start:].replace("-", "+").replace("_", "/")
            if len(piece) % 4 != 1:
                yield base64.b64decode(piece + "=" * (-len(piece) % 4)).decode("latin-1")


def _without_space(text: str) -> str:
    return "".join(text.split())
