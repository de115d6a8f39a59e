"""The operator's commands around their work: exit codes, errors, and what Login with Amazon answers them."""

import argparse
import importlib
import os
import runpy
import signal
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from operations import deploy, doctor, outputs, rotate_secret, solicitations
from operations.command import CommandError, MakeParser, counted, run_command, table
from operations.findings import Finding
from operations.logs import period
from operations.stack import Stack, StackUnknownError
from quickstart.application_secret import SecretVersion
from quickstart.authorization.connections import Connection
from quickstart.dynamodb import DamagedItemError
from quickstart.secret_rotation.replacement import SECRET_LIFE
from quickstart.secrets import SecretUnreadableError
from tests.unit.sp_api.support import TOKEN_PATH, Answer, ScriptedServer, answer_json, credentials, token_json

NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)
INVALID_CLIENT = answer_json({"error": "invalid_client", "error_description": "Client authentication failed"}, 401)
OTHER = answer_json({"error": "unauthorized_client", "error_description": "no"}, 400)
THROTTLED = Answer(429, b"{}", {"Retry-After": "900"})


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    with ScriptedServer() as scripted:
        yield scripted


def stack(server: ScriptedServer | None = None, **outputs: str) -> Stack:
    parameters = {"LoginWithAmazonEndpoint": server.url + TOKEN_PATH} if server else {}
    return Stack("quick-start", outputs, parameters, lambda name: name, str, boto3.Session(region_name="eu-west-1"))


class TestRunCommand:
    @pytest.mark.parametrize(
        ("error", "code", "words"),
        [
            (StackUnknownError("no such stack"), 2, "no such stack\n"),
            (CommandError("it cannot continue"), 1, "it cannot continue\n"),
            (SecretUnreadableError(["A"]), 1, "the secret with the fields A cannot be read"),
            (
                ClientError({"Error": {"Code": "ValidationError", "Message": "does not exist"}}, "DescribeStacks"),
                1,
                "no stack quick-start in eu-west-1: check the name, or add REGION=<region>\n",
            ),
            (
                KeyboardInterrupt(),
                130,
                "\nInterrupted. AWS completes the operations in progress. Run the same command again to continue.\n",
            ),
        ],
    )
    def test_an_error_is_printed_and_is_the_exit_code(
        self, capsys: pytest.CaptureFixture[str], error: BaseException, code: int, words: str
    ) -> None:
        def command(_: boto3.Session) -> int:
            raise error

        assert run_command(command, "quick-start", "eu-west-1") == code
        shown = capsys.readouterr()
        assert shown.out == ""
        assert shown.err.startswith(words)

    def test_what_is_still_to_be_written_when_the_reader_goes_away_ends_it_quietly(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def flush() -> None:
            raise BrokenPipeError

        replaced: list[object] = []
        monkeypatch.setattr(os, "dup2", lambda *given: replaced.append(given))
        monkeypatch.setattr(sys.stdout, "fileno", lambda: 1, raising=False)
        monkeypatch.setattr(sys.stdout, "flush", flush)
        assert run_command(lambda _: 0, "x", "eu-west-1") == 141
        assert len(replaced) == 1

    def test_the_commands_own_code_is_returned(self) -> None:
        assert run_command(lambda session: 7 if session.region_name == "eu-west-1" else 0, "x", "eu-west-1") == 7

    def test_an_unknown_profile_is_an_error_of_the_operator(
        self, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("AWS_PROFILE", "no-such-profile")
        assert run_command(lambda _: 0, "quick-start", "eu-west-1") == 1
        assert capsys.readouterr().err == "The config profile (no-such-profile) could not be found\n"

    def test_a_reader_that_went_away_ends_it_quietly(
        self, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        replaced: list[tuple[int, int]] = []
        monkeypatch.setattr(os, "dup2", lambda new, old: replaced.append((new, old)))
        monkeypatch.setattr(sys.stdout, "fileno", lambda: 1, raising=False)

        def command(_: boto3.Session) -> int:
            raise BrokenPipeError

        assert run_command(command, "quick-start", None) == 141
        assert [old for _, old in replaced] == [1]
        assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    "name",
    ["deploy", "destroy.__main__", "doctor", "logs", "outputs", "redrive", "rotate_secret", "solicitations"],
)
def test_the_help_begins_with_what_the_command_does(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    command = importlib.import_module(f"operations.{name}")
    monkeypatch.setattr(sys, "argv", ["command", "--help"])
    with pytest.raises(SystemExit):
        command.main()
    first = (command.__doc__ or "").partition("\n")[0].split()
    assert " ".join(first) in " ".join(capsys.readouterr().out.split())


@pytest.mark.parametrize(
    "module",
    [
        "operations.deploy",
        "operations.destroy.__main__",
        "operations.doctor",
        "operations.logs",
        "operations.outputs",
        "operations.publish_listings.__main__",
        "operations.redrive",
        "operations.rotate_secret",
        "operations.solicitations",
        "publishing.__main__",
    ],
)
def test_the_help_explains_each_option(monkeypatch: pytest.MonkeyPatch, module: str) -> None:
    parsers: list[argparse.ArgumentParser] = []

    def parse(parser: argparse.ArgumentParser, *_: object) -> None:
        parsers.append(parser)
        raise SystemExit

    monkeypatch.setattr(argparse.ArgumentParser, "parse_args", parse)
    with pytest.raises(SystemExit):
        importlib.import_module(module).main()
    (parser,) = parsers
    actions = [action for action in parser._actions if not action.choices or action.option_strings]
    assert len(actions) > 1
    assert [action.dest for action in actions if not action.help] == []


COMMANDS = [
    ("operations.deploy", []),
    ("operations.destroy.__main__", ["quick-start"]),
    ("operations.doctor", ["quick-start"]),
    ("operations.logs", ["quick-start"]),
    ("operations.outputs", ["quick-start"]),
    ("operations.publish_listings.__main__", ["quick-start", "--file", "products.csv"]),
    ("operations.redrive", ["queue", "quick-start"]),
    ("operations.rotate_secret", ["quick-start"]),
    ("operations.solicitations", ["stop", "quick-start"]),
]


@pytest.mark.parametrize(
    ("module", "usage"),
    [
        ("doctor", 'make doctor [STACK=<name>] [REGION=] [ARGS="--since 12h --json"]'),
        ("logs", "make logs [STACK=<name>] [REGION=] [FUNCTION=] [SINCE=1h] [FOLLOW=1]"),
        ("outputs", "make outputs [STACK=<name>] [REGION=] [ARGS=--json]"),
        ("redrive", "make redrive-queue|redrive-executions [STACK=<name>] [REGION=] [ARGS=--aborted]"),
        ("rotate_secret", "make rotate-secret [STACK=<name>] [REGION=] [EXPIRES=] [FD=]"),
        ("solicitations", "make stop-solicitations|resume-solicitations [STACK=<name>] [REGION=] [TABLE=]"),
    ],
)
def test_how_make_runs_a_command(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], module: str, usage: str
) -> None:
    monkeypatch.setattr(sys, "argv", ["command", "--no-such-option"])
    with pytest.raises(SystemExit):
        importlib.import_module(f"operations.{module}").main()
    assert capsys.readouterr().err.splitlines()[-1] == f"Usage: {usage}"


@pytest.mark.filterwarnings("ignore:.*found in sys.modules:RuntimeWarning")
@pytest.mark.parametrize(("module", "arguments"), COMMANDS)
def test_a_program_ends_with_the_commands_exit_code(
    monkeypatch: pytest.MonkeyPatch, module: str, arguments: list[str]
) -> None:
    handled: list[object] = []
    monkeypatch.setattr("operations.command.run_command", lambda *_: 7)
    monkeypatch.setattr(signal, "signal", lambda *given: handled.append(given))
    monkeypatch.setattr(sys, "argv", ["command", *arguments])
    with pytest.raises(SystemExit) as ended:
        runpy.run_module(module, run_name="__main__")
    assert ended.value.code == 7
    # A reader that goes away, as in `make logs | head`, ends the program without an error.
    assert handled == ([(signal.SIGPIPE, signal.SIG_DFL)] if module == "operations.logs" else [])


def test_the_outputs_of_a_stack_are_shown_as_this_machine_reaches_them(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    found = replace(
        stack(BUrl="https://api1.execute-api.eu-west-1.amazonaws.com/prod/b", A="https://sqs.test/a"),
        address=lambda url: f"local {url[-1]}",
    )
    monkeypatch.setattr(outputs, "find_stack", lambda *_: found)
    monkeypatch.setattr(outputs, "run_command", lambda show, *_: show("session"))
    monkeypatch.setattr(sys, "argv", ["outputs", "quick-start"])
    assert outputs.main() == 0
    assert capsys.readouterr().out == "A     https://sqs.test/a\nBUrl  local b\n"
    monkeypatch.setattr(sys, "argv", ["outputs", "quick-start", "--json"])
    assert outputs.main() == 0
    assert capsys.readouterr().out == '{\n  "A": "https://sqs.test/a",\n  "BUrl": "local b"\n}\n'


@pytest.mark.parametrize(("module", "arguments"), COMMANDS)
def test_a_command_runs_for_the_stack_in_the_region_and_returns_its_exit_code(
    monkeypatch: pytest.MonkeyPatch, module: str, arguments: list[str]
) -> None:
    started: list[tuple[str, str | None]] = []

    def run(_: object, stack: str, region: str | None) -> int:
        started.append((stack, region))
        return 7

    command = importlib.import_module(module)
    monkeypatch.setattr(command, "run_command", run)
    monkeypatch.setattr(signal, "signal", lambda *_: None)
    monkeypatch.setattr(sys, "argv", ["command", *arguments, "--region", "eu-west-1"])
    assert command.main() == 7
    assert started == [("quick-start" if arguments else "", "eu-west-1")]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--since", "soon"], "SINCE: 'soon' is not a valid period"),
        (["--until", "soon"], "argument --until: invalid int value: 'soon'"),
        (["--other"], "unrecognized arguments: --other"),
    ],
)
def test_a_wrong_argument_is_told_by_the_name_that_make_has_for_it(
    capsys: pytest.CaptureFixture[str], arguments: list[str], words: str
) -> None:
    parser = MakeParser("make x [SINCE=1h]", "What it does.\n\nMore.", {"--since": "SINCE"})
    parser.add_argument("--since", type=period)
    parser.add_argument("--until", type=int)
    with pytest.raises(SystemExit) as ended:
        parser.parse_args(arguments)
    assert ended.value.code == 2
    first, second = capsys.readouterr().err.splitlines()
    assert first.startswith(words)
    assert second == "Usage: make x [SINCE=1h]"
    assert parser.description == "What it does."
    assert MakeParser("make y", None).description == ""


def test_two_columns_are_aligned() -> None:
    rows = [("bucket", "a"), ("a long name", "b"), ("", "c")]
    assert list(table(rows, "  ")) == ["  bucket       a", "  a long name  b", "               c"]
    assert list(table([])) == []


@pytest.mark.parametrize(("number", "text"), [(0, "0 sellers"), (1, "1 seller"), (1200, "1,200 sellers")])
def test_a_number_with_its_noun(number: int, text: str) -> None:
    assert counted(number, "seller") == text


class TestDoctor:
    @pytest.mark.parametrize(
        ("answer", "state", "advice"),
        [
            (token_json(), "accepts the credentials", ""),
            (
                INVALID_CLIENT,
                "rejects the client id or the client secret (invalid_client)",
                "then run make rotate-secret: docs/secret-rotation.md#rotate-by-hand",
            ),
            (OTHER, "unauthorized_client", "the application"),
            (THROTTLED, "throttled", "too many requests for tokens: try again in a minute"),
            (Answer(500), "HTTP 500", "LWA client_credentials: HTTP 500"),
            (Answer(reset="before"), "no response", "LWA client_credentials"),
        ],
        ids=["accepted", "refused", "another refusal", "throttled", "fails", "silent"],
    )
    def test_what_login_with_amazon_answers(
        self, server: ScriptedServer, answer: Answer, state: str, advice: str
    ) -> None:
        server.answer("POST", TOKEN_PATH, answer)
        finding = doctor._accepts(stack(server), "Login with Amazon", credentials())
        assert (finding.subject, finding.state) == ("Login with Amazon", state)
        assert advice in finding.advice
        assert bool(finding.advice) == bool(advice)

    @pytest.mark.parametrize(("status", "state"), [(500, "HTTP 500"), (200, "HTTP 200"), (403, "HTTP 403")])
    def test_an_endpoint_that_does_not_answer_as_it_should(
        self, server: ScriptedServer, status: int, state: str
    ) -> None:
        server.answer("POST", "/prod/reports", Answer(status, b"{}"))
        session = boto3.Session("test", "test", region_name="us-east-1")
        url = "https://reports1.execute-api.us-east-1.amazonaws.com/prod/reports"
        found = Stack(
            "quick-start",
            {"ReportsRestApiId": "reports1", "ReportsUrl": url},
            {},
            lambda name: name,
            lambda given: given.replace("https://reports1.execute-api.us-east-1.amazonaws.com", server.url),
            session,
        )
        finding = doctor._endpoint(found, "ReportsRestApi", "POST", "/reports")
        assert (finding.subject, finding.state) == ("POST /reports", state)
        assert finding.advice == (
            "for this check, your credentials need execute-api:Invoke on the stack's APIs"
            if status == 403
            else "the function should return 400 for an empty request: make logs SINCE=1h shows why"
        )

    def test_an_endpoint_that_cannot_be_reached(self) -> None:
        session = boto3.Session("test", "test", region_name="us-east-1")
        given = {
            "ReportsRestApiId": "r1",
            "ReportsUrl": "https://r1.execute-api.us-east-1.amazonaws.com/prod/reports",
        }
        found = Stack("x", given, {}, lambda name: name, lambda _: "http://127.0.0.1:1/reports", session)
        finding = doctor._endpoint(found, "ReportsRestApi", "POST", "/reports")
        advice = "the address cannot be reached from this machine (ConnectionError)"
        assert finding == Finding("POST /reports", "no response", advice)

    @pytest.mark.parametrize("by_consent", [True, False])
    def test_the_connections(self, monkeypatch: pytest.MonkeyPatch, *, by_consent: bool) -> None:
        refused = Connection("A1", "NA", party="seller", reconnect_since="2026-11-25T00:00:00+00:00")
        damaged = DamagedItemError("TOKEN#NA of A2", "KeyError")
        monkeypatch.setattr(doctor, "read_connections", lambda _: ([refused], [damaged]))
        given = {"SellingPartnersTableName": "t", **({"AuthorizationRestApiId": "a"} if by_consent else {})}
        stored, token, unreadable = doctor._connections(stack(**given), lambda: NOW)
        assert (stored.subject, stored.state, stored.advice) == ("connections", "1 stored", "")
        assert token.state.startswith("1 refresh token rejected by Login with Amazon: seller A1 in NA since 2026-11-25")
        assert token.advice.startswith("ask them to press Authorize") is by_consent
        assert unreadable == Finding("connections", "an item of the sellers' table cannot be read", str(damaged))

    @pytest.mark.parametrize(("healthy", "code"), [(True, 0), (False, 1)])
    def test_the_exit_code_says_whether_there_are_problems(
        self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], healthy: bool, code: int
    ) -> None:
        monkeypatch.setattr(sys, "argv", ["doctor", "quick-start", "--region", "eu-west-1"])
        monkeypatch.setattr(doctor, "find_stack", lambda *_: stack())
        monkeypatch.setattr(
            doctor, "examine", lambda *_, **__: iter([Finding("queue", "full", "" if healthy else "look")])
        )
        assert doctor.main() == code
        assert capsys.readouterr().out.startswith("ok" if healthy else "!!")


class Secret:
    """An application's secret with one version. What is written to it is an error here."""

    def in_use(self) -> SecretVersion:
        return SecretVersion("v1", "client", "old secret", issued_at=NOW)


class TestRotateSecret:
    def store(self, monkeypatch: pytest.MonkeyPatch, server: ScriptedServer, expires_at: datetime) -> str:
        monkeypatch.setattr(rotate_secret, "application_secret", lambda _: Secret())
        with pytest.raises(CommandError) as refused:
            rotate_secret.store(stack(server), "new secret", expires_at, NOW)
        return str(refused.value)

    @pytest.mark.parametrize(
        ("answer", "words"),
        [
            (
                INVALID_CLIENT,
                "Login with Amazon does not accept this secret for this application. Nothing was changed. Check that "
                "you copied all of it. A new secret may need more than half an hour before it works: then run this "
                "again.",
            ),
            (OTHER, "Login with Amazon: LWA client_credentials: HTTP 400 unauthorized_client: no"),
            (Answer(500), "Login with Amazon did not answer: LWA client_credentials: HTTP 500"),
        ],
        ids=["refused", "another refusal", "fails"],
    )
    def test_a_secret_that_does_not_work_changes_nothing(
        self, monkeypatch: pytest.MonkeyPatch, server: ScriptedServer, answer: Answer, words: str
    ) -> None:
        server.answer("POST", TOKEN_PATH, answer)
        said = self.store(monkeypatch, server, NOW + SECRET_LIFE)
        assert said.startswith(words)
        assert said.endswith("Nothing was changed.") or answer is INVALID_CLIENT
        assert server.token_requests[0].form["client_secret"] == "new secret"

    @pytest.mark.parametrize(
        ("after", "accepted"),
        [
            (timedelta(0), False),
            (timedelta(seconds=1), True),
            (SECRET_LIFE + timedelta(days=1), True),
            (SECRET_LIFE + timedelta(days=1, seconds=1), False),
        ],
    )
    def test_a_secret_lives_for_180_days(
        self, monkeypatch: pytest.MonkeyPatch, server: ScriptedServer, after: timedelta, accepted: bool
    ) -> None:
        server.answer("POST", TOKEN_PATH, INVALID_CLIENT)
        said = self.store(monkeypatch, server, NOW + after)
        refused = (
            "EXPIRES must be a day from today to 2027-05-25, because a client secret lives for 180 days; it is "
            f"{NOW + after:%Y-%m-%d}. Nothing was changed."
        )
        assert (said == refused) is not accepted
        assert len(server.token_requests) == accepted

    def test_no_secret_is_no_secret(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(rotate_secret, "application_secret", lambda _: Secret())
        with pytest.raises(CommandError, match=r"^No secret was given\. Nothing was changed\.$"):
            rotate_secret.store(stack(), "", NOW + SECRET_LIFE, NOW)


class TestSolicitations:
    @pytest.fixture(autouse=True)
    def work(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def resume(_: Stack, name: str, now: datetime) -> int:
            assert (name, now.tzinfo) == ("kept-table", UTC)
            return 3

        monkeypatch.setattr(solicitations, "find_stack", lambda *_: stack())
        monkeypatch.setattr(solicitations, "resume", resume)
        monkeypatch.setattr(solicitations, "stop", lambda _: 1)

    def run(self, monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
        monkeypatch.setattr(sys, "argv", ["solicitations", *arguments, "--region", "eu-west-1"])
        return solicitations.main()

    def test_stop_says_what_to_do_next(
        self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert self.run(monkeypatch, "stop", "quick-start") == 0
        assert capsys.readouterr().out.splitlines() == [
            "1 execution stopped. None is running now.",
            "Update the stack with SolicitationsEnabled=No at once. While the update runs, you can repeat this command",
            "for orders that have become due meanwhile. To continue instead:",
            "  make redrive-executions STACK=quick-start ARGS=--aborted",
        ]

    def test_resume_counts_the_orders(
        self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert self.run(monkeypatch, "resume", "quick-start", "kept-table") == 0
        assert capsys.readouterr().out == "3 orders sent to the orders queue.\n"

    def test_resume_needs_the_table(self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        with pytest.raises(SystemExit) as ended:
            self.run(monkeypatch, "resume", "quick-start")
        assert ended.value.code == 2
        words = "resume needs the name of the retained table: make resume-solicitations STACK=... TABLE=..."
        assert words in capsys.readouterr().err


def test_deploy_hands_over_environment_and_parameters(monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[Any] = []

    def deployed(session: boto3.Session, environment: str, arguments: list[str]) -> int:
        given.extend([session.region_name, environment, arguments])
        return 5

    monkeypatch.setattr(deploy, "deploy", deployed)
    argv = ["deploy", "--env", "dev", "--region", "eu-west-1", "--parameters", "A=1 B='two words'"]
    monkeypatch.setattr(sys, "argv", argv)
    assert deploy.main() == 5
    assert given == ["eu-west-1", "dev", ["A=1", "B=two words"]]
