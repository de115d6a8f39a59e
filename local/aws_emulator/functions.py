"""Lambda."""

from __future__ import annotations

import os
import queue
import subprocess
import threading
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

from ministack.core import lambda_runtime
from ministack.services import cloudwatch_logs, lambda_svc

from aws_emulator.patching import replace_once, wrap

CONCURRENT_INVOCATIONS = 8
END_OF_INVOCATION = "\x1dend of invocation"
# What a function's process takes over from the emulator's: where programs and their libraries are, and where temporary
# files go.
INHERITED = ("PATH", "LD_LIBRARY_PATH", "TMPDIR")


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
    """A function's process that ends while it works is Runtime.ExitError; ministack reports Runtime.HandlerError."""
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


def concurrent_invocations_share_few_processes() -> None:
    """Lambda has machines enough for concurrent invocations; ministack starts a process for each at once, and a burst
    then starves this machine. At most eight run, the others wait. (A function that invokes another and waits for it
    would hold two of the eight; this project has none.)"""
    slots = threading.BoundedSemaphore(CONCURRENT_INVOCATIONS)

    @wrap(lambda_svc, "_execute_function_warm", "62b9218bef5b")
    def execute(original: Any, *arguments: Any) -> Any:
        with slots:
            return original(*arguments)


def logs_end_with_their_invocation() -> None:
    """What a handler writes belongs to its invocation. ministack waits 50 ms for a first line after every invocation
    and gives later lines to the next one. Here the process marks the end of each invocation's output."""
    lambda_runtime._PYTHON_WORKER_SCRIPT = replace_once(
        lambda_runtime._PYTHON_WORKER_SCRIPT,
        "        _real_stdout.flush()\n\nrun()\n",
        f"        sys.stderr.write({END_OF_INVOCATION + chr(10)!r})\n"
        "        sys.stderr.flush()\n"
        "        _real_stdout.flush()\n\nrun()\n",
    )

    @wrap(lambda_runtime.Worker, "_drain_stderr_bounded", "3fd7cc742872")
    def drain(_original: Any, worker: Any, **_waits: float) -> str:
        if worker._proc is None:  # it ended: its output ends with it
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


def deleted_log_groups_are_not_made_anew() -> None:
    """A function that is told its log group does not make it: that takes logs:CreateLogGroup, which the functions here
    do not have. ministack makes it, also when a last invocation outlives the deletion of the stack."""

    @wrap(lambda_svc, "_emit_lambda_logs", "111efbf06968")
    def emit(original: Any, function: dict[str, Any], *arguments: Any, **options: Any) -> None:
        configuration = function.get("config") or function
        group = (configuration.get("LoggingConfig") or {}).get("LogGroup")
        by_default = (None, f"/aws/lambda/{configuration.get('FunctionName')}")
        if group in by_default or group in cloudwatch_logs._log_groups:
            original(function, *arguments, **options)


def functions_run_on_an_interpreter_of_their_own(interpreter: str) -> None:
    """A Lambda function imports what its runtime, its layers and its code hold; ministack runs it on the emulator's own
    interpreter, where it can import all that the emulator needs. It gets another interpreter."""

    @wrap(lambda_runtime, "_detect_runtime_binary", "222e200df2c0")
    def detect(original: Any, runtime: str) -> tuple[str, str]:
        program, script = original(runtime)
        return (interpreter if runtime.startswith("python") else program), script


def functions_see_their_own_environment() -> None:
    """A function sees the variables of its configuration and those that Lambda defines; ministack adds all of the
    emulator's, and leaves out some of Lambda's."""

    @wrap(lambda_runtime.Worker, "__init__", "9f537cd431cf")
    def initialize(original: Any, worker: Any, name: str, config: dict[str, Any], code: bytes) -> None:
        configured = config.get("Environment", {}).get("Variables", {})
        variables = {**_variables_of_lambda(name, config), **configured}
        original(worker, name, {**config, "Environment": {"Variables": variables}}, code)

    def start(command: list[str], *, env: dict[str, str], **options: Any) -> Any:
        own = {name: value for name, value in env.items() if name in INHERITED or os.environ.get(name) != value}
        # The account's home would let boto3 read the developer's own configuration.
        return subprocess.Popen(command, env={**own, "HOME": os.environ["TMPDIR"]}, **options)

    lambda_runtime.subprocess = SimpleNamespace(**{**vars(subprocess), "Popen": start})


def _variables_of_lambda(name: str, config: dict[str, Any]) -> dict[str, str]:
    """Lambda Developer Guide, 'Defined runtime environment variables': those that ministack leaves out."""
    return {
        "_HANDLER": config.get("Handler", ""),
        "AWS_EXECUTION_ENV": f"AWS_Lambda_{config.get('Runtime', '')}",
        "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
        "AWS_LAMBDA_LOG_GROUP_NAME": config.get("LoggingConfig", {}).get("LogGroup") or f"/aws/lambda/{name}",
        "LANG": "en_US.UTF-8",
        "TZ": ":UTC",
    }
