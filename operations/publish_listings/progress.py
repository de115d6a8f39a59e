"""Shows how far a command has come: a bar in a terminal, otherwise one line for each step."""

import shutil
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TextIO

_WIDTH = 28
_EVERY_SECONDS = 0.1


class Progress:
    """Writes to `stream`, which is not where the results go. `clock` is in seconds."""

    def __init__(self, stream: TextIO = sys.stderr, clock: Callable[[], float] = time.monotonic) -> None:
        self._stream = stream
        self._clock = clock
        self._terminal = stream.isatty()
        self._shown_at = float("-inf")
        self._last = ""

    @contextmanager
    def bar(self, label: str, total: int) -> Iterator[Callable[[int], None]]:
        """Yields a function to call with how many of `total` are done. Without a terminal, shows the label once."""
        if not self._terminal:
            self._line(f"{label} ...")
        else:
            self._bar(label, 0, total)

        def show(done: int) -> None:
            if self._terminal and (done >= total or self._clock() - self._shown_at >= _EVERY_SECONDS):
                self._bar(label, done, total)

        try:
            yield show
        finally:
            self._end()

    @contextmanager
    def waiting(self) -> Iterator[Callable[[str], None]]:
        """Yields a function to call with the state of something whose end is unknown."""
        begun = self._clock()

        def show(state: str) -> None:
            if self._terminal:
                minutes, seconds = divmod(int(self._clock() - begun), 60)
                self._overwrite(f"{state} ({minutes}:{seconds:02})")
            elif state != self._last:
                self._line(state)
            self._last = state

        try:
            yield show
        finally:
            self._last = ""
            self._end()

    def _bar(self, label: str, done: int, total: int) -> None:
        self._shown_at = self._clock()
        part = min(1.0, done / total) if total else 1.0
        filled = round(part * _WIDTH)
        self._overwrite(f"{label} [{'#' * filled}{'.' * (_WIDTH - filled)}] {part:4.0%}")

    def _overwrite(self, text: str) -> None:
        width = shutil.get_terminal_size().columns - 1
        self._stream.write(f"\r\x1b[K{text[:width]}")
        self._stream.flush()

    def _line(self, text: str) -> None:
        self._stream.write(f"{text}\n")
        self._stream.flush()

    def _end(self) -> None:
        if self._terminal:
            self._stream.write("\n")
            self._stream.flush()
