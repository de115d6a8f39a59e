"""Reproducible archives: the same files produce the same bytes, in any folder and with any Python."""

import hashlib
import io
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from publishing.errors import PublishingError

_EARLIEST_ZIP_TIME = (1980, 1, 1, 0, 0, 0)
_REGULAR_FILE_READABLE_BY_ALL = 0o100644 << 16


@dataclass(frozen=True)
class Artifact:
    """One published object: its key without the prefix, and its content."""

    key: str
    content: bytes = field(repr=False)


def artifact(name: str, content: bytes) -> Artifact:
    """Add a hash of the content to its name: ``reports.yaml`` becomes ``reports-<16 hexadecimal digits>.yaml``.

    The extension starts at the first dot of the file name, so ``a.asl.json`` keeps ``.asl.json``.
    """
    folder, slash, file = name.rpartition("/")
    stem, dot, ending = file.partition(".")
    digest = hashlib.sha256(content).hexdigest()[:16]
    return Artifact(f"{folder}{slash}{stem}-{digest}{dot}{ending}", content)


def zip_folder(
    folder: Path, add: Callable[[Mapping[PurePosixPath, bytes]], Mapping[PurePosixPath, bytes]] | None = None
) -> bytes:
    """Pack a folder's files as a zip archive, with their paths relative to the folder.

    Order, times and modes are fixed. The files are stored uncompressed, because zlib's output differs between builds of
    Python. Files that an installation creates and the functions do not need are excluded: bytecode, hidden files, and
    console scripts and RECORD files, which contain the path of the interpreter that installed them. `add` receives the
    files by their paths and returns more.

    Raises:
        PublishingError: the folder is or contains a symbolic link, whose target may be missing or different on another
            machine; or there is no file to pack.
    """
    for path in (folder, *sorted(folder.rglob("*"))):
        if path.is_symlink() and _belongs(PurePosixPath(path.relative_to(folder).as_posix())):
            raise PublishingError(
                f"{path} is a symbolic link, which cannot be packed. Replace it with the files themselves."
            )
    files = {
        PurePosixPath(path.relative_to(folder).as_posix()): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and _belongs(PurePosixPath(path.relative_to(folder).as_posix()))
    }
    if not files:
        raise PublishingError(f"{folder} contains no files to pack.")
    if add is not None:
        files |= add(files)
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name, content in sorted(files.items()):
            entry = zipfile.ZipInfo(str(name), _EARLIEST_ZIP_TIME)
            entry.create_system = 3  # Unix, on every system
            entry.external_attr = _REGULAR_FILE_READABLE_BY_ALL
            archive.writestr(entry, content)
    return buffer.getvalue()


def unpacked_size(archive: bytes) -> int:
    """The total size in bytes of an archive's files after unpacking."""
    with zipfile.ZipFile(io.BytesIO(archive)) as opened:
        return sum(entry.file_size for entry in opened.infolist())


def _belongs(path: PurePosixPath) -> bool:
    if any(part == "__pycache__" or part.startswith(".") for part in path.parts):
        return False
    if path.parts[:2] == ("python", "bin"):
        return False
    return not (path.parent.suffix == ".dist-info" and path.name in {"RECORD", "direct_url.json"})
