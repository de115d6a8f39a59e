"""Headless Chromium, driven over its debugging pipe (Chrome DevTools Protocol): no driver program, no package."""

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

# Puts its first two arguments, file descriptors, where the browser looks for them: commands at 3, answers at 4.
START = """
import fcntl, os, sys
for number, descriptor in enumerate([fcntl.fcntl(int(given), fcntl.F_DUPFD, 10) for given in sys.argv[1:3]], 3):
    os.dup2(descriptor, number)
os.execv(sys.argv[3], sys.argv[3:])
"""
PROGRAMS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
SECONDS = 30.0


class Browser:
    """One page of a running browser."""

    def __init__(self, commands: int, answers: int, downloads: Path) -> None:
        self._commands = os.fdopen(commands, "wb", buffering=0)
        self._answers = os.fdopen(answers, "rb")
        self._calls = 0
        self.downloads = downloads
        self._call("Browser.setDownloadBehavior", {"behavior": "allow", "downloadPath": str(downloads)})
        target = self._call("Target.createTarget", {"url": "about:blank"})["targetId"]
        self._session = self._call("Target.attachToTarget", {"targetId": target, "flatten": True})["sessionId"]

    def text_of(self, url: str) -> str:
        """What a page's script reads at this address: unpacked by its Content-Encoding, decoded by its charset."""
        script = """new Promise((resolve, reject) => {
            const request = new XMLHttpRequest();
            request.open("GET", %s);
            request.onload = () => resolve(request.responseText);
            request.onerror = () => reject(new Error("the request failed"));
            request.send();
        })"""
        return str(self.evaluate(script % json.dumps(url)))

    def evaluate(self, script: str) -> Any:
        """What a script of the page comes to, a promise awaited. Fails when it throws."""
        answer = self._call(
            "Runtime.evaluate",
            {"expression": script, "awaitPromise": True, "returnByValue": True},
            session=self._session,
        )
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    def download(self, url: str) -> Path:
        """The file that the browser saves when a person opens this address."""
        before = set(self.downloads.iterdir())
        self._call("Page.navigate", {"url": url}, session=self._session)
        give_up = time.monotonic() + SECONDS
        while True:
            finished = [path for path in set(self.downloads.iterdir()) - before if path.suffix != ".crdownload"]
            if finished and not list(self.downloads.glob("*.crdownload")):
                return finished[0]
            assert time.monotonic() < give_up, "the browser saved nothing"
            time.sleep(0.1)

    def close(self) -> None:
        self._call("Browser.close", {})
        self._commands.close()
        self._answers.close()

    def _call(self, method: str, parameters: dict[str, Any], session: str | None = None) -> Any:
        self._calls += 1
        message = {"id": self._calls, "method": method, "params": parameters}
        self._commands.write(json.dumps(message | ({"sessionId": session} if session else {})).encode() + b"\0")
        while True:
            answer = json.loads(self._next())
            if answer.get("id") == self._calls:
                assert "error" not in answer, answer["error"]
                return answer["result"]

    def _next(self) -> bytes:
        gathered = bytearray()
        while (character := self._answers.read(1)) != b"\0":
            assert character, "the browser has ended"
            gathered += character
        return bytes(gathered)


@contextmanager
def running_browser(folder: Path) -> Iterator[Browser]:
    """A browser with a profile of its own in `folder`. Fails with words when none is installed."""
    program = next(filter(None, map(shutil.which, PROGRAMS)), None)
    assert program is not None, (
        "this test needs Chromium, and none is installed: apt-get install chromium (Debian), or put one of "
        f"{', '.join(PROGRAMS)} on the path"
    )
    downloads = folder / "downloads"
    downloads.mkdir(parents=True)
    commands_out, commands_in = os.pipe()
    answers_out, answers_in = os.pipe()
    command = [program, "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]
    # A page of another origin may read the bucket, which allows no origin at all.
    command += ["--disable-web-security", "--remote-debugging-pipe", f"--user-data-dir={folder / 'profile'}"]
    with (folder / "browser.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-c", START, str(commands_out), str(answers_in), *command, "about:blank"],
            pass_fds=(commands_out, answers_in),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env={"PATH": os.environ["PATH"], "HOME": str(folder), "LANG": "C.UTF-8"},
        )
    os.close(commands_out)
    os.close(answers_in)
    try:
        browser = Browser(commands_in, answers_out, downloads)
        yield browser
        browser.close()
    finally:
        process.terminate()
        process.wait(timeout=10)
