"""Data of others is shown without secrets, whatever it is."""

import base64
import json

import pytest

from operations.console.cleaning import clean

TOKEN = "Atzr|IwEBIexampleexampleexample"


@pytest.mark.parametrize(
    "text",
    [
        TOKEN,
        json.dumps({"refresh": TOKEN}),
        json.dumps({"Body": json.dumps({"clientSecret": "plain words"})}),
        json.dumps({"TaskToken": "AQC8AAAAKgAAAAM", "deep": [{"NewClientSecret": "plain words"}]}),
        "https://bucket.example/key?X-Amz-Signature=abcdef0123&X-Amz-Security-Token=IQoJb3",
        base64.b64encode(TOKEN.encode()).decode(),
        TOKEN.replace("|", "%7C"),
    ],
)
def test_a_secret_is_hidden(text: str) -> None:
    shown = clean(text)
    for secret in (TOKEN, "IwEBIexample", "plain words", "AQC8", "abcdef0123", "IQoJb3"):
        assert secret not in shown


def test_what_only_sounds_like_a_secret_is_shown() -> None:
    fields = {
        "ClientToken": "my-own-id",
        "secretArn": "arn:aws:secretsmanager:us-east-1:1:secret:S",
        "tokenExpires": "2026",
        "NotificationType": "APPLICATION_OAUTH_CLIENT_NEW_SECRET",
        "tokens": 3,
    }
    assert json.loads(clean(json.dumps(fields))) == fields


def test_json_is_indented_and_other_text_is_unchanged() -> None:
    assert clean('{"a":[1,"ü"]}') == '{\n  "a": [\n    1,\n    "ü"\n  ]\n}'
    assert clean("no {JSON}") == "no {JSON}"
    assert clean("3") == "3"


def test_a_long_text_is_cut_without_leaving_half_a_secret() -> None:
    shown = clean("x " * 2000 + TOKEN, 4005)
    assert shown.endswith(f"… ({4000 + len(TOKEN):,} characters)")
    assert "IwEB" not in shown


def test_a_text_that_is_nested_too_deeply_is_not_shown() -> None:
    for depth in (400, 900, 100_000):
        assert len(clean('{"a":' * depth + "1" + "}" * depth)) < 10_000
