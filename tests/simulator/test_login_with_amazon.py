"""Login with Amazon: the three grants, the refusals, and what an access token opens."""

from __future__ import annotations

import json

import pytest
import urllib3

from tests.simulator.support import (
    CLIENT_ID,
    CLIENT_SECRET,
    DESTINATIONS,
    NOTIFICATIONS_SCOPE,
    REPORTS,
    ROTATION_SCOPE,
    Simulator,
)

LIST = f"{REPORTS}?reportTypes=GET_MERCHANT_LISTINGS_ALL_DATA"
DENIED = "Access to requested resource is denied."
INVALID_GRANT = (
    "The request has an invalid grant parameter : refresh_token. User may have revoked or didn't grant the permission."
)


def test_refresh_token_grant(simulator: Simulator) -> None:
    refresh_token = simulator.control("POST", "/sellers", {"sellerId": "A1"})["refreshToken"]
    answer = simulator.token(grant_type="refresh_token", refresh_token=refresh_token)
    assert answer.keys() == {"access_token", "refresh_token", "token_type", "expires_in"}
    assert answer["access_token"].startswith("Atza|")
    assert answer["refresh_token"] == refresh_token
    assert (answer["token_type"], answer["expires_in"]) == ("bearer", 3600)


def test_client_credentials_grant_has_no_refresh_token(simulator: Simulator) -> None:
    answer = simulator.token(grant_type="client_credentials", scope=NOTIFICATIONS_SCOPE)
    assert answer.keys() == {"access_token", "token_type", "expires_in"}


def test_a_code_whose_answer_is_lost_is_used_up(simulator: Simulator) -> None:
    simulator.seller("A1")
    code = simulator.control("POST", "/sellers/A1/authorization-code")["authorizationCode"]
    fields = {"grant_type": "authorization_code", "code": code, "redirect_uri": "https://example.com/callback"}
    simulator.control("POST", "/faults", {"fault": "lose", "operation": "getAccessToken"})
    with pytest.raises(urllib3.exceptions.ProtocolError):
        simulator.token(**fields)
    assert simulator.token(400, **fields)["error"] == "invalid_grant"


def test_authorization_code_grant_is_good_once(simulator: Simulator) -> None:
    simulator.seller("A1")
    code = simulator.control("POST", "/sellers/A1/authorization-code")["authorizationCode"]
    fields = {"grant_type": "authorization_code", "code": code, "redirect_uri": "https://example.com/callback"}
    granted = simulator.token(**fields)
    renewed = simulator.token(grant_type="refresh_token", refresh_token=granted["refresh_token"])
    simulator.call("GET", LIST, renewed["access_token"], status=200)
    assert simulator.token(400, **fields) == {
        "error": "invalid_grant",
        "error_description": "The request has an invalid grant parameter : code",
    }


def test_authorization_code_ends_after_five_minutes(simulator: Simulator) -> None:
    simulator.seller("A1")
    code = simulator.control("POST", "/sellers/A1/authorization-code")["authorizationCode"]
    simulator.control("PUT", "/clock", {"advanceSeconds": 300})
    assert simulator.token(400, grant_type="authorization_code", code=code)["error"] == "invalid_grant"


def test_json_is_taken_as_well_as_a_form(simulator: Simulator) -> None:
    body = {"grant_type": "client_credentials", "scope": NOTIFICATIONS_SCOPE}
    body |= {"client_id": CLIENT_ID, "client_secret": CLIENT_SECRET}
    headers = {"Content-Type": "application/json; charset=utf-8"}
    answer = simulator.fetch("POST", f"{simulator.address}/auth/o2/token", headers, json.dumps(body).encode())
    assert answer.status == 200
    assert simulator.fetch("POST", f"{simulator.address}/auth/o2/token", headers, b"{").status == 400


@pytest.mark.parametrize(
    ("fields", "status", "error", "description"),
    [
        ({"grant_type": "refresh_token", "refresh_token": "Atzr|unknown"}, 400, "invalid_grant", INVALID_GRANT),
        (
            {"grant_type": "refresh_token"},
            400,
            "invalid_request",
            "The request is missing a required parameter : refresh_token",
        ),
        ({}, 400, "invalid_request", "The request is missing a required parameter : grant_type"),
        (
            {"grant_type": "password"},
            400,
            "unsupported_grant_type",
            "The authorization grant type is not supported by the authorization server",
        ),
        (
            {"grant_type": "client_credentials", "scope": "sellingpartnerapi::migration"},
            400,
            "invalid_scope",
            "The request has an invalid parameter : scope",
        ),
        (
            {"grant_type": "client_credentials", "scope": NOTIFICATIONS_SCOPE, "client_secret": "wrong"},
            401,
            "invalid_client",
            "Client authentication failed",
        ),
        (
            {"grant_type": "client_credentials", "scope": NOTIFICATIONS_SCOPE, "client_id": "unknown"},
            401,
            "invalid_client",
            "Client authentication failed",
        ),
    ],
)
def test_refusals(simulator: Simulator, fields: dict[str, str], status: int, error: str, description: str) -> None:
    assert simulator.token(status, **fields) == {"error": error, "error_description": description}


def test_a_refresh_token_is_bound_to_its_application(simulator: Simulator) -> None:
    other = simulator.control("POST", "/applications")
    refresh_token = simulator.control("POST", "/sellers", {"clientId": other["clientId"]})["refreshToken"]
    fields = {"grant_type": "refresh_token", "refresh_token": refresh_token}
    assert simulator.token(400, **fields)["error"] == "invalid_grant"
    simulator.token(client_id=other["clientId"], client_secret=other["clientSecret"], **fields)


def test_revoked_and_authorized_again(simulator: Simulator) -> None:
    refresh_token = simulator.control("POST", "/sellers", {"sellerId": "A1"})["refreshToken"]
    access_token = simulator.token(grant_type="refresh_token", refresh_token=refresh_token)["access_token"]
    simulator.control("POST", "/sellers/A1/revoke")
    assert simulator.token(400, grant_type="refresh_token", refresh_token=refresh_token)["error"] == "invalid_grant"
    answer = simulator.call("GET", LIST, access_token, status=403)
    assert answer.error == ("Unauthorized", DENIED, "The access token you provided is revoked, malformed or invalid.")
    renewed = simulator.control("POST", "/sellers/A1/authorize")["refreshToken"]
    simulator.token(grant_type="refresh_token", refresh_token=renewed)


def test_missing_and_expired_access_tokens(simulator: Simulator) -> None:
    answer = simulator.call("GET", LIST, status=403)
    assert answer.error == ("Unauthorized", DENIED, "Access token is missing in the request header.")
    token = simulator.seller()
    simulator.control("PUT", "/clock", {"advanceSeconds": 3599})
    simulator.call("GET", LIST, token, status=200)
    simulator.control("PUT", "/clock", {"advanceSeconds": 1})
    answer = simulator.call("GET", LIST, token, status=403)
    assert answer.error == ("Unauthorized", DENIED, "The access token you provided has expired.")


def test_grantless_operations_refuse_a_sellers_token_and_the_other_way_round(simulator: Simulator) -> None:
    simulator.call("GET", DESTINATIONS, simulator.seller(), status=403)
    simulator.call("GET", LIST, simulator.grantless(), status=403)
    simulator.call("GET", DESTINATIONS, simulator.grantless(ROTATION_SCOPE), status=403)
    simulator.call("GET", DESTINATIONS, simulator.grantless(), status=200)


def test_a_seller_is_unknown_in_other_regions(simulator: Simulator) -> None:
    token = simulator.seller(regions=["EU"])
    assert simulator.call("GET", LIST, token, endpoint="na", status=403).error == ("Unauthorized", DENIED, "")
    simulator.call("GET", LIST, token, endpoint="eu", status=200)


@pytest.mark.parametrize(("method", "path"), [("GET", "/reports/2021-06-30/nothing"), ("PUT", REPORTS), ("GET", "/")])
def test_no_such_route(simulator: Simulator, method: str, path: str) -> None:
    answer = simulator.call(method, path, simulator.seller(), status=403)
    assert answer.error[0] == "MissingAuthenticationToken"
    assert answer.headers["x-amzn-errortype"] == "MissingAuthenticationTokenException"


def test_user_agent_of_more_than_500_characters_is_refused(simulator: Simulator) -> None:
    token = simulator.seller()
    simulator.call("GET", LIST, token, headers={"user-agent": "a" * 500}, status=200)
    simulator.call("GET", LIST, token, headers={"user-agent": "a" * 501}, status=400)
