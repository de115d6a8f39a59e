"""The address that opens the published root in CloudFormation's console, and the badge that leads there."""

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote, urlencode

from publishing.errors import PublishingError
from publishing.parameters import accepts, rule
from publishing.rewrite import HOSTING_PARAMETERS

STACK_NAME = "selling-partner-api-quick-start"
BADGE = "docs/images/launch-stack.svg"


def launch_url(region: str, template_url: str, parameters: Mapping[str, str]) -> str:
    """The address of CloudFormation's quick-create page with this template and these parameters filled in.

    Its form: https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cfn-console-create-stacks-quick-create-links.html
    """
    prefilled = {f"param_{name}": value for name, value in parameters.items()}
    query = urlencode({"templateURL": template_url, "stackName": STACK_NAME} | prefilled, quote_via=quote)
    return f"https://{region}.console.aws.amazon.com/cloudformation/home?region={region}#/stacks/quickcreate?{query}"


def badge(url: str) -> str:
    """The badge for a README in the checkout's own folder, as Markdown."""
    return f"[![Launch the stack]({BADGE})]({url})"


def prefilled(given: Sequence[str], declared: Mapping[str, Any]) -> Mapping[str, str]:
    """Read what a publisher wants filled in on the console's page.

    Args:
        given: texts of the form ``Name=Value``.
        declared: the parameters of the root template.

    Raises:
        PublishingError: a text has another form, or names a parameter that is unknown, secret, filled in by publishing
            or given twice, or a value is not one that the template takes.
    """
    values: dict[str, str] = {}
    for text in given:
        name, equals, value = text.partition("=")
        if not equals:
            raise PublishingError(
                f"{name!r} is no parameter with a value. Write Name=Value, in quotes if it has spaces."
            )
        if name not in declared:
            raise PublishingError(f"There is no parameter {name}. There are: {', '.join(_fillable(declared))}.")
        if name not in _fillable(declared):
            reason = "publishing fills it in" if name in HOSTING_PARAMETERS else "it is secret, and a URL is not"
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
