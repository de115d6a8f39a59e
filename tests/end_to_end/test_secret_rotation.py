"""Rotation of the client secret, on a stack of its own: the other tests keep the secret that they know."""

import json
import os
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest

from deployment import REPOSITORY, Deployment, aws, confirm_subscriptions, deploy, publish_templates, stack_parameters
from operations.client_secret import age, read_client_secret, rotation
from operations.command import CommandError
from operations.rotate_secret import store
from operations.stack import find_stack
from quickstart.application_secret import secret_string
from quickstart.secret_rotation.messages import NewSecret, read_message
from quickstart.secret_rotation.versions import SecretChangedError
from servers import Servers
from simulator import CLIENT_ID, CLIENT_SECRET
from tests.end_to_end.conftest import SIMULATOR, started_servers
from tests.end_to_end.host import HostProduct, as_sp_api, changed_function, eventually, logs_of, new_seller
from tests.end_to_end.operator_commands import command_of, operator_environment
from tests.end_to_end.secret_kills import CASES, killed_after, prepared
from tests.end_to_end.secret_life import APPLICATION, DAY, Life, new_secret_message


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    with started_servers(tmp_path_factory.mktemp("servers"), *SIMULATOR) as running:
        yield running


@pytest.fixture(scope="module")
def template_url(servers: Servers) -> str:
    return publish_templates(servers)


@pytest.fixture(scope="module")
def deployment(servers: Servers, template_url: str) -> Deployment:
    deployment = deploy(servers, "rotation", template_url, stack_parameters(servers))
    confirm_subscriptions(deployment)
    return deployment


@pytest.fixture(scope="module")
def host(deployment: Deployment) -> HostProduct:
    return HostProduct.of(deployment)


@pytest.fixture
def life(deployment: Deployment, host: HostProduct) -> Life:
    life = Life(deployment, host)
    life.register()
    life.control("PUT", APPLICATION, {"secretDelaySeconds": 0, "secretMessage": {"copies": 1}})
    life.control("DELETE", "faults")
    life.new_secret()
    life.control("DELETE", "requests")
    return life


@pytest.fixture
def forgetful(life: Life) -> Life:
    """No function remembers a secret of an earlier test, which Login with Amazon would refuse."""
    life.five_minutes_pass()
    return life


def test_the_daily_run_rotates_thirty_days_before_the_end(forgetful: Life) -> None:
    life = forgetful
    life.register(warnings=False)
    life.check()
    before = life.in_use()
    assert before.managed
    life.pass_time(148 * DAY + 3600)
    life.check()
    secrets = len(life.secrets())
    life.pass_day()
    assert len(life.secrets()) == secrets + 1
    assert life.in_use().client_secret != before.client_secret
    assert life.record().message_at is not None
    life.pass_day()
    assert len(life.secrets()) == secrets + 1
    assert life.wrong_secrets() == []
    # The old secret ends after seven days, and its label goes.
    life.pass_time(7 * DAY)
    life.pass_day()
    assert life.secret().version("AWSPREVIOUS") is None
    assert [secret["works"] for secret in life.secrets()][-2:] == [False, True]


def test_a_warning_rotates_at_once_and_once(life: Life) -> None:
    life.check()
    before, secrets = life.in_use(), len(life.secrets())
    life.control("POST", f"{APPLICATION}/expiry-notice")
    life.control("POST", f"{APPLICATION}/expiry-notice")
    eventually(lambda: True if life.in_use().client_secret != before.client_secret else None)
    life.settle()
    assert len(life.secrets()) == secrets + 1


def test_a_warning_is_not_forgotten_when_its_rotation_fails(life: Life) -> None:
    life.check()
    secrets = len(life.secrets())
    life.control("POST", "faults", {"fault": "status", "status": 403, "operation": "rotateApplicationClientSecret"})
    life.control("POST", f"{APPLICATION}/expiry-notice")
    eventually(lambda: True if life.record().outcome == "REFUSED" else None)
    assert len(life.secrets()) == secrets
    life.pass_day()
    assert len(life.secrets()) == secrets + 1
    life.pass_day()
    assert len(life.secrets()) == secrets + 1


def test_a_new_secret_that_starts_late_is_used_once_it_works(life: Life) -> None:
    life.control("PUT", APPLICATION, {"secretDelaySeconds": 3600})
    life.check()
    before = life.in_use()
    life.control("POST", f"{APPLICATION}/expiry-notice")
    pending = eventually(lambda: life.secret().version("AWSPENDING"))
    assert life.in_use() == before
    assert life.record().pending_since is not None
    life.pass_time(3601)
    eventually(lambda: True if life.in_use().client_secret == pending.client_secret else None)
    life.settle()
    assert life.secret().version("AWSPENDING") is None
    assert life.record().pending_since is None
    previous = life.secret().version("AWSPREVIOUS")
    assert previous is not None
    assert previous.client_secret == before.client_secret


def test_a_stack_update_brings_no_older_secret_back(life: Life, deployment: Deployment, template_url: str) -> None:
    """What an update with another ClientSecret writes, and what its rollback writes, is not used."""
    life.check()
    made = life.control("POST", f"{APPLICATION}/rotate-secret", {"announce": True})
    used = eventually(lambda: found if (found := life.in_use()).client_secret == made["clientSecret"] else None)
    life.settle()
    servers = deployment.servers
    for secret in ("amzn1.oa2-cs.v1.given-in-an-update-that-fails", CLIENT_SECRET):
        parameters = stack_parameters(servers, ClientSecret=secret)
        deploy(servers, deployment.stack_name, template_url, parameters)
        written = life.secret().version("AWSCURRENT")
        assert written is not None
        assert written.client_secret == secret
        assert life.in_use() == used
        life.check()
        assert life.in_use() == used


def test_warm_functions_fall_back_to_the_previous_secret_and_say_so(forgetful: Life, host: HostProduct) -> None:
    """The secret in use is refused: what is left works, and the metric of the alarm is in the log."""
    life = forgetful
    seller = new_seller(life.deployment.servers, "A1FALLBACK0001")
    host.store_token(seller)
    life.check()
    used = life.in_use()
    life.control("POST", f"{APPLICATION}/rotate-secret", {"announce": True})
    eventually(lambda: True if life.in_use().client_secret != used.client_secret else None)
    life.settle()
    secret, client = life.secret(), life.secret().client
    broken = replace(life.in_use(), client_secret="amzn1.oa2-cs.v1.broken-by-hand")
    client.put_secret_value(SecretId=secret.arn, SecretString=secret_string(broken))
    life.control("DELETE", "requests")
    host.create_report(seller)
    assert "getAccessToken: invalid_client" in life.wrong_secrets()
    log = logs_of(life.deployment, "SPAPIReportCreator")
    assert '"ClientSecretRefused"' in log
    assert broken.client_secret not in log


def test_a_secret_of_another_application_is_kept(life: Life, deployment: Deployment) -> None:
    life.check()
    before = life.in_use()
    body = json.dumps(new_secret_message("amzn1.application-oa2-client.another", "amzn1.oa2-cs.v1.foreign-secret-1"))
    as_sp_api(deployment.servers).send_message(QueueUrl=life.queue_url(), MessageBody=body)
    dead_letters = deployment.outputs["SecretDeadLetterQueueUrl"]

    def dead_letter() -> str | None:
        received = aws(deployment.servers, "sqs").receive_message(QueueUrl=dead_letters, VisibilityTimeout=0)
        return next((message["Body"] for message in received.get("Messages", [])), None)

    assert eventually(dead_letter) == body
    assert life.in_use() == before
    assert "amzn1.oa2-cs.v1.foreign-secret-1" not in logs_of(deployment, "SPAPISecretReceiver")


def doctors_words(life: Life) -> str:
    """What make doctor says of the secret, on the simulator's clock."""
    stack = find_stack(life.deployment.stack_name, emulated_session(life), life.deployment.servers.aws_endpoint)
    secret, now = read_client_secret(stack), life.now()
    return "\n".join(" -> ".join(line) for line in (age(secret, now), *rotation(secret, now)))


def emulated_session(life: Life) -> boto3.Session:
    return boto3.Session(
        aws_access_key_id="test", aws_secret_access_key="test", region_name=life.deployment.servers.region
    )


FAULTS: dict[str, tuple[dict[str, object], str, int]] = {
    "lost answer": ({"fault": "lose"}, "last new secret in use", 1),
    "unavailable": ({"fault": "status", "status": 503}, "the new secret should come within seconds", 0),
    "throttled": ({"fault": "status", "status": 429}, "failed on", 0),
    "denied": ({"fault": "status", "status": 403, "code": "Unauthorized", "message": "denied"}, "failed on", 0),
    "reset": ({"fault": "reset"}, "the new secret should come within seconds", 0),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_request_that_fails(forgetful: Life, name: str) -> None:
    """One fault of the call: the next daily run gets a new secret, and a lost answer is not repeated before that."""
    life = forgetful
    fault, words, secrets = FAULTS[name]
    life.make_due()
    before = len(life.secrets())
    life.control("POST", "faults", {"operation": "rotateApplicationClientSecret", "count": 1, **fault})
    life.check()
    life.check()
    if secrets:
        life.settle()
    elif name in ("throttled", "denied"):
        # The answer says that nothing was rotated, so the second run asked again.
        life.settle()
        assert len(life.secrets()) == before + 1
        return
    assert words in doctors_words(life)
    assert len(life.secrets()) == before + secrets
    assert life.works()
    life.pass_day()
    assert len(life.secrets()) == before + 1
    assert life.wrong_secrets() == []


def test_a_queue_that_is_not_registered(life: Life) -> None:
    life.make_due()
    before = len(life.secrets())
    life.control("PUT", APPLICATION, {"rotationQueueArn": ""})
    life.check()
    assert len(life.secrets()) == before
    assert "the queue is not registered -> register the queue in the output SecretQueueArn" in doctors_words(life)
    life.register()
    life.pass_day()
    assert len(life.secrets()) == before + 1
    assert "last new secret in use" in doctors_words(life)


def test_messages_that_do_not_come_end_in_advice_and_not_in_more_secrets(life: Life) -> None:
    life.make_due()
    before = len(life.secrets())
    life.control("PUT", APPLICATION, {"secretMessage": {"copies": 0}})
    for requested in (1, 2, 2):
        life.check()
        assert len(life.secrets()) == before + requested
        assert life.works()
        life.pass_time(DAY)
    assert "requested 2 times, and no new secret has come -> rotate it in the developer console" in doctors_words(life)
    shown = life.control("POST", f"{APPLICATION}/rotate-secret")["clientSecret"]
    stack = find_stack(life.deployment.stack_name, emulated_session(life), life.deployment.servers.aws_endpoint)
    now = life.now()
    assert store(stack, shown, now + timedelta(days=180), now) == (
        f"The new secret is in use. It ends on {now + timedelta(days=180):%Y-%m-%d}. The old one is kept as a reserve "
        f"until {now + timedelta(days=7):%Y-%m-%d}, when it ends."
    )
    assert life.in_use().client_secret == shown
    assert store(stack, shown, now + timedelta(days=180), now) == "This secret is already in use."
    for secret, days in (("amzn1.oa2-cs.v1.mistyped-secret-1", 180), (shown, -1), (shown, 200)):
        with pytest.raises(CommandError, match="Nothing was changed"):
            store(stack, secret, now + timedelta(days=days), now)
    assert life.in_use().client_secret == shown


def test_make_rotate_secret(life: Life) -> None:
    """As documented: the secret comes from a file descriptor, never from an argument, and never leaves in a line."""
    made = life.control("POST", f"{APPLICATION}/rotate-secret")
    before = life.in_use()

    def run(secret: str, *variables: str) -> subprocess.CompletedProcess[str]:
        command, environment = command_of(
            "rotate-secret",
            f"STACK={life.deployment.stack_name}",
            f"REGION={life.deployment.servers.region}",
            *variables,
        )
        reading, writing = os.pipe()
        os.write(writing, f"{secret}\n".encode())
        os.close(writing)
        try:
            return subprocess.run(
                [argument.replace("3", str(reading)) if argument == "3" else argument for argument in command],
                env=operator_environment(life.deployment.servers) | environment,
                cwd=REPOSITORY,
                pass_fds=[reading],
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                check=False,
            )
        finally:
            os.close(reading)

    refused = run("amzn1.oa2-cs.v1.mistyped-secret-1", "FD=3")
    assert (refused.returncode, "Nothing was changed" in refused.stderr) == (1, True)
    assert "mistyped" not in refused.stdout + refused.stderr
    without_terminal = run(made["clientSecret"])
    assert (without_terminal.returncode, without_terminal.stdout) == (1, "")
    assert "Run this in a terminal" in without_terminal.stderr
    assert run(made["clientSecret"], "FD=3", "EXPIRES=tomorrow").returncode == 1
    assert life.in_use() == before
    # The command lives on the real clock.
    expires = f"{datetime.now(UTC) + timedelta(days=179):%Y-%m-%d}"
    stored = run(made["clientSecret"], "FD=3", f"EXPIRES={expires}")
    assert stored.returncode == 0, stored.stderr
    assert stored.stdout.startswith(f"The new secret is in use. It ends on {expires}. The old one is kept")
    assert made["clientSecret"] not in stored.stdout + stored.stderr
    assert life.in_use().client_secret == made["clientSecret"]
    assert life.record().outcome == "IN_USE"


def test_messages_that_come_twice_and_in_the_wrong_order(life: Life) -> None:
    life.check()
    life.control("PUT", APPLICATION, {"secretMessage": {"copies": 2, "hold": True}})
    older = life.control("POST", f"{APPLICATION}/rotate-secret", {"announce": True})
    life.pass_time(3600)
    newer = life.control("POST", f"{APPLICATION}/rotate-secret", {"announce": True})
    assert older != newer
    life.control("POST", "notifications/release", {"order": "reversed"})
    eventually(lambda: True if life.in_use().client_secret == newer["clientSecret"] else None)
    life.settle()
    assert life.in_use().client_secret == newer["clientSecret"]
    assert life.works()


def with_end(life: Life, expires_at: datetime | None) -> None:
    """The secret in use has this date as its end, which an operator entered; the secret before it is gone."""
    life.check()
    life.pass_time(8 * DAY)
    secret, used = life.secret(), life.in_use()
    dated = replace(used, version_id="", expires_at=expires_at, previous_expires_at=None)
    secret.client.put_secret_value(SecretId=secret.arn, SecretString=secret_string(dated))


def test_a_wrong_date_loses_no_new_secret(life: Life) -> None:
    """The new one is used although it seems to end before the one that an operator entered."""
    with_end(life, life.now() + timedelta(days=400))
    made = life.control("POST", f"{APPLICATION}/rotate-secret", {"announce": True})
    assert eventually(lambda: True if life.in_use().client_secret == made["clientSecret"] else None)


def test_amazons_warning_counts_more_than_a_date(life: Life) -> None:
    with_end(life, life.now() + timedelta(days=400))
    secrets = len(life.secrets())
    life.control("PUT", APPLICATION, {"rotationQueueArn": ""})
    life.control("POST", f"{APPLICATION}/expiry-notice")
    eventually(lambda: True if life.record().outcome == "NOT_ENROLLED" else None)
    ends = life.record().notice_expires_at
    assert ends is not None
    assert f"expires in {(ends - life.now()).days} days" in doctors_words(life)
    life.register()
    life.pass_day()
    assert len(life.secrets()) == secrets + 1
    life.pass_day()
    assert len(life.secrets()) == secrets + 1


def test_the_date_may_be_given_after_the_first_daily_run(life: Life, deployment: Deployment) -> None:
    with_end(life, None)
    life.check()
    assert "expires in at most" in doctors_words(life)
    given = life.now() + timedelta(days=40)
    with changed_function(deployment, "SPAPISecretRotator", Environment={"CLIENT_SECRET_EXPIRES": f"{given:%Y-%m-%d}"}):
        life.check()
    assert f"{life.record().expires_at:%Y-%m-%d}" == f"{given:%Y-%m-%d}"


@dataclass
class Interrupted:
    """A client of AWS; something else happens before the first of its calls with this name."""

    client: Any
    name: str
    event: Callable[[], None]
    done: list[str]

    def __getattr__(self, name: str) -> Any:
        if name == self.name and not self.done:
            self.done.append(name)
            self.event()
        return getattr(self.client, name)


@pytest.mark.parametrize("call", ["get_secret_value", "describe_secret", "update_item"])
def test_a_rotation_that_ends_during_a_daily_run_is_not_followed_by_another(life: Life, call: str) -> None:
    life.make_due()
    before = len(life.secrets())

    def rotate() -> None:
        life.check()
        life.settle()

    done: list[str] = []
    life.rotator(lambda client: Interrupted(client, call, rotate, done)).check(life.now())
    assert done
    life.settle()
    assert len(life.secrets()) == before + 1


@pytest.mark.parametrize("follows", ["daily run", "repeated message"])
def test_an_older_secret_does_not_replace_a_newer_one(life: Life, follows: str) -> None:
    """The older one is stored when the newer one is in use already, because its process was slow."""
    life.check()
    older = announced(life)
    life.pass_time(3600)
    newer = announced(life)

    def use_newer() -> None:
        life.replacement(lambda client: client).receive(newer, life.now())

    done: list[str] = []
    with pytest.raises(SecretChangedError):
        life.replacement(lambda client: Interrupted(client, "put_secret_value", use_newer, done)).receive(
            older, life.now()
        )
    pending = life.secret().version("AWSPENDING")
    assert pending is not None
    assert pending.client_secret == older.client_secret
    if follows == "daily run":
        life.check()
    else:
        life.replacement(lambda client: client).receive(older, life.now())
    assert life.in_use().client_secret == newer.client_secret
    assert life.secret().version("AWSPENDING") is None
    assert (life.record().outcome, life.record().pending_since) == ("IN_USE", None)


def announced(life: Life) -> NewSecret:
    """A new secret's message, which did not go to the queue."""
    made = life.control("POST", f"{APPLICATION}/rotate-secret")
    sent = new_secret_message(CLIENT_ID, made["clientSecret"], made["expires"], made["oldSecretExpires"])
    message = read_message(json.dumps(sent | {"eventTime": life.now().isoformat()}))
    assert isinstance(message, NewSecret)
    return message


@pytest.mark.parametrize(
    ("name", "step", "call"),
    [
        ("new secret", 6, "UpdateSecretVersionStage"),
        # Nothing but the next daily run can complete it: there is no message any more.
        ("daily run, stored secret", 3, "UpdateSecretVersionStage"),
    ],
)
def test_a_function_that_is_killed(life: Life, name: str, step: int, call: str) -> None:
    """Two kills of make secret-kills."""
    case = next(case for case in CASES if case.name == name)
    with prepared(life, case) as proxy:
        assert killed_after(life, proxy, case, step) == call


def test_the_life_of_a_secret(forgetful: Life) -> None:
    """make secret-life in short: a rotation after 150 days, with reports and reviews going on around it."""
    life = forgetful
    life.register(warnings=False)
    made = life.control("POST", f"{APPLICATION}/rotate-secret", {"announce": True})
    eventually(lambda: True if life.in_use().client_secret == made["clientSecret"] else None, "the new secret")
    life.settle()
    seller = life.seller("A1LIFE00000001")
    life.pass_time(147 * DAY)
    life.live([seller], days=1, work_every=1)
    assert life.done["rotations"] == 0
    assert life.done["calls rejected for a wrong secret"] == 0
    # The functions that worked yesterday remember the old secret.
    life.live([seller], days=1, work_every=2)
    assert life.done["rotations"] == 1
    assert life.done["calls rejected for a wrong secret"] == 0
    # The old secret has ended.
    life.pass_time(7 * DAY)
    life.live([seller], days=1, work_every=1)
    assert life.done["rotations"] == 1
    assert life.done["reports delivered"] == life.done["reviews requested"] == 3
    assert life.done["calls rejected for a wrong secret"] == 0
