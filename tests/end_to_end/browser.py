"""Headless Chromium, driven over its debugging pipe (Chrome DevTools Protocol): no driver program, no package."""

import base64
import json
import os
import select
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from deployment import REPOSITORY
from tests.waiting import SECONDS

# Puts its first two arguments, file descriptors, where the browser looks for them: commands at 3, answers at 4.
START = """
import fcntl, os, sys
for number, descriptor in enumerate([fcntl.fcntl(int(given), fcntl.F_DUPFD, 10) for given in sys.argv[1:3]], 3):
    os.dup2(descriptor, number)
os.execv(sys.argv[3], sys.argv[3:])
"""
UNPACKED = Path(os.environ.get("NODE_MODULES", REPOSITORY / "node_modules")) / ".browser"
# On a busy machine, the first page of Chromium sometimes never answers: it is then started again.
STARTS, START_SECONDS = 3, 60.0
SYSTEM_PROGRAMS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


class BrowserError(Exception):
    """The browser has ended, or does not answer."""


@dataclass(frozen=True)
class Program:
    """A browser that is installed. `environment` says where its libraries and fonts are, unless the system has them."""

    path: Path
    environment: Mapping[str, str]


class Browser:
    """One page of a running browser."""

    def __init__(self, commands: int, answers: int, downloads: Path) -> None:
        self._commands = os.fdopen(commands, "wb", buffering=0)
        self._answers = os.fdopen(answers, "rb", buffering=0)
        self._received = b""
        self._calls = 0
        self._seconds = START_SECONDS
        self.downloads = downloads
        self._call("Browser.setDownloadBehavior", {"behavior": "allow", "downloadPath": str(downloads)})
        target = self._call("Target.createTarget", {"url": "about:blank"})["targetId"]
        self._session = self._call("Target.attachToTarget", {"targetId": target, "flatten": True})["sessionId"]
        self.evaluate("0")
        self._seconds = SECONDS

    def open(self, url: str) -> str:
        """Goes to the address; gives the page's heading."""
        return self._leave(lambda: self._call("Page.navigate", {"url": url}, session=self._session))

    def press(self, selector: str) -> str:
        """Clicks what the selector finds; gives the heading of the page that this leads to."""
        return self._leave(lambda: self.evaluate(f"document.querySelector({json.dumps(selector)}).click()"))

    def strike(self, key: str, code: int, text: str = "") -> None:
        """Presses a key of the keyboard, given by its name and its virtual key code, and releases it."""
        for kind in ("keyDown", "keyUp"):
            event = {"type": kind, "key": key, "code": key, "windowsVirtualKeyCode": code}
            event |= {"text": text} if text and kind == "keyDown" else {}
            self._call("Input.dispatchKeyEvent", event, session=self._session)

    def enter(self) -> str:
        """Presses Enter on what has the focus; gives the heading of the page that this leads to."""
        return self._leave(lambda: self.strike("Enter", 13, "\r"))

    def type(self, text: str) -> None:
        """Types into the field that has the focus."""
        self._call("Input.insertText", {"text": text}, session=self._session)

    def set_width(self, pixels: int) -> None:
        """Gives the page this width, as on a phone or on a wide screen."""
        size = {"width": pixels, "height": 800, "deviceScaleFactor": 1, "mobile": False}
        self._call("Emulation.setDeviceMetricsOverride", size, session=self._session)

    def prefer(self, scheme: str) -> None:
        """Shows the page in this colour scheme, light or dark."""
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        self._call("Emulation.setEmulatedMedia", {"features": features}, session=self._session)

    def choose(self, value: str) -> None:
        """Marks the radio button with this value."""
        self.evaluate(f"document.querySelector('input[value={json.dumps(value)}]').checked = true")

    def reload(self) -> str:
        """Loads the page again; gives its heading."""
        return self._leave(lambda: self._call("Page.reload", {}, session=self._session))

    def back(self) -> str:
        """Goes back one page, which the browser may have kept as it was; gives its heading."""
        left = self.address()
        self.evaluate("void setTimeout(() => history.back())")
        return self._loaded(f"location.href !== {json.dumps(left)}")

    def text(self) -> str:
        """What a person reads on the page."""
        return str(self.evaluate("document.body.innerText"))

    def address(self) -> str:
        return str(self.evaluate("location.href"))

    def open_tab(self, *, private: bool = False) -> str:
        """Opens a tab and uses it from now on; a private one shares no cookies. Gives the tab that was used before."""
        before = str(self._session)
        context = self._call("Target.createBrowserContext", {}) if private else {}
        target = self._call("Target.createTarget", {"url": "about:blank", **context})["targetId"]
        self._session = self._call("Target.attachToTarget", {"targetId": target, "flatten": True})["sessionId"]
        return before

    def use_tab(self, tab: str) -> str:
        """Uses this tab from now on; gives the tab that was used before."""
        before, self._session = str(self._session), tab
        return before

    def _leave(self, action: Callable[[], object]) -> str:
        """Does what leads to another page, and waits for that to load."""
        self.evaluate("window.isOld = true")
        action()
        return self._loaded("!window.isOld && location.href !== 'about:blank'")

    def _loaded(self, condition: str) -> str:
        """The heading of the page, once it is loaded and the condition holds there."""
        heading = "(document.querySelector('h1')?.innerText ?? document.title)"
        expression = f"document.readyState === 'complete' && {condition} && {heading}"
        give_up = time.monotonic() + SECONDS
        while True:
            asked = {"expression": expression, "returnByValue": True}
            answer = self._answer("Runtime.evaluate", asked, self._session)
            value = answer.get("result", {}).get("result", {}).get("value")
            if isinstance(value, str):
                return value
            assert time.monotonic() < give_up, "no page was loaded"
            time.sleep(0.02)

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

    def picture(self, path: Path, height: int | None = None) -> None:
        """Writes a PNG of the whole page, or of its first so many pixels."""
        size = self._call("Page.getLayoutMetrics", {}, session=self._session)["cssContentSize"]
        clip = {"x": 0, "y": 0, "width": size["width"], "height": height or size["height"], "scale": 1}
        taken = self._call("Page.captureScreenshot", {"clip": clip, "captureBeyondViewport": True}, self._session)
        path.write_bytes(base64.b64decode(taken["data"]))

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
        answer = self._answer(method, parameters, session)
        assert "error" not in answer, answer["error"]
        return answer["result"]

    def _answer(self, method: str, parameters: dict[str, Any], session: str | None) -> Any:
        """The result, or the error: a page that is being left cannot answer."""
        self._calls += 1
        message = {"id": self._calls, "method": method, "params": parameters}
        self._commands.write(json.dumps(message | ({"sessionId": session} if session else {})).encode() + b"\0")
        while True:
            answer = json.loads(self._next())
            if answer.get("id") == self._calls:
                return answer

    def _next(self) -> bytes:
        give_up = time.monotonic() + self._seconds
        while b"\0" not in self._received:
            if not select.select([self._answers], [], [], max(0, give_up - time.monotonic()))[0]:
                raise BrowserError(f"no answer in {self._seconds:g} seconds")
            read = os.read(self._answers.fileno(), 1 << 16)
            if not read:
                raise BrowserError("it ended")
            self._received += read
        message, _, self._received = self._received.partition(b"\0")
        return message


def programs() -> list[Program]:
    """The pinned browser of node_modules, then those of the system."""
    found = []
    if (pinned := UNPACKED / "chromium").exists():
        environment = {"LD_LIBRARY_PATH": str(UNPACKED / "al2023/lib"), "FONTCONFIG_PATH": str(UNPACKED / "fonts")}
        found.append(Program(pinned, environment))
    return found + [Program(Path(path), {}) for path in map(shutil.which, SYSTEM_PROGRAMS) if path]


@contextmanager
def running_browser(folder: Path) -> Iterator[Browser]:
    """The first of `programs` that starts, with a profile of its own in `folder`. Where none starts, skips the test."""
    reasons = []
    for number, program in enumerate(program for program in programs() for _ in range(STARTS)):
        with ExitStack() as stack:
            try:
                browser = stack.enter_context(_running(program, folder / str(number)))
            except BrowserError as error:
                reasons.append(f"{program.path}: {error}")
                continue
            yield browser
            return
    pytest.skip("no browser starts here; " + ("; ".join(dict.fromkeys(reasons)) or "none is installed"))


@contextmanager
def _running(program: Program, folder: Path) -> Iterator[Browser]:
    """This browser. Raises BrowserError when it does not start."""
    downloads = folder / "downloads"
    downloads.mkdir(parents=True)
    commands_out, commands_in = os.pipe()
    answers_out, answers_in = os.pipe()
    command = [str(program.path), "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]
    # A page of another origin may read the bucket, which allows no origin at all.
    command += ["--disable-web-security", "--remote-debugging-pipe", f"--user-data-dir={folder / 'profile'}"]
    log = folder / "browser.log"
    with log.open("wb") as written:
        process = subprocess.Popen(
            [sys.executable, "-c", START, str(commands_out), str(answers_in), *command, "about:blank"],
            pass_fds=(commands_out, answers_in),
            stdin=subprocess.DEVNULL,
            stdout=written,
            stderr=written,
            env={"PATH": os.environ["PATH"], "HOME": str(folder), "LANG": "C.UTF-8", **program.environment},
        )
    os.close(commands_out)
    os.close(answers_in)
    try:
        try:
            browser = Browser(commands_in, answers_out, downloads)
        except (BrowserError, OSError) as error:
            raise BrowserError(f"{error}: {log.read_text(errors='replace').strip()[-300:]}") from error
        yield browser
        browser.close()
    finally:
        process.terminate()
        process.wait(timeout=SECONDS)
