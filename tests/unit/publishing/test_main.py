"""What `make publish` passes on and prints, and how it says what is wrong."""

import io
import sys
from pathlib import Path
from typing import Any

import boto3
import pytest

from publishing import __main__ as command
from publishing import publication
from publishing.bytecode import _version, described, interpreter
from publishing.errors import PublishingError
from publishing.publication import Publication, publish
from publishing.rewrite import Hosting
from publishing.upload import Uploaded

MADE = Publication(
    Hosting("artifacts", "eu-west-1", "quick-start/"),
    "https://template",
    "https://launch",
    "https://sbom",
    "https://licenses",
    "https://checksums",
    (),
)


def test_what_was_published_is_printed(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    given: list[Any] = []

    def published(bucket: str, **more: Any) -> Publication:
        more.pop("progress")(Uploaded("a.zip", 1234, present=False))
        given.append((bucket, more))
        return MADE

    monkeypatch.setattr(command, "publish", published)
    monkeypatch.setattr(command, "interpreter", lambda: Path("/python"))
    arguments = [
        "--bucket",
        "artifacts",
        "--region",
        "eu-west-1",
        "--prefix",
        "p/",
        "--parameters",
        "A=1 B='two words'",
    ]
    monkeypatch.setattr(sys, "argv", ["publish", *arguments, "--endpoint-url", "http://127.0.0.1:1"])
    assert command.main() == 0
    assert given == [
        (
            "artifacts",
            {
                "region": "eu-west-1",
                "prefix": "p/",
                "endpoint_url": "http://127.0.0.1:1",
                "python": Path("/python"),
                "parameters": ["A=1", "B=two words"],
            },
        )
    ]
    assert capsys.readouterr().out.splitlines() == [
        "uploaded         1,234 B  a.zip",
        "SBOM      https://sbom",
        "Licenses  https://licenses",
        "SHA-256   https://checksums",
        "Bytecode  of Python 3.13",
        "Template  https://template",
        "Launch    https://launch",
        "Badge     [![Launch the stack](docs/images/launch-stack.svg)](https://launch)",
        "Next: open the launch URL, or put the badge into the README. Launching needs read access to the bucket.",
    ]


def test_what_need_not_be_given(monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[Any] = []

    def published(bucket: str, **more: Any) -> Publication:
        given.append((bucket, more.pop("progress"), more))
        return MADE

    monkeypatch.setattr(command, "publish", published)
    monkeypatch.setattr(command, "interpreter", lambda: None)
    monkeypatch.setattr(sys, "argv", ["publish", "--bucket", "artifacts"])
    assert command.main() == 0
    more = {"region": None, "prefix": "selling-partner-api-quick-start/", "endpoint_url": None, "python": None}
    assert given == [("artifacts", command._show, {**more, "parameters": []})]
    monkeypatch.setattr(sys, "argv", ["publish"])
    with pytest.raises(SystemExit):
        command.main()


def test_what_is_wrong_is_printed(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def refused(*_: object, **__: object) -> Publication:
        raise PublishingError("The bucket is not there.")

    monkeypatch.setattr(command, "publish", refused)
    monkeypatch.setattr(command, "interpreter", lambda: None)
    monkeypatch.setattr(sys, "argv", ["publish", "--bucket", "artifacts"])
    assert command.main() == 1
    shown = capsys.readouterr()
    assert (shown.out, shown.err) == ("", "publishing: The bucket is not there.\n")
    monkeypatch.setattr(sys, "argv", ["publish", "--bucket", "artifacts", "--parameters", "A=it's"])
    with pytest.raises(SystemExit) as ended:
        command.main()
    assert ended.value.code == 2
    assert "--parameters: No closing quotation" in capsys.readouterr().err


def test_the_help_says_what_it_does(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys, "argv", ["publish", "--help"])
    with pytest.raises(SystemExit):
        command.main()
    shown = " ".join(capsys.readouterr().out.split())
    assert "Upload the templates and their code, and print the launch URL." in shown
    assert "prefix of all keys (default: " in shown
    assert "'Name=Value ...'" in shown


@pytest.mark.parametrize(("present", "state"), [(True, "present "), (False, "uploaded")])
def test_each_object_has_a_line(capsys: pytest.CaptureFixture[str], *, present: bool, state: str) -> None:
    command._show(Uploaded("1.0/a.zip", 1_234_567, present))
    assert capsys.readouterr().out == f"{state}     1,234,567 B  1.0/a.zip\n"


def test_the_line_of_an_object_is_seen_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    written = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(written))
    command._show(Uploaded("a.zip", 1, present=False))
    assert written.getvalue() == b"uploaded             1 B  a.zip\n"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (
            {"bucket": "My.Bucket"},
            "The bucket name My.Bucket is not valid: use 3 to 63 lowercase letters, digits and hyphens, without a dot.",
        ),
        (
            {"bucket": "artifacts", "prefix": "a b/"},
            "The prefix 'a b/' is not valid: use letters, digits and . _ - / with a slash at the end.",
        ),
        ({"bucket": "artifacts", "region": "nowhere-1"}, "nowhere-1 is not an AWS region."),
        (
            {"bucket": "artifacts", "region": "cn-north-1"},
            "cn-north-1 is in the partition aws-cn. SP-API sends notifications from an account in the partition aws, "
            "and queues in other partitions cannot accept them: publish to a bucket in a region of the partition aws, "
            "such as us-east-1.",
        ),
        (
            {"bucket": "artifacts", "region": "us-east-1"},
            "The bucket artifacts is in eu-west-1, not in us-east-1. Lambda only accepts code from a bucket in the "
            "stack's region: publish with region eu-west-1, or to a bucket in us-east-1.",
        ),
    ],
)
def test_where_nothing_can_be_published(monkeypatch: pytest.MonkeyPatch, arguments: dict[str, str], words: str) -> None:
    monkeypatch.setattr(publication, "bucket_region", lambda *_: "eu-west-1")
    with pytest.raises(PublishingError) as refused:
        publish(**arguments, session=boto3.Session("test", "test"))
    assert str(refused.value) == words


def test_without_lambdas_python_the_operator_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("publishing.bytecode._version", lambda _: "3.11")
    assert interpreter() is None
    assert described(None, "make publish") == (
        "none, so that each cold start takes a third longer: Python 3.13 is not on the path. Install it, or run make "
        "publish PYTHON=<path of python3.13>"
    )
    monkeypatch.setattr("publishing.bytecode._version", lambda _: "3.13")
    assert interpreter() == Path(sys.executable)
    assert described(interpreter(), "make publish") == "of Python 3.13"


def test_the_running_python_tells_its_version() -> None:
    assert _version(sys.executable) == f"{sys.version_info.major}.{sys.version_info.minor}"
    assert _version("/no/such/python") == ""


@pytest.mark.parametrize(("status", "version"), [(0, "3.13"), (1, "")])
def test_a_python_that_fails_has_no_version(tmp_path: Path, status: int, version: str) -> None:
    python = tmp_path / "python3.13"
    python.write_text(f"#!/bin/sh\necho 3.13\nexit {status}\n")
    python.chmod(0o700)
    assert _version(str(python)) == version
