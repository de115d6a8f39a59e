"""What has been published from this folder, so that the next run sends only what changed, and nothing twice.

A journal belongs to one stack, seller or vendor code, and marketplace. It is a file in the folder published-listings
beside the spreadsheet. Without it, the next run sends every row again, which changes nothing at Amazon for rows that
are the same.
"""

import fcntl
import gzip
import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from operations.command import CommandError
from operations.publish_listings.api import Target

FOLDER = "published-listings"
_VERSION = 1


@dataclass(frozen=True)
class Published:
    """The last message of a SKU that Amazon took. `problems` are those with which it was published."""

    fingerprint: str
    status: str
    time: str
    problems: tuple[str, ...] = ()


@dataclass(frozen=True)
class Pending:
    """A feed request whose outcome is not in the journal yet.

    `fingerprints` are by SKU. `uploading` is True from the moment at which the file may be at the stack.
    """

    client_token: str
    request: Mapping[str, Any]
    fingerprints: Mapping[str, str]
    uploading: bool = False
    feed_request_id: str = ""


@dataclass(frozen=True)
class Record:
    """The journal's content. `published` is by SKU."""

    published: Mapping[str, Published] = field(default_factory=dict)
    pending: Pending | None = None


class Journal:
    """The journal of one stack, target and deployment. Use it inside `locked`."""

    def __init__(self, path: Path, deployment: str) -> None:
        self.path = path
        self.deployment = deployment

    @property
    def body_path(self) -> Path:
        """The file of the pending request, as it is uploaded."""
        return self.path.with_suffix(".jsonl.gz")

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keeps other runs of the same journal away. Raises CommandError if there is one."""
        try:
            self.path.parent.mkdir(exist_ok=True)
            lock = self.path.with_suffix(".lock").open("w")
        except OSError as error:
            raise CommandError(
                f"{self.path.parent} cannot be written ({error.strerror}): the command keeps there what it has "
                "published. Copy the spreadsheet into a folder of yours"
            ) from None
        with lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise CommandError(
                    "another run publishes for the same seller and marketplace from this folder: wait for it"
                ) from None
            yield

    def read(self) -> Record:
        """Empty for another deployment of the stack. Raises CommandError for a file that cannot be read."""
        try:
            stored = json.loads(self.path.read_bytes())
            if stored["version"] != _VERSION or stored["deployment"] != self.deployment:
                return Record()
            published = {
                sku: Published(entry["fingerprint"], entry["status"], entry["time"], tuple(entry["problems"]))
                for sku, entry in stored["published"].items()
            }
            pending = None if stored["pending"] is None else Pending(**stored["pending"])
        except FileNotFoundError:
            return Record()
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise CommandError(
                f"{self.path} cannot be read ({type(error).__name__}). If you delete it, the next run sends every row"
            ) from None
        return Record(published, pending)

    def write(self, record: Record) -> None:
        """Replaces the content at once: whoever interrupts it finds the old or the new one."""
        content = {
            "version": _VERSION,
            "deployment": self.deployment,
            "pending": None if record.pending is None else asdict(record.pending),
            "published": {sku: asdict(entry) for sku, entry in record.published.items()},
        }
        _replace(self.path, json.dumps(content, ensure_ascii=False, indent=1).encode())
        if record.pending is None:
            self.body_path.unlink(missing_ok=True)

    def write_body(self, body: bytes) -> bytes:
        """Keeps the file of the pending request; returns it as it is uploaded."""
        packed = gzip.compress(body, mtime=0)
        _replace(self.body_path, packed)
        return packed

    def read_body(self) -> bytes:
        """Raises CommandError if somebody deleted it."""
        try:
            return self.body_path.read_bytes()
        except OSError as error:
            raise CommandError(
                f"{self.body_path} cannot be read ({error.strerror}), so an interrupted upload cannot be completed. "
                f"If you delete {self.path}, the next run sends every row"
            ) from None


def journal_of(folder: Path, stack_name: str, region: str, target: Target, url: str) -> Journal:
    """The journal in a folder. `url` is an address of the stack, which another deployment does not have."""
    # A vendor's codes have listings of their own, also for the same SKU.
    whose = (target.seller_id, *([target.vendor_code] if target.vendor_code else []), target.marketplace_id)
    return Journal(folder / FOLDER / f"{'-'.join((stack_name, region, *whose))}.json", url)


def fingerprint(content: Mapping[str, Any]) -> str:
    """The same for the same message, whatever its row and the order of its columns."""
    canonical = json.dumps(content, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()[:32]


def _replace(path: Path, content: bytes) -> None:
    """Raises CommandError."""
    new = path.with_name(f"{path.name}.new")
    try:
        with new.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        new.replace(path)
    except OSError as error:
        raise CommandError(f"{path} cannot be written: {error.strerror}") from None
