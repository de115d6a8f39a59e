"""Command line of publishing: ``python -m publishing --bucket NAME``."""

import argparse
import shlex
import sys

from publishing.errors import PublishingError
from publishing.launch import badge
from publishing.publication import DEFAULT_PREFIX, publish
from publishing.upload import Uploaded


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m publishing",
        description="Upload the launchable form of the templates and print the URL that launches it.",
    )
    parser.add_argument("--bucket", required=True, help="existing bucket, in the region that stacks are launched in")
    parser.add_argument("--region", help="region of the bucket; refused if the bucket is in another one")
    parser.add_argument("--prefix", default=DEFAULT_PREFIX, help="what the keys begin with (default: %(default)s)")
    parser.add_argument(
        "--parameters",
        default="",
        metavar="'Name=Value ...'",
        help="parameters of the stack that the launch URL fills in; a value with spaces in quotes",
    )
    parser.add_argument("--endpoint-url", help="S3 endpoint other than AWS's")
    arguments = parser.parse_args()
    try:
        parameters = shlex.split(arguments.parameters)
    except ValueError as error:
        parser.error(f"--parameters: {error}")
    try:
        publication = publish(
            arguments.bucket,
            region=arguments.region,
            prefix=arguments.prefix,
            endpoint_url=arguments.endpoint_url,
            parameters=parameters,
            progress=_show,
        )
    except PublishingError as error:
        print(f"publishing: {error}", file=sys.stderr)
        return 1
    print(f"Template  {publication.template_url}")
    print(f"Launch    {publication.launch_url}")
    print(f"Badge     {badge(publication.launch_url)}")
    print(
        "Next: open the launch URL, or put the badge into the README. Whoever launches must be able to read the bucket."
    )
    return 0


def _show(uploaded: Uploaded) -> None:
    state = "present" if uploaded.present else "uploaded"
    print(f"{state:<8}  {uploaded.size:>12,} B  {uploaded.key}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
