"""The three endpoints: who may call them, and what each wrong request is told."""

import json
from collections.abc import Mapping
from pathlib import Path

import boto3
import pytest
import requests
from botocore.exceptions import ClientError
from jsonschema import Draft202012Validator

from deployment import Deployment
from tests.end_to_end.host import (
    HostProduct,
    Seller,
    invoke_user_key,
    mail_about,
    report_of,
    subscription_of,
)
from tests.waiting import SECONDS

CHECKOUT = Path(__file__).resolve().parents[2]
URLS = ("TokenStorageUrl", "NotificationsSubscriberUrl", "ReportCreatorUrl")


def body_for(url: str, seller: Seller) -> dict[str, object]:
    bodies: Mapping[str, Mapping[str, object]] = {
        "TokenStorageUrl": {"SellerId": seller.seller_id, "RefreshToken": seller.refresh_token},
        "NotificationsSubscriberUrl": subscription_of(seller),
        "ReportCreatorUrl": report_of(seller),
    }
    return dict(bodies[url])


def assert_documented(answer: requests.Response) -> None:
    """The answer to a POST has a form that docs/openapi.json gives for its status."""
    document = json.loads((CHECKOUT / "docs/openapi.json").read_text())
    described = document["paths"]["/tokens"]["post"]["responses"][str(answer.status_code)]
    schema = described["content"]["application/json"]["schema"]
    Draft202012Validator({**schema, "components": document["components"]}).validate(answer.json())


@pytest.mark.parametrize("url", URLS)
def test_an_unsigned_request_is_refused(deployment: Deployment, seller: Seller, url: str) -> None:
    answer = requests.post(deployment.url(url), json=body_for(url, seller), timeout=SECONDS)
    assert answer.status_code == 403
    assert answer.json() == {"message": "Missing Authentication Token"}
    assert_documented(answer)


@pytest.mark.parametrize("url", URLS)
def test_a_wrongly_signed_request_is_refused(host: HostProduct, seller: Seller, url: str) -> None:
    wrong = host.signature(aws_secret_access_key="wrong")
    answer = requests.post(host.deployment.url(url), json=body_for(url, seller), auth=wrong, timeout=SECONDS)
    assert answer.status_code == 403
    assert_documented(answer)


@pytest.mark.parametrize("url", URLS)
def test_the_invoke_user_itself_is_not_allowed(
    deployment: Deployment, host: HostProduct, seller: Seller, url: str
) -> None:
    key = invoke_user_key(deployment)
    signature = host.signature(
        aws_access_key_id=key["AccessKeyId"], aws_secret_access_key=key["SecretAccessKey"], aws_session_token=None
    )
    answer = requests.post(deployment.url(url), json=body_for(url, seller), auth=signature, timeout=SECONDS)
    assert answer.status_code == 403
    assert "not authorized to perform: execute-api:Invoke" in answer.json()["Message"]
    assert_documented(answer)


@pytest.mark.parametrize("end", ["/", "x"])
def test_a_path_that_does_not_exist_lacks_a_token(host: HostProduct, end: str) -> None:
    address = host.deployment.url("TokenStorageUrl") + end
    answer = requests.post(address, json={}, auth=host.signature(), timeout=SECONDS)
    assert (answer.status_code, answer.json()) == (403, {"message": "Missing Authentication Token"})
    assert_documented(answer)


def test_a_body_that_lambda_does_not_take_is_too_large(host: HostProduct) -> None:
    body = json.dumps({"SellerId": "x" * 6 * 1024 * 1024})
    answer = requests.post(host.deployment.url("TokenStorageUrl"), data=body, auth=host.signature(), timeout=SECONDS)
    assert (answer.status_code, answer.json()) == (413, {"message": "Request Too Long"})
    assert_documented(answer)


def test_another_principal_of_the_account_cannot_assume_the_invoke_role(deployment: Deployment) -> None:
    iam = boto3.client("iam", **_endpoint(deployment), aws_access_key_id="test", aws_secret_access_key="test")
    iam.create_user(UserName="somebody")
    iam.put_user_policy(
        UserName="somebody",
        PolicyName="everything",
        PolicyDocument=json.dumps(
            {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
        ),
    )
    key = iam.create_access_key(UserName="somebody")["AccessKey"]
    sts = boto3.client(
        "sts",
        **_endpoint(deployment),
        aws_access_key_id=key["AccessKeyId"],
        aws_secret_access_key=key["SecretAccessKey"],
    )
    with pytest.raises(ClientError, match="AccessDenied"):
        sts.assume_role(RoleArn=deployment.outputs["ApiGatewayInvokeRoleArn"], RoleSessionName="test")


@pytest.mark.parametrize(
    ("url", "required"),
    [
        ("TokenStorageUrl", ["SellerId", "RefreshToken"]),
        ("NotificationsSubscriberUrl", ["SellerId", "RegionCode", "NotificationType"]),
        ("ReportCreatorUrl", ["SellerId", "RegionCode", "ReportType", "MarketplaceIds"]),
    ],
)
def test_a_missing_empty_or_wrongly_typed_field_is_named(
    host: HostProduct, seller: Seller, url: str, required: list[str]
) -> None:
    good = body_for(url, seller)
    for name in required:
        for wrong in (None, "", 7):
            answer = host.send(url, good | {name: wrong})
            assert answer.status_code == 400, answer.text
            error = answer.json()
            assert [entry["field"] for entry in error["errors"]] == [name]
            assert name in error["message"]
            assert error["requestId"]


@pytest.mark.parametrize("url", URLS)
def test_an_unknown_region_is_refused(host: HostProduct, seller: Seller, url: str) -> None:
    answer = host.send(url, body_for(url, seller) | {"RegionCode": "US"})
    assert answer.status_code == 400
    assert answer.json()["errors"] == [
        {
            "field": "RegionCode",
            "code": "InvalidValue",
            "message": "RegionCode must be one of NA, EU, FE. Did you mean NA, the region of US?",
            "documentation": "docs/errors.md#invalidvalue",
        }
    ]


def test_a_mistake_gets_a_hint(host: HostProduct, seller: Seller) -> None:
    """In the real function: each hint has its own test in tests/unit."""
    body = body_for("ReportCreatorUrl", seller) | {"MarketplaceIds": "DE;US", "sellerId": "A1"}
    del body["SellerId"]
    messages = [error["message"] for error in host.send("ReportCreatorUrl", body).json()["errors"]]
    assert messages == [
        "SellerId is missing",
        'MarketplaceIds must be a list or a text with commas between the entries. Did you mean "DE,US"?',
        "sellerId is not a field of this request. Did you mean SellerId?",
    ]
    wrong = host.send("ReportCreatorUrl", body | {"SellerId": seller.seller_id, "MarketplaceIds": "DE,US"}).json()
    assert "Did you mean A1PA6795UKMFR9 for DE?" in wrong["message"]
    assert "Did you mean ATVPDKIKX0DER for US?" in wrong["message"]
    (missing,) = host.get("ReportCreatorUrl").json()["errors"]
    assert missing["message"] == "SellerId is missing: send it in the query string"
    (empty,) = host.send("TokenStorageUrl", "").json()["errors"]
    assert (empty["code"], empty["message"]) == ("Empty", "The body is empty: send the fields in it, as a JSON object")


@pytest.mark.parametrize("content_type", ["", "application/json", "text/plain", "application/x-www-form-urlencoded"])
@pytest.mark.parametrize("body", ["", "SellerId=A1", "[1]", b"\xff\xfe"])
def test_a_body_that_is_no_json_object_is_refused_whatever_its_content_type(
    host: HostProduct, content_type: str, body: str | bytes
) -> None:
    headers = {"Content-Type": content_type} if content_type else {}
    answer = host.send("TokenStorageUrl", body, **headers)
    assert answer.status_code == 400, answer.text
    assert [entry["field"] for entry in answer.json()["errors"]] == ["body"]


@pytest.mark.parametrize(
    "content_type", ["text/plain", "application/x-www-form-urlencoded", "application/octet-stream"]
)
def test_a_good_body_is_accepted_whatever_its_content_type(
    host: HostProduct, seller: Seller, content_type: str
) -> None:
    answer = host.send("TokenStorageUrl", body_for("TokenStorageUrl", seller), **{"Content-Type": content_type})
    assert answer.status_code == 200, answer.text


@pytest.mark.parametrize("url", ["NotificationsSubscriberUrl", "ReportCreatorUrl"])
def test_a_seller_without_a_token_is_unknown(host: HostProduct, seller: Seller, url: str) -> None:
    answer = host.send(url, body_for(url, seller))
    assert answer.status_code == 404
    assert answer.json()["errors"][0]["code"] == "SellerUnknown"


def test_a_token_of_another_region_does_not_serve(host: HostProduct, seller: Seller) -> None:
    host.store_token(seller, RegionCode="EU")
    assert host.send("ReportCreatorUrl", report_of(seller)).status_code == 404
    host.store_token(seller, RegionCode="NA")
    assert host.send("ReportCreatorUrl", report_of(seller)).status_code == 200


def test_subscribing_again_gives_the_same_ids(host: HostProduct, subscribed_seller: Seller) -> None:
    first, second = host.subscribe(subscribed_seller), host.subscribe(subscribed_seller)
    assert first == second
    assert set(first) == {"destinationId", "subscriptionId", "payloadVersion"}


def test_a_subscription_to_another_destination_is_told(host: HostProduct, seller: Seller) -> None:
    host.store_token(seller)
    _subscribe_elsewhere(seller)
    answer = host.send("NotificationsSubscriberUrl", subscription_of(seller))
    assert answer.status_code == 409
    assert answer.json()["errors"][0]["code"] == "SubscriptionConflict"


def test_a_refused_refresh_token_is_told_and_a_new_one_works_at_once(
    deployment: Deployment, host: HostProduct, subscribed_seller: Seller
) -> None:
    seller = subscribed_seller
    # Its delivery would ask for a token too.
    mail_about(deployment.servers, host.create_report(seller))
    seller.control("POST", f"sellers/{seller.seller_id}/revoke")
    seller.control("DELETE", "requests")
    answer = host.send("ReportCreatorUrl", report_of(seller))
    assert answer.status_code == 409, answer.text
    assert answer.json()["errors"][0]["code"] == "RefreshTokenRefused"
    assert "invalid_grant" in answer.json()["message"]
    assert seller.refresh_token not in answer.text
    asked = seller.control("GET", "requests?operation=getAccessToken")["requests"]
    assert [entry["status"] for entry in asked] == [400]
    again = seller.control("POST", f"sellers/{seller.seller_id}/authorize")
    authorized = Seller(seller.servers, seller.seller_id, again["refreshToken"])
    host.store_token(authorized)
    report_id = host.create_report(authorized)
    mail_about(deployment.servers, report_id)


def test_throttling_is_passed_on_with_its_wait(host: HostProduct, subscribed_seller: Seller) -> None:
    seller = subscribed_seller
    _fault(seller, "createReport", {"fault": "status", "status": 429})
    answer = host.send("ReportCreatorUrl", report_of(seller))
    assert answer.status_code == 429
    assert int(answer.headers["Retry-After"]) >= 1


@pytest.mark.parametrize(
    ("fault", "status"),
    [
        ({"fault": "status", "status": 500}, 502),
        ({"fault": "status", "status": 503}, 502),
        (
            {
                "fault": "status",
                "status": 403,
                "code": "Unauthorized",
                "message": "Access to requested resource is denied.",
            },
            502,
        ),
        ({"fault": "status", "status": 400, "code": "InvalidInput", "message": "Invalid reportOptions."}, 400),
        ({"fault": "reset"}, 504),
        ({"fault": "slow", "seconds": 25}, 504),
    ],
)
def test_what_sp_api_refuses_is_told_in_its_words_and_asked_once(
    host: HostProduct, subscribed_seller: Seller, fault: dict[str, object], status: int
) -> None:
    seller = subscribed_seller
    _fault(seller, "createReport", fault)
    seller.control("DELETE", "requests")
    answer = host.send("ReportCreatorUrl", report_of(seller))
    assert answer.status_code == status, answer.text
    error = answer.json()
    assert set(error) == {"message", "errors", "requestId"}
    assert ("No answer came from 127.0.0.1. Check" in error["message"]) == (status == 504), error
    if "code" in fault:
        assert error["errors"][0]["code"] == fault["code"]
        assert str(fault["message"]) in error["message"]
    # The simulator lists a request once it has answered it.
    sent = 0 if fault["fault"] == "slow" else 1
    assert len(seller.control("GET", "requests?operation=createReport")["requests"]) == sent


def test_the_application_credentials_refused_are_the_operators_matter(host: HostProduct, seller: Seller) -> None:
    host.store_token(seller)
    seller.control(
        "POST",
        "faults",
        {
            "fault": "status",
            "operation": "getAccessToken",
            "status": 401,
            "body": {"error": "invalid_client", "error_description": "Client authentication failed"},
        },
    )
    answer = host.send("ReportCreatorUrl", report_of(seller))
    assert answer.status_code == 502
    assert answer.json()["errors"][0]["code"] == "invalid_client"


def _fault(seller: Seller, operation: str, fault: dict[str, object]) -> None:
    seller.control("POST", "faults", {"operation": operation, "sellerId": seller.seller_id, **fault})


def _subscribe_elsewhere(seller: Seller) -> None:
    """As another stack with the same application does."""
    notifications = f"{seller.servers.simulator_endpoint}/na/notifications/v1"
    queue_arn = f"arn:aws:sqs:us-east-1:111122223333:{seller.seller_id}"
    destination = requests.post(
        f"{notifications}/destinations",
        json={"name": "elsewhere", "resourceSpecification": {"sqs": {"arn": queue_arn}}},
        headers={"x-amz-access-token": seller.application_access_token()},
        timeout=SECONDS,
    ).json()["payload"]["destinationId"]
    requests.post(
        f"{notifications}/subscriptions/REPORT_PROCESSING_FINISHED",
        json={"payloadVersion": "2020-09-04", "destinationId": destination},
        headers={"x-amz-access-token": seller.access_token()},
        timeout=SECONDS,
    ).raise_for_status()


def _endpoint(deployment: Deployment) -> dict[str, str]:
    return {"endpoint_url": deployment.servers.aws_endpoint, "region_name": deployment.servers.region}
