"""Requests to the stack's APIs, signed with the operator's own credentials."""

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

import requests

from operations.command import CommandError
from operations.stack import Stack, signed_headers

# The API answers within 28 seconds.
SECONDS = 40.0
ATTEMPTS = 8
LONGEST_PAUSE = 30.0
# What may pass: too many requests, and what AWS answers for a moment.
_PASSING = (429, 503, 504)
FEEDS = "ListingFeedsUrl"
LISTINGS = "ListingsUrl"
PRODUCT_TYPES = "ProductTypesUrl"
_SWITCHES = {FEEDS: "ListingFeeds", LISTINGS: "ListingsEnabled", PRODUCT_TYPES: "ProductTypesEnabled"}


class RefusedError(CommandError):
    """The stack refused a request. `answer` is its JSON."""

    def __init__(self, what: str, status: int, answer: Mapping[str, Any]) -> None:
        message = str(answer.get("message") or answer.get("Message") or "no reason was given")
        # The message of several errors has them already.
        errors = [text for error in answer.get("errors", []) if (text := str(error.get("message"))) not in message]
        super().__init__("; ".join([f"{what}: HTTP {status}: {message}", *errors]))
        self.status = status
        self.answer = answer

    @property
    def codes(self) -> tuple[str, ...]:
        return tuple(str(error.get("code")) for error in self.answer.get("errors", []))


@dataclass(frozen=True)
class Api:
    """The stack's APIs. `pause` waits so many seconds; a request is sent at most `attempts` times."""

    stack: Stack
    pause: Callable[[float], None] = time.sleep
    http: requests.Session = field(default_factory=requests.Session)
    attempts: int = ATTEMPTS

    def needs(self, *outputs: str) -> None:
        """Raises CommandError if the stack lacks one of its APIs."""
        for output in outputs:
            if output not in self.stack.outputs:
                raise CommandError(
                    f"the stack {self.stack.name} has no output {output}: update it to a version that has it, with the "
                    f"parameter {_SWITCHES[output]} Yes"
                )

    def send(self, method: str, output: str, path: str = "", body: object = None, **query: object) -> Mapping[str, Any]:
        """The JSON of the answer. Tries again what may pass; a request with a ClientToken is safe to repeat.

        Raises RefusedError, and CommandError if there is no answer.
        """
        given = {name: str(value) for name, value in query.items() if value is not None}
        address = self.stack.address(self.stack.outputs[output]) + path + (f"?{urlencode(given)}" if given else "")
        what = f"{method} {self.stack.outputs[output].partition('/prod')[2] or output}{path}"
        text = None if body is None else json.dumps(body)
        attempt = 0
        while True:
            attempt += 1
            headers = signed_headers(self.stack, method, address, text)
            try:
                answer = self.http.request(method, address, data=text, headers=headers, timeout=SECONDS)
            except requests.RequestException as error:
                if attempt == self.attempts:
                    raise CommandError(f"{what}: no answer ({type(error).__name__})") from None
                self.pause(min(2.0**attempt, LONGEST_PAUSE))
                continue
            found = _json(answer)
            if answer.status_code == 200:
                return found
            if answer.status_code not in _PASSING or attempt == self.attempts:
                raise RefusedError(what, answer.status_code, found)
            self.pause(_retry_after(answer) or min(2.0**attempt, LONGEST_PAUSE))


def _json(answer: requests.Response) -> Mapping[str, Any]:
    try:
        found = answer.json()
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _retry_after(answer: requests.Response) -> float | None:
    text = answer.headers.get("Retry-After", "")
    return min(float(text), 4 * LONGEST_PAUSE) if text.isdecimal() else None
