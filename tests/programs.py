"""Programs that the tests run and that do not come from the test environment."""

import shutil

import pytest

needs_curl = pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
