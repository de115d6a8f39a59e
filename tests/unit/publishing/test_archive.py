"""Names with hashes, and archives that have the same bytes everywhere."""

import hashlib
import io
import zipfile
from collections.abc import Mapping
from pathlib import Path, PurePosixPath

import pytest

from publishing.archive import Artifact, artifact, unpacked_size, zip_folder
from publishing.errors import PublishingError


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("reports.yaml", "reports-{}.yaml"),
        ("templates/statemachines/a.asl.json", "templates/statemachines/a-{}.asl.json"),
        ("v1.0/a", "v1.0/a-{}"),
    ],
)
def test_the_hash_of_the_content_is_in_the_name(name: str, key: str) -> None:
    digest = hashlib.sha256(b"content").hexdigest()
    assert artifact(name, b"content") == Artifact(key.format(digest[:16]), b"content")
    assert "content" not in repr(artifact(name, b"content")), "a message never has a whole archive"


def fill(folder: Path, *names: str) -> Path:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(name)
    return folder


def test_what_belongs_to_an_archive(tmp_path: Path) -> None:
    """Nothing that only an installation needs, and nothing that differs between two machines."""
    kept = [
        "app.py",
        "bin/tool",
        "python/lib/bin/tool",
        "python/binary/a.py",
        "python/RECORD",
        "python/a.dist-info/METADATA",
        "python/a.dist-info/licenses/RECORD",
        "pycache/a.py",
    ]
    left_out = [
        ".hidden",
        ".git/config",
        "a/.cache/b",
        "__pycache__/app.pyc",
        "a/__pycache__/app.pyc",
        "python/bin/tool",
        "python/a.dist-info/RECORD",
        "python/a.dist-info/direct_url.json",
    ]
    packed = zip_folder(fill(tmp_path, *kept, *left_out))
    with zipfile.ZipFile(io.BytesIO(packed)) as archive:
        entries = archive.infolist()
        assert [entry.filename for entry in entries] == sorted(kept, key=PurePosixPath)
        assert {entry.date_time for entry in entries} == {(1980, 1, 1, 0, 0, 0)}
        assert {(entry.create_system, entry.external_attr) for entry in entries} == {(3, 0o100644 << 16)}
        assert {entry.compress_type for entry in entries} == {zipfile.ZIP_STORED}
        assert all(archive.read(entry) == entry.filename.encode() for entry in entries)
    assert unpacked_size(packed) == sum(map(len, kept))


def test_more_files_of_an_archive(tmp_path: Path) -> None:
    given: list[dict[PurePosixPath, bytes]] = []

    def add(files: Mapping[PurePosixPath, bytes]) -> Mapping[PurePosixPath, bytes]:
        given.append(dict(files))
        return {PurePosixPath("a.pyc"): b"made"}

    with zipfile.ZipFile(io.BytesIO(zip_folder(fill(tmp_path, "b.py"), add))) as archive:
        assert archive.namelist() == ["a.pyc", "b.py"]
        assert archive.read("a.pyc") == b"made"
    assert given == [{PurePosixPath("b.py"): b"b.py"}]


@pytest.mark.parametrize("name", ["link", "a/link"])
def test_a_link_is_not_packed(tmp_path: Path, name: str) -> None:
    fill(tmp_path, "a/app.py")
    (tmp_path / name).symlink_to(tmp_path / "a/app.py")
    with pytest.raises(PublishingError) as refused:
        zip_folder(tmp_path)
    assert str(refused.value) == (
        f"{tmp_path / name} is a symbolic link, which cannot be packed. Replace it with the files themselves."
    )


def test_a_folder_that_is_a_link_is_not_packed(tmp_path: Path) -> None:
    fill(tmp_path, "a/app.py")
    (tmp_path / "link").symlink_to(tmp_path / "a")
    with pytest.raises(PublishingError, match=r"link is a symbolic link"):
        zip_folder(tmp_path / "link")


def test_a_link_that_does_not_belong_to_the_archive(tmp_path: Path) -> None:
    fill(tmp_path, "app.py")
    (tmp_path / ".link").symlink_to(tmp_path / "app.py")
    with zipfile.ZipFile(io.BytesIO(zip_folder(tmp_path))) as archive:
        assert archive.namelist() == ["app.py"]


def test_a_folder_without_files(tmp_path: Path) -> None:
    fill(tmp_path, ".hidden")
    (tmp_path / "empty").mkdir()
    with pytest.raises(PublishingError) as refused:
        zip_folder(tmp_path)
    assert str(refused.value) == f"{tmp_path} contains no files to pack."
