"""Decompression and CRC-32: of isal where that package is, which takes two fifths of the time, otherwise of zlib.

A function gets isal from a layer of its own (layers/inflating). All other functions do the same with Python alone.
"""

import zlib
from collections.abc import Callable
from types import ModuleType
from typing import Any


def _library() -> ModuleType:
    try:
        from isal import isal_zlib
    except ImportError:
        # It is not installed, or it was built for another processor or another version of Python.
        return zlib
    return isal_zlib


_LIBRARY: Any = _library()
# As the functions of zlib with these names.
crc32: Callable[[bytes | bytearray | memoryview], int] = _LIBRARY.crc32
decompressobj: Callable[..., Any] = _LIBRARY.decompressobj
# What a decompression raises for damaged data.
DAMAGED: tuple[type[Exception], ...] = (zlib.error, _LIBRARY.error)
