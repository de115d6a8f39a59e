"""Publishing to a bucket of the local AWS emulator."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from publishing import PublishingError, build, publish
from publishing.bytecode import interpreter
from tests.templates.conftest import Account
from tests.templates.reading import CHECKOUT, PUBLISHED, copy_checkout
from tests.waiting import SECONDS


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    return copy_checkout(tmp_path / "checkout")


@pytest.fixture
def bucket(account: Account, request: pytest.FixtureRequest) -> str:
    name: str = "published-" + request.node.name.replace("_", "-")[-50:].strip("-")
    account.client("s3").create_bucket(Bucket=name)
    return name


def test_what_was_built_is_uploaded(account: Account, bucket: str, checkout: Path) -> None:
    publication = publish(bucket, endpoint_url=account.endpoint, session=account.session(), checkout=checkout)
    s3 = account.client("s3")
    found = {}
    for entry in s3.list_objects_v2(Bucket=bucket)["Contents"]:
        answer = s3.get_object(Bucket=bucket, Key=entry["Key"])
        found[entry["Key"]] = answer["Body"].read()
        kind = {
            "zip": "application/zip",
            "json": "application/json",
            "yaml": "application/yaml",
            "txt": "text/plain; charset=utf-8",
        }
        assert answer["ContentType"] == kind[entry["Key"].rpartition(".")[2]]
    made = build(publication.hosting, checkout)
    assert found == {publication.hosting.prefix + artifact.key: artifact.content for artifact in made.artifacts}
    assert publication.hosting.region == "us-east-1"
    assert publication.template_url == (
        f"https://{bucket}.s3.us-east-1.amazonaws.com/selling-partner-api-quick-start/{made.root_key}"
    )


def test_existing_objects_are_not_uploaded_again(account: Account, bucket: str, checkout: Path) -> None:
    def uploaded() -> list[str]:
        publication = publish(bucket, endpoint_url=account.endpoint, session=account.session(), checkout=checkout)
        return [one.key for one in publication.uploaded if not one.present]

    assert len(uploaded()) == len(PUBLISHED)
    assert uploaded() == []
    app = checkout / "functions/token_storage/app.py"
    app.write_text(app.read_text() + "\n# changed\n")
    assert [re.sub("-[0-9a-f]{16}", "", key.rpartition("/")[2]) for key in uploaded()] == [
        "token_storage.zip",
        "token-storage.yaml",
        "sbom.cdx.json",
        "checksums.txt",
        "quickstart.yaml",
    ]


def test_a_bucket_that_does_not_exist(account: Account, checkout: Path) -> None:
    with pytest.raises(PublishingError, match=r"The bucket nowhere does not exist\."):
        publish("nowhere", endpoint_url=account.endpoint, session=account.session(), checkout=checkout)


def test_a_bucket_in_another_region(account: Account, bucket: str, checkout: Path) -> None:
    with pytest.raises(PublishingError, match=r"is in us-east-1, not in eu-west-1\. Lambda only accepts code"):
        publish(bucket, region="eu-west-1", endpoint_url=account.endpoint, session=account.session(), checkout=checkout)
    assert "Contents" not in account.client("s3").list_objects_v2(Bucket=bucket)


def test_the_default_region_is_the_buckets_own(account: Account, checkout: Path) -> None:
    account.client("s3", region="eu-west-1").create_bucket(
        Bucket="published-in-ireland", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"}
    )
    publication = publish(
        "published-in-ireland", endpoint_url=account.endpoint, session=account.session(), checkout=checkout
    )
    assert publication.hosting.region == "eu-west-1"
    assert publication.launch_url.startswith("https://eu-west-1.console.aws.amazon.com/")


def test_a_user_without_access_to_the_bucket(account: Account, bucket: str, checkout: Path) -> None:
    keys = account.user_keys("stranger")
    with pytest.raises(PublishingError, match=f"Access to the bucket {bucket} is denied.*s3:PutObject"):
        publish(bucket, endpoint_url=account.endpoint, session=account.session(*keys), checkout=checkout)


def test_a_user_without_write_access_to_the_bucket(account: Account, bucket: str, checkout: Path) -> None:
    reading: dict[str, object] = {"Effect": "Allow", "Action": ["s3:ListBucket", "s3:GetObject"], "Resource": "*"}
    keys = account.user_keys("reader", reading)
    with pytest.raises(PublishingError, match=f"Access to the bucket {bucket} is denied"):
        publish(bucket, endpoint_url=account.endpoint, session=account.session(*keys), checkout=checkout)


def test_a_user_with_only_the_permissions_that_the_message_names(account: Account, bucket: str, checkout: Path) -> None:
    arn = f"arn:aws:s3:::{bucket}"
    keys = account.user_keys(
        "uploader",
        {"Effect": "Allow", "Action": "s3:ListBucket", "Resource": arn},
        {"Effect": "Allow", "Action": ["s3:GetObject", "s3:PutObject"], "Resource": f"{arn}/*"},
    )
    publication = publish(bucket, endpoint_url=account.endpoint, session=account.session(*keys), checkout=checkout)
    assert len(publication.uploaded) == len(PUBLISHED)


def test_keys_that_aws_does_not_know(account: Account, bucket: str, checkout: Path) -> None:
    _, secret = account.user_keys("mistyped")
    keys = account.user_keys("right")[0], secret
    with pytest.raises(PublishingError, match="credentials may be wrong or expired"):
        publish(bucket, endpoint_url=account.endpoint, session=account.session(*keys), checkout=checkout)


def run_command(
    account: Account, checkout: Path, *arguments: str, **environment: str
) -> subprocess.CompletedProcess[str]:
    """Run the command on a copy of the package, so that it publishes that copy's checkout."""
    target = checkout / "publishing"
    target.mkdir()
    for source in (CHECKOUT / "publishing").glob("*.py"):
        (target / source.name).write_bytes(source.read_bytes())
    environment = environment or {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}
    return subprocess.run(
        [sys.executable, "-m", "publishing", "--endpoint-url", account.endpoint, *arguments],
        cwd=checkout,
        env={"PATH": os.environ["PATH"], **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=SECONDS,
    )


def test_the_command_prints_the_launch_url_last(account: Account, bucket: str, checkout: Path) -> None:
    done = run_command(account, checkout, "--bucket", bucket, "--region", "us-east-1", "--prefix", "mine/")
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert len(lines) == len(PUBLISHED) + 8
    assert {line.split()[0] for line in lines[:-8]} == {"uploaded"}
    python = interpreter()
    expected = publish(
        bucket,
        prefix="mine/",
        endpoint_url=account.endpoint,
        session=account.session(),
        checkout=checkout,
        python=python,
    )
    bytecode = "none, so that each cold start takes a third longer: Python 3.13" if python is None else "of Python 3.13"
    assert lines[-5].startswith(f"Bytecode  {bytecode}")
    assert lines[-8:-5] == [
        f"SBOM      {expected.sbom_url}",
        f"Licenses  {expected.licenses_url}",
        f"SHA-256   {expected.checksums_url}",
    ]
    assert lines[-4:-2] == [f"Template  {expected.template_url}", f"Launch    {expected.launch_url}"]
    assert lines[-2].startswith("Badge     [![Launch the stack](docs/images/")
    assert lines[-1].startswith("Next: open the launch URL")


def test_the_command_prefills_parameters(account: Account, bucket: str, checkout: Path) -> None:
    given = "TagKey='cost center' TagValue=4711 SolicitationsEnabled=No"
    done = run_command(account, checkout, "--bucket", bucket, "--parameters", given)
    assert (done.returncode, done.stderr) == (0, "")
    (launch,) = [line for line in done.stdout.splitlines() if line.startswith("Launch")]
    for part in ("param_TagKey=cost%20center", "param_TagValue=4711", "param_SolicitationsEnabled=No"):
        assert part in launch


def test_a_secret_is_not_prefilled_and_nothing_is_uploaded(account: Account, bucket: str, checkout: Path) -> None:
    done = run_command(account, checkout, "--bucket", bucket, "--parameters", "ClientSecret=0123456789abcdef")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "publishing: ClientSecret cannot be prefilled: a secret must not appear in a URL.\n"
    assert "Contents" not in account.client("s3").list_objects_v2(Bucket=bucket)


def test_without_credentials(account: Account, bucket: str, checkout: Path) -> None:
    environment = {"AWS_EC2_METADATA_DISABLED": "true", "HOME": str(checkout)}
    done = run_command(account, checkout, "--bucket", bucket, **environment)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"publishing: Cannot get the region of the bucket {bucket}: Unable to locate credentials\n"


def test_the_command_prints_errors_without_a_traceback(account: Account, checkout: Path) -> None:
    done = run_command(account, checkout, "--bucket", "nowhere")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("publishing: The bucket nowhere does not exist.")
    assert "Traceback" not in done.stderr


def test_what_was_downloaded_has_the_published_checksums(
    account: Account, bucket: str, checkout: Path, tmp_path: Path
) -> None:
    publication = publish(bucket, endpoint_url=account.endpoint, session=account.session(), checkout=checkout)
    s3, folder = account.client("s3"), tmp_path / "downloaded"
    for uploaded in publication.uploaded:
        file = folder / uploaded.key
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(s3.get_object(Bucket=bucket, Key=uploaded.key)["Body"].read())
    home = folder / publication.hosting.prefix
    checksums = publication.checksums_url.partition(publication.hosting.prefix)[2]
    done = subprocess.run(
        ["sha256sum", "--check", "--strict", checksums], cwd=home, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert len(done.stdout.splitlines()) == len(publication.uploaded) - 1


def test_make_publish_lints_before_anything_is_uploaded(account: Account, bucket: str, checkout: Path) -> None:
    for name in ("requirements", "publishing"):
        shutil.copytree(CHECKOUT / name, checkout / name)
    lists = (f"layers/{layer}/requirements.txt" for layer in ("dependencies", "validation", "inflating"))
    for name in ("Makefile", *lists):
        shutil.copy2(CHECKOUT / name, checkout / name)
    (checkout / ".venv").symlink_to(CHECKOUT / ".venv")
    stamps = checkout / ".local"
    stamps.mkdir()
    for name in ("ready-demo", "ready-lint", "ready-dependencies", "ready-validation", "ready-inflating"):
        (stamps / name).touch()
    version = stamps / f"python-{sys.version_info.major}.{sys.version_info.minor}"
    version.touch()
    os.utime(version, (0, 0))  # older than the interpreter's folder, which make would rebuild
    template = checkout / "templates/monitoring.yaml"
    for other in set((checkout / "templates").glob("*.yaml")) - {template}:
        other.unlink()  # cfn-lint reads for eight seconds otherwise
    template.write_text(template.read_text().replace("AWS::CloudWatch::Dashboard", "AWS::CloudWatch::Dashbord"))

    environment = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_ENDPOINT_URL": account.endpoint}
    done = subprocess.run(
        ["make", "publish", f"BUCKET={bucket}", f"PYTHON={sys.executable}"],
        cwd=checkout,
        env={"PATH": os.environ["PATH"], **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=SECONDS,
    )

    assert done.returncode == 2, done.stderr
    assert "Resource type 'AWS::CloudWatch::Dashbord' does not exist" in done.stdout
    assert done.stdout.rstrip().endswith("cfn-lint found the problems above. Nothing was uploaded.")
    assert "Contents" not in account.client("s3").list_objects_v2(Bucket=bucket)
