"""Callers of SP-API as the functions get them: from the settings, the stored token and the application's secret."""

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest

from quickstart import VERSION, callers, clients
from quickstart.refusals import RefreshTokenNotAcceptedError
from quickstart.token_vault import SellerUnknownError
from sp_api.deadline import Deadline
from sp_api.errors import AuthorizationError
from sp_api.notifications import get_destinations
from sp_api.regions import Region
from sp_api.reports import get_report
from sp_api.signing import SigningCredentials
from tests.unit.quickstart.support import Aws, AwsError, MemoryTable
from tests.unit.sp_api.support import TOKEN_PATH, ScriptedServer, answer_json, token_json

CURRENT = {"AppClientId": "client", "AppClientSecret": "current", "IssuedAt": "2026-11-21T00:00:00+00:00"}
PREVIOUS = {"AppClientId": "client", "AppClientSecret": "previous"}
SIGNING = {"AccessKeyId": "AKIAEXAMPLE", "SecretKey": "k", "RoleArn": "arn:aws:iam::111122223333:role/sp-api"}
SECRET_ARN, SIGNING_ARN = "arn:application", "arn:signing"
REPORT = {
    "reportId": "7",
    "reportType": "GET_X",
    "createdTime": "2026-11-26T10:00:00Z",
    "processingStatus": "DONE",
}
PARTS = (callers.selling_partners_table, callers.token_vault, callers.selling_partner_api)


class Stack:
    """The stored tokens and secrets of a stack, and Amazon's side on loopback."""

    def __init__(self, server: ScriptedServer, aws: Aws, monkeypatch: pytest.MonkeyPatch) -> None:
        self.server, self.aws = server, aws
        self.sellers = MemoryTable(aws, "SellerId", "Item")
        self.stages: dict[str, Mapping[str, str]] = {"AWSCURRENT": CURRENT}
        aws.answers |= {
            "Encrypt": lambda given: {"CiphertextBlob": given["Plaintext"], "KeyId": given["KeyId"]},
            "Decrypt": lambda given: {"Plaintext": given["CiphertextBlob"]},
            "GetSecretValue": self._secret,
        }
        for name, service in (("dynamodb", "dynamodb"), ("kms", "kms"), ("secretsmanager", "secretsmanager")):
            client = aws.client(service)
            monkeypatch.setattr(clients, name, lambda client=client: client)
        for name, value in (
            ("SELLING_PARTNERS_TABLE", "sellers"),
            ("TOKEN_KEY_ARN", "arn:key"),
            ("APPLICATION_SECRET_ARN", SECRET_ARN),
            ("SP_API_ENDPOINT", server.url + "/{sandbox}{region}"),
            ("LWA_ENDPOINT", server.url + TOKEN_PATH),
            ("SIGNING_SECRET_ARN", ""),
        ):
            monkeypatch.setenv(name, value)
        for sandbox in ("", "sandbox."):
            for region in ("na", "eu"):
                path = f"/{sandbox}{region}/reports/2021-06-30/reports/7"
                server.answer("GET", path, answer_json(REPORT))

    def _secret(self, given: Mapping[str, Any]) -> Mapping[str, Any]:
        if given["SecretId"] == SIGNING_ARN:
            return {"VersionId": "s" * 32, "SecretString": json.dumps(SIGNING)}
        assert given["SecretId"] == SECRET_ARN
        if given["VersionStage"] not in self.stages:
            raise AwsError("ResourceNotFoundException")
        stored = json.dumps(self.stages[given["VersionStage"]])
        return {"VersionId": given["VersionStage"].ljust(32, "0"), "SecretString": stored}

    def asked(self) -> list[tuple[str, str]]:
        """The paths of SP-API's requests, with the refresh token or scope of LWA's request before it."""
        forms = [request.form for request in self.server.token_requests]
        identities = [form.get("refresh_token") or form["scope"] for form in forms]
        return list(zip((call.path for call in self.server.calls), identities, strict=True))


@pytest.fixture
def stack(server: ScriptedServer, aws: Aws, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stack]:
    for part in PARTS:
        part.cache_clear()
    yield Stack(server, aws, monkeypatch)
    for part in PARTS:
        part.cache_clear()


def soon() -> Deadline:
    return Deadline.after(10)


def test_a_seller_calls_with_its_own_token(stack: Stack) -> None:
    callers.token_vault().store("A1", Region.NA, "Atzr|na")
    callers.token_vault().store("A1", Region.EU, "Atzr|eu")
    assert get_report(callers.seller("A1", Region.EU, soon()), "7").report_id == "7"
    assert stack.asked() == [("/eu/reports/2021-06-30/reports/7", "Atzr|eu")]
    (form,) = [request.form for request in stack.server.token_requests]
    assert (form["client_id"], form["client_secret"]) == ("client", "current")
    (call,) = stack.server.calls
    assert call.headers["user-agent"].startswith(f"SellingPartnerApiQuickStart/{VERSION} (Language=Python/")
    assert "authorization" not in call.headers
    # LWA accepts the token, and its connection says so.
    item = stack.sellers.find(SellerId="A1", Item="TOKEN#EU")
    assert item is not None
    assert "WorkedAt" in item
    (encrypted, _) = [given for name, given in stack.aws.calls if name == "Encrypt"]
    assert encrypted["KeyId"] == "arn:key"


def test_the_sandbox_is_an_endpoint_of_its_own(stack: Stack) -> None:
    callers.token_vault().store("A1", Region.NA, "Atzr|na")
    for sandbox in (True, False):
        get_report(callers.seller("A1", Region.NA, soon(), sandbox=sandbox), "7")
    get_report(callers.known_seller("A1", Region.NA, soon(), sandbox=True), "7")
    get_report(callers.known_seller("A1", Region.NA, soon()), "7")
    assert [call.path for call in stack.server.calls] == [
        f"/{host}/reports/2021-06-30/reports/7" for host in ("sandbox.na", "na", "sandbox.na", "na")
    ]


def test_the_token_of_a_removed_seller_is_not_used(stack: Stack) -> None:
    """Not even the access token that a warm function still has."""
    callers.token_vault().store("A1", Region.NA, "Atzr|na")
    get_report(callers.seller("A1", Region.NA, soon()), "7")
    stack.sellers.items.clear()
    with pytest.raises(SellerUnknownError):
        callers.seller("A1", Region.NA, soon())
    get_report(callers.known_seller("A1", Region.NA, soon()), "7")


def test_the_application_calls_without_a_seller(stack: Stack) -> None:
    stack.server.answer("GET", "/na/notifications/v1/destinations", answer_json({"payload": []}))
    assert get_destinations(callers.application(Region.NA, soon())) == ()
    assert stack.asked() == [("/na/notifications/v1/destinations", "sellingpartnerapi::notifications")]


def test_whether_a_seller_is_known(stack: Stack) -> None:
    callers.token_vault().store("A1", Region.FE, "Atzr|fe")
    stack.aws.calls.clear()
    assert callers.seller_known("A1", Region.FE)
    assert stack.aws.operations == ["GetItem"]
    assert callers.seller_known("A1")
    assert not callers.seller_known("A2", Region.FE)


def test_another_version_of_the_secret_is_tried_and_the_alarm_is_told(
    stack: Stack, log_lines: Callable[[], list[dict[str, Any]]], capsys: pytest.CaptureFixture[str]
) -> None:
    stack.stages["AWSPREVIOUS"] = PREVIOUS
    callers.token_vault().store("A1", Region.NA, "Atzr|na")
    refused = answer_json({"error": "invalid_client", "error_description": "no"}, 401)
    stack.server.answer("POST", TOKEN_PATH, refused, token_json())
    get_report(callers.seller("A1", Region.NA, soon()), "7")
    assert stack.server.token_requests[-1].form["client_secret"] == "previous"
    told, tried = [line for line in log_lines() if line["level"] == "ERROR"]
    assert (told["message"], told["secret_arn"]) == (
        "Login with Amazon rejects the client secret in use (invalid_client)",
        SECRET_ARN,
    )
    assert (tried["message"], tried["version_id"]) == (
        "trying another version of the client secret",
        "AWSPREVIOUS".ljust(32, "0"),
    )
    assert '"ClientSecretRefused":[1.0]' in capsys.readouterr().out


@pytest.mark.parametrize("error", ["invalid_grant", "unauthorized_client"])
def test_a_token_that_lwa_does_not_accept(stack: Stack, error: str) -> None:
    stack.server.answer("POST", TOKEN_PATH, answer_json({"error": error, "error_description": "no"}, 400))
    with pytest.raises(RefreshTokenNotAcceptedError, match=rf"\({error}\)"):
        callers.check_refresh_token("Atzr|x", soon())
    assert [request.form["refresh_token"] for request in stack.server.token_requests] == ["Atzr|x"]


def test_another_refusal_of_lwa_says_nothing_about_the_token(stack: Stack) -> None:
    stack.server.answer("POST", TOKEN_PATH, answer_json({"error": "invalid_scope", "error_description": "no"}, 400))
    with pytest.raises(AuthorizationError, match="invalid_scope"):
        callers.check_refresh_token("Atzr|x", soon())


@pytest.mark.usefixtures("stack")
def test_a_stack_that_signs_has_the_credentials_of_its_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    assert callers.selling_partner_api().signer is None
    callers.selling_partner_api.cache_clear()
    monkeypatch.setenv("SIGNING_SECRET_ARN", SIGNING_ARN)
    signer: Any = callers.selling_partner_api().signer
    expected = SigningCredentials("AKIAEXAMPLE", "k", "arn:aws:iam::111122223333:role/sp-api")
    assert signer.credentials(fresh=True) == expected
    assert "AKIAEXAMPLE" not in repr(signer.credentials)


@pytest.mark.usefixtures("stack")
def test_a_warm_function_keeps_its_parts() -> None:
    """Access tokens are kept in the client of LWA, also between SP-API's operations."""
    assert callers.selling_partner_api() is callers.selling_partner_api()
    assert callers.token_vault() is callers.token_vault()
    assert callers.selling_partners_table().name == "sellers"
