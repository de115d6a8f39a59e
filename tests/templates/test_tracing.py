"""X-Ray: XRayTracing turns it on for every function, state machine and API, and only then gives the permission."""

from typing import Any

import pytest

from tests.templates.reading import ROOT, Resource, Template, listed, rendered, resources, statements

Templates = dict[str, Template]
# The addresses of its pages contain Amazon's codes, which a trace would keep.
UNTRACED = ("AWS::ApiGateway::Stage", "authorization")
FUNCTION = {"xray:PutTelemetryRecords", "xray:PutTraceSegments"}
# AWS Step Functions Developer Guide, "IAM policies for X-Ray".
STATE_MACHINE = FUNCTION | {"xray:GetSamplingRules", "xray:GetSamplingTargets"}


def chosen(value: Any, traces: bool) -> Any:
    """The value with the branch of each Fn::If on TracesRequests."""
    match value:
        case {"Fn::If": ["TracesRequests", yes, no]}:
            return chosen(yes if traces else no, traces)
        case dict():
            return {key: chosen(inner, traces) for key, inner in value.items()}
        case list():
            found = [chosen(inner, traces) for inner in value]
            return [inner for inner in found if inner != {"Ref": "AWS::NoValue"}]
        case _:
            return value


def given(templates: Templates, traces: bool) -> Templates:
    return {name: chosen(template, traces) for name, template in templates.items()}


def traced(resource: Resource) -> bool:
    """Whether AWS traces the function, state machine or stage."""
    match resource.type:
        case "AWS::Lambda::Function":
            return bool(resource.properties.get("TracingConfig", {}).get("Mode") == "Active")
        case "AWS::StepFunctions::StateMachine":
            return resource.properties.get("TracingConfiguration", {}).get("Enabled") is True
        case _:
            return resource.properties.get("TracingEnabled") is True


def tracing_permissions(templates: Templates) -> dict[str, set[str]]:
    """The X-Ray actions by role and policy."""
    found = {}
    for resource in resources(templates, "AWS::IAM::Role", "AWS::IAM::Policy"):
        for statement in statements(resource):
            if actions := {action for action in listed(statement["Action"]) if action.startswith("xray:")}:
                found[resource.name] = actions
                assert statement["Resource"] == "*"
                assert set(listed(statement["Action"])) == actions
    return found


@pytest.mark.parametrize("traces", [False, True])
def test_tracing_is_on_everywhere_or_nowhere(templates: Templates, traces: bool) -> None:
    kinds = ("AWS::Lambda::Function", "AWS::StepFunctions::StateMachine", "AWS::ApiGateway::Stage")
    with_tracing = given(templates, traces)
    for kind in kinds:
        found = resources(with_tracing, kind)
        assert found
        expected = {str(each): traces and (kind, each.template) != UNTRACED for each in found}
        assert {str(each): traced(each) for each in found} == expected


def test_the_permission_comes_with_tracing(templates: Templates) -> None:
    expected = {
        rendered(each.properties["Role"]).removesuffix(".Arn"): FUNCTION
        for each in resources(templates, "AWS::Lambda::Function")
    } | {
        rendered(each.properties["RoleArn"]).removesuffix(".Arn"): STATE_MACHINE
        for each in resources(templates, "AWS::StepFunctions::StateMachine")
    }
    assert tracing_permissions(given(templates, traces=True)) == expected
    assert tracing_permissions(given(templates, traces=False)) == {}


def test_tracing_is_off_unless_chosen_and_passed_on(templates: Templates) -> None:
    root = templates[ROOT]
    assert root["Parameters"]["XRayTracing"]["Default"] == "No"
    tracing = {name for name, template in templates.items() if "XRayTracing" in template.get("Parameters", {})}
    for name in tracing - {ROOT}:
        assert templates[name]["Conditions"]["TracesRequests"] == {"Fn::Equals": [{"Ref": "XRayTracing"}, "Yes"]}, name
        assert "Default" not in templates[name]["Parameters"]["XRayTracing"], name
    passed = [
        child
        for child in resources(templates, "AWS::CloudFormation::Stack")
        if "XRayTracing" in child.properties["Parameters"]
    ]
    assert len(passed) == len(tracing) - 1
    for child in passed:
        assert child.properties["Parameters"]["XRayTracing"] == {"Ref": "XRayTracing"}, child
