"""What publishing builds from a checkout, without AWS."""

import io
import json
import os
import re
import shutil
import subprocess
import tomllib
import zipfile
from collections.abc import Callable
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import parse_qs, urlsplit
from xml.etree import ElementTree

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from publishing import Build, Hosting, PublishingError, build, publication, publish
from publishing.launch import BADGE, badge, launch_url, prefilled
from publishing.parameters import template_parameters
from publishing.publication import TEMPLATE_LIMIT_BYTES
from publishing.rewrite import LOCATION_PROPERTIES, references
from publishing.supply_chain import packages
from tests.templates.reading import (
    CHECKOUT,
    HOSTING,
    INSTALLED_LAYERS,
    PUBLISHED,
    ROOT,
    TEMPLATES,
    copy_checkout,
    published_templates,
)
from tests.yaml_reading import yaml_parse

HASH = re.compile(r"-[0-9a-f]{16}(?=\.)")


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    return copy_checkout(tmp_path / "checkout")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Build:
    return build(HOSTING, copy_checkout(tmp_path_factory.mktemp("made") / "checkout"))


def contents(made: Build) -> dict[str, bytes]:
    return {artifact.key: artifact.content for artifact in made.artifacts}


def names(made: Build) -> dict[str, str]:
    """The keys by name, which is the key without its hash."""
    return {HASH.sub("", key): key for key in contents(made)}


def test_the_set(made: Build) -> None:
    assert set(names(made)) == PUBLISHED
    # In this order, the root template is uploaded only after everything that it refers to.
    assert made.artifacts[-1].key == made.root_key == names(made)["templates/quickstart.yaml"]


def test_two_copies_of_a_checkout_produce_the_same_bytes(tmp_path: Path) -> None:
    one, other = copy_checkout(tmp_path / "one"), copy_checkout(tmp_path / "deeper" / "other")
    for folder in ("functions/token_storage", "layers/sp_api/python/sp_api", "layers/dependencies/python/package"):
        left_behind = other / folder / "__pycache__" / "app.cpython-311.pyc"
        left_behind.parent.mkdir()
        left_behind.write_bytes(os.urandom(16))
        (other / folder / ".DS_Store").write_bytes(os.urandom(16))
    script = other / "layers/dependencies/python/bin/jp.py"
    script.parent.mkdir()
    script.write_text(f"#!{other}/bin/python\n")
    with (other / "layers/dependencies/python/package-1.0.dist-info/RECORD").open("a") as record:
        record.write("../../bin/jp.py,sha256=of-that-folder,1\n")
    for number, path in enumerate(sorted(other.rglob("*"), reverse=True)):
        os.utime(path, (number, number))
        path.chmod(0o700)
    assert contents(build(HOSTING, one)) == contents(build(HOSTING, other))


def test_a_change_renames_only_the_objects_that_depend_on_it(checkout: Path, made: Build) -> None:
    app = checkout / "functions/token_storage/app.py"
    app.write_text(app.read_text() + "\n# changed\n")
    changed = names(build(HOSTING, checkout))
    before = names(made)
    assert {name for name in before if before[name] != changed[name]} == {
        "functions/token_storage.zip",
        "templates/token-storage.yaml",
        "templates/quickstart.yaml",
        "supply-chain/sbom.cdx.json",
        "supply-chain/checksums.txt",
    }


def test_every_file_changes_the_hash_of_its_archive(checkout: Path, made: Build) -> None:
    shutil.move(checkout / "functions/token_storage/app.py", checkout / "functions/token_storage/other.py")
    assert names(build(HOSTING, checkout))["functions/token_storage.zip"] != names(made)["functions/token_storage.zip"]


def archive(made: Build, name: str) -> zipfile.ZipFile:
    return zipfile.ZipFile(io.BytesIO(contents(made)[names(made)[name]]))


def test_archives_have_the_layout_that_lambda_expects(made: Build) -> None:
    assert archive(made, "functions/token_storage.zip").namelist() == ["app.py"]
    packages = {name.split("/")[1] for name in archive(made, "layers/sp_api.zip").namelist()}
    assert {"sp_api", "quickstart"} <= packages
    assert "python/package/__init__.py" in archive(made, "layers/dependencies.zip").namelist()
    for name in names(made):
        if name.endswith(".zip"):
            entries = archive(made, name).infolist()
            assert entries, name
            assert {entry.external_attr >> 16 for entry in entries} == {0o100644}, name
            assert {entry.date_time for entry in entries} == {(1980, 1, 1, 0, 0, 0)}, name
            assert [entry.filename for entry in entries] == sorted((e.filename for e in entries), key=PurePosixPath)


def test_an_archive_holds_its_files_unchanged(checkout: Path, made: Build) -> None:
    source = (checkout / "functions/report_creator/app.py").read_bytes()
    assert archive(made, "functions/report_creator.zip").read("app.py") == source


class TestSupplyChain:
    def test_the_sbom_lists_the_packages_of_the_layer(self, made: Build) -> None:
        document = json.loads(contents(made)[made.sbom_key])
        assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(json.dumps(document)) is None
        (component,) = document["components"]
        assert component == {
            "bom-ref": "pkg:pypi/package@1.0",
            "type": "library",
            "name": "package",
            "version": "1.0",
            "purl": "pkg:pypi/package@1.0",
            "licenses": [{"license": {"id": "MIT"}}],
            "hashes": [{"alg": "SHA-256", "content": "0" * 64}],
        }
        project = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())["project"]
        described = document["metadata"]["component"]
        assert (described["name"], described["version"]) == (project["name"], project["version"])
        dependencies = {entry["ref"]: entry.get("dependsOn") for entry in document["dependencies"]}
        assert dependencies[project["name"]] == ["pkg:pypi/package@1.0"]

    def test_the_licenses_have_their_texts(self, made: Build) -> None:
        text = contents(made)[made.licenses_key].decode()
        assert "\npackage 1.0: MIT\n" in text
        assert "package 1.0, LICENSE\n\nThe license of the package.\n" in text
        assert "package 1.0, package/library/LICENSE\n\nThe license of a library in the package.\n" in text

    def test_the_checksums_are_those_of_every_other_object(self, made: Build, tmp_path: Path) -> None:
        for artifact in made.artifacts:
            (tmp_path / artifact.key).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / artifact.key).write_bytes(artifact.content)
        command = ["sha256sum", "--check", "--strict", made.checksums_key]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
        checked = {line.removesuffix(": OK") for line in done.stdout.splitlines()}
        assert (done.returncode, checked) == (0, set(contents(made)) - {made.checksums_key}), done.stderr
        (tmp_path / made.root_key).write_text("altered")
        assert subprocess.run(command, cwd=tmp_path, capture_output=True, check=False).returncode == 1

    def test_the_real_layer_has_only_pinned_packages_with_their_licenses(self) -> None:
        layers = [path.parent.relative_to(CHECKOUT).as_posix() for path in CHECKOUT.glob("layers/*/requirements.txt")]
        found = {package.name: package for layer in layers for package in packages(CHECKOUT, layer)}
        assert {"aws_lambda_powertools", "urllib3"} <= set(found)
        allowed = {"MIT", "PSF-2.0", "Apache-2.0", "BSD-3-Clause", "Apache-2.0 AND CNRI-Python"}
        assert {package.license for package in found.values()} <= allowed
        assert all(package.texts for package in found.values())


class TestTemplates:
    def test_no_local_path_is_left(self, checkout: Path, made: Build) -> None:
        named = 0
        for path in sorted((checkout / "templates").glob("*.yaml")):
            published = contents(made)[names(made)[f"templates/{path.name}"]].decode()
            assert references(published) == ()
            assert "../" not in published
            for reference in references(path.read_text("utf-8")):
                named += 1
                assert not re.search(rf"[ '\"]{re.escape(reference.path)}", published), reference
        rest = [name for name in names(made) if name.startswith("supply-chain/")]
        assert named == len(made.artifacts) - 1 - len(rest), "every other object but the root is referred to once"

    def test_every_location_is_published(self, made: Build) -> None:
        values = {
            "QSS3BucketName": HOSTING.bucket,
            "QSS3BucketRegion": HOSTING.region,
            "QSS3KeyPrefix": HOSTING.prefix,
            "AWS::URLSuffix": "amazonaws.com",
        }

        def evaluated(value: Any) -> str:
            match value:
                case {"Ref": name}:
                    return values[name]
                case {"Fn::Sub": text}:
                    return re.sub(r"\$\{([^}]+)\}", lambda found: values[found[1]], text)
                case _:
                    raise AssertionError(value)

        located = set()
        for template in published_templates(made).values():
            for resource in template["Resources"].values():
                location = resource.get("Properties", {}).get(LOCATION_PROPERTIES.get(resource["Type"], ""))
                match location:
                    case {"Bucket": bucket, "Key": key}:
                        assert evaluated(bucket) == HOSTING.bucket
                        located.add(evaluated(key))
                    case {"Fn::Sub": _}:
                        address = f"https://{HOSTING.bucket}.s3.{HOSTING.region}.amazonaws.com/"
                        assert evaluated(location).startswith(address)
                        located.add(evaluated(location).removeprefix(address))
                    case _:
                        assert location is None
        deployed = {key for key in contents(made) if not key.startswith("supply-chain/")} - {made.root_key}
        assert located == {HOSTING.prefix + key for key in deployed}

    def test_children_have_the_hosting_parameters_if_they_refer_to_code(self, made: Build) -> None:
        templates = published_templates(made)
        taking = {name for name, template in templates.items() if "QSS3BucketName" in template["Parameters"]}
        assert taking == {
            ROOT,
            "foundation",
            "token-storage",
            "reports",
            "solicitations",
            "notifications",
            "authorization",
            "product-types",
            "listings",
            "listing-feeds",
            "secret-rotation",
        }
        given = {
            name: {key: value for key, value in stack["Properties"]["Parameters"].items() if key.startswith("QSS3")}
            for name, stack in templates[ROOT]["Resources"].items()
        }
        both = {"QSS3BucketName": {"Ref": "QSS3BucketName"}, "QSS3KeyPrefix": {"Ref": "QSS3KeyPrefix"}}
        assert given == {
            "Foundation": both,
            "ProductTypes": both,
            "Listings": both,
            "ListingFeeds": both,
            "TokenStorage": both,
            "SecretRotation": both,
            "Reports": both,
            "Solicitations": both,
            "Notifications": both,
            "Authorization": both,
            "Access": {},
            "Monitoring": {},
        }

    def test_the_roots_defaults_are_the_hosting_parameters(self, made: Build) -> None:
        parameters = published_templates(made)[ROOT]["Parameters"]
        defaults = {key: value["Default"] for key, value in parameters.items() if key.startswith("QSS3")}
        assert defaults == {
            "QSS3BucketName": HOSTING.bucket,
            "QSS3BucketRegion": HOSTING.region,
            "QSS3KeyPrefix": HOSTING.prefix,
        }
        for name, value in defaults.items():
            assert re.fullmatch(parameters[name]["AllowedPattern"], value)

    def test_the_children_do_not_know_the_bucket(self, checkout: Path, made: Build) -> None:
        elsewhere = build(Hosting("another", "eu-west-1", "other/"), checkout)
        assert {names(made)[name] for name in names(made) if names(elsewhere)[name] != names(made)[name]} == {
            made.root_key,
            made.checksums_key,
        }

    def test_nothing_else_changes(self, made: Build) -> None:
        def without_locations(template: dict[str, Any]) -> dict[str, Any]:
            for key in [key for key in template["Parameters"] if key.startswith("QSS3")]:
                del template["Parameters"][key]
            for resource in template["Resources"].values():
                properties = resource.get("Properties", {})
                properties.pop(LOCATION_PROPERTIES.get(resource["Type"], ""), None)
                for key in [key for key in properties.get("Parameters", {}) if key.startswith("QSS3")]:
                    del properties["Parameters"][key]
            template.get("Outputs", {}).pop("TemplateVersion", None)
            return template

        for name, template in published_templates(made).items():
            source = yaml_parse((TEMPLATES / f"{name}.yaml").read_text("utf-8"))
            assert without_locations(template) == without_locations(source), name

    def test_comments_stay(self, made: Build) -> None:
        published = contents(made)[names(made)["templates/notifications.yaml"]].decode()
        source = (TEMPLATES / "notifications.yaml").read_text("utf-8")
        comments = [line.strip() for line in source.splitlines() if line.strip().startswith("#")]
        assert comments
        assert [line for line in comments if line not in published] == []


def remove(folder: str) -> Callable[[Path], None]:
    return lambda checkout: shutil.rmtree(checkout / folder)


def grow(template: str) -> Callable[[Path], None]:
    def write(checkout: Path) -> None:
        path = checkout / "templates" / template
        path.write_text(f"{path.read_text()}# {'grown ' * (TEMPLATE_LIMIT_BYTES // 6)}\n")

    return write


def empty(folder: str) -> Callable[[Path], None]:
    def write(checkout: Path) -> None:
        shutil.rmtree(checkout / folder)
        (checkout / folder).mkdir()

    return write


def link(folder: str) -> Callable[[Path], None]:
    def write(checkout: Path) -> None:
        shutil.move(checkout / folder, checkout / "elsewhere")
        (checkout / folder).symlink_to(checkout / "elsewhere")

    return write


def pin(*packages: str) -> Callable[[Path], None]:
    lines = [f"{package} \\\n    --hash=sha256:{'0' * 64}\n" for package in packages]

    def write(checkout: Path) -> None:
        (checkout / "layers/dependencies/requirements.txt").write_text("".join(lines))

    return write


def unlicensed(checkout: Path) -> None:
    metadata = checkout / "layers/dependencies/python/package-1.0.dist-info/METADATA"
    metadata.write_text(metadata.read_text().replace("License-Expression: MIT\n", ""))


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (remove("layers/dependencies/python"), "DependenciesLayer.*run `make build` first"),
        (empty("layers/dependencies/python"), "DependenciesLayer.*run `make build` first"),
        (pin("package==1.1"), r"pins \(package\): delete it and run `make build`"),
        (pin("package==1.0", "another==2.0"), r"pins \(another\): delete it"),
        (unlicensed, "package does not name its license"),
        (remove("functions/token_storage"), r"token-storage.yaml \(SPAPITokenStorage\).*does not exist"),
        (empty("functions/token_storage"), r"token-storage.yaml \(SPAPITokenStorage\).*contains no files to pack"),
        (link("functions/token_storage"), r"SPAPITokenStorage.*functions/token_storage is a symbolic link"),
        (link("functions/token_storage/app.py"), r"SPAPITokenStorage.*token_storage/app.py is a symbolic link"),
        (link("layers/dependencies"), r"DependenciesLayer.*layers/dependencies is a symbolic link"),
        (link("layers/dependencies/python"), r"DependenciesLayer.*dependencies/python is a symbolic link"),
        (remove("templates/statemachines"), r"reports.yaml \(ReportProcessor\).*does not exist"),
        (
            grow("reports.yaml"),
            r"templates/reports.yaml has 1,0\d\d,\d{3} bytes; CloudFormation accepts at most 1,048,576",
        ),
    ],
    ids=[
        "no packages",
        "empty packages",
        "another version",
        "a package less",
        "no license",
        "no function",
        "empty function",
        "linked function",
        "linked file",
        "linked layer",
        "linked packages",
        "no state machine",
        "too large",
    ],
)
def test_missing_or_invalid_files_are_reported(checkout: Path, damage: Callable[[Path], None], words: str) -> None:
    damage(checkout)
    with pytest.raises(PublishingError, match=words):
        build(HOSTING, checkout)


def add_validation_layer(checkout: Path) -> None:
    template = checkout / "templates/foundation.yaml"
    layer = "{Type: AWS::Serverless::LayerVersion, Properties: {ContentUri: ../layers/validation}}"
    template.write_text(template.read_text().replace("\nOutputs:\n", f"\n  ValidationLayer: {layer}\n\nOutputs:\n"))


def test_a_layer_is_packed_from_another_folder(checkout: Path, tmp_path: Path) -> None:
    """As the local run does for packages that are compiled for its own processor. The object keeps its name."""
    add_validation_layer(checkout)
    here = tmp_path / "here"
    (here / "python").mkdir(parents=True)
    (here / "python/compiled.so").write_bytes(b"of this machine")
    installed = checkout / "layers/validation/python"
    for folder in ("package-1.0.dist-info", "package/library"):
        shutil.copytree(installed / folder, here / "python" / folder)
    usual = build(HOSTING, checkout)
    files = set(archive(usual, "layers/validation.zip").namelist())
    assert {"python/package/__init__.py", "python/compiled.so"} & files == {"python/package/__init__.py"}
    other = build(HOSTING, checkout, {"layers/validation": here})
    files = set(archive(other, "layers/validation.zip").namelist())
    assert {"python/package/__init__.py", "python/compiled.so"} & files == {"python/compiled.so"}
    assert names(other)["layers/dependencies.zip"] == names(usual)["layers/dependencies.zip"]
    with pytest.raises(PublishingError, match=r"ValidationLayer\).*run `make build` first"):
        build(HOSTING, checkout, {"layers/validation": tmp_path / "nowhere"})


def test_code_too_large_for_lambda_is_rejected(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def size(name: str) -> int:
        files = (path for path in (checkout / name).rglob("*") if path.is_file() and path.name != "RECORD")
        return sum(path.stat().st_size for path in files)

    largest = max(size(f"functions/{app.parent.name}") for app in (checkout / "functions").glob("*/app.py"))
    whole = sum(size(f"layers/{name}") for name in ("sp_api", *INSTALLED_LAYERS)) + largest
    monkeypatch.setattr(publication, "CODE_LIMIT_BYTES", whole)
    build(HOSTING, checkout)
    monkeypatch.setattr(publication, "CODE_LIMIT_BYTES", whole - 1)
    with pytest.raises(PublishingError, match=rf"and the layers have {whole:,} bytes unpacked; Lambda accepts"):
        build(HOSTING, checkout)


def test_the_version_changes_with_the_content_and_not_with_the_bucket(checkout: Path, made: Build) -> None:
    def version(built: Build) -> str:
        return str(published_templates(built)[ROOT]["Outputs"]["TemplateVersion"]["Value"])

    assert version(build(Hosting("another", "eu-west-1", "other/"), checkout)) == version(made)
    app = checkout / "functions/token_storage/app.py"
    app.write_text(app.read_text() + "\n# changed\n")
    assert version(build(HOSTING, checkout)) != version(made)


@pytest.mark.parametrize("bucket", ["My-Bucket", "my.bucket", "b", "-bucket", "bucket/folder", ""])
def test_an_invalid_bucket_name_is_rejected(bucket: str) -> None:
    with pytest.raises(PublishingError, match="without a dot"):
        publish(bucket)


@pytest.mark.parametrize("prefix", ["", "/", "/quick-start/", "quick-start", "quick start/"])
def test_an_invalid_prefix_is_rejected(prefix: str) -> None:
    with pytest.raises(PublishingError, match="slash at the end"):
        publish("bucket", prefix=prefix)


def test_the_launch_url_opens_the_quick_create_page_of_the_region() -> None:
    template_url = HOSTING.url("templates/quickstart-0123456789abcdef.yaml")
    parameters = {"ReportStorageNotificationEmail": "a+b@example.com", "TagValue": "R&D (north) = #1"}
    address = launch_url("eu-west-1", template_url, {**HOSTING.parameters, **parameters})
    url = urlsplit(address)
    assert (url.netloc, parse_qs(url.query)) == ("eu-west-1.console.aws.amazon.com", {"region": ["eu-west-1"]})
    page, _, query = url.fragment.partition("?")
    assert page == "/stacks/quickcreate"
    assert parse_qs(query) == {
        "templateURL": [template_url],
        "stackName": ["selling-partner-api-quick-start"],
        "param_QSS3BucketName": [HOSTING.bucket],
        "param_QSS3BucketRegion": [HOSTING.region],
        "param_QSS3KeyPrefix": [HOSTING.prefix],
        **{f"param_{name}": [value] for name, value in parameters.items()},
    }
    # No characters that end a link in Markdown, and no plus sign, which can mean a space.
    assert not re.search(r"[\s()<>+]", address)


def test_the_badge_shows_an_image_of_this_checkout_and_links_to_the_launch_url() -> None:
    address = launch_url("us-east-1", HOSTING.url("templates/quickstart.yaml"), HOSTING.parameters)
    found = re.fullmatch(r"\[!\[([^\]]+)\]\(([^)]+)\)\]\(([^)]+)\)", badge(address))
    assert found
    assert (found[2], found[3]) == (BADGE, address)
    image = ElementTree.fromstring((CHECKOUT / BADGE).read_text("utf-8"))  # noqa: S314 - our own file
    assert image.tag == "{http://www.w3.org/2000/svg}svg"
    assert {"width", "height", "viewBox"} <= set(image.attrib)
    # GitHub blocks scripts and external content in images.
    kinds = {element.tag.rpartition("}")[2] for element in image.iter()}
    assert kinds <= {"svg", "title", "rect", "path", "text", "g"}
    assert "href" not in (CHECKOUT / BADGE).read_text("utf-8")


DECLARED = template_parameters((TEMPLATES / f"{ROOT}.yaml").read_text("utf-8"))


def test_parameters_are_prefilled() -> None:
    given = ["LogRetentionDays=14", "TagKey=team: a=b", "ReportLinkLifetime=60", "HostPrincipalArn="]
    assert prefilled(given, DECLARED) == {
        "LogRetentionDays": "14",
        "TagKey": "team: a=b",
        "ReportLinkLifetime": "60",
        "HostPrincipalArn": "",
    }


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (["LogRetention=14"], "The template has no parameter LogRetention. Choose from: ClientId, SecretRotation"),
        (["LogRetentionDays"], "'LogRetentionDays' has no value"),
        (["ClientSecret=0123456789abcdef0123"], "ClientSecret cannot be prefilled: a secret must not appear in a URL"),
        (["AccessKey=AKIAIOSFODNN7EXAMPLE"], "AccessKey cannot be prefilled: a secret"),
        (["QSS3KeyPrefix=mine/"], "QSS3KeyPrefix cannot be prefilled: publishing sets it"),
        (["LogRetentionDays=14", "LogRetentionDays=30"], "LogRetentionDays is given twice"),
        (["LogRetentionDays=15"], "LogRetentionDays cannot be '15'. It must be one of: 1, 3, 5"),
        (["SolicitationsEnabled=yes"], "SolicitationsEnabled cannot be 'yes'. It must be one of: Yes, No"),
        (["ReportLinkLifetime=3601"], "ReportLinkLifetime cannot be '3601'. From 60 to 3600 seconds"),
        (["ReportLinkLifetime=1h"], "ReportLinkLifetime cannot be '1h'. From 60"),
        (["ClientId=my client"], "ClientId cannot be 'my client'. A client identifier, such as"),
        (["HostPrincipalArn=arn:aws:iam::111122223333:role/*"], "HostPrincipalArn cannot be .* No wildcard"),
    ],
)
def test_a_parameter_that_cannot_be_prefilled_is_rejected(given: list[str], words: str) -> None:
    with pytest.raises(PublishingError, match=words) as raised:
        prefilled(given, DECLARED)
    assert "0123456789abcdef0123" not in str(raised.value)


@pytest.mark.parametrize("region", ["cn-north-1", "us-gov-west-1"])
def test_a_partition_that_sp_api_cannot_send_to_is_rejected(region: str) -> None:
    with pytest.raises(PublishingError, match=rf"{region} is in the partition aws-.*SP-API sends notifications"):
        publish("bucket", region=region)
