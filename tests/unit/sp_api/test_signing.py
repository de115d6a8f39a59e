"""Optional signatures: a role's session signs, and the signature is the one that AWS computes."""

import hashlib
import hmac
import threading
from collections.abc import Callable
from typing import Any
from urllib.parse import quote, urlsplit

import pytest
from botocore.session import Session

from sp_api import reports
from sp_api.deadline import Deadline, DeadlineExceeded
from sp_api.errors import AccessDeniedError, TransientError
from sp_api.regions import Region
from sp_api.reports import CreateReportSpecification, ReportFilter
from sp_api.signing import Signer, SigningCredentials, _Session
from tests.unit.sp_api.support import (
    REFRESH_TOKEN,
    SELLER_ID,
    Answer,
    Received,
    ScriptedServer,
    Stored,
    answer_json,
    api_of,
)
from tests.waiting import SECONDS, until

ROLE_ARN = "arn:aws:iam::111122223333:role/selling-partner"
USER = SigningCredentials("AKIAIOSFODNN7EXAMPLE", "secret-key-of-the-user", ROLE_ARN)
SESSION_KEY = "secret-key-of-the-session"
ASSUMED = (
    "<AssumeRoleResponse><AssumeRoleResult><Credentials><AccessKeyId>ASIAEXAMPLE</AccessKeyId>"
    f"<SecretAccessKey>{SESSION_KEY}</SecretAccessKey><SessionToken>session-token</SessionToken>"
    "<Expiration>2030-01-01T01:00:00Z</Expiration></Credentials></AssumeRoleResult>"
    "<ResponseMetadata><RequestId>r-1</RequestId></ResponseMetadata></AssumeRoleResponse>"
)
# Seconds of the session's last moment.
EXPIRES = 1_893_459_600.0


def sts_answer(status: int, code: str) -> Answer:
    error = f"<Error><Code>{code}</Code><Message>Some words.</Message></Error><RequestId>r-2</RequestId>"
    return Answer(status, f"<ErrorResponse>{error}</ErrorResponse>".encode(), {"Content-Type": "text/xml"})


def hmac_sha256(key: bytes, text: str) -> bytes:
    return hmac.new(key, text.encode(), hashlib.sha256).digest()


def signature(request: Received, address: str, aws_region: str, secret_key: str) -> str:
    """AWS Signature Version 4, written out from its specification."""
    authorization = request.headers["authorization"]
    fields = dict(part.split("=", 1) for part in authorization.removeprefix("AWS4-HMAC-SHA256 ").split(", "))
    signed = fields["SignedHeaders"].split(";")
    moment = request.headers["x-amz-date"]
    scope = f"{moment[:8]}/{aws_region}/execute-api/aws4_request"
    assert fields["Credential"] == f"ASIAEXAMPLE/{scope}"
    query = "&".join(
        f"{quote(name, safe='-_.~')}={quote(value, safe='-_.~')}" for name, value in sorted(request.query.items())
    )
    canonical = "\n".join(
        [
            request.method,
            quote(urlsplit(address).path, safe="/-_.~"),
            query,
            *[f"{name}:{request.headers[name].strip()}" for name in signed],
            "",
            ";".join(signed),
            hashlib.sha256(request.body).hexdigest(),
        ]
    )
    text = "\n".join(["AWS4-HMAC-SHA256", moment, scope, hashlib.sha256(canonical.encode()).hexdigest()])
    key = f"AWS4{secret_key}".encode()
    for part in scope.split("/"):
        key = hmac_sha256(key, part)
    expected = hmac.new(key, text.encode(), hashlib.sha256).hexdigest()
    assert fields["Signature"] == expected
    return fields["SignedHeaders"]


@pytest.fixture(autouse=True)
def _no_aws_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_PROFILE", "AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_STS", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name, raising=False)


class Clock:
    now = EXPIRES - 3600

    def __call__(self) -> float:
        return self.now


def signer_of(
    server: ScriptedServer, stored: Stored[SigningCredentials] | None = None, clock: Clock | None = None
) -> Signer:
    server.answer("POST", "/", Answer(200, ASSUMED.encode(), {"Content-Type": "text/xml"}))
    return Signer(stored or Stored(USER), sts_endpoint=server.url, clock=clock or Clock())


@pytest.mark.parametrize(
    ("region", "aws_region"), [(Region.NA, "us-east-1"), (Region.EU, "eu-west-1"), (Region.FE, "us-west-2")]
)
def test_requests_are_signed_with_the_roles_session(server: ScriptedServer, region: Region, aws_region: str) -> None:
    base = f"/{region.lower()}/reports/2021-06-30/reports"
    server.answer("GET", base, answer_json({"reports": []}))
    server.answer("POST", base, answer_json({"reportId": "1"}, 202))
    api = api_of(server, signer=signer_of(server))
    seller = api.for_seller(SELLER_ID, region, Stored(REFRESH_TOKEN), Deadline.after(5))
    reports.get_reports(seller, ReportFilter(["GET_X", "GET_Y"], page_size=5))
    reports.create_report(seller, CreateReportSpecification("GET_X", ["M"]))
    for request in server.received(base):
        signed = signature(request, server.url + base, aws_region, SESSION_KEY)
        assert {"host", "x-amz-access-token", "x-amz-date", "x-amz-security-token"} <= set(signed.split(";"))
        assert request.headers["x-amz-security-token"] == "session-token"
    (assumed,) = server.received("/")
    assert assumed.form["RoleArn"] == ROLE_ARN
    assert assumed.form["Action"] == "AssumeRole"
    assert "Credential=AKIAIOSFODNN7EXAMPLE/" in assumed.headers["authorization"]


def test_nothing_is_signed_without_a_signer(server: ScriptedServer) -> None:
    server.answer("GET", "/na/reports/2021-06-30/reports", answer_json({"reports": []}))
    seller = api_of(server).for_seller(SELLER_ID, Region.NA, Stored(REFRESH_TOKEN), Deadline.after(5))
    reports.get_reports(seller, ReportFilter(["GET_X"]))
    assert "authorization" not in server.calls[0].headers


def sign(signer: Signer, seconds: float = 5) -> str:
    headers = signer("GET", "https://host/x", {}, None, "us-east-1", Deadline.after(seconds))
    return headers["Authorization"]


def test_a_session_is_kept_until_five_minutes_before_its_end(server: ScriptedServer) -> None:
    clock = Clock()
    signer = signer_of(server, clock=clock)
    sign(signer)
    clock.now = EXPIRES - 301
    sign(signer)
    assert len(server.received("/")) == 1
    clock.now = EXPIRES - 300
    sign(signer)
    assert len(server.received("/")) == 2


def test_changed_credentials_work_at_once(server: ScriptedServer) -> None:
    old = SigningCredentials("AKIAOLD", "old-secret", ROLE_ARN)
    signer = signer_of(server, Stored(USER, held=old))
    server.answer("POST", "/", sts_answer(403, "InvalidClientTokenId"), Answer(200, ASSUMED.encode()))
    assert "ASIAEXAMPLE" in sign(signer)
    used = [request.headers["authorization"].split("Credential=")[1].split("/")[0] for request in server.received("/")]
    assert used == ["AKIAOLD", "AKIAIOSFODNN7EXAMPLE"]


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (sts_answer(403, "AccessDenied"), AccessDeniedError),
        (sts_answer(403, "SignatureDoesNotMatch"), AccessDeniedError),
        (sts_answer(400, "Throttling"), TransientError),
        (sts_answer(399, "Odd"), TransientError),
        (sts_answer(400, "ValidationError"), AccessDeniedError),
        (sts_answer(499, "Odd"), AccessDeniedError),
        (sts_answer(500, "InternalFailure"), TransientError),
        (Answer(reset="before"), TransientError),
    ],
)
def test_a_role_that_cannot_be_assumed(server: ScriptedServer, answer: Answer, kind: type[Exception]) -> None:
    signer = signer_of(server)
    server.answer("POST", "/", answer)
    with pytest.raises(kind, match="AssumeRole") as raised:
        sign(signer)
    assert type(raised.value) is kind
    assert len(server.received("/")) == 1


def test_a_caller_waits_for_the_session_of_another_until_its_deadline(server: ScriptedServer) -> None:
    signer = signer_of(server)
    server.answer("POST", "/", Answer(no_answer=True))

    def fetch() -> None:
        with pytest.raises(TransientError):
            sign(signer, seconds=SECONDS)

    first = threading.Thread(target=fetch)
    first.start()
    until(lambda: server.requests, bool)
    with pytest.raises(DeadlineExceeded, match=r"^AssumeRole: the time ran out while waiting for a session$"):
        sign(signer, seconds=0.05)
    # Ends the first one's connection.
    server.stopping.set()
    first.join()


def test_connecting_to_sts_and_its_answer_have_half_the_time_each(
    server: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    create: Callable[..., Any] = Session.create_client
    given: list[tuple[float, float]] = []

    def noted(session: Session, service: str, **options: Any) -> Any:
        given.append((options["config"].connect_timeout, options["config"].read_timeout))
        return create(session, service, **options)

    monkeypatch.setattr(Session, "create_client", noted)
    sign(signer_of(server), seconds=100)
    (timeouts,) = given
    assert timeouts == pytest.approx((50, 50), abs=5)


def test_sts_own_words_are_kept(server: ScriptedServer) -> None:
    signer = signer_of(server)
    server.answer("POST", "/", sts_answer(403, "AccessDenied"))
    with pytest.raises(AccessDeniedError) as raised:
        sign(signer)
    error = raised.value
    assert (error.status, error.code, error.message, error.request_id) == (403, "AccessDenied", "Some words.", "r-2")


def test_the_deadline_covers_the_role_too(server: ScriptedServer) -> None:
    with pytest.raises(DeadlineExceeded, match="AssumeRole"):
        sign(signer_of(server), seconds=0)
    assert server.requests == []


def test_no_secret_shows(server: ScriptedServer) -> None:
    signer = signer_of(server)
    sign(signer)
    shown = repr(signer) + repr(_Session("ASIAEXAMPLE", SESSION_KEY, "session-token", 0.0))
    assert all(secret not in shown for secret in (USER.secret_key, SESSION_KEY, "session-token"))
    assert USER.secret_key not in repr(USER)
