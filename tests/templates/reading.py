"""How the template tests read templates: as published, with the SAM transform applied."""

import json
import os
import re
import shutil
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

from samtranslator.translator.transform import transform

from publishing import Build, Hosting, build
from tests.yaml_reading import yaml_parse

CHECKOUT = Path(__file__).resolve().parents[2]
TEMPLATES = CHECKOUT / "templates"
HOSTING = Hosting("published", "us-east-1", "quick-start/")
ROOT = "quickstart"

Template = dict[str, Any]

INSTALLED_LAYERS = ("dependencies", "validation", "inflating")

# What publishing makes of the checkout: keys without their prefix and hash.
PUBLISHED = {
    *(f"functions/{app.parent.name}.zip" for app in CHECKOUT.glob("functions/*/app.py")),
    "layers/dependencies.zip",
    "layers/sp_api.zip",
    "supply-chain/sbom.cdx.json",
    "supply-chain/licenses.txt",
    "supply-chain/checksums.txt",
    "layers/validation.zip",
    "layers/inflating.zip",
    *(f"statemachines/{definition.name}" for definition in TEMPLATES.glob("statemachines/*.json")),
    *(f"templates/{template.name}" for template in TEMPLATES.glob("*.yaml")),
}


def copy_checkout(folder: Path) -> Path:
    """Copy what publishing reads into `folder`, with a small package in each layer that make build fills."""
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copy(CHECKOUT / "pyproject.toml", folder)
    for name in ("templates", "functions", "layers"):
        ignored = shutil.ignore_patterns("__pycache__", *INSTALLED_LAYERS)
        shutil.copytree(CHECKOUT / name, folder / name, ignore=ignored)
    for name in INSTALLED_LAYERS:
        package = folder / "layers" / name / "python" / "package"
        package.mkdir(parents=True)
        (package / "__init__.py").write_text("NAME = 'package'\n")
        information = package.with_name("package-1.0.dist-info")
        information.mkdir()
        metadata = "Metadata-Version: 2.4\nName: package\nVersion: 1.0\nLicense-Expression: MIT\n"
        (information / "METADATA").write_text(metadata)
        (information / "LICENSE").write_text("The license of the package.\n")
        (package / "library").mkdir()
        (package / "library" / "LICENSE").write_text("The license of a library in the package.\n")
        files = ("package/__init__.py", "package/library/LICENSE", "package-1.0.dist-info/LICENSE")
        (information / "RECORD").write_text("".join(f"{file},,\n" for file in files))
        pin = f"package==1.0 \\\n    --hash=sha256:{'0' * 64}\n"
        (folder / "layers" / name / "requirements.txt").write_text(pin)
    return folder


def published_templates(made: Build) -> dict[str, Template]:
    """The published templates by name: quickstart, foundation, ..."""
    return {
        re.sub(r"templates/(.*)-[0-9a-f]{16}\.yaml", r"\1", artifact.key): yaml_parse(artifact.content.decode())
        for artifact in made.artifacts
        if artifact.key.startswith("templates/")
    }


def transformed_templates(folder: Path) -> dict[str, Template]:
    """Publish a copy of the checkout made in `folder` and apply the SAM transform to each template."""
    published = published_templates(build(HOSTING, copy_checkout(folder)))
    return {name: _transformed(template) for name, template in published.items()}


def _transformed(template: Template) -> Template:
    if "Transform" not in template:
        return template
    # The translator wants a region, to learn the partition.
    with patch.dict(os.environ, {"AWS_DEFAULT_REGION": HOSTING.region}):
        result: Template = transform(template, {}, _NoManagedPolicies())
    return result


class _NoManagedPolicies:
    """The SAM translator asks for AWS's list of managed policies; a template that uses one fails here."""

    def load(self) -> dict[str, str]:
        return {}


@dataclass(frozen=True)
class Resource:
    template: str
    name: str
    definition: dict[str, Any]

    @property
    def type(self) -> str:
        return str(self.definition["Type"])

    @property
    def properties(self) -> dict[str, Any]:
        properties: dict[str, Any] = self.definition.get("Properties", {})
        return properties

    def __str__(self) -> str:
        return f"{self.template}.{self.name}"


def resources(templates: dict[str, Template], *types: str) -> list[Resource]:
    """Every resource of these types (or of any type) in all templates."""
    return [
        Resource(template, name, definition)
        for template, content in templates.items()
        for name, definition in content["Resources"].items()
        if not types or definition["Type"] in types
    ]


def rendered(value: Any) -> str:
    """Write an intrinsic function as short text: `Queue.Arn` for GetAtt, `Queue` for Ref, a Sub's own text."""
    match value:
        case {"Ref": name}:
            return str(name)
        case {"Fn::GetAtt": [name, attribute]}:
            return f"{name}.{attribute}"
        case {"Fn::GetAtt": str(name)}:
            return name
        case {"Fn::Sub": str(text)}:
            return text
        case {"Fn::If": [condition, yes, no]}:
            return f"{rendered(yes)} if {condition} else {rendered(no)}"
        case str():
            return value
        case _:
            return json.dumps(value, sort_keys=True)


def names_used(value: Any) -> Iterator[str]:
    """Every name that Ref, GetAtt and Sub inside a value speak of."""
    match value:
        case {"Ref": str(name)}:
            yield name
        case {"Fn::GetAtt": [str(name), *_]}:
            yield name
        case {"Fn::GetAtt": str(name)}:
            yield name.split(".")[0]
        case {"Fn::Sub": str(text)}:
            yield from (found.split(".")[0] for found in re.findall(r"\$\{([^!}]+)\}", text))
        case {"Fn::Sub": [str(text), dict(values)]}:
            own = {found.split(".")[0] for found in re.findall(r"\$\{([^!}]+)\}", text)}
            yield from own - set(values)
            yield from names_used(list(values.values()))
        case dict():
            for inner in value.values():
                yield from names_used(inner)
        case list():
            for inner in value:
                yield from names_used(inner)


def listed(value: Any) -> list[Any]:
    """What a policy allows to be one value or a list, as a list."""
    return value if isinstance(value, list) else [value]


def unconditional(values: Iterable[Any]) -> Iterator[Any]:
    """The entries of a list, with both branches of each Fn::If."""
    for value in values:
        match value:
            case {"Fn::If": [_, *branches]}:
                yield from unconditional(branches)
            case {"Ref": "AWS::NoValue"}:
                pass
            case _:
                yield value


def statements(resource: Resource) -> list[dict[str, Any]]:
    """The statements of a role's inline policies, or of a policy's document, under any condition."""
    if resource.type == "AWS::IAM::Role":
        documents = [policy["PolicyDocument"] for policy in resource.properties.get("Policies", [])]
    else:
        documents = [resource.properties["PolicyDocument"]]
    return [statement for document in documents for statement in unconditional(listed(document["Statement"]))]
