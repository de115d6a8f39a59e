"""The generated parts of docs/architecture.md: the resources of each template, and diagrams of the state machines."""

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from reference.endpoints import CHECKOUT, load_template

PAGE = "docs/architecture.md"
# Resources that belong to a function or queue; listing them would hide the important ones.
_ATTENDANTS = (
    "AWS::IAM::Policy",
    "AWS::Lambda::Permission",
    "AWS::Logs::LogGroup",
    "AWS::S3::BucketPolicy",
    "AWS::SQS::QueuePolicy",
)
_ROOT = "quickstart.yaml"


def architecture(checkout: Path = CHECKOUT) -> str:
    """The page with its generated parts updated. Raises LookupError if the markers of a part are missing."""
    text = (checkout / PAGE).read_text()
    for name, part in _parts(checkout).items():
        begin, end = f"<!-- make reference: {name} -->\n", "<!-- end -->"
        before, marked, rest = text.partition(begin)
        _, ended, after = rest.partition(end)
        if not marked or not ended:
            raise LookupError(f"{PAGE} has no part between {begin.strip()} and {end}")
        text = f"{before}{begin}\n{part}\n\n{end}{after}"
    return text


def state_diagram(definition: Mapping[str, Any]) -> str:
    """A state machine as a mermaid stateDiagram, with conditions and caught errors as labels of the arrows."""
    states = definition["States"]
    lines = ["stateDiagram-v2"]
    lines += [f'    state "{name}" as {_identifier(name)}' for name in states if _identifier(name) != name]
    lines.append(f"    [*] --> {_identifier(definition['StartAt'])}")
    for name, state in states.items():
        for target, label in _arrows(state):
            arrow = f"    {_identifier(name)} --> {_identifier(target) if target else '[*]'}"
            lines.append(f"{arrow}: {label}" if label else arrow)
    return "\n".join(lines)


def _arrows(state: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """The next states and their conditions; an empty target is the end."""
    for choice in state.get("Choices", []):
        yield choice["Next"], _words(choice["Condition"])
    if "Default" in state:
        yield state["Default"], "otherwise"
    for catcher in state.get("Catch", []):
        yield catcher["Next"], ", ".join(catcher["ErrorEquals"])
    if "Next" in state:
        yield state["Next"], f"after {_words(state['Seconds'])} seconds" if state["Type"] == "Wait" else ""
    if state.get("End") or state["Type"] in ("Succeed", "Fail"):
        yield "", ""


def _words(expression: object) -> str:
    """A JSONata expression without its brackets and the $ of its variables."""
    return re.sub(r"\$(?=[a-z])", "", str(expression).strip("{}% "))


def _identifier(name: str) -> str:
    return re.sub(r"\W+", "_", name)


def _parts(checkout: Path) -> Mapping[str, str]:
    machines = sorted((checkout / "templates/statemachines").glob("*.asl.json"))
    return {"what each template holds": _table(checkout)} | {
        path.name: f"```mermaid\n{state_diagram(json.loads(path.read_text()))}\n```" for path in machines
    }


def _table(checkout: Path) -> str:
    paths = sorted((checkout / "templates").glob("*.yaml"), key=lambda path: (path.name != _ROOT, path.name))
    rows = [f"| [`{path.name}`](../templates/{path.name}) | {_contents(path)} |" for path in paths]
    return "\n".join(["| template | resources |", "| --- | --- |", *rows])


def _contents(path: Path) -> str:
    kinds: dict[str, list[str]] = {}
    for name, resource in load_template(path)["Resources"].items():
        if resource["Type"] not in _ATTENDANTS:
            kinds.setdefault(_kind(resource["Type"]), []).append(name)
    return "<br>".join(f"{kind}: {', '.join(f'`{name}`' for name in kinds[kind])}" for kind in sorted(kinds))


def _kind(resource_type: str) -> str:
    """AWS::SQS::Queue is "SQS Queue"."""
    _, service, kind = resource_type.split("::")
    return f"{service} {re.sub(r'(?<=[a-z])(?=[A-Z])', ' ', kind)}".removeprefix("Serverless ")
