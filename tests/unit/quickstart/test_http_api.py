"""Turning API Gateway's events into answers, and exceptions into status codes."""

import base64
import contextlib
import json
import re
import socket
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from botocore.config import Config
from botocore.exceptions import ClientError, ReadTimeoutError

from quickstart import clients, http_api
from quickstart.aws_failures import AwsDeadlineExceededError
from quickstart.notifications.subscriptions import SubscriptionConflictError
from quickstart.observability import logger
from quickstart.refusals import FieldError, InvalidRequestError
from quickstart.token_vault import SellerUnknownError
from quickstart.validation import Fields
from sp_api.deadline import DeadlineExceeded
from sp_api.errors import (
    AccessDeniedError,
    AuthorizationError,
    InvalidInputError,
    NotFoundError,
    SellingPartnerApiError,
    ThrottledError,
    TransientError,
)
from tests.unit.quickstart.support import Context


def event(method: str = "POST", resource: str = "/reports", **changed: Any) -> dict[str, Any]:
    return {
        "httpMethod": method,
        "resource": resource,
        "body": "{}",
        "isBase64Encoded": False,
        "pathParameters": None,
        "queryStringParameters": None,
        "requestContext": {"requestId": "request-1"},
        **changed,
    }


def answer(received: Mapping[str, Any], routes: Mapping[str, http_api.Action]) -> http_api.Answer:
    return http_api.answer(received, Context(), routes)


def echo(fields: Fields) -> Mapping[str, object]:
    return fields.body


def body_of(response: Mapping[str, Any]) -> Any:
    return json.loads(response["body"])


def reads_seller(fields: Fields) -> Mapping[str, object]:
    fields.seller_id()
    fields.finish()
    return {}


@pytest.mark.parametrize(
    ("method", "changed", "message"),
    [
        ("GET", {}, "SellerId is missing: send it in the query string"),
        ("GET", {"body": '{"SellerId": "A1"}'}, "SellerId is missing: send it in the query string"),
        ("DELETE", {}, "SellerId is missing: send it in the query string"),
        ("POST", {}, "SellerId is missing"),
        (
            "POST",
            {"queryStringParameters": {"SellerId": "A1"}},
            "SellerId is missing: send it in the body, as JSON",
        ),
        ("POST", {"body": ""}, "The body is empty: send the fields in it, as a JSON object"),
        ("POST", {"body": None}, "The body is empty: send the fields in it, as a JSON object"),
        (
            "POST",
            {"body": " ", "queryStringParameters": {"SellerId": "A1"}},
            "The body is empty: the fields are in the query string, so send them in the body, as a JSON object",
        ),
        ("POST", {"body": "SellerId=A1&RegionCode=NA"}, "The body is a form, not JSON: send a JSON object"),
        ("POST", {"body": "{'SellerId': 'A1'}"}, "The body is not valid JSON"),
    ],
)
def test_fields_in_the_wrong_place(method: str, changed: dict[str, Any], message: str) -> None:
    response = answer(event(method, **changed), {f"{method} /reports": reads_seller})
    assert (response["statusCode"], body_of(response)["message"]) == (400, message)


def coded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


EMPTY = "The body is empty: send the fields in it, as a JSON object"
NOT_JSON = "The body is not valid JSON"


@pytest.mark.parametrize(
    ("changed", "field", "code", "message"),
    [
        ({"body": None}, "body", "Empty", EMPTY),
        ({"body": " \n"}, "body", "Empty", EMPTY),
        ({"body": "[1]"}, "body", "InvalidType", "The body must be a JSON object"),
        ({"body": coded("[1]"), "isBase64Encoded": True}, "body", "InvalidType", "The body must be a JSON object"),
        ({"body": "{"}, "body", "InvalidJson", NOT_JSON),
        ({"body": '{"A": NaN}'}, "body", "InvalidJson", NOT_JSON),
        ({"body": '{"A": -Infinity}'}, "body", "InvalidJson", NOT_JSON),
        ({"body": "A=1"}, "body", "InvalidJson", "The body is a form, not JSON: send a JSON object"),
        # It is Base64 of something else, although it looks like a form.
        ({"body": "Ag==", "isBase64Encoded": True}, "body", "InvalidJson", NOT_JSON),
        ({"body": "A", "isBase64Encoded": True}, "body", "InvalidJson", NOT_JSON),
        ({"body": '{"A": 1, "B": 2, "C": {}, "B": 3}'}, "B", "DuplicateName", "B is a duplicate key"),
        ({"body": '{"A": {"B": 1, "C": 2, "C": 2}}'}, "C", "DuplicateName", "C is a duplicate key"),
        (
            {"body": '{"Atzr|x": 1, "Atzr|x": 1}'},
            "(a name that is not shown)",
            "DuplicateName",
            "(a name that is not shown) is a duplicate key",
        ),
    ],
)
def test_a_body_that_cannot_be_read(changed: dict[str, Any], field: str, code: str, message: str) -> None:
    response = answer(event(**changed), {"POST /reports": echo})
    assert (response["statusCode"], body_of(response)) == (
        400,
        {
            "message": message,
            "errors": [
                {
                    "code": code,
                    "message": message,
                    "documentation": f"docs/errors.md#{code.lower()}",
                    "field": field,
                }
            ],
            "requestId": "request-1",
        },
    )


def test_a_path_is_percent_encoded_and_a_query_is_not() -> None:
    """As a REST API of API Gateway passes them."""
    read = event(
        "GET",
        "/reports/{reportId}",
        pathParameters={"reportId": "a%2Fb%20%C3%A9", "x": "1"},
        queryStringParameters={"Sku": "a%2Fb"},
    )
    assert body_of(answer(read, {"GET /reports/{reportId}": echo})) == {
        "ReportId": "a/b \u00e9",
        "X": "1",
        "Sku": "a%2Fb",
    }


def test_a_patch_has_the_fields_of_its_body_and_of_its_path() -> None:
    sent = event("PATCH", "/listings/{sku}", body='{"A": 1}', pathParameters={"sku": "S"})
    assert body_of(answer(sent, {"PATCH /listings/{sku}": echo})) == {"A": 1, "Sku": "S"}


def test_a_refusal_without_a_wait_has_no_such_header() -> None:
    def refuse(_: Fields) -> Mapping[str, object]:
        raise SellerUnknownError("A1", "NA")

    assert answer(event(), {"POST /reports": refuse})["headers"] == {
        "Content-Type": "application/json",
        "Cache-Control": "no-store",
    }


def test_a_504_names_the_host_and_what_to_check() -> None:
    def silent(_: Fields) -> Mapping[str, object]:
        error = TransientError("createReport", message="no answer came in time")
        error.host = "sellingpartnerapi-na.amazon.com"
        raise error

    response = answer(event(), {"POST /reports": silent})
    assert response["statusCode"] == 504
    assert body_of(response)["message"] == (
        "createReport: no answer came in time. No answer came from sellingpartnerapi-na.amazon.com. Check the health "
        "of "
        "SP-API in the Solution Provider Portal, and the stack's parameters with endpoints if you have set them"
    )


def test_a_post_has_the_fields_of_its_body() -> None:
    response = answer(event(body='{"SellerId": "A1"}'), {"POST /reports": echo})
    assert response["statusCode"] == 200
    assert response["headers"] == {"Content-Type": "application/json", "Cache-Control": "no-store"}
    assert body_of(response) == {"SellerId": "A1"}


def test_a_body_in_base64_is_read() -> None:
    encoded = base64.b64encode('{"SellerId": "Ä1"}'.encode()).decode()
    assert body_of(answer(event(body=encoded, isBase64Encoded=True), {"POST /reports": echo})) == {"SellerId": "Ä1"}


def test_other_methods_have_the_fields_of_query_and_path() -> None:
    read = event(
        "GET",
        "/reports/{reportId}",
        body=None,
        pathParameters={"reportId": "5"},
        queryStringParameters={"SellerId": "A1", "ReportId": "6"},
    )
    assert body_of(answer(read, {"GET /reports/{reportId}": echo})) == {"SellerId": "A1", "ReportId": "5"}


@pytest.mark.parametrize("body", [None, "", "x", "[]", "null", '"text"'])
def test_a_body_that_is_not_a_json_object_is_400(body: str | None) -> None:
    response = answer(event(body=body), {"POST /reports": echo})
    assert response["statusCode"] == 400
    assert body_of(response)["errors"][0]["field"] == "body"


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (SellerUnknownError("A1", "NA"), 404, "SellerUnknown"),
        (SubscriptionConflictError("elsewhere"), 409, "SubscriptionConflict"),
        (
            AuthorizationError("LWA refresh_token", status=400, error="invalid_grant", message="m", action="a"),
            409,
            "RefreshTokenRefused",
        ),
        (
            AuthorizationError("LWA refresh_token", status=401, error="invalid_client", message="m", action="rotate"),
            502,
            "invalid_client",
        ),
        (InvalidInputError("createReport", status=400, code="InvalidInput", message="m"), 400, "InvalidInput"),
        (AccessDeniedError("createReport", status=403, code="Unauthorized", message="m"), 502, "Unauthorized"),
        (NotFoundError("getReport", status=404, message="m"), 502, "NotFoundError"),
        (TransientError("createReport", status=503, code="ServiceUnavailable"), 502, "ServiceUnavailable"),
        (TransientError("createReport", message="no answer came in time"), 504, "TransientError"),
        (DeadlineExceeded("createReport"), 504, "DeadlineExceeded"),
    ],
)
def test_each_refusal_has_its_status_and_code(error: Exception, status: int, code: str) -> None:
    def refuse(_: Fields) -> Mapping[str, object]:
        raise error

    response = answer(event(), {"POST /reports": refuse})
    assert response["statusCode"] == status
    refusal = body_of(response)
    assert refusal["errors"][0]["code"] == code
    assert refusal["requestId"] == "request-1"
    assert refusal["message"] == "; ".join(entry["message"] for entry in refusal["errors"])
    if isinstance(error, SellingPartnerApiError) and code != "RefreshTokenRefused":
        assert str(error) == refusal["message"]


@pytest.mark.parametrize(("wait", "header"), [(0, "1"), (0.2, "1"), (1.2, "2"), (59.9, "60"), (60, "60")])
def test_throttling_says_how_long_to_wait(wait: float, header: str) -> None:
    def refuse(_: Fields) -> Mapping[str, object]:
        raise ThrottledError("createReport", retry_after=wait, code="QuotaExceeded", message="m")

    response = answer(event(), {"POST /reports": refuse})
    assert (response["statusCode"], response["headers"]["Retry-After"]) == (429, header)


def test_an_unexpected_exception_is_raised_to_lambda() -> None:
    def break_down(_: Fields) -> Mapping[str, object]:
        raise KeyError("unforeseen")

    with pytest.raises(KeyError):
        answer(event(), {"POST /reports": break_down})


class TestAwsFailure:
    @staticmethod
    def failing(error: Exception) -> dict[str, http_api.Action]:
        def fail(_: Fields) -> Mapping[str, object]:
            raise error

        return {"POST /reports": fail, "GET /reports": fail}

    @staticmethod
    def refused(code: str) -> ClientError:
        response: Any = {"Error": {"Code": code, "Message": "User arn:aws:iam::111122223333:role/Secret may not"}}
        return ClientError(response, "UpdateItem")

    @pytest.mark.parametrize(
        ("error", "code", "wait"),
        [
            (refused("ThrottlingException"), "ThrottlingException", "5"),
            (refused("AccessDeniedException"), "AccessDeniedException", "60"),
            (refused("not a code <x>"), "ClientError", "5"),
            (ReadTimeoutError(endpoint_url="https://dynamodb"), "ReadTimeoutError", "5"),
            (AwsDeadlineExceededError("spent"), "AwsDeadlineExceededError", "5"),
        ],
    )
    def test_it_is_503_with_what_failed_and_no_name_of_a_resource(self, error: Exception, code: str, wait: str) -> None:
        response = answer(event(), self.failing(error))
        assert (response["statusCode"], response["headers"]["Retry-After"]) == (503, wait)
        refusal = body_of(response)
        assert (refusal["requestId"], refusal["errors"][0]["code"]) == ("request-1", "AwsCallFailed")
        assert f"({code})" in refusal["message"]
        fixing = " It fails again until the stack's operator fixes the cause." if wait == "60" else ""
        call = "UpdateItem" if isinstance(error, ClientError) else "A call"
        assert refusal["message"] == (
            f"{call} to AWS failed ({code}).{fixing} The request may have been carried out in part: docs/api.md "
            "describes what happens if you send it again"
        )
        assert "Secret" not in response["body"]

    def test_a_request_that_only_reads_changed_nothing(self) -> None:
        failing = self.failing(self.refused("InternalServerError"))
        refusal = body_of(answer(event("GET", "/reports", body=None), failing))
        assert refusal["message"] == "UpdateItem to AWS failed (InternalServerError). The request changed nothing"

    def test_it_is_one_error_line_with_its_traceback(self, log_lines: Callable[[], list[dict[str, Any]]]) -> None:
        answer(event(), self.failing(self.refused("AccessDeniedException")))
        (line,) = log_lines()
        assert (line["level"], line["status"], line["error"]) == ("ERROR", 503, "AccessDeniedException")
        assert (line["message"], line["api_request_id"]) == ("request failed: an AWS call failed", "request-1")
        assert "Traceback" in line["exception"]

    def test_calls_share_the_requests_deadline(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """A hung DynamoDB: the attempt in progress ends by its time-out, and no other begins after the deadline."""
        monkeypatch.setattr(http_api, "AWS_BUDGET_SECONDS", 0.5)
        monkeypatch.setattr(clients, "_AWS", clients._AWS.merge(Config(read_timeout=1)))
        monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
        connections = []

        with socket.create_server(("127.0.0.1", 0)) as silent:
            silent.settimeout(0.1)
            monkeypatch.setenv("AWS_ENDPOINT_URL_DYNAMODB", f"http://127.0.0.1:{silent.getsockname()[1]}")
            clients.dynamodb.cache_clear()
            # On a busy machine, this may take longer than the request has.
            clients.dynamodb()

            def read(_: Fields) -> Mapping[str, object]:
                clients.dynamodb().get_item(TableName="table", Key={"id": {"S": "1"}})
                return {}

            try:
                response = answer(event(), {"POST /reports": read})
                with contextlib.suppress(TimeoutError):
                    while True:
                        connections.append(silent.accept()[0])
            finally:
                clients.dynamodb.cache_clear()
                clients.end_calls_by(None)
                for connection in connections:
                    connection.close()
        assert response["statusCode"] == 503
        assert "AwsDeadlineExceededError" in response["body"]
        assert len(connections) == 1

    def test_amazon_and_aws_have_so_many_seconds(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """A request of 29 s can be refused in words; API Gateway then ends it itself."""
        assert 19 < http_api.call_deadline().remaining() <= 20
        given: list[Any] = []
        monkeypatch.setattr(clients, "end_calls_by", given.append)
        answer(event(), {"POST /reports": echo})
        (deadline,) = given
        assert 21 < deadline.remaining() <= 22

    def test_the_longest_request_ends_before_api_gateway_does(self) -> None:
        longest_attempt = clients.CONNECT_SECONDS + clients.READ_SECONDS
        assert http_api.CALL_BUDGET_SECONDS < http_api.AWS_BUDGET_SECONDS <= 28 - longest_attempt


class TestBounds:
    def test_twenty_errors_at_most_cut_to_size(self, log_lines: Callable[[], list[dict[str, Any]]]) -> None:
        def refuse(_: Fields) -> Mapping[str, object]:
            raise InvalidRequestError(FieldError(f"{n:04}{'x' * 100}", "Unknown", "y" * 9000) for n in range(2000))

        response = answer(event(), {"POST /reports": refuse})
        errors = body_of(response)["errors"]
        assert len(errors) == 21
        assert errors[0] == {
            "field": "0000" + "x" * 60 + "...",
            "code": "Unknown",
            "message": "y" * 2000 + "...",
            "documentation": "docs/errors.md#unknown",
        }
        assert (errors[-1]["code"], errors[-1]["message"]) == ("MoreErrors", "1980 more errors are not listed")
        (line,) = log_lines()
        assert len(line["errors"]) == 21

    @pytest.mark.parametrize(
        ("field", "message", "shown"),
        [
            ("f" * 64, "m" * 2000, ("f" * 64, "m" * 2000)),
            ("f" * 65, "m" * 2001, ("f" * 64 + "...", "m" * 2000 + "...")),
        ],
    )
    def test_a_long_field_and_a_long_message_are_cut(self, field: str, message: str, shown: tuple[str, str]) -> None:
        def refuse(_: Fields) -> Mapping[str, object]:
            raise InvalidRequestError([FieldError(field, "Unknown", message)])

        (error,) = body_of(answer(event(), {"POST /reports": refuse}))["errors"]
        assert (error["field"], error["message"]) == shown

    def test_one_error_more_than_twenty_is_counted(self) -> None:
        def refuse(_: Fields) -> Mapping[str, object]:
            raise InvalidRequestError(FieldError(None, "Unknown", str(number)) for number in range(21))

        errors = body_of(answer(event(), {"POST /reports": refuse}))["errors"]
        assert [error["message"] for error in errors] == [*map(str, range(20)), "1 more errors are not listed"]
        assert errors[-1] == {
            "code": "MoreErrors",
            "message": "1 more errors are not listed",
            "documentation": "docs/errors.md#moreerrors",
        }

    @pytest.mark.parametrize("nest", [lambda inner: [inner], lambda inner: {"a": inner}], ids=["lists", "objects"])
    def test_a_field_may_have_32_levels_of_lists_and_objects(self, nest: Callable[[Any], Any]) -> None:
        value: Any = "x"
        for _ in range(32):
            value = nest(value)
        assert body_of(answer(event(body=json.dumps({"A": value})), {"POST /reports": echo})) == {"A": value}
        refused = answer(event(body=json.dumps({"A": 1, "B": [1, nest(value)]})), {"POST /reports": echo})
        assert body_of(refused)["errors"] == [
            {
                "field": "B",
                "code": "TooDeep",
                "message": "B must have at most 32 levels of lists and objects",
                "documentation": "docs/errors.md#toodeep",
            }
        ]

    def test_a_body_full_of_unknown_fields_has_a_short_answer(self) -> None:
        def refuse(fields: Fields) -> Mapping[str, object]:
            fields.seller_id()
            fields.finish()
            return {}

        body = json.dumps({f"{number:04}{'x' * 100}": 1 for number in range(2000)})
        assert len(answer(event(body=body), {"POST /reports": refuse})["body"]) < 10_000

    def test_twenty_errors_are_all_listed(self) -> None:
        def refuse(fields: Fields) -> Mapping[str, object]:
            fields.finish()
            return {}

        body = json.dumps({str(number): 1 for number in range(20)})
        assert len(body_of(answer(event(body=body), {"POST /reports": refuse}))["errors"]) == 20

    @pytest.mark.parametrize(("more", "status"), [(0, 200), (1, 413)])
    @pytest.mark.parametrize("encode", [False, True])
    def test_a_body_of_more_than_256_kb_is_413(self, more: int, status: int, encode: bool) -> None:
        body = '{"a": "' + "é" * ((256 * 1024 - 9) // 2) + "x" * (more + (256 * 1024 - 9) % 2) + '"}'
        assert len(body.encode()) == 256 * 1024 + more
        sent = base64.b64encode(body.encode()).decode() if encode else body
        response = answer(event(body=sent, isBase64Encoded=encode), {"POST /reports": lambda _: {}})
        assert response["statusCode"] == status
        if more:
            assert body_of(response)["errors"] == [
                {
                    "field": "body",
                    "code": "BodyTooLarge",
                    "message": "The body is larger than 256 KB",
                    "documentation": "docs/errors.md#bodytoolarge",
                }
            ]

    def test_a_deeply_nested_body_is_400(self) -> None:
        response = answer(event(body="[" * 200_000), {"POST /reports": echo})
        assert (response["statusCode"], body_of(response)["errors"][0]["code"]) == (400, "InvalidJson")


class TestLog:
    @pytest.fixture
    def lines(self, log_lines: Callable[[], list[dict[str, Any]]]) -> Callable[[], list[dict[str, Any]]]:
        return log_lines

    def test_a_request_that_succeeds_is_one_info_line(self, lines: Callable[[], list[dict[str, Any]]]) -> None:
        body = '{"SellerId": "A1", "RegionCode": "NA", "ReportType": "GET_X", "RefreshToken": "Atzr|1"}'
        answer(event(body=body), {"POST /reports": lambda _: {"reportId": "7", "url": "https://secret"}})
        (line,) = lines()
        assert (line["level"], line["message"]) == ("INFO", "request answered")
        assert (line["api_request_id"], line["function_request_id"]) == ("request-1", "function-request-1")
        assert (line["route"], line["seller_id"], line["region"]) == ("POST /reports", "A1", "NA")
        assert (line["report_type"], line["report_id"]) == ("GET_X", "7")
        assert not {"Atzr|1", "https://secret"} & set(map(str, line.values()))

    def test_every_id_of_a_request_and_its_answer_is_logged(self, lines: Callable[[], list[dict[str, Any]]]) -> None:
        ids = "Authorization Seller Report ReportSchedule Submission FeedRequest Marketplace Pull"
        names = [*(f"{name}Id" for name in ids.split()), "NotificationType", "ReportType", "ProductType", "Sku"]
        # As in the log: ReportScheduleId is report_schedule_id.
        fields = {name: re.sub("(?<=[a-z])(?=[A-Z])", "_", name).lower() for name in names} | {"RegionCode": "region"}
        body = json.dumps({name: f"<{name}>" for name in fields} | {"Sku": ""})
        answer(event(body=body), {"POST /reports": lambda _: {"destinationId": "d", "subscriptionIds": ["s"]}})
        (line,) = lines()
        logged = {key: line.get(key) for key in (*fields.values(), "destination_id", "subscription_ids")}
        expected = {key: f"<{name}>" for name, key in fields.items()} | {"sku": None}
        assert logged == expected | {"destination_id": "d", "subscription_ids": ["s"]}

    @pytest.mark.parametrize("context", [{}, {"identity": None}, {"identity": {"userArn": None}}])
    def test_a_request_that_nobody_signed_has_no_caller(
        self, lines: Callable[[], list[dict[str, Any]]], context: dict[str, Any]
    ) -> None:
        answer(event(requestContext={"requestId": "request-1", **context}), {"POST /reports": lambda _: {}})
        assert [line["caller"] for line in lines()] == [""]

    def test_a_request_that_is_refused_is_one_warning(self, lines: Callable[[], list[dict[str, Any]]]) -> None:
        def refuse(_: Fields) -> Mapping[str, object]:
            raise AccessDeniedError("createReport", status=403, code="Unauthorized", message="denied")

        answer(event(), {"POST /reports": refuse})
        (line,) = lines()
        assert (line["level"], line["message"], line["status"]) == ("WARNING", "request rejected", 502)
        assert (line["api_request_id"], line["route"]) == ("request-1", "POST /reports")
        assert line["errors"] == [
            {"field": None, "code": "Unauthorized", "message": "createReport: HTTP 403 Unauthorized: denied"}
        ]
        assert "exception" not in line

    def test_a_request_that_fails_is_one_error_with_its_id(self, lines: Callable[[], list[dict[str, Any]]]) -> None:
        def break_down(_: Fields) -> Mapping[str, object]:
            raise KeyError("unforeseen")

        with pytest.raises(KeyError):
            answer(event(), {"POST /reports": break_down})
        (line,) = lines()
        assert (line["level"], line["message"], line["error"]) == ("ERROR", "request failed", "KeyError")
        assert line["api_request_id"] == "request-1"

    def test_each_line_names_the_caller(self, lines: Callable[[], list[dict[str, Any]]]) -> None:
        caller = "arn:aws:sts::111122223333:assumed-role/Host/session"
        signed = event(requestContext={"requestId": "request-1", "identity": {"userArn": caller}})
        answer(signed, {"POST /reports": lambda _: {}})
        assert [line["caller"] for line in lines()] == [caller]

    def test_what_a_handler_logs_carries_both_ids(self, lines: Callable[[], list[dict[str, Any]]]) -> None:
        def noting(_: Fields) -> Mapping[str, object]:
            logger().info("inside")
            return {}

        answer(event(), {"POST /reports": noting})
        assert [line["message"] for line in lines()] == ["inside", "request answered"]
        assert {(line["api_request_id"], line["function_request_id"]) for line in lines()} == {
            ("request-1", "function-request-1")
        }
