"""What every page has: the stack, and whether it may be changed."""

import secrets
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Generic, TypeVar

from botocore.exceptions import BotoCoreError, ClientError

from operations.command import CommandError
from operations.console.failures import Failure, failure
from operations.stack import Stack
from quickstart.dynamodb import DamagedItemError
from quickstart.secrets import SecretUnreadableError

T = TypeVar("T")
# A page makes some dozens of calls; more at once would only be throttled.
_CALLS_AT_ONCE = 16
_NOTICES_KEPT = 100
# What a page explains. Everything else is a bug, whose traceback the terminal shows.
EXPLAINED = (ClientError, BotoCoreError, CommandError, DamagedItemError, SecretUnreadableError)


@dataclass(frozen=True)
class LocalServers:
    """The servers beside a local stack: the simulator's address without a trailing slash, and the folder of e-mails."""

    simulator_endpoint: str
    mail_directory: Path


@dataclass(frozen=True)
class Notice:
    """What a form has done, shown once on the page that follows. `problem` is whether it failed."""

    text: str
    problem: bool = False


@dataclass(frozen=True)
class Part(Generic[T]):
    """A part of a page: its value, or why it could not be read. Exactly one of them is None."""

    value: T | None = None
    failure: Failure | None = None

    @property
    def needed(self) -> T:
        """The value, for a part that needs another one. Raises CommandError if it could not be read."""
        if self.value is None:
            raise CommandError(self.failure.text if self.failure is not None else "there is no value")
        return self.value


@dataclass(frozen=True)
class Console:
    """The stack of this console. `local` is None for a stack on AWS. `now` returns the time in UTC.

    Without `allows_changes`, the console sends nothing that changes the stack, and shows no buttons.
    """

    stack: Stack
    allows_changes: bool = False
    local: LocalServers | None = None
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    _pool: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(_CALLS_AT_ONCE), repr=False)
    _notices: OrderedDict[str, Notice] = field(default_factory=OrderedDict, repr=False)
    _kept: dict[str, tuple[float, Any]] = field(default_factory=dict, repr=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    @classmethod
    def of(cls, stack: Stack, *, allows_changes: bool, local: LocalServers | None) -> "Console":
        """A console with one client for each service, because creating one takes longer than a call."""
        return cls(replace(stack, client=_each_once(stack.client)), allows_changes, local)

    @property
    def region(self) -> str:
        return str(self.stack.session.region_name)

    def start(self, read: Callable[[], T]) -> "Future[Part[T]]":
        """Reads a part of a page in another thread. Its result has the value or an explained error of AWS."""
        return self._pool.submit(self.part, read)

    def together(self, reads: Sequence[Callable[[], T]]) -> list[T]:
        """The results of all, which run at the same time. Raises the first error. Not for use within `start`."""
        return [pending.result() for pending in [self._pool.submit(read) for read in reads]]

    def part(self, read: Callable[[], T]) -> Part[T]:
        """The same, at once."""
        try:
            return Part(value=read())
        except EXPLAINED as error:
            return Part(failure=failure(error, self.stack.name, self.region))

    def remembered(self, name: str, seconds: float, read: Callable[[], T]) -> T:
        """What `read` returned under this name at most so many seconds ago, or what it returns now."""
        with self._lock:
            kept = self._kept.get(name)
        if kept is not None and time.monotonic() - kept[0] < seconds:
            value: T = kept[1]
            return value
        found = read()
        with self._lock:
            self._kept[name] = (time.monotonic(), found)
        return found

    def forget(self, name: str) -> None:
        """Reads what is remembered under this name again."""
        with self._lock:
            self._kept.pop(name, None)

    def run_in_background(self, work: Callable[[], object]) -> None:
        """Runs it in a thread of its own, which ends with the process."""
        threading.Thread(target=work, daemon=True).start()

    def keep_notice(self, notice: Notice) -> str:
        """An id with which the next page shows the notice once."""
        name = secrets.token_urlsafe(9)
        with self._lock:
            self._notices[name] = notice
            while len(self._notices) > _NOTICES_KEPT:
                self._notices.popitem(last=False)
        return name

    def take_notice(self, name: str) -> Notice | None:
        with self._lock:
            return self._notices.pop(name, None)


def _each_once(make: Callable[[str], Any]) -> Callable[[str], Any]:
    """Creates each client once. Clients may be used by several threads at a time, but sessions create only one at a
    time."""
    made: dict[str, Any] = {}
    lock = threading.Lock()

    def client(service: str) -> Any:
        with lock:
            if service not in made:
                made[service] = make(service)
            return made[service]

    return client


def output(stack: Stack, name: str) -> str:
    """An output of the stack. Raises CommandError if an earlier version or a parameter leaves it out."""
    try:
        return stack.outputs[name]
    except KeyError:
        raise CommandError(
            f"the stack {stack.name} has no output {name}: it is of an earlier version, or the parameter "
            "that enables this part is No"
        ) from None


Form = Mapping[str, str]
