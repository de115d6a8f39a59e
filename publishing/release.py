"""Check that a tag belongs to this version and its changelog: ``python -m publishing.release v1.2.3``."""

import re
import sys
import tomllib
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[1]


def problems(tag: str, checkout: Path) -> list[str]:
    """Why the tag may not be published from this checkout, one sentence each. Empty if it may."""
    version = tomllib.loads((checkout / "pyproject.toml").read_text("utf-8"))["project"]["version"]
    found = []
    if tag != f"v{version}":
        found.append(f"The tag is {tag!r}, but pyproject.toml has version {version}: the tag must be v{version}.")
    released = released_versions(checkout)
    if released[:1] != [version]:
        newest = released[0] if released else "none"
        found.append(f"The newest version in CHANGELOG.md is {newest}: add the heading '## [{version}] - <date>'.")
    return found


def released_versions(checkout: Path) -> list[str]:
    """The versions that CHANGELOG.md has a dated heading for, in its order: the newest is first."""
    text = (checkout / "CHANGELOG.md").read_text("utf-8")
    return re.findall(r"^## \[(\d+\.\d+\.\d+)\] - \d{4}-\d{2}-\d{2}$", text, re.MULTILINE)


def main() -> int:
    if len(sys.argv) != 2:
        print("usage: python -m publishing.release <tag>", file=sys.stderr)
        return 2
    found = problems(sys.argv[1], CHECKOUT)
    print("\n".join(found) or f"{sys.argv[1]} matches the version and CHANGELOG.md.")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
