"""`make fuzz`: hostile input of every kind for the real functions. Exits with 1 if a case shows a fault.

Half of the cases are signed requests to a stack on the local emulator, derived from docs/openapi.json by schemathesis.
The others are queue messages, events, stored items, and answers of SP-API and LWA.
"""

import argparse
import sys
import tempfile
import time
import warnings
from pathlib import Path

from deployment import confirm_subscriptions, deploy, publish_templates, stack_parameters
from servers import running_servers
from simulator import application_arguments
from tests.emulator.support import EMULATOR_PYTHON, FUNCTION_PYTHON
from tests.end_to_end.host import HostProduct
from tests.faults.world import running_world
from tests.fuzz.readers import fuzz_readers
from tests.fuzz.requests import AUTHORIZATION, door_of, fuzz_logs, fuzz_requests
from tests.fuzz.tally import Tally


def main() -> int:
    parser = argparse.ArgumentParser(prog="make fuzz", description=__doc__.partition("\n")[0])
    parser.add_argument("--cases", type=int, default=10_000, help="how many, of all kinds (default %(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="another seed makes other cases (default %(default)s)")
    parser.add_argument("--only", choices=("requests", "readers"), help="only this half of them")
    options = parser.parse_args()
    # Hypothesis warns of values of 256 KB.
    warnings.simplefilter("ignore")
    tally, half, started = Tally(), options.cases // 2, time.monotonic()
    if options.only != "readers":
        _requests(tally, half, options.seed)
    if options.only != "requests":
        with tempfile.TemporaryDirectory(prefix="fuzz-") as folder, running_world(Path(folder)) as world:
            fuzz_readers(world, tally, options.cases - half, options.seed)
    print(tally.table())
    print(tally.first_faults())
    print(f"{tally.cases:,} cases, {len(tally.faults)} faults, {time.monotonic() - started:.0f} s")
    return 1 if tally.faults else 0


def _requests(tally: Tally, cases: int, first_seed: int) -> None:
    with (
        tempfile.TemporaryDirectory(prefix="fuzz-") as folder,
        running_servers(
            Path(folder),
            emulator_python=Path(EMULATOR_PYTHON),
            function_python=Path(FUNCTION_PYTHON),
            simulator_arguments=[*application_arguments(), "--rate-limit-scale", "0"],
        ) as servers,
    ):
        parameters = stack_parameters(servers, **AUTHORIZATION)
        deployment = deploy(servers, "fuzz", publish_templates(servers), parameters)
        confirm_subscriptions(deployment)
        door = door_of(HostProduct.of(deployment), "A3TH9S8BH6GOGM")
        fuzz_requests(door, tally, cases, first_seed)
        fuzz_logs(deployment, tally, door.secrets)


if __name__ == "__main__":
    sys.exit(main())
