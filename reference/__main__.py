"""Generates the OpenAPI document, the API reference, the index of error codes, the Postman collection, the deployer's
policy, the list of decisions and parts of docs/architecture.md.

`make reference` runs it.
"""

import json
import sys
from collections.abc import Mapping
from pathlib import Path

from reference import decisions, deployer_policy
from reference.architecture import PAGE, architecture
from reference.endpoints import CHECKOUT, endpoints, public_pages
from reference.error_codes import PAGE as PAGE_OF_ERRORS
from reference.error_codes import error_page
from reference.markdown import markdown
from reference.openapi import openapi
from reference.postman import postman

COLLECTION = "postman/selling-partner-api-quick-start.postman_collection.json"


def documents(checkout: Path = CHECKOUT) -> Mapping[str, str]:
    """The text of each document by its path in the checkout."""
    found, pages = endpoints(checkout), public_pages(checkout)
    return {
        "docs/openapi.json": json.dumps(openapi(found, pages), indent=2) + "\n",
        "docs/api-reference.md": markdown(found, pages),
        PAGE_OF_ERRORS: error_page(),
        COLLECTION: json.dumps(postman(found), indent=2) + "\n",
    }


def main() -> int:
    made = {deployer_policy.PATH: deployer_policy.written(), PAGE: architecture(), decisions.PATH: decisions.listed()}
    for name, text in {**documents(), **made}.items():
        path = CHECKOUT / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
        print(f"wrote {name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
