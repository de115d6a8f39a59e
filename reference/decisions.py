"""The list of decisions in docs/decisions/README.md, from the title of each record."""

from pathlib import Path

from reference.endpoints import CHECKOUT

PATH = "docs/decisions/README.md"
_MARK = "<!-- make reference: the records -->\n"


def listed(checkout: Path = CHECKOUT) -> str:
    """The page with its list updated. Raises LookupError if the marker is missing."""
    page = checkout / PATH
    text, marked, _ = page.read_text().partition(_MARK)
    if not marked:
        raise LookupError(f"{PATH} has no line {_MARK.strip()}")
    records = sorted(path for path in page.parent.glob("[0-9]*.md"))
    return f"{text}{_MARK}\n" + "".join(f"- [{_title(path)}]({path.name})\n" for path in records)


def _title(path: Path) -> str:
    """Such as "61. One package per capability"."""
    return path.read_text().partition("\n")[0].removeprefix("# ")
