"""checkov as `make lint` runs it: what it must find, and what .checkov.yaml leaves out."""

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.templates.reading import CHECKOUT, TEMPLATES
from tests.waiting import SECONDS
from tests.yaml_reading import yaml_parse

CHECKOV = Path(os.environ.get("CHECKOV", CHECKOUT / ".venv-checkov/bin/checkov"))
CONFIG = CHECKOUT / ".checkov.yaml"
# The mistakes: a text of a template, what replaces it, and the check that must find it.
MISTAKES = {
    "CKV_AWS_53": ("reports.yaml", "BlockPublicAcls: true", "BlockPublicAcls: false"),
    "CKV_AWS_7": ("foundation.yaml", "EnableKeyRotation: true", "EnableKeyRotation: false"),
    "CKV_AWS_28": ("reports.yaml", "PointInTimeRecoveryEnabled: true", "PointInTimeRecoveryEnabled: false"),
}


def checkov(folder: Path, *options: str | Path) -> subprocess.CompletedProcess[str]:
    # No proxy leads anywhere: checkov must need no network.
    environment = {"PATH": os.environ["PATH"], "HOME": str(folder), "HTTPS_PROXY": "http://127.0.0.1:1"}
    return subprocess.run(
        [CHECKOV, *options], cwd=folder, env=environment, capture_output=True, text=True, check=False, timeout=SECONDS
    )


def with_mistakes(folder: Path, *templates: str) -> Path:
    """A copy of these templates, or of all, with the mistakes."""
    (folder / "templates").mkdir()
    for source in [TEMPLATES / name for name in templates] or TEMPLATES.glob("*.yaml"):
        shutil.copy(source, folder / "templates")
    for template, text, mistake in MISTAKES.values():
        path = folder / "templates" / template
        assert text in path.read_text("utf-8"), text
        path.write_text(path.read_text("utf-8").replace(text, mistake))
    return folder


def test_a_mistake_is_found(tmp_path: Path) -> None:
    copied = with_mistakes(tmp_path, *{template for template, *_ in MISTAKES.values()})
    done = checkov(copied, "--config-file", CONFIG)
    assert done.returncode == 1, done.stdout + done.stderr
    assert set(re.findall(r"^Check: (\w+)", done.stdout, re.MULTILINE)) == set(MISTAKES)


@pytest.mark.proof
def test_each_check_that_is_left_out_would_find_something(tmp_path: Path) -> None:
    left_out = set(yaml_parse(CONFIG.read_text("utf-8"))["skip-check"])
    command = ("--skip-download", "--framework", "cloudformation", "--directory", "templates", "--output", "json")
    report = json.loads(checkov(with_mistakes(tmp_path), *command).stdout)
    assert {found["check_id"] for found in report["results"]["failed_checks"]} == left_out | set(MISTAKES)


def test_each_check_that_is_left_out_has_its_reason() -> None:
    lines = [line for line in CONFIG.read_text("utf-8").splitlines() if "- CKV" in line]
    assert lines
    for line in lines:
        assert re.fullmatch(r"  - CKV2?_AWS_\d+ # [A-Z][^#]{40,}\.", line), line
