"""From the checkout to a launch URL: build the published set, upload it, tell where it is."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlencode

import boto3

from publishing.archive import Artifact, artifact, zip_folder
from publishing.errors import PublishingError
from publishing.rewrite import Hosting, Reference, published_child, published_root, references
from publishing.upload import Uploaded, bucket_region, s3_client, upload

CHECKOUT = Path(__file__).resolve().parent.parent
DEFAULT_PREFIX = "selling-partner-api-quick-start/"
STACK_NAME = "selling-partner-api-quick-start"
ROOT_TEMPLATE = "quickstart.yaml"

# CloudFormation's limit for a template in S3 (API reference, CreateStack, TemplateURL).
TEMPLATE_LIMIT_BYTES = 1024 * 1024

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
        PublishingError: a file that a template names is missing, or a template is too large for CloudFormation.
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
    published = _template(ROOT_TEMPLATE, published_root(root, keys, hosted, hosting))
    return Build((*artifacts.values(), published), published.key)


def publish(
    bucket: str,
    *,
    region: str | None = None,
    prefix: str = DEFAULT_PREFIX,
    endpoint_url: str | None = None,
    session: boto3.Session | None = None,
    checkout: Path = CHECKOUT,
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
        progress: called with each object once it is in the bucket.

    Raises:
        PublishingError: with words for a person; see `build` and `publishing.upload`.
    """
    if not _BUCKET_NAME.fullmatch(bucket):
        raise PublishingError(
            f"{bucket} cannot be the bucket: 3 to 63 small letters, digits and hyphens are needed, without a dot."
        )
    if not _PREFIX.fullmatch(prefix):
        raise PublishingError(
            f"{prefix!r} cannot be the prefix: letters, digits and . _ - / with a slash at the end are needed."
        )
    s3 = s3_client(session or boto3.Session(), region, endpoint_url)
    home = bucket_region(s3, bucket)
    if region and region != home:
        raise PublishingError(
            f"The bucket {bucket} is in {home}, not in {region}. Lambda takes code only from a bucket in the stack's "
            f"own region: publish with region {home}, or to a bucket in {region}."
        )
    hosting = Hosting(bucket, home, prefix)
    made = build(hosting, checkout)
    uploaded = []
    for one in upload(s3_client(session or boto3.Session(), home, endpoint_url), bucket, prefix, made.artifacts):
        progress(one)
        uploaded.append(one)
    template_url = hosting.url(made.root_key)
    return Publication(hosting, template_url, launch_url(home, template_url), tuple(uploaded))


def launch_url(region: str, template_url: str) -> str:
    """The address of CloudFormation's quick-create page with this template filled in."""
    query = urlencode({"templateURL": template_url, "stackName": STACK_NAME})
    return f"https://{region}.console.aws.amazon.com/cloudformation/home?region={region}#/stacks/quickcreate?{query}"


def _pack(checkout: Path, template: str, reference: Reference) -> Artifact:
    source = (checkout / "templates" / reference.path).resolve()
    where = f"templates/{template} ({reference.resource}) names {reference.path}"
    if source.is_file():
        return artifact(source.relative_to(checkout.resolve() / "templates").as_posix(), source.read_bytes())
    if not source.is_dir():
        raise PublishingError(f"{where}, which does not exist.")
    if reference.type == "AWS::Serverless::LayerVersion" and not any((source / "python").glob("*")):
        raise PublishingError(f"{where}, but its folder python/ is missing or empty: run `make build` first.")
    return artifact(f"{source.relative_to(checkout.resolve()).as_posix()}.zip", zip_folder(source))


def _template(name: str, text: str) -> Artifact:
    made = artifact(f"templates/{name}", text.encode())
    if len(made.content) > TEMPLATE_LIMIT_BYTES:
        raise PublishingError(
            f"templates/{name} has {len(made.content):,} bytes; CloudFormation takes {TEMPLATE_LIMIT_BYTES:,} at most."
        )
    return made
