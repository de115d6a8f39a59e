"""The end-to-end tests of a mutant that no unit test notices, in a copy of the checkout."""

import ast
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from tests.mutants.mutations import Mutant, mutated
from tests.mutants.unit_tests import ROOT, Outcome

_PACKAGES = "layers/sp_api/python/quickstart"
# The first path that a module's path begins with decides.
FILES: Mapping[str, tuple[str, ...]] = {
    f"{_PACKAGES}/authorization/": ("tests/end_to_end/test_authorization.py",),
    f"{_PACKAGES}/listings/": ("tests/end_to_end/test_listings.py",),
    f"{_PACKAGES}/notifications/": ("tests/end_to_end/test_subscriptions.py", "tests/end_to_end/test_event_bus.py"),
    f"{_PACKAGES}/product_types/": ("tests/end_to_end/test_product_types.py",),
    f"{_PACKAGES}/reports/": ("tests/end_to_end/test_report_flow.py", "tests/end_to_end/test_report_api.py"),
    f"{_PACKAGES}/secret_rotation/": ("tests/end_to_end/test_secret_rotation.py",),
    f"{_PACKAGES}/solicitations/": ("tests/end_to_end/test_solicitations.py",),
    f"{_PACKAGES}/seller_removal.py": ("tests/end_to_end/test_leaving.py",),
    "functions/authorization": ("tests/end_to_end/test_authorization.py",),
    "functions/connection_": ("tests/end_to_end/test_authorization.py", "tests/end_to_end/test_alarms.py"),
    "functions/get_solicitation_actions/": ("tests/end_to_end/test_solicitations.py",),
    "functions/listing_": ("tests/end_to_end/test_listings.py", "tests/end_to_end/test_listing_complaints.py"),
    "functions/notification": ("tests/end_to_end/test_subscriptions.py", "tests/end_to_end/test_event_bus.py"),
    "functions/product_type_": ("tests/end_to_end/test_product_types.py",),
    "functions/report_schedules/": ("tests/end_to_end/test_schedules.py",),
    "functions/report_failure_notifier/": ("tests/end_to_end/test_delivery_failures.py",),
    "functions/report_sweep/": ("tests/end_to_end/test_sweep.py",),
    "functions/report_": ("tests/end_to_end/test_report_flow.py", "tests/end_to_end/test_report_api.py"),
    "functions/secret_": ("tests/end_to_end/test_secret_rotation.py",),
    "functions/seller_removal/": ("tests/end_to_end/test_leaving.py",),
    "functions/solicitation_scheduler/": ("tests/end_to_end/test_solicitations.py",),
    "functions/submit_solicitation/": ("tests/end_to_end/test_solicitations.py",),
    "operations/deploy.py": ("tests/end_to_end/test_deploy.py",),
    "operations/destroy/": ("tests/end_to_end/test_destroy.py",),
    "operations/doctor.py": ("tests/end_to_end/test_doctor.py",),
    "operations/publish_listings/": ("tests/end_to_end/test_publish_listings.py",),
    "operations/redrive.py": ("tests/end_to_end/test_redrive.py",),
    "operations/rotate_secret.py": ("tests/end_to_end/test_secret_rotation.py",),
    "operations/solicitations.py": ("tests/end_to_end/test_stop_solicitations.py",),
    "operations/": ("tests/end_to_end/test_deploy.py", "tests/end_to_end/test_redrive.py"),
    "publishing/": ("tests/templates/test_publishing.py", "tests/templates/test_upload.py"),
    "": ("tests/end_to_end/test_endpoints.py", "tests/end_to_end/test_report_flow.py"),
}
# Installed by make. The copy links to what is only read; layers are packed, and a layer may have no link.
_LINKED = ("node_modules",)
_COPIED = (
    "layers/dependencies/python",
    "layers/validation/python",
    "layers/inflating/python",
    ".local/validation",
    ".local/inflating",
)
_LIMIT_SECONDS = 1200.0


def files_for(path: str) -> tuple[str, ...]:
    return next(files for beginning, files in FILES.items() if path.startswith(beginning))


class EndToEndTests:
    """Runs the end-to-end tests of mutants. Each file must pass without a mutant first."""

    def __init__(self, copy: Path) -> None:
        self._copy = copy
        self._passed: set[str] = set()

    def run(self, mutant: Mutant, source: str) -> Outcome:
        for file in files_for(mutant.path):
            self._must_pass(file)
            with self._changed(mutant, source):
                outcome = self._pytest(file)
            if outcome.failed:
                return outcome
        return Outcome(failed=False)

    def _must_pass(self, file: str) -> None:
        if file in self._passed:
            return
        outcome = self._pytest(file)
        if outcome.failed:
            raise RuntimeError(f"{file} fails without a mutant: {outcome.by}")
        self._passed.add(file)

    @contextmanager
    def _changed(self, mutant: Mutant, source: str) -> Iterator[None]:
        path = self._copy / mutant.path
        path.write_text(ast.unparse(mutated(mutant, source)), "utf-8")
        try:
            yield
        finally:
            path.write_text(source, "utf-8")

    def _pytest(self, file: str) -> Outcome:
        command = [".venv/bin/python", "-m", "pytest", file, "-q", "-x", "-p", "no:cacheprovider"]
        # The copy imports its own modules.
        environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
        with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as out:
            try:
                done = subprocess.run(
                    command,
                    cwd=self._copy,
                    env=environment,
                    stdout=out,
                    stderr=subprocess.STDOUT,
                    timeout=_LIMIT_SECONDS,
                    check=False,
                )
            except subprocess.TimeoutExpired:
                return Outcome(failed=True, by=f"{file}: the time limit of {_LIMIT_SECONDS:.0f} s")
            out.seek(0)
            lines = out.read().splitlines()
        if done.returncode == 0:
            return Outcome(failed=False)
        first = next((line for line in lines if line.startswith(("FAILED ", "ERROR "))), f"{file} ended early")
        return Outcome(failed=True, by=first)


@contextmanager
def copied_checkout(folder: Path) -> Iterator[EndToEndTests]:
    """A copy of the checkout's files, with what make installed."""
    copy = folder / "checkout"
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    for name in filter(None, listed.stdout.split("\0")):
        if (ROOT / name).is_file():
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, copy / name)
    for name in _COPIED:
        shutil.copytree(ROOT / name, copy / name)
    for name in (*_LINKED, *(path.name for path in ROOT.glob(".venv*"))):
        if (ROOT / name).exists():
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            (copy / name).symlink_to(ROOT / name)
    yield EndToEndTests(copy)
