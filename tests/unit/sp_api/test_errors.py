"""Answers that are no results become typed errors with words that are safe to log."""

import json
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st
from urllib3 import HTTPHeaderDict

from sp_api import errors
from sp_api.errors import (
    AccessDeniedError,
    ClientSecretExpiredError,
    ConflictError,
    InvalidInputError,
    NotFoundError,
    PermanentError,
    SellingPartnerApiError,
    ThrottledError,
    TransientError,
    error_for,
    presentable,
    read_error_list,
)

HTML = b"<html><head><title>502 Bad Gateway</title></head><body>x-amz-access-token: Atza|echoed</body></html>"


def error_of(status: int, body: bytes = b"", **headers: str) -> SellingPartnerApiError:
    given_headers = HTTPHeaderDict({name.replace("_", "-"): value for name, value in headers.items()})
    return error_for("getReport", status, given_headers, body, retry_after=0.5)


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (302, PermanentError),
        (400, InvalidInputError),
        (401, AccessDeniedError),
        (403, AccessDeniedError),
        (404, NotFoundError),
        (408, TransientError),
        (409, ConflictError),
        (413, PermanentError),
        (415, PermanentError),
        (429, ThrottledError),
        (499, PermanentError),
        (500, TransientError),
        (503, TransientError),
        (504, TransientError),
    ],
)
def test_status_gives_the_class(status: int, kind: type[SellingPartnerApiError]) -> None:
    error = error_of(status, b'{"errors":[{"code":"SomeCode","message":"Some words.","details":"More."}]}')
    assert type(error) is kind
    assert (error.status, error.code, error.message, error.details) == (status, "SomeCode", "Some words.", "More.")


def test_the_text_holds_operation_status_code_message_details_and_request_id() -> None:
    body = b'{"errors":[{"code":"InvalidInput","message":"Invalid reportId","details":"nonsense"}]}'
    error = error_of(400, body, x_amzn_RequestId="1e1a0c5e")
    assert str(error) == "getReport: HTTP 400 InvalidInput: Invalid reportId (nonsense) [request 1e1a0c5e]"
    assert error.request_id == "1e1a0c5e"


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b'{"errors":[{"code":"A","message":"B","details":"C"},{"code":"D","message":"E"}]}', ("A", "B", "C")),
        (b'{"errors":[{"message":"B","code":"A","details":null}]}', ("A", "B", "")),
        (b'[{"code":"A","message":"B"}]', ("A", "B", "")),
        (b'{"code":"A","message":"B"}', ("A", "B", "")),
        (b'{"message":"Forbidden"}', ("", "Forbidden", "")),
        (b'{"Message":"User is not authorized"}', ("", "User is not authorized", "")),
        (b'{"errors":[{"code":400,"message":{"deep":1}}]}', ("400", '{"deep": 1}', "")),
        (b'{"errors":[]}', ("", "", "")),
        (b'{"errors":["words"]}', ("", "", "")),
        (b'{"errors":["words",{"code":"A","message":"B"}]}', ("A", "B", "")),
        (b'{"errors":{"code":"A"},"code":"B"}', ("B", "", "")),
        (b"{}", ("", "", "")),
        (b"null", ("", "", "")),
        (b"", ("", "", "")),
        (HTML, ("", "", "")),
        (b"\xff\xfe\x00", ("", "", "")),
        (b"[" * 100_000, ("", "", "")),
    ],
)
def test_error_bodies_of_every_shape(body: bytes, expected: tuple[str, str, str]) -> None:
    assert read_error_list(body) == expected


@pytest.mark.parametrize(
    ("status", "code", "message", "kind"),
    [
        (400, "QuotaExceeded", "You exceeded your quota for the requested resource.", ThrottledError),
        (403, "QuotaExceeded", "You exceeded your quota for the requested resource.", ThrottledError),
        (400, "Unauthorized", "Access denied.", AccessDeniedError),
        (400, "InvalidInput", "The application is not authorized for this resource.", AccessDeniedError),
        (400, "InvalidInput", "marketplaceIds is missing.", InvalidInputError),
        (404, "Unauthorized", "Access denied.", NotFoundError),
        (400, "Unauthorized", "The client secret has expired.", AccessDeniedError),
        (401, "Unauthorized", "The client secret has expired.", ClientSecretExpiredError),
        (403, "Unauthorized", "The client secret has expired.", ClientSecretExpiredError),
        (404, "Unauthorized", "The client secret has expired.", NotFoundError),
    ],
)
def test_the_words_of_a_refusal_go_before_its_status(
    status: int, code: str, message: str, kind: type[SellingPartnerApiError]
) -> None:
    body = json.dumps({"errors": [{"code": code, "message": message}]}).encode()
    error = error_of(status, body)
    assert type(error) is kind
    assert (error.status, error.code) == (status, code)


@pytest.mark.parametrize("body", [HTML, b"", b"nonsense", b"\x00\xff"])
def test_a_body_without_errors_is_described_and_not_quoted(body: bytes) -> None:
    error = error_of(502, body, content_type="text/html")
    assert isinstance(error, TransientError)
    assert error.message == f"no error list in the answer (text/html, {len(body)} bytes)"
    assert "Atza" not in str(error)


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (error_of(502), "getReport: HTTP 502: no error list in the answer (no content type, 0 bytes)"),
        (SellingPartnerApiError("getReport"), "getReport"),
        (SellingPartnerApiError("getReport", message="Words."), "getReport: Words."),
        (SellingPartnerApiError("getReport", code="Code", details="More."), "getReport: Code (More.)"),
    ],
)
def test_what_is_unknown_leaves_no_gap_in_the_text(error: SellingPartnerApiError, text: str) -> None:
    assert str(error) == text


@pytest.mark.parametrize("depth", range(sys.getrecursionlimit() - 100, sys.getrecursionlimit()))
def test_a_message_of_any_depth_gives_three_texts(depth: int) -> None:
    """Python reads some that it cannot write."""
    body = b'{"code":"A","message":' + b"[" * depth + b"]" * depth + b"}"
    assert [type(part) for part in read_error_list(body)] == [str, str, str]


def test_the_error_type_header_stands_in_for_a_missing_code() -> None:
    error = error_of(403, b'{"message":"no"}', x_amzn_ErrorType="MissingAuthenticationTokenException:http://internal/")
    assert error.code == "MissingAuthenticationTokenException"


def test_throttled_carries_the_wait() -> None:
    error = error_of(429, b'{"errors":[{"code":"QuotaExceeded","message":"You exceeded your quota."}]}')
    assert isinstance(error, ThrottledError)
    assert error.retry_after == 0.5
    assert ThrottledError("getReport", retry_after=1).status == 429


def test_an_expired_client_secret_is_tried_again_a_minute_later() -> None:
    assert ClientSecretExpiredError("getReport").retry_after == 60


def test_a_failure_is_of_no_unknown_outcome_unless_it_is_said() -> None:
    error = error_of(503)
    assert isinstance(error, TransientError)
    assert not error.outcome_unknown
    assert not TransientError("getReport").outcome_unknown


@given(st.integers(300, 599), st.binary(max_size=300) | st.text(max_size=100).map(str.encode))
def test_any_body_gives_an_error(status: int, body: bytes) -> None:
    error = error_of(status, body)
    assert error.status == status
    assert str(error).startswith(f"getReport: HTTP {status}")
    assert "\n" not in str(error)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(["errors", "code", "message", "details", "x"]), inner, max_size=4)
    ),
    max_leaves=20,
)


@given(JSON)
def test_any_json_gives_three_texts(document: object) -> None:
    assert all(isinstance(part, str) for part in read_error_list(json.dumps(document).encode()))


@given(st.text(max_size=3000), st.text("abcdefghijklmnopqrstuvwxyzABC0123456789-_", min_size=8, max_size=60))
def test_no_token_and_no_given_secret_gets_through(words: str, secret: str) -> None:
    for token in (
        f"Atza|{secret}",
        f"Atzr|{secret}",
        f"Atc|{secret}",
        f"Atz.sprdt|{secret}",
        f"amzn1.oa2-cs.v1.{secret}",
        f"https://host/?X-Amz-Signature={secret}&X-Amz-Expires=300",
        f"X-Amz-Security-Token={secret}",
    ):
        assert secret not in presentable(f"{token} {words.replace(secret, '')}")
    assert secret not in presentable(f"{words}{secret}{words}", [secret])


@given(st.text(max_size=5000))
def test_a_message_is_one_line_of_bounded_length(words: str) -> None:
    shown = presentable(words)
    assert len(shown) <= 1003
    assert len(shown.splitlines()) <= 1


def test_the_longest_message() -> None:
    assert presentable("x" * 1000) == "x" * 1000
    assert presentable("x" * 1001) == "x" * 1000 + "..."


def test_of_a_text_of_megabytes_only_the_start_is_read() -> None:
    start = " " * 63_999
    assert presentable(f"{start}ab") == "a"
    assert presentable(start + "b" * 5_000_000) == "b"


def test_class_names_are_those_that_state_machines_match() -> None:
    permanent = {kind.__name__ for kind in PermanentError.__subclasses__()}
    assert permanent == {
        "AccessDeniedError",
        "AuthorizationError",
        "ConflictError",
        "InvalidInputError",
        "NotFoundError",
        "SolicitationAlreadySentError",
        "SolicitationWindowError",
    }
    assert errors.__doc__ is not None
    assert all(name in errors.__doc__ for name in permanent)
