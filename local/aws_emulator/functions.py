"""Lambda."""

from __future__ import annotations

import hashlib
import io
import json
import os
import queue
import shutil
import subprocess
import tempfile
import threading
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from ministack.core import lambda_runtime
from ministack.services import cloudwatch_logs, lambda_svc, sqs

from aws_emulator.function_processes import PreparedInterpreters, can_copy
from aws_emulator.patching import replace_once, wrap

CONCURRENT_INVOCATIONS = 8
END_OF_INVOCATION = "\x1dend of invocation"
# The emulator's environment variables that a function's process inherits: search paths and the folder for temporary
# files.
INHERITED = ("PATH", "LD_LIBRARY_PATH", "TMPDIR")
OF_EVERY_FUNCTION = {"LANG": "en_US.UTF-8", "TZ": ":UTC"}


@dataclass(frozen=True)
class HandlerError:
    """An exception that a handler raised: Lambda's errorType, errorMessage, requestId and stackTrace."""

    payload: dict[str, Any]


def handler_exceptions_keep_their_type() -> None:
    """Lambda reports the class of a handler's exception as errorType, which Step Functions' Retry and Catch match, and
    keeps the process; ministack reports Runtime.HandlerError for every exception and ends the process."""
    lambda_runtime._PYTHON_WORKER_SCRIPT = replace_once(
        lambda_runtime._PYTHON_WORKER_SCRIPT,
        '{"status": "error", "error": str(e), "trace": traceback.format_exc()}',
        '{"status": "ok", "handler_error": {"errorMessage": str(e), "errorType": type(e).__name__,'
        ' "requestId": context.aws_request_id, "stackTrace": traceback.format_tb(e.__traceback__)[1:]}}',
    )

    @wrap(lambda_runtime.Worker, "invoke", "96751a754710")
    def invoke(original: Any, worker: Any, *arguments: Any, **options: Any) -> dict[str, Any]:
        response: dict[str, Any] = original(worker, *arguments, **options)
        if "handler_error" in response:
            response["result"] = HandlerError(response.pop("handler_error"))
        return response

    @wrap(lambda_svc, "_execute_function_warm", "62b9218bef5b")
    def execute(original: Any, *arguments: Any) -> Any:
        outcome = original(*arguments)
        raised = outcome.get("body")
        if not isinstance(raised, HandlerError):
            return outcome
        error = raised.payload
        report = f"[ERROR] {error['errorType']}: {error['errorMessage']}\nTraceback (most recent call last):\n"
        return {
            "body": error,
            "error": True,
            "log": "\n".join(filter(None, [outcome.get("log"), report + "".join(error["stackTrace"])])),
        }


def dead_process_is_an_exit_error() -> None:
    """A function's process that exits during an invocation is Runtime.ExitError; ministack reports
    Runtime.HandlerError."""
    ends = ("Worker process died", "Worker returned no response")

    @wrap(lambda_svc, "_execute_function_warm", "62b9218bef5b")
    def execute(original: Any, function: dict[str, Any], event: Any, request_id: str) -> Any:
        outcome = original(function, event, request_id)
        body = outcome.get("body")
        if outcome.get("error") and isinstance(body, dict) and body.get("errorMessage") in ends:
            outcome["body"] = {
                "errorType": "Runtime.ExitError",
                "errorMessage": f"RequestId: {request_id} Error: Runtime exited with error: exit status 1",
            }
        return outcome


def a_process_that_dies_ends_no_other() -> None:
    """A function's process that dies ends its own invocation. When ministack cannot send an invocation to a process,
    or cannot start one, it ends all processes of that function, and each of these ends the others again."""

    @wrap(lambda_runtime.Worker, "invoke", "96751a754710")
    def invoke(original: Any, worker: Any, *arguments: Any, **options: Any) -> dict[str, Any]:
        try:
            response: dict[str, Any] = original(worker, *arguments, **options)
        except (OSError, RuntimeError):
            # The next invocation starts another process.
            worker.kill()
            return {"status": "error", "error": "Worker process died", "log": ""}
        return response


def concurrent_invocations_share_few_processes() -> None:
    """Lambda scales with concurrent invocations; ministack starts a process for each, and a burst overloads this
    machine. Here at most eight run and the others wait. (A function that invokes another one and waits for it would
    take two of the eight; this project has none.)"""
    slots = threading.BoundedSemaphore(CONCURRENT_INVOCATIONS)

    @wrap(lambda_svc, "_execute_function_warm", "62b9218bef5b")
    def execute(original: Any, *arguments: Any) -> Any:
        with slots:
            return original(*arguments)


def logs_end_with_their_invocation() -> None:
    """A handler's output is logged with its invocation; ministack waits 50 ms for a first line after every invocation
    and logs later lines with the next one. Here the process marks the end of each invocation's output."""
    lambda_runtime._PYTHON_WORKER_SCRIPT = replace_once(
        lambda_runtime._PYTHON_WORKER_SCRIPT,
        "        _real_stdout.flush()\n\nrun()\n",
        f"        sys.stderr.write({END_OF_INVOCATION + chr(10)!r})\n"
        "        sys.stderr.flush()\n"
        "        _real_stdout.flush()\n\nrun()\n",
    )

    @wrap(lambda_runtime.Worker, "_drain_stderr_bounded", "3fd7cc742872")
    def drain(_original: Any, worker: Any, **_waits: float) -> str:
        if worker._proc is None:  # the process has ended, and so has its output
            worker._stderr_thread.join(timeout=1)
            return str(worker._drain_stderr())
        lines: list[str] = []
        mark = ""
        while not mark:
            try:
                text, mark, _ = worker._stderr_queue.get(timeout=5).partition(END_OF_INVOCATION)
            except queue.Empty:
                break
            if text or not mark:
                lines.append(text)
        return "\n".join(lines)


def layers_are_unpacked_once() -> None:
    """A layer's content is the same for each function; ministack unpacks it again for each process. Here all processes
    share one folder for each content, in which Python also keeps the bytecode: a process starts in half the time."""
    unpacking = threading.Lock()

    def unpacked(layer: Any) -> Iterator[str]:
        content = lambda_svc._resolve_layer_zip(layer)
        if not content:
            return
        folder = Path(tempfile.gettempdir(), "layers", hashlib.sha256(content).hexdigest())
        with unpacking:
            if not folder.exists():
                # Whole or not at all: a process that is killed meanwhile leaves another name.
                part = folder.with_suffix(".part")
                shutil.rmtree(part, ignore_errors=True)
                zipfile.ZipFile(io.BytesIO(content)).extractall(part)
                part.rename(folder)
        yield str(folder)

    @wrap(lambda_runtime.Worker, "_spawn", "c55febf95656")
    def spawn(original: Any, worker: Any) -> None:
        config = worker.config
        folders = [folder for layer in config.get("Layers", []) for folder in unpacked(layer)]
        variables = config.get("Environment", {}).get("Variables", {})
        shared = {"Variables": {**variables, "_LAMBDA_LAYERS_DIRS": os.pathsep.join(folders)}}
        worker.config = {**config, "Layers": [], "Environment": shared}
        try:
            original(worker)
        finally:
            worker.config = config


def deleted_log_groups_are_not_recreated() -> None:
    """A function does not create the log group that its configuration names, because that needs logs:CreateLogGroup,
    which the functions here do not have; ministack creates it, even after the stack is deleted."""

    @wrap(lambda_svc, "_emit_lambda_logs", "111efbf06968")
    def emit(original: Any, function: dict[str, Any], *arguments: Any, **options: Any) -> None:
        configuration = function.get("config") or function
        group = (configuration.get("LoggingConfig") or {}).get("LogGroup")
        by_default = (None, f"/aws/lambda/{configuration.get('FunctionName')}")
        if group in by_default or group in cloudwatch_logs._log_groups:
            original(function, *arguments, **options)


def functions_run_on_an_interpreter_of_their_own(interpreter: str) -> None:
    """A Lambda function can import only its runtime, layers and code; ministack runs it on the emulator's own
    interpreter, with all packages of the emulator. Here functions have their own interpreter."""

    @wrap(lambda_runtime, "_detect_runtime_binary", "222e200df2c0")
    def detect(original: Any, runtime: str) -> tuple[str, str]:
        program, script = original(runtime)
        return (interpreter if runtime.startswith("python") else program), script


def functions_see_their_own_environment() -> None:
    """A function has the environment variables of its configuration and those that Lambda defines; ministack adds all
    of the emulator's, and omits some of Lambda's."""

    @wrap(lambda_runtime.Worker, "__init__", "9f537cd431cf")
    def initialize(original: Any, worker: Any, name: str, config: dict[str, Any], code: bytes) -> None:
        configured = config.get("Environment", {}).get("Variables", {})
        variables = {**_variables_of_lambda(name, config), **configured}
        original(worker, name, {**config, "Environment": {"Variables": variables}}, code)

    # With the user's own home, boto3 would read the developer's configuration.
    home = {"HOME": os.environ["TMPDIR"]}
    inherited = {name: os.environ[name] for name in INHERITED if name in os.environ}
    interpreters = PreparedInterpreters(inherited | OF_EVERY_FUNCTION | home)

    def start(command: list[str], *, env: dict[str, str], **options: Any) -> Any:
        own = {name: value for name, value in env.items() if name in INHERITED or os.environ.get(name) != value} | home
        if not can_copy() or not command[1].endswith(".py"):
            return subprocess.Popen(command, env=own, **options)
        layers = list(filter(None, own.get("_LAMBDA_LAYERS_DIRS", "").split(os.pathsep)))
        return interpreters.start(command, options["cwd"], own, layers)

    lambda_runtime.subprocess = SimpleNamespace(**{**vars(subprocess), "Popen": start})


def _variables_of_lambda(name: str, config: dict[str, Any]) -> dict[str, str]:
    """Lambda Developer Guide, 'Defined runtime environment variables': those that ministack omits."""
    return {
        "_HANDLER": config.get("Handler", ""),
        "AWS_EXECUTION_ENV": f"AWS_Lambda_{config.get('Runtime', '')}",
        "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
        "AWS_LAMBDA_LOG_GROUP_NAME": config.get("LoggingConfig", {}).get("LogGroup") or f"/aws/lambda/{name}",
        **OF_EVERY_FUNCTION,
    }


def dead_letters_are_the_events() -> None:
    """The message in a function's dead-letter queue is the event itself, with attributes for the error; ministack sends
    what a failure destination receives. Here, there are no attributes. (Lambda developer guide, "Adding a dead-letter
    queue".)"""

    @wrap(lambda_svc, "_route_async_failure", "c023331e333f")
    def route(original: Any, target: str, name: str, event: Any, result: dict[str, Any]) -> None:
        config = lambda_svc._functions.get(name, {}).get("config", {})
        original(target, name, event, result)
        if (config.get("DeadLetterConfig") or {}).get("TargetArn") != target or ":sqs:" not in target:
            return
        for message in (sqs._queue_by_arn(target) or {"messages": []})["messages"]:
            envelope = json.loads(message["body"]) if message["body"].startswith('{"requestContext"') else {}
            if envelope.get("requestPayload") == event:
                message["body"] = json.dumps(event)
                message["md5_body"] = hashlib.md5(message["body"].encode(), usedforsecurity=False).hexdigest()
