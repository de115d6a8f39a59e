"""Which values a deployment takes, and which it refuses."""

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from operations.command import CommandError
from operations.deploy import TEMPLATE, needed, read_given, stack_name_of
from publishing.parameters import template_parameters

CLIENT_ID = "amzn1.application-oa2-client.0123456789abcdef"
SECRET = "amzn1.oa2-cs.v1.0123456789abcdef"


@pytest.fixture(scope="module")
def declared() -> Mapping[str, Mapping[str, Any]]:
    return template_parameters(TEMPLATE.read_text())


def asked(name: str) -> str:
    return f"asked for {name}"


def test_given_values_are_read_and_a_name_alone_is_asked_for(declared: Mapping[str, Mapping[str, Any]]) -> None:
    arguments = ["LogRetentionDays=90", "SellingPartnerApiEndpoint=http://127.0.0.1/{region}?a=b", "ClientSecret"]
    assert read_given(arguments, declared, asked) == {
        "LogRetentionDays": "90",
        "SellingPartnerApiEndpoint": "http://127.0.0.1/{region}?a=b",
        "ClientSecret": "asked for ClientSecret",
    }


@pytest.mark.parametrize(
    ("argument", "words"),
    [
        (f"ClientSecret={SECRET}", "ClientSecret is secret and does not belong on a command line"),
        ("LinkLifetime=60", "no parameter LinkLifetime. It has ClientId, "),
        ("ReportStorageNotificationEmail=me", "ReportStorageNotificationEmail: An e-mail address, such as"),
        ("LogRetentionDays=91", "LogRetentionDays: It is one of: 1, 3, 5"),
        ("SolicitationDelayDays=4", "SolicitationDelayDays: From 5 to 30 days."),
    ],
)
def test_a_wrong_value_is_told(declared: Mapping[str, Mapping[str, Any]], argument: str, words: str) -> None:
    with pytest.raises(CommandError, match=words) as told:
        read_given([argument], declared, asked)
    assert SECRET not in str(told.value)


def test_what_has_no_default_comes_from_the_environment_or_is_asked_for(
    declared: Mapping[str, Mapping[str, Any]],
) -> None:
    environment = {"ClientSecret": SECRET, "RoleArn": "not taken: it has a default"}
    assert needed(declared, {"ClientId": CLIENT_ID}, environment, asked) == {
        "ClientSecret": SECRET,
        "ReportStorageNotificationEmail": "asked for ReportStorageNotificationEmail",
    }


def test_a_wrong_value_of_the_environment_is_told_without_it(declared: Mapping[str, Mapping[str, Any]]) -> None:
    with pytest.raises(CommandError, match="ClientSecret: A client secret has at least 16") as told:
        needed(declared, {}, {"ClientId": CLIENT_ID, "ClientSecret": "short secret"}, asked)
    assert "short secret" not in str(told.value)


def test_an_unknown_environment_is_told() -> None:
    assert stack_name_of("prod") == "selling-partner-api-quick-start-prod"
    with pytest.raises(CommandError, match="ENV is one of default, dev, prod"):
        stack_name_of("test")


@pytest.mark.parametrize(("given", "taken"), [([], "--env default "), (["ENV=dev"], "--env dev ")])
def test_a_shell_s_own_variables_choose_nothing(given: list[str], taken: str) -> None:
    """ENV is the start-up file of a POSIX shell; another program's REGION or ARGS is as little meant."""
    shell = {"PATH": os.environ["PATH"], "ENV": "prod", "REGION": "eu-west-1", "ARGS": "--yes", "STACK": "other"}
    told = subprocess.run(
        ["make", "-n", "deploy", *given],
        cwd=Path(__file__).resolve().parents[3],
        env=shell,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert taken in told
    assert "eu-west-1" not in told


def test_a_target_that_needs_a_stack_says_so_before_it_makes_anything() -> None:
    for target in ("outputs", "logs", "destroy", "redrive-queue", "redrive-executions"):
        done = subprocess.run(
            ["make", target],
            cwd=Path(__file__).resolve().parents[3],
            env={"PATH": os.environ["PATH"], "STACK": "other"},
            capture_output=True,
            text=True,
            check=False,
        )
        assert (done.returncode, done.stdout) == (2, f"Name the stack: make {target} STACK=<name> [REGION=<region>]\n")
