"""The comparison of the policies with AWS's reference: it is clean, and it finds each kind of mistake."""

from typing import Any

import pytest

from tests.templates.iam_reference import all_statements, problems

TABLE = {"Fn::Sub": "arn:${AWS::Partition}:dynamodb:${AWS::Region}:${AWS::AccountId}:table/${Table}"}
KEY = {"Fn::Sub": "arn:${AWS::Partition}:kms:${AWS::Region}:${AWS::AccountId}:key/*"}


def test_aws_knows_every_action_resource_and_condition_key() -> None:
    checked = all_statements()
    assert len({where for where, _ in checked}) > 35
    assert [(where, problem) for where, statement in checked for problem in problems(statement)] == []


@pytest.mark.parametrize(
    ("statement", "problem"),
    [
        ({"Action": "dynamodb:GetItems", "Resource": TABLE}, "AWS has no action dynamodb:GetItems"),
        ({"Action": ["dynamodb:GetItem", "dynamo:PutItem"], "Resource": TABLE}, "AWS has no action dynamo:PutItem"),
        ({"Action": "dynamodb:Got*", "Resource": "*"}, "AWS has no action dynamodb:Got*"),
        ({"Action": "sqs:SendMessage", "Resource": TABLE}, "no action of sqs:SendMessage works on arn:"),
        ({"Action": "s3:ListBucket", "Resource": "arn:aws:sns:us-east-1:111122223333:topic"}, "works on arn:aws:sns:"),
        (
            {"Action": "dynamodb:ListStreams", "Resource": "arn:aws:dynamodb:us-east-1:111122223333:table/t"},
            "no action of dynamodb:ListStreams works on",
        ),
        (
            {
                "Action": "kms:Decrypt",
                "Resource": KEY,
                "Condition": {"Null": {"kms:EncryptionContexts:SellerId": "false"}},
            },
            "no action of kms:Decrypt has the condition key kms:EncryptionContexts:SellerId",
        ),
        (
            {"Action": "dynamodb:GetItem", "Resource": TABLE, "Condition": {"StringEquals": {"kms:ViaService": "sqs"}}},
            "no action of dynamodb:GetItem has the condition key kms:ViaService",
        ),
    ],
)
def test_a_mistake_is_found(statement: dict[str, Any], problem: str) -> None:
    (found,) = problems({"Effect": "Allow", **statement})
    assert problem in found


@pytest.mark.parametrize(
    "statement",
    [
        {"Action": "kms:Decrypt", "Resource": KEY, "Condition": {"Null": {"kms:EncryptionContext:SellerId": "false"}}},
        {"Action": "dynamodb:*Item", "Resource": TABLE, "Condition": {"Bool": {"aws:SecureTransport": "true"}}},
        {"Action": "apigateway:PATCH", "Resource": "arn:aws:apigateway:us-east-1::/restapis/*"},
    ],
)
def test_what_aws_knows_is_no_mistake(statement: dict[str, Any]) -> None:
    assert problems({"Effect": "Allow", **statement}) == []
