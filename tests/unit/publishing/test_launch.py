"""The launch URL, and the parameters that it fills in."""

from typing import Any

import pytest

from publishing.errors import PublishingError
from publishing.launch import badge, launch_url, prefilled
from publishing.parameters import accepts, composed, rule, template_parameters

DECLARED: dict[str, dict[str, Any]] = {
    "Days": {"Type": "Number", "AllowedValues": [1, 14]},
    "Secret": {"Type": "String", "NoEcho": True},
    "QSS3BucketName": {"Type": "String"},
    "QSS3BucketRegion": {"Type": "String"},
    "QSS3KeyPrefix": {"Type": "String"},
    "Seconds": {"Type": "Number", "MinValue": 60, "MaxValue": 3600, "ConstraintDescription": "From 60 to 3600."},
    "Name": {"Type": "String", "AllowedPattern": "[a-z]*", "ConstraintDescription": "Small letters."},
}


def test_the_whole_address() -> None:
    assert launch_url("eu-west-1", "https://bucket/root.yaml", {"TagValue": "a b+c/ü"}) == (
        "https://eu-west-1.console.aws.amazon.com/cloudformation/home?region=eu-west-1#/stacks/quickcreate"
        "?templateURL=https%3A%2F%2Fbucket%2Froot.yaml&stackName=selling-partner-api-quick-start"
        "&param_TagValue=a%20b%2Bc%2F%C3%BC"
    )
    assert badge("https://launch") == "[![Launch the stack](docs/images/launch-stack.svg)](https://launch)"


def test_what_is_filled_in() -> None:
    assert prefilled(["Days=14", "Seconds=60", "Name="], DECLARED) == {"Days": "14", "Seconds": "60", "Name": ""}


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (["Days"], "'Days' has no value. Write Name=Value, in quotes if the value has spaces."),
        (["Other=1"], "The template has no parameter Other. Choose from: Days, Seconds, Name."),
        (["QSS3BucketName=a"], "QSS3BucketName cannot be prefilled: publishing sets it."),
        (["QSS3KeyPrefix=a"], "QSS3KeyPrefix cannot be prefilled: publishing sets it."),
        (["Secret=a"], "Secret cannot be prefilled: a secret must not appear in a URL."),
        (["Days=1", "Days=1"], "Days is given twice."),
        (["Days=2"], "Days cannot be '2'. It must be one of: 1, 14."),
        (["Seconds=59"], "Seconds cannot be '59'. From 60 to 3600."),
        (["Name=A"], "Name cannot be 'A'. Small letters."),
    ],
)
def test_what_cannot_be_filled_in(given: list[str], said: str) -> None:
    with pytest.raises(PublishingError) as refused:
        prefilled(given, DECLARED)
    assert str(refused.value) == said


@pytest.mark.parametrize(
    ("parameter", "accepted", "refused"),
    [
        ({"Type": "Number", "MinValue": 60, "MaxValue": 3600}, ("60", "3600"), ("59", "3601", "", "1h", "60.0", "+60")),
        ({"Type": "Number", "MinValue": -1}, ("-1", "0", "99"), ("-2", "--1")),
        ({"Type": "Number", "MaxValue": 3}, ("-9", "3"), ("4",)),
        ({"Type": "Number", "AllowedValues": [1, 14]}, ("1", "14"), ("2", "114")),
        ({"Type": "Number"}, ("0", "-5"), ("a",)),
        ({"Type": "String", "AllowedPattern": "[a-z]*"}, ("", "ab"), ("a1", "A")),
        ({"Type": "String", "AllowedPattern": "[a-z]*", "AllowedValues": ["a", "B"]}, ("a",), ("B", "b")),
        ({"Type": "String"}, ("", "anything"), ()),
    ],
)
def test_which_values_cloudformation_accepts(
    parameter: dict[str, object], accepted: tuple[str, ...], refused: tuple[str, ...]
) -> None:
    assert [value for value in (*accepted, *refused) if accepts(parameter, value)] == list(accepted)


def test_the_rule_of_a_parameter() -> None:
    both = {"AllowedValues": [1, "Yes"], "ConstraintDescription": "One of these."}
    assert rule(both) == "It must be one of: 1, Yes."
    assert rule({"ConstraintDescription": "One of these."}) == "One of these."


def test_the_parameters_of_a_template() -> None:
    source = "Rules: {A: !Not [x]}\nParameters:\n  A: {Type: Number, Default: 1}\nResources: {B: !Ref A}\n"
    assert template_parameters(source) == {"A": {"Type": "Number", "Default": 1}}
    for text in ("- a", "text"):
        with pytest.raises(TypeError, match=r"^the template is not a mapping$"):
            composed(text)
