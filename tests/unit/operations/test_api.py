"""What the operator's commands say when the stack refuses a request."""

from operations.api import RefusedError


def test_each_error_is_told_once() -> None:
    errors = [{"code": "InvalidInput", "message": text} for text in ("SellerId is wrong", "ReportTypes is missing")]
    answer = {"message": "SellerId is wrong; ReportTypes is missing", "errors": errors}
    assert str(RefusedError("GET /x", 400, answer)) == "GET /x: HTTP 400: SellerId is wrong; ReportTypes is missing"


def test_errors_that_the_message_leaves_out_follow_it() -> None:
    answer = {"message": "refused", "errors": [{"code": "A", "message": "SellerId is wrong"}]}
    found = RefusedError("GET /x", 400, answer)
    assert str(found) == "GET /x: HTTP 400: refused; SellerId is wrong"
    assert found.codes == ("A",)
