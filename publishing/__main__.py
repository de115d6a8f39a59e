"""Publishes the templates: ``python -m publishing --bucket NAME`` (make publish)."""

import argparse
import shlex
import sys

from publishing.bytecode import described, interpreter
from publishing.errors import PublishingError
from publishing.launch import badge
from publishing.publication import DEFAULT_PREFIX, publish
from publishing.upload import Uploaded


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m publishing",
        description="Upload the templates and their code, and print the launch URL.",
    )
    parser.add_argument("--bucket", required=True, help="existing bucket in the region where stacks are launched")
    parser.add_argument("--region", help="expected region of the bucket; fails if the bucket is in another one")
    parser.add_argument("--prefix", default=DEFAULT_PREFIX, help="prefix of all keys (default: %(default)s)")
    parser.add_argument(
        "--parameters",
        default="",
        metavar="'Name=Value ...'",
        help="stack parameters that the launch URL fills in; put a value with spaces in quotes",
    )
    parser.add_argument("--endpoint-url", help="custom S3 endpoint")
    arguments = parser.parse_args()
    try:
        parameters = shlex.split(arguments.parameters)
    except ValueError as error:
        parser.error(f"--parameters: {error}")
    python = interpreter()
    try:
        publication = publish(
            arguments.bucket,
            region=arguments.region,
            prefix=arguments.prefix,
            endpoint_url=arguments.endpoint_url,
            python=python,
            parameters=parameters,
            progress=_show,
        )
    except PublishingError as error:
        print(f"publishing: {error}", file=sys.stderr)
        return 1
    print(f"SBOM      {publication.sbom_url}")
    print(f"Licenses  {publication.licenses_url}")
    print(f"SHA-256   {publication.checksums_url}")
    print(f"Bytecode  {described(python, 'make publish')}")
    print(f"Template  {publication.template_url}")
    print(f"Launch    {publication.launch_url}")
    print(f"Badge     {badge(publication.launch_url)}")
    print("Next: open the launch URL, or put the badge into the README. Launching needs read access to the bucket.")
    return 0


def _show(uploaded: Uploaded) -> None:
    state = "present" if uploaded.present else "uploaded"
    print(f"{state:<8}  {uploaded.size:>12,} B  {uploaded.key}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
