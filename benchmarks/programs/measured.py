"""Runs one copy in a process of its own and prints what it took as JSON. Imports nothing beyond Python's library before
the copy does, so that the memory is the copy's.
"""

import json
import os
import sys
import time
from collections.abc import Callable

from memory import most_bytes


def measure(copy: Callable[[str, str], object]) -> None:
    """Calls copy(document URL, S3 endpoint) and prints what it took.

    A small document comes before, so that all is connected and loaded.
    """
    small, url, endpoint = sys.argv[1:4]
    copy(small, endpoint)
    began, cpu = time.monotonic(), _cpu()
    copy(url, endpoint)
    print(
        json.dumps(
            {
                "cpu_seconds": _cpu() - cpu,
                "wall_seconds": time.monotonic() - began,
                "most_bytes": most_bytes(),
            }
        )
    )


def _cpu() -> float:
    spent = os.times()
    return spent.user + spent.system
