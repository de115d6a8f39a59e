"""Turns a source template, which names local files, into its published form, which names objects in a bucket."""

import io
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, TaggedScalar

LOCATION_PROPERTIES: Mapping[str, str] = {
    "AWS::CloudFormation::Stack": "TemplateURL",
    "AWS::Serverless::Function": "CodeUri",
    "AWS::Serverless::LayerVersion": "ContentUri",
    "AWS::Serverless::StateMachine": "DefinitionUri",
}
"""For each resource type that names a local file or folder, the property that does."""

_BUCKET_NAME, _BUCKET_REGION, _KEY_PREFIX = "QSS3BucketName", "QSS3BucketRegion", "QSS3KeyPrefix"
HOSTING_PARAMETERS = (_BUCKET_NAME, _BUCKET_REGION, _KEY_PREFIX)


@dataclass(frozen=True)
class Hosting:
    """Where a published set lies: bucket, its region, and what every key begins with (ends with a slash)."""

    bucket: str
    region: str
    prefix: str

    @property
    def parameters(self) -> Mapping[str, str]:
        """The root's parameters that say so."""
        return dict(zip(HOSTING_PARAMETERS, (self.bucket, self.region, self.prefix), strict=True))

    def url(self, key: str) -> str:
        """The HTTPS address of an object, as CloudFormation takes it for a template."""
        return f"https://{self.bucket}.s3.{self.region}.amazonaws.com/{self.prefix}{key}"


@dataclass(frozen=True)
class Reference:
    """A place where a template names a local file or folder, relative to the template's own folder."""

    resource: str
    type: str
    path: str

    @property
    def is_template(self) -> bool:
        return self.type == "AWS::CloudFormation::Stack"


def references(source: str) -> tuple[Reference, ...]:
    """Find every local path that a template names, in the template's order."""
    return tuple(_references(_yaml().load(source)))


def published_child(source: str, keys: Mapping[str, str]) -> str:
    """Give a child template its published form.

    Args:
        source: the template's YAML text; comments and order are kept.
        keys: for each local path that the template names, the object's key after the prefix.

    Returns:
        The template with ``{Bucket, Key}`` in the place of each path, and with the parameters QSS3BucketName and
        QSS3KeyPrefix that these are made of. A template that names no path comes back with the same meaning.
    """
    template = _yaml().load(source)
    found = _references(template)
    for reference in found:
        _set_location(
            template,
            reference,
            CommentedMap(Bucket=_tagged("!Ref", _BUCKET_NAME), Key=_tagged("!Sub", _key(keys[reference.path]))),
        )
    if found:
        parameters = template.setdefault("Parameters", CommentedMap())
        parameters[_BUCKET_NAME] = CommentedMap(Type="String", Description="Bucket that holds the published code.")
        parameters[_KEY_PREFIX] = CommentedMap(Type="String", Description="What the keys in that bucket begin with.")
    return _dump(template)


def published_root(source: str, keys: Mapping[str, str], hosted: Collection[str], hosting: Hosting, digest: str) -> str:
    """Give the root template its published form.

    Args:
        source: the template's YAML text; comments and order are kept.
        keys: for each child template's local path, the published child's key after the prefix.
        hosted: the local paths of those children that take QSS3BucketName and QSS3KeyPrefix.
        hosting: becomes the defaults of the root's QSS3 parameters.
        digest: of the published content; the output TemplateVersion gets it, after a plus sign.
    """
    template = _yaml().load(source)
    for reference in _references(template):
        address = (
            f"https://${{{_BUCKET_NAME}}}.s3.${{{_BUCKET_REGION}}}.${{AWS::URLSuffix}}/{_key(keys[reference.path])}"
        )
        _set_location(template, reference, _tagged("!Sub", address))
        if reference.path in hosted:
            parameters = template["Resources"][reference.resource]["Properties"].setdefault(
                "Parameters", CommentedMap()
            )
            parameters[_BUCKET_NAME] = _tagged("!Ref", _BUCKET_NAME)
            parameters[_KEY_PREFIX] = _tagged("!Ref", _KEY_PREFIX)
    for name, value in hosting.parameters.items():
        template["Parameters"][name]["Default"] = value
    version = template["Outputs"]["TemplateVersion"]
    version["Value"] = f"{version['Value']}+{digest}"
    return _dump(template)


def _key(key: str) -> str:
    return f"${{{_KEY_PREFIX}}}{key}"


def _references(template: Any) -> list[Reference]:
    found = []
    for name, resource in template["Resources"].items():
        location = resource.get("Properties", {}).get(LOCATION_PROPERTIES.get(resource["Type"], ""))
        if isinstance(location, str):
            found.append(Reference(name, resource["Type"], location))
    return found


def _set_location(template: Any, reference: Reference, location: Any) -> None:
    template["Resources"][reference.resource]["Properties"][LOCATION_PROPERTIES[reference.type]] = location


def _tagged(tag: str, value: str) -> TaggedScalar:
    return TaggedScalar(value, tag=tag)


def _yaml() -> YAML:
    yaml = YAML()
    yaml.preserve_quotes = True
    yaml.width = 1 << 16  # never folds a line
    yaml.indent(mapping=2, sequence=4, offset=2)
    return yaml


def _dump(template: Any) -> str:
    text = io.StringIO()
    _yaml().dump(template, text)
    return text.getvalue()
