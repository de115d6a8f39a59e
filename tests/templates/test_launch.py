"""The published root template, launched through CloudFormation on the local AWS emulator."""

import itertools
import json
import re
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest
from botocore.exceptions import ClientError

from publishing import Publication, publish
from tests.templates.conftest import Account
from tests.templates.reading import ROOT, TEMPLATES, copy_checkout
from tests.templates.test_resources import FUNCTIONS
from tests.yaml_reading import yaml_parse

REQUIRED = {
    "ClientId": "amzn1.application-oa2-client.0123456789abcdef0123456789abcdef",
    "ClientSecret": "amzn1.oa2-cs.v1.0123456789abcdef0123456789abcdef",
    "ReportStorageNotificationEmail": "reports@example.com",
}
SIGNING = {
    "AccessKey": "AKIAIOSFODNN7EXAMPLE",
    "SecretKey": "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
    "RoleArn": "arn:aws:iam::111122223333:role/SellingPartner",
}
BOUNDARY = "arn:aws:iam::111122223333:policy/Boundary"
TAG = {"TagKey": "cost center", "TagValue": "4711"}
HOST_PRINCIPAL = "arn:aws:iam::444455556666:role/HostProduct"
AUTHORIZATION = {
    "AuthorizationEnabled": "Yes",
    "ApplicationId": "amzn1.sp.solution.0f8fad5b-d9cb-469f-a165-70867728950e",
    "AuthorizationLoginPage": "https://app.example.com/connect",
    "AuthorizationReturnUrls": "https://app.example.com/,https://shop.example.com/done",
    "AuthorizationNotificationTypes": "REPORT_PROCESSING_FINISHED,ORDER_CHANGE",
    "SellerConsentBeta": "Yes",
    "VendorConsentBeta": "Yes",
    "AuthorizationAddress": "https://connect.example.com",
    "CentralEndpoint": "http://127.0.0.1:9/{host}",
}
AUTHORIZATION_OUTPUTS = {
    "AuthorizationsUrl",
    "AuthorizationRestApiId",
    "AuthorizationRedirectUri",
    "AuthorizationLoginUri",
    "AuthorizationsTableName",
    "ConnectionsDeadLetterQueueUrl",
    "ConnectionsDeadLetterQueueConsoleUrl",
    "ConsentsQueueArn",
    "ConsentsDeadLetterQueueUrl",
    "ConsentsDeadLetterQueueConsoleUrl",
}
AUTHORIZATION_FUNCTIONS = {
    "SPAPIAuthorizations",
    "SPAPIAuthorizationPages",
    "SPAPIConnectionReview",
    "SPAPIConnectionEvents",
    "SPAPIConnectionSubscriber",
}
EVENT_BUS = "aws.partner/sellingpartnerapi.amazon.com/111122223333/amzn1.sp.solution.example"
# Made only for the e-mails with outcomes of listings.
DIGEST_OUTPUTS = {
    "ListingTopicArn",
    "ListingDigestQueueArn",
    "ListingDigestDeadLetterQueueUrl",
    "ListingDigestDeadLetterQueueConsoleUrl",
}
DIGEST_FUNCTION = "SPAPIListingDigest"
OPTIONAL = (
    SIGNING
    | TAG
    | AUTHORIZATION
    | {
        "HostPrincipalArn": HOST_PRINCIPAL,
        "PermissionsBoundaryArn": BOUNDARY,
        "ReportsMadeElsewhere": "ignore",
        "ReportOverdueHours": "48",
        "NoNotificationHours": "24",
        "ApiAccessLogs": "No",
        "ProductTypesEnabled": "Yes",
        "ListingsEnabled": "Yes",
        "ListingFeedsEnabled": "Yes",
        "ListingOutcomeHours": "48",
        "ListingDigest": "Yes",
        "ListingEventBus": EVENT_BUS,
        "XRayTracing": "Yes",
        "SolicitationsEnabled": "Yes",
        "SolicitationDelayDays": "10",
        "SecretRotationEnabled": "Yes",
        "ClientSecretExpires": "2027-05-22",
        "RotateSecretDaysBefore": "45",
        "SecretRotationRegion": "EU",
        "ReportLinkLifetime": "600",
        "ReportRetentionDays": "7",
        "LogRetentionDays": "14",
        "NotificationsEncryption": "KMS",
        "SellingPartnerApiEndpoint": "http://127.0.0.1:9/{sandbox}{region}",
        "LoginWithAmazonEndpoint": "http://127.0.0.1:9/auth/o2/token",
    }
)


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return copy_checkout(tmp_path_factory.mktemp("launch") / "checkout")


@pytest.fixture(scope="module")
def publication(account: Account, checkout: Path) -> Publication:
    account.client("s3").create_bucket(Bucket="launch")
    return publish("launch", endpoint_url=account.endpoint, session=account.session(), checkout=checkout)


def request(name: str, publication: Publication, parameters: Mapping[str, str]) -> dict[str, Any]:
    return {
        "StackName": name,
        "TemplateURL": publication.template_url,
        "Parameters": [{"ParameterKey": key, "ParameterValue": value} for key, value in parameters.items()],
        "Capabilities": ["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"],
    }


def settled(account: Account, stack_id: str) -> dict[str, Any]:
    cloudformation = account.client("cloudformation")
    while True:
        stack: dict[str, Any] = cloudformation.describe_stacks(StackName=stack_id)["Stacks"][0]
        if not stack["StackStatus"].endswith("_IN_PROGRESS"):
            return stack
        time.sleep(0.05)


def create(account: Account, name: str, publication: Publication, parameters: Mapping[str, str]) -> dict[str, str]:
    """Create a stack; gives its outputs and, as StackId, its id."""
    made = account.client("cloudformation").create_stack(**request(name, publication, parameters))
    stack = settled(account, made["StackId"])
    assert stack["StackStatus"] == "CREATE_COMPLETE", stack.get("StackStatusReason")
    outputs = {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}
    return {**outputs, "StackId": made["StackId"]}


def tracing(account: Account, stack_name: str) -> set[tuple[str, bool]]:
    """The modes of tracing of the functions, each with whether its role may write traces."""
    found = set()
    for function in every(account, "lambda", "list_functions", "Functions"):
        if function["FunctionName"].startswith(f"{stack_name}-"):
            (result,) = account.client("iam").simulate_principal_policy(
                PolicySourceArn=function["Role"], ActionNames=["xray:PutTraceSegments"]
            )["EvaluationResults"]
            found.add((function["TracingConfig"]["Mode"], result["EvalDecision"] == "allowed"))
    return found


def environments(account: Account, stack_name: str) -> dict[str, dict[str, str]]:
    """The functions' own variables, by POWERTOOLS_SERVICE_NAME."""
    found = {}
    for page in account.client("lambda").get_paginator("list_functions").paginate():
        for function in page["Functions"]:
            if function["FunctionName"].startswith(f"{stack_name}-"):
                variables = function["Environment"]["Variables"]
                found[variables["POWERTOOLS_SERVICE_NAME"]] = variables
    return found


def test_with_every_optional_parameter_and_with_none_side_by_side(account: Account, publication: Publication) -> None:
    declared = yaml_parse((TEMPLATES / f"{ROOT}.yaml").read_text("utf-8"))["Parameters"]
    assert set(declared) == {*REQUIRED, *OPTIONAL, *publication.hosting.parameters}
    everything = {"Effect": "Allow", "Action": "*", "Resource": "*"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [everything]})
    assert (
        account.client("iam").create_policy(PolicyName="Boundary", PolicyDocument=document)["Policy"]["Arn"] == BOUNDARY
    )

    account.client("events").create_event_bus(Name=EVENT_BUS, EventSourceName=EVENT_BUS)
    plain = create(account, "plain", publication, REQUIRED)
    full = create(account, "full", publication, REQUIRED | OPTIONAL)
    assert set(plain) | AUTHORIZATION_OUTPUTS | DIGEST_OUTPUTS == set(full) | {"ApiGatewayInvokeUserName"}
    assert not set(plain) & (AUTHORIZATION_OUTPUTS | DIGEST_OUTPUTS)
    assert full["AuthorizationRedirectUri"] == "https://connect.example.com/authorize/callback"
    assert full["AuthorizationLoginUri"] == "https://connect.example.com/authorize/login"
    shared = {name for name in set(full) & set(plain) if plain[name] == full[name]}
    assert shared == {"TemplateVersion"}
    assert re.fullmatch(r"1\.0\.0\+[0-9a-f]{16}", plain["TemplateVersion"])
    limited = boundaries(account, "full")
    assert set(limited.values()) == {BOUNDARY}
    assert "full-Access" in str(sorted(limited))
    assert set(boundaries(account, "plain").values()) == {""}
    assert what_is_there(account, "full")["users"] == []
    for name, outputs in (("plain", plain), ("full", full)):
        dashboard_shows_the_stack(account, name, outputs)
        console_urls_lead_to_their_queues(outputs)
    assert tags(account, "plain") == {None}
    assert tags(account, "full") == {TAG["TagValue"]}
    assert tracing(account, "plain") == {("PassThrough", False)}
    assert tracing(account, "full") == {("Active", True)}
    unsigned, signed = environments(account, "plain"), environments(account, "full")
    assert set(unsigned) | AUTHORIZATION_FUNCTIONS | {DIGEST_FUNCTION} == set(signed) == set(FUNCTIONS)
    secrets = account.client("secretsmanager")

    for name, variables in unsigned.items():
        assert "SIGNING_SECRET_ARN" not in variables, name
        assert not set(REQUIRED.values()) & set(variables.values()), name
    for name, variables in signed.items():
        # SPAPITokenStorage asks LWA alone, and requests to LWA are not signed.
        calls_sp_api = "APPLICATION_SECRET_ARN" in variables and name != "SPAPITokenStorage"
        assert ("SIGNING_SECRET_ARN" in variables) == calls_sp_api, name
        assert not set((REQUIRED | SIGNING).values()) & set(variables.values()), name
    creator = signed["SPAPIReportCreator"]
    assert creator["SP_API_ENDPOINT"] == OPTIONAL["SellingPartnerApiEndpoint"]
    assert creator["LWA_ENDPOINT"] == OPTIONAL["LoginWithAmazonEndpoint"]
    assert [found["SPAPIReportSweep"]["REPORT_OVERDUE_HOURS"] for found in (unsigned, signed)] == ["24", "48"]
    assert unsigned["SPAPIReportCreator"]["SP_API_ENDPOINT"] == ""
    assert signed["SPAPIReportPresignedUrlGenerator"]["LINK_LIFETIME_SECONDS"] == "600"
    held = json.loads(secrets.get_secret_value(SecretId=creator["SIGNING_SECRET_ARN"])["SecretString"])
    assert held == {
        "AccessKeyId": SIGNING["AccessKey"],
        "SecretKey": SIGNING["SecretKey"],
        "RoleArn": SIGNING["RoleArn"],
    }
    held = json.loads(secrets.get_secret_value(SecretId=creator["APPLICATION_SECRET_ARN"])["SecretString"])
    assert held == {"AppClientId": REQUIRED["ClientId"], "AppClientSecret": REQUIRED["ClientSecret"]}


def test_queues_are_encrypted_by_sqs_or_by_a_key_that_sp_api_may_use(
    account: Account, publication: Publication
) -> None:
    sqs, kms = account.client("sqs"), account.client("kms")
    attributes, urls = {}, {}
    for encryption in ("SQS", "KMS"):
        outputs = create(account, f"by-{encryption}", publication, REQUIRED | {"NotificationsEncryption": encryption})
        urls[encryption] = outputs["NotificationsQueueUrl"]
        attributes[encryption] = [
            sqs.get_queue_attributes(QueueUrl=outputs[name], AttributeNames=["All"])["Attributes"]
            for name in ("NotificationsQueueUrl", "NotificationsDeadLetterQueueUrl")
        ]
    assert [found["SqsManagedSseEnabled"] for found in attributes["SQS"]] == ["true", "true"]
    assert not any("KmsMasterKeyId" in found for found in attributes["SQS"])
    (key,) = {found["KmsMasterKeyId"] for found in attributes["KMS"]}
    policy = json.loads(kms.get_key_policy(KeyId=key, PolicyName="default")["Policy"])
    principals = [statement["Principal"]["AWS"] for statement in policy["Statement"]]
    assert principals == ["arn:aws:iam::111122223333:root", "arn:aws:iam::437568002678:root"]
    # With either encryption: messages under the key may wait in the queue after a change, or come before its end.
    for own, other in (("SQS", "KMS"), ("KMS", "SQS")):
        role = role_of_processor(account, urls[own])
        queues = {name: attributes[name][0]["QueueArn"] for name in urls}
        assert may_decrypt(account, role, queues[own])
        assert not may_decrypt(account, role, queues[other])


def role_of_processor(account: Account, queue_url: str) -> str:
    (role,) = [
        function["Role"]
        for function in every(account, "lambda", "list_functions", "Functions")
        if function["Environment"]["Variables"].get("NOTIFICATIONS_QUEUE_URL") == queue_url
    ]
    return str(role)


def may_decrypt(account: Account, role: str, queue: str) -> bool:
    """Whether the role may decrypt messages of the queue with any key of the account."""
    context = {
        "kms:ViaService": "sqs.us-east-1.amazonaws.com",
        "kms:EncryptionContext:aws:sqs:arn": queue,
    }
    (result,) = account.client("iam").simulate_principal_policy(
        PolicySourceArn=role,
        ActionNames=["kms:Decrypt"],
        ResourceArns=["arn:aws:kms:us-east-1:111122223333:key/any"],
        ContextEntries=[
            {"ContextKeyName": name, "ContextKeyType": "string", "ContextKeyValues": [value]}
            for name, value in context.items()
        ],
    )["EvaluationResults"]
    return bool(result["EvalDecision"] == "allowed")


def test_solicitations_are_left_out_and_taken_in_by_a_parameter(account: Account, publication: Publication) -> None:
    created = create(account, "silent", publication, REQUIRED | {"SolicitationsEnabled": "No"})
    dashboard_shows_the_stack(account, "silent", created)
    assert not [name for name in created if "Solicitation" in name or "Order" in name]
    assert "SPAPISolicitationScheduler" not in environments(account, "silent")
    assert environments(account, "silent")["SPAPINotificationsSubscriber"]["ORDERS_QUEUE_ARN"] == ""

    account.client("cloudformation").update_stack(
        **request("silent", publication, REQUIRED | {"SolicitationsEnabled": "Yes", "SolicitationDelayDays": "7"})
    )
    stack = settled(account, created["StackId"])
    assert stack["StackStatus"] == "UPDATE_COMPLETE", stack.get("StackStatusReason")
    outputs = {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}
    variables = environments(account, "silent")
    assert variables["SPAPISolicitationScheduler"]["SOLICITATION_DELAY_DAYS"] == "7"
    assert variables["SPAPINotificationsSubscriber"]["ORDERS_QUEUE_ARN"] == outputs["OrdersQueueArn"]
    dashboard_shows_the_stack(account, "silent", outputs)


def test_authorization_is_taken_in_by_a_parameter(account: Account, publication: Publication) -> None:
    created = create(account, "quiet", publication, REQUIRED)
    assert not AUTHORIZATION_FUNCTIONS & set(environments(account, "quiet"))
    table = account.client("dynamodb").describe_table(TableName=created["SellingPartnersTableName"])["Table"]
    assert not table.get("StreamSpecification")
    parameters = {**AUTHORIZATION, "AuthorizationAddress": "", "AuthorizationNotificationTypes": ""}
    account.client("cloudformation").update_stack(**request("quiet", publication, REQUIRED | parameters))
    stack = settled(account, created["StackId"])
    assert stack["StackStatus"] == "UPDATE_COMPLETE", stack.get("StackStatusReason")
    outputs = {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}
    assert set(environments(account, "quiet")) == set(FUNCTIONS) - {"SPAPIConnectionSubscriber", DIGEST_FUNCTION}
    assert {name for name in AUTHORIZATION_OUTPUTS if name not in outputs} == {
        name for name in AUTHORIZATION_OUTPUTS if name.startswith("Consents")
    }
    api = outputs["AuthorizationRestApiId"]
    assert outputs["AuthorizationRedirectUri"].startswith(f"https://{api}.execute-api.us-east-1.")
    assert outputs["AuthorizationRedirectUri"].endswith("/prod/authorize/callback")
    table = account.client("dynamodb").describe_table(TableName=created["SellingPartnersTableName"])["Table"]
    assert table["StreamSpecification"]["StreamViewType"] == "NEW_AND_OLD_IMAGES"
    dashboard_shows_the_stack(account, "quiet", outputs)


PARTS_OF_SIGNING = [
    {name: SIGNING[name] for name in names} for count in (1, 2) for names in itertools.combinations(SIGNING, count)
]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        *[(part, "belong together") for part in PARTS_OF_SIGNING],
        ({"TagKey": "CostCenter"}, "TagKey and TagValue belong together"),
        ({"TagValue": "4711"}, "TagKey and TagValue belong together"),
        ({"TagKey": "AWS:team", "TagValue": "4711"}, "TagKey"),
        ({"HostPrincipalArn": "arn:aws:iam::444455556666:role/*"}, "HostPrincipalArn"),
        ({"PermissionsBoundaryArn": "Boundary"}, "PermissionsBoundaryArn"),
        ({"QSS3BucketRegion": "eu-west-1"}, "stack's own region"),
        ({"QSS3KeyPrefix": ""}, "belong together"),
        ({"ClientId": "my client"}, "ClientId"),
        ({"ReportLinkLifetime": "3601"}, "ReportLinkLifetime"),
        ({"SolicitationDelayDays": "4"}, "SolicitationDelayDays"),
        ({"SolicitationsEnabled": "Maybe"}, "SolicitationsEnabled"),
        ({"AuthorizationEnabled": "Yes"}, "needs ApplicationId and AuthorizationLoginPage"),
        ({**AUTHORIZATION, "ApplicationId": ""}, "needs ApplicationId and AuthorizationLoginPage"),
        ({"ApplicationId": "amzn1.application-oa2-client.0123456789abcdef"}, "ApplicationId"),
        ({"AuthorizationLoginPage": "javascript:alert(1)"}, "AuthorizationLoginPage"),
        ({"AuthorizationReturnUrls": "https://app.example.com/#top"}, "AuthorizationReturnUrls"),
        ({"AuthorizationAddress": "https://connect.example.com/"}, "AuthorizationAddress"),
        ({"CentralEndpoint": "https://sellercentral.amazon.com"}, "CentralEndpoint"),
    ],
    ids=lambda value: "+".join(value) if isinstance(value, dict) else "",
)
def test_what_cannot_work_is_refused_at_launch(
    account: Account, publication: Publication, changes: dict[str, str], words: str
) -> None:
    with pytest.raises(ClientError, match=words):
        account.client("cloudformation").create_stack(**request("refused", publication, REQUIRED | changes))


def test_an_update_keeps_data_and_a_deletion_keeps_what_is_retained(
    account: Account, publication: Publication, checkout: Path
) -> None:
    created = create(account, "lasting", publication, REQUIRED)
    dynamodb, s3, secrets = account.client("dynamodb"), account.client("s3"), account.client("secretsmanager")
    item = {"SellerId": {"S": "A1"}, "Item": {"S": "TOKEN#NA"}}
    dynamodb.put_item(TableName=created["SellingPartnersTableName"], Item=item)
    s3.put_object(Bucket=created["ReportsBucketName"], Key="report", Body=b"rows")
    before = environments(account, "lasting")["SPAPIReportCreator"]
    rotated = json.dumps({"AppClientId": REQUIRED["ClientId"], "AppClientSecret": "rotated since"})
    secrets.put_secret_value(SecretId=before["APPLICATION_SECRET_ARN"], SecretString=rotated)

    app = checkout / "functions/token_storage/app.py"
    app.write_text(app.read_text() + "\n# changed\n")
    changed = publish("launch", endpoint_url=account.endpoint, session=account.session(), checkout=checkout)
    assert changed.template_url != publication.template_url
    parameters = REQUIRED | {"ReportLinkLifetime": "600"}
    account.client("cloudformation").update_stack(**request("lasting", changed, parameters))
    stack = settled(account, created["StackId"])
    assert stack["StackStatus"] == "UPDATE_COMPLETE", stack.get("StackStatusReason")
    outputs = {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}
    assert outputs.pop("TemplateVersion") != created["TemplateVersion"]
    assert outputs == {name: value for name, value in created.items() if name not in ("StackId", "TemplateVersion")}
    after = environments(account, "lasting")
    assert after["SPAPIReportPresignedUrlGenerator"]["LINK_LIFETIME_SECONDS"] == "600"
    assert dynamodb.get_item(TableName=created["SellingPartnersTableName"], Key=item)["Item"] == item
    assert s3.get_object(Bucket=created["ReportsBucketName"], Key="report")["Body"].read() == b"rows"
    held = secrets.get_secret_value(SecretId=after["SPAPIReportCreator"]["APPLICATION_SECRET_ARN"])
    assert held["SecretString"] == rotated

    assert all(what_is_there(account, "lasting").values())
    account.client("cloudformation").delete_stack(StackName="lasting")
    stack = settled(account, created["StackId"])
    assert stack["StackStatus"] == "DELETE_COMPLETE", stack.get("StackStatusReason")
    there = what_is_there(account, "lasting")
    (logs_role,) = there.pop("roles")
    assert "ApiGatewayLogsRole" in logs_role
    assert (len(there.pop("keys")), len(there.pop("secrets"))) == (1, 1)
    assert there == {
        "buckets": sorted(
            created[name] for name in ("ReportsBucketName", "ProductTypesBucketName", "ListingFeedsBucketName")
        ),
        "tables": sorted(
            created[name]
            for name in (
                "ListingsTableName",
                "ListingFeedsTableName",
                "ProductTypesTableName",
                "ReportsTableName",
                "SecretRotationTableName",
                "SellingPartnersTableName",
                "SolicitationsTableName",
            )
        ),
        "functions": [],
        "queues": [],
        "topics": [],
        "schedule groups": [],
        "state machines": [],
        "users": [],
        "log groups": [],
        "layers": [],
        "alarms": [],
        "dashboards": [],
        "event buses": [],
    }
    apis = {api["id"] for api in account.client("apigateway").get_rest_apis()["items"]}
    assert not apis & set(created.values())
    assert account.client("kms").describe_key(KeyId=before["TOKEN_KEY_ARN"])["KeyMetadata"]["Enabled"] is True
    assert secrets.get_secret_value(SecretId=before["APPLICATION_SECRET_ARN"])["SecretString"] == rotated


@pytest.mark.parametrize("missing", ["functions/submit_solicitation", "templates/monitoring"])
def test_a_creation_that_fails_in_the_middle_leaves_nothing(
    account: Account, publication: Publication, missing: str
) -> None:
    s3, name = account.client("s3"), f"broken-{missing.partition('/')[0]}"
    (key,) = [one.key for one in publication.uploaded if one.key.startswith(f"{publication.hosting.prefix}{missing}-")]
    content = s3.get_object(Bucket="launch", Key=key)["Body"].read()
    apis = len(account.client("apigateway").get_rest_apis(limit=500)["items"])
    s3.delete_object(Bucket="launch", Key=key)
    try:
        made = account.client("cloudformation").create_stack(**request(name, publication, REQUIRED | SIGNING))
        stack = settled(account, made["StackId"])
    finally:
        s3.put_object(Bucket="launch", Key=key, Body=content)

    assert stack["StackStatus"] == "ROLLBACK_COMPLETE"
    events = account.client("cloudformation").describe_stack_events(StackName=made["StackId"])["StackEvents"]
    finished = {event["LogicalResourceId"] for event in events if event["ResourceStatus"] == "CREATE_COMPLETE"}
    assert {"Foundation", "Reports"} <= finished, "a failure in the middle"
    assert not any(what_is_there(account, name).values())
    assert len(account.client("apigateway").get_rest_apis(limit=500)["items"]) == apis


def boundaries(account: Account, stack_name: str) -> dict[str, str]:
    """The permissions boundary of each role and user of a stack, or nothing."""
    iam = account.client("iam")
    there = what_is_there(account, stack_name)
    found = {name: iam.get_role(RoleName=name)["Role"] for name in there["roles"]}
    found |= {name: iam.get_user(UserName=name)["User"] for name in there["users"]}
    return {name: one.get("PermissionsBoundary", {}).get("PermissionsBoundaryArn", "") for name, one in found.items()}


def tags(account: Account, stack_name: str) -> set[str | None]:
    """The values of the tag of OPTIONAL on a stack's children, roles, functions, tables and queues."""
    there = what_is_there(account, stack_name)
    iam, functions, sqs = account.client("iam"), account.client("lambda"), account.client("sqs")
    dynamodb, arn = account.client("dynamodb"), "arn:aws:dynamodb:us-east-1:111122223333:table/"
    pages = account.client("cloudformation").get_paginator("describe_stacks").paginate()
    stacks = [stack for page in pages for stack in page["Stacks"]]
    found = [stack["Tags"] for stack in stacks if stack["StackName"].startswith(f"{stack_name}-")]
    children = set(yaml_parse((TEMPLATES / f"{ROOT}.yaml").read_text("utf-8"))["Resources"])
    switched_on = set(environments(account, stack_name)) >= AUTHORIZATION_FUNCTIONS
    assert len(found) == len(children if switched_on else children - {"Authorization"})
    found += [iam.list_role_tags(RoleName=name)["Tags"] for name in there["roles"]]
    found += [dynamodb.list_tags_of_resource(ResourceArn=arn + name)["Tags"] for name in there["tables"]]
    flat = [{tag["Key"]: tag["Value"] for tag in one} for one in found]
    flat += [
        functions.list_tags(Resource=functions.get_function(FunctionName=name)["Configuration"]["FunctionArn"])["Tags"]
        for name in there["functions"]
    ]
    flat += [
        sqs.list_queue_tags(QueueUrl=sqs.get_queue_url(QueueName=name)["QueueUrl"]).get("Tags", {})
        for name in there["queues"]
    ]
    return {one.get(TAG["TagKey"]) for one in flat}


def dashboard_shows_the_stack(account: Account, stack_name: str, outputs: Mapping[str, str]) -> None:
    """The dashboard's body is JSON; what it draws exists and is this stack's, and nothing of the stack is left out."""
    cloudwatch, there = account.client("cloudwatch"), what_is_there(account, stack_name)
    name = outputs["DashboardConsoleUrl"].rpartition("/")[2]
    assert [name] == there["dashboards"]
    widgets = json.loads(cloudwatch.get_dashboard(DashboardName=name)["DashboardBody"])["widgets"]
    (alarms,) = [widget["properties"]["alarms"] for widget in widgets if widget["type"] == "alarm"]
    described = cloudwatch.describe_alarms(AlarmNamePrefix=f"{stack_name}-")["MetricAlarms"]
    assert sorted(alarms) == sorted(alarm["AlarmArn"] for alarm in described)
    drawn: dict[tuple[str, str, str], set[str]] = {}
    for widget in widgets:
        if widget["type"] == "metric":
            assert widget["properties"]["region"] == "us-east-1"
            for namespace, metric, *of, options in widget["properties"]["metrics"]:
                dimension, value = of or ("", "")
                drawn.setdefault((namespace, metric, dimension), set()).add(value)
                # A label says which one it is, as a generated name is cut.
                assert namespace == "AWS/States" or not of or options["label"][:12] in value
    # The dashboard shows the other capabilities in their alarms alone: it has 50 metrics at most.
    left_out = (
        f"{stack_name}-Authorization-",
        "-SecretRotat",
        f"{stack_name}-ProductTypes-",
        f"{stack_name}-Listings-",
        f"{stack_name}-ListingFeeds-",
    )
    machines = {
        outputs[name] for name in ("ReportProcessorStateMachineArn", "SolicitationStateMachineArn") if name in outputs
    }
    queues, functions = (
        {name for name in there[kind] if not any(part in name for part in left_out)} for kind in ("queues", "functions")
    )
    dead_letters = {name for name in queues if "DeadLetter" in name}
    apis = {"TokenStorageRestApi", "NotificationsSubscriberRestApi", "ReportCreatorRestApi"}
    # What an API waits for is in its latency.
    assert drawn.pop(("AWS/Lambda", "Duration", "FunctionName")) < functions
    assert drawn == {
        **{
            ("AWS/States", f"Executions{status}", "StateMachineArn"): machines
            for status in ("Started", "Succeeded", "Failed", "TimedOut", "Aborted")
        },
        ("AWS/SQS", "ApproximateAgeOfOldestMessage", "QueueName"): queues - dead_letters,
        ("AWS/SQS", "ApproximateNumberOfMessagesVisible", "QueueName"): dead_letters,
        **{("AWS/ApiGateway", metric, "ApiName"): apis for metric in ("Count", "4XXError", "5XXError", "Latency")},
        ("AWS/Lambda", "Errors", "FunctionName"): functions,
        # The limit of functions at once is the account's.
        **{("AWS/Lambda", metric, ""): {""} for metric in ("ConcurrentExecutions", "Throttles")},
    }
    cells = [
        (column, row)
        for widget in widgets
        for column in range(widget["x"], widget["x"] + widget["width"])
        for row in range(widget["y"], widget["y"] + widget["height"])
    ]
    assert len(cells) == len(set(cells)), "widgets lie upon one another"
    assert {column for column, _ in cells} == set(range(24))


def console_urls_lead_to_their_queues(outputs: Mapping[str, str]) -> None:
    queues = [name for name in outputs if name.endswith("DeadLetterQueueUrl")]
    assert len(queues) == 6 + sum(
        "DeadLetterQueueUrl" in name for name in outputs if name.startswith(("Co", "Pr", "Li"))
    )
    for name in queues:
        address = urlsplit(outputs[name.replace("Url", "ConsoleUrl")])
        assert (address.netloc, address.path) == ("us-east-1.console.aws.amazon.com", "/sqs/v3/home")
        assert address.query == "region=us-east-1"
        kind, slash, queue = address.fragment.removeprefix("/").partition("/")
        assert (kind, slash) == ("queues", "/")
        assert "/" not in queue
        expected = f"https://sqs.us-east-1.amazonaws.com/111122223333/{outputs[name].rpartition('/')[2]}"
        assert unquote(queue) == expected


def what_is_there(account: Account, stack_name: str) -> dict[str, list[str]]:
    """The names of what belongs to a stack, by kind."""
    cloudformation = "/aws/cloudformation/"
    listed = {
        "buckets": every(account, "s3", "list_buckets", "Buckets[].Name"),
        "tables": every(account, "dynamodb", "list_tables", "TableNames[]"),
        "functions": every(account, "lambda", "list_functions", "Functions[].FunctionName"),
        "queues": [url.rpartition("/")[2] for url in every(account, "sqs", "list_queues", "QueueUrls[]")],
        "topics": [arn.rpartition(":")[2] for arn in every(account, "sns", "list_topics", "Topics[].TopicArn")],
        "schedule groups": every(account, "scheduler", "list_schedule_groups", "ScheduleGroups[].Name"),
        "state machines": every(account, "stepfunctions", "list_state_machines", "stateMachines[].name"),
        "roles": every(account, "iam", "list_roles", "Roles[].RoleName"),
        "users": every(account, "iam", "list_users", "Users[].UserName"),
        "log groups": [
            name.rpartition("/states/")[2].removeprefix(cloudformation)
            for name in every(account, "logs", "describe_log_groups", "logGroups[].logGroupName")
        ],
        "layers": every(account, "lambda", "list_layers", "Layers[].LayerName"),
        "alarms": every(account, "cloudwatch", "describe_alarms", "MetricAlarms[].AlarmName"),
        "dashboards": every(account, "cloudwatch", "list_dashboards", "DashboardEntries[].DashboardName"),
        "event buses": [bus["Name"] for bus in account.client("events").list_event_buses()["EventBuses"]],
        "secrets": every(account, "secretsmanager", "list_secrets", "SecretList[].Name"),
        "keys": keys_by_stack(account),
    }
    return {kind: sorted(name for name in names if name.startswith(f"{stack_name}-")) for kind, names in listed.items()}


def every(account: Account, service: str, operation: str, expression: str) -> list[Any]:
    """What a JMESPath expression finds on all pages of an operation's answer."""
    return list(filter(None, account.client(service).get_paginator(operation).paginate().search(expression)))


def keys_by_stack(account: Account) -> list[str]:
    """The keys that are not to be deleted, each as its stack's name and its id; keys have no names of their own."""
    kms = account.client("kms")
    found = []
    for page in kms.get_paginator("list_keys").paginate():
        for key in page["Keys"]:
            if kms.describe_key(KeyId=key["KeyId"])["KeyMetadata"]["KeyState"] != "PendingDeletion":
                own = {tag["TagKey"]: tag["TagValue"] for tag in kms.list_resource_tags(KeyId=key["KeyId"])["Tags"]}
                found.append(f"{own.get('aws:cloudformation:stack-name', '')}/{key['KeyId']}")
    return found
