"""What does it cost to copy a document to S3? CPU seconds, seconds and memory, beside other programs and the limit."""

import argparse
import json
import os
import ssl
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from benchmarks.measuring import Figures, alternated, machine
from benchmarks.results import Result, Table, Told
from sp_api_simulator.certificates import make_certificates

CHECKOUT = Path(__file__).resolve().parents[1]
COPIES = CHECKOUT / "benchmarks" / "programs"
MEBIBYTE = 1024 * 1024
FUNCTION = CHECKOUT / ".venv-functions" / "bin" / "python"
PEERS = CHECKOUT / ".venv-peers" / "bin" / "python"
# One connection's share of a network.
PACE_BYTES = 90_000_000
OF_COMPRESSED_DOCUMENTS = ("this stack without isal", "limit with SHA-256 and decompression")


@dataclass(frozen=True)
class Copy:
    """A program that copies; `largest` is the size in MiB above which it needs more memory than it should get."""

    program: str
    python: Path
    environment: Mapping[str, str]
    largest: int = 1 << 20


def copies() -> Mapping[str, Copy]:
    own = ("layers/inflating/python", "layers/sp_api/python", "layers/dependencies/python")
    here = CHECKOUT / ".local/inflating/python"
    path = [str(here), *(str(CHECKOUT / each) for each in own[1:])]
    return {
        "this stack": Copy("quick_start.py", FUNCTION, {"PYTHONPATH": ":".join(path)}),
        "this stack without isal": Copy("quick_start.py", FUNCTION, {"PYTHONPATH": ":".join(path[1:])}),
        "limit": Copy("limit.py", FUNCTION, {}),
        "limit with SHA-256": Copy("limit.py", FUNCTION, {"COPY_EXTRAS": "sha256"}),
        "limit with SHA-256 and decompression": Copy(
            "limit.py", FUNCTION, {"COPY_EXTRAS": "sha256 decompress", "PYTHONPATH": str(here)}
        ),
        "boto3, upload_fileobj": Copy("boto3_default.py", PEERS, {}),
        "boto3, read all": Copy("read_all.py", PEERS, {}, 1024),
        "python-amazon-sp-api": Copy("python_amazon_sp_api.py", PEERS, {}, 64),
    }


@dataclass(frozen=True)
class Stores:
    port: int
    authority: Path

    @property
    def endpoint(self) -> str:
        return f"https://127.0.0.1:{self.port}"

    def received(self) -> int:
        context = ssl.create_default_context(cafile=str(self.authority))
        with urllib.request.urlopen(f"{self.endpoint}/received", context=context) as answer:
            return int(answer.read())


@contextmanager
def running_stores(bytes_per_second: float = 0) -> Iterator[Stores]:
    with tempfile.TemporaryDirectory(prefix="stores-") as folder:
        authority, server = make_certificates(Path(folder), [], keep=False)
        command = [sys.executable, "-m", "benchmarks.stores", "--certificate", str(server)]
        command += ["--bytes-per-second", str(bytes_per_second)]
        with subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=CHECKOUT
        ) as process:
            assert process.stdout is not None
            assert process.stdin is not None
            try:
                yield Stores(int(process.stdout.readline()), authority)
            finally:
                process.stdin.close()


def run(stores: Stores, copy: Copy, size: int, kind: str) -> Figures:
    """One copy in a process of its own. Raises RuntimeError when it fails or S3 did not get every byte."""
    environment = {
        "PATH": os.environ["PATH"],
        "SSL_CERT_FILE": str(stores.authority),
        "AWS_CA_BUNDLE": str(stores.authority),
        "AWS_ENDPOINT_URL_S3": stores.endpoint,
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        **{name: os.environ[name] for name in ("COPY_CONNECTIONS",) if name in os.environ},
        **copy.environment,
    }
    small, large = (f"{stores.endpoint}/{each}/{kind}" for each in (MEBIBYTE, size))
    stores.received()
    command = [str(copy.python), str(COPIES / copy.program), small, large, stores.endpoint]
    finished = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if finished.returncode:
        raise RuntimeError(f"{copy.program} failed:\n{finished.stderr}")
    received = stores.received()
    if received < 0.9 * size:
        raise RuntimeError(f"{copy.program} sent {received:,} of {size:,} bytes")
    figures = json.loads(finished.stdout)
    return {
        "CPU seconds": figures["cpu_seconds"],
        "seconds": figures["wall_seconds"],
        "MiB of memory": figures["most_bytes"] / MEBIBYTE,
    }


def compare(stores: Stores, sizes: Mapping[str, int], kind: str, rounds: int, told: Told, only: str) -> Table:
    """`sizes` are in MiB, by contestant."""

    def contestant(name: str, copy: Copy) -> Callable[[], Figures]:
        return partial(run, stores, copy, sizes[name] * MEBIBYTE, kind)

    chosen = {name: copy for name, copy in copies().items() if name in sizes and only in name}
    found = alternated({name: contestant(name, copy) for name, copy in chosen.items()}, rounds, told)
    return {name: {"MiB": sizes[name], **figures} for name, figures in found.items()}


def results(*, quick: bool, told: Told, only: str = "", kinds: str = "plain gzip paced") -> Iterator[Result]:
    """The copies of plain and of compressed documents, and of one over a network as fast as one connection may be."""
    size, rounds = (64, 3) if quick else (512, 5)
    everybody = {name: min(size, copy.largest) for name, copy in copies().items()}
    with running_stores() as stores:
        if "plain" in kinds:
            names = {name: each for name, each in everybody.items() if name not in OF_COMPRESSED_DOCUMENTS}
            table = compare(stores, names, "plain", rounds, told, only)
            yield Result("copy-plain", "Copy of a document", table, _ratios(table, 1.25), "CPU seconds")
        if "gzip" in kinds:
            table = compare(stores, everybody, "gzip", rounds, told, only)
            notes = ["The sizes in MiB are those of the gzip data.", *_ratios(table, 2)]
            yield Result("copy-gzip", "Copy of a compressed document", table, notes, "CPU seconds")
    if "paced" not in kinds:
        return
    with running_stores(PACE_BYTES) as stores:
        names = {name: everybody[name] for name in ("this stack", "limit", "boto3, upload_fileobj")}
        os.environ["COPY_CONNECTIONS"] = "2"
        table = compare(stores, names, "plain", 1 if quick else 3, told, only)
        title = f"Copy over connections of {PACE_BYTES // 1_000_000} MB/s"
        yield Result("copy-paced", title, table, _seconds(table, 1.1), "seconds")


def _ratios(table: Table, goal: float) -> list[str]:
    per = {name: row["CPU seconds"] / row["MiB"] for name, row in table.items()}
    own, limit, checked = (
        per.get(name) for name in ("this stack", "limit with SHA-256", "limit with SHA-256 and decompression")
    )
    notes = []
    if own and limit:
        ratio = own / limit
        notes.append(
            f"This stack needs {ratio:.2f} times the CPU time of the limit with SHA-256. The goal is at most {goal}."
        )
    if own and limit and checked:
        notes.append(
            f"If the limit with SHA-256 also decompresses the bytes, it needs {checked / limit:.2f} times the CPU "
            f"time. This stack needs {own / checked:.2f} times the CPU time of the limit with SHA-256 and "
            "decompression."
        )
    return notes


def _seconds(table: Table, goal: float) -> list[str]:
    if not {"this stack", "limit"} <= set(table):
        return []
    ratio = table["this stack"]["seconds"] / table["limit"]["seconds"]
    return [f"This stack takes {ratio:.2f} times as long as the limit. The goal is at most {goal}."]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--only", default="", help="part of a contestant's name")
    parser.add_argument("--kinds", default="plain gzip paced")
    options = parser.parse_args()
    print(machine())
    for result in results(quick=options.quick, told=print, only=options.only, kinds=options.kinds):
        print(f"\n{result.title}\n\n{result.markdown()}")


if __name__ == "__main__":
    main()
