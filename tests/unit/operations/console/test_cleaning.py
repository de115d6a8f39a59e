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
        json.dumps({"Body": ' \n{"clientSecret": "plain words"}'}),
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


@pytest.mark.parametrize(("length", "shown"), [(8000, "x" * 8000), (8001, "x" * 8000 + "\n… (8,001 characters)")])
def test_8000_characters_are_shown(length: int, shown: str) -> None:
    assert clean("x" * length) == shown


def test_a_long_text_with_a_hidden_secret_is_not_shown_at_all() -> None:
    hidden = base64.b64encode(TOKEN.encode()).decode()
    assert clean("x " * 4000 + hidden) == "(not shown, because it contains a secret)"


def test_a_token_that_the_cut_would_halve_is_hidden_as_a_whole() -> None:
    assert clean("x" * 8 + " " + TOKEN + " y" * 10, 12).startswith("x" * 8 + " ***")


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ({"token": "x", "tokenCount": 3, "password": None}, {"token": "***", "tokenCount": 3, "password": None}),
        ({"a": [{"API_KEY": "x"}, {"api-key": "x", "apikey": "x"}]},
         {"a": [{"API_KEY": "***"}, {"api-key": "***", "apikey": "***"}]}),
        ({"signature": "x", "Authorization": "x", "credentials": "x"},
         {"signature": "***", "Authorization": "***", "credentials": "***"}),
        ({"text": "[not JSON", "list": '["a"]', "number": "7", "secret": {"deep": "x"}},
         {"text": "[not JSON", "list": '["a"]', "number": "7", "secret": {"deep": "x"}}),
        ({"tokenStatus": "x", "secretStarts": "x", "tokenType": "x"},
         {"tokenStatus": "x", "secretStarts": "x", "tokenType": "x"}),
    ],
)  # fmt: skip
def test_texts_in_fields_with_a_secret_s_name_are_hidden(given: object, shown: object) -> None:
    assert json.loads(clean(json.dumps(given))) == shown
    # Also in JSON within JSON.
    inner = json.loads(clean(json.dumps({"Body": json.dumps(given)})))["Body"]
    assert json.loads(inner) == shown


def test_json_within_json_keeps_its_letters() -> None:
    assert "Größe" in clean(json.dumps({"Body": json.dumps({"name": "Größe"})}))


def test_json_that_is_nested_too_deeply_is_refused() -> None:
    assert clean('{"a":' * 900 + "1" + "}" * 900) == "(not shown, because it is nested too deeply)"
