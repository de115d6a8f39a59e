"""Recognizes which credential of an SP-API application a text is, because they are easily mistaken for each other.

A value that is certainly not a refresh token is recognized by the prefixes of LWA's tokens, and of the developer
console's ids and secrets. Any other value may be one: LWA does not publish the form of its refresh tokens.
"""

import re

# The value of spapi_oauth_code: letters and digits alone. LWA's tokens have a bar.
_AUTHORIZATION_CODE = re.compile(r"[A-Za-z0-9]{16,32}")
# Client secrets from before "amzn1.oa2-cs" are 64 hexadecimal digits; so is no token of LWA.
_OLD_CLIENT_SECRET = re.compile(r"[0-9a-f]{64}")
_BY_PREFIX = (
    ("Atza|", "an access token"),
    ("Atc|", "an access token of a grantless operation"),
    ("Atz.sprdt|", "a restricted data token"),
    # "Atzr|" in Base64, whatever follows.
    ("QXR6cn", "a Base64-encoded token: decode it"),
    ("amzn1.oa2-cs.", "a client secret"),
    ("amzn1.application-oa2-client.", "a client id"),
    ("amzn1.sellerapps.app.", "an application id"),
    ("amzn1.sp.solution.", "an application id"),
    ("arn:", "an ARN"),
    ("AKIA", "the id of an AWS access key"),
    ("ASIA", "the id of an AWS access key"),
    ("http:", "a URL"),
    ("https:", "a URL"),
    ("{", "JSON"),
)


def unlike_a_refresh_token(text: str) -> str | None:
    """What the text seems to be instead ("an access token"); None when it may be a refresh token."""
    if len(text) > 1 and (text[0] in "\"'`" or text[-1] in "\"'`"):
        return "a token in quotes: remove them"
    if re.search("%(25)*7C", text, re.IGNORECASE):
        return "a URL-encoded token: decode it"
    if re.search(r"\\u007c|&#124;|&#x7c;|&vert;|&verbar;", text, re.IGNORECASE):
        return "a token with its bar escaped: decode it"
    if re.match(r"bearer\b|refresh_?token\b", text, re.IGNORECASE):
        return "more than the token: remove what is before it"
    found = next((kind for prefix, kind in _BY_PREFIX if text.startswith(prefix)), None)
    if found is None and "Atzr|" in text[1:]:
        return "more than the token: remove what is before it"
    if found is None and _OLD_CLIENT_SECRET.fullmatch(text):
        return "a client secret"
    if found is None and _AUTHORIZATION_CODE.fullmatch(text):
        return "an authorization code (spapi_oauth_code): exchange it at Login with Amazon"
    return found
