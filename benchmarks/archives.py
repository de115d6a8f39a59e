"""What would compressed archives of the code save, and what would they cost? Their bytes, and the CPU time to unpack
them in a cold start.
"""

import io
import sys
import time
import zipfile
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path

from benchmarks.cold_start import layers_here
from benchmarks.measuring import Figures, alternated
from benchmarks.results import Result, Told
from benchmarks.transfer import CHECKOUT
from publishing import Hosting, build

FUNCTION = "notification_processor"
# The function's code, and the layers that all functions have.
LOADED = (f"functions/{FUNCTION}", "layers/sp_api", "layers/dependencies")
MEGABYTE = 1_000_000


def archives() -> Mapping[str, bytes]:
    """As they are published, by their path in the checkout."""
    made = build(Hosting("bucket", "us-east-1", ""), CHECKOUT, layers_here(), Path(sys.executable)).artifacts
    return {one.key.rpartition("-")[0]: one.content for one in made if one.key.endswith(".zip")}


def deflated(archive: bytes) -> bytes:
    """The same files, compressed."""
    packed = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(archive)) as stored, zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as new:
        for name in stored.namelist():
            new.writestr(name, stored.read(name))
    return packed.getvalue()


def unpacked(contents: Mapping[str, bytes]) -> Figures:
    """Reads every file of what the function loads, and compares its CRC-32."""
    began = time.process_time()
    for name in LOADED:
        with zipfile.ZipFile(io.BytesIO(contents[name])) as archive:
            for each in archive.namelist():
                archive.read(each)
    return {"CPU ms to unpack": 1000 * (time.process_time() - began)}


def results(*, quick: bool, told: Told) -> Iterator[Result]:
    stored = archives()
    kinds = {"stored, as published": stored, "deflated": {name: deflated(each) for name, each in stored.items()}}
    spent = alternated({name: partial(unpacked, each) for name, each in kinds.items()}, 3 if quick else 9, told)
    table = {
        name: {
            "MB of all archives": sum(map(len, each.values())) / MEGABYTE,
            f"MB that {FUNCTION} loads": sum(len(each[part]) for part in LOADED) / MEGABYTE,
            **spent[name],
        }
        for name, each in kinds.items()
    }
    yield Result("archives", "Archives of the code", table)
