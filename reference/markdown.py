"""The field tables of docs/api-reference.md."""

import json
from collections.abc import Sequence

from reference.endpoints import Endpoint
from reference.examples import ANSWERS, REFUSALS, REQUESTS


def markdown(endpoints: tuple[Endpoint, ...]) -> str:
    """One section for each endpoint."""
    sections = [
        "# API reference",
        "Written by `make reference` from the templates and the functions' own validation; "
        "[api.md](api.md) explains, [openapi.json](openapi.json) is for tools.",
        *(_section(endpoint) for endpoint in endpoints),
        "## Refusals",
        _table(
            ("status", "when"),
            [(str(refusal.status), refusal.when) for refusal in REFUSALS],
        ),
    ]
    return "\n\n".join(sections) + "\n"


def _section(endpoint: Endpoint) -> str:
    rows = [
        (
            f"`{endpoint.path_name(field) if endpoint.location(field) == 'path' else field.name}`",
            endpoint.location(field),
            "required" if field.required else "optional",
            field.rule.replace("|", "\\|"),
        )
        for field in endpoint.fields
    ]
    refusals = ", ".join(str(refusal.status) for refusal in REFUSALS if refusal.applies_to(endpoint))
    return "\n\n".join(
        [
            f"## {endpoint.route}",
            f"{endpoint.summary} `{endpoint.api}`, served by `{endpoint.function}`.",
            _table(("field", "in", "", "rule"), rows),
            f"Request: `{json.dumps(REQUESTS[endpoint.route])}`",
            f"Answer: `{json.dumps(ANSWERS[endpoint.route])}`",
            f"Refusals: {refusals}",
        ]
    )


def _table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    lines = [head, tuple("---" for _ in head), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)
