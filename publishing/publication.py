"""From the checkout to a launch URL: build the published set, upload it, tell where it is."""

import hashlib
import os
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import boto3
from botocore.exceptions import UnknownRegionError

from publishing.archive import Artifact, artifact, unpacked_size, zip_folder
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
from publishing.upload import Uploaded, bucket_region, s3_client, upload

CHECKOUT = Path(__file__).resolve().parent.parent
DEFAULT_PREFIX = "selling-partner-api-quick-start/"
ROOT_TEMPLATE = "quickstart.yaml"

# CloudFormation's limit for a template in S3 (API reference, CreateStack, TemplateURL).
TEMPLATE_LIMIT_BYTES = 1024 * 1024
# Lambda's limit for a function and its layers, unpacked. Its limit of 50 MB for an archive does not hold for one in S3.
# https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
CODE_LIMIT_BYTES = 250 * 1024 * 1024

# The root's AllowedPattern of QSS3BucketName and QSS3KeyPrefix. A dot in a bucket's name breaks TLS on its address.
_BUCKET_NAME = re.compile(r"[a-z0-9][a-z0-9-]{1,61}[a-z0-9]")
_PREFIX = re.compile(r"[0-9A-Za-z][0-9A-Za-z._/-]*/")


@dataclass(frozen=True)
class Build:
    """The published set: every object, the root template's last, and the root template's key after the prefix."""

    artifacts: tuple[Artifact, ...]
    root_key: str


@dataclass(frozen=True)
class Publication:
    """A set that is in its bucket.

    template_url is the root template's address for CreateStack; launch_url opens CloudFormation's quick-create page.
    """

    hosting: Hosting
    template_url: str
    launch_url: str
    uploaded: tuple[Uploaded, ...]


def build(hosting: Hosting, checkout: Path = CHECKOUT) -> Build:
    """Make the published set of a checkout, without touching AWS.

    Raises:
        PublishingError: what a template names is missing, empty or a symbolic link, a template is too large for
            CloudFormation, or a function and the layers are too large for Lambda.
    """
    templates = checkout / "templates"
    root = (templates / ROOT_TEMPLATE).read_text("utf-8")
    artifacts: dict[str, Artifact] = {}
    keys: dict[str, str] = {}
    hosted = set()
    for child in references(root):
        source = (templates / child.path).read_text("utf-8")
        inner = {reference.path: _pack(checkout, child.path, reference) for reference in references(source)}
        if inner:
            hosted.add(child.path)
        rewritten = published_child(source, {path: packed.key for path, packed in inner.items()})
        template = _template(child.path, rewritten)
        keys[child.path] = template.key
        artifacts.update((packed.key, packed) for packed in (*inner.values(), template))
    _check_code_size(artifacts.values())
    # Of the source and not of the hosting: the same source has the same version in every bucket.
    digest = hashlib.sha256("\n".join([*sorted(artifacts), root]).encode()).hexdigest()[:16]
    published = _template(ROOT_TEMPLATE, published_root(root, keys, hosted, hosting, digest))
    return Build((*artifacts.values(), published), published.key)


def publish(
    bucket: str,
    *,
    region: str | None = None,
    prefix: str = DEFAULT_PREFIX,
    endpoint_url: str | None = None,
    session: boto3.Session | None = None,
    checkout: Path = CHECKOUT,
    parameters: Sequence[str] = (),
    progress: Callable[[Uploaded], None] = lambda _: None,
) -> Publication:
    """Build the published set and upload what the bucket lacks of it.

    Args:
        bucket: an existing bucket, in the region that stacks are to be launched in.
        region: the bucket's region; when given, a bucket in another region is refused.
        prefix: what every key begins with; ends with a slash.
        endpoint_url: an S3 endpoint other than AWS's.
        session: whose credentials to use; by default what boto3 finds.
        checkout: the folder that holds templates/, functions/ and layers/.
        parameters: ``Name=Value`` of the root's parameters that the launch URL fills in.
        progress: called with each object once it is in the bucket.

    Raises:
        PublishingError: with words for a person; see `build`, `publishing.launch` and `publishing.upload`.
    """
    if not _BUCKET_NAME.fullmatch(bucket):
        raise PublishingError(
            f"{bucket} cannot be the bucket: 3 to 63 small letters, digits and hyphens are needed, without a dot."
        )
    if not _PREFIX.fullmatch(prefix):
        raise PublishingError(
            f"{prefix!r} cannot be the prefix: letters, digits and . _ - / with a slash at the end are needed."
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
            f"The bucket {bucket} is in {home}, not in {region}. Lambda takes code only from a bucket in the stack's "
            f"own region: publish with region {home}, or to a bucket in {region}."
        )
    hosting = Hosting(bucket, home, prefix)
    made = build(hosting, checkout)
    uploaded = []
    for one in upload(s3_client(session, home, endpoint_url), bucket, prefix, made.artifacts):
        progress(one)
        uploaded.append(one)
    template_url = hosting.url(made.root_key)
    launch = launch_url(home, template_url, {**hosting.parameters, **given})
    return Publication(hosting, template_url, launch, tuple(uploaded))


def _check_partition(session: boto3.Session, region: str) -> None:
    try:
        partition = session.get_partition_for_region(region)
    except UnknownRegionError as error:
        raise PublishingError(f"{region} is no region of AWS.") from error
    if partition != "aws":
        raise PublishingError(
            f"{region} is in the partition {partition}. SP-API sends notifications from an account in the partition "
            "aws, which no queue elsewhere can admit: publish to a bucket in a region of that one, such as us-east-1."
        )


def _check_code_size(artifacts: Iterable[Artifact]) -> None:
    """Every function uses every layer."""
    sizes = {made.key: unpacked_size(made.content) for made in artifacts if made.key.endswith(".zip")}
    layers = sum(size for key, size in sizes.items() if key.startswith("layers/"))
    for key, size in sizes.items():
        if not key.startswith("layers/") and layers + size > CODE_LIMIT_BYTES:
            raise PublishingError(
                f"{key} and the layers have {layers + size:,} bytes unpacked; Lambda takes {CODE_LIMIT_BYTES:,}."
            )


def _pack(checkout: Path, template: str, reference: Reference) -> Artifact:
    named = checkout.resolve() / "templates" / reference.path
    # Without following links, so that a link is seen as one.
    source = Path(os.path.normpath(named))
    where = f"templates/{template} ({reference.resource}) names {reference.path}"
    if source.is_file():
        return artifact(source.relative_to(checkout.resolve() / "templates").as_posix(), source.read_bytes())
    if not source.is_dir():
        raise PublishingError(f"{where}, which does not exist.")
    if reference.type == "AWS::Serverless::LayerVersion" and not any((source / "python").glob("*")):
        raise PublishingError(f"{where}, but its folder python/ is missing or empty: run `make build` first.")
    try:
        archive = zip_folder(source)
    except PublishingError as error:
        raise PublishingError(f"{where}: {error}") from error
    return artifact(f"{source.relative_to(checkout.resolve()).as_posix()}.zip", archive)


def _template(name: str, text: str) -> Artifact:
    made = artifact(f"templates/{name}", text.encode())
    if len(made.content) > TEMPLATE_LIMIT_BYTES:
        raise PublishingError(
            f"templates/{name} has {len(made.content):,} bytes; CloudFormation takes {TEMPLATE_LIMIT_BYTES:,} at most."
        )
    return made
