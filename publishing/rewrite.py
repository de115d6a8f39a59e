"""Rewrites a source template, which refers to local files, to refer to objects in a bucket."""

import json
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from textwrap import indent

import yaml

from publishing.parameters import composed

LOCATION_PROPERTIES: Mapping[str, str] = {
    "AWS::CloudFormation::Stack": "TemplateURL",
    "AWS::Serverless::Function": "CodeUri",
    "AWS::Serverless::LayerVersion": "ContentUri",
    "AWS::Serverless::StateMachine": "DefinitionUri",
}
"""The property that refers to a local file or folder, by resource type."""

_BUCKET_NAME, _BUCKET_REGION, _KEY_PREFIX = "QSS3BucketName", "QSS3BucketRegion", "QSS3KeyPrefix"
# More than there are: who publishes twice, as the tests do, reads and rewrites again only what has changed.
_TEMPLATES = 32
HOSTING_PARAMETERS = (_BUCKET_NAME, _BUCKET_REGION, _KEY_PREFIX)


@dataclass(frozen=True)
class Hosting:
    """Where objects are published: the bucket, its region, and the prefix of every key (ends with a slash)."""

    bucket: str
    region: str
    prefix: str

    @property
    def parameters(self) -> Mapping[str, str]:
        """The values of the root's hosting parameters."""
        return dict(zip(HOSTING_PARAMETERS, (self.bucket, self.region, self.prefix), strict=True))

    def url(self, key: str) -> str:
        """The HTTPS URL of an object, in the form that CloudFormation accepts for a template."""
        return f"https://{self.bucket}.s3.{self.region}.amazonaws.com/{self.prefix}{key}"


@dataclass(frozen=True)
class Reference:
    """A reference to a local file or folder, relative to the template's folder."""

    resource: str
    type: str
    path: str


@lru_cache(maxsize=_TEMPLATES)
def references(source: str) -> tuple[Reference, ...]:
    """Find every local path that a template refers to, in the order of the template."""
    return tuple(reference for reference, _ in _located(_Mapping.of(source)))


@lru_cache(maxsize=_TEMPLATES)
def published_child(source: str, keys: tuple[tuple[str, str], ...]) -> str:
    """Rewrite a child template.

    Args:
        source: the template's YAML text; everything else in it is kept.
        keys: each local path in the template, with the object's key without the prefix.

    Returns:
        The template with ``{Bucket, Key}`` in place of each path, and with the parameters QSS3BucketName and
        QSS3KeyPrefix that they use. A template without paths stays as it is.
    """
    template, objects, edits = _Mapping.of(source), dict(keys), []
    for reference, value in _located(template):
        location = f"{{Bucket: !Ref {_BUCKET_NAME}, Key: !Sub {_quoted(_key(objects[reference.path]))}}}"
        edits.append(_replaced(value, location))
    if edits:
        declared = "".join(
            f"{name}:\n  Type: String\n  Description: {description}\n"
            for name, description in (
                (_BUCKET_NAME, "Bucket that holds the published code."),
                (_KEY_PREFIX, "Prefix of the keys in that bucket."),
            )
        )
        edits.append(template.with_entries("Parameters", declared, before="Resources"))
    return _edited(source, edits)


def published_root(source: str, keys: Mapping[str, str], hosted: Collection[str], hosting: Hosting, digest: str) -> str:
    """Rewrite the root template.

    Args:
        source: the template's YAML text; everything else in it is kept.
        keys: the published child's key without the prefix, by the child's local path.
        hosted: the local paths of the children that have the parameters QSS3BucketName and QSS3KeyPrefix.
        hosting: the defaults of the root's QSS3 parameters.
        digest: a digest of the published content, appended to the output TemplateVersion after a plus sign.
    """
    template, edits = _Mapping.of(source), []
    for reference, value in _located(template):
        address = (
            f"https://${{{_BUCKET_NAME}}}.s3.${{{_BUCKET_REGION}}}.${{AWS::URLSuffix}}/{_key(keys[reference.path])}"
        )
        edits.append(_replaced(value, f"!Sub {_quoted(address)}"))
        if reference.path in hosted:
            properties = template.child("Resources").child(reference.resource).child("Properties")
            given = "".join(f"{name}: !Ref {name}\n" for name in (_BUCKET_NAME, _KEY_PREFIX))
            edits.append(properties.with_entries("Parameters", given, before="TemplateURL"))
    for name, default in hosting.parameters.items():
        edits.append(_replaced(template.child("Parameters").child(name).value("Default"), _quoted(default)))
    version = template.child("Outputs").child("TemplateVersion").value("Value")
    edits.append(_replaced(version, _quoted(f"{version.value}+{digest}")))
    return _edited(source, edits)


@dataclass(frozen=True)
class _Edit:
    """The text from `start` to `end` is replaced."""

    start: int
    end: int
    text: str


@dataclass(frozen=True)
class _Mapping:
    """A mapping of a template, with the places of its keys and values in the text."""

    node: yaml.MappingNode
    source: str

    @classmethod
    def of(cls, source: str) -> "_Mapping":
        return cls(composed(source), source)

    def items(self) -> Iterator[tuple[yaml.Node, yaml.Node]]:
        return iter(self.node.value)

    def find(self, name: str) -> tuple[yaml.Node, yaml.Node] | None:
        return next((item for item in self.items() if item[0].value == name), None)

    def key(self, name: str) -> yaml.Node:
        """Raises KeyError."""
        return self._found(name)[0]

    def value(self, name: str) -> yaml.Node:
        """Raises KeyError."""
        return self._found(name)[1]

    def _found(self, name: str) -> tuple[yaml.Node, yaml.Node]:
        if (found := self.find(name)) is None:
            raise KeyError(name)
        return found

    def child(self, name: str) -> "_Mapping":
        """Raises KeyError."""
        value = self.value(name)
        if not isinstance(value, yaml.MappingNode):
            raise TypeError(f"{name} is not a mapping")
        return _Mapping(value, self.source)

    def with_entries(self, name: str, entries: str, *, before: str) -> _Edit:
        """Adds lines to the mapping `name`; if there is none, it is added in front of the key `before`.

        Raises KeyError.
        """
        if (found := self.find(name)) is not None:
            start = self.source.index("\n", found[0].end_mark.index) + 1
            return _Edit(start, start, indent(entries, " " * found[1].start_mark.column))
        mark = self.key(before).start_mark
        added = indent(f"{name}:\n{indent(entries, '  ')}", " " * mark.column)
        start = mark.index - mark.column
        return _Edit(start, start, added)


def _located(template: _Mapping) -> Iterator[tuple[Reference, yaml.Node]]:
    """Each reference, and the node of its path."""
    for key, _ in template.child("Resources").items():
        resource = template.child("Resources").child(key.value)
        type_ = str(resource.value("Type").value)
        properties = resource.child("Properties") if resource.find("Properties") else None
        found = properties.find(LOCATION_PROPERTIES.get(type_, "")) if properties else None
        # Another location than a path, such as {Bucket, Key}, is a mapping or has a tag of its own.
        if found is not None and found[1].tag == "tag:yaml.org,2002:str":
            yield Reference(key.value, type_, found[1].value), found[1]


def _replaced(node: yaml.Node, text: str) -> _Edit:
    return _Edit(node.start_mark.index, node.end_mark.index, text)


def _edited(source: str, edits: list[_Edit]) -> str:
    for edit in sorted(edits, key=lambda edit: edit.start, reverse=True):
        source = source[: edit.start] + edit.text + source[edit.end :]
    return source


def _quoted(text: str) -> str:
    """The text in double quotes: YAML reads JSON's strings."""
    return json.dumps(text)


def _key(key: str) -> str:
    return f"${{{_KEY_PREFIX}}}{key}"
