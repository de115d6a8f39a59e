"""From the checkout to a launch URL: build the objects, upload them, return the URLs."""

import hashlib
import io
import os
import re
import zipfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath

import boto3
from botocore.exceptions import UnknownRegionError

from publishing.archive import Artifact, artifact, unpacked_size, zip_folder
from publishing.bytecode import compiled
from publishing.errors import PublishingError
from publishing.launch import launch_url, prefilled
from publishing.parameters import template_parameters
from publishing.rewrite import (
    Hosting,
    Reference,
    published_child,
    published_root,
    references,
)
from publishing.supply_chain import checksums, supply_chain
from publishing.upload import Uploaded, bucket_region, s3_client, upload

CHECKOUT = Path(__file__).resolve().parent.parent
DEFAULT_PREFIX = "selling-partner-api-quick-start/"
ROOT_TEMPLATE = "quickstart.yaml"

# CloudFormation's limit for a template in S3 (API reference, CreateStack, TemplateURL).
TEMPLATE_LIMIT_BYTES = 1024 * 1024
# Lambda's limit for a function and its layers, unpacked. The limit of 50 MB for an archive does not apply to S3.
# https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
CODE_LIMIT_BYTES = 250 * 1024 * 1024
# Where Lambda unpacks archives.
_FUNCTIONS, _LAYERS = PurePosixPath("/var/task"), PurePosixPath("/opt")

# The root's AllowedPattern of QSS3BucketName and QSS3KeyPrefix. A dot in a bucket's name breaks TLS on its address.
_BUCKET_NAME = re.compile(r"[a-z0-9][a-z0-9-]{1,61}[a-z0-9]")
_PREFIX = re.compile(r"[0-9A-Za-z][0-9A-Za-z._/-]*/")


@dataclass(frozen=True)
class Build:
    """All objects to publish, the root template last.

    root_key, sbom_key, licenses_key and checksums_key are keys of objects, without the prefix.
    """

    artifacts: tuple[Artifact, ...]
    root_key: str
    sbom_key: str
    licenses_key: str
    checksums_key: str


@dataclass(frozen=True)
class Publication:
    """The result of publishing.

    template_url is the root template's URL for CreateStack. launch_url opens CloudFormation's quick-create page. The
    other URLs are those of the SBOM, the licenses of the packages and the SHA-256 checksums of all other objects.
    """

    hosting: Hosting
    template_url: str
    launch_url: str
    sbom_url: str
    licenses_url: str
    checksums_url: str
    uploaded: tuple[Uploaded, ...]


def build(
    hosting: Hosting,
    checkout: Path = CHECKOUT,
    layers: Mapping[str, Path] | None = None,
    python: Path | None = None,
) -> Build:
    """Build all objects to publish from a checkout, without calling AWS.

    Args:
        hosting: where the objects will be published.
        checkout: the folder with templates/, functions/ and layers/.
        layers: other folders to pack for layers, by their path in the checkout, such as layers/validation.
        python: the interpreter that makes the bytecode, see `publishing.bytecode`. Without it, there is none.

    Raises:
        PublishingError: a file or folder of a template is missing, empty or a symbolic link, a template is too large
            for CloudFormation, a function with its layers is too large for Lambda, or the layer's packages are not
            those that its requirements file pins.
    """
    templates = checkout / "templates"
    root = (templates / ROOT_TEMPLATE).read_text("utf-8")
    artifacts: dict[str, Artifact] = {}
    keys: dict[str, str] = {}
    hosted = set()
    for child in references(root):
        source = (templates / child.path).read_text("utf-8")
        inner = {
            reference.path: _pack(checkout, child.path, reference, layers or {}, python)
            for reference in references(source)
        }
        if inner:
            hosted.add(child.path)
        rewritten = published_child(source, tuple((path, packed.key) for path, packed in inner.items()))
        template = _template(child.path, rewritten)
        keys[child.path] = template.key
        artifacts.update((packed.key, packed) for packed in (*inner.values(), template))
    _check_code_size(artifacts.values())
    # Independent of the hosting: the same source has the same version in every bucket.
    digest = hashlib.sha256("\n".join([*sorted(artifacts), root]).encode()).hexdigest()[:16]
    published = _template(ROOT_TEMPLATE, published_root(root, keys, hosted, hosting, digest))
    sbom, licenses = supply_chain(checkout, artifacts.values(), layers)
    sums = checksums((*artifacts.values(), sbom, licenses, published))
    objects = (*artifacts.values(), sbom, licenses, sums, published)
    return Build(objects, published.key, sbom.key, licenses.key, sums.key)


def unpack(built: Build, folder: Path) -> None:
    """Write the published code to a folder, with the paths of the checkout: functions/<name> and layers/<name>."""
    for one in built.artifacts:
        if one.key.endswith(".zip"):
            with zipfile.ZipFile(io.BytesIO(one.content)) as archive:
                archive.extractall(folder / one.key.rpartition("-")[0])


def publish(
    bucket: str,
    *,
    region: str | None = None,
    prefix: str = DEFAULT_PREFIX,
    endpoint_url: str | None = None,
    session: boto3.Session | None = None,
    checkout: Path = CHECKOUT,
    layers: Mapping[str, Path] | None = None,
    python: Path | None = None,
    parameters: Sequence[str] = (),
    progress: Callable[[Uploaded], None] = lambda _: None,
) -> Publication:
    """Build all objects and upload those that the bucket does not have yet.

    Args:
        bucket: an existing bucket in the region where stacks are launched.
        region: expected region of the bucket. Fails if the bucket is in another region.
        prefix: prefix of every key; ends with a slash.
        endpoint_url: custom S3 endpoint.
        session: session with the credentials; by default, a new one.
        checkout: the folder with templates/, functions/ and layers/.
        layers: as for `build`.
        python: as for `build`.
        parameters: root parameters that the launch URL fills in, as ``Name=Value``.
        progress: called for each object when it is in the bucket.

    Raises:
        PublishingError: see `build`, `publishing.launch` and `publishing.upload`.
    """
    if not _BUCKET_NAME.fullmatch(bucket):
        raise PublishingError(
            f"The bucket name {bucket} is not valid: use 3 to 63 lowercase letters, digits and hyphens, without a dot."
        )
    if not _PREFIX.fullmatch(prefix):
        raise PublishingError(
            f"The prefix {prefix!r} is not valid: use letters, digits and . _ - / with a slash at the end."
        )
    declared = template_parameters((checkout / "templates" / ROOT_TEMPLATE).read_text("utf-8"))
    given = prefilled(parameters, declared)
    session = session or boto3.Session()
    if region:
        _check_partition(session, region)
    s3 = s3_client(session, region, endpoint_url)
    home = bucket_region(s3, bucket)
    _check_partition(session, home)
    if region and region != home:
        raise PublishingError(
            f"The bucket {bucket} is in {home}, not in {region}. Lambda only accepts code from a bucket in the stack's "
            f"region: publish with region {home}, or to a bucket in {region}."
        )
    hosting = Hosting(bucket, home, prefix)
    made = build(hosting, checkout, layers, python)
    uploaded = []
    for one in upload(s3_client(session, home, endpoint_url), bucket, prefix, made.artifacts):
        progress(one)
        uploaded.append(one)
    template_url = hosting.url(made.root_key)
    launch = launch_url(home, template_url, {**hosting.parameters, **given})
    return Publication(
        hosting,
        template_url,
        launch,
        hosting.url(made.sbom_key),
        hosting.url(made.licenses_key),
        hosting.url(made.checksums_key),
        tuple(uploaded),
    )


def _check_partition(session: boto3.Session, region: str) -> None:
    try:
        partition = session.get_partition_for_region(region)
    except UnknownRegionError as error:
        raise PublishingError(f"{region} is not an AWS region.") from error
    if partition != "aws":
        raise PublishingError(
            f"{region} is in the partition {partition}. SP-API sends notifications from an account in the partition "
            "aws, and queues in other partitions cannot accept them: publish to a bucket in a region of the "
            "partition aws, such as us-east-1."
        )


def _check_code_size(artifacts: Iterable[Artifact]) -> None:
    """As if every function used every layer."""
    sizes = {made.key: unpacked_size(made.content) for made in artifacts if made.key.endswith(".zip")}
    layers = sum(size for key, size in sizes.items() if key.startswith("layers/"))
    for key, size in sizes.items():
        if not key.startswith("layers/") and layers + size > CODE_LIMIT_BYTES:
            raise PublishingError(
                f"{key} and the layers have {layers + size:,} bytes unpacked; Lambda accepts at most "
                f"{CODE_LIMIT_BYTES:,}."
            )


def _pack(
    checkout: Path, template: str, reference: Reference, layers: Mapping[str, Path], python: Path | None
) -> Artifact:
    named = checkout.resolve() / "templates" / reference.path
    # Does not follow links, so that a symbolic link is found.
    source = Path(os.path.normpath(named))
    where = f"templates/{template} ({reference.resource}) refers to {reference.path}"
    if source.is_file():
        return artifact(source.relative_to(checkout.resolve() / "templates").as_posix(), source.read_bytes())
    if not source.is_dir():
        raise PublishingError(f"{where}, which does not exist.")
    name = source.relative_to(checkout.resolve()).as_posix()
    packed = layers.get(name, source)
    if reference.type == "AWS::Serverless::LayerVersion" and not any((packed / "python").glob("*")):
        raise PublishingError(f"{where}, but its folder python/ is missing or empty: run `make build` first.")
    try:
        unpacked_in = _LAYERS if reference.type == "AWS::Serverless::LayerVersion" else _FUNCTIONS
        add = None if python is None else partial(compiled, python=python, unpacked_in=unpacked_in)
        archive = zip_folder(packed, add)
    except PublishingError as error:
        raise PublishingError(f"{where}: {error}") from error
    return artifact(f"{name}.zip", archive)


def _template(name: str, text: str) -> Artifact:
    made = artifact(f"templates/{name}", text.encode())
    if len(made.content) > TEMPLATE_LIMIT_BYTES:
        raise PublishingError(
            f"templates/{name} has {len(made.content):,} bytes; CloudFormation accepts at most "
            f"{TEMPLATE_LIMIT_BYTES:,}."
        )
    return made
