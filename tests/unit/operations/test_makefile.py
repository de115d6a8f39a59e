"""What make says when it cannot install anything."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from reference.endpoints import CHECKOUT


def test_a_network_without_pypi_is_told_in_words(tmp_path: Path) -> None:
    shutil.copy(CHECKOUT / "Makefile", tmp_path)
    shutil.copytree(CHECKOUT / "requirements", tmp_path / "requirements")
    # Nothing listens on the port of the service "discard".
    unreachable = {"PIP_INDEX_URL": "http://127.0.0.1:9/simple", "PIP_RETRIES": "0", "PIP_NO_CACHE_DIR": "1"}
    done = subprocess.run(
        ["make", ".local/ready-demo", f"PYTHON={sys.executable}"],
        cwd=tmp_path,
        env={"PATH": os.environ["PATH"], "HOME": str(tmp_path), **unreachable},
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
    )
    assert done.returncode == 2
    said = "Not installed: the packages could not be downloaded, see above. If PyPI or npm cannot be reached, set "
    assert f"{said}HTTPS_PROXY, PIP_INDEX_URL or NPM_CONFIG_REGISTRY, and run the command again." in done.stderr
    assert not (tmp_path / ".local" / "ready-demo").exists()
