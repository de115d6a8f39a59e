"""Only the check itself needs the validation layer. Functions without the layer import everything else."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

LAYER = Path(__file__).resolve().parents[4] / "layers/sp_api/python"
PACKAGES = {"attr", "attrs", "jsonschema", "jsonschema_specifications", "referencing", "regex", "rpds"}
WITH_LAYER = {"keywords", "validation"}
MODULES = sorted(path.stem for path in (LAYER / "quickstart/product_types").glob("*.py") if path.stem != "__init__")


def loaded(module: str) -> set[str]:
    """The top-level packages that importing a module loads."""
    program = f"import sys, json\nimport {module}\nprint(json.dumps([name.split('.')[0] for name in sys.modules]))"
    done = subprocess.run(
        [sys.executable, "-c", program], env={"PYTHONPATH": str(LAYER)}, capture_output=True, text=True, check=True
    )
    return set(json.loads(done.stdout))


@pytest.mark.parametrize("module", MODULES)
def test_what_needs_the_layer(module: str) -> None:
    assert bool(loaded(f"quickstart.product_types.{module}") & PACKAGES) == (module in WITH_LAYER)
