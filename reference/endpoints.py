"""Every method of the stack's APIs, and the fields that its function reads."""

import importlib.util
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import yaml

from quickstart.refusals import InvalidRequestError
from quickstart.validation import FieldDescription, Fields

CHECKOUT = Path(__file__).resolve().parent.parent
METHODS_WITH_BODY = ("POST", "PATCH")
# Create, read, then delete.
METHOD_ORDER = ("POST", "PATCH", "GET", "DELETE")


@dataclass(frozen=True)
class Endpoint:
    """One method of one REST API.

    `route` is "POST /reports"; `summary` is the first paragraph of the action's docstring; `fields` are in the order in
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
        if f"{{{self.path_name(field)}}}" in self.path:
            return "path"
        return "body" if self.method in METHODS_WITH_BODY else "query"

    def fields_in(self, location: str) -> tuple[FieldDescription, ...]:
        """The fields that are sent there."""
        return tuple(field for field in self.fields if self.location(field) == location)

    @staticmethod
    def path_name(field: FieldDescription) -> str:
        """The field's name where the path carries it: {reportId} is the field ReportId."""
        return field.name[:1].lower() + field.name[1:]


@dataclass(frozen=True)
class PublicPage:
    """A path that browsers open without a signature. `parameters` are those of its query, with their meaning."""

    api: str
    function: str
    path: str
    summary: str
    parameters: Mapping[str, str]


def public_pages(checkout: Path = CHECKOUT) -> tuple[PublicPage, ...]:
    """Every path without IAM. Raises LookupError as `endpoints` does."""
    found = []
    for name, resource, events in _functions(checkout):
        public = {event["Path"]: event["RestApiId"] for event in events if _is_public(event)}
        if public:
            served = _load(_handler(checkout, resource)).PAGES
            _same(name, {f"GET {path}" for path in public}, served)
            for route, page in served.items():
                path = route.removeprefix("GET ")
                found.append(PublicPage(public[path], name, path, _summary(page.serve), page.parameters))
    return tuple(found)


def endpoints(checkout: Path = CHECKOUT) -> tuple[Endpoint, ...]:
    """Every endpoint of the host product, sorted by path and then in METHOD_ORDER; the path of a single item follows
    the path of its list.

    Raises LookupError if a template has a method that its function does not serve, or vice versa.
    """
    found = []
    for name, resource, events in _functions(checkout):
        signed = [event for event in events if not _is_public(event)]
        if signed:
            found += _of_function(name, _load(_handler(checkout, resource)), signed)
    return tuple(sorted(found, key=_position))


def _functions(checkout: Path) -> Iterator[tuple[str, Mapping[str, Any], list[Mapping[str, Any]]]]:
    """Each function that an API calls: its name, its resource, and the properties of its API events."""
    for template in sorted((checkout / "templates").glob("*.yaml")):
        for name, resource in load_template(template)["Resources"].items():
            events = [
                event["Properties"]
                for event in (resource.get("Properties", {}).get("Events") or {}).values()
                if event["Type"] == "Api"
            ]
            if events:
                yield name, resource, events


def _handler(checkout: Path, resource: Mapping[str, Any]) -> Path:
    return (checkout / "templates" / str(resource["Properties"]["CodeUri"]) / "app.py").resolve()


def _is_public(event: Mapping[str, Any]) -> bool:
    return bool(event.get("Auth", {}).get("Authorizer") == "NONE")


def _same(name: str, declared: Collection[str], served: Collection[str]) -> None:
    if set(declared) != set(served):
        raise LookupError(f"{name}: its template has {sorted(declared)}, its function serves {sorted(served)}")


def _position(endpoint: Endpoint) -> tuple[str, int, str]:
    return endpoint.path.split("/")[1], METHOD_ORDER.index(endpoint.method), endpoint.path


def _of_function(name: str, module: ModuleType, events: list[Mapping[str, Any]]) -> list[Endpoint]:
    declared = {f"{event['Method'].upper()} {event['Path']}": event["RestApiId"] for event in events}
    served = module.ROUTES
    _same(name, declared, served)
    return [
        Endpoint(
            api=declared[route],
            function=name,
            method=route.split(" ")[0],
            path=route.split(" ")[1],
            summary=_summary(getattr(action, "func", action)),
            fields=_fields_of(action),
        )
        for route, action in served.items()
    ]


def _summary(action: Any) -> str:
    """The first paragraph of the docstring, on one line."""
    return " ".join((action.__doc__ or "").strip().partition("\n\n")[0].split())


def _fields_of(action: Any) -> tuple[FieldDescription, ...]:
    """What the action reads of a request with one unknown field, which it refuses once it has read every field."""
    fields = Fields({"": None})
    try:
        action(fields)
    except InvalidRequestError:
        return tuple(fields.described)
    raise LookupError(f"{action} accepts a request with an unknown field")


def _load(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"functions.{path.parent.name}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class _Loader(yaml.CSafeLoader):
    """Reads an intrinsic function as its argument: `!Ref X` is "X".

    A separate class, because constructors are registered on the class.
    """


def load_template(path: Path) -> Mapping[str, Any]:
    """The source template, with each intrinsic function replaced by its argument."""
    template: Mapping[str, Any] = yaml.load(path.read_text(), Loader=_Loader)  # noqa: S506 - a safe loader
    return template


def _argument(loader: Any, _tag: str, node: Any) -> Any:
    match node.id:
        case "scalar":
            return loader.construct_scalar(node)
        case "sequence":
            return loader.construct_sequence(node, deep=True)
    return loader.construct_mapping(node, deep=True)


_Loader.add_multi_constructor("!", _argument)
