"""Every method of the stack's APIs, with the fields that its function reads."""

import importlib.util
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.constructor import SafeConstructor

from quickstart.validation import FieldDescription, Fields, InvalidRequestError

CHECKOUT = Path(__file__).resolve().parent.parent
METHODS_WITH_BODY = ("POST",)
# What is made is read before it is ended.
METHOD_ORDER = ("POST", "GET", "DELETE")


@dataclass(frozen=True)
class Endpoint:
    """One method of one REST API.

    `route` is "POST /reports"; `summary` is the first line of the action's docstring; `fields` are in the order in
    which the function reads them.
    """

    api: str
    function: str
    method: str
    path: str
    summary: str
    fields: tuple[FieldDescription, ...]

    @property
    def route(self) -> str:
        return f"{self.method} {self.path}"

    def location(self, field: FieldDescription) -> str:
        """Where the field is sent: body, path or query."""
        if self.method in METHODS_WITH_BODY:
            return "body"
        return "path" if f"{{{self.path_name(field)}}}" in self.path else "query"

    @staticmethod
    def path_name(field: FieldDescription) -> str:
        """The field's name where the path carries it: {reportId} is the field ReportId."""
        return field.name[:1].lower() + field.name[1:]


def endpoints(checkout: Path = CHECKOUT) -> tuple[Endpoint, ...]:
    """Every endpoint, by path and then in METHOD_ORDER; a longer path, which names one thing, comes after its list.

    Raises LookupError when a template has a method that its function does not serve, or the other way round.
    """
    found = []
    for template in sorted((checkout / "templates").glob("*.yaml")):
        resources = load_template(template)["Resources"]
        for name, resource in resources.items():
            events = [
                event["Properties"]
                for event in (resource.get("Properties", {}).get("Events") or {}).values()
                if event["Type"] == "Api"
            ]
            if events:
                folder = (template.parent / resource["Properties"]["CodeUri"]).resolve()
                found += _of_function(name, _load(folder / "app.py"), events)
    return tuple(sorted(found, key=_position))


def _position(endpoint: Endpoint) -> tuple[str, int, str]:
    return endpoint.path.split("/")[1], METHOD_ORDER.index(endpoint.method), endpoint.path


def _of_function(name: str, module: ModuleType, events: list[Mapping[str, Any]]) -> list[Endpoint]:
    declared = {f"{event['Method'].upper()} {event['Path']}": event["RestApiId"] for event in events}
    served = module.ROUTES
    if declared.keys() != served.keys():
        raise LookupError(f"{name}: its template has {sorted(declared)}, its function serves {sorted(served)}")
    return [
        Endpoint(
            api=declared[route],
            function=name,
            method=route.split(" ")[0],
            path=route.split(" ")[1],
            summary=(action.__doc__ or "").strip().splitlines()[0],
            fields=_fields_of(action),
        )
        for route, action in served.items()
    ]


def _fields_of(action: Any) -> tuple[FieldDescription, ...]:
    """What the action reads of an empty request, which it refuses once it has read every field."""
    fields = Fields({})
    try:
        action(fields)
    except InvalidRequestError:
        return tuple(fields.described)
    raise LookupError(f"{action.__module__}.{action.__name__} accepts an empty request")


def _load(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"functions.{path.parent.name}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class _Constructor(SafeConstructor):
    """Reads an intrinsic function as its argument: `!Ref X` is "X".

    A class of its own, because constructors are registered on the class.
    """


def load_template(path: Path) -> Mapping[str, Any]:
    """A template as it stands, each intrinsic function as its argument."""
    yaml = YAML(typ="safe", pure=True)
    yaml.Constructor = _Constructor
    template: Mapping[str, Any] = yaml.load(path.read_text())
    return template


def _argument(loader: Any, _tag: str, node: Any) -> Any:
    match node.id:
        case "scalar":
            return loader.construct_scalar(node)
        case "sequence":
            return loader.construct_sequence(node, deep=True)
    return loader.construct_mapping(node, deep=True)


_Constructor.add_multi_constructor("!", _argument)
