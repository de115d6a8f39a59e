"""What the parts ask of Amazon, as they are wired together."""

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from quickstart import callers, clients, settings
from quickstart.application_secret import ApplicationSecret
from quickstart.secret_rotation import wiring
from sp_api.deadline import Deadline
from sp_api.errors import AuthorizationError, InvalidInputError
from sp_api.lwa import ApplicationCredentials
from sp_api.transport import make_http
from tests.unit.quickstart.support import Aws
from tests.unit.sp_api.support import TOKEN_PATH, Answer, ScriptedServer, answer_json, api_of, errors_json

SECRET_PATH = "/eu/applications/2023-11-30/clientSecret"


@pytest.fixture(autouse=True)
def _parts(server: ScriptedServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    api, http = api_of(server), make_http()
    monkeypatch.setattr(callers, "selling_partner_api", lambda: api)
    monkeypatch.setattr(clients, "http", lambda: http)
    for name in ("dynamodb", "secretsmanager"):
        client = Aws().client(name)
        monkeypatch.setattr(clients, name, lambda client=client: client)
    in_use: Any = SimpleNamespace(client_id="client")
    monkeypatch.setattr(ApplicationSecret, "in_use", lambda _: in_use)
    given = {"ROTATION_REGION": "EU", "ROTATE_DAYS_BEFORE": "30", "CLIENT_SECRET_EXPIRES": "2027-05-22"}
    given |= {"APPLICATION_SECRET_ARN": "arn", "SECRET_ROTATION_TABLE": "rotation"}
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    wiring.rotation_table.cache_clear()
    yield
    wiring.rotation_table.cache_clear()


def test_a_new_secret_is_verified_with_a_request_for_an_access_token(server: ScriptedServer) -> None:
    verify = wiring.replacement(Deadline.after(5)).verify
    verify(ApplicationCredentials("client", "new-secret"))
    (request,) = server.token_requests
    assert request.form == {
        "grant_type": "client_credentials",
        "scope": "sellingpartnerapi::notifications",
        "client_id": "client",
        "client_secret": "new-secret",
    }
    server.answer("POST", TOKEN_PATH, answer_json({"error": "invalid_client"}, 401))
    with pytest.raises(AuthorizationError):
        verify(ApplicationCredentials("client", "wrong-secret"))


def test_a_rotation_is_requested_as_the_application_in_its_region(server: ScriptedServer) -> None:
    server.answer("POST", SECRET_PATH, Answer(204), errors_json(400, "InvalidInput", "It is not enrolled."))
    rotator = wiring.rotator(Deadline.after(5))
    rotator.request()
    assert [call.path for call in server.calls] == [SECRET_PATH]
    assert server.token_requests[0].form["scope"] == "sellingpartnerapi::client_credential:rotation"
    with pytest.raises(InvalidInputError):
        rotator.request()


def test_the_settings_of_the_rotation() -> None:
    rotator = wiring.rotator(Deadline.after(5))
    assert rotator.days_before == settings.whole_number("ROTATE_DAYS_BEFORE") == 30
    assert str(rotator.given_expires_at) == "2027-05-22 00:00:00+00:00"
    assert rotator.records.client_id == "client"
    assert (rotator.records.table.name, rotator.replacement.versions.secret.arn) == ("rotation", "arn")
