"""The field tables of docs/api-reference.md."""

import json
from collections.abc import Mapping, Sequence

from reference.endpoints import Endpoint, PublicPage
from reference.examples import ANSWERS, REFUSALS
from reference.snippets import NAMES, OUTPUTS, snippets


def markdown(endpoints: tuple[Endpoint, ...], pages: tuple[PublicPage, ...]) -> str:
    """One section for each endpoint."""
    sections = [
        "# API reference",
        "`make reference` generates this page from the templates and the functions' own validation. "
        "For explanations, see [api.md](api.md). For tools, use [openapi.json](openapi.json).",
        "The example requests use the clients in [examples](examples): "
        "[host_product.sh](examples/host_product.sh), [host_product.py](examples/host_product.py) or "
        "[host_product_botocore.py](examples/host_product_botocore.py), and "
        "[host_product.mjs](examples/host_product.mjs). In the Python and Node.js examples, `product` is an instance "
        "of the client's class `QuickStart`. The variables with addresses, such as `reports` and `REPORTS_URL`, have "
        "the values of these outputs:",
        table(
            ("variable", "output"),
            [
                (f"{', '.join(f'`{name}`' for name in dict.fromkeys(NAMES[root]))}", f"`{OUTPUTS[root]}`")
                for root in NAMES
            ],
        ),
        *(_section(endpoint) for endpoint in endpoints),
        *(_page(page) for page in pages),
        "## Errors",
        table(
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
    refusals = ", ".join(dict.fromkeys(str(refusal.status) for refusal in REFUSALS if refusal.applies_to(endpoint)))
    return "\n\n".join(
        [
            f"## {endpoint.route}",
            f"{endpoint.summary} API: `{endpoint.api}`. Function: `{endpoint.function}`.",
            table(("field", "in", "", "rule"), rows),
            "Request:",
            _side_by_side(snippets(endpoint)),
            f"Response: `{json.dumps(ANSWERS[endpoint.route])}`",
            f"Error statuses: {refusals}",
        ]
    )


def _side_by_side(requests: Mapping[str, tuple[str, str]]) -> str:
    """Two in a row. Only between empty lines does Markdown read what is in a cell."""
    cells = [
        f"<td>\n\n**{name}**\n\n```{language}\n{text}\n```\n\n</td>" for name, (language, text) in requests.items()
    ]
    rows = [f"<tr>{''.join(cells[first : first + 2])}</tr>" for first in range(0, len(cells), 2)]
    return "<table>\n" + "\n".join(rows) + "\n</table>"


def _page(page: PublicPage) -> str:
    rows = [(f"`{name}`", rule) for name, rule in page.parameters.items()]
    return "\n\n".join(
        [
            f"## GET {page.path}",
            f"{page.summary} Anybody can open this path; it needs no signature. "
            f"API: `{page.api}`. Function: `{page.function}`.",
            table(("parameter", "meaning"), rows),
        ]
    )


def table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    """A table of Markdown."""
    lines = [head, tuple("---" for _ in head), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)
