"""A tag is published only when it is the version and the changelog's newest heading."""

import runpy
import subprocess
import sys
from pathlib import Path

import pytest

from publishing.release import CHECKOUT, main, problems, released_versions

CHANGELOG = "# Changelog\n\n## [Unreleased]\n\n## [1.2.3] - 2026-11-26\n\n## [1.2.2] - 2026-10-01\n"


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "quick-start"\nversion = "1.2.3"\n')
    (tmp_path / "CHANGELOG.md").write_text(CHANGELOG)
    return tmp_path


def test_the_tag_of_the_version_may_be_published(checkout: Path) -> None:
    assert problems("v1.2.3", checkout) == []


@pytest.mark.parametrize("tag", ["v1.2.2", "1.2.3", "v1.2.3-rc1", "main"])
def test_another_tag_may_not(checkout: Path, tag: str) -> None:
    assert problems(tag, checkout) == [
        f"The tag is '{tag}', but pyproject.toml has version 1.2.3: the tag must be v1.2.3."
    ]


@pytest.mark.parametrize(
    ("changelog", "newest"),
    [
        ("# Changelog\n\n## [Unreleased]\n", "none"),
        (CHANGELOG.replace("## [1.2.3] - 2026-11-26\n", ""), "1.2.2"),
        (CHANGELOG.replace(" - 2026-11-26", ""), "1.2.2"),
    ],
)
def test_a_version_without_a_dated_heading_may_not(checkout: Path, changelog: str, newest: str) -> None:
    (checkout / "CHANGELOG.md").write_text(changelog)
    assert problems("v1.2.3", checkout) == [
        f"The newest version in CHANGELOG.md is {newest}: add the heading '## [1.2.3] - <date>'."
    ]


def test_the_command_says_what_is_wrong(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    (version, *_) = released_versions(CHECKOUT)
    wrong = f"The tag is 'v0.0.1', but pyproject.toml has version {version}: the tag must be v{version}."
    right = f"v{version} matches the version and CHANGELOG.md."
    for tag, status, said in ((f"v{version}", 0, right), ("v0.0.1", 1, wrong)):
        monkeypatch.setattr("sys.argv", ["release", tag])
        assert main() == status
        assert capsys.readouterr().out == f"{said}\n"


@pytest.mark.parametrize("arguments", [[], ["v1.2.3", "v1.2.4"]])
def test_the_command_checks_one_tag(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], arguments: list[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["release", *arguments])
    assert main() == 2
    shown = capsys.readouterr()
    assert (shown.out, shown.err) == ("", "usage: python -m publishing.release <tag>\n")


@pytest.mark.filterwarnings("ignore:.*found in sys.modules:RuntimeWarning")
def test_the_program_ends_with_the_exit_code(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", ["release", "v0.0.1"])
    with pytest.raises(SystemExit) as ended:
        runpy.run_module("publishing.release", run_name="__main__")
    assert ended.value.code == 1


def test_both_can_be_wrong(checkout: Path) -> None:
    (checkout / "CHANGELOG.md").write_text("## [1.2.2] - 2026-10-01\n## [1.2.3] - 2026-11-26\n")
    assert problems("v1.2.2", checkout) == [
        "The tag is 'v1.2.2', but pyproject.toml has version 1.2.3: the tag must be v1.2.3.",
        "The newest version in CHANGELOG.md is 1.2.2: add the heading '## [1.2.3] - <date>'.",
    ]
    assert released_versions(checkout) == ["1.2.2", "1.2.3"]


def test_make_checks_the_tag_with_the_installed_python() -> None:
    command = ["make", "-n", "release-check", "TAG=v0.0.1", f"PYTHON={sys.executable}"]
    planned = subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True, check=True).stdout
    assert planned.splitlines()[-1] == '.venv/bin/python -m publishing.release "v0.0.1"'
    refused = subprocess.run(
        [sys.executable, "-m", "publishing.release", "v0.0.1"],
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (refused.returncode, refused.stderr) == (1, "")
