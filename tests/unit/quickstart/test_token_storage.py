"""POST /tokens: what is no refresh token is refused as what it seems to be; LWA's refusal keeps the earlier token."""

import importlib.util
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from quickstart import callers
from quickstart.application_secret import ApplicationSecret
from quickstart.remembered import Remembered
from quickstart.token_vault import TokenVault
from sp_api.credentials import unlike_a_refresh_token
from sp_api.regions import Region
from tests.unit.quickstart.support import Aws, Context, MemoryTable
from tests.unit.sp_api.support import REFRESH_TOKEN, ScriptedServer, answer_json, api_of, token_json

HANDLER = Path(__file__).resolve().parents[3] / "functions" / "token_storage" / "app.py"
TOKEN_PATH = "/auth/o2/token"
MISTAKES = {
    "Atzr%7CIwEBIHxq": "URL-encoded",
    "Atzr%257CIwEBIHxq": "URL-encoded",
    '"Atzr|IwEBIHxq"': "quotes",
    "'Atzr|IwEBIHxq'": "quotes",
    "Atza|IwEBIHxq": "an access token",
    "Atc|IwEBIHxq": "grantless",
    "Atz.sprdt|IwEBIHxq": "restricted data token",
    "ANDMxqpCmqWHJeyzdbhH": "authorization code",
    "amzn1.oa2-cs.v1.0123456789abcdef": "client secret",
    "amzn1.application-oa2-client.0123456789abcdef": "client id",
    "amzn1.sp.solution.0123": "application id",
    "Bearer:Atzr|IwEBIHxq": "more than the token",
    "refresh_token=Atzr|IwEBIHxq": "more than the token",
    "https://host/?spapi_oauth_code=x": "URL",
    '{"refresh_token":"Atzr|x"}': "JSON",
    "Atzr\\u007cIwEBIHxq": "escaped",
    "Atzr&#124;IwEBIHxq": "escaped",
    "QXR6cnxJd0VCSUh4cQ==": "Base64",
    "RefreshToken:Atzr|IwEBIHxq": "more than the token",
    "%22Atzr|IwEBIHxq": "more than the token",
    "0123456789abcdef" * 4: "client secret",
    "arn:aws:iam::111122223333:role/x": "an ARN",
}


def handler() -> Any:
    """Every function's handler is in a module named app."""
    spec = importlib.util.spec_from_file_location("token_storage_app", HANDLER)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.handler


class Storage:
    """The handler of POST /tokens, with real clients of AWS that send nothing, and a scripted LWA."""

    def __init__(self, server: ScriptedServer, aws: Aws, monkeypatch: pytest.MonkeyPatch) -> None:
        self.server = server
        self.table = MemoryTable(aws, "SellerId", "Item")
        aws.answers["Encrypt"] = lambda given: {"CiphertextBlob": given["Plaintext"], "KeyId": "key"}
        aws.answers["Decrypt"] = lambda given: {"Plaintext": given["CiphertextBlob"]}
        self.vault = TokenVault(self.table.table, aws.client("kms"), "key")
        monkeypatch.setattr(callers, "token_vault", lambda: self.vault)
        monkeypatch.setattr(callers, "selling_partner_api", lambda: api_of(server))

    def post(self, **fields: Any) -> tuple[int, dict[str, Any]]:
        event = {
            "httpMethod": "POST",
            "resource": "/tokens",
            "isBase64Encoded": False,
            "body": json.dumps({"SellerId": "A1", "RegionCode": "NA", **fields}),
            "requestContext": {"requestId": "request-1"},
        }
        answer = handler()(event, Context())
        return answer["statusCode"], json.loads(answer["body"])

    def stored(self) -> str:
        return self.vault.refresh_token("A1", Region.NA)(fresh=True)


@pytest.fixture
def storage(server: ScriptedServer, aws: Aws, monkeypatch: pytest.MonkeyPatch) -> Storage:
    return Storage(server, aws, monkeypatch)


@pytest.mark.parametrize("mistake", MISTAKES)
def test_what_is_no_refresh_token_is_refused_by_what_it_seems_to_be(storage: Storage, mistake: str) -> None:
    status, body = storage.post(RefreshToken=mistake)
    assert (status, [(error["field"], error["code"]) for error in body["errors"]]) == (
        400,
        [("RefreshToken", "NotARefreshToken")],
    )
    assert MISTAKES[mistake] in body["message"]
    assert "IwEBIHxq" not in json.dumps(body)
    assert "0123456789abcdef" not in json.dumps(body)
    assert storage.table.items == []


def test_an_application_secret_that_cannot_be_read_is_500_and_nothing_is_stored(
    storage: Storage, aws: Aws, monkeypatch: pytest.MonkeyPatch
) -> None:
    aws.answers["GetSecretValue"] = lambda _: {"VersionId": "0" * 32, "SecretString": "no JSON"}
    secret = ApplicationSecret(aws.client("secretsmanager"), "arn")
    api = api_of(storage.server)
    reading = replace(api, lwa=replace(api.lwa, application=Remembered(lambda: secret.in_use().credentials)))
    monkeypatch.setattr(callers, "selling_partner_api", lambda: reading)
    status, body = storage.post(RefreshToken="Atzr|x", Verify=True)
    assert (status, [error["code"] for error in body["errors"]]) == (500, ["SecretUnreadable"])
    assert storage.table.items == []


ESCAPED = "a token with its bar escaped: decode it"
BEFORE = "more than the token: remove what is before it"
CODE = "an authorization code (spapi_oauth_code): exchange it at Login with Amazon"


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        *((f"{mark}Atzr|x{mark}", "a token in quotes: remove them") for mark in "\"'`"),
        ("Atzr|x'", "a token in quotes: remove them"),
        ("'Atzr|x", "a token in quotes: remove them"),
        # One character is no pair of quotes.
        ("'", None),
        ("Atzr%7Cx", "a URL-encoded token: decode it"),
        ("Atzr%25257cx", "a URL-encoded token: decode it"),
        *((f"Atzr{bar}x", ESCAPED) for bar in ("\\u007C", "&#124;", "&#x7C;", "&vert;", "&verbar;")),
        ("Bearer Atzr|x", BEFORE),
        ("refresh_token=Atzr|x", BEFORE),
        ("RefreshToken Atzr|x", BEFORE),
        ("x Atzr|x", BEFORE),
        ("Atza|x", "an access token"),
        ("Atc|x", "an access token of a grantless operation"),
        ("Atz.sprdt|x", "a restricted data token"),
        ("QXR6cnxJd0VC", "a Base64-encoded token: decode it"),
        ("amzn1.oa2-cs.v1.x", "a client secret"),
        ("0" * 64, "a client secret"),
        ("amzn1.application-oa2-client.x", "a client id"),
        ("amzn1.sellerapps.app.x", "an application id"),
        ("amzn1.sp.solution.x", "an application id"),
        ("arn:aws:secretsmanager:us-east-1:1:secret:S", "an ARN"),
        ("AKIAEXAMPLE", "the id of an AWS access key"),
        ("ASIAEXAMPLE", "the id of an AWS access key"),
        ("http://x", "a URL"),
        ("https://x", "a URL"),
        ("{}", "JSON"),
        ("A" * 16, CODE),
        ("A" * 32, CODE),
        ("A" * 15, None),
        ("A" * 33, None),
    ],
)
def test_what_a_text_seems_to_be(text: str, kind: str | None) -> None:
    assert unlike_a_refresh_token(text) == kind


@pytest.mark.parametrize(
    "token", [REFRESH_TOKEN, "Atzr|x", "Atzr|IwEBIHxq/Zf+3Kd8-test==", "Rtn9|unknown-shape", "x" * 64]
)
def test_anything_else_may_be_one(storage: Storage, token: str) -> None:
    assert unlike_a_refresh_token(token) is None
    assert storage.post(RefreshToken=token) == (200, {"sellerId": "A1", "status": "SUCCESS"})
    assert storage.stored() == token
    assert storage.server.token_requests == []


def test_lwa_is_asked_before_a_verified_token_is_stored(storage: Storage) -> None:
    storage.server.answer("POST", TOKEN_PATH, token_json())
    assert storage.post(RefreshToken=REFRESH_TOKEN, Verify=True)[0] == 200
    (asked,) = storage.server.token_requests
    assert asked.form["refresh_token"] == REFRESH_TOKEN
    assert storage.stored() == REFRESH_TOKEN


@pytest.mark.parametrize("error", ["invalid_grant", "unauthorized_client"])
def test_a_token_that_lwa_refuses_never_replaces_a_good_one(storage: Storage, error: str) -> None:
    storage.post(RefreshToken=REFRESH_TOKEN)
    storage.server.answer("POST", TOKEN_PATH, answer_json({"error": error, "error_description": "no"}, 400))
    status, body = storage.post(RefreshToken="Atzr|another", Verify=True)
    assert (status, body["errors"][0]["field"], body["errors"][0]["code"]) == (
        400,
        "RefreshToken",
        "RefreshTokenNotAccepted",
    )
    assert storage.stored() == REFRESH_TOKEN


@pytest.mark.parametrize(
    ("answer", "status"),
    [
        (answer_json({"error": "invalid_client", "error_description": "no"}, 401), 502),
        (answer_json({"error": "slow_down"}, 429), 429),
        (answer_json({}, 500), 502),
    ],
)
def test_without_lwas_answer_nothing_is_stored(storage: Storage, answer: Any, status: int) -> None:
    storage.server.answer("POST", TOKEN_PATH, answer)
    assert storage.post(RefreshToken=REFRESH_TOKEN, Verify=True)[0] == status
    assert storage.table.items == []


@pytest.mark.parametrize("verify", ["True", 1, "yes", {}])
def test_verify_is_a_boolean(storage: Storage, verify: object) -> None:
    status, body = storage.post(RefreshToken=REFRESH_TOKEN, Verify=verify)
    assert (status, body["errors"][0]["field"]) == (400, "Verify")


def test_what_is_stored_is_for_one_region_or_for_every_region(storage: Storage) -> None:
    assert storage.post(RefreshToken=REFRESH_TOKEN)[0] == 200
    assert storage.post(RefreshToken=REFRESH_TOKEN, RegionCode=None)[0] == 200
    assert [(item["SellerId"], item["Item"]) for item in storage.table.items] == [("A1", "TOKEN#NA"), ("A1", "TOKEN#*")]


def test_a_request_with_an_error_stores_nothing(storage: Storage) -> None:
    status, body = storage.post(RefreshToken=REFRESH_TOKEN, Region="NA")
    assert (status, body["errors"][0]["code"]) == (400, "UnknownField")
    assert storage.table.items == []
