"""A small checkout becomes objects in a bucket, without AWS."""

import io
import re
import zipfile
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import boto3
import pytest

from publishing import publication
from publishing.errors import PublishingError
from publishing.publication import build, publish, unpack
from publishing.rewrite import Hosting
from publishing.upload import Uploaded

HOSTING = Hosting("artifacts", "eu-west-1", "p/")
ROOT = """\
Parameters:
  Days: {Type: Number, Default: 1}
  QSS3BucketName: {Type: String, Default: ''}
  QSS3BucketRegion: {Type: String, Default: ''}
  QSS3KeyPrefix: {Type: String, Default: ''}
Resources:
  Child:
    Type: AWS::CloudFormation::Stack
    Properties:
      TemplateURL: child.yaml
  Plain:
    Type: AWS::CloudFormation::Stack
    Properties:
      TemplateURL: plain.yaml
Outputs:
  TemplateVersion:
    Value: 1.0.0
"""
CHILD = """\
Resources:
  Layer:
    Type: AWS::Serverless::LayerVersion
    Properties:
      ContentUri: ../layers/own
  Function:
    Type: AWS::Serverless::Function
    Properties:
      CodeUri: ../functions/example
  Machine:
    Type: AWS::Serverless::StateMachine
    Properties:
      DefinitionUri: statemachines/m.asl.json
"""


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    files = {
        "pyproject.toml": '[project]\nname = "quick-start"\nversion = "1.2.3"\nlicense = "MIT"\n',
        "templates/quickstart.yaml": ROOT,
        "templates/child.yaml": CHILD,
        "templates/plain.yaml": "Resources:\n  Table: {Type: AWS::DynamoDB::Table}\n",
        "templates/statemachines/m.asl.json": "{}",
        "functions/example/app.py": "x = 1\n",
        "layers/own/python/package.py": "y = 2\n",
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


def plain(key: str) -> str:
    """A key without its hash."""
    stem, _, rest = key.rpartition("-")
    return stem + rest[16:]


def test_the_objects_of_a_checkout(checkout: Path) -> None:
    made = build(HOSTING, checkout)
    assert [plain(one.key) for one in made.artifacts] == [
        "layers/own.zip",
        "functions/example.zip",
        "statemachines/m.asl.json",
        "templates/child.yaml",
        "templates/plain.yaml",
        "supply-chain/sbom.cdx.json",
        "supply-chain/licenses.txt",
        "supply-chain/checksums.txt",
        "templates/quickstart.yaml",
    ]
    keys = {plain(one.key): one.key for one in made.artifacts}
    content = {plain(one.key): one.content.decode("utf-8", "replace") for one in made.artifacts}
    assert made.root_key == keys["templates/quickstart.yaml"]
    assert made.sbom_key == keys["supply-chain/sbom.cdx.json"]
    assert made.licenses_key == keys["supply-chain/licenses.txt"]
    assert made.checksums_key == keys["supply-chain/checksums.txt"]
    named = [line.partition("  ")[2] for line in content["supply-chain/checksums.txt"].splitlines()]
    assert named == sorted(set(keys.values()) - {made.checksums_key})
    for name in ("layers/own.zip", "functions/example.zip", "statemachines/m.asl.json"):
        assert keys[name] in content["templates/child.yaml"]
    root = content["templates/quickstart.yaml"]
    assert root.count("!Ref QSS3BucketName") == 1, "only the child with code is told where it is"
    assert keys["templates/child.yaml"] in root
    assert keys["templates/plain.yaml"] in root
    assert re.search(r'Value: "1\.0\.0\+[0-9a-f]{16}"\n', root)


def test_the_published_code_unpacked(checkout: Path, tmp_path: Path) -> None:
    unpack(build(HOSTING, checkout), tmp_path / "out")
    files = {path.relative_to(tmp_path / "out").as_posix() for path in (tmp_path / "out").rglob("*") if path.is_file()}
    assert files == {"functions/example/app.py", "layers/own/python/package.py"}
    assert (tmp_path / "out/functions/example/app.py").read_text() == "x = 1\n"


def test_where_the_bytecode_is_unpacked(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []

    def compiled(sources: Any, *, python: Path, unpacked_in: object) -> Any:
        seen.append((sorted(map(str, sources)), python, str(unpacked_in)))
        return {}

    monkeypatch.setattr(publication, "compiled", compiled)
    build(HOSTING, checkout, python=Path("/python"))
    assert seen == [
        (["python/package.py"], Path("/python"), "/opt"),
        (["app.py"], Path("/python"), "/var/task"),
    ]


def test_a_layer_from_another_folder(checkout: Path, tmp_path: Path) -> None:
    (tmp_path / "here/python").mkdir(parents=True)
    (tmp_path / "here/python/other.py").write_text("z")
    made = build(HOSTING, checkout, {"layers/own": tmp_path / "here", "layers/unknown": tmp_path})
    assert plain(made.artifacts[0].key) == "layers/own.zip"
    with zipfile.ZipFile(io.BytesIO(made.artifacts[0].content)) as archive:
        assert archive.namelist() == ["python/other.py"]


@pytest.mark.parametrize(
    ("removed", "said"),
    [
        (
            "functions/example/app.py",
            "templates/child.yaml (Function) refers to ../functions/example: {checkout}/functions/example contains no "
            "files to pack.",
        ),
        (
            "templates/statemachines/m.asl.json",
            "templates/child.yaml (Machine) refers to statemachines/m.asl.json, which does not exist.",
        ),
        (
            "layers/own/python/package.py",
            "templates/child.yaml (Layer) refers to ../layers/own, but its folder python/ is missing or empty: run "
            "`make build` first.",
        ),
    ],
)
def test_what_a_template_refers_to_and_is_not_there(checkout: Path, removed: str, said: str) -> None:
    (checkout / removed).unlink()
    with pytest.raises(PublishingError) as refused:
        build(HOSTING, checkout)
    assert str(refused.value) == said.format(checkout=checkout)


@pytest.mark.parametrize(("more", "accepted"), [(0, True), (1, False)])
def test_the_largest_template_has_a_mebibyte(checkout: Path, more: int, accepted: bool) -> None:
    """CloudFormation counts bytes, not letters."""
    path = checkout / "templates/plain.yaml"
    text = path.read_text() + "# é"
    path.write_text(text + "x" * (1024 * 1024 - len(text.encode()) + more))
    if accepted:
        build(HOSTING, checkout)
        return
    with pytest.raises(PublishingError) as refused:
        build(HOSTING, checkout)
    assert str(refused.value) == ("templates/plain.yaml has 1,048,577 bytes; CloudFormation accepts at most 1,048,576.")


@pytest.mark.parametrize(("more", "accepted"), [(0, True), (1, False)])
def test_a_function_and_its_layers_have_250_mebibytes_unpacked(
    checkout: Path, monkeypatch: pytest.MonkeyPatch, more: int, accepted: bool
) -> None:
    sizes = {"layers": 200 * 1024 * 1024, "functions": 50 * 1024 * 1024 + more}

    def size(archive: bytes) -> int:
        return sizes["layers" if b"package.py" in archive else "functions"]

    monkeypatch.setattr(publication, "unpacked_size", size)
    if accepted:
        build(HOSTING, checkout)
        return
    with pytest.raises(PublishingError) as refused:
        build(HOSTING, checkout)
    said = str(refused.value)
    assert said.startswith("functions/example-")
    assert said.partition(" ")[2] == (
        "and the layers have 262,144,001 bytes unpacked; Lambda accepts at most 262,144,000."
    )


def test_what_publishing_does(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It uploads to a client of the bucket's own region, in the order of the objects, and tells of each."""
    session = boto3.Session("test", "test")
    clients: list[tuple[object, ...]] = []

    def client(*given: object) -> SimpleNamespace:
        clients.append(given)
        return SimpleNamespace(number=len(clients))

    def uploads(s3: Any, bucket: str, prefix: str, artifacts: Any) -> Any:
        assert (s3.number, bucket, prefix) == (2, "artifacts", "p/")
        return (Uploaded(prefix + one.key, len(one.content), present=False) for one in artifacts)

    monkeypatch.setattr(publication, "s3_client", client)
    monkeypatch.setattr(publication, "bucket_region", lambda s3, bucket: "eu-west-1" if s3.number == 1 else bucket)
    monkeypatch.setattr(publication, "upload", uploads)
    told: list[Uploaded] = []
    done = publish(
        "artifacts",
        prefix="p/",
        endpoint_url="http://127.0.0.1:1",
        session=session,
        checkout=checkout,
        parameters=["Days=14"],
        progress=told.append,
    )
    made = build(HOSTING, checkout)
    assert clients == [(session, None, "http://127.0.0.1:1"), (session, "eu-west-1", "http://127.0.0.1:1")]
    assert [one.key for one in told] == [f"p/{one.key}" for one in made.artifacts]
    assert done.uploaded == tuple(told)
    assert done.hosting == HOSTING
    address = "https://artifacts.s3.eu-west-1.amazonaws.com/p/"
    assert (done.template_url, done.sbom_url, done.licenses_url, done.checksums_url) == (
        address + made.root_key,
        address + made.sbom_key,
        address + made.licenses_key,
        address + made.checksums_key,
    )
    assert done.launch_url.startswith("https://eu-west-1.console.aws.amazon.com/cloudformation/home?region=eu-west-1#")
    for given in ("QSS3BucketName=artifacts", "QSS3BucketRegion=eu-west-1", "QSS3KeyPrefix=p%2F", "Days=14"):
        assert f"&param_{given}" in done.launch_url


@pytest.mark.parametrize(
    ("bucket", "prefix", "accepted"),
    [
        ("abc", "p/", True),
        ("a-1", "p/", True),
        ("a" * 63, "9/", True),
        ("ab", "p/", False),
        ("a" * 64, "p/", False),
        ("abc-", "p/", False),
        ("abc", "Z.a_b-c/d/", True),
        ("abc", "./", False),
        ("abc", "p", False),
    ],
)
def test_names_of_buckets_and_prefixes(
    checkout: Path, monkeypatch: pytest.MonkeyPatch, bucket: str, prefix: str, accepted: bool
) -> None:
    monkeypatch.setattr(publication, "bucket_region", lambda *_: "nowhere-1")
    words = "nowhere-1 is not an AWS region" if accepted else "is not valid"
    with pytest.raises(PublishingError, match=words):
        publish(bucket, prefix=prefix, checkout=checkout, session=boto3.Session("test", "test"))
