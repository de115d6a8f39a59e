"""Reproducible archives: the same files give the same bytes, in any folder and with any Python."""

import hashlib
import io
import zipfile
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from publishing.errors import PublishingError

_EARLIEST_ZIP_TIME = (1980, 1, 1, 0, 0, 0)
_REGULAR_FILE_READABLE_BY_ALL = 0o100644 << 16


@dataclass(frozen=True)
class Artifact:
    """One object of the published set: its key after the prefix, and its bytes."""

    key: str
    content: bytes = field(repr=False)


def artifact(name: str, content: bytes) -> Artifact:
    """Name content by its hash: ``reports.yaml`` becomes ``reports-<16 hexadecimal digits>.yaml``.

    What follows the first dot of the last part counts as the ending, so ``a.asl.json`` keeps ``.asl.json``.
    """
    folder, slash, file = name.rpartition("/")
    stem, dot, ending = file.partition(".")
    digest = hashlib.sha256(content).hexdigest()[:16]
    return Artifact(f"{folder}{slash}{stem}-{digest}{dot}{ending}", content)


def zip_folder(folder: Path) -> bytes:
    """Pack a folder's files as a zip archive, with their paths relative to the folder.

    Order, times and modes are fixed. The entries are stored and not compressed, because zlib's output differs from
    one build of Python to another. What an installation leaves behind and the functions do not need is left out:
    byte code, hidden files, console scripts and RECORD files (both name the interpreter that installed them).

    Raises:
        PublishingError: the folder is or holds a symbolic link, whose target would be left out or differ elsewhere; or
            there is nothing to pack.
    """
    for path in (folder, *sorted(folder.rglob("*"))):
        if path.is_symlink() and _belongs(PurePosixPath(path.relative_to(folder).as_posix())):
            raise PublishingError(f"{path} is a symbolic link, which is not packed. Put the files themselves there.")
    files = sorted(
        (PurePosixPath(path.relative_to(folder).as_posix()), path)
        for path in folder.rglob("*")
        if path.is_file() and _belongs(PurePosixPath(path.relative_to(folder).as_posix()))
    )
    if not files:
        raise PublishingError(f"{folder} holds no file to pack.")
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name, path in files:
            entry = zipfile.ZipInfo(str(name), _EARLIEST_ZIP_TIME)
            entry.create_system = 3  # Unix, whatever system packs
            entry.external_attr = _REGULAR_FILE_READABLE_BY_ALL
            archive.writestr(entry, path.read_bytes())
    return buffer.getvalue()


def unpacked_size(archive: bytes) -> int:
    """The bytes of an archive's files once they are unpacked."""
    with zipfile.ZipFile(io.BytesIO(archive)) as opened:
        return sum(entry.file_size for entry in opened.infolist())


def _belongs(path: PurePosixPath) -> bool:
    if any(part == "__pycache__" or part.startswith(".") for part in path.parts):
        return False
    if path.parts[:2] == ("python", "bin"):
        return False
    return not (path.parent.suffix == ".dist-info" and path.name in {"RECORD", "direct_url.json"})
