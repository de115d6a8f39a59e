"""The launch URL, which opens the published root template in the CloudFormation console, and its badge."""

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote, urlencode

from publishing.errors import PublishingError
from publishing.parameters import accepts, rule
from publishing.rewrite import HOSTING_PARAMETERS

STACK_NAME = "selling-partner-api-quick-start"
BADGE = "docs/images/launch-stack.svg"


def launch_url(region: str, template_url: str, parameters: Mapping[str, str]) -> str:
    """The URL of CloudFormation's quick-create page for this template, with these parameters filled in.

    See https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cfn-console-create-stacks-quick-create-links.html
    """
    prefilled = {f"param_{name}": value for name, value in parameters.items()}
    query = urlencode({"templateURL": template_url, "stackName": STACK_NAME} | prefilled, quote_via=quote)
    return f"https://{region}.console.aws.amazon.com/cloudformation/home?region={region}#/stacks/quickcreate?{query}"


def badge(url: str) -> str:
    """The badge as Markdown for a README in the root of the checkout."""
    return f"[![Launch the stack]({BADGE})]({url})"


def prefilled(given: Sequence[str], declared: Mapping[str, Any]) -> Mapping[str, str]:
    """Parse the parameters that the launch URL fills in.

    Args:
        given: texts of the form ``Name=Value``.
        declared: the parameters of the root template.

    Raises:
        PublishingError: a text has another form, a parameter is unknown, secret, set by publishing or given twice, or
            the template does not accept a value.
    """
    values: dict[str, str] = {}
    for text in given:
        name, equals, value = text.partition("=")
        if not equals:
            raise PublishingError(f"{name!r} has no value. Write Name=Value, in quotes if the value has spaces.")
        if name not in declared:
            raise PublishingError(
                f"The template has no parameter {name}. Choose from: {', '.join(_fillable(declared))}."
            )
        if name not in _fillable(declared):
            reason = "publishing sets it" if name in HOSTING_PARAMETERS else "a secret must not appear in a URL"
            raise PublishingError(f"{name} cannot be prefilled: {reason}.")
        if name in values:
            raise PublishingError(f"{name} is given twice.")
        if not accepts(declared[name], value):
            raise PublishingError(f"{name} cannot be {value!r}. {rule(declared[name])}")
        values[name] = value
    return values


def _fillable(declared: Mapping[str, Any]) -> list[str]:
    return [
        name for name, parameter in declared.items() if not parameter.get("NoEcho") and name not in HOSTING_PARAMETERS
    ]
