"""docs/examples/publish_listing.*: both programs publish a product, and say why when it is not published."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from deployment import REPOSITORY, Deployment
from tests.end_to_end.host import Seller
from tests.end_to_end.listing_helpers import listing_of, unique
from tests.end_to_end.test_examples import example_environment
from tests.waiting import SECONDS

EXAMPLES = REPOSITORY / "docs" / "examples"
PROGRAMS = {
    "python": [sys.executable, str(EXAMPLES / "publish_listing.py")],
    "node": ["node", str(EXAMPLES / "publish_listing.mjs")],
}


@pytest.mark.parametrize("program", PROGRAMS)
def test_a_product_is_published(deployment: Deployment, french_seller: Seller, tmp_path: Path, program: str) -> None:
    environment = example_environment(deployment)

    def run(attributes: Any) -> tuple[int, Any, str]:
        file = tmp_path / "listing.json"
        body = listing_of(french_seller, f"EXAMPLE {program}", ProductType="LUGGAGE", Attributes=attributes)
        file.write_text(json.dumps(body))
        done = subprocess.run(
            [*PROGRAMS[program], deployment.url("ListingsUrl"), str(file)],
            env=dict(environment),
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )
        return done.returncode, json.loads(done.stdout or "null"), done.stderr

    wrong = {**unique(), "shell_type": [{"value": "Hard shell"}]}
    status, answer, said = run(wrong)
    assert (status, answer["errors"][0]["code"]) == (1, "ListingInvalid"), said
    assert "not published: refused" in said
    status, answer, said = run(unique())
    assert (status, said) == (0, ""), said
    assert answer["status"] == "PUBLISHED"
