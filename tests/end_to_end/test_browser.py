"""Which browser the tests use, and what happens where none starts."""

from pathlib import Path

import pytest

from tests.end_to_end import browser
from tests.end_to_end.browser import running_browser

PAGE = "document.title = 'a page'; document.title"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only folder of the path; no pinned browser is unpacked."""
    monkeypatch.setattr(browser, "UNPACKED", tmp_path / "unpacked")
    monkeypatch.setenv("PATH", str(tmp_path))
    return tmp_path


def install(folder: Path, name: str, script: str) -> None:
    path = folder / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


def test_without_any_browser_a_test_is_skipped(folder: Path) -> None:
    with (
        pytest.raises(pytest.skip.Exception, match="no browser starts here; none is installed"),
        running_browser(folder),
    ):
        pytest.fail("a browser that is not installed has started")


def test_the_reason_names_every_browser_that_did_not_start(folder: Path) -> None:
    install(folder, "unpacked/chromium", "echo libnss3.so: cannot open shared object file >&2; exit 127")
    install(folder, "google-chrome", "exit 1")
    with pytest.raises(pytest.skip.Exception) as skipped, running_browser(folder):
        pytest.fail("a browser that ends at once has started")
    reason = str(skipped.value)
    assert "unpacked/chromium: it ended: libnss3.so: cannot open shared object file; " in reason
    assert f"{folder}/google-chrome: it ended" in reason


def test_a_browser_of_another_processor_is_passed_over(folder: Path) -> None:
    install(folder, "unpacked/chromium", "")
    (folder / "unpacked/chromium").write_bytes(b"\x7fELF of another processor")
    with pytest.raises(pytest.skip.Exception, match="Exec format error"), running_browser(folder):
        pytest.fail("a file that is not a program has started")


def test_a_browser_that_does_not_answer_is_passed_over(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(folder, "chromium", "exec /bin/sleep 60")
    monkeypatch.setattr(browser, "START_SECONDS", 0.5)
    with pytest.raises(pytest.skip.Exception, match=r"chromium: no answer in 0\.5 seconds"), running_browser(folder):
        pytest.fail("a browser that does not answer has started")


def test_a_browser_that_answers_at_its_second_start_is_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (working, *_) = browser.programs()
    script = f'[ -e {tmp_path}/started ] && exec {working.path} "$@"; : > {tmp_path}/started; exec /bin/sleep 60'
    install(tmp_path, "chromium", script)
    monkeypatch.setattr(browser, "START_SECONDS", 15)
    monkeypatch.setattr(browser, "programs", lambda: [browser.Program(tmp_path / "chromium", working.environment)])
    with running_browser(tmp_path / "browser") as running:
        assert running.evaluate(PAGE) == "a page"


def test_the_next_browser_is_used_when_the_first_does_not_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with running_browser(tmp_path / "first") as running:
        assert running.evaluate(PAGE) == "a page"
    working = browser.programs()
    broken = browser.Program(tmp_path / "missing", {})
    monkeypatch.setattr(browser, "programs", lambda: [broken, *working])
    with running_browser(tmp_path / "second") as running:
        assert running.evaluate(PAGE) == "a page"
