"""Writes docs/openapi.json, docs/api-reference.md, the Postman collection, docs/iam/deployer-policy.json and parts of
docs/architecture.md.

That is `make reference`.
"""

import json
import sys
from collections.abc import Mapping
from pathlib import Path

from reference import deployer_policy
from reference.architecture import PAGE, architecture
from reference.endpoints import CHECKOUT, endpoints
from reference.markdown import markdown
from reference.openapi import openapi
from reference.postman import postman

COLLECTION = "postman/selling-partner-api-quick-start.postman_collection.json"


def documents(checkout: Path = CHECKOUT) -> Mapping[str, str]:
    """The text of each document by its path in the checkout."""
    found = endpoints(checkout)
    return {
        "docs/openapi.json": json.dumps(openapi(found), indent=2) + "\n",
        "docs/api-reference.md": markdown(found),
        COLLECTION: json.dumps(postman(found), indent=2) + "\n",
    }


def main() -> int:
    made = {deployer_policy.PATH: deployer_policy.written(), PAGE: architecture()}
    for name, text in {**documents(), **made}.items():
        path = CHECKOUT / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
        print(f"wrote {name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
