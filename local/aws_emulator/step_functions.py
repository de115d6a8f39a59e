"""Step Functions."""

from __future__ import annotations

import contextvars
import json
import random
import re
import threading
from typing import Any

from ministack.core.iam_evaluator import EvalContext, _gather_role_policies, evaluate
from ministack.core.responses import error_response_json, json_response, now_iso
from ministack.services import lambda_svc, stepfunctions

from aws_emulator.patching import wrap

MAXIMUM_NAME_LENGTH = 80
MAXIMUM_PAYLOAD_BYTES = 256 * 1024
# API reference, StartExecution: what a name must not contain.
FORBIDDEN_IN_NAMES = re.compile(
    r"""[\s<>{}\[\]?*"#%\\^|~`$&,;:/\x00-\x1f\x7f-\x9f\ufffe\uffff\ud800-\udfff\U0010ffff]"""
)


def execution_names_are_checked() -> None:
    """Step Functions refuses a name of more than 80 characters (ValidationException) and one with a space, a bracket, a
    colon and the like (InvalidName); ministack takes any."""

    @wrap(stepfunctions, "_start_execution", "9923282fc76c")
    def start(original: Any, request: dict[str, Any]) -> Any:
        name = request.get("name", "")
        if len(name) > MAXIMUM_NAME_LENGTH:
            return error_response_json(
                "ValidationException",
                f"1 validation error detected: Value '{name}' at 'name' failed to satisfy constraint: "
                f"Member must have length less than or equal to {MAXIMUM_NAME_LENGTH}",
                400,
            )
        if FORBIDDEN_IN_NAMES.search(name):
            return error_response_json("InvalidName", f"Invalid Name: '{name}'", 400)
        return original(request)


def starting_a_running_execution_again_succeeds() -> None:
    """StartExecution with the name and the input of a running execution gives that execution (standard workflows); with
    another input, or once it has ended, ExecutionAlreadyExists. ministack answers ExecutionAlreadyExists always."""

    @wrap(stepfunctions, "_start_execution", "9923282fc76c")
    def start(original: Any, request: dict[str, Any]) -> Any:
        machine = stepfunctions._resolve_state_machine_arn(request.get("stateMachineArn", ""))
        for execution in list(stepfunctions._executions.values()):
            if (
                execution["stateMachineArn"] == machine
                and execution["name"] == request.get("name")
                and execution["status"] == "RUNNING"
                and execution["input"] == request.get("input", "{}")
            ):
                return json_response({"executionArn": execution["executionArn"], "startDate": execution["startDate"]})
        return original(request)


def executions_act_with_their_role() -> None:
    """A task invokes a function only when the state machine's role may (lambda:InvokeFunction), else it fails with
    Lambda.AWSLambdaException; ministack looks at no role."""
    role: contextvars.ContextVar[str] = contextvars.ContextVar("role")

    @wrap(stepfunctions, "_run_execution", "996dff84e0e0")
    def run(original: Any, execution_arn: str) -> None:
        execution = stepfunctions._executions[execution_arn]
        role.set(stepfunctions._state_machines[execution["stateMachineArn"]]["roleArn"])  # the thread's own
        original(execution_arn)

    @wrap(stepfunctions, "_call_lambda", "25830369b126")
    def call(original: Any, function: str, event: Any) -> Any:
        _record, config, _name = lambda_svc._get_func_record_for_ref(function)
        if config and (caller := role.get("")):
            _require_permission(caller, config["FunctionArn"])
        return original(function, event)


def _require_permission(role: str, function: str) -> None:
    account, region = role.split(":")[4], function.split(":")[3]
    action = "lambda:InvokeFunction"
    request = EvalContext(
        principal_arn=role,
        principal_type="AssumedRole",
        principal_account=account,
        action=action,
        resource_arn=function,
        region=region,
    )
    if evaluate(request, _gather_role_policies(role.rsplit("/", 1)[-1], account)).decision != "Allow":
        raise stepfunctions._ExecutionError(
            "Lambda.AWSLambdaException",
            f"User: {role} is not authorized to perform: {action} on resource: {function} because no identity-based "
            f"policy allows the {action} action",
        )


def retry_delays_have_a_maximum_and_jitter() -> None:
    """A retrier's MaxDelaySeconds bounds its delay, and JitterStrategy FULL draws it between nothing and that;
    ministack ignores both fields."""

    @wrap(stepfunctions, "_find_matching_retrier", "cb494ae8503c")
    def find(original: Any, retriers: list[dict[str, Any]], error: str, counts: dict[int, int]) -> Any:
        retrier, index = original(retriers, error, counts)
        if retrier is None:
            return retrier, index
        delay = retrier.get("IntervalSeconds", 1) * retrier.get("BackoffRate", 2.0) ** counts.get(index, 0)
        delay = min(delay, retrier.get("MaxDelaySeconds", delay))
        if retrier.get("JitterStrategy") == "FULL":
            delay = random.uniform(0, delay)  # noqa: S311 - spreads retries, guards nothing
        return {**retrier, "IntervalSeconds": delay, "BackoffRate": 1}, index


def large_payloads_fail() -> None:
    """An execution fails with States.DataLimitExceeded when a task's input, result or output is longer than 256 KiB,
    and no Retry or Catch on States.ALL matches that. ministack takes any length."""

    class PayloadTooLargeError(Exception):
        """Not ministack's own exception, so that no retrier or catcher sees it."""

    def require_size(payload: Any) -> None:
        if len(json.dumps(payload, ensure_ascii=False).encode()) > MAXIMUM_PAYLOAD_BYTES:
            raise PayloadTooLargeError

    @wrap(stepfunctions, "_invoke_resource", "a85d2be9a858")
    def invoke(original: Any, resource: str, task_input: Any) -> Any:
        require_size(task_input)
        result = original(resource, task_input)
        require_size(result)
        return result

    @wrap(stepfunctions, "_execute_task", "53c818d247db")
    def execute(original: Any, state: dict[str, Any], state_input: Any, execution: Any, context: Any) -> Any:
        try:
            output, following = original(state, state_input, execution, context)
            require_size(output)
        except PayloadTooLargeError:
            raise stepfunctions._ExecutionError(
                "States.DataLimitExceeded",
                f"The state/task '{state.get('Resource', '')}' returned a result with a size exceeding the maximum "
                "number of bytes service limit.",
            ) from None
        return output, following


def ended_executions_stay_ended() -> None:
    """A stopped execution stays ABORTED; ministack makes it FAILED when the task that ran then fails, and sends another
    status event."""

    @wrap(stepfunctions, "_fail_execution", "e6da895fa0b7")
    def fail(original: Any, execution: dict[str, Any], error: str, cause: str) -> None:
        if execution["status"] == "RUNNING":
            original(execution, error, cause)


def executions_time_out() -> None:
    """An execution that runs longer than its definition's TimeoutSeconds ends as TIMED_OUT and sends that status event;
    ministack ignores the field. The time is scaled like waits are."""

    def time_out(execution: dict[str, Any]) -> None:
        if execution["status"] != "RUNNING":
            return
        execution["status"] = "TIMED_OUT"
        execution["stopDate"] = now_iso()
        stepfunctions._add_event(execution, "ExecutionTimedOut", {"executionTimedOutEventDetails": {}})
        stepfunctions._emit_execution_status_event(execution)

    @wrap(stepfunctions, "_run_execution", "996dff84e0e0")
    def run(original: Any, execution_arn: str) -> None:
        execution = stepfunctions._executions[execution_arn]
        machine = stepfunctions._state_machines.get(execution["stateMachineArn"]) or {}
        seconds = json.loads(machine.get("definition", "{}")).get("TimeoutSeconds")
        if seconds is None:
            original(execution_arn)
            return
        # The thread of a timer does not take over the account and region of this one.
        timer = threading.Timer(
            seconds * stepfunctions._SFN_WAIT_SCALE, contextvars.copy_context().run, args=(time_out, execution)
        )
        timer.daemon = True
        timer.start()
        try:
            original(execution_arn)
        finally:
            timer.cancel()
