"""docs/iam: what the policies allow and what they do not, asked of the emulator's IAM and tried as users."""

import gzip
import json
import re
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import botocore
import pytest
from botocore.exceptions import ClientError

from publishing import Publication, PublishingError, publish
from reference.deployer_policy import PATH, deployer_policy, grants, written
from reference.resource_permissions import (
    ALARMS,
    API_ACCOUNT,
    BUCKETS,
    DASHBOARDS,
    EVENT_BUSES,
    EVENT_SOURCE_MAPPING_TAGS,
    EVENT_SOURCE_MAPPINGS,
    FUNCTIONS,
    KEYS,
    LAYERS,
    LOG_GROUPS,
    NAME_PREFIX,
    PASSED_ROLES,
    PUBLISHED,
    QUEUES,
    RESOURCE_TYPES,
    REST_APIS,
    ROLES,
    RULES,
    SCHEDULE_GROUPS,
    SECRETS,
    STACKS,
    STATE_MACHINES,
    TABLES,
    TOPICS,
    TRANSFORM,
    UNLIMITED,
    UNLIMITED_QUESTIONS,
    USERS,
    Scope,
)
from tests.templates.conftest import Account
from tests.templates.reading import CHECKOUT, Resource, Template, copy_checkout, listed, resources
from tests.templates.test_launch import REQUIRED, request, settled

IAM = CHECKOUT / "docs" / "iam"
POLICIES = sorted(path.name for path in IAM.glob("*.json"))
ACCOUNT = "111122223333"
STACK = "selling-partner-api-prod"
BUCKET = "launch-by-deployer"
# AWS: IAM and STS quotas, characters of a managed policy without white space.
POLICY_LIMIT = 6144
HERE = {"REGION": "us-east-1", "ACCOUNT_ID": ACCOUNT, "TEMPLATE_BUCKET": BUCKET}


def policy_text(name: str, **values: str) -> str:
    """A policy of docs/iam as its reader fills it in."""
    text = (IAM / name).read_text()
    for variable, value in (HERE | values).items():
        text = text.replace(variable, value)
    return text


# What each type needs


def test_the_table_knows_every_type_and_every_property_of_the_templates_and_no_other(
    templates: dict[str, Template],
) -> None:
    used: dict[str, set[str]] = {}
    for resource in resources(templates):
        used.setdefault(resource.type, set()).update(resource.properties)
    known = {name: set(resource_type.properties) for name, resource_type in RESOURCE_TYPES.items()}
    assert known == used, "reference/resource_permissions.py: say what the deploying user needs for it"


# What AWS's schemas and its reference of tags ask for, and what is easily missed: the dashboard, which takes tags since
# 2026 (https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_TagResource.html), and the questions that
# the handlers of log groups and buckets put besides.
EASILY_MISSED = {
    DASHBOARDS: {"cloudwatch:TagResource", "cloudwatch:UntagResource", "cloudwatch:ListTagsForResource"},
    BUCKETS: {"s3:TagResource", "s3:UntagResource", "s3:ListTagsForResource", "s3:GetBucketAbac"},
    UNLIMITED: {"logs:DescribeIndexPolicies", "logs:DescribeResourcePolicies"},
}


def test_what_is_easily_missed_is_in_the_table() -> None:
    needed = dict(needed_actions())
    assert not [missed for scope, actions in EASILY_MISSED.items() if (missed := actions - needed[scope])]


def test_what_is_committed_is_what_would_be_written() -> None:
    assert (CHECKOUT / PATH).read_text() == written(), "run `make reference` and commit what it writes"


@pytest.mark.parametrize("name", POLICIES)
def test_a_policy_fits_with_the_longest_values(name: str) -> None:
    longest = {
        "REGION": "ap-southeast-1",
        "TEMPLATE_BUCKET": "b" * 63,
        NAME_PREFIX: "p" * 25,
        "BOUNDARY_ARN": "a" * 150,
    }
    assert len(re.sub(r"\s", "", policy_text(name, **longest))) <= POLICY_LIMIT


@pytest.mark.parametrize("name", POLICIES)
def test_iam_takes_a_policy_and_nothing_is_left_to_fill_in(account: Account, name: str) -> None:
    text = policy_text(name, BOUNDARY_ARN=f"arn:aws:iam::{ACCOUNT}:policy/boundary")
    assert not re.findall(r"[A-Z]+_[A-Z]+|REGION", text)
    sids = [statement["Sid"] for statement in json.loads(text)["Statement"]]
    assert len(sids) == len(set(sids))
    account.client("iam").create_policy(PolicyName=name.removesuffix(".json"), PolicyDocument=text)


# Services whose actions are named as their operations; S3's and API Gateway's are not.
SERVICES = {
    "cloudformation": "cloudformation",
    "cloudwatch": "cloudwatch",
    "dynamodb": "dynamodb",
    "events": "events",
    "iam": "iam",
    "kms": "kms",
    "lambda": "lambda",
    "logs": "logs",
    "scheduler": "scheduler",
    "sns": "sns",
    "sqs": "sqs",
    "states": "stepfunctions",
}


def operation_names(service: str) -> list[str]:
    """From botocore's description of a service."""
    newest = max((Path(botocore.__file__).parent / "data" / service).iterdir())
    return list(json.loads(gzip.decompress((newest / "service-2.json.gz").read_bytes()))["operations"])


def test_a_wildcard_grants_nothing_besides_but_what_tells_or_tags() -> None:
    needed = {action for grant in grants() for action in grant.actions}
    allowed = [actions for statement in deployer_policy()["Statement"] for actions in listed(statement["Action"])]
    for service, name in SERVICES.items():
        patterns = [pattern for pattern in allowed if pattern.startswith(f"{service}:") and "*" in pattern]
        operations = operation_names(name) if patterns else []
        besides = {
            action
            for action in (f"{service}:{operation}" for operation in operations)
            if any(fnmatchcase(action.lower(), pattern.lower()) for pattern in patterns) and action not in needed
        }
        assert not {action for action in besides if not re.search(":(Get|List|Describe|Tag|Untag)", action)}, patterns


# Names as AWS makes them


def generated_name(stack: str, logical_id: str, longest: int) -> str:
    """The name that CloudFormation gives a resource: stack and logical id share evenly what the random ending leaves.

    Source: generateResourceIdentifier in
    https://github.com/aws-cloudformation/cloudformation-cli-java-plugin/blob/master/src/main/java/software/amazon/cloudformation/resource/IdentifierUtils.java
    """
    free = longest - 14
    half = free // 2
    for_stack = min(len(stack), max(half, free - len(logical_id)))
    for_logical_id = min(len(logical_id), free - for_stack)
    return f"{stack[:for_stack]}-{logical_id[:for_logical_id]}-{'x' * 12}"


# Each service's own limit of a name.
LONGEST_NAMES = {
    "AWS::CloudWatch::Alarm": 255,
    "AWS::DynamoDB::Table": 255,
    "AWS::Events::Rule": 64,
    "AWS::IAM::Role": 64,
    "AWS::IAM::User": 64,
    "AWS::Lambda::Function": 64,
    "AWS::Logs::LogGroup": 512,
    "AWS::S3::Bucket": 63,
    "AWS::SNS::Topic": 256,
    "AWS::SQS::Queue": 80,
}
# Names that begin with the logical id: https://github.com/aws/aws-sam-cli/issues/2022 (state machines),
# https://github.com/aws/aws-cdk/issues/11573 (secrets). Of the other two AWS does not say which they are.
NAMED_BY_LOGICAL_ID = {
    "AWS::CloudWatch::Dashboard",
    "AWS::Scheduler::ScheduleGroup",
    "AWS::SecretsManager::Secret",
    "AWS::StepFunctions::StateMachine",
}
ARNS = {
    "AWS::CloudWatch::Alarm": (ALARMS, "arn:aws:cloudwatch:us-east-1:{account}:alarm:{name}"),
    "AWS::CloudWatch::Dashboard": (DASHBOARDS, "arn:aws:cloudwatch::{account}:dashboard/{name}"),
    "AWS::DynamoDB::Table": (TABLES, "arn:aws:dynamodb:us-east-1:{account}:table/{name}"),
    "AWS::Events::EventBus": (EVENT_BUSES, "arn:aws:events:us-east-1:{account}:event-bus/{name}"),
    "AWS::Events::Rule": (RULES, "arn:aws:events:us-east-1:{account}:rule/{name}"),
    "AWS::IAM::Role": (ROLES, "arn:aws:iam::{account}:role/{name}"),
    "AWS::IAM::User": (USERS, "arn:aws:iam::{account}:user/{name}"),
    "AWS::Lambda::Function": (FUNCTIONS, "arn:aws:lambda:us-east-1:{account}:function:{name}"),
    "AWS::Lambda::LayerVersion": (LAYERS, "arn:aws:lambda:us-east-1:{account}:layer:{name}:1"),
    "AWS::Logs::LogGroup": (LOG_GROUPS, "arn:aws:logs:us-east-1:{account}:log-group:{name}"),
    "AWS::S3::Bucket": (BUCKETS, "arn:aws:s3:::{name}"),
    "AWS::SNS::Topic": (TOPICS, "arn:aws:sns:us-east-1:{account}:{name}"),
    "AWS::SQS::Queue": (QUEUES, "arn:aws:sqs:us-east-1:{account}:{name}"),
    "AWS::Scheduler::ScheduleGroup": (SCHEDULE_GROUPS, "arn:aws:scheduler:us-east-1:{account}:schedule-group/{name}"),
    "AWS::SecretsManager::Secret": (SECRETS, "arn:aws:secretsmanager:us-east-1:{account}:secret:{name}-AbCdEf"),
    "AWS::StepFunctions::StateMachine": (STATE_MACHINES, "arn:aws:states:us-east-1:{account}:stateMachine:{name}"),
}


def name_on_aws(resource: Resource, root: str) -> str:
    logical_id = "".join(part.capitalize() for part in resource.template.split("-"))
    stack = f"{root}-{logical_id}-{'X' * 13}"
    for given in ("Name", "LayerName", "LogGroupName"):
        match resource.properties.get(given):
            case {"Fn::Sub": str(text)}:
                return text.replace("${AWS::StackName}", stack)
    if resource.type in NAMED_BY_LOGICAL_ID:
        return f"{resource.name}-{'x' * 12}"
    name = generated_name(stack, resource.name, LONGEST_NAMES[resource.type])
    return name.lower() if resource.type == "AWS::S3::Bucket" else name


def arns_of_stack(templates: Mapping[str, Template], root: str) -> dict[Scope, set[str]]:
    """The ARNs of a stack's resources on AWS, by what the policy's table calls them."""
    found: dict[Scope, set[str]] = {
        API_ACCOUNT: {"arn:aws:apigateway:us-east-1::/account"},
        EVENT_SOURCE_MAPPINGS: {"*"},
        EVENT_SOURCE_MAPPING_TAGS: {f"arn:aws:lambda:us-east-1:{ACCOUNT}:event-source-mapping:1e2f"},
        KEYS: {f"arn:aws:kms:us-east-1:{ACCOUNT}:key/1e2f"},
        PUBLISHED: {f"arn:aws:s3:::{BUCKET}/selling-partner-api-quick-start/templates/quickstart.yaml"},
        REST_APIS: {
            "arn:aws:apigateway:us-east-1::/restapis",
            "arn:aws:apigateway:us-east-1::/restapis/a1b2/stages/prod",
            "arn:aws:apigateway:us-east-1::/tags/arn%3Aaws%3Aapigateway%3Aus-east-1%3A%3A%2Frestapis%2Fa1b2",
        },
        STACKS: {
            f"arn:aws:cloudformation:us-east-1:{ACCOUNT}:stack/{root}/1e2f",
            f"arn:aws:cloudformation:us-east-1:{ACCOUNT}:stack/{root}-Reports-XXXX/1e2f",
        },
        TRANSFORM: {"arn:aws:cloudformation:us-east-1:aws:transform/Serverless-2016-10-31"},
        UNLIMITED: {"*"},
        UNLIMITED_QUESTIONS: {"*"},
    }
    for resource in resources(dict(templates), *ARNS):
        scope, pattern = ARNS[resource.type]
        found.setdefault(scope, set()).add(pattern.format(account=ACCOUNT, name=name_on_aws(resource, root)))
    found[PASSED_ROLES] = found[ROLES]
    return found


def test_the_longest_prefix_that_the_policy_takes_is_left_in_every_name(templates: dict[str, Template]) -> None:
    """docs/iam/README.md promises 25 letters."""
    root = "s" * 128
    for resource in resources(templates, *LONGEST_NAMES):
        name = name_on_aws(resource, root).removeprefix("/aws/vendedlogs/states/")
        assert name.startswith("s" * 25), name


# What IAM decides


@dataclass(frozen=True)
class Asker:
    """Asks IAM what a user may do."""

    iam: Any
    arn: str

    def decisions(self, actions: Iterable[str], resource: str, **context: str | list[str]) -> dict[str, str]:
        entries = [
            {
                "ContextKeyName": name,
                "ContextKeyType": "stringList" if isinstance(values, list) else "string",
                "ContextKeyValues": values if isinstance(values, list) else [values],
            }
            for name, values in context.items()
        ]
        answer = self.iam.simulate_principal_policy(
            PolicySourceArn=self.arn, ActionNames=sorted(actions), ResourceArns=[resource], ContextEntries=entries
        )
        return {result["EvalActionName"]: result["EvalDecision"] for result in answer["EvaluationResults"]}


def user_with(account: Account, name: str, *policies: str) -> tuple[str, str]:
    """A user with these policies attached; gives an access key."""
    key = account.user_keys(name)
    iam = account.client("iam")
    for number, text in enumerate(policies):
        policy = iam.create_policy(PolicyName=f"{name}-{number}", PolicyDocument=text)["Policy"]
        iam.attach_user_policy(UserName=name, PolicyArn=policy["Arn"])
    return key


@pytest.fixture(scope="module")
def deployer_key(account: Account) -> tuple[str, str]:
    return user_with(account, "deployer", policy_text(Path(PATH).name))


@pytest.fixture(scope="module")
def deployer(account: Account, deployer_key: tuple[str, str]) -> Asker:  # noqa: ARG001 the user that it makes
    return Asker(account.client("iam"), f"arn:aws:iam::{ACCOUNT}:user/deployer")


def needed_actions() -> Iterator[tuple[Scope, set[str]]]:
    actions: dict[Scope, set[str]] = {}
    for grant in grants():
        actions.setdefault(grant.scope, set()).update(grant.actions)
    yield from actions.items()


def right_context(root: str) -> dict[str, Any]:
    return {
        "aws:CalledVia": ["cloudformation.amazonaws.com"],
        "iam:PassedToService": "lambda.amazonaws.com",
        "lambda:FunctionArn": f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:{root[:25]}-Processor",
    }


def test_everything_needed_for_the_stack_is_allowed(templates: dict[str, Template], deployer: Asker) -> None:
    arns = arns_of_stack(templates, STACK)
    for scope, actions in needed_actions():
        for arn in arns[scope]:
            decisions = deployer.decisions(actions, arn, **right_context(STACK))
            assert set(decisions.values()) == {"allowed"}, (arn, decisions)


def test_a_stack_with_another_name_is_out_of_reach(templates: dict[str, Template], deployer: Asker) -> None:
    """Even through CloudFormation, all but what no name of a stack tells apart."""
    arns = arns_of_stack(templates, "another-stack")
    indistinct = {
        API_ACCOUNT,
        DASHBOARDS,
        EVENT_SOURCE_MAPPING_TAGS,
        KEYS,
        PUBLISHED,
        REST_APIS,
        SCHEDULE_GROUPS,
        SECRETS,
        STATE_MACHINES,
        TRANSFORM,
        UNLIMITED,
        UNLIMITED_QUESTIONS,
    }
    for scope, actions in needed_actions():
        for arn in arns[scope]:
            decisions = deployer.decisions(actions, arn, **right_context("another-stack"))
            expected = {"allowed"} if scope in indistinct else {"implicitDeny"}
            assert set(decisions.values()) == expected, (arn, decisions)


def test_what_no_name_tells_apart_is_cloudformations_alone(templates: dict[str, Template], deployer: Asker) -> None:
    arns = arns_of_stack(templates, STACK)
    for scope, actions in needed_actions():
        if scope in (
            DASHBOARDS,
            EVENT_SOURCE_MAPPING_TAGS,
            KEYS,
            REST_APIS,
            SCHEDULE_GROUPS,
            SECRETS,
            STATE_MACHINES,
            UNLIMITED,
        ):
            for arn in arns[scope]:
                assert set(deployer.decisions(actions, arn).values()) == {"implicitDeny"}, arn


def test_roles_are_passed_to_lambda_and_step_functions_only(templates: dict[str, Template], deployer: Asker) -> None:
    role = min(arns_of_stack(templates, STACK)[ROLES])
    passed = {
        service: deployer.decisions(["iam:PassRole"], role, **{"iam:PassedToService": f"{service}.amazonaws.com"})
        for service in ("lambda", "states", "ec2", "scheduler")
    }
    assert [service for service, decision in passed.items() if decision == {"iam:PassRole": "allowed"}] == [
        "lambda",
        "states",
    ]


# The stack's data and its use, and the ways to more rights.
DENIED = {
    BUCKETS: [
        "s3:DeleteObject",
        "s3:DeleteObjectTagging",
        "s3:GetObject",
        "s3:GetObjectTagging",
        "s3:PutObject",
        "s3:PutObjectTagging",
    ],
    FUNCTIONS: ["lambda:InvokeFunction", "lambda:CreateFunctionUrlConfig"],
    LOG_GROUPS: ["logs:FilterLogEvents", "logs:GetLogEvents"],
    QUEUES: ["sqs:ReceiveMessage", "sqs:SendMessage", "sqs:DeleteMessage", "sqs:PurgeQueue"],
    ROLES: ["iam:AttachRolePolicy", "sts:AssumeRole"],
    SECRETS: ["secretsmanager:PutSecretValue"],
    STATE_MACHINES: ["states:StartExecution"],
    TABLES: ["dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:Query", "dynamodb:Scan", "dynamodb:DeleteItem"],
    TOPICS: ["sns:Publish"],
    USERS: ["iam:AttachUserPolicy", "iam:CreateAccessKey", "iam:CreateLoginProfile", "iam:AddUserToGroup"],
    KEYS: ["kms:Decrypt", "kms:Encrypt", "kms:CreateGrant", "kms:GenerateDataKey"],
    UNLIMITED: ["iam:CreatePolicy", "iam:CreatePolicyVersion", "execute-api:Invoke", "sts:AssumeRole"],
}


def test_data_and_use_of_the_stack_are_denied_even_through_cloudformation(
    templates: dict[str, Template], deployer: Asker
) -> None:
    arns = arns_of_stack(templates, STACK)
    for scope, actions in DENIED.items():
        for arn in arns[scope]:
            resource = f"{arn}/report.tsv" if scope is BUCKETS else arn
            decisions = deployer.decisions(actions, resource, **right_context(STACK))
            assert set(decisions.values()) == {"implicitDeny"}, (resource, decisions)


def test_with_the_boundary_policy_roles_and_users_need_the_boundary(
    account: Account, templates: dict[str, Template]
) -> None:
    boundary = f"arn:aws:iam::{ACCOUNT}:policy/boundary"
    texts = policy_text(Path(PATH).name), policy_text("require-boundary-policy.json", BOUNDARY_ARN=boundary)
    user_with(account, "bounded", *texts)
    bounded = Asker(account.client("iam"), f"arn:aws:iam::{ACCOUNT}:user/bounded")
    arns = arns_of_stack(templates, STACK)
    for scope, kind in ((ROLES, "Role"), (USERS, "User")):
        arn = min(arns[scope])
        making = {f"iam:Create{kind}", f"iam:Put{kind}Policy", f"iam:Put{kind}PermissionsBoundary"}
        removing = [f"iam:Delete{kind}PermissionsBoundary"]
        given = {"iam:PermissionsBoundary": boundary}
        other = {"iam:PermissionsBoundary": f"{boundary}-other"}
        assert set(bounded.decisions(making, arn, **given).values()) == {"allowed"}
        assert set(bounded.decisions(making, arn, **other).values()) == {"explicitDeny"}
        assert set(bounded.decisions(making, arn).values()) == {"explicitDeny"}
        assert set(bounded.decisions(removing, arn, **given).values()) == {"explicitDeny"}
        assert set(bounded.decisions([f"iam:Delete{kind}"], arn).values()) == {"allowed"}


def test_the_operator_may_redrive_the_stack_and_no_other(account: Account, templates: dict[str, Template]) -> None:
    user_with(account, "operator", policy_text("operator-policy.json"))
    operator = Asker(account.client("iam"), f"arn:aws:iam::{ACCOUNT}:user/operator")
    own, other = arns_of_stack(templates, STACK), arns_of_stack(templates, "another-stack")
    moving = ["sqs:StartMessageMoveTask", "sqs:ListMessageMoveTasks", "sqs:ReceiveMessage", "sqs:SendMessage"]
    for arn in own[QUEUES]:
        assert set(operator.decisions(moving, arn).values()) == {"allowed"}
    for arn in other[QUEUES]:
        assert set(operator.decisions(moving, arn).values()) == {"implicitDeny"}
    # With NotificationsEncryption KMS, SQS uses the key with the rights of who moves the messages.
    key, using = min(own[KEYS]), ["kms:Decrypt", "kms:GenerateDataKey"]
    through_sqs = operator.decisions(using, key, **{"kms:ViaService": "sqs.us-east-1.amazonaws.com"})
    assert set(through_sqs.values()) == {"allowed"}
    assert set(operator.decisions(using, key).values()) == {"implicitDeny"}
    for arn in own[STATE_MACHINES]:
        execution = f"{arn.replace(':stateMachine:', ':execution:')}:1e2f"
        assert set(operator.decisions(["states:ListExecutions"], arn).values()) == {"allowed"}
        changing = ["states:RedriveExecution", "states:StopExecution"]
        assert set(operator.decisions(changing, execution).values()) == {"allowed"}
    reading = {arn: operator.decisions(["dynamodb:Scan"], arn)["dynamodb:Scan"] for arn in own[TABLES]}
    assert {arn for arn, decision in reading.items() if decision == "allowed"} == {
        arn for arn in reading if any(f"{name}Table" in arn for name in ("Solicitations", "SellingPartners", "Reports"))
    }


# Tried as users


@pytest.fixture(scope="module")
def publication(account: Account, tmp_path_factory: pytest.TempPathFactory) -> Publication:
    """Published by a user with publisher-policy.json and nothing else."""
    for bucket in (BUCKET, "not-for-publishing"):
        account.client("s3").create_bucket(Bucket=bucket)
    checkout = copy_checkout(tmp_path_factory.mktemp("deployer") / "checkout")
    session = account.session(*user_with(account, "publisher", policy_text("publisher-policy.json")))
    with pytest.raises(PublishingError, match=r"Access to the bucket not-for-publishing is denied"):
        publish("not-for-publishing", endpoint_url=account.endpoint, session=session, checkout=checkout)
    return publish(BUCKET, endpoint_url=account.endpoint, session=session, checkout=checkout)


def refused(call: Any, **arguments: Any) -> bool:
    with pytest.raises(ClientError) as error:
        call(**arguments)
    return str(error.value.response["Error"]["Code"]).startswith("AccessDenied")


def test_the_deployer_creates_updates_and_deletes_the_stack_and_no_other(
    account: Account, publication: Publication, deployer_key: tuple[str, str]
) -> None:
    session: Any = account.session(*deployer_key)
    clients = {
        service: session.client(service, endpoint_url=account.endpoint)
        for service in ("cloudformation", "sqs", "secretsmanager", "apigateway", "kms")
    }
    cloudformation = clients["cloudformation"]

    assert refused(cloudformation.create_stack, **request("another-stack", publication, REQUIRED))
    stack_id = cloudformation.create_stack(**request(STACK, publication, REQUIRED))["StackId"]
    assert _ended(cloudformation, stack_id) == "CREATE_COMPLETE"

    outputs = {output["OutputKey"]: output["OutputValue"] for output in settled(account, stack_id)["Outputs"]}
    queue = outputs["NotificationsQueueUrl"]
    assert clients["sqs"].get_queue_attributes(QueueUrl=queue, AttributeNames=["All"])["Attributes"]
    assert refused(clients["sqs"].receive_message, QueueUrl=queue)
    assert refused(clients["secretsmanager"].get_secret_value, SecretId=outputs["ApplicationSecretArn"])
    assert refused(clients["apigateway"].get_rest_apis)
    assert refused(clients["kms"].create_key)

    cloudformation.update_stack(**request(STACK, publication, REQUIRED | {"LogRetentionDays": "7"}))
    assert _ended(cloudformation, stack_id) == "UPDATE_COMPLETE"
    change = {"StackName": STACK, "ChangeSetName": "keep-longer"}
    changed = request(STACK, publication, REQUIRED | {"LogRetentionDays": "14"})
    cloudformation.create_change_set(**(changed | change))
    while cloudformation.describe_change_set(**change)["Status"] != "CREATE_COMPLETE":
        time.sleep(0.05)
    cloudformation.execute_change_set(**change)
    assert _ended(cloudformation, stack_id) == "UPDATE_COMPLETE"

    cloudformation.delete_stack(StackName=STACK)
    assert _ended(cloudformation, stack_id) == "DELETE_COMPLETE"


def _ended(cloudformation: Any, stack_id: str) -> str:
    while True:
        status = str(cloudformation.describe_stacks(StackName=stack_id)["Stacks"][0]["StackStatus"])
        if not status.endswith("_IN_PROGRESS"):
            return status
        time.sleep(0.05)
