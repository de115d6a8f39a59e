"""Access tokens: each grant, what is kept, what is asked again, and what a refusal says."""

import threading
import time
from collections.abc import Callable

import pytest

from sp_api.deadline import Deadline, DeadlineExceeded
from sp_api.errors import AuthorizationError, SellingPartnerApiError, ThrottledError, TransientError
from sp_api.lwa import ApplicationCredentials, LwaClient, Scope, _AccessToken
from sp_api.transport import make_http
from tests.unit.sp_api.support import (
    ACCESS_TOKEN,
    CLIENT_ID,
    CLIENT_SECRET,
    REFRESH_TOKEN,
    TOKEN_PATH,
    Answer,
    ScriptedServer,
    Stored,
    answer_json,
    credentials,
    token_json,
)
from tests.waiting import SECONDS


class Clock:
    """A wall clock that a test sets."""

    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


def lwa_of(
    server: ScriptedServer, application: Stored[ApplicationCredentials] | None = None, clock: Clock | None = None
) -> LwaClient:
    return LwaClient(make_http(), server.url + TOKEN_PATH, application or Stored(credentials()), clock or Clock())


def refused(error: str, description: str = "Some words.", status: int = 400) -> Answer:
    return answer_json({"error": error, "error_description": description}, status)


def test_refresh_token_grant(server: ScriptedServer) -> None:
    token = lwa_of(server).seller_access_token("seller", Stored(REFRESH_TOKEN), Deadline.after(5))
    assert token == ACCESS_TOKEN
    (request,) = server.token_requests
    assert request.form == {
        "grant_type": "refresh_token",
        "refresh_token": REFRESH_TOKEN,
        "client_id": CLIENT_ID,
        "client_secret": CLIENT_SECRET,
    }
    assert request.headers["content-type"] == "application/x-www-form-urlencoded;charset=UTF-8"


def test_client_credentials_grant(server: ScriptedServer) -> None:
    assert lwa_of(server).grantless_access_token(Scope.NOTIFICATIONS, Deadline.after(5)) == ACCESS_TOKEN
    assert server.token_requests[0].form == {
        "grant_type": "client_credentials",
        "scope": "sellingpartnerapi::notifications",
        "client_id": CLIENT_ID,
        "client_secret": CLIENT_SECRET,
    }


def test_authorization_code_grant(server: ScriptedServer) -> None:
    server.answer("POST", TOKEN_PATH, token_json(refresh_token=REFRESH_TOKEN))
    application = Stored(credentials())
    grant = lwa_of(server, application).authorization_code("the-code", "https://example.com/back", Deadline.after(5))
    assert application.fresh_readings == 0
    assert (grant.refresh_token, grant.access_token, grant.expires_in) == (REFRESH_TOKEN, ACCESS_TOKEN, 3600)
    assert server.token_requests[0].form == {
        "grant_type": "authorization_code",
        "code": "the-code",
        "redirect_uri": "https://example.com/back",
        "client_id": CLIENT_ID,
        "client_secret": CLIENT_SECRET,
    }
    assert REFRESH_TOKEN not in repr(grant)
    assert ACCESS_TOKEN not in repr(grant)


def test_a_code_grant_without_refresh_token_is_no_success(server: ScriptedServer) -> None:
    with pytest.raises(TransientError) as raised:
        lwa_of(server).authorization_code("the-code", "https://example.com/back", Deadline.after(5))
    assert str(raised.value) == "LWA authorization_code: HTTP 200: the answer has no refresh token"
    assert raised.value.outcome_unknown


@pytest.mark.parametrize(
    ("sent", "seconds"),
    [
        (3600, 3600),
        (1, 1),
        (0.5, 0.5),
        (0, 0),
        (-0.5, 0),
        (10**9 - 1, 10**9 - 1),
        (10**9, 0),
        ("3600", 3600),
        ("000003600", 3600),
        ("0000003600", 0),
        ("٣٦٠٠", 0),
        ("²", 0),
        ("-5", 0),
        (None, 0),
        ([], 0),
    ],
)
def test_how_long_a_token_is_valid(server: ScriptedServer, sent: object, seconds: float) -> None:
    server.answer("POST", TOKEN_PATH, token_json(expires_in=sent, refresh_token=REFRESH_TOKEN))
    grant = lwa_of(server).authorization_code("the-code", "https://example.com/back", Deadline.after(5))
    assert grant.expires_in == seconds


def test_a_token_is_kept_until_a_minute_before_it_expires(server: ScriptedServer) -> None:
    server.answer("POST", TOKEN_PATH, token_json("Atza|1"), token_json("Atza|2"))
    clock = Clock()
    lwa = lwa_of(server, clock=clock)
    refresh_token = Stored(REFRESH_TOKEN)
    assert lwa.seller_access_token("seller", refresh_token, Deadline.after(5)) == "Atza|1"
    clock.now += 3539
    assert lwa.seller_access_token("seller", refresh_token, Deadline.after(5)) == "Atza|1"
    assert len(server.token_requests) == 1
    clock.now += 1
    assert lwa.seller_access_token("seller", refresh_token, Deadline.after(5)) == "Atza|2"
    assert len(server.token_requests) == 2


@pytest.mark.parametrize("expires_in", [60, 0, -5, None, "soon", "", True, 1e300, [], "0000003600"])
def test_a_token_of_no_known_or_short_life_serves_one_call(server: ScriptedServer, expires_in: object) -> None:
    server.answer("POST", TOKEN_PATH, token_json("Atza|1", expires_in), token_json("Atza|2", expires_in))
    lwa = lwa_of(server)
    assert lwa.grantless_access_token(Scope.NOTIFICATIONS, Deadline.after(5)) == "Atza|1"
    assert lwa.grantless_access_token(Scope.NOTIFICATIONS, Deadline.after(5)) == "Atza|2"


def test_expires_in_as_text_counts(server: ScriptedServer) -> None:
    server.answer("POST", TOKEN_PATH, token_json("Atza|1", "3600"), token_json("Atza|2"))
    lwa = lwa_of(server)
    lwa.grantless_access_token(Scope.NOTIFICATIONS, Deadline.after(5))
    assert lwa.grantless_access_token(Scope.NOTIFICATIONS, Deadline.after(5)) == "Atza|1"


def test_each_authorization_and_scope_has_its_own_token(server: ScriptedServer) -> None:
    server.answer("POST", TOKEN_PATH, *(token_json(f"Atza|{number}") for number in range(1, 5)))
    lwa = lwa_of(server)
    deadline = Deadline.after(5)

    def tokens() -> list[str]:
        return [
            lwa.seller_access_token("first", Stored(REFRESH_TOKEN), deadline),
            lwa.seller_access_token("second", Stored(REFRESH_TOKEN), deadline),
            lwa.grantless_access_token(Scope.NOTIFICATIONS, deadline),
            lwa.grantless_access_token(Scope.CLIENT_CREDENTIAL_ROTATION, deadline),
        ]

    assert tokens() == tokens() == ["Atza|1", "Atza|2", "Atza|3", "Atza|4"]


def test_renewal_fetches_a_new_token_and_keeps_that(server: ScriptedServer) -> None:
    server.answer("POST", TOKEN_PATH, token_json("Atza|1"), token_json("Atza|2"))
    lwa = lwa_of(server)
    lwa.grantless_access_token(Scope.NOTIFICATIONS, Deadline.after(5))
    assert lwa.grantless_access_token(Scope.NOTIFICATIONS, Deadline.after(5), renew=True) == "Atza|2"
    assert lwa.grantless_access_token(Scope.NOTIFICATIONS, Deadline.after(5)) == "Atza|2"


def many(call: Callable[[], str], count: int) -> list[str]:
    """What `call` gives in as many threads at once."""
    results: list[str] = []
    barrier = threading.Barrier(count)

    def run() -> None:
        barrier.wait()
        results.append(call())

    threads = [threading.Thread(target=run) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


@pytest.mark.parametrize("renew", [False, True])
def test_many_callers_share_one_fetch(server: ScriptedServer, renew: bool) -> None:
    answers = [token_json("Atza|1"), *(token_json(f"Atza|{number}") for number in range(2, 20))]
    slow = [Answer(answer.status, answer.body, answer.headers, drip=0.002) for answer in answers]
    server.answer("POST", TOKEN_PATH, *slow)
    lwa = lwa_of(server)
    if renew:
        lwa.grantless_access_token(Scope.NOTIFICATIONS, Deadline.after(5))

    results = many(lambda: lwa.grantless_access_token(Scope.NOTIFICATIONS, Deadline.after(5), renew=renew), 16)
    assert set(results) == {"Atza|2" if renew else "Atza|1"}
    assert len(server.token_requests) == (2 if renew else 1)


def test_a_token_of_short_life_is_not_shared_with_those_who_waited(server: ScriptedServer) -> None:
    answers = [token_json(f"Atza|{number}", expires_in=60) for number in range(4)]
    server.answer("POST", TOKEN_PATH, *(Answer(200, one.body, one.headers, drip=0.002) for one in answers))
    lwa = lwa_of(server)
    results = many(lambda: lwa.grantless_access_token(Scope.NOTIFICATIONS, Deadline.after(SECONDS)), 4)
    assert sorted(results) == [f"Atza|{number}" for number in range(4)]


def test_without_time_lwa_is_not_asked(server: ScriptedServer) -> None:
    with pytest.raises(DeadlineExceeded, match=r"^LWA client_credentials: the time for the call ran out$"):
        lwa_of(server).grantless_access_token(Scope.NOTIFICATIONS, Deadline.after(0))
    assert server.token_requests == []


def test_waiting_for_another_callers_fetch_ends_with_the_deadline(server: ScriptedServer) -> None:
    server.answer("POST", TOKEN_PATH, Answer(no_answer=True))
    lwa = lwa_of(server)

    def fetch() -> None:
        with pytest.raises(DeadlineExceeded):
            lwa.grantless_access_token(Scope.NOTIFICATIONS, Deadline.after(0.6))

    first = threading.Thread(target=fetch)
    first.start()
    while not server.token_requests:
        time.sleep(0.005)
    words = "^LWA client_credentials: the time ran out while waiting for an access token$"
    with pytest.raises(DeadlineExceeded, match=words):
        lwa.grantless_access_token(Scope.NOTIFICATIONS, Deadline.after(0.1))
    first.join()


def test_a_seller_authorized_again_works_at_once(server: ScriptedServer) -> None:
    """The refusal makes the stored value be read past the cache, and the call be repeated with it."""
    server.answer("POST", TOKEN_PATH, refused("invalid_grant"), token_json())
    refresh_token = Stored("Atzr|new", held="Atzr|old")
    assert lwa_of(server).seller_access_token("seller", refresh_token, Deadline.after(5)) == ACCESS_TOKEN
    assert [request.form["refresh_token"] for request in server.token_requests] == ["Atzr|old", "Atzr|new"]
    assert refresh_token.fresh_readings == 1


@pytest.mark.parametrize("error", ["invalid_client", "unauthorized_client", "invalid_grant"])
def test_a_rotated_secret_works_at_once(server: ScriptedServer, error: str) -> None:
    server.answer("POST", TOKEN_PATH, refused(error, status=401), token_json())
    application = Stored(credentials("new-secret"), held=credentials("old-secret"))
    assert lwa_of(server, application).grantless_access_token(Scope.NOTIFICATIONS, Deadline.after(5)) == ACCESS_TOKEN
    assert [request.form["client_secret"] for request in server.token_requests] == ["old-secret", "new-secret"]


def test_the_call_is_repeated_once_only(server: ScriptedServer) -> None:
    server.answer("POST", TOKEN_PATH, refused("invalid_grant"))
    with pytest.raises(AuthorizationError):
        lwa_of(server).seller_access_token("seller", Stored("Atzr|new", held="Atzr|old"), Deadline.after(5))
    assert len(server.token_requests) == 2


def with_others(server: ScriptedServer, *others: ApplicationCredentials) -> LwaClient:
    return LwaClient(
        make_http(), server.url + TOKEN_PATH, Stored(credentials("current")), Clock(), other_credentials=lambda: others
    )


def test_the_other_secrets_are_tried_when_the_one_in_use_is_refused(server: ScriptedServer) -> None:
    refusal = refused("invalid_client", status=401)
    server.answer("POST", TOKEN_PATH, refusal, refusal, token_json())
    foreign = ApplicationCredentials("amzn1.application-oa2-client.another", "foreign")
    lwa = with_others(server, credentials("previous"), foreign, credentials("pending"))
    assert lwa.grantless_access_token(Scope.NOTIFICATIONS, Deadline.after(5)) == ACCESS_TOKEN
    assert [request.form["client_secret"] for request in server.token_requests] == ["current", "previous", "pending"]


def test_a_refusal_stays_when_no_secret_works(server: ScriptedServer) -> None:
    server.answer("POST", TOKEN_PATH, refused("invalid_client", status=401))
    with pytest.raises(AuthorizationError) as raised:
        with_others(server, credentials("previous")).grantless_access_token(Scope.NOTIFICATIONS, Deadline.after(5))
    assert raised.value.error == "invalid_client"
    assert len(server.token_requests) == 2


@pytest.mark.parametrize("error", ["invalid_grant", "unauthorized_client"])
def test_other_refusals_try_no_other_secret(server: ScriptedServer, error: str) -> None:
    server.answer("POST", TOKEN_PATH, refused(error))
    with pytest.raises(AuthorizationError):
        with_others(server, credentials("previous")).seller_access_token(
            "seller", Stored(REFRESH_TOKEN), Deadline.after(5)
        )
    assert [request.form["client_secret"] for request in server.token_requests] == ["current"]


def test_a_grant_that_fails_with_another_secret_is_what_is_raised(server: ScriptedServer) -> None:
    server.answer("POST", TOKEN_PATH, refused("invalid_client", status=401), refused("invalid_grant"))
    with pytest.raises(AuthorizationError) as raised:
        with_others(server, credentials("previous"), credentials("pending")).seller_access_token(
            "seller", Stored(REFRESH_TOKEN), Deadline.after(5)
        )
    assert raised.value.error == "invalid_grant"


def test_what_reading_a_stored_value_raises_passes(server: ScriptedServer) -> None:
    def missing(*, fresh: bool) -> str:
        raise LookupError("no token is stored", fresh)

    with pytest.raises(LookupError, match="no token is stored"):
        lwa_of(server).seller_access_token("seller", missing, Deadline.after(5))
    assert server.token_requests == []


@pytest.mark.parametrize(
    ("error", "status", "words", "readings"),
    [
        ("invalid_grant", 400, "must authorize the application again", 1),
        ("invalid_grant", 400, "the refresh token is not one of this application", 1),
        ("invalid_client", 401, "rotate the client secret", 1),
        ("unauthorized_client", 400, "issued to another application", 1),
        ("invalid_scope", 400, "check the roles of the application", 0),
        ("access_denied", 403, "must authorize the application again", 0),
        ("invalid_request", 400, "check the LWA endpoint", 0),
        ("unsupported_grant_type", 400, "check the LWA endpoint", 0),
        ("something_new", 400, "", 0),
    ],
)
def test_refusals_are_permanent_and_say_what_to_do(
    server: ScriptedServer, error: str, status: int, words: str, readings: int
) -> None:
    server.answer("POST", TOKEN_PATH, refused(error, "The request has an invalid grant parameter.", status))
    refresh_token = Stored(REFRESH_TOKEN)
    with pytest.raises(AuthorizationError) as raised:
        lwa_of(server).seller_access_token("seller", refresh_token, Deadline.after(5))
    assert (raised.value.error, raised.value.status) == (error, status)
    assert words in raised.value.action
    assert bool(words) == bool(raised.value.action)
    assert raised.value.action in str(raised.value)
    assert f"LWA refresh_token: HTTP {status} {error}: The request has an invalid grant parameter." in str(raised.value)
    assert len(server.token_requests) == 1
    assert refresh_token.fresh_readings == readings


def test_a_refused_code_says_to_start_again(server: ScriptedServer) -> None:
    server.answer("POST", TOKEN_PATH, refused("invalid_grant", "The request has an invalid grant parameter : code"))
    with pytest.raises(AuthorizationError) as raised:
        lwa_of(server).authorization_code("the-code", "https://example.com/back", Deadline.after(5))
    assert "start the authorization again" in raised.value.action
    assert len(server.token_requests) == 1


@pytest.mark.parametrize(
    "answer",
    [
        refused("server_error", status=500),
        refused("server_error"),
        refused("temporarily_unavailable"),
        Answer(500),
        Answer(503, b"<html>Service Unavailable</html>", {"Content-Type": "text/html"}),
        Answer(403, b"<html>proxy says no</html>", {"Content-Type": "text/html"}),
        Answer(200, b"<html>log in to the network</html>", {"Content-Type": "text/html"}),
        Answer(200),
        answer_json([]),
        answer_json({"token_type": "bearer"}),
        answer_json({"access_token": ""}),
        answer_json({"access_token": 5}),
        answer_json({"access_token": ACCESS_TOKEN}, 201),
        answer_json({"access_token": ACCESS_TOKEN}, 500),
        Answer(200, b"[" * 100_000),
        refused("something_new", status=399),
        refused("something_new", status=500),
        Answer(302, headers={"Location": "http://127.0.0.1:1/"}),
    ],
)
def test_answers_that_are_no_refusal_are_transient(server: ScriptedServer, answer: Answer) -> None:
    server.answer("POST", TOKEN_PATH, answer)
    with pytest.raises(TransientError) as raised:
        lwa_of(server).grantless_access_token(Scope.NOTIFICATIONS, Deadline.after(5))
    assert raised.value.status == answer.status
    assert "html" not in str(raised.value).replace("text/html", "")
    assert len(server.token_requests) == 1


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (Answer(500), "(no content type, 0 bytes)"),
        (Answer(503, b"<html></html>", {"Content-Type": "text/html"}), "(text/html, 13 bytes)"),
    ],
)
def test_an_answer_without_a_description_is_described(server: ScriptedServer, answer: Answer, words: str) -> None:
    server.answer("POST", TOKEN_PATH, Answer(answer.status, answer.body, {**answer.headers, "x-amzn-RequestId": "r-1"}))
    with pytest.raises(TransientError) as raised:
        lwa_of(server).grantless_access_token(Scope.NOTIFICATIONS, Deadline.after(5))
    assert raised.value.message == f"no token and no error description in the answer {words}"
    assert raised.value.request_id == "r-1"


@pytest.mark.parametrize("status", [400, 499])
def test_every_4xx_with_an_error_of_lwa_is_a_refusal(server: ScriptedServer, status: int) -> None:
    server.answer("POST", TOKEN_PATH, refused("invalid_scope", status=status))
    with pytest.raises(AuthorizationError):
        lwa_of(server).grantless_access_token(Scope.NOTIFICATIONS, Deadline.after(5))


@pytest.mark.parametrize(
    ("header", "wait"),
    [
        ({}, 1),
        *(({"Retry-After": text}, wait) for text, wait in (("7", 7), ("0", 0), ("9999", 9999), ("10000", 1))),
        *(({"Retry-After": text}, 1) for text in ("tomorrow", "soon", "1e3", "-5", "²", "")),
    ],
)
def test_throttled(server: ScriptedServer, header: dict[str, str], wait: float) -> None:
    server.answer("POST", TOKEN_PATH, Answer(429, b"", header))
    with pytest.raises(ThrottledError, match=r"^LWA client_credentials: HTTP 429: no token and no error") as raised:
        lwa_of(server).grantless_access_token(Scope.NOTIFICATIONS, Deadline.after(5))
    assert raised.value.retry_after == wait
    assert len(server.token_requests) == 1


def test_a_broken_connection_is_tried_once_more(server: ScriptedServer) -> None:
    server.answer("POST", TOKEN_PATH, Answer(reset="before"), token_json())
    assert lwa_of(server).grantless_access_token(Scope.NOTIFICATIONS, Deadline.after(5)) == ACCESS_TOKEN
    assert len(server.token_requests) == 2


def test_a_code_is_never_sent_twice(server: ScriptedServer) -> None:
    server.answer("POST", TOKEN_PATH, Answer(reset="before"), token_json(refresh_token=REFRESH_TOKEN))
    with pytest.raises(TransientError) as raised:
        lwa_of(server).authorization_code("the-code", "https://example.com/back", Deadline.after(5))
    assert raised.value.outcome_unknown
    assert len(server.token_requests) == 1


def test_a_failed_fetch_leaves_nothing_behind(server: ScriptedServer) -> None:
    server.answer("POST", TOKEN_PATH, Answer(500), token_json())
    lwa = lwa_of(server)
    with pytest.raises(TransientError):
        lwa.grantless_access_token(Scope.NOTIFICATIONS, Deadline.after(5))
    assert lwa.grantless_access_token(Scope.NOTIFICATIONS, Deadline.after(5)) == ACCESS_TOKEN


def test_no_secret_shows(server: ScriptedServer) -> None:
    """Not even when LWA, or a proxy in its place, quotes what it was sent."""
    refresh_token, client_secret = "looks-like-no-token", "looks-like-no-secret"
    quoted = f"cannot read {refresh_token} and {client_secret}"
    server.answer("POST", TOKEN_PATH, refused("invalid_grant", quoted), Answer(502, quoted.encode()), token_json())
    lwa = lwa_of(server, Stored(credentials(client_secret)))
    shown: list[str] = []
    for _ in range(2):
        with pytest.raises(SellingPartnerApiError) as raised:
            lwa.seller_access_token("seller", Stored(refresh_token), Deadline.after(5))
        shown += [str(raised.value), repr(raised.value), str(vars(raised.value))]
    lwa.seller_access_token("seller", Stored(refresh_token), Deadline.after(5))
    shown += [repr(lwa), repr(lwa._tokens), repr(credentials(client_secret)), repr(_AccessToken(ACCESS_TOKEN, 0.0))]
    for secret in (refresh_token, client_secret, ACCESS_TOKEN):
        assert all(secret not in text for text in shown)


class Observer:
    """Notes what LWA made of a refresh token."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, ...]] = []

    def granted(self, refresh_token: str, returned: str) -> None:
        self.seen.append(("granted", refresh_token, returned))

    def revoked(self, refresh_token: str) -> None:
        self.seen.append(("revoked", refresh_token))


@pytest.mark.parametrize("returned", ["Atzr|another", REFRESH_TOKEN, ""])
def test_an_observer_learns_which_refresh_token_works(server: ScriptedServer, returned: str) -> None:
    server.answer("POST", TOKEN_PATH, token_json(refresh_token=returned))
    observer = Observer()
    lwa = lwa_of(server)
    lwa.seller_access_token("seller", Stored(REFRESH_TOKEN), Deadline.after(5), observer=observer)
    lwa.seller_access_token("seller", Stored(REFRESH_TOKEN), Deadline.after(5), observer=observer)
    assert observer.seen == [("granted", REFRESH_TOKEN, returned or REFRESH_TOKEN)]


def test_an_observer_learns_that_a_refresh_token_is_revoked(server: ScriptedServer) -> None:
    server.answer("POST", TOKEN_PATH, refused("invalid_grant"), token_json())
    observer = Observer()
    stored = Stored(REFRESH_TOKEN, held="Atzr|old")
    lwa_of(server).seller_access_token("seller", stored, Deadline.after(5), observer=observer)
    assert observer.seen == [("revoked", "Atzr|old"), ("granted", REFRESH_TOKEN, REFRESH_TOKEN)]


@pytest.mark.parametrize(
    "answer",
    [refused("invalid_client", status=401), refused("unauthorized_client"), refused("server_error", status=503)],
)
def test_only_invalid_grant_is_a_revocation(server: ScriptedServer, answer: Answer) -> None:
    server.answer("POST", TOKEN_PATH, answer, answer)
    observer = Observer()
    with pytest.raises(SellingPartnerApiError):
        lwa_of(server).seller_access_token("seller", Stored(REFRESH_TOKEN), Deadline.after(5), observer=observer)
    assert observer.seen == []
