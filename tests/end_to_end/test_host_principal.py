"""A role of the host product in the place of ApiGatewayInvokeUser, in the stack's account and in another."""

import json
from dataclasses import dataclass
from typing import Any

import pytest
from botocore.exceptions import ClientError

from deployment import Deployment, aws, delete, deploy, host_product, stack_parameters
from servers import Servers
from tests.end_to_end.host import HostProduct, new_seller

STACK_NAME = "host-principal"
# The emulator takes twelve digits for the key of that account's root.
OTHER_ACCOUNT = "444455556666"


@dataclass(frozen=True)
class HostRole:
    """A role that the host product runs as, and STS with its credentials."""

    arn: str
    sts: Any


def host_role(servers: Servers, name: str, account_key: str = "test", path: str = "/") -> HostRole:
    iam = aws(servers, "iam", aws_access_key_id=account_key)
    trust = {"Effect": "Allow", "Principal": "*", "Action": "sts:AssumeRole"}
    allowed = {"Effect": "Allow", "Action": "sts:AssumeRole", "Resource": "*"}
    role = iam.create_role(RoleName=name, Path=path, AssumeRolePolicyDocument=policy(trust))["Role"]["Arn"]
    iam.put_role_policy(RoleName=name, PolicyName="AssumeApiGatewayInvokeRole", PolicyDocument=policy(allowed))
    # On AWS the platform that the product runs on hands these out.
    platform = aws(servers, "sts", aws_access_key_id=account_key)
    session = platform.assume_role(RoleArn=role, RoleSessionName="host-product")["Credentials"]
    sts = aws(
        servers,
        "sts",
        aws_access_key_id=session["AccessKeyId"],
        aws_secret_access_key=session["SecretAccessKey"],
        aws_session_token=session["SessionToken"],
    )
    return HostRole(role, sts)


def policy(statement: dict[str, object]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def product(deployment: Deployment, role: HostRole) -> HostProduct:
    quick_start = host_product().QuickStart(
        deployment.outputs["ApiGatewayInvokeRoleArn"], deployment.servers.region, role.sts
    )
    return HostProduct(deployment, quick_start.assume_role())


def users(servers: Servers) -> list[str]:
    found = aws(servers, "iam").list_users()["Users"]
    return [user["UserName"] for user in found if user["UserName"].startswith(f"{STACK_NAME}-")]


def test_a_role_of_the_host_product_stands_in_for_the_user_and_back(servers: Servers, template_url: str) -> None:
    def change(host_principal: str) -> Deployment:
        parameters = stack_parameters(servers, HostPrincipalArn=host_principal, SolicitationsEnabled="No")
        return deploy(servers, STACK_NAME, template_url, parameters)

    seller = new_seller(servers, "AHOSTPRINCIPAL")
    own = host_role(servers, "HostProduct", path="/products/")
    neighbour = host_role(servers, "Neighbour", path="/products/")
    foreign = host_role(servers, "HostProduct", OTHER_ACCOUNT)
    foreign_neighbour = host_role(servers, "Neighbour", OTHER_ACCOUNT)

    with_user = change("")
    HostProduct.of(with_user).store_token(seller)
    delete_access_keys(with_user)

    with_own = change(own.arn)
    assert "ApiGatewayInvokeUserName" not in with_own.outputs
    assert users(servers) == []
    product(with_own, own).store_token(seller)
    for other in (neighbour, foreign, foreign_neighbour):
        is_refused(with_own, other)

    with_foreign = change(foreign.arn)
    assert users(servers) == []
    product(with_foreign, foreign).store_token(seller)
    for other in (own, neighbour, foreign_neighbour):
        is_refused(with_foreign, other)

    with_user_again = change("")
    assert users(servers) == [with_user_again.outputs["ApiGatewayInvokeUserName"]]
    HostProduct.of(with_user_again).store_token(seller)
    for other in (own, foreign):
        is_refused(with_user_again, other)

    # All along the role that the product knows has stayed the same.
    roles = {made.outputs["ApiGatewayInvokeRoleArn"] for made in (with_user, with_own, with_foreign, with_user_again)}
    assert len(roles) == 1
    delete_access_keys(with_user_again)
    delete(servers, STACK_NAME)


def delete_access_keys(deployment: Deployment) -> None:
    """IAM deletes no user who has access keys, so the operator deletes these first."""
    iam, user = aws(deployment.servers, "iam"), deployment.outputs["ApiGatewayInvokeUserName"]
    for key in iam.list_access_keys(UserName=user)["AccessKeyMetadata"]:
        iam.delete_access_key(UserName=user, AccessKeyId=key["AccessKeyId"])


def is_refused(deployment: Deployment, role: HostRole) -> None:
    """Asked once: the example's program waits for a new role to be known."""
    with pytest.raises(ClientError, match="AccessDenied"):
        role.sts.assume_role(RoleArn=deployment.outputs["ApiGatewayInvokeRoleArn"], RoleSessionName="refused")
