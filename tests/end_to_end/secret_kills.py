"""Kills of the secret rotation's functions: `python -m tests.end_to_end.secret_kills` (make secret-kills).

Each case is one fault that a rotation can meet. It is repeated with a kill after its first call that changes something,
after its second, and so on. After each kill, a stored secret works and `make doctor` explains the state. The rotation
is then completed without help. The exit status is 1 when a case fails.
"""

import argparse
import json
import re
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from deployment import REPOSITORY, aws, confirm_subscriptions, deploy, publish_templates, stack_parameters
from operations.doctor import examine_client_secret, examine_dead_letters
from operations.findings import Finding
from servers import running_servers
from simulator import application_arguments
from tests.end_to_end.host import HostProduct, as_sp_api, eventually, function_of, logs_of
from tests.end_to_end.killing_proxy import KillingProxy, killing_proxy
from tests.end_to_end.operator_commands import local_stack
from tests.end_to_end.secret_life import APPLICATION, DAY, Life, new_secret_message

RECEIVER, ROTATOR = "SPAPISecretReceiver", "SPAPISecretRotator"
VISIBILITY_SECONDS = 2
# What the receiver logs of a secret that LWA does not accept yet.
REFUSED = "SecretNotYetValidError"
FOREIGN = "amzn1.application-oa2-client.foreign"
FOREIGN_SECRET = "amzn1.oa2-cs.v1.of-another-application"
# A new secret is in use, and nothing is to be done.
DONE = r"last new secret in use since \d{4}-\d\d-\d\d$"


@dataclass(frozen=True)
class Case:
    """One fault.

    `prepare` comes before it; `begin` makes the function run; `heal` removes the cause of the fault before a message
    comes again; `recover` is what completes the rotation after that, such as the next daily run.

    `between` are the states that make doctor may show after a kill, `end` the one that it shows at last. `calls` is how
    many calls the first message takes that change something, where the function runs more than once.
    """

    name: str
    function: str
    begin: Callable[[Life], None]
    between: tuple[str, ...]
    end: str
    rotates: bool = True
    calls: int = 0
    prepare: Callable[[Life], None] = lambda _: None
    heal: Callable[[Life], None] = lambda _: None
    recover: Callable[[Life], None] = lambda _: None


def new_secret(life: Life) -> None:
    life.control("POST", f"{APPLICATION}/rotate-secret", {"announce": True})


def late_secret(life: Life) -> None:
    """LWA accepts it after an hour."""
    life.control("PUT", APPLICATION, {"secretDelaySeconds": 3600})
    new_secret(life)


def foreign_secret(life: Life) -> None:
    body = json.dumps(new_secret_message(FOREIGN, FOREIGN_SECRET))
    as_sp_api(life.deployment.servers).send_message(QueueUrl=life.queue_url(), MessageBody=body)


def warning(life: Life) -> None:
    life.control("POST", f"{APPLICATION}/expiry-notice")


def warning_and_lost_answer(life: Life) -> None:
    life.control("POST", "faults", {"operation": "rotateApplicationClientSecret", "fault": "lose"})
    warning(life)


def warning_without_queue(life: Life) -> None:
    """Warnings come, and the row for new secrets is not registered."""
    life.control("PUT", APPLICATION, {"rotationQueueArn": ""})
    warning(life)


def daily_run(life: Life) -> None:
    """Its process may be killed, so nobody reads the answer."""
    function = function_of(life.deployment, ROTATOR)["FunctionName"]
    event = json.dumps({"time": life.now().isoformat()})
    aws(life.deployment.servers, "lambda").invoke(FunctionName=function, Payload=event)


def due_and_answer_lost(life: Life) -> None:
    life.make_due()
    life.control("POST", "faults", {"operation": "rotateApplicationClientSecret", "fault": "lose"})


def due_without_queue(life: Life) -> None:
    life.make_due()
    life.control("PUT", APPLICATION, {"rotationQueueArn": ""})


def waiting_secret(life: Life) -> None:
    """The secret is stored, and its message became a dead letter before LWA accepted it."""
    life.make_due()
    refused = logs_of(life.deployment, RECEIVER).count(REFUSED)
    late_secret(life)
    # The line comes when the function has ended: with an hour gone, it would find that the secret works.
    eventually(lambda: True if logs_of(life.deployment, RECEIVER).count(REFUSED) > refused else None, what=REFUSED)
    aws(life.deployment.servers, "sqs").purge_queue(QueueUrl=life.queue_url())
    life.pass_time(3600)


def old_secret_ended(life: Life) -> None:
    """The next daily run takes its label away."""
    new_secret(life)
    eventually(lambda: life.record().secret_at, what="the new secret in use")
    life.settle()
    life.pass_time(8 * DAY)


def an_hour(life: Life) -> None:
    life.pass_time(3600)


def register(life: Life) -> None:
    life.register()
    life.pass_day()


REQUESTED = "requested on .*"
# Of a warning and of the secret that it brought.
MESSAGE = "[12] messages? about the client secret not processed yet"
UNSENT = "not needed so far"
STORED = "a new client secret is stored and does not work yet"
MOVED = "a new client secret was received; its message or the next daily run completes the rotation"
DEAD_LETTER = (
    r"1 message, sent \d+ minutes? ago: APPLICATION_OAUTH_CLIENT_NEW_SECRET -> "
    "make logs FUNCTION=SPAPISecretReceiver SINCE=14d shows why"
)
WARNED, CHECKED = (MESSAGE, REQUESTED, STORED, DONE), (UNSENT, REQUESTED, STORED, DONE)
NOT_REGISTERED = r"rejected on .*: the queue is not registered"
CASES = (
    Case("new secret", RECEIVER, new_secret, (MESSAGE, STORED, DONE), DONE),
    Case("new secret, accepted an hour later", RECEIVER, late_secret, (MESSAGE, STORED), DONE, calls=5, heal=an_hour),
    Case("secret of another application", RECEIVER, foreign_secret, (MESSAGE,), DEAD_LETTER, rotates=False, calls=1),
    Case("warning", RECEIVER, warning, WARNED, DONE, calls=6, recover=Life.pass_day),
    Case("warning, answer lost", RECEIVER, warning_and_lost_answer, WARNED, DONE, calls=6, recover=Life.pass_day),
    Case("warning, not enrolled", RECEIVER, warning_without_queue, (MESSAGE, NOT_REGISTERED), DONE, recover=register),
    Case("daily run", ROTATOR, daily_run, CHECKED, DONE, prepare=Life.make_due, recover=Life.pass_day),
    Case(
        "daily run, answer lost", ROTATOR, daily_run, CHECKED, DONE, prepare=due_and_answer_lost, recover=Life.pass_day
    ),
    Case(
        "daily run, not enrolled",
        ROTATOR,
        daily_run,
        (UNSENT, REQUESTED, NOT_REGISTERED),
        DONE,
        prepare=due_without_queue,
        recover=register,
    ),
    Case(
        "daily run, stored secret",
        ROTATOR,
        daily_run,
        (STORED, MOVED, DONE),
        DONE,
        prepare=waiting_secret,
        recover=Life.pass_day,
    ),
    Case(
        "daily run, old secret ended",
        ROTATOR,
        daily_run,
        (DONE,),
        DONE,
        rotates=False,
        prepare=old_secret_ended,
        recover=Life.pass_day,
    ),
)


@contextmanager
def one_message_at_a_time(life: Life) -> Iterator[None]:
    """Two seconds after a message was received, it comes again once its process has ended; on AWS after six minutes.

    With so short a time, a second process would take the message of a slow one. So there is one process.
    """
    sqs, functions = (aws(life.deployment.servers, service) for service in ("sqs", "lambda"))
    url, name = life.queue_url(), function_of(life.deployment, RECEIVER)["FunctionName"]
    attributes = ["VisibilityTimeout"]
    before = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=attributes)["Attributes"]
    sqs.set_queue_attributes(QueueUrl=url, Attributes=dict.fromkeys(attributes, str(VISIBILITY_SECONDS)))
    functions.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=1)
    try:
        yield
    finally:
        functions.delete_function_concurrency(FunctionName=name)
        sqs.set_queue_attributes(QueueUrl=url, Attributes=before)


def shown(life: Life) -> list[Finding]:
    """What make doctor says of the secret, on the simulator's clock."""
    stack = local_stack(life.deployment.servers, life.deployment.stack_name)
    return [*examine_client_secret(stack, life.now), examine_dead_letters(stack, "SecretDeadLetterQueueUrl")]


def explained(findings: list[Finding], *patterns: str) -> bool:
    lines = [f"{finding.state} -> {finding.advice}".removesuffix(" -> ") for finding in findings]
    return any(re.match(pattern, line) for pattern in patterns for line in lines)


def kill_after_each_call(life: Life, case: Case) -> list[str]:
    """The calls that the function was killed after, in order. Raises AssertionError."""
    kills: list[str] = []
    with prepared(life, case) as proxy:
        while killed := killed_after(life, proxy, case, len(kills) + 1):
            kills.append(killed)
            if len(kills) == case.calls:
                break
    assert len(kills) >= max(case.calls, 1), f"{case.name} ended after {kills}"
    return kills


@contextmanager
def prepared(life: Life, case: Case) -> Iterator[KillingProxy]:
    """The case's function can be killed while this runs."""
    receives = case.function == RECEIVER
    with (
        one_message_at_a_time(life) if receives else nullcontext(),
        killing_proxy(life.deployment, case.function) as proxy,
    ):
        yield proxy
    sqs = aws(life.deployment.servers, "sqs")
    sqs.purge_queue(QueueUrl=life.deployment.outputs["SecretDeadLetterQueueUrl"])
    assert FOREIGN_SECRET not in logs_of(life.deployment, case.function)


def killed_after(life: Life, proxy: KillingProxy, case: Case, step: int) -> str:
    """Lets the case happen, with a kill after so many calls; returns the call, empty if the function made fewer."""
    start(life)
    case.prepare(life)
    # The calls are the same in each step: no process remembers an access token, or a secret of the step before.
    life.five_minutes_pass()
    before = life.in_use()
    proxy.arm(step)
    case.begin(life)
    eventually(lambda: True if proxy.killed or (proxy.calls and idle(life)) else None, "a kill or an end")
    killed = proxy.killed
    if killed:
        if case.function != RECEIVER:
            # Its requests may have brought a secret, which the other function receives.
            eventually(lambda: True if idle(life) else None, "the end of the receiver")
        # A killed receiver does not run again until the proxy is released.
        assert life.works()
        found = shown(life)
        assert explained(found, *case.between), (step, killed, found)
    case.heal(life)
    proxy.arm(0)
    eventually(lambda: True if idle(life) else None, f"the end of {case.name}")
    case.recover(life)
    assert life.works()
    found = shown(life)
    assert explained(found, case.end), (step, killed, found)
    assert not any(finding.subject == "SecretQueue" and finding.advice for finding in found)
    if case.rotates:
        used = life.in_use()
        assert used.client_secret != before.client_secret, (step, killed)
        assert life.accepts(used.client_secret)
        assert life.secret().version("AWSPENDING") is None, (step, killed)
        assert life.record().pending_since is None, (step, killed)
    return killed


def idle(life: Life) -> bool:
    """Whether the receiver has processed every message."""
    return life.waiting() == 0


def start(life: Life) -> None:
    """Nothing is left of an earlier case: a message, a fault, a stored secret or a record."""
    life.control("DELETE", "faults")
    life.register()
    life.control("PUT", APPLICATION, {"secretDelaySeconds": 0, "secretMessage": {"copies": 1}})
    life.new_secret()
    life.check()
    assert life.secret().version("AWSPENDING") is None


def summary(kills: list[str]) -> str:
    """The calls in order, equal neighbours counted. The name of an HTTP call is the last part of its path."""
    groups = [(name.rpartition("/")[2], len(list(group))) for name, group in groupby(kills)]
    return ", ".join(f"{name} ({number} times)" if number > 1 else name for name, number in groups)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--case", default="", help="only the cases whose name contains this")
    options = parser.parse_args()
    cases = [case for case in CASES if options.case in case.name]
    if not cases:
        parser.error(f"no case has {options.case} in its name")
    results: Counter[str] = Counter()
    with (
        tempfile.TemporaryDirectory(prefix="secret-kills-") as folder,
        running_servers(
            Path(folder),
            emulator_python=REPOSITORY / ".venv-emulator" / "bin" / "python",
            function_python=REPOSITORY / ".venv-functions" / "bin" / "python",
            simulator_arguments=[*application_arguments(), "--rate-limit-scale", "0"],
        ) as servers,
    ):
        deployment = deploy(servers, "secret-kills", publish_templates(servers), stack_parameters(servers))
        confirm_subscriptions(deployment)
        life = Life(deployment, HostProduct.of(deployment))
        print("| function | case | killed after | result |\n|---|---|---|---|", flush=True)
        for case in cases:
            kills, problem = [], ""
            try:
                kills = kill_after_each_call(life, case)
            except AssertionError as error:
                problem = " ".join(str(error).split())
            results["kills"] += len(kills)
            results["failed"] += bool(problem)
            result = problem or ("new secret in use" if case.rotates else "secret kept")
            print(f"| `{case.function}` | {case.name} | {summary(kills)} | {result} |", flush=True)
    print(f"\n{len(cases)} cases, {results['kills']} kills, {results['failed']} failed")
    return 1 if results["failed"] else 0


if __name__ == "__main__":
    sys.exit(main())
