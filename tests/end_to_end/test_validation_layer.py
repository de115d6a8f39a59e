"""The validation layer: on the interpreter of the functions with what they see there, and as it is built for Lambda."""

import json
import os
import re
import struct
import subprocess
from importlib.metadata import Distribution
from pathlib import Path
from typing import Any

import pytest

from sp_api_simulator.product_type_schemas import definition
from tests.end_to_end.conftest import interpreter
from tests.unit.quickstart.product_types.support import FRANCE, listing_of

REPOSITORY = Path(__file__).resolve().parents[2]
FOR_LAMBDA = REPOSITORY / "layers" / "validation" / "python"
HERE = REPOSITORY / ".local" / "validation" / "python"
LAYERS = (REPOSITORY / "layers/sp_api/python", REPOSITORY / "layers/dependencies/python", HERE)
ELF_AARCH64 = 183

# Checks one listing three times in a new process: cold, with a compiled schema, and with errors.
DRIVER = """
import json, sys, time
before = time.process_time()
from quickstart.product_types.validation import CompiledSchemas
def peak_megabytes():
    # Linux counts ru_maxrss from before this program replaced the one that started it.
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmHWM")) / 1024
body, listing = open(sys.argv[1], "rb").read(), json.load(open(sys.argv[2]))
schemas = CompiledSchemas(4)
def check(listing):
    return schemas.check(body, "checksum", listing, enforced=True, time_limit=60)
cold = check(listing)
seconds = [time.process_time() - before]
wrong = {**listing, "item_name": listing["item_name"] * 2, "brand": [{"valeu": 1}]}
found = ()
for _ in range(5):
    for each in (listing, wrong):
        before = time.process_time()
        found = check(each).findings
        seconds.append(time.process_time() - before)
print(json.dumps({
    "cold": seconds[0],
    "warm": sorted(seconds[1:])[len(seconds) // 2],
    "megabytes": peak_megabytes(),
    "incomplete": cold.incomplete,
    "findings": [len(cold.findings), len(found)],
    "foreign": sorted(name for name in sys.modules if name in ("boto3", "botocore", "aws_lambda_powertools")),
}))
"""


def run(driver: str, *arguments: str) -> dict[str, Any]:
    """A program on the functions' interpreter with the layers, as Lambda puts them on the path."""
    done = subprocess.run(
        [interpreter("FUNCTION_PYTHON", ".venv-functions"), "-c", driver, *arguments],
        env={"PYTHONPATH": os.pathsep.join(map(str, LAYERS))},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    result: dict[str, Any] = json.loads(done.stdout)
    return result


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """One listing with 150 attributes against a schema of 1 MB with conditions 30 levels deep."""
    folder = tmp_path_factory.mktemp("check")
    body = definition("PERSONAL_COMPUTER", FRANCE).schema
    assert len(body) >= 1024 * 1024
    (folder / "schema.json").write_bytes(body)
    listing = listing_of(json.loads(body), most=150)
    (folder / "listing.json").write_text(json.dumps(listing))
    return run(DRIVER, str(folder / "schema.json"), str(folder / "listing.json"))


def test_a_listing_is_checked(measured: dict[str, Any]) -> None:
    """Decision 90 has the times."""
    assert measured["incomplete"] is None
    assert measured["findings"] == [0, 5]


def test_the_check_leaves_memory_for_the_function(measured: dict[str, Any]) -> None:
    assert measured["megabytes"] < 256


def test_the_check_needs_nothing_of_aws(measured: dict[str, Any]) -> None:
    assert measured["foreign"] == []


def compiled(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.suffix in (".so", ".pyd", ".dylib"))


def test_the_layer_for_lambda_is_for_its_processor_and_its_python() -> None:
    modules = compiled(FOR_LAMBDA)
    assert {path.parent.name for path in modules} == {"regex", "rpds"}
    for path in modules:
        assert ".cpython-313-aarch64-linux-gnu" in path.name
        (machine,) = struct.unpack_from("<H", path.read_bytes(), 18)
        assert machine == ELF_AARCH64


def test_both_layers_have_the_same_packages() -> None:
    def packages(folder: Path) -> set[tuple[str, str]]:
        found = (Distribution.at(path) for path in folder.glob("*.dist-info"))
        return {(one.metadata["Name"].lower().replace("_", "-"), one.version) for one in found}

    pins = (REPOSITORY / "layers/validation/requirements.txt").read_text().splitlines()
    pinned = (re.match(r"([\w.-]+)==([^\s\\]+)", line) for line in pins)
    wanted = {(found[1].lower(), found[2]) for found in pinned if found}
    assert packages(FOR_LAMBDA) == packages(HERE) == wanted


def test_the_layer_is_small() -> None:
    """Lambda accepts 250 MB for a function and its layers."""
    assert sum(path.stat().st_size for path in FOR_LAMBDA.rglob("*") if path.is_file()) < 10 * 1024 * 1024
