"""What does a cold start cost? The CPU time in which a function's code is loaded and its first clients are made."""

import argparse
import os
import resource
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path

from benchmarks.measuring import Figures, alternated, in_turns, machine
from benchmarks.results import Result, Told
from benchmarks.transfer import CHECKOUT, FUNCTION, PEERS
from publishing import Hosting, build, unpack
from tests.yaml_reading import yaml_parse

# The service of an IAM action -> boto3's name, and the factory in quickstart.clients.
CLIENTS = {
    "dynamodb": ("dynamodb", "dynamodb"),
    "events": ("events", "events"),
    "kms": ("kms", "kms"),
    "s3": ("s3", "s3"),
    "scheduler": ("scheduler", "scheduler"),
    "secretsmanager": ("secretsmanager", "secretsmanager"),
    "sns": ("sns", "sns"),
    "sqs": ("sqs", "sqs"),
    "states": ("stepfunctions", "states"),
    "sts": ("sts", "sts"),
}
# These are measured without bytecode too, and in a quick run no others.
EXAMPLES = ("notification_processor", "report_document_storage", "report_creator")
# What a function cannot do without, beside boto3.
ALSO = {"listing_submissions": "jsonschema, regex"}
OWN, FLOOR, RATIO, PLAIN = "CPU ms", "floor: boto3 and the same clients", "ratio to the floor", "without bytecode"
PEERS_WITH = {
    "python-amazon-sp-api": "from sp_api.api import Notifications, Reports\n"
    "Reports(credentials=dict(refresh_token='r', lwa_app_id='a', lwa_client_secret='s'))",
    # Its client asks for a token when it is made, so it is not.
    "amzn-sp-api": "from spapi import ReportsApi, SPAPIClient, SPAPIConfig\n"
    "SPAPIConfig(client_id='a', client_secret='s', refresh_token='r', region='NA', scope=None)",
}


def functions() -> Mapping[str, tuple[str, ...]]:
    """The folder of each function, and the services that its role may call."""
    found = {}
    for path in sorted((CHECKOUT / "templates").glob("*.yaml")):
        resources = yaml_parse(path.read_text())["Resources"]
        for name, described in resources.items():
            if described["Type"] == "AWS::Serverless::Function":
                folder = described["Properties"]["CodeUri"].rpartition("/")[2]
                found[folder] = tuple(sorted(_services(resources[f"{name}Role"]["Properties"])))
    return found


def _services(role: object) -> set[str]:
    """What appears as an action anywhere in the role's policies."""
    if isinstance(role, str):
        service, colon, action = role.partition(":")
        return {service} if colon and action.isalpha() and service in CLIENTS else set()
    if isinstance(role, Mapping):
        return set().union(*(_services(value) for key, value in role.items() if key != "AssumeRolePolicyDocument"))
    if isinstance(role, list):
        return set().union(*map(_services, role))
    return set()


def unpacked(folder: Path, python: Path | None) -> None:
    """The published code as Lambda unpacks it: functions/<name> and layers/<name>/python."""
    unpack(build(Hosting("bucket", "us-east-1", ""), CHECKOUT, layers_here(), python), folder)


def layers_here() -> Mapping[str, Path]:
    return {f"layers/{name}": CHECKOUT / ".local" / name for name in ("validation", "inflating")}


def cpu(python: Path, path: Sequence[Path], program: str) -> Figures:
    """CPU seconds of a process that runs the program, with Python's own start."""
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": ":".join(map(str, path)),
        "PYTHONDONTWRITEBYTECODE": "1",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "POWERTOOLS_SERVICE_NAME": "benchmark",
        "RETENTION_DAYS": "30",
    }
    before = _spent()
    subprocess.run([python, "-c", program], env=environment, check=True)
    return {"CPU ms": 1000 * (_spent() - before)}


def _spent() -> float:
    """CPU seconds of the processes that have ended, in microseconds: `os.times` counts hundredths of a second."""
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return children.ru_utime + children.ru_stime


def results(*, quick: bool, told: Told) -> Iterator[Result]:
    rounds = 3 if quick else 9
    chosen = {name: each for name, each in functions().items() if not quick or name in EXAMPLES}
    rows, notes = {}, []
    with tempfile.TemporaryDirectory(prefix="cold-start-") as temporary:
        plain, packed = Path(temporary) / "plain", Path(temporary) / "packed"
        unpacked(plain, None)
        # The bytecode of the interpreter that runs it here, as Lambda's is of Lambda's.
        unpacked(packed, Path(sys.executable))
        for name, services in chosen.items():
            path = [packed / each for each in _path(name)]
            makes = "\n".join(f"clients.{CLIENTS[service][1]}()" for service in services)
            ours = f"import app\nfrom quickstart import clients\n{makes}"
            least = "import boto3, urllib3\n" + "\n".join(f"boto3.client('{CLIENTS[each][0]}')" for each in services)
            contestants = {OWN: partial(cpu, FUNCTION, path, ours), FLOOR: partial(cpu, FUNCTION, path, least)}
            if name in EXAMPLES:
                contestants[PLAIN] = partial(cpu, FUNCTION, [plain / each for each in _path(name)], ours)
            if name in ALSO:
                contestants[ALSO[name]] = partial(cpu, FUNCTION, path, f"import {ALSO[name]}\n{least}")
            turns = in_turns(contestants, rounds, told)
            spent = {each: [figures["CPU ms"] for figures in own_turns] for each, own_turns in turns.items()}
            rows[name] = {each: statistics.median(spent[each]) for each in (OWN, FLOOR)}
            rows[name][RATIO] = _ratio(spent[OWN], spent[FLOOR])
            rows[name] |= {PLAIN: statistics.median(spent[PLAIN])} if PLAIN in spent else {}
            if name in ALSO:
                ratio = _ratio(spent[OWN], spent[ALSO[name]])
                notes.append(
                    f"{name} also needs {ALSO[name]}. A floor that imports these packages too takes "
                    f"{statistics.median(spent[ALSO[name]]):.0f} ms, and the ratio to this floor is {ratio:.2f}."
                )
    ratios = sorted(row[RATIO] for row in rows.values())
    within = sum(ratio <= 1 for ratio in ratios)
    notes.insert(
        0,
        f"{within} of {len(ratios)} functions reach the goal of 1.0. The median ratio is "
        f"{statistics.median(ratios):.2f}, and the highest ratio is {ratios[-1]:.2f}.",
    )
    for name, program in PEERS_WITH.items():
        rows[name] = {OWN: alternated({name: partial(cpu, PEERS, (), program)}, rounds, told)[name]["CPU ms"]}
    yield Result("cold-start", "Cold starts", rows, notes, OWN)


def _ratio(own: Sequence[float], floor: Sequence[float]) -> float:
    """The median of the rounds' ratios: a machine that is slower for a while is slower for both parts of a round."""
    return statistics.median(each / least for each, least in zip(own, floor, strict=True))


def _path(function: str) -> tuple[str, ...]:
    own = {"listing_submissions": ("validation",), "report_document_storage": ("inflating",)}.get(function, ())
    layers = (f"layers/{name}/python" for name in ("sp_api", "dependencies", *own))
    return (f"functions/{function}", *layers)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    print(machine())
    for result in results(quick=parser.parse_args().quick, told=print):
        print(f"\n{result.title}\n\n{result.markdown()}")


if __name__ == "__main__":
    main()
